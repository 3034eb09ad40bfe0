/*
 * The device's programs, as host/embedded.S puts them into the tool.
 */
#ifndef ONESLOT_HOST_EMBEDDED_H
#define ONESLOT_HOST_EMBEDDED_H

#include <stdint.h>

extern const uint8_t embedded_loader[];
extern const uint8_t embedded_loader_end[];
extern const uint8_t embedded_installer[];
extern const uint8_t embedded_installer_end[];

/// The installers of the ESP32 family's chips: rows of a name, a size, and so many bytes, up to a row without a name.
extern const uint8_t embedded_installers[];
#define EMBEDDED_NAME 12u
#define EMBEDDED_ROW  16u

#endif
