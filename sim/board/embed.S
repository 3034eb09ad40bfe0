/* The boards for `oneslot run`. board_... are file names in quotes, from sim/board/board.mk. */
        .section .rodata
        .macro embed name, file
        .global embedded_board_\name, embedded_board_\name\()_end
        .balign 16
embedded_board_\name:
        .incbin "\file"
embedded_board_\name\()_end:
        .endm

        embed esp32, board_esp32
        embed esp32c3, board_esp32c3
        .section .note.GNU-stack, "", @progbits
