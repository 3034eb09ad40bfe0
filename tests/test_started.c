/*
 * What is installed is started: of many thousand random images, each that the prover takes is one that the loader (the
 * very source that is flashed) and the ROM's rules, written down here a second time, start; and for the ESP32 family
 * one that the model of ESP-IDF's boot loader starts. What is refused is not asked about: a prover may be stricter.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "bearssl_hash.h"
#include "device/esp8266/segments.h"
#include "oneslot/chip.h"
#include "oneslot/source.h"
#include "sim/bootloader.h"
#include "sim/nor.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE 0x40000u
#define SLOT       0x10000u /* of an application of the ESP32 family */
#define SLOT_SIZE  0x10000u
#define ROUNDS     16000u

static _Alignas(4) uint8_t bytes[FLASH_SIZE];
static uint8_t *file; ///< within `bytes`
static uint32_t file_size;
static uint64_t seed;

/* The file is read where it lies: core/source.c has tests of its own. */
enum oneslot_error oneslot_source_read(struct oneslot_source *source, uint32_t offset, void *buffer, uint32_t length) {
    assert_true(offset <= source->size && length <= source->size - offset);
    memcpy(buffer, file + offset, length);
    return ONESLOT_ERROR_NONE;
}

static int read_flash(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    assert_true(address <= FLASH_SIZE && length <= FLASH_SIZE - address);
    memcpy(buffer, bytes + address, length);
    return 0;
}

static const struct oneslot_flash flash = {.read = read_flash, .size = FLASH_SIZE};

static uint32_t below(uint32_t bound) {
    return (uint32_t)(nor_next_random(&seed) >> 16) % bound;
}

static bool often(void) {
    return below(8) != 0;
}

