/*
 * Source: where an image's bytes come from. A file on littlefs, or a raw flash region. Read only.
 *
 * A path is "/dir/file" (the map's file system), "label:/dir/file" (the file system in that region) or
 * "@label" / "@label:LENGTH" (the bytes of that region itself; LENGTH in decimal or 0x-hex, else all of it).
 */
#ifndef ONESLOT_SOURCE_H
#define ONESLOT_SOURCE_H

#include <stdalign.h>

#include "lfs.h"
#include "oneslot/flash.h"
#include "oneslot/layout.h"
#include "oneslot/map.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Bytes littlefs reads at once, for its metadata and for the file: a power of two. Larger is faster on the chip, and
/// costs RAM twice. 1024 holds the longest inline file of littlefs (1022 bytes), so that one is never read in parts.
#define ONESLOT_SOURCE_CACHE 1024u

struct oneslot_source;

/// Reads `length` bytes at `offset` of what a source shows through a view. Returns NONE or an error.
typedef enum oneslot_error oneslot_source_view(void *context, struct oneslot_source *source, uint32_t offset,
                                               void *buffer, uint32_t length);

/// An open source. Owned by the caller, a few KiB, must stay where it is (it points into itself); the fields below
/// `region` and `raw` are the module's own.
struct oneslot_source {
    uint32_t size;                   ///< bytes that can be read
    struct oneslot_partition region; ///< the flash region that it lies in (its file system or itself)
    bool raw;                        ///< a raw region: the image may be shorter than `size`
    /// Own.
    uint32_t stored;           ///< with a view: bytes that lie there
    oneslot_source_view *view; ///< what reads go through; NULL: none
    void *view_context;
    bool is_file; ///< a file on littlefs, to be closed
    const struct oneslot_flash *flash;
    uint32_t position;        ///< where the next sequential read of the file starts
    uint32_t budget;          ///< bytes that littlefs may still read in this call: no damage makes it loop for ever
    enum oneslot_error error; ///< the first failure below littlefs; it stays until the source is opened again
    lfs_t lfs;
    lfs_file_t file;
    struct lfs_config lfs_config;
    struct lfs_file_config file_config;
    alignas(4) uint8_t read_buffer[ONESLOT_SOURCE_CACHE];
    alignas(4) uint8_t file_buffer[ONESLOT_SOURCE_CACHE];
    alignas(4) uint8_t lookahead_buffer[8];
};

/// Opens `path` (zero-terminated, at the most ONESLOT_PATH_MAX bytes). After a failure there is nothing to close.
/// littlefs disk versions 2.0 and 2.1, any block size that the superblock names; the file system may be smaller than
/// its region.
/// Returns NONE, PATH_INVALID, FS_MISSING (no littlefs there), FS_VERSION (another version, or limits beyond those of
/// this build), FS_CORRUPT (a littlefs that cannot be read), FILE_MISSING, FILE_NOT_FILE, FILE_EMPTY or a flash error.
enum oneslot_error oneslot_source_open(struct oneslot_source *source, const struct oneslot_flash *flash,
                                       const struct oneslot_map *map, const char *path);

/// Reads `length` bytes at `offset`, all or an error. Any order; rising offsets are fast.
/// Returns NONE, FILE_READ (past the end, or littlefs cannot go on), FS_CORRUPT or a flash error. A flash error stays:
/// what littlefs holds in its cache is of no use after it, so every later read fails too until the source is opened
/// again.
enum oneslot_error oneslot_source_read(struct oneslot_source *source, uint32_t offset, void *buffer, uint32_t length);

/// From now on the source has `size` bytes, which `view` makes of the stored ones; the rest stays as it was.
void oneslot_source_set_view(struct oneslot_source *source, uint32_t size, oneslot_source_view *view, void *context);

/// As oneslot_source_read, of the stored bytes, whatever the view.
enum oneslot_error oneslot_source_read_stored(struct oneslot_source *source, uint32_t offset, void *buffer,
                                              uint32_t length);

/// Closes it. Nothing is written.
void oneslot_source_close(struct oneslot_source *source);

#ifdef __cplusplus
}
#endif

#endif
