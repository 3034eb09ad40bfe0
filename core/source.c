/* Source: a file on littlefs or a raw flash region. See source.h. */
#include "oneslot/source.h"

#include <stddef.h>
#include <string.h>

#include "lfs_util.h"
#include "superblock.h"

/// The unit of littlefs' small reads. At most 16: see block_read.
#define READ_SIZE 16u
/// What a read costs beyond its bytes, counted in bytes.
#define READ_COST 16u

/// littlefs' own value for "no block", which its headers do not export.
#define NO_BLOCK ((lfs_block_t)-1)

/// What a path says.
struct place {
    const struct oneslot_partition *region;
    const char *file; ///< NULL for the region itself
    uint32_t length;  ///< of the raw source
};

/* Path */

static bool digit_value(char character, uint32_t *value) {
    if (character >= '0' && character <= '9') {
        *value = (uint32_t)(character - '0');
    } else if (character >= 'a' && character <= 'f') {
        *value = (uint32_t)(character - 'a') + 10;
    } else if (character >= 'A' && character <= 'F') {
        *value = (uint32_t)(character - 'A') + 10;
    } else {
        return false;
    }
    return true;
}

/// Reads a whole string as a decimal or 0x-hex number of at most `limit`.
static bool parse_number(const char *text, uint32_t limit, uint32_t *number) {
    uint32_t base = 10;
    uint32_t digit;
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
        base = 16;
        text += 2;
    }
    if (!*text) {
        return false;
    }
    *number = 0;
    for (; *text; text++) {
        if (!digit_value(*text, &digit) || digit >= base || *number > limit / base) {
            return false;
        }
        *number = *number * base + digit;
        if (*number > limit) {
            return false;
        }
    }
    return true;
}

/// The region whose label is the first `length` bytes of `text`.
static const struct oneslot_partition *find_region(const struct oneslot_map *map, const char *text, size_t length) {
    char label[sizeof map->partition[0].label];
    if (length == 0 || length >= sizeof label) {
        return NULL;
    }
    memcpy(label, text, length);
    label[length] = 0;
    return oneslot_map_find(map, label);
}

/// "@label" or "@label:LENGTH"; `text` is what follows the '@'.
static enum oneslot_error raw_place(struct place *place, const struct oneslot_map *map, const char *text) {
    size_t label = strcspn(text, ":");
    place->file = NULL;
    place->region = find_region(map, text, label);
    if (!place->region) {
        return ONESLOT_ERROR_PATH_INVALID;
    }
    place->length = place->region->size;
    if (text[label] == ':' && !parse_number(text + label + 1, place->region->size, &place->length)) {
        return ONESLOT_ERROR_PATH_INVALID;
    }
    return place->length ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FILE_EMPTY;
}

/// "/dir/file" or "label:/dir/file". A colon behind a slash belongs to a name.
static enum oneslot_error file_place(struct place *place, const struct oneslot_map *map, const char *text) {
    size_t label = strcspn(text, ":/");
    place->file = text;
    place->length = 0;
    if (text[label] == ':') {
        place->file = text + label + 1;
        place->region = find_region(map, text, label);
        return place->region && *place->file ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PATH_INVALID;
    }
    place->region = oneslot_map_file_system(map);
    return place->region ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FS_MISSING;
}

static enum oneslot_error find_place(struct place *place, const struct oneslot_map *map, const char *path) {
    size_t length = 0;
    while (length <= ONESLOT_PATH_MAX && path[length]) {
        length++;
    }
    if (length == 0 || length > ONESLOT_PATH_MAX) {
        return ONESLOT_ERROR_PATH_INVALID;
    }
    return path[0] == '@' ? raw_place(place, map, path + 1) : file_place(place, map, path);
}

/* littlefs' view of the flash */

static int fail(struct oneslot_source *source, enum oneslot_error error) {
    if (!source->error) {
        source->error = error;
    }
    return LFS_ERR_IO;
}

