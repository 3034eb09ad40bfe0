/*
 * Unpacking: the bytes of a compressed image, in order and on demand.
 *
 * A raw LZMA stream with an end marker, and a filter that makes the targets of calls relative again. Packed bytes are
 * asked for as they are needed, unpacked ones are given out in pieces of any size. All state is the caller's. Every
 * distance, length and output is bounded; a stream that is damaged, ends early or runs on is an error by name. What
 * is given out before an error is not to be believed. Every byte is in docs/FORMATS.md.
 */
#ifndef ONESLOT_UNPACK_H
#define ONESLOT_UNPACK_H

#include <stdbool.h>
#include <stdint.h>

#include "oneslot/error.h"

/// A package's number for this codec (enum of entry CODEC), and the bytes of its parameters there.
#define ONESLOT_CODEC_LZMA        1u
#define ONESLOT_UNPACK_PARAMETERS 6u

/// Dictionary and probabilities together, in bytes.
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

#define ONESLOT_UNPACK_INPUT  96u
#define ONESLOT_UNPACK_SYMBOL 24u
#define ONESLOT_UNPACK_WINDOW 64u

/// The state; its members are oneslot_unpack_*'s own. At the most 36 KiB.
struct oneslot_unpack {
    uint32_t input[(ONESLOT_UNPACK_INPUT + 2 * ONESLOT_UNPACK_SYMBOL) / 4];
    struct oneslot_unpack_stream stream;
    oneslot_unpack_input *read;
    void *context;
    enum oneslot_error error; ///< the first one; from then on nothing is given out
    uint32_t fetched;         ///< packed bytes that were read
    uint32_t input_at;        ///< next byte in `input`
    uint32_t input_end;
    uint32_t range;
    uint32_t code;
    uint32_t state;
    uint32_t distance[4]; ///< the last four, less one
    uint32_t copy;        ///< bytes of a match that are still to be copied
    uint32_t produced;    ///< unpacked bytes, filter not yet undone
    uint32_t given;       ///< unpacked bytes that were given out
    uint32_t held;        ///< bytes in `window`
    uint32_t final;       ///< of these, bytes that can be given out
    uint32_t write;       ///< place in the dictionary
    bool ended;           ///< the end marker was found
    uint8_t *dictionary;
    uint8_t window[ONESLOT_UNPACK_WINDOW];
    uint16_t memory[ONESLOT_UNPACK_MEMORY / 2];
};

/// Whether a device can unpack such a stream: known filter, numbers in range, memory enough.
/// Returns NONE or PACKAGE_CODEC.
enum oneslot_error oneslot_unpack_check(const struct oneslot_unpack_stream *stream);

/// Fills lc, lp, pb, dictionary and filter from a package's parameters. Returns NONE or PACKAGE_CODEC.
enum oneslot_error oneslot_unpack_parameters(struct oneslot_unpack_stream *stream, const uint8_t *parameters,
                                             uint32_t length);

/// Begins a stream; on a state in use, begins anew. Returns NONE, PACKAGE_CODEC, PACKAGE_SHORT, PACKAGE_STREAM or what
/// `read` returned.
enum oneslot_error oneslot_unpack_start(struct oneslot_unpack *unpack, const struct oneslot_unpack_stream *stream,
                                        oneslot_unpack_input *read, void *context);

/// The next `length` unpacked bytes. With the image's last byte the stream must be at its very end.
/// Returns NONE; PACKAGE_STREAM (damaged), PACKAGE_SHORT (it ends before the image), PACKAGE_SIZE (it goes on after
/// the image); FILE_READ (more was asked for than is left); or what `read` returned. Errors but FILE_READ stay.
enum oneslot_error oneslot_unpack_read(struct oneslot_unpack *unpack, void *buffer, uint32_t length);

#endif
