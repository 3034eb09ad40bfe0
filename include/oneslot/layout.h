/*
 * Layout: where the parts of Oneslot lie in the flash of one device, and how it was configured.
 *
 * The layout block is written once, by `oneslot image`, into the loader's sector at flash offset 16: the first
 * bytes of the loader's only segment, so that the boot ROM's checksum covers it. The loader reads it in IRAM, all
 * others in flash. The configuration lies behind the partition table in the flash map's sector.
 */
#ifndef ONESLOT_LAYOUT_H
#define ONESLOT_LAYOUT_H

#include "oneslot/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONESLOT_LAYOUT_ADDRESS 16u
#define ONESLOT_LAYOUT_MAGIC   0x4c4c5331u /* "1SLL" */
#define ONESLOT_LAYOUT_VERSION 1u

/// Flags of the layout.
#define ONESLOT_LAYOUT_WATCH 0x01u /* enter the installer at every reset but a deep-sleep wake-up */

/// Size of the installer's region, and so of the installer at the most.
#define ONESLOT_INSTALLER_SIZE 32768u

/// The layout block, 64 bytes, little endian.
struct oneslot_layout {
    uint32_t magic;       ///< ONESLOT_LAYOUT_MAGIC
    uint8_t version;      ///< ONESLOT_LAYOUT_VERSION
    uint8_t flags;        ///< ONESLOT_LAYOUT_*
    uint16_t reserved;    ///< 0
    uint32_t flash_size;  ///< bytes of the real chip
    uint32_t displaced;   ///< sector that holds the application's first sector
    uint32_t journal;     ///< two sectors
    uint32_t map;         ///< one sector: partition table, configuration
    uint32_t installer;   ///< ONESLOT_INSTALLER_SIZE bytes, a multiple of 4 KiB
    uint32_t firmware;    ///< end (exclusive) of the region that the application's image may occupy; it begins at 0
    uint32_t application; ///< first byte of that region where it is not 0 (ESP32 family: the application's partition)
    uint32_t settings;    ///< sector that holds configuration and keys; on the ESP8266 the map's
    uint32_t second;      ///< a second place of ONESLOT_INSTALLER_SIZE bytes for the installer; 0: none
    uint32_t otadata;     ///< two sectors in which ESP-IDF's boot loader keeps its choice; 0: the boot loader is ours
    uint32_t spare[3];    ///< 0
    uint32_t crc;         ///< CRC-32 (zlib's) of the bytes before
};

/// Offset of the configuration in the settings' sector, behind the 0xc00 bytes a partition table may take.
#define ONESLOT_CONFIG_OFFSET  0xc00u
#define ONESLOT_CONFIG_MAGIC   0x434c5331u /* "1SLC" */
#define ONESLOT_CONFIG_VERSION 1u
/// Longest path, in bytes, of a request, a fallback or a watch (a terminating zero is not stored).
#define ONESLOT_PATH_MAX 120u

/// The configuration, 256 bytes, little endian, written by `oneslot image` only.
struct oneslot_config {
    uint32_t magic;               ///< ONESLOT_CONFIG_MAGIC
    uint8_t version;              ///< ONESLOT_CONFIG_VERSION
    uint8_t reserved[3];          ///< 0
    char watch[ONESLOT_PATH_MAX]; ///< path whose presence starts an upgrade, zero-padded; empty for none
    uint8_t spare[124];           ///< 0
    uint32_t crc;                 ///< CRC-32 of the bytes before
};

/// Finds where the parts lie. `working` is working memory of ONESLOT_LAYOUT_BUFFER bytes, aligned to 4; may be NULL
/// where oneslot_layout_read is meant. Returns NONE, NO_LAYOUT, or a flash error.
typedef enum oneslot_error oneslot_layout_reader(const struct oneslot_flash *flash, struct oneslot_layout *layout,
                                                 uint8_t *working);
#define ONESLOT_LAYOUT_BUFFER 4096u

/// Reads and checks the layout block of a flash whose loader is ours. Returns NONE, NO_LAYOUT, or a flash error.
enum oneslot_error oneslot_layout_read(const struct oneslot_flash *flash, struct oneslot_layout *layout);

/// Where ESP-IDF's boot loader has its partition table unless it was told otherwise (CONFIG_PARTITION_TABLE_OFFSET).
#define ONESLOT_TABLE_ADDRESS 0x8000u

/// Makes the layout from the partition table of a device with ESP-IDF's boot loader: `application` and `firmware` from
/// app/ota_0, `installer` from app/factory, `otadata` from data/ota, `journal` and `settings` from ours (0x40/2,
/// 0x40/3), `map` = ONESLOT_TABLE_ADDRESS; no displaced sector. ONESLOT_LAYOUT_WATCH is set where the configuration has
/// a watch path. `working` is needed. Returns NONE, NO_LAYOUT (one of them is not there, or lies over boot
/// loader or table; or there is a second OTA slot), what oneslot_map_read returns, or a flash error.
oneslot_layout_reader oneslot_layout_from_table;

/// Whether magic, version, CRC, alignments and bounds of a layout are right.
bool oneslot_layout_valid(const struct oneslot_layout *layout);

/// Fills in magic, version and CRC.
void oneslot_layout_seal(struct oneslot_layout *layout);

/// Reads and checks the configuration. Returns NONE, CONFIG_INVALID, or a flash error.
enum oneslot_error oneslot_config_read(const struct oneslot_flash *flash, const struct oneslot_layout *layout,
                                       struct oneslot_config *config);

/// Fills in magic, version and CRC.
void oneslot_config_seal(struct oneslot_config *config);

/// CRC-32 as zlib's crc32(): polynomial 0xedb88320, start value `crc` = 0 for a new one.
uint32_t oneslot_crc32(uint32_t crc, const void *data, uint32_t length);

#ifdef __cplusplus
}
#endif

#endif
