#include "sim/campaign_case.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

/// Power-ups after which a device must be at rest, weak cells in its journal or not.
#define BOOTS_TO_REST 8u
/// Power-ups that every case is given: a device that runs once must run again.
#define BOOTS_LEAST 3u
/// Draws until a chain has its two cuts.
#define CHAIN_DRAWS 64u

/// A case under way.
struct run {
    const struct campaign *campaign;
    struct sim_device device;
    struct campaign_result *result;
    uint64_t random;
    FILE *trace;
};

static void tell(const struct run *run, const char *format, ...) {
    if (!run->trace) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vfprintf(run->trace, format, arguments);
    va_end(arguments);
    fputc('\n', run->trace);
}

/// Notes a broken promise; the first one counts.
static bool broken(struct run *run, enum campaign_verdict verdict, const char *format, ...) {
    if (run->result->verdict != CAMPAIGN_KEPT) {
        return false;
    }
    run->result->verdict = verdict;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->result->text, sizeof run->result->text, format, arguments);
    va_end(arguments);
    tell(run, "BROKEN (%s): %s", campaign_verdict_name(verdict), run->result->text);
    return false;
}

static void start_from(struct run *run, const struct sim_device *device) {
    sim_device_fork(&run->device, device);
    run->device.nor.random = nor_next_random(&run->random);
    nor_count_from_zero(&run->device.nor);
    run->device.boots = 0;
    run->device.installs = 0;
}

static enum nor_tear random_tear(struct run *run) {
    return (enum nor_tear)nor_random_below(&run->random, NOR_TEAR_COUNT);
}

static void note_cut(struct run *run, enum nor_tear tear) {
    if (run->result->cuts < CAMPAIGN_CHAIN_MAX) {
        run->result->tear[run->result->cuts] = tear;
    }
    run->result->cuts++;
}

static const char *operation_text(const struct nor_operation *operation) {
    static const char *const text[] = {"program", "erase sector", "erase block"};
    return text[operation->kind];
}

/// Cuts the power at a recorded operation.
static void cut_at_point(struct run *run, const struct campaign_point *point, enum nor_tear tear) {
    start_from(run, &point->device);
    tell(run, "cut at operation %u (%s at 0x%06x, %u bytes): %s", (unsigned)point->operation.number,
         operation_text(&point->operation), (unsigned)point->operation.address, (unsigned)point->operation.length,
         nor_tear_name(tear));
    nor_apply(&run->device.nor, &point->operation, tear);
    note_cut(run, tear);
}

static enum sim_stop power_on(struct run *run) {
    uint32_t before = run->device.nor.operations;
    enum sim_stop stop = sim_power_on(&run->device);
    tell(run, "power on: %s after %u operations (%s; installer: %s)", sim_stop_text(stop),
         (unsigned)(run->device.nor.operations - before), sim_runs_text(sim_runs(&run->device)),
         oneslot_error_text(run->device.last));
    return stop;
}

/* What must hold. */

static bool check_started(struct run *run, enum sim_stop stop) {
    if (stop == SIM_APPLICATION) {
        return true;
    }
    return broken(run, CAMPAIGN_BRICK, "%s (installer: %s)", sim_stop_text(stop), oneslot_error_text(run->device.last));
}

static bool check_rules(struct run *run) {
    const struct sim_device *device = &run->device;
    uint32_t address;
    if (device->bad_starts > 0) {
        return broken(run, CAMPAIGN_WRONG, "a firmware was started that is neither the old nor the new one, whole");
    }
    if (device->nor.violations > 0) {
        return broken(run, CAMPAIGN_VIOLATION, "%s at 0x%06x", nor_violation_text(device->nor.violation),
                      (unsigned)device->nor.violation_address);
    }
    if (!sim_untouched(device, &address)) {
        return broken(run, CAMPAIGN_LOST, "the sector at 0x%06x was changed", (unsigned)address);
    }
    return true;
}

static bool says_done(struct run *run) {
    struct oneslot_record record;
    return sim_journal(&run->device, &record) == ONESLOT_ERROR_NONE && record.state == ONESLOT_STATE_DONE &&
           record.outcome == ONESLOT_ERROR_NONE && record.installed_size == run->campaign->image_size &&
           memcmp(record.installed, run->campaign->image_sha256, sizeof record.installed) == 0;
}

/// Whether the old firmware may run on: the request was never read whole.
static bool says_nothing_done(struct run *run) {
    struct oneslot_record record;
    enum oneslot_error error = sim_journal(&run->device, &record);
    /* ESP-IDF's boot loader does not look into the journal: a request that lies there while the application is chosen
       would never be served. */
    return (error == ONESLOT_ERROR_NONE || error == ONESLOT_ERROR_JOURNAL_EMPTY) &&
           (record.state == ONESLOT_STATE_IDLE || (record.state == ONESLOT_STATE_REQUESTED && !run->device.vendor));
}

