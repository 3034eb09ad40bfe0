/*
 * What every command of the host tool shares: exit status, messages, options, JSON.
 *
 * A command's result goes to standard output, in words or (--json) as one JSON object; everything else goes to
 * standard error as "oneslot: ...".
 *
 * The object is of one shape: "ok", then "error" (null, or an object with "name" and "text"), then what the command
 * tells, and at the end "warnings", the texts that stand on standard error as well. A wrong command line has one too.
 */
#ifndef ONESLOT_HOST_TOOL_H
#define ONESLOT_HOST_TOOL_H

#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>

#include "host/json.h"
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

/// Looks over the whole command line before a command does, so that what is wrong with it is told in JSON too where
/// --json stands behind it.
void tool_begin(int argc, char **argv);

/// The next option as getopt_long() gives it. "--flash_size" is taken as "--flash-size". At a wrong one it says so,
/// with the nearest that there is, and returns '?': then return TOOL_USAGE.
int tool_option(int argc, char **argv, const char *letters, const struct option *options);

/// The name among `count` ones that is most like `word`; NULL when none is near. They lie `stride` bytes apart.
const char *tool_nearest(const char *word, const char *const *names, size_t count, size_t stride);

/// Shows a --help, fitted to the terminal. Returns TOOL_OK.
int tool_help(const char *text);

/// Says what is wrong with the command line and where help is. Returns TOOL_USAGE.
int tool_usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// Says why a command did not do what was asked, on standard error and, with `json` or a --json on the command line, as
/// JSON on standard output, unless there was one already. `error` NONE stands for a failure of the host ("HOST").
/// Returns TOOL_FAILED.
int tool_fail(bool json, enum oneslot_error error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// Says one of several things that went wrong, on standard error alone: tool_fail or JSON of the command's own follows.
void tool_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// "oneslot: warning: ..." on standard error.
void tool_warn(const char *format, ...) __attribute__((format(printf, 1, 2)));

/// Begins the one JSON object of a command: "ok" and "error" are written. `name` NULL: all is well. Else it is the name
/// of an error, of enum oneslot_error or in that form, and `text` its sentence.
void tool_json_begin(struct json *json, FILE *out, const char *name, const char *text);
void tool_json_end(struct json *json);

/// The name of an error for tool_json_begin; NULL for NONE.
const char *tool_json_error(enum oneslot_error error);

/// The escape sequence to show `code` (an SGR number) in colour on `stream`; "" where there are to be none.
const char *tool_colour(FILE *stream, int code);

#endif
