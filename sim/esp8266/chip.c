#include "sim/esp8266/chip.h"

#include <stdlib.h>
#include <string.h>

#include "sim/esp8266/rom.h"
#include "sim/esp8266/soc.h"

/// The serial ports are looked at this often: cycles.
#define LOOK_CYCLES 50000u

/// A loop that waits asks at least this often: cycles.
#define POLL_CYCLES 400u

/// What woke the chip from deep sleep.
#define RTC_WAKE       0x60000718u
#define RTC_WAKE_TIMER 0x800u

void soc_look_again(struct chip *chip) {
    chip->cpu.stop_at = 0;
}

void soc_wait(struct chip *chip, uint64_t cycle) {
    uint64_t now = chip->cpu.cycles;
    if (now - chip->polled <= POLL_CYCLES) {
        uint64_t end = cycle < chip->next_look ? cycle : chip->next_look;
        chip->cpu.cycles = end > now ? end : now;
    }
    chip->polled = chip->cpu.cycles;
}

void soc_stop(struct chip *chip, enum chip_stop reason) {
    if (!chip->stopping) {
        chip->stopping = true;
        chip->stop = reason;
    }
    soc_look_again(chip);
}

void chip_ask_stop(struct chip *chip) {
    soc_stop(chip, CHIP_ASKED);
}

void soc_complain(struct chip *chip, const char *what, uint32_t address) {
    chip->complaints++;
    if (chip->watcher.complaint != NULL) {
        chip->watcher.complaint(chip->watcher.context, what, address, chip->cpu.pc);
    }
}

void soc_ask_reset(struct chip *chip, enum chip_reset cause) {
    chip->resets += !chip->reset_asked;
    chip->cause = cause;
    chip->reset_asked = true;
    soc_look_again(chip);
}

uint32_t soc_random(struct chip *chip) {
    return (uint32_t)(nor_next_random(&chip->random) >> 32);
}

static void flash_changed(void *context, uint32_t address, uint32_t length) {
    cache_flash_changed(context, address, length);
}

const char *chip_error_text(enum chip_error error) {
    switch (error) {
    case CHIP_OK:
        return "fine";
    case CHIP_ERROR_FLASH_SIZE:
        return "a flash chip holds a power of two of bytes, 256 KiB to 16 MiB";
    case CHIP_ERROR_ROM_SIZE:
        return "the boot ROM has 65536 bytes, those from address 0x40000000 on";
    case CHIP_ERROR_MEMORY:
        return "there is no memory for the chip";
    }
    return "?";
}

static bool code_create(struct code *code, uint32_t base, uint32_t size, uint8_t *bytes) {
    code->base = base;
    code->size = size;
    code->bytes = bytes;
    code->decoded = calloc(size, sizeof *code->decoded);
    return code->decoded != NULL;
}

static void set_up(struct chip *chip, const struct chip_options *options) {
    memcpy(chip->rom, options->rom != NULL ? options->rom : chip_rom_stand_in, CHIP_ROM_SIZE);
    if (options->times != NULL) {
        chip->flash.times = *options->times;
    }
    if (options->flash_id != 0) {
        chip->flash.id = options->flash_id;
    }
    memcpy(chip->flash.status, options->flash_status, sizeof chip->flash.status);
    chip->flash.changed = flash_changed;
    chip->flash.context = chip;
    chip->watcher = options->watcher;
    chip->random = options->seed;
    chip->cut_time = UINT64_MAX;
    chip->watchdog.least = UINT64_MAX;
    chip->off = true;
    chip->cpu.bus = chip;
    chip->cpu.data = chip->dram;
    chip->cpu.data_base = DRAM_BASE;
    chip->cpu.data_size = DRAM_SIZE;
}

