/*
 * uint32_t rom_call(uint32_t function, uint32_t first, ... uint32_t sixth): the ROM's functions follow the same
 * convention, so the arguments move up by one and the function returns to the caller.
 */
    .section .text.rom_call, "ax"
    .global rom_call
    .align 2
rom_call:
    mv t0, a0
    mv a0, a1
    mv a1, a2
    mv a2, a3
    mv a3, a4
    mv a4, a5
    mv a5, a6
    jr t0
