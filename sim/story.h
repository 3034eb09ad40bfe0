/*
 * Story: the life of a device as its application tells it, cut and hurt in every way the simulator knows.
 *
 * The application asks for something as long as nothing was asked for yet; on trial it confirms itself or crashes. A
 * story is lived once without a cut, from the first request to the last word in the journal; then the power is cut at
 * every operation of it, the application's, the loader's and the installer's, and the device goes on by itself.
 */
#ifndef SIM_STORY_H
#define SIM_STORY_H

#include "sim/campaign.h"

/// X(NAME, "name", "what happens")
#define STORIES(X)                                                                                                     \
    X(UPGRADE, "upgrade", "a signed and compressed upgrade")                                                           \
    X(CONFIRM, "confirm", "a trial that is confirmed")                                                                 \
    X(FALLBACK, "fallback", "a trial that is not: what ran before is put back")                                        \
    X(LIFE, "life", "a confirmed trial, then an older version that is signed as well")                                 \
    X(DOWNGRADE, "downgrade", "a version below the floor, signed")                                                     \
    X(FORGED, "forged", "a package signed with a key that is not trusted")                                             \
    X(INSTALLER, "installer", "the installer is replaced by a package")                                                \
    X(DEAD, "dead-installer", "it is replaced by one that does not run")

enum story {
#define STORY_VALUE(name, text, sentence) STORY_##name,
    STORIES(STORY_VALUE)
#undef STORY_VALUE
        STORY_COUNT
};

/// How a case ended that kept all promises.
#define STORY_ENDS(X)                                                                                                  \
    X(NONE, "none")         /* it did not */                                                                           \
    X(TOLD, "told")         /* as without a cut */                                                                     \
    X(EXPIRED, "expired")   /* cuts used up the boots of a trial that would have been confirmed */                     \
    X(GIVEN_UP, "given-up") /* a cut in the new installer's first run: the old one is back */                          \
    X(REFUSED, "refused")   /* the file was exchanged before anything was touched */                                   \
    X(MENDED, "mended")     /* the file was exchanged amid the installation: the fallback was put back */              \
    X(UNSEEN, "unseen")     /* ESP-IDF's boot loader was cut in its own writing and has forgotten the trial */

enum story_end {
#define STORY_END_VALUE(name, text) STORY_END_##name,
    STORY_ENDS(STORY_END_VALUE)
#undef STORY_END_VALUE
        STORY_END_COUNT
};

struct story_bytes {
    const uint8_t *bytes; ///< NULL: there is none
    uint32_t size;
};

struct story_settings {
    /// The flash as it is provisioned, with the old firmware and a key. The packages are added to its files.
    struct sim_provision provision;
    struct sim_firmware new_firmware; ///< as it would lie in flash from its region's start on
    struct oneslot_version old_version;
    struct oneslot_version new_version;
    struct story_bytes new_package;   ///< the new firmware, signed
    struct story_bytes saved_package; ///< the old firmware; nobody need have signed it
    struct story_bytes old_package;   ///< the old firmware, signed
    struct story_bytes forged;        ///< the new version, not signed by the device's key, holding any firmware
    struct story_bytes new_installer_package;
    struct sim_firmware new_installer; ///< what it holds; the old one is provision.installer
    uint64_t seed;
    uint32_t chains;
    uint32_t changes;      ///< the file is exchanged for the forged one after a cut
    uint32_t step;         ///< n: of the operations in the firmware's region every n-th alone is cut
    uint32_t jobs;         ///< processes, 1 to CAMPAIGN_JOBS_MAX
    uint32_t failures_max; ///< stops after so many broken promises; 0: never
    jobs_progress *progress;
    void *progress_context;
};

/// Boots that the new firmware has to confirm itself.
#define STORY_TRIAL_BOOTS 3u

struct story_report {
    struct campaign_report campaign; ///< `operations` and `upgrade` are those of the whole life without a cut
    uint64_t ends[STORY_END_COUNT];
    uint32_t wear; ///< most erases of one sector without a cut
};

/// Whether the settings hold what the story needs.
bool story_possible(enum story story, const struct story_settings *settings);

/// Lives it, as campaign_run does. Returns false when it does not even go well without a cut; `message` (160 bytes)
/// says why.
bool story_run(enum story story, const struct story_settings *settings, struct story_report *report, char *message);

/// One case by its name, "SEED:KIND:NUMBER:TEAR", telling what happens on `out`. Returns false when there is none.
bool story_replay(enum story story, const struct story_settings *settings, const char *name, FILE *out,
                  enum campaign_verdict *verdict, char *message);

const char *story_name(enum story story);
/// STORY_COUNT for an unknown name.
enum story story_from_name(const char *name, size_t length);
const char *story_text(enum story story);
const char *story_end_name(enum story_end end);

#endif
