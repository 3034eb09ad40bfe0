/*
 * The emulated ESP8266 as a board: boots a flash on it, notices when the application is entered, keeps what was
 * printed and done, and leads a person's terminal or a script to its serial port.
 */
#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "host/board.h"
#include "host/script.h"
#include "oneslot/flash.h"

/* The ROM's. */
#define ROM_CALLS_PROGRAM 0x40001100u /* where the program would return to */
#define ROM_GREETING      " ets Jan  8 2013,rst cause:"
#define ROM_FATAL         0x40001878u /* prints of an exception that the program does not take */
#define ROM_UNHANDLED     0x4000dc44u
#define ROM_BREAK         0x40000010u /* the vector of debug exceptions */
#define ROM_USER_START    0x3fffdcd0u
#define ROM_START         0x40000000u
#define ROM_END           0x40010000u
#define ROM_DEAD          "ets_main.c "

#define WATCHDOG_CONTROL 0x60000900u
#define WATCHDOG_TIMES   0x60000904u

#define IMAGE_MAGIC 0xe9u
#define COMPARED    64u
/// The serial port, the script and the terminal are looked at this often: picoseconds.
#define LOOK      (CHIP_SECOND / 1000)
#define LEAVE_KEY 0x1d /* Ctrl-] */

struct emulated {
    struct board *board;
    struct chip *chip;
    board_line_function *line_function;
    void *line_context;
    char line[BOARD_LINE_SIZE];
    uint32_t line_length;
    bool returned;  ///< the last character was a carriage return
    uint32_t first; ///< what the ROM enters
    uint32_t armed; ///< where the application is entered; 0: not watched
    bool in_rom;    ///< since the last reset nothing was entered yet
    bool ended;
    bool off;
    bool application; ///< it runs
    struct nor_operation last;
    uint32_t boots;
    struct termios terminal;
    bool raw;
    double start; ///< of ours, for a person's sense of time
};

/* The board's memory. */

bool board_esp8266_open(struct board *board) {
    board->mailbox = calloc(1, sizeof *board->mailbox);
    board->flash = calloc(1, BOARD_FLASH_MAX);
    board->snapshot = calloc(1, sizeof *board->snapshot);
    board->operations = calloc(BOARD_OPERATIONS_MAX, sizeof *board->operations);
    board->lines = calloc(BOARD_LINES_MAX, sizeof *board->lines);
    if (board->mailbox == NULL || board->flash == NULL || board->snapshot == NULL || board->operations == NULL ||
        board->lines == NULL) {
        snprintf(board->error, sizeof board->error, "no memory for the board");
        return false;
    }
    return true;
}

void board_esp8266_close(struct board *board) {
    free(board->mailbox);
    free(board->flash);
    free(board->snapshot);
    free(board->operations);
    free(board->lines);
    board->mailbox = NULL;
}

/* How it ends. */

