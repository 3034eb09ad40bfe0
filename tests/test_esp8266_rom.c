/*
 * The stand-in for the ESP8266's boot ROM: what each of its functions does, and, where ONESLOT_ESP8266_ROM names the
 * chip's own ROM, that the ROM's does the same: result, memory, flash operations, output, registers that are kept.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "tests/esp8266_bench.h"

#define CODE   0x40100000u /* where the image is entered */
#define RETURN 0x40100100u /* where a function returns to */
#define DATA   0x3ffe8000u
#define TEXT   (DATA + 0x1000u)
#define STACK  0x3fff8000u
#define AT     0x80000u /* in flash */

#define DRAM_SIZE    0x14000u
#define OPERATIONS   600u
#define CHECKSUM     0xefu
#define IO_WORDS     0x400u
#define ANY          UINT64_MAX /* a result that nobody looks at */
#define FLASH_CHIP   0x3fffc718u
#define RTC_REGISTER 0x60000700u

struct operation_log {
    unsigned count;
    struct nor_operation operation[OPERATIONS];
};

/// A chip that stands at its program's entry.
struct side {
    struct bench bench;
    struct operation_log log;
    uint32_t before[DRAM_SIZE / 4];
};

static struct side ours, theirs;
static const uint8_t *real_rom;

static void log_operation(void *context, const struct nor *nor, const struct nor_operation *operation) {
    struct operation_log *log = context;
    (void)nor;
    if (log->count < OPERATIONS) {
        log->operation[log->count] = *operation;
    }
    log->count++;
}

static void put_word(uint8_t *at, uint32_t word) {
    memcpy(at, &word, 4);
}

/// An image of three segments, one of which crosses a line's end with its header.
static void put_image(uint8_t *flash, uint8_t mode) {
    static const struct {
        uint32_t address, length;
    } segments[] = {{CODE, 0x14c}, {DATA + 0x2000, 1060}, {DATA + 0x3000, 1124}};
    uint32_t offset = 8;
    uint8_t checksum = CHECKSUM;
    memcpy(flash, (const uint8_t[]){0xe9, 3, mode, 0x40}, 4);
    put_word(flash + 4, CODE);
    for (unsigned i = 0; i < 3; i++) {
        put_word(flash + offset, segments[i].address);
        put_word(flash + offset + 4, segments[i].length);
        offset += 8;
        for (uint32_t k = 0; k < segments[i].length; k++) {
            flash[offset + k] = i == 0 ? (uint8_t[]){0x06, 0xff, 0xff}[k % 3] : (uint8_t)(k * 7 + i);
            checksum ^= flash[offset + k];
        }
        offset += segments[i].length;
    }
    flash[offset | 15u] = checksum;
}

static void boot(struct side *side, const uint8_t *rom, uint8_t mode) {
    bench_tear_down(&side->bench);
    bench_set_up(&side->bench);
    memset(&side->log, 0, sizeof side->log);
    put_image(side->bench.flash, mode);
    for (uint32_t i = 0; i < 0x10000; i++) {
        side->bench.flash[AT + i] = (uint8_t)(0xf0 | i);
    }
    side->bench.options.rom = rom;
    side->bench.options.rom_size = CHIP_ROM_SIZE;
    bench_boot(&side->bench);
    struct nor *nor = chip_flash(side->bench.chip);
    nor->observe = log_operation;
    nor->observe_context = &side->log;
    chip_mark(side->bench.chip, CODE, true);
    assert_true(bench_run(&side->bench));
    chip_mark(side->bench.chip, CODE, false);
    chip_mark(side->bench.chip, RETURN, true);
}

static void boot_both(uint8_t mode) {
    boot(&ours, NULL, mode);
    if (real_rom != NULL) {
        boot(&theirs, real_rom, mode);
    }
}

/// Bytes into DRAM at an address that is aligned to 4; what follows in the last word is 0.
static void poke(struct side *side, uint32_t address, const void *bytes, uint32_t length) {
    for (uint32_t at = 0; at < length; at += 4) {
        uint32_t word = 0;
        memcpy(&word, (const uint8_t *)bytes + at, length - at < 4 ? length - at : 4);
        assert_true(chip_poke(side->bench.chip, address + at, word));
    }
}

