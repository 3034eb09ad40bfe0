/*
 * Rules about a firmware and the map that it lies in.
 */
#include <stdlib.h>
#include <string.h>

#include "host/bytes.h"
#include "host/esp32.h"
#include "host/fit.h"
#include "host/map/implied.h"
#include "host/map/rules.h"
#include "host/size.h"
#include "oneslot/layout.h"

/// Less room than this is named.
#define HEADROOM 0x10000u

/// The ESP8266's firmware.

/// The end of the image in `bytes`; a kind that does not tell its length ends where the file does.
static void take(struct rules_image *image, const uint8_t *bytes, uint32_t size) {
    firmware_read(&image->firmware, bytes, size);
    image->start = image->firmware.image.target;
    image->end = image->start + size;
    image->known = image->firmware.image.kind != ONESLOT_IMAGE_NONE;
}

/// The end of what may be code: application regions of the first megabyte from the image's start on, as long as nothing
/// but the SDK's moved sectors lies between.
static uint32_t code_end(const struct oneslot_map *map, uint32_t start) {
    const struct oneslot_partition *region = region_at(map, start);
    if (region == NULL || !region_is_app(region)) {
        region = region_at(map, start + ONESLOT_SECTOR_SIZE);
    }
    if (region == NULL || !region_is_app(region)) {
        return 0;
    }
    uint64_t end = region_end(region);
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *next = &map->partition[index];
        // 0x20 is the subtype of a second part (NodeMCU's irom0), 0x10 and up are other slots.
        if (region_is(next, ONESLOT_TYPE_APP, 0x20) && next->address >= end && next->address < RULES_MEGABYTE) {
            end = region_end(next);
        }
    }
    return end > UINT32_MAX ? UINT32_MAX : (uint32_t)end;
}

/// From a dump: with Oneslot, the first sector lies in the displaced one.
static void take_from_dump(struct rules_image *image, const struct flash_map *map) {
    const struct oneslot_partition *displaced = region_of(&map->map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_DISPLACED);
    struct oneslot_layout layout;
    memcpy(&layout, map->bytes + ONESLOT_LAYOUT_ADDRESS, sizeof layout);
    image->from_flash = true;
    image->owned = malloc(map->size);
    if (image->owned == NULL) {
        return;
    }
    memcpy(image->owned, map->bytes, map->size);
    if (oneslot_layout_valid(&layout) && displaced != NULL && displaced->size >= ONESLOT_SECTOR_SIZE &&
        region_end(displaced) <= map->size) {
        memcpy(image->owned, map->bytes + displaced->address, ONESLOT_SECTOR_SIZE);
    }
    image->known = flash_map_firmware_at(&image->firmware, image->owned, map->size);
    if (image->known) {
        image->start = (uint32_t)(image->firmware.bytes - image->owned);
        image->end = image->start + image->firmware.size;
    }
    uint32_t room = image->known ? code_end(&map->map, image->start) : 0;
    // An image that does not tell its length was taken to end where the flash is erased; more than its region it is
    // not.
    if (image->firmware.image.kind == ONESLOT_IMAGE_PLAIN && room > image->start && image->end > room) {
        image->end = room;
        while (image->end > image->start + 1 && image->owned[image->end - 1] == 0xff) {
            image->end--;
        }
        firmware_read(&image->firmware, image->owned + image->start, image->end - image->start);
    }
}

void rules_image_find(struct rules_image *image, const struct check *check) {
    const struct flash_map *map = check->map;
    memset(image, 0, sizeof *image);
    if (map->chip != FLASH_MAP_ESP8266) {
        return;
    }
    if (check->firmware != NULL && check->firmware->bytes != NULL) {
        take(image, check->firmware->bytes, check->firmware->size);
    } else if (check->firmware != NULL) {
        image->end = check->firmware->size;
        image->known = true;
    } else if (map->bytes != NULL && map->origin == FLASH_MAP_DUMP && map->size > 0x2000) {
        take_from_dump(image, map);
    } else if (map->bytes != NULL && map->origin == FLASH_MAP_FIRMWARE) {
        bool user1 = map->size > ONESLOT_SECTOR_SIZE && map->bytes[0] == 0xff;
        uint32_t skip = user1 ? ONESLOT_SECTOR_SIZE : 0;
        take(image, map->bytes + skip, map->size - skip);
    }
}

void rules_image_free(struct rules_image *image) {
    free(image->owned);
    image->owned = NULL;
}

