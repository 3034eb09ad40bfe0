/*
 * A dump of a flash, made into the image of another map. See move.h.
 */
#include "host/map/move.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/size.h"

#define ENCRYPTED   1u
#define TABLE       0x8000u /* ESP32 family, ESP-IDF's default */
#define APPLICATION 0x10000u
#define OTADATA     0x00u
/// Which of the SDK's sectors is new in SDK 2: it holds what the SDK finds out again by itself.
#define WITH_CALIBRATION 0x5000u

/// Which new region each old one goes to.
struct matches {
    const struct oneslot_partition *to[ONESLOT_MAP_ENTRIES];
    bool taken[ONESLOT_MAP_ENTRIES];
};

const char *flash_map_step_name(enum flash_map_step_kind kind) {
    static const char *const NAMES[] = {
        [FLASH_MAP_STEP_KEEP] = "keep",   [FLASH_MAP_STEP_COPY] = "copy",       [FLASH_MAP_STEP_REBUILD] = "rebuild",
        [FLASH_MAP_STEP_WRITE] = "write", [FLASH_MAP_STEP_ERASE] = "new",       [FLASH_MAP_STEP_DROP] = "drop",
        [FLASH_MAP_STEP_NOTE] = "note",   [FLASH_MAP_STEP_WARNING] = "warning",
    };
    return NAMES[kind];
}

void move_step(const struct move *move, enum flash_map_step_kind kind, const struct oneslot_partition *from,
               const struct oneslot_partition *to, const char *format, ...) {
    struct flash_map_steps *steps = move->steps;
    if (steps->count == FLASH_MAP_STEPS) {
        return;
    }
    struct flash_map_step *step = &steps->step[steps->count++];
    memset(step, 0, sizeof *step);
    step->kind = kind;
    if (from != NULL || to != NULL) {
        memcpy(step->label, to != NULL ? to->label : from->label, sizeof step->label);
    }
    if (from != NULL) {
        step->from = from->address;
        step->from_size = from->size;
    }
    if (to != NULL) {
        step->to = to->address;
        step->to_size = to->size;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(step->text, sizeof step->text, format, arguments);
    va_end(arguments);
}

uint32_t move_used(const uint8_t *bytes, uint32_t size) {
    while (size > 0 && bytes[size - 1] == 0xff) {
        size--;
    }
    return size;
}

const struct oneslot_partition *move_find(const struct oneslot_map *map, uint8_t type, int subtype) {
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        if (region->type == type && (subtype < 0 || region->subtype == subtype)) {
            return region;
        }
    }
    return NULL;
}

bool move_is_dropped(const struct move *move, const struct oneslot_partition *region) {
    for (size_t index = 0; index < move->how->drops; index++) {
        if (strcmp(move->how->drop[index], region->label) == 0) {
            return true;
        }
    }
    return false;
}

static const uint8_t *old_bytes(const struct move *move, const struct oneslot_partition *region) {
    return move->from->bytes + region->address;
}

/// What must hold before a byte is looked at: every access below relies on it.

static bool check_regions(const struct move *move, const struct flash_map *map, const char *which, uint32_t size) {
    const struct oneslot_partition *region = map->map.partition;
    if (map->map.count == 0 || map->map.count > ONESLOT_MAP_ENTRIES) {
        return flash_map_refuse(move->reason, "the %s map has no regions", which);
    }
    for (uint32_t i = 0; i < map->map.count; i++) {
        uint64_t end = (uint64_t)region[i].address + region[i].size;
        if (region[i].size == 0 || region[i].size % ONESLOT_SECTOR_SIZE != 0 ||
            region[i].address % ONESLOT_SECTOR_SIZE != 0) {
            return flash_map_refuse(move->reason,
                                    "the %s map's '%s' (0x%x with 0x%x bytes) does not lie on sectors of 0x1000", which,
                                    region[i].label, region[i].address, region[i].size);
        }
        if (end > size) {
            return flash_map_refuse(move->reason, "the %s map's '%s' ends at 0x%llx, and the %s ends at 0x%x", which,
                                    region[i].label, (unsigned long long)end, map == move->from ? "dump" : "flash",
                                    size);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (region[i].address < region[j].address + region[j].size && region[j].address < end) {
                return flash_map_refuse(move->reason,
                                        "the %s map's '%s' (0x%x to 0x%x) and '%s' (0x%x to 0x%llx) overlap", which,
                                        region[j].label, region[j].address, region[j].address + region[j].size,
                                        region[i].label, region[i].address, (unsigned long long)end);
            }
            if (strcmp(region[i].label, region[j].label) == 0) {
                return flash_map_refuse(move->reason, "the %s map has two regions '%s'", which, region[i].label);
            }
        }
    }
    return true;
}

