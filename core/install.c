#include "oneslot/install.h"

#include <stddef.h>
#include <string.h>

#include "install_steps.h"

/// How often a finished image whose digest is wrong is written all over again.
#define REWRITES 1

/// How one attempt is to be made.
struct attempt {
    const char *path; ///< zero-padded, ONESLOT_PATH_MAX bytes
    uint8_t flags;    ///< ONESLOT_REQUEST_*
    bool trust;       ///< sectors that read right need not be written
    bool fallback;    ///< the file is the request's fallback
};

static bool is_zero(const uint8_t *bytes, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        if (bytes[i] != 0) {
            return false;
        }
    }
    return true;
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

/// What a file must be.
struct demand {
    const uint8_t *file;  ///< SHA-256 of the file; NULL: any
    const uint8_t *image; ///< SHA-256 of the image in it, which was proven before a cut or ran here before; NULL: any
    bool known;           ///< with `image`: nobody need have signed it
};

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

static enum oneslot_error append(struct oneslot_install *install, enum oneslot_state state,
                                 enum oneslot_error outcome) {
    install->record.state = (uint8_t)state;
    install->record.outcome = (uint8_t)outcome;
    return oneslot_journal_append(&install->journal, &install->record, &install->slot);
}

/// Ends a request that was refused before anything was touched.
static enum oneslot_error refuse(struct oneslot_install *install, enum oneslot_error reason) {
    memcpy(install->record.attempted, install->image.sha256, sizeof install->record.attempted);
    if ((install->record.flags & ONESLOT_REQUEST_WATCH) != 0) {
        memcpy(install->record.watched, install->image.sha256, sizeof install->record.watched);
    }
    tell_outcome(install, reason);
    enum oneslot_error error = append(install, ONESLOT_STATE_FAILED, reason);
    return error != ONESLOT_ERROR_NONE ? error : reason;
}

/// The image is in flash and proven: says so in the journal.
static enum oneslot_error finish(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    bool fallback = (record->flags & ONESLOT_REQUEST_FALLBACK) != 0;
    memset(record->plan, 0, sizeof record->plan);
    if (record->trial_boots > 0) {
        memcpy(record->previous.image, record->installed, sizeof record->previous.image);
    }
    memcpy(record->installed, record->attempted, sizeof record->installed);
    record->installed_size = record->size;
    record->installed_kind = record->kind;
    record->detail = 0;
    if (record->trial_boots == 0) {
        oneslot_version_raise(record->floor, record->image_version); // else when it is confirmed
    }
    enum oneslot_error error = append(install, record->trial_boots > 0 ? ONESLOT_STATE_TRIAL : ONESLOT_STATE_DONE,
                                      fallback ? ONESLOT_ERROR_TRIAL_EXPIRED : ONESLOT_ERROR_NONE);
    tell_outcome(install, error);
    return error;
}

/// Notes in the journal why an installation that has begun cannot go on, once for each reason.
static enum oneslot_error stall(struct oneslot_install *install, enum oneslot_error reason) {
    tell_outcome(install, reason);
    if (install->record.outcome != (uint8_t)reason) {
        enum oneslot_error error = append(install, ONESLOT_STATE_INSTALLING, reason);
        return error != ONESLOT_ERROR_NONE ? error : reason;
    }
    return reason;
}

/// From an INSTALLING record that this very run has appended to the end. The source is open unless the plan is empty.
static enum oneslot_error carry_out(struct oneslot_install *install) {
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    for (int rewrite = 0;; rewrite++) {
        if (!oneslot_plan_empty(&install->record)) {
            error = oneslot_write_planned(install);
        }
        if (error == ONESLOT_ERROR_NONE) {
            error = oneslot_verify(install);
        }
        if (error != ONESLOT_ERROR_FLASH_VERIFY || rewrite >= REWRITES) {
            break;
        }
        // A sector that was believed to hold already does not: nothing is believed any more.
        error = oneslot_plan(install, false);
        if (error == ONESLOT_ERROR_NONE) {
            error = append(install, ONESLOT_STATE_INSTALLING, ONESLOT_ERROR_NONE);
        }
        if (error != ONESLOT_ERROR_NONE) {
            break;
        }
    }
    return error == ONESLOT_ERROR_NONE ? finish(install) : stall(install, error);
}

