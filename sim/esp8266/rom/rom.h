/*
 * A stand-in for the ESP8266's boot ROM: it loads sector 0 as the ROM does, and has the functions that the loader, the
 * installer and the example call, at the ROM's own addresses (stubs.S). What is not here is an illegal instruction.
 *
 * The ROM's code was read for what it does to registers, flash and memory, and tests/test_esp8266_rom.c compares each
 * function with it; none of it is copied. It is code for the chip, so its constants are words or lie in DRAM.
 */
#ifndef SIM_ESP8266_ROM_ROM_H
#define SIM_ESP8266_ROM_ROM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WORD(address) (*(volatile uint32_t *)(uintptr_t)(address))

/* The ROM's data. */
#define ROM_HANDLERS        0x3fffc000u /* by EXCCAUSE; +0x100 the handlers in C */
#define ROM_TICKS           0x3fffc704u /* cycles of a microsecond */
#define ROM_WATCHDOG_MODE   0x3fffc708u /* and its two times */
#define ROM_FLASH_CHIP      0x3fffc714u /* pointer to the description of the flash chip */
#define ROM_FLASH_CHIP_DATA 0x3fffc718u
#define ROM_BSS_START       0x3fffdab0u
#define ROM_BSS_END         0x3fffeb30u
#define ROM_USER_START      0x3fffdcd0u

/* Peripherals. */
#define UART          0x60000000u
#define UART_FIFO     (UART + 0x00)
#define UART_ENABLED  (UART + 0x0c)
#define UART_CLEAR    (UART + 0x10)
#define UART_DIVIDER  (UART + 0x14)
#define UART_STATUS   (UART + 0x1c)
#define UART_CONTROL0 (UART + 0x20)
#define UART_CONTROL1 (UART + 0x24)
#define SPI_COMMAND   0x60000200u
#define SPI_ADDRESS   0x60000204u
#define SPI_CONTROL   0x60000208u
#define SPI_STATUS    0x60000210u
#define SPI_USER      0x6000021cu
#define SPI_BUFFER    0x60000240u
#define PINS          0x60000318u
#define RTC_CONTROL   0x60000700u
#define RTC_STORE     0x60000708u
#define RTC_CAUSE     0x60000714u
#define RTC_STATE     0x60000718u
#define WATCHDOG      0x60000900u
#define WATCHDOG_FEED 0x60000914u
#define PIN_FUNCTION  0x60000800u
#define DPORT_CACHE   0x3ff0000cu
#define DPORT_BANK    0x3ff00024u

/// The ROM's description of the flash chip.
struct rom_flash_chip {
    uint32_t id;
    uint32_t chip_size;
    uint32_t block_size;
    uint32_t sector_size;
    uint32_t page_size;
    uint32_t status_mask;
};

static inline struct rom_flash_chip *rom_chip(void) {
    return (struct rom_flash_chip *)(uintptr_t)WORD(ROM_FLASH_CHIP);
}

/* flash.c; each returns 0, or 1 for what is refused. */
uint32_t rom_wait_idle(struct rom_flash_chip *chip);
uint32_t rom_write_enable(struct rom_flash_chip *chip);
uint32_t rom_read_status(struct rom_flash_chip *chip, uint32_t *status);
uint32_t rom_write_status(struct rom_flash_chip *chip, uint32_t status);
uint32_t rom_read_mode(uint32_t mode);
uint32_t rom_spi_read(uint32_t address, uint32_t *to, uint32_t length);
/// Pins, clock and the plain read mode.
void rom_flash_attach(void);
void rom_cache_off(void);

/* console.c */
uint32_t rom_tx_char(uint32_t character);
/// As the ROM's console prints: a line end becomes two characters, a carriage return none.
void rom_write_char(char character);
int rom_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* library.c, arithmetic.c: those of the other boards. */
void *rom_memcpy(void *to, const void *from, size_t length);
void *rom_memset(void *to, int value, size_t length);

/* start.S */
/// Enters the program at `entry` with all registers as the ROM leaves them; `cause` is the reset's.
void rom_enter(uint32_t entry, uint32_t cause) __attribute__((noreturn));

/* digest.c */
struct rom_md5 {
    uint32_t state[4];
    uint32_t bits[2];
    uint8_t block[64];
};
void rom_md5_init(struct rom_md5 *md5);
void rom_md5_update(struct rom_md5 *md5, const uint8_t *data, uint32_t length);
void rom_md5_final(uint8_t digest[16], struct rom_md5 *md5);

#endif
