#include "sim/story.h"

#include <stdlib.h>
#include <string.h>

#include "oneslot/otadata.h"
#include "sim/case.h"

#define MESSAGE_SIZE 160u
#define FILES_MAX    16u

#define NEW_PATH       "/new.osp"
#define SAVED_PATH     "/saved.osp"
#define OLD_PATH       "/old.osp"
#define FORGED_PATH    "/forged.osp"
#define INSTALLER_PATH "/installer.osp"

/// Notes of the application that whoever watches reads.
#define NOTE_CONFIRMING  1u ///< it has begun to confirm itself
#define NOTE_FLOOR_EARLY 2u ///< the floor was up before that
#define NOTE_FLOOR_SANK  4u
#define NOTE_BELOW_FLOOR 8u ///< a version below the floor was started, other than by way of a fallback

/// Erases of a sector that one cut may cost: once more what was in doubt, and records in the journal.
#define WEAR_OF_A_CUT 2u
#define WEAR_ANYWAY   2u

/// What the application does, and how it ends.
struct plot {
    const char *asks;
    const char *then;   ///< what it asks for once it is confirmed
    enum sim_runs runs; ///< at the end, as the next two
    enum oneslot_state state;
    enum oneslot_error outcome;
    bool rises;        ///< at the end the floor is up
    bool journal_only; ///< nothing but the journal is ever written
    bool trial;        ///< with what ran before as fallback
    bool confirms;     ///< or crashes
    bool swapped;      ///< the new firmware runs at first, and the old one is asked for
    bool installer;    ///< an installer is asked for
    bool dead;         ///< and does not run
};

static const struct plot PLOTS[] = {
    [STORY_UPGRADE] = {.asks = NEW_PATH, .runs = SIM_RUNS_NEW, .state = ONESLOT_STATE_DONE, .rises = true},
    [STORY_CONFIRM] = {.asks = NEW_PATH,
                       .trial = true,
                       .confirms = true,
                       .runs = SIM_RUNS_NEW,
                       .state = ONESLOT_STATE_DONE,
                       .rises = true},
    [STORY_FALLBACK] = {.asks = NEW_PATH,
                        .trial = true,
                        .runs = SIM_RUNS_OLD,
                        .state = ONESLOT_STATE_DONE,
                        .outcome = ONESLOT_ERROR_TRIAL_EXPIRED},
    [STORY_LIFE] = {.asks = NEW_PATH,
                    .trial = true,
                    .confirms = true,
                    .then = OLD_PATH,
                    .runs = SIM_RUNS_NEW,
                    .state = ONESLOT_STATE_FAILED,
                    .outcome = ONESLOT_ERROR_PACKAGE_DOWNGRADE,
                    .rises = true},
    [STORY_DOWNGRADE] = {.asks = OLD_PATH,
                         .swapped = true,
                         .runs = SIM_RUNS_OLD,
                         .state = ONESLOT_STATE_FAILED,
                         .outcome = ONESLOT_ERROR_PACKAGE_DOWNGRADE,
                         .journal_only = true},
    [STORY_FORGED] = {.asks = FORGED_PATH,
                      .runs = SIM_RUNS_OLD,
                      .state = ONESLOT_STATE_FAILED,
                      .outcome = ONESLOT_ERROR_PACKAGE_KEY,
                      .journal_only = true},
    [STORY_INSTALLER] = {.asks = INSTALLER_PATH, .installer = true, .runs = SIM_RUNS_OLD, .state = ONESLOT_STATE_DONE},
    [STORY_DEAD] = {.asks = INSTALLER_PATH,
                    .installer = true,
                    .dead = true,
                    .runs = SIM_RUNS_OLD,
                    .state = ONESLOT_STATE_FAILED,
                    .outcome = ONESLOT_ERROR_INSTALLER_REJECTED},
};

/// A story under way.
struct told {
    const struct story_settings *settings;
    const struct plot *plot;
    struct sim_device device; ///< before anything was asked for
    struct nor provisioned;
    struct nor exchanged; ///< the same with the forged file in the place of the one that is asked for
    struct track track;
    struct oneslot_record before; ///< the journal as provisioned
    struct oneslot_record end;    ///< and without a cut
    uint32_t wear;
};

