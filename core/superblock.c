/* Superblock: finds littlefs' geometry by reading the commits of its first metadata pair. See superblock.h. */
#include "superblock.h"

#include <stddef.h>
#include <string.h>

#include "lfs_util.h"

#define BLOCK_SIZE_MIN    512u
#define BLOCK_SIZE_MAX    65536u
#define MAGIC             "littlefs"
#define MAGIC_SIZE        8u
#define MAGIC_OFFSET      8u  // the name is the first entry of the block
#define MAGIC_OFFSET_V1   40u // in littlefs 1, which we do not read
#define BLOCK_SIZE_OFFSET 24u
#define STRUCT_SIZE       24u // version, block size, block count, three limits
#define VERSION_MAJOR     2u
#define VERSION_MINOR_MAX 1u

#define TYPE_SUPERBLOCK    0x0ffu
#define TYPE_INLINE_STRUCT 0x201u
#define TYPE_CRC           0x500u
#define TYPE_CRC_MASK      0x780u
#define TAG_DELETED        0x3ffu

/// A walk over the entries of one metadata block.
struct walk {
    const struct oneslot_flash *flash;
    uint32_t address;    ///< of the block
    uint32_t block_size; ///< bound of the walk
    uint32_t offset;     ///< of the entry's tag
    uint32_t tag;        ///< of the entry
    uint32_t crc;        ///< over the commit so far
    bool named;          ///< the commit or one before it holds littlefs' name
    struct oneslot_superblock superblock;
};

static uint32_t tag_type(uint32_t tag) {
    return tag >> 20 & 0x7ff;
}

static uint32_t tag_id(uint32_t tag) {
    return tag >> 10 & 0x3ff;
}

/// Bytes of an entry behind its tag.
static uint32_t tag_size(uint32_t tag) {
    uint32_t size = tag & 0x3ff;
    return size == TAG_DELETED ? 0 : size;
}

static bool tag_is_crc(uint32_t tag) {
    return (tag_type(tag) & TYPE_CRC_MASK) == TYPE_CRC;
}

static enum oneslot_error walk_read(const struct walk *walk, uint32_t offset, void *buffer, uint32_t length) {
    return oneslot_flash_read(walk->flash, walk->address + offset, buffer, length);
}

/// Adds an entry's data to the CRC and keeps what it says of the file system.
static enum oneslot_error entry_read(struct walk *walk) {
    uint32_t words[STRUCT_SIZE / 4];
    uint32_t size = tag_size(walk->tag);
    for (uint32_t done = 0; done < size; done += sizeof words) {
        uint32_t length = lfs_min(size - done, sizeof words);
        enum oneslot_error error = walk_read(walk, walk->offset + 4 + done, words, length);
        if (error) {
            return error;
        }
        walk->crc = lfs_crc(walk->crc, words, length);
    }
    if (tag_id(walk->tag) != 0) {
        return ONESLOT_ERROR_NONE;
    }
    if (tag_type(walk->tag) == TYPE_SUPERBLOCK && size == MAGIC_SIZE) {
        walk->named = memcmp(words, MAGIC, MAGIC_SIZE) == 0;
    }
    if (tag_type(walk->tag) == TYPE_INLINE_STRUCT && size == STRUCT_SIZE) {
        walk->superblock.version = lfs_fromle32(words[0]);
        walk->superblock.block_size = lfs_fromle32(words[1]);
        walk->superblock.block_count = lfs_fromle32(words[2]);
    }
    return ONESLOT_ERROR_NONE;
}

/// Goes on to the next entry; false in `more` where the committed part of the block ends.
static enum oneslot_error entry_next(struct walk *walk, bool *more) {
    uint32_t stored;
    enum oneslot_error error;
    *more = false;
    if (walk->offset + 4 > walk->block_size) {
        return ONESLOT_ERROR_NONE;
    }
    error = walk_read(walk, walk->offset, &stored, sizeof stored);
    if (error) {
        return error;
    }
    walk->crc = lfs_crc(walk->crc, &stored, sizeof stored);
    walk->tag ^= lfs_frombe32(stored);
    *more = !(walk->tag & 0x80000000) && walk->offset + 4 + tag_size(walk->tag) <= walk->block_size;
    return ONESLOT_ERROR_NONE;
}

/// Reads the CRC that ends a commit; true in `good` if it is right.
static enum oneslot_error commit_end(struct walk *walk, bool *good) {
    uint32_t stored;
    enum oneslot_error error;
    *good = false;
    if (tag_size(walk->tag) < sizeof stored) {
        return ONESLOT_ERROR_NONE;
    }
    error = walk_read(walk, walk->offset + 4, &stored, sizeof stored);
    if (error) {
        return error;
    }
    *good = lfs_fromle32(stored) == walk->crc;
    walk->crc = 0xffffffff;
    walk->tag ^= (walk->tag >> 20 & 1) << 31; // the type's low bit says what the next tag is chained to
    return ONESLOT_ERROR_NONE;
}

