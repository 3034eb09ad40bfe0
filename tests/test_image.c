/*
 * Image formats: what is accepted as what, that damage is refused, what is allowed on a device. Images are built
 * here; those that projects shipped are read where they are present.
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
#include "oneslot/image.h"
#include "oneslot/source.h"

/* A file in memory stands in for core/source.c, whose own tests are elsewhere. */

static struct {
    uint8_t *bytes;
    uint32_t reads;     ///< so far
    uint32_t fail_read; ///< number of the read that fails; 0 for none
} memory;

enum oneslot_error oneslot_source_read(struct oneslot_source *source, uint32_t offset, void *buffer, uint32_t length) {
    assert_true(offset <= source->size && length <= source->size - offset);
    if (++memory.reads == memory.fail_read) {
        return ONESLOT_ERROR_FILE_READ;
    }
    memcpy(buffer, memory.bytes + offset, length);
    return ONESLOT_ERROR_NONE;
}

static struct oneslot_source source_of(uint8_t *bytes, uint32_t size) {
    memory.bytes = bytes;
    memory.reads = 0;
    memory.fail_read = 0;
    return (struct oneslot_source){.size = size, .region = {.type = 1, .address = 0x200000, .size = 0x100000}};
}

static _Alignas(4) uint8_t buffer[ONESLOT_IMAGE_BUFFER];

static enum oneslot_error prove(struct oneslot_image *image, uint8_t *bytes, uint32_t size) {
    struct oneslot_source source = source_of(bytes, size);
    return oneslot_image_prove(image, &source, NULL, buffer, NULL, NULL);
}

/// What becomes of a file on a device: proof, then limits.
static enum oneslot_error judge(uint8_t *bytes, uint32_t size) {
    struct oneslot_image image;
    enum oneslot_error error = prove(&image, bytes, size);
    return error ? error : oneslot_image_allowed(&image, &oneslot_esp8266.limits, NULL);
}

/* Builders */

struct file {
    uint8_t bytes[0xb000];
    uint32_t size;
};

static struct file file;

static void put_byte(uint8_t byte) {
    assert_true(file.size < sizeof file.bytes);
    file.bytes[file.size++] = byte;
}

static void set_word(uint32_t offset, uint32_t word) {
    for (uint32_t i = 0; i < 4; i++) {
        file.bytes[offset + i] = (uint8_t)(word >> (8 * i));
    }
}

static uint32_t word_at(uint32_t offset) {
    const uint8_t *bytes = file.bytes + offset;
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static void put_word(uint32_t word) {
    file.size += 4;
    assert_true(file.size <= sizeof file.bytes);
    set_word(file.size - 4, word);
}

static void put_fill(uint32_t end, uint8_t fill) {
    while (file.size < end) {
        put_byte(fill);
    }
}

static void put_data(uint32_t length, uint8_t *checksum) {
    for (uint32_t i = 0; i < length; i++) {
        uint8_t byte = (uint8_t)(file.size * 37 + (file.size >> 8) * 11 + 5);
        *checksum ^= byte;
        put_byte(byte);
    }
}

static void put_header(uint8_t segments, uint32_t entry) {
    put_byte(0xe9);
    put_byte(segments);
    put_byte(2);
    put_byte(0x40);
    put_word(entry);
}

static void put_segment(uint32_t address, uint32_t length, uint8_t *checksum) {
    put_word(address);
    put_word(length);
    put_data(length, checksum);
}

static void put_checksum(uint8_t checksum) {
    put_fill(file.size | 15, 0);
    put_byte(checksum);
}

static void put_rom_image(void) {
    uint8_t checksum = 0xef;
    put_header(3, 0x40100010);
    put_segment(0x40100000, 64, &checksum);
    put_segment(0x3ffe8000, 20, &checksum);
    put_segment(0x3ffe8020, 0, &checksum);
    put_checksum(checksum);
}

static void build_plain(void) {
    uint8_t unused = 0;
    file.size = 0;
    put_rom_image();
    put_fill(0x400, 0xff);
    put_data(100, &unused);
}

static void build_boot(void) {
    file.size = 0;
    put_rom_image();
}

static void seal_micropython(void) {
    br_md5_context md5;
    br_md5_init(&md5);
    br_md5_update(&md5, file.bytes + 4, file.size - 4);
    br_md5_out(&md5, file.bytes + file.size);
    file.size += 16;
}

/// The code's length is no multiple of anything, so that the MD5 lies across two buffers.
static void build_micropython(void) {
    uint8_t unused = 0;
    file.size = 0;
    put_rom_image();
    put_fill(0x8ffc, 0xff);
    put_word(0x9000 + 0xff7);
    put_data(0xff7, &unused);
    seal_micropython();
}

static void build_old_micropython(void) {
    uint8_t unused = 0;
    file.size = 0;
    put_rom_image();
    put_fill(0x9000, 0xff);
    put_data(256, &unused);
}

static uint32_t crc32_high_bit_first(const uint8_t *bytes, uint32_t length) {
    uint32_t crc = 0xffffffff;
    for (uint32_t i = 0; i < length; i++) {
        for (uint32_t mask = 0x80; mask; mask >>= 1) {
            uint32_t bit = (crc >> 31) ^ ((bytes[i] & mask) != 0);
            crc = crc << 1 ^ (bit ? 0x04c11db7 : 0);
        }
    }
    return crc;
}

/// The sketch's lengths are no multiples of 4. `with_words`: with length and CRC.
static void put_arduino(bool with_words) {
    uint8_t checksum = 0xef;
    file.size = 0;
    put_header(2, 0x4010f004);
    put_segment(0x4010f000, 48, &checksum);
    put_segment(0x3fff20b8, 8, &checksum);
    put_checksum(checksum);
    put_fill(0x1000, 0xaa);
    checksum = 0xef;
    put_header(3, 0x40100004);
    put_word(0x40201010);
    put_word(8 + 90);
    for (uint32_t i = 0; i < 8; i++) {
        uint8_t byte = (uint8_t)(with_words ? 0 : 0x31 + 7 * i);
        checksum ^= byte;
        put_byte(byte);
    }
    put_data(90, &checksum);
    put_segment(0x40100000, 33, &checksum);
    put_segment(0x3ffe8000, 7, &checksum);
    put_checksum(checksum);
    if (with_words) {
        uint32_t crc = crc32_high_bit_first(file.bytes, file.size);
        set_word(0x1010, file.size);
        set_word(0x1014, crc);
    }
}

static void build_arduino(void) {
    put_arduino(true);
}

static void build_old_arduino(void) {
    put_arduino(false);
}

static uint32_t crc32_zlib(const uint8_t *bytes, uint32_t length) {
    uint32_t crc = 0xffffffff;
    for (uint32_t i = 0; i < length; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) {
            crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
        }
    }
    return ~crc;
}

