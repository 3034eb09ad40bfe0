#include <stddef.h>

#include "oneslot/chip.h"

// An oneslot_layout_reader: others fill the working memory.
// NOLINTBEGIN(readability-non-const-parameter)
static enum oneslot_error read_layout(const struct oneslot_flash *flash, struct oneslot_layout *layout,
                                      uint8_t *working) {
    (void)working;
    return oneslot_layout_read(flash, layout);
}
// NOLINTEND(readability-non-const-parameter)

const struct oneslot_chip oneslot_esp8266 = {
    .number = ONESLOT_CHIP_ESP8266,
    .limits =
        {
            .firmware = 0x00100000,        /* what runs in place is seen through a window of 1 MiB */
            .installer_entry = 0x4010bf00, /* device/esp8266/memory.h, STAGE_ENTRY */
        },
    .prove = oneslot_image_prove,
    .read_layout = read_layout,
};
