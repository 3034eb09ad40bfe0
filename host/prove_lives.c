#include "host/prove_lives.h"

#include <stdlib.h>
#include <string.h>

#include "host/json.h"
#include "host/output.h"
#include "host/terminal.h"
#include "host/tool.h"
#include "sim/lives.h"

static void show_progress(void *context, uint64_t done, uint64_t cases, uint64_t cuts, uint64_t failures) {
    (void)context;
    fprintf(stderr, "\rlives %3u%%  %llu/%llu ", cases ? (unsigned)(done * 100 / cases) : 0, (unsigned long long)done,
            (unsigned long long)cases);
    if (terminal_columns(stderr) >= PROGRESS_COLUMNS)
        fprintf(stderr, " %llu cuts  %llu broken ", (unsigned long long)cuts, (unsigned long long)failures);
    fflush(stderr);
}

static struct lives_settings make_settings(const struct prove_stories *prove, const struct story_settings *story,
                                           const struct kit_image *old_image, const struct kit_image *new_image) {
    const struct campaign_settings *campaign = prove->campaign;
    struct lives_settings settings = {
        .provision = story->provision,
        .firmwares = 2,
        .package = story->new_package,
        .seed = campaign->seed,
        .lives = prove->lives,
        .jobs = campaign->jobs,
        .progress = prove->progress ? show_progress : NULL,
    };
    settings.firmware[0].flash = (struct sim_firmware){campaign->provision.firmware, campaign->provision.firmware_size};
    settings.firmware[0].image = (struct story_bytes){old_image->bytes, old_image->size};
    settings.firmware[1].flash = campaign->new_firmware;
    settings.firmware[1].image = (struct story_bytes){new_image->bytes, new_image->size};
    settings.provision.trust = NULL; // files may be plain: signed ones are the stories'
    settings.provision.version = (struct oneslot_version){0};
    if (story->provision.installer && story->new_installer_package.bytes) {
        settings.new_installer_package = story->new_installer_package;
        settings.new_installer = story->new_installer;
    }
    return settings;
}

/* Reports. */

static void write_text(const struct prove_stories *prove, const struct lives_report *report) {
    const struct campaign_report *campaign = &report->campaign;
    printf("lives    %s, %s\n\n", prove->old_path, prove->new_path);
    for (uint32_t i = 0; i < LIVES_DEED_COUNT; i++)
        printf("%10llu  %-10s %s\n", (unsigned long long)report->deeds[i], lives_deed_name((enum lives_deed)i),
               lives_deed_text((enum lives_deed)i));
    printf(
        "\n%llu lives, %llu power cuts, %llu starts with disturbed reads, %llu worn sectors, %llu rotten bits,\n%llu "
        "damaged applications that were mended\n",
        (unsigned long long)campaign->cases, (unsigned long long)campaign->cuts, (unsigned long long)report->disturbed,
        (unsigned long long)report->worn, (unsigned long long)report->rotten, (unsigned long long)report->mended);
    printf("%llu changes of firmware, %llu starts, %.0f s\n", (unsigned long long)report->upgrades,
           (unsigned long long)campaign->boots, campaign->seconds);
    for (uint32_t i = 0; i < campaign->failures; i++)
        printf("  %s: %s\n    --lives 1 --replay %s\n", campaign_verdict_name(campaign->failure[i].verdict),
               campaign->failure[i].text, campaign->failure[i].name);
    puts(campaign_failures(campaign) == 0 ? "all promises kept" : "PROMISES BROKEN");
}

static void write_json(FILE *out, const struct prove_stories *prove, const struct lives_report *report) {
    const struct campaign_report *campaign = &report->campaign;
    struct json json;
    char text[80];
    uint64_t broken = campaign_failures(campaign);
    snprintf(text, sizeof text, "%llu lives broke a promise", (unsigned long long)broken);
    tool_json_begin(&json, out, broken > 0 ? "PROMISE_BROKEN" : NULL, text);
    json_string(&json, "old", prove->old_path);
    json_string(&json, "new", prove->new_path);
    json_number(&json, "seed", prove->campaign->seed);
    json_number(&json, "lives", campaign->cases);
    json_number(&json, "cuts", campaign->cuts);
    json_number(&json, "disturbed", report->disturbed);
    json_number(&json, "worn", report->worn);
    json_number(&json, "rotten", report->rotten);
    json_number(&json, "mended", report->mended);
    json_number(&json, "upgrades", report->upgrades);
    json_number(&json, "boots", campaign->boots);
    json_number(&json, "failures", broken);
    json_number(&json, "seconds", (uint64_t)(campaign->seconds + 0.5));
    json_object(&json, "deeds");
    for (uint32_t i = 0; i < LIVES_DEED_COUNT; i++)
        json_number(&json, lives_deed_name((enum lives_deed)i), report->deeds[i]);
    json_object_end(&json);
    json_array(&json, "broken");
    for (uint32_t i = 0; i < campaign->failures; i++) {
        json_object(&json, NULL);
        json_string(&json, "life", campaign->failure[i].name);
        json_string(&json, "verdict", campaign_verdict_name(campaign->failure[i].verdict));
        json_string(&json, "message", campaign->failure[i].text);
        json_object_end(&json);
    }
    json_array_end(&json);
    tool_json_end(&json);
}

static int write_json_file(const struct prove_stories *prove, const struct lives_report *report) {
    char *text = NULL;
    size_t length = 0;
    FILE *memory = open_memstream(&text, &length);
    if (!memory)
        abort();
    write_json(memory, prove, report);
    if (fclose(memory) != 0)
        abort();
    int status = output_write(prove->json_path, OUTPUT_TEXT, text, length, false);
    free(text);
    return status;
}

/* The command. */

static int replay(const struct prove_stories *prove, const struct lives_settings *settings) {
    enum campaign_verdict verdict;
    char message[160] = "";
    struct prove_replay told;
    prove_replay_begin(&told, prove->json && !prove->json_path);
    if (!lives_replay(settings, prove->replay, told.out, &verdict, message)) {
        prove_replay_drop(&told);
        return tool_fail(false, ONESLOT_ERROR_NONE, "%s", message);
    }
    return prove_replay_end(&told, prove->replay, verdict);
}

int prove_lives(const struct prove_stories *prove, const struct story_settings *story,
                const struct kit_image *old_image, const struct kit_image *new_image) {
    struct lives_settings settings = make_settings(prove, story, old_image, new_image);
    struct lives_report report;
    char message[160] = "";
    bool json = prove->json && !prove->json_path;
    if (prove->replay)
        return replay(prove, &settings);
    bool works = lives_run(&settings, &report, message);
    if (prove->progress)
        fputs("\n", stderr);
    if (!works)
        return tool_fail(json, ONESLOT_ERROR_NONE, "%s -> %s: %s", prove->old_path, prove->new_path, message);
    if (json)
        write_json(stdout, prove, &report);
    else
        write_text(prove, &report);
    int status = prove->json_path ? write_json_file(prove, &report) : TOOL_OK;
    return status == TOOL_OK && campaign_failures(&report.campaign) == 0 ? TOOL_OK : TOOL_FAILED;
}
