#include "host/pack/compress.h"

#include <lzma.h>
#include <stdlib.h>
#include <string.h>

#include "host/pack/filter.h"
#include "oneslot/package.h"

/// liblzma finds its matches in one of several ways and to some depth; none is the best for all images.
struct effort {
    lzma_match_finder finder;
    uint32_t nice_length;
};

static const struct effort FIRST_EFFORT = {LZMA_MF_BT4, 273};
static const struct effort EFFORTS[] = {{LZMA_MF_BT4, 64},  {LZMA_MF_BT4, 128}, {LZMA_MF_BT3, 64},
                                        {LZMA_MF_BT3, 273}, {LZMA_MF_BT2, 64},  {LZMA_MF_BT2, 273}};
#define DEPTH 2000u

/// {lc, lp, pb}: those that were the best for one of the images that were tried, and their neighbours. Each takes
/// memory from the dictionary, hence the small numbers.
static const uint8_t PROPERTIES[][3] = {{0, 0, 0}, {1, 0, 0}, {0, 0, 1}, {0, 1, 1}, {1, 1, 1},
                                        {0, 2, 2}, {0, 1, 2}, {0, 0, 2}, {2, 0, 0}};
#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/// What the tries work on.
struct search {
    const uint8_t *image;
    uint32_t size;
    uint32_t chip;
    uint8_t *filtered; ///< the image after `filter`
    uint8_t *trial;
    uint32_t room; ///< bytes at `trial`
    uint8_t filter;
    struct compressed *best;
};

uint32_t compress_dictionary(unsigned lc, unsigned lp, unsigned pb) {
    struct oneslot_unpack_stream stream = {
        .size = 1, .lc = (uint8_t)lc, .lp = (uint8_t)lp, .pb = (uint8_t)pb, .dictionary = ONESLOT_UNPACK_MEMORY};
    while (stream.dictionary > 0 && oneslot_unpack_check(&stream) != ONESLOT_ERROR_NONE) {
        stream.dictionary -= 2;
    }
    return stream.dictionary;
}

/// Compresses the filtered image once, and keeps the stream if it is the smallest so far.
static bool try_once(struct search *search, const uint8_t properties[3], struct effort effort) {
    lzma_options_lzma options;
    if (lzma_lzma_preset(&options, 9 | LZMA_PRESET_EXTREME)) {
        return false;
    }
    options.lc = properties[0];
    options.lp = properties[1];
    options.pb = properties[2];
    options.dict_size = compress_dictionary(options.lc, options.lp, options.pb);
    options.mf = effort.finder;
    options.nice_len = effort.nice_length;
    options.depth = DEPTH;
    lzma_filter chain[] = {{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    size_t length = 0;
    lzma_ret result =
        lzma_raw_buffer_encode(chain, NULL, search->filtered, search->size, search->trial, &length, search->room);
    if (result != LZMA_OK) {
        return result == LZMA_BUF_ERROR && search->best->bytes; // larger than the best one
    }
    uint8_t *kept = realloc(search->best->bytes, length);
    if (!kept) {
        return false;
    }
    memcpy(kept, search->trial, length);
    search->room = (uint32_t)length - 1;
    search->best->bytes = kept;
    search->best->stream = (struct oneslot_unpack_stream){.packed_size = (uint32_t)length,
                                                          .size = search->size,
                                                          .dictionary = options.dict_size,
                                                          .lc = properties[0],
                                                          .lp = properties[1],
                                                          .pb = properties[2],
                                                          .filter = search->filter};
    return true;
}

static void use_filter(struct search *search, uint8_t filter) {
    memcpy(search->filtered, search->image, search->size);
    filter_apply((enum oneslot_filter)filter, search->filtered, search->size);
    search->filter = filter;
}

/// One question after the other: which filter, which properties, which effort.
static bool find_best(struct search *search) {
    for (unsigned filter = ONESLOT_FILTER_NONE; filter <= ONESLOT_FILTER_RISCV; filter++) {
        if (search->chip != COMPRESS_ANY_CHIP && !oneslot_filter_suits(filter, search->chip)) {
            continue;
        }
        use_filter(search, (uint8_t)filter);
        if (!try_once(search, PROPERTIES[0], FIRST_EFFORT)) {
            return false;
        }
    }
    use_filter(search, search->best->stream.filter);
    for (size_t i = 1; i < COUNT(PROPERTIES); i++) {
        if (!try_once(search, PROPERTIES[i], FIRST_EFFORT)) {
            return false;
        }
    }
    const struct oneslot_unpack_stream *stream = &search->best->stream;
    const uint8_t properties[3] = {stream->lc, stream->lp, stream->pb};
    for (size_t i = 0; i < COUNT(EFFORTS); i++) {
        if (!try_once(search, properties, EFFORTS[i])) {
            return false;
        }
    }
    return true;
}

static enum oneslot_error read_packed(void *context, uint32_t offset, void *buffer, uint32_t length) {
    const uint8_t *packed = context;
    memcpy(buffer, packed + offset, length);
    return ONESLOT_ERROR_NONE;
}

/// Whether the device's own code gets the image back.
static bool comes_back(const struct search *search) {
    const struct compressed *compressed = search->best;
    struct oneslot_unpack *unpack = malloc(sizeof *unpack);
    bool good =
        unpack &&
        oneslot_unpack_start(unpack, &compressed->stream, read_packed, compressed->bytes) == ONESLOT_ERROR_NONE &&
        oneslot_unpack_read(unpack, search->filtered, search->size) == ONESLOT_ERROR_NONE &&
        memcmp(search->filtered, search->image, search->size) == 0;
    free(unpack);
    return good;
}

static void describe(struct compressed *compressed) {
    const struct oneslot_unpack_stream *stream = &compressed->stream;
    compressed->parameters[0] = stream->filter;
    compressed->parameters[1] = (uint8_t)(stream->lc + 9 * (stream->lp + 5 * stream->pb));
    for (unsigned i = 0; i < 4; i++) {
        compressed->parameters[2 + i] = (uint8_t)(stream->dictionary >> (8 * i));
    }
}

bool compress_image(const uint8_t *image, uint32_t size, uint32_t chip, struct compressed *compressed) {
    // Bytes that do not compress take a little more room than they had.
    uint32_t room = size + size / 8 + 1024;
    struct search search = {.image = image,
                            .size = size,
                            .chip = chip,
                            .filtered = malloc(size),
                            .trial = malloc(room),
                            .room = room,
                            .best = compressed};
    memset(compressed, 0, sizeof *compressed);
    bool good = search.filtered && search.trial && find_best(&search) && comes_back(&search);
    free(search.filtered);
    free(search.trial);
    if (good) {
        describe(compressed);
    } else {
        free(compressed->bytes);
        memset(compressed, 0, sizeof *compressed);
    }
    return good;
}
