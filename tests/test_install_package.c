/* Packages on a simulated device: whose they are goes before all else; versions do not sink; cuts do no harm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "bearssl.h"
#include "host/pack/build.h"
#include "host/pack/compress.h"
#include "host/pack/version_text.h"
#include "oneslot/oneslot.h"
#include "sim/provision.h"
#include "tests/small_upgrade.h"
#include "tests/synthetic.h"

#define FLASH_SIZE 0x200000u
#define OLD_SIZE   0xb400u
#define NEW_SIZE   0xc470u
#define PATH       "/fw.osp"

/* Keys. The test signs by itself: the host tool's own way to keys needs more libraries. */

#define KEYS 2u
static struct key keys[KEYS];

uint32_t key_sign(const struct key *key, const uint8_t sha256[32], uint8_t signature[ONESLOT_SIGNATURE_MAX]) {
    uint8_t scalar[32];
    memcpy(scalar, key->scalar, sizeof scalar);
    br_ec_private_key secret = {.curve = BR_EC_secp256r1, .x = scalar, .xlen = sizeof scalar};
    return (uint32_t)br_ecdsa_i15_sign_asn1(&br_ec_prime_i15, &br_sha256_vtable, sha256, &secret, signature);
}

static void make_key(struct key *key, uint8_t seed) {
    uint8_t point[BR_EC_KBUF_PUB_MAX_SIZE];
    memset(key->scalar, seed, sizeof key->scalar);
    br_ec_private_key secret = {.curve = BR_EC_secp256r1, .x = key->scalar, .xlen = sizeof key->scalar};
    assert_int_equal(br_ec_compute_pub(&br_ec_prime_i15, NULL, point, &secret), 65);
    memcpy(&key->point, point + 1, sizeof key->point);
    key->secret = true;
    oneslot_key_hash(key->hash, &key->point);
}

/// What a device with the first key, and a board named "lamp", has beside its map.
static struct oneslot_trust_block trust_block(void) {
    struct oneslot_trust_block block;
    memset(&block, 0, sizeof block);
    block.count = 1;
    block.key[0] = keys[0].point;
    memcpy(block.board, "lamp", 4);
    oneslot_trust_seal(&block);
    return block;
}

/* Images and packages */

static uint8_t old_image[OLD_SIZE];
static uint8_t new_image[NEW_SIZE];
static struct compressed old_packed;
static struct compressed new_packed;
static uint8_t *flash_bytes;

/// Makes half of an image easy to compress, as code is.
static void thin_out(uint8_t *image, uint32_t size, uint8_t seed) {
    for (uint32_t i = 0x9000; i < size - 0x1000u; i++) {
        image[i] = (uint8_t)(seed + i / 7u % 11u);
    }
    synthetic_seal(image, size);
}

static int make_all(void **state) {
    (void)state;
    for (unsigned i = 0; i < KEYS; i++) {
        make_key(&keys[i], (uint8_t)(0x21 + i));
    }
    synthetic_micropython(old_image, OLD_SIZE, 1, 0);
    synthetic_micropython(new_image, NEW_SIZE, 2, 0);
    thin_out(old_image, OLD_SIZE, 3);
    thin_out(new_image, NEW_SIZE, 4);
    flash_bytes = malloc(FLASH_SIZE);
    return flash_bytes == NULL || !compress_image(old_image, OLD_SIZE, ONESLOT_CHIP_ESP8266, &old_packed) ||
           !compress_image(new_image, NEW_SIZE, ONESLOT_CHIP_ESP8266, &new_packed);
}

static int free_all(void **state) {
    (void)state;
    free(old_packed.bytes);
    free(new_packed.bytes);
    free(flash_bytes);
    return 0;
}

/// How a package differs from a compressed one of the new image, version 2.0, signed by the device's key.
struct recipe {
    const char *version;
    const char *minimum;
    const char *board;
    bool not_signed;
    bool other_key;
    bool not_packed;
    bool old;
    bool downgrade;
    bool installer;
    uint16_t chip;
    struct oneslot_claim claim;                              ///< none where it ends at 0
    void (*spoil_payload)(uint8_t *payload, uint32_t *size); ///< before it is signed
    void (*spoil)(uint8_t *package, size_t *size);           ///< afterwards
    const uint8_t *image;                                    ///< another image; not packed
    uint32_t image_size;
};

struct file {
    uint8_t *bytes;
    size_t size;
};

static struct oneslot_version version_of(const char *text) {
    struct oneslot_version version;
    assert_true(version_parse(text, &version));
    return version;
}

