#include "host/firmware.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/bytes.h"
#include "host/esp32.h"
#include "host/file_system.h"
#include "host/flash_file.h"
#include "host/ram_flash.h"
#include "oneslot/source.h"

/// As an image of the ESP8266, else of the ESP32 family. What is for the latter and no application stays known as such.
static enum oneslot_error prove_source(struct firmware *firmware, struct oneslot_source *source, uint8_t *buffer) {
    enum oneslot_error error = oneslot_image_prove(&firmware->image, source, NULL, buffer, NULL, NULL);
    if (error != ONESLOT_ERROR_IMAGE_CHIP || firmware->image.kind != ONESLOT_IMAGE_ESP32) {
        return error;
    }
    struct oneslot_image image;
    enum oneslot_error other = oneslot_image_esp32_prove(&image, source, NULL, buffer, NULL, NULL);
    if (other == ONESLOT_ERROR_IMAGE_UNKNOWN) {
        return error;
    }
    firmware->image = image;
    return other;
}

/// The file is put on a littlefs in memory and proven from there: the very path that the device takes.
static enum oneslot_error prove(struct firmware *firmware) {
    uint64_t room =
        (firmware->size + firmware->size / 64 + 2 * (uint64_t)ONESLOT_BLOCK_SIZE) & ~(uint64_t)(ONESLOT_BLOCK_SIZE - 1);
    if (room > FLASH_FILE_MAX) {
        return ONESLOT_ERROR_IMAGE_TOO_LARGE;
    }
    if (firmware->size == 0) {
        return ONESLOT_ERROR_FILE_EMPTY;
    }
    enum oneslot_error error = ONESLOT_ERROR_FILE_READ;
    uint8_t *bytes = malloc(room);
    struct file_system *fs = malloc(sizeof *fs);
    struct oneslot_source *source = malloc(sizeof *source);
    uint8_t *buffer = malloc(ONESLOT_IMAGE_BUFFER);
    if (bytes != NULL && fs != NULL && source != NULL && buffer != NULL &&
        file_system_format(fs, &file_system_micropython, bytes, (uint32_t)room) == 0) {
        int put = file_system_put(fs, "/image", firmware->bytes, firmware->size);
        file_system_unmount(fs);
        struct oneslot_flash flash;
        ram_flash_init(&flash, bytes, (uint32_t)room);
        struct oneslot_map map = {.count = 1};
        map.partition[0] = (struct oneslot_partition){.type = ONESLOT_TYPE_DATA,
                                                      .subtype = ONESLOT_SUBTYPE_DATA_LITTLEFS,
                                                      .size = (uint32_t)room,
                                                      .label = "image"};
        error = put != 0 ? ONESLOT_ERROR_FILE_READ : oneslot_source_open(source, &flash, &map, "/image");
        if (error == ONESLOT_ERROR_NONE) {
            error = prove_source(firmware, source, buffer);
            oneslot_source_close(source);
        }
    }
    free(buffer);
    free(source);
    free(fs);
    free(bytes);
    return error;
}

/// The first place where `text` occurs, or NULL.
static const uint8_t *find(const struct firmware *firmware, const char *text) {
    size_t length = strlen(text);
    const uint8_t *at = firmware->bytes;
    const uint8_t *end = firmware->bytes + firmware->size;
    while ((size_t)(end - at) >= length) {
        at = memchr(at, text[0], (size_t)(end - at) - length + 1);
        if (at == NULL) {
            return NULL;
        }
        if (memcmp(at, text, length) == 0) {
            return at;
        }
        at++;
    }
    return NULL;
}

/// Copies printable characters from `at` until one of `stop`, the end of the text, or `room` is used up.
static void copy_text(const struct firmware *firmware, const uint8_t *at, const char *stop, char *text, size_t room) {
    const uint8_t *end = firmware->bytes + firmware->size;
    size_t used = 0;
    while (at < end && used + 1 < room && isprint(*at) && strchr(stop, *at) == NULL) {
        text[used++] = (char)*at++;
    }
    text[used] = 0;
}

/// "v1.24.0 on 2024-10-25": the version in front of a date.
static bool find_micropython_version(struct firmware *firmware) {
    const uint8_t *end = firmware->bytes + firmware->size;
    const uint8_t *at = firmware->bytes;
    for (; (size_t)(end - at) > 8; at++) {
        at = memchr(at, ' ', (size_t)(end - at) - 8);
        if (at == NULL) {
            return false;
        }
        if (memcmp(at, " on 20", 6) != 0 || !isdigit(at[6])) {
            continue;
        }
        const uint8_t *start = at;
        while (start > firmware->bytes && at - start < 40 && isgraph(start[-1])) {
            start--;
        }
        if (at - start >= 4 && start[0] == 'v' && isdigit(start[1])) {
            copy_text(firmware, start, ";,\"'", firmware->version, sizeof firmware->version);
            return true;
        }
    }
    return false;
}

