/*
 * Private keys under a passphrase: PKCS#8 as DER, in the clear and encrypted (PBES2). By libcrypto.
 */
#ifndef ONESLOT_HOST_PACK_PKCS8_H
#define ONESLOT_HOST_PACK_PKCS8_H

#include <stddef.h>
#include <stdint.h>

/// Encrypts with AES-256-CBC under a key that PBKDF2 (HMAC-SHA-256) makes of the passphrase. Returns memory that the
/// caller frees, or NULL.
uint8_t *pkcs8_encrypt(const uint8_t *der, size_t length, const char *passphrase, size_t *encrypted);

/// Decrypts what any tool has encrypted that libcrypto knows. Returns memory that the caller frees, or NULL: another
/// passphrase, or damage.
uint8_t *pkcs8_decrypt(const uint8_t *der, size_t length, const char *passphrase, size_t *decrypted);

#endif
