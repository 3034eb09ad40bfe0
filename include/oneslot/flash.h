/*
 * NOR flash: the port that every part is written against.
 *
 * Erase sets all bits of a sector (4 KiB) or block (64 KiB); program clears bits. Addresses are bytes from the
 * start of the chip, not of a memory window.
 */
#ifndef ONESLOT_FLASH_H
#define ONESLOT_FLASH_H

#include <stdbool.h>
#include <stdint.h>

#include "oneslot/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Geometry, the same on every chip served (W25Q32 data sheet and its kin).
#define ONESLOT_PAGE_SIZE   256u
#define ONESLOT_SECTOR_SIZE 4096u
#define ONESLOT_BLOCK_SIZE  65536u

/// A flash chip. Each function returns 0 for success and anything else for failure; it may fail and be called
/// again. Addresses, lengths and buffers handed to them are multiples of 4 (ESP8266 ROM: SPIRead, SPIWrite);
/// a program never crosses a page boundary.
struct oneslot_flash {
    /// Handed to every function, for the port's own use.
    void *context;
    /// Size of the chip in bytes, a multiple of 64 KiB, at the most 16 MiB.
    uint32_t size;
    /// Reads `length` bytes at `address`.
    int (*read)(void *context, uint32_t address, void *buffer, uint32_t length);
    /// Clears the bits that are 0 in `data`; within one page.
    int (*program)(void *context, uint32_t address, const void *data, uint32_t length);
    /// Erases the 4 KiB at `address`, a multiple of 4 KiB.
    int (*erase_sector)(void *context, uint32_t address);
    /// Erases the 64 KiB at `address`, a multiple of 64 KiB. NULL where the chip or port cannot: sectors are used.
    int (*erase_block)(void *context, uint32_t address);
};

/// How often a failing operation is tried in all before it is a named failure.
#define ONESLOT_FLASH_TRIES 3

/// Reads any bytes (no alignment needed on address or length; `buffer` may be unaligned).
/// Returns NONE, FLASH_RANGE, or FLASH_READ when every try failed.
enum oneslot_error oneslot_flash_read(const struct oneslot_flash *flash, uint32_t address, void *buffer,
                                      uint32_t length);

/// Programs `length` bytes, page by page, skipping pages whose data is all 0xff. Address, length and data are
/// aligned to 4. Does not read back. Returns NONE, FLASH_RANGE, ARGUMENT (alignment) or FLASH_PROGRAM.
enum oneslot_error oneslot_flash_program(const struct oneslot_flash *flash, uint32_t address, const void *data,
                                         uint32_t length);

/// Erases the sector at `address`. Returns NONE, FLASH_RANGE, ARGUMENT (off a sector boundary) or FLASH_ERASE.
enum oneslot_error oneslot_flash_erase_sector(const struct oneslot_flash *flash, uint32_t address);

/// Erases the block at `address`, by sectors where the port has no block erase. Errors as for a sector.
enum oneslot_error oneslot_flash_erase_block(const struct oneslot_flash *flash, uint32_t address);

#ifdef __cplusplus
}
#endif

#endif
