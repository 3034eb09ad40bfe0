/*
 * Flash maps as text: a bar to scale, each region with its letter, and a row for each region and gap.
 */
#include <stdlib.h>
#include <string.h>

#include "host/map/picture.h"

/// Rows get what a wide terminal has room for.
#define WIDTH_KIND    76u
#define WIDTH_SECTORS 90u
/// Below it a region's name has a line of its own.
#define WIDTH_ONE_LINE 60u
#define KEYS           "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define KEY_FREE       '.'
/// Overlaps told of one region: a hostile table has hundreds, and the check names more.
#define FAULTS_TOLD 3u
#define KEY_OVERLAP '!'

/// SGR colours by kind: background and what is readable on it.
static const char *const COLOURS[PICTURE_KINDS] = {
    [PICTURE_FIRMWARE] = "\033[97;44m", [PICTURE_NATIVE] = "\033[30;43m",  [PICTURE_FILE_SYSTEM] = "\033[30;42m",
    [PICTURE_USER] = "\033[30;46m",     [PICTURE_ONESLOT] = "\033[97;45m", [PICTURE_SYSTEM] = "\033[97;100m",
    [PICTURE_FREE] = "\033[2m",
};

struct page {
    FILE *out;
    unsigned width;
    bool colour;
    int digits; ///< of addresses
};

/// A picture with the letters of its spans.
struct lettered {
    struct picture picture;
    char key[PICTURE_SPANS];
};

static void set(const struct page *page, const char *colour) {
    if (page->colour) {
        fputs(colour, page->out);
    }
}

static void reset(const struct page *page) {
    set(page, "\033[0m");
}

/// Words in lines of the page's width, each `indent` columns in.
static void paragraph(const struct page *page, unsigned indent, const char *text) {
    unsigned at = 0;
    while (*text != 0) {
        size_t word = strcspn(text, " ");
        unsigned room = page->width - indent;
        if (word > room) {
            word = room;
        }
        if (at > 0 && at + 1 + word > page->width) {
            fputc('\n', page->out);
            at = 0;
        }
        if (at == 0) {
            at = (unsigned)fprintf(page->out, "%*s%.*s", (int)indent, "", (int)word, text);
        } else {
            at += (unsigned)fprintf(page->out, " %.*s", (int)word, text);
        }
        text += word;
        text += strspn(text, " ");
    }
    fputc('\n', page->out);
}

static void heading(const struct page *page, const struct picture *picture) {
    char name[sizeof picture->map->name];
    char note[sizeof picture->map->note];
    char subtitle[80];
    char line[sizeof name + sizeof subtitle + 2];
    picture_clean(name, sizeof name, picture->map->name);
    picture_clean(note, sizeof note, picture->map->note);
    picture_subtitle(picture, subtitle, sizeof subtitle);
    snprintf(line, sizeof line, "%s: %s", name[0] != 0 ? name : "flash map", subtitle);
    set(page, "\033[1m");
    paragraph(page, 0, line);
    reset(page);
    if (note[0] != 0) {
        paragraph(page, 0, note);
    }
}

/// The span that a piece of the scale is drawn as; NULL for a piece past the flash that nothing covers.
static const struct picture_span *span_at(const struct picture *picture, uint64_t start, uint64_t end,
                                          unsigned *covering) {
    const struct picture_span *found = NULL;
    *covering = 0;
    for (unsigned index = 0; index < picture->count; index++) {
        const struct picture_span *span = &picture->span[index];
        if (span->start <= start && span->end >= end) {
            found = span;
            ++*covering;
        }
    }
    return found;
}

static void bar(const struct page *page, const struct picture_scale *scale, const struct lettered *map) {
    unsigned column = 0;
    for (unsigned index = 0; index + 1 < scale->count; index++) {
        unsigned covering;
        const struct picture_span *span =
            span_at(&map->picture, scale->address[index], scale->address[index + 1], &covering);
        unsigned to = (unsigned)(scale->place[index + 1] + 0.5);
        char letter = ' ';
        if (span != NULL) {
            letter = (char)(covering > 1 ? KEY_OVERLAP : map->key[span - map->picture.span]);
        }
        set(page, span == NULL ? "" : covering > 1 ? "\033[97;41m" : COLOURS[span->kind]);
        for (; column < to; column++) {
            fputc(letter, page->out);
        }
        reset(page);
    }
    fputc('\n', page->out);
}

