/*
 * Packing: compresses an image on the device itself, into a stream that unpack.h takes.
 *
 * Bytes are asked for in order, each once; packed ones are handed out in order, each once. All state is in memory that
 * the caller lends: the more, the smaller the stream. No heap, about 300 bytes of stack. The same image, filter and
 * memory size give the same stream.
 */
#ifndef ONESLOT_PACK_H
#define ONESLOT_PACK_H

#include "oneslot/packed.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Memory that packing may be given, in bytes. What is beyond the most is not used.
#define ONESLOT_PACK_MEMORY_LEAST 12288u
#define ONESLOT_PACK_MEMORY_MOST  65536u

/// Takes `length` packed bytes, 1 to 256. An error ends the packing and is passed up unchanged.
typedef enum oneslot_error oneslot_pack_output(void *context, const void *data, uint32_t length);

/// Packs `stream->size` bytes (at least 1), filtered by `stream->filter`; fills in the rest of `stream`. `memory` is
/// aligned to 4. `write` may be NULL: then the stream is only measured. `read` is asked for 64 bytes at the most.
/// Returns NONE, ARGUMENT (too little memory, no bytes, unknown filter) or what `read` or `write` returned.
enum oneslot_error oneslot_pack(struct oneslot_unpack_stream *stream, void *memory, uint32_t memory_size,
                                oneslot_unpack_input *read, oneslot_pack_output *write, void *context);

#ifdef __cplusplus
}
#endif

#endif
