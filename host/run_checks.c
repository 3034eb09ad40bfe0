#include "host/run_checks.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/firmware.h"
#include "host/ram_flash.h"
#include "oneslot/image.h"
#include "oneslot/source.h"

#define WINDOW_SIZE   0x100000u
#define USER_START    0x3fffdcd0u
#define FLASH_CHIP    0x3fffc714u
#define HANDLERS      0x3fffc000u
#define USER1_MAGIC   0xeau
#define USER1_ADDRESS 0x1000u

void run_checks_add(struct run_checks *checks, const char *name, bool ok, const char *format, ...) {
    struct run_check *check = &checks->check[checks->count++];
    va_list arguments;
    check->name = name;
    check->ok = ok;
    checks->ok = checks->ok && ok;
    va_start(arguments, format);
    vsnprintf(check->text, sizeof check->text, format, arguments);
    va_end(arguments);
}

/// Espressif's boot_v1.x application lies behind its boot loader, which is what the ROM loads.
static bool is_user1(const struct run_subject *subject) {
    return subject->expected != NULL && subject->expected_size > 0 && subject->expected[0] == USER1_MAGIC;
}

/// Byte `offset` of the application's image: of the stock image, or as the flash holds it.
static uint8_t image_byte(const struct run_subject *subject, uint32_t offset) {
    uint32_t size = board_mailbox(subject->board)->flash_size;
    if (subject->expected != NULL && !is_user1(subject)) {
        return offset < subject->expected_size ? subject->expected[offset] : 0xff;
    }
    if (offset < ONESLOT_SECTOR_SIZE && subject->layout != NULL) {
        offset += subject->layout->displaced;
    }
    return board_flash(subject->board)[offset % size];
}

static uint32_t image_word(const struct run_subject *subject, uint32_t offset) {
    uint32_t word = 0;
    for (uint32_t i = 0; i < 4; i++) {
        word |= (uint32_t)image_byte(subject, offset + i) << i * 8;
    }
    return word;
}

/// What the image's segments put into memory, later ones over earlier ones.
struct loaded {
    uint8_t bytes[sizeof(struct board_snapshot)];
    uint8_t used[sizeof(struct board_snapshot)];
    uint32_t outside; ///< address of a segment that is in neither memory; 0: none
};

/// Where an address lies in the snapshot, or UINT32_MAX.
static uint32_t place(uint32_t address) {
    if (address >= BOARD_DRAM && address - BOARD_DRAM < BOARD_DRAM_SIZE) {
        return address - BOARD_DRAM;
    }
    if (address >= BOARD_IRAM && address - BOARD_IRAM < BOARD_IRAM_SIZE) {
        return BOARD_DRAM_SIZE + (address - BOARD_IRAM);
    }
    return UINT32_MAX;
}

static void load(struct loaded *loaded, const struct run_subject *subject) {
    uint32_t limit = board_mailbox(subject->board)->flash_size;
    uint32_t segments = image_byte(subject, 1);
    uint32_t offset = 8;
    for (uint32_t i = 0; i < segments && offset < limit; i++) {
        uint32_t address = image_word(subject, offset);
        uint32_t length = image_word(subject, offset + 4);
        offset += 8;
        for (uint32_t done = 0; done < length; done++) {
            uint32_t at = place(address + done);
            if (at == UINT32_MAX) {
                loaded->outside = address + done;
                return;
            }
            loaded->bytes[at] = image_byte(subject, offset + done);
            loaded->used[at] = 1;
        }
        offset += length;
    }
}

