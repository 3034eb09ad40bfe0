/* The simulated NOR flash: its rules, its times, and what it does to an operation that is cut off or fails. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "sim/nor.h"

#define SIZE 0x20000u
#define PAGE 0x1100u /* some page of some sector */

struct bench {
    struct nor nor;
    struct oneslot_flash flash;
};

static int set_up(void **state) {
    static struct bench bench;
    nor_create(&bench.nor, SIZE, 1);
    bench.flash = nor_flash(&bench.nor);
    *state = &bench;
    return 0;
}

static int tear_down(void **state) {
    struct bench *bench = *state;
    nor_destroy(&bench->nor);
    return 0;
}

static int program(struct bench *bench, uint32_t address, const void *data, uint32_t length) {
    return bench->flash.program(&bench->nor, address, data, length);
}

static int erase(struct bench *bench, uint32_t address) {
    return bench->flash.erase_sector(&bench->nor, address);
}

static void read(struct bench *bench, uint32_t address, void *to, uint32_t length) {
    assert_int_equal(bench->flash.read(&bench->nor, address, to, length), 0);
}

static void fill(struct bench *bench, uint32_t address, uint32_t length, uint8_t value) {
    uint8_t page[ONESLOT_PAGE_SIZE];
    memset(page, value, sizeof page);
    for (uint32_t at = 0; at < length; at += sizeof page) {
        nor_load(&bench->nor, address + at, page, sizeof page);
    }
}

static bool all(struct bench *bench, uint32_t address, uint32_t length, uint8_t value) {
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte;
        nor_peek(&bench->nor, address + i, &byte, 1);
        if (byte != value) {
            return false;
        }
    }
    return true;
}

/// Runs an operation whose power is cut, as planned.
static bool is_cut(struct bench *bench, void (*operation)(struct bench *bench)) {
    jmp_buf power;
    bench->nor.power = &power;
    if (setjmp(power) == 0) {
        operation(bench);
        bench->nor.power = NULL;
        return false;
    }
    bench->nor.power = NULL;
    bench->nor.faults = 0;
    bench->nor.power_ups++;
    return true;
}

static void a_program_clears_bits_and_an_erase_sets_them(void **state) {
    struct bench *bench = *state;
    uint8_t byte[4];
    program(bench, PAGE, "\xf0\xf1\xf2\xf3", 4);
    program(bench, PAGE, "\x00\x01\x02\x03", 4);
    read(bench, PAGE, byte, 4);
    assert_memory_equal(byte, "\x00\x01\x02\x03", 4);
    assert_int_equal(bench->nor.violations, 0);
    erase(bench, 0x1000);
    assert_true(all(bench, 0x1000, ONESLOT_SECTOR_SIZE, 0xff));
    assert_int_equal(bench->nor.sector[1]->erases, 1);
    assert_int_equal(bench->nor.sector[2]->erases, 0);
}

static void a_block_erase_wears_each_of_its_sectors(void **state) {
    struct bench *bench = *state;
    fill(bench, 0, SIZE, 0);
    bench->flash.erase_block(&bench->nor, 0x10000);
    assert_true(all(bench, 0x10000, ONESLOT_BLOCK_SIZE, 0xff));
    assert_true(all(bench, 0, 0x10000, 0));
    for (uint32_t i = 16; i < 32; i++) {
        assert_int_equal(bench->nor.sector[i]->erases, 1);
    }
}

