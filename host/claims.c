#include "host/claims.h"

#include <stdlib.h>
#include <string.h>

#include "host/bytes.h"
#include "host/esp32.h"

#define MEGABYTE 0x100000u
#define KIB(n)   ((n)*0x400u)
/// The SDK's sectors at the end of the flash that the header tells of: RF calibration, PHY init data, three of
/// parameters. SDK 1.x has no sector for RF calibration.
#define SDK_SIZE  0x5000u
#define SDK1_SIZE 0x4000u
#define PHY_AT    0x4000u
#define PARAMS_AT 0x3000u
/// What the boot ROM takes the chip for until the SDK has read the header.
#define ROM_CHIP 0x400000u
/// yaota8266's place in front of MicroPython (ports/esp8266/boards/esp8266_ota.ld).
#define YAOTA_SIZE 0x3c000u

#define SOURCE_CODE      "the image's own code"
#define SOURCE_FLASHBDEV "MicroPython, ports/esp8266/modules/flashbdev.py and modesp.c of that version"
#define SOURCE_LINKER    "the linker's symbols in the image (esp8266/Arduino, tools/sdk/ld/eagle.flash.*.ld)"
#define SOURCE_SDK       "Espressif, ESP8266 SDK Getting Started Guide (2A), flash maps"
#define SOURCE_TABLE     "the partition table in the image (SDK, user_pre_init())"
#define SOURCE_NODEMCU   "NodeMCU, app/platform/cpu_esp8266.h and app/spiffs/spiffs.c"
#define SOURCE_TASMOTA   "Tasmota, tasmota/settings.ino"
#define SOURCE_ROM       "MicroPython, ports/esp8266/esp_init_data.c; seen on an emulated chip"

static void add(struct claims *claims, const struct claim *claim) {
    if (claim->from < claim->to && claims->count < CLAIMS_MAX) {
        claims->claim[claims->count++] = *claim;
    }
}

/// The SDK's own sectors, at the end of what the header tells. `size` is their size.
static void add_sdk(struct claims *claims, uint32_t told, uint32_t size) {
    if (told < SDK_SIZE) {
        return;
    }
    if (size > SDK1_SIZE) {
        add(claims, &(struct claim){told - SDK_SIZE, told - PHY_AT, CLAIM_RF_CAL, "RF calibration",
                                    "at each start that calibrates", true, SOURCE_SDK});
    }
    add(claims, &(struct claim){told - PHY_AT, told - PARAMS_AT, CLAIM_PHY, "PHY init data",
                                "read at each start; must be there", true, SOURCE_SDK});
    add(claims, &(struct claim){told - PARAMS_AT, told, CLAIM_SYSTEM, "the SDK's parameters",
                                "at its first start, and when Wi-Fi is set up", true, SOURCE_SDK});
}

/// MicroPython.

static bool version_known(const struct firmware *firmware) {
    return firmware->version[0] != 0;
}

/// Third number of a version, 0 if there is none: "v1.8.2-39-g2dd21d9" is 2.
static unsigned third_number(const struct firmware *firmware) {
    const char *dot = strchr(firmware->version, '.');
    dot = dot != NULL ? strchr(dot + 1, '.') : NULL;
    return dot != NULL && dot[1] >= '0' && dot[1] <= '9' ? (unsigned)(dot[1] - '0') : 0;
}

/// What esp.flash_user_start() returns, from its code: one word among the constants, in front of five instructions that
/// make a small integer of it (l32r, movi.n, slli, or, ret.n). All releases from 1.9 to 1.26 have these very bytes.
static bool user_start_in_code(const struct firmware *firmware, uint32_t *start) {
    for (uint32_t offset = 0; offset + 16 <= firmware->size; offset += 4) {
        const uint8_t *at = firmware->bytes + offset;
        if (word_at(at + 4) == 0x0cffff31 && word_at(at + 8) == 0x1133f012 && word_at(at + 12) == 0x0d202320) {
            *start = word_at(at);
            return *start % ONESLOT_SECTOR_SIZE == 0 && *start < 4 * MEGABYTE;
        }
    }
    return false;
}

/// Where the files of a MicroPython begin, and how far from the end of flash they stop.
struct micropython {
    uint32_t start;
    uint32_t system;
    bool certain;
    bool mends_header; ///< writes the chip's real size into the header
    const char *source;
};

static uint32_t code_end(const struct firmware *firmware) {
    return firmware->image.target + firmware->size;
}

