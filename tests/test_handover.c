/* Hand-over under ESP-IDF's boot loader: requests, trials, damage; and what any cut of them comes to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "oneslot/handover.h"
#include "oneslot/otadata.h"
#include "oneslot/version.h"
#include "sim/device.h"
#include "sim/provision.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE 0x100000u
#define RESERVED   0x20000u
#define FS_START   0x40000u
#define SIZE       0x3340u
#define CHIP       ONESLOT_CHIP_ESP32C3
#define OLD_PATH   "/old.bin"
#define NEW_PATH   "/new.bin"

static uint8_t old_image[SIZE];
static uint8_t new_image[SIZE];
static uint8_t *flash_bytes;
static struct oneslot_chip chip;

struct bench {
    struct sim_device device;
    struct nor provisioned;
};

static int make_images(void **state) {
    (void)state;
    synthetic_esp32(old_image, SIZE, CHIP, 1, 0x800);
    synthetic_esp32(new_image, SIZE, CHIP, 2, 0x800);
    oneslot_esp32_chip(&chip, CHIP, 4);
    flash_bytes = malloc(FLASH_SIZE);
    return flash_bytes == NULL;
}

static int free_images(void **state) {
    (void)state;
    free(flash_bytes);
    return 0;
}

static void set_up_watching(struct bench *bench, const char *watch) {
    const struct sim_file files[] = {{OLD_PATH, old_image, SIZE}, {NEW_PATH, new_image, SIZE}};
    const struct sim_provision parts = {.chip = &chip,
                                        .flash_size = FLASH_SIZE,
                                        .firmware = old_image,
                                        .firmware_size = SIZE,
                                        .reserved = RESERVED,
                                        .fs_start = FS_START,
                                        .file = files,
                                        .files = 2,
                                        .watch = watch};
    assert_int_equal(sim_provision(flash_bytes, &parts, NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(sim_device_create(&bench->device, &chip, flash_bytes, FLASH_SIZE, 1), ONESLOT_ERROR_NONE);
    bench->device.old_firmware = (struct sim_firmware){old_image, SIZE};
    bench->device.new_firmware = (struct sim_firmware){new_image, SIZE};
    nor_copy(&bench->provisioned, &bench->device.nor);
    bench->device.provisioned = &bench->provisioned;
}

static void set_up(struct bench *bench) {
    set_up_watching(bench, NULL);
}

static void finish(struct bench *bench) {
    assert_int_equal(bench->device.nor.violations, 0);
    assert_int_equal(bench->device.bad_starts, 0);
    nor_destroy(&bench->provisioned);
    sim_device_destroy(&bench->device);
}

static void assert_runs(struct bench *bench, enum sim_runs runs) {
    uint32_t address = 0;
    assert_int_equal(sim_power_on(&bench->device), SIM_APPLICATION);
    assert_int_equal(sim_runs(&bench->device), runs);
    assert_true(sim_untouched(&bench->device, &address));
}

static struct oneslot open_application(struct sim_device *device, struct oneslot_flash *flash) {
    _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    struct oneslot oneslot;
    *flash = nor_flash(&device->nor);
    assert_int_equal(oneslot_open_table(&oneslot, flash, working), ONESLOT_ERROR_NONE);
    return oneslot;
}

static struct oneslot_status status_of(struct sim_device *device) {
    struct oneslot_flash flash;
    struct oneslot oneslot = open_application(device, &flash);
    struct oneslot_status status;
    assert_int_equal(oneslot_status(&oneslot, &status), ONESLOT_ERROR_NONE);
    return status;
}

static struct oneslot_record record_of(struct sim_device *device) {
    struct oneslot_record record;
    assert_int_equal(sim_journal(device, &record), ONESLOT_ERROR_NONE);
    return record;
}

static void ask(struct sim_device *device, const char *path, const struct oneslot_options *options) {
    assert_int_equal(sim_request_with(device, path, options), SIM_APPLICATION);
    assert_int_equal(device->last, ONESLOT_ERROR_NONE);
}

static void erase_choice(struct sim_device *device) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    assert_int_equal(oneslot_otadata_erase(&flash, device->layout.otadata), ONESLOT_ERROR_NONE);
}

static struct oneslot_otadata choice_of(struct sim_device *device) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    struct oneslot_otadata entry;
    assert_int_equal(oneslot_otadata_read(&flash, device->layout.otadata, &entry, NULL), ONESLOT_ERROR_NONE);
    return entry;
}

static void flip_application(struct sim_device *device) {
    uint8_t byte;
    nor_peek(&device->nor, device->layout.application + 0x2000, &byte, 1);
    byte ^= 0x20;
    nor_load(&device->nor, device->layout.application + 0x2000, &byte, 1);
}

/* Without a trial. */

