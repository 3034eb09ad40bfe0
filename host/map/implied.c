#include "host/map/implied.h"
#include "host/claims.h"

#include <stdlib.h>
#include <string.h>

#include "host/bytes.h"
#include "host/ram_flash.h"
#include "oneslot/source.h"

#define MEGABYTE         0x100000u
#define TYPE_BOOT_LOADER 0x02u
#define SUBTYPE_OTA_0    0x10u
#define SUBTYPE_OTA_1    0x11u
#define SDK_SIZE         0x5000u
/// Two blocks: the least that a littlefs needs.
#define SMALLEST_FS 0x2000u

static uint32_t least(uint32_t one, uint32_t two) {
    return one < two ? one : two;
}

static void add(struct flash_map *map, const char *label, uint8_t type, uint8_t subtype, uint32_t start, uint32_t end) {
    if (start >= end) {
        return;
    }
    struct oneslot_partition *row = &map->map.partition[map->map.count++];
    *row = (struct oneslot_partition){.type = type, .subtype = subtype, .address = start, .size = end - start};
    snprintf(row->label, sizeof row->label, "%s", label);
}

static void add_firmware(struct flash_map *map, uint32_t end) {
    add(map, "firmware", ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, 0, end);
}

static void add_system(struct flash_map *map) {
    add(map, "system", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM, map->flash_size - flash_map_system(map),
        map->flash_size);
}

/// A file system up to the SDK's sectors. One that begins past them is shown where the firmware will look for it.
static void add_files(struct flash_map *map, const char *label, uint8_t subtype, uint32_t start, uint32_t end) {
    add(map, label, ONESLOT_TYPE_DATA, subtype, start, end > start ? end : start + SMALLEST_FS);
}

static void imply_micropython(struct flash_map *map, const struct firmware *firmware) {
    uint32_t system = map->flash_size - flash_map_system(map);
    uint32_t start = claims_micropython_files(firmware, NULL);
    uint8_t files = claims_micropython_littlefs(firmware) ? ONESLOT_SUBTYPE_DATA_LITTLEFS : ONESLOT_SUBTYPE_DATA_FAT;
    map->irom = 0x9000;
    // modules/flashbdev.py: no file system on less than 1 MiB.
    if (map->flash_size < MEGABYTE) {
        add_firmware(map, system);
    } else {
        bool native = start < MEGABYTE && firmware_at_least(firmware, 1, 9);
        uint32_t code = native ? start - ONESLOT_SECTOR_SIZE : least(start, MEGABYTE);
        add_firmware(map, least(code, system));
        if (native) {
            add(map, "native", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE, code, start);
        }
        add_files(map, "vfs", files, start, system);
    }
    add_system(map);
}

static void imply_arduino(struct flash_map *map, const struct firmware *firmware) {
    uint32_t start;
    uint32_t end;
    map->irom = 0x1010;
    map->system_sectors = 4;
    if (!firmware_arduino_file_system(firmware, &start, &end)) {
        firmware_arduino_usual(map->flash_size, &start, &end);
        snprintf(map->note, sizeof map->note,
                 "the sketch does not tell where its file system is; Arduino's usual place");
    }
    add_firmware(map, least(least(start, MEGABYTE), map->flash_size - 0x5000));
    add_files(map, "littlefs", ONESLOT_SUBTYPE_DATA_LITTLEFS, start, end);
    add(map, "eeprom", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER, map->flash_size - 0x5000, map->flash_size - 0x4000);
    add_system(map);
}

/// boot_v1.x's maps (SDK, user_main.c and the AT firmware's partition table): halves of 512 KiB, or of 1 MiB.
static void imply_user1(struct flash_map *map, const struct firmware *firmware) {
    uint8_t mode;
    uint8_t size_and_clock;
    firmware_flash_header(firmware, &mode, &size_and_clock);
    bool wide = size_and_clock >> 4 == 5 || size_and_clock >> 4 == 6;
    uint32_t half = wide ? MEGABYTE : MEGABYTE / 2;
    add(map, "boot", TYPE_BOOT_LOADER, 0, 0, ONESLOT_SECTOR_SIZE);
    add(map, "user1", ONESLOT_TYPE_APP, SUBTYPE_OTA_0, ONESLOT_SECTOR_SIZE, half - 0x7000);
    add(map, "parameters", ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_USER, half - 0x7000, half);
    add(map, "user2", ONESLOT_TYPE_APP, SUBTYPE_OTA_1, half + ONESLOT_SECTOR_SIZE, 2 * half - 0x7000);
    add_system(map);
}

/// docs/spiffs.md of NodeMCU up to 2.x: SPIFFS from the next 16 KiB behind the program on.
static void imply_nodemcu(struct flash_map *map, const struct firmware *firmware) {
    uint32_t end = (firmware->image.target + firmware->size + 0x3fff) & ~0x3fffu;
    map->irom = 0x10000;
    add_firmware(map, end);
    add_files(map, "spiffs", ONESLOT_SUBTYPE_DATA_SPIFFS, end, map->flash_size - flash_map_system(map));
    add_system(map);
    snprintf(map->note, sizeof map->note,
             "NodeMCU's own partition table was not looked for: SPIFFS at its usual place");
}

