/*
 * The parts of a move: file systems (move_files.c), the firmware and Oneslot's own sectors (move_firmware.c), all else
 * and the order of things (move.c).
 *
 * A move is a list of steps, each of which says which bytes of the old flash make which of the new one. On the host
 * they are carried out from one buffer into another. The same list serves a device that moves itself in place: there
 * a step may run once no other step still needs what lies where it writes (KEEP is free, COPY goes by sectors from the
 * end that is not overwritten first, REBUILD needs the file system's new blocks beside the old ones, and WRITE, which
 * makes the new map valid, comes last), with the number of the step and of the sector in the journal.
 */
#ifndef ONESLOT_HOST_MAP_MOVE_H
#define ONESLOT_HOST_MAP_MOVE_H

#include "host/map/flash_map.h"

/// All that is at hand during a move.
struct move {
    const struct flash_map *from;
    const struct flash_map *to;
    const struct flash_map_move *how;
    uint8_t *out; ///< the new flash, erased where nothing was put yet
    struct flash_map_steps *steps;
    char *reason; ///< FLASH_MAP_TEXT bytes
};

/// An old region and its new place.
struct move_pair {
    const struct oneslot_partition *from;
    const struct oneslot_partition *to;
};

/// Adds a step; either region may be NULL.
void move_step(const struct move *move, enum flash_map_step_kind kind, const struct oneslot_partition *from,
               const struct oneslot_partition *to, const char *format, ...) __attribute__((format(printf, 5, 6)));

/// Bytes up to the last one that is not erased.
uint32_t move_used(const uint8_t *bytes, uint32_t size);

/// The first region of a type and subtype (-1: any), or NULL.
const struct oneslot_partition *move_find(const struct oneslot_map *map, uint8_t type, int subtype);

/// Copies what lies in a region. Refuses by name and with the numbers what does not fit.
bool move_bytes(const struct move *move, const struct move_pair *pair);

/// Whether a region is to hold a file system.
bool move_is_file_system(const struct oneslot_partition *region);

/// A file system with all its files, directories and attributes.
bool move_file_system(const struct move *move, const struct move_pair *pair);

/// The firmware of an ESP8266: checked, and put where it is linked to.
bool move_firmware(const struct move *move, const struct move_pair *pair);

/// Oneslot's own sectors: loader, displaced sector, journal, map, installer. Does nothing where neither map has them.
bool move_oneslot(const struct move *move);

/// Whether a region is one of those.
bool move_is_oneslot(const struct oneslot_partition *region);

/// Whether a region was named in --drop.
bool move_is_dropped(const struct move *move, const struct oneslot_partition *region);

#endif
