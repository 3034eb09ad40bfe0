#include "efuse.h"

#include "oneslot/image.h"
#include "registers.h"

bool efuse_flash_encrypted(void) {
    bool encrypted = false;

    for (uint32_t count = register_field(&chip.crypt_count); count != 0; count >>= 1) {
        encrypted ^= (count & 1u) != 0;
    }
    return encrypted;
}

/// 100 x major + minor.
static uint16_t block_revision(void) {
    return (uint16_t)(register_field(&chip.block_version[0]) * 100u + register_field(&chip.block_version[1]));
}

uint16_t efuse_revision(void) {
    uint32_t major = 0;
    uint32_t low = register_field(&chip.minor_low);
    uint32_t minor = register_field(&chip.minor_high) << chip.minor_low.bits | low;

    if (chip.block_tells_v0 && low == 0 && block_revision() == 101) {
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

uint16_t efuse_block_revision(void) {
    return chip.block_version[0].bits != 0 ? block_revision() : ONESLOT_REVISION_UNKNOWN;
}

uint8_t efuse_burnt(void) {
    return (uint8_t)((register_field(&chip.any_revision) != 0 ? ONESLOT_BURNT_ANY_REVISION : 0) |
                     (register_field(&chip.any_block) != 0 ? ONESLOT_BURNT_ANY_BLOCK : 0) |
                     (register_field(&chip.secure_boot) != 0 ? ONESLOT_BURNT_SECURE_BOOT : 0));
}
