#include "host/tool.h"

#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "host/terminal.h"

#define MESSAGE_ROOM 2048u
/// More than a command has ever given are not in its JSON.
#define WARNINGS_MAX 100u

/// What the command line asked for, and what was told.
static struct {
    bool json;
    bool json_told; ///< the one JSON object is on standard output
    char *warning[WARNINGS_MAX];
    size_t warnings;
} tool;

void tool_begin(int argc, char **argv) {
    for (int index = 1; index < argc && strcmp(argv[index], "--") != 0; index++) {
        tool.json = tool.json || strcmp(argv[index], "--json") == 0 || strcmp(argv[index], "--json=-") == 0;
    }
}

const char *tool_colour(FILE *stream, int code) {
    if (!terminal_escapes(stream)) {
        return "";
    }
    switch (code) {
    case 31:
        return "\033[31m";
    case 32:
        return "\033[32m";
    case 33:
        return "\033[33m";
    case 1:
        return "\033[1m";
    default:
        return "\033[0m";
    }
}

int tool_help(const char *text) {
    terminal_help(stdout, text);
    return TOOL_OK;
}

/* Messages */

/// A terminal gets whole words in each line; a file gets one line.
static void complain(int colour, const char *prefix, const char *message) {
    fflush(stdout);
    fprintf(stderr, "oneslot: %s%s%s", tool_colour(stderr, colour), prefix, tool_colour(stderr, 0));
    unsigned at = (unsigned)(strlen("oneslot: ") + strlen(prefix));
    if (isatty(STDERR_FILENO)) {
        terminal_wrap(stderr, message, at, 2, terminal_columns(stderr));
    } else {
        fprintf(stderr, "%s\n", message);
    }
}

static void tell_json(const char *name, const char *message) {
    if (!tool.json_told) {
        struct json json;
        tool_json_begin(&json, stdout, name, message);
        tool_json_end(&json);
    }
}

int tool_usage(const char *command, const char *format, ...) {
    char message[MESSAGE_ROOM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    complain(31, "", message);
    if (command == NULL) {
        fputs("Try 'oneslot --help'.\n", stderr);
    } else {
        fprintf(stderr, "Try 'oneslot %s --help'.\n", command);
    }
    if (tool.json) {
        tell_json("USAGE", message);
    }
    return TOOL_USAGE;
}

int tool_fail(bool json, enum oneslot_error error, const char *format, ...) {
    char message[MESSAGE_ROOM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    complain(31, "", message);
    if (json || tool.json) {
        tell_json(error == ONESLOT_ERROR_NONE ? "HOST" : oneslot_error_name(error), message);
    }
    return TOOL_FAILED;
}

void tool_complain(const char *format, ...) {
    char message[MESSAGE_ROOM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    complain(31, "", message);
}

void tool_warn(const char *format, ...) {
    char message[MESSAGE_ROOM];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    complain(33, "warning: ", message);
    char *copy = tool.warnings < WARNINGS_MAX ? strdup(message) : NULL;
    if (copy != NULL) {
        tool.warning[tool.warnings++] = copy;
    }
}

/* JSON */

void tool_json_begin(struct json *json, FILE *out, const char *name, const char *text) {
    tool.json_told = tool.json_told || out == stdout;
    json_begin(json, out);
    json_object(json, NULL);
    json_bool(json, "ok", name == NULL);
    if (name == NULL) {
        json_null(json, "error");
        return;
    }
    json_object(json, "error");
    json_string(json, "name", name);
    json_string(json, "text", text);
    json_object_end(json);
}

void tool_json_end(struct json *json) {
    json_array(json, "warnings");
    for (size_t index = 0; index < tool.warnings; index++) {
        json_string(json, NULL, tool.warning[index]);
    }
    json_array_end(json);
    json_object_end(json);
    json_end(json);
}

const char *tool_json_error(enum oneslot_error error) {
    return error == ONESLOT_ERROR_NONE ? NULL : oneslot_error_name(error);
}
