/*
 * Rom image: which segments the ESP8266's loader copies to their places, as the boot ROM would. One rule, for the
 * loader that starts an image (device/esp8266/segments.c) and for the prover that lets it be installed.
 */
#ifndef ONESLOT_ROM_IMAGE_H
#define ONESLOT_ROM_IMAGE_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The first byte, and the most segments of one header.
#define ONESLOT_ROM_IMAGE_MAGIC    0xe9u
#define ONESLOT_ROM_IMAGE_SEGMENTS 16u

/// RAM that is neither the loader's, which runs meanwhile, nor the ROM's stack (device/esp8266/memory.h).
#define ONESLOT_ROM_DRAM_START   0x3ffe8000u
#define ONESLOT_ROM_DRAM_END     0x3fffeb30u
#define ONESLOT_ROM_IRAM_START   0x40100000u
#define ONESLOT_ROM_LOADER_START 0x4010e000u
#define ONESLOT_ROM_LOADER_END   0x4010f000u
#define ONESLOT_ROM_IRAM_END     0x40110000u

/// Whether [address, address + length) lies in [start, end]; nothing may lie at the end itself.
static inline bool oneslot_rom_within(uint32_t address, uint32_t length, uint32_t start, uint32_t end) {
    return address >= start && address <= end && length <= end - address;
}

/// Whether a segment is one that is copied: whole words (the ROM copies the rest byte by byte, and IRAM takes no byte
/// stores), in RAM that is free. One of no length has to name such a place too.
static inline bool oneslot_rom_loads(uint32_t address, uint32_t length) {
    return (address | length) % 4u == 0 &&
           (oneslot_rom_within(address, length, ONESLOT_ROM_DRAM_START, ONESLOT_ROM_DRAM_END) ||
            oneslot_rom_within(address, length, ONESLOT_ROM_IRAM_START, ONESLOT_ROM_LOADER_START) ||
            oneslot_rom_within(address, length, ONESLOT_ROM_LOADER_END, ONESLOT_ROM_IRAM_END));
}

#ifdef __cplusplus
}
#endif

#endif
