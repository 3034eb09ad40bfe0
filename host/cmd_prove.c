/*
 * oneslot prove: a campaign of power cuts in the simulator, for the user's own firmware.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "host/file.h"
#include "host/firmware.h"
#include "host/foreign.h"
#include "host/json.h"
#include "host/output.h"
#include "host/prove_stories.h"
#include "host/size.h"
#include "host/terminal.h"
#include "host/tool.h"
#include "sim/campaign.h"

#define FILE_LIMIT   (16u * 1024u * 1024u)
#define USER1_MAGIC  0xeau
#define USER1_TARGET 0x1000u
#define BAR_WIDTH    24

static const char HELP[] =
    "oneslot prove: cut the power at every step of an upgrade, in the simulator\n"
    "\n"
    "usage: oneslot prove OLD.bin NEW.bin [options]\n"
    "\n"
    "Simulates the upgrade from OLD to NEW and cuts the power at every single flash operation, with every kind of\n"
    "tear that a cut can leave; then chains of two to five cuts, failing operations, damaged and exchanged files,\n"
    "files that are removed or replaced afterwards, worn sectors, disturbed reads, bits that rot. After each: does\n"
    "the old or the new firmware run, the new one once writing began, is every other byte as it was, does the device\n"
    "come to rest without writing for ever?\n"
    "\n"
    "  --chip CHIP         esp8266 (the default), or of the ESP32 family: esp32, esp32s2, esp32s3, esp32c2, esp32c3,\n"
    "                      esp32c6, esp32h2; then OLD and NEW are applications, or stock images that hold one\n"
    "  --no-rollback       the boot loader knows no trials (ESP32 family)\n"
    "  --boot BOOT.bin     Espressif's boot loader in the first sector, for user1 images\n"
    "  --flash-size SIZE   of the device (4MB)\n"
    "  --sha256            the request carries the SHA-256 of NEW (done anyway where NEW cannot prove itself)\n"
    "  --chains N          random chains of cuts (20000; 1000 of each story)\n"
    "  --faults N          failing operations and reads (2000); a quarter as many times\n"
    "                      each a file is removed, a sector worn, a read disturbed, a\n"
    "                      bit rotten; half as many times other requests are cut\n"
    "  --ops-step K        of the page programs amid a sector cut every K-th alone (1);\n"
    "                      with --stories of all operations in the firmware's region\n"
    "  --seed S            of all chance (1)\n"
    "  --jobs N            processes at once (2)\n"
    "  --json[=FILE]       the figures as JSON, to FILE or instead of the text\n"
    "  --report FILE       the text to FILE as well\n"
    "  --stories           the lives of a device with a key instead: a signed and compressed upgrade, trials "
    "confirmed\n"
    "                      and not, an older version, a forged package, a new installer; packages are made for it\n"
    "  --key KEY.pem       signs them (one that is made for it)\n"
    "  --lives N           N lives of a device instead: calls, trials, confirmations, files at the watch path, new\n"
    "                      installers, files removed, renamed and replaced, mixed at random with power cuts,\n"
    "                      disturbed reads, worn and rotting sectors of the journal\n"
    "  --replay CASE       one case alone, step by step, by the name that a failure was given\n"
    "\n"
    "Exit status: 0 all promises kept, 1 a promise broken or no upgrade possible, 2 wrong command line.\n";

enum option_code {
    OPTION_CHIP = 256,
    OPTION_NO_ROLLBACK,
    OPTION_BOOT,
    OPTION_SIZE,
    OPTION_SHA256,
    OPTION_CHAINS,
    OPTION_FAULTS,
    OPTION_STEP,
    OPTION_SEED,
    OPTION_JOBS,
    OPTION_JSON,
    OPTION_REPORT,
    OPTION_STORIES,
    OPTION_LIVES,
    OPTION_KEY,
    OPTION_REPLAY
};

static const struct option OPTIONS[] = {
    {"chip", required_argument, NULL, OPTION_CHIP},
    {"no-rollback", no_argument, NULL, OPTION_NO_ROLLBACK},
    {"boot", required_argument, NULL, OPTION_BOOT},
    {"flash-size", required_argument, NULL, OPTION_SIZE},
    {"sha256", no_argument, NULL, OPTION_SHA256},
    {"chains", required_argument, NULL, OPTION_CHAINS},
    {"faults", required_argument, NULL, OPTION_FAULTS},
    {"ops-step", required_argument, NULL, OPTION_STEP},
    {"seed", required_argument, NULL, OPTION_SEED},
    {"jobs", required_argument, NULL, OPTION_JOBS},
    {"json", optional_argument, NULL, OPTION_JSON},
    {"report", required_argument, NULL, OPTION_REPORT},
    {"stories", no_argument, NULL, OPTION_STORIES},
    {"lives", required_argument, NULL, OPTION_LIVES},
    {"key", required_argument, NULL, OPTION_KEY},
    {"replay", required_argument, NULL, OPTION_REPLAY},
    {"help", no_argument, NULL, 'h'},
    {NULL, 0, NULL, 0},
};

/// The command line, and the bytes of the images.
struct prove {
    struct campaign_settings settings;
    struct oneslot_chip chip; ///< of the ESP32 family, where settings.provision.chip refers to it
    const char *old_path;
    const char *new_path;
    const char *boot_path;
    const char *json_path;
    const char *report_path;
    const char *replay;
    const char *key;
    bool stories;
    uint32_t lives;
    bool json;
    bool help;
    uint8_t *old_bytes; ///< as it would lie in flash from address 0 on
    uint8_t *new_bytes;
    uint8_t *file;
    uint8_t *log;
    struct sim_file files[5];
    double start;
};

static double seconds_now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/// How often else something goes wrong, in proportion to the operations that fail.
static void count_faults(struct campaign_settings *settings) {
    settings->files = settings->faults / 4;
    settings->worn = settings->faults / 4;
    settings->disturbs = settings->faults / 4;
    settings->rots = settings->faults / 4;
    settings->changes = settings->faults / 10;
    settings->refusals = settings->faults / 20;
    settings->unstarted = settings->faults / 20;
    settings->repeats = settings->faults / 2;
}

/// Takes an option with a number. Returns false when it is none.
static bool take_number(struct prove *prove, int option) {
    struct campaign_settings *settings = &prove->settings;
    uint64_t number;
    if (!number_parse(optarg, option == OPTION_SEED ? UINT64_MAX : 100000000u, &number))
        return false;
    switch (option) {
    case OPTION_CHAINS:
        settings->chains = (uint32_t)number;
        return true;
    case OPTION_FAULTS:
        settings->faults = (uint32_t)number;
        return true;
    case OPTION_STEP:
        settings->step = (uint32_t)number;
        return number > 0;
    case OPTION_LIVES:
        prove->lives = (uint32_t)number;
        return number > 0;
    case OPTION_JOBS:
        settings->jobs = (uint32_t)number;
        return number > 0 && number <= CAMPAIGN_JOBS_MAX;
    default:
        settings->seed = number;
        return true;
    }
}

/// Takes the name of a chip as esptool writes it.
static bool take_chip(struct prove *prove, const char *name) {
    static const struct {
        const char *name;
        uint16_t number;
        uint16_t revision; /* one that is sold */
    } family[] = {
        {"esp32", ONESLOT_CHIP_ESP32, 301},   {"esp32s2", ONESLOT_CHIP_ESP32S2, 100},
        {"esp32s3", ONESLOT_CHIP_ESP32S3, 2}, {"esp32c2", ONESLOT_CHIP_ESP32C2, 102},
        {"esp32c3", ONESLOT_CHIP_ESP32C3, 4}, {"esp32c6", ONESLOT_CHIP_ESP32C6, 1},
        {"esp32h2", ONESLOT_CHIP_ESP32H2, 2},
    };
    prove->settings.provision.chip = NULL;
    for (size_t i = 0; i < sizeof family / sizeof *family; i++) {
        if (strcmp(name, family[i].name) == 0) {
            oneslot_esp32_chip(&prove->chip, family[i].number, family[i].revision);
            prove->settings.provision.chip = &prove->chip;
        }
    }
    return prove->settings.provision.chip || strcmp(name, "esp8266") == 0;
}

