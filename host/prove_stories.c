// strsep() is none of POSIX's.
#define _DEFAULT_SOURCE

#include "host/prove_stories.h"

#include <stdlib.h>
#include <string.h>

#include "host/embedded.h"
#include "host/firmware.h"
#include "host/json.h"
#include "host/output.h"
#include "host/pack/kit.h"
#include "host/prove_lives.h"
#include "host/terminal.h"
#include "host/tool.h"

#define USER1_TARGET 0x1000u

/// All stories of one call.
struct stories {
    const struct prove_stories *prove;
    struct story_settings settings;
    struct kit kit;
    struct kit_image old_image;
    struct kit_image new_image;
    uint8_t *installer; ///< the new one
    bool possible[STORY_COUNT];
    struct story_report report[STORY_COUNT];
    enum story now;
};

/// The image alone: behind Espressif's boot loader, a user1 image.
static struct kit_image image_of(const struct sim_firmware *from) {
    struct firmware firmware;
    if (from->size > USER1_TARGET) {
        firmware_read(&firmware, from->bytes + USER1_TARGET, from->size - USER1_TARGET);
        if (firmware.image.kind == ONESLOT_IMAGE_USER1 && firmware.error == ONESLOT_ERROR_NONE)
            return (struct kit_image){firmware.bytes, firmware.size, ONESLOT_IMAGE_USER1};
    }
    firmware_read(&firmware, from->bytes, from->size);
    return (struct kit_image){from->bytes, from->size, (uint8_t)firmware.image.kind};
}

/// A new installer: the tool's own with two bytes changed, which leaves its checksum right.
static bool add_installers(struct stories *stories, const uint8_t *start, const uint8_t *end) {
    struct story_settings *settings = &stories->settings;
    uint32_t size = (uint32_t)(end - start);
    stories->installer = malloc(size);
    if (!stories->installer)
        return false;
    memcpy(stories->installer, start, size);
    stories->installer[size / 2] ^= 1;
    stories->installer[size / 2 + 1] ^= 1;
    settings->provision.installer = start;
    settings->provision.installer_size = size;
    settings->new_installer = (struct sim_firmware){stories->installer, size};
    return true;
}

static void show_progress(void *context, uint64_t done, uint64_t cases, uint64_t cuts, uint64_t failures) {
    const struct stories *stories = context;
    if (terminal_columns(stderr) < PROGRESS_COLUMNS) {
        fprintf(stderr, "\r%-14.14s %3u%% %llu broken ", story_name(stories->now),
                cases ? (unsigned)(done * 100 / cases) : 0, (unsigned long long)failures);
        fflush(stderr);
        return;
    }
    fprintf(stderr, "\r%-14s %3u%%  %llu/%llu cases  %llu cuts  %llu broken ", story_name(stories->now),
            cases ? (unsigned)(done * 100 / cases) : 0, (unsigned long long)done, (unsigned long long)cases,
            (unsigned long long)cuts, (unsigned long long)failures);
    fflush(stderr);
}

/// Makes keys and packages. Returns the tool's exit status.
static int make_parts(struct stories *stories) {
    const struct prove_stories *prove = stories->prove;
    const struct campaign_settings *campaign = prove->campaign;
    struct story_settings *settings = &stories->settings;
    const struct sim_firmware old_firmware = {campaign->provision.firmware, campaign->provision.firmware_size};
    settings->provision = campaign->provision;
    settings->new_firmware = campaign->new_firmware;
    settings->seed = campaign->seed;
    settings->chains = campaign->chains;
    settings->changes = campaign->changes;
    settings->step = campaign->step;
    settings->jobs = campaign->jobs;
    settings->progress = prove->progress ? show_progress : NULL;
    settings->progress_context = stories;
    if (prove->key) {
        int status = key_load(&stories->kit.key, prove->key, NULL, prove->json);
        if (status != TOOL_OK)
            return status;
        if (!stories->kit.key.secret)
            return tool_fail(prove->json, ONESLOT_ERROR_NONE, "%s is a public key; the private one signs", prove->key);
    } else if (!key_make(&stories->kit.key)) {
        return tool_fail(prove->json, ONESLOT_ERROR_NONE, "the system gives no random numbers");
    }
    bool esp32 = campaign->provision.chip != NULL;
    stories->old_image = image_of(&old_firmware);
    stories->new_image = image_of(&settings->new_firmware);
    if (!key_make(&stories->kit.stranger) ||
        (!esp32 && !add_installers(stories, embedded_installer, embedded_installer_end)) ||
        !kit_create(&stories->kit, &stories->old_image, &stories->new_image, &stories->old_image, settings))
        return tool_fail(prove->json, ONESLOT_ERROR_NONE, "the packages could not be made");
    return TOOL_OK;
}

