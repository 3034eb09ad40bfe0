/* ECDSA on P-256 by BearSSL, with its smallest arithmetic, in 16-bit multiplications as the LX106 has them. */
#include <string.h>

#include "bearssl_ec.h"
#include "oneslot/package.h"

#define POINT_SIZE 65u
#define POINT_BARE 0x04u /* both coordinates, uncompressed */

bool oneslot_p256_verify(const struct oneslot_public_key *key, const uint8_t sha256[32], const uint8_t *signature,
                         uint32_t length) {
    uint8_t point[POINT_SIZE];
    br_ec_public_key public_key = {.curve = BR_EC_secp256r1, .q = point, .qlen = sizeof point};
    point[0] = POINT_BARE;
    memcpy(point + 1, key->x, sizeof key->x);
    memcpy(point + 1 + sizeof key->x, key->y, sizeof key->y);
    return br_ecdsa_i15_vrfy_asn1(&br_ec_prime_i15, sha256, 32, &public_key, signature, length) == 1;
}
