/*
 * Plan: where everything lies in the flash of an ESP8266, from what the firmware itself expects and what is left.
 */
#ifndef ONESLOT_HOST_PLAN_H
#define ONESLOT_HOST_PLAN_H

#include "host/claims.h"
#include "host/file_system.h"
#include "oneslot/layout.h"
#include "oneslot/map.h"

/// Displaced sector, journal, flash map, installer.
#define PLAN_RESERVED 49152u
#define PLAN_WARNINGS 8u
#define PLAN_TEXT     640u

struct plan {
    /// Set by the caller.
    const struct firmware *firmware;
    uint32_t flash_size;
    uint32_t sdk_size;  ///< as the header that is flashed says: the vendor's SDK keeps its sectors at the end of this
    uint8_t map_nibble; ///< header byte 3, high half, as flashed: tells boot_v1.x's maps apart
    const struct oneslot_map *given; ///< the user's own map; NULL for the default
    uint32_t files_at;               ///< where the user says that the firmware's files begin; 0: as it tells itself
    bool force;                      ///< with a map of the user's own: what the firmware claims is no obstacle
    /// Results.
    struct claims claims;   ///< what the firmware will write by itself
    struct oneslot_map map; ///< by address
    struct oneslot_layout layout;
    const struct oneslot_partition *file_system; ///< NULL if there is none
    const struct file_system_kind *file_system_kind;
    enum oneslot_error error;
    char reason[PLAN_TEXT];
    uint32_t warning_count;
    char warning[PLAN_WARNINGS][PLAN_TEXT];
};

/// Fills in the results. Returns false with `error` and `reason` (with the numbers) when there is no way.
bool plan_make(struct plan *plan);

/// Adds a warning.
void plan_warn(struct plan *plan, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
