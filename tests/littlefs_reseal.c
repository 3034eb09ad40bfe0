#include "tests/littlefs_reseal.h"

#include <string.h>

#include "lfs_util.h"

void littlefs_reseal(uint8_t *block, uint32_t size) {
    uint32_t tag = 0xffffffff;
    uint32_t crc = lfs_crc(0xffffffff, block, 4);
    for (uint32_t offset = 4; offset + 8 <= size;) {
        uint32_t stored, length;
        memcpy(&stored, block + offset, 4);
        tag ^= lfs_frombe32(stored);
        length = (tag & 0x3ff) == 0x3ff ? 0 : tag & 0x3ff;
        if (tag & 0x80000000 || offset + 4 + length > size)
            return;
        crc = lfs_crc(crc, block + offset, 4);
        if ((tag >> 20 & 0x780) == 0x500) {
            memcpy(block + offset + 4, &crc, 4);
            crc = 0xffffffff;
            tag ^= (tag >> 20 & 1) << 31;
        } else {
            crc = lfs_crc(crc, block + offset + 4, length);
        }
        offset += 4 + length;
    }
}
