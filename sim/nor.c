#include "sim/nor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* W25Q32JV data sheet: tSE 45 ms, tBE2 150 ms, tPP 0.7 ms. 03h: 32 clocks and 8 a byte; 3Bh: 40 clocks and 4 a byte. */
const struct nor_timing nor_w25q32 = {45000000u, 150000000u, 700000u, 1600u, 400u};
const struct nor_timing nor_w25q32_dual = {45000000u, 150000000u, 700000u, 2000u, 200u};

uint64_t nor_next_random(uint64_t *state) {
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

uint32_t nor_random_below(uint64_t *state, uint32_t bound) {
    return (uint32_t)(((nor_next_random(state) >> 32) * bound) >> 32);
}

static void *must_allocate(size_t size) {
    void *memory = calloc(1, size);
    if (!memory) {
        fputs("simulator: out of memory\n", stderr);
        exit(2);
    }
    return memory;
}

static void release(struct nor_sector *sector) {
    if (--sector->references > 0) {
        return;
    }
    free(sector->weak);
    free(sector->stuck);
    free(sector);
}

static uint8_t *duplicate(const uint8_t *bits) {
    if (!bits) {
        return NULL;
    }
    uint8_t *copy = must_allocate(ONESLOT_SECTOR_SIZE);
    memcpy(copy, bits, ONESLOT_SECTOR_SIZE);
    return copy;
}

/// The sector, made this chip's own, so that it may be written.
static struct nor_sector *own(struct nor *nor, uint32_t index) {
    struct nor_sector *shared = nor->sector[index];
    if (shared->references == 1) {
        return shared;
    }
    struct nor_sector *sector = must_allocate(sizeof *sector);
    *sector = *shared;
    sector->references = 1;
    sector->weak = duplicate(shared->weak);
    sector->stuck = duplicate(shared->stuck);
    shared->references--;
    nor->sector[index] = sector;
    return sector;
}

void nor_create(struct nor *nor, uint32_t size, uint64_t seed) {
    memset(nor, 0, sizeof *nor);
    nor->size = size;
    nor->sectors = size / ONESLOT_SECTOR_SIZE;
    nor->sector = must_allocate(nor->sectors * sizeof(struct nor_sector *));
    struct nor_sector *blank = must_allocate(sizeof *blank);
    memset(blank->data, 0xff, sizeof blank->data);
    blank->references = nor->sectors;
    for (uint32_t i = 0; i < nor->sectors; i++) {
        nor->sector[i] = blank;
    }
    nor->timing = nor_w25q32;
    nor->random = seed;
}

void nor_copy(struct nor *to, const struct nor *from) {
    *to = *from;
    to->sector = must_allocate(from->sectors * sizeof(struct nor_sector *));
    for (uint32_t i = 0; i < from->sectors; i++) {
        to->sector[i] = from->sector[i];
        to->sector[i]->references++;
    }
    to->faults = 0;
    to->fault_hit = false;
    to->power = NULL;
    to->observe = NULL;
    to->observe_context = NULL;
}

void nor_destroy(struct nor *nor) {
    for (uint32_t i = 0; i < nor->sectors; i++) {
        release(nor->sector[i]);
    }
    free(nor->sector);
    memset(nor, 0, sizeof *nor);
}

/// How much of `length` lies in the sector of `address`.
static uint32_t within_sector(uint32_t address, uint32_t length) {
    uint32_t rest = ONESLOT_SECTOR_SIZE - address % ONESLOT_SECTOR_SIZE;
    return length < rest ? length : rest;
}

void nor_load(struct nor *nor, uint32_t address, const void *bytes, uint32_t length) {
    const uint8_t *from = bytes;
    while (length > 0) {
        uint32_t part = within_sector(address, length);
        struct nor_sector *sector = own(nor, address / ONESLOT_SECTOR_SIZE);
        memcpy(sector->data + address % ONESLOT_SECTOR_SIZE, from, part);
        if (sector->weak) {
            memset(sector->weak + address % ONESLOT_SECTOR_SIZE, 0, part);
        }
        address += part;
        from += part;
        length -= part;
    }
}

void nor_peek(const struct nor *nor, uint32_t address, void *bytes, uint32_t length) {
    uint8_t *to = bytes;
    while (length > 0) {
        uint32_t part = within_sector(address, length);
        memcpy(to, nor->sector[address / ONESLOT_SECTOR_SIZE]->data + address % ONESLOT_SECTOR_SIZE, part);
        address += part;
        to += part;
        length -= part;
    }
}

bool nor_equal(const struct nor *nor, uint32_t address, const void *bytes, uint32_t length) {
    const uint8_t *with = bytes;
    while (length > 0) {
        uint32_t part = within_sector(address, length);
        const struct nor_sector *sector = nor->sector[address / ONESLOT_SECTOR_SIZE];
        if (memcmp(sector->data + address % ONESLOT_SECTOR_SIZE, with, part) != 0) {
            return false;
        }
        address += part;
        with += part;
        length -= part;
    }
    return true;
}

bool nor_weak(const struct nor *nor, uint32_t address, uint32_t length) {
    while (length > 0) {
        uint32_t part = within_sector(address, length);
        const uint8_t *weak = nor->sector[address / ONESLOT_SECTOR_SIZE]->weak;
        for (uint32_t i = 0; weak && i < part; i++) {
            if (weak[address % ONESLOT_SECTOR_SIZE + i]) {
                return true;
            }
        }
        address += part;
        length -= part;
    }
    return false;
}

void nor_stick(struct nor *nor, uint32_t address, uint8_t bits) {
    struct nor_sector *sector = own(nor, address / ONESLOT_SECTOR_SIZE);
    if (!sector->stuck) {
        sector->stuck = must_allocate(ONESLOT_SECTOR_SIZE);
    }
    sector->stuck[address % ONESLOT_SECTOR_SIZE] |= bits;
    sector->data[address % ONESLOT_SECTOR_SIZE] &= (uint8_t)~bits;
}

void nor_wear_out(struct nor *nor, uint32_t address, uint8_t wear) {
    own(nor, address / ONESLOT_SECTOR_SIZE)->worn |= wear;
}

void nor_rot(struct nor *nor, uint32_t address, uint8_t bits) {
    struct nor_sector *sector = own(nor, address / ONESLOT_SECTOR_SIZE);
    sector->data[address % ONESLOT_SECTOR_SIZE] ^= bits;
}

void nor_deed(struct nor *nor) {
    nor->deed++;
}

void nor_count_from_zero(struct nor *nor) {
    nor_deed(nor);
    nor->deed_erases_max = 0;
    nor->deed_programs_max = 0;
    nor->deed_address = 0;
    nor->operations = 0;
    nor->reads = 0;
    nor->faults = 0;
    nor->fault_hit = false;
    nor->exhausted = false;
    nor->violations = 0;
    nor->violation = NOR_VIOLATION_NONE;
    memset(&nor->statistics, 0, sizeof nor->statistics);
}

void nor_plan(struct nor *nor, struct nor_fault fault) {
    if (nor->faults < NOR_FAULTS) {
        nor->fault[nor->faults++] = fault;
    }
}

static void violate(struct nor *nor, enum nor_violation_kind kind, uint32_t address) {
    if (nor->violations++ == 0) {
        nor->violation = kind;
        nor->violation_address = address;
    }
}

/* What an operation does to the cells. */

/// A byte in which each bit is set with a probability of `chance` in 256.
static uint8_t random_bits(uint64_t *state, uint32_t chance) {
    uint64_t random = nor_next_random(state);
    uint8_t bits = 0;
    for (uint32_t i = 0; i < 8; i++) {
        bits = (uint8_t)(bits | ((((random >> (8 * i)) & 0xff) < chance) << i));
    }
    return bits;
}

/// From "a bit here and there" to "nearly all": both ends hide from a careless comparison.
static uint32_t random_chance(uint64_t *state) {
    static const uint32_t chances[] = {2, 16, 128, 128, 240, 254};
    return chances[nor_random_below(state, 6)];
}

static void weaken(struct nor *nor, struct nor_sector *sector, uint32_t offset, uint8_t bits) {
    if (!bits) {
        return;
    }
    if (!sector->weak) {
        sector->weak = must_allocate(ONESLOT_SECTOR_SIZE);
        sector->calm = nor->power_ups + nor_random_below(&nor->random, 3);
    }
    sector->weak[offset] |= bits;
}

static void put(struct nor_sector *sector, uint32_t offset, uint8_t value) {
    if (sector->stuck) {
        value &= (uint8_t)~sector->stuck[offset];
    }
    sector->data[offset] = value;
}

/// How far and how badly a torn operation got; drawn once an operation.
struct torn {
    enum nor_tear tear;
    uint32_t chance; ///< of a bit to have changed
    uint32_t weak;   ///< of a changing bit to be weak
    bool only;       ///< nothing is weak but these bits of the byte at `spot`
    uint8_t bits;
    uint32_t spot;
    uint32_t limit; ///< PREFIX: bytes done
};

static struct torn draw(struct nor *nor, enum nor_tear tear, uint32_t length, uint32_t grain) {
    struct torn torn = {.tear = tear};
    torn.chance = random_chance(&nor->random);
    torn.weak = random_chance(&nor->random);
    torn.only = nor_random_below(&nor->random, 4) == 0;
    torn.bits = nor_random_below(&nor->random, 2) ? (uint8_t)(1u << nor_random_below(&nor->random, 8)) : 0xff;
    torn.spot = nor_random_below(&nor->random, length);
    torn.limit = nor_random_below(&nor->random, length / grain) * grain;
    return torn;
}

/// Takes one byte from what it is towards `goal`; `index` counts within the operation.
static void tear_byte(struct nor *nor, struct nor_sector *sector, uint32_t offset, uint8_t goal, uint32_t index,
                      const struct torn *torn) {
    uint8_t old = sector->data[offset];
    uint8_t changing = old ^ goal;
    uint8_t weak = torn->only ? (torn->spot == index ? torn->bits : 0) : random_bits(&nor->random, torn->weak);
    switch (torn->tear) {
    case NOR_PREFIX:
        put(sector, offset, index < torn->limit ? goal : old);
        return;
    case NOR_MIX:
        put(sector, offset, (uint8_t)(old ^ (changing & random_bits(&nor->random, torn->chance))));
        return;
    case NOR_MIX_WEAK:
    case NOR_DAMAGE:
        put(sector, offset, (uint8_t)(old ^ (changing & random_bits(&nor->random, torn->chance))));
        weaken(nor, sector, offset, changing & weak);
        return;
    case NOR_DONE_WEAK:
        put(sector, offset, goal);
        weaken(nor, sector, offset, changing & weak);
        return;
    case NOR_UNDONE_WEAK:
        weaken(nor, sector, offset, changing & weak);
        return;
    default:
        return;
    }
}

static void damage_page(struct nor *nor, const struct nor_operation *operation) {
    struct nor_sector *sector = nor->sector[operation->address / ONESLOT_SECTOR_SIZE];
    uint32_t page = operation->address % ONESLOT_SECTOR_SIZE / ONESLOT_PAGE_SIZE * ONESLOT_PAGE_SIZE;
    uint32_t first = operation->address % ONESLOT_SECTOR_SIZE;
    uint32_t chance = nor_random_below(&nor->random, 2) ? 2 : 32;
    for (uint32_t i = page; i < page + ONESLOT_PAGE_SIZE; i++) {
        if (i >= first && i < first + operation->length) {
            continue;
        }
        put(sector, i, sector->data[i] & (uint8_t)~random_bits(&nor->random, chance));
        weaken(nor, sector, i, random_bits(&nor->random, chance));
    }
}

static void program_whole(struct nor_sector *sector, const struct nor_operation *operation) {
    uint32_t offset = operation->address % ONESLOT_SECTOR_SIZE;
    for (uint32_t i = 0; i < operation->length; i++) {
        put(sector, offset + i, sector->data[offset + i] & operation->data[i]);
        if (sector->weak) {
            sector->weak[offset + i] &= operation->data[i];
        }
    }
}

static void apply_program(struct nor *nor, const struct nor_operation *operation, enum nor_tear tear) {
    struct nor_sector *sector = own(nor, operation->address / ONESLOT_SECTOR_SIZE);
    if ((sector->worn & NOR_WEAR_PROGRAM) != 0) {
        return;
    }
    if (tear == NOR_AFTER) {
        program_whole(sector, operation);
        return;
    }
    struct torn torn = draw(nor, tear, operation->length, 1);
    uint32_t offset = operation->address % ONESLOT_SECTOR_SIZE;
    for (uint32_t i = 0; i < operation->length; i++) {
        tear_byte(nor, sector, offset + i, sector->data[offset + i] & operation->data[i], i, &torn);
    }
    if (tear == NOR_DAMAGE) {
        damage_page(nor, operation);
    }
}

static void erase_whole(struct nor *nor, uint32_t index) {
    struct nor_sector *sector = own(nor, index);
    free(sector->weak);
    sector->weak = NULL;
    for (uint32_t i = 0; i < ONESLOT_SECTOR_SIZE; i++) {
        put(sector, i, 0xff);
    }
}

static void apply_erase(struct nor *nor, const struct nor_operation *operation, enum nor_tear tear) {
    uint32_t first = operation->address / ONESLOT_SECTOR_SIZE;
    uint32_t count = operation->length / ONESLOT_SECTOR_SIZE;
    struct torn torn = draw(nor, tear, operation->length, count > 1 ? ONESLOT_SECTOR_SIZE : 1);
    for (uint32_t s = 0; s < count; s++) {
        uint32_t start = s * ONESLOT_SECTOR_SIZE;
        struct nor_sector *sector = own(nor, first + s);
        sector->erases++;
        if ((sector->worn & NOR_WEAR_ERASE) != 0) {
            continue;
        }
        if (tear == NOR_AFTER) {
            erase_whole(nor, first + s);
            continue;
        }
        for (uint32_t i = 0; i < ONESLOT_SECTOR_SIZE; i++) {
            tear_byte(nor, sector, i, tear == NOR_DAMAGE ? 0 : 0xff, start + i, &torn);
        }
    }
}

void nor_apply(struct nor *nor, const struct nor_operation *operation, enum nor_tear tear) {
    if (tear == NOR_BEFORE) {
        return;
    }
    if (operation->kind == NOR_PROGRAM) {
        apply_program(nor, operation, tear);
    } else {
        apply_erase(nor, operation, tear);
    }
}

/* The port. */

static void cut(struct nor *nor) {
    nor->fault_hit = true;
    nor_deed(nor);
    if (!nor->power) {
        fputs("simulator: power cut without a place to go\n", stderr);
        abort();
    }
    longjmp(*nor->power, 1);
}

static void spend(struct nor *nor) {
    if (nor->budget == 0 || --nor->budget > 0) {
        return;
    }
    nor->exhausted = true;
    nor->budget = 1; /* stays exhausted */
    cut(nor);
}

static bool strikes(const struct nor_fault *fault, uint32_t number) {
    uint32_t count = fault->count ? fault->count : 1;
    return number >= fault->at && number - fault->at < count;
}

static bool touches(const struct nor_operation *operation, uint32_t sector) {
    return operation->address < sector + ONESLOT_SECTOR_SIZE && sector < operation->address + operation->length;
}

static const struct nor_fault *fault_of(const struct nor *nor, const struct nor_operation *operation) {
    for (uint32_t i = 0; i < nor->faults; i++) {
        const struct nor_fault *fault = &nor->fault[i];
        if (fault->kind == NOR_FAULT_SECTOR ? touches(operation, fault->at)
                                            : fault->kind != NOR_FAULT_READ && fault->kind != NOR_FAULT_DISTURB &&
                                                  strikes(fault, operation->number)) {
            return fault;
        }
    }
    return NULL;
}

static void raise(struct nor *nor, uint32_t *most, uint32_t count, uint32_t index) {
    if (count > *most) {
        *most = count;
        nor->deed_address = index * ONESLOT_SECTOR_SIZE;
    }
}

/// Counts what is done to a sector since the last deed. One that is worn out loses nothing more.
static void count_sector(struct nor *nor, uint32_t index, bool erase) {
    struct nor_sector *sector = own(nor, index);
    if (sector->worn != 0 || sector->stuck) {
        return;
    }
    if (sector->deed != nor->deed) {
        sector->deed = nor->deed;
        sector->deed_erases = 0;
        sector->deed_programs = 0;
    }
    sector->deed_erases += erase;
    sector->deed_programs += !erase;
    raise(nor, &nor->deed_erases_max, sector->deed_erases, index);
    raise(nor, &nor->deed_programs_max, sector->deed_programs, index);
}

/// Steps of FNV-1a, over words.
void nor_note(struct nor *nor, uint32_t word) {
    nor->statistics.trace = (nor->statistics.trace ^ word) * 0x100000001b3u;
}

static void note_operation(struct nor *nor, const struct nor_operation *operation) {
    nor_note(nor, (uint32_t)operation->kind << 28 | operation->length);
    nor_note(nor, operation->address);
    for (uint32_t i = 0; operation->kind == NOR_PROGRAM && i < operation->length; i++) {
        nor_note(nor, operation->data[i]);
    }
}

static void count_operation(struct nor *nor, const struct nor_operation *operation) {
    struct nor_statistics *statistics = &nor->statistics;
    note_operation(nor, operation);
    for (uint32_t at = 0; at < operation->length; at += ONESLOT_SECTOR_SIZE) {
        count_sector(nor, (operation->address + at) / ONESLOT_SECTOR_SIZE, operation->kind != NOR_PROGRAM);
    }
    if (operation->kind == NOR_PROGRAM) {
        statistics->programs++;
        statistics->programmed_bytes += operation->length;
        statistics->program_time += nor->timing.program;
    } else if (operation->kind == NOR_ERASE_SECTOR) {
        statistics->sector_erases++;
        statistics->erase_time += nor->timing.erase_sector;
    } else {
        statistics->block_erases++;
        statistics->erase_time += nor->timing.erase_block;
    }
}

static void check_rules(struct nor *nor, const struct nor_operation *operation) {
    for (uint32_t at = operation->address; nor->writable && at < operation->address + operation->length;
         at += ONESLOT_SECTOR_SIZE) {
        if (!nor->writable[at / ONESLOT_SECTOR_SIZE]) {
            violate(nor, NOR_VIOLATION_FORBIDDEN, at);
            break;
        }
    }
    bool mark = operation->length <= 8 && operation->address >= nor->marks_start && operation->address < nor->marks_end;
    if (operation->kind != NOR_PROGRAM || mark) {
        return;
    }
    const uint8_t *old =
        nor->sector[operation->address / ONESLOT_SECTOR_SIZE]->data + operation->address % ONESLOT_SECTOR_SIZE;
    for (uint32_t i = 0; i < operation->length; i++) {
        if ((old[i] & operation->data[i]) != operation->data[i]) {
            violate(nor, NOR_VIOLATION_SET_BIT, operation->address + i);
            return;
        }
    }
}

/// What a sector that is worn out answers: one that fails aloud and is touched by the operation fails it.
static int answer_of(const struct nor *nor, const struct nor_operation *operation) {
    uint8_t needed = operation->kind == NOR_PROGRAM ? NOR_WEAR_PROGRAM : NOR_WEAR_ERASE;
    for (uint32_t at = 0; at < operation->length; at += ONESLOT_SECTOR_SIZE) {
        uint8_t worn = nor->sector[(operation->address + at) / ONESLOT_SECTOR_SIZE]->worn;
        if ((worn & needed) != 0 && (worn & NOR_WEAR_SILENT) == 0) {
            return -1;
        }
    }
    return 0;
}

static int operate(struct nor *nor, struct nor_operation *operation) {
    operation->number = nor->operations++;
    if (nor->observe) {
        nor->observe(nor->observe_context, nor, operation);
    }
    spend(nor);
    count_operation(nor, operation);
    check_rules(nor, operation);
    const struct nor_fault *fault = fault_of(nor, operation);
    if (!fault) {
        nor_apply(nor, operation, NOR_AFTER);
        return answer_of(nor, operation);
    }
    nor->fault_hit = true;
    nor_apply(nor, operation, fault->tear);
    if (fault->kind == NOR_FAULT_CUT) {
        cut(nor);
    }
    return fault->kind == NOR_FAULT_SILENT ? 0 : -1;
}

/// As the chip's port demands it: inside, aligned to `grain`.
static bool in_range(struct nor *nor, uint32_t address, uint32_t length, uint32_t grain) {
    if (length > 0 && address < nor->size && length <= nor->size - address && address % grain == 0 &&
        length % grain == 0) {
        return true;
    }
    violate(nor, NOR_VIOLATION_RANGE, address);
    return false;
}

static void read_weak(struct nor *nor, const struct nor_sector *sector, uint32_t offset, uint8_t *to, uint32_t length) {
    if (nor->power_ups <= sector->calm) {
        return;
    }
    for (uint32_t i = 0; i < length; i++) {
        if (sector->weak[offset + i]) {
            to[i] ^= (uint8_t)nor_next_random(&nor->random) & sector->weak[offset + i];
        }
    }
}

/// Whether a fault of that kind strikes this read.
static bool reads_with(struct nor *nor, enum nor_fault_kind kind, uint32_t number) {
    for (uint32_t i = 0; i < nor->faults; i++) {
        if (nor->fault[i].kind == kind && strikes(&nor->fault[i], number)) {
            nor->fault_hit = true;
            return true;
        }
    }
    return false;
}

/// One bit, or all from some byte on: noise on the lines, or a command that the chip did not understand.
static void disturb(struct nor *nor, uint8_t *bytes, uint32_t length) {
    uint32_t first = nor_random_below(&nor->random, length);
    if (nor_random_below(&nor->random, 4) > 0) {
        bytes[first] ^= (uint8_t)(1u << nor_random_below(&nor->random, 8));
        return;
    }
    memset(bytes + first, nor_random_below(&nor->random, 2) ? 0xff : 0, length - first);
}

static int port_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    struct nor *nor = context;
    if (!in_range(nor, address, length, 4)) {
        return -1;
    }
    spend(nor);
    uint32_t number = nor->reads++;
    nor_note(nor, 0xf0000000u | length);
    nor_note(nor, address);
    nor->statistics.reads++;
    nor->statistics.read_bytes += length;
    nor->statistics.read_time += nor->timing.read_command + nor->timing.read_byte * length;
    if (reads_with(nor, NOR_FAULT_READ, number)) {
        return -1;
    }
    nor_peek(nor, address, buffer, length);
    if (reads_with(nor, NOR_FAULT_DISTURB, number)) {
        disturb(nor, buffer, length);
    }
    uint8_t *to = buffer;
    while (length > 0) {
        uint32_t part = within_sector(address, length);
        const struct nor_sector *sector = nor->sector[address / ONESLOT_SECTOR_SIZE];
        if (sector->weak) {
            read_weak(nor, sector, address % ONESLOT_SECTOR_SIZE, to, part);
        }
        address += part;
        to += part;
        length -= part;
    }
    return 0;
}

