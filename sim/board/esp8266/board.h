/*
 * The board: an ESP8266's boot ROM, its flash chip and its reset, as code that runs on QEMU's bare LX106 core.
 *
 * It lies at BOARD_CODE, where the chip has nothing. At the ROM's own addresses it places stubs that lead here. What
 * it does was read in the boot ROM's code (addresses in the comments); it is a stand-in, no copy.
 */
#ifndef ONESLOT_BOARD_H
#define ONESLOT_BOARD_H

#include "sim/board/shared/arithmetic.h"
#include "sim/board/shared/shared.h"

/// The ROM's data.
#define ROM_HANDLERS        0x3fffc000u /* exception dispatch table, then at +0x100 the handlers in C */
#define ROM_FLASH_CHIP      0x3fffc714u /* pointer to the description of the flash chip */
#define ROM_FLASH_CHIP_DATA 0x3fffc718u
#define ROM_BSS_START       0x3fffdab0u
#define ROM_BSS_END         0x3fffeb30u
#define ROM_USER_START      0x3fffdcd0u
#define ROM_STACK           0x40000000u

/// A call of a ROM function as the stub finds it.
struct rom_call {
    uint32_t a0;
    uint32_t a1;
    uint32_t argument[6];
    uint32_t ccount_in;
    uint32_t (*function)(struct rom_call *call);
    uint32_t ccount_out;
};
typedef uint32_t rom_function(struct rom_call *call);

/* start.S */
extern struct rom_call rom_frame;
extern struct board_registers trap_frame;
void rom_enter(void);
void trap_debug(void);
void trap_exception(void);
/// Loads PS and every register and jumps to what a2 holds.
void enter_program(const struct board_registers *registers) __attribute__((noreturn));

/* rom.c: stubs and the dispatch of calls. */
void rom_install(void);
/// The code that called us has run until now: counts it.
void account(uint32_t ccount);

/* boot.c: power-on, reset, the ROM's loading of sector 0. */
extern uint32_t boot_cause;
void power_on(void) __attribute__((noreturn));
void reset(uint32_t cause) __attribute__((noreturn));

/* watch.c: notices the application's entry. */
/// Sets the breakpoint to the entry of the image that lies in flash now.
void watch_entry(void);
void watch_again(void);
/// The board itself may do what the guest is watched for.
void watch_nothing(void);

/* spi.c: the ROM's flash functions and the cache. */
extern bool cache_on;
void flash_reset(void);
void cache_off(void);
rom_function rom_spi_read, rom_spi_write, rom_spi_erase_sector, rom_spi_erase_block, rom_spi_erase_area,
    rom_spi_erase_chip, rom_spi_param_cfg, rom_spi_read_status, rom_spi_write_status, rom_spi_unlock, rom_spi_lock,
    rom_cache_enable, rom_cache_disable;

rom_function rom_printf, rom_tx_char, rom_write_char;

/* digest.c: the ROM's MD5. */
struct rom_md5 {
    uint32_t state[4];
    uint32_t bits[2];
    uint8_t block[64];
};
void rom_md5_init(struct rom_md5 *md5);
void rom_md5_update(struct rom_md5 *md5, const uint8_t *data, uint32_t length);
void rom_md5_final(uint8_t digest[16], struct rom_md5 *md5);

#endif
