/*
 * oneslot request, oneslot cancel: what the application does on its device, in a flash image.
 */
#include <stdlib.h>
#include <string.h>

#include "host/device_path.h"
#include "host/esp32.h"
#include "host/file_system.h"
#include "host/fit.h"
#include "host/foreign.h"
#include "host/size.h"
#include "host/state.h"
#include "host/tool.h"

static const char REQUEST_HELP[] =
    "oneslot request: ask for an upgrade in a flash image, as the application would on its device\n"
    "\n"
    "usage: oneslot request FLASH.bin PATH [--sha256 HEX] [--trial N [--fallback PATH]] [--force] [--json]\n"
    "\n"
    "PATH is a file on the image's file system ('oneslot fs put' writes one there), or '@region'.\n"
    "\n"
    "      --sha256 HEX      the file must have this SHA-256\n"
    "      --trial N         the new firmware must confirm itself within N boots (1 to 32)\n"
    "      --fallback PATH   the file to put back when it does not\n"
    "      --force           ask for it even where the firmware would write over a part of Oneslot, or does not fit "
    "for\n"
    "                        another reason; the reasons become warnings\n"
    "      --json            the result as JSON\n"
    "\n"
    "examples:\n"
    "  oneslot request flash.bin /fw.bin\n"
    "  oneslot request flash.bin /new.bin --trial 3 --fallback /old.bin\n";

static const char CANCEL_HELP[] = "oneslot cancel: take back a request that was not yet started\n"
                                  "\n"
                                  "usage: oneslot cancel FLASH.bin [--json]\n"
                                  "\n"
                                  "example:\n"
                                  "  oneslot cancel flash.bin\n";

struct request {
    const char *path;
    struct oneslot_options options;
    uint8_t sha256[32];
    char given[2][ONESLOT_PATH_MAX + 2]; ///< path and fallback with the slash that they lacked
    bool force;
    bool json;
};

/// What a path names in the flash image.
enum named { NAMED_NOTHING, NAMED_FILE, NAMED_DIRECTORY, NAMED_NO_LITTLEFS };

static enum named look_at(const struct flash_file *file, const struct device_path *place) {
    struct file_system fs;
    struct lfs_info info;
    uint8_t *region = file->bytes + place->region->address;
    if (file_system_mount(&fs, region, place->region->size) != ONESLOT_ERROR_NONE) {
        return NAMED_NO_LITTLEFS;
    }
    enum named named = lfs_stat(&fs.lfs, place->file, &info) != 0 ? NAMED_NOTHING
                       : info.type == LFS_TYPE_DIR                ? NAMED_DIRECTORY
                                                                  : NAMED_FILE;
    uint8_t *bytes;
    uint32_t length;
    if (named == NAMED_FILE && file_system_get(&fs, place->file, &bytes, &length) == 0) {
        foreign_warn(place->file, bytes, length);
        free(bytes);
    }
    file_system_unmount(&fs);
    return named;
}

/// "fw.bin" for "/fw.bin": what is there is taken, and said; for what is not there the right path is told.
static int take_slash(const struct request *request, const struct flash_file *file, const char **path, char *text,
                      enum named named) {
    snprintf(text, ONESLOT_PATH_MAX + 2, "/%s", *path);
    if (named == NAMED_NOTHING) {
        return tool_fail(request->json, ONESLOT_ERROR_PATH_INVALID,
                         "'%s' is no path on the device, where every path begins with '/', and there is no '%s' on its "
                         "file system: 'oneslot fs put %s %s %s' puts it there",
                         *path, text, file->path, *path, text);
    }
    if (strlen(text) > ONESLOT_PATH_MAX) {
        return tool_usage("request", "the path must have 1 to %u bytes", ONESLOT_PATH_MAX);
    }
    tool_warn("'%s' is taken for '%s'", *path, text);
    *path = text;
    return TOOL_OK;
}