static void with_nothing_to_do_the_installer_hands_back_at_once(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(bench.device.installs, 0); /* not even entered */
    erase_choice(&bench.device);
    nor_count_from_zero(&bench.device.nor);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(bench.device.installs, 1);
    assert_int_equal(bench.device.last, ONESLOT_ERROR_NOTHING_TO_DO);
    assert_true(bench.device.nor.statistics.sector_erases <= 2);
    assert_int_equal(choice_of(&bench.device).state, ONESLOT_OTA_UNDEFINED);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(bench.device.installs, 1);
    finish(&bench);
}

static void a_request_is_done_and_the_application_started(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    ask(&bench.device, NEW_PATH, NULL);
    assert_int_equal(choice_of(&bench.device).sequence, 0xffffffff);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(bench.device.installs, 1);
    assert_int_equal(status_of(&bench.device).state, ONESLOT_STATE_DONE);
    assert_int_equal(choice_of(&bench.device).state, ONESLOT_OTA_UNDEFINED);
    assert_int_equal(record_of(&bench.device).target, bench.device.layout.application);
    finish(&bench);
}

static void a_refused_request_starts_what_was_there(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    ask(&bench.device, "/missing.bin", NULL);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(bench.device.installs, 1);
    struct oneslot_status status = status_of(&bench.device);
    assert_int_equal(status.state, ONESLOT_STATE_FAILED);
    assert_int_equal(status.outcome, ONESLOT_ERROR_FILE_MISSING);
    finish(&bench);
}

static void a_request_that_is_taken_back_does_nothing(void **state) {
    struct bench bench;
    struct oneslot_flash flash;
    (void)state;
    set_up(&bench);
    ask(&bench.device, NEW_PATH, NULL);
    struct oneslot oneslot = open_application(&bench.device, &flash);
    assert_int_equal(oneslot_cancel(&oneslot), ONESLOT_ERROR_NONE);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(status_of(&bench.device).state, ONESLOT_STATE_DONE);
    assert_int_equal(status_of(&bench.device).outcome, ONESLOT_ERROR_NONE);
    finish(&bench);
}

/* Damage. */

static void a_damaged_application_without_a_file_waits_and_is_left_alone(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    flip_application(&bench.device);
    nor_count_from_zero(&bench.device.nor);
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(bench.device.last, ONESLOT_ERROR_APPLICATION_BROKEN);
    assert_int_equal(record_of(&bench.device).own_outcome, ONESLOT_ERROR_APPLICATION_BROKEN);
    /* Said once in the journal; otadata is not worn by waiting. */
    assert_int_equal(bench.device.nor.statistics.sector_erases, 0);
    flip_application(&bench.device);
    assert_runs(&bench, SIM_RUNS_OLD);
    finish(&bench);
}

/// What is not whole is not named to the boot loader either.
static void a_damaged_application_is_not_chosen(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    flip_application(&bench.device);
    erase_choice(&bench.device);
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(bench.device.last, ONESLOT_ERROR_APPLICATION_BROKEN);
    assert_int_equal(choice_of(&bench.device).sequence, 0xffffffff);
    finish(&bench);
}

