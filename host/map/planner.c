/*
 * The planner: from wishes to a map, or to what would have to give.
 *
 * The firmware lies at the bottom, the SDK's sectors at the top. What lies between is laid out from the top down, in
 * every order there is: that finds a layout whenever one exists, since in any layout each region can be pushed up
 * against the one above it. Of those that fit, the one that costs the least of the executable megabyte is taken, then
 * the one nearest to the usual order.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/map/flash_map.h"
#include "host/size.h"
#include "oneslot/layout.h"

#define MEGABYTE   0x100000u
#define ITEMS      6u
#define NO_LIMIT   UINT32_MAX
#define APP_ALIGN  0x10000u ///< ESP-IDF, partition-tables: applications begin on 64 KiB
#define APP_START  0x10000u ///< behind bootloader, partition table, nvs and phy_init
#define INSTALLER  0x10000u ///< the ESP32 family's installer, an application partition
#define RESERVED   (4u * ONESLOT_SECTOR_SIZE + ONESLOT_INSTALLER_SIZE)
#define FS_SECTORS 2u ///< littlefs needs two blocks

/// What is laid out between firmware and system sectors.
enum kind {
    KIND_RESERVED, ///< ESP8266: Oneslot's area, in one piece
    KIND_FACTORY,  ///< ESP32: the installer
    KIND_OTADATA,  ///< these three lie in this order
    KIND_JOURNAL,
    KIND_SETTINGS,
    KIND_USER,
    KIND_NATIVE,
    KIND_FILE_SYSTEM,
};

struct item {
    enum kind kind;
    uint32_t size; ///< of a file system: at the least
    uint32_t align;
    uint32_t limit; ///< where it must end at the latest
    bool low;       ///< right behind the firmware, in the order of the list
    uint32_t address;
};

/// The wishes in whole sectors: what is needed, and the room there is.
struct room {
    const struct flash_map_wishes *wishes;
    bool esp8266;
    uint32_t bottom;     ///< where the firmware begins
    uint32_t top;        ///< where the system sectors begin
    uint32_t executable; ///< end of what the firmware can be executed from
    uint64_t firmware;   ///< bytes it needs from `bottom` on, growth included
    uint64_t native;
    uint64_t user;
    uint64_t file_system;
};

/// Where the regions lie; `item` from the top of the flash down.
struct layout {
    struct item item[ITEMS];
    unsigned count;
    uint64_t spent; ///< executable bytes on what need not be executable
    uint32_t file_system_size;
    bool found;
};

static uint64_t round_up(uint64_t value, uint32_t unit) {
    return (value + unit - 1) / unit * unit;
}

static uint64_t round_down(uint64_t value, uint32_t unit) {
    return value / unit * unit;
}

/// Flash sizes that the chip's image header can say.
static bool flash_size_exists(enum flash_map_chip chip, uint32_t size) {
    bool esp8266 = chip == FLASH_MAP_ESP8266;
    return size >= (esp8266 ? MEGABYTE / 2 : MEGABYTE) && size <= 16 * MEGABYTE && (size & (size - 1)) == 0;
}

/* The room and what wants into it. */

static struct room room_of(const struct flash_map_wishes *wishes) {
    struct room room = {.wishes = wishes, .esp8266 = wishes->chip == FLASH_MAP_ESP8266};
    room.top = wishes->flash_size;
    room.executable = wishes->flash_size;
    if (room.esp8266) {
        room.top -= flash_map_system_size(wishes->sdk == 0 ? 3 : wishes->sdk);
        room.executable = room.top < MEGABYTE ? room.top : MEGABYTE;
    } else {
        room.bottom = APP_START;
    }
    room.firmware = round_up((uint64_t)wishes->firmware + wishes->grow, ONESLOT_SECTOR_SIZE);
    if (room.esp8266 && wishes->oneslot && room.firmware < 2 * ONESLOT_SECTOR_SIZE) {
        room.firmware = 2 * ONESLOT_SECTOR_SIZE; // the loader's sector, and one that is the firmware's own
    }
    room.native = round_up(wishes->native, ONESLOT_SECTOR_SIZE);
    room.user = round_up(wishes->user, ONESLOT_SECTOR_SIZE);
    room.file_system = round_up(wishes->file_system, ONESLOT_SECTOR_SIZE);
    return room;
}

