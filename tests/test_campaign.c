/* The campaign: small upgrades survive every cut, and the campaign itself counts and replays right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "tests/small_upgrade.h"

/* Block 0 in part, block 1 whole (erased at once), block 2 in part, the reserved area in the same block behind it. */
#define THREE_BLOCKS 0x22800u
#define ONE_BLOCK    0xb400u

static void run(const struct campaign_settings *settings, struct campaign_report *report) {
    char message[160] = "";
    if (!campaign_run(settings, report, message))
        fail_msg("%s", message);
}

static void expect_kept(const struct campaign_report *report) {
    if (campaign_failures(report) > 0)
        fail_msg("%s: %s", report->failure[0].name, report->failure[0].text);
    assert_int_equal(report->cases, report->verdicts[CAMPAIGN_KEPT]);
}

static void a_cut_at_every_operation_with_every_tear_keeps_all_promises(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    (void)state;
    small_upgrade_create(&upgrade, ONE_BLOCK, 0);
    run(&upgrade.settings, &report);
    expect_kept(&report);
    assert_int_equal(report.cases_of[CAMPAIGN_CUT], report.operations * NOR_TEAR_COUNT);
    assert_true(report.operations > 50);
    assert_int_equal(report.cuts, report.cases_of[CAMPAIGN_CUT] + report.cases_of[CAMPAIGN_REQUEST]);
    small_upgrade_destroy(&upgrade);
}

static void an_upgrade_with_a_block_erase_survives_cuts_chains_and_faults(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    (void)state;
    small_upgrade_create(&upgrade, THREE_BLOCKS, 0);
    upgrade.settings.step = 32;
    upgrade.settings.chains = 150;
    upgrade.settings.faults = 100;
    upgrade.settings.changes = 30;
    upgrade.settings.refusals = 20;
    upgrade.settings.repeats = 60;
    upgrade.settings.files = 50;
    upgrade.settings.worn = 50;
    upgrade.settings.disturbs = 50;
    upgrade.settings.rots = 50;
    upgrade.settings.unstarted = 12;
    run(&upgrade.settings, &report);
    expect_kept(&report);
    assert_int_equal(report.upgrade.block_erases, 1);
    assert_int_equal(report.chains_of[0] + report.chains_of[1], 0);
    assert_int_equal(report.cases_of[CAMPAIGN_CHAIN], 150);
    assert_true(report.faults_hit > 80);
    small_upgrade_destroy(&upgrade);
}

static void an_upgrade_that_changes_little_erases_little_and_survives_every_cut(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    (void)state;
    /* The last two sectors of the code, and those that hold RAM segments. */
    small_upgrade_create(&upgrade, THREE_BLOCKS, 0x18000);
    upgrade.settings.step = 32;
    run(&upgrade.settings, &report);
    expect_kept(&report);
    assert_int_equal(report.upgrade.block_erases, 0);
    assert_true(report.upgrade.sector_erases < THREE_BLOCKS / ONESLOT_SECTOR_SIZE);
    small_upgrade_destroy(&upgrade);
}

static void the_figures_do_not_depend_on_the_number_of_processes(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report one;
    struct campaign_report three;
    (void)state;
    small_upgrade_create(&upgrade, ONE_BLOCK, 0x1000);
    upgrade.settings.step = 64;
    upgrade.settings.chains = 20;
    upgrade.settings.jobs = 1;
    run(&upgrade.settings, &one);
    upgrade.settings.jobs = 3;
    run(&upgrade.settings, &three);
    assert_int_equal(one.cases, three.cases);
    assert_int_equal(one.cuts, three.cuts);
    assert_int_equal(one.boots, three.boots);
    assert_memory_equal(&one.flash, &three.flash, sizeof one.flash);
    small_upgrade_destroy(&upgrade);
}

static void a_case_can_be_replayed_by_its_name(void **state) {
    static const char *const good[] = {"1:cut:12:mix-weak", "1:chain:3",   "9:request:1:damage", "1:fault:2",
                                       "1:file:3",          "1:worn:4",    "1:disturb:5",        "1:rot:6",
                                       "1:unstarted:1",     "1:changed:0", "1:refuse:4",         "1:again:7"};
    static const char *const bad[] = {"", "1:cut", "1:cut:12:gently", "1:cup:1:before", "1:cut:99999:before"};
    struct small_upgrade upgrade;
    char message[160];
    (void)state;
    small_upgrade_create(&upgrade, ONE_BLOCK, 0x1000);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        enum campaign_verdict verdict = CAMPAIGN_CRASH;
        FILE *trace = tmpfile();
        assert_true(campaign_replay(&upgrade.settings, good[i], trace, &verdict, message));
        assert_int_equal(verdict, CAMPAIGN_KEPT);
        assert_true(ftell(trace) > 0);
        fclose(trace);
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        enum campaign_verdict verdict;
        assert_false(campaign_replay(&upgrade.settings, bad[i], NULL, &verdict, message));
        assert_true(message[0] != 0);
    }
    small_upgrade_destroy(&upgrade);
}

static void an_upgrade_that_does_not_work_at_all_is_said_so(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    char message[160] = "";
    (void)state;
    small_upgrade_create(&upgrade, ONE_BLOCK, 0);
    upgrade.new_image[ONE_BLOCK / 2] ^= 1;
    assert_false(campaign_run(&upgrade.settings, &report, message));
    assert_non_null(strstr(message, "MD5"));
    small_upgrade_destroy(&upgrade);
}

static void an_image_with_an_empty_segment_is_started_or_refused_before_anything_is_erased(void **state) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    char message[160] = "";
    (void)state;
    small_upgrade_create(&upgrade, ONE_BLOCK, 0x1000);
    small_upgrade_add_empty_segment(&upgrade);
    upgrade.settings.step = 64;
    /* The prover and the loader are one rule: what the one takes, the other starts. */
    if (campaign_run(&upgrade.settings, &report, message)) {
        expect_kept(&report);
    } else {
        assert_non_null(strstr(message, "the upgrade was refused: the image"));
        assert_int_equal(report.upgrade.sector_erases, 0); /* the journal's first slots need none */
    }
    small_upgrade_destroy(&upgrade);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_cut_at_every_operation_with_every_tear_keeps_all_promises),
        cmocka_unit_test(an_upgrade_with_a_block_erase_survives_cuts_chains_and_faults),
        cmocka_unit_test(an_upgrade_that_changes_little_erases_little_and_survives_every_cut),
        cmocka_unit_test(the_figures_do_not_depend_on_the_number_of_processes),
        cmocka_unit_test(a_case_can_be_replayed_by_its_name),
        cmocka_unit_test(an_upgrade_that_does_not_work_at_all_is_said_so),
        cmocka_unit_test(an_image_with_an_empty_segment_is_started_or_refused_before_anything_is_erased),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
