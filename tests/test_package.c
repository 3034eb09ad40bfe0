/* Packages: what is well made is read as it was written; each thing that can be wrong has its own name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bearssl.h"
#include "lfs.h"
#include "oneslot/package.h"
#include "oneslot/source.h"

#define REGION_SIZE 0x10000u
#define FILE_MAX    8192u
#define PAYLOAD     300u

/* A file system in memory, because a package comes as a file */

static _Alignas(4) uint8_t chip[REGION_SIZE];
static bool chip_fails;

static int chip_read(void *context, uint32_t address, void *buffer, uint32_t length) {
    (void)context;
    memcpy(buffer, chip + address, length);
    return chip_fails;
}

static int lfs_read_block(const struct lfs_config *c, lfs_block_t block, lfs_off_t off, void *buffer, lfs_size_t size) {
    memcpy(buffer, chip + block * c->block_size + off, size);
    return 0;
}

static int lfs_program(const struct lfs_config *c, lfs_block_t block, lfs_off_t off, const void *buffer,
                       lfs_size_t size) {
    memcpy(chip + block * c->block_size + off, buffer, size);
    return 0;
}

static int lfs_erase_block(const struct lfs_config *c, lfs_block_t block) {
    memset(chip + block * c->block_size, 0xff, c->block_size);
    return 0;
}

static int lfs_flush(const struct lfs_config *c) {
    (void)c;
    return 0;
}

static const struct oneslot_flash flash = {.size = REGION_SIZE, .read = chip_read};
static const struct oneslot_map map = {
    .count = 1,
    .partition = {{.type = 1, .subtype = ONESLOT_SUBTYPE_DATA_LITTLEFS, .size = REGION_SIZE, .label = "v"}}};

static void put_file(const uint8_t *bytes, uint32_t size) {
    static const struct lfs_config config = {.read = lfs_read_block,
                                             .prog = lfs_program,
                                             .erase = lfs_erase_block,
                                             .sync = lfs_flush,
                                             .read_size = 16,
                                             .prog_size = 16,
                                             .block_size = 4096,
                                             .block_count = REGION_SIZE / 4096,
                                             .block_cycles = -1,
                                             .cache_size = 1024,
                                             .lookahead_size = 16};
    static lfs_t lfs;
    lfs_file_t file;
    assert_int_equal(lfs_format(&lfs, &config), 0);
    assert_int_equal(lfs_mount(&lfs, &config), 0);
    assert_int_equal(lfs_file_open(&lfs, &file, "fw", LFS_O_WRONLY | LFS_O_CREAT), 0);
    assert_int_equal(lfs_file_write(&lfs, &file, bytes, size), size);
    assert_int_equal(lfs_file_close(&lfs, &file), 0);
    assert_int_equal(lfs_unmount(&lfs), 0);
}

/* A writer of packages that will write anything */

struct entry {
    uint16_t type;
    uint16_t length;
    uint16_t claimed; ///< length as it is written
    uint8_t value[80];
};

struct list {
    uint16_t magic;
    int claim; ///< added to the length that it says
    unsigned count;
    struct entry entry[16];
};

struct recipe {
    uint32_t magic;
    uint16_t header_size;
    int header_claim;
    uint32_t payload_claim;
    int protected_claim;
    uint32_t flags;
    uint32_t extra;          ///< bytes behind the package
    unsigned key;            ///< which of the keys signs
    bool hash_of_other;      ///< the digest is of other bytes
    bool signature_of_other; ///< the signature is
    struct list list[2];     ///< protected, plain
};

static uint8_t package_bytes[FILE_MAX];
static uint32_t package_size;

#define TEST_KEYS 5u
static uint8_t scalars[TEST_KEYS][32];
static struct oneslot_public_key points[TEST_KEYS];

static void make_keys(void) {
    for (unsigned i = 0; i < TEST_KEYS; i++) {
        uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
        br_ec_private_key secret = {.curve = BR_EC_secp256r1, .x = scalars[i], .xlen = 32};
        memset(scalars[i], 0x11 + (int)i, 32);
        assert_int_equal(br_ec_compute_pub(&br_ec_prime_i15, NULL, point, &secret), 65);
        memcpy(&points[i], point + 1, 64);
    }
}

static void half(uint8_t *bytes, uint32_t value) {
    bytes[0] = (uint8_t)value;
    bytes[1] = (uint8_t)(value >> 8);
}

static void word(uint8_t *bytes, uint32_t value) {
    half(bytes, value & 0xffff);
    half(bytes + 2, value >> 16);
}

static struct entry *add(struct list *list, uint16_t type, const void *value, uint16_t length) {
    struct entry *entry = &list->entry[list->count++];
    *entry = (struct entry){.type = type, .length = length, .claimed = length};
    if (length > 0) {
        memcpy(entry->value, value, length);
    }
    return entry;
}

