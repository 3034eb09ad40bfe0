/*
 * Boot: what the loader does at a reset. Pure decision, so that device, simulator and tests share it.
 */
#ifndef ONESLOT_BOOT_H
#define ONESLOT_BOOT_H

#include "oneslot/journal.h"

enum oneslot_boot {
    ONESLOT_BOOT_APPLICATION, ///< start the application
    ONESLOT_BOOT_TRIAL,       ///< count one trial boot, then start the application
    ONESLOT_BOOT_INSTALLER,   ///< enter the installer
};

/// `record` is the newest one (all zero when the journal is empty); `trial_used` belongs to it. `watch`: the layout
/// has a watch path and this is no wake-up from deep sleep. `whole`: the application passes the ROM's checksum.
enum oneslot_boot oneslot_boot_decide(const struct oneslot_record *record, uint32_t trial_used, bool watch, bool whole);

#endif