enum chip_error chip_create(struct chip **chip, const struct chip_options *options, const uint8_t *flash,
                            uint32_t flash_size) {
    *chip = NULL;
    if (flash_size < CHIP_FLASH_SIZE_MIN || flash_size > CHIP_FLASH_SIZE_MAX || (flash_size & (flash_size - 1)) != 0) {
        return CHIP_ERROR_FLASH_SIZE;
    }
    if (options->rom != NULL && options->rom_size != CHIP_ROM_SIZE) {
        return CHIP_ERROR_ROM_SIZE;
    }
    struct chip *made = calloc(1, sizeof *made);
    if (made == NULL) {
        return CHIP_ERROR_MEMORY;
    }
    if (!code_create(&made->code_rom, ROM_BASE, CHIP_ROM_SIZE, made->rom) ||
        !code_create(&made->code_iram, IRAM_BASE, IRAM_SIZE, made->iram) ||
        !code_create(&made->code_window, WINDOW_BASE, WINDOW_SIZE, made->window)) {
        chip_destroy(made);
        return CHIP_ERROR_MEMORY;
    }
    serial_flash_create(&made->flash, flash, flash_size, options->seed);
    set_up(made, options);
    *chip = made;
    return CHIP_OK;
}

void chip_destroy(struct chip *chip) {
    if (chip == NULL) {
        return;
    }
    if (chip->flash.nor.sector != NULL) {
        serial_flash_destroy(&chip->flash);
    }
    free(chip->code_rom.decoded);
    free(chip->code_iram.decoded);
    free(chip->code_window.decoded);
    free(chip);
}

static void reset_core(struct chip *chip, enum chip_reset cause) {
    clock_keep(chip);
    memset(chip->io, 0, RTC_MEMORY - IO_BASE);
    memset(&chip->io[IO(RTC_MEMORY + RTC_SIZE)], 0, sizeof chip->io - (RTC_MEMORY + RTC_SIZE - IO_BASE));
    memset(chip->dport, 0, sizeof chip->dport);
    memset(chip->wdev, 0, sizeof chip->wdev);
    memset(chip->analog, 0, sizeof chip->analog);
    memset(chip->uart, 0, sizeof chip->uart);
    memset(chip->frc, 0, sizeof chip->frc);
    chip->clock.pll = false;
    chip->cause = cause;
    chip->io[IO(RTC_WAKE)] = cause == CHIP_RESET_DEEP_SLEEP ? RTC_WAKE_TIMER : 0;
    chip->reset_asked = false;
    chip->watchdog.at = UINT64_MAX;
    chip->watchdog.stage = 0;
    chip->code_iram.size = IRAM_SIZE;
    cpu_reset(&chip->cpu);
    radio_reset(chip);
}

static void fill_random(struct chip *chip, uint8_t *memory, uint32_t size) {
    for (uint32_t at = 0; at < size; at += 4) {
        uint32_t word = soc_random(chip);
        memcpy(memory + at, &word, 4);
    }
}

void chip_power_on(struct chip *chip, enum chip_reset cause) {
    serial_flash_power_on(&chip->flash);
    chip->off = false;
    chip->window_filled = false;
    reset_core(chip, cause);
    fill_random(chip, chip->dram, DRAM_SIZE);
    fill_random(chip, chip->iram, IRAM_SIZE);
    fill_random(chip, (uint8_t *)&chip->io[IO(RTC_MEMORY)], RTC_SIZE);
    code_forget_all(&chip->code_iram);
}

static void power_off(struct chip *chip) {
    serial_flash_cut(&chip->flash, clock_ps(chip), chip->cut_tear);
    chip->off = true;
    chip->cut_time = UINT64_MAX;
    soc_stop(chip, CHIP_CUT);
}

