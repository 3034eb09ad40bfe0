#include "sim/board/shared/shared.h"

#include <stdarg.h>

static char line[BOARD_LINE_SIZE];
static uint32_t length;
static bool line_rom;
static bool returned; ///< the last character was a carriage return

static bool holds(const char *text, uint32_t text_length, const char *part) {
    uint32_t part_length = rom_strlen(part);

    for (uint32_t at = 0; part_length > 0 && at + part_length <= text_length; at++) {
        if (rom_memcmp(text + at, part, part_length) == 0) {
            return true;
        }
    }
    return false;
}

static void keep(void) {
    struct board_line *kept = (struct board_line *)BOARD_LINES + MAILBOX->lines;

    if (MAILBOX->lines >= BOARD_LINES_MAX) {
        return;
    }
    kept->instructions = MAILBOX->instructions;
    kept->length = length;
    kept->rom = line_rom;
    rom_memcpy(kept->text, line, length);
    MAILBOX->lines++;
}

/// Ends a line: with a carriage return when the next one is printed over it.
static void end_line(char end) {
    uint32_t done = length;

    if (length == 0) {
        return;
    }
    keep();
    length = 0;
    line[done] = end;
    host_write(line, done + 1);
    if (holds(line, done, MAILBOX->until)) {
        finish(BOARD_TEXT, "", 0);
    }
}

void console_flush(void) {
    end_line('\n');
}

void console_char(char character, bool rom) {
    if (character == '\n') {
        returned = false;
        console_flush();
        return;
    }
    if (character == '\r' || character == 0) {
        returned = character == '\r';
        return;
    }
    if (returned) {
        returned = false;
        end_line('\r');
    }
    if (length == 0) {
        line_rom = rom;
    }
    line[length++] = character;
    if (length == BOARD_LINE_SIZE - 1) {
        console_flush();
    }
}

struct field {
    uint32_t width;
    char pad;
    bool left;
};

static void put_text(const char *text, uint32_t text_length, const struct field *field, bool rom) {
    uint32_t fill = field->width > text_length ? field->width - text_length : 0;

    for (uint32_t i = 0; !field->left && i < fill; i++) {
        console_char(field->pad, rom);
    }
    for (uint32_t i = 0; i < text_length; i++) {
        console_char(text[i], rom);
    }
    for (uint32_t i = 0; field->left && i < fill; i++) {
        console_char(' ', rom);
    }
}

static void put_number(uint32_t number, uint32_t base, bool negative, bool upper, const struct field *field, bool rom) {
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    struct field rest = *field;
    char text[36];
    uint32_t at = sizeof text;

    do {
        text[--at] = digits[number % base];
        number /= base;
    } while (number != 0);
    if (negative && field->pad == '0') {
        console_char('-', rom);
        rest.width = rest.width > 0 ? rest.width - 1 : 0;
    } else if (negative) {
        text[--at] = '-';
    }
    put_text(text + at, sizeof text - at, &rest, rom);
}

static const char *read_field(const char *format, struct field *field) {
    field->left = *format == '-';
    format += field->left;
    field->pad = *format == '0' ? '0' : ' ';
    field->width = 0;
    for (; *format >= '0' && *format <= '9'; format++) {
        field->width = field->width * 10 + (uint32_t)(*format - '0');
    }
    while (*format == 'l' || *format == 'h') {
        format++;
    }
    return format;
}

static void put_argument(char kind, uint32_t value, const struct field *field, bool rom) {
    char character = (char)value;
    const char *text = value != 0 ? (const char *)(uintptr_t)value : "(null)";

    switch (kind) {
    case 'd':
    case 'i':
        put_number((int32_t)value < 0 ? 0u - value : value, 10, (int32_t)value < 0, false, field, rom);
        break;
    case 'u':
        put_number(value, 10, false, false, field, rom);
        break;
    case 'o':
        put_number(value, 8, false, false, field, rom);
        break;
    case 'x':
    case 'X':
    case 'p':
        put_number(value, 16, false, kind == 'X', field, rom);
        break;
    case 'c':
        put_text(&character, 1, field, rom);
        break;
    case 's':
        put_text(text, rom_strlen(text), field, rom);
        break;
    default:
        console_char(kind, rom);
        break;
    }
}

void console_format(const char *format, console_next *next, void *context, bool rom) {
    for (; *format != 0; format++) {
        struct field field;

        if (*format != '%') {
            console_char(*format, rom);
            continue;
        }
        format = read_field(format + 1, &field);
        if (*format == 0) {
            return;
        }
        put_argument(*format, *format == '%' ? 0 : next(context), &field, rom);
    }
}

static uint32_t next_of_list(void *context) {
    return va_arg(*(va_list *)context, uint32_t);
}

void console_rom(const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    console_format(format, next_of_list, &arguments, true);
    va_end(arguments);
}
