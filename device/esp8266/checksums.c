/*
 * Checksums that the ROM or the stage has already: littlefs's CRC, which is our CRC-32 without its inversions, and
 * BearSSL's MD5, whose context has room for the ROM's.
 */
#include <string.h>

#include "bearssl_hash.h"
#include "lfs_util.h"
#include "oneslot/layout.h"
#include "rom.h"

_Static_assert(sizeof(struct rom_md5) <= sizeof(br_md5_context), "the one lies in the other");

uint32_t lfs_crc(uint32_t crc, const void *buffer, size_t size) {
    return ~oneslot_crc32(~crc, buffer, size);
}

void br_md5_init(br_md5_context *ctx) {
    MD5Init((struct rom_md5 *)ctx);
}

void br_md5_update(br_md5_context *ctx, const void *data, size_t len) {
    MD5Update((struct rom_md5 *)ctx, data, (uint32_t)len);
}

/// Unlike the ROM's, it leaves the context as it was.
void br_md5_out(const br_md5_context *ctx, void *out) {
    struct rom_md5 copy;
    memcpy(&copy, ctx, sizeof copy);
    MD5Final(out, &copy);
}
