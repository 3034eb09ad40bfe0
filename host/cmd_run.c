/*
 * oneslot run: boots a flash image on the emulated board until its application is entered.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/board.h"
#include "host/file.h"
#include "host/json.h"
#include "host/output.h"
#include "host/ram_flash.h"
#include "host/run_checks.h"
#include "host/size.h"
#include "host/terminal.h"
#include "host/tool.h"
#include "oneslot/chip.h"
#include "oneslot/layout.h"

#define FLASH_MAX BOARD_FLASH_MAX
/* W25Q32 data sheet, typical times in microseconds. */
#define SECTOR_ERASE_US 45000u
#define BLOCK_ERASE_US  150000u
#define PROGRAM_US      700u

static const char HELP[] =
    "oneslot run: boot a flash image on an emulated board\n"
    "\n"
    "usage: oneslot run [options] FLASH.bin\n"
    "\n"
    "Boots a flash image from reset, as the chip would, on an emulated board (QEMU) with a stand-in for the chip's "
    "boot\n"
    "ROM, and shows what it prints. Stops when the application is entered. On an ESP8266 it checks that memory,\n"
    "registers and flash are as after a boot of the stock image by the ROM; a flash without Oneslot's loader is "
    "booted\n"
    "too, and stops at the entry of the image in its first sector. On the ESP32 family (the flash's boot loader says\n"
    "which chip) it chooses as the vendor's boot loader does, runs the installer, and tells which application is\n"
    "started. Changes of the flash are written back to FLASH.bin.\n"
    "\n"
    "      --expect FIRMWARE.bin  compare with this stock image, all bytes of it\n"
    "      --cut-at N             cut the power at flash operation N (each page programmed, each erase is one)\n"
    "      --tear KIND            what the cut leaves of that operation: before, after, subset (random bits of it;\n"
    "                             the default), half, page (the whole page damaged), random (a mix)\n"
    "      --seed S               of the memory's content at power-on and of the tear (1)\n"
    "      --go                   let the application run on (ESP32 family: the example alone)\n"
    "      --until TEXT           with --go: until a line of its output holds TEXT\n"
    "      --timeout S            give up after S seconds (60)\n"
    "      --reset-cause N        of the first boot: 0 power-on (default), 1 or 2 reset pin, 3, 4 watchdog, 5 deep "
    "sleep\n"
    "      --operations           with --json: every flash operation\n"
    "      --json                 one JSON object instead of text\n"
    "\n"
    "Exit status: 0 fine, or the power was cut; 1 not fine; 2 wrong command line.\n";

enum option_letter {
    OPTION_EXPECT = 256,
    OPTION_CUT_AT,
    OPTION_TEAR,
    OPTION_SEED,
    OPTION_GO,
    OPTION_UNTIL,
    OPTION_TIMEOUT,
    OPTION_RESET_CAUSE,
    OPTION_OPERATIONS,
    OPTION_JSON,
    OPTION_HELP,
};

static const struct option OPTIONS[] = {
    {"expect", required_argument, NULL, OPTION_EXPECT},
    {"cut-at", required_argument, NULL, OPTION_CUT_AT},
    {"tear", required_argument, NULL, OPTION_TEAR},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"go", no_argument, NULL, OPTION_GO},
    {"until", required_argument, NULL, OPTION_UNTIL},
    {"timeout", required_argument, NULL, OPTION_TIMEOUT},
    {"reset-cause", required_argument, NULL, OPTION_RESET_CAUSE},
    {"operations", no_argument, NULL, OPTION_OPERATIONS},
    {"json", no_argument, NULL, OPTION_JSON},
    {"help", no_argument, NULL, OPTION_HELP},
    {NULL, 0, NULL, 0},
};

static const struct {
    const char *name;
    enum board_tear tear;
} TEARS[] = {
    {"before", BOARD_TEAR_BEFORE}, {"after", BOARD_TEAR_AFTER}, {"subset", BOARD_TEAR_SUBSET},
    {"half", BOARD_TEAR_HALF},     {"page", BOARD_TEAR_PAGE},   {"random", BOARD_TEAR_RANDOM},
};

