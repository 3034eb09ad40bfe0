/*
 * oneslot prove --lives: deeds of a person mixed at random with power cuts, disturbed reads and wear (sim/lives.h).
 */
#ifndef ONESLOT_HOST_PROVE_LIVES_H
#define ONESLOT_HOST_PROVE_LIVES_H

#include "host/pack/kit.h"
#include "host/prove_stories.h"

/// `story`: the flash, both firmwares and their packages. The images are what a file holds of them. Returns the tool's
/// exit status.
int prove_lives(const struct prove_stories *prove, const struct story_settings *story,
                const struct kit_image *old_image, const struct kit_image *new_image);

#endif
