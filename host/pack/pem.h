/*
 * Keys as files hold them: PEM, as openssl, imgtool and editors of any system write it.
 */
#ifndef ONESLOT_HOST_PACK_PEM_H
#define ONESLOT_HOST_PACK_PEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PEM_DER_MAX 4096u

enum pem_content {
    PEM_NOTHING,
    PEM_PRIVATE,   ///< PKCS #8 or SEC 1
    PEM_ENCRYPTED, ///< PKCS #8 under a passphrase
    PEM_PUBLIC,
};

struct pem {
    enum pem_content content;
    size_t length;
    uint8_t der[PEM_DER_MAX];
    char reason[200]; ///< why there is no key, where `content` is NOTHING
};

/// Finds the first key of a file; what stands before it (text, a certificate, the curve's parameters) is passed over.
/// `text` is changed: line ends and blanks at the ends of lines go. Returns false with the reason.
bool pem_read(struct pem *pem, char *text, size_t length);

/// What a key that is not on P-256 is, "it is an RSA key"; "" where that is not known.
const char *pem_other_key(const uint8_t *der, size_t length);

#endif
