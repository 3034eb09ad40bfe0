/*
 * Packed: what must be known of a compressed stream, for packing and unpacking. Every byte is in docs/FORMATS.md.
 */
#ifndef ONESLOT_PACKED_H
#define ONESLOT_PACKED_H

#include <stdint.h>

#include "oneslot/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A package's number for this codec (enum of entry CODEC), and the bytes of its parameters there.
#define ONESLOT_CODEC_LZMA        1u
#define ONESLOT_UNPACK_PARAMETERS 6u

/// Dictionary and probabilities of a device that unpacks, together, in bytes.
#define ONESLOT_UNPACK_MEMORY 36544u

/// What was done to the image before it was compressed. The numbers are in packages.
enum oneslot_filter {
    ONESLOT_FILTER_NONE = 0,
    ONESLOT_FILTER_LX106 = 1, ///< ESP8266: call0 and l32r
    ONESLOT_FILTER_LX6 = 2,   ///< ESP32, S2, S3: call8 and l32r
    ONESLOT_FILTER_RISCV = 3, ///< ESP32-C3 and relatives: jal, and auipc with jalr
};

/// What must be known of a stream before it can be read.
struct oneslot_unpack_stream {
    uint32_t packed_size; ///< bytes of the stream
    uint32_t size;        ///< bytes that it unpacks to, at least 1
    uint32_t dictionary;  ///< bytes; no distance is larger
    uint8_t lc;           ///< literal context bits, 0..8
    uint8_t lp;           ///< literal position bits, 0..4
    uint8_t pb;           ///< position bits, 0..4
    uint8_t filter;       ///< enum oneslot_filter
};

/// Reads `length` packed bytes, `offset` counted from the start of the stream. An error ends the unpacking and is
/// passed up unchanged. Asked for bytes of the stream alone, each once, in order; `buffer` is word-aligned.
typedef enum oneslot_error oneslot_unpack_input(void *context, uint32_t offset, void *buffer, uint32_t length);

#ifdef __cplusplus
}
#endif

#endif
