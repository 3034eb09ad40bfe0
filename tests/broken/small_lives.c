/*
 * Lives of a small device as a program, to be linked with an engine that may be broken: small_lives FAMILY [COUNT]
 * [SEED], or FAMILY and the name of one life, which is told step by step. Prints the first broken promise. Exit status:
 * 0 all kept, 1 one was broken.
 */
#include <stdlib.h>
#include <string.h>

#include "sim/lives.h"
#include "tests/story/small_story.h"

static void show_progress(void *context, uint64_t done, uint64_t cases, uint64_t cuts, uint64_t failures) {
    (void)context;
    fprintf(stderr, "\r%llu/%llu lives, %llu cuts, %llu broken ", (unsigned long long)done, (unsigned long long)cases,
            (unsigned long long)cuts, (unsigned long long)failures);
}

int main(int argc, char **argv) {
    struct small_story story;
    struct lives_settings settings;
    struct lives_report report;
    char message[160] = "";
    bool esp32 = argc > 1 && strcmp(argv[1], "esp32") == 0;
    small_story_create(&story, esp32 ? ONESLOT_CHIP_ESP32C3 : ONESLOT_CHIP_ESP8266);
    small_story_lives(&settings, &story);
    settings.lives = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 400;
    settings.seed = argc > 3 ? strtoull(argv[3], NULL, 10) : 1;
    settings.failures_max = argc > 3 ? 0 : 1;
    settings.progress = argc > 3 ? show_progress : NULL;
    if (argc == 3 && strchr(argv[2], ':')) {
        enum campaign_verdict verdict = CAMPAIGN_CRASH;
        bool lived = lives_replay(&settings, argv[2], stdout, &verdict, message);
        printf("%s%s\n", campaign_verdict_name(verdict), message);
        small_story_destroy(&story);
        return lived && verdict == CAMPAIGN_KEPT ? 0 : 1;
    }
    bool works = lives_run(&settings, &report, message);
    small_story_destroy(&story);
    if (!works) {
        printf("refused: %s\n", message);
        return 1;
    }
    for (uint32_t i = 0; i < report.campaign.failures; i++) {
        printf("%s: %s: %s\n", campaign_verdict_name(report.campaign.failure[i].verdict),
               report.campaign.failure[i].name, report.campaign.failure[i].text);
    }
    if (campaign_failures(&report.campaign) > 0) {
        return 1;
    }
    printf("kept: %llu lives, %llu cuts, %llu upgrades, %llu disturbed, %llu worn, %llu rotten, %llu mended, %.0f s\n",
           (unsigned long long)report.campaign.cases, (unsigned long long)report.campaign.cuts,
           (unsigned long long)report.upgrades, (unsigned long long)report.disturbed, (unsigned long long)report.worn,
           (unsigned long long)report.rotten, (unsigned long long)report.mended, report.campaign.seconds);
    return 0;
}
