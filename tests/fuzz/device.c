#include "tests/fuzz/device.h"

#include <string.h>

#include "bearssl_hash.h"
#include "sim/files.h"

/// Reads and operations of one start: a healthy one takes some thousand.
#define BUDGET 400000u
/// A trial of 32 boots may be asked for here; each may write otadata twice.
#define ERASES_MAX  (SIM_ERASES_BETWEEN_DEEDS + 3u * ONESLOT_TRIAL_MAX)
#define CHANGES_MAX 24u
#define FILE_MAX    0x20000u

struct made {
    struct small_story story;
    struct sim_device device;
    struct story_bytes files[FUZZ_FILES];
    bool ready;
};

static const char *const paths[] = {"/n", "/p", "/s", "/i", "/missing", "vfs:/n", "@vfs", "/", "n", ""};

const char *fuzz_path(uint32_t number) {
    return paths[number % (sizeof paths / sizeof *paths)];
}

static void make(struct made *made, uint16_t chip) {
    small_story_create(&made->story, chip);
    const struct story_settings *settings = &made->story.settings;
    struct sim_provision provision = settings->provision;
    struct sim_file files[FUZZ_FILES];
    uint8_t *flash = malloc(provision.flash_size);
    DEMAND(flash != NULL);
    made->files[FUZZ_FILE_NEW] = (struct story_bytes){settings->new_firmware.bytes, settings->new_firmware.size};
    made->files[FUZZ_FILE_PACKAGE] = settings->new_package;
    made->files[FUZZ_FILE_SAVED] = settings->saved_package;
    made->files[FUZZ_FILE_INSTALLER] =
        provision.installer ? settings->new_installer_package : made->files[FUZZ_FILE_NEW];
    for (uint32_t i = 0; i < FUZZ_FILES; i++) {
        files[i] = (struct sim_file){paths[i], made->files[i].bytes, made->files[i].size};
    }
    provision.file = files;
    provision.files = FUZZ_FILES;
    provision.trust = NULL;
    provision.watch = "/s";
    DEMAND(sim_provision(flash, &provision, NULL) == ONESLOT_ERROR_NONE);
    DEMAND(sim_device_create(&made->device, provision.chip, flash, provision.flash_size, 1) == ONESLOT_ERROR_NONE);
    made->device.old_firmware = (struct sim_firmware){provision.firmware, provision.firmware_size};
    made->device.new_firmware = settings->new_firmware;
    made->device.rollback = true;
    if (provision.installer) {
        sim_device_installers(&made->device, (struct sim_firmware){provision.installer, provision.installer_size},
                              settings->new_installer);
    }
    free(flash);
    made->ready = true;
}

/* Changes */

static void change_byte(struct nor *nor, uint32_t address, uint8_t bits) {
    uint8_t byte;
    nor_peek(nor, address, &byte, 1);
    byte ^= bits;
    nor_load(nor, address, &byte, 1);
}

static void change_record(struct sim_device *device, struct input *input) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    struct oneslot_journal journal = {&flash, device->layout.journal};
    struct oneslot_record record;
    if (oneslot_journal_load(&journal, &record, NULL) != ONESLOT_ERROR_NONE) {
        return;
    }
    for (uint32_t count = 1 + input_number(input, 1) % CHANGES_MAX; count > 0; count--) {
        uint32_t at = input_number(input, 2) % sizeof record;
        ((uint8_t *)&record)[at] = (uint8_t)input_number(input, 1);
    }
    (void)oneslot_journal_append(&journal, &record, NULL);
}

/// A package's digest is the first entry behind what it covers.
static void seal(uint8_t *bytes, uint32_t size) {
    struct input header = {bytes, size};
    uint32_t field[4];
    for (uint32_t i = 0; i < 4; i++) {
        field[i] = input_number(&header, 4);
    }
    uint64_t hashed = (uint64_t)(field[2] & 0xffffu) + (field[2] >> 16) + field[3];
    if (field[0] != ONESLOT_PACKAGE_MAGIC || hashed + 40 > size) {
        return;
    }
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes, (size_t)hashed);
    br_sha256_out(&context, bytes + hashed + 8);
}

