#include "sim/campaign_case.h"

#include <stdlib.h>
#include <string.h>

#include "bearssl_hash.h"
#include "sim/jobs.h"

#define MESSAGE_SIZE 160u
#define FILES_MAX    15u

/* The upgrade without a cut. */

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
    track_begin(&campaign->request, &campaign->requested);
    sim_request(&campaign->requested, CAMPAIGN_PATH, campaign->ask_sha256 ? campaign->sha256 : NULL);
    track_end(&campaign->request, &campaign->requested);
}

/// Runs the upgrade on a copy, recording each operation. Returns how the installer ended.
static enum oneslot_error record_upgrade(struct campaign *campaign) {
    struct oneslot_record record;
    struct sim_device *device = &campaign->upgraded;
    sim_device_fork(device, &campaign->requested);
    track_begin(&campaign->upgrade, device);
    campaign->started = sim_power_on(device) == SIM_APPLICATION;
    track_end(&campaign->upgrade, device);
    campaign->upgrade_reads = device->nor.reads;
    enum oneslot_error error = sim_journal(device, &record);
    return error != ONESLOT_ERROR_NONE ? error : (enum oneslot_error)record.outcome;
}

static void forget_recording(struct campaign *campaign) {
    sim_device_discard(&campaign->upgraded);
    sim_device_discard(&campaign->requested);
    track_free(&campaign->request);
    track_free(&campaign->upgrade);
}

static void close_campaign(struct campaign *campaign) {
    track_free(&campaign->request);
    track_free(&campaign->upgrade);
    if (campaign->requested.nor.sector) {
        sim_device_discard(&campaign->requested);
    }
    if (campaign->upgraded.nor.sector) {
        sim_device_discard(&campaign->upgraded);
    }
    if (campaign->provisioned.sector) {
        nor_destroy(&campaign->provisioned);
        sim_device_destroy(&campaign->device);
    }
}

static bool check_upgraded(const struct campaign *campaign, enum oneslot_error outcome, char *message) {
    const struct sim_device *device = &campaign->upgraded;
    uint32_t address;
    if (outcome != ONESLOT_ERROR_NONE) {
        snprintf(message, MESSAGE_SIZE, "the upgrade was refused: %s", oneslot_error_text(outcome));
    } else if (sim_runs(device) != SIM_RUNS_NEW) {
        snprintf(message, MESSAGE_SIZE, "after the upgrade the %s runs", sim_runs_text(sim_runs(device)));
    } else if (!campaign->started) {
        snprintf(message, MESSAGE_SIZE, "the new firmware was proven and is not started: %s",
                 oneslot_error_text(device->last));
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

uint32_t campaign_first_sector(const struct campaign *campaign) {
    const struct oneslot_layout *layout = &campaign->device.layout;
    uint32_t target = layout->application + campaign->settings->new_firmware.size - campaign->image_size;
    return target == 0 ? layout->displaced : target;
}

/// Whether nothing of the firmware is written any more once the image's first sector begins to be programmed.
static bool first_sector_last(const struct campaign *campaign) {
    const struct oneslot_layout *layout = &campaign->device.layout;
    uint32_t first = campaign_first_sector(campaign);
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
    enum oneslot_error outcome = record_upgrade(campaign);
    if (outcome == ONESLOT_ERROR_IMAGE_UNPROVEN && !campaign->ask_sha256) {
        campaign->ask_sha256 = true;
        forget_recording(campaign);
        record_request(campaign);
        outcome = record_upgrade(campaign);
    }
    report->operations = campaign->upgrade.points;
    report->request_operations = campaign->request.points;
    report->upgrade = campaign->upgraded.nor.statistics;
    report->sha256 = campaign->ask_sha256;
    report->first_sector_last = first_sector_last(campaign);
    bool works = check_upgraded(campaign, outcome, message);
    if (works && !report->first_sector_last) {
        snprintf(message, MESSAGE_SIZE, "the image's first sector is not written last");
        works = false;
    }
    if (!works) {
        close_campaign(campaign);
    }
    return works;
}

/* All cases. */

static void make_agenda(const struct campaign *campaign, struct agenda *agenda) {
    const struct campaign_settings *settings = campaign->settings;
    agenda_create(agenda, &campaign->upgrade, settings->step, 0, 0);
    agenda_add(agenda, CAMPAIGN_REQUEST, (uint64_t)campaign->request.points * NOR_TEAR_COUNT);
    agenda_add(agenda, CAMPAIGN_AGAIN, settings->repeats);
    agenda_add(agenda, CAMPAIGN_CHAIN, settings->chains);
    agenda_add(agenda, CAMPAIGN_FAULT, settings->faults);
    agenda_add(agenda, CAMPAIGN_CHANGED, settings->changes);
    agenda_add(agenda, CAMPAIGN_REFUSE, settings->refusals);
    agenda_add(agenda, CAMPAIGN_FILE, settings->files);
    agenda_add(agenda, CAMPAIGN_WORN, settings->worn);
    agenda_add(agenda, CAMPAIGN_DISTURB, settings->disturbs);
    agenda_add(agenda, CAMPAIGN_ROT, settings->rots);
    agenda_add(agenda, CAMPAIGN_UNSTARTED, settings->unstarted);
}

struct work {
    const struct campaign *campaign;
    struct agenda agenda;
    struct campaign_report *report;
};

static bool run_case(void *context, uint64_t number, void *sum, uint32_t *cuts) {
    const struct work *work = context;
    struct campaign_result result;
    struct campaign_case which = agenda_case(&work->agenda, number);
    campaign_follow(work->campaign, &which, &result, NULL);
    tally_result(sum, &which, work->campaign->settings->seed, &result);
    *cuts = result.cuts;
    return result.verdict == CAMPAIGN_KEPT;
}

static void note_crash(void *context, uint64_t number, void *sum) {
    const struct work *work = context;
    struct campaign_case which = agenda_case(&work->agenda, number);
    tally_failure(sum, &which, work->campaign->settings->seed, CAMPAIGN_CRASH, "the engine crashed or never came back");
}

static void add_sum(void *context, const void *sum) {
    const struct work *work = context;
    tally_report(work->report, sum);
}

bool campaign_run(const struct campaign_settings *given, struct campaign_report *report, char *message) {
    struct campaign campaign;
    struct campaign_settings settings = *given;
    double start = jobs_seconds();
    if (settings.jobs == 0 || settings.jobs > CAMPAIGN_JOBS_MAX) {
        settings.jobs = settings.jobs == 0 ? 1 : CAMPAIGN_JOBS_MAX;
    }
    if (settings.step == 0) {
        settings.step = 1;
    }
    if (!open_campaign(&campaign, &settings, report, message)) {
        return false;
    }
    struct work work = {.campaign = &campaign, .report = report};
    make_agenda(&campaign, &work.agenda);
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
    close_campaign(&campaign);
    report->seconds = jobs_seconds() - start;
    return true;
}

bool campaign_replay(const struct campaign_settings *given, const char *name, FILE *out, enum campaign_verdict *verdict,
                     char *message) {
    struct campaign campaign;
    struct campaign_settings settings = *given;
    struct campaign_report report;
    struct campaign_case which;
    struct campaign_result result;
    if (!agenda_parse(name, &settings.seed, &which)) {
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