/* The application. */

static bool ask(struct sim_device *device, struct oneslot *oneslot, const char *path, bool trial) {
    const struct oneslot_options options = {.fallback = trial ? SAVED_PATH : NULL,
                                            .trial_boots = trial ? STORY_TRIAL_BOOTS : 0};
    device->last = oneslot_request(oneslot, path, &options);
    return device->last == ONESLOT_ERROR_NONE;
}

static int compare(const uint8_t left[8], const uint8_t right[8]) {
    struct oneslot_version versions[2];
    oneslot_version_decode(&versions[0], left);
    oneslot_version_decode(&versions[1], right);
    return oneslot_version_compare(&versions[0], &versions[1]);
}

/// Notes what the journal may never say of the floor.
static void watch_floor(struct sim_device *device, const struct told *told, const struct oneslot_record *record) {
    const struct plot *plot = told->plot;
    int rise = compare(record->floor, told->before.floor);
    bool trusted = plot->rises && (!plot->trial || (device->notes & NOTE_CONFIRMING) != 0);
    device->notes |= rise > 0 && !trusted ? NOTE_FLOOR_EARLY : 0;
    device->notes |= rise < 0 ? NOTE_FLOOR_SANK : 0;
    bool asked = record->state == ONESLOT_STATE_DONE && record->outcome == ONESLOT_ERROR_NONE;
    device->notes |= asked && compare(record->installed_version, record->floor) < 0 ? NOTE_BELOW_FLOOR : 0;
}

/// What the application does at each start. Returns whether it resets the device.
static bool act(struct sim_device *device, const struct oneslot_flash *flash) {
    const struct told *told = device->application_context;
    const struct plot *plot = told->plot;
    struct oneslot oneslot;
    if (sim_open(device, &oneslot, flash) != ONESLOT_ERROR_NONE) {
        return false;
    }
    const struct oneslot_record *record = &oneslot.record;
    watch_floor(device, told, record);
    switch (record->state) {
    case ONESLOT_STATE_IDLE:
    case ONESLOT_STATE_REQUESTED: // A cut left it so that the loader has read it otherwise.
        return ask(device, &oneslot, plot->asks, plot->trial);
    case ONESLOT_STATE_TRIAL:
        if (!plot->confirms) {
            return true;
        }
        device->notes |= NOTE_CONFIRMING;
        sim_confirm(device, flash);
        return plot->then != NULL;
    case ONESLOT_STATE_DONE:
        return plot->then && sim_runs(device) == SIM_RUNS_NEW && ask(device, &oneslot, plot->then, false);
    default:
        return false;
    }
}

/* The device. */

static struct story_bytes content_of(const struct story_settings *settings, const char *path) {
    const struct {
        const char *path;
        struct story_bytes content;
    } files[] = {
        {NEW_PATH, settings->new_package},
        {SAVED_PATH, settings->saved_package},
        {OLD_PATH, settings->old_package},
        {FORGED_PATH, settings->forged},
        {INSTALLER_PATH, settings->new_installer_package},
    };
    for (size_t i = 0; path && i < sizeof files / sizeof *files; i++) {
        if (strcmp(path, files[i].path) == 0) {
            return files[i].content;
        }
    }
    return (struct story_bytes){NULL, 0};
}

static void add_file(struct sim_provision *parts, struct sim_file *files, const char *path,
                     struct story_bytes content) {
    if (path && content.bytes && parts->files < FILES_MAX) {
        files[parts->files++] = (struct sim_file){path, content.bytes, content.size};
    }
}

/// Makes the flash; `asked` lies at the path that is asked for.
static enum oneslot_error provision(const struct told *told, struct story_bytes asked, uint8_t *flash) {
    const struct story_settings *settings = told->settings;
    const struct plot *plot = told->plot;
    struct sim_provision parts = settings->provision;
    struct sim_file files[FILES_MAX];
    if (parts.files > FILES_MAX - 3u) {
        parts.files = FILES_MAX - 3u;
    }
    if (parts.files > 0) {
        memcpy(files, parts.file, parts.files * sizeof *files);
    }
    parts.file = files;
    add_file(&parts, files, plot->asks, asked);
    add_file(&parts, files, plot->then, content_of(settings, plot->then));
    add_file(&parts, files, plot->trial ? SAVED_PATH : NULL, settings->saved_package);
    parts.version = settings->old_version;
    if (plot->swapped) {
        parts.firmware = settings->new_firmware.bytes;
        parts.firmware_size = settings->new_firmware.size;
        parts.version = settings->new_version;
    }
    return sim_provision(flash, &parts, NULL);
}