static void finish(struct emulated *emulated, enum board_result result, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void finish(struct emulated *emulated, enum board_result result, const char *format, ...) {
    struct board_mailbox *mailbox = emulated->board->mailbox;
    va_list arguments;
    if (emulated->ended) {
        return;
    }
    emulated->ended = true;
    mailbox->result = result;
    va_start(arguments, format);
    vsnprintf(mailbox->message, sizeof mailbox->message, format, arguments);
    va_end(arguments);
    chip_ask_stop(emulated->chip);
}

/* The console. */

static void keep_line(struct emulated *emulated) {
    struct board_mailbox *mailbox = emulated->board->mailbox;
    if (mailbox->lines < BOARD_LINES_MAX) {
        struct board_line *line = &emulated->board->lines[mailbox->lines++];
        line->instructions = chip_instructions(emulated->chip);
        line->length = emulated->line_length;
        line->rom = emulated->in_rom;
        memcpy(line->text, emulated->line, emulated->line_length);
    }
}

static void end_line(struct emulated *emulated, bool over) {
    if (emulated->line_length == 0) {
        return;
    }
    keep_line(emulated);
    if (emulated->line_function != NULL && !emulated->raw) {
        emulated->line_function(emulated->line_context, emulated->line, emulated->line_length, over);
    }
    emulated->line_length = 0;
}

static bool line_holds(const struct emulated *emulated, const char *text) {
    size_t length = strlen(text);
    return length > 0 && emulated->line_length >= length &&
           memcmp(emulated->line + emulated->line_length - length, text, length) == 0;
}

/// A line ends with a carriage return alone when the next one is printed over it.
static void take_character(struct emulated *emulated, char character) {
    if (character == '\n') {
        emulated->returned = false;
        end_line(emulated, false);
        return;
    }
    if (character == '\r' || character == 0) {
        emulated->returned = emulated->returned || character == '\r';
        return;
    }
    if (emulated->returned) {
        emulated->returned = false;
        end_line(emulated, true);
    }
    emulated->line[emulated->line_length++] = character;
    const struct board_mailbox *mailbox = emulated->board->mailbox;
    if (line_holds(emulated, mailbox->until)) {
        finish(emulated, BOARD_TEXT, "%s", "");
    }
    if (emulated->line_length == strlen(ROM_GREETING) && line_holds(emulated, ROM_GREETING)) {
        emulated->in_rom = true;
        emulated->application = false;
    }
    if (emulated->in_rom && emulated->line_length == strlen(ROM_DEAD) && line_holds(emulated, ROM_DEAD)) {
        finish(emulated, BOARD_DEAD, "boot ROM: %s",
               emulated->board->flash[0] == IMAGE_MAGIC ? "the checksum of the image in sector 0 is wrong"
                                                        : "no image in sector 0");
    }
    if (emulated->line_length == BOARD_LINE_SIZE - 1) {
        end_line(emulated, false);
    }
}

static void take_byte(void *context, unsigned port, uint8_t byte) {
    struct emulated *emulated = context;
    if (port != 0) {
        return;
    }
    take_character(emulated, (char)byte);
    if (emulated->board->setup.script != NULL) {
        script_printed(emulated->board->setup.script, byte);
    }
    if (emulated->raw) {
        putchar(byte);
    }
}

/* What the program must not do. */

static void take_complaint(void *context, const char *what, uint32_t address, uint32_t pc) {
    struct emulated *emulated = context;
    if (emulated->application && emulated->board->setup.rom != NULL) {
        emulated->board->mailbox->complaints++;
        return;
    }
    finish(emulated, BOARD_FAULT, "%s 0x%08x, from 0x%08x", what, address, pc);
}

static const char *cause_text(uint32_t cause) {
    switch (cause) {
    case 0:
        return "an illegal instruction at";
    case 1:
        return "a system call at";
    case 9:
        return "a load or store off its alignment at";
    default:
        return "an exception at";
    }
}

static void tell_exception(struct emulated *emulated) {
    struct chip_registers registers;
    chip_registers(emulated->chip, &registers);
    bool missing = emulated->board->setup.rom == NULL && registers.epc1 >= ROM_START && registers.epc1 < ROM_END;
    if (registers.pc == ROM_BREAK) {
        finish(emulated, BOARD_FAULT, "a breakpoint instruction before 0x%08x", registers.epc1);
    } else if (missing && registers.exccause == 0) {
        finish(emulated, BOARD_FAULT,
               "a call of a ROM function that the stand-in does not have (--rom takes the chip's own): 0x%08x",
               registers.epc1);
    } else {
        finish(emulated, BOARD_FAULT, "%s 0x%08x (cause %u, address 0x%08x)", cause_text(registers.exccause),
               registers.epc1, registers.exccause, registers.excvaddr);
    }
}

/* The flash. */

static void observe(void *context, const struct nor *nor, const struct nor_operation *operation) {
    struct emulated *emulated = context;
    struct board_mailbox *mailbox = emulated->board->mailbox;
    static const uint8_t kinds[] = {
        [NOR_PROGRAM] = BOARD_PROGRAM, [NOR_ERASE_SECTOR] = BOARD_ERASE_SECTOR, [NOR_ERASE_BLOCK] = BOARD_ERASE_BLOCK};
    (void)nor;
    emulated->last = *operation;
    if (mailbox->operations < BOARD_OPERATIONS_MAX) {
        struct board_operation *kept = &emulated->board->operations[mailbox->operations];
        kept->instructions = chip_instructions(emulated->chip);
        kept->address = operation->address;
        kept->length = operation->kind == NOR_ERASE_BLOCK ? 0 : (uint16_t)operation->length;
        kept->kind = kinds[operation->kind];
        kept->resets = (uint8_t)mailbox->resets;
    }
    mailbox->operations++;
}

static uint32_t flash_word(struct emulated *emulated, uint32_t address) {
    struct nor *nor = chip_flash(emulated->chip);
    uint8_t bytes[4];
    for (uint32_t i = 0; i < 4; i++) {
        nor_peek(nor, (address + i) % nor->size, &bytes[i], 1);
    }
    return (uint32_t)(bytes[0] | bytes[1] << 8 | bytes[2] << 16) | (uint32_t)bytes[3] << 24;
}

/// A word of the application's image, whose first sector is displaced.
static uint32_t image_word(struct emulated *emulated, uint32_t offset) {
    uint32_t displaced = emulated->board->mailbox->displaced;
    return flash_word(emulated, offset < ONESLOT_SECTOR_SIZE ? displaced + offset : offset);
}

/* The application's entry. */

static void mark(struct emulated *emulated, uint32_t address, bool on) {
    if (address != 0 && address != emulated->first) {
        chip_mark(emulated->chip, address, on);
    }
}

/// Watches where the image that lies in flash now is entered.
static void watch_entry(struct emulated *emulated) {
    uint32_t start = image_word(emulated, 0);
    mark(emulated, emulated->armed, false);
    emulated->armed = (start & 0xffu) == IMAGE_MAGIC ? image_word(emulated, 4) : 0;
    mark(emulated, emulated->armed, true);
}

/// Whether the code at `entry` is the application's, as far as its own segment goes.
static bool application_at(struct emulated *emulated, uint32_t entry) {
    uint32_t offset = 8;
    uint32_t segments = image_word(emulated, 0) >> 8 & 0xffu;
    for (uint32_t i = 0; i < segments && offset < emulated->board->mailbox->flash_size; i++) {
        uint32_t address = image_word(emulated, offset);
        uint32_t length = image_word(emulated, offset + 4);
        uint32_t inside = (entry & ~3u) - address;
        offset += 8;
        if (entry >= address && entry - address < length) {
            for (uint32_t at = 0; at < COMPARED && inside + at < length; at += 4) {
                if (chip_peek(emulated->chip, address + inside + at) != image_word(emulated, offset + inside + at)) {
                    return false;
                }
            }
            return true;
        }
        offset += length;
    }
    return false;
}

static struct board_registers registers_of(const struct chip *chip) {
    struct chip_registers now;
    struct board_registers kept = {0};
    chip_registers(chip, &now);
    memcpy(kept.a, now.a, sizeof kept.a);
    kept.pc = now.pc;
    kept.ps = now.ps;
    kept.sar = now.sar;
    return kept;
}

static void take_snapshot(struct emulated *emulated) {
    struct board *board = emulated->board;
    struct board_mailbox *mailbox = board->mailbox;
    for (uint32_t at = 0; at < BOARD_DRAM_SIZE; at += 4) {
        uint32_t word = chip_peek(emulated->chip, BOARD_DRAM + at);
        memcpy(board->snapshot->dram + at, &word, 4);
    }
    for (uint32_t at = 0; at < BOARD_IRAM_SIZE; at += 4) {
        uint32_t word = chip_peek(emulated->chip, BOARD_IRAM + at);
        memcpy(board->snapshot->iram + at, &word, 4);
    }
    mailbox->entered = registers_of(emulated->chip);
    mailbox->entered_cause = mailbox->first.a[13];
    mailbox->entered_cache = chip_cache_on(emulated->chip);
    mailbox->entered_instructions = chip_instructions(emulated->chip);
    mailbox->entries++;
}

/// The installer may be loaded over the application's entry, so the code found there tells them apart. Code that is
/// entered as the application is, but with other content, is an application wrongly loaded: the checks say so.
static void entry_reached(struct emulated *emulated, uint32_t pc) {
    struct board_mailbox *mailbox = emulated->board->mailbox;
    struct board_registers now = registers_of(emulated->chip);
    bool entered = now.a[2] == pc && chip_peek(emulated->chip, ROM_USER_START) == pc;
    if (!entered && !application_at(emulated, pc)) {
        mailbox->other_entries++;
        return;
    }
    mark(emulated, pc, false);
    emulated->armed = 0;
    emulated->application = true;
    take_snapshot(emulated);
    if (mailbox->go == 0) {
        end_line(emulated, false);
        finish(emulated, BOARD_APPLICATION, "%s", "");
    }
}

/// With the times that Espressif's SDK gives it: 1.7 s to its interrupt, then 6.7 s to the reset.
static void start_watchdog(struct chip *chip) {
    chip_poke(chip, WATCHDOG_TIMES, 11);
    chip_poke(chip, WATCHDOG_TIMES + 4, 13);
    chip_poke(chip, WATCHDOG_CONTROL, 0x39);
}

/// The ROM enters what lies in sector 0: a boot.
static void first_reached(struct emulated *emulated) {
    struct board_mailbox *mailbox = emulated->board->mailbox;
    end_line(emulated, false);
    emulated->in_rom = false;
    emulated->application = false;
    mailbox->resets = emulated->boots++;
    mailbox->first = registers_of(emulated->chip);
    if (emulated->board->setup.watchdog) {
        start_watchdog(emulated->chip);
    }
    watch_entry(emulated);
}

static void take_mark(struct emulated *emulated) {
    struct chip_registers registers;
    chip_registers(emulated->chip, &registers);
    // The SDK restarts by a jump into the ROM, without a reset.
    if (registers.pc == emulated->first && emulated->in_rom && registers.a[0] == ROM_CALLS_PROGRAM) {
        first_reached(emulated);
    }
    if (registers.pc == emulated->armed) {
        entry_reached(emulated, registers.pc);
    } else if (registers.pc == ROM_FATAL || registers.pc == ROM_UNHANDLED || registers.pc == ROM_BREAK) {
        tell_exception(emulated);
    }
}

/* Power. */

static void power_on(struct emulated *emulated, uint32_t cause) {
    chip_mark(emulated->chip, emulated->first, false);
    emulated->first = flash_word(emulated, 4);
    emulated->in_rom = true;
    emulated->off = false;
    emulated->application = false;
    emulated->returned = false;
    chip_power_on(emulated->chip, cause == 0 ? CHIP_RESET_POWER : (enum chip_reset)cause);
    chip_mark(emulated->chip, emulated->first, true);
}

static const char *operation_text(const struct nor_operation *operation) {
    return operation->kind == NOR_PROGRAM        ? "program of page"
           : operation->kind == NOR_ERASE_SECTOR ? "erase of sector"
                                                 : "erase of block";
}

static void power_failed(struct emulated *emulated) {
    const struct nor_operation *last = &emulated->last;
    struct board_mailbox *mailbox = emulated->board->mailbox;
    end_line(emulated, false);
    emulated->off = true;
    uint32_t address = last->kind == NOR_PROGRAM ? last->address & ~(ONESLOT_PAGE_SIZE - 1) : last->address;
    if (emulated->board->setup.script != NULL && script_step(emulated->board->setup.script) != NULL) {
        return;
    }
    if (mailbox->operations > 0) {
        finish(emulated, BOARD_CUT, "%s 0x%06x", operation_text(last), address);
    } else {
        finish(emulated, BOARD_CUT, "before the first operation");
    }
}

static void cut_now(struct emulated *emulated) {
    chip_cut_at_time(emulated->chip, chip_time(emulated->chip), emulated->board->setup.tear);
    chip_run(emulated->chip, UINT64_MAX);
    power_failed(emulated);
}

/* The script and the person. */

static double seconds_of(const struct emulated *emulated) {
    return (double)chip_time(emulated->chip) / (double)CHIP_SECOND;
}

/// Returns whether there is more to do at once.
static bool follow(struct emulated *emulated, const struct script_order *order) {
    switch (order->action) {
    case SCRIPT_TYPES:
        chip_input(emulated->chip, 0, order->byte);
        return true;
    case SCRIPT_CUTS:
        cut_now(emulated);
        return true;
    case SCRIPT_PLANS_CUT:
        chip_cut_at_operation(emulated->chip, chip_flash(emulated->chip)->operations + order->number - 1,
                              emulated->board->setup.tear);
        return true;
    case SCRIPT_POWERS_ON:
        power_on(emulated, 0);
        return true;
    case SCRIPT_ENDS:
        if (emulated->off && script_step(emulated->board->setup.script) != NULL) {
            finish(emulated, BOARD_CUT, "%s 0x%06x", operation_text(&emulated->last), emulated->last.address);
        }
        finish(emulated, BOARD_SCRIPT, "%s", "");
        return false;
    default:
        return false;
    }
}

static void run_script(struct emulated *emulated) {
    struct script_order order;
    do {
        bool room = chip_input_waiting(emulated->chip, 0) < 32;
        order = script_next(emulated->board->setup.script, seconds_of(emulated), emulated->off, room);
    } while (!emulated->ended && follow(emulated, &order));
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void raw_terminal(struct emulated *emulated) {
    struct termios raw;
    emulated->raw = emulated->board->setup.interactive;
    if (!emulated->raw || tcgetattr(STDIN_FILENO, &emulated->terminal) != 0) {
        return;
    }
    raw = emulated->terminal;
    raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ISIG | IEXTEN);
    raw.c_iflag &= (tcflag_t) ~(ICRNL | IXON);
    raw.c_oflag &= (tcflag_t)~OPOST;
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &raw);
}

