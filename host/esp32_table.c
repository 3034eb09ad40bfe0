#include "host/esp32_table.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define FIRST         0x9000u ///< behind the table's own sector
#define OTADATA_SIZE  (2 * ONESLOT_SECTOR_SIZE)
#define JOURNAL_SIZE  (2 * ONESLOT_SECTOR_SIZE)
#define SETTINGS_SIZE ONESLOT_SECTOR_SIZE

/// A conversion under way.
struct convert {
    struct plan *plan;
    const struct esp32_table_wishes *wishes;
    uint32_t start; ///< of what the applications of the old table have
    uint32_t end;
    uint32_t behind;  ///< where the next partition begins, or the flash ends
    uint32_t written; ///< what lies between holds something there; 0: it does not
    bool otadata;     ///< the old table has one that stays
};

static bool refuse(struct plan *plan, enum oneslot_error error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static bool refuse(struct plan *plan, enum oneslot_error error, const char *format, ...) {
    va_list arguments;
    plan->error = error;
    va_start(arguments, format);
    vsnprintf(plan->reason, sizeof plan->reason, format, arguments);
    va_end(arguments);
    return false;
}

static uint32_t end_of(const struct oneslot_partition *region) {
    return region->address + region->size;
}

static bool is_app(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_APP;
}

static bool is_otadata(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_DATA && region->subtype == ONESLOT_SUBTYPE_DATA_OTA;
}

const struct oneslot_partition *esp32_table_find(const struct oneslot_map *map, uint8_t type, uint8_t subtype) {
    for (uint32_t index = 0; index < map->count; index++) {
        if (map->partition[index].type == type && map->partition[index].subtype == subtype) {
            return &map->partition[index];
        }
    }
    return NULL;
}

bool esp32_table_is_ours(const struct oneslot_map *map) {
    uint32_t slots = 0;
    for (uint32_t index = 0; index < map->count; index++) {
        slots += esp32_is_slot(&map->partition[index]);
    }
    return slots == 1 && esp32_table_find(map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_OTA_0) != NULL &&
           esp32_table_find(map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY) != NULL &&
           esp32_table_find(map, ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_OTA) != NULL &&
           esp32_table_find(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL) != NULL &&
           esp32_table_find(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_MAP) != NULL;
}

static bool add(struct plan *plan, const char *label, uint8_t type, uint8_t subtype, uint32_t address, uint32_t size) {
    struct oneslot_map *map = &plan->map;
    if (map->count == ONESLOT_MAP_ENTRIES) {
        return refuse(plan, ONESLOT_ERROR_MAP_INVALID, "the partition table has no room for Oneslot's rows: %u at most",
                      ONESLOT_MAP_ENTRIES);
    }
    struct oneslot_partition *region = &map->partition[map->count++];
    *region = (struct oneslot_partition){.type = type, .subtype = subtype, .address = address, .size = size};
    // Partitions are found by their type; a name that an application uses for its own stays the application's.
    bool taken = oneslot_map_find(&plan->map, label) != NULL;
    snprintf(region->label, sizeof region->label, "%s%s", taken ? "os_" : "", label);
    return true;
}

/// The rows that are no application's stay as they are.
static bool keep_data(struct convert *convert) {
    const struct oneslot_map *stock = &convert->wishes->stock->map;
    struct plan *plan = convert->plan;
    for (uint32_t index = 0; index < stock->count; index++) {
        const struct oneslot_partition *region = &stock->partition[index];
        if (end_of(region) > plan->flash_size || end_of(region) < region->address) {
            return refuse(plan, ONESLOT_ERROR_MAP_RANGE,
                          "the partition '%s' of its table, 0x%x to 0x%x, goes past the end of a flash of 0x%x bytes: "
                          "give the size of the flash that it was made for, or a table of your own with --map",
                          region->label, region->address, end_of(region), plan->flash_size);
        }
        if (region->type == ONESLOT_TYPE_ONESLOT &&
            (region->subtype == ONESLOT_SUBTYPE_JOURNAL || region->subtype == ONESLOT_SUBTYPE_MAP)) {
            return refuse(
                plan, ONESLOT_ERROR_MAP_INVALID,
                "its table has a partition '%s' of the type and subtype (0x%x, 0x%x) that Oneslot has for its "
                "own, and is not Oneslot's: give a table of your own with --map",
                region->label, region->type, region->subtype);
        }
        if (is_app(region) || (is_otadata(region) && (convert->otadata || region->size != OTADATA_SIZE))) {
            continue;
        }
        convert->otadata = convert->otadata || is_otadata(region);
        if (plan->map.count == ONESLOT_MAP_ENTRIES) {
            return refuse(plan, ONESLOT_ERROR_MAP_INVALID, "its partition table has more than %u rows",
                          ONESLOT_MAP_ENTRIES);
        }
        plan->map.partition[plan->map.count++] = *region;
    }
    return true;
}

/// Up to where what lies behind the applications is nobody's: no partition, no file system that a MicroPython makes of
/// the rest, and in a dump nothing that is written. IDF and MicroPython up to 1.18 leave such gaps.
static uint32_t free_end(struct convert *convert) {
    const struct esp32_flash *stock = convert->wishes->stock;
    uint32_t end = convert->behind;
    if (end == UINT32_MAX) {
        end = convert->wishes->micropython ? convert->end : convert->plan->flash_size;
    }
    for (uint32_t at = convert->end; at < end && at < stock->size; at++) {
        if (stock->bytes[at] != 0xff) {
            convert->written = at;
            return convert->end;
        }
    }
    return end > convert->end ? end : convert->end;
}

/// Bytes of otadata, journal and settings, as far as they are to be added.
static uint32_t small_parts(const struct convert *convert) {
    return JOURNAL_SIZE + SETTINGS_SIZE + (convert->otadata ? 0 : OTADATA_SIZE);
}

/// The applications' room grows by what is free behind it. At the end of the table it takes no more than is needed: the
/// rest of the flash may be for a file system one day.
static void take_free(struct convert *convert) {
    uint32_t end = free_end(convert);
    if (convert->behind == UINT32_MAX) {
        uint64_t need = (uint64_t)convert->start + convert->wishes->need + ONESLOT_BLOCK_SIZE - 1;
        need = need / ONESLOT_BLOCK_SIZE * ONESLOT_BLOCK_SIZE + ESP32_INSTALLER + ONESLOT_BLOCK_SIZE;
        end = need < end ? (uint32_t)need : end;
    }
    convert->end = end > convert->end ? end : convert->end;
}

/// What lies between the data partitions around the application, from the first application partition there to the end
/// of the last.
static void find_run(struct convert *convert) {
    const struct oneslot_map *stock = &convert->wishes->stock->map;
    const struct oneslot_partition *application = convert->wishes->application;
    uint32_t low = FIRST;
    uint32_t high = UINT32_MAX;
    for (uint32_t index = 0; index < stock->count; index++) {
        const struct oneslot_partition *region = &stock->partition[index];
        if (!is_app(region) && end_of(region) <= application->address && end_of(region) > low) {
            low = end_of(region);
        } else if (!is_app(region) && region->address >= end_of(application) && region->address < high) {
            high = region->address;
        }
    }
    convert->start = application->address;
    convert->end = end_of(application);
    convert->behind = high;
    for (uint32_t index = 0; index < stock->count; index++) {
        const struct oneslot_partition *region = &stock->partition[index];
        if (!is_app(region) || region->address < low || region->address >= high) {
            continue;
        }
        convert->start = region->address < convert->start ? region->address : convert->start;
        convert->end = end_of(region) > convert->end ? end_of(region) : convert->end;
    }
}

/// Says what becomes of the application partitions that are no more.
static void warn_of_slots(struct convert *convert) {
    const struct oneslot_map *stock = &convert->wishes->stock->map;
    const struct oneslot_partition *application = convert->wishes->application;
    struct plan *plan = convert->plan;
    for (uint32_t index = 0; index < stock->count; index++) {
        const struct oneslot_partition *region = &stock->partition[index];
        if (!is_app(region) || region == application) {
            continue;
        }
        struct esp32_image image;
        bool holds = esp32_flash_image(convert->wishes->stock, region, &image) == ONESLOT_ERROR_NONE;
        bool joined = region->address >= convert->start && region->address < convert->end;
        plan_warn(plan,
                  "the partition '%s' (0x%x to 0x%x) is given up%s: %s. Updates over the air into a second slot end "
                  "with it; Oneslot installs from a file instead",
                  region->label, region->address, end_of(region), holds ? ", and with it the application in it" : "",
                  joined ? "its room goes to the one application" : "nothing uses its room from now on");
    }
    if (application->address != convert->start) {
        plan_warn(plan, "the application moves from 0x%x ('%s') to 0x%x: it runs wherever a page of 64 KiB begins",
                  application->address, application->label, convert->start);
    }
}

/// Installer and what is small behind it at the end of the applications' room, the application in front of them.
static bool add_parts(struct convert *convert) {
    struct plan *plan = convert->plan;
    uint32_t small = small_parts(convert);
    uint32_t behind = convert->end - convert->start > small ? convert->end - small : convert->start;
    uint32_t at = behind / ONESLOT_BLOCK_SIZE * ONESLOT_BLOCK_SIZE;
    uint32_t room = at > convert->start + ESP32_INSTALLER ? at - ESP32_INSTALLER - convert->start : 0;
    if (room < convert->wishes->need) {
        char written[80] = "";
        if (convert->written != 0) {
            snprintf(written, sizeof written, " (what lies behind is in no partition, but 0x%x holds something)",
                     convert->written);
        }
        return refuse(plan, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                      "the application has %u bytes, and beside Oneslot's parts (0x%x bytes, on pages of 64 KiB) its "
                      "partition has %u: 0x%x to 0x%x is all there is%s. A table of your own (--map) can give it more",
                      convert->wishes->need, ESP32_INSTALLER + small, room, convert->start, convert->end, written);
    }
    at -= ESP32_INSTALLER;
    bool added = add(plan, "ota_0", ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_OTA_0, convert->start, at - convert->start) &&
                 add(plan, "installer", ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, at, ESP32_INSTALLER);
    at += ESP32_INSTALLER;
    if (added && !convert->otadata) {
        added = add(plan, "otadata", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_OTA, at, OTADATA_SIZE);
        at += OTADATA_SIZE;
    }
    return added && add(plan, "journal", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL, at, JOURNAL_SIZE) &&
           add(plan, "settings", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_MAP, at + JOURNAL_SIZE, SETTINGS_SIZE);
}

static void sort(struct oneslot_map *map) {
    for (uint32_t index = 1; index < map->count; index++) {
        struct oneslot_partition region = map->partition[index];
        uint32_t place = index;
        for (; place > 0 && map->partition[place - 1].address > region.address; place--) {
            map->partition[place] = map->partition[place - 1];
        }
        map->partition[place] = region;
    }
}

/// Where a MicroPython has made itself a file system: from 1.26 on its table has no row for it, and it takes what lies
/// behind the last row. Returns 0 for a table that has one. Source: MicroPython, ports/esp32/main.c, app_startup.
uint32_t esp32_table_rest(const struct oneslot_map *map, uint32_t flash_size) {
    uint32_t end = 0;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        bool named = strcmp(region->label, "vfs") == 0 || strcmp(region->label, "ffat") == 0;
        if (region->type == ONESLOT_TYPE_DATA && named) {
            return 0;
        }
        end = end_of(region) > end ? end_of(region) : end;
    }
    return end < flash_size && flash_size - end >= ONESLOT_BLOCK_SIZE ? end : 0;
}

