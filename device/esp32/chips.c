#include "chips.h"

#include "oneslot/chip.h"

/*
 * Sources, all of ESP-IDF v5.2, checked against v4.4:
 *   ROM functions, flash_chip       components/esp_rom/CHIP/ld/CHIP.rom*.ld
 *   boot_loader                     components/bootloader/Kconfig.projbuild (CONFIG_BOOTLOADER_OFFSET_IN_FLASH)
 *   registers                       components/soc/CHIP/include/soc: reg_base.h with rtc_cntl_reg.h (lp_wdt_reg.h on
 * the C6 and H2), timer_group_reg.h, usb_serial_jtag_reg.h, spi_reg.h,
 *                                   efuse_reg.h keys of the watchdogs
 * components/hal/CHIP/include/hal: rwdt_ll.h or lpwdt_ll.h, mwdt_ll.h what the fields of eFuse mean
 * components/hal/CHIP: efuse_hal.c, include/hal/efuse_ll.h
 */

/// Opens a watchdog's registers for writing (RTC_CNTL_WDT_WKEY_VALUE, LP_WDT_WKEY_VALUE, TIMG_WDT_WKEY_VALUE).
#define WATCHDOG_KEY 0x50d83aa1u
/// The same for the super watchdog of the chips with RTC_CNTL (RTC_CNTL_SWD_WKEY_VALUE).
#define SUPER_KEY 0x8f1d312au
/// Feeds the RTC watchdog (RTC_CNTL_WDT_FEED, LP_WDT_FEED).
#define FEED 0x80000000u
/// The super watchdog feeds itself (RTC_CNTL_SWD_AUTO_FEED_EN, LP_WDT_SWD_AUTO_FEED_EN).
#define SUPER_AUTO_FEED    0x80000000u
#define SUPER_AUTO_FEED_LP 0x00040000u
/// All but TIMG_WDT_EN and TIMG_WDT_FLASHBOOT_MOD_EN.
#define TIMER_OFF 0x7fffbfffu
#define ALL       0xffffffffu

const struct chip chip_esp32 = {
    .number = ONESLOT_CHIP_ESP32,
    .rom =
        {
            .flash_read = 0x40062ed8,         // esp_rom_spiflash_read
            .flash_write = 0x40062d50,        // esp_rom_spiflash_write
            .flash_erase_sector = 0x40062ccc, // esp_rom_spiflash_erase_sector
            .flash_erase_block = 0x40062c4c,  // esp_rom_spiflash_erase_block
            .flash_config_param = 0x40063238, // esp_rom_spiflash_config_param
            .flash_config_clk = 0x40062bc8,   // esp_rom_spiflash_config_clk
            .cache_disable = {0x40009ab8, 0}, // Cache_Read_Disable
            .uart_tx_one_char = 0x40009200,   // uart_tx_one_char
            .delay_us = 0x40008534,           // ets_delay_us
            .software_reset = 0x4000824c,     // software_reset
        },
    .flash_chip = 0x3ffae270, // g_rom_flashchip
    .flash_chip_indirect = false,
    .boot_loader = 0x1000,
    .watchdogs =
        {
            {0x3ff5f064, 0, WATCHDOG_KEY}, // TIMG_WDTWPROTECT
            {0x3ff5f048, TIMER_OFF, 0},    // TIMG_WDTCONFIG0
            {0x3ff5f064, 0, 0},
        },
    .feed =
        {
            {0x3ff480a4, 0, WATCHDOG_KEY}, // RTC_CNTL_WDTWPROTECT
            {0x3ff480a0, 0, FEED},         // RTC_CNTL_WDTFEED
            {0x3ff480a4, 0, 0},
        },
    // The ROM's write puts the data into SPI1's buffer and then polls the chip's status, which overwrites the first
    // word when reads have extra dummy cycles. At 20 MHz there are none (bootloader_flash_config_esp32.c,
    // bootloader_flash_dummy_config).
    .flash_setup =
        {
            {0x3ff4201c, ALL, 0x80000000}, // SPI_USER of SPI1: SPI_USR_COMMAND, which a reset sets
            {0x3ffae290, 0xffff00ff, 0},   // g_rom_spiflash_dummy_len_plus[1]
        },
    .usb_serial = 0,
    .crypt_count = {0x3ff5a000, 20, 7}, // EFUSE_RD_FLASH_CRYPT_CNT
    .major = {{0x3ff5a00c, 15, 1},
              {0x3ff5a014, 20, 1},
              {0x3ff6607c, 31, 1}},    // CHIP_VER_REV1, CHIP_VER_REV2, SYSCON_DATE
    .minor_low = {0x3ff5a014, 24, 2},  // EFUSE_RD_WAFER_VERSION_MINOR
    .secure_boot = {0x3ff5a018, 5, 1}, // EFUSE_RD_ABS_DONE_1
};