static void report_room(struct check *check, const char *what, uint32_t start, uint32_t end, uint32_t room_end) {
    char size[24];
    if (end > room_end) {
        rules_report(check, RULE_FIRMWARE_SIZE, FLASH_MAP_ERROR, room_end, end - room_end,
                     "%s (%u bytes from 0x%x) ends at 0x%x, %u bytes past the end of its region at 0x%x", what,
                     end - start, start, end, end - room_end, room_end);
    } else if (room_end - end < HEADROOM) {
        rules_report(check, RULE_HEADROOM, FLASH_MAP_ADVICE, end, room_end - end,
                     "%s ends at 0x%x and its region at 0x%x: %s of headroom", what, end, room_end,
                     size_text(room_end - end, size));
    }
}

static void check_code_overlap(struct check *check, const struct rules_image *image) {
    const struct oneslot_map *map = &check->map->map;
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        // What NodeMCU's image has at the moved sectors is padding.
        if (region_is_app(region) || region->size == 0 || region->address >= image->end || region_is_phy(region) ||
            region_is_rf_cal(region) || region_end(region) <= image->start + ONESLOT_SECTOR_SIZE) {
            continue;
        }
        uint64_t end = region_end(region) < image->end ? region_end(region) : image->end;
        rules_report(check, RULE_CODE_OVERLAP, FLASH_MAP_ERROR, region->address, end - region->address,
                     "the firmware (0x%x to 0x%x) runs over '%s' (0x%x to 0x%llx): what is written there destroys "
                     "code, from 0x%x to 0x%llx",
                     image->start, image->end, region->label, region->address, (unsigned long long)region_end(region),
                     region->address, (unsigned long long)end);
    }
}

static void check_header(struct check *check, const struct rules_image *image) {
    const struct flash_map *map = check->map;
    uint8_t mode;
    uint8_t header;
    uint32_t bytes;
    char size[24];
    firmware_flash_header(&image->firmware, &mode, &header);
    if (image->from_flash && map->bytes[0] == 0xe9) {
        header = map->bytes[3]; // the device's own
    }
    const char *name = flash_size_name(header >> 4, &bytes);
    uint32_t at = image->from_flash ? 0 : image->start;
    if (bytes == 0) {
        rules_report(check, RULE_HEADER_SIZE, FLASH_MAP_WARNING, at, 4,
                     "the header at 0x%x gives the flash size as %u, which means none that is known", at, header >> 4);
    } else if (bytes > map->flash_size) {
        rules_report(check, RULE_HEADER_SIZE, FLASH_MAP_ERROR, at, 4,
                     "the header says %s, and the chip has %s: the SDK would look for its sectors past the end. Flash "
                     "it with esptool's --flash-size",
                     name, size_text(map->flash_size, size));
    } else if (bytes < map->flash_size && !(image->from_flash && bytes == rules_told(map))) {
        rules_report(check, RULE_HEADER_SIZE, image->from_flash ? FLASH_MAP_WARNING : FLASH_MAP_ADVICE, at, 4,
                     "the header says %s, and the chip has %s: %s", name, size_text(map->flash_size, size),
                     image->from_flash ? "the SDK keeps its sectors at the end of the smaller size, in the middle of "
                                         "this map, and the firmware does not see the rest"
                                       : "flash it with esptool's --flash-size, or the firmware sees only the smaller "
                                         "one");
    }
}