struct run_options {
    const char *flash;
    const char *expect;
    const char *until;
    uint32_t cut_at;
    uint32_t tear;
    uint32_t seed;
    uint32_t timeout;
    uint32_t reset_cause;
    bool go;
    bool operations;
    bool json;
    bool help;
};

/// How a run ended, for the report.
struct run_report {
    const struct run_options *options;
    struct board *board;
    const struct board_mailbox *mailbox;
    struct run_checks checks;
    bool checked;
    const char *result; ///< for scripts
    bool ok;
    char text[300];
};

static bool number(const char *text, uint32_t limit, uint32_t *value) {
    uint64_t parsed;
    if (!number_parse(text, limit, &parsed)) {
        return false;
    }
    *value = (uint32_t)parsed;
    return true;
}

static bool tear_parse(const char *text, uint32_t *tear) {
    for (size_t i = 0; i < sizeof TEARS / sizeof TEARS[0]; i++) {
        if (strcmp(text, TEARS[i].name) == 0) {
            *tear = TEARS[i].tear;
            return true;
        }
    }
    return false;
}

/// Takes one option. Returns false when its value is wrong.
static bool take_option(struct run_options *options, int option) {
    switch (option) {
    case OPTION_EXPECT:
        options->expect = optarg;
        return true;
    case OPTION_CUT_AT:
        return number(optarg, UINT32_MAX, &options->cut_at) && options->cut_at > 0;
    case OPTION_TEAR:
        return tear_parse(optarg, &options->tear);
    case OPTION_SEED:
        return number(optarg, UINT32_MAX, &options->seed);
    case OPTION_GO:
        options->go = true;
        return true;
    case OPTION_UNTIL:
        options->until = optarg;
        return strlen(optarg) < sizeof((struct board_mailbox *)0)->until && strchr(optarg, '\n') == NULL;
    case OPTION_TIMEOUT:
        return number(optarg, 1000000, &options->timeout) && options->timeout > 0;
    case OPTION_RESET_CAUSE:
        return number(optarg, 6, &options->reset_cause);
    case OPTION_OPERATIONS:
        options->operations = true;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    default:
        options->help = true;
        return true;
    }
}

static int parse(struct run_options *options, int argc, char **argv) {
    int index;
    int option;
    *options = (struct run_options){.tear = BOARD_TEAR_SUBSET, .seed = 1, .timeout = 60};
    while ((option = tool_option(argc, argv, ":", OPTIONS)) != -1) {
        if (option == '?') {
            return TOOL_USAGE;
        }
        if (!take_option(options, option)) {
            for (index = 0; OPTIONS[index].val != option; index++) {
            }
            return tool_usage(argv[0], "'%s' is no value for --%s", optarg, OPTIONS[index].name);
        }
    }
    if (options->help) {
        return TOOL_OK;
    }
    if (optind + 1 != argc) {
        return tool_usage(argv[0], optind == argc ? "a flash file is missing" : "more than one flash file");
    }
    if (options->until != NULL && !options->go) {
        return tool_usage(argv[0], "--until needs --go");
    }
    options->flash = argv[optind];
    return TOOL_OK;
}

static void show_line(void *context, const char *line, size_t length, bool over) {
    const bool *terminal = context;
    if (*terminal) {
        printf("%.*s\033[K%s", (int)length, line, over ? "\r" : "\n");
    } else {
        printf("%.*s\n", (int)length, line);
    }
    fflush(stdout);
}

static void set_mailbox(struct board *board, const struct run_options *options, uint32_t size, uint32_t displaced) {
    struct board_mailbox *mailbox = board_mailbox(board);
    mailbox->flash_size = size;
    mailbox->cut_at = options->cut_at;
    mailbox->tear = options->tear;
    mailbox->seed = options->seed;
    mailbox->reset_cause = options->reset_cause;
    mailbox->displaced = displaced;
    mailbox->go = options->go;
    if (options->until != NULL) {
        memcpy(mailbox->until, options->until, strlen(options->until) + 1);
    }
}

