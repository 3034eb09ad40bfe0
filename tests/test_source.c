/* The file source: what littlefs holds is read right, and what is damaged ends in a named reason, never in a crash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lfs_util.h"
#include "oneslot/source.h"
#include "tests/littlefs_reseal.h"

#define FLASH_SIZE   0x100000u
#define REGION       0x20000u
#define REGION_SIZE  0xc0000u
#define LARGE        200000u
#define HANG_SECONDS 120

/* A chip in memory, and a writer of file systems: littlefs in full */

static _Alignas(4) uint8_t chip[FLASH_SIZE];
static uint32_t failing_from, failing_to; ///< reads that touch these addresses fail
static uint64_t bytes_read;

static int chip_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    if (address < failing_to && address + length > failing_from)
        return 1;
    bytes_read += length;
    memcpy(buffer, chip + address, length);
    return 0;
}

static int chip_refuse(void) {
    fail_msg("the file system was written");
    return 1;
}

static int chip_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context, (void)address, (void)data, (void)length;
    return chip_refuse();
}

static int chip_erase(void *context, uint32_t address) {
    (void)context, (void)address;
    return chip_refuse();
}

static const struct oneslot_flash flash = {
    .size = FLASH_SIZE, .read = chip_read, .program = chip_program, .erase_sector = chip_erase};

static struct oneslot_map map = {
    .count = 2,
    .partition = {
        {.type = 1, .subtype = 2, .address = 0x10000, .size = 0x4000, .label = "nvs"},
        {.type = 1, .subtype = ONESLOT_SUBTYPE_DATA_LITTLEFS, .address = REGION, .size = REGION_SIZE, .label = "vfs"}}};

static int writer_read(const struct lfs_config *c, lfs_block_t block, lfs_off_t off, void *buffer, lfs_size_t size) {
    memcpy(buffer, chip + REGION + block * c->block_size + off, size);
    return 0;
}

static int writer_program(const struct lfs_config *c, lfs_block_t block, lfs_off_t off, const void *buffer,
                          lfs_size_t size) {
    memcpy(chip + REGION + block * c->block_size + off, buffer, size);
    return 0;
}

static int writer_erase(const struct lfs_config *c, lfs_block_t block) {
    memset(chip + REGION + block * c->block_size, 0xff, c->block_size);
    return 0;
}

static int writer_sync(const struct lfs_config *c) {
    (void)c;
    return 0;
}

static struct lfs_config writer_config;
static lfs_t writer;

static void writer_format(uint32_t block_size, uint32_t block_count, uint32_t cache) {
    memset(chip, 0xff, sizeof chip);
    writer_config = (struct lfs_config){.read = writer_read,
                                        .prog = writer_program,
                                        .erase = writer_erase,
                                        .sync = writer_sync,
                                        .read_size = 32,
                                        .prog_size = 32,
                                        .block_size = block_size,
                                        .block_count = block_count,
                                        .block_cycles = 100,
                                        .cache_size = cache,
                                        .lookahead_size = 32};
    assert_int_equal(lfs_format(&writer, &writer_config), 0);
    assert_int_equal(lfs_mount(&writer, &writer_config), 0);
}

/// The byte at `offset` of the file with that seed.
static uint8_t content(uint32_t seed, uint32_t offset) {
    return (uint8_t)((offset * 2654435761u + seed * 40503u) >> 13);
}

/// Writes a file in parts of `part` bytes, closing it in between when `fragments` is set.
static void write_file(const char *path, uint32_t seed, uint32_t size, uint32_t part, bool fragments) {
    lfs_file_t file;
    uint8_t buffer[1024];
    assert_int_equal(lfs_file_open(&writer, &file, path, LFS_O_WRONLY | LFS_O_CREAT | LFS_O_TRUNC), 0);
    for (uint32_t done = 0; done < size;) {
        uint32_t length = part < size - done ? part : size - done;
        for (uint32_t i = 0; i < length; i++)
            buffer[i] = content(seed, done + i);
        if (lfs_file_write(&writer, &file, buffer, length) != (lfs_ssize_t)length)
            fail_msg("block size %u: %s does not fit", writer_config.block_size, path);
        done += length;
        if (fragments) {
            assert_int_equal(lfs_file_close(&writer, &file), 0);
            assert_int_equal(lfs_file_open(&writer, &file, path, LFS_O_WRONLY | LFS_O_APPEND), 0);
        }
    }
    assert_int_equal(lfs_file_close(&writer, &file), 0);
}

