/*
 * Track: the device just before each operation of something that it did without a cut.
 */
#ifndef SIM_TRACK_H
#define SIM_TRACK_H

#include "sim/device.h"

/// The device just before one operation.
struct track_point {
    struct nor_operation operation;
    struct sim_device device;
};

struct track {
    struct track_point *point;
    uint32_t points;
    uint32_t capacity;
    const struct sim_device *device; ///< while it is watched
};

/// From here on each operation of the device is recorded, counted from 0. `device` must stay where it is until
/// track_end.
void track_begin(struct track *track, struct sim_device *device);
void track_end(struct track *track, struct sim_device *device);

void track_free(struct track *track);

#endif
