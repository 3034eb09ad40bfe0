#include "install_steps.h"

#include <stddef.h>
#include <string.h>

#include "bearssl_hash.h"

#define SECTORS_PER_BLOCK (ONESLOT_BLOCK_SIZE / ONESLOT_SECTOR_SIZE)
#define PAGES_PER_SECTOR  (ONESLOT_SECTOR_SIZE / ONESLOT_PAGE_SIZE)

/// Typical times in units of 0.1 ms (W25Q32 data sheet: sector erase 45 ms, block erase 150 ms, page program 0.7 ms).
#define SECTOR_ERASE_TIME 450u
#define BLOCK_ERASE_TIME  1500u
#define PAGE_PROGRAM_TIME 7u

void oneslot_report(struct oneslot_install *install, enum oneslot_phase phase, uint32_t done, uint32_t total) {
    if (install->port != NULL && install->port->progress != NULL) {
        // 16 MiB at the most: the product stays below 2^32.
        install->port->progress(install->port->context, phase, total == 0 ? 100u : done * 100u / total);
    }
}

/// Where a byte of the image lies in flash: the first sector of an image at flash 0 is displaced.
static uint32_t physical(const struct oneslot_install *install, uint32_t address) {
    return address < ONESLOT_SECTOR_SIZE ? install->layout.displaced + address : address;
}

/// Where a sector of the image lies in flash.
static uint32_t sector_address(const struct oneslot_install *install, uint32_t sector) {
    return physical(install, install->record.target + sector * ONESLOT_SECTOR_SIZE);
}

static uint32_t sector_count(const struct oneslot_record *record) {
    return (record->size + ONESLOT_SECTOR_SIZE - 1u) / ONESLOT_SECTOR_SIZE;
}

static bool planned(const struct oneslot_record *record, uint32_t sector) {
    uint32_t bit = sector >> record->plan_shift;
    return (record->plan[bit / 8u] >> (bit % 8u) & 1u) != 0;
}

static void set_planned(struct oneslot_record *record, uint32_t sector) {
    uint32_t bit = sector >> record->plan_shift;
    record->plan[bit / 8u] |= (uint8_t)(1u << (bit % 8u));
}

bool oneslot_plan_empty(const struct oneslot_record *record) {
    for (uint32_t sector = 0; sector < sector_count(record); sector++) {
        if (planned(record, sector)) {
            return false;
        }
    }
    return true;
}

/// The 64 KiB block of flash that a sector of the image lies in, counted from the image's first one.
static uint32_t block_of(const struct oneslot_record *record, uint32_t sector) {
    return (record->target + sector * ONESLOT_SECTOR_SIZE) / ONESLOT_BLOCK_SIZE - record->target / ONESLOT_BLOCK_SIZE;
}

/// First sector of the image in the same block, and one past the last.
static void block_sectors(const struct oneslot_record *record, uint32_t sector, uint32_t *first, uint32_t *end) {
    uint32_t start = (record->target + sector * ONESLOT_SECTOR_SIZE) & ~(ONESLOT_BLOCK_SIZE - 1u);
    *first = start <= record->target ? 0 : (start - record->target) / ONESLOT_SECTOR_SIZE;
    *end = (start + ONESLOT_BLOCK_SIZE - record->target) / ONESLOT_SECTOR_SIZE;
    if (*end > sector_count(record)) {
        *end = sector_count(record);
    }
}

/// Whether the sectors from `first` to `end` are a whole block of flash, all of it the image's, without its first
/// sector: then one erase serves them all. The sectors of others and the displaced one are never in it.
static bool erasable_as_block(uint32_t first, uint32_t end) {
    return first > 0 && end - first == SECTORS_PER_BLOCK;
}

/// Reads one sector of the image into install->buffer: 0xff behind the image's end, and the device's own bytes 2 and 3
/// (flash mode, size and clock) in an image that the boot ROM reads.
static enum oneslot_error read_image_sector(struct oneslot_install *install, uint32_t sector) {
    const struct oneslot_record *record = &install->record;
    uint32_t offset = sector * ONESLOT_SECTOR_SIZE;
    uint32_t length = record->size - offset < ONESLOT_SECTOR_SIZE ? record->size - offset : ONESLOT_SECTOR_SIZE;
    memset(install->buffer + length, 0xff, ONESLOT_SECTOR_SIZE - length);
    enum oneslot_error error = oneslot_source_read(&install->source, offset, install->buffer, length);
    if (error == ONESLOT_ERROR_NONE && sector == 0 && record->target == 0) {
        error = oneslot_flash_read(install->flash, 2, install->buffer + 2, 2);
    }
    return error;
}

