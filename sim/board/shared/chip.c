/*
 * The flash chip with its NOR rules, and the cut of its power.
 *
 * Operations are counted from power-on over all resets: each page that is programmed is one, each erase is one. The
 * chip ignores address bits beyond its size, so a smaller chip than the ROM believes in is seen repeated.
 */
#include "sim/board/shared/shared.h"

uint8_t *flash_at(uint32_t address) {
    return (uint8_t *)BOARD_FLASH + address % MAILBOX->flash_size;
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

void chip_erase(enum board_operation_kind kind, uint32_t address, uint32_t length) {
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

void chip_program(uint32_t address, const uint8_t *data, uint32_t length) {
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

void chip_read(uint32_t address, uint8_t *to, uint32_t length) {
    while (length > 0) {
        uint32_t offset = address % MAILBOX->flash_size;
        uint32_t part = MAILBOX->flash_size - offset < length ? MAILBOX->flash_size - offset : length;

        rom_memcpy(to, flash_at(address), part);
        address += part;
        to += part;
        length -= part;
    }
}
