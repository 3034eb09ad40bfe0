/* Unpacking: an LZMA decoder that is asked for bytes. See unpack.h. */
#include "oneslot/unpack.h"

#include <string.h>

#include "lzma_model.h"
#include "unpack_filter.h"

#define NO_LITERAL UINT32_MAX

static void fail(struct oneslot_unpack *unpack, enum oneslot_error error) {
    if (unpack->error == ONESLOT_ERROR_NONE) {
        unpack->error = error;
    }
}

/* Input: before each symbol at least as many bytes are at hand as a symbol can take (22 coded bits of 6.1 bits at the
 * most and 26 direct ones: 20 bytes). After the stream's last byte these are zeros, and using one is an error. */

static void fetch(struct oneslot_unpack *unpack) {
    uint8_t *input = (uint8_t *)unpack->input;
    uint32_t kept = unpack->input_end - unpack->input_at;
    uint32_t length = unpack->stream.packed_size - unpack->fetched;
    if (length > ONESLOT_UNPACK_INPUT) {
        length = ONESLOT_UNPACK_INPUT;
    }
    // What is left goes right before the place that bytes are read to, which is word-aligned.
    memmove(input + ONESLOT_UNPACK_SYMBOL - kept, input + unpack->input_at, kept);
    unpack->input_at = ONESLOT_UNPACK_SYMBOL - kept;
    unpack->input_end = ONESLOT_UNPACK_SYMBOL + length;
    fail(unpack, unpack->read(unpack->context, unpack->fetched, input + ONESLOT_UNPACK_SYMBOL, length));
    unpack->fetched += length;
    memset(input + unpack->input_end, 0, ONESLOT_UNPACK_SYMBOL);
}

/// To be called before a symbol.
static void supply(struct oneslot_unpack *unpack) {
    while (unpack->input_end - unpack->input_at < ONESLOT_UNPACK_SYMBOL &&
           unpack->fetched < unpack->stream.packed_size && unpack->error == ONESLOT_ERROR_NONE) {
        fetch(unpack);
    }
}

/// To be called after a symbol: whether all that it took was there. If not, whatever else is wrong with it does not
/// count.
static void check_supply(struct oneslot_unpack *unpack) {
    if (unpack->input_at > unpack->input_end) {
        unpack->input_at = unpack->input_end;
        unpack->error = ONESLOT_ERROR_PACKAGE_SHORT;
    }
}

/* Range coder */

static uint32_t next_byte(struct oneslot_unpack *unpack) {
    return ((const uint8_t *)unpack->input)[unpack->input_at++];
}

static void normalise(struct oneslot_unpack *unpack) {
    if (unpack->range < RANGE_LEAST) {
        unpack->range <<= 8;
        unpack->code = unpack->code << 8 | next_byte(unpack);
    }
}

/// Goes down a tree of bits from `node` until it is at least `limit`: most of the time is spent here.
static uint32_t walk(struct oneslot_unpack *unpack, uint16_t *probabilities, uint32_t node, uint32_t limit) {
    uint32_t range = unpack->range;
    uint32_t code = unpack->code;
    do {
        uint16_t *probability = probabilities + node;
        uint32_t chance = *probability;
        if (range < RANGE_LEAST) {
            range <<= 8;
            code = code << 8 | next_byte(unpack);
        }
        uint32_t bound = (range >> PROBABILITY_BITS) * chance;
        node <<= 1;
        if (code < bound) {
            range = bound;
            chance += ((1u << PROBABILITY_BITS) - chance) >> PROBABILITY_STEP;
        } else {
            range -= bound;
            code -= bound;
            chance -= chance >> PROBABILITY_STEP;
            node++;
        }
        *probability = (uint16_t)chance;
    } while (node < limit);
    unpack->range = range;
    unpack->code = code;
    return node;
}

static uint32_t bit(struct oneslot_unpack *unpack, uint16_t *probability) {
    return walk(unpack, probability - 1, 1, 2) & 1;
}

/// A number of so many bits, the highest first.
static uint32_t tree(struct oneslot_unpack *unpack, uint16_t *probabilities, uint32_t bits) {
    return walk(unpack, probabilities, 1, 1u << bits) - (1u << bits);
}

/// The same, the lowest bit first.
static uint32_t reverse_tree(struct oneslot_unpack *unpack, uint16_t *probabilities, uint32_t bits) {
    uint32_t reversed = tree(unpack, probabilities, bits);
    uint32_t value = 0;
    for (; bits > 0; bits--) {
        value = value << 1 | (reversed & 1);
        reversed >>= 1;
    }
    return value;
}

