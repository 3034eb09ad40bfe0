/*
 * Registers: fields, and steps of the chip's table.
 */
#ifndef ONESLOT_ESP32_REGISTERS_H
#define ONESLOT_ESP32_REGISTERS_H

#include "chips.h"

static inline uint32_t register_read(uint32_t address) {
    return *(const volatile uint32_t *)address;
}

static inline void register_write(uint32_t address, uint32_t value) {
    *(volatile uint32_t *)address = value;
}

/// The value of a field; 0 where the chip has none.
uint32_t register_field(const struct chip_field *field);

/// Takes the steps, in order, up to the one with address 0.
void register_steps(const struct chip_step *step);

/// Serves the RTC watchdog, which resets the chip when the installer hangs.
void watchdog_feed(void);

#endif
