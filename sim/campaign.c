/* For MAP_ANONYMOUS, which POSIX leaves out. */
#define _DEFAULT_SOURCE

#include "sim/campaign_case.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bearssl_hash.h"

#define MESSAGE_SIZE 160u
#define FILES_MAX    15u
/// Seconds without a finished case after which a process counts as hung.
#define PATIENCE 120.0

/// What a process shares with the parent.
struct share {
    struct campaign_report report;
    struct campaign_case current;
    _Atomic uint64_t done;
    _Atomic uint64_t cuts;
    _Atomic uint64_t failures;
};

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* The upgrade without a cut. */

static void record_point(void *context, const struct nor *nor, const struct nor_operation *operation) {
    struct campaign_track *track = context;
    if (track->points == track->capacity) {
        track->capacity = track->capacity ? 2 * track->capacity : 1024;
        track->point = realloc(track->point, track->capacity * sizeof *track->point);
        if (!track->point) {
            abort();
        }
    }
    struct campaign_point *point = &track->point[track->points++];
    memset(&point->device, 0, sizeof point->device);
    nor_copy(&point->device.nor, nor);
    point->operation = *operation;
}

/// What a copy of the flash alone does not carry.
static void complete_points(struct campaign_track *track, const struct sim_device *device) {
    for (uint32_t i = 0; i < track->points; i++) {
        struct sim_device *point = &track->point[i].device;
        struct nor nor = point->nor;
        *point = *device;
        point->nor = nor;
    }
}

static void free_track(struct campaign_track *track) {
    for (uint32_t i = 0; i < track->points; i++) {
        sim_device_discard(&track->point[i].device);
    }
    free(track->point);
    memset(track, 0, sizeof *track);
}

/// Makes the flash: the user's files and the new image on the file system.
static bool provision(struct campaign *campaign, char *message) {
    const struct campaign_settings *settings = campaign->settings;
    struct sim_provision parts = settings->provision;
    struct sim_file file[FILES_MAX + 1];
    if (parts.files > FILES_MAX) {
        parts.files = FILES_MAX;
    }
    if (parts.files > 0) {
        memcpy(file, parts.file, parts.files * sizeof *file);
    }
    file[parts.files++] = (struct sim_file){CAMPAIGN_PATH, settings->file, settings->file_size};
    parts.file = file;
    uint8_t *flash = malloc(parts.flash_size);
    if (!flash) {
        abort();
    }
    enum oneslot_error error = sim_provision(flash, &parts, NULL);
    if (error == ONESLOT_ERROR_NONE) {
        error = sim_device_create(&campaign->device, parts.chip, flash, parts.flash_size, settings->seed);
    }
    if (error == ONESLOT_ERROR_NONE) {
        struct oneslot_map map;
        oneslot_map_parse(&map, flash + campaign->device.layout.map, ONESLOT_MAP_BYTES, parts.flash_size);
        const struct oneslot_partition *fs = oneslot_map_file_system(&map);
        campaign->fs_start = fs->address;
        campaign->fs_size = fs->size;
    }
    free(flash);
    if (error != ONESLOT_ERROR_NONE) {
        snprintf(message, MESSAGE_SIZE, "the flash cannot be made: %s", oneslot_error_text(error));
        return false;
    }
    campaign->device.rollback = !settings->no_rollback;
    nor_copy(&campaign->provisioned, &campaign->device.nor);
    campaign->device.provisioned = &campaign->provisioned;
    campaign->device.old_firmware =
        (struct sim_firmware){settings->provision.firmware, settings->provision.firmware_size};
    campaign->device.new_firmware = settings->new_firmware;
    return true;
}

/// Writes the request into a copy of the device, recording each operation.
static void record_request(struct campaign *campaign) {
    sim_device_fork(&campaign->requested, &campaign->device);
    struct nor *nor = &campaign->requested.nor;
    nor_count_from_zero(nor);
    nor->observe = record_point;
    nor->observe_context = &campaign->request;
    sim_request(&campaign->requested, CAMPAIGN_PATH, campaign->ask_sha256 ? campaign->sha256 : NULL);
    nor->observe = NULL;
    complete_points(&campaign->request, &campaign->device);
}

/// Runs the upgrade on a copy, recording each operation. Returns how the installer ended.
static enum oneslot_error record_upgrade(struct campaign *campaign, struct sim_device *device) {
    struct oneslot_record record;
    sim_device_fork(device, &campaign->requested);
    struct nor *nor = &device->nor;
    nor_count_from_zero(nor);
    nor->observe = record_point;
    nor->observe_context = &campaign->upgrade;
    sim_power_on(device);
    nor->observe = NULL;
    complete_points(&campaign->upgrade, &campaign->requested);
    enum oneslot_error error = sim_journal(device, &record);
    return error != ONESLOT_ERROR_NONE ? error : (enum oneslot_error)record.outcome;
}

static void forget_recording(struct campaign *campaign, struct sim_device *upgraded) {
    sim_device_discard(upgraded);
    sim_device_discard(&campaign->requested);
    free_track(&campaign->request);
    free_track(&campaign->upgrade);
}

static void close_campaign(struct campaign *campaign) {
    free_track(&campaign->request);
    free_track(&campaign->upgrade);
    if (campaign->requested.nor.sector) {
        sim_device_discard(&campaign->requested);
    }
    if (campaign->provisioned.sector) {
        nor_destroy(&campaign->provisioned);
        sim_device_destroy(&campaign->device);
    }
}

static bool check_upgraded(const struct sim_device *device, enum oneslot_error outcome, char *message) {
    uint32_t address;
    if (outcome != ONESLOT_ERROR_NONE) {
        snprintf(message, MESSAGE_SIZE, "the upgrade was refused: %s", oneslot_error_text(outcome));
    } else if (sim_runs(device) != SIM_RUNS_NEW) {
        snprintf(message, MESSAGE_SIZE, "after the upgrade the %s runs", sim_runs_text(sim_runs(device)));
    } else if (device->nor.violations > 0) {
        snprintf(message, MESSAGE_SIZE, "%s at 0x%06x", nor_violation_text(device->nor.violation),
                 (unsigned)device->nor.violation_address);
    } else if (!sim_untouched(device, &address)) {
        snprintf(message, MESSAGE_SIZE, "the sector at 0x%06x was changed", (unsigned)address);
    } else {
        return true;
    }
    return false;
}

/// Whether nothing of the firmware is written any more once the image's first sector begins to be programmed.
static bool first_sector_last(const struct campaign *campaign) {
    const struct campaign_settings *settings = campaign->settings;
    const struct oneslot_layout *layout = &campaign->device.layout;
    uint32_t target = layout->application + settings->new_firmware.size - campaign->image_size;
    uint32_t first = target == 0 ? layout->displaced : target;
    bool begun = false;
    for (uint32_t i = 0; i < campaign->upgrade.points; i++) {
        const struct nor_operation *operation = &campaign->upgrade.point[i].operation;
        if (operation->address >= first && operation->address < first + ONESLOT_SECTOR_SIZE) {
            begun = begun || operation->kind == NOR_PROGRAM;
        } else if (begun && operation->address >= layout->application && operation->address < layout->firmware) {
            return false;
        }
    }
    return true;
}

static void digest(const uint8_t *bytes, uint32_t size, uint8_t sha256[32]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes, size);
    br_sha256_out(&context, sha256);
}

