/*
 * Entry of the loader. The boot ROM calls it (callx0 at 0x400010fd) with the return address in a0 and its own values
 * in the other registers. The application gets every one of them back, but a2, in which the ROM holds the address
 * that it enters.
 */
#include "memory.h"

    .section .layout, "a"
    .global loader_layout
    .align 4
/* struct oneslot_layout: erased here, filled in by the host tool. */
loader_layout:
    .fill 16, 4, 0xffffffff

    .section .entry, "ax"
    .global loader_entry
    .literal_position
    .align 4
loader_entry:
    addi a1, a1, -64
    s32i a0, a1, 0
    s32i a3, a1, 4
    s32i a4, a1, 8
    s32i a5, a1, 12
    s32i a6, a1, 16
    s32i a7, a1, 20
    s32i a8, a1, 24
    s32i a9, a1, 28
    s32i a10, a1, 32
    s32i a11, a1, 36
    s32i a12, a1, 40
    s32i a13, a1, 44
    s32i a14, a1, 48
    s32i a15, a1, 52
    rsr a2, sar
    s32i a2, a1, 56
    call0 loader_main
    l32i a0, a1, 56
    wsr a0, sar
    l32i a0, a1, 0
    l32i a3, a1, 4
    l32i a4, a1, 8
    l32i a5, a1, 12
    l32i a6, a1, 16
    l32i a7, a1, 20
    l32i a8, a1, 24
    l32i a9, a1, 28
    l32i a10, a1, 32
    l32i a11, a1, 36
    l32i a12, a1, 40
    l32i a13, a1, 44
    l32i a14, a1, 48
    l32i a15, a1, 52
    addi a1, a1, 64
    isync
    jx a2
