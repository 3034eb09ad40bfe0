#include "tests/small_upgrade.h"

#include <stdlib.h>
#include <string.h>

#include "tests/synthetic.h"

#define FLASH_SIZE 0x100000u
#define FS_START   0x60000u
#define FS_SIZE    0x60000u

static const struct sim_file FILES[] = {
    {"/main.py", "import machine\n", 15},
    {"/lib/deep/er/notes.txt", "keep me", 7},
    {"/empty", "", 0},
};

void small_upgrade_create(struct small_upgrade *upgrade, uint32_t size, uint32_t same) {
    memset(upgrade, 0, sizeof *upgrade);
    upgrade->old_image = malloc(size);
    upgrade->new_image = malloc(size);
    if (!upgrade->old_image || !upgrade->new_image)
        abort();
    synthetic_micropython(upgrade->old_image, size, 1, same);
    synthetic_micropython(upgrade->new_image, size, 2, same);
    struct campaign_settings *settings = &upgrade->settings;
    struct sim_provision *provision = &settings->provision;
    provision->flash_size = FLASH_SIZE;
    provision->firmware = upgrade->old_image;
    provision->firmware_size = size;
    provision->reserved = (size + ONESLOT_SECTOR_SIZE - 1) & ~(ONESLOT_SECTOR_SIZE - 1);
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

void small_upgrade_destroy(struct small_upgrade *upgrade) {
    free(upgrade->old_image);
    free(upgrade->new_image);
}