/// A healthy file system is opened with less than this: every metadata block is read a few times.
static void refill_budget(struct oneslot_source *source) {
    source->budget = 4 * source->region.size + 64 * 1024;
}

static int block_read(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, void *buffer,
                      lfs_size_t size) {
    struct oneslot_source *source = config->context;
    enum oneslot_error error;
    if (source->error) {
        return LFS_ERR_IO;
    }
    if (block >= config->block_count || offset + size > config->block_size || source->budget < size + READ_COST) {
        return fail(source, ONESLOT_ERROR_FS_CORRUPT);
    }
    source->budget -= size + READ_COST;
    // Directories can be damaged into a ring of one block. littlefs walks it for ever, and without a read once it has
    // the block cached. The shortest link of such a ring is 24 bytes, so a cache that never holds the block's start
    // together with what follows makes every round come by here, where the budget ends it.
    if (buffer == source->read_buffer && offset == 0) {
        source->lfs.rcache.size = READ_SIZE;
    }
    error =
        oneslot_flash_read(source->flash, source->region.address + block * config->block_size + offset, buffer, size);
    return error ? fail(source, error) : 0;
}

static int block_program(const struct lfs_config *config, lfs_block_t block, lfs_off_t offset, const void *buffer,
                         lfs_size_t size) {
    (void)config, (void)block, (void)offset, (void)buffer, (void)size;
    return LFS_ERR_IO;
}

static int block_erase(const struct lfs_config *config, lfs_block_t block) {
    (void)config, (void)block;
    return LFS_ERR_IO;
}

static int block_sync(const struct lfs_config *config) {
    (void)config;
    return LFS_ERR_IO;
}

/// littlefs wants its cache to divide the block.
static uint32_t cache_size(uint32_t block_size) {
    uint32_t size = ONESLOT_SOURCE_CACHE;
    while (block_size % size != 0) {
        size /= 2;
    }
    return size;
}

static void configure(struct oneslot_source *source, const struct oneslot_superblock *superblock) {
    struct lfs_config *config = &source->lfs_config;
    config->context = source;
    config->read = block_read;
    config->prog = block_program;
    config->erase = block_erase;
    config->sync = block_sync;
    config->read_size = READ_SIZE;
    config->prog_size = READ_SIZE;
    config->block_size = superblock->block_size;
    // Never 0, "whatever the superblock says": littlefs would divide by a block count of 0 in a damaged one.
    config->block_count = superblock->block_count;
    config->block_cycles = -1;
    config->cache_size = cache_size(superblock->block_size);
    config->lookahead_size = sizeof source->lookahead_buffer;
    config->read_buffer = source->read_buffer;
    // Filled once while mounting and then unused, since nothing is written.
    config->prog_buffer = source->read_buffer;
    config->lookahead_buffer = source->lookahead_buffer;
    source->file_config.buffer = source->file_buffer;
}

/* Open, read, close */

/// The first failure below littlefs; else what littlefs' own failure means.
static enum oneslot_error named(const struct oneslot_source *source, int failure, enum oneslot_error invalid) {
    if (source->error) {
        return source->error;
    }
    switch (failure) {
    case LFS_ERR_NOENT:
    case LFS_ERR_NOTDIR:
        return ONESLOT_ERROR_FILE_MISSING;
    case LFS_ERR_ISDIR:
        return ONESLOT_ERROR_FILE_NOT_FILE;
    case LFS_ERR_INVAL:
        return invalid;
    default:
        return ONESLOT_ERROR_FS_CORRUPT;
    }
}

