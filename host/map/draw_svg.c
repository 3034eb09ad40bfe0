/*
 * Flash maps as SVG documents. A narrow strip is exactly to scale; beside it a wide one gives every region the room
 * that its label needs, with a zigzag edge where it is longer than to scale. Fills differ in lightness and pattern, so
 * that print without colour tells them apart.
 */
#include <stdlib.h>
#include <string.h>

#include "host/map/picture.h"

#define MARGIN     28.0
#define PAGE       840.0 ///< width of a single map
#define PAGE_DIFF  1060.0
#define TEXT_SIZE  12.0
#define SMALL_SIZE 11.0
#define ROW        20.0  ///< least height of a region, and of its label
#define LINE       14.0  ///< of what a label says below its name
#define STRIP      460.0 ///< least height of a strip
/// Upper estimates of a character's width, in font sizes; DejaVu Sans, the widest of the common fonts, stays below.
#define ADVANCE      0.64
#define ADVANCE_BOLD 0.72
#define ADVANCE_MONO 0.61

enum style { PLAIN, BOLD, MONO, ITALIC };
enum anchor { START, MIDDLE, END };

/// Pattern by kind: background, what is drawn on it in a tile of 8 by 8.
static const struct {
    const char *id;
    const char *ground;
    const char *tile;
} FILLS[PICTURE_KINDS] = {
    [PICTURE_FIRMWARE] = {"firmware", "#2f5d8a", ""},
    [PICTURE_NATIVE] = {"native", "#f4b65c",
                        "<path d=\"M-2 2L2 -2M0 8L8 0M6 10L10 6\" stroke=\"#5a3a00\" stroke-width=\"1.6\"/>"},
    [PICTURE_FILE_SYSTEM] = {"files", "#c3e2b9", "<path d=\"M0 4H8\" stroke=\"#4f8a43\" stroke-width=\"1\"/>"},
    [PICTURE_USER] = {"user", "#fdf3c0", "<circle cx=\"4\" cy=\"4\" r=\"1.5\" fill=\"#7a6500\"/>"},
    [PICTURE_ONESLOT] = {"oneslot", "#7a4f96", "<path d=\"M0 0L8 8M8 0L0 8\" stroke=\"#ffffff\" stroke-width=\"1\"/>"},
    [PICTURE_SYSTEM] = {"system", "#9a9a9a", "<path d=\"M4 0V8\" stroke=\"#3a3a3a\" stroke-width=\"1.6\"/>"},
    [PICTURE_FREE] = {"free", "#ffffff", ""},
};

static void escaped(FILE *out, const char *text) {
    for (; *text != 0; text++) {
        switch (*text) {
        case '&':
            fputs("&amp;", out);
            break;
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            fputc(*text, out);
        }
    }
}

static double text_width(const char *text, double size, enum style style) {
    double advance = style == BOLD ? ADVANCE_BOLD : style == MONO ? ADVANCE_MONO : ADVANCE;
    return (double)strlen(text) * size * advance;
}

/// One line of text, its middle at `y`.
static void put_text(FILE *out, double x, double y, double size, enum style style, enum anchor anchor,
                     const char *text) {
    static const char *const STYLES[] = {
        [PLAIN] = "",
        [BOLD] = " font-weight=\"bold\"",
        [MONO] = " font-family=\"DejaVu Sans Mono, Menlo, Consolas, monospace\"",
        [ITALIC] = " font-style=\"italic\"",
    };
    static const char *const ANCHORS[] = {[START] = "start", [MIDDLE] = "middle", [END] = "end"};
    fprintf(out, "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.1f\" text-anchor=\"%s\"%s>", x, y + 0.35 * size, size,
            ANCHORS[anchor], STYLES[style]);
    escaped(out, text);
    fputs("</text>\n", out);
}

/// The same, smaller where `room` is too short for it.
static void put_fitted(FILE *out, double x, double y, double size, enum style style, enum anchor anchor, double room,
                       const char *text) {
    double width = text_width(text, size, style);
    put_text(out, x, y, width > room ? size * room / width : size, style, anchor, text);
}

