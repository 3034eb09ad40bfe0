/*
 * Fuzz target: an installer that is replaced by a package. Whatever the package, the journal and the place of the
 * installer hold, a whole installer is entered or none is needed.
 */
#include "sim/device.h"
#include "tests/fuzz/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct fuzz_device fuzz;
    fuzz_device_open(&fuzz, ONESLOT_CHIP_ESP8266, &input);
    uint32_t bits = input_number(&input, 1);
    fuzz.device.new_installer_dead = bits & 1;
    struct oneslot_options options = {0};
    (void)sim_request_with(&fuzz.device, "/i", &options);
    fuzz_device_start(&fuzz, &input, 1 + bits / 2 % 5);
    DEMAND(fuzz.device.lost_installers == 0);
    fuzz_device_close(&fuzz);
    return 0;
}