static bool spacious(const struct room *room) {
    return room->esp8266 && room->top > MEGABYTE;
}

static void add_item(struct layout *layout, enum kind kind, uint64_t size, uint32_t align, uint32_t limit, bool low) {
    if (size == 0) {
        return;
    }
    // What is larger than any flash need not be told apart from what is as large.
    uint32_t bytes = size < 0x80000000u ? (uint32_t)size : 0x80000000u;
    layout->item[layout->count++] =
        (struct item){.kind = kind, .size = bytes, .align = align, .limit = limit, .low = low};
}

static void add_reserved(struct layout *layout, const struct room *room, bool low) {
    if (!room->wishes->oneslot || room->wishes->low != low) {
        return;
    }
    if (room->esp8266) {
        add_item(layout, KIND_RESERVED, RESERVED, ONESLOT_SECTOR_SIZE, NO_LIMIT, low);
        return;
    }
    add_item(layout, KIND_SETTINGS, ONESLOT_SECTOR_SIZE, ONESLOT_SECTOR_SIZE, NO_LIMIT, low);
    add_item(layout, KIND_JOURNAL, 2 * ONESLOT_SECTOR_SIZE, ONESLOT_SECTOR_SIZE, NO_LIMIT, low);
    add_item(layout, KIND_OTADATA, 2 * ONESLOT_SECTOR_SIZE, ONESLOT_SECTOR_SIZE, NO_LIMIT, low);
    add_item(layout, KIND_FACTORY, INSTALLER, APP_ALIGN, NO_LIMIT, low);
}

/// The usual order, from the top: on a chip with more than a megabyte the user's sectors lie beyond it, else in the
/// buffer between firmware and native code. On the ESP32 family the file system goes to the end, as MicroPython has it.
static void list_items(struct layout *layout, const struct room *room, bool file_system) {
    bool user_high = spacious(room) || !room->esp8266;
    uint64_t least = FS_SECTORS * ONESLOT_SECTOR_SIZE;
    layout->count = 0;
    if (room->esp8266) {
        add_reserved(layout, room, false);
    }
    if (user_high) {
        add_item(layout, KIND_USER, room->user, ONESLOT_SECTOR_SIZE, NO_LIMIT, false);
    }
    if (file_system) {
        add_item(layout, KIND_FILE_SYSTEM, room->file_system < least ? least : room->file_system, ONESLOT_SECTOR_SIZE,
                 NO_LIMIT, false);
    }
    if (!room->esp8266) {
        add_reserved(layout, room, false);
    }
    add_item(layout, KIND_NATIVE, room->native, ONESLOT_SECTOR_SIZE, MEGABYTE, false);
    if (!user_high) {
        add_item(layout, KIND_USER, room->user, ONESLOT_SECTOR_SIZE, NO_LIMIT, false);
    }
    add_reserved(layout, room, true);
}

/* One order, laid out. */

/// Where the items from `first` on, which lie below a file system, end at the least. Limits are looked at later.
static uint64_t floor_of(const struct room *room, const struct layout *layout, unsigned first) {
    uint64_t at = room->bottom + room->firmware;
    for (unsigned index = layout->count; index-- > first;) {
        const struct item *item = &layout->item[index];
        at = round_up(at, item->align) + item->size;
    }
    return at;
}

/// The start of a file system that may lie anywhere: it gets what is left, but nothing of the executable megabyte that
/// it does not need; a boundary of erase blocks where that costs it no more than a quarter, which the firmware gets.
static uint64_t choose_start(const struct room *room, uint64_t floor, uint64_t end, uint32_t least) {
    if (spacious(room)) {
        uint64_t start = floor > MEGABYTE ? floor : MEGABYTE;
        return start + least <= end ? start : end - least;
    }
    uint64_t even = round_up(floor, ONESLOT_BLOCK_SIZE);
    bool cheap = even + least <= end && 4 * (end - even) >= 3 * (end - floor);
    return cheap ? even : floor;
}

