/* Packing: an LZMA encoder of few choices in little memory. See pack.h. */
#include "oneslot/pack.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "lzma_model.h"
#include "pack_filter.h"

/// One block for positions, one for literals (lc = lp = pb = 0): the least memory, and the best for ESP8266 code.
#define LITERALS      (AT_POSITIONS + POSITION_BLOCK)
#define PROBABILITIES (LITERALS + LITERAL_BLOCK)
#define POSITION      AT_POSITIONS

#define LENGTH_MOST  273u
#define DISTANCES    4u
#define CARRY_LEAST  0xff000000u
#define OUTPUT       256u
#define INPUT        64u
#define INPUT_FILTER 8u

/// Bytes behind the current one that the choice of a symbol looks at.
#define AHEAD (LENGTH_MOST + 1u)
/// The window moves down by at least so many bytes.
#define SLACK 1024u
/// Places that one hash remembers, the newest first.
#define WAYS 4u
/// Bytes that are hashed.
#define HASHED 3u

/// Prices are in 1/16 bits. Of a probability p of 11 bits the price is in prices[p / 16].
#define PRICES     128u
#define PRICE_BITS 4u
/// What a byte more is worth to a match. A byte costs about five bits; seven gave the smallest streams.
#define PRICE_BYTE 112u

/// What comes next.
struct choice {
    uint32_t length;   ///< bytes
    uint32_t distance; ///< a new one, less one; else which of the last four, or LITERAL
    bool fresh;        ///< `distance` is a new one
    int32_t score;     ///< price less what its bytes are worth: the lower, the better
};
#define LITERAL DISTANCES

struct pack {
    struct oneslot_unpack_stream *stream;
    oneslot_unpack_input *read;
    oneslot_pack_output *write;
    void *context;
    enum oneslot_error error;
    // Range coder
    uint32_t low;
    uint32_t range;
    uint32_t pending; ///< bytes that a carry may still change, `cache` and then 0xff
    bool carry;
    uint8_t cache;
    bool pricing;   ///< bits are not coded, but what they would cost is added up
    uint32_t price; ///< so far
    uint32_t output_size;
    uint32_t packed; ///< bytes that were handed out
    // Model
    uint32_t state;
    uint32_t distance[DISTANCES]; ///< less one
    // Input
    uint32_t fetched;    ///< bytes that were asked for
    uint32_t input_size; ///< of these, bytes at hand that are not through the filter
    // Window
    uint8_t *window;
    uint32_t room;       ///< bytes of the window
    uint32_t at;         ///< the next byte to be packed
    uint32_t end;        ///< behind the last byte at hand
    uint32_t position;   ///< of the next byte in the image
    uint32_t dictionary; ///< no distance is larger
    uint16_t *table;     ///< low halves of positions, WAYS for each hash
    uint32_t rows;
    uint8_t prices[PRICES];
    uint16_t probability[PROBABILITIES];
    uint8_t input[INPUT + INPUT_FILTER];
    uint8_t output[OUTPUT];
};

_Static_assert(sizeof(struct pack) % 4u == 0, "the table behind it is aligned");
_Static_assert(ONESLOT_PACK_MEMORY_MOST / 2u + 2u * PROBABILITIES <= ONESLOT_UNPACK_MEMORY,
               "every device has room for the dictionary");

static void fail(struct pack *pack, enum oneslot_error error) {
    if (pack->error == ONESLOT_ERROR_NONE) {
        pack->error = error;
    }
}

/* Range coder */

static void flush(struct pack *pack) {
    if (pack->write != NULL && pack->output_size > 0 && pack->error == ONESLOT_ERROR_NONE) {
        fail(pack, pack->write(pack->context, pack->output, pack->output_size));
    }
    pack->packed += pack->output_size;
    pack->output_size = 0;
}

static void put(struct pack *pack, uint32_t byte) {
    pack->output[pack->output_size++] = (uint8_t)byte;
    if (pack->output_size == OUTPUT) {
        flush(pack);
    }
}

