/*
 * oneslot map plan: from a firmware and wishes to a flash map, or to what would have to give.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"
#include "host/flash_file.h"
#include "host/json.h"
#include "host/map/implied.h"
#include "host/map/rules.h"
#include "host/output.h"
#include "host/size.h"
#include "host/terminal.h"
#include "host/tool.h"

/// Room to grow where nothing is said of it, if there is that much.
#define GROW     0x10000u
#define NOT_SAID UINT32_MAX

static const char HELP[] =
    "oneslot map plan: lay out a flash\n"
    "\n"
    "usage: oneslot map plan --flash-size SIZE --firmware FILE|SIZE [options]\n"
    "\n"
    "The map keeps every rule that 'oneslot map check' knows. If there is no such map, the reason says what would\n"
    "have to give, in bytes. Sizes are written 0x8000, 32K, 1MB, 8 sectors.\n"
    "\n"
    "  -s, --flash-size SIZE   of the chip: 512KB, 1MB, 2MB, 4MB, 8MB, 16MB\n"
    "  -f, --firmware FILE     the firmware: a file, whose size and linked places count, or only its size\n"
    "      --chip CHIP         esp8266 (default), esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2\n"
    "      --sdk N             major version of the ESP8266's SDK, 1 to 3; default: the firmware's, else the newest\n"
    "      --grow SIZE         room for larger firmware at the least; default: 64K, or what there is\n"
    "      --native SIZE       executable area for native code (ESP8266)\n"
    "      --user N            the user's own sectors: their number, or a size\n"
    "      --fs-min SIZE       file system at the least; default: what is left\n"
    "      --fs-at ADDRESS     where it begins; default: where the firmware has it, else the best place\n"
    "      --reserve end|low   Oneslot's reserved area: at the end of the flash (default; on the ESP32 family in "
    "front\n"
    "                          of the file system), or right behind the firmware\n"
    "      --no-oneslot        without that area\n"
    "  -o, --output MAP.csv    write the map into a file and draw it; default: the map on standard output\n"
    "      --json              the map, or the refusal, as JSON\n"
    "\n"
    "What runs in place lies in the first megabyte of an ESP8266; where there is flash behind it, all else lies "
    "there.\n"
    "\n"
    "examples:\n"
    "  oneslot map plan --flash-size 4MB --firmware ESP8266_GENERIC-v1.24.0.bin -o board.csv\n"
    "  oneslot map plan --flash-size 1MB --sdk 2 --firmware 514K --grow 8K --native 32K --user 4 --no-oneslot\n"
    "  oneslot map plan --chip esp32c3 --flash-size 4MB --firmware 1700K --fs-min 1MB\n";

/// The command line, and what was found in the firmware.
struct plan_request {
    struct flash_map_hints hints;
    struct flash_map_wishes wishes;
    const char *firmware; ///< as given
    const char *output;
    const char *format; ///< of the map: for the ESP32 family as the tools of ESP-IDF read it
    bool json;
    uint8_t *bytes; ///< of the firmware's file; NULL for a mere size
    uint32_t size;
    bool to_be_built;         ///< the file system is to lie where this file does not look for it
    struct flash_map implied; ///< what the file has linked into it
};

enum {
    OPTION_CHIP = 256,
    OPTION_SDK,
    OPTION_GROW,
    OPTION_NATIVE,
    OPTION_USER,
    OPTION_FS_MIN,
    OPTION_FS_AT,
    OPTION_RESERVE,
    OPTION_NO_ONESLOT,
    OPTION_JSON,
};

static const struct option LONG_OPTIONS[] = {
    {"flash-size", required_argument, NULL, 's'},
    {"firmware", required_argument, NULL, 'f'},
    {"output", required_argument, NULL, 'o'},
    {"chip", required_argument, NULL, OPTION_CHIP},
    {"sdk", required_argument, NULL, OPTION_SDK},
    {"grow", required_argument, NULL, OPTION_GROW},
    {"native", required_argument, NULL, OPTION_NATIVE},
    {"user", required_argument, NULL, OPTION_USER},
    {"fs-min", required_argument, NULL, OPTION_FS_MIN},
    {"fs-at", required_argument, NULL, OPTION_FS_AT},
    {"reserve", required_argument, NULL, OPTION_RESERVE},
    {"no-oneslot", no_argument, NULL, OPTION_NO_ONESLOT},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/* The command line. */