static void change_file(struct sim_device *device, const struct made *made, uint32_t which, struct input *input) {
    static uint8_t bytes[FILE_MAX];
    uint32_t size = made->files[which].size;
    DEMAND(size <= sizeof bytes);
    memcpy(bytes, made->files[which].bytes, size);
    uint32_t count = input_number(input, 1);
    if (count & 0x80) {
        size -= input_number(input, 2) % size;
    }
    for (count = count % CHANGES_MAX; count > 0; count--) {
        // Header and entries are short; an image's and a stream's beginnings decide most.
        uint32_t at = input_number(input, 3);
        at = at & 0x800000 ? size - 1 - at % (size < 512 ? size : 512) : at % size;
        bytes[at] ^= (uint8_t)input_number(input, 1);
    }
    seal(bytes, size);
    (void)sim_file_put(device, paths[which], bytes, size);
}

/// Sectors that a device's parts lie in, whatever the family.
static uint32_t place(const struct sim_device *device, uint32_t number, uint32_t offset) {
    const struct oneslot_layout *layout = &device->layout;
    switch (number % 6) {
    case 0:
        return layout->journal + offset % (2 * ONESLOT_SECTOR_SIZE);
    case 1:
        return layout->settings + ONESLOT_CONFIG_OFFSET + offset % 0x400u;
    case 2:
        return layout->map + offset % 0x200u;
    case 3:
        return device->vendor ? layout->otadata + offset % (2 * ONESLOT_SECTOR_SIZE) : layout->displaced + offset % 64u;
    case 4:
        return device->fs_start + offset % (4 * ONESLOT_SECTOR_SIZE);
    default:
        return (device->vendor ? layout->application : ONESLOT_SECTOR_SIZE) + offset;
    }
}

static void change(struct fuzz_device *fuzz, const struct made *made, struct input *input) {
    struct sim_device *device = &fuzz->device;
    for (uint32_t count = input_number(input, 1) % CHANGES_MAX; count > 0 && input->left > 0; count--) {
        uint32_t what = input_number(input, 1);
        if (what % 8 == 6) {
            change_record(device, input);
        } else if (what % 8 == 7) {
            change_file(device, made, what / 8 % FUZZ_FILES, input);
        } else {
            uint32_t offset = input_number(input, 2);
            change_byte(&device->nor, place(device, what % 8, offset), (uint8_t)input_number(input, 1));
        }
    }
}

void fuzz_device_open(struct fuzz_device *fuzz, uint16_t chip, struct input *input) {
    static struct made made[2];
    struct made *here = &made[chip != ONESLOT_CHIP_ESP8266];
    if (!here->ready) {
        make(here, chip);
    }
    sim_device_fork(&fuzz->device, &here->device);
    nor_count_from_zero(&fuzz->device.nor);
    change(fuzz, here, input);
    nor_copy(&fuzz->before, &fuzz->device.nor);
    fuzz->device.provisioned = &fuzz->before;
    fuzz->device.files_changed = false;
    nor_count_from_zero(&fuzz->device.nor);
}

void fuzz_device_close(struct fuzz_device *fuzz) {
    nor_destroy(&fuzz->before);
    sim_device_discard(&fuzz->device);
}

struct oneslot_options fuzz_options(struct input *input) {
    static uint8_t sha256[32];
    struct oneslot_options options = {0};
    uint32_t bits = input_number(input, 1);
    if (bits & 1) {
        options.trial_boots = input_number(input, 1) % 34;
        options.fallback = bits & 2 ? fuzz_path(input_number(input, 1)) : NULL;
    }
    if (bits & 4) {
        (void)input_take(input, sha256, sizeof sha256);
        options.sha256 = sha256;
    }
    return options;
}

void fuzz_device_start(struct fuzz_device *fuzz, struct input *input, uint32_t starts) {
    struct sim_device *device = &fuzz->device;
    nor_deed(&device->nor);
    for (uint32_t i = 0; i < starts; i++) {
        uint32_t cut = input_number(input, 2);
        device->confirm = (enum sim_confirm)(input_number(input, 1) % 4);
        device->nor.budget = BUDGET;
        if (cut != 0 && i + 1 < starts) {
            nor_plan(&device->nor, (struct nor_fault){.kind = NOR_FAULT_CUT,
                                                      .at = device->nor.operations + cut % 0x400,
                                                      .tear = (enum nor_tear)(cut >> 12) % NOR_TEAR_COUNT});
        }
        enum sim_stop stop = sim_power_on(device);
        DEMAND(stop != SIM_HUNG && !device->nor.exhausted);
        device->nor.faults = 0;
    }
    uint32_t address = 0;
    DEMAND(device->nor.violation != NOR_VIOLATION_FORBIDDEN && device->nor.violation != NOR_VIOLATION_RANGE);
    DEMAND(sim_untouched(device, &address));
    DEMAND(device->nor.deed_erases_max <= ERASES_MAX);
}
