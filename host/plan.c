#include "host/plan.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/size.h"
#include "oneslot/chip.h"

#define MEGABYTE 0x100000u
/// Sectors that the SDK keeps at the end of flash: RF calibration, PHY data, three of parameters.
#define SDK_SIZE 0x5000u
/// Free space behind a firmware in a default map of the small chips, so that the next one may be larger.
#define GROWTH 0x10000u

void plan_warn(struct plan *plan, const char *format, ...) {
    if (plan->warning_count == PLAN_WARNINGS) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(plan->warning[plan->warning_count++], PLAN_TEXT, format, arguments);
    va_end(arguments);
}

static bool refuse(struct plan *plan, enum oneslot_error error, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(plan->reason, sizeof plan->reason, format, arguments);
    va_end(arguments);
    plan->error = error;
    return false;
}

static uint32_t round_up(uint32_t value, uint32_t unit) {
    return (value + unit - 1) / unit * unit;
}

static uint32_t firmware_end(const struct plan *plan) {
    return round_up(plan->firmware->image.target + plan->firmware->image.size, ONESLOT_SECTOR_SIZE);
}

static void add(struct plan *plan, const char *label, uint8_t type, uint8_t subtype, uint32_t start, uint32_t end) {
    if (start >= end || plan->map.count == ONESLOT_MAP_ENTRIES) {
        return;
    }
    struct oneslot_partition *region = &plan->map.partition[plan->map.count++];
    *region = (struct oneslot_partition){.type = type, .subtype = subtype, .address = start, .size = end - start};
    snprintf(region->label, sizeof region->label, "%s", label);
}

static struct oneslot_partition *find(struct plan *plan, uint8_t type, int subtype) {
    for (uint32_t index = 0; index < plan->map.count; index++) {
        struct oneslot_partition *region = &plan->map.partition[index];
        if (region->type == type && (subtype < 0 || region->subtype == subtype)) {
            return region;
        }
    }
    return NULL;
}

/// Default maps: what the firmware and its SDK use, without the parts of Oneslot.

static const struct claim *files_claim(const struct plan *plan) {
    return claims_find(&plan->claims, CLAIM_FILES);
}

/// Where the firmware's own files begin, with the sector for native code in front of them.
static uint32_t files_start(const struct plan *plan) {
    const struct claim *native = claims_find(&plan->claims, CLAIM_NATIVE);
    return native != NULL ? native->from : files_claim(plan)->from;
}

/// Whether Oneslot can lie behind the end of the flash that the firmware is told of.
static bool room_behind(const struct plan *plan) {
    return plan->claims.to_header_end && plan->flash_size > plan->sdk_size;
}

static const char *advice(const struct plan *plan) {
    bool nodemcu = plan->firmware->maker == FIRMWARE_NODEMCU;
    if (plan->flash_size <= (nodemcu ? MEGABYTE / 2 : MEGABYTE)) {
        return nodemcu
                   ? "a chip of 1 MB or more"
                   : "a chip of 2 MB or more, of which the firmware is told less; or the generic build of MicroPython "
                     "1.13 or later, whose file system begins at 0x100000, on one of 2 MB or more";
    }
    return nodemcu ? "--flash-header keep, with which its SPIFFS ends where its image says"
                   : "no --flash-header: then it is told of less flash than the chip has, and Oneslot lies behind that";
}

static bool refuse_claimed(struct plan *plan) {
    const struct claim *files = files_claim(plan);
    uint32_t end = firmware_end(plan);
    uint32_t start = files_start(plan);
    if (plan->claims.mends_header) {
        return refuse(
            plan, ONESLOT_ERROR_IMAGE_CLAIMS,
            "this firmware leaves no room for Oneslot: its file system (%s) takes 0x%x to 0x%x, all up to the "
            "end of the chip, and a header that tells of less it corrects by itself, in Oneslot's sector. "
            "What would help: MicroPython 1.9 or later",
            files->what, files->from, files->to);
    }
    return refuse(plan, ONESLOT_ERROR_IMAGE_CLAIMS,
                  "this firmware leaves too little room: it ends at 0x%x, its file system (%s) takes 0x%x to 0x%x, %u "
                  "bytes lie between, %u are needed. What would help: %s; or a firmware built with its file system "
                  "from 0x%x on; or a map of your own (--map)",
                  end, files->what, files->from, files->to, start > end ? start - end : 0, PLAN_RESERVED, advice(plan),
                  end + PLAN_RESERVED + files->from - start);
}

