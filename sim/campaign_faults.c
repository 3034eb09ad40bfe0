/* Cases in which the application moves its files, the chip wears, reads are disturbed, bits rot. */
#include <stdlib.h>
#include <string.h>

#include "oneslot/map.h"
#include "sim/campaign_case.h"
#include "sim/files.h"

/// Operations at the end of an upgrade, in which its last records are written.
#define LAST_OPERATIONS 16u

static uint32_t draw(struct campaign_run *run, uint32_t bound) {
    return nor_random_below(&run->at.random, bound);
}

/* What must hold. */

/// Starts the device some times: each time the new firmware runs.
static bool stays_new(struct campaign_run *run, uint32_t boots) {
    for (uint32_t boot = 0; boot < boots; boot++) {
        if (!case_check_started(&run->at, case_power_on(&run->at))) {
            return false;
        }
        if (sim_runs(&run->at.device) != SIM_RUNS_NEW) {
            return case_broken(&run->at, CAMPAIGN_WRONG, "%s runs, though nobody asked for anything",
                               sim_runs_text(sim_runs(&run->at.device)));
        }
    }
    return case_check_rules(&run->at);
}

/// Erases of the firmware's region and of the displaced sector so far.
static uint32_t firmware_erases(const struct campaign_run *run) {
    const struct sim_device *device = &run->at.device;
    uint32_t erases = 0;
    for (uint32_t i = 0; i < device->nor.sectors; i++) {
        uint32_t address = i * ONESLOT_SECTOR_SIZE;
        bool firmware = (address >= device->layout.application && address < device->layout.firmware) ||
                        (!device->vendor && address == device->layout.displaced);
        erases += firmware ? device->nor.sector[i]->erases : 0;
    }
    return erases;
}

/// Whether the journal gives a reason why nothing goes on.
static bool is_named(struct campaign_run *run) {
    struct oneslot_record record;
    return sim_journal(&run->at.device, &record) == ONESLOT_ERROR_NONE &&
           (record.outcome != ONESLOT_ERROR_NONE || record.own_outcome != ONESLOT_ERROR_NONE);
}

/// Many resets at which nobody does anything.
static void rest(struct campaign_run *run) {
    (void)case_resets(&run->at);
    (void)case_check_rules(&run->at);
}

/* The application and its files. */

/// One deed of a user who no longer needs the file.
static void move_file(struct campaign_run *run) {
    static const char *const names[] = {"removes it", "renames it",    "puts another firmware there",
                                        "damages it", "cuts it short", "leaves it"};
    const struct campaign_settings *settings = run->campaign->settings;
    struct sim_device *device = &run->at.device;
    uint32_t deed = draw(run, sizeof names / sizeof *names);
    case_tell(&run->at, "the file has done its part: the user %s", names[deed]);
    device->last = ONESLOT_ERROR_NONE;
    switch (deed) {
    case 0:
        (void)sim_file_remove(device, CAMPAIGN_PATH);
        break;
    case 1:
        (void)sim_file_rename(device, CAMPAIGN_PATH, CAMPAIGN_MOVED);
        break;
    case 2:
        (void)sim_file_put(device, CAMPAIGN_PATH, settings->provision.firmware, settings->provision.firmware_size);
        break;
    case 3: {
        uint8_t *copy = malloc(settings->file_size);
        if (!copy) {
            abort();
        }
        memcpy(copy, settings->file, settings->file_size);
        copy[4u + draw(run, settings->file_size - 4u)] ^= (uint8_t)(1u << draw(run, 8));
        (void)sim_file_put(device, CAMPAIGN_PATH, copy, settings->file_size);
        free(copy);
        break;
    }
    case 4:
        (void)sim_file_put(device, CAMPAIGN_PATH, settings->file, draw(run, settings->file_size));
        break;
    default:
        break;
    }
    if (device->last != ONESLOT_ERROR_NONE) {
        (void)sim_file_remove(device, CAMPAIGN_PATH); /* there was no room for both */
    }
}

/// A cut in the application's own writing of files, which littlefs survives.
static void plan_cut_of_files(struct campaign_run *run) {
    static const enum nor_tear tears[] = {NOR_BEFORE, NOR_AFTER, NOR_PREFIX, NOR_MIX};
    nor_plan(&run->at.device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT,
                                                     .at = run->at.device.nor.operations + draw(run, 40),
                                                     .tear = tears[draw(run, 4)]});
}

