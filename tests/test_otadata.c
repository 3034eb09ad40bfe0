/* otadata: after any cut of a write or an erase, ESP-IDF's boot loader starts ota_0 or the installer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "oneslot/chip.h"
#include "oneslot/otadata.h"
#include "sim/bootloader.h"
#include "sim/nor.h"
#include "sim/provision.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE 0x100000u
#define RESERVED   0x20000u
#define OTADATA    (RESERVED + 0x10000u)
#define SIZE       0x2340u
#define CHIP       ONESLOT_CHIP_ESP32C3

static struct nor fresh;
static struct oneslot_chip chip;

static int set_up(void **state) {
    static uint8_t application[SIZE];
    uint8_t *bytes = malloc(FLASH_SIZE);
    (void)state;
    synthetic_esp32(application, SIZE, CHIP, 1, 0);
    oneslot_esp32_chip(&chip, CHIP, 0);
    const struct sim_provision parts = {.chip = &chip,
                                        .flash_size = FLASH_SIZE,
                                        .firmware = application,
                                        .firmware_size = SIZE,
                                        .reserved = RESERVED,
                                        .fs_start = 0x40000};
    if (!bytes || sim_provision(bytes, &parts, NULL) != ONESLOT_ERROR_NONE) {
        return 1;
    }
    nor_create(&fresh, FLASH_SIZE, 1);
    nor_load(&fresh, 0, bytes, FLASH_SIZE);
    free(bytes);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    nor_destroy(&fresh);
    return 0;
}

static int start(struct nor *nor, bool rollback) {
    struct oneslot_flash flash = nor_flash(nor);
    const struct bootloader bootloader = {.flash = &flash, .chip = CHIP, .rollback = rollback};
    struct bootloader_image image;
    nor->power_ups++;
    return bootloader_start(&bootloader, &image);
}

static struct oneslot_otadata read_entry(struct nor *nor, bool *boots) {
    struct oneslot_flash flash = nor_flash(nor);
    struct oneslot_otadata entry;
    assert_int_equal(oneslot_otadata_read(&flash, OTADATA, &entry, boots), ONESLOT_ERROR_NONE);
    return entry;
}

static void put_entry(struct nor *nor, uint32_t sector, uint32_t sequence, uint32_t state) {
    struct oneslot_otadata entry;
    memset(&entry, 0xff, sizeof entry);
    entry.sequence = sequence;
    entry.state = state;
    entry.crc = oneslot_otadata_crc(sequence);
    nor_load(nor, OTADATA + sector * ONESLOT_SECTOR_SIZE, &entry, sizeof entry);
}

static void the_crc_is_the_vendors(void **state) {
    (void)state;
    assert_int_equal(oneslot_otadata_crc(1), 0x4743989a);
    assert_int_equal(oneslot_otadata_crc(2), 0x55f63774);
}

static void what_was_written_is_read_and_starts_the_application(void **state) {
    static const uint32_t states[] = {ONESLOT_OTA_NEW, ONESLOT_OTA_VALID, ONESLOT_OTA_UNDEFINED};
    (void)state;
    for (uint32_t i = 0; i < sizeof states / sizeof *states; i++) {
        struct nor nor;
        bool boots;
        nor_copy(&nor, &fresh);
        struct oneslot_flash flash = nor_flash(&nor);
        assert_int_equal(oneslot_otadata_erase(&flash, OTADATA), ONESLOT_ERROR_NONE);
        assert_int_equal(read_entry(&nor, &boots).sequence, 0xffffffff);
        assert_false(boots);
        assert_int_equal(start(&nor, true), BOOTLOADER_FACTORY);
        assert_int_equal(oneslot_otadata_write(&flash, OTADATA, states[i]), ONESLOT_ERROR_NONE);
        assert_int_equal(read_entry(&nor, &boots).state, states[i]);
        assert_true(boots);
        assert_int_equal(start(&nor, true), 0);
        assert_int_equal(nor.violations, 0);
        nor_destroy(&nor);
    }
}

static void what_is_read_is_what_the_boot_loader_goes_by(void **state) {
    static const struct {
        uint32_t sequence[2];
        uint32_t state[2];
        uint32_t newest; ///< state
        bool boots;
    } cases[] = {
        {{1, 0}, {ONESLOT_OTA_ABORTED, 0}, ONESLOT_OTA_ABORTED, false},
        {{1, 0}, {ONESLOT_OTA_INVALID, 0}, ONESLOT_OTA_INVALID, false},
        {{1, 0}, {ONESLOT_OTA_PENDING_VERIFY, 0}, ONESLOT_OTA_PENDING_VERIFY, false},
        {{0, 1}, {0, ONESLOT_OTA_VALID}, ONESLOT_OTA_VALID, true},
        {{1, 2}, {ONESLOT_OTA_VALID, ONESLOT_OTA_NEW}, ONESLOT_OTA_NEW, true},
        {{1, 2}, {ONESLOT_OTA_VALID, ONESLOT_OTA_ABORTED}, ONESLOT_OTA_ABORTED, true},
        {{3, 2}, {ONESLOT_OTA_ABORTED, ONESLOT_OTA_ABORTED}, ONESLOT_OTA_ABORTED, false},
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct nor nor;
        bool boots;
        nor_copy(&nor, &fresh);
        struct oneslot_flash flash = nor_flash(&nor);
        assert_int_equal(oneslot_otadata_erase(&flash, OTADATA), ONESLOT_ERROR_NONE);
        for (uint32_t sector = 0; sector < 2; sector++) {
            if (cases[i].sequence[sector] != 0) {
                put_entry(&nor, sector, cases[i].sequence[sector], cases[i].state[sector]);
            }
        }
        assert_int_equal(read_entry(&nor, &boots).state, cases[i].newest);
        assert_int_equal(boots, cases[i].boots);
        assert_int_equal(start(&nor, true) == 0, boots);
        nor_destroy(&nor);
    }
}

typedef enum oneslot_error change(const struct oneslot_flash *flash);

static enum oneslot_error write_new(const struct oneslot_flash *flash) {
    return oneslot_otadata_write(flash, OTADATA, ONESLOT_OTA_NEW);
}

static enum oneslot_error write_undefined(const struct oneslot_flash *flash) {
    return oneslot_otadata_write(flash, OTADATA, ONESLOT_OTA_UNDEFINED);
}

static enum oneslot_error erase(const struct oneslot_flash *flash) {
    return oneslot_otadata_erase(flash, OTADATA);
}

/// Makes the change, with the power cut at an operation. Returns whether it was.
static bool cut(struct nor *nor, change *change, uint32_t operation, enum nor_tear tear) {
    jmp_buf power;
    struct oneslot_flash flash = nor_flash(nor);
    volatile bool was = false;
    nor_count_from_zero(nor);
    nor_plan(nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = operation, .tear = tear});
    nor->power = &power;
    if (setjmp(power) == 0) {
        assert_int_equal(change(&flash), ONESLOT_ERROR_NONE);
    } else {
        was = true;
    }
    nor->power = NULL;
    nor->faults = 0;
    return was;
}

/// From every state that otadata can be in, and whatever a first cut has left, the boot loader starts one of both, and
/// the next write or erase does what it should.
static void any_cut_leaves_the_application_or_the_installer(void **state) {
    static change *const changes[] = {write_new, write_undefined, erase};
    /* Two erases and, for an entry, two or three programs. */
    static const uint32_t operations[] = {5, 4, 2};
    static const uint32_t before[] = {ONESLOT_OTA_UNDEFINED, ONESLOT_OTA_VALID, ONESLOT_OTA_ABORTED};
    uint32_t cuts = 0;
    (void)state;
    for (uint32_t which = 0; which < 3 * 3 * NOR_TEAR_COUNT * 8; which++) {
        change *const change = changes[which % 3];
        enum nor_tear tear = (enum nor_tear)(which / 9 % NOR_TEAR_COUNT);
        for (uint32_t operation = 0;; operation++) {
            struct nor nor;
            nor_copy(&nor, &fresh);
            nor.random = which * 64u + operation;
            struct oneslot_flash flash = nor_flash(&nor);
            assert_int_equal(oneslot_otadata_write(&flash, OTADATA, before[which / 3 % 3]), ONESLOT_ERROR_NONE);
            bool was = cut(&nor, change, operation, tear);
            for (uint32_t boot = 0; was && boot < 6; boot++) {
                int started = start(&nor, boot % 2 == 0);
                assert_true(started == 0 || started == BOOTLOADER_FACTORY);
            }
            bool boots;
            int wanted = change == erase ? BOOTLOADER_FACTORY : 0;
            assert_int_equal(change(&flash), ONESLOT_ERROR_NONE);
            (void)read_entry(&nor, &boots);
            assert_int_equal(boots, change != erase);
            for (uint32_t boot = 0; boot < 3; boot++) {
                assert_int_equal(start(&nor, false), wanted);
            }
            assert_int_equal(nor.violations, 0);
            nor_destroy(&nor);
            if (!was) {
                assert_int_equal(operation, operations[which % 3]);
                break;
            }
            cuts++;
        }
    }
    assert_true(cuts > 2000);
}

