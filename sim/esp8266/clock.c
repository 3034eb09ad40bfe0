#include "sim/esp8266/soc.h"

/// A cycle of the core. The crystal has 26 MHz; the ROM runs at twice that.
#define CYCLE_PS      12500u
#define CYCLE_PS_SLOW 19231u

static bool is_fast(const struct chip *chip) {
    return (chip->dport[DPORT_CLOCK] & DPORT_CLOCK_160MHZ) != 0;
}

static uint64_t cycle_ps(const struct chip *chip) {
    uint64_t ps = chip->clock.pll ? CYCLE_PS : CYCLE_PS_SLOW;
    return is_fast(chip) ? ps / 2 : ps;
}

uint64_t clock_ticks(const struct chip *chip) {
    uint64_t cycles = chip->cpu.cycles - chip->clock.cycles;
    return chip->clock.ticks + (is_fast(chip) ? cycles / 2 : cycles);
}

uint64_t clock_ps(const struct chip *chip) {
    return chip->clock.ps + (chip->cpu.cycles - chip->clock.cycles) * cycle_ps(chip);
}

void clock_keep(struct chip *chip) {
    uint64_t ps = clock_ps(chip);
    uint64_t ticks = clock_ticks(chip);
    chip->clock.ps = ps;
    chip->clock.ticks = ticks;
    chip->clock.cycles = chip->cpu.cycles;
}

uint64_t clock_cycle_at_tick(const struct chip *chip, uint64_t tick) {
    uint64_t now = clock_ticks(chip);
    uint64_t more = tick > now ? tick - now : 1;
    return chip->cpu.cycles + (is_fast(chip) ? more * 2 : more);
}

uint64_t clock_cycle_at(const struct chip *chip, uint64_t ps) {
    uint64_t now = clock_ps(chip);
    return chip->cpu.cycles + (ps > now ? (ps - now) / cycle_ps(chip) + 1 : 1);
}

void clock_spend(struct chip *chip, uint64_t ps) {
    chip->cpu.cycles += ps / cycle_ps(chip);
}
