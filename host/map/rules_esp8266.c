/*
 * Rules of the ESP8266: what the boot ROM looks at, the mapped megabyte, the SDK's sectors at the end of flash.
 */
#include <string.h>

#include "host/map/rules.h"
#include "host/size.h"

/// ESP-IDF's type for a boot loader: Espressif's boot_v1.x in front of user1.
#define TYPE_BOOT_LOADER 0x02u

static void check_boot(struct check *check) {
    const struct oneslot_map *map = &check->map->map;
    const struct oneslot_partition *loader = region_of(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER);
    const struct oneslot_partition *first = region_at(map, 0);
    bool starts = first != NULL && (region_is_app(first) || first->type == TYPE_BOOT_LOADER || first == loader);
    if (map->count == 0) {
        return;
    }
    if (!starts) {
        rules_report(check, RULE_BOOT, FLASH_MAP_ERROR, 0, ONESLOT_SECTOR_SIZE,
                     "nothing that the boot ROM could start lies at flash 0%s%s: that is where it looks, and nowhere "
                     "else",
                     first != NULL ? ", but the region " : "", first != NULL ? first->label : "");
        return;
    }
    const struct oneslot_partition *second = region_at(map, ONESLOT_SECTOR_SIZE);
    if (first == loader && (second == NULL || !region_is_app(second) || second->address != ONESLOT_SECTOR_SIZE)) {
        rules_report(check, RULE_BOOT, FLASH_MAP_ERROR, ONESLOT_SECTOR_SIZE, ONESLOT_SECTOR_SIZE,
                     "no application begins at 0x1000, behind the loader: every image lies at its own address but for "
                     "its first sector");
    }
}

static void check_window(struct check *check, const struct oneslot_partition *region) {
    const struct oneslot_map *map = &check->map->map;
    uint32_t window = region->address / RULES_MEGABYTE;
    if (!region_is_executable(region) || region->size == 0) {
        return;
    }
    if (region_end(region) > (uint64_t)(window + 1) * RULES_MEGABYTE) {
        rules_report(check, RULE_XIP_WINDOW, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' (0x%x to 0x%llx) goes past 0x%x: no more than one megabyte is mapped at a time, and what "
                     "lies behind cannot run in place",
                     region->label, region->address, (unsigned long long)region_end(region),
                     (window + 1) * RULES_MEGABYTE);
        return;
    }
    // boot_v1.x maps the second megabyte for user2 (flash maps 2MB-c1 and 4MB-c1).
    bool user2 = window == 1 && region_is(region, ONESLOT_TYPE_APP, 0x11);
    bool beside_user2 = false;
    for (uint32_t index = 0; window == 1 && index < map->count; index++) {
        beside_user2 = beside_user2 || region_is(&map->partition[index], ONESLOT_TYPE_APP, 0x11);
    }
    if (window > 0 && !user2 && !(beside_user2 && !region_is_app(region))) {
        rules_report(check, RULE_XIP_WINDOW, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' (0x%x to 0x%llx) is to run in place, and only the first megabyte is mapped: it must end at "
                     "0x100000 or below",
                     region->label, region->address, (unsigned long long)region_end(region));
    }
}

/// The largest gap from 1 MiB on, in front of the SDK's sectors.
static uint32_t gap_behind(const struct flash_map *map) {
    uint32_t system = rules_system(map);
    uint64_t limit = map->flash_size > system ? map->flash_size - system : 0;
    uint64_t from = RULES_MEGABYTE;
    uint64_t largest = 0;
    while (from < limit) {
        uint64_t to = limit;
        for (uint32_t index = 0; index < map->map.count; index++) {
            const struct oneslot_partition *region = &map->map.partition[index];
            if (region->address >= from && region->address < to) {
                to = region->address;
            }
        }
        const struct oneslot_partition *here = region_at(&map->map, (uint32_t)from);
        if (here != NULL) {
            from = region_end(here);
            continue;
        }
        largest = to - from > largest ? to - from : largest;
        from = to;
    }
    return (uint32_t)largest;
}

static void check_waste(struct check *check, const struct oneslot_partition *region) {
    const struct flash_map *map = check->map;
    if (region->address >= RULES_MEGABYTE || region->size == 0 || map->flash_size <= RULES_MEGABYTE ||
        region_is_executable(region) || region_is_system(region) || region_is_romfs(region) ||
        region->type == TYPE_BOOT_LOADER || region_is(region, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER)) {
        return;
    }
    uint64_t end = region_end(region) < RULES_MEGABYTE ? region_end(region) : RULES_MEGABYTE;
    uint32_t wasted = (uint32_t)(end - region->address);
    // A file system that goes on past 1 MiB can shrink to its second part.
    bool room = region_end(region) > RULES_MEGABYTE + ONESLOT_BLOCK_SIZE || gap_behind(map) >= region->size;
    if (room) {
        rules_report(check, RULE_EXECUTABLE_WASTE, FLASH_MAP_ADVICE, region->address, wasted,
                     "'%s' takes %u sector%s (0x%x to 0x%llx) that could run code, and needs none: there is room from "
                     "0x100000 on",
                     region->label, wasted / ONESLOT_SECTOR_SIZE, wasted == ONESLOT_SECTOR_SIZE ? "" : "s",
                     region->address, (unsigned long long)end);
    }
}

