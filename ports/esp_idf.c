/* Oneslot in an application for ESP-IDF (4.4 and later), and for Arduino on the ESP32 family. */
#include "oneslot/port.h"

#include <stddef.h>

#include "esp_flash.h"
#include "esp_flash_encrypt.h"
#include "esp_ota_ops.h"
#include "esp_rom_md5.h"
#include "esp_system.h"

#include "../core/md5.h"
#include "oneslot/otadata.h"

/* ESP-IDF itself refuses to write over boot loader, partition table and the running application. */

static int port_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    return esp_flash_read(NULL, buffer, address, length);
}

static int port_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context;
    return esp_flash_write(NULL, data, address, length);
}

static int port_erase(void *context, uint32_t address) {
    (void)context;
    return esp_flash_erase_region(NULL, address, ONESLOT_SECTOR_SIZE);
}

void oneslot_md5(const void *data, uint32_t length, uint8_t digest[ONESLOT_MD5_SIZE]) {
    md5_context_t context;
    esp_rom_md5_init(&context);
    esp_rom_md5_update(&context, data, length);
    esp_rom_md5_final(digest, &context);
}

enum oneslot_error oneslot_port_open(struct oneslot *oneslot) {
    static _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    struct oneslot_flash flash = {.read = port_read, .program = port_program, .erase_sector = port_erase};
    if (esp_flash_encryption_enabled()) {
        return ONESLOT_ERROR_FLASH_ENCRYPTED;
    }
    if (esp_flash_get_size(NULL, &flash.size) != ESP_OK) {
        return ONESLOT_ERROR_FLASH_READ;
    }
    return oneslot_open_table(oneslot, &flash, working);
}

/// Whether the boot loader waits to be told that the firmware is good.
static bool is_awaited(const struct oneslot_otadata *entry) {
    return entry->state == ONESLOT_OTA_NEW || entry->state == ONESLOT_OTA_PENDING_VERIFY;
}

enum oneslot_error oneslot_port_confirm(struct oneslot *oneslot) {
    struct oneslot_otadata entry = {0};
    /* The journal first, as everywhere: it alone knows the version that no lower one may follow. */
    enum oneslot_error error = oneslot_confirm(oneslot);
    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_otadata_read(&oneslot->flash, oneslot->layout.otadata, &entry, NULL);
    }
    if (error != ONESLOT_ERROR_NONE || !is_awaited(&entry)) {
        return error;
    }
    return esp_ota_mark_app_valid_cancel_rollback() == ESP_OK ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_OTADATA_WRITE;
}

void oneslot_port_restart(void) {
    esp_restart();
}