/// The sequence number is what makes an entry one: cells of it that read by chance are worth a start at the most.
static void the_sequence_number_goes_last(void **state) {
    struct nor nor;
    (void)state;
    nor_copy(&nor, &fresh);
    struct oneslot_flash flash = nor_flash(&nor);
    assert_int_equal(oneslot_otadata_erase(&flash, OTADATA), ONESLOT_ERROR_NONE);
    for (uint32_t operation = 0; cut(&nor, write_new, operation, NOR_AFTER); operation++) {
        bool last = operation == 4;
        assert_int_equal(start(&nor, false), last ? 0 : BOOTLOADER_FACTORY);
    }
    nor_destroy(&nor);
}

static void a_worn_first_sector_leaves_the_second(void **state) {
    struct nor nor;
    (void)state;
    nor_copy(&nor, &fresh);
    struct oneslot_flash flash = nor_flash(&nor);
    nor_stick(&nor, OTADATA + 4, 0x10); /* a byte of the label, which is not used but read back */
    assert_int_equal(oneslot_otadata_write(&flash, OTADATA, ONESLOT_OTA_NEW), ONESLOT_ERROR_NONE);
    assert_int_equal(read_entry(&nor, NULL).state, ONESLOT_OTA_NEW);
    assert_int_equal(start(&nor, true), 0);
    nor_stick(&nor, OTADATA + ONESLOT_SECTOR_SIZE + 4, 0x10);
    assert_int_equal(oneslot_otadata_write(&flash, OTADATA, ONESLOT_OTA_NEW), ONESLOT_ERROR_OTADATA_WRITE);
    nor_destroy(&nor);
}

