#include "host/pack/key.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bearssl.h"
#include "host/file.h"
#include "host/output.h"
#include "host/pack/passphrase.h"
#include "host/pack/pem.h"
#include "host/pack/pkcs8.h"
#include "host/tool.h"

#define CURVE       (&br_ec_prime_i15)
#define POINT_SIZE  65u
#define PUBLIC_SIZE (ONESLOT_KEY_PREFIX + 64u)

/* PEM */

static char *make_pem(const uint8_t *der, size_t length, const char *name) {
    char *text = malloc(br_pem_encode(NULL, NULL, length, name, BR_PEM_LINE64) + 1);
    if (text != NULL) {
        br_pem_encode(text, der, length, name, BR_PEM_LINE64);
    }
    return text;
}

/* Keys */

static void finish(struct key *key, const uint8_t point[POINT_SIZE]) {
    memcpy(key->point.x, point + 1, sizeof key->point.x);
    memcpy(key->point.y, point + 1 + sizeof key->point.x, sizeof key->point.y);
    oneslot_key_hash(key->hash, &key->point);
}

static bool in_range(const uint8_t scalar[32]) {
    static const uint8_t ZERO[32];
    size_t length;
    const unsigned char *order = CURVE->order(BR_EC_secp256r1, &length);
    return memcmp(scalar, ZERO, sizeof ZERO) > 0 && memcmp(scalar, order, length) < 0;
}

static bool take_private(struct key *key, const uint8_t *der, size_t length) {
    br_skey_decoder_context decoder;
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
    br_skey_decoder_init(&decoder);
    br_skey_decoder_push(&decoder, der, length);
    const br_ec_private_key *secret = br_skey_decoder_get_ec(&decoder);
    if (secret == NULL || secret->curve != BR_EC_secp256r1 || secret->xlen > sizeof key->scalar) {
        return false;
    }
    memset(key, 0, sizeof *key);
    memcpy(key->scalar + sizeof key->scalar - secret->xlen, secret->x, secret->xlen);
    key->secret = true;
    if (!in_range(key->scalar) || br_ec_compute_pub(CURVE, NULL, point, secret) != POINT_SIZE) {
        return false;
    }
    finish(key, point);
    return true;
}

static bool take_public(struct key *key, const uint8_t *der, size_t length) {
    static const uint8_t ONE[1] = {1};
    uint8_t point[POINT_SIZE];
    if (length != PUBLIC_SIZE || memcmp(der, oneslot_key_prefix, ONESLOT_KEY_PREFIX) != 0) {
        return false;
    }
    memset(key, 0, sizeof *key);
    memcpy(point, der + PUBLIC_SIZE - POINT_SIZE, sizeof point);
    finish(key, point);
    // Fails for a point that is not on the curve.
    return CURVE->mul(point, sizeof point, ONE, sizeof ONE, BR_EC_secp256r1) == 1;
}

static int fail_kind(bool json, const char *path, const char *kind, const uint8_t *der, size_t length) {
    const char *other = pem_other_key(der, length);
    return tool_fail(json, ONESLOT_ERROR_NONE, "%s: not a %s key on P-256%s%s", path, kind, other[0] != 0 ? ": " : "",
                     other);
}

static int take_encrypted(struct key *key, const struct pem *pem, const char *path, const char *passphrase_file,
                          bool json) {
    char passphrase[PASSPHRASE_MAX + 1];
    size_t length;
    int status = passphrase_get(passphrase, passphrase_file, path, false, json);
    if (status != TOOL_OK) {
        return status;
    }
    uint8_t *bytes = pkcs8_decrypt(pem->der, pem->length, passphrase, &length);
    if (bytes == NULL) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: this is not its passphrase, or the file is damaged", path);
    }
    status = take_private(key, bytes, length) ? TOOL_OK : fail_kind(json, path, "private", bytes, length);
    free(bytes);
    return status;
}

