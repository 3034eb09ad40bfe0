/*
 * The firmware of an ESP8266 and the sectors of Oneslot around it. Code that runs in place is linked to the flash
 * address that it lies at, and every image begins at flash 0, so a firmware never moves; all but its first sector,
 * which Oneslot keeps elsewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "host/firmware.h"
#include "host/loader.h"
#include "host/map/move.h"
#include "host/ram_flash.h"
#include "host/size.h"
#include "oneslot/journal.h"
#include "oneslot/layout.h"

#define WINDOW      0x40200000u /* where flash is seen from 0 on */
#define MEGABYTE    0x100000u   /* as much of it as is seen */
#define USER1_MAGIC 0xeau

/// The application's image as its maker shipped it, from flash 0 on, and what it is.
struct application {
    uint8_t *bytes;
    uint32_t size;  ///< to the end of its region
    uint32_t start; ///< of the firmware proper: behind boot_v1.x, else 0
    uint32_t end;   ///< of what is not erased or, if the image tells, of the image
    struct firmware firmware;
};

static const struct {
    const char *name;
    uint8_t subtype;
    uint32_t size;
} PARTS[] = {
    {"loader", ONESLOT_SUBTYPE_LOADER, ONESLOT_SECTOR_SIZE},
    {"displaced sector", ONESLOT_SUBTYPE_DISPLACED, ONESLOT_SECTOR_SIZE},
    {"journal", ONESLOT_SUBTYPE_JOURNAL, ONESLOT_JOURNAL_SECTORS *ONESLOT_SECTOR_SIZE},
    {"map", ONESLOT_SUBTYPE_MAP, ONESLOT_SECTOR_SIZE},
    {"installer", ONESLOT_SUBTYPE_INSTALLER, ONESLOT_INSTALLER_SIZE},
};

#define PART_COUNT (sizeof PARTS / sizeof PARTS[0])

static const struct oneslot_partition *part(const struct flash_map *map, uint8_t subtype) {
    return move_find(&map->map, ONESLOT_TYPE_ONESLOT, subtype);
}

bool move_is_oneslot(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_ONESLOT && region->subtype <= ONESLOT_SUBTYPE_INSTALLER;
}

/// Where the application begins in the user's eyes: with Oneslot, its first sector lies elsewhere.
static uint32_t start_of(const struct flash_map *map, const struct oneslot_partition *region) {
    bool displaced = region->address == ONESLOT_SECTOR_SIZE && part(map, ONESLOT_SUBTYPE_DISPLACED) != NULL;
    return displaced ? 0 : region->address;
}

/// Where the first sector of an application that begins at flash 0 lies.
static uint32_t head_of(const struct flash_map *map) {
    const struct oneslot_partition *displaced = part(map, ONESLOT_SUBTYPE_DISPLACED);
    return displaced != NULL ? displaced->address : 0;
}

/// The header says how large the flash is, and the SDK looks for its sectors by that.
static void set_size(const struct move *move, uint8_t *header) {
    uint32_t size;
    flash_size_name(header[3] >> 4, &size);
    if (move->from->flash_size == move->to->flash_size || size != move->from->flash_size) {
        return;
    }
    for (uint8_t nibble = 0; nibble < 16; nibble++) {
        flash_size_name(nibble, &size);
        if (size == move->to->flash_size) {
            header[3] = (uint8_t)(nibble << 4 | (header[3] & 0x0f));
            return;
        }
    }
}

/// Looks at the firmware from its start on. What lies behind the image up to the end of its region is none of it.
static void read_firmware(struct application *application) {
    struct firmware *firmware = &application->firmware;
    const uint8_t *bytes = application->bytes + application->start;
    uint32_t room = application->size - application->start;
    firmware_read(firmware, bytes, room);
    if (firmware->error == ONESLOT_ERROR_IMAGE_LENGTH && firmware->image.size != 0 && firmware->image.size < room) {
        firmware_read(firmware, bytes, firmware->image.size);
    }
}

