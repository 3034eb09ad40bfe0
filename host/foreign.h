/*
 * Files that people give as firmware and that are something else: named for what they are, with what to do.
 */
#ifndef ONESLOT_HOST_FOREIGN_H
#define ONESLOT_HOST_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "oneslot/error.h"

#define FOREIGN_TEXT 400u

struct foreign {
    const char *name;          ///< "a gzip file"
    char advice[FOREIGN_TEXT]; ///< what to do about it, without a full stop
    bool firmware; ///< it is the wrapping of a firmware, and of nothing else that one would keep on a device
};

/// Tells a file by its first bytes. Returns false for what is none of these: images for the chips, packages, whatever
/// is not known.
bool foreign_file(struct foreign *foreign, const uint8_t *bytes, uint32_t size);

/// Says on standard error why `path` is no firmware that can be used, as tool_fail(): what it is where that is known,
/// else the sentence of `error`. Returns TOOL_FAILED.
int foreign_fail(bool json, enum oneslot_error error, const char *path, const uint8_t *bytes, uint32_t size);

/// Warns of a file that lies on a device's file system as `path`, where it looks as if it were to be installed.
void foreign_warn(const char *path, const uint8_t *bytes, uint32_t size);

#endif