static bool check_maps(const struct move *move) {
    const struct flash_map *from = move->from;
    const struct flash_map *to = move->to;
    if (from->bytes == NULL) {
        return flash_map_refuse(move->reason, "what is to be moved is no dump of a flash");
    }
    if (from->size < from->flash_size) {
        return flash_map_refuse(move->reason,
                                "the dump has %u bytes, and the old map is of a flash of %u: %u are missing",
                                from->size, from->flash_size, from->flash_size - from->size);
    }
    // The ESP32s have one and the same table.
    if ((from->chip == FLASH_MAP_ESP8266) != (to->chip == FLASH_MAP_ESP8266)) {
        return flash_map_refuse(move->reason, "the old map is for the %s, the new one for the %s",
                                flash_map_chip_text(from->chip), flash_map_chip_text(to->chip));
    }
    if (from->faults & ~FLASH_MAP_FAULT_NO_MD5) {
        return flash_map_refuse(move->reason,
                                "the partition table in the dump is damaged at 0x%x: give the old map with --from",
                                from->fault_at);
    }
    if (to->faults & ~FLASH_MAP_FAULT_NO_MD5) {
        return flash_map_refuse(move->reason, "the new map's partition table is damaged at 0x%x", to->fault_at);
    }
    if (to->flash_size == 0 || to->flash_size % ONESLOT_BLOCK_SIZE != 0) {
        return flash_map_refuse(move->reason, "the new map is of a flash of 0x%x bytes: there is no such flash",
                                to->flash_size);
    }
    return check_regions(move, from, "old", from->size) && check_regions(move, to, "new", to->flash_size);
}

/// An ESP32's bootloader and partition table lie below the regions that the table names.

static uint32_t table_of(const struct flash_map *map) {
    return map->table != 0 ? map->table : TABLE;
}

static bool move_table(const struct move *move) {
    uint32_t table = table_of(move->from);
    uint32_t behind = table + ONESLOT_SECTOR_SIZE;
    if (move->from->size != move->to->flash_size) {
        return flash_map_refuse(move->reason,
                                "the dump has %u bytes, the new map's flash %u: the bootloader's header knows the old "
                                "size, and esptool alone can change it",
                                move->from->size, move->to->flash_size);
    }
    if (behind > move->from->size) {
        return flash_map_refuse(move->reason, "the dump ends before the partition table at 0x%x", table);
    }
    for (uint32_t index = 0; index < move->to->map.count; index++) {
        const struct oneslot_partition *region = &move->to->map.partition[index];
        if (region->address < behind && (region->type == ONESLOT_TYPE_APP || region->type == ONESLOT_TYPE_DATA)) {
            return flash_map_refuse(move->reason,
                                    "the new map's '%s' at 0x%x lies over the bootloader or the partition table",
                                    region->label, region->address);
        }
    }
    const uint8_t *old = move->from->bytes + table;
    if (move_used(old + ONESLOT_MAP_BYTES, ONESLOT_SECTOR_SIZE - ONESLOT_MAP_BYTES) != 0) {
        return flash_map_refuse(move->reason,
                                "the partition table in the dump is signed: another cannot be put in its place");
    }
    memcpy(move->out, move->from->bytes, table);
    oneslot_map_write(&move->to->map, move->out + table);
    struct oneslot_partition place = {.address = table, .size = ONESLOT_SECTOR_SIZE, .label = "partition table"};
    move_step(move, FLASH_MAP_STEP_WRITE, &place, &place, "the new map; the bootloader before it as it was");
    return true;
}

