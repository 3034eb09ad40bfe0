/*
 * oneslot run: boots a flash image on the emulated board until its application is entered.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "host/board.h"
#include "host/file.h"
#include "host/json.h"
#include "host/output.h"
#include "host/ram_flash.h"
#include "host/run_checks.h"
#include "host/script.h"
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
#define TIMEOUT_MAX     1000000
#define TIMEOUT         60u

static const char HELP[] =
    "oneslot run: boot a flash image on an emulated board\n"
    "\n"
    "usage: oneslot run [options] FLASH.bin\n"
    "\n"
    "Boots a flash image from reset, as the chip would, and shows what it prints. Stops when the application is "
    "entered.\n"
    "Changes of the flash are written back to FLASH.bin.\n"
    "\n"
    "An ESP8266 is emulated whole, under a stand-in for its boot ROM or under the ROM itself (--rom), which a "
    "firmware\n"
    "of others needs to run on. It checks that memory, registers and flash are as after a boot of the stock image; a\n"
    "flash without Oneslot's loader is booted too, and stops at the entry of the image in its first sector.\n"
    "\n"
    "On the ESP32 family (the flash's boot loader says which chip) QEMU runs the installer alone. The board chooses "
    "as\n"
    "the vendor's boot loader does and tells which application is started.\n"
    "\n"
    "      --expect FIRMWARE.bin  compare with this stock image, all bytes of it\n"
    "      --cut-at N             cut the power at flash operation N (each program, each erase is one)\n"
    "      --tear KIND            what the cut leaves of that operation: before, after, subset (random bits of it;\n"
    "                             the default), half, page (the whole page damaged), random (a mix); ESP8266 too:\n"
    "                             mix-weak, done-weak, undone-weak (cells that read by chance)\n"
    "      --seed S               of the memory's content at power-on and of the tear (1)\n"
    "      --go                   let the application run on (ESP32 family: the example alone)\n"
    "      --until TEXT           with --go: until a line of its output holds TEXT\n"
    "      --timeout S            give up after S seconds (60): the chip's own on an ESP8266, else yours\n"
    "      --reset-cause N        of the first boot: 0, 1 power-on (default), 2 reset pin, 3, 4 watchdog, 5 deep "
    "sleep\n"
    "      --operations           with --json: every flash operation\n"
    "      --json                 one JSON object instead of text\n"
    "      --qemu PROGRAM         ESP32 family: another QEMU than the one in your path\n"
    "\n"
    "ESP8266:\n"
    "      --rom ROM.bin          the chip's boot ROM, read out of a chip of yours with\n"
    "                             esptool dump-mem 0x40000000 65536 ROM.bin\n"
    "  -i, --interactive          your terminal is the serial port; Ctrl-] leaves\n"
    "      --script FILE          a step a line: expect TEXT, send TEXT, wait SECONDS, cut, cut-at N, power-on, quit;\n"
    "                             \\r \\n \\xNN are escapes in TEXT\n"
    "      --cut-time S           cut the power S seconds after it came on\n"
    "      --flash-id HEX         the flash chip's identification, maker in its low byte (1640ef: a W25Q32)\n"
    "      --flash-status HEX     its status registers, 2 and 1: 1c is a protected chip, 9c one that cannot be "
    "unlocked\n"
    "      --slow-flash           the longest times that its data sheet allows\n"
    "      --watchdog             the watchdog runs already, as after a restart by Espressif's SDK (8.4 s)\n"
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
    OPTION_QEMU,
    OPTION_ROM,
    OPTION_SCRIPT,
    OPTION_CUT_TIME,
    OPTION_FLASH_ID,
    OPTION_FLASH_STATUS,
    OPTION_SLOW_FLASH,
    OPTION_WATCHDOG,
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
    {"qemu", required_argument, NULL, OPTION_QEMU},
    {"rom", required_argument, NULL, OPTION_ROM},
    {"interactive", no_argument, NULL, 'i'},
    {"script", required_argument, NULL, OPTION_SCRIPT},
    {"cut-time", required_argument, NULL, OPTION_CUT_TIME},
    {"flash-id", required_argument, NULL, OPTION_FLASH_ID},
    {"flash-status", required_argument, NULL, OPTION_FLASH_STATUS},
    {"slow-flash", no_argument, NULL, OPTION_SLOW_FLASH},
    {"watchdog", no_argument, NULL, OPTION_WATCHDOG},
    {NULL, 0, NULL, 0},
};

/// No tear of QEMU's board.
#define BOARD_TEAR_NONE UINT32_MAX

/// Each name with what it is on QEMU's board and on the emulated ESP8266.
static const struct tear {
    const char *name;
    uint32_t board;
    enum nor_tear nor;
} TEARS[] = {
    {"before", BOARD_TEAR_BEFORE, NOR_BEFORE},     {"after", BOARD_TEAR_AFTER, NOR_AFTER},
    {"subset", BOARD_TEAR_SUBSET, NOR_MIX},        {"half", BOARD_TEAR_HALF, NOR_PREFIX},
    {"page", BOARD_TEAR_PAGE, NOR_DAMAGE},         {"random", BOARD_TEAR_RANDOM, NOR_MIX_WEAK},
    {"mix", BOARD_TEAR_SUBSET, NOR_MIX},           {"prefix", BOARD_TEAR_HALF, NOR_PREFIX},
    {"damage", BOARD_TEAR_PAGE, NOR_DAMAGE},       {"mix-weak", BOARD_TEAR_NONE, NOR_MIX_WEAK},
    {"done-weak", BOARD_TEAR_NONE, NOR_DONE_WEAK}, {"undone-weak", BOARD_TEAR_NONE, NOR_UNDONE_WEAK},
};

struct run_options {
    const char *flash;
    const char *expect;
    const char *until;
    const char *qemu;
    const char *rom;
    const char *script;
    const char *only_esp8266; ///< the last option that only an ESP8266 has
    double cut_time;
    uint32_t flash_id;
    uint32_t flash_status;
    bool interactive;
    bool slow_flash;
    bool watchdog;
    uint32_t cut_at;
    const struct tear *tear;
    uint32_t seed;
    uint32_t timeout; ///< 0: what suits the others
    uint32_t reset_cause;
    bool go;
    bool operations;
    bool json;
    bool help;
};

/// Memory that one run needs, so that there is one place that frees it.
struct run {
    struct run_options options;
    struct board board;
    uint8_t *flash;
    size_t flash_size;
    uint8_t *expected;
    size_t expected_size;
    uint8_t *rom;
    struct script script;
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

static bool tear_parse(const char *text, const struct tear **tear) {
    for (size_t i = 0; i < sizeof TEARS / sizeof TEARS[0]; i++) {
        if (strcmp(text, TEARS[i].name) == 0) {
            *tear = &TEARS[i];
            return true;
        }
    }
    return false;
}

static bool seconds(const char *text, double *value) {
    char *end;
    *value = strtod(text, &end);
    return end != text && *end == 0 && *value > 0 && *value <= TIMEOUT_MAX;
}

static bool hex(const char *text, uint32_t limit, uint32_t *value) {
    char *end;
    unsigned long parsed = strtoul(text, &end, 16);
    *value = (uint32_t)parsed;
    return end != text && *end == 0 && *text != '-' && parsed <= limit;
}

/// Takes one that only the emulated ESP8266 has.
static bool take_chip_option(struct run_options *options, int option) {
    for (size_t i = 0; OPTIONS[i].name != NULL; i++) {
        options->only_esp8266 = OPTIONS[i].val == option ? OPTIONS[i].name : options->only_esp8266;
    }
    switch (option) {
    case 'i':
        options->interactive = true;
        return true;
    case OPTION_ROM:
        options->rom = optarg;
        return true;
    case OPTION_SCRIPT:
        options->script = optarg;
        return true;
    case OPTION_CUT_TIME:
        return seconds(optarg, &options->cut_time);
    case OPTION_FLASH_ID:
        return hex(optarg, 0xffffff, &options->flash_id) && options->flash_id != 0;
    case OPTION_FLASH_STATUS:
        return hex(optarg, 0xffff, &options->flash_status);
    case OPTION_WATCHDOG:
        options->watchdog = true;
        return true;
    default:
        options->slow_flash = true;
        return true;
    }
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
        return number(optarg, TIMEOUT_MAX, &options->timeout) && options->timeout > 0;
    case OPTION_RESET_CAUSE:
        return number(optarg, 6, &options->reset_cause);
    case OPTION_OPERATIONS:
        options->operations = true;
        return true;
    case OPTION_JSON:
        options->json = true;
        return true;
    case OPTION_QEMU:
        options->qemu = optarg;
        return true;
    case OPTION_HELP:
        options->help = true;
        return true;
    default:
        return take_chip_option(options, option);
    }
}

static int parse(struct run_options *options, int argc, char **argv) {
    int index;
    int option;
    *options = (struct run_options){.seed = 1};
    tear_parse("subset", &options->tear);
    while ((option = tool_option(argc, argv, ":i", OPTIONS)) != -1) {
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
    if (options->interactive && (options->script != NULL || options->json)) {
        return tool_usage(argv[0], "a terminal (-i) goes with neither --script nor --json");
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
    mailbox->tear = options->tear->board;
    mailbox->seed = options->seed;
    mailbox->reset_cause = options->reset_cause;
    mailbox->displaced = displaced;
    mailbox->go = options->go || options->interactive || options->script != NULL;
    if (options->until != NULL) {
        memcpy(mailbox->until, options->until, strlen(options->until) + 1);
    }
}

static void set_up(struct run *run) {
    const struct run_options *options = &run->options;
    run->board.setup = (struct board_setup){
        .rom = run->rom,
        .slow_flash = options->slow_flash,
        .watchdog = options->watchdog,
        .flash_id = options->flash_id,
        .flash_status = {(uint8_t)options->flash_status, (uint8_t)(options->flash_status >> 8)},
        .tear = options->tear->nor,
        .cut_time = options->cut_time,
        .interactive = options->interactive,
        .script = options->script != NULL ? &run->script : NULL,
        .qemu = options->qemu,
    };
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

/// Where a script stood when its time, or the power, was gone.
static void judge_script(struct run_report *report, const char *result, const char *why) {
    const struct script_step *step = script_step(report->board->setup.script);
    say(report, result, false, "%s: the script stands at line %u, %s %s", why, step->line, script_kind_text(step->kind),
        step->kind == SCRIPT_EXPECT || step->kind == SCRIPT_SEND ? step->text : "");
}

static double flash_seconds(const struct board_mailbox *mailbox) {
    if (mailbox->chip == ONESLOT_CHIP_ESP8266) {
        return (double)mailbox->flash_us / 1e6;
    }
    return ((double)mailbox->sector_erases * SECTOR_ERASE_US + (double)mailbox->block_erases * BLOCK_ERASE_US +
            (double)mailbox->programs * PROGRAM_US) /
           1e6;
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
        if (report->options->script != NULL) {
            judge_script(report, "cut", "the power is off");
            break;
        }
        say(report, "cut", true, "power cut at operation %u (%s)", mailbox->operations, message);
        break;
    case BOARD_SCRIPT:
        say(report, "script", true, "the script ran to its end");
        break;
    case BOARD_LEFT:
        say(report, "left", true, "left");
        break;
    case BOARD_DEAD:
        say(report, "dead", false, "dead: %s", message);
        break;
    default:
        say(report, "fault", false, "fault: %s", message);
        break;
    }
}

static uint32_t timeout_of(const struct run_options *options) {
    return options->timeout != 0 ? options->timeout : TIMEOUT;
}

static void judge_timeout(struct run_report *report) {
    const struct board_mailbox *mailbox = report->mailbox;
    const struct run_options *options = report->options;
    if (options->script != NULL) {
        judge_script(report, "timeout", "the time is over");
        return;
    }
    if (mailbox->entries > 0 && options->until == NULL) {
        say(report, "timeout", true, "the application ran on for the rest of the %u s", timeout_of(options));
    } else if (mailbox->entries > 0) {
        say(report, "timeout", false, "the application did not print \"%s\" within %u s", options->until,
            timeout_of(options));
    } else {
        say(report, "timeout", false, "the application was not entered within %u s%s", timeout_of(options),
            mailbox->other_entries > 0 ? "; other code than the image's was found at its entry" : "");
    }
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
    printf("%u resets; %u erases of a sector, %u of a block, %u programs%s: %.1f s of a W25Q32's %s times; "
           "%llu instructions",
           mailbox->resets, mailbox->sector_erases, mailbox->block_erases, mailbox->programs,
           mailbox->chip == ONESLOT_CHIP_ESP8266 ? "" : " of a page", flash_seconds(mailbox),
           report->options->slow_flash ? "longest" : "typical", (unsigned long long)mailbox->instructions);
    if (mailbox->chip == ONESLOT_CHIP_ESP8266) {
        printf("; %.1f s of the chip's time", (double)mailbox->chip_us / 1e6);
    }
    putchar('\n');
    if (mailbox->watchdog_resets > 0) {
        printf("%u of the resets were the watchdog's\n", mailbox->watchdog_resets);
    }
    if (mailbox->complaints > 0) {
        printf("the application did what is not modelled, or what the chip does not bear, %u times\n",
               mailbox->complaints);
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
    if (mailbox->chip == ONESLOT_CHIP_ESP8266) {
        json_number(&json, "chip_ms", mailbox->chip_us / 1000);
    }
    if (mailbox->started.address != 0) {
        json_started(&json, &mailbox->started);
    }
    json_number(&json, "watchdog_resets", mailbox->watchdog_resets);
    if (mailbox->chip == ONESLOT_CHIP_ESP8266 && mailbox->watchdog_left_us != UINT32_MAX) {
        json_number(&json, "watchdog_left_ms", mailbox->watchdog_left_us / 1000);
    }
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

static int load_chip_files(struct run *run) {
    const struct run_options *options = &run->options;
    size_t size;
    char error[200];
    if (options->rom != NULL && !file_read(options->rom, FLASH_MAX, &run->rom, &size)) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "%s: %s", options->rom, strerror(errno));
    }
    if (options->rom != NULL && size != CHIP_ROM_SIZE) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "%s: %zu bytes are no boot ROM of an ESP8266: it has %u",
                         options->rom, size, CHIP_ROM_SIZE);
    }
    if (options->script != NULL && !script_load(&run->script, options->script, error)) {
        return tool_fail(options->json, ONESLOT_ERROR_NONE, "%s: %s", options->script, error);
    }
    return TOOL_OK;
}

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
    return load_chip_files(run);
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
    set_up(run);
    bool terminal = terminal_escapes(stdout);
    double most = run->options.interactive && run->options.timeout == 0 ? INFINITY : (double)timeout_of(&run->options);
    switch (board_run(&run->board, most, run->options.json ? NULL : show_line, &terminal)) {
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
    // A script or a person may have gone on since the application was entered.
    bool stands = !run->options.interactive && (run->options.script == NULL || run->options.expect != NULL);
    if (stands && report.mailbox->entries > 0 && report.mailbox->result != BOARD_CUT) {
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

/// Whether that board has all that was asked for.
static int suits(const struct run *run, uint16_t chip, const char *command) {
    const struct run_options *options = &run->options;
    if (chip == ONESLOT_CHIP_ESP8266) {
        return options->qemu == NULL ? TOOL_OK : tool_usage(command, "--qemu: an ESP8266 is emulated without QEMU");
    }
    if (options->only_esp8266 != NULL) {
        return tool_usage(command, "--%s: only an ESP8266 has that", options->only_esp8266);
    }
    if (options->tear->board == BOARD_TEAR_NONE) {
        return tool_usage(command, "--tear %s: only an ESP8266 has that", options->tear->name);
    }
    return TOOL_OK;
}

int cmd_run(int argc, char **argv) {
    struct run run = {.flash = NULL, .expected = NULL, .rom = NULL};
    int status = parse(&run.options, argc, argv);
    if (status != TOOL_OK) {
        return status;
    }
    if (run.options.help) {
        return tool_help(HELP);
    }
    status = load(&run);
    if (status == TOOL_OK) {
        status = suits(&run, chip_of(&run), argv[0]);
    }
    if (status == TOOL_OK) {
        if (board_open(&run.board, chip_of(&run))) {
            status = boot(&run);
            board_close(&run.board);
        } else {
            status = tool_fail(run.options.json, ONESLOT_ERROR_NONE, "%s", run.board.error);
        }
    }
    script_free(&run.script);
    free(run.flash);
    free(run.expected);
    free(run.rom);
    return status;
}
