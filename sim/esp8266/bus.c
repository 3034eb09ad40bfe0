/*
 * The memory map: where loads, stores and instruction fetches go.
 */
#include <string.h>

#include "sim/esp8266/soc.h"

#define UART0       0x60000000u
#define UART1       0x60000f00u
#define UART_SIZE   0x80u
#define SPI1        0x60000100u
#define SPI0        0x60000200u
#define GPIO_PINS   0x60000318u
#define FRC1        0x60000600u
#define FRC2        0x60000620u
#define FRC_SIZE    0x20u
#define RTC_RESET   0x60000700u
#define RTC_CAUSE   0x60000714u
#define RTC_COUNT   0x6000071cu
#define WATCHDOG    0x60000900u
#define WDT_STAGE   0x60000910u
#define WDT_SIZE    0x18u
#define ANALOG      0x60000d00u
#define ANALOG_SIZE 0x40u

#define RESET_NOW 0x80000000u
#define COUNT     0x4u
/// Straps: boot from flash, and what the ROM prints as the second number of the boot mode.
#define PINS_FLASH_BOOT 0xc0030000u
#define PINS_MASK       0x1ff8ffffu

/// Bits of DPORT's cache register that the cache answers in.
#define CACHE_FLUSH  0x001u
#define CACHE_EMPTY  0x002u
#define CACHE_ANSWER 0x202u

/// Cycles that a peripheral's register takes beyond one.
#define LOAD_CYCLES  4
#define STORE_CYCLES 1

const struct code *bus_code(void *bus, uint32_t pc) {
    struct chip *chip = bus;
    if (pc - ROM_BASE < CHIP_ROM_SIZE) {
        return &chip->code_rom;
    }
    if (pc - IRAM_BASE < chip->code_iram.size) {
        return &chip->code_iram;
    }
    if (pc - WINDOW_BASE < WINDOW_SIZE && cache_is_on(chip)) {
        return &chip->code_window;
    }
    soc_complain(chip, pc - WINDOW_BASE < WINDOW_SIZE ? "code in flash while the cache is off, at" : "no code at", pc);
    soc_stop(chip, CHIP_LOST);
    return NULL;
}

/* Peripherals: registers of 32 bits. */

static uint32_t io_load(struct chip *chip, uint32_t address) {
    uint32_t value = chip->io[IO(address)];
    if (address - UART0 < UART_SIZE) {
        return uart_load(chip, 0, (address - UART0) / 4);
    }
    if (address - UART1 < UART_SIZE) {
        return uart_load(chip, 1, (address - UART1) / 4);
    }
    switch (address) {
    case GPIO_PINS:
        return (value & PINS_MASK) | PINS_FLASH_BOOT;
    case FRC1 + COUNT:
        return frc_value(chip, 0);
    case FRC2 + COUNT:
        return frc_value(chip, 1);
    case RTC_CAUSE:
        return (value & ~0xfu) | chip->cause;
    case RTC_COUNT:
        return (uint32_t)(clock_ps(chip) / RTC_TICK);
    case WDT_STAGE:
        return chip->watchdog.stage;
    default:
        return radio_load(chip, address, value);
    }
}

/// Registers that set or clear bits of the one at `target`. Returns whether it is one.
static bool store_bits(struct chip *chip, uint32_t address, uint32_t value) {
    // GPIO: output, direction, interrupt state.
    static const struct {
        uint32_t set, clear, target;
    } registers[] = {{0x60000304, 0x60000308, 0x60000300},
                     {0x60000310, 0x60000314, 0x6000030c},
                     {0x60000320, 0x60000324, 0x6000031c}};
    for (unsigned i = 0; i < 3; i++) {
        if (address == registers[i].set) {
            chip->io[IO(registers[i].target)] |= value;
            return true;
        }
        if (address == registers[i].clear) {
            chip->io[IO(registers[i].target)] &= ~value;
            return true;
        }
    }
    return false;
}

