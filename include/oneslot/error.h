/*
 * Errors: one list for the device, the simulator, the host tool and the application.
 *
 * The numbers are written to flash (the journal's outcome), so a value keeps its number for ever; new ones
 * go to the end of their group. micropython/oneslot.py carries the same sentences; a test compares them.
 */
#ifndef ONESLOT_ERROR_H
#define ONESLOT_ERROR_H

#ifdef __cplusplus
extern "C" {
#endif

/// X(name, number, sentence): the name without its prefix, the number in flash, the sentence a person reads.
#define ONESLOT_ERRORS(X)                                                                                              \
    X(NONE, 0, "ok")                                                                                                   \
    /* the flash chip */                                                                                               \
    X(FLASH_READ, 1, "the flash chip did not answer a read")                                                           \
    X(FLASH_PROGRAM, 2, "the flash chip did not take a program")                                                       \
    X(FLASH_ERASE, 3, "the flash chip did not take an erase")                                                          \
    X(FLASH_RANGE, 4, "the address lies outside the flash chip")                                                       \
    X(FLASH_VERIFY, 5, "the flash does not hold what was written to it")                                               \
    X(FLASH_ENCRYPTED, 6, "the flash is encrypted, which is not served")                                               \
    /* journal, layout, flash map */                                                                                   \
    X(JOURNAL_EMPTY, 10, "the journal holds no valid record")                                                          \
    X(JOURNAL_WRITE, 11, "the journal could not be written")                                                           \
    X(NO_LAYOUT, 12, "this flash was not made by oneslot image: no loader was found at its start")                     \
    X(MAP_INVALID, 13, "the flash map is damaged or not a partition table")                                            \
    X(MAP_OVERLAP, 14, "two regions of the flash map overlap")                                                         \
    X(MAP_RANGE, 15, "a region of the flash map lies outside the flash chip or off a sector boundary")                 \
    X(CONFIG_INVALID, 16, "the configuration beside the flash map is damaged")                                         \
    X(TRUST_INVALID, 17, "the keys beside the flash map are damaged: nothing can be trusted")                          \
    X(OTADATA_WRITE, 18, "the boot loader's choice (otadata) could not be written")                                    \
    /* the source of the image */                                                                                      \
    X(FS_MISSING, 20, "no littlefs file system was found where the flash map says")                                    \
    X(FS_VERSION, 21, "the file system is of an unknown littlefs version")                                             \
    X(FS_CORRUPT, 22, "the file system is damaged")                                                                    \
    X(FILE_MISSING, 23, "there is no such file")                                                                       \
    X(FILE_NOT_FILE, 24, "the path is a directory, not a file")                                                        \
    X(FILE_EMPTY, 25, "the file is empty")                                                                             \
    X(FILE_READ, 26, "the file could not be read to its end")                                                          \
    X(FILE_CHANGED, 27, "the file is no longer the one that was proven")                                               \
    X(PATH_INVALID, 28, "the path is empty, too long or names no such region")                                         \
    X(FILE_WRITE, 29, "the file could not be written")                                                                 \
    X(FILE_NO_ROOM, 30, "the file system has not enough room for the file")                                            \
    /* the image */                                                                                                    \
    X(IMAGE_UNKNOWN, 40, "the file is no firmware image that is known here")                                           \
    X(IMAGE_CHIP, 41, "the image is for another chip")                                                                 \
    X(IMAGE_TRUNCATED, 42, "the image is cut short: its header promises more bytes than the file holds")               \
    X(IMAGE_HEADER, 43, "the image's header is damaged")                                                               \
    X(IMAGE_CHECKSUM, 44, "the image's checksum is wrong")                                                             \
    X(IMAGE_CRC, 45, "the image's CRC is wrong")                                                                       \
    X(IMAGE_MD5, 46, "the image's MD5 is wrong")                                                                       \
    X(IMAGE_SHA256, 47, "the file's SHA-256 is not the one that was asked for")                                        \
    X(IMAGE_UNPROVEN, 48, "the image carries no proof of its whole content: give its SHA-256 with the request")        \
    X(IMAGE_TOO_LARGE, 49, "the image is larger than the firmware's region")                                           \
    X(IMAGE_OVERLAP, 50, "the image would overwrite the reserved area, the file system or its own source")             \
    X(IMAGE_MEMORY, 51, "the image loads into memory that is not there, or that the loader needs")                     \
    X(IMAGE_NEEDS_BOOT, 52, "this image needs Espressif's boot loader in the first sector, which is not there")        \
    X(IMAGE_LENGTH, 53, "the file holds more or fewer bytes than its image says")                                      \
    X(IMAGE_REVISION, 54, "the image is for another revision of this chip")                                            \
    X(IMAGE_DIGEST, 55, "the image's SHA-256 is wrong")                                                                \
    X(IMAGE_NOT_KNOWN, 56, "the journal does not know which image runs, so it cannot be saved")                        \
    X(IMAGE_PLACE, 57, "the image was linked for another place in flash")                                              \
    X(IMAGE_CLAIMS, 58, "the firmware would write where Oneslot or another's files lie")                               \
    X(IMAGE_COMBINED, 59, "the file holds several images in one")                                                      \
    /* the compressed stream of a package */                                                                           \
    X(PACKAGE_CODEC, 60, "the package is compressed in a way that is not known here, or needs more memory")            \
    X(PACKAGE_STREAM, 61, "the compressed stream is damaged")                                                          \
    X(PACKAGE_SHORT, 62, "the compressed stream ends before its image does")                                           \
    X(PACKAGE_SIZE, 63, "the compressed stream holds more than its package says")                                      \
    /* what the firmware needs in flash */                                                                             \
    X(PHY_INIT, 64, "the PHY init data that the firmware needs are not in the flash")                                  \
    /* what the chip and its boot loader ask of an image (ESP32 family) */                                             \
    X(IMAGE_BLOCK_REVISION, 67, "the image is for another revision of this chip's eFuse block")                        \
    X(IMAGE_UNSIGNED, 68, "the image has no signature, and the boot loader starts signed ones alone (Secure Boot)")    \
    X(NO_ROLLBACK, 69, "the boot loader was built without rollback: a trial would never end")                          \
    /* the installation */                                                                                             \
    X(TRIAL_EXPIRED, 70, "the new firmware did not confirm itself; the fallback was put back")                         \
    X(NO_FALLBACK, 71, "the new firmware did not confirm itself, and there is no fallback to put back")                \
    X(NOTHING_TO_DO, 72, "there is nothing to do")                                                                     \
    X(APPLICATION_BROKEN, 73, "the application is damaged and no image to mend it was found")                          \
    X(ARGUMENT, 75, "an argument is out of range")                                                                     \
    X(BUSY, 76, "an upgrade is under way already")                                                                     \
    X(INSTALLER_REJECTED, 77, "the new installer did not start; the old one is back")                                  \
    X(NO_ROOM, 78, "there is no room in flash for a second installer")                                                 \
    /* the package */                                                                                                  \
    X(PACKAGE_TRUNCATED, 80, "the package is cut short: it promises more bytes than the file holds")                   \
    X(PACKAGE_HEADER, 81, "the package's header is damaged")                                                           \
    X(PACKAGE_FLAGS, 82, "the package is encrypted, compressed or placed in a way that is not known here")             \
    X(PACKAGE_LENGTH, 83, "the file holds more bytes than its package says")                                           \
    X(PACKAGE_AREA, 84, "a list of entries of the package is damaged")                                                 \
    X(PACKAGE_TLV, 85, "an entry of the package has a wrong length or value")                                          \
    X(PACKAGE_DUPLICATE, 86, "an entry of the package is there twice")                                                 \
    X(PACKAGE_PLACE, 87, "an entry of the package lies in the wrong list or in the wrong order")                       \
    X(PACKAGE_CRITICAL, 88, "the package demands something that is not known here")                                    \
    X(PACKAGE_INCOMPLETE, 89, "the package lacks an entry that it must have")                                          \
    X(PACKAGE_HASH, 90, "the package's SHA-256 is wrong")                                                              \
    X(PACKAGE_UNSIGNED, 91, "the package is not signed")                                                               \
    X(PACKAGE_SIGNATURE_KIND, 92,                                                                                      \
      "the package is signed in a way that is not known here: ECDSA P-256 with SHA-256 is")                            \
    X(PACKAGE_KEY, 93, "the package is signed by a key that is not trusted here")                                      \
    X(PACKAGE_SIGNATURE, 94, "the package's signature was not made over this content by that key")                     \
    X(PACKAGE_CHIP, 95, "the package is for another chip")                                                             \
    X(PACKAGE_BOARD, 96, "the package is for another board")                                                           \
    X(PACKAGE_DOWNGRADE, 97, "the package's version is lower than one that was confirmed on this device")              \
    X(PACKAGE_VERSION, 98, "the package does not replace the version or the base image that is installed")             \
    X(PACKAGE_NEEDED, 99, "this device has a key: it takes a signed package, no plain image")                          \
    X(PACKAGE_INSTALLER, 100, "the package holds an installer, which is not what is needed here")                      \
    X(PACKAGE_UNSUPPORTED, 101, "the installer on this device takes no packages")                                      \
    X(INSTALLER_INVALID, 102, "the package holds no installer that would start on this chip")                          \
    /* the way back, and what is not started */                                                                        \
    X(WAY_BACK, 110, "the fallback could not be put back after this upgrade")                                          \
    X(APPLICATION_REFUSED, 111, "the application is whole, but the boot loader does not start it")                     \
    X(BOOT_REPLACED, 112, "the new image takes the place of Espressif's boot loader, which the fallback needs")        \
    X(FLASH_PROTECTED, 120, "the flash chip is write-protected and cannot be unlocked")

/// An outcome or a failure; ONESLOT_ERROR_NONE (0) is success.
enum oneslot_error {
#define ONESLOT_ERROR_VALUE(name, number, sentence) ONESLOT_ERROR_##name = (number),
    ONESLOT_ERRORS(ONESLOT_ERROR_VALUE)
#undef ONESLOT_ERROR_VALUE
};

/// The sentence for an error, without a full stop; "unknown error" for a number that is not in the list.
/// The text is constant and never freed.
const char *oneslot_error_text(enum oneslot_error error);

/// The short name for an error as scripts see it ("IMAGE_MD5"); "UNKNOWN" for a number not in the list.
const char *oneslot_error_name(enum oneslot_error error);

#ifdef __cplusplus
}
#endif

#endif
