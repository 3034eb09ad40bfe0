#include "host/map/picture.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/size.h"

#define MIB             0x100000u
#define ESP32_TABLE     0x8000u
#define ESP32_TABLE_END 0x9000u
/// Subtype of MicroPython's read-only file system: ports/esp32/boards, partition tables with ROMFS.
#define SUBTYPE_ROMFS 0x8fu

static const char *const KIND_TEXTS[PICTURE_KINDS] = {
    [PICTURE_FIRMWARE] = "firmware", [PICTURE_NATIVE] = "native code", [PICTURE_FILE_SYSTEM] = "file system",
    [PICTURE_USER] = "user",         [PICTURE_ONESLOT] = "Oneslot",    [PICTURE_SYSTEM] = "system",
    [PICTURE_FREE] = "free",
};

const char *picture_kind_text(enum picture_kind kind) {
    return KIND_TEXTS[kind];
}

static enum picture_kind kind_of_data(uint8_t subtype) {
    switch (subtype) {
    case 0x80: // esphttpd
    case ONESLOT_SUBTYPE_DATA_FAT:
    case ONESLOT_SUBTYPE_DATA_SPIFFS:
    case ONESLOT_SUBTYPE_DATA_LITTLEFS:
    case SUBTYPE_ROMFS:
        return PICTURE_FILE_SYSTEM;
    default:
        return subtype <= 0x05 ? PICTURE_SYSTEM : PICTURE_USER;
    }
}

/// On the ESP32 family the installer is an application of its own: `factory`, beside our journal.
static bool is_installer(const struct flash_map *map, const struct oneslot_partition *region) {
    if (map->chip == FLASH_MAP_ESP8266 || region->subtype != ONESLOT_SUBTYPE_APP_FACTORY) {
        return false;
    }
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *other = &map->map.partition[index];
        if (other->type == ONESLOT_TYPE_ONESLOT && other->subtype == ONESLOT_SUBTYPE_JOURNAL) {
            return true;
        }
    }
    return false;
}

static enum picture_kind kind_of(const struct flash_map *map, const struct oneslot_partition *region) {
    if (region->type == ONESLOT_TYPE_APP) {
        return is_installer(map, region) ? PICTURE_ONESLOT : PICTURE_FIRMWARE;
    }
    if (region->type == ONESLOT_TYPE_DATA) {
        return kind_of_data(region->subtype);
    }
    if (region->type != ONESLOT_TYPE_ONESLOT) {
        return PICTURE_USER;
    }
    switch (region->subtype) {
    case ONESLOT_SUBTYPE_NATIVE:
        return PICTURE_NATIVE;
    case ONESLOT_SUBTYPE_USER:
        return PICTURE_USER;
    case ONESLOT_SUBTYPE_SYSTEM:
        return PICTURE_SYSTEM;
    default:
        return region->subtype <= ONESLOT_SUBTYPE_INSTALLER ? PICTURE_ONESLOT : PICTURE_USER;
    }
}

void picture_clean(char *to, size_t room, const char *from) {
    size_t used = 0;
    for (; *from != 0 && used + 1 < room; from++) {
        bool printable = *from >= ' ' && *from <= '~';
        to[used++] = (char)(printable ? *from : '?');
    }
    to[used] = 0;
}

static struct picture_span *add(struct picture *picture, enum picture_kind kind, const char *label, uint64_t start,
                                uint64_t end) {
    struct picture_span *span = &picture->span[picture->count++];
    *span = (struct picture_span){.start = start, .end = end, .kind = kind};
    picture_clean(span->label, sizeof span->label, label);
    return span;
}