/// Boots until the device is at rest and checks every promise. `old_too`: the old firmware may be what runs.
static void check_end(struct run *run, bool old_too) {
    bool rests = false;
    for (uint32_t boot = 0; boot < BOOTS_TO_REST && (!rests || boot < BOOTS_LEAST); boot++) {
        if (!check_started(run, power_on(run))) {
            return;
        }
        enum sim_runs runs = sim_runs(&run->device);
        if (runs != SIM_RUNS_NEW && !(old_too && runs == SIM_RUNS_OLD)) {
            broken(run, CAMPAIGN_WRONG, "%s runs", sim_runs_text(runs));
            return;
        }
        old_too = old_too && runs == SIM_RUNS_OLD;
        rests = runs == SIM_RUNS_NEW ? says_done(run) : says_nothing_done(run);
        if (!check_rules(run)) {
            return;
        }
    }
    if (!rests) {
        broken(run, CAMPAIGN_JOURNAL, "the journal does not tell how it ended");
    }
}

/* The cases. */

static void follow_request(struct run *run, const struct campaign_case *which) {
    cut_at_point(run, &run->campaign->request.point[which->number], which->tear);
    check_end(run, true);
}

/// Lets the device go on until a further cut. Returns false when it is done before any cut could strike.
static bool cut_recovery(struct run *run, uint32_t at) {
    struct sim_device before;
    struct nor_fault fault = {.kind = NOR_FAULT_CUT, .at = at, .tear = random_tear(run)};
    run->device.nor.operations = 0;
    sim_device_fork(&before, &run->device);
    nor_plan(&run->device.nor, fault);
    enum sim_stop stop = sim_power_on(&run->device);
    uint32_t operations = run->device.nor.operations;
    if (stop != SIM_CUT && operations > 0 && stop != SIM_HUNG) {
        /* Done too early: once more from the same state, within what it did. */
        sim_device_discard(&run->device);
        run->device = before;
        fault.at = nor_random_below(&run->random, operations);
        run->device.nor.faults = 0;
        nor_plan(&run->device.nor, fault);
        stop = sim_power_on(&run->device);
    } else {
        sim_device_discard(&before);
    }
    run->device.nor.faults = 0;
    if (stop != SIM_CUT) {
        return false;
    }
    tell(run, "cut at operation %u of the recovery: %s", (unsigned)fault.at, nor_tear_name(fault.tear));
    note_cut(run, fault.tear);
    return true;
}

/// The application asks for files that are not there and is cut off; what it asks for at last must be done.
static void follow_again(struct run *run, const struct campaign_case *which) {
    const struct campaign *campaign = run->campaign;
    (void)which;
    start_from(run, &campaign->device);
    uint32_t rounds = 1 + nor_random_below(&run->random, CAMPAIGN_CHAIN_MAX - 1);
    for (uint32_t round = 0; round < rounds; round++) {
        char path[ONESLOT_PATH_MAX + 1];
        uint8_t digest[32];
        for (uint32_t i = 0; i < sizeof digest; i++) {
            digest[i] = (uint8_t)nor_next_random(&run->random);
        }
        snprintf(path, sizeof path, "/missing/%016llx%016llx", (unsigned long long)nor_next_random(&run->random),
                 (unsigned long long)nor_next_random(&run->random));
        struct nor_fault fault = {.kind = NOR_FAULT_CUT,
                                  .at = nor_random_below(&run->random, campaign->request.points),
                                  .tear = random_tear(run)};
        run->device.nor.operations = 0;
        nor_plan(&run->device.nor, fault);
        if (sim_request(&run->device, path, digest) == SIM_CUT) {
            tell(run, "cut at operation %u of a request for %s: %s", (unsigned)fault.at, path,
                 nor_tear_name(fault.tear));
            note_cut(run, fault.tear);
        }
        run->device.nor.faults = 0;
        if (nor_random_below(&run->random, 2) == 0 && !check_started(run, power_on(run))) {
            return;
        }
    }
    if (sim_request(&run->device, CAMPAIGN_PATH, campaign->ask_sha256 ? campaign->sha256 : NULL) != SIM_APPLICATION ||
        run->device.last != ONESLOT_ERROR_NONE) {
        broken(run, CAMPAIGN_JOURNAL, "a request was refused: %s", oneslot_error_text(run->device.last));
    } else {
        /* Every second time once more while the installer takes the request up. */
        if (run->result->cuts < CAMPAIGN_CHAIN_MAX && nor_random_below(&run->random, 2) == 0) {
            (void)cut_recovery(run, nor_random_below(&run->random, 8));
        }
        check_end(run, false);
    }
}

static void follow_cut(struct run *run, const struct campaign_case *which) {
    cut_at_point(run, &run->campaign->upgrade.point[which->number], which->tear);
    check_end(run, false);
}

