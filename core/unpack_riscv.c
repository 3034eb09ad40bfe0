/* The filter of RISC-V's calls. docs/FORMATS.md has it in words, host/pack/filter.c the other direction. */
#include "unpack_filter.h"

/// Instructions, by the bits that tell them apart.
#define JAL       0x6fu
#define AUIPC     0x17u
#define JALR      0x67u
#define JALR_MASK 0x707fu

static uint32_t get32(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void put32(uint8_t *bytes, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/// jal's offset has its bits in an order of its own; the target was put there with its high bits first.
static uint32_t undo_jal(uint32_t instruction, uint32_t place) {
    uint32_t target = (instruction >> 12 & 0xf) << 16 | (instruction >> 8 & 0xff00) | instruction >> 24;
    uint32_t offset = target - place / 2;
    return (instruction & 0xfff) | (offset >> 11 & 0xff) << 12 | (offset >> 10 & 1) << 20 | (offset & 0x3ff) << 21 |
           (offset >> 19 & 1) << 31;
}

static bool is_far_call(uint32_t first, uint32_t second) {
    return (first & 0x7f) == AUIPC && (second & JALR_MASK) == JALR && (second >> 15 & 31) == (first >> 7 & 31);
}

/// auipc gives 20 bits and jalr 12 with a sign, so the upper part is rounded.
static void undo_far_call(uint8_t *bytes, uint32_t first, uint32_t second, uint32_t place) {
    uint32_t low = ((second >> 20) ^ 0x800) - 0x800;
    uint32_t offset = (first & 0xfffff000) + low - place;
    put32(bytes, (first & 0xfff) | ((offset + 0x800) & 0xfffff000));
    put32(bytes + 4, (second & 0xfffff) | offset << 20);
}

uint32_t oneslot_filter_undo_riscv(uint8_t *bytes, uint32_t held, uint32_t position, bool last) {
    uint32_t at = 0;
    while (at + (last ? 4 : 8) <= held) {
        uint32_t instruction = get32(bytes + at);
        uint32_t length = (instruction & 3) == 3 ? 4 : 2;
        // x0 and x1: a jump and a call.
        if ((instruction & 0x7f) == JAL && (instruction >> 7 & 31) <= 1) {
            put32(bytes + at, undo_jal(instruction, position + at));
        } else if (at + 8 <= held && is_far_call(instruction, get32(bytes + at + 4))) {
            undo_far_call(bytes + at, instruction, get32(bytes + at + 4), position + at);
            length = 8;
        }
        at += length;
    }
    return at;
}
