/*
 * The table of the example firmware: word n + 1 is word n * TABLE_FACTOR + TABLE_STEP; word 0 is the version.
 */
#ifndef EXAMPLE_TABLE_H
#define EXAMPLE_TABLE_H

#define TABLE_FLASH_ADDRESS 0x9000
#define TABLE_WORDS         51200
#define TABLE_FACTOR        1103515245
#define TABLE_STEP          12345

#endif