/// `salt` makes CRCs whose highest bit differs, which are stored in two ways. The code holds so many addresses of its
/// own place, and of user2's.
static void put_linked_user1(uint32_t salt, uint32_t here, uint32_t there) {
    uint8_t unused = 0;
    uint8_t checksum = 0xef;
    file.size = 0;
    put_byte(0xea);
    put_byte(4);
    put_byte(0);
    put_byte(1);
    put_word(0x40100004);
    put_word(0);
    put_word(64 + 4 * (here + there));
    put_word(salt);
    put_data(60, &unused);
    for (uint32_t i = 0; i < here + there; i++) {
        put_word(i < here ? 0x40201000 + 4 * i : 0x40281000 + 4 * (i - here));
    }
    put_header(2, 0x40100004);
    put_segment(0x40100000, 40, &checksum);
    put_segment(0x3ffe8000, 12, &checksum);
    put_checksum(checksum);
    uint32_t crc = crc32_zlib(file.bytes, file.size);
    put_word(crc & 0x80000000 ? ~crc : crc + 1);
}

static void put_user1(uint32_t salt) {
    put_linked_user1(salt, 0, 0);
}

static void build_user1(void) {
    put_user1(1);
}

static void build_esp32(void) {
    uint8_t unused = 0;
    file.size = 0;
    put_header(1, 0x400805cc);
    put_word(0xee);
    put_word(0);
    put_word(0);
    put_word(0x01000000);
    put_segment(0x3fff0030, 64, &unused);
    put_checksum(unused);
}

/// ESP32 flash files begin with the boot loader at 0x1000.
static void build_esp32_flash(void) {
    static struct file image;
    build_esp32();
    image = file;
    file.size = 0;
    put_fill(0x1000, 0xff);
    memcpy(file.bytes + file.size, image.bytes, image.size);
    file.size += image.size;
}

/* What is accepted */

struct accepted {
    const char *name;
    void (*build)(void);
    enum oneslot_image_kind kind;
    uint8_t proofs;
    uint8_t boot_segments;
    uint8_t segments;
    uint32_t target;
    uint32_t entry;
    enum oneslot_error allowed;
};

#define CHECKSUM ONESLOT_PROOF_CHECKSUM
#define LENGTH   ONESLOT_PROOF_LENGTH
#define UNPROVEN ONESLOT_ERROR_IMAGE_UNPROVEN

static const struct accepted accepted[] = {
    {"plain", build_plain, ONESLOT_IMAGE_PLAIN, CHECKSUM, 3, 3, 0, 0x40100010, UNPROVEN},
    {"boot", build_boot, ONESLOT_IMAGE_BOOT, CHECKSUM, 3, 3, 0, 0x40100010, ONESLOT_ERROR_IMAGE_UNKNOWN},
    {"MicroPython", build_micropython, ONESLOT_IMAGE_MICROPYTHON, CHECKSUM | LENGTH | ONESLOT_PROOF_MD5, 3, 3, 0,
     0x40100010, ONESLOT_ERROR_NONE},
    {"old MicroPython", build_old_micropython, ONESLOT_IMAGE_PLAIN, CHECKSUM, 3, 3, 0, 0x40100010, UNPROVEN},
    {"Arduino", build_arduino, ONESLOT_IMAGE_ARDUINO, CHECKSUM | LENGTH | ONESLOT_PROOF_CRC32, 2, 5, 0, 0x4010f004,
     ONESLOT_ERROR_NONE},
    {"old Arduino", build_old_arduino, ONESLOT_IMAGE_ARDUINO, CHECKSUM, 2, 5, 0, 0x4010f004, UNPROVEN},
    {"user1", build_user1, ONESLOT_IMAGE_USER1, CHECKSUM | ONESLOT_PROOF_CRC32, 0, 3, 0x1000, 0x40100004,
     ONESLOT_ERROR_NONE},
};

#define COUNT(table) (sizeof(table) / sizeof *(table))

static void sha256_of(const uint8_t *bytes, uint32_t size, uint8_t *digest) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes, size);
    br_sha256_out(&context, digest);
}

static void test_each_kind_is_accepted_with_its_proofs(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        const struct accepted *want = &accepted[i];
        struct oneslot_image image;
        uint8_t digest[32];
        want->build();
        print_message("  %s\n", want->name);
        assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_NONE);
        assert_int_equal(image.kind, want->kind);
        assert_int_equal(image.proofs, want->proofs);
        assert_int_equal(image.boot_segments, want->boot_segments);
        assert_int_equal(image.segment_count, want->segments);
        assert_int_equal(image.target, want->target);
        assert_int_equal(image.entry, want->entry);
        assert_int_equal(image.size, file.size);
        assert_int_equal(image.header, word_at(0));
        sha256_of(file.bytes, file.size, digest);
        assert_memory_equal(image.sha256, digest, sizeof digest);
        assert_int_equal(judge(file.bytes, file.size), want->allowed);
    }
}

