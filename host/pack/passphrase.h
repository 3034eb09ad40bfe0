/*
 * A passphrase: from the first line of a file, or from the terminal without showing it.
 */
#ifndef ONESLOT_HOST_PACK_PASSPHRASE_H
#define ONESLOT_HOST_PACK_PASSPHRASE_H

#include <stdbool.h>

#define PASSPHRASE_MAX 1000u

/// Reads it from `file`, or with NULL asks for it at the terminal as the passphrase of `what`, with `twice` two times.
/// Says what is wrong and returns TOOL_FAILED; returns TOOL_OK.
int passphrase_get(char text[PASSPHRASE_MAX + 1], const char *file, const char *what, bool twice, bool json);

#endif
