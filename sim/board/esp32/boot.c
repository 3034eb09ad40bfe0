/*
 * Power-on and reset: what the boot ROM leaves to the second-stage boot loader.
 */
#include "sim/board/esp32/board.h"

#define HEADER_SIZE_BYTE 3u
#define MEGABYTE         0x100000u

uint32_t boot_reason;

void board_main(void) {
    chip_select();
    random_seed(MAILBOX->seed);
    for (uint32_t i = 0; i < CHIP_RANGES; i++) {
        fill_random(chip->ram[i].from, chip->ram[i].to);
    }
    rom_install();
    reset(MAILBOX->reset_cause != 0 ? MAILBOX->reset_cause : RESET_POWER_ON);
}

static uint32_t log2_of(uint32_t number) {
    uint32_t log = 0;

    while (number >>= 1) {
        log++;
    }
    return log;
}

/// The boot loader describes the chip by its own header's size, whatever the chip is (bootloader_init.c,
/// update_flash_config): 1, 2, 4, 8 or 16 MB, and 2 MB for what it does not know.
static void describe_flash(void) {
    uint32_t nibble = *flash_at(chip->boot_loader + HEADER_SIZE_BYTE) >> 4;
    uint32_t size = (nibble <= 4 ? 1u << nibble : 2u) * MEGABYTE;
    uint32_t id = 0xef4000u | log2_of(MAILBOX->flash_size);

    if (chip->flash_chip_pointer != 0) {
        WORD(chip->flash_chip_pointer) = chip->flash_chip;
    }
    *flash_chip() = (struct flash_chip){id, size, BLOCK_SIZE, SECTOR_SIZE, PAGE_SIZE, 0xffff};
}

static const char *reason_text(enum reset_reason reason) {
    switch (reason) {
    case RESET_POWER_ON:
        return "POWERON_RESET";
    case RESET_SOFTWARE:
        return "SW_RESET";
    case RESET_SOFTWARE_CPU:
        return "SW_CPU_RESET";
    case RESET_WATCHDOG:
        return "RTCWDT_RTC_RESET";
    default:
        return "RESET";
    }
}

void reset(enum reset_reason reason) {
    boot_reason = reason;
    for (uint32_t i = 0; i < sizeof chip->peripherals / sizeof chip->peripherals[0]; i++) {
        rom_memset((void *)(uintptr_t)chip->peripherals[i].from, 0,
                   chip->peripherals[i].to - chip->peripherals[i].from);
    }
    for (uint32_t i = 0; i < CHIP_EFUSES && chip->efuse[i].address != 0; i++) {
        WORD(chip->efuse[i].address) = chip->efuse[i].value;
    }
    console_flush();
    console_rom("%s ROM: rst:0x%x (%s)\n", chip->name, (uint32_t)reason, reason_text(reason));
    describe_flash();
    watchdog_start();
    boot_loader_run();
}

void program_returned(void) {
    finish(BOARD_FAULT, "the program returned to the boot loader", 0);
}
