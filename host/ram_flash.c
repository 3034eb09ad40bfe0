#include "host/ram_flash.h"

#include <string.h>

static int ram_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    memcpy(buffer, (const uint8_t *)context + address, length);
    return 0;
}

static int ram_program(void *context, uint32_t address, const void *data, uint32_t length) {
    uint8_t *bytes = (uint8_t *)context + address;
    const uint8_t *from = data;
    for (uint32_t index = 0; index < length; index++) {
        bytes[index] &= from[index];
    }
    return 0;
}

static int ram_erase_sector(void *context, uint32_t address) {
    memset((uint8_t *)context + address, 0xff, ONESLOT_SECTOR_SIZE);
    return 0;
}

static int ram_erase_block(void *context, uint32_t address) {
    memset((uint8_t *)context + address, 0xff, ONESLOT_BLOCK_SIZE);
    return 0;
}

// The bounds were checked by core/flash.c, the only caller.
void ram_flash_init(struct oneslot_flash *flash, void *bytes, uint32_t size) {
    *flash = (struct oneslot_flash){
        .context = bytes,
        .size = size,
        .read = ram_read,
        .program = ram_program,
        .erase_sector = ram_erase_sector,
        .erase_block = ram_erase_block,
    };
}
