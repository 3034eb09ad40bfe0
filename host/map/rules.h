/*
 * Rules of flash maps, as the files that look for broken ones share them. See flash_map.h.
 */
#ifndef ONESLOT_HOST_MAP_RULES_H
#define ONESLOT_HOST_MAP_RULES_H

#include "host/firmware.h"
#include "host/map/flash_map.h"

#define RULES_MEGABYTE 0x100000u

/// Names, sentences and sources: rules.c.
enum rule {
    RULE_TABLE_MAGIC,
    RULE_TABLE_MD5,
    RULE_TABLE_NO_MD5,
    RULE_TABLE_BEHIND,
    RULE_TABLE_ROWS,
    RULE_TABLE_EMPTY,
    RULE_ZERO_SIZE,
    RULE_SECTOR_BOUNDARY,
    RULE_PAST_END,
    RULE_OVERLAP,
    RULE_ORDER,
    RULE_LABEL,
    RULE_FLASH_SIZE,
    RULE_FS_SIZE,
    RULE_ERASE_BLOCK,
    RULE_BOOT,
    RULE_XIP_WINDOW,
    RULE_EXECUTABLE_WASTE,
    RULE_ROMFS,
    RULE_SYSTEM_SECTORS,
    RULE_SYSTEM_SIZE,
    RULE_SYSTEM_LISTED,
    RULE_SYSTEM_PLACE,
    RULE_RF_CAL,
    RULE_PHY_INIT,
    RULE_NATIVE_SECTOR,
    RULE_ONESLOT_PARTS,
    RULE_ONESLOT_SIZES,
    RULE_ONESLOT_ONE_SLOT,
    RULE_ONESLOT_SOURCE,
    RULE_FIRMWARE_IMAGE,
    RULE_FIRMWARE_CHIP,
    RULE_FIRMWARE_SIZE,
    RULE_HEADROOM,
    RULE_CODE_OVERLAP,
    RULE_HEADER_SIZE,
    RULE_FIRMWARE_FS,
    RULE_BOOTLOADER,
    RULE_FIRST_PARTITION,
    RULE_APP_ALIGNMENT,
    RULE_APP_MISSING,
    RULE_OTADATA,
    RULE_OTA_SLOTS,
    RULE_NVS_SIZE,
    RULE_DATA_SIZE,
    RULE_LAYOUT,
    RULE_CONTENT_PARTS,
    RULE_CONTENT_FS_MISSING,
    RULE_CONTENT_FS_UNLISTED,
    RULE_CONTENT_FS_SIZE,
    RULE_CONTENT_JOURNAL,
    RULE_CONTENT_PHY,
    RULE_COUNT
};

/// A check under way.
struct check {
    const struct flash_map *map;
    const struct flash_map_firmware *firmware; ///< NULL = none
    struct flash_map_finding *findings;
    size_t count;
};

/// Keeps a finding; when there is no room left, a graver one takes the place of a lighter one.
void rules_report(struct check *check, enum rule rule, enum flash_map_weight weight, uint32_t address, uint64_t length,
                  const char *format, ...) __attribute__((format(printf, 6, 7)));

/// What regions are for.
static inline uint64_t region_end(const struct oneslot_partition *region) {
    return (uint64_t)region->address + region->size;
}
bool region_is(const struct oneslot_partition *region, uint8_t type, uint8_t subtype);
bool region_is_app(const struct oneslot_partition *region);
bool region_is_file_system(const struct oneslot_partition *region);
bool region_is_phy(const struct oneslot_partition *region);
bool region_is_rf_cal(const struct oneslot_partition *region);
bool region_is_romfs(const struct oneslot_partition *region);
/// Of the SDK: parameters, RF calibration, PHY data.
bool region_is_system(const struct oneslot_partition *region);
/// What runs in place.
bool region_is_executable(const struct oneslot_partition *region);

/// The first region of a kind, NULL if there is none; the one that holds an address.
const struct oneslot_partition *region_of(const struct oneslot_map *map, uint8_t type, uint8_t subtype);
const struct oneslot_partition *region_at(const struct oneslot_map *map, uint32_t address);

/// Bytes at the end of flash that are the SDK's: also where the map shows that an Arduino sketch gave one sector to the
/// EEPROM library.
uint32_t rules_system(const struct flash_map *map);

/// By file.
void rules_table(struct check *check);
void rules_regions(struct check *check);
void rules_esp8266(struct check *check);
void rules_oneslot(struct check *check);
void rules_oneslot_esp32(struct check *check);
void rules_esp32(struct check *check);
void rules_firmware(struct check *check);
void rules_content(struct check *check);

/// A firmware of an ESP8266 in a dump, an image file, or given beside the map.
struct rules_image {
    struct firmware firmware;
    uint8_t *owned;  ///< to be freed; the bytes may also be the map's own
    uint32_t start;  ///< flash address of its first byte
    uint32_t end;    ///< exclusive
    bool known;      ///< there is an image, and its end is known
    bool from_flash; ///< read from a dump, so the header bytes are the device's
};
void rules_image_find(struct rules_image *image, const struct check *check);
void rules_image_free(struct rules_image *image);

/// Bytes of an ESP32 image by its header, 0 if it is none or damaged.
uint32_t rules_esp32_image_size(const uint8_t *bytes, uint32_t size);
/// The application region that a new program goes to: the smallest OTA slot, else factory; NULL if none.
const struct oneslot_partition *rules_esp32_slot(const struct oneslot_map *map);
/// The application in the file of a program, which may be a whole image with boot loader and table.
const uint8_t *rules_esp32_application(const struct flash_map *map, const uint8_t *bytes, uint32_t *size);

#endif