static const uint8_t UNPACKED[36] = {0x00, 0x10, 0x00, 0x00, 0xaa, 0xbb};

/// With every entry that there is.
static struct recipe full_recipe(void) {
    static const uint8_t zero[72];
    struct recipe recipe = {.magic = ONESLOT_PACKAGE_MAGIC, .header_size = 48, .payload_claim = PAYLOAD};
    struct list *list = recipe.list;
    list[0].magic = 0x6908;
    list[1].magic = 0x6907;
    add(list, ONESLOT_TLV_SECURITY_COUNTER, "\x07\0\0", 4);
    add(list, ONESLOT_TLV_BOOT_RECORD, "record", 6);
    add(list, ONESLOT_TLV_CHIP | ONESLOT_TLV_CRITICAL, "\x66\x82", 2);
    add(list, ONESLOT_TLV_KIND, "\x02", 1);
    add(list, ONESLOT_TLV_CODEC | ONESLOT_TLV_CRITICAL, "\x01\x5d\x0f", 3);
    add(list, ONESLOT_TLV_UNPACKED, UNPACKED, 36);
    add(list, ONESLOT_TLV_MINIMUM | ONESLOT_TLV_CRITICAL, "\x01\x02\x03\x00\x04\0\0", 8);
    add(list, ONESLOT_TLV_BASE | ONESLOT_TLV_CRITICAL, "base", 32 - 28)->length = 32;
    list->entry[list->count - 1].claimed = 32;
    add(list, ONESLOT_TLV_BOARD | ONESLOT_TLV_CRITICAL, "lamp-2", 6);
    add(list, ONESLOT_TLV_DOWNGRADE, NULL, 0);
    add(list, ONESLOT_TLV_INSTALLER | ONESLOT_TLV_CRITICAL, NULL, 0);
    add(list + 1, ONESLOT_TLV_SHA256, zero, 32);
    add(list + 1, ONESLOT_TLV_KEY_HASH, zero, 32);
    add(list + 1, ONESLOT_TLV_SIGNATURE, zero, 72);
    return recipe;
}

/// An image as it is, with nothing but digest and signature.
static struct recipe plain_recipe(void) {
    struct recipe recipe = full_recipe();
    recipe.list[0].count = 0;
    return recipe;
}

static void write_list(const struct list *list) {
    uint32_t start = package_size;
    package_size += 4;
    for (unsigned i = 0; i < list->count; i++) {
        const struct entry *entry = &list->entry[i];
        half(package_bytes + package_size, entry->type);
        half(package_bytes + package_size + 2, entry->claimed);
        memcpy(package_bytes + package_size + 4, entry->value, entry->length);
        package_size += 4u + entry->length;
    }
    half(package_bytes + start, list->magic);
    half(package_bytes + start + 2, (uint32_t)((int)(package_size - start) + list->claim));
}

/// Fills in digest, key and signature where they have the length that they should have.
static void sign(struct recipe *recipe) {
    br_sha256_context sha256;
    uint8_t digest[32];
    br_sha256_init(&sha256);
    br_sha256_update(&sha256, package_bytes, package_size);
    br_sha256_out(&sha256, digest);
    digest[0] ^= recipe->hash_of_other;
    for (unsigned i = 0; i < recipe->list[1].count; i++) {
        struct entry *entry = &recipe->list[1].entry[i];
        if (entry->type == ONESLOT_TLV_SHA256 && entry->length == 32) {
            memcpy(entry->value, digest, 32);
        } else if (entry->type == ONESLOT_TLV_KEY_HASH && entry->length == 32) {
            oneslot_key_hash(entry->value, &points[recipe->key]);
        } else if (entry->type == ONESLOT_TLV_SIGNATURE && entry->length == 72) {
            br_ec_private_key secret = {.curve = BR_EC_secp256r1, .x = scalars[recipe->key], .xlen = 32};
            digest[1] ^= recipe->signature_of_other;
            entry->length =
                (uint16_t)br_ecdsa_i15_sign_asn1(&br_ec_prime_i15, &br_sha256_vtable, digest, &secret, entry->value);
            entry->claimed = entry->claimed == 72 ? entry->length : entry->claimed;
            digest[1] ^= recipe->signature_of_other;
        }
    }
}

