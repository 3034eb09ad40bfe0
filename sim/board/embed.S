/* The board for `oneslot run`. BOARD_ELF is a file name in quotes, from sim/board/board.mk. */
        .section .rodata
        .global embedded_board, embedded_board_end
        .balign 16
embedded_board:
        .incbin BOARD_ELF
embedded_board_end:
        .section .note.GNU-stack, "", @progbits
