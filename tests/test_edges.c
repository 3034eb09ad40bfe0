/* The last value that is right and the first that is not: layout, configuration, keys, versions, calls of the flash. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "host/ram_flash.h"
#include "oneslot/layout.h"
#include "oneslot/trust.h"
#include "oneslot/version.h"

#define CHIP_SIZE 0x100000u
#define SECTOR    ONESLOT_SECTOR_SIZE

static _Alignas(4) uint8_t chip[CHIP_SIZE];
static struct oneslot_flash flash;

static int erase_chip(void **state) {
    (void)state;
    memset(chip, 0xff, sizeof chip);
    ram_flash_init(&flash, chip, CHIP_SIZE);
    return 0;
}

/* Layout */

static const struct oneslot_layout GOOD = {.flash_size = CHIP_SIZE,
                                           .displaced = 0xf4000,
                                           .journal = 0xf5000,
                                           .map = 0xf7000,
                                           .installer = 0xf8000,
                                           .firmware = 0xf4000,
                                           .settings = 0xf7000};

/// With the word at that offset changed; sealed.
static bool valid_with(size_t offset, uint32_t value) {
    struct oneslot_layout layout = GOOD;
    memcpy((uint8_t *)&layout + offset, &value, sizeof value);
    oneslot_layout_seal(&layout);
    return oneslot_layout_valid(&layout);
}

static void a_layout_keeps_to_the_chip_and_to_sectors(void **state) {
    (void)state;
    static const struct {
        size_t offset;
        uint32_t size;
    } regions[] = {{offsetof(struct oneslot_layout, displaced), SECTOR},
                   {offsetof(struct oneslot_layout, journal), 2 * SECTOR},
                   {offsetof(struct oneslot_layout, map), SECTOR},
                   {offsetof(struct oneslot_layout, settings), SECTOR},
                   {offsetof(struct oneslot_layout, installer), ONESLOT_INSTALLER_SIZE}};
    for (size_t i = 0; i < sizeof regions / sizeof regions[0]; i++) {
        const size_t at = regions[i].offset;
        assert_true(valid_with(at, SECTOR));
        assert_true(valid_with(at, CHIP_SIZE - regions[i].size));
        for (uint32_t wrong = 0; wrong < regions[i].size; wrong += SECTOR) {
            assert_false(valid_with(at, CHIP_SIZE - wrong));
        }
        static const uint32_t never[] = {0, 4, SECTOR - 4, SECTOR + 4, CHIP_SIZE + SECTOR, 0xfffff000u, 0xffffffffu};
        for (size_t j = 0; j < sizeof never / sizeof never[0]; j++) {
            assert_false(valid_with(at, never[j]));
        }
    }
    const size_t firmware = offsetof(struct oneslot_layout, firmware);
    assert_true(valid_with(firmware, 2 * SECTOR));
    assert_true(valid_with(firmware, CHIP_SIZE));
    assert_false(valid_with(firmware, SECTOR));
    assert_false(valid_with(firmware, 2 * SECTOR + 4));
    assert_false(valid_with(firmware, CHIP_SIZE + SECTOR));
    const size_t size = offsetof(struct oneslot_layout, flash_size);
    assert_true(valid_with(size, CHIP_SIZE + ONESLOT_BLOCK_SIZE));
    assert_false(valid_with(size, CHIP_SIZE + SECTOR));
    assert_false(valid_with(size, 0));
}

static void a_layout_of_another_kind_or_with_any_bit_changed_is_none(void **state) {
    (void)state;
    struct oneslot_layout good = GOOD;
    oneslot_layout_seal(&good);
    assert_true(oneslot_layout_valid(&good));
    for (uint32_t bit = 0; bit < 8 * sizeof good; bit++) {
        struct oneslot_layout layout = good;
        ((uint8_t *)&layout)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_false(oneslot_layout_valid(&layout));
        if (bit < 8 * offsetof(struct oneslot_layout, flags)) { // magic, version: the sum is right, they are not
            layout.crc = oneslot_crc32(0, &layout, offsetof(struct oneslot_layout, crc));
            assert_false(oneslot_layout_valid(&layout));
        }
        memcpy(chip + ONESLOT_LAYOUT_ADDRESS, &layout, sizeof layout);
        struct oneslot_layout found = {.flash_size = 7};
        assert_int_equal(oneslot_layout_read(&flash, &found), ONESLOT_ERROR_NO_LAYOUT);
        assert_int_equal(found.flash_size, 7);
    }
}

/* Configuration and keys */

