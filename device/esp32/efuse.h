/*
 * eFuse: what is burnt into this very chip.
 */
#ifndef ONESLOT_ESP32_EFUSE_H
#define ONESLOT_ESP32_EFUSE_H

#include <stdbool.h>
#include <stdint.h>

/// Whether the flash is encrypted: what is read raw is not what programs see.
bool efuse_flash_encrypted(void);

/// Revision of the chip, 100 x major + minor.
uint16_t efuse_revision(void);

/// Revision of its eFuse block, alike; ONESLOT_REVISION_UNKNOWN where the chip has none.
uint16_t efuse_block_revision(void);

/// ONESLOT_BURNT_*.
uint8_t efuse_burnt(void);

#endif
