/*
 * An Arduino image's CRC covers header bytes 2 and 3 (flash mode; size and clock), which are the device's own in flash.
 */
#include "host/bytes.h"
#include "host/firmware.h"
#include "host/size.h"

// Polynomial and start: Arduino, tools/elf2bin.py; where length and CRC lie: core/image_format.h.
#define POLYNOMIAL 0x04c11db7u
#define LENGTH_AT  0x1010u
#define CRC_AT     0x1014u
#define WORDS_END  0x1018u
#define MODE_AT    2u
#define SIZE_AT    3u

static uint32_t next_byte(uint32_t crc, uint8_t byte) {
    crc ^= (uint32_t)byte << 24;
    for (unsigned bit = 0; bit < 8; bit++) {
        crc = crc << 1 ^ ((crc & 0x80000000u) != 0 ? POLYNOMIAL : 0);
    }
    return crc;
}

static uint32_t crc_of(const uint8_t *bytes, uint32_t size) {
    uint32_t crc = 0xffffffffu;
    for (uint32_t at = 0; at < size; at++) {
        crc = next_byte(crc, at >= LENGTH_AT && at < WORDS_END ? 0 : bytes[at]);
    }
    return crc;
}

/// The remainder x^(8 * count) times `value`: what `count` bytes of zero make of a CRC.
static uint32_t move_on(uint32_t value, uint32_t count) {
    for (; count > 0; count--) {
        value = next_byte(value, 0);
    }
    return value;
}

/// What changing the two bytes by `mode` and `size` (exclusive or) does to the CRC: it is linear.
static uint32_t effect(const uint32_t bits[16], uint8_t mode, uint8_t size) {
    uint32_t change = 0;
    for (unsigned bit = 0; bit < 8; bit++) {
        change ^= (mode >> bit & 1) != 0 ? bits[bit] : 0;
        change ^= (size >> bit & 1) != 0 ? bits[8 + bit] : 0;
    }
    return change;
}

bool firmware_mend_header(uint8_t *bytes, uint32_t size) {
    static const uint8_t CLOCKS[] = {0, 1, 2, 15};
    uint32_t bits[16];
    if (size <= WORDS_END || word_at(bytes + LENGTH_AT) != size) {
        return false;
    }
    uint32_t wrong = crc_of(bytes, size) ^ word_at(bytes + CRC_AT);
    for (unsigned bit = 0; bit < 8; bit++) {
        bits[8 + bit] = move_on(next_byte(0, (uint8_t)(1u << bit)), size - SIZE_AT - 1);
        bits[bit] = next_byte(bits[8 + bit], 0);
    }
    for (uint8_t mode = 0; flash_mode_name(mode) != NULL; mode++) {
        for (unsigned choice = 0; choice < 16 * sizeof CLOCKS; choice++) {
            uint8_t second = (uint8_t)((choice / sizeof CLOCKS) << 4 | CLOCKS[choice % sizeof CLOCKS]);
            uint32_t flash;
            flash_size_name(second >> 4, &flash);
            if (flash != 0 && effect(bits, bytes[MODE_AT] ^ mode, bytes[SIZE_AT] ^ second) == wrong) {
                bytes[MODE_AT] = mode;
                bytes[SIZE_AT] = second;
                return true;
            }
        }
    }
    return false;
}
