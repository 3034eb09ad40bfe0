/* A device with ESP-IDF's boot loader: a partition table, and the choice in otadata. */
#include <stdlib.h>
#include <string.h>

#include "oneslot/map.h"
#include "oneslot/otadata.h"
#include "peer.h"

void provision(void) {
    static const struct oneslot_map map = {
        .count = 7,
        .partition = {
            {ONESLOT_TYPE_DATA, 2, 0x9000, 0x6000, "nvs", 0},
            {ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_OTA_0, 0x10000, 0xd0000, "ota_0", 0},
            {ONESLOT_TYPE_APP, ONESLOT_SUBTYPE_APP_FACTORY, 0xe0000, 0x10000, "installer", 0},
            {ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_OTA, 0xf0000, 0x2000, "otadata", 0},
            {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_JOURNAL, 0xf2000, 0x2000, "journal", 0},
            {ONESLOT_TYPE_ONESLOT, ONESLOT_SUBTYPE_MAP, 0xf4000, 0x1000, "settings", 0},
            {ONESLOT_TYPE_DATA, ONESLOT_SUBTYPE_DATA_LITTLEFS, 0xf5000, 0xb000, "vfs", 0},
        }};
    oneslot_map_write(&map, chip + ONESLOT_TABLE_ADDRESS);
    (void)oneslot_otadata_write(&flash, 0xf0000, ONESLOT_OTA_UNDEFINED);
    for (uint32_t i = 0; i < 0xd0000; i++) {
        chip[0x10000 + i] = (uint8_t)(i * 2654435761u >> 24);
    }
}

/// otadata STATE: as the boot loader or the application leaves it.
enum oneslot_error own_command(struct oneslot *device, const char *command, int count, char **arguments) {
    if (strcmp(command, "otadata") == 0 && count == 1) {
        return oneslot_otadata_write(&flash, device->layout.otadata, (uint32_t)strtoul(arguments[0], NULL, 0));
    }
    return ONESLOT_ERROR_ARGUMENT;
}
