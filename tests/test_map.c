/* The flash map: what a partition table must be to be believed, and that ours is the one ESP-IDF writes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bearssl_hash.h"
#include "oneslot/map.h"

#define FLASH_SIZE 0x400000u
#define ROW        32

/// The table that gen_esp32part.py of ESP-IDF makes of
///     nvs, data, nvs, 0x9000, 0x5000
///     sixteen_letters_, app, ota_0, 0x10000, 0x1c0000, encrypted
///     vfs, data, littlefs, 0x200000, 0x200000
static const uint8_t reference[4 * ROW] = {
    0xaa,
    0x50,
    0x01,
    0x02,
    0x00,
    0x90,
    0x00,
    0x00,
    0x00,
    0x50,
    0x00,
    0x00,
    'n',
    'v',
    's',
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0xaa,
    0x50,
    0x00,
    0x10,
    0x00,
    0x00,
    0x01,
    0x00,
    0x00,
    0x00,
    0x1c,
    0x00,
    's',
    'i',
    'x',
    't',
    'e',
    'e',
    'n',
    '_',
    'l',
    'e',
    't',
    't',
    'e',
    'r',
    's',
    '_',
    0x01,
    0,
    0,
    0,
    0xaa,
    0x50,
    0x01,
    0x83,
    0x00,
    0x00,
    0x20,
    0x00,
    0x00,
    0x00,
    0x20,
    0x00,
    'v',
    'f',
    's',
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0,
    0xeb,
    0xeb,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    0xff,
    /* MD5 of the three rows, as md5sum computes it */
    0xb3,
    0xb8,
    0xaa,
    0x88,
    0x44,
    0x28,
    0x4e,
    0x34,
    0xed,
    0x95,
    0x2d,
    0xec,
    0xa2,
    0x26,
    0x92,
    0x54,
};

static void table(uint8_t *bytes) {
    memset(bytes, 0xff, ONESLOT_MAP_BYTES);
    memcpy(bytes, reference, sizeof reference);
}

/// Takes the MD5 row away, so that a case shows its own fault alone.
static void unprove(uint8_t *bytes) {
    memset(bytes + 3 * ROW, 0xff, ROW);
}

static void put32(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++)
        bytes[i] = (uint8_t)(value >> (8 * i));
}

static void region(uint8_t *bytes, int row, uint32_t address, uint32_t size) {
    unprove(bytes);
    put32(bytes + row * ROW + 4, address);
    put32(bytes + row * ROW + 8, size);
}

static void wrong_magic(uint8_t *bytes) {
    unprove(bytes);
    bytes[ROW] = 0xab;
}

static void flipped_bit_under_md5(uint8_t *bytes) {
    bytes[2 * ROW + 28] ^= 0x02;
}

static void flipped_bit_in_md5(uint8_t *bytes) {
    bytes[3 * ROW + 31] ^= 0x80;
}

static void entry_behind_md5(uint8_t *bytes) {
    memcpy(bytes + 4 * ROW, bytes, ROW);
    put32(bytes + 4 * ROW + 4, 0xf000);
    put32(bytes + 4 * ROW + 8, 0x1000);
    bytes[4 * ROW + 12] = 'x';
}

static void nothing(uint8_t *bytes) {
    memset(bytes, 0xff, ONESLOT_MAP_BYTES);
}

static void md5_of_nothing(uint8_t *bytes) {
    br_md5_context context;
    nothing(bytes);
    bytes[0] = bytes[1] = 0xeb;
    br_md5_init(&context);
    br_md5_out(&context, bytes + 16);
}

static void zeros(uint8_t *bytes) {
    memset(bytes, 0, ONESLOT_MAP_BYTES);
}

static void end_row_with_a_byte_in_it(uint8_t *bytes) {
    unprove(bytes);
    bytes[3 * ROW + 20] = 0;
}

static void entries(uint8_t *bytes, unsigned count) {
    nothing(bytes);
    for (unsigned i = 0; i < count; i++) {
        memcpy(bytes + i * ROW, reference, ROW);
        bytes[i * ROW + 12] = (uint8_t)('A' + i);
        put32(bytes + i * ROW + 4, 0x1000 * i);
        put32(bytes + i * ROW + 8, 0x1000);
    }
}

static void as_many_as_we_hold(uint8_t *bytes) {
    entries(bytes, ONESLOT_MAP_ENTRIES);
}

