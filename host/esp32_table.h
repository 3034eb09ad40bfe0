/*
 * From the partition table that a firmware of the ESP32 family came with to one with Oneslot: ota_0 where the
 * application lies, the installer as `factory`, all else where it was.
 */
#ifndef ONESLOT_HOST_ESP32_TABLE_H
#define ONESLOT_HOST_ESP32_TABLE_H

#include "host/esp32.h"
#include "host/plan.h"

/// Bytes of the installer's partition.
#define ESP32_INSTALLER 0x10000u

struct esp32_table_wishes {
    const struct esp32_flash *stock;
    const struct oneslot_partition *application; ///< of the stock table: which of its applications stays
    uint32_t need;                               ///< bytes of the application
    bool content;                                ///< the data partitions hold something: none of them grows
    bool micropython; ///< the application, or the one that ran, makes a file system of the rest of the flash by itself
};

/// Makes plan->map for plan->flash_size. Returns false with plan->error and plan->reason. What is given up becomes a
/// warning.
bool esp32_table_convert(struct plan *plan, const struct esp32_table_wishes *wishes);

/// Flash address from which MicroPython keeps its files where the table has no row for them (1.26 and later); 0: it has
/// a row, or there is no room.
uint32_t esp32_table_rest(const struct oneslot_map *map, uint32_t flash_size);

/// Whether a table is Oneslot's already.
bool esp32_table_is_ours(const struct oneslot_map *map);

/// The partition of a type and subtype; NULL if there is none.
const struct oneslot_partition *esp32_table_find(const struct oneslot_map *map, uint8_t type, uint8_t subtype);

#endif
