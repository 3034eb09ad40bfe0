/*
 * What a device remembers, and what it does by itself: the watch path, trials and ways back, mending, failures that
 * last, readings that are disturbed. Each on an ESP8266 and on the ESP32 family.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "oneslot/handover.h"
#include "oneslot/oneslot.h"
#include "oneslot/otadata.h"
#include "sim/device.h"
#include "sim/provision.h"
#include "tests/synthetic.h"
#include "tests/synthetic_esp32.h"

/// What a sector that is bad for good, or a device that is damaged again and again, may cost: well below
/// ONESLOT_ERASES_MAX.
#define ERASES_OF_A_BAD_SECTOR 256u

#define FLASH_SIZE 0x200000u
#define FS_START   0x100000u
#define FS_SIZE    0xc0000u
#define RESERVED   0x60000u
#define SIZE       0x19800u
#define CHIP       ONESLOT_CHIP_ESP32C3
#define IMAGES     3u

enum family { ESP8266, ESP32, FAMILIES };

/// The images: what is provisioned, the new one, and a third.
static uint8_t image[FAMILIES][IMAGES][SIZE];
static uint8_t *flash_bytes;
static struct oneslot_chip chip;

/// The files that a device may have.
static enum family family;
static struct sim_file files[4];
static uint32_t file_count;
static const char *watch;

struct bench {
    struct sim_device device;
    struct nor provisioned;
};

static int make_images(void **state) {
    (void)state;
    for (uint32_t i = 0; i < IMAGES; i++) {
        synthetic_micropython(image[ESP8266][i], SIZE, i + 1u, 0);
        synthetic_esp32(image[ESP32][i], SIZE, CHIP, i + 1u, 0x4000);
    }
    oneslot_esp32_chip(&chip, CHIP, 0);
    flash_bytes = malloc(FLASH_SIZE);
    return flash_bytes == NULL;
}

static int free_images(void **state) {
    (void)state;
    free(flash_bytes);
    return 0;
}

static void no_files(void) {
    file_count = 0;
    watch = NULL;
}

static void add_file(const char *path, uint32_t which, uint32_t size) {
    files[file_count++] = (struct sim_file){path, image[family][which], size};
}

static void provision(void) {
    const struct sim_provision parts = {.chip = family == ESP32 ? &chip : NULL,
                                        .flash_size = FLASH_SIZE,
                                        .firmware = image[family][0],
                                        .firmware_size = SIZE,
                                        .reserved = RESERVED,
                                        .fs_start = FS_START,
                                        .fs_size = FS_SIZE,
                                        .file = files,
                                        .files = file_count,
                                        .watch = watch};
    assert_int_equal(sim_provision(flash_bytes, &parts, NULL), ONESLOT_ERROR_NONE);
}

/// A device with the files that were added.
static void set_up(struct bench *bench) {
    provision();
    assert_int_equal(sim_device_create(&bench->device, family == ESP32 ? &chip : NULL, flash_bytes, FLASH_SIZE, 1),
                     ONESLOT_ERROR_NONE);
    bench->device.old_firmware = (struct sim_firmware){image[family][0], SIZE};
    bench->device.new_firmware = (struct sim_firmware){image[family][1], SIZE};
    nor_copy(&bench->provisioned, &bench->device.nor);
    bench->device.provisioned = &bench->provisioned;
}

/// The application changes its files to those that were added.
static void change_files(struct bench *bench) {
    provision();
    nor_load(&bench->device.nor, FS_START, flash_bytes + FS_START, FS_SIZE);
    nor_load(&bench->provisioned, FS_START, flash_bytes + FS_START, FS_SIZE);
}

static void finish(struct bench *bench) {
    uint32_t address = 0;
    assert_int_equal(bench->device.nor.violations, 0);
    assert_true(sim_untouched(&bench->device, &address));
    nor_destroy(&bench->provisioned);
    sim_device_destroy(&bench->device);
}

static struct oneslot_record record_of(struct bench *bench) {
    struct oneslot_record record;
    assert_int_equal(sim_journal(&bench->device, &record), ONESLOT_ERROR_NONE);
    return record;
}

static void request(struct bench *bench, const char *path, const char *fallback) {
    const struct oneslot_options options = {.trial_boots = fallback ? 1 : 0, .fallback = fallback};
    assert_int_equal(sim_request_with(&bench->device, path, &options), SIM_APPLICATION);
    assert_int_equal(bench->device.last, ONESLOT_ERROR_NONE);
}

/// The boot loader of the ESP32 family goes past the installer: as the application asks for it to be entered.
static void enter_installer(struct bench *bench) {
    static const uint8_t erased[32] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    for (uint32_t sector = 0; family == ESP32 && sector < 2; sector++) {
        nor_load(&bench->device.nor, bench->device.layout.otadata + sector * ONESLOT_SECTOR_SIZE, erased, 32);
    }
}

static void assert_runs(struct bench *bench, enum sim_runs runs) {
    assert_int_equal(sim_power_on(&bench->device), SIM_APPLICATION);
    assert_int_equal(sim_runs(&bench->device), runs);
}

static void assert_deed(struct bench *bench, enum oneslot_state state, enum oneslot_error outcome, const char *path) {
    struct oneslot_record record = record_of(bench);
    assert_int_equal(record.state, state);
    assert_string_equal(oneslot_error_name(record.outcome), oneslot_error_name(outcome));
    assert_string_equal(record.path, path);
}

/// A bit of the application flips.
static void damage_application(struct bench *bench) {
    uint8_t byte;
    uint32_t address =
        family == ESP32 ? bench->device.layout.application + 0x1000u : bench->device.layout.displaced + 0x200u;
    nor_peek(&bench->device.nor, address, &byte, 1);
    byte ^= 4;
    nor_load(&bench->device.nor, address, &byte, 1);
}

static void for_each_family(void (*test)(void)) {
    for (family = 0; family < FAMILIES; family++) {
        no_files();
        test();
    }
}

/* The watch */

