/* What a package claims, against maps: each end of each range, counted from either end of the flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "host/ram_flash.h"
#include "oneslot/claims.h"

#define CHIP_SIZE 0x400000u
#define END       ONESLOT_CLAIM_FROM_END
#define INIT      ONESLOT_CLAIM_INIT_DATA
#define FILLED    ONESLOT_CLAIM_FILLED

static uint8_t chip[CHIP_SIZE];

/// Stock MicroPython's, with all of Oneslot's parts in front of the files.
static const struct oneslot_map map = {
    .count = 7,
    .partition = {{.type = 0, .subtype = 0, .address = 0x1000, .size = 0xf3000, .label = "firmware"},
                  {.type = 0x40, .subtype = 1, .address = 0xf4000, .size = 0x1000, .label = "displaced"},
                  {.type = 0x40, .subtype = 2, .address = 0xf5000, .size = 0x2000, .label = "journal"},
                  {.type = 0x40, .subtype = 3, .address = 0xf7000, .size = 0x1000, .label = "map"},
                  {.type = 0x40, .subtype = 4, .address = 0xf8000, .size = 0x8000, .label = "installer"},
                  {.type = 1, .subtype = 0x83, .address = 0x100000, .size = 0xfb000, .label = "vfs"},
                  {.type = 0x40, .subtype = 5, .address = 0x1fb000, .size = 0x5000, .label = "system"}}};

/// A header that tells of that size by `nibble`.
static enum oneslot_error ask(uint32_t from, uint32_t to, uint8_t nibble) {
    const struct oneslot_claim claims[] = {{0x300000, 0x301000}, {from, to}};
    struct oneslot_flash flash;
    ram_flash_init(&flash, chip, CHIP_SIZE);
    chip[3] = (uint8_t)(nibble << 4 | 0xf);
    return oneslot_claims_allowed(claims, 2, &flash, &map);
}

static void a_part_of_oneslot_is_in_the_way_to_its_first_and_last_byte(void **state) {
    (void)state;
    assert_int_equal(ask(0x99000, 0xf4000, 3), ONESLOT_ERROR_NONE);
    assert_int_equal(ask(0x99000, 0xf5000, 3), ONESLOT_ERROR_IMAGE_CLAIMS);
    assert_int_equal(ask(0xff000, 0x100000, 3), ONESLOT_ERROR_IMAGE_CLAIMS);
    for (uint32_t at = 0xf4000; at < 0x100000; at += 0x1000) {
        assert_int_equal(ask(at, at + 0x1000, 3), ONESLOT_ERROR_IMAGE_CLAIMS);
    }
    // The SDK's sectors, the firmware's own and what is in no row.
    assert_int_equal(ask(0x1fb000, 0x200000, 3), ONESLOT_ERROR_NONE);
    assert_int_equal(ask(0, 0xf4000, 3), ONESLOT_ERROR_NONE);
    assert_int_equal(ask(0x200000, 0x400000, 3), ONESLOT_ERROR_NONE);
}

static void a_file_system_is_the_firmwares_own_where_both_begin(void **state) {
    (void)state;
    assert_int_equal(ask(0x100000, 0x1fb000, 3), ONESLOT_ERROR_NONE);
    assert_int_equal(ask(0x101000, 0x1fb000, 3), ONESLOT_ERROR_IMAGE_CLAIMS);
    assert_int_equal(ask(0x1fa000, 0x1fc000, 3), ONESLOT_ERROR_IMAGE_CLAIMS);
}

static void what_is_counted_from_the_end_is_counted_from_the_headers(void **state) {
    (void)state;
    static const struct {
        uint8_t nibble;
        uint32_t size;
    } headers[] = {{0, 0x80000},  {1, 0x40000},  {2, 0x100000}, {3, 0x200000}, {4, 0x400000},
                   {5, 0x200000}, {6, 0x400000}, {8, 0x800000}, {9, 0x1000000}};
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        for (uint32_t back = 0x1000; back <= headers[i].size && back <= 0x200000; back += 0x1000) {
            uint32_t at = headers[i].size - back;
            bool part = (at >= 0xf4000 && at < 0x100000) || (at > 0x100000 && at < 0x1fb000);
            assert_int_equal(ask(back | END, (back - 0x1000) | END, headers[i].nibble),
                             part ? ONESLOT_ERROR_IMAGE_CLAIMS : ONESLOT_ERROR_NONE);
        }
    }
    // A part in the last sector that each header tells of is met by a claim of that sector alone.
    for (size_t i = 0; i < sizeof headers / sizeof headers[0]; i++) {
        struct oneslot_map last = {.count = 1, .partition = {{.type = 0x40, .subtype = 2, .size = 0x1000}}};
        last.partition[0].address = headers[i].size - 0x1000;
        const struct oneslot_claim claim = {0x1000 | END, END};
        struct oneslot_flash flash;
        ram_flash_init(&flash, chip, CHIP_SIZE);
        for (size_t j = 0; j < sizeof headers / sizeof headers[0]; j++) {
            chip[3] = (uint8_t)(headers[j].nibble << 4);
            assert_int_equal(oneslot_claims_allowed(&claim, 1, &flash, &last),
                             headers[i].size == headers[j].size ? ONESLOT_ERROR_IMAGE_CLAIMS : ONESLOT_ERROR_NONE);
        }
    }
    // MicroPython before 1.13: from 0x99000 to all but five sectors. Told of 1 MiB or less it ends before, or begins
    // nowhere.
    assert_int_equal(ask(0x99000, 0x5000 | END, 4), ONESLOT_ERROR_IMAGE_CLAIMS);
    assert_int_equal(ask(0x99000, 0x5000 | END, 0), ONESLOT_ERROR_NONE);
}

static void init_data_must_be_there_or_be_filled(void **state) {
    (void)state;
    uint32_t at = 0x1fc000;
    memset(chip + at, 0xff, ONESLOT_SECTOR_SIZE);
    assert_int_equal(ask(0x4000 | END | INIT, 0x4000 | END, 3), ONESLOT_ERROR_PHY_INIT);
    assert_int_equal(ask(at | INIT, at, 4), ONESLOT_ERROR_PHY_INIT);
    assert_int_equal(ask(0x4000 | END | INIT | FILLED, 0x4000 | END, 3), ONESLOT_ERROR_NONE);
    chip[at + 1] = 0xfe;
    assert_int_equal(ask(0x4000 | END | INIT | FILLED, 0x4000 | END, 3), ONESLOT_ERROR_PHY_INIT);
    chip[at] = 0x05;
    assert_int_equal(ask(0x4000 | END | INIT, 0x4000 | END, 3), ONESLOT_ERROR_NONE);
    assert_int_equal(ask(at | INIT, at, 4), ONESLOT_ERROR_NONE);
    assert_int_equal(ask(0x4000 | END | INIT, 0x4000 | END, 4), ONESLOT_ERROR_PHY_INIT);
}

static int fails(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context, (void)address, (void)buffer, (void)length;
    return 1;
}

static void a_flash_that_cannot_be_read_is_an_error(void **state) {
    (void)state;
    const struct oneslot_flash flash = {.size = CHIP_SIZE, .read = fails};
    assert_int_equal(oneslot_claims_allowed(NULL, 0, &flash, &map), ONESLOT_ERROR_FLASH_READ);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_part_of_oneslot_is_in_the_way_to_its_first_and_last_byte),
        cmocka_unit_test(a_file_system_is_the_firmwares_own_where_both_begin),
        cmocka_unit_test(what_is_counted_from_the_end_is_counted_from_the_headers),
        cmocka_unit_test(init_data_must_be_there_or_be_filled),
        cmocka_unit_test(a_flash_that_cannot_be_read_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
