/*
 * Applications of the ESP32 family: accepted with their proofs, refused by name when anything in them is damaged.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/chip.h"
#include "oneslot/source.h"
#include "tests/synthetic_esp32.h"

/* A file in memory stands in for core/source.c. */

static const uint8_t *memory;

enum oneslot_error oneslot_source_read(struct oneslot_source *source, uint32_t offset, void *buffer, uint32_t length) {
    assert_true(offset <= source->size && length <= source->size - offset);
    memcpy(buffer, memory + offset, length);
    return ONESLOT_ERROR_NONE;
}

static _Alignas(4) uint8_t buffer[ONESLOT_IMAGE_BUFFER];

static enum oneslot_error prove_as(struct oneslot_image *image, const uint8_t *bytes, uint32_t size, bool raw,
                                   const uint8_t *expected) {
    struct oneslot_source source = {.size = size, .raw = raw};
    memory = bytes;
    return oneslot_image_esp32_prove(image, &source, expected, buffer, NULL, NULL);
}

static enum oneslot_error prove(struct oneslot_image *image, const uint8_t *bytes, uint32_t size) {
    return prove_as(image, bytes, size, false, NULL);
}

/// What becomes of a file on a device of `chip` at `revision`.
static enum oneslot_error judge_on(uint16_t number, uint16_t revision, const uint8_t *bytes, uint32_t size) {
    struct oneslot_image image;
    struct oneslot_chip chip;
    oneslot_esp32_chip(&chip, number, revision);
    enum oneslot_error error = prove(&image, bytes, size);
    chip.limits.firmware = 0x1d0000;
    return error ? error : oneslot_image_allowed(&image, &chip.limits, NULL);
}

static enum oneslot_error judge(const uint8_t *bytes, uint32_t size) {
    return judge_on(ONESLOT_CHIP_ESP32C3, 0, bytes, size);
}

#define SIZE 0x2340u
static uint8_t file[SIZE + 2 * ONESLOT_SECTOR_SIZE + 64];

static void make_file(void) {
    memset(file, 0xff, sizeof file);
    synthetic_esp32(file, SIZE, ONESLOT_CHIP_ESP32C3, 1, 0);
}

static void set_word(uint32_t offset, uint32_t word) {
    for (uint32_t i = 0; i < 4; i++) {
        file[offset + i] = (uint8_t)(word >> (8 * i));
    }
}

/* Tests */

static void test_an_application_is_accepted_with_its_proofs(void **state) {
    static const uint16_t chips[] = {ONESLOT_CHIP_ESP32,   ONESLOT_CHIP_ESP32S2, ONESLOT_CHIP_ESP32C3,
                                     ONESLOT_CHIP_ESP32S3, ONESLOT_CHIP_ESP32C2, ONESLOT_CHIP_ESP32C6,
                                     ONESLOT_CHIP_ESP32H2};
    (void)state;
    for (uint32_t i = 0; i < sizeof chips / sizeof chips[0]; i++) {
        struct oneslot_image image;
        synthetic_esp32(file, SIZE, chips[i], i, 0);
        assert_int_equal(prove(&image, file, SIZE), ONESLOT_ERROR_NONE);
        assert_int_equal(image.kind, ONESLOT_IMAGE_ESP32);
        assert_int_equal(image.size, SIZE);
        assert_int_equal(image.target, 0);
        assert_int_equal(image.chip, chips[i]);
        assert_int_equal(image.segment_count, 3);
        assert_int_equal(image.segment[0].offset, 32);
        assert_int_equal(image.segment[2].offset + image.segment[2].length, SIZE - 48);
        assert_int_equal(image.proofs, ONESLOT_PROOF_CHECKSUM | ONESLOT_PROOF_LENGTH | ONESLOT_PROOF_SHA256);
        uint8_t digest[32];
        br_sha256_context sha256;
        br_sha256_init(&sha256);
        br_sha256_update(&sha256, file, SIZE);
        br_sha256_out(&sha256, digest);
        assert_memory_equal(image.sha256, digest, sizeof digest);
        assert_int_equal(judge_on(chips[i], 0, file, SIZE), ONESLOT_ERROR_NONE);
    }
}