static void a_configuration_with_any_bit_changed_is_damaged(void **state) {
    (void)state;
    struct oneslot_config good = {.watch = "/fw.bin"};
    struct oneslot_config found;
    uint8_t *at = chip + GOOD.settings + ONESLOT_CONFIG_OFFSET;
    oneslot_config_seal(&good);
    memcpy(at, &good, sizeof good);
    assert_int_equal(oneslot_config_read(&flash, &GOOD, &found), ONESLOT_ERROR_NONE);
    assert_memory_equal(&found, &good, sizeof good);
    for (uint32_t bit = 0; bit < 8 * sizeof good; bit++) {
        struct oneslot_config config = good;
        ((uint8_t *)&config)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        memcpy(at, &config, sizeof config);
        assert_int_equal(oneslot_config_read(&flash, &GOOD, &found), ONESLOT_ERROR_CONFIG_INVALID);
        if (bit < 8 * offsetof(struct oneslot_config, reserved)) {
            config.crc = oneslot_crc32(0, &config, offsetof(struct oneslot_config, crc));
            memcpy(at, &config, sizeof config);
            assert_int_equal(oneslot_config_read(&flash, &GOOD, &found), ONESLOT_ERROR_CONFIG_INVALID);
        }
    }
}

static enum oneslot_error read_keys(const struct oneslot_trust_block *block, uint32_t *count) {
    struct oneslot_trust_block found;
    memcpy(chip + GOOD.settings + ONESLOT_TRUST_OFFSET, block, sizeof *block);
    memset(&found, 0x5a, sizeof found);
    enum oneslot_error error = oneslot_trust_read(&flash, &GOOD, &found);
    *count = found.count;
    return error;
}

static void keys_are_there_or_damaged_or_none_at_all(void **state) {
    (void)state;
    struct oneslot_trust_block block = {.count = ONESLOT_KEYS_MAX};
    uint32_t count;
    oneslot_trust_seal(&block);
    assert_int_equal(read_keys(&block, &count), ONESLOT_ERROR_NONE);
    assert_int_equal(count, ONESLOT_KEYS_MAX);
    for (uint32_t bit = 0; bit < 8 * sizeof block; bit++) {
        struct oneslot_trust_block changed = block;
        ((uint8_t *)&changed)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(read_keys(&changed, &count), ONESLOT_ERROR_TRUST_INVALID);
        assert_int_equal(count, 0);
    }
    block.count++;
    oneslot_trust_seal(&block);
    assert_int_equal(read_keys(&block, &count), ONESLOT_ERROR_TRUST_INVALID);
    block.count--;
    block.magic++;
    block.crc = oneslot_crc32(0, &block, offsetof(struct oneslot_trust_block, crc));
    assert_int_equal(read_keys(&block, &count), ONESLOT_ERROR_TRUST_INVALID);
    block.magic--;
    block.version++;
    block.crc = oneslot_crc32(0, &block, offsetof(struct oneslot_trust_block, crc));
    assert_int_equal(read_keys(&block, &count), ONESLOT_ERROR_TRUST_INVALID);
    memset(&block, 0xff, sizeof block);
    assert_int_equal(read_keys(&block, &count), ONESLOT_ERROR_NONE);
    assert_int_equal(count, 0);
    for (size_t i = 0; i < sizeof block; i += sizeof block - 1) {
        memset(&block, 0xff, sizeof block);
        ((uint8_t *)&block)[i] = 0xfe;
        assert_int_equal(read_keys(&block, &count), ONESLOT_ERROR_TRUST_INVALID);
    }
}

/* Versions */

static void versions_rise_number_by_number(void **state) {
    (void)state;
    static const struct oneslot_version rising[] = {
        {0, 0, 0, 0},      {0, 0, 0, 1},          {0, 0, 0, 0xffffffffu}, {0, 0, 1, 0}, {0, 0, 0x100, 0},
        {0, 0, 0xffff, 7}, {0, 1, 0, 0},          {0, 255, 0, 0},         {1, 0, 0, 0}, {1, 0, 0, 5},
        {255, 0, 1, 0},    {255, 255, 0xffff, 0}, {255, 255, 0xffff, 1}};
    const size_t count = sizeof rising / sizeof rising[0];
    for (size_t i = 0; i < count; i++) {
        uint8_t one[ONESLOT_VERSION_SIZE + 1] = {[ONESLOT_VERSION_SIZE] = 0x5a};
        struct oneslot_version back;
        oneslot_version_encode(one, &rising[i]);
        oneslot_version_decode(&back, one);
        assert_int_equal(one[ONESLOT_VERSION_SIZE], 0x5a);
        assert_int_equal(oneslot_version_compare(&back, &rising[i]), 0);
        assert_true(back.major == rising[i].major && back.minor == rising[i].minor &&
                    back.revision == rising[i].revision && back.build == rising[i].build);
        for (size_t j = 0; j < count; j++) {
            uint8_t floor[ONESLOT_VERSION_SIZE];
            uint8_t other[ONESLOT_VERSION_SIZE];
            assert_int_equal(oneslot_version_compare(&rising[i], &rising[j]), (i > j) - (i < j));
            oneslot_version_encode(floor, &rising[i]);
            oneslot_version_encode(other, &rising[j]);
            oneslot_version_raise(floor, other);
            assert_memory_equal(floor, i > j ? one : other, sizeof floor);
        }
    }
}

