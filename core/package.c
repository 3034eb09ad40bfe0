/* Package: its header and its entries. See package.h; the digest and the signature are in package_check.c. */
#include "oneslot/package.h"

#include <stddef.h>
#include <string.h>

#include "oneslot/source.h"

/// Lists of entries: {magic, bytes of the list with this}, then entries {type, bytes of the value, value}.
#define LIST_MAGIC           0x6907u
#define LIST_MAGIC_PROTECTED 0x6908u
#define LIST_HEADER          4u
#define ENTRY_HEADER         4u

/// Flags of the header that change nothing here: "not to be booted by itself", and "built for that flash address".
#define FLAGS_KNOWN 0x110u

/// MCUboot's types end here within a byte; the vendors' begin.
#define FIRST_VENDOR_TYPE 0xa0u

/// Longest value that is kept; entries that are known by length alone may be longer.
#define VALUE_MAX 72u

/// An entry that is known: its type without the critical bit, which lengths are right, where it must lie.
struct known {
    uint16_t type;
    uint16_t least;
    uint16_t most;
    bool is_protected;
};

/// In the order of the bits of `present`.
static const struct known KNOWN[] = {
    {ONESLOT_TLV_KEY_HASH, 32, 32, false},
    {ONESLOT_TLV_SHA256, 32, 32, false},
    {ONESLOT_TLV_SIGNATURE, 8, ONESLOT_SIGNATURE_MAX, false},
    {ONESLOT_TLV_SECURITY_COUNTER, 4, 4, true},
    {ONESLOT_TLV_BOOT_RECORD, 0, UINT16_MAX, true},
    {ONESLOT_TLV_CHIP, 2, 2, true},
    {ONESLOT_TLV_KIND, 1, 1, true},
    {ONESLOT_TLV_CODEC, 1, 1 + ONESLOT_CODEC_PARAMETERS_MAX, true},
    {ONESLOT_TLV_UNPACKED, 36, 36, true},
    {ONESLOT_TLV_MINIMUM, 8, 8, true},
    {ONESLOT_TLV_BASE, 32, 32, true},
    {ONESLOT_TLV_BOARD, 1, ONESLOT_BOARD_MAX, true},
    {ONESLOT_TLV_DOWNGRADE, 0, 0, true},
    {ONESLOT_TLV_INSTALLER, 0, 0, true},
    {ONESLOT_TLV_CLAIMS, sizeof(struct oneslot_claim), ONESLOT_CLAIMS_MAX * sizeof(struct oneslot_claim), true},
};

#define KNOWN_COUNT (sizeof KNOWN / sizeof KNOWN[0])

/// Digests and signatures of MCUboot that are not checked here: public key in full, SHA-384, SHA-512, RSA, ECDSA P-224,
/// Ed25519, "signed without a digest".
static const uint8_t FOREIGN[] = {0x02, 0x11, 0x12, 0x20, 0x21, 0x23, 0x24, 0x25};

/// An entry under way.
struct entry {
    uint32_t offset; ///< of its value in the file
    uint16_t type;   ///< as the file has it
    uint16_t length; ///< of its value
    bool is_protected;
};