static void what_breaks_the_rules_is_noted_with_its_address(void **state) {
    struct bench *bench = *state;
    uint8_t page[ONESLOT_PAGE_SIZE] = {0};
    uint8_t writable[SIZE / ONESLOT_SECTOR_SIZE] = {0, 1};
    program(bench, PAGE, page, 8);
    assert_int_equal(bench->nor.violations, 0);
    program(bench, PAGE + 4, "\0\0\0\x01", 4);
    assert_int_equal(bench->nor.violation, NOR_VIOLATION_SET_BIT);
    assert_int_equal(bench->nor.violation_address, PAGE + 7);
    assert_int_not_equal(program(bench, PAGE + 252, page, 8), 0); /* across a page */
    assert_int_not_equal(program(bench, PAGE + 2, page, 4), 0);
    assert_int_not_equal(erase(bench, 0x1100), 0);
    assert_int_not_equal(erase(bench, SIZE), 0);
    assert_int_not_equal(bench->flash.erase_block(&bench->nor, 0x1000), 0);
    assert_int_not_equal(bench->flash.read(&bench->nor, SIZE - 4, page, 8), 0);
    assert_int_equal(bench->nor.violations, 7);
    nor_count_from_zero(&bench->nor);
    bench->nor.writable = writable;
    erase(bench, 0x1000);
    assert_int_equal(bench->nor.violations, 0);
    erase(bench, 0x2000);
    assert_int_equal(bench->nor.violation, NOR_VIOLATION_FORBIDDEN);
    assert_int_equal(bench->nor.violation_address, 0x2000);
}

static void marks_may_go_over_what_a_cut_left_of_them(void **state) {
    struct bench *bench = *state;
    bench->nor.marks_start = 0x1000;
    bench->nor.marks_end = 0x2000;
    program(bench, PAGE, "\0\0\0\0\0\0\0\0", 8);
    program(bench, PAGE, "\1\0\0\0\0\0\0\0", 8);
    assert_int_equal(bench->nor.violations, 0);
    program(bench, PAGE, "\1\0\0\0\0\0\0\0\0\0\0\0", 12);
    assert_int_equal(bench->nor.violations, 1);
}

static void times_are_the_data_sheets(void **state) {
    struct bench *bench = *state;
    const struct nor_statistics *statistics = &bench->nor.statistics;
    uint8_t page[ONESLOT_PAGE_SIZE] = {0};
    erase(bench, 0);
    assert_int_equal(statistics->erase_time, 45000000);
    bench->flash.erase_block(&bench->nor, 0);
    assert_int_equal(statistics->erase_time, 45000000 + 150000000);
    program(bench, 0, page, sizeof page);
    program(bench, 0, page, 4);
    assert_int_equal(statistics->program_time, 2 * 700000);
    assert_int_equal(statistics->programmed_bytes, sizeof page + 4);
    read(bench, 0, page, sizeof page);
    assert_int_equal(statistics->read_time, 1600 + 256 * 400);
    bench->nor.timing = nor_w25q32_dual;
    read(bench, 0, page, sizeof page);
    assert_int_equal(statistics->read_time, 1600 + 256 * 400 + 2000 + 256 * 200);
    assert_int_equal(bench->nor.operations, 4);
    assert_int_equal(bench->nor.reads, 2);
}

static void write_two_pages(struct bench *bench) {
    uint8_t page[ONESLOT_PAGE_SIZE];
    memset(page, 0x0f, sizeof page);
    program(bench, PAGE, page, 128);
    program(bench, PAGE + ONESLOT_PAGE_SIZE, page, sizeof page);
}

static void a_cut_strikes_the_operation_that_it_names(void **state) {
    struct bench *bench = *state;
    nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = 1, .tear = NOR_BEFORE});
    assert_true(is_cut(bench, write_two_pages));
    assert_true(all(bench, PAGE, 128, 0x0f));
    assert_true(all(bench, PAGE + 128, 128 + ONESLOT_PAGE_SIZE, 0xff));
    assert_int_equal(bench->nor.operations, 2);
    assert_false(is_cut(bench, write_two_pages));
}

/// What a program of 0x0f to the first half of a page may leave, by tear.
struct left {
    enum nor_tear tear;
    bool done;    ///< all of it may be done
    bool undone;  ///< all of it may be undone
    bool weak;    ///< cells may be weak
    bool outside; ///< the page's other half may be hurt
};