/// Each kind of region.

bool move_bytes(const struct move *move, const struct move_pair *pair) {
    const struct oneslot_partition *from = pair->from;
    const struct oneslot_partition *to = pair->to;
    uint32_t used = move_used(old_bytes(move, from), from->size);
    if (used > to->size) {
        return flash_map_refuse(move->reason,
                                "'%s': %u bytes of it are in use, the new region has %u: %u bytes are missing",
                                from->label, used, to->size, used - to->size);
    }
    memcpy(move->out + to->address, old_bytes(move, from), used);
    move_step(move, from->address == to->address ? FLASH_MAP_STEP_KEEP : FLASH_MAP_STEP_COPY, from, to,
              "%u bytes in use, as they were", used);
    return true;
}

/// The SDK counts its sectors from the end: the last ones stay the last ones.
static bool move_system(const struct move *move, const struct move_pair *pair) {
    const struct oneslot_partition *from = pair->from;
    const struct oneslot_partition *to = pair->to;
    uint32_t size = from->size < to->size ? from->size : to->size;
    uint32_t lost = from->size - size;
    if (move_used(old_bytes(move, from), lost) != 0 && from->size != WITH_CALIBRATION) {
        return flash_map_refuse(move->reason, "'%s': the first %u of its sectors have no place in the new map",
                                from->label, lost / ONESLOT_SECTOR_SIZE);
    }
    memcpy(move->out + to->address + to->size - size, old_bytes(move, from) + lost, size);
    struct oneslot_partition old_part = *from;
    struct oneslot_partition new_part = *to;
    old_part.address += lost;
    new_part.address += to->size - size;
    old_part.size = new_part.size = size;
    move_step(move, old_part.address == new_part.address ? FLASH_MAP_STEP_KEEP : FLASH_MAP_STEP_COPY, &old_part,
              &new_part, "the SDK's last %u sectors (PHY data, parameters)", size / ONESLOT_SECTOR_SIZE);
    if (to->size > size) {
        new_part.address = to->address;
        new_part.size = to->size - size;
        move_step(move, FLASH_MAP_STEP_ERASE, NULL, &new_part, "%u more before them: the SDK fills in RF calibration",
                  new_part.size / ONESLOT_SECTOR_SIZE);
    } else if (lost != 0) {
        old_part.address = from->address;
        old_part.size = lost;
        move_step(move, FLASH_MAP_STEP_DROP, &old_part, NULL, "RF calibration: the SDK finds it out again");
    }
    return true;
}

static bool move_native(const struct move *move, const struct move_pair *pair) {
    if (pair->from->address != pair->to->address) {
        return flash_map_refuse(
            move->reason,
            "'%s' cannot move from 0x%x to 0x%x: its code at 0x%x is linked to flash 0x%x ('--drop %s' "
            "gives it up)",
            pair->from->label, pair->from->address, pair->to->address, 0x40200000u + pair->from->address,
            pair->from->address, pair->from->label);
    }
    return move_bytes(move, pair);
}

static bool move_esp32_application(const struct move *move, const struct move_pair *pair) {
    if (pair->to->address % APPLICATION != 0) {
        return flash_map_refuse(move->reason, "the new map's '%s' at 0x%x: an application begins on 64 KiB",
                                pair->to->label, pair->to->address);
    }
    return move_bytes(move, pair);
}

