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

/// Seconds before the next attempt when nothing can be started; each one that was in vain doubles them, to ten minutes.
#define RETRY_SECONDS 5u

typedef enum oneslot_return installer_entry(const struct oneslot_layout *layout, uint32_t application_broken);

/// Filled in by the host tool. In IRAM, which is readable by words only.
extern const volatile uint32_t loader_layout[sizeof(struct oneslot_layout) / 4];

uint32_t loader_main(void);

static void __attribute__((noreturn)) reset(void) {
    software_reset();
    for (;;) {
        watchdog_feed();
    }
}

static void __attribute__((noreturn)) wait_and_reset(const char *reason, uint32_t seconds) {
    console_text(reason);
    for (uint32_t i = 0; i < seconds * 10; i++) {
        watchdog_feed();
        ets_delay_us(100000);
    }
    reset();
}

/// Lets the installer at that address do its work. Returns what it says; it resets when something was done. It is told
/// in the layout where it was loaded from.
static enum oneslot_return run_installer(const struct oneslot_flash *flash, struct oneslot_layout *layout,
                                         uint32_t address, bool broken) {
    struct segments_image image = {flash, address, address};

    if (address == 0 || segments_load(&image, SEGMENTS_CHECK) == 0) {
        return ONESLOT_RETURN_DAMAGED;
    }
    uint32_t entry = segments_load(&image, SEGMENTS_COPY);
    if (entry == 0) {
        return ONESLOT_RETURN_DAMAGED;
    }
    uint32_t home = layout->installer;
    layout->installer = address;
    enum oneslot_return says = ((installer_entry *)entry)(layout, broken);
    if (says == ONESLOT_RETURN_RESET) {
        reset();
    }
    layout->installer = home;
    return says;
}

/// The installer that is to be entered, or any other that is whole.
static enum oneslot_return run_any_installer(const struct oneslot_flash *flash, struct oneslot_layout *layout,
                                             const uint32_t places[ONESLOT_BOOT_PLACES], bool broken) {
    enum oneslot_return says = ONESLOT_RETURN_DAMAGED;
    for (uint32_t i = 0; i < ONESLOT_BOOT_PLACES && says == ONESLOT_RETURN_DAMAGED; i++) {
        says = run_installer(flash, layout, places[i], broken);
    }
    return says;
}

/// Does what the journal asks for. Returns whether the application may be started.
static bool prepare(const struct oneslot_journal *journal, struct oneslot_layout *layout, bool whole, uint32_t *slot) {
    struct oneslot_record record;
    uint32_t trial_used = 0;
    bool settled;
    uint32_t places[ONESLOT_BOOT_PLACES];
    enum oneslot_return says;
    bool watch = (layout->flags & ONESLOT_LAYOUT_WATCH) != 0 && rtc_get_reset_reason() != ROM_RESET_DEEP_SLEEP;

    // An empty journal is no error: `record` is all zero then, and so is the number of boots. A journal that cannot be
    // read may hide that the firmware is half written.
    enum oneslot_error error = oneslot_journal_look(journal, &record, slot, &settled);
    if (error == ONESLOT_ERROR_NONE && record.state == ONESLOT_STATE_TRIAL) {
        error = oneslot_journal_trial_used(journal, *slot, &trial_used);
    }
    if (error != ONESLOT_ERROR_NONE && error != ONESLOT_ERROR_JOURNAL_EMPTY) {
        console_text("oneslot: the journal cannot be read\n");
        return false;
    }
    switch (oneslot_boot_decide(&record, trial_used, watch, whole, settled)) {
    case ONESLOT_BOOT_TRIAL:
        if (oneslot_journal_trial_count(journal, *slot) != ONESLOT_ERROR_NONE) {
            console_text("oneslot: this trial boot could not be counted\n");
        }
        return true;
    case ONESLOT_BOOT_INSTALLER:
        // In the middle of an installation the application is not expected to be whole.
        if (!whole && record.state != ONESLOT_STATE_INSTALLING) {
            console_text("oneslot: application damaged, starting the installer\n");
        }
        oneslot_boot_installers(journal, &record, *slot, layout, places);
        says = run_any_installer(journal->flash, layout, places, !whole);
        if (says == ONESLOT_RETURN_DAMAGED) {
            console_text("oneslot: the installer is damaged\n");
        }
        // Half of the new firmware and half of the old one may well pass the ROM's checksum.
        return record.state != ONESLOT_STATE_INSTALLING || says == ONESLOT_RETURN_PROVEN;
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
    uint32_t slot = ONESLOT_SLOTS; // none
    uint32_t waits;

    for (uint32_t i = 0; i < sizeof copy / 4; i++) {
        copy.word[i] = loader_layout[i];
    }
    if (!oneslot_layout_valid(&copy.layout)) {
        wait_and_reset("oneslot: the loader was not set up by oneslot image\n", RETRY_SECONDS);
    }
    uint32_t rom_size = flash_port_open(&flash, copy.layout.flash_size);
    struct segments_image application = {&flash, copy.layout.displaced, 0};
    struct oneslot_journal journal = {&flash, copy.layout.journal};
    // One reading does not decide that it is damaged.
    bool whole = segments_load(&application, SEGMENTS_CHECK) != 0 || segments_load(&application, SEGMENTS_CHECK) != 0;
    if (prepare(&journal, &copy.layout, whole, &slot)) {
        entry = segments_load(&application, SEGMENTS_COPY);
    }
    if (entry == 0) {
        // Counted in flash, so that no reset makes it a race: past the most nothing is written.
        (void)oneslot_journal_counted(&journal, slot, ONESLOT_COUNTER_WAITS, &waits);
        (void)oneslot_journal_count(&journal, slot, ONESLOT_COUNTER_WAITS);
        wait_and_reset("oneslot: no firmware can be started; trying again later\n", RETRY_SECONDS << waits);
    }
    flash_port_close(rom_size);
    *(volatile uint32_t *)ROM_USER_START = entry;
    return entry;
}
