/*
 * Rules of every table and every region, whatever the chip.
 */
#include <ctype.h>
#include <string.h>

#include "host/flash_file.h"
#include "host/map/rules.h"
#include "host/size.h"

void rules_table(struct check *check) {
    const struct flash_map *map = check->map;
    static const struct {
        uint32_t fault;
        enum rule rule;
        enum flash_map_weight weight;
        const char *text;
    } FAULTS[] = {
        {FLASH_MAP_FAULT_MAGIC, RULE_TABLE_MAGIC, FLASH_MAP_ERROR,
         "a row of the table at 0x%x begins with neither 0x50aa nor 0xebeb: no boot loader takes it"},
        {FLASH_MAP_FAULT_MD5, RULE_TABLE_MD5, FLASH_MAP_ERROR,
         "the table's MD5, in the row at 0x%x, is not that of its rows: the table is damaged"},
        {FLASH_MAP_FAULT_NO_MD5, RULE_TABLE_NO_MD5, FLASH_MAP_WARNING,
         "the table ends at 0x%x without an MD5 row: damage would go unseen"},
        {FLASH_MAP_FAULT_BEHIND, RULE_TABLE_BEHIND, FLASH_MAP_ERROR,
         "the row at 0x%x lies behind the MD5 row, which does not cover it"},
        {FLASH_MAP_FAULT_ROWS, RULE_TABLE_ROWS, FLASH_MAP_ERROR,
         "the table has more than 24 rows: that at 0x%x and those behind it are not read"},
        {FLASH_MAP_FAULT_EMPTY, RULE_TABLE_EMPTY, FLASH_MAP_ERROR, "the table at 0x%x has no row"},
    };
    for (size_t index = 0; index < sizeof FAULTS / sizeof FAULTS[0]; index++) {
        if ((map->faults & FAULTS[index].fault) != 0) {
            char text[FLASH_MAP_TEXT];
            snprintf(text, sizeof text, FAULTS[index].text, map->fault_at);
            rules_report(check, FAULTS[index].rule, FAULTS[index].weight, map->fault_at, 32, "%s", text);
        }
    }
    if (map->map.count == 0 && (map->faults & FLASH_MAP_FAULT_EMPTY) == 0) {
        rules_report(check, RULE_TABLE_EMPTY, FLASH_MAP_ERROR, 0, 0, "the map has no region");
    }
}

/// ESP-IDF's tool lets data end anywhere: only the offset, and an application's size, are aligned.
static bool may_end_anywhere(const struct check *check, const struct oneslot_partition *region) {
    return check->map->chip != FLASH_MAP_ESP8266 && region->type != ONESLOT_TYPE_APP &&
           region->type != ONESLOT_TYPE_ONESLOT;
}

static void check_place(struct check *check, const struct oneslot_partition *region) {
    uint64_t end = region_end(region);
    if (region->size == 0) {
        rules_report(check, RULE_ZERO_SIZE, FLASH_MAP_ERROR, region->address, 0, "the region '%s' at 0x%x is empty",
                     region->label, region->address);
    }
    if (region->address % ONESLOT_SECTOR_SIZE != 0 ||
        (region->size % ONESLOT_SECTOR_SIZE != 0 && !may_end_anywhere(check, region))) {
        rules_report(check, RULE_SECTOR_BOUNDARY, FLASH_MAP_ERROR, region->address, region->size,
                     "the region '%s' (0x%x to 0x%llx) does not begin and end on sectors of 0x1000 bytes",
                     region->label, region->address, (unsigned long long)end);
    } else if (region->size % ONESLOT_SECTOR_SIZE != 0) {
        rules_report(check, RULE_SECTOR_BOUNDARY, FLASH_MAP_ADVICE, region->address, region->size,
                     "'%s' (0x%x to 0x%llx) ends inside a sector: it can be read and written, but its last %u bytes "
                     "are erased only with the rest of that sector, which nobody else may use",
                     region->label, region->address, (unsigned long long)end, region->size % ONESLOT_SECTOR_SIZE);
    }
    if (end > check->map->flash_size) {
        rules_report(check, RULE_PAST_END, FLASH_MAP_ERROR, region->address, region->size,
                     "the region '%s' (0x%x to 0x%llx) goes %llu bytes past the end of the flash, 0x%x", region->label,
                     region->address, (unsigned long long)end,
                     (unsigned long long)(region->address > check->map->flash_size ? region->size
                                                                                   : end - check->map->flash_size),
                     check->map->flash_size);
    }
}

static void check_label(struct check *check, uint32_t index) {
    const struct oneslot_partition *region = &check->map->map.partition[index];
    bool printable = region->label[0] != 0;
    for (const char *at = region->label; *at != 0; at++) {
        printable = printable && isprint((unsigned char)*at);
    }
    if (!printable) {
        rules_report(check, RULE_LABEL, FLASH_MAP_WARNING, region->address, region->size,
                     "the region at 0x%x has no name, or one that cannot be printed", region->address);
    }
    for (uint32_t other = 0; other < index; other++) {
        const struct oneslot_partition *first = &check->map->map.partition[other];
        if (region->label[0] != 0 && strcmp(region->label, first->label) == 0) {
            rules_report(check, RULE_LABEL, FLASH_MAP_ERROR, region->address, region->size,
                         "two regions are called '%s': at 0x%x and at 0x%x", region->label, first->address,
                         region->address);
            return;
        }
    }
}