static int take_options(struct prove *prove, int argc, char **argv) {
    int option;
    uint8_t nibble;
    while ((option = tool_option(argc, argv, "h", OPTIONS)) != -1) {
        switch (option) {
        case 'h':
            prove->help = true;
            return TOOL_OK;
        case OPTION_CHIP:
            if (!take_chip(prove, optarg))
                return tool_usage("prove", "\"%s\" is no chip that is known here", optarg);
            break;
        case OPTION_NO_ROLLBACK:
            prove->settings.no_rollback = true;
            break;
        case OPTION_BOOT:
            prove->boot_path = optarg;
            break;
        case OPTION_SIZE:
            if (!flash_size_parse(optarg, &prove->settings.provision.flash_size, &nibble))
                return tool_usage("prove", "\"%s\" is no flash size", optarg);
            break;
        case OPTION_SHA256:
            prove->settings.sha256 = true;
            break;
        case OPTION_JSON:
            prove->json = true;
            prove->json_path = optarg;
            break;
        case OPTION_REPORT:
            prove->report_path = optarg;
            break;
        case OPTION_STORIES:
            prove->stories = true;
            break;
        case OPTION_KEY:
            prove->key = optarg;
            break;
        case OPTION_REPLAY:
            prove->replay = optarg;
            break;
        case '?':
            return TOOL_USAGE;
        default:
            if (!take_number(prove, option))
                return tool_usage("prove", "\"%s\" is not a number in range", optarg);
        }
    }
    if (prove->json_path && strcmp(prove->json_path, "-") == 0)
        prove->json_path = NULL;
    if (prove->stories && prove->lives > 0)
        return tool_usage("prove", "give --stories or --lives, one at a time");
    if (prove->lives > 0 ? prove->report_path || prove->settings.sha256 || prove->key
        : prove->stories ? prove->report_path || prove->settings.sha256
                         : prove->key != NULL)
        return tool_usage("prove", "--key goes with --stories; --sha256 and --report with neither that nor --lives");
    if (argc - optind != 2)
        return tool_usage("prove", "give the old and the new firmware");
    if (prove->settings.chains == UINT32_MAX)
        prove->settings.chains = prove->stories ? 1000 : 20000;
    count_faults(&prove->settings);
    prove->old_path = argv[optind];
    prove->new_path = argv[optind + 1];
    return TOOL_OK;
}

