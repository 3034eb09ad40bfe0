/* Flash map: reads, validates and writes the ESP-IDF partition table. See map.h. */
#include "oneslot/map.h"

#include <stddef.h>
#include <string.h>

#include "md5.h"

#define ROW_SIZE     32u
#define LABEL_SIZE   16u
#define LABEL_OFFSET 12u
#define MAGIC_ENTRY  0x50aau
#define MAGIC_MD5    0xebebu
#define MD5_OFFSET   16u

static uint32_t get32(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void put32(uint8_t *bytes, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

static bool is_erased(const uint8_t *row) {
    for (unsigned i = 0; i < ROW_SIZE; i++) {
        if (row[i] != 0xff) {
            return false;
        }
    }
    return true;
}

static void entry_decode(struct oneslot_partition *partition, const uint8_t *row) {
    partition->type = row[2];
    partition->subtype = row[3];
    partition->address = get32(row + 4);
    partition->size = get32(row + 8);
    memcpy(partition->label, row + LABEL_OFFSET, LABEL_SIZE);
    partition->label[LABEL_SIZE] = 0;
    partition->flags = get32(row + 28);
}

static void entry_encode(const struct oneslot_partition *partition, uint8_t *row) {
    row[0] = MAGIC_ENTRY & 0xff;
    row[1] = MAGIC_ENTRY >> 8;
    row[2] = partition->type;
    row[3] = partition->subtype;
    put32(row + 4, partition->address);
    put32(row + 8, partition->size);
    memset(row + LABEL_OFFSET, 0, LABEL_SIZE);
    for (unsigned i = 0; i < LABEL_SIZE && partition->label[i]; i++) {
        row[LABEL_OFFSET + i] = (uint8_t)partition->label[i];
    }
    put32(row + 28, partition->flags);
}

/// Decodes the rows and checks the MD5; the regions themselves are checked later.
static enum oneslot_error rows_decode(struct oneslot_map *map, const uint8_t *bytes, uint32_t length) {
    bool proven = false;
    map->count = 0;
    for (uint32_t offset = 0; length - offset >= ROW_SIZE; offset += ROW_SIZE) {
        const uint8_t *row = bytes + offset;
        uint32_t magic = row[0] | (uint32_t)row[1] << 8;
        if (is_erased(row)) {
            break;
        }
        if (proven) {
            return ONESLOT_ERROR_MAP_INVALID; // a row behind the MD5 is not covered by it
        }
        if (magic == MAGIC_MD5) {
            uint8_t digest[ONESLOT_MD5_SIZE];
            oneslot_md5(bytes, offset, digest);
            if (memcmp(digest, row + MD5_OFFSET, sizeof digest) != 0) {
                return ONESLOT_ERROR_MAP_INVALID;
            }
            proven = true;
        } else if (magic == MAGIC_ENTRY && map->count < ONESLOT_MAP_ENTRIES) {
            entry_decode(&map->partition[map->count++], row);
        } else {
            return ONESLOT_ERROR_MAP_INVALID;
        }
    }
    return map->count ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_MAP_INVALID;
}

/// Data may have any size, as ESP-IDF's tool has it: no other region begins in the rest of its last sector.
static bool in_range(const struct oneslot_partition *partition, uint32_t flash_size) {
    bool whole = partition->size % ONESLOT_SECTOR_SIZE == 0 || partition->type == ONESLOT_TYPE_DATA;
    return partition->address % ONESLOT_SECTOR_SIZE == 0 && whole && partition->size != 0 &&
           partition->address <= flash_size && partition->size <= flash_size - partition->address;
}

/// Two regions, both in range: sums do not overflow.
static bool overlap(const struct oneslot_partition *a, const struct oneslot_partition *b) {
    return a->address < b->address + b->size && b->address < a->address + a->size;
}

static enum oneslot_error regions_check(const struct oneslot_map *map, uint32_t flash_size) {
    for (uint32_t i = 0; i < map->count; i++) {
        if (!in_range(&map->partition[i], flash_size)) {
            return ONESLOT_ERROR_MAP_RANGE;
        }
    }
    for (uint32_t i = 0; i < map->count; i++) {
        for (uint32_t j = 0; j < i; j++) {
            if (overlap(&map->partition[i], &map->partition[j])) {
                return ONESLOT_ERROR_MAP_OVERLAP;
            }
            if (strcmp(map->partition[i].label, map->partition[j].label) == 0) {
                return ONESLOT_ERROR_MAP_INVALID;
            }
        }
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_map_parse(struct oneslot_map *map, const uint8_t *bytes, uint32_t length,
                                     uint32_t flash_size) {
    enum oneslot_error error = rows_decode(map, bytes, length);
    if (error) {
        return error;
    }
    return regions_check(map, flash_size);
}

enum oneslot_error oneslot_map_read(struct oneslot_map *map, const struct oneslot_flash *flash, uint32_t address,
                                    uint8_t *bytes) {
    enum oneslot_error error = oneslot_flash_read(flash, address, bytes, ONESLOT_MAP_BYTES);
    if (error) {
        return error;
    }
    return oneslot_map_parse(map, bytes, ONESLOT_MAP_BYTES, flash->size);
}

void oneslot_map_write(const struct oneslot_map *map, uint8_t *bytes) {
    uint32_t length = map->count * ROW_SIZE;
    memset(bytes, 0xff, ONESLOT_MAP_BYTES);
    for (uint32_t i = 0; i < map->count; i++) {
        entry_encode(&map->partition[i], bytes + i * ROW_SIZE);
    }
    bytes[length] = MAGIC_MD5 & 0xff;
    bytes[length + 1] = MAGIC_MD5 >> 8;
    oneslot_md5(bytes, length, bytes + length + MD5_OFFSET);
}

const struct oneslot_partition *oneslot_map_find(const struct oneslot_map *map, const char *label) {
    for (uint32_t i = 0; i < map->count; i++) {
        if (strcmp(map->partition[i].label, label) == 0) {
            return &map->partition[i];
        }
    }
    return NULL;
}

static const struct oneslot_partition *find_data(const struct oneslot_map *map, uint8_t subtype) {
    for (uint32_t i = 0; i < map->count; i++) {
        if (map->partition[i].type == ONESLOT_TYPE_DATA && map->partition[i].subtype == subtype) {
            return &map->partition[i];
        }
    }
    return NULL;
}

const struct oneslot_partition *oneslot_map_file_system(const struct oneslot_map *map) {
    const struct oneslot_partition *found = find_data(map, ONESLOT_SUBTYPE_DATA_LITTLEFS);
    if (!found) {
        found = find_data(map, ONESLOT_SUBTYPE_DATA_SPIFFS);
    }
    if (!found) {
        found = find_data(map, ONESLOT_SUBTYPE_DATA_FAT);
    }
    return found;
}
