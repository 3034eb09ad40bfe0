/* uint32_t host_call(number, argument): the registers are those of the call itself. The three instructions are the sign
 * of semihosting; they lie in one page and are not compressed. */
    .text
    .global host_call
    .balign 16
    .option push
    .option norvc
host_call:
    slli zero, zero, 0x1f
    ebreak
    srai zero, zero, 7
    ret
    .option pop
