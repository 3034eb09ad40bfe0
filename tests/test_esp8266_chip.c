/* The emulated ESP8266 around its core: flash controller and chip, cache, watchdog, serial port, power cuts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/esp8266/soc.h"
#include "tests/esp8266_bench.h"

#define SPI_COMMAND          0x60000200u
#define SPI_ADDRESS          0x60000204u
#define SPI_CONTROL          0x60000208u
#define SPI_STATUS           0x60000210u
#define SPI_USER2            0x60000224u
#define SPI_BUFFER           0x60000240u
#define DPORT_CACHE_REGISTER 0x3ff0000cu
#define DPORT_BANK_REGISTER  0x3ff00024u
#define WATCHDOG             0x60000900u
#define SERIAL               0x60000000u

#define READ    (1u << 31)
#define ENABLE  (1u << 30)
#define READ_ID (1u << 28)
#define GET     (1u << 27)
#define SET     (1u << 26)
#define PROGRAM (1u << 25)
#define SECTOR  (1u << 24)
#define BLOCK   (1u << 23)
#define ALL     (1u << 22)
#define SLEEP   (1u << 21)
#define WAKE    (1u << 20)
#define USER    (1u << 18)

#define BUSY    1u
#define ENABLED 2u
#define AT      0x20040u

static struct bench bench;

static int set_up(void **state) {
    (void)state;
    bench_set_up(&bench);
    memset(bench.flash + AT, 0xf0, 64);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    bench_tear_down(&bench);
    return 0;
}

/// A chip whose program stays where it is: the test does its loads and stores for it.
static void start(void) {
    bench_program(&bench, NULL, 0);
}

static void store(uint32_t address, uint32_t value) {
    assert_int_equal(bus_store(bench.chip, address, 4, value), CAUSE_NONE);
}

static uint32_t load(uint32_t address) {
    uint32_t value;
    assert_int_equal(bus_load(bench.chip, address, 4, &value), CAUSE_NONE);
    return value;
}

static void command(uint32_t bit) {
    store(SPI_COMMAND, bit);
    assert_int_equal(load(SPI_COMMAND), 0);
}

static uint32_t status(void) {
    command(GET);
    return load(SPI_STATUS) & 0xff;
}

/// Lets the chip's time pass.
static void pass(uint64_t microseconds) {
    chip_mark(bench.chip, bench.end, false);
    uint64_t end = chip_time(bench.chip) + microseconds * CHIP_MICROSECOND;
    while (chip_time(bench.chip) < end && chip_run(bench.chip, end) != CHIP_CUT) {
    }
}

static void wait_idle(void) {
    for (int i = 0; i < 100000 && (status() & BUSY) != 0; i++) {
        pass(1000);
    }
    assert_int_equal(status() & BUSY, 0);
}

static void read_flash(uint32_t address, uint32_t length, void *to) {
    store(SPI_ADDRESS, address | length << 24);
    command(READ);
    for (uint32_t i = 0; i < length; i += 4) {
        uint32_t word = load(SPI_BUFFER + i);
        memcpy((uint8_t *)to + i, &word, length - i < 4 ? length - i : 4);
    }
}

static void program_flash(uint32_t address, const void *bytes, uint32_t length) {
    for (uint32_t i = 0; i < length; i += 4) {
        uint32_t word = 0;
        memcpy(&word, (const uint8_t *)bytes + i, length - i < 4 ? length - i : 4);
        store(SPI_BUFFER + i, word);
    }
    store(SPI_ADDRESS, address | length << 24);
    command(PROGRAM);
}

static void test_a_program_needs_to_be_enabled_takes_its_time_and_clears_bits(void **state) {
    uint8_t found[8];
    (void)state;
    start();
    program_flash(AT, "\x3c\x3c\x3c\x3c\x3c", 5);
    wait_idle();
    read_flash(AT, 8, found);
    assert_memory_equal(found, "\xf0\xf0\xf0\xf0\xf0\xf0\xf0\xf0", 8);
    command(ENABLE);
    assert_int_equal(status(), ENABLED);
    program_flash(AT, "\x3c\x3c\x3c\x3c\x3c", 5);
    assert_int_equal(status(), BUSY | ENABLED);
    read_flash(AT, 8, found);
    assert_memory_equal(found, "\xff\xff\xff\xff\xff\xff\xff\xff", 8); // busy: it does not answer
    pass(30 + 4 * 5 / 2 + 1);
    assert_int_equal(status(), 0);
    read_flash(AT, 8, found);
    assert_memory_equal(found, "\x30\x30\x30\x30\x30\xf0\xf0\xf0", 8);
}

static void test_a_program_goes_on_at_its_page_s_start(void **state) {
    uint8_t found[4];
    uint8_t bytes[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    (void)state;
    start();
    command(ENABLE);
    program_flash(0x103fd, bytes, 8);
    wait_idle();
    read_flash(0x103fc, 4, found);
    assert_memory_equal(found, "\xff\x01\x02\x03", 4);
    read_flash(0x10300, 4, found);
    assert_memory_equal(found, "\x04\x05\x06\x07", 4);
    read_flash(0x10400, 4, found);
    assert_memory_equal(found, "\xff\xff\xff\xff", 4);
    assert_int_equal(chip_flash(bench.chip)->violations, 0);
}

static void test_erases_by_their_sizes_and_times(void **state) {
    static const struct {
        uint32_t command, start, end;
        uint64_t microseconds;
    } cases[] = {{SECTOR, 0x20000, 0x21000, 45000}, {BLOCK, 0x20000, 0x30000, 150000}, {ALL, 0, BENCH_FLASH, 2400000}};
    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        bench_tear_down(&bench);
        memset(bench.flash, 0, sizeof bench.flash);
        start();
        command(ENABLE);
        store(SPI_ADDRESS, 0x20004);
        command(cases[i].command);
        pass(cases[i].microseconds - 1000);
        assert_int_equal(status(), BUSY | ENABLED);
        pass(1100);
        assert_int_equal(status(), 0);
        for (uint32_t at = 0; at < BENCH_FLASH; at += 0x800) {
            uint8_t byte;
            nor_peek(chip_flash(bench.chip), at, &byte, 1);
            assert_int_equal(byte, at >= cases[i].start && at < cases[i].end ? 0xff : 0);
        }
    }
}

static void test_status_protects_and_may_be_locked(void **state) {
    uint8_t found[4];
    (void)state;
    bench.options.flash_status[0] = 0x1c;
    start();
    assert_int_equal(status(), 0x1c);
    command(ENABLE);
    program_flash(AT, "\0\0\0\0", 4);
    read_flash(AT, 4, found);
    assert_memory_equal(found, "\xf0\xf0\xf0\xf0", 4);
    command(ENABLE);
    store(SPI_STATUS, 0);
    command(SET);
    wait_idle();
    assert_int_equal(status(), 0);
    command(ENABLE);
    program_flash(AT, "\0\0\0\0", 4);
    wait_idle();
    read_flash(AT, 4, found);
    assert_memory_equal(found, "\0\0\0\0", 4);
    bench_tear_down(&bench);
    bench.options.flash_status[0] = 0x9c;
    start();
    command(ENABLE);
    store(SPI_STATUS, 0);
    command(SET);
    wait_idle();
    assert_int_equal(status(), 0x9c);
}

static void test_identification_user_commands_and_sleep(void **state) {
    uint8_t found[4];
    (void)state;
    start();
    command(READ_ID);
    assert_int_equal(load(SPI_BUFFER) & 0xffffff, 0x1440ef); // W25Q80
    store(SPI_USER2, 0x9f);
    command(USER);
    assert_int_equal(load(SPI_BUFFER) & 0xffffff, 0x1440ef);
    store(SPI_USER2, 0x06);
    command(USER);
    store(SPI_USER2, 0x05);
    command(USER);
    assert_int_equal(load(SPI_BUFFER) & 0xff, ENABLED);
    command(SLEEP);
    read_flash(AT, 4, found);
    assert_memory_equal(found, "\xff\xff\xff\xff", 4);
    command(WAKE);
    read_flash(AT, 4, found);
    assert_memory_equal(found, "\xf0\xf0\xf0\xf0", 4);
    assert_int_equal(bench.complaints, 0);
    store(SPI_USER2, 0xab);
    command(USER);
    assert_int_equal(bench.complaints, 1);
    // Four lines without quad enable: no answer.
    store(SPI_CONTROL, 0x1000000);
    read_flash(AT, 4, found);
    assert_memory_equal(found, "\xff\xff\xff\xff", 4);
}

static void test_the_cache_shows_a_megabyte_and_what_is_written_to_it(void **state) {
    static uint8_t large[0x200000];
    static const uint32_t word = 0x12345678;
    (void)state;
    memset(large, 0xff, sizeof large);
    memcpy(large + 0x1000, &word, 4);
    large[0x101000] = 0x55;
    start();
    chip_destroy(bench.chip);
    bench.chip = NULL;
    assert_int_equal(chip_create(&bench.chip, &bench.options, large, sizeof large), CHIP_OK);
    chip_power_on(bench.chip, CHIP_RESET_POWER);
    assert_int_equal(load(0x40201000), 0);
    assert_int_equal(bench.complaints, 1); // the cache is off
    store(DPORT_CACHE_REGISTER, 0x100);
    assert_int_equal(load(0x40201000), word);
    store(DPORT_CACHE_REGISTER, 0);
    command(ENABLE);
    store(SPI_BUFFER, 0x02040608);
    store(SPI_ADDRESS, 0x1000 | 4u << 24);
    command(PROGRAM);
    wait_idle();
    store(DPORT_CACHE_REGISTER, 0x100);
    assert_int_equal(load(0x40201000), word & 0x02040608);
    store(DPORT_CACHE_REGISTER, 0x2000100); // the odd megabyte
    assert_int_equal(load(0x40201000) & 0xff, 0x55);
    // The cache has a quarter of IRAM, or both of the upper ones.
    store(0x4010c000, 7);
    assert_int_equal(load(0x4010c000), 7);
    store(DPORT_BANK_REGISTER, 0x08);
    assert_int_equal(load(0x4010c000), 0);
    store(0x40108000, 8);
    assert_int_equal(load(0x40108000), 8);
    store(DPORT_BANK_REGISTER, 0x18);
    assert_int_equal(load(0x40108000), 0);
}

static void test_weak_cells_read_anew_when_the_cache_is_emptied(void **state) {
    unsigned different = 0;
    (void)state;
    start();
    struct nor *nor = chip_flash(bench.chip);
    nor_apply(nor, &(struct nor_operation){.kind = NOR_ERASE_SECTOR, .address = 0x20000, .length = 4096},
              NOR_UNDONE_WEAK);
    nor->power_ups += 10; // past their calm
    store(DPORT_CACHE_REGISTER, 0x100);
    for (unsigned i = 0; i < 20; i++) {
        uint32_t first[16];
        for (uint32_t k = 0; k < 16; k++) {
            first[k] = load(0x40220040 + k * 4);
        }
        for (uint32_t k = 0; k < 16; k++) {
            assert_int_equal(load(0x40220040 + k * 4), first[k]);
        }
        store(DPORT_CACHE_REGISTER, 0);
        store(DPORT_CACHE_REGISTER, 0x100);
        for (uint32_t k = 0; k < 16; k++) {
            different += load(0x40220040 + k * 4) != first[k];
        }
    }
    assert_true(different > 0);
}

static void test_the_watchdog_resets_after_its_two_stages_unless_it_is_fed(void **state) {
    struct chip_statistics statistics;
    (void)state;
    start();
    chip_mark(bench.chip, bench.end, false);
    store(WATCHDOG + 4, 6); // 64 times 0.8192 ms at 80 MHz; the crystal gives 52
    store(WATCHDOG + 8, 6);
    store(WATCHDOG, 1);
    for (int i = 0; i < 10; i++) {
        pass(100000);
        store(WATCHDOG + 0x14, 0x73);
    }
    chip_statistics(bench.chip, &statistics);
    assert_int_equal(statistics.watchdog_resets, 0);
    assert_in_range(statistics.watchdog_left, 1, 105000);
    store(WATCHDOG + 0x14, 0x72); // no food
    uint64_t end = chip_time(bench.chip) + CHIP_SECOND;
    assert_int_equal(chip_run(bench.chip, end), CHIP_RESET);
    // 2 * 64 * 65536 ticks of 19.231 ns
    assert_in_range(chip_time(bench.chip) / CHIP_MICROSECOND, 1000000 + 161000, 1000000 + 162500);
    chip_statistics(bench.chip, &statistics);
    assert_int_equal(statistics.watchdog_resets, 1);
    chip_run(bench.chip, chip_time(bench.chip) + CHIP_MICROSECOND);
    assert_int_equal(load(0x60000714) & 15, CHIP_RESET_WATCHDOG);
}

static void test_the_serial_port_takes_time_and_keeps_128_bytes(void **state) {
    (void)state;
    start();
    store(SERIAL + 0x14, 694);
    store(SERIAL, 'a');
    store(SERIAL, 'b');
    assert_string_equal(bench.printed, "ab");
    assert_int_equal(load(SERIAL + 0x1c) >> 16 & 0xff, 2);
    pass(300);
    assert_int_equal(load(SERIAL + 0x1c) >> 16 & 0xff, 0);
    for (unsigned i = 0; i < 128; i++) {
        assert_true(chip_input(bench.chip, 0, (uint8_t)i));
    }
    assert_false(chip_input(bench.chip, 0, 0));
    for (unsigned i = 0; i < 128; i++) {
        assert_int_equal(load(SERIAL), i);
    }
    assert_int_equal(chip_input_waiting(bench.chip, 0), 0);
    for (unsigned i = 0; i < 130; i++) {
        store(SERIAL, '.');
    }
    assert_true(bench.complaints > 0); // overrun
}

static void begin_erase(void) {
    command(ENABLE);
    store(SPI_ADDRESS, 0x20000);
    command(SECTOR);
}

static void test_a_cut_at_a_time_finds_the_erase_under_way(void **state) {
    uint8_t found[64];
    (void)state;
    memset(bench.flash + 0x20000, 0x5a, 4096);
    start();
    chip_mark(bench.chip, bench.end, false);
    begin_erase();
    chip_cut_at_time(bench.chip, chip_time(bench.chip) + 20000 * CHIP_MICROSECOND, NOR_BEFORE);
    assert_int_equal(chip_run(bench.chip, CHIP_SECOND), CHIP_CUT);
    assert_int_equal(chip_run(bench.chip, CHIP_SECOND), CHIP_CUT); // it stays off
    nor_peek(chip_flash(bench.chip), 0x20000, found, 1);
    assert_int_equal(found[0], 0x5a);
    chip_power_on(bench.chip, CHIP_RESET_POWER);
    begin_erase();
    uint64_t now = chip_time(bench.chip);
    chip_cut_at_time(bench.chip, now + 20000 * CHIP_MICROSECOND, NOR_PREFIX);
    assert_int_equal(chip_run(bench.chip, now + CHIP_SECOND), CHIP_CUT);
    uint8_t last;
    nor_peek(chip_flash(bench.chip), 0x20fff, &last, 1);
    assert_int_equal(last, 0x5a);
    chip_power_on(bench.chip, CHIP_RESET_POWER);
    begin_erase();
    now = chip_time(bench.chip);
    chip_cut_at_time(bench.chip, now + 50000 * CHIP_MICROSECOND, NOR_BEFORE); // it is over by then
    assert_int_equal(chip_run(bench.chip, now + CHIP_SECOND), CHIP_CUT);
    nor_peek(chip_flash(bench.chip), 0x20fff, &last, 1);
    assert_int_equal(last, 0xff);
}

static void test_a_cut_at_an_operation(void **state) {
    uint8_t byte;
    (void)state;
    memset(bench.flash + 0x20000, 0x5a, 4096);
    start();
    chip_cut_at_operation(bench.chip, 1, NOR_AFTER);
    command(ENABLE);
    program_flash(AT, "\0\0\0\0", 4);
    wait_idle();
    assert_int_not_equal(chip_run(bench.chip, chip_time(bench.chip) + CHIP_MICROSECOND), CHIP_CUT);
    begin_erase();
    pass(46000);
    command(GET); // the erase is over: the chip would say so
    assert_int_equal(chip_run(bench.chip, UINT64_MAX), CHIP_CUT);
    nor_peek(chip_flash(bench.chip), 0x20fff, &byte, 1);
    assert_int_equal(byte, 0xff);
    chip_power_on(bench.chip, CHIP_RESET_POWER);
    assert_int_not_equal(chip_run(bench.chip, chip_time(bench.chip) + CHIP_MICROSECOND), CHIP_CUT);
}

static void test_a_reset_does_not_stop_the_flash_chip(void **state) {
    uint8_t byte;
    (void)state;
    memset(bench.flash + 0x20000, 0x5a, 4096);
    start();
    chip_mark(bench.chip, bench.end, false);
    begin_erase();
    store(0x60000700, 0x80000000);
    chip_run(bench.chip, chip_time(bench.chip) + CHIP_MICROSECOND);
    assert_int_equal(status(), BUSY | ENABLED);
    wait_idle();
    nor_peek(chip_flash(bench.chip), 0x20000, &byte, 1);
    assert_int_equal(byte, 0xff);
}

static void test_memory_that_survives_a_reset_and_what_does_not(void **state) {
    (void)state;
    start();
    chip_mark(bench.chip, bench.end, false);
    store(0x60001200, 0x1234);
    store(0x60000208, 0x5678);
    assert_true(chip_poke(bench.chip, 0x3ffe8000, 0x9abc));
    store(0x60000700, 0x80000000);
    chip_run(bench.chip, chip_time(bench.chip) + CHIP_MICROSECOND);
    assert_int_equal(load(0x60001200), 0x1234);
    assert_int_equal(load(0x60000208), 0);
    assert_int_equal(chip_peek(bench.chip, 0x3ffe8000), 0x9abc);
    chip_power_on(bench.chip, CHIP_RESET_POWER);
    assert_int_not_equal(chip_peek(bench.chip, 0x3ffe8000), 0x9abc);
    assert_false(chip_poke(bench.chip, 0x3ffe8001, 0));
    assert_false(chip_poke(bench.chip, 0x40000000, 0));
}

static void test_a_mark_is_told_of_each_time(void **state) {
    // addi a2, a2, 1; j back.
    const uint32_t loop[] = {RRI8(12u, 2u, 2u, 1u), (uint32_t)(-7 & 0x3ffff) << 6 | 6u};
    (void)state;
    bench_program(&bench, loop, 2);
    chip_mark(bench.chip, BENCH_START, true);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(chip_run(bench.chip, CHIP_SECOND), CHIP_MARKED);
    }
    // One that is taken away where the core stands does not swallow the next one's.
    assert_true(chip_mark(bench.chip, BENCH_START, false));
    assert_true(chip_mark(bench.chip, BENCH_START + 3, true));
    assert_int_equal(chip_run(bench.chip, CHIP_SECOND), CHIP_MARKED);
    struct chip_registers registers;
    chip_registers(bench.chip, &registers);
    assert_int_equal(registers.pc, BENCH_START + 3);
    assert_int_equal(registers.a[2], 5);
}

static void test_what_is_no_chip_is_refused(void **state) {
    struct chip *chip = (struct chip *)&bench;
    (void)state;
    static const uint32_t sizes[] = {0, 4096, 0x20000, 0x180000, 0x100001, 0x2000000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        assert_int_equal(chip_create(&chip, &bench.options, bench.flash, sizes[i]), CHIP_ERROR_FLASH_SIZE);
        assert_null(chip);
    }
    bench.options.rom = bench.rom;
    bench.options.rom_size = 0xffff;
    assert_int_equal(chip_create(&chip, &bench.options, bench.flash, BENCH_FLASH), CHIP_ERROR_ROM_SIZE);
    assert_non_null(strstr(chip_error_text(CHIP_ERROR_ROM_SIZE), "65536"));
}

static void test_two_chips_with_the_same_inputs_are_the_same(void **state) {
    struct chip *chip[2];
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct chip_options options = {.seed = 5};
        assert_int_equal(chip_create(&chip[i], &options, bench.flash, BENCH_FLASH), CHIP_OK);
        chip_power_on(chip[i], CHIP_RESET_POWER);
        chip_run(chip[i], CHIP_SECOND / 50);
    }
    assert_int_equal(chip_instructions(chip[0]), chip_instructions(chip[1]));
    assert_int_equal(chip_time(chip[0]), chip_time(chip[1]));
    for (uint32_t at = 0x3ffe8000; at < 0x40000000; at += 4) {
        assert_int_equal(chip_peek(chip[0], at), chip_peek(chip[1], at));
    }
    chip_destroy(chip[0]);
    chip_destroy(chip[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_program_needs_to_be_enabled_takes_its_time_and_clears_bits, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_a_program_goes_on_at_its_page_s_start, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_erases_by_their_sizes_and_times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_status_protects_and_may_be_locked, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_identification_user_commands_and_sleep, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_cache_shows_a_megabyte_and_what_is_written_to_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_weak_cells_read_anew_when_the_cache_is_emptied, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_the_watchdog_resets_after_its_two_stages_unless_it_is_fed, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(test_the_serial_port_takes_time_and_keeps_128_bytes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cut_at_a_time_finds_the_erase_under_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_cut_at_an_operation, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reset_does_not_stop_the_flash_chip, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_memory_that_survives_a_reset_and_what_does_not, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_mark_is_told_of_each_time, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_what_is_no_chip_is_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_two_chips_with_the_same_inputs_are_the_same, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
