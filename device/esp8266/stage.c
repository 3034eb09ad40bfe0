/*
 * The stage: the part of the installer's image that is not compressed. It unpacks the installer to its place. The
 * decoder stays in IRAM.
 */
#include "console.h"
#include "memory.h"
#include "oneslot/layout.h"
#include "packed.h"
#include "rom.h"

#include <string.h>

#define PIECE 256u

/// Returns whether the installer stands in its place.
bool stage_main(void);

/// Where the installer has nothing but zeroed memory.
static struct oneslot_unpack decoder;

static enum oneslot_error read_stream(void *context, uint32_t offset, void *buffer, uint32_t length) {
    memcpy(buffer, (const uint8_t *)context + offset, length);
    return ONESLOT_ERROR_NONE;
}

/// Whether every byte is as the build made it, and all of it has room: nothing is written before that is known.
static bool is_whole(const struct packed_program *program) {
    const struct oneslot_unpack_stream *stream = &program->stream;
    const uint32_t behind_crc = sizeof *program - sizeof program->crc;

    if (stream->packed_size > STAGE_PACKED_END - STAGE_PACKED - sizeof *program ||
        oneslot_crc32(0, (const uint8_t *)program + sizeof program->crc, behind_crc + stream->packed_size) !=
            program->crc) {
        return false;
    }
    return program->code_size % 4 == 0 && stream->size % 4 == 0 && program->code_size <= stream->size &&
           program->code_size <= INSTALLER_CODE_END - INSTALLER_CODE_START &&
           stream->size - program->code_size <= STAGE_DECODER - INSTALLER_DATA_START;
}

/// Word by word, because IRAM takes nothing else.
static bool unpack_to(uint32_t address, uint32_t length) {
    uint32_t piece[PIECE / 4];
    volatile uint32_t *target = (volatile uint32_t *)address;

    while (length != 0) {
        uint32_t part = length < PIECE ? length : PIECE;

        if (oneslot_unpack_read(&decoder, piece, part) != ONESLOT_ERROR_NONE) {
            return false;
        }
        for (uint32_t i = 0; i < part / 4; i++) {
            *target++ = piece[i];
        }
        length -= part;
        watchdog_feed();
    }
    return true;
}

bool stage_main(void) {
    const struct packed_program *program = (const struct packed_program *)STAGE_PACKED;
    void *packed = (uint8_t *)STAGE_PACKED + sizeof *program;

    if (is_whole(program) &&
        oneslot_unpack_start(&decoder, &program->stream, read_stream, packed) == ONESLOT_ERROR_NONE &&
        unpack_to(INSTALLER_CODE_START, program->code_size) &&
        unpack_to(INSTALLER_DATA_START, program->stream.size - program->code_size)) {
        return true;
    }
    console_text("oneslot: the installer is damaged, it cannot be unpacked\n");
    return false;
}
