#include "host/size.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    const char *suffix;
    uint32_t factor;
} SUFFIXES[] = {
    {"", 1},       {"b", 1},           {"byte", 1},         {"bytes", 1},         {"k", 1024},      {"kb", 1024},
    {"kib", 1024}, {"m", 1024 * 1024}, {"mb", 1024 * 1024}, {"mib", 1024 * 1024}, {"sector", 4096}, {"sectors", 4096},
};

bool number_parse(const char *text, uint64_t limit, uint64_t *number) {
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    char *end;
    errno = 0;
    *number = strtoull(text, &end, hex ? 16 : 10);
    return isdigit((unsigned char)text[0]) && (!hex || isxdigit((unsigned char)text[2])) && *end == 0 && errno == 0 &&
           *number <= limit;
}

/// What a suffix stands for; 0 for none that is known.
static uint32_t factor_of(const char *suffix) {
    for (size_t index = 0; index < sizeof SUFFIXES / sizeof SUFFIXES[0]; index++) {
        if (strcasecmp(suffix, SUFFIXES[index].suffix) == 0) {
            return SUFFIXES[index].factor;
        }
    }
    return 0;
}

/// What stands behind the point of a size, in bytes of `factor`: as many digits as tell whole bytes of it.
static bool fraction_parse(const char *digits, size_t length, uint32_t factor, uint64_t *bytes) {
    uint64_t number = 0;
    uint64_t divisor = 1;
    if (length == 0 || length > 9) {
        return false;
    }
    for (size_t index = 0; index < length; index++) {
        number = number * 10 + (uint64_t)(digits[index] - '0');
        divisor *= 10;
    }
    *bytes = number * factor / divisor;
    return number * factor % divisor == 0;
}

bool size_parse(const char *text, uint32_t *bytes) {
    if (!isdigit((unsigned char)text[0])) {
        return false;
    }
    bool hex = text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
    if (hex && !isxdigit((unsigned char)text[2])) {
        return false;
    }
    char *end;
    errno = 0;
    unsigned long long number = strtoull(text, &end, hex ? 16 : 10);
    if (errno != 0 || number > UINT32_MAX) {
        return false;
    }
    const char *point = !hex && *end == '.' ? end + 1 : NULL;
    size_t digits = point != NULL ? strspn(point, "0123456789") : 0;
    const char *suffix = point != NULL ? point + digits : end;
    uint32_t factor = factor_of(suffix + strspn(suffix, " "));
    uint64_t fraction = 0;
    if (factor == 0 || (point != NULL && !fraction_parse(point, digits, factor, &fraction))) {
        return false;
    }
    number = number * factor + fraction;
    *bytes = (uint32_t)number;
    return number <= UINT32_MAX;
}

const char *size_text(uint32_t bytes, char text[24]) {
    if (bytes >= 1024 * 1024 && bytes % (1024 * 1024) == 0) {
        snprintf(text, 24, "%u MiB", bytes / (1024 * 1024));
    } else if (bytes >= 1024 && bytes % 1024 == 0) {
        snprintf(text, 24, "%u KiB", bytes / 1024);
    } else {
        snprintf(text, 24, "%u bytes", bytes);
    }
    return text;
}

static const struct {
    const char *name;
    uint32_t bytes;
    uint8_t nibble;
} FLASH_SIZES[] = {
    {"256KB", 256 * 1024, 1},       {"512KB", 512 * 1024, 0},    {"1MB", 1024 * 1024, 2},
    {"2MB", 2 * 1024 * 1024, 3},    {"4MB", 4 * 1024 * 1024, 4}, {"2MB-c1", 2 * 1024 * 1024, 5},
    {"4MB-c1", 4 * 1024 * 1024, 6}, {"8MB", 8 * 1024 * 1024, 8}, {"16MB", 16 * 1024 * 1024, 9},
};

#define FLASH_SIZE_COUNT (sizeof FLASH_SIZES / sizeof FLASH_SIZES[0])

bool flash_size_parse(const char *text, uint32_t *bytes, uint8_t *nibble) {
    for (size_t index = 0; index < FLASH_SIZE_COUNT; index++) {
        if (strcasecmp(text, FLASH_SIZES[index].name) == 0) {
            *bytes = FLASH_SIZES[index].bytes;
            *nibble = FLASH_SIZES[index].nibble;
            return true;
        }
    }
    uint32_t size;
    if (!size_parse(text, &size)) {
        return false;
    }
    for (size_t index = 0; index < FLASH_SIZE_COUNT; index++) {
        if (FLASH_SIZES[index].bytes == size) {
            *bytes = size;
            *nibble = FLASH_SIZES[index].nibble;
            return true;
        }
    }
    return false;
}

const char *flash_size_name(uint8_t nibble, uint32_t *bytes) {
    for (size_t index = 0; index < FLASH_SIZE_COUNT; index++) {
        if (FLASH_SIZES[index].nibble == nibble) {
            if (bytes != NULL) {
                *bytes = FLASH_SIZES[index].bytes;
            }
            return FLASH_SIZES[index].name;
        }
    }
    if (bytes != NULL) {
        *bytes = 0;
    }
    return "unknown";
}

static const char *const FLASH_MODES[] = {"qio", "qout", "dio", "dout"};

const char *flash_mode_name(uint8_t mode) {
    return mode < 4 ? FLASH_MODES[mode] : NULL;
}

bool flash_mode_parse(const char *text, uint8_t *mode) {
    for (uint8_t index = 0; index < 4; index++) {
        if (strcasecmp(text, FLASH_MODES[index]) == 0) {
            *mode = index;
            return true;
        }
    }
    return false;
}

const char *flash_clock_name(uint8_t nibble) {
    switch (nibble) {
    case 0:
        return "40 MHz";
    case 1:
        return "26 MHz";
    case 2:
        return "20 MHz";
    case 15:
        return "80 MHz";
    default:
        return "unknown";
    }
}

static int hex_digit(char digit) {
    if (digit >= '0' && digit <= '9') {
        return digit - '0';
    }
    digit = (char)tolower((unsigned char)digit);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

bool hex_parse(const char *text, uint8_t *bytes, size_t length) {
    if (strlen(text) != 2 * length) {
        return false;
    }
    for (size_t index = 0; index < length; index++) {
        int high = hex_digit(text[2 * index]);
        int low = hex_digit(text[2 * index + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        bytes[index] = (uint8_t)(high << 4 | low);
    }
    return true;
}
