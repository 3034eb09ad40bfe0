/*
 * Division: the compiler for the LX106 calls functions for it; these chips have instructions, which its assembler does
 * not know.
 */
    .section .text.__udivsi3, "ax"
    .global __udivsi3
    .align 4
__udivsi3:
    .byte 0x30, 0x22, 0xc2      /* quou a2, a2, a3 */
    ret

    .section .text.__umodsi3, "ax"
    .global __umodsi3
    .align 4
__umodsi3:
    .byte 0x30, 0x22, 0xe2      /* remu a2, a2, a3 */
    ret

    .section .text.__divsi3, "ax"
    .global __divsi3
    .align 4
__divsi3:
    .byte 0x30, 0x22, 0xd2      /* quos a2, a2, a3 */
    ret

    .section .text.__modsi3, "ax"
    .global __modsi3
    .align 4
__modsi3:
    .byte 0x30, 0x22, 0xf2      /* rems a2, a2, a3 */
    ret
