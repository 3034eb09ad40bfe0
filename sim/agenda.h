/*
 * Agenda: all cases of a campaign in one order, numbered from 0, and their names.
 */
#ifndef SIM_AGENDA_H
#define SIM_AGENDA_H

#include "sim/campaign.h"
#include "sim/track.h"

struct campaign_case {
    enum campaign_kind kind;
    uint32_t number;
    enum nor_tear tear; ///< REQUEST and CUT alone
};

struct agenda {
    uint32_t *operation; ///< those that are cut
    uint32_t operations;
    uint64_t count[CAMPAIGN_KIND_COUNT];
    uint64_t cases;
};

/// Every kind of tear at each operation of a track, of the programs amid a sector at every `step`-th alone, and so of
/// all that lies from `spare_start` to `spare_end`; of the other kinds what agenda_add says. Frees with agenda_free.
void agenda_create(struct agenda *agenda, const struct track *track, uint32_t step, uint32_t spare_start,
                   uint32_t spare_end);
void agenda_add(struct agenda *agenda, enum campaign_kind kind, uint64_t count);
void agenda_free(struct agenda *agenda);

struct campaign_case agenda_case(const struct agenda *agenda, uint64_t number);

/// "SEED:KIND:NUMBER:TEAR".
void agenda_name(const struct campaign_case *which, uint64_t seed, char *name, size_t size);
/// Returns false when it names no case.
bool agenda_parse(const char *name, uint64_t *seed, struct campaign_case *which);

#endif
