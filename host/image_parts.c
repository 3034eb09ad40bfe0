/*
 * oneslot image --parts: what differs from the flash of the device as it is, as files, and the command that writes just
 * these.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/image.h"
#include "host/output.h"
#include "host/tool.h"

/// The flash of the dump; NULL without one.
static const uint8_t *dump_bytes(const struct image_build *build) {
    return build->esp8266.dump.size != 0 ? build->esp8266.dump.bytes : build->esp32.dump.bytes;
}

static bool is_in_ours(const struct image_build *build, uint32_t address) {
    for (uint32_t index = 0; index < build->plan.map.count; index++) {
        const struct oneslot_partition *region = &build->plan.map.partition[index];
        if (region->type == ONESLOT_TYPE_ONESLOT && region->subtype <= ONESLOT_SUBTYPE_INSTALLER &&
            address >= region->address && address - region->address < region->size) {
            return true;
        }
    }
    return false;
}

static bool differs(const struct image_build *build, uint32_t address) {
    return memcmp(dump_bytes(build) + address, build->bytes + address, ONESLOT_SECTOR_SIZE) != 0;
}

/// Where the part that begins at `address` ends. Sectors of our own that are alike do not divide it.
static uint32_t part_end(const struct image_build *build, uint32_t address) {
    uint32_t end = address;
    uint32_t at = address;
    while (at < build->plan.flash_size && (differs(build, at) || is_in_ours(build, at))) {
        end = differs(build, at) ? at + ONESLOT_SECTOR_SIZE : end;
        at += ONESLOT_SECTOR_SIZE;
    }
    return end;
}

static bool is_folder(const char *path) {
    struct stat status;
    size_t length = strlen(path);
    return (length > 0 && path[length - 1] == '/') || (stat(path, &status) == 0 && S_ISDIR(status.st_mode));
}

static void name_part(const struct image_build *build, uint32_t address, char *name, size_t room) {
    const char *to = build->options.parts;
    size_t length = strlen(to);
    bool folder = is_folder(to);
    snprintf(name, room, "%s%s0x%06x.bin", to, folder ? (to[length - 1] == '/' ? "" : "/") : "-", address);
}

static int write_part(struct image_build *build, const struct image_part *part) {
    char name[IMAGE_PART_NAME];
    name_part(build, part->address, name, sizeof name);
    int status = output_claim("image", "--parts", name, OUTPUT_BINARY, build->options.json);
    return status == TOOL_OK
               ? output_write(name, OUTPUT_BINARY, build->bytes + part->address, part->size, build->options.json)
               : status;
}

int image_parts(struct image_build *build) {
    const char *to = build->options.parts;
    if (strlen(to) > IMAGE_PART_NAME - 20) {
        return tool_usage("image", "the name that --parts gives is too long");
    }
    if (is_folder(to) && mkdir(to, 0777) != 0 && errno != EEXIST) {
        return tool_fail(build->options.json, ONESLOT_ERROR_NONE, "%s: %s", to, strerror(errno));
    }
    for (uint32_t at = 0; at < build->plan.flash_size; at += ONESLOT_SECTOR_SIZE) {
        if (!differs(build, at)) {
            continue;
        }
        if (build->part_count == IMAGE_PARTS) {
            return tool_fail(build->options.json, ONESLOT_ERROR_NONE,
                             "more than %u parts differ from the dump: write the whole image (-o)", IMAGE_PARTS);
        }
        struct image_part *part = &build->part[build->part_count++];
        *part = (struct image_part){.address = at, .size = part_end(build, at) - at};
        at += part->size - ONESLOT_SECTOR_SIZE;
        int status = write_part(build, part);
        if (status != TOOL_OK) {
            return status;
        }
    }
    return TOOL_OK;
}

const char *image_part_name(const struct image_build *build, uint32_t index, char name[IMAGE_PART_NAME]) {
    name_part(build, build->part[index].address, name, IMAGE_PART_NAME);
    return name;
}

/// From the highest address down: what the device starts with is changed last, so that a cable that is pulled before
/// leaves the device as it was.
void image_parts_command(const struct image_build *build, char *text, size_t room) {
    const char *chip = build->esp32.chip != NULL ? build->esp32.chip->name : "esp8266";
    int used = snprintf(text, room,
                        "esptool --chip %s --port PORT --baud 460800 write-flash --flash-mode keep "
                        "--flash-freq keep --flash-size keep",
                        chip);
    for (uint32_t index = build->part_count; index > 0 && used > 0 && (size_t)used < room; index--) {
        char name[IMAGE_PART_NAME];
        char quoted[IMAGE_NAME_ROOM];
        image_part_name(build, index - 1, name);
        used += snprintf(text + used, room - (size_t)used, " 0x%x %s", build->part[index - 1].address,
                         image_name_for_shell(name, quoted));
    }
}
