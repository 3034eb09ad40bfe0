/*
 * oneslot map show: a picture of a flash map, or of the difference of two.
 */
#include <stdlib.h>
#include <string.h>

#include "host/json.h"
#include "host/map/picture.h"
#include "host/map_csv.h"
#include "host/output.h"
#include "host/size.h"
#include "host/terminal.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot map show: draw a flash map\n"
    "\n"
    "usage: oneslot map show MAP [--svg FILE] [--width N] [--json]\n"
    "       oneslot map show --diff OLD NEW [--svg FILE] [--width N] [--json]\n"
    "                            [--chip CHIP] [--flash-size SIZE] [--sdk N]\n"
    "\n"
    "A map is a preset ('oneslot map list'), a partition table as CSV or binary, a dump of a flash, or a firmware.\n"
    "\n"
    "      --diff              draw two maps side by side, and say what moves, grows, shrinks, comes and goes\n"
    "      --svg FILE          write an SVG picture ('-': to standard output) instead of text\n"
    "      --width N           columns of the text, 40 to 240 (default: the terminal's, else 80)\n"
    "      --json              regions, free gaps and changes as JSON\n"
    "      --chip CHIP         the chip, where the map does not say it (esp8266, esp32, esp32c3, ...)\n"
    "  -s, --flash-size SIZE   the size of the flash, where the map does not say it\n"
    "      --sdk N             major version of the ESP8266's SDK, where the map does not say it\n"
    "\n"
    "Colours are used on a terminal, unless NO_COLOR is set.\n"
    "\n"
    "examples:\n"
    "  oneslot map show sdk2-90000\n"
    "  oneslot map show --diff micropython-1m sdk2-90000\n"
    "  oneslot map show board.csv --svg board.svg\n";

struct show {
    const char *what;
    const char *other;
    const char *svg;
    unsigned width;
    bool json;
    struct flash_map_hints hints;
};

static bool number(const char *text, uint32_t least, uint32_t most, uint32_t *value) {
    return size_parse(text, value) && *value >= least && *value <= most;
}

/// Returns TOOL_OK to go on, or -1 when help was given.
static int options(struct show *show, int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"diff", no_argument, NULL, 'd'},
        {"svg", required_argument, NULL, 'v'},
        {"width", required_argument, NULL, 'w'},
        {"chip", required_argument, NULL, 'c'},
        {"sdk", required_argument, NULL, 'k'},
        {"flash-size", required_argument, NULL, 's'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    uint32_t value;
    const char *name;
    char reason[FLASH_MAP_TEXT];
    bool diff = false;
    for (int option; (option = tool_option(argc, argv, ":hs:", OPTIONS)) != -1;) {
        switch (option) {
        case 'd':
            diff = true;
            break;
        case 'v':
            show->svg = optarg;
            break;
        case 'w':
            if (!number(optarg, PICTURE_WIDTH_MIN, PICTURE_WIDTH_MAX, &value)) {
                return tool_usage("map show", "'%s' is no width from %u to %u", optarg, PICTURE_WIDTH_MIN,
                                  PICTURE_WIDTH_MAX);
            }
            show->width = value;
            break;
        case 'c':
        case 'k':
        case 's':
            name = option == 'c' ? "chip" : option == 'k' ? "sdk" : "flash-size";
            if (!flash_map_hint(&show->hints, name, optarg, reason)) {
                return tool_usage("map show", "%s", reason);
            }
            break;
        case 'j':
            show->json = true;
            break;
        case 'h':
            tool_help(HELP);
            return -1;
        default:
            return TOOL_USAGE;
        }
    }
    if (argc - optind != (diff ? 2 : 1)) {
        return tool_usage("map show", diff             ? "--diff takes two maps, the old one and the new one"
                                      : argc == optind ? "the map is missing"
                                                       : "one map; two are compared with --diff");
    }
    show->what = argv[optind];
    show->other = diff ? argv[optind + 1] : NULL;
    return TOOL_OK;
}

static void json_span(struct json *json, const char *name, const struct picture_span *span) {
    if (span == NULL) {
        json_null(json, name);
        return;
    }
    char type[8];
    char subtype[8];
    json_object(json, name);
    json_string(json, "label", span->region != NULL ? span->region->label : span->label);
    json_string(json, "kind", picture_kind_text(span->kind));
    if (span->region != NULL) {
        json_string(json, "type", map_type_text(span->region->type, type));
        json_string(json, "subtype", map_subtype_text(span->region->type, span->region->subtype, subtype));
    }
    json_number(json, "address", span->start);
    json_number(json, "size", span->end - span->start);
    json_object_end(json);
}

