#include "sim/case.h"

#include <stdarg.h>
#include <string.h>

/// Draws until a chain has its two cuts.
#define CHAIN_DRAWS 64u

void case_tell(const struct sim_case *run, const char *format, ...) {
    if (!run->trace) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    vfprintf(run->trace, format, arguments);
    va_end(arguments);
    fputc('\n', run->trace);
}

bool case_broken(struct sim_case *run, enum campaign_verdict verdict, const char *format, ...) {
    if (run->result->verdict != CAMPAIGN_KEPT) {
        return false;
    }
    run->result->verdict = verdict;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(run->result->text, sizeof run->result->text, format, arguments);
    va_end(arguments);
    case_tell(run, "BROKEN (%s): %s", campaign_verdict_name(verdict), run->result->text);
    return false;
}

void case_start(struct sim_case *run, const struct sim_device *device) {
    sim_device_fork(&run->device, device);
    run->device.nor.random = nor_next_random(&run->random);
    nor_count_from_zero(&run->device.nor);
    run->device.boots = 0;
    run->device.installs = 0;
}

enum nor_tear case_random_tear(struct sim_case *run) {
    return (enum nor_tear)nor_random_below(&run->random, NOR_TEAR_COUNT);
}

void case_note_cut(struct sim_case *run, enum nor_tear tear) {
    if (run->result->cuts < CAMPAIGN_CHAIN_MAX) {
        run->result->tear[run->result->cuts] = tear;
    }
    run->result->cuts++;
}

static const char *operation_text(const struct nor_operation *operation) {
    static const char *const text[] = {"program", "erase sector", "erase block"};
    return text[operation->kind];
}

void case_cut_at(struct sim_case *run, const struct track_point *point, enum nor_tear tear) {
    case_start(run, &point->device);
    case_tell(run, "cut at operation %u (%s at 0x%06x, %u bytes): %s", (unsigned)point->operation.number,
              operation_text(&point->operation), (unsigned)point->operation.address, (unsigned)point->operation.length,
              nor_tear_name(tear));
    nor_apply(&run->device.nor, &point->operation, tear);
    case_note_cut(run, tear);
}

enum sim_stop case_power_on(struct sim_case *run) {
    uint32_t before = run->device.nor.operations;
    enum sim_stop stop = sim_power_on(&run->device);
    nor_note(&run->device.nor, (uint32_t)stop << 8 | run->device.last);
    case_tell(run, "power on: %s after %u operations (%s; installer: %s)", sim_stop_text(stop),
              (unsigned)(run->device.nor.operations - before), sim_runs_text(sim_runs(&run->device)),
              oneslot_error_text(run->device.last));
    return stop;
}

bool case_check_started(struct sim_case *run, enum sim_stop stop) {
    if (stop == SIM_APPLICATION) {
        return true;
    }
    return case_broken(run, CAMPAIGN_BRICK, "%s (installer: %s)", sim_stop_text(stop),
                       oneslot_error_text(run->device.last));
}

bool case_check_rules(struct sim_case *run) {
    const struct sim_device *device = &run->device;
    uint32_t address;
    if (device->bad_starts > 0) {
        return case_broken(run, CAMPAIGN_WRONG,
                           "a firmware was started that is neither the old nor the new one, whole");
    }
    if (device->nor.violations > 0) {
        return case_broken(run, CAMPAIGN_VIOLATION, "%s at 0x%06x", nor_violation_text(device->nor.violation),
                           (unsigned)device->nor.violation_address);
    }
    if (!sim_untouched(device, &address)) {
        return case_broken(run, CAMPAIGN_LOST, "the sector at 0x%06x was changed", (unsigned)address);
    }
    return case_check_bounded(run);
}

bool case_check_bounded(struct sim_case *run) {
    const struct nor *nor = &run->device.nor;
    if (nor->deed_erases_max > SIM_ERASES_BETWEEN_DEEDS || nor->deed_programs_max > SIM_PROGRAMS_BETWEEN_DEEDS) {
        return case_broken(run, CAMPAIGN_ENDLESS, "with nobody asking, the sector at 0x%06x: %u erases, %u programs",
                           (unsigned)nor->deed_address, (unsigned)nor->deed_erases_max,
                           (unsigned)nor->deed_programs_max);
    }
    return true;
}

enum sim_stop case_resets(struct sim_case *run) {
    uint32_t before = run->device.nor.operations;
    enum sim_stop stop = sim_resets(&run->device, CASE_RESETS);
    case_tell(run, "%u resets in a row: %s, %u operations, at the most %u erases and %u programs of a sector",
              CASE_RESETS, sim_stop_text(stop), (unsigned)(run->device.nor.operations - before),
              (unsigned)run->device.nor.deed_erases_max, (unsigned)run->device.nor.deed_programs_max);
    return stop;
}

