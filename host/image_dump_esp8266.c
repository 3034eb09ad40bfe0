/*
 * oneslot image --dump for the ESP8266: a device as it is gets Oneslot, and keeps its files, its settings and, unless
 * another is given, its firmware.
 */
#include <stdlib.h>
#include <string.h>

#include "host/flash_file.h"
#include "host/foreign.h"
#include "host/image.h"
#include "host/map/files.h"
#include "host/map/implied.h"
#include "host/size.h"
#include "host/tool.h"

static bool is_erased(const uint8_t *bytes, uint32_t length) {
    for (uint32_t index = 0; index < length; index++) {
        if (bytes[index] != 0xff) {
            return false;
        }
    }
    return true;
}

static int check_size(struct image_build *build) {
    struct image_options *options = &build->options;
    const struct image_blob *dump = &build->esp8266.dump;
    if (dump->size < ONESLOT_BLOCK_SIZE || (dump->size & (dump->size - 1)) != 0 ||
        (options->flash_size != 0 && options->flash_size != dump->size)) {
        return tool_fail(options->json, ONESLOT_ERROR_NO_LAYOUT,
                         "%s holds %u bytes: a dump of the whole flash is needed ('esptool read-flash 0 ALL old.bin')",
                         options->dump, dump->size);
    }
    char name[24];
    options->flash_size = dump->size;
    if (options->nibble == 0) {
        snprintf(name, sizeof name, "%uKB", dump->size / 1024);
        flash_size_parse(name, &options->flash_size, &options->nibble);
    }
    return TOOL_OK;
}

/// A flash that has Oneslot already is no stock one: the first sector would be taken for its firmware's.
static int check_stock(struct image_build *build) {
    struct flash_file file = {.bytes = build->esp8266.dump.owned, .size = build->esp8266.dump.size};
    if (flash_file_find_layout(&file) == ONESLOT_ERROR_NO_LAYOUT) {
        return TOOL_OK;
    }
    return tool_fail(
        build->options.json, ONESLOT_ERROR_NONE,
        "%s is of a device that has Oneslot already: 'oneslot fs put' and 'oneslot request' bring it a new "
        "firmware, 'oneslot map move' another map",
        build->options.dump);
}

/// The header of what the boot ROM starts is the device's own: what it says of the flash was true there.
static void keep_header(struct image_build *build) {
    struct image_options *options = &build->options;
    if (options->mode == IMAGE_MODE_KEEP) {
        options->mode = build->esp8266.dump.bytes[2];
    }
    if (options->header == 0 && options->firmware == NULL) {
        options->header = 'k';
    }
}

static int take_firmware(struct image_build *build) {
    const struct image_options *options = &build->options;
    const struct image_blob *dump = &build->esp8266.dump;
    struct firmware firmware;
    if (options->firmware != NULL) {
        return TOOL_OK;
    }
    if (!flash_map_firmware_at(&firmware, dump->owned, dump->size)) {
        return foreign_fail(options->json, ONESLOT_ERROR_IMAGE_UNKNOWN, options->dump, dump->bytes, dump->size);
    }
    uint8_t *own = malloc(firmware.size);
    if (own == NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "memory ran out");
    }
    // As its maker shipped it, where its CRC tells.
    memcpy(own, firmware.bytes, firmware.size);
    firmware_mend_header(own, firmware.size);
    build->firmware_file = (struct image_blob){.owned = own, .bytes = own, .size = firmware.size};
    build->options.firmware = options->dump;
    build->esp8266.own_firmware = true;
    return TOOL_OK;
}

/// What boot_v1.x starts lies behind it: it is the dump's own, unless another is given.
static void take_boot(struct image_build *build) {
    const struct image_blob *dump = &build->esp8266.dump;
    struct firmware boot;
    if (build->options.boot != NULL || build->firmware_file.size == 0 || build->firmware_file.bytes[0] != 0xea) {
        return;
    }
    uint32_t size = ONESLOT_SECTOR_SIZE;
    while (size > 0 && dump->bytes[size - 1] == 0xff) {
        size--;
    }
    firmware_read(&boot, dump->bytes, size);
    if (boot.image.kind == ONESLOT_IMAGE_BOOT) {
        build->esp8266.boot_file = (struct image_blob){.bytes = dump->bytes, .size = size};
    }
}

