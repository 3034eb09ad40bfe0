#include "sim/lives.h"

#include <stdlib.h>
#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/otadata.h"
#include "sim/case.h"
#include "sim/files.h"

#define MESSAGE_SIZE 160u
#define FILES_MAX    16u

/// Deeds of a life.
#define DEEDS_LEAST 4u
#define DEEDS_MORE  8u

/// Power cuts in a row, at the most.
#define CUTS_IN_A_ROW 3u

/// Reads among which one is disturbed: of a start that has little to do, and of an installation.
#define READS_OF_A_START 400u
#define READS_OF_A_WRITE 6000u

/// What a file holds.
enum content {
    CONTENT_NONE, ///< there is no file
    CONTENT_FIRST,
    CONTENT_LAST = CONTENT_FIRST + LIVES_FIRMWARES - 1,
    CONTENT_PACKAGE,
    CONTENT_INSTALLER,
    CONTENT_BAD,
    CONTENTS,
    CONTENT_OTHER ///< a cut left it so
};

static const char *const content_names[] = {
    "nothing",      "firmware 0",  "firmware 1", "firmware 2", "firmware 1, packed",
    "an installer", "no firmware", "",           "a part"};

/// Where files are.
#define PATHS 7u
#define WATCH 4u
static const char *const paths[PATHS] = {"/a.bin",     "/lib/b.bin", "/c.bin",  "/fw/new/d.bin",
                                         "/watch.bin", "/i.osp",     "/bad.bin"};

static const enum content at_first[PATHS] = {CONTENT_FIRST, CONTENT_FIRST + 1, CONTENT_LAST, CONTENT_PACKAGE,
                                             CONTENT_NONE,  CONTENT_INSTALLER, CONTENT_BAD};

#define NO_FIRMWARE (-1)

struct lives {
    const struct lives_settings *settings;
    struct story_bytes content[CONTENTS];
    uint8_t digest[LIVES_FIRMWARES][32];
    uint8_t bad[3000];
    struct sim_firmware others[LIVES_FIRMWARES];
    struct sim_device device;
    struct nor provisioned;
};

/// A life under way.
struct life {
    const struct lives *lives;
    struct sim_case at;
    struct lives_report *report; ///< what was done is counted there; may be NULL
    enum content file[PATHS];
    uint32_t held[PATHS]; ///< firmwares that a path has ever held, a bit each
    int runs;             ///< number of the firmware that runs
    bool trial;           ///< a firmware is on trial
    uint32_t back;        ///< paths that may be its fallback's, a bit each; what they hold may change
    uint32_t left;        ///< boots of the trial that are left
    bool sure;            ///< of it: nothing went wrong since it was asked for
    uint32_t asked;       ///< path that was asked for last; PATHS: nothing is sure
    uint32_t source;      ///< path of the file that what runs was made of; PATHS: nothing is sure
    uint32_t pending;     ///< firmwares that something which was disturbed may yet install, a bit each
    uint32_t failed;      ///< firmwares of which a trial failed, a bit each
    uint32_t watched;     ///< what the watch has surely seen last, as bit_of_file() has it
    uint32_t lay;         ///< what has lain at the watch path at all
    uint32_t worn;        ///< address of a sector that is worn out, 0 for none
    bool rotten;
};

/// What a person wants of the device.
struct deed {
    enum lives_deed what;
    uint32_t path;
    uint32_t other;
    uint32_t boots;
    enum content content;
    uint32_t may; ///< firmwares that may run for it beside the one that runs, a bit each
    int must;     ///< the one that runs after it when nothing goes wrong; NO_FIRMWARE: nothing is said
    bool files;   ///< it writes the file system
};

static uint32_t draw(struct life *life, uint32_t bound) {
    return nor_random_below(&life->at.random, bound);
}

/// Number of the firmware that a content holds.
static int firmware_of(enum content content) {
    if (content >= CONTENT_FIRST && content <= CONTENT_LAST) {
        return (int)content - CONTENT_FIRST;
    }
    return content == CONTENT_PACKAGE ? 1 : NO_FIRMWARE;
}

static uint32_t bit_of(int firmware) {
    return firmware == NO_FIRMWARE ? 0 : 1u << firmware;
}

/// Where the watch is concerned a firmware is the same, packed or not.
static uint32_t bit_of_file(enum content content) {
    return content == CONTENT_PACKAGE ? 1u << (CONTENT_FIRST + 1u) : 1u << content;
}

/// A path with a firmware; PATHS when none is left.
static uint32_t choose_firmware(struct life *life) {
    uint32_t found = PATHS;
    uint32_t count = 0;
    for (uint32_t i = 0; i < PATHS; i++) {
        if (firmware_of(life->file[i]) != NO_FIRMWARE && draw(life, ++count) == 0) {
            found = i;
        }
    }
    return found;
}

