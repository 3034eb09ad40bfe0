#include "host/pack/kit.h"

#include <stdlib.h>
#include <string.h>

#include "host/pack/build.h"
#include "host/pack/compress.h"

/// Packs an image; `key` may be NULL. Returns false when it could not.
static bool pack(struct kit *kit, struct package_content *content, uint32_t chip, struct story_bytes *package) {
    struct compressed packed = {0};
    size_t size;
    uint32_t slot = 0;
    while (kit->packages[slot]) {
        slot++;
    }
    content->header_size = ONESLOT_PACKAGE_HEADER;
    content->chip = (uint16_t)chip;
    content->payload = content->image;
    content->payload_size = content->image_size;
    if (!compress_image(content->image, content->image_size, chip, &packed)) {
        return false;
    }
    if (packed.stream.packed_size < content->image_size) {
        content->codec = ONESLOT_CODEC_LZMA;
        content->parameters_size = sizeof packed.parameters;
        memcpy(content->parameters, packed.parameters, sizeof packed.parameters);
        content->payload = packed.bytes;
        content->payload_size = packed.stream.packed_size;
    }
    kit->packages[slot] = package_build(content, &size);
    free(packed.bytes);
    *package = (struct story_bytes){kit->packages[slot], (uint32_t)size};
    return kit->packages[slot] != NULL;
}

bool kit_create(struct kit *kit, const struct kit_image *old_image, const struct kit_image *new_image,
                const struct kit_image *forged, struct story_settings *settings) {
    uint32_t chip = settings->provision.chip ? settings->provision.chip->number : ONESLOT_CHIP_ESP8266;
    memset(kit->packages, 0, sizeof kit->packages);
    memset(&kit->trust, 0, sizeof kit->trust);
    kit->trust.count = 1;
    kit->trust.key[0] = kit->key.point;
    oneslot_trust_seal(&kit->trust);
    settings->provision.trust = &kit->trust;
    settings->old_version = (struct oneslot_version){.major = 1};
    settings->new_version = (struct oneslot_version){.major = 2};
    const struct kit_image installer = {settings->new_installer.bytes, settings->new_installer.size,
                                        ONESLOT_IMAGE_PLAIN};
    const struct {
        const struct kit_image *image;
        const struct oneslot_version *version;
        const struct key *key;
        struct story_bytes *package;
    } recipes[] = {
        {new_image, &settings->new_version, &kit->key, &settings->new_package},
        {old_image, &settings->old_version, NULL, &settings->saved_package},
        {old_image, &settings->old_version, &kit->key, &settings->old_package},
        {forged, &settings->new_version, &kit->stranger, &settings->forged},
        {&installer, &settings->new_version, &kit->key, &settings->new_installer_package},
    };
    for (size_t i = 0; i < sizeof recipes / sizeof *recipes; i++) {
        struct package_content content = {.version = *recipes[i].version,
                                          .kind = recipes[i].image->kind,
                                          .image = recipes[i].image->bytes,
                                          .image_size = recipes[i].image->size,
                                          .installer = recipes[i].image == &installer,
                                          .key = recipes[i].key};
        if (content.image && !pack(kit, &content, chip, recipes[i].package)) {
            return false;
        }
    }
    return true;
}

void kit_free(struct kit *kit) {
    for (size_t i = 0; i < sizeof kit->packages / sizeof *kit->packages; i++) {
        free(kit->packages[i]);
        kit->packages[i] = NULL;
    }
}
