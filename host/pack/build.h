/*
 * Packages, written.
 */
#ifndef ONESLOT_HOST_PACK_BUILD_H
#define ONESLOT_HOST_PACK_BUILD_H

#include <stddef.h>

#include "host/pack/key.h"

/// What goes into a package.
struct package_content {
    struct oneslot_version version;
    uint16_t header_size; ///< ONESLOT_PACKAGE_HEADER or more, filled up with 0xff
    uint16_t chip;
    uint8_t kind; ///< enum oneslot_image_kind
    uint8_t codec;
    uint8_t parameters_size;
    uint8_t parameters[ONESLOT_CODEC_PARAMETERS_MAX];
    const uint8_t *image; ///< unpacked
    uint32_t image_size;
    const uint8_t *payload; ///< packed; the image itself without a codec
    uint32_t payload_size;
    const struct oneslot_version *minimum; ///< NULL = none
    const char *board;                     ///< NULL = any
    bool downgrade;
    uint32_t claims; ///< how many of the next
    struct oneslot_claim claim[ONESLOT_CLAIMS_MAX];
    bool installer;
    const struct key *key; ///< NULL = not signed
};

/// The bytes of the package, which the caller frees; NULL without memory. The same content gives the same bytes.
uint8_t *package_build(const struct package_content *content, size_t *size);

/// Whether it may be a board's name: 1 to ONESLOT_BOARD_MAX characters, ASCII 0x21 to 0x7e.
bool board_name_valid(const char *name);

#endif
