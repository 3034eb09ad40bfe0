/*
 * core/p256.c for a device that has no byte to spare: over BearSSL's curve code compiled here, with the one curve that
 * is used. Through BearSSL's own table of functions the compiler cannot see that nobody asks for P-384 and P-521.
 */
#define br_ec_prime_i15 every_curve
#include <ec/ec_prime_i15.c>
#undef br_ec_prime_i15

#define CURVE BR_EC_secp256r1

static const unsigned char *generator(int curve, size_t *length) {
    (void)curve;
    return api_generator(CURVE, length);
}

static const unsigned char *order(int curve, size_t *length) {
    (void)curve;
    return api_order(CURVE, length);
}

/// BearSSL's parameters of the one curve; its own table of them would keep the others.
static const curve_params parameters = {P256_P, P256_B, P256_R2, 1, 65};

/// x times `point` plus y times the generator, as ECDSA wants it (`other` is NULL). Nothing here is secret.
static uint32_t muladd(unsigned char *point, const unsigned char *other, size_t length, const unsigned char *x,
                       size_t x_length, const unsigned char *y, size_t y_length, int curve) {
    jacobian sum;
    jacobian second;
    size_t generator_length;
    if (!point_decode(&sum, point, length, &parameters) ||
        !point_decode(&second, generator(curve, &generator_length), generator_length, &parameters)) {
        return 0;
    }
    (void)other;
    point_mul(&sum, x, x_length, &parameters);
    point_mul(&second, y, y_length, &parameters);
    uint32_t opposite = point_add(&sum, &second, &parameters);
    if (br_i15_iszero(sum.c[2])) {
        if (opposite) {
            return 0; // The sum is the point at infinity.
        }
        point_double(&second, &parameters); // Both are the same point.
        sum = second;
    }
    point_encode(point, &sum, &parameters);
    return 1;
}

/// What the check of a signature asks for.
static const br_ec_impl p256_alone = {
    .supported_curves = 1u << CURVE, .generator = generator, .order = order, .muladd = muladd};

#define br_ec_prime_i15 p256_alone
#include "../../core/p256.c"
