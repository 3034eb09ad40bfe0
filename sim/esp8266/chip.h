/*
 * An ESP8266 in a program: runs a flash from reset, under the chip's own boot ROM or under the stand-in for it.
 *
 * What is modelled: the LX106 core, memory, cache, the SPI flash controller with its NOR chip, serial ports, timers,
 * watchdog, RTC, resets, and what the vendor's start-up code asks of the radio. Time is the chip's own; nothing depends
 * on the host's clock, and two runs with the same inputs are the same.
 *
 * A chip holds all of its state; a program may have several.
 */
#ifndef SIM_ESP8266_CHIP_H
#define SIM_ESP8266_CHIP_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/nor.h"

#define CHIP_ROM_SIZE       0x10000u
#define CHIP_FLASH_SIZE_MIN 0x40000u
#define CHIP_FLASH_SIZE_MAX 0x1000000u
#define CHIP_SERIAL_PORTS   2u

/// Chip time is in picoseconds.
#define CHIP_SECOND      UINT64_C(1000000000000)
#define CHIP_MICROSECOND UINT64_C(1000000)

/// What the ROM's rtc_get_reset_reason() answers.
enum chip_reset {
    CHIP_RESET_POWER = 1,
    CHIP_RESET_PIN = 2, ///< the ROM reports a reset by software alike
    CHIP_RESET_WATCHDOG = 4,
    CHIP_RESET_DEEP_SLEEP = 5,
};

/// Times of the flash chip, in microseconds but for the program's further bytes.
struct chip_flash_times {
    uint32_t erase_sector;
    uint32_t erase_block;
    uint32_t program_first; ///< the first byte of a program
    uint32_t program_next;  ///< each further byte, in nanoseconds
    uint32_t write_status;
};

/// W25Q32JV data sheet: typical, and the most that it may take.
extern const struct chip_flash_times chip_flash_typical;
extern const struct chip_flash_times chip_flash_worst;

/// Why chip_run returned.
enum chip_stop {
    CHIP_TIME,   ///< the time asked for is over
    CHIP_MARKED, ///< a marked instruction is next
    CHIP_CUT,    ///< power has failed: chip_power_on() is next
    CHIP_LOST,   ///< the core runs where no code is; it goes on with the exception that follows
    CHIP_RESET,  ///< the chip is about to begin anew
    CHIP_ASKED,  ///< chip_ask_stop() was called
};

/// What a chip tells of. Each may be NULL.
struct chip_watcher {
    void *context;
    /// A byte leaves a serial port.
    void (*output)(void *context, unsigned port, uint8_t byte);
    /// An exception that is no interrupt; its cause by EXCCAUSE's numbers.
    void (*exception)(void *context, unsigned cause, uint32_t pc, uint32_t address);
    /// The program does what the chip does not bear, or what is not modelled.
    void (*complaint)(void *context, const char *what, uint32_t address, uint32_t pc);
};

struct chip_options {
    const uint8_t *rom; ///< its bytes from 0x40000000 on; NULL: the stand-in
    uint32_t rom_size;
    const struct chip_flash_times *times; ///< NULL: chip_flash_typical
    uint32_t flash_id;                    ///< as the ROM sees it: maker in the low byte; 0: a W25Q of that size
    uint8_t flash_status[2];              ///< status registers 1 and 2, which survive power-off
    uint64_t seed;                        ///< of memory at power-on, tears, weak cells
    struct chip_watcher watcher;
};

enum chip_error {
    CHIP_OK,
    CHIP_ERROR_FLASH_SIZE, ///< no power of two from CHIP_FLASH_SIZE_MIN to CHIP_FLASH_SIZE_MAX
    CHIP_ERROR_ROM_SIZE,   ///< not CHIP_ROM_SIZE
    CHIP_ERROR_MEMORY,     ///< the host has none
};

struct chip;

/// A chip without power, whose flash holds `flash`. What is passed is copied. On success `*chip` is given back with
/// chip_destroy().
enum chip_error chip_create(struct chip **chip, const struct chip_options *options, const uint8_t *flash,
                            uint32_t flash_size);
void chip_destroy(struct chip *chip);
const char *chip_error_text(enum chip_error error);

/// Power comes on: memory holds anything. With another cause than power the ROM finds that one.
void chip_power_on(struct chip *chip, enum chip_reset cause);

/// Runs until the chip's time is `until`, or something else comes first.
enum chip_stop chip_run(struct chip *chip, uint64_t until);

/// From within a watcher: chip_run returns after this instruction.
void chip_ask_stop(struct chip *chip);

/// Plans power cuts: at the flash operation of that number (nor_plan: program and erase commands, counted from 0), and
/// at a time; UINT64_MAX: never. An operation that the time falls into is left as `tear` says.
void chip_cut_at_operation(struct chip *chip, uint32_t number, enum nor_tear tear);
void chip_cut_at_time(struct chip *chip, uint64_t time, enum nor_tear tear);

/// Picoseconds since the first power-on. Power that is off takes no time.
uint64_t chip_time(const struct chip *chip);
uint64_t chip_instructions(const struct chip *chip);

/// A byte for a serial port's input. Returns false when its FIFO is full.
bool chip_input(struct chip *chip, unsigned port, uint8_t byte);
/// Bytes that the program has not taken yet.
unsigned chip_input_waiting(const struct chip *chip, unsigned port);
/// Baud rate that the program has set; 0: none.
uint32_t chip_baud(const struct chip *chip, unsigned port);

/// chip_run returns CHIP_MARKED before the instruction at that address; called again it goes on. Returns false when
/// there are too many marks.
bool chip_mark(struct chip *chip, uint32_t address, bool on);

struct chip_registers {
    uint32_t a[16];
    uint32_t pc;
    uint32_t ps;
    uint32_t sar;
    uint32_t exccause;
    uint32_t excvaddr;
    uint32_t epc1;
};

void chip_registers(const struct chip *chip, struct chip_registers *registers);
void chip_set_registers(struct chip *chip, const struct chip_registers *registers);
/// The word that holds that address, as a debugger sees it: no effect on the chip. 0 where nothing is.
uint32_t chip_peek(const struct chip *chip, uint32_t address);
/// Stores a word into DRAM or IRAM, or into a peripheral's register as the program would. Returns false elsewhere.
bool chip_poke(struct chip *chip, uint32_t address, uint32_t word);
bool chip_cache_on(const struct chip *chip);

struct chip_statistics {
    uint32_t resets; ///< but for power-on
    uint32_t watchdog_resets;
    uint64_t exceptions; ///< but for interrupts
    uint64_t complaints;
    uint32_t operations; ///< of the flash chip: programs and erases
    uint32_t programs;
    uint32_t sector_erases;
    uint32_t block_erases;
    uint32_t status_writes;
    uint32_t overprograms;  ///< programs that asked for a bit to be set
    uint32_t refused;       ///< programs and erases of a protected or unprepared chip
    uint64_t flash_time;    ///< picoseconds of programs and erases
    uint32_t watchdog_left; ///< the least that was left of the watchdog's time when it was fed, in microseconds
};

void chip_statistics(const struct chip *chip, struct chip_statistics *statistics);

/// The flash chip, for faults, weak cells, contents and observers of operations. An operation that the chip is busy
/// with is carried out first.
struct nor *chip_flash(struct chip *chip);

#endif