/// Words in lines from `y` on; `out` NULL measures alone. Returns where the next line would be.
static double put_paragraph(FILE *out, double x, double y, double room, const char *text) {
    char line[256];
    size_t most = (size_t)(room / (TEXT_SIZE * ADVANCE));
    if (most >= sizeof line) {
        most = sizeof line - 1;
    }
    while (*text != 0) {
        size_t length = strlen(text);
        if (length > most) {
            length = most;
            while (length > 0 && text[length] != ' ') {
                length--;
            }
            length = length > 0 ? length : most;
        }
        memcpy(line, text, length);
        line[length] = 0;
        if (out != NULL) {
            put_text(out, x, y, TEXT_SIZE, PLAIN, START, line);
        }
        y += 17;
        text += length;
        text += strspn(text, " ");
    }
    return y;
}

static void put_line(FILE *out, double x1, double y1, double x2, double y2, const char *how) {
    fprintf(out, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" %s/>\n", x1, y1, x2, y2, how);
}

static void put_fill(FILE *out, enum picture_kind kind, double x, double y, double width, double height) {
    fprintf(out,
            "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"url(#%s)\" stroke=\"#222\" "
            "stroke-width=\"%s\"%s/>\n",
            x, y, width, height, FILLS[kind].id, kind == PICTURE_FREE ? "0.8" : "1",
            kind == PICTURE_FREE ? " stroke-dasharray=\"4 3\"" : "");
}

static void begin(FILE *out, double width, double height, const char *title) {
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" "
            "role=\"img\" font-family=\"DejaVu Sans, Verdana, Arial, sans-serif\" fill=\"#111\">\n<title>",
            width, height, width, height);
    escaped(out, title);
    fputs("</title>\n<defs>\n", out);
    for (unsigned kind = 0; kind < PICTURE_KINDS; kind++) {
        fprintf(out,
                "<pattern id=\"%s\" width=\"8\" height=\"8\" patternUnits=\"userSpaceOnUse\">"
                "<rect width=\"8\" height=\"8\" fill=\"%s\"/>%s</pattern>\n",
                FILLS[kind].id, FILLS[kind].ground, FILLS[kind].tile);
    }
    fprintf(out, "</defs>\n<rect width=\"%.0f\" height=\"%.0f\" fill=\"#ffffff\"/>\n", width, height);
}

/// Teeth along the edge of what is drawn longer than to scale.
static void zigzag(FILE *out, double x, double from, double to) {
    fprintf(out, "<path d=\"M%.1f %.1f", x, from);
    int teeth = (int)((to - from) / 5);
    double step = teeth > 0 ? (to - from) / teeth : to - from;
    for (int tooth = 0; tooth < teeth; tooth++) {
        fprintf(out, "L%.1f %.1fL%.1f %.1f", x + 4, from + (tooth + 0.5) * step, x, from + (tooth + 1) * step);
    }
    fputs("\" fill=\"none\" stroke=\"#222\" stroke-width=\"1\"/>\n", out);
}

/* A strip. */

struct strip {
    const struct picture *picture;
    const struct picture_scale *scale;
    double top; ///< where address 0 is
};

static double place(const struct strip *strip, uint64_t address) {
    return strip->top + picture_scale_place(strip->scale, address);
}

/// Whether a span is drawn at all: not if it lies past what is shown.
static bool shown(const struct strip *strip, const struct picture_span *span) {
    return span->start < strip->picture->end;
}

static bool over(const struct picture_span *one, const struct picture_span *two) {
    return one->start < two->end && two->start < one->end;
}

/// Spans that lie over each other are drawn side by side, each in a lane of its own. Returns how many lanes there are;
/// a span that shares nothing has the whole width, and lane 0.
static unsigned lanes_make(const struct picture *picture, unsigned lane[PICTURE_SPANS], bool shared[PICTURE_SPANS]) {
    unsigned lanes = 1;
    for (unsigned index = 0; index < picture->count; index++) {
        bool taken[PICTURE_SPANS + 1] = {false};
        lane[index] = 0;
        shared[index] = false;
        for (unsigned other = 0; other < picture->count; other++) {
            if (other != index && over(&picture->span[index], &picture->span[other])) {
                shared[index] = true;
                if (other < index) {
                    taken[lane[other]] = true;
                }
            }
        }
        while (taken[lane[index]]) {
            lane[index]++;
        }
        lanes = lane[index] + 1 > lanes ? lane[index] + 1 : lanes;
    }
    return lanes;
}

