/*
 * The loader's sector: an ESP8266 image of one segment that begins with the layout block. See docs/FORMATS.md.
 */
#ifndef ONESLOT_HOST_LOADER_H
#define ONESLOT_HOST_LOADER_H

#include "oneslot/layout.h"

/// Whether `size` bytes begin with a loader that fits its sector and has room for the layout block.
bool loader_usable(const uint8_t *bytes, uint32_t size);

/// Whether the checksum that the boot ROM looks at is right. `sector` is usable.
bool loader_whole(const uint8_t *sector);

/// Puts the layout, which is sealed, into a usable loader, and makes its checksum right.
void loader_put_layout(uint8_t *sector, const struct oneslot_layout *layout);

#endif