static void fill_data(struct side *side) {
    for (uint32_t at = 0; at < DRAM_SIZE; at += 4) {
        assert_true(chip_poke(side->bench.chip, DATA + at, at * 2654435761u ^ at >> 3));
    }
}

/// Calls a function. Returns a2, with a3 above it.
static uint64_t call(struct side *side, uint32_t function, const uint32_t argument[6]) {
    struct chip_registers registers;
    chip_registers(side->bench.chip, &registers);
    registers.pc = function;
    registers.a[0] = RETURN;
    registers.a[1] = STACK;
    memcpy(registers.a + 2, argument, 6 * sizeof argument[0]);
    for (unsigned i = 12; i < 16; i++) {
        registers.a[i] = 0x1000u * i;
    }
    chip_set_registers(side->bench.chip, &registers);
    side->bench.length = 0;
    side->bench.printed[0] = 0;
    assert_true(bench_run(&side->bench));
    chip_registers(side->bench.chip, &registers);
    assert_int_equal(registers.pc, RETURN);
    assert_int_equal(registers.a[1], STACK);
    for (unsigned i = 12; i < 16; i++) {
        assert_int_equal(registers.a[i], 0x1000u * i);
    }
    return (uint64_t)registers.a[3] << 32 | registers.a[2];
}

enum result { NOTHING, WORD_RESULT, SIGN, PAIR };

static uint64_t result_of(enum result kind, uint64_t value) {
    switch (kind) {
    case NOTHING:
        return 0;
    case SIGN:
        return (int32_t)value < 0 ? UINT32_MAX : (uint32_t)value != 0;
    case WORD_RESULT:
        return (uint32_t)value;
    default:
        return value;
    }
}

/// What the program's memory, the description of the flash chip and the flash are like afterwards.
static void compare_sides(const char *name) {
    for (uint32_t at = DATA; at < STACK - 0x1000; at += 4) {
        uint32_t a = chip_peek(ours.bench.chip, at);
        uint32_t b = chip_peek(theirs.bench.chip, at);
        if (a != b) {
            fail_msg("%s: memory at 0x%08x is 0x%08x, the ROM's makes it 0x%08x", name, at, a, b);
        }
    }
    for (uint32_t at = FLASH_CHIP; at < FLASH_CHIP + 24; at += 4) {
        assert_int_equal(chip_peek(ours.bench.chip, at), chip_peek(theirs.bench.chip, at));
    }
    if (ours.log.count != theirs.log.count) {
        fail_msg("%s: %u flash operations, the ROM's does %u", name, ours.log.count, theirs.log.count);
    }
    for (unsigned i = 0; i < ours.log.count && i < OPERATIONS; i++) {
        if (memcmp(&ours.log.operation[i], &theirs.log.operation[i], sizeof ours.log.operation[i]) != 0) {
            fail_msg("%s: flash operation %u is another one than the ROM's", name, i);
        }
    }
    assert_string_equal(ours.bench.printed, theirs.bench.printed);
    assert_int_equal(ours.bench.exceptions, theirs.bench.exceptions);
}

static void check(const char *name, uint32_t function, enum result kind, uint64_t expected,
                  const uint32_t argument[6]) {
    uint64_t found = result_of(kind, call(&ours, function, argument));
    if (expected != ANY && found != expected) {
        fail_msg("%s gives 0x%llx instead of 0x%llx", name, (unsigned long long)found, (unsigned long long)expected);
    }
    if (real_rom == NULL) {
        return;
    }
    uint64_t real = result_of(kind, call(&theirs, function, argument));
    if (found != real) {
        fail_msg("%s gives 0x%llx, the ROM's 0x%llx", name, (unsigned long long)found, (unsigned long long)real);
    }
    compare_sides(name);
}

#define ARGUMENTS(...) ((const uint32_t[6]){__VA_ARGS__})

struct function_case {
    const char *name;
    uint32_t function;
    enum result result;
    uint64_t expected;
    uint32_t argument[6];
};

static void check_all(const struct function_case *cases, size_t count) {
    for (size_t i = 0; i < count; i++) {
        check(cases[i].name, cases[i].function, cases[i].result, cases[i].expected, cases[i].argument);
    }
}

