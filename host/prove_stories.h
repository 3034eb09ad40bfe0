/*
 * oneslot prove --stories: the lives of a device with signed packages, trials, a new installer.
 */
#ifndef ONESLOT_HOST_PROVE_STORIES_H
#define ONESLOT_HOST_PROVE_STORIES_H

#include "sim/campaign.h"

struct prove_stories {
    const struct campaign_settings *campaign; ///< the flash, both firmwares, and how much is to be done
    const char *old_path;
    const char *new_path;
    const char *key;    ///< a private key; NULL: one is made
    const char *replay; ///< "STORY:CASE"; NULL: all stories
    const char *json_path;
    bool json;
    bool progress; ///< shown on standard error
};

/// Returns the tool's exit status.
int prove_stories(const struct prove_stories *prove);

#endif
