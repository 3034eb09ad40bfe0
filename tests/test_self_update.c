/* The installer replaces itself: at any cut a whole installer is entered, and one that does not run is left again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "host/pack/build.h"
#include "oneslot/boot.h"
#include "oneslot/install_package.h"
#include "oneslot/oneslot.h"
#include "oneslot/self_update.h"
#include "sim/nor.h"
#include "sim/provision.h"
#include "tests/synthetic.h"

#define FLASH_SIZE     0x200000u
#define FIRMWARE_SIZE  0xb400u
#define INSTALLER_SIZE 0x6e30u
#define RESERVED       0x20000u
#define SECOND         0x1f0000u
#define PATH           "/new.osp"
#define RESETS         8u
#define CHAIN          4u

/// Packages here are not signed: whose they are is test_install_package.c's.
uint32_t key_sign(const struct key *key, const uint8_t sha256[32], uint8_t signature[ONESLOT_SIGNATURE_MAX]) {
    (void)key;
    (void)sha256;
    (void)signature;
    return 0;
}

/* Images */

enum make { MAKE_NONE, MAKE_OLD, MAKE_NEW };

static uint8_t firmware[FIRMWARE_SIZE];
static uint8_t installers[2][INSTALLER_SIZE]; ///< the old and the new one
static uint8_t *flash_bytes;

static void put_word(uint8_t *bytes, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
}

/// One RAM segment, entered where installers are, with the ROM's checksum.
static void make_installer(uint8_t *bytes, uint32_t size, uint32_t entry, uint64_t seed) {
    uint32_t length = size - 32u;
    uint8_t checksum = 0xef;
    memset(bytes, 0, size);
    bytes[0] = 0xe9;
    bytes[1] = 1;
    put_word(bytes + 4, entry);
    // Up to the loader, so that it holds where installers are entered.
    put_word(bytes + 8, entry == oneslot_esp8266.limits.installer_entry ? 0x4010e000u - length : entry);
    put_word(bytes + 12, length);
    for (uint32_t i = 0; i < length; i++) {
        bytes[16 + i] = (uint8_t)nor_next_random(&seed);
        checksum ^= bytes[16 + i];
    }
    bytes[size - 1u] = checksum;
}

static int make_images(void **state) {
    (void)state;
    synthetic_micropython(firmware, FIRMWARE_SIZE, 1, 0);
    make_installer(installers[0], INSTALLER_SIZE, oneslot_esp8266.limits.installer_entry, 1);
    make_installer(installers[1], INSTALLER_SIZE, oneslot_esp8266.limits.installer_entry, 2);
    flash_bytes = malloc(FLASH_SIZE);
    return flash_bytes == NULL;
}

static int free_images(void **state) {
    (void)state;
    free(flash_bytes);
    return 0;
}

/* The device: the loader of device/esp8266/loader.c, installers told apart by their bytes */

struct bench {
    struct nor nor;
    struct oneslot_layout layout;
    bool new_is_dead;        ///< the new installer hangs until the watchdog bites
    uint32_t entered[3];     ///< by enum make
    uint32_t resets;         ///< left
    enum oneslot_error last; ///< what the installer returned
    enum make ran;           ///< the one that was entered last
};

/// Puts the application's size into the journal, as `oneslot image` does.
static void know_application(struct bench *bench, uint32_t size) {
    struct oneslot_flash flash = nor_flash(&bench->nor);
    const struct oneslot_journal journal = {&flash, bench->layout.journal};
    struct oneslot_record record;
    assert_int_equal(oneslot_journal_load(&journal, &record, NULL), ONESLOT_ERROR_NONE);
    record.installed_size = size;
    assert_int_equal(oneslot_journal_append(&journal, &record, NULL), ONESLOT_ERROR_NONE);
}