static int take_size(const char *option, const char *value, uint32_t *bytes) {
    if (size_parse(value, bytes) && *bytes != NOT_SAID) {
        return TOOL_OK;
    }
    return tool_usage("map plan", "--%s takes a size (0x8000, 32K, 1MB, 8 sectors), not '%s'", option, value);
}

/// A plain number that would be less than a sector counts sectors.
static int take_user(const char *value, uint32_t *bytes) {
    int status = take_size("user", value, bytes);
    if (status == TOOL_OK && value[strspn(value, "0123456789")] == 0 && *bytes < ONESLOT_SECTOR_SIZE) {
        *bytes *= ONESLOT_SECTOR_SIZE;
    }
    return status;
}

static int take_hint(struct plan_request *request, const char *option, const char *value) {
    char reason[FLASH_MAP_TEXT];
    return flash_map_hint(&request->hints, option, value, reason) ? TOOL_OK : tool_usage("map plan", "%s", reason);
}

static int take_option(struct plan_request *request, int option, const char *value) {
    struct flash_map_wishes *wishes = &request->wishes;
    switch (option) {
    case 's':
        return take_hint(request, "flash-size", value);
    case OPTION_CHIP:
        return take_hint(request, "chip", value);
    case OPTION_SDK:
        return take_hint(request, "sdk", value);
    case 'f':
        request->firmware = value;
        return TOOL_OK;
    case 'o':
        request->output = value;
        return TOOL_OK;
    case OPTION_GROW:
        return take_size("grow", value, &wishes->grow);
    case OPTION_NATIVE:
        return take_size("native", value, &wishes->native);
    case OPTION_USER:
        return take_user(value, &wishes->user);
    case OPTION_FS_MIN:
        return take_size("fs-min", value, &wishes->file_system);
    case OPTION_FS_AT:
        return take_size("fs-at", value, &wishes->file_system_at);
    case OPTION_RESERVE:
        wishes->low = strcmp(value, "low") == 0;
        if (!wishes->low && strcmp(value, "end") != 0) {
            return tool_usage("map plan", "--reserve takes 'end' or 'low', not '%s'", value);
        }
        return TOOL_OK;
    case OPTION_NO_ONESLOT:
        wishes->oneslot = false;
        return TOOL_OK;
    case OPTION_JSON:
        request->json = true;
        return TOOL_OK;
    default:
        return TOOL_USAGE;
    }
}

static int check_options(const struct plan_request *request, int argc, char **argv) {
    if (optind < argc) {
        return tool_usage("map plan", "'%s' is one argument too many; the firmware is given with --firmware",
                          argv[optind]);
    }
    if (request->hints.flash_size == 0) {
        return tool_usage("map plan", "how large is the flash chip? Give --flash-size ('esptool flash-id' tells)");
    }
    if (request->firmware == NULL) {
        return tool_usage("map plan", "how large is the firmware? Give --firmware FILE, or its size");
    }
    if (!request->wishes.oneslot && request->wishes.low) {
        return tool_usage("map plan", "--reserve low says where Oneslot's area goes, and --no-oneslot leaves it out");
    }
    return TOOL_OK;
}

/* The firmware. */

