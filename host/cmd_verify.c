/*
 * oneslot verify: checks a package as the device would.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "host/file.h"
#include "host/flash_file.h"
#include "host/foreign.h"
#include "host/pack/package_file.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot verify: check a package as the device would\n"
    "\n"
    "usage: oneslot verify PACKAGE --key PUB.pem [--key PUB.pem]... [--json]\n"
    "\n"
    "Structure, digest, signature by one of the keys (up to four), and that the payload is the image it should be.\n"
    "Without a key the digest alone is checked, which anybody can make.\n"
    "\n"
    "  -k, --key FILE               a public key; a private one will do\n"
    "      --passphrase-file FILE   first line: the passphrase of a private key\n"
    "      --json                   the result as JSON\n"
    "\n"
    "example:\n"
    "  oneslot verify fw.osp --key pub.pem\n";

struct verify {
    const char *keys[ONESLOT_KEYS_MAX];
    uint32_t count;
    const char *passphrase_file;
    bool json;
};

static int show(const struct verify *verify, const struct package_file *file, const char *path) {
    const char *signer = file->package.signer >= 0 ? verify->keys[file->package.signer] : NULL;
    if (verify->json) {
        struct json json;
        tool_json_begin(&json, stdout, NULL, NULL);
        package_json(&json, file);
        json_string(&json, "signer", signer);
        tool_json_end(&json);
    } else {
        package_print(file);
        if (signer != NULL) {
            printf("%s%s is good%s: signed by the key of %s\n", tool_colour(stdout, 32), path, tool_colour(stdout, 0),
                   signer);
        } else {
            printf("%s is whole; no key was given, so nothing says who made it\n", path);
        }
    }
    return TOOL_OK;
}

static int run(const struct verify *verify, const char *path) {
    struct key keys[ONESLOT_KEYS_MAX];
    struct package_file file;
    uint8_t *bytes;
    size_t length;
    char text[200];
    for (uint32_t index = 0; index < verify->count; index++) {
        int status = key_load(&keys[index], verify->keys[index], verify->passphrase_file, verify->json);
        if (status != TOOL_OK) {
            return status;
        }
    }
    if (!file_read(path, FLASH_FILE_MAX, &bytes, &length)) {
        return tool_fail(verify->json, ONESLOT_ERROR_NONE, "%s: %s", path, strerror(errno));
    }
    int status;
    enum oneslot_error error = package_file_open(&file, bytes, (uint32_t)length);
    if (error == ONESLOT_ERROR_NONE) {
        error = package_file_check(&file, keys, verify->count);
    }
    struct foreign foreign;
    if (error == ONESLOT_ERROR_NONE) {
        status = show(verify, &file, path);
    } else if (foreign_file(&foreign, bytes, (uint32_t)length)) {
        status = tool_fail(verify->json, error, "%s is %s, no package", path, foreign.name);
    } else {
        status = tool_fail(verify->json, error, "%s: %s", path, package_error_text(&file.package, error, text));
    }
    package_file_close(&file);
    free(bytes);
    return status;
}

int cmd_verify(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"key", required_argument, NULL, 'k'},
        {"passphrase-file", required_argument, NULL, 'P'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct verify verify = {0};
    for (int option; (option = tool_option(argc, argv, ":hk:", OPTIONS)) != -1;) {
        switch (option) {
        case 'k':
            if (verify.count == ONESLOT_KEYS_MAX) {
                return tool_usage("verify", "at the most %u keys", ONESLOT_KEYS_MAX);
            }
            verify.keys[verify.count++] = optarg;
            break;
        case 'P':
            verify.passphrase_file = optarg;
            break;
        case 'j':
            verify.json = true;
            break;
        case 'h':
            return tool_help(HELP);
        default:
            return TOOL_USAGE;
        }
    }
    if (argc - optind != 1) {
        return tool_usage("verify", argc == optind ? "the package is missing" : "one package at a time");
    }
    return run(&verify, argv[optind]);
}