/* Flash */

/// A chip that counts calls, and fails so many of them.
struct counted {
    uint32_t calls;
    uint32_t fails;
    uint32_t address[32];
    uint32_t length[32];
};

static int count_call(void *context, uint32_t address, uint32_t length) {
    struct counted *counted = context;
    if (counted->calls < 32) {
        counted->address[counted->calls] = address;
        counted->length[counted->calls] = length;
    }
    counted->calls++;
    if (counted->fails > 0) {
        counted->fails--;
        return -1;
    }
    return 0;
}

static int counted_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    assert_int_equal((address | length | (uint32_t)(uintptr_t)buffer) & 3u, 0);
    int status = count_call(context, address, length);
    memcpy(buffer, chip + address, length);
    return status;
}

static int counted_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)data;
    assert_true(address % ONESLOT_PAGE_SIZE + length <= ONESLOT_PAGE_SIZE);
    return count_call(context, address, length);
}

static int counted_sector(void *context, uint32_t address) {
    return count_call(context, address, SECTOR);
}

static int counted_block(void *context, uint32_t address) {
    return count_call(context, address, ONESLOT_BLOCK_SIZE);
}

static struct oneslot_flash count_calls(struct counted *counted, uint32_t fails) {
    *counted = (struct counted){.fails = fails};
    return (struct oneslot_flash){.context = counted,
                                  .size = CHIP_SIZE,
                                  .read = counted_read,
                                  .program = counted_program,
                                  .erase_sector = counted_sector,
                                  .erase_block = counted_block};
}

