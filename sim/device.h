/*
 * A whole simulated device: loader, installer and application over NOR flash in memory.
 *
 * The loader's decisions are core/boot.c's, the installer is core/install.c itself; on the ESP32 family the model of
 * ESP-IDF's boot loader and core/handover.c. The application is not run: when it is started, the device says which one
 * it is; it may confirm itself, and a function may act for it.
 */
#ifndef SIM_DEVICE_H
#define SIM_DEVICE_H

#include "oneslot/install.h"
#include "oneslot/oneslot.h"
#include "sim/nor.h"

/// An application as it would lie in flash from address 0 on; on the ESP32 family from its partition's start.
struct sim_firmware {
    const uint8_t *bytes;
    uint32_t size;
};

/// Where a power-on led.
enum sim_stop {
    SIM_APPLICATION, ///< the application was started
    SIM_CUT,         ///< power was cut
    SIM_STUCK,       ///< after many resets still nothing was started
    SIM_HUNG,        ///< far too many flash accesses in one go
};

/// What the flash holds as application.
enum sim_runs {
    SIM_RUNS_OLD,
    SIM_RUNS_NEW,
    SIM_RUNS_NEITHER, ///< neither of both, whole
    SIM_RUNS_WEAK,    ///< one of the known ones, but with cells that read by chance
    SIM_RUNS_OTHER,   ///< another one that is known
};

/// What the application does about a trial each time it is started.
enum sim_confirm {
    SIM_CONFIRM_NOT,
    SIM_CONFIRM_ONESLOT, ///< oneslot_confirm() alone
    SIM_CONFIRM_VENDOR,  ///< ESP-IDF's call alone
    SIM_CONFIRM_BOTH,    ///< oneslot_confirm(), then ESP-IDF's call; without ESP-IDF oneslot_confirm() alone
};

struct sim_device;

/// What an application does when it is started. It may write what applications write, and be cut off. Returns whether
/// it resets the device.
typedef bool sim_application(struct sim_device *device, const struct oneslot_flash *flash);

/// Something that a person has the application do between two starts. It may be cut off.
typedef void sim_deed(struct sim_device *device, const struct oneslot_flash *flash, void *context);

/// No firmware that is known.
#define SIM_NO_FIRMWARE UINT32_MAX

/// Between two deeds no sector may be erased or programmed more often than this, however often the device resets: an
/// installation and the way back, each with what it tries again, the boots of a trial (STORY_TRIAL_BOOTS and their
/// like) and the journal's records.
#define SIM_ERASES_BETWEEN_DEEDS   24u
#define SIM_PROGRAMS_BETWEEN_DEEDS (SIM_ERASES_BETWEEN_DEEDS * 16u)

struct sim_device {
    struct nor nor;
    struct oneslot_chip chip;
    bool vendor;                  ///< ESP-IDF's boot loader starts what there is
    bool rollback;                ///< and knows trials
    enum sim_confirm confirm;     ///< of a firmware on trial
    sim_application *application; ///< NULL: it only confirms itself, as `confirm` says
    const void *application_context;
    uint32_t notes; ///< for `application` to tell whoever watches; power cuts do not touch them
    /// Installers that are told apart by their bytes; none: there always is one, which is never replaced.
    struct sim_firmware old_installer;
    struct sim_firmware new_installer;
    bool new_installer_dead; ///< it hangs until the watchdog bites
    struct oneslot_layout layout;
    struct sim_firmware old_firmware;
    struct sim_firmware new_firmware;
    bool new_refused; ///< what starts applications finds fault with the new firmware, which the installer has proven
    const struct sim_firmware *others; ///< further ones that may run; not owned
    uint32_t other_count;
    uint32_t fs_start; ///< the file system that applications write
    uint32_t fs_size;
    bool files_changed; ///< it was written since the flash was provisioned
    /// The flash as provisioned: everything outside firmware, displaced sector and journal must stay like it. Not
    /// owned.
    const struct nor *provisioned;
    uint8_t *writable;             ///< a byte a sector; shared by copies, see sim_device_create
    uint8_t *application_writable; ///< the same for what the application may write: requests and confirmations
    uint8_t *loader_writable;      ///< and for ESP-IDF's boot loader: otadata
    uint32_t boots;                ///< resets and power-ups so far
    uint32_t installs;             ///< runs of the installer so far
    enum oneslot_error last;       ///< what the last of them returned
    bool proven;                   ///< it says that flash holds what is to run, whatever the journal says
    uint32_t bad_starts;           ///< applications started that were neither old nor new, or weak
    uint32_t lost_installers;      ///< resets at which an installer was needed and none was whole
    uint32_t resets_left;
    bool rests; ///< the last reset of sim_resets ended in an application
};

