#include "sim/campaign_case.h"

#include <stdlib.h>
#include <string.h>

/* What must hold. */

bool campaign_says_done(struct campaign_run *run) {
    struct oneslot_record record;
    return sim_journal(&run->at.device, &record) == ONESLOT_ERROR_NONE && record.state == ONESLOT_STATE_DONE &&
           record.outcome == ONESLOT_ERROR_NONE && record.installed_size == run->campaign->image_size &&
           memcmp(record.installed, run->campaign->image_sha256, sizeof record.installed) == 0;
}

/// Whether the old firmware may run on: the request was never read whole.
static bool says_nothing_done(struct campaign_run *run) {
    struct oneslot_record record;
    enum oneslot_error error = sim_journal(&run->at.device, &record);
    /* ESP-IDF's boot loader does not look into the journal: a request that lies there while the application is chosen
       would never be served. */
    return (error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_JOURNAL_EMPTY) &&
           (record.state == ONESLOT_STATE_IDLE || (record.state == ONESLOT_STATE_REQUESTED && !run->at.device.vendor));
}

void campaign_check_end(struct campaign_run *run, bool old_too) {
    bool rests = false;
    for (uint32_t boot = 0; boot < CASE_BOOTS_TO_REST && (!rests || boot < CASE_BOOTS_LEAST); boot++) {
        if (!case_check_started(&run->at, case_power_on(&run->at))) {
            return;
        }
        enum sim_runs runs = sim_runs(&run->at.device);
        if (runs != SIM_RUNS_NEW && !(old_too && runs == SIM_RUNS_OLD)) {
            case_broken(&run->at, CAMPAIGN_WRONG, "%s runs", sim_runs_text(runs));
            return;
        }
        old_too = old_too && runs == SIM_RUNS_OLD;
        rests = runs == SIM_RUNS_NEW ? campaign_says_done(run) : says_nothing_done(run);
        if (!case_check_rules(&run->at)) {
            return;
        }
    }
    if (!rests) {
        struct oneslot_record record;
        enum oneslot_error error = sim_journal(&run->at.device, &record);
        case_broken(&run->at, CAMPAIGN_JOURNAL, "the journal does not tell how it ended: state %u, \"%s\"",
                    record.state, oneslot_error_text(error ? error : (enum oneslot_error)record.outcome));
    }
}

/* The cases. */

static void follow_request(struct campaign_run *run, const struct campaign_case *which) {
    case_cut_at(&run->at, &run->campaign->request.point[which->number], which->tear);
    campaign_check_end(run, true);
}

/// The application asks for files that are not there and is cut off; what it asks for at last must be done.
static void follow_again(struct campaign_run *run, const struct campaign_case *which) {
    const struct campaign *campaign = run->campaign;
    (void)which;
    case_start(&run->at, &campaign->device);
    uint32_t rounds = 1 + nor_random_below(&run->at.random, CAMPAIGN_CHAIN_MAX - 1);
    for (uint32_t round = 0; round < rounds; round++) {
        char path[ONESLOT_PATH_MAX + 1];
        uint8_t digest[32];
        for (uint32_t i = 0; i < sizeof digest; i++) {
            digest[i] = (uint8_t)nor_next_random(&run->at.random);
        }
        snprintf(path, sizeof path, "/missing/%016llx%016llx", (unsigned long long)nor_next_random(&run->at.random),
                 (unsigned long long)nor_next_random(&run->at.random));
        struct nor_fault fault = {.kind = NOR_FAULT_CUT,
                                  .at = nor_random_below(&run->at.random, campaign->request.points),
                                  .tear = case_random_tear(&run->at)};
        run->at.device.nor.operations = 0;
        nor_plan(&run->at.device.nor, fault);
        if (sim_request(&run->at.device, path, digest) == SIM_CUT) {
            case_tell(&run->at, "cut at operation %u of a request for %s: %s", (unsigned)fault.at, path,
                      nor_tear_name(fault.tear));
            case_note_cut(&run->at, fault.tear);
        }
        run->at.device.nor.faults = 0;
        if (nor_random_below(&run->at.random, 2) == 0 && !case_check_started(&run->at, case_power_on(&run->at))) {
            return;
        }
    }
    if (sim_request(&run->at.device, CAMPAIGN_PATH, campaign->ask_sha256 ? campaign->sha256 : NULL) !=
            SIM_APPLICATION ||
        run->at.device.last != ONESLOT_ERROR_NONE) {
        case_broken(&run->at, CAMPAIGN_JOURNAL, "a request was refused: %s", oneslot_error_text(run->at.device.last));
    } else {
        /* Every second time once more while the installer takes the request up. */
        if (run->at.result->cuts < CAMPAIGN_CHAIN_MAX && nor_random_below(&run->at.random, 2) == 0) {
            (void)case_cut_recovery(&run->at, nor_random_below(&run->at.random, 8));
        }
        campaign_check_end(run, false);
    }
}

