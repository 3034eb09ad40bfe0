#include "oneslot/install.h"

#include <stddef.h>
#include <string.h>

#include "install_steps.h"

/// How often a finished image whose digest is wrong is written all over again.
#define REWRITES 1
/// How often what was proven or found wanting is looked at before it decides anything.
#define LOOKS 2u
/// The same of a file at the watch path, which an older one may be.
#define WATCH_LOOKS 3u
/// The same of the configuration, which is small.
#define CONFIG_LOOKS 9u
/// Starts that a trial's way back is tried, or that an application which is whole is not started, before that is final.
#define STARTS 3u
/// Doublings of the wait where no record can be read.
#define UNKNOWN_WAIT 3u
/// Attempts to write one image that fail by themselves before another one is tried.
#define FAILURES_MAX 3u

/// What a file must be.
struct demand {
    const uint8_t *file;  ///< SHA-256 of the file; NULL: any
    const uint8_t *image; ///< SHA-256 of the image in it, which was proven before a cut or ran here before; NULL: any
    bool known;           ///< with `image`: nobody need have signed it
};

/// How one attempt is to be made.
struct attempt {
    const char *path;          ///< zero-padded, ONESLOT_PATH_MAX bytes
    uint8_t flags;             ///< ONESLOT_REQUEST_*
    bool trust;                ///< sectors that read right need not be written
    bool fallback;             ///< the file is the request's fallback
    const uint8_t *other_than; ///< SHA-256 of an image that is not wanted; NULL: none
    struct demand demand;
};

static bool is_zero(const uint8_t *bytes, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
}

static bool same_digest(const uint8_t a[32], const uint8_t b[32]) {
    return memcmp(a, b, 32) == 0;
}

/// install->path becomes `path` with a terminating zero.
static void take_path(struct oneslot_install *install, const char *path) {
    memcpy(install->path, path, ONESLOT_PATH_MAX);
    install->path[ONESLOT_PATH_MAX] = '\0';
}

static void tell_outcome(const struct oneslot_install *install, enum oneslot_error outcome) {
    if (install->port != NULL && install->port->outcome != NULL) {
        install->port->outcome(install->port->context, install->path, outcome, install->record.detail);
    }
}

static void tell_proven(const struct oneslot_install *install, bool resumed) {
    if (install->port != NULL && install->port->proven != NULL) {
        install->port->proven(install->port->context, install->path, &install->image, resumed);
    }
}

static void proof_progress(void *context, uint32_t done, uint32_t total) {
    oneslot_report(context, ONESLOT_PHASE_PROVE, done, total);
}

/// Whether Espressif's boot loader lies in the displaced sector: it names itself there ("2nd boot version : 1.7").
static enum oneslot_error has_vendor_boot(struct oneslot_install *install, bool *has) {
    static const char name[] = "2nd boot version";
    enum oneslot_error error =
        oneslot_flash_read(install->flash, install->layout.displaced, install->buffer, ONESLOT_SECTOR_SIZE);
    *has = false;
    for (uint32_t i = 0; error == ONESLOT_ERROR_NONE && i + sizeof name <= ONESLOT_SECTOR_SIZE; i++) {
        if (memcmp(install->buffer + i, name, sizeof name - 1u) == 0) {
            *has = true;
            break;
        }
    }
    return error;
}

