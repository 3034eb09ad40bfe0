/*
 * What every board has: the flash chip with its NOR rules and power cuts, the console, and the way to the host.
 *
 * A board is code that runs on one of QEMU's bare cores. It lies at BOARD_CODE, where no chip has anything, and places
 * stubs that lead to it at the addresses of the chip's boot ROM.
 */
#ifndef ONESLOT_BOARD_SHARED_H
#define ONESLOT_BOARD_SHARED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/board/shared/mailbox.h"

#define MAILBOX       ((struct board_mailbox *)BOARD_MAILBOX)
#define WORD(address) (*(volatile uint32_t *)(uintptr_t)(address))

#define SECTOR_SIZE 4096u
#define BLOCK_SIZE  65536u
#define PAGE_SIZE   256u

/* host_*.c: semihosting. */
void host_write(const char *text, uint32_t length);
void host_exit(void) __attribute__((noreturn));

/* finish.c */
/// Ends the run. `message` goes to the host, with `number` unless it is 0 or there is no message.
void finish(enum board_result result, const char *message, uint32_t number) __attribute__((noreturn));

/* random.c */
void random_seed(uint32_t seed);
uint32_t random_word(void);
void fill_random(uint32_t from, uint32_t to);

/* chip.c: the flash chip. */
/// Where a byte of the flash lies. The chip ignores address bits beyond its size.
uint8_t *flash_at(uint32_t address);
/// One operation of the chip, within one page, sector or block; this is where the power is cut.
void chip_program(uint32_t address, const uint8_t *data, uint32_t length);
void chip_erase(enum board_operation_kind kind, uint32_t address, uint32_t length);
void chip_read(uint32_t address, uint8_t *to, uint32_t length);

/* flash.c: the ROM's flash functions, the same on all chips but for their names. */
/// The ROM's description of the chip.
struct flash_chip {
    uint32_t id;
    uint32_t chip_size;
    uint32_t block_size;
    uint32_t sector_size;
    uint32_t page_size;
    uint32_t status_mask;
};
/// Of the board: where the ROM keeps its description.
struct flash_chip *flash_chip(void);
/// Each returns 0, or 1 for what ends past the chip that is described.
uint32_t flash_read(uint32_t address, uint32_t to, uint32_t length);
uint32_t flash_write(uint32_t address, uint32_t from, uint32_t length);
uint32_t flash_erase_sector(uint32_t sector);
uint32_t flash_erase_block(uint32_t block);
uint32_t flash_erase_area(uint32_t address, uint32_t length);
void flash_erase_chip(void);

/* console.c: the UART. */
typedef uint32_t console_next(void *context);
void console_char(char character, bool rom);
void console_flush(void);
/// printf for %d %u %x %X %o %c %s %p %%, with width, zero and minus; `next` gives the arguments.
void console_format(const char *format, console_next *next, void *context, bool rom);
/// The ROM's own messages.
void console_rom(const char *format, ...);

/* library.c: functions that callers on the chip find in the ROM; they run on the caller's stack. */
void *rom_memcpy(void *to, const void *from, size_t length);
void *rom_memmove(void *to, const void *from, size_t length);
void *rom_memset(void *to, int value, size_t length);
int rom_memcmp(const void *a, const void *b, size_t length);
void rom_bzero(void *to, size_t length);
size_t rom_strlen(const char *text);
int rom_strcmp(const char *a, const char *b);
int rom_strncmp(const char *a, const char *b, size_t length);
char *rom_strcpy(char *to, const char *from);
char *rom_strncpy(char *to, const char *from, size_t length);
char *rom_strstr(const char *text, const char *part);

#endif