static void events(struct chip *chip) {
    uint64_t now = clock_ticks(chip);
    if (chip->watchdog.at <= now) {
        watchdog_event(chip);
    }
    for (unsigned i = 0; i < 2; i++) {
        if (frc_at(chip, i) <= now) {
            frc_event(chip, i);
        }
    }
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

/// The cycle up to which the core may run by itself.
static uint64_t next_cycle(const struct chip *chip, uint64_t until, uint64_t look) {
    uint64_t tick = least(least(frc_at(chip, 0), frc_at(chip, 1)), chip->watchdog.at);
    uint64_t cycle = least(look, clock_cycle_at(chip, least(until, chip->cut_time)));
    return tick == UINT64_MAX ? cycle : least(cycle, clock_cycle_at_tick(chip, tick));
}

enum chip_stop chip_run(struct chip *chip, uint64_t until) {
    uint64_t look = chip->cpu.cycles;
    if (chip->off || chip->flash.cut) {
        return CHIP_CUT;
    }
    // A reset is told of first: whoever is told sees the chip as it was before.
    if (chip->reset_asked) {
        reset_core(chip, chip->cause);
    }
    chip->stopping = false;
    while (!chip->stopping) {
        uint64_t now = clock_ps(chip);
        if (now >= chip->cut_time) {
            power_off(chip);
            break;
        }
        if (now >= until) {
            soc_stop(chip, CHIP_TIME);
            break;
        }
        if (chip->cpu.cycles >= look) {
            look = chip->cpu.cycles + LOOK_CYCLES;
            uart_update(chip);
        }
        events(chip);
        if (!chip->reset_asked) {
            chip->next_look = next_cycle(chip, until, look);
            chip->cpu.stop_at = chip->next_look;
            cpu_run(&chip->cpu);
        }
        if (chip->reset_asked) {
            soc_stop(chip, CHIP_RESET);
        }
    }
    if (chip->flash.cut) {
        chip->off = true;
    }
    return chip->stop;
}

void chip_cut_at_operation(struct chip *chip, uint32_t number, enum nor_tear tear) {
    struct nor *nor = &chip->flash.nor;
    nor->faults = 0;
    nor_plan(nor, (struct nor_fault){NOR_FAULT_CUT, number, 1, tear});
}

void chip_cut_at_time(struct chip *chip, uint64_t time, enum nor_tear tear) {
    chip->cut_time = time;
    chip->cut_tear = tear;
}

uint64_t chip_time(const struct chip *chip) {
    return clock_ps(chip);
}

uint64_t chip_instructions(const struct chip *chip) {
    return chip->cpu.instructions;
}

bool chip_cache_on(const struct chip *chip) {
    return cache_is_on(chip);
}

bool chip_mark(struct chip *chip, uint32_t address, bool on) {
    struct code *codes[3] = {&chip->code_rom, &chip->code_iram, &chip->code_window};
    if (!cpu_mark(&chip->cpu, address, on)) {
        return false;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (address - codes[i]->base < codes[i]->size) {
            code_forget(codes[i], address - codes[i]->base, 1);
        }
    }
    return true;
}

void chip_registers(const struct chip *chip, struct chip_registers *registers) {
    const struct cpu *cpu = &chip->cpu;
    memcpy(registers->a, cpu->a, sizeof registers->a);
    registers->pc = cpu->pc;
    registers->ps = cpu->ps;
    registers->sar = cpu->sar;
    registers->exccause = cpu->exccause;
    registers->excvaddr = cpu->excvaddr;
    registers->epc1 = cpu->epc[1];
}

void chip_set_registers(struct chip *chip, const struct chip_registers *registers) {
    struct cpu *cpu = &chip->cpu;
    memcpy(cpu->a, registers->a, sizeof cpu->a);
    cpu->pc = registers->pc;
    cpu->ps = registers->ps;
    cpu->sar = registers->sar;
    cpu->exccause = registers->exccause;
    cpu->excvaddr = registers->excvaddr;
    cpu->epc[1] = registers->epc1;
    cpu->code = NULL;
    cpu->mark_passed = false;
    cpu->waiting = false;
}

void chip_statistics(const struct chip *chip, struct chip_statistics *statistics) {
    const struct nor *nor = &chip->flash.nor;
    *statistics = (struct chip_statistics){
        .resets = chip->resets,
        .watchdog_resets = chip->watchdog_resets,
        .exceptions = chip->exceptions,
        .complaints = chip->complaints,
        .operations = nor->operations,
        .programs = (uint32_t)nor->statistics.programs,
        .sector_erases = (uint32_t)nor->statistics.sector_erases,
        .block_erases = (uint32_t)nor->statistics.block_erases,
        .status_writes = chip->flash.status_writes,
        .overprograms = nor->violations,
        .refused = chip->flash.refused,
        .flash_time = chip->flash.busy_time,
        .watchdog_left = chip->watchdog.least == UINT64_MAX ? UINT32_MAX : (uint32_t)(chip->watchdog.least / 80),
    };
}

struct nor *chip_flash(struct chip *chip) {
    serial_flash_settle(&chip->flash, UINT64_MAX);
    return &chip->flash.nor;
}