const struct chip chip_esp32s2 = {
    .number = ONESLOT_CHIP_ESP32S2,
    .rom =
        {
            .flash_read = 0x4001728c,                  // esp_rom_spiflash_read
            .flash_write = 0x400171cc,                 // esp_rom_spiflash_write
            .flash_erase_sector = 0x4001716c,          // esp_rom_spiflash_erase_sector
            .flash_erase_block = 0x4001710c,           // esp_rom_spiflash_erase_block
            .flash_config_param = 0x40017500,          // esp_rom_spiflash_config_param
            .cache_disable = {0x40018c2c, 0x40018c68}, // Cache_Disable_ICache, Cache_Disable_DCache
            .uart_tx_one_char = 0x40012b10,            // uart_tx_one_char
            .delay_us = 0x4000d888,                    // ets_delay_us
            .software_reset = 0x40010068,              // software_reset
        },
    .flash_chip = 0x3ffffd3c, // g_rom_flashchip
    .flash_chip_indirect = false,
    .boot_loader = 0x1000,
    .watchdogs =
        {
            {0x3f41f064, 0, WATCHDOG_KEY}, // TIMG_WDTWPROTECT
            {0x3f41f048, TIMER_OFF, 0},    // TIMG_WDTCONFIG0
            {0x3f41f064, 0, 0},
            {0x3f4080b4, 0, SUPER_KEY},         // RTC_CNTL_SWD_WPROTECT
            {0x3f4080b0, ALL, SUPER_AUTO_FEED}, // RTC_CNTL_SWD_CONF
            {0x3f4080b4, 0, 0},
        },
    .feed =
        {
            {0x3f4080ac, 0, WATCHDOG_KEY}, // RTC_CNTL_WDTWPROTECT
            {0x3f4080a8, 0, FEED},         // RTC_CNTL_WDTFEED
            {0x3f4080ac, 0, 0},
        },
    .usb_serial = 0,
    .crypt_count = {0x3f41a034, 18, 3},                         // EFUSE_SPI_BOOT_CRYPT_CNT
    .major = {{0x3f41a050, 18, 2}},                             // EFUSE_WAFER_VERSION_MAJOR
    .minor_low = {0x3f41a054, 4, 3},                            // EFUSE_WAFER_VERSION_MINOR_LO
    .minor_high = {0x3f41a050, 20, 1},                          // EFUSE_WAFER_VERSION_MINOR_HI
    .block_version = {{0x3f41a050, 25, 2}, {0x3f41a06c, 4, 3}}, // EFUSE_BLK_VERSION_MAJOR, EFUSE_BLK_VERSION_MINOR
    .any_revision = {0x3f41a040, 0, 1},                         // EFUSE_DISABLE_WAFER_VERSION_MAJOR
    .any_block = {0x3f41a040, 1, 1},                            // EFUSE_DISABLE_BLK_VERSION_MAJOR
    .secure_boot = {0x3f41a038, 20, 1},                         // EFUSE_SECURE_BOOT_EN
};

