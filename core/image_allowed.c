#include <stddef.h>
#include <string.h>

#include "oneslot/image.h"
#include "oneslot/rom_image.h"
#include "oneslot/source.h"

static bool meet(uint32_t start, uint32_t end, uint32_t other_start, uint32_t other_end) {
    return start < other_end && other_start < end;
}

static bool meets_region(uint32_t start, uint32_t end, const struct oneslot_partition *region) {
    return meet(start, end, region->address, region->address + region->size);
}

/// The loader keeps its sector: the image's first one goes elsewhere.
static bool is_protected(const struct oneslot_partition *region) {
    bool loader =
        region->type == ONESLOT_TYPE_ONESLOT && region->subtype == ONESLOT_SUBTYPE_LOADER && region->address == 0;
    return region->type != ONESLOT_TYPE_APP && !loader;
}

static bool meets_map(uint32_t start, uint32_t end, const struct oneslot_map *map) {
    for (uint32_t i = 0; i < map->count; i++) {
        if (is_protected(&map->partition[i]) && meets_region(start, end, &map->partition[i])) {
            return true;
        }
    }
    return false;
}

/// Whether the loader copies all that the boot ROM would, and enters some of it. Later stages load what they like: the
/// loader is gone by then. (Of an image for the ESP32 family there are no such segments.)
static enum oneslot_error is_started(const struct oneslot_image *image) {
    bool entered = image->boot_segments == 0;
    for (uint8_t i = 0; i < image->boot_segments; i++) {
        const struct oneslot_segment *segment = &image->segment[i];
        if (!oneslot_rom_loads(segment->address, segment->length)) {
            return ONESLOT_ERROR_IMAGE_MEMORY;
        }
        entered = entered || image->entry - segment->address < segment->length;
    }
    return entered ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_HEADER;
}

enum oneslot_error oneslot_image_allowed(const struct oneslot_image *image, const struct oneslot_image_limits *limits,
                                         const struct oneslot_source *source) {
    enum oneslot_error error = limits->judge != NULL ? limits->judge(image, limits) : ONESLOT_ERROR_NONE;
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    // A boot loader alone would be started, and start nothing.
    if (image->kind == ONESLOT_IMAGE_BOOT) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    if (limits->firmware < image->target || image->size > limits->firmware - image->target) {
        return ONESLOT_ERROR_IMAGE_TOO_LARGE;
    }
    /* The firmware's region ends on a sector, so rounding up stays within it. */
    uint32_t end = (image->target + image->size + ONESLOT_SECTOR_SIZE - 1) & ~(ONESLOT_SECTOR_SIZE - 1);
    if (limits->map != NULL && meets_map(image->target, end, limits->map)) {
        return ONESLOT_ERROR_IMAGE_OVERLAP;
    }
    if (source != NULL && meets_region(image->target, end, &source->region)) {
        return ONESLOT_ERROR_IMAGE_OVERLAP;
    }
    if (image->elsewhere) {
        return ONESLOT_ERROR_IMAGE_PLACE;
    }
    error = is_started(image);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (limits->expected != NULL && memcmp(limits->expected, image->sha256, sizeof image->sha256) != 0) {
        return ONESLOT_ERROR_IMAGE_SHA256;
    }
    bool proven = limits->expected != NULL || (image->proofs & ONESLOT_PROOF_WHOLE) != 0;
    return proven ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_UNPROVEN;
}
