/*
 * File systems that move. littlefs knows blocks by their number from the start of its region, so one that keeps its
 * size is copied as it is; else littlefs itself makes a new one, and every file, directory and attribute is copied.
 */
#include <stdlib.h>
#include <string.h>

#include "core/superblock.h"
#include "host/file_system.h"
#include "host/map/move.h"
#include "host/ram_flash.h"

#define CHUNK     4096u
#define PATH_ROOM 1100
/// Of littlefs' name in its first blocks (littlefs, SPEC.md).
#define NAME_OFFSET 8u
/// littlefs' attributes are numbered by a byte.
#define ATTRIBUTE_TYPES 256u
#define ATTRIBUTE_ROOM  1024u

/// What an attribute's memory holds before it is read. littlefs fills up a shorter attribute with zeros, so that this
/// stays only where there is none.
#define ATTRIBUTE_MARK "\x5f\xc3\x96\x0e\x71\xb8\x2d\xe5"
#define MARK_SIZE      8u

/// What a walk over a file system is for.
enum task {
    TASK_READ,    ///< is all of it readable, and how much is there?
    TASK_COPY,    ///< into another one
    TASK_COMPARE, ///< with another one
};

struct walk {
    enum task task;
    struct file_system *from;
    struct file_system *to; ///< NULL for TASK_READ
    uint32_t files;
    uint32_t directories;
    uint32_t attributes;
    uint64_t bytes;
    uint32_t inline_max;       ///< the largest file that lies inside its directory
    bool has[ATTRIBUTE_TYPES]; ///< attribute types that occur; found by TASK_READ
    char path[PATH_ROOM];      ///< the entry at hand
    bool differs;              ///< TASK_COMPARE found a difference
    bool from_failed;          ///< the error is of reading, not of writing
    uint8_t chunk[CHUNK];
    uint8_t other[CHUNK];
    struct lfs_attr attribute[ATTRIBUTE_TYPES];
    uint8_t mark[ATTRIBUTE_TYPES][MARK_SIZE];
};

static int differ(struct walk *walk) {
    walk->differs = true;
    return LFS_ERR_CORRUPT;
}

static int read_failed(struct walk *walk, int error) {
    walk->from_failed = true;
    return error < 0 ? error : LFS_ERR_CORRUPT;
}

static int handle_attribute(struct walk *walk, const char *path, uint8_t type) {
    lfs_ssize_t size = lfs_getattr(&walk->from->lfs, path, type, walk->chunk, ATTRIBUTE_ROOM);
    if (size == LFS_ERR_NOATTR) {
        return 0;
    }
    if (size < 0 || (uint32_t)size > ATTRIBUTE_ROOM) {
        return read_failed(walk, (int)size);
    }
    walk->attributes++;
    walk->has[type] = true;
    if (walk->task == TASK_COPY) {
        return lfs_setattr(&walk->to->lfs, path, type, walk->chunk, (lfs_size_t)size);
    }
    if (walk->task == TASK_COMPARE) {
        lfs_ssize_t got = lfs_getattr(&walk->to->lfs, path, type, walk->other, ATTRIBUTE_ROOM);
        return got == size && memcmp(walk->chunk, walk->other, (size_t)size) == 0 ? 0 : differ(walk);
    }
    return 0;
}

/// A directory is asked for every type by the first walk, and for those that occur by later ones. A file has told the
/// first walk at its opening.
static int handle_attributes(struct walk *walk, const char *path, bool directory) {
    bool all = walk->task == TASK_READ && directory;
    for (unsigned type = 0; type < ATTRIBUTE_TYPES; type++) {
        bool file = !directory && walk->task == TASK_READ && memcmp(walk->mark[type], ATTRIBUTE_MARK, MARK_SIZE) != 0;
        bool later = walk->task != TASK_READ && walk->has[type];
        int error = all || file || later ? handle_attribute(walk, path, (uint8_t)type) : 0;
        if (error != 0) {
            return error;
        }
    }
    return 0;
}