static uint32_t word_at(uint32_t offset) {
    const uint8_t *at = file + offset;
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

static void put_word(uint32_t offset, uint32_t word) {
    for (uint32_t i = 0; i < 4; i++) {
        file[offset + i] = (uint8_t)(word >> (8 * i));
    }
}

/// The places where a rule may begin or end, and what lies one word or one byte beside them.
static uint32_t near(const uint32_t *edges, uint32_t count) {
    static const int32_t beside[] = {0, 0, 0, 0, 4, -4, 1, -1, 2, 0x100, -0x100};
    return edges[below(count)] + (uint32_t)beside[below(sizeof beside / sizeof *beside)];
}

/// Writes the segments' headers with random data between them. Returns where the last one ends; `edges` are for the
/// places that a strange one gets, `usual` for the others.
static uint32_t put_segments(uint32_t at, uint32_t count, const uint32_t *usual, uint32_t usuals, const uint32_t *edges,
                             uint32_t edge_count, uint32_t room) {
    static const uint32_t lengths[] = {0, 4, 8, 12, 16, 60, 64, 0x200, 0x204, 0x1000, 1, 2, 3, 0x201};
    uint32_t strange = often() || count == 0 ? count : below(count);
    for (uint32_t i = 0; i < count && at + 8 < room; i++) {
        uint32_t length = lengths[below(often() ? 10 : sizeof lengths / sizeof *lengths)];
        put_word(at, i == strange ? near(edges, edge_count) : usual[i % usuals] + 4u * below(16));
        put_word(at + 4, length);
        at += 8;
        for (uint32_t k = 0; k < length && at < room; k++) {
            file[at++] = (uint8_t)nor_next_random(&seed);
        }
    }
    return at;
}

/// The checksum of what the headers say, where it belongs.
static uint32_t put_checksum(uint32_t header, uint32_t end) {
    uint32_t count = file[1];
    uint8_t checksum = 0xef;
    uint32_t at = header;
    for (uint32_t i = 0; i < count && at + 8 <= end; i++) {
        uint32_t length = word_at(at + 4);
        for (at += 8; length > 0 && at < end; length--) {
            checksum ^= file[at++];
        }
    }
    file[end | 15u] = (uint8_t)(checksum ^ (often() ? 0 : 1u << below(8)));
    return (end | 15u) + 1;
}

/* ESP8266 */

/// MicroPython's layout, all proofs right but for what the random changes break.
static void make_esp8266(void) {
    static const uint32_t usual[] = {0x40100000, 0x3ffe8000, 0x3ffe9000, 0x40102000};
    static const uint32_t edges[] = {0,          4,          0x3ffe8000, 0x3fffeb30, 0x40000000,
                                     0x40100000, 0x4010e000, 0x4010f000, 0x40110000, 0x40200000,
                                     0x60000000, 0xfffffffc, 0x3fffc000, 0x40108000};
    uint32_t size = 0x9020;
    memset(file, 0xff, 0xb000);
    file[0] = 0xe9;
    file[1] = (uint8_t)(often() ? 1 + below(16) : below(20));
    file[2] = (uint8_t)below(4);
    file[3] = (uint8_t)(below(8) << 4);
    uint32_t end = put_segments(8, file[1] ? file[1] : 1, usual, 4, edges, sizeof edges / sizeof *edges, 0x8f00);
    (void)put_checksum(8, end);
    put_word(4, often() ? word_at(8) : near(edges, sizeof edges / sizeof *edges));
    if (!often()) {
        put_word(8 + 4 * below(32), near(edges, sizeof edges / sizeof *edges));
    }
    put_word(0x8ffc, size - 16);
    br_md5_context md5;
    br_md5_init(&md5);
    br_md5_update(&md5, file + 4, size - 20);
    br_md5_out(&md5, file + size - 16);
    file_size = size;
}

/// The boot ROM's rules: whole words into RAM that is neither the loader's nor its stack's, a checksum, an entry in
/// what was loaded.
static bool rom_starts(void) {
    uint32_t at = 8;
    uint32_t checksum = 0xef;
    bool entered = false;
    if (file[0] != 0xe9 || file[1] < 1 || file[1] > 16) {
        return false;
    }
    for (uint32_t i = 0; i < file[1]; i++) {
        uint64_t start = word_at(at);
        uint64_t end = start + word_at(at + 4);
        if (start % 4 != 0 || end % 4 != 0 ||
            !((start >= 0x3ffe8000 && end <= 0x3fffeb30) || (start >= 0x40100000 && end <= 0x4010e000) ||
              (start >= 0x4010f000 && end <= 0x40110000))) {
            return false;
        }
        entered = entered || (word_at(4) >= start && word_at(4) < end);
        at += 8;
        for (uint32_t k = 0; k < end - start; k++) {
            checksum ^= file[at++];
        }
    }
    return entered && checksum == file[at | 15u];
}

static void what_is_installed_on_an_esp8266_is_started(void **state) {
    static _Alignas(4) uint8_t buffer[ONESLOT_IMAGE_BUFFER];
    uint32_t taken = 0;
    uint32_t many = 0; ///< of these, with more than two segments
    uint32_t empty = 0;
    (void)state;
    seed = 8266;
    file = bytes;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        struct oneslot_image image;
        make_esp8266();
        struct oneslot_source source = {.size = file_size, .region = {.type = 1, .address = 0x200000, .size = 0x1000}};
        enum oneslot_error error = oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL);
        error = error ? error : oneslot_image_allowed(&image, &oneslot_esp8266.limits, &source);
        if (error) {
            continue;
        }
        taken++;
        many += file[1] > 2;
        for (uint32_t i = 0; i < image.segment_count; i++) {
            empty += image.segment[i].length == 0;
        }
        const struct segments_image lies = {&flash, 0, 0};
        if (segments_load(&lies, SEGMENTS_CHECK) != word_at(4) || !rom_starts()) {
            fail_msg("round %u: %u segments, entered at 0x%x: taken, and not started", round, file[1], word_at(4));
        }
    }
    print_message("  %u of %u taken, %u with more than two segments, %u empty segments\n", taken, ROUNDS, many, empty);
    assert_true(taken > ROUNDS / 8 && many > ROUNDS / 32 && empty > 100);
}

/* The ESP32 family */

