#include <string.h>

#include "sim/esp8266/soc.h"

#define CACHE_ENABLE 0x100u
#define CACHE_FLUSH  0x001u

/// The cache takes these quarters of IRAM for itself.
#define BANK_THIRD  0x10u
#define BANK_FOURTH 0x08u
#define QUARTER     0x4000u

void code_forget(struct code *code, uint32_t offset, uint32_t length) {
    // An instruction that begins two bytes before reaches into it.
    uint32_t start = offset < 2 ? 0 : offset - 2;
    uint32_t end = offset + length < code->size ? offset + length : code->size;
    for (uint32_t i = start; i < end; i++) {
        code->decoded[i].operation = OP_NONE;
    }
}

void code_forget_all(struct code *code) {
    memset(code->decoded, 0, sizeof *code->decoded * code->size);
}

bool cache_is_on(const struct chip *chip) {
    return (chip->dport[DPORT_CACHE] & CACHE_ENABLE) != 0;
}

bool cache_leaves(const struct chip *chip, uint32_t iram_offset) {
    if (iram_offset < 2 * QUARTER) {
        return true;
    }
    return (chip->dport[DPORT_BANK] & (iram_offset < 3 * QUARTER ? BANK_THIRD : BANK_FOURTH)) == 0;
}

/// Which megabyte of flash the window shows: two bits fields, pairs and odd.
static uint32_t shown(const struct chip *chip) {
    uint32_t cache = chip->dport[DPORT_CACHE];
    uint32_t megabyte = (cache >> 16 & 7) * 2 + (cache >> 25 & 1);
    return megabyte * WINDOW_SIZE & (chip->flash.nor.size - 1);
}

/// Reads flash into the window, by chance where cells are weak. A smaller chip is seen repeated.
static void fill(struct chip *chip, uint32_t offset, uint32_t length) {
    struct nor *nor = &chip->flash.nor;
    uint32_t reads = nor->reads;
    for (uint32_t done = 0; done < length; done += ONESLOT_SECTOR_SIZE) {
        uint32_t at = (chip->window_flash + offset + done) & (nor->size - 1);
        uint32_t part = length - done < ONESLOT_SECTOR_SIZE ? length - done : ONESLOT_SECTOR_SIZE;
        struct oneslot_flash port = nor_flash(nor);
        if (port.read(port.context, at, chip->window + offset + done, part) != 0) {
            memset(chip->window + offset + done, 0xff, part);
        }
    }
    // Lines are filled as code asks for them; numbers of reads are those of commands.
    nor->reads = reads;
    code_forget(&chip->code_window, offset, length);
}

/// Cells that read by chance may read differently after the cache was emptied.
static void refill_weak(struct chip *chip) {
    struct nor *nor = &chip->flash.nor;
    for (uint32_t offset = 0; offset < WINDOW_SIZE; offset += ONESLOT_SECTOR_SIZE) {
        uint32_t at = (chip->window_flash + offset) & (nor->size - 1);
        if (nor->sector[at / ONESLOT_SECTOR_SIZE]->weak != NULL) {
            fill(chip, offset, ONESLOT_SECTOR_SIZE);
        }
    }
}

void cache_control(struct chip *chip, uint32_t before) {
    uint32_t now = chip->dport[DPORT_CACHE];
    chip->cpu.code = NULL;
    if ((now & CACHE_ENABLE) == 0) {
        return;
    }
    if (!chip->window_filled || shown(chip) != chip->window_flash) {
        chip->window_flash = shown(chip);
        chip->window_filled = true;
        code_forget_all(&chip->code_window);
        fill(chip, 0, WINDOW_SIZE);
    } else if ((before & CACHE_ENABLE) == 0) {
        refill_weak(chip);
    }
}

void cache_banks(struct chip *chip, uint32_t before) {
    uint32_t now = chip->dport[DPORT_BANK];
    uint32_t taken = now & ~before;
    // What was there is written over by the cache.
    if ((taken & BANK_THIRD) != 0) {
        memset(chip->iram + 2 * QUARTER, 0xa5, QUARTER);
        code_forget(&chip->code_iram, 2 * QUARTER, QUARTER);
    }
    if ((taken & BANK_FOURTH) != 0) {
        memset(chip->iram + 3 * QUARTER, 0xa5, QUARTER);
        code_forget(&chip->code_iram, 3 * QUARTER, QUARTER);
    }
    chip->code_iram.size = (now & BANK_THIRD) != 0 ? 2 * QUARTER : (now & BANK_FOURTH) != 0 ? 3 * QUARTER : IRAM_SIZE;
    chip->cpu.code = NULL;
}

void cache_flash_changed(struct chip *chip, uint32_t address, uint32_t length) {
    struct nor *nor = &chip->flash.nor;
    // A chip smaller than the window is seen in it several times.
    for (uint32_t offset = 0; chip->window_filled && offset < WINDOW_SIZE; offset += nor->size) {
        uint32_t at = (address - chip->window_flash) & (nor->size - 1);
        if (at + offset < WINDOW_SIZE) {
            uint32_t room = WINDOW_SIZE - at - offset;
            fill(chip, at + offset, length < room ? length : room);
        }
    }
}
