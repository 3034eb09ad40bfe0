/* The model of ESP-IDF's boot loader: what it starts, and what it writes into otadata on the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "oneslot/chip.h"
#include "oneslot/map.h"
#include "sim/bootloader.h"
#include "sim/provision.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE 0x100000u
#define SLOT_0     0x10000u
#define SLOT_1     0x30000u
#define FACTORY    0x50000u
#define TEST       0x70000u
#define SLOT_SIZE  0x20000u
#define OTADATA    0x90000u
#define SIZE       0x2340u
#define CHIP       ONESLOT_CHIP_ESP32C3

enum { NEW, PENDING, VALID, INVALID, ABORTED };
#define UNDEFINED 0xffffffffu

static uint8_t bytes[FLASH_SIZE];
static struct sim_memory memory = {bytes, FLASH_SIZE};
static struct oneslot_flash flash;
static struct bootloader_image image;

static void put_word(uint32_t address, uint32_t word) {
    for (uint32_t i = 0; i < 4; i++) {
        bytes[address + i] = (uint8_t)(word >> (8 * i));
    }
}

static uint32_t word_at(uint32_t address) {
    return bytes[address] | (uint32_t)bytes[address + 1] << 8 | (uint32_t)bytes[address + 2] << 16 |
           (uint32_t)bytes[address + 3] << 24;
}

/// zlib.crc32(sequence as four bytes, 0xffffffff).
static uint32_t crc_of(uint32_t sequence) {
    static const uint32_t known[] = {0, 0x4743989au, 0x55f63774u, 0xed4a5011u};
    assert_true(sequence > 0 && sequence < sizeof known / sizeof *known);
    return known[sequence];
}

static void put_entry(uint32_t sector, uint32_t sequence, uint32_t state) {
    put_word(OTADATA + sector * 4096u, sequence);
    put_word(OTADATA + sector * 4096u + 24, state);
    put_word(OTADATA + sector * 4096u + 28, crc_of(sequence));
}

static void add(struct oneslot_map *map, const char *label, uint8_t type, uint8_t subtype, uint32_t address,
                uint32_t size) {
    struct oneslot_partition *partition = &map->partition[map->count++];
    *partition = (struct oneslot_partition){.type = type, .subtype = subtype, .address = address, .size = size};
    strcpy(partition->label, label);
}

enum { WITH_FACTORY = 1, WITH_SLOT_1 = 2, WITH_TEST = 4, WITH_OTADATA = 8 };

/// A flash with whole applications in the partitions that there are, ota_0 among them.
static void make_flash(uint32_t parts) {
    static const struct {
        const char *label;
        uint32_t part;
        uint8_t type;
        uint8_t subtype;
        uint32_t address;
        uint32_t size;
    } all[] = {
        {"ota_0", 0, 0, 0x10, SLOT_0, SLOT_SIZE},
        {"ota_1", WITH_SLOT_1, 0, 0x11, SLOT_1, SLOT_SIZE},
        {"factory", WITH_FACTORY, 0, 0, FACTORY, SLOT_SIZE},
        {"test", WITH_TEST, 0, 0x20, TEST, SLOT_SIZE},
        {"otadata", WITH_OTADATA, 1, 0, OTADATA, 0x2000},
    };
    struct oneslot_map map = {.count = 0};
    flash = sim_memory_flash(&memory);
    memset(bytes, 0xff, sizeof bytes);
    for (uint32_t i = 0; i < sizeof all / sizeof *all; i++) {
        if ((all[i].part & parts) == all[i].part) {
            add(&map, all[i].label, all[i].type, all[i].subtype, all[i].address, all[i].size);
            if (all[i].type == 0) {
                synthetic_esp32(bytes + all[i].address, SIZE, CHIP, i, 0);
            }
        }
    }
    oneslot_map_write(&map, bytes + BOOTLOADER_TABLE);
}

static int start(bool rollback) {
    const struct bootloader bootloader = {.flash = &flash, .chip = CHIP, .revision = 4, .rollback = rollback};
    return bootloader_start(&bootloader, &image);
}

#define USUAL (WITH_FACTORY | WITH_OTADATA)

static void erased_otadata_starts_the_factory_partition(void **state) {
    (void)state;
    make_flash(USUAL);
    assert_int_equal(start(true), BOOTLOADER_FACTORY);
    assert_int_equal(image.address, FACTORY);
    make_flash(WITH_FACTORY);
    assert_int_equal(start(true), BOOTLOADER_FACTORY);
}

struct choice {
    uint32_t sequence[2]; ///< 0: erased
    uint32_t state[2];
    int started;
    uint32_t after[2]; ///< states
};

static void otadata_chooses_and_is_written_as_trials_go_on(void **state) {
    static const struct choice choices[] = {
        {{1, 0}, {UNDEFINED, UNDEFINED}, 0, {UNDEFINED, UNDEFINED}},
        {{1, 0}, {VALID, UNDEFINED}, 0, {VALID, UNDEFINED}},
        {{1, 0}, {NEW, UNDEFINED}, 0, {PENDING, UNDEFINED}},
        {{1, 0}, {PENDING, UNDEFINED}, BOOTLOADER_FACTORY, {ABORTED, UNDEFINED}},
        {{1, 0}, {ABORTED, UNDEFINED}, BOOTLOADER_FACTORY, {ABORTED, UNDEFINED}},
        {{1, 0}, {INVALID, UNDEFINED}, BOOTLOADER_FACTORY, {INVALID, UNDEFINED}},
        {{1, 2}, {VALID, VALID}, 1, {VALID, VALID}},
        {{3, 2}, {VALID, VALID}, 0, {VALID, VALID}},
        {{1, 2}, {VALID, NEW}, 1, {VALID, PENDING}},
        {{1, 2}, {VALID, PENDING}, 0, {VALID, ABORTED}},
        {{1, 2}, {ABORTED, INVALID}, BOOTLOADER_FACTORY, {ABORTED, INVALID}},
        {{0, 2}, {UNDEFINED, VALID}, 1, {UNDEFINED, VALID}},
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof choices / sizeof *choices; i++) {
        const struct choice *choice = &choices[i];
        make_flash(USUAL | WITH_SLOT_1);
        for (uint32_t sector = 0; sector < 2; sector++) {
            if (choice->sequence[sector] != 0) {
                put_entry(sector, choice->sequence[sector], choice->state[sector]);
            }
        }
        assert_int_equal(start(true), choice->started);
        for (uint32_t sector = 0; sector < 2; sector++) {
            assert_int_equal(word_at(OTADATA + sector * 4096u + 24), choice->after[sector]);
        }
    }
}

static void without_rollback_nothing_is_written(void **state) {
    (void)state;
    for (uint32_t trial = NEW; trial <= ABORTED; trial++) {
        make_flash(USUAL);
        put_entry(0, 1, trial);
        assert_int_equal(start(false), trial == INVALID || trial == ABORTED ? BOOTLOADER_FACTORY : 0);
        assert_int_equal(word_at(OTADATA + 24), trial);
    }
}

static void an_entry_whose_crc_is_wrong_is_none(void **state) {
    (void)state;
    for (uint32_t bit = 0; bit < 64; bit++) {
        make_flash(USUAL);
        put_entry(0, 1, UNDEFINED);
        bytes[OTADATA + (bit < 32 ? 0 : 28) + bit % 32 / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(start(true), BOOTLOADER_FACTORY);
    }
}

static void a_damaged_application_falls_through_to_the_factory_partition(void **state) {
    (void)state;
    for (uint32_t offset = 0; offset < SIZE; offset += 7) {
        make_flash(USUAL);
        put_entry(0, 1, UNDEFINED);
        /* Bytes that nothing checks without a SHA-256 are checked with it. */
        bytes[SLOT_0 + offset] ^= (uint8_t)(1u << offset % 8);
        assert_int_equal(start(true), BOOTLOADER_FACTORY);
        assert_int_equal(word_at(OTADATA), 1);
    }
}

