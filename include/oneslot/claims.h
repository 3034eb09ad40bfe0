/*
 * Claims: what a packaged firmware of the ESP8266 will write to the flash by itself, against the map of a device.
 *
 * A package tells it (entry CLAIMS, docs/FORMATS.md), since the firmware's maker knows, and a device has no room to
 * find it out. On the ESP32 family the partition table says it, and nothing is claimed.
 */
#ifndef ONESLOT_CLAIMS_H
#define ONESLOT_CLAIMS_H

#include "oneslot/flash.h"
#include "oneslot/map.h"

#ifdef __cplusplus
extern "C" {
#endif

/// More are not kept in a package.
#define ONESLOT_CLAIMS_MAX 8u

/// A range of sectors. Both ends are flash addresses; the low bits of each say how it is meant.
struct oneslot_claim {
    uint32_t from; ///< may have ONESLOT_CLAIM_INIT_DATA
    uint32_t to;   ///< exclusive
};

/// The address counts down from the end of the flash that the header at flash 0 tells of.
#define ONESLOT_CLAIM_FROM_END 1u
/// PHY init data are read at `from`: they must be there.
#define ONESLOT_CLAIM_INIT_DATA 2u
/// With that: or the sector must be erased, for then the firmware writes them itself.
#define ONESLOT_CLAIM_FILLED 4u

/// Whether a firmware with these claims may be put on that device: nothing of Oneslot and no other file system lies in
/// a claimed range. A file system that begins where a range does is the firmware's own.
/// Returns NONE, IMAGE_CLAIMS, PHY_INIT or a flash error.
enum oneslot_error oneslot_claims_allowed(const struct oneslot_claim *claims, uint32_t count,
                                          const struct oneslot_flash *flash, const struct oneslot_map *map);

#ifdef __cplusplus
}
#endif

#endif