/// Opens a file to be read; the first walk learns which attributes it has: 256 single questions would each search the
/// directory anew.
static int open_old(struct walk *walk, lfs_file_t *file, struct lfs_file_config *config, const char *path) {
    *config = (struct lfs_file_config){0};
    if (walk->task == TASK_READ) {
        config->attrs = walk->attribute;
        config->attr_count = ATTRIBUTE_TYPES;
        for (unsigned type = 0; type < ATTRIBUTE_TYPES; type++) {
            memcpy(walk->mark[type], ATTRIBUTE_MARK, MARK_SIZE);
            walk->attribute[type] =
                (struct lfs_attr){.type = (uint8_t)type, .buffer = walk->mark[type], .size = MARK_SIZE};
        }
    }
    return lfs_file_opencfg(&walk->from->lfs, file, path, LFS_O_RDONLY, config);
}

static int handle_chunk(struct walk *walk, lfs_file_t *other, lfs_size_t length) {
    if (walk->task == TASK_READ) {
        return 0;
    }
    if (walk->task == TASK_COPY) {
        lfs_ssize_t done = lfs_file_write(&walk->to->lfs, other, walk->chunk, length);
        return done < 0 ? (int)done : 0;
    }
    lfs_ssize_t got = lfs_file_read(&walk->to->lfs, other, walk->other, length);
    return got == (lfs_ssize_t)length && memcmp(walk->chunk, walk->other, length) == 0 ? 0 : differ(walk);
}

static int handle_content(struct walk *walk, lfs_file_t *file, lfs_file_t *other, lfs_size_t size) {
    for (lfs_size_t done = 0; done < size;) {
        lfs_size_t length = size - done < CHUNK ? size - done : CHUNK;
        lfs_ssize_t got = lfs_file_read(&walk->from->lfs, file, walk->chunk, length);
        if (got != (lfs_ssize_t)length) {
            return read_failed(walk, (int)(got < 0 ? got : 0));
        }
        int error = handle_chunk(walk, other, length);
        if (error != 0) {
            return error;
        }
        done += length;
    }
    return 0;
}

static int handle_open_file(struct walk *walk, const char *path, lfs_file_t *file, lfs_size_t size) {
    if ((file->flags & LFS_F_INLINE) != 0 && size > walk->inline_max) {
        walk->inline_max = size;
    }
    if (size > walk->from->size) {
        return read_failed(walk, 0); // a damaged length must not be walked
    }
    if (walk->task == TASK_READ) {
        return handle_content(walk, file, NULL, size);
    }
    lfs_file_t other;
    int how = walk->task == TASK_COPY ? LFS_O_WRONLY | LFS_O_CREAT | LFS_O_EXCL : LFS_O_RDONLY;
    int error = lfs_file_open(&walk->to->lfs, &other, path, how);
    if (error != 0) {
        return walk->task == TASK_COPY ? error : differ(walk);
    }
    bool same = walk->task == TASK_COPY || lfs_file_size(&walk->to->lfs, &other) == (lfs_soff_t)size;
    error = same ? handle_content(walk, file, &other, size) : differ(walk);
    int closed = lfs_file_close(&walk->to->lfs, &other);
    return error != 0 ? error : closed;
}

static int handle_file(struct walk *walk, const char *path, lfs_size_t size) {
    lfs_file_t file;
    struct lfs_file_config config;
    int error = open_old(walk, &file, &config, path);
    if (error != 0) {
        return read_failed(walk, error);
    }
    walk->files++;
    walk->bytes += size;
    if (walk->bytes > walk->from->size) { // more than there can be: a ring
        lfs_file_close(&walk->from->lfs, &file);
        return read_failed(walk, 0);
    }
    error = handle_open_file(walk, path, &file, size);
    lfs_file_close(&walk->from->lfs, &file);
    return error;
}

