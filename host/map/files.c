#include "host/map/files.h"

#include <string.h>

#include "host/bytes.h"

enum files files_at(const uint8_t *flash, uint32_t size, uint32_t at, uint32_t *extent) {
    *extent = 0;
    if (at > size || size - at < ONESLOT_SECTOR_SIZE) {
        return FILES_NONE;
    }
    const uint8_t *bytes = flash + at;
    // littlefs, SPEC.md: revision, tag, "littlefs", tag, then version, block size, block count.
    if (memcmp(bytes + 8, "littlefs", 8) == 0 && word_at(bytes + 20) >> 16 == 2) {
        uint64_t length = (uint64_t)word_at(bytes + 24) * word_at(bytes + 28);
        *extent = length <= UINT32_MAX ? (uint32_t)length : UINT32_MAX;
        return FILES_LITTLEFS;
    }
    // A FAT's boot sector: jump, signature, type (Microsoft, "FAT: General Overview of On-Disk Format").
    if ((bytes[0] == 0xeb || bytes[0] == 0xe9) && bytes[510] == 0x55 && bytes[511] == 0xaa &&
        (memcmp(bytes + 54, "FAT", 3) == 0 || memcmp(bytes + 82, "FAT", 3) == 0)) {
        uint32_t sectors = bytes[19] | (uint32_t)bytes[20] << 8;
        uint64_t length =
            (uint64_t)(bytes[11] | (uint32_t)bytes[12] << 8) * (sectors != 0 ? sectors : word_at(bytes + 32));
        *extent = length <= UINT32_MAX ? (uint32_t)length : UINT32_MAX;
        return FILES_FAT;
    }
    return FILES_NONE;
}

/// A littlefs may have only the second block of its first pair. Blocks have one or two sectors.
enum files files_in(const uint8_t *flash, uint32_t size, const struct oneslot_partition *region, uint32_t *extent) {
    enum files files = FILES_NONE;
    *extent = 0;
    for (uint32_t sector = 0; sector <= 2 && files == FILES_NONE && sector * ONESLOT_SECTOR_SIZE < region->size;
         sector++) {
        files = files_at(flash, size, region->address + sector * ONESLOT_SECTOR_SIZE, extent);
    }
    return files;
}

const char *files_text(enum files files) {
    return files == FILES_FAT ? "a FAT" : "a littlefs";
}
