#include "tests/synthetic.h"

#include <string.h>

#include "bearssl_hash.h"
#include "sim/nor.h"

#define LENGTH_OFFSET 0x8ffcu
#define CODE_OFFSET   0x9000u
#define SEGMENT_SIZE  0x7000u

static void put_word(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

void synthetic_seal(uint8_t *bytes, uint32_t size) {
    put_word(bytes + LENGTH_OFFSET, size - 16u);
    br_md5_context md5;
    br_md5_init(&md5);
    br_md5_update(&md5, bytes + 4, size - 16u - 4u);
    br_md5_out(&md5, bytes + size - 16u);
}

void synthetic_micropython(uint8_t *bytes, uint32_t size, uint64_t seed, uint32_t same) {
    uint64_t random = seed;
    memset(bytes, 0xff, size);
    memcpy(bytes, (const uint8_t[]){0xe9, 1, 0, 0x20}, 4);
    put_word(bytes + 4, 0x40100004u);
    put_word(bytes + 8, 0x40100000u);
    put_word(bytes + 12, SEGMENT_SIZE);
    uint8_t checksum = 0xef;
    for (uint32_t i = 0; i < SEGMENT_SIZE; i++) {
        bytes[16 + i] = (uint8_t)nor_next_random(&random);
        checksum ^= bytes[16 + i];
    }
    bytes[(16 + SEGMENT_SIZE) | 15u] = checksum;
    uint64_t common = 0;
    for (uint32_t i = CODE_OFFSET; i < size - 16u; i++) {
        bytes[i] = (uint8_t)nor_next_random(i - CODE_OFFSET < same ? &common : &random);
    }
    synthetic_seal(bytes, size);
}