/// Puts what was proven into the record, plans, and commits to it: from here on the new image will be installed.
static enum oneslot_error begin(struct oneslot_install *install, const struct attempt *attempt) {
    struct oneslot_record *record = &install->record;
    record->flags = attempt->flags;
    if ((attempt->flags & (ONESLOT_REQUEST_FALLBACK | ONESLOT_REQUEST_RECOVERY)) != 0) {
        record->trial_boots = 0; // What is put back has nothing behind it to go back to.
    }
    memcpy(record->attempted, install->image.sha256, sizeof record->attempted);
    if ((attempt->flags & ONESLOT_REQUEST_WATCH) != 0) {
        memcpy(record->watched, install->image.sha256, sizeof record->watched);
    }
    record->kind = (uint8_t)install->image.kind;
    record->size = install->image.size;
    record->target = install->image.target;
    record->header = install->image.header;
    record->detail = 0;
    memset(record->image_version, 0, sizeof record->image_version);
    if (install->packaged) {
        oneslot_version_encode(record->image_version, &install->package.version);
    }
    struct oneslot_version said;
    struct oneslot_version floor;
    oneslot_version_decode(&said, record->image_version);
    oneslot_version_decode(&floor, record->floor);
    if (install->known && oneslot_version_compare(&said, &floor) > 0) {
        // What nobody has signed may say anything: the floor does not rise by it.
        memcpy(record->image_version, record->floor, sizeof record->image_version);
    }
    enum oneslot_error error = oneslot_plan(install, attempt->trust);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (install->commit != NULL) {
        error = install->commit(install);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    tell_proven(install, false);
    return append(install, ONESLOT_STATE_INSTALLING, ONESLOT_ERROR_NONE);
}

/// The package holds an installer. It is no help against a damaged application.
static enum oneslot_error replace_installer(struct oneslot_install *install, const struct attempt *attempt) {
    if ((attempt->flags & (ONESLOT_REQUEST_FALLBACK | ONESLOT_REQUEST_RECOVERY)) != 0) {
        return ONESLOT_ERROR_PACKAGE_INSTALLER;
    }
    memcpy(install->record.attempted, install->image.sha256, sizeof install->record.attempted);
    if ((attempt->flags & ONESLOT_REQUEST_WATCH) != 0) {
        memcpy(install->record.watched, install->image.sha256, sizeof install->record.watched);
    }
    tell_proven(install, false);
    enum oneslot_error error = install->self_update->replace(install);
    if (error == ONESLOT_ERROR_NONE) {
        error = append(install, ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE);
        tell_outcome(install, error);
    }
    return error;
}

/// One attempt at one file, from the proof on. `committed` tells whether anything may have been touched.
static enum oneslot_error try_file(struct oneslot_install *install, const struct attempt *attempt,
                                   const uint8_t *expected, bool *committed) {
    *committed = false;
    take_path(install, attempt->path);
    enum oneslot_error error =
        attempt->fallback ? prove_fallback(install) : prove(install, &(struct demand){.file = expected});
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    struct oneslot_record before = install->record;
    if (install->installer_inside) {
        error = replace_installer(install, attempt);
        oneslot_source_close(&install->source);
        return error;
    }
    memmove(install->record.path, install->path, ONESLOT_PATH_MAX);
    error = begin(install, attempt);
    if (error == ONESLOT_ERROR_NONE) {
        *committed = true;
        error = carry_out(install);
    } else {
        install->record = before;
    }
    oneslot_source_close(&install->source);
    return error;
}

static const uint8_t *expected_of(const struct oneslot_record *record) {
    return (record->flags & ONESLOT_REQUEST_SHA256) != 0 ? record->expected : NULL;
}

/// A request: done, or refused with its reason.
static enum oneslot_error serve_request(struct oneslot_install *install) {
    const struct attempt attempt = {install->record.path, install->record.flags, true, false};
    bool committed;
    enum oneslot_error error = try_file(install, &attempt, expected_of(&install->record), &committed);
    return committed || error == ONESLOT_ERROR_NONE ? error : refuse(install, error);
}

/// A trial that has run out, or whose firmware is damaged: puts the fallback back.
static enum oneslot_error serve_trial(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    take_path(install, record->path);
    if (record->fallback[0] == '\0') {
        return refuse(install, ONESLOT_ERROR_NO_FALLBACK);
    }
    char fallback[ONESLOT_PATH_MAX];
    memcpy(fallback, record->fallback, sizeof fallback);
    const struct attempt attempt = {fallback, ONESLOT_REQUEST_FALLBACK, true, true};
    bool committed;
    enum oneslot_error error = try_file(install, &attempt, NULL, &committed);
    return committed || error == ONESLOT_ERROR_NONE ? error : refuse(install, error);
}

/// The sources that may mend a device whose application is damaged, best first.
static uint32_t rescue_paths(const struct oneslot_install *install, const char *paths[3]) {
    uint32_t count = 0;
    const struct oneslot_record *record = &install->record;
    if (record->path[0] != '\0') {
        paths[count++] = record->path;
    }
    if (record->fallback[0] != '\0') {
        paths[count++] = record->fallback;
    }
    if (install->config.watch[0] != '\0') {
        paths[count++] = install->config.watch;
    }
    return count;
}

/// Tries every file that may mend the device, from rescue path `from` on; all sectors are written.
static enum oneslot_error rescue(struct oneslot_install *install, uint32_t from, bool *committed) {
    enum oneslot_error error = ONESLOT_ERROR_APPLICATION_BROKEN;
    *committed = false;
    const char *paths[3];
    uint32_t count = rescue_paths(install, paths);
    for (uint32_t i = from; i < count && !*committed; i++) {
        char path[ONESLOT_PATH_MAX];
        memcpy(path, paths[i], sizeof path);
        bool asked = paths[i] == install->record.path;
        bool fallback = paths[i] == install->record.fallback;
        const struct attempt attempt = {path, ONESLOT_REQUEST_RECOVERY, false, fallback};
        error = try_file(install, &attempt, asked ? expected_of(&install->record) : NULL, committed);
    }
    return error;
}

/// Nothing is asked for, but the application is damaged.
static enum oneslot_error serve_broken(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    bool committed;
    enum oneslot_error error = rescue(install, 0, &committed);
    if (committed || error == ONESLOT_ERROR_NONE) {
        return error;
    }
    take_path(install, record->path);
    tell_outcome(install, ONESLOT_ERROR_APPLICATION_BROKEN);
    if (record->outcome != ONESLOT_ERROR_APPLICATION_BROKEN) {
        error = append(install, ONESLOT_STATE_FAILED, ONESLOT_ERROR_APPLICATION_BROKEN);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    return ONESLOT_ERROR_APPLICATION_BROKEN;
}

/// After a cut: the plan's sectors are in doubt, so they are written whatever they read.
static enum oneslot_error resume(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    take_path(install, record->path);
    enum oneslot_error error = oneslot_plan_resume(install, install->slot);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (oneslot_plan_empty(record)) {
        // All is written; only the proof was cut off, and that needs no file.
        error = append(install, ONESLOT_STATE_INSTALLING, (enum oneslot_error)record->outcome);
        if (error != ONESLOT_ERROR_NONE || oneslot_verify(install) == ONESLOT_ERROR_NONE) {
            return error != ONESLOT_ERROR_NONE ? error : finish(install);
        }
        memset(record->plan, 0xff, sizeof record->plan);
    }
    uint8_t proven[sizeof record->attempted];
    memcpy(proven, record->attempted, sizeof proven);
    // What is put back need not be signed, and was judged before anything was touched.
    bool back = (record->flags & (ONESLOT_REQUEST_FALLBACK | ONESLOT_REQUEST_RECOVERY)) != 0;
    error = prove(install, &(struct demand){.image = proven, .known = back});
    if (error == ONESLOT_ERROR_NONE) {
        tell_proven(install, true);
        error = append(install, ONESLOT_STATE_INSTALLING, (enum oneslot_error)record->outcome);
        if (error == ONESLOT_ERROR_NONE) {
            error = carry_out(install);
        }
        oneslot_source_close(&install->source);
        return error;
    }
    // Without its file it may have been finished all the same: a record that said so was lost. Flash tells by its
    // digest.
    if (oneslot_verify(install) == ONESLOT_ERROR_NONE) {
        return finish(install);
    }
    // The file that was proven is gone or changed: another whole image is better than none.
    enum oneslot_error reason = error == ONESLOT_ERROR_IMAGE_SHA256 ? ONESLOT_ERROR_FILE_CHANGED : error;
    bool committed;
    error = rescue(install, 0, &committed);
    if (committed || error == ONESLOT_ERROR_NONE) {
        return error;
    }
    take_path(install, record->path);
    return stall(install, reason);
}

/// A watch path is set: installs a file there that was not looked at before.
static enum oneslot_error serve_watch(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    take_path(install, install->config.watch);
    enum oneslot_error error = prove(install, &(struct demand){0});
    if (error == ONESLOT_ERROR_FILE_MISSING || error == ONESLOT_ERROR_FS_MISSING || error == ONESLOT_ERROR_FILE_EMPTY) {
        return ONESLOT_ERROR_NOTHING_TO_DO;
    }
    const uint8_t *digest = install->image.sha256;
    bool known = !is_zero(digest, sizeof install->image.sha256);
    bool seen = known && (memcmp(digest, record->watched, sizeof record->watched) == 0 ||
                          memcmp(digest, record->installed, sizeof record->installed) == 0);
    bool same_refusal = !known && record->state == ONESLOT_STATE_FAILED && record->outcome == (uint8_t)error &&
                        (record->flags & ONESLOT_REQUEST_WATCH) != 0;
    if (error == ONESLOT_ERROR_NONE) {
        oneslot_source_close(&install->source);
    }
    if (seen || same_refusal) {
        return ONESLOT_ERROR_NOTHING_TO_DO;
    }
    memcpy(record->path, install->config.watch, sizeof record->path);
    memset(record->fallback, 0, sizeof record->fallback);
    record->flags = ONESLOT_REQUEST_WATCH;
    record->trial_boots = 0;
    return error != ONESLOT_ERROR_NONE ? refuse(install, error) : serve_request(install);
}

/// Reads layout, journal and configuration.
static enum oneslot_error open_device(struct oneslot_install *install) {
    enum oneslot_error error = install->chip->read_layout(install->flash, &install->layout, install->buffer);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    if (oneslot_config_read(install->flash, &install->layout, &install->config) != ONESLOT_ERROR_NONE) {
        memset(&install->config, 0, sizeof install->config); // No watch; a request still works.
    }
    install->trust_error = oneslot_trust_read(install->flash, &install->layout, &install->trust);
    install->journal.flash = install->flash;
    install->journal.address = install->layout.journal;
    error = oneslot_journal_load(&install->journal, &install->record, &install->slot);
    return error == ONESLOT_ERROR_JOURNAL_EMPTY ? ONESLOT_ERROR_NONE : error;
}

/// Without a flash map no file is found: a request is refused, an installation waits.
static enum oneslot_error serve_without_map(struct oneslot_install *install, enum oneslot_error reason) {
    take_path(install, install->record.path);
    switch (install->record.state) {
    case ONESLOT_STATE_REQUESTED:
        return refuse(install, reason);
    case ONESLOT_STATE_INSTALLING:
        return stall(install, reason);
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
    bool over = install->application_broken || used >= install->record.trial_boots;
    return over ? serve_trial(install) : ONESLOT_ERROR_NOTHING_TO_DO;
}

enum oneslot_error oneslot_install_run(struct oneslot_install *install) {
    enum oneslot_error error = open_device(install);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    error = oneslot_map_read(&install->map, install->flash, install->layout.map, install->buffer);
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
        return serve_trial_if_over(install);
    default:
        if (install->application_broken) {
            return serve_broken(install);
        }
        return install->config.watch[0] != '\0' ? serve_watch(install) : ONESLOT_ERROR_NOTHING_TO_DO;
    }
}
