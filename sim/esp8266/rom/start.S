/*
 * Vectors, the way from reset to C, and the way into the program.
 */
    .text
    .literal_position
    .global rom_start
    .align 4
rom_start:
    movi a1, 0x40000000
    movi a2, data_start
    movi a3, data_end
    movi a4, data_load
    j 2f
1:  l32i a5, a4, 0
    s32i a5, a2, 0
    addi a2, a2, 4
    addi a4, a4, 4
2:  bltu a2, a3, 1b
    call0 rom_reset

/* void rom_enter(uint32_t entry, uint32_t cause): the registers at 0x400010fd, where the ROM's last call was that of
 * _xtos_set_exception_handler(8, 0x40001878). */
    .literal_position
    .global rom_enter
    .align 4
rom_enter:
    mov a13, a3
    movi a0, 0x40001100
    movi a1, 0x3ffffff0
    movi a3, 0x40001878
    movi a4, 0x40000598
    movi a5, 0x3fffc020
    movi a6, 0x40000598
    movi a7, 0xffff3c80
    movi a8, 0x3fffc000
    movi a11, 0x3fffc120
    movi a12, 0x40001878
    movi a9, 0x20
    wsr.ps a9
    rsync
    movi a9, 5
    wsr.sar a9
    movi a9, 0
    movi a10, 0
    movi a14, 0
    movi a15, 0
    jx a2

    .literal_position
    .global rom_exception
    .align 4
rom_exception:
    rsr.exccause a2
    rsr.epc1 a3
    rsr.excvaddr a4
    movi a1, 0x40000000
    j 0x40001878