/// What lies before the table's first region on every ESP32 and is not in the table: unless a region is there.
static void add_boot(struct picture *picture) {
    enum flash_map_chip chip = picture->map->chip;
    if (chip == FLASH_MAP_ESP8266 || picture->flash < ESP32_TABLE_END) {
        return;
    }
    for (unsigned index = 0; index < picture->count; index++) {
        if (picture->span[index].start < ESP32_TABLE_END) {
            return;
        }
    }
    uint32_t bootloader = flash_map_boot_loader(chip);
    if (bootloader != 0) {
        add(picture, PICTURE_SYSTEM, "(reserved)", 0, bootloader);
    }
    add(picture, PICTURE_SYSTEM, "(bootloader)", bootloader, ESP32_TABLE);
    add(picture, PICTURE_SYSTEM, "(table)", ESP32_TABLE, ESP32_TABLE_END);
}

static int by_address(const void *one, const void *two) {
    const struct picture_span *a = one;
    const struct picture_span *b = two;
    if (a->start != b->start) {
        return a->start < b->start ? -1 : 1;
    }
    if (a->end != b->end) {
        return a->end < b->end ? -1 : 1;
    }
    return strcmp(a->label, b->label);
}

static void add_gap(struct picture *picture, uint64_t start, uint64_t end) {
    if (start >= end) {
        return;
    }
    add(picture, PICTURE_FREE, "free", start, end);
    picture->gaps++;
    picture->free += end - start;
    if (end - start > picture->largest_gap) {
        picture->largest_gap = end - start;
    }
}

/// Needs the regions by address.
static void add_gaps(struct picture *picture) {
    unsigned regions = picture->count;
    uint64_t at = 0;
    for (unsigned index = 0; index < regions; index++) {
        uint64_t start = picture->span[index].start;
        uint64_t end = picture->span[index].end;
        add_gap(picture, at, start < picture->flash ? start : picture->flash);
        if (end > at) {
            at = end;
        }
    }
    add_gap(picture, at, picture->flash);
}

void picture_make(struct picture *picture, const struct flash_map *map) {
    memset(picture, 0, sizeof *picture);
    picture->map = map;
    picture->flash = map->flash_size;
    picture->end = map->flash_size;
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *region = &map->map.partition[index];
        uint64_t end = (uint64_t)region->address + region->size;
        add(picture, kind_of(map, region), region->label, region->address, end)->region = region;
        if (end > picture->end) {
            picture->end = end;
        }
    }
    // A region far past the end must not press all others together.
    uint64_t most = picture->flash + picture->flash / 8;
    if (picture->end > most && most > 0) {
        picture->end = most;
    }
    add_boot(picture);
    qsort(picture->span, picture->count, sizeof picture->span[0], by_address);
    add_gaps(picture);
    qsort(picture->span, picture->count, sizeof picture->span[0], by_address);
}

uint64_t picture_xip_end(const struct picture *picture) {
    return picture->map->chip == FLASH_MAP_ESP8266 ? MIB : 0;
}

const char *picture_size_text(uint64_t bytes, char text[24]) {
    if (bytes <= UINT32_MAX) {
        return size_text((uint32_t)bytes, text);
    }
    snprintf(text, 24, "%llu MiB", (unsigned long long)(bytes / MIB));
    return text;
}

void picture_subtitle(const struct picture *picture, char *text, size_t room) {
    const struct flash_map *map = picture->map;
    char size[24];
    int used = snprintf(text, room, "%s, %s of flash", flash_map_chip_title(map->chip),
                        picture_size_text(picture->flash, size));
    if (map->sdk != 0 && used > 0 && (size_t)used < room) {
        snprintf(text + used, room - (size_t)used, ", SDK %u", map->sdk);
    }
}

static void add_bound(struct picture_scale *scale, uint64_t address) {
    unsigned at = scale->count;
    while (at > 0 && scale->address[at - 1] > address) {
        at--;
    }
    if (at > 0 && scale->address[at - 1] == address) {
        return;
    }
    memmove(&scale->address[at + 1], &scale->address[at], (scale->count - at) * sizeof scale->address[0]);
    scale->address[at] = address;
    scale->count++;
}