static void one_too_many(uint8_t *bytes) {
    entries(bytes, ONESLOT_MAP_ENTRIES + 1);
}

static void full_to_the_end(uint8_t *bytes) {
    entries(bytes, ONESLOT_MAP_BYTES / ROW);
}

static void same_label_twice(uint8_t *bytes) {
    unprove(bytes);
    memcpy(bytes + 2 * ROW + 12, bytes + 12, 16);
}

static void address_off_sector(uint8_t *bytes) {
    region(bytes, 0, 0x9800, 0x1000);
}

/// Espressif's Zigbee keeps its factory data so.
static void size_of_a_kilobyte(uint8_t *bytes) {
    region(bytes, 0, 0x9000, 0x400);
}

static void begins_in_the_rest_of_a_sector(uint8_t *bytes) {
    region(bytes, 0, 0x9000, 0x400);
    region(bytes, 2, 0x9400, 0x1000);
}

static void empty_region(uint8_t *bytes) {
    region(bytes, 0, 0x9000, 0);
}

static void ends_one_sector_past_flash(uint8_t *bytes) {
    region(bytes, 2, 0x200000, 0x201000);
}

static void begins_past_flash(uint8_t *bytes) {
    region(bytes, 2, FLASH_SIZE, 0x1000);
}

static void end_wraps_around(uint8_t *bytes) {
    region(bytes, 2, 0xfffff000, 0x2000);
}

static void size_wraps_around(uint8_t *bytes) {
    region(bytes, 2, 0x200000, 0xfffff000);
}

static void last_sector_is_the_next_ones_first(uint8_t *bytes) {
    region(bytes, 0, 0x9000, 0x8000);
}

static void one_inside_another(uint8_t *bytes) {
    region(bytes, 0, 0x20000, 0x1000);
}

static void same_place(uint8_t *bytes) {
    region(bytes, 0, 0x200000, 0x200000);
}

static void neighbours(uint8_t *bytes) {
    region(bytes, 0, 0x9000, 0x7000);
}

static void untouched(uint8_t *bytes) {
    (void)bytes;
}

static const struct {
    const char *what;
    void (*change)(uint8_t *bytes);
    enum oneslot_error expected;
} cases[] = {
    {"ESP-IDF's own table", untouched, ONESLOT_ERROR_NONE},
    {"without an MD5", unprove, ONESLOT_ERROR_NONE},
    {"neighbours that touch", neighbours, ONESLOT_ERROR_NONE},
    {"as many entries as we hold", as_many_as_we_hold, ONESLOT_ERROR_NONE},
    {"one entry too many", one_too_many, ONESLOT_ERROR_MAP_INVALID},
    {"full to its end", full_to_the_end, ONESLOT_ERROR_MAP_INVALID},
    {"wrong magic", wrong_magic, ONESLOT_ERROR_MAP_INVALID},
    {"a flipped bit that the MD5 covers", flipped_bit_under_md5, ONESLOT_ERROR_MAP_INVALID},
    {"a flipped bit in the MD5", flipped_bit_in_md5, ONESLOT_ERROR_MAP_INVALID},
    {"an entry behind the MD5", entry_behind_md5, ONESLOT_ERROR_MAP_INVALID},
    {"erased flash", nothing, ONESLOT_ERROR_MAP_INVALID},
    {"an MD5 of no entries", md5_of_nothing, ONESLOT_ERROR_MAP_INVALID},
    {"zeros", zeros, ONESLOT_ERROR_MAP_INVALID},
    {"an end row with a byte in it", end_row_with_a_byte_in_it, ONESLOT_ERROR_MAP_INVALID},
    {"the same label twice", same_label_twice, ONESLOT_ERROR_MAP_INVALID},
    {"an address off a sector boundary", address_off_sector, ONESLOT_ERROR_MAP_RANGE},
    {"a size of one kilobyte", size_of_a_kilobyte, ONESLOT_ERROR_NONE},
    {"a region in the rest of another's sector", begins_in_the_rest_of_a_sector, ONESLOT_ERROR_MAP_RANGE},
    {"an empty region", empty_region, ONESLOT_ERROR_MAP_RANGE},
    {"a region ending past the flash", ends_one_sector_past_flash, ONESLOT_ERROR_MAP_RANGE},
    {"a region beginning past the flash", begins_past_flash, ONESLOT_ERROR_MAP_RANGE},
    {"a region whose end wraps around", end_wraps_around, ONESLOT_ERROR_MAP_RANGE},
    {"a region whose size wraps around", size_wraps_around, ONESLOT_ERROR_MAP_RANGE},
    {"two regions that share a sector", last_sector_is_the_next_ones_first, ONESLOT_ERROR_MAP_OVERLAP},
    {"a region inside another", one_inside_another, ONESLOT_ERROR_MAP_OVERLAP},
    {"two regions in one place", same_place, ONESLOT_ERROR_MAP_OVERLAP},
};

