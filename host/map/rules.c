/*
 * The rules of flash maps: their names, sentences and sources, and the order in which they are looked at.
 */
#include "host/map/rules.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#define PARTITION_TABLES "ESP-IDF, docs/en/api-guides/partition-tables.rst"
#define GEN_ESP32PART    "ESP-IDF, components/partition_table/gen_esp32part.py"
#define BOOTLOADER_UTIL  "ESP-IDF, components/bootloader_support/src/bootloader_utility.c"
#define SDK_MAP          "Espressif, ESP8266 SDK Getting Started Guide (2A), flash maps; SDK 3, user_pre_init()"
#define ONESLOT_FORMATS  "docs/FORMATS.md; include/oneslot/layout.h"

static const struct flash_map_rule RULE_TABLE[RULE_COUNT] = {
    [RULE_TABLE_MAGIC] = {"table-magic", "Every row of a binary table begins with 0x50aa, its last one with 0xebeb.",
                          GEN_ESP32PART},
    [RULE_TABLE_MD5] = {"table-md5", "The MD5 row holds the MD5 of the rows before it.", GEN_ESP32PART},
    [RULE_TABLE_NO_MD5] = {"table-no-md5",
                           "A table has an MD5 row: the boot loader checks it unless it was built not to.",
                           PARTITION_TABLES ", 'MD5 checksum'"},
    [RULE_TABLE_BEHIND] = {"table-behind-md5", "Nothing lies behind the MD5 row, which would not cover it.",
                           GEN_ESP32PART},
    [RULE_TABLE_ROWS] = {"table-rows", "A table has at most 24 rows: that is what the installer holds in memory.",
                         "include/oneslot/map.h; the format itself has room for 95"},
    [RULE_TABLE_EMPTY] = {"table-empty", "A table has at least one row.", GEN_ESP32PART},
    [RULE_ZERO_SIZE] = {"zero-size", "No region is empty.", PARTITION_TABLES},
    [RULE_SECTOR_BOUNDARY] = {"sector-boundary",
                              "Regions begin and end on sectors of 4 KiB, the least that flash can erase; data in a "
                              "table of ESP-IDF's may end inside one.",
                              "W25Q32 data sheet; " GEN_ESP32PART},
    [RULE_PAST_END] = {"past-end", "No region goes past the end of the flash.", PARTITION_TABLES},
    [RULE_OVERLAP] = {"overlap", "No two regions share a byte.", GEN_ESP32PART},
    [RULE_ORDER] = {"order", "Rows are in the order of their addresses; ESP-IDF's tool takes no other CSV.",
                    GEN_ESP32PART},
    [RULE_LABEL] = {"label", "Each region has a name of its own, of printable characters.", GEN_ESP32PART},
    [RULE_FLASH_SIZE] =
        {"flash-size",
         "A flash chip has 512 KiB to 16 MiB (ESP8266) or 1 to 128 MiB (ESP32 family), a power of two; Oneslot "
         "serves 16 MiB at the most.",
         "esptool, targets/*.py, FLASH_SIZES"},
    [RULE_FS_SIZE] = {"file-system-size", "A file system has two sectors at the least: littlefs keeps pairs of blocks.",
                      "littlefs, SPEC.md, 'Metadata pairs'"},
    [RULE_ERASE_BLOCK] = {"erase-block",
                          "What upgrades write ends on a 64 KiB block: such a block is erased in one go, three to five "
                          "times as fast as sector by sector.",
                          "W25Q32 data sheet (tBE, tSE)"},
    [RULE_BOOT] = {"boot", "Something that the boot ROM can start lies at flash 0.",
                   "ESP8266 boot ROM (trebisky/esp8266, reverse/bootrom/boot.txt)"},
    [RULE_XIP_WINDOW] = {"xip-window",
                         "What runs in place lies in one mapped megabyte: the first, or, for user2 of a 2 MB-c1 or 4 "
                         "MB-c1 map, the second.",
                         "ESP8266 SDK, Cache_Read_Enable(); esp8266/Arduino, tools/sdk/ld/eagle.flash.*.ld"},
    [RULE_EXECUTABLE_WASTE] = {"executable-waste",
                               "What need not run in place spends no sector of the first megabyte while there is room "
                               "behind it.",
                               "follows from xip-window"},
    [RULE_ROMFS] = {"romfs",
                    "MicroPython's ROMFS is read through the mapped megabyte: it lies within it, at its end "
                    "(0xb0000 or 0xc0000 to 0x100000).",
                    "MicroPython, ports/esp8266/boards/esp8266_2MiB_ROMFS.ld, vfs_rom_ioctl.c"},
    [RULE_SYSTEM_SECTORS] = {"system-sectors",
                             "The last sectors of the flash are the SDK's, which writes them unasked: four for SDK "
                             "1.x, five for 2.x and 3.x.",
                             SDK_MAP "; MicroPython, ports/esp8266/modules/flashbdev.py"},
    [RULE_SYSTEM_SIZE] = {"system-size", "A region for the SDK's sectors holds all of them.", SDK_MAP},
    [RULE_SYSTEM_LISTED] = {"system-listed", "A map lists the SDK's sectors, so that nobody takes them.", SDK_MAP},
    [RULE_SYSTEM_PLACE] = {"system-place", "The SDK's parameters lie at the end of the flash that its header tells of.",
                           SDK_MAP},
    [RULE_RF_CAL] = {"rf-cal",
                     "RF calibration: one sector, 0x5000 before the end of flash, unless the firmware moves it "
                     "(user_rf_cal_sector_set() in SDK 1.5.4 to 2, the table of user_pre_init() in SDK 3).",
                     SDK_MAP "; NodeMCU, app/user/user_main.c; esp8266/Arduino, core_esp8266_phy.cpp"},
    [RULE_PHY_INIT] = {"phy-init", "PHY init data: one sector, 0x4000 before the end of flash; only SDK 3 can move it.",
                       SDK_MAP "; MicroPython, ports/esp8266/esp_init_data.c"},
    [RULE_NATIVE_SECTOR] = {"native-sector",
                            "MicroPython that keeps its file system in the first megabyte writes native code to the "
                            "sector before it (0x98000 in the 1 MiB build).",
                            "MicroPython, ports/esp8266/modesp.c, modules/flashbdev.py"},
    [RULE_ONESLOT_PARTS] =
        {"oneslot-parts",
         "On an ESP8266 loader, displaced sector, journal, map and installer come together, each "
         "once, the loader in the first sector; on the ESP32 family ota_0, the installer as factory, "
         "journal and settings.",
         ONESLOT_FORMATS},
    [RULE_ONESLOT_SIZES] = {"oneslot-sizes",
                            "Loader, displaced sector, map and settings have one sector each, the journal two, the "
                            "installer 32 KiB on an ESP8266 and 64 KiB on the ESP32 family.",
                            ONESLOT_FORMATS},
    [RULE_ONESLOT_ONE_SLOT] = {"oneslot-one-slot", "Beside Oneslot's installer there is no OTA slot but ota_0.",
                               BOOTLOADER_UTIL},
    [RULE_ONESLOT_SOURCE] = {"oneslot-source",
                             "Oneslot installs from a file system, large enough for another firmware.",
                             "docs/DESIGN.md"},
    [RULE_FIRMWARE_IMAGE] = {"firmware-image", "The firmware is whole: format, lengths, checksums hold.",
                             "include/oneslot/image.h"},
    [RULE_FIRMWARE_CHIP] = {"firmware-chip", "The firmware is for this chip.",
                            "ESP-IDF, esp_app_format.h, esp_chip_id_t; ESP8266 boot ROM"},
    [RULE_FIRMWARE_SIZE] = {"firmware-size", "The firmware fits its region.", "follows from overlap"},
    [RULE_HEADROOM] = {"headroom",
                       "A firmware has room to grow: MicroPython grew from 590 KiB (v1.9.4) to 627 KiB (v1.22.1).",
                       "sizes of MicroPython's releases for the ESP8266"},
    [RULE_CODE_OVERLAP] = {"code-overlap",
                           "No file system, user sector or reserved area lies over code that runs in place: whoever "
                           "writes there crashes the program.",
                           "follows from xip-window"},
    [RULE_HEADER_SIZE] = {"header-size",
                          "The flash size in the image's header (high half of byte 3) is that of the chip: the SDK "
                          "finds its sectors by it.",
                          "esptool, targets/esp8266.py, FLASH_SIZES; ESP8266 SDK, system_get_flash_size_map()"},
    [RULE_FIRMWARE_FS] = {"firmware-file-system", "The file system lies where the firmware was built to look for it.",
                          "MicroPython, modules/flashbdev.py; esp8266/Arduino, cores/esp8266/flash_hal.h (_FS_start)"},
    [RULE_BOOTLOADER] =
        {"bootloader",
         "The second-stage boot loader lies at 0x1000 (ESP32, S2), 0x2000 (C5, H4, P4, S31) or 0 (the others), "
         "below the table at 0x8000.",
         "esptool, targets/*.py, BOOTLOADER_FLASH_OFFSET; ESP-IDF, bootloader Kconfig"},
    [RULE_FIRST_PARTITION] = {"first-partition", "The first partition begins behind the table's sector, at 0x9000.",
                              GEN_ESP32PART},
    [RULE_APP_ALIGNMENT] = {"app-alignment", "Application partitions begin on 64 KiB: a page of the flash MMU.",
                            PARTITION_TABLES ", 'Offset & Size'"},
    [RULE_APP_MISSING] = {"app-missing", "There is an application partition.", BOOTLOADER_UTIL},
    [RULE_OTADATA] = {"otadata",
                      "OTA slots come with one otadata partition, of 0x2000 bytes; without it the boot loader starts "
                      "factory, or the first slot that is whole.",
                      GEN_ESP32PART "; " BOOTLOADER_UTIL},
    [RULE_OTA_SLOTS] = {"ota-slots", "OTA slots are numbered from ota_0 without a gap, each once.", BOOTLOADER_UTIL},
    [RULE_NVS_SIZE] = {"nvs-size", "An nvs partition has 0x3000 bytes at the least.",
                       GEN_ESP32PART ", NVS_RW_MIN_PARTITION_SIZE"},
    [RULE_DATA_SIZE] = {"data-size", "nvs_keys, phy and journal have the size that their users expect.",
                        PARTITION_TABLES "; " ONESLOT_FORMATS},
    [RULE_LAYOUT] = {"layout", "The layout block in the loader's sector agrees with the map.", ONESLOT_FORMATS},
    [RULE_CONTENT_PARTS] = {"content-parts", "A region holds what the map says: programs where it has programs.",
                            "ESP8266 boot ROM; ESP-IDF, esp_app_format.h"},
    [RULE_CONTENT_FS_MISSING] = {"content-fs-missing", "Where the map has a file system, the flash has one.",
                                 "littlefs, SPEC.md"},
    [RULE_CONTENT_FS_UNLISTED] = {"content-fs-unlisted", "Where the flash has a file system, the map has one.",
                                  "littlefs, SPEC.md"},
    [RULE_CONTENT_FS_SIZE] = {"content-fs-size", "A file system, as its superblock says, stays in its region.",
                              "littlefs, SPEC.md, '0x0ff LFS_TYPE_SUPERBLOCK'"},
    [RULE_CONTENT_JOURNAL] = {"content-journal-unlisted", "Journal records lie in the map's journal and nowhere else.",
                              ONESLOT_FORMATS},
    [RULE_CONTENT_PHY] = {"content-phy-init", "The PHY init sector holds PHY init data (first byte 5) or is erased.",
                          "MicroPython, ports/esp8266/esp_init_data.c; NodeMCU, app/user/user_main.c"},
};

