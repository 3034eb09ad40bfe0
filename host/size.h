/*
 * Sizes and addresses as people write them, and the flash sizes of the ESP8266's image header.
 */
#ifndef ONESLOT_HOST_SIZE_H
#define ONESLOT_HOST_SIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Reads "0x90000", "589824", "514K", "1.5MB", "1 MiB", "4 sectors". K and M are 1024 and 1024 * 1024, a sector is
/// 4096 bytes. Returns false for anything else, a number past 32 bits included.
bool size_parse(const char *text, uint32_t *bytes);

/// "4 MiB", "36 KiB" or "1234 bytes", whatever is exact. Returns `text`.
const char *size_text(uint32_t bytes, char text[24]);

/// Reads a plain number, decimal or with 0x, of at most `limit`. Returns false when it is none.
bool number_parse(const char *text, uint64_t limit, uint64_t *number);

/// Reads a flash size by esptool's names: 256KB, 512KB, 1MB, 2MB, 4MB, 8MB, 16MB, 2MB-c1, 4MB-c1 (also any form of
/// size_parse). `nibble` receives the high half of header byte 3. The c1 names are the maps with two megabytes side by
/// side. Source: esptool, targets/esp8266.py, FLASH_SIZES.
bool flash_size_parse(const char *text, uint32_t *bytes, uint8_t *nibble);

/// The name for the high half of header byte 3, "unknown" if there is none; `bytes` (may be NULL) receives its size or
/// 0.
const char *flash_size_name(uint8_t nibble, uint32_t *bytes);

/// The name of a flash mode ("qio") by header byte 2; NULL if there is none.
const char *flash_mode_name(uint8_t mode);

/// Header byte 2 for a mode's name. Returns false for an unknown one.
bool flash_mode_parse(const char *text, uint8_t *mode);

/// "40 MHz" by the low half of header byte 3; "unknown" if there is none.
const char *flash_clock_name(uint8_t nibble);

/// Reads exactly `length` bytes from a string of hex digits.
bool hex_parse(const char *text, uint8_t *bytes, size_t length);

#endif