static int port_program(void *context, uint32_t address, const void *data, uint32_t length) {
    struct nor *nor = context;
    if (!in_range(nor, address, length, 4)) {
        return -1;
    }
    if (address % ONESLOT_PAGE_SIZE + length > ONESLOT_PAGE_SIZE) {
        violate(nor, NOR_VIOLATION_RANGE, address);
        return -1;
    }
    struct nor_operation operation = {.kind = NOR_PROGRAM, .address = address, .length = length};
    memcpy(operation.data, data, length);
    return operate(nor, &operation);
}

static int port_erase_sector(void *context, uint32_t address) {
    struct nor *nor = context;
    struct nor_operation operation = {.kind = NOR_ERASE_SECTOR, .address = address, .length = ONESLOT_SECTOR_SIZE};
    return in_range(nor, address, operation.length, ONESLOT_SECTOR_SIZE) ? operate(nor, &operation) : -1;
}

static int port_erase_block(void *context, uint32_t address) {
    struct nor *nor = context;
    struct nor_operation operation = {.kind = NOR_ERASE_BLOCK, .address = address, .length = ONESLOT_BLOCK_SIZE};
    return in_range(nor, address, operation.length, ONESLOT_BLOCK_SIZE) ? operate(nor, &operation) : -1;
}

struct oneslot_flash nor_flash(struct nor *nor) {
    struct oneslot_flash flash = {.context = nor,
                                  .size = nor->size,
                                  .read = port_read,
                                  .program = port_program,
                                  .erase_sector = port_erase_sector,
                                  .erase_block = port_erase_block};
    return flash;
}

