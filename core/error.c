#include "oneslot/error.h"

#include <stdint.h>

// A table of pointers would take four bytes for each, and hardly be compressed: the n-th number has the n-th text.
#define ONESLOT_ERROR_NUMBER(name, number, sentence) (number),
static const uint8_t numbers[] = {ONESLOT_ERRORS(ONESLOT_ERROR_NUMBER)};
#define ONESLOT_ERROR_TEXT(name, number, sentence) sentence "\0"
static const char texts[] = ONESLOT_ERRORS(ONESLOT_ERROR_TEXT);

const char *oneslot_error_text(enum oneslot_error error) {
    const char *text = texts;
    for (uint32_t i = 0; i < sizeof numbers; i++) {
        if (numbers[i] == (uint32_t)error) {
            return text;
        }
        while (*text++ != '\0') {
        }
    }
    return "unknown error";
}

const char *oneslot_error_name(enum oneslot_error error) {
    switch (error) {
#define ONESLOT_ERROR_NAME(name, number, sentence)                                                                     \
    case ONESLOT_ERROR_##name:                                                                                         \
        return #name;
        ONESLOT_ERRORS(ONESLOT_ERROR_NAME)
#undef ONESLOT_ERROR_NAME
    }
    return "UNKNOWN";
}
