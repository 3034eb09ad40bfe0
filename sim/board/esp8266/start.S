/*
 * Start of the board, the way from a ROM stub into its C and back, and the traps.
 *
 * Calls of the ROM run on a stack of the board's own, so that the caller's stack holds what the caller put there.
 */
    .section .text.start, "ax"
    .literal_position
    .global board_start
    .align 4
board_start:
    movi a1, board_stack_top
    movi a2, 0x20
    wsr.ps a2
    rsync
/* CCOUNT ticks every 25 ns and an instruction takes 32: counts of instructions depend on how the two stand at the
 * start, which differs from run to run. 18 instructions are 23 ticks and 1 ns, so this loop moves by 1 ns a turn; the
 * turn that takes 24 ticks ends on a tick. */
    rsr.ccount a3
    addi a3, a3, 100
align_ticks:
    rsr.ccount a4
    sub a5, a4, a3
    mov a3, a4
    .rept 13
    nop
    .endr
    addi a5, a5, -24
    bnez a5, align_ticks
    call0 rom_install
    call0 power_on

/* A stub of the ROM jumps here with its function in a10. */
    .text
    .literal_position
    .global rom_enter
    .align 4
rom_enter:
    movi a9, rom_frame
    s32i a0, a9, 0
    s32i a1, a9, 4
    s32i a2, a9, 8
    s32i a3, a9, 12
    s32i a4, a9, 16
    s32i a5, a9, 20
    s32i a6, a9, 24
    s32i a7, a9, 28
    rsr.ccount a11
    s32i a11, a9, 32
    s32i a10, a9, 36
    movi a1, board_stack_top
    call0 rom_dispatch
    movi a9, rom_frame
    l32i a0, a9, 0
    l32i a1, a9, 4
    rsr.ccount a10
    s32i a10, a9, 40
    ret

    .literal_position
    .global enter_program
    .align 4
enter_program:
    l32i a3, a2, 68
    wsr.ps a3
    rsync
    l32i a3, a2, 72
    wsr.sar a3
    movi a3, rom_frame
    rsr.ccount a4
    s32i a4, a3, 40
    l32i a0, a2, 0
    l32i a1, a2, 4
    l32i a3, a2, 12
    l32i a4, a2, 16
    l32i a5, a2, 20
    l32i a6, a2, 24
    l32i a7, a2, 28
    l32i a8, a2, 32
    l32i a9, a2, 36
    l32i a10, a2, 40
    l32i a11, a2, 44
    l32i a12, a2, 48
    l32i a13, a2, 52
    l32i a14, a2, 56
    l32i a15, a2, 60
    l32i a2, a2, 8
    isync
    jx a2

    .macro save_registers
    s32i a1, a0, 4
    s32i a2, a0, 8
    s32i a3, a0, 12
    s32i a4, a0, 16
    s32i a5, a0, 20
    s32i a6, a0, 24
    s32i a7, a0, 28
    s32i a8, a0, 32
    s32i a9, a0, 36
    s32i a10, a0, 40
    s32i a11, a0, 44
    s32i a12, a0, 48
    s32i a13, a0, 52
    s32i a14, a0, 56
    s32i a15, a0, 60
    rsr.sar a2
    s32i a2, a0, 72
    movi a2, rom_frame
    rsr.ccount a3
    s32i a3, a2, 32
    movi a1, board_stack_top
    .endm

/* The debug vector jumps here; a0 is in EXCSAVE2. */
    .literal_position
    .global trap_debug
    .align 4
trap_debug:
    movi a0, trap_frame
    save_registers
    rsr.excsave2 a2
    s32i a2, a0, 0
    rsr.epc2 a2
    s32i a2, a0, 64
    rsr.eps2 a2
    s32i a2, a0, 68
    rsr.debugcause a2
    s32i a2, a0, 76
    call0 board_debug
    movi a0, rom_frame
    rsr.ccount a2
    s32i a2, a0, 40
    movi a0, trap_frame
    l32i a2, a0, 72
    wsr.sar a2
    l32i a1, a0, 4
    l32i a2, a0, 8
    l32i a3, a0, 12
    l32i a4, a0, 16
    l32i a5, a0, 20
    l32i a6, a0, 24
    l32i a7, a0, 28
    l32i a8, a0, 32
    l32i a9, a0, 36
    l32i a10, a0, 40
    l32i a11, a0, 44
    l32i a12, a0, 48
    l32i a13, a0, 52
    l32i a14, a0, 56
    l32i a15, a0, 60
    l32i a0, a0, 0
    rfi 2

/* The exception vectors jump here; a0 is in EXCSAVE1. */
    .literal_position
    .global trap_exception
    .align 4
trap_exception:
    movi a0, trap_frame
    save_registers
    rsr.excsave1 a2
    s32i a2, a0, 0
    rsr.epc1 a2
    s32i a2, a0, 64
    rsr.ps a2
    s32i a2, a0, 68
    rsr.exccause a2
    s32i a2, a0, 76
    rsr.excvaddr a2
    s32i a2, a0, 80
    call0 board_exception

    .bss
    .align 16
    .global rom_frame
rom_frame:
    .space 48
    .global trap_frame
trap_frame:
    .space 96
    .align 16
board_stack:
    .space 16384
board_stack_top:
