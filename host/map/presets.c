/*
 * Presets: maps that firmware comes with today, those of Oneslot, and the ones that were asked for.
 *
 * Sources: MicroPython, ports/esp8266/boards/esp8266_*.ld (code), modules/flashbdev.py (file system: behind the code,
 * one sector further where that is below 1 MiB, up to 20 KiB before the end), ports/esp32/partitions-4MiBplus.csv.
 * arduino-esp32, tools/partitions/default.csv.
 * Arduino, tools/sdk/ld/eagle.flash.*.ld and tools/boards.txt.py (EEPROM, RF calibration, parameters: the last five
 * sectors). NodeMCU, app/user/user_main.c (rompt, first_time_setup) and ld/nodemcu.ld.
 */
#include <string.h>

#include "host/map/flash_map.h"

#define KIB(n) ((n)*0x400u)
#define MIB(n) ((n)*0x100000u)

#define ROW(name, kind, detail, start, end)                                                                            \
    { .type = (kind), .subtype = (detail), .address = (start), .size = (end) - (start), .label = (name) }
#define APP(name, detail, start, end)     ROW(name, ONESLOT_TYPE_APP, detail, start, end)
#define DATA(name, detail, start, end)    ROW(name, ONESLOT_TYPE_DATA, detail, start, end)
#define ONESLOT(name, detail, start, end) ROW(name, ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_##detail, start, end)
#define FIRMWARE(start, end)              APP("firmware", ONESLOT_SUBTYPE_APP_FACTORY, start, end)
#define SYSTEM(start, end)                ONESLOT("system", SYSTEM, start, end)
#define LITTLEFS(name, start, end)        DATA(name, ONESLOT_SUBTYPE_DATA_LITTLEFS, start, end)
#define ROWS(...)                                                                                                      \
    {                                                                                                                  \
        .count = sizeof((struct oneslot_partition[]){__VA_ARGS__}) / sizeof(struct oneslot_partition), .partition = {  \
            __VA_ARGS__                                                                                                \
        }                                                                                                              \
    }

/// ESP-IDF's subtypes that no other room of this project needs.
enum {
    OTADATA = 0x00,
    PHY = ONESLOT_SUBTYPE_DATA_PHY,
    NVS = 0x02,
    COREDUMP = 0x03,
    ROMFS = 0x8f,
    OTA_0 = 0x10,
    APP_TEST = 0x20
};

#define ESP8266(title, about, flash, major, from, ...)                                                                 \
    {                                                                                                                  \
        .name = (title), .note = (about), .chip = FLASH_MAP_ESP8266, .flash_size = (flash), .sdk = (major),            \
        .irom = (from), .map = ROWS(__VA_ARGS__)                                                                       \
    }

#define MICROPYTHON(title, about, flash, ...)                                                                          \
    ESP8266("micropython-" title, "MicroPython, " about, flash, 2, 0x9000, __VA_ARGS__, SYSTEM((flash)-0x5000u, flash))

#define MICROPYTHON_LARGE(title, flash)                                                                                \
    MICROPYTHON(title, "generic build", flash, FIRMWARE(0, MIB(1)), LITTLEFS("vfs", MIB(1), (flash)-0x5000u))

/// Arduino gives the SDK its PHY data from the program (core_esp8266_phy.cpp): its sector holds the RF calibration, and
/// the one before is left for the EEPROM library.
#define ARDUINO_END(flash) ONESLOT("eeprom", USER, (flash)-0x5000u, (flash)-0x4000u), SYSTEM((flash)-0x4000u, flash)
#define ARDUINO_MAP(split, about, flash, ...)                                                                          \
    {                                                                                                                  \
        .name = "arduino-" split, .note = "Arduino, " about, .chip = FLASH_MAP_ESP8266, .flash_size = (flash),         \
        .sdk = 2, .system_sectors = 4, .irom = 0x1010, .map = ROWS(__VA_ARGS__, ARDUINO_END(flash))                    \
    }
