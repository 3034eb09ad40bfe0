/*
 * The loader: one sector at flash 0, run at every reset. It starts the application, or the installer when there is
 * work for it. It writes nothing but one word a boot while a trial is under way, or a new installer is.
 */
#include "console.h"
#include "flash_port.h"
#include "oneslot/boot.h"
#include "oneslot/journal.h"
#include "oneslot/layout.h"
#include "rom.h"
#include "segments.h"

/// Seconds between two attempts when nothing can be started.
#define RETRY_SECONDS 5u

typedef uint32_t installer_entry(const struct oneslot_layout *layout, uint32_t application_broken);

/// Filled in by the host tool. In IRAM, which is readable by words only.
extern const volatile uint32_t loader_layout[sizeof(struct oneslot_layout) / 4];

uint32_t loader_main(void);

static void __attribute__((noreturn)) reset(void) {
    software_reset();
    for (;;) {
        watchdog_feed();
    }
}

static void __attribute__((noreturn)) wait_and_reset(const char *reason) {
    console_text(reason);
    for (uint32_t i = 0; i < RETRY_SECONDS * 10; i++) {
        watchdog_feed();
        ets_delay_us(100000);
    }
    reset();
}

/// Lets the installer at that address do its work. Returns whether it ran and found nothing to do; it resets when
/// something was done. It is told in the layout where it was loaded from.
static bool run_installer(const struct oneslot_flash *flash, struct oneslot_layout *layout, uint32_t address,
                          bool broken) {
    struct segments_image image = {flash, address, address};

    if (address == 0 || segments_load(&image, SEGMENTS_CHECK) == 0) {
        return false;
    }
    uint32_t entry = segments_load(&image, SEGMENTS_COPY);
    if (entry == 0) {
        return false;
    }
    uint32_t home = layout->installer;
    layout->installer = address;
    if (((installer_entry *)entry)(layout, broken) != 0) {
        reset();
    }
    layout->installer = home;
    return true;
}

/// The installer that is to be entered, or any other that is whole.
static bool run_any_installer(const struct oneslot_flash *flash, struct oneslot_layout *layout,
                              const uint32_t places[ONESLOT_BOOT_PLACES], bool broken) {
    for (uint32_t i = 0; i < ONESLOT_BOOT_PLACES; i++) {
        if (run_installer(flash, layout, places[i], broken)) {
            return true;
        }
    }
    return false;
}

/// Does what the journal asks for. Returns whether the application may be started.
static bool prepare(const struct oneslot_flash *flash, struct oneslot_layout *layout, bool whole) {
    struct oneslot_journal journal = {flash, layout->journal};
    struct oneslot_record record;
    uint32_t slot = 0;
    uint32_t trial_used = 0;
    uint32_t places[ONESLOT_BOOT_PLACES];
    bool watch = (layout->flags & ONESLOT_LAYOUT_WATCH) != 0 && rtc_get_reset_reason() != ROM_RESET_DEEP_SLEEP;

    // An empty journal is no error: `record` is all zero then, and so is the number of boots. A journal that cannot be
    // read may hide that the firmware is half written.
    enum oneslot_error error = oneslot_journal_load(&journal, &record, &slot);
    if (error == ONESLOT_ERROR_NONE && record.state == ONESLOT_STATE_TRIAL) {
        error = oneslot_journal_trial_used(&journal, slot, &trial_used);
    }
    if (error != ONESLOT_ERROR_NONE && error != ONESLOT_ERROR_JOURNAL_EMPTY) {
        console_text("oneslot: the journal cannot be read\n");
        return false;
    }
    switch (oneslot_boot_decide(&record, trial_used, watch, whole)) {
    case ONESLOT_BOOT_TRIAL:
        if (oneslot_journal_trial_count(&journal, slot) != ONESLOT_ERROR_NONE) {
            console_text("oneslot: this trial boot could not be counted\n");
        }
        return true;
    case ONESLOT_BOOT_INSTALLER:
        // In the middle of an installation the application is not expected to be whole.
        if (!whole && record.state != ONESLOT_STATE_INSTALLING) {
            console_text("oneslot: application damaged, starting the installer\n");
        }
        oneslot_boot_installers(&journal, &record, slot, layout, places);
        if (!run_any_installer(flash, layout, places, !whole)) {
            console_text("oneslot: the installer is damaged\n");
        }
        // Half of the new firmware and half of the old one may well pass the ROM's checksum.
        return record.state != ONESLOT_STATE_INSTALLING;
    default:
        return true;
    }
}

/// Returns the address at which the application is to be entered, as start_loader.S does.
uint32_t loader_main(void) {
    union {
        struct oneslot_layout layout;
        uint32_t word[sizeof(struct oneslot_layout) / 4];
    } copy;
    struct oneslot_flash flash;
    uint32_t entry = 0;

    for (uint32_t i = 0; i < sizeof copy / 4; i++) {
        copy.word[i] = loader_layout[i];
    }
    if (!oneslot_layout_valid(&copy.layout)) {
        wait_and_reset("oneslot: the loader was not set up by oneslot image\n");
    }
    uint32_t rom_size = flash_port_open(&flash, copy.layout.flash_size);
    struct segments_image application = {&flash, copy.layout.displaced, 0};
    if (prepare(&flash, &copy.layout, segments_load(&application, SEGMENTS_CHECK) != 0)) {
        entry = segments_load(&application, SEGMENTS_COPY);
    }
    if (entry == 0) {
        wait_and_reset("oneslot: no firmware can be started; trying again in a few seconds\n");
    }
    flash_port_close(rom_size);
    *(volatile uint32_t *)ROM_USER_START = entry;
    return entry;
}
