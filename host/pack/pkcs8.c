#include "host/pack/pkcs8.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pkcs12.h>
#include <openssl/x509.h>

/// Rounds of PBKDF2: what OWASP asks for with HMAC-SHA-256.
#define ROUNDS 600000

/// What libcrypto allocated, as memory for free().
static uint8_t *own(unsigned char *bytes, int length, size_t *size) {
    uint8_t *copy = NULL;
    if (length > 0) {
        copy = malloc((size_t)length);
        if (copy != NULL) {
            memcpy(copy, bytes, (size_t)length);
            *size = (size_t)length;
        }
        OPENSSL_clear_free(bytes, (size_t)length);
    }
    ERR_clear_error();
    return copy;
}

uint8_t *pkcs8_encrypt(const uint8_t *der, size_t length, const char *passphrase, size_t *encrypted) {
    const unsigned char *at = der;
    unsigned char *bytes = NULL;
    int size = 0;
    if (length > LONG_MAX) {
        return NULL;
    }
    PKCS8_PRIV_KEY_INFO *key = d2i_PKCS8_PRIV_KEY_INFO(NULL, &at, (long)length);
    if (key != NULL) {
        X509_SIG *sealed =
            PKCS8_encrypt(-1, EVP_aes_256_cbc(), passphrase, (int)strlen(passphrase), NULL, 0, ROUNDS, key);
        size = sealed != NULL ? i2d_X509_SIG(sealed, &bytes) : 0;
        X509_SIG_free(sealed);
    }
    PKCS8_PRIV_KEY_INFO_free(key);
    return own(bytes, size, encrypted);
}

uint8_t *pkcs8_decrypt(const uint8_t *der, size_t length, const char *passphrase, size_t *decrypted) {
    const unsigned char *at = der;
    unsigned char *bytes = NULL;
    int size = 0;
    if (length > LONG_MAX) {
        return NULL;
    }
    X509_SIG *sealed = d2i_X509_SIG(NULL, &at, (long)length);
    if (sealed != NULL) {
        PKCS8_PRIV_KEY_INFO *key = PKCS8_decrypt(sealed, passphrase, (int)strlen(passphrase));
        size = key != NULL ? i2d_PKCS8_PRIV_KEY_INFO(key, &bytes) : 0;
        PKCS8_PRIV_KEY_INFO_free(key);
    }
    X509_SIG_free(sealed);
    return own(bytes, size, decrypted);
}
