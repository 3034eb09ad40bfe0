#include "host/pack/build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bearssl_hash.h"

/// All entries together are far shorter.
#define LISTS_MAX 1024u

#define LIST_MAGIC           0x6907u
#define LIST_MAGIC_PROTECTED 0x6908u

struct writer {
    uint8_t *bytes;
    size_t size;
    size_t list; ///< where the open list begins
};

static void put_half(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static void put_word(uint8_t *bytes, uint32_t value) {
    put_half(bytes, value & 0xffff);
    put_half(bytes + 2, value >> 16);
}

static void begin_list(struct writer *writer, uint32_t magic) {
    writer->list = writer->size;
    put_half(writer->bytes + writer->size, magic);
    writer->size += 4;
}

/// Returns the bytes of the list.
static uint32_t end_list(struct writer *writer) {
    uint32_t length = (uint32_t)(writer->size - writer->list);
    put_half(writer->bytes + writer->list + 2, length);
    return length;
}

static void add(struct writer *writer, uint32_t type, const void *value, size_t length) {
    put_half(writer->bytes + writer->size, type);
    put_half(writer->bytes + writer->size + 2, (uint32_t)length);
    if (length > 0) {
        memcpy(writer->bytes + writer->size + 4, value, length);
    }
    writer->size += 4 + length;
}

static void sha256_of(const uint8_t *bytes, size_t length, uint8_t sha256[32]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes, length);
    br_sha256_out(&context, sha256);
}

/// What a reader must heed is critical; what it may leave out without harm is not.
static void add_protected(struct writer *writer, const struct package_content *content) {
    uint8_t value[ONESLOT_CLAIMS_MAX * sizeof *content->claim];
    put_half(value, content->chip);
    add(writer, ONESLOT_TLV_CHIP | ONESLOT_TLV_CRITICAL, value, 2);
    add(writer, ONESLOT_TLV_KIND, &content->kind, 1);
    if (content->codec != 0) {
        value[0] = content->codec;
        memcpy(value + 1, content->parameters, content->parameters_size);
        add(writer, ONESLOT_TLV_CODEC | ONESLOT_TLV_CRITICAL, value, 1u + content->parameters_size);
    }
    put_word(value, content->image_size);
    sha256_of(content->image, content->image_size, value + 4);
    add(writer, ONESLOT_TLV_UNPACKED, value, 36);
    if (content->minimum != NULL) {
        oneslot_version_encode(value, content->minimum);
        add(writer, ONESLOT_TLV_MINIMUM | ONESLOT_TLV_CRITICAL, value, 8);
    }
    if (content->board != NULL) {
        add(writer, ONESLOT_TLV_BOARD | ONESLOT_TLV_CRITICAL, content->board, strlen(content->board));
    }
    if (content->downgrade) {
        add(writer, ONESLOT_TLV_DOWNGRADE, NULL, 0);
    }
    if (content->installer) {
        add(writer, ONESLOT_TLV_INSTALLER | ONESLOT_TLV_CRITICAL, NULL, 0);
    }
    for (uint32_t index = 0; index < content->claims; index++) {
        put_word(value + 8 * index, content->claim[index].from);
        put_word(value + 8 * index + 4, content->claim[index].to);
    }
    if (content->claims > 0) {
        add(writer, ONESLOT_TLV_CLAIMS, value, 8 * content->claims);
    }
}

static void add_trailer(struct writer *writer, const struct package_content *content) {
    uint8_t sha256[32];
    uint8_t signature[ONESLOT_SIGNATURE_MAX];
    sha256_of(writer->bytes, writer->size, sha256);
    begin_list(writer, LIST_MAGIC);
    add(writer, ONESLOT_TLV_SHA256, sha256, sizeof sha256);
    if (content->key != NULL) {
        add(writer, ONESLOT_TLV_KEY_HASH, content->key->hash, sizeof content->key->hash);
        add(writer, ONESLOT_TLV_SIGNATURE, signature, key_sign(content->key, sha256, signature));
    }
    end_list(writer);
}

uint8_t *package_build(const struct package_content *content, size_t *size) {
    struct writer writer = {.bytes = calloc(1, (size_t)content->header_size + content->payload_size + LISTS_MAX)};
    uint8_t *header = writer.bytes;
    if (header == NULL) {
        return NULL;
    }
    memset(header + ONESLOT_PACKAGE_HEADER, 0xff, content->header_size - ONESLOT_PACKAGE_HEADER);
    memcpy(header + content->header_size, content->payload, content->payload_size);
    writer.size = (size_t)content->header_size + content->payload_size;
    begin_list(&writer, LIST_MAGIC_PROTECTED);
    add_protected(&writer, content);
    put_word(header, ONESLOT_PACKAGE_MAGIC);
    put_half(header + 8, content->header_size);
    put_half(header + 10, end_list(&writer));
    put_word(header + 12, content->payload_size);
    oneslot_version_encode(header + 20, &content->version);
    add_trailer(&writer, content);
    *size = writer.size;
    return writer.bytes;
}

bool board_name_valid(const char *name) {
    size_t length = strlen(name);
    bool valid = length > 0 && length <= ONESLOT_BOARD_MAX;
    for (size_t index = 0; index < length; index++) {
        valid = valid && name[index] > ' ' && name[index] <= '~';
    }
    return valid;
}