/// A file system that ends the table gets what is left of the flash. MicroPython's without a row gets one, where it is:
/// behind the old table's last row, whatever the new one's is.
static bool settle_file_system(struct convert *convert) {
    struct plan *plan = convert->plan;
    const struct esp32_table_wishes *wishes = convert->wishes;
    sort(&plan->map);
    struct oneslot_partition *last = &plan->map.partition[plan->map.count - 1];
    uint32_t rest = wishes->micropython ? esp32_table_rest(&wishes->stock->map, plan->flash_size) : 0;
    if (rest != 0) {
        return add(plan, "vfs", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, rest, plan->flash_size - rest);
    }
    if (oneslot_map_file_system(&plan->map) == last) {
        if (!wishes->content && last->address >= wishes->stock->base + wishes->stock->file_size) {
            last->size = plan->flash_size - last->address;
        }
        return true;
    }
    return true;
}

/// Oneslot's own table again, with the room that it has.
static bool keep_ours(struct plan *plan, const struct esp32_table_wishes *wishes) {
    plan->map = wishes->stock->map;
    const struct oneslot_partition *slot = esp32_table_find(&plan->map, ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_OTA_0);
    for (uint32_t index = 0; index < plan->map.count; index++) {
        const struct oneslot_partition *region = &plan->map.partition[index];
        if (end_of(region) > plan->flash_size) {
            return refuse(plan, ONESLOT_ERROR_MAP_RANGE,
                          "the partition '%s', 0x%x to 0x%x, goes past the end of the "
                          "flash, 0x%x",
                          region->label, region->address, end_of(region), plan->flash_size);
        }
    }
    return wishes->need <= slot->size ||
           refuse(plan, ONESLOT_ERROR_IMAGE_TOO_LARGE, "the application has %u bytes, its partition '%s' %u",
                  wishes->need, slot->label, slot->size);
}

bool esp32_table_convert(struct plan *plan, const struct esp32_table_wishes *wishes) {
    struct convert convert = {.plan = plan, .wishes = wishes};
    if (esp32_table_is_ours(&wishes->stock->map)) {
        return keep_ours(plan, wishes);
    }
    plan->map.count = 0;
    if (!keep_data(&convert)) {
        return false;
    }
    find_run(&convert);
    take_free(&convert);
    if (!add_parts(&convert)) {
        return false;
    }
    warn_of_slots(&convert);
    return settle_file_system(&convert);
}