const struct flash_map_rule *flash_map_rule(size_t index) {
    return index < RULE_COUNT ? &RULE_TABLE[index] : NULL;
}

/// The place of the lightest finding, the last of its kind.
static size_t lightest(const struct check *check) {
    size_t found = 0;
    for (size_t index = 1; index < check->count; index++) {
        if (check->findings[index].weight >= check->findings[found].weight) {
            found = index;
        }
    }
    return found;
}

void rules_report(struct check *check, enum rule rule, enum flash_map_weight weight, uint32_t address, uint64_t length,
                  const char *format, ...) {
    size_t place = check->count;
    if (place == FLASH_MAP_FINDINGS) {
        place = lightest(check);
        if (check->findings[place].weight <= weight) {
            return;
        }
    } else {
        check->count++;
    }
    struct flash_map_finding *finding = &check->findings[place];
    *finding = (struct flash_map_finding){
        .rule = RULE_TABLE[rule].name,
        .weight = weight,
        .address = address,
        .length = length > UINT32_MAX ? UINT32_MAX : (uint32_t)length,
    };
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(finding->text, sizeof finding->text, format, arguments);
    va_end(arguments);
}

static int by_address(const void *left, const void *right) {
    const struct flash_map_finding *one = left;
    const struct flash_map_finding *two = right;
    if (one->address != two->address) {
        return one->address < two->address ? -1 : 1;
    }
    if (one->weight != two->weight) {
        return one->weight < two->weight ? -1 : 1;
    }
    int names = strcmp(one->rule, two->rule);
    return names != 0 ? names : strcmp(one->text, two->text);
}