/// What can never be a file is refused. A request for a file that is not there is lawful (it may come later), and most
/// often a slip.
static int settle_path(const struct request *request, const struct flash_file *file, const char **path, char *text) {
    char reason[DEVICE_PATH_REASON];
    struct device_path place;
    if (*path == NULL) {
        return TOOL_OK;
    }
    if (!device_path_find(&place, &file->map, *path, reason)) {
        return tool_fail(request->json, ONESLOT_ERROR_PATH_INVALID, "%s", reason);
    }
    enum named named = place.file != NULL ? look_at(file, &place) : NAMED_FILE;
    if (named == NAMED_DIRECTORY) {
        return tool_fail(request->json, ONESLOT_ERROR_PATH_INVALID, "%s is a directory on the file system", *path);
    }
    if (device_path_lacks_slash(*path)) {
        return take_slash(request, file, path, text, named);
    }
    if (named == NAMED_NO_LITTLEFS) {
        tool_warn("no littlefs was found in the flash image, so the request for %s will fail", *path);
    } else if (named == NAMED_NOTHING) {
        tool_warn("there is no %s on the file system yet", *path);
    }
    return TOOL_OK;
}

/// Whether the firmware that is asked for fits this device, as far as it is there.
static int check_fit(const struct request *request, const struct flash_file *file) {
    char reason[DEVICE_PATH_REASON];
    struct device_path place;
    struct file_system fs;
    struct fit fit;
    uint8_t *bytes = NULL;
    uint32_t length = 0;
    if (request->path == NULL || !device_path_find(&place, &file->map, request->path, reason)) {
        return TOOL_OK;
    }
    uint8_t *region = file->bytes + place.region->address;
    if (place.file == NULL) {
        const char *given = strchr(request->path, ':');
        if (given == NULL || !size_parse(given + 1, &length) || length > place.region->size) {
            length = place.region->size;
        }
        fit_file(&fit, file, region, length);
    } else if (file_system_mount(&fs, region, place.region->size) == ONESLOT_ERROR_NONE) {
        fit.count = 0;
        if (file_system_get(&fs, place.file, &bytes, &length) == 0) {
            fit_file(&fit, file, bytes, length);
        }
        file_system_unmount(&fs);
    } else {
        return TOOL_OK;
    }
    free(bytes);
    return fit_say(&fit, request->path, request->force, request->json);
}

/// A trial on the ESP32 family is ended by the vendor's boot loader, where that can.
static int check_trial(const struct request *request, const struct flash_file *file) {
    struct esp32_flash flash;
    if (request->options.trial_boots == 0 || !esp32_file(file->bytes, file->size) ||
        esp32_flash_read(&flash, file->bytes, file->size) != ONESLOT_ERROR_NONE) {
        return TOOL_OK;
    }
    bool ends = flash.bootloader_error != ONESLOT_ERROR_NONE || esp32_flash_rollback(&flash) != ESP32_ABILITY_NO;
    esp32_flash_free(&flash);
    if (ends) {
        return TOOL_OK;
    }
    static const char WHY[] = "the boot loader in %s was built without rollback: a trial would never end. Request it "
                              "without --trial, or make the device with a boot loader that has "
                              "CONFIG_BOOTLOADER_APP_ROLLBACK_ENABLE ('oneslot image --bootloader')";
    if (request->force) {
        tool_warn(WHY, file->path);
        return TOOL_OK;
    }
    return tool_fail(request->json, ONESLOT_ERROR_NO_ROLLBACK, WHY, file->path);
}

