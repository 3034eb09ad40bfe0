/*
 * Reading maps from all that holds one. What is broken is read as it is: naming it is the check's business.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "bearssl_hash.h"
#include "host/bytes.h"
#include "host/esp32.h"
#include "host/file.h"
#include "host/foreign.h"
#include "host/map/flash_map.h"
#include "host/map/implied.h"
#include "host/map_csv.h"
#include "host/size.h"
#include "oneslot/layout.h"

#define MEGABYTE 0x100000u
/// The largest flash of the ESP32 family that esptool knows.
#define LARGEST_FILE (128 * MEGABYTE)
#define ROW_SIZE     32u
/// Where ESP-IDF puts its table, and behind it the first region; CONFIG_PARTITION_TABLE_OFFSET.
#define IDF_TABLE   0x8000u
#define IDF_REGIONS 0x9000u
#define IDF_ALIGN   0x10000u
/// The second-stage boot loader of ESP32 and ESP32-S2, which merged firmware files begin with.
#define IDF_BOOT_LOADER   0x1000u
#define SUBTYPE_NVS       0x02u
#define SUBTYPE_CORE_DUMP 0x03u
#define SUBTYPE_NVS_KEYS  0x04u

static void add_note(struct flash_map *map, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add_note(struct flash_map *map, const char *format, ...) {
    size_t used = strlen(map->note);
    if (used > 0 && used + 3 < sizeof map->note) {
        memcpy(map->note + used, "; ", 3);
        used += 2;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(map->note + used, sizeof map->note - used, format, arguments);
    va_end(arguments);
}

/// What a map that does not say it leaves to be guessed.

/// A table alone: Oneslot's own rows and a program at flash 0 are the ESP8266's; NVS, its keys, otadata and core dumps
/// are ESP-IDF's, and so is an encrypted partition: the ESP8266 cannot encrypt its flash.
static enum flash_map_chip guess_chip(const struct oneslot_map *map) {
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *row = &map->partition[index];
        if (row->type == ONESLOT_TYPE_DATA &&
            (row->subtype == SUBTYPE_NVS || row->subtype == ONESLOT_SUBTYPE_DATA_OTA ||
             row->subtype == SUBTYPE_CORE_DUMP || row->subtype == SUBTYPE_NVS_KEYS)) {
            return FLASH_MAP_ESP32;
        }
        if ((row->type == ONESLOT_TYPE_DATA || row->type == ONESLOT_TYPE_APP) && (row->flags & 1u) != 0) {
            return FLASH_MAP_ESP32;
        }
    }
    return FLASH_MAP_ESP8266;
}

/// The smallest usual flash that holds all regions.
static uint32_t guess_flash_size(const struct oneslot_map *map) {
    uint64_t end = 0;
    for (uint32_t index = 0; index < map->count; index++) {
        uint64_t here = (uint64_t)map->partition[index].address + map->partition[index].size;
        end = here > end ? here : end;
    }
    uint32_t size = MEGABYTE / 2;
    while (size < end && size < LARGEST_FILE) {
        size *= 2;
    }
    return size;
}

static void settle(struct flash_map *map, const struct flash_map_hints *hints) {
    char size[24];
    if (hints->flash_size != 0) {
        map->flash_size = hints->flash_size;
    }
    if (map->flash_size == 0) {
        map->flash_size = guess_flash_size(&map->map);
        add_note(map, "the size of the flash is not given: %s is assumed", size_text(map->flash_size, size));
    }
    map->sdk = hints->sdk != 0 ? hints->sdk : map->sdk;
}

/// Whether the caller named a chip. ESP8266, which is 0 there, is what is assumed anyway.
static bool chip_given(const struct flash_map_hints *hints) {
    return hints->chip != FLASH_MAP_ESP8266 && hints->chip < FLASH_MAP_CHIPS;
}

/// Binary tables.

static bool is_erased(const uint8_t *row) {
    for (uint32_t index = 0; index < ROW_SIZE; index++) {
        if (row[index] != 0xff) {
            return false;
        }
    }
    return true;
}

static void add_fault(struct flash_map *map, uint32_t fault, uint32_t address) {
    if (map->faults == 0) {
        map->fault_at = address;
    }
    map->faults |= fault;
}

static void read_row(struct flash_map *map, const uint8_t *row, uint32_t address) {
    if (map->map.count == ONESLOT_MAP_ENTRIES) {
        add_fault(map, FLASH_MAP_FAULT_ROWS, address);
        return;
    }
    struct oneslot_partition *region = &map->map.partition[map->map.count++];
    *region = (struct oneslot_partition){.type = row[2],
                                         .subtype = row[3],
                                         .address = word_at(row + 4),
                                         .size = word_at(row + 8),
                                         .flags = word_at(row + 28)};
    memcpy(region->label, row + 12, 16);
}

static bool md5_matches(const uint8_t *bytes, uint32_t length, const uint8_t *expected) {
    uint8_t digest[br_md5_SIZE];
    br_md5_context context;
    br_md5_init(&context);
    br_md5_update(&context, bytes, length);
    br_md5_out(&context, digest);
    return memcmp(digest, expected, sizeof digest) == 0;
}

/// Reads what there is of a table, as core/map.c does a faultless one. `address` is where it lies, for the faults.
static void read_table(struct flash_map *map, const uint8_t *bytes, uint32_t length, uint32_t address) {
    bool proven = false;
    map->map.count = 0;
    for (uint32_t offset = 0; offset + ROW_SIZE <= length && !is_erased(bytes + offset); offset += ROW_SIZE) {
        const uint8_t *row = bytes + offset;
        uint32_t magic = row[0] | (uint32_t)row[1] << 8;
        if (proven) {
            add_fault(map, FLASH_MAP_FAULT_BEHIND, address + offset);
        }
        if (magic == 0xebeb) {
            proven = true;
            if (!md5_matches(bytes, offset, row + 16)) {
                add_fault(map, FLASH_MAP_FAULT_MD5, address + offset);
            }
            continue;
        }
        if (magic != 0x50aa) {
            add_fault(map, FLASH_MAP_FAULT_MAGIC, address + offset);
        }
        read_row(map, row, address + offset);
    }
    if (map->map.count == 0) {
        add_fault(map, FLASH_MAP_FAULT_EMPTY, address);
    } else if (!proven) {
        add_fault(map, FLASH_MAP_FAULT_NO_MD5, address + map->map.count * ROW_SIZE);
    }
}

/// A table as a file of its own: rows and nothing else. One row may have lost its magic.
static bool is_table(const uint8_t *bytes, uint32_t size) {
    if (size < ROW_SIZE || size > 0x1000 || size % ROW_SIZE != 0) {
        return false;
    }
    for (uint32_t offset = 0; offset + ROW_SIZE <= size; offset += ROW_SIZE) {
        uint32_t magic = bytes[offset] | (uint32_t)bytes[offset + 1] << 8;
        if (magic == 0x50aa || magic == 0xebeb) {
            return true;
        }
    }
    return false;
}

static void load_table(struct flash_map *map, const uint8_t *bytes, uint32_t size,
                       const struct flash_map_hints *hints) {
    map->origin = FLASH_MAP_TABLE;
    read_table(map, bytes, size, 0);
    map->chip = chip_given(hints) ? hints->chip : guess_chip(&map->map);
}

/// CSV.

static bool set_fact(struct flash_map *map, const char *key, const char *value, char *reason) {
    struct flash_map_hints hints = {.chip = map->chip};
    uint32_t number;
    if (strcmp(key, "system") == 0 && size_parse(value, &number) && number >= 1 && number <= 16) {
        map->system_sectors = (uint8_t)number;
        return true;
    }
    if (strcmp(key, "irom") == 0 && size_parse(value, &number)) {
        map->irom = number;
        return true;
    }
    if (!flash_map_hint(&hints, strcmp(key, "flash") == 0 ? "flash-size" : key, value, reason)) {
        return false;
    }
    map->chip = hints.chip;
    map->flash_size = hints.flash_size != 0 ? hints.flash_size : map->flash_size;
    map->sdk = hints.sdk != 0 ? hints.sdk : map->sdk;
    return true;
}

/// The comment "# oneslot: chip=esp8266 flash=4MB sdk=2 system=4 irom=0x1010", of which each part may be missing.
static bool read_comment(struct flash_map *map, const char *text, bool *chip_known, char *reason) {
    static const char mark[] = "oneslot:";
    const char *comment = NULL;
    for (const char *line = text; comment == NULL && line != NULL; line = strchr(line, '\n')) {
        line += strspn(line, "\r\n");
        const char *word = line + strspn(line, "# \t");
        comment = line[0] == '#' && strncmp(word, mark, strlen(mark)) == 0 ? word + strlen(mark) : NULL;
    }
    if (comment == NULL) {
        return true;
    }
    char copy[256];
    snprintf(copy, sizeof copy, "%.*s", (int)strcspn(comment, "\r\n"), comment);
    char *rest = NULL;
    for (char *word = strtok_r(copy, " \t", &rest); word != NULL; word = strtok_r(NULL, " \t", &rest)) {
        char *value = strchr(word, '=');
        if (value == NULL) {
            return flash_map_refuse(reason, "in the comment '# oneslot:', '%.100s' is not of the form name=value",
                                    word);
        }
        *value++ = 0;
        *chip_known = *chip_known || strcmp(word, "chip") == 0;
        if (!set_fact(map, word, value, reason)) {
            return false;
        }
    }
    return true;
}

static bool load_csv(struct flash_map *map, const char *text, const struct flash_map_hints *hints, char *reason) {
    bool chip_known = chip_given(hints);
    map->origin = FLASH_MAP_CSV;
    text = map_csv_text(text);
    if (!read_comment(map, text, &chip_known, reason)) {
        return false;
    }
    if (chip_given(hints)) {
        map->chip = hints->chip;
    }
    struct map_csv_way way = {.as_written = true, .table = IDF_TABLE, .boot_loader = IDF_BOOT_LOADER};
    if (!chip_known) {
        if (!map_csv_read(&map->map, text, &way, reason, FLASH_MAP_TEXT)) {
            return false;
        }
        map->chip = guess_chip(&map->map);
    }
    way.table = 0;
    if (map->chip != FLASH_MAP_ESP8266) {
        way.behind = IDF_REGIONS;
        way.app_align = IDF_ALIGN;
        way.table = IDF_TABLE;
        way.boot_loader = flash_map_boot_loader(map->chip);
    }
    return map_csv_read(&map->map, text, &way, reason, FLASH_MAP_TEXT);
}

static bool is_text(const uint8_t *bytes, uint32_t size) {
    for (uint32_t index = 0; index < size; index++) {
        if (bytes[index] == 0xff) {
            return false;
        }
        if (bytes[index] < 0x20 && bytes[index] != '\n' && bytes[index] != '\r' && bytes[index] != '\t') {
            return false;
        }
    }
    return size > 0 && size <= 0x10000;
}

/// Dumps and firmware.

/// The chip, and the size of the flash, by the header of an image of ESP-IDF.
static bool idf_header(const uint8_t *bytes, uint32_t size, uint32_t offset, enum flash_map_chip *chip,
                       uint32_t *flash_size) {
    if (offset > size || !esp32_header(bytes + offset, size - offset)) {
        return false;
    }
    *chip = flash_map_chip_parse(firmware_esp32_chip(bytes + offset, size - offset));
    *flash_size = esp32_flash_size(bytes + offset);
    return *chip < FLASH_MAP_CHIPS;
}

static bool holds_table(const uint8_t *bytes, uint32_t size, uint32_t offset) {
    return offset < size && size - offset >= ROW_SIZE && bytes[offset] == 0xaa && bytes[offset + 1] == 0x50;
}

/// Puts erased flash in front, so that offsets in `bytes` are flash addresses.
static bool move_up(struct flash_map *map, uint32_t distance, char *reason) {
    uint8_t *moved = malloc((size_t)map->size + distance);
    if (moved == NULL) {
        return flash_map_refuse(reason, "there is not enough memory");
    }
    memset(moved, 0xff, distance);
    memcpy(moved + distance, map->bytes, map->size);
    free(map->bytes);
    map->bytes = moved;
    map->size += distance;
    return true;
}

static uint32_t table_room(const struct flash_map *map) {
    uint32_t room = map->size - map->table;
    return room < ONESLOT_MAP_BYTES ? room : ONESLOT_MAP_BYTES;
}

/// A dump, or a firmware merged with its boot loader and table.
static bool load_idf(struct flash_map *map, const struct flash_map_hints *hints, bool whole) {
    uint32_t named = 0;
    enum flash_map_chip chip = FLASH_MAP_ESP32;
    if (!idf_header(map->bytes, map->size, 0, &chip, &named)) {
        idf_header(map->bytes, map->size, IDF_BOOT_LOADER, &chip, &named);
    }
    map->origin = whole ? FLASH_MAP_DUMP : FLASH_MAP_FIRMWARE;
    map->chip = chip_given(hints) ? hints->chip : chip;
    map->flash_size = whole ? map->size : named;
    map->table = IDF_TABLE;
    read_table(map, map->bytes + map->table, table_room(map), map->table);
    return true;
}

/// A flash that `oneslot image` made: the layout block says where the map is.
static bool load_oneslot(struct flash_map *map) {
    struct oneslot_layout layout;
    if (map->size < ONESLOT_LAYOUT_ADDRESS + sizeof layout) {
        return false;
    }
    memcpy(&layout, map->bytes + ONESLOT_LAYOUT_ADDRESS, sizeof layout);
    if (!oneslot_layout_valid(&layout) || layout.map >= map->size) {
        return false;
    }
    map->origin = FLASH_MAP_DUMP;
    map->chip = FLASH_MAP_ESP8266;
    map->flash_size = layout.flash_size;
    map->table = layout.map;
    map->note[0] = 0;
    read_table(map, map->bytes + map->table, table_room(map), map->table);
    return true;
}

static bool is_flash_size(uint32_t size) {
    return size >= MEGABYTE / 4 && (size & (size - 1)) == 0;
}

static bool load_esp8266_dump(struct flash_map *map, const struct flash_map_hints *hints, char *reason) {
    struct firmware firmware;
    if (!flash_map_firmware_at(&firmware, map->bytes, map->size)) {
        return flash_map_refuse(reason, "this dump has no map in it, and no firmware at 0 that would imply one");
    }
    map->origin = FLASH_MAP_DUMP;
    map->flash_size = hints->flash_size != 0 ? hints->flash_size : map->size;
    map->sdk = hints->sdk;
    flash_map_imply(map, &firmware);
    return true;
}

static bool load_firmware(struct flash_map *map, const struct flash_map_hints *hints, char *reason) {
    struct firmware firmware;
    firmware_read(&firmware, map->bytes, map->size);
    // What ends early or fails its digest is a firmware all the same, if a segment of it was found.
    bool other_chip = firmware.error == ONESLOT_ERROR_IMAGE_CHIP || firmware.image.kind == ONESLOT_IMAGE_ESP32;
    if (firmware.error != ONESLOT_ERROR_NONE && firmware.image.segment_count == 0 && !other_chip) {
        struct foreign foreign;
        if (foreign_file(&foreign, map->bytes, map->size)) {
            return flash_map_refuse(reason, "this is %s: %s", foreign.name, foreign.advice);
        }
        return flash_map_refuse(reason, "this is no map, no dump of a flash and no firmware of the ESP8266");
    }
    if (firmware.image.kind == ONESLOT_IMAGE_BOOT) {
        return flash_map_refuse(reason, "this is a boot loader alone, which implies no map");
    }
    if (other_chip) {
        return flash_map_refuse(
            reason, "this is a program for the %s alone: its map is in the partition table, not in the program",
            firmware_esp32_chip(map->bytes, map->size));
    }
    uint8_t mode;
    uint8_t size_and_clock;
    char size[24];
    firmware_flash_header(&firmware, &mode, &size_and_clock);
    const char *name = flash_size_name(size_and_clock >> 4, &map->flash_size);
    // The size in a firmware's header is rewritten while it is flashed.
    uint32_t least = flash_map_least_flash(&firmware);
    bool too_small = hints->flash_size == 0 && map->flash_size < least;
    if (hints->flash_size != 0) {
        map->flash_size = hints->flash_size;
    } else if (too_small) {
        map->flash_size = least;
    }
    map->origin = FLASH_MAP_FIRMWARE;
    map->sdk = hints->sdk;
    flash_map_imply(map, &firmware);
    if (too_small) {
        add_note(map, "its header's %s is too small: %s is assumed", name, size_text(map->flash_size, size));
    }
    return firmware.image.target == 0 || move_up(map, firmware.image.target, reason);
}

static bool load_bytes(struct flash_map *map, const struct flash_map_hints *hints, char *reason) {
    enum flash_map_chip chip;
    uint32_t named;
    if (load_oneslot(map)) {
        return true;
    }
    if (idf_header(map->bytes, map->size, 0, &chip, &named) && holds_table(map->bytes, map->size, 0x7000)) {
        return move_up(map, IDF_BOOT_LOADER, reason) && load_idf(map, hints, false);
    }
    bool whole = is_flash_size(map->size);
    if (holds_table(map->bytes, map->size, IDF_TABLE)) {
        return load_idf(map, hints, whole);
    }
    return whole ? load_esp8266_dump(map, hints, reason) : load_firmware(map, hints, reason);
}

/// The file's name, fit to stand in a comment.
static void take_name(struct flash_map *map, const char *path) {
    const char *slash = strrchr(path, '/');
    snprintf(map->name, sizeof map->name, "%s", slash == NULL ? path : slash + 1);
    for (char *at = map->name; *at != 0; at++) {
        if ((unsigned char)*at < 0x20) {
            *at = '?';
        }
    }
}

static bool load_file(struct flash_map *map, const char *path, const struct flash_map_hints *hints, char *reason) {
    uint8_t *bytes;
    size_t size;
    if (!file_read(path, LARGEST_FILE, &bytes, &size)) {
        bool missing = errno == ENOENT && strpbrk(path, "/.") == NULL;
        return flash_map_refuse(reason, "%s: %s%s", path, strerror(errno),
                                missing ? ", and no preset has that name ('oneslot map list')" : "");
    }
    take_name(map, path);
    bool done;
    if (is_table(bytes, (uint32_t)size)) {
        load_table(map, bytes, (uint32_t)size, hints);
        done = true;
    } else if (is_text(bytes, (uint32_t)size)) {
        char *text = malloc(size + 1);
        done = text != NULL;
        if (done) {
            memcpy(text, bytes, size);
            text[size] = 0;
            done = load_csv(map, text, hints, reason);
        }
        free(text);
    } else {
        map->bytes = bytes;
        map->size = (uint32_t)size;
        bytes = NULL;
        done = load_bytes(map, hints, reason);
    }
    free(bytes);
    if (!done) {
        char why[FLASH_MAP_TEXT];
        memcpy(why, reason, sizeof why);
        flash_map_refuse(reason, "%.100s: %.250s", path, why);
        flash_map_free(map);
    }
    return done;
}

bool flash_map_load(struct flash_map *map, const char *what, const struct flash_map_hints *hints, char *reason) {
    const struct flash_map_hints none = {.chip = FLASH_MAP_CHIPS};
    const struct flash_map *preset = flash_map_preset_named(what);
    memset(map, 0, sizeof *map);
    reason[0] = 0;
    hints = hints == NULL ? &none : hints;
    if (preset != NULL) {
        *map = *preset;
    } else if (!load_file(map, what, hints, reason)) {
        return false;
    }
    settle(map, hints);
    return true;
}

void flash_map_free(struct flash_map *map) {
    free(map->bytes);
    map->bytes = NULL;
    map->size = 0;
}