/// `edge`: 1 for a zigzag at the right, -1 at the left.
static void put_strip(FILE *out, const struct strip *strip, double x, double width, int edge) {
    const struct picture *picture = strip->picture;
    unsigned lane[PICTURE_SPANS];
    bool shared[PICTURE_SPANS];
    unsigned lanes = lanes_make(picture, lane, shared);
    for (unsigned index = 0; index < picture->count; index++) {
        const struct picture_span *span = &picture->span[index];
        if (!shown(strip, span)) {
            continue;
        }
        double part = shared[index] ? width / lanes : width;
        double from = place(strip, span->start);
        double to = place(strip, span->end < picture->end ? span->end : picture->end);
        put_fill(out, span->kind, x + part * lane[index], from, part, to - from);
    }
    if (picture->end > picture->flash) {
        double end = place(strip, picture->flash);
        put_line(out, x - 4, end, x + width + 4, end, "stroke=\"#000\" stroke-width=\"3\"");
    }
    const struct picture_scale *scale = strip->scale;
    for (unsigned index = 0; edge != 0 && index + 1 < scale->count; index++) {
        if (scale->enlarged[index] && scale->address[index] < picture->end) {
            zigzag(out, edge > 0 ? x + width : x - 4, strip->top + scale->place[index],
                   strip->top + scale->place[index + 1]);
        }
    }
}

/// A thick line beside what code runs in place from.
static void put_xip(FILE *out, const struct strip *strip, double x, double to) {
    uint64_t end = picture_xip_end(strip->picture);
    if (end == 0) {
        return;
    }
    uint64_t shown_end = end < strip->picture->flash ? end : strip->picture->flash;
    put_line(out, x, strip->top, x, place(strip, shown_end), "stroke=\"#c0392b\" stroke-width=\"3\"");
    if (end < strip->picture->flash) {
        put_line(out, x, place(strip, end), to, place(strip, end),
                 "stroke=\"#c0392b\" stroke-width=\"1.6\" stroke-dasharray=\"7 4\"");
    }
}

/* Labels. */

struct label {
    const struct picture_span *span;
    const struct picture_change *change; ///< NULL: none is told of
    double at;                           ///< middle of what it names
    double top;
    double height;
};

/// Labels keep their order and never overlap; each stays as near to what it names as the others let it.
static void labels_place(struct label *labels, unsigned count, double top, double bottom) {
    double at = top;
    for (unsigned index = 0; index < count; index++) {
        double wanted = labels[index].at - ROW / 2;
        labels[index].top = wanted > at ? wanted : at;
        at = labels[index].top + labels[index].height;
    }
    for (unsigned index = count; index > 0 && at > bottom; index--) {
        struct label *label = &labels[index - 1];
        double end = index < count ? labels[index].top : bottom;
        if (label->top + label->height > end) {
            label->top = end - label->height;
        }
        at = label->top;
    }
}

static int by_middle(const void *one, const void *two) {
    const struct label *a = one;
    const struct label *b = two;
    if (a->at < b->at) {
        return -1;
    }
    return a->at > b->at ? 1 : (a->span > b->span) - (a->span < b->span);
}

static unsigned labels_make(struct label *labels, const struct strip *strip) {
    const struct picture *picture = strip->picture;
    for (unsigned index = 0; index < picture->count; index++) {
        const struct picture_span *span = &picture->span[index];
        uint64_t from = span->start < picture->end ? span->start : picture->end;
        uint64_t to = span->end < picture->end ? span->end : picture->end;
        labels[index] = (struct label){.span = span, .at = (place(strip, from) + place(strip, to)) / 2, .height = ROW};
    }
    qsort(labels, picture->count, sizeof labels[0], by_middle);
    return picture->count;
}

static void leader(FILE *out, double x1, double y1, double x2, double y2) {
    put_line(out, x1, y1, x2, y2, "stroke=\"#888\" stroke-width=\"0.8\"");
}

/* Legend. */

struct flow {
    FILE *out;
    double x;
    double y;
    double right;
};

/// Where the next sample goes: in the next line, if this one has no room for it and its words.
static void flow_next(struct flow *flow, const char *text) {
    double width = 28 + text_width(text, SMALL_SIZE, PLAIN);
    if (flow->x > MARGIN && flow->x + width > flow->right) {
        flow->x = MARGIN;
        flow->y += 22;
    }
    put_text(flow->out, flow->x + 28, flow->y, SMALL_SIZE, PLAIN, START, text);
}