static void follow_cut(struct campaign_run *run, const struct campaign_case *which) {
    case_cut_at(&run->at, &run->campaign->upgrade.point[which->number], which->tear);
    campaign_check_end(run, false);
}

static void follow_chain(struct campaign_run *run, const struct campaign_case *which) {
    (void)which;
    case_chain(&run->at, &run->campaign->upgrade);
    campaign_check_end(run, false);
}

/// An operation to hurt: any, or one of the rare ones (erases, the journal's).
static uint32_t choose_operation(struct campaign_run *run) {
    const struct track *upgrade = &run->campaign->upgrade;
    uint32_t number = nor_random_below(&run->at.random, upgrade->points);
    if (nor_random_below(&run->at.random, 2) == 0) {
        return number;
    }
    for (uint32_t i = 0; i < upgrade->points; i++) {
        uint32_t at = (number + i) % upgrade->points;
        const struct nor_operation *operation = &upgrade->point[at].operation;
        if (operation->kind != NOR_PROGRAM || operation->length < ONESLOT_PAGE_SIZE) {
            return at;
        }
    }
    return number;
}

static void follow_fault(struct campaign_run *run, const struct campaign_case *which) {
    static const enum nor_tear left[] = {NOR_BEFORE, NOR_PREFIX, NOR_MIX, NOR_AFTER};
    (void)which;
    case_start(&run->at, &run->campaign->requested);
    struct nor_fault fault = {.count = 1 + nor_random_below(&run->at.random, 2),
                              .tear = left[nor_random_below(&run->at.random, 4)]};
    switch (nor_random_below(&run->at.random, 5)) {
    case 0:
        fault.kind = NOR_FAULT_READ;
        fault.at = nor_random_below(&run->at.random, 4 * run->campaign->upgrade.points);
        break;
    case 1:
    case 2:
        fault.kind = NOR_FAULT_SILENT;
        fault.at = choose_operation(run);
        fault.count = 1;
        break;
    default:
        fault.kind = NOR_FAULT_ERROR;
        fault.at = choose_operation(run);
        break;
    }
    /* Every second time power is cut as well, behind the fault: often at the end, where all seems well already. */
    uint32_t points = run->campaign->upgrade.points;
    struct nor_fault cut = {.kind = NOR_FAULT_CUT, .tear = case_random_tear(&run->at)};
    bool with_cut = nor_random_below(&run->at.random, 2) == 0;
    cut.at = nor_random_below(&run->at.random, 2) ? points - 8 + nor_random_below(&run->at.random, 16)
                                                  : nor_random_below(&run->at.random, points);
    case_tell(&run->at, "fault: %s at %u, %u in a row, leaves \"%s\"", nor_fault_name(fault.kind), (unsigned)fault.at,
              (unsigned)fault.count, nor_tear_name(fault.tear));
    nor_plan(&run->at.device.nor, fault);
    if (with_cut && (fault.kind == NOR_FAULT_READ || cut.at >= fault.at + fault.count)) {
        nor_plan(&run->at.device.nor, cut);
    }
    enum sim_stop stop = case_power_on(&run->at);
    run->at.result->fault_hit = run->at.device.nor.fault_hit;
    if (stop == SIM_CUT) {
        case_tell(&run->at, "cut at operation %u: %s", (unsigned)cut.at, nor_tear_name(cut.tear));
        case_note_cut(&run->at, cut.tear);
    } else if (!case_check_started(&run->at, stop)) {
        return;
    }
    run->at.device.nor.faults = 0;
    /* Of a chip that says it has erased and has not, no engine can know better before it reads back. */
    if (fault.kind == NOR_FAULT_SILENT && run->at.device.nor.violation == NOR_VIOLATION_SET_BIT) {
        run->at.device.nor.violations = 0;
    }
    campaign_check_end(run, false);
}

