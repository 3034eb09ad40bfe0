/*
 * A command that has commands of its own: `oneslot` and `oneslot map`.
 */
#ifndef ONESLOT_HOST_COMMAND_H
#define ONESLOT_HOST_COMMAND_H

#include <stddef.h>

struct command {
    const char *name;
    int (*run)(int argc, char **argv); ///< NULL where it is not linked in
    const char *summary;
};

/// Shows `head`, the commands with their summaries, and `tail`. Returns TOOL_OK.
int command_help(const char *head, const struct command *commands, size_t count, const char *tail);

/// The command of that name. Where there is none it says so, with the nearest that there is, and returns NULL. `of` is
/// the command that it is one of; NULL for `oneslot` itself.
const struct command *command_find(const char *of, const char *name, const struct command *commands, size_t count);

#endif
