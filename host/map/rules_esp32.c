/*
 * Rules of the ESP32 family, as its boot loaders and gen_esp32part have them.
 */
#include "host/map/rules.h"

#define TABLE            0x8000u
#define FIRST            0x9000u
#define TYPE_BOOT_LOADER 0x02u
#define TYPE_TABLE       0x03u
#define SUBTYPE_OTADATA  0x00u
#define SUBTYPE_NVS      0x02u
#define SUBTYPE_KEYS     0x04u
#define SUBTYPE_OTA_0    0x10u
#define OTA_SLOTS        16u
#define FLAG_READONLY    2u

static bool is_ota(const struct oneslot_partition *region) {
    return region_is_app(region) && region->subtype >= SUBTYPE_OTA_0 && region->subtype < SUBTYPE_OTA_0 + OTA_SLOTS;
}

const struct oneslot_partition *rules_esp32_slot(const struct oneslot_map *map) {
    const struct oneslot_partition *slot = NULL;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        if (is_ota(region) && (slot == NULL || region->size < slot->size)) {
            slot = region;
        }
    }
    return slot != NULL ? slot : region_of(map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY);
}

/// Rows for the boot loader and the table themselves (ESP-IDF 5.5 and later).
static bool is_its_own(const struct flash_map *map, const struct oneslot_partition *region) {
    return (region->type == TYPE_BOOT_LOADER && region->address == flash_map_boot_loader(map->chip) &&
            region_end(region) <= TABLE) ||
           (region->type == TYPE_TABLE && region->address == TABLE && region->size == ONESLOT_SECTOR_SIZE);
}

static void check_place(struct check *check, const struct oneslot_partition *region) {
    uint32_t bootloader = flash_map_boot_loader(check->map->chip);
    if (region->address >= FIRST || region->size == 0 || is_its_own(check->map, region)) {
        return;
    }
    if (region->address < TABLE && region_end(region) > bootloader) {
        rules_report(check, RULE_BOOTLOADER, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' (0x%x to 0x%llx) lies over the second-stage boot loader of the %s, 0x%x to 0x%x",
                     region->label, region->address, (unsigned long long)region_end(region),
                     flash_map_chip_text(check->map->chip), bootloader, TABLE);
    }
    rules_report(check, RULE_FIRST_PARTITION, FLASH_MAP_ERROR, region->address, region->size,
                 "'%s' begins at 0x%x: what lies below 0x%x is the boot loader's and the table's", region->label,
                 region->address, FIRST);
}

static void check_app(struct check *check, const struct oneslot_partition *region) {
    if (region_is_app(region) && region->address % ONESLOT_BLOCK_SIZE != 0) {
        rules_report(check, RULE_APP_ALIGNMENT, FLASH_MAP_ERROR, region->address, region->size,
                     "the application '%s' begins at 0x%x, which is no multiple of 0x10000: nearest are 0x%x and 0x%x",
                     region->label, region->address, region->address / ONESLOT_BLOCK_SIZE * ONESLOT_BLOCK_SIZE,
                     (region->address / ONESLOT_BLOCK_SIZE + 1) * ONESLOT_BLOCK_SIZE);
    }
}

static void check_data(struct check *check, const struct oneslot_partition *region) {
    if (region_is(region, ONESLOT_TYPE_DATA, SUBTYPE_NVS)) {
        uint32_t least = (region->flags & FLAG_READONLY) != 0 ? 0x1000 : 0x3000;
        if (region->size < least) {
            rules_report(check, RULE_NVS_SIZE, FLASH_MAP_ERROR, region->address, region->size,
                         "the nvs partition '%s' at 0x%x has 0x%x bytes: 0x%x are the least", region->label,
                         region->address, region->size, least);
        }
    }
    bool keys = region_is(region, ONESLOT_TYPE_DATA, SUBTYPE_KEYS);
    bool journal = region_is(region, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL);
    uint32_t least = keys ? 0x1000 : journal ? 0x2000 : 0;
    if (region->size < least) {
        rules_report(check, RULE_DATA_SIZE, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' at 0x%x has 0x%x bytes: 0x%x are needed", region->label, region->address, region->size,
                     least);
    }
}

static void check_otadata(struct check *check, uint32_t slots) {
    const struct oneslot_map *map = &check->map->map;
    const struct oneslot_partition *first = NULL;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        if (!region_is(region, ONESLOT_TYPE_DATA, SUBTYPE_OTADATA)) {
            continue;
        }
        if (first != NULL) {
            rules_report(check, RULE_OTADATA, FLASH_MAP_ERROR, region->address, region->size,
                         "there are two otadata partitions: '%s' at 0x%x and '%s' at 0x%x", first->label,
                         first->address, region->label, region->address);
        }
        first = first == NULL ? region : first;
        if (region->size != 0x2000) {
            rules_report(check, RULE_OTADATA, FLASH_MAP_ERROR, region->address, region->size,
                         "the otadata partition '%s' at 0x%x has 0x%x bytes: it must have 0x2000, two sectors that "
                         "are written in turn",
                         region->label, region->address, region->size);
        }
    }
    if (first == NULL && slots > 0) {
        rules_report(check, RULE_OTADATA, FLASH_MAP_WARNING, 0, 0,
                     "the map has OTA slots and no otadata partition: ESP-IDF's boot loader cannot choose among them, "
                     "and starts factory, or the first slot that is whole");
    } else if (first != NULL && slots == 0) {
        rules_report(check, RULE_OTADATA, FLASH_MAP_WARNING, first->address, first->size,
                     "the map has an otadata partition, '%s' at 0x%x, and no OTA slot", first->label, first->address);
    }
}

static uint32_t check_slots(struct check *check) {
    const struct oneslot_map *map = &check->map->map;
    const struct oneslot_partition *slot[OTA_SLOTS] = {NULL};
    uint32_t count = 0;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        if (!is_ota(region)) {
            continue;
        }
        unsigned number = region->subtype - SUBTYPE_OTA_0;
        if (slot[number] != NULL) {
            rules_report(check, RULE_OTA_SLOTS, FLASH_MAP_ERROR, region->address, region->size,
                         "'%s' (0x%x) and '%s' (0x%x) are both ota_%u", slot[number]->label, slot[number]->address,
                         region->label, region->address, number);
            continue;
        }
        slot[number] = region;
        count++;
    }
    for (unsigned number = 0; number < count; number++) {
        if (slot[number] == NULL) {
            rules_report(check, RULE_OTA_SLOTS, FLASH_MAP_ERROR, 0, 0,
                         "there are %u OTA slots and none of them is ota_%u: the boot loader counts from ota_0 without "
                         "a gap",
                         count, number);
        }
    }
    return count;
}

void rules_esp32(struct check *check) {
    const struct oneslot_map *map = &check->map->map;
    bool app = false;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        app = app || region_is_app(region);
        check_place(check, region);
        check_app(check, region);
        check_data(check, region);
    }
    if (!app && map->count > 0) {
        rules_report(check, RULE_APP_MISSING, FLASH_MAP_ERROR, 0, 0,
                     "the map has no application partition: the boot loader has nothing to start");
    }
    check_otadata(check, check_slots(check));
}