static void test_segments_are_told_in_file_order_with_their_places(void **state) {
    struct oneslot_image image;
    (void)state;
    build_arduino();
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_NONE);
    static const struct oneslot_segment want[] = {
        {0x4010f000, 0x10, 48},
        {0x3fff20b8, 0x48, 8},
        {0x40201010, 0x1010, 98},
        {0x40100000, 0x1010 + 98 + 8, 33},
        {0x3ffe8000, 0x1010 + 98 + 8 + 33 + 8, 7},
    };
    for (size_t i = 0; i < COUNT(want); i++) {
        assert_memory_equal(&image.segment[i], &want[i], sizeof want[i]);
    }
    build_user1();
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_NONE);
    assert_int_equal(image.segment[0].address, 0);
    assert_int_equal(image.segment[0].offset, 16);
    assert_int_equal(image.segment[0].length, 64);
    assert_int_equal(image.segment[1].offset, 16 + 64 + 16);
}

static void test_a_sketch_is_known_by_either_of_its_marks(void **state) {
    struct oneslot_image image;
    (void)state;
    build_arduino();
    set_word(8, 0x4010c000); /* no longer eboot's place */
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_IMAGE_CRC);
    assert_int_equal(image.kind, ONESLOT_IMAGE_ARDUINO);
    set_word(0x1008, 0x40202010); /* and no longer a sketch's */
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_NONE);
    assert_int_equal(image.kind, ONESLOT_IMAGE_PLAIN);
    build_arduino();
    file.bytes[0x1000] = 0;
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_IMAGE_HEADER);
    assert_int_equal(image.kind, ONESLOT_IMAGE_ARDUINO);
}

static void test_both_ways_of_storing_the_user1_crc_are_read(void **state) {
    bool seen[2] = {false, false};
    (void)state;
    for (uint32_t salt = 0; salt < 16; salt++) {
        put_user1(salt);
        seen[crc32_zlib(file.bytes, file.size - 4) >> 31] = true;
        assert_int_equal(judge(file.bytes, file.size), ONESLOT_ERROR_NONE);
    }
    assert_true(seen[0] && seen[1]);
}

/// Its own proof holds, and it would jump into nothing.
static void test_a_user2_image_is_not_put_in_the_place_of_user1(void **state) {
    static const struct {
        uint32_t here;
        uint32_t there;
        enum oneslot_error want;
    } cases[] = {
        {100, 0, ONESLOT_ERROR_NONE},   {0, 32, ONESLOT_ERROR_NONE},           {0, 33, ONESLOT_ERROR_IMAGE_PLACE},
        {100, 132, ONESLOT_ERROR_NONE}, {100, 133, ONESLOT_ERROR_IMAGE_PLACE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put_linked_user1(1, cases[i].here, cases[i].there);
        assert_int_equal(judge(file.bytes, file.size), cases[i].want);
    }
}

static void test_other_files_are_refused_by_name(void **state) {
    static const struct {
        const char *text;
        enum oneslot_error want;
    } cases[] = {
        {"", ONESLOT_ERROR_IMAGE_UNKNOWN},
        {"print('hello')\n", ONESLOT_ERROR_IMAGE_UNKNOWN},
        {"\x1f\x8b\x08", ONESLOT_ERROR_IMAGE_UNKNOWN},
        {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", ONESLOT_ERROR_IMAGE_UNKNOWN},
        {"\xe9", ONESLOT_ERROR_IMAGE_TRUNCATED},
        {"\xea\x04\x01", ONESLOT_ERROR_IMAGE_TRUNCATED},
    };
    struct oneslot_image image;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        uint8_t bytes[32];
        memcpy(bytes, cases[i].text, strlen(cases[i].text));
        assert_int_equal(prove(&image, bytes, (uint32_t)strlen(cases[i].text)), cases[i].want);
    }
    build_esp32();
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_IMAGE_CHIP);
    assert_int_equal(image.kind, ONESLOT_IMAGE_ESP32);
    file.bytes[13] = 1; /* no such chip */
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_IMAGE_HEADER);
    build_esp32_flash();
    assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_IMAGE_CHIP);
    assert_int_equal(image.kind, ONESLOT_IMAGE_ESP32);
}

/* Damage */

/// Filling is long and all alike: one byte of 61 will do.
static bool is_sampled(uint32_t offset) {
    uint8_t byte = file.bytes[offset];
    bool filling = offset > 0 && (byte == 0xff || byte == 0xaa) && file.bytes[offset - 1] == byte;
    return !filling || offset % 61 == 0;
}

/// The flash mode and size of the device take the place of these, whatever the file says.
static bool is_irrelevant(const struct oneslot_image *image, uint32_t offset) {
    return image->kind == ONESLOT_IMAGE_MICROPYTHON && (offset == 2 || offset == 3);
}

static void test_one_flipped_bit_anywhere_is_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        struct oneslot_image image;
        if (accepted[i].allowed) {
            continue;
        }
        accepted[i].build();
        assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_NONE);
        for (uint32_t offset = 0; offset < file.size; offset++) {
            /* Of MicroPython's code, every fifth byte: the MD5 takes them all alike. */
            bool code = image.kind == ONESLOT_IMAGE_MICROPYTHON && offset > 0x9010 && offset < file.size - 20;
            if (!is_sampled(offset) || (code && offset % 5 != 0)) {
                continue;
            }
            for (int bit = 0; bit < 8; bit++) {
                file.bytes[offset] ^= (uint8_t)(1 << bit);
                enum oneslot_error error = judge(file.bytes, file.size);
                file.bytes[offset] ^= (uint8_t)(1 << bit);
                if ((error == ONESLOT_ERROR_NONE) != is_irrelevant(&image, offset)) {
                    fail_msg("%s: bit %d of byte 0x%x: %s", accepted[i].name, bit, offset, oneslot_error_name(error));
                }
            }
        }
    }
}

