/*
 * Keys that sign packages: P-256, in PEM files.
 *
 * Private: PKCS#8 ("PRIVATE KEY"), under a passphrase ("ENCRYPTED PRIVATE KEY"), or bare ("EC PRIVATE KEY"). Public:
 * SubjectPublicKeyInfo ("PUBLIC KEY"). imgtool and openssl read and write the same files.
 */
#ifndef ONESLOT_HOST_PACK_KEY_H
#define ONESLOT_HOST_PACK_KEY_H

#include "oneslot/package.h"

struct key {
    bool secret; ///< `scalar` is there
    uint8_t scalar[32];
    struct oneslot_public_key point;
    uint8_t hash[32]; ///< as a package names the key
};

/// Loads a key, public or private, by what the file holds. `passphrase_file` may be NULL: then it is asked for where
/// one is needed. Says what is wrong and returns TOOL_FAILED; returns TOOL_OK.
int key_load(struct key *key, const char *path, const char *passphrase_file, bool json);

/// Makes a new one with the system's random numbers. Returns false when it gives none.
bool key_make(struct key *key);

/// Writes the private key to a new file of mode 0600; `passphrase` may be NULL. Never overwrites. Says what is wrong
/// and returns TOOL_FAILED; returns TOOL_OK.
int key_save(const struct key *key, const char *path, const char *passphrase, bool json);

/// Writes the public key; never over another one. Says what is wrong and returns TOOL_FAILED; returns TOOL_OK.
int key_save_public(const struct key *key, const char *path, bool json);

/// Signs a digest; the same digest and key give the same signature (RFC 6979). Returns its bytes, DER.
uint32_t key_sign(const struct key *key, const uint8_t sha256[32], uint8_t signature[ONESLOT_SIGNATURE_MAX]);

#endif
