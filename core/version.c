#include "oneslot/version.h"

#include <string.h>

void oneslot_version_decode(struct oneslot_version *version, const uint8_t bytes[ONESLOT_VERSION_SIZE]) {
    version->major = bytes[0];
    version->minor = bytes[1];
    version->revision = (uint16_t)(bytes[2] | bytes[3] << 8);
    version->build = bytes[4] | (uint32_t)bytes[5] << 8 | (uint32_t)bytes[6] << 16 | (uint32_t)bytes[7] << 24;
}

void oneslot_version_encode(uint8_t bytes[ONESLOT_VERSION_SIZE], const struct oneslot_version *version) {
    bytes[0] = version->major;
    bytes[1] = version->minor;
    bytes[2] = (uint8_t)version->revision;
    bytes[3] = (uint8_t)(version->revision >> 8);
    for (unsigned i = 0; i < 4; i++) {
        bytes[4 + i] = (uint8_t)(version->build >> 8 * i);
    }
}

/// The first three numbers as one that compares as they do.
static uint32_t rank(const struct oneslot_version *version) {
    return (uint32_t)version->major << 24 | (uint32_t)version->minor << 16 | version->revision;
}

int oneslot_version_compare(const struct oneslot_version *left, const struct oneslot_version *right) {
    uint32_t a = rank(left);
    uint32_t b = rank(right);
    if (a == b) {
        a = left->build;
        b = right->build;
    }
    return (a > b) - (a < b);
}

void oneslot_version_raise(uint8_t floor[ONESLOT_VERSION_SIZE], const uint8_t version[ONESLOT_VERSION_SIZE]) {
    struct oneslot_version low;
    struct oneslot_version high;
    oneslot_version_decode(&low, floor);
    oneslot_version_decode(&high, version);
    if (oneslot_version_compare(&low, &high) < 0) {
        memcpy(floor, version, ONESLOT_VERSION_SIZE);
    }
}
