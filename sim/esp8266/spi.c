/*
 * The SPI controller's command register, after the ROM's and the SDK's use of it: each bit is a command of the flash
 * chip; the last one sends what the user registers say.
 */
#include <string.h>

#include "sim/esp8266/soc.h"

#define COMMAND_READ          (1u << 31)
#define COMMAND_WRITE_ENABLE  (1u << 30)
#define COMMAND_WRITE_DISABLE (1u << 29)
#define COMMAND_READ_ID       (1u << 28)
#define COMMAND_READ_STATUS   (1u << 27)
#define COMMAND_WRITE_STATUS  (1u << 26)
#define COMMAND_PROGRAM       (1u << 25)
#define COMMAND_ERASE_SECTOR  (1u << 24)
#define COMMAND_ERASE_BLOCK   (1u << 23)
#define COMMAND_ERASE_CHIP    (1u << 22)
#define COMMAND_SLEEP         (1u << 21)
#define COMMAND_WAKE          (1u << 20)
#define COMMAND_USER          (1u << 18)

/* Registers, by word. */
#define ADDRESS 1u /* length in the top byte */
#define CONTROL 2u
#define STATUS  4u
#define USER2   9u /* the user's command in its low half */
#define BUFFER  16u

#define BUFFER_SIZE 64u

#define CONTROL_QUAD       0x1100000u /* QIO, QOUT */
#define CONTROL_DUAL       0x0804000u /* DIO, DOUT */
#define CONTROL_TWO_STATUS 0x0400000u /* both status registers are written */

/// A bit on the line at 20 MHz, as the ROM sets it; slower by the crystal while the PLL is not set.
#define BIT_PS      50000u
#define BIT_PS_SLOW 76923u

struct transfer {
    struct chip *chip;
    uint32_t *registers;
    uint64_t now;
    uint32_t address;
    uint32_t length; ///< of data
    unsigned bits;   ///< that it takes on the line
};

static void read_data(struct transfer *transfer) {
    uint32_t control = transfer->registers[CONTROL];
    bool quad = (control & CONTROL_QUAD) != 0;
    unsigned lines = quad ? 4 : (control & CONTROL_DUAL) != 0 ? 2 : 1;
    serial_flash_read(&transfer->chip->flash, transfer->now, transfer->address,
                      (uint8_t *)(transfer->registers + BUFFER), transfer->length, quad);
    transfer->bits = 32 + 8 + transfer->length * 8 / lines;
}

static void write_status(struct transfer *transfer) {
    bool two = (transfer->registers[CONTROL] & CONTROL_TWO_STATUS) != 0;
    uint32_t value = transfer->registers[STATUS];
    // One byte clears register 2 on the chips of that time.
    serial_flash_write_status(&transfer->chip->flash, transfer->now, 0, 2, two ? value : value & 0xffu);
    transfer->bits = two ? 24 : 16;
}

/// What the SDK sends so: status registers, the identification, plain reads.
static void user_command(struct transfer *transfer) {
    struct serial_flash *flash = &transfer->chip->flash;
    uint32_t *buffer = transfer->registers + BUFFER;
    uint8_t code = (uint8_t)transfer->registers[USER2];
    transfer->bits = 24;
    switch (code) {
    case 0x01:
        serial_flash_write_status(flash, transfer->now, 0, 2, *buffer);
        break;
    case 0x03:
        serial_flash_read(flash, transfer->now, transfer->address, (uint8_t *)buffer, BUFFER_SIZE, false);
        break;
    case 0x04:
    case 0x06:
        serial_flash_enable(flash, transfer->now, code == 0x06);
        break;
    case 0x05:
        *buffer = serial_flash_status(flash, transfer->now);
        break;
    case 0x31:
        serial_flash_write_status(flash, transfer->now, 1, 1, *buffer);
        break;
    case 0x35:
        *buffer = flash->status[1];
        break;
    case 0x9f:
        *buffer = flash->id;
        break;
    default:
        soc_complain(transfer->chip, "a command of the flash chip that is not modelled:", code);
        break;
    }
}

/// Commands that only change the flash chip's state.
static void change_data(struct transfer *transfer, uint32_t command) {
    struct serial_flash *flash = &transfer->chip->flash;
    transfer->bits = 32;
    switch (command) {
    case COMMAND_PROGRAM:
        serial_flash_program(flash, transfer->now, transfer->address, (const uint8_t *)(transfer->registers + BUFFER),
                             transfer->length);
        transfer->bits = 32 + transfer->length * 8;
        break;
    case COMMAND_ERASE_SECTOR:
        serial_flash_erase(flash, transfer->now, FLASH_ERASE_SECTOR, transfer->address);
        break;
    case COMMAND_ERASE_BLOCK:
        serial_flash_erase(flash, transfer->now, FLASH_ERASE_BLOCK, transfer->address);
        break;
    case COMMAND_ERASE_CHIP:
        serial_flash_erase(flash, transfer->now, FLASH_ERASE_CHIP, 0);
        break;
    default:
        soc_complain(transfer->chip, "an SPI command that is not modelled:", command);
        break;
    }
}

static void carry_out(struct transfer *transfer, uint32_t command) {
    struct serial_flash *flash = &transfer->chip->flash;
    uint32_t *registers = transfer->registers;
    transfer->bits = 8;
    switch (command) {
    case COMMAND_READ:
        read_data(transfer);
        break;
    case COMMAND_WRITE_ENABLE:
    case COMMAND_WRITE_DISABLE:
        serial_flash_enable(flash, transfer->now, command == COMMAND_WRITE_ENABLE);
        break;
    case COMMAND_READ_ID:
        registers[BUFFER] = (registers[BUFFER] & 0xff000000u) | (flash->id & 0xffffffu);
        transfer->bits = 32;
        break;
    case COMMAND_READ_STATUS:
        registers[STATUS] = (registers[STATUS] & ~0xffu) | serial_flash_status(flash, transfer->now);
        transfer->bits = 16;
        break;
    case COMMAND_WRITE_STATUS:
        write_status(transfer);
        break;
    case COMMAND_SLEEP:
    case COMMAND_WAKE:
        flash->asleep = command == COMMAND_SLEEP;
        break;
    case COMMAND_USER:
        user_command(transfer);
        break;
    default:
        change_data(transfer, command);
        break;
    }
}

/// Of several bits the controller is taken to carry out the highest.
static uint32_t highest(uint32_t command) {
    return command == 0 ? 0 : 0x80000000u >> __builtin_clz(command);
}

void spi_command(struct chip *chip, uint32_t *registers, uint32_t command, bool flash) {
    uint32_t length = registers[ADDRESS] >> 24;
    if (!flash || command == 0) {
        registers[0] = 0;
        return;
    }
    if (cache_is_on(chip)) {
        soc_complain(chip, "a flash command while the cache is on:", command);
    }
    struct transfer transfer = {
        .chip = chip,
        .registers = registers,
        .now = clock_ps(chip),
        .address = registers[ADDRESS] & 0xffffffu,
        .length = length == 0 || length > BUFFER_SIZE ? BUFFER_SIZE : length,
    };
    carry_out(&transfer, highest(command));
    registers[0] = 0;
    clock_spend(chip, (uint64_t)transfer.bits * (chip->clock.pll ? BIT_PS : BIT_PS_SLOW));
    if (highest(command) == COMMAND_READ_STATUS && (registers[STATUS] & FLASH_BUSY) != 0) {
        soc_wait(chip, clock_cycle_at(chip, chip->flash.busy_until));
    }
    if (chip->flash.cut) {
        soc_stop(chip, CHIP_CUT);
    }
}