static void flow_on(struct flow *flow, const char *text) {
    flow->x += 28 + text_width(text, SMALL_SIZE, PLAIN) + 14;
}

static bool has_kind(const struct picture *picture, enum picture_kind kind) {
    for (unsigned index = 0; picture != NULL && index < picture->count; index++) {
        if (picture->span[index].kind == kind) {
            return true;
        }
    }
    return false;
}

static bool is_broken(const struct picture_scale *scale) {
    for (unsigned index = 0; index + 1 < scale->count; index++) {
        if (scale->enlarged[index]) {
            return true;
        }
    }
    return false;
}

static void legend(FILE *out, double y, double right, const struct picture *one, const struct picture *two,
                   const struct picture_scale *scale) {
    static const char BROKEN[] = "drawn longer than to scale";
    static const char XIP[] = "XIP window, the first MiB: code runs in place";
    struct flow flow = {.out = out, .x = MARGIN, .y = y, .right = right};
    for (unsigned kind = 0; kind < PICTURE_KINDS; kind++) {
        if (has_kind(one, kind) || has_kind(two, kind)) {
            const char *text = picture_kind_text(kind);
            flow_next(&flow, text);
            put_fill(out, kind, flow.x, flow.y - 7, 22, 14);
            flow_on(&flow, text);
        }
    }
    if (is_broken(scale)) {
        flow_next(&flow, BROKEN);
        zigzag(out, flow.x + 16, flow.y - 8, flow.y + 8);
        flow_on(&flow, BROKEN);
    }
    if (picture_xip_end(one) != 0) {
        flow_next(&flow, XIP);
        put_line(out, flow.x + 18, flow.y - 8, flow.x + 18, flow.y + 8, "stroke=\"#c0392b\" stroke-width=\"3\"");
    }
}

/* One map. */

#define EXACT_X     104.0
#define EXACT_WIDTH 22.0
#define ADDRESS_X   268.0 ///< right edge of the addresses
#define WIDE_X      284.0
#define WIDE_WIDTH  140.0
#define NAME_X      446.0
#define SIZE_X      660.0 ///< right edge
#define SHARE_X     716.0 ///< right edge
#define KIND_X      732.0

static void address_text(uint64_t address, char text[24]) {
    snprintf(text, 24, "0x%06llx", (unsigned long long)address);
}

/// Ticks of the exact strip, each half or quarter of a MiB, or more.
static void exact_ticks(FILE *out, const struct picture *picture, double top, double height) {
    uint64_t step = 0x10000;
    while (picture->end / step > 8) {
        step *= 2;
    }
    for (uint64_t address = 0; address <= picture->end; address += step) {
        char text[24];
        double y = top + height * (double)address / (double)picture->end;
        address_text(address, text);
        put_text(out, EXACT_X - 10, y, SMALL_SIZE, MONO, END, text);
        put_line(out, EXACT_X - 6, y, EXACT_X, y, "stroke=\"#222\" stroke-width=\"1\"");
    }
}

/// Lines from the exact strip to the wide one, and the addresses there.
static void connect(FILE *out, const struct strip *exact, const struct strip *wide) {
    for (unsigned index = 0; index < wide->scale->count; index++) {
        char text[24];
        uint64_t address = wide->scale->address[index];
        double y = wide->top + wide->scale->place[index];
        address_text(address, text);
        double left = ADDRESS_X - text_width(text, SMALL_SIZE, MONO) - 4;
        leader(out, EXACT_X + EXACT_WIDTH, place(exact, address), left, y);
        put_text(out, ADDRESS_X, y, SMALL_SIZE, MONO, END, text);
    }
}

