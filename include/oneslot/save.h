/*
 * Save: the firmware that runs, written to a file, so that there is something to go back to.
 *
 * The file goes out from its first byte to its last, nothing is written twice: any file system will do. The firmware is
 * read twice. The first pass proves that flash holds what the journal says, byte for byte as its file was, and measures
 * what will be written; nothing is written before it has passed. The second one writes.
 *
 * What was saved installs again by its path. As fallback of a trial it is taken even on a device with a key, though
 * nobody has signed it: the installer knows the SHA-256 of what ran before the trial (journal.h).
 *
 * Link core/save.c, core/pack.c, core/pack_filter.c and core/sha256.c beside what oneslot.h asks for. No heap, about
 * 1 KiB of stack.
 */
#ifndef ONESLOT_SAVE_H
#define ONESLOT_SAVE_H

#include "oneslot/oneslot.h"
#include "oneslot/pack.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Memory for an image that is not compressed.
#define ONESLOT_SAVE_MEMORY_LEAST 256u

/// Takes the next `length` bytes of the file, 1 to 4096. Anything but NONE ends the saving and is passed up unchanged:
/// FILE_WRITE and FILE_NO_ROOM are meant for it.
typedef enum oneslot_error oneslot_save_write(void *context, const void *data, uint32_t length);

struct oneslot_save_options {
    /// The image as its file was. Else a package (FORMATS.md) with the image's version, kind and SHA-256, compressed
    /// where that makes it smaller.
    bool plain;
    /// Lent for the time of the call, aligned to 4. At least ONESLOT_SAVE_MEMORY_LEAST; with less than
    /// ONESLOT_PACK_MEMORY_LEAST nothing is compressed, with more up to ONESLOT_PACK_MEMORY_MOST it gets smaller.
    void *memory;
    uint32_t memory_size;
    void *context; ///< handed to all three functions
    /// Told the file's size before its first byte; may refuse as `write` may. NULL for none.
    enum oneslot_error (*begin)(void *context, uint32_t size);
    /// Called at least every 8 KiB of both passes together; serves the watchdog. NULL for none.
    void (*progress)(void *context, uint32_t done, uint32_t total);
};

/// Saves the firmware that runs. After an error the caller removes what it has written so far.
/// Returns NONE; IMAGE_NOT_KNOWN (the journal has no size and SHA-256 of it), BUSY (an installation is under way),
/// FLASH_VERIFY (flash does not hold what was installed), ARGUMENT (too little memory), what `begin` or `write`
/// returned, or a flash error.
enum oneslot_error oneslot_save(struct oneslot *oneslot, const struct oneslot_save_options *options,
                                oneslot_save_write *write);

#ifdef __cplusplus
}
#endif

#endif