static void equip(struct told *told) {
    const struct story_settings *settings = told->settings;
    struct sim_device *device = &told->device;
    const struct sim_provision *parts = &settings->provision;
    const struct sim_firmware old_firmware = {parts->firmware, parts->firmware_size};
    device->old_firmware = told->plot->swapped ? settings->new_firmware : old_firmware;
    device->new_firmware = told->plot->swapped ? old_firmware : settings->new_firmware;
    device->confirm = SIM_CONFIRM_BOTH;
    device->application = act;
    device->application_context = told;
    if (told->plot->installer) {
        sim_device_installers(device, (struct sim_firmware){parts->installer, parts->installer_size},
                              settings->new_installer);
        device->new_installer_dead = told->plot->dead;
    }
    nor_copy(&told->provisioned, &device->nor);
    device->provisioned = &told->provisioned;
    (void)sim_journal(device, &told->before);
}

/// The flash with the forged file, for cases that exchange it.
static enum oneslot_error make_exchanged(struct told *told, uint8_t *flash) {
    enum oneslot_error error = provision(told, told->settings->forged, flash);
    nor_create(&told->exchanged, told->settings->provision.flash_size, told->settings->seed);
    nor_load(&told->exchanged, 0, flash, told->settings->provision.flash_size);
    return error;
}

static bool is_exchanged(const struct told *told) {
    return strcmp(told->plot->asks, NEW_PATH) == 0 && told->settings->forged.bytes && told->settings->changes > 0;
}

static bool make_device(struct told *told, char *message) {
    const struct story_settings *settings = told->settings;
    const struct sim_provision *parts = &settings->provision;
    uint8_t *flash = malloc(parts->flash_size);
    if (!flash) {
        abort();
    }
    enum oneslot_error error = provision(told, content_of(settings, told->plot->asks), flash);
    if (error == ONESLOT_ERROR_NONE) {
        error = sim_device_create(&told->device, parts->chip, flash, parts->flash_size, settings->seed);
    }
    if (error == ONESLOT_ERROR_NONE) {
        equip(told);
        if (is_exchanged(told)) {
            error = make_exchanged(told, flash);
        }
    }
    free(flash);
    if (error != ONESLOT_ERROR_NONE) {
        snprintf(message, MESSAGE_SIZE, "the flash cannot be made: %s", oneslot_error_text(error));
    }
    return error == ONESLOT_ERROR_NONE;
}

static void close_story(struct told *told) {
    track_free(&told->track);
    if (told->exchanged.sector) {
        nor_destroy(&told->exchanged);
    }
    if (told->provisioned.sector) {
        nor_destroy(&told->provisioned);
    }
    if (told->device.nor.sector) {
        sim_device_destroy(&told->device);
    }
}

/* The end. */

/// Whether the journal says that of the firmware which runs.
static bool says_of_firmware(const struct oneslot_record *record, const struct oneslot_record *as) {
    return record->installed_size == as->installed_size &&
           memcmp(record->installed, as->installed, sizeof as->installed) == 0 &&
           memcmp(record->floor, as->floor, sizeof as->floor) == 0 &&
           memcmp(record->installed_version, as->installed_version, sizeof as->installed_version) == 0;
}

static bool installer_stands(const struct sim_device *device, const struct oneslot_record *record,
                             const struct sim_firmware *installer) {
    uint32_t place = record->installer != 0 ? record->installer : device->layout.installer;
    return record->installer_before == 0 && sim_installer_at(device, place, installer);
}

static bool ended_as_told(const struct told *told, const struct sim_device *device,
                          const struct oneslot_record *record) {
    const struct plot *plot = told->plot;
    const struct sim_firmware *installer = plot->dead ? &device->old_installer : &device->new_installer;
    return sim_runs(device) == plot->runs && record->state == plot->state && record->outcome == plot->outcome &&
           says_of_firmware(record, plot->runs == SIM_RUNS_NEW ? &told->end : &told->before) &&
           (!plot->installer || installer_stands(device, record, installer));
}

