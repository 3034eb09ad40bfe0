#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "host/esp32.h"
#include "host/map/flash_map.h"
#include "host/size.h"

static const char *const NAMES[FLASH_MAP_CHIPS] = {
    [FLASH_MAP_ESP8266] = "esp8266",   [FLASH_MAP_ESP32] = "esp32",       [FLASH_MAP_ESP32S2] = "esp32s2",
    [FLASH_MAP_ESP32S3] = "esp32s3",   [FLASH_MAP_ESP32C2] = "esp32c2",   [FLASH_MAP_ESP32C3] = "esp32c3",
    [FLASH_MAP_ESP32C6] = "esp32c6",   [FLASH_MAP_ESP32H2] = "esp32h2",   [FLASH_MAP_ESP32C5] = "esp32c5",
    [FLASH_MAP_ESP32C61] = "esp32c61", [FLASH_MAP_ESP32E22] = "esp32e22", [FLASH_MAP_ESP32H21] = "esp32h21",
    [FLASH_MAP_ESP32H4] = "esp32h4",   [FLASH_MAP_ESP32P4] = "esp32p4",   [FLASH_MAP_ESP32S31] = "esp32s31",
};

enum flash_map_chip flash_map_chip_parse(const char *text) {
    // "ESP32-C3" is how the data sheets write it.
    char plain[16];
    size_t used = 0;
    for (; *text != 0 && used + 1 < sizeof plain; text++) {
        if (*text != '-') {
            plain[used++] = *text;
        }
    }
    plain[used] = 0;
    unsigned chip = 0;
    while (chip < FLASH_MAP_CHIPS && (*text != 0 || strcasecmp(plain, NAMES[chip]) != 0)) {
        chip++;
    }
    return chip;
}

const char *flash_map_chip_text(enum flash_map_chip chip) {
    return chip < FLASH_MAP_CHIPS ? NAMES[chip] : "unknown chip";
}

static const struct esp32_chip *known_chip(enum flash_map_chip chip) {
    return chip < FLASH_MAP_CHIPS ? esp32_chip_named(NAMES[chip]) : NULL;
}

const char *flash_map_chip_title(enum flash_map_chip chip) {
    const struct esp32_chip *known = known_chip(chip);
    return known != NULL ? known->title : chip == FLASH_MAP_ESP8266 ? "ESP8266" : "unknown chip";
}

bool flash_map_chip_served(enum flash_map_chip chip) {
    const struct esp32_chip *known = known_chip(chip);
    return chip == FLASH_MAP_ESP8266 || (known != NULL && esp32_chip_served(known));
}

uint32_t flash_map_boot_loader(enum flash_map_chip chip) {
    const struct esp32_chip *known = known_chip(chip);
    return known != NULL ? known->bootloader : 0;
}

// esptool, targets/esp8266.py and esp32.py, FLASH_SIZES.
uint32_t flash_map_largest(enum flash_map_chip chip) {
    return (chip == FLASH_MAP_ESP8266 ? 16u : 128u) * 1024 * 1024;
}

uint32_t flash_map_system(const struct flash_map *map) {
    return map->system_sectors != 0 ? map->system_sectors * ONESLOT_SECTOR_SIZE : flash_map_system_size(map->sdk);
}

bool flash_map_refuse(char *reason, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, FLASH_MAP_TEXT, format, arguments);
    va_end(arguments);
    return false;
}

bool flash_map_hint(struct flash_map_hints *hints, const char *option, const char *value, char *reason) {
    if (strcmp(option, "chip") == 0) {
        hints->chip = flash_map_chip_parse(value);
        snprintf(reason, FLASH_MAP_TEXT, "there is no chip '%s'", value);
        return hints->chip != FLASH_MAP_CHIPS;
    }
    if (strcmp(option, "flash-size") == 0) {
        uint8_t nibble;
        snprintf(reason, FLASH_MAP_TEXT, "'%s' is no flash size", value);
        return (flash_size_parse(value, &hints->flash_size, &nibble) || size_parse(value, &hints->flash_size)) &&
               hints->flash_size % ONESLOT_SECTOR_SIZE == 0 && hints->flash_size != 0;
    }
    if (strcmp(option, "sdk") == 0) {
        // "2", "2.2.1": the major version is what the map depends on.
        bool known = value[0] >= '1' && value[0] <= '3' && (value[1] == 0 || value[1] == '.');
        snprintf(reason, FLASH_MAP_TEXT, "'%s' is no version of the ESP8266's SDK: 1, 2 or 3", value);
        hints->sdk = known ? (uint8_t)(value[0] - '0') : 0;
        return known;
    }
    snprintf(reason, FLASH_MAP_TEXT, "there is no option '%s'", option);
    return false;
}