/* Reports. */

static uint64_t broken_promises(const struct stories *stories) {
    uint64_t broken = 0;
    for (uint32_t i = 0; i < STORY_COUNT; i++)
        broken += campaign_failures(&stories->report[i].campaign);
    return broken;
}

static void write_text(const struct stories *stories) {
    const struct prove_stories *prove = stories->prove;
    printf("stories  %s -> %s, signed and compressed\n\n", prove->old_path, prove->new_path);
    printf("%-15s %10s %8s %8s %8s %6s %6s %6s %6s %6s %5s\n", "story", "operations", "cases", "cuts", "kept", "brick",
           "wrong", "lost", "floor", "other", "wear");
    for (uint32_t i = 0; i < STORY_COUNT; i++) {
        const struct campaign_report *report = &stories->report[i].campaign;
        const uint64_t *verdicts = report->verdicts;
        if (!stories->possible[i])
            continue;
        uint64_t shown =
            verdicts[CAMPAIGN_BRICK] + verdicts[CAMPAIGN_WRONG] + verdicts[CAMPAIGN_LOST] + verdicts[CAMPAIGN_FLOOR];
        printf("%-15s %10u %8llu %8llu %8llu %6llu %6llu %6llu %6llu %6llu %5u\n", story_name((enum story)i),
               (unsigned)report->operations, (unsigned long long)report->cases, (unsigned long long)report->cuts,
               (unsigned long long)verdicts[CAMPAIGN_KEPT], (unsigned long long)verdicts[CAMPAIGN_BRICK],
               (unsigned long long)verdicts[CAMPAIGN_WRONG], (unsigned long long)verdicts[CAMPAIGN_LOST],
               (unsigned long long)verdicts[CAMPAIGN_FLOOR], (unsigned long long)(campaign_failures(report) - shown),
               (unsigned)report->wear_max);
    }
    putchar('\n');
    for (uint32_t i = 0; i < STORY_COUNT; i++) {
        const struct story_report *report = &stories->report[i];
        if (!stories->possible[i])
            continue;
        printf("%-15s %s", story_name((enum story)i), story_text((enum story)i));
        for (uint32_t end = STORY_END_TOLD + 1; end < STORY_END_COUNT; end++) {
            if (report->ends[end] > 0)
                printf("; %llu %s", (unsigned long long)report->ends[end], story_end_name((enum story_end)end));
        }
        putchar('\n');
        for (uint32_t at = 0; at < report->campaign.failures; at++)
            printf("  %s: %s\n    --stories --replay %s:%s\n",
                   campaign_verdict_name(report->campaign.failure[at].verdict), report->campaign.failure[at].text,
                   story_name((enum story)i), report->campaign.failure[at].name);
    }
    puts(broken_promises(stories) == 0 ? "all promises kept" : "PROMISES BROKEN");
}

static void write_story(struct json *json, enum story story, const struct story_report *report) {
    const struct campaign_report *campaign = &report->campaign;
    json_object(json, NULL);
    json_string(json, "story", story_name(story));
    json_number(json, "operations", campaign->operations);
    json_number(json, "cases", campaign->cases);
    json_number(json, "cuts", campaign->cuts);
    json_number(json, "failures", campaign_failures(campaign));
    json_number(json, "boots", campaign->boots);
    json_number(json, "installer_runs", campaign->installs);
    json_number(json, "wear", report->wear);
    json_number(json, "wear_max", campaign->wear_max);
    json_number(json, "seconds", (uint64_t)(campaign->seconds + 0.5));
    json_object(json, "verdicts");
    for (uint32_t i = 0; i < CAMPAIGN_VERDICT_COUNT; i++)
        json_number(json, campaign_verdict_name((enum campaign_verdict)i), campaign->verdicts[i]);
    json_object_end(json);
    json_object(json, "ends");
    for (uint32_t i = 0; i < STORY_END_COUNT; i++)
        json_number(json, story_end_name((enum story_end)i), report->ends[i]);
    json_object_end(json);
    json_array(json, "broken");
    for (uint32_t i = 0; i < campaign->failures; i++) {
        json_object(json, NULL);
        json_string(json, "case", campaign->failure[i].name);
        json_string(json, "verdict", campaign_verdict_name(campaign->failure[i].verdict));
        json_string(json, "message", campaign->failure[i].text);
        json_object_end(json);
    }
    json_array_end(json);
    json_object_end(json);
}

