/*
 * oneslot map export: a map in the form that another program reads.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/map/flash_map.h"
#include "host/output.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot map export: writes a map in the form that another program reads\n"
    "\n"
    "usage: oneslot map export --format FORMAT [options] MAP\n"
    "\n"
    "MAP is a preset ('oneslot map list'), a partition table as CSV or binary, a dump, or a firmware.\n"
    "\n"
    "  -f, --format FORMAT     one of those below\n"
    "  -o, --output FILE       into a file instead of standard output\n"
    "      --chip CHIP         esp8266, esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2\n"
    "      --flash-size SIZE   512KB, 1MB, 2MB, 4MB, 8MB, 16MB\n"
    "      --sdk N             major version of the ESP8266's SDK, 1 to 3\n"
    "      --json              the map as JSON; with another format and -o FILE, what was written\n"
    "\n"
    "Formats:\n"
    "  csv          ESP-IDF's, with chip, flash and SDK in a comment. gen_esp32part.py and PlatformIO read it: what\n"
    "               they have no name for is a number\n"
    "  csv-names    the same with Oneslot's names for all types\n"
    "  bin          ESP-IDF's, as esptool and the IDF read it\n"
    "  ld           a linker script's MEMORY (ESP8266)\n"
    "  header       offsets and sizes for C\n"
    "  cmake        the same as set(...)\n"
    "  micropython  constants for flashbdev.py\n"
    "  json         or --json\n"
    "\n"
    "example:\n"
    "  oneslot map export board.csv --format bin -o partitions.bin\n";

static const struct option OPTIONS[] = {
    {"format", required_argument, NULL, 'f'}, {"output", required_argument, NULL, 'o'},
    {"chip", required_argument, NULL, 1},     {"flash-size", required_argument, NULL, 2},
    {"sdk", required_argument, NULL, 3},      {"json", no_argument, NULL, 'j'},
    {"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0},
};

static const char *const HINTS[] = {NULL, "chip", "flash-size", "sdk"};

/// The command line.
struct export {
    const char *format; ///< "": not given
    const char *output; ///< NULL: standard output
    bool json;
    struct flash_map_hints hints;
};

static int put(const struct export *export, enum output_kind kind, const char *text, size_t length) {
    if (export->output == NULL) {
        fwrite(text, 1, length, stdout);
        return TOOL_OK;
    }
    int status = output_write(export->output, kind, text, length, export->json);
    if (status == TOOL_OK && export->json) {
        struct json json;
        tool_json_begin(&json, stdout, NULL, NULL);
        json_string(&json, "output", export->output);
        json_string(&json, "format", export->format);
        tool_json_end(&json);
    }
    return status;
}

/// The whole text is made in memory first, so that a refusal leaves no half of it.
static int write_map(const struct export *export, const struct flash_map *map) {
    enum output_kind kind = strcmp(export->format, "bin") == 0 ? OUTPUT_BINARY : OUTPUT_TEXT;
    char reason[FLASH_MAP_TEXT] = "";
    char *text = NULL;
    size_t length = 0;
    if (export->output != NULL) {
        int status = output_claim("map export", "-o", export->output, kind, export->json);
        if (status != TOOL_OK) {
            return status;
        }
    } else if (kind == OUTPUT_BINARY && isatty(STDOUT_FILENO)) {
        return tool_usage("map export", "a binary table is nothing for a terminal: give a file with -o");
    }
    FILE *memory = open_memstream(&text, &length);
    if (memory == NULL) {
        return tool_fail(export->json, ONESLOT_ERROR_NONE, "there is not enough memory");
    }
    bool done = flash_map_export(memory, map, export->format, reason);
    done = fclose(memory) == 0 && done;
    int status = done ? put(export, kind, text, length)
                      : tool_fail(export->json, ONESLOT_ERROR_NONE, "%s: %s", map->name, reason);
    free(text);
    return status;
}

static int take_option(struct export *export, int option, const char *value) {
    char reason[FLASH_MAP_TEXT];
    switch (option) {
    case 'f':
        export->format = value;
        return TOOL_OK;
    case 'j':
        export->json = true;
        return TOOL_OK;
    case 'o':
        export->output = value;
        return TOOL_OK;
    case 1:
    case 2:
    case 3:
        return flash_map_hint(&export->hints, HINTS[option], value, reason) ? TOOL_OK
                                                                            : tool_usage("map export", "%s", reason);
    default:
        return TOOL_USAGE;
    }
}

static int check_options(struct export *export, int argc) {
    if (optind + 1 != argc) {
        return tool_usage("map export", optind < argc ? "one map at a time" : "a map is missing");
    }
    if (export->format[0] == 0 && export->json) {
        export->format = "json";
    }
    if (export->format[0] == 0) {
        return tool_usage("map export",
                          "a format is missing: --format csv, csv-names, bin, ld, header, cmake, micropython, json");
    }
    if (export->json && export->output == NULL && strcmp(export->format, "json") != 0) {
        return tool_usage("map export", "--json and the format '%s' both write to standard output: give -o FILE",
                          export->format);
    }
    return TOOL_OK;
}

int cmd_map_export(int argc, char **argv) {
    char reason[FLASH_MAP_TEXT];
    struct export export = {.format = "", .hints = {.chip = FLASH_MAP_CHIPS}};
    for (int option; (option = tool_option(argc, argv, ":f:o:h", OPTIONS)) != -1;) {
        if (option == 'h') {
            return tool_help(HELP);
        }
        int status = take_option(&export, option, optarg);
        if (status != TOOL_OK) {
            return status;
        }
    }
    int status = check_options(&export, argc);
    if (status != TOOL_OK) {
        return status;
    }
    struct flash_map map;
    if (!flash_map_load(&map, argv[optind], &export.hints, reason)) {
        return tool_fail(export.json, ONESLOT_ERROR_NONE, "%s", reason);
    }
    if (map.faults != 0) {
        tool_warn("%s: the table at 0x%x is damaged; 'oneslot map check' says how", map.name, map.fault_at);
    }
    status = write_map(&export, &map);
    flash_map_free(&map);
    return status;
}
