/*
 * Boot ROM of the ESP32 family: calls of its functions by the addresses of the chip's table.
 *
 * Flash functions return 0 for success and refuse what lies at or past the size that the ROM believes in. They take
 * addresses, lengths and buffers that are multiples of 4.
 */
#ifndef ONESLOT_ESP32_ROM_H
#define ONESLOT_ESP32_ROM_H

#include "chips.h"
#include "flash_chip.h"

/// Calls a function of the ROM by the convention of the chip's ROM: rom_call.S of device/esp32 (windowed) and
/// device/esp32c3. The function takes as many of the arguments as it has.
uint32_t rom_call(uint32_t function, uint32_t first, uint32_t second, uint32_t third, uint32_t fourth, uint32_t fifth,
                  uint32_t sixth);

static inline uint32_t rom_call_1(uint32_t function, uint32_t argument) {
    return rom_call(function, argument, 0, 0, 0, 0, 0);
}

static inline void rom_delay_us(uint32_t microseconds) {
    (void)rom_call_1(chip.rom.delay_us, microseconds);
}

/// Asks for a reset of all but the RTC; it follows a moment later.
static inline void rom_reset(void) {
    (void)rom_call_1(chip.rom.software_reset, 0);
}

#endif
