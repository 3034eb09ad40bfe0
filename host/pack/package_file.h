/*
 * A package in a file, read by the core as the device would.
 */
#ifndef ONESLOT_HOST_PACK_PACKAGE_FILE_H
#define ONESLOT_HOST_PACK_PACKAGE_FILE_H

#include <stddef.h>

#include "host/json.h"
#include "host/pack/key.h"
#include "oneslot/package.h"
#include "oneslot/source.h"

struct package_file {
    uint8_t *bytes; ///< a copy, filled up to words, which are what is read of a flash
    uint32_t size;  ///< of the file
    struct oneslot_flash flash;
    struct oneslot_source source;
    struct oneslot_package package;
};

/// Whether these bytes are to be read as a package.
bool package_file_begins(const uint8_t *bytes, size_t size);

/// Reads header and entries. What is wrong with them is returned (FILE_READ: memory is short). To be closed in any
/// case.
enum oneslot_error package_file_open(struct package_file *file, const uint8_t *bytes, uint32_t size);

void package_file_close(struct package_file *file);

/// Checks an open package: digest, signature by one of `keys` (`count` may be 0), and that its payload is, or unpacks
/// to, the image that it says.
enum oneslot_error package_file_check(struct package_file *file, const struct key *keys, uint32_t count);

/// The image of a package whose structure is right, in memory that the caller frees; NULL with `error` set when it
/// cannot be unpacked (NONE: memory is short).
uint8_t *package_file_image(const struct package_file *file, enum oneslot_error *error);

/// The sentence for an error, with the entry's name where it is about one. Returns `text`.
const char *package_error_text(const struct oneslot_package *package, enum oneslot_error error, char text[200]);

/// What the package says of itself, for people and as members of the open object.
void package_print(const struct package_file *file);
void package_json(struct json *json, const struct package_file *file);

/// `oneslot info` of a package. Returns TOOL_OK or TOOL_FAILED.
int package_show(const char *path, const uint8_t *bytes, uint32_t size, bool as_json);

#endif
