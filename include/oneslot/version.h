/*
 * Versions of images: four numbers in eight bytes, as packages and the journal have them.
 */
#ifndef ONESLOT_VERSION_H
#define ONESLOT_VERSION_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define ONESLOT_VERSION_SIZE 8u

/// A version.
struct oneslot_version {
    uint8_t major;
    uint8_t minor;
    uint16_t revision;
    uint32_t build;
};

/// Below 0, 0 or above 0, as `left` is lower than, equal to or higher than `right`. All four numbers count.
int oneslot_version_compare(const struct oneslot_version *left, const struct oneslot_version *right);

/// The eight bytes of a version in header, entry and journal, little endian.
void oneslot_version_decode(struct oneslot_version *version, const uint8_t bytes[ONESLOT_VERSION_SIZE]);
void oneslot_version_encode(uint8_t bytes[ONESLOT_VERSION_SIZE], const struct oneslot_version *version);

/// Raises `floor` to `version` if that is higher; never lowers it.
void oneslot_version_raise(uint8_t floor[ONESLOT_VERSION_SIZE], const uint8_t version[ONESLOT_VERSION_SIZE]);

#ifdef __cplusplus
}
#endif

#endif