static void say(struct run_report *report, const char *result, bool ok, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

static void say(struct run_report *report, const char *result, bool ok, const char *format, ...) {
    va_list arguments;
    report->result = result;
    report->ok = ok;
    va_start(arguments, format);
    vsnprintf(report->text, sizeof report->text, format, arguments);
    va_end(arguments);
}

/// What the vendor's boot loader starts. Stock images often have no name, but say which framework they are built with.
static void judge_started(struct run_report *report) {
    const struct board_started *started = &report->mailbox->started;
    char name[160];
    snprintf(name, sizeof name, "%s%s%s%s%s", started->project[0] != 0 ? started->project : "no name",
             started->version[0] != 0 ? ", version " : "", started->version,
             started->framework[0] != 0 ? ", ESP-IDF " : "", started->framework);
    say(report, "application", true, "the boot loader starts %s at 0x%06x (%s)%s", started->label, started->address,
        name, report->options->go ? "; the board runs no other application than the example" : "");
}

static void judge_stop(struct run_report *report) {
    const struct board_mailbox *mailbox = report->mailbox;
    const char *message = mailbox->message;
    switch (mailbox->result) {
    case BOARD_APPLICATION:
        if (mailbox->chip != ONESLOT_CHIP_ESP8266) {
            judge_started(report);
            break;
        }
        say(report, "application", true, "the application was entered at 0x%08x", mailbox->entered.pc);
        break;
    case BOARD_TEXT:
        say(report, "text", true, "the application printed \"%s\"", mailbox->until);
        break;
    case BOARD_CUT:
        say(report, "cut", true, "power cut at operation %u (%s)", mailbox->operations, message);
        break;
    case BOARD_DEAD:
        say(report, "dead", false, "dead: %s", message);
        break;
    default:
        say(report, "fault", false, "fault: %s", message);
        break;
    }
}

static void judge_timeout(struct run_report *report) {
    const struct board_mailbox *mailbox = report->mailbox;
    const struct run_options *options = report->options;
    if (mailbox->entries > 0 && options->until == NULL) {
        say(report, "timeout", true, "the application ran on for the rest of the %u s", options->timeout);
    } else if (mailbox->entries > 0) {
        say(report, "timeout", false, "the application did not print \"%s\" within %u s", options->until,
            options->timeout);
    } else {
        say(report, "timeout", false, "the application was not entered within %u s%s", options->timeout,
            mailbox->other_entries > 0 ? "; other code than the image's was found at its entry" : "");
    }
}

static double flash_seconds(const struct board_mailbox *mailbox) {
    return ((double)mailbox->sector_erases * SECTOR_ERASE_US + (double)mailbox->block_erases * BLOCK_ERASE_US +
            (double)mailbox->programs * PROGRAM_US) /
           1e6;
}

static void print_report(const struct run_report *report) {
    const struct board_mailbox *mailbox = report->mailbox;
    printf("%s%s%s\n", tool_colour(stdout, report->ok ? 32 : 31), report->text, tool_colour(stdout, 0));
    for (unsigned i = 0; report->checked && i < report->checks.count; i++) {
        const struct run_check *check = &report->checks.check[i];
        printf("  %s%-5s%s %s\n", tool_colour(stdout, check->ok ? 32 : 31), check->ok ? "ok" : "WRONG",
               tool_colour(stdout, 0), check->text);
    }
    if (mailbox->result != BOARD_CUT && report->options->cut_at > mailbox->operations) {
        printf("no power cut: there were only %u flash operations\n", mailbox->operations);
    }
    printf(
        "%u resets; %u erases of a sector, %u of a block, %u programs of a page: %.1f s of a W25Q32's typical times; "
        "%llu instructions\n",
        mailbox->resets, mailbox->sector_erases, mailbox->block_erases, mailbox->programs, flash_seconds(mailbox),
        (unsigned long long)mailbox->instructions);
    if (mailbox->watchdog_resets > 0) {
        printf("%u of the resets were the watchdog's\n", mailbox->watchdog_resets);
    }
    if (mailbox->overprograms > 0) {
        printf("%u programs asked for bits to be set, which flash does not do\n", mailbox->overprograms);
    }
}

static void json_operations(struct json *json, const struct run_report *report) {
    static const char *const kinds[] = {"program", "erase_sector", "erase_block"};
    const struct board_operation *operation = board_operations(report->board);
    uint32_t count = report->mailbox->operations;
    json_array(json, "log");
    for (uint32_t i = 0; i < count && i < BOARD_OPERATIONS_MAX; i++, operation++) {
        json_object(json, NULL);
        json_string(json, "kind", kinds[operation->kind % 3]);
        json_number(json, "address", operation->address);
        json_number(json, "instructions", operation->instructions);
        json_number(json, "resets", operation->resets);
        json_object_end(json);
    }
    json_array_end(json);
}

static void json_uart(struct json *json, const struct run_report *report) {
    const struct board_line *line = board_lines(report->board);
    json_array(json, "uart");
    for (uint32_t i = 0; i < report->mailbox->lines && i < BOARD_LINES_MAX; i++, line++) {
        char text[BOARD_LINE_SIZE + 1];
        uint32_t length = line->length < BOARD_LINE_SIZE ? line->length : BOARD_LINE_SIZE;
        memcpy(text, line->text, length);
        text[length] = 0;
        json_object(json, NULL);
        json_string(json, "text", text);
        json_number(json, "instructions", line->instructions);
        json_bool(json, "rom", line->rom != 0);
        json_object_end(json);
    }
    json_array_end(json);
}

static void json_started(struct json *json, const struct board_started *started) {
    json_object(json, "started");
    json_string(json, "partition", started->label);
    json_number(json, "address", started->address);
    json_number(json, "size", started->size);
    json_bool(json, "factory", started->factory != 0);
    json_string(json, "project", started->project);
    json_string(json, "version", started->version);
    json_string(json, "framework", started->framework);
    json_bool(json, "sha256", started->hashed != 0);
    json_string(json, "otadata", run_ota_state_text(started->state));
    json_object_end(json);
}

/// Why a run was not fine; NULL when it was.
static const char *error_name(const struct run_report *report) {
    static const struct {
        const char *result;
        const char *name;
    } NAMES[] = {{"dead", "BOARD_DEAD"}, {"fault", "BOARD_FAULT"}, {"timeout", "BOARD_TIMEOUT"}};
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0] && !report->ok; i++) {
        if (strcmp(report->result, NAMES[i].result) == 0) {
            return NAMES[i].name;
        }
    }
    return report->ok ? NULL : "CHECK_FAILED";
}

