/* A package as the source of an installation: checked, then looked through. */
#include "oneslot/install_package.h"

#include <string.h>

#include "bearssl_hash.h"
#include "install_steps.h"

_Static_assert(ONESLOT_PACKAGE_BUFFER <= ONESLOT_SECTOR_SIZE, "a package is checked in the engine's buffer");

static void check_progress(void *context, uint32_t done, uint32_t total) {
    oneslot_report(context, ONESLOT_PHASE_PROVE, done, total);
}

/* The view */

static enum oneslot_error read_packed(void *context, uint32_t offset, void *buffer, uint32_t length) {
    struct oneslot_install *install = context;
    return oneslot_source_read_stored(&install->source, install->package.payload + offset, buffer, length);
}

static enum oneslot_error start_unpacking(struct oneslot_install *install) {
    const struct oneslot_package *package = &install->package;
    struct oneslot_unpack_stream stream = {.packed_size = package->payload_size, .size = package->unpacked_size};
    if (package->codec != ONESLOT_CODEC_LZMA) {
        return ONESLOT_ERROR_PACKAGE_CODEC;
    }
    enum oneslot_error error = oneslot_unpack_parameters(&stream, package->parameters, package->parameters_size);
    if (!error && !oneslot_filter_suits(stream.filter, install->chip->number)) {
        error = ONESLOT_ERROR_PACKAGE_CODEC;
    }
    return error ? error : oneslot_unpack_start(&install->unpack, &stream, read_packed, install);
}

/// Unpacks up to `offset`. Passes go from the start to the end, so what lies behind is unpacked anew only seldom.
static enum oneslot_error unpack_to(struct oneslot_install *install, uint32_t offset) {
    enum oneslot_error error = ONESLOT_ERROR_NONE;
    if (offset < install->unpack.given) {
        error = start_unpacking(install);
    }
    while (!error && install->unpack.given < offset) {
        uint8_t passed[64];
        uint32_t length = offset - install->unpack.given;
        error = oneslot_unpack_read(&install->unpack, passed, length < sizeof passed ? length : sizeof passed);
        if (install->unpack.given % ONESLOT_SECTOR_SIZE == 0) {
            oneslot_report(install, ONESLOT_PHASE_PLAN, install->unpack.given, install->unpack.stream.size);
        }
    }
    return error;
}

static enum oneslot_error read_unpacked(void *context, struct oneslot_source *source, uint32_t offset, void *buffer,
                                        uint32_t length) {
    struct oneslot_install *install = context;
    (void)source;
    enum oneslot_error error = unpack_to(install, offset);
    return error ? error : oneslot_unpack_read(&install->unpack, buffer, length);
}

static enum oneslot_error read_payload(void *context, struct oneslot_source *source, uint32_t offset, void *buffer,
                                       uint32_t length) {
    const struct oneslot_install *install = context;
    return oneslot_source_read_stored(source, install->package.payload + offset, buffer, length);
}

static enum oneslot_error look_through(struct oneslot_install *install) {
    const struct oneslot_package *package = &install->package;
    if (package->codec) {
        enum oneslot_error error = start_unpacking(install);
        if (error) {
            return error;
        }
    }
    oneslot_source_set_view(&install->source, package->unpacked_size, package->codec ? read_unpacked : read_payload,
                            install);
    return ONESLOT_ERROR_NONE;
}

/* The checks */

/// The digest that was asked for is the file's, not the image's.
static enum oneslot_error check_file(struct oneslot_install *install, const uint8_t *expected) {
    uint8_t digest[br_sha256_SIZE];
    br_sha256_context sha256;
    br_sha256_init(&sha256);
    for (uint32_t offset = 0; offset < install->package.size;) {
        uint32_t length = install->package.size - offset;
        if (length > ONESLOT_SECTOR_SIZE) {
            length = ONESLOT_SECTOR_SIZE;
        }
        enum oneslot_error error = oneslot_source_read(&install->source, offset, install->buffer, length);
        if (error) {
            return error;
        }
        br_sha256_update(&sha256, install->buffer, length);
        offset += length;
        check_progress(install, offset, install->package.size);
    }
    br_sha256_out(&sha256, digest);
    return memcmp(digest, expected, sizeof digest) == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_SHA256;
}

static bool is_known(const uint8_t *bytes, uint32_t length) {
    uint8_t any = 0;
    while (length-- > 0) {
        any |= *bytes++;
    }
    return any != 0;
}

/// Whether the device may take it now.
static enum oneslot_error check_device(struct oneslot_install *install) {
    const struct oneslot_record *record = &install->record;
    struct oneslot_version installed;
    struct oneslot_version floor;
    char board[ONESLOT_BOARD_MAX + 1] = {0};
    memcpy(board, install->trust.board, sizeof install->trust.board);
    oneslot_version_decode(&installed, record->installed_version);
    oneslot_version_decode(&floor, record->floor);
    // An installer has versions of its own: what is known here are the application's.
    bool of_application = !install->installer_inside;
    struct oneslot_package_device device = {
        .chip = install->chip->number,
        .board = board,
        .installed =
            of_application && is_known(record->installed_version, sizeof record->installed_version) ? &installed : NULL,
        .floor = of_application ? &floor : NULL,
        .image_sha256 =
            of_application && is_known(record->installed, sizeof record->installed) ? record->installed : NULL,
    };
    if (install->as_if != NULL) {
        device.installed = install->as_if->has_version ? &install->as_if->version : NULL;
        device.image_sha256 = install->as_if->image;
    }
    enum oneslot_error error = oneslot_package_allowed(&install->package, &device);
    // A way back ran there before.
    if (!error && install->as_if == NULL && !install->known) {
        error = oneslot_claims_allowed(install->package.claim, install->package.claims, install->flash, &install->map);
    }
    return error;
}

enum oneslot_error oneslot_install_package(struct oneslot_install *install, const uint8_t *expected, bool resumed) {
    const uint32_t keys = install->known ? 0 : install->trust.count;
    const struct oneslot_trust trust = {oneslot_p256_verify, install->trust.key, keys};
    enum oneslot_error error = oneslot_package_open(&install->package, &install->source);
    if (!error) {
        error = oneslot_package_check(&install->package, &install->source, &trust, install->buffer, check_progress,
                                      install);
    }
    if (!error && expected != NULL) {
        error = check_file(install, expected);
    }
    install->installer_inside = !error && oneslot_package_has(&install->package, ONESLOT_TLV_INSTALLER);
    if (install->installer_inside && (resumed || install->self_update == NULL)) {
        error = ONESLOT_ERROR_PACKAGE_INSTALLER;
    }
    if (!error && !resumed) {
        error = check_device(install);
    }
    return error ? error : look_through(install);
}
