#include "host/json.h"

#include <string.h>

void json_begin(struct json *json, FILE *out) {
    *json = (struct json){.out = out};
}

void json_end(struct json *json) {
    fputc('\n', json->out);
}

static void indent(struct json *json) {
    fputc('\n', json->out);
    for (unsigned level = 0; level < json->depth; level++) {
        fputs("  ", json->out);
    }
}

/// Length of the UTF-8 sequence at `text`; 0 if it is not a valid one (overlong forms and surrogates included).
static unsigned sequence_length(const unsigned char *text) {
    unsigned char first = text[0];
    if (first < 0x80) {
        return 1;
    }
    unsigned length = first >= 0xc2 && first < 0xe0   ? 2
                      : first >= 0xe0 && first < 0xf0 ? 3
                      : first >= 0xf0 && first < 0xf5 ? 4
                                                      : 0;
    for (unsigned index = 1; index < length; index++) {
        if ((text[index] & 0xc0) != 0x80) {
            return 0;
        }
    }
    bool overlong = (first == 0xe0 && text[1] < 0xa0) || (first == 0xf0 && text[1] < 0x90);
    bool outside = (first == 0xed && text[1] >= 0xa0) || (first == 0xf4 && text[1] >= 0x90);
    return overlong || outside ? 0 : length;
}

static void quoted(struct json *json, const char *text) {
    fputc('"', json->out);
    for (const unsigned char *at = (const unsigned char *)text; *at != 0;) {
        unsigned length = sequence_length(at);
        if (length == 0) {
            fputs("\\ufffd", json->out);
            at++;
        } else if (length > 1) {
            fwrite(at, 1, length, json->out);
            at += length;
        } else {
            if (*at == '"' || *at == '\\') {
                fprintf(json->out, "\\%c", *at);
            } else if (*at < 0x20 || *at == 0x7f) {
                fprintf(json->out, "\\u%04x", *at);
            } else {
                fputc(*at, json->out);
            }
            at++;
        }
    }
    fputc('"', json->out);
}

static void member(struct json *json, const char *key) {
    if (json->depth > 0) {
        if (json->filled) {
            fputc(',', json->out);
        }
        indent(json);
    }
    json->filled = true;
    if (key != NULL) {
        quoted(json, key);
        fputs(": ", json->out);
    }
}

static void open_bracket(struct json *json, const char *key, char bracket) {
    member(json, key);
    fputc(bracket, json->out);
    json->depth++;
    json->filled = false;
}

static void close_bracket(struct json *json, char bracket) {
    json->depth--;
    if (json->filled) {
        indent(json);
    }
    fputc(bracket, json->out);
    json->filled = true;
}

void json_object(struct json *json, const char *key) {
    open_bracket(json, key, '{');
}

void json_object_end(struct json *json) {
    close_bracket(json, '}');
}

void json_array(struct json *json, const char *key) {
    open_bracket(json, key, '[');
}

void json_array_end(struct json *json) {
    close_bracket(json, ']');
}

void json_string(struct json *json, const char *key, const char *text) {
    if (text == NULL) {
        json_null(json, key);
        return;
    }
    member(json, key);
    quoted(json, text);
}

void json_number(struct json *json, const char *key, uint64_t number) {
    member(json, key);
    fprintf(json->out, "%llu", (unsigned long long)number);
}

void json_bool(struct json *json, const char *key, bool value) {
    member(json, key);
    fputs(value ? "true" : "false", json->out);
}

void json_null(struct json *json, const char *key) {
    member(json, key);
    fputs("null", json->out);
}

void json_hex(struct json *json, const char *key, const uint8_t *bytes, size_t length) {
    member(json, key);
    fputc('"', json->out);
    for (size_t index = 0; index < length; index++) {
        fprintf(json->out, "%02x", bytes[index]);
    }
    fputc('"', json->out);
}