/// Loads a flash image of `size` bytes, for a device of that chip (NULL: an ESP8266). `device->layout` is read from it.
/// Returns NONE, NO_LAYOUT or what reading the map says. Frees what it holds with sim_device_destroy.
enum oneslot_error sim_device_create(struct sim_device *device, const struct oneslot_chip *chip, const uint8_t *flash,
                                     uint32_t size, uint64_t seed);
void sim_device_destroy(struct sim_device *device);

/// A copy with its own flash; `writable` stays the original's, so the original must outlive it.
void sim_device_fork(struct sim_device *copy, const struct sim_device *from);
void sim_device_discard(struct sim_device *copy);

/// Power on: boots, upgrades, resets, until the application is started or one of the other ends is reached. Planned
/// faults (nor_plan) are in force, and are gone afterwards when they were cuts.
enum sim_stop sim_power_on(struct sim_device *device);

/// `count` resets in a row, whatever each of them leads to: nobody does anything. Returns SIM_APPLICATION when an
/// application was started at any of them.
enum sim_stop sim_resets(struct sim_device *device, uint32_t count);

/// Has the application do something. Writes are counted anew from here on (nor_deed); a planned cut may strike.
enum sim_stop sim_act(struct sim_device *device, sim_deed *deed, void *context);

/// Which application the flash holds, the device's header bytes 2 and 3 aside.
enum sim_runs sim_runs(const struct sim_device *device);

/// The same by number: 0 the old one, 1 the new one, 2 and up the others, or SIM_NO_FIRMWARE. `weak` (may be NULL)
/// says whether cells of it read by chance.
uint32_t sim_firmware_number(const struct sim_device *device, bool *weak);

/// Whether what starts applications here finds this one whole: the loader its checksum, ESP-IDF's boot loader its
/// SHA-256.
bool sim_application_whole(const struct sim_device *device);

/// Whether all but firmware, displaced sector, otadata and journal is as it was provisioned; else `address` says where
/// not. Of the file system no more is asked once the application has written it: others' writes are violations there.
bool sim_untouched(const struct sim_device *device, uint32_t *address);

/// The newest journal record as a reader finds it now.
enum oneslot_error sim_journal(struct sim_device *device, struct oneslot_record *record);

/// Lets installers replace each other: their places may be written from now on. Before any copy is made.
void sim_device_installers(struct sim_device *device, struct sim_firmware old_installer,
                           struct sim_firmware new_installer);

/// Whether that installer lies at `address`, whole and without weak cells.
bool sim_installer_at(const struct sim_device *device, uint32_t address, const struct sim_firmware *installer);

/// For a sim_application: Oneslot as applications see it, and the confirmation that device->confirm asks for.
enum oneslot_error sim_open(const struct sim_device *device, struct oneslot *oneslot,
                            const struct oneslot_flash *flash);
void sim_confirm(struct sim_device *device, const struct oneslot_flash *flash);

/// The application's part: writes a request as oneslot_request() does. A planned cut may strike.
enum sim_stop sim_request(struct sim_device *device, const char *path, const uint8_t *sha256);

/// The same with everything that can be asked for.
enum sim_stop sim_request_with(struct sim_device *device, const char *path, const struct oneslot_options *options);

const char *sim_stop_text(enum sim_stop stop);
const char *sim_runs_text(enum sim_runs runs);

#endif
