/*
 * Rules of Oneslot's own regions.
 */
#include "host/map/rules.h"

static const struct {
    uint8_t subtype;
    uint32_t size;
    const char *name;
} PARTS[] = {
    {ONESLOT_SUBTYPE_LOADER, ONESLOT_SECTOR_SIZE, "loader"},
    {ONESLOT_SUBTYPE_DISPLACED, ONESLOT_SECTOR_SIZE, "displaced sector"},
    {ONESLOT_SUBTYPE_JOURNAL, 2 * ONESLOT_SECTOR_SIZE, "journal"},
    {ONESLOT_SUBTYPE_MAP, ONESLOT_SECTOR_SIZE, "map"},
    {ONESLOT_SUBTYPE_INSTALLER, 0x8000, "installer"},
};

#define PART_COUNT (sizeof PARTS / sizeof PARTS[0])

static void check_size(struct check *check, size_t part, const struct oneslot_partition *region) {
    bool loader = PARTS[part].subtype == ONESLOT_SUBTYPE_LOADER;
    if (loader && region->address != 0) {
        rules_report(check, RULE_ONESLOT_PARTS, FLASH_MAP_ERROR, region->address, region->size,
                     "the loader '%s' lies at 0x%x: the boot ROM starts it at flash 0 only", region->label,
                     region->address);
    }
    if (region->size < PARTS[part].size || (loader && region->size != PARTS[part].size)) {
        rules_report(check, RULE_ONESLOT_SIZES, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' at 0x%x has 0x%x bytes: the %s takes 0x%x", region->label, region->address, region->size,
                     PARTS[part].name, PARTS[part].size);
    } else if (region->size > PARTS[part].size) {
        rules_report(check, RULE_ONESLOT_SIZES, FLASH_MAP_ADVICE, region->address, region->size,
                     "'%s' at 0x%x has 0x%x bytes: the %s takes 0x%x, the rest lies idle", region->label,
                     region->address, region->size, PARTS[part].name, PARTS[part].size);
    }
}

static void check_source(struct check *check) {
    const struct oneslot_partition *files = oneslot_map_file_system(&check->map->map);
    if (files == NULL) {
        rules_report(check, RULE_ONESLOT_SOURCE, FLASH_MAP_ADVICE, 0, 0,
                     "the map has no file system: Oneslot can install from raw regions only");
    }
}

/// The ESP32 family's parts; the installer is an application to the boot loader.
static const struct {
    uint8_t type;
    uint8_t subtype;
    uint32_t size;
    const char *name;
} IDF_PARTS[] = {
    {ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_OTA_0, 2 * ONESLOT_SECTOR_SIZE, "application (ota_0)"},
    {ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, 0x10000, "installer (factory)"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL, 2 * ONESLOT_SECTOR_SIZE, "journal"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_MAP, ONESLOT_SECTOR_SIZE, "settings"},
};

#define IDF_PART_COUNT (sizeof IDF_PARTS / sizeof IDF_PARTS[0])

static void check_idf_part(struct check *check, size_t part) {
    const struct oneslot_map *map = &check->map->map;
    const struct oneslot_partition *found = NULL;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        if (!region_is(region, IDF_PARTS[part].type, IDF_PARTS[part].subtype)) {
            continue;
        }
        if (found != NULL) {
            rules_report(check, RULE_ONESLOT_PARTS, FLASH_MAP_ERROR, region->address, region->size,
                         "there are two partitions for the %s: '%s' at 0x%x and '%s' at 0x%x", IDF_PARTS[part].name,
                         found->label, found->address, region->label, region->address);
        }
        found = region;
        if (region->size < IDF_PARTS[part].size) {
            rules_report(check, RULE_ONESLOT_SIZES, FLASH_MAP_ERROR, region->address, region->size,
                         "'%s' at 0x%x has 0x%x bytes: the %s takes 0x%x", region->label, region->address, region->size,
                         IDF_PARTS[part].name, IDF_PARTS[part].size);
        }
    }
    if (found == NULL) {
        rules_report(check, RULE_ONESLOT_PARTS, FLASH_MAP_ERROR, 0, 0,
                     "the table has parts of Oneslot, but no %s (0x%x bytes)", IDF_PARTS[part].name,
                     IDF_PARTS[part].size);
    }
}

/// With a second slot the boot loader would start what is in it, and not the installer.
static void check_one_slot(struct check *check) {
    const struct oneslot_map *map = &check->map->map;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        if (region_is_app(region) && region->subtype > ONESLOT_SUBTYPE_APP_OTA_0 &&
            region->subtype < ONESLOT_SUBTYPE_APP_OTA_0 + 16) {
            rules_report(check, RULE_ONESLOT_ONE_SLOT, FLASH_MAP_ERROR, region->address, region->size,
                         "'%s' at 0x%x is a second OTA slot: the boot loader would start what is in it instead of the "
                         "installer",
                         region->label, region->address);
        }
    }
}

void rules_oneslot_esp32(struct check *check) {
    const struct oneslot_map *map = &check->map->map;
    // otadata, ota_0 and factory alone are any OTA program's.
    if (region_of(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL) == NULL &&
        region_of(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_MAP) == NULL) {
        return;
    }
    for (size_t part = 0; part < IDF_PART_COUNT; part++) {
        check_idf_part(check, part);
    }
    check_one_slot(check);
    check_source(check);
}

void rules_oneslot(struct check *check) {
    const struct oneslot_map *map = &check->map->map;
    const struct oneslot_partition *found[PART_COUNT] = {NULL};
    size_t count = 0;
    bool second = false;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        for (size_t part = 0; part < PART_COUNT; part++) {
            if (!region_is(region, ONESLOT_TYPE_ONESLOT, PARTS[part].subtype)) {
                continue;
            }
            if (found[part] != NULL && PARTS[part].subtype == ONESLOT_SUBTYPE_INSTALLER && !second) {
                second = true; // to be updated by turns
            } else if (found[part] != NULL) {
                rules_report(check, RULE_ONESLOT_PARTS, FLASH_MAP_ERROR, region->address, region->size,
                             "there are two regions for the %s: '%s' at 0x%x and '%s' at 0x%x", PARTS[part].name,
                             found[part]->label, found[part]->address, region->label, region->address);
            } else {
                found[part] = region;
                count++;
            }
            check_size(check, part, region);
        }
    }
    if (count == 0) {
        return;
    }
    for (size_t part = 0; part < PART_COUNT; part++) {
        if (found[part] == NULL) {
            rules_report(check, RULE_ONESLOT_PARTS, FLASH_MAP_ERROR, 0, 0,
                         "the map has parts of Oneslot, but no %s (0x%x bytes): all five are needed, or none",
                         PARTS[part].name, PARTS[part].size);
        }
    }
    check_source(check);
}
