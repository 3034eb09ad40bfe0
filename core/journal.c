#include "oneslot/journal.h"

#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct oneslot_record) == 512, "journal record");

#define SLOTS_PER_SECTOR (ONESLOT_SECTOR_SIZE / ONESLOT_SLOT_SIZE)
#define NO_SLOT          0xffffffffu

/// Bytes read at once where only a check is wanted; the loader has little stack.
#define CHUNK 64u

/// What a scan of all slots found.
struct scan {
    uint32_t newest;   ///< slot of the newest sealed record, or NO_SLOT
    uint32_t sequence; ///< its number
    uint32_t highest;  ///< highest number of any whole record, sealed or not
};

static uint32_t slot_address(const struct oneslot_journal *journal, uint32_t slot) {
    return journal->address + slot * ONESLOT_SLOT_SIZE;
}

/// Whether `length` bytes at `address` all read `value`.
static enum oneslot_error reads_all(const struct oneslot_journal *journal, uint32_t address, uint32_t length,
                                    uint32_t value, bool *all) {
    _Alignas(4) uint32_t words[CHUNK / 4u];
    *all = true;
    for (uint32_t done = 0; done < length && *all; done += CHUNK) {
        uint32_t part = length - done < CHUNK ? length - done : CHUNK;
        enum oneslot_error error = oneslot_flash_read(journal->flash, address + done, words, part);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        for (uint32_t i = 0; i < part / 4u; i++) {
            *all = *all && words[i] == value;
        }
    }
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error is_sealed(const struct oneslot_journal *journal, uint32_t slot, bool *sealed) {
    return reads_all(journal, slot_address(journal, slot) + ONESLOT_SEAL_OFFSET, ONESLOT_SEAL_SIZE, 0, sealed);
}

static bool header_valid(const struct oneslot_record *record) {
    return record->magic == ONESLOT_RECORD_MAGIC && record->version == ONESLOT_RECORD_VERSION;
}

/// Whether a slot holds a whole record; reads it in pieces.
static enum oneslot_error is_whole(const struct oneslot_journal *journal, uint32_t slot, uint32_t *sequence,
                                   bool *whole) {
    union {
        uint32_t words[CHUNK / 4u];
        uint8_t bytes[CHUNK];
    } piece;
    uint32_t crc = 0;
    *whole = false;
    for (uint32_t done = 0; done < sizeof(struct oneslot_record); done += CHUNK) {
        enum oneslot_error error =
            oneslot_flash_read(journal->flash, slot_address(journal, slot) + done, piece.bytes, CHUNK);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (done == 0) {
            if (piece.words[0] != ONESLOT_RECORD_MAGIC || (piece.words[2] & 0xffu) != ONESLOT_RECORD_VERSION) {
                return ONESLOT_ERROR_NONE;
            }
            *sequence = piece.words[1];
        }
        bool last = done + CHUNK == sizeof(struct oneslot_record);
        crc = oneslot_crc32(crc, piece.bytes, last ? CHUNK - 4u : CHUNK);
    }
    *whole = piece.words[CHUNK / 4u - 1u] == crc;
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error scan_slots(const struct oneslot_journal *journal, struct scan *scan) {
    scan->newest = NO_SLOT;
    scan->sequence = 0;
    scan->highest = 0;
    for (uint32_t slot = 0; slot < ONESLOT_SLOTS; slot++) {
        uint32_t sequence = 0;
        bool whole = false;
        enum oneslot_error error = is_whole(journal, slot, &sequence, &whole);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (!whole) {
            continue;
        }
        if (sequence > scan->highest) {
            scan->highest = sequence;
        }
        bool sealed = false;
        error = is_sealed(journal, slot, &sealed);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (sealed && (scan->newest == NO_SLOT || sequence > scan->sequence)) {
            scan->newest = slot;
            scan->sequence = sequence;
        }
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_journal_load(const struct oneslot_journal *journal, struct oneslot_record *record,
                                        uint32_t *slot) {
    struct scan scan;
    enum oneslot_error error = scan_slots(journal, &scan);
    if (error == ONESLOT_ERROR_NONE && scan.newest != NO_SLOT) {
        error = oneslot_flash_read(journal->flash, slot_address(journal, scan.newest), record, sizeof *record);
        // Checked once more in memory: the first look may have caught a page on the edge.
        if (error == ONESLOT_ERROR_NONE && header_valid(record) && record->sequence == scan.sequence &&
            record->crc == oneslot_crc32(0, record, offsetof(struct oneslot_record, crc))) {
            if (slot != NULL) {
                *slot = scan.newest;
            }
            return ONESLOT_ERROR_NONE;
        }
        if (error == ONESLOT_ERROR_NONE) {
            error = ONESLOT_ERROR_FLASH_READ;
        }
    }
    memset(record, 0, sizeof *record);
    return error != ONESLOT_ERROR_NONE ? error : ONESLOT_ERROR_JOURNAL_EMPTY;
}

/// Programs eight zero bytes and reads them back. Done again over itself it makes half-programmed cells firm.
static bool program_zeros(const struct oneslot_journal *journal, uint32_t address) {
    _Alignas(4) static const uint32_t zeros[2] = {0, 0};
    bool all = false;
    return oneslot_flash_program(journal->flash, address, zeros, sizeof zeros) == ONESLOT_ERROR_NONE &&
           reads_all(journal, address, sizeof zeros, 0, &all) == ONESLOT_ERROR_NONE && all;
}

/// Whether what lies at `address` equals `data`, read in pieces.
static bool reads_as(const struct oneslot_journal *journal, uint32_t address, const uint8_t *data, uint32_t length) {
    _Alignas(4) uint8_t piece[CHUNK];
    for (uint32_t done = 0; done < length; done += CHUNK) {
        if (oneslot_flash_read(journal->flash, address + done, piece, CHUNK) != ONESLOT_ERROR_NONE ||
            memcmp(piece, data + done, CHUNK) != 0) {
            return false;
        }
    }
    return true;
}

/// Claims, writes, reads back and seals a slot that reads erased.
static bool write_slot(const struct oneslot_journal *journal, uint32_t slot, const struct oneslot_record *record) {
    uint32_t address = slot_address(journal, slot);
    return program_zeros(journal, address + ONESLOT_CLAIM_OFFSET) &&
           oneslot_flash_program(journal->flash, address, record, sizeof *record) == ONESLOT_ERROR_NONE &&
           reads_as(journal, address, (const uint8_t *)record, sizeof *record) &&
           program_zeros(journal, address + ONESLOT_SEAL_OFFSET);
}

/// Makes a slot ready to be written: erases the sector on entering it, else looks whether the slot was never used.
static bool prepare_slot(const struct oneslot_journal *journal, uint32_t slot) {
    bool erased = false;
    if (slot % SLOTS_PER_SECTOR == 0 &&
        oneslot_flash_erase_sector(journal->flash, slot_address(journal, slot)) != ONESLOT_ERROR_NONE) {
        return false;
    }
    return reads_all(journal, slot_address(journal, slot), ONESLOT_SLOT_SIZE, 0xffffffffu, &erased) ==
               ONESLOT_ERROR_NONE &&
           erased;
}

/// Makes all records but that in `slot` unreadable, the newest one last: until then it counts.
static bool discard_others(const struct oneslot_journal *journal, uint32_t slot, uint32_t newest) {
    bool done = true;
    for (uint32_t other = 0; other < ONESLOT_SLOTS; other++) {
        if (other != slot && other != newest) {
            done = program_zeros(journal, slot_address(journal, other)) && done;
        }
    }
    return done && (newest == NO_SLOT || program_zeros(journal, slot_address(journal, newest)));
}

enum oneslot_error oneslot_journal_append(const struct oneslot_journal *journal, struct oneslot_record *record,
                                          uint32_t *slot) {
    struct scan scan;
    if (scan_slots(journal, &scan) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    if (scan.newest != NO_SLOT && !program_zeros(journal, slot_address(journal, scan.newest) + ONESLOT_SEAL_OFFSET)) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    record->magic = ONESLOT_RECORD_MAGIC;
    record->version = ONESLOT_RECORD_VERSION;
    record->sequence = scan.highest + 1u;
    record->crc = oneslot_crc32(0, record, offsetof(struct oneslot_record, crc));

    uint32_t first = scan.newest == NO_SLOT ? 0 : scan.newest + 1u;
    for (uint32_t i = 0; i < ONESLOT_SLOTS; i++) {
        uint32_t candidate = (first + i) % ONESLOT_SLOTS;
        bool enters = candidate % SLOTS_PER_SECTOR == 0;
        if (enters && scan.newest != NO_SLOT && scan.newest / SLOTS_PER_SECTOR == candidate / SLOTS_PER_SECTOR) {
            break; // Once round: this sector holds the newest record.
        }
        if (prepare_slot(journal, candidate) && write_slot(journal, candidate, record)) {
            // Numbers begin anew. Flash wears out long before; only a foreign hand writes the last one.
            if (record->sequence == 0 && !discard_others(journal, candidate, scan.newest)) {
                return ONESLOT_ERROR_JOURNAL_WRITE;
            }
            if (slot != NULL) {
                *slot = candidate;
            }
            return ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_JOURNAL_WRITE;
}

enum oneslot_error oneslot_journal_settle(const struct oneslot_journal *journal, struct oneslot_record *record,
                                          uint32_t *slot) {
    struct scan scan;
    if (scan_slots(journal, &scan) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    if (scan.highest != record->sequence) {
        return oneslot_journal_append(journal, record, slot);
    }
    return program_zeros(journal, slot_address(journal, *slot) + ONESLOT_SEAL_OFFSET) ? ONESLOT_ERROR_NONE
                                                                                      : ONESLOT_ERROR_JOURNAL_WRITE;
}

/// A mark says which block is done, twice, so that a damaged page does not pass for one.
static void make_mark(uint32_t mark[2], uint32_t index) {
    mark[0] = index | (~index << 16);
    mark[1] = ~mark[0] ^ ONESLOT_RECORD_MAGIC;
}

enum oneslot_error oneslot_journal_mark(const struct oneslot_journal *journal, uint32_t slot, uint32_t index) {
    if (slot >= ONESLOT_SLOTS || index >= ONESLOT_MARKS) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    uint32_t mark[2];
    make_mark(mark, index);
    uint32_t address = slot_address(journal, slot) + ONESLOT_MARKS_OFFSET + index * ONESLOT_MARK_SIZE;
    if (oneslot_flash_program(journal->flash, address, mark, sizeof mark) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_journal_marks(const struct oneslot_journal *journal, uint32_t slot, uint32_t *marks) {
    *marks = 0;
    if (slot >= ONESLOT_SLOTS) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    for (uint32_t index = 0; index < ONESLOT_MARKS; index++) {
        uint32_t want[2];
        uint32_t have[2];
        make_mark(want, index);
        uint32_t address = slot_address(journal, slot) + ONESLOT_MARKS_OFFSET + index * ONESLOT_MARK_SIZE;
        enum oneslot_error error = oneslot_flash_read(journal->flash, address, have, sizeof have);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (have[0] == want[0] && have[1] == want[1]) {
            *marks |= 1u << index;
        }
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_journal_trial_used(const struct oneslot_journal *journal, uint32_t slot, uint32_t *used) {
    *used = 0;
    if (slot >= ONESLOT_SLOTS) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    // A word counts only when all of it is 0: one that was cut off is finished by the next boot.
    for (uint32_t i = 0; i < ONESLOT_TRIAL_MAX; i++) {
        uint32_t word;
        enum oneslot_error error = oneslot_flash_read(
            journal->flash, slot_address(journal, slot) + ONESLOT_MARKS_OFFSET + i * 4u, &word, sizeof word);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (word != 0) {
            break;
        }
        *used = i + 1u;
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_journal_trial_count(const struct oneslot_journal *journal, uint32_t slot) {
    static const uint32_t zero = 0;
    uint32_t used;
    enum oneslot_error error = oneslot_journal_trial_used(journal, slot, &used);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (used >= ONESLOT_TRIAL_MAX) {
        return ONESLOT_ERROR_NONE;
    }
    uint32_t address = slot_address(journal, slot) + ONESLOT_MARKS_OFFSET + used * 4u;
    if (oneslot_flash_program(journal->flash, address, &zero, sizeof zero) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    return ONESLOT_ERROR_NONE;
}
