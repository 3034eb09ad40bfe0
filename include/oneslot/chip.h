/*
 * Chip: what the engine must know of the chip it runs on, as data. A device hands over its own; the host and the
 * simulator any of them. Nothing else in the core depends on a chip.
 */
#ifndef ONESLOT_CHIP_H
#define ONESLOT_CHIP_H

#include "oneslot/image.h"
#include "oneslot/layout.h"

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

struct oneslot_chip {
    uint16_t number; ///< ONESLOT_CHIP_*
    /// What does not depend on the device's layout: memory of the loader, the chip's revision.
    struct oneslot_image_limits limits;
    oneslot_image_prover *prove;
    oneslot_layout_reader *read_layout;
};

/// The ESP8266: the loader's IRAM and the ROM's stack (device/esp8266/memory.h), images of core/image.c, the layout
/// block in the loader's sector.
extern const struct oneslot_chip oneslot_esp8266;

/// A chip of the ESP32 family: images of core/image_esp32.c for `number`, the layout as the partition table says
/// (oneslot_layout_from_table). `revision`: of this very chip, 100 x major + minor; 0: not known, no image is refused
/// for it.
void oneslot_esp32_chip(struct oneslot_chip *chip, uint16_t number, uint16_t revision);

#endif
