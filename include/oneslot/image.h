/*
 * Image formats: what a firmware file is, what proves it whole, which bytes lie where, what it loads into.
 *
 * ESP8266 (all begin at flash 0 but user1, at 0x1000):
 *   PLAIN        0xE9 header, RAM segments, the ROM's XOR checksum; code to run in place lies behind, unproven
 *                (NodeMCU, MicroPython before v1.8.3)
 *   MICROPYTHON  the same with its length at 0x8ffc, code at 0x9000, MD5 of bytes 4..length at its end
 *   ARDUINO      eboot in the first sector, the sketch's own 0xE9 image at 0x1000, length and CRC words at 0x1010
 *   USER1        Espressif's boot_v1.x application (0xEA), CRC-32 in its last four bytes
 *   BOOT         an image of at most one sector: a boot loader alone
 * ESP32 family:
 *   ESP32        an application for ESP-IDF's boot loader: 0xE9 header of 24 bytes, segments, descriptor first, XOR
 *                checksum, SHA-256 of all before it; a Secure Boot v2 signature may follow
 * Each family's prover tells the other's images apart, so that they can be refused by name.
 */
#ifndef ONESLOT_IMAGE_H
#define ONESLOT_IMAGE_H

#include "oneslot/flash.h"
#include "oneslot/map.h"
#include "oneslot/numbers.h"

