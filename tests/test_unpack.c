/* Unpacking: what liblzma packed comes back, and a stream that is not whole ends in a named reason and inside bounds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <lzma.h>

#include "core/unpack_filter.h"
#include "host/pack/compress.h"
#include "host/pack/filter.h"

#define IMAGE_MAX  150000u
#define PACKED_MAX (IMAGE_MAX + IMAGE_MAX / 8 + 1024)
#define GUARD      0xa5

/* Streams made by liblzma */

static uint8_t image[IMAGE_MAX];
static uint8_t filtered[IMAGE_MAX];
static uint8_t unpacked[IMAGE_MAX + 16];
static struct oneslot_unpack state;

struct packed {
    uint8_t bytes[PACKED_MAX];
    struct oneslot_unpack_stream stream;
    uint32_t fails_at; ///< a read of this offset fails
    uint32_t next;     ///< reads come in order
};
static struct packed packed;

static enum oneslot_error packed_read(void *context, uint32_t offset, void *buffer, uint32_t length) {
    struct packed *from = context;
    assert_int_equal((uintptr_t)buffer % 4, 0);
    assert_int_equal(offset, from->next);
    assert_true(length > 0 && length <= from->stream.packed_size - offset);
    if (from->fails_at >= offset && from->fails_at - offset < length) {
        return ONESLOT_ERROR_FLASH_READ;
    }
    memcpy(buffer, from->bytes + offset, length);
    from->next = offset + length;
    return ONESLOT_ERROR_NONE;
}

/// Numbers that are the same in every run.
static uint32_t noise(uint32_t *seed) {
    *seed = *seed * 1664525u + 1013904223u;
    return *seed >> 16;
}

/// Like code: words from a small set, calls that go to a few places, runs, and noise.
static void fill(uint32_t size, uint32_t seed) {
    for (uint32_t at = 0; at < size;) {
        uint32_t kind = noise(&seed) % 16;
        uint32_t run = 1 + noise(&seed) % 40;
        uint32_t value = noise(&seed);
        for (uint32_t i = 0; i < run && at < size; i++, at++) {
            if (kind == 0) {
                image[at] = (uint8_t)noise(&seed);
            } else if (kind == 1) {
                image[at] = (uint8_t)value;
            } else if (kind < 6 && at > 1000) {
                image[at] = image[at - 1 - (value * 3) % 1000];
            } else {
                static const uint8_t often[] = {0x05, 0x01, 0x21, 0xff, 0x25, 0x97, 0x00, 0xe7,
                                                0x80, 0xef, 0x6f, 0x0d, 0x08, 0x8c, 0x17, 0x67};
                image[at] = often[noise(&seed) % 16];
            }
        }
    }
}