/// A path with any file but the one that stays no firmware.
static uint32_t choose_file(struct life *life) {
    uint32_t found = PATHS;
    uint32_t count = 0;
    for (uint32_t i = 0; i < PATHS; i++) {
        if (life->file[i] != CONTENT_NONE && i != PATHS - 1u && draw(life, ++count) == 0) {
            found = i;
        }
    }
    return found;
}

/* The deeds, carried out. */

static void carry_out(struct sim_device *device, const struct oneslot_flash *flash, void *context) {
    const struct deed *deed = context;
    struct oneslot oneslot;
    device->last = sim_open(device, &oneslot, flash);
    if (device->last != ONESLOT_ERROR_NONE) {
        return;
    }
    struct oneslot_options options = {.trial_boots = deed->boots};
    switch (deed->what) {
    case LIVES_CONFIRM:
        device->confirm = SIM_CONFIRM_BOTH;
        sim_confirm(device, flash);
        device->confirm = SIM_CONFIRM_NOT;
        break;
    case LIVES_TRIAL:
        options.fallback = paths[deed->other];
        device->last = oneslot_request(&oneslot, paths[deed->path], &options);
        break;
    case LIVES_CANCEL:
        device->last = oneslot_request(&oneslot, paths[deed->path], NULL);
        if (device->last == ONESLOT_ERROR_NONE) {
            device->last = oneslot_cancel(&oneslot);
        }
        break;
    case LIVES_RESTART:
    case LIVES_WATCH:
        // ESP-IDF's boot loader goes past the installer unless it is told otherwise.
        if (device->vendor) {
            device->last = oneslot_otadata_erase(flash, device->layout.otadata);
        }
        break;
    default:
        device->last = oneslot_request(&oneslot, paths[deed->path], NULL);
    }
}

/// Does it, up to a cut.
static enum sim_stop act(struct life *life, struct deed *deed) {
    struct sim_device *device = &life->at.device;
    struct story_bytes content;
    enum sim_stop stop;
    switch (deed->what) {
    case LIVES_REMOVE:
        return sim_file_remove(device, paths[deed->path]);
    case LIVES_RENAME:
        return sim_file_rename(device, paths[deed->path], paths[deed->other]);
    case LIVES_REPLACE:
        content = life->lives->content[deed->content];
        return sim_file_put(device, paths[deed->path], content.bytes, content.size);
    case LIVES_WATCH:
        stop = sim_file_rename(device, paths[deed->path], paths[WATCH]);
        return stop == SIM_APPLICATION ? sim_act(device, carry_out, deed) : stop;
    default:
        return sim_act(device, carry_out, deed);
    }
}

/* What became of it. */

/// What came between a deed and what it leads to.
struct trouble {
    bool any;
    bool reads; ///< reads were disturbed: an installation may wait for the next start
};

/// A cut, or a lack of room, came between: looks what a file holds.
static enum content look_into(const struct life *life, uint32_t path) {
    const struct sim_device *device = &life->at.device;
    if (sim_file_size(device, paths[path]) < 0) {
        return CONTENT_NONE;
    }
    for (enum content content = CONTENT_FIRST; content < CONTENTS; content++) {
        struct story_bytes bytes = life->lives->content[content];
        if (bytes.bytes && sim_file_is(device, paths[path], bytes.bytes, bytes.size)) {
            return content;
        }
    }
    return CONTENT_OTHER;
}

static void note_files(struct life *life, const struct deed *deed, bool cut, bool accepted) {
    if (!deed->files) {
        return;
    }
    enum content moved = life->file[deed->path];
    if (cut) { // littlefs may hide what it has begun to move until something is written
        (void)sim_file_remove(&life->at.device, "/none");
    }
    if (cut || !accepted) {
        life->file[deed->path] = look_into(life, deed->path);
        life->file[deed->other] = look_into(life, deed->other);
        case_tell(&life->at, "    there is %s, and %s", content_names[life->file[deed->path]],
                  content_names[life->file[deed->other]]);
    } else if (deed->what == LIVES_REPLACE) {
        life->file[deed->path] = deed->content;
    } else {
        life->file[deed->path] = CONTENT_NONE;
        if (deed->path != deed->other) {
            life->file[deed->other] = moved;
        }
    }
}

static bool check_files(struct life *life) {
    for (uint32_t i = 0; i < PATHS; i++) {
        enum content content = life->file[i];
        if (content == CONTENT_OTHER) {
            continue;
        }
        struct story_bytes bytes = life->lives->content[content];
        bool same = content == CONTENT_NONE ? sim_file_size(&life->at.device, paths[i]) < 0
                                            : sim_file_is(&life->at.device, paths[i], bytes.bytes, bytes.size);
        if (!same) {
            return case_broken(&life->at, CAMPAIGN_LOST, "%s is not %s any more", paths[i], content_names[content]);
        }
    }
    return true;
}

