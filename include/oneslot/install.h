/*
 * Install: proves an image file, writes it over the running firmware in place, proves what was written.
 */
#ifndef ONESLOT_INSTALL_H
#define ONESLOT_INSTALL_H

#include <stdalign.h>

#include "oneslot/chip.h"
#include "oneslot/image.h"
#include "oneslot/journal.h"
#include "oneslot/layout.h"
#include "oneslot/map.h"
#include "oneslot/package.h"
#include "oneslot/source.h"
#include "oneslot/trust.h"
#include "oneslot/unpack.h"
#include "oneslot/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/// What is being done, for people.
enum oneslot_phase {
    ONESLOT_PHASE_PROVE,  ///< reading the whole file
    ONESLOT_PHASE_PLAN,   ///< comparing it with what the flash holds
    ONESLOT_PHASE_WRITE,  ///< erasing and programming
    ONESLOT_PHASE_VERIFY, ///< reading back
};

/// What the engine tells its surroundings. Every function may be NULL.
struct oneslot_install_port {
    void *context;
    /// Called often, at least every 64 KiB of flash read and after every flash operation. Serves the watchdog.
    void (*progress)(void *context, enum oneslot_phase phase, uint32_t percent);
    /// The file was proven; writing is next. `resumed`: after a cut.
    void (*proven)(void *context, const char *path, const struct oneslot_image *image, bool resumed);
    /// An attempt ended. `detail` as in the journal.
    void (*outcome)(void *context, const char *path, enum oneslot_error outcome, uint32_t detail);
};

struct oneslot_install;

/// Checks the package in install->source and looks through it; see install_package.h.
typedef enum oneslot_error oneslot_take_package(struct oneslot_install *install, const uint8_t *expected, bool resumed);

/// How an installer replaces itself; see self_update.h.
struct oneslot_self_update {
    /// A new installer has been started, or the old one again: settles which of them stays.
    enum oneslot_error (*settle)(struct oneslot_install *install);
    /// Proves that the source, a package's content, is an installer for this chip.
    enum oneslot_error (*prove)(struct oneslot_install *install);
    /// Writes it beside the one that runs, and makes the loader enter it at the next reset.
    enum oneslot_error (*replace)(struct oneslot_install *install);
};

/// What a fallback is judged against before the trial begins: the device as the new firmware will have left it.
struct oneslot_as_if {
    uint8_t image[32]; ///< SHA-256 of the new image
    struct oneslot_version version;
    bool has_version;
};

/* Bounds. However the device fares, between two deeds of a person (a request, a file at the watch path, a confirmation)
 * and without a cut of the power: */

/// Attempts to install something that end by themselves: failed while writing, put back, mended.
#define ONESLOT_ATTEMPTS_MAX 11u
/// Erases of any one sector of the flash, those that fail included, whichever operations fail: docs/DESIGN.md counts
/// them. With a sector that is bad for good the campaign allows SIM_ERASES_BETWEEN_DEEDS (sim/device.h).
#define ONESLOT_ERASES_MAX 4096u
/// Programs that erase nothing, in a record's page: boots of a trial, starts in vain, tries.
#define ONESLOT_COUNTS_MAX (ONESLOT_TRIAL_MAX + ONESLOT_TRIES_MAX + ONESLOT_WAITS_MAX)
/// Seconds before the next attempt; each that is in vain doubles them, up to 128 times as long.
#define ONESLOT_WAIT_SECONDS 5u

/// The installation's memory, about 53 KiB, owned by the caller (static on the device).
struct oneslot_install {
    /// Set by the caller.
    const struct oneslot_chip *chip;
    const struct oneslot_flash *flash;
    const struct oneslot_install_port *port;
    oneslot_take_package *take_package; ///< oneslot_install_package; NULL in an installer that takes no packages
    /// oneslot_self_update_in_flash; NULL in an installer that is not replaced by a package.
    const struct oneslot_self_update *self_update;
    /// Called when an image was proven and the next step commits to it. What it returns other than NONE is why the
    /// image is refused. NULL: nothing is to be done then.
    enum oneslot_error (*commit)(struct oneslot_install *install);
    uint32_t running;        ///< flash address that this installer was loaded from, for self_update
    bool application_broken; ///< the loader found the application's checksum wrong
    /// After a run: flash was compared with the digest of what is to run, so start it whatever the journal says. (It
    /// may take no record any more.)
    bool proven;
    /// After oneslot_handover: seconds to wait before the reset.
    uint32_t wait;
    /// Own.
    struct oneslot_layout layout;
    struct oneslot_config config;
    struct oneslot_trust_block trust;
    enum oneslot_error trust_error; ///< why nothing can be trusted; NONE
    struct oneslot_map map;
    struct oneslot_journal journal;
    struct oneslot_record record;
    uint32_t slot;
    struct oneslot_source source;
    struct oneslot_image image;
    struct oneslot_package package;    ///< what the source is looked through
    const struct oneslot_as_if *as_if; ///< the device that the image is judged against; NULL: as it is
    bool packaged;                     ///< the source is looked through `package`
    bool installer_inside;             ///< and what it shows is an installer
    bool known; ///< the image must be one that was allowed here before: nobody need have signed it
    struct oneslot_unpack unpack;
    alignas(4) uint8_t buffer[ONESLOT_SECTOR_SIZE];
    alignas(4) uint8_t compare[ONESLOT_PAGE_SIZE];
    char path[ONESLOT_PATH_MAX + 1];
};

/// Does what the journal, the watch path or a broken application ask for, once.
/// Returns NONE (something was installed), NOTHING_TO_DO, or how the attempt failed. Then record.state tells what is
/// left: with INSTALLING, and unless `proven`, the application is not whole, so wait (oneslot_install_wait) and call
/// again after a reset; with any other state start the application, as after NOTHING_TO_DO.
enum oneslot_error oneslot_install_run(struct oneslot_install *install);

/// Counts a start that came to nothing, in flash, so that the wait survives resets, and says how many seconds to wait
/// before the next one: ONESLOT_WAIT_SECONDS, doubled with each. After ONESLOT_WAITS_MAX nothing more is written.
uint32_t oneslot_install_wait(struct oneslot_install *install);

#ifdef __cplusplus
}
#endif

#endif
