/*
 * The memory functions that the C library would bring. The ROM's would need a windowed call each.
 */
#include <stdint.h>
#include <string.h>

static int both_aligned(const void *left, const void *right) {
    return (((uintptr_t)left | (uintptr_t)right) & 3u) == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t length) {
    uint8_t *target = to;
    const uint8_t *source = from;

    if (both_aligned(to, from)) {
        for (; length >= 4; length -= 4, target += 4, source += 4) {
            *(uint32_t *)target = *(const uint32_t *)source;
        }
    }
    for (; length != 0; length--) {
        *target++ = *source++;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t length) {
    uint8_t *target = to;
    const uint8_t *source = from;

    if ((uintptr_t)target - (uintptr_t)source >= length) {
        return memcpy(to, from, length);
    }
    while (length != 0) {
        length--;
        target[length] = source[length];
    }
    return to;
}

void *memset(void *to, int value, size_t length) {
    uint8_t *target = to;
    uint32_t word = (uint8_t)value * 0x01010101u;

    for (; length != 0 && ((uintptr_t)target & 3u) != 0; length--) {
        *target++ = (uint8_t)value;
    }
    for (; length >= 4; length -= 4, target += 4) {
        *(uint32_t *)target = word;
    }
    for (; length != 0; length--) {
        *target++ = (uint8_t)value;
    }
    return to;
}

int memcmp(const void *left, const void *right, size_t length) {
    const uint8_t *a = left;
    const uint8_t *b = right;

    for (; length != 0; length--, a++, b++) {
        if (*a != *b) {
            return *a - *b;
        }
    }
    return 0;
}
