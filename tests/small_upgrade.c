#include "tests/small_upgrade.h"

#include <stdlib.h>
#include <string.h>

#include "tests/synthetic.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE 0x100000u
#define FS_START   0x60000u
#define FS_SIZE    0x60000u

static const struct sim_file FILES[] = {
    {"/main.py", "import machine\n", 15},
    {"/lib/deep/er/notes.txt", "keep me", 7},
    {"/empty", "", 0},
};

static void allocate(struct small_upgrade *upgrade, uint32_t size) {
    memset(upgrade, 0, sizeof *upgrade);
    upgrade->old_image = malloc(size);
    upgrade->new_image = malloc(size);
    if (!upgrade->old_image || !upgrade->new_image)
        abort();
}

/// What is the same for all chips.
static void settle(struct small_upgrade *upgrade, uint32_t size) {
    struct campaign_settings *settings = &upgrade->settings;
    struct sim_provision *provision = &settings->provision;
    provision->flash_size = FLASH_SIZE;
    provision->firmware = upgrade->old_image;
    provision->firmware_size = size;
    provision->fs_start = FS_START;
    provision->fs_size = FS_SIZE;
    provision->file = FILES;
    provision->files = sizeof FILES / sizeof *FILES;
    settings->new_firmware = (struct sim_firmware){upgrade->new_image, size};
    settings->file = upgrade->new_image;
    settings->file_size = size;
    settings->seed = 1;
    settings->step = 1;
    settings->jobs = 2;
}

void small_upgrade_create(struct small_upgrade *upgrade, uint32_t size, uint32_t same) {
    allocate(upgrade, size);
    synthetic_micropython(upgrade->old_image, size, 1, same);
    synthetic_micropython(upgrade->new_image, size, 2, same);
    upgrade->settings.provision.reserved = (size + ONESLOT_SECTOR_SIZE - 1) & ~(ONESLOT_SECTOR_SIZE - 1);
    settle(upgrade, size);
}

void small_upgrade_create_esp32(struct small_upgrade *upgrade, uint16_t chip, uint32_t size, uint32_t same) {
    allocate(upgrade, size);
    synthetic_esp32(upgrade->old_image, size, chip, 1, same);
    synthetic_esp32(upgrade->new_image, size, chip, 2, same);
    oneslot_esp32_chip(&upgrade->chip, chip, 0);
    upgrade->settings.provision.chip = &upgrade->chip;
    uint32_t end = SIM_TABLE_APPLICATION + size;
    upgrade->settings.provision.reserved = (end + ONESLOT_BLOCK_SIZE - 1) & ~(ONESLOT_BLOCK_SIZE - 1);
    settle(upgrade, size);
}

void small_upgrade_add_empty_segment(struct small_upgrade *upgrade) {
    uint8_t *image = upgrade->new_image;
    uint32_t length;
    memcpy(&length, image + 12, sizeof length);
    uint32_t end = 16u + length;
    uint8_t checksum = image[end | 15u];
    memset(image + end, 0, 8); /* its header: address and length */
    memset(image + end + 8, 0xff, 32);
    image[(end + 8u) | 15u] = checksum;
    image[1]++;
    synthetic_seal(image, upgrade->settings.file_size);
}

void small_upgrade_destroy(struct small_upgrade *upgrade) {
    free(upgrade->old_image);
    free(upgrade->new_image);
}
