/*
 * oneslot image: makes a whole-flash image from a stock firmware.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/embedded.h"
#include "host/file.h"
#include "host/file_system.h"
#include "host/flash_file.h"
#include "host/json.h"
#include "host/loader.h"
#include "host/map/flash_map.h"
#include "host/map_csv.h"
#include "host/pack/build.h"
#include "host/plan.h"
#include "host/ram_flash.h"
#include "host/size.h"
#include "host/tool.h"
#include "host/tree.h"
#include "oneslot/journal.h"

#define HEADER_KEEP 0xff /* take the image's own */

static const char HELP[] =
    "oneslot image: make a flash image that upgrades itself from a stock firmware\n"
    "\n"
    "usage: oneslot image FIRMWARE.bin --flash-size SIZE -o FLASH.bin [options]\n"
    "\n"
    "FIRMWARE.bin is what its maker ships: MicroPython, NodeMCU, an Arduino sketch, Espressif's user1.\n"
    "It is taken as it is; the loader, the installer and the rest of Oneslot are put around it.\n"
    "\n"
    "  -o, --output FILE       the flash image to make\n"
    "  -s, --flash-size SIZE   of the chip: 512KB, 1MB, 2MB, 4MB, 8MB, 16MB, 2MB-c1, 4MB-c1\n"
    "                          ('esptool.py flash_id' tells)\n"
    "      --chip CHIP         esp8266 (others come later)\n"
    "      --boot BOOT.bin     Espressif's boot_v1.x, which user1 needs\n"
    "      --fs DIR            put what lies in DIR on the file system\n"
    "      --fs-image FILE     put this file system there instead\n"
    "      --map MAP.csv       a flash map of your own, in ESP-IDF's form. Of type 'oneslot' are loader, displaced,\n"
    "                          journal, map, installer, native, user, system; what is not given is placed in a gap.\n"
    "                          'oneslot info FLASH.bin --csv' shows one; or the name of one of 'oneslot map list'\n"
    "      --watch PATH        upgrade whenever a new file lies at PATH at a reset\n"
    "      --key PUB.pem       a public key: from then on only packages that it has signed are installed. Up to four "
    "times\n"
    "      --board NAME        the board's name: packages for another one are refused\n"
    "      --flash-mode MODE   qio, qout, dio, dout; default: the firmware's own\n"
    "      --flash-header keep|chip\n"
    "                          the flash size that the firmware is told: its image's own, or the chip's. Default:\n"
    "                          chip; for user1, which is built for one size, keep\n"
    "      --loader FILE, --installer FILE\n"
    "                          other programs than the built-in ones\n"
    "      --json              the result as JSON\n"
    "\n"
    "examples:\n"
    "  oneslot image ESP8266_GENERIC-v1.24.0.bin --flash-size 4MB -o flash.bin\n"
    "  oneslot image firmware.bin --flash-size 4MB --fs files/ --watch /fw.bin -o flash.bin\n"
    "  oneslot image user1.2048.new.5.bin --boot boot_v1.7.bin --flash-size 2MB-c1 -o flash.bin\n";

struct options {
    const char *firmware;
    const char *output;
    const char *boot;
    const char *fs;
    const char *fs_image;
    const char *map;
    const char *watch;
    const char *key[ONESLOT_KEYS_MAX];
    uint32_t keys;
    const char *board;
    const char *loader;
    const char *installer;
    uint32_t flash_size;
    uint8_t nibble;
    uint8_t mode;
    char header; ///< 'k' keep, 'c' chip, 0 default
    bool json;
};

/// A file in memory, or one that lies in the tool itself.
struct blob {
    uint8_t *owned;
    const uint8_t *bytes;
    uint32_t size;
};

/// All that is at hand while an image is made.
struct build {
    struct options options;
    struct blob firmware_file;
    struct blob boot_file;
    struct blob loader;
    struct blob installer;
    struct firmware firmware;
    struct oneslot_map given;
    struct plan plan;
    struct oneslot_trust_block trust;
    uint8_t *bytes;
    uint8_t header_mode;
    uint8_t header_size;
    uint32_t files;
};

enum {
    OPTION_CHIP = 256,
    OPTION_BOOT,
    OPTION_FS,
    OPTION_FS_IMAGE,
    OPTION_MAP,
    OPTION_WATCH,
    OPTION_KEY,
    OPTION_BOARD,
    OPTION_MODE,
    OPTION_HEADER,
    OPTION_LOADER,
    OPTION_INSTALLER,
    OPTION_JSON,
};