static void a_damaged_application_is_mended_from_the_file_it_came_from(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    ask(&bench.device, NEW_PATH, NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    flip_application(&bench.device);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(record_of(&bench.device).flags, ONESLOT_REQUEST_RECOVERY);
    assert_int_equal(status_of(&bench.device).state, ONESLOT_STATE_DONE);
    finish(&bench);
}

/// While the damaged one is written over, otadata must not choose it.
static void otadata_is_erased_before_a_damaged_application_is_written(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    ask(&bench.device, NEW_PATH, NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    flip_application(&bench.device);
    for (uint32_t at = 0;; at++) {
        struct sim_device device;
        sim_device_fork(&device, &bench.device);
        nor_count_from_zero(&device.nor);
        nor_plan(&device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = at, .tear = NOR_AFTER});
        enum sim_stop stop = sim_power_on(&device);
        struct oneslot_record record = record_of(&device);
        if (record.state == ONESLOT_STATE_INSTALLING) {
            assert_int_equal(choice_of(&device).sequence, 0xffffffff);
        }
        sim_device_discard(&device);
        if (stop != SIM_CUT) {
            assert_int_equal(stop, SIM_APPLICATION);
            assert_true(at > 20);
            break;
        }
    }
    finish(&bench);
}

static void a_watched_file_is_taken_when_the_installer_is_entered(void **state) {
    struct bench bench;
    (void)state;
    set_up_watching(&bench, NEW_PATH);
    assert_runs(&bench, SIM_RUNS_OLD); /* the boot loader does not look there */
    erase_choice(&bench.device);
    assert_runs(&bench, SIM_RUNS_NEW);
    erase_choice(&bench.device);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(bench.device.last, ONESLOT_ERROR_NOTHING_TO_DO);
    finish(&bench);
}

static void an_application_that_the_boot_loader_alone_refuses_makes_no_race_of_resets(void **state) {
    struct bench bench;
    struct oneslot_install *install = calloc(1, sizeof *install);
    enum oneslot_error reason;
    (void)state;
    set_up(&bench);
    struct oneslot_flash flash = nor_flash(&bench.device.nor);
    install->chip = &chip;
    install->flash = &flash;
    /* Entered although otadata chooses the application, which is whole. */
    assert_int_equal(oneslot_handover(install, &reason), ONESLOT_NEXT_WAIT);
    assert_int_equal(reason, ONESLOT_ERROR_APPLICATION_REFUSED);
    assert_int_equal(install->wait, ONESLOT_WAIT_SECONDS);
    free(install);
    finish(&bench);
}

static void otadata_that_cannot_be_written_is_said_so_and_left(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    erase_choice(&bench.device);
    for (uint32_t sector = 0; sector < 2; sector++) {
        nor_plan(&bench.device.nor,
                 (struct nor_fault){.kind = NOR_FAULT_SECTOR,
                                    .at = bench.device.layout.otadata + sector * ONESLOT_SECTOR_SIZE});
    }
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(bench.device.last, ONESLOT_ERROR_OTADATA_WRITE);
    // An end is put to it: two sectors that take no write are not tried for ever.
    uint32_t operations = bench.device.nor.operations;
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(bench.device.last, ONESLOT_ERROR_OTADATA_WRITE);
    assert_int_equal(bench.device.nor.operations, operations);
    bench.device.nor.faults = 0;
    finish(&bench);
}

/// A copy of the newest record behind it, whose seal a cut has left weak: it reads well until the next start is over.
/// Returns the seal's address.
static uint32_t append_with_weak_seal(struct sim_device *device) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    struct oneslot_journal journal = {&flash, device->layout.journal};
    struct oneslot_record record;
    struct nor_operation seal = {.kind = NOR_PROGRAM, .length = ONESLOT_SEAL_SIZE};
    uint32_t slot;
    assert_int_equal(oneslot_journal_load(&journal, &record, &slot), ONESLOT_ERROR_NONE);
    uint32_t address = oneslot_slot_address(journal.address, (slot + 1u) % ONESLOT_SLOTS);
    if (address % ONESLOT_SECTOR_SIZE == 0) {
        assert_int_equal(oneslot_flash_erase_sector(&flash, address), ONESLOT_ERROR_NONE);
    }
    record.sequence++;
    record.crc = oneslot_crc32(0, &record, offsetof(struct oneslot_record, crc));
    nor_load(&device->nor, address + ONESLOT_CLAIM_OFFSET, seal.data, ONESLOT_SEAL_SIZE);
    nor_load(&device->nor, address, &record, sizeof record);
    seal.address = address + ONESLOT_SEAL_OFFSET;
    nor_apply(&device->nor, &seal, NOR_DONE_WEAK);
    device->nor.sector[address / ONESLOT_SECTOR_SIZE]->calm = device->nor.power_ups + 1u;
    return seal.address;
}

