#include "oneslot/handover.h"

#include <stddef.h>
#include <string.h>

#include "install_steps.h"
#include "oneslot/boot.h"
#include "oneslot/otadata.h"
#include "oneslot/version.h"

/// Starts at which the boot loader was told to start an application that is whole to us, before others are tried.
#define STARTS 3u

/// Readings before flash is said to hold something else.
#define LOOKS 2u

/// What is known at a start of the installer.
struct start {
    struct oneslot_install *install;
    struct oneslot_otadata entry;
    bool boots;     ///< the boot loader was told to start the application already
    bool unwritten; ///< what was just proven in flash, and the journal took no record that says so
    uint32_t used;
};

static void check_progress(void *context, uint32_t done, uint32_t total) {
    oneslot_report(context, ONESLOT_PHASE_PROVE, done, total);
}

/// Whether the application passes what the boot loader asks of it: checksum and SHA-256, for this chip.
static bool is_whole(struct oneslot_install *install) {
    const struct oneslot_layout *layout = &install->layout;
    memset(&install->image, 0, sizeof install->image);
    enum oneslot_error error = oneslot_image_esp32_prove_flash(&install->image, install->flash, layout->application,
                                                               layout->firmware - layout->application, install->buffer,
                                                               check_progress, install);
    struct oneslot_image_limits limits = install->chip->limits;
    limits.firmware = layout->firmware - layout->application;
    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_image_allowed(&install->image, &limits, NULL);
    }
    // Without a SHA-256 of its own the checksum has to do, as for the boot loader.
    return error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_IMAGE_UNPROVEN;
}

/// From here on the new image is written: whatever happens, the boot loader must start the installer.
static enum oneslot_error take_choice_back(struct oneslot_install *install) {
    return oneslot_otadata_erase(install->flash, install->layout.otadata);
}

static enum oneslot_error read_trial(struct start *start) {
    struct oneslot_install *install = start->install;
    start->used = 0;
    if (install->record.state != ONESLOT_STATE_TRIAL) {
        return ONESLOT_ERROR_NONE;
    }
    return oneslot_journal_trial_used(&install->journal, install->slot, &start->used);
}

/// A firmware on trial that has confirmed itself in ESP-IDF's way alone: the journal learns of it.
static enum oneslot_error settle_trial(struct start *start) {
    struct oneslot_install *install = start->install;
    struct oneslot_record *record = &install->record;
    if (record->state != ONESLOT_STATE_TRIAL || start->entry.state != ONESLOT_OTA_VALID) {
        return ONESLOT_ERROR_NONE;
    }
    record->state = ONESLOT_STATE_DONE;
    record->outcome = ONESLOT_ERROR_NONE;
    record->detail = 0;
    oneslot_version_raise(record->floor, record->installed_version);
    return oneslot_install_append(install, false);
}

static enum oneslot_error read_state(struct start *start) {
    struct oneslot_install *install = start->install;
    enum oneslot_error error = install->chip->read_layout(install->flash, &install->layout, install->buffer);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    install->journal.flash = install->flash;
    install->journal.address = install->layout.journal;
    install->slot = ONESLOT_SLOTS;
    error = oneslot_journal_load(&install->journal, &install->record, &install->slot);
    if (error != ONESLOT_ERROR_NONE && error != ONESLOT_ERROR_JOURNAL_EMPTY) {
        return error;
    }
    if (error == ONESLOT_ERROR_NONE) {
        // The next start goes past the installer: what the journal says now it has to say then.
        (void)oneslot_journal_settle(&install->journal, &install->record, &install->slot);
    }
    error = oneslot_otadata_read(install->flash, install->layout.otadata, &start->entry, &start->boots);
    if (error == ONESLOT_ERROR_NONE) {
        error = settle_trial(start);
    }
    return error != ONESLOT_ERROR_NONE ? error : read_trial(start);
}

/// Whether what is in the application's place matters before the installer has done its part.
static bool needs_look(const struct oneslot_record *record) {
    return record->state != ONESLOT_STATE_REQUESTED && record->state != ONESLOT_STATE_INSTALLING;
}

/// One boot of a trial is used up. One reading decides nothing.
static enum oneslot_error count_trial(const struct oneslot_install *install) {
    enum oneslot_error error = ONESLOT_ERROR_FLASH_READ;
    for (uint32_t look = 0; look < LOOKS && error != ONESLOT_ERROR_NONE; look++) {
        error = oneslot_journal_trial_count(&install->journal, install->slot);
    }
    return error;
}

/// From the next reset on the boot loader goes past the installer: an attempt that the journal calls open, or a trial
/// that is over, would stay so. Where the last word is missing, and may yet be written, the application waits for it a
/// few starts.
static bool lacks_last_word(struct oneslot_install *install) {
    struct oneslot_record newest;
    uint32_t slot = ONESLOT_SLOTS;
    uint32_t waits = 0;
    enum oneslot_error error = oneslot_journal_load(&install->journal, &newest, &slot);
    if (error != ONESLOT_ERROR_NONE) {
        return error != ONESLOT_ERROR_JOURNAL_EMPTY; // what cannot be read now may be at the next start
    }
    if (needs_look(&newest) && newest.state == install->record.state) {
        return false;
    }
    return oneslot_journal_counted(&install->journal, slot, ONESLOT_COUNTER_WAITS, &waits) == ONESLOT_ERROR_NONE &&
           waits < STARTS &&
           oneslot_journal_count(&install->journal, slot, ONESLOT_COUNTER_WAITS) == ONESLOT_ERROR_NONE;
}

