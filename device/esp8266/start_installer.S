/*
 * Entry of the installer: uint32_t installer_entry(const struct oneslot_layout *layout, uint32_t application_broken),
 * called by the loader by way of the stage. It takes a stack of its own, because the ROM's is small, and gives the loader's back.
 */
#include "memory.h"

    .section .entry, "ax"
    .global installer_entry
    .align 4
installer_entry:
    j start

    .section .text.start, "ax"
    .align 4
start:
    addi a1, a1, -32
    s32i a0, a1, 0
    s32i a12, a1, 4
    s32i a13, a1, 8
    s32i a14, a1, 12
    s32i a15, a1, 16

    movi a4, bss_start
    movi a5, bss_end
    movi a6, 0
    j 2f
1:  s32i a6, a4, 0
    addi a4, a4, 4
2:  bltu a4, a5, 1b

    /* a12 to a15 are kept by the functions that are called. */
    mov a12, a1
    movi a1, INSTALLER_STACK_TOP
    movi a0, installer_main
    callx0 a0
    mov a1, a12

    l32i a0, a1, 0
    l32i a12, a1, 4
    l32i a13, a1, 8
    l32i a14, a1, 12
    l32i a15, a1, 16
    addi a1, a1, 32
    ret
