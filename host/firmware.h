/*
 * A firmware file as the host looks at it: proven by the core as the device would, and searched for what only a person
 * wants to know.
 */
#ifndef ONESLOT_HOST_FIRMWARE_H
#define ONESLOT_HOST_FIRMWARE_H

#include "oneslot/image.h"

/// Whose firmware it is, as far as its strings tell.
enum firmware_maker {
    FIRMWARE_UNKNOWN,
    FIRMWARE_MICROPYTHON,
    FIRMWARE_NODEMCU,
    FIRMWARE_WLED,
    FIRMWARE_TASMOTA,
    FIRMWARE_ARDUINO,
    FIRMWARE_ESPRESSIF_AT,
    FIRMWARE_ESPRESSIF_BOOT,
};

struct firmware {
    const uint8_t *bytes; ///< the caller's
    uint32_t size;
    struct oneslot_image image;
    enum oneslot_error error; ///< of the proof; NONE if all that the image proves itself with holds
    enum firmware_maker maker;
    char version[64]; ///< "v1.24.0 on 2024-10-25"; empty if not found
    char sdk[64];     ///< of Espressif's SDK, "3.0.5(b29dcd3)", or of ESP-IDF, "v5.2.2"; empty if not found
};

/// Looks at a firmware file. Never fails: what is wrong with it is in `error`.
void firmware_read(struct firmware *firmware, const uint8_t *bytes, uint32_t size);

/// "MicroPython", "WLED", ...; "" for unknown.
const char *firmware_maker_text(enum firmware_maker maker);

/// Whether a MicroPython is of that version or later.
bool firmware_at_least(const struct firmware *firmware, unsigned major, unsigned minor);

/// Whether a MicroPython has littlefs in it. Those that do not keep their files on a FAT.
bool firmware_has_littlefs(const struct firmware *firmware);

/// Whether a MicroPython has FAT in it. The generic builds have both.
bool firmware_has_fat(const struct firmware *firmware);

/// PHY init data, as Espressif's esp_init_data_default.bin has them: 128 bytes, the first of which is 5.
#define FIRMWARE_INIT_DATA 128u

/// The PHY init data that lie in the firmware itself, as its SDK was linked with them; NULL if there are none.
const uint8_t *firmware_init_data(const struct firmware *firmware);

/// Whether its SDK stops at its start where it finds no PHY init data in flash.
bool firmware_needs_init_data(const struct firmware *firmware);

/// The place of an Arduino sketch's file system, which its linker script fixed. Returns false when it has none or it
/// was not found.
bool firmware_arduino_file_system(const struct firmware *firmware, uint32_t *start, uint32_t *end);

/// Where it usually lies on a chip of that size, for a sketch that does not tell: 1M64, 2M1M, 4M2M, 8M7M, 16M14M.
void firmware_arduino_usual(uint32_t flash_size, uint32_t *start, uint32_t *end);

/// Header bytes 2 and 3 (flash mode; size and clock) that the firmware was built with. In a USER1 image they are those
/// of its second header, behind the code that runs in place.
void firmware_flash_header(const struct firmware *firmware, uint8_t *mode, uint8_t *size_and_clock);

/// Puts header bytes 2 and 3 of an Arduino image that was read from a flash back to those that its CRC was taken over:
/// in flash they are the device's own. Returns false, with nothing changed, where no flash mode, size and clock make
/// the CRC right.
bool firmware_mend_header(uint8_t *bytes, uint32_t size);

/// "ESP32", "ESP32-C3", ... by an image header.
const char *firmware_esp32_chip(const uint8_t *bytes, uint32_t size);

#endif