static void calls_end_with_the_chip_and_keep_to_their_units(void **state) {
    (void)state;
    static _Alignas(4) uint8_t data[3 * ONESLOT_PAGE_SIZE];
    struct counted counted;
    struct oneslot_flash counting = count_calls(&counted, 0);
    assert_int_equal(oneslot_flash_read(&counting, CHIP_SIZE - 4, data, 4), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_flash_read(&counting, CHIP_SIZE, data, 0), ONESLOT_ERROR_NONE);
    assert_int_equal(counted.calls, 1);
    assert_int_equal(oneslot_flash_read(&counting, CHIP_SIZE - 4, data, 5), ONESLOT_ERROR_FLASH_RANGE);
    assert_int_equal(oneslot_flash_read(&counting, CHIP_SIZE + 1, data, 0), ONESLOT_ERROR_FLASH_RANGE);
    assert_int_equal(oneslot_flash_read(&counting, 0xfffffffcu, data, 8), ONESLOT_ERROR_FLASH_RANGE);
    memset(data, 0, sizeof data);
    assert_int_equal(oneslot_flash_program(&counting, CHIP_SIZE - 4, data, 4), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_flash_program(&counting, CHIP_SIZE - 4, data, 8), ONESLOT_ERROR_FLASH_RANGE);
    assert_int_equal(oneslot_flash_program(&counting, 2, data, 4), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_flash_program(&counting, 4, data + 1, 4), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_flash_program(&counting, 4, data, 6), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_flash_erase_sector(&counting, CHIP_SIZE - SECTOR), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_flash_erase_sector(&counting, CHIP_SIZE), ONESLOT_ERROR_FLASH_RANGE);
    assert_int_equal(oneslot_flash_erase_sector(&counting, 4), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_flash_erase_block(&counting, CHIP_SIZE - ONESLOT_BLOCK_SIZE), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_flash_erase_block(&counting, SECTOR), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(counted.calls, 4);
}

static void a_block_is_erased_by_sectors_where_the_port_cannot(void **state) {
    (void)state;
    struct counted counted;
    struct oneslot_flash counting = count_calls(&counted, 0);
    counting.erase_block = NULL;
    assert_int_equal(oneslot_flash_erase_block(&counting, ONESLOT_BLOCK_SIZE), ONESLOT_ERROR_NONE);
    assert_int_equal(counted.calls, ONESLOT_BLOCK_SIZE / SECTOR);
    for (uint32_t i = 0; i < counted.calls; i++) {
        assert_int_equal(counted.address[i], ONESLOT_BLOCK_SIZE + i * SECTOR);
    }
    assert_int_equal(oneslot_flash_erase_block(&counting, SECTOR), ONESLOT_ERROR_ARGUMENT);
    counting = count_calls(&counted, ONESLOT_FLASH_TRIES);
    counting.erase_block = NULL;
    assert_int_equal(oneslot_flash_erase_block(&counting, 0), ONESLOT_ERROR_FLASH_ERASE);
    assert_int_equal(counted.calls, ONESLOT_FLASH_TRIES);
}

static void what_fails_is_tried_again_and_then_named(void **state) {
    (void)state;
    static _Alignas(4) uint8_t data[ONESLOT_PAGE_SIZE];
    for (uint32_t fails = 0; fails <= ONESLOT_FLASH_TRIES; fails++) {
        const bool lost = fails == ONESLOT_FLASH_TRIES;
        const uint32_t calls = lost ? ONESLOT_FLASH_TRIES : fails + 1;
        struct counted counted;
        struct oneslot_flash counting = count_calls(&counted, fails);
        assert_int_equal(oneslot_flash_read(&counting, 0, data, 4), lost ? ONESLOT_ERROR_FLASH_READ : 0);
        assert_int_equal(counted.calls, calls);
        counting = count_calls(&counted, fails);
        assert_int_equal(oneslot_flash_read(&counting, 1, data, 2), lost ? ONESLOT_ERROR_FLASH_READ : 0);
        assert_int_equal(counted.calls, calls);
        counting = count_calls(&counted, fails);
        data[0] = 0;
        assert_int_equal(oneslot_flash_program(&counting, 0, data, 4), lost ? ONESLOT_ERROR_FLASH_PROGRAM : 0);
        assert_int_equal(counted.calls, calls);
        counting = count_calls(&counted, fails);
        assert_int_equal(oneslot_flash_erase_sector(&counting, 0), lost ? ONESLOT_ERROR_FLASH_ERASE : 0);
        assert_int_equal(counted.calls, calls);
    }
}

static void a_program_goes_page_by_page_and_leaves_out_what_is_erased(void **state) {
    (void)state;
    static _Alignas(4) uint8_t data[4 * ONESLOT_PAGE_SIZE];
    struct counted counted;
    struct oneslot_flash counting = count_calls(&counted, 0);
    memset(data, 0, sizeof data);
    assert_int_equal(oneslot_flash_program(&counting, 0x1fc, data, 4 + 256 + 4), ONESLOT_ERROR_NONE);
    static const uint32_t pages[][2] = {{0x1fc, 4}, {0x200, 256}, {0x300, 4}};
    assert_int_equal(counted.calls, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(counted.address[i], pages[i][0]);
        assert_int_equal(counted.length[i], pages[i][1]);
    }
    // One bit anywhere in a page makes it a program, and its neighbours none.
    for (uint32_t at = 0; at < ONESLOT_PAGE_SIZE; at++) {
        memset(data, 0xff, sizeof data);
        data[ONESLOT_PAGE_SIZE + at] = 0xfe;
        counting = count_calls(&counted, 0);
        assert_int_equal(oneslot_flash_program(&counting, 0, data, sizeof data), ONESLOT_ERROR_NONE);
        assert_int_equal(counted.calls, 1);
        assert_int_equal(counted.address[0], ONESLOT_PAGE_SIZE);
    }
}

static void any_bytes_are_read_at_any_place(void **state) {
    (void)state;
    struct counted counted;
    struct oneslot_flash counting = count_calls(&counted, 0);
    for (uint32_t i = 0; i < 256; i++) {
        chip[i] = (uint8_t)(i * 7 + 1);
    }
    for (uint32_t address = 0; address < 8; address++) {
        for (uint32_t length = 0; length < 140; length++) {
            _Alignas(4) uint8_t buffer[160];
            memset(buffer, 0x5a, sizeof buffer);
            uint8_t *to = buffer + 4 + length % 4;
            assert_int_equal(oneslot_flash_read(&counting, address, to, length), ONESLOT_ERROR_NONE);
            assert_memory_equal(to, chip + address, length);
            assert_int_equal(to[-1], 0x5a);
            assert_int_equal(to[length], 0x5a);
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_layout_keeps_to_the_chip_and_to_sectors, erase_chip),
        cmocka_unit_test_setup(a_layout_of_another_kind_or_with_any_bit_changed_is_none, erase_chip),
        cmocka_unit_test_setup(a_configuration_with_any_bit_changed_is_damaged, erase_chip),
        cmocka_unit_test_setup(keys_are_there_or_damaged_or_none_at_all, erase_chip),
        cmocka_unit_test(versions_rise_number_by_number),
        cmocka_unit_test_setup(calls_end_with_the_chip_and_keep_to_their_units, erase_chip),
        cmocka_unit_test_setup(a_block_is_erased_by_sectors_where_the_port_cannot, erase_chip),
        cmocka_unit_test_setup(what_fails_is_tried_again_and_then_named, erase_chip),
        cmocka_unit_test_setup(a_program_goes_page_by_page_and_leaves_out_what_is_erased, erase_chip),
        cmocka_unit_test_setup(any_bytes_are_read_at_any_place, erase_chip),
    };
    return cmocka_run_group_tests_name("edges", tests, NULL, NULL);
}