static void follow_chain(struct run *run, const struct campaign_case *which) {
    const struct campaign_track *upgrade = &run->campaign->upgrade;
    (void)which;
    for (uint32_t draw = 0; draw < CHAIN_DRAWS && run->result->cuts < 2; draw++) {
        if (draw > 0) {
            sim_device_discard(&run->device);
        }
        run->result->cuts = 0;
        uint32_t wanted = 2 + nor_random_below(&run->random, CAMPAIGN_CHAIN_MAX - 1);
        uint32_t first = nor_random_below(&run->random, upgrade->points);
        cut_at_point(run, &upgrade->point[first], random_tear(run));
        while (run->result->cuts < wanted) {
            /* Half of them soon, while the journal is being brought in order; half anywhere. */
            const uint32_t within[] = {4, 24, upgrade->points - first + 8, upgrade->points - first + 8};
            if (!cut_recovery(run, nor_random_below(&run->random, within[nor_random_below(&run->random, 4)]))) {
                break;
            }
        }
    }
    check_end(run, false);
}

/// An operation to hurt: any, or one of the rare ones (erases, the journal's).
static uint32_t choose_operation(struct run *run) {
    const struct campaign_track *upgrade = &run->campaign->upgrade;
    uint32_t number = nor_random_below(&run->random, upgrade->points);
    if (nor_random_below(&run->random, 2) == 0) {
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

static void follow_fault(struct run *run, const struct campaign_case *which) {
    static const enum nor_tear left[] = {NOR_BEFORE, NOR_PREFIX, NOR_MIX, NOR_AFTER};
    (void)which;
    start_from(run, &run->campaign->requested);
    struct nor_fault fault = {.count = 1 + nor_random_below(&run->random, 2),
                              .tear = left[nor_random_below(&run->random, 4)]};
    switch (nor_random_below(&run->random, 5)) {
    case 0:
        fault.kind = NOR_FAULT_READ;
        fault.at = nor_random_below(&run->random, 4 * run->campaign->upgrade.points);
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
    struct nor_fault cut = {.kind = NOR_FAULT_CUT, .tear = random_tear(run)};
    bool with_cut = nor_random_below(&run->random, 2) == 0;
    cut.at = nor_random_below(&run->random, 2) ? points - 8 + nor_random_below(&run->random, 16)
                                               : nor_random_below(&run->random, points);
    static const char *const names[] = {"cut", "error", "silent", "read", "sector"};
    tell(run, "fault: %s at %u, %u in a row, leaves \"%s\"", names[fault.kind], (unsigned)fault.at,
         (unsigned)fault.count, nor_tear_name(fault.tear));
    nor_plan(&run->device.nor, fault);
    if (with_cut && (fault.kind == NOR_FAULT_READ || cut.at >= fault.at + fault.count)) {
        nor_plan(&run->device.nor, cut);
    }
    enum sim_stop stop = power_on(run);
    run->result->fault_hit = run->device.nor.fault_hit;
    if (stop == SIM_CUT) {
        tell(run, "cut at operation %u: %s", (unsigned)cut.at, nor_tear_name(cut.tear));
        note_cut(run, cut.tear);
    } else if (!check_started(run, stop)) {
        return;
    }
    run->device.nor.faults = 0;
    /* Of a chip that says it has erased and has not, no engine can know better before it reads back. */
    if (fault.kind == NOR_FAULT_SILENT && run->device.nor.violation == NOR_VIOLATION_SET_BIT) {
        run->device.nor.violations = 0;
    }
    check_end(run, false);
}

/// Flash address of a random byte of the new file's data, 0 when none is found. Bytes 2 and 3 are never chosen: they
/// are the device's own, and an image's own proof may leave them out.
static uint32_t find_file_byte(struct run *run) {
    const struct campaign *campaign = run->campaign;
    const uint8_t *file = campaign->settings->file;
    enum { PIECE = 32 };
    uint8_t *fs = malloc(campaign->fs_size);
    uint32_t found = 0;
    if (!fs) {
        abort();
    }
    nor_peek(&run->device.nor, campaign->fs_start, fs, campaign->fs_size);
    for (uint32_t draw = 0; draw < 64 && found == 0; draw++) {
        uint32_t offset = 4 + nor_random_below(&run->random, campaign->settings->file_size - PIECE - 4);
        uint32_t hits = 0;
        for (const uint8_t *at = fs; (at = memchr(at, file[offset], campaign->fs_size - PIECE - (size_t)(at - fs)));
             at++) {
            if (memcmp(at, file + offset, PIECE) == 0 && ++hits == 1) {
                found = campaign->fs_start + (uint32_t)(at - fs);
            }
        }
        if (hits != 1) {
            found = 0;
        }
    }
    free(fs);
    return found;
}

static void flip(struct run *run, uint32_t address, uint8_t bit) {
    uint8_t byte;
    nor_peek(&run->device.nor, address, &byte, 1);
    byte ^= bit;
    nor_load(&run->device.nor, address, &byte, 1);
}

static void follow_changed(struct run *run, const struct campaign_case *which) {
    const struct campaign_track *upgrade = &run->campaign->upgrade;
    (void)which;
    cut_at_point(run, &upgrade->point[nor_random_below(&run->random, upgrade->points)], random_tear(run));
    uint32_t address = find_file_byte(run);
    if (address == 0) {
        return;
    }
    uint8_t bit = (uint8_t)(1u << nor_random_below(&run->random, 8));
    flip(run, address, bit);
    tell(run, "the file is changed at 0x%06x", (unsigned)address);
    bool started = power_on(run) == SIM_APPLICATION;
    struct oneslot_record record;
    bool refused = started && sim_journal(&run->device, &record) == ONESLOT_ERROR_NONE &&
                   record.state == ONESLOT_STATE_FAILED && sim_runs(&run->device) == SIM_RUNS_OLD;
    flip(run, address, bit);
    tell(run, "the file is as it was");
    if (refused) {
        check_rules(run); /* nothing had been written yet, and the request is over */
    } else {
        check_end(run, false);
    }
}

/// Whether firmware and displaced sector are as they were provisioned and were never erased.
static bool firmware_untouched(const struct run *run) {
    const struct sim_device *device = &run->device;
    for (uint32_t i = 0; i < device->nor.sectors; i++) {
        uint32_t address = i * ONESLOT_SECTOR_SIZE;
        bool firmware = (address >= device->layout.application && address < device->layout.firmware) ||
                        (!device->vendor && address == device->layout.displaced);
        const struct nor_sector *now = device->nor.sector[i];
        const struct nor_sector *then = device->provisioned->sector[i];
        if (firmware && now != then &&
            (now->erases != then->erases || memcmp(now->data, then->data, ONESLOT_SECTOR_SIZE) != 0)) {
            return false;
        }
    }
    return true;
}

static void follow_refuse(struct run *run, const struct campaign_case *which) {
    (void)which;
    start_from(run, &run->campaign->device);
    uint32_t address = find_file_byte(run);
    if (address == 0) {
        return;
    }
    uint8_t bit = (uint8_t)(1u << nor_random_below(&run->random, 8));
    flip(run, address, bit);
    tell(run, "a bit of the file is flipped at 0x%06x", (unsigned)address);
    sim_request(&run->device, CAMPAIGN_PATH, run->campaign->ask_sha256 ? run->campaign->sha256 : NULL);
    if (!check_started(run, power_on(run))) {
        return;
    }
    struct oneslot_record record;
    if (sim_runs(&run->device) != SIM_RUNS_OLD || !firmware_untouched(run)) {
        broken(run, CAMPAIGN_WRONG, "a damaged file was not refused before the firmware was touched");
    } else if (sim_journal(&run->device, &record) != ONESLOT_ERROR_NONE || record.state != ONESLOT_STATE_FAILED ||
               record.outcome == ONESLOT_ERROR_NONE) {
        broken(run, CAMPAIGN_JOURNAL, "the journal does not tell why the file was refused");
    }
    flip(run, address, bit);
    check_rules(run);
}

/// Adds up what the device did.
static void take_figures(struct run *run) {
    const struct nor *nor = &run->device.nor;
    run->result->flash = nor->statistics;
    run->result->boots = run->device.boots;
    run->result->installs = run->device.installs;
    for (uint32_t i = 0; i < nor->sectors; i++) {
        if (nor->sector[i]->erases > run->result->wear) {
            run->result->wear = nor->sector[i]->erases;
        }
    }
}

void campaign_follow(const struct campaign *campaign, const struct campaign_case *which, struct campaign_result *result,
                     FILE *trace) {
    static void (*const follow[])(struct run *, const struct campaign_case *) = {
        [CAMPAIGN_REQUEST] = follow_request, [CAMPAIGN_AGAIN] = follow_again, [CAMPAIGN_CUT] = follow_cut,
        [CAMPAIGN_CHAIN] = follow_chain,     [CAMPAIGN_FAULT] = follow_fault, [CAMPAIGN_CHANGED] = follow_changed,
        [CAMPAIGN_REFUSE] = follow_refuse,
    };
    struct run run = {.campaign = campaign, .result = result, .trace = trace};
    memset(result, 0, sizeof *result);
    run.random =
        campaign->settings->seed + ((uint64_t)which->kind << 56) + ((uint64_t)which->tear << 48) + which->number;
    run.random = nor_next_random(&run.random);
    follow[which->kind](&run, which);
    take_figures(&run);
    sim_device_discard(&run.device);
}
