/*
 * oneslot map: flash maps planned, checked, drawn, exported and moved. Each of its commands has a file in host/map.
 */
#include <stdio.h>
#include <string.h>

#include "host/command.h"
#include "host/json.h"
#include "host/map/flash_map.h"
#include "host/size.h"
#include "host/tool.h"

// A command is linked in where its file is.
#pragma weak cmd_map_plan
#pragma weak cmd_map_check
#pragma weak cmd_map_show
#pragma weak cmd_map_export
#pragma weak cmd_map_move

static int list(int argc, char **argv);
static int rules(int argc, char **argv);

static const struct command COMMANDS[] = {
    {"plan", cmd_map_plan, "lay out a flash from a firmware's size and wishes"},
    {"check", cmd_map_check, "name every rule that a map, a dump or a firmware breaks"},
    {"show", cmd_map_show, "draw a map, or the difference of two"},
    {"export", cmd_map_export, "write a map as CSV, binary table, linker script, header, ..."},
    {"move", cmd_map_move, "turn a dump into an image for another map, files kept"},
    {"rules", rules, "list the rules, with their sources"},
    {"list", list, "list the presets: maps that are known by name"},
};

#define COMMAND_COUNT (sizeof COMMANDS / sizeof COMMANDS[0])

static int print_help(void) {
    return command_help("oneslot map: flash maps, planned, checked, drawn, exported and moved\n"
                        "\n"
                        "usage: oneslot map COMMAND [options] ...\n"
                        "       oneslot map COMMAND --help\n"
                        "\n",
                        COMMANDS, COMMAND_COUNT,
                        "\n"
                        "A map is the name of a preset ('oneslot map list'), a partition table as CSV or binary, a "
                        "dump of a whole\n"
                        "flash, or a firmware (for the map that it implies).\n");
}

int cmd_map(int argc, char **argv) {
    if (argc < 2) {
        return tool_usage("map", "a command is missing");
    }
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
        return print_help();
    }
    const struct command *command = command_find("map", argv[1], COMMANDS, COMMAND_COUNT);
    if (command == NULL) {
        return TOOL_USAGE;
    }
    char name[32];
    snprintf(name, sizeof name, "map %s", command->name);
    argv[1] = name;
    optind = 0;
    return command->run(argc - 1, argv + 1);
}

static bool wants_json(int argc, char **argv, const char *help, int *status) {
    static const struct option options[] = {
        {"json", no_argument, NULL, 'j'}, {"help", no_argument, NULL, 'h'}, {NULL, 0, NULL, 0}};
    bool json = false;
    *status = -1;
    for (int option; (option = tool_option(argc, argv, "h", options)) != -1;) {
        if (option == '?') {
            *status = TOOL_USAGE;
            return false;
        }
        if (option == 'h') {
            *status = tool_help(help);
            return false;
        }
        json = true;
    }
    if (optind < argc) {
        *status = tool_usage(argv[0], "'%s' is one argument too many", argv[optind]);
    }
    return json;
}

static int list(int argc, char **argv) {
    int status;
    bool json = wants_json(argc, argv,
                           "oneslot map list: the presets, maps that are known by name\n"
                           "\n"
                           "usage: oneslot map list [--json]\n"
                           "\n"
                           "A preset's name can be given wherever a map is asked for.\n",
                           &status);
    if (status >= 0) {
        return status;
    }
    struct json writer;
    if (json) {
        tool_json_begin(&writer, stdout, NULL, NULL);
        json_array(&writer, "presets");
    }
    const struct flash_map *preset;
    for (size_t index = 0; (preset = flash_map_preset(index)) != NULL; index++) {
        char size[24];
        if (json) {
            json_object(&writer, NULL);
            json_string(&writer, "name", preset->name);
            json_string(&writer, "chip", flash_map_chip_text(preset->chip));
            json_number(&writer, "flash_size", preset->flash_size);
            json_number(&writer, "sdk", preset->sdk);
            json_string(&writer, "note", preset->note);
            json_object_end(&writer);
        } else {
            printf("%-22s %-8s %8s  %s\n", preset->name, flash_map_chip_text(preset->chip),
                   size_text(preset->flash_size, size), preset->note);
        }
    }
    if (json) {
        json_array_end(&writer);
        tool_json_end(&writer);
    }
    return TOOL_OK;
}

static int rules(int argc, char **argv) {
    int status;
    bool json = wants_json(argc, argv,
                           "oneslot map rules: what 'oneslot map check' looks for, and where each rule is from\n"
                           "\n"
                           "usage: oneslot map rules [--json]\n",
                           &status);
    if (status >= 0) {
        return status;
    }
    struct json writer;
    if (json) {
        tool_json_begin(&writer, stdout, NULL, NULL);
        json_array(&writer, "rules");
    }
    const struct flash_map_rule *rule;
    for (size_t index = 0; (rule = flash_map_rule(index)) != NULL; index++) {
        if (json) {
            json_object(&writer, NULL);
            json_string(&writer, "name", rule->name);
            json_string(&writer, "says", rule->says);
            json_string(&writer, "source", rule->source);
            json_object_end(&writer);
        } else {
            printf("%s\n    %s\n    Source: %s\n", rule->name, rule->says, rule->source);
        }
    }
    if (json) {
        json_array_end(&writer);
        tool_json_end(&writer);
    }
    return TOOL_OK;
}
