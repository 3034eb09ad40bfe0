#include <string.h>

#include "bearssl_hash.h"
#include "image_format.h"

/// Code that runs in place is seen through this window, from flash address 0 on.
#define CODE_WINDOW 0x40200000u
#define USER1_PLACE 0x1000u
/// Of a map of two halves of 512 KiB. With halves of a megabyte user2 is seen at user1's addresses, and is the same.
#define USER2_PLACE 0x81000u
/// So many more addresses of the other place at the least, before anything is told from them.
#define LINKED_LEAST 32u

/// One XOR checksum: of which segments, and where it is kept.
struct checksum {
    uint8_t first;
    uint8_t end; ///< first == end: there is none
    uint8_t value;
    uint8_t stored;
    uint32_t offset;
};

/// A proof under way.
struct proof {
    struct oneslot_image *image;
    br_sha256_context sha256;
    br_md5_context md5;
    uint32_t crc;
    struct checksum checksum[2]; ///< the boot ROM's (boot_v1.x's), and the sketch's
    uint8_t words[ARDUINO_WORDS_SIZE];
    uint8_t trailer[MICROPYTHON_MD5_SIZE]; ///< last bytes of the image
    uint32_t here;                         ///< words with addresses of code in its own place
    uint32_t there;                        ///< and in user2's
};

/// A part of the image in memory.
struct piece {
    const uint8_t *bytes;
    uint32_t offset;
    uint32_t length;
};

_Static_assert(ARDUINO_WORDS % ONESLOT_IMAGE_BUFFER + ARDUINO_WORDS_SIZE <= ONESLOT_IMAGE_BUFFER,
               "the sketch's words lie in one buffer");

/// What of [start, end) lies in the piece; of length 0 if nothing.
static struct piece part_of(const struct piece *piece, uint32_t start, uint32_t end) {
    uint32_t first = start > piece->offset ? start : piece->offset;
    uint32_t last = end < piece->offset + piece->length ? end : piece->offset + piece->length;
    if (last <= first) {
        return (struct piece){.bytes = piece->bytes, .offset = first};
    }
    return (struct piece){.bytes = piece->bytes + (first - piece->offset), .offset = first, .length = last - first};
}

/// Copies what of [start, end) lies in the piece to its place in `to`.
static void keep(uint8_t *to, const struct piece *piece, uint32_t start, uint32_t end) {
    struct piece part = part_of(piece, start, end);
    if (part.length > 0) {
        memcpy(to + (part.offset - start), part.bytes, part.length);
    }
}

/// CRC-32 of polynomial 0x04c11db7, highest bit first, as Arduino's tools/elf2bin.py takes it. Four bits a step:
/// the whole table would cost a kilobyte of RAM.
static uint32_t crc32_arduino(uint32_t crc, const uint8_t *bytes, uint32_t length) {
    static const uint32_t table[16] = {
        0x00000000, 0x04c11db7, 0x09823b6e, 0x0d4326d9, 0x130476dc, 0x17c56b6b, 0x1a864db2, 0x1e475005,
        0x2608edb8, 0x22c9f00f, 0x2f8ad6d6, 0x2b4bcb61, 0x350c9b64, 0x31cd86d3, 0x3c8ea00a, 0x384fbdbd,
    };
    for (; length > 0; length--) {
        crc ^= (uint32_t)*bytes++ << 24;
        crc = crc << 4 ^ table[crc >> 28];
        crc = crc << 4 ^ table[crc >> 28];
    }
    return crc;
}

static uint8_t xor_of(const uint8_t *bytes, uint32_t length) {
    uint8_t value = 0;
    for (; length > 0; length--) {
        value ^= *bytes++;
    }
    return value;
}