static void io_store(struct chip *chip, uint32_t address, uint32_t value) {
    uint32_t *place = &chip->io[IO(address)];
    uint32_t before = *place;
    if (address - UART0 < UART_SIZE) {
        uart_store(chip, 0, (address - UART0) / 4, value);
        return;
    }
    if (address - UART1 < UART_SIZE) {
        uart_store(chip, 1, (address - UART1) / 4, value);
        return;
    }
    *place = value;
    if (address == SPI0 || address == SPI1) {
        spi_command(chip, place, value, address == SPI0);
    } else if (address - FRC1 < 2 * FRC_SIZE) {
        frc_store(chip, (address - FRC1) / FRC_SIZE, (address - FRC1) % FRC_SIZE, value);
    } else if (address == RTC_RESET) {
        if ((value & RESET_NOW) != 0) {
            soc_ask_reset(chip, CHIP_RESET_PIN);
        }
    } else if (address - WATCHDOG < WDT_SIZE) {
        watchdog_store(chip, address, before, value);
    } else if (address - ANALOG < ANALOG_SIZE) {
        analog_store(chip, (address - ANALOG) / 4, place, value);
    } else if (!store_bits(chip, address, value)) {
        radio_store(chip, address, value);
    }
}

static uint32_t dport_load(const struct chip *chip, uint32_t index) {
    uint32_t value = chip->dport[index];
    if (index == DPORT_CACHE) {
        return (value & ~CACHE_ANSWER) | ((value & CACHE_FLUSH) != 0 ? CACHE_EMPTY : 0);
    }
    return value;
}

static void dport_store(struct chip *chip, uint32_t index, uint32_t value) {
    uint32_t before = chip->dport[index];
    if (index == DPORT_CLOCK) {
        clock_keep(chip);
        soc_look_again(chip);
    }
    chip->dport[index] = value;
    if (index == DPORT_CACHE) {
        cache_control(chip, before);
    } else if (index == DPORT_BANK) {
        cache_banks(chip, before);
    }
}

static uint32_t load_register(struct chip *chip, uint32_t address) {
    if (address - IO_BASE < IO_SIZE) {
        return io_load(chip, address);
    }
    if (address - DPORT_BASE < DPORT_SIZE) {
        return dport_load(chip, (address - DPORT_BASE) / 4);
    }
    if (address - WDEV_BASE < WDEV_SIZE) {
        return radio_wdev_load(chip, (address - WDEV_BASE) / 4);
    }
    soc_complain(chip, "a load from where nothing is:", address);
    return 0;
}

static void store_register(struct chip *chip, uint32_t address, uint32_t value) {
    if (address - IO_BASE < IO_SIZE) {
        io_store(chip, address, value);
    } else if (address - DPORT_BASE < DPORT_SIZE) {
        dport_store(chip, (address - DPORT_BASE) / 4, value);
    } else if (address - WDEV_BASE < WDEV_SIZE) {
        chip->wdev[(address - WDEV_BASE) / 4] = value;
    } else {
        soc_complain(chip, "a store to where nothing is:", address);
    }
}

/// The register as it was last written; where nothing is, 0.
static uint32_t written(const struct chip *chip, uint32_t address) {
    return address - IO_BASE < IO_SIZE         ? chip->io[IO(address)]
           : address - DPORT_BASE < DPORT_SIZE ? chip->dport[(address - DPORT_BASE) / 4]
           : address - WDEV_BASE < WDEV_SIZE   ? chip->wdev[(address - WDEV_BASE) / 4]
                                               : 0;
}

/// Memory that is read by words alone; NULL elsewhere, and where the cache has or is off.
static const uint8_t *word_memory(struct chip *chip, uint32_t address) {
    if (address - IRAM_BASE < IRAM_SIZE) {
        if (cache_leaves(chip, address - IRAM_BASE)) {
            return chip->iram + (address - IRAM_BASE);
        }
        soc_complain(chip, "a load from IRAM that the cache has:", address);
    } else if (address - WINDOW_BASE < WINDOW_SIZE) {
        if (cache_is_on(chip)) {
            return chip->window + (address - WINDOW_BASE);
        }
        soc_complain(chip, "a load from flash while the cache is off:", address);
    } else if (address - ROM_BASE < CHIP_ROM_SIZE) {
        return chip->rom + (address - ROM_BASE);
    }
    return NULL;
}

static bool is_word_memory(uint32_t address) {
    return address - IRAM_BASE < IRAM_SIZE || address - WINDOW_BASE < WINDOW_SIZE || address - ROM_BASE < CHIP_ROM_SIZE;
}