static void test_a_flipped_bit_in_the_content_fails_the_images_own_proof(void **state) {
    static const struct {
        void (*build)(void);
        uint32_t offset;
        enum oneslot_error want;
    } cases[] = {
        {build_micropython, 0x30, ONESLOT_ERROR_IMAGE_MD5},
        {build_micropython, 0x5000, ONESLOT_ERROR_IMAGE_MD5},
        {build_micropython, 0x9800, ONESLOT_ERROR_IMAGE_MD5},
        {build_arduino, 0x30, ONESLOT_ERROR_IMAGE_CRC},
        {build_arduino, 0x800, ONESLOT_ERROR_IMAGE_CRC},
        {build_arduino, 0x1014, ONESLOT_ERROR_IMAGE_CRC},
        {build_arduino, 0x1040, ONESLOT_ERROR_IMAGE_CRC},
        {build_user1, 0x20, ONESLOT_ERROR_IMAGE_CRC},
        {build_plain, 0x20, ONESLOT_ERROR_IMAGE_CHECKSUM},
        {build_boot, 0x20, ONESLOT_ERROR_IMAGE_CHECKSUM},
        {build_old_arduino, 0x20, ONESLOT_ERROR_IMAGE_CHECKSUM},
        {build_old_arduino, 0x1010, ONESLOT_ERROR_IMAGE_CHECKSUM},
        {build_old_arduino, 0x1040, ONESLOT_ERROR_IMAGE_CHECKSUM},
    };
    struct oneslot_image image;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cases[i].build();
        file.bytes[cases[i].offset] ^= 0x10;
        assert_int_equal(prove(&image, file.bytes, file.size), cases[i].want);
        assert_int_equal(image.proofs & ONESLOT_PROOF_WHOLE, 0);
    }
}

static void test_a_file_cut_at_any_length_is_refused(void **state) {
    static const struct {
        void (*build)(void);
        uint32_t truncated_from; ///< from here on, the cut is named
    } cases[] = {{build_micropython, 0x9000}, {build_arduino, 0x61}, {build_user1, 1}, {build_boot, 1}};
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        cases[i].build();
        uint32_t whole = file.size;
        for (uint32_t size = 0; size < whole; size++) {
            if (size > 0x100 && size < 0x8ff0 && whole > 0x9000 && size % 97 != 0) {
                continue; /* in MicroPython's filling */
            }
            enum oneslot_error error = judge(file.bytes, size);
            if (size >= cases[i].truncated_from ? error != ONESLOT_ERROR_IMAGE_TRUNCATED
                                                : error == ONESLOT_ERROR_NONE) {
                fail_msg("case %zu cut to 0x%x: %s", i, size, oneslot_error_name(error));
            }
        }
    }
}

static void test_bytes_behind_the_image_are_refused_in_a_file_and_left_out_of_a_region(void **state) {
    static void (*const builds[])(void) = {build_micropython, build_arduino, build_old_arduino, build_user1};
    (void)state;
    for (size_t i = 0; i < COUNT(builds); i++) {
        struct oneslot_image image;
        uint8_t digest[32];
        builds[i]();
        uint32_t size = file.size;
        sha256_of(file.bytes, size, digest);
        put_byte(0xff);
        assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_IMAGE_LENGTH);
        struct oneslot_source source = source_of(file.bytes, file.size);
        source.raw = true;
        assert_int_equal(oneslot_image_prove(&image, &source, digest, buffer, NULL, NULL), ONESLOT_ERROR_NONE);
        assert_int_equal(image.size, size);
        assert_true(image.proofs & ONESLOT_PROOF_SHA256);
    }
}

/* Headers that lie */

struct lie {
    void (*build)(void);
    uint32_t offset;
    uint32_t word;
    enum oneslot_error want;
};

#define HEADER    ONESLOT_ERROR_IMAGE_HEADER
#define TRUNCATED ONESLOT_ERROR_IMAGE_TRUNCATED