/// Before 1.9, by the versions' own sources. 1.8.7 asks whether yaota8266 is in front of it, and takes our loader of
/// one segment for it. Builds of other people have the files further back, behind more code.
static struct micropython old_micropython(const struct firmware *firmware) {
    static const uint32_t LATER[] = {0x98000, 0x99000};
    unsigned third = third_number(firmware);
    struct micropython found = {.start = 0x90000, .system = SDK_SIZE, .certain = true, .source = SOURCE_FLASHBDEV};
    if (third < 3) {
        found.start = 0x89000;
        found.system = SDK1_SIZE;
    } else if (third >= 7) {
        found.start = YAOTA_SIZE + 0x90000;
    }
    for (size_t index = 0; index < sizeof LATER / sizeof LATER[0] && code_end(firmware) > found.start; index++) {
        found.start = LATER[index];
        found.certain = false;
    }
    found.mends_header = third < 7;
    return found;
}

/// Without the code that is known: its constant, which any other code may have as well, else the generic build's place.
static uint32_t guess_start(const struct firmware *firmware) {
    for (uint32_t offset = 0x9000; offset + 4 <= firmware->size; offset += 4) {
        if (word_at(firmware->bytes + offset) == 0x98000) {
            return 0x99000;
        }
    }
    return MEGABYTE;
}

static struct micropython find_micropython(const struct firmware *firmware) {
    struct micropython found = {.system = SDK_SIZE, .certain = true, .source = SOURCE_CODE};
    if (user_start_in_code(firmware, &found.start)) {
        found.start += found.start < MEGABYTE ? ONESLOT_SECTOR_SIZE : 0;
        return found;
    }
    if (version_known(firmware) && !firmware_at_least(firmware, 1, 9)) {
        return old_micropython(firmware);
    }
    found.start = guess_start(firmware);
    found.certain = false;
    found.source = SOURCE_FLASHBDEV;
    return found;
}

uint32_t claims_micropython_files(const struct firmware *firmware, bool *certain) {
    struct micropython found = find_micropython(firmware);
    if (certain != NULL) {
        *certain = found.certain;
    }
    return found.start;
}

bool claims_micropython_littlefs(const struct firmware *firmware) {
    bool newer = !version_known(firmware) || firmware_at_least(firmware, 1, 13);
    return newer || (firmware_at_least(firmware, 1, 12) && firmware_has_littlefs(firmware));
}

/// Builds with both take a FAT up where they find one, and make a littlefs where they find nothing.
static uint8_t micropython_reads(const struct firmware *firmware, bool littlefs) {
    return (littlefs ? CLAIM_LITTLEFS : 0) | (!littlefs || firmware_has_fat(firmware) ? CLAIM_FAT : 0);
}

static uint32_t header_that_counts(const struct micropython *found, const struct claims_chip *chip) {
    return found->mends_header && chip->flash_size <= ROM_CHIP ? chip->flash_size : chip->told;
}

/// esp_init_data.c puts the PHY init data where the ROM believes the end of the chip.
static void add_rom_phy(struct claims *claims, const struct claims_chip *chip, uint32_t told) {
    uint32_t at = (ROM_CHIP - PHY_AT) % chip->flash_size;
    if (at + PHY_AT != told) {
        add(claims,
            &(struct claim){at, at + ONESLOT_SECTOR_SIZE, CLAIM_PHY, "PHY init data, where the ROM believes the end",
                            "128 bytes at a start that finds them erased", true, SOURCE_ROM});
    }
}

static void claim_micropython(struct claims *claims, const struct firmware *firmware, const struct claims_chip *chip) {
    struct micropython found = find_micropython(firmware);
    if (chip->files_at != 0) {
        found.start = chip->files_at;
        found.certain = true;
        found.source = "--fs-at";
    }
    uint32_t told = header_that_counts(&found, chip);
    bool littlefs = claims_micropython_littlefs(firmware);
    claims->mends_header = found.mends_header;
    if (found.mends_header && chip->told != told) {
        add(claims, &(struct claim){0, ONESLOT_SECTOR_SIZE, CLAIM_HEADER, "flash size in the header",
                                    "at each start, where it differs from the chip's", true, SOURCE_FLASHBDEV});
    }
    if (told >= MEGABYTE) {
        if (found.start < MEGABYTE && firmware_at_least(firmware, 1, 9)) {
            add(claims, &(struct claim){found.start - ONESLOT_SECTOR_SIZE, found.start, CLAIM_NATIVE, "native code",
                                        "when a program has native code", found.certain, found.source});
        }
        uint32_t end = told - found.system;
        add(claims, &(struct claim){found.start, end, CLAIM_FILES, littlefs ? "littlefs" : "FAT",
                                    "made at its first start, then with each file", found.certain, found.source});
        claims->reads = micropython_reads(firmware, littlefs);
        claims->to_header_end = true;
    }
    add_sdk(claims, told, found.system);
    add_rom_phy(claims, chip, told);
}

