/*
 * What a command writes. One rule for every option that names a file to write:
 *
 * - what the command has read is never replaced, under whatever name (device and inode are compared); the one
 *   exception is a flash image that a command changes in place;
 * - a key is never replaced, and a read-only file neither;
 * - a file is replaced by a rename after the new one is whole and flushed; until then, and after any error or signal,
 *   the old one is as it was and nothing lies beside it;
 * - "-" is standard output. What the command tells goes to standard error then.
 *
 * Each function says what is wrong and returns TOOL_FAILED or TOOL_USAGE; it returns TOOL_OK.
 */
#ifndef ONESLOT_HOST_OUTPUT_H
#define ONESLOT_HOST_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>

enum output_kind {
    OUTPUT_TEXT,
    OUTPUT_BINARY, ///< not for a terminal
    OUTPUT_NEW,    ///< a file that must not be there yet
    OUTPUT_KEY,    ///< a public key, which may only replace itself
};

/// Announces an output before the work for it is done: all that can be known to be wrong with it is told now. Once for
/// each output; two to one place are refused. `command` and `option` name it in messages.
int output_claim(const char *command, const char *option, const char *path, enum output_kind kind, bool json);

/// The output's name for people: "standard output" for "-".
const char *output_name(const char *path);

/// Writes an output; its inputs were read by now.
int output_write(const char *path, enum output_kind kind, const void *bytes, size_t length, bool json);

/// Replaces a file that was read once by its new content.
int output_update(const char *path, const void *bytes, size_t length, bool json);

#endif