/// Whose file it is goes before what it holds. With a package, the source shows its image from then on.
static enum oneslot_error look_inside(struct oneslot_install *install, const struct demand *demand) {
    uint8_t first[4] = {0};
    install->packaged = false;
    install->installer_inside = false;
    install->known = demand->known;
    if (install->trust_error != ONESLOT_ERROR_NONE) {
        return install->trust_error;
    }
    if (install->source.size >= sizeof first) {
        enum oneslot_error error = oneslot_source_read(&install->source, 0, first, sizeof first);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    install->packaged = oneslot_package_begins(first);
    if (!install->packaged) {
        return install->trust.count > 0 && !install->known ? ONESLOT_ERROR_PACKAGE_NEEDED : ONESLOT_ERROR_NONE;
    }
    if (install->take_package == NULL) {
        return ONESLOT_ERROR_PACKAGE_UNSUPPORTED;
    }
    return install->take_package(install, demand->file, demand->image != NULL);
}

/// The SHA-256 that the image must have; NULL: none is known.
static const uint8_t *image_expected(const struct oneslot_install *install, const struct demand *demand) {
    if (demand->image != NULL) {
        return demand->image;
    }
    if (!install->packaged) {
        return demand->file;
    }
    return oneslot_package_has(&install->package, ONESLOT_TLV_UNPACKED) ? install->package.unpacked_sha256 : NULL;
}

/// End of the firmware's region. An installer that could not be moved home again (self_update.c) lies at its end.
static uint32_t firmware_end(const struct oneslot_install *install) {
    uint32_t installer = install->record.installer;
    return installer != 0 && installer < install->layout.firmware ? installer : install->layout.firmware;
}

/// Reads all of the image, and looks whether it may be put on this device.
static enum oneslot_error prove_image(struct oneslot_install *install, const uint8_t *expected) {
    enum oneslot_error error =
        install->chip->prove(&install->image, &install->source, expected, install->buffer, proof_progress, install);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (install->packaged) {
        install->image.proofs |= ONESLOT_PROOF_SHA256; // its package's own, which covers every byte
    }
    install->image.target += install->layout.application;
    struct oneslot_image_limits limits = install->chip->limits;
    limits.firmware = firmware_end(install);
    limits.map = &install->map;
    limits.expected = expected;
    error = oneslot_image_allowed(&install->image, &limits, &install->source);
    if (error == ONESLOT_ERROR_NONE && install->image.kind == ONESLOT_IMAGE_USER1) {
        bool has;
        error = has_vendor_boot(install, &has);
        if (error == ONESLOT_ERROR_NONE && !has) {
            error = ONESLOT_ERROR_IMAGE_NEEDS_BOOT;
        }
    }
    return error;
}

/// Everything that must hold before the first erase. Leaves the source open on success alone.
static enum oneslot_error prove(struct oneslot_install *install, const struct demand *demand) {
    memset(&install->image, 0, sizeof install->image);
    enum oneslot_error error = oneslot_source_open(&install->source, install->flash, &install->map, install->path);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    error = look_inside(install, demand);
    if (error == ONESLOT_ERROR_NONE) {
        error = install->installer_inside ? install->self_update->prove(install)
                                          : prove_image(install, image_expected(install, demand));
    }
    if (error != ONESLOT_ERROR_NONE) {
        oneslot_source_close(&install->source);
    }
    return error;
}

/// SHA-256 of the image that a fallback may hold though nobody has signed it; false where none is known. It was proven
/// and allowed when it was installed or provisioned: before the trial, or as what runs and is to be mended.
static bool remembered(const struct oneslot_record *record, uint8_t image[32]) {
    memcpy(image, record->state == ONESLOT_STATE_TRIAL ? record->previous.image : record->installed, 32);
    return !is_zero(image, 32);
}

/// As prove, for the fallback: by the rules for every file, else by what the journal remembers.
static enum oneslot_error prove_fallback(struct oneslot_install *install) {
    uint8_t image[32];
    enum oneslot_error error = prove(install, &(struct demand){0});
    if (error != ONESLOT_ERROR_NONE && remembered(&install->record, image) &&
        prove(install, &(struct demand){.image = image, .known = true}) == ONESLOT_ERROR_NONE) {
        error = ONESLOT_ERROR_NONE;
    }
    return error;
}

enum oneslot_error oneslot_install_append(struct oneslot_install *install, bool move) {
    uint32_t tries = 0;
    if (install->slot < ONESLOT_SLOTS) {
        (void)oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_TRIES, &tries);
    }
    if (tries >= ONESLOT_TRIES_MAX) {
        return ONESLOT_ERROR_JOURNAL_WRITE;
    }
    enum oneslot_error error = oneslot_journal_write(&install->journal, &install->record, &install->slot, move);
    if (error != ONESLOT_ERROR_NONE) {
        // Counted when it has failed, not before: a chain of cuts must not use them up.
        (void)oneslot_journal_count(&install->journal, install->slot, ONESLOT_COUNTER_TRIES);
    }
    return error;
}

static enum oneslot_error append(struct oneslot_install *install, enum oneslot_state state,
                                 enum oneslot_error outcome) {
    install->record.state = (uint8_t)state;
    install->record.outcome = (uint8_t)outcome;
    return oneslot_install_append(install, false);
}

/// One more attempt that came to nothing by itself, or mended something.
static void count_attempt(struct oneslot_record *record) {
    record->attempts += record->attempts < UINT8_MAX;
}

/// Ends what a person asked for: nothing was touched, or there is no way back.
static enum oneslot_error refuse(struct oneslot_install *install, enum oneslot_error reason) {
    tell_outcome(install, reason);
    enum oneslot_error error = append(install, ONESLOT_STATE_FAILED, reason);
    return error != ONESLOT_ERROR_NONE ? error : reason;
}

/* What flash holds */

/// Whether flash holds what is being installed.
static bool holds_attempted(struct oneslot_install *install) {
    const struct oneslot_record *record = &install->record;
    return oneslot_verify(install, &(struct oneslot_held){record->attempted, record->size, record->target,
                                                          record->header}) == ONESLOT_ERROR_NONE;
}