static void build(struct recipe *recipe) {
    uint8_t *header = package_bytes;
    memset(package_bytes, 0xff, sizeof package_bytes);
    memset(header, 0, ONESLOT_PACKAGE_HEADER);
    word(header, recipe->magic);
    half(header + 8, (uint32_t)(recipe->header_size + recipe->header_claim));
    word(header + 12, recipe->payload_claim);
    word(header + 16, recipe->flags);
    memcpy(header + 20, "\x01\x18\x02\x01\x04\x03\x02\x01", 8);
    package_size = recipe->header_size;
    for (uint32_t i = 0; i < PAYLOAD; i++) {
        package_bytes[package_size++] = (uint8_t)(i * 7);
    }
    if (recipe->list[0].count > 0) {
        uint32_t start = package_size;
        write_list(&recipe->list[0]);
        half(header + 10, (uint32_t)((int)(package_size - start) + recipe->protected_claim));
    } else {
        half(header + 10, (uint32_t)recipe->protected_claim);
    }
    sign(recipe);
    write_list(&recipe->list[1]);
    package_size += recipe->extra;
}

static struct oneslot_source source;
static struct oneslot_package package;

/// What a device says to these bytes.
static enum oneslot_error judge(const uint8_t *bytes, uint32_t size, const struct oneslot_public_key *keys,
                                uint32_t count) {
    static uint8_t buffer[ONESLOT_PACKAGE_BUFFER];
    struct oneslot_trust trust = {.verify = oneslot_p256_verify, .key = keys, .count = count};
    put_file(bytes, size);
    enum oneslot_error error = oneslot_source_open(&source, &flash, &map, "/fw");
    if (error == ONESLOT_ERROR_NONE) {
        error = oneslot_package_open(&package, &source);
        if (error == ONESLOT_ERROR_NONE) {
            error = oneslot_package_check(&package, &source, &trust, buffer, NULL, NULL);
        }
        oneslot_source_close(&source);
    }
    return error;
}

static enum oneslot_error judge_recipe(struct recipe *recipe) {
    build(recipe);
    return judge(package_bytes, package_size, points, ONESLOT_KEYS_MAX);
}

static void expect(const char *what, enum oneslot_error found, enum oneslot_error expected) {
    if (found != expected) {
        fail_msg("%s: %s, not %s", what, oneslot_error_name(found), oneslot_error_name(expected));
    }
}

/* Well made */

static void test_a_package_is_read_as_it_was_written(void **state) {
    (void)state;
    struct recipe recipe = full_recipe();
    expect("full", judge_recipe(&recipe), ONESLOT_ERROR_NONE);
    assert_int_equal(package.signer, 0);
    assert_int_equal(package.size, package_size);
    assert_int_equal(package.payload, 48);
    assert_int_equal(package.payload_size, PAYLOAD);
    assert_int_equal(package.version.major, 1);
    assert_int_equal(package.version.minor, 24);
    assert_int_equal(package.version.revision, 0x102);
    assert_int_equal(package.version.build, 0x1020304);
    assert_int_equal(package.chip, ONESLOT_CHIP_ESP8266);
    assert_int_equal(package.kind, ONESLOT_IMAGE_MICROPYTHON);
    assert_int_equal(package.codec, 1);
    assert_int_equal(package.parameters_size, 2);
    assert_memory_equal(package.parameters, "\x5d\x0f", 2);
    assert_int_equal(package.unpacked_size, 4096);
    assert_memory_equal(package.unpacked_sha256, UNPACKED + 4, 32);
    assert_int_equal(package.minimum.revision, 3);
    assert_int_equal(package.minimum.build, 4);
    assert_int_equal(package.security_counter, 7);
    assert_memory_equal(package.base, "base", 4);
    assert_string_equal(package.board, "lamp-2");
    assert_true(oneslot_package_has(&package, ONESLOT_TLV_DOWNGRADE));
    assert_true(oneslot_package_has(&package, ONESLOT_TLV_INSTALLER | ONESLOT_TLV_CRITICAL));
}

static void test_a_package_needs_no_entry_but_its_digest(void **state) {
    (void)state;
    struct recipe recipe = plain_recipe();
    expect("plain", judge_recipe(&recipe), ONESLOT_ERROR_NONE);
    assert_int_equal(package.unpacked_size, PAYLOAD);
    assert_false(oneslot_package_has(&package, ONESLOT_TLV_CHIP));
    assert_false(oneslot_package_has(&package, 0x4fff));
    recipe = plain_recipe();
    recipe.list[1].count = 1;
    build(&recipe);
    expect("digest alone", judge(package_bytes, package_size, NULL, 0), ONESLOT_ERROR_NONE);
    assert_int_equal(package.signer, -1);
}

static void test_what_is_unknown_and_not_critical_is_passed_over(void **state) {
    (void)state;
    struct recipe recipe = full_recipe();
    add(&recipe.list[0], 0x00a0, "abc", 3);
    add(&recipe.list[0], 0x4fff, "abc", 3);
    add(&recipe.list[1], 0x7ffe, NULL, 0);
    expect("unknown", judge_recipe(&recipe), ONESLOT_ERROR_NONE);
}

