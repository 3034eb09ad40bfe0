/*
 * The ROM's flash functions at their places on this chip, and the window through which code in flash is run.
 */
#include "board.h"

#define WINDOW           0x40200000u
#define WINDOW_SIZE      0x100000u
#define STATUS_BUSY_BITS 0x03u

bool cache_on;
static uint32_t status_register;

struct flash_chip *flash_chip(void) {
    return (struct flash_chip *)(uintptr_t)WORD(ROM_FLASH_CHIP);
}

/// What the ROM's data holds after a reset, from its own image of that data.
void flash_reset(void) {
    static const struct flash_chip initial = {0x001640ef, 0x400000, BLOCK_SIZE, SECTOR_SIZE, PAGE_SIZE, 0xffff};

    WORD(ROM_FLASH_CHIP) = ROM_FLASH_CHIP_DATA;
    rom_memcpy((void *)ROM_FLASH_CHIP_DATA, &initial, sizeof initial);
    cache_off();
}

/// The cache and the ROM's flash functions share the one controller.
static void need_cache_off(struct rom_call *call) {
    if (cache_on) {
        finish(BOARD_FAULT, "the ROM's flash functions were called with the flash cache on, from", call->a0);
    }
}

/// SPIRead at 0x40004b1c.
uint32_t rom_spi_read(struct rom_call *call) {
    need_cache_off(call);
    return flash_read(call->argument[0], call->argument[1], call->argument[2]);
}

/// SPIWrite at 0x40004a4c.
uint32_t rom_spi_write(struct rom_call *call) {
    uint32_t failed;

    need_cache_off(call);
    failed = flash_write(call->argument[0], call->argument[1], call->argument[2]);
    watch_entry();
    return failed;
}

uint32_t rom_spi_erase_sector(struct rom_call *call) {
    need_cache_off(call);
    return flash_erase_sector(call->argument[0]);
}

uint32_t rom_spi_erase_block(struct rom_call *call) {
    need_cache_off(call);
    return flash_erase_block(call->argument[0]);
}

/// SPIEraseArea at 0x40004b44.
uint32_t rom_spi_erase_area(struct rom_call *call) {
    need_cache_off(call);
    status_register = 0;
    return flash_erase_area(call->argument[0], call->argument[1]);
}

uint32_t rom_spi_erase_chip(struct rom_call *call) {
    need_cache_off(call);
    flash_erase_chip();
    return 0;
}

/// SPIParamCfg at 0x40004c2c: takes the values as they are.
uint32_t rom_spi_param_cfg(struct rom_call *call) {
    *flash_chip() = (struct flash_chip){call->argument[0], call->argument[1], call->argument[2],
                                        call->argument[3], call->argument[4], call->argument[5]};
    return 0;
}

/// SPI_read_status(chip, &status) at 0x400043c8.
uint32_t rom_spi_read_status(struct rom_call *call) {
    WORD(call->argument[1]) = status_register;
    return 0;
}

/// SPI_write_status(chip, status) at 0x40004400.
uint32_t rom_spi_write_status(struct rom_call *call) {
    status_register = call->argument[1] & ~STATUS_BUSY_BITS;
    return 0;
}

uint32_t rom_spi_unlock(struct rom_call *call) {
    (void)call;
    status_register = 0;
    return 0;
}

uint32_t rom_spi_lock(struct rom_call *call) {
    (void)call;
    status_register = 0x1c;
    return 0;
}

/// Code that runs from the window without the cache gets what is no instruction.
void cache_off(void) {
    cache_on = false;
    rom_memset((void *)WINDOW, 0, WINDOW_SIZE);
}

/// Cache_Read_Enable(odd, pair, size) at 0x40004678: shows megabyte 2 * pair + odd and takes half or all of the upper
/// IRAM, which then reads as 0.
uint32_t rom_cache_enable(struct rom_call *call) {
    uint32_t megabyte = call->argument[1] * 2 + (call->argument[0] & 1u);

    for (uint32_t at = 0; at < WINDOW_SIZE; at += BLOCK_SIZE) {
        rom_memcpy((uint8_t *)WINDOW + at, flash_at(megabyte * WINDOW_SIZE + at), BLOCK_SIZE);
    }
    rom_memset((void *)0x40108000u, 0, call->argument[2] != 0 ? 0x8000 : 0x4000);
    cache_on = true;
    return 0;
}

uint32_t rom_cache_disable(struct rom_call *call) {
    (void)call;
    cache_off();
    return 0;
}