/// The journal's word on what runs.
static bool check_journal(struct life *life, const struct oneslot_record *record) {
    if (record->installed_size != 0 &&
        memcmp(record->installed, life->lives->digest[life->runs], sizeof record->installed) != 0) {
        return case_broken(&life->at, CAMPAIGN_JOURNAL, "firmware %d runs, and the journal knows another digest",
                           life->runs);
    }
    if (record->state == ONESLOT_STATE_INSTALLING || record->state == ONESLOT_STATE_REQUESTED ||
        (record->state == ONESLOT_STATE_FAILED && record->outcome == ONESLOT_ERROR_NONE)) {
        return case_broken(&life->at, CAMPAIGN_JOURNAL, "the application was started in state %u, \"%s\"",
                           record->state, oneslot_error_text((enum oneslot_error)record->outcome));
    }
    return true;
}

/// Firmwares that a trial may end with, and what a request that is still open may find at its path.
static uint32_t ways_on(const struct life *life) {
    uint32_t firmwares = 0;
    for (uint32_t i = 0; i < PATHS; i++) {
        bool open = life->pending != 0 || (life->back & 1u << i) != 0;
        firmwares |= open ? bit_of(firmware_of(life->file[i])) : 0;
    }
    return firmwares;
}

/// A trial that was asked for: it may have its fallback, or after a cut that of the one before.
static void note_way_back(struct life *life, const struct deed *deed, bool cut, bool accepted) {
    if (deed->what == LIVES_TRIAL && !life->trial && (cut || accepted)) {
        life->back = (cut ? life->back : 0) | 1u << deed->other;
    }
}

static bool is_request(const struct deed *deed) {
    return deed->what == LIVES_CALL || deed->what == LIVES_TRIAL || deed->what == LIVES_BAD;
}

/// What the watch would install at the next start by itself.
static bool watch_is_pending(const struct life *life) {
    enum content content = life->file[WATCH];
    return content != CONTENT_NONE && (life->watched & bit_of_file(content)) == 0;
}

/// Whether the installer has had time to look at the watch path.
static bool has_looked(const struct life *life, const struct deed *deed, const struct trouble *trouble) {
    bool told = deed->what == LIVES_RESTART || deed->what == LIVES_WATCH;
    bool entered = !life->at.device.vendor || (told && !trouble->any);
    bool asked = is_request(deed) || deed->what == LIVES_INSTALLER; // then that is all it does
    return entered && !asked && !trouble->reads && !life->trial && life->pending == 0;
}

/// A trial that nobody confirms ends after its boots. What must run at this start as long as nothing goes wrong.
static int count_boot(struct life *life, const struct deed *deed) {
    if (!life->trial || !life->sure || deed->what == LIVES_CONFIRM) {
        return deed->must;
    }
    if (life->left > 0) {
        life->left--;
        return life->runs;
    }
    for (uint32_t i = 0; i < PATHS; i++) {
        if (life->back == 1u << i && firmware_of(life->file[i]) != NO_FIRMWARE) {
            return firmware_of(life->file[i]);
        }
    }
    return life->runs;
}

/// What a person asked for last stays the journal's word, whatever the device does by itself.
static bool check_words(struct life *life, const struct deed *deed, const struct oneslot_record *record) {
    if (life->asked == PATHS) {
        return true;
    }
    if (strncmp(record->path, paths[life->asked], sizeof record->path) != 0) {
        return case_broken(&life->at, CAMPAIGN_JOURNAL, "%s was asked for last, and the journal says %.40s",
                           paths[life->asked], record->path);
    }
    bool refused = record->state == ONESLOT_STATE_FAILED && record->outcome != ONESLOT_ERROR_NONE;
    return deed->what != LIVES_BAD || life->trial || refused ||
           case_broken(&life->at, CAMPAIGN_JOURNAL, "what is no firmware was asked for, and the journal says \"%s\"",
                       oneslot_error_text((enum oneslot_error)record->outcome));
}

/// Keeps what a person asked for last, and the file that what runs was made of.
static void note_request(struct life *life, const struct deed *deed, const struct oneslot_record *record, int before,
                         bool calm) {
    bool request = is_request(deed) && !life->trial;
    bool other = deed->what == LIVES_CANCEL || deed->what == LIVES_INSTALLER || deed->what == LIVES_WATCH;
    life->asked = request && calm ? deed->path : request || other || before != life->runs ? PATHS : life->asked;
    if (!calm && watch_is_pending(life)) {
        life->asked = PATHS;
    }
    bool installs = (request && deed->what != LIVES_BAD) || (deed->what == LIVES_WATCH && !life->trial);
    uint32_t path = deed->what == LIVES_WATCH ? WATCH : deed->path;
    bool done = record->state == ONESLOT_STATE_TRIAL ||
                (record->state == ONESLOT_STATE_DONE && record->outcome == ONESLOT_ERROR_NONE);
    if (installs && calm && done && deed->must == life->runs) {
        life->source = path;
    } else if (!calm || life->trial || before != life->runs) { // it may have been put back
        life->source = PATHS;
    }
    if (deed->files && (life->source == deed->path || (life->source == deed->other && deed->what != LIVES_WATCH))) {
        life->source = PATHS;
    }
}