/// Flash address of a random byte of the new file's data, 0 when none is found. Bytes 2 and 3 are never chosen: they
/// are the device's own, and an image's own proof may leave them out.
static uint32_t find_file_byte(struct campaign_run *run) {
    const struct campaign *campaign = run->campaign;
    const uint8_t *file = campaign->settings->file;
    enum { PIECE = 32 };
    uint8_t *fs = malloc(campaign->device.fs_size);
    uint32_t found = 0;
    if (!fs) {
        abort();
    }
    nor_peek(&run->at.device.nor, campaign->device.fs_start, fs, campaign->device.fs_size);
    for (uint32_t draw = 0; draw < 64 && found == 0; draw++) {
        uint32_t offset = 4 + nor_random_below(&run->at.random, campaign->settings->file_size - PIECE - 4);
        uint32_t hits = 0;
        for (const uint8_t *at = fs;
             (at = memchr(at, file[offset], campaign->device.fs_size - PIECE - (size_t)(at - fs))); at++) {
            if (memcmp(at, file + offset, PIECE) == 0 && ++hits == 1) {
                found = campaign->device.fs_start + (uint32_t)(at - fs);
            }
        }
        if (hits != 1) {
            found = 0;
        }
    }
    free(fs);
    return found;
}

static void flip(struct campaign_run *run, uint32_t address, uint8_t bit) {
    uint8_t byte;
    nor_peek(&run->at.device.nor, address, &byte, 1);
    byte ^= bit;
    nor_load(&run->at.device.nor, address, &byte, 1);
}

static void follow_changed(struct campaign_run *run, const struct campaign_case *which) {
    const struct track *upgrade = &run->campaign->upgrade;
    (void)which;
    case_cut_at(&run->at, &upgrade->point[nor_random_below(&run->at.random, upgrade->points)],
                case_random_tear(&run->at));
    uint32_t address = find_file_byte(run);
    if (address == 0) {
        return;
    }
    uint8_t bit = (uint8_t)(1u << nor_random_below(&run->at.random, 8));
    flip(run, address, bit);
    case_tell(&run->at, "the file is changed at 0x%06x", (unsigned)address);
    bool started = case_power_on(&run->at) == SIM_APPLICATION;
    struct oneslot_record record;
    bool refused = started && sim_journal(&run->at.device, &record) == ONESLOT_ERROR_NONE &&
                   record.state == ONESLOT_STATE_FAILED && sim_runs(&run->at.device) == SIM_RUNS_OLD;
    flip(run, address, bit);
    case_tell(&run->at, "the file is as it was");
    if (refused) {
        case_check_rules(&run->at); /* nothing had been written yet, and the request is over */
    } else {
        campaign_check_end(run, false);
    }
}

static void follow_refuse(struct campaign_run *run, const struct campaign_case *which) {
    (void)which;
    case_start(&run->at, &run->campaign->device);
    uint32_t address = find_file_byte(run);
    if (address == 0) {
        return;
    }
    uint8_t bit = (uint8_t)(1u << nor_random_below(&run->at.random, 8));
    flip(run, address, bit);
    case_tell(&run->at, "a bit of the file is flipped at 0x%06x", (unsigned)address);
    sim_request(&run->at.device, CAMPAIGN_PATH, run->campaign->ask_sha256 ? run->campaign->sha256 : NULL);
    if (!case_check_started(&run->at, case_power_on(&run->at))) {
        return;
    }
    struct oneslot_record record;
    if (sim_runs(&run->at.device) != SIM_RUNS_OLD || !case_firmware_untouched(&run->at)) {
        case_broken(&run->at, CAMPAIGN_WRONG, "a damaged file was not refused before the firmware was touched");
    } else if (sim_journal(&run->at.device, &record) != ONESLOT_ERROR_NONE || record.state != ONESLOT_STATE_FAILED ||
               record.outcome == ONESLOT_ERROR_NONE) {
        case_broken(&run->at, CAMPAIGN_JOURNAL, "the journal does not tell why the file was refused");
    }
    flip(run, address, bit);
    case_check_rules(&run->at);
}

void campaign_follow(const struct campaign *campaign, const struct campaign_case *which, struct campaign_result *result,
                     FILE *trace) {
    static void (*const follow[])(struct campaign_run *, const struct campaign_case *) = {
        [CAMPAIGN_REQUEST] = follow_request,
        [CAMPAIGN_AGAIN] = follow_again,
        [CAMPAIGN_CUT] = follow_cut,
        [CAMPAIGN_CHAIN] = follow_chain,
        [CAMPAIGN_FAULT] = follow_fault,
        [CAMPAIGN_CHANGED] = follow_changed,
        [CAMPAIGN_REFUSE] = follow_refuse,
        [CAMPAIGN_FILE] = campaign_follow_file,
        [CAMPAIGN_WORN] = campaign_follow_worn,
        [CAMPAIGN_DISTURB] = campaign_follow_disturb,
        [CAMPAIGN_ROT] = campaign_follow_rot,
        [CAMPAIGN_UNSTARTED] = campaign_follow_unstarted,
    };
    struct campaign_run run = {.campaign = campaign};
    case_open(&run.at, campaign->settings->seed, which, result, trace);
    follow[which->kind](&run, which);
    case_close(&run.at);
}