static bool lay_file_system(const struct room *room, struct layout *layout, unsigned index, uint64_t *pointer) {
    const struct flash_map_wishes *wishes = room->wishes;
    struct item *item = &layout->item[index];
    uint64_t end = wishes->file_system_end != 0 ? wishes->file_system_end : *pointer;
    uint64_t floor = floor_of(room, layout, index + 1);
    if (end > *pointer) {
        return false;
    }
    uint64_t start = wishes->file_system_at;
    if (start == 0) {
        if (floor + item->size > end) {
            return false;
        }
        start = choose_start(room, floor, end, item->size);
    }
    if (start < floor || start + item->size > end) {
        return false;
    }
    item->address = (uint32_t)start;
    layout->file_system_size = (uint32_t)(end - start);
    *pointer = start;
    return true;
}

static bool lay_out(const struct room *room, struct layout *layout) {
    uint64_t pointer = room->top;
    layout->spent = 0;
    layout->file_system_size = 0;
    for (unsigned index = 0; index < layout->count; index++) {
        struct item *item = &layout->item[index];
        uint32_t size = item->size;
        if (item->kind == KIND_FILE_SYSTEM) {
            if (!lay_file_system(room, layout, index, &pointer)) {
                return false;
            }
            size = layout->file_system_size;
        } else {
            pointer = pointer < item->limit ? pointer : item->limit;
            if (pointer < room->bottom + room->firmware + size) {
                return false;
            }
            pointer = round_down(pointer - size, item->align);
            item->address = (uint32_t)pointer;
        }
        if (item->kind != KIND_NATIVE && spacious(room) && item->address < MEGABYTE) {
            uint32_t below = MEGABYTE - item->address;
            layout->spent += below < size ? below : size;
        }
    }
    return pointer >= room->bottom + room->firmware;
}

/* Every order. */

static bool better(const struct room *room, const struct layout *one, const struct layout *other) {
    if (!other->found || !spacious(room)) {
        return !other->found;
    }
    return one->spent != other->spent ? one->spent < other->spent : one->file_system_size > other->file_system_size;
}

static bool is_small(enum kind kind) {
    return kind == KIND_JOURNAL || kind == KIND_OTADATA || kind == KIND_SETTINGS;
}

/// Whether the chosen item may lie above all others of `rest`: what must lie low, at the end of the list, keeps its
/// place there; of settings, journal and otadata, which are small and lie anywhere, one order is enough.
static bool may_be_next(const struct layout *rest, unsigned chosen) {
    const struct item *item = &rest->item[chosen];
    for (unsigned index = 0; index < rest->count; index++) {
        const struct item *other = &rest->item[index];
        if ((item->low && index < chosen) ||
            (is_small(item->kind) && is_small(other->kind) && other->kind > item->kind)) {
            return false;
        }
    }
    return true;
}

/// Tries every order of `rest` below `above`. With `any`, the first that fits is good enough.
static void search(const struct room *room, const struct layout *above, const struct layout *rest, bool any,
                   struct layout *best) {
    if (rest->count == 0) {
        struct layout tried = *above;
        if (lay_out(room, &tried) && better(room, &tried, best)) {
            *best = tried;
            best->found = true;
        }
        return;
    }
    for (unsigned index = 0; index < rest->count && !(any && best->found); index++) {
        if (!may_be_next(rest, index)) {
            continue;
        }
        struct layout next = *above;
        struct layout left = *rest;
        next.item[next.count++] = rest->item[index];
        left.count--;
        memmove(&left.item[index], &left.item[index + 1], (left.count - index) * sizeof left.item[0]);
        search(room, &next, &left, any, best);
    }
}

/// Bytes of all that is wanted, the firmware's start included.
static uint64_t total(const struct room *room, const struct layout *items) {
    uint64_t bytes = room->bottom + room->firmware;
    for (unsigned index = 0; index < items->count; index++) {
        bytes += items->item[index].size;
    }
    return bytes;
}

static bool find_layout(const struct room *room, bool any, struct layout *best) {
    // A file system that was not asked for may be left out where nothing is left for one.
    bool wanted = room->file_system != 0 || room->wishes->file_system_at != 0;
    best->found = false;
    for (int file_system = 1; file_system >= (wanted ? 1 : 0) && !best->found; file_system--) {
        struct layout none = {.count = 0};
        struct layout items;
        list_items(&items, room, file_system != 0);
        if (room->bottom + room->firmware <= room->executable && total(room, &items) <= room->top) {
            search(room, &none, &items, any, best);
        }
    }
    return best->found;
}

