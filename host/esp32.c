#include "host/esp32.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "bearssl_hash.h"
#include "host/bytes.h"
#include "host/flash_file.h"
#include "host/ram_flash.h"
#include "oneslot/otadata.h"

// Source of the numbers: ESP-IDF, components/bootloader_support/include/esp_app_format.h, src/esp_image_format.c,
// components/esp_app_format/include/esp_app_desc.h; esptool, targets/*.py, BOOTLOADER_FLASH_OFFSET.
#define MAGIC            0xe9u
#define HEADER           24u
#define SEGMENT_HEADER   8u
#define SEGMENTS         16u
#define DIGEST           32u
#define CHIP_OFFSET      12u
#define HASH_APPENDED    23u
#define DESCRIPTOR       (HEADER + SEGMENT_HEADER) ///< the first segment begins with it
#define DESCRIPTOR_MAGIC 0xabcd5432u
#define DESCRIPTOR_SIZE  256u
#define SIGNATURE_MAGIC  0xe7u
#define MEGABYTE         0x100000u
/// The boot loader of ESP32 and ESP32-S2; combined files begin there.
#define BOOTLOADER_HIGH 0x1000u
#define LARGEST_SIZE    7u ///< in the high half of byte 3: 128 MiB (esptool, targets/esp32.py, FLASH_SIZES)
#define LARGEST_SERVED  4u ///< 16 MiB

#define CHIP_ESP32P4  18u
#define CHIP_ESP32C61 20u
#define CHIP_ESP32C5  23u
#define CHIP_ESP32H21 25u
#define CHIP_ESP32H4  28u
#define CHIP_ESP32E22 31u
#define CHIP_ESP32S31 32u

static const struct esp32_chip CHIPS[] = {
    {ONESLOT_CHIP_ESP32, BOOTLOADER_HIGH, "esp32", "ESP32"},
    {ONESLOT_CHIP_ESP32S2, BOOTLOADER_HIGH, "esp32s2", "ESP32-S2"},
    {ONESLOT_CHIP_ESP32C3, 0, "esp32c3", "ESP32-C3"},
    {ONESLOT_CHIP_ESP32S3, 0, "esp32s3", "ESP32-S3"},
    {ONESLOT_CHIP_ESP32C2, 0, "esp32c2", "ESP32-C2"},
    {ONESLOT_CHIP_ESP32C6, 0, "esp32c6", "ESP32-C6"},
    {ONESLOT_CHIP_ESP32H2, 0, "esp32h2", "ESP32-H2"},
    // Known, so that they can be refused by name, and their maps judged.
    {CHIP_ESP32C5, 0x2000, "esp32c5", "ESP32-C5"},
    {CHIP_ESP32C61, 0, "esp32c61", "ESP32-C61"},
    {CHIP_ESP32E22, 0, "esp32e22", "ESP32-E22"},
    {CHIP_ESP32H21, 0, "esp32h21", "ESP32-H21"},
    {CHIP_ESP32H4, 0x2000, "esp32h4", "ESP32-H4"},
    {CHIP_ESP32P4, 0x2000, "esp32p4", "ESP32-P4"},
    {CHIP_ESP32S31, 0x2000, "esp32s31", "ESP32-S31"},
};

#define CHIP_COUNT   (sizeof CHIPS / sizeof CHIPS[0])
#define CHIPS_SERVED 7u ///< the first of them

const struct esp32_chip *esp32_chip(uint16_t number) {
    for (size_t index = 0; index < CHIP_COUNT; index++) {
        if (CHIPS[index].number == number) {
            return &CHIPS[index];
        }
    }
    return NULL;
}

const struct esp32_chip *esp32_chip_named(const char *name) {
    for (size_t index = 0; index < CHIP_COUNT; index++) {
        if (strcasecmp(CHIPS[index].name, name) == 0 || strcasecmp(CHIPS[index].title, name) == 0) {
            return &CHIPS[index];
        }
    }
    return NULL;
}

bool esp32_chip_served(const struct esp32_chip *chip) {
    return chip < CHIPS + CHIPS_SERVED;
}

/// Images.

