/*
 * JSON: a writer that keeps commas, nesting and escapes right.
 *
 * `key` names a member of an object; NULL inside an array and for the outermost value.
 */
#ifndef ONESLOT_HOST_JSON_H
#define ONESLOT_HOST_JSON_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

struct json {
    FILE *out;
    unsigned depth;
    bool filled; ///< the open object or array has a member already
};

void json_begin(struct json *json, FILE *out);
/// Ends the text with a newline.
void json_end(struct json *json);
void json_object(struct json *json, const char *key);
void json_object_end(struct json *json);
void json_array(struct json *json, const char *key);
void json_array_end(struct json *json);
/// `text` may hold any bytes: what is no valid UTF-8 becomes U+FFFD. NULL writes null.
void json_string(struct json *json, const char *key, const char *text);
void json_number(struct json *json, const char *key, uint64_t number);
void json_bool(struct json *json, const char *key, bool value);
void json_null(struct json *json, const char *key);
/// Bytes as a string of lower-case hex digits.
void json_hex(struct json *json, const char *key, const uint8_t *bytes, size_t length);

#endif