static void plain_terminal(const struct emulated *emulated) {
    if (emulated->raw) {
        if (isatty(STDIN_FILENO)) {
            tcsetattr(STDIN_FILENO, TCSAFLUSH, &emulated->terminal);
        }
        putchar('\n');
    }
    fflush(stdout);
}

/// Takes what was typed; the emulated chip runs no faster than a real one.
static void serve_person(struct emulated *emulated) {
    double ahead = seconds_of(emulated) - (now() - emulated->start);
    struct pollfd poller = {.fd = STDIN_FILENO, .events = POLLIN};
    fflush(stdout);
    int ready = poll(&poller, 1, ahead > 0 ? (int)(ahead * 1000) + 1 : 0);
    if (ready <= 0 || chip_input_waiting(emulated->chip, 0) >= 32) {
        return;
    }
    char byte;
    ssize_t got = read(STDIN_FILENO, &byte, 1);
    if (got == 0 || (got > 0 && byte == LEAVE_KEY)) {
        finish(emulated, BOARD_LEFT, "%s", "");
    } else if (got > 0) {
        chip_input(emulated->chip, 0, (uint8_t)byte);
    }
}

/* The run. */

static bool create(struct emulated *emulated) {
    struct board *board = emulated->board;
    const struct board_setup *setup = &board->setup;
    struct chip_options options = {
        .rom = setup->rom,
        .rom_size = CHIP_ROM_SIZE,
        .times = setup->slow_flash ? &chip_flash_worst : &chip_flash_typical,
        .flash_id = setup->flash_id,
        .flash_status = {setup->flash_status[0], setup->flash_status[1]},
        .seed = board->mailbox->seed,
        .watcher = {.context = emulated, .output = take_byte, .complaint = take_complaint},
    };
    enum chip_error error = chip_create(&emulated->chip, &options, board->flash, board->mailbox->flash_size);
    if (error != CHIP_OK) {
        snprintf(board->error, sizeof board->error, "%s", chip_error_text(error));
        return false;
    }
    struct nor *nor = chip_flash(emulated->chip);
    nor->observe = observe;
    nor->observe_context = emulated;
    if (board->mailbox->cut_at != 0) {
        chip_cut_at_operation(emulated->chip, board->mailbox->cut_at - 1, setup->tear);
    }
    if (setup->cut_time > 0) {
        chip_cut_at_time(emulated->chip, (uint64_t)(setup->cut_time * (double)CHIP_SECOND), setup->tear);
    }
    const uint32_t marks[] = {ROM_FATAL, ROM_UNHANDLED, ROM_BREAK};
    for (unsigned i = 0; i < 3; i++) {
        chip_mark(emulated->chip, marks[i], true);
    }
    return true;
}

