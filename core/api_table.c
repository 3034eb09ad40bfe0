#include <string.h>

#include "oneslot/oneslot.h"

enum oneslot_error oneslot_open_table(struct oneslot *oneslot, const struct oneslot_flash *flash, uint8_t *working) {
    memset(oneslot, 0, sizeof *oneslot);
    oneslot->flash = *flash;
    enum oneslot_error error = oneslot_layout_from_table(&oneslot->flash, &oneslot->layout, working);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    struct oneslot_status status;
    return oneslot_status(oneslot, &status);
}