static bool open_campaign(struct campaign *campaign, const struct campaign_settings *settings,
                          struct campaign_report *report, char *message) {
    struct sim_device upgraded;
    memset(campaign, 0, sizeof *campaign);
    memset(report, 0, sizeof *report);
    campaign->settings = settings;
    campaign->ask_sha256 = settings->sha256;
    campaign->image_size = settings->image ? settings->image_size : settings->file_size;
    digest(settings->file, settings->file_size, campaign->sha256);
    digest(settings->image ? settings->image : settings->file, campaign->image_size, campaign->image_sha256);
    if (!provision(campaign, message)) {
        return false;
    }
    record_request(campaign);
    enum oneslot_error outcome = record_upgrade(campaign, &upgraded);
    if (outcome == ONESLOT_ERROR_IMAGE_UNPROVEN && !campaign->ask_sha256) {
        campaign->ask_sha256 = true;
        forget_recording(campaign, &upgraded);
        record_request(campaign);
        outcome = record_upgrade(campaign, &upgraded);
    }
    report->operations = campaign->upgrade.points;
    report->request_operations = campaign->request.points;
    report->upgrade = upgraded.nor.statistics;
    report->sha256 = campaign->ask_sha256;
    report->first_sector_last = first_sector_last(campaign);
    bool works = check_upgraded(&upgraded, outcome, message);
    if (works && !report->first_sector_last) {
        snprintf(message, MESSAGE_SIZE, "the image's first sector is not written last");
        works = false;
    }
    sim_device_discard(&upgraded);
    if (!works) {
        close_campaign(campaign);
    }
    return works;
}

/* All cases, in one order, numbered from 0. */

/// How many of the upgrade's operations are cut, and which the `number`-th is.
static bool is_cut(const struct campaign *campaign, uint32_t operation) {
    const struct nor_operation *what = &campaign->upgrade.point[operation].operation;
    uint32_t page = what->address % ONESLOT_SECTOR_SIZE / ONESLOT_PAGE_SIZE;
    bool amid = what->kind == NOR_PROGRAM && what->length == ONESLOT_PAGE_SIZE && page > 0 && page < 15;
    return !amid || operation % campaign->settings->step == 0;
}

/// The cases of a campaign: a list of operations to be cut, and the numbers of the other kinds.
struct agenda {
    uint32_t *operation;
    uint32_t operations;
    uint64_t count[CAMPAIGN_KIND_COUNT];
    uint64_t cases;
};

static struct agenda make_agenda(const struct campaign *campaign) {
    const struct campaign_settings *settings = campaign->settings;
    struct agenda agenda;
    memset(&agenda, 0, sizeof agenda);
    agenda.operation = malloc((campaign->upgrade.points + 1) * sizeof *agenda.operation);
    if (!agenda.operation) {
        abort();
    }
    for (uint32_t i = 0; i < campaign->upgrade.points; i++) {
        if (is_cut(campaign, i)) {
            agenda.operation[agenda.operations++] = i;
        }
    }
    agenda.count[CAMPAIGN_REQUEST] = (uint64_t)campaign->request.points * NOR_TEAR_COUNT;
    agenda.count[CAMPAIGN_AGAIN] = settings->repeats;
    agenda.count[CAMPAIGN_CUT] = (uint64_t)agenda.operations * NOR_TEAR_COUNT;
    agenda.count[CAMPAIGN_CHAIN] = settings->chains;
    agenda.count[CAMPAIGN_FAULT] = settings->faults;
    agenda.count[CAMPAIGN_CHANGED] = settings->changes;
    agenda.count[CAMPAIGN_REFUSE] = settings->refusals;
    for (uint32_t kind = 0; kind < CAMPAIGN_KIND_COUNT; kind++) {
        agenda.cases += agenda.count[kind];
    }
    return agenda;
}

static struct campaign_case case_of(const struct agenda *agenda, uint64_t number) {
    struct campaign_case which = {CAMPAIGN_REQUEST, 0, NOR_BEFORE};
    uint32_t kind = 0;
    while (number >= agenda->count[kind]) {
        number -= agenda->count[kind++];
    }
    which.kind = (enum campaign_kind)kind;
    which.number = (uint32_t)number;
    if (which.kind == CAMPAIGN_REQUEST || which.kind == CAMPAIGN_CUT) {
        which.number = (uint32_t)(number / NOR_TEAR_COUNT);
        which.tear = (enum nor_tear)(number % NOR_TEAR_COUNT);
        if (which.kind == CAMPAIGN_CUT) {
            which.number = agenda->operation[which.number];
        }
    }
    return which;
}