/// Moves the top byte out; it and the 0xff before it wait until no carry can reach them.
static void shift(struct pack *pack) {
    if (pack->carry || pack->low < CARRY_LEAST) {
        uint32_t byte = pack->cache;
        for (; pack->pending > 0; pack->pending--) {
            put(pack, byte + pack->carry);
            byte = 0xff;
        }
        pack->carry = false;
        pack->cache = (uint8_t)(pack->low >> 24);
    }
    pack->pending++;
    pack->low <<= 8;
}

static void raise_low(struct pack *pack, uint32_t by) {
    pack->low += by;
    pack->carry = pack->carry || pack->low < by;
}

static void narrow(struct pack *pack) {
    while (pack->range < RANGE_LEAST) {
        pack->range <<= 8;
        shift(pack);
    }
}

/// Codes a bit, or adds its price.
static void code(struct pack *pack, uint16_t *probability, uint32_t bit) {
    uint32_t chance = *probability;
    if (pack->pricing) {
        pack->price += pack->prices[(bit ? (1u << PROBABILITY_BITS) - chance : chance) >> PRICE_BITS];
        return;
    }
    uint32_t bound = (pack->range >> PROBABILITY_BITS) * chance;
    if (bit) {
        raise_low(pack, bound);
        pack->range -= bound;
        *probability = (uint16_t)(chance - (chance >> PROBABILITY_STEP));
    } else {
        pack->range = bound;
        *probability = (uint16_t)(chance + (((1u << PROBABILITY_BITS) - chance) >> PROBABILITY_STEP));
    }
    narrow(pack);
}

/// A number of so many bits, the highest first.
static void tree(struct pack *pack, uint16_t *probabilities, uint32_t bits, uint32_t value) {
    uint32_t node = 1;
    while (bits-- > 0) {
        uint32_t bit = value >> bits & 1u;
        code(pack, probabilities + node, bit);
        node = node << 1 | bit;
    }
}

/// The same, the lowest bit first.
static void reverse_tree(struct pack *pack, uint16_t *probabilities, uint32_t bits, uint32_t value) {
    uint32_t node = 1;
    for (; bits > 0; bits--) {
        code(pack, probabilities + node, value & 1u);
        node = node << 1 | (value & 1u);
        value >>= 1;
    }
}

/// Bits that are as often 0 as 1.
static void direct_bits(struct pack *pack, uint32_t bits, uint32_t value) {
    if (pack->pricing) {
        pack->price += bits << PRICE_BITS;
        return;
    }
    while (bits-- > 0) {
        pack->range >>= 1;
        if (value >> bits & 1u) {
            raise_low(pack, pack->range);
        }
        narrow(pack);
    }
}

/// What a bit of each probability costs: the binary logarithm, squared bit by bit.
static void make_prices(struct pack *pack) {
    for (uint32_t i = 0; i < PRICES; i++) {
        uint32_t value = (i << PRICE_BITS) + (1u << (PRICE_BITS - 1u)); // the middle of its probabilities
        uint32_t whole = 0;
        while (value >> (whole + 1u) != 0) {
            whole++;
        }
        uint32_t logarithm = whole;
        uint32_t mantissa = value << (15u - whole); // 1 to 2, in 1/32768
        for (uint32_t bit = 0; bit < PRICE_BITS; bit++) {
            mantissa = (mantissa * mantissa) >> 15;
            logarithm <<= 1;
            if (mantissa >= 0x10000u) {
                mantissa >>= 1;
                logarithm |= 1u;
            }
        }
        pack->prices[i] = (uint8_t)((PROBABILITY_BITS << PRICE_BITS) - logarithm);
    }
}

/* Symbols: coded, or priced. The state stays as it is. */

static void code_literal(struct pack *pack, const uint8_t *next) {
    uint16_t *probabilities = pack->probability + LITERALS;
    uint32_t byte = *next;
    code(pack, pack->probability + POSITION + IN_MATCH + pack->state, 0);
    if (pack->state < STATES_LITERAL) {
        tree(pack, probabilities, 8, byte);
        return;
    }
    // The byte that the match would have gone on with is no good here, but its first bits may be.
    uint32_t match = *(next - pack->distance[0] - 1u);
    uint32_t same = 0x100;
    uint32_t node = 1;
    for (uint32_t bits = 8; bits-- > 0;) {
        uint32_t bit = byte >> bits & 1u;
        uint32_t expected = same != 0 ? match >> bits & 1u : 0;
        code(pack, probabilities + node + (same != 0 ? same + (expected << 8) : 0), bit);
        node = node << 1 | bit;
        same = bit == expected ? same : 0;
    }
}

