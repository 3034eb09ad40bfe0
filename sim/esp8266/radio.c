#include "sim/esp8266/soc.h"

#define CALIBRATION_COUNT  0x6000036cu
#define CALIBRATION_RESULT 0x60000370u
#define IQ_ESTIMATION      0x6000057cu
#define SLEEP_UNTIL        0x60000704u
#define SLEEP              0x60000708u
#define SLEEP_CLEAR        0x60000724u
#define SLEEP_STATE        0x60000728u
#define SLEEP_NOW          0x100000u
#define DONE               0x80000000u

#define WDEV_MICROSECONDS 0x0c00u
#define WDEV_RANDOM       0x0e44u

#define ANALOG_WRITE       0x1000000u
#define ANALOG_PLL         103u
#define ANALOG_PLL_80MHZ   0x88u
#define ANALOG_SYNTHESIZER 98u
#define SYNTHESIZER_LOCKED 0x80u

uint32_t radio_load(struct chip *chip, uint32_t address, uint32_t value) {
    if (address == IQ_ESTIMATION) {
        return value | DONE;
    }
    if (address == CALIBRATION_RESULT) { // the RTC's clock, measured in cycles of the 26 MHz crystal
        uint64_t count = chip->io[IO(CALIBRATION_COUNT)] & 0x3ff;
        return DONE | (uint32_t)(count * RTC_TICK * 26 / 1000000u);
    }
    return value;
}

/// Light sleep until the RTC's count is there; farther than half its range is in the past.
static void sleep_now(struct chip *chip) {
    uint32_t left = chip->io[IO(SLEEP_UNTIL)] - (uint32_t)(clock_ps(chip) / RTC_TICK);
    if (left < 0x80000000u) {
        clock_spend(chip, (uint64_t)left * RTC_TICK);
    }
    chip->io[IO(SLEEP_STATE)] |= 1;
    chip->io[IO(SLEEP)] &= ~SLEEP_NOW;
    soc_look_again(chip);
}

void radio_store(struct chip *chip, uint32_t address, uint32_t value) {
    if (address == SLEEP && (value & SLEEP_NOW) != 0) {
        sleep_now(chip);
    } else if (address == SLEEP_CLEAR) {
        chip->io[IO(SLEEP_STATE)] &= ~value;
    }
}

uint32_t radio_wdev_load(struct chip *chip, uint32_t index) {
    if (index == WDEV_RANDOM / 4) {
        return soc_random(chip);
    }
    if (index == WDEV_MICROSECONDS / 4) {
        return (uint32_t)(clock_ticks(chip) / 80);
    }
    return chip->wdev[index];
}

static uint8_t analog_value(unsigned block, unsigned number, uint8_t value) {
    return block == ANALOG_SYNTHESIZER && number == 7 ? value | SYNTHESIZER_LOCKED : value;
}

void analog_store(struct chip *chip, unsigned host, uint32_t *reg, uint32_t value) {
    unsigned block = value & 0xff;
    unsigned number = value >> 8 & 15;
    uint8_t *cell = &chip->analog[host & 15][block][number];
    if ((value & ANALOG_WRITE) != 0) {
        *cell = (uint8_t)(value >> 16);
        if (block == ANALOG_PLL && number == 1) {
            clock_keep(chip);
            chip->clock.pll = *cell == ANALOG_PLL_80MHZ;
            soc_look_again(chip);
        }
    }
    *reg = (value & 0xffffu) | (uint32_t)analog_value(block, number, *cell) << 16;
}

void radio_reset(struct chip *chip) {
    // A station address 5c:cf:7f:00:00:01 of Espressif's, as the vendor's code puts it together.
    static const uint32_t fuses[4] = {0x01000000, 0x02000000, 0x0000a000, 0x005ccf7f};
    for (unsigned i = 0; i < 4; i++) {
        chip->dport[0x50 / 4 + i] = fuses[i];
    }
}