static bool fits(const struct room *room) {
    struct layout layout;
    return find_layout(room, true, &layout);
}

/* From a layout to a map. */

static void add_region(struct flash_map *map, const char *label, uint8_t type, uint8_t subtype, uint32_t address,
                       uint32_t size) {
    struct oneslot_partition *region = &map->map.partition[map->map.count++];
    *region = (struct oneslot_partition){.type = type, .subtype = subtype, .address = address, .size = size};
    snprintf(region->label, sizeof region->label, "%s", label);
}

static void add_reserved_parts(struct flash_map *map, uint32_t address) {
    static const struct {
        const char *label;
        uint8_t subtype;
        uint32_t sectors;
    } PARTS[] = {
        {"displaced", ONESLOT_SUBTYPE_DISPLACED, 1},
        {"journal", ONESLOT_SUBTYPE_JOURNAL, 2},
        {"map", ONESLOT_SUBTYPE_MAP, 1},
        {"installer", ONESLOT_SUBTYPE_INSTALLER, ONESLOT_INSTALLER_SIZE / ONESLOT_SECTOR_SIZE},
    };
    for (size_t index = 0; index < sizeof PARTS / sizeof PARTS[0]; index++) {
        uint32_t size = PARTS[index].sectors * ONESLOT_SECTOR_SIZE;
        add_region(map, PARTS[index].label, ONESLOT_TYPE_ONESLOT, PARTS[index].subtype, address, size);
        address += size;
    }
}

static const struct {
    const char *label;
    uint8_t type;
    uint8_t subtype;
} NAMES[] = {
    [KIND_FACTORY] = {"installer", ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY},
    [KIND_JOURNAL] = {"journal", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL},
    [KIND_OTADATA] = {"otadata", ONESLOT_TYPE_DATA, 0x00},
    [KIND_SETTINGS] = {"settings", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_MAP},
    [KIND_USER] = {"user", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER},
    [KIND_NATIVE] = {"native", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE},
    [KIND_FILE_SYSTEM] = {"vfs", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS},
};

/// What lies below the file system was laid out from the top: it comes down onto its neighbour, the lowest onto what
/// the firmware can use at the most, so that free space is in one piece, in front of the file system.
static void settle(const struct room *room, struct layout *layout) {
    unsigned first = 0;
    for (unsigned index = 0; index < layout->count; index++) {
        first = layout->item[index].kind == KIND_FILE_SYSTEM ? index + 1 : first;
    }
    if (first < layout->count && layout->item[layout->count - 1].address > room->executable) {
        layout->item[layout->count - 1].address = room->executable;
    }
    for (unsigned index = layout->count; index-- > first + 1;) {
        const struct item *below = &layout->item[index];
        struct item *item = &layout->item[index - 1];
        item->address = (uint32_t)round_up(below->address + below->size, item->align);
    }
}

static void add_bottom(struct flash_map *map, const struct room *room, const struct layout *layout) {
    uint32_t end = room->executable;
    for (unsigned index = 0; index < layout->count; index++) {
        end = layout->item[index].address < end ? layout->item[index].address : end;
    }
    bool oneslot = room->wishes->oneslot;
    if (room->esp8266) {
        uint32_t start = oneslot ? ONESLOT_SECTOR_SIZE : 0;
        if (oneslot) {
            add_region(map, "loader", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER, 0, ONESLOT_SECTOR_SIZE);
        }
        add_region(map, "firmware", ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, start, end - start);
        return;
    }
    add_region(map, "nvs", ONESLOT_TYPE_DATA, 0x02, 0x9000, 0x6000);
    add_region(map, "phy_init", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_PHY, 0xf000, 0x1000);
    add_region(map, oneslot ? "ota_0" : "factory", ONESLOT_TYPE_APP, oneslot ? 0x10 : ONESLOT_SUBTYPE_APP_FACTORY,
               APP_START, end - APP_START);
}