/// Arduino.

/// The flash that a sketch was linked for: its file system ends 0x5000 or 0x6000 before the end.
static uint32_t linked_size(uint32_t end) {
    uint32_t size = 0x80000;
    while (size < end + SDK_SIZE) {
        size *= 2;
    }
    return size;
}

/// Without a file system in it, the place of the EEPROM library's sector tells, _EEPROM_start.
static uint32_t eeprom_size(const struct firmware *firmware) {
    for (uint32_t offset = 0x1000; offset + 4 <= firmware->size; offset += 4) {
        uint32_t word = word_at(firmware->bytes + offset) - 0x40200000u;
        for (uint32_t size = 0x80000; size <= 0x1000000; size *= 2) {
            if (word == size - SDK_SIZE) {
                return size;
            }
        }
    }
    return 0;
}

static void claim_arduino(struct claims *claims, const struct firmware *firmware, const struct claims_chip *chip) {
    uint32_t start;
    uint32_t end;
    bool found = firmware_arduino_file_system(firmware, &start, &end);
    if (chip->files_at != 0) {
        start = chip->files_at;
        end = found ? end : chip->told - 0x6000;
        found = true;
    }
    uint32_t linked = found ? linked_size(end) : eeprom_size(firmware);
    bool sized = linked != 0;
    linked = sized ? linked : chip->told;
    if (!found) {
        firmware_arduino_usual(linked, &start, &end);
    }
    add(claims, &(struct claim){start, end, CLAIM_FILES, "littlefs or SPIFFS", "when the sketch begins its file system",
                                found, found ? SOURCE_LINKER : "Arduino's usual layout for the size"});
    claims->reads = CLAIM_LITTLEFS | CLAIM_SPIFFS;
    // settings.ino: SETTINGS_LOCATION = _FS_end / sector, then seven sectors below by turns.
    if (firmware->maker == FIRMWARE_TASMOTA) {
        uint32_t settings = linked <= MEGABYTE ? 0xfb000 : linked - SDK_SIZE;
        add(claims,
            &(struct claim){settings - 0x8000, settings + ONESLOT_SECTOR_SIZE, CLAIM_SETTINGS, "Tasmota's settings",
                            "at its first start, then by turns", found || sized, SOURCE_TASMOTA});
    }
    add(claims, &(struct claim){linked - SDK_SIZE, linked - PHY_AT, CLAIM_SETTINGS, "EEPROM library",
                                "when the sketch saves settings", found || sized, SOURCE_LINKER});
    // cores/esp8266/core_esp8266_phy.cpp: user_rf_cal_sector_set(); the PHY init data are in the sketch.
    add(claims,
        &(struct claim){chip->told - PHY_AT, chip->told - PARAMS_AT, CLAIM_RF_CAL, "RF calibration",
                        "at each start that calibrates", true, "esp8266/Arduino, cores/esp8266/core_esp8266_phy.cpp"});
    add(claims, &(struct claim){chip->told - PARAMS_AT, chip->told, CLAIM_SYSTEM, "the SDK's parameters",
                                "at its first start, and when Wi-Fi is set up", true, SOURCE_SDK});
}

/// Espressif's user1.

/// Numbers of system_partition_type_t (SDK 3, include/user_interface.h).
static const struct {
    enum claim_kind kind;
    const char *what;
    const char *when;
} TABLE_TYPES[] = {
    [4] = {CLAIM_RF_CAL, "RF calibration", "at each start that calibrates"},
    [5] = {CLAIM_PHY, "PHY init data", "read at each start; must be there"},
    [6] = {CLAIM_SYSTEM, "the SDK's parameters", "at its first start, and when Wi-Fi is set up"},
    [7] = {CLAIM_SETTINGS, "AT parameters", "when AT saves settings"},
    [8] = {CLAIM_SETTINGS, "TLS client certificates", "when AT writes them"},
    [9] = {CLAIM_SETTINGS, "TLS client keys", "when AT writes them"},
};
#define TABLE_TYPES_COUNT (sizeof TABLE_TYPES / sizeof TABLE_TYPES[0])