/// Writes an address under its column, with a tick above, if nothing is there yet.
static void tick(char *ticks, char *labels, unsigned width, double place, uint64_t address) {
    char text[24];
    unsigned length = (unsigned)snprintf(text, sizeof text, "0x%llx", (unsigned long long)address);
    unsigned column = (unsigned)(place + 0.5);
    if (column >= width) {
        column = width - 1;
    }
    unsigned start = column + length > width ? width - length : column;
    unsigned from = start > 0 ? start - 1 : 0;
    unsigned to = start + length < width ? start + length : width - 1;
    if (ticks[column] != ' ') {
        return;
    }
    for (unsigned at = from; at <= to; at++) {
        if (labels[at] != ' ') {
            return;
        }
    }
    ticks[column] = '|';
    memcpy(labels + start, text, length);
}

static void print_trimmed(const struct page *page, char *text) {
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ') {
        text[--length] = 0;
    }
    fprintf(page->out, "%s\n", text);
}

/// Both ends come first, then the window's end, then bounds as far as there is room: those of long pieces before
/// others.
static void axis(const struct page *page, const struct picture_scale *scale, const struct picture *picture) {
    char ticks[PICTURE_WIDTH_MAX + 1];
    char labels[PICTURE_WIDTH_MAX + 1];
    memset(ticks, ' ', sizeof ticks);
    memset(labels, ' ', sizeof labels);
    ticks[page->width] = 0;
    labels[page->width] = 0;
    unsigned last = scale->count - 1;
    tick(ticks, labels, page->width, 0, 0);
    tick(ticks, labels, page->width, page->width, scale->address[last]);
    uint64_t xip = picture_xip_end(picture);
    if (xip != 0 && xip < scale->address[last]) {
        tick(ticks, labels, page->width, picture_scale_place(scale, xip), xip);
    }
    bool done[PICTURE_BOUNDS] = {false};
    for (unsigned round = 1; round < last; round++) {
        unsigned longest = 0;
        for (unsigned index = 1; index < last; index++) {
            if (!done[index] && (longest == 0 || scale->address[index + 1] - scale->address[index] >
                                                     scale->address[longest + 1] - scale->address[longest])) {
                longest = index;
            }
        }
        done[longest] = true;
        tick(ticks, labels, page->width, scale->place[longest], scale->address[longest]);
    }
    set(page, COLOURS[PICTURE_FREE]);
    print_trimmed(page, ticks);
    print_trimmed(page, labels);
    reset(page);
}

static void scale_note(const struct page *page, const struct picture_scale *scale) {
    char size[24];
    char line[200];
    for (unsigned index = 0; index + 1 < scale->count; index++) {
        if (scale->enlarged[index]) {
            uint64_t column = scale->address[scale->count - 1] / page->width;
            snprintf(line, sizeof line, "(to scale, but what has less than a column, %s, is drawn one column wide)",
                     picture_size_text(column / 1024 * 1024, size));
            paragraph(page, 0, line);
            return;
        }
    }
}

static int digits_of(const struct picture *picture, int digits) {
    for (unsigned index = 0; index < picture->count; index++) {
        while (picture->span[index].end >> (4 * digits) != 0) {
            digits++;
        }
    }
    return digits;
}

static void range_text(const struct page *page, const struct picture_span *span, char *text, size_t room) {
    char size[24];
    snprintf(text, room, "0x%0*llx-0x%0*llx %9s", page->digits, (unsigned long long)span->start, page->digits,
             (unsigned long long)span->end, picture_size_text(span->end - span->start, size));
}

static void key(const struct page *page, const struct picture_span *span, char letter) {
    set(page, COLOURS[span->kind]);
    fputc(letter, page->out);
    reset(page);
}

/// Shares are left out where long addresses need their room.
static bool has_share(const struct page *page) {
    return page->digits <= 7 || page->width >= WIDTH_KIND;
}

static void table_head(const struct page *page) {
    if (page->width < WIDTH_ONE_LINE) {
        return;
    }
    set(page, COLOURS[PICTURE_FREE]);
    fprintf(page->out, "  %-*s %-*s %9s", page->digits + 2, "from", page->digits + 2, "up to", "size");
    fputs(page->width >= WIDTH_SECTORS ? " sectors" : "", page->out);
    fputs(has_share(page) ? "  share" : "", page->out);
    fputs("  region\n", page->out);
    reset(page);
}

