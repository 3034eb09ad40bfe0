/*
 * oneslot image for the ESP8266: loader, installer and map around a stock firmware.
 */
#include <stdlib.h>
#include <string.h>

#include "host/embedded.h"
#include "host/foreign.h"
#include "host/image.h"
#include "host/loader.h"
#include "host/map/flash_map.h"
#include "host/map_csv.h"
#include "host/size.h"
#include "host/tool.h"

/// A program of ours: from a file, or from inside the tool.
static int load_program(struct image_blob *blob, const char *path, const uint8_t *start, const uint8_t *end,
                        bool json) {
    if (path != NULL) {
        return image_load(blob, path, json);
    }
    blob->bytes = start;
    blob->size = (uint32_t)(end - start);
    return TOOL_OK;
}

static int load_programs(struct image_build *build) {
    const struct image_options *options = &build->options;
    int status =
        load_program(&build->esp8266.loader, options->loader, embedded_loader, embedded_loader_end, options->json);
    if (status == TOOL_OK) {
        status = load_program(&build->installer, options->installer, embedded_installer, embedded_installer_end,
                              options->json);
    }
    if (status != TOOL_OK) {
        return status;
    }
    if (!loader_usable(build->esp8266.loader.bytes, build->esp8266.loader.size)) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_HEADER, "%s is no Oneslot loader (%u bytes)",
                         options->loader != NULL ? options->loader : "the built-in loader", build->esp8266.loader.size);
    }
    if (build->installer.size < 16 || build->installer.size > ONESLOT_INSTALLER_SIZE ||
        build->installer.bytes[0] != 0xe9) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_HEADER,
                         "%s is no Oneslot installer (%u bytes, at the most %u)",
                         options->installer != NULL ? options->installer : "the built-in installer",
                         build->installer.size, ONESLOT_INSTALLER_SIZE);
    }
    return TOOL_OK;
}

static int check_boot(struct image_build *build) {
    const struct image_options *options = &build->options;
    bool user1 = build->firmware.image.kind == ONESLOT_IMAGE_USER1;
    if (user1 && options->boot == NULL && build->esp8266.boot_file.size != 0) {
        return TOOL_OK; // the dump's own
    }
    if (user1 && options->boot == NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_NEEDS_BOOT,
                         "%s is a user1 image, which Espressif's boot loader starts: give it with --boot boot_v1.7.bin",
                         options->firmware);
    }
    if (options->boot == NULL) {
        return TOOL_OK;
    }
    if (!user1) {
        return tool_usage("image", "--boot goes with a user1 image; %s is: %s", options->firmware,
                          oneslot_image_kind_text(build->firmware.image.kind));
    }
    int status = image_load(&build->esp8266.boot_file, options->boot, options->json);
    if (status != TOOL_OK) {
        return status;
    }
    struct firmware boot;
    firmware_read(&boot, build->esp8266.boot_file.bytes, build->esp8266.boot_file.size);
    if (boot.error != ONESLOT_ERROR_NONE || boot.image.kind != ONESLOT_IMAGE_BOOT) {
        enum oneslot_error error = boot.error != ONESLOT_ERROR_NONE ? boot.error : ONESLOT_ERROR_IMAGE_UNKNOWN;
        return tool_fail(options->json, error, "%s is no boot loader of one sector: %s", options->boot,
                         boot.error != ONESLOT_ERROR_NONE ? oneslot_error_text(boot.error)
                                                          : oneslot_image_kind_text(boot.image.kind));
    }
    return TOOL_OK;
}

static int check_image(struct image_build *build) {
    const struct firmware *firmware = &build->firmware;
    const struct image_options *options = &build->options;
    if (firmware->image.kind == ONESLOT_IMAGE_ESP32 || esp32_header(firmware->bytes, firmware->size)) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP, "%s is for another chip: the %s", options->firmware,
                         firmware_esp32_chip(firmware->bytes, firmware->size));
    }
    if (firmware->error == ONESLOT_ERROR_IMAGE_UNKNOWN) {
        return foreign_fail(options->json, firmware->error, options->firmware, firmware->bytes, firmware->size);
    }
    if (firmware->error != ONESLOT_ERROR_NONE) {
        return tool_fail(options->json, firmware->error, "%s (%u bytes, of which %u are an image): %s",
                         options->firmware, firmware->size, firmware->image.size, oneslot_error_text(firmware->error));
    }
    if (firmware->image.kind == ONESLOT_IMAGE_BOOT) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_UNKNOWN,
                         "%s is a boot loader alone: give the firmware that it starts, and this one with --boot",
                         options->firmware);
    }
    return check_boot(build);
}

