#include "sim/track.h"

#include <stdlib.h>
#include <string.h>

static void record_point(void *context, const struct nor *nor, const struct nor_operation *operation) {
    struct track *track = context;
    if (track->points == track->capacity) {
        track->capacity = track->capacity ? 2 * track->capacity : 1024;
        track->point = realloc(track->point, track->capacity * sizeof *track->point);
        if (!track->point) {
            abort();
        }
    }
    struct track_point *point = &track->point[track->points++];
    point->device = *track->device;
    nor_copy(&point->device.nor, nor);
    point->operation = *operation;
}

void track_begin(struct track *track, struct sim_device *device) {
    memset(track, 0, sizeof *track);
    track->device = device;
    nor_count_from_zero(&device->nor);
    device->nor.observe = record_point;
    device->nor.observe_context = track;
}

void track_end(struct track *track, struct sim_device *device) {
    track->device = NULL;
    device->nor.observe = NULL;
}

void track_free(struct track *track) {
    for (uint32_t i = 0; i < track->points; i++) {
        sim_device_discard(&track->point[i].device);
    }
    free(track->point);
    memset(track, 0, sizeof *track);
}
