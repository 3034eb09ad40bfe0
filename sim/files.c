#include "sim/files.h"

#include <string.h>

#include "lfs.h"

#define CACHE     256u
#define LOOKAHEAD 64u
#define PIECE     256u

/// One file system at a time; a cut goes past whatever would give memory back, so none is taken.
static struct {
    uint32_t start;
    const struct oneslot_flash *flash;
    const struct nor *nor; ///< read from outside, without a port
    lfs_t lfs;
    struct lfs_config config;
    _Alignas(4) uint8_t read_buffer[CACHE];
    _Alignas(4) uint8_t program_buffer[CACHE];
    _Alignas(4) uint8_t file_buffer[CACHE];
    _Alignas(4) uint8_t lookahead[LOOKAHEAD];
} disk;

/* littlefs over a flash port. */

static int disk_read(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, void *buffer,
                     lfs_size_t size) {
    uint32_t address = disk.start + block * config->block_size + offset;
    if (disk.nor) {
        nor_peek(disk.nor, address, buffer, size);
        return 0;
    }
    return oneslot_flash_read(disk.flash, address, buffer, size) == ONESLOT_ERROR_NONE ? 0 : LFS_ERR_IO;
}

static int disk_program(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, const void *buffer,
                        lfs_size_t size) {
    uint32_t address = disk.start + block * config->block_size + offset;
    return oneslot_flash_program(disk.flash, address, buffer, size) == ONESLOT_ERROR_NONE ? 0 : LFS_ERR_IO;
}

static int disk_erase(const struct lfs_config *config, lfs_block_t block) {
    uint32_t address = disk.start + block * config->block_size;
    return oneslot_flash_erase_sector(disk.flash, address) == ONESLOT_ERROR_NONE ? 0 : LFS_ERR_IO;
}

static int disk_sync(const struct lfs_config *config) {
    (void)config;
    return 0;
}

static int mount(const struct sim_device *device, const struct oneslot_flash *flash) {
    memset(&disk, 0, sizeof disk);
    disk.start = device->fs_start;
    disk.flash = flash;
    disk.nor = flash ? NULL : &device->nor;
    disk.config = (struct lfs_config){.read = disk_read,
                                      .prog = disk_program,
                                      .erase = disk_erase,
                                      .sync = disk_sync,
                                      .read_size = 16,
                                      .prog_size = 16,
                                      .block_size = ONESLOT_SECTOR_SIZE,
                                      .block_count = device->fs_size / ONESLOT_SECTOR_SIZE,
                                      .block_cycles = 500,
                                      .cache_size = CACHE,
                                      .lookahead_size = LOOKAHEAD,
                                      .read_buffer = disk.read_buffer,
                                      .prog_buffer = disk.program_buffer,
                                      .lookahead_buffer = disk.lookahead};
    return lfs_mount(&disk.lfs, &disk.config);
}

static int open_file(lfs_file_t *file, const char *path, int flags) {
    static struct lfs_file_config config;
    config = (struct lfs_file_config){.buffer = disk.file_buffer};
    return lfs_file_opencfg(&disk.lfs, file, path, flags, &config);
}

/* What is done. */

struct change {
    const char *path;
    const char *to; ///< or NULL
    const void *bytes;
    uint32_t size;
};

static int make_directories(const char *path) {
    char part[LFS_NAME_MAX + 1];
    for (const char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        size_t length = (size_t)(slash - path);
        if (length >= sizeof part) {
            return LFS_ERR_NAMETOOLONG;
        }
        memcpy(part, path, length);
        part[length] = 0;
        int error = lfs_mkdir(&disk.lfs, part);
        if (error != 0 && error != LFS_ERR_EXIST) {
            return error;
        }
    }
    return 0;
}

static int put(const struct change *change) {
    lfs_file_t file;
    int error = make_directories(change->path);
    if (error == 0) {
        error = open_file(&file, change->path, LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC);
    }
    if (error != 0) {
        return error;
    }
    lfs_ssize_t written = lfs_file_write(&disk.lfs, &file, change->bytes, change->size);
    error = lfs_file_close(&disk.lfs, &file);
    return written < 0 ? (int)written : error;
}

static int take_away(const struct change *change) {
    int error = change->to ? lfs_rename(&disk.lfs, change->path, change->to) : lfs_remove(&disk.lfs, change->path);
    return error == LFS_ERR_NOENT ? 0 : error;
}

static void carry_out(struct sim_device *device, const struct oneslot_flash *flash, void *context) {
    const struct change *change = context;
    device->files_changed = true;
    int error = mount(device, flash);
    if (error == 0) {
        error = change->bytes ? put(change) : take_away(change);
        lfs_unmount(&disk.lfs);
    }
    device->last = error == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FS_CORRUPT;
}

/// After a cut littlefs may program what a cut left of its own: that is between it and its checksums.
static enum sim_stop make_change(struct sim_device *device, struct change change) {
    const struct nor before = device->nor;
    enum sim_stop stop = sim_act(device, carry_out, &change);
    uint32_t address = device->nor.violation_address;
    bool own = device->nor.violation == NOR_VIOLATION_SET_BIT && address >= device->fs_start &&
               address - device->fs_start < device->fs_size;
    if (own && before.violations == 0) {
        device->nor.violations = 0;
        device->nor.violation = NOR_VIOLATION_NONE;
    }
    return stop;
}

enum sim_stop sim_file_put(struct sim_device *device, const char *path, const void *bytes, uint32_t size) {
    return make_change(device, (struct change){.path = path, .bytes = bytes, .size = size});
}

enum sim_stop sim_file_remove(struct sim_device *device, const char *path) {
    return make_change(device, (struct change){.path = path});
}

enum sim_stop sim_file_rename(struct sim_device *device, const char *from, const char *to) {
    return make_change(device, (struct change){.path = from, .to = to});
}

/* What is there. */

int32_t sim_file_size(const struct sim_device *device, const char *path) {
    struct lfs_info info;
    int32_t size = -1;
    if (mount(device, NULL) == 0) {
        if (lfs_stat(&disk.lfs, path, &info) == 0 && info.type == LFS_TYPE_REG) {
            size = (int32_t)info.size;
        }
        lfs_unmount(&disk.lfs);
    }
    return size;
}

static bool reads_as(lfs_file_t *file, const uint8_t *bytes, uint32_t size) {
    uint8_t piece[PIECE];
    for (uint32_t done = 0; done < size;) {
        uint32_t part = size - done < sizeof piece ? size - done : (uint32_t)sizeof piece;
        if (lfs_file_read(&disk.lfs, file, piece, part) != (lfs_ssize_t)part ||
            memcmp(piece, bytes + done, part) != 0) {
            return false;
        }
        done += part;
    }
    return lfs_file_read(&disk.lfs, file, piece, 1) == 0;
}

bool sim_file_is(const struct sim_device *device, const char *path, const void *bytes, uint32_t size) {
    lfs_file_t file;
    bool same = false;
    if (mount(device, NULL) == 0) {
        if (open_file(&file, path, LFS_O_RDONLY) == 0) {
            same = reads_as(&file, bytes, size);
            lfs_file_close(&disk.lfs, &file);
        }
        lfs_unmount(&disk.lfs);
    }
    return same;
}
