#include "board.h"

struct call_arguments {
    const struct rom_call *call;
    uint32_t at;
};

/// The call0 ABI passes six words in a2 to a7 and the rest from the caller's a1 on.
static uint32_t next_of_call(void *context) {
    struct call_arguments *arguments = context;
    uint32_t at = arguments->at++;

    return at < 6 ? arguments->call->argument[at] : WORD(arguments->call->a1 + (at - 6) * 4);
}

uint32_t rom_printf(struct rom_call *call) {
    struct call_arguments arguments = {call, 1};

    console_format((const char *)(uintptr_t)call->argument[0], next_of_call, &arguments, false);
    return 0;
}

/// uart_tx_one_char at 0x40003b30: returns 0.
uint32_t rom_tx_char(struct rom_call *call) {
    console_char((char)call->argument[0], false);
    return 0;
}

/// ets_write_char at 0x40001da0 and ets_putc at 0x40002be8.
uint32_t rom_write_char(struct rom_call *call) {
    console_char((char)call->argument[0], false);
    return 0;
}
