/*
 * The littlefs in a flash file: made, mounted, changed. Full littlefs, bounded by its region.
 */
#ifndef ONESLOT_HOST_FILE_SYSTEM_H
#define ONESLOT_HOST_FILE_SYSTEM_H

#include <stdbool.h>
#include <stdint.h>

#include "lfs.h"
#include "oneslot/error.h"

/// Deepest directory that is walked; a damaged file system may hold a loop.
#define FILE_SYSTEM_DEPTH 32u

struct file_system {
    lfs_t lfs;
    struct lfs_config config;
    uint8_t *region; ///< the caller's
    uint32_t size;
    uint32_t version; ///< on disk, major in the high half
    uint32_t pending; ///< entries yet to be walked before the file system counts as damaged
};

/// How a new file system is made, so that the firmware that will use it can mount it.
struct file_system_kind {
    uint32_t block_size;
    uint32_t program_size;
    uint32_t name_max; ///< 0 = littlefs' own
};

/// MicroPython's (ports/esp8266/modules/_boot.py: extmod/vfs_lfsx.c with its defaults) and Arduino's
/// (libraries/LittleFS).
extern const struct file_system_kind file_system_micropython;
extern const struct file_system_kind file_system_arduino;

/// Makes an empty one, of disk version 2.0, in `size` bytes of `region`, and mounts it. Returns a littlefs error.
int file_system_format(struct file_system *fs, const struct file_system_kind *kind, uint8_t *region, uint32_t size);

/// Makes an empty one that whoever reads `model` (mounted) can read too: with its block size, disk version and limits.
/// Files of at most `inline_max` bytes will lie inside their directory. Mounts it; returns a littlefs error.
int file_system_format_like(struct file_system *fs, const struct file_system *model, uint32_t inline_max,
                            uint8_t *region, uint32_t size);

/// Finds and mounts one. Returns NONE, FS_MISSING, FS_VERSION or FS_CORRUPT.
enum oneslot_error file_system_mount(struct file_system *fs, uint8_t *region, uint32_t size);

void file_system_unmount(struct file_system *fs);

/// Called for each entry in the order of the directory, a directory before what it holds. Anything but 0 ends the walk.
typedef int file_system_visit(void *context, const char *path, const struct lfs_info *info);

/// Walks everything below `path` (or `path` itself, if it is a file). Returns 0, a littlefs error, or what `visit`
/// gave.
int file_system_walk(struct file_system *fs, const char *path, file_system_visit *visit, void *context);

/// Writes a file whole, making the directories above it; an old one of that name is replaced. Returns a littlefs error.
int file_system_put(struct file_system *fs, const char *path, const uint8_t *bytes, uint32_t length);

/// Reads a file whole into memory that the caller frees. Returns a littlefs error.
int file_system_get(struct file_system *fs, const char *path, uint8_t **bytes, uint32_t *length);

/// Makes a directory and those above it. Returns a littlefs error; one that is there already is none.
int file_system_make_directories(struct file_system *fs, const char *path);

/// Bytes that are free, roughly: littlefs counts blocks.
uint32_t file_system_free(struct file_system *fs);

/// A littlefs error in words.
const char *file_system_text(int error);

#endif
