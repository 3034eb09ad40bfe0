#include "sim/esp8266/serial_flash.h"

#include <string.h>

/* W25Q32JV data sheet, AC characteristics: tSE, tBE2, tBP1, tBP2, tW. */
const struct chip_flash_times chip_flash_typical = {45000, 150000, 30, 2500, 10000};
const struct chip_flash_times chip_flash_worst = {400000, 2000000, 50, 12000, 15000};

#define MAKER_WINBOND 0x0040efu
#define READ_MAX      64u
/// Bits of status register 1 that a write changes.
#define STATUS_KEPT 0xfcu

void serial_flash_create(struct serial_flash *flash, const uint8_t *bytes, uint32_t size, uint64_t seed) {
    memset(flash, 0, sizeof *flash);
    nor_create(&flash->nor, size, seed);
    nor_load(&flash->nor, 0, bytes, size);
    uint32_t bits = 0;
    while (1u << bits < size) {
        bits++;
    }
    flash->id = MAKER_WINBOND | bits << 16;
    flash->times = chip_flash_typical;
}

void serial_flash_destroy(struct serial_flash *flash) {
    nor_destroy(&flash->nor);
}

void serial_flash_power_on(struct serial_flash *flash) {
    flash->write_enabled = false;
    flash->asleep = false;
    flash->cut = false;
    flash->pending = false;
    flash->busy_until = 0;
    flash->nor.power_ups++;
}

/// One operation of the cells, which a planned cut may strike.
static void operate(struct serial_flash *flash, const struct nor_operation *operation) {
    struct oneslot_flash port = nor_flash(&flash->nor);
    flash->nor.power = &flash->power;
    if (setjmp(flash->power) != 0) {
        flash->cut = true;
    } else if (operation->kind == NOR_PROGRAM) {
        // What fails in the cells is not told to whoever asked: these chips have no bit for it.
        (void)port.program(port.context, operation->address, operation->data, operation->length);
    } else if (operation->kind == NOR_ERASE_SECTOR) {
        (void)port.erase_sector(port.context, operation->address);
    } else {
        (void)port.erase_block(port.context, operation->address);
    }
    if (flash->changed != NULL) {
        uint32_t start = operation->address / ONESLOT_PAGE_SIZE * ONESLOT_PAGE_SIZE;
        flash->changed(flash->context, start, operation->kind == NOR_PROGRAM ? ONESLOT_PAGE_SIZE : operation->length);
    }
}

static void carry_out(struct serial_flash *flash) {
    flash->pending = false;
    if (!flash->whole_chip) {
        operate(flash, &flash->operation);
        return;
    }
    struct nor_operation block = {.kind = NOR_ERASE_BLOCK, .length = ONESLOT_BLOCK_SIZE};
    for (; block.address < flash->nor.size && !flash->cut; block.address += ONESLOT_BLOCK_SIZE) {
        operate(flash, &block);
    }
}

static bool busy(const struct serial_flash *flash, uint64_t now) {
    return now < flash->busy_until;
}

void serial_flash_settle(struct serial_flash *flash, uint64_t now) {
    if (flash->pending && !busy(flash, now)) {
        carry_out(flash);
    }
}

void serial_flash_cut(struct serial_flash *flash, uint64_t now, enum nor_tear tear) {
    serial_flash_settle(flash, now);
    if (flash->pending) {
        flash->nor.faults = 0;
        nor_plan(&flash->nor, (struct nor_fault){NOR_FAULT_CUT, flash->nor.operations, 1, tear});
        carry_out(flash);
    }
    flash->cut = true;
}

uint8_t serial_flash_status(struct serial_flash *flash, uint64_t now) {
    serial_flash_settle(flash, now);
    if (busy(flash, now)) {
        return flash->status[0] | FLASH_BUSY | FLASH_WRITE_ENABLED;
    }
    return flash->status[0] | (flash->write_enabled ? FLASH_WRITE_ENABLED : 0);
}

void serial_flash_enable(struct serial_flash *flash, uint64_t now, bool on) {
    serial_flash_settle(flash, now);
    if (!busy(flash, now)) {
        flash->write_enabled = on;
    }
}

/// The port reads whole words, and nothing past the chip's end, where the chip goes on at its start.
static void read_part(struct serial_flash *flash, uint32_t address, uint8_t *buffer, uint32_t length) {
    struct oneslot_flash port = nor_flash(&flash->nor);
    uint8_t words[READ_MAX + 8];
    uint32_t start = address & ~3u;
    uint32_t whole = (address + length - start + 3) & ~3u;
    if (port.read(port.context, start, words, whole) != 0) {
        memset(words, 0xff, sizeof words);
    }
    memcpy(buffer, words + (address - start), length);
}

