/* Application images of the ESP32 family, as ESP-IDF's second-stage boot loader takes them. */
#include <string.h>

#include "bearssl_hash.h"
#include "image_format.h"
#include "oneslot/chip.h"

/// Source of the numbers: ESP-IDF, components/bootloader_support/include/esp_app_format.h (headers),
/// components/esp_app_format/include/esp_app_desc.h (descriptor) and src/esp_image_format.c (the rest).
#define HEADER_SIZE         24u
#define SEGMENT_HEADER_SIZE 8u
#define DIGEST_SIZE         32u
#define DESCRIPTOR_MAGIC    0xabcd5432u
#define DESCRIPTOR_SIZE     256u
#define DESCRIPTOR_PAGE     180u /* power of 2 of the page that it was linked for, on chips that can be set to several */
#define LARGEST_PAGE        16u
#define CHIP_OFFSET         12u
#define REVISION_MIN_OLD    14u /* all that images before IDF 4.4 have: the minor revision on the C3, else the major */
#define REVISION_MIN        15u
#define REVISION_MAX        17u
#define HASH_APPENDED       23u
#define BLOCK_MIN           (HEADER_SIZE + SEGMENT_HEADER_SIZE + 176u) /* of the eFuse block, in the descriptor */
#define BLOCK_MAX           (BLOCK_MIN + 2u)
#define SEGMENT_MAX         0x01000000u
/// What Secure Boot v2 puts behind an image: up to a sector's boundary and one sector of signature.
#define SIGNATURE_MAGIC 0xe7u
/// Addresses of memory that only an ESP8266's first segment loads to.
#define ESP8266_START 0x3ffe8000u
#define ESP8266_END   0x40110000u

/// [start, end) of memory.
struct range {
    uint32_t start;
    uint32_t end;
};

#define RAM_RANGES 5u
/// Segments for addresses below are padding: nothing is done with them.
#define FIRST_ADDRESS 0x10000000u

/// Memory of a chip: the windows through which flash is seen (what lies there is mapped and not loaded, so it has to
/// lie alike in flash), and the RAM that the boot loader agrees to load. Where in it the boot loader itself lies is its
/// own build's. Source: ESP-IDF, components/soc/CHIP/include/soc/soc.h or ext_mem_defs.h.
struct memory {
    uint16_t chip;
    uint16_t page_bits; ///< of the smallest page that the chip can be set to
    struct range window[2];
    struct range ram[RAM_RANGES];
};

static const struct memory memories[] = {
    {ONESLOT_CHIP_ESP32,
     16,
     {{0x3f400000, 0x3f800000}, {0x400d0000, 0x40400000}},
     {{0x3ffae000, 0x40000000},
      {0x40080000, 0x400c0000},
      {0x400c0000, 0x400c2000},
      {0x3ff80000, 0x3ff82000},
      {0x50000000, 0x50002000}}},
    {ONESLOT_CHIP_ESP32S2,
     16,
     {{0x3f000000, 0x3ff80000}, {0x40080000, 0x40800000}},
     {{0x3ffb0000, 0x40000000},
      {0x40020000, 0x40070000},
      {0x40070000, 0x40072000},
      {0x3ff9e000, 0x3ffa0000},
      {0x50000000, 0x50002000}}},
    {ONESLOT_CHIP_ESP32C3,
     16,
     {{0x3c000000, 0x3c800000}, {0x42000000, 0x42800000}},
     {{0x3fc80000, 0x3fce0000}, {0x4037c000, 0x403e0000}, {0x50000000, 0x50002000}}},
    {ONESLOT_CHIP_ESP32S3,
     16,
     {{0x3c000000, 0x3e000000}, {0x42000000, 0x44000000}},
     {{0x3fc88000, 0x3fd00000}, {0x40370000, 0x403e0000}, {0x600fe000, 0x60100000}, {0x50000000, 0x50002000}}},
    {ONESLOT_CHIP_ESP32C2,
     14,
     {{0x3c000000, 0x3c400000}, {0x42000000, 0x42400000}},
     {{0x3fca0000, 0x3fce0000}, {0x4037c000, 0x403c0000}}},
    {ONESLOT_CHIP_ESP32C6,
     13,
     {{0x42000000, 0x43000000}, {0x42000000, 0x43000000}},
     {{0x40800000, 0x40880000}, {0x50000000, 0x50004000}}},
    {ONESLOT_CHIP_ESP32H2,
     13,
     {{0x42000000, 0x43000000}, {0x42000000, 0x43000000}},
     {{0x40800000, 0x40850000}, {0x50000000, 0x50001000}}},
};

