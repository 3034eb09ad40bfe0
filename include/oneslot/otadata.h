/*
 * otadata: the two sectors in which ESP-IDF's second-stage boot loader keeps which application it starts.
 *
 * Each sector begins with an entry of 32 bytes. The one with the higher sequence number wins, if its CRC is right and
 * its state is neither INVALID nor ABORTED; with neither, the `factory` partition is started. With one application
 * slot every sequence number means ota_0.
 * Source: ESP-IDF, components/bootloader_support/include/esp_flash_partitions.h (esp_ota_select_entry_t) and
 * src/bootloader_common.c, bootloader_utility.c.
 */
#ifndef ONESLOT_OTADATA_H
#define ONESLOT_OTADATA_H

#include "oneslot/flash.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ONESLOT_OTADATA_SECTORS 2u

enum oneslot_ota_state {
    ONESLOT_OTA_NEW = 0,            ///< is started once, as PENDING_VERIFY
    ONESLOT_OTA_PENDING_VERIFY = 1, ///< was started, and has not confirmed itself yet
    ONESLOT_OTA_VALID = 2,          ///< has confirmed itself
    ONESLOT_OTA_INVALID = 3,        ///< has given itself up
    ONESLOT_OTA_ABORTED = 4,        ///< did not confirm itself before the next reset
};
#define ONESLOT_OTA_UNDEFINED 0xffffffffu ///< started without a trial

/// One entry as it lies in flash, little endian.
struct oneslot_otadata {
    uint32_t sequence; ///< 1 and up; 0xffffffff: erased
    uint8_t label[20]; ///< not used
    uint32_t state;    ///< enum oneslot_ota_state or ONESLOT_OTA_UNDEFINED
    uint32_t crc;      ///< CRC-32 of `sequence` alone, with a start value as ESP-IDF's
};

/// CRC that an entry with this sequence number has.
uint32_t oneslot_otadata_crc(uint32_t sequence);

/// Reads the entry with the highest sequence number whose CRC is right, whatever its state. `boots` (may be NULL):
/// whether any boot loader would start ota_0 by it (or the other entry) rather than the factory partition: a pending
/// one is given up at the next start by those that know trials.
/// Returns NONE, or a flash error; an erased or torn otadata gives an entry of 0xff and boots = false.
enum oneslot_error oneslot_otadata_read(const struct oneslot_flash *flash, uint32_t address,
                                        struct oneslot_otadata *entry, bool *boots);

/// From the next reset on the boot loader starts ota_0, with that state. Erases both sectors and programs the
/// sequence number last, so that a cut leaves otadata that starts either ota_0 or the factory partition.
/// Reads it back. Returns NONE or OTADATA_WRITE.
enum oneslot_error oneslot_otadata_write(const struct oneslot_flash *flash, uint32_t address, uint32_t state);

/// From the next reset on the boot loader starts the factory partition: the installer. Returns NONE or OTADATA_WRITE.
enum oneslot_error oneslot_otadata_erase(const struct oneslot_flash *flash, uint32_t address);

#ifdef __cplusplus
}
#endif

#endif
