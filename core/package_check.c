/* Package: its digest and signature, and what it may be installed on. */
#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/package.h"
#include "oneslot/source.h"

const uint8_t oneslot_key_prefix[ONESLOT_KEY_PREFIX] = {
    0x30, 0x59, 0x30, 0x13,                                     // key of 89 bytes: algorithm of 19 bytes
    0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,       // id-ecPublicKey
    0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, // prime256v1
    0x03, 0x42, 0x00, 0x04,                                     // 65 bytes: both coordinates
};

void oneslot_key_hash(uint8_t hash[32], const struct oneslot_public_key *key) {
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, oneslot_key_prefix, sizeof oneslot_key_prefix);
    br_sha256_update(&sha256, key->x, sizeof key->x);
    br_sha256_update(&sha256, key->y, sizeof key->y);
    br_sha256_out(&sha256, hash);
}

/// The key that the package names.
static enum oneslot_error find_key(struct oneslot_package *package, const struct oneslot_trust *trust,
                                   const struct oneslot_public_key **key) {
    if (!oneslot_package_has(package, ONESLOT_TLV_SIGNATURE)) {
        return package->foreign_signature ? ONESLOT_ERROR_PACKAGE_SIGNATURE_KIND : ONESLOT_ERROR_PACKAGE_UNSIGNED;
    }
    for (uint32_t i = 0; i < trust->count && i < ONESLOT_KEYS_MAX; i++) {
        uint8_t hash[32];
        oneslot_key_hash(hash, &trust->key[i]);
        if (memcmp(hash, package->key_hash, sizeof hash) == 0) {
            package->signer = (int8_t)i;
            *key = &trust->key[i];
            return ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_PACKAGE_KEY;
}

static enum oneslot_error digest(const struct oneslot_package *package, struct oneslot_source *source, uint8_t *buffer,
                                 oneslot_progress *progress, void *context) {
    br_sha256_context sha256;
    uint8_t found[32];
    br_sha256_init(&sha256);
    for (uint32_t offset = 0; offset < package->hashed;) {
        uint32_t length = package->hashed - offset;
        if (length > ONESLOT_PACKAGE_BUFFER) {
            length = ONESLOT_PACKAGE_BUFFER;
        }
        enum oneslot_error error = oneslot_source_read(source, offset, buffer, length);
        if (error) {
            return error;
        }
        br_sha256_update(&sha256, buffer, length);
        offset += length;
        if (progress) {
            progress(context, offset, package->hashed);
        }
    }
    br_sha256_out(&sha256, found);
    return memcmp(found, package->sha256, sizeof found) == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_HASH;
}

enum oneslot_error oneslot_package_check(struct oneslot_package *package, struct oneslot_source *source,
                                         const struct oneslot_trust *trust, uint8_t *buffer, oneslot_progress *progress,
                                         void *context) {
    const struct oneslot_public_key *key = NULL;
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    package->signer = -1;
    if (trust->count > 0) {
        error = find_key(package, trust, &key);
    }
    if (!error) {
        error = digest(package, source, buffer, progress, context);
    }
    if (!error && key && !trust->verify(key, package->sha256, package->signature, package->signature_size)) {
        error = ONESLOT_ERROR_PACKAGE_SIGNATURE;
    }
    if (error) {
        package->signer = -1;
    }
    return error;
}

/// Whether what is installed is what the package may replace. Not known counts as not.
static bool replaces(const struct oneslot_package *package, const struct oneslot_package_device *device) {
    if (oneslot_package_has(package, ONESLOT_TLV_MINIMUM) &&
        (!device->installed || oneslot_version_compare(device->installed, &package->minimum) < 0)) {
        return false;
    }
    return !oneslot_package_has(package, ONESLOT_TLV_BASE) ||
           (device->image_sha256 && memcmp(device->image_sha256, package->base, sizeof package->base) == 0);
}

enum oneslot_error oneslot_package_allowed(const struct oneslot_package *package,
                                           const struct oneslot_package_device *device) {
    bool may_sink = package->signer >= 0 && oneslot_package_has(package, ONESLOT_TLV_DOWNGRADE);
    if (oneslot_package_has(package, ONESLOT_TLV_CHIP) && package->chip != device->chip) {
        return ONESLOT_ERROR_PACKAGE_CHIP;
    }
    if (package->board[0] && strcmp(package->board, device->board) != 0) {
        return ONESLOT_ERROR_PACKAGE_BOARD;
    }
    if (device->floor && !may_sink && oneslot_version_compare(&package->version, device->floor) < 0) {
        return ONESLOT_ERROR_PACKAGE_DOWNGRADE;
    }
    return replaces(package, device) ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_VERSION;
}
