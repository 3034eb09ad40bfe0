/*
 * From reset to the program: what the ROM does from its reset vector to the call at 0x400010fd.
 */
#include "sim/esp8266/rom/rom.h"

#define P_NONE              0x4000dbf8u
#define C_WRAPPER           0x40000598u
#define UNHANDLED           0x4000dc44u
#define ROM_HANDLER         0x40001878u
#define SYSTEM_CALL         1u
#define SYSTEM_CALL_HANDLER 0x4000dbe4u
#define INTERRUPT           4u
#define INTERRUPT_HANDLER   0x4000048cu
#define ALLOCA              5u
#define ALLOCA_HANDLER      0x4000dbe0u
#define BUS_HANDLER         0x40000590u
#define ROM_HANDLER_9       0x400017e0u

#define IMAGE_MAGIC    0xe9u
#define CHECKSUM_START 0xefu
#define LINE           16u
#define IRAM           0x40100000u

#define RESET_NOW            0x80000000u
#define DEEP_SLEEP           5u
#define DEEP_SLEEP_STORE     0x00200000u
#define TICKS_OF_MICROSECOND 80u

void rom_reset(void) __attribute__((noreturn));

/// The tables of exception handlers, with those that the ROM sets before it enters the program.
static void reset_handlers(void) {
    for (uint32_t cause = 0; cause < 64; cause++) {
        WORD(ROM_HANDLERS + cause * 4) = UNHANDLED;
        WORD(ROM_HANDLERS + 0x100 + cause * 4) = P_NONE;
    }
    WORD(ROM_HANDLERS + SYSTEM_CALL * 4) = SYSTEM_CALL_HANDLER;
    WORD(ROM_HANDLERS + INTERRUPT * 4) = INTERRUPT_HANDLER;
    WORD(ROM_HANDLERS + ALLOCA * 4) = ALLOCA_HANDLER;
    for (uint32_t cause = 12; cause < 16; cause++) {
        WORD(ROM_HANDLERS + cause * 4) = BUS_HANDLER;
    }
    // 0, 2, 3, 8, 9, 28, 29.
    for (uint32_t cause = 0; cause < 32; cause++) {
        if ((0x3000030du >> cause & 1) != 0) {
            WORD(ROM_HANDLERS + cause * 4) = C_WRAPPER;
            WORD(ROM_HANDLERS + 0x100 + cause * 4) = cause == 9 ? ROM_HANDLER_9 : ROM_HANDLER;
        }
    }
}

/// The image as the ROM reads it: a line of 16 bytes at a time.
struct line {
    uint32_t at; ///< flash address
    uint32_t word[LINE / 4];
};

static uint32_t word_at(struct line *line, uint32_t offset) {
    if (offset / LINE * LINE != line->at) {
        line->at = offset / LINE * LINE;
        rom_spi_read(line->at, line->word, LINE);
    }
    return line->word[offset % LINE / 4];
}

static uint8_t byte_at(struct line *line, uint32_t offset) {
    return (uint8_t)(word_at(line, offset) >> offset % 4 * 8);
}

/// Words where both places allow it, else bytes, which IRAM does not take.
static uint8_t load_segment(struct line *line, uint32_t offset, uint32_t to, uint32_t length, uint8_t checksum) {
    bool words = (offset | to | length) % 4 == 0;
    while (length > 0) {
        uint32_t part = words ? 4 : 1;
        uint32_t value = words ? word_at(line, offset) : byte_at(line, offset);
        if (words) {
            WORD(to) = value;
        } else {
            *(volatile uint8_t *)(uintptr_t)to = (uint8_t)value;
        }
        value ^= value >> 16;
        checksum ^= (uint8_t)(value ^ value >> 8);
        offset += part;
        to += part;
        length -= part;
    }
    return checksum;
}

/// What the ROM tells of a segment's place in the lines.
static void tell_header(uint32_t header, bool first) {
    uint32_t room = LINE - header % LINE;
    if (!first && room < 8) {
        rom_printf("ho 0 tail %d room %d\n", (int)(header % LINE), (int)room);
    }
}

