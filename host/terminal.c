// TIOCGWINSZ is none of POSIX's.
#define _DEFAULT_SOURCE

#include "host/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define COLUMNS_DEFAULT 80u
#define COLUMNS_MIN     20u
#define COLUMNS_MAX     1000u
/// An option's text begins in this column or behind it, in every --help.
#define COLUMN_TEXT 12u
/// What it does stands beside an option where this much room is left for it, else below.
#define BESIDE        36u
#define HELP_LINE_MAX 1000u

bool terminal_escapes(FILE *stream) {
    const char *no_colour = getenv("NO_COLOR");
    const char *term = getenv("TERM");
    bool dumb = term != NULL && (term[0] == 0 || strcmp(term, "dumb") == 0);
    return isatty(fileno(stream)) && !dumb && (no_colour == NULL || no_colour[0] == 0);
}

unsigned terminal_columns(FILE *stream) {
    struct winsize size;
    const char *told = getenv("COLUMNS");
    unsigned long columns = told != NULL ? strtoul(told, NULL, 10) : 0;
    if (columns == 0 && isatty(fileno(stream)) && ioctl(fileno(stream), TIOCGWINSZ, &size) == 0) {
        columns = size.ws_col;
    }
    if (columns == 0) {
        return COLUMNS_DEFAULT;
    }
    return columns < COLUMNS_MIN ? COLUMNS_MIN : columns > COLUMNS_MAX ? COLUMNS_MAX : (unsigned)columns;
}

/// Columns that `length` bytes of UTF-8 take, as far as each character takes one.
static unsigned columns_of(const char *text, size_t length) {
    unsigned columns = 0;
    for (size_t at = 0; at < length; at++) {
        columns += ((unsigned char)text[at] & 0xc0) != 0x80;
    }
    return columns;
}

/// As terminal_wrap, with what ends a line that goes on.
static void wrap(FILE *stream, const char *text, unsigned at, unsigned indent, unsigned columns, const char *more) {
    bool first = true;
    unsigned mark = (unsigned)strlen(more);
    for (text += strspn(text, " "); *text != 0; text += strspn(text, " ")) {
        size_t length = strcspn(text, " ");
        unsigned word = columns_of(text, length);
        if (!first && at + 1 + word + mark > columns) {
            fprintf(stream, "%s\n%*s", more, (int)indent, "");
            at = indent;
        } else if (!first) {
            fputc(' ', stream);
            at++;
        }
        fwrite(text, 1, length, stream);
        at += word;
        text += length;
        first = false;
    }
    fputc('\n', stream);
}

void terminal_wrap(FILE *stream, const char *text, unsigned at, unsigned indent, unsigned columns) {
    wrap(stream, text, at, indent, columns, "");
}

/* --help */

/// A line of a help text, and where it stands in it.
struct line {
    char text[HELP_LINE_MAX]; ///< without indent and end
    unsigned indent;
    size_t head;    ///< of an option's line: bytes in front of the gap before what it does; else 0
    unsigned below; ///< the column of what an option does, where that begins in the line below it; else 0
};

static const char *next_line(const char *text, struct line *line) {
    size_t length = strcspn(text, "\n");
    const char *end = text + length;
    line->indent = (unsigned)strspn(text, " ");
    line->indent = line->indent > length ? (unsigned)length : line->indent;
    text += line->indent;
    snprintf(line->text, sizeof line->text, "%.*s", (int)(end - text), text);
    const char *gap = strstr(line->text, "  ");
    line->below = 0;
    line->head = line->indent > 0 && line->indent < COLUMN_TEXT && gap != NULL ? (size_t)(gap - line->text) : 0;
    return *end == 0 ? end : end + 1;
}

static unsigned widest(const char *text) {
    unsigned most = 0;
    while (*text != 0) {
        size_t length = strcspn(text, "\n");
        unsigned columns = columns_of(text, length);
        most = columns > most ? columns : most;
        text += length + (text[length] == '\n');
    }
    return most;
}

static bool is_command(const struct line *line) {
    return strncmp(line->text, "oneslot ", 8) == 0 || strncmp(line->text, "esptool ", 8) == 0;
}

/// Whether `next` goes on with what `first` began.
static bool goes_on(const struct line *first, const struct line *next) {
    if (next->text[0] == 0 || next->head != 0 || is_command(next) || is_command(first)) {
        return false;
    }
    if (first->head != 0 || (first->text[0] == '-' && first->indent > 0)) {
        return next->indent >= COLUMN_TEXT;
    }
    return next->indent == first->indent && strncmp(first->text, "usage:", 6) != 0;
}

static void append(struct line *line, const struct line *next) {
    size_t used = strlen(line->text);
    if (line->head == 0 && line->text[0] == '-') {
        line->head = used;
        line->below = next->indent;
    }
    snprintf(line->text + used, sizeof line->text - used, " %s", next->text);
}

static void set_line(FILE *stream, struct line *line, unsigned columns) {
    unsigned indent = line->indent < columns / 8 ? line->indent : 2;
    if (line->head != 0) {
        size_t gap = strspn(line->text + line->head, " ");
        unsigned beside = line->indent + columns_of(line->text, line->head) + (unsigned)gap;
        if (line->below > 0 && line->below + BESIDE <= columns) {
            fprintf(stream, "%*s%.*s\n%*s", (int)line->indent, "", (int)line->head, line->text, (int)line->below, "");
            wrap(stream, line->text + line->head, line->below, line->below, columns, "");
            return;
        }
        if (line->below == 0 && beside + BESIDE <= columns) {
            fprintf(stream, "%*s%.*s", (int)line->indent, "", (int)(line->head + gap), line->text);
            wrap(stream, line->text + line->head, beside, beside, columns, "");
            return;
        }
        fprintf(stream, "  %.*s\n      ", (int)line->head, line->text);
        wrap(stream, line->text + line->head, 6, 6, columns, "");
        return;
    }
    fprintf(stream, "%*s", (int)indent, "");
    bool usage = strncmp(line->text, "usage:", 6) == 0 || (is_command(line) && line->indent > 4);
    bool command = is_command(line) && line->indent > 0 && !usage;
    wrap(stream, line->text, indent, usage || command ? indent + 4 : indent, columns, command ? " \\" : "");
}

void terminal_help(FILE *stream, const char *text) {
    unsigned columns = terminal_columns(stream);
    if (widest(text) <= columns) {
        fputs(text, stream);
        return;
    }
    struct line line;
    while (*text != 0) {
        text = next_line(text, &line);
        while (*text != 0) {
            struct line next;
            const char *behind = next_line(text, &next);
            if (line.text[0] == 0 || !goes_on(&line, &next)) {
                break;
            }
            append(&line, &next);
            text = behind;
        }
        if (line.text[0] == 0) {
            fputc('\n', stream);
        } else {
            set_line(stream, &line, columns);
        }
    }
}
