/*
 * oneslot map export: a map in the form that another program reads.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/file.h"
#include "host/map/flash_map.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot map export: writes a map in the form that another program reads\n"
    "\n"
    "usage: oneslot map export --format FORMAT [options] MAP\n"
    "\n"
    "MAP is a preset ('oneslot map list'), a partition table as CSV or binary, a dump, or a firmware.\n"
    "\n"
    "  -f, --format FORMAT     csv          ESP-IDF's, with chip, flash and SDK in a comment\n"
    "                          bin          ESP-IDF's, as esptool and the IDF read it\n"
    "                          ld           a linker script's MEMORY (ESP8266)\n"
    "                          header       offsets and sizes for C\n"
    "                          cmake        the same as set(...)\n"
    "                          micropython  constants for flashbdev.py\n"
    "                          json         or --json\n"
    "  -o, --output FILE       into a file instead of standard output\n"
    "      --chip CHIP         esp8266, esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2\n"
    "      --flash-size SIZE   512KB, 1MB, 2MB, 4MB, 8MB, 16MB\n"
    "      --sdk N             major version of the ESP8266's SDK, 1 to 3";

static const struct option OPTIONS[] = {
    {"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'},
    {"chip", required_argument, NULL, 1},     {"flash-size", required_argument, NULL, 2},
    {"sdk", required_argument, NULL, 3},      {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

static const char *const HINTS[] = {NULL, "chip", "flash-size", "sdk"};

/// The whole text is made in memory first, so that a refusal leaves no half of it.
static int write_map(const struct flash_map *map, const char *format, const char *output, bool json) {
    char reason[FLASH_MAP_TEXT] = "";
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (memory == NULL) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "there is not enough memory");
    }
    bool done = flash_map_export(memory, map, format, reason);
    done = fclose(memory) == 0 && done;
    int status = TOOL_OK;
    if (!done) {
        status = tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", map->name, reason);
    } else if (output != NULL && strcmp(output, "-") != 0) {
        if (!file_replace(output, (const uint8_t *)text, length)) {
            status = tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", output, strerror(errno));
        }
    } else if (strcmp(format, "bin") == 0 && isatty(fileno(stdout))) {
        status = tool_usage("map export", "a binary table is nothing for a terminal: give a file with -o");
    } else {
        fwrite(text, 1, length, stdout);
    }
    free(text);
    return status;
}

int cmd_map_export(int argc, char **argv) {
    const char *format = NULL;
    const char *output = NULL;
    bool json = false;
    char reason[FLASH_MAP_TEXT];
    struct flash_map_hints hints = {.chip = FLASH_MAP_CHIPS};
    optind = 0;
    for (int option; (option = tool_option(argc, argv, "f:o:h", OPTIONS)) != -1;) {
        switch (option) {
        case 'f':
            format = optarg;
            break;
        case 'j':
            json = true;
            break;
        case 'o':
            output = optarg;
            break;
        case 'h':
            puts(HELP);
            return TOOL_OK;
        case 1:
        case 2:
        case 3:
            if (!flash_map_hint(&hints, HINTS[option], optarg, reason)) {
                return tool_usage("map export", "%s", reason);
            }
            break;
        default:
            return TOOL_USAGE;
        }
    }
    if (optind + 1 != argc) {
        return tool_usage("map export", optind < argc ? "one map at a time" : "a map is missing");
    }
    if (format == NULL && json) {
        format = "json";
    }
    if (format == NULL) {
        return tool_usage("map export", "a format is missing: --format csv, bin, ld, header, cmake, micropython, json");
    }
    struct flash_map map;
    if (!flash_map_load(&map, argv[optind], &hints, reason)) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s", reason);
    }
    if (map.faults != 0) {
        tool_warn("%s: the table at 0x%x is damaged; 'oneslot map check' says how", map.name, map.fault_at);
    }
    int status = write_map(&map, format, output, json);
    flash_map_free(&map);
    return status;
}
