#include "sim/device.h"

#include <stdlib.h>
#include <string.h>

#include "oneslot/boot.h"
#include "oneslot/install_package.h"
#include "oneslot/oneslot.h"

/// Resets in a row without an application before the device counts as stuck.
#define RESETS_MAX 12u
/// Flash accesses of one power-on; an upgrade of a full megabyte takes some 20 000.
#define BUDGET 4000000u

#define IMAGE_MAGIC  0xe9u
#define SEGMENTS_MAX 16u

static void mark_writable(struct sim_device *device, uint32_t address, uint32_t size) {
    for (uint32_t at = address; at < address + size; at += ONESLOT_SECTOR_SIZE) {
        device->writable[at / ONESLOT_SECTOR_SIZE] = 1;
    }
}

enum oneslot_error sim_device_create(struct sim_device *device, const uint8_t *flash, uint32_t size, uint64_t seed) {
    memset(device, 0, sizeof *device);
    nor_create(&device->nor, size, seed);
    nor_load(&device->nor, 0, flash, size);
    struct oneslot_flash port = nor_flash(&device->nor);
    enum oneslot_error error = oneslot_layout_read(&port, &device->layout);
    device->writable = calloc(device->nor.sectors, 1);
    if (error == ONESLOT_ERROR_NONE && !device->writable) {
        error = ONESLOT_ERROR_ARGUMENT;
    }
    if (error != ONESLOT_ERROR_NONE) {
        sim_device_destroy(device);
        return error;
    }
    const struct oneslot_layout *layout = &device->layout;
    mark_writable(device, ONESLOT_SECTOR_SIZE, layout->firmware - ONESLOT_SECTOR_SIZE);
    mark_writable(device, layout->displaced, ONESLOT_SECTOR_SIZE);
    mark_writable(device, layout->journal, ONESLOT_JOURNAL_SECTORS * ONESLOT_SECTOR_SIZE);
    device->nor.writable = device->writable;
    device->nor.marks_start = layout->journal;
    device->nor.marks_end = layout->journal + ONESLOT_JOURNAL_SECTORS * ONESLOT_SECTOR_SIZE;
    nor_count_from_zero(&device->nor);
    return ONESLOT_ERROR_NONE;
}

void sim_device_destroy(struct sim_device *device) {
    nor_destroy(&device->nor);
    free(device->writable);
    memset(device, 0, sizeof *device);
}

void sim_device_fork(struct sim_device *copy, const struct sim_device *from) {
    *copy = *from;
    nor_copy(&copy->nor, &from->nor);
}

void sim_device_discard(struct sim_device *copy) {
    nor_destroy(&copy->nor);
}

/* The loader. */

/// Reads bytes of the application: its first sector is the displaced one.
static bool read_application(const struct sim_device *device, const struct oneslot_flash *flash, uint32_t offset,
                             void *buffer, uint32_t length) {
    uint8_t *to = buffer;
    while (length > 0) {
        uint32_t rest = ONESLOT_SECTOR_SIZE - offset % ONESLOT_SECTOR_SIZE;
        uint32_t part = length < rest ? length : rest;
        uint32_t address = offset < ONESLOT_SECTOR_SIZE ? device->layout.displaced + offset : offset;
        if (oneslot_flash_read(flash, address, to, part) != ONESLOT_ERROR_NONE) {
            return false;
        }
        offset += part;
        to += part;
        length -= part;
    }
    return true;
}

