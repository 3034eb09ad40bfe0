/*
 * Fuzz target: application images of the ESP32 family. The first byte says how the file is read, then come its size,
 * which byte is changed afterwards, and the file in pieces. As the target `image`.
 */
#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/chip.h"
#include "oneslot/source.h"
#include "tests/fuzz/input.h"

/// The first byte.
#define OPTION_RAW   0x01u
#define OPTION_ASKED 0x02u /* a SHA-256 is asked for, the right one */
#define OPTION_SEAL  0x04u /* checksum and digest are made right */

#define CHIP_SIZE   0x24000u
#define HASHED      23u
#define DIGEST_SIZE 32u

static uint8_t chip[CHIP_SIZE];
static _Alignas(4) uint8_t buffer[ONESLOT_IMAGE_BUFFER];

static void sha256_of(uint32_t size, uint8_t digest[DIGEST_SIZE]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, chip, size);
    br_sha256_out(&context, digest);
}

/// Offset of the checksum; `value` receives what it must be.
static uint32_t checksum_of(const struct oneslot_image *image, uint8_t *value) {
    const struct oneslot_segment *last = &image->segment[image->segment_count - 1];
    *value = 0xef;
    for (unsigned i = 0; i < image->segment_count; i++) {
        for (uint32_t j = 0; j < image->segment[i].length; j++) {
            *value ^= chip[image->segment[i].offset + j];
        }
    }
    return (last->offset + last->length) | 15u;
}

static void make_right(const struct oneslot_image *image, enum oneslot_error error) {
    uint8_t value;
    if (error != ONESLOT_ERROR_IMAGE_DIGEST && error != ONESLOT_ERROR_IMAGE_CHECKSUM) {
        return;
    }
    const uint32_t at = checksum_of(image, &value);
    if (error == ONESLOT_ERROR_IMAGE_CHECKSUM) {
        chip[at] = value;
    } else {
        sha256_of(at + 1, chip + at + 1);
    }
}

static void check_places(const struct oneslot_image *image, const struct oneslot_source *source) {
    uint32_t end = 24;
    DEMAND(image->kind == ONESLOT_IMAGE_ESP32 && image->target == 0);
    DEMAND(image->size > 0 && image->size <= source->size && (source->raw || image->size == source->size));
    DEMAND(image->segment_count == chip[1] && image->segment_count >= 1);
    DEMAND(image->segment_count <= ONESLOT_IMAGE_SEGMENTS);
    for (unsigned i = 0; i < image->segment_count; i++) {
        const struct oneslot_segment *segment = &image->segment[i];
        DEMAND(segment->offset == end + 8 && segment->length % 4 == 0);
        DEMAND((uint64_t)segment->offset + segment->length < image->size);
        end = segment->offset + segment->length;
    }
    DEMAND(image->segment[0].length >= 256);
}

/// The proofs, once more. Returns how many bytes the image's own digest covers, with itself; 0 if it has none.
static uint32_t check_proofs(const struct oneslot_image *image, const uint8_t *expected) {
    uint8_t digest[DIGEST_SIZE];
    uint8_t value;
    const uint32_t at = checksum_of(image, &value);
    DEMAND(at < image->size && chip[at] == value);
    DEMAND(image->proofs & ONESLOT_PROOF_CHECKSUM);
    sha256_of(image->size, digest);
    DEMAND(memcmp(digest, image->sha256, sizeof digest) == 0);
    DEMAND(!expected || memcmp(digest, expected, sizeof digest) == 0);
    DEMAND(!(image->proofs & ONESLOT_PROOF_SHA256) == (!expected && chip[HASHED] == 0));
    if (chip[HASHED] == 0) {
        return 0;
    }
    DEMAND(at + 1 + DIGEST_SIZE <= image->size);
    sha256_of(at + 1, digest);
    DEMAND(memcmp(digest, chip + at + 1, sizeof digest) == 0);
    return at + 1 + DIGEST_SIZE;
}

static void check_allowed(const struct oneslot_image *image, uint16_t number, uint16_t revision) {
    struct oneslot_chip device;
    oneslot_esp32_chip(&device, number, revision);
    struct oneslot_image_limits limits = device.limits;
    limits.firmware = 0x20000;
    if (oneslot_image_allowed(image, &limits, NULL) == ONESLOT_ERROR_NONE) {
        DEMAND(image->chip == number && image->size <= 0x20000 && image->proofs & ONESLOT_PROOF_WHOLE);
        DEMAND(revision == 0 || image->revision_min <= revision);
        DEMAND(revision == 0 || image->revision_max == 0 || image->revision_max >= revision);
    }
}

static bool is_named(enum oneslot_error error) {
    return (error >= ONESLOT_ERROR_IMAGE_UNKNOWN && error <= ONESLOT_ERROR_IMAGE_LENGTH) ||
           error == ONESLOT_ERROR_IMAGE_DIGEST;
}

/// What lies in a partition is proven alike.
static void check_flash(const struct oneslot_image *image, enum oneslot_error error, const struct oneslot_flash *flash,
                        uint32_t length) {
    struct oneslot_image other;
    enum oneslot_error there = oneslot_image_esp32_prove_flash(&other, flash, 0, length, buffer, NULL, NULL);
    DEMAND(there == error);
    DEMAND(error != ONESLOT_ERROR_NONE || memcmp(&other, image, sizeof other) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct oneslot_source source;
    struct oneslot_flash flash;
    struct oneslot_image image;
    struct input input = {.bytes = data, .left = size};
    const uint32_t options = input_number(&input, 1);
    const uint32_t length = input_number(&input, 3) % (CHIP_SIZE + 1);
    const uint32_t changed = input_number(&input, 3);
    uint8_t digest[DIGEST_SIZE];
    input_flash(&input, chip, CHIP_SIZE);
    input_chip(&flash, chip, CHIP_SIZE);
    source = (struct oneslot_source){.size = length, .raw = options & OPTION_RAW, .flash = &flash};

    enum oneslot_error error = oneslot_image_esp32_prove(&image, &source, NULL, buffer, NULL, NULL);
    for (int round = 0; options & OPTION_SEAL && error != ONESLOT_ERROR_NONE && round < 4; round++) {
        make_right(&image, error);
        error = oneslot_image_esp32_prove(&image, &source, NULL, buffer, NULL, NULL);
    }
    if (source.raw) {
        check_flash(&image, error, &flash, length);
    }
    if (error != ONESLOT_ERROR_NONE) {
        DEMAND(is_named(error));
        return 0;
    }
    check_places(&image, &source);
    sha256_of(image.size, digest);
    if (options & OPTION_ASKED) {
        DEMAND(oneslot_image_esp32_prove(&image, &source, digest, buffer, NULL, NULL) == ONESLOT_ERROR_NONE);
    }
    const uint32_t proven = check_proofs(&image, options & OPTION_ASKED ? digest : NULL);
    check_allowed(&image, (uint16_t)(changed >> 16), (uint16_t)(options >> 4 << 6));
    if (proven > 0) {
        chip[changed % proven] ^= 0x40;
        error = oneslot_image_esp32_prove(&image, &source, NULL, buffer, NULL, NULL);
        DEMAND(error != ONESLOT_ERROR_NONE || !(image.proofs & ONESLOT_PROOF_WHOLE));
    }
    return 0;
}
