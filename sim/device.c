#include "sim/device.h"

#include <stdlib.h>
#include <string.h>

#include "oneslot/boot.h"
#include "oneslot/handover.h"
#include "oneslot/install_package.h"
#include "oneslot/otadata.h"
#include "oneslot/self_update.h"
#include "sim/bootloader.h"

/// Resets in a row without an application before the device counts as stuck.
#define RESETS_MAX 12u
/// Flash accesses of one power-on; an upgrade of a full megabyte takes some 20 000.
#define BUDGET 4000000u

#define IMAGE_MAGIC  0xe9u
#define SEGMENTS_MAX 16u

static void mark_writable(uint8_t *writable, uint32_t address, uint32_t size) {
    for (uint32_t at = address; at < address + size; at += ONESLOT_SECTOR_SIZE) {
        writable[at / ONESLOT_SECTOR_SIZE] = 1;
    }
}

/// Who may write what.
static void mark_all(struct sim_device *device) {
    const struct oneslot_layout *layout = &device->layout;
    const uint32_t pair = 2u * ONESLOT_SECTOR_SIZE;
    uint32_t start = layout->application == 0 ? ONESLOT_SECTOR_SIZE : layout->application;
    mark_writable(device->writable, start, layout->firmware - start);
    mark_writable(device->writable, layout->journal, pair);
    mark_writable(device->application_writable, layout->journal, pair);
    if (device->vendor) {
        mark_writable(device->writable, layout->otadata, pair);
        mark_writable(device->application_writable, layout->otadata, pair);
        mark_writable(device->loader_writable, layout->otadata, pair);
    } else {
        mark_writable(device->writable, layout->displaced, ONESLOT_SECTOR_SIZE);
    }
    mark_writable(device->application_writable, device->fs_start, device->fs_size);
}

/// Where the file system lies that applications write.
static void find_file_system(struct sim_device *device, const uint8_t *flash) {
    struct oneslot_map map;
    if (oneslot_map_parse(&map, flash + device->layout.map, ONESLOT_MAP_BYTES, device->nor.size) !=
        ONESLOT_ERROR_NONE) {
        return;
    }
    const struct oneslot_partition *fs = oneslot_map_file_system(&map);
    device->fs_start = fs ? fs->address : 0;
    device->fs_size = fs ? fs->size : 0;
}

/// How many firmwares are remembered below.
#define MET_MAX 8u

/// What the boot loader says of the applications where they lie byte for byte as they should; found out once in a
/// process.
static struct {
    bool known;
    bool takes;
} met[MET_MAX];

enum oneslot_error sim_device_create(struct sim_device *device, const struct oneslot_chip *chip, const uint8_t *flash,
                                     uint32_t size, uint64_t seed) {
    _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    memset(device, 0, sizeof *device);
    memset(met, 0, sizeof met);
    nor_create(&device->nor, size, seed);
    nor_load(&device->nor, 0, flash, size);
    device->chip = chip ? *chip : oneslot_esp8266;
    device->vendor = chip != NULL;
    device->rollback = true;
    struct oneslot_flash port = nor_flash(&device->nor);
    enum oneslot_error error = device->chip.read_layout(&port, &device->layout, working);
    device->writable = calloc(3, device->nor.sectors);
    if (error == ONESLOT_ERROR_NONE && !device->writable) {
        error = ONESLOT_ERROR_ARGUMENT;
    }
    if (error != ONESLOT_ERROR_NONE) {
        sim_device_destroy(device);
        return error;
    }
    device->application_writable = device->writable + device->nor.sectors;
    device->loader_writable = device->application_writable + device->nor.sectors;
    const struct oneslot_layout *layout = &device->layout;
    find_file_system(device, flash);
    mark_all(device);
    device->nor.writable = device->writable;
    device->nor.marks_start = layout->journal;
    device->nor.marks_end = layout->journal + ONESLOT_JOURNAL_SECTORS * ONESLOT_SECTOR_SIZE;
    nor_count_from_zero(&device->nor);
    return ONESLOT_ERROR_NONE;
}

