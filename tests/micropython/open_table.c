#include <stddef.h>

#include "oneslot/otadata.h"
#include "peer.h"

enum oneslot_error open_device(struct oneslot *device) {
    static _Alignas(4) uint8_t working[ONESLOT_LAYOUT_BUFFER];
    return oneslot_open_table(device, &flash, working);
}

/// With what esp_ota_mark_app_valid_cancel_rollback() does to an entry that waits for it.
enum oneslot_error confirm_device(struct oneslot *device) {
    struct oneslot_otadata entry;
    enum oneslot_error error = oneslot_confirm(device);
    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_otadata_read(&flash, device->layout.otadata, &entry, NULL);
    }
    if (error == ONESLOT_ERROR_NONE && (entry.state == ONESLOT_OTA_NEW || entry.state == ONESLOT_OTA_PENDING_VERIFY)) {
        return oneslot_otadata_write(&flash, device->layout.otadata, ONESLOT_OTA_VALID);
    }
    return error;
}
