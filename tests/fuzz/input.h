/*
 * What the fuzz targets share: numbers and flash content out of an input, a chip that is only read, and the demand
 * whose violation is a finding.
 */
#ifndef TESTS_FUZZ_INPUT_H
#define TESTS_FUZZ_INPUT_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "oneslot/flash.h"

/// What always holds. A violation ends the program, told with its place.
#define DEMAND(condition)                                                                                              \
    do {                                                                                                               \
        if (!(condition)) {                                                                                            \
            fprintf(stderr, "%s:%d: demanded: %s\n", __FILE__, __LINE__, #condition);                                  \
            abort();                                                                                                   \
        }                                                                                                              \
    } while (0)

/// The entry that libFuzzer calls.
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/// The rest of an input.
struct input {
    const uint8_t *bytes;
    size_t left;
};

/// The next number of 1 to 4 bytes, little endian; missing bytes are 0.
uint32_t input_number(struct input *input, unsigned bytes);

/// Takes the next `length` bytes, or as many as there are, into `buffer`. Returns how many.
uint32_t input_take(struct input *input, void *buffer, uint32_t length);

/// Erases `flash` and writes the rest of the input to it: pieces of {address (3 bytes), length (2 bytes), content}.
/// So a small input fills a large chip, and what it holds lies where it must.
void input_flash(struct input *input, uint8_t *flash, uint32_t size);

/// A chip over `bytes` that may only be read: to program or erase it is a finding. `input_bytes_read` counts.
void input_chip(struct oneslot_flash *flash, uint8_t *bytes, uint32_t size);
extern uint64_t input_bytes_read;

#endif
