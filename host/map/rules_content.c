/*
 * Rules about what a dump holds, against what its map says.
 */
#include <stddef.h>
#include <string.h>

#include "core/superblock.h"
#include "host/claims.h"
#include "host/map/files.h"
#include "host/map/rules.h"
#include "host/ram_flash.h"
#include "host/size.h"
#include "oneslot/journal.h"
#include "oneslot/layout.h"

static bool erased(const uint8_t *bytes, uint32_t length) {
    for (uint32_t index = 0; index < length; index++) {
        if (bytes[index] != 0xff) {
            return false;
        }
    }
    return true;
}

/// File systems, as they lie in flash.

static void check_littlefs(struct check *check, const struct oneslot_partition *region) {
    struct oneslot_flash flash;
    struct oneslot_superblock superblock;
    ram_flash_init(&flash, check->map->bytes, check->map->size);
    enum oneslot_error error = oneslot_superblock_find(&flash, region, &superblock);
    if (error != ONESLOT_ERROR_NONE) {
        rules_report(check, RULE_CONTENT_FS_MISSING, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' (0x%x to 0x%llx): %s", region->label, region->address,
                     (unsigned long long)region_end(region), oneslot_error_text(error));
    }
}

/// Who makes a file system in a region that is erased, as words behind "is erased: ".
static const char *who_makes_files(const struct check *check, const struct oneslot_partition *region) {
    struct rules_image image;
    struct claims claims = {0};
    rules_image_find(&image, check);
    const enum firmware_maker maker = image.firmware.maker;
    if (image.known) {
        const struct claims_chip chip = {.flash_size = check->map->flash_size, .told = rules_told(check->map)};
        claims_of(&claims, &image.firmware, &chip);
    }
    const struct claim *files = claims_find(&claims, CLAIM_FILES);
    bool own = files != NULL && files->from == region->address;
    rules_image_free(&image);
    if (own && maker == FIRMWARE_MICROPYTHON) {
        return "the firmware makes its file system there at its first start";
    }
    if (own) {
        return "the firmware makes its file system there when its program asks for it";
    }
    if (image.known && check->map->chip == FLASH_MAP_ESP8266) {
        return "this firmware never makes a file system there; 'oneslot fs format' does, and until then no upgrade is "
               "read "
               "from it";
    }
    return "the firmware makes a file system there, or 'oneslot fs format' does";
}

static void check_region_files(struct check *check, const struct oneslot_partition *region) {
    const struct flash_map *map = check->map;
    uint32_t extent;
    unsigned long long end = region_end(region);
    if (region_end(region) > map->size || region->size == 0) {
        return; // past the end, reported as such
    }
    enum files files = files_in(map->bytes, map->size, region, &extent);
    if (files == FILES_NONE && region->subtype == ONESLOT_SUBTYPE_DATA_SPIFFS) {
        return; // SPIFFS has no mark to know it by
    }
    if (files == FILES_NONE) {
        bool blank = erased(map->bytes + region->address, region->size);
        rules_report(check, RULE_CONTENT_FS_MISSING, blank ? FLASH_MAP_ADVICE : FLASH_MAP_ERROR, region->address,
                     region->size, "'%s' (0x%x to 0x%llx) %s%s", region->label, region->address, end,
                     blank ? "is erased: " : "holds something, but no file system that is known",
                     blank ? who_makes_files(check, region) : "");
        return;
    }
    if (files == FILES_FAT && region->subtype == ONESLOT_SUBTYPE_DATA_LITTLEFS) {
        rules_report(check, RULE_CONTENT_FS_MISSING, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' (0x%x to 0x%llx) is a littlefs in the map, and a FAT in the flash", region->label,
                     region->address, end);
        return;
    }
    if (extent > region->size) {
        uint64_t reach = (uint64_t)region->address + extent;
        const struct oneslot_partition *next = reach < map->size ? region_at(&map->map, (uint32_t)end) : NULL;
        rules_report(check, RULE_CONTENT_FS_SIZE, FLASH_MAP_ERROR, region->address, extent,
                     "the file system in '%s' reaches from 0x%x to 0x%llx by its own account, and its region ends at "
                     "0x%llx%s%s%s: files beyond are lost, or destroy what lies there",
                     region->label, region->address, (unsigned long long)reach, end, next != NULL ? ", where '" : "",
                     next != NULL ? next->label : "", next != NULL ? "' begins" : "");
        return;
    }
    if (files == FILES_LITTLEFS) {
        check_littlefs(check, region);
    }
    if (extent != 0 && extent < region->size) {
        rules_report(check, RULE_CONTENT_FS_SIZE, FLASH_MAP_ADVICE, region->address + extent, region->size - extent,
                     "the file system in '%s' has %u of its region's %u bytes; the rest lies idle", region->label,
                     extent, region->size);
    }
}

