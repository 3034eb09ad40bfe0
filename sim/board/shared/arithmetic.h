/*
 * What the compiler calls for a division or a product that the LX106 has no instruction for. The ESP8266's programs
 * find these functions in the ROM.
 */
#ifndef ONESLOT_BOARD_ARITHMETIC_H
#define ONESLOT_BOARD_ARITHMETIC_H

#include <stdint.h>

uint32_t rom_udivsi3(uint32_t number, uint32_t divisor) __asm__("__udivsi3");
uint32_t rom_umodsi3(uint32_t number, uint32_t divisor) __asm__("__umodsi3");
int32_t rom_divsi3(int32_t number, int32_t divisor) __asm__("__divsi3");
uint64_t rom_umulsidi3(uint32_t a, uint32_t b) __asm__("__umulsidi3");
uint64_t rom_muldi3(uint64_t a, uint64_t b) __asm__("__muldi3");
uint64_t rom_udivdi3(uint64_t number, uint64_t divisor) __asm__("__udivdi3");
uint64_t rom_umoddi3(uint64_t number, uint64_t divisor) __asm__("__umoddi3");
int64_t rom_divdi3(int64_t number, int64_t divisor) __asm__("__divdi3");

#endif
