#include "oneslot/self_update.h"

#include <string.h>

#include "install_steps.h"

#define SECTORS (ONESLOT_INSTALLER_SIZE / ONESLOT_SECTOR_SIZE)

static void installer_progress(void *context, uint32_t done, uint32_t total) {
    oneslot_report(context, ONESLOT_PHASE_PROVE, done, total);
}

/* Proof */

static enum oneslot_error self_update_prove(struct oneslot_install *install) {
    struct oneslot_image_limits limits = install->chip->limits;
    enum oneslot_error error =
        install->chip->prove(&install->image, &install->source, NULL, install->buffer, installer_progress, install);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    install->image.proofs |= ONESLOT_PROOF_SHA256; // its package's own, which covers every byte
    limits.firmware = ONESLOT_INSTALLER_SIZE;
    if (install->image.target != 0 || install->image.entry != limits.installer_entry ||
        oneslot_image_allowed(&install->image, &limits, NULL) != ONESLOT_ERROR_NONE) {
        return ONESLOT_ERROR_INSTALLER_INVALID;
    }
    return ONESLOT_ERROR_NONE;
}

/* Places */

/// First byte behind the application, as far as it is known.
static uint32_t application_end(const struct oneslot_install *install) {
    const struct oneslot_record *record = &install->record;
    if (record->installed_size == 0 || record->installed_size > install->layout.firmware) {
        return install->layout.firmware;
    }
    uint32_t start = record->installed_kind == ONESLOT_IMAGE_USER1 ? ONESLOT_SECTOR_SIZE : 0;
    return start + record->installed_size;
}

/// A place for the new installer that the one which runs is not at, or 0.
static uint32_t other_place(const struct oneslot_install *install) {
    const struct oneslot_layout *layout = &install->layout;
    if (install->running != layout->installer) {
        return layout->installer;
    }
    if (layout->second != 0) {
        return layout->second;
    }
    uint32_t borrowed = layout->firmware - ONESLOT_INSTALLER_SIZE;
    return layout->firmware > ONESLOT_INSTALLER_SIZE && application_end(install) <= borrowed ? borrowed : 0;
}

static bool is_borrowed(const struct oneslot_install *install, uint32_t place) {
    return place != install->layout.installer && place != install->layout.second;
}

/* Writing */

/// One sector of the new installer, filled up with 0xff.
static enum oneslot_error read_new(struct oneslot_install *install, uint32_t offset) {
    uint32_t rest = offset < install->image.size ? install->image.size - offset : 0;
    uint32_t length = rest < ONESLOT_SECTOR_SIZE ? rest : ONESLOT_SECTOR_SIZE;
    memset(install->buffer + length, 0xff, ONESLOT_SECTOR_SIZE - length);
    return length == 0 ? ONESLOT_ERROR_NONE : oneslot_source_read(&install->source, offset, install->buffer, length);
}

static enum oneslot_error self_update_replace(struct oneslot_install *install) {
    const struct oneslot_partition *source = &install->source.region;
    uint32_t place = other_place(install);
    if (place == 0) {
        return ONESLOT_ERROR_NO_ROOM;
    }
    if (source->address < place + ONESLOT_INSTALLER_SIZE && place < source->address + source->size) {
        return ONESLOT_ERROR_IMAGE_OVERLAP;
    }
    for (uint32_t sector = 0; sector < SECTORS; sector++) {
        uint32_t offset = sector * ONESLOT_SECTOR_SIZE;
        enum oneslot_error error = read_new(install, offset);
        if (error == ONESLOT_ERROR_NONE) {
            error = oneslot_write_sector(install, place + offset, false);
        }
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        oneslot_report(install, ONESLOT_PHASE_WRITE, sector + 1u, SECTORS);
    }
    install->record.installer = place;
    install->record.installer_before = install->running;
    return ONESLOT_ERROR_NONE;
}

/* Settling */

static enum oneslot_error append(struct oneslot_install *install, uint32_t installer, uint32_t before) {
    install->record.installer = installer == install->layout.installer ? 0 : installer;
    install->record.installer_before = before;
    return oneslot_install_append(install, false);
}

/// Copies the installer from the place that it has borrowed. Every sector is written: a cut may have left any of them
/// half-way, however well it reads.
static enum oneslot_error move_home(struct oneslot_install *install) {
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    for (uint32_t sector = 0; sector < SECTORS && error == ONESLOT_ERROR_NONE; sector++) {
        uint32_t offset = sector * ONESLOT_SECTOR_SIZE;
        error = oneslot_flash_read(install->flash, install->running + offset, install->buffer, ONESLOT_SECTOR_SIZE);
        if (error == ONESLOT_ERROR_NONE) {
            error = oneslot_write_sector(install, install->layout.installer + offset, false);
        }
        oneslot_report(install, ONESLOT_PHASE_WRITE, sector + 1u, SECTORS);
    }
    return error;
}

/// The one before was entered again: the new one did not say that it runs.
static enum oneslot_error go_back(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    if (record->state == ONESLOT_STATE_DONE) {
        record->state = ONESLOT_STATE_FAILED;
        record->outcome = ONESLOT_ERROR_INSTALLER_REJECTED;
    }
    if (install->port != NULL && install->port->outcome != NULL) {
        install->port->outcome(install->port->context, "", ONESLOT_ERROR_INSTALLER_REJECTED, 0);
    }
    return append(install, install->running, 0);
}

static enum oneslot_error self_update_settle(struct oneslot_install *install) {
    const struct oneslot_record *record = &install->record;
    uint32_t running = install->running;
    uint32_t named = record->installer != 0 ? record->installer : install->layout.installer;
    if (running != named) {
        return go_back(install);
    }
    if (!is_borrowed(install, running)) {
        return append(install, running, 0);
    }
    uint32_t tries = 0;
    (void)oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_TRIES, &tries);
    if (tries > 0) {
        return ONESLOT_ERROR_JOURNAL_WRITE; // it is home already, or never: the journal does not take it down
    }
    if (record->installer_before != running) {
        // It runs. From here on it is entered at every reset until it is home.
        enum oneslot_error error = append(install, running, running);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    // Where home cannot be written any more it stays; firmware_end() in install.c keeps the place for it.
    return append(install, move_home(install) == ONESLOT_ERROR_NONE ? install->layout.installer : running, 0);
}

const struct oneslot_self_update oneslot_self_update_in_flash = {self_update_settle, self_update_prove,
                                                                 self_update_replace};
