/*
 * Fuzz target: saving the firmware that runs, from a device whose journal and flash were changed: what comes out is
 * what the journal says, or an error; nothing but the journal is written, and the file is as long as was said before.
 */
#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/save.h"
#include "sim/device.h"
#include "tests/fuzz/device.h"

struct saving {
    struct input *input;
    uint32_t said;
    uint32_t got;
    bool full; ///< the file system takes no more
    br_sha256_context sha256;
};

static enum oneslot_error begin(void *context, uint32_t size) {
    struct saving *saving = context;
    saving->said = size;
    return saving->full && size % 2 ? ONESLOT_ERROR_FILE_NO_ROOM : ONESLOT_ERROR_NONE;
}

static enum oneslot_error take(void *context, const void *data, uint32_t length) {
    struct saving *saving = context;
    DEMAND(length >= 1 && length <= 4096);
    saving->got += length;
    br_sha256_update(&saving->sha256, data, length);
    return saving->full && saving->got > 0x3000 ? ONESLOT_ERROR_FILE_WRITE : ONESLOT_ERROR_NONE;
}

static void save(struct sim_device *device, const struct oneslot_flash *flash, void *context) {
    static _Alignas(8) uint8_t memory[ONESLOT_PACK_MEMORY_MOST];
    struct saving *saving = context;
    struct oneslot oneslot;
    if (sim_open(device, &oneslot, flash) != ONESLOT_ERROR_NONE) {
        return;
    }
    uint32_t bits = input_number(saving->input, 1);
    saving->full = bits & 2;
    struct oneslot_save_options options = {.plain = bits & 1,
                                           .memory = memory,
                                           .memory_size = input_number(saving->input, 2) % (sizeof memory + 1),
                                           .context = saving,
                                           .begin = begin};
    br_sha256_init(&saving->sha256);
    enum oneslot_error error = oneslot_save(&oneslot, &options, take);
    DEMAND(strcmp(oneslot_error_name(error), "UNKNOWN") != 0);
    DEMAND(error != ONESLOT_ERROR_NONE || saving->got == saving->said);
    if (error == ONESLOT_ERROR_NONE && options.plain) {
        uint8_t digest[32];
        br_sha256_out(&saving->sha256, digest);
        DEMAND(memcmp(digest, oneslot.record.installed, sizeof digest) == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {data, size};
    struct saving saving = {.input = &input};
    struct fuzz_device fuzz;
    uint16_t chip = input_number(&input, 1) & 1 ? ONESLOT_CHIP_ESP32C3 : ONESLOT_CHIP_ESP8266;
    fuzz_device_open(&fuzz, chip, &input);
    (void)sim_act(&fuzz.device, save, &saving);
    uint32_t address = 0; // to open it may put a rotten record right, in the journal
    DEMAND(fuzz.device.nor.violation == NOR_VIOLATION_NONE && sim_untouched(&fuzz.device, &address));
    fuzz_device_close(&fuzz);
    return 0;
}