/// "3.0.5(b29dcd3)": three numbers, then seven or more hex digits in brackets.
static void find_sdk_version(struct firmware *firmware) {
    const uint8_t *bytes = firmware->bytes;
    for (uint32_t index = 5; index + 9 < firmware->size; index++) {
        if (bytes[index] != '(' || !isdigit(bytes[index - 1])) {
            continue;
        }
        uint32_t digits = 1;
        while (digits < 16 && index + digits < firmware->size && isxdigit(bytes[index + digits])) {
            digits++;
        }
        uint32_t start = index;
        unsigned dots = 0;
        while (start > 0 && index - start < 12 && (isdigit(bytes[start - 1]) || bytes[start - 1] == '.')) {
            start--;
            dots += bytes[start] == '.';
        }
        if (digits >= 8 && digits <= 9 && dots == 2 && index + digits < firmware->size &&
            bytes[index + digits] == ')') {
            copy_text(firmware, bytes + start, ")", firmware->sdk, sizeof firmware->sdk - 1);
            size_t used = strlen(firmware->sdk);
            memcpy(firmware->sdk + used, ")", 2);
            return;
        }
    }
}

static const struct {
    const char *text; ///< that gives the firmware away
    size_t skip;      ///< from there to its version
    const char *stop;
    enum firmware_maker maker;
} MARKS[] = {
    {"2nd boot version : ", 19, "\n", FIRMWARE_ESPRESSIF_BOOT},
    {"OK - WLED v", 10, " \n", FIRMWARE_WLED},
    {"NodeMCU ", 8, "\n\t", FIRMWARE_NODEMCU},
    {"NodeMcu ", 8, "\n\t", FIRMWARE_NODEMCU},
    {"nodemcu", 7, "", FIRMWARE_NODEMCU},
    {"Tasmota ", 8, " \n", FIRMWARE_TASMOTA},
    {"AT version:", 0, NULL, FIRMWARE_ESPRESSIF_AT},
};

static void find_maker(struct firmware *firmware) {
    if (find(firmware, "MicroPython") != NULL && find_micropython_version(firmware)) {
        firmware->maker = FIRMWARE_MICROPYTHON;
        return;
    }
    for (size_t index = 0; index < sizeof MARKS / sizeof MARKS[0]; index++) {
        const uint8_t *at = find(firmware, MARKS[index].text);
        if (at == NULL) {
            continue;
        }
        firmware->maker = MARKS[index].maker;
        if (MARKS[index].stop != NULL && MARKS[index].stop[0] != 0) {
            copy_text(firmware, at + MARKS[index].skip, MARKS[index].stop, firmware->version, sizeof firmware->version);
        }
        return;
    }
    if (firmware->image.kind == ONESLOT_IMAGE_MICROPYTHON) {
        firmware->maker = FIRMWARE_MICROPYTHON;
    } else if (firmware->image.kind == ONESLOT_IMAGE_ARDUINO) {
        firmware->maker = FIRMWARE_ARDUINO;
    }
}

/// What an application of the ESP32 family says of itself, where its strings do not tell more.
static void take_description(struct firmware *firmware) {
    struct esp32_image image;
    if (firmware->image.kind != ONESLOT_IMAGE_ESP32) {
        return;
    }
    esp32_image_read(&image, firmware->bytes, firmware->size);
    snprintf(firmware->sdk, sizeof firmware->sdk, "%s", image.description.idf);
    if (firmware->version[0] == 0) {
        snprintf(firmware->version, sizeof firmware->version, "%s", image.description.version);
    }
}

void firmware_read(struct firmware *firmware, const uint8_t *bytes, uint32_t size) {
    *firmware = (struct firmware){.bytes = bytes, .size = size};
    if (esp32_rtos_sdk(bytes, size)) {
        firmware->error = ONESLOT_ERROR_IMAGE_UNKNOWN;
        return;
    }
    firmware->error = prove(firmware);
    find_maker(firmware);
    find_sdk_version(firmware);
    // A version in a text of another kind ("%s") says nothing.
    if (strchr(firmware->version, '%') != NULL) {
        firmware->version[0] = 0;
    }
    take_description(firmware);
}

const char *firmware_maker_text(enum firmware_maker maker) {
    switch (maker) {
    case FIRMWARE_MICROPYTHON:
        return "MicroPython";
    case FIRMWARE_NODEMCU:
        return "NodeMCU";
    case FIRMWARE_WLED:
        return "WLED";
    case FIRMWARE_TASMOTA:
        return "Tasmota";
    case FIRMWARE_ARDUINO:
        return "Arduino sketch";
    case FIRMWARE_ESPRESSIF_AT:
        return "Espressif AT firmware";
    case FIRMWARE_ESPRESSIF_BOOT:
        return "Espressif boot loader";
    default:
        return "";
    }
}

