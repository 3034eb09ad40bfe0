/*
 * Start of the board, the way from a ROM stub into its C and back, and the vectors.
 *
 * The assembler is the LX106's, which has no windowed registers: their instructions are written as numbers. The
 * board's own code is call0 code on a stack of its own.
 */
    .macro instruction word
    .byte (\word) & 0xff, (\word) >> 8 & 0xff, (\word) >> 16 & 0xff
    .endm
    .macro entry_a1 size
    instruction 0x000136 | (\size / 8) << 12
    .endm
    .macro retw
    instruction 0x000090
    .endm
    .macro rotw count
    instruction 0x408000 | (\count & 15) << 4
    .endm
    .macro callx8 register
    instruction 0x0000e0 | \register << 8
    .endm
    /* The offset is from -64 to -4. */
    .macro s32e register, base, offset
    instruction 0x490000 | ((\offset + 64) / 4) << 12 | \base << 8 | \register << 4
    .endm
    .macro l32e register, base, offset
    instruction 0x090000 | ((\offset + 64) / 4) << 12 | \base << 8 | \register << 4
    .endm
    .macro rfwo
    instruction 0x003400
    .endm
    .macro rfwu
    instruction 0x003500
    .endm
    .macro write_special number, register
    instruction 0x130000 | \number << 8 | \register << 4
    .endm
    .macro read_special number, register
    instruction 0x030000 | \number << 8 | \register << 4
    .endm
    .equ ROM_RETURN, 0x400003e0
    .equ ROM_CALL, 0x400003f0
    .equ WINDOWBASE, 72
    .equ WINDOWSTART, 73
    .equ VECBASE, 231
    .equ PS_PLAIN, 0x20        /* exceptions of the user vector, no windows */
    .equ PS_WINDOWED, 0x40020  /* the same with PS.WOE */

    .section .text.start, "ax"
    .literal_position
    .global board_start
    .align 4
board_start:
    movi a2, PS_PLAIN
    wsr.ps a2
    rsync
    movi a1, board_stack_top
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
    call0 board_main

/* A stub of the ROM jumps here with its function in a10, behind its `entry`. The frames of all callers go to their
 * stacks, as the ROM's own deep calls make them go; the way back loads them from there. */
    .text
    .literal_position
    .global rom_enter
    .align 4
rom_enter:
    mov a7, a7
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
    s32i a11, a9, 40
    s32i a10, a9, 44
    and a12, a12, a12
    rotw 3
    and a12, a12, a12
    rotw 3
    and a4, a4, a4
    rotw 2
    movi a1, board_stack_top
    call0 rom_dispatch
    movi a9, rom_frame
    l32i a0, a9, 0
    l32i a1, a9, 4
    rsr.ccount a10
    s32i a10, a9, 48
    movi a9, ROM_RETURN
    jx a9

/* The boot loader's way into the program: its own frames are in the windows, and some of them on its stack. */
    .literal_position
    .global enter_program
    .align 4
enter_program:
    mov a10, a2
    mov a1, a3
    movi a4, 0x40000000
    write_special VECBASE, 4
    read_special WINDOWBASE, 4
    ssl a4
    movi a5, 1
    sll a5, a5
    write_special WINDOWSTART, 5
    rsync
    movi a4, PS_WINDOWED
    wsr.ps a4
    rsync
    movi a4, 0
    s32i a4, a1, 0
    addi a5, a1, -16
    s32i a4, a5, 0
    s32i a1, a5, 4
    movi a8, loader_frame_1
    callx8 8
    .align 4
loader_frame_1:
    entry_a1 48
    mov a10, a2
    movi a8, loader_frame_2
    callx8 8
    .align 4
loader_frame_2:
    entry_a1 48
    mov a10, a2
    movi a8, loader_frame_3
    callx8 8
    .align 4
loader_frame_3:
    entry_a1 48
    movi a9, rom_frame
    rsr.ccount a10
    s32i a10, a9, 48
    mov a8, a2
    movi a9, ROM_CALL
    jx a9

/* The program came back. */
    .literal_position
    .align 4
returned:
    movi a2, PS_PLAIN
    wsr.ps a2
    rsync
    movi a1, board_stack_top
    call0 program_returned

/* The exception vectors jump here; a0 is in EXCSAVE1. */
    .literal_position
    .global trap_exception
    .align 4
trap_exception:
    movi a0, trap_frame
    s32i a1, a0, 4
    s32i a2, a0, 8
    s32i a3, a0, 12
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
    movi a2, PS_PLAIN
    wsr.ps a2
    rsync
    movi a1, board_stack_top
    call0 port_exception

/* What lies at VECBASE: the handlers of window overflow and underflow for calls by 4, 8 and 12, as the architecture's
 * manual gives them (Xtensa ISA, Windowed Register Option), and the exceptions. */
    .section .rodata
    .global window_vectors, window_vectors_end
    .align 4
window_vectors:
    s32e 0, 5, -16
    s32e 1, 5, -12
    s32e 2, 5, -8
    s32e 3, 5, -4
    rfwo
    .org 0x40
    l32e 0, 5, -16
    l32e 1, 5, -12
    l32e 2, 5, -8
    l32e 3, 5, -4
    rfwu
    .org 0x80
    s32e 0, 9, -16
    l32e 0, 1, -12
    s32e 1, 9, -12
    s32e 2, 9, -8
    s32e 3, 9, -4
    s32e 4, 0, -32
    s32e 5, 0, -28
    s32e 6, 0, -24
    s32e 7, 0, -20
    rfwo
    .org 0xc0
    l32e 0, 9, -16
    l32e 1, 9, -12
    l32e 2, 9, -8
    l32e 7, 1, -12
    l32e 3, 9, -4
    l32e 4, 7, -32
    l32e 5, 7, -28
    l32e 6, 7, -24
    l32e 7, 7, -20
    rfwu
    .org 0x100
    s32e 0, 13, -16
    l32e 0, 1, -12
    s32e 1, 13, -12
    s32e 2, 13, -8
    s32e 3, 13, -4
    s32e 4, 0, -48
    s32e 5, 0, -44
    s32e 6, 0, -40
    s32e 7, 0, -36
    s32e 8, 0, -32
    s32e 9, 0, -28
    s32e 10, 0, -24
    s32e 11, 0, -20
    rfwo
    .org 0x140
    l32e 0, 13, -16
    l32e 1, 13, -12
    l32e 2, 13, -8
    l32e 11, 1, -12
    l32e 3, 13, -4
    l32e 4, 11, -48
    l32e 5, 11, -44
    l32e 6, 11, -40
    l32e 7, 11, -36
    l32e 8, 11, -32
    l32e 9, 11, -28
    l32e 10, 11, -24
    l32e 11, 11, -20
    rfwu
/* wsr.excsave1 a0; l32r a0, the literal before; jx a0 */
    .macro exception_vector offset
    .org \offset - 4
    .long trap_exception
    instruction 0x13d100
    instruction 0x000001 | 0xfffe00
    instruction 0x0000a0
    .endm
    exception_vector 0x300
    exception_vector 0x340
    exception_vector 0x3c0
/* A return keeps the upper two bits of the address that it is at, so this one is here. */
    .org 0x3e0
    retw
    .org 0x3ec
    .long returned
    .org 0x3f0
    callx8 8
    instruction 0x000021 | 0xfffe00
    instruction 0x0002a0
window_vectors_end:

    .bss
    .align 16
    .global rom_frame
rom_frame:
    .space 64
    .global trap_frame
trap_frame:
    .space 96
    .align 16
board_stack:
    .space 16384
board_stack_top:
