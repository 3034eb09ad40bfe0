/*
 * A small campaign as a program, to be linked with an engine that may be broken. Prints the first broken promise.
 * With "esp32" as its argument, for a device of that family; with a second one the cases of files, wear and rot alone.
 * Exit status: 0 all kept, 1 one was broken.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/small_upgrade.h"

/* Block 1 is erased at once; block 2 is shared with the reserved area. */
#define SIZE 0x22800u
/* The first sectors of the code are the same in both images. */
#define SAME 0x2000u

/// Nothing but what the application does to its files, and what time does to the chip.
static void lead_a_life(struct campaign_settings *settings) {
    settings->step = 1000;
    settings->chains = settings->faults = settings->changes = settings->refusals = settings->repeats = 0;
    settings->files = settings->worn = settings->disturbs = settings->rots = 150;
    settings->unstarted = 20;
}

int main(int argc, char **argv) {
    struct small_upgrade upgrade;
    struct campaign_report report;
    char message[160] = "";
    if (argc > 1 && strcmp(argv[1], "esp32") == 0)
        small_upgrade_create_esp32(&upgrade, ONESLOT_CHIP_ESP32, SIZE, SAME);
    else
        small_upgrade_create(&upgrade, SIZE, SAME);
    upgrade.settings.step = 16;
    upgrade.settings.chains = 1000;
    upgrade.settings.faults = 600;
    upgrade.settings.changes = 60;
    upgrade.settings.refusals = 20;
    upgrade.settings.repeats = 1500;
    if (argc > 2) {
        lead_a_life(&upgrade.settings);
    }
    upgrade.settings.failures_max = 1;
    bool works = campaign_run(&upgrade.settings, &report, message);
    small_upgrade_destroy(&upgrade);
    if (!works) {
        printf("refused: %s\n", message);
        return 1;
    }
    if (campaign_failures(&report) > 0) {
        printf("%s: %s: %s\n", campaign_verdict_name(report.failure[0].verdict), report.failure[0].name,
               report.failure[0].text);
        return 1;
    }
    printf("kept: %llu cases, %llu cuts\n", (unsigned long long)report.cases, (unsigned long long)report.cuts);
    return 0;
}