static void put_labels(FILE *out, const struct strip *wide, const struct label *labels, unsigned count) {
    const struct picture *picture = wide->picture;
    for (unsigned index = 0; index < count; index++) {
        const struct picture_span *span = labels[index].span;
        double y = labels[index].top + ROW / 2;
        char size[24];
        char share[24];
        bool free = span->kind == PICTURE_FREE;
        leader(out, WIDE_X + WIDE_WIDTH + 5, labels[index].at, NAME_X - 5, y);
        put_text(out, NAME_X, y, TEXT_SIZE, free ? ITALIC : BOLD, START, span->label);
        put_text(out, SIZE_X, y, TEXT_SIZE, PLAIN, END, picture_size_text(span->end - span->start, size));
        if (span->end <= picture->flash) {
            snprintf(share, sizeof share, "%.1f%%", 100.0 * (double)(span->end - span->start) / (double)picture->flash);
            put_text(out, SHARE_X, y, TEXT_SIZE, PLAIN, END, share);
        } else {
            put_text(out, SHARE_X, y, TEXT_SIZE, BOLD, END, "past!");
        }
        put_text(out, KIND_X, y, TEXT_SIZE, PLAIN, START, free ? "" : picture_kind_text(span->kind));
    }
}

static double note(FILE *out, const struct picture *picture, double y, double room) {
    char text[sizeof picture->map->note];
    picture_clean(text, sizeof text, picture->map->note);
    return put_paragraph(out, MARGIN, y, room, text);
}

static void name_of(const struct picture *picture, char *text, size_t room) {
    picture_clean(text, room, picture->map->name[0] != 0 ? picture->map->name : "flash map");
}

static double larger(double one, double two) {
    return one > two ? one : two;
}

static void draw_one(FILE *out, const struct picture *picture) {
    struct picture_scale to_scale;
    struct picture_scale readable;
    struct label labels[PICTURE_SPANS] = {{0}};
    char text[100];
    picture_scale_make(&readable, picture, NULL);
    to_scale = readable;
    double height = larger(STRIP, larger(readable.count, picture->count) * ROW + STRIP / 2);
    picture_scale_fit(&readable, height, ROW);
    picture_scale_fit(&to_scale, height, 0);
    double top = note(NULL, picture, 80, PAGE - 2 * MARGIN) + 20;
    name_of(picture, text, sizeof text);
    begin(out, PAGE, top + height + 90, text);
    put_fitted(out, MARGIN, 34, 20, BOLD, START, PAGE - 2 * MARGIN, text);
    picture_subtitle(picture, text, sizeof text);
    put_text(out, MARGIN, 60, TEXT_SIZE, PLAIN, START, text);
    note(out, picture, 80, PAGE - 2 * MARGIN);
    struct strip exact = {picture, &to_scale, top};
    struct strip wide = {picture, &readable, top};
    exact_ticks(out, picture, top, height);
    connect(out, &exact, &wide);
    put_strip(out, &exact, EXACT_X, EXACT_WIDTH, 0);
    put_strip(out, &wide, WIDE_X, WIDE_WIDTH, 1);
    put_xip(out, &exact, EXACT_X - 3, EXACT_X + EXACT_WIDTH);
    put_xip(out, &wide, WIDE_X - 6, WIDE_X + WIDE_WIDTH + 6);
    unsigned count = labels_make(labels, &wide);
    labels_place(labels, count, top - ROW / 2, top + height + ROW / 2);
    put_labels(out, &wide, labels, count);
    legend(out, top + height + 40, PAGE - MARGIN, picture, NULL, &readable);
}

/* Two maps. */

#define LEFT_X       340.0
#define RIGHT_X      590.0
#define STRIP_WIDTH  110.0
#define LEFT_NAME_X  326.0 ///< right edge
#define LEFT_PLACE_X 176.0 ///< right edge
#define RIGHT_NAME_X (RIGHT_X + STRIP_WIDTH + 16)
#define CHANGE_ROOM  (PAGE_DIFF - RIGHT_NAME_X - 10)

static void band_colour(FILE *out, const struct picture_change *change) {
    fputs(picture_change_any(change) ? "fill=\"#f4b65c\" fill-opacity=\"0.35\" stroke=\"#8a5a00\" stroke-width=\"1\""
                                     : "fill=\"#eeeeee\" stroke=\"#bbbbbb\" stroke-width=\"0.6\"",
          out);
}

/// From where a region was to where it is.
static void put_band(FILE *out, const struct strip *from, const struct strip *to, const struct picture_change *change) {
    if (change->from == NULL || change->to == NULL || !shown(from, change->from) || !shown(to, change->to)) {
        return;
    }
    fprintf(out, "<polygon points=\"%.1f,%.1f %.1f,%.1f %.1f,%.1f %.1f,%.1f\" ", LEFT_X + STRIP_WIDTH,
            place(from, change->from->start), RIGHT_X, place(to, change->to->start), RIGHT_X,
            place(to, change->to->end), LEFT_X + STRIP_WIDTH, place(from, change->from->end));
    band_colour(out, change);
    fputs("/>\n", out);
}

