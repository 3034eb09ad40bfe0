/*
 * The installer of the ESP32 family: an application in the `factory` partition, which the second-stage boot loader
 * starts when otadata names nothing or the application is not whole. Runs from RAM alone.
 */
#include "oneslot/handover.h"
#include "oneslot/install_package.h"

#include "console.h"
#include "console_port.h"
#include "efuse.h"
#include "flash_port.h"
#include "registers.h"
#include "rom.h"
#include "screen.h"

/// Never returns.
void installer_main(void);

static struct oneslot_install install;
static struct oneslot_chip this_chip;

static void pause_seconds(uint32_t seconds) {
    for (uint32_t i = 0; i < seconds * 10u; i++) {
        watchdog_feed();
        rom_delay_us(100000);
    }
}

static void show_progress(void *context, enum oneslot_phase phase, uint32_t percent) {
    watchdog_feed();
    screen_progress(context, phase, percent);
}

/// Does what is to be done. Returns why there is nothing to start; NONE when there is something.
static enum oneslot_error serve(void) {
    struct oneslot_flash flash;
    struct screen screen = {ONESLOT_PHASE_PROVE, 0, false};
    const struct oneslot_install_port port = {&screen, show_progress, screen_proven, screen_outcome};
    enum oneslot_error reason = ONESLOT_ERROR_NONE;

    install.wait = ONESLOT_WAIT_SECONDS << ONESLOT_WAITS_MAX; // should the flash be encrypted
    if (efuse_flash_encrypted()) {
        return ONESLOT_ERROR_FLASH_ENCRYPTED;
    }
    flash_port_open(&flash);
    oneslot_esp32_chip(&this_chip, chip.number, efuse_revision());
    install.chip = &this_chip;
    install.flash = &flash;
    install.port = &port;
    install.take_package = oneslot_install_package;
    enum oneslot_next next = oneslot_handover(&install, &reason);
    screen_end_line(&screen);
    return next == ONESLOT_NEXT_WAIT ? reason : ONESLOT_ERROR_NONE;
}

void installer_main(void) {
    register_steps(chip.watchdogs);
    enum oneslot_error reason = serve();

    if (reason != ONESLOT_ERROR_NONE) {
        console_text("oneslot: ");
        console_text(oneslot_error_text(reason));
        console_text("\n");
        pause_seconds(install.wait);
    }
    console_flush();
    for (;;) {
        rom_reset();
    }
}
