#include "oneslot/boot.h"

void oneslot_boot_installers(const struct oneslot_journal *journal, const struct oneslot_record *record, uint32_t slot,
                             const struct oneslot_layout *layout, uint32_t places[ONESLOT_BOOT_PLACES]) {
    uint32_t used;
    bool tried = record->installer_before != 0 &&
                 (oneslot_journal_trial_used(journal, slot, &used) != ONESLOT_ERROR_NONE || used != 0 ||
                  oneslot_journal_trial_count(journal, slot) != ONESLOT_ERROR_NONE);
    places[0] = tried ? record->installer_before : record->installer != 0 ? record->installer : layout->installer;
    places[1] = record->installer_before;
    places[2] = layout->installer;
    places[3] = layout->second;
}

enum oneslot_boot oneslot_boot_decide(const struct oneslot_record *record, uint32_t trial_used, bool watch, bool whole,
                                      bool settled) {
    if (!settled) {
        return ONESLOT_BOOT_INSTALLER;
    }
    switch (record->state) {
    case ONESLOT_STATE_REQUESTED:
    case ONESLOT_STATE_INSTALLING:
        return ONESLOT_BOOT_INSTALLER;
    case ONESLOT_STATE_TRIAL:
        // The watch waits until the trial has ended: it must not replace what is being tried.
        return whole && trial_used < record->trial_boots ? ONESLOT_BOOT_TRIAL : ONESLOT_BOOT_INSTALLER;
    default:
        // A new installer has to show that it runs.
        if (record->installer_before != 0) {
            return ONESLOT_BOOT_INSTALLER;
        }
        return watch || !whole ? ONESLOT_BOOT_INSTALLER : ONESLOT_BOOT_APPLICATION;
    }
}