static void what_the_installer_hands_back_on_is_firm(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    ask(&bench.device, NEW_PATH, NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    erase_choice(&bench.device);
    uint32_t seal = append_with_weak_seal(&bench.device);
    assert_true(nor_weak(&bench.device.nor, seal, ONESLOT_SEAL_SIZE));
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_false(nor_weak(&bench.device.nor, seal, ONESLOT_SEAL_SIZE));
    finish(&bench);
}

static void otadata_that_cannot_be_written_for_a_while_is_written_then(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    erase_choice(&bench.device);
    nor_count_from_zero(&bench.device.nor);
    nor_plan(&bench.device.nor, (struct nor_fault){.kind = NOR_FAULT_ERROR, .at = 0, .count = 100, .tear = NOR_BEFORE});
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_true(bench.device.nor.fault_hit);
    assert_true(bench.device.boots > 2);
    finish(&bench);
}

static void a_flash_without_our_table_waits(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    erase_choice(&bench.device);
    uint8_t row[32];
    nor_peek(&bench.device.nor, ONESLOT_TABLE_ADDRESS + 5 * 32, row, sizeof row); /* the journal's */
    row[3] = 0x7f;
    nor_load(&bench.device.nor, ONESLOT_TABLE_ADDRESS + 5 * 32, row, sizeof row);
    struct oneslot_install *install = calloc(1, sizeof *install);
    struct oneslot_flash flash = nor_flash(&bench.device.nor);
    enum oneslot_error reason;
    install->chip = &chip;
    install->flash = &flash;
    assert_int_equal(oneslot_handover(install, &reason), ONESLOT_NEXT_WAIT);
    assert_int_equal(reason, ONESLOT_ERROR_MAP_INVALID);
    free(install);
    finish(&bench);
}

/* Trials. */

static const struct oneslot_options TWO_BOOTS = {.trial_boots = 2, .fallback = OLD_PATH};

static void a_trial_that_is_confirmed_keeps_the_new_firmware(void **state) {
    static const enum sim_confirm ways[] = {SIM_CONFIRM_ONESLOT, SIM_CONFIRM_VENDOR, SIM_CONFIRM_BOTH};
    (void)state;
    for (uint32_t i = 0; i < 6; i++) {
        struct bench bench;
        set_up(&bench);
        bench.device.confirm = ways[i / 2];
        bench.device.rollback = i % 2 == 0;
        ask(&bench.device, NEW_PATH, &TWO_BOOTS);
        for (uint32_t boot = 0; boot < 5; boot++) {
            assert_runs(&bench, SIM_RUNS_NEW);
            struct oneslot_status status = status_of(&bench.device);
            assert_int_equal(status.state, ONESLOT_STATE_DONE);
            assert_int_equal(status.outcome, ONESLOT_ERROR_NONE);
        }
        /* With ESP-IDF's way alone the journal learns of it with the next request. */
        assert_int_equal(record_of(&bench.device).state,
                         ways[i / 2] == SIM_CONFIRM_VENDOR ? ONESLOT_STATE_TRIAL : ONESLOT_STATE_DONE);
        ask(&bench.device, OLD_PATH, NULL);
        assert_runs(&bench, SIM_RUNS_OLD);
        finish(&bench);
    }
}

static void a_trial_that_is_not_confirmed_ends_after_its_boots_with_the_fallback(void **state) {
    (void)state;
    for (uint32_t boots = 1; boots <= 4; boots++) {
        struct bench bench;
        const struct oneslot_options options = {.trial_boots = boots, .fallback = OLD_PATH};
        set_up(&bench);
        ask(&bench.device, NEW_PATH, &options);
        for (uint32_t boot = 0; boot < boots; boot++) {
            assert_runs(&bench, SIM_RUNS_NEW);
            assert_int_equal(choice_of(&bench.device).state, ONESLOT_OTA_PENDING_VERIFY);
            assert_int_equal(status_of(&bench.device).state, ONESLOT_STATE_TRIAL);
            assert_int_equal(status_of(&bench.device).trial_left, boots - boot - 1);
            /* Until it is confirmed, nothing else can be asked for. */
            assert_int_equal(sim_request(&bench.device, OLD_PATH, NULL), SIM_APPLICATION);
            assert_int_equal(bench.device.last, ONESLOT_ERROR_BUSY);
        }
        for (uint32_t boot = 0; boot < 3; boot++) {
            assert_runs(&bench, SIM_RUNS_OLD);
            assert_int_equal(status_of(&bench.device).outcome, ONESLOT_ERROR_TRIAL_EXPIRED);
        }
        finish(&bench);
    }
}

static void a_trial_without_a_fallback_keeps_the_new_firmware_and_says_so(void **state) {
    const struct oneslot_options options = {.trial_boots = 1};
    struct bench bench;
    (void)state;
    set_up(&bench);
    ask(&bench.device, NEW_PATH, &options);
    for (uint32_t boot = 0; boot < 3; boot++) {
        assert_runs(&bench, SIM_RUNS_NEW);
    }
    assert_int_equal(status_of(&bench.device).outcome, ONESLOT_ERROR_NO_FALLBACK);
    assert_int_equal(choice_of(&bench.device).state, ONESLOT_OTA_UNDEFINED);
    finish(&bench);
}

/// The journal's other sector is worn out while the trial runs: its end cannot be written down. What is in flash is
/// started all the same, as no trial, and the writing has an end.
static void a_trial_that_the_journal_cannot_end_still_starts_what_is_there(void **state) {
    struct bench bench;
    (void)state;
    for (uint32_t boots = 1; boots <= ONESLOT_TRIAL_MAX; boots += ONESLOT_TRIAL_MAX - 1u) {
        const struct oneslot_options options = {.trial_boots = boots};
        set_up(&bench);
        ask(&bench.device, NEW_PATH, &options);
        for (uint32_t boot = 0; boot < boots; boot++) {
            assert_runs(&bench, SIM_RUNS_NEW);
        }
        struct oneslot_flash flash = nor_flash(&bench.device.nor);
        struct oneslot_journal journal = {&flash, bench.device.layout.journal};
        struct oneslot_record record;
        uint32_t slot;
        assert_int_equal(oneslot_journal_load(&journal, &record, &slot), ONESLOT_ERROR_NONE);
        assert_int_equal(slot % ONESLOT_SLOTS_PER_SECTOR, ONESLOT_SLOTS_PER_SECTOR - 1u);
        uint32_t other = journal.address + (1u - slot / ONESLOT_SLOTS_PER_SECTOR) * ONESLOT_SECTOR_SIZE;
        nor_wear_out(&bench.device.nor, other, NOR_WEAR_ERASE | NOR_WEAR_PROGRAM);
        for (uint32_t boot = 0; boot < 3u; boot++) {
            assert_runs(&bench, SIM_RUNS_NEW);
            assert_int_equal(choice_of(&bench.device).state, ONESLOT_OTA_UNDEFINED);
            assert_int_equal(record_of(&bench.device).state, ONESLOT_STATE_TRIAL);
        }
        // A choice that gets lost again and again is not written for ever.
        uint32_t starts = 0;
        for (; starts < 64; starts++) {
            erase_choice(&bench.device);
            if (sim_power_on(&bench.device) != SIM_APPLICATION) {
                break;
            }
        }
        assert_in_range(starts, 3, 63);
        finish(&bench);
    }
}

/// Amid the firmware's writing no slot of the journal is fit for a record any more: marks of those that are there go
/// on.
static void wear_out_journal(void *context, const struct nor *nor, const struct nor_operation *operation) {
    struct sim_device *device = context;
    uint32_t journal = device->layout.journal;
    if (operation->number != 60) {
        return;
    }
    for (uint32_t slot = 0; slot < ONESLOT_SLOTS; slot++) {
        uint32_t magic = 0;
        uint32_t address = oneslot_slot_address(journal, slot);
        nor_peek(nor, address, &magic, sizeof magic);
        if (magic == 0xffffffffu) {
            nor_stick(&device->nor, address, 1);
        }
        nor_wear_out(&device->nor, address, NOR_WEAR_ERASE);
    }
}

/// Amid an installation the journal wears out: it knows of no trial, which would have no end.
static void a_trial_that_the_journal_does_not_know_of_is_none(void **state) {
    const struct oneslot_options options = {.trial_boots = 3, .fallback = OLD_PATH};
    struct bench bench;
    (void)state;
    set_up(&bench);
    ask(&bench.device, NEW_PATH, &options);
    nor_count_from_zero(&bench.device.nor);
    bench.device.nor.observe = wear_out_journal;
    bench.device.nor.observe_context = &bench.device;
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(record_of(&bench.device).state, ONESLOT_STATE_INSTALLING);
    nor_deed(&bench.device.nor);
    assert_int_equal(sim_resets(&bench.device, 60), SIM_APPLICATION);
    assert_in_range(bench.device.nor.deed_erases_max, 0, SIM_ERASES_BETWEEN_DEEDS);
    assert_int_equal(choice_of(&bench.device).state, ONESLOT_OTA_UNDEFINED);
    finish(&bench);
}

static void a_boot_loader_that_knows_no_trials_starts_the_new_firmware_until_it_confirms(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    bench.device.rollback = false;
    ask(&bench.device, NEW_PATH, &TWO_BOOTS);
    for (uint32_t boot = 0; boot < 5; boot++) {
        assert_runs(&bench, SIM_RUNS_NEW);
        assert_int_equal(status_of(&bench.device).state, ONESLOT_STATE_TRIAL);
    }
    bench.device.confirm = SIM_CONFIRM_BOTH;
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(status_of(&bench.device).state, ONESLOT_STATE_DONE);
    finish(&bench);
}

/// A firmware that confirmed itself in ESP-IDF's way and is damaged later is confirmed none the less.
static void a_confirmed_firmware_is_not_taken_for_one_on_trial_by_the_installer(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    bench.device.confirm = SIM_CONFIRM_VENDOR;
    ask(&bench.device, NEW_PATH, &TWO_BOOTS);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(record_of(&bench.device).state, ONESLOT_STATE_TRIAL);
    flip_application(&bench.device);
    assert_runs(&bench, SIM_RUNS_NEW); /* mended; not the fallback */
    assert_int_equal(status_of(&bench.device).state, ONESLOT_STATE_DONE);
    finish(&bench);
}

/// What otadata alone knew must be in the journal before a request erases it.
static void a_cut_request_after_a_confirmed_trial_does_not_bring_the_fallback(void **state) {
    struct bench bench;
    (void)state;
    set_up(&bench);
    bench.device.confirm = SIM_CONFIRM_VENDOR;
    ask(&bench.device, NEW_PATH, &TWO_BOOTS);
    assert_runs(&bench, SIM_RUNS_NEW);
    bench.device.confirm = SIM_CONFIRM_NOT;
    for (uint32_t at = 0;; at++) {
        struct sim_device device;
        sim_device_fork(&device, &bench.device);
        nor_count_from_zero(&device.nor);
        nor_plan(&device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = at, .tear = NOR_AFTER});
        enum sim_stop stop = sim_request(&device, "/missing.bin", NULL);
        for (uint32_t boot = 0; boot < 4; boot++) {
            assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
            assert_int_equal(sim_runs(&device), SIM_RUNS_NEW);
        }
        assert_int_not_equal(status_of(&device).state, ONESLOT_STATE_TRIAL);
        sim_device_discard(&device);
        if (stop != SIM_CUT) {
            assert_true(at > 8);
            break;
        }
    }
    finish(&bench);
}