static const struct lie lies[] = {
    {build_plain, 0, 0x400200e9, HEADER},  /* no segment */
    {build_plain, 0, 0x400211e9, HEADER},  /* 17 segments */
    {build_plain, 0, 0x4002ffe9, HEADER},  /* 255 */
    {build_plain, 4, 0x40200000, HEADER},  /* entry in the window */
    {build_plain, 4, 0, HEADER},           /* entry nowhere */
    {build_plain, 8, 0x40110000, HEADER},  /* address behind the RAM */
    {build_plain, 8, 0x4010fffc, HEADER},  /* running out of it */
    {build_plain, 8, 0x40100002, HEADER},  /* off a word */
    {build_plain, 8, 0x00000000, HEADER},  /* nowhere */
    {build_plain, 12, 0xfffffffc, HEADER}, /* length past everything */
    {build_plain, 12, 0xffffffff, HEADER}, /* and off a word */
    {build_plain, 12, 66, HEADER},         /* off a word */
    {build_plain, 12, 0x8000, TRUNCATED},  /* past the file */
    {build_micropython, 0x8ffc, 0x9000 + 0xff8, TRUNCATED},
    {build_micropython, 0x8ffc, 0x9000 + 0xff6, ONESLOT_ERROR_IMAGE_LENGTH},
    {build_micropython, 0x8ffc, 0x00ffffff, TRUNCATED},
    {build_micropython, 0, 0x400202e9, HEADER},     /* one segment fewer, which the MD5 does not cover */
    {build_arduino, 0x1000, 0x400203e8, HEADER},    /* sketch without its magic */
    {build_arduino, 0x1000, 0x400200e9, HEADER},    /* without segments */
    {build_arduino, 0x1000, 0x40020fe9, HEADER},    /* 15, with eboot's more than 16 */
    {build_arduino, 0x1008, 0x40202010, HEADER},    /* linked for another place */
    {build_arduino, 0x100c, 0xfffffff0, HEADER},    /* length past everything */
    {build_arduino, 0x100c, 0x000fefff, HEADER},    /* out of the window */
    {build_arduino, 0x100c, 0x000fef00, TRUNCATED}, /* past the file */
    {build_user1, 0, 0x010005ea, HEADER},           /* another format */
    {build_user1, 12, 0xffffffff, HEADER},          /* length past everything, and over the end of 32 bits */
    {build_user1, 12, 0xfffffff0, HEADER},
    {build_user1, 12, 0x00100001, HEADER},          /* out of the window */
    {build_user1, 12, 0x00080000, TRUNCATED},       /* past the file */
    {build_user1, 12, 60, HEADER},                  /* no header behind the code */
    {build_user1, 16 + 64 + 8, 0x40000000, HEADER}, /* into the ROM */
};

static void test_a_header_that_lies_is_refused_without_reading_past_the_file(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(lies); i++) {
        struct oneslot_image image;
        lies[i].build();
        set_word(lies[i].offset, lies[i].word);
        enum oneslot_error error = prove(&image, file.bytes, file.size);
        if (error != lies[i].want) {
            fail_msg("lie %zu: %s", i, oneslot_error_name(error));
        }
    }
}

static void test_any_damage_at_all_ends_in_an_answer(void **state) {
    static void (*const builds[])(void) = {build_plain, build_arduino, build_old_arduino, build_user1, build_esp32};
    uint32_t random = 1;
    (void)state;
    for (uint32_t round = 0; round < 20000; round++) {
        struct oneslot_image image;
        builds[round % COUNT(builds)]();
        for (uint32_t i = 0; i < 1 + round % 7; i++) {
            random = random * 1664525 + 1013904223;
            /* Mostly where headers are. */
            uint32_t place = (random >> 8) % (random & 0x80 ? file.size : 0x60);
            if ((random & 0x60) == 0 && file.size > 0x1040) {
                place = 0x1000 + (random >> 8) % 0x20;
            }
            random = random * 1664525 + 1013904223;
            file.bytes[place] = (uint8_t)(random >> 24);
        }
        struct oneslot_source source = source_of(file.bytes, file.size - (random >> 16) % 3);
        source.raw = (random & 0x8000) != 0;
        enum oneslot_error error = oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL);
        assert_true(image.segment_count <= ONESLOT_IMAGE_SEGMENTS);
        if (error == ONESLOT_ERROR_NONE) {
            assert_true(image.size <= source.size);
            for (uint8_t i = 0; i < image.segment_count; i++) {
                assert_true(image.segment[i].offset + image.segment[i].length <= image.size);
            }
        }
    }
}

/* The reading itself */

static void test_a_failing_read_is_passed_up_unchanged(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        struct oneslot_image image;
        accepted[i].build();
        assert_int_equal(prove(&image, file.bytes, file.size), ONESLOT_ERROR_NONE);
        uint32_t reads = memory.reads;
        for (uint32_t read = 1; read <= reads; read++) {
            struct oneslot_source source = source_of(file.bytes, file.size);
            memory.fail_read = read;
            assert_int_equal(oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL), ONESLOT_ERROR_FILE_READ);
        }
    }
}

static uint32_t progress_done;

static void on_progress(void *context, uint32_t done, uint32_t total) {
    assert_ptr_equal(context, &progress_done);
    assert_int_equal(total, file.size);
    assert_true(done > progress_done && done - progress_done <= ONESLOT_IMAGE_BUFFER);
    progress_done = done;
}

static void test_progress_is_told_for_each_buffer_up_to_the_end(void **state) {
    struct oneslot_image image;
    (void)state;
    build_micropython();
    progress_done = 0;
    struct oneslot_source source = source_of(file.bytes, file.size);
    assert_int_equal(oneslot_image_prove(&image, &source, NULL, buffer, on_progress, &progress_done),
                     ONESLOT_ERROR_NONE);
    assert_int_equal(progress_done, file.size);
}

static void test_the_sha256_that_was_asked_for_proves_or_refuses(void **state) {
    (void)state;
    for (size_t i = 0; i < COUNT(accepted); i++) {
        struct oneslot_image image;
        uint8_t digest[32];
        accepted[i].build();
        sha256_of(file.bytes, file.size, digest);
        struct oneslot_source source = source_of(file.bytes, file.size);
        assert_int_equal(oneslot_image_prove(&image, &source, digest, buffer, NULL, NULL), ONESLOT_ERROR_NONE);
        assert_int_equal(image.proofs, accepted[i].proofs | ONESLOT_PROOF_SHA256);
        bool boot = image.kind == ONESLOT_IMAGE_BOOT; // whoever asks for it, it would start nothing
        assert_int_equal(oneslot_image_allowed(&image, &oneslot_esp8266.limits, NULL),
                         boot ? ONESLOT_ERROR_IMAGE_UNKNOWN : ONESLOT_ERROR_NONE);
        digest[31] ^= 1;
        assert_int_equal(oneslot_image_prove(&image, &source, digest, buffer, NULL, NULL), ONESLOT_ERROR_IMAGE_SHA256);
        struct oneslot_image_limits limits = oneslot_esp8266.limits;
        limits.expected = digest;
        assert_int_equal(oneslot_image_allowed(&image, &limits, NULL),
                         boot ? ONESLOT_ERROR_IMAGE_UNKNOWN : ONESLOT_ERROR_IMAGE_SHA256);
    }
}

