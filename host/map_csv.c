#include "host/map_csv.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/size.h"
#include "host/terminal.h"

#define FIELDS 6
/// A region's line as it is where there is room.
#define ROW_COLUMNS 50u

/// Types of ESP-IDF 5.5 and later that no other room needs.
enum { TYPE_BOOT_LOADER = 0x02, TYPE_PARTITION_TABLE = 0x03 };
/// What an empty subtype means, for all types but app.
#define SUBTYPE_UNDEFINED 0x06u
#define SUBTYPE_PRIMARY   0x00u

static const struct {
    uint8_t type;
    int subtype; ///< -1: the type's own name
    const char *name;
} NAMES[] = {
    {ONESLOT_TYPE_APP, -1, "app"},
    {ONESLOT_TYPE_DATA, -1, "data"},
    {ONESLOT_TYPE_ONESLOT, -1, "oneslot"},
    {TYPE_BOOT_LOADER, -1, "bootloader"},
    {TYPE_PARTITION_TABLE, -1, "partition_table"},
    {ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, "factory"},
    {ONESLOT_TYPE_APP, 0x20, "test"},
    {ONESLOT_TYPE_APP, 0x30, "tee_0"},
    {ONESLOT_TYPE_APP, 0x31, "tee_1"},
    {ONESLOT_TYPE_DATA, 0x00, "ota"},
    {ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_PHY, "phy"},
    {ONESLOT_TYPE_DATA, 0x02, "nvs"},
    {ONESLOT_TYPE_DATA, 0x03, "coredump"},
    {ONESLOT_TYPE_DATA, 0x04, "nvs_keys"},
    {ONESLOT_TYPE_DATA, 0x05, "efuse"},
    {ONESLOT_TYPE_DATA, SUBTYPE_UNDEFINED, "undefined"},
    {ONESLOT_TYPE_DATA, 0x80, "esphttpd"},
    {ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_FAT, "fat"},
    {ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_SPIFFS, "spiffs"},
    {ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, "littlefs"},
    {ONESLOT_TYPE_DATA, 0x90, "tee_ota"},
    {TYPE_BOOT_LOADER, SUBTYPE_PRIMARY, "primary"},
    {TYPE_BOOT_LOADER, 0x01, "ota"},
    {TYPE_BOOT_LOADER, 0x02, "recovery"},
    {TYPE_PARTITION_TABLE, SUBTYPE_PRIMARY, "primary"},
    {TYPE_PARTITION_TABLE, 0x01, "ota"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER, "loader"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_DISPLACED, "displaced"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL, "journal"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_MAP, "map"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_INSTALLER, "installer"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE, "native"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER, "user"},
    {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM, "system"},
};

#define NAME_COUNT (sizeof NAMES / sizeof NAMES[0])

static bool wrong(char *reason, size_t room, unsigned line, const char *format, ...) {
    int used = snprintf(reason, room, "line %u: ", line);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason + used, room - (size_t)used, format, arguments);
    va_end(arguments);
    return false;
}

static char *trim(char *text) {
    while (isspace((unsigned char)*text)) {
        text++;
    }
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1])) {
        end--;
    }
    *end = 0;
    return text;
}

/// As size_parse, and what Python's int(text, 0), which ESP-IDF's tool reads numbers with, knows besides: 0b, 0o,
/// underscores between digits.
static bool parse_number(const char *text, uint32_t *number) {
    char plain[40];
    size_t used = 0;
    if (size_parse(text, number)) {
        return true;
    }
    for (size_t at = 0; text[at] != 0; at++) {
        if (text[at] == '_' && at > 0 && isalnum((unsigned char)text[at - 1]) &&
            isxdigit((unsigned char)text[at + 1])) {
            continue;
        }
        if (used + 1 == sizeof plain) {
            return false;
        }
        plain[used++] = text[at];
    }
    plain[used] = 0;
    int base = strncasecmp(plain, "0b", 2) == 0 ? 2 : strncasecmp(plain, "0o", 2) == 0 ? 8 : 0;
    if (base == 0) {
        return size_parse(plain, number);
    }
    char *suffix;
    char decimal[40];
    errno = 0;
    unsigned long long value = strtoull(plain + 2, &suffix, base);
    if (!isdigit((unsigned char)plain[2]) || suffix == plain + 2 || errno != 0) {
        return false;
    }
    snprintf(decimal, sizeof decimal, "%llu%.10s", value, suffix);
    return size_parse(decimal, number);
}

