#include <stddef.h>

#include "sim/esp8266/soc.h"

/* Registers, by word. */
#define FIFO      0u
#define RAW       1u
#define PENDING   2u
#define ENABLED   3u
#define CLEAR     4u
#define DIVIDER   5u
#define STATUS    7u
#define CONTROL0  8u
#define CONTROL1  9u
#define REGISTERS 32u

#define RAW_FULL     0x001u
#define RAW_EMPTY    0x002u
#define RAW_OVERFLOW 0x010u
#define RAW_TIMEOUT  0x100u

#define CONTROL0_RESET_INPUT 0x20000u
#define INTERRUPT            5u
/// 115200 baud at 80 MHz, while the program has set nothing.
#define DIVIDER_UNSET 694u
/// Levels of the modem lines that nobody drives.
#define STATUS_IDLE 0xe000e000u

/// Ten bits.
static uint64_t byte_ticks(const struct uart *uart) {
    uint32_t divider = uart->reg[DIVIDER] & 0xfffffu;
    return (divider == 0 ? DIVIDER_UNSET : divider) * UINT64_C(10);
}

/// Bytes that wait to be sent.
static unsigned waiting(const struct chip *chip, const struct uart *uart) {
    uint64_t now = clock_ticks(chip);
    if (uart->sent_until <= now) {
        return 0;
    }
    return (unsigned)((uart->sent_until - now + byte_ticks(uart) - 1) / byte_ticks(uart));
}

static bool update_port(const struct chip *chip, struct uart *uart) {
    uint32_t full = uart->reg[CONTROL1] & 0x7f;
    uint32_t empty = uart->reg[CONTROL1] >> 8 & 0x7f;
    bool times_out = uart->reg[CONTROL1] >> 31 != 0;
    if (uart->count > full || (full != 0 && uart->count >= full)) {
        uart->raw |= RAW_FULL;
    }
    if (waiting(chip, uart) <= empty) {
        uart->raw |= RAW_EMPTY;
    }
    if (uart->count != 0 && times_out && clock_ticks(chip) - uart->last_input >= byte_ticks(uart) * 2) {
        uart->raw |= RAW_TIMEOUT;
    }
    return (uart->raw & uart->reg[ENABLED]) != 0;
}

void uart_update(struct chip *chip) {
    uint32_t line = 0;
    for (unsigned port = 0; port < CHIP_SERIAL_PORTS; port++) {
        line |= update_port(chip, &chip->uart[port]) ? 1u << port * 2 : 0;
    }
    chip->dport[DPORT_UART] = (chip->dport[DPORT_UART] & ~5u) | line;
    chip->cpu.lines = line != 0 ? chip->cpu.lines | 1u << INTERRUPT : chip->cpu.lines & ~(1u << INTERRUPT);
    soc_look_again(chip);
}

bool chip_input(struct chip *chip, unsigned port, uint8_t byte) {
    struct uart *uart = &chip->uart[port];
    if (uart->count >= UART_FIFO) {
        uart->raw |= RAW_OVERFLOW;
        return false;
    }
    uart->fifo[(uart->head + uart->count++) % UART_FIFO] = byte;
    uart->last_input = clock_ticks(chip);
    uart_update(chip);
    return true;
}

unsigned chip_input_waiting(const struct chip *chip, unsigned port) {
    return chip->uart[port].count;
}

uint32_t chip_baud(const struct chip *chip, unsigned port) {
    uint32_t divider = chip->uart[port].reg[DIVIDER] & 0xfffffu;
    return divider == 0 ? 0 : (chip->clock.pll ? 80000000u : 52000000u) / divider;
}

static uint32_t take_input(struct uart *uart) {
    if (uart->count == 0) {
        return 0;
    }
    uint8_t byte = uart->fifo[uart->head];
    uart->head = (uart->head + 1) % UART_FIFO;
    uart->count--;
    return byte;
}

/// A program that asks while bytes wait to be sent waits for the next one to leave.
static uint32_t load_status(struct chip *chip, const struct uart *uart) {
    unsigned left = waiting(chip, uart);
    uint32_t status = uart->count | left << 16 | STATUS_IDLE;
    if (left > 0) {
        soc_wait(chip, clock_cycle_at_tick(chip, uart->sent_until - (left - 1) * byte_ticks(uart)));
    }
    return status;
}

uint32_t uart_load(struct chip *chip, unsigned port, unsigned index) {
    struct uart *uart = &chip->uart[port];
    switch (index) {
    case FIFO:
        return take_input(uart);
    case RAW:
        uart_update(chip);
        return uart->raw;
    case PENDING:
        uart_update(chip);
        return uart->raw & uart->reg[ENABLED];
    case STATUS:
        return load_status(chip, uart);
    default:
        return uart->reg[index % REGISTERS];
    }
}

static void send(struct chip *chip, unsigned port, uint8_t byte) {
    struct uart *uart = &chip->uart[port];
    uint64_t now = clock_ticks(chip);
    uart->sent_until = (uart->sent_until > now ? uart->sent_until : now) + byte_ticks(uart);
    if (waiting(chip, uart) > UART_FIFO) {
        soc_complain(chip, "more bytes than the serial port's FIFO holds, the last one", byte);
    }
    if (chip->watcher.output != NULL) {
        chip->watcher.output(chip->watcher.context, port, byte);
    }
}

void uart_store(struct chip *chip, unsigned port, unsigned index, uint32_t value) {
    struct uart *uart = &chip->uart[port];
    uart->reg[index % REGISTERS] = value;
    switch (index) {
    case FIFO:
        send(chip, port, (uint8_t)value);
        break;
    case CLEAR:
        uart->raw &= ~value;
        break;
    case CONTROL0:
        if ((value & CONTROL0_RESET_INPUT) != 0) {
            uart->count = 0;
        }
        break;
    default:
        break;
    }
    uart_update(chip);
}
