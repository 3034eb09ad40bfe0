/* Claims of a package against the map of a device. See claims.h. */
#include "oneslot/claims.h"

#define FLAGS (ONESLOT_SECTOR_SIZE - 1u)
/// First byte of PHY init data.
#define INIT_DATA 0x05u

static uint32_t place(uint32_t address, uint32_t told) {
    uint32_t sectors = address & ~FLAGS;
    return address & ONESLOT_CLAIM_FROM_END ? told - sectors : sectors;
}

/// The flash that a header tells of, by the high half of its byte 3 (0 is 512 KiB; source: Espressif's esptool).
static uint32_t told_size(uint32_t header) {
    static const uint8_t shift[16] = {19, 18, 20, 21, 22, 21, 22, 0, 23, 24};
    return 1u << shift[header >> 28];
}

static bool in_the_way(const struct oneslot_partition *region, uint32_t from, uint32_t to) {
    if (from >= region->address + region->size || region->address >= to) {
        return false;
    }
    if (region->type == ONESLOT_TYPE_ONESLOT) {
        return region->subtype <= ONESLOT_SUBTYPE_INSTALLER;
    }
    return region->type == ONESLOT_TYPE_DATA && region->subtype >= ONESLOT_SUBTYPE_DATA_FAT && region->address != from;
}

enum oneslot_error oneslot_claims_allowed(const struct oneslot_claim *claims, uint32_t count,
                                          const struct oneslot_flash *flash, const struct oneslot_map *map) {
    uint32_t word = 0;
    enum oneslot_error error = oneslot_flash_read(flash, 0, &word, sizeof word);
    const uint32_t told = told_size(word);
    for (; !error && count > 0; count--, claims++) {
        const uint32_t from = place(claims->from, told);
        if (claims->from & ONESLOT_CLAIM_INIT_DATA) {
            error = oneslot_flash_read(flash, from, &word, sizeof word);
            bool filled = (claims->from & ONESLOT_CLAIM_FILLED) && word == UINT32_MAX;
            if (!error && (word & 0xffu) != INIT_DATA && !filled) {
                return ONESLOT_ERROR_PHY_INIT;
            }
            continue;
        }
        for (uint32_t row = 0; row < map->count; row++) {
            if (in_the_way(&map->partition[row], from, place(claims->to, told))) {
                return ONESLOT_ERROR_IMAGE_CLAIMS;
            }
        }
    }
    return error;
}