/// Sizes around the buffer's, so that checksum and digest fall on every place of it.
static void test_an_application_of_any_size_is_accepted(void **state) {
    (void)state;
    for (uint32_t size = 0xfa0; size <= 0x1090; size += 16) {
        struct oneslot_image image;
        synthetic_esp32(file, size, ONESLOT_CHIP_ESP32C3, size, 0);
        assert_int_equal(prove(&image, file, size), ONESLOT_ERROR_NONE);
        assert_int_equal(image.size, size);
        file[size - 33] ^= 1; /* the checksum, and with it what the SHA-256 is of */
        assert_int_equal(prove(&image, file, size), ONESLOT_ERROR_IMAGE_DIGEST);
    }
}

static void test_one_flipped_bit_anywhere_is_refused(void **state) {
    (void)state;
    make_file();
    for (uint32_t offset = 0; offset < SIZE; offset++) {
        file[offset] ^= (uint8_t)(1u << offset % 8);
        assert_int_not_equal(judge(file, SIZE), ONESLOT_ERROR_NONE);
        file[offset] ^= (uint8_t)(1u << offset % 8);
    }
    assert_int_equal(judge(file, SIZE), ONESLOT_ERROR_NONE);
}

/// The header without which a file is none of the family's, and that says there is a SHA-256, is not among them.
static void test_a_changed_byte_is_refused_whatever_it_becomes(void **state) {
    (void)state;
    make_file();
    static const uint32_t places[] = {0, 1, 8, 11, 12, 15, 23, 24, 27, 28, 31, 32, 35, 544, 548, 551, 808, 812, 815};
    for (uint32_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        uint8_t was = file[places[i]];
        for (uint32_t value = 0; value < 256; value++) {
            file[places[i]] = (uint8_t)value;
            enum oneslot_error error = judge(file, SIZE);
            assert_true(value == was ? error == ONESLOT_ERROR_NONE : error != ONESLOT_ERROR_NONE);
        }
        file[places[i]] = was;
    }
}

struct damage {
    const char *what;
    uint32_t offset;
    uint32_t word;
    bool seal; ///< with proofs made anew: not damage, but a wrong image
    enum oneslot_error error;
};

static void test_damage_is_named(void **state) {
    static const struct damage damages[] = {
        {"magic", 0, 0x200203ea, false, ONESLOT_ERROR_IMAGE_UNKNOWN},
        {"no segment", 0, 0x200200e9, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"17 segments", 0, 0x200211e9, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"more segments than there are", 0, 0x200205e9, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"an image for the ESP8266", 8, 0x40100000, true, ONESLOT_ERROR_IMAGE_CHIP},
        {"another chip", 12, 9, true, ONESLOT_ERROR_IMAGE_CHIP},
        {"hash flag", 20, 0x02000000, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"no SHA-256, but bytes of one", 20, 0, true, ONESLOT_ERROR_IMAGE_LENGTH},
        {"no descriptor", 32, 0xabcd5433, true, ONESLOT_ERROR_IMAGE_UNKNOWN},
        {"first segment without room for a descriptor", 28, 0xfc, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"data off its page", 24, 0x3c000040, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"length no multiple of 4", 548, 0x102, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"segment longer than the file", 812, SIZE, true, ONESLOT_ERROR_IMAGE_TRUNCATED},
        {"segment longer than any flash", 812, 0x01000000, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"segment length that overflows", 812, 0xfffffffc, true, ONESLOT_ERROR_IMAGE_HEADER},
        {"code", 0x1000, 0x12345678, false, ONESLOT_ERROR_IMAGE_DIGEST},
        {"the SHA-256 itself", SIZE - 8, 0x12345678, false, ONESLOT_ERROR_IMAGE_DIGEST},
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        make_file();
        set_word(damages[i].offset, damages[i].word);
        if (damages[i].seal) {
            synthetic_esp32_seal(file, SIZE);
        }
        enum oneslot_error error = judge(file, SIZE);
        if (error != damages[i].error) {
            print_error("%s: %s\n", damages[i].what, oneslot_error_name(error));
        }
        assert_int_equal(error, damages[i].error);
    }
}

