#include "efuse.h"

#include "registers.h"

bool efuse_flash_encrypted(void) {
    bool encrypted = false;

    for (uint32_t count = register_field(&chip.crypt_count); count != 0; count >>= 1) {
        encrypted ^= (count & 1u) != 0;
    }
    return encrypted;
}

uint16_t efuse_revision(void) {
    const struct chip_field *const block = chip.block_version;
    uint32_t major = 0;
    uint32_t minor = register_field(&chip.minor_high) << chip.minor_low.bits | register_field(&chip.minor_low);

    if (block[0].bits != 0 && register_field(&block[0]) == 1 && register_field(&block[1]) == 1) {
        return 0;
    }
    for (uint32_t i = 0; i < 3; i++) {
        uint32_t part = register_field(&chip.major[i]);

        if (part == 0) {
            break;
        }
        major += part;
    }
    return (uint16_t)(major * 100u + minor);
}
