/*
 * Packages: a firmware with its version, who made it and what it may be installed on. MCUboot's image format.
 *
 * Header, payload, list of protected entries (TLVs), list of plain ones. The SHA-256 covers all but the last list; the
 * signature is over that digest. Every byte is in docs/FORMATS.md. Nothing here writes or keeps a buffer; all
 * loops end with the file.
 */
#ifndef ONESLOT_PACKAGE_H
#define ONESLOT_PACKAGE_H

#include "oneslot/chip.h"
#include "oneslot/claims.h"
#include "oneslot/image.h"
#include "oneslot/numbers.h"
#include "oneslot/trust.h"
#include "oneslot/unpack.h"
#include "oneslot/version.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Whether an image of that chip may be compressed with that filter (enum oneslot_filter): a device has those of its
/// own chip alone.
static inline bool oneslot_filter_suits(uint32_t filter, uint32_t chip) {
    return filter == ONESLOT_FILTER_NONE || (filter == ONESLOT_FILTER_LX106) == (chip == ONESLOT_CHIP_ESP8266);
}

#define ONESLOT_CODEC_PARAMETERS_MAX 15u
#define ONESLOT_SIGNATURE_MAX        72u
/// No unpacked image is larger than the largest flash chip.
#define ONESLOT_UNPACKED_MAX 0x1000000u

/// What a package says of itself. Filled by open; worth nothing until check has accepted it.
struct oneslot_package {
    struct oneslot_version version;
    uint32_t size;         ///< bytes of the whole package
    uint32_t payload;      ///< offset of the payload in the file
    uint32_t payload_size; ///< bytes
    uint32_t hashed;       ///< the first so many bytes of the file are what the digest covers
    uint32_t flags;        ///< of the header
    uint32_t address;      ///< of the header: flash address the image was built for, with flag 0x100
    uint32_t present;      ///< which entries are there: ask oneslot_package_has()
    uint16_t detail;       ///< after a refusal: the type of the entry it is about, as the file has it, or 0
    uint16_t chip;         ///< ONESLOT_CHIP_* of chip.h
    uint8_t kind;          ///< enum oneslot_image_kind of the unpacked image; 0 = not said
    uint8_t codec;         ///< what the payload is packed with; 0 = it is the image itself
    uint8_t parameters_size;
    uint8_t parameters[ONESLOT_CODEC_PARAMETERS_MAX]; ///< the codec's own
    uint32_t unpacked_size;                           ///< bytes of the image; `payload_size` without a codec
    uint8_t unpacked_sha256[32];                      ///< with entry UNPACKED
    struct oneslot_version minimum;                   ///< lowest version it may replace, with entry MINIMUM
    uint32_t security_counter;                        ///< MCUboot's, with that entry; for people
    uint8_t base[32];                                 ///< SHA-256 of the image it builds on, with entry BASE
    char board[ONESLOT_BOARD_MAX + 1];                ///< zero-terminated; empty = any
    uint8_t sha256[32];                               ///< digest as the package gives it
    uint8_t key_hash[32];                             ///< with entry KEY_HASH
    uint8_t signature[ONESLOT_SIGNATURE_MAX];
    uint8_t signature_size;
    uint8_t claims; ///< how many of the next are there, with entry CLAIMS
    struct oneslot_claim claim[ONESLOT_CLAIMS_MAX];
    bool foreign_signature; ///< there is a digest or signature of another kind
    int8_t signer;          ///< after check: which of the keys has signed it; -1 = none was asked for
};

/// Whether `signature` (DER) is `key`'s over that SHA-256.
typedef bool oneslot_verifier(const struct oneslot_public_key *key, const uint8_t sha256[32], const uint8_t *signature,
                              uint32_t length);

/// Whom to believe.
struct oneslot_trust {
    oneslot_verifier *verify;             ///< may be NULL with a count of 0
    const struct oneslot_public_key *key; ///< at the most ONESLOT_KEYS_MAX
    uint32_t count;                       ///< 0: no signature is asked for, the digest alone is checked
};

/// What a package is going to be installed on.
struct oneslot_package_device {
    uint16_t chip;
    const char *board;                       ///< "" = none was given
    const struct oneslot_version *installed; ///< NULL = not known
    const struct oneslot_version *floor;     ///< highest version that was confirmed; NULL or all zero = none
    const uint8_t *image_sha256;             ///< of the image that runs; NULL = not known
};

/// Working memory of a check.
#define ONESLOT_PACKAGE_BUFFER 1024u

/// Whether a file that begins with these four bytes is a package.
bool oneslot_package_begins(const uint8_t first[4]);

/// Reads header and entries, and checks all that can be told without reading the payload: lengths, lists, order,
/// duplicates, values, and that nothing critical is unknown. A file must end with the package; a raw source may go on.
/// Returns NONE, PACKAGE_TRUNCATED, _HEADER, _FLAGS, _LENGTH, _AREA, _TLV, _DUPLICATE, _PLACE, _CRITICAL, _INCOMPLETE,
/// IMAGE_TOO_LARGE (it claims to unpack to more than ONESLOT_UNPACKED_MAX) or a source error.
enum oneslot_error oneslot_package_open(struct oneslot_package *package, struct oneslot_source *source);

/// Reads an open package once and checks digest and signature. `buffer` has ONESLOT_PACKAGE_BUFFER bytes.
/// Returns NONE (then `signer` is set), PACKAGE_UNSIGNED, _SIGNATURE_KIND, _KEY (before the payload is read), _HASH,
/// _SIGNATURE or a source error.
enum oneslot_error oneslot_package_check(struct oneslot_package *package, struct oneslot_source *source,
                                         const struct oneslot_trust *trust, uint8_t *buffer, oneslot_progress *progress,
                                         void *context);

/// Whether a checked package may be installed there. Permission for a downgrade counts only if it is signed.
/// Returns NONE, PACKAGE_CHIP, _BOARD, _DOWNGRADE (below the floor) or _VERSION (what is installed is older than its
/// minimum or not its base, or not known).
enum oneslot_error oneslot_package_allowed(const struct oneslot_package *package,
                                           const struct oneslot_package_device *device);

/// Whether the package has an entry of this type (ONESLOT_TLV_*).
bool oneslot_package_has(const struct oneslot_package *package, uint16_t type);

/// SHA-256 of a public key as a certificate has it (SubjectPublicKeyInfo, DER): the entry KEY_HASH.
void oneslot_key_hash(uint8_t hash[32], const struct oneslot_public_key *key);

/// The DER bytes of a P-256 SubjectPublicKeyInfo before x.
#define ONESLOT_KEY_PREFIX 27u
extern const uint8_t oneslot_key_prefix[ONESLOT_KEY_PREFIX];

/// The verifier of BearSSL (core/p256.c): the smallest, in 16-bit multiplications. Takes 4 KiB of stack.
oneslot_verifier oneslot_p256_verify;

#ifdef __cplusplus
}
#endif

#endif
