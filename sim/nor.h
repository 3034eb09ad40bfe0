/*
 * NOR flash in memory: datasheet times, wear, power cuts, weak cells, failing operations.
 *
 * Erases and programs are "operations", numbered from 0; a power cut or a failure hits one of them. Reads are
 * counted, but nothing is cut there: a read changes nothing. The contents are kept sector by sector, shared between
 * copies until one of them writes, so that a campaign can copy the whole chip at every operation.
 */
#ifndef SIM_NOR_H
#define SIM_NOR_H

#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>

#include "oneslot/flash.h"

/// What an operation that did not run to its end leaves behind.
#define NOR_TEARS(X)                                                                                                   \
    X(BEFORE, "before", "the operation had not begun")                                                                 \
    X(AFTER, "after", "the operation was done, its caller never heard of it")                                          \
    X(PREFIX, "prefix", "done up to some byte (block erase: some sector), untouched behind it")                        \
    X(MIX, "mix", "any subset of the bits changed")                                                                    \
    X(MIX_WEAK, "mix-weak", "any subset of the bits changed, some of them weak")                                       \
    X(DONE_WEAK, "done-weak", "looks done, some cells weak")                                                           \
    X(UNDONE_WEAK, "undone-weak", "looks untouched, some cells weak")                                                  \
    X(DAMAGE, "damage", "program: other bytes of the page hurt too; erase: cells still programmed to 0 first")

enum nor_tear {
#define NOR_TEAR_VALUE(name, text, sentence) NOR_##name,
    NOR_TEARS(NOR_TEAR_VALUE)
#undef NOR_TEAR_VALUE
        NOR_TEAR_COUNT
};

enum nor_operation_kind { NOR_PROGRAM, NOR_ERASE_SECTOR, NOR_ERASE_BLOCK };

/// One operation, with a copy of what is to be programmed.
struct nor_operation {
    enum nor_operation_kind kind;
    uint32_t number; ///< counted from 0 since the last nor_count_from_zero()
    uint32_t address;
    uint32_t length;
    uint8_t data[ONESLOT_PAGE_SIZE];
};

enum nor_fault_kind {
    NOR_FAULT_CUT,     ///< power is cut: nothing more is done, control goes to `power`
    NOR_FAULT_ERROR,   ///< the operation returns an error
    NOR_FAULT_SILENT,  ///< the operation returns success
    NOR_FAULT_READ,    ///< a read returns an error; `at` counts reads
    NOR_FAULT_DISTURB, ///< a read returns success and wrong bits; `at` counts reads
    NOR_FAULT_SECTOR,  ///< every operation that touches the sector at address `at` returns an error
};

/// What a sector can no longer do, for good.
enum nor_wear {
    NOR_WEAR_ERASE = 1,   ///< an erase changes nothing
    NOR_WEAR_PROGRAM = 2, ///< a program changes nothing
    NOR_WEAR_SILENT = 4,  ///< and is reported as done
};

/// Something that goes wrong. The operation leaves what `tear` says.
struct nor_fault {
    enum nor_fault_kind kind;
    uint32_t at;    ///< number of the operation or read, or an address
    uint32_t count; ///< how many from there on; 0 is taken for 1
    enum nor_tear tear;
};

#define NOR_FAULTS 4u

/// Times in nanoseconds. Programs are counted by the page: the data sheet's page time for each program operation,
/// however short (its byte times, 30 us and 2.5 us a byte, would make short ones cheaper).
struct nor_timing {
    uint64_t erase_sector;
    uint64_t erase_block;
    uint64_t program;
    uint64_t read_command; ///< command, address and dummy clocks
    uint64_t read_byte;
};

/// W25Q32 data sheet, typical; reads at 20 MHz on one and on two data lines.
extern const struct nor_timing nor_w25q32;
extern const struct nor_timing nor_w25q32_dual;

struct nor_statistics {
    uint64_t sector_erases;
    uint64_t block_erases;
    uint64_t programs;
    uint64_t programmed_bytes;
    uint64_t reads;
    uint64_t read_bytes;
    uint64_t erase_time; ///< nanoseconds, like the others
    uint64_t program_time;
    uint64_t read_time;
    /// What was asked of the chip, in order, as one number: another one as soon as a single read or operation differs.
    /// Those of several chips are added.
    uint64_t trace;
};

enum nor_violation_kind {
    NOR_VIOLATION_NONE,
    NOR_VIOLATION_SET_BIT,   ///< a program would have set a bit: it programs what was not erased
    NOR_VIOLATION_FORBIDDEN, ///< a write to a sector that is not writable
    NOR_VIOLATION_RANGE,     ///< past the chip, off alignment, or across a page
};