void campaign_follow_file(struct campaign_run *run, const struct campaign_case *which) {
    const struct track *upgrade = &run->campaign->upgrade;
    (void)which;
    uint32_t within = draw(run, 4) > 0 && upgrade->points > LAST_OPERATIONS ? LAST_OPERATIONS : upgrade->points;
    case_cut_at(&run->at, &upgrade->point[upgrade->points - 1u - draw(run, within)], case_random_tear(&run->at));
    if (!stays_new(run, 1u + draw(run, 2))) {
        return;
    }
    if (draw(run, 4) == 0) {
        plan_cut_of_files(run);
    }
    move_file(run);
    run->at.device.nor.faults = 0;
    if (!stays_new(run, CASE_BOOTS_TO_REST)) {
        return;
    }
    if (!campaign_says_done(run)) {
        case_broken(&run->at, CAMPAIGN_JOURNAL, "the journal does not tell how it ended");
    }
    rest(run);
}

/* A worn sector. */

static const char *const worn_places[] = {"journal", "firmware", "otadata or the image's first sector"};

/// A sector that the upgrade writes.
static uint32_t choose_sector(struct campaign_run *run, uint32_t *place) {
    const struct sim_device *device = &run->at.device;
    const struct oneslot_layout *layout = &device->layout;
    static const uint32_t places[] = {0, 0, 1, 1, 2};
    *place = places[draw(run, 5)];
    if (*place == 0) {
        return layout->journal + draw(run, 2) * ONESLOT_SECTOR_SIZE;
    }
    if (*place == 2) {
        return device->vendor ? layout->otadata + draw(run, 2) * ONESLOT_SECTOR_SIZE
                              : campaign_first_sector(run->campaign);
    }
    uint32_t sectors = (run->campaign->settings->new_firmware.size - 1u) / ONESLOT_SECTOR_SIZE;
    uint32_t first = layout->application == 0 ? ONESLOT_SECTOR_SIZE : layout->application;
    return first + draw(run, sectors) * ONESLOT_SECTOR_SIZE;
}

void campaign_follow_worn(struct campaign_run *run, const struct campaign_case *which) {
    const struct campaign *campaign = run->campaign;
    uint32_t place;
    (void)which;
    if (draw(run, 2) == 0) {
        const struct track_point *point = &campaign->upgrade.point[draw(run, campaign->upgrade.points)];
        case_start(&run->at, &point->device);
        case_tell(&run->at, "before operation %u of the upgrade", (unsigned)point->operation.number);
    } else {
        case_start(&run->at, &campaign->device);
    }
    bool asked = run->at.device.nor.sector[campaign->device.layout.journal / ONESLOT_SECTOR_SIZE] !=
                 campaign->device.nor.sector[campaign->device.layout.journal / ONESLOT_SECTOR_SIZE];
    uint32_t sector = choose_sector(run, &place);
    enum sim_runs before = sim_runs(&run->at.device);
    case_wear_out(&run->at, sector);
    /* A stuck bit may have hurt what runs, or what was read back before: then there is nothing that was whole. */
    bool hurt = before != SIM_RUNS_NEITHER && sim_runs(&run->at.device) != before;
    if (!asked) {
        (void)sim_request(&run->at.device, CAMPAIGN_PATH, campaign->ask_sha256 ? campaign->sha256 : NULL);
    }
    enum sim_stop stop = case_power_on(&run->at);
    case_excuse_worn(&run->at, sector);
    if (stop == SIM_HUNG || (stop != SIM_APPLICATION && (place == 0 || (place == 2 && run->at.device.vendor)))) {
        case_broken(&run->at, CAMPAIGN_BRICK, "%s with a worn sector in %s", sim_stop_text(stop), worn_places[place]);
        return;
    }
    (void)case_resets(&run->at);
    case_excuse_worn(&run->at, sector);
    if (hurt) {
        run->at.device.bad_starts = 0;
    }
    if (!run->at.device.rests && !is_named(run)) {
        case_broken(&run->at, CAMPAIGN_JOURNAL, "nothing starts, and the journal does not say why");
    }
    (void)case_check_rules(&run->at);
}

