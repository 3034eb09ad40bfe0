#include "tests/story/small_story.h"

#include <stdlib.h>
#include <string.h>

#include "bearssl.h"
#include "tests/synthetic.h"
#include "tests/synthetic_esp32.h"

#define FLASH_SIZE     0x100000u
#define FS_START       0x60000u
#define FS_SIZE        0x60000u
#define IMAGE_SIZE     0x9800u
#define NOISE          0x0800u
#define INSTALLER_SIZE 0x2c30u
#define RESERVED       0x20000u

static const struct sim_file FILES[] = {
    {"/main.py", "import machine\n", 15},
    {"/lib/deep/er/notes.txt", "keep me", 7},
};

/* The test signs by itself: the host tool's own way to keys needs more libraries. */

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
    if (br_ec_compute_pub(&br_ec_prime_i15, NULL, point, &secret) != 65) {
        abort();
    }
    memcpy(&key->point, point + 1, sizeof key->point);
    key->secret = true;
    oneslot_key_hash(key->hash, &key->point);
}

static uint8_t *allocate(uint32_t size) {
    uint8_t *bytes = malloc(size);
    if (!bytes) {
        abort();
    }
    return bytes;
}

/// Firmware of which most is easy to compress, as code is.
static uint8_t *make_image(uint16_t chip, uint8_t seed) {
    uint8_t *image = allocate(IMAGE_SIZE);
    if (chip != ONESLOT_CHIP_ESP8266) {
        synthetic_esp32(image, IMAGE_SIZE, chip, seed, 0x4000u);
        return image;
    }
    synthetic_micropython(image, IMAGE_SIZE, seed, 0);
    for (uint32_t i = SYNTHETIC_MINIMUM; i < IMAGE_SIZE - NOISE / 2u; i++) {
        image[i] = (uint8_t)(seed + i / 7u % 11u);
    }
    synthetic_seal(image, IMAGE_SIZE);
    return image;
}

static void put_word(uint8_t *bytes, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> 8 * i);
    }
}

/// One RAM segment, entered where installers are, with the ROM's checksum.
static uint8_t *make_installer(uint64_t seed) {
    uint8_t *bytes = allocate(INSTALLER_SIZE);
    uint32_t length = INSTALLER_SIZE - 32u;
    uint8_t checksum = 0xef;
    memset(bytes, 0, INSTALLER_SIZE);
    bytes[0] = 0xe9;
    bytes[1] = 1;
    put_word(bytes + 4, oneslot_esp8266.limits.installer_entry);
    put_word(bytes + 8, 0x4010e000u - length); // up to the loader, so that it holds where it is entered
    put_word(bytes + 12, length);
    for (uint32_t i = 0; i < length; i++) {
        bytes[16 + i] = (uint8_t)nor_next_random(&seed);
        checksum ^= bytes[16 + i];
    }
    bytes[INSTALLER_SIZE - 1u] = checksum;
    return bytes;
}

static void choose_chip(struct small_story *story, uint16_t chip) {
    struct story_settings *settings = &story->settings;
    if (chip != ONESLOT_CHIP_ESP8266) {
        oneslot_esp32_chip(&story->chip, chip, 0);
        settings->provision.chip = &story->chip;
        settings->provision.reserved = RESERVED;
        return;
    }
    story->installers[0] = make_installer(1);
    story->installers[1] = make_installer(2);
    settings->provision.reserved = RESERVED;
    settings->provision.installer = story->installers[0];
    settings->provision.installer_size = INSTALLER_SIZE;
    settings->new_installer = (struct sim_firmware){story->installers[1], INSTALLER_SIZE};
}

void small_story_create(struct small_story *story, uint16_t chip) {
    struct kit_image packed[3];
    struct story_settings *settings = &story->settings;
    struct sim_provision *provision = &settings->provision;
    memset(story, 0, sizeof *story);
    for (uint8_t i = 0; i < 3; i++) {
        story->images[i] = make_image(chip, (uint8_t)(i + 1));
        packed[i] = (struct kit_image){story->images[i], IMAGE_SIZE,
                                       chip == ONESLOT_CHIP_ESP8266 ? ONESLOT_IMAGE_MICROPYTHON : ONESLOT_IMAGE_ESP32};
    }
    choose_chip(story, chip);
    provision->flash_size = FLASH_SIZE;
    provision->firmware = story->images[0];
    provision->firmware_size = IMAGE_SIZE;
    provision->fs_start = FS_START;
    provision->fs_size = FS_SIZE;
    provision->file = FILES;
    provision->files = sizeof FILES / sizeof *FILES;
    settings->new_firmware = (struct sim_firmware){story->images[1], IMAGE_SIZE};
    settings->seed = 1;
    settings->step = 1;
    settings->jobs = 2;
    make_key(&story->kit.key, 0x21);
    make_key(&story->kit.stranger, 0x22);
    if (!kit_create(&story->kit, &packed[0], &packed[1], &packed[2], settings)) {
        abort();
    }
}

void small_story_destroy(struct small_story *story) {
    kit_free(&story->kit);
    for (uint32_t i = 0; i < 3; i++) {
        free(story->images[i]);
    }
    free(story->installers[0]);
    free(story->installers[1]);
}

void small_story_lives(struct lives_settings *settings, const struct small_story *story) {
    const struct story_settings *from = &story->settings;
    uint32_t size = from->provision.firmware_size;
    memset(settings, 0, sizeof *settings);
    settings->provision = from->provision;
    settings->provision.trust = NULL;
    settings->provision.version = (struct oneslot_version){0};
    settings->firmwares = LIVES_FIRMWARES;
    for (uint32_t i = 0; i < LIVES_FIRMWARES; i++) {
        settings->firmware[i].flash = (struct sim_firmware){story->images[i], size};
        settings->firmware[i].image = (struct story_bytes){story->images[i], size};
    }
    settings->package = from->new_package;
    if (from->provision.installer) {
        settings->new_installer_package = from->new_installer_package;
        settings->new_installer = from->new_installer;
    }
    settings->jobs = 2;
}
