/*
 * The map that a stock firmware of the ESP8266 implies: where it keeps what, by what is linked into it.
 */
#ifndef ONESLOT_HOST_MAP_IMPLIED_H
#define ONESLOT_HOST_MAP_IMPLIED_H

#include "host/firmware.h"
#include "host/map/flash_map.h"

/// Fills in regions, note, SDK and the like for `firmware` on a flash of map->flash_size bytes. Where a chip is too
/// small for a firmware the regions lie past its end, as the firmware has them.
void flash_map_imply(struct flash_map *map, const struct firmware *firmware);

/// The smallest flash that a firmware is for: it fits, and has a file system if it keeps one.
uint32_t flash_map_least_flash(const struct firmware *firmware);

/// The major version of the SDK that a firmware was built with, as far as it tells; else the usual one of its kind.
uint8_t flash_map_sdk_of(const struct firmware *firmware);

/// The firmware at flash 0 (or behind boot_v1.x, at 0x1000) of a dump. Returns false when there is none that is known.
bool flash_map_firmware_at(struct firmware *firmware, uint8_t *bytes, uint32_t size);

#endif
