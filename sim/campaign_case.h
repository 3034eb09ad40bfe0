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
    struct sim_device upgraded;  ///< after it
    uint32_t upgrade_reads;      ///< reads that it took
    bool started;                ///< the new firmware was started behind it
    uint8_t sha256[32];          ///< of the file
    uint8_t image_sha256[32];    ///< of the image: the file itself, or what its package holds
    uint32_t image_size;
    bool ask_sha256;
};

/// A case under way.
struct campaign_run {
    const struct campaign *campaign;
    struct sim_case at;
};

/// Follows one case to its end. `trace` (may be NULL) is told what happens.
void campaign_follow(const struct campaign *campaign, const struct campaign_case *which, struct campaign_result *result,
                     FILE *trace);

/* For the cases in campaign_faults.c. */

/// Flash address of the image's first sector. Of a user1 that is not the displaced one, which has Espressif's boot
/// loader: nobody has a copy of that, and what harms it is the end of a stock device too.
uint32_t campaign_first_sector(const struct campaign *campaign);

/// Whether the journal says that the new image is installed.
bool campaign_says_done(struct campaign_run *run);
/// Boots until the device is at rest and checks every promise. `old_too`: the old firmware may be what runs.
void campaign_check_end(struct campaign_run *run, bool old_too);

void campaign_follow_file(struct campaign_run *run, const struct campaign_case *which);
void campaign_follow_worn(struct campaign_run *run, const struct campaign_case *which);
void campaign_follow_disturb(struct campaign_run *run, const struct campaign_case *which);
void campaign_follow_rot(struct campaign_run *run, const struct campaign_case *which);
void campaign_follow_unstarted(struct campaign_run *run, const struct campaign_case *which);

#endif