static void what_is_not_there_is_passed_over(void **state) {
    (void)state;
    make_flash(USUAL | WITH_SLOT_1);
    put_entry(0, 2, VALID);
    bytes[SLOT_1 + 64] ^= 1;
    assert_int_equal(start(true), 0);
    bytes[SLOT_0 + 64] ^= 1;
    assert_int_equal(start(true), BOOTLOADER_FACTORY);
    bytes[FACTORY + 64] ^= 1;
    assert_int_equal(start(true), BOOTLOADER_NOTHING);
    make_flash(USUAL | WITH_TEST);
    bytes[SLOT_0 + 64] ^= 1;
    bytes[FACTORY + 64] ^= 1;
    assert_int_equal(start(true), BOOTLOADER_TEST);
    /* Without otadata a damaged factory partition leads forwards. */
    make_flash(USUAL);
    bytes[FACTORY + 64] ^= 1;
    assert_int_equal(start(true), 0);
}

static void without_a_factory_partition_the_first_slot_is_written_down(void **state) {
    (void)state;
    make_flash(WITH_OTADATA | WITH_SLOT_1);
    assert_int_equal(start(true), 0);
    assert_int_equal(word_at(OTADATA), 1);
    assert_int_equal(word_at(OTADATA + 24), VALID);
    assert_int_equal(word_at(OTADATA + 28), crc_of(1));
}