// littlefs' superblock magic is one of the constants of its code.
bool firmware_has_littlefs(const struct firmware *firmware) {
    return find(firmware, "littlefs") != NULL;
}

bool firmware_has_fat(const struct firmware *firmware) {
    return find(firmware, "VfsFat") != NULL;
}

// esp_init_data_default.bin of the SDK, whatever its version: what is left out is the byte that differs.
const uint8_t *firmware_init_data(const struct firmware *firmware) {
    static const uint8_t BEGIN[] = {0x04, 0x02, 0x05, 0x05, 0x05, 0x02, 0x05, 0x00, 0x04,
                                    0x05, 0x05, 0x04, 0x05, 0x05, 0x04, 0xfe, 0xfd, 0xff};
    for (uint32_t offset = 0; offset + FIRMWARE_INIT_DATA <= firmware->size; offset += 4) {
        const uint8_t *at = firmware->bytes + offset;
        if (at[0] == 0x05 && memcmp(at + 2, BEGIN, sizeof BEGIN) == 0) {
            return at;
        }
    }
    return NULL;
}

// A sentence of the SDK's (2.x and 3.x) that it prints before it resets, for ever. Arduino's core hands it the data
// from the program (cores/esp8266/core_esp8266_phy.cpp).
bool firmware_needs_init_data(const struct firmware *firmware) {
    return firmware->image.kind != ONESLOT_IMAGE_ARDUINO && find(firmware, "rf_cal[0] !=0x05") != NULL;
}

bool firmware_at_least(const struct firmware *firmware, unsigned major, unsigned minor) {
    if (firmware->version[0] != 'v') {
        return false;
    }
    char *dot;
    unsigned long have_major = strtoul(firmware->version + 1, &dot, 10);
    unsigned long have_minor = *dot == '.' ? strtoul(dot + 1, NULL, 10) : 0;
    return have_major > major || (have_major == major && have_minor >= minor);
}

// tools/sdk/ld/eagle.flash.*.ld
void firmware_arduino_usual(uint32_t flash_size, uint32_t *start, uint32_t *end) {
    const uint32_t megabyte = 0x100000;
    *end = flash_size - 0x6000;
    if (flash_size <= megabyte) {
        *start = flash_size - 0x15000;
        *end = flash_size - 0x5000;
    } else if (flash_size == 4 * megabyte || flash_size == 16 * megabyte) {
        *start = 2 * megabyte;
    } else {
        *start = megabyte;
    }
}

// cores/esp8266/flash_hal.h and libraries/LittleFS: FS_PHYS_ADDR, _FS_end, FS_PHYS_BLOCK and FS_PHYS_PAGE are linker
// symbols (tools/sdk/ld/eagle.flash.*.ld), and lie side by side among the constants of the file system's constructor.
bool firmware_arduino_file_system(const struct firmware *firmware, uint32_t *start, uint32_t *end) {
    for (uint32_t offset = 0x1000; offset + 16 <= firmware->size; offset += 4) {
        const uint8_t *at = firmware->bytes + offset;
        uint32_t first = word_at(at);
        uint32_t last = word_at(at + 4);
        uint32_t block = word_at(at + 8);
        if ((block == 0x1000 || block == 0x2000) && word_at(at + 12) == 0x100 && first >= 0x40200000 && first < last &&
            last <= 0x41200000 && first % 0x1000 == 0 && last % 0x1000 == 0) {
            *start = first - 0x40200000;
            *end = last - 0x40200000;
            return true;
        }
    }
    return false;
}

// Source: SDK, tools/gen_appbin.py: 0xea header, code, then an image of the old kind with its own 0xe9 header.
void firmware_flash_header(const struct firmware *firmware, uint8_t *mode, uint8_t *size_and_clock) {
    const struct oneslot_image *image = &firmware->image;
    *mode = (uint8_t)(image->header >> 16);
    *size_and_clock = (uint8_t)(image->header >> 24);
    for (unsigned index = 0; image->kind == ONESLOT_IMAGE_USER1 && index < image->segment_count; index++) {
        uint64_t second = (uint64_t)image->segment[index].offset + image->segment[index].length;
        if (image->segment[index].address == 0 && second + 4 <= firmware->size && firmware->bytes[second] == 0xe9) {
            *mode = firmware->bytes[second + 2];
            *size_and_clock = firmware->bytes[second + 3];
            return;
        }
    }
}

const char *firmware_esp32_chip(const uint8_t *bytes, uint32_t size) {
    // ESP-IDF, esp_app_format.h, esp_chip_id_t: 16 bits at offset 12 of the header.
    const struct esp32_chip *chip = size >= 14 ? esp32_chip((uint16_t)(bytes[12] | bytes[13] << 8)) : NULL;
    return chip != NULL ? chip->title : "ESP32 family";
}
