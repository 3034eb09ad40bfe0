#include "host/tool.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "host/json.h"

const char *tool_colour(FILE *stream, int code) {
    const char *no_colour = getenv("NO_COLOR");
    if (!isatty(fileno(stream)) || (no_colour != NULL && no_colour[0] != 0)) {
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

static void complain(int colour, const char *prefix, const char *message) {
    fflush(stdout);
    fprintf(stderr, "oneslot: %s%s%s%s\n", tool_colour(stderr, colour), prefix, tool_colour(stderr, 0), message);
}

int tool_option(int argc, char **argv, const char *letters, const struct option *options) {
    opterr = 0;
    int index = -1;
    int at = optind > 0 ? optind : 1;
    int option = getopt_long(argc, argv, letters, options, &index);
    if (option != '?' && option != ':') {
        return option;
    }
    // getopt moves plain arguments behind the options: the one it stumbled over is the last it passed.
    const char *word = optind > 0 && optind <= argc ? argv[optind - 1] : argv[at < argc ? at : argc - 1];
    if (option == ':') {
        tool_usage(argv[0], "the option '%s' needs a value", word);
    } else {
        tool_usage(argv[0], "there is no option '%s', or it is used wrongly", word);
    }
    return '?';
}

int tool_usage(const char *command, const char *format, ...) {
    char message[1024];
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
    return TOOL_USAGE;
}

int tool_fail(bool json, enum oneslot_error error, const char *format, ...) {
    char message[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    complain(31, "", message);
    if (json) {
        struct json writer;
        json_begin(&writer, stdout);
        json_object(&writer, NULL);
        json_bool(&writer, "ok", false);
        json_string(&writer, "error", error == ONESLOT_ERROR_NONE ? "HOST" : oneslot_error_name(error));
        json_string(&writer, "message", message);
        json_object_end(&writer);
        json_end(&writer);
    }
    return TOOL_FAILED;
}

void tool_warn(const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    complain(33, "warning: ", message);
}