static bool move_region(const struct move *move, const struct move_pair *pair) {
    bool esp8266 = move->from->chip == FLASH_MAP_ESP8266;
    const struct oneslot_partition *from = pair->from;
    if ((from->flags & ENCRYPTED) != 0 && from->address != pair->to->address) {
        return flash_map_refuse(move->reason, "'%s' cannot move from 0x%x to 0x%x: it is encrypted, for its address",
                                from->label, from->address, pair->to->address);
    }
    if (move_used(old_bytes(move, from), from->size) == 0) {
        move_step(move, FLASH_MAP_STEP_ERASE, from, pair->to, "erased before, erased now");
        return true;
    }
    if (from->type == ONESLOT_TYPE_APP) {
        return esp8266 ? move_firmware(move, pair) : move_esp32_application(move, pair);
    }
    if (from->type == ONESLOT_TYPE_DATA && from->subtype == OTADATA && from->size != pair->to->size) {
        return flash_map_refuse(move->reason,
                                "'%s' has 0x%x bytes in the old map and 0x%x in the new one: it cannot change",
                                from->label, from->size, pair->to->size);
    }
    if (move_is_file_system(from)) {
        return move_file_system(move, pair);
    }
    if (from->type == ONESLOT_TYPE_ONESLOT && from->subtype == ONESLOT_SUBTYPE_NATIVE) {
        return move_native(move, pair);
    }
    if (from->type == ONESLOT_TYPE_ONESLOT && from->subtype == ONESLOT_SUBTYPE_SYSTEM) {
        return move_system(move, pair);
    }
    return move_bytes(move, pair);
}

/// Which old region becomes which new one: the label counts, then type and subtype.

static bool same_kind(const struct oneslot_partition *from, const struct oneslot_partition *to, bool exactly) {
    if (move_is_file_system(from) && move_is_file_system(to)) {
        return !exactly || from->subtype == to->subtype;
    }
    // factory and ota_0 are the same application.
    return from->type == to->type && (from->subtype == to->subtype || (from->type == ONESLOT_TYPE_APP && !exactly));
}

enum { BY_LABEL, BY_SUBTYPE, BY_KIND, MATCH_PASSES };

static void match(const struct move *move, struct matches *matches) {
    const struct oneslot_map *from = &move->from->map;
    const struct oneslot_map *to = &move->to->map;
    for (unsigned pass = 0; pass < MATCH_PASSES; pass++) {
        for (uint32_t i = 0; i < from->count; i++) {
            for (uint32_t j = 0; j < to->count && matches->to[i] == NULL; j++) {
                const struct oneslot_partition *one = &from->partition[i];
                const struct oneslot_partition *two = &to->partition[j];
                bool fits = pass != BY_LABEL || strcmp(one->label, two->label) == 0;
                if (fits && !matches->taken[j] && same_kind(one, two, pass == BY_SUBTYPE)) {
                    matches->to[i] = two;
                    matches->taken[j] = true;
                }
            }
        }
    }
}

static bool check_drops(const struct move *move) {
    for (size_t index = 0; index < move->how->drops; index++) {
        const struct oneslot_partition *region = oneslot_map_find(&move->from->map, move->how->drop[index]);
        if (region == NULL) {
            return flash_map_refuse(move->reason, "--drop %s: the old map has no such region", move->how->drop[index]);
        }
        if (move->from->chip == FLASH_MAP_ESP8266 && move_is_oneslot(region) &&
            move_find(&move->to->map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER) != NULL) {
            return flash_map_refuse(move->reason, "--drop %s: it is a part of Oneslot, which the new map keeps",
                                    region->label);
        }
    }
    return true;
}

static bool is_left_behind(const struct move *move, const struct matches *matches, uint32_t index) {
    return matches->to[index] == NULL || move_is_dropped(move, &move->from->map.partition[index]);
}

