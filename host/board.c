#define _GNU_SOURCE

#include "host/board.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "oneslot/chip.h"

#define EXEC_MISSING 127
#define EXEC_FAILED  126

extern const uint8_t embedded_board_esp32[];
extern const uint8_t embedded_board_esp32_end[];
extern const uint8_t embedded_board_esp32c3[];
extern const uint8_t embedded_board_esp32c3_end[];

/// What runs a board's program. The ROM of the ESP32's Xtensa chips is called with windowed registers and divides,
/// which the LX106 lacks; QEMU's de212 has both, all of memory at its own address and vectors as these chips have.
struct board_kind {
    const char *qemu;
    const char *core;
    const uint8_t *program;
    const uint8_t *program_end;
};

static const struct board_kind XTENSA = {"qemu-system-xtensa", "de212", embedded_board_esp32, embedded_board_esp32_end};
static const struct board_kind RISCV = {"qemu-system-riscv32", "rv32", embedded_board_esp32c3,
                                        embedded_board_esp32c3_end};

/// NULL for the ESP8266, which does not need QEMU.
static const struct board_kind *kind_of(uint16_t chip) {
    switch (chip) {
    case ONESLOT_CHIP_ESP8266:
        return NULL;
    case ONESLOT_CHIP_ESP32:
    case ONESLOT_CHIP_ESP32S2:
    case ONESLOT_CHIP_ESP32S3:
        return &XTENSA;
    default:
        return &RISCV;
    }
}

static bool fail(struct board *board, const char *what) {
    snprintf(board->error, sizeof board->error, "%s: %s", what, strerror(errno));
    return false;
}

/// A file without a name that holds the board's program, for QEMU's loader.
static int program_open(const struct board_kind *kind) {
    size_t size = (size_t)((uintptr_t)kind->program_end - (uintptr_t)kind->program);
    int file = memfd_create("oneslot-board", 0);
    if (file >= 0 && write(file, kind->program, size) != (ssize_t)size) {
        close(file);
        return -1;
    }
    return file;
}

static bool open_guest(struct board *board) {
    board->ram_file = memfd_create("oneslot-ram", 0);
    if (board->ram_file < 0 || ftruncate(board->ram_file, (off_t)BOARD_RAM_SIZE) != 0) {
        return fail(board, "the board's memory");
    }
    void *ram = mmap(NULL, BOARD_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, board->ram_file, 0);
    if (ram == MAP_FAILED) {
        return fail(board, "the board's memory");
    }
    board->ram = ram;
    board->mailbox = (struct board_mailbox *)(void *)(board->ram + BOARD_MAILBOX);
    board->flash = board->ram + BOARD_FLASH;
    board->snapshot = (struct board_snapshot *)(void *)(board->ram + BOARD_SNAPSHOT);
    board->operations = (struct board_operation *)(void *)(board->ram + BOARD_OPERATIONS);
    board->lines = (struct board_line *)(void *)(board->ram + BOARD_LINES);
    board->program_file = program_open(board->kind);
    return board->program_file >= 0 || fail(board, "the board's program");
}

bool board_open(struct board *board, uint16_t chip) {
    *board = (struct board){.kind = kind_of(chip), .ram_file = -1, .program_file = -1, .output = -1, .pid = -1};
    if (!(board->kind != NULL ? open_guest : board_esp8266_open)(board)) {
        board_close(board);
        return false;
    }
    board->mailbox->magic = BOARD_MAGIC;
    board->mailbox->chip = chip;
    return true;
}

static void stop(struct board *board) {
    if (board->pid > 0) {
        kill(board->pid, SIGKILL);
        waitpid(board->pid, NULL, 0);
        board->pid = -1;
    }
}

void board_close(struct board *board) {
    if (board->kind == NULL) {
        board_esp8266_close(board);
        return;
    }
    stop(board);
    if (board->ram != NULL) {
        munmap(board->ram, BOARD_RAM_SIZE);
        board->ram = NULL;
    }
    for (int i = 0; i < 3; i++) {
        int *file = i == 0 ? &board->ram_file : i == 1 ? &board->program_file : &board->output;
        if (*file >= 0) {
            close(*file);
            *file = -1;
        }
    }
}

struct board_mailbox *board_mailbox(struct board *board) {
    return board->mailbox;
}

uint8_t *board_flash(struct board *board) {
    return board->flash;
}

const struct board_snapshot *board_snapshot(struct board *board) {
    return board->snapshot;
}

const struct board_operation *board_operations(struct board *board) {
    return board->operations;
}

const struct board_line *board_lines(struct board *board) {
    return board->lines;
}

