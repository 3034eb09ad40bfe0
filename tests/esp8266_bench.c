#include "tests/esp8266_bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void take_byte(void *context, unsigned port, uint8_t byte) {
    struct bench *bench = context;
    if (port == 0 && bench->length < sizeof bench->printed - 1) {
        bench->printed[bench->length++] = (char)byte;
        bench->printed[bench->length] = 0;
    }
}

static void take_exception(void *context, unsigned cause, uint32_t pc, uint32_t address) {
    struct bench *bench = context;
    (void)pc;
    (void)address;
    bench->exceptions++;
    bench->cause = cause;
}

static void take_complaint(void *context, const char *what, uint32_t address, uint32_t pc) {
    struct bench *bench = context;
    (void)what;
    (void)address;
    (void)pc;
    bench->complaints++;
}

void bench_set_up(struct bench *bench) {
    memset(bench, 0, sizeof *bench);
    memset(bench->flash, 0xff, sizeof bench->flash);
    bench->options = (struct chip_options){.seed = 1, .watcher = {bench, take_byte, take_exception, take_complaint}};
}

void bench_tear_down(struct bench *bench) {
    chip_destroy(bench->chip);
    bench->chip = NULL;
}

void bench_boot(struct bench *bench) {
    enum chip_error error = chip_create(&bench->chip, &bench->options, bench->flash, sizeof bench->flash);
    if (error != CHIP_OK) {
        fprintf(stderr, "no chip: %s\n", chip_error_text(error));
        abort();
    }
    chip_power_on(bench->chip, CHIP_RESET_POWER);
}

void bench_program(struct bench *bench, const uint32_t *instructions, unsigned count) {
    uint32_t at = BENCH_START & 0xffffu;
    for (unsigned i = 0; i < count; i++) {
        memcpy(bench->rom + at, &instructions[i], 3);
        // Those whose first four bits are 8 to 13 have two bytes.
        at += (instructions[i] & 15u) >= 8 && (instructions[i] & 15u) < 14 ? 2 : 3;
    }
    memcpy(bench->rom + at, &(uint32_t){STAY}, 3);
    bench->end = 0x40000000u + at;
    bench->options.rom = bench->rom;
    bench->options.rom_size = sizeof bench->rom;
    bench_boot(bench);
    chip_mark(bench->chip, bench->end, true);
}

bool bench_run(struct bench *bench) {
    uint64_t end = chip_time(bench->chip) + CHIP_SECOND;
    enum chip_stop stop;
    do {
        stop = chip_run(bench->chip, end);
    } while (stop == CHIP_LOST || stop == CHIP_RESET);
    return stop == CHIP_MARKED;
}

const uint8_t *bench_rom(void) {
    static uint8_t rom[CHIP_ROM_SIZE];
    const char *name = getenv("ONESLOT_ESP8266_ROM");
    FILE *file = name != NULL ? fopen(name, "rb") : NULL;
    if (file == NULL) {
        return NULL;
    }
    size_t got = fread(rom, 1, sizeof rom, file);
    fclose(file);
    return got == sizeof rom ? rom : NULL;
}