static void pack_with(uint32_t size, unsigned lc, unsigned lp, unsigned pb, uint32_t dictionary, uint8_t filter) {
    lzma_options_lzma options;
    size_t length = 0;
    assert_false(lzma_lzma_preset(&options, 6));
    options.lc = lc;
    options.lp = lp;
    options.pb = pb;
    options.dict_size = dictionary;
    lzma_filter chain[] = {{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    memcpy(filtered, image, size);
    filter_apply(filter, filtered, size);
    assert_int_equal(lzma_raw_buffer_encode(chain, NULL, filtered, size, packed.bytes, &length, PACKED_MAX), LZMA_OK);
    packed.stream = (struct oneslot_unpack_stream){.packed_size = (uint32_t)length,
                                                   .size = size,
                                                   .dictionary = dictionary,
                                                   .lc = (uint8_t)lc,
                                                   .lp = (uint8_t)lp,
                                                   .pb = (uint8_t)pb,
                                                   .filter = filter};
    packed.fails_at = UINT32_MAX;
}

static void pack(uint32_t size) {
    fill(size, size);
    pack_with(size, 0, 0, 0, 16384, ONESLOT_FILTER_LX106);
}

/// Unpacks everything in pieces of `chunk`; what is given out is looked at as it comes, nothing beyond it is written.
static enum oneslot_error unpack_all(uint32_t chunk) {
    packed.next = 0;
    enum oneslot_error error = oneslot_unpack_start(&state, &packed.stream, packed_read, &packed);
    for (uint32_t at = 0; error == ONESLOT_ERROR_NONE && at < packed.stream.size;) {
        uint32_t left = packed.stream.size - at;
        uint32_t length = chunk < left ? chunk : left;
        if (length > IMAGE_MAX) {
            length = IMAGE_MAX;
        }
        unpacked[length] = GUARD;
        error = oneslot_unpack_read(&state, unpacked, length);
        assert_int_equal(unpacked[length], GUARD);
        if (error == ONESLOT_ERROR_NONE && at + length <= IMAGE_MAX && memcmp(unpacked, image + at, length) != 0) {
            return ONESLOT_ERROR_IMAGE_SHA256; // stands for: other bytes
        }
        at += length;
    }
    return error;
}

/* What is whole comes back */

static void every_mix_of_properties_filter_and_piece_comes_back(void **unused) {
    (void)unused;
    static const uint32_t chunks[] = {1, 2, 3, 5, 7, 63, 64, 65, 1000, 4096, IMAGE_MAX};
    static const uint32_t sizes[] = {1, 2, 3, 4, 7, 8, 9, 63, 64, 65, 500, 5000, 40001};
    unsigned chunk = 0;
    for (unsigned size = 0; size < sizeof sizes / sizeof sizes[0]; size++) {
        for (unsigned lc = 0; lc <= 3; lc++) {
            for (unsigned lp = 0; lp <= 2 && lc + lp <= 3; lp++) {
                for (unsigned pb = 0; pb <= 4; pb += 2) {
                    for (uint8_t filter = ONESLOT_FILTER_NONE; filter <= ONESLOT_FILTER_RISCV; filter++) {
                        fill(sizes[size], sizes[size] + lc);
                        pack_with(sizes[size], lc, lp, pb, 4096 + 1000 * lp, filter);
                        assert_int_equal(unpack_all(chunks[chunk++ % (sizeof chunks / sizeof chunks[0])]),
                                         ONESLOT_ERROR_NONE);
                    }
                }
            }
        }
    }
}

/// Undoes a filter over a whole image as unpacking does: in windows, what is not done is carried over.
static void undo(uint8_t filter, uint8_t *bytes, uint32_t size) {
    uint32_t done = 0;
    uint32_t held = 0;
    while (done < size) {
        held = size - done < 64 ? size - done : 64;
        uint32_t part = oneslot_filter_undo(filter, bytes + done, held, done, size, done + held == size);
        assert_true(part > 0 && part <= held);
        done += part;
    }
}

static void filters_come_back_past_every_limit_of_an_offset(void **unused) {
    (void)unused;
    // Images so large that targets of calls go round: half the range of call0's offset, and more than all of it.
    static const uint32_t sizes[] = {0x80000, 0x80004, 0xc0001, 0xffffc, 0x100000, 0x140003};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        uint32_t size = sizes[i];
        uint32_t seed = i;
        uint8_t *original = malloc(size);
        uint8_t *bytes = malloc(size);
        assert_non_null(original);
        assert_non_null(bytes);
        for (uint32_t at = 0; at < size; at++) {
            static const uint8_t often[] = {0x05, 0x21, 0x25, 0xef, 0x6f, 0x97, 0xe7, 0x80};
            uint32_t value = noise(&seed);
            original[at] = value & 0x100 ? often[value & 7] : (uint8_t)value;
        }
        for (uint8_t filter = ONESLOT_FILTER_LX106; filter <= ONESLOT_FILTER_RISCV; filter++) {
            memcpy(bytes, original, size);
            filter_apply(filter, bytes, size);
            assert_memory_not_equal(bytes, original, size);
            undo(filter, bytes, size);
            assert_memory_equal(bytes, original, size);
        }
        free(original);
        free(bytes);
    }
}

static void a_state_in_use_begins_anew(void **unused) {
    (void)unused;
    pack(30000);
    assert_int_equal(unpack_all(4096), ONESLOT_ERROR_NONE);
    packed.next = 0;
    assert_int_equal(oneslot_unpack_start(&state, &packed.stream, packed_read, &packed), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_unpack_read(&state, unpacked, 777), ONESLOT_ERROR_NONE);
    assert_int_equal(unpack_all(100), ONESLOT_ERROR_NONE);
}

static void more_than_is_left_is_not_given(void **unused) {
    (void)unused;
    pack(1000);
    packed.next = 0;
    assert_int_equal(oneslot_unpack_start(&state, &packed.stream, packed_read, &packed), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_unpack_read(&state, unpacked, 1001), ONESLOT_ERROR_FILE_READ);
    assert_int_equal(oneslot_unpack_read(&state, unpacked, 1000), ONESLOT_ERROR_NONE);
    assert_memory_equal(unpacked, image, 1000);
    assert_int_equal(oneslot_unpack_read(&state, unpacked, 0), ONESLOT_ERROR_NONE);
    assert_int_equal(oneslot_unpack_read(&state, unpacked, 1), ONESLOT_ERROR_FILE_READ);
}

static void what_the_host_compresses_comes_back(void **unused) {
    (void)unused;
    static const uint32_t sizes[] = {1, 4080, 60000};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        struct compressed first;
        struct compressed second;
        fill(sizes[i], 9);
        assert_true(compress_image(image, sizes[i], COMPRESS_ANY_CHIP, &first));
        assert_true(compress_image(image, sizes[i], COMPRESS_ANY_CHIP, &second));
        // The same image gives the same bytes.
        assert_int_equal(first.stream.packed_size, second.stream.packed_size);
        assert_memory_equal(first.bytes, second.bytes, first.stream.packed_size);
        assert_memory_equal(first.parameters, second.parameters, sizeof first.parameters);
        // The parameters alone say how to unpack it.
        memset(&packed.stream, 0, sizeof packed.stream);
        assert_int_equal(oneslot_unpack_parameters(&packed.stream, first.parameters, sizeof first.parameters),
                         ONESLOT_ERROR_NONE);
        packed.stream.size = sizes[i];
        packed.stream.packed_size = first.stream.packed_size;
        packed.fails_at = UINT32_MAX;
        memcpy(packed.bytes, first.bytes, first.stream.packed_size);
        assert_int_equal(unpack_all(4096), ONESLOT_ERROR_NONE);
        free(first.bytes);
        free(second.bytes);
    }
}

