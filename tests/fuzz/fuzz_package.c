/*
 * Fuzz target: packages. The input is the file. What is opened keeps to its contract; once the digest is made right,
 * every signature is believed, so that what lies behind the check is reached; one changed byte undoes it.
 */
#include <string.h>

#include "bearssl_hash.h"
#include "oneslot/package.h"
#include "oneslot/source.h"
#include "tests/fuzz/input.h"

/// A flash is read in words.
static uint8_t chip[0x20000];
static uint8_t buffer[ONESLOT_PACKAGE_BUFFER];
static const struct oneslot_public_key key = {.x = {1}, .y = {2}};

static uint32_t half_at(uint32_t at) {
    return chip[at] | (uint32_t)chip[at + 1] << 8;
}

static bool believe(const struct oneslot_public_key *given, const uint8_t sha256[32], const uint8_t *signature,
                    uint32_t length) {
    (void)signature;
    uint8_t found[32];
    br_sha256_context context;
    DEMAND(given == &key && length <= ONESLOT_SIGNATURE_MAX);
    // What is signed is the digest of what lies there.
    const uint32_t hashed = half_at(8) + half_at(10) + (half_at(12) | half_at(14) << 16);
    br_sha256_init(&context);
    br_sha256_update(&context, chip, hashed);
    br_sha256_out(&context, found);
    DEMAND(memcmp(found, sha256, sizeof found) == 0);
    return true;
}

/// Entries fill their list: none begins in one that the digest covers and ends in another.
static void check_list(uint32_t at, uint32_t end) {
    DEMAND(end - at >= 4 && half_at(at + 2) == end - at);
    for (at += 4; at < end; at += 4 + half_at(at + 2)) {
        DEMAND(end - at >= 4);
    }
    DEMAND(at == end);
}

static void check_contract(const struct oneslot_package *package, const struct oneslot_source *source) {
    DEMAND(package->payload >= ONESLOT_PACKAGE_HEADER && package->payload_size > 0);
    DEMAND((uint64_t)package->payload + package->payload_size <= package->hashed);
    DEMAND(package->hashed < package->size && package->size <= source->size);
    DEMAND(source->raw || package->size == source->size);
    DEMAND(package->unpacked_size > 0);
    DEMAND(package->codec ? package->unpacked_size <= ONESLOT_UNPACKED_MAX
                          : package->unpacked_size == package->payload_size);
    DEMAND(package->parameters_size <= ONESLOT_CODEC_PARAMETERS_MAX);
    DEMAND(package->signature_size <= ONESLOT_SIGNATURE_MAX);
    DEMAND(memchr(package->board, 0, sizeof package->board) != NULL);
    DEMAND(package->signer == -1 && package->detail == 0);
    DEMAND(oneslot_package_has(package, ONESLOT_TLV_SHA256));
    if (package->hashed > package->payload + package->payload_size) {
        check_list(package->payload + package->payload_size, package->hashed);
    }
    check_list(package->hashed, package->size);
}

/// Puts the right digest where the list of plain entries has one.
static void make_digest_right(const struct oneslot_package *package) {
    br_sha256_context context;
    uint32_t at = package->hashed + 4;
    while (chip[at] != ONESLOT_TLV_SHA256 || chip[at + 1] != 0) {
        at += 4 + half_at(at + 2);
        DEMAND(at < package->size);
    }
    br_sha256_init(&context);
    br_sha256_update(&context, chip, package->hashed);
    br_sha256_out(&context, chip + at + 4);
}

/// Whether a version is lower, told in another way than the core does.
static bool is_lower(const struct oneslot_version *version, const struct oneslot_version *than) {
    const uint64_t left = (uint64_t)version->major << 56 | (uint64_t)version->minor << 48 |
                          (uint64_t)version->revision << 32 | version->build;
    const uint64_t right =
        (uint64_t)than->major << 56 | (uint64_t)than->minor << 48 | (uint64_t)than->revision << 32 | than->build;
    return left < right;
}

static void check_allowed(const struct oneslot_package *package) {
    static const struct oneslot_version version = {.major = 1};
    static const struct oneslot_version higher = {.major = 1, .minor = 2, .revision = 3, .build = 5};
    struct oneslot_package_device device = {.chip = ONESLOT_CHIP_ESP8266, .board = "b", .floor = &version};
    for (int known = 0; known < 2; known++) {
        device.installed = known ? &higher : NULL;
        if (oneslot_package_allowed(package, &device) != ONESLOT_ERROR_NONE) {
            continue;
        }
        DEMAND(!is_lower(&package->version, &version) ||
               (package->signer >= 0 && oneslot_package_has(package, ONESLOT_TLV_DOWNGRADE)));
        DEMAND(!oneslot_package_has(package, ONESLOT_TLV_MINIMUM) || (known && !is_lower(&higher, &package->minimum)));
        DEMAND(!oneslot_package_has(package, ONESLOT_TLV_BASE));
        DEMAND(!oneslot_package_has(package, ONESLOT_TLV_CHIP) || package->chip == ONESLOT_CHIP_ESP8266);
        DEMAND(package->board[0] == 0 || strcmp(package->board, "b") == 0);
    }
}

/// Checks without and with a key; returns whether the digest holds.
static bool check(struct oneslot_package *package, struct oneslot_source *source) {
    const struct oneslot_trust nobody = {0};
    const struct oneslot_trust somebody = {.verify = believe, .key = &key, .count = 1};
    enum oneslot_error plain = oneslot_package_check(package, source, &nobody, buffer, NULL, NULL);
    DEMAND(plain == ONESLOT_ERROR_NONE || plain == ONESLOT_ERROR_PACKAGE_HASH);
    DEMAND(package->signer == -1);
    if (plain == ONESLOT_ERROR_NONE) {
        check_allowed(package);
    }
    enum oneslot_error trusted = oneslot_package_check(package, source, &somebody, buffer, NULL, NULL);
    DEMAND((trusted == ONESLOT_ERROR_NONE) == (package->signer == 0));
    DEMAND(trusted != ONESLOT_ERROR_NONE ||
           (plain == ONESLOT_ERROR_NONE && oneslot_package_has(package, ONESLOT_TLV_SIGNATURE) &&
            oneslot_package_has(package, ONESLOT_TLV_KEY_HASH)));
    if (trusted == ONESLOT_ERROR_NONE) {
        check_allowed(package);
    }
    return plain == ONESLOT_ERROR_NONE;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct oneslot_source source;
    struct oneslot_flash flash;
    struct oneslot_package package;
    struct input input = {.bytes = data, .left = size};
    if (size < 2 || size > sizeof chip) {
        return 0;
    }
    const uint32_t changed = input_number(&input, 2);
    memset(chip, 0xff, (size + 3) & ~(size_t)3);
    const uint32_t length = input_take(&input, chip, sizeof chip);
    input_chip(&flash, chip, sizeof chip);
    source = (struct oneslot_source){.size = length, .raw = changed & 1, .flash = &flash};
    if (oneslot_package_open(&package, &source) != ONESLOT_ERROR_NONE) {
        return 0;
    }
    check_contract(&package, &source);
    check(&package, &source);
    make_digest_right(&package);
    DEMAND(oneslot_package_open(&package, &source) == ONESLOT_ERROR_NONE);
    DEMAND(check(&package, &source));
    chip[changed % package.hashed] ^= 0x10;
    DEMAND(oneslot_package_open(&package, &source) != ONESLOT_ERROR_NONE || !check(&package, &source));
    return 0;
}
