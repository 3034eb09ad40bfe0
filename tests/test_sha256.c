/* The SHA-256 that applications link, against the standard's examples and BearSSL's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "bearssl_hash.h"
#include "core/sha256.h"

#define LONGEST 300u

/// The digest of `length` bytes that come in pieces of `piece`.
static void digest_of(uint8_t digest[ONESLOT_SHA256_SIZE], const uint8_t *data, uint32_t length, uint32_t piece) {
    struct oneslot_sha256 sha256;
    oneslot_sha256_init(&sha256);
    for (uint32_t done = 0; done < length; done += piece) {
        oneslot_sha256_update(&sha256, data + done, length - done < piece ? length - done : piece);
    }
    oneslot_sha256_final(&sha256, digest);
}

/// Source: NIST, Cryptographic Standards and Guidelines, "Examples with Intermediate Values", SHA256.
static void test_the_standards_examples(void **state) {
    static const uint8_t one_block[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
                                        0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
                                        0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    static const uint8_t two_blocks[] = {0x24, 0x8d, 0x6a, 0x61, 0xd2, 0x06, 0x38, 0xb8, 0xe5, 0xc0, 0x26,
                                         0x93, 0x0c, 0x3e, 0x60, 0x39, 0xa3, 0x3c, 0xe4, 0x59, 0x64, 0xff,
                                         0x21, 0x67, 0xf6, 0xec, 0xed, 0xd4, 0x19, 0xdb, 0x06, 0xc1};
    static const char text[] = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq";
    uint8_t digest[ONESLOT_SHA256_SIZE];
    (void)state;
    digest_of(digest, (const uint8_t *)"abc", 3, 3);
    assert_memory_equal(digest, one_block, sizeof digest);
    digest_of(digest, (const uint8_t *)text, sizeof text - 1, 56);
    assert_memory_equal(digest, two_blocks, sizeof digest);
}

static void test_every_length_over_several_blocks(void **state) {
    static const uint32_t pieces[] = {1, 3, 63, 64, 65, LONGEST};
    uint8_t data[LONGEST];
    (void)state;
    for (uint32_t i = 0; i < sizeof data; i++) {
        data[i] = (uint8_t)(i * 167u + (i >> 3));
    }
    for (uint32_t length = 0; length <= LONGEST; length++) {
        br_sha256_context peer;
        uint8_t wanted[br_sha256_SIZE];
        br_sha256_init(&peer);
        br_sha256_update(&peer, data, length);
        br_sha256_out(&peer, wanted);
        for (uint32_t i = 0; i < sizeof pieces / sizeof pieces[0]; i++) {
            uint8_t digest[ONESLOT_SHA256_SIZE];
            digest_of(digest, data, length, pieces[i]);
            assert_memory_equal(digest, wanted, sizeof digest);
        }
    }
}

/// The number of bits takes more than 32 of its own. The state is BearSSL's, set to the same count.
static void test_more_than_512_megabytes(void **state) {
    const uint32_t blocks = 0x00800001u;
    br_sha256_context peer;
    struct oneslot_sha256 sha256;
    uint8_t start[br_sha256_SIZE];
    uint8_t wanted[br_sha256_SIZE];
    uint8_t digest[ONESLOT_SHA256_SIZE];
    (void)state;
    br_sha256_init(&peer);
    br_sha256_state(&peer, start);
    br_sha256_set_state(&peer, start, (uint64_t)blocks * 64u);
    br_sha256_out(&peer, wanted);
    oneslot_sha256_init(&sha256);
    sha256.blocks = blocks;
    oneslot_sha256_final(&sha256, digest);
    assert_memory_equal(digest, wanted, sizeof digest);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_standards_examples),
        cmocka_unit_test(test_every_length_over_several_blocks),
        cmocka_unit_test(test_more_than_512_megabytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