static void a_chip_that_lies_about_an_erase_is_found_out(void **state) {
    struct nor nor;
    (void)state;
    for (uint32_t sector = 0; sector < 2; sector++) {
        nor_copy(&nor, &fresh);
        put_entry(&nor, sector, 1, ONESLOT_OTA_VALID);
        struct oneslot_flash flash = nor_flash(&nor);
        nor_count_from_zero(&nor);
        nor_plan(&nor, (struct nor_fault){.kind = NOR_FAULT_SILENT, .at = sector, .tear = NOR_BEFORE});
        assert_int_equal(oneslot_otadata_erase(&flash, OTADATA), ONESLOT_ERROR_NONE);
        assert_true(nor.fault_hit);
        assert_int_equal(start(&nor, true), BOOTLOADER_FACTORY);
        nor_plan(&nor, (struct nor_fault){.kind = NOR_FAULT_SECTOR, .at = OTADATA + sector * ONESLOT_SECTOR_SIZE});
        assert_int_equal(oneslot_otadata_erase(&flash, OTADATA), ONESLOT_ERROR_OTADATA_WRITE);
        nor_destroy(&nor);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_crc_is_the_vendors),
        cmocka_unit_test(what_was_written_is_read_and_starts_the_application),
        cmocka_unit_test(what_is_read_is_what_the_boot_loader_goes_by),
        cmocka_unit_test(any_cut_leaves_the_application_or_the_installer),
        cmocka_unit_test(the_sequence_number_goes_last),
        cmocka_unit_test(a_worn_first_sector_leaves_the_second),
        cmocka_unit_test(a_chip_that_lies_about_an_erase_is_found_out),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
