/*
 * Fuzz target: an installation on an ESP8266, asked for by a call or by what the journal says: files, packages,
 * journal, map and file system are changed by the input, and power is cut where it says.
 */
#include "sim/device.h"
#include "tests/fuzz/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct fuzz_device fuzz;
    fuzz_device_open(&fuzz, ONESLOT_CHIP_ESP8266, &input);
    uint32_t path = input_number(&input, 1);
    if (path & 0x80) {
        struct oneslot_options options = fuzz_options(&input);
        (void)sim_request_with(&fuzz.device, fuzz_path(path & 0x7f), &options);
    }
    fuzz_device_start(&fuzz, &input, 3);
    fuzz_device_close(&fuzz);
    return 0;
}
