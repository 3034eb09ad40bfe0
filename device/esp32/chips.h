/*
 * Chips of the ESP32 family: what the port must know of each, as one table a chip. Nothing else in device/esp32 and
 * device/esp32c3 depends on the chip but the entry (the instruction set) and the linker's memory plan (memory/CHIP.ld).
 */
#ifndef ONESLOT_ESP32_CHIPS_H
#define ONESLOT_ESP32_CHIPS_H

#include <stdbool.h>
#include <stdint.h>

/// Bits of a register. `bits` 0: the chip has none; it reads as 0.
struct chip_field {
    uint32_t address;
    uint8_t shift;
    uint8_t bits;
};

/// One step on a register: *address = (*address & keep) | set. An address of 0 ends a list.
struct chip_step {
    uint32_t address;
    uint32_t keep;
    uint32_t set;
};

#define CHIP_STEPS 9u

/// Addresses of functions of the boot ROM.
struct chip_rom {
    uint32_t flash_read;
    uint32_t flash_write;
    uint32_t flash_erase_sector;
    uint32_t flash_erase_block;
    uint32_t flash_config_param;
    uint32_t flash_config_clk; ///< 0 where the clock is left as it is
    uint32_t cache_disable[2]; ///< takes the flash from the caches; the second: data cache, 0 where there is none
    uint32_t uart_tx_one_char;
    uint32_t delay_us;
    uint32_t software_reset;
};

/// A chip.
struct chip {
    uint16_t number; ///< ONESLOT_CHIP_*; the image's header gets it from here
    struct chip_rom rom;
    /// The ROM's description of the flash chip, or a pointer to it.
    uint32_t flash_chip;
    bool flash_chip_indirect;
    uint32_t boot_loader; ///< where the second-stage boot loader begins; its header names the size of the flash
    /// Once, at the start: the watchdog of timer group 0 off, the super watchdog left to feed itself.
    struct chip_step watchdogs[CHIP_STEPS];
    /// Feeding the RTC watchdog, which the boot loader leaves on.
    struct chip_step feed[4];
    /// Before the first flash call, where the ROM's functions rely on more than they set themselves.
    struct chip_step flash_setup[3];
    uint32_t usb_serial; ///< the USB serial port's registers; 0: none
    /// Number of times that flash encryption was switched: with an odd number of ones it is on.
    struct chip_field crypt_count;
    /// Revision: `major` fields are added up, up to the first that is 0.
    struct chip_field major[3];
    struct chip_field minor_low;
    struct chip_field minor_high;
    /// Revision of the eFuse block, major and minor. Without bits: the chip has none.
    struct chip_field block_version[2];
    struct chip_field any_revision; ///< an image's highest revision does not count
    struct chip_field any_block;    ///< nor its highest one of the eFuse block
    struct chip_field secure_boot;  ///< the boot loader starts signed applications alone
    bool block_tells_v0;            ///< with a block of v1.1 a minor revision of 0 (mod 8) is v0.0
};

extern const struct chip chip_esp32;
extern const struct chip chip_esp32s2;
extern const struct chip chip_esp32s3;
extern const struct chip chip_esp32c3;
extern const struct chip chip_esp32c2;
extern const struct chip chip_esp32c6;
extern const struct chip chip_esp32h2;

/// The one that this installer is for: the linker names it.
extern const struct chip chip;

#endif
