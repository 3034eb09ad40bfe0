/*
 * Trust: the public keys that a device believes, and the name of its board. Beside the flash map, behind the
 * configuration, written once by `oneslot image`.
 */
#ifndef ONESLOT_TRUST_H
#define ONESLOT_TRUST_H

#include "oneslot/layout.h"

#ifdef __cplusplus
extern "C" {
#endif

/// A public key on P-256: the point, big endian.
struct oneslot_public_key {
    uint8_t x[32];
    uint8_t y[32];
};

#define ONESLOT_KEYS_MAX  4u
#define ONESLOT_BOARD_MAX 32u

/// Offset in the settings' sector, behind the configuration.
#define ONESLOT_TRUST_OFFSET  0xd00u
#define ONESLOT_TRUST_MAGIC   0x544c5331u /* "1SLT" */
#define ONESLOT_TRUST_VERSION 1u

/// The block as it lies in flash: 304 bytes, little endian. Erased where neither a key nor a board was given.
struct oneslot_trust_block {
    uint32_t magic;                                  ///< ONESLOT_TRUST_MAGIC
    uint8_t version;                                 ///< ONESLOT_TRUST_VERSION
    uint8_t count;                                   ///< of keys, 0 to ONESLOT_KEYS_MAX
    uint8_t reserved[2];                             ///< 0
    struct oneslot_public_key key[ONESLOT_KEYS_MAX]; ///< those past `count` are 0
    char board[ONESLOT_BOARD_MAX];                   ///< zero-padded; empty for none
    uint32_t spare;                                  ///< 0
    uint32_t crc;                                    ///< CRC-32 of the bytes before
};

/// Reads and checks the block. Where it is erased, it is all zero: no key, no board.
/// Returns NONE, TRUST_INVALID, or a flash error; after either nothing may be installed.
enum oneslot_error oneslot_trust_read(const struct oneslot_flash *flash, const struct oneslot_layout *layout,
                                      struct oneslot_trust_block *block);

/// Fills in magic, version and CRC.
void oneslot_trust_seal(struct oneslot_trust_block *block);

#ifdef __cplusplus
}
#endif

#endif
