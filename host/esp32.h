/*
 * Files of the ESP32 family as the host looks at them: the chips, an image with what stands in its headers, and a
 * file that holds more than a program: a flash with boot loader and partition table, or the beginning of one.
 */
#ifndef ONESLOT_HOST_ESP32_H
#define ONESLOT_HOST_ESP32_H

#include "host/esp32_rollback.h"
#include "oneslot/chip.h"
#include "oneslot/map.h"

/// Largest number of application slots of a partition table (ota_0 to ota_15).
#define ESP32_SLOTS 16u

struct esp32_chip {
    uint16_t number;     ///< ONESLOT_CHIP_*
    uint32_t bootloader; ///< flash address of the second-stage boot loader
    const char *name;    ///< as esptool writes it: "esp32c3"
    const char *title;   ///< as people do: "ESP32-C3"
};

/// The chip of an image's header; NULL for an unknown number. Chips that are known but not served have their row too.
const struct esp32_chip *esp32_chip(uint16_t number);

/// The chip of that name ("esp32c3" or "ESP32-C3"); NULL for an unknown one.
const struct esp32_chip *esp32_chip_named(const char *name);

/// Whether Oneslot is made for that chip.
bool esp32_chip_served(const struct esp32_chip *chip);

/// What an application says of itself (esp_app_desc_t); texts may be empty.
struct esp32_description {
    uint32_t secure_version; ///< of the anti-rollback
    char version[33];
    char project[33];
    char time[17];
    char date[17];
    char idf[33];
};

/// An image: an application, or a boot loader.
struct esp32_image {
    uint32_t size;        ///< with checksum and SHA-256
    uint32_t signed_size; ///< with Secure Boot v2's padding and signature sector; `size` where there is none
    uint16_t chip;
    bool digest; ///< it has an appended SHA-256
    bool described;
    struct esp32_description description; ///< where `described`
};

/// Reads an image that begins at `bytes`; what lies behind it does not matter. Returns NONE, IMAGE_UNKNOWN,
/// IMAGE_TRUNCATED, IMAGE_CHECKSUM or IMAGE_SHA256; `image` holds what was found until then.
enum oneslot_error esp32_image_read(struct esp32_image *image, const uint8_t *bytes, uint32_t size);

/// Whether it is an image of ESP8266_RTOS_SDK 3. Those have the header of the ESP32's, 16 bytes behind the ESP8266's
/// eight (esptool, ESP8266V3FirmwareImage), and load to where an ESP8266 has its instruction memory. An ESP32 has flash
/// there, which an application does not reach without a segment of constants at 0x3f400000.
bool esp32_rtos_sdk(const uint8_t *bytes, uint32_t size);

/// Whether `bytes` begin with the header of an image of this family rather than of the ESP8266.
bool esp32_header(const uint8_t *bytes, uint32_t size);

/// Whether a file is of this family: an image, or a flash whose boot loader lies behind an erased sector.
bool esp32_file(const uint8_t *bytes, uint32_t size);

/// Bytes of flash that the header of an image tells of; 0 for what is not known.
uint32_t esp32_flash_size(const uint8_t *header);

/// Makes the header of a boot loader tell of `flash_size` bytes, and its SHA-256 right again. Returns false where the
/// header cannot say that size.
bool esp32_set_flash_size(uint8_t *bytes, const struct esp32_image *image, uint32_t flash_size);

/// A flash, or as much of its beginning as a file holds.
struct esp32_flash {
    uint8_t *bytes; ///< by flash address, 0xff where the file holds nothing; owned
    uint32_t size;  ///< of `bytes`, a multiple of 64 KiB
    uint32_t base;  ///< flash address of the file's first byte: 0, or 0x1000 where the file begins with the boot loader
    uint32_t file_size; ///< bytes of the file
    const struct esp32_chip *chip;
    struct esp32_image bootloader;
    enum oneslot_error bootloader_error; ///< as esp32_image_read gave it
    struct oneslot_map map;
    enum oneslot_error map_error; ///< NONE or why there is no map
    struct oneslot_flash flash;   ///< over `bytes`
};

/// Reads a file with a boot loader and a partition table at 0x8000. Returns NONE; IMAGE_UNKNOWN where it is none of
/// this kind; FLASH_ENCRYPTED where it is a flash that looks encrypted. Then there is nothing to free.
enum oneslot_error esp32_flash_read(struct esp32_flash *flash, const uint8_t *bytes, uint32_t size);
void esp32_flash_free(struct esp32_flash *flash);

/// The chip whose boot loader lies in the file with a table at 0x8000, but where that chip does not look for it (`at`);
/// NULL where there is none. Such a flash does not start.
const struct esp32_chip *esp32_misplaced(const uint8_t *bytes, uint32_t size, uint32_t *at);

/// The application that the boot loader would start: what otadata names, else factory, else the first slot that holds
/// one. NULL where no application partition begins with an image.
const struct oneslot_partition *esp32_flash_application(const struct esp32_flash *flash, struct esp32_image *image);

/// What the boot loader starts at the next reset: the same, but for an application that was started on trial and has
/// not confirmed itself, which a boot loader with rollback gives up (`given_up`, may be NULL, tells of it).
const struct oneslot_partition *esp32_flash_next(const struct esp32_flash *flash, struct esp32_image *image,
                                                 bool *given_up);

/// Whether its boot loader ends a trial.
enum esp32_ability esp32_flash_rollback(const struct esp32_flash *flash);

/// The image that a partition holds. Returns as esp32_image_read.
enum oneslot_error esp32_flash_image(const struct esp32_flash *flash, const struct oneslot_partition *region,
                                     struct esp32_image *image);

/// Whether a partition is an OTA slot.
bool esp32_is_slot(const struct oneslot_partition *region);

#endif
