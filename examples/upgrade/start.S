/*
 * Entry of the example firmware. The boot ROM's stack serves it; the memory that C expects to be zero is cleared.
 */
    .section .entry, "ax"
    .global firmware_entry
    .literal_position
    .align 4
firmware_entry:
    movi a2, bss_start
    movi a3, bss_end
    movi a4, 0
    j 2f
1:  s32i a4, a2, 0
    addi a2, a2, 4
2:  bltu a2, a3, 1b
    call0 firmware_main
3:  j 3b