static int handle_directory(struct walk *walk, const char *path) {
    struct lfs_info info;
    walk->directories++;
    if (walk->task == TASK_COPY) {
        return lfs_mkdir(&walk->to->lfs, path);
    }
    if (walk->task == TASK_COMPARE && (lfs_stat(&walk->to->lfs, path, &info) != 0 || info.type != LFS_TYPE_DIR)) {
        return differ(walk);
    }
    return 0;
}

static int visit(void *context, const char *path, const struct lfs_info *info) {
    struct walk *walk = context;
    snprintf(walk->path, sizeof walk->path, "%s", path);
    int error = info->type == LFS_TYPE_DIR ? handle_directory(walk, path) : handle_file(walk, path, info->size);
    return error != 0 ? error : handle_attributes(walk, path, info->type == LFS_TYPE_DIR);
}

static int run_walk(struct walk *walk, enum task task, struct file_system *to) {
    walk->task = task;
    walk->to = to;
    walk->files = walk->directories = walk->attributes = 0;
    walk->bytes = 0;
    walk->differs = walk->from_failed = false;
    snprintf(walk->path, sizeof walk->path, "/");
    int error = handle_attributes(walk, "/", true);
    return error != 0 ? error : file_system_walk(walk->from, "/", visit, walk);
}

/// Makes the new file system in `size` bytes of `region`, and reads it back. Returns a littlefs error.
static int rebuild(struct walk *walk, uint8_t *region, uint32_t size) {
    struct file_system *fs = malloc(sizeof *fs);
    if (fs == NULL) {
        return LFS_ERR_NOMEM;
    }
    int error = file_system_format_like(fs, walk->from, walk->inline_max, region, size);
    if (error == 0) {
        error = run_walk(walk, TASK_COPY, fs);
        file_system_unmount(fs);
    }
    if (error == 0) {
        // Mounted anew: nothing is believed that is only in littlefs' memory.
        error = file_system_mount(fs, region, size) == ONESLOT_ERROR_NONE ? 0 : LFS_ERR_CORRUPT;
        if (error == 0) {
            error = run_walk(walk, TASK_COMPARE, fs);
            file_system_unmount(fs);
        }
    }
    free(fs);
    return error;
}

/// Whether the files fit in so many blocks. NOSPC or 0, else another littlefs error.
static int try_blocks(struct walk *walk, uint32_t blocks) {
    uint32_t size = blocks * walk->from->config.block_size;
    uint8_t *scratch = malloc(size);
    int error = scratch == NULL ? LFS_ERR_NOMEM : rebuild(walk, scratch, size);
    free(scratch);
    return error;
}

/// The fewest blocks that the files fit in, above `low`, in which they do not. 0 if that cannot be told.
static uint32_t blocks_needed(struct walk *walk, uint32_t low) {
    uint32_t high = walk->from->config.block_count > low ? walk->from->config.block_count : low + 1;
    int error;
    while ((error = try_blocks(walk, high)) == LFS_ERR_NOSPC &&
           (uint64_t)high * walk->from->config.block_size < 1u << 25) {
        low = high;
        high += high / 8 + 1;
    }
    while (error == 0 && high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        int tried = try_blocks(walk, middle);
        if (tried == 0) {
            high = middle;
        } else if (tried == LFS_ERR_NOSPC) {
            low = middle;
        } else {
            error = tried;
        }
    }
    return error == 0 ? high : 0;
}

static bool refuse_walk(const struct move *move, const struct move_pair *pair, const struct walk *walk, int error) {
    if (walk->differs) {
        return flash_map_refuse(move->reason, "'%s': %s did not read back as it was written", pair->from->label,
                                walk->path);
    }
    return flash_map_refuse(move->reason, "'%s' at 0x%x: at %s %s", pair->from->label, pair->from->address, walk->path,
                            file_system_text(error));
}