static void name_case(const struct campaign_case *which, uint64_t seed, char *name, size_t size) {
    snprintf(name, size, "%llu:%s:%u:%s", (unsigned long long)seed, campaign_kind_name(which->kind),
             (unsigned)which->number, nor_tear_name(which->tear));
}

/* Adding up. */

static void add_statistics(struct nor_statistics *to, const struct nor_statistics *from) {
    to->sector_erases += from->sector_erases;
    to->block_erases += from->block_erases;
    to->programs += from->programs;
    to->programmed_bytes += from->programmed_bytes;
    to->reads += from->reads;
    to->read_bytes += from->read_bytes;
    to->erase_time += from->erase_time;
    to->program_time += from->program_time;
    to->read_time += from->read_time;
}

static void keep_failure(struct campaign_report *report, const struct campaign_case *which, uint64_t seed,
                         enum campaign_verdict verdict, const char *text) {
    report->verdicts[verdict]++;
    if (report->failures == CAMPAIGN_FAILURES) {
        return;
    }
    struct campaign_failure *failure = &report->failure[report->failures++];
    name_case(which, seed, failure->name, sizeof failure->name);
    snprintf(failure->text, sizeof failure->text, "%s", text);
    failure->verdict = verdict;
}

static void add_result(struct campaign_report *report, const struct campaign_case *which, uint64_t seed,
                       const struct campaign_result *result) {
    report->cases++;
    report->cases_of[which->kind]++;
    report->cuts += result->cuts;
    for (uint32_t i = 0; i < result->cuts && i < CAMPAIGN_CHAIN_MAX; i++) {
        report->tears[result->tear[i]]++;
    }
    if (which->kind == CAMPAIGN_CHAIN) {
        report->chains_of[result->cuts <= CAMPAIGN_CHAIN_MAX ? result->cuts : CAMPAIGN_CHAIN_MAX]++;
    }
    report->faults_hit += result->fault_hit;
    report->boots += result->boots;
    report->installs += result->installs;
    add_statistics(&report->flash, &result->flash);
    if (result->wear > report->wear_max) {
        report->wear_max = result->wear;
    }
    if (result->verdict == CAMPAIGN_KEPT) {
        report->verdicts[CAMPAIGN_KEPT]++;
    } else {
        keep_failure(report, which, seed, result->verdict, result->text);
    }
}

static void add_report(struct campaign_report *to, const struct campaign_report *from) {
    to->cases += from->cases;
    to->cuts += from->cuts;
    to->faults_hit += from->faults_hit;
    to->boots += from->boots;
    to->installs += from->installs;
    for (uint32_t i = 0; i < CAMPAIGN_KIND_COUNT; i++) {
        to->cases_of[i] += from->cases_of[i];
    }
    for (uint32_t i = 0; i < NOR_TEAR_COUNT; i++) {
        to->tears[i] += from->tears[i];
    }
    for (uint32_t i = 0; i <= CAMPAIGN_CHAIN_MAX; i++) {
        to->chains_of[i] += from->chains_of[i];
    }
    for (uint32_t i = 0; i < CAMPAIGN_VERDICT_COUNT; i++) {
        to->verdicts[i] += from->verdicts[i];
    }
    add_statistics(&to->flash, &from->flash);
    if (from->wear_max > to->wear_max) {
        to->wear_max = from->wear_max;
    }
    for (uint32_t i = 0; i < from->failures && to->failures < CAMPAIGN_FAILURES; i++) {
        to->failure[to->failures++] = from->failure[i];
    }
}

/* The processes. */

struct work {
    const struct campaign *campaign;
    const struct agenda *agenda;
    struct share *share; ///< one a process
    uint32_t jobs;
};

