/*
 * Fuzz target: the emulated ESP8266. The first bytes are the flash chip's status and stores to the SPI controller's
 * registers; the rest is what the ROM holds from its vectors on, which is run for a while. Whatever it is, it ends in
 * time, touches no memory of the host but the chip's, sets no bit of flash without an erase, and does the same again.
 */
#include <string.h>

#include "sim/esp8266/decode.h"
#include "sim/esp8266/soc.h"
#include "tests/fuzz/input.h"

#define FLASH_SIZE CHIP_FLASH_SIZE_MIN
#define SECTORS    (FLASH_SIZE / ONESLOT_SECTOR_SIZE)
#define STORES     64u
#define SPI        0x60000200u
#define VECTORS    0x10u /* where the input's program begins */
#define SLICES     4u
#define SLICE      (CHIP_SECOND / 10000)

/// What a run leaves.
struct outcome {
    uint64_t time, instructions;
    uint32_t operations;
    uint32_t registers[16];
    uint8_t flash[FLASH_SIZE];
};

static uint8_t erased[SECTORS];
static uint32_t observed;

static void observe(void *context, const struct nor *nor, const struct nor_operation *operation) {
    (void)context;
    DEMAND(operation->length > 0 && operation->address < nor->size &&
           operation->length <= nor->size - operation->address);
    DEMAND(operation->number == observed);
    observed++;
    for (uint32_t at = 0; operation->kind != NOR_PROGRAM && at < operation->length; at += ONESLOT_SECTOR_SIZE) {
        erased[(operation->address + at) / ONESLOT_SECTOR_SIZE] = 1;
    }
}

static void check_decoding(const uint8_t *bytes, size_t size) {
    for (size_t i = 0; i + 3 <= size && i < 256; i++) {
        struct instruction found;
        uint32_t word = bytes[i] | (uint32_t)bytes[i + 1] << 8 | (uint32_t)bytes[i + 2] << 16;
        instruction_decode(&found, 0x40000000u + (uint32_t)i, word);
        DEMAND(found.length == ((word & 15) >= 8 && (word & 15) < 14 ? 2 : 3));
        DEMAND(found.operation != OP_NONE && found.operation != OP_MARKED && found.operation <= OP_SYSCALL);
        // What is no register but a number or a place in a table may be larger.
        DEMAND(found.r < 16 || found.operation == OP_BLTUI || found.operation == OP_BGEUI);
        DEMAND(found.r < 32);
        DEMAND(found.s < 16 || found.operation == OP_EXTUI);
        DEMAND(found.t < 16 || found.operation == OP_BBCI || found.operation == OP_BBSI);
    }
}

static void store_registers(struct chip *chip, struct input *input) {
    uint32_t count = input_number(input, 1) % STORES;
    for (uint32_t i = 0; i < count && input->left > 0; i++) {
        uint32_t offset = input_number(input, 1) % 32 * 4;
        DEMAND(bus_store(chip, SPI + offset, 4, input_number(input, 4)) == CAUSE_NONE);
        DEMAND(chip_peek(chip, SPI) == 0);
        if ((offset & 0x40) != 0) {
            clock_spend(chip, CHIP_SECOND / 10); // let what is under way end
        }
    }
}

static void run(struct outcome *outcome, const uint8_t *data, size_t size) {
    static uint8_t rom[CHIP_ROM_SIZE];
    static uint8_t flash[FLASH_SIZE];
    struct input input = {data, size};
    struct chip_options options = {.rom = rom, .rom_size = sizeof rom, .seed = 1};
    struct chip *chip;
    memset(erased, 0, sizeof erased);
    observed = 0;
    for (uint32_t i = 0; i < FLASH_SIZE; i++) {
        flash[i] = (uint8_t)(i * 31 >> 3);
    }
    options.flash_status[0] = (uint8_t)input_number(&input, 1);
    options.flash_status[1] = (uint8_t)input_number(&input, 1);
    uint32_t cut = input_number(&input, 1);
    DEMAND(chip_create(&chip, &options, flash, FLASH_SIZE) == CHIP_OK);
    chip_power_on(chip, CHIP_RESET_POWER);
    chip_flash(chip)->observe = observe;
    if (cut < 32) {
        chip_cut_at_operation(chip, cut % 8, (enum nor_tear)(cut / 8 * 2));
    }
    store_registers(chip, &input);
    memset(rom, 0, sizeof rom);
    uint32_t got = input_take(&input, chip->rom + VECTORS, CHIP_ROM_SIZE - VECTORS);
    check_decoding(chip->rom + VECTORS, got);
    for (uint32_t i = 0; i < SLICES; i++) {
        uint64_t until = chip_time(chip) + SLICE;
        enum chip_stop stop = chip_run(chip, until);
        DEMAND(stop != CHIP_TIME || chip_time(chip) >= until);
        DEMAND(stop != CHIP_MARKED && stop != CHIP_ASKED);
    }
    nor_peek(chip_flash(chip), 0, outcome->flash, FLASH_SIZE);
    for (uint32_t i = 0; i < FLASH_SIZE; i++) {
        DEMAND((outcome->flash[i] & ~flash[i]) == 0 || erased[i / ONESLOT_SECTOR_SIZE] != 0);
    }
    DEMAND(chip_flash(chip)->operations == observed);
    bool locked = (options.flash_status[0] & FLASH_STATUS_LOCKED) != 0;
    DEMAND(!locked || (options.flash_status[0] & FLASH_PROTECTED) == 0 || observed == 0);
    outcome->operations = observed;
    outcome->time = chip_time(chip);
    outcome->instructions = chip_instructions(chip);
    memcpy(outcome->registers, chip->cpu.a, sizeof outcome->registers);
    chip_destroy(chip);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct outcome first;
    static struct outcome second;
    run(&first, data, size);
    run(&second, data, size);
    DEMAND(memcmp(&first, &second, sizeof first) == 0);
    return 0;
}
