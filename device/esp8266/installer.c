/*
 * The installer: runs from RAM alone, so that all of the firmware can be rewritten under it.
 */
#include "oneslot/install.h"
#include "oneslot/install_package.h"
#include "oneslot/self_update.h"

#include "console.h"
#include "flash_port.h"
#include "rom.h"

/// A progress line is written again when this many percent more are done.
#define PROGRESS_STEP 5u

/// Seconds between two attempts to finish what was begun.
#define RETRY_SECONDS 5u

/// What the loader does next.
enum next {
    NEXT_APPLICATION = 0, ///< start the application, without a reset
    NEXT_RESET = 1,
};

/// What the console shows.
struct screen {
    enum oneslot_phase phase;
    uint32_t percent;
    bool open; ///< a progress line stands without its end
};

uint32_t installer_main(const struct oneslot_layout *layout, uint32_t application_broken);

static struct oneslot_install install;

static void pause_seconds(uint32_t seconds) {
    for (uint32_t i = 0; i < seconds * 10u; i++) {
        watchdog_feed();
        ets_delay_us(100000);
    }
}

static void end_line(struct screen *screen) {
    if (screen->open) {
        console_text("\n");
        screen->open = false;
    }
}

static const char *phase_text(enum oneslot_phase phase) {
    return phase == ONESLOT_PHASE_WRITE ? "writing " : "checking ";
}

/// Shows writing and reading back; what comes before touches nothing and is over soon.
static void show_progress(void *context, enum oneslot_phase phase, uint32_t percent) {
    struct screen *screen = context;

    watchdog_feed();
    if (phase != ONESLOT_PHASE_WRITE && phase != ONESLOT_PHASE_VERIFY) {
        return;
    }
    if (screen->open && phase == screen->phase && percent < screen->percent + PROGRESS_STEP && percent != 100) {
        return;
    }
    if (screen->open && phase == screen->phase && percent == screen->percent) {
        return;
    }
    if (phase != screen->phase) {
        end_line(screen);
    }
    screen->phase = phase;
    screen->percent = percent;
    screen->open = true;
    uart_tx_one_char('\r');
    console_text(phase_text(phase));
    console_number(percent);
    console_text(" %");
}

static void show_proven(void *context, const char *path, const struct oneslot_image *image, bool resumed) {
    end_line(context);
    console_text(resumed ? "upgrade goes on: " : "upgrade: ");
    console_text(path);
    console_text(", ");
    console_text(oneslot_image_kind_text(image->kind));
    console_text(", ");
    console_number(image->size);
    console_text(" bytes, ");
    console_text(oneslot_proof_text(image->proofs));
    console_text(image->proofs != 0 ? " ok\n" : "\n");
}

static void show_outcome(void *context, const char *path, enum oneslot_error outcome, uint32_t detail) {
    (void)detail;
    end_line(context);
    if (outcome == ONESLOT_ERROR_NONE) {
        console_text("done\n");
        return;
    }
    console_text("upgrade: ");
    console_text(path);
    console_text(path[0] != 0 ? ": " : "");
    console_text(oneslot_error_text(outcome));
    console_text("\n");
}

uint32_t installer_main(const struct oneslot_layout *layout, uint32_t application_broken) {
    struct oneslot_flash flash;
    struct screen screen = {ONESLOT_PHASE_PROVE, 0, false};
    const struct oneslot_install_port port = {&screen, show_progress, show_proven, show_outcome};
    uint32_t rom_size = flash_port_open(&flash, layout->flash_size);

    flash_port_unlock();
    install.chip = &oneslot_esp8266;
    install.flash = &flash;
    install.port = &port;
    install.take_package = oneslot_install_package;
    install.self_update = &oneslot_self_update_in_flash;
    install.running = layout->installer;
    install.application_broken = application_broken != 0;
    enum oneslot_error error = oneslot_install_run(&install);
    end_line(&screen);
    flash_port_close(rom_size);
    if (error == ONESLOT_ERROR_NONE) {
        return NEXT_RESET;
    }
    if (install.record.state == ONESLOT_STATE_INSTALLING) {
        // Writing has begun and cannot go on: there is no application to start. Try again, but not in a rush.
        pause_seconds(RETRY_SECONDS);
        return NEXT_RESET;
    }
    // A refusal touched nothing: without a reset in between, one that cannot be written down does not repeat for ever.
    return NEXT_APPLICATION;
}