#ifdef __cplusplus
extern "C" {
#endif

struct oneslot_source;

/// What an image proves itself with, as bits. CHECKSUM and LENGTH alone do not prove a whole image.
#define ONESLOT_PROOF_CHECKSUM 0x01u /* the ROM's 8-bit XOR over the RAM segments */
#define ONESLOT_PROOF_LENGTH   0x02u /* a length word that agrees with the file */
#define ONESLOT_PROOF_CRC32    0x04u
#define ONESLOT_PROOF_MD5      0x08u
#define ONESLOT_PROOF_SHA256   0x10u /* the SHA-256 that was asked for, or that lies behind the image */
/// Any of these proves every byte.
#define ONESLOT_PROOF_WHOLE (ONESLOT_PROOF_CRC32 | ONESLOT_PROOF_MD5 | ONESLOT_PROOF_SHA256)

#define ONESLOT_IMAGE_SEGMENTS 16u /* as ONESLOT_ROM_IMAGE_SEGMENTS of rom_image.h */

struct oneslot_segment {
    uint32_t address; ///< memory address it is loaded to; 0 in a USER1 image: runs in place
    uint32_t offset;  ///< of its data in the file
    uint32_t length;
};

/// What a file turned out to be.
struct oneslot_image {
    enum oneslot_image_kind kind;
    uint32_t size;         ///< bytes of the file that are the image (all of it, unless the source is raw)
    uint32_t target;       ///< flash address of byte 0: 0, or 0x1000 for USER1
    uint32_t entry;        ///< of what the boot ROM (or boot_v1.x) enters
    uint16_t chip;         ///< ESP32 family: the chip's number in the header
    uint16_t revision_min; ///< ESP32 family: revisions of the chip that it runs on, as in limits
    uint16_t revision_max; ///< 0 or 0xffff: no upper bound
    uint16_t block_min;    ///< ESP32 family: revisions of the eFuse block; 0 or 0xffff: no bound
    uint16_t block_max;
    bool has_signature;    ///< ESP32 family: Secure Boot v2's signature lies behind it, and is a part of `size`
    bool elsewhere;        ///< USER1: its code was linked for another place, user2's
    uint8_t proofs;        ///< ONESLOT_PROOF_* that hold
    uint8_t boot_segments; ///< how many of `segment`, from the first, the boot ROM itself loads
    uint8_t segment_count;
    struct oneslot_segment segment[ONESLOT_IMAGE_SEGMENTS]; ///< in the order of the file, eboot's before the sketch's
    uint32_t header;                                        ///< the first four bytes of the file
    uint8_t sha256[32];                                     ///< of the file's first `size` bytes, as they are
};

/// A revision that nobody could ask the chip for: no image is refused for it.
#define ONESLOT_REVISION_UNKNOWN 0xffffu

/// Bits of eFuse that are burnt into the chip.
#define ONESLOT_BURNT_ANY_REVISION 0x01u /* an image's highest revision does not count */
#define ONESLOT_BURNT_ANY_BLOCK    0x02u /* nor its highest revision of the eFuse block */
#define ONESLOT_BURNT_SECURE_BOOT  0x04u /* the boot loader starts nothing without a signature */

/// What an image has to keep to.
struct oneslot_image_limits {
    uint32_t firmware;             ///< end (exclusive) of the region an image may occupy
    uint16_t chip;                 ///< number in the header of an image for it (ESP32 family)
    uint16_t revision;             ///< of the chip, 100 x major + minor (ESP32 family), or ONESLOT_REVISION_UNKNOWN
    uint16_t block_revision;       ///< of its eFuse block, alike
    uint8_t burnt;                 ///< ONESLOT_BURNT_*
    const struct oneslot_map *map; ///< regions it may not touch (all but those of type app); NULL for no such check
    uint32_t installer_entry; ///< where an installer of ours for this chip is entered; 0: none of another make is known
    const uint8_t *expected;  ///< SHA-256 it must have; NULL for none
    /// What else the chip's family asks of an image; NULL: nothing.
    enum oneslot_error (*judge)(const struct oneslot_image *image, const struct oneslot_image_limits *limits);
};

/// Called now and then with the bytes done so far; serves the watchdog and shows progress. May be NULL.
typedef void oneslot_progress(void *context, uint32_t done, uint32_t total);

/// Working memory of a proof.
#define ONESLOT_IMAGE_BUFFER 4096u

/// Tells what a file is, from its headers alone; checks nothing but what it needs to find its way.
/// Fills kind, size, target, entry, segments, header. Returns NONE, IMAGE_UNKNOWN, IMAGE_CHIP (kind ESP32),
/// IMAGE_HEADER, IMAGE_TRUNCATED, IMAGE_LENGTH or a source error.
enum oneslot_error oneslot_image_probe(struct oneslot_image *image, struct oneslot_source *source);

/// Reads the whole file once and proves it: format, lengths, checksums, digests, SHA-256. Fills all of `image`.
/// An image without a proof of its whole content is still NONE; see `proofs`. `buffer` has ONESLOT_IMAGE_BUFFER
/// bytes, aligned to 4. Returns as probe, or IMAGE_CHECKSUM, IMAGE_CRC, IMAGE_MD5, IMAGE_SHA256.
enum oneslot_error oneslot_image_prove(struct oneslot_image *image, struct oneslot_source *source,
                                       const uint8_t *expected, uint8_t *buffer, oneslot_progress *progress,
                                       void *context);

/// As oneslot_image_prove; the chips' families have their own.
typedef enum oneslot_error oneslot_image_prover(struct oneslot_image *image, struct oneslot_source *source,
                                                const uint8_t *expected, uint8_t *buffer, oneslot_progress *progress,
                                                void *context);

/// As oneslot_image_prove, for applications of the ESP32 family. Their `target` is 0: where they lie is the
/// partition table's. Returns IMAGE_UNKNOWN, IMAGE_CHIP (an image for the ESP8266), IMAGE_HEADER, IMAGE_TRUNCATED,
/// IMAGE_LENGTH, IMAGE_MEMORY, IMAGE_DIGEST, IMAGE_CHECKSUM, IMAGE_SHA256 or a source error.
oneslot_image_prover oneslot_image_esp32_prove;

/// What the chips of the ESP32 family ask of an image: limits.chip, the revisions, a signature. As ESP-IDF's boot
/// loader does, and its application at the start. Returns NONE, IMAGE_CHIP, IMAGE_REVISION, IMAGE_BLOCK_REVISION or
/// IMAGE_UNSIGNED.
enum oneslot_error oneslot_image_esp32_judge(const struct oneslot_image *image,
                                             const struct oneslot_image_limits *limits);

/// The same of what lies in a partition of `size` bytes at `address`.
enum oneslot_error oneslot_image_esp32_prove_flash(struct oneslot_image *image, const struct oneslot_flash *flash,
                                                   uint32_t address, uint32_t size, uint8_t *buffer,
                                                   oneslot_progress *progress, void *context);

/// Whether a proven image may be put on this device. `source` (may be NULL) must not be overwritten by it.
/// Returns NONE, IMAGE_CHIP, IMAGE_REVISION, IMAGE_TOO_LARGE, IMAGE_OVERLAP, IMAGE_MEMORY (the loader does not copy one
/// of its segments, rom_image.h), IMAGE_HEADER (it is entered where none of them lies), IMAGE_PLACE, IMAGE_SHA256 or
/// IMAGE_UNPROVEN.
enum oneslot_error oneslot_image_allowed(const struct oneslot_image *image, const struct oneslot_image_limits *limits,
                                         const struct oneslot_source *source);

/// "MicroPython image", "Arduino sketch", ... for people.
const char *oneslot_image_kind_text(enum oneslot_image_kind kind);

/// "MD5", "CRC-32", ...: the strongest proof of `proofs`, for people; "no proof" for 0.
const char *oneslot_proof_text(uint8_t proofs);

#ifdef __cplusplus
}
#endif

#endif
