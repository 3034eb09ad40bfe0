#include "host/pack/version_text.h"

#include <stddef.h>
#include <stdio.h>

/// A decimal number without leading zeros, of at most `limit`. Returns what follows it, NULL if there is none.
static const char *number(const char *text, uint64_t limit, uint64_t *value) {
    const char *start = text;
    *value = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        *value = *value * 10 + (uint64_t)(*text - '0');
        if (*value > limit) {
            return NULL;
        }
    }
    return text == start || (*start == '0' && text - start > 1) ? NULL : text;
}

bool version_parse(const char *text, struct oneslot_version *version) {
    static const uint64_t LIMITS[] = {UINT8_MAX, UINT8_MAX, UINT16_MAX, UINT32_MAX};
    static const char BEFORE[] = " ..+";
    uint64_t values[4] = {0};
    for (unsigned part = 0; part < 4; part++) {
        if (part > 0 && *text == 0) {
            break;
        }
        if (part > 0 && *text++ != BEFORE[part]) {
            return false;
        }
        text = number(text, LIMITS[part], &values[part]);
        if (text == NULL) {
            return false;
        }
    }
    *version = (struct oneslot_version){.major = (uint8_t)values[0],
                                        .minor = (uint8_t)values[1],
                                        .revision = (uint16_t)values[2],
                                        .build = (uint32_t)values[3]};
    return *text == 0;
}

const char *version_text(const struct oneslot_version *version, char text[VERSION_TEXT]) {
    int length = snprintf(text, VERSION_TEXT, "%u.%u.%u", version->major, version->minor, version->revision);
    if (version->build != 0) {
        snprintf(text + length, VERSION_TEXT - (size_t)length, "+%u", version->build);
    }
    return text;
}
