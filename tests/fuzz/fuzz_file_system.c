/*
 * Fuzz target: files on a littlefs and raw regions. The first byte says the block size for which checksums of metadata
 * are made right, the second which path is opened (or that it follows), the third how it is read; then the region in
 * pieces. Whatever lies there, opening and reading end, in an error by name or in the same bytes each time.
 */
#include <string.h>

#include "oneslot/source.h"
#include "tests/fuzz/input.h"
#include "tests/littlefs_reseal.h"

#define CHIP_SIZE   0x30000u
#define REGION      0x10000u
#define REGION_SIZE 0x20000u
#define PATH_ROOM   (ONESLOT_PATH_MAX + 8)
#define READS       48u

/// The bound that source.h promises is for one call: a few times the region, and looking for the superblock, which
/// tries every block size.
#define OPEN_BYTES_MAX (16u * REGION_SIZE)
#define READ_BYTES_MAX (8u * REGION_SIZE)

static _Alignas(4) uint8_t chip[CHIP_SIZE];
static uint8_t content[REGION_SIZE];
static uint8_t again[REGION_SIZE];

static const struct oneslot_map map = {
    .count = 2,
    .partition = {
        {.type = 1, .subtype = 2, .address = 0x8000, .size = 0x4000, .label = "nvs"},
        {.type = 1, .subtype = ONESLOT_SUBTYPE_DATA_LITTLEFS, .address = REGION, .size = REGION_SIZE, .label = "vfs"}}};

static const char *const PATHS[] = {"/fw.bin",    "/lib/a/deep.bin", "/inline", "/lib", "vfs:/fw.bin",
                                    "/d/e/f/g/h", "@vfs:0x1800",     "@vfs",    "/",    "/lib/../lib/./a/deep.bin"};
#define PATH_COUNT (sizeof PATHS / sizeof *PATHS)

static void make_checksums_right(uint32_t which) {
    const uint32_t size = 256u << (which & 15u);
    if (which == 0 || size > REGION_SIZE) {
        return;
    }
    for (uint32_t at = REGION; at < REGION + REGION_SIZE; at += size) {
        littlefs_reseal(chip + at, size);
    }
}

static const char *choose_path(struct input *input, char path[PATH_ROOM]) {
    const uint32_t which = input_number(input, 1);
    if (which < 0x80) {
        return PATHS[which % PATH_COUNT];
    }
    path[input_take(input, path, which % PATH_ROOM)] = 0;
    return path;
}

static bool is_open_error(enum oneslot_error error) {
    return (error >= ONESLOT_ERROR_FS_MISSING && error <= ONESLOT_ERROR_FILE_EMPTY) ||
           error == ONESLOT_ERROR_PATH_INVALID;
}

/// Reads a source from its start, or from its end, into `to`. Returns the first error.
static enum oneslot_error read_all(struct oneslot_source *source, uint32_t part, bool backwards, uint8_t *to) {
    const uint32_t parts = (source->size + part - 1) / part;
    for (uint32_t i = 0; i < parts; i++) {
        const uint32_t at = (backwards ? parts - 1 - i : i) * part;
        const uint32_t length = part < source->size - at ? part : source->size - at;
        input_bytes_read = 0;
        enum oneslot_error error = oneslot_source_read(source, at, to + at, length);
        DEMAND(input_bytes_read <= READ_BYTES_MAX);
        if (error != ONESLOT_ERROR_NONE) {
            DEMAND(error == ONESLOT_ERROR_FILE_READ || error == ONESLOT_ERROR_FS_CORRUPT);
            return error;
        }
    }
    return ONESLOT_ERROR_NONE;
}

static void check_file(struct oneslot_source *source, uint32_t step) {
    uint8_t byte;
    DEMAND(source->size > 0 && source->size <= source->region.size);
    const uint32_t part = source->size / READS + 1 + step;
    enum oneslot_error error = read_all(source, part, false, content);
    DEMAND(oneslot_source_read(source, source->size, &byte, 1) != ONESLOT_ERROR_NONE);
    if (read_all(source, part, true, again) == ONESLOT_ERROR_NONE && error == ONESLOT_ERROR_NONE) {
        DEMAND(memcmp(content, again, source->size) == 0);
        DEMAND(!source->raw || memcmp(content, chip + source->region.address, source->size) == 0);
    }
    oneslot_source_close(source);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct oneslot_source source;
    struct oneslot_flash flash;
    struct input input = {.bytes = data, .left = size};
    char chosen[PATH_ROOM];
    const uint32_t right = input_number(&input, 1);
    const char *path = choose_path(&input, chosen);
    const uint32_t step = input_number(&input, 1) * 16;
    memset(chip, 0xff, REGION);
    input_flash(&input, chip + REGION, REGION_SIZE);
    make_checksums_right(right);
    input_chip(&flash, chip, CHIP_SIZE);
    enum oneslot_error error = oneslot_source_open(&source, &flash, &map, path);
    DEMAND(input_bytes_read <= OPEN_BYTES_MAX);
    if (error == ONESLOT_ERROR_NONE) {
        check_file(&source, step);
    } else {
        DEMAND(is_open_error(error));
    }
    return 0;
}
