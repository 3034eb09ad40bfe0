#include "md5.h"

#include "bearssl_hash.h"

void oneslot_md5(const void *data, uint32_t length, uint8_t digest[ONESLOT_MD5_SIZE]) {
    br_md5_context context;
    br_md5_init(&context);
    br_md5_update(&context, data, length);
    br_md5_out(&context, digest);
}