static void code_length(struct pack *pack, uint32_t length, uint32_t kind) {
    uint16_t *coder = pack->probability + (kind ? AT_REPEAT_LENGTH : AT_LENGTH);
    uint16_t *position = pack->probability + POSITION;
    length -= LENGTH_LEAST;
    code(pack, coder + IN_LENGTH_LOW, length >= 8);
    if (length < 8) {
        tree(pack, position + IN_LOW + 8 * kind, 3, length);
        return;
    }
    code(pack, coder + IN_LENGTH_MIDDLE, length >= 16);
    if (length < 16) {
        tree(pack, position + IN_MIDDLE + 8 * kind, 3, length - 8);
    } else {
        tree(pack, coder + IN_LENGTH_HIGH, 8, length - 16);
    }
}

static void code_distance(struct pack *pack, uint32_t distance, uint32_t length) {
    uint32_t group = length - LENGTH_LEAST < 4 ? length - LENGTH_LEAST : 3;
    uint32_t slot = distance;
    uint32_t bits = 0;
    if (distance >= 4) {
        bits = 1;
        while (distance >> bits >= 4) {
            bits++;
        }
        slot = 2u * bits + (distance >> bits);
    }
    tree(pack, pack->probability + AT_SLOT + 64 * group, 6, slot);
    if (slot < 4) {
        return;
    }
    uint32_t base = (2u | (slot & 1u)) << bits;
    if (slot < 14) {
        reverse_tree(pack, pack->probability + AT_NEAR + base - slot, bits, distance - base);
        return;
    }
    direct_bits(pack, bits - 4u, (distance - base) >> 4);
    reverse_tree(pack, pack->probability + AT_ALIGN, 4, distance & 0xfu);
}

static void code_fresh(struct pack *pack, uint32_t distance, uint32_t length) {
    code(pack, pack->probability + POSITION + IN_MATCH + pack->state, 1);
    code(pack, pack->probability + AT_REPEAT + pack->state, 0);
    code_length(pack, length, 0);
    code_distance(pack, distance, length);
}

static void code_repeated(struct pack *pack, uint32_t which, uint32_t length) {
    uint32_t state = pack->state;
    code(pack, pack->probability + POSITION + IN_MATCH + state, 1);
    code(pack, pack->probability + AT_REPEAT + state, 1);
    code(pack, pack->probability + AT_REPEAT_FIRST + state, which != 0);
    if (which == 0) {
        code(pack, pack->probability + POSITION + IN_LONG + state, length > 1);
    } else {
        code(pack, pack->probability + AT_REPEAT_SECOND + state, which != 1);
        if (which != 1) {
            code(pack, pack->probability + AT_REPEAT_THIRD + state, which != 2);
        }
    }
    if (length > 1) {
        code_length(pack, length, 1);
    }
}

static uint32_t state_after_literal(uint32_t state) {
    if (state < 4) {
        return 0;
    }
    return state - (state < 10 ? 3 : 6);
}

/* Input */

/// Gets filtered bytes into the window until it is full or the image ends.
static void fill(struct pack *pack) {
    const uint32_t size = pack->stream->size;
    const uint32_t full = pack->room - INPUT_FILTER; // what the filter has held back comes on top
    while (pack->end < full && pack->error == ONESLOT_ERROR_NONE) {
        uint32_t length = size - pack->fetched;
        if (length == 0 && pack->input_size == 0) {
            return;
        }
        if (length > INPUT) {
            length = INPUT;
        }
        if (length > full - pack->end) {
            length = full - pack->end;
        }
        if (length > 0) {
            fail(pack, pack->read(pack->context, pack->fetched, pack->input + pack->input_size, length));
        }
        uint32_t position = pack->fetched - pack->input_size;
        pack->fetched += length;
        pack->input_size += length;
        uint32_t done = oneslot_filter_apply((enum oneslot_filter)pack->stream->filter, pack->input, pack->input_size,
                                             position, size, pack->fetched == size);
        memcpy(pack->window + pack->end, pack->input, done);
        pack->end += done;
        pack->input_size -= done;
        memmove(pack->input, pack->input + done, pack->input_size);
    }
}