/// A file system whose place is linked into the firmware stays there; another place must be insisted on.
static void keep_file_system(struct plan_request *request, const struct firmware *firmware) {
    struct flash_map_wishes *wishes = &request->wishes;
    const struct oneslot_partition *files = oneslot_map_file_system(&request->implied.map);
    bool linked = firmware->maker == FIRMWARE_MICROPYTHON || firmware->image.kind == ONESLOT_IMAGE_ARDUINO;
    if (files == NULL || !linked) {
        if (firmware->maker == FIRMWARE_NODEMCU) {
            tool_warn("NodeMCU finds its SPIFFS by its own partition table, or behind the firmware: set it to the "
                      "place of 'vfs' below");
        }
        return;
    }
    const char *maker = firmware_maker_text(firmware->maker);
    if (wishes->file_system_at != 0 && wishes->file_system_at != files->address) {
        tool_warn("this %s is built for a file system at 0x%x: build it anew for 0x%x, or it will not find it", maker,
                  files->address, wishes->file_system_at);
        request->to_be_built = true;
        return;
    }
    uint32_t start;
    uint32_t end;
    bool guess = firmware->image.kind == ONESLOT_IMAGE_ARDUINO && !firmware_arduino_file_system(firmware, &start, &end);
    tool_warn("this %s is built for a file system from 0x%x to 0x%x%s: it is kept there", maker, files->address,
              files->address + files->size,
              guess ? " (it does not tell; this is Arduino's usual place; --fs-at takes another)" : "");
    wishes->file_system_at = files->address;
    wishes->file_system_end = files->address + files->size;
}

static int look_at_esp8266(struct plan_request *request) {
    struct firmware firmware;
    firmware_read(&firmware, request->bytes, request->size);
    if (firmware.error == ONESLOT_ERROR_IMAGE_UNKNOWN || firmware.image.size == 0) {
        return tool_fail(request->json, firmware.error, "%s: %s", request->firmware,
                         oneslot_error_text(firmware.error));
    }
    if (firmware.image.kind == ONESLOT_IMAGE_USER1) {
        return tool_fail(request->json, ONESLOT_ERROR_NONE,
                         "%s: this is user1 of boot_v1.x, whose places are in the program's own table ('oneslot map "
                         "show' draws them): there is nothing to plan",
                         request->firmware);
    }
    request->wishes.firmware = firmware.image.target + firmware.image.size;
    request->implied.sdk = request->hints.sdk;
    flash_map_imply(&request->implied, &firmware);
    request->wishes.sdk = request->implied.sdk;
    if (request->implied.flash_size > 0x10000) {
        keep_file_system(request, &firmware);
    }
    return TOOL_OK;
}

static int look_at_esp32(struct plan_request *request) {
    uint32_t size = request->size;
    const uint8_t *bytes = rules_esp32_application(&request->implied, request->bytes, &size);
    request->wishes.firmware = rules_esp32_image_size(bytes, size);
    if (request->wishes.firmware == 0) {
        return tool_fail(request->json, ONESLOT_ERROR_IMAGE_UNKNOWN, "%s: no whole program for the ESP32 family",
                         request->firmware);
    }
    return TOOL_OK;
}

static int look_at_firmware(struct plan_request *request) {
    if (size_parse(request->firmware, &request->wishes.firmware)) {
        return TOOL_OK;
    }
    size_t length;
    if (!file_read(request->firmware, FLASH_FILE_MAX, &request->bytes, &length)) {
        return tool_fail(request->json, ONESLOT_ERROR_NONE, "%s: %s", request->firmware, strerror(errno));
    }
    request->size = (uint32_t)length;
    return request->wishes.chip == FLASH_MAP_ESP8266 ? look_at_esp8266(request) : look_at_esp32(request);
}

/* The map. */

static int fail(const struct plan_request *request, const struct flash_map_finding *finding) {
    if (request->json) {
        struct json json;
        tool_json_begin(&json, stdout, "REFUSED", finding->text);
        json_string(&json, "rule", finding->rule);
        json_number(&json, "address", finding->address);
        json_number(&json, "bytes", finding->length);
        tool_json_end(&json);
    }
    return tool_fail(false, ONESLOT_ERROR_NONE, "%s (rule %s)", finding->text, finding->rule);
}

/// Where nothing is said of growth, as much of 64 KiB as there is.
static bool plan(struct plan_request *request, struct flash_map *map, struct flash_map_finding *refusal) {
    struct flash_map_wishes *wishes = &request->wishes;
    if (wishes->grow != NOT_SAID) {
        return flash_map_plan(map, wishes, refusal);
    }
    for (wishes->grow = GROW; wishes->grow > 0; wishes->grow -= ONESLOT_SECTOR_SIZE) {
        if (flash_map_plan(map, wishes, refusal)) {
            return true;
        }
    }
    return flash_map_plan(map, wishes, refusal);
}

