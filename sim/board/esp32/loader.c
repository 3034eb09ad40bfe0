/*
 * The vendor's second-stage boot loader: it chooses a partition (choice.c), loads what its image puts into RAM, shows
 * the rest in the cache's windows and calls the entry.
 *
 * Versions 4.x and 5.x differ in what they tolerate; towards a program that is loaded here this is as strict as the
 * strictest of them.
 */
#include "sim/board/esp32/board.h"

#define IMAGE_MAGIC 0xe9u
#define IMAGE_CHIP  12u
#define MMU_PAGE    0x10000u

/// Pages that the windows show, so that a reset can take them away.
static struct range shown[2];
static uint32_t shown_count;

static uint32_t word_at(uint32_t address) {
    uint32_t word;

    chip_read(address, (uint8_t *)&word, sizeof word);
    return word;
}

static bool inside(const struct range *range, uint32_t address, uint32_t length) {
    return address >= range->from && address < range->to && length <= range->to - address;
}

static void hide_windows(void) {
    for (; shown_count > 0; shown_count--) {
        rom_memset((void *)(uintptr_t)shown[shown_count - 1].from, 0,
                   shown[shown_count - 1].to - shown[shown_count - 1].from);
    }
}

static uint32_t entry_of(uint32_t address) {
    return address & chip->mmu_mask;
}

static bool collides(uint32_t from, uint32_t to) {
    uint32_t first = entry_of(shown[0].from);

    return chip->mmu_mask != 0 && entry_of(from) < first + (shown[0].to - shown[0].from) &&
           first < entry_of(from) + (to - from);
}

/// Two windows, one for data and one for code: more or fewer trip assertions of the boot loader.
static void show(uint32_t address, uint32_t position, uint32_t length) {
    uint32_t from = address & ~(MMU_PAGE - 1);
    uint32_t to = (address + length + MMU_PAGE - 1) & ~(MMU_PAGE - 1);

    if (shown_count == 2) {
        finish(BOARD_FAULT, "boot loader: a third mapped segment:", address);
    }
    if (shown_count == 1 && collides(from, to)) {
        finish(BOARD_FAULT, "boot loader: two mapped segments in the same entries of the MMU, at", address);
    }
    for (uint32_t at = from; at < to; at += MMU_PAGE) {
        chip_read((position & ~(MMU_PAGE - 1)) + (at - from), (uint8_t *)(uintptr_t)at, MMU_PAGE);
    }
    shown[shown_count++] = (struct range){from, to};
}

static void load_segment(const struct bootloader_segment *segment) {
    console_rom("boot: segment at 0x%06x to 0x%08x, %u bytes\n", segment->flash, segment->address, segment->length);
    if (segment->mapped) {
        show(segment->address, segment->flash, segment->length);
    }
    for (uint32_t i = 0; i < CHIP_RANGES && segment->loaded; i++) {
        if (inside(&chip->load[i], segment->address, segment->length)) {
            chip_read(segment->flash, (uint8_t *)(uintptr_t)segment->address, segment->length);
            return;
        }
    }
    if (segment->loaded) {
        finish(BOARD_FAULT, "boot loader: a segment where not every version of it has room:", segment->address);
    }
}

static void load(const struct bootloader_image *image) {
    for (uint32_t i = 0; i < image->segments; i++) {
        load_segment(&image->segment[i]);
    }
    if (shown_count != 2) {
        finish(BOARD_FAULT, "boot loader: an image with fewer than two mapped segments:", image->address);
    }
}

/// The boot ROM's part: it would verify the boot loader's image, which is none of what is tested here.
static void find_boot_loader(void) {
    uint32_t at = chip->boot_loader;

    if (*flash_at(at) != IMAGE_MAGIC || (word_at(at + IMAGE_CHIP) & 0xffffu) != chip->number) {
        finish(BOARD_DEAD, "boot ROM: no boot loader for this chip in flash", 0);
    }
}

static void application_reached(void) {
    MAILBOX->entries++;
    MAILBOX->entered_cause = boot_reason;
    MAILBOX->entered_instructions = MAILBOX->instructions;
    MAILBOX->entered.pc = MAILBOX->started.entry;
    if (MAILBOX->go == 0 || MAILBOX->started.example == 0) {
        finish(BOARD_APPLICATION, "", 0);
    }
}

void boot_loader_run(void) {
    static struct bootloader_image image;
    const struct board_started *started = &MAILBOX->started;

    hide_windows();
    find_boot_loader();
    choose(&image);
    console_rom("boot: %s at 0x%06x\n", started->label, started->address);
    if (started->factory == 0) {
        application_reached();
    }
    load(&image);
    enter_program(started->entry, chip->stack);
}
