/*
 * What the board and `oneslot run` tell each other, and where: guest memory that no chip's address uses.
 *
 * The guest's RAM is memory that the host shares, so that the host writes parameters and flash before the start and
 * reads the result, the flash and the logs after the end. Both sides are little endian and lay these structures out
 * alike: every member is aligned to its own size.
 */
#ifndef ONESLOT_BOARD_MAILBOX_H
#define ONESLOT_BOARD_MAILBOX_H

#include <stdint.h>

#define BOARD_RAM_SIZE 0x80000000u

/// Guest addresses.
#define BOARD_CODE           0x10000000u
#define BOARD_MAILBOX        0x11000000u
#define BOARD_FLASH          0x20000000u
#define BOARD_FLASH_MAX      0x01000000u
#define BOARD_SNAPSHOT       0x22000000u
#define BOARD_OPERATIONS     0x24000000u
#define BOARD_OPERATIONS_MAX 0x40000u
#define BOARD_LINES          0x28000000u
#define BOARD_LINES_MAX      0x8000u

/// Memory of the ESP8266 whose content at the application's entry is kept for the host's checks.
#define BOARD_DRAM      0x3ffe8000u
#define BOARD_DRAM_SIZE 0x18000u
#define BOARD_IRAM      0x40100000u
#define BOARD_IRAM_SIZE 0x10000u

/// QEMU's -icount: an instruction takes 2^shift ns of its time. CCOUNT of its Xtensa cores counts at 40 MHz there, so
/// instructions = ticks * 25 / 2^shift; mcycle of its RISC-V cores counts ns.
#define BOARD_ICOUNT_SHIFT 5u

enum board_tear {
    BOARD_TEAR_BEFORE, ///< the operation does not begin
    BOARD_TEAR_AFTER,  ///< it is complete
    BOARD_TEAR_SUBSET, ///< a random subset of the bits that it would change
    BOARD_TEAR_HALF,   ///< the first half of its bytes is done
    BOARD_TEAR_PAGE,   ///< program: the whole page is damaged; erase: each page is old, erased or damaged
    BOARD_TEAR_RANDOM, ///< program: some of its bytes done, some of the page damaged; erase: anything at all
};

enum board_result {
    BOARD_NOTHING,     ///< still running, or stopped from outside
    BOARD_APPLICATION, ///< the application's entry was reached
    BOARD_TEXT,        ///< the text that was waited for was printed
    BOARD_CUT,         ///< power was cut
    BOARD_DEAD,        ///< the boot ROM found no valid image and loops for ever
    BOARD_FAULT,       ///< an exception or a use of the ROM that the chip does not survive
    BOARD_SCRIPT,      ///< the script ran to its end
    BOARD_LEFT,        ///< the person at the terminal left
};

enum board_operation_kind {
    BOARD_PROGRAM,
    BOARD_ERASE_SECTOR,
    BOARD_ERASE_BLOCK,
};

struct board_operation {
    uint64_t instructions; ///< of the guest before it
    uint32_t address;
    uint16_t length; ///< of a program
    uint8_t kind;    ///< enum board_operation_kind
    uint8_t resets;  ///< before it
};

#define BOARD_LINE_SIZE 240u

struct board_line {
    uint64_t instructions; ///< of the guest when it was complete
    uint32_t length;
    uint32_t rom; ///< 1: the boot ROM's own
    char text[BOARD_LINE_SIZE];
};

struct board_registers {
    uint32_t a[16];
    uint32_t pc;
    uint32_t ps;
    uint32_t sar;
    uint32_t cause;   ///< EXCCAUSE or DEBUGCAUSE
    uint32_t address; ///< EXCVADDR
};

/// What the vendor's boot loader started last, or would start: boards of the ESP32 family.
struct board_started {
    uint32_t address; ///< of its partition; 0: nothing yet
    uint32_t size;    ///< of its image with checksum and SHA-256
    uint32_t entry;
    uint32_t factory; ///< 1: it is the factory partition's: the installer
    uint32_t example; ///< 1: it is the example application, which the board can run
    uint32_t hashed;  ///< 1: its appended SHA-256 is right; 0: it has none
    uint32_t state;   ///< otadata's state after the choice; BOARD_NO_STATE: otadata names no application
    char label[20];   ///< of its partition
    char project[36]; ///< esp_app_desc_t
    char version[36];
    char framework[36]; ///< version of ESP-IDF
};
#define BOARD_NO_STATE 0xfffffffeu

#define BOARD_MAGIC 0x31425345u

/// At BOARD_MAILBOX.
struct board_mailbox {
    uint32_t magic;

    /* From the host. */
    uint32_t flash_size;
    uint32_t cut_at; ///< 1: the first operation; 0: never
    uint32_t tear;   ///< enum board_tear
    uint32_t seed;
    uint32_t reset_cause; ///< of the first boot
    uint32_t displaced;   ///< flash address of the application's first sector; 0: the sector that the ROM boots
    uint32_t go;          ///< 1: let the application run on
    uint32_t chip;        ///< ONESLOT_CHIP_*
    uint32_t no_rollback; ///< ESP32 family: the boot loader knows no trials
    char until[128];      ///< text to stop at, in any line of the UART; empty: none

    /* From the board. */
    uint32_t result; ///< enum board_result
    char message[160];
    uint32_t resets;
    uint32_t entries;       ///< of the application
    uint32_t other_entries; ///< times that other code stood at the application's entry address
    uint32_t operations;
    uint32_t programs;
    uint32_t sector_erases;
    uint32_t block_erases;
    uint32_t overprograms; ///< programs that asked for a bit to be set
    uint32_t lines;
    uint32_t delay_us; ///< asked for by ets_delay_us
    uint32_t watchdog_resets;
    uint32_t complaints;       ///< ESP8266: what the chip would not bear, told while an application ran
    uint32_t watchdog_left_us; ///< ESP8266: the least that was left when it was fed; UINT32_MAX: it never ran
    uint64_t instructions;
    uint64_t chip_us;  ///< ESP8266: its own time since power came on, also over cuts
    uint64_t flash_us; ///< ESP8266: how long the flash chip was busy with programs and erases

    /* At the application's entry. */
    uint32_t entered_cache; ///< 1: the flash cache was on
    uint32_t entered_cause; ///< reset cause of that boot
    struct board_registers entered;
    struct board_registers first; ///< ESP8266: when the ROM entered what lies in sector 0
    uint64_t entered_instructions;

    struct board_started started;
};

/// At BOARD_SNAPSHOT: taken at the application's entry.
struct board_snapshot {
    uint8_t dram[BOARD_DRAM_SIZE];
    uint8_t iram[BOARD_IRAM_SIZE];
};

#endif