static void add_to_checksum(const struct proof *proof, struct checksum *checksum, const struct piece *piece) {
    for (uint8_t i = checksum->first; i < checksum->end; i++) {
        const struct oneslot_segment *segment = &proof->image->segment[i];
        struct piece part = part_of(piece, segment->offset, segment->offset + segment->length);
        checksum->value ^= xor_of(part.bytes, part.length);
    }
    if (checksum->first < checksum->end) {
        keep(&checksum->stored, piece, checksum->offset, checksum->offset + 1);
    }
}

/// Counts addresses of code that runs in place: of its own place, and of user2's.
static void count_addresses(struct proof *proof, const struct piece *piece) {
    for (uint32_t at = 0; at + 4 <= piece->length; at += 4) {
        uint32_t address = image_word(piece->bytes + at) - CODE_WINDOW;
        proof->here += address - USER1_PLACE < proof->image->size;
        proof->there += address - USER2_PLACE < proof->image->size;
    }
}

/// The CRC takes the words that hold it as zero, so they are set to it in the buffer.
static void add_to_arduino(struct proof *proof, const struct piece *piece, uint8_t *buffer) {
    keep(proof->words, piece, ARDUINO_WORDS, ARDUINO_WORDS + ARDUINO_WORDS_SIZE);
    struct piece words = part_of(piece, ARDUINO_WORDS, ARDUINO_WORDS + ARDUINO_WORDS_SIZE);
    if (words.length > 0) {
        memset(buffer + (words.offset - piece->offset), 0, words.length);
    }
    proof->crc = crc32_arduino(proof->crc, piece->bytes, piece->length);
}

static void add(struct proof *proof, uint8_t *buffer, uint32_t offset, uint32_t length) {
    struct piece piece = {.bytes = buffer, .offset = offset, .length = length};
    struct piece part;
    uint32_t size = proof->image->size;

    br_sha256_update(&proof->sha256, buffer, length);
    add_to_checksum(proof, &proof->checksum[0], &piece);
    add_to_checksum(proof, &proof->checksum[1], &piece);
    switch (proof->image->kind) {
    case ONESLOT_IMAGE_MICROPYTHON:
        part = part_of(&piece, MICROPYTHON_MD5_START, size - MICROPYTHON_MD5_SIZE);
        br_md5_update(&proof->md5, part.bytes, part.length);
        keep(proof->trailer, &piece, size - MICROPYTHON_MD5_SIZE, size);
        break;
    case ONESLOT_IMAGE_USER1:
        part = part_of(&piece, 0, size - USER1_CRC_SIZE);
        proof->crc = oneslot_crc32(proof->crc, part.bytes, part.length);
        count_addresses(proof, &piece);
        keep(proof->trailer, &piece, size - USER1_CRC_SIZE, size);
        break;
    case ONESLOT_IMAGE_ARDUINO:
        add_to_arduino(proof, &piece, buffer);
        break;
    default:
        break;
    }
}

static struct checksum checksum_of(const struct oneslot_image *image, uint8_t first, uint8_t end) {
    const struct oneslot_segment *last = &image->segment[end - 1];
    return (struct checksum){
        .first = first, .end = end, .value = 0xef, .offset = image_checksum_offset(last->offset + last->length)};
}

static void begin(struct proof *proof, struct oneslot_image *image) {
    memset(proof, 0, sizeof *proof);
    proof->image = image;
    br_sha256_init(&proof->sha256);
    br_md5_init(&proof->md5);
    if (image->kind == ONESLOT_IMAGE_USER1) {
        /* The first segment runs in place; its bytes are in the CRC, not in the checksum. */
        proof->checksum[0] = checksum_of(image, 1, image->segment_count);
        return;
    }
    proof->checksum[0] = checksum_of(image, 0, image->boot_segments);
    if (image->kind == ONESLOT_IMAGE_ARDUINO) {
        proof->checksum[1] = checksum_of(image, image->boot_segments, image->segment_count);
        proof->crc = 0xffffffffu;
    }
}

