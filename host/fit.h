/*
 * Fit: whether an image fits a device. One function for all commands.
 */
#ifndef ONESLOT_HOST_FIT_H
#define ONESLOT_HOST_FIT_H

#include <stddef.h>

#include "host/claims.h"
#include "host/flash_file.h"
#include "oneslot/map.h"

/// Flash address that the code in the image was linked to begin at, by the window addresses among its constants: 0 for
/// what is flashed at 0, 0x1000 for user1, 0x81000 for user2. Returns false when the image does not tell.
bool firmware_linked_for(const struct firmware *firmware, uint32_t *address);

/// Why an image does not fit.
#define FIT_TEXT    480u
#define FIT_REASONS 8u

struct fit_reason {
    enum oneslot_error error;
    uint32_t from; ///< what it is about, in flash
    uint32_t to;
    bool part;           ///< it lies over a part of Oneslot
    bool certain;        ///< told from the image itself; else by the usual place of its kind
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

/// Where the firmware needs PHY init data that it does not write by itself, or NULL.
const struct claim *fit_init_data(const struct claims *claims, const struct firmware *firmware);

/// Does this image fit that device: the one answer for all commands. Fills in every reason against it, none if it fits.
void fit_check(struct fit *fit, const struct firmware *firmware, const struct fit_device *device);

/// The same of a file, an image or a package of one, for a device in a flash image. What is damaged or not known fits:
/// the installer refuses it by itself.
void fit_file(struct fit *fit, const struct flash_file *device, const uint8_t *bytes, uint32_t size);

/// Of a device of the ESP32 family (fit_esp32.c): another chip, a whole download, no room, no signature.
void fit_esp32(struct fit *fit, const struct flash_file *device, const uint8_t *bytes, uint32_t size);

/// Adds a reason. More than there is room for replace the last one.
struct fit_reason *fit_against(struct fit *fit, enum oneslot_error error, uint32_t from, uint32_t to,
                               const char *format, ...) __attribute__((format(printf, 5, 6)));

/// What can be told of an image without a device: its place, and whether it is several images in one.
void fit_alone(struct fit *fit, const struct firmware *firmware);

/// What is said of `what`: with `warn` every reason is a warning; without, the first one is how the command fails and
/// the others are said before. Returns TOOL_OK or TOOL_FAILED.
/// What is guessed is a warning in any case.
int fit_say(const struct fit *fit, const char *what, bool warn, bool json);

#endif
