#include "screen.h"

#include "console.h"

/// A progress line is written again when this many percent more are done.
#define PROGRESS_STEP 5u

void screen_end_line(struct screen *screen) {
    if (screen->open) {
        console_text("\n");
        screen->open = false;
    }
}

static const char *phase_text(enum oneslot_phase phase) {
    return phase == ONESLOT_PHASE_WRITE ? "writing " : "checking ";
}

void screen_progress(void *context, enum oneslot_phase phase, uint32_t percent) {
    struct screen *screen = context;

    if (phase != ONESLOT_PHASE_WRITE && phase != ONESLOT_PHASE_VERIFY) {
        return;
    }
    if (screen->open && phase == screen->phase && percent < screen->percent + PROGRESS_STEP && percent != 100) {
        return;
    }
    if (screen->open && phase == screen->phase && percent == screen->percent) {
        return;
    }
    if (phase != screen->phase) {
        screen_end_line(screen);
    }
    screen->phase = phase;
    screen->percent = percent;
    screen->open = true;
    console_character('\r');
    console_text(phase_text(phase));
    console_number(percent);
    console_text(" %");
}

void screen_proven(void *context, const char *path, const struct oneslot_image *image, bool resumed) {
    screen_end_line(context);
    console_text(resumed ? "upgrade goes on: " : "upgrade: ");
    console_text(path);
    console_text(", ");
    console_text(oneslot_image_kind_text(image->kind));
    console_text(", ");
    console_number(image->size);
    console_text(" bytes, ");
    console_text(oneslot_proof_text(image->proofs));
    console_text(image->proofs != 0 ? " ok\n" : "\n");
}

void screen_outcome(void *context, const char *path, enum oneslot_error outcome, uint32_t detail) {
    (void)detail;
    screen_end_line(context);
    if (outcome == ONESLOT_ERROR_NONE) {
        console_text("done\n");
        return;
    }
    console_text("upgrade: ");
    console_text(path);
    console_text(path[0] != 0 ? ": " : "");
    console_text(oneslot_error_text(outcome));
    console_text("\n");
}
