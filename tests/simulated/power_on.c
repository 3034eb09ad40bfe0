/*
 * Switches a simulated device on: the core's boot decision and installer over a flash image in a file, which is left
 * as the device leaves it. Says how it ended and whether the old or the new firmware is there.
 *
 *     power_on FLASH.bin OLD.bin NEW.bin
 */
#include <stdio.h>
#include <stdlib.h>

#include "sim/device.h"

#define FLASH_MAX 0x1000000u

static int fail(const char *path, const char *why) {
    (void)fprintf(stderr, "power_on: %s: %s\n", path, why);
    return EXIT_FAILURE;
}

static bool save(const char *path, const uint8_t *flash, uint32_t size) {
    FILE *file = fopen(path, "wb");
    if (file == NULL) {
        return false;
    }
    bool written = fwrite(flash, 1, size, file) == size;
    return fclose(file) == 0 && written;
}

/// Returns false when there is no such file.
static bool load(const char *path, uint8_t *bytes, uint32_t *size) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return false;
    }
    *size = (uint32_t)fread(bytes, 1, FLASH_MAX, file);
    return fclose(file) == 0;
}

static int run(char **paths, uint8_t *flash, uint8_t *old, uint8_t *new) {
    struct sim_device device;
    uint32_t size;
    uint32_t old_size;
    uint32_t new_size;
    if (!load(paths[0], flash, &size) || !load(paths[1], old, &old_size) || !load(paths[2], new, &new_size)) {
        return fail(paths[0], "it or a firmware cannot be read");
    }
    enum oneslot_error error = sim_device_create(&device, NULL, flash, size, 1);
    if (error != ONESLOT_ERROR_NONE) {
        return fail(paths[0], oneslot_error_text(error));
    }
    device.old_firmware = (struct sim_firmware){old, old_size};
    device.new_firmware = (struct sim_firmware){new, new_size};
    enum sim_stop stop = sim_power_on(&device);
    printf("%s: %s\n", sim_stop_text(stop), sim_runs_text(sim_runs(&device)));
    nor_peek(&device.nor, 0, flash, size);
    sim_device_destroy(&device);
    return save(paths[0], flash, size) ? EXIT_SUCCESS : fail(paths[0], "it cannot be written");
}

int main(int count, char **arguments) {
    uint8_t *memory = malloc((size_t)3 * FLASH_MAX);
    if (count != 4 || memory == NULL) {
        return fail("FLASH.bin OLD.bin NEW.bin", "these are taken");
    }
    int status = run(arguments + 1, memory, memory + FLASH_MAX, memory + 2 * (size_t)FLASH_MAX);
    free(memory);
    return status;
}
