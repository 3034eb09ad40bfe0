/*
 * Numbers of the image formats that both the probe and the proof need. Private to core/image*.c.
 */
#ifndef ONESLOT_IMAGE_FORMAT_H
#define ONESLOT_IMAGE_FORMAT_H

#include "oneslot/image.h"
#include "oneslot/source.h"

/// First byte of an image that the boot ROM loads, and of a boot_v1.x application.
#define IMAGE_MAGIC       0xe9u
#define IMAGE_MAGIC_USER1 0xeau

/// MicroPython (ports/esp8266/makeimg.py): the length word, the code behind it, the MD5 at the end. The MD5
/// leaves out the bytes that a flashing tool changes.
#define MICROPYTHON_LENGTH    0x8ffcu
#define MICROPYTHON_CODE      0x9000u
#define MICROPYTHON_MD5_START 4u
#define MICROPYTHON_MD5_SIZE  16u

/// Arduino (tools/elf2bin.py): the sketch behind eboot's sector, and its length and CRC words, which are the first
/// of the code that runs in place.
#define ARDUINO_SKETCH     0x1000u
#define ARDUINO_WORDS      0x1010u
#define ARDUINO_WORDS_SIZE 8u

/// boot_v1.x (SDK tools/gen_appbin.py): the CRC behind the checksum's line.
#define USER1_CRC_SIZE 4u

/// Offset of the checksum byte of segments that end at `end`: the last of that 16-byte line.
static inline uint32_t image_checksum_offset(uint32_t end) {
    return end | 15u;
}

static inline uint32_t image_word(const uint8_t *bytes) {
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

#endif
