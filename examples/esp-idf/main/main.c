/*
 * Confirms itself, tells how the last upgrade ended, and asks for the next one: /fw.bin of the littlefs, on trial, with
 * /old.bin to go back to. The device was set up by `oneslot image`.
 */
#include <stdio.h>

#include "oneslot/port.h"

static struct oneslot device;

static void tell(void) {
    struct oneslot_status status;
    char text[200];
    enum oneslot_error error = oneslot_status(&device, &status);
    if (error != ONESLOT_ERROR_NONE) {
        printf("%s\n", oneslot_error_text(error));
        return;
    }
    oneslot_status_text(&status, text, sizeof text);
    printf("%s\n", text);
}

void app_main(void) {
    static const struct oneslot_options options = {.fallback = "/old.bin", .trial_boots = 3};
    enum oneslot_error error = oneslot_port_open(&device);
    if (error == ONESLOT_ERROR_NONE) {
        /* Before this: whatever shows that the firmware does its work. */
        error = oneslot_port_confirm(&device);
    }
    if (error == ONESLOT_ERROR_NONE) {
        tell();
        error = device.record.state == ONESLOT_STATE_IDLE ? oneslot_request(&device, "/fw.bin", &options)
                                                          : ONESLOT_ERROR_NOTHING_TO_DO;
    }
    if (error == ONESLOT_ERROR_NONE) {
        oneslot_port_restart();
    }
    printf("%s\n", oneslot_error_text(error));
}