static void make_device(struct bench *bench, const uint8_t *content, uint32_t size, uint32_t second) {
    struct oneslot_version version = {.major = 2};
    struct package_content package = {.header_size = ONESLOT_PACKAGE_HEADER,
                                      .version = version,
                                      .chip = ONESLOT_CHIP_ESP8266,
                                      .kind = ONESLOT_IMAGE_PLAIN,
                                      .image = content,
                                      .image_size = size,
                                      .payload = content,
                                      .payload_size = size,
                                      .installer = true};
    size_t packed_size;
    uint8_t *packed = package_build(&package, &packed_size);
    assert_non_null(packed);
    const struct sim_file file = {PATH, packed, (uint32_t)packed_size};
    const struct sim_provision provision = {.flash_size = FLASH_SIZE,
                                            .firmware = firmware,
                                            .firmware_size = FIRMWARE_SIZE,
                                            .reserved = RESERVED,
                                            .fs_size = 0xe0000u,
                                            .file = &file,
                                            .files = 1,
                                            .installer = installers[0],
                                            .installer_size = INSTALLER_SIZE};
    memset(bench, 0, sizeof *bench);
    assert_int_equal(sim_provision(flash_bytes, &provision, &bench->layout), ONESLOT_ERROR_NONE);
    free(packed);
    bench->layout.second = second;
    oneslot_layout_seal(&bench->layout);
    memcpy(flash_bytes + ONESLOT_LAYOUT_ADDRESS, &bench->layout, sizeof bench->layout);
    nor_create(&bench->nor, FLASH_SIZE, 7);
    nor_load(&bench->nor, 0, flash_bytes, FLASH_SIZE);
    bench->nor.marks_start = bench->layout.journal;
    bench->nor.marks_end = bench->layout.journal + ONESLOT_JOURNAL_SECTORS * ONESLOT_SECTOR_SIZE;
    know_application(bench, FIRMWARE_SIZE);
}

/// Reads as the loader does, so that weak cells may show one thing now and another later.
static enum make installer_at(const struct oneslot_flash *flash, uint32_t address) {
    static uint8_t bytes[INSTALLER_SIZE];
    if (address == 0 || oneslot_flash_read(flash, address, bytes, sizeof bytes) != ONESLOT_ERROR_NONE) {
        return MAKE_NONE;
    }
    if (memcmp(bytes, installers[0], sizeof bytes) == 0) {
        return MAKE_OLD;
    }
    return memcmp(bytes, installers[1], sizeof bytes) == 0 ? MAKE_NEW : MAKE_NONE;
}

enum next { NEXT_APPLICATION, NEXT_RESET, NEXT_ANOTHER };

/// The jump that a cut takes passes over what is allocated, so this is not.
static struct oneslot_install install;

static enum next enter_installer(struct bench *bench, const struct oneslot_flash *flash, uint32_t address) {
    enum make make = installer_at(flash, address);
    if (make == MAKE_NONE) {
        return NEXT_ANOTHER;
    }
    bench->entered[make]++;
    bench->ran = make;
    if (make == MAKE_NEW && bench->new_is_dead) {
        return NEXT_RESET;
    }
    memset(&install, 0, sizeof install);
    install.chip = &oneslot_esp8266;
    install.flash = flash;
    install.take_package = oneslot_install_package;
    install.self_update = &oneslot_self_update_in_flash;
    install.running = address;
    bench->last = oneslot_install_run(&install);
    return bench->last == ONESLOT_ERROR_NONE ? NEXT_RESET : NEXT_APPLICATION;
}

static enum next boot_once(struct bench *bench, const struct oneslot_flash *flash) {
    const struct oneslot_journal journal = {flash, bench->layout.journal};
    struct oneslot_record record;
    uint32_t slot = 0;
    uint32_t places[ONESLOT_BOOT_PLACES];
    enum oneslot_error error = oneslot_journal_load(&journal, &record, &slot);
    assert_true(error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_JOURNAL_EMPTY);
    if (oneslot_boot_decide(&record, 0, false, true, true) != ONESLOT_BOOT_INSTALLER) {
        return NEXT_APPLICATION;
    }
    oneslot_boot_installers(&journal, &record, slot, &bench->layout, places);
    enum next next = NEXT_ANOTHER;
    for (uint32_t i = 0; i < ONESLOT_BOOT_PLACES && next == NEXT_ANOTHER; i++) {
        next = enter_installer(bench, flash, places[i]);
    }
    assert_int_not_equal(next, NEXT_ANOTHER); // no whole installer in flash: the one thing that must never be
    return next;
}

