/*
 * Small stories as a program, to be linked with an engine that may be broken: the one that is named,
 * or all. Prints the first broken promise. Exit status: 0 all kept, 1 one was broken.
 */
#include <stdio.h>
#include <string.h>

#include "tests/story/small_story.h"

static bool run(enum story story, const struct story_settings *settings, uint64_t *cases) {
    struct story_report report;
    char message[160] = "";
    if (!story_run(story, settings, &report, message)) {
        printf("refused: %s: %s\n", story_name(story), message);
        return false;
    }
    *cases += report.campaign.cases;
    if (campaign_failures(&report.campaign) > 0) {
        const struct campaign_failure *failure = &report.campaign.failure[0];
        printf("%s: %s:%s: %s\n", campaign_verdict_name(failure->verdict), story_name(story), failure->name,
               failure->text);
        return false;
    }
    return true;
}

/// Once without a cut but one: what is wrong at all shows here.
static bool glance(enum story story, const struct story_settings *settings) {
    char message[160] = "";
    enum campaign_verdict verdict = CAMPAIGN_KEPT;
    FILE *out = tmpfile();
    bool lived = out && story_replay(story, settings, "1:cut:0:before", out, &verdict, message);
    if (out) {
        fclose(out);
    }
    if (!lived) {
        printf("refused: %s: %s\n", story_name(story), message);
    } else if (verdict != CAMPAIGN_KEPT) {
        printf("%s: %s\n", campaign_verdict_name(verdict), story_name(story));
    }
    return lived && verdict == CAMPAIGN_KEPT;
}

int main(int argc, char **argv) {
    static const enum story order[] = {STORY_FALLBACK, STORY_CONFIRM, STORY_INSTALLER, STORY_DOWNGRADE,
                                       STORY_FORGED,   STORY_DEAD,    STORY_LIFE,      STORY_UPGRADE};
    struct small_story parts;
    uint64_t cases = 0;
    bool kept = true;
    small_story_create(&parts, ONESLOT_CHIP_ESP8266);
    parts.settings.step = 16;
    parts.settings.chains = 12;
    parts.settings.changes = 8;
    parts.settings.failures_max = 1;
    for (uint32_t i = 0; i < STORY_COUNT && kept; i++) {
        kept = glance(order[i], &parts.settings);
    }
    for (uint32_t i = 0; i < STORY_COUNT && kept; i++) {
        bool wanted = argc < 2 || strcmp(argv[1], story_name(order[i])) == 0;
        kept = !wanted || run(order[i], &parts.settings, &cases);
    }
    small_story_destroy(&parts);
    if (kept) {
        printf("kept: %llu cases\n", (unsigned long long)cases);
    }
    return kept ? 0 : 1;
}
