/*
 * eFuse: what is burnt into this very chip.
 */
#ifndef ONESLOT_ESP32_EFUSE_H
#define ONESLOT_ESP32_EFUSE_H

#include <stdbool.h>
#include <stdint.h>

/// Whether the flash is encrypted: what is read raw is not what programs see.
bool efuse_flash_encrypted(void);

/// Revision of the chip, 100 x major + minor; 0 where it cannot be told.
uint16_t efuse_revision(void);

#endif
