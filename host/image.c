/*
 * What flash images of all chips have in common: settings, journal, files, and what is said of them.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/device_path.h"
#include "host/file.h"
#include "host/file_system.h"
#include "host/flash_file.h"
#include "host/image.h"
#include "host/json.h"
#include "host/map_csv.h"
#include "host/output.h"
#include "host/pack/key.h"
#include "host/ram_flash.h"
#include "host/size.h"
#include "host/tool.h"
#include "host/tree.h"
#include "oneslot/journal.h"

int image_load(struct image_blob *blob, const char *path, bool json) {
    size_t length;
    if (!file_read(path, FLASH_FILE_MAX, &blob->owned, &length)) {
        return errno == EFBIG ? tool_fail(json, ONESLOT_ERROR_IMAGE_TOO_LARGE,
                                          "%s is larger than the 16 MiB of flash that Oneslot serves at the most", path)
                              : tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
    }
    blob->bytes = blob->owned;
    blob->size = (uint32_t)length;
    return TOOL_OK;
}

void image_unload(struct image_blob *blob) {
    free(blob->owned);
    *blob = (struct image_blob){0};
}

int image_make_trust(struct image_build *build) {
    const struct image_options *options = &build->options;
    struct oneslot_trust_block *trust = &build->trust;
    for (uint32_t index = 0; index < options->keys; index++) {
        struct key key;
        int status = key_load(&key, options->key[index], NULL, options->json);
        if (status != TOOL_OK) {
            return status;
        }
        trust->key[trust->count++] = key.point;
    }
    if (options->board != NULL) {
        memcpy(trust->board, options->board, strlen(options->board));
    }
    oneslot_trust_seal(trust);
    return TOOL_OK;
}

enum oneslot_error image_put_journal(struct image_build *build) {
    struct oneslot_flash flash;
    ram_flash_init(&flash, build->bytes, build->plan.flash_size);
    struct oneslot_journal journal = {.flash = &flash, .address = build->plan.layout.journal};
    const struct oneslot_image *image = &build->firmware.image;
    struct oneslot_record record = {
        .state = ONESLOT_STATE_IDLE,
        .installed_kind = (uint8_t)image->kind,
        .installed_size = image->size,
        .installed_header = image->header,
    };
    memcpy(record.installed, image->sha256, sizeof record.installed);
    return oneslot_journal_append(&journal, &record, NULL);
}

int image_check_watch(struct image_build *build) {
    struct image_options *options = &build->options;
    char reason[DEVICE_PATH_REASON];
    struct device_path place;
    if (options->watch == NULL) {
        return TOOL_OK;
    }
    if (!device_path_find(&place, &build->plan.map, options->watch, reason)) {
        return tool_fail(options->json, ONESLOT_ERROR_PATH_INVALID, "--watch %s", reason);
    }
    if (device_path_lacks_slash(options->watch)) {
        snprintf(build->watch, sizeof build->watch, "/%s", options->watch);
        if (strlen(build->watch) > ONESLOT_PATH_MAX) {
            return tool_usage("image", "the watch path must have 1 to %u bytes", ONESLOT_PATH_MAX);
        }
        tool_warn("--watch '%s' is taken for '%s'", options->watch, build->watch);
        options->watch = build->watch;
    }
    return TOOL_OK;
}

void image_put_settings(struct image_build *build) {
    uint8_t *sector = build->bytes + build->plan.layout.settings;
    struct oneslot_config config;
    memset(&config, 0, sizeof config);
    if (build->options.watch != NULL) {
        memcpy(config.watch, build->options.watch, strlen(build->options.watch));
    }
    oneslot_config_seal(&config);
    memcpy(sector + ONESLOT_CONFIG_OFFSET, &config, sizeof config);
    if (build->options.keys > 0 || build->options.board != NULL) {
        memcpy(sector + ONESLOT_TRUST_OFFSET, &build->trust, sizeof build->trust);
    }
}

static int put_file_system_image(struct image_build *build, uint8_t *region, uint32_t size) {
    const struct image_options *options = &build->options;
    struct image_blob image = {0};
    int status = image_load(&image, options->fs_image, options->json);
    if (status == TOOL_OK && image.size > size) {
        status = tool_fail(options->json, ONESLOT_ERROR_NONE, "%s has %u bytes, and the file system's region %u",
                           options->fs_image, image.size, size);
    }
    if (status == TOOL_OK) {
        memcpy(region, image.bytes, image.size);
        struct file_system fs;
        enum oneslot_error error = file_system_mount(&fs, region, size);
        if (error == ONESLOT_ERROR_NONE) {
            file_system_unmount(&fs);
        } else {
            plan_warn(&build->plan, "%s cannot be read as littlefs (%s): Oneslot cannot install from it",
                      options->fs_image, oneslot_error_text(error));
        }
    }
    image_unload(&image);
    return status;
}

int image_put_file_system(struct image_build *build) {
    const struct image_options *options = &build->options;
    const struct oneslot_partition *region = build->plan.file_system;
    if (options->fs == NULL && options->fs_image == NULL) {
        return TOOL_OK;
    }
    if (region == NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_FS_MISSING, "the map has no file system to put files on");
    }
    uint8_t *bytes = build->bytes + region->address;
    if (options->fs_image != NULL) {
        return put_file_system_image(build, bytes, region->size);
    }
    struct file_system fs;
    int error = file_system_format(&fs, build->plan.file_system_kind, bytes, region->size);
    if (error != 0) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "the file system could not be made in %u bytes: %s",
                         region->size, file_system_text(error));
    }
    int status = tree_copy(&fs, options->fs, "/", &build->files, options->json);
    file_system_unmount(&fs);
    return status;
}

const char *image_name_for_shell(const char *name, char text[IMAGE_NAME_ROOM]) {
    static const char PLAIN[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/,:@%";
    if (strcmp(name, "-") == 0) {
        return "FLASH.bin";
    }
    if (name[strspn(name, PLAIN)] == 0 && name[0] != '-') {
        return name;
    }
    size_t used = (size_t)snprintf(text, IMAGE_NAME_ROOM, "%s'", name[0] == '-' ? "./" : "");
    for (; *name != 0 && used < IMAGE_NAME_ROOM - 6; name++) {
        used += (size_t)snprintf(text + used, IMAGE_NAME_ROOM - used, *name == '\'' ? "'\\''" : "%c", *name);
    }
    snprintf(text + used, IMAGE_NAME_ROOM - used, "'");
    return text;
}

static const char *chip_title(const struct image_build *build) {
    return build->esp32.chip != NULL ? build->esp32.chip->title : "ESP8266";
}

#define PARTS_COMMAND (IMAGE_PARTS * (4 * IMAGE_PART_NAME + 16) + 200)

static void parts_json(struct json *json, const struct image_build *build) {
    static char command[PARTS_COMMAND];
    char name[IMAGE_PART_NAME];
    json_array(json, "parts");
    for (uint32_t index = 0; index < build->part_count; index++) {
        json_object(json, NULL);
        json_string(json, "file", image_part_name(build, index, name));
        json_number(json, "address", build->part[index].address);
        json_number(json, "size", build->part[index].size);
        json_object_end(json);
    }
    json_array_end(json);
    image_parts_command(build, command, sizeof command);
    json_string(json, "parts_command", command);
}

static void parts_text(const struct image_build *build) {
    static char command[PARTS_COMMAND];
    char name[IMAGE_PART_NAME];
    char size[24];
    if (build->part_count == 0) {
        puts("\nThe device has it all already: there is nothing to write.");
        return;
    }
    puts("\nWhat differs from the dump:");
    for (uint32_t index = 0; index < build->part_count; index++) {
        const struct image_part *part = &build->part[index];
        printf("  0x%06x - 0x%06x  %10s  %s\n", part->address, part->address + part->size, size_text(part->size, size),
               image_part_name(build, index, name));
    }
    image_parts_command(build, command, sizeof command);
    printf("Put just these on the device that was dumped, and on no other, with\n  %s\n", command);
}

static void report_json(const struct image_build *build, const char *command) {
    const struct plan *plan = &build->plan;
    const struct firmware *firmware = &build->firmware;
    struct json json;
    char text[8];
    tool_json_begin(&json, stdout, NULL, NULL);
    json_string(&json, "output", build->options.output);
    json_string(&json, "chip", chip_title(build));
    json_number(&json, "flash_size", plan->flash_size);
    json_object(&json, "firmware");
    json_string(&json, "kind", oneslot_image_kind_text(firmware->image.kind));
    json_string(&json, "maker", firmware_maker_text(firmware->maker));
    json_string(&json, "version", firmware->version);
    json_number(&json, "size", firmware->image.size);
    json_string(&json, "proof", oneslot_proof_text(firmware->image.proofs));
    json_hex(&json, "sha256", firmware->image.sha256, sizeof firmware->image.sha256);
    json_object_end(&json);
    json_array(&json, "map");
    for (uint32_t index = 0; index < plan->map.count; index++) {
        const struct oneslot_partition *region = &plan->map.partition[index];
        json_object(&json, NULL);
        json_string(&json, "name", region->label);
        json_string(&json, "type", map_type_text(region->type, text));
        json_string(&json, "subtype", map_subtype_text(region->type, region->subtype, text));
        json_number(&json, "address", region->address);
        json_number(&json, "size", region->size);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_string(&json, "watch", build->options.watch);
    json_number(&json, "keys", build->trust.count);
    json_string(&json, "board", build->options.board);
    json_number(&json, "files", build->files);
    json_string(&json, "command", build->options.output != NULL ? command : NULL);
    if (build->options.parts != NULL) {
        parts_json(&json, build);
    }
    tool_json_end(&json);
}

static void report_text(const struct image_build *build, const char *command) {
    const struct plan *plan = &build->plan;
    const struct firmware *firmware = &build->firmware;
    char size[24];
    const char *name = build->options.output != NULL ? output_name(build->options.output) : build->options.parts;
    printf("%s%s%s: %s, %s of flash\n", tool_colour(stdout, 1), name, tool_colour(stdout, 0), chip_title(build),
           size_text(plan->flash_size, size));
    printf("firmware: %s%s%s%s%s, %u bytes, %s\n", oneslot_image_kind_text(firmware->image.kind),
           firmware->maker != FIRMWARE_UNKNOWN ? ", " : "", firmware_maker_text(firmware->maker),
           firmware->version[0] != 0 ? " " : "", firmware->version, firmware->image.size,
           oneslot_proof_text(firmware->image.proofs));
    for (uint32_t index = 0; index < plan->map.count; index++) {
        map_row_print(&plan->map.partition[index], stdout);
    }
    if (build->options.fs != NULL) {
        printf("files on the file system: %u\n", build->files);
    }
    if (build->options.watch != NULL) {
        printf("watched: %s\n", build->options.watch);
    }
    if (build->trust.count > 0) {
        printf("keys: %u; only packages that one of them has signed are installed\n", build->trust.count);
    }
    if (build->options.board != NULL) {
        printf("board: %s\n", build->options.board);
    }
    if (build->options.output != NULL) {
        printf("\nPut it on the chip with\n  %s\n", command);
        puts(build->family->advice);
    }
    if (build->options.parts != NULL) {
        parts_text(build);
    }
}

void image_report(const struct image_build *build) {
    char command[5000];
    if (build->options.output != NULL) {
        build->family->command(build, command, sizeof command);
    }
    for (uint32_t index = 0; index < build->plan.warning_count; index++) {
        tool_warn("%s", build->plan.warning[index]);
    }
    if (build->options.json) {
        report_json(build, command);
    } else {
        report_text(build, command);
    }
}
