/* Fuzz target: packages. What open accepts keeps to its own contract; nothing reads past the file. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "oneslot/package.h"

/// A flash is read in words.
static uint8_t input[0x20000];

static int read_input(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    memcpy(buffer, input + address, length);
    return 0;
}

/// Every signature holds, so that what lies behind the check is reached.
static bool believe(const struct oneslot_public_key *key, const uint8_t sha256[32], const uint8_t *signature,
                    uint32_t length) {
    (void)key, (void)sha256, (void)signature;
    return length <= ONESLOT_SIGNATURE_MAX;
}

static void demand(bool holds) {
    if (!holds) {
        abort();
    }
}

static void check_contract(const struct oneslot_package *package, size_t size) {
    demand(package->payload >= ONESLOT_PACKAGE_HEADER && package->payload_size > 0);
    demand((uint64_t)package->payload + package->payload_size <= package->hashed);
    demand(package->hashed < package->size && package->size <= size);
    demand(package->unpacked_size > 0);
    demand(!package->codec || package->unpacked_size <= ONESLOT_UNPACKED_MAX);
    demand(package->parameters_size <= ONESLOT_CODEC_PARAMETERS_MAX);
    demand(package->signature_size <= ONESLOT_SIGNATURE_MAX);
    demand(memchr(package->board, 0, sizeof package->board) != NULL);
    demand(package->signer == -1 && package->detail == 0);
}

static void check(struct oneslot_package *package, struct oneslot_source *source) {
    static uint8_t buffer[ONESLOT_PACKAGE_BUFFER];
    static const struct oneslot_public_key key = {.x = {1}, .y = {2}};
    static const struct oneslot_version version = {.major = 1};
    const struct oneslot_trust nobody = {0};
    const struct oneslot_trust somebody = {.verify = believe, .key = &key, .count = 1};
    struct oneslot_package_device device = {.chip = ONESLOT_CHIP_ESP8266, .board = "b", .floor = &version};
    enum oneslot_error plain = oneslot_package_check(package, source, &nobody, buffer, NULL, NULL);
    demand(plain == ONESLOT_ERROR_NONE || plain == ONESLOT_ERROR_PACKAGE_HASH);
    enum oneslot_error trusted = oneslot_package_check(package, source, &somebody, buffer, NULL, NULL);
    demand((trusted == ONESLOT_ERROR_NONE) == (package->signer == 0));
    demand(trusted != ONESLOT_ERROR_NONE || plain == ONESLOT_ERROR_NONE);
    oneslot_package_allowed(package, &device);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct oneslot_source source;
    struct oneslot_package package;
    if (size == 0 || size > sizeof input) {
        return 0;
    }
    const struct oneslot_flash flash = {.size = sizeof input, .read = read_input};
    memset(input, 0xff, (size + 3) & ~(size_t)3);
    memcpy(input, data, size);
    source = (struct oneslot_source){.size = (uint32_t)size, .raw = true, .flash = &flash};
    if (oneslot_package_open(&package, &source) == ONESLOT_ERROR_NONE) {
        check_contract(&package, size);
        check(&package, &source);
    }
    return 0;
}
