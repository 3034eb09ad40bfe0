/* A small upgrade for campaigns: synthetic images, a megabyte of flash, files on a littlefs. */
#ifndef TESTS_SMALL_UPGRADE_H
#define TESTS_SMALL_UPGRADE_H

#include "sim/campaign.h"

struct small_upgrade {
    struct oneslot_chip chip;
    struct campaign_settings settings;
    uint8_t *old_image;
    uint8_t *new_image;
};

/// Settings for an upgrade to an image of `size` bytes; the reserved area lies right behind it. The new image differs
/// from the old one behind the first `same` bytes of its code. No case is asked for yet but the cuts at every
/// operation. Frees with small_upgrade_destroy.
void small_upgrade_create(struct small_upgrade *upgrade, uint32_t size, uint32_t same);
/// The same for a device of the ESP32 family; `size` is a multiple of 16, and `same` bytes at the code's end are equal.
/// `upgrade` must stay where it is.
void small_upgrade_create_esp32(struct small_upgrade *upgrade, uint16_t chip, uint32_t size, uint32_t same);
/// Adds a segment of length 0 at address 0 to the new image (ESP8266), with every proof of it right.
void small_upgrade_add_empty_segment(struct small_upgrade *upgrade);
void small_upgrade_destroy(struct small_upgrade *upgrade);

#endif
