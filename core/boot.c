#include "oneslot/boot.h"

enum oneslot_boot oneslot_boot_decide(const struct oneslot_record *record, uint32_t trial_used, bool watch,
                                      bool whole) {
    switch (record->state) {
    case ONESLOT_STATE_REQUESTED:
    case ONESLOT_STATE_INSTALLING:
        return ONESLOT_BOOT_INSTALLER;
    case ONESLOT_STATE_TRIAL:
        // The watch waits until the trial has ended: it must not replace what is being tried.
        return whole && trial_used < record->trial_boots ? ONESLOT_BOOT_TRIAL : ONESLOT_BOOT_INSTALLER;
    default:
        return watch || !whole ? ONESLOT_BOOT_INSTALLER : ONESLOT_BOOT_APPLICATION;
    }
}
