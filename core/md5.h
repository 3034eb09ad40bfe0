/* MD5 of what lies in memory: a partition table's last row. A port for applications brings its chip's own. */
#ifndef ONESLOT_CORE_MD5_H
#define ONESLOT_CORE_MD5_H

#include <stdint.h>

#define ONESLOT_MD5_SIZE 16u

void oneslot_md5(const void *data, uint32_t length, uint8_t digest[ONESLOT_MD5_SIZE]);

#endif
