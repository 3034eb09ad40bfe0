/*
 * Numbers in a file's bytes: little endian, as all that lies in flash.
 */
#ifndef ONESLOT_HOST_BYTES_H
#define ONESLOT_HOST_BYTES_H

#include <stdint.h>

/// The 32-bit number that begins at `bytes`, which need not be aligned.
static inline uint32_t word_at(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

#endif