/// Several tables for other flash maps may follow one another: the first is taken whose parameters end where the
/// header's flash does, else the first.
static bool take_table(struct claims *claims, const struct firmware *firmware, uint32_t told, bool any) {
    static const uint32_t FIRST[] = {1, 0, 0x1000, 2, 0x1000};
    for (uint32_t offset = 0; offset + 12 * 12 <= firmware->size; offset += 4) {
        bool begins = true;
        for (uint32_t index = 0; index < 5 && begins; index++) {
            begins = word_at(firmware->bytes + offset + 4 * index) == FIRST[index];
        }
        if (!begins) {
            continue;
        }
        struct claims found = {0};
        bool fits = any;
        for (uint32_t row = 1; row < 12; row++) {
            const uint8_t *at = firmware->bytes + offset + 12 * row;
            uint32_t type = word_at(at);
            uint32_t from = word_at(at + 4);
            uint32_t size = word_at(at + 8);
            if (type < 2 || type > 120 || from >= 0x1000000 || size > 0x1000000 || from % 0x1000 != 0) {
                break;
            }
            fits = fits || (type == 6 && from + size == told);
            if (type == 3) {
                add(&found, &(struct claim){from, from + size, CLAIM_SECOND, "second slot", "when it updates itself",
                                            true, SOURCE_TABLE});
            } else if (type >= 4 && type < TABLE_TYPES_COUNT) {
                add(&found, &(struct claim){from, from + size, TABLE_TYPES[type].kind, TABLE_TYPES[type].what,
                                            TABLE_TYPES[type].when, true, SOURCE_TABLE});
            }
        }
        if (fits && found.count > 0) {
            *claims = found;
            return true;
        }
    }
    return false;
}

static void claim_user1(struct claims *claims, const struct firmware *firmware, const struct claims_chip *chip) {
    if (take_table(claims, firmware, chip->told, false) || take_table(claims, firmware, chip->told, true)) {
        return;
    }
    bool wide = chip->nibble == 5 || chip->nibble == 6;
    uint32_t half = wide ? MEGABYTE : MEGABYTE / 2;
    add(claims, &(struct claim){half - 0x7000, half, CLAIM_SETTINGS, "parameters of the program",
                                "when it saves settings", false, SOURCE_SDK});
    add(claims, &(struct claim){half + 0x1000, 2 * half - 0x7000, CLAIM_SECOND, "user2", "when it updates itself",
                                false, SOURCE_SDK});
    add_sdk(claims, chip->told, SDK_SIZE);
}

/// NodeMCU's files begin at a multiple of this. Until 27 January 2015 they began in the sector behind the program.
static uint32_t nodemcu_unit(const struct firmware *firmware) {
    const char *build = strstr(firmware->version, "build ");
    bool early = build != NULL && strtoul(build + strlen("build "), NULL, 10) <= 20150127;
    return early ? ONESLOT_SECTOR_SIZE : KIB(16);
}

/// NodeMCU up to 2.x: SPIFFS from behind the program to the SDK's four sectors.
static void claim_nodemcu(struct claims *claims, const struct firmware *firmware, const struct claims_chip *chip) {
    uint32_t start = chip->files_at;
    if (start == 0) {
        uint32_t unit = nodemcu_unit(firmware);
        start = (code_end(firmware) + unit - 1) / unit * unit;
    }
    add(claims,
        &(struct claim){start, chip->told - SDK1_SIZE, CLAIM_FILES, "SPIFFS", "file.format(), and with each file",
                        chip->files_at != 0 || firmware->version[0] == '0', SOURCE_NODEMCU});
    claims->reads = CLAIM_SPIFFS;
    claims->to_header_end = true;
    add_sdk(claims, chip->told, SDK1_SIZE);
}

void claims_of(struct claims *claims, const struct firmware *firmware, const struct claims_chip *chip) {
    *claims = (struct claims){0};
    enum oneslot_image_kind kind = firmware->image.kind;
    if (kind == ONESLOT_IMAGE_ESP32 || kind == ONESLOT_IMAGE_BOOT || kind == ONESLOT_IMAGE_NONE ||
        chip->told < MEGABYTE / 2 || chip->flash_size == 0) {
        return;
    }
    if (kind == ONESLOT_IMAGE_USER1) {
        claim_user1(claims, firmware, chip);
    } else if (firmware->maker == FIRMWARE_MICROPYTHON) {
        claim_micropython(claims, firmware, chip);
    } else if (kind == ONESLOT_IMAGE_ARDUINO) {
        claim_arduino(claims, firmware, chip);
    } else if (firmware->maker == FIRMWARE_NODEMCU) {
        claim_nodemcu(claims, firmware, chip);
    } else {
        add_sdk(claims, chip->told, SDK_SIZE);
    }
}