/// Keeps how it stands with trials and with the watch.
static void note_state(struct life *life, const struct deed *deed, const struct trouble *trouble, int before,
                       uint32_t may, const struct oneslot_record *record) {
    bool open = record->state == ONESLOT_STATE_REQUESTED || record->state == ONESLOT_STATE_INSTALLING;
    bool trial = record->state == ONESLOT_STATE_TRIAL;
    life->lay |= bit_of_file(life->file[WATCH]);
    if (!open && has_looked(life, deed, trouble)) {
        life->watched = bit_of_file(life->file[WATCH]);
    } else if (watch_is_pending(life)) {
        life->watched = 0; // the one before may be news again
    }
    if (deed->what == LIVES_TRIAL && !life->trial) {
        life->left = deed->boots - 1u;
        life->sure = life->pending == 0;
    }
    life->sure = life->sure && !trouble->any;
    life->pending = open ? life->pending | may : 0;
    life->trial = trial;
    if (!trial && !open) {
        if (record->outcome == ONESLOT_ERROR_TRIAL_EXPIRED || record->outcome == ONESLOT_ERROR_NO_FALLBACK) {
            life->failed |= deed->may | bit_of(before);
        }
        life->back = 0;
    }
}

/// What runs is what the deed allows, and the journal knows it.
static bool look(struct life *life, const struct deed *deed, const struct trouble *trouble) {
    struct sim_device *device = &life->at.device;
    struct oneslot_record record;
    bool weak = false;
    uint32_t number = sim_firmware_number(device, &weak);
    for (uint32_t i = 0; i < PATHS; i++) {
        life->held[i] |= bit_of(firmware_of(life->file[i]));
    }
    uint32_t may = deed->may | bit_of(life->runs) | ways_on(life) | life->pending |
                   (watch_is_pending(life) ? bit_of(firmware_of(life->file[WATCH])) : 0);
    if (trouble->reads && !deed->files) {
        // A disturbed reading may show littlefs an older directory, in which the path has its file of then.
        may |= life->held[deed->path] | life->held[deed->other];
    }
    if (number == SIM_NO_FIRMWARE || weak || (may & 1u << number) == 0) {
        return case_broken(&life->at, CAMPAIGN_WRONG, "%s runs, allowed were 0x%x",
                           weak                        ? "one with weak cells"
                           : number == SIM_NO_FIRMWARE ? "none that is known"
                                                       : content_names[number + 1u],
                           (unsigned)may);
    }
    bool calm = !trouble->any && life->worn == 0 && life->pending == 0;
    int must = count_boot(life, deed);
    if (calm && must != NO_FIRMWARE && (int)number != must) {
        return case_broken(&life->at, CAMPAIGN_WRONG, "firmware %u runs, it had to be %d", (unsigned)number, must);
    }
    int before = life->runs;
    life->runs = (int)number;
    if (life->report && before != life->runs) {
        life->report->upgrades++;
    }
    enum oneslot_error error = sim_journal(device, &record);
    if (error != ONESLOT_ERROR_NONE) {
        return life->worn != 0 || case_broken(&life->at, CAMPAIGN_JOURNAL, "%s", oneslot_error_text(error));
    }
    case_tell(&life->at, "    firmware %u, state %u, \"%s\"", (unsigned)number, record.state,
              oneslot_error_text((enum oneslot_error)record.outcome));
    note_request(life, deed, &record, before, calm);
    if ((life->worn == 0 && !trouble->reads && !check_journal(life, &record)) ||
        (calm && !check_words(life, deed, &record))) {
        return false;
    }
    note_state(life, deed, trouble, before, may, &record);
    return true;
}

/* What happens to the device. */

static enum nor_tear choose_tear(struct life *life, bool files) {
    // What littlefs survives: of weak cells and hurt pages in its own blocks it knows nothing.
    static const enum nor_tear clean[] = {NOR_BEFORE, NOR_AFTER, NOR_PREFIX, NOR_MIX};
    return files ? clean[draw(life, 4)] : case_random_tear(&life->at);
}

static void plan_cut(struct life *life, bool files) {
    static const uint32_t within[] = {6, 40, 400, 1600};
    const struct nor_fault cut = {.kind = NOR_FAULT_CUT,
                                  .at = life->at.device.nor.operations + draw(life, within[draw(life, 4)]),
                                  .tear = choose_tear(life, files)};
    nor_plan(&life->at.device.nor, cut);
}

static void note_cut(struct life *life, enum nor_tear tear) {
    case_tell(&life->at, "    cut: %s", nor_tear_name(tear));
    case_note_cut(&life->at, tear);
}

