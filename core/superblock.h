/*
 * Superblock: whether a region holds a littlefs, of which version and with which geometry, before it is mounted.
 *
 * littlefs wants to be told the block size. It lies in the superblock, in both blocks of the first metadata pair.
 * Source: littlefs, SPEC.md, "Metadata blocks" and "0x0ff LFS_TYPE_SUPERBLOCK".
 */
#ifndef ONESLOT_SUPERBLOCK_H
#define ONESLOT_SUPERBLOCK_H

#include "oneslot/flash.h"
#include "oneslot/map.h"

/// The part of a superblock that matters before mounting.
struct oneslot_superblock {
    uint32_t revision;    ///< of the block that it was read from
    uint32_t version;     ///< disk version, major in the high half
    uint32_t block_size;  ///< bytes, a multiple of 512
    uint32_t block_count; ///< at least 2, all in the region
};

/// Finds the newest committed superblock of the file system in `region`.
/// Returns NONE, FS_MISSING (littlefs' name is nowhere where it should be), FS_VERSION (neither 2.0 nor 2.1),
/// FS_CORRUPT (the name is there, but no whole superblock, or one that does not fit the region) or a flash error.
enum oneslot_error oneslot_superblock_find(const struct oneslot_flash *flash, const struct oneslot_partition *region,
                                           struct oneslot_superblock *superblock);

#endif
