/*
 * Semihosting on RISC-V, as QEMU has it from Arm: a call has one argument, often the address of more of them.
 */
#include "sim/board/shared/shared.h"

#define CALL_OPEN  1u
#define CALL_WRITE 5u
#define CALL_EXIT  0x18u
#define MODE_WRITE 4u
/* ADP_Stopped_ApplicationExit */
#define EXIT_REASON 0x20026u

uint32_t host_call(uint32_t number, uint32_t argument);

static uint32_t word_of(const void *pointer) {
    return (uint32_t)(uintptr_t)pointer;
}

void host_write(const char *text, uint32_t length) {
    static const char name[] = ":tt";
    static uint32_t output;
    uint32_t open[3] = {word_of(name), MODE_WRITE, sizeof name - 1};

    if (output == 0) {
        output = host_call(CALL_OPEN, word_of(open));
    }
    uint32_t write[3] = {output, word_of(text), length};
    host_call(CALL_WRITE, word_of(write));
}

void host_exit(void) {
    for (;;) {
        host_call(CALL_EXIT, EXIT_REASON);
    }
}
