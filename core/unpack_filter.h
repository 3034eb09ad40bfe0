/*
 * Filters: targets of calls that were made absolute before compression become relative again.
 */
#ifndef ONESLOT_UNPACK_FILTER_H
#define ONESLOT_UNPACK_FILTER_H

#include "oneslot/unpack.h"

/// Undoes a filter on `held` bytes that lie at `position` in an image of `size` bytes. They must begin where the last
/// call ended. Returns how many of them are done; 7 at the most are not. With the `last` ones all are.
uint32_t oneslot_filter_undo(enum oneslot_filter filter, uint8_t *bytes, uint32_t held, uint32_t position,
                             uint32_t size, bool last);

#endif
