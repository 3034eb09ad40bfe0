/* Stands in for ESP-IDF's. */
#ifndef ESP_ROM_MD5_H
#define ESP_ROM_MD5_H

#include <stdint.h>

#include "bearssl_hash.h"

typedef br_md5_context md5_context_t;

void esp_rom_md5_init(md5_context_t *context);
void esp_rom_md5_update(md5_context_t *context, const void *data, uint32_t length);
void esp_rom_md5_final(uint8_t *digest, md5_context_t *context);

#endif
