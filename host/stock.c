#include "host/stock.h"

#include <stdio.h>
#include <string.h>

#include "host/esp32.h"
#include "host/map/implied.h"

#define SMALLEST 0x80000u

static bool is_flash_size(uint32_t size) {
    return size >= SMALLEST && (size & (size - 1)) == 0;
}

/// Where the firmware keeps its files, or where a littlefs begins: a private build may keep them elsewhere.
static void find_files(struct stock *stock, const uint8_t *bytes, uint32_t size, uint32_t behind) {
    const struct oneslot_partition *region = oneslot_map_file_system(&stock->map.map);
    uint32_t extent;
    if (region != NULL && region->address < size && region->size <= size - region->address) {
        stock->files = *region;
        stock->kind = files_in(bytes, size, region, &extent);
    }
    for (uint32_t at = behind; stock->kind == FILES_NONE && at + ONESLOT_SECTOR_SIZE <= size;
         at += ONESLOT_SECTOR_SIZE) {
        enum files kind = files_at(bytes, size, at, &extent);
        if (kind != FILES_NONE && extent != 0 && extent <= size - at) {
            stock->kind = kind;
            stock->elsewhere = true;
            stock->files = (struct oneslot_partition){.type = ONESLOT_TYPE_DATA,
                                                      .subtype = kind == FILES_FAT ? ONESLOT_SUBTYPE_DATA_FAT
                                                                                   : ONESLOT_SUBTYPE_DATA_LITTLEFS,
                                                      .address = at,
                                                      .size = extent,
                                                      .label = "files"};
        }
    }
}

static bool read_esp8266(struct stock *stock, uint8_t *bytes, uint32_t size) {
    struct firmware *firmware = &stock->firmware;
    // A firmware's file is no whole flash, whatever its size.
    if (!is_flash_size(size) || !flash_map_firmware_at(firmware, bytes, size) ||
        firmware->image.target + firmware->size >= size) {
        return false;
    }
    stock->map.origin = FLASH_MAP_DUMP;
    stock->map.chip = FLASH_MAP_ESP8266;
    stock->map.flash_size = size;
    flash_map_imply(&stock->map, firmware);
    uint32_t behind = (uint32_t)(firmware->bytes - bytes) + firmware->size;
    find_files(stock, bytes, size, (behind + ONESLOT_SECTOR_SIZE - 1) / ONESLOT_SECTOR_SIZE * ONESLOT_SECTOR_SIZE);
    return true;
}

static uint32_t behind_all(const struct oneslot_map *map) {
    uint32_t end = 0;
    for (uint32_t index = 0; index < map->count; index++) {
        uint32_t here = map->partition[index].address + map->partition[index].size;
        end = here > end ? here : end;
    }
    return end;
}

/// MicroPython's tables of 1.26 and later have no row for the file system: it takes what lies behind the last row.
static void add_files_behind(struct stock *stock, uint32_t size) {
    struct oneslot_map *map = &stock->map.map;
    uint32_t end = behind_all(map);
    if (stock->firmware.maker != FIRMWARE_MICROPYTHON || oneslot_map_file_system(map) != NULL || end >= size ||
        map->count == ONESLOT_MAP_ENTRIES) {
        return;
    }
    map->partition[map->count++] = (struct oneslot_partition){.type = ONESLOT_TYPE_DATA,
                                                              .subtype = ONESLOT_SUBTYPE_DATA_LITTLEFS,
                                                              .address = end,
                                                              .size = size - end,
                                                              .label = "vfs"};
}

static bool read_esp32(struct stock *stock, const uint8_t *bytes, uint32_t size) {
    struct esp32_flash flash;
    struct esp32_image image;
    if (!is_flash_size(size) || esp32_flash_read(&flash, bytes, size) != ONESLOT_ERROR_NONE) {
        return false;
    }
    bool known = flash.base == 0 && flash.map_error == ONESLOT_ERROR_NONE;
    if (known) {
        const struct oneslot_partition *application = esp32_flash_application(&flash, &image);
        stock->esp32 = true;
        stock->map.chip = flash_map_chip_parse(flash.chip->name);
        stock->map.flash_size = size;
        stock->map.map = flash.map;
        if (application != NULL) {
            firmware_read(&stock->firmware, bytes + application->address, image.signed_size);
        }
        add_files_behind(stock, size);
        find_files(stock, bytes, size, size);
    }
    esp32_flash_free(&flash);
    return known;
}

bool stock_read(struct stock *stock, uint8_t *bytes, uint32_t size) {
    memset(stock, 0, sizeof *stock);
    return esp32_file(bytes, size) ? read_esp32(stock, bytes, size) : read_esp8266(stock, bytes, size);
}
