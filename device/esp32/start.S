/*
 * Entry of the installer on the Xtensa chips. The boot loader calls it as windowed code (callx8); what follows is call0
 * code, which does not touch the windows, until it calls the ROM (rom_call.S).
 *
 * The assembler for the LX106 does not know the windows' registers; instructions on them are written as bytes.
 */
    .section .text.entry, "ax"
    .global installer_entry
    .literal_position
    .align 4
installer_entry:
    /* PS: windows on, user vectors, all interrupts masked, no exception. */
    movi a2, 0x4002f
    .byte 0x20, 0xe6, 0x13      /* wsr.ps a2 */
    rsync
    /* Only this window is in use: none of those before it is ever returned to. */
    .byte 0x30, 0x48, 0x03      /* rsr.windowbase a3 */
    movi a2, 1
    ssl a3
    sll a2, a2
    .byte 0x20, 0x49, 0x13      /* wsr.windowstart a2 */
    rsync
    /* The ROM's vectors spill and fill windows. */
    movi a2, 0x40000000
    .byte 0x20, 0xe7, 0x13      /* wsr.vecbase a2 */
    rsync

    movi a1, stack_top
    movi a4, bss_start
    movi a5, bss_end
    movi a6, 0
    j 2f
1:  s32i a6, a4, 0
    addi a4, a4, 4
2:  bltu a4, a5, 1b
    movi a0, installer_main
    jx a0