/// Whether it is boot_v1.x, in its one sector, with a user1 behind it: then that is what counts.
static bool is_boot(const struct application *application) {
    const struct oneslot_image *image = &application->firmware.image;
    uint32_t end = 0;
    for (unsigned index = 0; index < image->segment_count; index++) {
        end = image->segment[index].offset + image->segment[index].length;
    }
    return application->start == 0 && image->kind == ONESLOT_IMAGE_PLAIN && end < ONESLOT_SECTOR_SIZE &&
           application->size > ONESLOT_SECTOR_SIZE && application->bytes[ONESLOT_SECTOR_SIZE] == USER1_MAGIC;
}

static void read_application(const struct move *move, const struct oneslot_partition *region,
                             struct application *application) {
    application->start = start_of(move->from, region);
    memcpy(application->bytes, move->from->bytes, application->size);
    if (application->start == 0) {
        memcpy(application->bytes, move->from->bytes + head_of(move->from), ONESLOT_SECTOR_SIZE);
    }
    read_firmware(application);
    if (is_boot(application)) {
        application->start = ONESLOT_SECTOR_SIZE;
        read_firmware(application);
    }
}

/// Whether the image says itself where it ends.
static bool tells_size(const struct application *application) {
    enum oneslot_image_kind kind = application->firmware.image.kind;
    return application->firmware.error == ONESLOT_ERROR_NONE &&
           (kind == ONESLOT_IMAGE_MICROPYTHON || kind == ONESLOT_IMAGE_ARDUINO || kind == ONESLOT_IMAGE_USER1);
}

static bool check_application(const struct move *move, const struct oneslot_partition *region,
                              struct application *application) {
    const struct firmware *firmware = &application->firmware;
    // What lies elsewhere is a second part (NodeMCU's), no image.
    switch (application->start <= ONESLOT_SECTOR_SIZE ? firmware->error : ONESLOT_ERROR_IMAGE_UNKNOWN) {
    case ONESLOT_ERROR_IMAGE_TRUNCATED:
        return flash_map_refuse(
            move->reason,
            "'%s': the firmware does not end within its region, at 0x%x: the dump is cut short, or the "
            "old map is not this device's",
            region->label, application->size);
    case ONESLOT_ERROR_IMAGE_CHECKSUM:
    case ONESLOT_ERROR_IMAGE_CRC:
    case ONESLOT_ERROR_IMAGE_MD5:
        return flash_map_refuse(move->reason, "'%s': the firmware in the dump is damaged: %s", region->label,
                                oneslot_error_text(firmware->error));
    default:
        break;
    }
    application->end = tells_size(application) ? application->start + firmware->image.size
                                               : move_used(application->bytes, application->size);
    return true;
}

/// Flash address of the code that runs in place, 0 if there is none.
static uint32_t code_in_place(const struct application *application) {
    const struct oneslot_image *image = &application->firmware.image;
    uint32_t end = 0;
    switch (image->kind) {
    case ONESLOT_IMAGE_MICROPYTHON:
        return application->start + 0x9000;
    case ONESLOT_IMAGE_ARDUINO:
        return application->start + 0x1010;
    case ONESLOT_IMAGE_USER1:
        return application->start + 0x10;
    default:
        break;
    }
    for (unsigned index = 0; index < image->segment_count; index++) {
        end = image->segment[index].offset + image->segment[index].length;
    }
    if (end == 0) {
        return application->start; // no image of its own: the part that runs in place
    }
    uint32_t code = (application->start + end + ONESLOT_SECTOR_SIZE) & ~(ONESLOT_SECTOR_SIZE - 1);
    while (code < application->end && move_used(application->bytes + code, ONESLOT_SECTOR_SIZE) == 0) {
        code += ONESLOT_SECTOR_SIZE;
    }
    return code < application->end ? code : 0;
}