/// A file system of Oneslot's own, behind what the firmware is told of and clear of what it writes there.
static void add_own_files(struct plan *plan) {
    uint32_t start = plan->sdk_size;
    uint32_t end = plan->flash_size;
    if (plan->flash_size > MEGABYTE) {
        start = (start > MEGABYTE ? start : MEGABYTE) + PLAN_RESERVED;
    } else {
        end -= PLAN_RESERVED;
    }
    for (uint32_t index = 0; index < plan->claims.count; index++) {
        uint32_t from = plan->claims.claim[index].from;
        end = from >= start && from < end ? from : end;
    }
    add(plan, "littlefs", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, start, end);
    plan_warn(
        plan,
        "the firmware keeps its own files on %s from 0x%x to 0x%x, which Oneslot does not read: the littlefs from "
        "0x%x on is Oneslot's alone, 'oneslot fs put' writes to it",
        files_claim(plan)->what, files_claim(plan)->from, files_claim(plan)->to, start);
}

/// Of a firmware whose files take all up to the end of the flash that its header tells of.
static bool add_claimed(struct plan *plan, const char *label, uint8_t subtype) {
    const struct claim *files = files_claim(plan);
    uint32_t system = plan->firmware->maker == FIRMWARE_NODEMCU ? plan->sdk_size - 0x4000 : plan->sdk_size - SDK_SIZE;
    if (files->from < MEGABYTE && !room_behind(plan) && files_start(plan) < firmware_end(plan) + PLAN_RESERVED) {
        return refuse_claimed(plan);
    }
    if (files_start(plan) < files->from) {
        add(plan, "native", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE, files_start(plan), files->from);
    }
    add(plan, label, ONESLOT_TYPE_DATA, subtype, files->from, files->to);
    add(plan, "system", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM, system, plan->sdk_size);
    if (subtype == ONESLOT_SUBTYPE_DATA_LITTLEFS) {
        return true;
    }
    if (!room_behind(plan)) {
        return refuse_claimed(plan); // Oneslot could lie in front of the files, and nothing to upgrade from anywhere
    }
    add_own_files(plan);
    return true;
}

static bool add_micropython(struct plan *plan) {
    plan->file_system_kind = &file_system_micropython;
    if (files_claim(plan) == NULL) {
        char size[24];
        return refuse(plan, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                      "this MicroPython keeps its file system from 0x%x on, and ends at 0x%x: with %s of flash there "
                      "is no room for any. A chip of 2 MB or more is needed",
                      claims_micropython_files(plan->firmware, NULL), firmware_end(plan),
                      size_text(plan->sdk_size, size));
    }
    bool littlefs = claims_micropython_littlefs(plan->firmware);
    return add_claimed(plan, littlefs ? "vfs" : "fat",
                       littlefs ? ONESLOT_SUBTYPE_DATA_LITTLEFS : ONESLOT_SUBTYPE_DATA_FAT);
}

