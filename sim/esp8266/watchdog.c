/*
 * The watchdog has two stages: at the end of the first it may interrupt, at the end of the second it resets the chip.
 */
#include "sim/esp8266/soc.h"

#define CONTROL 0x60000900u
#define TIMES   0x60000904u /* one for each stage: a power of two */
#define FEED    0x60000914u

#define CONTROL_ENABLED  0x01u
#define CONTROL_NO_RESET 0x02u
#define CONTROL_ONE      0x04u /* one stage only */
#define FEED_VALUE       0x73u
#define EDGE             1u
#define INTERRUPT        8u

/// The ROM's ets_wdt_enable says that 2^11 are 1.6777 s: 0.8192 ms each, 65536 ticks of the peripherals' clock.
#define UNIT UINT64_C(65536)

static uint64_t ticks_of(const struct chip *chip, unsigned stage) {
    return UNIT << (chip->io[IO(TIMES) + stage] & 15);
}

static bool is_on(const struct chip *chip, uint32_t bit) {
    return (chip->io[IO(CONTROL)] & bit) != 0;
}

void watchdog_start(struct chip *chip) {
    chip->watchdog.stage = 0;
    chip->watchdog.at = is_on(chip, CONTROL_ENABLED) ? clock_ticks(chip) + ticks_of(chip, 0) : UINT64_MAX;
    soc_look_again(chip);
}

static uint64_t left(const struct chip *chip) {
    uint64_t rest = chip->watchdog.at - clock_ticks(chip);
    bool more = chip->watchdog.stage == 0 && !is_on(chip, CONTROL_ONE);
    return rest + (more ? ticks_of(chip, 1) : 0);
}

void watchdog_event(struct chip *chip) {
    if (chip->watchdog.stage == 0 && !is_on(chip, CONTROL_ONE)) {
        chip->watchdog.stage = 1;
        chip->watchdog.at = clock_ticks(chip) + ticks_of(chip, 1);
        if ((chip->dport[DPORT_EDGES] & EDGE) != 0) {
            chip->cpu.interrupt |= 1u << INTERRUPT;
        }
        return;
    }
    if (is_on(chip, CONTROL_NO_RESET) && !is_on(chip, CONTROL_ONE)) {
        watchdog_start(chip);
        return;
    }
    chip->watchdog_resets++;
    soc_ask_reset(chip, CHIP_RESET_WATCHDOG);
}

void watchdog_store(struct chip *chip, uint32_t address, uint32_t before, uint32_t value) {
    if (address == CONTROL && ((before ^ value) & CONTROL_ENABLED) != 0) {
        watchdog_start(chip);
    }
    if (address == FEED && (value & 0xff) == FEED_VALUE) {
        if (chip->watchdog.at != UINT64_MAX && left(chip) < chip->watchdog.least) {
            chip->watchdog.least = left(chip);
        }
        watchdog_start(chip);
    }
}
