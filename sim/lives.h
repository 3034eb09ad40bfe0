/*
 * Lives: deeds of a person mixed at random, and what happens to a device between them.
 *
 * In a life somebody asks for firmware by call and on trial, confirms, takes a request back, puts files at the watch
 * path, replaces the installer, asks for what is no firmware, removes, renames and replaces files, and turns the power
 * off and on; power is cut amid any of it, reads are disturbed, a sector of the journal wears out, bits of it rot. What
 * runs at each start is what the deeds allow, and where nothing went wrong what they demand; the journal knows it; no
 * file is lost; the device comes to rest.
 */
#ifndef SIM_LIVES_H
#define SIM_LIVES_H

#include "sim/campaign.h"
#include "sim/story.h"

/// X(NAME, "name", "what a person does")
#define LIVES_DEEDS(X)                                                                                                 \
    X(CALL, "call", "asks for a firmware")                                                                             \
    X(TRIAL, "trial", "asks for one on trial, with a way back")                                                        \
    X(CONFIRM, "confirm", "confirms what runs")                                                                        \
    X(CANCEL, "cancel", "asks for a firmware and takes it back")                                                       \
    X(WATCH, "watch", "moves a file to the watch path")                                                                \
    X(INSTALLER, "installer", "asks for a new installer")                                                              \
    X(BAD, "bad", "asks for a file that is no firmware")                                                               \
    X(REMOVE, "remove", "removes a file")                                                                              \
    X(RENAME, "rename", "renames a file")                                                                              \
    X(REPLACE, "replace", "writes another content to a file")                                                          \
    X(RESTART, "restart", "turns it off and on")

enum lives_deed {
#define LIVES_DEED_VALUE(name, text, sentence) LIVES_##name,
    LIVES_DEEDS(LIVES_DEED_VALUE)
#undef LIVES_DEED_VALUE
        LIVES_DEED_COUNT
};

#define LIVES_FIRMWARES 3u

/// The same firmware as it lies in flash and as a file.
struct lives_firmware {
    struct sim_firmware flash; ///< from its region's start on
    struct story_bytes image;
};

struct lives_settings {
    /// The flash as it is provisioned, with firmware 0. Files and the watch path are added.
    struct sim_provision provision;
    struct lives_firmware firmware[LIVES_FIRMWARES];
    uint32_t firmwares;         ///< 2 or 3
    struct story_bytes package; ///< firmware 1, packed; NULL: there is none
    struct story_bytes new_installer_package;
    struct sim_firmware new_installer; ///< what it holds; the old one is provision.installer
    uint64_t seed;
    uint32_t lives;
    uint32_t jobs;         ///< processes, 1 to CAMPAIGN_JOBS_MAX
    uint32_t failures_max; ///< stops after so many broken promises; 0: never
    jobs_progress *progress;
    void *progress_context;
};

struct lives_report {
    struct campaign_report campaign; ///< its cases are lives
    uint64_t deeds[LIVES_DEED_COUNT];
    uint64_t upgrades; ///< starts at which another firmware ran than before
    uint64_t disturbed;
    uint64_t worn;
    uint64_t rotten;
    uint64_t mended; ///< applications that were damaged and put right
};

/// Runs them. Returns false when the flash cannot be made or not even one upgrade goes well; `message` (160 bytes) says
/// why.
bool lives_run(const struct lives_settings *settings, struct lives_report *report, char *message);

/// One life by its name, "SEED:NUMBER", telling what happens on `out`. Returns false when there is none.
bool lives_replay(const struct lives_settings *settings, const char *name, FILE *out, enum campaign_verdict *verdict,
                  char *message);

const char *lives_deed_name(enum lives_deed deed);
const char *lives_deed_text(enum lives_deed deed);

#endif
