/*
 * Numbers: the Instruction Set Architecture Reference Manual, table of special registers.
 */
#include "sim/esp8266/special.h"

#include <stddef.h>

enum {
    SAR = 3,
    LITBASE = 5,
    IBREAKENABLE = 96,
    MEMCTL = 97,
    DDR = 104,
    IBREAKA = 128,
    DBREAKA = 144,
    DBREAKC = 160,
    EPC = 176, ///< + 1 to 3
    DEPC = 192,
    EPS = 192,     ///< + 2, 3
    EXCSAVE = 208, ///< + 1 to 3
    INTERRUPT_SET = 226,
    INTERRUPT_CLEAR = 227,
    INTENABLE = 228,
    PS = 230,
    VECBASE = 231,
    EXCCAUSE = 232,
    DEBUGCAUSE = 233,
    CCOUNT = 234,
    ICOUNT = 236,
    ICOUNTLEVEL = 237,
    EXCVADDR = 238,
    CCOMPARE = 240,
};

/// Registers with which nothing happens but that they are read and written, and the bits that they have.
static const struct {
    uint8_t number;
    uint32_t mask;
    size_t place;
} registers[] = {
    {SAR, 63, offsetof(struct cpu, sar)},
    {LITBASE, 0xfffff001u, offsetof(struct cpu, litbase)},
    {IBREAKENABLE, UINT32_MAX, offsetof(struct cpu, ibreakenable)},
    {MEMCTL, UINT32_MAX, offsetof(struct cpu, memctl)},
    {DDR, UINT32_MAX, offsetof(struct cpu, ddr)},
    {IBREAKA, UINT32_MAX, offsetof(struct cpu, ibreaka)},
    {DBREAKA, UINT32_MAX, offsetof(struct cpu, dbreaka)},
    {DBREAKC, UINT32_MAX, offsetof(struct cpu, dbreakc)},
    {EPC + 1, UINT32_MAX, offsetof(struct cpu, epc[1])},
    {EPC + 2, UINT32_MAX, offsetof(struct cpu, epc[2])},
    {EPC + 3, UINT32_MAX, offsetof(struct cpu, epc[3])},
    {DEPC, UINT32_MAX, offsetof(struct cpu, depc)},
    {EPS + 2, UINT32_MAX, offsetof(struct cpu, eps[2])},
    {EPS + 3, UINT32_MAX, offsetof(struct cpu, eps[3])},
    {EXCSAVE + 1, UINT32_MAX, offsetof(struct cpu, excsave[1])},
    {EXCSAVE + 2, UINT32_MAX, offsetof(struct cpu, excsave[2])},
    {EXCSAVE + 3, UINT32_MAX, offsetof(struct cpu, excsave[3])},
    {INTENABLE, UINT32_MAX, offsetof(struct cpu, intenable)},
    {PS, 0x3ffu, offsetof(struct cpu, ps)},
    {VECBASE, 0xfffff000u, offsetof(struct cpu, vecbase)},
    {EXCCAUSE, 63, offsetof(struct cpu, exccause)},
    {DEBUGCAUSE, 0, offsetof(struct cpu, debugcause)},
    {ICOUNT, UINT32_MAX, offsetof(struct cpu, icount)},
    {ICOUNTLEVEL, UINT32_MAX, offsetof(struct cpu, icountlevel)},
    {EXCVADDR, UINT32_MAX, offsetof(struct cpu, excvaddr)},
    {CCOMPARE, UINT32_MAX, offsetof(struct cpu, ccompare)},
};

/// Returns NULL for others.
static uint32_t *plain(struct cpu *cpu, unsigned number, uint32_t *mask) {
    for (size_t i = 0; i < sizeof registers / sizeof registers[0]; i++) {
        if (registers[i].number == number) {
            *mask = registers[i].mask;
            return (uint32_t *)(void *)((uint8_t *)cpu + registers[i].place);
        }
    }
    return NULL;
}

uint32_t special_read(struct cpu *cpu, unsigned number) {
    uint32_t mask;
    switch (number) {
    case SAR: // the two that programs read all the time
        return cpu->sar;
    case CCOUNT:
        return cpu_ccount(cpu);
    case INTERRUPT_SET:
        return cpu->interrupt | cpu->lines;
    default:
        break;
    }
    const uint32_t *place = plain(cpu, number, &mask);
    return place != NULL ? *place : 0;
}

void special_write(struct cpu *cpu, unsigned number, uint32_t value) {
    uint32_t mask;
    switch (number) {
    case SAR:
        cpu->sar = value & 63;
        return;
    case CCOUNT:
        cpu->ccount_offset = value - (uint32_t)cpu->cycles;
        return;
    case INTERRUPT_SET:
        cpu->interrupt |= value & (1u << INTERRUPT_SOFTWARE);
        return;
    case INTERRUPT_CLEAR:
        cpu->interrupt &= ~(value & CPU_LATCHED & ~(1u << INTERRUPT_TIMER));
        return;
    case CCOMPARE: // ends the timer's interrupt too
        cpu->interrupt &= ~(1u << INTERRUPT_TIMER);
        break;
    default:
        break;
    }
    uint32_t *place = plain(cpu, number, &mask);
    if (place != NULL && mask != 0) {
        *place = value & mask;
    }
}
