/*
 * Flash port: struct oneslot_flash over the boot ROM's flash functions.
 */
#ifndef ONESLOT_ESP32_FLASH_PORT_H
#define ONESLOT_ESP32_FLASH_PORT_H

#include "oneslot/flash.h"

/// Takes the flash from the caches, for good: from here on nothing but this port reads or writes it. Sets up `flash`
/// with the size that the boot loader's header names, and tells the ROM.
/// A write protection is not looked for: the boot loader lifts it at every start (bootloader_flash_unlock).
void flash_port_open(struct oneslot_flash *flash);

#endif