static bool refuse_space(const struct move *move, const struct move_pair *pair, struct walk *walk) {
    uint32_t block = walk->from->config.block_size;
    uint32_t have = pair->to->size / block;
    lfs_ssize_t used = lfs_fs_size(&walk->from->lfs);
    uint32_t need = blocks_needed(walk, have);
    if (need == 0) {
        return flash_map_refuse(move->reason, "'%s': its files do not fit in the new region's %u bytes",
                                pair->from->label, pair->to->size);
    }
    return flash_map_refuse(
        move->reason,
        "'%s': its files need %u bytes (%u blocks of %u; they take %d blocks now), the new region has "
        "%u (%u blocks): %u bytes are missing",
        pair->from->label, need * block, need, block, (int)used, have * block, have, (need - have) * block);
}

static void say_files(const struct move *move, enum flash_map_step_kind kind, const struct move_pair *pair,
                      const struct walk *walk) {
    move_step(move, kind, pair->from, pair->to, "littlefs, %s: %u file%s, %u director%s, %u attribute%s, %llu bytes",
              kind == FLASH_MAP_STEP_REBUILD ? "made anew in its new size" : "its blocks as they are", walk->files,
              walk->files == 1 ? "" : "s", walk->directories, walk->directories == 1 ? "y" : "ies", walk->attributes,
              walk->attributes == 1 ? "" : "s", (unsigned long long)walk->bytes);
}

static bool move_mounted(const struct move *move, const struct move_pair *pair, struct walk *walk) {
    uint8_t *region = move->out + pair->to->address;
    int error = run_walk(walk, TASK_READ, NULL);
    if (error != 0) {
        return refuse_walk(move, pair, walk, error);
    }
    if (pair->to->size == pair->from->size) {
        memcpy(region, move->from->bytes + pair->from->address, pair->from->size);
        bool stays = pair->to->address == pair->from->address;
        say_files(move, stays ? FLASH_MAP_STEP_KEEP : FLASH_MAP_STEP_COPY, pair, walk);
        return true;
    }
    error = rebuild(walk, region, pair->to->size);
    if (error == LFS_ERR_NOSPC) {
        return refuse_space(move, pair, walk);
    }
    if (error != 0) {
        return refuse_walk(move, pair, walk, error);
    }
    say_files(move, FLASH_MAP_STEP_REBUILD, pair, walk);
    return true;
}

static bool move_littlefs(const struct move *move, const struct move_pair *pair) {
    struct walk *walk = calloc(1, sizeof *walk);
    struct file_system *fs = malloc(sizeof *fs);
    bool done;
    if (walk == NULL || fs == NULL) {
        done = flash_map_refuse(move->reason, "memory ran out");
    } else if (file_system_mount(fs, move->from->bytes + pair->from->address, pair->from->size) != ONESLOT_ERROR_NONE) {
        done = flash_map_refuse(move->reason, "'%s' at 0x%x: the littlefs is damaged and cannot be mounted",
                                pair->from->label, pair->from->address);
    } else {
        walk->from = fs;
        done = move_mounted(move, pair, walk);
        file_system_unmount(fs);
    }
    free(fs);
    free(walk);
    return done;
}

/// Says why there is no littlefs in a region that should hold one: most often the map is another device's.
static bool refuse_missing(const struct move *move, const struct move_pair *pair) {
    struct oneslot_flash flash;
    ram_flash_init(&flash, move->from->bytes, move->from->size);
    for (uint32_t address = 0; address + 2 * ONESLOT_SECTOR_SIZE <= move->from->size; address += ONESLOT_SECTOR_SIZE) {
        struct oneslot_partition rest = {.address = address, .size = move->from->size - address};
        struct oneslot_superblock superblock;
        bool named = memcmp(move->from->bytes + address + NAME_OFFSET, "littlefs", 8) == 0;
        if (named && oneslot_superblock_find(&flash, &rest, &superblock) == ONESLOT_ERROR_NONE) {
            return flash_map_refuse(
                move->reason,
                "'%s': there is no littlefs at 0x%x, but one of %u bytes at 0x%x: the old map is not "
                "this device's",
                pair->from->label, pair->from->address, superblock.block_count * superblock.block_size, address);
        }
    }
    return flash_map_refuse(
        move->reason,
        "'%s' at 0x%x holds no littlefs that can be read: it is damaged, or the old map is not this "
        "device's ('--drop %s' gives it up)",
        pair->from->label, pair->from->address, pair->from->label);
}