static const struct function_case ARITHMETIC[] = {
    {"__udivsi3", 0x4000e21c, WORD_RESULT, 333333333, {1000000000, 3}},
    {"__udivsi3, large", 0x4000e21c, WORD_RESULT, 1, {0xffffffff, 0x80000001}},
    {"__umodsi3", 0x4000e268, WORD_RESULT, 7, {1000000007, 10}},
    {"__divsi3", 0x4000dc88, WORD_RESULT, (uint32_t)-33, {(uint32_t)-100, 3}},
    {"__divsi3, both below 0", 0x4000dc88, WORD_RESULT, 33, {(uint32_t)-100, (uint32_t)-3}},
    {"__umulsidi3", 0x4000dcf0, PAIR, 0xfffffffe00000001, {0xffffffff, 0xffffffff}},
    {"__muldi3", 0x40000650, PAIR, 0xdeadbeef00000000, {0xdeadbeef, 0x1234, 0, 1}},
    {"__udivdi3", 0x4000d310, PAIR, 0x1999999999999999, {0xffffffff, 0xffffffff, 10, 0}},
    {"__umoddi3", 0x4000d770, PAIR, 5, {0xffffffff, 0xffffffff, 10, 0}},
    {"__divdi3", 0x4000ce60, PAIR, (uint64_t)-10, {(uint32_t)-100, UINT32_MAX, 10, 0}},
};

static void test_arithmetic(void **state) {
    (void)state;
    boot_both(2);
    check_all(ARITHMETIC, sizeof ARITHMETIC / sizeof ARITHMETIC[0]);
}

static const struct function_case MEMORY[] = {
    {"memcpy of words", 0x4000df48, WORD_RESULT, DATA + 0x400, {DATA + 0x400, DATA + 0x100, 64}},
    {"memcpy off alignment", 0x4000df48, WORD_RESULT, DATA + 0x401, {DATA + 0x401, DATA + 0x102, 63}},
    {"memcpy of nothing", 0x4000df48, WORD_RESULT, DATA + 0x401, {DATA + 0x401, DATA + 0x102, 0}},
    {"memmove up", 0x4000e04c, WORD_RESULT, DATA + 0x109, {DATA + 0x109, DATA + 0x100, 50}},
    {"memmove down", 0x4000e04c, WORD_RESULT, DATA + 0x0f1, {DATA + 0x0f1, DATA + 0x100, 50}},
    {"memset", 0x4000e190, WORD_RESULT, DATA + 0x203, {DATA + 0x203, 0x1a5, 39}},
    {"bzero", 0x4000de84, NOTHING, ANY, {DATA + 0x301, 21}},
    {"memcmp equal", 0x4000dea8, SIGN, 0, {TEXT, TEXT + 16, 5}},
    {"memcmp less", 0x4000dea8, SIGN, UINT32_MAX, {TEXT, TEXT + 16, 6}},
    {"strlen", 0x4000bf4c, WORD_RESULT, 6, {TEXT}},
    {"strlen off alignment", 0x4000bf4c, WORD_RESULT, 3, {TEXT + 3}},
    {"strcmp less", 0x4000bdc8, SIGN, UINT32_MAX, {TEXT, TEXT + 16}},
    {"strcmp equal", 0x4000bdc8, SIGN, 0, {TEXT, TEXT}},
    {"strncmp equal", 0x4000bfa8, SIGN, 0, {TEXT, TEXT + 16, 5}},
    {"strncmp greater", 0x4000bfa8, SIGN, 1, {TEXT + 16, TEXT, 6}},
    {"strcpy", 0x4000bec8, WORD_RESULT, DATA + 0x501, {DATA + 0x501, TEXT}},
    {"strncpy fills up", 0x4000c0a0, WORD_RESULT, DATA + 0x520, {DATA + 0x520, TEXT, 12}},
    {"strncpy cuts off", 0x4000c0a0, WORD_RESULT, DATA + 0x540, {DATA + 0x540, TEXT, 3}},
    {"strstr", 0x4000e1e0, WORD_RESULT, TEXT + 2, {TEXT, TEXT + 32}},
    {"strstr without", 0x4000e1e0, WORD_RESULT, 0, {TEXT + 16, TEXT + 40}},
    {"ets_memcpy", 0x400018b4, NOTHING, ANY, {DATA + 0x600, TEXT, 16}},
    {"ets_memset", 0x400018a4, NOTHING, ANY, {DATA + 0x640, 7, 16}},
    {"ets_memcmp", 0x400018d4, SIGN, UINT32_MAX, {TEXT, TEXT + 16, 6}},
    {"ets_strlen", 0x40002ac8, WORD_RESULT, 6, {TEXT}},
    {"ets_bzero", 0x40002ae8, NOTHING, ANY, {DATA + 0x700, 16}},
};

