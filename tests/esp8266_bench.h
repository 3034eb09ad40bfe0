/*
 * A chip for tests of the emulated ESP8266: its ROM holds what the test puts there.
 */
#ifndef TESTS_ESP8266_BENCH_H
#define TESTS_ESP8266_BENCH_H

#include "sim/esp8266/chip.h"

#define BENCH_START 0x40000080u
#define BENCH_FLASH 0x100000u

/* Instructions by their formats. */
#define RRR(op2, op1, r, s, t) ((op2) << 20 | (op1) << 16 | (r) << 12 | (s) << 8 | (t) << 4)
#define RRI8(r, s, t, imm)     (((imm)&0xffu) << 16 | (r) << 12 | (s) << 8 | (t) << 4 | 2u)
#define BRANCH(r, s, t, imm)   (((imm)&0xffu) << 16 | (r) << 12 | (s) << 8 | (t) << 4 | 7u)
#define L32I(t, s, offset)     RRI8(2u, s, t, (offset) / 4)
#define S32I(t, s, offset)     RRI8(6u, s, t, (offset) / 4)
#define RSR(t, number)         RRR(0u, 3u, (number) >> 4, (number)&15u, t)
#define WSR(t, number)         RRR(1u, 3u, (number) >> 4, (number)&15u, t)
/// A jump to itself.
#define STAY 0xffff06u

struct bench {
    struct chip *chip;
    uint8_t rom[CHIP_ROM_SIZE];
    uint8_t flash[BENCH_FLASH];
    struct chip_options options;
    uint32_t end; ///< where the program's last instruction is, which is marked
    char printed[4096];
    unsigned length;
    unsigned exceptions;
    unsigned cause; ///< of the last of them
    unsigned complaints;
};

/// An empty ROM and an erased flash; nothing is created yet.
void bench_set_up(struct bench *bench);
void bench_tear_down(struct bench *bench);
/// Creates the chip under a ROM that runs these instructions from reset, and powers it on.
void bench_program(struct bench *bench, const uint32_t *instructions, unsigned count);
/// Powers on a chip under the stand-in or the ROM that `options` names.
void bench_boot(struct bench *bench);
/// Runs to the program's end, at the most a second. Returns whether it came there.
bool bench_run(struct bench *bench);
/// The boot ROM that ONESLOT_ESP8266_ROM names, CHIP_ROM_SIZE bytes; NULL when there is none.
const uint8_t *bench_rom(void);

#endif
