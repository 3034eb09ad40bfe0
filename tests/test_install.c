/* The install engine on a simulated device: what is asked for is done; what is wrong is refused and nothing touched. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bearssl_hash.h"
#include "oneslot/oneslot.h"
#include "sim/device.h"
#include "sim/provision.h"
#include "tests/synthetic.h"

#define FLASH_SIZE 0x200000u
#define OLD_SIZE   0x2a010u
#define NEW_SIZE   0x2c470u

static uint8_t old_image[OLD_SIZE];
static uint8_t new_image[NEW_SIZE];
static uint8_t *flash_bytes;
static uint8_t *changed_image;

/// The file that a test puts on the device, and how the device is made.
struct bench {
    struct sim_device device;
    struct nor provisioned;
};

static int make_images(void **state) {
    (void)state;
    synthetic_micropython(old_image, OLD_SIZE, 1, 0x10000);
    synthetic_micropython(new_image, NEW_SIZE, 2, 0x10000);
    // Flash mode, size and clock of its file are not the device's.
    new_image[2] = 2;
    new_image[3] = 0x4f;
    flash_bytes = malloc(FLASH_SIZE);
    changed_image = malloc(FLASH_SIZE);
    return flash_bytes == NULL || changed_image == NULL;
}

static int free_images(void **state) {
    (void)state;
    free(flash_bytes);
    free(changed_image);
    return 0;
}

static void start(struct bench *bench) {
    assert_int_equal(sim_device_create(&bench->device, NULL, flash_bytes, FLASH_SIZE, 1), ONESLOT_ERROR_NONE);
    bench->device.old_firmware = (struct sim_firmware){old_image, OLD_SIZE};
    bench->device.new_firmware = (struct sim_firmware){new_image, NEW_SIZE};
    nor_copy(&bench->provisioned, &bench->device.nor);
    bench->device.provisioned = &bench->provisioned;
}

static void finish(struct bench *bench) {
    nor_destroy(&bench->provisioned);
    sim_device_destroy(&bench->device);
}

static void provision(const struct sim_file *file, uint32_t files, const char *watch) {
    struct sim_provision parts = {
        .flash_size = FLASH_SIZE,
        .firmware = old_image,
        .firmware_size = OLD_SIZE,
        .file = file,
        .files = files,
        .watch = watch,
    };
    assert_int_equal(sim_provision(flash_bytes, &parts, NULL), ONESLOT_ERROR_NONE);
}

static void make_device(struct bench *bench, const void *bytes, uint32_t size, const char *watch) {
    const struct sim_file file = {"/dir/fw.bin", bytes, size};
    provision(&file, 1, watch);
    start(bench);
}

static struct oneslot application_of(struct bench *bench) {
    struct oneslot oneslot;
    struct oneslot_flash flash = nor_flash(&bench->device.nor);
    assert_int_equal(oneslot_open(&oneslot, &flash), ONESLOT_ERROR_NONE);
    return oneslot;
}

static struct oneslot_status status_of(struct bench *bench) {
    struct oneslot oneslot = application_of(bench);
    struct oneslot_status status;
    assert_int_equal(oneslot_status(&oneslot, &status), ONESLOT_ERROR_NONE);
    return status;
}

static void request(struct bench *bench, const char *path, const struct oneslot_options *options) {
    struct oneslot oneslot = application_of(bench);
    assert_int_equal(oneslot_request(&oneslot, path, options), ONESLOT_ERROR_NONE);
}

static void assert_runs(struct bench *bench, enum sim_runs runs) {
    uint32_t address = 0;
    assert_int_equal(sim_power_on(&bench->device), SIM_APPLICATION);
    assert_int_equal(sim_runs(&bench->device), runs);
    assert_true(sim_untouched(&bench->device, &address));
    assert_int_equal(bench->device.nor.violations, 0);
}

static void assert_refused(struct bench *bench, const char *path, enum oneslot_error reason) {
    request(bench, path, NULL);
    nor_count_from_zero(&bench->device.nor);
    assert_runs(bench, SIM_RUNS_OLD);
    struct oneslot_status status = status_of(bench);
    assert_int_equal(status.state, ONESLOT_STATE_FAILED);
    assert_string_equal(oneslot_error_name(status.outcome), oneslot_error_name(reason));
    assert_string_equal(status.path, path);
    // Nothing but the journal's record: claim, two pages, seals.
    assert_true(bench->device.nor.operations <= 8);
}

static void a_request_installs_the_file_and_says_so(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, NULL);
    assert_runs(&bench, SIM_RUNS_OLD);
    request(&bench, "/dir/fw.bin", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    struct oneslot_status status = status_of(&bench);
    assert_int_equal(status.state, ONESLOT_STATE_DONE);
    assert_int_equal(status.outcome, ONESLOT_ERROR_NONE);
    assert_int_equal(status.installed_size, NEW_SIZE);
    br_sha256_context sha256;
    uint8_t digest[32];
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, new_image, NEW_SIZE);
    br_sha256_out(&sha256, digest);
    assert_memory_equal(status.installed, digest, sizeof digest);
    finish(&bench);
}

/// In each place of a sector where something could begin or end.
static void a_sector_that_differs_in_one_byte_alone_is_written(void **state) {
    (void)state;
    static const uint32_t places[] = {0, 1, 3, 4, 0xff, 0x100, 0x7ff, 0x800, 0xffe, 0xfff};
    static uint8_t changed[OLD_SIZE];
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        struct bench bench;
        memcpy(changed, old_image, OLD_SIZE);
        changed[0x12000 + places[i]] ^= 0x55;
        synthetic_seal(changed, OLD_SIZE);
        make_device(&bench, changed, OLD_SIZE, NULL);
        bench.device.new_firmware = (struct sim_firmware){changed, OLD_SIZE};
        request(&bench, "/dir/fw.bin", NULL);
        nor_count_from_zero(&bench.device.nor);
        assert_runs(&bench, SIM_RUNS_NEW);
        // That sector and the one with the MD5, two records of the journal, nothing more.
        assert_true(bench.device.nor.statistics.sector_erases <= 4);
        assert_int_equal(bench.device.nor.statistics.block_erases, 0);
        finish(&bench);
    }
}

#define USER1_SIZE (0x8000u + SYNTHETIC_USER1_REST)

static void a_user1_is_put_behind_espressifs_boot_loader_alone(void **state) {
    (void)state;
    static uint8_t old_flash[ONESLOT_SECTOR_SIZE + USER1_SIZE];
    static uint8_t new_flash[ONESLOT_SECTOR_SIZE + USER1_SIZE];
    synthetic_boot(old_flash);
    synthetic_boot(new_flash);
    synthetic_user1(old_flash + ONESLOT_SECTOR_SIZE, USER1_SIZE, 1);
    synthetic_user1(new_flash + ONESLOT_SECTOR_SIZE, USER1_SIZE, 2);
    const struct sim_file file = {"/user1", new_flash + ONESLOT_SECTOR_SIZE, USER1_SIZE};
    struct sim_provision parts = {
        .flash_size = FLASH_SIZE, .firmware = old_flash, .firmware_size = sizeof old_flash, .file = &file, .files = 1};
    struct bench bench;
    assert_int_equal(sim_provision(flash_bytes, &parts, NULL), ONESLOT_ERROR_NONE);
    start(&bench);
    bench.device.old_firmware = (struct sim_firmware){old_flash, sizeof old_flash};
    bench.device.new_firmware = (struct sim_firmware){new_flash, sizeof new_flash};
    assert_runs(&bench, SIM_RUNS_OLD);
    request(&bench, "/user1", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(status_of(&bench).installed_size, USER1_SIZE);
    finish(&bench);
    // The name of the boot loader decides, wherever in its sector it stands; without it nothing starts a user1.
    static const char name[] = "2nd boot version";
    for (uint32_t at = 16; at <= ONESLOT_SECTOR_SIZE - sizeof name; at += 0x7cf) {
        for (int there = 0; there < 2; there++) {
            struct sim_provision plain = parts;
            plain.firmware = old_image;
            plain.firmware_size = OLD_SIZE;
            assert_int_equal(sim_provision(flash_bytes, &plain, NULL), ONESLOT_ERROR_NONE);
            start(&bench);
            nor_load(&bench.device.nor, bench.device.layout.displaced + at, name, sizeof name - (there ? 1 : 2));
            request(&bench, "/user1", NULL);
            (void)sim_power_on(&bench.device);
            struct oneslot_record record;
            assert_int_equal(sim_journal(&bench.device, &record), ONESLOT_ERROR_NONE);
            assert_int_equal(record.outcome, there ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_NEEDS_BOOT);
            finish(&bench);
        }
    }
}

static void what_already_holds_is_not_written_again(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, old_image, OLD_SIZE, NULL);
    request(&bench, "/dir/fw.bin", NULL);
    nor_count_from_zero(&bench.device.nor);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(status_of(&bench).state, ONESLOT_STATE_DONE);
    // Three records, in pages of their own, and what they make void.
    assert_true(bench.device.nor.operations <= 30);
    finish(&bench);
}

static void a_bad_file_costs_nothing_but_a_named_record(void **state) {
    (void)state;
    static const uint8_t esp32[64] = {0xe9, 2, 2, 0x20, 0, 0, 8, 0x40, 0xee, 0,    0, 0,    0,    0, 0,
                                      0,    0, 0, 0,    0, 0, 0, 0,    1,    0x20, 0, 0x40, 0x3f, 8};
    static const uint8_t text[] = "this is no firmware at all, but a text of a few words";
    static const struct {
        const char *name;
        uint32_t size; ///< of the file; 0: the whole new image
        uint32_t at;   ///< where a byte is changed; 0: nowhere
        uint8_t flip;
        const uint8_t *bytes; ///< another file altogether
        enum oneslot_error reason;
    } cases[] = {
        {"cut short by a byte", NEW_SIZE - 1u, 0, 0, NULL, ONESLOT_ERROR_IMAGE_TRUNCATED},
        {"cut short by half", NEW_SIZE / 2u, 0, 0, NULL, ONESLOT_ERROR_IMAGE_TRUNCATED},
        {"cut in its RAM segments", 0x4000, 0, 0, NULL, ONESLOT_ERROR_IMAGE_TRUNCATED},
        {"a header alone", 12, 0, 0, NULL, ONESLOT_ERROR_IMAGE_TRUNCATED},
        {"a flipped bit in a segment", 0, 0x2000, 0x01, NULL, ONESLOT_ERROR_IMAGE_MD5},
        {"a flipped bit in the code", 0, 0x20000, 0x80, NULL, ONESLOT_ERROR_IMAGE_MD5},
        {"a flipped bit in the MD5", 0, NEW_SIZE - 3u, 0x10, NULL, ONESLOT_ERROR_IMAGE_MD5},
        {"a length that lies upwards", 0, 0x8ffe, 0x08, NULL, ONESLOT_ERROR_IMAGE_TRUNCATED},
        {"no image", sizeof text, 0, 0, text, ONESLOT_ERROR_IMAGE_UNKNOWN},
        {"an ESP32 image", sizeof esp32, 0, 0, esp32, ONESLOT_ERROR_IMAGE_CHIP},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t size = cases[i].size != 0 ? cases[i].size : NEW_SIZE;
        memcpy(changed_image, cases[i].bytes != NULL ? cases[i].bytes : new_image, size);
        changed_image[cases[i].at] ^= cases[i].flip;
        struct bench bench;
        make_device(&bench, changed_image, size, NULL);
        print_message("%s\n", cases[i].name);
        assert_refused(&bench, "/dir/fw.bin", cases[i].reason);
        finish(&bench);
    }
}

static void a_path_that_leads_nowhere_is_named(void **state) {
    (void)state;
    static const struct {
        const char *path;
        enum oneslot_error reason;
    } cases[] = {
        {"/fw.bin", ONESLOT_ERROR_FILE_MISSING},         {"/dir/none/fw.bin", ONESLOT_ERROR_FILE_MISSING},
        {"/dir", ONESLOT_ERROR_FILE_NOT_FILE},           {"/dir/empty", ONESLOT_ERROR_FILE_EMPTY},
        {"nowhere:/fw.bin", ONESLOT_ERROR_PATH_INVALID}, {"@nowhere", ONESLOT_ERROR_PATH_INVALID},
    };
    const struct sim_file files[] = {{"/dir/fw.bin", new_image, NEW_SIZE}, {"/dir/empty", "", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        provision(files, 2, NULL);
        start(&bench);
        assert_refused(&bench, cases[i].path, cases[i].reason);
        finish(&bench);
    }
}

static void an_image_that_reaches_the_reserved_area_is_refused(void **state) {
    (void)state;
    const uint32_t size = 0xf4010;
    synthetic_micropython(changed_image, size, 3, 0);
    struct bench bench;
    make_device(&bench, changed_image, size, NULL);
    assert_refused(&bench, "/dir/fw.bin", ONESLOT_ERROR_IMAGE_TOO_LARGE);
    finish(&bench);
}

static void an_image_that_would_load_over_the_loader_is_refused(void **state) {
    (void)state;
    memcpy(changed_image, new_image, NEW_SIZE);
    memcpy(changed_image + 8, (const uint8_t[]){0x00, 0x80, 0x10, 0x40}, 4); // 0x40108000 to 0x4010f000
    synthetic_seal(changed_image, NEW_SIZE);
    struct bench bench;
    make_device(&bench, changed_image, NEW_SIZE, NULL);
    assert_refused(&bench, "/dir/fw.bin", ONESLOT_ERROR_IMAGE_MEMORY);
    finish(&bench);
}

static void a_digest_that_was_asked_for_must_match(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, NULL);
    const uint8_t wrong[32] = {1};
    request(&bench, "/dir/fw.bin", &(struct oneslot_options){.sha256 = wrong});
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(status_of(&bench).outcome, ONESLOT_ERROR_IMAGE_SHA256);
    finish(&bench);
}

static void a_damaged_file_system_or_map_is_named(void **state) {
    (void)state;
    const struct sim_file file = {"/dir/fw.bin", new_image, NEW_SIZE};
    for (int what = 0; what < 4; what++) {
        provision(&file, 1, NULL);
        uint8_t *map = flash_bytes + 0xf7000;
        enum oneslot_error reason = ONESLOT_ERROR_FS_MISSING;
        switch (what) {
        case 0: // no file system at all
            memset(flash_bytes + 0x100000, 0xff, FLASH_SIZE - 0x100000);
            break;
        case 1: // both superblocks are damaged behind their magic
            memset(flash_bytes + 0x100000 + 40, 0x55, 200);
            memset(flash_bytes + 0x101000 + 40, 0x55, 200);
            reason = ONESLOT_ERROR_FS_CORRUPT;
            break;
        case 2: // a map that is none
            map[0] = 0;
            reason = ONESLOT_ERROR_MAP_INVALID;
            break;
        default: { // a map that overlaps itself, with its MD5 right
            struct oneslot_map parsed;
            assert_int_equal(oneslot_map_parse(&parsed, map, ONESLOT_MAP_BYTES, FLASH_SIZE), ONESLOT_ERROR_NONE);
            for (uint32_t i = 0; i < parsed.count; i++) {
                if (parsed.partition[i].type == ONESLOT_TYPE_APP) {
                    parsed.partition[i].size += ONESLOT_SECTOR_SIZE;
                }
            }
            oneslot_map_write(&parsed, map);
            reason = ONESLOT_ERROR_MAP_OVERLAP;
        }
        }
        struct bench bench;
        start(&bench);
        assert_refused(&bench, "/dir/fw.bin", reason);
        finish(&bench);
    }
}

static void a_watched_file_is_installed_once_and_a_bad_one_refused_once(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, "/dir/fw.bin");
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(status_of(&bench).state, ONESLOT_STATE_DONE);
    nor_count_from_zero(&bench.device.nor);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(bench.device.nor.operations, 0);
    finish(&bench);

    for (int early = 0; early < 2; early++) { // refused by its digest, and before it has one
        memcpy(changed_image, new_image, NEW_SIZE);
        changed_image[0x20000] ^= 4;
        make_device(&bench, changed_image, early ? NEW_SIZE - 8u : NEW_SIZE, "/dir/fw.bin");
        assert_runs(&bench, SIM_RUNS_OLD);
        assert_int_equal(status_of(&bench).own_outcome,
                         early ? ONESLOT_ERROR_IMAGE_TRUNCATED : ONESLOT_ERROR_IMAGE_MD5);
        assert_int_equal(status_of(&bench).state, ONESLOT_STATE_IDLE);
        nor_count_from_zero(&bench.device.nor);
        assert_runs(&bench, SIM_RUNS_OLD);
        assert_int_equal(bench.device.nor.operations, 0);
        finish(&bench);
    }
}

static void a_watch_path_without_a_file_changes_nothing(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, "/other.bin");
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(bench.device.nor.operations, 0);
    finish(&bench);
}

/// The application deletes or replaces its files: the file system becomes one that holds these.
static void change_files(struct bench *bench, const struct sim_file *file, uint32_t files) {
    const uint32_t from = 0x100000u; // where sim_provision lays the file system
    provision(file, files, NULL);
    nor_load(&bench->device.nor, from, flash_bytes + from, FLASH_SIZE - from);
    nor_load(&bench->provisioned, from, flash_bytes + from, FLASH_SIZE - from);
}

static void make_trial(struct bench *bench, const char *fallback) {
    const struct sim_file files[] = {{"/new.bin", new_image, NEW_SIZE}, {"/old.bin", old_image, OLD_SIZE}};
    provision(files, 2, NULL);
    start(bench);
    request(bench, "/new.bin", &(struct oneslot_options){.fallback = fallback, .trial_boots = 3});
    for (uint32_t left = 3; left > 0; left--) {
        assert_runs(bench, SIM_RUNS_NEW);
        struct oneslot_status status = status_of(bench);
        assert_int_equal(status.state, ONESLOT_STATE_TRIAL);
        assert_int_equal(status.trial_left, left - 1u);
    }
}

static void a_trial_that_is_not_confirmed_ends_in_the_fallback(void **state) {
    (void)state;
    struct bench bench;
    make_trial(&bench, "/old.bin");
    assert_runs(&bench, SIM_RUNS_OLD);
    struct oneslot_status status = status_of(&bench);
    assert_int_equal(status.state, ONESLOT_STATE_DONE);
    assert_int_equal(status.outcome, ONESLOT_ERROR_TRIAL_EXPIRED);
    assert_int_equal(status.installed_size, OLD_SIZE);
    assert_runs(&bench, SIM_RUNS_OLD);
    finish(&bench);
}

static void a_trial_that_is_confirmed_stays(void **state) {
    (void)state;
    struct bench bench;
    make_trial(&bench, "/old.bin");
    struct oneslot oneslot = application_of(&bench);
    assert_int_equal(oneslot_confirm(&oneslot), ONESLOT_ERROR_NONE);
    for (int boot = 0; boot < 5; boot++) {
        assert_runs(&bench, SIM_RUNS_NEW);
    }
    assert_int_equal(status_of(&bench).state, ONESLOT_STATE_DONE);
    finish(&bench);
}

static void a_trial_whose_fallback_is_missing_keeps_the_new_firmware_and_says_why(void **state) {
    (void)state;
    struct bench bench;
    make_trial(&bench, "/old.bin");
    change_files(&bench, NULL, 0);
    // It is looked for at three starts before that is final.
    for (int start = 0; start < 3; start++) {
        assert_int_equal(status_of(&bench).state, ONESLOT_STATE_TRIAL);
        assert_runs(&bench, SIM_RUNS_NEW);
    }
    assert_int_equal(status_of(&bench).state, ONESLOT_STATE_FAILED);
    assert_int_equal(status_of(&bench).outcome, ONESLOT_ERROR_NO_FALLBACK);
    assert_int_equal(status_of(&bench).detail, ONESLOT_ERROR_FILE_MISSING);
    assert_string_equal(status_of(&bench).path, "/new.bin");
    nor_count_from_zero(&bench.device.nor);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(bench.device.nor.operations, 0);
    finish(&bench);
}

static void a_damaged_application_is_mended_from_the_last_file(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, NULL);
    request(&bench, "/dir/fw.bin", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    const uint8_t damage[16] = {0};
    nor_load(&bench.device.nor, 0x3000, damage, sizeof damage); // in its RAM segments
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_int_equal(status_of(&bench).state, ONESLOT_STATE_DONE);
    finish(&bench);
}

/// Where the power is cut in the last operations of an upgrade, and the files are gone or others at the next start.
static void a_lost_last_record_and_a_deleted_file_leave_the_new_firmware_running(void **state) {
    (void)state;
    const struct sim_file other = {"/dir/fw.bin", old_image, OLD_SIZE};
    struct bench asked;
    make_device(&asked, new_image, NEW_SIZE, NULL);
    request(&asked, "/dir/fw.bin", NULL);
    struct sim_device whole;
    sim_device_fork(&whole, &asked.device);
    nor_count_from_zero(&whole.nor);
    assert_int_equal(sim_power_on(&whole), SIM_APPLICATION);
    uint32_t operations = whole.nor.operations;
    sim_device_discard(&whole);
    uint32_t found_new = 0;
    for (uint32_t back = 1; back <= 16; back++) {
        for (enum nor_tear tear = 0; tear < NOR_TEAR_COUNT; tear++) {
            for (uint32_t files = 0; files < 2; files++) {
                struct bench bench = asked;
                sim_device_fork(&bench.device, &asked.device);
                nor_copy(&bench.provisioned, &asked.provisioned);
                bench.device.provisioned = &bench.provisioned;
                nor_count_from_zero(&bench.device.nor);
                nor_plan(&bench.device.nor,
                         (struct nor_fault){.kind = NOR_FAULT_CUT, .at = operations - back, .tear = tear});
                assert_int_equal(sim_power_on(&bench.device), SIM_CUT);
                // The application is started on what is there, and does with its files as it likes.
                if (bench.device.nor.sector[0] != NULL && sim_power_on(&bench.device) == SIM_APPLICATION) {
                    change_files(&bench, &other, files);
                }
                for (int start = 0; start < 3; start++) {
                    bench.device.nor.power_ups++; // weak cells may keep still for a while
                    assert_runs(&bench, SIM_RUNS_NEW);
                }
                found_new++;
                nor_destroy(&bench.provisioned);
                sim_device_discard(&bench.device);
            }
        }
    }
    assert_int_equal(found_new, 16u * NOR_TEAR_COUNT * 2u);
    finish(&asked);
}

static void a_damaged_application_without_a_file_is_not_started(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, NULL);
    const uint8_t damage[16] = {0};
    nor_load(&bench.device.nor, 0x3000, damage, sizeof damage);
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(status_of(&bench).own_outcome, ONESLOT_ERROR_APPLICATION_BROKEN);
    // Said once: a device on a shelf does not wear its journal out.
    nor_count_from_zero(&bench.device.nor);
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    assert_int_equal(bench.device.nor.operations, 0);
    finish(&bench);
}

static void a_failing_operation_is_tried_again(void **state) {
    (void)state;
    for (uint32_t at = 0; at < 800; at += 37) {
        struct bench bench;
        make_device(&bench, new_image, NEW_SIZE, NULL);
        request(&bench, "/dir/fw.bin", NULL);
        nor_count_from_zero(&bench.device.nor);
        nor_plan(&bench.device.nor, (struct nor_fault){NOR_FAULT_ERROR, at, 2, NOR_MIX_WEAK});
        nor_plan(&bench.device.nor, (struct nor_fault){NOR_FAULT_SILENT, at + 9u, 1, NOR_MIX});
        nor_plan(&bench.device.nor, (struct nor_fault){NOR_FAULT_READ, at * 3u, 2, NOR_BEFORE});
        // Not assert_runs: after an erase that fails and says nothing a program meets cells that are not erased.
        assert_int_equal(sim_power_on(&bench.device), SIM_APPLICATION);
        assert_int_equal(sim_runs(&bench.device), SIM_RUNS_NEW);
        finish(&bench);
    }
}

static void a_sector_that_is_worn_out_is_named_with_its_address(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, NULL);
    request(&bench, "/dir/fw.bin", NULL);
    nor_count_from_zero(&bench.device.nor);
    nor_plan(&bench.device.nor, (struct nor_fault){NOR_FAULT_SECTOR, 0x25000, 1, NOR_BEFORE});
    assert_int_equal(sim_power_on(&bench.device), SIM_STUCK);
    struct oneslot_status status = status_of(&bench);
    assert_int_equal(status.state, ONESLOT_STATE_INSTALLING);
    assert_true(status.outcome == ONESLOT_ERROR_FLASH_ERASE || status.outcome == ONESLOT_ERROR_FLASH_PROGRAM);
    assert_int_equal(status.detail, 0x25000);
    finish(&bench);
}

static void a_journal_that_takes_no_write_keeps_the_old_firmware_running(void **state) {
    (void)state;
    struct bench bench;
    make_device(&bench, new_image, NEW_SIZE, NULL);
    request(&bench, "/dir/fw.bin", NULL);
    nor_count_from_zero(&bench.device.nor);
    nor_plan(&bench.device.nor, (struct nor_fault){NOR_FAULT_SECTOR, 0xf5000, 1, NOR_BEFORE});
    nor_plan(&bench.device.nor, (struct nor_fault){NOR_FAULT_SECTOR, 0xf6000, 1, NOR_BEFORE});
    assert_runs(&bench, SIM_RUNS_OLD);
    finish(&bench);
}

static void an_image_in_a_raw_region_is_installed(void **state) {
    (void)state;
    struct bench bench;
    provision(NULL, 0, NULL);
    memcpy(flash_bytes + 0x100000, new_image, NEW_SIZE); // where the map's file system would be
    start(&bench);
    struct oneslot_map map;
    assert_int_equal(oneslot_map_parse(&map, flash_bytes + 0xf7000, ONESLOT_MAP_BYTES, FLASH_SIZE), ONESLOT_ERROR_NONE);
    char path[24] = "@";
    strcat(path, oneslot_map_file_system(&map)->label);
    request(&bench, path, NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    finish(&bench);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_installs_the_file_and_says_so),
        cmocka_unit_test(a_sector_that_differs_in_one_byte_alone_is_written),
        cmocka_unit_test(a_user1_is_put_behind_espressifs_boot_loader_alone),
        cmocka_unit_test(what_already_holds_is_not_written_again),
        cmocka_unit_test(a_bad_file_costs_nothing_but_a_named_record),
        cmocka_unit_test(a_path_that_leads_nowhere_is_named),
        cmocka_unit_test(an_image_that_reaches_the_reserved_area_is_refused),
        cmocka_unit_test(an_image_that_would_load_over_the_loader_is_refused),
        cmocka_unit_test(a_digest_that_was_asked_for_must_match),
        cmocka_unit_test(a_damaged_file_system_or_map_is_named),
        cmocka_unit_test(a_watched_file_is_installed_once_and_a_bad_one_refused_once),
        cmocka_unit_test(a_watch_path_without_a_file_changes_nothing),
        cmocka_unit_test(a_trial_that_is_not_confirmed_ends_in_the_fallback),
        cmocka_unit_test(a_trial_that_is_confirmed_stays),
        cmocka_unit_test(a_trial_whose_fallback_is_missing_keeps_the_new_firmware_and_says_why),
        cmocka_unit_test(a_damaged_application_is_mended_from_the_last_file),
        cmocka_unit_test(a_lost_last_record_and_a_deleted_file_leave_the_new_firmware_running),
        cmocka_unit_test(a_damaged_application_without_a_file_is_not_started),
        cmocka_unit_test(a_failing_operation_is_tried_again),
        cmocka_unit_test(a_sector_that_is_worn_out_is_named_with_its_address),
        cmocka_unit_test(a_journal_that_takes_no_write_keeps_the_old_firmware_running),
        cmocka_unit_test(an_image_in_a_raw_region_is_installed),
    };
    return cmocka_run_group_tests(tests, make_images, free_images);
}
