/*
 * Unpacking of anything: the first ten bytes say size and parameters, the eleventh how much is asked for at once.
 *
 *   clang -g -O1 -fsanitize=fuzzer,address,undefined -Iinclude -I. tests/fuzz/fuzz_unpack.c core/unpack*.c
 */
#include <stdlib.h>
#include <string.h>

#include "oneslot/unpack.h"

#define HEADER 11u
#define LIMIT  0x200000u

struct input {
    const uint8_t *bytes;
    uint32_t length;
    uint32_t next;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
    if (!holds) {
        abort();
    }
}

static enum oneslot_error input_read(void *context, uint32_t offset, void *buffer, uint32_t length) {
    struct input *input = context;
    must(offset == input->next && length > 0 && length <= input->length - offset);
    memcpy(buffer, input->bytes + offset, length);
    input->next = offset + length;
    return ONESLOT_ERROR_NONE;
}

/// Whether an error is one that a stream may end in.
static bool is_named(enum oneslot_error error) {
    return error == ONESLOT_ERROR_PACKAGE_CODEC || error == ONESLOT_ERROR_PACKAGE_STREAM ||
           error == ONESLOT_ERROR_PACKAGE_SHORT || error == ONESLOT_ERROR_PACKAGE_SIZE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct oneslot_unpack state;
    struct oneslot_unpack_stream stream;
    if (size < HEADER || oneslot_unpack_parameters(&stream, data, ONESLOT_UNPACK_PARAMETERS) != ONESLOT_ERROR_NONE) {
        return 0;
    }
    struct input input = {.bytes = data + HEADER, .length = (uint32_t)(size - HEADER)};
    stream.packed_size = input.length;
    stream.size = (data[6] | (uint32_t)data[7] << 8 | (uint32_t)data[8] << 16 | (uint32_t)data[9] << 24) % LIMIT;
    uint32_t chunk = 1 + data[10] * 17u;
    uint8_t *buffer = malloc(chunk);
    must(buffer != NULL);
    enum oneslot_error error = oneslot_unpack_start(&state, &stream, input_read, &input);
    for (uint32_t left = stream.size; error == ONESLOT_ERROR_NONE && left > 0;) {
        uint32_t part = left < chunk ? left : chunk;
        error = oneslot_unpack_read(&state, buffer, part);
        left -= part;
    }
    must(error == ONESLOT_ERROR_NONE ? input.next == input.length : is_named(error));
    free(buffer);
    return 0;
}
