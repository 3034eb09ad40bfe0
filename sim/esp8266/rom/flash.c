/*
 * The ROM's flash functions: reads and programs of 32 bytes at a time, each program enabled and waited for by itself.
 */
#include "sim/esp8266/rom/rom.h"

#define COMMAND_READ         0x80000000u
#define COMMAND_WRITE_ENABLE 0x40000000u
#define COMMAND_READ_STATUS  0x08000000u
#define COMMAND_WRITE_STATUS 0x04000000u
#define COMMAND_PROGRAM      0x02000000u
#define COMMAND_ERASE_SECTOR 0x01000000u
#define COMMAND_ERASE_BLOCK  0x00800000u
#define COMMAND_ERASE_CHIP   0x00400000u
#define COMMAND_WAKE         0x00100000u

#define STATUS_BUSY          0x1u
#define STATUS_WRITE_ENABLED 0x2u
#define STATUS_PROTECTED     0x1cu
#define STATUS_QUAD          0x200u

#define CONTROL_MODES      0x01906000u
#define CONTROL_TWO_STATUS 0x00400000u
#define CONTROL_FAST       0x00002000u
#define CONTROL_BASE       0x00288000u
#define CONTROL_CLOCK      0x00000fffu
#define CONTROL_CLOCK_20   0x00000313u
#define CONTROL_CACHE      0x00020000u
#define MODE_PLAIN         5u
#define USER_SETUP         0x4u
#define AT_ONCE            32u
#define ADDRESS_BITS       0x00ffffffu

#define CACHE_ENABLE 0x100u
#define CACHE_BUSY   0x200u
#define CACHE_FLUSH  0x001u
#define CACHE_EMPTY  0x002u

static void command(uint32_t bit) {
    WORD(SPI_COMMAND) = bit;
    while (WORD(SPI_COMMAND) != 0) {
    }
}

uint32_t rom_read_status(struct rom_flash_chip *chip, uint32_t *status) {
    uint32_t value;
    do {
        WORD(SPI_STATUS) = 0;
        command(COMMAND_READ_STATUS);
        value = WORD(SPI_STATUS) & chip->status_mask;
    } while ((value & STATUS_BUSY) != 0);
    *status = value;
    return 0;
}

uint32_t rom_wait_idle(struct rom_flash_chip *chip) {
    uint32_t status;
    while ((WORD(DPORT_CACHE) & CACHE_BUSY) != 0) {
    }
    return rom_read_status(chip, &status);
}

/// The ROM asks until the chip says so.
uint32_t rom_write_enable(struct rom_flash_chip *chip) {
    uint32_t status = 0;
    rom_wait_idle(chip);
    command(COMMAND_WRITE_ENABLE);
    while ((status & STATUS_WRITE_ENABLED) == 0) {
        rom_read_status(chip, &status);
    }
    return 0;
}

uint32_t rom_write_status(struct rom_flash_chip *chip, uint32_t status) {
    rom_wait_idle(chip);
    WORD(SPI_STATUS) = status;
    command(COMMAND_WRITE_STATUS);
    return 0;
}

static void set_quad(bool on) {
    struct rom_flash_chip *chip = rom_chip();
    uint32_t status = STATUS_QUAD;
    WORD(SPI_CONTROL) |= CONTROL_TWO_STATUS;
    rom_write_enable(chip);
    if (!on) {
        rom_read_status(chip, &status);
        status &= 0xffu;
    }
    rom_write_status(chip, status);
}

/// Modes of an image's header: QIO, QOUT, DIO, DOUT; 4 is fast, others plain.
uint32_t rom_read_mode(uint32_t mode) {
    uint32_t control = mode == 0   ? 0x01002000u
                       : mode == 1 ? 0x00102000u
                       : mode == 2 ? 0x00802000u
                       : mode == 3 ? 0x00006000u
                       : mode == 4 ? CONTROL_FAST
                                   : 0;
    WORD(SPI_CONTROL) &= ~CONTROL_MODES;
    set_quad(mode <= 1);
    WORD(SPI_CONTROL) |= control;
    return 0;
}

