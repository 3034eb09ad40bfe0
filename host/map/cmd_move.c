/*
 * oneslot map move: turns a dump of a device into an image for another map.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"
#include "host/flash_file.h"
#include "host/json.h"
#include "host/map/flash_map.h"
#include "host/output.h"
#include "host/size.h"
#include "host/tool.h"

/// Where a MicroPython's code that runs in place begins.
#define MICROPYTHON_CODE 0x9000u

static const char HELP[] =
    "oneslot map move: make of a device's dump the image for another flash map\n"
    "\n"
    "usage: oneslot map move DUMP.bin --to MAP [--from MAP] [--drop LABEL]... -o NEW.bin\n"
    "\n"
    "Every region goes where the new map has it: matched by its label, else by type and subtype. A littlefs keeps all\n"
    "files, directories and attributes; it is made anew when its size changes. The firmware stays where it is linked\n"
    "to, and must fit. The SDK's sectors stay the last ones. A dump with Oneslot keeps its journal and configuration;\n"
    "the loader's layout and the map are written anew. What would be lost is refused by name. DUMP.bin is only read.\n"
    "\n"
    "      --to MAP           the new map: a CSV, a binary table or a preset ('oneslot map list')\n"
    "      --from MAP         the old map; default: the dump's own, or the one that its firmware implies\n"
    "      --drop LABEL       give up what lies in this old region; may be given again\n"
    "  -s, --flash-size SIZE  of the new flash; default: what the new map says\n"
    "  -o, --output FILE      the image to make; '-': to standard output\n"
    "      --json             the steps as JSON\n"
    "\n"
    "MicroPython finds the end of its file system by the size of the flash. So its presets (sdk1-89000, sdk2-90000 "
    "and\n"
    "micropython-...) grow with a dump of a larger flash, or to --flash-size: the file system takes the difference.\n"
    "\n"
    "example, for a device that changes from SDK 1 to SDK 2:\n"
    "  esptool read-flash 0 0x100000 dump.bin\n"
    "  oneslot map move dump.bin --from sdk1-89000 --to sdk2-90000 -o new.bin\n"
    "  esptool write-flash --flash-size keep 0 new.bin\n";

struct options {
    const char *dump;
    const char *to;
    const char *from;
    const char *output;
    const char **drop;
    size_t drops;
    struct flash_map_hints hints;
    bool json;
};

enum { OPTION_TO = 256, OPTION_FROM, OPTION_DROP, OPTION_JSON };

static const struct option LONG_OPTIONS[] = {
    {"to", required_argument, NULL, OPTION_TO},
    {"from", required_argument, NULL, OPTION_FROM},
    {"drop", required_argument, NULL, OPTION_DROP},
    {"flash-size", required_argument, NULL, 's'},
    {"output", required_argument, NULL, 'o'},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

static int take_option(struct options *options, int option, char *value) {
    char reason[FLASH_MAP_TEXT];
    switch (option) {
    case OPTION_TO:
        options->to = value;
        return TOOL_OK;
    case OPTION_FROM:
        options->from = value;
        return TOOL_OK;
    case OPTION_DROP:
        options->drop[options->drops++] = value;
        return TOOL_OK;
    case 's':
        return flash_map_hint(&options->hints, "flash-size", value, reason) ? TOOL_OK
                                                                            : tool_usage("map move", "%s", reason);
    case 'o':
        options->output = value;
        return TOOL_OK;
    case OPTION_JSON:
        options->json = true;
        return TOOL_OK;
    default:
        return TOOL_USAGE;
    }
}

static int check_options(const struct options *options) {
    if (options->dump == NULL) {
        return tool_usage("map move", "the dump is missing");
    }
    if (options->to == NULL) {
        return tool_usage("map move", "where to? Give the new map with --to");
    }
    if (options->output == NULL) {
        return tool_usage("map move", "give the image to make with -o");
    }
    return TOOL_OK;
}

static int load_map(struct flash_map *map, const char *what, const struct flash_map_hints *hints, bool json) {
    char reason[FLASH_MAP_TEXT] = "";
    return flash_map_load(map, what, hints, reason) ? TOOL_OK
                                                    : tool_fail(json, ONESLOT_ERROR_MAP_INVALID, "%s", reason);
}

static int read_dump(const struct options *options, uint8_t **bytes, uint32_t *size) {
    size_t length;
    if (!file_read(options->dump, FLASH_FILE_MAX, bytes, &length)) {
        return errno == EFBIG
                   ? tool_fail(options->json, ONESLOT_ERROR_NONE, "%s is larger than any flash chip", options->dump)
                   : tool_fail(options->json, ONESLOT_ERROR_NONE, "%s: %s", options->dump, strerror(errno));
    }
    *size = (uint32_t)length;
    if (length == 0 || length % ONESLOT_BLOCK_SIZE != 0) {
        free(*bytes);
        *bytes = NULL;
        return tool_fail(options->json, ONESLOT_ERROR_NO_LAYOUT,
                         "%s is no whole flash: its size, %zu bytes, is no multiple of 64 KiB", options->dump, length);
    }
    return TOOL_OK;
}

/// A MicroPython's file system takes what the flash has up to the SDK's sectors at its end.
/// Source: MicroPython, ports/esp8266/modules/flashbdev.py.
static bool stretch(struct flash_map *map, uint32_t flash_size) {
    struct oneslot_partition *system = NULL;
    struct oneslot_partition *files = NULL;
    for (uint32_t index = 0; index < map->map.count; index++) {
        struct oneslot_partition *region = &map->map.partition[index];
        system = region->address + region->size == map->flash_size ? region : system;
    }
    for (uint32_t index = 0; index < map->map.count && system != NULL; index++) {
        struct oneslot_partition *region = &map->map.partition[index];
        files = region->address + region->size == system->address ? region : files;
    }
    if (files == NULL || files->type != ONESLOT_TYPE_DATA || flash_size < files->address + system->size ||
        flash_size - files->address - system->size < 2 * ONESLOT_SECTOR_SIZE) {
        return false;
    }
    files->size = flash_size - system->size - files->address;
    system->address = flash_size - system->size;
    map->flash_size = flash_size;
    return true;
}

/// Makes a map one of a flash of `flash_size` bytes.
static int fit(const struct options *options, struct flash_map *map, uint32_t flash_size) {
    if (map->flash_size == flash_size || map->origin != FLASH_MAP_PRESET) {
        map->flash_size = flash_size;
        return TOOL_OK;
    }
    if (map->chip == FLASH_MAP_ESP8266 && map->irom == MICROPYTHON_CODE && stretch(map, flash_size)) {
        return TOOL_OK;
    }
    char have[24];
    char want[24];
    return tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID,
                     "the map %s is of a flash of %s and cannot become one of %s", map->name,
                     size_text(map->flash_size, have), size_text(flash_size, want));
}

static bool grows(const struct flash_map *map, uint32_t flash_size) {
    return map->origin == FLASH_MAP_PRESET && map->chip == FLASH_MAP_ESP8266 && map->irom == MICROPYTHON_CODE &&
           map->flash_size < flash_size;
}

/// The old map, with the bytes of the dump.
static int load_from(const struct options *options, struct flash_map *from) {
    uint8_t *bytes = NULL;
    uint32_t size = 0;
    int status = read_dump(options, &bytes, &size);
    if (status != TOOL_OK) {
        return status;
    }
    struct flash_map_hints hints = {.chip = FLASH_MAP_CHIPS};
    status = load_map(from, options->from != NULL ? options->from : options->dump, &hints, options->json);
    if (status != TOOL_OK) {
        free(bytes);
        return status;
    }
    free(from->bytes);
    from->bytes = bytes;
    from->size = size;
    return grows(from, size) ? fit(options, from, size) : TOOL_OK;
}

static int load_to(const struct options *options, const struct flash_map *from, struct flash_map *to) {
    struct flash_map_hints hints = {.chip = FLASH_MAP_CHIPS};
    int status = load_map(to, options->to, &hints, options->json);
    if (status != TOOL_OK) {
        return status;
    }
    uint32_t size = options->hints.flash_size != 0 ? options->hints.flash_size
                    : grows(to, from->size)        ? from->size
                                                   : to->flash_size;
    return fit(options, to, size);
}

static void place_text(uint32_t address, uint32_t size, char text[24]) {
    if (size == 0) {
        snprintf(text, 24, "%19s", "");
    } else {
        snprintf(text, 24, "0x%06x - 0x%06x", address, address + size);
    }
}

static void report_text(const struct options *options, const struct flash_map *from, const struct flash_map *to,
                        const struct flash_map_steps *steps) {
    char size[24];
    printf("%s%s%s: %s of flash, from the map '%s' to '%s'\n", tool_colour(stdout, 1), output_name(options->output),
           tool_colour(stdout, 0), size_text(to->flash_size, size), from->name, to->name);
    for (size_t index = 0; index < steps->count; index++) {
        const struct flash_map_step *step = &steps->step[index];
        if (step->kind == FLASH_MAP_STEP_WARNING || step->kind == FLASH_MAP_STEP_NOTE) {
            continue;
        }
        char old_place[24];
        char new_place[24];
        place_text(step->from, step->from_size, old_place);
        place_text(step->to, step->to_size, new_place);
        printf("  %-7s  %-16s  %s  %s  %s  %s\n", flash_map_step_name(step->kind), step->label, old_place,
               step->from_size != 0 && step->to_size != 0 ? "->" : "  ", new_place, step->text);
    }
    if (options->from == NULL && from->note[0] != 0) {
        printf("  note: the old map: %s\n", from->note);
    }
    for (size_t index = 0; index < steps->count; index++) {
        const struct flash_map_step *step = &steps->step[index];
        if (step->kind == FLASH_MAP_STEP_NOTE) {
            printf("  note: %s: %s\n", step->label, step->text);
        }
    }
}

static void report_json(const struct options *options, const struct flash_map *from, const struct flash_map *to,
                        const struct flash_map_steps *steps) {
    struct json json;
    tool_json_begin(&json, stdout, NULL, NULL);
    json_string(&json, "output", options->output);
    json_number(&json, "flash_size", to->flash_size);
    json_string(&json, "from", from->name);
    json_string(&json, "to", to->name);
    json_array(&json, "steps");
    for (size_t index = 0; index < steps->count; index++) {
        const struct flash_map_step *step = &steps->step[index];
        json_object(&json, NULL);
        json_string(&json, "step", flash_map_step_name(step->kind));
        json_string(&json, "name", step->label);
        json_number(&json, "from", step->from);
        json_number(&json, "from_size", step->from_size);
        json_number(&json, "to", step->to);
        json_number(&json, "to_size", step->to_size);
        json_string(&json, "text", step->text);
        json_object_end(&json);
    }
    json_array_end(&json);
    tool_json_end(&json);
}

/// What is wrong with the new map as such. The move itself can be done; whether the device likes it is another matter.
static void warn_rules(const struct flash_map *to) {
    struct flash_map_finding *findings = malloc(FLASH_MAP_FINDINGS * sizeof *findings);
    size_t count = findings != NULL ? flash_map_check(to, findings) : 0;
    for (size_t index = 0; index < count && index < FLASH_MAP_FINDINGS; index++) {
        if (findings[index].weight == FLASH_MAP_ERROR) {
            tool_warn("the new map breaks the rule '%s': %s", findings[index].rule, findings[index].text);
        }
    }
    free(findings);
}

static int move(const struct options *options, const struct flash_map *from, const struct flash_map *to,
                struct flash_map_steps *steps) {
    char reason[FLASH_MAP_TEXT] = "";
    uint8_t *image;
    struct flash_map_move how = {.drop = options->drop, .drops = options->drops};
    if (!flash_map_move(from, to, &how, &image, steps, reason)) {
        return tool_fail(options->json, ONESLOT_ERROR_MAP_INVALID, "%s: %s", options->dump, reason);
    }
    int status = output_write(options->output, OUTPUT_BINARY, image, to->flash_size, options->json);
    free(image);
    if (status != TOOL_OK) {
        return status;
    }
    for (size_t index = 0; index < steps->count; index++) {
        if (steps->step[index].kind == FLASH_MAP_STEP_WARNING) {
            tool_warn("%s: %s", steps->step[index].label, steps->step[index].text);
        }
    }
    warn_rules(to);
    if (options->json) {
        report_json(options, from, to, steps);
    } else {
        report_text(options, from, to, steps);
    }
    return TOOL_OK;
}

static int run(const struct options *options) {
    struct flash_map *maps = calloc(2, sizeof *maps);
    struct flash_map_steps *steps = malloc(sizeof *steps);
    if (maps == NULL || steps == NULL) {
        free(maps);
        free(steps);
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "memory ran out");
    }
    int status = load_from(options, &maps[0]);
    if (status == TOOL_OK) {
        status = load_to(options, &maps[0], &maps[1]);
    }
    if (status == TOOL_OK) {
        status = output_claim("map move", "-o", options->output, OUTPUT_BINARY, options->json);
    }
    if (status == TOOL_OK) {
        status = move(options, &maps[0], &maps[1], steps);
    }
    flash_map_free(&maps[0]);
    flash_map_free(&maps[1]);
    free(maps);
    free(steps);
    return status;
}

int cmd_map_move(int argc, char **argv) {
    // No more labels than words on the command line.
    const char **drop = calloc((size_t)argc + 1, sizeof *drop);
    if (drop == NULL) {
        return tool_fail(false, ONESLOT_ERROR_NONE, "memory ran out");
    }
    struct options options = {.drop = drop, .hints = {.chip = FLASH_MAP_CHIPS}};
    int status = TOOL_OK;
    int option = 0;
    while (status == TOOL_OK && (option = tool_option(argc, argv, ":o:s:h", LONG_OPTIONS)) != -1 && option != 'h') {
        status = take_option(&options, option, optarg);
    }
    if (status == TOOL_OK && option == 'h') {
        status = tool_help(HELP);
    } else if (status == TOOL_OK) {
        options.dump = optind < argc ? argv[optind] : NULL;
        status = optind + 1 < argc ? tool_usage("map move", "one dump at a time: '%s' is too many", argv[optind + 1])
                                   : check_options(&options);
        if (status == TOOL_OK) {
            status = run(&options);
        }
    }
    free(drop);
    return status;
}
