#include "host/pack/passphrase.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "host/file.h"
#include "host/tool.h"

/// Reads a line without its end. Returns false at the end of the file, or when the line is too long.
static bool read_line(FILE *file, char text[PASSPHRASE_MAX + 1]) {
    size_t length = 0;
    int character = getc(file);
    bool any = character != EOF;
    for (; character != EOF && character != '\n'; character = getc(file)) {
        if (length == PASSPHRASE_MAX || character == 0) {
            return false;
        }
        text[length++] = (char)character;
    }
    if (length > 0 && text[length - 1] == '\r') {
        length--;
    }
    text[length] = 0;
    return any;
}

static int from_file(char text[PASSPHRASE_MAX + 1], const char *path, bool json) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
    }
    struct stat status;
    bool told = fstat(fileno(file), &status) == 0;
    if (told && S_ISDIR(status.st_mode)) {
        fclose(file);
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(EISDIR));
    }
    if (told && S_ISREG(status.st_mode)) {
        file_note(path, &status);
    }
    bool fine = read_line(file, text);
    fclose(file);
    if (!fine || text[0] == 0) {
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s: its first line must be a passphrase of 1 to %u bytes", path,
                         PASSPHRASE_MAX);
    }
    return TOOL_OK;
}

static bool ask(FILE *terminal, const char *prompt, const char *what, char text[PASSPHRASE_MAX + 1]) {
    struct termios shown;
    fprintf(terminal, "%s%s: ", prompt, what);
    fflush(terminal);
    if (tcgetattr(fileno(terminal), &shown) != 0) {
        return false;
    }
    struct termios hidden = shown;
    hidden.c_lflag &= ~(tcflag_t)ECHO;
    if (tcsetattr(fileno(terminal), TCSAFLUSH, &hidden) != 0) {
        return false;
    }
    bool fine = read_line(terminal, text);
    tcsetattr(fileno(terminal), TCSAFLUSH, &shown);
    putc('\n', terminal);
    return fine && text[0] != 0;
}

int passphrase_get(char text[PASSPHRASE_MAX + 1], const char *file, const char *what, bool twice, bool json) {
    char again[PASSPHRASE_MAX + 1];
    if (file != NULL) {
        return from_file(text, file, json);
    }
    FILE *terminal = fopen("/dev/tty", "r+");
    if (terminal == NULL) {
        return tool_fail(json, ONESLOT_ERROR_NONE,
                         "%s needs a passphrase, and there is no terminal to ask at: give --passphrase-file", what);
    }
    setvbuf(terminal, NULL, _IONBF, 0);
    bool fine = ask(terminal, "Passphrase of ", what, text);
    bool same =
        !fine || !twice || (ask(terminal, "Once more, passphrase of ", what, again) && strcmp(text, again) == 0);
    fclose(terminal);
    if (!fine || !same) {
        return tool_fail(json, ONESLOT_ERROR_NONE, fine ? "the two passphrases differ" : "no passphrase was given");
    }
    return TOOL_OK;
}