static void compare_memory(struct run_checks *checks, const struct loaded *loaded, const uint8_t *memory, bool iram) {
    uint32_t from = iram ? BOARD_DRAM_SIZE : 0;
    uint32_t to = iram ? BOARD_DRAM_SIZE + BOARD_IRAM_SIZE : BOARD_DRAM_SIZE;
    uint32_t base = iram ? BOARD_IRAM - BOARD_DRAM_SIZE : BOARD_DRAM;
    uint32_t bytes = 0;
    uint32_t wrong = 0;
    uint32_t first = 0;
    for (uint32_t at = from; at < to; at++) {
        bytes += loaded->used[at];
        if (loaded->used[at] && loaded->bytes[at] != memory[at]) {
            first = wrong == 0 ? base + at : first;
            wrong++;
        }
    }
    const char *name = iram ? "iram" : "dram";
    const char *word = iram ? "IRAM" : "DRAM";
    if (wrong == 0) {
        run_checks_add(checks, name, true, "%s holds the image's %u bytes", word, bytes);
    } else {
        run_checks_add(checks, name, false, "%s: %u of the image's %u bytes are wrong, the first at 0x%08x", word,
                       wrong, bytes, first);
    }
}

static void check_memory(struct run_checks *checks, const struct run_subject *subject) {
    const uint8_t *memory = (const uint8_t *)board_snapshot(subject->board);
    struct loaded *loaded = calloc(1, sizeof *loaded);
    if (loaded == NULL) {
        run_checks_add(checks, "memory", false, "the host has no memory for the comparison");
        return;
    }
    load(loaded, subject);
    if (loaded->outside != 0) {
        run_checks_add(checks, "memory", false, "the image loads to 0x%08x, which is no memory of the chip",
                       loaded->outside);
    }
    compare_memory(checks, loaded, memory, true);
    compare_memory(checks, loaded, memory, false);
    free(loaded);
}

static uint32_t memory_word(const struct run_subject *subject, uint32_t address) {
    uint32_t word;
    memcpy(&word, (const uint8_t *)board_snapshot(subject->board) + place(address), sizeof word);
    return word;
}

/// All registers are as the ROM left them when it entered sector 0, but for a2, in which it holds the address.
static void check_registers(struct run_checks *checks, const struct run_subject *subject) {
    const struct board_mailbox *mailbox = board_mailbox(subject->board);
    const struct board_registers *found = &mailbox->entered;
    struct board_registers expected = mailbox->first;
    uint32_t entry = image_word(subject, 4);
    uint32_t user_start = memory_word(subject, USER_START);
    char wrong[160] = "";
    expected.a[2] = entry;
    for (int i = 0; i < 16; i++) {
        if (found->a[i] != expected.a[i]) {
            snprintf(wrong, sizeof wrong, "a%d is 0x%08x instead of 0x%08x", i, found->a[i], expected.a[i]);
            break;
        }
    }
    if (wrong[0] == 0 && (found->ps != expected.ps || found->sar != expected.sar)) {
        snprintf(wrong, sizeof wrong, "PS is 0x%x instead of 0x%x, or SAR is 0x%x instead of 0x%x", found->ps,
                 expected.ps, found->sar, expected.sar);
    }
    run_checks_add(checks, "registers", wrong[0] == 0, "%s%s",
                   wrong[0] == 0 ? "registers and stack are as the ROM leaves them" : "", wrong);
    run_checks_add(checks, "user_start", user_start == entry, "the ROM's start address is 0x%08x%s", user_start,
                   user_start == entry ? "" : ", which is not the entry");
}

static void check_rom_data(struct run_checks *checks, const struct run_subject *subject) {
    static const uint32_t chip[7] = {0x3fffc718, 0x001640ef, 0x400000, 0x10000, 0x1000, 0x100, 0xffff};
    static const uint32_t handlers[4] = {HANDLERS, 0x40000598, HANDLERS + 0x100 + 9 * 4, 0x400017e0};
    uint32_t wrong = 0;
    for (uint32_t i = 0; i < 7 && wrong == 0; i++) {
        wrong = memory_word(subject, FLASH_CHIP + i * 4) != chip[i] ? FLASH_CHIP + i * 4 : 0;
    }
    for (uint32_t i = 0; i < 4 && wrong == 0; i += 2) {
        wrong = memory_word(subject, handlers[i]) != handlers[i + 1] ? handlers[i] : 0;
    }
    if (wrong == 0) {
        run_checks_add(checks, "rom_data", true, "the ROM's flash chip and exception handlers are as after a reset");
    } else {
        run_checks_add(checks, "rom_data", false, "the ROM's data at 0x%08x is not as after a reset", wrong);
    }
    bool cache = board_mailbox(subject->board)->entered_cache != 0;
    run_checks_add(checks, "cache", !cache, "the flash cache is %s", cache ? "on, and the ROM leaves it off" : "off");
}

