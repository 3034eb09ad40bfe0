/*
 * oneslot image: makes a whole-flash image from a stock firmware.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "host/file.h"
#include "host/flash_file.h"
#include "host/image.h"
#include "host/map/flash_map.h"
#include "host/output.h"
#include "host/pack/build.h"
#include "host/size.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot image: make a flash image that upgrades itself from a stock firmware\n"
    "\n"
    "usage: oneslot image FIRMWARE.bin --flash-size SIZE -o FLASH.bin [options]\n"
    "\n"
    "FIRMWARE.bin is what its maker ships: MicroPython, NodeMCU, an Arduino sketch, Espressif's user1; for the ESP32\n"
    "family a combined file (boot loader, partition table, application), or an application alone with --bootloader or\n"
    "--dump. It is taken as it is; the rest of Oneslot is put around it.\n"
    "\n"
    "  -o, --output FILE       the flash image to make; '-': to standard output\n"
    "  -s, --flash-size SIZE   of the chip: 512KB, 1MB, 2MB, 4MB, 8MB, 16MB, 2MB-c1, 4MB-c1\n"
    "                          ('esptool flash-id' tells)\n"
    "      --chip CHIP         esp8266, esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2; default: as the\n"
    "                          firmware's header says\n"
    "      --fs DIR            put what lies in DIR on the file system\n"
    "      --fs-image FILE     put this file system there instead\n"
    "      --map MAP.csv       a flash map of your own, in ESP-IDF's form. On the ESP8266, of type 'oneslot' are "
    "loader,\n"
    "                          displaced, journal, map, installer, native, user, system; what is not given is placed\n"
    "                          in a gap. On the ESP32 family: see docs/ESP32.md. 'oneslot info FLASH.bin --csv' shows\n"
    "                          one; or the name of one of 'oneslot map list'\n"
    "      --dump FLASH        the whole flash of the device as it is ('esptool read-flash 0 ALL old.bin'): its files, "
    "its\n"
    "                          settings and (ESP32 family) its boot loader are kept; without FIRMWARE.bin its firmware "
    "too\n"
    "      --parts DIR|PREFIX  with --dump: what differs from the dump, as files, with the command that writes just "
    "these:\n"
    "                          seconds instead of minutes, the files untouched\n"
    "      --watch PATH        upgrade whenever a new file lies at PATH at a reset\n"
    "      --key PUB.pem       a public key: from then on only packages that it has signed are installed. Up to four "
    "times\n"
    "      --board NAME        the board's name: packages for another one are refused\n"
    "      --installer FILE    another program than the built-in one\n"
    "      --json              the result as JSON\n"
    "\n"
    "ESP8266 only:\n"
    "      --boot BOOT.bin     Espressif's boot_v1.x, which user1 needs\n"
    "      --flash-mode MODE   qio, qout, dio, dout; default: the firmware's own\n"
    "      --flash-header keep|chip|SIZE\n"
    "                          the flash size that the firmware is told: its image's own, the chip's, or this one.\n"
    "                          Default: chip; less where the firmware's files would take all of the chip, so that\n"
    "                          Oneslot lies behind them; for user1 and NodeMCU keep\n"
    "      --fs-at ADDRESS     where the firmware's own file system begins, if it is a build of your own that does "
    "not\n"
    "                          tell\n"
    "      --init-data FILE    Espressif's PHY init data (esp_init_data_default.bin), where the firmware needs them "
    "in\n"
    "                          flash; default: the firmware's own\n"
    "      --force             make the image even where the firmware would not fit it: reasons become warnings\n"
    "      --loader FILE       another loader than the built-in one\n"
    "\n"
    "ESP32 family only:\n"
    "      --bootloader FILE   the second-stage boot loader, where the firmware is an application alone, or another "
    "one\n"
    "\n"
    "examples:\n"
    "  oneslot image ESP8266_GENERIC-v1.24.0.bin --flash-size 4MB -o flash.bin\n"
    "  oneslot image firmware.bin --flash-size 4MB --fs files/ --watch /fw.bin -o flash.bin\n"
    "  oneslot image user1.2048.new.5.bin --boot boot_v1.7.bin --flash-size 2MB-c1 -o flash.bin\n"
    "  oneslot image ESP32_GENERIC-v1.24.0.bin --flash-size 4MB -o flash.bin\n"
    "  oneslot image --dump old.bin -o flash.bin\n"
    "  oneslot image --dump old.bin --parts parts/\n";

enum {
    OPTION_CHIP = 256,
    OPTION_BOOT,
    OPTION_BOOTLOADER,
    OPTION_DUMP,
    OPTION_PARTS,
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
    OPTION_FS_AT,
    OPTION_INIT_DATA,
    OPTION_FORCE,
    OPTION_JSON,
};

static const struct option LONG_OPTIONS[] = {
    {"output", required_argument, NULL, 'o'},
    {"flash-size", required_argument, NULL, 's'},
    {"chip", required_argument, NULL, OPTION_CHIP},
    {"boot", required_argument, NULL, OPTION_BOOT},
    {"bootloader", required_argument, NULL, OPTION_BOOTLOADER},
    {"dump", required_argument, NULL, OPTION_DUMP},
    {"parts", required_argument, NULL, OPTION_PARTS},
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
    {"fs-at", required_argument, NULL, OPTION_FS_AT},
    {"init-data", required_argument, NULL, OPTION_INIT_DATA},
    {"force", no_argument, NULL, OPTION_FORCE},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int take_key(struct image_options *options, const char *path) {
    if (options->keys == ONESLOT_KEYS_MAX) {
        return tool_usage("image", "--key: %u keys at the most", ONESLOT_KEYS_MAX);
    }
    options->key[options->keys++] = path;
    return TOOL_OK;
}

static int take_board(struct image_options *options, const char *name) {
    options->board = name;
    return board_name_valid(name)
               ? TOOL_OK
               : tool_usage("image", "--board takes 1 to %u letters, digits and signs without a space, not '%s'",
                            ONESLOT_BOARD_MAX, name);
}

static int take_chip(struct image_options *options, const char *name) {
    options->chip = name;
    const struct esp32_chip *chip = esp32_chip_named(name);
    return strcasecmp(name, "esp8266") == 0 || (chip != NULL && esp32_chip_served(chip))
               ? TOOL_OK
               : tool_usage("image",
                            "the chip '%s' is not served: esp8266, esp32, esp32s2, esp32s3, esp32c2, esp32c3, "
                            "esp32c6, esp32h2 are",
                            name);
}

static int take_header(struct image_options *options, const char *value) {
    uint32_t size;
    bool named = strcmp(value, "keep") == 0 || strcmp(value, "chip") == 0;
    options->header = 's';
    if (named) {
        options->header = value[0];
    }
    return named || (flash_size_parse(value, &size, &options->header_nibble) && size >= 0x80000)
               ? TOOL_OK
               : tool_usage("image", "--flash-header takes 'keep', 'chip' or a flash size, not '%s'", value);
}

static int take_option(struct image_options *options, int option, char *value) {
    switch (option) {
    case 'o':
        options->output = value;
        return TOOL_OK;
    case 's':
        if (size_parse(value, &options->flash_size) && options->flash_size > FLASH_FILE_MAX) {
            return tool_usage("image", "'%s' is more than the 16MB of flash that Oneslot serves", value);
        }
        if (!flash_size_parse(value, &options->flash_size, &options->nibble) || options->flash_size < 0x80000) {
            return tool_usage("image", "'%s' is no flash size: 512KB, 1MB, 2MB, 4MB, 8MB, 16MB, 2MB-c1, 4MB-c1", value);
        }
        return TOOL_OK;
    case OPTION_CHIP:
        return take_chip(options, value);
    case OPTION_BOOT:
        options->boot = value;
        return TOOL_OK;
    case OPTION_BOOTLOADER:
        options->bootloader = value;
        return TOOL_OK;
    case OPTION_DUMP:
        options->dump = value;
        return TOOL_OK;
    case OPTION_PARTS:
        options->parts = value;
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
        return take_header(options, value);
    case OPTION_FS_AT:
        return size_parse(value, &options->files_at) && options->files_at != 0 &&
                       options->files_at % ONESLOT_SECTOR_SIZE == 0
                   ? TOOL_OK
                   : tool_usage("image", "--fs-at takes the address of a sector, as 0x99000, not '%s'", value);
    case OPTION_INIT_DATA:
        options->init_data = value;
        return TOOL_OK;
    case OPTION_FORCE:
        options->force = true;
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

static int check_options(const struct image_options *options) {
    if (options->firmware == NULL && options->dump == NULL) {
        return tool_usage("image", "the firmware file is missing");
    }
    if (options->flash_size == 0 && options->dump == NULL) {
        return tool_usage("image", "how large is the flash chip? Give --flash-size ('esptool flash-id' tells)");
    }
    if (options->parts != NULL && options->dump == NULL) {
        return tool_usage("image", "--parts goes with --dump: what differs from the device as it is");
    }
    if (options->output == NULL && options->parts == NULL) {
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

/// A dump's header, or else the firmware's, tells the family, where --chip does not.
static int find_family(struct image_build *build) {
    const struct image_options *options = &build->options;
    struct image_blob dump = {0};
    const struct image_blob *file = options->dump != NULL ? &dump : &build->firmware_file;
    int status = options->dump != NULL ? image_load(&dump, options->dump, options->json) : TOOL_OK;
    if (status != TOOL_OK) {
        return status;
    }
    // An encrypted flash has no header at all, and is the ESP32 family's.
    bool esp8266 = options->chip != NULL ? strcasecmp(options->chip, "esp8266") == 0
                   : options->dump != NULL
                       ? file->size > 0 && file->bytes[0] == 0xe9 && !esp32_file(file->bytes, file->size)
                       : !esp32_file(file->bytes, file->size);
    build->family = esp8266 ? &image_esp8266 : &image_esp32;
    image_unload(&dump);
    return TOOL_OK;
}

static int load_firmware(struct image_build *build) {
    const struct image_options *options = &build->options;
    int status =
        options->firmware != NULL ? image_load(&build->firmware_file, options->firmware, options->json) : TOOL_OK;
    return status == TOOL_OK ? find_family(build) : status;
}

static int put_everything(struct image_build *build) {
    const struct image_options *options = &build->options;
    build->bytes = malloc(build->plan.flash_size);
    if (build->bytes == NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "memory ran out");
    }
    memset(build->bytes, 0xff, build->plan.flash_size);
    int status = build->family->put(build);
    if (status != TOOL_OK) {
        return status;
    }
    image_put_settings(build);
    enum oneslot_error error = image_put_journal(build);
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(options->json, error, "%s", oneslot_error_text(error));
    }
    status = image_put_file_system(build);
    return status == TOOL_OK && options->output != NULL
               ? output_write(options->output, OUTPUT_BINARY, build->bytes, build->plan.flash_size, options->json)
               : status;
}

static int make(struct image_build *build) {
    int status = load_firmware(build);
    if (status == TOOL_OK && build->options.output != NULL) {
        status = output_claim("image", "-o", build->options.output, OUTPUT_BINARY, build->options.json);
    }
    if (status == TOOL_OK) {
        status = build->family->check(build);
    }
    if (status == TOOL_OK) {
        status = build->family->plan(build);
    }
    if (status == TOOL_OK) {
        status = image_check_watch(build);
    }
    if (status == TOOL_OK) {
        status = image_make_trust(build);
    }
    if (status == TOOL_OK) {
        status = put_everything(build);
    }
    if (status == TOOL_OK && build->options.parts != NULL) {
        status = image_parts(build);
    }
    if (status == TOOL_OK) {
        image_report(build);
    }
    return status;
}

static void release(struct image_build *build) {
    image_unload(&build->firmware_file);
    image_unload(&build->installer);
    image_unload(&build->esp8266.boot_file);
    image_unload(&build->esp8266.loader);
    image_unload(&build->esp8266.init_data);
    image_unload(&build->esp8266.dump);
    image_unload(&build->esp32.bootloader_file);
    esp32_flash_free(&build->esp32.combined);
    esp32_flash_free(&build->esp32.dump);
    free(build->bytes);
    free(build);
}

int cmd_image(int argc, char **argv) {
    struct image_build *build = calloc(1, sizeof *build);
    if (build == NULL) {
        return tool_fail(false, ONESLOT_ERROR_NONE, "memory ran out");
    }
    build->options.mode = IMAGE_MODE_KEEP;
    int status = TOOL_OK;
    int option = 0;
    while (status == TOOL_OK && (option = tool_option(argc, argv, ":o:s:h", LONG_OPTIONS)) != -1 && option != 'h') {
        status = take_option(&build->options, option, optarg);
    }
    if (status == TOOL_OK && option == 'h') {
        status = tool_help(HELP);
    } else if (status == TOOL_OK) {
        build->options.firmware = optind < argc ? argv[optind] : NULL;
        status = optind + 1 < argc ? tool_usage("image", "one firmware at a time: '%s' is too many", argv[optind + 1])
                                   : check_options(&build->options);
        if (status == TOOL_OK) {
            status = make(build);
        }
    }
    release(build);
    return status;
}
