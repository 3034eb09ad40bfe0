/*
 * QEMU's semihosting on Xtensa.
 */
#include "sim/board/shared/shared.h"

#define CALL_EXIT  1u
#define CALL_WRITE 4u
#define OUTPUT     1u

uint32_t host_call(uint32_t number, uint32_t first, uint32_t second, uint32_t third);

void host_write(const char *text, uint32_t length) {
    host_call(CALL_WRITE, OUTPUT, (uint32_t)(uintptr_t)text, length);
}

void host_exit(void) {
    for (;;) {
        host_call(CALL_EXIT, 0, 0, 0);
    }
}
