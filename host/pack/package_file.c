#include "host/pack/package_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bearssl_hash.h"
#include "host/firmware.h"
#include "host/pack/version_text.h"
#include "host/ram_flash.h"
#include "host/tool.h"
#include "oneslot/unpack.h"

struct name {
    uint16_t number;
    const char *text;
};

static const struct name ENTRIES[] = {
    {ONESLOT_TLV_KEY_HASH, "hash of the key"},
    {ONESLOT_TLV_SHA256, "SHA-256"},
    {ONESLOT_TLV_SIGNATURE, "ECDSA signature"},
    {ONESLOT_TLV_SECURITY_COUNTER, "security counter"},
    {ONESLOT_TLV_BOOT_RECORD, "boot record"},
    {ONESLOT_TLV_CHIP, "chip"},
    {ONESLOT_TLV_KIND, "kind of image"},
    {ONESLOT_TLV_CODEC, "codec"},
    {ONESLOT_TLV_UNPACKED, "unpacked image"},
    {ONESLOT_TLV_MINIMUM, "lowest version replaced"},
    {ONESLOT_TLV_BASE, "base image"},
    {ONESLOT_TLV_BOARD, "board"},
    {ONESLOT_TLV_DOWNGRADE, "downgrade allowed"},
    {ONESLOT_TLV_INSTALLER, "installer"},
    {ONESLOT_TLV_CLAIMS, "claims"},
    {0x40, "MCUboot's dependency"},
    {0x70, "MCUboot's unpacked size"},
    {0x71, "MCUboot's unpacked digest"},
    {0x72, "MCUboot's unpacked signature"},
    {0x73, "MCUboot's decrypted size"},
    {0x74, "MCUboot's vendor"},
    {0x75, "MCUboot's device class"},
};

static const struct name CHIPS[] = {
    {ONESLOT_CHIP_ESP8266, "ESP8266"},
    {0, "ESP32"},
    {2, "ESP32-S2"},
    {5, "ESP32-C3"},
    {9, "ESP32-S3"},
    {12, "ESP32-C2"},
    {13, "ESP32-C6"},
    {16, "ESP32-H2"},
};

static const char *name_of(const struct name *names, size_t count, uint16_t number) {
    for (size_t index = 0; index < count; index++) {
        if (names[index].number == number) {
            return names[index].text;
        }
    }
    return NULL;
}

static const char *entry_name(uint16_t type) {
    if ((type & 0xffu) >= 0xa0u) {
        type &= (uint16_t)~ONESLOT_TLV_CRITICAL;
    }
    const char *name = name_of(ENTRIES, sizeof ENTRIES / sizeof ENTRIES[0], type);
    return name != NULL ? name : "unknown";
}

static const char *chip_name(uint16_t chip) {
    const char *name = name_of(CHIPS, sizeof CHIPS / sizeof CHIPS[0], chip);
    return name != NULL ? name : "unknown";
}

bool package_file_begins(const uint8_t *bytes, size_t size) {
    return size >= 4 && oneslot_package_begins(bytes);
}

enum oneslot_error package_file_open(struct package_file *file, const uint8_t *bytes, uint32_t size) {
    uint32_t words = (size + 3) & ~3u;
    memset(file, 0, sizeof *file);
    file->bytes = malloc(words + 4);
    file->size = size;
    if (file->bytes == NULL) {
        return ONESLOT_ERROR_FILE_READ;
    }
    memcpy(file->bytes, bytes, size);
    memset(file->bytes + size, 0xff, words - size);
    ram_flash_init(&file->flash, file->bytes, words);
    file->source = (struct oneslot_source){.size = size, .raw = true, .flash = &file->flash};
    enum oneslot_error error = oneslot_package_open(&file->package, &file->source);
    return error == ONESLOT_ERROR_NONE && file->package.size != size ? ONESLOT_ERROR_PACKAGE_LENGTH : error;
}

void package_file_close(struct package_file *file) {
    free(file->bytes);
    file->bytes = NULL;
}

