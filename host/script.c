#include "host/script.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"
#include "host/size.h"

#define SCRIPT_MAX  0x100000u
#define ERROR_SIZE  200u
#define SECONDS_MAX 1000000.0

static const struct {
    const char *name;
    bool text; ///< something follows
} KINDS[] = {
    [SCRIPT_EXPECT] = {"expect", true}, [SCRIPT_SEND] = {"send", true},     [SCRIPT_WAIT] = {"wait", true},
    [SCRIPT_CUT] = {"cut", false},      [SCRIPT_CUT_AT] = {"cut-at", true}, [SCRIPT_POWER_ON] = {"power-on", false},
    [SCRIPT_QUIT] = {"quit", false},
};

const char *script_kind_text(enum script_kind kind) {
    return KINDS[kind].name;
}

static int hex_digit(char digit) {
    static const char digits[] = "0123456789abcdef";
    const char *at = digit != 0 ? strchr(digits, digit | (digit >= 'A' ? 0x20 : 0)) : NULL;
    return at != NULL ? (int)(at - digits) : -1;
}

/// Puts what escapes mean in their place. Returns false at one that is none.
static bool unescape(char *text, size_t *length) {
    char *to = text;
    for (const char *at = text; *at != 0; at++) {
        if (*at != '\\') {
            *to++ = *at;
            continue;
        }
        at++;
        if (*at == 'r' || *at == 'n' || *at == '\\') {
            char meant = '\\';
            if (*at != '\\') {
                meant = *at == 'r' ? '\r' : '\n';
            }
            *to++ = meant;
        } else if (*at == 'x' && hex_digit(at[1]) >= 0 && hex_digit(at[2]) >= 0) {
            uint8_t byte = (uint8_t)(hex_digit(at[1]) << 4 | hex_digit(at[2]));
            memcpy(to++, &byte, 1);
            at += 2;
        } else {
            return false;
        }
    }
    *to = 0;
    *length = (size_t)(to - text);
    return true;
}

static bool parse_value(struct script_step *step) {
    uint64_t number;
    char *end;
    switch (step->kind) {
    case SCRIPT_EXPECT:
    case SCRIPT_SEND:
        return unescape(step->text, &step->length) && step->length > 0 && step->length < SCRIPT_HISTORY / 2;
    case SCRIPT_WAIT:
        step->seconds = strtod(step->text, &end);
        return end != step->text && *end == 0 && isfinite(step->seconds) && step->seconds >= 0 &&
               step->seconds <= SECONDS_MAX;
    case SCRIPT_CUT_AT:
        if (!number_parse(step->text, UINT32_MAX, &number) || number == 0) {
            return false;
        }
        step->number = (uint32_t)number;
        return true;
    default:
        return *step->text == 0;
    }
}

static bool parse_line(struct script_step *step, char *line) {
    size_t word = strcspn(line, " ");
    step->text = line + word + (line[word] != 0);
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++) {
        if (strlen(KINDS[i].name) == word && strncmp(line, KINDS[i].name, word) == 0) {
            step->kind = (enum script_kind)i;
            return parse_value(step);
        }
    }
    return false;
}

static bool parse(struct script *script, char *error) {
    unsigned line = 0;
    char *at = script->file;
    while (*at != 0) {
        size_t length = strcspn(at, "\n");
        char *next = at + length + (at[length] != 0);
        at[length] = 0;
        if (length > 0 && at[length - 1] == '\r') {
            at[length - 1] = 0;
        }
        line++;
        if (*at != 0 && *at != '#') {
            struct script_step *step = &script->steps[script->count++];
            step->line = line;
            if (!parse_line(step, at)) {
                snprintf(error, ERROR_SIZE, "line %u is no step: %.100s", line, at);
                return false;
            }
        }
        at = next;
    }
    return true;
}

bool script_load(struct script *script, const char *path, char *error) {
    size_t size;
    uint8_t *bytes;
    memset(script, 0, sizeof *script);
    if (!file_read(path, SCRIPT_MAX, &bytes, &size)) {
        snprintf(error, ERROR_SIZE, "%s", strerror(errno));
        return false;
    }
    size_t lines = 1;
    for (size_t i = 0; i < size; i++) {
        lines += bytes[i] == '\n';
    }
    script->file = calloc(size + 1, 1);
    script->steps = calloc(lines, sizeof *script->steps);
    if (script->file == NULL || script->steps == NULL) {
        snprintf(error, ERROR_SIZE, "no memory for it");
        free(bytes);
        script_free(script);
        return false;
    }
    memcpy(script->file, bytes, size);
    free(bytes);
    if (!parse(script, error)) {
        script_free(script);
        return false;
    }
    return true;
}

void script_free(struct script *script) {
    free(script->file);
    free(script->steps);
    script->file = NULL;
    script->steps = NULL;
    script->count = 0;
}

void script_printed(struct script *script, uint8_t byte) {
    if (script->length == SCRIPT_HISTORY) {
        script->length /= 2;
        memmove(script->history, script->history + script->length, script->length);
    }
    script->history[script->length++] = (char)byte;
}

static bool found(struct script *script, const struct script_step *step) {
    for (size_t at = 0; at + step->length <= script->length; at++) {
        if (memcmp(script->history + at, step->text, step->length) == 0) {
            script->length -= at + step->length;
            memmove(script->history, script->history + at + step->length, script->length);
            return true;
        }
    }
    return false;
}

const struct script_step *script_step(const struct script *script) {
    return script->next < script->count ? &script->steps[script->next] : NULL;
}

static struct script_order done(struct script *script, double now, enum script_action action) {
    const struct script_step *step = &script->steps[script->next++];
    script->sent = 0;
    script->since = now;
    return (struct script_order){action, 0, step->number};
}

/// Types a byte at a time, so that none is lost.
static struct script_order type(struct script *script, double now, bool room) {
    const struct script_step *step = script_step(script);
    if (!room) {
        return (struct script_order){SCRIPT_WAITS, 0, 0};
    }
    struct script_order order = {SCRIPT_TYPES, (uint8_t)step->text[script->sent++], 0};
    if (script->sent == step->length) {
        done(script, now, SCRIPT_TYPES);
    }
    return order;
}

/// Steps that wait for something else, and whether it is there.
static bool is_met(struct script *script, const struct script_step *step, double now) {
    if (step->kind == SCRIPT_EXPECT) {
        return found(script, step);
    }
    return now >= script->since + step->seconds;
}

struct script_order script_next(struct script *script, double now, bool off, bool room) {
    const struct script_step *step;
    while ((step = script_step(script)) != NULL) {
        switch (step->kind) {
        case SCRIPT_EXPECT:
        case SCRIPT_WAIT:
            if (is_met(script, step, now)) {
                done(script, now, SCRIPT_WAITS);
                continue;
            }
            if (!off) {
                return (struct script_order){SCRIPT_WAITS, 0, 0};
            }
            // Without power nothing more is printed.
            return (struct script_order){SCRIPT_ENDS, 0, 0};
        case SCRIPT_SEND:
            return off ? (struct script_order){SCRIPT_ENDS, 0, 0} : type(script, now, room);
        case SCRIPT_CUT:
            return done(script, now, SCRIPT_CUTS);
        case SCRIPT_CUT_AT:
            return done(script, now, SCRIPT_PLANS_CUT);
        case SCRIPT_POWER_ON:
            return off ? done(script, now, SCRIPT_POWERS_ON) : (struct script_order){SCRIPT_WAITS, 0, 0};
        default:
            script->next = script->count;
            break;
        }
    }
    return (struct script_order){SCRIPT_ENDS, 0, 0};
}