/// The boot loader starts the application from the next reset on. If it was told so already and the installer was
/// started nevertheless, it finds fault with what is whole to us: nothing is written, and there is no race of resets.
static enum oneslot_next start_application(struct start *start, enum oneslot_error *reason) {
    struct oneslot_install *install = start->install;
    // A trial that the journal does not know of would not come to an end.
    bool trial = install->record.state == ONESLOT_STATE_TRIAL && !start->unwritten;
    uint32_t granted = 0;
    uint32_t in_vain = 0;
    if (start->boots) {
        *reason = ONESLOT_ERROR_APPLICATION_REFUSED;
        return ONESLOT_NEXT_WAIT;
    }
    enum oneslot_error error = trial ? count_trial(install) : ONESLOT_ERROR_NONE;
    if (error == ONESLOT_ERROR_FLASH_READ) {
        *reason = error; // the journal may be read at the next start
        return ONESLOT_NEXT_WAIT;
    }
    // A boot for which there is no room in the journal is not one of a trial: it would not come to an end.
    trial = trial && error == ONESLOT_ERROR_NONE;
    if (install->slot < ONESLOT_SLOTS) {
        (void)oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_TRIAL, &granted);
        (void)oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_CHOICES, &in_vain);
    }
    // Where the boot loader's choice gets lost again and again, or cannot be written, an end is put to writing it.
    error = ONESLOT_ERROR_OTADATA_WRITE;
    if (in_vain < ONESLOT_TRIES_MAX) {
        error = oneslot_otadata_write(install->flash, install->layout.otadata,
                                      trial ? ONESLOT_OTA_NEW : ONESLOT_OTA_UNDEFINED);
    }
    if (error != ONESLOT_ERROR_NONE) {
        (void)oneslot_journal_count(&install->journal, install->slot, ONESLOT_COUNTER_CHOICES);
        *reason = error;
        return ONESLOT_NEXT_WAIT;
    }
    if (!trial) {
        (void)oneslot_journal_count(&install->journal, install->slot,
                                    granted < ONESLOT_TRIAL_MAX ? ONESLOT_COUNTER_TRIAL : ONESLOT_COUNTER_CHOICES);
    }
    return ONESLOT_NEXT_RESET;
}

/// Whether what is in the application's place is whole, to us and to the boot loader.
static bool is_startable(struct start *start) {
    struct oneslot_install *install = start->install;
    uint32_t waits = 0;
    bool whole = false;
    // One reading does not decide that it is not.
    for (uint32_t look = 0; look < LOOKS && !whole; look++) {
        whole = is_whole(install);
    }
    if (!whole) {
        return false;
    }
    if (start->boots) {
        (void)oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_WAITS, &waits);
    }
    return waits < STARTS;
}

static enum oneslot_next end_attempt(struct start *start, enum oneslot_error *reason) {
    if (lacks_last_word(start->install)) {
        *reason = ONESLOT_ERROR_JOURNAL_WRITE;
        return ONESLOT_NEXT_WAIT;
    }
    return start_application(start, reason);
}

static enum oneslot_next serve(struct start *start, enum oneslot_error *reason) {
    struct oneslot_install *install = start->install;
    bool looked = needs_look(&install->record);
    bool whole = looked && is_startable(start);
    bool watch = (install->layout.flags & ONESLOT_LAYOUT_WATCH) != 0;
    *reason = ONESLOT_ERROR_NOTHING_TO_DO;
    if (oneslot_boot_decide(&install->record, start->used, watch, whole, true) != ONESLOT_BOOT_INSTALLER) {
        return start_application(start, reason);
    }
    install->application_broken = looked && !whole;
    bool read = install->slot < ONESLOT_SLOTS;
    install->commit = take_choice_back;
    *reason = oneslot_install_run(install);
    if (*reason == ONESLOT_ERROR_NONE || install->proven) {
        // What was installed has just been proven in flash, and the choice was taken back for it.
        start->boots = false;
        start->unwritten = *reason != ONESLOT_ERROR_NONE;
        return end_attempt(start, reason);
    }
    // A record that could not be read a second time does not mean that there is none.
    if (install->record.state == ONESLOT_STATE_INSTALLING || (read && install->slot >= ONESLOT_SLOTS)) {
        return ONESLOT_NEXT_WAIT;
    }
    if (whole || (!looked && is_startable(start))) {
        return end_attempt(start, reason);
    }
    if (*reason == ONESLOT_ERROR_NOTHING_TO_DO) {
        *reason = ONESLOT_ERROR_APPLICATION_BROKEN;
    }
    return ONESLOT_NEXT_WAIT;
}

enum oneslot_next oneslot_handover(struct oneslot_install *install, enum oneslot_error *reason) {
    struct start start = {.install = install};
    *reason = read_state(&start);
    enum oneslot_next next = *reason == ONESLOT_ERROR_NONE ? serve(&start, reason) : ONESLOT_NEXT_WAIT;
    install->wait = next == ONESLOT_NEXT_WAIT ? oneslot_install_wait(install) : 0;
    return next;
}
