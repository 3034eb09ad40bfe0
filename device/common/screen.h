/*
 * Screen: what an installer tells a person on the console.
 */
#ifndef ONESLOT_DEVICE_SCREEN_H
#define ONESLOT_DEVICE_SCREEN_H

#include "oneslot/install.h"

/// What the console shows. All zero at first.
struct screen {
    enum oneslot_phase phase;
    uint32_t percent;
    bool open; ///< a progress line stands without its end
};

/// The functions of struct oneslot_install_port; `context` is a struct screen. Progress of writing and reading back is
/// shown; what comes before touches nothing and is over soon.
void screen_progress(void *context, enum oneslot_phase phase, uint32_t percent);
void screen_proven(void *context, const char *path, const struct oneslot_image *image, bool resumed);
void screen_outcome(void *context, const char *path, enum oneslot_error outcome, uint32_t detail);

/// Ends a progress line, if one stands.
void screen_end_line(struct screen *screen);

#endif
