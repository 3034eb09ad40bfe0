/*
 * The emulated board that a flash image is booted on: the emulated ESP8266 (sim/esp8266), or one of QEMU's bare cores
 * with a stand-in for the ROM of the ESP32 family (sim/board). Both tell in a mailbox what became of it.
 */
#ifndef ONESLOT_HOST_BOARD_H
#define ONESLOT_HOST_BOARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "sim/board/shared/mailbox.h"
#include "sim/esp8266/chip.h"

struct board_kind;
struct script;

/// What only the emulated ESP8266 has, and QEMU's program for the others.
struct board_setup {
    const uint8_t *rom; ///< CHIP_ROM_SIZE bytes; NULL: the stand-in
    bool slow_flash;    ///< the data sheet's worst times
    bool watchdog;      ///< it runs when the ROM enters sector 0, as after the SDK's restart
    uint32_t flash_id;  ///< 0: a W25Q of that size
    uint8_t flash_status[2];
    enum nor_tear tear;
    double cut_time; ///< seconds; 0: never
    bool interactive;
    struct script *script; ///< NULL: none
    const char *qemu;      ///< NULL: the one in the path
};

struct board {
    const struct board_kind *kind;
    struct board_setup setup;
    struct board_mailbox *mailbox;
    uint8_t *flash;
    struct board_snapshot *snapshot;
    struct board_operation *operations;
    struct board_line *lines;
    uint8_t *ram; ///< of QEMU's guest, by its addresses; NULL on an ESP8266
    int ram_file;
    int program_file;
    int output; ///< what the guest prints
    pid_t pid;
    char error[200]; ///< why a call failed
};

enum board_end {
    BOARD_END_STOPPED, ///< by itself: mailbox->result says why
    BOARD_END_TIMEOUT,
    BOARD_END_FAILED, ///< it could not be started or broke down: `error`
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

/// Powers the board on and waits until it ends, at the most `seconds`: of the emulated ESP8266's own time, of ours with
/// QEMU. `line` may be NULL.
enum board_end board_run(struct board *board, double seconds, board_line_function *line, void *context);

/* board_esp8266.c */
bool board_esp8266_open(struct board *board);
void board_esp8266_close(struct board *board);
enum board_end board_esp8266_run(struct board *board, double seconds, board_line_function *line, void *context);

#endif
