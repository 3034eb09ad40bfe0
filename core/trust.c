#include "oneslot/trust.h"

#include <stddef.h>
#include <string.h>

_Static_assert(sizeof(struct oneslot_trust_block) == 304, "trust block");

static bool is_erased(const struct oneslot_trust_block *block) {
    const uint8_t *byte = (const uint8_t *)block;
    uint32_t i = 0;
    while (i < sizeof *block && byte[i] == 0xffu) {
        i++;
    }
    return i == sizeof *block;
}

static bool is_valid(const struct oneslot_trust_block *block) {
    return block->magic == ONESLOT_TRUST_MAGIC && block->version == ONESLOT_TRUST_VERSION &&
           block->count <= ONESLOT_KEYS_MAX &&
           block->crc == oneslot_crc32(0, block, offsetof(struct oneslot_trust_block, crc));
}

enum oneslot_error oneslot_trust_read(const struct oneslot_flash *flash, const struct oneslot_layout *layout,
                                      struct oneslot_trust_block *block) {
    enum oneslot_error error = oneslot_flash_read(flash, layout->settings + ONESLOT_TRUST_OFFSET, block, sizeof *block);
    if (error == ONESLOT_ERROR_NONE && is_valid(block)) {
        return ONESLOT_ERROR_NONE;
    }
    if (error == ONESLOT_ERROR_NONE && !is_erased(block)) {
        error = ONESLOT_ERROR_TRUST_INVALID;
    }
    memset(block, 0, sizeof *block);
    return error;
}

void oneslot_trust_seal(struct oneslot_trust_block *block) {
    block->magic = ONESLOT_TRUST_MAGIC;
    block->version = ONESLOT_TRUST_VERSION;
    block->crc = oneslot_crc32(0, block, offsetof(struct oneslot_trust_block, crc));
}