static bool check_place(const struct move *move, const struct move_pair *pair, const struct application *application) {
    uint32_t old_start = start_of(move->from, pair->from);
    uint32_t new_start = start_of(move->to, pair->to);
    uint32_t code = code_in_place(application);
    if (old_start != new_start && code != 0) {
        return flash_map_refuse(move->reason,
                                "'%s' cannot move from 0x%x to 0x%x: its code at 0x%x is linked to flash 0x%x",
                                pair->from->label, old_start, new_start, WINDOW + code, code);
    }
    if (old_start != new_start) {
        return flash_map_refuse(move->reason,
                                "'%s' cannot move from 0x%x to 0x%x: the boot ROM starts what lies at 0x%x",
                                pair->from->label, old_start, new_start, old_start);
    }
    uint32_t end = pair->to->address + pair->to->size;
    if (end > MEGABYTE) {
        end = MEGABYTE;
    }
    if (application->end > end) {
        return flash_map_refuse(
            move->reason,
            "'%s': the firmware needs %u bytes (it ends at 0x%x), its new region '%s' has %u (up to "
            "0x%x): %u bytes are missing",
            pair->from->label, application->end - old_start, application->end, pair->to->label, end - new_start, end,
            application->end - end);
    }
    return true;
}

/// A firmware finds its file system by an address that was linked into it.
static void warn_file_system(const struct move *move, const struct application *application) {
    const struct oneslot_partition *from = oneslot_map_file_system(&move->from->map);
    const struct oneslot_partition *to = oneslot_map_file_system(&move->to->map);
    const struct firmware *firmware = &application->firmware;
    uint32_t start = firmware->maker == FIRMWARE_MICROPYTHON ? firmware_micropython_file_system(firmware) : 0;
    uint32_t end;
    if (firmware->image.kind == ONESLOT_IMAGE_ARDUINO && !firmware_arduino_file_system(firmware, &start, &end)) {
        start = 0;
    }
    if (from == NULL || to == NULL || (from->address == to->address && from->size == to->size)) {
        return;
    }
    if (start == from->address && start != to->address) {
        move_step(move, FLASH_MAP_STEP_WARNING, from, to,
                  "this firmware looks for its file system at 0x%x, where the new map has none: install one that was "
                  "built for 0x%x",
                  start, to->address);
    } else {
        move_step(move, FLASH_MAP_STEP_NOTE, from, to, "the firmware must look for it from 0x%x to 0x%x", to->address,
                  to->address + to->size);
    }
}

static void put_application(const struct move *move, const struct move_pair *pair,
                            const struct application *application) {
    uint32_t first = pair->to->address;
    uint32_t old_end = pair->from->address + pair->from->size;
    uint32_t new_end = pair->to->address + pair->to->size;
    uint32_t end = old_end < new_end ? old_end : new_end;
    memcpy(move->out + first, application->bytes + first, end - first);
    if (start_of(move->to, pair->to) == 0) {
        uint8_t *head = move->out + head_of(move->to);
        memcpy(head, application->bytes, ONESLOT_SECTOR_SIZE);
        set_size(move, head);
    }
    const struct firmware *firmware = &application->firmware;
    bool known = firmware->error == ONESLOT_ERROR_NONE;
    move_step(move, FLASH_MAP_STEP_KEEP, pair->from, pair->to, "%s%s%s, %u bytes, %u bytes free behind it",
              known ? oneslot_image_kind_text(firmware->image.kind) : "firmware", firmware->version[0] != 0 ? " " : "",
              firmware->version, application->end - start_of(move->from, pair->from),
              new_end > application->end ? new_end - application->end : 0);
    if (move_used(application->bytes, old_end) > new_end) {
        move_step(move, FLASH_MAP_STEP_NOTE, pair->from, NULL,
                  "what lies behind the firmware from 0x%x on stays behind", new_end);
    }
}

