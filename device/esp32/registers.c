#include "registers.h"

uint32_t register_field(const struct chip_field *field) {
    if (field->bits == 0) {
        return 0;
    }
    return register_read(field->address) >> field->shift & ((1u << field->bits) - 1u);
}

void register_steps(const struct chip_step *step) {
    for (; step->address != 0; step++) {
        register_write(step->address, (register_read(step->address) & step->keep) | step->set);
    }
}

void watchdog_feed(void) {
    register_steps(chip.feed);
}