static bool add_arduino(struct plan *plan) {
    uint32_t start;
    uint32_t end;
    plan->file_system_kind = &file_system_arduino;
    if (plan->sdk_size < MEGABYTE) {
        return refuse(plan, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                      "an Arduino sketch, a file system and Oneslot need 1 MB of flash or more");
    }
    if (!firmware_arduino_file_system(plan->firmware, &start, &end)) {
        firmware_arduino_usual(plan->sdk_size, &start, &end);
        plan_warn(
            plan,
            "the place of this sketch's file system was not found in it; 0x%x to 0x%x is assumed, as in Arduino's "
            "usual layout for the chip. If it was linked for another one, say so with --map",
            start, end);
    }
    if (end > plan->sdk_size - SDK_SIZE) {
        return refuse(
            plan, ONESLOT_ERROR_MAP_RANGE,
            "this sketch was linked for a larger chip: its file system is to lie from 0x%x to 0x%x, and the chip "
            "has 0x%x bytes",
            start, end, plan->sdk_size);
    }
    add(plan, "littlefs", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, start, end);
    add(plan, "eeprom", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER, plan->sdk_size - SDK_SIZE, plan->sdk_size - 0x4000);
    add(plan, "system", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM, plan->sdk_size - 0x4000, plan->sdk_size);
    plan_warn(
        plan,
        "Arduino's own updates over the air write their first sector to flash 0: one such update removes Oneslot");
    return true;
}

/// The SDK's and the AT firmware's parameters behind user1 (SDK, user_main.c, system_partition_table).
static void add_user1(struct plan *plan) {
    bool wide = plan->map_nibble == 5 || plan->map_nibble == 6;
    if (plan->sdk_size < MEGABYTE) {
        return;
    }
    uint32_t half = wide ? MEGABYTE : MEGABYTE / 2;
    add(plan, "parameters", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER, half - 0x7000, half);
    plan_warn(
        plan,
        "there is one firmware slot: the place of user2 (0x%x) is taken, and an upgrade by user1 to user2 over the "
        "air would destroy what lies there",
        half + 0x1000);
}

static bool add_other(struct plan *plan) {
    plan->file_system_kind = &file_system_micropython;
    if (plan->firmware->image.kind == ONESLOT_IMAGE_USER1) {
        add_user1(plan);
    }
    uint32_t system = plan->sdk_size - SDK_SIZE;
    uint32_t start = MEGABYTE;
    if (plan->sdk_size <= MEGABYTE) {
        start = round_up(firmware_end(plan) + GROWTH, ONESLOT_BLOCK_SIZE) + PLAN_RESERVED;
        const struct oneslot_partition *parameters = find(plan, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER);
        if (parameters != NULL && start < parameters->address + parameters->size + PLAN_RESERVED) {
            start = parameters->address + parameters->size + PLAN_RESERVED;
        }
    }
    if (start + 2 * file_system_micropython.block_size > system) {
        return refuse(
            plan, ONESLOT_ERROR_IMAGE_TOO_LARGE,
            "there is no room for a file system: the firmware ends at 0x%x, %u bytes are needed behind it, and "
            "the SDK's sectors begin at 0x%x. A larger chip would help, or a map of your own (--map)",
            firmware_end(plan), PLAN_RESERVED, system);
    }
    add(plan, "littlefs", ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, start, system);
    add(plan, "system", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM, system, plan->sdk_size);
    return true;
}

static bool add_defaults(struct plan *plan) {
    if (plan->firmware->maker == FIRMWARE_MICROPYTHON) {
        return add_micropython(plan);
    }
    if (plan->firmware->maker == FIRMWARE_NODEMCU && files_claim(plan) != NULL) {
        plan->file_system_kind = &file_system_micropython;
        return add_claimed(plan, "spiffs", ONESLOT_SUBTYPE_DATA_SPIFFS);
    }
    return plan->firmware->image.kind == ONESLOT_IMAGE_ARDUINO ? add_arduino(plan) : add_other(plan);
}

/// The parts of Oneslot, in the order in which they lie in the reserved area.

static const struct {
    const char *label;
    uint8_t subtype;
    uint32_t size;
} PARTS[] = {
    {"displaced", ONESLOT_SUBTYPE_DISPLACED, ONESLOT_SECTOR_SIZE},
    {"journal", ONESLOT_SUBTYPE_JOURNAL, 2 * ONESLOT_SECTOR_SIZE},
    {"map", ONESLOT_SUBTYPE_MAP, ONESLOT_SECTOR_SIZE},
    {"installer", ONESLOT_SUBTYPE_INSTALLER, ONESLOT_INSTALLER_SIZE},
};