/// Bytes of the FAT volume that begins at `bytes`, 0 if there is none.
/// Source: Microsoft, FAT32 File System Specification 1.03, boot sector and BPB.
static uint64_t fat_size(const uint8_t *bytes, uint32_t size) {
    uint32_t sector = size >= 512 ? bytes[11] | (uint32_t)bytes[12] << 8 : 0;
    if (sector < 512 || sector > 4096 || (sector & (sector - 1)) != 0 || bytes[510] != 0x55 || bytes[511] != 0xaa) {
        return 0;
    }
    uint32_t count = bytes[19] | (uint32_t)bytes[20] << 8;
    if (count == 0) {
        count = bytes[32] | (uint32_t)bytes[33] << 8 | (uint32_t)bytes[34] << 16 | (uint32_t)bytes[35] << 24;
    }
    return (uint64_t)count * sector;
}

/// Any other file system is moved as it is, or not at all.
static bool move_other(const struct move *move, const struct move_pair *pair) {
    const uint8_t *bytes = move->from->bytes + pair->from->address;
    uint64_t fat = fat_size(bytes, pair->from->size);
    uint32_t used = move_used(bytes, pair->from->size);
    const char *name = fat != 0 ? "FAT" : pair->from->subtype == ONESLOT_SUBTYPE_DATA_SPIFFS ? "SPIFFS" : "file system";
    if (pair->from->size != pair->to->size && (fat == 0 || used > fat)) {
        return flash_map_refuse(
            move->reason,
            "'%s': this %s of %u bytes can move, but not change its size to %u bytes: only a littlefs "
            "is made anew",
            pair->from->label, name, pair->from->size, pair->to->size);
    }
    if (fat > pair->to->size) {
        return flash_map_refuse(
            move->reason,
            "'%s': its FAT has %llu bytes, the new region has %u: %llu bytes are missing, and only a "
            "littlefs is made anew",
            pair->from->label, (unsigned long long)fat, pair->to->size, (unsigned long long)(fat - pair->to->size));
    }
    return move_bytes(move, pair);
}

bool move_is_file_system(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_DATA &&
           (region->subtype == ONESLOT_SUBTYPE_DATA_LITTLEFS || region->subtype == ONESLOT_SUBTYPE_DATA_FAT ||
            region->subtype == ONESLOT_SUBTYPE_DATA_SPIFFS);
}

bool move_file_system(const struct move *move, const struct move_pair *pair) {
    struct oneslot_flash flash;
    struct oneslot_superblock superblock = {0};
    ram_flash_init(&flash, move->from->bytes, move->from->size);
    enum oneslot_error error = oneslot_superblock_find(&flash, pair->from, &superblock);
    if (error == ONESLOT_ERROR_NONE) {
        return move_littlefs(move, pair);
    }
    if (error == ONESLOT_ERROR_FS_CORRUPT && superblock.block_size != 0 &&
        superblock.block_count > pair->from->size / superblock.block_size) {
        return flash_map_refuse(
            move->reason,
            "'%s' at 0x%x: its littlefs says that it has %u blocks of %u, the region has %u bytes: the "
            "old map is not this device's",
            pair->from->label, pair->from->address, superblock.block_count, superblock.block_size, pair->from->size);
    }
    if (error == ONESLOT_ERROR_FS_CORRUPT) {
        return flash_map_refuse(move->reason, "'%s' at 0x%x: the littlefs is damaged: no superblock is whole",
                                pair->from->label, pair->from->address);
    }
    if (error == ONESLOT_ERROR_FS_MISSING && pair->from->subtype == ONESLOT_SUBTYPE_DATA_LITTLEFS) {
        return refuse_missing(move, pair);
    }
    return move_other(move, pair);
}
