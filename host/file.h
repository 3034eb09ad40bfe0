/*
 * What a command reads: whole files, in memory. Each is remembered, so that no output takes its place (host/output.h).
 */
#ifndef ONESLOT_HOST_FILE_H
#define ONESLOT_HOST_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

/// Reads a whole file of at most `limit` bytes into memory that the caller frees (never NULL, also for an empty
/// file). Returns false with errno set; EFBIG when the file is larger, EISDIR for a directory.
bool file_read(const char *path, size_t limit, uint8_t **bytes, size_t *length);

/// Remembers a file that is read in another way.
void file_note(const char *path, const struct stat *status);

/// How often the file of `status` was read, whatever name was given for it. `name` receives the first such name.
unsigned file_times_read(const struct stat *status, const char **name);

#endif