/* The images. */

/// Of a stock image of the ESP32 family, the application alone: where the partition table in it says. A bare
/// application stays as it is.
static void cut_application(uint8_t *bytes, uint32_t *size) {
    enum { TABLE_STEP = 0x1000, TABLE_LAST = 0x8000, DESCRIPTOR = 32 };
    static const uint8_t descriptor[] = {0x32, 0x54, 0xcd, 0xab};
    struct oneslot_map map;
    for (uint32_t at = TABLE_STEP; at <= TABLE_LAST && at + ONESLOT_MAP_BYTES <= *size; at += TABLE_STEP) {
        if (oneslot_map_parse(&map, bytes + at, ONESLOT_MAP_BYTES, FILE_LIMIT) != ONESLOT_ERROR_NONE)
            continue;
        for (uint32_t i = 0; i < map.count; i++) {
            uint32_t start = map.partition[i].address - (ONESLOT_TABLE_ADDRESS - at);
            if (map.partition[i].type == ONESLOT_TYPE_APP && start<*size && * size - start> 64 &&
                memcmp(bytes + start + DESCRIPTOR, descriptor, sizeof descriptor) == 0) {
                *size -= start;
                memmove(bytes, bytes + start, *size);
                return;
            }
        }
    }
}

static bool read_whole(const struct prove *prove, const char *path, uint8_t **bytes, uint32_t *size) {
    size_t length;
    if (!file_read(path, FILE_LIMIT, bytes, &length)) {
        tool_fail(prove->json && !prove->json_path, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
        return false;
    }
    *size = (uint32_t)length;
    struct foreign foreign;
    if (foreign_file(&foreign, *bytes, *size)) {
        foreign_fail(prove->json && !prove->json_path, ONESLOT_ERROR_IMAGE_UNKNOWN, path, *bytes, *size);
        free(*bytes);
        *bytes = NULL;
        return false;
    }
    if (length >= 64) {
        if (prove->settings.provision.chip)
            cut_application(*bytes, size);
        return true;
    }
    free(*bytes);
    *bytes = NULL;
    tool_fail(prove->json && !prove->json_path, ONESLOT_ERROR_IMAGE_TRUNCATED, "%s: too short for a firmware", path);
    return false;
}

/// An application from address 0 on: the file itself, or the boot loader's sector and a user1 image behind it.
static bool compose(const struct prove *prove, const uint8_t *file, uint32_t size, uint8_t **bytes, uint32_t *total) {
    bool user1 = file[0] == USER1_MAGIC && !prove->settings.provision.chip;
    uint32_t offset = user1 ? USER1_TARGET : 0;
    *total = size + offset;
    *bytes = malloc(*total);
    if (!*bytes)
        abort();
    memcpy(*bytes + offset, file, size);
    if (!user1)
        return true;
    uint8_t *boot;
    uint32_t boot_size;
    memset(*bytes, 0xff, USER1_TARGET);
    if (!prove->boot_path) {
        tool_fail(prove->json && !prove->json_path, ONESLOT_ERROR_IMAGE_NEEDS_BOOT,
                  "a user1 image needs --boot with Espressif's boot loader");
        return false;
    }
    if (!read_whole(prove, prove->boot_path, &boot, &boot_size))
        return false;
    memcpy(*bytes, boot, boot_size < USER1_TARGET ? boot_size : USER1_TARGET);
    free(boot);
    return true;
}

/// Files that must come through unharmed, in directories, small and large.
static void add_files(struct prove *prove) {
    static const char boot[] = "import gc\ngc.collect()\n";
    static const char settings[] = "{\"name\": \"garden\", \"interval\": 600}\n";
    enum { LOG_SIZE = 20000 };
    uint64_t random = 7;
    prove->log = malloc(LOG_SIZE);
    if (!prove->log)
        abort();
    for (uint32_t i = 0; i < LOG_SIZE; i++)
        prove->log[i] = (uint8_t)nor_next_random(&random);
    const struct sim_file files[] = {{"/boot.py", boot, sizeof boot - 1},
                                     {"/main.py", "import machine\n", 15},
                                     {"/settings.json", settings, sizeof settings - 1},
                                     {"/lib/sensors/log.bin", prove->log, LOG_SIZE},
                                     {"/lib/empty", "", 0}};
    memcpy(prove->files, files, sizeof files);
    prove->settings.provision.file = prove->files;
    prove->settings.provision.files = sizeof files / sizeof *files;
}

/// Bytes that are no firmware would be told as bricks: the device that is simulated must have been alive.
static bool is_firmware(const struct prove *prove, const uint8_t *bytes, uint32_t size) {
    struct firmware firmware;
    firmware_read(&firmware, bytes, size);
    if (firmware.error != ONESLOT_ERROR_NONE)
        tool_fail(prove->json && !prove->json_path, firmware.error, "%s: %s", prove->old_path,
                  oneslot_error_text(firmware.error));
    return firmware.error == ONESLOT_ERROR_NONE;
}

static bool load_images(struct prove *prove) {
    struct campaign_settings *settings = &prove->settings;
    uint8_t *old_file = NULL;
    uint32_t old_size;
    if (!read_whole(prove, prove->old_path, &old_file, &old_size))
        return false;
    bool loaded = is_firmware(prove, old_file, old_size) &&
                  compose(prove, old_file, old_size, &prove->old_bytes, &settings->provision.firmware_size) &&
                  read_whole(prove, prove->new_path, &prove->file, &settings->file_size) &&
                  compose(prove, prove->file, settings->file_size, &prove->new_bytes, &settings->new_firmware.size);
    free(old_file);
    settings->provision.firmware = prove->old_bytes;
    settings->new_firmware.bytes = prove->new_bytes;
    settings->file = prove->file;
    add_files(prove);
    return loaded;
}

/* Progress. */

/// A line that is written over itself is for a terminal that can do so.
static bool shows_progress(void) {
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) && (term == NULL || strcmp(term, "dumb") != 0);
}

