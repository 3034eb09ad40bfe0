#include "sha256.h"

#include <string.h>

#define BLOCK  64u
#define WORDS  16u
#define ROUNDS 64u

/// The first 32 bits of the fractional parts of the cube roots of the first 64 primes.
static const uint32_t constants[ROUNDS] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotated(uint32_t word, unsigned right) {
    return word >> right | word << (32u - right);
}

/// The message schedule, sixteen words of it at a time: the word that round `round` takes.
static uint32_t scheduled(uint32_t *words, uint32_t round) {
    uint32_t *word = &words[round % WORDS];
    if (round >= WORDS) {
        const uint32_t early = words[(round + 1u) % WORDS];
        const uint32_t late = words[(round + 14u) % WORDS];
        *word += words[(round + 9u) % WORDS] + (rotated(early, 7) ^ rotated(early, 18) ^ early >> 3) +
                 (rotated(late, 17) ^ rotated(late, 19) ^ late >> 10);
    }
    return *word;
}

/// Takes the block in, which is used up.
static void compress(struct oneslot_sha256 *sha256) {
    uint32_t v[8];
    memcpy(v, sha256->state, sizeof v);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        const uint32_t chosen = (v[4] & v[5]) ^ (~v[4] & v[6]);
        const uint32_t majority = (v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]);
        const uint32_t first = v[7] + (rotated(v[4], 6) ^ rotated(v[4], 11) ^ rotated(v[4], 25)) + chosen +
                               constants[round] + scheduled(sha256->block, round);
        const uint32_t second = (rotated(v[0], 2) ^ rotated(v[0], 13) ^ rotated(v[0], 22)) + majority;
        memmove(v + 1, v, 7u * sizeof v[0]);
        v[4] += first;
        v[0] = first + second;
    }
    for (uint32_t i = 0; i < 8u; i++) {
        sha256->state[i] += v[i];
    }
    sha256->blocks++;
    sha256->held = 0;
}

static void put(struct oneslot_sha256 *sha256, uint8_t byte) {
    uint32_t *word = &sha256->block[sha256->held / 4u];
    *word = *word << 8 | byte;
    if (++sha256->held == BLOCK) {
        compress(sha256);
    }
}

void oneslot_sha256_init(struct oneslot_sha256 *sha256) {
    /// The first 32 bits of the fractional parts of the square roots of the first eight primes.
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memset(sha256, 0, sizeof *sha256);
    memcpy(sha256->state, start, sizeof start);
}

void oneslot_sha256_update(struct oneslot_sha256 *sha256, const void *data, uint32_t length) {
    const uint8_t *from = data;
    for (uint32_t i = 0; i < length; i++) {
        put(sha256, from[i]);
    }
}

void oneslot_sha256_final(struct oneslot_sha256 *sha256, uint8_t digest[ONESLOT_SHA256_SIZE]) {
    const uint64_t bits = ((uint64_t)sha256->blocks * BLOCK + sha256->held) * 8u;
    put(sha256, 0x80u);
    while (sha256->held != BLOCK - sizeof bits) {
        put(sha256, 0);
    }
    for (uint32_t i = 0; i < sizeof bits; i++) {
        put(sha256, (uint8_t)(bits >> (56u - 8u * i)));
    }
    for (uint32_t i = 0; i < ONESLOT_SHA256_SIZE; i++) {
        digest[i] = (uint8_t)(sha256->state[i / 4u] >> (24u - 8u * (i % 4u)));
    }
}