/// Runs until the application is started or power is cut. Returns whether it was cut.
static bool power_on(struct bench *bench) {
    struct oneslot_flash flash = nor_flash(&bench->nor);
    jmp_buf power;
    bench->nor.power = &power;
    bench->nor.power_ups++;
    if (setjmp(power) != 0) {
        bench->nor.faults = 0;
        return true;
    }
    bench->resets = RESETS;
    while (boot_once(bench, &flash) != NEXT_APPLICATION) {
        assert_int_not_equal(bench->resets--, 0);
    }
    bench->nor.faults = 0;
    return false;
}

static void ask(struct bench *bench) {
    struct oneslot_flash flash = nor_flash(&bench->nor);
    struct oneslot oneslot;
    assert_int_equal(oneslot_open(&oneslot, &flash), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_request(&oneslot, PATH, NULL), ONESLOT_ERROR_NONE);
}

static struct oneslot_record journal_of(struct bench *bench) {
    struct oneslot_flash flash = nor_flash(&bench->nor);
    const struct oneslot_journal journal = {&flash, bench->layout.journal};
    struct oneslot_record record;
    assert_int_equal(oneslot_journal_load(&journal, &record, NULL), ONESLOT_ERROR_NONE);
    return record;
}

/// The application as it was provisioned.
static bool application_untouched(struct bench *bench) {
    return nor_equal(&bench->nor, bench->layout.displaced, firmware, ONESLOT_SECTOR_SIZE) &&
           nor_equal(&bench->nor, ONESLOT_SECTOR_SIZE, firmware + ONESLOT_SECTOR_SIZE,
                     FIRMWARE_SIZE - ONESLOT_SECTOR_SIZE);
}

static bool lies_at(struct bench *bench, uint32_t address, enum make make) {
    return nor_equal(&bench->nor, address, installers[make - 1], INSTALLER_SIZE) &&
           !nor_weak(&bench->nor, address, INSTALLER_SIZE);
}

/* Without a cut */

static void the_new_installer_ends_up_at_home_when_its_place_was_borrowed(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, installers[1], INSTALLER_SIZE, 0);
    ask(&bench);
    assert_false(power_on(&bench));
    struct oneslot_record record = journal_of(&bench);
    assert_int_equal(record.state, ONESLOT_STATE_DONE);
    assert_int_equal(record.outcome, ONESLOT_ERROR_NONE);
    assert_int_equal(record.installer, 0);
    assert_int_equal(record.installer_before, 0);
    assert_true(lies_at(&bench, bench.layout.installer, MAKE_NEW));
    assert_int_equal(bench.entered[MAKE_OLD], 1);
    assert_int_equal(bench.entered[MAKE_NEW], 1);
    assert_true(application_untouched(&bench));
    // What it does not fill of its region is erased.
    for (uint32_t at = INSTALLER_SIZE; at < ONESLOT_INSTALLER_SIZE; at++) {
        uint8_t byte;
        nor_peek(&bench.nor, bench.layout.installer + at, &byte, 1);
        assert_int_equal(byte, 0xff);
    }
    nor_destroy(&bench.nor);
}

static void a_second_place_of_its_own_keeps_the_old_one(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, installers[1], INSTALLER_SIZE, SECOND);
    ask(&bench);
    assert_false(power_on(&bench));
    struct oneslot_record record = journal_of(&bench);
    assert_int_equal(record.installer, SECOND);
    assert_int_equal(record.installer_before, 0);
    assert_true(lies_at(&bench, SECOND, MAKE_NEW));
    assert_true(lies_at(&bench, bench.layout.installer, MAKE_OLD));
    // The next one goes to the place that is free now.
    ask(&bench);
    assert_false(power_on(&bench));
    assert_int_equal(journal_of(&bench).installer, 0);
    assert_true(lies_at(&bench, bench.layout.installer, MAKE_NEW));
    nor_destroy(&bench.nor);
}

