/*
 * The flash chip with its NOR rules, the cut of its power, and the window through which code in flash is run.
 *
 * Operations are counted from power-on over all resets: each page that SPIWrite programs is one, each erase is one.
 * The chip ignores address bits beyond its size, so a smaller chip than the ROM believes in is seen repeated.
 */
#include "board.h"

#define WINDOW           0x40200000u
#define WINDOW_SIZE      0x100000u
#define STATUS_BUSY_BITS 0x03u

bool cache_on;
static uint32_t status_register;

/// The ROM's description of the chip, which SPIParamCfg overwrites.
struct flash_chip {
    uint32_t id;
    uint32_t chip_size;
    uint32_t block_size;
    uint32_t sector_size;
    uint32_t page_size;
    uint32_t status_mask;
};

static struct flash_chip *chip(void) {
    return (struct flash_chip *)(uintptr_t)WORD(ROM_FLASH_CHIP);
}

uint8_t *flash_at(uint32_t address) {
    return (uint8_t *)BOARD_FLASH + address % MAILBOX->flash_size;
}

/// What the ROM's data holds after a reset, from its own image of that data.
void flash_reset(void) {
    static const struct flash_chip initial = {0x001640ef, 0x400000, BLOCK_SIZE, SECTOR_SIZE, PAGE_SIZE, 0xffff};

    WORD(ROM_FLASH_CHIP) = ROM_FLASH_CHIP_DATA;
    rom_memcpy((void *)ROM_FLASH_CHIP_DATA, &initial, sizeof initial);
    cache_off();
}

/// Each tear of a program: what the page holds afterwards. None sets a bit: a program that is cut short only clears
/// fewer, or others.
static void tear_program(uint8_t *at, const uint8_t *data, uint32_t length, uint8_t *page) {
    switch (MAILBOX->tear) {
    case BOARD_TEAR_SUBSET:
        for (uint32_t i = 0; i < length; i++) {
            at[i] &= data[i] | (uint8_t)random_word();
        }
        break;
    case BOARD_TEAR_HALF:
        for (uint32_t i = 0; i < length / 2; i++) {
            at[i] &= data[i];
        }
        break;
    case BOARD_TEAR_PAGE:
        for (uint32_t i = 0; i < PAGE_SIZE; i++) {
            page[i] &= (uint8_t)(random_word() >> 9);
        }
        break;
    case BOARD_TEAR_RANDOM:
        for (uint32_t i = 0; i < length; i++) {
            at[i] &= random_word() & 0x2000u ? data[i] : 0xff;
        }
        for (uint32_t i = 0; i < PAGE_SIZE; i++) {
            page[i] &= random_word() & 0x2000u ? (uint8_t)(random_word() >> 9) : 0xff;
        }
        break;
    default:
        break;
    }
}

static void tear_page_of_erase(uint8_t *page) {
    uint32_t fate = random_word() >> 13 & 3u;

    for (uint32_t i = 0; i < PAGE_SIZE && fate != 0; i++) {
        page[i] = fate == 1 ? 0xff : (uint8_t)(random_word() >> 9);
    }
}

static void tear_erase(uint8_t *at, uint32_t length) {
    uint32_t *words = (uint32_t *)(void *)at;

    switch (MAILBOX->tear) {
    case BOARD_TEAR_SUBSET:
        for (uint32_t i = 0; i < length / 4; i++) {
            words[i] |= random_word();
        }
        break;
    case BOARD_TEAR_HALF:
        rom_memset(at, 0xff, length / 2);
        break;
    case BOARD_TEAR_PAGE:
        for (uint32_t i = 0; i < length; i += PAGE_SIZE) {
            tear_page_of_erase(at + i);
        }
        break;
    case BOARD_TEAR_RANDOM:
        for (uint32_t i = 0; i < length / 4; i++) {
            words[i] = random_word();
        }
        break;
    default:
        break;
    }
}

static void note(uint32_t kind, uint32_t address, uint32_t length) {
    struct board_operation *noted = (struct board_operation *)BOARD_OPERATIONS + MAILBOX->operations;

    if (MAILBOX->operations < BOARD_OPERATIONS_MAX) {
        noted->instructions = MAILBOX->instructions;
        noted->address = address;
        noted->length = (uint16_t)length;
        noted->kind = (uint8_t)kind;
        noted->resets = (uint8_t)MAILBOX->resets;
    }
    MAILBOX->operations++;
    MAILBOX->programs += kind == BOARD_PROGRAM;
    MAILBOX->sector_erases += kind == BOARD_ERASE_SECTOR;
    MAILBOX->block_erases += kind == BOARD_ERASE_BLOCK;
}

static bool cut_now(void) {
    return MAILBOX->cut_at != 0 && MAILBOX->operations == MAILBOX->cut_at;
}

static void erase(uint32_t kind, uint32_t address, uint32_t length) {
    uint8_t *at = flash_at(address);

    note(kind, address, length == BLOCK_SIZE ? 0 : length);
    if (!cut_now() || MAILBOX->tear == BOARD_TEAR_AFTER) {
        rom_memset(at, 0xff, length);
    } else {
        tear_erase(at, length);
    }
    if (cut_now()) {
        finish(BOARD_CUT, kind == BOARD_ERASE_BLOCK ? "erase of block" : "erase of sector", address);
    }
}