int key_load(struct key *key, const char *path, const char *passphrase_file, bool json) {
    uint8_t *text;
    size_t length;
    struct pem pem;
    if (!file_read(path, 64 * 1024, &text, &length)) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
    }
    bool found = pem_read(&pem, (char *)text, length);
    free(text);
    if (!found) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, pem.reason);
    }
    if (pem.content == PEM_ENCRYPTED) {
        return take_encrypted(key, &pem, path, passphrase_file, json);
    }
    bool public = pem.content == PEM_PUBLIC;
    bool fine = public ? take_public(key, pem.der, pem.length) : take_private(key, pem.der, pem.length);
    return fine ? TOOL_OK : fail_kind(json, path, public ? "public" : "private", pem.der, pem.length);
}

bool key_make(struct key *key) {
    br_hmac_drbg_context random;
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
    br_ec_private_key secret;
    br_prng_seeder seed = br_prng_seeder_system(NULL);
    memset(key, 0, sizeof *key);
    br_hmac_drbg_init(&random, &br_sha256_vtable, NULL, 0);
    if (seed == NULL || !seed(&random.vtable) ||
        br_ec_keygen(&random.vtable, CURVE, &secret, key->scalar, BR_EC_secp256r1) != sizeof key->scalar ||
        br_ec_compute_pub(CURVE, NULL, point, &secret) != POINT_SIZE) {
        return false;
    }
    key->secret = true;
    finish(key, point);
    return true;
}

/// Writes and frees `text`.
static int write_pem(const char *path, enum output_kind kind, char *text, bool json) {
    int status = text != NULL ? output_write(path, kind, text, strlen(text), json)
                              : tool_fail(json, ONESLOT_ERROR_NONE, "memory ran out");
    free(text);
    return status;
}

static void public_der(const struct key *key, uint8_t der[PUBLIC_SIZE]) {
    memcpy(der, oneslot_key_prefix, ONESLOT_KEY_PREFIX);
    memcpy(der + ONESLOT_KEY_PREFIX, key->point.x, 32);
    memcpy(der + ONESLOT_KEY_PREFIX + 32, key->point.y, 32);
}

static br_ec_private_key secret_of(const struct key *key, uint8_t scalar[32]) {
    memcpy(scalar, key->scalar, 32);
    return (br_ec_private_key){.curve = BR_EC_secp256r1, .x = scalar, .xlen = 32};
}

int key_save(const struct key *key, const char *path, const char *passphrase, bool json) {
    uint8_t der[PEM_DER_MAX];
    uint8_t scalar[32];
    uint8_t spki[PUBLIC_SIZE];
    br_ec_private_key secret = secret_of(key, scalar);
    public_der(key, spki);
    br_ec_public_key point = {.curve = BR_EC_secp256r1, .q = spki + PUBLIC_SIZE - POINT_SIZE, .qlen = POINT_SIZE};
    size_t length = br_encode_ec_pkcs8_der(der, &secret, &point);
    char *text = NULL;
    if (passphrase == NULL) {
        text = make_pem(der, length, BR_ENCODE_PEM_PKCS8);
    } else {
        uint8_t *sealed = pkcs8_encrypt(der, length, passphrase, &length);
        text = sealed != NULL ? make_pem(sealed, length, "ENCRYPTED PRIVATE KEY") : NULL;
        free(sealed);
    }
    return write_pem(path, OUTPUT_NEW, text, json);
}

int key_save_public(const struct key *key, const char *path, bool json) {
    uint8_t der[PUBLIC_SIZE];
    public_der(key, der);
    return write_pem(path, OUTPUT_KEY, make_pem(der, sizeof der, "PUBLIC KEY"), json);
}

uint32_t key_sign(const struct key *key, const uint8_t sha256[32], uint8_t signature[ONESLOT_SIGNATURE_MAX]) {
    uint8_t scalar[32];
    br_ec_private_key secret = secret_of(key, scalar);
    return (uint32_t)br_ecdsa_i15_sign_asn1(CURVE, &br_sha256_vtable, sha256, &secret, signature);
}