static void imply_other(struct flash_map *map) {
    uint32_t system = map->flash_size - flash_map_system(map);
    add_firmware(map, least(system, MEGABYTE));
    add_system(map);
    snprintf(map->note, sizeof map->note, "unknown firmware: the program's megabyte and the SDK's sectors");
}

uint8_t flash_map_sdk_of(const struct firmware *firmware) {
    char major = firmware->sdk[0];
    if (major >= '0' && major <= '3') {
        return major == '0' ? 1 : (uint8_t)(major - '0');
    }
    // NodeMCU of the days when it did not name its SDK.
    return firmware->maker == FIRMWARE_NODEMCU ? 1 : 2;
}

uint32_t flash_map_least_flash(const struct firmware *firmware) {
    bool beyond = firmware->maker == FIRMWARE_MICROPYTHON && claims_micropython_files(firmware, NULL) >= MEGABYTE;
    uint32_t least_size = beyond ? 2 * MEGABYTE : MEGABYTE / 2;
    while (least_size < firmware->image.target + firmware->size + SDK_SIZE) {
        least_size *= 2;
    }
    return least_size;
}

void flash_map_imply(struct flash_map *map, const struct firmware *firmware) {
    map->map.count = 0;
    map->sdk = map->sdk != 0 ? map->sdk : flash_map_sdk_of(firmware);
    snprintf(map->note, sizeof map->note, "as %s%s%s has it", firmware_maker_text(firmware->maker),
             firmware->version[0] != 0 ? " " : "", firmware->version);
    if (firmware->image.kind == ONESLOT_IMAGE_USER1) {
        imply_user1(map, firmware);
    } else if (firmware->maker == FIRMWARE_MICROPYTHON) {
        imply_micropython(map, firmware);
    } else if (firmware->image.kind == ONESLOT_IMAGE_ARDUINO) {
        imply_arduino(map, firmware);
    } else if (firmware->maker == FIRMWARE_NODEMCU) {
        imply_nodemcu(map, firmware);
    } else {
        imply_other(map);
    }
}

/// Bytes of the image at `address`, or 0. One that names no length ends before the erased flash behind it.
static uint32_t image_size(uint8_t *bytes, uint32_t size, uint32_t address) {
    struct oneslot_flash flash;
    ram_flash_init(&flash, bytes, size);
    uint32_t room = least(size, MEGABYTE) - address;
    struct oneslot_map map = {.count = 1};
    map.partition[0] =
        (struct oneslot_partition){.type = ONESLOT_TYPE_APP, .address = address, .size = room, .label = "image"};
    struct oneslot_source *source = malloc(sizeof *source);
    if (source == NULL) {
        return 0;
    }
    uint32_t length = 0;
    if (oneslot_source_open(source, &flash, &map, "@image") == ONESLOT_ERROR_NONE) {
        struct oneslot_image image = {.size = 0};
        if (oneslot_image_probe(&image, source) == ONESLOT_ERROR_NONE) {
            length = image.size;
        }
        oneslot_source_close(source);
    }
    free(source);
    if (length == room) {
        while (length > 0 && bytes[address + length - 1] == 0xff) {
            length--;
        }
        length = (length + 3) & ~3u;
    }
    return length;
}

/// As firmware_read, of an image in flash, where header bytes 2 and 3 are the device's: an Arduino image is proven with
/// its own, and what it says of the flash is the device's.
static void read_flashed(struct firmware *firmware, uint8_t *bytes, uint32_t length) {
    firmware_read(firmware, bytes, length);
    if (firmware->error != ONESLOT_ERROR_IMAGE_CRC || firmware->image.kind != ONESLOT_IMAGE_ARDUINO) {
        return;
    }
    uint8_t header[4];
    memcpy(header, bytes, sizeof header);
    if (firmware_mend_header(bytes, length)) {
        firmware_read(firmware, bytes, length);
    }
    memcpy(bytes, header, sizeof header);
    firmware->image.header = word_at(header);
}

bool flash_map_firmware_at(struct firmware *firmware, uint8_t *bytes, uint32_t size) {
    uint32_t address = 0;
    uint32_t length = image_size(bytes, size, address);
    if (length > 0) {
        read_flashed(firmware, bytes, length);
        if (firmware->maker != FIRMWARE_ESPRESSIF_BOOT) {
            return true;
        }
    }
    address = ONESLOT_SECTOR_SIZE;
    uint32_t behind = image_size(bytes, size, address);
    if (behind > 0) {
        firmware_read(firmware, bytes + address, behind);
        return true;
    }
    return length > 0;
}
