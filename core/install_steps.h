/*
 * The steps of an installation, for install.c alone: plan, write, verify.
 *
 * The plan has a bit for each group of 1 << plan_shift sectors of the image, counted from its first sector. It is
 * made once, before anything is erased; afterwards only the plan and the marks say what is to be written, never what
 * the flash seems to hold.
 */
#ifndef ONESLOT_INSTALL_STEPS_H
#define ONESLOT_INSTALL_STEPS_H

#include "oneslot/install.h"

/// Fills record.plan, plan_shift. `trust` false: every sector is to be written, whatever the flash reads.
/// Returns NONE or a source or flash error.
enum oneslot_error oneslot_plan(struct oneslot_install *install, bool trust);

/// Takes the blocks that the marks of `slot` name out of record.plan.
enum oneslot_error oneslot_plan_resume(struct oneslot_install *install, uint32_t slot);

/// Whether no sector is left to be written.
bool oneslot_plan_empty(const struct oneslot_record *record);

/// Writes what the plan names, the image's first sector last, each sector read back; marks each block in `slot`.
/// Returns NONE, FLASH_ERASE, FLASH_PROGRAM, FLASH_VERIFY (then record.detail is the address) or a source error.
enum oneslot_error oneslot_write_planned(struct oneslot_install *install);

/// Reads all of the image back from flash and compares its SHA-256 with record.attempted. Needs no file.
/// Returns NONE, FLASH_VERIFY or FLASH_READ.
enum oneslot_error oneslot_verify(struct oneslot_install *install);

/// Tells the port how far a phase is.
void oneslot_report(struct oneslot_install *install, enum oneslot_phase phase, uint32_t done, uint32_t total);

#endif