/// Type (`type` < 0) or a type's subtype.
static bool parse_kind(const char *text, int type, uint8_t *value) {
    for (size_t index = 0; index < NAME_COUNT; index++) {
        bool fits = type < 0 ? NAMES[index].subtype < 0 : NAMES[index].subtype >= 0 && NAMES[index].type == type;
        if (fits && strcasecmp(text, NAMES[index].name) == 0) {
            *value = type < 0 ? NAMES[index].type : (uint8_t)NAMES[index].subtype;
            return true;
        }
    }
    if (type == ONESLOT_TYPE_APP && strncasecmp(text, "ota_", 4) == 0) {
        uint32_t slot;
        if (size_parse(text + 4, &slot) && slot < 16) {
            *value = (uint8_t)(0x10 + slot);
            return true;
        }
        return false;
    }
    uint32_t number;
    // A type of 0xff would be an erased row's; ESP-IDF's own tables have the subtype.
    if (!parse_number(text, &number) || number > (type < 0 ? 0xfeu : 0xffu)) {
        return false;
    }
    *value = (uint8_t)number;
    return true;
}

/// ESP-IDF's own boot loader and table, which lie where its configuration says, whatever the row does.
static bool is_fixed(const struct oneslot_partition *row, const struct map_csv_way *way) {
    return way->table != 0 && (row->type == TYPE_BOOT_LOADER || row->type == TYPE_PARTITION_TABLE);
}

static bool is_primary(const struct oneslot_partition *row, const struct map_csv_way *way) {
    return is_fixed(row, way) && row->subtype == SUBTYPE_PRIMARY;
}

static bool place_fixed(struct oneslot_partition *row, const char *offset, const struct map_csv_way *way, char *reason,
                        size_t room, unsigned line) {
    bool boot_loader = row->type == TYPE_BOOT_LOADER;
    row->size = boot_loader ? way->table - way->boot_loader : ONESLOT_SECTOR_SIZE;
    if (is_primary(row, way)) {
        row->address = boot_loader ? way->boot_loader : way->table;
    } else if (offset[0] == 0) {
        row->address = way->behind;
    } else if (!parse_number(offset, &row->address)) {
        return wrong(reason, room, line,
                     "'%s' is no offset: that of '%s' is in the project's configuration, and must be given here",
                     offset, row->label);
    }
    return true;
}

static bool parse_flags(char *text, uint32_t *flags) {
    *flags = 0;
    for (char *rest = NULL, *flag = strtok_r(text, ": ", &rest); flag != NULL; flag = strtok_r(NULL, ": ", &rest)) {
        if (strcasecmp(flag, "encrypted") == 0) {
            *flags |= 1;
        } else if (strcasecmp(flag, "readonly") == 0) {
            *flags |= 2;
        } else {
            return false;
        }
    }
    return true;
}