/// Cuts what a change says at a comma into lines; puts them at `y`, or (`out` NULL) counts them.
static unsigned change_lines(FILE *out, double y, const struct picture_change *change) {
    char text[200];
    unsigned lines = 0;
    picture_change_text(change, text, sizeof text);
    size_t most = (size_t)(CHANGE_ROOM / (SMALL_SIZE * ADVANCE));
    for (char *at = text; *at != 0; lines++) {
        size_t length = strlen(at);
        size_t cut = length;
        while (cut > most || (cut < length && at[cut - 1] != ',')) {
            cut--;
            if (cut == 0) {
                cut = length;
                break;
            }
        }
        char rest = at[cut];
        at[cut] = 0;
        if (out != NULL) {
            put_text(out, RIGHT_NAME_X, y + LINE * lines, SMALL_SIZE, PLAIN, START, at);
        }
        at[cut] = rest;
        at += cut;
        at += strspn(at, " ");
    }
    return lines;
}

static void label_changes(struct label *labels, unsigned count, const struct picture_change *changes, unsigned number,
                          bool right) {
    for (unsigned index = 0; index < count; index++) {
        for (unsigned change = 0; change < number; change++) {
            bool told = labels[index].span == (right ? changes[change].to : changes[change].from) &&
                        picture_change_any(&changes[change]) && (right || changes[change].to == NULL);
            if (told) {
                labels[index].change = &changes[change];
                labels[index].height += LINE * (right ? change_lines(NULL, 0, &changes[change]) : 1);
            }
        }
    }
}

static double labels_height(const struct label *labels, unsigned count) {
    double height = 0;
    for (unsigned index = 0; index < count; index++) {
        height += labels[index].height;
    }
    return height;
}

static void put_side(FILE *out, const struct label *label, bool right) {
    const struct picture_span *span = label->span;
    double y = label->top + ROW / 2;
    char size[24];
    char where[64];
    snprintf(where, sizeof where, "0x%06llx %s", (unsigned long long)span->start,
             picture_size_text(span->end - span->start, size));
    enum style style = span->kind == PICTURE_FREE ? ITALIC : BOLD;
    if (right) {
        leader(out, RIGHT_X + STRIP_WIDTH + 5, label->at, RIGHT_NAME_X - 4, y);
        put_text(out, RIGHT_NAME_X, y, TEXT_SIZE, style, START, span->label);
        put_text(out, RIGHT_NAME_X + LEFT_NAME_X - LEFT_PLACE_X, y, SMALL_SIZE, MONO, START, where);
    } else {
        leader(out, LEFT_X - 5, label->at, LEFT_NAME_X + 4, y);
        put_text(out, LEFT_NAME_X, y, TEXT_SIZE, style, END, span->label);
        put_text(out, LEFT_PLACE_X, y, SMALL_SIZE, MONO, END, where);
    }
    if (label->change != NULL && right) {
        change_lines(out, y + LINE + 1, label->change);
    } else if (label->change != NULL) {
        put_text(out, LEFT_NAME_X, y + LINE + 1, SMALL_SIZE, PLAIN, END, "gone");
    }
}

static void side_heading(FILE *out, const struct picture *picture, double y, bool right) {
    char text[100];
    double x = right ? RIGHT_X : LEFT_X + STRIP_WIDTH;
    double room = right ? PAGE_DIFF - RIGHT_X - MARGIN : x - MARGIN;
    enum anchor anchor = right ? START : END;
    name_of(picture, text, sizeof text);
    put_fitted(out, x, y, 14, BOLD, anchor, room, text);
    picture_subtitle(picture, text, sizeof text);
    put_fitted(out, x, y + 18, TEXT_SIZE, PLAIN, anchor, room, text);
}