static void test_memory(void **state) {
    static const char text[48] = "abcdeX\0\0\0\0\0\0\0\0\0\0abcdeY\0\0\0\0\0\0\0\0\0\0cde\0\0\0\0\0qq";
    (void)state;
    boot_both(2);
    for (unsigned i = 0; i < (real_rom != NULL ? 2u : 1u); i++) {
        struct side *side = i == 0 ? &ours : &theirs;
        fill_data(side);
        poke(side, TEXT, text, sizeof text);
    }
    check_all(MEMORY, sizeof MEMORY / sizeof MEMORY[0]);
    // The copy off alignment, in numbers: its 16th byte.
    assert_int_equal(chip_peek(ours.bench.chip, DATA + 0x410) >> 8 & 0xff,
                     (0x110 * 2654435761u ^ 0x110 >> 3) >> 16 & 0xff);
}

static const struct function_case FLASH[] = {
    {"SPIRead", 0x40004b1c, WORD_RESULT, 0, {AT, DATA, 100}},
    {"SPIRead of five bytes", 0x40004b1c, WORD_RESULT, 0, {AT + 3, DATA + 0x100, 5}},
    {"SPIRead of nothing", 0x40004b1c, WORD_RESULT, 0, {AT, DATA, 0}},
    {"SPIRead past the chip", 0x40004b1c, WORD_RESULT, 1, {0x3ffffc, DATA, 8}},
    {"SPIWrite", 0x40004a4c, WORD_RESULT, 0, {AT, TEXT, 40}},
    {"SPIWrite over a page's end", 0x40004a4c, WORD_RESULT, 0, {AT + 0x2f0, TEXT, 0x130}},
    {"SPIWrite of pages", 0x40004a4c, WORD_RESULT, 0, {AT + 0x1000, TEXT, 0x300}},
    {"SPIWrite of half a word", 0x40004a4c, WORD_RESULT, 1, {AT + 0x2000, TEXT, 6}},
    {"SPIWrite past the chip", 0x40004a4c, WORD_RESULT, 1, {0x400000, TEXT, 4}},
    {"SPIEraseSector", 0x40004a00, WORD_RESULT, 0, {AT / 4096 + 1}},
    {"SPIEraseSector past the chip", 0x40004a00, WORD_RESULT, 1, {0x400}},
    {"SPIEraseBlock", 0x400049b4, WORD_RESULT, 0, {AT / 65536 + 1}},
    {"SPIEraseBlock past the chip", 0x400049b4, WORD_RESULT, 1, {0x40}},
    {"SPIEraseArea", 0x40004b44, WORD_RESULT, 0, {AT + 0xf000, 0x22000}},
    {"SPIEraseArea off a sector", 0x40004b44, WORD_RESULT, 1, {AT + 0x10, 0x1000}},
    {"SPI_read_status", 0x400043c8, WORD_RESULT, 0, {FLASH_CHIP, DATA + 0x200}},
    {"SPILock", 0x400048a8, WORD_RESULT, 0, {0}},
    {"SPIWrite to a protected chip", 0x40004a4c, WORD_RESULT, 0, {AT + 0x5000, TEXT, 4}},
    {"SPI_read_status of it", 0x400043c8, WORD_RESULT, 0, {FLASH_CHIP, DATA + 0x204}},
    {"SPIUnlock", 0x40004878, WORD_RESULT, 0, {0}},
    {"SPIReadModeCnfig, QIO", 0x400048ec, WORD_RESULT, 0, {0}},
    {"SPIRead on four lines", 0x40004b1c, WORD_RESULT, 0, {AT, DATA + 0x300, 64}},
    {"SPIReadModeCnfig, DOUT", 0x400048ec, WORD_RESULT, 0, {3}},
    {"SPIReadModeCnfig, fast", 0x400048ec, WORD_RESULT, 0, {4}},
    {"SPI_write_enable", 0x4000443c, WORD_RESULT, 0, {FLASH_CHIP}},
    {"SPI_write_status", 0x40004400, WORD_RESULT, 0, {FLASH_CHIP, 0x1c}},
    {"Wait_SPI_Idle", 0x4000448c, WORD_RESULT, 0, {FLASH_CHIP}},
    {"SPIParamCfg", 0x40004c2c, WORD_RESULT, 0, {0x1640ef, 0x800000, 0x10000, 0x1000, 0x100, 0xffff}},
    {"SPIRead of the larger chip", 0x40004b1c, WORD_RESULT, 0, {0x400000 + AT, DATA + 0x400, 64}},
};