static void check_pairs(struct check *check, uint32_t index) {
    const struct oneslot_partition *region = &check->map->map.partition[index];
    for (uint32_t other = 0; other < index; other++) {
        const struct oneslot_partition *first = &check->map->map.partition[other];
        uint32_t start = region->address > first->address ? region->address : first->address;
        uint64_t end = region_end(region) < region_end(first) ? region_end(region) : region_end(first);
        if (start < end) {
            bool code = region_is_executable(region) != region_is_executable(first);
            rules_report(check, RULE_OVERLAP, FLASH_MAP_ERROR, start, end - start,
                         "the regions '%s' (0x%x to 0x%llx) and '%s' (0x%x to 0x%llx) share the %llu bytes from 0x%x "
                         "to 0x%llx%s",
                         first->label, first->address, (unsigned long long)region_end(first), region->label,
                         region->address, (unsigned long long)region_end(region), (unsigned long long)(end - start),
                         start, (unsigned long long)end, code ? ": data written there destroys code" : "");
        }
    }
    bool implied =
        check->map->table == 0 && (check->map->origin == FLASH_MAP_DUMP || check->map->origin == FLASH_MAP_FIRMWARE);
    if (index > 0 && !implied && region->address < check->map->map.partition[index - 1].address) {
        const struct oneslot_partition *before = &check->map->map.partition[index - 1];
        rules_report(check, RULE_ORDER, FLASH_MAP_WARNING, region->address, region->size,
                     "the row '%s' (0x%x) stands behind '%s' (0x%x): ESP-IDF's tool refuses such a table",
                     region->label, region->address, before->label, before->address);
    }
}

static void check_file_system(struct check *check, const struct oneslot_partition *region) {
    if (region_is_file_system(region) && region->size != 0 && region->size < 2 * ONESLOT_SECTOR_SIZE) {
        // A table's subtype alone: Espressif's Zigbee keeps raw factory data in a partition of 1 KiB, called "fat".
        bool esp8266 = check->map->chip == FLASH_MAP_ESP8266;
        rules_report(check, RULE_FS_SIZE, esp8266 ? FLASH_MAP_ERROR : FLASH_MAP_WARNING, region->address, region->size,
                     "the file system '%s' at 0x%x has 0x%x bytes: two sectors, 0x2000, are the least%s", region->label,
                     region->address, region->size,
                     esp8266 ? "" : "; what lies there can be used as it is, without a file system");
    }
}

/// The end of the program counts: its start is where it must be.
static void check_erase_blocks(struct check *check, const struct oneslot_partition *region) {
    uint64_t end = region_end(region);
    uint32_t rest = (uint32_t)(end % ONESLOT_BLOCK_SIZE);
    if (region_is_app(region) && region->size > ONESLOT_BLOCK_SIZE && rest != 0) {
        rules_report(
            check, RULE_ERASE_BLOCK, FLASH_MAP_ADVICE, (uint32_t)(end - rest), rest,
            "'%s' ends at 0x%llx, inside a 64 KiB block: its last %u sector%s are erased one by one. An end at "
            "0x%llx or 0x%llx makes upgrades faster",
            region->label, (unsigned long long)end, rest / ONESLOT_SECTOR_SIZE, rest == ONESLOT_SECTOR_SIZE ? "" : "s",
            (unsigned long long)(end - rest), (unsigned long long)(end - rest + ONESLOT_BLOCK_SIZE));
    }
}

static void check_flash_size(struct check *check) {
    const struct flash_map *map = check->map;
    uint32_t least = map->chip == FLASH_MAP_ESP8266 ? 0x80000 : RULES_MEGABYTE;
    if (map->flash_size > FLASH_FILE_MAX && map->flash_size <= flash_map_largest(map->chip)) {
        bool ours = region_of(&map->map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL) != NULL;
        rules_report(check, RULE_FLASH_SIZE, ours ? FLASH_MAP_ERROR : FLASH_MAP_ADVICE, 0, map->flash_size,
                     "Oneslot serves 16 MiB of flash at the most; this map is for 0x%x bytes", map->flash_size);
    }
    if ((map->flash_size & (map->flash_size - 1)) != 0 || map->flash_size < least ||
        map->flash_size > flash_map_largest(map->chip)) {
        rules_report(check, RULE_FLASH_SIZE, FLASH_MAP_ERROR, 0, map->flash_size,
                     "no flash chip for the %s has 0x%x bytes", flash_map_chip_text(map->chip), map->flash_size);
    }
}

void rules_regions(struct check *check) {
    check_flash_size(check);
    for (uint32_t index = 0; index < check->map->map.count; index++) {
        const struct oneslot_partition *region = &check->map->map.partition[index];
        check_place(check, region);
        check_label(check, index);
        check_pairs(check, index);
        check_file_system(check, region);
        check_erase_blocks(check, region);
    }
}