static void choose_image(struct package_content *content, const struct recipe *recipe) {
    const struct compressed *packed = recipe->old ? &old_packed : &new_packed;
    content->kind = ONESLOT_IMAGE_MICROPYTHON;
    content->image = recipe->image ? recipe->image : recipe->old ? old_image : new_image;
    content->image_size = recipe->image ? recipe->image_size : recipe->old ? OLD_SIZE : NEW_SIZE;
    content->payload = content->image;
    content->payload_size = content->image_size;
    if (!recipe->image && !recipe->not_packed) {
        content->codec = ONESLOT_CODEC_LZMA;
        content->parameters_size = sizeof packed->parameters;
        memcpy(content->parameters, packed->parameters, sizeof packed->parameters);
        content->payload = packed->bytes;
        content->payload_size = packed->stream.packed_size;
    }
}

static struct file pack(const struct recipe *recipe) {
    struct package_content content = {.header_size = ONESLOT_PACKAGE_HEADER,
                                      .version = version_of(recipe->version ? recipe->version : "2.0"),
                                      .chip = recipe->chip ? recipe->chip : ONESLOT_CHIP_ESP8266,
                                      .board = recipe->board,
                                      .downgrade = recipe->downgrade,
                                      .installer = recipe->installer,
                                      .claims = recipe->claim.to != 0,
                                      .claim = {recipe->claim}};
    struct oneslot_version minimum;
    struct file file = {0};
    choose_image(&content, recipe);
    if (!recipe->not_signed) {
        content.key = &keys[recipe->other_key];
    }
    if (recipe->minimum) {
        minimum = version_of(recipe->minimum);
        content.minimum = &minimum;
    }
    uint8_t *spoilt = malloc(content.payload_size + 16u);
    assert_non_null(spoilt);
    memcpy(spoilt, content.payload, content.payload_size);
    if (recipe->spoil_payload) {
        recipe->spoil_payload(spoilt, &content.payload_size);
        content.payload = spoilt;
    }
    file.bytes = package_build(&content, &file.size);
    free(spoilt);
    assert_non_null(file.bytes);
    if (recipe->spoil) {
        recipe->spoil(file.bytes, &file.size);
    }
    return file;
}

/* The device */

struct bench {
    struct sim_device device;
    struct nor provisioned;
};

struct parts {
    const struct sim_file *file;
    uint32_t files;
    const char *watch;
    const struct oneslot_trust_block *trust;
};

static void make_device(struct bench *bench, const struct parts *parts) {
    const struct sim_provision provision = {.flash_size = FLASH_SIZE,
                                            .firmware = old_image,
                                            .firmware_size = OLD_SIZE,
                                            .file = parts->file,
                                            .files = parts->files,
                                            .watch = parts->watch,
                                            .trust = parts->trust};
    assert_int_equal(sim_provision(flash_bytes, &provision, NULL), ONESLOT_ERROR_NONE);
    assert_int_equal(sim_device_create(&bench->device, NULL, flash_bytes, FLASH_SIZE, 1), ONESLOT_ERROR_NONE);
    bench->device.old_firmware = (struct sim_firmware){old_image, OLD_SIZE};
    bench->device.new_firmware = (struct sim_firmware){new_image, NEW_SIZE};
    nor_copy(&bench->provisioned, &bench->device.nor);
    bench->device.provisioned = &bench->provisioned;
}

/// A device with the key and the board, and a package of each recipe at /0, /1, ...
static void make_with(struct bench *bench, const struct recipe *recipe, uint32_t count) {
    static const char *const paths[] = {"/0", "/1", "/2", "/3"};
    const struct oneslot_trust_block trust = trust_block();
    struct file packed[4];
    struct sim_file files[4];
    for (uint32_t i = 0; i < count; i++) {
        packed[i] = pack(&recipe[i]);
        files[i] = (struct sim_file){paths[i], packed[i].bytes, (uint32_t)packed[i].size};
    }
    make_device(bench, &(struct parts){files, count, NULL, &trust});
    for (uint32_t i = 0; i < count; i++) {
        free(packed[i].bytes);
    }
}

static void finish(struct bench *bench) {
    nor_destroy(&bench->provisioned);
    sim_device_destroy(&bench->device);
}

static struct oneslot application_of(struct bench *bench) {
    struct oneslot oneslot;
    struct oneslot_flash flash = nor_flash(&bench->device.nor);
    assert_int_equal(oneslot_open(&oneslot, &flash), ONESLOT_ERROR_NONE);
    return oneslot;
}

static void request(struct bench *bench, const char *path, const struct oneslot_options *options) {
    struct oneslot oneslot = application_of(bench);
    assert_int_equal(oneslot_request(&oneslot, path, options), ONESLOT_ERROR_NONE);
}