int image_dump_esp8266(struct image_build *build) {
    const struct image_options *options = &build->options;
    if (options->fs != NULL || options->fs_image != NULL) {
        return tool_usage("image",
                          "--dump keeps the files of the device: add others with 'oneslot fs put', not with %s",
                          options->fs != NULL ? "--fs" : "--fs-image");
    }
    int status = image_load(&build->esp8266.dump, options->dump, options->json);
    status = status == TOOL_OK ? check_size(build) : status;
    status = status == TOOL_OK ? check_stock(build) : status;
    if (status != TOOL_OK) {
        return status;
    }
    keep_header(build);
    status = take_firmware(build);
    take_boot(build);
    return status;
}

static bool is_ours(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_ONESLOT && region->subtype <= ONESLOT_SUBTYPE_INSTALLER;
}

/// A file system anywhere in the dump that reaches over one of our parts would be destroyed, and would destroy it.
static int check_file_systems(const struct image_build *build, const struct oneslot_partition *part) {
    const struct image_blob *dump = &build->esp8266.dump;
    uint32_t extent;
    for (uint32_t at = 0; at < part->address + part->size; at += ONESLOT_SECTOR_SIZE) {
        enum files kind = files_at(dump->bytes, dump->size, at, &extent);
        if (kind == FILES_NONE || (uint64_t)at + extent <= part->address) {
            continue;
        }
        return tool_fail(build->options.json, ONESLOT_ERROR_MAP_OVERLAP,
                         "%s: the device's files are on %s from 0x%x to 0x%x, and '%s' (0x%x to 0x%x) would lie in it: "
                         "nothing can be kept. Save the files and make a flash without --dump, or give another map "
                         "(--map)",
                         build->options.dump, files_text(kind), at, at + extent, part->label, part->address,
                         part->address + part->size);
    }
    return TOOL_OK;
}

static int clear_part(struct image_build *build, const struct oneslot_partition *part) {
    int status = check_file_systems(build, part);
    if (status != TOOL_OK) {
        return status;
    }
    uint8_t *bytes = build->bytes + part->address;
    if (part->address != 0 && !is_erased(bytes, part->size)) {
        plan_warn(&build->plan, "0x%x to 0x%x of the dump is not erased: what lies there gives way to '%s'",
                  part->address, part->address + part->size, part->label);
    }
    memset(bytes, 0xff, part->size);
    return TOOL_OK;
}

/// The firmware's own file system, as the dump has it.
static void look_at_files(struct image_build *build) {
    const struct image_blob *dump = &build->esp8266.dump;
    const struct oneslot_partition *region = build->plan.file_system;
    uint32_t extent;
    if (region == NULL) {
        return;
    }
    enum files kind = files_in(dump->bytes, dump->size, region, &extent);
    if (kind == FILES_LITTLEFS && extent > region->size) {
        plan_warn(&build->plan, "the littlefs in '%s' reaches to 0x%x by its own account, and its region ends at 0x%x",
                  region->label, region->address + extent, region->address + region->size);
    } else if (kind == FILES_NONE && is_erased(dump->bytes + region->address, region->size)) {
        plan_warn(&build->plan, "'%s' is erased: there were no files on this device", region->label);
    } else if (kind != FILES_LITTLEFS) {
        plan_warn(&build->plan,
                  "'%s' holds %s: it is kept as it is, and Oneslot cannot install from it until it is a littlefs",
                  region->label, kind == FILES_FAT ? "a FAT" : "something that is no littlefs");
    }
}

int image_dump_esp8266_put(struct image_build *build) {
    const struct image_blob *dump = &build->esp8266.dump;
    memcpy(build->bytes, dump->bytes, dump->size);
    for (uint32_t index = 0; index < build->plan.map.count; index++) {
        int status =
            is_ours(&build->plan.map.partition[index]) ? clear_part(build, &build->plan.map.partition[index]) : TOOL_OK;
        if (status != TOOL_OK) {
            return status;
        }
    }
    // Nothing of a longer old firmware stays behind the new one, whose end may be told by the erased flash behind it.
    if (!build->esp8266.own_firmware) {
        memset(build->bytes + ONESLOT_SECTOR_SIZE, 0xff, build->plan.layout.firmware - ONESLOT_SECTOR_SIZE);
    }
    look_at_files(build);
    return TOOL_OK;
}