static void test_a_wrong_checksum_under_a_right_sha256_is_refused(void **state) {
    (void)state;
    make_file();
    file[SIZE - 33] ^= 0x10;
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, file, SIZE - 32);
    br_sha256_out(&sha256, file + SIZE - 32);
    assert_int_equal(judge(file, SIZE), ONESLOT_ERROR_IMAGE_CHECKSUM);
}

static void test_a_file_cut_at_any_length_is_refused(void **state) {
    (void)state;
    make_file();
    for (uint32_t size = 1; size < SIZE; size++) {
        uint8_t *part = malloc(size); /* its own memory: the sanitizer sees what is read past its end */
        assert_non_null(part);
        memcpy(part, file, size);
        assert_int_equal(judge(part, size), ONESLOT_ERROR_IMAGE_TRUNCATED);
        free(part);
    }
}

static void test_bytes_behind_the_image_are_refused_in_a_file_and_left_out_of_a_region(void **state) {
    struct oneslot_image image;
    (void)state;
    make_file();
    assert_int_equal(prove(&image, file, SIZE + 16), ONESLOT_ERROR_IMAGE_LENGTH);
    assert_int_equal(prove_as(&image, file, SIZE + 16, true, NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(image.size, SIZE);
}

static void test_a_signature_sector_goes_with_the_image(void **state) {
    uint32_t signature = (SIZE + ONESLOT_SECTOR_SIZE - 1) & ~(ONESLOT_SECTOR_SIZE - 1);
    uint32_t size = signature + ONESLOT_SECTOR_SIZE;
    struct oneslot_image image;
    (void)state;
    make_file();
    file[signature] = 0xe7;
    file[signature + 1] = 2;
    assert_int_equal(prove(&image, file, size), ONESLOT_ERROR_NONE);
    assert_int_equal(image.size, size);
    assert_int_equal(prove_as(&image, file, size, true, NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(image.size, size);
    uint8_t before[32];
    memcpy(before, image.sha256, sizeof before);
    file[size - 1] ^= 1;
    assert_int_equal(prove(&image, file, size), ONESLOT_ERROR_NONE);
    assert_memory_not_equal(before, image.sha256, sizeof before);
    assert_int_equal(prove(&image, file, size - 1), ONESLOT_ERROR_IMAGE_LENGTH);
    file[signature] = 0xff;
    assert_int_equal(prove(&image, file, size), ONESLOT_ERROR_IMAGE_LENGTH);
}

static void test_an_image_without_a_sha256_needs_one_with_the_request(void **state) {
    uint32_t size = SIZE - 32;
    struct oneslot_image image;
    struct oneslot_chip chip;
    (void)state;
    make_file();
    file[23] = 0;
    assert_int_equal(judge(file, size), ONESLOT_ERROR_IMAGE_UNPROVEN);
    assert_int_equal(prove(&image, file, size), ONESLOT_ERROR_NONE);
    uint8_t digest[32];
    memcpy(digest, image.sha256, sizeof digest);
    assert_int_equal(prove_as(&image, file, size, false, digest), ONESLOT_ERROR_NONE);
    oneslot_esp32_chip(&chip, ONESLOT_CHIP_ESP32C3, 0);
    chip.limits.firmware = 0x1d0000;
    chip.limits.expected = digest;
    assert_int_equal(oneslot_image_allowed(&image, &chip.limits, NULL), ONESLOT_ERROR_NONE);
    digest[3] ^= 1;
    assert_int_equal(prove_as(&image, file, size, false, digest), ONESLOT_ERROR_IMAGE_SHA256);
    file[0x1000] ^= 1;
    assert_int_equal(judge(file, size), ONESLOT_ERROR_IMAGE_CHECKSUM);
}

static void test_revisions_are_kept_to(void **state) {
    static const struct {
        uint8_t bytes[5]; ///< of the header, from 14 on
        uint16_t chip;
        uint16_t revision;
        enum oneslot_error error;
    } cases[] = {
        {{0, 0, 0, 0, 0}, ONESLOT_CHIP_ESP32C3, 4, ONESLOT_ERROR_NONE},
        {{3, 3, 0, 99, 0}, ONESLOT_CHIP_ESP32C3, 3, ONESLOT_ERROR_NONE},
        {{3, 3, 0, 99, 0}, ONESLOT_CHIP_ESP32C3, 2, ONESLOT_ERROR_IMAGE_REVISION},
        {{3, 3, 0, 99, 0}, ONESLOT_CHIP_ESP32C3, 101, ONESLOT_ERROR_IMAGE_REVISION},
        {{3, 3, 0, 99, 0}, ONESLOT_CHIP_ESP32C3, 0, ONESLOT_ERROR_NONE}, /* not known */
        {{3, 3, 0, 0xff, 0xff}, ONESLOT_CHIP_ESP32C3, 999, ONESLOT_ERROR_NONE},
        {{3, 0, 0, 0, 0}, ONESLOT_CHIP_ESP32C3, 2, ONESLOT_ERROR_IMAGE_REVISION}, /* IDF 4: minor */
        {{3, 0, 0, 0, 0}, ONESLOT_CHIP_ESP32C3, 3, ONESLOT_ERROR_NONE},
        {{3, 0, 0, 0, 0}, ONESLOT_CHIP_ESP32, 100, ONESLOT_ERROR_IMAGE_REVISION}, /* IDF 4: major */
        {{3, 0, 0, 0, 0}, ONESLOT_CHIP_ESP32, 300, ONESLOT_ERROR_NONE},
        {{0, 0, 0, 0x8f, 1}, ONESLOT_CHIP_ESP32, 301, ONESLOT_ERROR_NONE},
        {{0, 0, 0, 0x8f, 1}, ONESLOT_CHIP_ESP32, 400, ONESLOT_ERROR_IMAGE_REVISION},
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        synthetic_esp32(file, SIZE, cases[i].chip, i, 0);
        memcpy(file + 14, cases[i].bytes, sizeof cases[i].bytes);
        synthetic_esp32_seal(file, SIZE);
        assert_int_equal(judge_on(cases[i].chip, cases[i].revision, file, SIZE), cases[i].error);
    }
}

static void test_an_image_keeps_to_its_partition(void **state) {
    struct oneslot_image image;
    struct oneslot_chip chip;
    (void)state;
    make_file();
    oneslot_esp32_chip(&chip, ONESLOT_CHIP_ESP32C3, 0);
    assert_int_equal(prove(&image, file, SIZE), ONESLOT_ERROR_NONE);
    image.target = 0x10000;
    chip.limits.firmware = 0x10000 + SIZE;
    assert_int_equal(oneslot_image_allowed(&image, &chip.limits, NULL), ONESLOT_ERROR_NONE);
    chip.limits.firmware--;
    assert_int_equal(oneslot_image_allowed(&image, &chip.limits, NULL), ONESLOT_ERROR_IMAGE_TOO_LARGE);
}

static void test_an_esp8266_takes_none(void **state) {
    struct oneslot_image image;
    struct oneslot_source source = {.size = SIZE};
    (void)state;
    make_file();
    memory = file;
    assert_int_equal(oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL), ONESLOT_ERROR_IMAGE_CHIP);
}

static int read_file(void *context, uint32_t address, void *bytes, uint32_t length) {
    (void)context;
    memcpy(bytes, file + address, length);
    return 0;
}

static void test_what_lies_in_a_partition_is_proven_too(void **state) {
    const struct oneslot_flash flash = {.size = ONESLOT_BLOCK_SIZE, .read = read_file};
    struct oneslot_image image;
    (void)state;
    make_file();
    assert_int_equal(oneslot_image_esp32_prove_flash(&image, &flash, 0, SIZE + 32, buffer, NULL, NULL),
                     ONESLOT_ERROR_NONE);
    assert_int_equal(image.size, SIZE);
    file[0x1234] ^= 4;
    assert_int_equal(oneslot_image_esp32_prove_flash(&image, &flash, 0, SIZE + 32, buffer, NULL, NULL),
                     ONESLOT_ERROR_IMAGE_DIGEST);
    memset(file, 0xff, SIZE);
    assert_int_equal(oneslot_image_esp32_prove_flash(&image, &flash, 0, SIZE + 32, buffer, NULL, NULL),
                     ONESLOT_ERROR_IMAGE_UNKNOWN);
}

/* Images that a project shipped. */

static uint8_t *load(const char *name, uint32_t *size) {
    const char *folder = getenv("ONESLOT_FIRMWARE");
    char path[512];
    snprintf(path, sizeof path, "%s/%s", folder ? folder : "../shared/firmware", name);
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        return NULL;
    }
    fseek(stream, 0, SEEK_END);
    *size = (uint32_t)ftell(stream);
    rewind(stream);
    uint8_t *bytes = malloc(*size);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *size, stream), *size);
    fclose(stream);
    return bytes;
}