/// Moves mapped segments to where they have to lie: mostly.
static void align_segments(const struct synthetic_esp32_memory *family, uint32_t count, uint32_t page) {
    uint32_t at = 24;
    for (uint32_t i = 0; i < count && at + 8 < SLOT_SIZE; i++) {
        uint32_t address = word_at(at);
        bool mapped = (address >> 24) == (family->data >> 24) || (address >> 24) == (family->code >> 24);
        if (mapped && often()) {
            put_word(at, (address & ~(page - 1)) | ((at + 8) & (page - 1)));
        }
        at += 8 + word_at(at + 4);
    }
}

static void make_esp32(const struct synthetic_esp32_memory *family) {
    static const uint32_t strange[] = {0,          4,          0x0ffffffc, 0x10000000, 0x3c000000, 0x3c800000,
                                       0x3f400000, 0x3f800000, 0x400d0000, 0x40400000, 0x42000000, 0x42800000,
                                       0x43000000, 0x44000000, 0x3ffe8000, 0x40110000, 0xfffffffc, 0x3e000000};
    const uint32_t usual[] = {family->data, family->ram, family->code, family->ram + 0x8000};
    uint32_t named = often() ? 0 : 8 + below(12);
    uint32_t count = often() ? 1 + below(8) : below(19);
    memset(file, 0xff, SLOT_SIZE);
    memset(file, 0, 24);
    file[0] = 0xe9;
    file[1] = (uint8_t)count;
    put_word(4, family->ram);
    file[12] = (uint8_t)(often() ? family->chip : below(20));
    file[15] = (uint8_t)(often() ? 0 : below(8));
    file[17] = (uint8_t)(often() ? 0 : below(8));
    file[23] = (uint8_t)(often() ? 1 : below(3));
    uint32_t end = put_segments(24, count, usual, 4, strange, sizeof strange / sizeof *strange, SLOT_SIZE - 0x100);
    if (often()) {
        put_word(28, 0x200);
        end = put_segments(24 + 8 + 0x200, count > 0 ? count - 1 : 0, usual + 1, 3, strange,
                           sizeof strange / sizeof *strange, SLOT_SIZE - 0x100);
        put_word(32, 0xabcd5432);
        file[32 + 180] = (uint8_t)named;
        put_word(32 + 176, 0);
    }
    align_segments(family, count, 1u << (named >= 13 && named <= 16 ? named : 16));
    end = put_checksum(24, end);
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, file, end);
    br_sha256_out(&sha256, file + end);
    file_size = end + (file[23] != 0 ? 32 : 0);
}

static void what_is_installed_on_an_esp32_is_started(void **state) {
    static _Alignas(4) uint8_t buffer[ONESLOT_IMAGE_BUFFER];
    uint32_t taken[SYNTHETIC_ESP32_CHIPS] = {0};
    (void)state;
    seed = 32;
    file = bytes + SLOT;
    for (uint32_t round = 0; round < ROUNDS; round++) {
        uint32_t index = round % (SYNTHETIC_ESP32_CHIPS);
        uint16_t revision = (uint16_t)below(6);
        struct bootloader bootloader = {
            .flash = &flash, .chip = synthetic_esp32_memories[index].chip, .revision = revision};
        struct bootloader_image started;
        struct oneslot_image image;
        struct oneslot_chip chip;
        make_esp32(&synthetic_esp32_memories[index]);
        struct oneslot_source source = {.size = file_size};
        oneslot_esp32_chip(&chip, synthetic_esp32_memories[index].chip, revision);
        chip.limits.firmware = SLOT_SIZE;
        enum oneslot_error error = oneslot_image_esp32_prove(&image, &source, NULL, buffer, NULL, NULL);
        error = error ? error : oneslot_image_allowed(&image, &chip.limits, NULL);
        if (error) {
            continue;
        }
        taken[index]++;
        if (!bootloader_takes(&bootloader, SLOT, SLOT_SIZE, &started)) {
            fail_msg("round %u: chip %u, %u segments: taken, and not started", round,
                     synthetic_esp32_memories[index].chip, file[1]);
        }
    }
    for (uint32_t i = 0; i < SYNTHETIC_ESP32_CHIPS; i++) {
        print_message("  chip %u: %u taken\n", synthetic_esp32_memories[i].chip, taken[i]);
        assert_true(taken[i] > 100);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_installed_on_an_esp32_is_started),
        cmocka_unit_test(what_is_installed_on_an_esp8266_is_started),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
