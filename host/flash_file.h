/*
 * A whole-flash file: the flash of one device, loaded into memory.
 */
#ifndef ONESLOT_HOST_FLASH_FILE_H
#define ONESLOT_HOST_FLASH_FILE_H

#include "oneslot/layout.h"
#include "oneslot/map.h"
#include "oneslot/oneslot.h"

/// Largest flash chip of any chip served.
#define FLASH_FILE_MAX (16u * 1024 * 1024)

struct flash_file {
    const char *path;
    uint8_t *bytes;
    uint32_t size; ///< of the file
    struct oneslot_flash flash;
    struct oneslot_layout layout;
    struct oneslot_map map;
    bool stock; ///< without Oneslot: no layout, and of the map what its firmware or its table tells
    bool idf;   ///< of the ESP32 family: ESP-IDF's boot loader, and the layout from its partition table
};

/// Finds out where the parts lie in the flash that `bytes` and `size` hold: from our loader's block or from ESP-IDF's
/// partition table. Sets flash, layout and idf. Returns NONE, NO_LAYOUT, or what is wrong with the table.
enum oneslot_error flash_file_find_layout(struct flash_file *file);

/// Opens the flash as the application on its device does.
enum oneslot_error flash_file_open_oneslot(const struct flash_file *file, struct oneslot *oneslot);

/// Loads a flash file that `oneslot image` made, with its layout and map. Says what is wrong and returns TOOL_FAILED if
/// it is none; then there is nothing to close. Returns TOOL_OK.
int flash_file_open(struct flash_file *file, const char *path, bool json);

/// The same, and also a flash without Oneslot in which a file system is known: `stock` is set, and
/// oneslot_map_file_system() of its map is where the files are.
int flash_file_open_any(struct flash_file *file, const char *path, bool json);

/// Writes it back in one step. Says what is wrong and returns TOOL_FAILED; returns TOOL_OK.
int flash_file_save(const struct flash_file *file, bool json);

void flash_file_close(struct flash_file *file);

#endif
