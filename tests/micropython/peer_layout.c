/* A device with the loader of Oneslot: the layout block in the first sector. */
#include <string.h>

#include "peer.h"

void provision(void) {
    struct oneslot_layout layout = {.flash_size = FLASH_SIZE,
                                    .displaced = 0xf4000,
                                    .journal = 0xf5000,
                                    .map = 0xf7000,
                                    .settings = 0xf7000,
                                    .installer = 0xf8000,
                                    .firmware = 0xf4000};
    oneslot_layout_seal(&layout);
    memcpy(chip + ONESLOT_LAYOUT_ADDRESS, &layout, sizeof layout);
}

enum oneslot_error own_command(struct oneslot *device, const char *command, int count, char **arguments) {
    (void)device;
    (void)command;
    (void)count;
    (void)arguments;
    return ONESLOT_ERROR_ARGUMENT;
}