/// Whether flash holds at `address` what is in install->buffer. `length`: bytes that matter.
static enum oneslot_error holds_buffer(struct oneslot_install *install, uint32_t address, uint32_t length,
                                       bool *holds) {
    *holds = true;
    for (uint32_t done = 0; done < length && *holds; done += ONESLOT_PAGE_SIZE) {
        uint32_t part = length - done < ONESLOT_PAGE_SIZE ? length - done : ONESLOT_PAGE_SIZE;
        enum oneslot_error error = oneslot_flash_read(install->flash, address + done, install->compare, part);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        *holds = memcmp(install->compare, install->buffer + done, part) == 0;
    }
    return ONESLOT_ERROR_NONE;
}

/// Pages of install->buffer that need a program.
static uint32_t pages_to_program(const struct oneslot_install *install) {
    uint32_t pages = 0;
    for (uint32_t page = 0; page < PAGES_PER_SECTOR; page++) {
        const uint8_t *byte = install->buffer + page * ONESLOT_PAGE_SIZE;
        uint32_t i = 0;
        while (i < ONESLOT_PAGE_SIZE && byte[i] == 0xffu) {
            i++;
        }
        pages += i < ONESLOT_PAGE_SIZE;
    }
    return pages;
}

/// Compares the sectors of one block, sets the bits of those that differ, or of all where erasing the block at once
/// and programming all of it takes less time.
static enum oneslot_error plan_block(struct oneslot_install *install, uint32_t first, uint32_t end) {
    struct oneslot_record *record = &install->record;
    uint32_t singly = 0;
    uint32_t together = BLOCK_ERASE_TIME;
    for (uint32_t sector = first; sector < end; sector++) {
        enum oneslot_error error = read_image_sector(install, sector);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        uint32_t rest = record->size - sector * ONESLOT_SECTOR_SIZE;
        bool holds;
        error = holds_buffer(install, sector_address(install, sector),
                             rest < ONESLOT_SECTOR_SIZE ? rest : ONESLOT_SECTOR_SIZE, &holds);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        uint32_t program_time = pages_to_program(install) * PAGE_PROGRAM_TIME;
        together += program_time;
        if (!holds) {
            set_planned(record, sector);
            singly += SECTOR_ERASE_TIME + program_time;
        }
        oneslot_report(install, ONESLOT_PHASE_PLAN, sector + 1u, sector_count(record));
    }
    if (erasable_as_block(first, end) && together < singly) {
        for (uint32_t sector = first; sector < end; sector++) {
            set_planned(record, sector);
        }
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_plan(struct oneslot_install *install, bool trust) {
    struct oneslot_record *record = &install->record;
    record->plan_shift = 0;
    while (((sector_count(record) - 1u) >> record->plan_shift) >= ONESLOT_PLAN_SIZE * 8u) {
        record->plan_shift++;
    }
    if (!trust) {
        memset(record->plan, 0xff, sizeof record->plan);
        return ONESLOT_ERROR_NONE;
    }
    memset(record->plan, 0, sizeof record->plan);
    for (uint32_t sector = 0; sector < sector_count(record);) {
        uint32_t first;
        uint32_t end;
        block_sectors(record, sector, &first, &end);
        enum oneslot_error error = plan_block(install, first, end);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        sector = end;
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_plan_resume(struct oneslot_install *install, uint32_t slot) {
    struct oneslot_record before = install->record;
    uint32_t marks;
    enum oneslot_error error = oneslot_journal_marks(&install->journal, slot, &marks);
    if (error != ONESLOT_ERROR_NONE) {
        return error;
    }
    memset(install->record.plan, 0, sizeof install->record.plan);
    for (uint32_t sector = 0; sector < sector_count(&before); sector++) {
        uint32_t block = block_of(&before, sector);
        bool done = block < ONESLOT_MARKS && (marks >> block & 1u) != 0;
        // The first sector is written last and has no mark: done again, whatever it reads.
        if (planned(&before, sector) && (sector == 0 || !done)) {
            set_planned(&install->record, sector);
        }
    }
    return ONESLOT_ERROR_NONE;
}

/// Programs install->buffer to an erased sector and reads it back.
static enum oneslot_error program_sector(struct oneslot_install *install, uint32_t address) {
    enum oneslot_error error = oneslot_flash_program(install->flash, address, install->buffer, ONESLOT_SECTOR_SIZE);
    bool holds = false;
    if (error == ONESLOT_ERROR_NONE) {
        error = holds_buffer(install, address, ONESLOT_SECTOR_SIZE, &holds);
    }
    return error == ONESLOT_ERROR_NONE && !holds ? ONESLOT_ERROR_FLASH_VERIFY : error;
}

enum oneslot_error oneslot_write_sector(struct oneslot_install *install, uint32_t address, bool erased) {
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    for (int attempt = 0; attempt < ONESLOT_FLASH_TRIES; attempt++) {
        error = erased ? ONESLOT_ERROR_NONE : oneslot_flash_erase_sector(install->flash, address);
        if (error == ONESLOT_ERROR_NONE) {
            error = program_sector(install, address);
        }
        if (error == ONESLOT_ERROR_NONE) {
            break;
        }
        erased = false;
    }
    install->record.detail = error == ONESLOT_ERROR_NONE ? 0 : address;
    return error;
}

/// Writes one sector of the image; `erased`: its block was erased just now.
static enum oneslot_error write_sector(struct oneslot_install *install, uint32_t sector, bool erased) {
    enum oneslot_error error = read_image_sector(install, sector);
    return error != ONESLOT_ERROR_NONE ? error : oneslot_write_sector(install, sector_address(install, sector), erased);
}

/// Writes the planned sectors of one block but the image's first.
static enum oneslot_error write_block(struct oneslot_install *install, uint32_t first, uint32_t end) {
    const struct oneslot_record *record = &install->record;
    bool all = erasable_as_block(first, end);
    for (uint32_t sector = first; sector < end; sector++) {
        all = all && planned(record, sector);
    }
    // Where the block does not erase, its sectors are tried one by one.
    bool erased = all && oneslot_flash_erase_block(install->flash, record->target + first * ONESLOT_SECTOR_SIZE) ==
                             ONESLOT_ERROR_NONE;
    for (uint32_t sector = first; sector < end; sector++) {
        if (sector == 0 || !planned(record, sector)) {
            continue;
        }
        enum oneslot_error error = write_sector(install, sector, erased);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        oneslot_report(install, ONESLOT_PHASE_WRITE, sector, sector_count(record));
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_write_planned(struct oneslot_install *install) {
    struct oneslot_record *record = &install->record;
    for (uint32_t sector = 0; sector < sector_count(record);) {
        uint32_t first;
        uint32_t end;
        block_sectors(record, sector, &first, &end);
        enum oneslot_error error = write_block(install, first, end);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (block_of(record, sector) < ONESLOT_MARKS) {
            // A mark that fails costs time after a cut and nothing else.
            (void)oneslot_journal_mark(&install->journal, install->slot, block_of(record, sector));
        }
        sector = end;
    }
    if (planned(record, 0)) {
        enum oneslot_error error = write_sector(install, 0, false);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
    }
    oneslot_report(install, ONESLOT_PHASE_WRITE, 1, 1);
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_verify(struct oneslot_install *install, const struct oneslot_held *held) {
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    for (uint32_t done = 0; done < held->size; done += ONESLOT_SECTOR_SIZE) {
        uint32_t part = held->size - done < ONESLOT_SECTOR_SIZE ? held->size - done : ONESLOT_SECTOR_SIZE;
        enum oneslot_error error =
            oneslot_flash_read(install->flash, physical(install, held->target + done), install->buffer, part);
        if (error != ONESLOT_ERROR_NONE) {
            return error;
        }
        if (done == 0 && held->target == 0) {
            // The digest is the file's; flash holds the device's own bytes 2 and 3.
            memcpy(install->buffer + 2, (const uint8_t *)&held->header + 2, 2);
        }
        br_sha256_update(&sha256, install->buffer, part);
        oneslot_report(install, ONESLOT_PHASE_VERIFY, done + part, held->size);
    }
    uint8_t digest[br_sha256_SIZE];
    br_sha256_out(&sha256, digest);
    return memcmp(digest, held->sha256, sizeof digest) == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_FLASH_VERIFY;
}
