/*
 * What every command of the host tool shares: exit status, messages, options.
 *
 * A command's result goes to standard output, in words or (--json) as one JSON object; everything else goes to
 * standard error as "oneslot: ...".
 */
#ifndef ONESLOT_HOST_TOOL_H
#define ONESLOT_HOST_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "oneslot/error.h"

#define ONESLOT_VERSION "0.1.0"

enum tool_status {
    TOOL_OK = 0,
    TOOL_FAILED = 1, ///< refused, or could not be done
    TOOL_USAGE = 2,  ///< the command line is wrong
};

/// Each command: `argv[0]` is its own name.
int cmd_image(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_fs(int argc, char **argv);
int cmd_request(int argc, char **argv);
int cmd_cancel(int argc, char **argv);
int cmd_status(int argc, char **argv);
int cmd_run(int argc, char **argv);
int cmd_map(int argc, char **argv);
int cmd_prove(int argc, char **argv);
int cmd_keygen(int argc, char **argv);
int cmd_pack(int argc, char **argv);
int cmd_verify(int argc, char **argv);

/// The next option as getopt_long() gives it. At a wrong one it says so and returns '?': then return TOOL_USAGE.
int tool_option(int argc, char **argv, const char *letters, const struct option *options);

/// Says what is wrong with the command line and where help is. Returns TOOL_USAGE.
int tool_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Says why a command did not do what was asked, on standard error and, with `json`, as {"ok": false, "error": name,
/// "message": ...} on standard output. `error` NONE stands for a failure of the host ("HOST"). Returns TOOL_FAILED.
int tool_fail(bool json, enum oneslot_error error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// "oneslot: warning: ..." on standard error.
void tool_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// The escape sequence to show `code` (an SGR number) in colour on `stream`; "" when it is no terminal, or NO_COLOR is
/// set.
const char *tool_colour(FILE *stream, int code);

#endif