/// The name of the region at `address` in quotes, or "no region".
static const char *region_text(const struct flash_map *map, uint32_t address, char text[24]) {
    const struct oneslot_partition *region = region_at(&map->map, address);
    snprintf(text, 24, region != NULL ? "'%s'" : "no region", region != NULL ? region->label : "");
    return text;
}

static void check_unlisted_files(struct check *check) {
    const struct flash_map *map = check->map;
    for (uint32_t at = 0; at + ONESLOT_SECTOR_SIZE <= map->size; at += ONESLOT_SECTOR_SIZE) {
        const struct oneslot_partition *region = region_at(&map->map, at);
        uint32_t extent;
        char text[24];
        if (region != NULL && region_is_file_system(region)) {
            continue;
        }
        enum files files = files_at(map->bytes, map->size, at, &extent);
        if (files == FILES_NONE) {
            continue;
        }
        rules_report(check, RULE_CONTENT_FS_UNLISTED, region != NULL ? FLASH_MAP_ERROR : FLASH_MAP_WARNING, at, extent,
                     "%s of %u bytes begins at 0x%x, where the map has %s: it is left from another map, or this map is "
                     "wrong",
                     files_text(files), extent, at, region_text(map, at, text));
        // Its second superblock is no second finding, nor is what lies in it.
        uint32_t step = extent >= 2 * ONESLOT_SECTOR_SIZE && extent < map->size - at ? extent : 3 * ONESLOT_SECTOR_SIZE;
        const struct oneslot_partition *next = NULL;
        uint32_t end = at + (step & ~(ONESLOT_SECTOR_SIZE - 1));
        while (at + ONESLOT_SECTOR_SIZE < end && (next == NULL || !region_is_file_system(next))) {
            at += ONESLOT_SECTOR_SIZE;
            next = region_at(&map->map, at);
        }
    }
}

/// Journal records.

static bool record_at(const uint8_t *bytes) {
    struct oneslot_record record;
    memcpy(&record, bytes, sizeof record);
    return record.magic == ONESLOT_RECORD_MAGIC &&
           record.crc == oneslot_crc32(0, &record, offsetof(struct oneslot_record, crc));
}

static void check_unlisted_records(struct check *check) {
    const struct flash_map *map = check->map;
    for (uint32_t at = 0; at + ONESLOT_SECTOR_SIZE <= map->size; at += ONESLOT_SECTOR_SIZE) {
        const struct oneslot_partition *region = region_at(&map->map, at);
        if (region != NULL &&
            (region_is(region, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL) || region_is_file_system(region))) {
            continue;
        }
        for (uint32_t slot = 0; slot < ONESLOT_SLOTS_PER_SECTOR; slot++) {
            char text[24];
            uint32_t found = oneslot_slot_address(at, slot);
            if (record_at(map->bytes + found)) {
                rules_report(check, RULE_CONTENT_JOURNAL, region != NULL ? FLASH_MAP_ERROR : FLASH_MAP_WARNING, at,
                             ONESLOT_SECTOR_SIZE,
                             "journal records of Oneslot lie at 0x%x, where the map has %s: the journal is elsewhere, "
                             "or this map is wrong",
                             found, region_text(map, at, text));
                break;
            }
        }
    }
}

/// Oneslot's own parts.

static void check_part(struct check *check, uint8_t subtype) {
    const struct flash_map *map = check->map;
    const struct oneslot_partition *region = region_of(&map->map, ONESLOT_TYPE_ONESLOT, subtype);
    if (region != NULL && region->address < map->size && map->bytes[region->address] != 0xe9) {
        rules_report(check, RULE_CONTENT_PARTS, FLASH_MAP_ERROR, region->address, region->size,
                     "'%s' at 0x%x holds no image (0x%02x, not 0xe9): the loader could not start it", region->label,
                     region->address, map->bytes[region->address]);
    }
}

static void check_layout_place(struct check *check, const char *what, uint8_t subtype, uint32_t address) {
    const struct oneslot_partition *region = region_of(&check->map->map, ONESLOT_TYPE_ONESLOT, subtype);
    if (region == NULL || region->address != address) {
        char place[32] = "nowhere";
        if (region != NULL) {
            snprintf(place, sizeof place, "at 0x%x", region->address);
        }
        rules_report(check, RULE_LAYOUT, FLASH_MAP_ERROR, address, region != NULL ? region->size : 0,
                     "the layout block has the %s at 0x%x, and the map %s: the loader goes by the layout block", what,
                     address, place);
    }
}