static uint16_t half_at(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

// An ESP8266's header is 8 bytes long: an address follows where the others have their pins.
bool esp32_rtos_sdk(const uint8_t *bytes, uint32_t size) {
    enum { PIN = 8, HASH = 23 };
    bool loads_here = false;
    if (size < HEADER + 8 || bytes[0] != MAGIC || bytes[1] > SEGMENTS || bytes[PIN] != 0xee) {
        return false;
    }
    for (uint32_t at = PIN + 1; at < HASH; at++) {
        if (bytes[at] != 0) {
            return false;
        }
    }
    uint32_t at = HEADER;
    for (uint32_t segment = 0; segment < bytes[1] && at + 8 <= size; segment++) {
        uint32_t address = word_at(bytes + at);
        uint32_t length = word_at(bytes + at + 4);
        if ((address >= 0x3f400000 && address < 0x3ffe8000) || (address >= 0x40000000 && address < 0x40100000)) {
            return false;
        }
        loads_here = loads_here || (address >= 0x40100000 && address < 0x40110000);
        at = length > size - at - 8 ? size : at + 8 + length;
    }
    return loads_here;
}

bool esp32_header(const uint8_t *bytes, uint32_t size) {
    if (size < HEADER || bytes[0] != MAGIC || esp32_rtos_sdk(bytes, size)) {
        return false;
    }
    uint32_t next = word_at(bytes + 8);
    return (next < 0x3ff00000 || next >= 0x40300000) && esp32_chip(half_at(bytes + CHIP_OFFSET)) != NULL;
}

bool esp32_file(const uint8_t *bytes, uint32_t size) {
    return esp32_header(bytes, size) || (size > BOOTLOADER_HIGH && bytes[0] == 0xff &&
                                         esp32_header(bytes + BOOTLOADER_HIGH, size - BOOTLOADER_HIGH));
}

static void copy_text(char *text, const uint8_t *bytes, size_t length) {
    for (size_t index = 0; index < length; index++) {
        text[index] = (char)(bytes[index] >= 0x20 && bytes[index] < 0x7f ? bytes[index] : 0);
    }
    text[length] = '\0';
}

static void read_description(struct esp32_image *image, const uint8_t *bytes) {
    const uint8_t *at = bytes + DESCRIPTOR;
    struct esp32_description *description = &image->description;
    image->described = true;
    description->secure_version = word_at(at + 4);
    copy_text(description->version, at + 16, 32);
    copy_text(description->project, at + 48, 32);
    copy_text(description->time, at + 80, 16);
    copy_text(description->date, at + 96, 16);
    copy_text(description->idf, at + 112, 32);
}

/// Walks the segments. Returns where they end, 0 for one that goes past the end.
static uint32_t walk(const uint8_t *bytes, uint32_t size, uint8_t *sum) {
    uint32_t at = HEADER;
    *sum = 0xef;
    for (unsigned segment = 0; segment < bytes[1]; segment++) {
        if (size - at < SEGMENT_HEADER) {
            return 0;
        }
        uint32_t length = word_at(bytes + at + 4);
        at += SEGMENT_HEADER;
        if (length > size - at) {
            return 0;
        }
        for (uint32_t index = 0; index < length; index++) {
            *sum ^= bytes[at + index];
        }
        at += length;
    }
    return at;
}

static void sha256_of(const uint8_t *bytes, uint32_t size, uint8_t digest[DIGEST]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes, size);
    br_sha256_out(&context, digest);
}