static void each_tear_of_a_program_leaves_what_it_says(void **state) {
    static const struct left cases[] = {
        {NOR_BEFORE, false, true, false, false},     {NOR_AFTER, true, false, false, false},
        {NOR_PREFIX, false, true, false, false},     {NOR_MIX, false, false, false, false},
        {NOR_MIX_WEAK, false, false, true, false},   {NOR_DONE_WEAK, true, false, true, false},
        {NOR_UNDONE_WEAK, false, true, true, false}, {NOR_DAMAGE, false, false, true, true},
    };
    struct bench *bench = *state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct left *left = &cases[i];
        bool done = false;
        bool undone = false;
        bool weak = false;
        bool outside = false;
        bool partial = false;
        for (int round = 0; round < 64; round++) {
            erase(bench, 0x1000);
            nor_count_from_zero(&bench->nor);
            nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = 0, .tear = left->tear});
            assert_true(is_cut(bench, write_two_pages));
            bool all_done = all(bench, PAGE, 128, 0x0f);
            bool none_done = all(bench, PAGE, 128, 0xff);
            done = done || all_done;
            undone = undone || none_done;
            partial = partial || (!all_done && !none_done);
            weak = weak || nor_weak(&bench->nor, PAGE, 128);
            outside = outside || !all(bench, PAGE + 128, 128, 0xff);
            assert_true(all(bench, 0x1000, 0x100, 0xff));
            assert_true(all(bench, PAGE + 256, 256, 0xff));
        }
        assert_true(left->done || !done);
        assert_true(left->undone || !undone || left->tear == NOR_MIX_WEAK || left->tear == NOR_MIX);
        assert_int_equal(weak, left->weak);
        assert_int_equal(outside, left->outside);
        assert_int_equal(partial, left->tear == NOR_PREFIX || left->tear == NOR_MIX || left->tear == NOR_MIX_WEAK ||
                                      left->tear == NOR_DAMAGE);
    }
}

static void erase_block_one(struct bench *bench) {
    bench->flash.erase_block(&bench->nor, 0x10000);
}

static void a_torn_block_erase_leaves_old_and_erased_bits_within_its_block(void **state) {
    struct bench *bench = *state;
    for (enum nor_tear tear = NOR_BEFORE; tear < NOR_TEAR_COUNT; tear++) {
        fill(bench, 0, SIZE, 0x5a);
        nor_count_from_zero(&bench->nor);
        nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = 0, .tear = tear});
        assert_true(is_cut(bench, erase_block_one));
        assert_true(all(bench, 0, 0x10000, 0x5a));
        for (uint32_t i = 0x10000; i < SIZE; i++) {
            uint8_t byte;
            nor_peek(&bench->nor, i, &byte, 1);
            /* A cell that was 1 stays 1, but for chips that program before they erase. */
            assert_true(tear == NOR_DAMAGE || (byte & 0x5a) == 0x5a);
            assert_true(tear != NOR_DAMAGE || (byte & ~0x5a) == 0);
            assert_true(tear != NOR_PREFIX || byte == 0x5a || byte == 0xff);
        }
        bool weak = tear == NOR_MIX_WEAK || tear == NOR_DONE_WEAK || tear == NOR_UNDONE_WEAK || tear == NOR_DAMAGE;
        assert_int_equal(nor_weak(&bench->nor, 0x10000, 0x10000), weak);
        assert_int_equal(bench->nor.sector[16]->erases, tear); /* every one but the first began */
    }
}

/// Leaves a page that looks erased, all of its bits weak.
static void make_weak_page(struct bench *bench) {
    uint8_t zeros[ONESLOT_PAGE_SIZE] = {0};
    struct nor_operation operation = {.kind = NOR_PROGRAM, .address = PAGE, .length = sizeof zeros};
    for (int round = 0; round < 16; round++) {
        nor_apply(&bench->nor, &operation, NOR_UNDONE_WEAK);
    }
    bench->nor.power_ups += 4; /* past any calm */
}

static bool reads_change(struct bench *bench, uint32_t address) {
    uint8_t first[ONESLOT_PAGE_SIZE];
    uint8_t other[ONESLOT_PAGE_SIZE];
    read(bench, address, first, sizeof first);
    for (int round = 0; round < 16; round++) {
        read(bench, address, other, sizeof other);
        if (memcmp(first, other, sizeof first) != 0) {
            return true;
        }
    }
    return false;
}