/// Something that time does to the chip, once each in a life.
static bool age(struct life *life) {
    const struct sim_device *device = &life->at.device;
    if (life->worn == 0 && draw(life, 30) == 0) {
        life->worn = device->layout.journal + draw(life, ONESLOT_JOURNAL_SECTORS) * ONESLOT_SECTOR_SIZE;
        case_wear_out(&life->at, life->worn);
        if (life->report) {
            life->report->worn++;
        }
        return true;
    }
    if (!life->rotten && life->worn == 0 && draw(life, 12) == 0) {
        life->rotten = true;
        uint32_t address = case_journal_byte(&life->at, draw(life, 2) == 0);
        uint8_t bits = (uint8_t)(1u << draw(life, 8));
        nor_rot(&life->at.device.nor, address, bits);
        case_tell(&life->at, "a bit at 0x%06x rots (0x%02x)", (unsigned)address, bits);
        if (life->report) {
            life->report->rotten++;
        }
        return true;
    }
    return false;
}

/// Power comes, is cut, and comes back.
static bool start(struct life *life, bool files, struct trouble *trouble) {
    struct sim_device *device = &life->at.device;
    enum nor_tear tear = device->nor.faults > 0 ? device->nor.fault[0].tear : NOR_BEFORE;
    enum sim_stop stop = case_power_on(&life->at);
    for (uint32_t cuts = 0; stop == SIM_CUT; cuts++) {
        trouble->any = true;
        note_cut(life, tear);
        device->nor.faults = 0;
        if (cuts < CUTS_IN_A_ROW && draw(life, 4) == 0) {
            plan_cut(life, files);
            tear = device->nor.fault[0].tear;
        }
        stop = case_power_on(&life->at);
    }
    life->at.result->fault_hit = life->at.result->fault_hit || device->nor.fault_hit;
    device->nor.faults = 0;
    if (trouble->reads) {
        device->lost_installers = 0; // it was there, and was not read
    }
    if (life->worn != 0) {
        case_excuse_worn(&life->at, life->worn);
    }
    return case_check_started(&life->at, stop);
}

/// Does it, and looks what runs then. `calm`: nothing happens to the device.
static bool do_deed(struct life *life, struct deed deed, bool calm) {
    struct sim_device *device = &life->at.device;
    struct trouble trouble = {.any = !calm && age(life)};
    if (life->report) {
        life->report->deeds[deed.what]++;
    }
    case_tell(&life->at, "%s %s (%s) %s%s", lives_deed_name(deed.what), paths[deed.path],
              content_names[life->file[deed.path]], paths[deed.other], life->trial ? ", on trial" : "");
    device->last = ONESLOT_ERROR_NONE;
    device->nor.faults = 0;
    device->nor.fault_hit = false;
    if (!calm && draw(life, 3) == 0) {
        plan_cut(life, deed.files);
    }
    enum nor_tear tear = device->nor.faults > 0 ? device->nor.fault[0].tear : NOR_BEFORE;
    bool cut = act(life, &deed) == SIM_CUT;
    bool accepted = cut || device->last == ONESLOT_ERROR_NONE;
    if (cut) {
        trouble.any = true;
        note_cut(life, tear);
        device->nor.faults = 0;
    } else if (!accepted) {
        case_tell(&life->at, "    refused: %s", oneslot_error_text(device->last));
    }
    if (life->worn != 0) {
        case_excuse_worn(&life->at, life->worn);
    }
    if (!calm && device->nor.faults == 0 && draw(life, 12) == 0) {
        case_disturb(&life->at, draw(life, 2) == 0 ? READS_OF_A_START : READS_OF_A_WRITE);
        trouble = (struct trouble){true, true};
        if (life->report) {
            life->report->disturbed++;
        }
    }
    if (!start(life, deed.files, &trouble)) {
        return false;
    }
    note_files(life, &deed, cut, accepted);
    note_way_back(life, &deed, cut, accepted);
    return look(life, &deed, &trouble) && case_check_rules(&life->at);
}

/* What a person thinks of next. */

static struct deed make_deed(enum lives_deed what) {
    return (struct deed){.what = what, .must = NO_FIRMWARE};
}