const struct chip chip_esp32s3 = {
    .number = ONESLOT_CHIP_ESP32S3,
    .rom =
        {
            .flash_read = 0x40000a20,                  // esp_rom_spiflash_read
            .flash_write = 0x40000a14,                 // esp_rom_spiflash_write
            .flash_erase_sector = 0x400009fc,          // esp_rom_spiflash_erase_sector
            .flash_erase_block = 0x40000a08,           // esp_rom_spiflash_erase_block
            .flash_config_param = 0x40000a50,          // esp_rom_spiflash_config_param
            .cache_disable = {0x4000186c, 0x40001884}, // Cache_Disable_ICache, Cache_Disable_DCache
            .uart_tx_one_char = 0x40000648,            // uart_tx_one_char
            .delay_us = 0x40000600,                    // ets_delay_us
            .software_reset = 0x400006d8,              // software_reset
        },
    .flash_chip = 0x3fceffe4, // rom_spiflash_legacy_data
    .flash_chip_indirect = true,
    .boot_loader = 0,
    .watchdogs =
        {
            {0x6001f064, 0, WATCHDOG_KEY}, // TIMG_WDTWPROTECT
            {0x6001f048, TIMER_OFF, 0},    // TIMG_WDTCONFIG0
            {0x6001f064, 0, 0},
            {0x600080b8, 0, SUPER_KEY},         // RTC_CNTL_SWD_WPROTECT
            {0x600080b4, ALL, SUPER_AUTO_FEED}, // RTC_CNTL_SWD_CONF
            {0x600080b8, 0, 0},
        },
    .feed =
        {
            {0x600080b0, 0, WATCHDOG_KEY}, // RTC_CNTL_WDTWPROTECT
            {0x600080ac, 0, FEED},         // RTC_CNTL_WDTFEED
            {0x600080b0, 0, 0},
        },
    .usb_serial = 0x60038000,                                   // DR_REG_USB_SERIAL_JTAG_BASE
    .crypt_count = {0x60007034, 18, 3},                         // EFUSE_SPI_BOOT_CRYPT_CNT
    .major = {{0x60007058, 24, 2}},                             // EFUSE_WAFER_VERSION_MAJOR
    .minor_low = {0x60007050, 18, 3},                           // EFUSE_WAFER_VERSION_MINOR_LO
    .minor_high = {0x60007058, 23, 1},                          // EFUSE_WAFER_VERSION_MINOR_HI
    .block_version = {{0x6000706c, 0, 2}, {0x60007050, 24, 3}}, // EFUSE_BLK_VERSION_MAJOR, EFUSE_BLK_VERSION_MINOR
    .any_revision = {0x60007040, 0, 1},                         // EFUSE_DISABLE_WAFER_VERSION_MAJOR
    .any_block = {0x60007040, 1, 1},                            // EFUSE_DISABLE_BLK_VERSION_MAJOR
    .secure_boot = {0x60007038, 20, 1},                         // EFUSE_SECURE_BOOT_EN
    .block_tells_v0 = true,
};

const struct chip chip_esp32c3 = {
    .number = ONESLOT_CHIP_ESP32C3,
    .rom =
        {
            .flash_read = 0x40000130,         // esp_rom_spiflash_read
            .flash_write = 0x4000012c,        // esp_rom_spiflash_write
            .flash_erase_sector = 0x40000128, // esp_rom_spiflash_erase_sector
            .flash_erase_block = 0x40000124,  // esp_rom_spiflash_erase_block
            .flash_config_param = 0x40000134, // esp_rom_spiflash_config_param
            .cache_disable = {0x4000051c, 0}, // Cache_Disable_ICache
            .uart_tx_one_char = 0x40000068,   // uart_tx_one_char
            .delay_us = 0x40000050,           // ets_delay_us
            .software_reset = 0x40000090,     // software_reset
        },
    .flash_chip = 0x3fcdfff0, // rom_spiflash_legacy_data
    .flash_chip_indirect = true,
    .boot_loader = 0,
    .watchdogs =
        {
            {0x6001f064, 0, WATCHDOG_KEY}, // TIMG_WDTWPROTECT
            {0x6001f048, TIMER_OFF, 0},    // TIMG_WDTCONFIG0
            {0x6001f064, 0, 0},
            {0x600080b0, 0, SUPER_KEY},         // RTC_CNTL_SWD_WPROTECT
            {0x600080ac, ALL, SUPER_AUTO_FEED}, // RTC_CNTL_SWD_CONF
            {0x600080b0, 0, 0},
        },
    .feed =
        {
            {0x600080a8, 0, WATCHDOG_KEY}, // RTC_CNTL_WDTWPROTECT
            {0x600080a4, 0, FEED},         // RTC_CNTL_WDTFEED
            {0x600080a8, 0, 0},
        },
    .usb_serial = 0x60043000,                                   // DR_REG_USB_SERIAL_JTAG_BASE
    .crypt_count = {0x60008834, 18, 3},                         // EFUSE_SPI_BOOT_CRYPT_CNT
    .major = {{0x60008858, 24, 2}},                             // EFUSE_WAFER_VERSION_MAJOR
    .minor_low = {0x60008850, 18, 3},                           // EFUSE_WAFER_VERSION_MINOR_LO
    .minor_high = {0x60008858, 23, 1},                          // EFUSE_WAFER_VERSION_MINOR_HI
    .block_version = {{0x6000886c, 0, 2}, {0x60008850, 24, 3}}, // EFUSE_BLK_VERSION_MAJOR, EFUSE_BLK_VERSION_MINOR
    .any_revision = {0x60008840, 0, 1},                         // EFUSE_DISABLE_WAFER_VERSION_MAJOR
    .any_block = {0x60008840, 1, 1},                            // EFUSE_DISABLE_BLK_VERSION_MAJOR
    .secure_boot = {0x60008838, 20, 1},                         // EFUSE_SECURE_BOOT_EN
};

