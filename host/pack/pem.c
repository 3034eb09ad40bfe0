#include "host/pack/pem.h"

#include <stdio.h>
#include <string.h>

#include "bearssl.h"

/// Objects that are no key that could be used here, and what helps.
static const struct {
    const char *name;
    const char *text;
} OTHERS[] = {
    {"RSA PRIVATE KEY", "it holds an RSA key, and one on P-256 is wanted"},
    {"RSA PUBLIC KEY", "it holds an RSA key, and one on P-256 is wanted"},
    {"DSA PRIVATE KEY", "it holds a DSA key, and one on P-256 is wanted"},
    {"OPENSSH PRIVATE KEY", "it holds a key in OpenSSH's own form: 'ssh-keygen -p -m PKCS8 -f COPY' makes a copy of it "
                            "one that is read here"},
    {"CERTIFICATE", "it holds a certificate alone, no key"},
    {"CERTIFICATE REQUEST", "it holds a request for a certificate, no key"},
    {"EC PARAMETERS", "it holds the parameters of a curve alone, no key"},
};

static const char OLD_PASSPHRASE[] = "its key is under a passphrase in openssl's old form (\"Proc-Type: "
                                     "4,ENCRYPTED\"): 'openssl pkcs8 -topk8 -in OLD -out NEW' makes one that is read";

/// Drops a byte order mark, and blanks before and behind each line; CR and CRLF become LF. Returns the new length.
static size_t plain_lines(char *text, size_t length) {
    size_t from = length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    size_t used = 0;
    bool start = true; // of a line
    for (; from < length; from++) {
        char letter = text[from];
        bool blank = letter == ' ' || letter == '\t';
        if (start && blank) {
            continue;
        }
        start = letter == '\n' || letter == '\r';
        if (start) {
            while (used > 0 && (text[used - 1] == ' ' || text[used - 1] == '\t')) {
                used--;
            }
            from += letter == '\r' && from + 1 < length && text[from + 1] == '\n';
            letter = '\n';
        }
        text[used++] = letter;
    }
    while (used > 0 && (text[used - 1] == ' ' || text[used - 1] == '\t')) {
        used--;
    }
    return used;
}

static void add(void *context, const void *bytes, size_t length) {
    struct pem *pem = context;
    if (length > sizeof pem->der - pem->length) {
        snprintf(pem->reason, sizeof pem->reason, "its key is larger than any key on P-256");
        return;
    }
    memcpy(pem->der + pem->length, bytes, length);
    pem->length += length;
}

static enum pem_content content_of(const char *name) {
    if (strcmp(name, BR_ENCODE_PEM_PKCS8) == 0 || strcmp(name, BR_ENCODE_PEM_EC_RAW) == 0) {
        return PEM_PRIVATE;
    }
    if (strcmp(name, "ENCRYPTED PRIVATE KEY") == 0) {
        return PEM_ENCRYPTED;
    }
    return strcmp(name, "PUBLIC KEY") == 0 ? PEM_PUBLIC : PEM_NOTHING;
}

static void note_other(struct pem *pem, const char *name) {
    for (size_t index = 0; index < sizeof OTHERS / sizeof OTHERS[0]; index++) {
        if (strcmp(name, OTHERS[index].name) == 0) {
            snprintf(pem->reason, sizeof pem->reason, "%s", OTHERS[index].text);
        }
    }
}

static bool fail(struct pem *pem, const char *reason) {
    pem->content = PEM_NOTHING;
    if (pem->reason[0] == 0) {
        snprintf(pem->reason, sizeof pem->reason, "%s", reason);
    }
    return false;
}

/// Whether a text without zero bytes in it holds `word`.
static bool holds(const char *text, size_t length, const char *word) {
    size_t size = strlen(word);
    for (size_t at = 0; at + size <= length; at++) {
        if (memcmp(text + at, word, size) == 0) {
            return true;
        }
    }
    return false;
}

bool pem_read(struct pem *pem, char *text, size_t length) {
    br_pem_decoder_context decoder;
    memset(pem, 0, sizeof *pem);
    if (length > 2 && text[0] == 0x30 && ((text[1] & 0x80) != 0 || (size_t)text[1] + 2 == length)) {
        return fail(pem, "it is DER, and PEM is wanted: 'openssl pkey -inform DER -in KEY.der -out KEY.pem' makes it");
    }
    length = plain_lines(text, length);
    br_pem_decoder_init(&decoder);
    // The last line may lack its end.
    for (size_t at = 0; at <= length;) {
        at += at < length ? br_pem_decoder_push(&decoder, text + at, length - at)
                          : br_pem_decoder_push(&decoder, "\n", 1);
        switch (br_pem_decoder_event(&decoder)) {
        case BR_PEM_BEGIN_OBJ:
            pem->content = content_of(br_pem_decoder_name(&decoder));
            note_other(pem, br_pem_decoder_name(&decoder));
            br_pem_decoder_setdest(&decoder, pem->content != PEM_NOTHING ? add : NULL, pem);
            break;
        case BR_PEM_END_OBJ:
            if (pem->content != PEM_NOTHING) {
                return pem->length < sizeof pem->der || fail(pem, "its key is larger than any key on P-256");
            }
            break;
        case BR_PEM_ERROR:
            if (pem->content != PEM_NOTHING) {
                pem->reason[0] = 0;
            }
            return fail(pem,
                        holds(text, length, "\nProc-Type: 4,ENCRYPTED") ? OLD_PASSPHRASE : "its PEM text is damaged");
        default:
            break;
        }
    }
    bool begun = pem->content != PEM_NOTHING;
    return fail(pem, begun ? "its PEM text is cut short" : "no key was found in it; a PEM file is wanted");
}

// Object identifiers, as they lie in a key: RFC 5480, RFC 8017, RFC 8410, X9.62.
static const struct {
    const char *bytes;
    size_t length;
    const char *text;
} KINDS[] = {
    {"\x2a\x86\x48\xce\x3d\x01\x01", 7,
     "its curve is written out, not named: 'openssl ec -in OLD -param_enc named_curve -out NEW' makes one that is "
     "read"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x01", 8, "it is an RSA key"},
    {"\x2b\x65\x70", 3, "it is an Ed25519 key"},
    {"\x2b\x81\x04\x00\x22", 5, "it is on P-384"},
    {"\x2b\x81\x04\x00\x23", 5, "it is on P-521"},
    {"\x2b\x81\x04\x00\x0a", 5, "it is on secp256k1"},
    {"\x2a\x86\x48\xce\x3d\x03\x01\x07\x03\x22", 10,
     "its point is compressed: 'openssl ec -pubin -in OLD -conv_form uncompressed -pubout -out NEW' makes one that is "
     "read"},
};

const char *pem_other_key(const uint8_t *der, size_t length) {
    for (size_t index = 0; index < sizeof KINDS / sizeof KINDS[0]; index++) {
        for (size_t at = 0; at + KINDS[index].length <= length; at++) {
            if (memcmp(der + at, KINDS[index].bytes, KINDS[index].length) == 0) {
                return KINDS[index].text;
            }
        }
    }
    return "";
}
