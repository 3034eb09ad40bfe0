/* The emulated LX106: what each instruction does, exceptions and interrupts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/esp8266/decode.h"
#include "tests/esp8266_bench.h"

#define SAR       3u
#define PS        230u
#define INTENABLE 228u
#define CCOMPARE  240u
#define CCOUNT    234u
#define INTERRUPT 226u

static struct bench bench;

static int set_up(void **state) {
    (void)state;
    bench_set_up(&bench);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench_tear_down(&bench);
    return 0;
}

/// Runs a program with a2 and a3 set. Returns a5.
static uint32_t run_with(const uint32_t *instructions, unsigned count, uint32_t a2, uint32_t a3) {
    struct chip_registers registers;
    bench_tear_down(&bench);
    bench_program(&bench, instructions, count);
    chip_registers(bench.chip, &registers);
    registers.a[2] = a2;
    registers.a[3] = a3;
    registers.a[5] = 0xdeadbeef;
    registers.ps = 0;
    chip_set_registers(bench.chip, &registers);
    assert_true(bench_run(&bench));
    chip_registers(bench.chip, &registers);
    return registers.a[5];
}

struct operation_case {
    const char *name;
    uint32_t before; ///< an instruction that sets SAR, or 0
    uint32_t instruction;
    uint32_t a2, a3;
    uint32_t expected; ///< a5
};

#define SSR_A3  RRR(4u, 0u, 0u, 3u, 0u)
#define SSL_A3  RRR(4u, 0u, 1u, 3u, 0u)
#define SSA8L   RRR(4u, 0u, 2u, 3u, 0u)
#define SSA8B   RRR(4u, 0u, 3u, 3u, 0u)
#define SSAI(n) RRR(4u, 0u, 4u, (n)&15u, (n) >> 4)

static const struct operation_case OPERATIONS[] = {
    {"add", 0, RRR(8u, 0u, 5u, 2u, 3u), 0xffffffff, 2, 1},
    {"addx2", 0, RRR(9u, 0u, 5u, 2u, 3u), 5, 3, 13},
    {"addx4", 0, RRR(10u, 0u, 5u, 2u, 3u), 5, 3, 23},
    {"addx8", 0, RRR(11u, 0u, 5u, 2u, 3u), 5, 3, 43},
    {"sub", 0, RRR(12u, 0u, 5u, 2u, 3u), 1, 2, 0xffffffff},
    {"subx2", 0, RRR(13u, 0u, 5u, 2u, 3u), 5, 3, 7},
    {"subx4", 0, RRR(14u, 0u, 5u, 2u, 3u), 5, 3, 17},
    {"subx8", 0, RRR(15u, 0u, 5u, 2u, 3u), 5, 3, 37},
    {"and", 0, RRR(1u, 0u, 5u, 2u, 3u), 0xff00ff00, 0x0ff00ff0, 0x0f000f00},
    {"or", 0, RRR(2u, 0u, 5u, 2u, 3u), 0xff00ff00, 0x0ff00ff0, 0xfff0fff0},
    {"xor", 0, RRR(3u, 0u, 5u, 2u, 3u), 0xff00ff00, 0x0ff00ff0, 0xf0f0f0f0},
    {"mov (or with itself)", 0, RRR(2u, 0u, 5u, 2u, 2u), 77, 3, 77},
    {"neg", 0, RRR(6u, 0u, 5u, 0u, 2u), 1, 0, 0xffffffff},
    {"abs", 0, RRR(6u, 0u, 5u, 1u, 2u), 0xffffff00, 0, 0x100},
    {"abs of the least", 0, RRR(6u, 0u, 5u, 1u, 2u), 0x80000000, 0, 0x80000000},
    {"addi", 0, RRI8(12u, 2u, 5u, 0x80), 0x100, 0, 0x80},
    {"addmi", 0, RRI8(13u, 2u, 5u, 0xff), 0x100, 0, 0},
    {"movi, least", 0, RRI8(10u, 8u, 5u, 0), 0, 0, 0xfffff800},
    {"movi, most", 0, RRI8(10u, 7u, 5u, 0xff), 0, 0, 0x7ff},
    {"addi.n", 0, 0x5u << 12 | 2u << 8 | 15u << 4 | 11u, 10, 0, 25},
    {"addi.n of -1", 0, 0x5u << 12 | 2u << 8 | 0u << 4 | 11u, 10, 0, 9},
    {"movi.n 95", 0, 15u << 12 | 5u << 8 | 5u << 4 | 12u, 0, 0, 95},
    {"movi.n -32", 0, 0u << 12 | 5u << 8 | 6u << 4 | 12u, 0, 0, 0xffffffe0},
    {"add.n", 0, 5u << 12 | 2u << 8 | 3u << 4 | 10u, 40, 2, 42},
    {"mov.n", 0, 0u << 12 | 2u << 8 | 5u << 4 | 13u, 9, 0, 9},
    {"slli by 1", 0, RRR(1u, 1u, 5u, 2u, 15u), 0x80000001, 0, 2},
    {"slli by 31", 0, RRR(0u, 1u, 5u, 2u, 1u), 1, 0, 0x80000000},
    {"srai by 4", 0, RRR(2u, 1u, 5u, 4u, 2u), 0x80000000, 0, 0xf8000000},
    {"srai by 31", 0, RRR(3u, 1u, 5u, 15u, 2u), 0x80000000, 0, 0xffffffff},
    {"srli", 0, RRR(4u, 1u, 5u, 4u, 2u), 0x80000000, 0, 0x08000000},
    {"sll", SSL_A3, RRR(10u, 1u, 5u, 2u, 0u), 0x01020304, 8, 0x02030400},
    {"sll by 0", SSL_A3, RRR(10u, 1u, 5u, 2u, 0u), 0x01020304, 0, 0x01020304},
    {"srl", SSR_A3, RRR(9u, 1u, 5u, 0u, 2u), 0x81020304, 8, 0x00810203},
    {"srl, only five bits count", SSR_A3, RRR(9u, 1u, 5u, 0u, 2u), 0x81020304, 40, 0x00810203},
    {"sra", SSR_A3, RRR(11u, 1u, 5u, 0u, 2u), 0x81020304, 8, 0xff810203},
    {"src", SSAI(12u), RRR(8u, 1u, 5u, 2u, 3u), 0x00000abc, 0x12345678, 0xabc12345},
    {"src by 0", SSAI(0u), RRR(8u, 1u, 5u, 2u, 3u), 0xabc, 0x12345678, 0x12345678},
    {"ssa8l", SSA8L, RSR(5u, SAR), 0, 7, 24},
    {"ssa8b", SSA8B, RSR(5u, SAR), 0, 7, 8},
    {"ssai", SSAI(17u), RSR(5u, SAR), 0, 0, 17},
    {"extui", 0, RRR(7u, 4u, 5u, 4u, 2u), 0x12345678, 0, 0x67},
    {"extui from 20", 0, RRR(3u, 5u, 5u, 4u, 2u), 0x12345678, 0, 0x3},
    {"nsa", 0, RRR(4u, 0u, 14u, 2u, 5u), 0xffff0000, 0, 15},
    {"nsa of 0", 0, RRR(4u, 0u, 14u, 2u, 5u), 0, 0, 31},
    {"nsau", 0, RRR(4u, 0u, 15u, 2u, 5u), 0x00010000, 0, 15},
    {"nsau of 0", 0, RRR(4u, 0u, 15u, 2u, 5u), 0, 0, 32},
    {"mul16u", 0, RRR(12u, 1u, 5u, 2u, 3u), 0x1ffff, 0xffff, 0xfffe0001},
    {"mul16s", 0, RRR(13u, 1u, 5u, 2u, 3u), 0x1ffff, 2, 0xfffffffe},
    {"mull", 0, RRR(8u, 2u, 5u, 2u, 3u), 0x10001, 0x10001, 0x20001},
    {"moveqz", 0, RRR(8u, 3u, 5u, 2u, 3u), 7, 0, 7},
    {"moveqz not", 0, RRR(8u, 3u, 5u, 2u, 3u), 7, 1, 0xdeadbeef},
    {"movnez", 0, RRR(9u, 3u, 5u, 2u, 3u), 7, 1, 7},
    {"movltz", 0, RRR(10u, 3u, 5u, 2u, 3u), 7, 0x80000000, 7},
    {"movgez not", 0, RRR(11u, 3u, 5u, 2u, 3u), 7, 0x80000000, 0xdeadbeef},
};

static void test_arithmetic(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof OPERATIONS / sizeof OPERATIONS[0]; i++) {
        const struct operation_case *row = &OPERATIONS[i];
        const uint32_t nop = RRR(0u, 0u, 2u, 0u, 15u);
        const uint32_t program[] = {row->before != 0 ? row->before : nop, row->instruction};
        uint32_t found = run_with(program, 2, row->a2, row->a3);
        if (found != row->expected) {
            fail_msg("%s gives 0x%08x instead of 0x%08x", row->name, found, row->expected);
        }
    }
}

struct branch_case {
    const char *name;
    uint32_t instruction; ///< over the next one
    uint32_t a2, a3;
    bool taken;
};

/// Branches to the instruction behind the next one: 3 + 3 - 4.
#define B(r) BRANCH(r, 2u, 3u, 2u)

static const struct branch_case BRANCHES[] = {
    {"beq", B(1u), 5, 5, true},
    {"beq not", B(1u), 5, 6, false},
    {"bne", B(9u), 5, 6, true},
    {"blt signed", B(2u), 0xffffffff, 0, true},
    {"bltu unsigned", B(3u), 0xffffffff, 0, false},
    {"bge signed", B(10u), 0, 0xffffffff, true},
    {"bgeu", B(11u), 0, 0xffffffff, false},
    {"bnone", B(0u), 5, 10, true},
    {"bany", B(8u), 5, 12, true},
    {"ball", B(4u), 15, 5, true},
    {"bnall", B(12u), 15, 16, true},
    {"bbc", B(5u), 8, 3 + 32, false},
    {"bbs", B(13u), 8, 3 + 32, true},
    {"bbci 19", BRANCH(7u, 2u, 3u, 2u), 1u << 19, 0, false},
    {"bbsi 19", BRANCH(15u, 2u, 3u, 2u), 1u << 19, 0, true},
    {"bbsi 3", BRANCH(14u, 2u, 3u, 2u), 1u << 19, 0, false},
    {"beqz", 2u << 12 | 2u << 8 | 1u << 4 | 6u, 0, 0, true},
    {"bnez", 2u << 12 | 2u << 8 | 5u << 4 | 6u, 0, 0, false},
    {"bltz", 2u << 12 | 2u << 8 | 9u << 4 | 6u, 0x80000000, 0, true},
    {"bgez", 2u << 12 | 2u << 8 | 13u << 4 | 6u, 0x80000000, 0, false},
    {"beqi -1", 2u << 16 | 0u << 12 | 2u << 8 | 2u << 4 | 6u, 0xffffffff, 0, true},
    {"bnei 256", 2u << 16 | 15u << 12 | 2u << 8 | 6u << 4 | 6u, 256, 0, false},
    {"blti 10", 2u << 16 | 9u << 12 | 2u << 8 | 10u << 4 | 6u, 0xfffffff0, 0, true},
    {"bgei 8", 2u << 16 | 8u << 12 | 2u << 8 | 14u << 4 | 6u, 8, 0, true},
    {"bltui 32768", 2u << 16 | 0u << 12 | 2u << 8 | 11u << 4 | 6u, 32767, 0, true},
    {"bgeui 65536", 2u << 16 | 1u << 12 | 2u << 8 | 15u << 4 | 6u, 65535, 0, false},
    {"j", 2u << 6 | 6u, 0, 0, true},
};

static void test_branches(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof BRANCHES / sizeof BRANCHES[0]; i++) {
        const struct branch_case *row = &BRANCHES[i];
        const uint32_t program[] = {row->instruction, RRI8(10u, 0u, 5u, 1u)};
        bool taken = run_with(program, 2, row->a2, row->a3) != 1;
        if (taken != row->taken) {
            fail_msg("%s is %s", row->name, taken ? "taken" : "not taken");
        }
    }
}

#define DRAM 0x3ffe8000u
#define IRAM 0x40100000u

static void test_loads_and_stores(void **state) {
    (void)state;
    // s32i a3, a2, 8; l8ui a5, a2, 9 and its kin.
    const uint32_t byte[] = {S32I(3u, 2u, 8u), RRI8(0u, 2u, 5u, 9u)};
    const uint32_t half[] = {S32I(3u, 2u, 8u), RRI8(1u, 2u, 5u, 5u)};
    const uint32_t signed_half[] = {S32I(3u, 2u, 8u), RRI8(9u, 2u, 5u, 5u)};
    const uint32_t put_byte[] = {S32I(3u, 2u, 8u), RRI8(4u, 2u, 2u, 9u), L32I(5u, 2u, 8u)};
    const uint32_t put_half[] = {S32I(3u, 2u, 8u), RRI8(5u, 2u, 2u, 5u), L32I(5u, 2u, 8u)};
    const uint32_t iram[] = {S32I(3u, 2u, 8u), L32I(5u, 2u, 8u)};
    assert_int_equal(run_with(byte, 2, DRAM, 0x8182c384), 0xc3);
    assert_int_equal(run_with(half, 2, DRAM, 0x8182c384), 0x8182);
    assert_int_equal(run_with(signed_half, 2, DRAM, 0x8182c384), 0xffff8182);
    assert_int_equal(run_with(put_byte, 3, DRAM, 0x8182c384), 0x81820084);
    assert_int_equal(run_with(put_half, 3, DRAM, 0x8182c384), 0x8000c384);
    assert_int_equal(run_with(iram, 2, IRAM, 0x12345678), 0x12345678);
    assert_int_equal(bench.exceptions, 0);
}

/// The cause of the exception that an instruction ends in.
static unsigned cause_of(uint32_t instruction, uint32_t a2) {
    // The vectors stay where they are, so the program's end is not reached: a mark tells of the vector.
    static const uint32_t vector = 0x40000030u;
    struct chip_registers registers;
    bench_tear_down(&bench);
    memcpy(bench.rom + (vector & 0xffffu), &(uint32_t){STAY}, 3);
    bench_program(&bench, &instruction, 1);
    chip_mark(bench.chip, vector, true);
    chip_registers(bench.chip, &registers);
    registers.a[2] = a2;
    registers.ps = 0;
    chip_set_registers(bench.chip, &registers);
    assert_true(bench_run(&bench));
    chip_registers(bench.chip, &registers);
    assert_int_equal(registers.pc, vector);
    assert_int_equal(registers.ps, 0x10);
    return registers.exccause;
}

static void test_exceptions(void **state) {
    (void)state;
    assert_int_equal(cause_of(0, 0), 0);                        // ill
    assert_int_equal(cause_of(RRR(0u, 2u, 5u, 2u, 3u), 0), 0);  // the LX106 has no booleans
    assert_int_equal(cause_of(RRR(2u, 3u, 5u, 2u, 3u), 0), 0);  // no sext
    assert_int_equal(cause_of(RRR(12u, 2u, 5u, 2u, 3u), 0), 0); // no division
    assert_int_equal(cause_of(RRR(0u, 0u, 5u, 0u, 0u), 0), 1);  // syscall
    assert_int_equal(cause_of(L32I(5u, 2u, 0u), DRAM + 2), 9);  // off its alignment
    assert_int_equal(cause_of(RRI8(0u, 2u, 5u, 0u), IRAM), 3);  // a byte of IRAM
    assert_int_equal(cause_of(RRI8(4u, 2u, 5u, 0u), IRAM), 3);  // a byte to IRAM
    assert_int_equal(cause_of(L32I(5u, 2u, 0u), 0), 28);        // where nothing is
    assert_int_equal(cause_of(S32I(5u, 2u, 0u), 0x1000), 29);
    assert_int_equal(cause_of(RRR(0u, 0u, 0u, 2u, 10u), 0), 20);         // jx to nowhere
    assert_int_equal(cause_of(RRR(0u, 0u, 0u, 2u, 10u), 0x40200000), 2); // to flash, the cache off
}

static void test_that_exceptions_without_a_vector_do_not_hang_the_host(void **state) {
    (void)state;
    // wsr.vecbase to where nothing is, then an illegal instruction: exceptions for ever.
    const uint32_t program[] = {WSR(2u, 231u), 0};
    struct chip_registers registers;
    bench_program(&bench, program, 2);
    chip_registers(bench.chip, &registers);
    registers.a[2] = 0x10000000;
    chip_set_registers(bench.chip, &registers);
    uint64_t end = CHIP_SECOND / 1000;
    for (int i = 0; i < 100000 && chip_time(bench.chip) < end; i++) {
        chip_run(bench.chip, end);
    }
    assert_true(chip_time(bench.chip) >= end);
    assert_true(bench.exceptions > 100);
}

static void test_the_timer_interrupts_at_its_count(void **state) {
    (void)state;
    // a4 = 500; ccompare = ccount + 500; intenable = 1 << 6; rsil 0; wait.
    const uint32_t program[] = {RSR(3u, CCOUNT),         RRI8(10u, 1u, 4u, 0xf4u), RRR(8u, 0u, 3u, 3u, 4u),
                                WSR(3u, CCOMPARE),       RRI8(10u, 0u, 4u, 0x40u), WSR(4u, INTENABLE),
                                RRR(0u, 0u, 6u, 0u, 5u), RRR(0u, 0u, 7u, 0u, 0u)};
    static const uint32_t vector = 0x40000030u;
    struct chip_registers registers;
    memcpy(bench.rom + (vector & 0xffffu), &(uint32_t){RSR(6u, CCOUNT)}, 3);
    memcpy(bench.rom + (vector & 0xffffu) + 3, &(uint32_t){STAY}, 3);
    bench_program(&bench, program, sizeof program / sizeof program[0]);
    chip_registers(bench.chip, &registers);
    registers.ps = 0x0f;
    chip_set_registers(bench.chip, &registers);
    chip_mark(bench.chip, vector + 3, true);
    assert_true(bench_run(&bench));
    chip_registers(bench.chip, &registers);
    assert_int_equal(registers.pc, vector + 3);
    assert_int_equal(registers.exccause, 4);
    // a3 is the count that was asked for; entering the vector takes a few cycles.
    assert_true(registers.a[6] - registers.a[3] < 16);
}

static void test_an_interrupt_waits_for_its_level(void **state) {
    (void)state;
    // The software's interrupt, asked for at level 1, is taken after rsil 0 alone.
    const uint32_t program[] = {RRR(0u, 0u, 6u, 1u, 5u), RRI8(10u, 0u, 4u, 0x80u), WSR(4u, INTENABLE),
                                WSR(4u, INTERRUPT),      RRI8(10u, 0u, 6u, 1u),    RRR(0u, 0u, 6u, 0u, 5u),
                                RRI8(10u, 0u, 6u, 2u)};
    static const uint32_t vector = 0x40000030u;
    struct chip_registers registers;
    memcpy(bench.rom + (vector & 0xffffu), &(uint32_t){STAY}, 3);
    bench_program(&bench, program, sizeof program / sizeof program[0]);
    chip_mark(bench.chip, vector, true);
    chip_registers(bench.chip, &registers);
    registers.ps = 0x0f;
    chip_set_registers(bench.chip, &registers);
    assert_true(bench_run(&bench));
    chip_registers(bench.chip, &registers);
    assert_int_equal(registers.pc, vector);
    assert_int_equal(registers.a[6], 1);
}

static void test_code_that_is_written_is_run(void **state) {
    (void)state;
    // A word of code into IRAM, called; another one over it, called again: nothing stale is run.
    const uint32_t program[] = {
        S32I(3u, 2u, 0u),                                  // movi a5, 1; and the first byte of ret
        RRI8(10u, 0u, 4u, 0x80u),                          // ret = 000080
        S32I(4u, 2u, 4u),                                  // its rest is zero
        RRR(0u, 0u, 0u, 2u, 12u),                          // callx0 a2
        RRI8(12u, 3u, 3u, 0u),                             // addi a3, a3, 0
        RRR(0u, 0u, 2u, 0u, 15u),                          // nop
        RRR(2u, 0u, 6u, 5u, 5u),                           // mov a6, a5
        RRI8(10u, 0u, 7u, 1u),                             // a7 = 1 << 16
        RRR(1u, 1u, 7u, 7u, 0u),  RRR(8u, 0u, 3u, 3u, 7u), // a3 += a7: movi a5, 2
        S32I(3u, 2u, 0u),         RRR(0u, 0u, 0u, 2u, 12u), RRR(11u, 0u, 5u, 6u, 5u), // a5 = 8 * a6 + a5
    };
    // movi a5, 1 is 52 a0 01, ret is 80 00 00: words 0x8001a052, then 0.
    uint32_t found;
    const uint32_t word = 0x8001a052;
    uint32_t simple[sizeof program / sizeof program[0]];
    memcpy(simple, program, sizeof program);
    simple[1] = RRI8(10u, 0u, 4u, 0u);
    found = run_with(simple, sizeof program / sizeof program[0], IRAM + 0x100, word);
    assert_int_equal(found, 8 * 1 + 2);
    assert_int_equal(bench.exceptions, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_arithmetic, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_branches, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_loads_and_stores, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_exceptions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_that_exceptions_without_a_vector_do_not_hang_the_host, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_timer_interrupts_at_its_count, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_an_interrupt_waits_for_its_level, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_code_that_is_written_is_run, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
