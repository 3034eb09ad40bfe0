/*
 * Files: what the application does with its file system, littlefs over the simulated flash.
 *
 * Each call is a deed (sim_act): it goes through the chip's operations, so a planned cut may strike amid it. Reading is
 * done from outside and disturbs nothing.
 */
#ifndef SIM_FILES_H
#define SIM_FILES_H

#include "sim/device.h"

/// Writes a whole file, in the place of one that is there already. Directories on its way are made. `device->last` is
/// FS_CORRUPT when littlefs does not take it.
enum sim_stop sim_file_put(struct sim_device *device, const char *path, const void *bytes, uint32_t size);

/// Removes a file; one that is not there is no error.
enum sim_stop sim_file_remove(struct sim_device *device, const char *path);

/// Renames a file, over one that is there already.
enum sim_stop sim_file_rename(struct sim_device *device, const char *from, const char *to);

/// Whether the file holds exactly that, as the cells look now.
bool sim_file_is(const struct sim_device *device, const char *path, const void *bytes, uint32_t size);

/// Size of a file, -1 where there is none.
int32_t sim_file_size(const struct sim_device *device, const char *path);

#endif