void sim_device_installers(struct sim_device *device, struct sim_firmware old_installer,
                           struct sim_firmware new_installer) {
    device->old_installer = old_installer;
    device->new_installer = new_installer;
    mark_writable(device->writable, device->layout.installer, ONESLOT_INSTALLER_SIZE);
    if (device->layout.second != 0) {
        mark_writable(device->writable, device->layout.second, ONESLOT_INSTALLER_SIZE);
    }
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

static bool within(uint32_t address, uint32_t length, uint32_t start, uint32_t end) {
    return address >= start && address <= end && length <= end - address;
}

/// Where the loader puts a segment: memory that is neither its own nor its stack (device/esp8266/memory.h).
static bool is_loadable(uint32_t address, uint32_t length) {
    return (address | length) % 4 == 0 &&
           (within(address, length, 0x3ffe8000u, 0x3fffeb30u) || within(address, length, 0x40100000u, 0x4010e000u) ||
            within(address, length, 0x4010f000u, 0x40110000u));
}

/// Whether the application passes the boot ROM's checksum, XOR of all segment bytes with 0xef, and can be loaded.
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
        if (!is_loadable(word[0], word[1]) || offset + word[1] > device->layout.firmware) {
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

/// The installer's memory, given back when a cut passes through.
static struct oneslot_install *create_installer(struct sim_device *device, const struct oneslot_flash *flash) {
    static const struct oneslot_install_port port;
    struct oneslot_install *install = calloc(1, sizeof *install);
    if (!install) {
        abort();
    }
    install->chip = &device->chip;
    install->flash = flash;
    install->port = &port;
    install->take_package = oneslot_install_package;
    device->installs++;
    return install;
}

/// Runs the installer that lies at `running`: returns whether a reset follows.
static bool run_installer(struct sim_device *device, const struct oneslot_flash *flash, uint32_t running,
                          bool (*run)(struct sim_device *device, struct oneslot_install *install)) {
    struct oneslot_install *install = create_installer(device, flash);
    if (device->old_installer.bytes) {
        install->self_update = &oneslot_self_update_in_flash;
        install->running = running;
    }
    jmp_buf here;
    jmp_buf *outer = device->nor.power;
    device->nor.power = &here;
    if (setjmp(here) != 0) {
        free(install);
        device->nor.power = outer;
        longjmp(*outer, 1);
    }
    bool reset = run(device, install);
    device->nor.power = outer;
    free(install);
    return reset;
}

/// As device/esp8266/installer.c: a refusal goes on to the application without a reset.
static bool install(struct sim_device *device, struct oneslot_install *install) {
    device->last = oneslot_install_run(install);
    device->proven = install->proven;
    bool stuck =
        device->last != ONESLOT_ERROR_NONE && !install->proven && install->record.state == ONESLOT_STATE_INSTALLING;
    if (stuck) {
        (void)oneslot_install_wait(install);
    }
    return device->last == ONESLOT_ERROR_NONE || stuck;
}

static bool install_broken(struct sim_device *device, struct oneslot_install *memory) {
    memory->application_broken = true;
    return install(device, memory);
}

/// Which installer the loader reads there, NULL for none: weak cells may show one thing now and another later.
static const struct sim_firmware *read_installer(const struct sim_device *device, const struct oneslot_flash *flash,
                                                 uint32_t address) {
    const struct sim_firmware *const known[] = {&device->old_installer, &device->new_installer};
    uint8_t bytes[ONESLOT_PAGE_SIZE];
    bool equal[2] = {address != 0, address != 0};
    for (uint32_t offset = 0; offset < ONESLOT_INSTALLER_SIZE && (equal[0] || equal[1]); offset += sizeof bytes) {
        if (oneslot_flash_read(flash, address + offset, bytes, sizeof bytes) != ONESLOT_ERROR_NONE) {
            return NULL;
        }
        for (uint32_t i = 0; i < 2; i++) {
            uint32_t rest = offset < known[i]->size ? known[i]->size - offset : 0;
            equal[i] = equal[i] && (rest == 0 || memcmp(bytes, known[i]->bytes + offset,
                                                        rest < sizeof bytes ? rest : sizeof bytes) == 0);
        }
    }
    return equal[0] ? known[0] : equal[1] ? known[1] : NULL;
}

/// Enters the installer that is to be entered, or any other that is whole. Returns whether a reset follows.
static bool enter_installer(struct sim_device *device, const struct oneslot_flash *flash, uint32_t slot,
                            const struct oneslot_record *record,
                            bool (*run)(struct sim_device *device, struct oneslot_install *install)) {
    const struct oneslot_journal journal = {flash, device->layout.journal};
    uint32_t places[ONESLOT_BOOT_PLACES];
    if (!device->old_installer.bytes) {
        return run_installer(device, flash, 0, run);
    }
    oneslot_boot_installers(&journal, record, slot, &device->layout, places);
    for (uint32_t i = 0; i < ONESLOT_BOOT_PLACES; i++) {
        const struct sim_firmware *there = read_installer(device, flash, places[i]);
        if (there) {
            bool dead = there == &device->new_installer && device->new_installer_dead;
            return dead || run_installer(device, flash, places[i], run);
        }
    }
    device->lost_installers++;
    return false;
}

/// One reset, as device/esp8266/loader.c does it.
static enum next boot_once(struct sim_device *device, const struct oneslot_flash *flash) {
    struct oneslot_journal journal = {flash, device->layout.journal};
    struct oneslot_record record;
    uint32_t slot = ONESLOT_SLOTS;
    uint32_t used = 0;
    bool refused = device->new_refused && sim_runs(device) == SIM_RUNS_NEW;
    bool whole = !refused && (is_whole(device, flash) || is_whole(device, flash));
    bool settled;
    bool watch = (device->layout.flags & ONESLOT_LAYOUT_WATCH) != 0;
    device->boots++;
    device->proven = false;
    enum oneslot_error error = oneslot_journal_look(&journal, &record, &slot, &settled);
    if (error == ONESLOT_ERROR_NONE && record.state == ONESLOT_STATE_TRIAL) {
        error = oneslot_journal_trial_used(&journal, slot, &used);
    }
    if (error != ONESLOT_ERROR_NONE && error != ONESLOT_ERROR_JOURNAL_EMPTY) {
        return NEXT_RESET;
    }
    switch (oneslot_boot_decide(&record, used, watch, whole, settled)) {
    case ONESLOT_BOOT_TRIAL:
        (void)oneslot_journal_trial_count(&journal, slot);
        return NEXT_APPLICATION;
    case ONESLOT_BOOT_INSTALLER:
        if (enter_installer(device, flash, slot, &record, whole ? install : install_broken)) {
            return NEXT_RESET;
        }
        refused = device->new_refused && sim_runs(device) == SIM_RUNS_NEW;
        if ((record.state != ONESLOT_STATE_INSTALLING || device->proven) && !refused && is_whole(device, flash)) {
            return NEXT_APPLICATION;
        }
        (void)oneslot_journal_count(&journal, slot, ONESLOT_COUNTER_WAITS);
        return NEXT_RESET;
    default:
        return NEXT_APPLICATION;
    }
}

/* What is there. */

static bool holds(const struct sim_device *device, const struct sim_firmware *firmware) {
    uint8_t first[ONESLOT_SECTOR_SIZE];
    uint32_t size = firmware->size;
    uint32_t head = size < ONESLOT_SECTOR_SIZE ? size : ONESLOT_SECTOR_SIZE;
    if (device->vendor) {
        return nor_equal(&device->nor, device->layout.application, firmware->bytes, size);
    }
    memcpy(first, firmware->bytes, head);
    nor_peek(&device->nor, 2, first + 2, 2);
    return nor_equal(&device->nor, device->layout.displaced, first, head) &&
           nor_equal(&device->nor, head, firmware->bytes + head, size - head);
}

static bool is_weak(const struct sim_device *device, const struct sim_firmware *firmware) {
    uint32_t size = firmware->size;
    uint32_t head = size < ONESLOT_SECTOR_SIZE ? size : ONESLOT_SECTOR_SIZE;
    if (device->vendor) {
        return nor_weak(&device->nor, device->layout.application, size);
    }
    return nor_weak(&device->nor, device->layout.displaced, head) || nor_weak(&device->nor, head, size - head);
}

static const struct sim_firmware *firmware_at(const struct sim_device *device, uint32_t number) {
    return number == 0 ? &device->old_firmware : number == 1 ? &device->new_firmware : &device->others[number - 2u];
}

uint32_t sim_firmware_number(const struct sim_device *device, bool *weak) {
    /* The new one first: it may begin as an old one of which it is a part. */
    for (uint32_t i = 0; i < 2u + device->other_count; i++) {
        uint32_t number = i < 2 ? 1u - i : i;
        const struct sim_firmware *firmware = firmware_at(device, number);
        if (holds(device, firmware)) {
            if (weak) {
                *weak = is_weak(device, firmware);
            }
            return number;
        }
    }
    return SIM_NO_FIRMWARE;
}

enum sim_runs sim_runs(const struct sim_device *device) {
    bool weak = false;
    uint32_t number = sim_firmware_number(device, &weak);
    if (number == SIM_NO_FIRMWARE) {
        return SIM_RUNS_NEITHER;
    }
    return weak ? SIM_RUNS_WEAK : number == 0 ? SIM_RUNS_OLD : number == 1 ? SIM_RUNS_NEW : SIM_RUNS_OTHER;
}

/* The same under ESP-IDF's boot loader. */

static bool hand_over(struct sim_device *device, struct oneslot_install *install) {
    (void)oneslot_handover(install, &device->last);
    return true;
}

/// ESP-IDF's esp_ota_mark_app_valid_cancel_rollback(): the entry that counts is written anew as VALID.
static void confirm_as_vendor(struct sim_device *device, const struct oneslot_flash *flash) {
    struct oneslot_otadata entry;
    for (uint32_t sector = 0; sector < ONESLOT_OTADATA_SECTORS; sector++) {
        uint32_t address = device->layout.otadata + sector * ONESLOT_SECTOR_SIZE;
        if (flash->read(flash->context, address, &entry, sizeof entry) == 0 && entry.sequence != 0xffffffffu &&
            entry.state == (device->rollback ? ONESLOT_OTA_PENDING_VERIFY : ONESLOT_OTA_NEW)) {
            entry.state = ONESLOT_OTA_VALID;
            (void)flash->erase_sector(flash->context, address);
            (void)flash->program(flash->context, address, &entry, sizeof entry);
        }
    }
}

enum oneslot_error sim_open(const struct sim_device *device, struct oneslot *oneslot,
                            const struct oneslot_flash *flash) {
    _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    return device->vendor ? oneslot_open_table(oneslot, flash, working) : oneslot_open(oneslot, flash);
}

void sim_confirm(struct sim_device *device, const struct oneslot_flash *flash) {
    struct oneslot oneslot;
    if (device->confirm == SIM_CONFIRM_NOT || sim_open(device, &oneslot, flash) != ONESLOT_ERROR_NONE ||
        oneslot.record.state != ONESLOT_STATE_TRIAL) {
        return;
    }
    if (device->confirm != SIM_CONFIRM_VENDOR) {
        (void)oneslot_confirm(&oneslot);
    }
    if (device->vendor && device->confirm != SIM_CONFIRM_ONESLOT) {
        confirm_as_vendor(device, flash);
    }
}

/// A flash that holds an application from address 0 on and is erased behind it.
static int read_firmware(void *context, uint32_t address, void *buffer, uint32_t length) {
    const struct sim_firmware *firmware = context;
    uint32_t held = address < firmware->size ? firmware->size - address : 0;
    memset(buffer, 0xff, length);
    memcpy(buffer, firmware->bytes + (held > 0 ? address : 0), held < length ? held : length);
    return 0;
}

static bool is_met(void *context, uint32_t address, bool *takes) {
    struct sim_device *device = context;
    bool weak = false;
    uint32_t runs = address == device->layout.application ? sim_firmware_number(device, &weak) : SIM_NO_FIRMWARE;
    if (runs == 1 && device->new_refused) {
        *takes = false;
        return true;
    }
    if (runs >= MET_MAX || weak) {
        return false;
    }
    if (!met[runs].known) {
        struct sim_firmware firmware = *firmware_at(device, runs);
        const struct oneslot_flash flash = {.context = &firmware, .size = device->nor.size, .read = read_firmware};
        const struct bootloader bootloader = {
            .flash = &flash, .chip = device->chip.number, .revision = device->chip.limits.revision};
        struct bootloader_image image;
        met[runs].known = true;
        met[runs].takes = bootloader_takes(&bootloader, 0, device->layout.firmware - address, &image);
    }
    *takes = met[runs].takes;
    return true;
}

/// The application is started. Returns whether it resets the device.
static bool start_application(struct sim_device *device, const struct oneslot_flash *flash) {
    enum sim_runs runs = sim_runs(device);
    bool resets = false;
    device->bad_starts += runs == SIM_RUNS_NEITHER || runs == SIM_RUNS_WEAK;
    device->nor.writable = device->application_writable;
    if (device->application) {
        resets = device->application(device, flash);
    } else {
        sim_confirm(device, flash);
    }
    device->nor.writable = device->writable;
    return resets;
}

/// One reset under ESP-IDF's boot loader.
static enum next boot_vendor(struct sim_device *device, const struct oneslot_flash *flash) {
    const struct bootloader bootloader = {.flash = flash,
                                          .chip = device->chip.number,
                                          .revision = device->chip.limits.revision,
                                          .rollback = device->rollback,
                                          .known = is_met,
                                          .context = device};
    struct bootloader_image image;
    device->boots++;
    device->nor.writable = device->loader_writable;
    int started = bootloader_start(&bootloader, &image);
    device->nor.writable = device->writable;
    if (started == 0) {
        return NEXT_APPLICATION;
    }
    if (started == BOOTLOADER_FACTORY) {
        (void)run_installer(device, flash, 0, hand_over);
    }
    return NEXT_RESET;
}

static bool has_planned(const struct sim_device *device, enum nor_fault_kind kind) {
    for (uint32_t i = 0; i < device->nor.faults; i++) {
        if (device->nor.fault[i].kind == kind) {
            return true;
        }
    }
    return false;
}

static enum next boot(struct sim_device *device, const struct oneslot_flash *flash) {
    return device->vendor ? boot_vendor(device, flash) : boot_once(device, flash);
}

static enum sim_stop boot_until_started(struct sim_device *device, void *context) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    (void)context;
    while (device->resets_left-- > 0) {
        if (boot(device, &flash) == NEXT_APPLICATION && !start_application(device, &flash)) {
            return SIM_APPLICATION;
        }
    }
    return SIM_STUCK;
}

static enum sim_stop reset_often(struct sim_device *device, void *context) {
    struct oneslot_flash flash = nor_flash(&device->nor);
    bool started = false;
    (void)context;
    while (device->resets_left-- > 0) {
        device->rests = boot(device, &flash) == NEXT_APPLICATION && !start_application(device, &flash);
        started = started || device->rests;
    }
    return started ? SIM_APPLICATION : SIM_STUCK;
}

/// Runs one of the device's programs with the power in danger.
static enum sim_stop powered(struct sim_device *device, uint32_t resets,
                             enum sim_stop (*program)(struct sim_device *device, void *context), void *context) {
    jmp_buf power;
    enum sim_stop stop;
    device->nor.power = &power;
    device->nor.writable = device->writable;
    device->nor.power_ups++;
    device->nor.budget = (uint64_t)BUDGET * (1u + resets / RESETS_MAX);
    device->resets_left = resets;
    if (setjmp(power) == 0) {
        stop = program(device, context);
    } else {
        stop = device->nor.exhausted ? SIM_HUNG : SIM_CUT;
    }
    device->nor.power = NULL;
    device->nor.writable = device->writable;
    device->nor.budget = 0;
    if (has_planned(device, NOR_FAULT_CUT)) {
        device->nor.faults = 0;
    }
    return stop;
}

enum sim_stop sim_power_on(struct sim_device *device) {
    return powered(device, RESETS_MAX, boot_until_started, NULL);
}

enum sim_stop sim_resets(struct sim_device *device, uint32_t count) {
    return powered(device, count, reset_often, NULL);
}

bool sim_application_whole(const struct sim_device *device) {
    struct sim_device copy;
    sim_device_fork(&copy, device);
    struct oneslot_flash flash = nor_flash(&copy.nor);
    struct bootloader_image image;
    const struct bootloader bootloader = {
        .flash = &flash, .chip = copy.chip.number, .revision = copy.chip.limits.revision, .rollback = copy.rollback};
    uint32_t start = copy.layout.application;
    bool whole = copy.vendor ? bootloader_takes(&bootloader, start, copy.layout.firmware - start, &image)
                             : is_whole(&copy, &flash);
    sim_device_discard(&copy);
    return whole;
}

/* The application. */

/// What a person wants.
struct wish {
    sim_deed *deed;
    void *context;
};

static enum sim_stop act(struct sim_device *device, void *context) {
    const struct wish *wish = context;
    struct oneslot_flash flash = nor_flash(&device->nor);
    device->nor.writable = device->application_writable;
    wish->deed(device, &flash, wish->context);
    return SIM_APPLICATION;
}

enum sim_stop sim_act(struct sim_device *device, sim_deed *deed, void *context) {
    struct wish wish = {deed, context};
    nor_deed(&device->nor);
    return powered(device, 1, act, &wish);
}

struct asked {
    const char *path;
    const struct oneslot_options *options;
};

static void ask(struct sim_device *device, const struct oneslot_flash *flash, void *context) {
    const struct asked *asked = context;
    struct oneslot oneslot;
    device->last = sim_open(device, &oneslot, flash);
    if (device->last == ONESLOT_ERROR_NONE) {
        device->last = oneslot_request(&oneslot, asked->path, asked->options);
    }
}

enum sim_stop sim_request_with(struct sim_device *device, const char *path, const struct oneslot_options *options) {
    struct asked asked = {path, options};
    return sim_act(device, ask, &asked);
}

enum sim_stop sim_request(struct sim_device *device, const char *path, const uint8_t *sha256) {
    const struct oneslot_options options = {.sha256 = sha256};
    return sim_request_with(device, path, &options);
}

bool sim_installer_at(const struct sim_device *device, uint32_t address, const struct sim_firmware *installer) {
    return nor_equal(&device->nor, address, installer->bytes, installer->size) &&
           !nor_weak(&device->nor, address, installer->size);
}

bool sim_untouched(const struct sim_device *device, uint32_t *address) {
    for (uint32_t i = 0; i < device->nor.sectors; i++) {
        const struct nor_sector *now = device->nor.sector[i];
        const struct nor_sector *then = device->provisioned->sector[i];
        uint32_t at = i * ONESLOT_SECTOR_SIZE;
        bool file = at >= device->fs_start && at - device->fs_start < device->fs_size;
        if (device->writable[i] || now == then || (file && device->files_changed)) {
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
    static const char *const text[] = {"old firmware", "new firmware", "neither firmware", "firmware with weak cells",
                                       "another firmware"};
    return text[runs];
}
