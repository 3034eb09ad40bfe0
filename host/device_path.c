#include "host/device_path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "host/file_system.h"
#include "host/size.h"

static bool wrong(char reason[DEVICE_PATH_REASON], const char *format, ...) __attribute__((format(printf, 2, 3)));

static bool wrong(char reason[DEVICE_PATH_REASON], const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, DEVICE_PATH_REASON, format, arguments);
    va_end(arguments);
    return false;
}

static bool find_region(struct device_path *found, const struct oneslot_map *map, const char *path, const char *label,
                        size_t length, char reason[DEVICE_PATH_REASON]) {
    char text[sizeof map->partition[0].label] = "";
    if (length > 0 && length < sizeof text) {
        memcpy(text, label, length);
        found->region = oneslot_map_find(map, text);
    }
    return found->region != NULL || wrong(reason, "'%s': the flash map has no region '%.*s'", path, (int)length, label);
}

static bool find_raw(struct device_path *found, const struct oneslot_map *map, const char *path,
                     char reason[DEVICE_PATH_REASON]) {
    size_t length = strcspn(path + 1, ":");
    const char *behind = path + 1 + length;
    uint64_t number;
    if (!find_region(found, map, path, path + 1, length, reason)) {
        return false;
    }
    if (behind[0] == ':' && (!number_parse(behind + 1, found->region->size, &number) || number == 0)) {
        return wrong(reason, "'%s': '%s' is no length in the region, which has %u bytes", path, behind + 1,
                     found->region->size);
    }
    return true;
}

/// A file's name: some names, a slash between two of them.
static bool check_file(const char *path, const char *file, char reason[DEVICE_PATH_REASON]) {
    if (file[strspn(file, "/")] == 0) {
        return wrong(reason, "'%s' names no file", path);
    }
    if (file[strlen(file) - 1] == '/') {
        return wrong(reason, "'%s' is a directory's name: no file ever lies there", path);
    }
    for (const char *at = file; *at != 0;) {
        at += strspn(at, "/");
        size_t length = strcspn(at, "/");
        if (length > LFS_NAME_MAX) {
            return wrong(reason, "'%.40s...' has a name of %zu bytes, and littlefs allows %d", path, length,
                         LFS_NAME_MAX);
        }
        at += length;
    }
    return true;
}

bool device_path_find(struct device_path *found, const struct oneslot_map *map, const char *path,
                      char reason[DEVICE_PATH_REASON]) {
    *found = (struct device_path){.region = NULL};
    if (path[0] == '@') {
        return find_raw(found, map, path, reason);
    }
    size_t label = strcspn(path, ":/");
    found->file = path;
    if (path[label] == ':') {
        found->file = path + label + 1;
        if (!find_region(found, map, path, path, label, reason)) {
            return false;
        }
    } else {
        found->region = oneslot_map_file_system(map);
        if (found->region == NULL) {
            return wrong(reason, "'%s': the flash map has no file system", path);
        }
    }
    return check_file(path, found->file, reason);
}

bool device_path_lacks_slash(const char *path) {
    return path[0] != '/' && path[0] != '@' && path[strcspn(path, ":/")] != ':';
}