/// Whether the firmware itself, byte for byte, is at home in the map.
static int check_firmware(const struct plan_request *request, const struct flash_map *map) {
    static struct flash_map_finding findings[FLASH_MAP_FINDINGS];
    struct flash_map_firmware firmware = {.bytes = request->bytes, .size = request->size};
    if (request->to_be_built) {
        firmware = (struct flash_map_firmware){.size = request->wishes.firmware};
    }
    size_t count = request->bytes == NULL ? 0 : flash_map_check_firmware(map, &firmware, findings);
    for (size_t index = 0; index < count; index++) {
        if (findings[index].weight == FLASH_MAP_ERROR) {
            return fail(request, &findings[index]);
        }
        if (findings[index].weight == FLASH_MAP_WARNING) {
            tool_warn("%s (rule %s)", findings[index].text, findings[index].rule);
        }
    }
    return TOOL_OK;
}

static int write_file(const struct plan_request *request, const struct flash_map *map) {
    char reason[FLASH_MAP_TEXT] = "there is not enough memory";
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    bool made = memory != NULL && flash_map_export(memory, map, request->format, reason);
    made = memory != NULL && fclose(memory) == 0 && made;
    int status = TOOL_OK;
    if (!made) {
        status = tool_fail(request->json, ONESLOT_ERROR_NONE, "%s", reason);
    } else {
        status = output_write(request->output, OUTPUT_TEXT, text, length, request->json);
    }
    free(text);
    return status;
}

static int show(const struct plan_request *request, const struct flash_map *map) {
    char reason[FLASH_MAP_TEXT];
    bool file = request->output != NULL;
    int status = file ? write_file(request, map) : TOOL_OK;
    if (status != TOOL_OK) {
        return status;
    }
    if (file && !request->json) {
        flash_map_draw(stdout, map, NULL, terminal_columns(stdout), tool_colour(stdout, 1)[0] != 0);
        return TOOL_OK;
    }
    if (!flash_map_export(stdout, map, request->json ? "json" : request->format, reason)) {
        return tool_fail(request->json, ONESLOT_ERROR_NONE, "%s", reason);
    }
    return TOOL_OK;
}

static int make(struct plan_request *request) {
    struct flash_map map;
    struct flash_map_finding refusal;
    int status = look_at_firmware(request);
    if (status != TOOL_OK) {
        return status;
    }
    if (request->output != NULL) {
        status = output_claim("map plan", "-o", request->output, OUTPUT_TEXT, request->json);
    }
    if (status != TOOL_OK) {
        return status;
    }
    bool grow_said = request->wishes.grow != NOT_SAID;
    if (!plan(request, &map, &refusal)) {
        return fail(request, &refusal);
    }
    if (!grow_said && request->wishes.grow < GROW) {
        tool_warn("there is room for the firmware to grow by 0x%x bytes at the least, and not by 64 KiB",
                  request->wishes.grow);
    }
    map.irom = request->implied.irom;
    status = check_firmware(request, &map);
    return status == TOOL_OK ? show(request, &map) : status;
}

int cmd_map_plan(int argc, char **argv) {
    struct plan_request request = {.hints = {.chip = FLASH_MAP_ESP8266}, .wishes = {.grow = NOT_SAID, .oneslot = true}};
    for (int option; (option = tool_option(argc, argv, ":s:f:o:h", LONG_OPTIONS)) != -1;) {
        if (option == 'h') {
            return tool_help(HELP);
        }
        int status = take_option(&request, option, optarg);
        if (status != TOOL_OK) {
            return status;
        }
    }
    int status = check_options(&request, argc, argv);
    if (status != TOOL_OK) {
        return status;
    }
    request.wishes.chip = request.implied.chip = request.hints.chip;
    request.wishes.flash_size = request.implied.flash_size = request.hints.flash_size;
    request.wishes.sdk = request.hints.sdk;
    request.format = request.hints.chip == FLASH_MAP_ESP8266 ? "csv-names" : "csv";
    status = make(&request);
    free(request.bytes);
    return status;
}