/// Bits that are as often 0 as 1.
static uint32_t direct_bits(struct oneslot_unpack *unpack, uint32_t bits) {
    uint32_t value = 0;
    for (; bits > 0; bits--) {
        normalise(unpack);
        unpack->range >>= 1;
        value <<= 1;
        if (unpack->code >= unpack->range) {
            unpack->code -= unpack->range;
            value |= 1;
        }
    }
    return value;
}

/* Symbols */

/// The byte `distance` + 1 before the next one. The distance was checked.
static uint8_t earlier(const struct oneslot_unpack *unpack, uint32_t distance) {
    uint32_t place = unpack->write;
    if (place <= distance) {
        place += unpack->stream.dictionary;
    }
    return unpack->dictionary[place - distance - 1];
}

static uint16_t *literal_block(struct oneslot_unpack *unpack) {
    const struct oneslot_unpack_stream *stream = &unpack->stream;
    uint32_t before = unpack->produced ? earlier(unpack, 0) : 0;
    uint32_t context = ((unpack->produced & ((1u << stream->lp) - 1)) << stream->lc) + (before >> (8 - stream->lc));
    return unpack->memory + AT_POSITIONS + (POSITION_BLOCK << stream->pb) + LITERAL_BLOCK * context;
}

static uint32_t literal(struct oneslot_unpack *unpack) {
    uint16_t *probabilities = literal_block(unpack);
    uint32_t symbol = 1;
    if (unpack->state >= STATES_LITERAL) {
        // The byte that the match would have gone on with is no good here, but its first bits may be.
        uint32_t match = earlier(unpack, unpack->distance[0]);
        uint32_t same = 0x100;
        while (same && symbol < 0x100) {
            match <<= 1;
            uint32_t expected = match & 0x100;
            uint32_t next = bit(unpack, probabilities + 0x100 + expected + symbol);
            symbol = symbol << 1 | next;
            if (next != expected >> 8) {
                same = 0;
            }
        }
    }
    if (symbol < 0x100) {
        symbol = walk(unpack, probabilities, symbol, 0x100);
    }
    if (unpack->state < 4) {
        unpack->state = 0;
    } else {
        unpack->state -= unpack->state < 10 ? 3 : 6;
    }
    return symbol & 0xff;
}

/// `kind` is 0 for a new distance, 1 for a repeated one.
static uint32_t match_length(struct oneslot_unpack *unpack, uint16_t *position, uint32_t kind) {
    uint16_t *coder = unpack->memory + (kind ? AT_REPEAT_LENGTH : AT_LENGTH);
    if (!bit(unpack, coder + IN_LENGTH_LOW)) {
        return LENGTH_LEAST + tree(unpack, position + IN_LOW + 8 * kind, 3);
    }
    if (!bit(unpack, coder + IN_LENGTH_MIDDLE)) {
        return LENGTH_LEAST + 8 + tree(unpack, position + IN_MIDDLE + 8 * kind, 3);
    }
    return LENGTH_LEAST + 16 + tree(unpack, coder + IN_LENGTH_HIGH, 8);
}

static uint32_t new_distance(struct oneslot_unpack *unpack, uint32_t length) {
    uint32_t group = length - LENGTH_LEAST < 4 ? length - LENGTH_LEAST : 3;
    uint32_t slot = tree(unpack, unpack->memory + AT_SLOT + 64 * group, 6);
    if (slot < 4) {
        return slot;
    }
    uint32_t bits = (slot >> 1) - 1;
    uint32_t base = (2 | (slot & 1)) << bits;
    if (slot < 14) {
        return base + reverse_tree(unpack, unpack->memory + AT_NEAR + base - slot, bits);
    }
    base += direct_bits(unpack, bits - 4) << 4;
    return base + reverse_tree(unpack, unpack->memory + AT_ALIGN, 4);
}

/// Moves the distance that is used again to the front.
static void choose_repeated(struct oneslot_unpack *unpack) {
    uint32_t which = 1;
    if (bit(unpack, unpack->memory + AT_REPEAT_SECOND + unpack->state)) {
        which = 2 + bit(unpack, unpack->memory + AT_REPEAT_THIRD + unpack->state);
    }
    uint32_t chosen = unpack->distance[which];
    for (; which > 0; which--) {
        unpack->distance[which] = unpack->distance[which - 1];
    }
    unpack->distance[0] = chosen;
}

