#include "host/loader.h"

#include <string.h>

static uint32_t segment_length(const uint8_t *sector) {
    return sector[12] | (uint32_t)sector[13] << 8 | (uint32_t)sector[14] << 16 | (uint32_t)sector[15] << 24;
}

bool loader_usable(const uint8_t *bytes, uint32_t size) {
    uint32_t length = size >= 16 ? segment_length(bytes) : 0;
    return size <= ONESLOT_SECTOR_SIZE && length >= sizeof(struct oneslot_layout) && length < ONESLOT_SECTOR_SIZE &&
           bytes[0] == 0xe9 && bytes[1] == 1 && ((16 + length) | 15) < size;
}

/// The checksum, and where it lies: in the last byte of the line that ends the image.
static uint8_t checksum(const uint8_t *sector, uint32_t *offset) {
    uint32_t end = 16 + segment_length(sector);
    uint8_t sum = 0xef;
    for (uint32_t index = 16; index < end; index++) {
        sum ^= sector[index];
    }
    *offset = end | 15;
    return sum;
}

bool loader_whole(const uint8_t *sector) {
    uint32_t offset;
    uint8_t sum = checksum(sector, &offset);
    return sector[offset] == sum;
}

void loader_put_layout(uint8_t *sector, const struct oneslot_layout *layout) {
    uint32_t offset;
    memcpy(sector + ONESLOT_LAYOUT_ADDRESS, layout, sizeof *layout);
    uint8_t sum = checksum(sector, &offset);
    sector[offset] = sum;
}
