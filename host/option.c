/*
 * Options as people write them: underscores for dashes, and what was meant where one is wrong.
 */
#include <stdlib.h>
#include <string.h>

#include "host/tool.h"

#define NAME_MAX_LENGTH 62u

/// Edit distance, for a suggestion; names are short.
static size_t distance(const char *left, const char *right) {
    size_t row[NAME_MAX_LENGTH + 1];
    size_t length = strlen(right);
    if (length > NAME_MAX_LENGTH || strlen(left) > NAME_MAX_LENGTH) {
        return NAME_MAX_LENGTH;
    }
    for (size_t column = 0; column <= length; column++) {
        row[column] = column;
    }
    for (size_t line = 1; left[line - 1] != 0; line++) {
        size_t diagonal = row[0];
        row[0] = line;
        for (size_t column = 1; column <= length; column++) {
            size_t best = diagonal + (left[line - 1] != right[column - 1]);
            best = row[column] + 1 < best ? row[column] + 1 : best;
            best = row[column - 1] + 1 < best ? row[column - 1] + 1 : best;
            diagonal = row[column];
            row[column] = best;
        }
    }
    return row[length];
}

const char *tool_nearest(const char *word, const char *const *names, size_t count, size_t stride) {
    const char *nearest = NULL;
    // More than three letters that differ, or a word that is all different, is another word.
    size_t best = strlen(word) < 4 ? strlen(word) : 4;
    for (size_t index = 0; index < count; index++) {
        const char *name = *(const char *const *)(const void *)((const char *)names + index * stride);
        size_t away = name != NULL ? distance(word, name) : best;
        if (away < best) {
            best = away;
            nearest = name;
        }
    }
    return nearest;
}

static bool is_option(const char *name, size_t length, const struct option *options) {
    for (; options->name != NULL; options++) {
        if (strlen(options->name) == length && strncmp(options->name, name, length) == 0) {
            return true;
        }
    }
    return false;
}

/// The word that getopt looks at next: it passes plain arguments over. NULL: it has no option left.
static char *next_word(int argc, char **argv) {
    for (int index = optind > 0 ? optind : 1; index < argc; index++) {
        if (argv[index][0] == '-' && argv[index][1] != 0) {
            return strcmp(argv[index], "--") == 0 ? NULL : argv[index];
        }
    }
    return NULL;
}

/// "--flash_size=4MB" becomes "--flash-size=4MB". The value stays as it is.
static void dash(char *word, const struct option *options) {
    size_t length = strcspn(word + 2, "=");
    if (is_option(word + 2, length, options)) {
        return;
    }
    for (char *at = word + 2; at < word + 2 + length; at++) {
        *at = (char)(*at == '_' ? '-' : *at);
    }
}

static void unknown(const char *command, const char *word, const struct option *options) {
    char name[NAME_MAX_LENGTH + 1] = "";
    size_t length = strcspn(word, "=");
    size_t count = 0;
    size_t fitting = 0;
    snprintf(name, sizeof name, "%.*s", length > 2 ? (int)(length - 2) : 0, length > 2 ? word + 2 : "");
    for (; options[count].name != NULL; count++) {
        fitting += name[0] != 0 && strncmp(options[count].name, name, strlen(name)) == 0;
    }
    const char *nearest = count > 0 ? tool_nearest(name, &options[0].name, count, sizeof *options) : NULL;
    if (fitting > 1) {
        tool_usage(command, "'%.*s' may stand for several options: write it whole", (int)length, word);
    } else if (nearest != NULL && strncmp(word, "--", 2) == 0) {
        tool_usage(command, "there is no option '%.*s'; did you mean '--%s'?", (int)length, word, nearest);
    } else {
        tool_usage(command, "there is no option '%.*s'", (int)length, word);
    }
}

int tool_option(int argc, char **argv, const char *letters, const struct option *options) {
    char silent[32];
    // The colon asks getopt to tell a missing value from an unknown option.
    snprintf(silent, sizeof silent, "%s%s", letters[0] == ':' ? "" : ":", letters);
    opterr = 0;
    char *next = next_word(argc, argv);
    if (next != NULL && strncmp(next, "--", 2) == 0) {
        dash(next, options);
    }
    int option = getopt_long(argc, argv, silent, options, NULL);
    if (option != '?' && option != ':') {
        return option;
    }
    const char *word = next != NULL ? next : "";
    if (option == ':') {
        tool_usage(argv[0], "the option '%s' needs a value", word);
    } else if (optopt != 0 && strncmp(word, "--", 2) == 0) {
        tool_usage(argv[0], "the option '%.*s' takes no value", (int)strcspn(word, "="), word);
    } else {
        unknown(argv[0], word, options);
    }
    return '?';
}
