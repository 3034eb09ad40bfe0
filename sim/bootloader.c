#include "sim/bootloader.h"

#include <stddef.h>

#include "bearssl_hash.h"

#define SECTOR        4096u
#define ERASED        0xffffffffu
#define TABLE_SIZE    0xc00u
#define ROW_SIZE      32u
#define ROWS          (TABLE_SIZE / ROW_SIZE)
#define ENTRY_SIZE    32u
#define HEADER_SIZE   24u
#define DIGEST_SIZE   32u
#define PIECE         1024u
#define DESCRIPTOR    256u
#define PAGE_SIZE_AT  180u /* of the descriptor: power of 2 of the page that the image was linked for */
#define LARGEST       0x01000000u
#define FIRST_ADDRESS 0x10000000u /* segments below are padding */

enum { STATE_NEW, STATE_PENDING_VERIFY, STATE_VALID, STATE_INVALID, STATE_ABORTED };

struct place {
    uint32_t address;
    uint32_t size;
};

/// What the partition table says.
struct table {
    struct place factory;
    struct place test;
    struct place slot[BOOTLOADER_SLOTS];
    struct place otadata;
    uint32_t slots;
};

/// An entry of otadata: 32 bytes.
struct entry {
    uint32_t word[ENTRY_SIZE / 4u]; ///< 0: sequence, 6: state, 7: CRC
};
#define SEQUENCE 0
#define STATE    6
#define CRC      7

