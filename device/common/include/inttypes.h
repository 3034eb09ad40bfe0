/*
 * <inttypes.h> for littlefs, which uses it for messages that are compiled out.
 */
#ifndef ONESLOT_DEVICE_INTTYPES_H
#define ONESLOT_DEVICE_INTTYPES_H

#include <stdint.h>

#define PRIu32 "lu"
#define PRId32 "ld"
#define PRIx32 "lx"

#endif
