// The application's API over a flash in RAM.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "oneslot/oneslot.h"
#include "oneslot/version.h"

#define FLASH_SIZE 0x100000u
#define JOURNAL    0xf5000u

static uint8_t chip[FLASH_SIZE];
static uint32_t operations_left; ///< programs and erases that the chip still takes
static bool deaf;                ///< reads fail

static int chip_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    memcpy(buffer, chip + address, length);
    return deaf ? 1 : 0;
}

static int chip_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context;
    if (operations_left == 0) {
        return 1;
    }
    operations_left--;
    assert_true(address / ONESLOT_PAGE_SIZE == (address + length - 1) / ONESLOT_PAGE_SIZE);
    for (uint32_t i = 0; i < length; i++) {
        chip[address + i] &= ((const uint8_t *)data)[i];
    }
    return 0;
}

static int chip_erase(void *context, uint32_t address) {
    (void)context;
    if (operations_left == 0) {
        return 1;
    }
    operations_left--;
    memset(chip + address, 0xff, ONESLOT_SECTOR_SIZE);
    return 0;
}

static const struct oneslot_flash flash = {NULL, FLASH_SIZE, chip_read, chip_program, chip_erase, NULL};
static const struct oneslot_journal journal = {&flash, JOURNAL};
static struct oneslot device;

/// A provisioned device whose journal is empty.
static int provision(void **state) {
    (void)state;
    struct oneslot_layout layout = {.flash_size = FLASH_SIZE,
                                    .displaced = 0xf4000,
                                    .journal = JOURNAL,
                                    .map = 0xf7000,
                                    .settings = 0xf7000,
                                    .installer = 0xf8000,
                                    .firmware = 0xf4000};
    deaf = false;
    operations_left = UINT32_MAX;
    memset(chip, 0xff, sizeof chip);
    oneslot_layout_seal(&layout);
    memcpy(chip + ONESLOT_LAYOUT_ADDRESS, &layout, sizeof layout);
    return oneslot_open(&device, &flash) == ONESLOT_ERROR_NONE ? 0 : -1;
}

/// Puts the journal into a state as the installer would.
static void installer_leaves_with(enum oneslot_state state, enum oneslot_error outcome, uint32_t detail,
                                  enum oneslot_error own) {
    struct oneslot_record record;
    oneslot_journal_load(&journal, &record, NULL);
    memset(record.path, 0, sizeof record.path);
    strcpy(record.path, "/fw.bin");
    record.state = (uint8_t)state;
    record.outcome = (uint8_t)outcome;
    record.trial_boots = state == ONESLOT_STATE_TRIAL ? 3 : 0;
    record.installed_size = 635916;
    record.installed_kind = 2;
    record.detail = detail;
    record.own_outcome = (uint8_t)own;
    memset(record.installed, 0x11, sizeof record.installed);
    memset(record.attempted, 0x22, sizeof record.attempted);
    memset(record.floor, 0x33, sizeof record.floor);
    memset(record.watched, 0x55, sizeof record.watched);
    memset(record.image_version, 0x66, sizeof record.image_version);
    memset(record.installed_version, 0x66, sizeof record.installed_version);
    memset(record.plan, 0x44, sizeof record.plan);
    assert_int_equal(oneslot_journal_append(&journal, &record, NULL), ONESLOT_ERROR_NONE);
}

static void installer_leaves(enum oneslot_state state, enum oneslot_error outcome) {
    installer_leaves_with(state, outcome, 0x1234, ONESLOT_ERROR_NONE);
}

static struct oneslot_record newest(void) {
    struct oneslot_record record;
    assert_int_equal(oneslot_journal_load(&journal, &record, NULL), ONESLOT_ERROR_NONE);
    return record;
}

static bool all_are(const uint8_t *bytes, uint32_t length, uint8_t value) {
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i] != value) {
            return false;
        }
    }
    return true;
}

static void assert_words(const char *expected) {
    struct oneslot_status status;
    char text[200];
    assert_int_equal(oneslot_status(&device, &status), ONESLOT_ERROR_NONE);
    oneslot_status_text(&status, text, sizeof text);
    assert_string_equal(text, expected);
}

static void a_flash_without_a_layout_is_named(void **state) {
    (void)state;
    struct oneslot other;
    chip[ONESLOT_LAYOUT_ADDRESS + 9] ^= 1;
    assert_int_equal(oneslot_open(&other, &flash), ONESLOT_ERROR_NO_LAYOUT);
}

