/*
 * Journal: what is asked for, what is under way, how the last upgrade ended, and what the device must remember.
 *
 * Two sectors of three slots each; a slot is five pages of 256 bytes:
 *
 *     page 0-2    record (768 bytes, CRC-32 at its end): the whole state, not a change of it
 *     page 3      seal: eight zero bytes, programmed after the record was read back
 *     page 4      claim: eight zero bytes, programmed before anything else in the slot; behind it marks and counters
 *                 (blocks that are done, boots of a trial, what was tried in vain), and a word that says "settled"
 *
 * A record counts when it is whole and sealed; the highest sequence number wins.
 *
 * Cells that a cut left half-way may read one way now and the other way later, so nothing is believed because it
 * reads well. A seal proves that its record was programmed without a cut, even where the seal itself was cut; whoever
 * is going to act on a record first settles it: programs its seal again, which makes it firm, and then says so in the
 * slot's last page. A slot whose record was cut may look erased; its claim, programmed before, does not, so a slot is
 * used only if all of it reads 0xff. Entering a sector's first slot erases that sector; the newest sealed record lies
 * in the other one.
 *
 * One bit that rots does no harm in any state: the CRC-32 tells which bit of a record it is, a seal counts when most of
 * its bits are 0, and so does the word "settled". What rotted is written anew when the record is settled. A record that
 * ends something (IDLE, DONE, FAILED) voids all others when it is settled, so that they never act again.
 */
#ifndef ONESLOT_JOURNAL_H
#define ONESLOT_JOURNAL_H

#include "oneslot/flash.h"
#include "oneslot/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONESLOT_JOURNAL_SECTORS  2u
#define ONESLOT_SLOT_SIZE        1280u
#define ONESLOT_SLOTS_PER_SECTOR 3u
#define ONESLOT_SLOTS            6u /* in both sectors */
#define ONESLOT_SEAL_OFFSET      768u
#define ONESLOT_SEAL_SIZE        8u
#define ONESLOT_CLAIM_OFFSET     1024u
#define ONESLOT_MARKS_OFFSET     1032u
#define ONESLOT_MARK_SIZE        4u
#define ONESLOT_MARKS            31u
#define ONESLOT_SETTLED_OFFSET   1160u
#define ONESLOT_TRIES_OFFSET     1168u
#define ONESLOT_WAITS_OFFSET     1196u
#define ONESLOT_CHOICES_OFFSET   1224u
#define ONESLOT_TRIAL_MAX        32u /* boots; each takes one word where INSTALLING has its marks */
#define ONESLOT_TRIES_MAX        7u
#define ONESLOT_WAITS_MAX        7u
#define ONESLOT_PLAN_SIZE        80u
#define ONESLOT_RECORD_MAGIC     0x4a4c5331u /* "1SLJ" */
#define ONESLOT_RECORD_VERSION   2u

enum oneslot_state {
    ONESLOT_STATE_IDLE = 0,       ///< provisioned, nothing asked for yet
    ONESLOT_STATE_REQUESTED = 1,  ///< `path` is to be proven and installed
    ONESLOT_STATE_INSTALLING = 2, ///< the proven image is being written; only its sectors in `plan` are in doubt
    ONESLOT_STATE_TRIAL = 3,      ///< written and proven; waits for a confirm, for `trial_boots` boots
    ONESLOT_STATE_DONE = 4,       ///< written, proven (and confirmed); `outcome` is NONE or TRIAL_EXPIRED
    ONESLOT_STATE_FAILED = 5,     ///< refused before anything was touched; the old firmware runs; `outcome` says why
};

/// Flags of a request.
#define ONESLOT_REQUEST_SHA256   0x01u /* `expected` is set and must match */
#define ONESLOT_REQUEST_WATCH    0x02u /* came from the watch path */
#define ONESLOT_REQUEST_FALLBACK 0x04u /* puts the fallback back after a trial; never tried again */
#define ONESLOT_REQUEST_RECOVERY 0x08u /* mends a damaged application without having been asked */

