/*
 * The string functions that the C library would bring.
 */
#include <string.h>

size_t strlen(const char *text) {
    size_t length = 0;
    while (text[length] != 0) {
        length++;
    }
    return length;
}

char *strcpy(char *restrict to, const char *restrict from) {
    size_t i = 0;
    do {
        to[i] = from[i];
    } while (from[i++] != 0);
    return to;
}

char *strchr(const char *text, int character) {
    for (; *text != (char)character; text++) {
        if (*text == 0) {
            return NULL;
        }
    }
    return (char *)text;
}

int strncmp(const char *left, const char *right, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (left[i] != right[i] || left[i] == 0) {
            return (unsigned char)left[i] - (unsigned char)right[i];
        }
    }
    return 0;
}

int strcmp(const char *left, const char *right) {
    return strncmp(left, right, (size_t)-1);
}

size_t strspn(const char *text, const char *set) {
    size_t length = 0;
    while (text[length] != 0 && strchr(set, text[length]) != NULL) {
        length++;
    }
    return length;
}

size_t strcspn(const char *text, const char *set) {
    size_t length = 0;
    while (text[length] != 0 && strchr(set, text[length]) == NULL) {
        length++;
    }
    return length;
}

void *memchr(const void *bytes, int value, size_t length) {
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < length; i++) {
        if (byte[i] == (unsigned char)value) {
            return (void *)(byte + i);
        }
    }
    return NULL;
}