static void an_installer_that_does_not_run_is_left_again(void **state) {
    (void)state;
    for (uint32_t second = 0; second <= SECOND; second += SECOND) {
        struct bench bench;
        make_device(&bench, installers[1], INSTALLER_SIZE, second);
        bench.new_is_dead = true;
        ask(&bench);
        assert_false(power_on(&bench));
        struct oneslot_record record = journal_of(&bench);
        assert_int_equal(record.state, ONESLOT_STATE_FAILED);
        assert_int_equal(record.outcome, ONESLOT_ERROR_INSTALLER_REJECTED);
        assert_int_equal(record.installer, 0);
        assert_int_equal(record.installer_before, 0);
        assert_int_equal(bench.entered[MAKE_NEW], 1);
        assert_int_equal(bench.ran, MAKE_OLD);
        assert_true(lies_at(&bench, bench.layout.installer, MAKE_OLD));
        nor_destroy(&bench.nor);
    }
}

static void what_is_no_installer_is_refused(void **state) {
    (void)state;
    static uint8_t other[INSTALLER_SIZE];
    static uint8_t large[ONESLOT_INSTALLER_SIZE + 0x1000u];
    make_installer(other, sizeof other, 0x40100000u, 3); // entered like an application
    make_installer(large, sizeof large, oneslot_esp8266.limits.installer_entry, 4);
    const struct {
        const uint8_t *bytes;
        uint32_t size;
        enum oneslot_error want;
    } cases[] = {
        {other, sizeof other, ONESLOT_ERROR_INSTALLER_INVALID},
        {large, sizeof large, ONESLOT_ERROR_INSTALLER_INVALID},
        {firmware, FIRMWARE_SIZE, ONESLOT_ERROR_INSTALLER_INVALID},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bench bench;
        make_device(&bench, cases[i].bytes, cases[i].size, 0);
        ask(&bench);
        uint32_t before = bench.nor.operations;
        assert_false(power_on(&bench));
        assert_int_equal(journal_of(&bench).outcome, cases[i].want);
        assert_true(bench.nor.operations - before <= 10); // one record of the journal, which voids those before
        nor_destroy(&bench.nor);
    }
}

static void a_firmware_that_leaves_no_room_is_kept(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, installers[1], INSTALLER_SIZE, 0);
    know_application(&bench, RESERVED - ONESLOT_INSTALLER_SIZE + 1);
    ask(&bench);
    assert_false(power_on(&bench));
    assert_int_equal(journal_of(&bench).outcome, ONESLOT_ERROR_NO_ROOM);
    assert_true(lies_at(&bench, bench.layout.installer, MAKE_OLD));
    nor_destroy(&bench.nor);
}

static void where_home_cannot_be_written_the_new_one_stays_where_it_is(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, installers[1], INSTALLER_SIZE, 0);
    ask(&bench);
    uint32_t broken = bench.layout.installer + 2 * ONESLOT_SECTOR_SIZE;
    nor_plan(&bench.nor, (struct nor_fault){NOR_FAULT_SECTOR, broken, 0, NOR_BEFORE});
    assert_false(power_on(&bench));
    struct oneslot_record record = journal_of(&bench);
    assert_int_equal(record.installer, RESERVED - ONESLOT_INSTALLER_SIZE);
    assert_int_equal(record.installer_before, 0);
    assert_int_equal(record.detail, broken);
    assert_true(lies_at(&bench, record.installer, MAKE_NEW));
    nor_destroy(&bench.nor);
}

/* With cuts */

/// What must hold once the dust has settled, whatever was cut: one whole installer is the one that is entered, and it
/// is the new one unless the new one was given up, which the journal says then.
static void check_end(struct bench *bench, const char *what) {
    struct oneslot_record record = journal_of(bench);
    uint32_t place = record.installer != 0 ? record.installer : bench->layout.installer;
    bool given_up = record.state == ONESLOT_STATE_FAILED && record.outcome == ONESLOT_ERROR_INSTALLER_REJECTED;
    bool right = given_up ? lies_at(bench, place, MAKE_OLD)
                          : record.state == ONESLOT_STATE_DONE && lies_at(bench, place, MAKE_NEW);
    if (!right || given_up < bench->new_is_dead || record.installer_before != 0 || !application_untouched(bench) ||
        bench->nor.violation != NOR_VIOLATION_NONE) {
        fail_msg("%s: state %u, outcome %u, installer at 0x%x, before 0x%x, %s", what, record.state, record.outcome,
                 record.installer, record.installer_before, nor_violation_text(bench->nor.violation));
    }
}