size_t flash_map_check_firmware(const struct flash_map *map, const struct flash_map_firmware *firmware,
                                struct flash_map_finding *findings) {
    struct check check = {.map = map, .firmware = firmware, .findings = findings};
    rules_table(&check);
    rules_regions(&check);
    if (map->chip == FLASH_MAP_ESP8266) {
        rules_esp8266(&check);
        rules_oneslot(&check);
    } else {
        rules_esp32(&check);
        rules_oneslot_esp32(&check);
    }
    rules_firmware(&check);
    rules_content(&check);
    qsort(findings, check.count, sizeof *findings, by_address);
    return check.count;
}

size_t flash_map_check(const struct flash_map *map, struct flash_map_finding *findings) {
    return flash_map_check_firmware(map, NULL, findings);
}

uint32_t flash_map_system_size(uint8_t sdk) {
    return sdk == 1 ? 0x4000 : 0x5000;
}

bool region_is(const struct oneslot_partition *region, uint8_t type, uint8_t subtype) {
    return region->type == type && region->subtype == subtype;
}

bool region_is_app(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_APP;
}

bool region_is_file_system(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_DATA && region->subtype >= ONESLOT_SUBTYPE_DATA_FAT &&
           region->subtype <= ONESLOT_SUBTYPE_DATA_LITTLEFS;
}

