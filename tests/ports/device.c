/*
 * Runs a program for ESP-IDF or Arduino on a flash image: device FLASH. Exit status 0 when it ended, 3 when it
 * restarted the device, 4 when ESP-IDF's guard stopped it.
 */
#include "device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

uint8_t chip[CHIP_SIZE];
static const char *file_name;

static int chip_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    memcpy(buffer, chip + address, length);
    return 0;
}

static int chip_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context;
    for (uint32_t i = 0; i < length; i++) {
        chip[address + i] &= ((const uint8_t *)data)[i];
    }
    return 0;
}

static int chip_erase(void *context, uint32_t address) {
    (void)context;
    memset(chip + address, 0xff, ONESLOT_SECTOR_SIZE);
    return 0;
}

const struct oneslot_flash flash = {NULL, CHIP_SIZE, chip_read, chip_program, chip_erase, NULL};

static void save(void) {
    FILE *file = fopen(file_name, "wb");
    if (file == NULL || fwrite(chip, 1, sizeof chip, file) != sizeof chip || fclose(file) != 0) {
        exit(2);
    }
}

void restart(void) {
    save();
    exit(3);
}

int main(int argc, char **argv) {
    if (argc != 2) {
        return 2;
    }
    file_name = argv[1];
    FILE *file = fopen(file_name, "rb");
    if (file == NULL || fread(chip, 1, sizeof chip, file) != sizeof chip || fclose(file) != 0) {
        return 2;
    }
    run_program();
    save();
    return 0;
}
