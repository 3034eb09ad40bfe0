/*
 * Power-on and reset, and what the boot ROM does then: main at 0x40000fec, its loading of sector 0 at 0x40001308.
 */
#include "board.h"

#define DRAM_START      0x3ffe8000u
#define DRAM_END        0x40000000u
#define IRAM_START      BOARD_IRAM
#define IRAM_END        (BOARD_IRAM + BOARD_IRAM_SIZE)
#define RTC_MEMORY      0x60001000u
#define RTC_MEMORY_END  0x60001400u
#define PERIPHERALS     0x60000000u
#define PERIPHERALS_END 0x60001000u

#define SET_EXCEPTION_HANDLER_LAST 8u
#define P_NONE                     0x4000dbf8u
#define C_WRAPPER                  0x40000598u
#define UNHANDLED                  0x4000dc44u
#define ROM_HANDLER_9              0x400017e0u
#define ROM_HANDLER                0x40001878u

uint32_t boot_cause;

void power_on(void) {
    random_seed(MAILBOX->seed);
    fill_random(DRAM_START, DRAM_END);
    fill_random(IRAM_START, IRAM_END);
    fill_random(RTC_MEMORY, RTC_MEMORY_END);
    reset(MAILBOX->reset_cause);
}

/// The ROM's tables of exception handlers, with those that main sets before it enters the program.
static void reset_handlers(void) {
    static const uint8_t own[] = {0, 2, 3, 8, 9, 28, 29};

    for (uint32_t i = 0; i < 64; i++) {
        WORD(ROM_HANDLERS + i * 4) = UNHANDLED;
        WORD(ROM_HANDLERS + 0x100 + i * 4) = P_NONE;
    }
    for (uint32_t i = 0; i < sizeof own; i++) {
        WORD(ROM_HANDLERS + own[i] * 4u) = C_WRAPPER;
        WORD(ROM_HANDLERS + 0x100 + own[i] * 4u) = own[i] == 9 ? ROM_HANDLER_9 : ROM_HANDLER;
    }
}

struct rom_image {
    uint32_t entry;
    uint8_t segments;
};

static uint32_t word_at(uint32_t address) {
    uint32_t word;

    rom_memcpy(&word, flash_at(address), sizeof word);
    return word;
}

static void dead(const char *reason) __attribute__((noreturn));
static void dead(const char *reason) {
    // What main prints before it spins: "%s %s \n" with a name and, in error, a number.
    console_rom("\nets_main.c 181 \n");
    finish(BOARD_DEAD, reason, 0);
}

/// Copies one segment as the ROM does: words where the place in the line allows, else bytes, and those fault in IRAM.
static uint8_t load_segment(uint32_t offset, uint32_t address, uint32_t length, uint8_t checksum) {
    uint32_t room = 16 - offset % 16;

    console_rom("load 0x%08x, len %d, room %d \n", address, length, room);
    if ((length % 4 != 0 || address % 4 != 0) && address >= IRAM_START) {
        finish(BOARD_FAULT, "boot ROM: a segment in IRAM whose length or address is no multiple of 4:", address);
    }
    if (length > MAILBOX->flash_size) {
        finish(BOARD_FAULT, "boot ROM: a segment longer than the flash at", address);
    }
    if (!(address >= DRAM_START && address + length <= ROM_HANDLERS + 0x4000u - 640u) &&
        !(address >= IRAM_START && address + length <= IRAM_END)) {
        finish(BOARD_FAULT, "boot ROM: a segment outside of the memory for programs:", address);
    }
    for (uint32_t i = 0; i < length; i++) {
        checksum ^= *flash_at(offset + i);
    }
    for (uint32_t i = 0; i + 4 <= length; i += 4) {
        uint32_t word = word_at(offset + i);

        rom_memcpy((void *)(uintptr_t)(address + i), &word, 4);
    }
    for (uint32_t i = length & ~3u; i < length; i++) {
        *(uint8_t *)(uintptr_t)(address + i) = *flash_at(offset + i);
    }
    console_rom("tail %d\n", length >= room ? (length - room) % 16 : 0);
    console_rom("chksum 0x%02x\n", checksum);
    return checksum;
}

/// The image at flash 0, by the ROM's rules.
static void load(void) {
    uint32_t offset = 8;
    uint8_t segments = *flash_at(1);
    uint8_t checksum = 0xef;

    if (*flash_at(0) != 0xe9) {
        dead("boot ROM: no image in sector 0");
    }
    for (uint8_t i = 0; i < segments; i++) {
        uint32_t address = word_at(offset);
        uint32_t length = word_at(offset + 4);

        checksum = load_segment(offset + 8, address, length, checksum);
        offset += 8 + length;
    }
    if (segments > 0) {
        console_rom("csum 0x%02x\n", checksum);
        if (*flash_at(offset | 15u) != checksum) {
            console_rom("csum err\n");
            dead("boot ROM: the checksum of the image in sector 0 is wrong");
        }
    }
    WORD(ROM_USER_START) = word_at(4);
}

/// What main leaves in the registers at 0x400010fd: the last call was _xtos_set_exception_handler(8, 0x40001878).
static void __attribute__((noreturn)) enter(void) {
    static struct board_registers registers;
    uint32_t entry = WORD(ROM_USER_START);

    registers.a[0] = 0x40001100;
    registers.a[1] = ROM_STACK - 16;
    registers.a[2] = entry;
    registers.a[3] = ROM_HANDLER;
    registers.a[4] = C_WRAPPER;
    registers.a[5] = ROM_HANDLERS + SET_EXCEPTION_HANDLER_LAST * 4;
    registers.a[6] = C_WRAPPER;
    registers.a[7] = ROM_HANDLER - P_NONE;
    registers.a[8] = ROM_HANDLERS;
    registers.a[9] = 0;
    registers.a[10] = 0;
    registers.a[11] = ROM_HANDLERS + 0x100 + SET_EXCEPTION_HANDLER_LAST * 4;
    registers.a[12] = ROM_HANDLER;
    registers.a[13] = boot_cause;
    registers.a[14] = 0;
    registers.a[15] = 0;
    registers.ps = 0x20;
    registers.sar = 0;
    watch_entry();
    enter_program(&registers);
}

void reset(uint32_t cause) {
    boot_cause = cause;
    watch_nothing();
    for (uint32_t at = PERIPHERALS; at < PERIPHERALS_END; at += 4) {
        WORD(at) = 0;
    }
    for (uint32_t at = ROM_BSS_START; at < ROM_BSS_END; at += 4) {
        WORD(at) = 0;
    }
    reset_handlers();
    flash_reset();
    console_flush();
    console_rom("\n ets Jan  8 2013,rst cause:%d, boot mode:(3,7)\n\n", cause);
    load();
    enter();
}