/// How the device's life has ended, NONE while it has not. `cuts` that it went through make more ends than one right;
/// so does a file that was exchanged.
static enum story_end end_of(const struct told *told, const struct sim_device *device, uint32_t cuts, bool exchanged) {
    const struct plot *plot = told->plot;
    struct sim_device *readable = (struct sim_device *)device; /* a read counts as one, no more */
    struct oneslot_record record;
    if (sim_journal(readable, &record) != ONESLOT_ERROR_NONE) {
        return STORY_END_NONE;
    }
    if (ended_as_told(told, device, &record)) {
        return STORY_END_TOLD;
    }
    bool old = sim_runs(device) == SIM_RUNS_OLD && says_of_firmware(&record, &told->before);
    bool done = record.state == ONESLOT_STATE_DONE;
    if (plot->installer && !plot->dead && cuts > 0 && old && record.state == ONESLOT_STATE_FAILED &&
        record.outcome == ONESLOT_ERROR_INSTALLER_REJECTED &&
        installer_stands(device, &record, &device->old_installer)) {
        return STORY_END_GIVEN_UP;
    }
    if (plot->confirms && cuts >= STORY_TRIAL_BOOTS && old && done && record.outcome == ONESLOT_ERROR_TRIAL_EXPIRED) {
        return STORY_END_EXPIRED;
    }
    if (exchanged && old && record.state == ONESLOT_STATE_FAILED && record.outcome == ONESLOT_ERROR_PACKAGE_KEY) {
        return STORY_END_REFUSED;
    }
    bool recovered = (record.flags & ONESLOT_REQUEST_RECOVERY) != 0;
    if (exchanged && plot->trial && old && done && recovered && record.outcome == ONESLOT_ERROR_NONE) {
        return STORY_END_MENDED;
    }
    return STORY_END_NONE;
}

/// A case under way.
struct run {
    const struct told *told;
    struct sim_case at;
    bool exchanged;
    enum story_end end;
};

static bool check_story(struct run *run) {
    struct sim_device *device = &run->at.device;
    struct oneslot_record record;
    if (sim_journal(device, &record) == ONESLOT_ERROR_NONE) {
        watch_floor(device, run->told, &record);
    }
    if ((device->notes & NOTE_FLOOR_EARLY) != 0) {
        return case_broken(&run->at, CAMPAIGN_FLOOR, "the floor was up before the firmware was confirmed");
    }
    if ((device->notes & NOTE_FLOOR_SANK) != 0) {
        return case_broken(&run->at, CAMPAIGN_FLOOR, "the floor has sunk");
    }
    if ((device->notes & NOTE_BELOW_FLOOR) != 0) {
        return case_broken(&run->at, CAMPAIGN_FLOOR, "a version below the floor was installed");
    }
    if (device->lost_installers > 0) {
        return case_broken(&run->at, CAMPAIGN_BRICK, "no whole installer was in flash when one was needed");
    }
    if (run->told->plot->journal_only && !case_firmware_untouched(&run->at)) {
        return case_broken(&run->at, CAMPAIGN_WRONG, "the firmware was touched");
    }
    return case_check_rules(&run->at);
}

static void note_missing_end(struct run *run) {
    struct oneslot_record record;
    enum sim_runs runs = sim_runs(&run->at.device);
    enum oneslot_error error = sim_journal(&run->at.device, &record);
    bool expected = runs == run->told->plot->runs;
    case_broken(&run->at, expected ? CAMPAIGN_JOURNAL : CAMPAIGN_WRONG, "%s runs, the journal says state %u, \"%s\"",
                sim_runs_text(runs), error == ONESLOT_ERROR_NONE ? record.state : 0u,
                oneslot_error_text(error != ONESLOT_ERROR_NONE ? error : (enum oneslot_error)record.outcome));
}

