/*
 * Compresses an image and says what came out, for bench/compression.py.
 *
 *   compress IMAGE              sizes and parameters as one JSON object
 *   compress IMAGE OUTPUT       the same, and the parameters, the size and the stream in a file
 *   compress --unpack FILE      unpacks such a file, nothing else: for counting instructions
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"
#include "host/pack/compress.h"
#include "host/pack/filter.h"

#define LIMIT       0x1000000u
#define HEADER_SIZE (ONESLOT_UNPACK_PARAMETERS + 4u)

static struct oneslot_unpack state;

static enum oneslot_error read_packed(void *context, uint32_t offset, void *buffer, uint32_t length) {
    const uint8_t *packed = context;
    memcpy(buffer, packed + offset, length);
    return ONESLOT_ERROR_NONE;
}

static int write_file(const char *path, const struct compressed *compressed) {
    uint8_t header[HEADER_SIZE];
    memcpy(header, compressed->parameters, ONESLOT_UNPACK_PARAMETERS);
    for (unsigned i = 0; i < 4; i++) {
        header[ONESLOT_UNPACK_PARAMETERS + i] = (uint8_t)(compressed->stream.size >> (8 * i));
    }
    FILE *file = fopen(path, "wb");
    if (!file) {
        perror(path);
        return 1;
    }
    bool good = fwrite(header, sizeof header, 1, file) == 1 &&
                fwrite(compressed->bytes, compressed->stream.packed_size, 1, file) == 1;
    return fclose(file) == 0 && good ? 0 : 1;
}

static int compress(const uint8_t *image, size_t size, const char *output) {
    struct compressed compressed;
    if (!compress_image(image, (uint32_t)size, COMPRESS_ANY_CHIP, &compressed)) {
        fprintf(stderr, "compress: failed\n");
        return 1;
    }
    const struct oneslot_unpack_stream *stream = &compressed.stream;
    printf("{\"size\": %u, \"packed\": %u, \"filter\": \"%s\", \"lc\": %u, \"lp\": %u, \"pb\": %u, "
           "\"dictionary\": %u}\n",
           stream->size, stream->packed_size, filter_name((enum oneslot_filter)stream->filter), stream->lc, stream->lp,
           stream->pb, stream->dictionary);
    int status = output ? write_file(output, &compressed) : 0;
    free(compressed.bytes);
    return status;
}

static int unpack(const uint8_t *bytes, size_t size) {
    struct oneslot_unpack_stream stream = {.packed_size = (uint32_t)(size - HEADER_SIZE)};
    uint8_t sector[4096];
    if (size < HEADER_SIZE || oneslot_unpack_parameters(&stream, bytes, ONESLOT_UNPACK_PARAMETERS)) {
        return 1;
    }
    for (unsigned i = 0; i < 4; i++) {
        stream.size |= (uint32_t)bytes[ONESLOT_UNPACK_PARAMETERS + i] << (8 * i);
    }
    enum oneslot_error error = oneslot_unpack_start(&state, &stream, read_packed, (void *)(bytes + HEADER_SIZE));
    for (uint32_t left = stream.size; left > 0 && error == ONESLOT_ERROR_NONE;) {
        uint32_t part = left < sizeof sector ? left : sizeof sector;
        error = oneslot_unpack_read(&state, sector, part);
        left -= part;
    }
    return error != ONESLOT_ERROR_NONE;
}

int main(int argc, char **argv) {
    bool unpacks = argc == 3 && strcmp(argv[1], "--unpack") == 0;
    uint8_t *bytes;
    size_t size;
    if (argc < 2 || argc > 3) {
        fprintf(stderr, "usage: compress IMAGE [OUTPUT] | compress --unpack FILE\n");
        return 2;
    }
    const char *path = argv[unpacks ? 2 : 1];
    if (!file_read(path, LIMIT, &bytes, &size)) {
        perror(path);
        return 1;
    }
    int status = unpacks ? unpack(bytes, size) : compress(bytes, size, argc == 3 ? argv[2] : NULL);
    free(bytes);
    return status;
}
