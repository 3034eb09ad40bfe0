/*
 * What lies in flash and is only mapped, because the boot loader wants it there: the application descriptor, which must
 * be first, and a segment of code that never runs.
 */
#include <stdint.h>

/// Shown by esptool and by the application that looks at the partition.
#define INSTALLER_VERSION "0.1.0"

/// Source: ESP-IDF, components/esp_app_format/include/esp_app_desc.h, esp_app_desc_t.
struct application_descriptor {
    uint32_t magic;
    uint32_t secure_version;
    uint32_t reserved[2];
    char version[32];
    char project[32];
    char time[16];
    char date[16];
    char framework[32];
    uint8_t elf_sha256[32];
    uint16_t block_revision_min; ///< of eFuse
    uint16_t block_revision_max; ///< 0: no upper bound
    uint8_t page_size;           ///< 0: the boot loader's own
    uint8_t more[75];
};

_Static_assert(sizeof(struct application_descriptor) == 256, "application descriptor");

/// Time and date stay empty, so that the same sources give the same bytes.
__attribute__((section(".descriptor"), used)) const struct application_descriptor descriptor = {
    .magic = 0xabcd5432u,
    .version = INSTALLER_VERSION,
    .project = "oneslot",
};

__attribute__((section(".padding"), used)) const uint32_t padding[4] = {0};
