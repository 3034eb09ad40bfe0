/* Stands in for the SDK's: what its ROM knows of the flash chip, and keeps to. */
#ifndef SPI_FLASH_H
#define SPI_FLASH_H

#include <cstdint>

struct SpiFlashChip {
    uint32_t deviceId;
    uint32_t chip_size;
};

extern "C" SpiFlashChip *flashchip;

#endif
