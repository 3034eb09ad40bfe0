/*
 * Example firmware for the ESP8266 and the ESP32 family: version 1 asks for an upgrade to /fw.bin, version 2 confirms
 * it.
 *
 * It uses Oneslot the way any C firmware would: include/oneslot/oneslot.h and flash functions, here the boot ROM's.
 * A firmware that runs from the flash window would use its SDK's instead (spi_flash_read and its kin).
 */
#include "console.h"
#include "oneslot/oneslot.h"
#include "platform.h"
#include "table.h"

#define UPGRADE_PATH "/fw.bin"
#define TRIAL_BOOTS  3u

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

static struct oneslot oneslot;
static uint32_t words[256];

/// Whether all of the table is in flash as it was built.
static bool table_is_whole(const struct oneslot_flash *flash) {
    uint32_t expected = VERSION;

    for (uint32_t at = 0; at < TABLE_WORDS; at++) {
        uint32_t address = platform_table() + at * 4u;
        if (at % 256u == 0 && oneslot_flash_read(flash, address, words, sizeof words) != ONESLOT_ERROR_NONE) {
            return false;
        }
        if (words[at % 256u] != expected) {
            return false;
        }
        expected = expected * TABLE_FACTOR + TABLE_STEP;
    }
    return true;
}

static void print_line(const char *label, const char *text) {
    console_text(label);
    console_text(text);
    console_text("\n");
}

static void print_status(void) {
    static struct oneslot_status status;
    static char text[200];

    if (oneslot_status(&oneslot, &status) != ONESLOT_ERROR_NONE) {
        return;
    }
    oneslot_status_text(&status, text, sizeof text);
    print_line("status: ", text);
}

#if VERSION == 1
/// Asks for the upgrade, once: after a refusal the reason is on the console, and there is no use in asking again.
static enum oneslot_error use_oneslot(void) {
    const struct oneslot_options options = {.trial_boots = TRIAL_BOOTS};

    if (oneslot.record.state == ONESLOT_STATE_FAILED) {
        return ONESLOT_ERROR_NONE;
    }
    enum oneslot_error error = oneslot_request(&oneslot, UPGRADE_PATH, &options);
    if (error == ONESLOT_ERROR_NONE) {
        print_line("asking for ", UPGRADE_PATH);
        platform_reset();
    }
    return error;
}
#else
static enum oneslot_error use_oneslot(void) {
    return platform_confirm(&oneslot);
}
#endif

void firmware_main(void) {
    struct oneslot_flash flash;

    platform_open(&flash);
    console_text("\nexample firmware, version " TEXT(VERSION) "\n");
    if (!table_is_whole(&flash)) {
        console_text("the table in flash is damaged\n");
    }
    enum oneslot_error error = platform_find(&oneslot, &flash);
    if (error == ONESLOT_ERROR_NONE) {
        if (VERSION == 1) {
            print_status();
        }
        error = use_oneslot();
    }
    if (error != ONESLOT_ERROR_NONE) {
        print_line("oneslot: ", oneslot_error_text(error));
        return;
    }
    print_status();
}