const struct claim *claims_find(const struct claims *claims, enum claim_kind kind) {
    for (uint32_t index = 0; index < claims->count; index++) {
        if (claims->claim[index].kind == kind) {
            return &claims->claim[index];
        }
    }
    return NULL;
}

bool claims_fill_init_data(const struct claims *claims, const struct firmware *firmware, uint32_t at) {
    if (firmware->maker != FIRMWARE_MICROPYTHON) {
        return false;
    }
    // With a claim where the ROM believes the end, it is that place that is filled.
    const struct claim *last = NULL;
    for (uint32_t index = 0; index < claims->count; index++) {
        last = claims->claim[index].kind == CLAIM_PHY ? &claims->claim[index] : last;
    }
    return last != NULL && last->from == at;
}

/// For packages.

/// Two sizes of flash: what is the same on both is a fixed address, what differs by as much is counted from the end.
#define ONE_SIZE   (2 * MEGABYTE)
#define OTHER_SIZE (4 * MEGABYTE)

static bool portable(uint32_t *packed, uint32_t on_one, uint32_t on_other) {
    *packed = on_one == on_other ? on_one : (ONE_SIZE - on_one) | ONESLOT_CLAIM_FROM_END;
    return on_one == on_other || OTHER_SIZE - on_other == ONE_SIZE - on_one;
}

/// Sectors of the SDK and of settings that lie side by side are one range.
static bool join(struct oneslot_claim *before, const struct oneslot_claim *claim, enum claim_kind kind) {
    if (kind == CLAIM_FILES || kind == CLAIM_NATIVE || before->to != claim->from) {
        return false;
    }
    before->to = claim->to;
    return true;
}

uint32_t claims_for_package(struct oneslot_claim packed[ONESLOT_CLAIMS_MAX], const struct firmware *firmware) {
    struct claims one;
    struct claims other;
    uint32_t count = 0;
    claims_of(&one, firmware, &(struct claims_chip){.flash_size = ONE_SIZE, .told = ONE_SIZE});
    claims_of(&other, firmware, &(struct claims_chip){.flash_size = OTHER_SIZE, .told = OTHER_SIZE});
    bool joins = false;
    for (uint32_t index = 0; index < one.count && one.count == other.count; index++) {
        const struct claim *claim = &one.claim[index];
        struct oneslot_claim made;
        bool taken = claim->certain && claim->kind != CLAIM_SECOND && claim->kind == other.claim[index].kind &&
                     portable(&made.from, claim->from, other.claim[index].from) &&
                     portable(&made.to, claim->to, other.claim[index].to);
        if (taken && !(joins && join(&packed[count - 1], &made, claim->kind)) && count < ONESLOT_CLAIMS_MAX - 1) {
            packed[count++] = made;
        }
        joins = taken && count > 0 && claim->kind != CLAIM_FILES && claim->kind != CLAIM_NATIVE;
    }
    const struct claim *phy = claims_find(&one, CLAIM_PHY);
    const struct claim *there = claims_find(&other, CLAIM_PHY);
    uint32_t at;
    if (phy != NULL && there != NULL && firmware_needs_init_data(firmware) && portable(&at, phy->from, there->from)) {
        at |= claims_fill_init_data(&one, firmware, phy->from) ? ONESLOT_CLAIM_FILLED : 0;
        packed[count++] = (struct oneslot_claim){at | ONESLOT_CLAIM_INIT_DATA, at & ~ONESLOT_CLAIM_FILLED};
    }
    return count;
}

static const struct {
    const char *text;
    const char *name;
} KINDS[] = {
    [CLAIM_FILES] = {"file system", "files"},    [CLAIM_NATIVE] = {"native code", "native"},
    [CLAIM_SETTINGS] = {"settings", "settings"}, [CLAIM_RF_CAL] = {"RF calibration", "rf-cal"},
    [CLAIM_PHY] = {"PHY init data", "phy-init"}, [CLAIM_SYSTEM] = {"SDK parameters", "system"},
    [CLAIM_HEADER] = {"first sector", "header"}, [CLAIM_SECOND] = {"second slot", "second-slot"},
};

const char *claim_kind_text(enum claim_kind kind) {
    return KINDS[kind].text;
}

const char *claim_kind_name(enum claim_kind kind) {
    return KINDS[kind].name;
}