struct nor_sector {
    uint32_t references;
    uint32_t erases;
    uint32_t deed; ///< the two counts below belong to this deed of the chip's
    uint32_t deed_erases;
    uint32_t deed_programs;
    uint8_t worn;   ///< enum nor_wear
    uint32_t calm;  ///< the weak cells read as they look until this power-up is over
    uint8_t *weak;  ///< bits whose cells read by chance; NULL for none
    uint8_t *stuck; ///< bits that stay 0 whatever is done; NULL for none
    uint8_t data[ONESLOT_SECTOR_SIZE];
};

struct nor {
    uint32_t size;
    uint32_t sectors;
    struct nor_sector **sector;
    struct nor_timing timing;
    struct nor_statistics statistics;
    uint64_t random;
    uint32_t power_ups;
    uint32_t operations; ///< number of the next operation
    uint32_t reads;      ///< number of the next read
    struct nor_fault fault[NOR_FAULTS];
    uint32_t faults;
    bool fault_hit; ///< some fault struck since it was set
    bool exhausted; ///< the budget is used up
    /// Between two deeds (nor_deed, and every cut): the most that was done to one sector so far, worn and stuck ones
    /// aside.
    uint32_t deed;
    uint32_t deed_erases_max;
    uint32_t deed_programs_max;
    uint32_t deed_address; ///< of the sector that one of them was last raised by
    /// Where a cut goes. Must be set while a cut is planned.
    jmp_buf *power;
    /// Reads and operations left before the power is cut anyway; 0 for no bound. Ends endless loops.
    uint64_t budget;
    /// One byte a sector, 0 where writes are forbidden. NULL: all allowed. Not owned.
    const uint8_t *writable;
    /// Where marks lie: programs of at most 8 bytes there may go over what a cut left of them. Empty for none.
    uint32_t marks_start;
    uint32_t marks_end;
    uint32_t violations;
    enum nor_violation_kind violation; ///< the first one
    uint32_t violation_address;
    /// Called before each operation. May be NULL.
    void (*observe)(void *context, const struct nor *nor, const struct nor_operation *operation);
    void *observe_context;
};

/// An erased chip. `size` is a multiple of 64 KiB. Exits the program when there is no memory.
void nor_create(struct nor *nor, uint32_t size, uint64_t seed);

/// `to` becomes a copy of `from`, contents shared until written. Observer, faults and cut target are not copied.
void nor_copy(struct nor *to, const struct nor *from);

void nor_destroy(struct nor *nor);

/// The port for the core. It refers to `nor`.
struct oneslot_flash nor_flash(struct nor *nor);

/// Puts a word of what came of it into the trace.
void nor_note(struct nor *nor, uint32_t word);

/// Puts bytes into the flash from outside, without operations, wear or rules.
void nor_load(struct nor *nor, uint32_t address, const void *bytes, uint32_t length);

/// The bytes as the cells look, weak or not, without counting a read.
void nor_peek(const struct nor *nor, uint32_t address, void *bytes, uint32_t length);

/// Whether the flash looks like `bytes` there.
bool nor_equal(const struct nor *nor, uint32_t address, const void *bytes, uint32_t length);

/// Whether any cell in the range is weak.
bool nor_weak(const struct nor *nor, uint32_t address, uint32_t length);

/// Makes a bit stick at 0 for good.
void nor_stick(struct nor *nor, uint32_t address, uint8_t bits);

/// The sector at `address` can no longer do that; `wear` is made of enum nor_wear.
void nor_wear_out(struct nor *nor, uint32_t address, uint8_t wear);

/// Bits that change at rest, while nobody writes.
void nor_rot(struct nor *nor, uint32_t address, uint8_t bits);

/// Somebody asks for something: what is written from here on is counted anew (deed_erases_max).
void nor_deed(struct nor *nor);

/// Starts numbering operations and reads at 0 and forgets statistics, faults and violations.
void nor_count_from_zero(struct nor *nor);

/// Plans a fault, on top of those planned. At the most NOR_FAULTS.
void nor_plan(struct nor *nor, struct nor_fault fault);

/// Carries out what `tear` leaves of an operation: what a cut or a failure does to the cells, and nothing else.
void nor_apply(struct nor *nor, const struct nor_operation *operation, enum nor_tear tear);

/// The next number of the chip's generator (splitmix64), and one below `bound`.
uint64_t nor_next_random(uint64_t *state);
uint32_t nor_random_below(uint64_t *state, uint32_t bound);

const char *nor_fault_name(enum nor_fault_kind kind);
const char *nor_tear_name(enum nor_tear tear);
/// NOR_TEAR_COUNT for an unknown name.
enum nor_tear nor_tear_from_name(const char *name);
const char *nor_violation_text(enum nor_violation_kind kind);

#endif