bool region_is_phy(const struct oneslot_partition *region) {
    return region_is(region, ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_PHY) || strncmp(region->label, "phy", 3) == 0;
}

bool region_is_rf_cal(const struct oneslot_partition *region) {
    return strncmp(region->label, "rf_cal", 6) == 0 || strncmp(region->label, "rfcal", 5) == 0;
}

bool region_is_romfs(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_DATA && (region->subtype == 0x8f || strncmp(region->label, "romfs", 5) == 0);
}

bool region_is_system(const struct oneslot_partition *region) {
    return region_is(region, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_SYSTEM) || region_is_phy(region) ||
           region_is_rf_cal(region);
}

bool region_is_executable(const struct oneslot_partition *region) {
    return region_is_app(region) || region_is(region, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_NATIVE);
}

const struct oneslot_partition *region_of(const struct oneslot_map *map, uint8_t type, uint8_t subtype) {
    for (uint32_t index = 0; index < map->count; index++) {
        if (region_is(&map->partition[index], type, subtype)) {
            return &map->partition[index];
        }
    }
    return NULL;
}

const struct oneslot_partition *region_at(const struct oneslot_map *map, uint32_t address) {
    for (uint32_t index = 0; index < map->count; index++) {
        const struct oneslot_partition *region = &map->partition[index];
        if (address >= region->address && address < region_end(region)) {
            return region;
        }
    }
    return NULL;
}