/// A file system with everything in it that the tests look for.
static void write_all(uint32_t block_size, uint32_t block_count) {
    uint32_t inline_max = block_size / 8 < 1022 ? block_size / 8 : 1022;
    writer_format(block_size, block_count, block_size < 1024 ? block_size : 1024);
    assert_int_equal(lfs_mkdir(&writer, "/lib"), 0);
    assert_int_equal(lfs_mkdir(&writer, "/lib/a"), 0);
    assert_int_equal(lfs_mkdir(&writer, "/lib/a/b"), 0);
    write_file("/main.py", 1, 17, 17, false);
    write_file("/fw.bin", 2, LARGE, 1000, false);
    write_file("/inline", 3, inline_max, inline_max, false);
    write_file("/lib/a/b/deep.bin", 4, block_size < 16384 ? 3 * block_size : 50000, 700, false);
    write_file("/fragments.bin", 5, 9000, 300, true);
    write_file("/block", 6, block_size, 512, false);
    write_file("/empty", 7, 0, 1, false);
    write_file("/a:b", 8, 40, 40, false);
    assert_int_equal(lfs_unmount(&writer), 0);
}

static const struct {
    const char *path;
    uint32_t seed;
} files[] = {{"/main.py", 1},
             {"/fw.bin", 2},
             {"/inline", 3},
             {"/lib/a/b/deep.bin", 4},
             {"/fragments.bin", 5},
             {"/block", 6},
             {"/a:b", 8},
             {"fw.bin", 2},
             {"vfs:/fw.bin", 2},
             {"vfs:fw.bin", 2},
             {"//lib/./a/b/../b/deep.bin", 4}};

static int setup(void **state) {
    (void)state;
    failing_from = failing_to = 0;
    map.partition[1].size = REGION_SIZE;
    alarm(HANG_SECONDS);
    return 0;
}

static enum oneslot_error try_open(struct oneslot_source *source, const char *path) {
    return oneslot_source_open(source, &flash, &map, path);
}

static void assert_error(enum oneslot_error error, enum oneslot_error expected, const char *what) {
    if (error != expected)
        fail_msg("%s: %s, not %s", what, oneslot_error_name(error), oneslot_error_name(expected));
}

static void assert_open(enum oneslot_error expected, const char *path, const char *what) {
    struct oneslot_source source;
    enum oneslot_error error = try_open(&source, path);
    if (error != expected)
        fail_msg("%s, %s: %s, not %s", what, path, oneslot_error_name(error), oneslot_error_name(expected));
    assert_int_equal(source.is_file && error, 0); // there is nothing to close
    oneslot_source_close(&source);
}

/// Reads a whole file in parts of `part` bytes and compares it.
static void assert_content(const char *path, uint32_t seed, uint32_t part) {
    struct oneslot_source source;
    uint8_t buffer[4096];
    assert_error(try_open(&source, path), ONESLOT_ERROR_NONE, path);
    assert_false(source.raw);
    assert_int_equal(source.region.address, REGION);
    for (uint32_t offset = 0; offset < source.size; offset += part) {
        uint32_t length = part < source.size - offset ? part : source.size - offset;
        assert_error(oneslot_source_read(&source, offset, buffer, length), ONESLOT_ERROR_NONE, path);
        for (uint32_t i = 0; i < length; i++)
            if (buffer[i] != content(seed, offset + i))
                fail_msg("%s differs at %u", path, offset + i);
    }
    oneslot_source_close(&source);
}

static const uint32_t block_sizes[] = {512, 1024, 4096, 8192, 16384, 32768, 65536};
#define BLOCK_SIZES  (sizeof block_sizes / sizeof block_sizes[0])
#define FILLED_SIZES (BLOCK_SIZES - 1) // with the largest blocks, not all the files fit

static void files_are_read_whole_whatever_the_block_size(void **state) {
    (void)state;
    for (size_t i = 0; i < FILLED_SIZES; i++) {
        write_all(block_sizes[i], REGION_SIZE / block_sizes[i]);
        for (size_t j = 0; j < sizeof files / sizeof files[0]; j++) {
            assert_content(files[j].path, files[j].seed, 4096);
            assert_content(files[j].path, files[j].seed, 333);
        }
    }
}