static void begin_match(struct oneslot_unpack *unpack, uint32_t length) {
    if (unpack->distance[0] >= unpack->produced || unpack->distance[0] >= unpack->stream.dictionary) {
        fail(unpack, ONESLOT_ERROR_PACKAGE_STREAM);
    } else if (length > unpack->stream.size - unpack->produced) {
        fail(unpack, ONESLOT_ERROR_PACKAGE_SIZE);
    } else {
        unpack->copy = length;
    }
}

static void new_match(struct oneslot_unpack *unpack, uint16_t *position) {
    memmove(unpack->distance + 1, unpack->distance, 3 * sizeof unpack->distance[0]);
    uint32_t length = match_length(unpack, position, 0);
    unpack->state = unpack->state < STATES_LITERAL ? 7 : 10;
    unpack->distance[0] = new_distance(unpack, length);
    if (unpack->distance[0] == END_MARKER) {
        unpack->ended = true;
    } else {
        begin_match(unpack, length);
    }
}

static void repeated_match(struct oneslot_unpack *unpack, uint16_t *position) {
    uint32_t state = unpack->state;
    uint32_t length = 1;
    unpack->state = state < STATES_LITERAL ? 9 : 11;
    if (bit(unpack, unpack->memory + AT_REPEAT_FIRST + state)) {
        unpack->state = state;
        choose_repeated(unpack);
        length = 0;
    } else if (bit(unpack, position + IN_LONG + state)) {
        length = 0;
    }
    if (length == 0) {
        length = match_length(unpack, position, 1);
        unpack->state = state < STATES_LITERAL ? 8 : 11;
    }
    begin_match(unpack, length);
}

static uint32_t any_symbol(struct oneslot_unpack *unpack) {
    uint32_t mask = (1u << unpack->stream.pb) - 1;
    uint16_t *position = unpack->memory + AT_POSITIONS + POSITION_BLOCK * (unpack->produced & mask);
    if (!bit(unpack, position + IN_MATCH + unpack->state)) {
        return literal(unpack);
    }
    if (bit(unpack, unpack->memory + AT_REPEAT + unpack->state)) {
        repeated_match(unpack, position);
    } else {
        new_match(unpack, position);
    }
    return NO_LITERAL;
}

/// Decodes a symbol: returns a literal's byte, or NO_LITERAL with a match begun, the end found or an error set.
static uint32_t symbol(struct oneslot_unpack *unpack) {
    supply(unpack);
    if (unpack->error != ONESLOT_ERROR_NONE) {
        return NO_LITERAL;
    }
    uint32_t byte = any_symbol(unpack);
    check_supply(unpack);
    return unpack->error == ONESLOT_ERROR_NONE ? byte : NO_LITERAL;
}

/* The stream */

/// After the last byte: the end marker, a code of zero, and no byte left.
static void finish(struct oneslot_unpack *unpack) {
    symbol(unpack);
    if (!unpack->ended) {
        fail(unpack, ONESLOT_ERROR_PACKAGE_SIZE);
        return;
    }
    normalise(unpack);
    check_supply(unpack);
    if (unpack->code != 0) {
        fail(unpack, ONESLOT_ERROR_PACKAGE_STREAM);
    }
    if (unpack->fetched != unpack->stream.packed_size || unpack->input_at != unpack->input_end) {
        fail(unpack, ONESLOT_ERROR_PACKAGE_SIZE);
    }
}

static void put(struct oneslot_unpack *unpack, uint8_t byte) {
    unpack->dictionary[unpack->write++] = byte;
    if (unpack->write == unpack->stream.dictionary) {
        unpack->write = 0;
    }
    unpack->produced++;
}

/// The next bytes, filter not yet undone. No more are asked for than the image has.
static void decode(struct oneslot_unpack *unpack, uint8_t *buffer, uint32_t length) {
    while (length > 0 && unpack->error == ONESLOT_ERROR_NONE) {
        uint32_t byte;
        if (unpack->copy > 0) {
            unpack->copy--;
            byte = earlier(unpack, unpack->distance[0]);
        } else {
            byte = symbol(unpack);
            if (unpack->ended) {
                fail(unpack, ONESLOT_ERROR_PACKAGE_SHORT);
            }
            if (byte == NO_LITERAL) {
                continue;
            }
        }
        put(unpack, (uint8_t)byte);
        *buffer++ = (uint8_t)byte;
        length--;
    }
    if (unpack->produced == unpack->stream.size && unpack->error == ONESLOT_ERROR_NONE) {
        finish(unpack);
    }
}

