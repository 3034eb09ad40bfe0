/* Firmware images made for tests: in the layout of their kind, with every proof of it right. */
#ifndef TESTS_SYNTHETIC_H
#define TESTS_SYNTHETIC_H

#include <stdint.h>

/// Smallest image in MicroPython's layout.
#define SYNTHETIC_MINIMUM 0x9020u

/// Fills `bytes` with an image of `size` bytes (a multiple of 4) in MicroPython's layout: RAM segments at 8, length at
/// 0x8ffc, code at 0x9000, MD5 at its end. Its content follows from `seed`; the first `same` bytes of the code follow
/// from 0 instead, so that two images can share them.
void synthetic_micropython(uint8_t *bytes, uint32_t size, uint64_t seed, uint32_t same);

/// Writes length and MD5 anew, after a test has changed the content.
void synthetic_seal(uint8_t *bytes, uint32_t size);

/// Smallest user1, and what sizes leave of 16.
#define SYNTHETIC_USER1_MINIMUM 0x64u
#define SYNTHETIC_USER1_REST    4u

/// Fills `bytes` with a user1 of `size` bytes (SYNTHETIC_USER1_REST more than a multiple of 16): code that runs in
/// place, two segments, checksum, CRC.
void synthetic_user1(uint8_t *bytes, uint32_t size, uint64_t seed);

/// Fills a sector with a boot loader for it, which names itself as Espressif's does.
void synthetic_boot(uint8_t bytes[4096]);

#endif
