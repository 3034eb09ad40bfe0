/*
 * Boot ROM of the ESP8266: the functions and data that this project uses. Addresses: rom.ld.
 *
 * Behaviour was read in the ROM's own code. Flash functions return 0 for success and refuse what lies at or past
 * the chip size that the ROM believes in. They need the flash cache to be off, as it is from reset on.
 */
#ifndef ONESLOT_ESP8266_ROM_H
#define ONESLOT_ESP8266_ROM_H

#include <stdint.h>

#include "flash_chip.h"
#include "memory.h"

/// Reads; `buffer` is aligned to 4, and up to 3 bytes past a length that is no multiple of 4 are written.
int SPIRead(uint32_t address, void *buffer, uint32_t length);
/// Programs up to 4 KiB from a buffer aligned to 4. Does not notice a chip that is write-protected.
int SPIWrite(uint32_t address, const void *data, uint32_t length);
int SPIEraseSector(uint32_t sector);
int SPIEraseBlock(uint32_t block);
/// Overwrites the ROM's description of the chip.
int SPIParamCfg(uint32_t id, uint32_t chip_size, uint32_t block_size, uint32_t sector_size, uint32_t page_size,
                uint32_t status_mask);
/// Sets the read mode: byte 2 of an image's header. In the quad modes it sets the chip's quad-enable bit.
int SPIReadModeCnfig(uint32_t mode);
/// Writes 0 to the chip's status register: no block is protected, and quad enable is gone too.
int SPIUnlock(void);
int SPI_read_status(struct rom_flash_chip *chip, uint32_t *status);
void ets_delay_us(uint32_t microseconds);
/// MD5 as everybody has it, over data that is readable by bytes. MD5Final wipes the first word alone.
struct rom_md5 {
    uint32_t state[4];
    uint32_t bits[2];
    uint8_t block[64];
};
void MD5Init(struct rom_md5 *md5);
void MD5Update(struct rom_md5 *md5, const void *data, uint32_t length);
void MD5Final(uint8_t digest[16], struct rom_md5 *md5);
/// Asks for a reset and returns; the reset follows a moment later.
void software_reset(void);
/// Why the chip was reset; 5 is the timer's wake-up from deep sleep. Asking again gives the same answer.
uint32_t rtc_get_reset_reason(void);

#define ROM_RESET_DEEP_SLEEP 5u

static inline void watchdog_feed(void) {
    *(volatile uint32_t *)WATCHDOG_FEED_REGISTER = WATCHDOG_FEED_VALUE;
}

#endif
