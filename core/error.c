#include "oneslot/error.h"

const char *oneslot_error_text(enum oneslot_error error) {
    switch (error) {
#define ONESLOT_ERROR_TEXT(name, number, sentence)                                                                     \
    case ONESLOT_ERROR_##name:                                                                                         \
        return sentence;
        ONESLOT_ERRORS(ONESLOT_ERROR_TEXT)
#undef ONESLOT_ERROR_TEXT
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
