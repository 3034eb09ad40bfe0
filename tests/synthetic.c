#include "tests/synthetic.h"

#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/layout.h"
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

/// A header and a segment of `length` bytes behind it. Returns where its checksum lies.
static uint32_t put_image(uint8_t *bytes, uint32_t length, uint64_t *random, const char *text) {
    uint8_t checksum = 0xef;
    memcpy(bytes, (const uint8_t[]){0xe9, 1, 0, 0x20}, 4);
    put_word(bytes + 4, 0x40100004u);
    put_word(bytes + 8, 0x40100000u);
    put_word(bytes + 12, length);
    for (uint32_t i = 0; i < length; i++) {
        bytes[16 + i] = (uint8_t)nor_next_random(random);
    }
    memcpy(bytes + 24, text, strlen(text));
    for (uint32_t i = 0; i < length; i++) {
        checksum ^= bytes[16 + i];
    }
    uint32_t at = (16 + length) | 15u;
    memset(bytes + 16 + length, 0, at - 16 - length);
    bytes[at] = checksum;
    return at;
}

void synthetic_user1(uint8_t *bytes, uint32_t size, uint64_t seed) {
    uint32_t code = size - SYNTHETIC_USER1_MINIMUM;
    memcpy(bytes, (const uint8_t[]){0xea, 4, 0, 0x20}, 4);
    put_word(bytes + 4, 0x40100004u);
    put_word(bytes + 8, 0);
    put_word(bytes + 12, code);
    for (uint32_t i = 0; i < code; i++) {
        bytes[16 + i] = (uint8_t)nor_next_random(&seed);
    }
    (void)put_image(bytes + 16 + code, 56, &seed, "");
    uint32_t crc = oneslot_crc32(0, bytes, size - 4);
    put_word(bytes + size - 4, crc & 0x80000000u ? ~crc : crc + 1);
}

void synthetic_boot(uint8_t bytes[4096]) {
    uint64_t seed = 7;
    memset(bytes, 0xff, 4096);
    (void)put_image(bytes, 0x800, &seed, "2nd boot version : 1.7\n");
}
