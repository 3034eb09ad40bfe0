/* uint32_t host_call(number, first, second, third): the registers are those of the call itself. */
    .text
    .global host_call
    .align 4
host_call:
    simcall
    ret