static int load_map(struct image_build *build) {
    const struct image_options *options = &build->options;
    struct image_blob file = {0};
    char reason[256];
    const struct flash_map *preset = flash_map_preset_named(options->map);
    if (preset != NULL && preset->chip == FLASH_MAP_ESP8266) {
        build->esp8266.given = preset->map;
        return TOOL_OK;
    }
    if (preset != NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "the map '%s' is for the %s", preset->name,
                         flash_map_chip_text(preset->chip));
    }
    int status = image_load(&file, options->map, options->json);
    if (status != TOOL_OK) {
        return status;
    }
    char *text = malloc((size_t)file.size + 1);
    if (text == NULL || memchr(file.bytes, 0, file.size) != NULL) {
        status = tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "%s is no CSV text", options->map);
    } else {
        memcpy(text, file.bytes, file.size);
        text[file.size] = 0;
        if (!map_csv_parse(&build->esp8266.given, text, reason, sizeof reason)) {
            status = tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "%s: %s", options->map, reason);
        }
    }
    free(text);
    image_unload(&file);
    return status;
}

static int check(struct image_build *build) {
    const struct image_options *options = &build->options;
    if (options->bootloader != NULL) {
        return tool_usage("image", "--bootloader goes with the ESP32 family, and this is for the ESP8266");
    }
    int status = options->dump != NULL ? image_dump_esp8266(build) : TOOL_OK;
    status = status == TOOL_OK ? load_programs(build) : status;
    if (status != TOOL_OK) {
        return status;
    }
    firmware_read(&build->firmware, build->firmware_file.bytes, build->firmware_file.size);
    status = check_image(build);
    return status == TOOL_OK && options->map != NULL ? load_map(build) : status;
}

static int plan(struct image_build *build) {
    struct image_options *options = &build->options;
    struct plan *plan = &build->plan;
    uint8_t mode;
    uint8_t own;
    firmware_flash_header(&build->firmware, &mode, &own);
    if (build->esp8266.own_firmware) {
        own = build->esp8266.dump.bytes[3]; // the device's
    }
    build->esp8266.header_mode = options->mode != IMAGE_MODE_KEEP ? options->mode : mode;
    plan->firmware = &build->firmware;
    plan->flash_size = options->flash_size;
    plan->files_at = options->files_at;
    plan->force = options->force;
    plan->given = options->map != NULL ? &build->esp8266.given : NULL;
    int status = image_plan_room(build, own);
    if (status == TOOL_OK && (build->firmware.image.proofs & ONESLOT_PROOF_WHOLE) == 0) {
        plan_warn(plan, "this firmware carries no proof of its whole content: an upgrade to one of its kind needs its "
                        "SHA-256 with the request");
    }
    return status;
}

static void put_loader(struct image_build *build) {
    uint8_t *sector = build->bytes;
    memcpy(sector, build->esp8266.loader.bytes, build->esp8266.loader.size);
    struct oneslot_layout layout = build->plan.layout;
    layout.flags = build->options.watch != NULL ? ONESLOT_LAYOUT_WATCH : 0;
    oneslot_layout_seal(&layout);
    build->plan.layout = layout;
    sector[2] = build->esp8266.header_mode;
    sector[3] = build->esp8266.header_size;
    loader_put_layout(sector, &layout);
}

static void put_firmware(struct image_build *build) {
    uint8_t *displaced = build->bytes + build->plan.layout.displaced;
    uint32_t target = build->firmware.image.target;
    const struct image_blob *first = target == 0 ? &build->firmware_file : &build->esp8266.boot_file;
    uint32_t head = first->size < ONESLOT_SECTOR_SIZE ? first->size : ONESLOT_SECTOR_SIZE;
    memcpy(displaced, first->bytes, head);
    displaced[2] = build->esp8266.header_mode;
    displaced[3] = build->esp8266.header_size;
    uint32_t skip = target == 0 ? head : 0;
    uint32_t address = target == 0 ? ONESLOT_SECTOR_SIZE : target;
    memcpy(build->bytes + address, build->firmware_file.bytes + skip, build->firmware.image.size - skip);
}

static int put(struct image_build *build) {
    int status = build->esp8266.dump.size != 0 ? image_dump_esp8266_put(build) : TOOL_OK;
    if (status != TOOL_OK) {
        return status;
    }
    put_loader(build);
    put_firmware(build);
    oneslot_map_write(&build->plan.map, build->bytes + build->plan.layout.map);
    memcpy(build->bytes + build->plan.layout.installer, build->installer.bytes, build->installer.size);
    return image_put_fit(build);
}

static void command(const struct image_build *build, char *text, size_t room) {
    const char *mode = flash_mode_name(build->esp8266.header_mode);
    char name[IMAGE_NAME_ROOM];
    snprintf(text, room,
             "esptool --chip esp8266 --port PORT --baud 460800 write-flash --flash-mode %s --flash-size keep 0 %s",
             mode != NULL ? mode : "keep", image_name_for_shell(build->options.output, name));
}

const struct image_family image_esp8266 = {
    .check = check,
    .plan = plan,
    .put = put,
    .command = command,
    .advice =
        "Keep --flash-size at 'keep': another size would change the header that the loader and the firmware share.",
};
