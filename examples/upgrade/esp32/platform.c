/*
 * The example on the ESP32 family. It runs from RAM alone, under ESP-IDF's boot loader but without ESP-IDF: an
 * application with it would use esp_flash_read and its kin, and esp_ota_mark_app_valid_cancel_rollback.
 */
#include "platform.h"

#include "flash_port.h"
#include "oneslot/otadata.h"
#include "registers.h"
#include "rom.h"

/// Where the application's partition begins, and the table in its image: behind the header, the header of the first
/// segment and the descriptor.
#define APPLICATION 0x10000u
#define TABLE       (24u + 8u + 256u)

/// Reached from the port's entry (start.S) by the name that the linker script gives it. Never returns.
void firmware_start(void);

static _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];

void platform_open(struct oneslot_flash *flash) {
    flash_port_open(flash);
}

enum oneslot_error platform_find(struct oneslot *oneslot, const struct oneslot_flash *flash) {
    return oneslot_open_table(oneslot, flash, working);
}

/// The second half is what ESP-IDF's call does: the boot loader would give the application up at the next start.
enum oneslot_error platform_confirm(struct oneslot *oneslot) {
    struct oneslot_otadata entry;
    enum oneslot_error error = oneslot_confirm(oneslot);

    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_otadata_read(&oneslot->flash, oneslot->layout.otadata, &entry, 0);
    }
    if (error == ONESLOT_ERROR_NONE && entry.state == ONESLOT_OTA_PENDING_VERIFY) {
        error = oneslot_otadata_write(&oneslot->flash, oneslot->layout.otadata, ONESLOT_OTA_VALID);
    }
    return error;
}

uint32_t platform_table(void) {
    return APPLICATION + TABLE;
}

void platform_reset(void) {
    for (;;) {
        rom_reset();
    }
}

void firmware_start(void) {
    register_steps(chip.watchdogs);
    firmware_main();
    for (;;) {
        watchdog_feed();
        rom_delay_us(100000);
    }
}
