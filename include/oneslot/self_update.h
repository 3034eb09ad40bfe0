/*
 * Self-update: an installer is replaced by a package, without a moment in which no whole installer is in flash.
 *
 * The new one is written to another place than the one that runs: the layout's second place, or, where there is none,
 * the last 32 KiB of the firmware's region if the firmware leaves them free. Then the journal names the new one and
 * the one before. The loader enters the new one once; it says in the journal that it runs, or else the one before is
 * entered again. From a borrowed place it first copies itself home; the journal names it there until that is done.
 */
#ifndef ONESLOT_SELF_UPDATE_H
#define ONESLOT_SELF_UPDATE_H

#include "oneslot/install.h"

#ifdef __cplusplus
extern "C" {
#endif

/// For oneslot_install.self_update where the loader is ours. Errors of prove: those of a proof, and INSTALLER_INVALID;
/// of replace: NO_ROOM, a flash error, FLASH_VERIFY, a source error, IMAGE_OVERLAP (the source lies there);
/// of settle: JOURNAL_WRITE. A failure leaves the installer that runs as it is.
extern const struct oneslot_self_update oneslot_self_update_in_flash;

#ifdef __cplusplus
}
#endif

#endif