static void write_json(const struct stories *stories, FILE *out) {
    struct json json;
    char text[80];
    uint64_t broken = broken_promises(stories);
    snprintf(text, sizeof text, "%llu cases broke a promise", (unsigned long long)broken);
    tool_json_begin(&json, out, broken > 0 ? "PROMISE_BROKEN" : NULL, text);
    json_string(&json, "old", stories->prove->old_path);
    json_string(&json, "new", stories->prove->new_path);
    json_number(&json, "seed", stories->settings.seed);
    json_array(&json, "stories");
    for (uint32_t i = 0; i < STORY_COUNT; i++) {
        if (stories->possible[i])
            write_story(&json, (enum story)i, &stories->report[i]);
    }
    json_array_end(&json);
    tool_json_end(&json);
}

static int write_json_file(const struct stories *stories) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        abort();
    write_json(stories, memory);
    if (fclose(memory) != 0)
        abort();
    int status = output_write(stories->prove->json_path, OUTPUT_TEXT, text, length, false);
    free(text);
    return status;
}

static int report_all(const struct stories *stories) {
    const struct prove_stories *prove = stories->prove;
    if (!prove->json || prove->json_path)
        write_text(stories);
    int status = TOOL_OK;
    if (prove->json_path)
        status = write_json_file(stories);
    else if (prove->json)
        write_json(stories, stdout);
    return status == TOOL_OK && broken_promises(stories) == 0 ? TOOL_OK : TOOL_FAILED;
}

/* The command. */

static int live_all(struct stories *stories) {
    const struct prove_stories *prove = stories->prove;
    for (uint32_t i = 0; i < STORY_COUNT; i++) {
        char message[160] = "";
        stories->now = (enum story)i;
        stories->possible[i] = story_possible(stories->now, &stories->settings);
        if (!stories->possible[i])
            continue;
        bool works = story_run(stories->now, &stories->settings, &stories->report[i], message);
        if (prove->progress)
            fputs("\n", stderr);
        if (!works)
            return tool_fail(prove->json && !prove->json_path, ONESLOT_ERROR_NONE, "%s: %s", story_name(stories->now),
                             message);
    }
    return report_all(stories);
}

static int replay(const struct stories *stories) {
    const char *name = stories->prove->replay;
    size_t length = strcspn(name, ":");
    enum story story = story_from_name(name, length);
    enum campaign_verdict verdict;
    char message[160] = "";
    if (story == STORY_COUNT || name[length] == 0)
        return tool_fail(false, ONESLOT_ERROR_NONE, "\"%s\" names no case: STORY:SEED:KIND:NUMBER:TEAR", name);
    struct prove_replay told;
    prove_replay_begin(&told, stories->prove->json && !stories->prove->json_path);
    if (!story_replay(story, &stories->settings, name + length + 1, told.out, &verdict, message)) {
        prove_replay_drop(&told);
        return tool_fail(false, ONESLOT_ERROR_NONE, "%s", message);
    }
    return prove_replay_end(&told, name, verdict);
}

void prove_replay_begin(struct prove_replay *told, bool json) {
    *told = (struct prove_replay){.out = stdout};
    if (json)
        told->out = open_memstream(&told->text, &told->length);
    if (!told->out)
        abort();
}

void prove_replay_drop(struct prove_replay *told) {
    if (told->out != stdout)
        fclose(told->out);
    free(told->text);
}

int prove_replay_end(struct prove_replay *told, const char *name, enum campaign_verdict verdict) {
    bool kept = verdict == CAMPAIGN_KEPT;
    if (told->out == stdout) {
        printf("%s: %s\n", campaign_verdict_name(verdict), campaign_verdict_text(verdict));
        return kept ? TOOL_OK : TOOL_FAILED;
    }
    struct json json;
    fflush(told->out);
    tool_json_begin(&json, stdout, kept ? NULL : "PROMISE_BROKEN", campaign_verdict_text(verdict));
    json_string(&json, "case", name);
    json_string(&json, "verdict", campaign_verdict_name(verdict));
    json_array(&json, "steps");
    for (char *rest = told->text, *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (line[0] != 0)
            json_string(&json, NULL, line);
    }
    json_array_end(&json);
    tool_json_end(&json);
    prove_replay_drop(told);
    return kept ? TOOL_OK : TOOL_FAILED;
}

int prove_stories(const struct prove_stories *prove) {
    struct stories *stories = calloc(1, sizeof *stories);
    if (!stories)
        abort();
    stories->prove = prove;
    int status = make_parts(stories);
    if (status == TOOL_OK && prove->lives > 0)
        status = prove_lives(prove, &stories->settings, &stories->old_image, &stories->new_image);
    else if (status == TOOL_OK)
        status = prove->replay ? replay(stories) : live_all(stories);
    kit_free(&stories->kit);
    free(stories->installer);
    free(stories);
    return status;
}