static void assert_runs(struct bench *bench, enum sim_runs runs) {
    uint32_t address = 0;
    assert_int_equal(sim_power_on(&bench->device), SIM_APPLICATION);
    assert_int_equal(sim_runs(&bench->device), runs);
    assert_true(sim_untouched(&bench->device, &address));
    assert_int_equal(bench->device.nor.violations, 0);
}

static struct oneslot_record record_of(struct bench *bench) {
    struct oneslot_record record;
    assert_int_equal(sim_journal(&bench->device, &record), ONESLOT_ERROR_NONE);
    return record;
}

static void assert_version(const uint8_t bytes[8], const char *text) {
    struct oneslot_version version;
    char found[VERSION_TEXT];
    oneslot_version_decode(&version, bytes);
    assert_string_equal(version_text(&version, found), text);
}

static void assert_outcome(struct bench *bench, enum oneslot_state state, enum oneslot_error outcome) {
    struct oneslot_record record = record_of(bench);
    assert_string_equal(oneslot_error_name((enum oneslot_error)record.outcome), oneslot_error_name(outcome));
    assert_int_equal(record.state, state);
}

/// Asks for the file; nothing but the journal's record is written, and the old firmware runs on.
static void assert_refused(struct bench *bench, const char *path, const struct oneslot_options *options,
                           enum oneslot_error reason) {
    request(bench, path, options);
    nor_count_from_zero(&bench->device.nor);
    assert_runs(bench, SIM_RUNS_OLD);
    assert_outcome(bench, ONESLOT_STATE_FAILED, reason);
    assert_true(bench->device.nor.operations <= 8);
}

static void assert_installed(struct bench *bench, const char *path, enum sim_runs runs) {
    request(bench, path, NULL);
    assert_runs(bench, runs);
    assert_outcome(bench, ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE);
}

static void digest(const void *bytes, size_t size, uint8_t sha256[32]) {
    br_sha256_context context;
    br_sha256_init(&context);
    br_sha256_update(&context, bytes, size);
    br_sha256_out(&context, sha256);
}

/* The tests */

static void a_signed_package_is_installed_packed_or_not(void **state) {
    (void)state;
    uint8_t sha256[32];
    digest(new_image, NEW_SIZE, sha256);
    assert_true(new_packed.stream.packed_size < NEW_SIZE);
    for (int plain = 0; plain < 2; plain++) {
        struct bench bench;
        make_with(&bench, &(struct recipe){.not_packed = plain, .board = plain ? "lamp" : NULL}, 1);
        assert_installed(&bench, "/0", SIM_RUNS_NEW);
        struct oneslot_record record = record_of(&bench);
        assert_int_equal(record.installed_size, NEW_SIZE);
        assert_memory_equal(record.installed, sha256, sizeof sha256);
        assert_version(record.installed_version, "2.0.0");
        assert_version(record.floor, "2.0.0");
        finish(&bench);
    }
}

static void flip_payload(uint8_t *package, size_t *size) {
    package[*size / 2] ^= 0x10;
}

/// Another image with its digest right, under the signature of the first one.
static void forge(uint8_t *package, size_t *size) {
    uint32_t hashed = (uint32_t)(package[10] | package[11] << 8) + ONESLOT_PACKAGE_HEADER;
    hashed += package[12] | (uint32_t)package[13] << 8 | (uint32_t)package[14] << 16;
    assert_true(hashed < *size);
    package[ONESLOT_PACKAGE_HEADER + 0xa000] ^= 1;
    digest(package, hashed, package + hashed + 8);
}

static void cut_short(uint8_t *package, size_t *size) {
    (void)package;
    *size -= 1;
}

static void cut_stream(uint8_t *payload, uint32_t *size) {
    (void)payload;
    *size -= 9;
}

static void break_stream(uint8_t *payload, uint32_t *size) {
    memset(payload + *size / 2, 0x5a, 40);
}

static void lengthen_stream(uint8_t *payload, uint32_t *size) {
    memset(payload + *size, 0, 4);
    *size += 4;
}

