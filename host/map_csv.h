/*
 * Flash maps as CSV, ESP-IDF's form: Name, Type, SubType, Offset, Size, Flags.
 *
 * Type `oneslot` (0x40) has the subtypes loader, displaced, journal, map, installer, native, user, system. A blank
 * offset means "behind the row above"; a negative size "-0x100000" means "up to that address". Nothing but 4 KiB
 * boundaries is asked for: the ESP8266 has no 64 KiB pages. An empty subtype is data's "undefined" (0x06), as in
 * ESP-IDF. Source: ESP-IDF, docs/en/api-guides/partition-tables.rst; components/partition_table/gen_esp32part.py.
 */
#ifndef ONESLOT_HOST_MAP_CSV_H
#define ONESLOT_HOST_MAP_CSV_H

#include <stdbool.h>
#include <stdio.h>

#include "oneslot/map.h"

/// Reads a zero-terminated CSV. At a wrong row it puts the reason with the line's number into `reason` and returns
/// false. Overlaps and the chip's size are not checked here.
bool map_csv_parse(struct oneslot_map *map, const char *text, char *reason, size_t room);

/// How a CSV is read where it is not as above.
struct map_csv_way {
    bool as_written;    ///< rows that are empty or lie between sectors are read too, so that a check can name them
    uint32_t behind;    ///< address for a first row without one
    uint32_t app_align; ///< and what an application without one is aligned to
    /// ESP-IDF's: where its table and its second-stage boot loader lie. Rows of the types bootloader and
    /// partition_table are placed by these, as its tool does. `table` 0: such rows are like others.
    uint32_t table;
    uint32_t boot_loader;
};

/// The text behind the byte order mark that editors of other systems put in front.
const char *map_csv_text(const char *text);

/// As map_csv_parse, in that way.
bool map_csv_read(struct oneslot_map *map, const char *text, const struct map_csv_way *way, char *reason, size_t room);

/// Writes a map as CSV that map_csv_parse reads back to the same.
void map_csv_write(const struct oneslot_map *map, FILE *out);

/// As map_csv_write, but where a type or a subtype has a name that not every version of ESP-IDF's gen_esp32part.py
/// knows (Oneslot's own, littlefs, ...) its number stands instead. PlatformIO wants "app", "data", "spiffs" and "fat"
/// by name.
void map_csv_write_numbers(const struct oneslot_map *map, FILE *out);

/// Writes a line that tells of a region: its place, name and size; narrower where the terminal is.
void map_row_print(const struct oneslot_partition *region, FILE *out);

/// "oneslot", "app", "data" or a number; `text` is used for a number.
const char *map_type_text(uint8_t type, char text[8]);
const char *map_subtype_text(uint8_t type, uint8_t subtype, char text[8]);

#endif