static void json_report(const struct run_report *report) {
    const struct board_mailbox *mailbox = report->mailbox;
    struct json json;
    tool_json_begin(&json, stdout, error_name(report), report->text);
    json_string(&json, "result", report->result);
    json_string(&json, "message", report->text);
    json_number(&json, "resets", mailbox->resets);
    json_number(&json, "entries", mailbox->entries);
    json_object(&json, "operations");
    json_number(&json, "all", mailbox->operations);
    json_number(&json, "erases_sector", mailbox->sector_erases);
    json_number(&json, "erases_block", mailbox->block_erases);
    json_number(&json, "programs", mailbox->programs);
    json_number(&json, "overprograms", mailbox->overprograms);
    json_object_end(&json);
    json_number(&json, "flash_ms", (uint64_t)(flash_seconds(mailbox) * 1000 + 0.5));
    json_number(&json, "instructions", mailbox->instructions);
    if (mailbox->started.address != 0) {
        json_started(&json, &mailbox->started);
    }
    json_number(&json, "watchdog_resets", mailbox->watchdog_resets);
    json_array(&json, "checks");
    for (unsigned i = 0; report->checked && i < report->checks.count; i++) {
        json_object(&json, NULL);
        json_string(&json, "name", report->checks.check[i].name);
        json_bool(&json, "ok", report->checks.check[i].ok);
        json_string(&json, "text", report->checks.check[i].text);
        json_object_end(&json);
    }
    json_array_end(&json);
    json_uart(&json, report);
    if (report->options->operations) {
        json_operations(&json, report);
    }
    tool_json_end(&json);
}

/// Memory that one run needs, so that there is one place that frees it.
struct run {
    struct run_options options;
    struct board board;
    uint8_t *flash;
    size_t flash_size;
    uint8_t *expected;
    size_t expected_size;
};