static void test_shipped_applications_are_accepted(void **state) {
    static const struct {
        const char *name;
        uint32_t offset; ///< of the application in the stock image
        uint16_t chip;
        uint8_t segments;
    } cases[] = {
        {"mp32-v1.23.0.bin", 0xf000, ONESLOT_CHIP_ESP32, 7},
        {"mp32-v1.24.0.bin", 0xf000, ONESLOT_CHIP_ESP32, 7},
        {"mp32-v1.24.1.bin", 0xf000, ONESLOT_CHIP_ESP32, 7},
        {"mp32c3-v1.20.0.bin", 0x10000, ONESLOT_CHIP_ESP32C3, 6},
        {"mp32c3-v1.22.1.bin", 0x10000, ONESLOT_CHIP_ESP32C3, 6},
    };
    uint32_t seen = 0;
    (void)state;
    for (uint32_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint32_t size;
        uint8_t *bytes = load(cases[i].name, &size);
        if (!bytes) {
            continue;
        }
        seen++;
        struct oneslot_image image;
        assert_int_equal(prove(&image, bytes + cases[i].offset, size - cases[i].offset), ONESLOT_ERROR_NONE);
        assert_int_equal(image.chip, cases[i].chip);
        assert_int_equal(image.segment_count, cases[i].segments);
        assert_true((image.proofs & ONESLOT_PROOF_SHA256) != 0);
        assert_int_equal(judge_on(cases[i].chip, 0, bytes + cases[i].offset, size - cases[i].offset),
                         ONESLOT_ERROR_NONE);
        bytes[cases[i].offset + 0x100000] ^= 1;
        assert_int_equal(prove(&image, bytes + cases[i].offset, size - cases[i].offset), ONESLOT_ERROR_IMAGE_DIGEST);
        free(bytes);
    }
    if (seen == 0) {
        print_message("no shipped images are here\n");
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_an_application_is_accepted_with_its_proofs),
        cmocka_unit_test(test_an_application_of_any_size_is_accepted),
        cmocka_unit_test(test_one_flipped_bit_anywhere_is_refused),
        cmocka_unit_test(test_a_changed_byte_is_refused_whatever_it_becomes),
        cmocka_unit_test(test_damage_is_named),
        cmocka_unit_test(test_a_wrong_checksum_under_a_right_sha256_is_refused),
        cmocka_unit_test(test_a_file_cut_at_any_length_is_refused),
        cmocka_unit_test(test_bytes_behind_the_image_are_refused_in_a_file_and_left_out_of_a_region),
        cmocka_unit_test(test_a_signature_sector_goes_with_the_image),
        cmocka_unit_test(test_an_image_without_a_sha256_needs_one_with_the_request),
        cmocka_unit_test(test_revisions_are_kept_to),
        cmocka_unit_test(test_an_image_keeps_to_its_partition),
        cmocka_unit_test(test_an_esp8266_takes_none),
        cmocka_unit_test(test_what_lies_in_a_partition_is_proven_too),
        cmocka_unit_test(test_shipped_applications_are_accepted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
