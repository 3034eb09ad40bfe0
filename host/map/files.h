/*
 * File systems as they lie in a flash, told by their first sectors.
 */
#ifndef ONESLOT_HOST_MAP_FILES_H
#define ONESLOT_HOST_MAP_FILES_H

#include "oneslot/map.h"

enum files { FILES_NONE, FILES_LITTLEFS, FILES_FAT };

/// What begins in the sector at `at` of a flash; `extent` receives its bytes, 0 if it does not tell.
enum files files_at(const uint8_t *flash, uint32_t size, uint32_t at, uint32_t *extent);

/// What a region holds.
enum files files_in(const uint8_t *flash, uint32_t size, const struct oneslot_partition *region, uint32_t *extent);

/// "a FAT", "a littlefs".
const char *files_text(enum files files);

#endif