/// Whether a firmware that does not confirm itself is started again and again although it is on trial. A cut while
/// ESP-IDF's boot loader itself rewrote its entry has left no state in it that it knows, so that it takes it for good;
/// neither the installer nor anything of ours is ever started then.
static bool trial_is_unseen(const struct run *run) {
    struct sim_device *device = (struct sim_device *)&run->at.device;
    struct oneslot_flash flash = nor_flash(&device->nor);
    struct oneslot_record record;
    struct oneslot_otadata entry;
    bool on_trial = sim_journal(device, &record) == ONESLOT_ERROR_NONE && record.state == ONESLOT_STATE_TRIAL;
    return device->vendor && on_trial && !run->told->plot->confirms && sim_runs(device) == SIM_RUNS_NEW &&
           oneslot_otadata_read(&flash, device->layout.otadata, &entry, NULL) == ONESLOT_ERROR_NONE &&
           entry.state > ONESLOT_OTA_ABORTED;
}

/// Boots until the story has come to an end and checks every promise. What it has come to it must not leave again; the
/// journal may still waver (a cut has left its newest seal half-way), as long as the same firmware runs.
static void check_end(struct run *run) {
    struct sim_device *device = &run->at.device;
    enum sim_runs runs = SIM_RUNS_NEITHER;
    bool rests = false;
    for (uint32_t boot = 0; boot < CASE_BOOTS_TO_REST && (!rests || boot < CASE_BOOTS_LEAST); boot++) {
        enum sim_stop stop = case_power_on(&run->at);
        if (stop == SIM_STUCK && trial_is_unseen(run)) {
            run->end = STORY_END_UNSEEN;
            (void)check_story(run);
            return;
        }
        if (!case_check_started(&run->at, stop) || !check_story(run)) {
            return;
        }
        enum story_end end = end_of(run->told, device, run->at.result->cuts, run->exchanged);
        bool ended = run->end != STORY_END_NONE;
        if (ended && (sim_runs(device) != runs || (end != STORY_END_NONE && end != run->end))) {
            case_broken(&run->at, CAMPAIGN_WRONG, "the story had ended (%s) and went on to another end (%s)",
                        story_end_name(run->end), story_end_name(end));
            return;
        }
        rests = end != STORY_END_NONE;
        if (rests) {
            run->end = end;
            runs = sim_runs(device);
        }
    }
    if (!rests) {
        note_missing_end(run);
    }
}

static void check_wear(struct run *run) {
    const struct nor *nor = &run->at.device.nor;
    uint32_t bound = run->told->wear + WEAR_ANYWAY + WEAR_OF_A_CUT * run->at.result->cuts;
    for (uint32_t i = 0; i < nor->sectors; i++) {
        if (nor->sector[i]->erases > bound) {
            case_broken(&run->at, CAMPAIGN_WEAR, "the sector at 0x%06x was erased %u times, not %u",
                        (unsigned)(i * ONESLOT_SECTOR_SIZE), (unsigned)nor->sector[i]->erases, (unsigned)bound);
            return;
        }
    }
}

/* The cases. */

/// Makes the file system that of `from`.
static void exchange(struct run *run, const struct nor *from) {
    struct nor *nor = &run->at.device.nor;
    for (uint32_t i = 0; i < nor->sectors; i++) {
        if (!run->at.device.writable[i] &&
            memcmp(nor->sector[i]->data, from->sector[i]->data, ONESLOT_SECTOR_SIZE) != 0) {
            nor_load(nor, i * ONESLOT_SECTOR_SIZE, from->sector[i]->data, ONESLOT_SECTOR_SIZE);
        }
    }
    run->at.device.provisioned = from;
}

static void follow_changed(struct run *run) {
    const struct told *told = run->told;
    const struct track *track = &told->track;
    uint32_t at = nor_random_below(&run->at.random, track->points);
    case_cut_at(&run->at, &track->point[at], case_random_tear(&run->at));
    exchange(run, &told->exchanged);
    run->exchanged = true;
    case_tell(&run->at, "the file is another one, which is not signed by the device's key");
    (void)case_power_on(&run->at); // It may wait for a file that it can take.
    if (check_story(run)) {
        exchange(run, &told->provisioned);
        case_tell(&run->at, "the file is as it was");
        check_end(run);
    }
}