void serial_flash_read(struct serial_flash *flash, uint64_t now, uint32_t address, uint8_t *buffer, uint32_t length,
                       bool quad) {
    serial_flash_settle(flash, now);
    if (busy(flash, now) || flash->asleep || (quad && (flash->status[1] & FLASH_QUAD_ENABLED) == 0)) {
        memset(buffer, 0xff, length);
        return;
    }
    while (length > 0) {
        uint32_t at = address & (flash->nor.size - 1);
        uint32_t part = flash->nor.size - at < length ? flash->nor.size - at : length;
        part = part < READ_MAX ? part : READ_MAX;
        read_part(flash, at, buffer, part);
        address += part;
        buffer += part;
        length -= part;
    }
}

/// Whether an operation may begin; it takes `time` picoseconds.
static bool begin(struct serial_flash *flash, uint64_t now, uint64_t time) {
    serial_flash_settle(flash, now);
    if (flash->cut) {
        return false;
    }
    if (busy(flash, now) || !flash->write_enabled || flash->asleep || (flash->status[0] & FLASH_PROTECTED) != 0) {
        flash->refused++;
        flash->write_enabled = flash->write_enabled && busy(flash, now);
        return false;
    }
    flash->write_enabled = false;
    flash->pending = true;
    flash->whole_chip = false;
    flash->busy_until = now + time;
    flash->busy_time += time;
    return true;
}

/// The cells take whole words, so what lies around is programmed to what it is. Past the page's end the chip goes on at
/// the page's start: then it is all of the page.
static void fill_operation(struct serial_flash *flash, uint32_t address, const uint8_t *bytes, uint32_t length) {
    struct nor_operation *operation = &flash->operation;
    uint32_t page = address / ONESLOT_PAGE_SIZE * ONESLOT_PAGE_SIZE;
    uint32_t in_page = address - page;
    uint8_t whole[ONESLOT_PAGE_SIZE];
    nor_peek(&flash->nor, page, whole, sizeof whole);
    for (uint32_t i = 0; i < length; i++) {
        whole[(in_page + i) % ONESLOT_PAGE_SIZE] = bytes[i];
    }
    bool wraps = in_page + length > ONESLOT_PAGE_SIZE;
    uint32_t start = wraps ? 0 : in_page & ~3u;
    uint32_t end = wraps ? ONESLOT_PAGE_SIZE : (in_page + length + 3) & ~3u;
    operation->kind = NOR_PROGRAM;
    operation->address = page + start;
    operation->length = end - start;
    memcpy(operation->data, whole + start, operation->length);
}

void serial_flash_program(struct serial_flash *flash, uint64_t now, uint32_t address, const uint8_t *bytes,
                          uint32_t length) {
    uint64_t time =
        flash->times.program_first * CHIP_MICROSECOND + (length - 1) * (flash->times.program_next * UINT64_C(1000));
    if (begin(flash, now, time)) {
        fill_operation(flash, address & (flash->nor.size - 1), bytes, length);
    }
}

void serial_flash_erase(struct serial_flash *flash, uint64_t now, enum flash_erase kind, uint32_t address) {
    struct nor_operation *operation = &flash->operation;
    bool sector = kind == FLASH_ERASE_SECTOR;
    uint64_t blocks = kind == FLASH_ERASE_CHIP ? flash->nor.size / ONESLOT_BLOCK_SIZE : 1;
    uint64_t time = (sector ? flash->times.erase_sector : flash->times.erase_block) * CHIP_MICROSECOND;
    if (!begin(flash, now, time * blocks)) {
        return;
    }
    flash->whole_chip = kind == FLASH_ERASE_CHIP;
    operation->kind = sector ? NOR_ERASE_SECTOR : NOR_ERASE_BLOCK;
    operation->length = sector ? ONESLOT_SECTOR_SIZE : ONESLOT_BLOCK_SIZE;
    operation->address = (address & (flash->nor.size - 1)) / operation->length * operation->length;
}

void serial_flash_write_status(struct serial_flash *flash, uint64_t now, unsigned first, unsigned count,
                               uint32_t value) {
    serial_flash_settle(flash, now);
    if (busy(flash, now) || !flash->write_enabled || flash->asleep) {
        flash->refused++;
        return;
    }
    flash->write_enabled = false;
    if ((flash->status[0] & FLASH_STATUS_LOCKED) != 0) {
        flash->refused++;
        return;
    }
    for (unsigned i = first; i < first + count && i < 2; i++) {
        flash->status[i] = (uint8_t)((value >> (i - first) * 8) & (i == 0 ? STATUS_KEPT : 0xffu));
    }
    flash->status_writes++;
    flash->busy_until = now + flash->times.write_status * CHIP_MICROSECOND;
}