static void a_file_system_may_be_smaller_than_its_region(void **state) {
    (void)state;
    write_all(4096, 100);
    assert_content("/fw.bin", 2, 1024);
    write_all(8192, 61);
    assert_content("/fw.bin", 2, 1024);
}

static void a_file_system_that_has_grown_is_mounted(void **state) {
    (void)state;
    write_all(4096, 100);
    assert_int_equal(lfs_mount(&writer, &writer_config), 0);
    assert_int_equal(lfs_fs_grow(&writer, 150), 0);
    lfs_unmount(&writer);
    assert_content("/fw.bin", 2, 1024);
}

static void a_superblock_that_has_moved_its_root_is_mounted(void **state) {
    (void)state;
    write_all(4096, REGION_SIZE / 4096);
    writer_config.block_cycles = 2; // littlefs moves the root away from block 0 when that was erased often
    assert_int_equal(lfs_mount(&writer, &writer_config), 0);
    for (int i = 0; i < 400; i++)
        write_file("/main.py", 1, 17, 17, false);
    assert_true(writer.root[0] > 1 && writer.root[1] > 1);
    lfs_unmount(&writer);
    for (size_t j = 0; j < sizeof files / sizeof files[0]; j++)
        assert_content(files[j].path, files[j].seed, 1000);
}

static void reads_may_come_in_any_order(void **state) {
    struct oneslot_source source;
    uint32_t random = 1;
    (void)state;
    write_all(4096, REGION_SIZE / 4096);
    assert_error(try_open(&source, "/fw.bin"), ONESLOT_ERROR_NONE, "/fw.bin");
    assert_int_equal(source.size, LARGE);
    for (int i = 0; i < 3000; i++) {
        uint8_t buffer[600];
        random = random * 1664525u + 1013904223u;
        uint32_t length = (random >> 8) % sizeof buffer;
        uint32_t offset = (random >> 3) % (LARGE - length + 1);
        assert_error(oneslot_source_read(&source, offset, buffer, length), ONESLOT_ERROR_NONE, "random read");
        for (uint32_t j = 0; j < length; j++)
            assert_int_equal(buffer[j], content(2, offset + j));
    }
    oneslot_source_close(&source);
}

static void sequential_reads_cost_little_more_than_the_file(void **state) {
    struct oneslot_source source;
    uint8_t buffer[256];
    (void)state;
    write_all(4096, REGION_SIZE / 4096);
    assert_error(try_open(&source, "/fw.bin"), ONESLOT_ERROR_NONE, "/fw.bin");
    bytes_read = 0;
    for (uint32_t offset = 0; offset + sizeof buffer <= LARGE; offset += sizeof buffer)
        assert_error(oneslot_source_read(&source, offset, buffer, sizeof buffer), ONESLOT_ERROR_NONE, "read");
    assert_in_range(bytes_read, LARGE - 256, LARGE + LARGE / 20);
    oneslot_source_close(&source);
}

static void reading_past_the_end_is_refused(void **state) {
    static const struct {
        uint32_t offset, length;
        enum oneslot_error expected;
    } cases[] = {
        {LARGE - 1, 1, ONESLOT_ERROR_NONE},
        {LARGE, 0, ONESLOT_ERROR_NONE},
        {LARGE, 1, ONESLOT_ERROR_FILE_READ},
        {LARGE - 1, 2, ONESLOT_ERROR_FILE_READ},
        {LARGE + 1, 0, ONESLOT_ERROR_FILE_READ},
        {0, LARGE + 1, ONESLOT_ERROR_FILE_READ},
        {UINT32_MAX, 2, ONESLOT_ERROR_FILE_READ},
        {2, UINT32_MAX, ONESLOT_ERROR_FILE_READ},
        {0, 1, ONESLOT_ERROR_NONE},
    };
    struct oneslot_source source;
    uint8_t buffer[4];
    (void)state;
    write_all(4096, REGION_SIZE / 4096);
    assert_error(try_open(&source, "/fw.bin"), ONESLOT_ERROR_NONE, "/fw.bin");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_int_equal(oneslot_source_read(&source, cases[i].offset, buffer, cases[i].length), cases[i].expected);
    oneslot_source_close(&source);
}

