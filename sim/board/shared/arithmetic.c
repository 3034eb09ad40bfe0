/*
 * Arithmetic that the LX106's compiler expects in the ROM: its library has none of it. Also for the board's own code.
 */
#include "sim/board/shared/arithmetic.h"

#include <stdbool.h>

uint32_t rom_udivsi3(uint32_t number, uint32_t divisor) {
    uint32_t quotient = 0;
    uint32_t rest = 0;

    for (int bit = 31; bit >= 0; bit--) {
        bool carry = rest >> 31 != 0;

        rest = rest << 1 | (number >> bit & 1u);
        if (carry || rest >= divisor) {
            rest -= divisor;
            quotient |= 1u << bit;
        }
    }
    return quotient;
}

uint32_t rom_umodsi3(uint32_t number, uint32_t divisor) {
    return number - rom_udivsi3(number, divisor) * divisor;
}

int32_t rom_divsi3(int32_t number, int32_t divisor) {
    uint32_t quotient = rom_udivsi3(number < 0 ? 0u - (uint32_t)number : (uint32_t)number,
                                    divisor < 0 ? 0u - (uint32_t)divisor : (uint32_t)divisor);

    return (int32_t)((number < 0) != (divisor < 0) ? 0u - quotient : quotient);
}

uint64_t rom_umulsidi3(uint32_t a, uint32_t b) {
    uint32_t low = (a & 0xffffu) * (b & 0xffffu);
    uint32_t middle_a = (a >> 16) * (b & 0xffffu);
    uint32_t middle_b = (a & 0xffffu) * (b >> 16);
    uint32_t carry = (low >> 16) + (middle_a & 0xffffu) + (middle_b & 0xffffu);
    uint32_t high = (a >> 16) * (b >> 16) + (middle_a >> 16) + (middle_b >> 16) + (carry >> 16);

    return (uint64_t)high << 32 | (carry << 16 | (low & 0xffffu));
}

uint64_t rom_muldi3(uint64_t a, uint64_t b) {
    uint64_t low = rom_umulsidi3((uint32_t)a, (uint32_t)b);
    uint32_t high = (uint32_t)(a >> 32) * (uint32_t)b + (uint32_t)a * (uint32_t)(b >> 32);

    return low + ((uint64_t)high << 32);
}

uint64_t rom_udivdi3(uint64_t number, uint64_t divisor) {
    uint64_t quotient = 0;
    uint64_t rest = 0;

    for (int bit = 63; bit >= 0; bit--) {
        bool carry = rest >> 63 != 0;

        rest = rest << 1 | (number >> bit & 1u);
        if (carry || rest >= divisor) {
            rest -= divisor;
            quotient |= (uint64_t)1 << bit;
        }
    }
    return quotient;
}

uint64_t rom_umoddi3(uint64_t number, uint64_t divisor) {
    return number - rom_muldi3(rom_udivdi3(number, divisor), divisor);
}

int64_t rom_divdi3(int64_t number, int64_t divisor) {
    uint64_t quotient = rom_udivdi3(number < 0 ? 0u - (uint64_t)number : (uint64_t)number,
                                    divisor < 0 ? 0u - (uint64_t)divisor : (uint64_t)divisor);

    return (int64_t)((number < 0) != (divisor < 0) ? 0u - quotient : quotient);
}
