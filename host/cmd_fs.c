/*
 * oneslot fs: the files in a flash image.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/file.h"
#include "host/file_system.h"
#include "host/fit.h"
#include "host/flash_file.h"
#include "host/foreign.h"
#include "host/json.h"
#include "host/map/files.h"
#include "host/tool.h"
#include "host/tree.h"

static const char HELP[] =
    "oneslot fs: the files on the littlefs of a flash image\n"
    "\n"
    "usage: oneslot fs ls FLASH.bin [PATH]            list everything below PATH, with sizes\n"
    "       oneslot fs cat FLASH.bin PATH             write a file to standard output\n"
    "       oneslot fs put FLASH.bin LOCAL [PATH]     copy a file or a directory there; directories are made\n"
    "       oneslot fs rm FLASH.bin PATH [-r]         remove a file or an empty directory; -r: and all below\n"
    "       oneslot fs mkdir FLASH.bin PATH           make a directory and those above it\n"
    "       oneslot fs format FLASH.bin               make an empty file system; what was there is gone\n"
    "\n"
    "      --json   the result as JSON (cat: 'text' or 'hex')\n"
    "\n"
    "The flash image is replaced in one step, so that a failure leaves the old one.\n"
    "\n"
    "examples:\n"
    "  oneslot fs put flash.bin ESP8266_GENERIC-v1.24.0.bin /fw.bin\n"
    "  oneslot fs ls flash.bin\n"
    "  oneslot fs cat flash.bin /main.py\n";

/// What a subcommand works on.
struct work {
    struct flash_file flash;
    struct file_system fs;
    const char **argument; ///< behind FLASH.bin
    int count;
    bool json;
    bool recursive;
};

static int fail_littlefs(const struct work *work, const char *path, int error) {
    enum oneslot_error name = error == LFS_ERR_NOENT     ? ONESLOT_ERROR_FILE_MISSING
                              : error == LFS_ERR_CORRUPT ? ONESLOT_ERROR_FS_CORRUPT
                                                         : ONESLOT_ERROR_NONE;
    return tool_fail(work->json, name, "%s: %s", path, file_system_text(error));
}

/// A path as littlefs wants it: from the root.
static const char *absolute(const char *path, char *text, size_t room) {
    snprintf(text, room, "%s%s", path[0] == '/' ? "" : "/", path);
    return text;
}

static void begin_result(struct json *json) {
    tool_json_begin(json, stdout, NULL, NULL);
}

static int finish(const struct work *work, const char *path) {
    int status = flash_file_save(&work->flash, work->json);
    if (status == TOOL_OK && work->json) {
        struct json json;
        begin_result(&json);
        json_string(&json, "path", path);
        tool_json_end(&json);
    }
    return status;
}

struct listing {
    struct json json;
    bool as_json;
    uint32_t files;
    uint64_t bytes;
};

static void print_name(const char *path) {
    for (const char *at = path; *at != 0; at++) {
        putchar((unsigned char)*at < 0x20 || *at == 0x7f ? '?' : *at);
    }
}

static int list_entry(void *context, const char *path, const struct lfs_info *info) {
    struct listing *listing = context;
    bool directory = info->type == LFS_TYPE_DIR;
    listing->files += !directory;
    listing->bytes += directory ? 0 : info->size;
    if (listing->as_json) {
        json_object(&listing->json, NULL);
        json_string(&listing->json, "path", path);
        json_string(&listing->json, "type", directory ? "directory" : "file");
        json_number(&listing->json, "size", directory ? 0 : info->size);
        json_object_end(&listing->json);
    } else {
        if (directory) {
            printf("%10s  ", "");
        } else {
            printf("%10u  ", info->size);
        }
        print_name(path);
        puts(directory ? "/" : "");
    }
    return 0;
}

static int pass_over(void *context, const char *path, const struct lfs_info *info) {
    (void)context;
    (void)path;
    (void)info;
    return 0;
}

static int run_ls(struct work *work) {
    char text[1100];
    const char *path = absolute(work->count > 0 ? work->argument[0] : "/", text, sizeof text);
    struct listing listing = {.as_json = work->json};
    struct lfs_info info;
    int error = lfs_stat(&work->fs.lfs, path, &info);
    if (error != 0) {
        return fail_littlefs(work, path, error);
    }
    if (work->json) {
        // Whether all is well stands in front of what is found: the walk is made twice.
        char message[1300];
        error = file_system_walk(&work->fs, path, pass_over, NULL);
        snprintf(message, sizeof message, "%s: %s", path, file_system_text(error));
        tool_json_begin(&listing.json, stdout, error != 0 ? "FS_CORRUPT" : NULL, message);
        json_array(&listing.json, "entries");
    }
    error = file_system_walk(&work->fs, path, list_entry, &listing);
    uint32_t available = file_system_free(&work->fs);
    if (work->json) {
        json_array_end(&listing.json);
        json_number(&listing.json, "free", available);
        tool_json_end(&listing.json);
    } else if (error == 0) {
        printf("%u file%s, %llu bytes; %u bytes free\n", listing.files, listing.files == 1 ? "" : "s",
               (unsigned long long)listing.bytes, available);
    }
    return error == 0 ? TOOL_OK
                      : tool_fail(work->json, ONESLOT_ERROR_FS_CORRUPT, "%s: %s", path, file_system_text(error));
}

/// Whether bytes are text that does a terminal no harm.
static bool for_terminal(const uint8_t *bytes, uint32_t length) {
    for (uint32_t at = 0; at < length; at++) {
        bool control = bytes[at] < 0x20 && strchr("\t\n\r", bytes[at]) == NULL;
        if (bytes[at] == 0 || bytes[at] == 0x7f || control) {
            return false;
        }
    }
    return true;
}

static int run_cat(struct work *work) {
    char text[1100];
    const char *path = absolute(work->argument[0], text, sizeof text);
    uint8_t *bytes;
    uint32_t length;
    int error = file_system_get(&work->fs, path, &bytes, &length);
    if (error != 0) {
        return fail_littlefs(work, path, error);
    }
    if (work->json) {
        struct json json;
        begin_result(&json);
        json_string(&json, "path", path);
        json_number(&json, "size", length);
        bytes[length] = 0;
        bool plain = memchr(bytes, 0, length) == NULL;
        for (uint32_t index = 0; index < length && plain; index++) {
            plain = bytes[index] < 0x80;
        }
        if (plain) {
            json_string(&json, "text", (const char *)bytes);
        } else {
            json_hex(&json, "hex", bytes, length);
        }
        tool_json_end(&json);
        free(bytes);
        return TOOL_OK;
    }
    int status = TOOL_OK;
    if (isatty(STDOUT_FILENO) && !for_terminal(bytes, length)) {
        status =
            tool_usage("fs", "%s is nothing for a terminal: send it into a file or a pipe, or ask for --json", path);
    } else {
        fwrite(bytes, 1, length, stdout);
    }
    free(bytes);
    return status;
}

static int put_directory(struct work *work, const char *local, const char *path) {
    uint32_t files = 0;
    int error = strcmp(path, "/") == 0 ? 0 : file_system_make_directories(&work->fs, path);
    if (error != 0) {
        return fail_littlefs(work, path, error);
    }
    int status = tree_copy(&work->fs, local, path, &files, work->json);
    return status == TOOL_OK ? finish(work, path) : status;
}

static int put_file(struct work *work, const char *local, const char *path, const uint8_t *bytes, size_t length) {
    char inside[1200];
    const char *slash = strrchr(local, '/');
    const char *name = slash != NULL ? slash + 1 : local;
    struct lfs_info info;
    size_t end = strlen(path);
    bool directory = path[end - 1] == '/' || (lfs_stat(&work->fs.lfs, path, &info) == 0 && info.type == LFS_TYPE_DIR);
    if (directory) {
        snprintf(inside, sizeof inside, "%s%s%s", path, path[end - 1] == '/' ? "" : "/", name);
        path = inside;
    }
    int error = length > work->fs.size ? LFS_ERR_NOSPC : file_system_put(&work->fs, path, bytes, (uint32_t)length);
    if (error == LFS_ERR_NOSPC) {
        return tool_fail(work->json, ONESLOT_ERROR_NONE,
                         "%s: the file system is full: the file has %zu bytes, the file system %u", path, length,
                         work->fs.size);
    }
    if (error != 0) {
        return fail_littlefs(work, path, error);
    }
    foreign_warn(path, bytes, (uint32_t)length);
    return finish(work, path);
}

static int run_put(struct work *work) {
    char text[1100];
    const char *local = work->argument[0];
    const char *path = absolute(work->count > 1 ? work->argument[1] : "/", text, sizeof text);
    uint8_t *bytes;
    size_t length;
    if (!file_read(local, FLASH_FILE_MAX, &bytes, &length)) {
        return errno == EISDIR ? put_directory(work, local, path)
                               : tool_fail(work->json, ONESLOT_ERROR_NONE, "%s: %s", local, strerror(errno));
    }
    struct fit fit;
    fit_file(&fit, &work->flash, bytes, (uint32_t)length);
    fit_say(&fit, local, true, work->json);
    int status = put_file(work, local, path, bytes, length);
    free(bytes);
    return status;
}

/// One entry below a directory: removed from the bottom up.
static int deepest_entry(void *context, const char *path, const struct lfs_info *info) {
    (void)info;
    char *text = context;
    snprintf(text, 1100, "%s", path);
    return 0;
}

static int remove_below(struct work *work, const char *path) {
    for (;;) {
        // The last entry of a walk has nothing below it.
        char last[1100] = "";
        int error = file_system_walk(&work->fs, path, deepest_entry, last);
        if (error != 0 || last[0] == 0) {
            return error;
        }
        error = lfs_remove(&work->fs.lfs, last);
        if (error != 0 || strcmp(last, path) == 0) {
            return error;
        }
    }
}

static int run_rm(struct work *work) {
    char text[1100];
    const char *path = absolute(work->argument[0], text, sizeof text);
    struct lfs_info info;
    int error = lfs_stat(&work->fs.lfs, path, &info);
    if (error == 0 && work->recursive && info.type == LFS_TYPE_DIR) {
        error = remove_below(work, path);
    }
    bool root = strspn(path, "/") == strlen(path);
    if (error == 0 && !(root && work->recursive)) {
        error = lfs_remove(&work->fs.lfs, path);
    }
    return error != 0 ? fail_littlefs(work, path, error) : finish(work, path);
}

static int run_mkdir(struct work *work) {
    char text[1100];
    const char *path = absolute(work->argument[0], text, sizeof text);
    int error = file_system_make_directories(&work->fs, path);
    return error != 0 ? fail_littlefs(work, path, error) : finish(work, path);
}

/// The kind of file system that the firmware mounts: only Arduino's maps have an EEPROM sector.
static const struct file_system_kind *wanted_kind(const struct flash_file *flash) {
    bool arduino = oneslot_map_find(&flash->map, "eeprom") != NULL;
    return arduino ? &file_system_arduino : &file_system_micropython;
}

static int run_format(struct work *work) {
    const struct oneslot_partition *region = oneslot_map_file_system(&work->flash.map);
    int error =
        file_system_format(&work->fs, wanted_kind(&work->flash), work->flash.bytes + region->address, region->size);
    if (error != 0) {
        return fail_littlefs(work, region->label, error);
    }
    file_system_unmount(&work->fs);
    return finish(work, "/");
}

/// Why there are no files to be seen, and what helps.
static int fail_mount(const struct work *work, const char *path, const struct oneslot_partition *region,
                      enum oneslot_error error) {
    uint32_t extent;
    enum files files = files_in(work->flash.bytes, work->flash.size, region, &extent);
    if (files == FILES_FAT || region->subtype == ONESLOT_SUBTYPE_DATA_SPIFFS) {
        return tool_fail(work->json, error, "%s: its files are on %s (from 0x%x on), and littlefs alone is read here",
                         path, files == FILES_FAT ? "a FAT" : "a SPIFFS", region->address);
    }
    return tool_fail(
        work->json, error, "%s: %s%s", path, oneslot_error_text(error),
        error == ONESLOT_ERROR_FS_MISSING && !work->flash.stock ? "; 'oneslot fs format' makes an empty one" : "");
}

static const struct {
    const char *name;
    int (*run)(struct work *work);
    int least; ///< arguments behind FLASH.bin
    int most;
} VERBS[] = {
    {"ls", run_ls, 0, 1}, {"cat", run_cat, 1, 1},     {"put", run_put, 1, 2},
    {"rm", run_rm, 1, 1}, {"mkdir", run_mkdir, 1, 1}, {"format", run_format, 0, 0},
};

static int run_verb(struct work *work, size_t verb, const char *path) {
    int status = flash_file_open_any(&work->flash, path, work->json);
    if (status != TOOL_OK) {
        return status;
    }
    const struct oneslot_partition *region = oneslot_map_file_system(&work->flash.map);
    if (region == NULL) {
        status = tool_fail(work->json, ONESLOT_ERROR_FS_MISSING, "%s: its flash map has no file system", path);
    } else if (VERBS[verb].run == run_format) {
        status = work->flash.stock
                     ? tool_fail(work->json, ONESLOT_ERROR_NO_LAYOUT,
                                 "%s is a flash without Oneslot: its own firmware makes its file system", path)
                     : run_format(work);
    } else {
        enum oneslot_error error = file_system_mount(&work->fs, work->flash.bytes + region->address, region->size);
        if (error == ONESLOT_ERROR_NONE) {
            status = VERBS[verb].run(work);
            file_system_unmount(&work->fs);
        } else {
            status = fail_mount(work, path, region, error);
        }
    }
    flash_file_close(&work->flash);
    return status;
}

int cmd_fs(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"json", no_argument, NULL, 'j'},
        {"recursive", no_argument, NULL, 'r'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct work work = {0};
    for (int option; (option = tool_option(argc, argv, ":rh", OPTIONS)) != -1;) {
        switch (option) {
        case 'j':
            work.json = true;
            break;
        case 'r':
            work.recursive = true;
            break;
        case 'h':
            return tool_help(HELP);
        default:
            return TOOL_USAGE;
        }
    }
    int count = argc - optind;
    if (count == 0) {
        return tool_usage("fs", "what is to be done? ls, cat, put, rm, mkdir or format");
    }
    for (size_t verb = 0; verb < sizeof VERBS / sizeof VERBS[0]; verb++) {
        if (strcmp(argv[optind], VERBS[verb].name) != 0) {
            continue;
        }
        if (count < 2 || count - 2 < VERBS[verb].least) {
            return tool_usage("fs", "fs %s: %s is missing", VERBS[verb].name,
                              count < 2 ? "the flash image" : "the path");
        }
        if (count - 2 > VERBS[verb].most) {
            return tool_usage("fs", "fs %s: '%s' is too many", VERBS[verb].name, argv[optind + 2 + VERBS[verb].most]);
        }
        work.argument = (const char **)&argv[optind + 2];
        work.count = count - 2;
        for (int index = 0; index < work.count; index++) {
            if (work.argument[index][0] == 0 || strlen(work.argument[index]) > 1000) {
                return tool_usage("fs", "a path must have 1 to 1000 bytes");
            }
        }
        return run_verb(&work, verb, argv[optind + 1]);
    }
    const char *nearest = tool_nearest(argv[optind], &VERBS[0].name, sizeof VERBS / sizeof VERBS[0], sizeof VERBS[0]);
    return nearest != NULL ? tool_usage("fs", "there is no 'fs %s'; did you mean '%s'?", argv[optind], nearest)
                           : tool_usage("fs", "there is no 'fs %s': ls, cat, put, rm, mkdir or format", argv[optind]);
}
