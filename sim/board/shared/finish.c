#include "sim/board/shared/shared.h"

void finish(enum board_result result, const char *message, uint32_t number) {
    static const char digits[] = "0123456789abcdef";
    char *to = MAILBOX->message;
    uint32_t length = rom_strlen(message);

    console_flush();
    rom_memcpy(to, message, length);
    to += length;
    if (length > 0 && (number != 0 || result == BOARD_CUT)) {
        rom_memcpy(to, " 0x", 3);
        to += 3;
        for (int shift = number > 0xffffff ? 28 : 20; shift >= 0; shift -= 4) {
            *to++ = digits[number >> shift & 15u];
        }
    }
    *to = 0;
    MAILBOX->result = result;
    host_exit();
}
