/*
 * oneslot prove --stories: the lives of a device with signed packages, trials, a new installer; and what --lives
 * (prove_lives.h) has in common with it.
 */
#ifndef ONESLOT_HOST_PROVE_STORIES_H
#define ONESLOT_HOST_PROVE_STORIES_H

#include <stdio.h>

#include "sim/campaign.h"

/// Where the steps of one case go: to standard output, or into the JSON that follows.
struct prove_replay {
    FILE *out;
    char *text;
    size_t length;
};

void prove_replay_begin(struct prove_replay *told, bool json);
/// Nothing more is told.
void prove_replay_drop(struct prove_replay *told);
/// Tells how it ended. Returns the tool's exit status.
int prove_replay_end(struct prove_replay *told, const char *name, enum campaign_verdict verdict);

/// What a whole line of progress takes of a terminal; a narrower one gets a shorter line.
#define PROGRESS_COLUMNS 110u

struct prove_stories {
    const struct campaign_settings *campaign; ///< the flash, both firmwares, and how much is to be done
    const char *old_path;
    const char *new_path;
    const char *key;    ///< a private key; NULL: one is made
    const char *replay; ///< "STORY:CASE", or the name of a life; NULL: all
    uint32_t lives;     ///< lives instead of stories; 0: none
    const char *json_path;
    bool json;
    bool progress; ///< shown on standard error
};

/// Returns the tool's exit status.
int prove_stories(const struct prove_stories *prove);

#endif