#define TEN     "/123456789"
#define HUNDRED TEN TEN TEN TEN TEN TEN TEN TEN TEN TEN

static void a_path_that_cannot_be_opened_has_its_reason(void **state) {
    static const struct {
        const char *path;
        enum oneslot_error expected;
    } cases[] = {
        {"", ONESLOT_ERROR_PATH_INVALID},
        {HUNDRED TEN TEN, ONESLOT_ERROR_FILE_MISSING},
        {HUNDRED TEN TEN "x", ONESLOT_ERROR_PATH_INVALID},
        {"/nothing", ONESLOT_ERROR_FILE_MISSING},
        {"/fw.bi", ONESLOT_ERROR_FILE_MISSING},
        {"/fw.bin2", ONESLOT_ERROR_FILE_MISSING},
        {"/lib/nothing", ONESLOT_ERROR_FILE_MISSING},
        {"/nothing/fw.bin", ONESLOT_ERROR_FILE_MISSING},
        {"/fw.bin/x", ONESLOT_ERROR_FILE_MISSING},
        {"/fw.bin/", ONESLOT_ERROR_FILE_MISSING},
        {"/", ONESLOT_ERROR_FILE_NOT_FILE},
        {"/lib", ONESLOT_ERROR_FILE_NOT_FILE},
        {"/lib/", ONESLOT_ERROR_FILE_NOT_FILE},
        {"/lib/a/b", ONESLOT_ERROR_FILE_NOT_FILE},
        {"/empty", ONESLOT_ERROR_FILE_EMPTY},
        {"/../fw.bin", ONESLOT_ERROR_PATH_INVALID},
        {"other:/fw.bin", ONESLOT_ERROR_PATH_INVALID},
        {"a-label-of-seventeen:/fw.bin", ONESLOT_ERROR_PATH_INVALID},
        {":/fw.bin", ONESLOT_ERROR_PATH_INVALID},
        {"vfs:", ONESLOT_ERROR_PATH_INVALID},
        {"nvs:/fw.bin", ONESLOT_ERROR_FS_MISSING},
        {"@", ONESLOT_ERROR_PATH_INVALID},
        {"@other", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:0x", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:12a", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:-1", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:0x4001", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:4294967297", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:0x100000001", ONESLOT_ERROR_PATH_INVALID},
        {"@nvs:0", ONESLOT_ERROR_FILE_EMPTY},
        {"@nvs", ONESLOT_ERROR_NONE},
        {"@nvs:0x4000", ONESLOT_ERROR_NONE},
        {"@nvs:16384", ONESLOT_ERROR_NONE},
        {"/a:b", ONESLOT_ERROR_NONE},
    };
    (void)state;
    write_all(4096, REGION_SIZE / 4096);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        assert_open(cases[i].expected, cases[i].path, "path");
}

static void a_map_without_a_file_system_says_so(void **state) {
    struct oneslot_map none = {.count = 1};
    struct oneslot_source source;
    (void)state;
    assert_int_equal(oneslot_source_open(&source, &flash, &none, "/fw.bin"), ONESLOT_ERROR_FS_MISSING);
}

static void a_raw_region_is_read_as_it_lies_there(void **state) {
    struct oneslot_source source;
    uint8_t buffer[7];
    (void)state;
    memset(chip, 0xff, sizeof chip);
    for (uint32_t i = 0; i < 0x4000; i++)
        chip[0x10000 + i] = content(9, i);
    assert_error(try_open(&source, "@nvs:0x123"), ONESLOT_ERROR_NONE, "@nvs:0x123");
    assert_true(source.raw);
    assert_int_equal(source.size, 0x123);
    assert_string_equal(source.region.label, "nvs");
    assert_error(oneslot_source_read(&source, 0x11b, buffer, 7), ONESLOT_ERROR_NONE, "read");
    for (uint32_t i = 0; i < 7; i++)
        assert_int_equal(buffer[i], content(9, 0x11b + i));
    assert_error(oneslot_source_read(&source, 0x11d, buffer, 7), ONESLOT_ERROR_FILE_READ, "past the end");
    failing_from = 0x10000, failing_to = 0x10001;
    assert_error(oneslot_source_read(&source, 0, buffer, 1), ONESLOT_ERROR_FLASH_READ, "failing chip");
    oneslot_source_close(&source);
}