static enum oneslot_error read_payload(void *context, uint32_t offset, void *buffer, uint32_t length) {
    const struct package_file *file = context;
    memcpy(buffer, file->bytes + file->package.payload + offset, length);
    return ONESLOT_ERROR_NONE;
}

static enum oneslot_error unpack_image(const struct package_file *file, uint8_t *image) {
    const struct oneslot_package *package = &file->package;
    struct oneslot_unpack_stream stream = {.packed_size = package->payload_size, .size = package->unpacked_size};
    if (package->codec != ONESLOT_CODEC_LZMA) {
        return ONESLOT_ERROR_PACKAGE_CODEC;
    }
    struct oneslot_unpack *unpack = malloc(sizeof *unpack);
    if (unpack == NULL) {
        return ONESLOT_ERROR_PACKAGE_CODEC;
    }
    enum oneslot_error error = oneslot_unpack_parameters(&stream, package->parameters, package->parameters_size);
    if (oneslot_package_has(package, ONESLOT_TLV_CHIP) && !oneslot_filter_suits(stream.filter, package->chip)) {
        error = ONESLOT_ERROR_PACKAGE_CODEC;
    }
    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_unpack_start(unpack, &stream, read_payload, (void *)file);
    }
    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_unpack_read(unpack, image, package->unpacked_size);
    }
    free(unpack);
    return error;
}

uint8_t *package_file_image(const struct package_file *file, enum oneslot_error *error) {
    const struct oneslot_package *package = &file->package;
    uint8_t *image = malloc(package->unpacked_size);
    *error = ONESLOT_ERROR_NONE;
    if (image == NULL) {
        return NULL;
    }
    if (package->codec == 0) {
        memcpy(image, file->bytes + package->payload, package->payload_size);
        return image;
    }
    *error = unpack_image(file, image);
    if (*error != ONESLOT_ERROR_NONE) {
        free(image);
        image = NULL;
    }
    return image;
}

static enum oneslot_error check_payload(const struct package_file *file) {
    const struct oneslot_package *package = &file->package;
    br_sha256_context sha256;
    uint8_t found[32];
    enum oneslot_error error;
    if (!oneslot_package_has(package, ONESLOT_TLV_UNPACKED)) {
        return ONESLOT_ERROR_NONE;
    }
    uint8_t *image = package_file_image(file, &error);
    if (image == NULL) {
        return error != ONESLOT_ERROR_NONE ? error : ONESLOT_ERROR_FILE_READ;
    }
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, image, package->unpacked_size);
    br_sha256_out(&sha256, found);
    free(image);
    return memcmp(found, package->unpacked_sha256, sizeof found) == 0 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_IMAGE_SHA256;
}

enum oneslot_error package_file_check(struct package_file *file, const struct key *keys, uint32_t count) {
    struct oneslot_public_key points[ONESLOT_KEYS_MAX];
    uint8_t buffer[ONESLOT_PACKAGE_BUFFER];
    struct oneslot_trust trust = {.verify = oneslot_p256_verify, .key = points, .count = count};
    for (uint32_t index = 0; index < count; index++) {
        points[index] = keys[index].point;
    }
    enum oneslot_error error = oneslot_package_check(&file->package, &file->source, &trust, buffer, NULL, NULL);
    return error != ONESLOT_ERROR_NONE ? error : check_payload(file);
}

const char *package_error_text(const struct oneslot_package *package, enum oneslot_error error, char text[200]) {
    if (package->detail != 0) {
        snprintf(text, 200, "%s (entry 0x%04x: %s)", oneslot_error_text(error), package->detail,
                 entry_name(package->detail));
    } else {
        snprintf(text, 200, "%s", oneslot_error_text(error));
    }
    return text;
}

/* For people */

static void print_hex(const char *what, const uint8_t *bytes, size_t length) {
    printf("  %-9s ", what);
    for (size_t index = 0; index < length; index++) {
        printf("%02x", bytes[index]);
    }
    putchar('\n');
}

/// "0x100000" or "0x5000 before the end".
static const char *claim_text(uint32_t address, char text[32]) {
    uint32_t sectors = address & ~(ONESLOT_SECTOR_SIZE - 1);
    bool from_end = address & ONESLOT_CLAIM_FROM_END;
    if (from_end && sectors == 0) {
        return "the end of the flash";
    }
    snprintf(text, 32, "0x%x%s", sectors, from_end ? " before the end" : "");
    return text;
}