static void show_progress(void *context, uint64_t done, uint64_t cases, uint64_t cuts, uint64_t failures) {
    const struct prove *prove = context;
    double spent = seconds_now() - prove->start;
    double rate = spent > 0 ? (double)done / spent : 0;
    unsigned left = rate > 0 ? (unsigned)((double)(cases - done) / rate + 0.5) : 0;
    int filled = cases ? (int)(done * BAR_WIDTH / cases) : 0;
    char bar[BAR_WIDTH + 1];
    for (int i = 0; i < BAR_WIDTH; i++)
        bar[i] = i < filled ? '#' : '.';
    bar[BAR_WIDTH] = 0;
    if (terminal_columns(stderr) < PROGRESS_COLUMNS) {
        fprintf(stderr, "\r%3u%% %llu/%llu %llu broken ", cases ? (unsigned)(done * 100 / cases) : 0,
                (unsigned long long)done, (unsigned long long)cases, (unsigned long long)failures);
        fflush(stderr);
        return;
    }
    fprintf(stderr, "\r[%s] %3u%%  %llu/%llu cases  %llu cuts  %.0f/s  %u:%02u left  %llu broken ", bar,
            cases ? (unsigned)(done * 100 / cases) : 0, (unsigned long long)done, (unsigned long long)cases,
            (unsigned long long)cuts, rate, left / 60, left % 60, (unsigned long long)failures);
    fflush(stderr);
}