/// Where the firmware will look for its file system, against where the map has one.
static void check_file_system(struct check *check, const struct rules_image *image) {
    const struct flash_map *map = check->map;
    const struct firmware *firmware = &image->firmware;
    uint32_t start;
    uint32_t end = 0;
    bool sure = true;
    if (firmware->maker == FIRMWARE_MICROPYTHON) {
        start = claims_micropython_files(firmware, &sure);
        sure = sure || start < RULES_MEGABYTE;
        if (rules_told(map) < RULES_MEGABYTE) {
            return; // no file system
        }
    } else if (firmware->image.kind != ONESLOT_IMAGE_ARDUINO || !firmware_arduino_file_system(firmware, &start, &end)) {
        return;
    }
    uint32_t system = rules_told(map) - (start == 0x89000 ? 0x4000 : 0x5000);
    if (start >= system || end > system) {
        rules_report(check, RULE_FIRMWARE_FS, FLASH_MAP_ERROR, start, end > start ? end - start : 0,
                     "this firmware looks for its file system from 0x%x on%s, and the flash has room up to 0x%x: it "
                     "was built for a larger chip",
                     start, firmware->maker == FIRMWARE_MICROPYTHON ? " (generic build)" : "", system);
        return;
    }
    const struct oneslot_partition *region = region_at(&map->map, start);
    if (region == NULL || !region_is_file_system(region) || region->address != start) {
        rules_report(check, RULE_FIRMWARE_FS, sure ? FLASH_MAP_ERROR : FLASH_MAP_WARNING, start, 0,
                     "this firmware looks for its file system from 0x%x on%s; the map has %s%s%s there: it would write "
                     "over that",
                     start, sure ? "" : " (unless it was built for another place)", region == NULL ? "nothing" : "'",
                     region == NULL ? "" : region->label, region == NULL ? "" : "'");
    }
    if (firmware->maker == FIRMWARE_MICROPYTHON && start < RULES_MEGABYTE && firmware_at_least(firmware, 1, 9)) {
        const struct oneslot_partition *native = region_at(&map->map, start - ONESLOT_SECTOR_SIZE);
        if (native == NULL || !region_is(native, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE)) {
            rules_report(check, RULE_NATIVE_SECTOR, native == NULL ? FLASH_MAP_ADVICE : FLASH_MAP_WARNING,
                         start - ONESLOT_SECTOR_SIZE, ONESLOT_SECTOR_SIZE,
                         "this MicroPython writes native code to the sector at 0x%x; the map has %s%s%s there",
                         start - ONESLOT_SECTOR_SIZE, native == NULL ? "nothing" : "'",
                         native == NULL ? "" : native->label, native == NULL ? "" : "'");
        }
    }
}

/// What the firmware writes by itself, and what it needs, against Oneslot's parts and what the flash holds.
static void check_fit(struct check *check, const struct rules_image *image) {
    const struct flash_map *map = check->map;
    struct fit fit;
    uint8_t mode;
    uint8_t header;
    firmware_flash_header(&image->firmware, &mode, &header);
    header = image->from_flash ? map->bytes[3] : header;
    struct fit_device device = {
        .chip = {.flash_size = map->flash_size, .told = rules_told(map), .nibble = header >> 4},
        .map = &map->map,
        .flash = image->from_flash ? map->bytes : NULL,
    };
    fit_check(&fit, &image->firmware, &device);
    for (size_t index = 0; index < fit.count; index++) {
        const struct fit_reason *reason = &fit.reason[index];
        enum rule rule = reason->error == ONESLOT_ERROR_PHY_INIT ? RULE_CONTENT_PHY
                         : reason->part                          ? RULE_CLAIMS
                                                                 : RULE_FIRMWARE_IMAGE;
        if (rule != RULE_FIRMWARE_IMAGE || reason->error != ONESLOT_ERROR_IMAGE_CLAIMS) {
            rules_report(check, rule, FLASH_MAP_ERROR, reason->from, reason->to - reason->from, "%.390s", reason->text);
        }
    }
}

static bool is_for_esp32(const struct rules_image *image) {
    return image->firmware.error == ONESLOT_ERROR_IMAGE_CHIP || image->firmware.image.kind == ONESLOT_IMAGE_ESP32;
}

static void check_whole(struct check *check, const struct rules_image *image) {
    enum oneslot_error error = image->firmware.error;
    // The end of an image without a length is guessed in a dump.
    bool chip = is_for_esp32(image);
    if ((error == ONESLOT_ERROR_NONE && !chip) || (image->from_flash && error == ONESLOT_ERROR_IMAGE_LENGTH)) {
        return;
    }
    rules_report(check, chip ? RULE_FIRMWARE_CHIP : RULE_FIRMWARE_IMAGE, FLASH_MAP_ERROR, image->start,
                 image->end - image->start, "the firmware at 0x%x (%u bytes): %s", image->start,
                 image->end - image->start, oneslot_error_text(chip ? ONESLOT_ERROR_IMAGE_CHIP : error));
}

/// Another image of this size must find room beside the old one's files.
static void check_source(struct check *check, const struct rules_image *image) {
    const struct oneslot_map *map = &check->map->map;
    const struct oneslot_partition *files = oneslot_map_file_system(map);
    if (region_of(map, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_INSTALLER) != NULL && files != NULL &&
        files->size < image->end - image->start) {
        rules_report(check, RULE_ONESLOT_SOURCE, FLASH_MAP_ADVICE, files->address, files->size,
                     "the file system '%s' has %u bytes: another firmware of this size, %u bytes, does not fit in it",
                     files->label, files->size, image->end - image->start);
    }
}

