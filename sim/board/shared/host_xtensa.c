/*
 * QEMU's semihosting on Xtensa: the number in a2, the arguments in a3 to a5.
 */
#include "shared.h"

#define CALL_EXIT  1u
#define CALL_WRITE 4u
#define OUTPUT     1u

static void call(uint32_t number, uint32_t first, uint32_t second, uint32_t third) {
    register uint32_t a2 __asm__("a2") = number;
    register uint32_t a3 __asm__("a3") = first;
    register uint32_t a4 __asm__("a4") = second;
    register uint32_t a5 __asm__("a5") = third;

    __asm__ volatile("simcall" : "+r"(a2), "+r"(a3) : "r"(a4), "r"(a5) : "memory");
}

void host_write(const char *text, uint32_t length) {
    call(CALL_WRITE, OUTPUT, (uint32_t)(uintptr_t)text, length);
}

void host_exit(void) {
    for (;;) {
        call(CALL_EXIT, 0, 0, 0);
    }
}