/// Returns false when it cannot be done now.
static bool choose(struct life *life, enum lives_deed what, struct deed *deed) {
    bool busy = life->trial;
    *deed = make_deed(what);
    switch (what) {
    case LIVES_CALL:
    case LIVES_TRIAL:
    case LIVES_CANCEL: {
        deed->path = choose_firmware(life);
        if (deed->path == PATHS) {
            return false;
        }
        int firmware = firmware_of(life->file[deed->path]);
        deed->may = bit_of(firmware);
        deed->must = busy ? NO_FIRMWARE : what == LIVES_CANCEL ? life->runs : firmware;
        if (what == LIVES_TRIAL) {
            deed->other = draw(life, 8) == 0 ? draw(life, PATHS) : choose_firmware(life);
            deed->boots = 1u + draw(life, 3);
            int back = firmware_of(life->file[deed->other]);
            deed->may |= bit_of(back);
            // A trial that could not be ended does not begin.
            deed->must = !busy && back == NO_FIRMWARE ? life->runs : deed->must;
        }
        break;
    }
    case LIVES_WATCH: {
        deed->path = draw(life, 8) == 0 ? PATHS - 1u : choose_firmware(life);
        deed->other = WATCH;
        if (deed->path >= PATHS || deed->path == WATCH || life->file[deed->path] == CONTENT_NONE) {
            return false;
        }
        int firmware = firmware_of(life->file[deed->path]);
        bool fresh = (life->lay & bit_of_file(life->file[deed->path])) == 0 && (life->failed & bit_of(firmware)) == 0;
        deed->files = true;
        deed->may = bit_of(firmware);
        deed->must = busy || !fresh ? NO_FIRMWARE : firmware == NO_FIRMWARE ? life->runs : firmware;
        return true;
    }
    case LIVES_INSTALLER:
    case LIVES_BAD:
        deed->path = what == LIVES_BAD ? 6u : 5u;
        deed->must = busy ? NO_FIRMWARE : life->runs;
        if (life->file[deed->path] != (what == LIVES_BAD ? CONTENT_BAD : CONTENT_INSTALLER)) {
            return false;
        }
        break;
    case LIVES_REMOVE:
    case LIVES_RENAME:
    case LIVES_REPLACE:
        deed->path = choose_file(life);
        deed->other = what == LIVES_RENAME ? draw(life, WATCH) : deed->path;
        if (deed->path == PATHS || (what != LIVES_REMOVE && deed->path >= WATCH) ||
            (what == LIVES_RENAME && deed->path == deed->other)) {
            return false;
        }
        deed->content = (enum content)(CONTENT_FIRST + draw(life, CONTENT_PACKAGE - CONTENT_FIRST + 1u));
        deed->files = true;
        deed->must = busy ? NO_FIRMWARE : life->runs;
        if (what == LIVES_REPLACE && !life->lives->content[deed->content].bytes) {
            return false;
        }
        break;
    case LIVES_CONFIRM:
    default:
        deed->must = busy && what != LIVES_CONFIRM ? NO_FIRMWARE : life->runs;
    }
    if (watch_is_pending(life)) {
        deed->must = NO_FIRMWARE;
    }
    return true;
}

static bool live_a_deed(struct life *life) {
    struct deed deed;
    enum lives_deed what;
    do {
        what = (enum lives_deed)draw(life, LIVES_DEED_COUNT + 4u);
        if (what >= LIVES_DEED_COUNT) { // what matters most is done most often; a trial goes on or is confirmed
            static const enum lives_deed often[2][4] = {{LIVES_CALL, LIVES_TRIAL, LIVES_WATCH, LIVES_TRIAL},
                                                        {LIVES_CONFIRM, LIVES_RESTART, LIVES_RESTART, LIVES_REMOVE}};
            what = often[life->trial][what - LIVES_DEED_COUNT];
        }
    } while (!choose(life, what, &deed));
    return do_deed(life, deed, false);
}

/// A bit of the application flips while the file that it was made of is there.
static bool be_mended(struct life *life) {
    struct sim_device *device = &life->at.device;
    if (life->source == PATHS || firmware_of(life->file[life->source]) != life->runs || life->trial ||
        life->worn != 0 || life->pending != 0) {
        return true;
    }
    uint32_t address = device->vendor ? device->layout.application + 0x1000u : device->layout.displaced + 0x200u;
    nor_rot(&device->nor, address, 4);
    if (sim_application_whole(device)) {
        nor_rot(&device->nor, address, 4); // no checksum covers it
        return true;
    }
    case_tell(&life->at, "a bit of the application flips at 0x%06x; %s is there", (unsigned)address,
              paths[life->source]);
    if (life->report) {
        life->report->mended++;
    }
    struct deed deed = make_deed(LIVES_RESTART);
    deed.must = life->runs;
    return do_deed(life, deed, true);
}

static void live(struct life *life) {
    uint32_t deeds = DEEDS_LEAST + draw(life, DEEDS_MORE);
    bool well = true;
    for (uint32_t i = 0; i < deeds && well; i++) {
        well = live_a_deed(life);
    }
    well = well && be_mended(life);
    // And left alone in the end.
    for (uint32_t i = 0; i < 2 && well; i++) {
        well = do_deed(life, make_deed(LIVES_RESTART), true);
    }
    if (!well) {
        return;
    }
    (void)case_resets(&life->at);
    if (life->worn != 0) {
        case_excuse_worn(&life->at, life->worn);
    }
    if (!life->at.device.rests) {
        case_broken(&life->at, CAMPAIGN_BRICK, "it does not come to rest");
        return;
    }
    if (life->at.device.lost_installers > 0) {
        case_broken(&life->at, CAMPAIGN_BRICK, "no whole installer was in flash when one was needed");
        return;
    }
    (void)(case_check_rules(&life->at) && check_files(life));
}

