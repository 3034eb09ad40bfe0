/*
 * Flash map: the ESP-IDF partition table, binary form, read and validated.
 *
 * 32-byte entries (magic 0x50aa), an MD5 row (magic 0xebeb) over the entries before it, then 0xff.
 * Source: ESP-IDF, docs/en/api-guides/partition-tables.rst and components/partition_table/gen_esp32part.py.
 */
#ifndef ONESLOT_MAP_H
#define ONESLOT_MAP_H

#include "oneslot/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONESLOT_MAP_ENTRIES 24u    ///< entries that we hold in memory; the format has room for 95
#define ONESLOT_MAP_BYTES   0xc00u ///< bytes of a partition table with its MD5 row

#define ONESLOT_TYPE_APP              0x00u
#define ONESLOT_TYPE_DATA             0x01u
#define ONESLOT_SUBTYPE_APP_FACTORY   0x00u
#define ONESLOT_SUBTYPE_APP_OTA_0     0x10u
#define ONESLOT_SUBTYPE_DATA_OTA      0x00u
#define ONESLOT_SUBTYPE_DATA_PHY      0x01u
#define ONESLOT_SUBTYPE_DATA_FAT      0x81u
#define ONESLOT_SUBTYPE_DATA_SPIFFS   0x82u
#define ONESLOT_SUBTYPE_DATA_LITTLEFS 0x83u
/// Ours, in the range that ESP-IDF leaves to applications (types 0x40-0xfe).
#define ONESLOT_TYPE_ONESLOT      0x40u
#define ONESLOT_SUBTYPE_LOADER    0x00u
#define ONESLOT_SUBTYPE_DISPLACED 0x01u
#define ONESLOT_SUBTYPE_JOURNAL   0x02u
#define ONESLOT_SUBTYPE_MAP       0x03u
#define ONESLOT_SUBTYPE_INSTALLER 0x04u
#define ONESLOT_SUBTYPE_NATIVE    0x05u /* executable area for native code */
#define ONESLOT_SUBTYPE_USER      0x06u /* the user's own sectors */
#define ONESLOT_SUBTYPE_SYSTEM    0x07u /* sectors of the vendor's SDK at the end of flash */

/// One region.
struct oneslot_partition {
    uint8_t type;
    uint8_t subtype;
    uint32_t address; ///< bytes, a multiple of 4 KiB
    uint32_t size;    ///< bytes, a multiple of 4 KiB, not 0
    char label[17];   ///< up to 16 characters and a zero
    uint32_t flags;
};

struct oneslot_map {
    uint32_t count;
    struct oneslot_partition partition[ONESLOT_MAP_ENTRIES];
};

/// Reads a partition table from memory and validates it against a chip of `flash_size` bytes.
/// Returns NONE, MAP_INVALID (magic, MD5, no entry, too many), MAP_RANGE or MAP_OVERLAP; then `map` is undefined.
enum oneslot_error oneslot_map_parse(struct oneslot_map *map, const uint8_t *bytes, uint32_t length,
                                     uint32_t flash_size);

/// Reads and validates the partition table at `address`. Returns as oneslot_map_parse, or a flash error.
/// `bytes` is working memory of ONESLOT_MAP_BYTES, aligned to 4.
enum oneslot_error oneslot_map_read(struct oneslot_map *map, const struct oneslot_flash *flash, uint32_t address,
                                    uint8_t *bytes);

/// Writes the binary form with its MD5 row into `bytes` (ONESLOT_MAP_BYTES, filled up with 0xff).
void oneslot_map_write(const struct oneslot_map *map, uint8_t *bytes);

/// The region with that label, or NULL.
const struct oneslot_partition *oneslot_map_find(const struct oneslot_map *map, const char *label);

/// The first region that can hold a littlefs: data of subtype littlefs, then spiffs, then fat; NULL if none.
const struct oneslot_partition *oneslot_map_file_system(const struct oneslot_map *map);

#ifdef __cplusplus
}
#endif

#endif
