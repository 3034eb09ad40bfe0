/*
 * Boot: what the loader does at a reset. The decisions, so that device, simulator and tests share it.
 */
#ifndef ONESLOT_BOOT_H
#define ONESLOT_BOOT_H

#include "oneslot/journal.h"

#ifdef __cplusplus
extern "C" {
#endif

enum oneslot_boot {
    ONESLOT_BOOT_APPLICATION, ///< start the application
    ONESLOT_BOOT_TRIAL,       ///< count one trial boot, then start the application
    ONESLOT_BOOT_INSTALLER,   ///< enter the installer
};

/// What an ESP8266's installer returns to the loader.
enum oneslot_return {
    ONESLOT_RETURN_NOTHING = 0, ///< start the application
    ONESLOT_RETURN_RESET = 1,   ///< something was done, or is to be tried again: reset
    ONESLOT_RETURN_PROVEN =
        2, ///< start the application whatever the journal says: flash holds what was to be installed
    ONESLOT_RETURN_DAMAGED = 3, ///< it could not be unpacked: enter another one
};

/// Where an installer may be, in the order in which they are to be tried; 0 for none.
#define ONESLOT_BOOT_PLACES 4u

/// Fills in the places. A new installer that did not say that it runs is not entered again: that it is entered is
/// counted in the record's page, like a boot in a trial, and what cannot be counted is not entered. `record` and `slot`
/// are the newest ones of `journal`.
void oneslot_boot_installers(const struct oneslot_journal *journal, const struct oneslot_record *record, uint32_t slot,
                             const struct oneslot_layout *layout, uint32_t places[ONESLOT_BOOT_PLACES]);

/// `record` is the newest one (all zero when the journal is empty); `trial_used` belongs to it. `watch`: the layout
/// has a watch path and this is no wake-up from deep sleep. `whole`: the application passes the ROM's checksum.
/// `settled`: as oneslot_journal_look says; the application must not act on a record that may be gone the next time.
enum oneslot_boot oneslot_boot_decide(const struct oneslot_record *record, uint32_t trial_used, bool watch, bool whole,
                                      bool settled);

#ifdef __cplusplus
}
#endif

#endif