/* Damage, made by hand */

/// Writes the entries and commits of one metadata block, as littlefs' SPEC.md describes them.
struct metadata {
    uint8_t *at;
    uint32_t tag;
    uint32_t crc;
};

static void metadata_bytes(struct metadata *m, const void *bytes, uint32_t length) {
    memcpy(m->at, bytes, length);
    m->at += length;
    m->crc = lfs_crc(m->crc, bytes, length);
}

static struct metadata metadata_begin(uint32_t block, uint32_t block_size, uint32_t revision) {
    struct metadata m = {.at = chip + REGION + block * block_size, .tag = 0xffffffff, .crc = 0xffffffff};
    memset(m.at, 0xff, 4096);
    metadata_bytes(&m, &revision, 4);
    return m;
}

static void metadata_entry(struct metadata *m, uint32_t type, uint32_t id, const void *data, uint32_t size) {
    uint32_t tag = type << 20 | id << 10 | size;
    uint32_t stored = lfs_tobe32(tag ^ m->tag);
    m->tag = tag;
    metadata_bytes(m, &stored, 4);
    if (data)
        metadata_bytes(m, data, size);
}

static void metadata_commit(struct metadata *m) {
    metadata_entry(m, 0x500, 0x3ff, NULL, 4);
    memcpy(m->at, &m->crc, 4);
}

static void metadata_superblock(struct metadata *m, uint32_t version, uint32_t block_size, uint32_t block_count) {
    const uint32_t words[6] = {version, block_size, block_count, 255, 2147483647, 1022};
    metadata_entry(m, 0x0ff, 0, "littlefs", 8);
    metadata_entry(m, 0x201, 0, words, sizeof words);
}

/// A file system with the inline file "/f" in it, in both blocks of the pair.
static void write_by_hand(uint32_t version, uint32_t block_size, uint32_t block_count) {
    memset(chip, 0xff, sizeof chip);
    for (uint32_t block = 0; block < 2; block++) {
        struct metadata m = metadata_begin(block, block_size, 1 + block);
        metadata_superblock(&m, version, block_size, block_count);
        metadata_entry(&m, 0x001, 1, "f", 1);
        metadata_entry(&m, 0x201, 1, "hello", 5);
        metadata_commit(&m);
    }
}

static void disk_versions_2_0_and_2_1_are_read_and_no_other(void **state) {
    static const struct {
        uint32_t version;
        enum oneslot_error expected;
    } cases[] = {{0x00020000, ONESLOT_ERROR_NONE},       {0x00020001, ONESLOT_ERROR_NONE},
                 {0x00020002, ONESLOT_ERROR_FS_VERSION}, {0x00030000, ONESLOT_ERROR_FS_VERSION},
                 {0x00010007, ONESLOT_ERROR_FS_VERSION}, {0xffffffff, ONESLOT_ERROR_FS_VERSION}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_by_hand(cases[i].version, 4096, 16);
        assert_open(cases[i].expected, "/f", "version");
    }
    memset(chip, 0xff, sizeof chip);
    memcpy(chip + REGION + 40, "littlefs", 8); // where littlefs 1 has its name
    assert_open(ONESLOT_ERROR_FS_VERSION, "/f", "littlefs 1");
}

static void a_superblock_that_does_not_fit_is_named(void **state) {
    static const struct {
        uint32_t block_count;
        enum oneslot_error expected;
    } cases[] = {{REGION_SIZE / 4096, ONESLOT_ERROR_NONE},
                 {2, ONESLOT_ERROR_NONE},
                 {0, ONESLOT_ERROR_FS_CORRUPT},
                 {1, ONESLOT_ERROR_FS_CORRUPT},
                 {REGION_SIZE / 4096 + 1, ONESLOT_ERROR_FS_CORRUPT},
                 {0x100000, ONESLOT_ERROR_FS_CORRUPT},
                 {0xffffffff, ONESLOT_ERROR_FS_CORRUPT}};
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        write_by_hand(0x00020001, 4096, cases[i].block_count);
        assert_open(cases[i].expected, "/f", "block count");
    }
}