static void what_is_not_right_is_refused_by_name_before_anything_is_touched(void **state) {
    (void)state;
    static const struct {
        const char *name;
        struct recipe recipe;
        enum oneslot_error reason;
    } cases[] = {
        {"not signed", {.not_signed = true}, ONESLOT_ERROR_PACKAGE_UNSIGNED},
        {"signed by another key", {.other_key = true}, ONESLOT_ERROR_PACKAGE_KEY},
        {"changed", {.spoil = flip_payload}, ONESLOT_ERROR_PACKAGE_HASH},
        {"forged", {.not_packed = true, .spoil = forge}, ONESLOT_ERROR_PACKAGE_SIGNATURE},
        {"cut short", {.spoil = cut_short}, ONESLOT_ERROR_PACKAGE_TRUNCATED},
        {"for another board", {.board = "stove"}, ONESLOT_ERROR_PACKAGE_BOARD},
        {"for another chip", {.chip = 5}, ONESLOT_ERROR_PACKAGE_CHIP},
        {"an installer", {.installer = true}, ONESLOT_ERROR_PACKAGE_INSTALLER},
        {"replaces what is not known", {.minimum = "1.0"}, ONESLOT_ERROR_PACKAGE_VERSION},
        {"a stream cut before it was signed", {.spoil_payload = cut_stream}, ONESLOT_ERROR_PACKAGE_SHORT},
        {"a stream that goes on", {.spoil_payload = lengthen_stream}, ONESLOT_ERROR_PACKAGE_SIZE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct bench bench;
        print_message("%s\n", cases[i].name);
        make_with(&bench, &cases[i].recipe, 1);
        assert_refused(&bench, "/0", NULL, cases[i].reason);
        assert_version(record_of(&bench).floor, "0.0.0");
        finish(&bench);
    }
}

/// Without a map's rows for it, the last byte of what is Oneslot's is the installer's.
static void what_a_package_claims_is_kept_from_oneslot(void **state) {
    (void)state;
    struct bench bench;
    make_with(&bench, (struct recipe[]){{0}}, 1);
    const struct oneslot_layout layout = bench.device.layout;
    finish(&bench);
    const struct {
        struct oneslot_claim claim;
        enum oneslot_error reason;
    } cases[] = {
        {{layout.displaced, layout.displaced + 0x1000}, ONESLOT_ERROR_IMAGE_CLAIMS},
        {{0x99000, ONESLOT_CLAIM_FROM_END | 0x5000}, ONESLOT_ERROR_IMAGE_CLAIMS},
        {{layout.installer + 0x7000, layout.installer + 0x8000}, ONESLOT_ERROR_IMAGE_CLAIMS},
        {{(FLASH_SIZE - 0x4000) | ONESLOT_CLAIM_INIT_DATA, FLASH_SIZE - 0x4000}, ONESLOT_ERROR_PHY_INIT},
        {{FLASH_SIZE - 0x4000, FLASH_SIZE}, ONESLOT_ERROR_NONE},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        make_with(&bench, (struct recipe[]){{.claim = cases[i].claim}}, 1);
        if (cases[i].reason) {
            assert_refused(&bench, "/0", NULL, cases[i].reason);
        } else {
            assert_installed(&bench, "/0", SIM_RUNS_NEW);
        }
        finish(&bench);
    }
}

static void a_damaged_stream_with_a_good_signature_is_found_before_the_first_erase(void **state) {
    (void)state;
    struct bench bench;
    make_with(&bench, &(struct recipe){.spoil_payload = break_stream}, 1);
    request(&bench, "/0", NULL);
    nor_count_from_zero(&bench.device.nor);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_int_equal(record_of(&bench).state, ONESLOT_STATE_FAILED);
    assert_int_not_equal(record_of(&bench).outcome, ONESLOT_ERROR_NONE);
    assert_true(bench.device.nor.operations <= 8);
    finish(&bench);
}

static void with_a_key_a_plain_image_is_refused_whatever_else_it_is(void **state) {
    (void)state;
    const struct oneslot_trust_block trust = trust_block();
    const struct sim_file files[] = {{"/good.bin", new_image, NEW_SIZE}, {"/bad.bin", new_image, 2}};
    for (size_t i = 0; i < 2; i++) {
        struct bench bench;
        make_device(&bench, &(struct parts){files, 2, NULL, &trust});
        assert_refused(&bench, files[i].path, NULL, ONESLOT_ERROR_PACKAGE_NEEDED);
        finish(&bench);
    }
}

static void with_damaged_keys_nothing_is_installed_and_the_application_runs_on(void **state) {
    (void)state;
    struct file packed = pack(&(struct recipe){0});
    const struct sim_file files[] = {{"/fw.bin", new_image, NEW_SIZE}, {PATH, packed.bytes, (uint32_t)packed.size}};
    for (size_t at = 0; at < sizeof(struct oneslot_trust_block); at += 37) {
        struct oneslot_trust_block trust = trust_block();
        ((uint8_t *)&trust)[at] ^= 0x40;
        struct bench bench;
        make_device(&bench, &(struct parts){files, 2, NULL, &trust});
        assert_refused(&bench, "/fw.bin", NULL, ONESLOT_ERROR_TRUST_INVALID);
        assert_refused(&bench, PATH, NULL, ONESLOT_ERROR_TRUST_INVALID);
        finish(&bench);
    }
    free(packed.bytes);
}

static void without_a_key_packages_and_plain_images_are_installed(void **state) {
    (void)state;
    struct file packed = pack(&(struct recipe){.not_signed = true});
    const struct sim_file files[] = {{"/fw.bin", new_image, NEW_SIZE}, {PATH, packed.bytes, (uint32_t)packed.size}};
    for (size_t i = 0; i < 2; i++) {
        struct bench bench;
        make_device(&bench, &(struct parts){files, 2, NULL, NULL});
        assert_installed(&bench, files[i].path, SIM_RUNS_NEW);
        finish(&bench);
    }
    free(packed.bytes);
}

static void a_digest_that_is_asked_for_is_that_of_the_file(void **state) {
    (void)state;
    struct file packed = pack(&(struct recipe){.not_signed = true});
    const struct sim_file file = {PATH, packed.bytes, (uint32_t)packed.size};
    uint8_t sha256[32];
    struct bench bench;
    make_device(&bench, &(struct parts){&file, 1, NULL, NULL});
    digest(new_image, NEW_SIZE, sha256);
    assert_refused(&bench, PATH, &(struct oneslot_options){.sha256 = sha256}, ONESLOT_ERROR_IMAGE_SHA256);
    digest(packed.bytes, packed.size, sha256);
    request(&bench, PATH, &(struct oneslot_options){.sha256 = sha256});
    assert_runs(&bench, SIM_RUNS_NEW);
    finish(&bench);
    free(packed.bytes);
}

static void a_package_proves_an_image_that_does_not_prove_itself(void **state) {
    (void)state;
    uint8_t image[OLD_SIZE];
    memcpy(image, new_image, sizeof image);
    memset(image + 0x8ffc, 0xff, 4); // no length: a plain image, its checksum alone
    struct file packed = pack(&(struct recipe){.image = image, .image_size = sizeof image});
    const struct sim_file files[] = {{"/fw.bin", image, sizeof image}, {PATH, packed.bytes, (uint32_t)packed.size}};
    struct bench bench;
    make_device(&bench, &(struct parts){files, 2, NULL, NULL});
    bench.device.new_firmware = (struct sim_firmware){image, sizeof image};
    assert_refused(&bench, "/fw.bin", NULL, ONESLOT_ERROR_IMAGE_UNPROVEN);
    assert_installed(&bench, PATH, SIM_RUNS_NEW);
    finish(&bench);
    free(packed.bytes);
}

static void no_version_below_a_confirmed_one_is_installed_but_with_a_signed_permission(void **state) {
    (void)state;
    static const struct recipe recipes[] = {
        {.version = "2.0"},
        {.version = "1.9.7", .old = true},
        {.version = "1.9.7", .old = true, .downgrade = true},
        {.version = "2.1", .minimum = "2.0"},
    };
    struct bench bench;
    make_with(&bench, recipes, 4);
    assert_installed(&bench, "/0", SIM_RUNS_NEW);
    request(&bench, "/1", NULL);
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_outcome(&bench, ONESLOT_STATE_FAILED, ONESLOT_ERROR_PACKAGE_DOWNGRADE);
    assert_version(record_of(&bench).installed_version, "2.0.0");
    assert_installed(&bench, "/2", SIM_RUNS_OLD);
    assert_version(record_of(&bench).installed_version, "1.9.7");
    assert_version(record_of(&bench).floor, "2.0.0");
    // What runs is older than the least that it replaces.
    request(&bench, "/3", NULL);
    assert_runs(&bench, SIM_RUNS_OLD);
    assert_outcome(&bench, ONESLOT_STATE_FAILED, ONESLOT_ERROR_PACKAGE_VERSION);
    assert_installed(&bench, "/0", SIM_RUNS_NEW);
    assert_installed(&bench, "/3", SIM_RUNS_NEW);
    assert_version(record_of(&bench).floor, "2.1.0");
    finish(&bench);
}

static void the_floor_rises_when_a_trial_is_confirmed_and_not_before(void **state) {
    (void)state;
    static const struct recipe recipes[] = {{.version = "3.0.1+5"}, {.version = "1.2", .old = true}};
    for (int confirmed = 0; confirmed < 2; confirmed++) {
        struct bench bench;
        make_with(&bench, recipes, 2);
        assert_installed(&bench, "/1", SIM_RUNS_OLD);
        request(&bench, "/0", &(struct oneslot_options){.fallback = "/1", .trial_boots = 2});
        assert_runs(&bench, SIM_RUNS_NEW);
        assert_version(record_of(&bench).installed_version, "3.0.1+5");
        assert_version(record_of(&bench).floor, "1.2.0");
        if (confirmed) {
            struct oneslot oneslot = application_of(&bench);
            assert_int_equal(oneslot_confirm(&oneslot), ONESLOT_ERROR_NONE);
            assert_version(record_of(&bench).floor, "3.0.1+5");
            request(&bench, "/1", NULL);
            assert_runs(&bench, SIM_RUNS_NEW);
            assert_outcome(&bench, ONESLOT_STATE_FAILED, ONESLOT_ERROR_PACKAGE_DOWNGRADE);
        } else {
            assert_runs(&bench, SIM_RUNS_NEW);
            assert_runs(&bench, SIM_RUNS_OLD);
            assert_outcome(&bench, ONESLOT_STATE_DONE, ONESLOT_ERROR_TRIAL_EXPIRED);
            assert_version(record_of(&bench).installed_version, "1.2.0");
            assert_version(record_of(&bench).floor, "1.2.0");
        }
        finish(&bench);
    }
}

static void a_watched_package_is_installed_once_and_a_refused_one_told_once(void **state) {
    (void)state;
    const struct oneslot_trust_block trust = trust_block();
    for (int bad = 0; bad < 2; bad++) {
        struct file packed = pack(&(struct recipe){.other_key = bad});
        const struct sim_file file = {PATH, packed.bytes, (uint32_t)packed.size};
        enum sim_runs runs = bad ? SIM_RUNS_OLD : SIM_RUNS_NEW;
        struct bench bench;
        make_device(&bench, &(struct parts){&file, 1, PATH, &trust});
        assert_runs(&bench, runs);
        assert_outcome(&bench, bad ? ONESLOT_STATE_IDLE : ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE);
        assert_int_equal(record_of(&bench).own_outcome, bad ? ONESLOT_ERROR_PACKAGE_KEY : ONESLOT_ERROR_NONE);
        nor_count_from_zero(&bench.device.nor);
        assert_runs(&bench, runs);
        assert_int_equal(bench.device.nor.operations, 0);
        finish(&bench);
        free(packed.bytes);
    }
}

static void a_damaged_application_is_mended_from_its_package(void **state) {
    (void)state;
    static const uint8_t damage[16] = {0};
    struct bench bench;
    make_with(&bench, &(struct recipe){0}, 1);
    assert_installed(&bench, "/0", SIM_RUNS_NEW);
    nor_load(&bench.device.nor, 0x3000, damage, sizeof damage); // in its RAM segments
    assert_runs(&bench, SIM_RUNS_NEW);
    assert_outcome(&bench, ONESLOT_STATE_DONE, ONESLOT_ERROR_NONE);
    finish(&bench);
}

/// A campaign over a compressed and signed package; `upgrade` has its own images.
static void cuts_amid_a_packaged_upgrade_do_no_harm(void **state) {
    (void)state;
    struct small_upgrade upgrade;
    struct campaign_report report;
    struct compressed packed;
    char message[160] = "";
    const struct oneslot_trust_block trust = trust_block();
    small_upgrade_create(&upgrade, OLD_SIZE, 0);
    struct campaign_settings *settings = &upgrade.settings;
    uint8_t *image = upgrade.new_image;
    thin_out(image, OLD_SIZE, 9);
    assert_true(compress_image(image, OLD_SIZE, ONESLOT_CHIP_ESP8266, &packed));
    struct package_content content = {.header_size = ONESLOT_PACKAGE_HEADER,
                                      .version = {.major = 2},
                                      .chip = ONESLOT_CHIP_ESP8266,
                                      .kind = ONESLOT_IMAGE_MICROPYTHON,
                                      .codec = ONESLOT_CODEC_LZMA,
                                      .parameters_size = sizeof packed.parameters,
                                      .image = image,
                                      .image_size = OLD_SIZE,
                                      .payload = packed.bytes,
                                      .payload_size = packed.stream.packed_size,
                                      .board = "lamp",
                                      .key = &keys[0]};
    memcpy(content.parameters, packed.parameters, sizeof packed.parameters);
    size_t size;
    uint8_t *package = package_build(&content, &size);
    assert_non_null(package);
    settings->provision.trust = &trust;
    settings->file = package;
    settings->file_size = (uint32_t)size;
    settings->image = image;
    settings->image_size = OLD_SIZE;
    settings->step = 12;
    settings->chains = 20;
    settings->faults = 10;
    settings->changes = 15;
    settings->refusals = 20;
    if (!campaign_run(settings, &report, message)) {
        fail_msg("%s", message);
    }
    if (campaign_failures(&report) > 0) {
        fail_msg("%s: %s", report.failure[0].name, report.failure[0].text);
    }
    print_message("%u operations, %u cases\n", report.operations, (unsigned)report.cases);
    assert_true(report.cases_of[CAMPAIGN_CUT] > 200);
    free(package);
    free(packed.bytes);
    small_upgrade_destroy(&upgrade);
}

/* The way back: what ran before the trial needs no signature, and nothing else does without one. */

/// A file that a trial falls back to.
struct fallback {
    const char *name;
    const struct recipe *package; ///< NULL: a plain image
    bool other;                   ///< the plain image is none that ran here
    enum oneslot_error reason;    ///< of the refusal; NONE: it is put back
};

static const struct recipe saved = {.version = "9.9", .not_signed = true, .old = true};
static const struct recipe saved_as_it_is = {.version = "0.1", .not_signed = true, .old = true, .not_packed = true};
static const struct recipe saved_elsewhere = {.version = "9.9", .other_key = true, .old = true, .board = "stove"};
static const struct recipe not_saved = {.version = "1.0", .not_signed = true};

static const struct fallback FALLBACKS[] = {
    {"a package that nobody has signed", &saved, false, ONESLOT_ERROR_NONE},
    {"the same, not compressed", &saved_as_it_is, false, ONESLOT_ERROR_NONE},
    {"a package of others, with the same image", &saved_elsewhere, false, ONESLOT_ERROR_NONE},
    {"a plain image", NULL, false, ONESLOT_ERROR_NONE},
    {"a package of another image", &not_saved, false, ONESLOT_ERROR_PACKAGE_UNSIGNED},
    {"another plain image", NULL, true, ONESLOT_ERROR_PACKAGE_NEEDED},
};

static const uint8_t *third_image(void) {
    static uint8_t image[OLD_SIZE];
    synthetic_micropython(image, OLD_SIZE, 5, 0);
    return image;
}

/// A device with a key where the old firmware, confirmed as 1.5, asks for a signed 2.0 with that fallback.
static void make_trial(struct bench *bench, const struct fallback *fallback) {
    const struct oneslot_trust_block trust = trust_block();
    struct file asked = pack(&(struct recipe){.version = "2.0"});
    struct file first = pack(&(struct recipe){.version = "1.5", .old = true});
    struct file back = {0};
    struct sim_file files[] = {{"/0", first.bytes, (uint32_t)first.size},
                               {"/1", asked.bytes, (uint32_t)asked.size},
                               {"/back", fallback->other ? third_image() : old_image, OLD_SIZE}};
    if (fallback->package) {
        back = pack(fallback->package);
        files[2] = (struct sim_file){"/back", back.bytes, (uint32_t)back.size};
    }
    make_device(bench, &(struct parts){files, 3, NULL, &trust});
    assert_installed(bench, "/0", SIM_RUNS_OLD);
    request(bench, "/1", &(struct oneslot_options){.fallback = "/back", .trial_boots = 1});
    free(asked.bytes);
    free(first.bytes);
    free(back.bytes);
}

static void what_ran_before_a_trial_is_put_back_though_nobody_has_signed_it(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof FALLBACKS / sizeof FALLBACKS[0]; i++) {
        const struct fallback *fallback = &FALLBACKS[i];
        bool back = fallback->reason == ONESLOT_ERROR_NONE;
        struct bench bench;
        print_message("%s\n", fallback->name);
        make_trial(&bench, fallback);
        // What could not be put back is found out before anything is touched.
        assert_runs(&bench, back ? SIM_RUNS_NEW : SIM_RUNS_OLD);
        assert_runs(&bench, SIM_RUNS_OLD);
        assert_outcome(&bench, back ? ONESLOT_STATE_DONE : ONESLOT_STATE_FAILED,
                       back ? ONESLOT_ERROR_TRIAL_EXPIRED : ONESLOT_ERROR_WAY_BACK);
        assert_int_equal(record_of(&bench).detail, fallback->reason);
        // Whatever an unsigned file says of its version, the floor is what was confirmed, and what runs is what ran.
        assert_version(record_of(&bench).floor, "1.5.0");
        assert_version(record_of(&bench).installed_version, "1.5.0");
        finish(&bench);
    }
}

