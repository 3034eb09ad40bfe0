/* The campaign under ESP-IDF's boot loader: small upgrades of the ESP32 family survive every cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/small_upgrade.h"

/* Block 0 in part, block 1 whole (erased at once), block 2 in part. */
#define THREE_BLOCKS 0x22800u
#define ONE_BLOCK    0xb400u

static void run(const struct campaign_settings *settings, struct campaign_report *report) {
    char message[160] = "";
    if (!campaign_run(settings, report, message)) {
        fail_msg("%s", message);
    }
    if (campaign_failures(report) > 0) {
        fail_msg("%s: %s", report->failure[0].name, report->failure[0].text);
    }
    assert_int_equal(report->cases, report->verdicts[CAMPAIGN_KEPT]);
}

static void a_cut_at_every_operation_with_every_tear_keeps_all_promises(void **state) {
    static const uint16_t chips[] = {ONESLOT_CHIP_ESP32, ONESLOT_CHIP_ESP32C3, ONESLOT_CHIP_ESP32S3};
    (void)state;
    for (uint32_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        struct small_upgrade upgrade;
        struct campaign_report report;
        small_upgrade_create_esp32(&upgrade, chips[i], ONE_BLOCK, 0);
        run(&upgrade.settings, &report);
        assert_int_equal(report.cases_of[CAMPAIGN_CUT], report.operations * NOR_TEAR_COUNT);
        assert_true(report.operations > 50);
        /* Two sectors of otadata are erased before the journal is written. */
        assert_true(report.request_operations >= 6);
        assert_int_equal(report.cuts, report.cases_of[CAMPAIGN_CUT] + report.cases_of[CAMPAIGN_REQUEST]);
        small_upgrade_destroy(&upgrade);
    }
}

static void an_upgrade_with_a_block_erase_survives_cuts_chains_and_faults(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    (void)state;
    small_upgrade_create_esp32(&upgrade, ONESLOT_CHIP_ESP32, THREE_BLOCKS, 0);
    upgrade.settings.step = 32;
    upgrade.settings.chains = 600;
    upgrade.settings.faults = 300;
    upgrade.settings.changes = 30;
    upgrade.settings.refusals = 20;
    upgrade.settings.repeats = 200;
    upgrade.settings.files = 50;
    upgrade.settings.worn = 50;
    upgrade.settings.disturbs = 50;
    upgrade.settings.rots = 50;
    upgrade.settings.unstarted = 12;
    run(&upgrade.settings, &report);
    assert_int_equal(report.upgrade.block_erases, 1);
    assert_int_equal(report.chains_of[0] + report.chains_of[1], 0);
    assert_int_equal(report.cases_of[CAMPAIGN_CHAIN], 600);
    assert_true(report.faults_hit > 240);
    small_upgrade_destroy(&upgrade);
}

static void an_upgrade_that_changes_little_erases_little_and_survives_every_cut(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    (void)state;
    small_upgrade_create_esp32(&upgrade, ONESLOT_CHIP_ESP32C3, THREE_BLOCKS, 0x20000);
    upgrade.settings.step = 32;
    run(&upgrade.settings, &report);
    assert_int_equal(report.upgrade.block_erases, 0);
    assert_true(report.upgrade.sector_erases < THREE_BLOCKS / ONESLOT_SECTOR_SIZE);
    small_upgrade_destroy(&upgrade);
}

static void an_image_for_another_chip_or_a_damaged_one_is_said_so(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    char message[160] = "";
    (void)state;
    small_upgrade_create_esp32(&upgrade, ONESLOT_CHIP_ESP32C3, ONE_BLOCK, 0);
    upgrade.new_image[ONE_BLOCK / 2] ^= 1;
    assert_false(campaign_run(&upgrade.settings, &report, message));
    assert_non_null(strstr(message, "the image's SHA-256 is wrong"));
    small_upgrade_destroy(&upgrade);

    struct small_upgrade other;
    small_upgrade_create_esp32(&other, ONESLOT_CHIP_ESP32S3, ONE_BLOCK, 0);
    small_upgrade_create_esp32(&upgrade, ONESLOT_CHIP_ESP32C3, ONE_BLOCK, 0);
    upgrade.settings.file = other.new_image;
    assert_false(campaign_run(&upgrade.settings, &report, message));
    assert_non_null(strstr(message, "another chip"));
    small_upgrade_destroy(&upgrade);
    small_upgrade_destroy(&other);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_at_every_operation_with_every_tear_keeps_all_promises),
        cmocka_unit_test(an_upgrade_with_a_block_erase_survives_cuts_chains_and_faults),
        cmocka_unit_test(an_upgrade_that_changes_little_erases_little_and_survives_every_cut),
        cmocka_unit_test(an_image_for_another_chip_or_a_damaged_one_is_said_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