/// Whether flash holds what the journal says runs; `known`: it says so. Looked at more than once: a reading that is
/// disturbed must not have a healthy application replaced.
static bool holds_installed(struct oneslot_install *install, bool *known) {
    const struct oneslot_record *record = &install->record;
    uint32_t target =
        install->layout.application + (record->installed_kind == ONESLOT_IMAGE_USER1 ? ONESLOT_SECTOR_SIZE : 0);
    const struct oneslot_held held = {record->installed, record->installed_size, target, record->installed_header};
    *known = record->installed_size != 0 && record->installed_size <= install->layout.firmware - target &&
             !is_zero(record->installed, sizeof record->installed);
    bool holds = false;
    for (uint32_t look = 0; *known && !holds && look < LOOKS; look++) {
        holds = oneslot_verify(install, &held) == ONESLOT_ERROR_NONE;
    }
    return holds;
}

/// What an application is that the loader finds fault with.
enum condition {
    CONDITION_WHOLE,   ///< it is what the journal says: the reading was disturbed
    CONDITION_DAMAGED, ///< it is not
    CONDITION_REFUSED, ///< it is, and was not started several times
};

static enum condition look_at_application(struct oneslot_install *install) {
    bool known;
    if (!install->application_broken) {
        return CONDITION_WHOLE;
    }
    if (!holds_installed(install, &known)) {
        return CONDITION_DAMAGED;
    }
    uint32_t waits;
    (void)oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_WAITS, &waits);
    return waits < STARTS ? CONDITION_WHOLE : CONDITION_REFUSED;
}

/* The watch */

static bool is_missing(enum oneslot_error error) {
    return error == ONESLOT_ERROR_FILE_MISSING || error == ONESLOT_ERROR_FS_MISSING ||
           error == ONESLOT_ERROR_FILE_EMPTY;
}

/// What lies at the watch path: install->image.sha256 where it can be told, and whether it is whole. What has no digest
/// is read again.
static enum oneslot_error look_at_watch(struct oneslot_install *install) {
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    for (uint32_t look = 0; look < WATCH_LOOKS; look++) {
        take_path(install, install->config.watch);
        error = prove(install, &(struct demand){0});
        if (error == ONESLOT_ERROR_NONE) {
            oneslot_source_close(&install->source);
        }
        if (is_missing(error) || !is_zero(install->image.sha256, sizeof install->image.sha256)) {
            break;
        }
    }
    return error;
}

/// Whether the journal still says what it said when this start began: one reading decides nothing.
static bool is_newest(struct oneslot_install *install) {
    struct oneslot_record *again = (struct oneslot_record *)(void *)install->buffer;
    uint32_t slot = ONESLOT_SLOTS;
    bool firm;
    enum oneslot_error error = oneslot_journal_look(&install->journal, again, &slot, &firm);
    return slot == install->slot && (error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_JOURNAL_EMPTY);
}

/* The end of an installation */

/// What lies at the watch path when something else was installed is older than that: it is not installed by itself.
static void pass_by_watch(struct oneslot_install *install) {
    if (install->config.watch[0] == '\0' || (install->record.flags & ONESLOT_REQUEST_WATCH) != 0) {
        return;
    }
    oneslot_source_close(&install->source);
    // Two readings that are the same.
    uint8_t digest[sizeof install->image.sha256];
    for (uint32_t look = 0; look <= WATCH_LOOKS; look++) {
        memcpy(digest, install->image.sha256, sizeof digest);
        (void)look_at_watch(install);
        if (look > 0 && same_digest(digest, install->image.sha256)) {
            break;
        }
    }
    if (!is_zero(install->image.sha256, sizeof install->image.sha256)) {
        memcpy(install->record.watched, install->image.sha256, sizeof install->record.watched);
    }
    take_path(install, install->record.source);
}

/// The image is in flash and proven: says so in the journal. If that takes no record it is started all the same.
static enum oneslot_error finish(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    bool mended = (record->flags & ONESLOT_REQUEST_RECOVERY) != 0;
    bool fallback = (record->flags & ONESLOT_REQUEST_FALLBACK) != 0;
    enum oneslot_state state = ONESLOT_STATE_DONE;
    enum oneslot_error outcome = fallback ? ONESLOT_ERROR_TRIAL_EXPIRED : ONESLOT_ERROR_NONE;
    pass_by_watch(install);
    memset(record->plan, 0, sizeof record->plan);
    if (record->trial_boots > 0) {
        state = ONESLOT_STATE_TRIAL;
        memcpy(record->previous.image, record->installed, sizeof record->previous.image);
        memcpy(record->previous.version, record->installed_version, sizeof record->previous.version);
    } else {
        oneslot_version_raise(record->floor, record->image_version); // else when it is confirmed
    }
    memcpy(record->installed, record->attempted, sizeof record->installed);
    memcpy(record->installed_version, record->image_version, sizeof record->installed_version);
    record->installed_header = record->header;
    record->installed_size = record->size;
    record->installed_kind = record->kind;
    record->detail = 0;
    record->failures = 0;
    if (mended) {
        // What the last deed of a person came to stays.
        state = (enum oneslot_state)record->deed_state;
        outcome = (enum oneslot_error)record->deed_outcome;
        record->detail = record->deed_detail;
        record->own_outcome = ONESLOT_ERROR_NONE;
    }
    if (mended || fallback) {
        count_attempt(record);
    }
    enum oneslot_error error = append(install, state, outcome);
    install->proven = true;
    tell_outcome(install, error);
    return error;
}

