/*
 * Filters: targets of calls that were made absolute before compression become relative again.
 *
 * oneslot_filter_undo() is what the decoder calls. core/unpack_filter.c has it for all chips; a device that has no room
 * for other chips' filters links its own, made of the parts below.
 */
#ifndef ONESLOT_UNPACK_FILTER_H
#define ONESLOT_UNPACK_FILTER_H

#include "oneslot/unpack.h"

/// Undoes a filter on `held` bytes that lie at `position` in an image of `size` bytes. They must begin where the last
/// call ended. Returns how many of them are done; 7 at the most are not. With the `last` ones all are.
uint32_t oneslot_filter_undo(enum oneslot_filter filter, uint8_t *bytes, uint32_t held, uint32_t position,
                             uint32_t size, bool last);

/// Xtensa, all but the rule of the last bytes. `call`: low bits of the instruction whose targets were made absolute.
uint32_t oneslot_filter_undo_xtensa(uint8_t *bytes, uint32_t held, uint32_t position, uint32_t size, uint32_t call);
#define XTENSA_CALL0 0x05u
#define XTENSA_CALL8 0x25u

/// RISC-V, likewise.
uint32_t oneslot_filter_undo_riscv(uint8_t *bytes, uint32_t held, uint32_t position, bool last);

#endif
