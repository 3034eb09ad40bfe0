/*
 * The LX106: the Xtensa core of the ESP8266, which has no register windows.
 *
 * Its options: 16-bit instructions, MUL16 and MUL32 (low half), NSA, L32R with LITBASE, exceptions, interrupts of level
 * 1, debug at level 2, NMI at level 3, one timer, region protection. It has no loops, MIN/MAX, SEXT, CLAMPS, MULUH,
 * division, MAC16, booleans or coprocessors: those are illegal instructions, here as there.
 */
#ifndef SIM_ESP8266_CPU_H
#define SIM_ESP8266_CPU_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/esp8266/decode.h"

enum cpu_cause {
    CAUSE_ILLEGAL = 0,
    CAUSE_SYSCALL = 1,
    CAUSE_FETCH_ERROR = 2,
    CAUSE_LOAD_STORE_ERROR = 3,
    CAUSE_INTERRUPT = 4,
    CAUSE_ALIGNMENT = 9,
    CAUSE_FETCH_PROHIBITED = 20,
    CAUSE_LOAD_PROHIBITED = 28,
    CAUSE_STORE_PROHIBITED = 29,
    CAUSE_NONE = 64,
};

#define PS_INTLEVEL 0x0fu
#define PS_EXCM     0x10u
#define PS_UM       0x20u

/// Interrupts 6 and 7 are the core's own, 8 to 13 latch edges; the others follow their line.
#define INTERRUPT_TIMER    6u
#define INTERRUPT_SOFTWARE 7u

/// The program clears the latched ones in INTCLEAR, but the timer's with a write to CCOMPARE.
#define CPU_LATCHED 0x3fc0u

#define CPU_MARKS 64u

/// A range of memory from which instructions are fetched, with what was decoded of it.
struct code {
    uint32_t base;
    uint32_t size;
    uint8_t *bytes; ///< with three bytes of room behind it
    struct instruction *decoded;
};

struct cpu {
    uint32_t a[16];
    uint32_t pc;
    uint32_t ps, sar, litbase, vecbase;
    uint32_t epc[4], eps[4], excsave[4], depc; ///< by level; 0 is not used
    uint32_t exccause, excvaddr, debugcause;
    uint32_t interrupt; ///< what is latched
    uint32_t lines;     ///< inputs that follow their line
    uint32_t intenable;
    uint32_t ccompare;
    uint32_t ibreakenable, ibreaka, dbreaka, dbreakc, icount, icountlevel, memctl, ddr;
    uint64_t cycles; ///< since power-on; CCOUNT is the low half plus ccount_offset
    uint32_t ccount_offset;
    uint64_t instructions; ///< since power-on
    uint64_t stop_at;      ///< cycle at which cpu_run returns
    bool waiting;          ///< in WAITI
    bool nmi;              ///< an edge was seen
    bool mark_passed;      ///< the mark where pc stands was told of

    const struct code *code; ///< where pc is; NULL when that may have changed
    uint8_t *data;           ///< memory that is read and written in any size, without the bus
    uint32_t data_base, data_size;
    void *bus;

    uint32_t marks[CPU_MARKS];
    unsigned mark_count;
};

/* What the core asks of the chip around it. A return other than CAUSE_NONE is the exception that follows. */

enum cpu_cause bus_load(void *bus, uint32_t address, unsigned size, uint32_t *value);
enum cpu_cause bus_store(void *bus, uint32_t address, unsigned size, uint32_t value);
/// The range in which `pc` lies, or NULL: instruction fetch error.
const struct code *bus_code(void *bus, uint32_t pc);
/// Called before an exception is taken, interrupts too.
void bus_exception(void *bus, enum cpu_cause cause, uint32_t address);
/// Called before a marked instruction; cpu_run returns then.
void bus_marked(void *bus, uint32_t pc);

/// As after a reset: the first instruction is the ROM's at 0x40000080. Counts go on.
void cpu_reset(struct cpu *cpu);
/// Runs until stop_at or a mark.
void cpu_run(struct cpu *cpu);
/// Marks an address, or takes the mark away. Whoever keeps what was decoded must forget it there. Returns whether
/// there was room.
bool cpu_mark(struct cpu *cpu, uint32_t address, bool on);

static inline uint32_t cpu_ccount(const struct cpu *cpu) {
    return (uint32_t)cpu->cycles + cpu->ccount_offset;
}

#endif
