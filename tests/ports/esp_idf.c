/* ESP-IDF's functions that ports/esp_idf.c calls, on the device's flash chip. */
#include <stddef.h>
#include <stdlib.h>

#include "device.h"
#include "esp_flash.h"
#include "esp_flash_encrypt.h"
#include "esp_ota_ops.h"
#include "esp_rom_md5.h"
#include "esp_system.h"
#include "oneslot/otadata.h"

#define OTADATA     0xf0000u
#define FIRST_OURS  0xf0000u /* below: what the guard protects, the installer that no application writes */
#define BEHIND_OURS 0xf4000u

static void guard(uint32_t address, uint32_t length) {
    if (address < FIRST_OURS || length > BEHIND_OURS - address) {
        exit(4);
    }
}

esp_err_t esp_flash_get_size(esp_flash_t *unused, uint32_t *size) {
    *size = CHIP_SIZE;
    return unused == NULL ? ESP_OK : ESP_FAIL;
}

esp_err_t esp_flash_read(esp_flash_t *unused, void *buffer, uint32_t address, uint32_t length) {
    return unused == NULL && address <= CHIP_SIZE - length ? flash.read(NULL, address, buffer, length) : ESP_FAIL;
}

esp_err_t esp_flash_write(esp_flash_t *unused, const void *buffer, uint32_t address, uint32_t length) {
    guard(address, length);
    return unused == NULL ? flash.program(NULL, address, buffer, length) : ESP_FAIL;
}

esp_err_t esp_flash_erase_region(esp_flash_t *unused, uint32_t start, uint32_t length) {
    guard(start, length);
    return unused == NULL && length == ONESLOT_SECTOR_SIZE ? flash.erase_sector(NULL, start) : ESP_FAIL;
}

bool esp_flash_encryption_enabled(void) {
    return getenv("FLASH_ENCRYPTED") != NULL;
}

esp_err_t esp_ota_mark_app_valid_cancel_rollback(void) {
    struct oneslot_otadata entry;
    if (oneslot_otadata_read(&flash, OTADATA, &entry, NULL) != ONESLOT_ERROR_NONE || entry.sequence == 0xffffffffu) {
        return ESP_FAIL;
    }
    return oneslot_otadata_write(&flash, OTADATA, ONESLOT_OTA_VALID) == ONESLOT_ERROR_NONE ? ESP_OK : ESP_FAIL;
}

void esp_rom_md5_init(md5_context_t *context) {
    br_md5_init(context);
}

void esp_rom_md5_update(md5_context_t *context, const void *data, uint32_t length) {
    br_md5_update(context, data, length);
}

void esp_rom_md5_final(uint8_t *digest, md5_context_t *context) {
    br_md5_out(context, digest);
}

void esp_restart(void) {
    restart();
}
