/*
 * Fuzz target: images for the ESP8266. The first byte says how the file is read, then come its size, which byte is
 * changed afterwards, and the file in pieces. What is called proven is proven once more here, by other code, and no
 * longer is once a byte is another; what is allowed touches nothing that it must not.
 */
#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/chip.h"
#include "oneslot/layout.h"
#include "oneslot/source.h"
#include "tests/fuzz/input.h"

/// The first byte.
#define OPTION_RAW    0x01u
#define OPTION_ASKED  0x02u /* a SHA-256 is asked for, the right one */
#define OPTION_SEAL   0x04u /* checksums and digests are made right */
#define OPTION_SMALL  0x08u /* the firmware's region is small */
#define OPTION_REGION 0x10u /* another region lies in the way */
#define OPTION_SOURCE 0x20u /* so does the source */

#define CHIP_SIZE    0x14000u
#define SMALL        0x9000u
#define REGION_START 0xa000u
#define SKETCH       0x1000u
#define WORDS        0x1010u

static uint8_t chip[CHIP_SIZE];
static _Alignas(4) uint8_t buffer[ONESLOT_IMAGE_BUFFER];

static uint32_t word_at(uint32_t at) {
    return chip[at] | (uint32_t)chip[at + 1] << 8 | (uint32_t)chip[at + 2] << 16 | (uint32_t)chip[at + 3] << 24;
}

static void put_word(uint32_t at, uint32_t word) {
    for (unsigned i = 0; i < 4; i++) {
        chip[at + i] = (uint8_t)(word >> (8 * i));
    }
}

/* The proofs, once more */

static void sha256_of(uint32_t size, uint8_t digest[32]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, chip, size);
    br_sha256_out(&context, digest);
}

static void micropython_md5(const struct oneslot_image *image, uint8_t digest[16]) {
    br_md5_context context;
    br_md5_init(&context);
    br_md5_update(&context, chip + 4, image->size - 20);
    br_md5_out(&context, digest);
}

static uint32_t user1_crc(const struct oneslot_image *image) {
    uint32_t crc = oneslot_crc32(0, chip, image->size - 4);
    return crc & 0x80000000u ? ~crc : crc + 1;
}

static bool is_arduino_word(uint32_t at) {
    return at >= WORDS && at < WORDS + 8;
}

static uint32_t arduino_crc(const struct oneslot_image *image) {
    uint32_t crc = 0xffffffffu;
    for (uint32_t at = 0; at < image->size; at++) {
        crc ^= (uint32_t)(is_arduino_word(at) ? 0 : chip[at]) << 24;
        for (int bit = 0; bit < 8; bit++) {
            crc = crc & 0x80000000u ? crc << 1 ^ 0x04c11db7u : crc << 1;
        }
    }
    return crc;
}

/// The checksum of the segments from `first` to `end`; `at` receives its place.
static uint8_t checksum_of(const struct oneslot_image *image, unsigned first, unsigned end, uint32_t *at) {
    const bool words = image->kind == ONESLOT_IMAGE_ARDUINO && word_at(WORDS) == image->size;
    uint8_t value = 0xef;
    for (unsigned i = first; i < end; i++) {
        for (uint32_t j = 0; j < image->segment[i].length; j++) {
            uint32_t place = image->segment[i].offset + j;
            value ^= words && i >= image->boot_segments && is_arduino_word(place) ? 0 : chip[place];
        }
    }
    *at = (image->segment[end - 1].offset + image->segment[end - 1].length) | 15u;
    return value;
}

/// Calls `each` for every checksum of the image.
static void each_checksum(const struct oneslot_image *image, void (*each)(uint32_t at, uint8_t value)) {
    uint32_t at;
    uint8_t value;
    if (image->kind == ONESLOT_IMAGE_USER1) {
        value = checksum_of(image, 1, image->segment_count, &at);
        each(at, value);
        return;
    }
    value = checksum_of(image, 0, image->boot_segments, &at);
    each(at, value);
    if (image->kind == ONESLOT_IMAGE_ARDUINO) {
        value = checksum_of(image, image->boot_segments, image->segment_count, &at);
        each(at, value);
    }
}

