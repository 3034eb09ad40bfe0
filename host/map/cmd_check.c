/*
 * oneslot map check: every rule that a map, a dump or a firmware breaks.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"
#include "host/flash_file.h"
#include "host/json.h"
#include "host/map/flash_map.h"
#include "host/size.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot map check: name every rule that a map, a dump or a firmware breaks\n"
    "\n"
    "usage: oneslot map check MAP ... [options]\n"
    "\n"
    "MAP is a preset ('oneslot map list'), a partition table as CSV or binary, a dump, or a firmware.\n"
    "Of a dump also what it holds: file systems, firmware, Oneslot's own parts, against its map.\n"
    "Of a firmware the map that it implies, on a chip of --flash-size.\n"
    "\n"
    "      --chip CHIP         esp8266, esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c6, esp32h2\n"
    "  -s, --flash-size SIZE   of the chip\n"
    "      --sdk N             of the ESP8266's vendor SDK: 1, 2 or 3\n"
    "      --firmware FILE|SIZE\n"
    "                          whether this firmware fits the map\n"
    "      --json              the result as JSON\n"
    "\n"
    "Exit status 1: a rule is broken. Warnings and advice leave it 0. 'oneslot map rules' lists all rules.\n"
    "\n"
    "examples:\n"
    "  oneslot map check map.csv\n"
    "  oneslot map check sdk2-90000 --firmware firmware.bin\n"
    "  oneslot map check ESP8266_GENERIC-v1.24.0.bin --flash-size 1MB\n"
    "  oneslot map check dump.bin --json\n";

enum { OPTION_CHIP = 256, OPTION_SDK, OPTION_FIRMWARE, OPTION_JSON };

struct options {
    struct flash_map_hints hints;
    struct flash_map_firmware firmware;
    bool with_firmware;
    bool json;
};

static const char *const WEIGHTS[] = {
    [FLASH_MAP_ERROR] = "error", [FLASH_MAP_WARNING] = "warning", [FLASH_MAP_ADVICE] = "advice"};
static const int COLOURS[] = {[FLASH_MAP_ERROR] = 31, [FLASH_MAP_WARNING] = 33, [FLASH_MAP_ADVICE] = 32};

/// A size, or the file of that name.
static int take_firmware(struct options *options, const char *text, uint8_t **owned) {
    size_t length;
    options->with_firmware = true;
    if (size_parse(text, &options->firmware.size)) {
        return options->firmware.size > 0 ? TOOL_OK : tool_usage("map check", "a firmware of no bytes fits everywhere");
    }
    if (!file_read(text, FLASH_FILE_MAX, owned, &length)) {
        return errno == ENOENT
                   ? tool_fail(options->json, ONESLOT_ERROR_NONE, "--firmware %s: neither a size nor a file", text)
                   : tool_fail(options->json, ONESLOT_ERROR_NONE, "%s: %s", text, strerror(errno));
    }
    options->firmware.bytes = *owned;
    options->firmware.size = (uint32_t)length;
    return TOOL_OK;
}

static size_t count_of(const struct flash_map_finding *findings, size_t count, enum flash_map_weight weight) {
    size_t found = 0;
    for (size_t index = 0; index < count; index++) {
        found += findings[index].weight == weight;
    }
    return found;
}

static void print_room(const struct flash_map_headroom *room) {
    char size[24];
    if (room->end == 0) {
        return;
    }
    printf("  firmware  0x%06x - 0x%06x, its region ends at 0x%06x: %s%s\n", room->start, room->end, room->region,
           size_text(room->end > room->region ? room->end - room->region : room->region - room->end, size),
           room->end > room->region ? " too many" : " of headroom");
}

static const char *plural(size_t count) {
    return count == 1 ? "" : "s";
}

static void print_map(const struct flash_map *map, const struct flash_map_finding *findings, size_t count,
                      const struct flash_map_headroom *room) {
    char size[24];
    printf("%s%s%s: %s, %s of flash%s%s\n", tool_colour(stdout, 1), map->name, tool_colour(stdout, 0),
           flash_map_chip_text(map->chip), size_text(map->flash_size, size), map->note[0] != 0 ? "; " : "", map->note);
    print_room(room);
    for (size_t index = 0; index < count; index++) {
        const struct flash_map_finding *finding = &findings[index];
        printf("  %s%-8s%s %s: %s\n", tool_colour(stdout, COLOURS[finding->weight]), WEIGHTS[finding->weight],
               tool_colour(stdout, 0), finding->rule, finding->text);
    }
    size_t errors = count_of(findings, count, FLASH_MAP_ERROR);
    size_t warnings = count_of(findings, count, FLASH_MAP_WARNING);
    printf("  %s%s%s", tool_colour(stdout, errors > 0 ? 31 : 32), errors > 0 ? "broken" : "ok", tool_colour(stdout, 0));
    if (errors > 0) {
        printf(": %zu error%s", errors, plural(errors));
    }
    if (warnings > 0) {
        printf("%s %zu warning%s", errors > 0 ? "," : ":", warnings, plural(warnings));
    }
    putchar('\n');
}

static void write_map(struct json *json, const struct flash_map *map, const struct flash_map_finding *findings,
                      size_t count, const struct flash_map_headroom *room) {
    json_object(json, NULL);
    json_string(json, "name", map->name);
    json_bool(json, "ok", count_of(findings, count, FLASH_MAP_ERROR) == 0);
    json_string(json, "chip", flash_map_chip_text(map->chip));
    json_number(json, "flash_size", map->flash_size);
    json_number(json, "sdk", map->sdk);
    json_string(json, "note", map->note);
    if (room->end != 0) {
        json_object(json, "firmware");
        json_number(json, "address", room->start);
        json_number(json, "size", room->end - room->start);
        json_number(json, "region_end", room->region);
        json_object_end(json);
    }
    json_array(json, "findings");
    for (size_t index = 0; index < count; index++) {
        json_object(json, NULL);
        json_string(json, "rule", findings[index].rule);
        json_string(json, "weight", WEIGHTS[findings[index].weight]);
        json_number(json, "address", findings[index].address);
        json_number(json, "length", findings[index].length);
        json_string(json, "text", findings[index].text);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

/// What all maps came to.
struct sum {
    size_t broken;               ///< maps that break a rule
    size_t errors;               ///< rules broken, in all of them
    size_t unread;               ///< what is no map
    char reason[FLASH_MAP_TEXT]; ///< of the first of these
};

static void check_one(const char *what, const struct options *options, struct json *json, struct sum *sum) {
    static struct flash_map_finding findings[FLASH_MAP_FINDINGS];
    char reason[FLASH_MAP_TEXT] = "";
    struct flash_map map;
    if (!flash_map_load(&map, what, &options->hints, reason)) {
        tool_complain("%s", reason);
        if (sum->unread++ == 0) {
            memcpy(sum->reason, reason, sizeof reason);
        }
        if (options->json) {
            json_object(json, NULL);
            json_string(json, "name", what);
            json_bool(json, "ok", false);
            json_string(json, "text", reason);
            json_object_end(json);
        }
        return;
    }
    const struct flash_map_firmware *firmware = options->with_firmware ? &options->firmware : NULL;
    size_t count = flash_map_check_firmware(&map, firmware, findings);
    struct flash_map_headroom room = flash_map_headroom(&map, firmware);
    if (options->json) {
        write_map(json, &map, findings, count, &room);
    } else {
        print_map(&map, findings, count, &room);
    }
    size_t errors = count_of(findings, count, FLASH_MAP_ERROR);
    sum->errors += errors;
    sum->broken += errors > 0;
    flash_map_free(&map);
}

/// The maps' own objects, which were written into memory before the whole was known to be well or not.
static void tell_all(const struct sum *sum, const char *maps, size_t length) {
    char text[FLASH_MAP_TEXT];
    const char *name = sum->unread > 0 ? "HOST" : sum->broken > 0 ? "RULE_BROKEN" : NULL;
    struct json json;
    if (sum->unread > 0) {
        memcpy(text, sum->reason, sizeof text);
    } else {
        snprintf(text, sizeof text, "%zu error%s in %zu map%s", sum->errors, plural(sum->errors), sum->broken,
                 plural(sum->broken));
    }
    tool_json_begin(&json, stdout, name, text);
    json_array(&json, "maps");
    fwrite(maps, 1, length, stdout);
    json.filled = length > 0;
    json_array_end(&json);
    tool_json_end(&json);
}

static int check_all(int argc, char **argv, const struct options *options) {
    char *maps = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&maps, &length);
    if (memory == NULL) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "memory ran out");
    }
    // As deep as an array in an object.
    struct json json = {.out = memory, .depth = 2};
    struct sum sum = {0};
    for (int index = 0; index < argc; index++) {
        check_one(argv[index], options, &json, &sum);
    }
    if (fclose(memory) == 0 && options->json) {
        tell_all(&sum, maps, length);
    }
    free(maps);
    return sum.unread + sum.broken == 0 ? TOOL_OK : TOOL_FAILED;
}

int cmd_map_check(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"chip", required_argument, NULL, OPTION_CHIP},
        {"flash-size", required_argument, NULL, 's'},
        {"sdk", required_argument, NULL, OPTION_SDK},
        {"firmware", required_argument, NULL, OPTION_FIRMWARE},
        {"json", no_argument, NULL, OPTION_JSON},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct options options = {.hints = {.chip = FLASH_MAP_CHIPS}};
    const char *firmware = NULL;
    char reason[FLASH_MAP_TEXT];
    for (int option; (option = tool_option(argc, argv, ":hs:", OPTIONS)) != -1;) {
        const char *hint = option == OPTION_CHIP  ? "chip"
                           : option == 's'        ? "flash-size"
                           : option == OPTION_SDK ? "sdk"
                                                  : NULL;
        if (hint != NULL) {
            if (!flash_map_hint(&options.hints, hint, optarg, reason)) {
                return tool_usage("map check", "%s", reason);
            }
        } else if (option == OPTION_FIRMWARE) {
            firmware = optarg;
        } else if (option == OPTION_JSON) {
            options.json = true;
        } else if (option == 'h') {
            return tool_help(HELP);
        } else {
            return TOOL_USAGE;
        }
    }
    if (optind == argc) {
        return tool_usage("map check", "what is to be checked? A map, a dump, a firmware or a preset is missing");
    }
    uint8_t *owned = NULL;
    int status = firmware != NULL ? take_firmware(&options, firmware, &owned) : TOOL_OK;
    if (status == TOOL_OK) {
        status = check_all(argc - optind, argv + optind, &options);
    }
    free(owned);
    return status;
}