#define PART_COUNT (sizeof PARTS / sizeof PARTS[0])

static int by_address(const void *left, const void *right) {
    const struct oneslot_partition *one = left;
    const struct oneslot_partition *two = right;
    return one->address < two->address ? -1 : one->address > two->address;
}

static void sort(struct plan *plan) {
    qsort(plan->map.partition, plan->map.count, sizeof plan->map.partition[0], by_address);
}

struct span {
    uint32_t from;
    uint32_t to;
};

static int by_start(const void *left, const void *right) {
    const struct span *one = left;
    const struct span *two = right;
    return one->from < two->from ? -1 : one->from > two->from;
}

/// What is taken: by the map's regions, and by the firmware itself, but for the place of its second slot, which one
/// slot has no use for.
static size_t taken(const struct plan *plan, struct span *spans) {
    size_t count = 0;
    for (uint32_t index = 0; index < plan->map.count; index++) {
        const struct oneslot_partition *region = &plan->map.partition[index];
        spans[count++] = (struct span){region->address, region->address + region->size};
    }
    uint32_t claims = plan->given != NULL && plan->force ? 0 : plan->claims.count;
    for (uint32_t index = 0; index < claims; index++) {
        const struct claim *claim = &plan->claims.claim[index];
        if (claim->kind != CLAIM_SECOND) {
            spans[count++] = (struct span){claim->from, claim->to};
        }
    }
    qsort(spans, count, sizeof *spans, by_start);
    return count;
}

/// A place of `size` bytes behind the firmware: the lowest one beyond what is executed in place, else the highest one
/// below. Returns false with the size of the largest gap.
static bool find_gap(const struct plan *plan, uint32_t size, uint32_t *address, uint32_t *largest) {
    struct span spans[ONESLOT_MAP_ENTRIES + CLAIMS_MAX];
    size_t count = taken(plan, spans);
    uint32_t end = room_behind(plan) ? plan->flash_size : plan->sdk_size;
    uint32_t from = firmware_end(plan);
    bool found = false;
    *largest = 0;
    for (size_t index = 0; index <= count; index++) {
        uint32_t to = index < count && spans[index].from < end ? spans[index].from : end;
        if (to > from) {
            *largest = to - from > *largest ? to - from : *largest;
            uint32_t beyond = from > MEGABYTE ? from : MEGABYTE;
            if (to > beyond && to - beyond >= size) {
                *address = beyond;
                return true;
            }
            uint32_t top = to < MEGABYTE ? to : MEGABYTE;
            if (top > from && top - from >= size) {
                *address = top - size;
                found = true;
            }
        }
        if (index < count && spans[index].to > from) {
            from = spans[index].to;
        }
    }
    return found;
}

static bool place(struct plan *plan, const char *what, uint32_t size, uint32_t *address) {
    uint32_t largest;
    if (find_gap(plan, size, address, &largest)) {
        return true;
    }
    return refuse(
        plan, ONESLOT_ERROR_IMAGE_TOO_LARGE,
        "there is no room for %s: the firmware ends at 0x%x, %u bytes are needed in one piece, and the largest "
        "free piece behind it has %u",
        what, firmware_end(plan), size, largest);
}

static bool add_parts(struct plan *plan) {
    uint32_t missing = 0;
    for (size_t index = 0; index < PART_COUNT; index++) {
        missing += find(plan, ONESLOT_TYPE_ONESLOT, PARTS[index].subtype) == NULL;
    }
    uint32_t address = 0;
    if (missing == PART_COUNT && !place(plan, "the reserved area", PLAN_RESERVED, &address)) {
        return false;
    }
    for (size_t index = 0; index < PART_COUNT; index++) {
        const struct oneslot_partition *region = find(plan, ONESLOT_TYPE_ONESLOT, PARTS[index].subtype);
        if (region == NULL) {
            if (missing < PART_COUNT && !place(plan, PARTS[index].label, PARTS[index].size, &address)) {
                return false;
            }
            add(plan, PARTS[index].label, ONESLOT_TYPE_ONESLOT, PARTS[index].subtype, address,
                address + PARTS[index].size);
            address += PARTS[index].size;
        } else if (region->size < PARTS[index].size) {
            return refuse(plan, ONESLOT_ERROR_MAP_INVALID, "the map's region '%s' has %u bytes, and %u are needed",
                          region->label, region->size, PARTS[index].size);
        }
    }
    return true;
}