/* What is not whole */

static void every_truncation_ends_too_early(void **unused) {
    (void)unused;
    pack(3000);
    uint32_t whole = packed.stream.packed_size;
    for (uint32_t length = 0; length < whole; length++) {
        packed.stream.packed_size = length;
        assert_int_equal(unpack_all(4096), ONESLOT_ERROR_PACKAGE_SHORT);
    }
}

static void every_flipped_bit_is_an_error_or_other_bytes(void **unused) {
    (void)unused;
    unsigned named = 0;
    pack(2000);
    for (uint32_t at = 0; at < packed.stream.packed_size; at++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            packed.bytes[at] ^= (uint8_t)(1u << bit);
            enum oneslot_error error = unpack_all(64);
            assert_true(error == ONESLOT_ERROR_PACKAGE_STREAM || error == ONESLOT_ERROR_PACKAGE_SHORT ||
                        error == ONESLOT_ERROR_PACKAGE_SIZE || error == ONESLOT_ERROR_IMAGE_SHA256);
            named += error != ONESLOT_ERROR_IMAGE_SHA256;
            packed.bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
    assert_true(named > 0);
    assert_int_equal(unpack_all(64), ONESLOT_ERROR_NONE);
}

static void a_wrong_size_is_told_from_both_sides(void **unused) {
    (void)unused;
    pack(3000);
    for (uint32_t size = 1; size < 3000; size += 7) {
        packed.stream.size = size;
        // The filter looks at the image's size: bytes before the error may be other ones.
        packed.stream.filter = ONESLOT_FILTER_NONE;
        memcpy(image, filtered, sizeof image);
        assert_int_equal(unpack_all(IMAGE_MAX), ONESLOT_ERROR_PACKAGE_SIZE);
    }
    static const uint32_t larger[] = {3001, 3002, 3100, 0x10000, 0xffffffff};
    for (unsigned i = 0; i < sizeof larger / sizeof larger[0]; i++) {
        packed.stream.size = larger[i];
        packed.next = 0;
        assert_int_equal(oneslot_unpack_start(&state, &packed.stream, packed_read, &packed), ONESLOT_ERROR_NONE);
        assert_int_equal(oneslot_unpack_read(&state, unpacked, 2900), ONESLOT_ERROR_NONE);
        assert_int_equal(oneslot_unpack_read(&state, unpacked, 101), ONESLOT_ERROR_PACKAGE_SHORT);
        assert_int_equal(oneslot_unpack_read(&state, unpacked, 1), ONESLOT_ERROR_PACKAGE_SHORT);
    }
}

static void a_stream_that_runs_on_is_refused(void **unused) {
    (void)unused;
    static const uint32_t more[] = {1, 2, 127, 128, 5000};
    pack(3000);
    for (unsigned i = 0; i < sizeof more / sizeof more[0]; i++) {
        pack(3000);
        memset(packed.bytes + packed.stream.packed_size, (int)i, more[i]);
        packed.stream.packed_size += more[i];
        assert_int_equal(unpack_all(4096), ONESLOT_ERROR_PACKAGE_SIZE);
    }
}

static void a_match_past_the_size_is_refused(void **unused) {
    (void)unused;
    // The stream ends in one long match and the end marker: all that is wrong is the size.
    fill(3000, 5);
    memset(image + 2800, 'x', 200);
    pack_with(3000, 0, 0, 0, 16384, ONESLOT_FILTER_NONE);
    for (uint32_t size = 2900; size < 3000; size++) {
        packed.stream.size = size;
        assert_int_equal(unpack_all(4096), ONESLOT_ERROR_PACKAGE_SIZE);
    }
    packed.stream.size = 3000;
    assert_int_equal(unpack_all(4096), ONESLOT_ERROR_NONE);
}

static void nothing_is_unpacked_after_the_end_marker(void **unused) {
    (void)unused;
    fill(3000, 6);
    pack_with(3000, 0, 0, 0, 16384, ONESLOT_FILTER_NONE);
    memset(packed.bytes + packed.stream.packed_size, 0, 100);
    packed.stream.packed_size += 100;
    packed.stream.size = 3001;
    assert_int_equal(unpack_all(4096), ONESLOT_ERROR_PACKAGE_SHORT);
}

static void distances_past_the_dictionary_or_the_start_are_refused(void **unused) {
    (void)unused;
    fill(60000, 4);
    memcpy(image + 50000, image + 20000, 10000);
    pack_with(60000, 0, 0, 0, 33000, ONESLOT_FILTER_NONE);
    packed.stream.dictionary = 29999;
    assert_int_equal(unpack_all(4096), ONESLOT_ERROR_PACKAGE_STREAM);
    packed.stream.dictionary = 30000;
    uint32_t least = 30000;
    while (unpack_all(4096) != ONESLOT_ERROR_NONE && least < 33000) {
        packed.stream.dictionary = least += 100;
    }
    assert_int_equal(unpack_all(4096), ONESLOT_ERROR_NONE);
    // A first bit of 1 is a match, with nothing before it.
    memset(packed.bytes, 0xff, 64);
    packed.bytes[0] = 0;
    assert_int_equal(unpack_all(4096), ONESLOT_ERROR_PACKAGE_STREAM);
}

static void a_stream_begins_with_a_zero(void **unused) {
    (void)unused;
    pack(500);
    packed.bytes[0] = 1;
    assert_int_equal(unpack_all(4096), ONESLOT_ERROR_PACKAGE_STREAM);
}

static void a_failed_read_is_passed_up_and_stays(void **unused) {
    (void)unused;
    pack(30000);
    for (uint32_t at = 0; at < packed.stream.packed_size; at += 97) {
        packed.fails_at = at;
        assert_int_equal(unpack_all(512), ONESLOT_ERROR_FLASH_READ);
        assert_int_equal(oneslot_unpack_read(&state, unpacked, 1), ONESLOT_ERROR_FLASH_READ);
    }
}

static void what_a_device_cannot_unpack_is_refused_at_the_start(void **unused) {
    (void)unused;
    static const struct oneslot_unpack_stream refused[] = {
        {.size = 0, .packed_size = 9, .dictionary = 4096},
        {.size = 1, .packed_size = 9, .dictionary = 0},
        {.size = 1, .packed_size = 9, .dictionary = ONESLOT_UNPACK_MEMORY},
        {.size = 1, .packed_size = 9, .dictionary = 0xffffffff},
        {.size = 1, .packed_size = 9, .dictionary = 4096, .lc = 9},
        {.size = 1, .packed_size = 9, .dictionary = 4096, .lp = 5},
        {.size = 1, .packed_size = 9, .dictionary = 4096, .pb = 5},
        {.size = 1, .packed_size = 9, .dictionary = 4096, .lc = 8, .lp = 4},
        {.size = 1, .packed_size = 9, .dictionary = 4096, .lc = 5},
        {.size = 1, .packed_size = 9, .dictionary = 4096, .lc = 0xff, .lp = 0xff, .pb = 0xff},
        {.size = 1, .packed_size = 9, .dictionary = 4096, .filter = ONESLOT_FILTER_RISCV + 1}};
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        assert_int_equal(oneslot_unpack_check(&refused[i]), ONESLOT_ERROR_PACKAGE_CODEC);
        assert_int_equal(oneslot_unpack_start(&state, &refused[i], packed_read, &packed), ONESLOT_ERROR_PACKAGE_CODEC);
        assert_int_equal(oneslot_unpack_read(&state, unpacked, 1), ONESLOT_ERROR_PACKAGE_CODEC);
    }
    // The largest dictionary is the one that a larger one is refused beside.
    struct oneslot_unpack_stream largest = {.size = 1, .packed_size = 9, .dictionary = ONESLOT_UNPACK_MEMORY};
    while (oneslot_unpack_check(&largest) != ONESLOT_ERROR_NONE) {
        largest.dictionary--;
    }
    assert_int_equal(largest.dictionary, ONESLOT_UNPACK_MEMORY - 2 * 1776); // so many probabilities, of 2 bytes
    struct oneslot_unpack_stream stream;
    static const uint8_t parameters[] = {1, 225, 0, 0x10, 0, 0, 0};
    assert_int_equal(oneslot_unpack_parameters(&stream, parameters, 6), ONESLOT_ERROR_PACKAGE_CODEC);
    assert_int_equal(oneslot_unpack_parameters(&stream, parameters + 1, 5), ONESLOT_ERROR_PACKAGE_CODEC);
    assert_int_equal(oneslot_unpack_parameters(&stream, parameters, 7), ONESLOT_ERROR_PACKAGE_CODEC);
}

