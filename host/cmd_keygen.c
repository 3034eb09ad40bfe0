/*
 * oneslot keygen: makes a key that signs packages.
 */
#include <stdlib.h>

#include "host/json.h"
#include "host/output.h"
#include "host/pack/key.h"
#include "host/pack/passphrase.h"
#include "host/tool.h"

static const char HELP[] =
    "oneslot keygen: make a key that signs packages (ECDSA on P-256)\n"
    "\n"
    "usage: oneslot keygen -o KEY.pem [--public PUB.pem] [--passphrase] [--json]\n"
    "       oneslot keygen --from KEY.pem --public PUB.pem\n"
    "\n"
    "KEY.pem is private (PKCS#8, mode 0600) and is never overwritten: keep it off the device and off the repository.\n"
    "Nor is another key at PUB.pem. '-' is standard output.\n"
    "PUB.pem is what 'oneslot verify' and the device check packages with. imgtool and openssl read both.\n"
    "\n"
    "  -o, --output FILE            where the private key goes\n"
    "      --public FILE            where the public key goes\n"
    "      --from FILE              the private key that is there already\n"
    "      --passphrase             ask for a passphrase and encrypt the private key with it\n"
    "      --passphrase-file FILE   the same, from the first line of a file\n"
    "      --json                   the result as JSON\n"
    "\n"
    "examples:\n"
    "  oneslot keygen -o key.pem --public pub.pem\n"
    "  oneslot keygen --from key.pem --public pub.pem\n";

struct keygen {
    const char *output;
    const char *public_file;
    const char *from;
    const char *passphrase_file;
    bool passphrase;
    bool json;
};

static int show(const struct keygen *keygen, const struct key *key) {
    if (keygen->json) {
        struct json json;
        tool_json_begin(&json, stdout, NULL, NULL);
        json_string(&json, "private", keygen->output);
        json_string(&json, "public", keygen->public_file);
        json_hex(&json, "key_hash", key->hash, sizeof key->hash);
        tool_json_end(&json);
        return TOOL_OK;
    }
    printf("key ");
    for (size_t index = 0; index < sizeof key->hash; index++) {
        printf("%02x", key->hash[index]);
    }
    putchar('\n');
    if (keygen->output != NULL) {
        printf("  private   %s%s\n", keygen->output, keygen->passphrase ? ", under a passphrase" : "");
    }
    if (keygen->public_file != NULL) {
        printf("  public    %s\n", keygen->public_file);
    }
    return TOOL_OK;
}

static int make(const struct keygen *keygen, struct key *key) {
    char passphrase[PASSPHRASE_MAX + 1];
    if (keygen->passphrase) {
        int status = passphrase_get(passphrase, keygen->passphrase_file, keygen->output, true, keygen->json);
        if (status != TOOL_OK) {
            return status;
        }
    }
    if (!key_make(key)) {
        return tool_fail(keygen->json, ONESLOT_ERROR_NONE, "the system gives no random numbers");
    }
    return key_save(key, keygen->output, keygen->passphrase ? passphrase : NULL, keygen->json);
}

/// Both places are looked at before a key is made. The key that is there already may have its public half written
/// again; a new one's is another.
static int claim(const struct keygen *keygen) {
    int status = TOOL_OK;
    if (keygen->output != NULL) {
        status = output_claim("keygen", "-o", keygen->output, OUTPUT_NEW, keygen->json);
    }
    if (status == TOOL_OK && keygen->public_file != NULL) {
        enum output_kind kind = keygen->from != NULL ? OUTPUT_KEY : OUTPUT_TEXT;
        status = output_claim("keygen", "--public", keygen->public_file, kind, keygen->json);
    }
    return status;
}

static int run(const struct keygen *keygen) {
    struct key key;
    int status = TOOL_OK;
    if (keygen->from != NULL) {
        status = key_load(&key, keygen->from, keygen->passphrase_file, keygen->json);
    }
    if (status == TOOL_OK) {
        status = claim(keygen);
    }
    if (status == TOOL_OK && keygen->from == NULL) {
        status = make(keygen, &key);
    }
    if (status == TOOL_OK && keygen->public_file != NULL) {
        status = key_save_public(&key, keygen->public_file, keygen->json);
        if (status != TOOL_OK && keygen->from == NULL) {
            tool_warn("the private key is in %s; 'oneslot keygen --from' makes the public one of it", keygen->output);
        }
    }
    return status == TOOL_OK ? show(keygen, &key) : status;
}

int cmd_keygen(int argc, char **argv) {
    static const struct option OPTIONS[] = {
        {"output", required_argument, NULL, 'o'},
        {"public", required_argument, NULL, 'p'},
        {"from", required_argument, NULL, 'f'},
        {"passphrase", no_argument, NULL, 'a'},
        {"passphrase-file", required_argument, NULL, 'P'},
        {"json", no_argument, NULL, 'j'},
        {"help", no_argument, NULL, 'h'},
        {NULL, 0, NULL, 0},
    };
    struct keygen keygen = {0};
    for (int option; (option = tool_option(argc, argv, ":ho:", OPTIONS)) != -1;) {
        switch (option) {
        case 'o':
            keygen.output = optarg;
            break;
        case 'p':
            keygen.public_file = optarg;
            break;
        case 'f':
            keygen.from = optarg;
            break;
        case 'P':
            keygen.passphrase_file = optarg;
            keygen.passphrase = true;
            break;
        case 'a':
            keygen.passphrase = true;
            break;
        case 'j':
            keygen.json = true;
            break;
        case 'h':
            return tool_help(HELP);
        default:
            return TOOL_USAGE;
        }
    }
    if (optind != argc) {
        return tool_usage("keygen", "what is '%s'? Files are given with -o, --public or --from", argv[optind]);
    }
    if ((keygen.output == NULL) == (keygen.from == NULL)) {
        return tool_usage("keygen", "either -o (a new key) or --from (one that is there) must be given");
    }
    if (keygen.from != NULL && keygen.public_file == NULL) {
        return tool_usage("keygen", "--from needs --public: where the public key goes");
    }
    return run(&keygen);
}