static uint32_t word_of(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint32_t half_of(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8;
}

static bool same(const uint8_t *a, const uint8_t *b, uint32_t length) {
    uint8_t difference = 0;
    for (uint32_t i = 0; i < length; i++) {
        difference |= a[i] ^ b[i];
    }
    return difference == 0;
}

static bool get(const struct bootloader *bootloader, uint32_t address, void *buffer, uint32_t length) {
    const struct oneslot_flash *flash = bootloader->flash;
    return address <= flash->size && length <= flash->size - address &&
           flash->read(flash->context, address, buffer, length) == 0;
}

/* The partition table. */

static void take_row(struct table *table, const uint8_t *row) {
    struct place place = {word_of(row + 4), word_of(row + 8)};
    uint32_t type = row[2];
    uint32_t subtype = row[3];
    if (type == 0 && subtype == 0) {
        table->factory = place;
    } else if (type == 0 && subtype == 0x20) {
        table->test = place;
    } else if (type == 0 && (subtype & 0xf0u) == 0x10) {
        table->slot[subtype & 0x0fu] = place;
        table->slots++;
    } else if (type == 1 && subtype == 0) {
        table->otadata = place;
    }
}

/// Whether the MD5 row is right for the rows before it.
static bool md5_right(const uint8_t *rows, const uint8_t *row) {
    br_md5_context md5;
    uint8_t digest[16];
    br_md5_init(&md5);
    br_md5_update(&md5, rows, (size_t)(row - rows));
    br_md5_out(&md5, digest);
    return same(row + 16, digest, sizeof digest);
}

static bool read_table(const struct bootloader *bootloader, struct table *table) {
    // What is proven is what is used: the table is read once.
    uint32_t words[ROWS * ROW_SIZE / 4u] = {0};
    const uint8_t *rows = (const uint8_t *)words;
    bool proven = false;
    *table = (struct table){.slots = 0};
    if (!get(bootloader, BOOTLOADER_TABLE, words, sizeof words)) {
        return false;
    }
    for (uint32_t i = 0; i < ROWS; i++) {
        const uint8_t *row = rows + (size_t)i * ROW_SIZE;
        uint32_t magic = half_of(row);
        if (magic == 0x50aa) {
            struct place place = {word_of(row + 4), word_of(row + 8)};
            if (place.address > bootloader->flash->size || place.size > bootloader->flash->size - place.address) {
                return false;
            }
            take_row(table, row);
        } else if (magic == 0xebeb && !proven && md5_right(rows, row)) {
            proven = true;
        } else {
            return i > 0 && magic == 0xffff && row[2] == 0xff && row[3] == 0xff;
        }
    }
    return false;
}

/* otadata. */

/// CRC-32 of the sequence number, as the ROM computes it when it is given 0xffffffff to start with.
static uint32_t crc_of(uint32_t sequence) {
    uint32_t crc = 0;
    for (uint32_t bit = 0; bit < 32; bit++) {
        crc ^= sequence >> bit & 1u;
        crc = crc >> 1 ^ ((crc & 1u) != 0 ? 0xedb88320u : 0);
    }
    return ~crc;
}

static bool is_invalid(const struct entry *entry) {
    return entry->word[SEQUENCE] == ERASED || entry->word[STATE] == STATE_INVALID ||
           entry->word[STATE] == STATE_ABORTED;
}

static bool is_valid(const struct entry *entry) {
    return !is_invalid(entry) && entry->word[CRC] == crc_of(entry->word[SEQUENCE]);
}

/// Erases and programs, and does not look whether it worked.
static void write_entry(const struct bootloader *bootloader, uint32_t address, const struct entry *entry) {
    const struct oneslot_flash *flash = bootloader->flash;
    if (flash->erase_sector(flash->context, address) == 0) {
        (void)flash->program(flash->context, address, entry, sizeof *entry);
    }
}

/// The entry that counts; -1: none.
static int active_entry(const struct entry entry[2]) {
    bool first = is_valid(&entry[0]);
    bool second = is_valid(&entry[1]);
    if (first && second) {
        return entry[0].word[SEQUENCE] >= entry[1].word[SEQUENCE] ? 0 : 1;
    }
    return first ? 0 : second ? 1 : -1;
}

/// Which application is to be tried first. `initial`: there is no factory partition and otadata was never written.
static int choose(const struct bootloader *bootloader, const struct table *table, bool *initial) {
    struct entry entry[2];
    *initial = false;
    if (table->otadata.address == 0) {
        return BOOTLOADER_FACTORY;
    }
    for (uint32_t i = 0; i < 2; i++) {
        if (table->otadata.size < 2u * SECTOR ||
            !get(bootloader, table->otadata.address + i * SECTOR, &entry[i], sizeof entry[i])) {
            return BOOTLOADER_NOTHING;
        }
    }
    for (uint32_t i = 0; i < 2 && bootloader->rollback; i++) {
        if (entry[i].word[STATE] == STATE_PENDING_VERIFY) {
            entry[i].word[STATE] = STATE_ABORTED;
            write_entry(bootloader, table->otadata.address + i * SECTOR, &entry[i]);
        }
    }
    if ((is_invalid(&entry[0]) && is_invalid(&entry[1])) || table->slots == 0) {
        *initial = table->factory.address == 0 &&
                   (entry[0].word[SEQUENCE] == ERASED || entry[0].word[CRC] != crc_of(entry[0].word[SEQUENCE])) &&
                   (entry[1].word[SEQUENCE] == ERASED || entry[1].word[CRC] != crc_of(entry[1].word[SEQUENCE]));
        return table->factory.address != 0 ? BOOTLOADER_FACTORY : 0;
    }
    int active = active_entry(entry);
    if (active < 0) {
        return BOOTLOADER_FACTORY;
    }
    if (bootloader->rollback && entry[active].word[STATE] == STATE_NEW) {
        entry[active].word[STATE] = STATE_PENDING_VERIFY;
        write_entry(bootloader, table->otadata.address + (uint32_t)active * SECTOR, &entry[active]);
    }
    return (int)((entry[active].word[SEQUENCE] - 1u) % table->slots);
}

/* Images. */

/// Memory of the chips. Source: ESP-IDF, components/soc/CHIP/include/soc/soc.h and ext_mem_defs.h.
struct windows {
    uint32_t chip;
    uint32_t data_start; ///< through which flash is seen
    uint32_t data_end;
    uint32_t code_start;
    uint32_t code_end;
    uint32_t smallest_page; ///< power of 2; 16: the only one
    uint32_t ram[10];       ///< first address and end of each range that is loaded: data, code, the RTC's
};
static const struct windows windows[] = {
    {0,
     0x3f400000,
     0x3f800000,
     0x400d0000,
     0x40400000,
     16, /* ESP32 */
     {0x3ffae000, 0x40000000, 0x40080000, 0x400c0000, 0x400c0000, 0x400c2000, 0x3ff80000, 0x3ff82000, 0x50000000,
      0x50002000}},
    {2,
     0x3f000000,
     0x3ff80000,
     0x40080000,
     0x40800000,
     16, /* ESP32-S2 */
     {0x3ffb0000, 0x40000000, 0x40020000, 0x40070000, 0x40070000, 0x40072000, 0x3ff9e000, 0x3ffa0000, 0x50000000,
      0x50002000}},
    {5,
     0x3c000000,
     0x3c800000,
     0x42000000,
     0x42800000,
     16, /* ESP32-C3 */
     {0x3fc80000, 0x3fce0000, 0x4037c000, 0x403e0000, 0x50000000, 0x50002000}},
    {9,
     0x3c000000,
     0x3e000000,
     0x42000000,
     0x44000000,
     16, /* ESP32-S3 */
     {0x3fc88000, 0x3fd00000, 0x40370000, 0x403e0000, 0x600fe000, 0x60100000, 0x50000000, 0x50002000}},
    {12,
     0x3c000000,
     0x3c400000,
     0x42000000,
     0x42400000,
     14, /* ESP32-C2 */
     {0x3fca0000, 0x3fce0000, 0x4037c000, 0x403c0000}},
    {13,
     0x42000000,
     0x43000000,
     0x42000000,
     0x43000000,
     13, /* ESP32-C6 */
     {0x40800000, 0x40880000, 0x50000000, 0x50004000}},
    {16,
     0x42000000,
     0x43000000,
     0x42000000,
     0x43000000,
     13, /* ESP32-H2 */
     {0x40800000, 0x40850000, 0x50000000, 0x50001000}},
};

/// An image that is being looked through.
struct look {
    const struct bootloader *bootloader;
    const struct windows *windows;
    struct bootloader_image *image;
    br_sha256_context sha256;
    uint32_t at;   ///< flash address of the next byte
    uint32_t end;  ///< of the partition
    uint32_t word; ///< XOR of all data
    uint32_t page; ///< size
};

static const struct windows *windows_of(uint32_t chip) {
    for (uint32_t i = 0; i < sizeof windows / sizeof windows[0]; i++) {
        if (windows[i].chip == chip) {
            return &windows[i];
        }
    }
    return NULL;
}

static bool is_mapped(const struct windows *window, uint32_t address) {
    return (address >= window->data_start && address < window->data_end) ||
           (address >= window->code_start && address < window->code_end);
}

/// Reads the next bytes and hashes them.
static bool take(struct look *look, void *buffer, uint32_t length) {
    if (length > look->end - look->at || !get(look->bootloader, look->at, buffer, length)) {
        return false;
    }
    br_sha256_update(&look->sha256, buffer, length);
    look->at += length;
    return true;
}

static bool header_right(const struct bootloader *bootloader, const uint8_t *header) {
    uint32_t least = half_of(header + 15);
    uint32_t most = half_of(header + 17);
    bool bounded = most != 0 && most != 0xffff;
    return header[0] == 0xe9 && header[1] <= BOOTLOADER_SEGMENTS && half_of(header + 12) == bootloader->chip &&
           bootloader->revision >= least && (!bounded || bootloader->revision <= most);
}

/// The first segment begins with the descriptor, which names the page's size on chips that have several.
static bool settle_page(struct look *look, const struct bootloader_segment *segment) {
    uint32_t word;
    look->page = 1u << 16;
    if (segment->length < DESCRIPTOR) {
        return false;
    }
    if (look->windows->smallest_page == 16) {
        return true;
    }
    if (!get(look->bootloader, segment->flash, &word, sizeof word) || word != 0xabcd5432u ||
        !get(look->bootloader, segment->flash + PAGE_SIZE_AT, &word, sizeof word)) {
        return false;
    }
    word &= 0xffu;
    if (word >= look->windows->smallest_page && word <= 16) {
        look->page = 1u << word;
    }
    return true;
}

/// Whether all of it lies in one range of RAM.
static bool is_ram(const struct windows *memory, uint32_t address, uint32_t length) {
    for (uint32_t i = 0; i < 10; i += 2) {
        uint32_t start = memory->ram[i];
        uint32_t end = memory->ram[i + 1];
        if (address >= start && address < end && length <= end - address) {
            return true;
        }
    }
    return false;
}

static bool segment_right(struct look *look, const struct bootloader_segment *segment, bool first) {
    const struct bootloader *bootloader = look->bootloader;
    if (segment->length % 4u != 0 || segment->length >= LARGEST || (first && !settle_page(look, segment))) {
        return false;
    }
    if (segment->mapped) {
        return (segment->address - segment->flash) % look->page == 0;
    }
    if (!segment->loaded || segment->length == 0) {
        return true;
    }
    return is_ram(look->windows, segment->address, segment->length) &&
           (bootloader->clashes == NULL ||
            !bootloader->clashes(bootloader->context, segment->address, segment->length));
}

static bool take_segment(struct look *look, bool first) {
    uint32_t buffer[PIECE / 4u];
    if (!take(look, buffer, 8)) {
        return false;
    }
    struct bootloader_segment *segment = &look->image->segment[look->image->segments++];
    bool mapped = is_mapped(look->windows, buffer[0]);
    *segment =
        (struct bootloader_segment){buffer[0], look->at, buffer[1], mapped, !mapped && buffer[0] >= FIRST_ADDRESS};
    if (!segment_right(look, segment, first)) {
        return false;
    }
    for (uint32_t left = segment->length; left > 0;) {
        uint32_t part = left < PIECE ? left : PIECE;
        if (!take(look, buffer, part)) {
            return false;
        }
        for (uint32_t i = 0; i < part / 4u; i++) {
            look->word ^= buffer[i];
        }
        left -= part;
    }
    return true;
}

/// The checksum is the last byte of the 16 that the data ends in.
static bool checksum_right(struct look *look) {
    uint32_t line[4];
    uint32_t length = 16u - (look->at - look->image->address) % 16u;
    uint32_t sum = look->word ^ look->word >> 16;
    if (!take(look, line, length)) {
        return false;
    }
    return ((const uint8_t *)line)[length - 1u] == ((sum ^ sum >> 8 ^ 0xefu) & 0xffu);
}

static bool digest_right(struct look *look) {
    uint8_t digest[DIGEST_SIZE];
    uint32_t stored[DIGEST_SIZE / 4u];
    br_sha256_out(&look->sha256, digest);
    return take(look, stored, sizeof stored) && same((const uint8_t *)stored, digest, sizeof digest);
}

bool bootloader_takes(const struct bootloader *bootloader, uint32_t address, uint32_t size,
                      struct bootloader_image *image) {
    uint32_t words[HEADER_SIZE / 4u];
    const uint8_t *header = (const uint8_t *)words;
    struct look look = {.bootloader = bootloader, .image = image, .at = address, .end = address + size};
    image->address = address;
    image->segments = 0;
    look.windows = windows_of(bootloader->chip);
    br_sha256_init(&look.sha256);
    if (size == 0 || size > LARGEST || !look.windows || !take(&look, words, sizeof words) ||
        !header_right(bootloader, header)) {
        return false;
    }
    image->entry = word_of(header + 4);
    for (uint32_t i = 0; i < header[1]; i++) {
        if (!take_segment(&look, i == 0)) {
            return false;
        }
    }
    return checksum_right(&look) && (header[23] == 0 || digest_right(&look));
}

/* The start. */

static bool try(const struct bootloader *bootloader, const struct place *place, struct bootloader_image *image) {
    bool takes;
    if (bootloader->known != NULL && place->size > 0 &&
        bootloader->known(bootloader->context, place->address, &takes)) {
        return takes;
    }
    return bootloader_takes(bootloader, place->address, place->size, image);
}

static struct place place_of(const struct table *table, int index) {
    if (index == BOOTLOADER_FACTORY) {
        return table->factory;
    }
    return index >= 0 && (uint32_t)index < table->slots ? table->slot[index] : (struct place){0, 0};
}

/// Without a factory partition, what is started first is written down.
static void write_initial(const struct bootloader *bootloader, const struct table *table, int index) {
    struct entry entry;
    for (uint32_t i = 0; i < ENTRY_SIZE / 4u; i++) {
        entry.word[i] = ERASED;
    }
    entry.word[SEQUENCE] = (uint32_t)index + 1u;
    entry.word[STATE] = STATE_VALID;
    entry.word[CRC] = crc_of(entry.word[SEQUENCE]);
    write_entry(bootloader, table->otadata.address, &entry);
}

int bootloader_start(const struct bootloader *bootloader, struct bootloader_image *image) {
    struct table table;
    bool initial;
    if (!read_table(bootloader, &table)) {
        return BOOTLOADER_NOTHING;
    }
    int chosen = choose(bootloader, &table, &initial);
    if (chosen == BOOTLOADER_NOTHING) {
        return BOOTLOADER_NOTHING;
    }
    /* Backwards down to the factory partition, then forwards. */
    int count = (int)BOOTLOADER_SLOTS + 1;
    for (int i = 0; i < count; i++) {
        int index = chosen - i >= BOOTLOADER_FACTORY ? chosen - i : i - 1;
        struct place place = place_of(&table, index);
        if (try(bootloader, &place, image)) {
            if (initial && index > BOOTLOADER_FACTORY) {
                write_initial(bootloader, &table, index);
            }
            return index;
        }
    }
    return try(bootloader, &table.test, image) ? BOOTLOADER_TEST : BOOTLOADER_NOTHING;
}
