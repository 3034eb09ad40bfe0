/*
 * Hand-over: the installer under ESP-IDF's second-stage boot loader, from its start to the reset that ends it.
 *
 * That boot loader starts the installer (the `factory` partition) whenever otadata names no application or the
 * application fails its checksum or SHA-256. So what oneslot's own loader decides on an ESP8266 is decided here, by
 * the same rules (boot.h), and the application is started by writing otadata and resetting.
 */
#ifndef ONESLOT_HANDOVER_H
#define ONESLOT_HANDOVER_H

#include "oneslot/install.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What the device does after oneslot_handover().
enum oneslot_next {
    ONESLOT_NEXT_RESET, ///< reset: the boot loader starts the application
    ONESLOT_NEXT_WAIT,  ///< nothing can be started, or writing cannot go on: wait install->wait seconds, then reset
};

/// Looks whether the application is whole, does what the journal, the watch path or a broken application ask for
/// (oneslot_install_run), counts a boot of a trial, and lets the boot loader start what is there. During a trial
/// otadata gets state NEW for each boot that is granted, so that the application's own confirmation
/// (esp_ota_mark_app_valid_cancel_rollback) is what ends it; a trial that was confirmed in this way is ended in the
/// journal here. `install` is set up as for oneslot_install_run. `reason` receives why nothing can be started, or how
/// the attempt ended; a sentence of error.h.
enum oneslot_next oneslot_handover(struct oneslot_install *install, enum oneslot_error *reason);

#ifdef __cplusplus
}
#endif

#endif
