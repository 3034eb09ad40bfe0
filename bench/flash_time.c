/*
 * How long an upgrade keeps the flash chip busy, beside what the difference of the two images needs at the least.
 *
 *     flash_time OLD.bin NEW.bin [BOOT.bin]
 *
 * Times are the W25Q32 data sheet's typical ones, counted by the simulator. "Needed" is worked out here from the
 * images alone: for each 64 KiB block the cheaper of erasing the differing sectors one by one and erasing the block
 * (where all of it belongs to the image), and programming what that leaves blank. "By sectors" is what an updater
 * takes that erases and programs every sector of the new image singly. BOOT.bin: Espressif's boot_v1.x; then OLD and
 * NEW are user1 images.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bearssl_hash.h"
#include "sim/device.h"
#include "sim/provision.h"

#define FLASH_SIZE  0x400000u
#define USER1_START 0x1000u
#define MS          1e6

struct file {
    uint8_t *bytes;
    uint32_t size;
};

static struct file read_file(const char *path) {
    struct file file = {malloc(FLASH_SIZE), 0};
    FILE *stream = fopen(path, "rb");
    if (stream == NULL || file.bytes == NULL) {
        fprintf(stderr, "flash_time: %s cannot be read\n", path);
        exit(2);
    }
    file.size = (uint32_t)fread(file.bytes, 1, FLASH_SIZE, stream);
    fclose(stream);
    return file;
}

/// The image as it would lie in flash from address 0 on.
static struct file in_place(struct file image, const struct file *boot) {
    if (boot == NULL) {
        return image;
    }
    struct file whole = {malloc(USER1_START + image.size), USER1_START + image.size};
    if (whole.bytes == NULL) {
        exit(2);
    }
    memset(whole.bytes, 0xff, USER1_START);
    memcpy(whole.bytes, boot->bytes, boot->size);
    memcpy(whole.bytes + USER1_START, image.bytes, image.size);
    return whole;
}

static uint8_t byte_at(struct file file, uint32_t offset) {
    return offset < file.size ? file.bytes[offset] : 0xff;
}

static bool sector_differs(struct file old, struct file new, uint32_t start) {
    for (uint32_t i = start; i < start + ONESLOT_SECTOR_SIZE && i < new.size; i++) {
        if (byte_at(old, i) != new.bytes[i]) {
            return true;
        }
    }
    return false;
}

static double program_time(struct file new, uint32_t start) {
    double time = 0;
    for (uint32_t page = start; page < start + ONESLOT_SECTOR_SIZE; page += ONESLOT_PAGE_SIZE) {
        bool blank = true;
        for (uint32_t i = page; i < page + ONESLOT_PAGE_SIZE; i++) {
            blank = blank && byte_at(new, i) == 0xff;
        }
        time += blank ? 0 : (double)nor_w25q32.program;
    }
    return time;
}

/// What the difference needs, and what erasing every sector of the image costs.
static double needed(struct file old, struct file new, uint32_t first, double *by_sectors) {
    double total = 0;
    *by_sectors = 0;
    for (uint32_t block = 0; block < new.size; block += ONESLOT_BLOCK_SIZE) {
        double singly = 0;
        double together = (double)nor_w25q32.erase_block;
        for (uint32_t sector = block; sector < block + ONESLOT_BLOCK_SIZE && sector < new.size;
             sector += ONESLOT_SECTOR_SIZE) {
            if (sector < first) {
                continue;
            }
            double cost = (double)nor_w25q32.erase_sector + program_time(new, sector);
            *by_sectors += cost;
            together += program_time(new, sector);
            singly += sector_differs(old, new, sector) ? cost : 0;
        }
        bool whole = block > first && block + ONESLOT_BLOCK_SIZE < new.size + ONESLOT_SECTOR_SIZE;
        total += whole && together < singly ? together : singly;
    }
    return total;
}

static struct sim_device upgrade(struct file old, struct file new, struct file image) {
    static uint8_t flash[FLASH_SIZE];
    const struct sim_file file = {"/fw.bin", image.bytes, image.size};
    const struct sim_provision parts = {
        .flash_size = FLASH_SIZE, .firmware = old.bytes, .firmware_size = old.size, .file = &file, .files = 1};
    static struct nor provisioned;
    struct sim_device device;
    enum oneslot_error error = sim_provision(flash, &parts, NULL);
    if (error == ONESLOT_ERROR_NONE) {
        error = sim_device_create(&device, NULL, flash, FLASH_SIZE, 1);
    }
    if (error != ONESLOT_ERROR_NONE) {
        fprintf(stderr, "flash_time: %s\n", oneslot_error_text(error));
        exit(1);
    }
    device.old_firmware = (struct sim_firmware){old.bytes, old.size};
    device.new_firmware = (struct sim_firmware){new.bytes, new.size};
    nor_copy(&provisioned, &device.nor);
    device.provisioned = &provisioned;
    uint8_t digest[br_sha256_SIZE];
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, image.bytes, image.size);
    br_sha256_out(&sha256, digest);
    sim_request(&device, "/fw.bin", digest);
    nor_count_from_zero(&device.nor);
    sim_power_on(&device);
    if (sim_runs(&device) != SIM_RUNS_NEW) {
        fprintf(stderr, "flash_time: the upgrade ended with: %s\n", oneslot_error_text(device.last));
        exit(1);
    }
    return device;
}

int main(int argc, char **argv) {
    if (argc < 3 || argc > 4) {
        fprintf(stderr, "usage: flash_time OLD.bin NEW.bin [BOOT.bin]\n");
        return 2;
    }
    struct file boot = {NULL, 0};
    if (argc == 4) {
        boot = read_file(argv[3]);
    }
    struct file image = read_file(argv[2]);
    struct file old = in_place(read_file(argv[1]), argc == 4 ? &boot : NULL);
    struct file new = in_place(image, argc == 4 ? &boot : NULL);
    struct sim_device device = upgrade(old, new, image);
    const struct nor_statistics *statistics = &device.nor.statistics;
    double took = (double)(statistics->erase_time + statistics->program_time);
    double by_sectors;
    double least = needed(old, new, argc == 4 ? USER1_START : 0, &by_sectors);
    printf("{\"took_ms\": %.1f, \"needed_ms\": %.1f, \"by_sectors_ms\": %.1f, \"ratio\": %.3f, \"read_ms\": %.1f, "
           "\"sector_erases\": %llu, \"block_erases\": %llu, \"programs\": %llu}\n",
           took / MS, least / MS, by_sectors / MS, took / least, (double)statistics->read_time / MS,
           (unsigned long long)statistics->sector_erases, (unsigned long long)statistics->block_erases,
           (unsigned long long)statistics->programs);
    return 0;
}