static void row(const struct page *page, const struct lettered *map, unsigned index) {
    const struct picture_span *span = &map->picture.span[index];
    uint64_t size = span->end - span->start;
    char range[80];
    range_text(page, span, range, sizeof range);
    key(page, span, map->key[index]);
    if (page->width < WIDTH_ONE_LINE) {
        fprintf(page->out, " %s\n ", span->label);
    }
    fprintf(page->out, " %s", range);
    if (page->width >= WIDTH_SECTORS) {
        fprintf(page->out, " %7llu", (unsigned long long)(size / ONESLOT_SECTOR_SIZE));
    }
    if (has_share(page) && span->end <= map->picture.flash) {
        fprintf(page->out, " %5.1f%%", 100.0 * (double)size / (double)map->picture.flash);
    } else if (has_share(page)) {
        fprintf(page->out, " %6s", "-");
    }
    if (page->width < WIDTH_ONE_LINE) {
        fputc('\n', page->out);
    } else if (page->width < WIDTH_KIND || span->kind == PICTURE_FREE) {
        fprintf(page->out, "  %s\n", span->label);
    } else {
        fprintf(page->out, "  %-16s  %s\n", span->label, picture_kind_text(span->kind));
    }
}

static void faults(const struct page *page, const struct picture *picture, unsigned index) {
    const struct picture_span *span = &picture->span[index];
    char line[200];
    char size[24];
    unsigned told = 0;
    for (unsigned before = 0; before < index && told < FAULTS_TOLD; before++) {
        const struct picture_span *other = &picture->span[before];
        if (other->end > span->start && span->end > span->start) {
            told++;
            uint64_t end = other->end < span->end ? other->end : span->end;
            snprintf(line, sizeof line, "! '%s' lies over '%s': %s from 0x%llx on", span->label, other->label,
                     picture_size_text(end - span->start, size), (unsigned long long)span->start);
            set(page, "\033[31m");
            paragraph(page, 2, line);
            reset(page);
        }
    }
    if (span->end > picture->flash) {
        snprintf(line, sizeof line, "! '%s' ends %s past the end of the flash", span->label,
                 picture_size_text(span->end - picture->flash, size));
        set(page, "\033[31m");
        paragraph(page, 2, line);
        reset(page);
    }
}

static void xip_line(const struct page *page) {
    static const char TEXT[] = "- 0x100000: end of the first MiB, the XIP window ";
    if (page->width < WIDTH_ONE_LINE) {
        paragraph(page, 0, TEXT);
        return;
    }
    fputs(TEXT, page->out);
    for (size_t column = sizeof TEXT - 1; column < page->width; column++) {
        fputc('-', page->out);
    }
    fputc('\n', page->out);
}

static void table(const struct page *page, const struct lettered *map) {
    const struct picture *picture = &map->picture;
    uint64_t xip = picture_xip_end(picture);
    bool inside = xip != 0 && xip < picture->flash;
    table_head(page);
    for (unsigned index = 0; index < picture->count; index++) {
        if (inside && picture->span[index].start >= xip) {
            xip_line(page);
            inside = false;
        }
        row(page, map, index);
        faults(page, picture, index);
    }
    char free[24];
    char largest[24];
    char line[200];
    if (picture->gaps == 0) {
        snprintf(line, sizeof line, "nothing is free");
    } else {
        snprintf(line, sizeof line, "free: %s in %u %s%s%s", picture_size_text(picture->free, free), picture->gaps,
                 picture->gaps == 1 ? "gap" : "gaps", picture->gaps == 1 ? "" : ", the largest ",
                 picture->gaps == 1 ? "" : picture_size_text(picture->largest_gap, largest));
    }
    paragraph(page, 0, line);
    if (inside) {
        paragraph(page, 0, "Code runs in place from the first MiB alone (XIP window).");
    }
}

static void letter(struct lettered *map) {
    unsigned next = 0;
    for (unsigned index = 0; index < map->picture.count; index++) {
        bool free = map->picture.span[index].kind == PICTURE_FREE;
        map->key[index] = (char)(free ? KEY_FREE : KEYS[next++]);
    }
}

/// Regions that belong together get the same letter in both maps.
static void letter_changes(struct lettered *from, struct lettered *to, const struct picture_change *changes,
                           unsigned count) {
    memset(from->key, KEY_FREE, sizeof from->key);
    memset(to->key, KEY_FREE, sizeof to->key);
    for (unsigned index = 0; index < count; index++) {
        if (changes[index].from != NULL) {
            from->key[changes[index].from - from->picture.span] = KEYS[index];
        }
        if (changes[index].to != NULL) {
            to->key[changes[index].to - to->picture.span] = KEYS[index];
        }
    }
}