static void add_bounds(struct picture_scale *scale, const struct picture *picture) {
    for (unsigned index = 0; index < picture->count; index++) {
        uint64_t start = picture->span[index].start;
        uint64_t end = picture->span[index].end;
        add_bound(scale, start < picture->end ? start : picture->end);
        add_bound(scale, end < picture->end ? end : picture->end);
    }
    if (picture_xip_end(picture) < picture->end) {
        add_bound(scale, picture_xip_end(picture));
    }
    add_bound(scale, picture->end);
}

void picture_scale_make(struct picture_scale *scale, const struct picture *one, const struct picture *two) {
    scale->count = 0;
    add_bound(scale, 0);
    add_bounds(scale, one);
    if (two != NULL) {
        add_bounds(scale, two);
    }
}

void picture_scale_fit(struct picture_scale *scale, double length, double minimum) {
    unsigned pieces = scale->count > 0 ? scale->count - 1 : 0;
    if (pieces == 0) {
        scale->place[0] = 0;
        return;
    }
    if (minimum * pieces > length) {
        minimum = length / pieces;
    }
    memset(scale->enlarged, 0, sizeof scale->enlarged);
    double unit = 0;
    // Each round may make more pieces too short; at the latest all are of the least length.
    for (bool again = true; again;) {
        double room = length;
        double bytes = 0;
        for (unsigned index = 0; index < pieces; index++) {
            if (scale->enlarged[index]) {
                room -= minimum;
            } else {
                bytes += (double)(scale->address[index + 1] - scale->address[index]);
            }
        }
        unit = bytes > 0 ? room / bytes : 0;
        again = false;
        for (unsigned index = 0; index < pieces; index++) {
            double wanted = unit * (double)(scale->address[index + 1] - scale->address[index]);
            if (!scale->enlarged[index] && wanted < minimum) {
                scale->enlarged[index] = true;
                again = true;
            }
        }
    }
    double at = 0;
    for (unsigned index = 0; index < pieces; index++) {
        scale->place[index] = at;
        at += scale->enlarged[index] ? minimum : unit * (double)(scale->address[index + 1] - scale->address[index]);
    }
    scale->place[pieces] = length;
}

double picture_scale_place(const struct picture_scale *scale, uint64_t address) {
    unsigned last = scale->count - 1;
    for (unsigned index = 0; index < last; index++) {
        uint64_t from = scale->address[index];
        uint64_t to = scale->address[index + 1];
        if (address <= to) {
            double part = (double)(address - from) / (double)(to - from);
            return scale->place[index] + part * (scale->place[index + 1] - scale->place[index]);
        }
    }
    return scale->place[last];
}

/// How surely two regions are one and the same; 0 = not.
static unsigned likeness(const struct picture_span *one, const struct picture_span *two) {
    bool label = strcmp(one->label, two->label) == 0;
    if (label) {
        return one->kind == two->kind ? 3 : 2;
    }
    bool type = one->region != NULL && two->region != NULL && one->region->type == two->region->type &&
                one->region->subtype == two->region->subtype;
    return type ? 1 : 0;
}

/// The only span of `picture` that is at least so alike and not yet taken; NULL if there is none, or more than one.
static const struct picture_span *alike(const struct picture *picture, const bool *taken,
                                        const struct picture_span *span, unsigned least) {
    const struct picture_span *found = NULL;
    for (unsigned index = 0; index < picture->count; index++) {
        const struct picture_span *other = &picture->span[index];
        if (!taken[index] && other->kind != PICTURE_FREE && likeness(span, other) >= least) {
            if (found != NULL) {
                return NULL;
            }
            found = other;
        }
    }
    return found;
}

