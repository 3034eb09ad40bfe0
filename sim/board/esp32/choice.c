/*
 * What the vendor's boot loader starts, by the model of it that the simulator has too; and what it says of it.
 */
#include "sim/board/esp32/board.h"

#define DESCRIPTOR         0xabcd5432u
#define DESCRIPTOR_VERSION 16u
#define DESCRIPTOR_PROJECT 48u
#define DESCRIPTOR_IDF     112u
#define DESCRIPTOR_TEXT    32u
#define HEADER_HASHED      23u
#define TABLE_ROW          32u
#define ROW_MAGIC          0x50aau
#define ROW_LABEL          12u
#define ROW_LABEL_SIZE     16u
#define OTADATA_STATE      24u
#define OTADATA_ERASED     0xffffffffu
/// The application of examples/upgrade: every other one wants more of the chip than there is.
#define EXAMPLE "oneslot_example"

static int port_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    chip_read(address, buffer, length);
    return 0;
}

static int port_program(void *context, uint32_t address, const void *data, uint32_t length) {
    (void)context;
    chip_program(address, data, length);
    return 0;
}

static int port_erase_sector(void *context, uint32_t address) {
    (void)context;
    chip_erase(BOARD_ERASE_SECTOR, address, SECTOR_SIZE);
    return 0;
}

static bool outside_of_memory(void *context, uint32_t address, uint32_t length) {
    (void)context;
    for (uint32_t i = 0; i < CHIP_RANGES; i++) {
        if (address >= chip->ram[i].from && address < chip->ram[i].to && length <= chip->ram[i].to - address) {
            return false;
        }
    }
    return true;
}

static uint32_t word_at(uint32_t address) {
    uint32_t word;

    chip_read(address, (uint8_t *)&word, sizeof word);
    return word;
}

/// Label of the partition that begins at `address`.
static void read_label(uint32_t address, char *label) {
    for (uint32_t row = BOOTLOADER_TABLE; (word_at(row) & 0xffffu) == ROW_MAGIC; row += TABLE_ROW) {
        if (word_at(row + 4) == address) {
            chip_read(row + ROW_LABEL, (uint8_t *)label, ROW_LABEL_SIZE);
        }
    }
}

/// State of the entry that chose ota_0, after the boot loader has changed it.
static uint32_t read_state(void) {
    uint32_t newest = OTADATA_ERASED;
    uint32_t state = BOARD_NO_STATE;

    for (uint32_t row = BOOTLOADER_TABLE; (word_at(row) & 0xffffu) == ROW_MAGIC; row += TABLE_ROW) {
        for (uint32_t i = 0; i < 2 && (word_at(row) & 0xffff0000u) == 0x00010000u; i++) {
            uint32_t entry = word_at(row + 4) + i * SECTOR_SIZE;
            uint32_t sequence = word_at(entry);

            if (sequence != OTADATA_ERASED && (newest == OTADATA_ERASED || sequence > newest)) {
                newest = sequence;
                state = word_at(entry + OTADATA_STATE);
            }
        }
    }
    return state;
}

/// esp_app_desc_t, in the image's first segment.
static void read_descriptor(uint32_t at, struct board_started *started) {
    if (word_at(at) == DESCRIPTOR) {
        chip_read(at + DESCRIPTOR_PROJECT, (uint8_t *)started->project, DESCRIPTOR_TEXT);
        chip_read(at + DESCRIPTOR_VERSION, (uint8_t *)started->version, DESCRIPTOR_TEXT);
        chip_read(at + DESCRIPTOR_IDF, (uint8_t *)started->framework, DESCRIPTOR_TEXT);
    }
}

/// Bytes to the end of the image, with checksum and SHA-256.
static uint32_t size_of(const struct bootloader_image *image, uint32_t hashed) {
    const struct bootloader_segment *last = &image->segment[image->segments - 1];
    uint32_t end = last->flash + last->length - image->address;

    return (end | 15u) + 1 + (hashed != 0 ? 32 : 0);
}

void choose(struct bootloader_image *image) {
    static const struct oneslot_flash port = {
        .read = port_read, .program = port_program, .erase_sector = port_erase_sector};
    struct board_started *started = &MAILBOX->started;
    struct oneslot_flash flash = port;
    const struct bootloader bootloader = {.flash = &flash,
                                          .chip = chip->number,
                                          .revision = chip->revision,
                                          .rollback = MAILBOX->no_rollback == 0,
                                          .clashes = outside_of_memory};

    flash.size = MAILBOX->flash_size;
    rom_memset(started, 0, sizeof *started);
    int index = bootloader_start(&bootloader, image);
    if (index == BOOTLOADER_NOTHING) {
        finish(BOARD_DEAD, "boot loader: there is nothing that it can start", 0);
    }
    started->address = image->address;
    started->entry = image->entry;
    started->factory = index == BOOTLOADER_FACTORY;
    started->hashed = *flash_at(image->address + HEADER_HASHED) == 1;
    started->size = size_of(image, started->hashed);
    started->state = read_state();
    read_label(image->address, started->label);
    read_descriptor(image->segment[0].flash, started);
    started->example = rom_strcmp(started->project, EXAMPLE) == 0;
}
