/*
 * Flash maps as people plan, check and see them: a partition table with what it is for.
 *
 * A map comes from a preset, a CSV, a binary partition table or a dump of a flash. The chip, the size of the flash and
 * the SDK are not in the ESP-IDF format; a CSV of ours carries them in a comment ("# oneslot: chip=esp8266
 * flash=4MB sdk=2"), a dump of ours in its layout block; else they are options, or guessed and said so.
 */
#ifndef ONESLOT_HOST_MAP_FLASH_MAP_H
#define ONESLOT_HOST_MAP_FLASH_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "oneslot/map.h"

#define FLASH_MAP_TEXT 400u

enum flash_map_chip {
    FLASH_MAP_ESP8266,
    FLASH_MAP_ESP32,
    FLASH_MAP_ESP32S2,
    FLASH_MAP_ESP32S3,
    FLASH_MAP_ESP32C2,
    FLASH_MAP_ESP32C3,
    FLASH_MAP_ESP32C6,
    FLASH_MAP_ESP32H2,
    /// Of these the maps are known alone: Oneslot is not made for them.
    FLASH_MAP_ESP32C5,
    FLASH_MAP_ESP32C61,
    FLASH_MAP_ESP32E22,
    FLASH_MAP_ESP32H21,
    FLASH_MAP_ESP32H4,
    FLASH_MAP_ESP32P4,
    FLASH_MAP_ESP32S31,
    FLASH_MAP_CHIPS
};

/// What a map was read from.
enum flash_map_origin {
    FLASH_MAP_PRESET,
    FLASH_MAP_CSV,
    FLASH_MAP_TABLE,    ///< a binary partition table
    FLASH_MAP_DUMP,     ///< a whole flash; `bytes` holds it
    FLASH_MAP_FIRMWARE, ///< a firmware as it is flashed: the map it implies; `bytes` holds it from flash 0 on
    FLASH_MAP_PLANNED,
};

/// Faults of a binary table as such; the rows that could be read are in the map all the same.
#define FLASH_MAP_FAULT_MAGIC  0x01u ///< a row begins with neither 0x50aa nor 0xebeb
#define FLASH_MAP_FAULT_MD5    0x02u ///< the MD5 row does not match
#define FLASH_MAP_FAULT_NO_MD5 0x04u ///< there is no MD5 row
#define FLASH_MAP_FAULT_BEHIND 0x08u ///< rows behind the MD5 row
#define FLASH_MAP_FAULT_ROWS   0x10u ///< more than ONESLOT_MAP_ENTRIES rows; the others are not in the map
#define FLASH_MAP_FAULT_EMPTY  0x20u ///< no row at all

/// A map with what the partition table itself does not say.
struct flash_map {
    char name[64];  ///< preset's name or file's, for people
    char note[200]; ///< what it is, for people; may be empty
    enum flash_map_chip chip;
    uint32_t flash_size; ///< bytes
    /// Flash address from which code of the ESP8266 runs in place, as its linker script has it: 0x9000 in MicroPython,
    /// 0x1010 in Arduino, 0x10000 in NodeMCU; 0 = not known.
    uint32_t irom;
    uint8_t sdk; ///< major version of the ESP8266's vendor SDK, 1 to 3; 0 = unknown or not for this chip
    /// Sectors that the SDK's data takes at the end of an ESP8266's flash where a firmware has changed it (Arduino: 4,
    /// its PHY data is in the program); 0 = as the SDK has it. See flash_map_system().
    uint8_t system_sectors;
    struct oneslot_map map; ///< regions in the order of the table
    enum flash_map_origin origin;
    uint32_t faults;   ///< FLASH_MAP_FAULT_*
    uint32_t fault_at; ///< address in the dump, or offset in the table's file, of the first row that is wrong
    uint32_t table;    ///< address of the table in a dump; 0 = none
    /// Number of bytes, and the bytes that the map was read from, when it was a dump of a flash or a firmware image:
    /// NULL else. Owned.
    uint32_t size;
    uint8_t *bytes;
};

/// Chip names as esptool writes them ("esp8266", "esp32c3"); FLASH_MAP_CHIPS for an unknown one.
enum flash_map_chip flash_map_chip_parse(const char *text);
const char *flash_map_chip_text(enum flash_map_chip chip);