#define ARDUINO(split, about, flash, code_end, start, end)                                                             \
    ARDUINO_MAP(split, about, flash, FIRMWARE(0, code_end), LITTLEFS("littlefs", start, end))
#define ARDUINO_BARE(split, flash, code_end) ARDUINO_MAP(split, "no file system", flash, FIRMWARE(0, code_end))

/// From a stock application at 0x10000 on, up to 2 MiB.
#define ESP32_PARTS                                                                                                    \
    APP("ota_0", OTA_0, 0x10000, 0x1e0000), APP("installer", ONESLOT_SUBTYPE_APP_FACTORY, 0x1e0000, 0x1f0000),         \
        DATA("otadata", OTADATA, 0x1f0000, 0x1f2000), ONESLOT("journal", JOURNAL, 0x1f2000, 0x1f4000),                 \
        ONESLOT("settings", MAP, 0x1f4000, 0x1f5000)

static const struct flash_map PRESETS[] = {
    MICROPYTHON("512k", "FLASH_512K build: no file system", KIB(512), FIRMWARE(0, 0x7b000)),
    MICROPYTHON("1m", "FLASH_1M build", MIB(1), FIRMWARE(0, 0x98000), ONESLOT("native", NATIVE, 0x98000, 0x99000),
                LITTLEFS("vfs", 0x99000, 0xfb000)),
    MICROPYTHON_LARGE("2m", MIB(2)),
    // The comment at the head of esp8266_2MiB_ROMFS.ld says 0x402c0000; what links is 0x402b0000.
    MICROPYTHON("2m-romfs", "FLASH_2M_ROMFS build", MIB(2), FIRMWARE(0, 0xb0000), DATA("romfs", ROMFS, 0xb0000, MIB(1)),
                LITTLEFS("vfs", MIB(1), MIB(2) - 0x5000)),
    MICROPYTHON_LARGE("4m", MIB(4)),
    MICROPYTHON_LARGE("8m", MIB(8)),
    MICROPYTHON_LARGE("16m", MIB(16)),
    ESP8266("oneslot-micropython-4m", "stock MicroPython with Oneslot", MIB(4), 2, 0x9000,
            ONESLOT("loader", LOADER, 0, 0x1000), FIRMWARE(0x1000, 0xf4000),
            ONESLOT("displaced", DISPLACED, 0xf4000, 0xf5000), ONESLOT("journal", JOURNAL, 0xf5000, 0xf7000),
            ONESLOT("map", MAP, 0xf7000, 0xf8000), ONESLOT("installer", INSTALLER, 0xf8000, MIB(1)),
            LITTLEFS("vfs", MIB(1), 0x3fb000), SYSTEM(0x3fb000, MIB(4))),
    ESP8266("sdk1-89000", "MicroPython for SDK 1.x: file system from 0x89000, four system sectors", MIB(1), 1, 0x9000,
            FIRMWARE(0, 0x89000), LITTLEFS("vfs", 0x89000, 0xfc000), SYSTEM(0xfc000, MIB(1))),
    // A firmware of 514 KiB ends at 0x80800, in the 8 KiB that end at 0x82000. The 0xe000 bytes from there: two sectors
    // for it to grow, four for the user, and the executable area on a 32 KiB boundary, where one erase takes it all.
    ESP8266("sdk2-90000",
            "MicroPython for SDK 2.x: 32 KiB for native code, file system from 0x90000, five system sectors", MIB(1), 2,
            0x9000, FIRMWARE(0, 0x84000), ONESLOT("user", USER, 0x84000, 0x88000),
            ONESLOT("native", NATIVE, 0x88000, 0x90000), LITTLEFS("vfs", 0x90000, 0xfb000), SYSTEM(0xfb000, MIB(1))),
    ARDUINO_BARE("512k", KIB(512), 0x7b000),
    ARDUINO("512k32", "32 KiB of files", KIB(512), 0x73000, 0x73000, 0x7b000),
    ARDUINO("512k64", "64 KiB of files", KIB(512), 0x6b000, 0x6b000, 0x7b000),
    ARDUINO("512k128", "128 KiB of files", KIB(512), 0x5b000, 0x5b000, 0x7b000),
    ARDUINO_BARE("1m", MIB(1), 0xfb000),
    ARDUINO("1m64", "64 KiB of files", MIB(1), 0xeb000, 0xeb000, 0xfb000),
    ARDUINO("1m128", "128 KiB of files", MIB(1), 0xdb000, 0xdb000, 0xfb000),
    ARDUINO("1m144", "144 KiB of files", MIB(1), 0xd7000, 0xd7000, 0xfb000),
    ARDUINO("1m160", "160 KiB of files", MIB(1), 0xd3000, 0xd3000, 0xfb000),
    ARDUINO("1m192", "192 KiB of files", MIB(1), 0xcb000, 0xcb000, 0xfb000),
    ARDUINO("1m256", "256 KiB of files", MIB(1), 0xbb000, 0xbb000, 0xfb000),
    ARDUINO("1m512", "512 KiB of files", MIB(1), 0x7b000, 0x7b000, 0xfb000),
    ARDUINO_BARE("2m", MIB(2), MIB(1)),
    ARDUINO("2m64", "44 KiB of files, room for an update over the air", MIB(2), MIB(1), 0x1f0000, 0x1fb000),
    ARDUINO("2m128", "108 KiB of files, room for an update over the air", MIB(2), MIB(1), 0x1e0000, 0x1fb000),
    ARDUINO("2m256", "236 KiB of files, room for an update over the air", MIB(2), MIB(1), 0x1c0000, 0x1fb000),
    ARDUINO("2m512", "488 KiB of files, room for an update over the air", MIB(2), MIB(1), 0x180000, 0x1fa000),
    ARDUINO("2m1m", "1000 KiB of files", MIB(2), MIB(1), MIB(1), 0x1fa000),
    ARDUINO_BARE("4m", MIB(4), MIB(1)),
    ARDUINO("4m1m", "1000 KiB of files, room for an update over the air", MIB(4), MIB(1), MIB(3), 0x3fa000),
    ARDUINO("4m2m", "2024 KiB of files, room for an update over the air", MIB(4), MIB(1), MIB(2), 0x3fa000),
    ARDUINO("4m3m", "3048 KiB of files", MIB(4), MIB(1), MIB(1), 0x3fa000),
    ARDUINO("8m6m", "6120 KiB of files, room for an update over the air", MIB(8), MIB(1), MIB(2), 0x7fa000),
    ARDUINO("8m7m", "7144 KiB of files", MIB(8), MIB(1), MIB(1), 0x7fa000),
    ARDUINO("16m14m", "14312 KiB of files, room for an update over the air", MIB(16), MIB(1), MIB(2), 0xffa000),
    ARDUINO("16m15m", "15336 KiB of files", MIB(16), MIB(1), MIB(1), 0xffa000),
    {
        .name = "nodemcu",
        .note = "NodeMCU 3: RF calibration and PHY data between the two parts of the program, SPIFFS from 1 MiB on",
        .chip = FLASH_MAP_ESP8266,
        .flash_size = MIB(4),
        .sdk = 3,
        .system_sectors = 3,
        .irom = 0x10000,
        .map = ROWS(FIRMWARE(0, 0xb000), ONESLOT("rf_cal", SYSTEM, 0xd000, 0xe000),
                    DATA("phy_init", PHY, 0xf000, 0x10000), APP("irom0", APP_TEST, 0x10000, 0xf0000),
                    DATA("spiffs", ONESLOT_SUBTYPE_DATA_SPIFFS, MIB(1), 0x3fd000), SYSTEM(0x3fd000, MIB(4))),
    },
    {
        .name = "esp32-micropython-4m",
        .note = "MicroPython on an ESP32; newer builds find the file system's place themselves, without its row",
        .chip = FLASH_MAP_ESP32,
        .flash_size = MIB(4),
        .map = ROWS(DATA("nvs", NVS, 0x9000, 0xf000), DATA("phy_init", PHY, 0xf000, 0x10000),
                    APP("factory", ONESLOT_SUBTYPE_APP_FACTORY, 0x10000, MIB(2)),
                    DATA("vfs", ONESLOT_SUBTYPE_DATA_FAT, MIB(2), MIB(4))),
    },
    {
        .name = "esp32-oneslot-4m",
        .note = "MicroPython on an ESP32 with Oneslot: the installer is the factory application",
        .chip = FLASH_MAP_ESP32,
        .flash_size = MIB(4),
        .map = ROWS(DATA("nvs", NVS, 0x9000, 0xf000), DATA("phy_init", PHY, 0xf000, 0x10000), ESP32_PARTS,
                    DATA("vfs", ONESLOT_SUBTYPE_DATA_FAT, MIB(2), MIB(4))),
    },
    {
        .name = "esp32-oneslot-8m",
        .note = "the same on 8 MiB",
        .chip = FLASH_MAP_ESP32,
        .flash_size = MIB(8),
        .map = ROWS(DATA("nvs", NVS, 0x9000, 0xf000), DATA("phy_init", PHY, 0xf000, 0x10000), ESP32_PARTS,
                    DATA("vfs", ONESLOT_SUBTYPE_DATA_FAT, MIB(2), MIB(8))),
    },
    {
        .name = "esp32-oneslot-16m",
        .note = "the same on 16 MiB",
        .chip = FLASH_MAP_ESP32,
        .flash_size = MIB(16),
        .map = ROWS(DATA("nvs", NVS, 0x9000, 0xf000), DATA("phy_init", PHY, 0xf000, 0x10000), ESP32_PARTS,
                    DATA("vfs", ONESLOT_SUBTYPE_DATA_FAT, MIB(2), MIB(16))),
    },
    {
        .name = "esp32-arduino-4m",
        .note = "Arduino's default on the ESP32 family: two slots, of which each must hold the program",
        .chip = FLASH_MAP_ESP32,
        .flash_size = MIB(4),
        .map = ROWS(DATA("nvs", NVS, 0x9000, 0xe000), DATA("otadata", OTADATA, 0xe000, 0x10000),
                    APP("app0", OTA_0, 0x10000, 0x150000), APP("app1", OTA_0 + 1, 0x150000, 0x290000),
                    DATA("spiffs", ONESLOT_SUBTYPE_DATA_SPIFFS, 0x290000, 0x3f0000),
                    DATA("coredump", COREDUMP, 0x3f0000, MIB(4))),
    },
    {
        .name = "esp32-oneslot-arduino",
        .note = "the same with Oneslot: one slot of nearly twice the size",
        .chip = FLASH_MAP_ESP32,
        .flash_size = MIB(4),
        .map = ROWS(DATA("nvs", NVS, 0x9000, 0xe000), DATA("otadata", OTADATA, 0xe000, 0x10000),
                    APP("ota_0", OTA_0, 0x10000, 0x270000),
                    APP("installer", ONESLOT_SUBTYPE_APP_FACTORY, 0x270000, 0x280000),
                    ONESLOT("journal", JOURNAL, 0x280000, 0x282000), ONESLOT("settings", MAP, 0x282000, 0x283000),
                    DATA("spiffs", ONESLOT_SUBTYPE_DATA_SPIFFS, 0x290000, 0x3f0000),
                    DATA("coredump", COREDUMP, 0x3f0000, MIB(4))),
    },
};

#define PRESET_COUNT (sizeof PRESETS / sizeof PRESETS[0])

const struct flash_map *flash_map_preset(size_t index) {
    return index < PRESET_COUNT ? &PRESETS[index] : NULL;
}

const struct flash_map *flash_map_preset_named(const char *name) {
    for (size_t index = 0; index < PRESET_COUNT; index++) {
        if (strcmp(PRESETS[index].name, name) == 0) {
            return &PRESETS[index];
        }
    }
    return NULL;
}