/// What a TRIAL record keeps in the first bytes of `plan`, which is of no other use then.
struct oneslot_previous {
    uint8_t image[32];  ///< SHA-256 of the image that ran before the trial, as its file was; zero if not known
    uint8_t version[8]; ///< its version; zero if not known
};

/// The state as it lies in flash: 768 bytes, little endian.
struct oneslot_record {
    uint32_t magic;                  ///< ONESLOT_RECORD_MAGIC; set by append
    uint32_t sequence;               ///< rises by at least one with each record; set by append
    uint8_t version;                 ///< ONESLOT_RECORD_VERSION; set by append
    uint8_t state;                   ///< enum oneslot_state
    uint8_t outcome;                 ///< enum oneslot_error: how the last request ended
    uint8_t flags;                   ///< ONESLOT_REQUEST_*
    uint8_t trial_boots;             ///< boots that the new firmware has to confirm itself; 0 = no trial
    uint8_t kind;                    ///< enum oneslot_image_kind of the image being installed
    uint8_t installed_kind;          ///< the same of the image that runs
    uint8_t plan_shift;              ///< a bit of `plan` stands for 1 << plan_shift sectors
    uint32_t size;                   ///< bytes of the image being installed
    uint32_t target;                 ///< flash address of its first byte
    uint32_t installed_size;         ///< bytes of the image that runs; 0 = not known
    uint32_t detail;                 ///< a number that belongs to `outcome`: an address, a size or another error
    char path[ONESLOT_PATH_MAX];     ///< the file that a person asked for last, zero-padded
    char fallback[ONESLOT_PATH_MAX]; ///< the file to put back after a failed trial, zero-padded; empty for none
    uint8_t expected[32];            ///< SHA-256 the file must have, with ONESLOT_REQUEST_SHA256
    uint8_t attempted[32];           ///< SHA-256 of the image that was last proven or refused; zero if none
    uint8_t installed[32];           ///< SHA-256 of the image that runs, as its file was; zero if not known
    uint8_t floor[8];                ///< highest version that was confirmed: no lower one is installed; only rises
    uint8_t watched[32];             ///< SHA-256 of the watch file that was last looked at; zero if none
    uint8_t image_version[8];        ///< of the image being installed; zero if not known
    union {
        uint8_t plan[ONESLOT_PLAN_SIZE];  ///< INSTALLING: a bit for each (group of) sector that is still to be written
        struct oneslot_previous previous; ///< TRIAL
    };
    uint32_t installer;           ///< where the installer lies; 0: where the layout says
    uint32_t installer_before;    ///< until the one at `installer` has run: the one to go back to; else 0
    uint32_t header;              ///< first four bytes of the image being installed, as its file has them
    uint32_t installed_header;    ///< the same of the image that runs (flash holds the device's bytes 2 and 3)
    uint8_t installed_version[8]; ///< of the image that runs; zero if not known
    uint8_t rejected[32];         ///< SHA-256 of the image that last failed its trial, or was not started; zero if none
    char source[ONESLOT_PATH_MAX]; ///< the file that holds what runs or is being installed; empty if not known
    uint8_t own_outcome;           ///< enum oneslot_error: what the device last came to by itself (watch, mending)
    uint8_t attempts;              ///< that ended by themselves since a person asked for something
    uint8_t failures;              ///< of them, those of writing the image that is being installed
    uint8_t deed_state;            ///< while it mends itself: what `state`, `outcome` and `detail` were before
    uint32_t deed_detail;
    uint8_t deed_outcome;
    uint8_t reserved[83]; ///< zero
    uint32_t crc;         ///< CRC-32 of the bytes before; set by append
};

/// A journal in flash. `address` is that of the first of its two sectors.
struct oneslot_journal {
    const struct oneslot_flash *flash;
    uint32_t address;
};

/// Flash address of a slot, 0 to ONESLOT_SLOTS - 1, of a journal at `address`.
static inline uint32_t oneslot_slot_address(uint32_t address, uint32_t slot) {
    return address + slot / ONESLOT_SLOTS_PER_SECTOR * ONESLOT_SECTOR_SIZE +
           slot % ONESLOT_SLOTS_PER_SECTOR * ONESLOT_SLOT_SIZE;
}