static void make_map(struct flash_map *map, const struct room *room, struct layout *layout) {
    const struct flash_map_wishes *wishes = room->wishes;
    *map = (struct flash_map){.chip = wishes->chip, .flash_size = wishes->flash_size, .origin = FLASH_MAP_PLANNED};
    map->sdk = !room->esp8266 ? 0 : wishes->sdk == 0 ? 3 : wishes->sdk;
    snprintf(map->name, sizeof map->name, "planned");
    settle(room, layout);
    add_bottom(map, room, layout);
    for (unsigned index = layout->count; index-- > 0;) {
        const struct item *item = &layout->item[index];
        if (item->kind == KIND_RESERVED) {
            add_reserved_parts(map, item->address);
            continue;
        }
        add_region(map, NAMES[item->kind].label, NAMES[item->kind].type, NAMES[item->kind].subtype, item->address,
                   item->kind == KIND_FILE_SYSTEM ? layout->file_system_size : item->size);
    }
    if (room->esp8266) {
        add_region(map, "system", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM, room->top,
                   wishes->flash_size - room->top);
    }
}

/* Refusals. */

static bool refuse(struct flash_map_finding *refusal, const char *rule, uint32_t address, uint32_t length,
                   const char *format, ...) __attribute__((format(printf, 5, 6)));

static bool refuse(struct flash_map_finding *refusal, const char *rule, uint32_t address, uint32_t length,
                   const char *format, ...) {
    *refusal =
        (struct flash_map_finding){.rule = rule, .weight = FLASH_MAP_ERROR, .address = address, .length = length};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal->text, sizeof refusal->text, format, arguments);
    va_end(arguments);
    return false;
}

