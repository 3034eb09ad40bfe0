/* The device under ESP-IDF's boot loader, as the application sees it. */
#include <stddef.h>
#include <string.h>

#include "oneslot/oneslot.h"
#include "oneslot/otadata.h"

static enum oneslot_error is_confirmed(const struct oneslot *oneslot, bool *confirmed) {
    struct oneslot_otadata entry;
    enum oneslot_error error = oneslot_otadata_read(&oneslot->flash, oneslot->layout.otadata, &entry, NULL);
    *confirmed = error == ONESLOT_ERROR_NONE && entry.state == ONESLOT_OTA_VALID;
    return error;
}

static enum oneslot_error take_back(const struct oneslot *oneslot) {
    return oneslot_otadata_erase(&oneslot->flash, oneslot->layout.otadata);
}

static const struct oneslot_choice choice = {is_confirmed, take_back};

enum oneslot_error oneslot_open_table(struct oneslot *oneslot, const struct oneslot_flash *flash, uint8_t *working) {
    memset(oneslot, 0, sizeof *oneslot);
    oneslot->flash = *flash;
    oneslot->choice = &choice;
    enum oneslot_error error = oneslot_layout_from_table(&oneslot->flash, &oneslot->layout, working);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    struct oneslot_status status;
    return oneslot_status(oneslot, &status);
}
