/*
 * Console: text on UART 0, at the speed the boot ROM left it at (74880 baud with a 26 MHz crystal).
 */
#ifndef ONESLOT_ESP8266_CONSOLE_H
#define ONESLOT_ESP8266_CONSOLE_H

#include <stdint.h>

/// Writes a zero-terminated text, a line feed as carriage return and line feed. The text may lie in IRAM, which
/// is readable by aligned words only.
void console_text(const char *text);

/// Writes a number in decimal.
void console_number(uint32_t number);

#endif
