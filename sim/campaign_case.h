/*
 * One case of a campaign, and what all cases start from. For campaign.c alone.
 */
#ifndef SIM_CAMPAIGN_CASE_H
#define SIM_CAMPAIGN_CASE_H

#include "sim/campaign.h"

/// The flash just before one operation.
struct campaign_point {
    struct nor_operation operation;
    struct sim_device device;
};

struct campaign_track {
    struct campaign_point *point;
    uint32_t points;
    uint32_t capacity;
};

struct campaign {
    const struct campaign_settings *settings;
    struct nor provisioned;
    struct sim_device device;      ///< before the request
    struct sim_device requested;   ///< after it
    struct campaign_track request; ///< the operations of the request
    struct campaign_track upgrade; ///< those of the upgrade
    uint8_t sha256[32];            ///< of the file
    uint8_t image_sha256[32];      ///< of the image: the file itself, or what its package holds
    uint32_t image_size;
    bool ask_sha256;
    uint32_t fs_start;
    uint32_t fs_size;
};

struct campaign_case {
    enum campaign_kind kind;
    uint32_t number;
    enum nor_tear tear; ///< REQUEST and CUT alone
};

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

/// Follows one case to its end. `trace` (may be NULL) is told what happens.
void campaign_follow(const struct campaign *campaign, const struct campaign_case *which, struct campaign_result *result,
                     FILE *trace);

#endif
