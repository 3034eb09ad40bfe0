/* Filters of compressed images. docs/FORMATS.md has them in words, core/pack_filter.c the other direction. */
#include "unpack_filter.h"

/// Instructions, by the bits that tell them apart.
#define CALL0     0x05u
#define CALL8     0x25u
#define CALL_MASK 0x3fu
#define L32R      0x01u
#define FAR       0x800000u /* top bit of l32r's offset: only such offsets are made absolute */
#define JAL       0x6fu
#define AUIPC     0x17u
#define JALR      0x67u
#define JALR_MASK 0x707fu
#define BITS_18   0x3ffffu
#define BITS_15   0x7fffu
#define NARROW    8u /* Xtensa: from this first nibble on an instruction has two bytes, not three */

static uint32_t get24(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

static void put24(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
}

static uint32_t get32(const uint8_t *bytes) {
    return get24(bytes) | (uint32_t)bytes[3] << 24;
}

static void put32(uint8_t *bytes, uint32_t value) {
    put24(bytes, value);
    bytes[3] = (uint8_t)(value >> 24);
}

/// Word offset of a call at word `place` in an image of `words`. Targets inside the image were made absolute. The
/// values that those took were given to offsets that point past it; where that does not go round, all were made
/// absolute.
static uint32_t call_offset(uint32_t instruction, uint32_t place, uint32_t words) {
    uint32_t target = (instruction >> 6 & 3) << 16 | (instruction & 0xff00) | instruction >> 16;
    uint32_t above = (target + place) & BITS_18;
    if (words + place <= BITS_18) {
        if (above < place) {
            return (target + words) & BITS_18;
        }
        if (above >= place + words) {
            return target;
        }
    }
    return (target - place) & BITS_18;
}

static uint32_t undo_xtensa(uint8_t *bytes, uint32_t held, uint32_t position, uint32_t size, uint32_t call) {
    uint32_t at = 0;
    while (at + 3 <= held) {
        uint32_t instruction = get24(bytes + at);
        uint32_t place = position + at;
        if ((instruction & CALL_MASK) == call) {
            put24(bytes + at, (instruction & CALL_MASK) | call_offset(instruction, place / 4, size / 4) << 6);
        } else if ((instruction & 0xf) == L32R && (instruction & FAR)) {
            uint32_t target = (instruction >> 8 & 0xff) << 7 | (instruction >> 16 & 0x7f);
            put24(bytes + at, (instruction & 0xff) | FAR | ((target - (place + 3) / 4) & BITS_15) << 8);
        }
        at += (instruction & 0xf) >= NARROW ? 2 : 3;
    }
    return at;
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

static uint32_t undo_riscv(uint8_t *bytes, uint32_t held, uint32_t position, bool last) {
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

uint32_t oneslot_filter_undo(enum oneslot_filter filter, uint8_t *bytes, uint32_t held, uint32_t position,
                             uint32_t size, bool last) {
    uint32_t done = held;
    if (filter == ONESLOT_FILTER_RISCV) {
        done = undo_riscv(bytes, held, position, last);
    } else if (filter != ONESLOT_FILTER_NONE) {
        done = undo_xtensa(bytes, held, position, size, filter == ONESLOT_FILTER_LX6 ? CALL8 : CALL0);
    }
    return last ? held : done;
}