static void draw_one(const struct page *page, struct lettered *map) {
    struct picture_scale scale;
    letter(map);
    heading(page, &map->picture);
    fputc('\n', page->out);
    picture_scale_make(&scale, &map->picture, NULL);
    picture_scale_fit(&scale, page->width, 1);
    bar(page, &scale, map);
    axis(page, &scale, &map->picture);
    scale_note(page, &scale);
    fputc('\n', page->out);
    table(page, map);
}

static void side(const struct page *page, const struct picture_span *span, char *text, size_t room) {
    if (span != NULL) {
        range_text(page, span, text, room);
    } else {
        snprintf(text, room, "-");
    }
}

static void change_row(const struct page *page, const struct picture_change *change, char letter) {
    const struct picture_span *span = change->to != NULL ? change->to : change->from;
    char from[80];
    char to[80];
    char text[200];
    int range = 2 * page->digits + 15;
    side(page, change->from, from, sizeof from);
    side(page, change->to, to, sizeof to);
    picture_change_text(change, text, sizeof text);
    const char *colour = change->from == NULL         ? "\033[32m"
                         : change->to == NULL         ? "\033[31m"
                         : picture_change_any(change) ? "\033[33m"
                                                      : COLOURS[PICTURE_FREE];
    key(page, span, letter);
    if (page->width >= 24 + 2 * (unsigned)range + strlen(text)) {
        fprintf(page->out, " %-16s  %-*s  %-*s  ", span->label, range, from, range, to);
        set(page, colour);
        fprintf(page->out, "%s\n", text);
        reset(page);
        return;
    }
    if (page->width < WIDTH_ONE_LINE) {
        fprintf(page->out, " %s\n%5s%s\n%5s%s\n", span->label, "", from, "-> ", to);
        set(page, colour);
        paragraph(page, 5, text);
        reset(page);
        return;
    }
    if (page->width >= 20 + 2 * (unsigned)range + 1) {
        fprintf(page->out, " %-16s %-*s  %s\n", span->label, range, from, to);
    } else {
        fprintf(page->out, " %-16s %s\n%19s%s\n", span->label, from, "-> ", to);
    }
    set(page, colour);
    paragraph(page, 19, text);
    reset(page);
}

static void gap_rows(const struct page *page, const struct picture *picture, const char *title) {
    char range[80];
    paragraph(page, 0, title);
    for (unsigned index = 0; index < picture->count; index++) {
        if (picture->span[index].kind == PICTURE_FREE) {
            range_text(page, &picture->span[index], range, sizeof range);
            fprintf(page->out, "%c %s\n", KEY_FREE, range);
        }
    }
    if (picture->gaps == 0) {
        paragraph(page, 2, "nothing");
    }
}

static void draw_two(const struct page *page, struct lettered *from, struct lettered *to) {
    struct picture_change changes[2 * PICTURE_SPANS];
    struct picture_scale scale;
    char line[200];
    char summary[220];
    unsigned count = picture_changes(&from->picture, &to->picture, changes);
    letter_changes(from, to, changes, count);
    picture_scale_make(&scale, &from->picture, &to->picture);
    picture_scale_fit(&scale, page->width, 1);
    heading(page, &from->picture);
    bar(page, &scale, from);
    axis(page, &scale, &from->picture);
    bar(page, &scale, to);
    heading(page, &to->picture);
    scale_note(page, &scale);
    fputc('\n', page->out);
    for (unsigned index = 0; index < count; index++) {
        change_row(page, &changes[index], KEYS[index]);
    }
    fputc('\n', page->out);
    gap_rows(page, &from->picture, "free before:");
    gap_rows(page, &to->picture, "free after:");
    picture_changes_summary(changes, count, line, sizeof line);
    snprintf(summary, sizeof summary, "regions: %s", line);
    paragraph(page, 0, summary);
}

void flash_map_draw(FILE *out, const struct flash_map *map, const struct flash_map *other, unsigned width,
                    bool colour) {
    struct lettered one;
    struct lettered two;
    struct page page = {.out = out, .width = width, .colour = colour};
    page.width = width < PICTURE_WIDTH_MIN ? PICTURE_WIDTH_MIN : width > PICTURE_WIDTH_MAX ? PICTURE_WIDTH_MAX : width;
    picture_make(&one.picture, map);
    page.digits = digits_of(&one.picture, 6);
    if (other == NULL) {
        draw_one(&page, &one);
        return;
    }
    picture_make(&two.picture, other);
    page.digits = digits_of(&two.picture, page.digits);
    draw_two(&page, &one, &two);
}
