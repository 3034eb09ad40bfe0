/*
 * Kit: the keys and packages that the stories of a device (sim/story.h) need, made of two firmwares.
 */
#ifndef ONESLOT_HOST_PACK_KIT_H
#define ONESLOT_HOST_PACK_KIT_H

#include "host/pack/key.h"
#include "sim/story.h"

/// What a package holds.
struct kit_image {
    const uint8_t *bytes;
    uint32_t size;
    uint8_t kind; ///< enum oneslot_image_kind
};

struct kit {
    struct key key;      ///< the device's; set by the caller
    struct key stranger; ///< another one; set by the caller
    struct oneslot_trust_block trust;
    uint8_t *packages[5];
};

/// Makes the packages, compressed where that makes them smaller, and puts them, the key and the versions 1.0 and 2.0
/// into `settings`, which has the firmwares and, for the stories of the installer, both installers. Frees with kit_free
/// in any case. `forged`: what the stranger's package holds. Returns false when memory is short or liblzma fails.
bool kit_create(struct kit *kit, const struct kit_image *old_image, const struct kit_image *new_image,
                const struct kit_image *forged, struct story_settings *settings);
void kit_free(struct kit *kit);

#endif
