/*
 * The boot ROM's flash functions. Those of the ESP8266 (SPIRead at 0x40004b1c and its kin) and of the ESP32 family
 * (esp_rom_spiflash_read) are of one descent and treat their arguments alike.
 */
#include "sim/board/shared/shared.h"

/// Refuses what ends past the chip; copies whole words.
uint32_t flash_read(uint32_t address, uint32_t to, uint32_t length) {
    if (to % 4 != 0) {
        finish(BOARD_FAULT, "a flash read into a buffer that is not aligned to 4, at", to);
    }
    if (address + length > flash_chip()->chip_size) {
        return 1;
    }
    chip_read(address, (uint8_t *)(uintptr_t)to, (length + 3) & ~3u);
    return 0;
}

static void need_aligned_write(uint32_t address, uint32_t from, uint32_t length) {
    if (address % 4 != 0) {
        finish(BOARD_FAULT, "a flash write to an address that is not a multiple of 4:", address);
    }
    if (from % 4 != 0) {
        finish(BOARD_FAULT, "a flash write from a buffer that is not aligned to 4, at", from);
    }
    if (length % 4 != 0) {
        finish(BOARD_FAULT, "a flash write of a length that is not a multiple of 4:", length);
    }
    // The ROM's counter of pages has 8 bits: it would never end.
    if (length > 256 * PAGE_SIZE) {
        finish(BOARD_FAULT, "a flash write of more pages than the ROM can count; bytes:", length);
    }
}

/// Splits at pages; refuses what ends past the chip.
uint32_t flash_write(uint32_t address, uint32_t from, uint32_t length) {
    const uint8_t *data = (const uint8_t *)(uintptr_t)from;

    need_aligned_write(address, from, length);
    if (address + length > flash_chip()->chip_size) {
        return 1;
    }
    while (length > 0) {
        uint32_t room = PAGE_SIZE - address % PAGE_SIZE;
        uint32_t part = room < length ? room : length;

        chip_program(address, data, part);
        address += part;
        data += part;
        length -= part;
    }
    return 0;
}

uint32_t flash_erase_sector(uint32_t sector) {
    if (sector >= flash_chip()->chip_size / flash_chip()->sector_size) {
        return 1;
    }
    chip_erase(BOARD_ERASE_SECTOR, sector * SECTOR_SIZE, SECTOR_SIZE);
    return 0;
}

uint32_t flash_erase_block(uint32_t block) {
    if (block >= flash_chip()->chip_size / flash_chip()->block_size) {
        return 1;
    }
    chip_erase(BOARD_ERASE_BLOCK, block * BLOCK_SIZE, BLOCK_SIZE);
    return 0;
}

/// Its loop over blocks stops before the last whole one, which it erases by sectors; and it never erases fewer sectors
/// than lie before the next block when the area is at least that large.
uint32_t flash_erase_area(uint32_t address, uint32_t length) {
    const struct flash_chip *chip = flash_chip();
    uint32_t per_block = chip->block_size / chip->sector_size;
    uint32_t sector = address / chip->sector_size;
    uint32_t count = (length + chip->sector_size - 1) / chip->sector_size;
    uint32_t head = per_block - sector % per_block;
    uint32_t failed = 0;

    if (address + length > chip->chip_size || address % chip->sector_size != 0) {
        return 1;
    }
    head = head < count ? head : count;
    count -= head;
    for (; head > 0 && failed == 0; head--) {
        failed = flash_erase_sector(sector++);
    }
    for (; count > per_block && failed == 0; count -= per_block, sector += per_block) {
        failed = flash_erase_block(sector / per_block);
    }
    for (; count > 0 && failed == 0; count--) {
        failed = flash_erase_sector(sector++);
    }
    return failed;
}

void flash_erase_chip(void) {
    for (uint32_t block = 0; block < MAILBOX->flash_size / BLOCK_SIZE; block++) {
        chip_erase(BOARD_ERASE_BLOCK, block * BLOCK_SIZE, BLOCK_SIZE);
    }
}