static void test_each_of_four_keys_may_have_signed(void **state) {
    (void)state;
    for (unsigned key = 0; key < TEST_KEYS; key++) {
        struct recipe recipe = plain_recipe();
        recipe.key = key;
        expect("key", judge_recipe(&recipe), key < 4 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_KEY);
        assert_int_equal(package.signer, key < 4 ? (int)key : -1);
        // A fifth key is never looked at.
        expect("key", judge(package_bytes, package_size, points, TEST_KEYS),
               key < 4 ? ONESLOT_ERROR_NONE : ONESLOT_ERROR_PACKAGE_KEY);
    }
}

static void test_a_signature_that_imgtool_filled_up_is_the_same(void **state) {
    (void)state;
    struct recipe recipe = plain_recipe();
    build(&recipe);
    struct entry *entry = &recipe.list[1].entry[2];
    assert_true(entry->length < 72);
    memset(entry->value + entry->length, 0, 72u - entry->length);
    package_size -= 4u + entry->length + 4 + 32 + 4 + 32 + 4;
    entry->length = 72 - 1;
    entry->claimed = 72 - 1;
    write_list(&recipe.list[1]);
    expect("filled up", judge(package_bytes, package_size, points, 1), ONESLOT_ERROR_NONE);
    package_bytes[package_size - 1] = 1;
    expect("filled up with something", judge(package_bytes, package_size, points, 1), ONESLOT_ERROR_PACKAGE_SIGNATURE);
}

/* Every entry, wrong in every way */

/// Calls `change` for each entry of the full package, and expects that error about that entry.
static void each_entry(void (*change)(struct recipe *recipe, unsigned list, unsigned index),
                       enum oneslot_error expected, const char *what) {
    struct recipe recipe = full_recipe();
    for (unsigned list = 0; list < 2; list++) {
        for (unsigned index = 0; index < recipe.list[list].count; index++) {
            struct recipe changed = recipe;
            uint16_t type = recipe.list[list].entry[index].type;
            if (expected == ONESLOT_ERROR_PACKAGE_TLV && type == ONESLOT_TLV_BOOT_RECORD) {
                continue; // of any length
            }
            change(&changed, list, index);
            enum oneslot_error error = judge_recipe(&changed);
            if (error != expected || package.detail != type) {
                fail_msg("entry 0x%04x %s: %s about 0x%04x", type, what, oneslot_error_name(error), package.detail);
            }
        }
    }
}

static void shorten(struct recipe *recipe, unsigned list, unsigned index) {
    struct entry *entry = &recipe->list[list].entry[index];
    uint16_t type = entry->type & 0x7fff;
    bool bounded = type == ONESLOT_TLV_CODEC || type == ONESLOT_TLV_BOARD;
    entry->length = entry->length == 0 ? 1 : bounded ? 0 : entry->length == 72 ? 7 : (uint16_t)(entry->length - 1);
    entry->claimed = entry->length;
}

static void lengthen(struct recipe *recipe, unsigned list, unsigned index) {
    struct entry *entry = &recipe->list[list].entry[index];
    uint16_t type = entry->type & 0x7fff;
    uint16_t length = type == ONESLOT_TLV_CODEC ? 17 : type == ONESLOT_TLV_BOARD ? 33 : (uint16_t)(entry->length + 1);
    memset(entry->value + entry->length, 'x', (size_t)(length - entry->length));
    entry->length = length;
    entry->claimed = length;
}

static void repeat(struct recipe *recipe, unsigned list, unsigned index) {
    struct list *to = &recipe->list[list];
    to->entry[to->count++] = to->entry[index];
}

/// Before the signature, which would be complained of first.
static void move(struct recipe *recipe, unsigned list, unsigned index) {
    struct list *from = &recipe->list[list];
    struct list *to = &recipe->list[1 - list];
    struct entry entry = from->entry[index];
    memmove(from->entry + index, from->entry + index + 1, (from->count - index - 1) * sizeof entry);
    from->count--;
    memmove(to->entry + 1, to->entry, to->count * sizeof entry);
    to->entry[0] = entry;
    to->count++;
}

/// The last one of its list, with a length that leads out of it.
static void run_out(struct recipe *recipe, unsigned list, unsigned index) {
    struct list *in = &recipe->list[list];
    in->count = index + 1;
    in->entry[index].claimed = UINT16_MAX;
}

static void test_every_entry_has_its_lengths(void **state) {
    (void)state;
    each_entry(shorten, ONESLOT_ERROR_PACKAGE_TLV, "too short");
    each_entry(lengthen, ONESLOT_ERROR_PACKAGE_TLV, "too long");
    each_entry(run_out, ONESLOT_ERROR_PACKAGE_TLV, "leading out of its list");
}

