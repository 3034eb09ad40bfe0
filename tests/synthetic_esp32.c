#include "tests/synthetic_esp32.h"

#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/chip.h"
#include "sim/nor.h"

#define HEADER_SIZE     24u
#define DIGEST_SIZE     32u
#define DATA_LENGTH     0x200u
#define RAM_LENGTH      0x100u
#define CODE_HEADER     (HEADER_SIZE + 8u + DATA_LENGTH + 8u + RAM_LENGTH)
#define CODE_OFFSET     (CODE_HEADER + 8u)
#define BLOCK_REVISIONS (HEADER_SIZE + 8u + 176u) /* of eFuse: none is asked for */

const struct synthetic_esp32_memory synthetic_esp32_memories[SYNTHETIC_ESP32_CHIPS] = {
    {ONESLOT_CHIP_ESP32, 0x3f400000, 0x400d0000, 0x3ffb0000},
    {ONESLOT_CHIP_ESP32S2, 0x3f000000, 0x40080000, 0x3ffc0000},
    {ONESLOT_CHIP_ESP32C3, 0x3c000000, 0x42000000, 0x3fc90000},
    {ONESLOT_CHIP_ESP32S3, 0x3c000000, 0x42000000, 0x3fc90000},
    {ONESLOT_CHIP_ESP32C2, 0x3c000000, 0x42000000, 0x3fcb0000},
    {ONESLOT_CHIP_ESP32C6, 0x42000000, 0x42010000, 0x40810000},
    {ONESLOT_CHIP_ESP32H2, 0x42000000, 0x42010000, 0x40810000},
};

/// Of a chip that is none of these, an ESP32's.
static const struct synthetic_esp32_memory *memory_of(uint16_t chip) {
    uint32_t index = 0;
    for (uint32_t i = 0; i < SYNTHETIC_ESP32_CHIPS; i++) {
        index = synthetic_esp32_memories[i].chip == chip ? i : index;
    }
    return &synthetic_esp32_memories[index];
}

static void put_word(uint8_t *bytes, uint32_t value) {
    for (int i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static void put_segment(uint8_t *bytes, uint32_t offset, uint32_t address, uint32_t length) {
    put_word(bytes + offset, address);
    put_word(bytes + offset + 4, length);
}

void synthetic_esp32_seal(uint8_t *bytes, uint32_t size) {
    uint32_t body = size - DIGEST_SIZE;
    uint8_t checksum = 0xef;
    for (uint32_t i = HEADER_SIZE + 8u; i < body - 16u; i++) {
        bool header = (i >= HEADER_SIZE + 8u + DATA_LENGTH && i < HEADER_SIZE + 16u + DATA_LENGTH) ||
                      (i >= CODE_HEADER && i < CODE_OFFSET);
        checksum ^= header ? 0 : bytes[i];
    }
    bytes[body - 1u] = checksum;
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, bytes, body);
    br_sha256_out(&sha256, bytes + body);
}

void synthetic_esp32(uint8_t *bytes, uint32_t size, uint16_t chip, uint64_t seed, uint32_t same) {
    uint32_t end = size - DIGEST_SIZE - 16u;
    uint64_t random = seed;
    uint64_t common = 0;
    const struct synthetic_esp32_memory *memory = memory_of(chip);
    for (uint32_t i = 0; i < end; i++) {
        bytes[i] = (uint8_t)nor_next_random(i >= CODE_OFFSET && end - i <= same ? &common : &random);
    }
    memset(bytes, 0, HEADER_SIZE);
    memset(bytes + end, 0, size - end);
    memcpy(bytes, (const uint8_t[]){0xe9, 3, 2, 0x20}, 4);
    put_word(bytes + 4, memory->ram);
    bytes[8] = 0xee;
    bytes[12] = (uint8_t)chip;
    bytes[13] = (uint8_t)(chip >> 8);
    bytes[23] = 1;
    put_segment(bytes, HEADER_SIZE, memory->data + HEADER_SIZE + 8u, DATA_LENGTH);
    put_word(bytes + HEADER_SIZE + 8u, 0xabcd5432u);
    put_word(bytes + BLOCK_REVISIONS, 0);
    put_segment(bytes, HEADER_SIZE + 8u + DATA_LENGTH, memory->ram, RAM_LENGTH);
    put_segment(bytes, CODE_HEADER, memory->code + CODE_OFFSET % 0x10000u, end - CODE_OFFSET);
    synthetic_esp32_seal(bytes, size);
}
