/* Every filter that there is: for what unpacks images of any chip. A device links its own chip's instead. */
#include "unpack_filter.h"

uint32_t oneslot_filter_undo(enum oneslot_filter filter, uint8_t *bytes, uint32_t held, uint32_t position,
                             uint32_t size, bool last) {
    uint32_t done = held;
    if (filter == ONESLOT_FILTER_RISCV) {
        done = oneslot_filter_undo_riscv(bytes, held, position, last);
    } else if (filter != ONESLOT_FILTER_NONE) {
        done = oneslot_filter_undo_xtensa(bytes, held, position, size,
                                          filter == ONESLOT_FILTER_LX6 ? XTENSA_CALL8 : XTENSA_CALL0);
    }
    return last ? held : done;
}
