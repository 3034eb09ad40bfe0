/* Parts for stories: small synthetic firmwares and installers, keys, packages, files on a littlefs. */
#ifndef TESTS_STORY_SMALL_STORY_H
#define TESTS_STORY_SMALL_STORY_H

#include "host/pack/kit.h"
#include "sim/lives.h"

struct small_story {
    struct story_settings settings;
    struct oneslot_chip chip;
    struct kit kit;
    uint8_t *images[3];     ///< old, new, and one that must never run
    uint8_t *installers[2]; ///< old and new; not on the ESP32 family
};

/// `chip`: ONESLOT_CHIP_ESP8266 or one of the ESP32 family. No case is asked for yet but the cuts at every operation.
/// `story` must stay where it is. Frees with small_story_destroy.
void small_story_create(struct small_story *story, uint16_t chip);
void small_story_destroy(struct small_story *story);

/// Settings for lives with the same parts; how many, and the seed, are the caller's to set.
void small_story_lives(struct lives_settings *settings, const struct small_story *story);

#endif