/// Finds the newest sealed record. `slot` (may be NULL) receives its number.
/// Returns NONE, JOURNAL_EMPTY (then `record` is all zero: state IDLE), or FLASH_READ.
enum oneslot_error oneslot_journal_load(const struct oneslot_journal *journal, struct oneslot_record *record,
                                        uint32_t *slot);

/// The same, and whether the record is settled: it may be acted upon. Whoever cannot settle it lets the installer do
/// so.
enum oneslot_error oneslot_journal_look(const struct oneslot_journal *journal, struct oneslot_record *record,
                                        uint32_t *slot, bool *settled);

/// Makes the newest seal firm, then claims a slot and appends `record` (magic, version, sequence and crc are filled
/// in), reads it back, seals and settles it. After NONE it survives any cut. A bad page costs a slot, not the record:
/// the next slots are tried. `move`: in the sector that does not hold the newest record: it is erased, so that it is
/// known to take the record, and has room for two more. `slot` (may be NULL) receives its number. Returns NONE or
/// JOURNAL_WRITE.
enum oneslot_error oneslot_journal_write(const struct oneslot_journal *journal, struct oneslot_record *record,
                                         uint32_t *slot, bool move);

/// The same in the next slot, which may be in either sector.
static inline enum oneslot_error oneslot_journal_append(const struct oneslot_journal *journal,
                                                        struct oneslot_record *record, uint32_t *slot) {
    return oneslot_journal_write(journal, record, slot, false);
}

/// Makes what was loaded hold where nothing is to be appended: its seal is made firm; with a bit that has rotted, or
/// above a newer record whose seal a cut left half-way, it is appended once more. A record that is settled costs no
/// write. `record` and `slot` are what oneslot_journal_load has found. Returns NONE or JOURNAL_WRITE.
enum oneslot_error oneslot_journal_settle(const struct oneslot_journal *journal, struct oneslot_record *record,
                                          uint32_t *slot);

/// Marks block `index` (0 to ONESLOT_MARKS - 1) of an INSTALLING record's plan as written and read back.
/// A failure is harmless (the block is written again after a cut) and returned as JOURNAL_WRITE.
enum oneslot_error oneslot_journal_mark(const struct oneslot_journal *journal, uint32_t slot, uint32_t index);

/// The marks of a slot as bits, bit n for block n. Damaged marks count as not set.
enum oneslot_error oneslot_journal_marks(const struct oneslot_journal *journal, uint32_t slot, uint32_t *marks);

/// What is counted in a record's last page: a word of zeros each, nothing is erased.
enum oneslot_counter {
    ONESLOT_COUNTER_TRIAL,   ///< boots of a TRIAL record that were used up; entries of a new installer
    ONESLOT_COUNTER_TRIES,   ///< starts that wanted to write above this record
    ONESLOT_COUNTER_WAITS,   ///< starts that came to nothing and waited
    ONESLOT_COUNTER_CHOICES, ///< ESP32: choices of the application in otadata that took no write, or came to nothing
};

/// How often was counted: 0 to ONESLOT_TRIAL_MAX, of the others 0 to ONESLOT_TRIES_MAX.
enum oneslot_error oneslot_journal_counted(const struct oneslot_journal *journal, uint32_t slot,
                                           enum oneslot_counter counter, uint32_t *counted);

/// Counts one more, and looks whether it holds. Past the most nothing is programmed.
enum oneslot_error oneslot_journal_count(const struct oneslot_journal *journal, uint32_t slot,
                                         enum oneslot_counter counter);

/// How many boots of a TRIAL record were used up, and one more.
static inline enum oneslot_error oneslot_journal_trial_used(const struct oneslot_journal *journal, uint32_t slot,
                                                            uint32_t *used) {
    return oneslot_journal_counted(journal, slot, ONESLOT_COUNTER_TRIAL, used);
}

static inline enum oneslot_error oneslot_journal_trial_count(const struct oneslot_journal *journal, uint32_t slot) {
    return oneslot_journal_count(journal, slot, ONESLOT_COUNTER_TRIAL);
}

#ifdef __cplusplus
}
#endif

#endif
