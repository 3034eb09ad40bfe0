/*
 * What text and SVG pictures of flash maps share: regions and gaps by address, kinds, a scale, and what changes from
 * one map to another.
 */
#ifndef ONESLOT_HOST_MAP_PICTURE_H
#define ONESLOT_HOST_MAP_PICTURE_H

#include "host/map/flash_map.h"

enum picture_kind {
    PICTURE_FIRMWARE,
    PICTURE_NATIVE,
    PICTURE_FILE_SYSTEM,
    PICTURE_USER,
    PICTURE_ONESLOT,
    PICTURE_SYSTEM,
    PICTURE_FREE,
    PICTURE_KINDS
};

/// "firmware", "native code", "file system", "user", "Oneslot", "system", "free".
const char *picture_kind_text(enum picture_kind kind);

#define PICTURE_LABEL 20u
/// Regions of the table, three that every ESP32 has and no table names, and a gap before and behind each.
#define PICTURE_SPANS (2u * (ONESLOT_MAP_ENTRIES + 3u) + 1u)

/// A region or a gap. Ends are 64 bits wide: a broken table may name regions past 4 GiB.
struct picture_span {
    uint64_t start;
    uint64_t end; ///< the first address behind it
    enum picture_kind kind;
    char label[PICTURE_LABEL];              ///< printable ASCII; "(bootloader)" for what the table does not name
    const struct oneslot_partition *region; ///< NULL: not in the table
};

struct picture {
    const struct flash_map *map;
    uint64_t flash; ///< size of the flash
    uint64_t end;   ///< of what is drawn: of the flash, or a little more when a region lies past it
    unsigned count;
    struct picture_span span[PICTURE_SPANS]; ///< by address
    unsigned gaps;
    uint64_t free;
    uint64_t largest_gap;
};

void picture_make(struct picture *picture, const struct flash_map *map);

/// The end of the flash that an ESP8266 runs code from in place; 0 for other chips.
uint64_t picture_xip_end(const struct picture *picture);

/// "ESP8266, 4 MiB of flash, SDK 2".
void picture_subtitle(const struct picture *picture, char *text, size_t room);

/// As size_text, for 64 bits; "36 KiB".
const char *picture_size_text(uint64_t bytes, char text[24]);

/// Copies what can be printed anywhere: other bytes become '?'.
void picture_clean(char *to, size_t room, const char *from);

/// Columns of a text picture.
#define PICTURE_WIDTH_MIN 40u
#define PICTURE_WIDTH_MAX 240u

/* Scale. */

#define PICTURE_BOUNDS (2u * 2u * PICTURE_SPANS + 4u)

/// Places on paper: between two neighbouring bounds, lengths are in proportion; short pieces are drawn at least
/// `minimum` long, and the others give them the room.
struct picture_scale {
    unsigned count; ///< bounds
    uint64_t address[PICTURE_BOUNDS];
    double place[PICTURE_BOUNDS];  ///< of the bound, 0 to the picture's length
    bool enlarged[PICTURE_BOUNDS]; ///< the piece that begins here is drawn longer than to scale
};

/// Bounds are the starts and ends of all spans of `one` and of `two` (may be NULL).
void picture_scale_make(struct picture_scale *scale, const struct picture *one, const struct picture *two);
/// Gives the bounds their places.
void picture_scale_fit(struct picture_scale *scale, double length, double minimum);
double picture_scale_place(const struct picture_scale *scale, uint64_t address);

/* What changes. */

/// One region of either map. Regions belong together by label and kind, then by label, then when each is the only one
/// left of its type and subtype.
struct picture_change {
    const struct picture_span *from; ///< NULL: new
    const struct picture_span *to;   ///< NULL: gone
};

/// By the old map's addresses, new ones last. `changes` has room for 2 * PICTURE_SPANS. Returns how many.
unsigned picture_changes(const struct picture *from, const struct picture *to, struct picture_change *changes);
/// Whether contents or size change at all.
bool picture_change_any(const struct picture_change *change);
/// "moves up by 28 KiB, shrinks by 32 KiB", "new", "gone", "stays".
void picture_change_text(const struct picture_change *change, char *text, size_t room);
/// "2 regions move, 1 is new", or "nothing changes".
void picture_changes_summary(const struct picture_change *changes, unsigned count, char *text, size_t room);

#endif
