/*
 * Entry of the installer on the RISC-V chips. Interrupts are masked; exceptions stay with the vectors that are set.
 */
    .option arch, +zicsr
    .section .text.entry, "ax"
    .global installer_entry
    .align 2
installer_entry:
    csrci mstatus, 8            /* MIE */
    la sp, stack_top
    la t0, bss_start
    la t1, bss_end
    j 2f
1:  sw zero, 0(t0)
    addi t0, t0, 4
2:  bltu t0, t1, 1b
    tail installer_main
