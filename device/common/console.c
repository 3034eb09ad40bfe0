#include "console.h"

void console_text(const char *text) {
    for (;; text++) {
        uintptr_t address = (uintptr_t)text;
        uint32_t word = *(const volatile uint32_t *)(address & ~(uintptr_t)3);
        uint8_t character = (uint8_t)(word >> (address & 3) * 8);

        if (character == 0) {
            return;
        }
        if (character == '\n') {
            console_character('\r');
        }
        console_character(character);
    }
}

void console_number(uint32_t number) {
    char digits[11];
    uint32_t at = sizeof digits - 1;

    digits[at] = 0;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number != 0);
    for (; digits[at] != 0; at++) {
        console_character((uint8_t)digits[at]);
    }
}
