/*
 * Time, and the RTC watchdog.
 *
 * A program's time is its instructions, one a cycle of the clock that the boot loader leaves, and what it waits for:
 * typical times of the flash (W25Q32 data sheet) and ets_delay_us. The watchdog's registers are plain memory here, so
 * the board looks at them whenever a ROM function is called.
 */
#include "sim/board/esp32/board.h"

#define SECTOR_ERASE_US 45000u
#define BLOCK_ERASE_US  150000u
#define PROGRAM_US      700u

/// What the boot loader sets (ESP-IDF: bootloader_support, bootloader_init.c, CONFIG_BOOTLOADER_WDT_TIME_MS).
#define WATCHDOG_US     9000000u
#define WATCHDOG_ENABLE 0x80000000u
/* Enabled, stage 0 resets the RTC domain. */
#define WATCHDOG_CONFIG 0xc0000000u
#define WATCHDOG_FEED   0x80000000u
/* Anything but the key locks. The boot loader writes 0; this tells a program that never unlocked. */
#define WATCHDOG_LOCKED 1u

static uint64_t fed_at;

uint64_t clock_us(void) {
    return MAILBOX->instructions / chip->cpu_mhz + MAILBOX->delay_us +
           (uint64_t)MAILBOX->sector_erases * SECTOR_ERASE_US + (uint64_t)MAILBOX->block_erases * BLOCK_ERASE_US +
           (uint64_t)MAILBOX->programs * PROGRAM_US;
}

void watchdog_start(void) {
    WORD(chip->watchdog_config) = WATCHDOG_CONFIG;
    WORD(chip->watchdog_protect) = WATCHDOG_LOCKED;
    WORD(chip->watchdog_feed) = 0;
    fed_at = clock_us();
}

static void take_registers(void) {
    if (WORD(chip->watchdog_protect) == WATCHDOG_LOCKED) {
        // The program has not unlocked them: what it wrote is lost.
        WORD(chip->watchdog_config) = WATCHDOG_CONFIG;
    } else if ((WORD(chip->watchdog_feed) & WATCHDOG_FEED) != 0) {
        fed_at = clock_us();
    }
    WORD(chip->watchdog_feed) = 0;
}

void watchdog_look(void) {
    take_registers();
    if ((WORD(chip->watchdog_config) & WATCHDOG_ENABLE) != 0 && clock_us() - fed_at > WATCHDOG_US) {
        MAILBOX->resets++;
        MAILBOX->watchdog_resets++;
        reset(RESET_WATCHDOG);
    }
}
