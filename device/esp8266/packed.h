/*
 * The compressed installer: what the host's build writes and the stage reads, in DRAM at STAGE_PACKED.
 */
#ifndef ONESLOT_ESP8266_PACKED_H
#define ONESLOT_ESP8266_PACKED_H

#include "oneslot/unpack.h"

/// In front of the stream. All sizes of what is unpacked are multiples of 4.
struct packed_program {
    uint32_t crc;       ///< CRC-32 of all that follows, up to the end of the stream
    uint32_t code_size; ///< so many bytes go to INSTALLER_CODE_START, the others to INSTALLER_DATA_START
    struct oneslot_unpack_stream stream;
};

_Static_assert(sizeof(struct packed_program) == 24, "as docs/FORMATS.md has it");

#endif
