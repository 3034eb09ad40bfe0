/*
 * Bulk, as a real firmware has it: numbers that differ from version to version, so that an upgrade has whole blocks of
 * flash to erase. The firmware computes them again to see that every one of them has arrived.
 */
#include "table.h"

    .section .in_place, "a"
    .global table
    .align 4
    .set number, VERSION
table:
    .rept TABLE_WORDS
    .word number
    .set number, (number * TABLE_FACTOR + TABLE_STEP) & 0xffffffff
    .endr