static void a_table_is_believed_or_refused_by_name(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bytes[ONESLOT_MAP_BYTES];
        struct oneslot_map map;
        enum oneslot_error error;
        table(bytes);
        cases[i].change(bytes);
        error = oneslot_map_parse(&map, bytes, sizeof bytes, FLASH_SIZE);
        if (error != cases[i].expected)
            fail_msg("%s: %s, not %s", cases[i].what, oneslot_error_name(error), oneslot_error_name(cases[i].expected));
    }
}

static void a_table_may_be_as_long_as_its_entries(void **state) {
    struct oneslot_map map;
    (void)state;
    assert_int_equal(oneslot_map_parse(&map, reference, sizeof reference, FLASH_SIZE), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_map_parse(&map, reference, 3 * ROW, FLASH_SIZE), ONESLOT_ERROR_NONE);
    assert_int_equal(map.count, 3);
    assert_int_equal(oneslot_map_parse(&map, reference, ROW + 31, FLASH_SIZE), ONESLOT_ERROR_NONE);
    assert_int_equal(map.count, 1);
    assert_int_equal(oneslot_map_parse(&map, reference, 0, FLASH_SIZE), ONESLOT_ERROR_MAP_INVALID);
}

static void entries_are_read_as_they_were_written(void **state) {
    struct oneslot_map map;
    (void)state;
    assert_int_equal(oneslot_map_parse(&map, reference, sizeof reference, FLASH_SIZE), ONESLOT_ERROR_NONE);
    assert_int_equal(map.count, 3);
    assert_string_equal(map.partition[0].label, "nvs");
    assert_string_equal(map.partition[1].label, "sixteen_letters_");
    assert_int_equal(map.partition[1].type, ONESLOT_TYPE_APP);
    assert_int_equal(map.partition[1].subtype, 0x10);
    assert_int_equal(map.partition[1].address, 0x10000);
    assert_int_equal(map.partition[1].size, 0x1c0000);
    assert_int_equal(map.partition[1].flags, 1);
    assert_ptr_equal(oneslot_map_find(&map, "sixteen_letters_"), &map.partition[1]);
    assert_ptr_equal(oneslot_map_find(&map, "vfs"), &map.partition[2]);
    assert_null(oneslot_map_find(&map, "vf"));
    assert_null(oneslot_map_find(&map, "vfs2"));
    map.count = 2; // what lies behind the last row is none
    assert_null(oneslot_map_find(&map, "vfs"));
    assert_null(oneslot_map_file_system(&map));
}

static void our_table_is_esp_idfs_to_the_byte(void **state) {
    struct oneslot_map map;
    uint8_t expected[ONESLOT_MAP_BYTES];
    uint8_t written[ONESLOT_MAP_BYTES];
    (void)state;
    table(expected);
    memset(&map, 0x5a, sizeof map); // what lies behind a label must not reach the flash
    assert_int_equal(oneslot_map_parse(&map, reference, sizeof reference, FLASH_SIZE), ONESLOT_ERROR_NONE);
    strcpy(map.partition[0].label, "longer name");
    strcpy(map.partition[0].label, "nvs");
    oneslot_map_write(&map, written);
    assert_memory_equal(written, expected, sizeof expected);
}

static void a_full_map_survives_the_round_trip(void **state) {
    struct oneslot_map map;
    struct oneslot_map again;
    uint8_t bytes[ONESLOT_MAP_BYTES];
    (void)state;
    as_many_as_we_hold(bytes);
    assert_int_equal(oneslot_map_parse(&map, bytes, sizeof bytes, FLASH_SIZE), ONESLOT_ERROR_NONE);
    oneslot_map_write(&map, bytes);
    assert_int_equal(oneslot_map_parse(&again, bytes, sizeof bytes, FLASH_SIZE), ONESLOT_ERROR_NONE);
    assert_int_equal(again.count, ONESLOT_MAP_ENTRIES);
    for (uint32_t i = 0; i < again.count; i++)
        assert_string_equal(again.partition[i].label, map.partition[i].label);
    assert_int_equal(again.partition[23].address, 0x17000);
}