static void weak_cells_read_by_chance_until_erased_or_programmed_to_0(void **state) {
    struct bench *bench = *state;
    uint8_t zeros[ONESLOT_PAGE_SIZE] = {0};
    make_weak_page(bench);
    assert_true(all(bench, PAGE, ONESLOT_PAGE_SIZE, 0xff));
    assert_true(reads_change(bench, PAGE));
    assert_false(reads_change(bench, PAGE + ONESLOT_PAGE_SIZE));
    program(bench, PAGE, zeros, sizeof zeros);
    assert_false(reads_change(bench, PAGE));
    assert_false(nor_weak(&bench->nor, PAGE, ONESLOT_PAGE_SIZE));
    erase(bench, 0x1000);
    make_weak_page(bench);
    erase(bench, 0x1000);
    assert_false(reads_change(bench, PAGE));
}

static void weak_cells_may_read_well_until_the_power_goes_again(void **state) {
    struct bench *bench = *state;
    uint8_t zeros[ONESLOT_PAGE_SIZE] = {0};
    struct nor_operation operation = {.kind = NOR_PROGRAM, .address = PAGE, .length = sizeof zeros};
    bool calm = false;
    bool wild = false;
    for (int round = 0; round < 64; round++) {
        erase(bench, 0x1000);
        nor_apply(&bench->nor, &operation, NOR_UNDONE_WEAK);
        bench->nor.power_ups++;
        bool changes = reads_change(bench, PAGE);
        calm = calm || (!changes && nor_weak(&bench->nor, PAGE, sizeof zeros));
        wild = wild || changes;
    }
    assert_true(calm && wild);
}

static void programming_ones_does_not_make_a_weak_cell_firm(void **state) {
    struct bench *bench = *state;
    uint8_t ones[ONESLOT_PAGE_SIZE];
    memset(ones, 0xff, sizeof ones);
    make_weak_page(bench);
    program(bench, PAGE, ones, sizeof ones);
    assert_true(nor_weak(&bench->nor, PAGE, sizeof ones));
}

static void an_operation_fails_as_often_as_planned_and_may_leave_something(void **state) {
    struct bench *bench = *state;
    fill(bench, 0x1000, ONESLOT_SECTOR_SIZE, 0);
    nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_ERROR, .at = 0, .count = 2, .tear = NOR_BEFORE});
    assert_int_not_equal(erase(bench, 0x1000), 0);
    assert_int_not_equal(erase(bench, 0x1000), 0);
    assert_true(all(bench, 0x1000, ONESLOT_SECTOR_SIZE, 0));
    assert_int_equal(erase(bench, 0x1000), 0);
    assert_true(all(bench, 0x1000, ONESLOT_SECTOR_SIZE, 0xff));
    assert_true(bench->nor.fault_hit);
}

static void an_operation_may_fail_without_saying_so(void **state) {
    struct bench *bench = *state;
    nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_SILENT, .at = 0, .tear = NOR_BEFORE});
    assert_int_equal(program(bench, PAGE, "\0\0\0\0", 4), 0);
    assert_true(all(bench, PAGE, 4, 0xff));
}

static void a_read_may_fail_and_a_sector_may_be_bad_for_good(void **state) {
    struct bench *bench = *state;
    uint8_t word[4];
    nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_READ, .at = 1});
    nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_SECTOR, .at = 0x3000, .tear = NOR_BEFORE});
    assert_int_equal(bench->flash.read(&bench->nor, 0, word, 4), 0);
    assert_int_not_equal(bench->flash.read(&bench->nor, 0, word, 4), 0);
    assert_int_equal(bench->flash.read(&bench->nor, 0, word, 4), 0);
    for (int round = 0; round < 5; round++) {
        assert_int_not_equal(erase(bench, 0x3000), 0);
        assert_int_not_equal(bench->flash.erase_block(&bench->nor, 0), 0);
        assert_int_equal(erase(bench, 0x4000), 0);
    }
}

static void a_stuck_bit_stays_0(void **state) {
    struct bench *bench = *state;
    uint8_t byte;
    nor_stick(&bench->nor, PAGE, 0x10);
    erase(bench, 0x1000);
    nor_peek(&bench->nor, PAGE, &byte, 1);
    assert_int_equal(byte, 0xef);
}

