/* The journal: what is appended is found again, whatever a power cut left of the newest pages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "oneslot/boot.h"
#include "oneslot/journal.h"
#include "sim/nor.h"

#define JOURNAL_ADDRESS 0x10000u
#define CHIP_SIZE       0x20000u

struct bench {
    struct nor nor;
    struct oneslot_flash flash;
    struct oneslot_journal journal;
};

static void set_up(struct bench *bench, uint64_t seed) {
    nor_create(&bench->nor, CHIP_SIZE, seed);
    bench->nor.marks_start = JOURNAL_ADDRESS;
    bench->nor.marks_end = JOURNAL_ADDRESS + 2u * ONESLOT_SECTOR_SIZE;
    bench->flash = nor_flash(&bench->nor);
    bench->journal = (struct oneslot_journal){&bench->flash, JOURNAL_ADDRESS};
}

static void append_state(struct bench *bench, uint8_t tag, enum oneslot_state state) {
    struct oneslot_record record;
    // Records differ in many bits, as real ones do: weak cells that one leaves behind hurt the next.
    uint64_t random = tag;
    memset(&record, 0, sizeof record);
    for (size_t i = 0; i < sizeof record.plan; i++) {
        record.plan[i] = (uint8_t)nor_next_random(&random);
        record.path[i] = (char)nor_next_random(&random);
    }
    record.trial_boots = tag;
    record.state = (uint8_t)state;
    assert_int_equal(oneslot_journal_append(&bench->journal, &record, NULL), ONESLOT_ERROR_NONE);
}

static void append(struct bench *bench, uint8_t tag) {
    append_state(bench, tag, ONESLOT_STATE_IDLE);
}

static int newest(struct bench *bench) {
    struct oneslot_record record;
    enum oneslot_error error = oneslot_journal_load(&bench->journal, &record, NULL);
    return error == ONESLOT_ERROR_NONE ? record.trial_boots : -(int)error;
}

static void an_erased_journal_is_empty(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 1);
    struct oneslot_record record;
    memset(&record, 0xaa, sizeof record);
    assert_int_equal(oneslot_journal_load(&bench.journal, &record, NULL), ONESLOT_ERROR_JOURNAL_EMPTY);
    assert_int_equal(record.state, ONESLOT_STATE_IDLE);
    assert_int_equal(record.path[0], 0);
    nor_destroy(&bench.nor);
}

static void what_is_appended_last_is_found_and_both_sectors_wear_alike(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 2);
    for (int i = 0; i < 200; i++) {
        append(&bench, (uint8_t)i);
        assert_int_equal(newest(&bench), (uint8_t)i);
    }
    uint32_t first = bench.nor.sector[JOURNAL_ADDRESS / ONESLOT_SECTOR_SIZE]->erases;
    uint32_t second = bench.nor.sector[JOURNAL_ADDRESS / ONESLOT_SECTOR_SIZE + 1u]->erases;
    assert_int_equal(first, 34);
    assert_int_equal(second, 33);
    assert_int_equal(bench.nor.violations, 0);
    nor_destroy(&bench.nor);
}

/// As the newest record, in a state that goes on, above one that goes on as well.
static void two_records(struct bench *bench, uint64_t seed) {
    set_up(bench, seed);
    append_state(bench, 1, ONESLOT_STATE_REQUESTED);
    append_state(bench, 2, ONESLOT_STATE_INSTALLING);
}

static void flip(struct bench *bench, uint32_t address, uint8_t bits) {
    uint8_t byte;
    nor_peek(&bench->nor, address, &byte, 1);
    byte ^= bits;
    nor_load(&bench->nor, address, &byte, 1);
}

static void a_bit_that_rots_in_the_newest_record_or_its_seal_does_no_harm(void **state) {
    (void)state;
    for (uint32_t offset = 0; offset < ONESLOT_SEAL_OFFSET + ONESLOT_SEAL_SIZE; offset++) {
        for (uint32_t bit = 0; bit < 8; bit++) {
            struct bench bench;
            struct oneslot_record record;
            uint32_t slot;
            bool settled;
            two_records(&bench, 3);
            uint32_t address = JOURNAL_ADDRESS + ONESLOT_SLOT_SIZE + offset;
            flip(&bench, address, (uint8_t)(1u << bit));
            assert_int_equal(oneslot_journal_look(&bench.journal, &record, &slot, &settled), ONESLOT_ERROR_NONE);
            assert_int_equal(record.trial_boots, 2);
            assert_int_equal(record.crc, oneslot_crc32(0, &record, offsetof(struct oneslot_record, crc)));
            // A record's wrong bit is found out and written anew; its seal has bits enough.
            assert_int_equal(settled, offset >= ONESLOT_SEAL_OFFSET);
            assert_int_equal(oneslot_journal_settle(&bench.journal, &record, &slot), ONESLOT_ERROR_NONE);
            assert_int_equal(oneslot_journal_look(&bench.journal, &record, &slot, &settled), ONESLOT_ERROR_NONE);
            assert_true(settled);
            assert_int_equal(record.trial_boots, 2);
            nor_destroy(&bench.nor);
        }
    }
}

static void a_newest_record_with_more_damage_leaves_the_one_before_it(void **state) {
    (void)state;
    for (uint32_t offset = 0; offset < ONESLOT_SEAL_OFFSET; offset += 2) {
        struct bench bench;
        two_records(&bench, 3);
        flip(&bench, JOURNAL_ADDRESS + ONESLOT_SLOT_SIZE + offset, 0x10);
        flip(&bench, JOURNAL_ADDRESS + ONESLOT_SLOT_SIZE + offset / 2, 0x21);
        assert_int_equal(newest(&bench), 1);
        append(&bench, 3);
        assert_int_equal(newest(&bench), 3);
        nor_destroy(&bench.nor);
    }
}

/// What ended something, and was lost in whatever way, does not call the records before it back.
static void what_was_superseded_by_an_end_never_acts_again(void **state) {
    (void)state;
    for (enum oneslot_state end = 0; end <= ONESLOT_STATE_FAILED; end++) {
        bool ends = end == ONESLOT_STATE_IDLE || end == ONESLOT_STATE_DONE || end == ONESLOT_STATE_FAILED;
        static const uint8_t damage[64] = {0};
        struct bench bench;
        two_records(&bench, 11);
        append_state(&bench, 3, end);
        assert_int_equal(newest(&bench), 3);
        nor_load(&bench.nor, JOURNAL_ADDRESS + 2u * ONESLOT_SLOT_SIZE + 100u, damage, sizeof damage);
        assert_int_equal(newest(&bench), ends ? -ONESLOT_ERROR_JOURNAL_EMPTY : 2);
        nor_destroy(&bench.nor);
    }
}

/// Appends with a cut at operation `at`. Whether the append came to its end.
static bool append_with_cut(struct bench *bench, uint8_t tag, enum oneslot_state state, uint32_t at,
                            enum nor_tear tear) {
    jmp_buf power;
    nor_count_from_zero(&bench->nor);
    nor_plan(&bench->nor, (struct nor_fault){NOR_FAULT_CUT, at, 1, tear});
    bench->nor.power = &power;
    volatile bool whole = false;
    if (setjmp(power) == 0) {
        append_state(bench, tag, state);
        whole = true;
    }
    bench->nor.power = NULL;
    nor_count_from_zero(&bench->nor);
    return whole;
}

static void a_cut_at_any_operation_leaves_the_old_or_the_new_record(void **state) {
    (void)state;
    uint32_t cuts = 0;
    for (uint32_t filled = 0; filled < ONESLOT_SLOTS + 2u; filled++) {
        for (enum nor_tear tear = 0; tear < NOR_TEAR_COUNT; tear++) {
            for (uint32_t at = 0;; at++) {
                struct bench bench;
                set_up(&bench, 100u * at + tear);
                for (uint32_t i = 0; i <= filled; i++) {
                    append(&bench, (uint8_t)(10u + i));
                }
                bool whole = append_with_cut(&bench, 99, ONESLOT_STATE_IDLE, at, tear);
                for (int look = 0; look < 8; look++) {
                    int found = newest(&bench);
                    assert_true(found == 99 || (!whole && found == (int)(10u + filled)));
                }
                // What is appended after the cut is firm: it is found by every later look.
                append(&bench, 77);
                for (int look = 0; look < 8; look++) {
                    bench.nor.power_ups++; // Weak cells may keep still for a while.
                    assert_int_equal(newest(&bench), 77);
                }
                assert_int_equal(bench.nor.violations, 0);
                nor_destroy(&bench.nor);
                cuts++;
                if (whole) {
                    break;
                }
            }
        }
    }
    assert_true(cuts > 400);
}

static void many_cuts_in_a_row_never_lose_the_last_firm_record(void **state) {
    (void)state;
    for (uint64_t seed = 0; seed < 3000; seed++) {
        struct bench bench;
        set_up(&bench, seed);
        uint64_t random = seed;
        uint32_t filled = 1u + nor_random_below(&random, ONESLOT_SLOTS);
        int firm = 0;
        for (uint32_t i = 0; i < filled; i++) {
            append(&bench, (uint8_t)++firm);
        }
        for (uint8_t tag = 51; tag < 63; tag++) {
            enum nor_tear tear = (enum nor_tear)nor_random_below(&random, NOR_TEAR_COUNT);
            bool whole = append_with_cut(&bench, tag, ONESLOT_STATE_IDLE, nor_random_below(&random, 12), tear);
            bench.nor.power_ups += nor_random_below(&random, 2);
            if (whole) {
                firm = tag;
            }
            assert_true(newest(&bench) >= firm);
        }
        nor_destroy(&bench.nor);
    }
}

/// Its cells happen to read well at the next start, and would not later.
static void a_seal_that_a_cut_left_weak_is_made_firm_before_anything_is_appended(void **state) {
    (void)state;
    const uint32_t slot = JOURNAL_ADDRESS + ONESLOT_SLOT_SIZE;
    const uint32_t seal = 4; // operations before it: the claim, three pages
    struct bench bench;
    set_up(&bench, 5);
    append_state(&bench, 1, ONESLOT_STATE_REQUESTED);
    assert_false(append_with_cut(&bench, 2, ONESLOT_STATE_INSTALLING, seal, NOR_DONE_WEAK));
    assert_true(nor_weak(&bench.nor, slot + ONESLOT_SEAL_OFFSET, ONESLOT_SEAL_SIZE));
    bench.nor.sector[slot / ONESLOT_SECTOR_SIZE]->calm = ++bench.nor.power_ups;
    assert_int_equal(newest(&bench), 2);
    // The next record does not come about: the one that was acted upon has to stay.
    assert_false(append_with_cut(&bench, 3, ONESLOT_STATE_INSTALLING, 1, NOR_BEFORE));
    assert_false(nor_weak(&bench.nor, slot + ONESLOT_SEAL_OFFSET, ONESLOT_SEAL_SIZE));
    for (int look = 0; look < 8; look++) {
        bench.nor.power_ups++;
        assert_int_equal(newest(&bench), 2);
    }
    nor_destroy(&bench.nor);
}

static void a_page_that_takes_no_program_costs_a_slot_and_not_the_record(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 5);
    append(&bench, 1);
    nor_stick(&bench.nor, JOURNAL_ADDRESS + ONESLOT_SLOT_SIZE + 40u, 0xff);
    append(&bench, 2);
    assert_int_equal(newest(&bench), 2);
    append(&bench, 3);
    assert_int_equal(newest(&bench), 3);
    nor_destroy(&bench.nor);
}

static void a_journal_that_takes_no_write_says_so_and_keeps_what_it_has(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 6);
    append(&bench, 1);
    nor_count_from_zero(&bench.nor);
    nor_plan(&bench.nor, (struct nor_fault){NOR_FAULT_ERROR, 0, 1000, NOR_BEFORE});
    struct oneslot_record record = {0};
    assert_int_equal(oneslot_journal_append(&bench.journal, &record, NULL), ONESLOT_ERROR_JOURNAL_WRITE);
    assert_int_equal(newest(&bench), 1);
    nor_destroy(&bench.nor);
}

/// Puts a sealed record with that number and tag in a slot.
static void forge(struct bench *bench, uint32_t slot, uint32_t sequence, uint8_t tag) {
    static const uint8_t zeros[ONESLOT_SEAL_SIZE];
    struct oneslot_record record = {
        .magic = ONESLOT_RECORD_MAGIC, .sequence = sequence, .version = ONESLOT_RECORD_VERSION, .trial_boots = tag};
    uint32_t address = oneslot_slot_address(JOURNAL_ADDRESS, slot);
    record.crc = oneslot_crc32(0, &record, offsetof(struct oneslot_record, crc));
    nor_load(&bench->nor, address, &record, sizeof record);
    nor_load(&bench->nor, address + ONESLOT_SEAL_OFFSET, zeros, sizeof zeros);
    nor_load(&bench->nor, address + ONESLOT_CLAIM_OFFSET, zeros, sizeof zeros);
}

/// The application can write anything to flash. Found by fuzzing: the new record had number 0, and was never seen.
static void after_the_last_number_they_begin_anew_whenever_the_power_goes(void **state) {
    (void)state;
    for (uint32_t last = 0; last < ONESLOT_SLOTS; last++) {
        for (uint32_t at = 0;; at++) {
            struct bench bench;
            set_up(&bench, 10u * at + last);
            for (uint32_t slot = 0; slot <= last; slot++) {
                forge(&bench, slot, UINT32_MAX - last + slot, (uint8_t)(10u + slot));
            }
            bool whole = append_with_cut(&bench, 99, ONESLOT_STATE_IDLE, at, (enum nor_tear)(at % NOR_TEAR_COUNT));
            int found = newest(&bench);
            assert_true(found == 99 || (!whole && found == (int)(10u + last)));
            for (uint8_t tag = 30; tag < 40; tag++) {
                append(&bench, tag);
                assert_int_equal(newest(&bench), tag);
            }
            nor_destroy(&bench.nor);
            if (whole) {
                break;
            }
        }
    }
}

static void marks_are_read_back_and_a_damaged_one_does_not_count(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 7);
    append(&bench, 1);
    uint32_t marks;
    assert_int_equal(oneslot_journal_mark(&bench.journal, 0, 3), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_journal_mark(&bench.journal, 0, ONESLOT_MARKS - 1u), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_journal_mark(&bench.journal, 0, ONESLOT_MARKS), ONESLOT_ERROR_ARGUMENT);
    assert_int_equal(oneslot_journal_marks(&bench.journal, 0, &marks), ONESLOT_ERROR_NONE);
    assert_int_equal(marks, 1u << 3 | 1u << (ONESLOT_MARKS - 1u));
    for (uint32_t bit = 0; bit < ONESLOT_MARK_SIZE * 8u; bit++) {
        uint8_t byte;
        uint32_t address = JOURNAL_ADDRESS + ONESLOT_MARKS_OFFSET + 3u * ONESLOT_MARK_SIZE + bit / 8u;
        nor_peek(&bench.nor, address, &byte, 1);
        uint8_t damaged = (uint8_t)(byte ^ 1u << bit % 8u);
        nor_load(&bench.nor, address, &damaged, 1);
        assert_int_equal(oneslot_journal_marks(&bench.journal, 0, &marks), ONESLOT_ERROR_NONE);
        assert_int_equal(marks, 1u << (ONESLOT_MARKS - 1u));
        nor_load(&bench.nor, address, &byte, 1);
    }
    nor_destroy(&bench.nor);
}

static void trial_boots_are_counted_without_an_erase(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 8);
    append(&bench, 1);
    nor_count_from_zero(&bench.nor);
    for (uint32_t boot = 0; boot < ONESLOT_TRIAL_MAX + 2u; boot++) {
        uint32_t used;
        assert_int_equal(oneslot_journal_trial_used(&bench.journal, 0, &used), ONESLOT_ERROR_NONE);
        assert_int_equal(used, boot < ONESLOT_TRIAL_MAX ? boot : ONESLOT_TRIAL_MAX);
        assert_int_equal(oneslot_journal_trial_count(&bench.journal, 0), ONESLOT_ERROR_NONE);
    }
    assert_int_equal(bench.nor.statistics.sector_erases, 0);
    assert_int_equal(newest(&bench), 1);
    nor_destroy(&bench.nor);
}

static void a_half_counted_boot_is_finished_by_the_next(void **state) {
    (void)state;
    struct bench bench;
    set_up(&bench, 9);
    append(&bench, 1);
    uint32_t used;
    uint32_t half = 0x00ff00ffu;
    nor_load(&bench.nor, JOURNAL_ADDRESS + ONESLOT_MARKS_OFFSET, &half, sizeof half);
    assert_int_equal(oneslot_journal_trial_used(&bench.journal, 0, &used), ONESLOT_ERROR_NONE);
    assert_int_equal(used, 0);
    assert_int_equal(oneslot_journal_trial_count(&bench.journal, 0), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_journal_trial_used(&bench.journal, 0, &used), ONESLOT_ERROR_NONE);
    assert_int_equal(used, 1);
    nor_destroy(&bench.nor);
}

static void the_loader_decides_by_state_trial_watch_and_checksum(void **state) {
    (void)state;
    static const struct {
        enum oneslot_state state;
        uint8_t boots;
        uint32_t used;
        bool watch;
        bool whole;
        enum oneslot_boot expected;
    } cases[] = {
        {ONESLOT_STATE_IDLE, 0, 0, false, true, ONESLOT_BOOT_APPLICATION},
        {ONESLOT_STATE_IDLE, 0, 0, true, true, ONESLOT_BOOT_INSTALLER},
        {ONESLOT_STATE_IDLE, 0, 0, false, false, ONESLOT_BOOT_INSTALLER},
        {ONESLOT_STATE_REQUESTED, 0, 0, false, true, ONESLOT_BOOT_INSTALLER},
        {ONESLOT_STATE_INSTALLING, 0, 0, false, true, ONESLOT_BOOT_INSTALLER},
        {ONESLOT_STATE_TRIAL, 3, 2, false, true, ONESLOT_BOOT_TRIAL},
        {ONESLOT_STATE_TRIAL, 3, 2, true, true, ONESLOT_BOOT_TRIAL},
        {ONESLOT_STATE_TRIAL, 3, 3, false, true, ONESLOT_BOOT_INSTALLER},
        {ONESLOT_STATE_TRIAL, 3, 0, false, false, ONESLOT_BOOT_INSTALLER},
        {ONESLOT_STATE_DONE, 0, 0, false, true, ONESLOT_BOOT_APPLICATION},
        {ONESLOT_STATE_DONE, 0, 0, true, true, ONESLOT_BOOT_INSTALLER},
        {ONESLOT_STATE_FAILED, 0, 0, false, true, ONESLOT_BOOT_APPLICATION},
        {ONESLOT_STATE_FAILED, 0, 0, false, false, ONESLOT_BOOT_INSTALLER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct oneslot_record record = {.state = (uint8_t)cases[i].state, .trial_boots = cases[i].boots};
        assert_int_equal(oneslot_boot_decide(&record, cases[i].used, cases[i].watch, cases[i].whole, true),
                         cases[i].expected);
        assert_int_equal(oneslot_boot_decide(&record, cases[i].used, cases[i].watch, cases[i].whole, false),
                         ONESLOT_BOOT_INSTALLER);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_erased_journal_is_empty),
        cmocka_unit_test(what_is_appended_last_is_found_and_both_sectors_wear_alike),
        cmocka_unit_test(a_bit_that_rots_in_the_newest_record_or_its_seal_does_no_harm),
        cmocka_unit_test(a_newest_record_with_more_damage_leaves_the_one_before_it),
        cmocka_unit_test(what_was_superseded_by_an_end_never_acts_again),
        cmocka_unit_test(a_cut_at_any_operation_leaves_the_old_or_the_new_record),
        cmocka_unit_test(many_cuts_in_a_row_never_lose_the_last_firm_record),
        cmocka_unit_test(a_seal_that_a_cut_left_weak_is_made_firm_before_anything_is_appended),
        cmocka_unit_test(a_page_that_takes_no_program_costs_a_slot_and_not_the_record),
        cmocka_unit_test(a_journal_that_takes_no_write_says_so_and_keeps_what_it_has),
        cmocka_unit_test(after_the_last_number_they_begin_anew_whenever_the_power_goes),
        cmocka_unit_test(marks_are_read_back_and_a_damaged_one_does_not_count),
        cmocka_unit_test(trial_boots_are_counted_without_an_erase),
        cmocka_unit_test(a_half_counted_boot_is_finished_by_the_next),
        cmocka_unit_test(the_loader_decides_by_state_trial_watch_and_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
