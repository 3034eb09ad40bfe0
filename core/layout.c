#include "oneslot/layout.h"

#include <stddef.h>

_Static_assert(sizeof(struct oneslot_layout) == 64, "layout block");
_Static_assert(sizeof(struct oneslot_config) == 256, "configuration");

/// Whether a region of the reserved area lies on sectors, behind sector 0 and inside the chip.
static bool region_valid(const struct oneslot_layout *layout, uint32_t address, uint32_t size) {
    return address % ONESLOT_SECTOR_SIZE == 0 && address >= ONESLOT_SECTOR_SIZE && address <= layout->flash_size &&
           size <= layout->flash_size - address;
}

bool oneslot_layout_valid(const struct oneslot_layout *layout) {
    return layout->magic == ONESLOT_LAYOUT_MAGIC && layout->version == ONESLOT_LAYOUT_VERSION &&
           layout->crc == oneslot_crc32(0, layout, offsetof(struct oneslot_layout, crc)) &&
           layout->flash_size % ONESLOT_BLOCK_SIZE == 0 && layout->firmware <= layout->flash_size &&
           layout->firmware % ONESLOT_SECTOR_SIZE == 0 && layout->firmware >= 2u * ONESLOT_SECTOR_SIZE &&
           region_valid(layout, layout->displaced, ONESLOT_SECTOR_SIZE) &&
           region_valid(layout, layout->journal, 2u * ONESLOT_SECTOR_SIZE) &&
           region_valid(layout, layout->map, ONESLOT_SECTOR_SIZE) &&
           region_valid(layout, layout->settings, ONESLOT_SECTOR_SIZE) &&
           region_valid(layout, layout->installer, ONESLOT_INSTALLER_SIZE);
}

enum oneslot_error oneslot_layout_read(const struct oneslot_flash *flash, struct oneslot_layout *layout) {
    struct oneslot_layout found; // what is known already stays, whatever a reading comes to
    enum oneslot_error error = oneslot_flash_read(flash, ONESLOT_LAYOUT_ADDRESS, &found, sizeof found);
    if (error == ONESLOT_ERROR_NONE && !oneslot_layout_valid(&found)) {
        error = ONESLOT_ERROR_NO_LAYOUT;
    }
    if (error == ONESLOT_ERROR_NONE) {
        *layout = found;
    }
    return error;
}

void oneslot_layout_seal(struct oneslot_layout *layout) {
    layout->magic = ONESLOT_LAYOUT_MAGIC;
    layout->version = ONESLOT_LAYOUT_VERSION;
    layout->crc = oneslot_crc32(0, layout, offsetof(struct oneslot_layout, crc));
}

enum oneslot_error oneslot_config_read(const struct oneslot_flash *flash, const struct oneslot_layout *layout,
                                       struct oneslot_config *config) {
    enum oneslot_error error =
        oneslot_flash_read(flash, layout->settings + ONESLOT_CONFIG_OFFSET, config, sizeof *config);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (config->magic != ONESLOT_CONFIG_MAGIC || config->version != ONESLOT_CONFIG_VERSION ||
        config->crc != oneslot_crc32(0, config, offsetof(struct oneslot_config, crc))) {
        return ONESLOT_ERROR_CONFIG_INVALID;
    }
    return ONESLOT_ERROR_NONE;
}

void oneslot_config_seal(struct oneslot_config *config) {
    config->magic = ONESLOT_CONFIG_MAGIC;
    config->version = ONESLOT_CONFIG_VERSION;
    config->crc = oneslot_crc32(0, config, offsetof(struct oneslot_config, crc));
}
