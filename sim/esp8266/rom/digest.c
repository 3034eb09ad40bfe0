/*
 * MD5: its context is 88 bytes that the caller owns. The rounds are
 * BearSSL's.
 */
#include "sim/esp8266/rom/rom.h"

#include "inner.h"

void rom_md5_init(struct rom_md5 *md5) {
    rom_memcpy(md5->state, br_md5_IV, sizeof md5->state);
    md5->bits[0] = 0;
    md5->bits[1] = 0;
}

void rom_md5_update(struct rom_md5 *md5, const uint8_t *data, uint32_t length) {
    uint32_t at = md5->bits[0] >> 3 & 63u;
    uint64_t bits = ((uint64_t)md5->bits[1] << 32 | md5->bits[0]) + (uint64_t)length * 8;

    md5->bits[0] = (uint32_t)bits;
    md5->bits[1] = (uint32_t)(bits >> 32);
    while (length > 0) {
        uint32_t part = 64 - at < length ? 64 - at : length;

        rom_memcpy(md5->block + at, data, part);
        data += part;
        length -= part;
        at += part;
        if (at == 64) {
            br_md5_round(md5->block, md5->state);
            at = 0;
        }
    }
}

void rom_md5_final(uint8_t digest[16], struct rom_md5 *md5) {
    static const uint8_t padding[64] = {0x80};
    uint8_t bits[8];
    uint32_t at = md5->bits[0] >> 3 & 63u;

    rom_memcpy(bits, md5->bits, sizeof bits);
    rom_md5_update(md5, padding, at < 56 ? 56 - at : 120 - at);
    rom_md5_update(md5, bits, sizeof bits);
    rom_memcpy(md5->bits, bits, sizeof bits);
    rom_memcpy(digest, md5->state, 16);
    md5->state[0] = 0; // the ROM means to wipe all of it
}