/// Makes bytes final in the window; on success at least one.
static void refill(struct oneslot_unpack *unpack) {
    const struct oneslot_unpack_stream *stream = &unpack->stream;
    uint32_t length = ONESLOT_UNPACK_WINDOW - unpack->held;
    if (length > stream->size - unpack->produced) {
        length = stream->size - unpack->produced;
    }
    if (length > 0) {
        decode(unpack, unpack->window + unpack->held, length);
    }
    unpack->held += length;
    unpack->final = oneslot_filter_undo((enum oneslot_filter)stream->filter, unpack->window, unpack->held,
                                        unpack->given, stream->size, unpack->produced == stream->size);
}

static uint32_t probabilities_of(const struct oneslot_unpack_stream *stream) {
    return AT_POSITIONS + (POSITION_BLOCK << stream->pb) + (LITERAL_BLOCK << (stream->lc + stream->lp));
}

enum oneslot_error oneslot_unpack_check(const struct oneslot_unpack_stream *stream) {
    if (stream->lc > 8 || stream->lp > 4 || stream->pb > 4 || stream->filter > ONESLOT_FILTER_RISCV ||
        stream->size == 0 || stream->dictionary == 0) {
        return ONESLOT_ERROR_PACKAGE_CODEC;
    }
    uint32_t taken = 2 * probabilities_of(stream);
    if (taken > ONESLOT_UNPACK_MEMORY || stream->dictionary > ONESLOT_UNPACK_MEMORY - taken) {
        return ONESLOT_ERROR_PACKAGE_CODEC;
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_unpack_parameters(struct oneslot_unpack_stream *stream, const uint8_t *parameters,
                                             uint32_t length) {
    if (length != ONESLOT_UNPACK_PARAMETERS || parameters[1] >= 9 * 5 * 5) {
        return ONESLOT_ERROR_PACKAGE_CODEC;
    }
    stream->filter = parameters[0];
    stream->lc = parameters[1] % 9;
    stream->lp = parameters[1] / 9 % 5;
    stream->pb = parameters[1] / 45;
    stream->dictionary =
        parameters[2] | (uint32_t)parameters[3] << 8 | (uint32_t)parameters[4] << 16 | (uint32_t)parameters[5] << 24;
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_unpack_start(struct oneslot_unpack *unpack, const struct oneslot_unpack_stream *stream,
                                        oneslot_unpack_input *read, void *context) {
    memset(unpack, 0, sizeof *unpack);
    unpack->error = oneslot_unpack_check(stream);
    if (unpack->error != ONESLOT_ERROR_NONE) {
        return unpack->error;
    }
    unpack->stream = *stream;
    unpack->read = read;
    unpack->context = context;
    uint32_t probabilities = probabilities_of(stream);
    for (uint32_t i = 0; i < probabilities; i++) {
        unpack->memory[i] = PROBABILITY_HALF;
    }
    unpack->dictionary = (uint8_t *)(unpack->memory + probabilities);
    unpack->range = UINT32_MAX;
    supply(unpack);
    if (unpack->error != ONESLOT_ERROR_NONE) {
        return unpack->error;
    }
    if (next_byte(unpack) != 0) {
        fail(unpack, ONESLOT_ERROR_PACKAGE_STREAM);
    }
    for (uint32_t i = 1; i < RANGE_BYTES; i++) {
        unpack->code = unpack->code << 8 | next_byte(unpack);
    }
    check_supply(unpack);
    return unpack->error;
}

enum oneslot_error oneslot_unpack_read(struct oneslot_unpack *unpack, void *buffer, uint32_t length) {
    uint8_t *to = buffer;
    if (unpack->error == ONESLOT_ERROR_NONE && length > unpack->stream.size - unpack->given) {
        return ONESLOT_ERROR_FILE_READ;
    }
    while (length > 0 && unpack->error == ONESLOT_ERROR_NONE) {
        if (unpack->final == 0) {
            refill(unpack);
            continue;
        }
        uint32_t part = unpack->final < length ? unpack->final : length;
        memcpy(to, unpack->window, part);
        unpack->held -= part;
        unpack->final -= part;
        memmove(unpack->window, unpack->window + part, unpack->held);
        unpack->given += part;
        to += part;
        length -= part;
    }
    return unpack->error;
}
