/*
 * What a boot ROM of Espressif's knows of the flash chip.
 * Source: ESP-IDF, components/esp_rom/include/esp_rom_spiflash.h (esp_rom_spiflash_chip_t); the ESP8266's own code.
 */
#ifndef ONESLOT_DEVICE_FLASH_CHIP_H
#define ONESLOT_DEVICE_FLASH_CHIP_H

#include <stdint.h>

struct rom_flash_chip {
    uint32_t id; ///< JEDEC: maker, kind, capacity as a power of two
    uint32_t chip_size;
    uint32_t block_size;
    uint32_t sector_size;
    uint32_t page_size;
    uint32_t status_mask;
};

#endif