static void a_worn_sector_changes_no_more_and_may_say_so_or_not(void **state) {
    struct bench *bench = *state;
    fill(bench, 0x10000, ONESLOT_BLOCK_SIZE, 0x5a);
    nor_wear_out(&bench->nor, 0x13000, NOR_WEAR_ERASE);
    nor_wear_out(&bench->nor, 0x1000, NOR_WEAR_PROGRAM);
    nor_wear_out(&bench->nor, 0x2000, NOR_WEAR_ERASE | NOR_WEAR_PROGRAM | NOR_WEAR_SILENT);
    struct nor copy;
    nor_copy(&copy, &bench->nor);
    for (int round = 0; round < 3; round++) {
        assert_int_not_equal(erase(bench, 0x13000), 0);
        assert_int_not_equal(bench->flash.erase_block(&bench->nor, 0x10000), 0);
        assert_int_equal(erase(bench, 0x1000), 0);
        assert_int_not_equal(program(bench, PAGE, "\0\0\0\0", 4), 0);
        assert_int_equal(erase(bench, 0x2000), 0);
        assert_int_equal(program(bench, 0x2000, "\0\0\0\0", 4), 0);
    }
    assert_true(all(bench, 0x13000, ONESLOT_SECTOR_SIZE, 0x5a));
    assert_true(all(bench, 0x12000, ONESLOT_SECTOR_SIZE, 0xff)); /* its neighbours were erased */
    assert_true(all(bench, 0x14000, ONESLOT_SECTOR_SIZE, 0xff));
    assert_true(all(bench, 0x1000, 2u * ONESLOT_SECTOR_SIZE, 0xff));
    assert_int_equal(program(bench, 0x13000, "\0\0\0\0", 4), 0);
    /* The chip is worn, not the plan: a copy is worn as well. */
    struct oneslot_flash other = nor_flash(&copy);
    assert_int_not_equal(other.erase_sector(&copy, 0x13000), 0);
    nor_destroy(&copy);
}

static void a_disturbed_read_gives_wrong_bits_as_often_as_planned(void **state) {
    struct bench *bench = *state;
    uint8_t bytes[64];
    uint8_t erased[64];
    memset(erased, 0xff, sizeof erased);
    for (uint32_t round = 0; round < 20; round++) {
        nor_count_from_zero(&bench->nor);
        nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_DISTURB, .at = 1, .count = 2});
        uint32_t wrong = 0;
        for (uint32_t i = 0; i < 5; i++) {
            read(bench, PAGE, bytes, sizeof bytes);
            bool differs = memcmp(bytes, erased, sizeof bytes) != 0;
            wrong += differs;
            assert_true(!differs || i == 1 || i == 2);
        }
        assert_true(wrong <= 2);
        assert_true(bench->nor.fault_hit);
    }
    assert_true(all(bench, PAGE, 64, 0xff)); /* the cells are as they were */
}

static void a_bit_rots_either_way_without_a_write(void **state) {
    struct bench *bench = *state;
    uint8_t byte;
    nor_rot(&bench->nor, PAGE, 0x20);
    nor_peek(&bench->nor, PAGE, &byte, 1);
    assert_int_equal(byte, 0xdf);
    nor_rot(&bench->nor, PAGE, 0x20);
    assert_true(all(bench, PAGE, 1, 0xff));
    assert_int_equal(bench->nor.sector[1]->erases + bench->nor.operations, 0);
}

static void cut_an_erase(struct bench *bench) {
    for (int i = 0; i < 4; i++) {
        erase(bench, 0x3000);
    }
}

static void writes_are_counted_from_deed_to_deed(void **state) {
    struct bench *bench = *state;
    nor_count_from_zero(&bench->nor);
    for (int i = 0; i < 3; i++) {
        erase(bench, 0x2000);
    }
    assert_int_equal(bench->nor.deed_erases_max, 3);
    assert_int_equal(bench->nor.deed_address, 0x2000);
    nor_deed(&bench->nor);
    for (int i = 0; i < 2; i++) {
        erase(bench, 0x2000);
        program(bench, PAGE, "\0\0\0\0", 4);
    }
    assert_int_equal(bench->nor.deed_erases_max, 3); /* the most so far */
    assert_int_equal(bench->nor.deed_programs_max, 2);
    bench->flash.erase_block(&bench->nor, 0);
    erase(bench, 0x2000);
    assert_int_equal(bench->nor.deed_erases_max, 4);
    nor_plan(&bench->nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = bench->nor.operations + 2});
    assert_true(is_cut(bench, cut_an_erase));
    cut_an_erase(bench);
    assert_int_equal(bench->nor.deed_erases_max, 4); /* a cut is a deed too */
}