/// Where the bytes come from: a file, or the application's partition itself.
struct input {
    enum oneslot_error (*read)(const struct input *input, uint32_t offset, void *buffer, uint32_t length);
    struct oneslot_source *source;
    const struct oneslot_flash *flash;
    uint32_t address;
    uint32_t size;
    bool open; ///< more bytes may follow the image
};

/// An image that is being read from its first byte to its last.
struct reading {
    struct oneslot_image *image;
    const struct input *input;
    br_sha256_context sha256;
    uint32_t at;       ///< bytes that were taken
    uint32_t segments; ///< how many there are to be
    uint32_t left;     ///< bytes of the present segment that are still to come
    uint32_t header;   ///< of the next segment's header: bytes that are still to come
    uint32_t address;  ///< first word of that header
    uint32_t word;     ///< XOR of all data
    uint8_t page;      ///< power of 2 that the descriptor names
    uint32_t end;      ///< of what is to be read: the input's, until the image's is known
    uint32_t checksum; ///< offset of its byte; 0: not known yet
    uint8_t stored;
    uint8_t block[4]; ///< lowest and highest revision of the eFuse block
    bool hashed;      ///< a SHA-256 lies behind the checksum
    uint8_t digest[DIGEST_SIZE];
    uint8_t appended[DIGEST_SIZE];
};

static enum oneslot_error read_source(const struct input *input, uint32_t offset, void *buffer, uint32_t length) {
    return oneslot_source_read(input->source, offset, buffer, length);
}

static enum oneslot_error read_flash(const struct input *input, uint32_t offset, void *buffer, uint32_t length) {
    return oneslot_flash_read(input->flash, input->address + offset, buffer, length);
}

