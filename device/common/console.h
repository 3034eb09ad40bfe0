/*
 * Console: text for a person, one character after the other.
 */
#ifndef ONESLOT_DEVICE_CONSOLE_H
#define ONESLOT_DEVICE_CONSOLE_H

#include <stdint.h>

/// Writes one character. Each device has its own: on the ESP8266 the boot ROM's, which writes to UART 0 at the speed
/// that the ROM left it at (74880 baud with a 26 MHz crystal).
void console_character(uint8_t character);

/// Writes a zero-terminated text, a line feed as carriage return and line feed. The text may lie in IRAM, which
/// is readable by aligned words only.
void console_text(const char *text);

/// Writes a number in decimal.
void console_number(uint32_t number);

#endif