/* Trials and cuts. */

struct trial {
    enum sim_confirm confirm;
    bool rollback;
    enum sim_runs end;
    uint32_t power_ons; ///< without a cut, until all is done
};

/// Lets the device run until it rests. Returns how often the new firmware was started.
static uint32_t follow(struct sim_device *device, const struct trial *trial) {
    uint32_t starts = 0;
    for (uint32_t boot = 0; boot < trial->power_ons + 3; boot++) {
        uint32_t address;
        assert_int_equal(sim_power_on(device), SIM_APPLICATION);
        starts += sim_runs(device) == SIM_RUNS_NEW;
        assert_true(sim_untouched(device, &address));
    }
    assert_int_equal(device->bad_starts, 0);
    assert_int_equal(device->nor.violations, 0);
    assert_int_equal(sim_runs(device), trial->end);
    return starts;
}

/// A cut with one tear at every operation of every power-on of a trial, the request among them.
static uint32_t cut_trial(struct bench *bench, const struct trial *trial, enum nor_tear tear) {
    uint32_t cuts = 0;
    for (uint32_t period = 0; period <= trial->power_ons; period++) {
        for (uint32_t at = 0;; at++) {
            struct sim_device device;
            sim_device_fork(&device, &bench->device);
            device.nor.random = (uint64_t)tear << 32 | period << 16 | at;
            nor_count_from_zero(&device.nor);
            nor_plan(&device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = at, .tear = tear});
            enum sim_stop stop = period == 0 ? sim_request_with(&device, NEW_PATH, &TWO_BOOTS) : sim_power_on(&device);
            device.nor.faults = 0;
            if (stop == SIM_CUT) {
                cuts++;
                if (period == 0) { /* it may be asked for or not */
                    assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
                } else {
                    uint32_t starts = follow(&device, trial);
                    assert_true(trial->end == SIM_RUNS_NEW || starts <= TWO_BOOTS.trial_boots + 1);
                    struct oneslot_status status = status_of(&device);
                    assert_int_equal(status.state, ONESLOT_STATE_DONE);
                    assert_int_equal(status.outcome,
                                     trial->end == SIM_RUNS_NEW ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_TRIAL_EXPIRED);
                }
            }
            sim_device_discard(&device);
            if (stop != SIM_CUT) {
                break;
            }
        }
        if (period == 0) {
            ask(&bench->device, NEW_PATH, &TWO_BOOTS);
        } else {
            assert_int_equal(sim_power_on(&bench->device), SIM_APPLICATION);
        }
    }
    return cuts;
}