static void what_is_no_littlefs_is_told_from_a_damaged_one(void **state) {
    (void)state;
    memset(chip, 0xff, sizeof chip);
    assert_open(ONESLOT_ERROR_FS_MISSING, "/f", "erased flash");
    memset(chip, 0, sizeof chip);
    assert_open(ONESLOT_ERROR_FS_MISSING, "/f", "zeros");
    for (size_t i = 0; i < FILLED_SIZES; i++) {
        write_all(block_sizes[i], REGION_SIZE / block_sizes[i]);
        chip[REGION + 20] ^= 1;
        chip[REGION + block_sizes[i] + 20] ^= 1;
        assert_open(ONESLOT_ERROR_FS_CORRUPT, "/fw.bin", "both superblocks damaged");
        memset(chip + REGION, 0xff, block_sizes[i]);
        assert_open(ONESLOT_ERROR_FS_CORRUPT, "/fw.bin", "one erased, one damaged");
    }
    map.partition[1].size = 4096;
    assert_open(ONESLOT_ERROR_FS_MISSING, "/f", "a region of one sector, zeros");
}

/// littlefs keeps its root in two blocks, and only one of them has to be whole.
static void one_torn_superblock_is_no_harm(void **state) {
    static const struct {
        uint32_t from, length;
        int value;
    } tears[] = {{0, 1 << 20, 0xff}, {0, 1 << 20, 0x5a}, {0, 1 << 20, 0}, {8, 1, 0},
                 {20, 30, 0},        {0, 4, 0x7f},       {24, 4, 0xff}};
    (void)state;
    for (size_t i = 0; i < BLOCK_SIZES; i++) {
        for (uint32_t block = 0; block < 2; block++) {
            for (size_t k = 0; k < sizeof tears / sizeof tears[0]; k++) {
                uint32_t size = block_sizes[i];
                uint32_t length = tears[k].length < size ? tears[k].length : size;
                struct oneslot_source source;
                char buffer[5];
                write_by_hand(0x00020001, size, REGION_SIZE / size);
                memset(chip + REGION + block * size + tears[k].from, tears[k].value, length);
                assert_error(try_open(&source, "/f"), ONESLOT_ERROR_NONE, "torn");
                assert_error(oneslot_source_read(&source, 0, buffer, 5), ONESLOT_ERROR_NONE, "torn");
                assert_memory_equal(buffer, "hello", 5);
                oneslot_source_close(&source);
            }
        }
    }
}

static void a_ring_of_directories_ends(void **state) {
    static const uint32_t self[2] = {3, 3}, start[2] = {3, 2}, pair[2] = {4, 5}, back[2] = {6, 7};
    (void)state;
    write_by_hand(0x00020001, 4096, 16);
    for (uint32_t block = 0; block < 2; block++) {
        struct metadata m = metadata_begin(block, 4096, 1 + block);
        metadata_superblock(&m, 0x00020001, 4096, 16);
        metadata_entry(&m, 0x002, 1, "d", 1);
        metadata_entry(&m, 0x200, 1, start, 8);
        metadata_entry(&m, 0x002, 2, "e", 1);
        metadata_entry(&m, 0x200, 2, pair, 8);
        metadata_commit(&m);
    }
    for (uint32_t block = 2; block < 8; block++) {
        struct metadata m = metadata_begin(block, 4096, block);
        metadata_entry(&m, 0x601, 0x3ff, block < 4 ? self : block < 6 ? back : pair, 8);
        metadata_commit(&m);
    }
    bytes_read = 0;
    assert_open(ONESLOT_ERROR_FS_CORRUPT, "/d/x", "a ring of one block");
    assert_open(ONESLOT_ERROR_FS_CORRUPT, "/e/x", "a ring of two pairs");
    assert_in_range(bytes_read, 0, 16 * REGION_SIZE);
}