static void check_romfs(struct check *check, const struct oneslot_partition *region) {
    uint64_t end = region_end(region);
    if (!region_is_romfs(region)) {
        return;
    }
    if (end > RULES_MEGABYTE) {
        rules_report(check, RULE_ROMFS, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' (0x%x to 0x%llx) leaves the mapped megabyte: files of a ROMFS are read in place",
                     region->label, region->address, (unsigned long long)end);
    } else if (end != RULES_MEGABYTE || (region->address != 0xb0000 && region->address != 0xc0000)) {
        rules_report(check, RULE_ROMFS, FLASH_MAP_WARNING, region->address, region->size,
                     "'%s' lies at 0x%x to 0x%llx; MicroPython's own builds have it at 0xb0000 (earlier 0xc0000) to "
                     "0x100000: the firmware must be linked for this place",
                     region->label, region->address, (unsigned long long)end);
    }
}

/// What the header in a dump tells; 0: there is none.
static uint32_t header_size(const struct flash_map *map) {
    uint32_t named = 0;
    if (map->bytes != NULL && map->origin == FLASH_MAP_DUMP) {
        flash_size_name(map->bytes[3] >> 4, &named);
    }
    return named;
}

uint32_t rules_told(const struct flash_map *map) {
    uint32_t told = 0;
    uint32_t named = header_size(map);
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *region = &map->map.partition[index];
        uint64_t end = region_end(region);
        bool size = end >= 0x80000 && end <= map->flash_size && (end & (end - 1)) == 0;
        if (region_is(region, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM) && size && end > told &&
            (named == 0 || named == end)) {
            told = (uint32_t)end;
        }
    }
    return told != 0 ? told : map->flash_size;
}

uint32_t rules_system(const struct flash_map *map) {
    uint32_t system = flash_map_system(map);
    uint32_t told = rules_told(map);
    if (map->system_sectors == 0 && system == 0x5000 && told > system) {
        const struct oneslot_partition *region = region_at(&map->map, told - system);
        if (region != NULL && strcmp(region->label, "eeprom") == 0 &&
            region_end(region) == told - system + ONESLOT_SECTOR_SIZE) {
            return system - ONESLOT_SECTOR_SIZE;
        }
        // NodeMCU of SDK 1, in a flash that was made for it.
        if (region != NULL && map->origin == FLASH_MAP_DUMP && map->sdk == 0 &&
            region_is(region, ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_SPIFFS) &&
            region_end(region) == told - flash_map_system_size(1)) {
            return flash_map_system_size(1);
        }
    }
    return system;
}

static const char *sdk_text(const struct flash_map *map, char text[40]) {
    if (map->system_sectors != 0) {
        snprintf(text, 40, "this firmware's SDK");
    } else if (map->sdk != 0) {
        snprintf(text, 40, "SDK %u.x", map->sdk);
    } else {
        snprintf(text, 40, "the SDK (2.x or later)");
    }
    return text;
}

static void check_in_system(struct check *check, const struct oneslot_partition *region) {
    const struct flash_map *map = check->map;
    uint32_t system = rules_system(map);
    uint32_t told = rules_told(map);
    uint64_t start = told - system;
    char sdk[40];
    if (region_end(region) > start && region->address < told && region->size != 0 && !region_is_system(region)) {
        uint32_t from = region->address > start ? region->address : (uint32_t)start;
        rules_report(check, RULE_SYSTEM_SECTORS, FLASH_MAP_ERROR, from, told - from,
                     "'%s' (0x%x to 0x%llx) lies in the last %u sectors (0x%llx to 0x%x), where %s keeps its own data "
                     "and writes it unasked: it must end at 0x%llx",
                     region->label, region->address, (unsigned long long)region_end(region),
                     system / ONESLOT_SECTOR_SIZE, (unsigned long long)start, told, sdk_text(map, sdk),
                     (unsigned long long)start);
    }
}

/// Whether all the SDK's sectors are in regions that are its own.
static void check_listed(struct check *check) {
    const struct flash_map *map = check->map;
    uint32_t system = rules_system(map);
    uint32_t told = rules_told(map);
    uint32_t start = told - system;
    uint32_t free_sectors = 0;
    uint32_t first = 0;
    char sdk[40];
    for (uint32_t at = start; at < told; at += ONESLOT_SECTOR_SIZE) {
        if (region_at(&map->map, at) == NULL) {
            first = free_sectors == 0 ? at : first;
            free_sectors++;
        }
    }
    if (free_sectors * ONESLOT_SECTOR_SIZE == system) {
        rules_report(check, RULE_SYSTEM_LISTED, FLASH_MAP_ADVICE, start, system,
                     "the last %u sectors (0x%x to 0x%x) are the SDK's, and the map does not say so: a region of type "
                     "oneslot, subtype system keeps others away",
                     system / ONESLOT_SECTOR_SIZE, start, told);
    } else if (free_sectors > 0) {
        rules_report(check, RULE_SYSTEM_SIZE, FLASH_MAP_WARNING, first, free_sectors * ONESLOT_SECTOR_SIZE,
                     "%s takes the last %u sectors (0x%x to 0x%x), and %u of them, from 0x%x on, %s in no region: "
                     "list them, or they will be used for something else",
                     sdk_text(map, sdk), system / ONESLOT_SECTOR_SIZE, start, told, free_sectors, first,
                     free_sectors == 1 ? "is" : "are");
    }
}

