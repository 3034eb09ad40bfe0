/*
 * The two timers FRC1, which counts down from its load value, and FRC2, which counts up to its alarm.
 */
#include "sim/esp8266/soc.h"

#define LOAD    0x0u
#define CONTROL 0x8u
#define CLEAR   0xcu
#define ALARM   0x10u

#define CONTROL_ENABLED 0x80u
#define CONTROL_RELOAD  0x40u
#define FRC1_BITS       0x7fffffu
#define FRC1_NMI        0x8u
#define INTERRUPT_FRC1  9u

/// The clock is divided by 1, 16 or 256.
static unsigned shift_of(const struct frc *frc) {
    unsigned divide = frc->control >> 2 & 3;
    return divide == 0 ? 0 : divide == 1 ? 4 : 8;
}

uint32_t frc_value(const struct chip *chip, unsigned which) {
    const struct frc *frc = &chip->frc[which];
    unsigned shift = shift_of(frc);
    bool runs = (frc->control & CONTROL_ENABLED) != 0;
    uint64_t ticks = runs ? (clock_ticks(chip) >> shift) - (frc->since >> shift) : 0;
    if (which == 1) {
        return frc->value + (uint32_t)ticks;
    }
    if (ticks <= frc->value) {
        return frc->value - (uint32_t)ticks;
    }
    ticks -= frc->value;
    if ((frc->control & CONTROL_RELOAD) != 0 && frc->load != 0) {
        return frc->load - (uint32_t)(ticks % frc->load);
    }
    return (0u - (uint32_t)ticks) & FRC1_BITS;
}

static void set(struct chip *chip, unsigned which, uint32_t value) {
    chip->frc[which].value = value;
    chip->frc[which].since = clock_ticks(chip);
    soc_look_again(chip);
}

uint64_t frc_at(const struct chip *chip, unsigned which) {
    const struct frc *frc = &chip->frc[which];
    unsigned shift = shift_of(frc);
    if ((frc->control & CONTROL_ENABLED) == 0) {
        return UINT64_MAX;
    }
    uint64_t count = which == 1 ? frc->alarm - frc->value : frc->value;
    if (count == 0) {
        count = which == 1 ? UINT64_C(0x100000000) : 1;
    }
    return ((frc->since >> shift) + count) << shift;
}

void frc_event(struct chip *chip, unsigned which) {
    const struct frc *frc = &chip->frc[which];
    if ((chip->dport[DPORT_EDGES] & 2u << which) != 0) {
        chip->cpu.interrupt |= 1u << (INTERRUPT_FRC1 + which);
    }
    if (which == 0 && (chip->dport[DPORT_NMI] & FRC1_NMI) != 0) {
        chip->cpu.nmi = true;
    }
    set(chip, which, which == 1 ? frc->alarm : (frc->control & CONTROL_RELOAD) != 0 ? frc->load : FRC1_BITS);
}

void frc_store(struct chip *chip, unsigned which, uint32_t offset, uint32_t value) {
    struct frc *frc = &chip->frc[which];
    uint32_t now = frc_value(chip, which);
    switch (offset) {
    case LOAD:
        frc->load = which == 0 ? value & FRC1_BITS : value;
        set(chip, which, frc->load);
        break;
    case CONTROL:
        frc->control = value;
        set(chip, which, now);
        break;
    case CLEAR:
        chip->cpu.interrupt &= ~(1u << (INTERRUPT_FRC1 + which));
        break;
    case ALARM:
        if (which == 1) {
            frc->alarm = value;
            set(chip, which, now);
        }
        break;
    default:
        break;
    }
}
