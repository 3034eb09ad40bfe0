#include <stddef.h>
#include <string.h>

#include "oneslot/chip.h"

void oneslot_esp32_chip(struct oneslot_chip *chip, uint16_t number, uint16_t revision) {
    memset(chip, 0, sizeof *chip);
    chip->number = number;
    chip->limits.chip = number;
    chip->limits.revision = revision;
    chip->limits.block_revision = ONESLOT_REVISION_UNKNOWN;
    chip->limits.judge = oneslot_image_esp32_judge;
    chip->prove = oneslot_image_esp32_prove;
    chip->read_layout = oneslot_layout_from_table;
}