static void follow(const struct lives *lives, uint32_t number, struct campaign_result *result,
                   struct lives_report *report, FILE *trace) {
    const struct campaign_case which = {CAMPAIGN_CHAIN, number, NOR_BEFORE};
    struct life life = {
        .lives = lives, .report = report, .watched = 1u << CONTENT_NONE, .asked = PATHS, .source = PATHS};
    for (uint32_t i = 0; i < PATHS; i++) {
        life.file[i] = lives->content[at_first[i]].bytes ? at_first[i] : CONTENT_NONE;
    }
    case_open(&life.at, lives->settings->seed, &which, result, trace);
    case_start(&life.at, &lives->device);
    live(&life);
    case_close(&life.at);
}

/* The device. */

static void digest(struct story_bytes bytes, uint8_t sha256[32]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes.bytes, bytes.size);
    br_sha256_out(&context, sha256);
}

static void set_contents(struct lives *lives) {
    const struct lives_settings *settings = lives->settings;
    for (uint32_t i = 0; i < settings->firmwares && i < LIVES_FIRMWARES; i++) {
        lives->content[CONTENT_FIRST + i] = settings->firmware[i].image;
        digest(settings->firmware[i].image, lives->digest[i]);
    }
    lives->content[CONTENT_PACKAGE] = settings->package;
    lives->content[CONTENT_INSTALLER] = settings->new_installer_package;
    lives->content[CONTENT_BAD] = (struct story_bytes){lives->bad, sizeof lives->bad};
}

static enum oneslot_error provision(const struct lives *lives, uint8_t *flash) {
    struct sim_provision parts = lives->settings->provision;
    struct sim_file files[FILES_MAX];
    if (parts.files > FILES_MAX - PATHS) {
        parts.files = FILES_MAX - PATHS;
    }
    if (parts.files > 0) {
        memcpy(files, parts.file, parts.files * sizeof *files);
    }
    for (uint32_t i = 0; i < PATHS; i++) {
        struct story_bytes bytes = lives->content[at_first[i]];
        if (bytes.bytes) {
            files[parts.files++] = (struct sim_file){paths[i], bytes.bytes, bytes.size};
        }
    }
    parts.file = files;
    parts.watch = paths[WATCH];
    return sim_provision(flash, &parts, NULL);
}

static void equip(struct lives *lives) {
    const struct lives_settings *settings = lives->settings;
    struct sim_device *device = &lives->device;
    device->old_firmware = settings->firmware[0].flash;
    device->new_firmware = settings->firmware[1].flash;
    for (uint32_t i = 2; i < settings->firmwares && i < LIVES_FIRMWARES; i++) {
        lives->others[i - 2u] = settings->firmware[i].flash;
    }
    device->others = lives->others;
    device->other_count = settings->firmwares - 2u;
    device->confirm = SIM_CONFIRM_NOT;
    if (settings->new_installer_package.bytes) {
        sim_device_installers(device,
                              (struct sim_firmware){settings->provision.installer, settings->provision.installer_size},
                              settings->new_installer);
    }
    nor_copy(&lives->provisioned, &device->nor);
    device->provisioned = &lives->provisioned;
}

static void close_lives(struct lives *lives) {
    if (lives->provisioned.sector) {
        nor_destroy(&lives->provisioned);
    }
    if (lives->device.nor.sector) {
        sim_device_destroy(&lives->device);
    }
}

/// One upgrade without any trouble.
static bool try_once(const struct lives *lives, char *message) {
    struct sim_device device;
    sim_device_fork(&device, &lives->device);
    (void)sim_request(&device, paths[1], NULL);
    enum sim_stop stop = sim_power_on(&device);
    bool well = stop == SIM_APPLICATION && sim_runs(&device) == SIM_RUNS_NEW;
    if (!well) {
        snprintf(message, MESSAGE_SIZE, "%s", oneslot_error_text(device.last));
    }
    sim_device_discard(&device);
    return well;
}

static bool open_lives(struct lives *lives, const struct lives_settings *settings, struct lives_report *report,
                       char *message) {
    memset(lives, 0, sizeof *lives);
    memset(report, 0, sizeof *report);
    lives->settings = settings;
    set_contents(lives);
    uint8_t *flash = malloc(settings->provision.flash_size);
    if (!flash) {
        abort();
    }
    enum oneslot_error error = provision(lives, flash);
    if (error == ONESLOT_ERROR_NONE) {
        error = sim_device_create(&lives->device, settings->provision.chip, flash, settings->provision.flash_size,
                                  settings->seed);
    }
    free(flash);
    if (error != ONESLOT_ERROR_NONE) {
        snprintf(message, MESSAGE_SIZE, "the flash cannot be made: %s",
                 error == ONESLOT_ERROR_FS_CORRUPT ? "its file system does not hold both firmwares and a package; a "
                                                     "larger flash size (--flash-size) does"
                                                   : oneslot_error_text(error));
        return false;
    }
    equip(lives);
    if (!try_once(lives, message)) {
        close_lives(lives);
        return false;
    }
    return true;
}