static void a_copy_shares_nothing_that_either_writes(void **state) {
    struct bench *bench = *state;
    struct nor copy;
    program(bench, PAGE, "\1\1\1\1", 4);
    nor_copy(&copy, &bench->nor);
    struct oneslot_flash other = nor_flash(&copy);
    assert_ptr_equal(copy.sector[1], bench->nor.sector[1]);
    other.erase_sector(&copy, 0x1000);
    assert_true(all(bench, PAGE, 4, 1));
    erase(bench, 0x2000);
    assert_int_equal(copy.sector[2]->erases, 0);
    assert_int_equal(copy.sector[1]->erases, 1);
    assert_int_equal(bench->nor.sector[1]->erases, 0);
    nor_destroy(&copy);
}

static void the_same_seed_gives_the_same_damage(void **state) {
    struct nor pair[2];
    uint8_t zeros[ONESLOT_PAGE_SIZE] = {0};
    struct nor_operation operation = {.kind = NOR_PROGRAM, .address = PAGE, .length = sizeof zeros};
    (void)state;
    for (enum nor_tear tear = NOR_BEFORE; tear < NOR_TEAR_COUNT; tear++) {
        for (int i = 0; i < 2; i++) {
            nor_create(&pair[i], SIZE, 42);
            nor_apply(&pair[i], &operation, tear);
        }
        assert_memory_equal(pair[0].sector[1]->data, pair[1].sector[1]->data, ONESLOT_SECTOR_SIZE);
        assert_int_equal(pair[0].random, pair[1].random);
        nor_destroy(&pair[0]);
        nor_destroy(&pair[1]);
    }
}

static void read_for_ever(struct bench *bench) {
    uint8_t word[4];
    for (;;) {
        read(bench, 0, word, 4);
    }
}

static void an_endless_loop_is_ended(void **state) {
    struct bench *bench = *state;
    bench->nor.budget = 1000;
    assert_true(is_cut(bench, read_for_ever));
    assert_true(bench->nor.exhausted);
}

int main(void) {
#define NOR_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        NOR_TEST(a_program_clears_bits_and_an_erase_sets_them),
        NOR_TEST(a_block_erase_wears_each_of_its_sectors),
        NOR_TEST(what_breaks_the_rules_is_noted_with_its_address),
        NOR_TEST(marks_may_go_over_what_a_cut_left_of_them),
        NOR_TEST(times_are_the_data_sheets),
        NOR_TEST(a_cut_strikes_the_operation_that_it_names),
        NOR_TEST(each_tear_of_a_program_leaves_what_it_says),
        NOR_TEST(a_torn_block_erase_leaves_old_and_erased_bits_within_its_block),
        NOR_TEST(weak_cells_read_by_chance_until_erased_or_programmed_to_0),
        NOR_TEST(weak_cells_may_read_well_until_the_power_goes_again),
        NOR_TEST(programming_ones_does_not_make_a_weak_cell_firm),
        NOR_TEST(an_operation_fails_as_often_as_planned_and_may_leave_something),
        NOR_TEST(an_operation_may_fail_without_saying_so),
        NOR_TEST(a_read_may_fail_and_a_sector_may_be_bad_for_good),
        NOR_TEST(a_stuck_bit_stays_0),
        NOR_TEST(a_worn_sector_changes_no_more_and_may_say_so_or_not),
        NOR_TEST(a_disturbed_read_gives_wrong_bits_as_often_as_planned),
        NOR_TEST(a_bit_rots_either_way_without_a_write),
        NOR_TEST(writes_are_counted_from_deed_to_deed),
        NOR_TEST(a_copy_shares_nothing_that_either_writes),
        NOR_TEST(the_same_seed_gives_the_same_damage),
        NOR_TEST(an_endless_loop_is_ended),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
