/*
 * SHA-256 (FIPS 180-4) for what an application links: small, no table but its constants, nothing else is needed.
 * Installers and host use BearSSL's, which is no part of the packages for applications.
 */
#ifndef ONESLOT_CORE_SHA256_H
#define ONESLOT_CORE_SHA256_H

#include <stdint.h>

#define ONESLOT_SHA256_SIZE 32u

/// A digest under way; may be copied.
struct oneslot_sha256 {
    uint32_t state[8];
    uint32_t blocks;    ///< of 64 bytes, done
    uint32_t held;      ///< bytes in `block`
    uint32_t block[16]; ///< big endian, filled from the front
};

void oneslot_sha256_init(struct oneslot_sha256 *sha256);

/// At the most 2^32 blocks in all.
void oneslot_sha256_update(struct oneslot_sha256 *sha256, const void *data, uint32_t length);

/// The digest of all that came so far; `sha256` is used up.
void oneslot_sha256_final(struct oneslot_sha256 *sha256, uint8_t digest[ONESLOT_SHA256_SIZE]);

#endif
