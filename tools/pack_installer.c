/*
 * Packs the ESP8266 installer: its code and data become one compressed segment of an image, which the stage unpacks.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "device/esp8266/memory.h"
#include "device/esp8266/packed.h"
#include "host/pack/compress.h"
#include "oneslot/layout.h"
#include "oneslot/package.h"

/// Code and data of any ESP8266 program.
#define PROGRAM_MAX 0x20000u
#define PACKED_MAX  (STAGE_PACKED_END - STAGE_PACKED)
#define HEADER      sizeof(struct packed_program)

static int fail(const char *path, const char *why) {
    (void)fprintf(stderr, "pack_installer: %s: %s\n", path, why);
    return EXIT_FAILURE;
}

/// Returns the bytes that were read, filled up to words; 0 if there are none, or too many.
static uint32_t load(const char *path, uint8_t *buffer, uint32_t room) {
    FILE *file = fopen(path, "rb");
    if (!file) {
        return 0;
    }
    size_t length = fread(buffer, 1, room, file);
    bool good = !ferror(file) && length < room;
    (void)fclose(file);
    return good ? ((uint32_t)length + 3) & ~3u : 0;
}

static bool save(const char *path, const uint8_t *bytes, size_t length) {
    FILE *file = fopen(path, "wb");
    if (!file) {
        return false;
    }
    bool written = fwrite(bytes, 1, length, file) == length;
    return fclose(file) == 0 && written;
}

static void put32(uint8_t *bytes, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (8 * i));
    }
}

/// The segment: its address and length, the header of packed.h, the stream. Returns its size with all of that.
static uint32_t make_segment(const struct compressed *packed, uint32_t code_size, uint8_t *segment) {
    const struct oneslot_unpack_stream *stream = &packed->stream;
    uint32_t length = HEADER + ((stream->packed_size + 3) & ~3u);
    uint8_t *header = segment + 8;

    put32(segment, STAGE_PACKED);
    put32(segment + 4, length);
    put32(header + 4, code_size);
    put32(header + 8, stream->packed_size);
    put32(header + 12, stream->size);
    put32(header + 16, stream->dictionary);
    header[20] = stream->lc;
    header[21] = stream->lp;
    header[22] = stream->pb;
    header[23] = stream->filter;
    memcpy(header + HEADER, packed->bytes, stream->packed_size);
    put32(header, oneslot_crc32(0, header + 4, HEADER - 4 + stream->packed_size));
    return 8 + length;
}

int main(int count, char **arguments) {
    static uint8_t program[PROGRAM_MAX];
    static uint8_t segment[8 + PACKED_MAX];
    struct compressed packed;

    if (count != 4) {
        (void)fprintf(stderr, "usage: pack_installer CODE DATA SEGMENT\n");
        return EXIT_FAILURE;
    }
    uint32_t code_size = load(arguments[1], program, INSTALLER_CODE_END - INSTALLER_CODE_START);
    uint32_t data_size = load(arguments[2], program + code_size, STAGE_DECODER - INSTALLER_DATA_START);
    if (code_size == 0 || data_size == 0) {
        return fail(arguments[code_size == 0 ? 1 : 2], "it is empty, too large or cannot be read");
    }
    if (!compress_image(program, code_size + data_size, ONESLOT_CHIP_ESP8266, &packed)) {
        return fail(arguments[1], "it cannot be compressed");
    }
    if (packed.stream.packed_size > PACKED_MAX - HEADER) {
        free(packed.bytes);
        return fail(arguments[1], "it is too large even when compressed");
    }
    uint32_t size = make_segment(&packed, code_size, segment);
    free(packed.bytes);
    return save(arguments[3], segment, size) ? EXIT_SUCCESS : fail(arguments[3], "it cannot be written");
}