static void say(struct flash_map_finding *refusal, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Adds to the sentence.
static void say(struct flash_map_finding *refusal, const char *format, ...) {
    size_t used = strlen(refusal->text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(refusal->text + used, sizeof refusal->text - used, format, arguments);
    va_end(arguments);
}

/// What can be given up, in the order in which people would rather.
enum wish {
    WISH_GROW,
    WISH_FILE_SYSTEM,
    WISH_USER,
    WISH_NATIVE,
    WISHES,
};

static const char *const OPTIONS[WISHES] = {"--grow", "--fs-min", "--user", "--native"};

static uint32_t *wish_of(struct flash_map_wishes *wishes, enum wish wish) {
    switch (wish) {
    case WISH_GROW:
        return &wishes->grow;
    case WISH_FILE_SYSTEM:
        return &wishes->file_system;
    case WISH_USER:
        return &wishes->user;
    default:
        return &wishes->native;
    }
}

static bool wishes_fit(const struct flash_map_wishes *wishes) {
    struct room room = room_of(wishes);
    return fits(&room);
}

/// The most of one wish that fits, all others as they are, or false when giving it up altogether does not help.
static bool most(const struct flash_map_wishes *wishes, enum wish wish, uint32_t *value) {
    struct flash_map_wishes tried = *wishes;
    uint32_t *bytes = wish_of(&tried, wish);
    // A firmware's last sector has room to grow at no cost: the steps are those of the sum.
    uint32_t offset =
        wish == WISH_GROW ? (uint32_t)(round_up(wishes->firmware, ONESLOT_SECTOR_SIZE) - wishes->firmware) : 0;
    if (*bytes <= offset) {
        return false;
    }
    uint32_t good = 0;
    uint32_t bad = (uint32_t)(round_up(*bytes - offset, ONESLOT_SECTOR_SIZE) / ONESLOT_SECTOR_SIZE);
    *bytes = offset;
    if (!wishes_fit(&tried)) {
        return false;
    }
    while (bad - good > 1) {
        uint32_t middle = good + (bad - good) / 2;
        *bytes = offset + middle * ONESLOT_SECTOR_SIZE;
        if (wishes_fit(&tried)) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    *value = offset + good * ONESLOT_SECTOR_SIZE;
    return true;
}

/// One wish alone, whichever is enough. Returns the bytes that the first one named gives.
static uint32_t say_single(struct flash_map_finding *options, const struct flash_map_wishes *wishes) {
    uint32_t given = 0;
    for (unsigned wish = 0; wish < WISHES; wish++) {
        struct flash_map_wishes asked = *wishes;
        uint32_t value;
        if (*wish_of(&asked, wish) != 0 && most(wishes, wish, &value)) {
            say(options, "%s%s 0x%x", given != 0 ? ", or " : "ask for ", OPTIONS[wish], value);
            given = given != 0 ? given : *wish_of(&asked, wish) - value;
        }
    }
    return given;
}

/// Gives up each wish in turn until the rest fits, then takes back what need not be given up, the dearest first.
static bool give_up(struct flash_map_wishes *left) {
    struct flash_map_wishes asked = *left;
    unsigned given = 0;
    while (!wishes_fit(left)) {
        if (given == WISHES) {
            return false;
        }
        *wish_of(left, given++) = 0;
    }
    for (unsigned order = 0; order < given; order++) {
        // The one that was given up last is the one that cannot be had in full.
        unsigned wish = order + 1 == given ? given - 1 : given - 2 - order;
        uint32_t value = 0;
        *wish_of(left, wish) = *wish_of(&asked, wish);
        if (!wishes_fit(left)) {
            most(left, wish, &value);
            *wish_of(left, wish) = value;
        }
    }
    return true;
}

/// Several wishes together, where no single one is enough.
static uint32_t say_together(struct flash_map_finding *options, const struct flash_map_wishes *wishes) {
    struct flash_map_wishes asked = *wishes;
    struct flash_map_wishes left = *wishes;
    uint64_t given = 0;
    const char *before = "ask for";
    if (!give_up(&left)) {
        return 0;
    }
    for (unsigned wish = 0; wish < WISHES; wish++) {
        uint32_t less = *wish_of(&asked, wish) - *wish_of(&left, wish);
        if (less != 0) {
            say(options, "%s %s 0x%x", before, OPTIONS[wish], *wish_of(&left, wish));
            before = " with";
            given += less;
        }
    }
    return given < UINT32_MAX ? (uint32_t)given : UINT32_MAX;
}

/// The firmware itself, with every other wish given up.
static uint32_t say_smaller_firmware(struct flash_map_finding *options, const struct flash_map_wishes *wishes) {
    struct flash_map_wishes left = *wishes;
    for (unsigned wish = 0; wish < WISHES; wish++) {
        *wish_of(&left, wish) = 0;
    }
    uint32_t good = 0;
    uint32_t bad = (uint32_t)(round_up(wishes->firmware, ONESLOT_SECTOR_SIZE) / ONESLOT_SECTOR_SIZE);
    while (bad - good > 1) {
        uint32_t middle = good + (bad - good) / 2;
        left.firmware = middle * ONESLOT_SECTOR_SIZE;
        if (wishes_fit(&left)) {
            good = middle;
        } else {
            bad = middle;
        }
    }
    if (good == 0) {
        return 0;
    }
    say(options, "even with no other wish the firmware may have 0x%x bytes at the most%s", good * ONESLOT_SECTOR_SIZE,
        wishes->file_system_at != 0 ? ", with the file system where it is" : "");
    return wishes->firmware - good * ONESLOT_SECTOR_SIZE;
}

/// The nearest address at which the file system would do, where it ends anywhere.
static bool other_place(const struct flash_map_wishes *wishes, uint32_t *address) {
    struct flash_map_wishes tried = *wishes;
    tried.file_system_at = 0;
    if (wishes->file_system_at == 0 || wishes->file_system_end != 0 || !wishes_fit(&tried)) {
        return false;
    }
    for (uint32_t away = ONESLOT_SECTOR_SIZE; away < wishes->flash_size; away += ONESLOT_SECTOR_SIZE) {
        for (unsigned side = 0; side < 2; side++) {
            tried.file_system_at = side == 0 ? wishes->file_system_at + away : wishes->file_system_at - away;
            if (tried.file_system_at != 0 && tried.file_system_at < wishes->flash_size && wishes_fit(&tried)) {
                *address = tried.file_system_at;
                return true;
            }
        }
    }
    return false;
}

/// What else would help, wishes kept.
static void say_others(struct flash_map_finding *options, const struct flash_map_wishes *wishes) {
    struct flash_map_wishes tried = *wishes;
    char size[24];
    const char *before = options->text[0] == 0 ? "" : "; or ";
    if (wishes->low && (tried.low = false, wishes_fit(&tried))) {
        say(options, "%sleave --reserve low out", before);
        before = ", or ";
    }
    if (other_place(wishes, &tried.file_system_at)) {
        say(options, "%sput the file system at 0x%x", before, tried.file_system_at);
        before = ", or ";
    }
    tried = *wishes;
    tried.oneslot = tried.low = false;
    if (wishes->oneslot && wishes_fit(&tried)) {
        say(options, "%sdo without Oneslot (--no-oneslot)", before);
        before = ", or ";
    }
    tried = *wishes;
    while (wishes->file_system_end == 0 && flash_size_exists(wishes->chip, tried.flash_size *= 2)) {
        if (wishes_fit(&tried)) {
            say(options, "%stake a flash of %s", before, size_text(tried.flash_size, size));
            break;
        }
    }
}

/// Names what was asked for, as far as it must lie in the executable megabyte or, if not `executable`, at all. Returns
/// the bytes.
static uint64_t say_needs(struct flash_map_finding *refusal, const struct room *room, bool executable) {
    const struct flash_map_wishes *wishes = room->wishes;
    uint64_t reserved = !wishes->oneslot ? 0 : room->esp8266 ? RESERVED : INSTALLER + 5 * ONESLOT_SECTOR_SIZE;
    const struct {
        const char *what;
        uint64_t bytes;
        bool executable;
    } NEEDS[] = {
        {"to grow", wishes->grow, true},
        {"of native code", room->native, true},
        {"for Oneslot", reserved, wishes->low},
        {"for the user", room->user, false},
        {"of file system", room->file_system, false},
    };
    uint64_t bytes = room->bottom + room->firmware;
    say(refusal, "the firmware (0x%x bytes)", wishes->firmware);
    const char *before = " with";
    for (size_t index = 0; index < sizeof NEEDS / sizeof NEEDS[0]; index++) {
        if (NEEDS[index].bytes != 0 && (NEEDS[index].executable || !executable)) {
            say(refusal, "%s 0x%llx %s", before, (unsigned long long)NEEDS[index].bytes, NEEDS[index].what);
            before = ",";
            bytes += index == 0 ? 0 : NEEDS[index].bytes; // growth is in the firmware's
        }
    }
    return bytes;
}

/// Drops the last choices of a sentence that has more than `room` characters.
static void cut(char *text, size_t room) {
    while (strlen(text) > room) {
        char *last = NULL;
        for (char *at = text; (at = strstr(at, " or ")) != NULL; at++) {
            last = at;
        }
        if (last == NULL) {
            text[0] = 0;
            return;
        }
        last[-1] = 0; // with the comma before it
    }
}

/// There is no layout: says what needs how much, and what would help.
static bool refuse_room(struct flash_map_finding *refusal, const struct room *room) {
    const struct flash_map_wishes *wishes = room->wishes;
    const uint64_t low = wishes->low && wishes->oneslot && room->esp8266 ? RESERVED : 0;
    bool executable = room->esp8266 && room->firmware + room->native + low > room->executable;
    refuse(refusal, executable ? "xip-window" : "past-end", room->bottom, 0, "%s", "");
    uint64_t needs = say_needs(refusal, room, executable);
    uint32_t has = executable ? room->executable : room->top;
    if (needs <= has) {
        // All would fit, were it not for the file system's place.
        refusal->rule = "overlap";
        refusal->address = wishes->file_system_at;
    }
    if (needs > has) {
        say(refusal, " needs 0x%llx bytes, and %s has 0x%x", (unsigned long long)needs,
            executable ? "what is executable" : "the flash", has);
    } else {
        say(refusal, " does not fit around the file system at 0x%x", wishes->file_system_at);
    }
    struct flash_map_finding options = {.length = 0};
    uint32_t given = say_single(&options, wishes);
    given = given != 0 ? given : say_together(&options, wishes);
    given = given != 0 ? given : say_smaller_firmware(&options, wishes);
    say_others(&options, wishes);
    uint64_t end = room->bottom + room->firmware;
    if (given == 0 && needs > has) {
        given = needs - has < UINT32_MAX ? (uint32_t)(needs - has) : UINT32_MAX;
    } else if (given == 0 && wishes->file_system_at < end) {
        given = (uint32_t)(end - wishes->file_system_at);
    }
    refusal->length = given;
    if (given != 0) {
        say(refusal, ": 0x%x bytes too many", given);
    }
    static const char HELPS[] = ". What would help: ";
    cut(options.text, sizeof refusal->text - strlen(refusal->text) - sizeof HELPS);
    if (options.text[0] != 0) {
        say(refusal, "%s%s", HELPS, options.text);
    }
    return false;
}

/// Wishes that no room in the world would grant.
static bool check_wishes(const struct flash_map_wishes *wishes, struct flash_map_finding *refusal) {
    char size[24];
    if (wishes->chip >= FLASH_MAP_CHIPS) {
        return refuse(refusal, "firmware-chip", 0, 0, "there is no such chip");
    }
    if (wishes->oneslot && !flash_map_chip_served(wishes->chip)) {
        return refuse(refusal, "firmware-chip", 0, 0,
                      "Oneslot is not made for the %s: --no-oneslot plans a map without it",
                      flash_map_chip_title(wishes->chip));
    }
    if (!flash_size_exists(wishes->chip, wishes->flash_size)) {
        return refuse(refusal, "flash-size", 0, wishes->flash_size, "no flash of %s is made for the %s: %s",
                      size_text(wishes->flash_size, size), flash_map_chip_text(wishes->chip),
                      wishes->chip == FLASH_MAP_ESP8266 ? "512 KiB, 1, 2, 4, 8 or 16 MiB" : "1, 2, 4, 8 or 16 MiB");
    }
    if (wishes->sdk > 3) {
        return refuse(refusal, "system-sectors", 0, 0, "there is no SDK %u: the ESP8266's are 1, 2 and 3", wishes->sdk);
    }
    if (wishes->firmware == 0) {
        return refuse(refusal, "firmware-size", 0, 0, "a firmware of no bytes needs no map: how large is it?");
    }
    if (wishes->native != 0 && wishes->chip != FLASH_MAP_ESP8266) {
        return refuse(refusal, "xip-window", 0, wishes->native,
                      "the %s executes flash through pages that its own program maps: an area for native code is the "
                      "ESP8266's alone. Leave --native out",
                      flash_map_chip_text(wishes->chip));
    }
    if (wishes->file_system_at % ONESLOT_SECTOR_SIZE != 0 || wishes->file_system_end % ONESLOT_SECTOR_SIZE != 0) {
        return refuse(refusal, "sector-boundary", wishes->file_system_at, 0,
                      "the file system cannot begin at 0x%x or end at 0x%x: a sector begins every 0x1000 bytes",
                      wishes->file_system_at, wishes->file_system_end);
    }
    return true;
}

/// A place for the file system that no wish but another place would mend.
static bool check_place(const struct room *room, struct flash_map_finding *refusal) {
    const struct flash_map_wishes *wishes = room->wishes;
    uint64_t end = wishes->file_system_end != 0 ? wishes->file_system_end : room->top;
    uint64_t least = FS_SECTORS * ONESLOT_SECTOR_SIZE;
    if (wishes->file_system_at == 0 && wishes->file_system_end == 0) {
        return true;
    }
    if (end > room->top) {
        return refuse(refusal, room->esp8266 ? "system-sectors" : "past-end", room->top, (uint32_t)(end - room->top),
                      "the file system cannot lie from 0x%x to 0x%x: %s 0x%x, 0x%x bytes before it ends. A larger "
                      "flash would have room",
                      wishes->file_system_at, (uint32_t)end,
                      room->esp8266 ? "the SDK's sectors begin at" : "the flash ends at", room->top,
                      (uint32_t)(end - room->top));
    }
    uint64_t last = end < least ? 0 : end - least;
    if (wishes->file_system_at > last) {
        return refuse(refusal, "file-system-size", wishes->file_system_at, (uint32_t)(wishes->file_system_at - last),
                      "the file system cannot begin at 0x%x: it must end at 0x%x, and needs 0x%x bytes at the least. "
                      "Put it 0x%x bytes lower",
                      wishes->file_system_at, (uint32_t)end, (uint32_t)least,
                      (uint32_t)(wishes->file_system_at - last));
    }
    return true;
}

bool flash_map_plan(struct flash_map *map, const struct flash_map_wishes *wishes, struct flash_map_finding *refusal) {
    if (!check_wishes(wishes, refusal)) {
        return false;
    }
    struct room room = room_of(wishes);
    struct layout layout;
    if (!check_place(&room, refusal)) {
        return false;
    }
    if (!find_layout(&room, false, &layout)) {
        return refuse_room(refusal, &room);
    }
    make_map(map, &room, &layout);
    return true;
}