/// Has at hand what the next choice looks at.
static void supply(struct pack *pack) {
    if (pack->end - pack->at > AHEAD || pack->fetched == pack->stream->size) {
        return;
    }
    if (pack->at > pack->dictionary) {
        uint32_t down = pack->at - pack->dictionary;
        memmove(pack->window, pack->window + down, pack->end - down);
        pack->at -= down;
        pack->end -= down;
    }
    fill(pack);
}

/* Choice */

static uint16_t *row_of(const struct pack *pack, const uint8_t *bytes) {
    uint32_t word = bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16;
    return pack->table + (((word * 0x9e3779b1u) >> 16) * pack->rows >> 16) * WAYS;
}

/// Makes the byte at `at` findable and goes on to the next.
static void step(struct pack *pack) {
    if (pack->end - pack->at >= HASHED) {
        uint16_t *row = row_of(pack, pack->window + pack->at);
        memmove(row + 1, row, (WAYS - 1u) * sizeof *row);
        row[0] = (uint16_t)pack->position;
    }
    pack->at++;
    pack->position++;
}

/// How many bytes, `most` at the most, are the same.
static uint32_t same_bytes(const uint8_t *a, const uint8_t *b, uint32_t most) {
    uint32_t length = 0;
    while (length < most && a[length] == b[length]) {
        length++;
    }
    return length;
}

static void consider(struct choice *best, const struct choice *other, uint32_t price) {
    int32_t score = (int32_t)price - (int32_t)(other->length * PRICE_BYTE);
    if (score < best->score) {
        *best = *other;
        best->score = score;
    }
}

static void consider_repeated(struct pack *pack, const uint8_t *next, uint32_t most, struct choice *best) {
    for (uint32_t which = 0; which < DISTANCES; which++) {
        uint32_t distance = pack->distance[which] + 1u;
        if (distance > pack->dictionary || (uint32_t)(next - pack->window) < distance) {
            continue;
        }
        uint32_t length = same_bytes(next, next - distance, most);
        if (length >= 1 && which == 0) {
            pack->price = 0;
            code_repeated(pack, 0, 1);
            consider(best, &(struct choice){.length = 1, .distance = 0}, pack->price);
        }
        if (length >= LENGTH_LEAST) {
            pack->price = 0;
            code_repeated(pack, which, length);
            consider(best, &(struct choice){.length = length, .distance = which}, pack->price);
        }
    }
}

static void consider_fresh(struct pack *pack, uint32_t ahead, uint32_t most, struct choice *best) {
    const uint8_t *next = pack->window + pack->at + ahead;
    const uint16_t *row = row_of(pack, next);
    for (uint32_t way = 0; way < WAYS; way++) {
        uint32_t distance = (uint16_t)(pack->position + ahead - row[way]);
        if (distance == 0 || distance > pack->dictionary || distance > pack->at + ahead) {
            continue;
        }
        uint32_t length = same_bytes(next, next - distance, most);
        if (length >= LENGTH_LEAST) {
            pack->price = 0;
            code_fresh(pack, distance - 1u, length);
            consider(best, &(struct choice){.length = length, .distance = distance - 1u, .fresh = true}, pack->price);
        }
    }
}

/// The best single symbol, so many bytes ahead of the next one.
static struct choice choose(struct pack *pack, uint32_t ahead) {
    const uint8_t *next = pack->window + pack->at + ahead;
    uint32_t most = pack->end - pack->at - ahead;
    if (most > LENGTH_MOST) {
        most = LENGTH_MOST;
    }
    struct choice best = {.length = 1, .distance = LITERAL};
    pack->pricing = true;
    pack->price = 0;
    code_literal(pack, next);
    best.score = (int32_t)pack->price - (int32_t)PRICE_BYTE;
    if (pack->position + ahead > 0) {
        consider_repeated(pack, next, most, &best);
    }
    if (most >= HASHED) {
        consider_fresh(pack, ahead, most, &best);
    }
    pack->pricing = false;
    return best;
}

