/*
 * The chips, from ESP-IDF (tags v4.4.8 and v5.2.2):
 * - ram, drom, irom: components/soc/CHIP/include/soc/soc.h; mmu_mask: soc/ext_mem_defs.h (SOC_MMU_VADDR_MASK);
 * - load, stack: components/bootloader_support/src/esp_image_format.c (verify_load_addresses) with
 *   components/bootloader/subproject/main/ld/CHIP/bootloader.ld, what is free under all versions of 4.x and 5.x;
 * - flash_chip: components/esp_rom/CHIP/ld/CHIP.rom*.ld (g_rom_flashchip, rom_spiflash_legacy_data);
 * - efuse: components/hal/CHIP/efuse_hal.c, include/hal/efuse_ll.h;
 * - watchdog: components/soc/CHIP/include/soc/rtc_cntl_reg.h, lp_wdt_reg.h.
 */
#include "sim/board/esp32/board.h"

static const struct chip chips[CHIPS] = {
    {
        .number = 0,
        .name = "ESP32",
        .revision = 301,
        .efuse = {{0x3ff5a00c, 0x00008000}, {0x3ff5a014, 0x01100000}, {0x3ff6607c, 0x80000000}},
        .cpu_mhz = 80,
        .boot_loader = 0x1000,
        .ram = {{0x40080000, 0x400a0000},
                {0x3ffae000, 0x40000000},
                {0x400c0000, 0x400c2000},
                {0x3ff80000, 0x3ff82000},
                {0x50000000, 0x50002000}},
        .load = {{0x40080400, 0x400a0000}, {0x3ffb0000, 0x3ffdb000}},
        .drom = {0x3f400000, 0x3f800000},
        .irom = {0x400d0000, 0x40400000},
        .peripherals = {{0x3ff00000, 0x3ff80000}, {0x60000000, 0x60040000}},
        .stack = 0x3ffe3d00,
        .flash_chip = 0x3ffae270,
        .watchdog_config = 0x3ff4808c,
        .watchdog_feed = 0x3ff480a0,
        .watchdog_protect = 0x3ff480a4,
    },
    {
        .number = 2,
        .name = "ESP32-S2",
        .revision = 100,
        .efuse = {{0x3f41a050, 1u << 18}},
        .cpu_mhz = 80,
        .boot_loader = 0x1000,
        .ram = {{0x3ffb0000, 0x40000000}, {0x40020000, 0x40070000}, {0x50000000, 0x50002000}},
        .load = {{0x3ffb8000, 0x3ffda000}, {0x40028000, 0x4004a000}},
        .drom = {0x3f000000, 0x3f400000},
        .irom = {0x40080000, 0x40800000},
        .peripherals = {{0x3f400000, 0x3f500000}, {0x60000000, 0x60040000}},
        .stack = 0x3fffe500,
        .flash_chip = 0x3ffffd3c,
        .watchdog_config = 0x3f408094,
        .watchdog_feed = 0x3f4080a8,
        .watchdog_protect = 0x3f4080ac,
    },
    {
        .number = 9,
        .name = "ESP32-S3",
        .revision = 2,
        .efuse = {{0x60007050, 2u << 18}},
        .cpu_mhz = 80,
        .boot_loader = 0,
        .ram = {{0x3fc88000, 0x3fd00000}, {0x40370000, 0x403e0000}, {0x50000000, 0x50002000}},
        .load = {{0x3fc88000, 0x3fcdb700}, {0x40378000, 0x403cb700}},
        .drom = {0x3c000000, 0x3e000000},
        .irom = {0x42000000, 0x44000000},
        .mmu_mask = 0x01ffffff,
        .peripherals = {{0x60000000, 0x600d0000}},
        .stack = 0x3fceb500,
        .flash_chip = 0x3fcefd00,
        .flash_chip_pointer = 0x3fceffe4,
        .watchdog_config = 0x60008098,
        .watchdog_feed = 0x600080ac,
        .watchdog_protect = 0x600080b0,
    },
    {
        .number = 5,
        .name = "ESP32-C3",
        .revision = 4,
        .efuse = {{0x60008850, 4u << 18}},
        .cpu_mhz = 80,
        .boot_loader = 0,
        .ram = {{0x3fc80000, 0x3fce0000}, {0x4037c000, 0x403e0000}, {0x50000000, 0x50002000}},
        .load = {{0x3fc80000, 0x3fcce710}, {0x40380000, 0x403ce710}},
        .drom = {0x3c000000, 0x3c800000},
        .irom = {0x42000000, 0x42800000},
        .mmu_mask = 0x007fffff,
        .peripherals = {{0x60000000, 0x600d0000}},
        .stack = 0x3fcde500,
        .flash_chip = 0x3fcdfd00,
        .flash_chip_pointer = 0x3fcdfff0,
        .watchdog_config = 0x60008090,
        .watchdog_feed = 0x600080a4,
        .watchdog_protect = 0x600080a8,
    },
    {
        .number = 12,
        .name = "ESP32-C2",
        .revision = 100,
        .efuse = {{0x60008844, 1u << 20}},
        .cpu_mhz = 80,
        .boot_loader = 0,
        .ram = {{0x3fca0000, 0x3fce0000}, {0x4037c000, 0x403c0000}, {0x50000000, 0x50002000}},
        .load = {{0x3fca0000, 0x3fcceb70}, {0x40380000, 0x403aeb70}},
        .drom = {0x3c000000, 0x3c400000},
        .irom = {0x42000000, 0x42400000},
        .mmu_mask = 0x003fffff,
        .peripherals = {{0x60000000, 0x600d0000}},
        .stack = 0x3fcde500,
        .flash_chip = 0x3fcdfd00,
        .flash_chip_pointer = 0x3fcdfff0,
        .watchdog_config = 0x60008084,
        .watchdog_feed = 0x60008098,
        .watchdog_protect = 0x6000809c,
    },
    {
        .number = 13,
        .name = "ESP32-C6",
        .revision = 2,
        .efuse = {{0x600b0850, 2u << 18}},
        .cpu_mhz = 80,
        .boot_loader = 0,
        .ram = {{0x40800000, 0x40880000}, {0x50000000, 0x50004000}},
        .load = {{0x40800000, 0x4086e610}},
        .drom = {0x42000000, 0x43000000},
        .irom = {0x42000000, 0x43000000},
        .mmu_mask = 0x00ffffff,
        .peripherals = {{0x60000000, 0x600d0000}},
        .stack = 0x4087e400,
        .flash_chip = 0x4087fd00,
        .flash_chip_pointer = 0x4087ffec,
        .watchdog_config = 0x600b1c00,
        .watchdog_feed = 0x600b1c14,
        .watchdog_protect = 0x600b1c18,
    },
    {
        .number = 16,
        .name = "ESP32-H2",
        .revision = 2,
        .efuse = {{0x600b0850, 2u << 18}},
        .cpu_mhz = 64,
        .boot_loader = 0,
        .ram = {{0x40800000, 0x40850000}, {0x50000000, 0x50004000}},
        .load = {{0x40800000, 0x4083efd0}},
        .drom = {0x42000000, 0x43000000},
        .irom = {0x42000000, 0x43000000},
        .mmu_mask = 0x00ffffff,
        .peripherals = {{0x60000000, 0x600d0000}},
        .stack = 0x4084f200,
        .flash_chip = 0x4084fd00,
        .flash_chip_pointer = 0x4084ffec,
        .watchdog_config = 0x600b1c00,
        .watchdog_feed = 0x600b1c18,
        .watchdog_protect = 0x600b1c1c,
    },
};

const struct chip *chip;
uint32_t chip_index;

void chip_select(void) {
    while (chip_index < CHIPS && chips[chip_index].number != MAILBOX->chip) {
        chip_index++;
    }
    if (chip_index == CHIPS) {
        finish(BOARD_FAULT, "the board does not know the chip with the number", MAILBOX->chip);
    }
    chip = &chips[chip_index];
}