static void follow(const struct told *told, const struct campaign_case *which, struct campaign_result *result,
                   enum story_end *end, FILE *trace) {
    struct run run = {.told = told};
    case_open(&run.at, told->settings->seed, which, result, trace);
    switch (which->kind) {
    case CAMPAIGN_CHAIN:
        case_chain(&run.at, &told->track);
        check_end(&run);
        break;
    case CAMPAIGN_CHANGED:
        follow_changed(&run);
        break;
    default:
        case_cut_at(&run.at, &told->track.point[which->number], which->tear);
        check_end(&run);
        break;
    }
    check_wear(&run);
    *end = result->verdict == CAMPAIGN_KEPT ? run.end : STORY_END_NONE;
    case_close(&run.at);
}

/* The whole. */

/// Lives the story without a cut, recording every operation.
static bool tell_once(struct told *told, struct story_report *report, char *message) {
    struct sim_device device;
    uint32_t address = 0;
    sim_device_fork(&device, &told->device);
    track_begin(&told->track, &device);
    enum sim_stop stop = sim_power_on(&device);
    track_end(&told->track, &device);
    (void)sim_journal(&device, &told->end);
    report->campaign.operations = told->track.points;
    report->campaign.upgrade = device.nor.statistics;
    for (uint32_t i = 0; i < device.nor.sectors; i++) {
        uint32_t erases = device.nor.sector[i]->erases;
        told->wear = erases > told->wear ? erases : told->wear;
    }
    report->wear = told->wear;
    int rise = compare(told->end.floor, told->before.floor);
    bool well = false;
    if (stop != SIM_APPLICATION) {
        snprintf(message, MESSAGE_SIZE, "%s", sim_stop_text(stop));
    } else if (device.nor.violations > 0) {
        snprintf(message, MESSAGE_SIZE, "%s at 0x%06x", nor_violation_text(device.nor.violation),
                 (unsigned)device.nor.violation_address);
    } else if (!sim_untouched(&device, &address)) {
        snprintf(message, MESSAGE_SIZE, "the sector at 0x%06x was changed", (unsigned)address);
    } else if (end_of(told, &device, 0, false) != STORY_END_TOLD) {
        snprintf(message, MESSAGE_SIZE, "%s runs, the journal says state %u, \"%s\"", sim_runs_text(sim_runs(&device)),
                 told->end.state, oneslot_error_text((enum oneslot_error)told->end.outcome));
    } else if (rise < 0 || (rise > 0) != told->plot->rises || (device.notes & ~NOTE_CONFIRMING) != 0) {
        snprintf(message, MESSAGE_SIZE, "the floor is not where it should be");
    } else {
        well = true;
    }
    sim_device_discard(&device);
    return well;
}

static bool open_story(struct told *told, enum story story, const struct story_settings *settings,
                       struct story_report *report, char *message) {
    memset(told, 0, sizeof *told);
    memset(report, 0, sizeof *report);
    told->settings = settings;
    told->plot = &PLOTS[story];
    if (!story_possible(story, settings)) {
        snprintf(message, MESSAGE_SIZE, "the parts for this story are not there");
        return false;
    }
    if (make_device(told, message) && tell_once(told, report, message)) {
        return true;
    }
    close_story(told);
    return false;
}

struct work {
    const struct told *told;
    struct agenda agenda;
    struct story_report *report;
};

static bool run_case(void *context, uint64_t number, void *sum, uint32_t *cuts) {
    const struct work *work = context;
    struct story_report *report = sum;
    struct campaign_result result;
    struct campaign_case which = agenda_case(&work->agenda, number);
    enum story_end end;
    follow(work->told, &which, &result, &end, NULL);
    tally_result(&report->campaign, &which, work->told->settings->seed, &result);
    report->ends[end]++;
    *cuts = result.cuts;
    return result.verdict == CAMPAIGN_KEPT;
}

static void note_crash(void *context, uint64_t number, void *sum) {
    const struct work *work = context;
    struct story_report *report = sum;
    struct campaign_case which = agenda_case(&work->agenda, number);
    tally_failure(&report->campaign, &which, work->told->settings->seed, CAMPAIGN_CRASH,
                  "the engine crashed or never came back");
}

static void add_sum(void *context, const void *sum) {
    const struct work *work = context;
    const struct story_report *report = sum;
    tally_report(&work->report->campaign, &report->campaign);
    for (uint32_t i = 0; i < STORY_END_COUNT; i++) {
        work->report->ends[i] += report->ends[i];
    }
}

