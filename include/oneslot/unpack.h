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
#include "oneslot/packed.h"

#ifdef __cplusplus
extern "C" {
#endif

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

#ifdef __cplusplus
}
#endif

#endif