static const struct option LONG_OPTIONS[] = {
    {"output", required_argument, NULL, 'o'},
    {"flash-size", required_argument, NULL, 's'},
    {"chip", required_argument, NULL, OPTION_CHIP},
    {"boot", required_argument, NULL, OPTION_BOOT},
    {"fs", required_argument, NULL, OPTION_FS},
    {"fs-image", required_argument, NULL, OPTION_FS_IMAGE},
    {"map", required_argument, NULL, OPTION_MAP},
    {"watch", required_argument, NULL, OPTION_WATCH},
    {"key", required_argument, NULL, OPTION_KEY},
    {"board", required_argument, NULL, OPTION_BOARD},
    {"flash-mode", required_argument, NULL, OPTION_MODE},
    {"flash-header", required_argument, NULL, OPTION_HEADER},
    {"loader", required_argument, NULL, OPTION_LOADER},
    {"installer", required_argument, NULL, OPTION_INSTALLER},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int take_key(struct options *options, const char *path) {
    if (options->keys == ONESLOT_KEYS_MAX) {
        return tool_usage("image", "--key: %u keys at the most", ONESLOT_KEYS_MAX);
    }
    options->key[options->keys++] = path;
    return TOOL_OK;
}

static int take_board(struct options *options, const char *name) {
    options->board = name;
    return board_name_valid(name)
               ? TOOL_OK
               : tool_usage("image", "--board takes 1 to %u letters, digits and signs without a space, not '%s'",
                            ONESLOT_BOARD_MAX, name);
}

static int take_option(struct options *options, int option, char *value) {
    switch (option) {
    case 'o':
        options->output = value;
        return TOOL_OK;
    case 's':
        if (!flash_size_parse(value, &options->flash_size, &options->nibble) || options->flash_size < 0x80000) {
            return tool_usage("image", "'%s' is no flash size: 512KB, 1MB, 2MB, 4MB, 8MB, 16MB, 2MB-c1, 4MB-c1", value);
        }
        return TOOL_OK;
    case OPTION_CHIP:
        if (strcmp(value, "esp8266") != 0) {
            return tool_usage("image", "the chip '%s' comes later: esp8266 is what works today", value);
        }
        return TOOL_OK;
    case OPTION_BOOT:
        options->boot = value;
        return TOOL_OK;
    case OPTION_FS:
        options->fs = value;
        return TOOL_OK;
    case OPTION_FS_IMAGE:
        options->fs_image = value;
        return TOOL_OK;
    case OPTION_MAP:
        options->map = value;
        return TOOL_OK;
    case OPTION_WATCH:
        options->watch = value;
        return TOOL_OK;
    case OPTION_KEY:
        return take_key(options, value);
    case OPTION_BOARD:
        return take_board(options, value);
    case OPTION_MODE:
        if (!flash_mode_parse(value, &options->mode)) {
            return tool_usage("image", "'%s' is no flash mode: qio, qout, dio, dout", value);
        }
        return TOOL_OK;
    case OPTION_HEADER:
        if (strcmp(value, "keep") != 0 && strcmp(value, "chip") != 0) {
            return tool_usage("image", "--flash-header takes 'keep' or 'chip', not '%s'", value);
        }
        options->header = value[0] == 'k' ? 'k' : 'c';
        return TOOL_OK;
    case OPTION_LOADER:
        options->loader = value;
        return TOOL_OK;
    case OPTION_INSTALLER:
        options->installer = value;
        return TOOL_OK;
    case OPTION_JSON:
        options->json = true;
        return TOOL_OK;
    default:
        return TOOL_USAGE;
    }
}

static int check_options(const struct options *options) {
    if (options->firmware == NULL) {
        return tool_usage("image", "the firmware file is missing");
    }
    if (options->flash_size == 0) {
        return tool_usage("image", "how large is the flash chip? Give --flash-size ('esptool.py flash_id' tells)");
    }
    if (options->output == NULL) {
        return tool_usage("image", "where to? Give -o FLASH.bin");
    }
    if (options->fs != NULL && options->fs_image != NULL) {
        return tool_usage("image", "--fs and --fs-image exclude each other");
    }
    if (options->watch != NULL && (options->watch[0] == 0 || strlen(options->watch) > ONESLOT_PATH_MAX)) {
        return tool_usage("image", "the watch path must have 1 to %u bytes", ONESLOT_PATH_MAX);
    }
    return TOOL_OK;
}

static int load(struct blob *blob, const char *path, bool json) {
    size_t length;
    if (!file_read(path, FLASH_FILE_MAX, &blob->owned, &length)) {
        return errno == EFBIG ? tool_fail(json, ONESLOT_ERROR_IMAGE_TOO_LARGE, "%s is larger than any flash chip", path)
                              : tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
    }
    blob->bytes = blob->owned;
    blob->size = (uint32_t)length;
    return TOOL_OK;
}

/// A program of ours: from a file, or from inside the tool.
static int load_program(struct blob *blob, const char *path, const uint8_t *start, const uint8_t *end, bool json) {
    if (path != NULL) {
        return load(blob, path, json);
    }
    blob->bytes = start;
    blob->size = (uint32_t)(end - start);
    return TOOL_OK;
}

static int load_programs(struct build *build) {
    const struct options *options = &build->options;
    int status = load_program(&build->loader, options->loader, embedded_loader, embedded_loader_end, options->json);
    if (status == TOOL_OK) {
        status = load_program(&build->installer, options->installer, embedded_installer, embedded_installer_end,
                              options->json);
    }
    if (status != TOOL_OK) {
        return status;
    }
    if (!loader_usable(build->loader.bytes, build->loader.size)) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_HEADER, "%s is no Oneslot loader (%u bytes)",
                         options->loader != NULL ? options->loader : "the built-in loader", build->loader.size);
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

static int check_boot(struct build *build) {
    const struct options *options = &build->options;
    bool user1 = build->firmware.image.kind == ONESLOT_IMAGE_USER1;
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
    int status = load(&build->boot_file, options->boot, options->json);
    if (status != TOOL_OK) {
        return status;
    }
    struct firmware boot;
    firmware_read(&boot, build->boot_file.bytes, build->boot_file.size);
    if (boot.error != ONESLOT_ERROR_NONE || boot.image.kind != ONESLOT_IMAGE_BOOT) {
        enum oneslot_error error = boot.error != ONESLOT_ERROR_NONE ? boot.error : ONESLOT_ERROR_IMAGE_UNKNOWN;
        return tool_fail(options->json, error, "%s is no boot loader of one sector: %s", options->boot,
                         boot.error != ONESLOT_ERROR_NONE ? oneslot_error_text(boot.error)
                                                          : oneslot_image_kind_text(boot.image.kind));
    }
    return TOOL_OK;
}

static int check_kind(struct build *build) {
    const struct firmware *firmware = &build->firmware;
    const struct options *options = &build->options;
    if (firmware->error == ONESLOT_ERROR_IMAGE_CHIP || firmware->image.kind == ONESLOT_IMAGE_ESP32) {
        return tool_fail(options->json, ONESLOT_ERROR_IMAGE_CHIP,
                         "%s is for another chip: the %s. The ESP32 family comes later", options->firmware,
                         firmware_esp32_chip(firmware->bytes, firmware->size));
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

static int load_map(struct build *build) {
    const struct options *options = &build->options;
    struct blob file = {0};
    char reason[256];
    const struct flash_map *preset = flash_map_preset_named(options->map);
    if (preset != NULL && preset->chip == FLASH_MAP_ESP8266) {
        build->given = preset->map;
        return TOOL_OK;
    }
    if (preset != NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "the map '%s' is for the %s", preset->name,
                         flash_map_chip_text(preset->chip));
    }
    int status = load(&file, options->map, options->json);
    if (status != TOOL_OK) {
        return status;
    }
    char *text = malloc((size_t)file.size + 1);
    if (text == NULL || memchr(file.bytes, 0, file.size) != NULL) {
        status = tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "%s is no CSV text", options->map);
    } else {
        memcpy(text, file.bytes, file.size);
        text[file.size] = 0;
        if (!map_csv_parse(&build->given, text, reason, sizeof reason)) {
            status = tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "%s: %s", options->map, reason);
        }
    }
    free(text);
    free(file.owned);
    return status;
}

