/* LOADER_BIN and INSTALLER_BIN are file names in quotes, from host/host.mk. */
        .section .rodata
        .global embedded_loader, embedded_loader_end, embedded_installer, embedded_installer_end
        .balign 16
embedded_loader:
        .incbin LOADER_BIN
embedded_loader_end:
        .balign 16
embedded_installer:
        .incbin INSTALLER_BIN
embedded_installer_end:
        .section .note.GNU-stack, "", @progbits