static void test_no_entry_may_be_there_twice(void **state) {
    (void)state;
    each_entry(repeat, ONESLOT_ERROR_PACKAGE_DUPLICATE, "twice");
}

static void test_every_entry_has_its_list(void **state) {
    (void)state;
    each_entry(move, ONESLOT_ERROR_PACKAGE_PLACE, "in the other list");
}

static void test_a_package_is_refused_wherever_it_is_cut(void **state) {
    (void)state;
    struct recipe recipe = full_recipe();
    build(&recipe);
    for (uint32_t size = 1; size < package_size; size++) {
        enum oneslot_error error = judge(package_bytes, size, points, 1);
        if (error != ONESLOT_ERROR_PACKAGE_TRUNCATED) {
            fail_msg("cut to %u bytes: %s", size, oneslot_error_name(error));
        }
    }
}

static void test_no_byte_may_be_another_one(void **state) {
    (void)state;
    struct recipe recipe = full_recipe();
    build(&recipe);
    for (uint32_t at = 0; at < package_size; at++) {
        for (unsigned bit = at % 8; bit < 8; bit += 5) {
            package_bytes[at] ^= (uint8_t)(1u << bit);
            enum oneslot_error error = judge(package_bytes, package_size, points, 4);
            if (error == ONESLOT_ERROR_NONE || package.signer != -1 ||
                strcmp(oneslot_error_name(error), "UNKNOWN") == 0) {
                fail_msg("bit %u of byte %u does not count", bit, at);
            }
            package_bytes[at] ^= (uint8_t)(1u << bit);
        }
    }
}

/* Each malformed package by its own name */

#define CHANGE(name, code)                                                                                             \
    static void name(struct recipe *r) {                                                                               \
        code;                                                                                                          \
    }

/// The entry of a list, to be changed.
static struct entry *find(struct recipe *recipe, uint16_t type) {
    for (unsigned i = 0; i < recipe->list[0].count; i++) {
        if ((recipe->list[0].entry[i].type & 0x7fff) == type) {
            return &recipe->list[0].entry[i];
        }
    }
    fail_msg("no entry 0x%04x", type);
    return NULL;
}

static void drop(struct list *list, uint16_t type) {
    unsigned kept = 0;
    for (unsigned i = 0; i < list->count; i++) {
        if ((list->entry[i].type & 0x7fff) != type) {
            list->entry[kept++] = list->entry[i];
        }
    }
    list->count = kept;
}

static void swap(struct entry *left, struct entry *right) {
    struct entry entry = *left;
    *left = *right;
    *right = entry;
}