/// The notes of both maps, each behind its map's name.
static double both_notes(FILE *out, const struct picture *one, const struct picture *two, double y) {
    const struct picture *pictures[] = {one, two};
    for (unsigned index = 0; index < 2; index++) {
        char name[sizeof one->map->name];
        char text[sizeof one->map->note];
        char line[sizeof name + sizeof text + 2];
        name_of(pictures[index], name, sizeof name);
        picture_clean(text, sizeof text, pictures[index]->map->note);
        snprintf(line, sizeof line, "%s: %s", name, text);
        y = put_paragraph(out, MARGIN, y, PAGE_DIFF - 2 * MARGIN, text[0] != 0 ? line : "");
    }
    return y;
}

static void bands(FILE *out, const struct strip *from, const struct strip *to, const struct picture_change *changes,
                  unsigned count) {
    for (unsigned changed = 0; changed < 2; changed++) {
        for (unsigned index = 0; index < count; index++) {
            if (picture_change_any(&changes[index]) == (changed == 1)) {
                put_band(out, from, to, &changes[index]);
            }
        }
    }
}

static void put_both(FILE *out, const struct strip *from, const struct strip *to) {
    put_strip(out, from, LEFT_X, STRIP_WIDTH, -1);
    put_strip(out, to, RIGHT_X, STRIP_WIDTH, 1);
    put_xip(out, from, LEFT_X + STRIP_WIDTH + 3, LEFT_X);
    put_xip(out, to, RIGHT_X - 3, RIGHT_X + STRIP_WIDTH);
}

static void title_of_two(const struct picture *one, const struct picture *two, char *text, size_t room) {
    char from[80];
    char to[80];
    name_of(one, from, sizeof from);
    name_of(two, to, sizeof to);
    snprintf(text, room, "From %s to %s", from, to);
}

static void draw_two(FILE *out, const struct picture *one, const struct picture *two) {
    struct picture_change changes[2 * PICTURE_SPANS];
    struct picture_scale scale;
    struct label left[PICTURE_SPANS] = {{0}};
    struct label right[PICTURE_SPANS] = {{0}};
    char text[200];
    unsigned number = picture_changes(one, two, changes);
    picture_scale_make(&scale, one, two);
    struct strip from = {one, &scale, 0};
    struct strip to = {two, &scale, 0};
    // Twice: what the labels say has to be known before the height is, and the height before their places are.
    double height = larger(STRIP, scale.count * ROW + STRIP / 2);
    unsigned left_count = 0;
    unsigned right_count = 0;
    for (unsigned round = 0; round < 2; round++) {
        picture_scale_fit(&scale, height, ROW);
        from.top = to.top = both_notes(NULL, one, two, 86) + 64;
        left_count = labels_make(left, &from);
        right_count = labels_make(right, &to);
        label_changes(left, left_count, changes, number, false);
        label_changes(right, right_count, changes, number, true);
        height = larger(height, larger(labels_height(left, left_count), labels_height(right, right_count)));
    }
    double top = from.top;
    title_of_two(one, two, text, sizeof text);
    begin(out, PAGE_DIFF, top + height + 100, text);
    put_fitted(out, MARGIN, 34, 20, BOLD, START, PAGE_DIFF - 2 * MARGIN, text);
    picture_changes_summary(changes, number, text + (size_t)snprintf(text, sizeof text, "Regions: "), sizeof text - 9);
    put_text(out, MARGIN, 62, TEXT_SIZE, PLAIN, START, text);
    both_notes(out, one, two, 86);
    side_heading(out, one, top - 44, false);
    side_heading(out, two, top - 44, true);
    bands(out, &from, &to, changes, number);
    put_both(out, &from, &to);
    labels_place(left, left_count, top - ROW / 2, top + height + ROW / 2);
    labels_place(right, right_count, top - ROW / 2, top + height + ROW / 2);
    for (unsigned index = 0; index < left_count; index++) {
        put_side(out, &left[index], false);
    }
    for (unsigned index = 0; index < right_count; index++) {
        put_side(out, &right[index], true);
    }
    legend(out, top + height + 40, PAGE_DIFF - MARGIN, one, two, &scale);
}

bool flash_map_draw_svg(FILE *out, const struct flash_map *map, const struct flash_map *other) {
    struct picture one;
    struct picture two;
    picture_make(&one, map);
    if (other == NULL) {
        draw_one(out, &one);
    } else {
        picture_make(&two, other);
        draw_two(out, &one, &two);
    }
    fputs("</svg>\n", out);
    return !ferror(out);
}