void rom_flash_attach(void) {
    // Seven pins to the flash; the first word and the one between them are others'.
    for (uint32_t pin = PIN_FUNCTION + 0x1c; pin <= PIN_FUNCTION + 0x30; pin += 4) {
        WORD(pin) = (WORD(pin) & ~0x1b0u) | 0x10u;
    }
    WORD(SPI_USER) = USER_SETUP;
    WORD(SPI_CONTROL) = CONTROL_BASE | CONTROL_CLOCK_20;
    command(COMMAND_WAKE);
    rom_read_mode(MODE_PLAIN);
}

uint32_t rom_spi_read(uint32_t address, uint32_t *to, uint32_t length) {
    struct rom_flash_chip *chip = rom_chip();
    if (address + length > chip->chip_size) {
        return 1;
    }
    rom_wait_idle(chip);
    while ((int32_t)length > 0) {
        uint32_t part = length < AT_ONCE ? length : AT_ONCE;
        WORD(SPI_ADDRESS) = address | part << 24;
        command(COMMAND_READ);
        for (uint32_t i = 0; i < (part + 3) / 4; i++) {
            *to++ = WORD(SPI_BUFFER + i * 4);
        }
        address += part;
        length -= part;
    }
    return 0;
}

/// Within a page.
static uint32_t program(uint32_t address, const uint32_t *from, uint32_t length) {
    struct rom_flash_chip *chip = rom_chip();
    if (length % 4 != 0 || address % chip->page_size + length > chip->page_size) {
        return 1;
    }
    rom_wait_idle(chip);
    while ((int32_t)length > 0) {
        uint32_t part = length < AT_ONCE ? length : AT_ONCE;
        WORD(SPI_ADDRESS) = (address & ADDRESS_BITS) | part << 24;
        for (uint32_t i = 0; i < part / 4; i++) {
            WORD(SPI_BUFFER + i * 4) = *from++;
        }
        rom_write_enable(chip);
        command(COMMAND_PROGRAM);
        rom_wait_idle(chip);
        address += part;
        length -= part;
    }
    return 0;
}

uint32_t rom_spi_write(uint32_t address, const uint32_t *from, uint32_t length);
uint32_t rom_spi_write(uint32_t address, const uint32_t *from, uint32_t length) {
    const struct rom_flash_chip *chip = rom_chip();
    if (address + length > chip->chip_size) {
        return 1;
    }
    uint32_t part = chip->page_size - address % chip->page_size;
    part = part < length ? part : length;
    while (program(address, from, part) == 0) {
        address += part;
        from += part / 4;
        length -= part;
        if (length == 0) {
            return 0;
        }
        part = chip->page_size < length ? chip->page_size : length;
    }
    return 1;
}

static void erase(uint32_t bit, uint32_t address) {
    struct rom_flash_chip *chip = rom_chip();
    rom_write_enable(chip);
    rom_wait_idle(chip);
    WORD(SPI_ADDRESS) = address & ADDRESS_BITS;
    command(bit);
    rom_wait_idle(chip);
}

uint32_t rom_spi_erase_sector(uint32_t sector);
uint32_t rom_spi_erase_sector(uint32_t sector) {
    const struct rom_flash_chip *chip = rom_chip();
    if (sector >= chip->chip_size / chip->sector_size || sector * chip->sector_size % 4096 != 0) {
        return 1;
    }
    erase(COMMAND_ERASE_SECTOR, sector * chip->sector_size);
    return 0;
}

uint32_t rom_spi_erase_block(uint32_t block);
uint32_t rom_spi_erase_block(uint32_t block) {
    const struct rom_flash_chip *chip = rom_chip();
    if (block >= chip->chip_size / chip->block_size) {
        return 1;
    }
    erase(COMMAND_ERASE_BLOCK, block * chip->block_size);
    return 0;
}