/// The public keys and the board's name. A private key does as well: its public half is taken, and no more.
static int make_trust(struct build *build) {
    const struct options *options = &build->options;
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

static int make_plan(struct build *build) {
    struct options *options = &build->options;
    struct plan *plan = &build->plan;
    uint8_t mode;
    uint8_t own;
    uint32_t own_size;
    firmware_flash_header(&build->firmware, &mode, &own);
    flash_size_name(own >> 4, &own_size);
    bool user1 = build->firmware.image.kind == ONESLOT_IMAGE_USER1;
    bool keep =
        options->header == 'k' || (options->header == 0 && user1 && own_size != 0 && own_size <= options->flash_size);
    build->header_mode = options->mode != HEADER_KEEP ? options->mode : mode;
    build->header_size = keep ? own : (uint8_t)(options->nibble << 4 | (own & 0x0f));
    plan->firmware = &build->firmware;
    plan->flash_size = options->flash_size;
    plan->sdk_size = keep && own_size != 0 ? own_size : options->flash_size;
    plan->map_nibble = build->header_size >> 4;
    plan->given = options->map != NULL ? &build->given : NULL;
    if (plan->sdk_size > options->flash_size) {
        return tool_fail(
            options->json, ONESLOT_ERROR_IMAGE_TOO_LARGE,
            "the firmware's header says %s of flash, more than the chip has: --flash-header chip changes that",
            flash_size_name(own >> 4, NULL));
    }
    if (!plan_make(plan)) {
        return tool_fail(options->json, plan->error, "%s: %s", options->firmware, plan->reason);
    }
    if (keep && own_size != options->flash_size) {
        plan_warn(plan, "the firmware is told of %s of flash, as its image says: nothing lies behind that",
                  flash_size_name(own >> 4, NULL));
    }
    if ((build->firmware.image.proofs & ONESLOT_PROOF_WHOLE) == 0) {
        plan_warn(plan, "this firmware carries no proof of its whole content: an upgrade to one of its kind needs its "
                        "SHA-256 with the request");
    }
    return TOOL_OK;
}

static void put_loader(struct build *build) {
    uint8_t *sector = build->bytes;
    memcpy(sector, build->loader.bytes, build->loader.size);
    struct oneslot_layout layout = build->plan.layout;
    layout.flags = build->options.watch != NULL ? ONESLOT_LAYOUT_WATCH : 0;
    oneslot_layout_seal(&layout);
    build->plan.layout = layout;
    sector[2] = build->header_mode;
    sector[3] = build->header_size;
    loader_put_layout(sector, &layout);
}

static void put_firmware(struct build *build) {
    uint8_t *displaced = build->bytes + build->plan.layout.displaced;
    uint32_t target = build->firmware.image.target;
    const struct blob *first = target == 0 ? &build->firmware_file : &build->boot_file;
    uint32_t head = first->size < ONESLOT_SECTOR_SIZE ? first->size : ONESLOT_SECTOR_SIZE;
    memcpy(displaced, first->bytes, head);
    displaced[2] = build->header_mode;
    displaced[3] = build->header_size;
    uint32_t skip = target == 0 ? head : 0;
    uint32_t address = target == 0 ? ONESLOT_SECTOR_SIZE : target;
    memcpy(build->bytes + address, build->firmware_file.bytes + skip, build->firmware.image.size - skip);
}

static enum oneslot_error put_journal(struct build *build) {
    struct oneslot_flash flash;
    ram_flash_init(&flash, build->bytes, build->plan.flash_size);
    struct oneslot_journal journal = {.flash = &flash, .address = build->plan.layout.journal};
    const struct oneslot_image *image = &build->firmware.image;
    struct oneslot_record record = {
        .state = ONESLOT_STATE_IDLE,
        .installed_kind = (uint8_t)image->kind,
        .installed_size = image->size,
        .header = image->header,
    };
    memcpy(record.installed, image->sha256, sizeof record.installed);
    return oneslot_journal_append(&journal, &record, NULL);
}

static void put_map(struct build *build) {
    uint8_t *sector = build->bytes + build->plan.layout.map;
    oneslot_map_write(&build->plan.map, sector);
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

static int put_file_system_image(struct build *build, uint8_t *region, uint32_t size) {
    const struct options *options = &build->options;
    struct blob image = {0};
    int status = load(&image, options->fs_image, options->json);
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
    free(image.owned);
    return status;
}

static int put_file_system(struct build *build) {
    const struct options *options = &build->options;
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

static int put_everything(struct build *build) {
    build->bytes = malloc(build->plan.flash_size);
    if (build->bytes == NULL) {
        return tool_fail(build->options.json, ONESLOT_ERROR_NONE, "memory ran out");
    }
    memset(build->bytes, 0xff, build->plan.flash_size);
    put_loader(build);
    put_firmware(build);
    put_map(build);
    memcpy(build->bytes + build->plan.layout.installer, build->installer.bytes, build->installer.size);
    enum oneslot_error error = put_journal(build);
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(build->options.json, error, "%s", oneslot_error_text(error));
    }
    int status = put_file_system(build);
    if (status == TOOL_OK && !file_replace(build->options.output, build->bytes, build->plan.flash_size)) {
        status = tool_fail(build->options.json, ONESLOT_ERROR_NONE, "%s: %s", build->options.output, strerror(errno));
    }
    return status;
}

static void esptool_command(const struct build *build, char *text, size_t room) {
    const char *mode = flash_mode_name(build->header_mode);
    snprintf(text, room, "esptool.py --chip esp8266 --baud 460800 write_flash --flash_mode %s --flash_size keep 0 %s",
             mode != NULL ? mode : "keep", build->options.output);
}

static void report_json(const struct build *build, const char *command) {
    const struct plan *plan = &build->plan;
    const struct firmware *firmware = &build->firmware;
    struct json json;
    char text[8];
    json_begin(&json, stdout);
    json_object(&json, NULL);
    json_bool(&json, "ok", true);
    json_string(&json, "output", build->options.output);
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
    json_array(&json, "warnings");
    for (uint32_t index = 0; index < plan->warning_count; index++) {
        json_string(&json, NULL, plan->warning[index]);
    }
    json_array_end(&json);
    json_string(&json, "command", command);
    json_object_end(&json);
    json_end(&json);
}

static void report_text(const struct build *build, const char *command) {
    const struct plan *plan = &build->plan;
    const struct firmware *firmware = &build->firmware;
    char size[24];
    printf("%s%s%s: %s of flash\n", tool_colour(stdout, 1), build->options.output, tool_colour(stdout, 0),
           size_text(plan->flash_size, size));
    printf("firmware: %s%s%s%s%s, %u bytes, %s\n", oneslot_image_kind_text(firmware->image.kind),
           firmware->maker != FIRMWARE_UNKNOWN ? ", " : "", firmware_maker_text(firmware->maker),
           firmware->version[0] != 0 ? " " : "", firmware->version, firmware->image.size,
           oneslot_proof_text(firmware->image.proofs));
    for (uint32_t index = 0; index < plan->map.count; index++) {
        const struct oneslot_partition *region = &plan->map.partition[index];
        printf("  0x%06x - 0x%06x  %-16s %10s\n", region->address, region->address + region->size, region->label,
               size_text(region->size, size));
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
    printf("\nPut it on the chip with\n  %s\n", command);
    puts("Keep --flash_size at 'keep': another size would change the header that the loader and the firmware share.");
}

static int make(struct build *build) {
    const struct options *options = &build->options;
    int status = load(&build->firmware_file, options->firmware, options->json);
    if (status == TOOL_OK) {
        status = load_programs(build);
    }
    if (status == TOOL_OK) {
        firmware_read(&build->firmware, build->firmware_file.bytes, build->firmware_file.size);
        status = check_kind(build);
    }
    if (status == TOOL_OK && options->map != NULL) {
        status = load_map(build);
    }
    if (status == TOOL_OK) {
        status = make_plan(build);
    }
    if (status == TOOL_OK) {
        status = make_trust(build);
    }
    if (status == TOOL_OK) {
        status = put_everything(build);
    }
    if (status != TOOL_OK) {
        return status;
    }
    char command[5000];
    esptool_command(build, command, sizeof command);
    for (uint32_t index = 0; index < build->plan.warning_count; index++) {
        tool_warn("%s", build->plan.warning[index]);
    }
    if (options->json) {
        report_json(build, command);
    } else {
        report_text(build, command);
    }
    return TOOL_OK;
}

int cmd_image(int argc, char **argv) {
    struct build *build = calloc(1, sizeof *build);
    if (build == NULL) {
        return tool_fail(false, ONESLOT_ERROR_NONE, "memory ran out");
    }
    build->options.mode = HEADER_KEEP;
    int status = TOOL_OK;
    int option = 0;
    while (status == TOOL_OK && (option = tool_option(argc, argv, ":o:s:h", LONG_OPTIONS)) != -1 && option != 'h') {
        status = take_option(&build->options, option, optarg);
    }
    if (status == TOOL_OK && option == 'h') {
        fputs(HELP, stdout);
    } else if (status == TOOL_OK) {
        build->options.firmware = optind < argc ? argv[optind] : NULL;
        status = optind + 1 < argc ? tool_usage("image", "one firmware at a time: '%s' is too many", argv[optind + 1])
                                   : check_options(&build->options);
        if (status == TOOL_OK) {
            status = make(build);
        }
    }
    free(build->firmware_file.owned);
    free(build->boot_file.owned);
    free(build->loader.owned);
    free(build->installer.owned);
    free(build->bytes);
    free(build);
    return status;
}