static uint64_t failures_of(const struct work *work) {
    uint64_t failures = 0;
    for (uint32_t job = 0; job < work->jobs; job++) {
        failures += work->share[job].failures;
    }
    return failures;
}

static void run_job(const struct work *work, uint32_t job) {
    struct share *share = &work->share[job];
    const struct campaign_settings *settings = work->campaign->settings;
    for (uint64_t number = job; number < work->agenda->cases; number += work->jobs) {
        struct campaign_result result;
        share->current = case_of(work->agenda, number);
        campaign_follow(work->campaign, &share->current, &result, NULL);
        add_result(&share->report, &share->current, settings->seed, &result);
        share->cuts += result.cuts;
        share->failures += result.verdict != CAMPAIGN_KEPT;
        share->done++;
        if (settings->failures_max > 0 && failures_of(work) >= settings->failures_max) {
            return;
        }
    }
}

static void show_progress(const struct work *work) {
    const struct campaign_settings *settings = work->campaign->settings;
    uint64_t done = 0;
    uint64_t cuts = 0;
    for (uint32_t job = 0; job < work->jobs; job++) {
        done += work->share[job].done;
        cuts += work->share[job].cuts;
    }
    if (settings->progress) {
        settings->progress(settings->progress_context, done, work->agenda->cases, cuts, failures_of(work));
    }
}

/// Waits for one process a little; kills it when it has made no progress for long. Returns whether it has ended.
static bool tend(const struct work *work, uint32_t job, pid_t pid, uint64_t *seen, double *since) {
    struct share *share = &work->share[job];
    int status;
    pid_t ended = waitpid(pid, &status, WNOHANG);
    if (ended == 0) {
        if (share->done != *seen) {
            *seen = share->done;
            *since = now();
        } else if (now() - *since > PATIENCE) {
            kill(pid, SIGKILL);
        }
        return false;
    }
    if (ended < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        share->failures++;
        keep_failure(&share->report, &share->current, work->campaign->settings->seed, CAMPAIGN_CRASH,
                     "the engine crashed or never came back");
    }
    return true;
}

static void run_jobs(const struct work *work) {
    pid_t pid[CAMPAIGN_JOBS_MAX];
    uint64_t seen[CAMPAIGN_JOBS_MAX] = {0};
    double since[CAMPAIGN_JOBS_MAX];
    bool ended[CAMPAIGN_JOBS_MAX] = {false};
    fflush(NULL);
    for (uint32_t job = 0; job < work->jobs; job++) {
        since[job] = now();
        pid[job] = fork();
        if (pid[job] == 0) {
            run_job(work, job);
            _exit(0);
        }
    }
    for (uint32_t left = work->jobs; left > 0;) {
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
        for (uint32_t job = 0; job < work->jobs; job++) {
            if (!ended[job] && tend(work, job, pid[job], &seen[job], &since[job])) {
                ended[job] = true;
                left--;
            }
        }
        show_progress(work);
    }
}

bool campaign_run(const struct campaign_settings *given, struct campaign_report *report, char *message) {
    struct campaign campaign;
    struct campaign_settings settings = *given;
    double start = now();
    if (settings.jobs == 0 || settings.jobs > CAMPAIGN_JOBS_MAX) {
        settings.jobs = settings.jobs == 0 ? 1 : CAMPAIGN_JOBS_MAX;
    }
    if (settings.step == 0) {
        settings.step = 1;
    }
    if (!open_campaign(&campaign, &settings, report, message)) {
        return false;
    }
    struct agenda agenda = make_agenda(&campaign);
    size_t size = settings.jobs * sizeof(struct share);
    struct share *share = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (share == MAP_FAILED) {
        abort();
    }
    struct work work = {&campaign, &agenda, share, settings.jobs};
    run_jobs(&work);
    for (uint32_t job = 0; job < settings.jobs; job++) {
        add_report(report, &share[job].report);
    }
    munmap(share, size);
    free(agenda.operation);
    close_campaign(&campaign);
    report->seconds = now() - start;
    return true;
}