static bool add_loader(struct plan *plan) {
    const struct oneslot_partition *loader = find(plan, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER);
    if (loader != NULL && (loader->address != 0 || loader->size != ONESLOT_SECTOR_SIZE)) {
        return refuse(plan, ONESLOT_ERROR_MAP_INVALID,
                      "the map's region '%s' must be the first 4096 bytes of the flash", loader->label);
    }
    struct oneslot_partition *application = find(plan, ONESLOT_TYPE_APP, -1);
    // "From 0" is how a user thinks of it; the first sector goes elsewhere.
    if (application != NULL && application->address == 0 && application->size > ONESLOT_SECTOR_SIZE) {
        application->address = ONESLOT_SECTOR_SIZE;
        application->size -= ONESLOT_SECTOR_SIZE;
    }
    if (application != NULL && application->address != ONESLOT_SECTOR_SIZE) {
        return refuse(plan, ONESLOT_ERROR_MAP_INVALID,
                      "the map's application '%s' begins at 0x%x: every image for this chip begins at 0",
                      application->label, application->address);
    }
    if (loader == NULL) {
        add(plan, "loader", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER, 0, ONESLOT_SECTOR_SIZE);
    }
    return true;
}

/// Without one in the map, the firmware has all up to the first region.
static void add_firmware(struct plan *plan) {
    if (find(plan, ONESLOT_TYPE_APP, -1) != NULL) {
        return;
    }
    sort(plan);
    uint32_t end =
        plan->map.count > 1 && plan->map.partition[1].address < MEGABYTE ? plan->map.partition[1].address : MEGABYTE;
    end = end < plan->flash_size ? end : plan->flash_size;
    add(plan, "firmware", ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, ONESLOT_SECTOR_SIZE, end);
}

static bool check_regions(struct plan *plan) {
    sort(plan);
    for (uint32_t index = 0; index < plan->map.count; index++) {
        const struct oneslot_partition *region = &plan->map.partition[index];
        uint64_t end = (uint64_t)region->address + region->size;
        if (end > plan->flash_size) {
            return refuse(plan, ONESLOT_ERROR_MAP_RANGE,
                          "the region '%s' ends at 0x%llx, past the end of the flash, 0x%x", region->label,
                          (unsigned long long)end, plan->flash_size);
        }
        const struct oneslot_partition *next = region + 1;
        if (index + 1 < plan->map.count && next->address < end) {
            return refuse(plan, ONESLOT_ERROR_MAP_OVERLAP,
                          "the regions '%s' (0x%x to 0x%llx) and '%s' (0x%x to 0x%x) overlap", region->label,
                          region->address, (unsigned long long)end, next->label, next->address,
                          next->address + next->size);
        }
    }
    return true;
}

static uint32_t part_address(struct plan *plan, uint8_t subtype) {
    return find(plan, ONESLOT_TYPE_ONESLOT, subtype)->address;
}

static bool check_firmware(struct plan *plan) {
    const struct oneslot_image *image = &plan->firmware->image;
    uint32_t end = image->target + image->size;
    if (end > plan->layout.firmware) {
        return refuse(plan, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                      "the firmware is too large: it ends at 0x%x, and its region ends at 0x%x, %u bytes before", end,
                      plan->layout.firmware, end - plan->layout.firmware);
    }
    struct oneslot_image_limits limits = oneslot_esp8266.limits;
    limits.firmware = plan->layout.firmware;
    limits.map = &plan->map;
    // What is put on by wire needs no proof of its own: its bytes are the ones that the user chose.
    limits.expected = image->sha256;
    enum oneslot_error error = oneslot_image_allowed(image, &limits, NULL);
    return error == ONESLOT_ERROR_NONE || refuse(plan, error, "%s", oneslot_error_text(error));
}

