/*
 * Campaign: one upgrade, cut and hurt in every way the simulator knows, each time followed to its end.
 *
 * The upgrade is run once and the flash is copied before every operation; a case starts from such a copy, so what
 * came before a cut is never run again. Each case has a name from which it can be replayed alone.
 */
#ifndef SIM_CAMPAIGN_H
#define SIM_CAMPAIGN_H

#include <stdio.h>

#include "sim/device.h"
#include "sim/jobs.h"
#include "sim/provision.h"

/// X(NAME, "name", "what is done to the device")
#define CAMPAIGN_KINDS(X)                                                                                              \
    X(REQUEST, "request", "a cut while the application writes its request")                                            \
    X(AGAIN, "again", "cuts while the application asks for other things, before it asks for the upgrade")              \
    X(REFUSE, "refuse", "the file is damaged before anything begins")                                                  \
    X(CUT, "cut", "a cut at one operation of the upgrade")                                                             \
    X(FAULT, "fault", "an operation or read fails, with or without saying so")                                         \
    X(CHANGED, "changed", "a cut, and the file is another one when power comes back")                                  \
    X(CHAIN, "chain", "two to five cuts, each next one during the recovery")                                           \
    X(FILE, "file", "a cut near the end, then the application deletes, renames or replaces the file")                  \
    X(WORN, "worn", "a sector that can no longer be erased or programmed, or has a bit that sticks")                   \
    X(DISTURB, "disturb", "reads fail or return wrong bits, at rest or during the upgrade")                            \
    X(ROT, "rot", "a bit of journal, otadata, first sector or map changes at rest")                                    \
    X(UNSTARTED, "unstarted", "the new firmware is proven, and the loader does not start it")

enum campaign_kind {
#define CAMPAIGN_KIND_VALUE(name, text, sentence) CAMPAIGN_##name,
    CAMPAIGN_KINDS(CAMPAIGN_KIND_VALUE)
#undef CAMPAIGN_KIND_VALUE
        CAMPAIGN_KIND_COUNT
};

/// How a case ended. Everything but KEPT is a broken promise.
#define CAMPAIGN_VERDICTS(X)                                                                                           \
    X(KEPT, "kept", "all promises kept")                                                                               \
    X(BRICK, "brick", "nothing runs any more")                                                                         \
    X(WRONG, "wrong", "neither the old nor the new firmware runs, or the old one for good")                            \
    X(LOST, "lost", "something outside of firmware, displaced sector, otadata and journal was changed")                \
    X(VIOLATION, "violation", "the flash was used against its rules")                                                  \
    X(JOURNAL, "journal", "the journal tells another outcome than the right one")                                      \
    X(FLOOR, "floor", "a version below the floor was let in, or the floor was up before the confirmation")             \
    X(WEAR, "wear", "a sector was erased far more often than needed")                                                  \
    X(ENDLESS, "endless", "the flash is written again and again though nobody does anything")                          \
    X(CRASH, "crash", "the engine crashed or never came back")

enum campaign_verdict {
#define CAMPAIGN_VERDICT_VALUE(name, text, sentence) CAMPAIGN_##name,
    CAMPAIGN_VERDICTS(CAMPAIGN_VERDICT_VALUE)
#undef CAMPAIGN_VERDICT_VALUE
        CAMPAIGN_VERDICT_COUNT
};

struct campaign_settings {
    /// The flash as it is provisioned; `firmware` is the old one. The new file is added to its files.
    struct sim_provision provision;
    struct sim_firmware new_firmware; ///< as it would lie in flash from address 0 on
    const uint8_t *file;              ///< what lies on the file system at CAMPAIGN_PATH
    uint32_t file_size;
    const uint8_t *image; ///< what is installed, when the file is a package; NULL: the file itself
    uint32_t image_size;
    bool no_rollback; ///< the boot loader knows no trials (ESP32 family)
    bool sha256;      ///< the request carries the file's SHA-256 (done anyway when it must)
    uint64_t seed;
    uint32_t chains;
    uint32_t faults;
    uint32_t changes;
    uint32_t repeats; ///< cases of AGAIN
    uint32_t refusals;
    uint32_t files; ///< cases of FILE
    uint32_t worn;  ///< and of the others
    uint32_t disturbs;
    uint32_t rots;
    uint32_t unstarted;
    uint32_t step;         ///< 1: cuts at every operation; n: at every n-th program amid a sector, and at all others
    uint32_t jobs;         ///< processes, 1 to CAMPAIGN_JOBS_MAX
    uint32_t failures_max; ///< stops after so many broken promises; 0: never
    /// Called some times a second, by the parent. May be NULL.
    void (*progress)(void *context, uint64_t cases_done, uint64_t cases, uint64_t cuts, uint64_t failures);
    void *progress_context;
};

#define CAMPAIGN_PATH      "/firmware/new.bin"
#define CAMPAIGN_JOBS_MAX  JOBS_MAX
#define CAMPAIGN_MOVED     "/firmware/kept.bin"
#define CAMPAIGN_FAILURES  32u
#define CAMPAIGN_CHAIN_MAX 5u

struct campaign_failure {
    char name[48]; ///< as campaign_replay takes it
    char text[160];
    enum campaign_verdict verdict;
};

struct campaign_report {
    /* The upgrade without a cut. */
    uint32_t operations;
    struct nor_statistics upgrade;
    uint32_t request_operations;
    bool sha256; ///< the request carried it
    bool first_sector_last;
    /* The cases. */
    uint64_t cases;
    uint64_t cases_of[CAMPAIGN_KIND_COUNT];
    uint64_t cuts;
    uint64_t tears[NOR_TEAR_COUNT];             ///< cuts by what they left
    uint64_t chains_of[CAMPAIGN_CHAIN_MAX + 1]; ///< chains by their number of cuts
    uint64_t faults_hit;
    uint64_t verdicts[CAMPAIGN_VERDICT_COUNT];
    uint64_t boots;
    uint64_t installs;
    struct nor_statistics flash; ///< of all cases together
    uint32_t wear_max;           ///< most erases of one sector in one case
    double seconds;
    struct campaign_failure failure[CAMPAIGN_FAILURES];
    uint32_t failures; ///< of them kept here
};

/// Runs it. Returns false when the upgrade does not even work without a cut; `message` (160 bytes) says why. Broken
/// promises are in the report: all cases were KEPT unless report.verdicts says otherwise.
bool campaign_run(const struct campaign_settings *settings, struct campaign_report *report, char *message);

/// Runs one case by its name, "SEED:KIND:NUMBER:TEAR", telling what happens on `out`. Returns false when there is no
/// such case or no upgrade; else `verdict` says how it ended.
bool campaign_replay(const struct campaign_settings *settings, const char *name, FILE *out,
                     enum campaign_verdict *verdict, char *message);

uint64_t campaign_failures(const struct campaign_report *report);

const char *campaign_kind_name(enum campaign_kind kind);
const char *campaign_kind_text(enum campaign_kind kind);
const char *campaign_verdict_name(enum campaign_verdict verdict);
const char *campaign_verdict_text(enum campaign_verdict verdict);

#endif
