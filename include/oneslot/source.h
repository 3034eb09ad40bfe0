/*
 * Source: where an image's bytes come from. A file on littlefs, or a raw flash region. Read only.
 *
 * A path is "/dir/file" (the map's file system), "label:/dir/file" (the file system in that region) or
 * "@label" / "@label:LENGTH" (the bytes of that region itself; LENGTH in decimal or 0x-hex, else all of it).
 */
#ifndef ONESLOT_SOURCE_H
#define ONESLOT_SOURCE_H

#include "lfs.h"
#include "oneslot/flash.h"
#include "oneslot/layout.h"
#include "oneslot/map.h"

/// Bytes littlefs reads at once. Larger is faster on the chip, and costs RAM twice.
#define ONESLOT_SOURCE_CACHE 512u

/// An open source. Owned by the caller, a few KiB; the fields below `region` are the module's own.
struct oneslot_source {
    uint32_t size;                    ///< bytes that can be read
    struct oneslot_partition region;  ///< the flash region that it lies in (its file system or itself)
    bool raw;                         ///< a raw region: the image may be shorter than `size`
    /// Own.
    const struct oneslot_flash *flash;
    uint32_t position;                ///< where the next sequential read of the file starts
    lfs_t lfs;
    lfs_file_t file;
    struct lfs_config lfs_config;
    struct lfs_file_config file_config;
    _Alignas(4) uint8_t read_buffer[ONESLOT_SOURCE_CACHE];
    _Alignas(4) uint8_t prog_buffer[ONESLOT_SOURCE_CACHE];
    _Alignas(4) uint8_t file_buffer[ONESLOT_SOURCE_CACHE];
    _Alignas(4) uint8_t lookahead_buffer[8];
};

/// Opens `path` (zero-terminated). Returns NONE, PATH_INVALID, FS_MISSING, FS_VERSION, FS_CORRUPT, FILE_MISSING,
/// FILE_NOT_FILE, FILE_EMPTY or a flash error. After a failure there is nothing to close.
/// littlefs disk versions 2.0 and 2.1, any block size that the superblock names.
enum oneslot_error oneslot_source_open(struct oneslot_source *source, const struct oneslot_flash *flash,
                                       const struct oneslot_map *map, const char *path);

/// Reads `length` bytes at `offset`, all or an error. Any order; rising offsets are fast.
/// Returns NONE, FILE_READ (past the end, or littlefs cannot go on), FS_CORRUPT or a flash error.
enum oneslot_error oneslot_source_read(struct oneslot_source *source, uint32_t offset, void *buffer, uint32_t length);

/// Closes it. Nothing is written.
void oneslot_source_close(struct oneslot_source *source);

#endif