bool move_firmware(const struct move *move, const struct move_pair *pair) {
    uint32_t size = pair->from->address + pair->from->size;
    uint8_t *bytes = malloc(size);
    if (bytes == NULL) {
        return flash_map_refuse(move->reason, "memory ran out");
    }
    struct application application = {.bytes = bytes, .size = size};
    read_application(move, pair->from, &application);
    bool done = check_application(move, pair->from, &application) && check_place(move, pair, &application);
    if (done) {
        put_application(move, pair, &application);
        warn_file_system(move, &application);
    }
    free(bytes);
    return done;
}

/// Oneslot's own sectors.

static unsigned count_parts(const struct flash_map *map) {
    unsigned count = 0;
    for (size_t index = 0; index < PART_COUNT; index++) {
        count += part(map, PARTS[index].subtype) != NULL;
    }
    return count;
}

static bool check_parts(const struct move *move, const struct flash_map *map, const char *which) {
    for (size_t index = 0; index < PART_COUNT; index++) {
        const struct oneslot_partition *region = part(map, PARTS[index].subtype);
        if (region == NULL) {
            return flash_map_refuse(move->reason,
                                    "the %s map has a part of Oneslot, but no %s: all five belong together", which,
                                    PARTS[index].name);
        }
        if (region->size < PARTS[index].size) {
            return flash_map_refuse(move->reason, "the %s map's '%s' has %u bytes, and %u are needed", which,
                                    region->label, region->size, PARTS[index].size);
        }
    }
    return true;
}

static bool check_layout(const struct move *move, struct oneslot_layout *layout) {
    struct oneslot_flash flash;
    ram_flash_init(&flash, move->from->bytes, move->from->size);
    if (oneslot_layout_read(&flash, layout) != ONESLOT_ERROR_NONE) {
        return flash_map_refuse(move->reason,
                                "the old map has Oneslot, but there is no layout at flash 0: the loader is damaged, or "
                                "the old map is not this device's");
    }
    if (layout->flash_size != move->from->size) {
        return flash_map_refuse(
            move->reason, "the dump has %u bytes, but it is of a flash with Oneslot of %u: a whole dump is needed",
            move->from->size, layout->flash_size);
    }
    if (layout->displaced != part(move->from, ONESLOT_SUBTYPE_DISPLACED)->address ||
        layout->journal != part(move->from, ONESLOT_SUBTYPE_JOURNAL)->address ||
        layout->map != part(move->from, ONESLOT_SUBTYPE_MAP)->address ||
        layout->installer != part(move->from, ONESLOT_SUBTYPE_INSTALLER)->address) {
        return flash_map_refuse(move->reason,
                                "the old map has Oneslot's parts elsewhere than the dump's loader: it is not this "
                                "device's");
    }
    if (!loader_usable(move->from->bytes, ONESLOT_SECTOR_SIZE) || !loader_whole(move->from->bytes)) {
        return flash_map_refuse(move->reason, "the loader in the dump is damaged: its checksum does not hold");
    }
    return true;
}

static bool check_journal(const struct move *move, const struct oneslot_layout *layout) {
    struct oneslot_flash flash;
    struct oneslot_record record;
    ram_flash_init(&flash, move->from->bytes, move->from->size);
    struct oneslot_journal journal = {.flash = &flash, .address = layout->journal};
    enum oneslot_error error = oneslot_journal_load(&journal, &record, NULL);
    if (error != ONESLOT_ERROR_NONE && error != ONESLOT_ERROR_JOURNAL_EMPTY) {
        return flash_map_refuse(move->reason, "the journal in the dump is damaged: %s", oneslot_error_text(error));
    }
    if (record.state == ONESLOT_STATE_INSTALLING) {
        return flash_map_refuse(move->reason, "an upgrade to %.*s is under way on this device: let it finish first",
                                (int)sizeof record.source, record.source);
    }
    if (record.installer != 0 || record.installer_before != 0) {
        return flash_map_refuse(
            move->reason,
            "the installer of this device was replaced and lies at 0x%x, which the old map does not "
            "say: make its flash anew with oneslot image",
            record.installer != 0 ? record.installer : layout->installer);
    }
    return true;
}

