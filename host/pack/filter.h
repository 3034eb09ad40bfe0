/*
 * Filters before compression: targets of calls are made absolute, so that calls of one function look alike.
 */
#ifndef ONESLOT_HOST_PACK_FILTER_H
#define ONESLOT_HOST_PACK_FILTER_H

#include "oneslot/unpack.h"

/// Filters a whole image in place. oneslot_unpack_read undoes it.
void filter_apply(enum oneslot_filter filter, uint8_t *bytes, uint32_t size);

/// "none", "lx106", "lx6", "riscv".
const char *filter_name(enum oneslot_filter filter);

#endif