bool story_run(enum story story, const struct story_settings *given, struct story_report *report, char *message) {
    struct told told;
    struct story_settings settings = *given;
    double start = jobs_seconds();
    settings.jobs = settings.jobs == 0 ? 1 : settings.jobs > CAMPAIGN_JOBS_MAX ? CAMPAIGN_JOBS_MAX : settings.jobs;
    settings.step = settings.step == 0 ? 1 : settings.step;
    if (!open_story(&told, story, &settings, report, message)) {
        return false;
    }
    struct work work = {.told = &told, .report = report};
    agenda_create(&work.agenda, &told.track, settings.step, told.device.layout.application,
                  told.device.layout.firmware);
    agenda_add(&work.agenda, CAMPAIGN_CHAIN, settings.chains);
    agenda_add(&work.agenda, CAMPAIGN_CHANGED, is_exchanged(&told) ? settings.changes : 0);
    jobs_run(&(struct jobs){.cases = work.agenda.cases,
                            .jobs = settings.jobs,
                            .failures_max = settings.failures_max,
                            .context = &work,
                            .sum_size = sizeof *report,
                            .run = run_case,
                            .crashed = note_crash,
                            .add = add_sum,
                            .progress = settings.progress,
                            .progress_context = settings.progress_context});
    agenda_free(&work.agenda);
    close_story(&told);
    report->campaign.seconds = jobs_seconds() - start;
    return true;
}

bool story_replay(enum story story, const struct story_settings *given, const char *name, FILE *out,
                  enum campaign_verdict *verdict, char *message) {
    struct told told;
    struct story_settings settings = *given;
    struct story_report report;
    struct campaign_case which;
    struct campaign_result result;
    enum story_end end;
    bool named = agenda_parse(name, &settings.seed, &which) &&
                 (which.kind == CAMPAIGN_CUT || which.kind == CAMPAIGN_CHAIN || which.kind == CAMPAIGN_CHANGED);
    if (!named) {
        snprintf(message, MESSAGE_SIZE, "\"%s\" names no case: SEED:KIND:NUMBER:TEAR", name);
        return false;
    }
    if (!open_story(&told, story, &settings, &report, message)) {
        return false;
    }
    bool exists = which.kind == CAMPAIGN_CUT       ? which.number < told.track.points
                  : which.kind == CAMPAIGN_CHANGED ? is_exchanged(&told)
                                                   : true;
    if (exists) {
        follow(&told, &which, &result, &end, out);
        fprintf(out, "end: %s\n", story_end_name(end));
        *verdict = result.verdict;
    } else {
        snprintf(message, MESSAGE_SIZE, "the story has %u operations", (unsigned)told.track.points);
    }
    close_story(&told);
    return exists;
}

bool story_possible(enum story story, const struct story_settings *settings) {
    const struct plot *plot = &PLOTS[story];
    bool installers = settings->provision.installer && settings->new_installer.bytes && !settings->provision.chip;
    return content_of(settings, plot->asks).bytes && (!plot->then || content_of(settings, plot->then).bytes) &&
           (!plot->trial || settings->saved_package.bytes) && (!plot->installer || installers);
}

/* Names. */

static const char *const names[] = {
#define STORY_NAME(name, text, sentence) text,
    STORIES(STORY_NAME)
#undef STORY_NAME
};
static const char *const texts[] = {
#define STORY_TEXT(name, text, sentence) sentence,
    STORIES(STORY_TEXT)
#undef STORY_TEXT
};
static const char *const end_names[] = {
#define STORY_END_NAME(name, text) text,
    STORY_ENDS(STORY_END_NAME)
#undef STORY_END_NAME
};

const char *story_name(enum story story) {
    return names[story];
}

enum story story_from_name(const char *name, size_t length) {
    uint32_t i = 0;
    while (i < STORY_COUNT && (strlen(names[i]) != length || memcmp(names[i], name, length) != 0)) {
        i++;
    }
    return (enum story)i;
}

const char *story_text(enum story story) {
    return texts[story];
}

const char *story_end_name(enum story_end end) {
    return end_names[end];
}