static void a_deaf_chip_is_named(void **state) {
    (void)state;
    struct oneslot_status status;
    deaf = true;
    assert_int_equal(oneslot_open(&device, &flash), ONESLOT_ERROR_FLASH_READ);
    provision(NULL);
    deaf = true;
    assert_int_equal(oneslot_request(&device, "/fw.bin", NULL), ONESLOT_ERROR_FLASH_READ);
    assert_int_equal(oneslot_cancel(&device), ONESLOT_ERROR_FLASH_READ);
    assert_int_equal(oneslot_confirm(&device), ONESLOT_ERROR_FLASH_READ);
    assert_int_equal(oneslot_status(&device, &status), ONESLOT_ERROR_FLASH_READ);
}

static void a_fresh_device_has_nothing_to_tell(void **state) {
    (void)state;
    struct oneslot_status status;
    assert_int_equal(oneslot_status(&device, &status), ONESLOT_ERROR_NONE);
    assert_int_equal(status.state, ONESLOT_STATE_IDLE);
    assert_int_equal(status.installed_size, 0);
    assert_string_equal(status.path, "");
    assert_words("no upgrade asked for");
}

static void a_request_carries_all_its_options(void **state) {
    (void)state;
    uint8_t digest[32];
    memset(digest, 0xab, sizeof digest);
    struct oneslot_options options = {.sha256 = digest, .fallback = "/old.bin", .trial_boots = ONESLOT_TRIAL_MAX};
    assert_int_equal(oneslot_request(&device, "/fw.bin", &options), ONESLOT_ERROR_NONE);
    struct oneslot_record record = newest();
    assert_int_equal(record.state, ONESLOT_STATE_REQUESTED);
    assert_int_equal(record.flags, ONESLOT_REQUEST_SHA256);
    assert_int_equal(record.trial_boots, ONESLOT_TRIAL_MAX);
    assert_memory_equal(record.expected, digest, sizeof digest);
    assert_string_equal(record.path, "/fw.bin");
    assert_string_equal(record.fallback, "/old.bin");
    assert_words("to be upgraded to /fw.bin at the next reset");
}

static void a_request_keeps_what_is_known_about_the_device(void **state) {
    (void)state;
    installer_leaves(ONESLOT_STATE_FAILED, ONESLOT_ERROR_IMAGE_MD5);
    assert_int_equal(oneslot_request(&device, "/a", NULL), ONESLOT_ERROR_NONE);
    struct oneslot_record record = newest();
    assert_int_equal(record.outcome, ONESLOT_ERROR_NONE);
    assert_int_equal(record.detail, 0);
    assert_int_equal(record.installed_size, 635916);
    assert_int_equal(record.installed_kind, 2);
    assert_true(all_are(record.installed, sizeof record.installed, 0x11));
    assert_true(all_are(record.attempted, sizeof record.attempted, 0x22));
    assert_true(all_are(record.floor, sizeof record.floor, 0x33));
    assert_true(all_are(record.image_version, sizeof record.image_version, 0x66));
    assert_true(all_are(record.watched, sizeof record.watched, 0x55));
    assert_true(all_are(record.plan, sizeof record.plan, 0));
    assert_string_equal(record.path, "/a");
    assert_true(all_are((const uint8_t *)record.path + 2, sizeof record.path - 2, 0));
}

static void a_later_request_replaces_an_earlier_one_whole(void **state) {
    (void)state;
    uint8_t digest[32] = {1};
    struct oneslot_options options = {.sha256 = digest, .fallback = "/old.bin", .trial_boots = 2};
    assert_int_equal(oneslot_request(&device, "/a/long/path/of/a/file.bin", &options), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_request(&device, "/b", NULL), ONESLOT_ERROR_NONE);
    struct oneslot_record record = newest();
    assert_string_equal(record.path, "/b");
    assert_string_equal(record.fallback, "");
    assert_int_equal(record.flags, 0);
    assert_int_equal(record.trial_boots, 0);
    assert_true(all_are(record.expected, sizeof record.expected, 0));
}

