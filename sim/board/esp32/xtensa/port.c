/*
 * Xtensa: the vectors of the windowed registers, and stubs that are called by a windowed call.
 */
#include "sim/board/esp32/board.h"

#define ROM_START 0x40000000u
/* Literals and the second half of each stub lie where no function of the ROM that is served does: the first place is
 * within reach of a jump (128 KiB) of all but the ESP32's upper ROM, the second of that. */
#define POOL_LOW  0x4001c000u
#define POOL_HIGH 0x40050000u
#define POOL_EDGE 0x40030000u

extern const uint8_t window_vectors[];
extern const uint8_t window_vectors_end[];

/// Jumps there with the ROM function in a10: see start.S.
static uint32_t pools[2] = {POOL_LOW, POOL_HIGH};

static uint8_t *put_instruction(uint8_t *at, uint32_t instruction) {
    at[0] = (uint8_t)instruction;
    at[1] = (uint8_t)(instruction >> 8);
    at[2] = (uint8_t)(instruction >> 16);
    return at + 3;
}

/// l32r: a literal below the instruction, as a negative count of words from the next aligned address.
static uint8_t *put_load(uint8_t *at, uint32_t target, uint32_t literal) {
    uint32_t base = ((uint32_t)(uintptr_t)at + 3) & ~3u;

    return put_instruction(at, ((literal - base) >> 2 & 0xffffu) << 8 | target << 4 | 1u);
}

/// entry a1, 32; then a jump to what loads a10 and goes on to rom_enter.
void port_stub(uint32_t address, rom_function *function) {
    uint32_t *pool = &pools[address >= POOL_EDGE];
    uint32_t rest = *pool + 8;
    uint8_t *at = (uint8_t *)(uintptr_t)address;

    WORD(*pool) = (uint32_t)(uintptr_t)function;
    WORD(*pool + 4) = (uint32_t)(uintptr_t)rom_enter;
    at = put_instruction(at, 0x004136u);
    put_instruction(at, 6u | (rest - (uint32_t)(uintptr_t)at - 4) << 6);

    at = (uint8_t *)(uintptr_t)rest;
    at = put_load(at, 10, *pool);
    at = put_load(at, 9, *pool + 4);
    put_instruction(at, 0xa0u | 9u << 8);
    *pool = rest + 12;
}

void port_install(void) {
    rom_memcpy((void *)ROM_START, window_vectors, (uintptr_t)window_vectors_end - (uintptr_t)window_vectors);
}

/// Six words in a2 to a7 of the function that is called, the rest from its caller's a1 on, which is above the 32 bytes
/// that the stub's `entry` took.
uint32_t port_argument(const struct rom_call *call, uint32_t at) {
    return at < 6 ? call->argument[at] : WORD(call->stack + 32 + (at - 6) * 4);
}

/// CCOUNT of QEMU's de212 counts at 40 MHz; an instruction takes 2^BOARD_ICOUNT_SHIFT ns.
uint32_t port_instructions(uint32_t counts) {
    static uint32_t remainder;
    uint64_t scaled = (uint64_t)counts * 25 + remainder;

    remainder = (uint32_t)scaled & ((1u << BOARD_ICOUNT_SHIFT) - 1);
    return (uint32_t)(scaled >> BOARD_ICOUNT_SHIFT);
}

void port_exception(void) {
    if (trap_frame.pc >= ROM_START && trap_frame.pc < POOL_HIGH + 0x20000u &&
        *(const uint8_t *)(uintptr_t)(trap_frame.pc & ~3u) == 0) {
        finish(BOARD_FAULT, "a call of a ROM function that the board does not have:", trap_frame.pc);
    }
    switch (trap_frame.cause) {
    case 0:
        finish(BOARD_FAULT, "an illegal instruction at", trap_frame.pc);
    case 1:
        finish(BOARD_FAULT, "a system call at", trap_frame.pc);
    case 5:
        finish(BOARD_FAULT, "a movsp that needs the operating system's help at", trap_frame.pc);
    case 6:
        finish(BOARD_FAULT, "a division by zero at", trap_frame.pc);
    case 9:
        finish(BOARD_FAULT, "a load or store off its alignment at", trap_frame.pc);
    default:
        finish(BOARD_FAULT, "an exception at", trap_frame.pc);
    }
}
