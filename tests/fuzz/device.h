/*
 * A whole simulated device for fuzz targets: an input changes its flash and its files, and then it is used.
 *
 * It has no key, so that a package that was changed gets as far as its content: its digest is made right again. The
 * journal is changed in two ways: any byte of its sectors, and any byte of the newest record, which is then written as
 * the engine would, sealed and with its sum right.
 */
#ifndef TESTS_FUZZ_DEVICE_H
#define TESTS_FUZZ_DEVICE_H

#include "sim/device.h"
#include "tests/fuzz/input.h"
#include "tests/story/small_story.h"

/// What lies on its file system, each under a path of two characters.
enum fuzz_file {
    FUZZ_FILE_NEW,       ///< "/n": the new firmware's image
    FUZZ_FILE_PACKAGE,   ///< "/p": it in a package, compressed
    FUZZ_FILE_SAVED,     ///< "/s": the old one in a package
    FUZZ_FILE_INSTALLER, ///< "/i": an installer's package (ESP8266)
    FUZZ_FILES
};

struct fuzz_device {
    struct sim_device device;
    struct nor before; ///< after the changes: what nobody may write stays like it
};

/// A copy of the device that is made once for each chip, with what the input changes in its flash and in `files` of
/// its files (the first so many of enum fuzz_file are written anew).
void fuzz_device_open(struct fuzz_device *fuzz, uint16_t chip, struct input *input);
void fuzz_device_close(struct fuzz_device *fuzz);

/// A path that is there, that is not, or that is none.
const char *fuzz_path(uint32_t number);

/// Options of a request, from the input.
struct oneslot_options fuzz_options(struct input *input);

/// Some starts in a row, amid which power may be cut, as the input says. What must hold then is demanded.
void fuzz_device_start(struct fuzz_device *fuzz, struct input *input, uint32_t starts);

#endif
