/*
 * Notices the application's entry with the core's one instruction breakpoint, which changes nothing that the guest
 * sees, and a reset by register with its one data breakpoint.
 *
 * The installer may be loaded over the application's entry, so the code found there tells them apart.
 */
#include "board.h"

#define RESET_REGISTER 0x60000700u
#define RESET_BIT      0x80000000u
#define IBREAK_CAUSE   0x02u
#define DBREAK_CAUSE   0x04u
/* DBREAKC: stores, and all address bits from bit 2 on. */
#define DBREAK_STORE_WORD 0x8000003cu
#define COMPARED          64u

static uint32_t armed;
static uint32_t saved_enable;

static void set_breakpoint(uint32_t address, bool on) {
    if (on) {
        __asm__ volatile("wsr.ibreaka0 %0\n isync" : : "r"(address));
    }
    __asm__ volatile("wsr.ibreakenable %0\n isync" : : "r"(on ? 1u : 0u));
    saved_enable = on;
}

static void watch_reset_register(void) {
    __asm__ volatile("wsr.dbreaka0 %0\n wsr.dbreakc0 %1\n dsync" : : "r"(RESET_REGISTER), "r"(DBREAK_STORE_WORD));
}

void watch_nothing(void) {
    set_breakpoint(0, false);
    __asm__ volatile("wsr.dbreakc0 %0\n dsync" : : "r"(0));
}

/// Flash address of byte `offset` of the application's image.
static uint32_t image_at(uint32_t offset) {
    return offset < SECTOR_SIZE ? MAILBOX->displaced + offset : offset;
}

static uint32_t image_word(uint32_t offset) {
    uint32_t word = 0;

    for (uint32_t i = 0; i < 4; i++) {
        word |= (uint32_t)*flash_at(image_at(offset + i)) << i * 8;
    }
    return word;
}

/// Whether the code at `entry` is the application's, as far as its own segment goes.
static bool application_at(uint32_t entry) {
    uint32_t offset = 8;
    uint32_t segments = image_word(0) >> 8 & 0xffu;

    for (uint32_t i = 0; i < segments && offset < MAILBOX->flash_size; i++) {
        uint32_t address = image_word(offset);
        uint32_t length = image_word(offset + 4);
        uint32_t inside = entry & ~3u;

        offset += 8;
        if (entry >= address && entry - address < length) {
            for (uint32_t done = 0; done < COMPARED && inside - address + done < length; done += 4) {
                if (WORD(inside + done) != image_word(offset + (inside - address) + done)) {
                    return false;
                }
            }
            return true;
        }
        offset += length;
    }
    return false;
}

void watch_entry(void) {
    armed = image_word(4);
    set_breakpoint(armed, (image_word(0) & 0xffu) == 0xe9u);
    watch_reset_register();
}

/// After other code was let pass at the entry, the next call of the ROM sets the breakpoint again.
void watch_again(void) {
    if (saved_enable == 0 && armed != 0 && MAILBOX->other_entries != 0) {
        watch_entry();
    }
}

static void take_snapshot(void) {
    struct board_snapshot *snapshot = (struct board_snapshot *)BOARD_SNAPSHOT;

    rom_memcpy(snapshot->dram, (const void *)BOARD_DRAM, BOARD_DRAM_SIZE);
    rom_memcpy(snapshot->iram, (const void *)BOARD_IRAM, BOARD_IRAM_SIZE);
    MAILBOX->entered = trap_frame;
    MAILBOX->entered_cause = boot_cause;
    MAILBOX->entered_cache = cache_on;
    MAILBOX->entered_instructions = MAILBOX->instructions;
    MAILBOX->entries++;
}

static void entry_reached(void) {
    // Code entered as the application is, but with other content, is an application wrongly loaded: the host says so.
    bool entered = trap_frame.a[2] == armed && WORD(ROM_USER_START) == armed;

    set_breakpoint(0, false);
    if (!entered && !application_at(armed)) {
        MAILBOX->other_entries++;
        return;
    }
    armed = 0;
    take_snapshot();
    if (MAILBOX->go == 0) {
        finish(BOARD_APPLICATION, "", 0);
    }
}

/// Called by trap_debug on the board's stack; on return the guest goes on.
void board_debug(void);
void board_debug(void) {
    account(rom_frame.ccount_in);
    if ((trap_frame.cause & IBREAK_CAUSE) != 0) {
        entry_reached();
    } else if ((trap_frame.cause & DBREAK_CAUSE) != 0) {
        // The store has not happened yet. What it would store is not known here; every store to this register in
        // the SDK's and the ROM's code sets the reset bit.
        MAILBOX->resets++;
        reset(2);
    } else {
        finish(BOARD_FAULT, "a breakpoint instruction at", trap_frame.pc);
    }
}

/// Called by trap_exception.
void board_exception(void) __attribute__((noreturn));
void board_exception(void) {
    account(rom_frame.ccount_in);
    if (trap_frame.pc >= 0x40000000u && trap_frame.pc < 0x40010000u) {
        finish(BOARD_FAULT, "a call of a ROM function that the board does not have:", trap_frame.pc);
    }
    switch (trap_frame.cause) {
    case 0:
        finish(BOARD_FAULT, "an illegal instruction at", trap_frame.pc);
    case 1:
        finish(BOARD_FAULT, "a system call at", trap_frame.pc);
    case 6:
        finish(BOARD_FAULT, "a division by zero at", trap_frame.pc);
    case 9:
        finish(BOARD_FAULT, "a load or store off its alignment at", trap_frame.pc);
    default:
        finish(BOARD_FAULT, "an exception at", trap_frame.pc);
    }
}