static enum oneslot_error judge_micropython(struct proof *proof) {
    uint8_t md5[MICROPYTHON_MD5_SIZE];
    br_md5_out(&proof->md5, md5);
    proof->image->proofs |= ONESLOT_PROOF_LENGTH;
    if (memcmp(md5, proof->trailer, sizeof md5) != 0) {
        return ONESLOT_ERROR_IMAGE_MD5;
    }
    proof->image->proofs |= ONESLOT_PROOF_MD5;
    return ONESLOT_ERROR_NONE;
}

/// The SDK's tool stores what its own CRC loop ends with, which comes to this of zlib's.
static enum oneslot_error judge_user1(struct proof *proof) {
    uint32_t expected = proof->crc & 0x80000000u ? ~proof->crc : proof->crc + 1;
    if (image_word(proof->trailer) != expected) {
        return ONESLOT_ERROR_IMAGE_CRC;
    }
    proof->image->elsewhere = proof->there > proof->here + LINKED_LEAST;
    proof->image->proofs |= ONESLOT_PROOF_CRC32;
    return ONESLOT_ERROR_NONE;
}

/// A sketch from before there were such words has code in their place. The checksum was taken before the words
/// were filled in.
static enum oneslot_error judge_arduino(struct proof *proof) {
    if (image_word(proof->words) != proof->image->size) {
        return ONESLOT_ERROR_NONE;
    }
    proof->image->proofs |= ONESLOT_PROOF_LENGTH;
    proof->checksum[1].value ^= xor_of(proof->words, sizeof proof->words);
    if (image_word(proof->words + 4) != proof->crc) {
        return ONESLOT_ERROR_IMAGE_CRC;
    }
    proof->image->proofs |= ONESLOT_PROOF_CRC32;
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error judge_whole(struct proof *proof) {
    switch (proof->image->kind) {
    case ONESLOT_IMAGE_MICROPYTHON:
        return judge_micropython(proof);
    case ONESLOT_IMAGE_USER1:
        return judge_user1(proof);
    case ONESLOT_IMAGE_ARDUINO:
        return judge_arduino(proof);
    default:
        return ONESLOT_ERROR_NONE;
    }
}

static enum oneslot_error judge_checksums(struct proof *proof) {
    const struct checksum *checksum = proof->checksum;
    if (checksum[0].value != checksum[0].stored || checksum[1].value != checksum[1].stored) {
        return ONESLOT_ERROR_IMAGE_CHECKSUM;
    }
    proof->image->proofs |= ONESLOT_PROOF_CHECKSUM;
    return ONESLOT_ERROR_NONE;
}

/// What the image says of itself goes before what was asked for, the stronger proof before the weaker one.
static enum oneslot_error judge(struct proof *proof, const uint8_t *expected) {
    struct oneslot_image *image = proof->image;
    br_sha256_out(&proof->sha256, image->sha256);
    bool same = expected && memcmp(expected, image->sha256, sizeof image->sha256) == 0;
    if (same) {
        image->proofs |= ONESLOT_PROOF_SHA256;
    }
    enum oneslot_error whole = judge_whole(proof);
    enum oneslot_error checksum = judge_checksums(proof);
    if (whole || checksum) {
        return whole ? whole : checksum;
    }
    return expected && !same ? ONESLOT_ERROR_IMAGE_SHA256 : ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_image_prove(struct oneslot_image *image, struct oneslot_source *source,
                                       const uint8_t *expected, uint8_t *buffer, oneslot_progress *progress,
                                       void *context) {
    struct proof proof;
    enum oneslot_error error = oneslot_image_probe(image, source);
    if (error) {
        return error;
    }
    begin(&proof, image);
    for (uint32_t offset = 0; offset < image->size;) {
        uint32_t length = image->size - offset;
        if (length > ONESLOT_IMAGE_BUFFER) {
            length = ONESLOT_IMAGE_BUFFER;
        }
        error = oneslot_source_read(source, offset, buffer, length);
        if (error) {
            return error;
        }
        add(&proof, buffer, offset, length);
        offset += length;
        if (progress) {
            progress(context, offset, image->size);
        }
    }
    return judge(&proof, expected);
}
