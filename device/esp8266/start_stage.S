/*
 * Entry of the installer's image: uint32_t stage_entry(const struct oneslot_layout *layout, uint32_t
 * application_broken), called by the loader, on whose stack it runs. It goes on with the installer, which it unpacked,
 * as if the loader had called that; or it returns 3: damaged (oneslot/boot.h).
 */
#include "memory.h"

    .section .entry, "ax"
    .global stage_entry
    .align 4
stage_entry:
    j start

    .section .text.start, "ax"
    .align 4
start:
    addi a1, a1, -16
    s32i a0, a1, 0
    s32i a2, a1, 4
    s32i a3, a1, 8
    call0 stage_main
    mov a4, a2
    l32i a0, a1, 0
    l32i a2, a1, 4
    l32i a3, a1, 8
    addi a1, a1, 16
    beqz a4, damaged
    movi a4, INSTALLER_CODE_START
    isync
    jx a4

damaged:
    movi a2, 3
    ret