/* Reports. */

static double milliseconds(uint64_t nanoseconds) {
    return (double)nanoseconds / 1e6;
}

static void write_upgrade(FILE *out, const struct prove *prove, const struct campaign_report *report) {
    const struct nor_statistics *flash = &report->upgrade;
    fprintf(out, "upgrade  %s -> %s, %u bytes%s\n", prove->old_path, prove->new_path,
            (unsigned)prove->settings.file_size, report->sha256 ? ", SHA-256 in the request" : "");
    fprintf(out, "         %u operations: %llu block erases, %llu sector erases, %llu programs\n",
            (unsigned)report->operations, (unsigned long long)flash->block_erases,
            (unsigned long long)flash->sector_erases, (unsigned long long)flash->programs);
    fprintf(out, "         simulated flash time %.1f s: erase %.1f s, program %.1f s, read %.1f s (%llu bytes)\n",
            milliseconds(flash->erase_time + flash->program_time + flash->read_time) / 1e3,
            milliseconds(flash->erase_time) / 1e3, milliseconds(flash->program_time) / 1e3,
            milliseconds(flash->read_time) / 1e3, (unsigned long long)flash->read_bytes);
}

static void write_cases(FILE *out, const struct campaign_report *report) {
    fprintf(out, "cases    %llu in %.0f s, %llu cuts, %llu boots, %llu runs of the installer\n",
            (unsigned long long)report->cases, report->seconds, (unsigned long long)report->cuts,
            (unsigned long long)report->boots, (unsigned long long)report->installs);
    for (uint32_t i = 0; i < CAMPAIGN_KIND_COUNT; i++)
        fprintf(out, "         %-8s %8llu  %s\n", campaign_kind_name((enum campaign_kind)i),
                (unsigned long long)report->cases_of[i], campaign_kind_text((enum campaign_kind)i));
    fprintf(out, "chains  ");
    for (uint32_t i = 2; i <= CAMPAIGN_CHAIN_MAX; i++)
        fprintf(out, " %llu of %u cuts%s", (unsigned long long)report->chains_of[i], (unsigned)i,
                i < CAMPAIGN_CHAIN_MAX ? "," : "\n");
    fprintf(out, "tears   ");
    for (uint32_t i = 0; i < NOR_TEAR_COUNT; i++)
        fprintf(out, " %s %llu%s", nor_tear_name((enum nor_tear)i), (unsigned long long)report->tears[i],
                i + 1 < NOR_TEAR_COUNT ? "," : "\n");
    fprintf(out,
            "flash    %llu erases and %llu programs in all, %.1f hours of flash time; most worn sector of a case: "
            "%u erases\n",
            (unsigned long long)report->flash.sector_erases + (unsigned long long)report->flash.block_erases,
            (unsigned long long)report->flash.programs,
            milliseconds(report->flash.erase_time + report->flash.program_time + report->flash.read_time) / 3.6e6,
            (unsigned)report->wear_max);
}

