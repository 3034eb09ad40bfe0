/*
 * Start of the board, the way from a ROM stub into its C and back, and the trap.
 */
    .option arch, +zicsr
    .section .text.start, "ax"
    .global board_start
    .align 2
board_start:
    la sp, board_stack_top
    la t0, trap_exception
    csrw mtvec, t0
    call board_main

/* A stub of the ROM jumps here with its function in t1. */
    .text
    .global rom_enter
    .align 2
rom_enter:
    la t0, rom_frame
    sw ra, 0(t0)
    sw sp, 4(t0)
    sw a0, 8(t0)
    sw a1, 12(t0)
    sw a2, 16(t0)
    sw a3, 20(t0)
    sw a4, 24(t0)
    sw a5, 28(t0)
    sw a6, 32(t0)
    sw a7, 36(t0)
    csrr t2, mcycle
    sw t2, 40(t0)
    sw t1, 44(t0)
    la sp, board_stack_top
    call rom_dispatch
    la t0, rom_frame
    lw ra, 0(t0)
    lw sp, 4(t0)
/* What a called function may change is changed. */
    li a1, 0x5a5a5a51
    li a2, 0x5a5a5a52
    li a3, 0x5a5a5a53
    li a4, 0x5a5a5a54
    li a5, 0x5a5a5a55
    li a6, 0x5a5a5a56
    li a7, 0x5a5a5a57
    li t1, 0x5a5a5a58
    li t3, 0x5a5a5a59
    li t4, 0x5a5a5a5a
    li t5, 0x5a5a5a5b
    li t6, 0x5a5a5a5c
    csrr t2, mcycle
    sw t2, 48(t0)
    ret

    .global enter_program
    .align 2
enter_program:
    la t0, trap_exception
    csrw mtvec, t0
    mv sp, a1
    mv t3, a0
    la t0, rom_frame
    csrr t2, mcycle
    sw t2, 48(t0)
    jalr t3
    la sp, board_stack_top
    call program_returned

    .global trap_exception
    .align 2
trap_exception:
    la sp, trap_frame
    sw ra, 4(sp)
    csrr t0, mepc
    sw t0, 64(sp)
    csrr t0, mcause
    sw t0, 76(sp)
    csrr t0, mtval
    sw t0, 80(sp)
    la sp, board_stack_top
    call port_exception

    .bss
    .align 4
    .global rom_frame
rom_frame:
    .space 64
    .global trap_frame
trap_frame:
    .space 96
    .align 4
board_stack:
    .space 16384
board_stack_top:
