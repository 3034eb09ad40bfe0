#include "host/file_system.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/superblock.h"
#include "host/ram_flash.h"

/// littlefs stores small files inside the directory; whoever reads one needs a cache of that size. Arduino's cache is
/// 64 bytes, the smallest of those that we write for.
#define INLINE_MAX 64
/// Longest path that a walk shows; longer ones are damage, or not for a device.
#define PATH_ROOM 1024

const struct file_system_kind file_system_micropython = {.block_size = 4096, .program_size = 32};
const struct file_system_kind file_system_arduino = {.block_size = 8192, .program_size = 64, .name_max = 32};

static uint8_t *block_at(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, lfs_size_t length) {
    struct file_system *fs = config->context;
    uint64_t address = (uint64_t)block * config->block_size + offset;
    return address + length <= fs->size ? fs->region + address : NULL;
}

static int read_block(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, void *buffer,
                      lfs_size_t length) {
    const uint8_t *from = block_at(config, block, offset, length);
    if (from == NULL) {
        return LFS_ERR_CORRUPT;
    }
    memcpy(buffer, from, length);
    return 0;
}

static int program_block(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, const void *buffer,
                         lfs_size_t length) {
    uint8_t *to = block_at(config, block, offset, length);
    if (to == NULL) {
        return LFS_ERR_CORRUPT;
    }
    memcpy(to, buffer, length);
    return 0;
}

static int erase_block(const struct lfs_config *config, lfs_block_t block) {
    uint8_t *to = block_at(config, block, 0, config->block_size);
    if (to == NULL) {
        return LFS_ERR_CORRUPT;
    }
    memset(to, 0xff, config->block_size);
    return 0;
}

static int sync_blocks(const struct lfs_config *config) {
    (void)config;
    return 0;
}

static void configure(struct file_system *fs, uint8_t *region, uint32_t size, uint32_t block_size,
                      uint32_t program_size) {
    memset(fs, 0, sizeof *fs);
    fs->region = region;
    fs->size = size;
    fs->config = (struct lfs_config){
        .context = fs,
        .read = read_block,
        .prog = program_block,
        .erase = erase_block,
        .sync = sync_blocks,
        .read_size = program_size,
        .prog_size = program_size,
        .block_size = block_size,
        .block_count = size / block_size,
        .block_cycles = -1, // a file has no cells to spare
        .cache_size = block_size,
        .lookahead_size = 1024,
        .inline_max = INLINE_MAX,
    };
}

int file_system_format(struct file_system *fs, const struct file_system_kind *kind, uint8_t *region, uint32_t size) {
    configure(fs, region, size, kind->block_size, kind->program_size);
    memset(region, 0xff, size);
    fs->config.name_max = kind->name_max;
    // Readers before littlefs 2.6 (MicroPython before 1.20) know version 2.0 only.
    fs->config.disk_version = 0x00020000;
    fs->version = fs->config.disk_version;
    int error = size / kind->block_size < 2 ? LFS_ERR_NOSPC : lfs_format(&fs->lfs, &fs->config);
    return error != 0 ? error : lfs_mount(&fs->lfs, &fs->config);
}

int file_system_format_like(struct file_system *fs, const struct file_system *model, uint32_t inline_max,
                            uint8_t *region, uint32_t size) {
    uint32_t block_size = model->config.block_size;
    configure(fs, region, size, block_size, model->config.prog_size);
    memset(region, 0xff, size);
    fs->config.inline_max = inline_max < INLINE_MAX       ? INLINE_MAX
                            : inline_max > block_size / 8 ? block_size / 8
                                                          : inline_max;
    fs->config.name_max = model->lfs.name_max;
    fs->config.file_max = model->lfs.file_max;
    fs->config.attr_max = model->lfs.attr_max;
    fs->config.disk_version = model->version;
    fs->version = model->version;
    int error = size / block_size < 2 ? LFS_ERR_NOSPC : lfs_format(&fs->lfs, &fs->config);
    return error != 0 ? error : lfs_mount(&fs->lfs, &fs->config);
}

enum oneslot_error file_system_mount(struct file_system *fs, uint8_t *region, uint32_t size) {
    struct oneslot_flash flash;
    ram_flash_init(&flash, region, size);
    struct oneslot_partition whole = {.size = size};
    struct oneslot_superblock superblock;
    enum oneslot_error error = oneslot_superblock_find(&flash, &whole, &superblock);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    uint32_t program_size = superblock.block_size <= 4096 ? 32 : 64;
    configure(fs, region, size, superblock.block_size, program_size);
    fs->config.block_count = superblock.block_count;
    fs->config.disk_version = superblock.version;
    fs->version = superblock.version;
    return lfs_mount(&fs->lfs, &fs->config) == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FS_CORRUPT;
}

void file_system_unmount(struct file_system *fs) {
    lfs_unmount(&fs->lfs);
}

