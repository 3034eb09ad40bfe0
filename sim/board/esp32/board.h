/*
 * The boards of the ESP32 family: boot ROM, flash chip, RTC watchdog, reset and the vendor's second-stage boot loader,
 * as code that runs on QEMU's bare cores: `de212` for the Xtensa chips, `rv32` for the RISC-V ones.
 *
 * One board serves every chip of its architecture; the chips differ by a table (chips.c).
 */
#ifndef ONESLOT_BOARD_H
#define ONESLOT_BOARD_H

#include "sim/board/shared/shared.h"
#include "sim/bootloader.h"

/// A call of a ROM function as the stub finds it. start.S knows these offsets.
struct rom_call {
    uint32_t link;  ///< return address
    uint32_t stack; ///< stack pointer of the ROM function
    uint32_t argument[8];
    uint32_t counter_in;
    uint32_t (*function)(struct rom_call *call);
    uint32_t counter_out;
};
typedef uint32_t rom_function(struct rom_call *call);

#define CHIPS       7u
#define CHIP_RANGES 5u
#define CHIP_EFUSES 3u

struct range {
    uint32_t from;
    uint32_t to; ///< exclusive
};

/// What the boards' chips differ in. Addresses of ROM functions are in rom.c.
struct chip {
    uint16_t number;   ///< in the header of its images (esp_chip_id_t)
    uint16_t revision; ///< a usual one, 100 x major + minor
    /// Registers that tell it.
    struct {
        uint32_t address;
        uint32_t value;
    } efuse[CHIP_EFUSES];
    uint32_t cpu_mhz;
    const char *name;
    uint32_t boot_loader; ///< its place in flash
    /// Memory whose content nobody knows at power-on.
    struct range ram[CHIP_RANGES];
    /// Where every version of the boot loader lets a program's segments lie.
    struct range load[CHIP_RANGES];
    struct range drom;
    struct range irom;
    uint32_t mmu_mask; ///< of an address, where both windows share the MMU's entries; 0: each has its own
    struct range peripherals[2];
    uint32_t stack; ///< of the boot loader when it enters the program
    /// The ROM's description of the flash chip, or the pointer to it.
    uint32_t flash_chip;
    uint32_t flash_chip_pointer; ///< 0: there is none
    uint32_t watchdog_config;
    uint32_t watchdog_feed;
    uint32_t watchdog_protect;
};

/* chips.c */
extern const struct chip *chip;
/// Position in the table, which is that of rom.c's columns.
extern uint32_t chip_index;
/// Looks up MAILBOX->chip.
void chip_select(void);

/* start.S of the architecture */
extern struct rom_call rom_frame;
extern struct board_registers trap_frame;
void rom_enter(void);
void trap_exception(void);
/// Calls `entry` as the boot loader does, with interrupts off, on `stack`.
void enter_program(uint32_t entry, uint32_t stack) __attribute__((noreturn));
/// Ends the run: the program returned to the boot loader. Called by enter_program.
void program_returned(void) __attribute__((noreturn));

/* port.c of the architecture */
/// Vectors and what else lies at fixed places; the ROM is all zero before.
void port_install(void);
/// Puts a stub at `address` that calls `function`.
void port_stub(uint32_t address, rom_function *function);
/// Argument `at` of a call of a function that takes as many as it is given.
uint32_t port_argument(const struct rom_call *call, uint32_t at);
/// Instructions in that many counts of the counter; what is left goes to the next call.
uint32_t port_instructions(uint32_t counts);
/// Ends the run with what the exception says.
void port_exception(void) __attribute__((noreturn));

/* rom.c */
void rom_install(void);
uint32_t rom_dispatch(void);

/* clock.c: the time that has passed for the program, and the RTC watchdog that the boot loader leaves running. */
uint64_t clock_us(void);
void watchdog_start(void);
/// Takes what the program wrote into its registers; resets when its time is up.
void watchdog_look(void);

/* boot.c */
/// Reset reasons as rtc_get_reset_reason has them (ESP-IDF: esp_rom, rom/rtc.h).
enum reset_reason {
    RESET_POWER_ON = 1,
    RESET_SOFTWARE = 3,
    RESET_SOFTWARE_CPU = 12,
    RESET_WATCHDOG = 16,
};
extern uint32_t boot_reason;
void board_main(void) __attribute__((noreturn));
void reset(enum reset_reason reason) __attribute__((noreturn));

/* loader.c: the second-stage boot loader, behind its choice. */
void boot_loader_run(void) __attribute__((noreturn));

/* choice.c */
/// Chooses as the vendor's boot loader does and fills in MAILBOX->started; ends the run when nothing can be started.
void choose(struct bootloader_image *image);

#endif
