/*
 * Filters before compression: targets of calls are made absolute, so that calls of one function look alike.
 */
#ifndef ONESLOT_PACK_FILTER_H
#define ONESLOT_PACK_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "oneslot/packed.h"

/// Filters `held` bytes that lie at `position` in an image of `size` bytes, in place. They must begin where the last
/// call ended. Returns how many of them are done; 7 at the most are not. With the `last` ones all are.
uint32_t oneslot_filter_apply(enum oneslot_filter filter, uint8_t *bytes, uint32_t held, uint32_t position,
                              uint32_t size, bool last);

#endif
