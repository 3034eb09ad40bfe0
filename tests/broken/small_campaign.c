/*
 * A small campaign as a program, to be linked with an engine that may be broken. Prints the first broken promise.
 * With "esp32" as its argument, for a device of that family. Exit status: 0 all kept, 1 one was broken.
 */
#include <stdlib.h>
#include <string.h>

#include "tests/small_upgrade.h"

/* Block 1 is erased at once; block 2 is shared with the reserved area. */
#define SIZE 0x22800u
/* The first sectors of the code are the same in both images. */
#define SAME 0x2000u

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
    upgrade.settings.files = 400;
    upgrade.settings.worn = 300;
    upgrade.settings.disturbs = 300;
    upgrade.settings.rots = 300;
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