bool case_cut_recovery(struct sim_case *run, uint32_t at) {
    struct sim_device before;
    struct nor_fault fault = {.kind = NOR_FAULT_CUT, .at = at, .tear = case_random_tear(run)};
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
    case_tell(run, "cut at operation %u of the recovery: %s", (unsigned)fault.at, nor_tear_name(fault.tear));
    case_note_cut(run, fault.tear);
    return true;
}

bool case_firmware_untouched(const struct sim_case *run) {
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

void case_chain(struct sim_case *run, const struct track *track) {
    for (uint32_t draw = 0; draw < CHAIN_DRAWS && run->result->cuts < 2; draw++) {
        if (draw > 0) {
            sim_device_discard(&run->device);
        }
        run->result->cuts = 0;
        uint32_t wanted = 2 + nor_random_below(&run->random, CAMPAIGN_CHAIN_MAX - 1);
        uint32_t first = nor_random_below(&run->random, track->points);
        case_cut_at(run, &track->point[first], case_random_tear(run));
        while (run->result->cuts < wanted) {
            /* Half of them soon, while the journal is being brought in order; half anywhere. */
            const uint32_t within[] = {4, 24, track->points - first + 8, track->points - first + 8};
            if (!case_cut_recovery(run, nor_random_below(&run->random, within[nor_random_below(&run->random, 4)]))) {
                break;
            }
        }
    }
}

void case_open(struct sim_case *run, uint64_t seed, const struct campaign_case *which, struct campaign_result *result,
               FILE *trace) {
    memset(run, 0, sizeof *run);
    memset(result, 0, sizeof *result);
    run->result = result;
    run->trace = trace;
    run->random = seed + ((uint64_t)which->kind << 56) + ((uint64_t)which->tear << 48) + which->number;
    run->random = nor_next_random(&run->random);
}

void case_close(struct sim_case *run) {
    const struct nor *nor = &run->device.nor;
    run->result->flash = nor->statistics;
    run->result->boots = run->device.boots;
    run->result->installs = run->device.installs;
    for (uint32_t i = 0; i < nor->sectors; i++) {
        if (nor->sector[i]->erases > run->result->wear) {
            run->result->wear = nor->sector[i]->erases;
        }
    }
    sim_device_discard(&run->device);
}

/* What chips do. */

void case_wear_out(struct sim_case *run, uint32_t sector) {
    static const uint8_t kinds[] = {NOR_WEAR_ERASE,
                                    NOR_WEAR_PROGRAM,
                                    NOR_WEAR_ERASE | NOR_WEAR_PROGRAM,
                                    NOR_WEAR_ERASE | NOR_WEAR_SILENT,
                                    NOR_WEAR_ERASE | NOR_WEAR_PROGRAM | NOR_WEAR_SILENT,
                                    0};
    uint8_t kind = kinds[nor_random_below(&run->random, sizeof kinds)];
    if (kind != 0) {
        nor_wear_out(&run->device.nor, sector, kind);
    } else {
        uint32_t at = nor_random_below(&run->random, ONESLOT_SECTOR_SIZE);
        nor_stick(&run->device.nor, sector + at, (uint8_t)(1u << nor_random_below(&run->random, 8)));
    }
    case_tell(run, "the sector at 0x%06x is worn (%u; 0: a bit sticks)", (unsigned)sector, kind);
}

void case_excuse_worn(struct sim_case *run, uint32_t sector) {
    struct nor *nor = &run->device.nor;
    if (nor->violation == NOR_VIOLATION_SET_BIT &&
        nor->violation_address / ONESLOT_SECTOR_SIZE == sector / ONESLOT_SECTOR_SIZE) {
        nor->violations = 0;
        nor->violation = NOR_VIOLATION_NONE;
    }
}

void case_disturb(struct sim_case *run, uint32_t reads) {
    bool fails = nor_random_below(&run->random, 2) != 0;
    struct nor_fault fault = {.kind = fails ? NOR_FAULT_READ : NOR_FAULT_DISTURB};
    fault.at = run->device.nor.reads + nor_random_below(&run->random, reads);
    fault.count = 1u + nor_random_below(&run->random, 8);
    case_tell(run, "%u reads from %u on: %s", (unsigned)fault.count, (unsigned)fault.at, nor_fault_name(fault.kind));
    nor_plan(&run->device.nor, fault);
}

uint32_t case_journal_byte(struct sim_case *run, bool newest) {
    struct oneslot_flash flash = nor_flash(&run->device.nor);
    struct oneslot_journal journal = {&flash, run->device.layout.journal};
    struct oneslot_record record;
    uint32_t slot = 0;
    if (newest && oneslot_journal_load(&journal, &record, &slot) == ONESLOT_ERROR_NONE) {
        return oneslot_slot_address(journal.address, slot) + nor_random_below(&run->random, ONESLOT_CLAIM_OFFSET);
    }
    return journal.address + nor_random_below(&run->random, ONESLOT_JOURNAL_SECTORS * ONESLOT_SECTOR_SIZE);
}
