/*
 * One case of a campaign, and what all cases start from. For campaign.c alone.
 */
#ifndef SIM_CAMPAIGN_CASE_H
#define SIM_CAMPAIGN_CASE_H

#include "sim/case.h"

struct campaign {
    const struct campaign_settings *settings;
    struct nor provisioned;
    struct sim_device device;    ///< before the request
    struct sim_device requested; ///< after it
    struct track request;        ///< the operations of the request
    struct track upgrade;        ///< those of the upgrade
    uint8_t sha256[32];          ///< of the file
    uint8_t image_sha256[32];    ///< of the image: the file itself, or what its package holds
    uint32_t image_size;
    bool ask_sha256;
    uint32_t fs_start;
    uint32_t fs_size;
};

/// Follows one case to its end. `trace` (may be NULL) is told what happens.
void campaign_follow(const struct campaign *campaign, const struct campaign_case *which, struct campaign_result *result,
                     FILE *trace);

#endif
