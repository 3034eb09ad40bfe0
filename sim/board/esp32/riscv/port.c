/*
 * RISC-V: the ROM's functions are 4 bytes apart, so that each stub is a jump to a longer one.
 */
#include "sim/board/esp32/board.h"

#define ROM_START 0x40000000u
#define ROM_END   0x40050000u
/* Where no chip's function that is served lies. */
#define POOL 0x4001c000u

#define T0 5u
#define T1 6u

static uint32_t pool = POOL;

static uint32_t put(uint32_t at, uint32_t instruction) {
    WORD(at) = instruction;
    return at + 4;
}

/// lui and addi of a whole word.
static uint32_t put_word(uint32_t at, uint32_t target, uint32_t word) {
    at = put(at, ((word + 0x800u) & 0xfffff000u) | target << 7 | 0x37u);
    return put(at, (word & 0xfffu) << 20 | target << 15 | target << 7 | 0x13u);
}

/// jal zero.
static uint32_t jump(uint32_t from, uint32_t to) {
    uint32_t offset = to - from;

    return (offset >> 20 & 1u) << 31 | (offset >> 1 & 0x3ffu) << 21 | (offset >> 11 & 1u) << 20 |
           (offset >> 12 & 0xffu) << 12 | 0x6fu;
}

void port_stub(uint32_t address, rom_function *function) {
    put(address, jump(address, pool));
    pool = put_word(pool, T1, (uint32_t)(uintptr_t)function);
    pool = put_word(pool, T0, (uint32_t)(uintptr_t)rom_enter);
    pool = put(pool, T0 << 15 | 0x67u);
}

/// Traps are taken at mtvec, which enter_program sets.
void port_install(void) {
}

/// Eight words in a0 to a7, the rest on the stack.
uint32_t port_argument(const struct rom_call *call, uint32_t at) {
    return at < 8 ? call->argument[at] : WORD(call->stack + (at - 8) * 4);
}

/// QEMU's mcycle counts ns of its time, 2^BOARD_ICOUNT_SHIFT for an instruction.
uint32_t port_instructions(uint32_t counts) {
    return counts >> BOARD_ICOUNT_SHIFT;
}

void port_exception(void) {
    if (trap_frame.pc >= ROM_START && trap_frame.pc < ROM_END) {
        finish(BOARD_FAULT, "a call of a ROM function that the board does not have:", trap_frame.pc);
    }
    switch (trap_frame.cause) {
    case 2:
        finish(BOARD_FAULT, "an illegal instruction at", trap_frame.pc);
    case 3:
        finish(BOARD_FAULT, "a breakpoint instruction at", trap_frame.pc);
    case 4:
    case 6:
        finish(BOARD_FAULT, "a load or store off its alignment at", trap_frame.pc);
    case 11:
        finish(BOARD_FAULT, "an environment call at", trap_frame.pc);
    default:
        finish(BOARD_FAULT, "an exception at", trap_frame.pc);
    }
}
