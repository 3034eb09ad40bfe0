/*
 * oneslot status: how things stand in a flash image.
 */
#include "host/state.h"
#include "host/tool.h"

static const char HELP[] = "oneslot status: say how things stand in a flash image, and how its last upgrade ended\n"
                           "\n"
                           "usage: oneslot status FLASH.bin [--json]\n"
                           "\n"
                           "A flash image can be read from a device too:\n"
                           "  esptool read-flash 0 0x400000 flash.bin\n"
                           "\n"
                           "example:\n"
                           "  oneslot status flash.bin\n"
                           "    upgraded to /fw.bin\n";

int cmd_status(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    bool json = false;
    for (int option; (option = tool_option(argc, argv, ":h", OPTIONS)) != -1;) {
        if (option == 'h') {
            return tool_help(HELP);
        }
        if (option != 'j') {
            return TOOL_USAGE;
        }
        json = true;
    }
    if (argc - optind != 1) {
        return tool_usage("status", argc == optind ? "the flash image is missing" : "one flash image at a time");
    }
    struct flash_file file;
    int status = flash_file_open(&file, argv[optind], json);
    if (status == TOOL_OK) {
        status = state_show(&file, json);
        flash_file_close(&file);
    }
    return status;
}
