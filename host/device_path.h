/*
 * Paths as a device knows them: "/dir/file", "label:/dir/file", "@label", "@label:LENGTH" (core/source.c).
 */
#ifndef ONESLOT_HOST_DEVICE_PATH_H
#define ONESLOT_HOST_DEVICE_PATH_H

#include "oneslot/map.h"

#define DEVICE_PATH_REASON 300

struct device_path {
    const struct oneslot_partition *region;
    const char *file; ///< NULL for the region itself; else as littlefs takes it, with or without a slash in front
};

/// Finds what a path names on a device with that map. Returns false with the reason where no file can ever lie there.
bool device_path_find(struct device_path *found, const struct oneslot_map *map, const char *path,
                      char reason[DEVICE_PATH_REASON]);

/// Whether a path lacks the slash in front that people leave out: "fw.bin".
bool device_path_lacks_slash(const char *path);

#endif