/// Whether Oneslot's own parts lie there.
static bool own(const struct oneslot_layout *layout, uint32_t address) {
    if (layout == NULL) {
        return false;
    }
    return address < ONESLOT_SECTOR_SIZE || address - layout->displaced < ONESLOT_SECTOR_SIZE ||
           address - layout->journal < 2 * ONESLOT_SECTOR_SIZE || address - layout->map < ONESLOT_SECTOR_SIZE ||
           address - layout->installer < ONESLOT_INSTALLER_SIZE;
}

static void check_expected(struct run_checks *checks, const struct run_subject *subject) {
    const uint8_t *flash = board_flash(subject->board);
    const struct oneslot_layout *layout = subject->layout;
    uint32_t limit = board_mailbox(subject->board)->flash_size;
    uint32_t target = is_user1(subject) ? USER1_ADDRESS : 0;
    for (uint32_t i = 0; i < subject->expected_size; i++) {
        uint32_t at = target + i;
        // The device keeps its own flash mode and size.
        bool header = at == 2 || at == 3;
        if (at >= ONESLOT_SECTOR_SIZE && own(layout, at)) {
            run_checks_add(checks, "flash", false, "the image would lie over Oneslot's own sectors at 0x%06x", at);
            return;
        }
        if (at < ONESLOT_SECTOR_SIZE && layout != NULL) {
            at += layout->displaced;
        }
        if (!header && (at >= limit || flash[at] != subject->expected[i])) {
            run_checks_add(checks, "flash", false, "the flash differs from the image at the image's byte 0x%06x", i);
            return;
        }
    }
    run_checks_add(checks, "flash", true,
                   "the flash, and so the window at 0x40200000, holds all %u bytes of the image%s",
                   subject->expected_size, layout != NULL && target == 0 ? ", the first sector displaced" : "");
}

/// Without a stock image to compare with: whatever the image in flash proves itself with.
static void check_proof(struct run_checks *checks, const struct run_subject *subject) {
    static struct oneslot_source source;
    static struct oneslot_image image;
    static _Alignas(4) uint8_t buffer[ONESLOT_IMAGE_BUFFER];
    const struct oneslot_layout *layout = subject->layout;
    uint32_t size = layout != NULL ? layout->firmware : board_mailbox(subject->board)->flash_size;
    uint8_t *bytes = malloc(size);
    struct oneslot_flash flash;
    if (bytes == NULL) {
        return;
    }
    for (uint32_t at = 0; at < size; at++) {
        bytes[at] = image_byte(subject, at);
    }
    ram_flash_init(&flash, bytes, size);
    source = (struct oneslot_source){.size = size, .raw = true, .flash = &flash, .region = {.size = size}};
    enum oneslot_error error = oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL);
    if (error == ONESLOT_ERROR_IMAGE_CRC && firmware_mend_header(bytes, image.size)) {
        error = oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL);
    }
    bool broken =
        error == ONESLOT_ERROR_IMAGE_CHECKSUM || error == ONESLOT_ERROR_IMAGE_CRC || error == ONESLOT_ERROR_IMAGE_MD5;
    if (broken) {
        run_checks_add(checks, "flash", false, "the image in flash: %s", oneslot_error_text(error));
    } else if (error == ONESLOT_ERROR_NONE && (image.proofs & ONESLOT_PROOF_WHOLE) != 0) {
        run_checks_add(checks, "flash", true, "the image in flash is whole: %s, %u bytes, %s",
                       oneslot_image_kind_text(image.kind), image.size, oneslot_proof_text(image.proofs));
    }
    free(bytes);
}

void run_checks(struct run_checks *checks, const struct run_subject *subject) {
    checks->count = 0;
    checks->ok = true;
    check_memory(checks, subject);
    check_registers(checks, subject);
    check_rom_data(checks, subject);
    if (subject->expected != NULL) {
        check_expected(checks, subject);
    } else {
        check_proof(checks, subject);
    }
}
