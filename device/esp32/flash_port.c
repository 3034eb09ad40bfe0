#include "flash_port.h"

#include "registers.h"
#include "rom.h"

/// An image's header: its first byte, and the size of the flash in the upper half of byte 3 (source: ESP-IDF,
/// components/bootloader_support/include/esp_app_format.h, esp_image_header_t).
#define IMAGE_MAGIC 0xe9u
#define SMALLEST    0x100000u
#define LARGEST     0x1000000u

/// Arguments of esp_rom_spiflash_config_clk: what the clock of 80 MHz is divided by, and the controller.
#define CLOCK_20_MHZ 4u
#define SPI1         1u

static int port_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    watchdog_feed();
    return (int)rom_call(chip.rom.flash_read, address, (uint32_t)buffer, length, 0, 0, 0);
}

static int port_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context;
    watchdog_feed();
    return (int)rom_call(chip.rom.flash_write, address, (uint32_t)data, length, 0, 0, 0);
}

static int port_erase_sector(void *context, uint32_t address) {
    (void)context;
    watchdog_feed();
    return (int)rom_call_1(chip.rom.flash_erase_sector, address / ONESLOT_SECTOR_SIZE);
}

static int port_erase_block(void *context, uint32_t address) {
    (void)context;
    watchdog_feed();
    return (int)rom_call_1(chip.rom.flash_erase_block, address / ONESLOT_BLOCK_SIZE);
}

static const struct rom_flash_chip *rom_flash_chip(void) {
    return (const struct rom_flash_chip *)(chip.flash_chip_indirect ? register_read(chip.flash_chip) : chip.flash_chip);
}

/// The size that the boot loader's header names; 0 where there is no such header.
static uint32_t size_in_header(void) {
    uint32_t header = 0;

    if (port_read(0, chip.boot_loader, &header, sizeof header) != 0 || (header & 0xffu) != IMAGE_MAGIC) {
        return 0;
    }
    uint32_t size = header >> 28 < 5 ? SMALLEST << (header >> 28) : 0;
    return size <= LARGEST ? size : 0;
}

/// Bytes of the chip by its JEDEC id: past them addresses wrap round.
static uint32_t size_of_chip(void) {
    uint32_t shift = rom_flash_chip()->id & 0xffu;
    return shift < 32 ? 1u << shift : 0;
}

/// The ROM refuses what lies past the size that it knows.
static void set_rom_size(uint32_t size) {
    (void)rom_call(chip.rom.flash_config_param, rom_flash_chip()->id, size, ONESLOT_BLOCK_SIZE, ONESLOT_SECTOR_SIZE,
                   ONESLOT_PAGE_SIZE, rom_flash_chip()->status_mask);
}

void flash_port_open(struct oneslot_flash *flash) {
    for (uint32_t i = 0; i < 2; i++) {
        if (chip.rom.cache_disable[i] != 0) {
            (void)rom_call_1(chip.rom.cache_disable[i], 0);
        }
    }
    if (chip.rom.flash_config_clk != 0) {
        (void)rom_call(chip.rom.flash_config_clk, CLOCK_20_MHZ, SPI1, 0, 0, 0, 0);
    }
    register_steps(chip.flash_setup);
    flash->context = 0;
    flash->read = port_read;
    flash->program = port_program;
    flash->erase_sector = port_erase_sector;
    flash->erase_block = port_erase_block;

    uint32_t size = size_in_header();
    if (size > rom_flash_chip()->chip_size && size <= size_of_chip()) {
        set_rom_size(size);
    }
    flash->size = rom_flash_chip()->chip_size < LARGEST ? rom_flash_chip()->chip_size : LARGEST;
}