static void print_claims(const struct oneslot_package *package) {
    for (uint32_t index = 0; index < package->claims; index++) {
        const struct oneslot_claim *claim = &package->claim[index];
        char from[32];
        char to[32];
        if (claim->from & ONESLOT_CLAIM_INIT_DATA) {
            printf("  needs     PHY init data at %s%s\n", claim_text(claim->from, from),
                   claim->from & ONESLOT_CLAIM_FILLED ? ", or nothing there" : "");
        } else {
            printf("  writes    %s to %s by itself\n", claim_text(claim->from, from), claim_text(claim->to, to));
        }
    }
}

static void print_conditions(const struct oneslot_package *package) {
    char version[VERSION_TEXT];
    if (oneslot_package_has(package, ONESLOT_TLV_CHIP)) {
        printf("  chip      %s\n", chip_name(package->chip));
    }
    if (package->board[0] != 0) {
        printf("  board     %s\n", package->board);
    }
    if (oneslot_package_has(package, ONESLOT_TLV_MINIMUM)) {
        printf("  replaces  %s and up\n", version_text(&package->minimum, version));
    }
    if (oneslot_package_has(package, ONESLOT_TLV_BASE)) {
        print_hex("base", package->base, sizeof package->base);
    }
    if (oneslot_package_has(package, ONESLOT_TLV_DOWNGRADE)) {
        puts("  downgrade allowed");
    }
    if (oneslot_package_has(package, ONESLOT_TLV_INSTALLER)) {
        puts("  replaces  the installer");
    }
    print_claims(package);
}

void package_print(const struct package_file *file) {
    const struct oneslot_package *package = &file->package;
    char version[VERSION_TEXT];
    printf("%spackage%s, version %s\n", tool_colour(stdout, 1), tool_colour(stdout, 0),
           version_text(&package->version, version));
    printf("  size      %u bytes, payload %u bytes at 0x%x\n", package->size, package->payload_size, package->payload);
    if (package->codec != 0) {
        printf("  packed    codec %u, parameters ", package->codec);
        for (unsigned index = 0; index < package->parameters_size; index++) {
            printf("%02x", package->parameters[index]);
        }
        printf(", unpacks to %u bytes (%.1f %%)\n", package->unpacked_size,
               100.0 * package->payload_size / package->unpacked_size);
    }
    if (package->kind != 0) {
        printf("  image     %s\n", oneslot_image_kind_text(package->kind));
    }
    if (oneslot_package_has(package, ONESLOT_TLV_UNPACKED)) {
        print_hex("SHA-256", package->unpacked_sha256, sizeof package->unpacked_sha256);
    }
    print_conditions(package);
    print_hex("digest", package->sha256, sizeof package->sha256);
    if (oneslot_package_has(package, ONESLOT_TLV_SIGNATURE)) {
        print_hex("key", package->key_hash, sizeof package->key_hash);
    } else {
        puts(package->foreign_signature ? "  signed    in a way that is not known here" : "  signed    no");
    }
}

/* For scripts */

static void claims_json(struct json *json, const struct oneslot_package *package) {
    json_array(json, "claims");
    for (uint32_t index = 0; index < package->claims; index++) {
        const struct oneslot_claim *claim = &package->claim[index];
        json_object(json, NULL);
        json_bool(json, "init_data", claim->from & ONESLOT_CLAIM_INIT_DATA);
        json_bool(json, "filled", claim->from & ONESLOT_CLAIM_FILLED);
        json_number(json, "from", claim->from & ~(ONESLOT_SECTOR_SIZE - 1));
        json_bool(json, "from_before_end", claim->from & ONESLOT_CLAIM_FROM_END);
        json_number(json, "to", claim->to & ~(ONESLOT_SECTOR_SIZE - 1));
        json_bool(json, "to_before_end", claim->to & ONESLOT_CLAIM_FROM_END);
        json_object_end(json);
    }
    json_array_end(json);
}