CHANGE(old_magic, r->magic = 0x96f3b83c)
CHANGE(no_magic, r->magic = 0xffffffff)
CHANGE(header_of_0, r->header_claim = -48)
CHANGE(header_of_31, r->header_claim = 31 - 48)
CHANGE(header_short, r->header_claim = -8)
CHANGE(header_long, r->header_claim = 8)
CHANGE(header_huge, r->header_claim = 0xffff - 48)
CHANGE(payload_of_0, r->payload_claim = 0)
CHANGE(payload_of_4_gib, r->payload_claim = 0xffffffff)
CHANGE(payload_round_the_end, r->payload_claim = 0u - 48)
CHANGE(payload_back_to_itself, r->payload_claim = PAYLOAD - 48u + 0xffffffd0u)
CHANGE(payload_one_more, r->payload_claim++)
CHANGE(payload_one_less, r->payload_claim--)
CHANGE(protected_hidden, r->list[0].count = 1; r->protected_claim = -12)
CHANGE(protected_promised, r->list[0].count = 0; r->protected_claim = 12)
CHANGE(protected_huge, r->protected_claim = 0xff00)
CHANGE(protected_one_less, r->protected_claim = -1)
CHANGE(protected_says_more, r->list[0].claim = 8)
CHANGE(protected_says_less, r->list[0].claim = -8)
CHANGE(protected_says_3, r->list[0].count = 1; r->list[0].claim = 3 - 12; r->protected_claim = 3 - 12)
CHANGE(lists_swapped, r->list[0].magic = 0x6907; r->list[1].magic = 0x6908)
CHANGE(both_protected, r->list[1].magic = 0x6908)
CHANGE(trailer_huge, r->list[1].claim = 0xfe00)
CHANGE(trailer_of_3, r->list[1].count = 0; r->list[1].claim = -1)
CHANGE(trailer_cuts_an_entry, r->list[1].claim = -10)
CHANGE(trailer_cuts_a_header, r->list[1].count = 2; add(&r->list[1], 0x00a0, NULL, 0); r->list[1].claim = -2)
CHANGE(bytes_behind, r->extra = 1)
CHANGE(encrypted, r->flags = 0x4)
CHANGE(encrypted_256, r->flags = 0x8)
CHANGE(to_ram, r->flags = 0x20)
CHANGE(lzma_of_mcuboot, r->flags = 0x400)
CHANGE(unknown_flag, r->flags = 0x80000000)
CHANGE(critical_of_a_vendor, add(&r->list[0], 0x80a0, NULL, 0))
CHANGE(critical_of_ours, add(&r->list[0], 0xcfff, NULL, 0))
CHANGE(critical_in_the_trailer, add(&r->list[1], 0xcfff, NULL, 0))
CHANGE(dependency, add(&r->list[0], 0x40, UNPACKED, 12))
CHANGE(device_class, add(&r->list[0], 0x75, UNPACKED, 16))
CHANGE(encryption_key, add(&r->list[1], 0x32, UNPACKED, 36))
CHANGE(key_not_of_mcuboot, add(&r->list[1], 0x101, UNPACKED, 32))
CHANGE(signature_before_key, swap(&r->list[1].entry[1], &r->list[1].entry[2]))
CHANGE(signature_without_key, drop(&r->list[1], ONESLOT_TLV_KEY_HASH))
CHANGE(no_digest, drop(&r->list[1], ONESLOT_TLV_SHA256))
CHANGE(sha_512, r->list[1].entry[0].type = 0x12)
CHANGE(protected_rsa, add(&r->list[0], 0x20, UNPACKED, 36))
CHANGE(codec_alone, drop(&r->list[0], ONESLOT_TLV_UNPACKED))
CHANGE(codec_of_0, find(r, ONESLOT_TLV_CODEC)->value[0] = 0)
CHANGE(kind_of_0, find(r, ONESLOT_TLV_KIND)->value[0] = 0)
CHANGE(bomb, memset(find(r, ONESLOT_TLV_UNPACKED)->value, 0xff, 4))
CHANGE(bomb_of_16_mib, memcpy(find(r, ONESLOT_TLV_UNPACKED)->value, "\x01\0\0\x01", 4))
CHANGE(unpacks_to_nothing, memset(find(r, ONESLOT_TLV_UNPACKED)->value, 0, 4))
CHANGE(not_packed_other_size, drop(&r->list[0], ONESLOT_TLV_CODEC))
CHANGE(board_with_a_zero, find(r, ONESLOT_TLV_BOARD)->value[2] = 0)
CHANGE(board_with_a_space, find(r, ONESLOT_TLV_BOARD)->value[2] = ' ')
CHANGE(other_digest, r->hash_of_other = true)
CHANGE(other_signature, r->signature_of_other = true)
CHANGE(other_key, r->key = 4)
CHANGE(unsigned_package, r->list[1].count = 2)
CHANGE(rsa, r->list[1].entry[2].type = 0x20)
CHANGE(ed25519, r->list[1].count = 1; add(&r->list[1], 0x02, UNPACKED, 36); add(&r->list[1], 0x24, UNPACKED, 36))