static void json_spans(struct json *json, const char *name, const struct picture *picture, bool free) {
    json_array(json, name);
    for (unsigned index = 0; index < picture->count; index++) {
        if ((picture->span[index].kind == PICTURE_FREE) == free) {
            json_span(json, NULL, &picture->span[index]);
        }
    }
    json_array_end(json);
}

static void json_picture(struct json *json, const struct picture *picture) {
    json_string(json, "name", picture->map->name);
    json_string(json, "note", picture->map->note);
    json_string(json, "chip", flash_map_chip_text(picture->map->chip));
    json_number(json, "flash_size", picture->flash);
    json_number(json, "sdk", picture->map->sdk);
    json_spans(json, "regions", picture, false);
    json_spans(json, "free", picture, true);
    json_number(json, "free_bytes", picture->free);
}

static void json_changes(struct json *json, const struct picture *from, const struct picture *to) {
    struct picture_change changes[2 * PICTURE_SPANS];
    char text[200];
    unsigned count = picture_changes(from, to, changes);
    json_array(json, "changes");
    for (unsigned index = 0; index < count; index++) {
        picture_change_text(&changes[index], text, sizeof text);
        json_object(json, NULL);
        json_string(json, "change", text);
        json_bool(json, "same", !picture_change_any(&changes[index]));
        json_span(json, "from", changes[index].from);
        json_span(json, "to", changes[index].to);
        json_object_end(json);
    }
    json_array_end(json);
    picture_changes_summary(changes, count, text, sizeof text);
    json_string(json, "summary", text);
}

static void show_json(const struct flash_map *map, const struct flash_map *other) {
    struct picture one;
    struct picture two;
    struct json json;
    picture_make(&one, map);
    tool_json_begin(&json, stdout, NULL, NULL);
    json_picture(&json, &one);
    if (other != NULL) {
        picture_make(&two, other);
        json_object(&json, "other");
        json_picture(&json, &two);
        json_object_end(&json);
        json_changes(&json, &one, &two);
    }
    tool_json_end(&json);
}

static int show_svg(const struct show *show, const struct flash_map *map, const struct flash_map *other) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    bool drawn = memory != NULL && flash_map_draw_svg(memory, map, other);
    drawn = memory != NULL && fclose(memory) == 0 && drawn;
    int status = drawn ? output_write(show->svg, OUTPUT_TEXT, text, length, show->json)
                       : tool_fail(show->json, ONESLOT_ERROR_NONE, "memory ran out");
    free(text);
    return status;
}

static int show_maps(const struct show *show, const struct flash_map *map, const struct flash_map *other) {
    int status = TOOL_OK;
    if (show->svg != NULL) {
        status = show_svg(show, map, other);
    }
    if (status == TOOL_OK && show->json) {
        show_json(map, other);
    } else if (show->svg == NULL) {
        flash_map_draw(stdout, map, other, show->width, tool_colour(stdout, 1)[0] != 0);
    }
    return status;
}

int cmd_map_show(int argc, char **argv) {
    struct show show = {.width = terminal_columns(stdout), .hints = {.chip = FLASH_MAP_CHIPS}};
    int status = options(&show, argc, argv);
    if (status != TOOL_OK) {
        return status < 0 ? TOOL_OK : status;
    }
    if (show.svg != NULL) {
        status = output_claim("map show", "--svg", show.svg, OUTPUT_TEXT, show.json);
        if (status != TOOL_OK) {
            return status;
        }
    }
    char reason[FLASH_MAP_TEXT];
    struct flash_map map;
    struct flash_map other;
    if (!flash_map_load(&map, show.what, &show.hints, reason)) {
        return tool_fail(show.json, ONESLOT_ERROR_NONE, "%s", reason);
    }
    if (show.other == NULL) {
        status = show_maps(&show, &map, NULL);
    } else if (!flash_map_load(&other, show.other, &show.hints, reason)) {
        status = tool_fail(show.json, ONESLOT_ERROR_NONE, "%s", reason);
    } else {
        status = show_maps(&show, &map, &other);
        flash_map_free(&other);
    }
    flash_map_free(&map);
    return status;
}