static void check_layout(struct check *check) {
    const struct flash_map *map = check->map;
    struct oneslot_layout layout;
    memcpy(&layout, map->bytes + ONESLOT_LAYOUT_ADDRESS, sizeof layout);
    if (!oneslot_layout_valid(&layout)) {
        if (region_of(&map->map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER) != NULL) {
            rules_report(check, RULE_LAYOUT, FLASH_MAP_ERROR, ONESLOT_LAYOUT_ADDRESS, sizeof layout,
                         "the map has a loader, and there is no valid layout block at 0x%x", ONESLOT_LAYOUT_ADDRESS);
        }
        return;
    }
    if (layout.flash_size != map->size) {
        rules_report(check, RULE_LAYOUT, FLASH_MAP_ERROR, ONESLOT_LAYOUT_ADDRESS, sizeof layout,
                     "the layout block is for a flash of 0x%x bytes, and the dump has 0x%x", layout.flash_size,
                     map->size);
    }
    check_layout_place(check, "displaced sector", ONESLOT_SUBTYPE_DISPLACED, layout.displaced);
    check_layout_place(check, "journal", ONESLOT_SUBTYPE_JOURNAL, layout.journal);
    check_layout_place(check, "map", ONESLOT_SUBTYPE_MAP, layout.map);
    check_layout_place(check, "installer", ONESLOT_SUBTYPE_INSTALLER, layout.installer);
    const struct oneslot_partition *app = region_at(&map->map, ONESLOT_SECTOR_SIZE);
    if (app != NULL && region_is_app(app)) {
        uint64_t end = region_end(app) < RULES_MEGABYTE ? region_end(app) : RULES_MEGABYTE;
        if (layout.firmware != end) {
            rules_report(check, RULE_LAYOUT, FLASH_MAP_ERROR, layout.firmware, 0,
                         "the layout block lets images go up to 0x%x, and the map's '%s' ends at 0x%llx",
                         layout.firmware, app->label, (unsigned long long)end);
        }
    }
    check_part(check, ONESLOT_SUBTYPE_DISPLACED);
    check_part(check, ONESLOT_SUBTYPE_INSTALLER);
}

/// The SDK's PHY init data, where this map has it.
static void check_phy(struct check *check) {
    const struct flash_map *map = check->map;
    uint32_t named;
    uint32_t told = rules_told(map);
    uint32_t at = told - 0x4000;
    flash_size_name(map->bytes[3] >> 4, &named);
    if (named != told || map->flash_size != map->size || (rules_system(map) == 0x4000 && map->sdk != 1)) {
        return; // elsewhere, as the header says, or in the program (Arduino)
    }
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *region = &map->map.partition[index];
        at = region_is_phy(region) && region_end(region) <= map->size ? region->address : at;
    }
    if (map->system_sectors == 3 && at == told - 0x4000) {
        return; // moved, nobody says where
    }
    for (size_t index = 0; index < check->count; index++) {
        if (strcmp(check->findings[index].rule, flash_map_rule(RULE_CONTENT_PHY)->name) == 0) {
            return; // the firmware there needs them, and that was said
        }
    }
    if (map->bytes[at] != 0x05 && !erased(map->bytes + at, 128)) {
        rules_report(check, RULE_CONTENT_PHY, FLASH_MAP_WARNING, at, ONESLOT_SECTOR_SIZE,
                     "the sector at 0x%x, where the SDK reads its PHY init data, holds something else (first byte "
                     "0x%02x, not 0x05): Wi-Fi will be poor, or the SDK stops",
                     at, map->bytes[at]);
    }
}

static void check_boot(struct check *check) {
    if (check->map->bytes[0] != 0xe9) {
        rules_report(check, RULE_BOOT, FLASH_MAP_ERROR, 0, ONESLOT_SECTOR_SIZE,
                     "flash 0 begins with 0x%02x, not 0xe9: the boot ROM starts nothing else", check->map->bytes[0]);
    }
}

void rules_content(struct check *check) {
    const struct flash_map *map = check->map;
    if (map->bytes == NULL || map->origin != FLASH_MAP_DUMP || map->size < 0x10000) {
        return;
    }
    if (map->chip == FLASH_MAP_ESP8266) {
        check_boot(check);
        check_layout(check);
        check_phy(check);
    }
    for (uint32_t index = 0; index < map->map.count; index++) {
        if (region_is_file_system(&map->map.partition[index])) {
            check_region_files(check, &map->map.partition[index]);
        }
    }
    check_unlisted_files(check);
    check_unlisted_records(check);
}