static uint16_t half(const uint8_t *bytes) {
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static uint32_t word(const uint8_t *bytes) {
    return half(bytes) | (uint32_t)half(bytes + 2) << 16;
}

/* Entries */

static unsigned known_index(uint16_t type) {
    unsigned index = 0;
    if ((type & 0xffu) >= FIRST_VENDOR_TYPE) {
        type &= (uint16_t)~ONESLOT_TLV_CRITICAL;
    }
    while (index < KNOWN_COUNT && KNOWN[index].type != type) {
        index++;
    }
    return index;
}

bool oneslot_package_has(const struct oneslot_package *package, uint16_t type) {
    unsigned index = known_index(type);
    return index < KNOWN_COUNT && (package->present >> index & 1) != 0;
}

/// An entry that is not in the table. MCUboot's own types carry no mark, so each of them may be one that must be
/// heeded.
static enum oneslot_error take_unknown(struct oneslot_package *package, const struct entry *entry) {
    if ((entry->type & 0xffu) >= FIRST_VENDOR_TYPE) {
        return entry->type & ONESLOT_TLV_CRITICAL ? ONESLOT_ERROR_PACKAGE_CRITICAL : ONESLOT_ERROR_NONE;
    }
    for (unsigned i = 0; i < sizeof FOREIGN; i++) {
        if (entry->type == FOREIGN[i]) {
            package->foreign_signature = true;
            return entry->is_protected ? ONESLOT_ERROR_PACKAGE_PLACE : ONESLOT_ERROR_NONE;
        }
    }
    return ONESLOT_ERROR_PACKAGE_CRITICAL;
}

static enum oneslot_error take_unpacked(struct oneslot_package *package, const uint8_t *value) {
    package->unpacked_size = word(value);
    memcpy(package->unpacked_sha256, value + 4, sizeof package->unpacked_sha256);
    if (package->unpacked_size > ONESLOT_UNPACKED_MAX) {
        return ONESLOT_ERROR_IMAGE_TOO_LARGE;
    }
    return package->unpacked_size ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_TLV;
}

static enum oneslot_error take_codec(struct oneslot_package *package, const uint8_t *value, uint32_t length) {
    package->codec = value[0];
    package->parameters_size = (uint8_t)(length - 1);
    memcpy(package->parameters, value + 1, length - 1);
    return package->codec ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_TLV;
}

static enum oneslot_error take_board(struct oneslot_package *package, const uint8_t *value, uint32_t length) {
    for (uint32_t i = 0; i < length; i++) {
        if (value[i] <= ' ' || value[i] > '~') {
            return ONESLOT_ERROR_PACKAGE_TLV;
        }
    }
    memcpy(package->board, value, length);
    return ONESLOT_ERROR_NONE;
}

/// imgtool's --pad-sig fills a short signature up with zeros.
static enum oneslot_error take_signature(struct oneslot_package *package, const uint8_t *value, uint32_t length) {
    if (value[1] <= length - 2u) {
        while (length > value[1] + 2u && value[length - 1] == 0) {
            length--;
        }
    }
    package->signature_size = (uint8_t)length;
    memcpy(package->signature, value, length);
    // The key's hash says which key it is for, so it comes first, as MCUboot has it too.
    return oneslot_package_has(package, ONESLOT_TLV_KEY_HASH) ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_PLACE;
}

static enum oneslot_error take_value(struct oneslot_package *package, uint16_t type, const uint8_t *value,
                                     uint32_t length) {
    switch (type) {
    case ONESLOT_TLV_KEY_HASH:
        memcpy(package->key_hash, value, sizeof package->key_hash);
        break;
    case ONESLOT_TLV_SHA256:
        memcpy(package->sha256, value, sizeof package->sha256);
        break;
    case ONESLOT_TLV_SIGNATURE:
        return take_signature(package, value, length);
    case ONESLOT_TLV_SECURITY_COUNTER:
        package->security_counter = word(value);
        break;
    case ONESLOT_TLV_CHIP:
        package->chip = half(value);
        break;
    case ONESLOT_TLV_KIND:
        package->kind = value[0];
        return value[0] ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_TLV;
    case ONESLOT_TLV_CODEC:
        return take_codec(package, value, length);
    case ONESLOT_TLV_UNPACKED:
        return take_unpacked(package, value);
    case ONESLOT_TLV_MINIMUM:
        oneslot_version_decode(&package->minimum, value);
        break;
    case ONESLOT_TLV_BASE:
        memcpy(package->base, value, sizeof package->base);
        break;
    case ONESLOT_TLV_BOARD:
        return take_board(package, value, length);
    case ONESLOT_TLV_CLAIMS:
        package->claims = (uint8_t)(length / sizeof *package->claim);
        memcpy(package->claim, value, length);
        return length % sizeof *package->claim == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_TLV;
    default:
        break;
    }
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error take(struct oneslot_package *package, struct oneslot_source *source,
                               const struct entry *entry) {
    uint8_t value[VALUE_MAX];
    unsigned index = known_index(entry->type);
    enum oneslot_error error;
    if (index == KNOWN_COUNT) {
        return take_unknown(package, entry);
    }
    if (package->present >> index & 1) {
        return ONESLOT_ERROR_PACKAGE_DUPLICATE;
    }
    if (entry->is_protected != KNOWN[index].is_protected) {
        return ONESLOT_ERROR_PACKAGE_PLACE;
    }
    if (entry->length < KNOWN[index].least || entry->length > KNOWN[index].most) {
        // With another digest, hash of the key and signature (on P-384) are of other lengths.
        return package->foreign_signature ? ONESLOT_ERROR_PACKAGE_SIGNATURE_KIND : ONESLOT_ERROR_PACKAGE_TLV;
    }
    package->present |= 1u << index;
    if (entry->length > sizeof value) {
        return ONESLOT_ERROR_NONE;
    }
    error = oneslot_source_read(source, entry->offset, value, entry->length);
    return error ? error : take_value(package, KNOWN[index].type, value, entry->length);
}

/// Reads the list at `offset`. `listed` are its bytes as the header has them, 0 if it does not say; `size` receives
/// what the list itself says.
static enum oneslot_error read_list(struct oneslot_package *package, struct oneslot_source *source, uint32_t offset,
                                    uint32_t listed, uint32_t *size) {
    const bool is_protected = listed > 0;
    uint8_t header[LIST_HEADER];
    uint32_t end;
    enum oneslot_error error;
    if (source->size - offset < sizeof header) {
        return ONESLOT_ERROR_PACKAGE_TRUNCATED;
    }
    error = oneslot_source_read(source, offset, header, sizeof header);
    if (error) {
        return error;
    }
    *size = half(header + 2);
    if (half(header) != (is_protected ? LIST_MAGIC_PROTECTED : LIST_MAGIC) || *size < sizeof header ||
        (is_protected && *size != listed)) {
        return ONESLOT_ERROR_PACKAGE_AREA;
    }
    if (*size > source->size - offset) {
        return ONESLOT_ERROR_PACKAGE_TRUNCATED;
    }
    end = offset + *size;
    offset += sizeof header;
    while (offset < end) {
        struct entry entry = {.is_protected = is_protected};
        uint8_t start[ENTRY_HEADER];
        package->detail = 0;
        if (end - offset < sizeof start) {
            return ONESLOT_ERROR_PACKAGE_AREA;
        }
        error = oneslot_source_read(source, offset, start, sizeof start);
        if (error) {
            return error;
        }
        entry.type = half(start);
        entry.length = half(start + 2);
        entry.offset = offset + ENTRY_HEADER;
        package->detail = entry.type;
        if (entry.length > end - entry.offset) {
            return ONESLOT_ERROR_PACKAGE_TLV;
        }
        error = take(package, source, &entry);
        if (error) {
            return error;
        }
        offset = entry.offset + entry.length;
    }
    package->detail = 0;
    return ONESLOT_ERROR_NONE;
}

/* Header */

bool oneslot_package_begins(const uint8_t first[4]) {
    return word(first) == ONESLOT_PACKAGE_MAGIC;
}

/// Fills what the header says, the sizes as far as they fit in the file. `listed` receives the bytes of the protected
/// list.
static enum oneslot_error read_header(struct oneslot_package *package, struct oneslot_source *source,
                                      uint32_t *listed) {
    uint8_t header[ONESLOT_PACKAGE_HEADER];
    enum oneslot_error error;
    if (source->size < sizeof header) {
        return ONESLOT_ERROR_PACKAGE_TRUNCATED;
    }
    error = oneslot_source_read(source, 0, header, sizeof header);
    if (error) {
        return error;
    }
    package->address = word(header + 4);
    package->payload = half(header + 8);
    *listed = half(header + 10);
    package->payload_size = word(header + 12);
    package->flags = word(header + 16);
    oneslot_version_decode(&package->version, header + 20);
    if (!oneslot_package_begins(header) || package->payload < sizeof header || package->payload_size == 0) {
        return ONESLOT_ERROR_PACKAGE_HEADER;
    }
    if (package->flags & ~FLAGS_KNOWN) {
        return ONESLOT_ERROR_PACKAGE_FLAGS;
    }
    if (package->payload > source->size || package->payload_size > source->size - package->payload ||
        *listed > source->size - package->payload - package->payload_size) {
        return ONESLOT_ERROR_PACKAGE_TRUNCATED;
    }
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error read_lists(struct oneslot_package *package, struct oneslot_source *source, uint32_t listed) {
    uint32_t size = 0;
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    package->hashed = package->payload + package->payload_size;
    if (listed > 0) {
        error = read_list(package, source, package->hashed, listed, &size);
        package->hashed += listed;
    }
    if (!error) {
        error = read_list(package, source, package->hashed, 0, &size);
    }
    package->size = package->hashed + size;
    return error;
}

/// What only the whole of the entries tells.
static enum oneslot_error judge(struct oneslot_package *package) {
    if (!oneslot_package_has(package, ONESLOT_TLV_SHA256)) {
        package->detail = ONESLOT_TLV_SHA256;
        return package->foreign_signature ? ONESLOT_ERROR_PACKAGE_SIGNATURE_KIND : ONESLOT_ERROR_PACKAGE_INCOMPLETE;
    }
    if (!oneslot_package_has(package, ONESLOT_TLV_UNPACKED)) {
        if (package->codec) {
            package->detail = ONESLOT_TLV_UNPACKED;
            return ONESLOT_ERROR_PACKAGE_INCOMPLETE;
        }
        package->unpacked_size = package->payload_size;
    }
    if (!package->codec && package->unpacked_size != package->payload_size) {
        package->detail = ONESLOT_TLV_UNPACKED;
        return ONESLOT_ERROR_PACKAGE_TLV;
    }
    return ONESLOT_ERROR_NONE;
}

enum oneslot_error oneslot_package_open(struct oneslot_package *package, struct oneslot_source *source) {
    uint32_t listed;
    enum oneslot_error error;
    memset(package, 0, sizeof *package);
    package->signer = -1;
    error = read_header(package, source, &listed);
    if (!error) {
        error = read_lists(package, source, listed);
    }
    if (!error && !source->raw && package->size != source->size) {
        error = ONESLOT_ERROR_PACKAGE_LENGTH;
    }
    return error ? error : judge(package);
}
