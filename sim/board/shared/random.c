#include "sim/board/shared/shared.h"

static uint32_t state = 1;

void random_seed(uint32_t seed) {
    state = seed * 2654435761u + 1u;
    if (state == 0) {
        state = 1;
    }
}

/// Marsaglia's xorshift32.
uint32_t random_word(void) {
    state ^= state << 13;
    state ^= state >> 17;
    state ^= state << 5;
    return state;
}

void fill_random(uint32_t from, uint32_t to) {
    for (; from < to; from += 4) {
        WORD(from) = random_word();
    }
}
