#include "oneslot/otadata.h"

#include <stddef.h>
#include <string.h>

#include "oneslot/layout.h"

_Static_assert(sizeof(struct oneslot_otadata) == 32, "otadata entry");

/// The one application slot is chosen by every sequence number; ours is always this one.
#define SEQUENCE 1u
#define ERASED   0xffffffffu

uint32_t oneslot_otadata_crc(uint32_t sequence) {
    const uint8_t bytes[4] = {(uint8_t)sequence, (uint8_t)(sequence >> 8), (uint8_t)(sequence >> 16),
                              (uint8_t)(sequence >> 24)};
    return oneslot_crc32(ERASED, bytes, sizeof bytes);
}

static enum oneslot_error read_entry(const struct oneslot_flash *flash, uint32_t address, uint32_t sector,
                                     struct oneslot_otadata *entry) {
    return oneslot_flash_read(flash, address + sector * ONESLOT_SECTOR_SIZE, entry, sizeof *entry);
}

static bool is_whole(const struct oneslot_otadata *entry) {
    return entry->sequence != ERASED && entry->crc == oneslot_otadata_crc(entry->sequence);
}

/// A boot loader that knows trials gives up what is still pending at its next start.
static bool is_started(const struct oneslot_otadata *entry) {
    return is_whole(entry) && entry->state != ONESLOT_OTA_INVALID && entry->state != ONESLOT_OTA_ABORTED &&
           entry->state != ONESLOT_OTA_PENDING_VERIFY;
}

enum oneslot_error oneslot_otadata_read(const struct oneslot_flash *flash, uint32_t address,
                                        struct oneslot_otadata *entry, bool *boots) {
    bool started = false;
    memset(entry, 0xff, sizeof *entry);
    for (uint32_t sector = 0; sector < ONESLOT_OTADATA_SECTORS; sector++) {
        struct oneslot_otadata other;
        enum oneslot_error error = read_entry(flash, address, sector, &other);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        started = started || is_started(&other);
        if (is_whole(&other) && (entry->sequence == ERASED || other.sequence > entry->sequence)) {
            *entry = other;
        }
    }
    if (boots != NULL) {
        *boots = started;
    }
    return ONESLOT_ERROR_NONE;
}

/// Erases both sectors, whatever they read: what looks erased may be cells that a cut left half-way.
static bool erase_both(const struct oneslot_flash *flash, uint32_t address) {
    bool erased = true;
    for (uint32_t sector = 0; sector < ONESLOT_OTADATA_SECTORS; sector++) {
        struct oneslot_otadata entry;
        uint32_t at = address + sector * ONESLOT_SECTOR_SIZE;
        erased = oneslot_flash_erase_sector(flash, at) == ONESLOT_ERROR_NONE && erased;
        erased = read_entry(flash, address, sector, &entry) == ONESLOT_ERROR_NONE && entry.sequence == ERASED &&
                 entry.state == ERASED && entry.crc == ERASED && erased;
    }
    return erased;
}

/// The sequence number goes last: without it the entry is none.
static bool program_entry(const struct oneslot_flash *flash, uint32_t at, const struct oneslot_otadata *entry) {
    const uint32_t state = entry->state;
    const uint32_t crc = entry->crc;
    const uint32_t sequence = entry->sequence;
    struct oneslot_otadata now;
    return oneslot_flash_program(flash, at + offsetof(struct oneslot_otadata, state), &state, sizeof state) ==
               ONESLOT_ERROR_NONE &&
           oneslot_flash_program(flash, at + offsetof(struct oneslot_otadata, crc), &crc, sizeof crc) ==
               ONESLOT_ERROR_NONE &&
           oneslot_flash_program(flash, at, &sequence, sizeof sequence) == ONESLOT_ERROR_NONE &&
           oneslot_flash_read(flash, at, &now, sizeof now) == ONESLOT_ERROR_NONE &&
           memcmp(&now, entry, sizeof now) == 0;
}

enum oneslot_error oneslot_otadata_write(const struct oneslot_flash *flash, uint32_t address, uint32_t state) {
    struct oneslot_otadata entry;
    memset(&entry, 0xff, sizeof entry);
    entry.sequence = SEQUENCE;
    entry.state = state;
    entry.crc = oneslot_otadata_crc(SEQUENCE);
    /* A sector that is worn out leaves the other one. */
    for (uint32_t attempt = 0; attempt < 2u * ONESLOT_OTADATA_SECTORS; attempt++) {
        uint32_t sector = attempt % ONESLOT_OTADATA_SECTORS;
        (void)erase_both(flash, address);
        if (program_entry(flash, address + sector * ONESLOT_SECTOR_SIZE, &entry)) {
            return ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_OTADATA_WRITE;
}

enum oneslot_error oneslot_otadata_erase(const struct oneslot_flash *flash, uint32_t address) {
    for (uint32_t attempt = 0; attempt < ONESLOT_FLASH_TRIES; attempt++) {
        if (erase_both(flash, address)) {
            return ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_OTADATA_WRITE;
}
