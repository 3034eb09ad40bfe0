#include "segments.h"

#include "memory.h"
#include "oneslot/rom_image.h"

#define CHECKSUM_START 0xefu
#define CHUNK          512u

/// Reads words of an image; `offset` and `length` are multiples of 4.
static bool read_image(const struct segments_image *image, uint32_t offset, uint32_t *buffer, uint32_t length) {
    while (length != 0) {
        uint32_t room = ONESLOT_SECTOR_SIZE - offset % ONESLOT_SECTOR_SIZE;
        uint32_t part = length < room ? length : room;
        uint32_t base = offset < ONESLOT_SECTOR_SIZE ? image->first : image->rest;

        if (oneslot_flash_read(image->flash, base + offset, buffer, part) != ONESLOT_ERROR_NONE) {
            return false;
        }
        offset += part;
        buffer += part / 4;
        length -= part;
    }
    return true;
}

_Static_assert(ONESLOT_ROM_DRAM_START == DRAM_START && ONESLOT_ROM_DRAM_END == STACK_START &&
                   ONESLOT_ROM_IRAM_START == IRAM_START && ONESLOT_ROM_IRAM_END == IRAM_END &&
                   ONESLOT_ROM_LOADER_START == LOADER_START && ONESLOT_ROM_LOADER_END == LOADER_END,
               "one address plan");

/// Reads one segment's data, copies it if asked to, and takes it into the checksum (four bytes side by side).
static bool load_segment(const struct segments_image *image, uint32_t offset, const uint32_t header[2],
                         enum segments_mode mode, uint32_t *checksum) {
    uint32_t buffer[CHUNK / 4];
    volatile uint32_t *target = (volatile uint32_t *)(uintptr_t)header[0];
    uint32_t left = header[1];

    while (left != 0) {
        uint32_t part = left < CHUNK ? left : CHUNK;

        if (!read_image(image, offset, buffer, part)) {
            return false;
        }
        for (uint32_t i = 0; i < part / 4; i++) {
            *checksum ^= buffer[i];
            if (mode == SEGMENTS_COPY) {
                *target++ = buffer[i];
            }
        }
        offset += part;
        left -= part;
    }
    return true;
}

uint32_t segments_load(const struct segments_image *image, enum segments_mode mode) {
    uint32_t start[2];
    uint32_t header[2];
    uint32_t last;
    uint32_t offset = sizeof start;
    uint32_t checksum = CHECKSUM_START;

    if (!read_image(image, 0, start, sizeof start) || (start[0] & 0xffu) != ONESLOT_ROM_IMAGE_MAGIC) {
        return 0;
    }
    uint32_t count = start[0] >> 8 & 0xffu;
    if (count == 0 || count > ONESLOT_ROM_IMAGE_SEGMENTS) {
        return 0;
    }
    for (; count != 0; count--) {
        if (!read_image(image, offset, header, sizeof header) || !oneslot_rom_loads(header[0], header[1])) {
            return 0;
        }
        offset += sizeof header;
        if (!load_segment(image, offset, header, mode, &checksum)) {
            return 0;
        }
        offset += header[1];
    }
    // The checksum is the last byte of the 16-byte line in which the segments end, or of the next one.
    if (!read_image(image, (offset & ~15u) + 12, &last, sizeof last)) {
        return 0;
    }
    checksum ^= checksum >> 16;
    checksum ^= checksum >> 8;
    return (checksum & 0xffu) == last >> 24 ? start[1] : 0;
}