uint32_t rom_spi_erase_chip(void);
uint32_t rom_spi_erase_chip(void) {
    struct rom_flash_chip *chip = rom_chip();
    rom_write_enable(chip);
    rom_wait_idle(chip);
    command(COMMAND_ERASE_CHIP);
    rom_wait_idle(chip);
    return 0;
}

uint32_t rom_spi_unlock(void);
uint32_t rom_spi_unlock(void) {
    rom_write_enable(rom_chip());
    return rom_write_status(rom_chip(), 0);
}

uint32_t rom_spi_lock(void);
uint32_t rom_spi_lock(void) {
    rom_write_enable(rom_chip());
    return rom_write_status(rom_chip(), STATUS_PROTECTED);
}

/// The sectors before the first block's start, blocks but the last one, and the rest by sectors. The ROM does not take
/// those before the first block from the rest, so it erases past the area's end by as many.
uint32_t rom_spi_erase_area(uint32_t address, uint32_t length);
uint32_t rom_spi_erase_area(uint32_t address, uint32_t length) {
    const struct rom_flash_chip *chip = rom_chip();
    uint32_t per_block = chip->block_size / chip->sector_size;
    uint32_t sector = address / chip->sector_size;
    uint32_t count = (length + chip->sector_size - 1) / chip->sector_size;
    uint32_t head = per_block - sector % per_block;
    uint32_t failed = 0;
    rom_read_mode(MODE_PLAIN);
    if (address + length > chip->chip_size || address % chip->sector_size != 0) {
        return 1;
    }
    rom_spi_unlock();
    head = head < count ? head : count;
    for (; head > 0 && failed == 0; head--) {
        failed = rom_spi_erase_sector(sector++);
    }
    for (; count > per_block && failed == 0; count -= per_block, sector += per_block) {
        failed = rom_spi_erase_block(sector / per_block);
    }
    for (; count > 0 && failed == 0; count--) {
        failed = rom_spi_erase_sector(sector++);
    }
    return failed;
}

uint32_t rom_spi_param_cfg(uint32_t id, uint32_t chip_size, uint32_t block_size, uint32_t sector_size,
                           uint32_t page_size, uint32_t status_mask);
uint32_t rom_spi_param_cfg(uint32_t id, uint32_t chip_size, uint32_t block_size, uint32_t sector_size,
                           uint32_t page_size, uint32_t status_mask) {
    *rom_chip() = (struct rom_flash_chip){id, chip_size, block_size, sector_size, page_size, status_mask};
    return 0;
}

/// Turns it off and empties it.
void rom_cache_off(void) {
    while ((WORD(DPORT_CACHE) & CACHE_ENABLE) != 0) {
        WORD(DPORT_CACHE) &= ~CACHE_ENABLE;
    }
    WORD(SPI_CONTROL) &= ~CONTROL_CACHE;
    WORD(DPORT_CACHE) &= ~CACHE_FLUSH;
    WORD(DPORT_CACHE) |= CACHE_FLUSH;
    while ((WORD(DPORT_CACHE) & CACHE_EMPTY) == 0) {
    }
    WORD(DPORT_CACHE) &= ~CACHE_FLUSH;
}

/// Shows megabyte 2 * pair + odd of the flash; `large` takes all of the upper IRAM, not the half of it.
void rom_cache_on(uint32_t odd, uint32_t pair, uint32_t large);
void rom_cache_on(uint32_t odd, uint32_t pair, uint32_t large) {
    rom_cache_off();
    WORD(SPI_CONTROL) |= CONTROL_CACHE;
    uint32_t half = odd == 0 ? 0 : odd == 1 ? 0x02000000u : 0x01000000u;
    WORD(DPORT_CACHE) = (WORD(DPORT_CACHE) & ~0x03000000u) | half;
    WORD(DPORT_CACHE) = (WORD(DPORT_CACHE) & ~0x04070000u) | pair << 16 | large << 26;
    WORD(DPORT_BANK) |= large != 0 ? 0x18 : 0x08;
    while ((WORD(DPORT_CACHE) & CACHE_ENABLE) == 0) {
        WORD(DPORT_CACHE) |= CACHE_ENABLE;
    }
}