static bool parse_place(struct oneslot_partition *row, const char *offset, const char *size,
                        const struct map_csv_way *way, char *reason, size_t room, unsigned line) {
    if (is_fixed(row, way)) {
        return place_fixed(row, offset, way, reason, room, line);
    }
    if (offset[0] == 0) {
        uint32_t align = row->type == ONESLOT_TYPE_APP && way->app_align != 0 ? way->app_align : 1;
        row->address = (way->behind + align - 1) / align * align;
    } else if (!parse_number(offset, &row->address)) {
        return wrong(reason, room, line, "'%s' is no offset", offset);
    }
    bool up_to = size[0] == '-';
    if (!parse_number(size + up_to, &row->size)) {
        return wrong(reason, room, line, "'%s' is no size", size);
    }
    if (up_to) {
        if (row->size <= row->address) {
            return wrong(reason, room, line, "'%s' ends at 0x%x, before it begins at 0x%x", row->label, row->size,
                         row->address);
        }
        row->size -= row->address;
    }
    if (way->as_written) {
        return true;
    }
    if (row->size == 0 || row->address % ONESLOT_SECTOR_SIZE != 0 || row->size % ONESLOT_SECTOR_SIZE != 0) {
        return wrong(reason, room, line, "'%s' at 0x%x with 0x%x bytes: both must be multiples of 0x1000", row->label,
                     row->address, row->size);
    }
    return true;
}

static bool parse_row(struct oneslot_map *map, char *text, const struct map_csv_way *way, char *reason, size_t room,
                      unsigned line) {
    static char nothing[] = "";
    char *field[FIELDS] = {nothing, nothing, nothing, nothing, nothing, nothing};
    unsigned count = 0;
    for (char *at = text; at != NULL; count++) {
        char *comma = strchr(at, ',');
        if (comma != NULL) {
            *comma = 0;
        }
        char *value = trim(at);
        if (count < FIELDS) {
            field[count] = value;
        } else if (value[0] != 0) {
            return wrong(reason, room, line, "more than %u fields", FIELDS);
        }
        at = comma == NULL ? NULL : comma + 1;
    }
    if (count < 5) {
        return wrong(reason, room, line, "a row has five or six fields: name, type, subtype, offset, size, flags");
    }
    if (map->count >= ONESLOT_MAP_ENTRIES) {
        return wrong(reason, room, line, "more than %u rows", ONESLOT_MAP_ENTRIES);
    }
    struct oneslot_partition *row = &map->partition[map->count];
    memset(row, 0, sizeof *row);
    size_t length = strlen(field[0]);
    if (length == 0 || length > 16) {
        return wrong(reason, room, line, "the name '%s' has %zu characters; 1 to 16 are allowed", field[0], length);
    }
    memcpy(row->label, field[0], length);
    if (!parse_kind(field[1], -1, &row->type)) {
        return wrong(reason, room, line, "there is no type '%s'", field[1]);
    }
    if (field[2][0] == 0 && row->type != ONESLOT_TYPE_APP) {
        row->subtype = SUBTYPE_UNDEFINED;
    } else if (!parse_kind(field[2], row->type, &row->subtype)) {
        return wrong(reason, room, line, "type %s has no subtype '%s'", field[1], field[2]);
    }
    if (!parse_flags(field[5], &row->flags)) {
        return wrong(reason, room, line, "unknown flag in '%s'", field[5]);
    }
    if (!parse_place(row, field[3], field[4], way, reason, room, line)) {
        return false;
    }
    map->count++;
    return true;
}

bool map_csv_parse(struct oneslot_map *map, const char *text, char *reason, size_t room) {
    return map_csv_read(map, text, &(struct map_csv_way){.as_written = false}, reason, room);
}

const char *map_csv_text(const char *text) {
    return strncmp(text, "\xef\xbb\xbf", 3) == 0 ? text + 3 : text;
}