static uint16_t half_word(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static bool is_within(const struct range *range, uint32_t address, uint32_t length) {
    return address >= range->start && address < range->end && length <= range->end - address;
}

/// The page that the boot loader sets: what the descriptor names, where the chip can be set to it, else the largest.
static uint32_t page_of(const struct memory *memory, uint32_t named) {
    return 1u << (named >= memory->page_bits && named <= LARGEST_PAGE ? named : LARGEST_PAGE);
}

/// Whether the boot loader takes a segment for where it belongs. One that is mapped has to lie on the same place of its
/// page in flash and in memory (the application's partition begins on 64 KiB); one that is loaded, in RAM.
static enum oneslot_error judge_place(const struct reading *reading, const struct oneslot_segment *segment) {
    const struct memory *memory = NULL;
    for (uint32_t i = 0; i < sizeof memories / sizeof memories[0]; i++) {
        memory = memories[i].chip == reading->image->chip ? &memories[i] : memory;
    }
    if (memory == NULL) {
        return ONESLOT_ERROR_NONE;
    }
    if (is_within(&memory->window[0], segment->address, 0) || is_within(&memory->window[1], segment->address, 0)) {
        bool congruent = ((segment->address ^ segment->offset) & (page_of(memory, reading->page) - 1u)) == 0;
        return congruent ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_HEADER;
    }
    bool right = segment->length == 0 || segment->address < FIRST_ADDRESS;
    for (uint32_t i = 0; i < RAM_RANGES; i++) {
        right = right || is_within(&memory->ram[i], segment->address, segment->length);
    }
    return right ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_MEMORY;
}

/// The first bytes tell whether it is an application for this family at all.
static enum oneslot_error begin(struct reading *reading, struct oneslot_image *image, const struct input *input) {
    uint8_t bytes[HEADER_SIZE + SEGMENT_HEADER_SIZE + 4u];
    memset(reading, 0, sizeof *reading);
    memset(image, 0, sizeof *image);
    reading->image = image;
    reading->input = input;
    image->size = input->size;
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    memset(bytes, 0, sizeof bytes);
    error = input->read(input, 0, bytes, input->size < sizeof bytes ? input->size : (uint32_t)sizeof bytes);
    if (error) {
        return error;
    }
    if (bytes[0] != IMAGE_MAGIC) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    uint32_t address = image_word(bytes + 8);
    if (address >= ESP8266_START && address < ESP8266_END) {
        image->kind = ONESLOT_IMAGE_PLAIN;
        return ONESLOT_ERROR_IMAGE_CHIP;
    }
    if (input->size < sizeof bytes) {
        return ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    /* Without it, it is a boot loader or something else. */
    if (image_word(bytes + HEADER_SIZE + SEGMENT_HEADER_SIZE) != DESCRIPTOR_MAGIC) {
        return ONESLOT_ERROR_IMAGE_UNKNOWN;
    }
    image->kind = ONESLOT_IMAGE_ESP32;
    image->header = image_word(bytes);
    image->entry = image_word(bytes + 4);
    image->chip = half_word(bytes + CHIP_OFFSET);
    image->revision_min = half_word(bytes + REVISION_MIN);
    if (image->revision_min == 0) {
        uint32_t unit = image->chip == ONESLOT_CHIP_ESP32C3 ? 1u : 100u;
        image->revision_min = (uint16_t)(unit * bytes[REVISION_MIN_OLD]);
    }
    image->revision_max = half_word(bytes + REVISION_MAX);
    reading->segments = bytes[1];
    reading->hashed = bytes[HASH_APPENDED] != 0;
    reading->header = SEGMENT_HEADER_SIZE;
    reading->end = input->size;
    br_sha256_init(&reading->sha256);
    uint32_t page = HEADER_SIZE + SEGMENT_HEADER_SIZE + DESCRIPTOR_PAGE;
    error = page < input->size ? input->read(input, page, &reading->page, 1) : ONESLOT_ERROR_NONE;
    if (error) {
        return error;
    }
    bool header = reading->segments > 0 && reading->segments <= ONESLOT_IMAGE_SEGMENTS && bytes[HASH_APPENDED] <= 1;
    return header ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_HEADER;
}

/// Takes in what Secure Boot v2 has put behind the image.
static enum oneslot_error settle_signature(struct reading *reading) {
    const struct input *input = reading->input;
    uint32_t start = (reading->end + ONESLOT_SECTOR_SIZE - 1u) & ~(ONESLOT_SECTOR_SIZE - 1u);
    uint8_t magic = 0;
    if (start > input->size || input->size - start < ONESLOT_SECTOR_SIZE) {
        return ONESLOT_ERROR_NONE;
    }
    enum oneslot_error error = input->read(input, start, &magic, 1);
    if (!error && magic == SIGNATURE_MAGIC) {
        reading->end = start + ONESLOT_SECTOR_SIZE;
        reading->image->has_signature = true;
    }
    return error;
}

/// All segments are known: where the image ends.
static enum oneslot_error settle_size(struct reading *reading, uint32_t end) {
    const struct input *input = reading->input;
    reading->checksum = image_checksum_offset(end);
    uint32_t size = reading->checksum + 1u + (reading->hashed ? DIGEST_SIZE : 0);
    reading->image->size = size;
    if (size > input->size) {
        return ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    reading->end = size;
    enum oneslot_error error = settle_signature(reading);
    reading->image->size = reading->end;
    if (error) {
        return error;
    }
    return reading->end < input->size && !input->open ? ONESLOT_ERROR_IMAGE_LENGTH : ONESLOT_ERROR_NONE;
}

/// A segment's header is there; its data begins at `offset`.
static enum oneslot_error take_segment(struct reading *reading, uint32_t length, uint32_t offset) {
    struct oneslot_image *image = reading->image;
    struct oneslot_segment *segment = &image->segment[image->segment_count];
    *segment = (struct oneslot_segment){reading->address, offset, length};
    if (length % 4u != 0 || length >= SEGMENT_MAX || (image->segment_count == 0 && length < DESCRIPTOR_SIZE)) {
        return ONESLOT_ERROR_IMAGE_HEADER;
    }
    enum oneslot_error error = judge_place(reading, segment);
    if (error) {
        return error;
    }
    if (length > reading->input->size - offset) {
        return ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    image->segment_count++;
    reading->left = length;
    reading->header = image->segment_count < reading->segments ? SEGMENT_HEADER_SIZE : 0;
    return ONESLOT_ERROR_NONE;
}

/// Looks through the segments in bytes that lie at `offset`. Everything up to the last one's end is whole words.
static enum oneslot_error take_words(struct reading *reading, const uint8_t *bytes, uint32_t offset, uint32_t length) {
    uint32_t skip = offset < HEADER_SIZE ? HEADER_SIZE - offset : 0;
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    while (!error && reading->checksum == 0) {
        if (reading->left == 0 && reading->header == 0) {
            error = settle_size(reading, offset + skip);
            break;
        }
        if (skip >= length || length - skip < 4u) {
            break;
        }
        uint32_t word = image_word(bytes + skip);
        skip += 4u;
        if (reading->left > 0) {
            reading->word ^= word;
            reading->left -= 4u;
        } else if (reading->header == SEGMENT_HEADER_SIZE) {
            reading->address = word;
            reading->header = 4u;
        } else {
            error = take_segment(reading, word, offset + skip);
        }
    }
    return error;
}

/// Copies what lies at `offset` of the image and in the bytes at hand.
static void pick(uint8_t *to, uint32_t offset, uint32_t size, const uint8_t *bytes, uint32_t start, uint32_t length) {
    for (uint32_t i = 0; i < size; i++) {
        if (offset + i >= start && offset + i - start < length) {
            to[i] = bytes[offset + i - start];
        }
    }
}

/// Hashes the bytes up to the image's end, and takes the digest where the appended one begins.
static void take_bytes(struct reading *reading, const uint8_t *bytes, uint32_t length) {
    uint32_t before = length;
    pick(reading->block, BLOCK_MIN, sizeof reading->block, bytes, reading->at, length);
    if (reading->checksum != 0) {
        uint32_t body = reading->checksum + 1u;
        pick(&reading->stored, reading->checksum, 1, bytes, reading->at, length);
        pick(reading->appended, body, DIGEST_SIZE, bytes, reading->at, length);
        before = body <= reading->at ? 0 : body - reading->at;
        before = before < length ? before : length;
        br_sha256_update(&reading->sha256, bytes, before);
        if (reading->at <= body && reading->at + before == body) {
            br_sha256_out(&reading->sha256, reading->digest);
        }
    } else {
        br_sha256_update(&reading->sha256, bytes, before);
    }
    br_sha256_update(&reading->sha256, bytes + before, length - before);
    reading->at += length;
}

/// What the image says of itself goes before what was asked for, the stronger proof before the weaker one.
static enum oneslot_error judge(struct reading *reading, const uint8_t *expected) {
    struct oneslot_image *image = reading->image;
    uint32_t word = reading->word ^ reading->word >> 16;
    bool summed = ((word ^ word >> 8 ^ 0xefu) & 0xffu) == reading->stored;
    br_sha256_out(&reading->sha256, image->sha256);
    image->block_min = half_word(reading->block);
    image->block_max = half_word(reading->block + (BLOCK_MAX - BLOCK_MIN));
    bool same = expected && memcmp(expected, image->sha256, sizeof image->sha256) == 0;
    bool proven = reading->hashed && memcmp(reading->digest, reading->appended, DIGEST_SIZE) == 0;
    image->proofs = (uint8_t)(ONESLOT_PROOF_LENGTH | (summed ? ONESLOT_PROOF_CHECKSUM : 0) |
                              (same || proven ? ONESLOT_PROOF_SHA256 : 0));
    if (reading->hashed && !proven) {
        return ONESLOT_ERROR_IMAGE_DIGEST;
    }
    if (!summed) {
        return ONESLOT_ERROR_IMAGE_CHECKSUM;
    }
    return expected && !same ? ONESLOT_ERROR_IMAGE_SHA256 : ONESLOT_ERROR_NONE;
}

static enum oneslot_error prove(struct oneslot_image *image, const struct input *input, const uint8_t *expected,
                                uint8_t *buffer, oneslot_progress *progress, void *context) {
    struct reading reading;
    enum oneslot_error error = begin(&reading, image, input);
    while (!error && reading.at < reading.end) {
        uint32_t length = reading.end - reading.at;
        if (length > ONESLOT_IMAGE_BUFFER) {
            length = ONESLOT_IMAGE_BUFFER;
        }
        error = input->read(input, reading.at, buffer, length);
        if (!error) {
            error = take_words(&reading, buffer, reading.at, length);
        }
        if (error) {
            break;
        }
        take_bytes(&reading, buffer, length < reading.end - reading.at ? length : reading.end - reading.at);
        if (progress) {
            progress(context, reading.at, reading.end);
        }
    }
    if (!error && reading.checksum == 0) {
        error = ONESLOT_ERROR_IMAGE_TRUNCATED;
    }
    return error ? error : judge(&reading, expected);
}

/// 0 is v0.0 as the lowest and, as 0xffff, no bound as the highest.
static bool is_between(uint16_t revision, uint16_t least, uint16_t most, bool any) {
    bool bounded = most != 0 && most != 0xffffu && !any;
    return revision == ONESLOT_REVISION_UNKNOWN || (revision >= least && (!bounded || revision <= most));
}

enum oneslot_error oneslot_image_esp32_judge(const struct oneslot_image *image,
                                             const struct oneslot_image_limits *limits) {
    uint16_t block_min = image->block_min != 0xffffu ? image->block_min : 0;
    if (image->chip != limits->chip) {
        return ONESLOT_ERROR_IMAGE_CHIP;
    }
    if (!is_between(limits->revision, image->revision_min, image->revision_max,
                    (limits->burnt & ONESLOT_BURNT_ANY_REVISION) != 0)) {
        return ONESLOT_ERROR_IMAGE_REVISION;
    }
    if (!is_between(limits->block_revision, block_min, image->block_max,
                    (limits->burnt & ONESLOT_BURNT_ANY_BLOCK) != 0)) {
        return ONESLOT_ERROR_IMAGE_BLOCK_REVISION;
    }
    bool refused = (limits->burnt & ONESLOT_BURNT_SECURE_BOOT) != 0 && !image->has_signature;
    return refused ? ONESLOT_ERROR_IMAGE_UNSIGNED : ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_image_esp32_prove(struct oneslot_image *image, struct oneslot_source *source,
                                             const uint8_t *expected, uint8_t *buffer, oneslot_progress *progress,
                                             void *context) {
    const struct input input = {.read = read_source, .source = source, .size = source->size, .open = source->raw};
    return prove(image, &input, expected, buffer, progress, context);
}

enum oneslot_error oneslot_image_esp32_prove_flash(struct oneslot_image *image, const struct oneslot_flash *flash,
                                                   uint32_t address, uint32_t size, uint8_t *buffer,
                                                   oneslot_progress *progress, void *context) {
    const struct input input = {.read = read_flash, .flash = flash, .address = address, .size = size, .open = true};
    return prove(image, &input, NULL, buffer, progress, context);
}