static void paths_are_of_the_forms_that_sources_have(void **state) {
    (void)state;
    char longest[ONESLOT_PATH_MAX + 2];
    memset(longest, 'x', sizeof longest);
    longest[0] = '/';
    longest[ONESLOT_PATH_MAX + 1] = '\0';
    static const struct {
        const char *path;
        bool valid;
    } cases[] = {
        {"/fw.bin", true},
        {"/dir/fw.bin", true},
        {"vfs:/fw.bin", true},
        {"@spare", true},
        {"@spare:512", true},
        {NULL, false},
        {"", false},
        {"fw.bin", false},
        {"vfs:fw.bin", false},
        {":/fw.bin", false},
        {"@", false},
        {"@:512", false},
        {"vfs", false},
        {"vfs:", false},
        {"sixteen.letters.:/fw.bin", true},
        {"seventeen-letters:/fw.bin", false},
        {"a:/f", true},
        {"@a", true},
        {"dir/a:/fw.bin", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        enum oneslot_error expected = cases[i].valid ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PATH_INVALID;
        assert_int_equal(oneslot_request(&device, cases[i].path, NULL), expected);
        if (cases[i].path != NULL) {
            struct oneslot_options options = {.fallback = cases[i].path, .trial_boots = 1};
            assert_int_equal(oneslot_request(&device, "/fw.bin", &options), expected);
        }
    }
    assert_int_equal(oneslot_request(&device, longest, NULL), ONESLOT_ERROR_PATH_INVALID);
    longest[ONESLOT_PATH_MAX] = '\0';
    assert_int_equal(oneslot_request(&device, longest, NULL), ONESLOT_ERROR_NONE);
    struct oneslot_status status;
    assert_int_equal(oneslot_status(&device, &status), ONESLOT_ERROR_NONE);
    assert_string_equal(status.path, longest);
}

static void options_out_of_range_change_nothing(void **state) {
    (void)state;
    struct oneslot_options too_many = {.trial_boots = ONESLOT_TRIAL_MAX + 1};
    struct oneslot_options fallback_alone = {.fallback = "/old.bin"};
    operations_left = 0;
    assert_int_equal(oneslot_request(&device, "/fw.bin", &too_many), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_request(&device, "/fw.bin", &fallback_alone), ONESLOT_ERROR_ARGUMENT);
}

static void an_upgrade_under_way_is_left_alone(void **state) {
    (void)state;
    static const enum oneslot_state states[] = {ONESLOT_STATE_INSTALLING, ONESLOT_STATE_TRIAL};
    for (size_t i = 0; i < 2; i++) {
        installer_leaves(states[i], ONESLOT_ERROR_NONE);
        struct oneslot_record before = newest();
        assert_int_equal(oneslot_request(&device, "/other.bin", NULL), ONESLOT_ERROR_BUSY);
        assert_int_equal(oneslot_cancel(&device), ONESLOT_ERROR_BUSY);
        struct oneslot_record after = newest();
        assert_memory_equal(&before, &after, sizeof before);
    }
}

static void a_cancelled_request_leaves_no_trace(void **state) {
    (void)state;
    assert_int_equal(oneslot_request(&device, "/fw.bin", NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_cancel(&device), ONESLOT_ERROR_NONE);
    assert_int_equal(newest().state, ONESLOT_STATE_IDLE);
    assert_words("no upgrade asked for");

    installer_leaves(ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_request(&device, "/fw.bin", NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_cancel(&device), ONESLOT_ERROR_NONE);
    assert_int_equal(newest().state, ONESLOT_STATE_DONE);
    assert_int_equal(newest().installed_size, 635916);
}

static void a_cancel_without_a_request_writes_nothing(void **state) {
    (void)state;
    operations_left = 0;
    assert_int_equal(oneslot_cancel(&device), ONESLOT_ERROR_NONE);
}

static void a_confirm_ends_a_trial_and_nothing_else(void **state) {
    (void)state;
    installer_leaves(ONESLOT_STATE_TRIAL, ONESLOT_ERROR_NONE);
    struct oneslot_record expected = newest();
    assert_int_equal(oneslot_confirm(&device), ONESLOT_ERROR_NONE);
    struct oneslot_record found = newest();
    expected.state = ONESLOT_STATE_DONE;
    expected.detail = 0;
    expected.sequence = found.sequence;
    expected.crc = found.crc;
    memcpy(expected.floor, expected.installed_version, sizeof expected.floor);
    assert_memory_equal(&found, &expected, sizeof found);
    assert_int_equal(newest().state, ONESLOT_STATE_DONE);
    assert_true(all_are(newest().floor, ONESLOT_VERSION_SIZE, 0x66)); // the version that was on trial
    assert_words("upgraded to /fw.bin");
    assert_int_equal(oneslot_request(&device, "/next.bin", NULL), ONESLOT_ERROR_NONE);
    operations_left = 0;
    assert_int_equal(oneslot_confirm(&device), ONESLOT_ERROR_NONE);
    assert_int_equal(newest().state, ONESLOT_STATE_REQUESTED);
}

static void a_trial_counts_down(void **state) {
    (void)state;
    uint32_t slot;
    struct oneslot_record record;
    installer_leaves(ONESLOT_STATE_TRIAL, ONESLOT_ERROR_NONE);
    oneslot_journal_load(&journal, &record, &slot);
    assert_words("on trial, 3 boots left");
    oneslot_journal_trial_count(&journal, slot);
    oneslot_journal_trial_count(&journal, slot);
    assert_words("on trial, 1 boot left");
    oneslot_journal_trial_count(&journal, slot);
    oneslot_journal_trial_count(&journal, slot);
    assert_words("on trial, 0 boots left");
}

static void every_outcome_is_told_in_words(void **state) {
    (void)state;
    static const struct {
        enum oneslot_state state;
        enum oneslot_error outcome;
        const char *words;
        uint32_t detail;
        enum oneslot_error own;
    } cases[] = {
        {ONESLOT_STATE_INSTALLING, ONESLOT_ERROR_NONE, "installing /fw.bin", 1, ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE, "upgraded to /fw.bin", 1, ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_FAILED, ONESLOT_ERROR_IMAGE_MD5, "refused /fw.bin: the image's MD5 is wrong", 1,
         ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_FAILED, (enum oneslot_error)200, "refused /fw.bin: unknown error", 1, ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_DONE, ONESLOT_ERROR_TRIAL_EXPIRED,
         "the new firmware did not confirm itself; the fallback was put back", 1, ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_DONE, ONESLOT_ERROR_NO_FALLBACK,
         "the new firmware did not confirm itself, and there is no fallback to put back", 0, ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_FAILED, ONESLOT_ERROR_NO_FALLBACK,
         "the new firmware did not confirm itself, and there is no fallback to put back: the image's MD5 is wrong",
         ONESLOT_ERROR_IMAGE_MD5, ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_FAILED, ONESLOT_ERROR_WAY_BACK,
         "refused /fw.bin: the fallback could not be put back after this upgrade: there is no such file",
         ONESLOT_ERROR_FILE_MISSING, ONESLOT_ERROR_NONE},
        {ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE,
         "upgraded to /fw.bin; refused the file at the watch path: the image's MD5 is wrong", 0,
         ONESLOT_ERROR_IMAGE_MD5},
        {ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE,
         "upgraded to /fw.bin; the application is damaged and no image to mend it was found", 0,
         ONESLOT_ERROR_APPLICATION_BROKEN},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        installer_leaves_with(cases[i].state, cases[i].outcome, cases[i].detail, cases[i].own);
        assert_words(cases[i].words);
    }
}

static void words_are_cut_to_the_buffer(void **state) {
    (void)state;
    struct oneslot_status status = {.state = ONESLOT_STATE_DONE, .path = "/fw.bin"};
    char text[] = "################";
    oneslot_status_text(&status, text, 0);
    assert_string_equal(text, "################");
    oneslot_status_text(&status, text, 1);
    assert_string_equal(text, "");
    oneslot_status_text(&status, text, 9);
    assert_string_equal(text, "upgraded");
    assert_string_equal(text + 9, "#######");
}

/// Whatever the operation after which the chip takes no more, the newest record is the old or the new one.
static void a_request_that_fails_half_way_leaves_a_readable_journal(void **state) {
    (void)state;
    for (uint32_t turn = 0; turn < 12; turn++) {
        for (uint32_t limit = 0; limit < 8; limit++) {
            char path[] = "/0";
            operations_left = UINT32_MAX;
            assert_int_equal(oneslot_request(&device, "/old", NULL), ONESLOT_ERROR_NONE);
            path[1] = (char)('0' + turn);
            operations_left = limit;
            enum oneslot_error error = oneslot_request(&device, path, NULL);
            struct oneslot_record record = newest();
            assert_true(error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_JOURNAL_WRITE);
            assert_string_equal(record.path, error == ONESLOT_ERROR_NONE ? path : "/old");
        }
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_flash_without_a_layout_is_named, provision),
        cmocka_unit_test_setup(a_deaf_chip_is_named, provision),
        cmocka_unit_test_setup(a_fresh_device_has_nothing_to_tell, provision),
        cmocka_unit_test_setup(a_request_carries_all_its_options, provision),
        cmocka_unit_test_setup(a_request_keeps_what_is_known_about_the_device, provision),
        cmocka_unit_test_setup(a_later_request_replaces_an_earlier_one_whole, provision),
        cmocka_unit_test_setup(paths_are_of_the_forms_that_sources_have, provision),
        cmocka_unit_test_setup(options_out_of_range_change_nothing, provision),
        cmocka_unit_test_setup(an_upgrade_under_way_is_left_alone, provision),
        cmocka_unit_test_setup(a_cancelled_request_leaves_no_trace, provision),
        cmocka_unit_test_setup(a_cancel_without_a_request_writes_nothing, provision),
        cmocka_unit_test_setup(a_confirm_ends_a_trial_and_nothing_else, provision),
        cmocka_unit_test_setup(a_trial_counts_down, provision),
        cmocka_unit_test_setup(every_outcome_is_told_in_words, provision),
        cmocka_unit_test_setup(words_are_cut_to_the_buffer, provision),
        cmocka_unit_test_setup(a_request_that_fails_half_way_leaves_a_readable_journal, provision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
