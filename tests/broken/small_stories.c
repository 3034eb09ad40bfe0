/*
 * Small stories as a program, to be linked with an engine that may be broken: those that are named, or all. Prints the
 * first broken promise. Exit status: 0 all kept, 1 one was broken.
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

int main(int argc, char **argv) {
    struct small_story parts;
    uint64_t cases = 0;
    bool kept = true;
    small_story_create(&parts, ONESLOT_CHIP_ESP8266);
    parts.settings.step = 16;
    parts.settings.chains = 200;
    parts.settings.changes = 60;
    parts.settings.failures_max = 1;
    for (uint32_t i = 0; i < STORY_COUNT && kept; i++) {
        if (argc < 2 || strcmp(argv[1], story_name((enum story)i)) == 0) {
            kept = run((enum story)i, &parts.settings, &cases);
        }
    }
    small_story_destroy(&parts);
    if (kept) {
        printf("kept: %llu cases\n", (unsigned long long)cases);
    }
    return kept ? 0 : 1;
}