/* Disturbed reads. */

/// Nothing is asked for: what runs stays, and is not written.
static void disturb_at_rest(struct campaign_run *run) {
    case_start(&run->at, &run->campaign->upgraded);
    move_file(run);
    if (!stays_new(run, 1)) {
        return;
    }
    uint32_t erases = firmware_erases(run);
    uint32_t before = run->at.device.nor.reads;
    if (!stays_new(run, 1)) {
        return;
    }
    case_disturb(&run->at, run->at.device.nor.reads - before);
    (void)case_power_on(&run->at);
    run->at.result->fault_hit = run->at.device.nor.fault_hit;
    run->at.device.nor.faults = 0;
    if (stays_new(run, 3) && firmware_erases(run) != erases) {
        case_broken(&run->at, CAMPAIGN_WRONG, "what ran was written anew because a read was disturbed");
    }
    rest(run);
}

void campaign_follow_disturb(struct campaign_run *run, const struct campaign_case *which) {
    const struct campaign *campaign = run->campaign;
    (void)which;
    if (draw(run, 2) == 0) {
        disturb_at_rest(run);
        return;
    }
    bool resumed = draw(run, 2) == 0;
    if (resumed) {
        uint32_t at = draw(run, campaign->upgrade.points);
        case_cut_at(&run->at, &campaign->upgrade.point[at], case_random_tear(&run->at));
    } else {
        case_start(&run->at, &campaign->requested);
    }
    case_disturb(&run->at, campaign->upgrade_reads);
    (void)case_power_on(&run->at);
    run->at.result->fault_hit = run->at.device.nor.fault_hit;
    run->at.device.nor.faults = 0;
    struct oneslot_record record;
    bool refused = sim_journal(&run->at.device, &record) == ONESLOT_ERROR_NONE &&
                   record.state == ONESLOT_STATE_FAILED && record.outcome != ONESLOT_ERROR_NONE &&
                   sim_runs(&run->at.device) == SIM_RUNS_OLD && case_firmware_untouched(&run->at);
    if (refused) {
        rest(run); /* named, and nothing was written: it may be asked for again */
    } else {
        campaign_check_end(run, false);
    }
}

/* A bit that rots at rest. */

/// A byte of what is Oneslot's: the journal most often, in it the newest record.
static uint32_t choose_byte(struct campaign_run *run, bool *of_firmware, bool *of_map) {
    struct sim_device *device = &run->at.device;
    const struct oneslot_layout *layout = &device->layout;
    uint32_t place = draw(run, 8);
    *of_firmware = place == 5;
    *of_map = place == 7 && !device->vendor;
    if (*of_firmware) {
        uint32_t size = run->campaign->settings->new_firmware.size;
        uint32_t head = size < ONESLOT_SECTOR_SIZE ? size : ONESLOT_SECTOR_SIZE;
        return campaign_first_sector(run->campaign) + draw(run, head);
    }
    if (*of_map) {
        return layout->map + draw(run, ONESLOT_SECTOR_SIZE);
    }
    if (place == 6 && device->vendor) {
        return layout->otadata + draw(run, 2) * ONESLOT_SECTOR_SIZE + draw(run, 32);
    }
    return case_journal_byte(&run->at, place < 3);
}

