/*
 * Fuzz target: unpacking. The first ten bytes say size and parameters, the eleventh how much is asked for at once; the
 * stream follows. It ends in an error that has a name, or at its end; what is given out is what liblzma unpacks too.
 */
#include <lzma.h>
#include <string.h>

#include "oneslot/unpack.h"
#include "tests/fuzz/input.h"

#define HEADER 11u
#define LIMIT  0x40000u

struct packed {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t next;
};

static uint8_t ours[LIMIT];
static uint8_t theirs[LIMIT];

static enum oneslot_error packed_read(void *context, uint32_t offset, void *buffer, uint32_t length) {
    struct packed *packed = context;
    DEMAND(offset == packed->next && length > 0 && length <= packed->length - offset);
    memcpy(buffer, packed->bytes + offset, length);
    packed->next = offset + length;
    return ONESLOT_ERROR_NONE;
}

/// Whether an error is one that a stream may end in.
static bool is_named(enum oneslot_error error) {
    return error == ONESLOT_ERROR_PACKAGE_CODEC || error == ONESLOT_ERROR_PACKAGE_STREAM ||
           error == ONESLOT_ERROR_PACKAGE_SHORT || error == ONESLOT_ERROR_PACKAGE_SIZE;
}

/// What was given out, whole or up to an error, is what liblzma unpacks. Its dictionary is never smaller than 4 KiB, so
/// it takes all the distances that we take.
static void compare(const struct oneslot_unpack_stream *stream, const struct packed *packed, uint32_t given,
                    bool whole) {
    lzma_options_lzma options = {.dict_size = stream->dictionary, .lc = stream->lc, .lp = stream->lp, .pb = stream->pb};
    const lzma_filter chain[] = {{LZMA_FILTER_LZMA1, &options}, {LZMA_VLI_UNKNOWN, NULL}};
    lzma_stream decoder = LZMA_STREAM_INIT;
    DEMAND(lzma_raw_decoder(&decoder, chain) == LZMA_OK);
    decoder.next_in = packed->bytes;
    decoder.avail_in = packed->length;
    decoder.next_out = theirs;
    decoder.avail_out = sizeof theirs;
    lzma_ret result = lzma_code(&decoder, LZMA_RUN);
    DEMAND(decoder.total_out >= given && memcmp(ours, theirs, given) == 0);
    DEMAND(!whole || (result == LZMA_STREAM_END && decoder.avail_in == 0 && decoder.total_out == given));
    lzma_end(&decoder);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct oneslot_unpack state;
    struct oneslot_unpack_stream stream;
    if (size < HEADER || oneslot_unpack_parameters(&stream, data, ONESLOT_UNPACK_PARAMETERS) != ONESLOT_ERROR_NONE) {
        return 0;
    }
    struct packed packed = {.bytes = data + HEADER, .length = (uint32_t)(size - HEADER)};
    stream.packed_size = packed.length;
    stream.size = (data[6] | (uint32_t)data[7] << 8 | (uint32_t)data[8] << 16 | (uint32_t)data[9] << 24) % LIMIT;
    const uint32_t chunk = 1 + data[10] * 17u;
    uint8_t *buffer = malloc(chunk);
    DEMAND(buffer != NULL);
    enum oneslot_error error = oneslot_unpack_start(&state, &stream, packed_read, &packed);
    DEMAND(error != ONESLOT_ERROR_NONE || oneslot_unpack_check(&stream) == ONESLOT_ERROR_NONE);
    uint32_t given = 0;
    while (error == ONESLOT_ERROR_NONE && given < stream.size) {
        uint32_t part = stream.size - given < chunk ? stream.size - given : chunk;
        error = oneslot_unpack_read(&state, buffer, part);
        if (error == ONESLOT_ERROR_NONE) {
            memcpy(ours + given, buffer, part);
            given += part;
        }
    }
    DEMAND(error == ONESLOT_ERROR_NONE ? packed.next == packed.length : is_named(error));
    DEMAND(oneslot_unpack_read(&state, buffer, 1) == (error == ONESLOT_ERROR_NONE ? ONESLOT_ERROR_FILE_READ : error));
    if (stream.filter == ONESLOT_FILTER_NONE && given > 0) {
        compare(&stream, &packed, given, error == ONESLOT_ERROR_NONE);
    }
    free(buffer);
    return 0;
}
