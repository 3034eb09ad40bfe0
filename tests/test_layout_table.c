/* The layout of the ESP32 family, from the partition table: what is not there or lies where it must not is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "host/ram_flash.h"
#include "oneslot/layout.h"
#include "oneslot/map.h"

#define CHIP_SIZE 0x40000u

static uint8_t chip[CHIP_SIZE];
static _Alignas(8) uint8_t working[ONESLOT_LAYOUT_BUFFER];

static const struct oneslot_map good = {
    .count = 5,
    .partition = {{.type = 1, .subtype = 0, .address = 0xf000, .size = 0x2000, .label = "otadata"},
                  {.type = 0, .subtype = 0x10, .address = 0x20000, .size = 0x10000, .label = "ota_0"},
                  {.type = 0, .subtype = 0, .address = 0x30000, .size = 0x8000, .label = "installer"},
                  {.type = 0x40, .subtype = 2, .address = 0x38000, .size = 0x2000, .label = "journal"},
                  {.type = 0x40, .subtype = 3, .address = 0x3a000, .size = 0x1000, .label = "settings"}}};

static enum oneslot_error read_layout(const struct oneslot_map *map, struct oneslot_layout *layout) {
    struct oneslot_flash flash;
    memset(chip, 0xff, sizeof chip);
    oneslot_map_write(map, chip + ONESLOT_TABLE_ADDRESS);
    ram_flash_init(&flash, chip, CHIP_SIZE);
    return oneslot_layout_from_table(&flash, layout, working);
}

static void each_part_lies_where_the_table_says(void **state) {
    (void)state;
    struct oneslot_layout layout;
    assert_int_equal(read_layout(&good, &layout), ONESLOT_ERROR_NONE);
    assert_int_equal(layout.application, 0x20000);
    assert_int_equal(layout.firmware, 0x30000);
    assert_int_equal(layout.installer, 0x30000);
    assert_int_equal(layout.otadata, 0xf000);
    assert_int_equal(layout.journal, 0x38000);
    assert_int_equal(layout.settings, 0x3a000);
    assert_int_equal(layout.flags, 0);
}

static void a_part_that_is_missing_or_too_small_is_refused(void **state) {
    (void)state;
    for (uint32_t i = 0; i < good.count; i++) {
        struct oneslot_map map = good;
        struct oneslot_layout layout;
        map.partition[i].type = 0x41;
        assert_int_equal(read_layout(&map, &layout), ONESLOT_ERROR_NO_LAYOUT);
        map = good;
        map.partition[i].size = 0x1000;
        bool one_is_enough = i == 2 || i == 4;
        assert_int_equal(read_layout(&map, &layout), one_is_enough ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_NO_LAYOUT);
    }
}

/// Found by fuzzing: the first record of such a journal would have erased the table.
static void a_part_over_boot_loader_or_table_is_refused(void **state) {
    (void)state;
    static const uint32_t places[] = {0, 0x1000, 0x6000, 0x7000, 0x8000};
    for (uint32_t i = 0; i < good.count; i++) {
        for (size_t j = 0; j < sizeof places / sizeof places[0]; j++) {
            struct oneslot_map map = good;
            struct oneslot_layout layout;
            map.partition[i].address = places[j];
            map.partition[i].size = 0x2000;
            assert_int_equal(read_layout(&map, &layout), ONESLOT_ERROR_NO_LAYOUT);
        }
    }
}

static void the_sector_behind_the_table_is_free_for_all(void **state) {
    (void)state;
    for (uint32_t i = 0; i < good.count; i++) {
        struct oneslot_map map = good;
        struct oneslot_layout layout;
        bool app = map.partition[i].type == 0;
        map.partition[i].address = app ? 0x10000 : 0x9000;
        map.partition[0].address = i == 0 ? 0x9000 : 0xb000; // out of the application's way
        assert_int_equal(read_layout(&map, &layout), ONESLOT_ERROR_NONE);
    }
}

static void a_second_slot_is_refused(void **state) {
    (void)state;
    struct oneslot_map map = good;
    struct oneslot_layout layout;
    map.partition[map.count++] =
        (struct oneslot_partition){.subtype = 0x11, .address = 0x3b000, .size = 0x1000, .label = "ota_1"};
    assert_int_equal(read_layout(&map, &layout), ONESLOT_ERROR_NO_LAYOUT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_part_lies_where_the_table_says),
        cmocka_unit_test(a_part_that_is_missing_or_too_small_is_refused),
        cmocka_unit_test(a_part_over_boot_loader_or_table_is_refused),
        cmocka_unit_test(the_sector_behind_the_table_is_free_for_all),
        cmocka_unit_test(a_second_slot_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
