/*
 * Fuzz target: what an application calls, in any order, on a device whose flash was changed: each call returns an error
 * that has a name or does what it says, and writes nothing but the journal.
 */
#include <string.h>

#include "oneslot/oneslot.h"
#include "sim/device.h"
#include "tests/fuzz/device.h"

#define CALLS 12u

static void call(struct sim_device *device, const struct oneslot_flash *flash, void *context) {
    struct input *input = context;
    struct oneslot oneslot;
    if (sim_open(device, &oneslot, flash) != ONESLOT_ERROR_NONE) {
        return;
    }
    for (uint32_t count = input_number(input, 1) % CALLS; count > 0; count--) {
        struct oneslot_status status;
        uint32_t what = input_number(input, 1);
        enum oneslot_error error = ONESLOT_ERROR_NONE;
        if (what % 4 == 0) {
            struct oneslot_options options = fuzz_options(input);
            error = oneslot_request(&oneslot, fuzz_path(what / 4), what & 0x80 ? &options : NULL);
            DEMAND(error != ONESLOT_ERROR_NONE || !(what & 0x80) || options.trial_boots <= ONESLOT_TRIAL_MAX);
        } else if (what % 4 == 1) {
            error = oneslot_cancel(&oneslot);
        } else if (what % 4 == 2) {
            error = oneslot_confirm(&oneslot);
        } else {
            error = oneslot_status(&oneslot, &status);
            DEMAND(error != ONESLOT_ERROR_NONE || memchr(status.path, 0, sizeof status.path) != NULL);
            DEMAND(error != ONESLOT_ERROR_NONE || strlen(oneslot_error_text(status.outcome)) > 0);
        }
        DEMAND(strcmp(oneslot_error_name(error), "UNKNOWN") != 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct fuzz_device fuzz;
    uint16_t chip = input_number(&input, 1) & 1 ? ONESLOT_CHIP_ESP32C3 : ONESLOT_CHIP_ESP8266;
    fuzz_device_open(&fuzz, chip, &input);
    (void)sim_act(&fuzz.device, call, &input);
    uint32_t address = 0;
    DEMAND(fuzz.device.nor.violation != NOR_VIOLATION_FORBIDDEN);
    DEMAND(sim_untouched(&fuzz.device, &address));
    fuzz_device_start(&fuzz, &input, 2);
    fuzz_device_close(&fuzz);
    return 0;
}