bool map_csv_read(struct oneslot_map *map, const char *text, const struct map_csv_way *given, char *reason,
                  size_t room) {
    struct map_csv_way way = *given;
    memset(map, 0, sizeof *map);
    unsigned number = 1;
    for (const char *line = map_csv_text(text); line != NULL; number++) {
        size_t length = strcspn(line, "\r\n");
        const char *end = line[length] == 0 ? NULL : line + length + (line[length] == '\r' && line[length + 1] == '\n');
        char copy[512];
        if (length >= sizeof copy) {
            return wrong(reason, room, number, "the line is too long");
        }
        memcpy(copy, line, length);
        copy[length] = 0;
        line = end == NULL ? NULL : end + 1;
        copy[strcspn(copy, "#")] = 0;
        char *row = trim(copy);
        if (row[0] == 0) {
            continue;
        }
        if (!parse_row(map, row, &way, reason, room, number)) {
            return false;
        }
        const struct oneslot_partition *last = &map->partition[map->count - 1];
        uint64_t behind = (uint64_t)last->address + last->size;
        if (behind > UINT32_MAX) {
            return wrong(reason, room, number, "'%s' ends past 4 GiB", last->label);
        }
        if (!is_primary(last, &way)) {
            way.behind = (uint32_t)behind;
        }
    }
    if (map->count == 0) {
        snprintf(reason, room, "it has no rows");
    }
    return map->count > 0;
}

static const char *kind_text(int type, int subtype, uint8_t value, char text[8]) {
    for (size_t index = 0; index < NAME_COUNT; index++) {
        if (NAMES[index].type == type && NAMES[index].subtype == subtype) {
            return NAMES[index].name;
        }
    }
    snprintf(text, 8, "0x%02x", value);
    return text;
}

const char *map_type_text(uint8_t type, char text[8]) {
    return kind_text(type, -1, type, text);
}

const char *map_subtype_text(uint8_t type, uint8_t subtype, char text[8]) {
    if (type == ONESLOT_TYPE_APP && subtype >= 0x10 && subtype < 0x20) {
        snprintf(text, 8, "ota_%u", subtype - 0x10u);
        return text;
    }
    return kind_text(type, subtype, subtype, text);
}

/// Whether gen_esp32part.py knows a name in every version since ESP-IDF 3.0.
static bool is_old(uint8_t type, int subtype) {
    if (type == ONESLOT_TYPE_APP) {
        return subtype <= 0x20;
    }
    return type == ONESLOT_TYPE_DATA && (subtype <= 0x03 || subtype == 0x80 || subtype == ONESLOT_SUBTYPE_DATA_FAT ||
                                         subtype == ONESLOT_SUBTYPE_DATA_SPIFFS);
}

static void write_rows(const struct oneslot_map *map, FILE *out, bool numbers) {
    fputs("# Name, Type, SubType, Offset, Size, Flags\n", out);
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *row = &map->partition[index];
        char type[8];
        char subtype[8];
        const char *type_text = map_type_text(row->type, type);
        const char *subtype_text = map_subtype_text(row->type, row->subtype, subtype);
        if (numbers && !is_old(row->type, -1)) {
            snprintf(type, sizeof type, "0x%02x", row->type);
            type_text = type;
        }
        if (numbers && !is_old(row->type, row->subtype)) {
            snprintf(subtype, sizeof subtype, "0x%02x", row->subtype);
            subtype_text = subtype;
        }
        fprintf(out, "%s, %s, %s, 0x%x, 0x%x,%s%s%s\n", row->label, type_text, subtype_text, row->address, row->size,
                (row->flags & 1) != 0 ? " encrypted" : "",
                (row->flags & 3) == 3   ? ":"
                : (row->flags & 2) != 0 ? " "
                                        : "",
                (row->flags & 2) != 0 ? "readonly" : "");
    }
}

void map_csv_write(const struct oneslot_map *map, FILE *out) {
    write_rows(map, out, false);
}

void map_csv_write_numbers(const struct oneslot_map *map, FILE *out) {
    write_rows(map, out, true);
}

void map_row_print(const struct oneslot_partition *region, FILE *out) {
    char size[24];
    uint32_t end = region->address + region->size;
    if (terminal_columns(out) >= ROW_COLUMNS) {
        fprintf(out, "  0x%06x - 0x%06x  %-16s %10s\n", region->address, end, region->label,
                size_text(region->size, size));
    } else {
        fprintf(out, "%06x-%06x %s %s\n", region->address, end, region->label, size_text(region->size, size));
    }
}