const struct chip chip_esp32c2 = {
    .number = ONESLOT_CHIP_ESP32C2,
    .rom =
        {
            .flash_read = 0x4000013c,         // esp_rom_spiflash_read
            .flash_write = 0x40000138,        // esp_rom_spiflash_write
            .flash_erase_sector = 0x40000130, // esp_rom_spiflash_erase_sector
            .flash_erase_block = 0x40000134,  // esp_rom_spiflash_erase_block
            .flash_config_param = 0x4000014c, // esp_rom_spiflash_config_param
            .cache_disable = {0x4000071c, 0}, // Cache_Disable_ICache
            .uart_tx_one_char = 0x40000058,   // uart_tx_one_char
            .delay_us = 0x40000044,           // ets_delay_us
            .software_reset = 0x40000088,     // software_reset
        },
    .flash_chip = 0x3fcdfff0, // rom_spiflash_legacy_data
    .flash_chip_indirect = true,
    .boot_loader = 0,
    .watchdogs =
        {
            {0x6001f064, 0, WATCHDOG_KEY}, // TIMG_WDTWPROTECT
            {0x6001f048, TIMER_OFF, 0},    // TIMG_WDTCONFIG0
            {0x6001f064, 0, 0},
            {0x600080a4, 0, SUPER_KEY},         // RTC_CNTL_SWD_WPROTECT
            {0x600080a0, ALL, SUPER_AUTO_FEED}, // RTC_CNTL_SWD_CONF
            {0x600080a4, 0, 0},
        },
    .feed =
        {
            {0x6000809c, 0, WATCHDOG_KEY}, // RTC_CNTL_WDTWPROTECT
            {0x60008098, 0, FEED},         // RTC_CNTL_WDTFEED
            {0x6000809c, 0, 0},
        },
    .usb_serial = 0,
    .crypt_count = {0x60008830, 7, 3},                           // EFUSE_SPI_BOOT_CRYPT_CNT
    .major = {{0x60008844, 20, 2}},                              // EFUSE_WAFER_VERSION_MAJOR
    .minor_low = {0x60008844, 16, 4},                            // EFUSE_WAFER_VERSION_MINOR
    .block_version = {{0x60008844, 28, 2}, {0x60008844, 25, 3}}, // EFUSE_BLK_VERSION_MAJOR, EFUSE_BLK_VERSION_MINOR
    .any_revision = {0x60008830, 27, 1},                         // EFUSE_DISABLE_WAFER_VERSION_MAJOR
    .any_block = {0x60008830, 28, 1},                            // EFUSE_DISABLE_BLK_VERSION_MAJOR
    .secure_boot = {0x60008830, 21, 1},                          // EFUSE_SECURE_BOOT_EN
};