static void check_boot_loader(struct check *check, const struct rules_image *image) {
    if (image->from_flash || check->map->origin != FLASH_MAP_FIRMWARE || check->firmware != NULL) {
        return;
    }
    if (image->firmware.image.kind == ONESLOT_IMAGE_USER1) {
        rules_report(check, RULE_BOOT, FLASH_MAP_WARNING, 0, ONESLOT_SECTOR_SIZE,
                     "this is a user1 image: it needs Espressif's boot_v1.x at flash 0, which is a file of its own");
    } else if (image->firmware.image.kind == ONESLOT_IMAGE_BOOT) {
        rules_report(check, RULE_BOOT, FLASH_MAP_WARNING, image->end, 0,
                     "this is a boot loader alone: what it starts, at 0x1000, is a file of its own");
    }
}

static void check_esp8266(struct check *check) {
    struct rules_image image;
    rules_image_find(&image, check);
    bool only_size = check->firmware != NULL && check->firmware->bytes == NULL;
    if (image.known) {
        uint32_t room = code_end(&check->map->map, image.start);
        if (room > 0) {
            report_room(check, "the firmware", image.start, image.end, room);
        }
        check_code_overlap(check, &image);
    }
    if (image.known && !only_size) {
        check_whole(check, &image);
        check_boot_loader(check, &image);
        check_source(check, &image);
    }
    if (image.known && !only_size && !is_for_esp32(&image)) {
        check_header(check, &image);
        check_file_system(check, &image);
        check_fit(check, &image);
    }
    if (!image.known && check->firmware != NULL) {
        rules_report(check, RULE_FIRMWARE_IMAGE, FLASH_MAP_ERROR, 0, check->firmware->size,
                     "the firmware (%u bytes): %s", check->firmware->size, oneslot_error_text(image.firmware.error));
    }
    rules_image_free(&image);
}

/// The ESP32 family's.

// esp_image_header_t: 24 bytes, segments at [1], byte 23 = a SHA-256 follows; each segment: address, length, data; a
// checksum in the last byte of 16. Source: ESP-IDF, components/bootloader_support, esp_image_format.h.
uint32_t rules_esp32_image_size(const uint8_t *bytes, uint32_t size) {
    if (size < 24 || bytes[0] != 0xe9 || bytes[1] == 0 || bytes[1] > 16) {
        return 0;
    }
    uint64_t at = 24;
    for (unsigned segment = 0; segment < bytes[1]; segment++) {
        if (at + 8 > size) {
            return 0;
        }
        at += 8 + (uint64_t)word_at(bytes + at + 4);
    }
    at = (at | 15) + 1 + (bytes[23] == 1 ? 32 : 0);
    return at <= size ? (uint32_t)at : 0;
}

const uint8_t *rules_esp32_application(const struct flash_map *map, const uint8_t *bytes, uint32_t *size) {
    uint32_t base = flash_map_boot_loader(map->chip);
    uint32_t table = 0x8000 - base;
    if (*size <= table + 32 || bytes[table] != 0xaa || bytes[table + 1] != 0x50) {
        return bytes;
    }
    for (uint32_t row = table; row + 32 <= *size && bytes[row] == 0xaa && bytes[row + 1] == 0x50; row += 32) {
        uint32_t address = word_at(bytes + row + 4);
        if (bytes[row + 2] == ONESLOT_TYPE_APP && address > base && address - base < *size) {
            *size -= address - base;
            return bytes + (address - base);
        }
    }
    return bytes;
}

static void check_esp32_program(struct check *check, const uint8_t *bytes, uint32_t size, uint32_t address) {
    const char *chip = firmware_esp32_chip(bytes, size);
    if (flash_map_chip_parse(chip) != check->map->chip) {
        rules_report(check, RULE_FIRMWARE_CHIP, FLASH_MAP_ERROR, address, size,
                     "the program for 0x%x is for the %s, and this map for the %s", address, chip,
                     flash_map_chip_text(check->map->chip));
    }
}

/// A program given beside the map must fit every slot that it may be put in.
static void check_esp32(struct check *check) {
    const struct oneslot_partition *slot = rules_esp32_slot(&check->map->map);
    struct flash_map_headroom room = flash_map_headroom(check->map, check->firmware);
    if (check->firmware == NULL || slot == NULL) {
        return;
    }
    uint32_t size = check->firmware->size;
    if (check->firmware->bytes != NULL) {
        const uint8_t *bytes = rules_esp32_application(check->map, check->firmware->bytes, &size);
        if (rules_esp32_image_size(bytes, size) == 0) {
            rules_report(check, RULE_FIRMWARE_IMAGE, FLASH_MAP_ERROR, slot->address, size,
                         "the program (%u bytes) is no whole image for the ESP32 family", size);
            return;
        }
        check_esp32_program(check, bytes, size, slot->address);
    }
    report_room(check, slot->label, room.start, room.end, room.region);
}

