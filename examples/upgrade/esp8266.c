#include "flash_port.h"
#include "platform.h"
#include "rom.h"
#include "table.h"

/// The chip that the example is built for.
#define FLASH_SIZE 0x400000u

void platform_open(struct oneslot_flash *flash) {
    flash_port_open(flash, FLASH_SIZE);
}

enum oneslot_error platform_find(struct oneslot *oneslot, const struct oneslot_flash *flash) {
    return oneslot_open(oneslot, flash);
}

enum oneslot_error platform_confirm(struct oneslot *oneslot) {
    return oneslot_confirm(oneslot);
}

uint32_t platform_table(void) {
    return TABLE_FLASH_ADDRESS;
}

void platform_reset(void) {
    software_reset();
    for (;;) {
    }
}
