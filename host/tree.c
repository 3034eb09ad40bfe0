#include "host/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "host/file.h"
#include "host/tool.h"

#define PATH_ROOM 4096

static int copy_file(struct file_system *fs, const char *from, const char *to, bool json) {
    uint8_t *bytes;
    size_t length;
    if (!file_read(from, fs->size, &bytes, &length)) {
        return errno == EFBIG
                   ? tool_fail(json, ONESLOT_ERROR_NONE, "%s is larger than the file system (%u bytes)", from, fs->size)
                   : tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", from, strerror(errno));
    }
    int error = file_system_put(fs, to, bytes, (uint32_t)length);
    free(bytes);
    if (error == LFS_ERR_NOSPC) {
        return tool_fail(json, ONESLOT_ERROR_NONE,
                         "%s (%zu bytes) does not fit: the file system has %u bytes, %u are free", from, length,
                         fs->size, file_system_free(fs));
    }
    return error == 0 ? TOOL_OK : tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", to, file_system_text(error));
}

static int copy_level(struct file_system *fs, const char *directory, const char *path, unsigned depth, uint32_t *files,
                      bool json);

static int copy_entry(struct file_system *fs, const char *from, const char *to, unsigned depth, uint32_t *files,
                      bool json) {
    struct stat status;
    if (stat(from, &status) != 0) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", from, strerror(errno));
    }
    if (S_ISDIR(status.st_mode)) {
        int error = file_system_make_directories(fs, to);
        if (error != 0) {
            return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", to, file_system_text(error));
        }
        return copy_level(fs, from, to, depth + 1, files, json);
    }
    if (!S_ISREG(status.st_mode)) {
        tool_warn("%s is neither a file nor a directory: passed over", from);
        return TOOL_OK;
    }
    ++*files;
    return copy_file(fs, from, to, json);
}

static int copy_level(struct file_system *fs, const char *directory, const char *path, unsigned depth, uint32_t *files,
                      bool json) {
    if (depth > FILE_SYSTEM_DEPTH) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: more than %u directories deep", directory, FILE_SYSTEM_DEPTH);
    }
    struct dirent **entries;
    int count = scandir(directory, &entries, NULL, alphasort);
    if (count < 0) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", directory, strerror(errno));
    }
    int status = TOOL_OK;
    for (int index = 0; index < count; index++) {
        const char *name = entries[index]->d_name;
        if (status == TOOL_OK && strcmp(name, ".") != 0 && strcmp(name, "..") != 0) {
            char from[PATH_ROOM];
            char to[PATH_ROOM];
            int from_length = snprintf(from, sizeof from, "%s/%s", directory, name);
            int to_length = snprintf(to, sizeof to, "%s%s%s", path, path[strlen(path) - 1] == '/' ? "" : "/", name);
            status = from_length >= PATH_ROOM || to_length >= PATH_ROOM
                         ? tool_fail(json, ONESLOT_ERROR_NONE, "%s: the path is too long", directory)
                         : copy_entry(fs, from, to, depth, files, json);
        }
        free(entries[index]);
    }
    free(entries);
    return status;
}

int tree_copy(struct file_system *fs, const char *directory, const char *path, uint32_t *files, bool json) {
    return copy_level(fs, directory, path, 0, files, json);
}