static void cut_trials(const struct trial *trial) {
    uint32_t cuts = 0;
    for (uint32_t tear = 0; tear < NOR_TEAR_COUNT; tear++) {
        struct bench bench;
        set_up(&bench);
        bench.device.confirm = trial->confirm;
        bench.device.rollback = trial->rollback;
        cuts += cut_trial(&bench, trial, (enum nor_tear)tear);
        finish(&bench);
    }
    assert_true(cuts > 500);
}

static void any_cut_of_a_trial_that_is_confirmed_ends_with_the_new_firmware(void **state) {
    static const struct trial trials[] = {
        {SIM_CONFIRM_BOTH, true, SIM_RUNS_NEW, 2},
        {SIM_CONFIRM_VENDOR, true, SIM_RUNS_NEW, 2},
        {SIM_CONFIRM_ONESLOT, true, SIM_RUNS_NEW, 2},
        {SIM_CONFIRM_BOTH, false, SIM_RUNS_NEW, 2},
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof trials / sizeof *trials; i++) {
        cut_trials(&trials[i]);
    }
}

static void any_cut_of_a_trial_that_is_not_confirmed_ends_with_the_fallback(void **state) {
    static const struct trial trial = {SIM_CONFIRM_NOT, true, SIM_RUNS_OLD, 3};
    (void)state;
    cut_trials(&trial);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(with_nothing_to_do_the_installer_hands_back_at_once),
        cmocka_unit_test(a_request_is_done_and_the_application_started),
        cmocka_unit_test(a_refused_request_starts_what_was_there),
        cmocka_unit_test(a_request_that_is_taken_back_does_nothing),
        cmocka_unit_test(a_damaged_application_without_a_file_waits_and_is_left_alone),
        cmocka_unit_test(a_damaged_application_is_not_chosen),
        cmocka_unit_test(a_damaged_application_is_mended_from_the_file_it_came_from),
        cmocka_unit_test(otadata_is_erased_before_a_damaged_application_is_written),
        cmocka_unit_test(a_watched_file_is_taken_when_the_installer_is_entered),
        cmocka_unit_test(an_application_that_the_boot_loader_alone_refuses_makes_no_race_of_resets),
        cmocka_unit_test(otadata_that_cannot_be_written_is_said_so_and_left),
        cmocka_unit_test(what_the_installer_hands_back_on_is_firm),
        cmocka_unit_test(otadata_that_cannot_be_written_for_a_while_is_written_then),
        cmocka_unit_test(a_flash_without_our_table_waits),
        cmocka_unit_test(a_trial_that_is_confirmed_keeps_the_new_firmware),
        cmocka_unit_test(a_trial_that_is_not_confirmed_ends_after_its_boots_with_the_fallback),
        cmocka_unit_test(a_trial_without_a_fallback_keeps_the_new_firmware_and_says_so),
        cmocka_unit_test(a_trial_that_the_journal_cannot_end_still_starts_what_is_there),
        cmocka_unit_test(a_trial_that_the_journal_does_not_know_of_is_none),
        cmocka_unit_test(a_boot_loader_that_knows_no_trials_starts_the_new_firmware_until_it_confirms),
        cmocka_unit_test(a_confirmed_firmware_is_not_taken_for_one_on_trial_by_the_installer),
        cmocka_unit_test(a_cut_request_after_a_confirmed_trial_does_not_bring_the_fallback),
        cmocka_unit_test(any_cut_of_a_trial_that_is_confirmed_ends_with_the_new_firmware),
        cmocka_unit_test(any_cut_of_a_trial_that_is_not_confirmed_ends_with_the_fallback),
    };
    return cmocka_run_group_tests(tests, make_images, free_images);
}