static void write_text(FILE *out, const struct prove *prove, const struct campaign_report *report) {
    write_upgrade(out, prove, report);
    write_cases(out, report);
    fprintf(out, "result   ");
    for (uint32_t i = CAMPAIGN_BRICK; i < CAMPAIGN_VERDICT_COUNT; i++)
        fprintf(out, "%s %llu%s", campaign_verdict_name((enum campaign_verdict)i),
                (unsigned long long)report->verdicts[i], i + 1 < CAMPAIGN_VERDICT_COUNT ? ", " : "\n");
    for (uint32_t i = 0; i < report->failures; i++)
        fprintf(out, "  %s: %s (%s)\n    oneslot prove %s %s --replay %s\n",
                campaign_verdict_name(report->failure[i].verdict), report->failure[i].text,
                campaign_verdict_text(report->failure[i].verdict), prove->old_path, prove->new_path,
                report->failure[i].name);
    fprintf(out, "%s\n", campaign_failures(report) == 0 ? "all promises kept" : "PROMISES BROKEN");
}

static void write_statistics(struct json *json, const char *key, const struct nor_statistics *flash) {
    json_object(json, key);
    json_number(json, "block_erases", flash->block_erases);
    json_number(json, "sector_erases", flash->sector_erases);
    json_number(json, "programs", flash->programs);
    json_number(json, "programmed_bytes", flash->programmed_bytes);
    json_number(json, "reads", flash->reads);
    json_number(json, "read_bytes", flash->read_bytes);
    json_number(json, "erase_ms", flash->erase_time / 1000000u);
    json_number(json, "program_ms", flash->program_time / 1000000u);
    json_number(json, "read_ms", flash->read_time / 1000000u);
    json_object_end(json);
}

static void write_counts(struct json *json, const struct campaign_report *report) {
    json_object(json, "kinds");
    for (uint32_t i = 0; i < CAMPAIGN_KIND_COUNT; i++)
        json_number(json, campaign_kind_name((enum campaign_kind)i), report->cases_of[i]);
    json_object_end(json);
    json_object(json, "tears");
    for (uint32_t i = 0; i < NOR_TEAR_COUNT; i++)
        json_number(json, nor_tear_name((enum nor_tear)i), report->tears[i]);
    json_object_end(json);
    json_array(json, "chains_by_cuts");
    for (uint32_t i = 0; i <= CAMPAIGN_CHAIN_MAX; i++)
        json_number(json, NULL, report->chains_of[i]);
    json_array_end(json);
    json_object(json, "verdicts");
    for (uint32_t i = 0; i < CAMPAIGN_VERDICT_COUNT; i++)
        json_number(json, campaign_verdict_name((enum campaign_verdict)i), report->verdicts[i]);
    json_object_end(json);
}

static void write_json(FILE *out, const struct prove *prove, const struct campaign_report *report) {
    struct json json;
    char text[80];
    uint64_t failures = campaign_failures(report);
    snprintf(text, sizeof text, "%llu of %llu cases broke a promise", (unsigned long long)failures,
             (unsigned long long)report->cases);
    tool_json_begin(&json, out, failures > 0 ? "PROMISE_BROKEN" : NULL, text);
    json_string(&json, "old", prove->old_path);
    json_string(&json, "new", prove->new_path);
    json_number(&json, "size", prove->settings.file_size);
    json_number(&json, "flash_size", prove->settings.provision.flash_size);
    json_number(&json, "seed", prove->settings.seed);
    json_bool(&json, "sha256_in_request", report->sha256);
    json_number(&json, "operations", report->operations);
    json_number(&json, "request_operations", report->request_operations);
    write_statistics(&json, "upgrade", &report->upgrade);
    json_number(&json, "cases", report->cases);
    json_number(&json, "cuts", report->cuts);
    json_number(&json, "bricks", report->verdicts[CAMPAIGN_BRICK]);
    json_number(&json, "wrong_firmware", report->verdicts[CAMPAIGN_WRONG]);
    json_number(&json, "lost_files", report->verdicts[CAMPAIGN_LOST]);
    json_number(&json, "violations", report->verdicts[CAMPAIGN_VIOLATION]);
    json_number(&json, "failures", campaign_failures(report));
    write_counts(&json, report);
    json_number(&json, "faults_hit", report->faults_hit);
    json_number(&json, "boots", report->boots);
    json_number(&json, "installer_runs", report->installs);
    json_number(&json, "wear_max", report->wear_max);
    write_statistics(&json, "flash", &report->flash);
    json_number(&json, "seconds", (uint64_t)(report->seconds + 0.5));
    json_array(&json, "broken");
    for (uint32_t i = 0; i < report->failures; i++) {
        json_object(&json, NULL);
        json_string(&json, "case", report->failure[i].name);
        json_string(&json, "verdict", campaign_verdict_name(report->failure[i].verdict));
        json_string(&json, "message", report->failure[i].text);
        json_object_end(&json);
    }
    json_array_end(&json);
    tool_json_end(&json);
}

