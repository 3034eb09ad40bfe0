/*
 * A flash chip in memory, for what the host builds, reads and changes in a flash file. No faults, no wear.
 */
#ifndef ONESLOT_HOST_RAM_FLASH_H
#define ONESLOT_HOST_RAM_FLASH_H

#include "oneslot/flash.h"

/// Makes `flash` a chip over `bytes`, which stay the caller's. Program only clears bits, as the chip does.
void ram_flash_init(struct oneslot_flash *flash, void *bytes, uint32_t size);

#endif