/// Parameters belong at the end; RF calibration and PHY data alone may be elsewhere.
static void check_system_place(struct check *check, const struct oneslot_partition *region) {
    const struct flash_map *map = check->map;
    uint64_t end = region_end(region);
    if (!region_is(region, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM) || region_is_rf_cal(region) ||
        region_is_phy(region) || end >= map->flash_size) {
        return;
    }
    // In pieces, the last of which ends the flash.
    for (uint64_t at = end; at < map->flash_size;) {
        const struct oneslot_partition *next = region_at(&map->map, (uint32_t)at);
        if (next == NULL || !region_is_system(next)) {
            break;
        }
        at = region_end(next);
        if (at == map->flash_size) {
            return;
        }
    }
    bool smaller = end >= 0x80000 && (end & (end - 1)) == 0;
    if (smaller && header_size(map) == end) {
        return; // and so it says
    }
    rules_report(check, RULE_SYSTEM_PLACE, smaller ? FLASH_MAP_WARNING : FLASH_MAP_ERROR, region->address, region->size,
                 smaller ? "'%s' ends at 0x%llx, and the flash at 0x%x: right only as long as the header at flash 0 "
                           "says the smaller size"
                         : "'%s' ends at 0x%llx: the SDK keeps its parameters at the end of the flash, 0x%x",
                 region->label, (unsigned long long)end, map->flash_size);
}

static void check_rf_cal(struct check *check, const struct oneslot_partition *region) {
    const struct flash_map *map = check->map;
    uint32_t place = rules_told(map) - (rules_system(map) == 0x4000 && map->sdk != 1 ? 0x4000 : 0x5000);
    if (!region_is_rf_cal(region) || region->address == place) {
        return;
    }
    bool movable = map->sdk != 1;
    rules_report(check, RULE_RF_CAL, movable ? FLASH_MAP_ADVICE : FLASH_MAP_WARNING, region->address, region->size,
                 "RF calibration '%s' lies at 0x%x, not at 0x%x: the firmware must tell the SDK%s", region->label,
                 region->address, place, movable ? "" : ", and SDK 1.x before 1.5.4 knows no way");
}

static void check_phy(struct check *check, const struct oneslot_partition *region) {
    const struct flash_map *map = check->map;
    uint32_t place = rules_told(map) - 0x4000;
    if (!region_is_phy(region) || region->address == place) {
        return;
    }
    bool fixed = map->sdk == 1 || map->sdk == 2;
    rules_report(check, RULE_PHY_INIT,
                 fixed           ? FLASH_MAP_ERROR
                 : map->sdk == 0 ? FLASH_MAP_WARNING
                                 : FLASH_MAP_ADVICE,
                 region->address, region->size, "PHY init data '%s' lies at 0x%x, not at 0x%x: %s", region->label,
                 region->address, place,
                 fixed ? "this SDK looks nowhere else and stops without it"
                       : "the firmware must tell the SDK (3.x: in user_pre_init())");
}

/// A firmware that left the SDK only its parameters at the end (NodeMCU): then the others must be somewhere.
static void check_moved(struct check *check) {
    const struct flash_map *map = check->map;
    bool phy = false;
    bool rf_cal = false;
    for (uint32_t index = 0; index < map->map.count; index++) {
        phy = phy || region_is_phy(&map->map.partition[index]);
        rf_cal = rf_cal || region_is_rf_cal(&map->map.partition[index]);
    }
    if (map->system_sectors == 3 && !rf_cal) {
        rules_report(check, RULE_RF_CAL, FLASH_MAP_WARNING, rules_told(map) - 0x3000, 0x3000,
                     "only three sectors at the end are the SDK's, and no region 'rf_cal' says where RF calibration "
                     "lies instead");
    }
    if (map->system_sectors == 3 && !phy) {
        rules_report(check, RULE_PHY_INIT, FLASH_MAP_WARNING, rules_told(map) - 0x3000, 0x3000,
                     "only three sectors at the end are the SDK's, and no region of type data, subtype phy says where "
                     "the PHY init data lies instead");
    }
}

void rules_esp8266(struct check *check) {
    const struct flash_map *map = check->map;
    check_boot(check);
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *region = &map->map.partition[index];
        check_window(check, region);
        check_romfs(check, region);
        if (map->flash_size > 0x5000) {
            check_waste(check, region);
            check_in_system(check, region);
            check_system_place(check, region);
            check_rf_cal(check, region);
            check_phy(check, region);
        }
    }
    if (map->flash_size > 0x5000 && map->map.count > 0) {
        check_listed(check);
        check_moved(check);
    }
}