/// Within one page.
static void program(uint32_t address, const uint8_t *data, uint32_t length) {
    uint8_t *at = flash_at(address);
    bool sets = false;

    note(BOARD_PROGRAM, address, length);
    if (!cut_now() || MAILBOX->tear == BOARD_TEAR_AFTER) {
        for (uint32_t i = 0; i < length; i++) {
            sets = sets || (data[i] & ~at[i]) != 0;
            at[i] &= data[i];
        }
        MAILBOX->overprograms += sets;
    } else {
        tear_program(at, data, length, flash_at(address & ~(PAGE_SIZE - 1)));
    }
    if (cut_now()) {
        finish(BOARD_CUT, "program of page", address & ~(PAGE_SIZE - 1));
    }
}

/// The cache and the ROM's flash functions share the one controller.
static void need_cache_off(struct rom_call *call) {
    if (cache_on) {
        finish(BOARD_FAULT, "the ROM's flash functions were called with the flash cache on, from", call->a0);
    }
}

/// SPIRead at 0x40004b1c: refuses what ends past the chip; copies whole words.
uint32_t rom_spi_read(struct rom_call *call) {
    uint32_t address = call->argument[0];
    uint8_t *to = (uint8_t *)(uintptr_t)call->argument[1];
    uint32_t length = call->argument[2];

    need_cache_off(call);
    if (call->argument[1] % 4 != 0) {
        finish(BOARD_FAULT, "SPIRead into a buffer that is not aligned to 4, at", call->argument[1]);
    }
    if (address + length > chip()->chip_size) {
        return 1;
    }
    for (length = (length + 3) & ~3u; length > 0;) {
        uint32_t offset = address % MAILBOX->flash_size;
        uint32_t part = MAILBOX->flash_size - offset < length ? MAILBOX->flash_size - offset : length;

        rom_memcpy(to, flash_at(address), part);
        address += part;
        to += part;
        length -= part;
    }
    return 0;
}

static void need_aligned_write(uint32_t address, uint32_t from, uint32_t length) {
    if (address % 4 != 0) {
        finish(BOARD_FAULT, "SPIWrite to an address that is not a multiple of 4:", address);
    }
    if (from % 4 != 0) {
        finish(BOARD_FAULT, "SPIWrite from a buffer that is not aligned to 4, at", from);
    }
    if (length % 4 != 0) {
        finish(BOARD_FAULT, "SPIWrite of a length that is not a multiple of 4:", length);
    }
    // Its counter of pages has 8 bits: it would never end.
    if (length > 256 * PAGE_SIZE) {
        finish(BOARD_FAULT, "SPIWrite of more pages than it can count; bytes:", length);
    }
}

/// SPIWrite at 0x40004a4c: splits at pages; refuses what ends past the chip.
uint32_t rom_spi_write(struct rom_call *call) {
    uint32_t address = call->argument[0];
    const uint8_t *from = (const uint8_t *)(uintptr_t)call->argument[1];
    uint32_t length = call->argument[2];

    need_cache_off(call);
    need_aligned_write(address, call->argument[1], length);
    if (address + length > chip()->chip_size) {
        return 1;
    }
    while (length > 0) {
        uint32_t room = PAGE_SIZE - address % PAGE_SIZE;
        uint32_t part = room < length ? room : length;

        program(address, from, part);
        address += part;
        from += part;
        length -= part;
    }
    watch_entry();
    return 0;
}

static uint32_t erase_sector(uint32_t sector) {
    if (sector >= chip()->chip_size / chip()->sector_size) {
        return 1;
    }
    erase(BOARD_ERASE_SECTOR, sector * SECTOR_SIZE, SECTOR_SIZE);
    return 0;
}

static uint32_t erase_block(uint32_t block) {
    if (block >= chip()->chip_size / chip()->block_size) {
        return 1;
    }
    erase(BOARD_ERASE_BLOCK, block * BLOCK_SIZE, BLOCK_SIZE);
    return 0;
}

uint32_t rom_spi_erase_sector(struct rom_call *call) {
    need_cache_off(call);
    return erase_sector(call->argument[0]);
}

uint32_t rom_spi_erase_block(struct rom_call *call) {
    need_cache_off(call);
    return erase_block(call->argument[0]);
}

/// SPIEraseArea at 0x40004b44. Its loop over blocks stops before the last whole one, which it erases by sectors; and
/// it never erases fewer sectors than lie before the next block when the area is at least that large.
uint32_t rom_spi_erase_area(struct rom_call *call) {
    uint32_t address = call->argument[0];
    uint32_t length = call->argument[1];
    uint32_t per_block = chip()->block_size / chip()->sector_size;
    uint32_t sector = address / chip()->sector_size;
    uint32_t count = (length + chip()->sector_size - 1) / chip()->sector_size;
    uint32_t head = per_block - sector % per_block;
    uint32_t failed = 0;

    need_cache_off(call);
    if (address + length > chip()->chip_size || address % chip()->sector_size != 0) {
        return 1;
    }
    status_register = 0;
    head = head < count ? head : count;
    count -= head;
    for (; head > 0 && failed == 0; head--) {
        failed = erase_sector(sector++);
    }
    for (; count > per_block && failed == 0; count -= per_block, sector += per_block) {
        failed = erase_block(sector / per_block);
    }
    for (; count > 0 && failed == 0; count--) {
        failed = erase_sector(sector++);
    }
    return failed;
}

uint32_t rom_spi_erase_chip(struct rom_call *call) {
    need_cache_off(call);
    for (uint32_t block = 0; block < MAILBOX->flash_size / BLOCK_SIZE; block++) {
        erase(BOARD_ERASE_BLOCK, block * BLOCK_SIZE, BLOCK_SIZE);
    }
    return 0;
}

/// SPIParamCfg at 0x40004c2c: takes the values as they are.
uint32_t rom_spi_param_cfg(struct rom_call *call) {
    *chip() = (struct flash_chip){call->argument[0], call->argument[1], call->argument[2],
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