/// The image at flash 0. Returns its entry, 0 when there is none.
static uint32_t load(void) {
    struct line line = {.at = UINT32_MAX};
    uint32_t start = word_at(&line, 0);
    uint32_t entry = word_at(&line, 4);
    uint8_t checksum = CHECKSUM_START;
    uint32_t offset = 8;
    if ((uint8_t)start != IMAGE_MAGIC) {
        return 0;
    }
    rom_read_mode(start >> 16 & 0xff);
    for (uint32_t i = 0; i < (start >> 8 & 0xff); i++) {
        tell_header(offset, i == 0);
        uint32_t to = word_at(&line, offset);
        uint32_t length = word_at(&line, offset + 4);
        uint32_t room = i == 0 ? LINE : (LINE - (offset + 8) % LINE) % LINE;
        rom_printf("load 0x%08x, len %d, room %d \n", (unsigned)to, (int)length, (int)room);
        checksum = load_segment(&line, offset + 8, to, length, checksum);
        rom_printf("tail %d\n", length >= room ? (int)((length - room) % LINE) : 0);
        rom_printf("chksum 0x%02x\n", checksum);
        offset += 8 + length;
    }
    if (offset == 8) {
        return entry;
    }
    rom_printf("csum 0x%02x\n", checksum);
    if (byte_at(&line, offset | (LINE - 1)) != checksum) {
        rom_printf("csum err\n");
        return 0;
    }
    return entry;
}

static void set_up_peripherals(void) {
    static const struct rom_flash_chip chip = {0x001640ef, 0x400000, 0x10000, 0x1000, 0x100, 0xffff};
    WORD(ROM_TICKS) = TICKS_OF_MICROSECOND;
    WORD(ROM_WATCHDOG_MODE) = UINT32_MAX;
    WORD(ROM_WATCHDOG_MODE + 4) = 6;
    WORD(ROM_WATCHDOG_MODE + 8) = 12;
    WORD(ROM_FLASH_CHIP) = ROM_FLASH_CHIP_DATA;
    rom_memcpy((void *)ROM_FLASH_CHIP_DATA, &chip, sizeof chip);
    WORD(PIN_FUNCTION + 0x38) = 0x100;
    WORD(UART_DIVIDER) = 0x2b6; // 74880 baud by the crystal
    WORD(UART_CONTROL0) = 0x0c;
    WORD(UART_CONTROL1) = 0x01;
    WORD(UART_CLEAR) = 0xffff;
    WORD(UART_ENABLED) = 0x01;
}

/// Called by start.S on the ROM's stack, its data in place.
void rom_reset(void) {
    for (uint32_t at = ROM_BSS_START; at < ROM_BSS_END; at += 4) {
        WORD(at) = 0;
    }
    set_up_peripherals();
    reset_handlers();
    uint32_t cause = WORD(RTC_CAUSE) & 0xf;
    rom_printf("\n ets Jan  8 2013,rst cause:%d, boot mode:(%d,%d)\n\n", (int)cause, (int)(WORD(PINS) >> 16 & 7),
               (int)(WORD(PINS) >> 29));
    rom_flash_attach();
    uint32_t entry = load();
    if (entry == 0) {
        // The ROM means to print a line number too, and ends at an exception.
        rom_printf("ets_main.c ");
        for (;;) {
        }
    }
    WORD(ROM_USER_START) = entry;
    rom_enter(entry, cause);
}

/// The vectors lead here: there is no program whose exceptions the stand-in takes. The ROM prints much the same.
void rom_fatal(uint32_t cause, uint32_t pc, uint32_t address) __attribute__((noreturn));
void rom_fatal(uint32_t cause, uint32_t pc, uint32_t address) {
    rom_printf("Fatal exception (%d):\nepc1=0x%08x, excvaddr=0x%08x\n", (int)cause, (unsigned)pc, (unsigned)address);
    for (;;) {
    }
}

uint32_t rom_reset_reason(void);
uint32_t rom_reset_reason(void) {
    uint32_t cause = WORD(RTC_CAUSE) & 0xf;
    if (cause == DEEP_SLEEP) {
        uint32_t state = WORD(RTC_STATE) >> 8 & 63;
        cause = state == 1 ? 6 : state == 8 ? DEEP_SLEEP : 0;
    }
    WORD(RTC_STORE) &= ~DEEP_SLEEP_STORE;
    return cause;
}

void rom_software_reset(void);
void rom_software_reset(void) {
    WORD(RTC_CONTROL) |= RESET_NOW;
}

uint32_t rom_watchdog_off(void);
uint32_t rom_watchdog_off(void) {
    uint32_t before = WORD(ROM_WATCHDOG_MODE);
    WORD(WATCHDOG) &= ~1u;
    WORD(WATCHDOG_FEED) = 0x73;
    WORD(ROM_WATCHDOG_MODE) = 0;
    return before;
}

static uint32_t cycles(void) {
    uint32_t count;
    __asm__ volatile("rsr.ccount %0" : "=r"(count));
    return count;
}

void rom_delay(uint32_t microseconds);
void rom_delay(uint32_t microseconds) {
    uint32_t start = cycles();
    while (cycles() - start < microseconds * WORD(ROM_TICKS)) {
    }
}
