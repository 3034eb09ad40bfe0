#include "tests/fuzz/input.h"

#include <string.h>

#include "host/ram_flash.h"

uint64_t input_bytes_read;

static int (*chip_read)(void *context, uint32_t address, void *buffer, uint32_t length);

uint32_t input_number(struct input *input, unsigned bytes) {
    uint8_t number[4] = {0};
    input_take(input, number, bytes);
    return number[0] | (uint32_t)number[1] << 8 | (uint32_t)number[2] << 16 | (uint32_t)number[3] << 24;
}

uint32_t input_take(struct input *input, void *buffer, uint32_t length) {
    if (length > input->left) {
        length = (uint32_t)input->left;
    }
    if (length > 0) {
        memcpy(buffer, input->bytes, length);
        input->bytes += length;
        input->left -= length;
    }
    return length;
}

void input_flash(struct input *input, uint8_t *flash, uint32_t size) {
    memset(flash, 0xff, size);
    while (input->left > 0) {
        uint32_t address = input_number(input, 3) % size;
        uint32_t length = input_number(input, 2);
        input_take(input, flash + address, length < size - address ? length : size - address);
    }
}

static int read_counted(void *context, uint32_t address, void *buffer, uint32_t length) {
    input_bytes_read += length;
    return chip_read(context, address, buffer, length);
}

static int refuse_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context, (void)address, (void)data, (void)length;
    DEMAND(!"the chip is only read");
    return 1;
}

static int refuse_erase(void *context, uint32_t address) {
    (void)context, (void)address;
    DEMAND(!"the chip is only read");
    return 1;
}

void input_chip(struct oneslot_flash *flash, uint8_t *bytes, uint32_t size) {
    ram_flash_init(flash, bytes, size);
    chip_read = flash->read;
    flash->read = read_counted;
    flash->program = refuse_program;
    flash->erase_sector = refuse_erase;
    flash->erase_block = refuse_erase;
    input_bytes_read = 0;
}
