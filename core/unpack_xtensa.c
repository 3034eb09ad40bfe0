/* The filter of Xtensa's calls and literals. docs/FORMATS.md has it in words, host/pack/filter.c the other direction.
 */
#include "unpack_filter.h"

/// Instructions, by the bits that tell them apart.
#define CALL_MASK 0x3fu
#define L32R      0x01u
#define FAR       0x800000u /* top bit of l32r's offset: only such offsets are made absolute */
#define BITS_18   0x3ffffu
#define BITS_15   0x7fffu
#define NARROW    8u /* from this first nibble on an instruction has two bytes, not three */

static uint32_t get24(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
}

static void put24(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
    bytes[2] = (uint8_t)(value >> 16);
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

uint32_t oneslot_filter_undo_xtensa(uint8_t *bytes, uint32_t held, uint32_t position, uint32_t size, uint32_t call) {
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
