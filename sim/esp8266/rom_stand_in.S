/* The stand-in for the boot ROM, for sim/esp8266/rom.h. chip_rom_file is its file's name in quotes. */
        .section .rodata
        .global chip_rom_stand_in
        .balign 16
chip_rom_stand_in:
        .incbin chip_rom_file
        .section .note.GNU-stack, "", @progbits