static void demand_checksum(uint32_t at, uint8_t value) {
    DEMAND(at < CHIP_SIZE && chip[at] == value);
}

static void set_checksum(uint32_t at, uint8_t value) {
    chip[at] = value;
}

static void check_proofs(const struct oneslot_image *image, const uint8_t *expected) {
    uint8_t digest[32];
    sha256_of(image->size, digest);
    DEMAND(memcmp(digest, image->sha256, sizeof digest) == 0);
    DEMAND(!(image->proofs & ONESLOT_PROOF_SHA256) == !expected);
    DEMAND(!expected || memcmp(digest, expected, sizeof digest) == 0);
    DEMAND(image->proofs & ONESLOT_PROOF_CHECKSUM);
    each_checksum(image, demand_checksum);
    if (image->proofs & ONESLOT_PROOF_MD5) {
        DEMAND(image->kind == ONESLOT_IMAGE_MICROPYTHON);
        micropython_md5(image, digest);
        DEMAND(memcmp(digest, chip + image->size - 16, 16) == 0);
    }
    if (image->proofs & ONESLOT_PROOF_CRC32) {
        if (image->kind == ONESLOT_IMAGE_USER1) {
            DEMAND(word_at(image->size - 4) == user1_crc(image));
        } else {
            DEMAND(image->kind == ONESLOT_IMAGE_ARDUINO && word_at(WORDS) == image->size);
            DEMAND(word_at(WORDS + 4) == arduino_crc(image));
        }
    }
}

/// Makes right what `error` says is wrong.
static void make_right(const struct oneslot_image *image, enum oneslot_error error) {
    if (error == ONESLOT_ERROR_IMAGE_MD5) {
        micropython_md5(image, chip + image->size - 16);
    } else if (error == ONESLOT_ERROR_IMAGE_CRC && image->kind == ONESLOT_IMAGE_USER1) {
        put_word(image->size - 4, user1_crc(image));
    } else if (error == ONESLOT_ERROR_IMAGE_CRC) {
        put_word(WORDS + 4, arduino_crc(image));
    } else if (error == ONESLOT_ERROR_IMAGE_CHECKSUM) {
        each_checksum(image, set_checksum);
    }
}

/* What else holds */

static void check_places(const struct oneslot_image *image, const struct oneslot_source *source) {
    uint32_t end = 0;
    DEMAND(image->kind >= ONESLOT_IMAGE_PLAIN && image->kind <= ONESLOT_IMAGE_BOOT);
    DEMAND(image->size > 0 && image->size <= source->size && (source->raw || image->size == source->size));
    DEMAND(image->target == (image->kind == ONESLOT_IMAGE_USER1 ? 0x1000u : 0u));
    DEMAND(image->header == word_at(0));
    DEMAND(image->segment_count >= 1 && image->segment_count <= ONESLOT_IMAGE_SEGMENTS);
    DEMAND(image->boot_segments <= image->segment_count);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct oneslot_segment *segment = &image->segment[i];
        DEMAND(segment->offset >= end + 8);
        DEMAND((uint64_t)segment->offset + segment->length < image->size);
        end = segment->offset + segment->length;
    }
}

static bool meet(uint64_t start, uint64_t length, uint64_t other, uint64_t other_length) {
    return length > 0 && start < other + other_length && other < start + length;
}

