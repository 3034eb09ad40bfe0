/*
 * Whole files: read into memory, replaced in one step.
 */
#ifndef ONESLOT_HOST_FILE_H
#define ONESLOT_HOST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// Reads a whole file of at most `limit` bytes into memory that the caller frees (never NULL, also for an empty
/// file). Returns false with errno set; EFBIG when the file is larger, EISDIR for a directory.
bool file_read(const char *path, size_t limit, uint8_t **bytes, size_t *length);

/// Replaces (or creates) a file: written beside it, flushed, then renamed over it, so that a reader sees the old or the
/// new content and a failure leaves the old one. Keeps the old file's permissions. Returns false with errno set.
bool file_replace(const char *path, const uint8_t *bytes, size_t length);

#endif