static enum oneslot_error mount(struct oneslot_source *source) {
    struct oneslot_superblock superblock;
    enum oneslot_error error = oneslot_superblock_find(source->flash, &source->region, &superblock);
    int failure;
    if (error) {
        return error;
    }
    configure(source, &superblock);
    refill_budget(source);
    failure = lfs_mount(&source->lfs, &source->lfs_config);
    if (failure == LFS_ERR_INVAL && !source->error) { // a limit (name, file, attribute) that this build cannot serve
        return ONESLOT_ERROR_FS_VERSION;
    }
    if (failure) {
        return source->error ? source->error : ONESLOT_ERROR_FS_CORRUPT;
    }
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error check_size(struct oneslot_source *source) {
    lfs_soff_t size = lfs_file_size(&source->lfs, &source->file);
    if (size < 0 || (uint32_t)size > source->region.size) {
        return ONESLOT_ERROR_FS_CORRUPT;
    }
    source->size = (uint32_t)size;
    return size ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FILE_EMPTY;
}

static enum oneslot_error open_file(struct oneslot_source *source, const char *path) {
    enum oneslot_error error = mount(source);
    int failure;
    if (error) {
        return error;
    }
    failure = lfs_file_opencfg(&source->lfs, &source->file, path, LFS_O_RDONLY, &source->file_config);
    if (failure) {
        error = named(source, failure, ONESLOT_ERROR_PATH_INVALID);
        lfs_unmount(&source->lfs);
        return error;
    }
    source->is_file = true;
    error = check_size(source);
    if (error) {
        oneslot_source_close(source);
    }
    return error;
}

enum oneslot_error oneslot_source_open(struct oneslot_source *source, const struct oneslot_flash *flash,
                                       const struct oneslot_map *map, const char *path) {
    struct place place;
    enum oneslot_error error = find_place(&place, map, path);
    memset(source, 0, sizeof *source);
    if (error) {
        return error;
    }
    source->flash = flash;
    source->region = *place.region;
    source->raw = !place.file;
    source->size = place.length;
    return source->raw ? ONESLOT_ERROR_NONE : open_file(source, place.file);
}

static enum oneslot_error read_file(struct oneslot_source *source, uint32_t offset, void *buffer, uint32_t length) {
    lfs_ssize_t done;
    if (source->error) {
        return source->error;
    }
    refill_budget(source);
    if (source->position != offset) {
        lfs_soff_t failure = lfs_file_seek(&source->lfs, &source->file, (lfs_soff_t)offset, LFS_SEEK_SET);
        if (failure < 0) {
            return named(source, failure, ONESLOT_ERROR_FILE_READ);
        }
    }
    source->position = UINT32_MAX; // unknown, should the read fail half-way
    done = lfs_file_read(&source->lfs, &source->file, buffer, length);
    if (done < 0) {
        return named(source, done, ONESLOT_ERROR_FILE_READ);
    }
    if ((uint32_t)done != length) {
        return ONESLOT_ERROR_FILE_READ;
    }
    source->position = offset + length;
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_source_read_stored(struct oneslot_source *source, uint32_t offset, void *buffer,
                                              uint32_t length) {
    uint32_t stored = source->view ? source->stored : source->size;
    if (offset > stored || length > stored - offset) {
        return ONESLOT_ERROR_FILE_READ;
    }
    if (!source->is_file) {
        return oneslot_flash_read(source->flash, source->region.address + offset, buffer, length);
    }
    return read_file(source, offset, buffer, length);
}

enum oneslot_error oneslot_source_read(struct oneslot_source *source, uint32_t offset, void *buffer, uint32_t length) {
    if (source->view) {
        if (offset > source->size || length > source->size - offset) {
            return ONESLOT_ERROR_FILE_READ;
        }
        return source->view(source->view_context, source, offset, buffer, length);
    }
    return oneslot_source_read_stored(source, offset, buffer, length);
}

void oneslot_source_set_view(struct oneslot_source *source, uint32_t size, oneslot_source_view *view, void *context) {
    source->stored = source->size;
    source->size = size;
    source->raw = false; // what is shown ends where it says
    source->view = view;
    source->view_context = context;
}

void oneslot_source_close(struct oneslot_source *source) {
    if (!source->is_file) {
        return;
    }
    lfs_file_close(&source->lfs, &source->file);
    lfs_unmount(&source->lfs);
    source->is_file = false;
}