/// No file can finish an installation. Without one it may have been finished all the same, and the record that said so
/// was lost; or nothing was touched yet. Flash tells by its digest. Returns whether there is something to start.
static bool is_whole_all_the_same(struct oneslot_install *install, enum oneslot_error *reason) {
    bool known;
    if (holds_attempted(install)) {
        *reason = finish(install);
        return true;
    }
    if (holds_installed(install, &known)) {
        *reason = refuse(install, *reason);
        install->proven = true;
        return true;
    }
    return false;
}

/// Notes in the journal why an installation that has begun cannot go on: each attempt that has written (their number
/// is bounded), and the first reason that costs no writing.
static enum oneslot_error stall(struct oneslot_install *install, enum oneslot_error reason, bool wrote) {
    struct oneslot_record *record = &install->record;
    tell_outcome(install, reason);
    if (wrote || record->outcome == ONESLOT_ERROR_NONE) {
        // What is written and read back is not written again: the marks lie in the page of the record before.
        (void)oneslot_plan_resume(install, install->slot);
        if (wrote) {
            record->failures++;
            count_attempt(record);
        }
        (void)append(install, ONESLOT_STATE_INSTALLING, reason);
    }
    return reason;
}

/// From an INSTALLING record that this very run has appended to the end. The source is open.
static enum oneslot_error carry_out(struct oneslot_install *install) {
    for (int rewrite = 0;; rewrite++) {
        enum oneslot_error error = oneslot_write_planned(install);
        if (error != ONESLOT_ERROR_NONE) {
            return stall(install, error, true); // a sector's failure is not the digest's
        }
        if (holds_attempted(install)) {
            return finish(install);
        }
        if (rewrite >= REWRITES) {
            return stall(install, ONESLOT_ERROR_FLASH_VERIFY, true);
        }
        // A sector that was believed to hold already does not: nothing is believed any more.
        (void)oneslot_plan(install, false);
        error = append(install, ONESLOT_STATE_INSTALLING, ONESLOT_ERROR_NONE);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
}

/* The begin */

/// The version of what was proven: the package's, or what the journal knows of an image that ran here. What nobody has
/// signed may say anything.
static void take_version(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    memset(record->image_version, 0, sizeof record->image_version);
    if (install->packaged && !install->known) {
        oneslot_version_encode(record->image_version, &install->package.version);
    } else if (same_digest(install->image.sha256, record->installed)) {
        memcpy(record->image_version, record->installed_version, sizeof record->image_version);
    } else if (record->state == ONESLOT_STATE_TRIAL && same_digest(install->image.sha256, record->previous.image)) {
        memcpy(record->image_version, record->previous.version, sizeof record->image_version);
    }
}

/// Puts what was proven into the record, plans, and commits to it: from here on the new image will be installed.
static enum oneslot_error begin(struct oneslot_install *install, const struct attempt *attempt) {
    struct oneslot_record *record = &install->record;
    take_version(install);
    if ((attempt->flags & ONESLOT_REQUEST_WATCH) != 0) {
        memcpy(record->path, attempt->path, sizeof record->path);
        memset(record->fallback, 0, sizeof record->fallback);
        memcpy(record->watched, install->image.sha256, sizeof record->watched);
        record->trial_boots = 0;
        record->own_outcome = ONESLOT_ERROR_NONE;
        record->attempts = 0;
    }
    if ((attempt->flags & ONESLOT_REQUEST_RECOVERY) != 0 && record->state != ONESLOT_STATE_INSTALLING) {
        record->deed_state = record->state;
        record->deed_outcome = record->outcome;
        record->deed_detail = record->detail;
    }
    if ((attempt->flags & ONESLOT_REQUEST_FALLBACK) != 0 && !same_digest(record->installed, install->image.sha256)) {
        memcpy(record->rejected, record->installed, sizeof record->rejected);
    } else if (same_digest(record->rejected, install->image.sha256)) {
        memset(record->rejected, 0, sizeof record->rejected); // a person asks for it again, or wants it back
    }
    // Another file with the image that was begun goes on with it as it was asked for.
    if (record->state != ONESLOT_STATE_INSTALLING || !same_digest(record->attempted, install->image.sha256)) {
        record->flags = attempt->flags;
    }
    if ((record->flags & (ONESLOT_REQUEST_FALLBACK | ONESLOT_REQUEST_RECOVERY)) != 0) {
        record->trial_boots = 0; // What is put back has nothing behind it to go back to.
    }
    memcpy(record->attempted, install->image.sha256, sizeof record->attempted);
    memmove(record->source, attempt->path, sizeof record->source);
    record->kind = (uint8_t)install->image.kind;
    record->size = install->image.size;
    record->target = install->image.target;
    record->header = install->image.header;
    record->detail = 0;
    record->failures = 0;
    enum oneslot_error error = oneslot_plan(install, attempt->trust);
    if (error == ONESLOT_ERROR_NONE && install->commit != NULL) {
        error = install->commit(install);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    tell_proven(install, false);
    return append(install, ONESLOT_STATE_INSTALLING, ONESLOT_ERROR_NONE);
}

/// The package holds an installer. It is no help against a damaged application.
static enum oneslot_error replace_installer(struct oneslot_install *install, const struct attempt *attempt) {
    struct oneslot_record *record = &install->record;
    if ((attempt->flags & (ONESLOT_REQUEST_FALLBACK | ONESLOT_REQUEST_RECOVERY)) != 0) {
        return ONESLOT_ERROR_PACKAGE_INSTALLER;
    }
    memcpy(record->attempted, install->image.sha256, sizeof record->attempted);
    if ((attempt->flags & ONESLOT_REQUEST_WATCH) != 0) {
        memcpy(record->path, attempt->path, sizeof record->path);
        memcpy(record->watched, install->image.sha256, sizeof record->watched);
        record->flags = attempt->flags;
        record->own_outcome = ONESLOT_ERROR_NONE;
    }
    tell_proven(install, false);
    enum oneslot_error error = install->self_update->replace(install);
    if (error == ONESLOT_ERROR_NONE) {
        error = append(install, ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE);
        tell_outcome(install, error);
    }
    return error;
}

/// Proves the file of an attempt, which it leaves open. What one reading refuses another one may take.
static enum oneslot_error prove_attempt(struct oneslot_install *install, const struct attempt *attempt) {
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    for (uint32_t look = 0; look < LOOKS; look++) {
        take_path(install, attempt->path);
        error = attempt->fallback ? prove_fallback(install) : prove(install, &attempt->demand);
        if (error == ONESLOT_ERROR_NONE) {
            break;
        }
    }
    if (error == ONESLOT_ERROR_NONE && attempt->other_than != NULL &&
        same_digest(attempt->other_than, install->image.sha256)) {
        oneslot_source_close(&install->source);
        error = ONESLOT_ERROR_NOTHING_TO_DO;
    }
    return error;
}

/// One attempt at one file, from the proof on. `committed` tells whether anything may have been touched.
static enum oneslot_error try_file(struct oneslot_install *install, const struct attempt *attempt, bool *committed) {
    *committed = false;
    enum oneslot_error error = prove_attempt(install, attempt);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    // Nothing begins that cannot be ended: the journal goes to its other sector, which now is known to take records and
    // has room for what follows.
    if (install->record.state == ONESLOT_STATE_TRIAL) {
        install->record.trial_boots = 0; // It is over; the boots that it had are counted in the page that is left.
    }
    error = oneslot_install_append(install, true);
    struct oneslot_record before = install->record;
    if (error == ONESLOT_ERROR_NONE && install->installer_inside) {
        error = replace_installer(install, attempt);
    } else if (error == ONESLOT_ERROR_NONE) {
        error = begin(install, attempt);
        *committed = error == ONESLOT_ERROR_NONE;
        error = *committed ? carry_out(install) : error;
    }
    if (error != ONESLOT_ERROR_NONE && !*committed) {
        uint32_t detail = install->record.detail;
        install->record = before;
        install->record.detail = detail;
        count_attempt(&install->record);
        if ((attempt->flags & (ONESLOT_REQUEST_FALLBACK | ONESLOT_REQUEST_RECOVERY)) != 0) {
            (void)oneslot_install_append(install, false); // others write down how they ended
        }
    }
    oneslot_source_close(&install->source);
    return error;
}

/* The way back */

/// Whether the fallback could be put back when what the attempt's file holds runs; else why not.
static enum oneslot_error prove_way_back(struct oneslot_install *install, const struct attempt *attempt) {
    struct oneslot_record *record = &install->record;
    enum oneslot_error error = prove_attempt(install, attempt);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    const struct oneslot_image new = install->image;
    struct oneslot_as_if as_if = {.version = install->package.version, .has_version = install->packaged};
    memcpy(as_if.image, new.sha256, sizeof as_if.image);
    oneslot_source_close(&install->source);
    if (install->installer_inside) {
        return ONESLOT_ERROR_NONE;
    }
    const struct attempt back = {.path = record->fallback, .fallback = true};
    install->as_if = &as_if;
    error = prove_attempt(install, &back);
    install->as_if = NULL;
    if (error == ONESLOT_ERROR_NONE) {
        const struct oneslot_partition *region = &install->source.region;
        if (install->installer_inside) {
            error = ONESLOT_ERROR_PACKAGE_INSTALLER;
        } else if (install->image.kind == ONESLOT_IMAGE_USER1 && new.kind != ONESLOT_IMAGE_USER1) {
            error = ONESLOT_ERROR_BOOT_REPLACED;
        } else if (region->address < new.target + new.size &&new.target < region->address + region->size) {
            error = ONESLOT_ERROR_IMAGE_OVERLAP;
        }
        oneslot_source_close(&install->source);
    }
    record->detail = error;
    return error == ONESLOT_ERROR_NONE ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_WAY_BACK;
}

/* What is asked for */

static const uint8_t *expected_of(const struct oneslot_record *record) {
    return (record->flags & ONESLOT_REQUEST_SHA256) != 0 ? record->expected : NULL;
}

/// A request: done, or refused with its reason.
static enum oneslot_error serve_request(struct oneslot_install *install) {
    const struct oneslot_record *record = &install->record;
    const struct attempt attempt = {
        .path = record->path, .flags = record->flags, .trust = true, .demand.file = expected_of(record)};
    bool committed = false;
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    if (record->trial_boots > 0 && record->fallback[0] != '\0') {
        error = prove_way_back(install, &attempt);
    }
    if (error == ONESLOT_ERROR_NONE) {
        error = try_file(install, &attempt, &committed);
    }
    if (committed || error == ONESLOT_ERROR_NONE) {
        return error;
    }
    take_path(install, record->path);
    if (error != ONESLOT_ERROR_WAY_BACK) {
        memcpy(install->record.attempted, install->image.sha256, sizeof install->record.attempted);
    }
    return refuse(install, error);
}

/// A trial that has run out, or whose firmware is damaged: puts the fallback back. It is tried at several starts before
/// that is given up; the firmware runs on meanwhile, which is what it would do in the end.
static enum oneslot_error serve_trial(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    bool committed = false;
    if (record->fallback[0] != '\0') {
        const struct attempt attempt = {
            .path = record->fallback, .flags = ONESLOT_REQUEST_FALLBACK, .trust = true, .fallback = true};
        uint32_t starts;
        error = try_file(install, &attempt, &committed);
        if (committed || error == ONESLOT_ERROR_NONE) {
            return error;
        }
        take_path(install, record->fallback);
        (void)oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_WAITS, &starts);
        if (starts + 1u < STARTS && record->attempts < ONESLOT_ATTEMPTS_MAX &&
            oneslot_journal_count(&install->journal, install->slot, ONESLOT_COUNTER_WAITS) == ONESLOT_ERROR_NONE) {
            tell_outcome(install, error);
            return error;
        }
    }
    record->detail = error;
    return refuse(install, ONESLOT_ERROR_NO_FALLBACK);
}

/// Tries every file that may mend the device: first for what ran, then for any that may be installed here. All sectors
/// are written. `not` is an image that is of no use: what failed its trial, was not started, or cannot be written.
/// Bounded by the attempts that were made since a person asked for something.
static enum oneslot_error rescue(struct oneslot_install *install, const uint8_t other_than[32], bool *committed) {
    const struct oneslot_record *record = &install->record;
    enum oneslot_error error = ONESLOT_ERROR_APPLICATION_BROKEN;
    *committed = false;
    for (uint32_t i = 0; i < 8u && record->attempts < ONESLOT_ATTEMPTS_MAX; i++) {
        const char *const paths[] = {record->source, record->path, record->fallback, install->config.watch};
        char path[ONESLOT_PATH_MAX];
        uint8_t installed[32];
        memcpy(path, paths[i % 4u], sizeof path);
        memcpy(installed, record->installed, sizeof installed);
        struct attempt attempt = {.path = path, .flags = ONESLOT_REQUEST_RECOVERY, .other_than = other_than};
        if (i < 4u) {
            attempt.demand.image = installed;
            attempt.demand.known = true;
        } else if (i % 4u == 1u) {
            attempt.demand.file = expected_of(record);
        }
        if (path[0] == '\0' || (i < 4u && is_zero(installed, sizeof installed))) {
            continue;
        }
        error = try_file(install, &attempt, committed);
        if (*committed || error == ONESLOT_ERROR_NONE) {
            break;
        }
    }
    return error;
}

/// Nothing is asked for, but the application is damaged, or not started though it is whole.
static enum oneslot_error serve_broken(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    enum condition condition = look_at_application(install);
    if (condition == CONDITION_WHOLE) {
        return ONESLOT_ERROR_NOTHING_TO_DO;
    }
    enum oneslot_error reason = ONESLOT_ERROR_APPLICATION_BROKEN;
    if (condition == CONDITION_REFUSED) {
        reason = ONESLOT_ERROR_APPLICATION_REFUSED;
        memcpy(record->rejected, record->installed, sizeof record->rejected);
    }
    uint8_t other_than[32];
    memcpy(other_than, record->rejected, sizeof other_than);
    bool committed;
    enum oneslot_error error = rescue(install, other_than, &committed);
    if (committed || error == ONESLOT_ERROR_NONE) {
        return error;
    }
    take_path(install, record->path);
    tell_outcome(install, reason);
    if (record->own_outcome != (uint8_t)reason) {
        record->own_outcome = (uint8_t)reason;
        (void)oneslot_install_append(install, false);
    }
    return reason;
}

/// After a cut, or a failure: the plan's sectors are in doubt, so they are written whatever they read.
static enum oneslot_error resume(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    take_path(install, record->source);
    enum oneslot_error error = oneslot_plan_resume(install, install->slot);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (oneslot_plan_empty(record)) {
        // All is written; only the proof was cut off, and that needs no file.
        if (holds_attempted(install)) {
            return finish(install);
        }
        memset(record->plan, 0xff, sizeof record->plan);
    }
    uint8_t proven[sizeof record->attempted];
    memcpy(proven, record->attempted, sizeof proven);
    // What is put back need not be signed, and was judged before anything was touched.
    bool back = (record->flags & (ONESLOT_REQUEST_FALLBACK | ONESLOT_REQUEST_RECOVERY)) != 0;
    char path[ONESLOT_PATH_MAX];
    memcpy(path, record->source, sizeof path);
    const struct attempt attempt = {.path = path, .demand = {.image = proven, .known = back}};
    bool again = record->failures < FAILURES_MAX && record->attempts < ONESLOT_ATTEMPTS_MAX;
    enum oneslot_error reason = (enum oneslot_error)record->outcome;
    if (again) {
        reason = prove_attempt(install, &attempt);
        if (reason == ONESLOT_ERROR_NONE) {
            tell_proven(install, true);
            error = append(install, ONESLOT_STATE_INSTALLING, (enum oneslot_error)record->outcome);
            if (error == ONESLOT_ERROR_NONE) {
                error = carry_out(install);
                oneslot_source_close(&install->source);
                return error;
            }
            oneslot_source_close(&install->source);
            reason = error;
        } else if (reason == ONESLOT_ERROR_IMAGE_SHA256) {
            reason = ONESLOT_ERROR_FILE_CHANGED;
        }
    }
    if (is_whole_all_the_same(install, &reason)) {
        return reason;
    }
    // The file that was proven is gone or changed, or flash does not take it: another whole image is better than none.
    if ((record->flags & ONESLOT_REQUEST_RECOVERY) == 0) {
        record->deed_state = ONESLOT_STATE_FAILED;
        record->deed_outcome = (uint8_t)reason;
        record->deed_detail = record->detail;
    }
    bool committed = false;
    if (reason != ONESLOT_ERROR_JOURNAL_WRITE && (again || !back)) {
        error = rescue(install, again ? record->rejected : proven, &committed);
        if (committed || error == ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    take_path(install, record->source);
    return stall(install, reason, false);
}

/// A file at the watch path that may not be installed: noted, with the last deed of a person left as it is.
static enum oneslot_error refuse_watch(struct oneslot_install *install, enum oneslot_error reason) {
    memcpy(install->record.watched, install->image.sha256, sizeof install->record.watched);
    install->record.own_outcome = (uint8_t)reason;
    tell_outcome(install, reason);
    enum oneslot_error error = oneslot_install_append(install, false);
    return error != ONESLOT_ERROR_NONE ? error : reason;
}

/// A watch path is set: installs a file there that was not looked at before.
static enum oneslot_error serve_watch(struct oneslot_install *install) {
    const struct oneslot_record *record = &install->record;
    uint8_t digest[sizeof install->image.sha256];
    enum oneslot_error error = look_at_watch(install);
    memcpy(digest, install->image.sha256, sizeof digest);
    bool known = !is_zero(digest, sizeof digest);
    // What was refused before it has a digest is told by its reason, and not for ever.
    bool seen = known ? same_digest(digest, record->watched) || same_digest(digest, record->installed) ||
                            same_digest(digest, record->rejected)
                      : record->own_outcome == (uint8_t)error || record->attempts >= ONESLOT_ATTEMPTS_MAX;
    // Neither the file nor the journal is believed at one reading. What they differ in the next start sees.
    if (is_missing(error) || seen || look_at_watch(install) != error || !same_digest(digest, install->image.sha256) ||
        !is_newest(install)) {
        return ONESLOT_ERROR_NOTHING_TO_DO;
    }
    if (error == ONESLOT_ERROR_NONE) {
        const struct attempt attempt = {
            .path = install->config.watch, .flags = ONESLOT_REQUEST_WATCH, .trust = true, .demand.image = digest};
        bool committed;
        error = try_file(install, &attempt, &committed);
        if (committed || error == ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    if (!known) {
        count_attempt(&install->record);
    }
    return refuse_watch(install, error);
}

/* A start */

/// Reads layout, journal and configuration. The record is made firm before anything acts on it; `settled` tells whether
/// that took a write.
static enum oneslot_error open_device(struct oneslot_install *install, bool *settled) {
    enum oneslot_error error = install->chip->read_layout(install->flash, &install->layout, install->buffer);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    uint32_t look = 0;
    while (oneslot_config_read(install->flash, &install->layout, &install->config) != ONESLOT_ERROR_NONE) {
        if (++look == CONFIG_LOOKS) {
            memset(&install->config, 0, sizeof install->config); // No watch; a request still works.
            break;
        }
    }
    install->trust_error = oneslot_trust_read(install->flash, &install->layout, &install->trust);
    install->journal.flash = install->flash;
    install->journal.address = install->layout.journal;
    install->slot = ONESLOT_SLOTS;
    bool firm;
    *settled = false;
    error = oneslot_journal_look(&install->journal, &install->record, &install->slot, &firm);
    if (error == ONESLOT_ERROR_NONE && !firm) {
        *settled = oneslot_journal_settle(&install->journal, &install->record, &install->slot) == ONESLOT_ERROR_NONE;
    }
    return error == ONESLOT_ERROR_JOURNAL_EMPTY ? ONESLOT_ERROR_NONE : error;
}

/// Without a flash map no file is found: a request is refused, an installation waits unless it is whole.
static enum oneslot_error serve_without_map(struct oneslot_install *install, enum oneslot_error reason) {
    take_path(install, install->record.path);
    switch (install->record.state) {
    case ONESLOT_STATE_REQUESTED:
        return refuse(install, reason);
    case ONESLOT_STATE_INSTALLING:
        memset(&install->config, 0, sizeof install->config);
        return is_whole_all_the_same(install, &reason) ? reason : stall(install, reason, false);
    default:
        return reason;
    }
}

static enum oneslot_error serve_trial_if_over(struct oneslot_install *install) {
    uint32_t used;
    enum oneslot_error error = oneslot_journal_trial_used(&install->journal, install->slot, &used);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    bool over = used >= install->record.trial_boots || look_at_application(install) != CONDITION_WHOLE;
    return over ? serve_trial(install) : ONESLOT_ERROR_NOTHING_TO_DO;
}

enum oneslot_error oneslot_install_run(struct oneslot_install *install) {
    bool settled;
    install->proven = false;
    enum oneslot_error error = open_device(install, &settled);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    for (uint32_t look = 0; look < LOOKS; look++) {
        error = oneslot_map_read(&install->map, install->flash, install->layout.map, install->buffer);
        if (error == ONESLOT_ERROR_NONE) {
            break;
        }
    }
    if (error != ONESLOT_ERROR_NONE) {
        return serve_without_map(install, error);
    }
    if (install->record.installer_before != 0 && install->self_update != NULL) {
        error = install->self_update->settle(install);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    switch (install->record.state) {
    case ONESLOT_STATE_REQUESTED:
        return serve_request(install);
    case ONESLOT_STATE_INSTALLING:
        return resume(install);
    case ONESLOT_STATE_TRIAL:
        error = serve_trial_if_over(install);
        break;
    default:
        error = install->application_broken        ? serve_broken(install)
                : install->config.watch[0] != '\0' ? serve_watch(install)
                                                   : ONESLOT_ERROR_NOTHING_TO_DO;
    }
    // The loader looks again at what was settled.
    return settled && error == ONESLOT_ERROR_NOTHING_TO_DO ? ONESLOT_ERROR_NONE : error;
}

uint32_t oneslot_install_wait(struct oneslot_install *install) {
    uint32_t waits = 0;
    if (install->journal.flash == NULL || install->slot >= ONESLOT_SLOTS) {
        return ONESLOT_WAIT_SECONDS << UNKNOWN_WAIT; // Nothing is known, and nothing written.
    }
    if (oneslot_journal_counted(&install->journal, install->slot, ONESLOT_COUNTER_WAITS, &waits) !=
            ONESLOT_ERROR_NONE ||
        oneslot_journal_count(&install->journal, install->slot, ONESLOT_COUNTER_WAITS) != ONESLOT_ERROR_NONE) {
        waits = ONESLOT_WAITS_MAX; // What cannot be counted must not become a race.
    }
    return ONESLOT_WAIT_SECONDS << waits;
}
