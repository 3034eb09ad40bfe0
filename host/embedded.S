/*
 * LOADER_BIN and INSTALLER_BIN are file names in quotes, INSTALLERS one use of `installer` for each chip of the ESP32
 * family, from host/host.mk.
 */
        .section .rodata
        .global embedded_loader, embedded_loader_end, embedded_installer, embedded_installer_end, embedded_installers
        .balign 16
embedded_loader:
        .incbin LOADER_BIN
embedded_loader_end:
        .balign 16
embedded_installer:
        .incbin INSTALLER_BIN
embedded_installer_end:

/* A name of 12 bytes, the number of bytes, the bytes; the next one on 16 bytes. */
        .macro installer chip, file
1:      .ascii "\chip"
        .zero 12 - (. - 1b)
        .long 3f - 2f
2:      .incbin "\file"
3:      .balign 16, 0
        .endm

        .balign 16
embedded_installers:
        INSTALLERS
        .zero 16
        .section .note.GNU-stack, "", @progbits
