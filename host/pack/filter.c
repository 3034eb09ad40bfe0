#include "host/pack/filter.h"

#include "core/pack_filter.h"

void filter_apply(enum oneslot_filter filter, uint8_t *bytes, uint32_t size) {
    (void)oneslot_filter_apply(filter, bytes, size, 0, size, true);
}

const char *filter_name(enum oneslot_filter filter) {
    static const char *const names[] = {"none", "lx106", "lx6", "riscv"};
    return filter <= ONESLOT_FILTER_RISCV ? names[filter] : "unknown";
}