static int load(struct run *run) {
    const struct run_options *options = &run->options;
    if (!file_read(options->flash, FLASH_MAX, &run->flash, &run->flash_size)) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "%s: %s", options->flash, strerror(errno));
    }
    if (run->flash_size == 0 || run->flash_size % ONESLOT_BLOCK_SIZE != 0) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE,
                         "%s: %zu bytes are no whole flash: its size is a multiple of 64 KiB", options->flash,
                         run->flash_size);
    }
    if (options->expect != NULL && !file_read(options->expect, FLASH_MAX, &run->expected, &run->expected_size)) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "%s: %s", options->expect, strerror(errno));
    }
    return TOOL_OK;
}

static int write_back(struct run *run) {
    const uint8_t *flash = board_flash(&run->board);
    if (memcmp(flash, run->flash, run->flash_size) == 0) {
        return TOOL_OK;
    }
    return output_update(run->options.flash, flash, run->flash_size, run->options.json);
}

static int boot(struct run *run) {
    struct oneslot_flash flash;
    struct oneslot_layout layout;
    struct run_report report = {.options = &run->options, .board = &run->board, .mailbox = board_mailbox(&run->board)};
    ram_flash_init(&flash, run->flash, (uint32_t)run->flash_size);
    bool ours =
        report.mailbox->chip == ONESLOT_CHIP_ESP8266 && oneslot_layout_read(&flash, &layout) == ONESLOT_ERROR_NONE;

    memcpy(board_flash(&run->board), run->flash, run->flash_size);
    set_mailbox(&run->board, &run->options, (uint32_t)run->flash_size, ours ? layout.displaced : 0);
    bool terminal = terminal_escapes(stdout);
    switch (board_run(&run->board, run->options.timeout, run->options.json ? NULL : show_line, &terminal)) {
    case BOARD_END_FAILED:
        return tool_fail(run->options.json, ONESLOT_ERROR_NONE, "%s", run->board.error);
    case BOARD_END_TIMEOUT:
        judge_timeout(&report);
        break;
    default:
        judge_stop(&report);
        break;
    }
    bool esp8266 = report.mailbox->chip == ONESLOT_CHIP_ESP8266;
    if (report.mailbox->entries > 0 && report.mailbox->result != BOARD_CUT) {
        struct run_subject subject = {&run->board, ours ? &layout : NULL, run->expected, (uint32_t)run->expected_size};
        (esp8266 ? run_checks : run_checks_esp32)(&report.checks, &subject);
        report.checked = true;
        report.ok = report.ok && report.checks.ok;
    }
    int status = write_back(run);
    if (status != TOOL_OK) {
        return status;
    }
    if (run->options.json) {
        json_report(&report);
    } else {
        print_report(&report);
    }
    return report.ok ? TOOL_OK : TOOL_FAILED;
}

/// The chip that a flash is for: the boot loader's header names it; the ESP8266 has none.
static uint16_t chip_of(const struct run *run) {
    static const uint32_t places[] = {0x1000, 0};
    const uint8_t *table = run->flash + ONESLOT_TABLE_ADDRESS;
    if (run->flash_size <= ONESLOT_TABLE_ADDRESS + 1 || table[0] != 0xaa || table[1] != 0x50) {
        return ONESLOT_CHIP_ESP8266;
    }
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        const uint8_t *header = run->flash + places[i];
        if (header[0] == 0xe9) {
            return (uint16_t)(header[12] | header[13] << 8);
        }
    }
    return ONESLOT_CHIP_ESP8266;
}

int cmd_run(int argc, char **argv) {
    struct run run = {.flash = NULL, .expected = NULL};
    int status = parse(&run.options, argc, argv);
    if (status != TOOL_OK) {
        return status;
    }
    if (run.options.help) {
        return tool_help(HELP);
    }
    status = load(&run);
    if (status == TOOL_OK) {
        if (board_open(&run.board, chip_of(&run))) {
            status = boot(&run);
            board_close(&run.board);
        } else {
            status = tool_fail(run.options.json, ONESLOT_ERROR_NONE, "%s", run.board.error);
        }
    }
    free(run.flash);
    free(run.expected);
    return status;
}
