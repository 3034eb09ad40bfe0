/*
 * Fit: whether an image fits a device. One function for all commands; none of them asks it yet.
 */
#ifndef ONESLOT_HOST_FIT_H
#define ONESLOT_HOST_FIT_H

#include <stddef.h>

#include "host/claims.h"
#include "oneslot/map.h"

/// Flash address that the code in the image was linked to begin at, by the window addresses among its constants: 0 for
/// what is flashed at 0, 0x1000 for user1, 0x81000 for user2. Returns false when the image does not tell.
bool firmware_linked_for(const struct firmware *firmware, uint32_t *address);

#define PHY_INIT_SIZE 128u

/// Why an image does not fit.
#define FIT_TEXT    480u
#define FIT_REASONS 8u

struct fit_reason {
    enum oneslot_error error;
    uint32_t from; ///< what it is about, in flash
    uint32_t to;
    char text[FIT_TEXT]; ///< with the numbers, and what would help
};

struct fit {
    size_t count;
    struct fit_reason reason[FIT_REASONS];
};

/// A device that an image is to go on.
struct fit_device {
    struct claims_chip chip;
    const struct oneslot_map *map;
    const uint8_t *flash; ///< the whole flash as it is; NULL for one that is being made
};

/// Does this image fit that device: the one answer for all commands. Fills in every reason against it, none if it fits.
void fit_check(struct fit *fit, const struct firmware *firmware, const struct fit_device *device);

#endif
