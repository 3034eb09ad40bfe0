#include <stdarg.h>

#include "sim/esp8266/rom/rom.h"

#define STATUS_WAITING 0x00ff0000u

/// Waits until all that was sent before is out.
uint32_t rom_tx_char(uint32_t character) {
    while ((WORD(UART_STATUS) & STATUS_WAITING) != 0) {
    }
    WORD(UART_FIFO) = character;
    return 0;
}

void rom_write_char(char character) {
    if (character == '\r') {
        return;
    }
    if (character == '\n') {
        rom_tx_char('\r');
    }
    rom_tx_char((uint8_t)character);
}

struct field {
    int32_t width;
    char pad;
    bool left;
    int count; ///< characters printed
};

static void put(struct field *field, char character) {
    rom_write_char(character);
    field->count++;
}

/// A sign goes before zeros and behind spaces.
static void put_padded(struct field *field, char sign, const char *text, int32_t length) {
    int32_t fill = field->width - length - (sign != 0);
    if (sign != 0 && field->pad == '0') {
        put(field, sign);
        sign = 0;
    }
    for (; !field->left && fill > 0; fill--) {
        put(field, field->pad);
    }
    if (sign != 0) {
        put(field, sign);
    }
    for (int32_t i = 0; i < length; i++) {
        put(field, text[i]);
    }
    for (; field->left && fill > 0; fill--) {
        put(field, ' ');
    }
}

static void put_number(struct field *field, uint32_t number, uint32_t base, bool negative, bool upper) {
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char text[12];
    uint32_t at = sizeof text;
    do {
        text[--at] = digits[number % base];
        number /= base;
    } while (number != 0);
    put_padded(field, negative ? '-' : 0, text + at, (int32_t)(sizeof text - at));
}

static const char *read_field(const char *format, struct field *field) {
    field->left = *format == '-';
    format += field->left;
    field->pad = *format == '0' ? '0' : ' ';
    field->width = 0;
    for (; *format >= '0' && *format <= '9'; format++) {
        field->width = field->width * 10 + (*format - '0');
    }
    return format + (*format == 'l');
}

static void put_argument(struct field *field, char kind, uint32_t value) {
    char character = (char)value;
    switch (kind) {
    case 'd': {
        bool negative = (int32_t)value < 0;
        put_number(field, negative ? 0u - value : value, 10, negative, false);
        break;
    }
    case 'u':
        put_number(field, value, 10, false, false);
        break;
    case 'x':
    case 'X':
        put_number(field, value, 16, false, kind == 'X');
        break;
    case 'c':
        put_padded(field, 0, &character, 1);
        break;
    default: {
        const char *text = value != 0 ? (const char *)(uintptr_t)value : "<null>";
        int32_t length = 0;
        while (text[length] != 0) {
            length++;
        }
        put_padded(field, 0, text, length);
        break;
    }
    }
}

/// %d %u %x %X %c %s %%, with width, zero and minus. Returns how many characters were printed.
int rom_printf(const char *format, ...) {
    struct field field = {.count = 0};
    va_list arguments;
    va_start(arguments, format);
    for (; *format != 0; format++) {
        if (*format != '%') {
            put(&field, *format);
            continue;
        }
        format = read_field(format + 1, &field);
        if (*format == '%') {
            rom_write_char('%'); // not counted
        } else {
            put_argument(&field, *format, va_arg(arguments, uint32_t));
        }
    }
    va_end(arguments);
    return field.count;
}
