/*
 * The ESP8266's insides: what the parts of the model share.
 */
#ifndef SIM_ESP8266_SOC_H
#define SIM_ESP8266_SOC_H

#include "sim/esp8266/chip.h"
#include "sim/esp8266/cpu.h"
#include "sim/esp8266/serial_flash.h"

#define ROM_BASE    0x40000000u
#define IRAM_BASE   0x40100000u
#define IRAM_SIZE   0x10000u
#define DRAM_BASE   0x3ffe8000u
#define DRAM_SIZE   0x18000u
#define WINDOW_BASE 0x40200000u
#define WINDOW_SIZE 0x100000u
#define DPORT_BASE  0x3ff00000u
#define DPORT_SIZE  0x1000u
#define WDEV_BASE   0x3ff20000u
#define WDEV_SIZE   0x10000u
#define IO_BASE     0x60000000u
#define IO_SIZE     0x10000u
#define RTC_MEMORY  0x60001000u
#define RTC_SIZE    0x400u

/// Below it a load or store is an exception; above it an address that nothing answers reads as 0.
#define PROHIBITED_END 0x20000000u

/// Instructions may be fetched up to three bytes past a memory's end.
#define FETCH_ROOM 4u

/* Word indices. */
#define IO(address)        (((address)-IO_BASE) / 4)
#define DPORT_EDGES        (0x04u / 4) /* which events are interrupts */
#define DPORT_NMI          (0x00u / 4)
#define DPORT_CACHE        (0x0cu / 4)
#define DPORT_CLOCK        (0x14u / 4)
#define DPORT_UART         (0x20u / 4)
#define DPORT_BANK         (0x24u / 4)
#define DPORT_CLOCK_160MHZ 1u

/// About 160 kHz: RTC_TICK picoseconds.
#define RTC_TICK 6250000u

#define UART_FIFO 128u

struct uart {
    uint32_t reg[32];
    uint32_t raw;        ///< interrupts that are pending, masked or not
    uint64_t sent_until; ///< tick at which the last byte leaves
    uint8_t fifo[UART_FIFO];
    unsigned head, count;
    uint64_t last_input; ///< tick
};

/// FRC1 counts down, FRC2 up.
struct frc {
    uint32_t load, control, alarm;
    uint32_t value; ///< at `since`
    uint64_t since; ///< tick
};

/// Cycles of the core, picoseconds and ticks of the peripherals' clock, at the last change of clock.
struct clock {
    bool pll; ///< the PLL is set for the crystal of 26 MHz: 80 MHz, not 52
    uint64_t cycles, ps, ticks;
};

struct watchdog {
    uint64_t at; ///< tick of the next stage; UINT64_MAX: off
    unsigned stage;
    uint64_t least; ///< ticks that were left when it was fed
};

struct chip {
    struct cpu cpu;
    struct serial_flash flash;
    struct chip_watcher watcher;
    uint8_t rom[CHIP_ROM_SIZE + FETCH_ROOM];
    uint8_t iram[IRAM_SIZE + FETCH_ROOM];
    uint8_t dram[DRAM_SIZE + FETCH_ROOM];
    uint8_t window[WINDOW_SIZE + FETCH_ROOM]; ///< what the cache shows
    struct code code_rom, code_iram, code_window;
    uint32_t window_flash; ///< flash address of the window's first byte
    bool window_filled;

    uint32_t io[IO_SIZE / 4]; ///< registers as written
    uint32_t dport[DPORT_SIZE / 4];
    uint32_t wdev[WDEV_SIZE / 4];
    uint8_t analog[16][256][16]; ///< behind its own bus: host, block, register
    struct uart uart[CHIP_SERIAL_PORTS];
    struct frc frc[2];
    struct clock clock;
    struct watchdog watchdog;

    enum chip_reset cause;
    uint64_t next_look; ///< cycle up to which nothing happens by itself
    uint64_t polled;    ///< cycle at which a program last asked for something that takes time, and was told to wait
    bool reset_asked;
    bool off; ///< power was cut
    bool stopping;
    enum chip_stop stop;
    uint64_t cut_time;
    enum nor_tear cut_tear;
    uint64_t random;
    uint32_t resets, watchdog_resets;
    uint64_t exceptions, complaints;
};

/* clock.c */
uint64_t clock_ticks(const struct chip *chip);
uint64_t clock_ps(const struct chip *chip);
/// To be called before the clock changes.
void clock_keep(struct chip *chip);
/// Cycle of the core at which a tick or a time comes.
uint64_t clock_cycle_at_tick(const struct chip *chip, uint64_t tick);
uint64_t clock_cycle_at(const struct chip *chip, uint64_t ps);
/// Lets time pass without instructions.
void clock_spend(struct chip *chip, uint64_t ps);

/* chip.c */
/// A program was told to wait. If it asks again and again, as loops do, time passes at once until that cycle, or until
/// something happens: it is the same to the program, and less work for the host.
void soc_wait(struct chip *chip, uint64_t cycle);
/// Has chip_run look at everything again after this instruction.
void soc_look_again(struct chip *chip);
void soc_stop(struct chip *chip, enum chip_stop reason);
void soc_complain(struct chip *chip, const char *what, uint32_t address);
void soc_ask_reset(struct chip *chip, enum chip_reset cause);
uint32_t soc_random(struct chip *chip);

/* cache.c: the window of flash, and the IRAM that the cache takes. */
bool cache_is_on(const struct chip *chip);
/// DPORT's cache register was written.
void cache_control(struct chip *chip, uint32_t before);
/// DPORT's bank register was written.
void cache_banks(struct chip *chip, uint32_t before);
bool cache_leaves(const struct chip *chip, uint32_t iram_offset);
/// The flash changed there.
void cache_flash_changed(struct chip *chip, uint32_t address, uint32_t length);
void code_forget(struct code *code, uint32_t offset, uint32_t length);
void code_forget_all(struct code *code);

/* spi.c */
/// A command register was written: SPI0 is the flash's controller, SPI1 leads to pins.
void spi_command(struct chip *chip, uint32_t *registers, uint32_t command, bool flash);

/* uart.c */
void uart_update(struct chip *chip);
uint32_t uart_load(struct chip *chip, unsigned port, unsigned index);
void uart_store(struct chip *chip, unsigned port, unsigned index, uint32_t value);

/* timers.c */
uint32_t frc_value(const struct chip *chip, unsigned which);
uint64_t frc_at(const struct chip *chip, unsigned which);
void frc_event(struct chip *chip, unsigned which);
void frc_store(struct chip *chip, unsigned which, uint32_t offset, uint32_t value);

/* watchdog.c */
void watchdog_start(struct chip *chip);
void watchdog_event(struct chip *chip);
void watchdog_store(struct chip *chip, uint32_t address, uint32_t before, uint32_t value);

/* radio.c: what the vendor's start-up code polls until it is done, and measurements that must be plausible. */
uint32_t radio_load(struct chip *chip, uint32_t address, uint32_t value);
void radio_store(struct chip *chip, uint32_t address, uint32_t value);
uint32_t radio_wdev_load(struct chip *chip, uint32_t index);
void analog_store(struct chip *chip, unsigned host, uint32_t *reg, uint32_t value);
/// The fuses, and what else is there from the start.
void radio_reset(struct chip *chip);

#endif