static void what_ran_before_is_refused_when_it_is_asked_for_and_not_a_fallback(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        const struct fallback *fallback = &FALLBACKS[i];
        struct bench bench;
        make_trial(&bench, fallback);
        assert_runs(&bench, SIM_RUNS_NEW);
        struct oneslot oneslot = application_of(&bench);
        assert_int_equal(oneslot_confirm(&oneslot), ONESLOT_ERROR_NONE);
        request(&bench, "/back", NULL);
        assert_runs(&bench, SIM_RUNS_NEW);
        assert_int_equal(record_of(&bench).state, ONESLOT_STATE_FAILED);
        // As fallback of another trial neither: it is not what runs now.
        request(&bench, "/1", &(struct oneslot_options){.fallback = "/back", .trial_boots = 1});
        assert_runs(&bench, SIM_RUNS_NEW);
        assert_runs(&bench, SIM_RUNS_NEW);
        assert_int_equal(record_of(&bench).state, ONESLOT_STATE_FAILED);
        finish(&bench);
    }
}

static void a_cut_while_it_is_put_back_does_no_harm(void **state) {
    (void)state;
    for (size_t i = 0; i < 4; i += 3) {
        struct bench bench;
        uint32_t cut = 0;
        bool struck = true;
        make_trial(&bench, &FALLBACKS[i]);
        assert_runs(&bench, SIM_RUNS_NEW);
        for (; struck; cut += cut < 20 ? 1 : 9) {
            struct bench fork = bench;
            sim_device_fork(&fork.device, &bench.device);
            nor_count_from_zero(&fork.device.nor);
            nor_plan(&fork.device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = cut, .tear = NOR_MIX_WEAK});
            struck = sim_power_on(&fork.device) == SIM_CUT;
            assert_runs(&fork, SIM_RUNS_OLD);
            assert_outcome(&fork, ONESLOT_STATE_DONE, ONESLOT_ERROR_TRIAL_EXPIRED);
            assert_version(record_of(&fork).floor, "1.5.0");
            sim_device_discard(&fork.device);
        }
        assert_true(cut > 100);
        finish(&bench);
    }
}

