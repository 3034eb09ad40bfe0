/*
 * oneslot pack: puts a firmware into a package.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/esp32.h"
#include "host/file.h"
#include "host/firmware.h"
#include "host/fit.h"
#include "host/flash_file.h"
#include "host/foreign.h"
#include "host/output.h"
#include "host/pack/build.h"
#include "host/pack/compress.h"
#include "host/pack/package_file.h"
#include "host/pack/version_text.h"
#include "host/size.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot pack: put a firmware into a package: with its version, signed\n"
    "\n"
    "usage: oneslot pack FIRMWARE.bin --version V [--key KEY.pem] [options] -o PACKAGE\n"
    "\n"
    "      --version V              1.24.0 or 1.24.0+7: major and minor to 255, revision to 65535, build to 2^32 - 1\n"
    "  -k, --key FILE               the private key to sign with; without one the package is not signed\n"
    "      --passphrase-file FILE   first line: the key's passphrase; asked for if not given\n"
    "      --compress               LZMA, with a dictionary that the device can hold\n"
    "      --board NAME             it installs on boards of that name alone\n"
    "      --min-version V          it replaces that version and higher ones alone\n"
    "      --allow-downgrade        it installs also where a higher version was confirmed; needs a key\n"
    "      --no-claims              it says nothing of what the firmware writes to the flash by itself\n"
    "      --installer              FIRMWARE.bin is an installer of Oneslot, to replace the one on the device\n"
    "      --header-size N          bytes before the firmware, 32 (the default) to 65535\n"
    "  -o, --output FILE            the package; '-': to standard output\n"
    "      --json                   the result as JSON\n"
    "\n"
    "Of a combined file of the ESP32 family the application is taken.\n"
    "A package for the ESP8266 tells what the firmware writes by itself (its file system, settings, the SDK's "
    "sectors): an\n"
    "installer refuses it where Oneslot or another's files lie there.\n"
    "The same firmware, options and key make the same bytes. The format is MCUboot's: 'imgtool verify' reads it.\n"
    "\n"
    "examples:\n"
    "  oneslot pack ESP8266_GENERIC-v1.24.0.bin --version 1.24.0 --compress --key key.pem -o fw.osp\n"
    "  oneslot pack firmware.bin --version 2.0.1 --key key.pem --board lamp-2 --min-version 1.4 -o fw.osp\n";

struct pack {
    const char *output;
    const char *key;
    const char *passphrase_file;
    bool versioned;
    bool compress;
    bool no_claims;
    bool json;
    struct key signer;
    struct oneslot_version minimum;
    struct package_content content;
    struct esp32_flash combined; ///< the firmware's file, where it holds more than an application
};

/// What lies inside must be what it seems, or a device would refuse it after the whole way there.
static int look_inside(struct pack *pack, const char *path, const uint8_t *bytes, size_t length) {
    struct firmware firmware;
    struct esp32_image image;
    if (esp32_flash_read(&pack->combined, bytes, (uint32_t)length) == ONESLOT_ERROR_NONE) {
        const struct oneslot_partition *region = esp32_flash_application(&pack->combined, &image);
        if (region == NULL) {
            return tool_fail(pack->json, ONESLOT_ERROR_IMAGE_UNKNOWN,
                             "%s: no application partition of its table holds a whole application", path);
        }
        tool_warn("%s holds more than an application: the one in '%s' is taken, %u bytes", path, region->label,
                  image.signed_size);
        bytes = pack->combined.bytes + region->address;
        length = image.signed_size;
    }
    firmware_read(&firmware, bytes, (uint32_t)length);
    if (firmware.error == ONESLOT_ERROR_IMAGE_CHIP && esp32_header(bytes, (uint32_t)length)) {
        return tool_fail(
            pack->json, ONESLOT_ERROR_IMAGE_UNKNOWN,
            "%s: what it holds has no descriptor: a boot loader, or an application from before ESP-IDF 3.2, "
            "which is not served",
            path);
    }
    if (firmware.error != ONESLOT_ERROR_NONE) {
        return foreign_fail(pack->json, firmware.error, path, bytes, (uint32_t)length);
    }
    struct fit fit;
    fit_alone(&fit, &firmware);
    fit_say(&fit, path, true, pack->json);
    bool esp32 = firmware.image.kind == ONESLOT_IMAGE_ESP32;
    pack->content.kind = (uint8_t)firmware.image.kind;
    pack->content.chip = esp32 ? firmware.image.chip : (uint16_t)ONESLOT_CHIP_ESP8266;
    pack->content.image = bytes;
    pack->content.image_size = (uint32_t)length;
    pack->content.payload = bytes;
    pack->content.payload_size = (uint32_t)length;
    if (!pack->no_claims && !pack->content.installer) {
        pack->content.claims = claims_for_package(pack->content.claim, &firmware);
    }
    return TOOL_OK;
}

/// The payload becomes `packed`, unless that is no smaller. `packed->bytes` is to be freed in any case.
static int compress(struct pack *pack, struct compressed *packed) {
    struct package_content *content = &pack->content;
    _Static_assert(sizeof packed->parameters <= sizeof content->parameters, "a codec's parameters fit their entry");
    if (!compress_image(content->image, content->image_size, content->chip, packed)) {
        return tool_fail(pack->json, ONESLOT_ERROR_NONE, "the image could not be compressed");
    }
    if (packed->stream.packed_size >= content->image_size) {
        tool_warn("the image does not become smaller: it is packed as it is");
        return TOOL_OK;
    }
    content->codec = ONESLOT_CODEC_LZMA;
    content->parameters_size = sizeof packed->parameters;
    memcpy(content->parameters, packed->parameters, sizeof packed->parameters);
    content->payload = packed->bytes;
    content->payload_size = packed->stream.packed_size;
    return TOOL_OK;
}

static int save(const struct pack *pack, struct package_file *file, enum oneslot_error error) {
    if (error == ONESLOT_ERROR_NONE) {
        error = package_file_check(file, pack->content.key, pack->content.key != NULL);
    }
    if (error != ONESLOT_ERROR_NONE) {
        return tool_fail(pack->json, error, "the package that was made does not hold: %s", oneslot_error_text(error));
    }
    int status = output_write(pack->output, OUTPUT_BINARY, file->bytes, file->size, pack->json);
    if (status != TOOL_OK) {
        return status;
    }
    if (pack->json) {
        struct json json;
        tool_json_begin(&json, stdout, NULL, NULL);
        json_string(&json, "output", pack->output);
        package_json(&json, file);
        tool_json_end(&json);
    } else {
        package_print(file);
        printf("written to %s\n", output_name(pack->output));
    }
    return TOOL_OK;
}

/// What was made is read again before it is written.
static int finish(const struct pack *pack, const uint8_t *bytes, size_t size) {
    struct package_file file;
    enum oneslot_error error = package_file_open(&file, bytes, (uint32_t)size);
    int status = save(pack, &file, error);
    package_file_close(&file);
    return status;
}

static int run(struct pack *pack, const char *path) {
    uint8_t *bytes;
    size_t length;
    size_t size;
    if (pack->key != NULL) {
        int status = key_load(&pack->signer, pack->key, pack->passphrase_file, pack->json);
        if (status != TOOL_OK) {
            return status;
        }
        if (!pack->signer.secret) {
            return tool_fail(pack->json, ONESLOT_ERROR_NONE, "%s is a public key; the private one signs", pack->key);
        }
        pack->content.key = &pack->signer;
    }
    if (!file_read(path, FLASH_FILE_MAX, &bytes, &length)) {
        return tool_fail(pack->json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
    }
    struct compressed packed = {0};
    int status = output_claim("pack", "-o", pack->output, OUTPUT_BINARY, pack->json);
    if (status == TOOL_OK) {
        status = look_inside(pack, path, bytes, length);
    }
    if (status == TOOL_OK && pack->compress) {
        status = compress(pack, &packed);
    }
    if (status == TOOL_OK) {
        uint8_t *made = package_build(&pack->content, &size);
        status = made != NULL ? finish(pack, made, size)
                              : tool_fail(pack->json, ONESLOT_ERROR_NONE, "not enough memory for the package");
        free(made);
    }
    esp32_flash_free(&pack->combined);
    free(packed.bytes);
    free(bytes);
    return status;
}

static int take_board(struct pack *pack, const char *name) {
    pack->content.board = name;
    return board_name_valid(name)
               ? TOOL_OK
               : tool_usage("pack", "--board takes 1 to %u letters, digits and signs without a space, not '%s'",
                            ONESLOT_BOARD_MAX, name);
}

static int take_version(struct oneslot_version *version, const char *option, const char *text) {
    return version_parse(text, version)
               ? TOOL_OK
               : tool_usage("pack", "%s takes a version like 1.24.0 or 1.24.0+7, not '%s'", option, text);
}

static int take_option(struct pack *pack, int option, const char *value) {
    uint32_t size;
    switch (option) {
    case 'v':
        pack->versioned = true;
        return take_version(&pack->content.version, "--version", value);
    case 'm':
        pack->content.minimum = &pack->minimum;
        return take_version(&pack->minimum, "--min-version", value);
    case 'k':
        pack->key = value;
        return TOOL_OK;
    case 'P':
        pack->passphrase_file = value;
        return TOOL_OK;
    case 'b':
        return take_board(pack, value);
    case 'c':
        pack->compress = true;
        return TOOL_OK;
    case 'd':
        pack->content.downgrade = true;
        return TOOL_OK;
    case 'n':
        pack->no_claims = true;
        return TOOL_OK;
    case 'i':
        pack->content.installer = true;
        return TOOL_OK;
    case 's':
        if (!size_parse(value, &size) || size < ONESLOT_PACKAGE_HEADER || size > UINT16_MAX) {
            return tool_usage("pack", "--header-size takes 32 to 65535 bytes, not '%s'", value);
        }
        pack->content.header_size = (uint16_t)size;
        return TOOL_OK;
    case 'o':
        pack->output = value;
        return TOOL_OK;
    case 'j':
        pack->json = true;
        return TOOL_OK;
    default:
        return TOOL_USAGE;
    }
}

int cmd_pack(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"version", required_argument, NULL, 'v'},
        {"key", required_argument, NULL, 'k'},
        {"passphrase-file", required_argument, NULL, 'P'},
        {"compress", no_argument, NULL, 'c'},
        {"board", required_argument, NULL, 'b'},
        {"min-version", required_argument, NULL, 'm'},
        {"allow-downgrade", no_argument, NULL, 'd'},
        {"no-claims", no_argument, NULL, 'n'},
        {"installer", no_argument, NULL, 'i'},
        {"header-size", required_argument, NULL, 's'},
        {"output", required_argument, NULL, 'o'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct pack pack = {.content.header_size = ONESLOT_PACKAGE_HEADER};
    for (int option; (option = tool_option(argc, argv, ":hk:o:", OPTIONS)) != -1;) {
        if (option == 'h') {
            return tool_help(HELP);
        }
        int status = take_option(&pack, option, optarg);
        if (status != TOOL_OK) {
            return status;
        }
    }
    if (argc - optind != 1) {
        return tool_usage("pack", argc == optind ? "the firmware is missing" : "one firmware at a time");
    }
    if (!pack.versioned || pack.output == NULL) {
        return tool_usage("pack", pack.versioned ? "-o is missing: where the package goes" : "--version is missing");
    }
    if (pack.content.downgrade && pack.key == NULL) {
        return tool_usage("pack", "--allow-downgrade is a permission that must be signed: give --key");
    }
    return run(&pack, argv[optind]);
}