static void compare_peripherals(const char *name) {
    for (uint32_t at = 0x60000000; at < 0x60000000 + IO_WORDS * 4; at += 4) {
        uint32_t a = chip_peek(ours.bench.chip, at);
        uint32_t b = chip_peek(theirs.bench.chip, at);
        if (a != b) {
            fail_msg("%s: the register 0x%08x holds 0x%08x, the ROM's makes it 0x%08x", name, at, a, b);
        }
    }
    for (uint32_t at = 0x3ff00000; at < 0x3ff00100; at += 4) {
        assert_int_equal(chip_peek(ours.bench.chip, at), chip_peek(theirs.bench.chip, at));
    }
}

static void test_flash(void **state) {
    (void)state;
    boot_both(2);
    for (unsigned i = 0; i < (real_rom != NULL ? 2u : 1u); i++) {
        fill_data(i == 0 ? &ours : &theirs);
    }
    for (size_t i = 0; i < sizeof FLASH / sizeof FLASH[0]; i++) {
        const struct function_case *row = &FLASH[i];
        check(row->name, row->function, row->result, row->expected, row->argument);
        if (real_rom != NULL) {
            compare_peripherals(row->name);
        }
    }
    // 40 bytes are two programs, 0x130 over a page's end 1 + 9, 0x300 are 24; a sector and a block; then the area: one
    // sector, two blocks, and two sectors.
    assert_int_equal(ours.log.count, 2 + 10 + 24 + 1 + 1 + 1 + 2 + 2);
    uint8_t word[4];
    nor_peek(chip_flash(ours.bench.chip), AT + 0x5000, word, 4);
    assert_memory_equal(word, ((const uint8_t[]){0xf0, 0xf1, 0xf2, 0xf3}), 4);
}

static void test_the_cache(void **state) {
    static const uint32_t modes[4][3] = {{0, 0, 0}, {0, 0, 1}, {1, 0, 0}, {0, 1, 1}};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        boot_both(2);
        check("Cache_Read_Enable", 0x40004678, NOTHING, ANY, ARGUMENTS(modes[i][0], modes[i][1], modes[i][2]));
        assert_true(chip_cache_on(ours.bench.chip));
        if (real_rom != NULL) {
            compare_peripherals("Cache_Read_Enable");
        }
        check("Cache_Read_Disable", 0x400047f0, NOTHING, ANY, ARGUMENTS(0));
        assert_false(chip_cache_on(ours.bench.chip));
        if (real_rom != NULL) {
            compare_peripherals("Cache_Read_Disable");
        }
    }
}

