#include "oneslot/journal.h"

#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct oneslot_record) == ONESLOT_SEAL_OFFSET, "journal record");

#define NO_SLOT 0xffffffffu
#define ERASED  0xffffffffu

/// Bytes read at once where only a check is wanted; the loader has little stack.
#define CHUNK 64u

/// Times that the slots are looked through before a record is given up for want of a reading.
#define SCANS 3u

/// How the CRC-32 is made: zlib's polynomial, low bit first.
#define POLYNOMIAL 0xedb88320u

/// No bit of a record is wrong, or more than one.
#define NO_BIT    0xfffffffeu
#define MANY_BITS 0xffffffffu

/// What a scan of all slots found.
struct scan {
    uint32_t newest;   ///< slot of the newest sealed record, or NO_SLOT
    uint32_t sequence; ///< its number
    uint32_t wrong;    ///< its bit that has rotted, or NO_BIT
    uint32_t highest;  ///< highest number of any whole record, sealed or not
};

static uint32_t slot_address(const struct oneslot_journal *journal, uint32_t slot) {
    return oneslot_slot_address(journal->address, slot);
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

static uint32_t count_ones(uint32_t word) {
    uint32_t ones = 0;
    for (uint32_t bit = 0; bit < 32; bit++) {
        ones += word >> bit & 1u;
    }
    return ones;
}

/// Whether most of the eight bytes' bits are 0: one that has rotted does not undo them.
static enum oneslot_error mostly_zero(const struct oneslot_journal *journal, uint32_t address, bool *zero) {
    uint32_t words[2];
    enum oneslot_error error = oneslot_flash_read(journal->flash, address, words, sizeof words);
    *zero = error == ONESLOT_ERROR_NONE && count_ones(words[0]) + count_ones(words[1]) < 32u;
    return error;
}

/// Which single bit of a record, its CRC-32 included, makes that difference between the CRC-32 and the one that it
/// should have. No two of them make the same, and no two bits look like one: the polynomial tells up to three errors in
/// 91,000 bits.
static uint32_t find_wrong_bit(uint32_t difference) {
    if (difference == 0) {
        return NO_BIT;
    }
    uint32_t made = 0x80000000u; // by the CRC-32's own last bit; each bit before it makes one step more
    for (uint32_t bit = 8u * (uint32_t)sizeof(struct oneslot_record); bit-- > 0;) {
        if (made == difference) {
            return bit;
        }
        made = made >> 1 ^ (POLYNOMIAL & (0u - (made & 1u)));
    }
    return MANY_BITS;
}

/// Whether a slot holds a whole record, one wrong bit or none; reads it in pieces.
static enum oneslot_error is_whole(const struct oneslot_journal *journal, uint32_t slot, uint32_t *sequence,
                                   uint32_t *wrong, bool *whole) {
    union {
        uint32_t words[CHUNK / 4u];
        uint8_t bytes[CHUNK];
    } piece;
    uint32_t head[3] = {0};
    uint32_t crc = 0;
    *whole = false;
    for (uint32_t done = 0; done < sizeof(struct oneslot_record); done += CHUNK) {
        enum oneslot_error error =
            oneslot_flash_read(journal->flash, slot_address(journal, slot) + done, piece.bytes, CHUNK);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (done == 0) {
            memcpy(head, piece.words, sizeof head);
            if (head[0] == 0 || head[0] == ERASED) {
                return ONESLOT_ERROR_NONE; // void, or never used
            }
        }
        bool last = done + CHUNK == sizeof(struct oneslot_record);
        crc = oneslot_crc32(crc, piece.bytes, last ? CHUNK - 4u : CHUNK);
    }
    *wrong = find_wrong_bit(crc ^ piece.words[CHUNK / 4u - 1u]);
    if (*wrong < 32u * 3u) {
        head[*wrong / 32u] ^= 1u << *wrong % 32u;
    }
    *sequence = head[1];
    *whole = *wrong != MANY_BITS && head[0] == ONESLOT_RECORD_MAGIC && (head[2] & 0xffu) == ONESLOT_RECORD_VERSION;
    return ONESLOT_ERROR_NONE;
}

/// Takes one slot into the scan. `sealed`: it holds a record that counts.
static enum oneslot_error scan_slot(const struct oneslot_journal *journal, uint32_t slot, struct scan *scan,
                                    bool *sealed) {
    uint32_t sequence = 0;
    uint32_t wrong = NO_BIT;
    bool whole;
    *sealed = false;
    enum oneslot_error error = is_whole(journal, slot, &sequence, &wrong, &whole);
    if (error != ONESLOT_ERROR_NONE || !whole) {
        return error;
    }
    if (sequence > scan->highest) {
        scan->highest = sequence;
    }
    error = mostly_zero(journal, slot_address(journal, slot) + ONESLOT_SEAL_OFFSET, sealed);
    if (*sealed && (scan->newest == NO_SLOT || sequence > scan->sequence)) {
        scan->newest = slot;
        scan->sequence = sequence;
        scan->wrong = wrong;
    }
    return error;
}

static enum oneslot_error scan_slots(const struct oneslot_journal *journal, struct scan *scan) {
    scan->newest = NO_SLOT;
    scan->sequence = 0;
    scan->wrong = NO_BIT;
    scan->highest = 0;
    for (uint32_t slot = 0; slot < ONESLOT_SLOTS; slot++) {
        bool sealed = false;
        // One reading does not decide that a record is gone.
        for (uint32_t look = 0; look < 2 && !sealed; look++) {
            enum oneslot_error error = scan_slot(journal, slot, scan, &sealed);
            if (error != ONESLOT_ERROR_NONE) {
                return error;
            }
        }
    }
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error is_settled(const struct oneslot_journal *journal, const struct scan *scan, bool *settled) {
    enum oneslot_error error =
        mostly_zero(journal, slot_address(journal, scan->newest) + ONESLOT_SETTLED_OFFSET, settled);
    *settled = *settled && scan->wrong == NO_BIT && scan->highest == scan->sequence;
    return error;
}

enum oneslot_error oneslot_journal_look(const struct oneslot_journal *journal, struct oneslot_record *record,
                                        uint32_t *slot, bool *settled) {
    struct scan scan;
    *settled = true;
    enum oneslot_error error = scan_slots(journal, &scan);
    if (error == ONESLOT_ERROR_NONE && scan.newest != NO_SLOT) {
        error = oneslot_flash_read(journal->flash, slot_address(journal, scan.newest), record, sizeof *record);
        if (error == ONESLOT_ERROR_NONE && scan.wrong != NO_BIT) {
            ((uint32_t *)record)[scan.wrong / 32u] ^= 1u << scan.wrong % 32u;
        }
        // Checked once more in memory: the first look may have caught a page on the edge.
        if (error == ONESLOT_ERROR_NONE && record->sequence == scan.sequence &&
            record->crc == oneslot_crc32(0, record, offsetof(struct oneslot_record, crc))) {
            if (slot != NULL) {
                *slot = scan.newest;
            }
            return is_settled(journal, &scan, settled);
        }
        if (error == ONESLOT_ERROR_NONE) {
            error = ONESLOT_ERROR_FLASH_READ;
        }
    }
    memset(record, 0, sizeof *record);
    return error != ONESLOT_ERROR_NONE ? error : ONESLOT_ERROR_JOURNAL_EMPTY;
}

enum oneslot_error oneslot_journal_load(const struct oneslot_journal *journal, struct oneslot_record *record,
                                        uint32_t *slot) {
    bool settled;
    return oneslot_journal_look(journal, record, slot, &settled);
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
    if (slot % ONESLOT_SLOTS_PER_SECTOR == 0 &&
        oneslot_flash_erase_sector(journal->flash, slot_address(journal, slot)) != ONESLOT_ERROR_NONE) {
        return false;
    }
    return reads_all(journal, slot_address(journal, slot), ONESLOT_SLOT_SIZE, ERASED, &erased) == ONESLOT_ERROR_NONE &&
           erased;
}

/// Makes the record in a slot unreadable, unless there is none.
static bool void_slot(const struct oneslot_journal *journal, uint32_t slot) {
    uint32_t head[2] = {0};
    uint32_t address = slot_address(journal, slot);
    if (oneslot_flash_read(journal->flash, address, head, sizeof head) == ONESLOT_ERROR_NONE &&
        (head[0] == ERASED || (head[0] | head[1]) == 0)) {
        return true;
    }
    return program_zeros(journal, address);
}

/// Makes all records but that in `slot` unreadable; `newest`, the one that counts until then, last.
static bool void_others(const struct oneslot_journal *journal, uint32_t slot, uint32_t newest) {
    bool done = true;
    for (uint32_t other = 0; other < ONESLOT_SLOTS; other++) {
        if (other != slot && other != newest) {
            done = void_slot(journal, other) && done;
        }
    }
    return done && (newest == NO_SLOT || newest == slot || void_slot(journal, newest));
}

/// Whether a record ends something: what was before it must not act again.
static bool is_end(const struct oneslot_record *record) {
    return record->state == ONESLOT_STATE_IDLE || record->state == ONESLOT_STATE_DONE ||
           record->state == ONESLOT_STATE_FAILED;
}

/// The record in `slot` has a firm seal. Returns whether nothing else counts any more if the numbers begin anew.
static bool settle_slot(const struct oneslot_journal *journal, uint32_t slot, const struct oneslot_record *record,
                        uint32_t newest) {
    // Numbers begin anew. Flash wears out long before; only a foreign hand writes the last one.
    bool anew = record->sequence == 0;
    bool alone = !(anew || is_end(record)) || void_others(journal, slot, newest);
    // A page that does not take the word costs one start through the installer each time, and no more.
    (void)program_zeros(journal, slot_address(journal, slot) + ONESLOT_SETTLED_OFFSET);
    return alone || !anew;
}

/// The slots that may be tried after `scan`, in turn, from `first` on.
static enum oneslot_error append_from(const struct oneslot_journal *journal, const struct scan *scan, uint32_t first,
                                      struct oneslot_record *record, uint32_t *slot) {
    bool settled = true;
    if (scan->newest != NO_SLOT && (is_settled(journal, scan, &settled) != ONESLOT_ERROR_NONE || !settled) &&
        !program_zeros(journal, slot_address(journal, scan->newest) + ONESLOT_SEAL_OFFSET)) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    record->magic = ONESLOT_RECORD_MAGIC;
    record->version = ONESLOT_RECORD_VERSION;
    record->sequence = scan->highest + 1u;
    record->crc = oneslot_crc32(0, record, offsetof(struct oneslot_record, crc));
    for (uint32_t i = 0; i < ONESLOT_SLOTS; i++) {
        uint32_t candidate = (first + i) % ONESLOT_SLOTS;
        bool enters = candidate % ONESLOT_SLOTS_PER_SECTOR == 0;
        if (enters && scan->newest != NO_SLOT &&
            scan->newest / ONESLOT_SLOTS_PER_SECTOR == candidate / ONESLOT_SLOTS_PER_SECTOR) {
            break; // Once round: this sector holds the newest record.
        }
        if (prepare_slot(journal, candidate) && write_slot(journal, candidate, record)) {
            if (slot != NULL) {
                *slot = candidate;
            }
            return settle_slot(journal, candidate, record, scan->newest) ? ONESLOT_ERROR_NONE
                                                                         : ONESLOT_ERROR_JOURNAL_WRITE;
        }
    }
    return ONESLOT_ERROR_JOURNAL_WRITE;
}

enum oneslot_error oneslot_journal_write(const struct oneslot_journal *journal, struct oneslot_record *record,
                                         uint32_t *slot, bool move) {
    struct scan scan;
    enum oneslot_error error = ONESLOT_ERROR_FLASH_READ;
    // What is to be written may be a last word.
    for (uint32_t look = 0; look < SCANS && error != ONESLOT_ERROR_NONE; look++) {
        error = scan_slots(journal, &scan);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    uint32_t first = scan.newest == NO_SLOT ? 0 : scan.newest + 1u;
    if (move) {
        first = scan.newest < ONESLOT_SLOTS_PER_SECTOR ? ONESLOT_SLOTS_PER_SECTOR : 0;
    }
    return append_from(journal, &scan, first, record, slot);
}

enum oneslot_error oneslot_journal_settle(const struct oneslot_journal *journal, struct oneslot_record *record,
                                          uint32_t *slot) {
    struct scan scan;
    bool settled;
    if (scan_slots(journal, &scan) != ONESLOT_ERROR_NONE || scan.newest == NO_SLOT ||
        is_settled(journal, &scan, &settled) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    if (scan.wrong != NO_BIT || scan.highest != record->sequence) {
        uint32_t used;
        // What was counted lies in the old page.
        if (record->state == ONESLOT_STATE_TRIAL &&
            oneslot_journal_trial_used(journal, *slot, &used) == ONESLOT_ERROR_NONE) {
            record->trial_boots -= used < record->trial_boots ? (uint8_t)used : record->trial_boots;
        }
        return oneslot_journal_append(journal, record, slot);
    }
    if (settled) {
        return ONESLOT_ERROR_NONE;
    }
    if (!program_zeros(journal, slot_address(journal, *slot) + ONESLOT_SEAL_OFFSET)) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    (void)settle_slot(journal, *slot, record, *slot);
    // Where the page does not take the word, whoever asks the loader to look again would do so for ever.
    return mostly_zero(journal, slot_address(journal, *slot) + ONESLOT_SETTLED_OFFSET, &settled) ==
                       ONESLOT_ERROR_NONE &&
                   settled
               ? ONESLOT_ERROR_NONE
               : ONESLOT_ERROR_JOURNAL_WRITE;
}

/// A mark says which block is done, twice, so that a damaged page does not pass for one.
static uint32_t make_mark(uint32_t index) {
    return index | (~index << 16);
}

enum oneslot_error oneslot_journal_mark(const struct oneslot_journal *journal, uint32_t slot, uint32_t index) {
    if (slot >= ONESLOT_SLOTS || index >= ONESLOT_MARKS) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    uint32_t mark = make_mark(index);
    uint32_t address = slot_address(journal, slot) + ONESLOT_MARKS_OFFSET + index * ONESLOT_MARK_SIZE;
    if (oneslot_flash_program(journal->flash, address, &mark, sizeof mark) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_journal_marks(const struct oneslot_journal *journal, uint32_t slot, uint32_t *marks) {
    uint32_t word[ONESLOT_MARKS];
    *marks = 0;
    if (slot >= ONESLOT_SLOTS) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    enum oneslot_error error =
        oneslot_flash_read(journal->flash, slot_address(journal, slot) + ONESLOT_MARKS_OFFSET, word, sizeof word);
    for (uint32_t index = 0; error == ONESLOT_ERROR_NONE && index < ONESLOT_MARKS; index++) {
        *marks |= (uint32_t)(word[index] == make_mark(index)) << index;
    }
    return error;
}

static uint32_t counter_offset(enum oneslot_counter counter) {
    switch (counter) {
    case ONESLOT_COUNTER_TRIAL:
        return ONESLOT_MARKS_OFFSET;
    case ONESLOT_COUNTER_TRIES:
        return ONESLOT_TRIES_OFFSET;
    case ONESLOT_COUNTER_WAITS:
        return ONESLOT_WAITS_OFFSET;
    default:
        return ONESLOT_CHOICES_OFFSET;
    }
}

enum oneslot_error oneslot_journal_counted(const struct oneslot_journal *journal, uint32_t slot,
                                           enum oneslot_counter counter, uint32_t *counted) {
    uint32_t most = counter == ONESLOT_COUNTER_TRIAL ? ONESLOT_TRIAL_MAX : ONESLOT_TRIES_MAX;
    uint32_t word[ONESLOT_TRIAL_MAX];
    *counted = 0;
    if (slot >= ONESLOT_SLOTS) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    enum oneslot_error error =
        oneslot_flash_read(journal->flash, slot_address(journal, slot) + counter_offset(counter), word, most * 4u);
    // A word counts when most of it is 0: what rots or is damaged in it later does not undo it, and one that was cut
    // off early is finished by the next.
    while (error == ONESLOT_ERROR_NONE && *counted < most && count_ones(word[*counted]) < 16u) {
        ++*counted;
    }
    return error;
}

enum oneslot_error oneslot_journal_count(const struct oneslot_journal *journal, uint32_t slot,
                                         enum oneslot_counter counter) {
    static const uint32_t zero = 0;
    uint32_t before;
    uint32_t after;
    enum oneslot_error error = oneslot_journal_counted(journal, slot, counter, &before);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (before >= (counter == ONESLOT_COUNTER_TRIAL ? ONESLOT_TRIAL_MAX : ONESLOT_TRIES_MAX)) {
        return ONESLOT_ERROR_NONE;
    }
    uint32_t address = slot_address(journal, slot) + counter_offset(counter) + before * 4u;
    if (oneslot_flash_program(journal->flash, address, &zero, sizeof zero) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    error = oneslot_journal_counted(journal, slot, counter, &after);
    return error == ONESLOT_ERROR_NONE && after <= before ? ONESLOT_ERROR_JOURNAL_WRITE : error;
}
