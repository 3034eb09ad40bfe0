/*
 * Fuzz target: the journal. The first bytes say after how many flash operations the power goes, how, and which slots
 * have their checksum made right; then both sectors in pieces. What is read is just what a scan of all slots gives;
 * whatever lay there, what is written is read back, and a cut leaves either the record before or the new one.
 */
#include <string.h>

#include "host/ram_flash.h"
#include "oneslot/journal.h"
#include "tests/fuzz/input.h"

#define SECTOR     ONESLOT_SECTOR_SIZE
#define AREA       (2 * SECTOR)
#define CHIP_SIZE  (4 * SECTOR)
#define APPENDS    5u /* over the border of a sector, wherever they begin */
#define NOTHING    0xffffffffu
#define GUARD_BYTE 0xa5

/// A sector before the journal and one behind it are nobody's business.
static uint8_t chip[CHIP_SIZE];
static uint8_t kept[CHIP_SIZE];
static struct oneslot_flash ram;
static uint32_t operations_left;
static uint32_t tear;

/* A chip whose power goes */

/// Whether the next operation happens whole.
static bool has_power(void) {
    if (operations_left == NOTHING) {
        return true;
    }
    return operations_left > 0 && --operations_left > 0;
}

/// One that the power fails in: some of its bits. Later ones do not happen at all.
static uint8_t torn_bits(void) {
    tear = tear * 1664525u + 1013904223u;
    return (uint8_t)(tear >> 24);
}

static int chip_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    return operations_left == 0 ? 1 : ram.read(context, address, buffer, length);
}

static int chip_program(void *context, uint32_t address, const void *data, uint32_t length) {
    const uint8_t *from = data;
    if (operations_left == 0) {
        return 1;
    }
    if (has_power()) {
        return ram.program(context, address, data, length);
    }
    for (uint32_t i = 0; i < length; i++) {
        chip[address + i] &= from[i] | torn_bits();
    }
    return 1;
}

static int chip_erase(void *context, uint32_t address) {
    if (operations_left == 0) {
        return 1;
    }
    if (has_power()) {
        return ram.erase_sector(context, address);
    }
    for (uint32_t i = 0; i < SECTOR; i++) {
        chip[address + i] |= torn_bits();
    }
    return 1;
}

static struct oneslot_flash flash;
static const struct oneslot_journal journal = {.flash = &flash, .address = SECTOR};

static void init(void) {
    ram_flash_init(&ram, chip, CHIP_SIZE);
    flash = ram;
    flash.read = chip_read;
    flash.program = chip_program;
    flash.erase_sector = chip_erase;
}

/* What must come out */

/// What each single bit of a record makes of its CRC-32: found by trying it.
static uint32_t made_by[8 * sizeof(struct oneslot_record)];