static void test_digest(void **state) {
    static const uint8_t of_abc[16] = {0x90, 0x01, 0x50, 0x98, 0x3c, 0xd2, 0x4f, 0xb0,
                                       0xd6, 0x96, 0x3f, 0x7d, 0x28, 0xe1, 0x7f, 0x72};
    uint8_t found[16];
    (void)state;
    boot_both(2);
    for (unsigned i = 0; i < (real_rom != NULL ? 2u : 1u); i++) {
        fill_data(i == 0 ? &ours : &theirs);
        poke(i == 0 ? &ours : &theirs, TEXT, "abc", 4);
    }
    check("MD5Init", 0x40009818, NOTHING, ANY, ARGUMENTS(DATA));
    check("MD5Update", 0x40009834, NOTHING, ANY, ARGUMENTS(DATA, TEXT, 3));
    check("MD5Final", 0x40009900, NOTHING, ANY, ARGUMENTS(DATA + 0x100, DATA));
    for (uint32_t i = 0; i < 4; i++) {
        put_word(found + i * 4, chip_peek(ours.bench.chip, DATA + 0x100 + i * 4));
    }
    assert_memory_equal(found, of_abc, 16);
    check("MD5Init", 0x40009818, NOTHING, ANY, ARGUMENTS(DATA));
    check("MD5Update of 60", 0x40009834, NOTHING, ANY, ARGUMENTS(DATA, TEXT, 60));
    check("MD5Update of 200", 0x40009834, NOTHING, ANY, ARGUMENTS(DATA, TEXT + 4, 200));
    check("MD5Update of nothing", 0x40009834, NOTHING, ANY, ARGUMENTS(DATA, TEXT, 0));
    check("MD5Final", 0x40009900, NOTHING, ANY, ARGUMENTS(DATA + 0x100, DATA));
}

struct print_case {
    const char *format;
    uint32_t value;
    const char *expected;
};

static const struct print_case PRINTS[] = {
    {"%d|\n", 0, "0|\r\n"},
    {"%d|", (uint32_t)-42, "-42|"},
    {"%5d|", 42, "   42|"},
    {"%05d|", (uint32_t)-42, "-0042|"},
    {"%-5d|", 42, "42   |"},
    {"%u|", 4000000000u, "4000000000|"},
    {"%x|", 0xbeef, "beef|"},
    {"%08X|", 0xbeef, "0000BEEF|"},
    {"%c|", 'Z', "Z|"},
    {"%s|", TEXT + 0x100, "text|"},
    {"%8s|", TEXT + 0x100, "    text|"},
    {"%-8s|", TEXT + 0x100, "text    |"},
    {"%%|", 0, "%|"},
    {"%ld|", 7, "7|"},
    {"a\rb\n", 0, "ab\r\n"},
};

static void test_printing(void **state) {
    (void)state;
    boot_both(2);
    for (size_t i = 0; i < sizeof PRINTS / sizeof PRINTS[0]; i++) {
        const struct print_case *row = &PRINTS[i];
        for (unsigned k = 0; k < (real_rom != NULL ? 2u : 1u); k++) {
            poke(k == 0 ? &ours : &theirs, TEXT, row->format, (uint32_t)strlen(row->format) + 1);
            poke(k == 0 ? &ours : &theirs, TEXT + 0x100, "text", 5);
        }
        check(row->format, 0x400024cc, WORD_RESULT, ANY, ARGUMENTS(TEXT, row->value));
        assert_string_equal(ours.bench.printed, row->expected);
    }
    check("uart_tx_one_char", 0x40003b30, WORD_RESULT, 0, ARGUMENTS('\n'));
    assert_string_equal(ours.bench.printed, "\n");
}

static void test_time_and_resets(void **state) {
    (void)state;
    boot_both(2);
    uint64_t start = chip_time(ours.bench.chip);
    check("ets_delay_us", 0x40002ecc, NOTHING, ANY, ARGUMENTS(1000));
    // The ROM counts 80 cycles a microsecond; the crystal gives 52.
    uint64_t took = chip_time(ours.bench.chip) - start;
    assert_in_range(took / CHIP_MICROSECOND, 1500, 1600);
    check("rtc_get_reset_reason", 0x400025e0, WORD_RESULT, 1, ARGUMENTS(0));
    check("ets_wdt_disable", 0x400030f0, WORD_RESULT, UINT32_MAX, ARGUMENTS(0));
    // The reset follows in its middle: the ROM boots again and enters the program.
    for (unsigned i = 0; i < (real_rom != NULL ? 2u : 1u); i++) {
        struct side *side = i == 0 ? &ours : &theirs;
        struct chip_registers registers;
        struct chip_statistics statistics;
        chip_registers(side->bench.chip, &registers);
        registers.pc = 0x4000264c;
        chip_set_registers(side->bench.chip, &registers);
        chip_mark(side->bench.chip, CODE, true);
        assert_true(bench_run(&side->bench));
        chip_statistics(side->bench.chip, &statistics);
        assert_int_equal(statistics.resets, 1);
        chip_registers(side->bench.chip, &registers);
        assert_int_equal(registers.pc, CODE);
        assert_int_equal(registers.a[13], 2);
    }
}