static void the_file_system_is_littlefs_then_spiffs_then_fat(void **state) {
    static const struct {
        uint8_t subtype[3];
        int expected; ///< index, -1 for none
    } choices[] = {
        {{ONESLOT_SUBTYPE_DATA_FAT, ONESLOT_SUBTYPE_DATA_SPIFFS, ONESLOT_SUBTYPE_DATA_LITTLEFS}, 2},
        {{ONESLOT_SUBTYPE_DATA_FAT, ONESLOT_SUBTYPE_DATA_SPIFFS, ONESLOT_SUBTYPE_DATA_PHY}, 1},
        {{ONESLOT_SUBTYPE_DATA_FAT, ONESLOT_SUBTYPE_DATA_FAT, ONESLOT_SUBTYPE_DATA_PHY}, 0},
        {{ONESLOT_SUBTYPE_DATA_PHY, ONESLOT_SUBTYPE_DATA_LITTLEFS, ONESLOT_SUBTYPE_DATA_LITTLEFS}, 1},
        {{ONESLOT_SUBTYPE_DATA_PHY, ONESLOT_SUBTYPE_DATA_PHY, ONESLOT_SUBTYPE_DATA_PHY}, -1},
    };
    (void)state;
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        struct oneslot_map map = {.count = 3};
        const struct oneslot_partition *found;
        for (int j = 0; j < 3; j++) {
            map.partition[j].type = ONESLOT_TYPE_DATA;
            map.partition[j].subtype = choices[i].subtype[j];
        }
        found = oneslot_map_file_system(&map);
        assert_ptr_equal(found, choices[i].expected < 0 ? NULL : &map.partition[choices[i].expected]);
    }
}

static void an_application_of_that_subtype_is_no_file_system(void **state) {
    struct oneslot_map map = {.count = 1};
    (void)state;
    map.partition[0].type = ONESLOT_TYPE_APP;
    map.partition[0].subtype = ONESLOT_SUBTYPE_DATA_LITTLEFS;
    assert_null(oneslot_map_file_system(&map));
}

static int table_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    uint8_t bytes[ONESLOT_MAP_BYTES];
    (void)context;
    if (address < 0x8000 || address + length > 0x8000 + sizeof bytes)
        return 1;
    table(bytes);
    memcpy(buffer, bytes + (address - 0x8000), length);
    return 0;
}

static void a_map_is_read_from_flash_and_a_failing_chip_is_named(void **state) {
    struct oneslot_flash flash = {.size = FLASH_SIZE, .read = table_read};
    struct oneslot_map map;
    _Alignas(4) uint8_t bytes[ONESLOT_MAP_BYTES];
    (void)state;
    assert_int_equal(oneslot_map_read(&map, &flash, 0x8000, bytes), ONESLOT_ERROR_NONE);
    assert_int_equal(map.count, 3);
    assert_int_equal(oneslot_map_read(&map, &flash, 0x9000, bytes), ONESLOT_ERROR_FLASH_READ);
    assert_int_equal(oneslot_map_read(&map, &flash, FLASH_SIZE, bytes), ONESLOT_ERROR_FLASH_RANGE);
    flash.size = 0x200000; // the table is right, the chip is smaller
    assert_int_equal(oneslot_map_read(&map, &flash, 0x8000, bytes), ONESLOT_ERROR_MAP_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_believed_or_refused_by_name),
        cmocka_unit_test(a_table_may_be_as_long_as_its_entries),
        cmocka_unit_test(entries_are_read_as_they_were_written),
        cmocka_unit_test(our_table_is_esp_idfs_to_the_byte),
        cmocka_unit_test(a_full_map_survives_the_round_trip),
        cmocka_unit_test(the_file_system_is_littlefs_then_spiffs_then_fat),
        cmocka_unit_test(an_application_of_that_subtype_is_no_file_system),
        cmocka_unit_test(a_map_is_read_from_flash_and_a_failing_chip_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