const char *nor_fault_name(enum nor_fault_kind kind) {
    static const char *const names[] = {"cut", "error", "silent", "read", "disturb", "sector"};
    return names[kind];
}

static const char *const tear_names[NOR_TEAR_COUNT] = {
#define NOR_TEAR_NAME(name, text, sentence) text,
    NOR_TEARS(NOR_TEAR_NAME)
#undef NOR_TEAR_NAME
};

const char *nor_tear_name(enum nor_tear tear) {
    return (unsigned)tear < NOR_TEAR_COUNT ? tear_names[tear] : "?";
}

enum nor_tear nor_tear_from_name(const char *name) {
    for (uint32_t i = 0; i < NOR_TEAR_COUNT; i++) {
        if (strcmp(name, tear_names[i]) == 0) {
            return (enum nor_tear)i;
        }
    }
    return NOR_TEAR_COUNT;
}

const char *nor_violation_text(enum nor_violation_kind kind) {
    switch (kind) {
    case NOR_VIOLATION_NONE:
        return "none";
    case NOR_VIOLATION_SET_BIT:
        return "a program over cells that were not erased";
    case NOR_VIOLATION_FORBIDDEN:
        return "a write outside of firmware, displaced sector and journal";
    case NOR_VIOLATION_RANGE:
        return "an address out of range, off alignment or across a page";
    }
    return "?";
}
