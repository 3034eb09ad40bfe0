/* The filters that the stage's decoder undoes: none and the LX106's. oneslot_filter_suits() keeps others away. */
#include "core/unpack_filter.h"

uint32_t oneslot_filter_undo(enum oneslot_filter filter, uint8_t *bytes, uint32_t held, uint32_t position,
                             uint32_t size, bool last) {
    uint32_t done = held;
    if (filter != ONESLOT_FILTER_NONE) {
        done = oneslot_filter_undo_xtensa(bytes, held, position, size, XTENSA_CALL0);
    }
    return last ? held : done;
}