/// Whether the application passes the boot ROM's checksum: XOR of all segment bytes with 0xef.
static bool is_whole(const struct sim_device *device, const struct oneslot_flash *flash) {
    uint32_t word[2];
    uint32_t checksum = 0;
    uint32_t offset = 8;
    uint32_t chunk[128];
    if (!read_application(device, flash, 0, word, sizeof word)) {
        return false;
    }
    uint32_t count = word[0] >> 8 & 0xffu;
    if ((word[0] & 0xffu) != IMAGE_MAGIC || count == 0 || count > SEGMENTS_MAX) {
        return false;
    }
    for (uint32_t segment = 0; segment < count; segment++) {
        if (!read_application(device, flash, offset, word, sizeof word)) {
            return false;
        }
        offset += 8;
        if (word[1] % 4 != 0 || word[1] > device->layout.firmware || offset + word[1] > device->layout.firmware) {
            return false;
        }
        for (uint32_t left = word[1]; left > 0;) {
            uint32_t part = left < sizeof chunk ? left : (uint32_t)sizeof chunk;
            if (!read_application(device, flash, offset, chunk, part)) {
                return false;
            }
            for (uint32_t i = 0; i < part / 4; i++) {
                checksum ^= chunk[i];
            }
            offset += part;
            left -= part;
        }
    }
    uint8_t stored;
    if (!read_application(device, flash, offset | 15u, &stored, 1)) {
        return false;
    }
    checksum ^= checksum >> 16;
    checksum ^= checksum >> 8;
    return stored == ((checksum ^ 0xefu) & 0xffu);
}

/// What a reset led to: another reset (the installer's, or the loader's after it could start nothing), or the
/// application.
enum next { NEXT_RESET, NEXT_APPLICATION };

/// The installer: returns whether it did something, after which it resets.
static bool run_installer(struct sim_device *device, const struct oneslot_flash *flash, bool broken) {
    static const struct oneslot_install_port port;
    struct oneslot_install *install = calloc(1, sizeof *install);
    if (!install) {
        abort();
    }
    jmp_buf here;
    jmp_buf *outer = device->nor.power;
    /* A cut passes through here, so that the memory is given back. */
    device->nor.power = &here;
    if (setjmp(here) != 0) {
        free(install);
        device->nor.power = outer;
        longjmp(*outer, 1);
    }
    install->chip = &oneslot_esp8266;
    install->flash = flash;
    install->port = &port;
    install->application_broken = broken;
    install->take_package = oneslot_install_package;
    device->installs++;
    enum oneslot_error result = oneslot_install_run(install);
    device->last = result;
    device->nor.power = outer;
    // As device/esp8266/installer.c: a refusal goes on to the application without a reset.
    bool reset = result == ONESLOT_ERROR_NONE || install->record.state == ONESLOT_STATE_INSTALLING;
    free(install);
    return reset;
}

/// One reset, as device/esp8266/loader.c does it.
static enum next boot_once(struct sim_device *device, const struct oneslot_flash *flash) {
    struct oneslot_journal journal = {flash, device->layout.journal};
    struct oneslot_record record;
    uint32_t slot = 0;
    uint32_t used = 0;
    bool whole = is_whole(device, flash);
    bool watch = (device->layout.flags & ONESLOT_LAYOUT_WATCH) != 0;
    device->boots++;
    enum oneslot_error error = oneslot_journal_load(&journal, &record, &slot);
    if (error == ONESLOT_ERROR_NONE && record.state == ONESLOT_STATE_TRIAL) {
        error = oneslot_journal_trial_used(&journal, slot, &used);
    }
    if (error != ONESLOT_ERROR_NONE && error != ONESLOT_ERROR_JOURNAL_EMPTY) {
        return NEXT_RESET;
    }
    switch (oneslot_boot_decide(&record, used, watch, whole)) {
    case ONESLOT_BOOT_TRIAL:
        (void)oneslot_journal_trial_count(&journal, slot);
        return NEXT_APPLICATION;
    case ONESLOT_BOOT_INSTALLER:
        if (run_installer(device, flash, !whole)) {
            return NEXT_RESET;
        }
        return record.state != ONESLOT_STATE_INSTALLING && is_whole(device, flash) ? NEXT_APPLICATION : NEXT_RESET;
    default:
        return NEXT_APPLICATION;
    }
}

