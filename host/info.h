/*
 * What `oneslot info` says, as its files share it.
 */
#ifndef ONESLOT_HOST_INFO_H
#define ONESLOT_HOST_INFO_H

#include "host/file_system.h"
#include "host/firmware.h"
#include "host/flash_file.h"
#include "host/json.h"

/// Members of the open object.
void info_firmware_json(struct json *json, const struct firmware *firmware);
/// A heading, and below it lines that begin with two spaces.
void info_firmware_text(const struct firmware *firmware);

/// What the firmware claims of the flash of an ESP8266; nothing where it claims nothing. `told` is the size of flash
/// that the header tells of; 0 = as the image itself says.
void info_claims_json(struct json *json, const struct firmware *firmware, uint32_t flash_size, uint32_t told);
void info_claims_text(const struct firmware *firmware, uint32_t flash_size, uint32_t told);

/// What `info` tells of a file system.
struct info_files {
    enum oneslot_error error;
    uint32_t version;
    uint32_t block_size;
    uint32_t block_count;
    uint32_t files;
    uint32_t available;
};

void info_look_at_files(struct info_files *facts, uint8_t *region, uint32_t size);
void info_files_json(struct json *json, const struct info_files *facts);
void info_files_text(const struct info_files *facts);

void info_map_json(struct json *json, const struct oneslot_map *map);
void info_map_text(const struct oneslot_map *map);

/// Boot loader, otadata and installer of a flash of the ESP32 family.
void info_esp32_json(struct json *json, const struct flash_file *file);
void info_esp32_text(const struct flash_file *file);

/// Shows a file with boot loader and partition table that is no flash with Oneslot. Returns false when it is none.
bool info_esp32_show(const char *path, const uint8_t *bytes, uint32_t size, bool as_json, bool csv, int *status);

/// Shows a whole flash of an ESP8266 without Oneslot. Returns false when it is none.
bool info_stock_show(const char *path, uint8_t *bytes, uint32_t size, bool as_json, bool csv, int *status);

#endif