static void try_bits(void) {
    static uint8_t record[sizeof(struct oneslot_record)];
    static bool tried;
    uint32_t none = oneslot_crc32(0, record, sizeof record - 4);
    for (uint32_t bit = 0; !tried && bit < 8 * sizeof record; bit++) {
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
        uint32_t kept_sum;
        memcpy(&kept_sum, record + sizeof record - 4, 4);
        made_by[bit] = oneslot_crc32(0, record, sizeof record - 4) ^ none ^ kept_sum;
        record[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    tried = true;
}

static uint32_t ones(const uint8_t *bytes, uint32_t length) {
    uint32_t count = 0;
    for (uint32_t bit = 0; bit < 8 * length; bit++) {
        count += bytes[bit / 8] >> bit % 8 & 1u;
    }
    return count;
}

static bool slot_holds(uint32_t slot, struct oneslot_record *record, bool *sealed) {
    const uint8_t *bytes = chip + oneslot_slot_address(SECTOR, slot);
    memcpy(record, bytes, sizeof *record);
    *sealed = ones(bytes + ONESLOT_SEAL_OFFSET, ONESLOT_SEAL_SIZE) < 4 * ONESLOT_SEAL_SIZE;
    if (record->magic == 0 || record->magic == NOTHING) {
        return false;
    }
    uint32_t difference = record->crc ^ oneslot_crc32(0, record, sizeof *record - 4);
    for (uint32_t bit = 0; difference != 0; bit++) {
        if (bit == 8 * sizeof *record) {
            return false;
        }
        if (made_by[bit] == difference) {
            ((uint8_t *)record)[bit / 8] ^= (uint8_t)(1u << bit % 8);
            break;
        }
    }
    return record->magic == ONESLOT_RECORD_MAGIC && record->version == ONESLOT_RECORD_VERSION;
}

/// The newest sealed record, by looking at every slot; `most` receives the highest number of any. NOTHING if none.
static uint32_t scan(struct oneslot_record *newest, uint32_t *most) {
    uint32_t found = NOTHING;
    memset(newest, 0, sizeof *newest);
    *most = 0;
    for (uint32_t slot = 0; slot < ONESLOT_SLOTS; slot++) {
        struct oneslot_record record;
        bool sealed;
        if (!slot_holds(slot, &record, &sealed)) {
            continue;
        }
        *most = record.sequence > *most ? record.sequence : *most;
        if (sealed && (found == NOTHING || record.sequence > newest->sequence)) {
            *newest = record;
            found = slot;
        }
    }
    return found;
}

/// Loads, and compares with the scan.
static uint32_t load(struct oneslot_record *record) {
    struct oneslot_record expected;
    uint32_t most;
    uint32_t slot = NOTHING;
    const uint32_t expected_slot = scan(&expected, &most);
    enum oneslot_error error = oneslot_journal_load(&journal, record, &slot);
    DEMAND(error == (expected_slot == NOTHING ? ONESLOT_ERROR_JOURNAL_EMPTY : ONESLOT_ERROR_NONE));
    DEMAND(slot == expected_slot);
    DEMAND(memcmp(record, &expected, sizeof expected) == 0);
    return slot;
}

static void check_marks(uint32_t slot, bool fresh) {
    uint32_t before = 0;
    uint32_t after = 0;
    uint32_t used = 0;
    DEMAND(oneslot_journal_marks(&journal, slot, &before) == ONESLOT_ERROR_NONE);
    DEMAND(before >> ONESLOT_MARKS == 0 && (!fresh || before == 0));
    DEMAND(oneslot_journal_trial_used(&journal, slot, &used) == ONESLOT_ERROR_NONE);
    DEMAND(used <= ONESLOT_TRIAL_MAX && (!fresh || used == 0));
    for (uint32_t i = 0; i < ONESLOT_MARKS; i += 5) {
        DEMAND(oneslot_journal_mark(&journal, slot, i) == ONESLOT_ERROR_NONE);
        DEMAND(oneslot_journal_marks(&journal, slot, &after) == ONESLOT_ERROR_NONE);
        DEMAND((after & ~(before | 1u << i)) == 0 && (!fresh || after == (before | 1u << i)));
        before = after;
    }
}

static void check_trial(uint32_t slot, bool fresh) {
    uint32_t before = 0;
    DEMAND(oneslot_journal_trial_used(&journal, slot, &before) == ONESLOT_ERROR_NONE);
    for (uint32_t i = 0; i <= ONESLOT_TRIAL_MAX; i++) {
        uint32_t after = 0;
        DEMAND(oneslot_journal_trial_count(&journal, slot) == ONESLOT_ERROR_NONE);
        DEMAND(oneslot_journal_trial_used(&journal, slot, &after) == ONESLOT_ERROR_NONE);
        DEMAND(after > before || before == ONESLOT_TRIAL_MAX);
        DEMAND(!fresh || after == (before < ONESLOT_TRIAL_MAX ? before + 1 : before));
        before = after;
    }
    DEMAND(before == ONESLOT_TRIAL_MAX);
}

static void make_record(struct oneslot_record *record, uint32_t seed) {
    memset(record, 0, sizeof *record);
    record->state = (uint8_t)(seed % 6);
    record->size = seed * 2654435761u;
    memset(record->path, 'a' + (int)(seed % 26), sizeof record->path);
    memset(record->plan, (int)(seed * 37), sizeof record->plan);
}

/// The power goes while a record is appended: then the one before or the new one is there, the latter if it was said
/// to be.
static void check_cut(uint32_t operations) {
    struct oneslot_record before;
    struct oneslot_record given;
    struct oneslot_record after;
    load(&before);
    make_record(&given, operations);
    operations_left = operations;
    enum oneslot_error error = oneslot_journal_append(&journal, &given, NULL);
    operations_left = NOTHING;
    load(&after);
    const bool is_new = memcmp(&after, &given, sizeof after) == 0;
    DEMAND(is_new || (error != ONESLOT_ERROR_NONE && memcmp(&after, &before, sizeof after) == 0));
}

/// Appends, and reads back. The numbers rise, but after the last one. `before` becomes what was appended.
static void check_append(struct oneslot_record *before, uint32_t seed, bool last) {
    struct oneslot_record given;
    struct oneslot_record after;
    uint32_t slot = NOTHING;
    make_record(&given, seed);
    DEMAND(oneslot_journal_append(&journal, &given, &slot) == ONESLOT_ERROR_NONE);
    DEMAND(load(&after) == slot && memcmp(&after, &given, sizeof after) == 0);
    DEMAND(after.sequence > before->sequence || before->sequence == UINT32_MAX || last);
    if (seed % 2 == 0) {
        check_marks(slot, true);
    }
    *before = after;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct input input = {.bytes = data, .left = size};
    struct oneslot_record record;
    const uint32_t operations = input_number(&input, 1);
    tear = input_number(&input, 2);
    const uint32_t right = input_number(&input, 1);
    init();
    try_bits();
    operations_left = NOTHING;
    memset(chip, GUARD_BYTE, sizeof chip);
    input_flash(&input, chip + SECTOR, AREA);
    for (uint32_t slot = 0; slot < ONESLOT_SLOTS; slot++) {
        uint8_t *bytes = chip + oneslot_slot_address(SECTOR, slot);
        if (right >> slot & 1) {
            uint32_t crc = oneslot_crc32(0, bytes, sizeof record - 4);
            memcpy(bytes + sizeof record - 4, &crc, 4);
        }
    }
    memcpy(kept, chip, sizeof chip);
    uint32_t slot = load(&record);
    if (slot != NOTHING) {
        check_marks(slot, false);
        check_trial(slot, false);
    }
    memcpy(chip, kept, sizeof chip);
    check_cut(operations);
    uint32_t most;
    scan(&record, &most);
    for (uint32_t i = 0; i < APPENDS; i++) {
        check_append(&record, operations + i, i == 0 && most == UINT32_MAX);
    }
    check_trial(load(&record), false);
    DEMAND(memcmp(chip, kept, SECTOR) == 0 && memcmp(chip + SECTOR + AREA, kept + SECTOR + AREA, SECTOR) == 0);
    return 0;
}