enum oneslot_error esp32_image_read(struct esp32_image *image, const uint8_t *bytes, uint32_t size) {
    uint8_t sum;
    uint8_t digest[DIGEST];
    memset(image, 0, sizeof *image);
    if (!esp32_header(bytes, size) || bytes[1] == 0 || bytes[1] > SEGMENTS) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    image->chip = half_at(bytes + CHIP_OFFSET);
    image->digest = bytes[HASH_APPENDED] == 1;
    if (size >= DESCRIPTOR + DESCRIPTOR_SIZE && word_at(bytes + DESCRIPTOR) == DESCRIPTOR_MAGIC) {
        read_description(image, bytes);
    }
    uint32_t end = walk(bytes, size, &sum);
    uint64_t whole = ((uint64_t)end | 15) + 1 + (image->digest ? DIGEST : 0);
    if (end == 0 || whole > size) {
        return ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    image->size = image->signed_size = (uint32_t)whole;
    uint64_t signature = (whole + ONESLOT_SECTOR_SIZE - 1) / ONESLOT_SECTOR_SIZE * ONESLOT_SECTOR_SIZE;
    if (signature + ONESLOT_SECTOR_SIZE <= size && bytes[signature] == SIGNATURE_MAGIC) {
        image->signed_size = (uint32_t)signature + ONESLOT_SECTOR_SIZE;
    }
    if (bytes[end | 15] != sum) {
        return ONESLOT_ERROR_IMAGE_CHECKSUM;
    }
    if (!image->digest) {
        return ONESLOT_ERROR_NONE;
    }
    sha256_of(bytes, image->size - DIGEST, digest);
    return memcmp(digest, bytes + image->size - DIGEST, DIGEST) == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_DIGEST;
}

uint32_t esp32_flash_size(const uint8_t *header) {
    uint32_t power = header[3] >> 4;
    return power <= LARGEST_SIZE ? MEGABYTE << power : 0;
}

bool esp32_set_flash_size(uint8_t *bytes, const struct esp32_image *image, uint32_t flash_size) {
    for (uint32_t power = 0; power <= LARGEST_SERVED; power++) {
        if (flash_size != MEGABYTE << power) {
            continue;
        }
        bytes[3] = (uint8_t)(power << 4 | (bytes[3] & 0x0f));
        if (image->digest) {
            sha256_of(bytes, image->size - DIGEST, bytes + image->size - DIGEST);
        }
        return true;
    }
    return false;
}

/// Flashes.

static bool holds_table(const uint8_t *bytes, uint32_t size, uint32_t offset) {
    return offset < size && size - offset >= 32 && bytes[offset] == 0xaa && bytes[offset + 1] == 0x50;
}

/// Ciphertext has no structure: in a sector of it each of the 256 values comes about sixteen times. Code, text and
/// erased flash are far from that. An ESP8266's flash may hold packed data there: it begins with a header.
static bool looks_encrypted(const uint8_t *bytes, uint32_t size) {
    uint32_t count[256] = {0};
    bool header = (bytes[0] == 0xe9 || bytes[0] == 0xea) && bytes[1] <= ONESLOT_IMAGE_SEGMENTS && bytes[2] < 4;
    if (size < ONESLOT_TABLE_ADDRESS || header) {
        return false;
    }
    for (uint32_t index = 0; index < ONESLOT_SECTOR_SIZE; index++) {
        count[bytes[BOOTLOADER_HIGH + index]]++;
    }
    for (uint32_t value = 0; value < 256; value++) {
        if (count[value] == 0 || count[value] > 64) {
            return false;
        }
    }
    return true;
}

/// Where the file lies in flash. Returns false when it holds no boot loader with a table at its place.
static bool find_base(struct esp32_flash *flash, const uint8_t *bytes, uint32_t size) {
    const uint32_t table = ONESLOT_TABLE_ADDRESS;
    bool at_start = esp32_header(bytes, size);
    const uint8_t *header = bytes;
    flash->base = 0;
    if (at_start && holds_table(bytes, size, table - BOOTLOADER_HIGH)) {
        flash->base = BOOTLOADER_HIGH;
    } else if (!at_start && size > table && esp32_header(bytes + BOOTLOADER_HIGH, size - BOOTLOADER_HIGH)) {
        header = bytes + BOOTLOADER_HIGH;
    } else if (!at_start || !holds_table(bytes, size, table)) {
        return false;
    }
    flash->chip = esp32_chip(half_at(header + CHIP_OFFSET));
    // A chip whose boot loader begins elsewhere would not start this.
    return flash->chip->bootloader == flash->base + (uint32_t)(header - bytes);
}

const struct esp32_chip *esp32_misplaced(const uint8_t *bytes, uint32_t size, uint32_t *at) {
    struct esp32_flash flash = {.chip = NULL};
    if (find_base(&flash, bytes, size) || flash.chip == NULL) {
        return NULL;
    }
    uint32_t header = esp32_header(bytes, size) ? 0 : BOOTLOADER_HIGH;
    *at = flash.base + header;
    return holds_table(bytes, size, ONESLOT_TABLE_ADDRESS - flash.base) ? flash.chip : NULL;
}

static void read_parts(struct esp32_flash *flash) {
    uint32_t bootloader = flash->chip->bootloader;
    flash->bootloader_error =
        esp32_image_read(&flash->bootloader, flash->bytes + bootloader, ONESLOT_TABLE_ADDRESS - bootloader);
    flash->map_error =
        oneslot_map_parse(&flash->map, flash->bytes + ONESLOT_TABLE_ADDRESS, ONESLOT_MAP_BYTES, FLASH_FILE_MAX);
}

enum oneslot_error esp32_flash_read(struct esp32_flash *flash, const uint8_t *bytes, uint32_t size) {
    memset(flash, 0, sizeof *flash);
    if (!find_base(flash, bytes, size)) {
        bool whole = size >= MEGABYTE && (size & (size - 1)) == 0;
        return whole && looks_encrypted(bytes, size) ? ONESLOT_ERROR_FLASH_ENCRYPTED : ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    flash->file_size = size;
    flash->size = (flash->base + size + ONESLOT_BLOCK_SIZE - 1) / ONESLOT_BLOCK_SIZE * ONESLOT_BLOCK_SIZE;
    flash->bytes = malloc(flash->size);
    if (flash->bytes == NULL) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    memset(flash->bytes, 0xff, flash->size);
    memcpy(flash->bytes + flash->base, bytes, size);
    ram_flash_init(&flash->flash, flash->bytes, flash->size);
    read_parts(flash);
    return ONESLOT_ERROR_NONE;
}

void esp32_flash_free(struct esp32_flash *flash) {
    free(flash->bytes);
    flash->bytes = NULL;
}

bool esp32_is_slot(const struct oneslot_partition *region) {
    return region->type == ONESLOT_TYPE_APP && region->subtype >= ONESLOT_SUBTYPE_APP_OTA_0 &&
           region->subtype < ONESLOT_SUBTYPE_APP_OTA_0 + ESP32_SLOTS;
}

enum oneslot_error esp32_flash_image(const struct esp32_flash *flash, const struct oneslot_partition *region,
                                     struct esp32_image *image) {
    memset(image, 0, sizeof *image);
    if (region->address >= flash->size) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    uint32_t room = flash->size - region->address;
    return esp32_image_read(image, flash->bytes + region->address, region->size < room ? region->size : room);
}

/// The slot that otadata names: sequence numbers go round the slots, ota_0 first. Entries that the boot loader would
/// pass over do not count, with `unconfirmed` nor do those that are still to be confirmed; their number goes there.
static uint8_t chosen_slot(const struct esp32_flash *flash, uint32_t *unconfirmed) {
    uint32_t slots = 0;
    const struct oneslot_partition *otadata = NULL;
    for (uint32_t index = 0; index < flash->map.count; index++) {
        const struct oneslot_partition *region = &flash->map.partition[index];
        slots += esp32_is_slot(region);
        if (region->type == ONESLOT_TYPE_DATA && region->subtype == ONESLOT_SUBTYPE_DATA_OTA) {
            otadata = region;
        }
    }
    if (slots == 0 || otadata == NULL || otadata->address > flash->size ||
        flash->size - otadata->address < ONESLOT_OTADATA_SECTORS * ONESLOT_SECTOR_SIZE) {
        return ONESLOT_SUBTYPE_APP_FACTORY;
    }
    uint32_t highest = 0;
    for (uint32_t sector = 0; sector < ONESLOT_OTADATA_SECTORS; sector++) {
        struct oneslot_otadata entry;
        memcpy(&entry, flash->bytes + otadata->address + sector * ONESLOT_SECTOR_SIZE, sizeof entry);
        bool counts = entry.sequence != 0xffffffff && entry.crc == oneslot_otadata_crc(entry.sequence) &&
                      entry.state != ONESLOT_OTA_INVALID && entry.state != ONESLOT_OTA_ABORTED;
        if (counts && unconfirmed != NULL && entry.state == ONESLOT_OTA_PENDING_VERIFY) {
            ++*unconfirmed;
            counts = false;
        }
        highest = counts && entry.sequence > highest ? entry.sequence : highest;
    }
    return highest == 0 ? ONESLOT_SUBTYPE_APP_FACTORY : (uint8_t)(ONESLOT_SUBTYPE_APP_OTA_0 + (highest - 1) % slots);
}

/// The first application partition of a subtype (any, where it is 0xff) that holds a whole image.
static const struct oneslot_partition *holder(const struct esp32_flash *flash, uint8_t subtype,
                                              struct esp32_image *image) {
    for (uint32_t index = 0; index < flash->map.count; index++) {
        const struct oneslot_partition *region = &flash->map.partition[index];
        if (region->type == ONESLOT_TYPE_APP && (subtype == 0xff || region->subtype == subtype) &&
            esp32_flash_image(flash, region, image) == ONESLOT_ERROR_NONE) {
            return region;
        }
    }
    return NULL;
}

/// The application in that slot, else the one that the boot loader falls back to.
static const struct oneslot_partition *found_from(const struct esp32_flash *flash, uint8_t slot,
                                                  struct esp32_image *image) {
    const struct oneslot_partition *found = holder(flash, slot, image);
    if (found == NULL) {
        found = holder(flash, ONESLOT_SUBTYPE_APP_FACTORY, image);
    }
    return found != NULL ? found : holder(flash, 0xff, image);
}

const struct oneslot_partition *esp32_flash_application(const struct esp32_flash *flash, struct esp32_image *image) {
    return flash->map_error == ONESLOT_ERROR_NONE ? found_from(flash, chosen_slot(flash, NULL), image) : NULL;
}

enum esp32_ability esp32_flash_rollback(const struct esp32_flash *flash) {
    return esp32_bootloader_rollback(flash->bytes + flash->chip->bootloader, flash->bootloader.size);
}

const struct oneslot_partition *esp32_flash_next(const struct esp32_flash *flash, struct esp32_image *image,
                                                 bool *given_up) {
    uint32_t unconfirmed = 0;
    bool rollback = flash->bootloader_error == ONESLOT_ERROR_NONE && esp32_flash_rollback(flash) != ESP32_ABILITY_NO;
    const struct oneslot_partition *found = NULL;
    if (flash->map_error == ONESLOT_ERROR_NONE) {
        found = found_from(flash, chosen_slot(flash, rollback ? &unconfirmed : NULL), image);
    }
    if (given_up != NULL) {
        *given_up = unconfirmed > 0;
    }
    return found;
}