void package_json(struct json *json, const struct package_file *file) {
    const struct oneslot_package *package = &file->package;
    char version[VERSION_TEXT];
    json_string(json, "version", version_text(&package->version, version));
    json_number(json, "size", package->size);
    json_number(json, "header_size", package->payload);
    json_number(json, "payload_size", package->payload_size);
    json_number(json, "codec", package->codec);
    if (package->codec != 0) {
        json_hex(json, "parameters", package->parameters, package->parameters_size);
    }
    json_number(json, "unpacked_size", package->unpacked_size);
    if (oneslot_package_has(package, ONESLOT_TLV_UNPACKED)) {
        json_hex(json, "unpacked_sha256", package->unpacked_sha256, sizeof package->unpacked_sha256);
    }
    json_string(json, "image", package->kind != 0 ? oneslot_image_kind_text(package->kind) : NULL);
    json_string(json, "chip", oneslot_package_has(package, ONESLOT_TLV_CHIP) ? chip_name(package->chip) : NULL);
    json_string(json, "board", package->board[0] != 0 ? package->board : NULL);
    json_string(json, "min_version",
                oneslot_package_has(package, ONESLOT_TLV_MINIMUM) ? version_text(&package->minimum, version) : NULL);
    if (oneslot_package_has(package, ONESLOT_TLV_BASE)) {
        json_hex(json, "base", package->base, sizeof package->base);
    }
    json_bool(json, "allow_downgrade", oneslot_package_has(package, ONESLOT_TLV_DOWNGRADE));
    json_bool(json, "installer", oneslot_package_has(package, ONESLOT_TLV_INSTALLER));
    claims_json(json, package);
    json_hex(json, "digest", package->sha256, sizeof package->sha256);
    json_bool(json, "signed", oneslot_package_has(package, ONESLOT_TLV_SIGNATURE));
    if (oneslot_package_has(package, ONESLOT_TLV_KEY_HASH)) {
        json_hex(json, "key_hash", package->key_hash, sizeof package->key_hash);
    }
}

static void print_image(const struct package_file *file) {
    const struct oneslot_package *package = &file->package;
    struct firmware firmware;
    enum oneslot_error error;
    uint8_t *image = package_file_image(file, &error);
    if (image == NULL) {
        return;
    }
    firmware_read(&firmware, image, package->unpacked_size);
    printf("  holds     %s%s%s%s%s: %s\n", oneslot_image_kind_text(firmware.image.kind),
           firmware.maker != FIRMWARE_UNKNOWN ? ", " : "", firmware_maker_text(firmware.maker),
           firmware.version[0] != 0 ? " " : "", firmware.version,
           firmware.error != ONESLOT_ERROR_NONE ? oneslot_error_text(firmware.error)
                                                : oneslot_proof_text(firmware.image.proofs));
    free(image);
}

static int show_open(struct package_file *file, const char *path, bool as_json) {
    enum oneslot_error error = package_file_check(file, NULL, 0);
    if (as_json) {
        struct json json;
        tool_json_begin(&json, stdout, tool_json_error(error), oneslot_error_text(error));
        json_string(&json, "type", "package");
        package_json(&json, file);
        tool_json_end(&json);
    } else {
        package_print(file);
        print_image(file);
        if (error == ONESLOT_ERROR_NONE && oneslot_package_has(&file->package, ONESLOT_TLV_SIGNATURE)) {
            puts("  signed    yes; 'oneslot verify' checks it against a key");
        }
    }
    return error == ONESLOT_ERROR_NONE ? TOOL_OK : tool_fail(false, error, "%s: %s", path, oneslot_error_text(error));
}

int package_show(const char *path, const uint8_t *bytes, uint32_t size, bool as_json) {
    struct package_file file;
    char text[200];
    int status;
    enum oneslot_error error = package_file_open(&file, bytes, size);
    if (error == ONESLOT_ERROR_NONE) {
        status = show_open(&file, path, as_json);
    } else {
        status = tool_fail(as_json, error, "%s: %s", path, package_error_text(&file.package, error, text));
    }
    package_file_close(&file);
    return status;
}
