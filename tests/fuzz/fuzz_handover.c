/*
 * Fuzz target: the ESP32 family's hand-over between ESP-IDF's boot loader and the installer: otadata, journal, table
 * and application are changed by the input.
 */
#include "sim/device.h"
#include "tests/fuzz/device.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct fuzz_device fuzz;
    fuzz_device_open(&fuzz, ONESLOT_CHIP_ESP32C3, &input);
    uint32_t bits = input_number(&input, 1);
    fuzz.device.rollback = bits & 1;
    fuzz.device.new_refused = bits & 2;
    if (bits & 4) {
        struct oneslot_options options = fuzz_options(&input);
        (void)sim_request_with(&fuzz.device, fuzz_path(bits >> 4), &options);
    }
    fuzz_device_start(&fuzz, &input, 4);
    fuzz_device_close(&fuzz);
    return 0;
}