static void test_the_images_own_fault_is_named_before_the_sha256(void **state) {
    static const uint8_t digest[32];
    struct oneslot_image image;
    (void)state;
    build_micropython();
    file.bytes[0x9100] ^= 1;
    struct oneslot_source source = source_of(file.bytes, file.size);
    assert_int_equal(oneslot_image_prove(&image, &source, digest, buffer, NULL, NULL), ONESLOT_ERROR_IMAGE_MD5);
}

/* What is allowed */

static struct oneslot_image proven(uint32_t size) {
    return (struct oneslot_image){.kind = ONESLOT_IMAGE_PLAIN,
                                  .size = size,
                                  .proofs = ONESLOT_PROOF_MD5,
                                  .entry = 0x40100004,
                                  .boot_segments = 1,
                                  .segment_count = 2,
                                  .segment = {{0x40100000, 16, 0x100}, {0x4010e000, 0x200, 0x1000}}};
}

static void test_an_image_keeps_to_the_firmwares_region(void **state) {
    struct oneslot_image_limits limits = oneslot_esp8266.limits;
    struct oneslot_image image = proven(0xf4000);
    (void)state;
    limits.firmware = 0xf4000;
    assert_int_equal(oneslot_image_allowed(&image, &limits, NULL), ONESLOT_ERROR_NONE);
    image.size++;
    assert_int_equal(oneslot_image_allowed(&image, &limits, NULL), ONESLOT_ERROR_IMAGE_TOO_LARGE);
    image.size = 0xf3000;
    image.target = 0x1000;
    assert_int_equal(oneslot_image_allowed(&image, &limits, NULL), ONESLOT_ERROR_NONE);
    image.size++;
    assert_int_equal(oneslot_image_allowed(&image, &limits, NULL), ONESLOT_ERROR_IMAGE_TOO_LARGE);
    limits.firmware = 0;
    image.size = 1;
    assert_int_equal(oneslot_image_allowed(&image, &limits, NULL), ONESLOT_ERROR_IMAGE_TOO_LARGE);
    limits.firmware = 0xf4000;
    image.size = 0xfffff001;
    assert_int_equal(oneslot_image_allowed(&image, &limits, NULL), ONESLOT_ERROR_IMAGE_TOO_LARGE);
}

static void test_an_image_keeps_clear_of_every_region_but_programs(void **state) {
    static const struct {
        struct oneslot_partition region;
        enum oneslot_error want;
    } cases[] = {
        {{ONESLOT_TYPE_APP, 0, 0x1000, 0x4000, "app", 0}, ONESLOT_ERROR_NONE},
        {{ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER, 0, 0x1000, "loader", 0}, ONESLOT_ERROR_NONE},
        {{ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_LOADER, 0x4000, 0x1000, "loader", 0}, ONESLOT_ERROR_IMAGE_OVERLAP},
        {{ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL, 0, 0x1000, "journal", 0}, ONESLOT_ERROR_IMAGE_OVERLAP},
        {{ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, 0x5000, 0x1000, "vfs", 0}, ONESLOT_ERROR_IMAGE_OVERLAP},
        {{ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, 0x6000, 0x1000, "vfs", 0}, ONESLOT_ERROR_NONE},
    };
    /* It ends in the sector at 0x5000, of which it needs one byte. */
    struct oneslot_image image = proven(0x5001);
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct oneslot_map map = {.count = 1, .partition = {cases[i].region}};
        struct oneslot_image_limits limits = oneslot_esp8266.limits;
        limits.map = &map;
        assert_int_equal(oneslot_image_allowed(&image, &limits, NULL), cases[i].want);
    }
}

static void test_an_image_does_not_overwrite_its_own_source(void **state) {
    struct oneslot_image image = proven(0x5001);
    struct oneslot_source source = {.region = {.type = ONESLOT_TYPE_APP, .address = 0x6000, .size = 0x1000}};
    (void)state;
    assert_int_equal(oneslot_image_allowed(&image, &oneslot_esp8266.limits, &source), ONESLOT_ERROR_NONE);
    source.region.address = 0x5000;
    assert_int_equal(oneslot_image_allowed(&image, &oneslot_esp8266.limits, &source), ONESLOT_ERROR_IMAGE_OVERLAP);
}

static void test_the_rom_loads_nothing_into_the_loader_or_the_stack(void **state) {
    static const struct {
        uint32_t address;
        uint32_t length;
        enum oneslot_error want;
    } cases[] = {
        {0x4010d000, 0x1000, ONESLOT_ERROR_NONE},
        {0x4010d000, 0x1004, ONESLOT_ERROR_IMAGE_MEMORY},
        {0x4010effc, 4, ONESLOT_ERROR_IMAGE_MEMORY},
        {0x4010f000, 0x1000, ONESLOT_ERROR_NONE},
        {0x4010e000, 0, ONESLOT_ERROR_IMAGE_HEADER}, /* nothing of it is entered */
        {0, 0, ONESLOT_ERROR_IMAGE_MEMORY},
        {0x3fffeb30, 4, ONESLOT_ERROR_IMAGE_MEMORY},
        {0x3fffeb2c, 4, ONESLOT_ERROR_NONE},
        {0x3ffffffc, 4, ONESLOT_ERROR_IMAGE_MEMORY},
        {0x3ffe8000, 0x18000, ONESLOT_ERROR_IMAGE_MEMORY},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct oneslot_image image = proven(0x5000);
        image.segment[0].address = cases[i].address;
        image.segment[0].length = cases[i].length;
        image.entry = cases[i].address;
        assert_int_equal(oneslot_image_allowed(&image, &oneslot_esp8266.limits, NULL), cases[i].want);
    }
}