static void step(struct emulated *emulated) {
    switch (chip_run(emulated->chip, chip_time(emulated->chip) + LOOK)) {
    case CHIP_MARKED:
        take_mark(emulated);
        break;
    case CHIP_CUT:
        if (!emulated->off) {
            power_failed(emulated);
        }
        break;
    default:
        break;
    }
}

static bool run(struct emulated *emulated, double seconds) {
    while (!emulated->ended) {
        if (seconds_of(emulated) >= seconds) {
            return false;
        }
        if (!emulated->off) {
            step(emulated);
        }
        if (!emulated->ended && emulated->board->setup.script != NULL) {
            run_script(emulated);
        }
        if (!emulated->ended && emulated->raw) {
            serve_person(emulated);
        }
    }
    return true;
}

static void take_figures(struct emulated *emulated) {
    struct board *board = emulated->board;
    struct board_mailbox *mailbox = board->mailbox;
    struct chip_statistics statistics;
    nor_peek(chip_flash(emulated->chip), 0, board->flash, mailbox->flash_size);
    chip_statistics(emulated->chip, &statistics);
    mailbox->programs = statistics.programs;
    mailbox->sector_erases = statistics.sector_erases;
    mailbox->block_erases = statistics.block_erases;
    mailbox->overprograms = statistics.overprograms;
    mailbox->watchdog_resets = statistics.watchdog_resets;
    mailbox->watchdog_left_us = statistics.watchdog_left;
    mailbox->instructions = chip_instructions(emulated->chip);
    mailbox->chip_us = chip_time(emulated->chip) / CHIP_MICROSECOND;
    mailbox->flash_us = statistics.flash_time / CHIP_MICROSECOND;
    if (mailbox->resets < statistics.resets) {
        mailbox->resets = statistics.resets;
    }
}

enum board_end board_esp8266_run(struct board *board, double seconds, board_line_function *line, void *context) {
    struct emulated emulated = {.board = board, .line_function = line, .line_context = context, .start = now()};
    if (!create(&emulated)) {
        return BOARD_END_FAILED;
    }
    raw_terminal(&emulated);
    power_on(&emulated, board->mailbox->reset_cause);
    bool stopped = run(&emulated, seconds);
    end_line(&emulated, false);
    plain_terminal(&emulated);
    take_figures(&emulated);
    chip_destroy(emulated.chip);
    return stopped ? BOARD_END_STOPPED : BOARD_END_TIMEOUT;
}
