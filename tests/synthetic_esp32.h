/* Applications of the ESP32 family made for tests, with every proof of them right. */
#ifndef TESTS_SYNTHETIC_ESP32_H
#define TESTS_SYNTHETIC_ESP32_H

#include <stdint.h>

/// Where an application of a chip lies in its memory.
struct synthetic_esp32_memory {
    uint16_t chip; ///< its number in an image's header
    uint32_t data; ///< windows through which flash is seen
    uint32_t code;
    uint32_t ram;
};

#define SYNTHETIC_ESP32_CHIPS 7u
extern const struct synthetic_esp32_memory synthetic_esp32_memories[SYNTHETIC_ESP32_CHIPS];

/// Smallest size.
#define SYNTHETIC_ESP32_MINIMUM 0x800u

/// Fills `bytes` with an application of `size` bytes (a multiple of 16) for that chip: descriptor and data first, then
/// RAM, then code, checksum and SHA-256. Its content follows from `seed`; the last `same` bytes of the code follow
/// from 0 instead, so that two images can share them.
void synthetic_esp32(uint8_t *bytes, uint32_t size, uint16_t chip, uint64_t seed, uint32_t same);

/// Writes checksum and SHA-256 anew, after a test has changed the content.
void synthetic_esp32_seal(uint8_t *bytes, uint32_t size);

#endif