/// The program that runs the board.
static const char *program_of(const struct board *board) {
    return board->setup.qemu != NULL ? board->setup.qemu : board->kind->qemu;
}

static void execute(const struct board *board, int output, pid_t parent) {
    char ram[100];
    char program[80];
    char icount[20];
    snprintf(ram, sizeof ram, "memory-backend-file,id=ram,size=%u,mem-path=/proc/self/fd/%d,share=on", BOARD_RAM_SIZE,
             board->ram_file);
    snprintf(program, sizeof program, "loader,file=/proc/self/fd/%d,cpu-num=0", board->program_file);
    snprintf(icount, sizeof icount, "shift=%u", BOARD_ICOUNT_SHIFT);
    // No board outlives the tool.
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent || dup2(output, STDOUT_FILENO) < 0) {
        _exit(EXEC_FAILED);
    }
    int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (nothing >= 0) {
        dup2(nothing, STDIN_FILENO);
    }
    // A console for semihosting: without one RISC-V's goes to the standard error output.
    execlp(program_of(board), board->kind->qemu, "-M", "none,memory-backend=ram", "-object", ram, "-m", "2G", "-cpu",
           board->kind->core, "-nodefaults", "-chardev", "stdio,id=console,signal=off", "-semihosting-config",
           "enable=on,target=native,chardev=console", "-icount", icount, "-display", "none", "-monitor", "none",
           "-serial", "none", "-device", program, (char *)NULL);
    _exit(errno == ENOENT ? EXEC_MISSING : EXEC_FAILED);
}

static bool start(struct board *board) {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) {
        return fail(board, "a pipe");
    }
    pid_t parent = getpid();
    board->pid = fork();
    if (board->pid == 0) {
        execute(board, ends[1], parent);
    }
    close(ends[1]);
    board->output = ends[0];
    return board->pid > 0 || fail(board, "a process for QEMU");
}

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/// Cuts what was printed into lines.
struct lines {
    board_line_function *function;
    void *context;
    char text[BOARD_LINE_SIZE + 1];
    size_t length;
};

static void take(struct lines *lines, const char *bytes, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (bytes[i] != '\n' && bytes[i] != '\r' && lines->length < sizeof lines->text - 1) {
            lines->text[lines->length++] = bytes[i];
            continue;
        }
        if (lines->function != NULL) {
            lines->text[lines->length] = 0;
            lines->function(lines->context, lines->text, lines->length, bytes[i] == '\r');
        }
        lines->length = 0;
    }
}

/// Reads to the end of the output. Returns false at the time's end.
static bool listen_until(struct board *board, double end, struct lines *lines) {
    char bytes[4096];
    for (;;) {
        double left = end - now();
        struct pollfd poller = {.fd = board->output, .events = POLLIN};
        if (left <= 0) {
            return false;
        }
        int ready = poll(&poller, 1, left > 1000 ? 1000000 : (int)(left * 1000) + 1);
        if (ready <= 0) {
            continue;
        }
        ssize_t got = read(board->output, bytes, sizeof bytes);
        if (got == 0 || (got < 0 && errno != EINTR)) {
            return true;
        }
        take(lines, bytes, got > 0 ? (size_t)got : 0);
    }
}

static enum board_end explain(struct board *board, int status) {
    const char *qemu = program_of(board);
    if (board_mailbox(board)->result != BOARD_NOTHING) {
        return BOARD_END_STOPPED;
    }
    if (WIFEXITED(status) && WEXITSTATUS(status) == EXEC_MISSING) {
        snprintf(board->error, sizeof board->error,
                 "%s is not installed: on Debian %s is in the package qemu-system-misc", qemu, board->kind->qemu);
    } else if (WIFEXITED(status)) {
        snprintf(board->error, sizeof board->error, "%s ended with status %d", qemu, WEXITSTATUS(status));
    } else {
        snprintf(board->error, sizeof board->error, "%s was killed by signal %d", qemu, WTERMSIG(status));
    }
    return BOARD_END_FAILED;
}

enum board_end board_run(struct board *board, double seconds, board_line_function *line, void *context) {
    struct lines lines = {.function = line, .context = context};
    int status = 0;
    if (board->kind == NULL) {
        return board_esp8266_run(board, seconds, line, context);
    }
    if (!start(board)) {
        return BOARD_END_FAILED;
    }
    if (!listen_until(board, now() + seconds, &lines)) {
        stop(board);
        return BOARD_END_TIMEOUT;
    }
    waitpid(board->pid, &status, 0);
    board->pid = -1;
    return explain(board, status);
}
