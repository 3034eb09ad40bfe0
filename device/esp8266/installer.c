/*
 * The installer: runs from RAM alone, so that all of the firmware can be rewritten under it.
 */
#include "oneslot/boot.h"
#include "oneslot/install.h"
#include "oneslot/install_package.h"
#include "oneslot/self_update.h"

#include "flash_port.h"
#include "rom.h"
#include "screen.h"

uint32_t installer_main(const struct oneslot_layout *layout, uint32_t application_broken);

static struct oneslot_install install;

static void pause_seconds(uint32_t seconds) {
    for (uint32_t i = 0; i < seconds * 10u; i++) {
        watchdog_feed();
        ets_delay_us(100000);
    }
}

static void show_progress(void *context, enum oneslot_phase phase, uint32_t percent) {
    watchdog_feed();
    screen_progress(context, phase, percent);
}

uint32_t installer_main(const struct oneslot_layout *layout, uint32_t application_broken) {
    struct oneslot_flash flash;
    struct screen screen = {ONESLOT_PHASE_PROVE, 0, false};
    const struct oneslot_install_port port = {&screen, show_progress, screen_proven, screen_outcome};
    uint32_t rom_size = flash_port_open(&flash, layout->flash_size);

    if (!flash_port_unlock()) {
        flash_port_close(rom_size);
        screen_outcome(&screen, "", ONESLOT_ERROR_FLASH_PROTECTED, 0);
        return ONESLOT_RETURN_NOTHING;
    }
    install.chip = &oneslot_esp8266;
    install.flash = &flash;
    install.port = &port;
    install.take_package = oneslot_install_package;
    install.self_update = &oneslot_self_update_in_flash;
    install.running = layout->installer;
    install.application_broken = application_broken != 0;
    enum oneslot_error error = oneslot_install_run(&install);
    screen_end_line(&screen);
    bool stuck = error != ONESLOT_ERROR_NONE && !install.proven && install.record.state == ONESLOT_STATE_INSTALLING;
    uint32_t seconds = stuck ? oneslot_install_wait(&install) : 0;
    flash_port_close(rom_size);
    if (error == ONESLOT_ERROR_NONE || stuck) {
        // Where writing has begun and cannot go on there is no application to start. Try again, but not in a rush.
        pause_seconds(seconds);
        return ONESLOT_RETURN_RESET;
    }
    // A refusal touched nothing: without a reset in between, one that cannot be written down does not repeat for ever.
    return install.proven ? ONESLOT_RETURN_PROVEN : ONESLOT_RETURN_NOTHING;
}