/// Opens the flash image, lets `change` at it, writes it back and shows how things stand.
static int change_flash(const char *path, struct request *request,
                        enum oneslot_error (*change)(struct oneslot *oneslot, const struct request *request)) {
    struct flash_file file;
    struct oneslot oneslot;
    int status = flash_file_open(&file, path, request->json);
    if (status != TOOL_OK) {
        return status;
    }
    status = settle_path(request, &file, &request->path, request->given[0]);
    if (status == TOOL_OK) {
        status = settle_path(request, &file, &request->options.fallback, request->given[1]);
    }
    if (status == TOOL_OK) {
        status = check_fit(request, &file);
    }
    if (status == TOOL_OK) {
        status = check_trial(request, &file);
    }
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    if (status == TOOL_OK) {
        error = flash_file_open_oneslot(&file, &oneslot);
    }
    if (status == TOOL_OK && error == ONESLOT_ERROR_NONE) {
        error = change(&oneslot, request);
    }
    if (status != TOOL_OK) {
        // It was told why.
    } else if (error != ONESLOT_ERROR_NONE) {
        status = tool_fail(request->json, error, "%s: %s", path, oneslot_error_text(error));
    } else {
        status = flash_file_save(&file, request->json);
    }
    if (status == TOOL_OK) {
        status = state_show(&file, request->json);
    }
    flash_file_close(&file);
    return status;
}

static enum oneslot_error do_request(struct oneslot *oneslot, const struct request *request) {
    return oneslot_request(oneslot, request->path, &request->options);
}

static enum oneslot_error do_cancel(struct oneslot *oneslot, const struct request *request) {
    (void)request;
    return oneslot_cancel(oneslot);
}

static int take_option(struct request *request, int option, char *value) {
    switch (option) {
    case 's':
        if (!hex_parse(value, request->sha256, sizeof request->sha256)) {
            return tool_usage("request", "--sha256 takes 64 hex digits");
        }
        request->options.sha256 = request->sha256;
        return TOOL_OK;
    case 't':
        if (!size_parse(value, &request->options.trial_boots) || request->options.trial_boots == 0 ||
            request->options.trial_boots > ONESLOT_TRIAL_MAX) {
            return tool_usage("request", "--trial takes a number from 1 to %u, not '%s'", ONESLOT_TRIAL_MAX, value);
        }
        return TOOL_OK;
    case 'f':
        request->options.fallback = value;
        return TOOL_OK;
    case 'F':
        request->force = true;
        return TOOL_OK;
    case 'j':
        request->json = true;
        return TOOL_OK;
    default:
        return TOOL_USAGE;
    }
}

static int check_path(const char *what, const char *path) {
    if (path != NULL && (path[0] == 0 || strlen(path) > ONESLOT_PATH_MAX)) {
        return tool_usage("request", "the %s must have 1 to %u bytes", what, ONESLOT_PATH_MAX);
    }
    return TOOL_OK;
}

int cmd_request(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"sha256", required_argument, NULL, 's'},
        {"trial", required_argument, NULL, 't'},
        {"fallback", required_argument, NULL, 'f'},
        {"force", no_argument, NULL, 'F'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct request request = {0};
    for (int option; (option = tool_option(argc, argv, ":h", OPTIONS)) != -1;) {
        if (option == 'h') {
            return tool_help(REQUEST_HELP);
        }
        int status = take_option(&request, option, optarg);
        if (status != TOOL_OK) {
            return status;
        }
    }
    if (argc - optind != 2) {
        return tool_usage("request", argc - optind < 2 ? "a flash image and a path are needed" : "one path at a time");
    }
    request.path = argv[optind + 1];
    if (request.options.fallback != NULL && request.options.trial_boots == 0) {
        return tool_usage("request", "--fallback goes with --trial");
    }
    int status = check_path("path", request.path);
    status = status != TOOL_OK ? status : check_path("fallback", request.options.fallback);
    return status != TOOL_OK ? status : change_flash(argv[optind], &request, do_request);
}

int cmd_cancel(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct request request = {0};
    for (int option; (option = tool_option(argc, argv, ":h", OPTIONS)) != -1;) {
        if (option == 'h') {
            return tool_help(CANCEL_HELP);
        }
        if (option != 'j') {
            return TOOL_USAGE;
        }
        request.json = true;
    }
    if (argc - optind != 1) {
        return tool_usage("cancel", argc == optind ? "the flash image is missing" : "one flash image at a time");
    }
    return change_flash(argv[optind], &request, do_cancel);
}