static void a_damaged_table_starts_nothing(void **state) {
    (void)state;
    make_flash(USUAL);
    bytes[BOOTLOADER_TABLE + 4] ^= 1; /* what the MD5 is of */
    assert_int_equal(start(true), BOOTLOADER_NOTHING);
    make_flash(USUAL);
    memset(bytes + BOOTLOADER_TABLE, 0xff, 0xc00);
    assert_int_equal(start(true), BOOTLOADER_NOTHING);
    make_flash(USUAL);
    put_word(BOOTLOADER_TABLE + 8, FLASH_SIZE); /* past the chip */
    assert_int_equal(start(true), BOOTLOADER_NOTHING);
}

static bool clashes(void *context, uint32_t address, uint32_t length) {
    const uint32_t *memory_end = context;
    return address + length > *memory_end;
}

static void images_are_refused_for_what_they_ask(void **state) {
    static const struct {
        uint32_t offset;
        uint32_t word;
        bool takes;
    } cases[] = {
        {12, CHIP, true},              /* as it is */
        {12, 9, false},                /* another chip */
        {12, CHIP | 0x04000000, true}, /* old revision field: not looked at */
        {14, 0x00000400, true},        /* least revision 4 */
        {14, 0x00000500, false},       /* 5 */
        {16, 0x00000400, true},        /* most: 4 */
        {16, 0x00000300, false},       /* 3 */
        {24, 0x3c000120, false},       /* data off its page */
        {28, 0xfc, false},             /* no room for the descriptor */
        {548, 0x102, false},           /* no whole words */
        {544, 0x3fc80000, true},       /* the first of RAM */
        {544, 0x3fc7fffc, false},      /* the word before */
        {544, 0x3fcdff00, true},       /* the last that it has room in */
        {544, 0x3fcdff04, false},      /* and one word on */
        {544, 0x50001f00, true},       /* the RTC's */
        {544, 0x20000000, false},      /* no memory */
        {544, 0, true},                /* padding */
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct bootloader bootloader = {.flash = &flash, .chip = CHIP, .revision = 4};
        make_flash(USUAL);
        put_word(SLOT_0 + cases[i].offset, cases[i].word);
        synthetic_esp32_seal(bytes + SLOT_0, SIZE);
        assert_int_equal(bootloader_takes(&bootloader, SLOT_0, SLOT_SIZE, &image), cases[i].takes);
    }
    uint32_t end = 0x3fc90100;
    struct bootloader bootloader = {.flash = &flash, .chip = CHIP, .revision = 4, .clashes = clashes, .context = &end};
    make_flash(USUAL);
    assert_true(bootloader_takes(&bootloader, SLOT_0, SLOT_SIZE, &image));
    assert_int_equal(image.segments, 3);
    assert_true(image.segment[0].mapped && !image.segment[1].mapped && image.segment[2].mapped);
    assert_true(image.segment[1].loaded && image.segment[1].flash == SLOT_0 + 24 + 8 + 0x200 + 8);
    end--;
    assert_false(bootloader_takes(&bootloader, SLOT_0, SLOT_SIZE, &image));
    end++;
    assert_true(bootloader_takes(&bootloader, SLOT_0, SIZE, &image));
    assert_false(bootloader_takes(&bootloader, SLOT_0, SIZE - 1, &image));
}

static void an_image_without_a_sha256_has_its_checksum(void **state) {
    const struct bootloader bootloader = {.flash = &flash, .chip = CHIP, .revision = 4};
    (void)state;
    make_flash(USUAL);
    bytes[SLOT_0 + 23] = 0;
    assert_true(bootloader_takes(&bootloader, SLOT_0, SLOT_SIZE, &image));
    bytes[SLOT_0 + 0x1000] ^= 1;
    assert_false(bootloader_takes(&bootloader, SLOT_0, SLOT_SIZE, &image));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(erased_otadata_starts_the_factory_partition),
        cmocka_unit_test(otadata_chooses_and_is_written_as_trials_go_on),
        cmocka_unit_test(without_rollback_nothing_is_written),
        cmocka_unit_test(an_entry_whose_crc_is_wrong_is_none),
        cmocka_unit_test(a_damaged_application_falls_through_to_the_factory_partition),
        cmocka_unit_test(what_is_not_there_is_passed_over),
        cmocka_unit_test(without_a_factory_partition_the_first_slot_is_written_down),
        cmocka_unit_test(a_damaged_table_starts_nothing),
        cmocka_unit_test(images_are_refused_for_what_they_ask),
        cmocka_unit_test(an_image_without_a_sha256_has_its_checksum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
