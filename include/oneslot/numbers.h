/*
 * Numbers that are kept: in packages, in the journal, in images. They keep their meaning for ever; docs/FORMATS.md has
 * them too.
 */
#ifndef ONESLOT_NUMBERS_H
#define ONESLOT_NUMBERS_H

#ifdef __cplusplus
extern "C" {
#endif

/// Numbers of chips: Espressif's as in an image's extended header (source: ESP-IDF,
/// components/bootloader_support/include/esp_app_format.h, esp_chip_id_t), and one for the ESP8266, which has none.
#define ONESLOT_CHIP_ESP8266 0x8266u
#define ONESLOT_CHIP_ESP32   0u
#define ONESLOT_CHIP_ESP32S2 2u
#define ONESLOT_CHIP_ESP32C3 5u
#define ONESLOT_CHIP_ESP32S3 9u
#define ONESLOT_CHIP_ESP32C2 12u
#define ONESLOT_CHIP_ESP32C6 13u
#define ONESLOT_CHIP_ESP32H2 16u

/// Kinds of images; image.h tells what each is.
enum oneslot_image_kind {
    ONESLOT_IMAGE_NONE = 0,
    ONESLOT_IMAGE_PLAIN = 1,
    ONESLOT_IMAGE_MICROPYTHON = 2,
    ONESLOT_IMAGE_ARDUINO = 3,
    ONESLOT_IMAGE_USER1 = 4,
    ONESLOT_IMAGE_BOOT = 5,
    ONESLOT_IMAGE_ESP32 = 6,
};

/// First word of a package, and the least bytes of its header.
#define ONESLOT_PACKAGE_MAGIC  0x96f3b83du
#define ONESLOT_PACKAGE_HEADER 32u

/// Types of the entries that are known here. Of MCUboot:
#define ONESLOT_TLV_KEY_HASH         0x01u
#define ONESLOT_TLV_SHA256           0x10u
#define ONESLOT_TLV_SIGNATURE        0x22u /* ECDSA, DER */
#define ONESLOT_TLV_SECURITY_COUNTER 0x50u
#define ONESLOT_TLV_BOOT_RECORD      0x60u
/// Ours, in the numbers that MCUboot leaves to vendors (low byte 0xa0 to 0xff). Bit 15 says to whoever does not know
/// the number that the package must be refused; it is no part of the number.
#define ONESLOT_TLV_CRITICAL  0x8000u
#define ONESLOT_TLV_CHIP      0x4fa0u
#define ONESLOT_TLV_KIND      0x4fa1u
#define ONESLOT_TLV_CODEC     0x4fa2u
#define ONESLOT_TLV_UNPACKED  0x4fa3u
#define ONESLOT_TLV_MINIMUM   0x4fa4u
#define ONESLOT_TLV_BASE      0x4fa5u
#define ONESLOT_TLV_BOARD     0x4fa6u
#define ONESLOT_TLV_DOWNGRADE 0x4fa7u
#define ONESLOT_TLV_INSTALLER 0x4fa8u
#define ONESLOT_TLV_CLAIMS    0x4fa9u

#ifdef __cplusplus
}
#endif

#endif