/// What a dump has in its application partitions. At least one must hold a program.
static void check_esp32_slots(struct check *check) {
    const struct flash_map *map = check->map;
    bool any = false;
    bool apps = false;
    for (uint32_t index = 0; index < map->map.count; index++) {
        const struct oneslot_partition *region = &map->map.partition[index];
        if (!region_is_app(region) || region->address >= map->size) {
            continue;
        }
        apps = true;
        const uint8_t *bytes = map->bytes + region->address;
        uint32_t rest = map->size - region->address;
        uint32_t size = rules_esp32_image_size(bytes, rest);
        if (size > 0) {
            any = true;
            check_esp32_program(check, bytes, size, region->address);
            report_room(check, region->label, region->address, region->address + size,
                        (uint32_t)(region_end(region) > UINT32_MAX ? UINT32_MAX : region_end(region)));
        } else if (bytes[0] != 0xff) {
            rules_report(check, RULE_FIRMWARE_IMAGE, FLASH_MAP_ERROR, region->address, region->size,
                         "the application partition '%s' at 0x%x holds no whole image", region->label, region->address);
        }
    }
    if (apps && !any) {
        rules_report(check, RULE_FIRMWARE_IMAGE, FLASH_MAP_ERROR, 0, 0,
                     "no application partition holds a program: the boot loader has nothing to start");
    }
}

static void check_bootloader(struct check *check) {
    const struct flash_map *map = check->map;
    uint32_t at = flash_map_boot_loader(map->chip);
    if (map->size <= at + 24) {
        return;
    }
    if (map->bytes[at] != 0xe9) {
        rules_report(check, RULE_BOOTLOADER, FLASH_MAP_ERROR, at, 0x8000 - at,
                     "there is no boot loader at 0x%x, where the %s looks for it", at, flash_map_chip_text(map->chip));
        return;
    }
    check_esp32_program(check, map->bytes + at, map->size - at, at);
    uint32_t bytes = esp32_flash_size(map->bytes + at);
    char named[24];
    char size[24];
    if (bytes == 0) {
        rules_report(check, RULE_HEADER_SIZE, FLASH_MAP_ERROR, at, 4,
                     "the boot loader's header names no size of flash that is known: code %u", map->bytes[at + 3] >> 4);
    } else if (bytes > map->flash_size) {
        rules_report(check, RULE_HEADER_SIZE, FLASH_MAP_ERROR, at, 4,
                     "the boot loader's header says %s, and the chip has %s", size_text(bytes, named),
                     size_text(map->flash_size, size));
    } else if (bytes < map->flash_size) {
        rules_report(check, RULE_HEADER_SIZE, FLASH_MAP_ADVICE, at, 4,
                     "the boot loader's header says %s, and the chip has %s: partitions behind that would be refused",
                     size_text(bytes, named), size_text(map->flash_size, size));
    }
}

void rules_firmware(struct check *check) {
    if (check->map->chip == FLASH_MAP_ESP8266) {
        check_esp8266(check);
        return;
    }
    if (check->map->bytes != NULL) {
        check_bootloader(check);
        check_esp32_slots(check);
    }
    check_esp32(check);
}

struct flash_map_headroom flash_map_headroom(const struct flash_map *map, const struct flash_map_firmware *firmware) {
    struct flash_map_headroom room = {0};
    struct check check = {.map = map, .firmware = firmware};
    if (map->chip != FLASH_MAP_ESP8266) {
        const struct oneslot_partition *slot = rules_esp32_slot(&map->map);
        if (slot == NULL) {
            return room;
        }
        uint32_t size = 0;
        if (firmware != NULL) {
            size = firmware->size;
            if (firmware->bytes != NULL) {
                const uint8_t *bytes = rules_esp32_application(map, firmware->bytes, &size);
                size = rules_esp32_image_size(bytes, size);
            }
        } else if (map->bytes != NULL && slot->address < map->size) {
            size = rules_esp32_image_size(map->bytes + slot->address, map->size - slot->address);
        }
        if (size > 0) {
            room = (struct flash_map_headroom){slot->address, slot->address + size, (uint32_t)region_end(slot)};
        }
        return room;
    }
    struct rules_image image;
    rules_image_find(&image, &check);
    uint32_t end = image.known ? code_end(&map->map, image.start) : 0;
    if (end > 0) {
        room = (struct flash_map_headroom){image.start, image.end, end};
    }
    rules_image_free(&image);
    return room;
}