/// Takes a number and the colon behind it, or the end of the name.
static bool take_number(const char **name, uint64_t *number) {
    char *end;
    if (**name < '0' || **name > '9') {
        return false;
    }
    *number = strtoull(*name, &end, 10);
    *name = *end == ':' ? end + 1 : end;
    return *end == ':' || *end == 0;
}

static bool take_kind(const char **name, enum campaign_kind *kind) {
    for (uint32_t i = 0; i < CAMPAIGN_KIND_COUNT; i++) {
        const char *text = campaign_kind_name((enum campaign_kind)i);
        size_t length = strlen(text);
        if (strncmp(*name, text, length) == 0 && (*name)[length] == ':') {
            *kind = (enum campaign_kind)i;
            *name += length + 1;
            return true;
        }
    }
    return false;
}

static bool parse_case(const char *name, struct campaign_settings *settings, struct campaign_case *which) {
    uint64_t number;
    if (!take_number(&name, &settings->seed) || !take_kind(&name, &which->kind) || !take_number(&name, &number) ||
        number > UINT32_MAX) {
        return false;
    }
    which->number = (uint32_t)number;
    which->tear = *name ? nor_tear_from_name(name) : NOR_BEFORE;
    return which->tear != NOR_TEAR_COUNT;
}

bool campaign_replay(const struct campaign_settings *given, const char *name, FILE *out, enum campaign_verdict *verdict,
                     char *message) {
    struct campaign campaign;
    struct campaign_settings settings = *given;
    struct campaign_report report;
    struct campaign_case which;
    struct campaign_result result;
    if (!parse_case(name, &settings, &which)) {
        snprintf(message, MESSAGE_SIZE, "\"%s\" names no case: SEED:KIND:NUMBER:TEAR", name);
        return false;
    }
    if (!open_campaign(&campaign, &settings, &report, message)) {
        return false;
    }
    bool exists = (which.kind != CAMPAIGN_REQUEST || which.number < campaign.request.points) &&
                  (which.kind != CAMPAIGN_CUT || which.number < campaign.upgrade.points);
    if (exists) {
        campaign_follow(&campaign, &which, &result, out);
        *verdict = result.verdict;
    } else {
        snprintf(message, MESSAGE_SIZE, "the upgrade has %u operations", (unsigned)campaign.upgrade.points);
    }
    close_campaign(&campaign);
    return exists;
}

uint64_t campaign_failures(const struct campaign_report *report) {
    uint64_t failures = 0;
    for (uint32_t i = CAMPAIGN_KEPT + 1; i < CAMPAIGN_VERDICT_COUNT; i++) {
        failures += report->verdicts[i];
    }
    return failures;
}

/* Names. */

static const char *const kind_names[] = {
#define KIND_NAME(name, text, sentence) text,
    CAMPAIGN_KINDS(KIND_NAME)
#undef KIND_NAME
};
static const char *const kind_texts[] = {
#define KIND_TEXT(name, text, sentence) sentence,
    CAMPAIGN_KINDS(KIND_TEXT)
#undef KIND_TEXT
};
static const char *const verdict_names[] = {
#define VERDICT_NAME(name, text, sentence) text,
    CAMPAIGN_VERDICTS(VERDICT_NAME)
#undef VERDICT_NAME
};
static const char *const verdict_texts[] = {
#define VERDICT_TEXT(name, text, sentence) sentence,
    CAMPAIGN_VERDICTS(VERDICT_TEXT)
#undef VERDICT_TEXT
};

const char *campaign_kind_name(enum campaign_kind kind) {
    return kind_names[kind];
}

const char *campaign_kind_text(enum campaign_kind kind) {
    return kind_texts[kind];
}

const char *campaign_verdict_name(enum campaign_verdict verdict) {
    return verdict_names[verdict];
}

const char *campaign_verdict_text(enum campaign_verdict verdict) {
    return verdict_texts[verdict];
}
