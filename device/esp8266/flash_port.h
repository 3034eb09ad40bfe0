/*
 * Flash port: struct oneslot_flash over the boot ROM's flash functions.
 */
#ifndef ONESLOT_ESP8266_FLASH_PORT_H
#define ONESLOT_ESP8266_FLASH_PORT_H

#include "oneslot/flash.h"

/// Sets up `flash` for a chip of `size` bytes. The ROM believes in 4 MiB and refuses what lies behind; for a larger
/// chip it is told the real size. Returns the size that the ROM had, for flash_port_close().
uint32_t flash_port_open(struct oneslot_flash *flash, uint32_t size);

/// Gives the ROM back the size that it had.
void flash_port_close(uint32_t rom_size);

/// Lifts a write protection of the chip, if there is one. Done before the first write, not at every boot: it
/// programs the chip's own status register. Returns false where it does not take that: nothing can be written.
bool flash_port_unlock(void);

#endif
