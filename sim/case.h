/*
 * One case of a campaign under way: a device, what is done to it, and what was seen.
 */
#ifndef SIM_CASE_H
#define SIM_CASE_H

#include <stdio.h>

#include "sim/tally.h"
#include "sim/track.h"

/// Power-ups after which a device must be at rest, weak cells in its journal or not.
#define CASE_BOOTS_TO_REST 8u
/// Power-ups that every case is given: a device that runs once must run again.
#define CASE_BOOTS_LEAST 3u
/// Resets in a row that nobody's deed interrupts: enough for what is done at each of them to pass every bound.
#define CASE_RESETS 40u

struct sim_case {
    struct sim_device device;
    struct campaign_result *result;
    uint64_t random;
    FILE *trace; ///< is told what happens; may be NULL
};

/// Makes a case ready; all chance in it follows from seed and case.
void case_open(struct sim_case *run, uint64_t seed, const struct campaign_case *which, struct campaign_result *result,
               FILE *trace);
/// Puts what the device did into the result. A device must have been started from.
void case_close(struct sim_case *run);

void case_tell(const struct sim_case *run, const char *format, ...);

/// Notes a broken promise; the first one counts. Returns false.
bool case_broken(struct sim_case *run, enum campaign_verdict verdict, const char *format, ...);

/// The case goes on with a copy of that device.
void case_start(struct sim_case *run, const struct sim_device *device);

enum nor_tear case_random_tear(struct sim_case *run);
void case_note_cut(struct sim_case *run, enum nor_tear tear);

/// Starts from a recorded operation, at which the power is cut.
void case_cut_at(struct sim_case *run, const struct track_point *point, enum nor_tear tear);

/// Lets the device go on until a further cut. Returns false when it is done before any cut could strike.
bool case_cut_recovery(struct sim_case *run, uint32_t at);

/// Two to five cuts, the first at any operation of the track, each next one during the recovery.
void case_chain(struct sim_case *run, const struct track *track);

enum sim_stop case_power_on(struct sim_case *run);
/// CASE_RESETS resets in a row, whatever they lead to.
enum sim_stop case_resets(struct sim_case *run);

/* What chips do. */

/// The sector can no longer be erased or programmed, or has a bit that sticks.
void case_wear_out(struct sim_case *run, uint32_t sector);
/// Of a chip that says it has erased and has not, no engine can know better before it reads back.
void case_excuse_worn(struct sim_case *run, uint32_t sector);
/// Some reads in a row, among the next so many, fail or return wrong bits.
void case_disturb(struct sim_case *run, uint32_t reads);
/// The address of a byte of the journal; of its newest record.
uint32_t case_journal_byte(struct sim_case *run, bool newest);

/* What must hold. These return false, and have noted why, where it does not. */

bool case_check_started(struct sim_case *run, enum sim_stop stop);
/// Nothing was started that is neither old nor new; the flash was used by its rules; what is not ours is untouched;
/// writes were bounded.
bool case_check_rules(struct sim_case *run);
/// No sector was erased or programmed more often between two deeds than sim/device.h says.
bool case_check_bounded(struct sim_case *run);

/// Whether firmware and displaced sector are as they were provisioned and were never erased.
bool case_firmware_untouched(const struct sim_case *run);

#endif
