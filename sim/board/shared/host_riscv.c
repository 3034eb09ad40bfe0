/*
 * Semihosting on RISC-V, as QEMU has it from Arm: the number in a0, the arguments' address in a1.
 */
#include "shared.h"

#define CALL_OPEN  1u
#define CALL_WRITE 5u
#define CALL_EXIT  0x18u
#define MODE_WRITE 4u
/* ADP_Stopped_ApplicationExit */
#define EXIT_REASON 0x20026u

static uint32_t call(uint32_t number, uint32_t argument) {
    register uint32_t a0 __asm__("a0") = number;
    register uint32_t a1 __asm__("a1") = argument;

    // The three instructions must lie in one page and be no compressed ones.
    __asm__ volatile(".balign 16\n"
                     ".option push\n"
                     ".option norvc\n"
                     "slli zero, zero, 0x1f\n"
                     "ebreak\n"
                     "srai zero, zero, 7\n"
                     ".option pop\n"
                     : "+r"(a0)
                     : "r"(a1)
                     : "memory");
    return a0;
}

void host_write(const char *text, uint32_t length) {
    static const char name[] = ":tt";
    static uint32_t output;
    uint32_t open[3] = {(uint32_t)(uintptr_t)name, MODE_WRITE, sizeof name - 1};

    if (output == 0) {
        output = call(CALL_OPEN, (uint32_t)(uintptr_t)open);
    }
    uint32_t write[3] = {output, (uint32_t)(uintptr_t)text, length};
    call(CALL_WRITE, (uint32_t)(uintptr_t)write);
}

void host_exit(void) {
    for (;;) {
        call(CALL_EXIT, EXIT_REASON);
    }
}