static void noise_never_unpacks_beyond_its_bounds(void **unused) {
    (void)unused;
    uint32_t seed = 1;
    fill(5000, 1);
    pack_with(5000, 1, 0, 1, 5000, ONESLOT_FILTER_RISCV);
    for (unsigned run = 0; run < 3000; run++) {
        for (unsigned i = 0; i < 400; i++) {
            packed.bytes[i] = i ? (uint8_t)noise(&seed) : 0;
        }
        packed.stream.packed_size = 400;
        assert_int_not_equal(unpack_all(1 + noise(&seed) % 300), ONESLOT_ERROR_NONE);
    }
}

static void the_state_takes_no_more_than_36_kib(void **unused) {
    (void)unused;
    assert_true(sizeof state <= 36 * 1024);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_mix_of_properties_filter_and_piece_comes_back),
        cmocka_unit_test(filters_come_back_past_every_limit_of_an_offset),
        cmocka_unit_test(a_state_in_use_begins_anew),
        cmocka_unit_test(more_than_is_left_is_not_given),
        cmocka_unit_test(what_the_host_compresses_comes_back),
        cmocka_unit_test(every_truncation_ends_too_early),
        cmocka_unit_test(every_flipped_bit_is_an_error_or_other_bytes),
        cmocka_unit_test(a_wrong_size_is_told_from_both_sides),
        cmocka_unit_test(a_stream_that_runs_on_is_refused),
        cmocka_unit_test(a_match_past_the_size_is_refused),
        cmocka_unit_test(nothing_is_unpacked_after_the_end_marker),
        cmocka_unit_test(distances_past_the_dictionary_or_the_start_are_refused),
        cmocka_unit_test(a_stream_begins_with_a_zero),
        cmocka_unit_test(a_failed_read_is_passed_up_and_stays),
        cmocka_unit_test(what_a_device_cannot_unpack_is_refused_at_the_start),
        cmocka_unit_test(noise_never_unpacks_beyond_its_bounds),
        cmocka_unit_test(the_state_takes_no_more_than_36_kib),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
