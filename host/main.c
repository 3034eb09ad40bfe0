/*
 * oneslot: makes flash images that upgrade themselves, looks into them, and tries them out.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "host/command.h"
#include "host/tool.h"

// The simulator's commands are linked in where their rooms are built.
#pragma weak cmd_run
#pragma weak cmd_prove

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

static int print_help(void) {
    return command_help("oneslot: upgrades the firmware of an ESP8266 or ESP32 in place, from a file on its own file "
                        "system\n"
                        "\n"
                        "usage: oneslot COMMAND [options] ...\n"
                        "       oneslot COMMAND --help\n"
                        "\n",
                        COMMANDS, COMMAND_COUNT,
                        "\n"
                        "A first upgrade, with nothing but files:\n"
                        "  oneslot image old.bin --flash-size 4MB --fs files/ -o flash.bin\n"
                        "  oneslot fs put flash.bin new.bin /fw.bin\n"
                        "  oneslot request flash.bin /fw.bin\n"
                        "  oneslot run flash.bin\n"
                        "  oneslot status flash.bin\n"
                        "\n"
                        "Every command takes --json. Exit status: 0 done, 1 refused or failed, 2 wrong command "
                        "line.\n");
}

/// What a command printed must have arrived.
static int finish(int status) {
    return fflush(stdout) == 0 && !ferror(stdout)
               ? status
               : tool_fail(false, ONESLOT_ERROR_NONE, "standard output could not be written");
}

static int run(const char *name, int argc, char **argv) {
    const struct command *command = command_find(NULL, name, COMMANDS, COMMAND_COUNT);
    return command != NULL ? command->run(argc, argv) : TOOL_USAGE;
}

/// "help map plan" is "map plan --help".
static int help(int argc, char **argv) {
    char option[] = "--help";
    char *words[4] = {NULL};
    int count = argc > 2 ? 2 : argc;
    memcpy(words, argv, (size_t)count * sizeof *argv);
    words[count] = option;
    return run(argv[0], count + 1, words);
}

int main(int argc, char **argv) {
    // A file that grows too large is an error like any other, with what was begun cleared away.
    signal(SIGXFSZ, SIG_IGN);
    tool_begin(argc, argv);
    if (argc < 2) {
        return tool_usage(NULL, "a command is missing");
    }
    const char *name = argv[1];
    bool asks = strcmp(name, "help") == 0;
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || (asks && argc == 2)) {
        return finish(print_help());
    }
    if (strcmp(name, "--version") == 0 || strcmp(name, "-V") == 0) {
        puts("oneslot " ONESLOT_VERSION);
        return finish(TOOL_OK);
    }
    return finish(asks ? help(argc - 2, argv + 2) : run(name, argc - 1, argv + 1));
}
