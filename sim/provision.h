/*
 * Provisioning: what the flash of a new device holds, made in memory.
 *
 * Loader sector with the layout block, the application with its first sector displaced, a journal with one IDLE
 * record, the flash map with the configuration, the installer, a littlefs with files. On the ESP32 family: a stand-in
 * of the boot loader, the partition table, nvs and phy_init, the application, the installer, otadata, journal and
 * settings. Used by the simulator and its tests, and by any tool that has the parts at hand.
 */
#ifndef SIM_PROVISION_H
#define SIM_PROVISION_H

#include "oneslot/chip.h"
#include "oneslot/journal.h"
#include "oneslot/layout.h"
#include "oneslot/map.h"
#include "oneslot/trust.h"
#include "oneslot/version.h"

/// A file to be put on the file system. Directories on its way are made.
struct sim_file {
    const char *path; ///< "/lib/data.txt"
    const void *bytes;
    uint32_t size;
};

/// The reserved area in one piece: displaced sector, journal, map, installer.
#define SIM_RESERVED_SIZE 0xc000u

/// The same on the ESP32 family: installer, otadata, journal, settings, and a rest that is free.
#define SIM_TABLE_INSTALLER_SIZE 0x10000u
#define SIM_TABLE_RESERVED_SIZE  0x20000u
/// Where the application of the ESP32 family begins.
#define SIM_TABLE_APPLICATION 0x10000u

struct sim_provision {
    const struct oneslot_chip *chip; ///< of the ESP32 family; NULL: an ESP8266
    uint32_t flash_size;
    /// The application as it would lie in flash from address 0 on (with boot_v1.x: boot loader and user1); on the ESP32
    /// family from its partition's start.
    const uint8_t *firmware;
    uint32_t firmware_size;
    struct oneslot_version version; ///< of the firmware, which is confirmed; zero: not known
    uint32_t reserved; ///< address of the reserved area, which ends the firmware's region; 0: 0xf4000, 0x1e0000
    uint32_t fs_start; ///< 0: the first megabyte's end, the second's
    uint32_t fs_size;  ///< 0: up to the SDK's five sectors at the end of flash; on the ESP32 family up to its end
    uint32_t fs_block; ///< littlefs block size; 0: 4096
    const struct sim_file *file;
    uint32_t files;
    const char *watch;                       ///< watch path, or NULL
    const struct oneslot_trust_block *trust; ///< keys and board, sealed or not as it is; NULL for none
    const uint8_t *loader;                   ///< image of the loader, or NULL: a stand-in that no chip would run
    uint32_t loader_size;
    const uint8_t *installer; ///< or NULL for none
    uint32_t installer_size;
};

/// Fills `flash` (flash_size bytes) and, unless NULL, `layout`. The device's header bytes 2 and 3 are the firmware's.
/// Returns NONE, ARGUMENT (parts too large for their regions), FS_CORRUPT (files do not fit), JOURNAL_WRITE, or what
/// reading the map back says of it.
enum oneslot_error sim_provision(uint8_t *flash, const struct sim_provision *provision, struct oneslot_layout *layout);

/// Formats a littlefs in `region` (`size` bytes of memory) and writes the files. Returns NONE or FS_CORRUPT.
enum oneslot_error sim_make_file_system(uint8_t *region, uint32_t size, uint32_t block_size,
                                        const struct sim_file *file, uint32_t files);

/// Reads one file of such a region whole. Returns its size, or a negative littlefs error.
int32_t sim_read_file(const uint8_t *region, uint32_t size, uint32_t block_size, const char *path, void *buffer,
                      uint32_t capacity);

/// A flash port over plain memory, with the NOR rule that a program only clears bits. `memory` must outlive it.
struct sim_memory {
    uint8_t *bytes;
    uint32_t size;
};
struct oneslot_flash sim_memory_flash(struct sim_memory *memory);

#endif