static bool put_loader(const struct move *move, const struct oneslot_layout *old) {
    const struct oneslot_partition *application = move_find(&move->to->map, ONESLOT_TYPE_APP, -1);
    const struct oneslot_partition *loader = part(move->to, ONESLOT_SUBTYPE_LOADER);
    if (loader->address != 0) {
        return flash_map_refuse(move->reason, "the new map's '%s' must be the first sector of the flash",
                                loader->label);
    }
    if (application == NULL || application->address != ONESLOT_SECTOR_SIZE) {
        return flash_map_refuse(move->reason, "the new map has no application at 0x1000, behind Oneslot's loader");
    }
    uint32_t end = application->address + application->size;
    struct oneslot_layout layout = *old;
    layout.flash_size = move->to->flash_size;
    layout.displaced = part(move->to, ONESLOT_SUBTYPE_DISPLACED)->address;
    layout.journal = part(move->to, ONESLOT_SUBTYPE_JOURNAL)->address;
    layout.map = part(move->to, ONESLOT_SUBTYPE_MAP)->address;
    layout.settings = layout.map;
    layout.second = 0;
    layout.installer = part(move->to, ONESLOT_SUBTYPE_INSTALLER)->address;
    layout.firmware = end < MEGABYTE ? end : MEGABYTE;
    oneslot_layout_seal(&layout);
    if (!oneslot_layout_valid(&layout)) {
        return flash_map_refuse(move->reason, "the new map puts a part of Oneslot where the device cannot use it");
    }
    memcpy(move->out, move->from->bytes, ONESLOT_SECTOR_SIZE);
    set_size(move, move->out);
    loader_put_layout(move->out, &layout);
    return true;
}

/// The first sector of the application has its step with the application.
static void put_parts(const struct move *move) {
    for (size_t index = 0; index < PART_COUNT; index++) {
        const struct oneslot_partition *from = part(move->from, PARTS[index].subtype);
        const struct oneslot_partition *to = part(move->to, PARTS[index].subtype);
        uint8_t *bytes = move->out + to->address;
        enum flash_map_step_kind kind = from->address == to->address ? FLASH_MAP_STEP_KEEP : FLASH_MAP_STEP_COPY;
        switch (PARTS[index].subtype) {
        case ONESLOT_SUBTYPE_LOADER:
            move_step(move, FLASH_MAP_STEP_WRITE, from, to, "the loader, with the new layout");
            continue;
        case ONESLOT_SUBTYPE_DISPLACED:
            move_step(move, kind, from, to, "the firmware's first sector");
            continue;
        case ONESLOT_SUBTYPE_MAP:
            // The configuration behind the table stays.
            memcpy(bytes, move->from->bytes + from->address, PARTS[index].size);
            oneslot_map_write(&move->to->map, bytes);
            move_step(move, FLASH_MAP_STEP_WRITE, from, to, "the new map; the configuration as it was");
            continue;
        default:
            memcpy(bytes, move->from->bytes + from->address, PARTS[index].size);
            move_step(move, kind, from, to, "the %s as it was", PARTS[index].name);
        }
    }
}

bool move_oneslot(const struct move *move) {
    struct oneslot_layout layout;
    unsigned before = count_parts(move->from);
    unsigned after = count_parts(move->to);
    if (before == 0 && after == 0) {
        return true;
    }
    if (before == 0) {
        return flash_map_refuse(move->reason, "the new map has Oneslot's regions, but the dump has no Oneslot: "
                                              "'oneslot image --map' puts it on");
    }
    if (!check_parts(move, move->from, "old") || !check_layout(move, &layout) || !check_journal(move, &layout)) {
        return false;
    }
    if (after == 0) {
        return true; // given up by name: the first sector goes back to flash 0 with the firmware
    }
    if (!check_parts(move, move->to, "new") || !put_loader(move, &layout)) {
        return false;
    }
    put_parts(move);
    return true;
}