static void a_failing_chip_is_not_taken_for_a_damaged_file_system(void **state) {
    struct oneslot_source source;
    uint8_t buffer[64];
    (void)state;
    write_all(4096, REGION_SIZE / 4096);
    for (uint32_t address = REGION; address < REGION + 2 * 4096; address += 64) {
        enum oneslot_error error;
        failing_from = address, failing_to = address + 64;
        error = try_open(&source, "/fw.bin");
        if (!error)
            oneslot_source_close(&source);
        assert_true(error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_FLASH_READ);
    }
    failing_from = REGION, failing_to = FLASH_SIZE;
    assert_open(ONESLOT_ERROR_FLASH_READ, "/fw.bin", "nothing can be read");
    failing_to = 0;
    assert_error(try_open(&source, "/fw.bin"), ONESLOT_ERROR_NONE, "/fw.bin");
    failing_to = FLASH_SIZE;
    assert_error(oneslot_source_read(&source, 5000, buffer, 64), ONESLOT_ERROR_FLASH_READ, "read");
    failing_to = 0; // the chip is back, but what littlefs has in its cache was never read
    assert_error(oneslot_source_read(&source, 5000, buffer, 64), ONESLOT_ERROR_FLASH_READ, "read again");
    oneslot_source_close(&source);
    assert_content("/fw.bin", 2, 4096);
}

static bool named(enum oneslot_error error) {
    return error == ONESLOT_ERROR_FS_MISSING || error == ONESLOT_ERROR_FS_CORRUPT ||
           error == ONESLOT_ERROR_FS_VERSION || error == ONESLOT_ERROR_FILE_MISSING ||
           error == ONESLOT_ERROR_FILE_NOT_FILE || error == ONESLOT_ERROR_FILE_EMPTY ||
           error == ONESLOT_ERROR_FILE_READ;
}

/// Opens and reads a whole file; `right` says whether its content is the one that was written.
static enum oneslot_error read_damaged(const char *path, uint32_t seed, uint32_t size, bool *right) {
    struct oneslot_source source;
    uint8_t buffer[512];
    enum oneslot_error error = try_open(&source, path);
    *right = false;
    if (error)
        return error;
    *right = source.size == size;
    for (uint32_t offset = 0; offset < source.size && !error; offset += sizeof buffer) {
        uint32_t length = source.size - offset < sizeof buffer ? source.size - offset : sizeof buffer;
        error = oneslot_source_read(&source, offset, buffer, length);
        for (uint32_t i = 0; i < length && !error; i++)
            *right &= buffer[i] == content(seed, offset + i);
    }
    oneslot_source_close(&source);
    return error;
}

static void a_flipped_byte_in_the_root_is_named_or_harmless(void **state) {
    static const uint8_t masks[] = {0xff, 0x01, 0x80};
    static const uint32_t sizes[] = {4096, 8192};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint32_t harmless = 0, refused = 0;
        writer_format(sizes[i], 16, 512);
        write_file("/main.py", 1, 17, 17, false);
        write_file("/fw.bin", 2, 2 * sizes[i], 512, false);
        lfs_unmount(&writer);
        for (uint32_t offset = 0; offset < 2 * sizes[i]; offset++) {
            for (size_t k = 0; k < sizeof masks; k++) {
                bool right;
                enum oneslot_error error;
                chip[REGION + offset] ^= masks[k];
                error = read_damaged("/fw.bin", 2, 2 * sizes[i], &right);
                chip[REGION + offset] ^= masks[k];
                if (error ? !named(error) : !right)
                    fail_msg("byte %u flipped by %02x: %s", offset, masks[k], oneslot_error_name(error));
                harmless += !error;
                refused += error != ONESLOT_ERROR_NONE;
            }
        }
        print_message("block size %u: %u harmless, %u refused\n", sizes[i], harmless, refused);
        assert_true(harmless > 0 && refused > 0);
    }
}

static uint32_t fuzz_random;

static uint32_t fuzz_below(uint32_t limit) {
    fuzz_random ^= fuzz_random << 13;
    fuzz_random ^= fuzz_random >> 17;
    fuzz_random ^= fuzz_random << 5;
    return fuzz_random % limit;
}

