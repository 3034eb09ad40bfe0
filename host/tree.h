/*
 * A directory of the host, copied into a littlefs.
 */
#ifndef ONESLOT_HOST_TREE_H
#define ONESLOT_HOST_TREE_H

#include "host/file_system.h"

/// Copies what lies in `directory` (files and directories, links followed; anything else is passed over with a warning)
/// below `path` of the file system, in the order of the names. Counts the files. Says what went wrong and returns
/// TOOL_FAILED, else TOOL_OK.
int tree_copy(struct file_system *fs, const char *directory, const char *path, uint32_t *files, bool json);

#endif
