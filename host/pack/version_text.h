/*
 * Versions as people write them.
 */
#ifndef ONESLOT_HOST_PACK_VERSION_TEXT_H
#define ONESLOT_HOST_PACK_VERSION_TEXT_H

#include <stdbool.h>

#include "oneslot/version.h"

#define VERSION_TEXT 32u

/// Reads "1", "1.24", "1.24.0" or "1.24.0+7", as imgtool does. Returns false for anything else.
bool version_parse(const char *text, struct oneslot_version *version);

/// "1.24.0", and "+7" where the build is not 0. Returns `text`.
const char *version_text(const struct oneslot_version *version, char text[VERSION_TEXT]);

#endif