/// All that would be lost without a word is named at once.
static bool check_left_behind(const struct move *move, const struct matches *matches) {
    char names[200] = "";
    size_t used = 0;
    for (uint32_t index = 0; index < move->from->map.count; index++) {
        const struct oneslot_partition *region = &move->from->map.partition[index];
        if (matches->to[index] == NULL && !move_is_dropped(move, region) &&
            move_used(old_bytes(move, region), region->size) != 0 && used < sizeof names) {
            used += (size_t)snprintf(names + used, sizeof names - used, "%s'%s'", used == 0 ? "" : ", ", region->label);
        }
    }
    if (used == 0) {
        return true;
    }
    return flash_map_refuse(move->reason, "the new map has no place for %s: --drop with the label gives a region up",
                            names);
}

static bool is_oneslot(const struct move *move, const struct oneslot_partition *region) {
    return move->from->chip == FLASH_MAP_ESP8266 && move_is_oneslot(region);
}

static bool move_regions(const struct move *move, const struct matches *matches) {
    for (uint32_t index = 0; index < move->from->map.count; index++) {
        struct move_pair pair = {.from = &move->from->map.partition[index], .to = matches->to[index]};
        if (is_left_behind(move, matches, index)) {
            uint32_t used = move_used(old_bytes(move, pair.from), pair.from->size);
            move_step(move, FLASH_MAP_STEP_DROP, pair.from, NULL,
                      used == 0 ? "it was erased" : "given up, as was asked");
        } else if (!is_oneslot(move, pair.from) && !move_region(move, &pair)) {
            return false;
        }
    }
    for (uint32_t index = 0; index < move->to->map.count; index++) {
        if (!matches->taken[index] && !is_oneslot(move, &move->to->map.partition[index])) {
            move_step(move, FLASH_MAP_STEP_ERASE, NULL, &move->to->map.partition[index], "there was none before");
        }
    }
    return true;
}

/// Bytes that the old map says nothing of.

static uint32_t next_region(const struct move *move, uint32_t address, bool *inside) {
    uint32_t next = move->from->size;
    *inside = false;
    for (uint32_t index = 0; index < move->from->map.count; index++) {
        const struct oneslot_partition *region = &move->from->map.partition[index];
        if (address >= region->address && address < region->address + region->size) {
            *inside = true;
            return region->address + region->size;
        }
        next = region->address > address && region->address < next ? region->address : next;
    }
    return next;
}

static void tell_gaps(const struct move *move) {
    uint32_t address = move->from->chip == FLASH_MAP_ESP8266 ? 0 : table_of(move->from) + ONESLOT_SECTOR_SIZE;
    while (address < move->from->size) {
        bool inside;
        uint32_t end = next_region(move, address, &inside);
        uint32_t used = inside ? 0 : move_used(move->from->bytes + address, end - address);
        if (used != 0) {
            struct oneslot_partition gap = {.address = address, .size = end - address, .label = "(no region)"};
            move_step(move, FLASH_MAP_STEP_NOTE, &gap, NULL, "%u bytes that belong to no region stay behind", used);
        }
        address = end;
    }
}

static bool run(const struct move *move) {
    struct matches matches = {0};
    match(move, &matches);
    bool esp8266 = move->from->chip == FLASH_MAP_ESP8266;
    if (!check_drops(move) || !check_left_behind(move, &matches) ||
        !(esp8266 ? move_oneslot(move) : move_table(move)) || !move_regions(move, &matches)) {
        return false;
    }
    tell_gaps(move);
    return true;
}

bool flash_map_move(const struct flash_map *from, const struct flash_map *to, const struct flash_map_move *how,
                    uint8_t **out, struct flash_map_steps *steps, char *reason) {
    struct move move = {.from = from, .to = to, .how = how, .steps = steps, .reason = reason};
    steps->count = 0;
    *out = NULL;
    if (!check_maps(&move)) {
        return false;
    }
    move.out = malloc(to->flash_size);
    if (move.out == NULL) {
        return flash_map_refuse(reason, "memory ran out");
    }
    memset(move.out, 0xff, to->flash_size);
    if (!run(&move)) {
        free(move.out);
        return false;
    }
    *out = move.out;
    return true;
}