/// Spoils a file of the device where its bytes lie.
static void spoil_in_flash(struct bench *bench, const uint8_t *bytes) {
    static const uint8_t zeros[64] = {0};
    uint8_t found[64];
    for (uint32_t at = 0x100000; at + sizeof found <= FLASH_SIZE; at += 4) {
        nor_peek(&bench->device.nor, at, found, sizeof found);
        if (memcmp(found, bytes, sizeof found) == 0) {
            nor_load(&bench->device.nor, at, zeros, sizeof zeros);
            nor_load(&bench->provisioned, at, zeros, sizeof zeros);
            return;
        }
    }
    fail_msg("the file was not found");
}

static void what_ran_before_mends_an_upgrade_whose_file_is_gone(void **state) {
    (void)state;
    for (size_t i = 0; FALLBACKS[i].reason == ONESLOT_ERROR_NONE; i++) {
        struct bench bench;
        make_trial(&bench, &FALLBACKS[i]);
        nor_count_from_zero(&bench.device.nor);
        nor_plan(&bench.device.nor, (struct nor_fault){.kind = NOR_FAULT_CUT, .at = 60, .tear = NOR_BEFORE});
        assert_int_equal(sim_power_on(&bench.device), SIM_CUT);
        assert_int_equal(record_of(&bench).state, ONESLOT_STATE_INSTALLING);
        spoil_in_flash(&bench, new_packed.bytes + 8192u);
        assert_int_equal(sim_power_on(&bench.device), SIM_APPLICATION);
        assert_int_equal(sim_runs(&bench.device), SIM_RUNS_OLD);
        finish(&bench);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signed_package_is_installed_packed_or_not),
        cmocka_unit_test(what_is_not_right_is_refused_by_name_before_anything_is_touched),
        cmocka_unit_test(what_a_package_claims_is_kept_from_oneslot),
        cmocka_unit_test(a_damaged_stream_with_a_good_signature_is_found_before_the_first_erase),
        cmocka_unit_test(with_a_key_a_plain_image_is_refused_whatever_else_it_is),
        cmocka_unit_test(with_damaged_keys_nothing_is_installed_and_the_application_runs_on),
        cmocka_unit_test(without_a_key_packages_and_plain_images_are_installed),
        cmocka_unit_test(a_digest_that_is_asked_for_is_that_of_the_file),
        cmocka_unit_test(a_package_proves_an_image_that_does_not_prove_itself),
        cmocka_unit_test(no_version_below_a_confirmed_one_is_installed_but_with_a_signed_permission),
        cmocka_unit_test(the_floor_rises_when_a_trial_is_confirmed_and_not_before),
        cmocka_unit_test(a_watched_package_is_installed_once_and_a_refused_one_told_once),
        cmocka_unit_test(a_damaged_application_is_mended_from_its_package),
        cmocka_unit_test(what_ran_before_a_trial_is_put_back_though_nobody_has_signed_it),
        cmocka_unit_test(what_ran_before_is_refused_when_it_is_asked_for_and_not_a_fallback),
        cmocka_unit_test(what_ran_before_mends_an_upgrade_whose_file_is_gone),
        // The long ones last: a broken engine that another test catches ends the program there.
        cmocka_unit_test(a_cut_while_it_is_put_back_does_no_harm),
        cmocka_unit_test(cuts_amid_a_packaged_upgrade_do_no_harm),
    };
    return cmocka_run_group_tests(tests, make_all, free_all);
}
