#include "oneslot/flash.h"

#include <stddef.h>
#include <string.h>

/// Bytes moved at once where address, length or buffer are not aligned to 4.
#define BOUNCE 64u

static bool in_range(const struct oneslot_flash *flash, uint32_t address, uint32_t length) {
    return address <= flash->size && length <= flash->size - address;
}

static bool aligned(uint32_t address, const void *buffer, uint32_t length) {
    return ((address | length | (uint32_t)(uintptr_t)buffer) & 3u) == 0;
}

static enum oneslot_error read_aligned(const struct oneslot_flash *flash, uint32_t address, void *buffer,
                                       uint32_t length) {
    for (int attempt = 0; attempt < ONESLOT_FLASH_TRIES; attempt++) {
        if (flash->read(flash->context, address, buffer, length) == 0) {
            return ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_FLASH_READ;
}

enum oneslot_error oneslot_flash_read(const struct oneslot_flash *flash, uint32_t address, void *buffer,
                                      uint32_t length) {
    if (!in_range(flash, address, length)) {
        return ONESLOT_ERROR_FLASH_RANGE;
    }
    if (length == 0) {
        return ONESLOT_ERROR_NONE;
    }
    if (aligned(address, buffer, length)) {
        return read_aligned(flash, address, buffer, length);
    }
    _Alignas(4) uint8_t bounce[BOUNCE];
    uint8_t *to = buffer;
    while (length > 0) {
        uint32_t skip = address & 3u;
        uint32_t part = BOUNCE - skip < length ? BOUNCE - skip : length;
        enum oneslot_error error = read_aligned(flash, address - skip, bounce, (skip + part + 3u) & ~3u);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        memcpy(to, bounce + skip, part);
        to += part;
        address += part;
        length -= part;
    }
    return ONESLOT_ERROR_NONE;
}

static bool is_erased(const uint32_t *words, uint32_t length) {
    for (uint32_t i = 0; i < length / 4u; i++) {
        if (words[i] != 0xffffffffu) {
            return false;
        }
    }
    return true;
}

static enum oneslot_error program_page(const struct oneslot_flash *flash, uint32_t address, const void *data,
                                       uint32_t length) {
    for (int attempt = 0; attempt < ONESLOT_FLASH_TRIES; attempt++) {
        if (flash->program(flash->context, address, data, length) == 0) {
            return ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_FLASH_PROGRAM;
}

enum oneslot_error oneslot_flash_program(const struct oneslot_flash *flash, uint32_t address, const void *data,
                                         uint32_t length) {
    if (!in_range(flash, address, length)) {
        return ONESLOT_ERROR_FLASH_RANGE;
    }
    if (!aligned(address, data, length)) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    const uint8_t *from = data;
    while (length > 0) {
        uint32_t room = ONESLOT_PAGE_SIZE - address % ONESLOT_PAGE_SIZE;
        uint32_t part = room < length ? room : length;
        if (!is_erased((const uint32_t *)(const void *)from, part)) {
            enum oneslot_error error = program_page(flash, address, from, part);
            if (error != ONESLOT_ERROR_NONE) {
                return error;
            }
        }
        from += part;
        address += part;
        length -= part;
    }
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error erase(const struct oneslot_flash *flash, uint32_t address, uint32_t size,
                                int (*function)(void *, uint32_t)) {
    if (!in_range(flash, address, size)) {
        return ONESLOT_ERROR_FLASH_RANGE;
    }
    if (address % size != 0) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    for (int attempt = 0; attempt < ONESLOT_FLASH_TRIES; attempt++) {
        if (function(flash->context, address) == 0) {
            return ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_FLASH_ERASE;
}

enum oneslot_error oneslot_flash_erase_sector(const struct oneslot_flash *flash, uint32_t address) {
    return erase(flash, address, ONESLOT_SECTOR_SIZE, flash->erase_sector);
}

enum oneslot_error oneslot_flash_erase_block(const struct oneslot_flash *flash, uint32_t address) {
    if (flash->erase_block != NULL) {
        return erase(flash, address, ONESLOT_BLOCK_SIZE, flash->erase_block);
    }
    if (address % ONESLOT_BLOCK_SIZE != 0) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    for (uint32_t offset = 0; offset < ONESLOT_BLOCK_SIZE; offset += ONESLOT_SECTOR_SIZE) {
        enum oneslot_error error = oneslot_flash_erase_sector(flash, address + offset);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    return ONESLOT_ERROR_NONE;
}