/// As people write it: "ESP32-C3".
const char *flash_map_chip_title(enum flash_map_chip chip);

/// Whether Oneslot is made for it.
bool flash_map_chip_served(enum flash_map_chip chip);

/// Where the second-stage boot loader of a chip of the ESP32 family lies.
uint32_t flash_map_boot_loader(enum flash_map_chip chip);

/// The largest flash that is made for a chip; Oneslot itself serves FLASH_FILE_MAX at the most.
uint32_t flash_map_largest(enum flash_map_chip chip);

/// Bytes of the SDK's sectors at the end of this map's flash: what the firmware made of flash_map_system_size().
uint32_t flash_map_system(const struct flash_map *map);

/// Writes a reason (FLASH_MAP_TEXT bytes). Returns false.
bool flash_map_refuse(char *reason, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// What is wanted of a map that does not say it itself; zero (and FLASH_MAP_CHIPS) = not given.
struct flash_map_hints {
    enum flash_map_chip chip;
    uint32_t flash_size;
    uint8_t sdk;
};

/// Takes one of the options that all commands have in common: "chip", "flash-size", "sdk". Returns false with the
/// reason when the value is wrong or the option is none of these.
bool flash_map_hint(struct flash_map_hints *hints, const char *option, const char *value, char *reason);

/// Reads a map: `what` is a preset's name, or the path of a CSV, a binary table, a dump or a firmware image.
/// Returns false with the reason in `reason` (FLASH_MAP_TEXT bytes). Broken rules are not looked for here: overlapping
/// or misplaced regions are read as they are, so that the check can name them.
bool flash_map_load(struct flash_map *map, const char *what, const struct flash_map_hints *hints, char *reason);
void flash_map_free(struct flash_map *map);

/// The presets. `index` from 0; NULL past the last.
const struct flash_map *flash_map_preset(size_t index);
const struct flash_map *flash_map_preset_named(const char *name);

/* Rules (host/map/rules.c). */

enum flash_map_weight {
    FLASH_MAP_ERROR,   ///< a rule is broken: does not work, or will not survive
    FLASH_MAP_WARNING, ///< works, but surprises are likely
    FLASH_MAP_ADVICE,  ///< could be better (erase blocks, room to grow)
};

/// A broken rule. The names are stable: tests, scripts and docs/FLASHMAP.md use them ("overlap", "system-sectors").
struct flash_map_finding {
    const char *rule;
    enum flash_map_weight weight;
    uint32_t address; ///< where, and how far
    uint32_t length;
    char text[FLASH_MAP_TEXT]; ///< a sentence with the addresses
};

#define FLASH_MAP_FINDINGS 64u

/// One rule, for `oneslot map rules` and the docs.
struct flash_map_rule {
    const char *name;
    const char *says;   ///< the rule, a sentence
    const char *source; ///< where it is from
};
/// `index` from 0; NULL past the last.
const struct flash_map_rule *flash_map_rule(size_t index);

/// Looks for every broken rule, in the order of addresses. Returns how many (at the most FLASH_MAP_FINDINGS are kept).
size_t flash_map_check(const struct flash_map *map, struct flash_map_finding *findings);

/// A firmware that is to lie in a map: its file, or only its size (`bytes` NULL).
struct flash_map_firmware {
    const uint8_t *bytes;
    uint32_t size;
};

/// Where a firmware would lie in a map. All zero when that is not known.
struct flash_map_headroom {
    uint32_t start;  ///< flash address of the firmware
    uint32_t end;    ///< exclusive
    uint32_t region; ///< end (exclusive) of what it may occupy; below `end` when it does not fit
};

/// The same, and whether `firmware` (may be NULL) fits the map; a dump and a firmware's own map have theirs with them.
size_t flash_map_check_firmware(const struct flash_map *map, const struct flash_map_firmware *firmware,
                                struct flash_map_finding *findings);

/// How much room the firmware of a check has. `firmware` as above.
struct flash_map_headroom flash_map_headroom(const struct flash_map *map, const struct flash_map_firmware *firmware);

/// The SDK's sectors at the end of an ESP8266's flash, in bytes: 16 KiB for SDK 1, 20 KiB for 2 and 3.
uint32_t flash_map_system_size(uint8_t sdk);

/* Planner (host/map/planner.c). */

struct flash_map_wishes {
    enum flash_map_chip chip;
    uint32_t flash_size;
    uint8_t sdk;             ///< 1 to 3; 0 = the newest
    uint32_t firmware;       ///< bytes the image takes from flash 0 on (ESP32: the application's)
    uint32_t grow;           ///< bytes it must be able to grow by at the least
    uint32_t native;         ///< bytes of an executable area for native code; 0 = none
    uint32_t user;           ///< bytes for the user's own sectors
    uint32_t file_system;    ///< bytes of file system at the least; 0 = what is left, none if nothing is
    uint32_t file_system_at; ///< its address; 0 = anywhere
    /// Where it ends, for a firmware that has its size from the linker or the SDK; 0 = anywhere. Goes with
    /// file_system_at.
    uint32_t file_system_end;
    bool oneslot; ///< with Oneslot's reserved area (48 KiB)
    bool low;     ///< put that area low, right behind the firmware, else where it costs no executable sector
};

/// Makes a map that flash_map_check accepts (no finding of weight ERROR or WARNING). Returns false when there is none,
/// with the rule that stands against it and a sentence that says what would have to give, in bytes: `length` of the
/// refusal, so many less of the first option that it names. An option is named with the most that would do ("--grow
/// 0x3000"): a byte more is refused. Options joined by "with" go together.
bool flash_map_plan(struct flash_map *map, const struct flash_map_wishes *wishes, struct flash_map_finding *refusal);

/* Pictures (host/map/draw_text.c, host/map/draw_svg.c). */

/// A picture to scale for `width` columns; `colour`: with escape sequences. `other` (may be NULL): beside it, with what
/// would move.
void flash_map_draw(FILE *out, const struct flash_map *map, const struct flash_map *other, unsigned width, bool colour);

/// The same as an SVG document. Returns false when writing failed.
bool flash_map_draw_svg(FILE *out, const struct flash_map *map, const struct flash_map *other);

/* Export (host/map/export.c). */

/// "csv", "csv-names", "bin", "ld", "header", "cmake", "micropython", "json". Returns false with the reason for an
/// unknown format or a map that has not what it needs.
bool flash_map_export(FILE *out, const struct flash_map *map, const char *format, char *reason);

/* Moving a device to another map (host/map/move.c). */

struct flash_map_move {
    const char *const *drop; ///< labels of old regions that may be lost
    size_t drops;
};

/// What happens to a region.
enum flash_map_step_kind {
    FLASH_MAP_STEP_KEEP,    ///< the same bytes in the same place
    FLASH_MAP_STEP_COPY,    ///< the same bytes in another place
    FLASH_MAP_STEP_REBUILD, ///< a file system made anew, its files copied
    FLASH_MAP_STEP_WRITE,   ///< made for the new map
    FLASH_MAP_STEP_ERASE,   ///< new, nothing in it yet
    FLASH_MAP_STEP_DROP,    ///< left behind
    FLASH_MAP_STEP_NOTE,    ///< something to know
    FLASH_MAP_STEP_WARNING, ///< something to do
};

struct flash_map_step {
    enum flash_map_step_kind kind;
    char label[17];
    uint32_t from; ///< old place; size 0 = there was none
    uint32_t from_size;
    uint32_t to; ///< new place; size 0 = there is none
    uint32_t to_size;
    char text[200]; ///< what it is, for people
};

#define FLASH_MAP_STEPS 96u

struct flash_map_steps {
    size_t count;
    struct flash_map_step step[FLASH_MAP_STEPS];
};

/// "keep", "copy", ...
const char *flash_map_step_name(enum flash_map_step_kind kind);

/// From the dump in `from` (from->bytes) makes the flash image of `to`, in `*out` (to->flash_size bytes, the caller's
/// to free), and says in `steps` what went where. Returns false with the reason; then there is no image.
bool flash_map_move(const struct flash_map *from, const struct flash_map *to, const struct flash_map_move *how,
                    uint8_t **out, struct flash_map_steps *steps, char *reason);

/* Commands of `oneslot map`: each gets its own argv, argv[0] its name. */
int cmd_map_plan(int argc, char **argv);
int cmd_map_check(int argc, char **argv);
int cmd_map_show(int argc, char **argv);
int cmd_map_export(int argc, char **argv);
int cmd_map_move(int argc, char **argv);

#endif