static void damage(uint8_t *bytes, uint32_t size) {
    uint32_t at = fuzz_below(size);
    uint32_t length = 1 + fuzz_below(size - at < 64 ? size - at : 64);
    switch (fuzz_below(5)) {
    case 0:
        bytes[at] ^= (uint8_t)(1u << fuzz_below(8));
        break;
    case 1:
        bytes[at] = (uint8_t)fuzz_below(256);
        break;
    case 2:
        memset(bytes + at, fuzz_below(2) ? 0xff : 0, length);
        break;
    case 3:
        memmove(bytes + at, bytes + fuzz_below(size - length + 1), length);
        break;
    default:
        for (uint32_t i = 0; i < length; i++)
            bytes[at + i] = (uint8_t)fuzz_below(256);
    }
}

#define FUZZ_CASES  20000
#define FUZZ_BLOCKS 16u
#define FUZZ_SIZE   (FUZZ_BLOCKS * 4096)

static void random_damage_ends_in_a_name_and_in_bounded_time(void **state) {
    static uint8_t healthy[FUZZ_SIZE];
    static const char *const paths[] = {"/fw.bin", "/lib/a/deep.bin", "/main.py"};
    uint32_t counts[100] = {0};
    uint64_t most = 0;
    (void)state;
    map.partition[1].size = FUZZ_SIZE;
    fuzz_random = 20240711;
    writer_format(4096, FUZZ_BLOCKS, 512);
    assert_int_equal(lfs_mkdir(&writer, "/lib"), 0);
    assert_int_equal(lfs_mkdir(&writer, "/lib/a"), 0);
    write_file("/main.py", 1, 17, 17, false);
    write_file("/fw.bin", 2, 10000, 1000, false);
    write_file("/lib/a/deep.bin", 4, 5000, 700, false);
    lfs_unmount(&writer);
    memcpy(healthy, chip + REGION, FUZZ_SIZE);
    for (int i = 0; i < FUZZ_CASES; i++) {
        bool right;
        enum oneslot_error error;
        bool believed = i % 2;
        // Mostly the beginning of a block, where the entries lie.
        for (uint32_t hits = 1 + fuzz_below(4); hits > 0; hits--) {
            uint8_t *block = chip + REGION + fuzz_below(FUZZ_BLOCKS) * 4096;
            while (believed && !(block[4] & 0x80 && block[5] != 0xff)) // not the start of a chain of entries
                block = chip + REGION + fuzz_below(FUZZ_BLOCKS) * 4096;
            damage(block, fuzz_below(4) ? 256 : 4096);
            if (believed)
                littlefs_reseal(block, 4096);
        }
        bytes_read = 0;
        error = read_damaged(paths[i % 3], 2, 10000, &right);
        if (error && !named(error))
            fail_msg("case %d: %s", i, oneslot_error_name(error));
        if (bytes_read > most)
            most = bytes_read;
        counts[error]++;
        memcpy(chip + REGION, healthy, FUZZ_SIZE);
    }
    for (int i = 0; i < 100; i++)
        if (counts[i])
            print_message("%u x %s\n", counts[i], oneslot_error_name((enum oneslot_error)i));
    print_message("at the most %u bytes read\n", (unsigned)most);
    assert_in_range(most, 1, 10 * FUZZ_SIZE + 65536);
    assert_true(counts[ONESLOT_ERROR_NONE] > 1000 && counts[ONESLOT_ERROR_FS_CORRUPT] > 100);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(files_are_read_whole_whatever_the_block_size),
        TEST(a_file_system_may_be_smaller_than_its_region),
        TEST(a_file_system_that_has_grown_is_mounted),
        TEST(a_superblock_that_has_moved_its_root_is_mounted),
        TEST(reads_may_come_in_any_order),
        TEST(sequential_reads_cost_little_more_than_the_file),
        TEST(reading_past_the_end_is_refused),
        TEST(a_path_that_cannot_be_opened_has_its_reason),
        TEST(a_map_without_a_file_system_says_so),
        TEST(a_raw_region_is_read_as_it_lies_there),
        TEST(disk_versions_2_0_and_2_1_are_read_and_no_other),
        TEST(a_superblock_that_does_not_fit_is_named),
        TEST(what_is_no_littlefs_is_told_from_a_damaged_one),
        TEST(one_torn_superblock_is_no_harm),
        TEST(a_ring_of_directories_ends),
        TEST(a_failing_chip_is_not_taken_for_a_damaged_file_system),
        TEST(a_flipped_byte_in_the_root_is_named_or_harmless),
        TEST(random_damage_ends_in_a_name_and_in_bounded_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
