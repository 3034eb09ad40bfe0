#include "sim/agenda.h"

#include <stdlib.h>
#include <string.h>

static bool is_cut(const struct nor_operation *what, uint32_t number, uint32_t step) {
    uint32_t page = what->address % ONESLOT_SECTOR_SIZE / ONESLOT_PAGE_SIZE;
    bool amid = what->kind == NOR_PROGRAM && what->length == ONESLOT_PAGE_SIZE && page > 0 && page < 15;
    return !amid || number % step == 0;
}

void agenda_create(struct agenda *agenda, const struct track *track, uint32_t step, uint32_t spare_start,
                   uint32_t spare_end) {
    memset(agenda, 0, sizeof *agenda);
    agenda->operation = malloc((track->points + 1) * sizeof *agenda->operation);
    if (!agenda->operation) {
        abort();
    }
    for (uint32_t i = 0; i < track->points; i++) {
        const struct nor_operation *what = &track->point[i].operation;
        bool elsewhere = what->address < spare_start || what->address >= spare_end;
        if (elsewhere ? is_cut(what, i, step) : i % step == 0) {
            agenda->operation[agenda->operations++] = i;
        }
    }
    agenda_add(agenda, CAMPAIGN_CUT, (uint64_t)agenda->operations * NOR_TEAR_COUNT);
}

void agenda_add(struct agenda *agenda, enum campaign_kind kind, uint64_t count) {
    agenda->count[kind] += count;
    agenda->cases += count;
}

void agenda_free(struct agenda *agenda) {
    free(agenda->operation);
    memset(agenda, 0, sizeof *agenda);
}

struct campaign_case agenda_case(const struct agenda *agenda, uint64_t number) {
    struct campaign_case which = {CAMPAIGN_REQUEST, 0, NOR_BEFORE};
    uint32_t kind = 0;
    while (number >= agenda->count[kind]) {
        number -= agenda->count[kind++];
    }
    which.kind = (enum campaign_kind)kind;
    which.number = (uint32_t)number;
    if (which.kind == CAMPAIGN_REQUEST || which.kind == CAMPAIGN_CUT) {
        which.number = (uint32_t)(number / NOR_TEAR_COUNT);
        which.tear = (enum nor_tear)(number % NOR_TEAR_COUNT);
        if (which.kind == CAMPAIGN_CUT) {
            which.number = agenda->operation[which.number];
        }
    }
    return which;
}

void agenda_name(const struct campaign_case *which, uint64_t seed, char *name, size_t size) {
    snprintf(name, size, "%llu:%s:%u:%s", (unsigned long long)seed, campaign_kind_name(which->kind),
             (unsigned)which->number, nor_tear_name(which->tear));
}

/// Takes a number and the colon behind it, or the end of the name.
static bool take_number(const char **name, uint64_t *number) {
    char *end;
    if (**name < '0' || **name > '9') {
        return false;
    }
    *number = strtoull(*name, &end, 10);
    *name = *end == ':' ? end + 1 : end;
    return *end == ':' || *end == 0;
}

static bool take_kind(const char **name, enum campaign_kind *kind) {
    for (uint32_t i = 0; i < CAMPAIGN_KIND_COUNT; i++) {
        const char *text = campaign_kind_name((enum campaign_kind)i);
        size_t length = strlen(text);
        if (strncmp(*name, text, length) == 0 && (*name)[length] == ':') {
            *kind = (enum campaign_kind)i;
            *name += length + 1;
            return true;
        }
    }
    return false;
}

bool agenda_parse(const char *name, uint64_t *seed, struct campaign_case *which) {
    uint64_t number;
    if (!take_number(&name, seed) || !take_kind(&name, &which->kind) || !take_number(&name, &number) ||
        number > UINT32_MAX) {
        return false;
    }
    which->number = (uint32_t)number;
    which->tear = *name ? nor_tear_from_name(name) : NOR_BEFORE;
    return which->tear != NOR_TEAR_COUNT;
}