static const struct malformed {
    const char *what;
    void (*change)(struct recipe *recipe);
    enum oneslot_error expected;
    uint16_t detail;
} MALFORMED[] = {
#define CASE(change, error, detail)                                                                                    \
    { #change, change, ONESLOT_ERROR_##error, detail }
    CASE(old_magic, PACKAGE_HEADER, 0),
    CASE(no_magic, PACKAGE_HEADER, 0),
    CASE(header_of_0, PACKAGE_HEADER, 0),
    CASE(header_of_31, PACKAGE_HEADER, 0),
    CASE(header_short, PACKAGE_AREA, 0),
    CASE(header_long, PACKAGE_AREA, 0),
    CASE(header_huge, PACKAGE_TRUNCATED, 0),
    CASE(payload_of_0, PACKAGE_HEADER, 0),
    CASE(payload_of_4_gib, PACKAGE_TRUNCATED, 0),
    CASE(payload_round_the_end, PACKAGE_TRUNCATED, 0),
    CASE(payload_back_to_itself, PACKAGE_AREA, 0),
    CASE(payload_one_more, PACKAGE_AREA, 0),
    CASE(payload_one_less, PACKAGE_AREA, 0),
    CASE(protected_hidden, PACKAGE_AREA, 0),
    CASE(protected_promised, PACKAGE_AREA, 0),
    CASE(protected_huge, PACKAGE_TRUNCATED, 0),
    CASE(protected_one_less, PACKAGE_AREA, 0),
    CASE(protected_says_more, PACKAGE_AREA, 0),
    CASE(protected_says_less, PACKAGE_AREA, 0),
    CASE(protected_says_3, PACKAGE_AREA, 0),
    CASE(lists_swapped, PACKAGE_AREA, 0),
    CASE(both_protected, PACKAGE_AREA, 0),
    CASE(trailer_huge, PACKAGE_TRUNCATED, 0),
    CASE(trailer_of_3, PACKAGE_AREA, 0),
    CASE(trailer_cuts_an_entry, PACKAGE_TLV, ONESLOT_TLV_SIGNATURE),
    CASE(trailer_cuts_a_header, PACKAGE_AREA, 0),
    CASE(bytes_behind, PACKAGE_LENGTH, 0),
    CASE(encrypted, PACKAGE_FLAGS, 0),
    CASE(encrypted_256, PACKAGE_FLAGS, 0),
    CASE(to_ram, PACKAGE_FLAGS, 0),
    CASE(lzma_of_mcuboot, PACKAGE_FLAGS, 0),
    CASE(unknown_flag, PACKAGE_FLAGS, 0),
    CASE(critical_of_a_vendor, PACKAGE_CRITICAL, 0x80a0),
    CASE(critical_of_ours, PACKAGE_CRITICAL, 0xcfff),
    CASE(critical_in_the_trailer, PACKAGE_CRITICAL, 0xcfff),
    CASE(dependency, PACKAGE_CRITICAL, 0x40),
    CASE(device_class, PACKAGE_CRITICAL, 0x75),
    CASE(encryption_key, PACKAGE_CRITICAL, 0x32),
    CASE(key_not_of_mcuboot, PACKAGE_CRITICAL, 0x101),
    CASE(signature_before_key, PACKAGE_PLACE, ONESLOT_TLV_SIGNATURE),
    CASE(signature_without_key, PACKAGE_PLACE, ONESLOT_TLV_SIGNATURE),
    CASE(no_digest, PACKAGE_INCOMPLETE, ONESLOT_TLV_SHA256),
    CASE(sha_512, PACKAGE_SIGNATURE_KIND, ONESLOT_TLV_SHA256),
    CASE(protected_rsa, PACKAGE_PLACE, 0x20),
    CASE(codec_alone, PACKAGE_INCOMPLETE, ONESLOT_TLV_UNPACKED),
    CASE(codec_of_0, PACKAGE_TLV, ONESLOT_TLV_CODEC | ONESLOT_TLV_CRITICAL),
    CASE(kind_of_0, PACKAGE_TLV, ONESLOT_TLV_KIND),
    CASE(bomb, IMAGE_TOO_LARGE, ONESLOT_TLV_UNPACKED),
    CASE(bomb_of_16_mib, IMAGE_TOO_LARGE, ONESLOT_TLV_UNPACKED),
    CASE(unpacks_to_nothing, PACKAGE_TLV, ONESLOT_TLV_UNPACKED),
    CASE(not_packed_other_size, PACKAGE_TLV, ONESLOT_TLV_UNPACKED),
    CASE(board_with_a_zero, PACKAGE_TLV, ONESLOT_TLV_BOARD | ONESLOT_TLV_CRITICAL),
    CASE(board_with_a_space, PACKAGE_TLV, ONESLOT_TLV_BOARD | ONESLOT_TLV_CRITICAL),
    CASE(other_digest, PACKAGE_HASH, 0),
    CASE(other_signature, PACKAGE_SIGNATURE, 0),
    CASE(other_key, PACKAGE_KEY, 0),
    CASE(unsigned_package, PACKAGE_UNSIGNED, 0),
    CASE(rsa, PACKAGE_SIGNATURE_KIND, 0),
    CASE(ed25519, PACKAGE_SIGNATURE_KIND, 0),
#undef CASE
};

static void test_each_malformed_package_is_refused_by_its_own_name(void **state) {
    (void)state;
    for (unsigned i = 0; i < sizeof MALFORMED / sizeof MALFORMED[0]; i++) {
        struct recipe recipe = full_recipe();
        MALFORMED[i].change(&recipe);
        enum oneslot_error error = judge_recipe(&recipe);
        if (error != MALFORMED[i].expected || package.detail != MALFORMED[i].detail) {
            fail_msg("%s: %s about 0x%04x, not %s about 0x%04x", MALFORMED[i].what, oneslot_error_name(error),
                     package.detail, oneslot_error_name(MALFORMED[i].expected), MALFORMED[i].detail);
        }
        assert_int_equal(package.signer, -1);
    }
}

static void test_a_chip_that_fails_is_named_as_such(void **state) {
    (void)state;
    struct recipe recipe = full_recipe();
    build(&recipe);
    source = (struct oneslot_source){.size = package_size, .raw = true, .flash = &flash};
    memcpy(chip, package_bytes, package_size);
    expect("raw", oneslot_package_open(&package, &source), ONESLOT_ERROR_NONE);
    source.size = REGION_SIZE;
    expect("raw, with more behind it", oneslot_package_open(&package, &source), ONESLOT_ERROR_NONE);
    assert_int_equal(package.size, package_size);
    chip_fails = true;
    expect("open", oneslot_package_open(&package, &source), ONESLOT_ERROR_FLASH_READ);
    chip_fails = false;
}

/* What may be installed where */

static const struct oneslot_version V1 = {.major = 1}, V1_2_3_4 = {1, 2, 3, 4}, V1_2_3_5 = {1, 2, 3, 5};
static const struct oneslot_version V2 = {.major = 2}, ZERO = {0};

static void test_versions_compare_by_all_their_numbers(void **state) {
    (void)state;
    static const struct oneslot_version RISING[] = {
        {0, 0, 0, 0},   {0, 0, 0, 1},   {0, 0, 1, 0},   {0, 0, 65535, UINT32_MAX},
        {0, 1, 0, 0},   {0, 255, 0, 0}, {1, 0, 0, 0},   {1, 2, 3, 4},
        {1, 2, 3, 256}, {1, 2, 256, 0}, {128, 0, 0, 0}, {255, 0, 0, 0}};
    for (int i = 0; i < 12; i++) {
        uint8_t bytes[8];
        struct oneslot_version again;
        oneslot_version_encode(bytes, &RISING[i]);
        oneslot_version_decode(&again, bytes);
        for (int j = 0; j < 12; j++) {
            assert_int_equal(oneslot_version_compare(&again, &RISING[j]), (i > j) - (i < j));
        }
    }
}

static void test_a_package_is_installed_only_where_it_belongs(void **state) {
    (void)state;
    static const uint8_t base[32] = "base";
    const struct oneslot_package_device good = {.chip = ONESLOT_CHIP_ESP8266,
                                                .board = "lamp-2",
                                                .installed = &V1_2_3_4,
                                                .floor = &V1_2_3_5,
                                                .image_sha256 = base};
    struct recipe recipe = full_recipe();
    expect("full", judge_recipe(&recipe), ONESLOT_ERROR_NONE);
    struct oneslot_package_device device = good;
    expect("good", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_NONE);
    device.chip = 5;
    expect("chip", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_CHIP);
    device = good;
    device.board = "lamp-20";
    expect("longer board", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_BOARD);
    device.board = "";
    expect("no board", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_BOARD);
    device = good;
    device.installed = &V1;
    expect("too old", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_VERSION);
    device.installed = NULL;
    expect("not known", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_VERSION);
    device.installed = &V2;
    expect("newer", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_NONE);
    device = good;
    device.image_sha256 = UNPACKED;
    expect("base", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_VERSION);
    device.image_sha256 = NULL;
    expect("base not known", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_VERSION);
}

static void test_only_a_signed_permission_lets_a_lower_version_in(void **state) {
    (void)state;
    struct oneslot_package_device device = {.chip = ONESLOT_CHIP_ESP8266, .board = "", .floor = &V2};
    struct recipe recipe = plain_recipe();
    expect("plain", judge_recipe(&recipe), ONESLOT_ERROR_NONE);
    expect("lower", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_DOWNGRADE);
    device.floor = &package.version;
    expect("equal", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_NONE);
    device.floor = &ZERO;
    expect("no floor", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_NONE);
    device.floor = &V2;
    recipe = plain_recipe();
    add(&recipe.list[0], ONESLOT_TLV_DOWNGRADE, NULL, 0);
    expect("permitted", judge_recipe(&recipe), ONESLOT_ERROR_NONE);
    expect("permitted", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_NONE);
    expect("no key", judge(package_bytes, package_size, NULL, 0), ONESLOT_ERROR_NONE);
    expect("not signed", oneslot_package_allowed(&package, &device), ONESLOT_ERROR_PACKAGE_DOWNGRADE);
}

int main(void) {
    make_keys();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_package_is_read_as_it_was_written),
        cmocka_unit_test(test_a_package_needs_no_entry_but_its_digest),
        cmocka_unit_test(test_what_is_unknown_and_not_critical_is_passed_over),
        cmocka_unit_test(test_each_of_four_keys_may_have_signed),
        cmocka_unit_test(test_a_signature_that_imgtool_filled_up_is_the_same),
        cmocka_unit_test(test_every_entry_has_its_lengths),
        cmocka_unit_test(test_no_entry_may_be_there_twice),
        cmocka_unit_test(test_every_entry_has_its_list),
        cmocka_unit_test(test_a_package_is_refused_wherever_it_is_cut),
        cmocka_unit_test(test_no_byte_may_be_another_one),
        cmocka_unit_test(test_each_malformed_package_is_refused_by_its_own_name),
        cmocka_unit_test(test_a_chip_that_fails_is_named_as_such),
        cmocka_unit_test(test_versions_compare_by_all_their_numbers),
        cmocka_unit_test(test_a_package_is_installed_only_where_it_belongs),
        cmocka_unit_test(test_only_a_signed_permission_lets_a_lower_version_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