static void test_kinds_and_proofs_have_names_for_people(void **state) {
    (void)state;
    assert_string_equal(oneslot_image_kind_text(ONESLOT_IMAGE_MICROPYTHON), "MicroPython image");
    assert_string_equal(oneslot_image_kind_text(ONESLOT_IMAGE_ARDUINO), "Arduino sketch");
    for (int kind = ONESLOT_IMAGE_PLAIN; kind <= ONESLOT_IMAGE_ESP32; kind++) {
        const char *none = oneslot_image_kind_text(ONESLOT_IMAGE_NONE);
        assert_string_not_equal(oneslot_image_kind_text((enum oneslot_image_kind)kind), none);
    }
    assert_string_equal(oneslot_proof_text(0xff), "SHA-256");
    assert_string_equal(oneslot_proof_text(0x0f), "MD5");
    assert_string_equal(oneslot_proof_text(0x07), "CRC-32");
    assert_string_equal(oneslot_proof_text(0x03), "checksum");
    assert_string_equal(oneslot_proof_text(0x02), "length");
    assert_string_equal(oneslot_proof_text(0x00), "no proof");
}

/* Images that projects shipped */

static const char *firmware_folder(void) {
    const char *folder = getenv("ONESLOT_FIRMWARE");
    return folder ? folder : "../shared/firmware";
}

static uint8_t *load(const char *name, uint32_t *size) {
    static uint8_t bytes[2 * 1024 * 1024];
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", firmware_folder(), name);
    FILE *stream = fopen(path, "rb");
    if (!stream) {
        return NULL;
    }
    *size = (uint32_t)fread(bytes, 1, sizeof bytes, stream);
    fclose(stream);
    return bytes;
}

/// One row of LAYOUT.tsv.
struct row {
    char *name;
    char *kind;
    uint32_t size;
    char *segments;
    uint32_t entry;
    char *trailer;
    char *notes;
};

static bool next_row(FILE *table, char *line, int length, struct row *row) {
    char *column[18] = {NULL};
    if (!fgets(line, length, table)) {
        return false;
    }
    line[strcspn(line, "\r\n")] = 0;
    for (size_t i = 0; i < COUNT(column); i++) {
        column[i] = line;
        line += strcspn(line, "\t");
        if (*line) {
            *line++ = 0;
        }
    }
    *row = (struct row){
        column[0],  column[1], (uint32_t)strtoul(column[2], NULL, 0), column[6], (uint32_t)strtoul(column[7], NULL, 0),
        column[13], column[17]};
    return true;
}

/// "40100000+6fb4@5acf0 ..." from segment `index` on, up to what is none; returns the index behind the last one.
static uint8_t compare_segments(const struct oneslot_image *image, uint8_t index, const char *text) {
    for (;;) {
        char *plus, *at, *rest;
        uint32_t address = (uint32_t)strtoul(text, &plus, 16);
        if (*plus != '+') {
            return index;
        }
        uint32_t length = (uint32_t)strtoul(plus + 1, &at, 16);
        assert_int_equal(*at, '@');
        uint32_t offset = (uint32_t)strtoul(at + 1, &rest, 16);
        assert_in_range(index, 0, image->segment_count - 1);
        assert_int_equal(image->segment[index].address, address);
        assert_int_equal(image->segment[index].length, length);
        assert_int_equal(image->segment[index].offset, offset);
        index++;
        text = rest;
    }
}

static enum oneslot_image_kind expected_kind(const struct row *row) {
    if (strstr(row->kind, "user1")) {
        return ONESLOT_IMAGE_USER1;
    }
    if (strstr(row->kind, "arduino")) {
        return ONESLOT_IMAGE_ARDUINO;
    }
    return strstr(row->trailer, "md5 ok") ? ONESLOT_IMAGE_MICROPYTHON : ONESLOT_IMAGE_PLAIN;
}

static uint8_t expected_whole_proof(const struct row *row) {
    return strstr(row->trailer, "md5 ok")     ? ONESLOT_PROOF_MD5
           : strstr(row->trailer, "crc ok")   ? ONESLOT_PROOF_CRC32
           : strstr(row->trailer, "crc32 ok") ? ONESLOT_PROOF_CRC32
                                              : 0;
}

static void compare_with_row(const struct oneslot_image *image, const struct row *row) {
    const char *eboot = strstr(row->notes, "eboot:");
    uint8_t index = 0;
    uint32_t entry = row->entry;
    assert_int_equal(image->kind, expected_kind(row));
    assert_int_equal(image->size, row->size);
    assert_int_equal(image->proofs & ONESLOT_PROOF_WHOLE, expected_whole_proof(row));
    assert_true(image->proofs & ONESLOT_PROOF_CHECKSUM);
    if (image->kind == ONESLOT_IMAGE_USER1) {
        index = 1; /* the code that runs in place, in columns of its own */
    }
    if (eboot) {
        index = compare_segments(image, index, eboot + strlen("eboot:"));
        assert_int_equal(image->boot_segments, index);
        entry = (uint32_t)strtoul(strstr(eboot, "entry ") + strlen("entry "), NULL, 16);
    }
    index = compare_segments(image, index, row->segments);
    assert_int_equal(image->segment_count, index);
    assert_int_equal(image->entry, entry);
}

