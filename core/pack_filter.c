/* Filters before compression. core/unpack_filter.c is the way back, docs/FORMATS.md has both in words. */
#include "pack_filter.h"

#define CALL_RING 0x40000u /* values of a call's offset, in words */

static uint32_t get_bytes(const uint8_t *bytes, unsigned count) {
    uint32_t value = 0;
    for (unsigned i = 0; i < count; i++) {
        value |= (uint32_t)bytes[i] << (8 * i);
    }
    return value;
}

static void put_bytes(uint8_t *bytes, uint32_t value, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/// Offsets that point into the image become targets; the offsets that have those values take the free ones.
static uint32_t call_target(uint32_t offset, uint32_t place, uint32_t words) {
    uint32_t target = (offset + place) % CALL_RING;
    if (words + place < CALL_RING && target >= words) {
        return target < words + place ? (offset - words) % CALL_RING : offset;
    }
    return target;
}

static uint32_t apply_xtensa(uint8_t *bytes, uint32_t held, uint32_t position, uint32_t size, uint32_t call) {
    uint32_t at = 0;
    while (at + 3 <= held) {
        uint32_t instruction = get_bytes(bytes + at, 3);
        uint32_t place = position + at;
        if ((instruction & 0x3f) == call) {
            uint32_t target = call_target(instruction >> 6, place / 4, size / 4);
            put_bytes(bytes + at,
                      (instruction & 0x3f) | (target >> 16) << 6 | (target & 0xff00) | (target & 0xff) << 16, 3);
        } else if ((instruction & 0xf) == 1 && instruction >> 23) {
            uint32_t target = ((instruction >> 8) + (place + 3) / 4) & 0x7fff;
            put_bytes(bytes + at, (instruction & 0xff) | (target >> 7) << 8 | (0x80 | (target & 0x7f)) << 16, 3);
        }
        at += (instruction & 0xf) < 8 ? 3 : 2;
    }
    return at;
}

static uint32_t jal_target(uint32_t instruction, uint32_t place) {
    uint32_t offset = (instruction >> 31) << 19 | (instruction >> 12 & 0xff) << 11 | (instruction >> 20 & 1) << 10 |
                      (instruction >> 21 & 0x3ff);
    uint32_t target = (offset + place / 2) & 0xfffff;
    return (instruction & 0xfff) | (target >> 16) << 12 | (target >> 8 & 0xff) << 16 | (target & 0xff) << 24;
}

static uint32_t apply_riscv(uint8_t *bytes, uint32_t held, uint32_t position, bool last) {
    uint32_t at = 0;
    while (at + (last ? 4 : 8) <= held) {
        uint32_t first = get_bytes(bytes + at, 4);
        uint32_t second = at + 8 <= held ? get_bytes(bytes + at + 4, 4) : 0;
        if ((first & 3) != 3) {
            at += 2;
            continue;
        }
        if ((first & 0xfff) == 0xef || (first & 0xfff) == 0x6f) {
            put_bytes(bytes + at, jal_target(first, position + at), 4);
        } else if ((first & 0x7f) == 0x17 && (second & 0x707f) == 0x67 && (second >> 15 & 31) == (first >> 7 & 31)) {
            uint32_t low = second >> 20;
            uint32_t target = (first & 0xfffff000) + low - (low & 0x800 ? 0x1000 : 0) + position + at;
            put_bytes(bytes + at, (first & 0xfff) | ((target + 0x800) & 0xfffff000), 4);
            put_bytes(bytes + at + 4, (second & 0xfffff) | target << 20, 4);
            at += 4;
        }
        at += 4;
    }
    return at;
}

uint32_t oneslot_filter_apply(enum oneslot_filter filter, uint8_t *bytes, uint32_t held, uint32_t position,
                              uint32_t size, bool last) {
    uint32_t done = held;
    if (filter == ONESLOT_FILTER_RISCV) {
        done = apply_riscv(bytes, held, position, last);
    } else if (filter != ONESLOT_FILTER_NONE) {
        done = apply_xtensa(bytes, held, position, size, filter == ONESLOT_FILTER_LX6 ? 0x25 : 0x05);
    }
    return last ? held : done;
}
