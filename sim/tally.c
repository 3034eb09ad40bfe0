#include "sim/tally.h"

#include <stdio.h>
#include <string.h>

static void add_statistics(struct nor_statistics *to, const struct nor_statistics *from) {
    to->sector_erases += from->sector_erases;
    to->block_erases += from->block_erases;
    to->programs += from->programs;
    to->programmed_bytes += from->programmed_bytes;
    to->reads += from->reads;
    to->read_bytes += from->read_bytes;
    to->erase_time += from->erase_time;
    to->program_time += from->program_time;
    to->read_time += from->read_time;
    to->trace += from->trace;
}

void tally_failure(struct campaign_report *report, const struct campaign_case *which, uint64_t seed,
                   enum campaign_verdict verdict, const char *text) {
    report->verdicts[verdict]++;
    if (report->failures == CAMPAIGN_FAILURES) {
        return;
    }
    struct campaign_failure *failure = &report->failure[report->failures++];
    agenda_name(which, seed, failure->name, sizeof failure->name);
    snprintf(failure->text, sizeof failure->text, "%s", text);
    failure->verdict = verdict;
}

void tally_result(struct campaign_report *report, const struct campaign_case *which, uint64_t seed,
                  const struct campaign_result *result) {
    report->cases++;
    report->cases_of[which->kind]++;
    report->cuts += result->cuts;
    for (uint32_t i = 0; i < result->cuts && i < CAMPAIGN_CHAIN_MAX; i++) {
        report->tears[result->tear[i]]++;
    }
    if (which->kind == CAMPAIGN_CHAIN) {
        report->chains_of[result->cuts <= CAMPAIGN_CHAIN_MAX ? result->cuts : CAMPAIGN_CHAIN_MAX]++;
    }
    report->faults_hit += result->fault_hit;
    report->boots += result->boots;
    report->installs += result->installs;
    add_statistics(&report->flash, &result->flash);
    if (result->wear > report->wear_max) {
        report->wear_max = result->wear;
    }
    if (result->verdict == CAMPAIGN_KEPT) {
        report->verdicts[CAMPAIGN_KEPT]++;
    } else {
        tally_failure(report, which, seed, result->verdict, result->text);
    }
}

void tally_report(struct campaign_report *to, const struct campaign_report *from) {
    to->cases += from->cases;
    to->cuts += from->cuts;
    to->faults_hit += from->faults_hit;
    to->boots += from->boots;
    to->installs += from->installs;
    for (uint32_t i = 0; i < CAMPAIGN_KIND_COUNT; i++) {
        to->cases_of[i] += from->cases_of[i];
    }
    for (uint32_t i = 0; i < NOR_TEAR_COUNT; i++) {
        to->tears[i] += from->tears[i];
    }
    for (uint32_t i = 0; i <= CAMPAIGN_CHAIN_MAX; i++) {
        to->chains_of[i] += from->chains_of[i];
    }
    for (uint32_t i = 0; i < CAMPAIGN_VERDICT_COUNT; i++) {
        to->verdicts[i] += from->verdicts[i];
    }
    add_statistics(&to->flash, &from->flash);
    if (from->wear_max > to->wear_max) {
        to->wear_max = from->wear_max;
    }
    for (uint32_t i = 0; i < from->failures && to->failures < CAMPAIGN_FAILURES; i++) {
        to->failure[to->failures++] = from->failure[i];
    }
}

uint64_t campaign_failures(const struct campaign_report *report) {
    uint64_t failures = 0;
    for (uint32_t i = CAMPAIGN_KEPT + 1; i < CAMPAIGN_VERDICT_COUNT; i++) {
        failures += report->verdicts[i];
    }
    return failures;
}

/* Names. */

static const char *const kind_names[] = {
#define KIND_NAME(name, text, sentence) text,
    CAMPAIGN_KINDS(KIND_NAME)
#undef KIND_NAME
};
static const char *const kind_texts[] = {
#define KIND_TEXT(name, text, sentence) sentence,
    CAMPAIGN_KINDS(KIND_TEXT)
#undef KIND_TEXT
};
static const char *const verdict_names[] = {
#define VERDICT_NAME(name, text, sentence) text,
    CAMPAIGN_VERDICTS(VERDICT_NAME)
#undef VERDICT_NAME
};
static const char *const verdict_texts[] = {
#define VERDICT_TEXT(name, text, sentence) sentence,
    CAMPAIGN_VERDICTS(VERDICT_TEXT)
#undef VERDICT_TEXT
};

const char *campaign_kind_name(enum campaign_kind kind) {
    return kind_names[kind];
}

const char *campaign_kind_text(enum campaign_kind kind) {
    return kind_texts[kind];
}

const char *campaign_verdict_name(enum campaign_verdict verdict) {
    return verdict_names[verdict];
}

const char *campaign_verdict_text(enum campaign_verdict verdict) {
    return verdict_texts[verdict];
}