/// The upgrade was over; its file may be there still or not.
static void rot_when_done(struct campaign_run *run) {
    bool of_firmware;
    bool of_map;
    case_start(&run->at, &run->campaign->upgraded);
    move_file(run);
    if (!stays_new(run, 1)) {
        return;
    }
    const struct campaign_settings *settings = run->campaign->settings;
    bool there = sim_file_is(&run->at.device, CAMPAIGN_PATH, settings->file, settings->file_size);
    uint32_t erases = firmware_erases(run);
    uint32_t address = choose_byte(run, &of_firmware, &of_map);
    uint8_t bit = (uint8_t)(1u << draw(run, 8));
    nor_rot(&run->at.device.nor, address, bit);
    case_tell(&run->at, "a bit at 0x%06x rots (0x%02x); the file is %s", (unsigned)address, bit,
              there ? "there" : "not there");
    if (of_firmware && sim_application_whole(&run->at.device)) {
        nor_rot(&run->at.device.nor, address, bit); /* no checksum covers it: nothing is promised */
        of_firmware = false;
    }
    if (of_firmware && !there) {
        enum sim_stop stop = case_power_on(&run->at);
        if (stop == SIM_STUCK && !is_named(run)) {
            case_broken(&run->at, CAMPAIGN_JOURNAL, "the application is damaged, and the journal does not say so");
        }
        rest(run);
        return;
    }
    for (uint32_t boot = 0; boot < 3; boot++) {
        if (!case_check_started(&run->at, case_power_on(&run->at))) {
            return;
        }
    }
    if (sim_runs(&run->at.device) != SIM_RUNS_NEW || (!of_firmware && firmware_erases(run) != erases)) {
        case_broken(&run->at, CAMPAIGN_WRONG, "%s runs, and it was%s written anew, because a bit has changed",
                    sim_runs_text(sim_runs(&run->at.device)), firmware_erases(run) == erases ? " not" : "");
    }
    (void)case_resets(&run->at);
    if (of_map) {
        nor_rot(&run->at.device.nor, address, bit); /* nothing writes it: it is as it was but for the bit */
    }
    (void)case_check_rules(&run->at);
}

/// Something was asked for, or an installation was cut.
static void rot_under_way(struct campaign_run *run) {
    static const enum nor_tear tears[] = {NOR_BEFORE, NOR_AFTER, NOR_PREFIX, NOR_MIX};
    const struct campaign *campaign = run->campaign;
    bool of_firmware;
    bool of_map;
    bool cut = draw(run, 2) == 0;
    if (cut) {
        uint32_t at = draw(run, campaign->upgrade.points);
        case_cut_at(&run->at, &campaign->upgrade.point[at], tears[draw(run, 4)]);
    } else {
        case_start(&run->at, &campaign->requested);
    }
    uint32_t address;
    do {
        address = choose_byte(run, &of_firmware, &of_map);
    } while (of_firmware || of_map);
    uint8_t bit = (uint8_t)(1u << draw(run, 8));
    nor_rot(&run->at.device.nor, address, bit);
    case_tell(&run->at, "a bit at 0x%06x rots (0x%02x)", (unsigned)address, bit);
    for (uint32_t boot = 0; boot < 3; boot++) {
        if (!case_check_started(&run->at, case_power_on(&run->at))) {
            return;
        }
    }
    enum sim_runs runs = sim_runs(&run->at.device);
    if (runs != SIM_RUNS_NEW && !(runs == SIM_RUNS_OLD && case_firmware_untouched(&run->at))) {
        case_broken(&run->at, CAMPAIGN_WRONG, "%s runs", sim_runs_text(runs));
    }
    rest(run);
}

void campaign_follow_rot(struct campaign_run *run, const struct campaign_case *which) {
    (void)which;
    if (draw(run, 2) == 0) {
        rot_when_done(run);
    } else {
        rot_under_way(run);
    }
}

/* A firmware that is proven and not started. */

void campaign_follow_unstarted(struct campaign_run *run, const struct campaign_case *which) {
    const struct campaign *campaign = run->campaign;
    (void)which;
    if (draw(run, 2) == 0) {
        uint32_t at = draw(run, campaign->upgrade.points);
        case_cut_at(&run->at, &campaign->upgrade.point[at], case_random_tear(&run->at));
    } else {
        case_start(&run->at, &campaign->requested);
    }
    run->at.device.new_refused = true;
    enum sim_stop stop = case_power_on(&run->at);
    if (stop == SIM_HUNG || stop == SIM_APPLICATION) {
        case_broken(&run->at, CAMPAIGN_WRONG, "%s", sim_stop_text(stop));
        return;
    }
    if (draw(run, 2) == 0) {
        move_file(run);
    }
    for (uint32_t round = 0; round < 3; round++) {
        (void)case_resets(&run->at);
    }
    /* A firmware that the user puts there may mend it. */
    if (case_check_rules(&run->at) && !run->at.device.rests && !is_named(run)) {
        case_broken(&run->at, CAMPAIGN_JOURNAL, "nothing starts, and the journal does not say why");
    }
}
