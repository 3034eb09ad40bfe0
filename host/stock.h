/*
 * The flash of a device without Oneslot: what lies where in it, as far as its firmware or its partition table tells.
 */
#ifndef ONESLOT_HOST_STOCK_H
#define ONESLOT_HOST_STOCK_H

#include "host/firmware.h"
#include "host/map/files.h"
#include "host/map/flash_map.h"

struct stock {
    struct flash_map map; ///< without its bytes
    bool esp32;
    struct firmware firmware;       ///< ESP8266: what lies at flash 0, or behind boot_v1.x
    struct oneslot_partition files; ///< where the file system is; size 0: none
    enum files kind;                ///< what was found there
    bool elsewhere;                 ///< found by its superblock, not where the firmware keeps it
};

/// Looks at a whole flash of `size` bytes. Returns false where it is none that is known.
bool stock_read(struct stock *stock, uint8_t *bytes, uint32_t size);

#endif