const struct chip chip_esp32c6 = {
    .number = ONESLOT_CHIP_ESP32C6,
    .rom =
        {
            .flash_read = 0x40000150,         // esp_rom_spiflash_read
            .flash_write = 0x4000014c,        // esp_rom_spiflash_write
            .flash_erase_sector = 0x40000144, // esp_rom_spiflash_erase_sector
            .flash_erase_block = 0x40000148,  // esp_rom_spiflash_erase_block
            .flash_config_param = 0x40000160, // esp_rom_spiflash_config_param
            .cache_disable = {0x40000690, 0}, // Cache_Disable_ICache
            .uart_tx_one_char = 0x40000058,   // uart_tx_one_char
            .delay_us = 0x40000040,           // ets_delay_us
            .software_reset = 0x40000090,     // software_reset
        },
    .flash_chip = 0x4087ffec, // rom_spiflash_legacy_data
    .flash_chip_indirect = true,
    .boot_loader = 0,
    .watchdogs =
        {
            {0x60008064, 0, WATCHDOG_KEY}, // TIMG_WDTWPROTECT
            {0x60008048, TIMER_OFF, 0},    // TIMG_WDTCONFIG0
            {0x60008064, 0, 0},
            {0x600b1c20, 0, WATCHDOG_KEY},         // LP_WDT_SWD_WPROTECT
            {0x600b1c1c, ALL, SUPER_AUTO_FEED_LP}, // LP_WDT_SWD_CONFIG
            {0x600b1c20, 0, 0},
        },
    .feed =
        {
            {0x600b1c18, 0, WATCHDOG_KEY}, // LP_WDT_WPROTECT
            {0x600b1c14, 0, FEED},         // LP_WDT_FEED
            {0x600b1c18, 0, 0},
        },
    .usb_serial = 0x6000f000,                                    // DR_REG_USB_SERIAL_JTAG_BASE
    .crypt_count = {0x600b0834, 18, 3},                          // EFUSE_SPI_BOOT_CRYPT_CNT
    .major = {{0x600b0850, 22, 2}},                              // EFUSE_WAFER_VERSION_MAJOR
    .minor_low = {0x600b0850, 18, 4},                            // EFUSE_WAFER_VERSION_MINOR
    .block_version = {{0x600b0850, 30, 2}, {0x600b0850, 27, 3}}, // EFUSE_BLK_VERSION_MAJOR, EFUSE_BLK_VERSION_MINOR
    .any_revision = {0x600b0840, 0, 1},                          // EFUSE_DISABLE_WAFER_VERSION_MAJOR
    .any_block = {0x600b0840, 1, 1},                             // EFUSE_DISABLE_BLK_VERSION_MAJOR
    .secure_boot = {0x600b0838, 20, 1},                          // EFUSE_SECURE_BOOT_EN
};

const struct chip chip_esp32h2 = {
    .number = ONESLOT_CHIP_ESP32H2,
    .rom =
        {
            .flash_read = 0x40000148,         // esp_rom_spiflash_read
            .flash_write = 0x40000144,        // esp_rom_spiflash_write
            .flash_erase_sector = 0x4000013c, // esp_rom_spiflash_erase_sector
            .flash_erase_block = 0x40000140,  // esp_rom_spiflash_erase_block
            .flash_config_param = 0x40000158, // esp_rom_spiflash_config_param
            .cache_disable = {0x40000664, 0}, // Cache_Disable_ICache
            .uart_tx_one_char = 0x40000058,   // uart_tx_one_char
            .delay_us = 0x40000040,           // ets_delay_us
            .software_reset = 0x40000090,     // software_reset
        },
    .flash_chip = 0x4084ffec, // rom_spiflash_legacy_data
    .flash_chip_indirect = true,
    .boot_loader = 0,
    .watchdogs =
        {
            {0x60009064, 0, WATCHDOG_KEY}, // TIMG_WDTWPROTECT
            {0x60009048, TIMER_OFF, 0},    // TIMG_WDTCONFIG0
            {0x60009064, 0, 0},
            {0x600b1c24, 0, WATCHDOG_KEY},         // LP_WDT_SWD_WPROTECT
            {0x600b1c20, ALL, SUPER_AUTO_FEED_LP}, // LP_WDT_SWD_CONFIG
            {0x600b1c24, 0, 0},
        },
    .feed =
        {
            {0x600b1c1c, 0, WATCHDOG_KEY}, // LP_WDT_WPROTECT
            {0x600b1c18, 0, FEED},         // LP_WDT_FEED
            {0x600b1c1c, 0, 0},
        },
    .usb_serial = 0x6000f000,                                  // DR_REG_USB_SERIAL_JTAG_BASE
    .crypt_count = {0x600b0834, 18, 3},                        // EFUSE_SPI_BOOT_CRYPT_CNT
    .major = {{0x600b0850, 21, 2}},                            // EFUSE_WAFER_VERSION_MAJOR
    .minor_low = {0x600b0850, 18, 3},                          // EFUSE_WAFER_VERSION_MINOR
    .block_version = {{0x600b086c, 5, 2}, {0x600b086c, 2, 3}}, // EFUSE_BLK_VERSION_MAJOR, EFUSE_BLK_VERSION_MINOR
    .any_revision = {0x600b0850, 23, 1},                       // EFUSE_DISABLE_WAFER_VERSION_MAJOR
    .any_block = {0x600b086c, 7, 1},                           // EFUSE_DISABLE_BLK_VERSION_MAJOR
    .secure_boot = {0x600b0838, 20, 1},                        // EFUSE_SECURE_BOOT_EN
};
