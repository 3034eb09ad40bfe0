/*
 * Whether the application was started as the boot ROM would have started it.
 */
#ifndef ONESLOT_HOST_RUN_CHECKS_H
#define ONESLOT_HOST_RUN_CHECKS_H

#include "host/board.h"
#include "oneslot/layout.h"

#define RUN_CHECKS_MAX 12

struct run_check {
    const char *name; ///< for scripts
    bool ok;
    char text[200];
};

struct run_checks {
    struct run_check check[RUN_CHECKS_MAX];
    unsigned count;
    bool ok; ///< all of them
};

struct run_subject {
    struct board *board;
    const struct oneslot_layout *layout; ///< NULL: the image at flash 0 itself was booted
    const uint8_t *expected;             ///< a stock image that the flash must hold; NULL for none
    uint32_t expected_size;
};

/// Compares what the board kept at the application's entry with what a boot by the ROM gives.
void run_checks(struct run_checks *checks, const struct run_subject *subject);

/// The same on the ESP32 family, where the vendor's boot loader starts the application: what it found in its partition
/// and in otadata. `layout` does not matter.
void run_checks_esp32(struct run_checks *checks, const struct run_subject *subject);

/// Adds one.
void run_checks_add(struct run_checks *checks, const char *name, bool ok, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/// Otadata's state in words.
const char *run_ota_state_text(uint32_t state);

#endif
