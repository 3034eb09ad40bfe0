/*
 * Compression: an image becomes a stream that a device can unpack (oneslot/unpack.h), as small as a few tries make it.
 */
#ifndef ONESLOT_HOST_PACK_COMPRESS_H
#define ONESLOT_HOST_PACK_COMPRESS_H

#include <stdbool.h>

#include "oneslot/unpack.h"

struct compressed {
    uint8_t *bytes; ///< `stream.packed_size` of them; the caller frees them
    struct oneslot_unpack_stream stream;
    uint8_t parameters[ONESLOT_UNPACK_PARAMETERS]; ///< what the package's entry says of the stream
};

#define COMPRESS_ANY_CHIP UINT32_MAX

/// Compresses `size` bytes (at least 1) for a chip (ONESLOT_CHIP_... or Espressif's number): with its filter or none.
/// The same image gives the same stream, with one and the same liblzma. The stream has been unpacked again and
/// compared. Returns false when memory is short or liblzma fails.
bool compress_image(const uint8_t *image, uint32_t size, uint32_t chip, struct compressed *compressed);

/// The largest dictionary that leaves room for the probabilities of these; 0 when there is none.
uint32_t compress_dictionary(unsigned lc, unsigned lp, unsigned pb);

#endif
