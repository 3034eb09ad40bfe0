#include "sim/board/shared/shared.h"

#define ALIGNED(a, b) ((((uintptr_t)(a) | (uintptr_t)(b)) & 3u) == 0)

/// Whole words where both sides are aligned, as the ROM does: a copy into IRAM must be one.
void *rom_memcpy(void *to, const void *from, size_t length) {
    uint8_t *target = to;
    const uint8_t *source = from;

    if (ALIGNED(to, from)) {
        for (; length >= 4; length -= 4, target += 4, source += 4) {
            *(uint32_t *)(void *)target = *(const uint32_t *)(const void *)source;
        }
    }
    while (length-- > 0) {
        *target++ = *source++;
    }
    return to;
}

void *rom_memmove(void *to, const void *from, size_t length) {
    uint8_t *target = to;
    const uint8_t *source = from;

    if (target <= source || target >= source + length) {
        return rom_memcpy(to, from, length);
    }
    while (length-- > 0) {
        target[length] = source[length];
    }
    return to;
}

void *rom_memset(void *to, int value, size_t length) {
    uint8_t *target = to;
    uint32_t word = (uint8_t)value * 0x01010101u;

    if (ALIGNED(to, to)) {
        for (; length >= 4; length -= 4, target += 4) {
            *(uint32_t *)(void *)target = word;
        }
    }
    while (length-- > 0) {
        *target++ = (uint8_t)value;
    }
    return to;
}

int rom_memcmp(const void *a, const void *b, size_t length) {
    const uint8_t *left = a;
    const uint8_t *right = b;

    for (; length > 0; length--, left++, right++) {
        if (*left != *right) {
            return *left - *right;
        }
    }
    return 0;
}

void rom_bzero(void *to, size_t length) {
    rom_memset(to, 0, length);
}

size_t rom_strlen(const char *text) {
    const char *end = text;

    while (*end != 0) {
        end++;
    }
    return (size_t)(end - text);
}

int rom_strcmp(const char *a, const char *b) {
    return rom_strncmp(a, b, SIZE_MAX);
}

int rom_strncmp(const char *a, const char *b, size_t length) {
    for (; length > 0; length--, a++, b++) {
        if (*a != *b || *a == 0) {
            return (uint8_t)*a - (uint8_t)*b;
        }
    }
    return 0;
}

char *rom_strcpy(char *to, const char *from) {
    rom_memcpy(to, from, rom_strlen(from) + 1);
    return to;
}

char *rom_strncpy(char *to, const char *from, size_t length) {
    size_t i = 0;

    for (; i < length && from[i] != 0; i++) {
        to[i] = from[i];
    }
    for (; i < length; i++) {
        to[i] = 0;
    }
    return to;
}

char *rom_strstr(const char *text, const char *part) {
    size_t length = rom_strlen(part);

    for (;; text++) {
        if (rom_strncmp(text, part, length) == 0) {
            return (char *)(uintptr_t)text;
        }
        if (*text == 0) {
            return NULL;
        }
    }
}

/* What the compiler calls in the board's own code. */
void *memcpy(void *to, const void *from, size_t length) __attribute__((alias("rom_memcpy")));
void *memset(void *to, int value, size_t length) __attribute__((alias("rom_memset")));
void *memmove(void *to, const void *from, size_t length) __attribute__((alias("rom_memmove")));
int memcmp(const void *a, const void *b, size_t length) __attribute__((alias("rom_memcmp")));
