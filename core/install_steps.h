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

/// What flash is to hold.
struct oneslot_held {
    const uint8_t *sha256; ///< of the image, as its file has it
    uint32_t size;
    uint32_t target; ///< flash address of its first byte
    uint32_t header; ///< its file's first four bytes: flash holds the device's own bytes 2 and 3
};

/// Reads all of an image back from flash and compares its SHA-256. Needs no file. Returns NONE, FLASH_VERIFY or
/// FLASH_READ.
enum oneslot_error oneslot_verify(struct oneslot_install *install, const struct oneslot_held *held);

/// Programs install->buffer to the sector at a flash address, with an erase before each of a bounded number of tries
/// (`erased`: it was erased just now), and reads it back; record.detail is the address if that fails. Returns NONE,
/// FLASH_ERASE, FLASH_PROGRAM, FLASH_READ or FLASH_VERIFY.
enum oneslot_error oneslot_write_sector(struct oneslot_install *install, uint32_t address, bool erased);

/// Appends install->record as it is; `move`: in the journal's other sector. What could not be written above the newest
/// record for ONESLOT_TRIES_MAX times is not tried again. Returns NONE or JOURNAL_WRITE.
enum oneslot_error oneslot_install_append(struct oneslot_install *install, bool move);

/// Tells the port how far a phase is.
void oneslot_report(struct oneslot_install *install, enum oneslot_phase phase, uint32_t done, uint32_t total);

#endif