/// A match may be worth less than one byte and the match behind it.
static struct choice choose_lazily(struct pack *pack) {
    struct choice now = choose(pack, 0);
    if (now.length == 1 || now.length >= 64 || pack->end - pack->at <= 2) {
        return now;
    }
    uint32_t state = pack->state;
    struct choice literal = {.length = 1, .distance = LITERAL};
    pack->pricing = true;
    pack->price = 0;
    code_literal(pack, pack->window + pack->at);
    pack->pricing = false;
    int32_t score = (int32_t)pack->price - (int32_t)PRICE_BYTE;
    pack->state = state_after_literal(state);
    struct choice later = choose(pack, 1);
    pack->state = state;
    return score + later.score < now.score ? literal : now;
}

/// Codes a choice and passes its bytes.
static void take(struct pack *pack, const struct choice *choice) {
    uint32_t state = pack->state;
    bool after_literal = state < STATES_LITERAL;
    if (choice->fresh) {
        code_fresh(pack, choice->distance, choice->length);
        memmove(pack->distance + 1, pack->distance, (DISTANCES - 1u) * sizeof pack->distance[0]);
        pack->distance[0] = choice->distance;
        pack->state = after_literal ? 7 : 10;
    } else if (choice->distance == LITERAL) {
        code_literal(pack, pack->window + pack->at);
        pack->state = state_after_literal(state);
    } else {
        code_repeated(pack, choice->distance, choice->length);
        uint32_t chosen = pack->distance[choice->distance];
        memmove(pack->distance + 1, pack->distance, choice->distance * sizeof chosen);
        pack->distance[0] = chosen;
        pack->state = choice->length == 1 ? (after_literal ? 9 : 11) : (after_literal ? 8 : 11);
    }
    for (uint32_t i = 0; i < choice->length; i++) {
        step(pack);
    }
}

/// The end marker, and what the range coder still holds.
static void finish(struct pack *pack) {
    code_fresh(pack, END_MARKER, LENGTH_LEAST);
    for (uint32_t i = 0; i < RANGE_BYTES; i++) {
        shift(pack);
    }
    flush(pack);
}

/// Divides the memory behind the state in halves: table and window.
static void divide(struct pack *pack, uint32_t rest) {
    pack->table = (uint16_t *)(pack + 1);
    pack->rows = rest / 2u / (WAYS * (uint32_t)sizeof *pack->table);
    uint32_t taken = pack->rows * WAYS * (uint32_t)sizeof *pack->table;
    pack->window = (uint8_t *)(pack + 1) + taken;
    pack->room = rest - taken;
    pack->dictionary = pack->room - AHEAD - SLACK;
}

enum oneslot_error oneslot_pack(struct oneslot_unpack_stream *stream, void *memory, uint32_t memory_size,
                                oneslot_unpack_input *read, oneslot_pack_output *write, void *context) {
    struct pack *pack = memory;
    if (memory_size < ONESLOT_PACK_MEMORY_LEAST) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    if (memory_size > ONESLOT_PACK_MEMORY_MOST) {
        memory_size = ONESLOT_PACK_MEMORY_MOST;
    }
    memset(memory, 0, memory_size);
    divide(pack, memory_size - (uint32_t)sizeof *pack);
    stream->lc = 0;
    stream->lp = 0;
    stream->pb = 0;
    stream->dictionary = pack->dictionary;
    stream->packed_size = 0;
    if (stream->size == 0 || stream->filter > ONESLOT_FILTER_RISCV) {
        return ONESLOT_ERROR_ARGUMENT;
    }
    pack->stream = stream;
    pack->read = read;
    pack->write = write;
    pack->context = context;
    pack->range = UINT32_MAX;
    pack->pending = 1;
    for (uint32_t i = 0; i < PROBABILITIES; i++) {
        pack->probability[i] = PROBABILITY_HALF;
    }
    make_prices(pack);
    fill(pack);
    while (pack->position < stream->size && pack->error == ONESLOT_ERROR_NONE) {
        struct choice choice = choose_lazily(pack);
        take(pack, &choice);
        supply(pack);
    }
    if (pack->error == ONESLOT_ERROR_NONE) {
        finish(pack);
    }
    stream->packed_size = pack->packed;
    return pack->error;
}
