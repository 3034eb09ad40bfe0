#include "oneslot/layout.h"

#include <stddef.h>
#include <string.h>

#include "oneslot/map.h"

/// Subtypes of applications that ESP-IDF's boot loader counts as OTA slots.
#define OTA_SLOTS 16u

_Static_assert(ONESLOT_MAP_BYTES + sizeof(struct oneslot_map) <= ONESLOT_LAYOUT_BUFFER, "table and map in one buffer");

/// The first region of that kind, if it is large enough and does not lie over the boot loader or the table itself.
static const struct oneslot_partition *find(const struct oneslot_map *map, uint8_t type, uint8_t subtype,
                                            uint32_t sectors) {
    for (uint32_t i = 0; i < map->count; i++) {
        const struct oneslot_partition *partition = &map->partition[i];
        if (partition->type == type && partition->subtype == subtype) {
            bool behind = partition->address >= ONESLOT_TABLE_ADDRESS + ONESLOT_SECTOR_SIZE;
            return behind && partition->size >= sectors * ONESLOT_SECTOR_SIZE ? partition : NULL;
        }
    }
    return NULL;
}

/// With two slots the boot loader falls back from one to the other before it starts the installer.
static bool has_one_slot(const struct oneslot_map *map) {
    uint32_t slots = 0;
    for (uint32_t i = 0; i < map->count; i++) {
        uint8_t subtype = map->partition[i].subtype;
        slots += map->partition[i].type == ONESLOT_TYPE_APP && subtype >= ONESLOT_SUBTYPE_APP_OTA_0 &&
                 subtype < ONESLOT_SUBTYPE_APP_OTA_0 + OTA_SLOTS;
    }
    return slots == 1;
}

/// Whether a file that appears at the watch path is to be installed.
static enum oneslot_error read_watch(const struct oneslot_flash *flash, struct oneslot_layout *layout,
                                     uint8_t *working) {
    struct oneslot_config *config = (struct oneslot_config *)(void *)working;
    enum oneslot_error error = oneslot_config_read(flash, layout, config);
    if (error == ONESLOT_ERROR_CONFIG_INVALID) {
        return ONESLOT_ERROR_NONE; /* no watch */
    }
    if (error == ONESLOT_ERROR_NONE && config->watch[0] != '\0') {
        layout->flags |= ONESLOT_LAYOUT_WATCH;
    }
    return error;
}

enum oneslot_error oneslot_layout_from_table(const struct oneslot_flash *flash, struct oneslot_layout *layout,
                                             uint8_t *working) {
    struct oneslot_map *map = (struct oneslot_map *)(void *)(working + ONESLOT_MAP_BYTES);
    struct oneslot_layout found = {0}; // what is known already stays, whatever a reading comes to
    enum oneslot_error error = oneslot_map_read(map, flash, ONESLOT_TABLE_ADDRESS, working);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    const uint8_t ours = ONESLOT_TYPE_ONESLOT;
    const struct oneslot_partition *application = find(map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_OTA_0, 2);
    const struct oneslot_partition *installer = find(map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, 1);
    const struct oneslot_partition *otadata = find(map, ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_OTA, 2);
    const struct oneslot_partition *journal = find(map, ours, ONESLOT_SUBTYPE_JOURNAL, 2);
    const struct oneslot_partition *settings = find(map, ours, ONESLOT_SUBTYPE_MAP, 1);
    if (!application || !installer || !otadata || !journal || !settings || !has_one_slot(map)) {
        return ONESLOT_ERROR_NO_LAYOUT;
    }
    found.flash_size = flash->size;
    found.application = application->address;
    found.firmware = application->address + application->size;
    found.installer = installer->address;
    found.otadata = otadata->address;
    found.journal = journal->address;
    found.settings = settings->address;
    found.map = ONESLOT_TABLE_ADDRESS;
    error = read_watch(flash, &found, working);
    if (error == ONESLOT_ERROR_NONE) {
        oneslot_layout_seal(&found);
        *layout = found;
    }
    return error;
}