static void what_failed_its_trial(void) {
    struct bench bench;
    watch = "/watch";
    add_file("/watch", 1, SIZE);
    add_file("/old", 0, SIZE);
    watch = "/watch";
    set_up(&bench);
    request(&bench, "/watch", "/old");
    assert_runs(&bench, SIM_RUNS_NEW);
    for (int start = 0; start < 4; start++) {
        assert_runs(&bench, SIM_RUNS_OLD);
        enter_installer(&bench);
    }
    assert_deed(&bench, ONESLOT_STATE_DONE, ONESLOT_ERROR_TRIAL_EXPIRED, "/watch");
    assert_memory_equal(record_of(&bench).rejected, record_of(&bench).watched, 32);
    // A person may ask for it again.
    request(&bench, "/watch", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    finish(&bench);
}

static void the_watch_does_not_install_what_failed_its_trial(void **state) {
    (void)state;
    for_each_family(what_failed_its_trial);
}

static void older_watch_file(void) {
    // Installed by a call before, there from the beginning, or never looked at.
    for (uint32_t before = 0; before < 3; before++) {
        struct bench bench;
        no_files();
        add_file("/new", 1, SIZE);
        add_file("/watch", before == 1 ? 0 : 2, SIZE);
        watch = before == 2 ? "/later" : "/watch";
        set_up(&bench);
        if (before == 0) {
            request(&bench, "/watch", NULL);
            assert_runs(&bench, SIM_RUNS_NEITHER); // the third image
        } else if (before == 1) {
            assert_runs(&bench, SIM_RUNS_OLD);
        } else {
            add_file("/later", 2, SIZE);
            change_files(&bench);
        }
        request(&bench, "/new", NULL);
        for (int start = 0; start < 3; start++) {
            assert_runs(&bench, SIM_RUNS_NEW);
            enter_installer(&bench);
        }
        assert_deed(&bench, ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE, "/new");
        // Another file there is a deed of its own.
        no_files();
        watch = before == 2 ? "/later" : "/watch";
        add_file(watch, before == 1 ? 2 : 0, SIZE);
        change_files(&bench);
        enter_installer(&bench);
        assert_runs(&bench, before == 1 ? SIM_RUNS_NEITHER : SIM_RUNS_OLD);
        finish(&bench);
    }
}

static void an_upgrade_by_call_is_not_taken_back_by_an_older_watch_file(void **state) {
    (void)state;
    for_each_family(older_watch_file);
}

static void bad_watch_file(void) {
    for (uint32_t size = SIZE - 1u; size < SIZE + 1u; size++) {
        struct bench bench;
        no_files();
        watch = "/watch";
        add_file("/new", 1, SIZE);
        set_up(&bench);
        request(&bench, "/new", NULL);
        assert_runs(&bench, SIM_RUNS_NEW);
        image[family][2][SIZE / 2u] ^= 1; // refused with a digest, and before it has one
        add_file("/watch", 2, size);
        change_files(&bench);
        enter_installer(&bench);
        assert_runs(&bench, SIM_RUNS_NEW);
        image[family][2][SIZE / 2u] ^= 1;
        assert_deed(&bench, ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE, "/new");
        assert_int_not_equal(record_of(&bench).own_outcome, ONESLOT_ERROR_NONE);
        enter_installer(&bench);
        uint32_t erases = bench.device.nor.operations;
        assert_runs(&bench, SIM_RUNS_NEW);
        // Said once: on the ESP32 family otadata is written, and the start counted.
        assert_true(bench.device.nor.operations - erases <= (family == ESP32 ? 6u : 0u));
        finish(&bench);
    }
}

static void a_bad_watch_file_leaves_what_the_last_deed_came_to(void **state) {
    (void)state;
    for_each_family(bad_watch_file);
}

/* Mending */

static void mend_after(uint32_t what) {
    struct bench bench;
    no_files();
    watch = "/watch";
    add_file("/new", 1, SIZE);
    add_file("/bad", 2, SIZE - 1u);
    set_up(&bench);
    request(&bench, "/new", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    if (what == 1) {
        request(&bench, "/bad", NULL);
        assert_runs(&bench, SIM_RUNS_NEW);
    } else if (what == 2) {
        add_file("/watch", 2, SIZE - 1u);
        change_files(&bench);
        enter_installer(&bench);
        assert_runs(&bench, SIM_RUNS_NEW);
    } else if (what == 3) {
        struct oneslot oneslot;
        struct oneslot_flash flash = nor_flash(&bench.device.nor);
        request(&bench, "/bad", NULL);
        assert_int_equal(sim_open(&bench.device, &oneslot, &flash), ONESLOT_ERROR_NONE);
        assert_int_equal(oneslot_cancel(&oneslot), ONESLOT_ERROR_NONE);
        assert_runs(&bench, SIM_RUNS_NEW);
    }
    struct oneslot_record before = record_of(&bench);
    damage_application(&bench);
    assert_runs(&bench, SIM_RUNS_NEW);
    // And what the last deed came to is still said.
    assert_deed(&bench, before.state, before.outcome, before.path);
    finish(&bench);
}

static void mend(void) {
    for (uint32_t what = 0; what < 4; what++) {
        mend_after(what);
    }
}

static void a_damaged_application_is_mended_whatever_was_asked_for_later(void **state) {
    (void)state;
    for_each_family(mend);
}

static void mend_for_ever(void) {
    struct bench bench;
    add_file("/new", 1, SIZE);
    set_up(&bench);
    request(&bench, "/new", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    uint32_t mended = 0;
    for (; mended < 40; mended++) {
        damage_application(&bench);
        if (sim_power_on(&bench.device) != SIM_APPLICATION) {
            break;
        }
    }
    assert_int_equal(mended, ONESLOT_ATTEMPTS_MAX);
    uint32_t operations = bench.device.nor.operations;
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(bench.device.nor.operations, operations);
    for (uint32_t i = 0; i < bench.device.nor.sectors; i++) {
        assert_true(bench.device.nor.sector[i]->erases <= ERASES_OF_A_BAD_SECTOR);
    }
    finish(&bench);
}

static void what_breaks_again_and_again_is_not_mended_for_ever(void **state) {
    (void)state;
    for_each_family(mend_for_ever);
}

/// A trial whose way back is the very image that was tried: what was put back is what runs, and its file mends it.
static void own_way_back(void) {
    struct bench bench;
    add_file("/new", 1, SIZE);
    set_up(&bench);
    request(&bench, "/new", "/new");
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_deed(&bench, ONESLOT_STATE_DONE, ONESLOT_ERROR_TRIAL_EXPIRED, "/new");
    damage_application(&bench);
    assert_runs(&bench, SIM_RUNS_NEW);
    finish(&bench);
}

static void what_was_its_own_way_back_is_mended(void **state) {
    (void)state;
    for_each_family(own_way_back);
}

/* One reading decides nothing */

static void disturbed(void) {
    struct bench bench;
    add_file("/fw", 1, SIZE);
    set_up(&bench);
    request(&bench, "/fw", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    no_files();
    add_file("/fw", 2, SIZE); // the next version is there, and nothing asked for yet
    change_files(&bench);
    enter_installer(&bench);
    uint32_t installs = bench.device.installs;
    // Three failing reads in a row are one failure; six are two, so that the loader looks twice in vain.
    for (uint32_t read = 0; read < 1800; read += 1u + read / 60u) {
        struct sim_device device;
        sim_device_fork(&device, &bench.device);
        nor_count_from_zero(&device.nor);
        nor_plan(&device.nor,
                 (struct nor_fault){.kind = NOR_FAULT_READ, .at = read / 2u, .count = 3u + read % 2u * 3u});
        assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
        assert_int_equal(sim_runs(&device), SIM_RUNS_NEW);
        installs += device.installs > bench.device.installs;
        assert_int_equal(device.nor.violations, 0);
        sim_device_discard(&device);
    }
    assert_true(installs > bench.device.installs);
    finish(&bench);
}

static void a_disturbed_reading_does_not_replace_a_healthy_application(void **state) {
    (void)state;
    for_each_family(disturbed);
}

/// An older file lies at the watch path, which the watch has seen.
static void disturbed_watch(void) {
    for (uint32_t kind = 0; kind < 2; kind++) {
        struct bench bench;
        no_files();
        watch = "/watch";
        add_file("/watch", 0, SIZE);
        add_file("/new", 1, SIZE);
        set_up(&bench);
        request(&bench, "/new", NULL);
        assert_runs(&bench, SIM_RUNS_NEW);
        enter_installer(&bench);
        for (uint32_t read = 0; read < 2000; read += 1u + read / 40u) {
            struct sim_device device;
            sim_device_fork(&device, &bench.device);
            nor_count_from_zero(&device.nor);
            nor_plan(&device.nor, (struct nor_fault){.kind = kind == 0 ? NOR_FAULT_READ : NOR_FAULT_DISTURB,
                                                     .at = read,
                                                     .count = 1u + read % 6u});
            assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
            assert_int_equal(sim_runs(&device), SIM_RUNS_NEW);
            assert_int_equal(device.nor.violations, 0);
            sim_device_discard(&device);
        }
        finish(&bench);
    }
}

/// What lies there is what ran, so that the watch has no need to remember it until something else is installed.
static void disturbed_passing_by(void) {
    struct bench bench;
    watch = "/watch";
    add_file("/watch", 0, SIZE);
    add_file("/new", 1, SIZE);
    set_up(&bench);
    assert_runs(&bench, SIM_RUNS_OLD);
    request(&bench, "/new", NULL);
    for (uint32_t read = 0; read < 3000; read += read < 300u ? 1u : 1u + read / 40u) {
        struct sim_device device;
        sim_device_fork(&device, &bench.device);
        nor_count_from_zero(&device.nor);
        nor_plan(&device.nor, (struct nor_fault){.kind = read % 2u == 0 ? NOR_FAULT_READ : NOR_FAULT_DISTURB,
                                                 .at = read,
                                                 .count = 1u + read % 6u});
        assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
        device.nor.faults = 0;
        for (int start = 0; start < 2; start++) {
            if (family == ESP32) {
                struct oneslot_flash flash = nor_flash(&device.nor);
                assert_int_equal(oneslot_otadata_erase(&flash, device.layout.otadata), ONESLOT_ERROR_NONE);
            }
            assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
        }
        if (device.last == ONESLOT_ERROR_NONE || device.last == ONESLOT_ERROR_NOTHING_TO_DO) {
            struct oneslot_record record;
            assert_int_equal(sim_journal(&device, &record), ONESLOT_ERROR_NONE);
            bool refused = record.state == ONESLOT_STATE_FAILED;
            assert_int_equal(sim_runs(&device), refused ? SIM_RUNS_OLD : SIM_RUNS_NEW);
        }
        assert_int_equal(device.nor.violations, 0);
        sim_device_discard(&device);
    }
    finish(&bench);
}

static void a_disturbed_reading_does_not_take_an_upgrade_back(void **state) {
    (void)state;
    for_each_family(disturbed_watch);
    for_each_family(disturbed_passing_by);
}

static void disturbed_way_back(void) {
    struct bench bench;
    add_file("/new", 1, SIZE);
    add_file("/old", 0, SIZE);
    set_up(&bench);
    request(&bench, "/new", "/old");
    assert_runs(&bench, SIM_RUNS_NEW);
    for (uint32_t read = 0; read < 2000; read += 1u + read / 40u) {
        struct sim_device device;
        sim_device_fork(&device, &bench.device);
        nor_count_from_zero(&device.nor);
        nor_plan(&device.nor, (struct nor_fault){.kind = NOR_FAULT_READ, .at = read, .count = 3});
        assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
        device.nor.faults = 0;
        assert_int_equal(sim_power_on(&device), SIM_APPLICATION);
        assert_int_equal(sim_runs(&device), SIM_RUNS_OLD);
        assert_int_equal(device.nor.violations, 0);
        sim_device_discard(&device);
    }
    finish(&bench);
}

static void a_disturbed_reading_does_not_cost_the_way_back(void **state) {
    (void)state;
    for_each_family(disturbed_way_back);
}

/* What is worn out */

static void bad_journal_sector(void) {
    for (uint32_t trial = 0; trial < 2; trial++) {
        for (uint32_t sector = 0; sector < 2; sector++) {
            for (uint32_t before = 0; before < ONESLOT_SLOTS; before++) {
                struct bench bench;
                struct oneslot oneslot;
                no_files();
                add_file("/old", 0, SIZE);
                add_file("/new", 1, SIZE);
                set_up(&bench);
                struct oneslot_flash flash = nor_flash(&bench.device.nor);
                const struct oneslot_journal journal = {&flash, bench.device.layout.journal};
                assert_int_equal(sim_open(&bench.device, &oneslot, &flash), ONESLOT_ERROR_NONE);
                for (uint32_t i = 0; i < before; i++) {
                    assert_int_equal(oneslot_journal_append(&journal, &oneslot.record, &oneslot.slot),
                                     ONESLOT_ERROR_NONE);
                }
                const struct nor_fault bad = {.kind = NOR_FAULT_SECTOR,
                                              .at = journal.address + sector * ONESLOT_SECTOR_SIZE};
                nor_count_from_zero(&bench.device.nor);
                nor_plan(&bench.device.nor, bad);
                const struct oneslot_options options = {.trial_boots = trial * 2u, .fallback = trial ? "/old" : NULL};
                bench.device.confirm = SIM_CONFIRM_BOTH;
                (void)sim_request_with(&bench.device, "/new", &options);
                uint32_t operations = 0;
                for (int start = 0; start < 20; start++) {
                    assert_int_equal(sim_power_on(&bench.device), SIM_APPLICATION);
                    assert_true(sim_runs(&bench.device) <= SIM_RUNS_NEW);
                    operations = start == 10 ? bench.device.nor.operations : operations;
                }
                // What cannot be written down is not tried for ever.
                assert_int_equal(bench.device.nor.operations, operations);
                finish(&bench);
            }
        }
    }
}

static void a_journal_sector_that_is_worn_out_costs_the_upgrade_and_not_the_device(void **state) {
    (void)state;
    for_each_family(bad_journal_sector);
}

/// The journal takes no more records from some operation of an upgrade on.
static void dying_journal(void) {
    struct bench asked;
    uint32_t stuck = 0;
    add_file("/new", 1, SIZE);
    set_up(&asked);
    request(&asked, "/new", NULL);
    for (uint32_t at = 0; at < 3; at++) {
        for (uint32_t sector = 0; sector < 2; sector++) {
            struct bench bench = asked;
            struct oneslot_record record = {0};
            sim_device_fork(&bench.device, &asked.device);
            nor_copy(&bench.provisioned, &asked.provisioned);
            bench.device.provisioned = &bench.provisioned;
            // Cut where the image is being written; from then on one or both sectors are dead.
            nor_count_from_zero(&bench.device.nor);
            nor_plan(&bench.device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = 40u + 150u * at});
            (void)sim_power_on(&bench.device);
            record = record_of(&bench);
            nor_count_from_zero(&bench.device.nor);
            for (uint32_t i = 0; i <= sector; i++) {
                nor_plan(&bench.device.nor,
                         (struct nor_fault){.kind = NOR_FAULT_SECTOR,
                                            .at = bench.device.layout.journal + i * ONESLOT_SECTOR_SIZE});
            }
            uint32_t operations = 0;
            for (int start = 0; start < 4; start++) {
                stuck += sim_power_on(&bench.device) != SIM_APPLICATION && sim_runs(&bench.device) == SIM_RUNS_NEW;
                operations = start == 2 ? bench.device.nor.operations : operations;
            }
            assert_true(record.state == ONESLOT_STATE_INSTALLING || sim_runs(&bench.device) == SIM_RUNS_NEW);
            for (uint32_t i = 0; i < bench.device.nor.sectors; i++) {
                assert_true(bench.device.nor.sector[i]->erases <= ERASES_OF_A_BAD_SECTOR);
            }
            nor_destroy(&bench.provisioned);
            sim_device_discard(&bench.device);
        }
    }
    assert_int_equal(stuck, 0);
    finish(&asked);
}

static void what_is_proven_in_flash_is_started_though_the_journal_takes_no_record(void **state) {
    (void)state;
    for_each_family(dying_journal);
}

static void bad_firmware_sector(void) {
    for (uint32_t fallback = 0; fallback < 2; fallback++) {
        struct bench bench;
        no_files();
        add_file("/new", 1, SIZE);
        add_file("/old", 0, SIZE);
        set_up(&bench);
        uint32_t base = family == ESP32 ? bench.device.layout.application : 0;
        // A bit that is 1 in the new image, and 0 in the old one.
        uint32_t at = 0x12340;
        uint8_t bit = 0;
        while ((bit = (uint8_t)(image[family][1][at] & (uint8_t)~image[family][0][at])) == 0) {
            at++;
        }
        nor_stick(&bench.device.nor, base + at, (uint8_t)(bit & -bit));
        request(&bench, "/new", fallback ? "/old" : NULL);
        nor_count_from_zero(&bench.device.nor);
        bool back = false;
        for (int start = 0; start < 10; start++) {
            back = sim_power_on(&bench.device) == SIM_APPLICATION;
        }
        assert_int_equal(back, fallback); // what ran before fits the sector as it is
        if (back) {
            assert_int_equal(sim_runs(&bench.device), SIM_RUNS_OLD);
            assert_deed(&bench, ONESLOT_STATE_FAILED, ONESLOT_ERROR_FLASH_VERIFY, "/new");
            assert_int_equal(record_of(&bench).detail, (base + at) & ~(ONESLOT_SECTOR_SIZE - 1u));
        }
        uint32_t operations = bench.device.nor.operations;
        for (int start = 0; start < 5; start++) {
            (void)sim_power_on(&bench.device);
        }
        assert_int_equal(bench.device.nor.operations, operations);
        for (uint32_t i = 0; i < bench.device.nor.sectors; i++) {
            uint32_t address = i * ONESLOT_SECTOR_SIZE;
            bool firmware = address >= base && address < base + SIZE;
            bool same_block = address / ONESLOT_BLOCK_SIZE == (base + at) / ONESLOT_BLOCK_SIZE;
            // What was written and read back in another block is not written again, but for the way back.
            uint32_t most = same_block ? 24u : firmware ? 1u + fallback : 8u;
            assert_true(bench.device.nor.sector[i]->erases <= most);
        }
        bench.device.nor.violations = 0; // Where a bit is stuck a program meets it.
        finish(&bench);
    }
}

static void a_firmware_sector_that_is_worn_out_ends_named_and_bounded(void **state) {
    (void)state;
    for_each_family(bad_firmware_sector);
}

static void refusal_not_written(void) {
    struct bench bench;
    add_file("/bad", 2, SIZE - 1u);
    set_up(&bench);
    request(&bench, "/bad", NULL);
    nor_count_from_zero(&bench.device.nor);
    for (uint32_t i = 0; i < 2; i++) {
        nor_plan(&bench.device.nor, (struct nor_fault){.kind = NOR_FAULT_SECTOR,
                                                       .at = bench.device.layout.journal + i * ONESLOT_SECTOR_SIZE});
    }
    for (int start = 0; start < 60; start++) {
        enter_installer(&bench);
        assert_runs(&bench, SIM_RUNS_OLD);
    }
    for (uint32_t i = 0; i < bench.device.nor.sectors; i++) {
        assert_true(family == ESP32 || bench.device.nor.sector[i]->erases == 0);
    }
    finish(&bench);
}

static void a_refusal_that_cannot_be_written_down_keeps_the_old_firmware_running(void **state) {
    (void)state;
    for_each_family(refusal_not_written);
}

/* Waiting, and the boot loader of the ESP32 family */

static enum oneslot_next hand_over(struct bench *bench, uint32_t *wait) {
    struct oneslot_install *install = calloc(1, sizeof *install);
    struct oneslot_flash flash = nor_flash(&bench->device.nor);
    enum oneslot_error reason;
    assert_non_null(install);
    install->chip = &chip;
    install->flash = &flash;
    enum oneslot_next next = oneslot_handover(install, &reason);
    *wait = install->wait;
    free(install);
    return next;
}

static void an_application_that_the_boot_loader_refuses_costs_no_erase_and_waits_longer_each_time(void **state) {
    (void)state;
    struct bench bench;
    uint32_t wait;
    family = ESP32;
    no_files();
    set_up(&bench);
    nor_count_from_zero(&bench.device.nor);
    for (uint32_t start = 0; start < 40; start++) {
        assert_int_equal(hand_over(&bench, &wait), ONESLOT_NEXT_WAIT);
        if (start < 3) {
            assert_int_equal(wait, ONESLOT_WAIT_SECONDS << start);
        }
        assert_true(start < 15 || wait == ONESLOT_WAIT_SECONDS << ONESLOT_WAITS_MAX);
    }
    for (uint32_t i = 0; i < bench.device.nor.sectors; i++) {
        bool journal = i == bench.device.layout.journal / ONESLOT_SECTOR_SIZE;
        assert_true(bench.device.nor.sector[i]->erases <= journal);
    }
    assert_int_equal(record_of(&bench).own_outcome, ONESLOT_ERROR_APPLICATION_REFUSED);
    uint32_t operations = bench.device.nor.operations;
    assert_int_equal(hand_over(&bench, &wait), ONESLOT_NEXT_WAIT);
    assert_int_equal(bench.device.nor.operations, operations);
    finish(&bench);
}

static void an_application_that_the_boot_loader_refuses_is_replaced_by_another_file(void **state) {
    (void)state;
    for (uint32_t by_watch = 0; by_watch < 2; by_watch++) {
        struct bench bench;
        uint32_t wait;
        family = ESP32;
        no_files();
        watch = by_watch ? "/old" : NULL;
        add_file("/new", 1, SIZE);
        add_file("/old", 0, SIZE);
        set_up(&bench);
        request(&bench, "/new", by_watch ? NULL : "/old");
        bench.device.confirm = SIM_CONFIRM_BOTH;
        assert_runs(&bench, SIM_RUNS_NEW);
        for (int start = 0; start < 3; start++) {
            assert_int_equal(hand_over(&bench, &wait), ONESLOT_NEXT_WAIT);
        }
        assert_int_equal(hand_over(&bench, &wait), ONESLOT_NEXT_RESET);
        assert_int_equal(sim_runs(&bench.device), SIM_RUNS_OLD);
        assert_runs(&bench, SIM_RUNS_OLD);
        finish(&bench);
    }
}

static void otadata_that_takes_no_write_is_not_erased_for_ever(void **state) {
    (void)state;
    struct bench bench;
    uint32_t wait;
    family = ESP32;
    no_files();
    set_up(&bench);
    enter_installer(&bench);
    nor_count_from_zero(&bench.device.nor);
    for (uint32_t sector = 0; sector < 2; sector++) {
        nor_plan(&bench.device.nor,
                 (struct nor_fault){.kind = NOR_FAULT_SECTOR,
                                    .at = bench.device.layout.otadata + sector * ONESLOT_SECTOR_SIZE});
    }
    for (int start = 0; start < 10; start++) {
        assert_int_equal(hand_over(&bench, &wait), ONESLOT_NEXT_WAIT);
    }
    uint32_t operations = bench.device.nor.operations;
    for (int start = 0; start < 10; start++) {
        assert_int_equal(hand_over(&bench, &wait), ONESLOT_NEXT_WAIT);
    }
    assert_int_equal(bench.device.nor.operations, operations);
    assert_true(operations < 2u * ERASES_OF_A_BAD_SECTOR);
    finish(&bench);
}

static void an_installation_that_cannot_go_on_waits_longer_each_time(void **state) {
    (void)state;
    struct bench bench;
    family = ESP8266;
    no_files();
    add_file("/new", 1, SIZE);
    set_up(&bench);
    request(&bench, "/new", NULL);
    nor_plan(&bench.device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = bench.device.nor.operations + 60u});
    assert_int_equal(sim_power_on(&bench.device), SIM_CUT);
    no_files();
    change_files(&bench);
    uint32_t expected = ONESLOT_WAIT_SECONDS;
    for (int start = 0; start < 12; start++) {
        struct oneslot_install *install = calloc(1, sizeof *install);
        struct oneslot_flash flash = nor_flash(&bench.device.nor);
        assert_non_null(install);
        install->chip = &oneslot_esp8266;
        install->flash = &flash;
        assert_int_equal(oneslot_install_run(install), ONESLOT_ERROR_FILE_MISSING);
        assert_int_equal(install->record.state, ONESLOT_STATE_INSTALLING);
        assert_int_equal(oneslot_install_wait(install), expected);
        expected = expected < ONESLOT_WAIT_SECONDS << ONESLOT_WAITS_MAX ? 2u * expected : expected;
        free(install);
    }
    uint32_t operations = bench.device.nor.operations;
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(bench.device.nor.operations, operations);
    // The file comes back by wire: it goes on.
    add_file("/new", 1, SIZE);
    change_files(&bench);
    assert_runs(&bench, SIM_RUNS_NEW);
    finish(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_watch_does_not_install_what_failed_its_trial),
        cmocka_unit_test(an_upgrade_by_call_is_not_taken_back_by_an_older_watch_file),
        cmocka_unit_test(a_bad_watch_file_leaves_what_the_last_deed_came_to),
        cmocka_unit_test(a_damaged_application_is_mended_whatever_was_asked_for_later),
        cmocka_unit_test(what_breaks_again_and_again_is_not_mended_for_ever),
        cmocka_unit_test(a_disturbed_reading_does_not_replace_a_healthy_application),
        cmocka_unit_test(what_was_its_own_way_back_is_mended),
        cmocka_unit_test(a_journal_sector_that_is_worn_out_costs_the_upgrade_and_not_the_device),
        cmocka_unit_test(a_refusal_that_cannot_be_written_down_keeps_the_old_firmware_running),
        cmocka_unit_test(an_application_that_the_boot_loader_refuses_costs_no_erase_and_waits_longer_each_time),
        cmocka_unit_test(an_application_that_the_boot_loader_refuses_is_replaced_by_another_file),
        cmocka_unit_test(otadata_that_takes_no_write_is_not_erased_for_ever),
        cmocka_unit_test(an_installation_that_cannot_go_on_waits_longer_each_time),
        // The long ones last: a broken engine that another test catches ends the program there.
        cmocka_unit_test(what_is_proven_in_flash_is_started_though_the_journal_takes_no_record),
        cmocka_unit_test(a_disturbed_reading_does_not_cost_the_way_back),
        cmocka_unit_test(a_firmware_sector_that_is_worn_out_ends_named_and_bounded),
        cmocka_unit_test(a_disturbed_reading_does_not_take_an_upgrade_back),
    };
    return cmocka_run_group_tests(tests, make_images, free_images);
}
