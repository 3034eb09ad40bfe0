/*
 * Model of ESP-IDF's second-stage boot loader: what it starts, and what it writes on the way.
 *
 * Written after the behaviour of bootloader_utility.c, bootloader_common_loader.c, flash_partitions.c and
 * esp_image_format.c (ESP-IDF, components/bootloader_support/src), without Secure Boot, flash encryption and
 * anti-rollback. It shares nothing with core/ but the flash port, so that neither covers up a fault of the other. No
 * C library is needed: the emulated boards compile it as it is (with BearSSL's SHA-256 and MD5).
 */
#ifndef SIM_BOOTLOADER_H
#define SIM_BOOTLOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "oneslot/flash.h"

#define BOOTLOADER_TABLE    0x8000u
#define BOOTLOADER_SEGMENTS 16u
#define BOOTLOADER_SLOTS    16u

/// What was started.
#define BOOTLOADER_TEST    (-2)
#define BOOTLOADER_FACTORY (-1)  /* 0 and up: an OTA slot */
#define BOOTLOADER_NOTHING (-99) /* nothing can be: the boot loader resets */

/// How it was configured, and what it runs on.
struct bootloader {
    const struct oneslot_flash *flash; ///< read, and written for otadata alone
    uint16_t chip;                     ///< number that an image must have in its header
    uint16_t revision;                 ///< of the chip, 100 x major + minor
    bool rollback;                     ///< CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE
    /// Whether a segment in RAM would be loaded over the boot loader itself. May be NULL: none is.
    bool (*clashes)(void *context, uint32_t address, uint32_t length);
    /// What is known already of a partition: returns whether anything is, then `takes` says which. For campaigns, which
    /// meet the same application thousands of times. May be NULL.
    bool (*known)(void *context, uint32_t address, bool *takes);
    void *context;
};

struct bootloader_segment {
    uint32_t address; ///< in memory
    uint32_t flash;   ///< of its data
    uint32_t length;
    bool mapped; ///< seen through the cache, not loaded
    bool loaded; ///< copied to memory; neither: padding
};

/// The application that is started.
struct bootloader_image {
    uint32_t address; ///< of its partition
    uint32_t entry;
    uint32_t segments;
    struct bootloader_segment segment[BOOTLOADER_SEGMENTS];
};

/// One start of the boot loader. Returns what it starts (`image` then says what to load) or BOOTLOADER_NOTHING.
int bootloader_start(const struct bootloader *bootloader, struct bootloader_image *image);

/// Whether it would start what lies in a partition of `size` bytes at `address`.
bool bootloader_takes(const struct bootloader *bootloader, uint32_t address, uint32_t size,
                      struct bootloader_image *image);

#endif
