/*
 * A script on an emulated chip's serial port, one step a line:
 *
 *     expect TEXT     wait until the chip has printed TEXT; what came before it is done with
 *     send TEXT       type TEXT; \r, \n, \\ and \xNN are escapes, here and in expect
 *     wait SECONDS    of the chip's time
 *     cut             power fails now
 *     cut-at N        power fails at the Nth flash operation from now on
 *     power-on        wait until power has failed, and switch it on again
 *     quit            end here; so does the script's end
 *
 * Empty lines and lines that begin with # are passed over.
 */
#ifndef ONESLOT_HOST_SCRIPT_H
#define ONESLOT_HOST_SCRIPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum script_kind {
    SCRIPT_EXPECT,
    SCRIPT_SEND,
    SCRIPT_WAIT,
    SCRIPT_CUT,
    SCRIPT_CUT_AT,
    SCRIPT_POWER_ON,
    SCRIPT_QUIT,
};

struct script_step {
    enum script_kind kind;
    unsigned line;
    char *text; ///< as it is written, and in its place what it means
    size_t length;
    double seconds;
    uint32_t number;
};

#define SCRIPT_HISTORY 8192u

struct script {
    char *file;
    struct script_step *steps;
    unsigned count, next;
    size_t sent;
    double since; ///< when this step began
    char history[SCRIPT_HISTORY];
    size_t length;
};

/// What its owner is to do; until SCRIPT_WAITS or SCRIPT_ENDS it asks again.
enum script_action {
    SCRIPT_WAITS,
    SCRIPT_TYPES,     ///< `byte`
    SCRIPT_CUTS,      ///< power off
    SCRIPT_PLANS_CUT, ///< at operation `number` from now on, 1 is the next
    SCRIPT_POWERS_ON,
    SCRIPT_ENDS,
};

struct script_order {
    enum script_action action;
    uint8_t byte;
    uint32_t number;
};

/// Reads a script. On failure `error` (200 bytes) says why and in which line. Freed by script_free.
bool script_load(struct script *script, const char *path, char *error);
void script_free(struct script *script);

/// The chip has printed this.
void script_printed(struct script *script, uint8_t byte);

/// `now`: seconds of the chip's time; `off`: it has no power; `room`: it takes a byte.
struct script_order script_next(struct script *script, double now, bool off, bool room);

/// The step at which it stands; NULL at its end.
const struct script_step *script_step(const struct script *script);
const char *script_kind_text(enum script_kind kind);

#endif
