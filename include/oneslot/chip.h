/*
 * Chip: what the engine must know of the chip it runs on, as data. A device hands over its own; the host and the
 * simulator any of them. Nothing else in the core depends on a chip.
 */
#ifndef ONESLOT_CHIP_H
#define ONESLOT_CHIP_H

#include "oneslot/image.h"
#include "oneslot/layout.h"
#include "oneslot/numbers.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
