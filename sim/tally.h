/*
 * Tally: what the cases of a campaign add up to.
 */
#ifndef SIM_TALLY_H
#define SIM_TALLY_H

#include "sim/agenda.h"

/// How one case went.
struct campaign_result {
    enum campaign_verdict verdict;
    char text[160];
    uint32_t cuts;
    enum nor_tear tear[CAMPAIGN_CHAIN_MAX];
    bool fault_hit;
    uint32_t boots;
    uint32_t installs;
    struct nor_statistics flash;
    uint32_t wear;
};

void tally_result(struct campaign_report *report, const struct campaign_case *which, uint64_t seed,
                  const struct campaign_result *result);
void tally_failure(struct campaign_report *report, const struct campaign_case *which, uint64_t seed,
                   enum campaign_verdict verdict, const char *text);
/// Adds what one process has added up to the whole.
void tally_report(struct campaign_report *to, const struct campaign_report *from);

#endif