typedef void write_report(FILE *out, const struct prove *prove, const struct campaign_report *report);

static bool write_to(const char *path, const struct prove *prove, const struct campaign_report *report,
                     write_report *write) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        abort();
    write(memory, prove, report);
    if (fclose(memory) != 0)
        abort();
    int status = output_write(path, OUTPUT_TEXT, text, length, prove->json && !prove->json_path);
    free(text);
    return status == TOOL_OK;
}

/// What is wrong with the places of the reports is told now and not after hours.
static int claim_reports(const struct prove *prove) {
    bool json = prove->json && !prove->json_path;
    int status = TOOL_OK;
    if (prove->json_path)
        status = output_claim("prove", "--json", prove->json_path, OUTPUT_TEXT, json);
    if (status == TOOL_OK && prove->report_path)
        status = output_claim("prove", "--report", prove->report_path, OUTPUT_TEXT, json);
    return status;
}

/* The command. */

static int run_campaign(struct prove *prove) {
    struct campaign_report report;
    char message[160] = "";
    bool terminal = shows_progress();
    if (terminal)
        prove->settings.progress = show_progress;
    prove->settings.progress_context = prove;
    prove->start = seconds_now();
    bool works = campaign_run(&prove->settings, &report, message);
    if (terminal)
        fputs("\n", stderr);
    if (!works)
        return tool_fail(prove->json && !prove->json_path, ONESLOT_ERROR_NONE, "%s -> %s: %s", prove->old_path,
                         prove->new_path, message);
    if (prove->json && !prove->json_path)
        write_json(stdout, prove, &report);
    else
        write_text(stdout, prove, &report);
    bool written = !prove->json_path || write_to(prove->json_path, prove, &report, write_json);
    if (prove->report_path)
        written = write_to(prove->report_path, prove, &report, write_text) && written;
    return written && campaign_failures(&report) == 0 ? TOOL_OK : TOOL_FAILED;
}

static int replay(const struct prove *prove) {
    enum campaign_verdict verdict;
    char message[160] = "";
    struct prove_replay told;
    prove_replay_begin(&told, prove->json && !prove->json_path);
    if (!campaign_replay(&prove->settings, prove->replay, told.out, &verdict, message)) {
        prove_replay_drop(&told);
        return tool_fail(false, ONESLOT_ERROR_NONE, "%s", message);
    }
    return prove_replay_end(&told, prove->replay, verdict);
}

static int tell_stories(const struct prove *prove) {
    return prove_stories(&(struct prove_stories){.campaign = &prove->settings,
                                                 .old_path = prove->old_path,
                                                 .new_path = prove->new_path,
                                                 .key = prove->key,
                                                 .replay = prove->replay,
                                                 .lives = prove->lives,
                                                 .json_path = prove->json_path,
                                                 .json = prove->json,
                                                 .progress = shows_progress()});
}

static int run(struct prove *prove) {
    if (!load_images(prove))
        return TOOL_FAILED;
    int status = claim_reports(prove);
    if (status != TOOL_OK)
        return status;
    if (prove->stories || prove->lives > 0)
        return tell_stories(prove);
    return prove->replay ? replay(prove) : run_campaign(prove);
}

int cmd_prove(int argc, char **argv) {
    struct prove prove;
    memset(&prove, 0, sizeof prove);
    prove.settings.provision.flash_size = 4u * 1024u * 1024u;
    prove.settings.seed = 1;
    prove.settings.chains = UINT32_MAX;
    prove.settings.faults = 2000;
    prove.settings.step = 1;
    prove.settings.jobs = 2;
    int status = take_options(&prove, argc, argv);
    if (status == TOOL_OK && prove.help)
        status = tool_help(HELP);
    else if (status == TOOL_OK)
        status = run(&prove);
    free(prove.old_bytes);
    free(prove.new_bytes);
    free(prove.file);
    free(prove.log);
    return status;
}
