/*
 * What is told, fitted to where it is shown: colours, widths, wrapped words.
 */
#ifndef ONESLOT_HOST_TERMINAL_H
#define ONESLOT_HOST_TERMINAL_H

#include <stdbool.h>
#include <stdio.h>

/// Whether `stream` is a terminal that understands escape sequences: none where TERM is "dumb" or NO_COLOR is set.
bool terminal_escapes(FILE *stream);

/// Columns of `stream`: the environment's COLUMNS, else the terminal's own, else 80; never below 20.
unsigned terminal_columns(FILE *stream);

/// Writes `text` with its words wrapped at `columns`, each line but the first `indent` columns in. `at` is the column
/// that the first word starts at. A word that is longer than a line stays whole. Ends with a newline.
void terminal_wrap(FILE *stream, const char *text, unsigned at, unsigned indent, unsigned columns);

/// Writes the text of a --help. One that is wider than the terminal is set anew: paragraphs are filled, options have
/// what they do below them, commands are continued with a backslash so that they can be copied.
void terminal_help(FILE *stream, const char *text);

#endif
