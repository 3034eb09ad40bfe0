/*
 * Address plan of the ESP8266: who uses which memory between reset and the application's first instruction.
 *
 * Read by C, by the assembler and by the linker scripts, so it holds plain numbers only. Sources: the chip's memory
 * map and the boot ROM's code (main at 0x40000fec, the loader of segments at 0x40001308).
 *
 *     0x3ffe8000-0x3fffbfff  DRAM: installer's data, zeroed memory, its stack at the top; then the application's data
 *         0x3ffec000-0x3fff4fff  before that the stage's decoder
 *         0x3fff5000-0x3fffbfff  and the compressed installer
 *     0x3fffc000-0x3fffeb2f  the ROM's data
 *     0x3fffeb30-0x3fffffff  the ROM's stack, which the loader shares
 *     0x40100000-0x4010beff  IRAM: installer's code; then the application's code
 *     0x4010bf00-0x4010dfff  the stage, which unpacks the installer; entered at an address where no stock image is
 *     0x4010e000-0x4010efff  the loader
 *     0x4010f000-0x4010ffff  left to eboot and rBoot, which the loader starts as it starts any image
 */
#ifndef ONESLOT_ESP8266_MEMORY_H
#define ONESLOT_ESP8266_MEMORY_H

#define LOADER_START 0x4010e000
#define LOADER_END   0x4010f000
/* Header, one segment's header, code and the line that ends in the checksum: one sector in all. */
#define LOADER_CODE_MAX 4076

#define STACK_START 0x3fffeb30
#define STACK_END   0x40000000

#define DRAM_START 0x3ffe8000
#define DRAM_END   0x3fffc000
#define IRAM_START 0x40100000
#define IRAM_END   0x40110000

#define INSTALLER_CODE_START 0x40100000
#define INSTALLER_CODE_END   0x4010bf00
#define INSTALLER_DATA_START 0x3ffe8000
#define INSTALLER_STACK_SIZE 0x2000
#define INSTALLER_STACK_TOP  0x3fffc000

/* What the installer has with contents ends before the decoder, so that unpacking does not overwrite itself. */
#define STAGE_ENTRY      0x4010bf00
#define STAGE_END        0x4010e000
#define STAGE_DECODER    0x3ffec000
#define STAGE_PACKED     0x3fff5000
#define STAGE_PACKED_END 0x3fffc000

/* Where the ROM keeps the address that it enters (ets_set_user_start at 0x40000fbc). */
#define ROM_USER_START 0x3fffdcd0
/* Pointer to the ROM's description of the flash chip (spi_flash_attach, SPIParamCfg). */
#define ROM_FLASH_CHIP 0x3fffc714
/* The hardware watchdog's feed register and what is written to it (ets_wdt_disable at 0x400030f0). */
#define WATCHDOG_FEED_REGISTER 0x60000914
#define WATCHDOG_FEED_VALUE    0x73

#endif
