/*
 * The emulated board: one of QEMU's bare cores, and memory that it shares with us. See sim/board/shared/mailbox.h.
 */
#ifndef ONESLOT_HOST_BOARD_H
#define ONESLOT_HOST_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sim/board/shared/mailbox.h"

struct board_kind;

struct board {
    const struct board_kind *kind;
    uint8_t *ram; ///< the guest's, by its addresses
    int ram_file;
    int program_file;
    int output; ///< what the guest prints
    pid_t pid;
    char error[200]; ///< why a call failed
};

enum board_end {
    BOARD_END_STOPPED, ///< by itself: mailbox->result says why
    BOARD_END_TIMEOUT,
    BOARD_END_FAILED, ///< QEMU could not be started or broke down: `error`
};

/// Takes each line of the UART, without its end. `over`: the next one is printed over it, as progress is.
typedef void board_line_function(void *context, const char *line, size_t length, bool over);

/// Gets the memory of a board with that chip (ONESLOT_CHIP_*), all zero but for mailbox->chip. Returns false with
/// `error` set; then there is nothing to close.
bool board_open(struct board *board, uint16_t chip);
void board_close(struct board *board);

struct board_mailbox *board_mailbox(struct board *board);
/// The flash, mailbox->flash_size bytes.
uint8_t *board_flash(struct board *board);
const struct board_snapshot *board_snapshot(struct board *board);
const struct board_operation *board_operations(struct board *board);
const struct board_line *board_lines(struct board *board);

/// Powers the board on and waits until it ends, at the most `seconds`. `line` may be NULL.
enum board_end board_run(struct board *board, double seconds, board_line_function *line, void *context);

#endif