/// A second region for the installer, to be updated by turns; 0: the map has none.
static uint32_t second_installer(const struct plan *plan, uint32_t first) {
    for (uint32_t index = 0; index < plan->map.count; index++) {
        const struct oneslot_partition *region = &plan->map.partition[index];
        if (region->type == ONESLOT_TYPE_ONESLOT && region->subtype == ONESLOT_SUBTYPE_INSTALLER &&
            region->address != first && region->size >= ONESLOT_INSTALLER_SIZE) {
            return region->address;
        }
    }
    return 0;
}

static void finish(struct plan *plan) {
    const struct oneslot_partition *application = find(plan, ONESLOT_TYPE_APP, -1);
    uint32_t end = application->address + application->size;
    plan->layout = (struct oneslot_layout){
        .flash_size = plan->flash_size,
        .displaced = part_address(plan, ONESLOT_SUBTYPE_DISPLACED),
        .journal = part_address(plan, ONESLOT_SUBTYPE_JOURNAL),
        .map = part_address(plan, ONESLOT_SUBTYPE_MAP),
        .settings = part_address(plan, ONESLOT_SUBTYPE_MAP),
        .installer = part_address(plan, ONESLOT_SUBTYPE_INSTALLER),
        .firmware = end < MEGABYTE ? end : MEGABYTE,
    };
    plan->layout.second = second_installer(plan, plan->layout.installer);
    plan->file_system = oneslot_map_file_system(&plan->map);
    if (plan->file_system == NULL) {
        plan_warn(plan, "the map has no file system: upgrades can come from raw regions only");
    } else if (plan->file_system->size < plan->firmware->size) {
        plan_warn(plan, "the file system has %u bytes: another firmware of this size (%u bytes) does not fit in it",
                  plan->file_system->size, plan->firmware->size);
    }
}

bool plan_make(struct plan *plan) {
    struct claims_chip chip = {
        .flash_size = plan->flash_size, .told = plan->sdk_size, .nibble = plan->map_nibble, .files_at = plan->files_at};
    claims_of(&plan->claims, plan->firmware, &chip);
    plan->map.count = 0;
    plan->warning_count = 0;
    plan->error = ONESLOT_ERROR_NONE;
    plan->file_system_kind =
        plan->firmware->image.kind == ONESLOT_IMAGE_ARDUINO ? &file_system_arduino : &file_system_micropython;
    if (firmware_end(plan) > plan->flash_size) {
        return refuse(plan, ONESLOT_ERROR_IMAGE_TOO_LARGE, "the firmware ends at 0x%x, and the flash has 0x%x bytes",
                      firmware_end(plan), plan->flash_size);
    }
    if (plan->given != NULL) {
        plan->map = *plan->given;
    } else if (!add_defaults(plan)) {
        return false;
    }
    if (!add_loader(plan) || !check_regions(plan) || !add_parts(plan)) {
        return false;
    }
    if (plan->map.count == ONESLOT_MAP_ENTRIES) {
        return refuse(plan, ONESLOT_ERROR_MAP_INVALID, "the map has too many regions: %u with ours, at the most",
                      ONESLOT_MAP_ENTRIES);
    }
    add_firmware(plan);
    if (!check_regions(plan)) {
        return false;
    }
    finish(plan);
    if (!check_firmware(plan)) {
        return false;
    }
    if (!oneslot_layout_valid(&plan->layout)) {
        // Magic, version and CRC come with the seal; what is left are places that the device could not use.
        struct oneslot_layout sealed = plan->layout;
        oneslot_layout_seal(&sealed);
        if (!oneslot_layout_valid(&sealed)) {
            return refuse(plan, ONESLOT_ERROR_MAP_INVALID,
                          "the map puts a part of Oneslot where the device cannot use it");
        }
    }
    return true;
}
