/*
 * uint32_t rom_call(uint32_t function, uint32_t first, ... uint32_t sixth): a windowed call from call0 code.
 *
 * call8 rotates the registers by eight: what the ROM sees as a2 to a7 are a10 to a15 here, and a8 to a15 come back
 * changed. a0 to a7 are kept, by the ROM's window vectors if the ROM's calls go as deep as that: these put a0 to a3 into
 * the stack frame of the ROM's function, and a4 to a7 to 32 bytes below the stack pointer of our caller, which they
 * take from 12 bytes below ours. The caller's stack pointer is therefore written there, and is our own frame's end.
 * Source: Xtensa ISA, "Windowed Procedure-Call Protocol" and the window exception handlers.
 */
    .section .text.rom_call, "ax"
    .global rom_call
    .align 4
rom_call:
    addi a1, a1, -64
    s32i a0, a1, 0
    s32i a12, a1, 4
    s32i a13, a1, 8
    s32i a14, a1, 12
    s32i a15, a1, 16
    /* a4 to a7 go to 32..47 of this frame. */
    addi a8, a1, -16
    addi a9, a1, 64
    s32i a9, a8, 4

    mov a8, a2
    mov a10, a3
    mov a11, a4
    mov a12, a5
    mov a13, a6
    mov a14, a7
    l32i a15, a1, 64
    .byte 0xe0, 0x08, 0x00      /* callx8 a8 */

    mov a2, a10
    l32i a0, a1, 0
    l32i a12, a1, 4
    l32i a13, a1, 8
    l32i a14, a1, 12
    l32i a15, a1, 16
    addi a1, a1, 64
    ret
