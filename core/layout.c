#include "oneslot/layout.h"

#include <stddef.h>

uint32_t oneslot_crc32(uint32_t crc, const void *data, uint32_t length) {
    // One word for each value of four bits: small enough for the loader, and read as words where it lies in IRAM.
    static const uint32_t nibble[16] = {
        0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u, 0x4db26158u, 0x5005713cu,
        0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu, 0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu,
    };
    const uint8_t *byte = data;
    crc = ~crc;
    while (length-- > 0) {
        crc ^= *byte++;
        crc = (crc >> 4) ^ nibble[crc & 15u];
        crc = (crc >> 4) ^ nibble[crc & 15u];
    }
    return ~crc;
}

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
    enum oneslot_error error = oneslot_flash_read(flash, ONESLOT_LAYOUT_ADDRESS, layout, sizeof *layout);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    return oneslot_layout_valid(layout) ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_NO_LAYOUT;
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
