#include "flash_port.h"

#include "rom.h"

#define ROM_CHIP (*(struct rom_flash_chip **)ROM_FLASH_CHIP)

/// Block-protect bits of the status register, BP0 to BP3 (W25Q, GD25Q, MX25 data sheets; BP3 is TB on some). Not bit
/// 6, which is quad enable on others.
#define STATUS_PROTECTED 0x3cu

static int port_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    watchdog_feed();
    return SPIRead(address, buffer, length);
}

static int port_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context;
    watchdog_feed();
    return SPIWrite(address, data, length);
}

static int port_erase_sector(void *context, uint32_t address) {
    (void)context;
    watchdog_feed();
    return SPIEraseSector(address / ONESLOT_SECTOR_SIZE);
}

static int port_erase_block(void *context, uint32_t address) {
    (void)context;
    watchdog_feed();
    return SPIEraseBlock(address / ONESLOT_BLOCK_SIZE);
}

static void set_chip_size(uint32_t size) {
    const struct rom_flash_chip *chip = ROM_CHIP;

    SPIParamCfg(chip->id, size, ONESLOT_BLOCK_SIZE, ONESLOT_SECTOR_SIZE, ONESLOT_PAGE_SIZE, chip->status_mask);
}

uint32_t flash_port_open(struct oneslot_flash *flash, uint32_t size) {
    uint32_t rom_size = ROM_CHIP->chip_size;

    flash->context = 0;
    flash->size = size;
    flash->read = port_read;
    flash->program = port_program;
    flash->erase_sector = port_erase_sector;
    flash->erase_block = port_erase_block;
    if (size > rom_size) {
        set_chip_size(size);
    }
    return rom_size;
}

void flash_port_close(uint32_t rom_size) {
    if (ROM_CHIP->chip_size != rom_size) {
        set_chip_size(rom_size);
    }
}

/// A status that cannot be read is no protection: what is written is read back.
static bool is_protected(void) {
    uint32_t status = 0;

    return SPI_read_status(ROM_CHIP, &status) == 0 && (status & STATUS_PROTECTED) != 0;
}

bool flash_port_unlock(void) {
    uint32_t header = 0;

    if (!is_protected()) {
        return true;
    }
    // Unlocking clears quad enable as well, and every later read in a quad mode would fail: set the mode again.
    if (SPIRead(0, &header, sizeof header) == 0 && SPIUnlock() == 0) {
        SPIReadModeCnfig(header >> 16 & 0xffu);
    }
    return !is_protected();
}
