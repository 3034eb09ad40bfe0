#include "host/run_checks.h"

#include <string.h>

#include "oneslot/chip.h"
#include "oneslot/otadata.h"

#define DESCRIPTOR_AT 32u
#define DESCRIPTOR    0xabcd5432u
/// Where stock images have their application.
#define STOCK_APPLICATION 0x10000u

const char *run_ota_state_text(uint32_t state) {
    static const char *const names[] = {"NEW", "PENDING_VERIFY", "VALID", "INVALID", "ABORTED"};
    if (state == ONESLOT_OTA_UNDEFINED) {
        return "UNDEFINED";
    }
    return state < sizeof names / sizeof names[0] ? names[state] : "none";
}

/// Where the application begins in a file that holds it alone, or behind boot loader and partition table.
static uint32_t application_in(const struct run_subject *subject) {
    uint32_t word = 0;
    uint32_t chip = board_mailbox(subject->board)->chip;
    if (subject->expected_size >= DESCRIPTOR_AT + sizeof word) {
        memcpy(&word, subject->expected + DESCRIPTOR_AT, sizeof word);
    }
    if (word == DESCRIPTOR) {
        return 0;
    }
    return chip == ONESLOT_CHIP_ESP32 || chip == ONESLOT_CHIP_ESP32S2 ? STOCK_APPLICATION - 0x1000 : STOCK_APPLICATION;
}

static void check_expected(struct run_checks *checks, const struct run_subject *subject) {
    const struct board_started *started = &board_mailbox(subject->board)->started;
    const uint8_t *flash = board_flash(subject->board) + started->address;
    uint32_t from = application_in(subject);
    if (subject->expected_size < from || subject->expected_size - from < started->size) {
        run_checks_add(checks, "flash", false, "the application in flash is longer than the expected one");
        return;
    }
    for (uint32_t i = 0; i < started->size; i++) {
        if (flash[i] != subject->expected[from + i]) {
            run_checks_add(checks, "flash", false, "the flash differs from the image at the image's byte 0x%06x", i);
            return;
        }
    }
    run_checks_add(checks, "flash", true, "the partition holds all %u bytes of the application", started->size);
}

void run_checks_esp32(struct run_checks *checks, const struct run_subject *subject) {
    const struct board_started *started = &board_mailbox(subject->board)->started;
    checks->count = 0;
    checks->ok = true;
    if (started->hashed) {
        run_checks_add(checks, "sha256", true, "the boot loader found checksum and SHA-256 right");
    } else {
        run_checks_add(checks, "sha256", true, "the boot loader found the checksum right; there is no SHA-256");
    }
    bool starts = started->state == ONESLOT_OTA_PENDING_VERIFY || started->state == ONESLOT_OTA_VALID ||
                  started->state == ONESLOT_OTA_UNDEFINED;
    run_checks_add(checks, "otadata", starts, "otadata's state was %s at its start",
                   run_ota_state_text(started->state));
    if (subject->expected != NULL) {
        check_expected(checks, subject);
    }
}
