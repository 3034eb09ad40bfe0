/*
 * Segments: loads an image the way the boot ROM does, wherever in flash it lies.
 */
#ifndef ONESLOT_ESP8266_SEGMENTS_H
#define ONESLOT_ESP8266_SEGMENTS_H

#include "oneslot/flash.h"

/// Where an image lies: its first sector may be displaced, the rest lies at `rest` + its offset in the image.
struct segments_image {
    const struct oneslot_flash *flash;
    uint32_t first; ///< flash address of the first 4 KiB
    uint32_t rest;  ///< flash address that offset 0 would have if nothing were displaced
};

enum segments_mode {
    SEGMENTS_CHECK, ///< read and check only; nothing is copied
    SEGMENTS_COPY,  ///< copy each segment to its place
};

/// Reads the segments of a 0xE9 image, checks the ROM's checksum and copies them if asked to. Returns the entry
/// address, or 0 when the image is damaged, cannot be read, or has a segment that is no multiple of 4 (the ROM would
/// fault on it) or lies outside RAM, in the loader or in the stack. Copy only what was checked: the checksum comes
/// last.
uint32_t segments_load(const struct segments_image *image, enum segments_mode mode);

#endif
