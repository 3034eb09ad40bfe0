/* Stories of a device: whatever is cut, each comes to its end, and nothing runs that was not proven. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/story/small_story.h"

/* Of the page programs amid a sector every so many-th alone: every one with ONESLOT_FULL (`make test-full`), and fewer
 * of the stories that share most of their operations with others. */
#if defined(__SANITIZE_ADDRESS__)
#define STEP        32u
#define SHARED_STEP 32u
#define CHAINS      20u
#define CHANGES     10u
#else
#define FULL        (getenv("ONESLOT_FULL") != NULL)
#define STEP        (FULL ? 1u : 12u)
#define SHARED_STEP (FULL ? 8u : 24u)
#define CHAINS      (FULL ? 60u : 30u)
#define CHANGES     (FULL ? 40u : 20u)
#endif

static void live(enum story story, const struct story_settings *settings, struct story_report *report) {
    char message[160] = "";
    if (!story_run(story, settings, report, message)) {
        fail_msg("%s: %s", story_name(story), message);
    }
    const struct campaign_report *campaign = &report->campaign;
    if (campaign_failures(campaign) > 0) {
        fail_msg("%s:%s: %s", story_name(story), campaign->failure[0].name, campaign->failure[0].text);
    }
    print_message("%s: %u operations, %u cases, %u cuts, wear %u and %u, expired %u, given up %u, mended %u, "
                  "unseen %u\n",
                  story_name(story), campaign->operations, (unsigned)campaign->cases, (unsigned)campaign->cuts,
                  report->wear, campaign->wear_max, (unsigned)report->ends[STORY_END_EXPIRED],
                  (unsigned)report->ends[STORY_END_GIVEN_UP], (unsigned)report->ends[STORY_END_MENDED],
                  (unsigned)report->ends[STORY_END_UNSEEN]);
    assert_int_equal(campaign->cases, campaign->verdicts[CAMPAIGN_KEPT]);
    assert_int_equal(report->ends[STORY_END_NONE], 0);
    assert_int_equal(campaign->cases_of[CAMPAIGN_CHAIN], settings->chains);
    if (settings->step == 1) {
        assert_int_equal(campaign->cases_of[CAMPAIGN_CUT], (uint64_t)campaign->operations * NOR_TEAR_COUNT);
    }
}

static void open_parts(struct small_story *parts, uint16_t chip) {
    small_story_create(parts, chip);
    parts->settings.step = STEP;
    parts->settings.chains = CHAINS;
    parts->settings.changes = CHANGES;
}

static void every_story_comes_to_its_end_at_any_cut(void **state) {
    (void)state;
    struct small_story parts;
    open_parts(&parts, ONESLOT_CHIP_ESP8266);
    for (uint32_t i = 0; i < STORY_COUNT; i++) {
        struct story_report report;
        bool shares = i == STORY_CONFIRM || i == STORY_LIFE || i == STORY_DEAD;
        parts.settings.step = shares ? SHARED_STEP : STEP;
        live((enum story)i, &parts.settings, &report);
        bool asked_for_new = i == STORY_UPGRADE || i == STORY_CONFIRM || i == STORY_FALLBACK || i == STORY_LIFE;
        bool confirms = i == STORY_CONFIRM || i == STORY_LIFE;
        assert_int_equal(report.campaign.cases_of[CAMPAIGN_CHANGED], asked_for_new ? parts.settings.changes : 0);
        assert_true(confirms || report.ends[STORY_END_EXPIRED] == 0);
        assert_int_equal(report.ends[STORY_END_UNSEEN], 0);
        assert_true(i == STORY_INSTALLER || report.ends[STORY_END_GIVEN_UP] == 0);
        assert_true(report.ends[STORY_END_TOLD] > report.campaign.cases / 2);
        if (i == STORY_DOWNGRADE || i == STORY_FORGED) {
            assert_true(report.campaign.operations < 20);
        }
    }
    small_story_destroy(&parts);
}

static void under_espressifs_boot_loader_too(void **state) {
    (void)state;
    static const enum story stories[] = {STORY_CONFIRM, STORY_FALLBACK, STORY_DOWNGRADE};
    struct small_story parts;
    open_parts(&parts, ONESLOT_CHIP_ESP32C3);
    parts.settings.step = 16;
    for (size_t i = 0; i < sizeof stories / sizeof *stories; i++) {
        struct story_report report;
        live(stories[i], &parts.settings, &report);
        // A trial that the boot loader forgets takes a cut in one of the few operations that are its own.
        assert_true(stories[i] == STORY_FALLBACK || report.ends[STORY_END_UNSEEN] == 0);
        assert_true(report.ends[STORY_END_UNSEEN] * 20 < report.campaign.cases);
    }
    assert_false(story_possible(STORY_INSTALLER, &parts.settings));
    small_story_destroy(&parts);
}

static void a_story_that_cannot_go_well_is_said_so(void **state) {
    (void)state;
    struct small_story parts;
    struct story_report report;
    char message[160] = "";
    open_parts(&parts, ONESLOT_CHIP_ESP8266);
    // The new version is not above the floor: nothing but a refusal can come of it.
    parts.settings.old_version = (struct oneslot_version){.major = 3};
    assert_false(story_run(STORY_CONFIRM, &parts.settings, &report, message));
    assert_non_null(strstr(message, "lower than one that was confirmed"));
    parts.settings.new_package.bytes = NULL;
    assert_false(story_run(STORY_CONFIRM, &parts.settings, &report, message));
    assert_non_null(strstr(message, "not there"));
    small_story_destroy(&parts);
}

static void a_case_is_lived_again_by_its_name(void **state) {
    (void)state;
    static const struct {
        const char *name;
        bool exists;
    } cases[] = {{"1:cut:100:mix-weak", true}, {"1:chain:3:before", true},  {"1:changed:1:before", true},
                 {"1:cut:99999:mix", false},   {"1:fault:1:before", false}, {"1:cut:1:gently", false}};
    struct small_story parts;
    open_parts(&parts, ONESLOT_CHIP_ESP8266);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        FILE *out = tmpfile();
        enum campaign_verdict verdict = CAMPAIGN_CRASH;
        char message[160] = "";
        assert_non_null(out);
        bool exists = story_replay(STORY_LIFE, &parts.settings, cases[i].name, out, &verdict, message);
        assert_int_equal(exists, cases[i].exists);
        assert_int_equal(verdict, exists ? CAMPAIGN_KEPT : CAMPAIGN_CRASH);
        assert_true(exists == (ftell(out) > 0));
        fclose(out);
    }
    assert_int_equal(story_from_name("life:1", 4), STORY_LIFE);
    assert_int_equal(story_from_name("lives", 5), STORY_COUNT);
    small_story_destroy(&parts);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_story_comes_to_its_end_at_any_cut),
        cmocka_unit_test(under_espressifs_boot_loader_too),
        cmocka_unit_test(a_story_that_cannot_go_well_is_said_so),
        cmocka_unit_test(a_case_is_lived_again_by_its_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
