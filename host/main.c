/*
 * oneslot: makes flash images that upgrade themselves, looks into them, and tries them out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/tool.h"

// The simulator's commands are linked in where their rooms are built.
#pragma weak cmd_run
#pragma weak cmd_prove

struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
};

static const struct command COMMANDS[] = {
    {"image", cmd_image, "make a flash image from a stock firmware"},
    {"info", cmd_info, "say what a firmware file or a flash dump is"},
    {"map", cmd_map, "plan, check, draw, export and move flash maps"},
    {"keygen", cmd_keygen, "make a key that signs packages"},
    {"pack", cmd_pack, "put a firmware into a signed package"},
    {"verify", cmd_verify, "check a package against a key"},
    {"fs", cmd_fs, "list, read and write the files in a flash image"},
    {"request", cmd_request, "ask for an upgrade, as the application would"},
    {"cancel", cmd_cancel, "take a request back"},
    {"status", cmd_status, "say how things stand and how the last upgrade ended"},
    {"run", cmd_run, "boot a flash image on an emulated board"},
    {"prove", cmd_prove, "cut the power at every step of an upgrade, in the simulator"},
};

#define COMMAND_COUNT (sizeof COMMANDS / sizeof COMMANDS[0])

static void print_help(void) {
    puts("oneslot: upgrades the firmware of an ESP8266 or ESP32 in place, from a file on its own file system\n"
         "\n"
         "usage: oneslot COMMAND [options] ...\n"
         "       oneslot COMMAND --help\n");
    for (size_t index = 0; index < COMMAND_COUNT; index++) {
        if (COMMANDS[index].run != NULL) {
            printf("  %-9s %s\n", COMMANDS[index].name, COMMANDS[index].summary);
        }
    }
    puts("\n"
         "A first upgrade, with nothing but files:\n"
         "  oneslot image old.bin --flash-size 4MB --fs files/ -o flash.bin\n"
         "  oneslot fs put flash.bin new.bin /fw.bin\n"
         "  oneslot request flash.bin /fw.bin\n"
         "  oneslot run flash.bin\n"
         "  oneslot status flash.bin\n"
         "\n"
         "Every command takes --json. Exit status: 0 done, 1 refused or failed, 2 wrong command line.");
}

/// Edit distance, for a suggestion; names are short.
static size_t distance(const char *left, const char *right) {
    size_t row[64];
    size_t length = strlen(right);
    if (length >= 63 || strlen(left) >= 63) {
        return 64;
    }
    for (size_t column = 0; column <= length; column++) {
        row[column] = column;
    }
    for (size_t line = 1; left[line - 1] != 0; line++) {
        size_t diagonal = row[0];
        row[0] = line;
        for (size_t column = 1; column <= length; column++) {
            size_t best = diagonal + (left[line - 1] != right[column - 1]);
            best = row[column] + 1 < best ? row[column] + 1 : best;
            best = row[column - 1] + 1 < best ? row[column - 1] + 1 : best;
            diagonal = row[column];
            row[column] = best;
        }
    }
    return row[length];
}

static int unknown(const char *name) {
    const struct command *nearest = NULL;
    size_t best = 4;
    for (size_t index = 0; index < COMMAND_COUNT; index++) {
        size_t away = distance(name, COMMANDS[index].name);
        if (COMMANDS[index].run != NULL && away < best) {
            best = away;
            nearest = &COMMANDS[index];
        }
    }
    if (nearest != NULL && best < strlen(name)) {
        return tool_usage(NULL, "there is no command '%s'; did you mean '%s'?", name, nearest->name);
    }
    return tool_usage(NULL, "there is no command '%s'", name);
}

int main(int argc, char **argv) {
    if (argc < 2) {
        return tool_usage(NULL, "a command is missing");
    }
    const char *name = argv[1];
    bool help = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (help && argc == 2)) {
        print_help();
        return TOOL_OK;
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("oneslot " ONESLOT_VERSION);
        return TOOL_OK;
    }
    char help_option[] = "--help";
    char *help_arguments[] = {argv[help ? 2 : 1], help_option, NULL};
    if (help) {
        name = argv[2];
    }
    for (size_t index = 0; index < COMMAND_COUNT; index++) {
        if (COMMANDS[index].run != NULL && strcmp(name, COMMANDS[index].name) == 0) {
            int status = help ? COMMANDS[index].run(2, help_arguments) : COMMANDS[index].run(argc - 1, argv + 1);
            if (fflush(stdout) != 0 || ferror(stdout)) {
                return tool_fail(false, ONESLOT_ERROR_NONE, "standard output could not be written");
            }
            return status;
        }
    }
    return unknown(name);
}