/// Walks one block. `found` is the superblock as of its last whole commit; `valid` says whether there is one.
static enum oneslot_error block_walk(struct walk *walk, struct oneslot_superblock *found, bool *valid) {
    bool more;
    enum oneslot_error error = walk_read(walk, 0, &walk->superblock.revision, 4);
    *valid = false;
    if (error) {
        return error;
    }
    walk->offset = 4;
    walk->tag = 0xffffffff;
    walk->crc = lfs_crc(0xffffffff, &walk->superblock.revision, 4);
    walk->superblock.revision = lfs_fromle32(walk->superblock.revision);
    while (!(error = entry_next(walk, &more)) && more) {
        uint32_t size = tag_size(walk->tag);
        if (tag_is_crc(walk->tag)) {
            error = commit_end(walk, &more);
            if (error || !more) {
                return error;
            }
            *found = walk->superblock;
            *valid = walk->named;
        } else {
            error = entry_read(walk);
            if (error) {
                return error;
            }
        }
        walk->offset += 4 + size;
    }
    return error;
}

/// Looks for the superblock in both blocks of the first pair, taking blocks of `block_size`.
static enum oneslot_error pair_find(const struct oneslot_flash *flash, const struct oneslot_partition *region,
                                    uint32_t block_size, struct oneslot_superblock *superblock, bool *valid) {
    *valid = false;
    for (uint32_t block = 0; block < 2; block++) {
        struct walk walk = {.flash = flash, .address = region->address + block * block_size, .block_size = block_size};
        struct oneslot_superblock found;
        bool block_valid;
        enum oneslot_error error = block_walk(&walk, &found, &block_valid);
        if (error) {
            return error;
        }
        if (!block_valid || found.block_size != block_size) {
            continue;
        }
        if (!*valid || lfs_scmp(found.revision, superblock->revision) > 0) {
            *superblock = found;
        }
        *valid = true;
    }
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error name_at(const struct oneslot_flash *flash, uint32_t address, bool *there) {
    char name[MAGIC_SIZE];
    enum oneslot_error error = oneslot_flash_read(flash, address, name, sizeof name);
    if (!error && memcmp(name, MAGIC, MAGIC_SIZE) == 0) {
        *there = true;
    }
    return error;
}

static enum oneslot_error check(const struct oneslot_superblock *superblock, const struct oneslot_partition *region) {
    if (superblock->version >> 16 != VERSION_MAJOR || (superblock->version & 0xffff) > VERSION_MINOR_MAX) {
        return ONESLOT_ERROR_FS_VERSION;
    }
    if (superblock->block_count < 2 || superblock->block_count > region->size / superblock->block_size) {
        return ONESLOT_ERROR_FS_CORRUPT;
    }
    return ONESLOT_ERROR_NONE;
}

/// What to say where no superblock is whole.
static enum oneslot_error absent(const struct oneslot_flash *flash, const struct oneslot_partition *region, bool name) {
    bool version_1 = false;
    enum oneslot_error error;
    if (name) {
        return ONESLOT_ERROR_FS_CORRUPT;
    }
    error = name_at(flash, region->address + MAGIC_OFFSET_V1, &version_1);
    if (error) {
        return error;
    }
    return version_1 ? ONESLOT_ERROR_FS_VERSION : ONESLOT_ERROR_FS_MISSING;
}

/// The block sizes to try: what block 0 says, the usual ones, then every other power of two. 0 ends the list.
static uint32_t candidate(unsigned index, uint32_t said) {
    static const uint32_t sizes[] = {4096, 8192, 512, 1024, 2048, 16384, 32768, 65536};
    if (index == 0) {
        return said;
    }
    return index <= sizeof sizes / sizeof sizes[0] ? sizes[index - 1] : 0;
}

enum oneslot_error oneslot_superblock_find(const struct oneslot_flash *flash, const struct oneslot_partition *region,
                                           struct oneslot_superblock *superblock) {
    uint32_t said;
    uint32_t block_size;
    bool name = false;
    enum oneslot_error error = oneslot_flash_read(flash, region->address + BLOCK_SIZE_OFFSET, &said, sizeof said);
    if (!error) {
        error = name_at(flash, region->address + MAGIC_OFFSET, &name);
    }
    if (error) {
        return error;
    }
    said = lfs_fromle32(said);
    if (!name || said % BLOCK_SIZE_MIN != 0 || said < BLOCK_SIZE_MIN || said > BLOCK_SIZE_MAX) {
        said = 4096;
    }
    for (unsigned index = 0; (block_size = candidate(index, said)) != 0; index++) {
        bool valid;
        if (block_size > region->size / 2) {
            continue;
        }
        error = pair_find(flash, region, block_size, superblock, &valid);
        if (!error && !valid) {
            error = name_at(flash, region->address + block_size + MAGIC_OFFSET, &name);
        }
        if (error) {
            return error;
        }
        if (valid) {
            return check(superblock, region);
        }
    }
    return absent(flash, region, name);
}