/// Sampled flips and cuts. What has no proof of its own is held to its SHA-256.
static void damage(uint8_t *bytes, const struct oneslot_image *whole, uint32_t seed) {
    struct oneslot_image image;
    for (uint32_t i = 0; i < 8; i++) {
        seed = seed * 1664525 + 1013904223;
        uint32_t offset = i == 0 ? 0x10 : 4 + (seed >> 4) % (whole->size - 4);
        struct oneslot_source source = source_of(bytes, whole->size);
        bytes[offset] ^= (uint8_t)(1 << (seed >> 29));
        assert_int_not_equal(oneslot_image_prove(&image, &source, whole->sha256, buffer, NULL, NULL),
                             ONESLOT_ERROR_NONE);
        bytes[offset] ^= (uint8_t)(1 << (seed >> 29));
        assert_int_not_equal(judge(bytes, offset), ONESLOT_ERROR_NONE);
    }
    enum oneslot_error cut = judge(bytes, whole->size - 1);
    assert_int_equal(cut, whole->kind == ONESLOT_IMAGE_PLAIN ? UNPROVEN : TRUNCATED);
}

static void test_shipped_images_are_what_their_layout_says(void **state) {
    char path[1024], line[2048];
    struct row row;
    uint32_t count = 0;
    (void)state;
    snprintf(path, sizeof path, "%s/LAYOUT.tsv", firmware_folder());
    FILE *table = fopen(path, "r");
    if (!table) {
        print_message("no %s: set ONESLOT_FIRMWARE to test with shipped images\n", path);
        skip();
    }
    while (next_row(table, line, sizeof line, &row)) {
        uint32_t size;
        uint8_t *bytes = load(row.name, &size);
        struct oneslot_image image;
        if (!bytes) {
            continue; /* the table's first row, and images that are not here */
        }
        print_message("  %s\n", row.name);
        assert_int_equal(prove(&image, bytes, size), ONESLOT_ERROR_NONE);
        compare_with_row(&image, &row);
        assert_int_equal(oneslot_image_allowed(&image, &oneslot_esp8266.limits, NULL),
                         expected_whole_proof(&row) ? ONESLOT_ERROR_NONE : UNPROVEN);
        damage(bytes, &image, ++count);
    }
    fclose(table);
    assert_true(count > 0);
}

static void test_shipped_boot_loader_and_esp32_images_are_known(void **state) {
    static const struct {
        const char *name;
        enum oneslot_image_kind kind;
        enum oneslot_error want;
    } cases[] = {
        {"boot_v1.7.bin", ONESLOT_IMAGE_BOOT, ONESLOT_ERROR_NONE},
        {"mp32-v1.23.0.bin", ONESLOT_IMAGE_ESP32, ONESLOT_ERROR_IMAGE_CHIP},
        {"mp32-v1.24.0.bin", ONESLOT_IMAGE_ESP32, ONESLOT_ERROR_IMAGE_CHIP},
        {"mp32-v1.24.1.bin", ONESLOT_IMAGE_ESP32, ONESLOT_ERROR_IMAGE_CHIP},
        {"mp32c3-v1.20.0.bin", ONESLOT_IMAGE_ESP32, ONESLOT_ERROR_IMAGE_CHIP},
        {"mp32c3-v1.22.1.bin", ONESLOT_IMAGE_ESP32, ONESLOT_ERROR_IMAGE_CHIP},
    };
    bool any = false;
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct oneslot_image image;
        uint32_t size;
        uint8_t *bytes = load(cases[i].name, &size);
        if (bytes) {
            any = true;
            assert_int_equal(prove(&image, bytes, size), cases[i].want);
            assert_int_equal(image.kind, cases[i].kind);
        }
    }
    if (!any) {
        print_message("no images in %s\n", firmware_folder());
        skip();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_kind_is_accepted_with_its_proofs),
        cmocka_unit_test(test_segments_are_told_in_file_order_with_their_places),
        cmocka_unit_test(test_a_sketch_is_known_by_either_of_its_marks),
        cmocka_unit_test(test_both_ways_of_storing_the_user1_crc_are_read),
        cmocka_unit_test(test_a_user2_image_is_not_put_in_the_place_of_user1),
        cmocka_unit_test(test_other_files_are_refused_by_name),
        cmocka_unit_test(test_one_flipped_bit_anywhere_is_refused),
        cmocka_unit_test(test_a_flipped_bit_in_the_content_fails_the_images_own_proof),
        cmocka_unit_test(test_a_file_cut_at_any_length_is_refused),
        cmocka_unit_test(test_bytes_behind_the_image_are_refused_in_a_file_and_left_out_of_a_region),
        cmocka_unit_test(test_a_header_that_lies_is_refused_without_reading_past_the_file),
        cmocka_unit_test(test_any_damage_at_all_ends_in_an_answer),
        cmocka_unit_test(test_a_failing_read_is_passed_up_unchanged),
        cmocka_unit_test(test_progress_is_told_for_each_buffer_up_to_the_end),
        cmocka_unit_test(test_the_sha256_that_was_asked_for_proves_or_refuses),
        cmocka_unit_test(test_the_images_own_fault_is_named_before_the_sha256),
        cmocka_unit_test(test_an_image_keeps_to_the_firmwares_region),
        cmocka_unit_test(test_an_image_keeps_clear_of_every_region_but_programs),
        cmocka_unit_test(test_an_image_does_not_overwrite_its_own_source),
        cmocka_unit_test(test_the_rom_loads_nothing_into_the_loader_or_the_stack),
        cmocka_unit_test(test_kinds_and_proofs_have_names_for_people),
        cmocka_unit_test(test_shipped_images_are_what_their_layout_says),
        cmocka_unit_test(test_shipped_boot_loader_and_esp32_images_are_known),
    };
    return cmocka_run_group_tests_name("image", tests, NULL, NULL);
}
