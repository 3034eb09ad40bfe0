/* Damage to a littlefs that littlefs believes: the checksums made right again. */
#ifndef TESTS_LITTLEFS_RESEAL_H
#define TESTS_LITTLEFS_RESEAL_H

#include <stdint.h>

/// Makes the CRC of each commit in a metadata block of `size` bytes right again.
void littlefs_reseal(uint8_t *block, uint32_t size);

#endif