/// Cuts at operation `at`, then, `more` times, at a random one of the recovery, then lets it come to its end.
static void cut(const struct bench *from, uint32_t at, enum nor_tear tear, unsigned more, uint64_t *random) {
    struct bench bench = *from;
    char what[80];
    nor_copy(&bench.nor, &from->nor);
    nor_count_from_zero(&bench.nor);
    nor_plan(&bench.nor, (struct nor_fault){NOR_FAULT_CUT, at, 0, tear});
    bool was_cut = power_on(&bench);
    for (; was_cut && more > 0; more--) {
        uint32_t next = bench.nor.operations + nor_random_below(random, 40);
        nor_plan(&bench.nor,
                 (struct nor_fault){NOR_FAULT_CUT, next, 0, (enum nor_tear)nor_random_below(random, NOR_TEAR_COUNT)});
        was_cut = power_on(&bench);
    }
    if (was_cut) {
        assert_false(power_on(&bench));
    }
    snprintf(what, sizeof what, "operation %u, %s, %s", at, nor_tear_name(tear), bench.new_is_dead ? "dead" : "alive");
    check_end(&bench, what);
    nor_destroy(&bench.nor);
}

static void at_any_cut_there_is_an_installer_to_enter(uint32_t second, bool dead) {
    struct bench bench;
    struct bench whole;
    uint64_t random = 11;
    make_device(&bench, installers[1], INSTALLER_SIZE, second);
    bench.new_is_dead = dead;
    ask(&bench);
    whole = bench;
    nor_copy(&whole.nor, &bench.nor);
    nor_count_from_zero(&whole.nor);
    assert_false(power_on(&whole));
    uint32_t operations = whole.nor.operations;
    nor_destroy(&whole.nor);
    assert_true(operations > 100);
    for (uint32_t at = 0; at < operations; at++) {
        for (unsigned tear = 0; tear < NOR_TEAR_COUNT; tear++) {
            cut(&bench, at, (enum nor_tear)tear, 0, &random);
        }
        cut(&bench, at, (enum nor_tear)nor_random_below(&random, NOR_TEAR_COUNT), 1 + at % CHAIN, &random);
    }
    print_message("%u operations, %u cases\n", operations, operations * (NOR_TEAR_COUNT + 1u));
    nor_destroy(&bench.nor);
}

static void no_cut_loses_the_installer_with_a_borrowed_place(void **state) {
    (void)state;
    at_any_cut_there_is_an_installer_to_enter(0, false);
}

static void no_cut_loses_the_installer_with_a_place_of_its_own(void **state) {
    (void)state;
    at_any_cut_there_is_an_installer_to_enter(SECOND, false);
}

static void no_cut_keeps_an_installer_that_does_not_run(void **state) {
    (void)state;
    at_any_cut_there_is_an_installer_to_enter(0, true);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_new_installer_ends_up_at_home_when_its_place_was_borrowed),
        cmocka_unit_test(a_second_place_of_its_own_keeps_the_old_one),
        cmocka_unit_test(an_installer_that_does_not_run_is_left_again),
        cmocka_unit_test(what_is_no_installer_is_refused),
        cmocka_unit_test(a_firmware_that_leaves_no_room_is_kept),
        cmocka_unit_test(where_home_cannot_be_written_the_new_one_stays_where_it_is),
        cmocka_unit_test(no_cut_loses_the_installer_with_a_borrowed_place),
        cmocka_unit_test(no_cut_loses_the_installer_with_a_place_of_its_own),
        cmocka_unit_test(no_cut_keeps_an_installer_that_does_not_run),
    };
    return cmocka_run_group_tests(tests, make_images, free_images);
}
