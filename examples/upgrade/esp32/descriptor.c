/*
 * What an application tells ESP-IDF's boot loader of itself, and a segment of code in place that it wants to see.
 */
#include <stdint.h>

#define TEXT_OF(number) #number
#define TEXT(number)    TEXT_OF(number)

/// Source: ESP-IDF, components/esp_app_format/include/esp_app_desc.h, esp_app_desc_t.
struct application_descriptor {
    uint32_t magic;
    uint32_t secure_version;
    uint32_t reserved[2];
    char version[32];
    char project[32];
    uint8_t rest[176];
};

_Static_assert(sizeof(struct application_descriptor) == 256, "application descriptor");

__attribute__((section(".descriptor"), used)) const struct application_descriptor descriptor = {
    .magic = 0xabcd5432u,
    .version = TEXT(VERSION),
    .project = "oneslot_example",
};

__attribute__((section(".padding"), used)) const uint32_t padding[4] = {0};