enum cpu_cause bus_load(void *bus, uint32_t address, unsigned size, uint32_t *value) {
    struct chip *chip = bus;
    *value = 0;
    if ((address & (size - 1)) != 0) {
        return CAUSE_ALIGNMENT;
    }
    if (address - DRAM_BASE < DRAM_SIZE) {
        memcpy(value, chip->dram + (address - DRAM_BASE), size);
        return CAUSE_NONE;
    }
    if (is_word_memory(address)) {
        if (size != 4) {
            return CAUSE_LOAD_STORE_ERROR;
        }
        const uint8_t *place = word_memory(chip, address);
        if (place != NULL) {
            memcpy(value, place, 4);
        }
        return CAUSE_NONE;
    }
    if (address < PROHIBITED_END) {
        return CAUSE_LOAD_PROHIBITED;
    }
    chip->cpu.cycles += LOAD_CYCLES;
    uint32_t word = load_register(chip, address & ~3u);
    *value = size == 4 ? word : word >> (address & 3) * 8 & (size == 1 ? 0xffu : 0xffffu);
    return CAUSE_NONE;
}

static void store_iram(struct chip *chip, uint32_t offset, uint32_t value) {
    if (!cache_leaves(chip, offset)) {
        soc_complain(chip, "a store to IRAM that the cache has:", IRAM_BASE + offset);
        return;
    }
    memcpy(chip->iram + offset, &value, 4);
    code_forget(&chip->code_iram, offset, 4);
}

enum cpu_cause bus_store(void *bus, uint32_t address, unsigned size, uint32_t value) {
    struct chip *chip = bus;
    if ((address & (size - 1)) != 0) {
        return CAUSE_ALIGNMENT;
    }
    if (address - DRAM_BASE < DRAM_SIZE) {
        memcpy(chip->dram + (address - DRAM_BASE), &value, size);
        return CAUSE_NONE;
    }
    if (is_word_memory(address)) {
        if (size != 4) {
            return CAUSE_LOAD_STORE_ERROR;
        }
        if (address - IRAM_BASE < IRAM_SIZE) {
            store_iram(chip, address - IRAM_BASE, value);
        } else {
            soc_complain(chip, "a store to read-only memory:", address);
        }
        return CAUSE_NONE;
    }
    if (address < PROHIBITED_END) {
        return CAUSE_STORE_PROHIBITED;
    }
    uint32_t word = address & ~3u;
    chip->cpu.cycles += STORE_CYCLES;
    if (size != 4) {
        uint32_t shift = (address & 3) * 8;
        uint32_t mask = (size == 1 ? 0xffu : 0xffffu) << shift;
        value = (written(chip, word) & ~mask) | (value << shift & mask);
    }
    store_register(chip, word, value);
    return CAUSE_NONE;
}

void bus_exception(void *bus, enum cpu_cause cause, uint32_t address) {
    struct chip *chip = bus;
    if (cause == CAUSE_INTERRUPT) {
        return;
    }
    chip->exceptions++;
    if (chip->watcher.exception != NULL) {
        chip->watcher.exception(chip->watcher.context, cause, chip->cpu.pc, address);
    }
}

void bus_marked(void *bus, uint32_t pc) {
    (void)pc;
    soc_stop(bus, CHIP_MARKED);
}

uint32_t chip_peek(const struct chip *chip, uint32_t address) {
    const uint8_t *place = NULL;
    uint32_t word;
    address &= ~3u;
    if (address - DRAM_BASE < DRAM_SIZE) {
        place = chip->dram + (address - DRAM_BASE);
    } else if (address - IRAM_BASE < IRAM_SIZE) {
        place = chip->iram + (address - IRAM_BASE);
    } else if (address - ROM_BASE < CHIP_ROM_SIZE) {
        place = chip->rom + (address - ROM_BASE);
    } else if (address - WINDOW_BASE < WINDOW_SIZE) {
        place = chip->window + (address - WINDOW_BASE);
    } else {
        return written(chip, address);
    }
    memcpy(&word, place, 4);
    return word;
}

bool chip_poke(struct chip *chip, uint32_t address, uint32_t word) {
    if ((address & 3) != 0) {
        return false;
    }
    if (address - DRAM_BASE < DRAM_SIZE) {
        memcpy(chip->dram + (address - DRAM_BASE), &word, 4);
        return true;
    }
    if (address - IRAM_BASE < IRAM_SIZE) {
        memcpy(chip->iram + (address - IRAM_BASE), &word, 4);
        code_forget(&chip->code_iram, address - IRAM_BASE, 4);
        return true;
    }
    if (address - IO_BASE < IO_SIZE) {
        io_store(chip, address, word);
        return true;
    }
    return false;
}