/* The whole. */

struct work {
    const struct lives *lives;
    struct lives_report *report;
};

/// Names what was noted last: a life has no tear of its own.
static void name_life(struct campaign_report *report, uint64_t seed, uint64_t number, uint32_t before) {
    if (report->failures > before) {
        snprintf(report->failure[before].name, sizeof report->failure[before].name, "%llu:%llu",
                 (unsigned long long)seed, (unsigned long long)number);
    }
}

static bool run_life(void *context, uint64_t number, void *sum, uint32_t *cuts) {
    const struct work *work = context;
    struct lives_report *report = sum;
    struct campaign_result result;
    const struct campaign_case which = {CAMPAIGN_CHAIN, (uint32_t)number, NOR_BEFORE};
    uint32_t failures = report->campaign.failures;
    follow(work->lives, (uint32_t)number, &result, report, NULL);
    tally_result(&report->campaign, &which, work->lives->settings->seed, &result);
    name_life(&report->campaign, work->lives->settings->seed, number, failures);
    *cuts = result.cuts;
    return result.verdict == CAMPAIGN_KEPT;
}

static void note_crash(void *context, uint64_t number, void *sum) {
    const struct work *work = context;
    struct lives_report *report = sum;
    const struct campaign_case which = {CAMPAIGN_CHAIN, (uint32_t)number, NOR_BEFORE};
    uint32_t failures = report->campaign.failures;
    tally_failure(&report->campaign, &which, work->lives->settings->seed, CAMPAIGN_CRASH,
                  "the engine crashed or never came back");
    name_life(&report->campaign, work->lives->settings->seed, number, failures);
}

static void add_sum(void *context, const void *sum) {
    const struct work *work = context;
    const struct lives_report *report = sum;
    tally_report(&work->report->campaign, &report->campaign);
    for (uint32_t i = 0; i < LIVES_DEED_COUNT; i++) {
        work->report->deeds[i] += report->deeds[i];
    }
    work->report->upgrades += report->upgrades;
    work->report->disturbed += report->disturbed;
    work->report->worn += report->worn;
    work->report->rotten += report->rotten;
    work->report->mended += report->mended;
}

bool lives_run(const struct lives_settings *settings, struct lives_report *report, char *message) {
    struct lives lives;
    double begin = jobs_seconds();
    if (!open_lives(&lives, settings, report, message)) {
        return false;
    }
    struct work work = {.lives = &lives, .report = report};
    jobs_run(&(struct jobs){.cases = settings->lives,
                            .jobs = settings->jobs == 0 ? 1 : settings->jobs,
                            .failures_max = settings->failures_max,
                            .context = &work,
                            .sum_size = sizeof *report,
                            .run = run_life,
                            .crashed = note_crash,
                            .add = add_sum,
                            .progress = settings->progress,
                            .progress_context = settings->progress_context});
    close_lives(&lives);
    report->campaign.seconds = jobs_seconds() - begin;
    return true;
}

bool lives_replay(const struct lives_settings *given, const char *name, FILE *out, enum campaign_verdict *verdict,
                  char *message) {
    struct lives lives;
    struct lives_settings settings = *given;
    struct lives_report report;
    struct campaign_result result;
    char *end = NULL;
    unsigned long long seed = strtoull(name, &end, 10);
    char *last = end;
    unsigned long long number = *end == ':' ? strtoull(end + 1, &last, 10) : 0;
    if (name[0] < '0' || name[0] > '9' || *end != ':' || end[1] < '0' || end[1] > '9' || *last != 0 ||
        number > UINT32_MAX) {
        snprintf(message, MESSAGE_SIZE, "\"%s\" names no life: SEED:NUMBER", name);
        return false;
    }
    settings.seed = seed;
    if (!open_lives(&lives, &settings, &report, message)) {
        return false;
    }
    follow(&lives, (uint32_t)number, &result, NULL, out);
    *verdict = result.verdict;
    close_lives(&lives);
    return true;
}

/* Names. */

static const char *const deed_names[] = {
#define DEED_NAME(name, text, sentence) text,
    LIVES_DEEDS(DEED_NAME)
#undef DEED_NAME
};
static const char *const deed_texts[] = {
#define DEED_TEXT(name, text, sentence) sentence,
    LIVES_DEEDS(DEED_TEXT)
#undef DEED_TEXT
};

const char *lives_deed_name(enum lives_deed deed) {
    return deed_names[deed];
}

const char *lives_deed_text(enum lives_deed deed) {
    return deed_texts[deed];
}