static int walk_directory(struct file_system *fs, char *path, unsigned depth, file_system_visit *visit, void *context) {
    lfs_dir_t directory;
    int error = depth > FILE_SYSTEM_DEPTH ? LFS_ERR_CORRUPT : lfs_dir_open(&fs->lfs, &directory, path);
    if (error != 0) {
        return error;
    }
    size_t length = strlen(path);
    while (error == 0) {
        struct lfs_info info;
        error = lfs_dir_read(&fs->lfs, &directory, &info);
        if (error <= 0) {
            break;
        }
        error = 0;
        if (strcmp(info.name, ".") == 0 || strcmp(info.name, "..") == 0) {
            continue;
        }
        size_t room = PATH_ROOM - length;
        const char *slash = length > 0 && path[length - 1] == '/' ? "" : "/";
        if (fs->pending == 0 || (size_t)snprintf(path + length, room, "%s%s", slash, info.name) >= room) {
            error = LFS_ERR_CORRUPT;
            break;
        }
        fs->pending--;
        error = visit(context, path, &info);
        if (error == 0 && info.type == LFS_TYPE_DIR) {
            error = walk_directory(fs, path, depth + 1, visit, context);
        }
        path[length] = 0;
    }
    lfs_dir_close(&fs->lfs, &directory);
    return error;
}

int file_system_walk(struct file_system *fs, const char *path, file_system_visit *visit, void *context) {
    char name[PATH_ROOM];
    if ((size_t)snprintf(name, sizeof name, "%s", path) >= sizeof name) {
        return LFS_ERR_NAMETOOLONG;
    }
    // An entry takes more than 8 bytes, so a whole file system cannot hold more than this.
    fs->pending = fs->size / 8;
    struct lfs_info info;
    int error = lfs_stat(&fs->lfs, name, &info);
    if (error != 0) {
        return error;
    }
    return info.type == LFS_TYPE_DIR ? walk_directory(fs, name, 0, visit, context) : visit(context, name, &info);
}

int file_system_make_directories(struct file_system *fs, const char *path) {
    char name[PATH_ROOM];
    if ((size_t)snprintf(name, sizeof name, "%s", path) >= sizeof name) {
        return LFS_ERR_NAMETOOLONG;
    }
    for (size_t index = 1;; index++) {
        if (name[index] != '/' && name[index] != 0) {
            continue;
        }
        char saved = name[index];
        name[index] = 0;
        if (name[index - 1] != '/') {
            int error = lfs_mkdir(&fs->lfs, name);
            struct lfs_info info;
            if (error == LFS_ERR_EXIST && lfs_stat(&fs->lfs, name, &info) == 0 && info.type != LFS_TYPE_DIR) {
                return LFS_ERR_NOTDIR;
            }
            if (error != 0 && error != LFS_ERR_EXIST) {
                return error;
            }
        }
        name[index] = saved;
        if (saved == 0) {
            return 0;
        }
    }
}

int file_system_put(struct file_system *fs, const char *path, const uint8_t *bytes, uint32_t length) {
    char parent[PATH_ROOM];
    if ((size_t)snprintf(parent, sizeof parent, "%s", path) >= sizeof parent) {
        return LFS_ERR_NAMETOOLONG;
    }
    char *slash = strrchr(parent, '/');
    if (slash != NULL && slash != parent) {
        *slash = 0;
        int error = file_system_make_directories(fs, parent);
        if (error != 0) {
            return error;
        }
    }
    lfs_file_t file;
    int error = lfs_file_open(&fs->lfs, &file, path, LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC);
    if (error != 0) {
        return error;
    }
    lfs_ssize_t written = length == 0 ? 0 : lfs_file_write(&fs->lfs, &file, bytes, length);
    error = lfs_file_close(&fs->lfs, &file);
    return written < 0 ? (int)written : error;
}

int file_system_get(struct file_system *fs, const char *path, uint8_t **bytes, uint32_t *length) {
    lfs_file_t file;
    int error = lfs_file_open(&fs->lfs, &file, path, LFS_O_RDONLY);
    if (error != 0) {
        return error;
    }
    lfs_soff_t size = lfs_file_size(&fs->lfs, &file);
    lfs_ssize_t got = size < 0 || (uint32_t)size > fs->size ? LFS_ERR_CORRUPT : 0;
    uint8_t *buffer = got == 0 ? malloc((size_t)size + 1) : NULL;
    if (buffer != NULL) {
        got = lfs_file_read(&fs->lfs, &file, buffer, (lfs_size_t)size);
    } else if (got == 0) {
        got = LFS_ERR_NOMEM;
    }
    lfs_file_close(&fs->lfs, &file);
    if (got != size) {
        free(buffer);
        return got < 0 ? (int)got : LFS_ERR_CORRUPT;
    }
    *bytes = buffer;
    *length = (uint32_t)size;
    return 0;
}

uint32_t file_system_free(struct file_system *fs) {
    lfs_ssize_t used = lfs_fs_size(&fs->lfs);
    if (used < 0 || (uint32_t)used > fs->config.block_count) {
        return 0;
    }
    return (fs->config.block_count - (uint32_t)used) * fs->config.block_size;
}

const char *file_system_text(int error) {
    switch (error) {
    case 0:
        return "ok";
    case LFS_ERR_NOENT:
        return "there is no such file or directory";
    case LFS_ERR_EXIST:
        return "it is there already";
    case LFS_ERR_NOTDIR:
        return "a part of the path is a file, not a directory";
    case LFS_ERR_ISDIR:
        return "it is a directory";
    case LFS_ERR_NOTEMPTY:
        return "the directory is not empty";
    case LFS_ERR_NOSPC:
        return "the file system is full";
    case LFS_ERR_FBIG:
        return "the file is too large for the file system";
    case LFS_ERR_NAMETOOLONG:
        return "the name is too long for the file system";
    case LFS_ERR_INVAL:
        return "the name is not a valid one";
    case LFS_ERR_NOMEM:
        return "memory ran out";
    default:
        return "the file system is damaged";
    }
}