static bool has_planned(const struct sim_device *device, enum nor_fault_kind kind) {
    for (uint32_t i = 0; i < device->nor.faults; i++) {
        if (device->nor.fault[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static enum sim_stop boot_until_started(struct sim_device *device) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    while (device->resets_left-- > 0) {
        enum next next = boot_once(device, &flash);
        if (next == NEXT_APPLICATION) {
            enum sim_runs runs = sim_runs(device);
            device->bad_starts += runs != SIM_RUNS_OLD && runs != SIM_RUNS_NEW;
            return SIM_APPLICATION;
        }
    }
    return SIM_STUCK;
}

/// Runs one of the device's programs with the power in danger.
static enum sim_stop powered(struct sim_device *device, enum sim_stop (*program)(struct sim_device *device)) {
    jmp_buf power;
    enum sim_stop stop;
    device->nor.power = &power;
    device->nor.power_ups++;
    device->nor.budget = BUDGET;
    device->resets_left = RESETS_MAX;
    if (setjmp(power) == 0) {
        stop = program(device);
    } else {
        stop = device->nor.exhausted ? SIM_HUNG : SIM_CUT;
    }
    device->nor.power = NULL;
    device->nor.budget = 0;
    if (has_planned(device, NOR_FAULT_CUT)) {
        device->nor.faults = 0;
    }
    return stop;
}

enum sim_stop sim_power_on(struct sim_device *device) {
    return powered(device, boot_until_started);
}

/* The application. */

struct asked {
    const char *path;
    const uint8_t *sha256;
};
static struct asked asked; /* one request at a time */

static enum sim_stop ask(struct sim_device *device) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    struct oneslot_options options = {.sha256 = asked.sha256};
    struct oneslot oneslot;
    device->last = oneslot_open(&oneslot, &flash);
    if (device->last == ONESLOT_ERROR_NONE) {
        device->last = oneslot_request(&oneslot, asked.path, &options);
    }
    return SIM_APPLICATION;
}

enum sim_stop sim_request(struct sim_device *device, const char *path, const uint8_t *sha256) {
    asked.path = path;
    asked.sha256 = sha256;
    return powered(device, ask);
}

/* What is there. */

static bool holds(const struct sim_device *device, const struct sim_firmware *firmware) {
    uint8_t first[ONESLOT_SECTOR_SIZE];
    uint32_t size = firmware->size;
    uint32_t head = size < ONESLOT_SECTOR_SIZE ? size : ONESLOT_SECTOR_SIZE;
    memcpy(first, firmware->bytes, head);
    nor_peek(&device->nor, 2, first + 2, 2);
    return nor_equal(&device->nor, device->layout.displaced, first, head) &&
           nor_equal(&device->nor, head, firmware->bytes + head, size - head);
}

static bool is_weak(const struct sim_device *device, const struct sim_firmware *firmware) {
    uint32_t size = firmware->size;
    uint32_t head = size < ONESLOT_SECTOR_SIZE ? size : ONESLOT_SECTOR_SIZE;
    return nor_weak(&device->nor, device->layout.displaced, head) || nor_weak(&device->nor, head, size - head);
}

enum sim_runs sim_runs(const struct sim_device *device) {
    if (holds(device, &device->new_firmware)) {
        return is_weak(device, &device->new_firmware) ? SIM_RUNS_WEAK : SIM_RUNS_NEW;
    }
    if (holds(device, &device->old_firmware)) {
        return is_weak(device, &device->old_firmware) ? SIM_RUNS_WEAK : SIM_RUNS_OLD;
    }
    return SIM_RUNS_NEITHER;
}

bool sim_untouched(const struct sim_device *device, uint32_t *address) {
    for (uint32_t i = 0; i < device->nor.sectors; i++) {
        const struct nor_sector *now = device->nor.sector[i];
        const struct nor_sector *then = device->provisioned->sector[i];
        if (device->writable[i] || now == then) {
            continue;
        }
        if (now->weak || memcmp(now->data, then->data, ONESLOT_SECTOR_SIZE) != 0) {
            *address = i * ONESLOT_SECTOR_SIZE;
            return false;
        }
    }
    return true;
}

enum oneslot_error sim_journal(struct sim_device *device, struct oneslot_record *record) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    struct oneslot_journal journal = {&flash, device->layout.journal};
    return oneslot_journal_load(&journal, record, NULL);
}

const char *sim_stop_text(enum sim_stop stop) {
    static const char *const text[] = {"application started", "power cut", "nothing can be started", "hung"};
    return text[stop];
}

const char *sim_runs_text(enum sim_runs runs) {
    static const char *const text[] = {"old firmware", "new firmware", "neither firmware", "firmware with weak cells"};
    return text[runs];
}