static void check_allowed(const struct oneslot_image *image, uint32_t options) {
    const struct oneslot_map map = {
        .count = 3,
        .partition = {{.type = ONESLOT_TYPE_ONESLOT, .subtype = ONESLOT_SUBTYPE_LOADER, .size = 0x1000, .label = "l"},
                      {.type = ONESLOT_TYPE_APP, .address = 0x1000, .size = REGION_START - 0x1000, .label = "a"},
                      {.type = ONESLOT_TYPE_DATA, .address = REGION_START, .size = 0x1000, .label = "d"}}};
    struct oneslot_source source = {.region = {.address = 0x8000, .size = 0x2000}};
    struct oneslot_image_limits limits = oneslot_esp8266.limits;
    limits.firmware = options & OPTION_SMALL ? SMALL : limits.firmware;
    limits.map = options & OPTION_REGION ? &map : NULL;
    if (oneslot_image_allowed(image, &limits, options & OPTION_SOURCE ? &source : NULL) != ONESLOT_ERROR_NONE) {
        return;
    }
    const uint32_t sectors = (image->size + 0xfffu) / 0x1000u * 0x1000u;
    DEMAND((uint64_t)image->target + sectors <= limits.firmware);
    DEMAND(!(options & OPTION_REGION) || !meet(image->target, sectors, REGION_START, 0x1000));
    DEMAND(!(options & OPTION_SOURCE) || !meet(image->target, sectors, 0x8000, 0x2000));
    DEMAND(image->proofs & ONESLOT_PROOF_WHOLE);
    for (unsigned i = 0; i < image->boot_segments; i++) {
        const struct oneslot_segment *segment = &image->segment[i];
        DEMAND(!meet(segment->address, segment->length, 0x4010e000, 0x1000));
        DEMAND(!meet(segment->address, segment->length, 0x3fffeb30, 0x40000000 - 0x3fffeb30));
    }
}

static bool is_named(enum oneslot_error error) {
    return error >= ONESLOT_ERROR_IMAGE_UNKNOWN && error <= ONESLOT_ERROR_IMAGE_LENGTH;
}

/// MicroPython's MD5 leaves out the first four bytes.
static bool is_proven_byte(const struct oneslot_image *image, uint32_t at) {
    return at >= 4 || (image->kind != ONESLOT_IMAGE_MICROPYTHON);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct oneslot_source source;
    struct oneslot_flash flash;
    struct oneslot_image probed;
    struct oneslot_image image;
    struct input input = {.bytes = data, .left = size};
    const uint32_t options = input_number(&input, 1);
    const uint32_t length = input_number(&input, 3) % (CHIP_SIZE + 1);
    const uint32_t changed = input_number(&input, 3);
    uint8_t digest[32];
    input_flash(&input, chip, CHIP_SIZE);
    input_chip(&flash, chip, CHIP_SIZE);
    source = (struct oneslot_source){.size = length, .raw = options & OPTION_RAW, .flash = &flash};

    enum oneslot_error error = oneslot_image_probe(&probed, &source);
    DEMAND(error == ONESLOT_ERROR_NONE || is_named(error));
    if (error != ONESLOT_ERROR_NONE) {
        DEMAND(oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL) == error);
        return 0;
    }
    check_places(&probed, &source);
    error = oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL);
    for (int round = 0; options & OPTION_SEAL && error != ONESLOT_ERROR_NONE && round < 4; round++) {
        make_right(&image, error);
        error = oneslot_image_prove(&image, &source, NULL, buffer, NULL, NULL);
    }
    DEMAND(error == ONESLOT_ERROR_NONE || is_named(error));
    if (error != ONESLOT_ERROR_NONE) {
        return 0;
    }
    check_places(&image, &source);
    sha256_of(image.size, digest);
    if (options & OPTION_ASKED) {
        DEMAND(oneslot_image_prove(&image, &source, digest, buffer, NULL, NULL) == ONESLOT_ERROR_NONE);
    }
    check_proofs(&image, options & OPTION_ASKED ? digest : NULL);
    check_allowed(&image, options);
    if (image.proofs & ONESLOT_PROOF_WHOLE && is_proven_byte(&image, changed % image.size)) {
        chip[changed % image.size] ^= 0x40;
        error = oneslot_image_prove(&image, &source, options & OPTION_ASKED ? digest : NULL, buffer, NULL, NULL);
        DEMAND(error != ONESLOT_ERROR_NONE || !(image.proofs & ONESLOT_PROOF_WHOLE));
    }
    return 0;
}