/// What the program finds when it is entered, in each mode that a header may name.
static void test_the_program_is_entered_alike(void **state) {
    (void)state;
    for (uint8_t mode = 0; mode < 4; mode++) {
        struct chip_registers mine;
        boot_both(mode);
        chip_registers(ours.bench.chip, &mine);
        assert_int_equal(mine.a[0], 0x40001100);
        assert_int_equal(mine.a[1], 0x3ffffff0);
        assert_int_equal(mine.a[2], CODE);
        assert_int_equal(mine.ps, 0x20);
        assert_non_null(strstr(ours.bench.printed, "rst cause:1, boot mode:(3,6)"));
        assert_int_equal(chip_baud(ours.bench.chip, 0), 74927);
        if (real_rom != NULL) {
            struct chip_registers real;
            chip_registers(theirs.bench.chip, &real);
            assert_memory_equal(mine.a, real.a, sizeof mine.a);
            assert_int_equal(mine.ps, real.ps);
            assert_int_equal(mine.sar, real.sar);
            assert_string_equal(ours.bench.printed, theirs.bench.printed);
            compare_sides("boot");
            compare_peripherals("boot");
            for (uint32_t at = 0x3fffc000; at < 0x3fffc200; at += 4) {
                assert_int_equal(chip_peek(ours.bench.chip, at), chip_peek(theirs.bench.chip, at));
            }
        }
    }
}

static void test_a_damaged_image_is_not_entered(void **state) {
    (void)state;
    for (unsigned i = 0; i < (real_rom != NULL ? 2u : 1u); i++) {
        struct side *side = i == 0 ? &ours : &theirs;
        bench_tear_down(&side->bench);
        bench_set_up(&side->bench);
        put_image(side->bench.flash, 2);
        side->bench.flash[100] ^= 1;
        side->bench.options.rom = i == 0 ? NULL : real_rom;
        side->bench.options.rom_size = CHIP_ROM_SIZE;
        bench_boot(&side->bench);
        chip_mark(side->bench.chip, CODE, true);
        assert_false(bench_run(&side->bench));
        assert_non_null(strstr(side->bench.printed, "csum err\r\nets_main.c "));
    }
    if (real_rom != NULL) {
        assert_string_equal(ours.bench.printed, theirs.bench.printed);
    }
}

static void test_a_function_that_is_not_there_is_an_exception(void **state) {
    struct chip_registers registers;
    (void)state;
    boot(&ours, NULL, 2);
    chip_registers(ours.bench.chip, &registers);
    registers.pc = 0x40000600; // rand
    chip_set_registers(ours.bench.chip, &registers);
    assert_false(bench_run(&ours.bench));
    assert_int_equal(ours.bench.cause, 0);
    assert_non_null(strstr(ours.bench.printed, "Fatal exception (0):\r\nepc1=0x40000600"));
}

static void test_the_chip_s_own_rom_was_compared(void **state) {
    (void)state;
    if (real_rom == NULL) {
        print_message("no ROM: set ONESLOT_ESP8266_ROM=FILE to a dump of an ESP8266's boot ROM\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_flash),
        cmocka_unit_test(test_the_cache),
        cmocka_unit_test(test_digest),
        cmocka_unit_test(test_printing),
        cmocka_unit_test(test_time_and_resets),
        cmocka_unit_test(test_the_program_is_entered_alike),
        cmocka_unit_test(test_a_damaged_image_is_not_entered),
        cmocka_unit_test(test_a_function_that_is_not_there_is_an_exception),
        cmocka_unit_test(test_the_chip_s_own_rom_was_compared),
    };
    real_rom = bench_rom();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    bench_tear_down(&ours.bench);
    bench_tear_down(&theirs.bench);
    return failed;
}
