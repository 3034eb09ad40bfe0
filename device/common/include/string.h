/*
 * The part of <string.h> that the device code uses. On the ESP8266 memcpy, memset,
 * memcmp and memmove are the boot ROM's.
 */
#ifndef ONESLOT_DEVICE_STRING_H
#define ONESLOT_DEVICE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t length);
void *memmove(void *to, const void *from, size_t length);
void *memset(void *to, int value, size_t length);
int memcmp(const void *left, const void *right, size_t length);
char *strchr(const char *text, int character);
int strcmp(const char *left, const char *right);
size_t strspn(const char *text, const char *set);
size_t strcspn(const char *text, const char *set);

#endif