unsigned picture_changes(const struct picture *from, const struct picture *to, struct picture_change *changes) {
    const struct picture_span *partner[PICTURE_SPANS] = {NULL};
    bool left[PICTURE_SPANS] = {false};
    bool right[PICTURE_SPANS] = {false};
    for (unsigned least = 3; least >= 1; least--) {
        for (unsigned index = 0; index < from->count; index++) {
            const struct picture_span *span = &from->span[index];
            const struct picture_span *other =
                left[index] || span->kind == PICTURE_FREE ? NULL : alike(to, right, span, least);
            if (other != NULL && alike(from, left, other, least) == span) {
                partner[index] = other;
                left[index] = true;
                right[other - to->span] = true;
            }
        }
    }
    unsigned count = 0;
    for (unsigned index = 0; index < from->count; index++) {
        if (from->span[index].kind != PICTURE_FREE) {
            changes[count++] = (struct picture_change){&from->span[index], partner[index]};
        }
    }
    for (unsigned index = 0; index < to->count; index++) {
        if (to->span[index].kind != PICTURE_FREE && !right[index]) {
            changes[count++] = (struct picture_change){NULL, &to->span[index]};
        }
    }
    return count;
}

bool picture_change_any(const struct picture_change *change) {
    return change->from == NULL || change->to == NULL || change->from->start != change->to->start ||
           change->from->end != change->to->end;
}

static uint64_t length_of(const struct picture_span *span) {
    return span->end - span->start;
}

static void append(char *text, size_t room, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// Parts are divided by commas.
static void append(char *text, size_t room, const char *format, ...) {
    size_t used = strlen(text);
    if (used > 0 && used + 2 < room) {
        memcpy(text + used, ", ", 3);
        used += 2;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, room - used, format, arguments);
    va_end(arguments);
}

static void append_by(char *text, size_t room, const char *more, const char *less, uint64_t before, uint64_t after) {
    char size[24];
    if (before != after) {
        append(text, room, "%s by %s", after > before ? more : less,
               picture_size_text(after > before ? after - before : before - after, size));
    }
}

void picture_change_text(const struct picture_change *change, char *text, size_t room) {
    const struct picture_span *from = change->from;
    const struct picture_span *to = change->to;
    text[0] = 0;
    if (from == NULL || to == NULL) {
        append(text, room, "%s", from == NULL ? "new" : "gone");
        return;
    }
    append_by(text, room, "moves up", "moves down", from->start, to->start);
    append_by(text, room, "grows", "shrinks", length_of(from), length_of(to));
    if (text[0] == 0) {
        append(text, room, "stays");
    }
    if (strcmp(from->label, to->label) != 0) {
        append(text, room, "was '%s'", from->label);
    }
    if (from->kind != to->kind) {
        append(text, room, "was %s", picture_kind_text(from->kind));
    }
}

void picture_changes_summary(const struct picture_change *changes, unsigned count, char *text, size_t room) {
    unsigned moves = 0;
    unsigned grows = 0;
    unsigned shrinks = 0;
    unsigned new = 0;
    unsigned gone = 0;
    for (unsigned index = 0; index < count; index++) {
        const struct picture_span *from = changes[index].from;
        const struct picture_span *to = changes[index].to;
        if (from == NULL || to == NULL) {
            new += from == NULL;
            gone += to == NULL;
            continue;
        }
        moves += from->start != to->start;
        grows += length_of(to) > length_of(from);
        shrinks += length_of(to) < length_of(from);
    }
    const struct {
        unsigned count;
        const char *one;
        const char *many;
    } PARTS[] = {
        {moves, "moves", "move"},   {grows, "grows", "grow"},      {shrinks, "shrinks", "shrink"},
        {new, "is new", "are new"}, {gone, "is gone", "are gone"},
    };
    text[0] = 0;
    for (unsigned index = 0; index < sizeof PARTS / sizeof PARTS[0]; index++) {
        if (PARTS[index].count != 0) {
            append(text, room, "%u %s", PARTS[index].count,
                   PARTS[index].count == 1 ? PARTS[index].one : PARTS[index].many);
        }
    }
    if (text[0] == 0) {
        append(text, room, "nothing changes");
    }
}
