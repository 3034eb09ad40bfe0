/*
 * The device's programs, as host/embedded.S puts them into the tool.
 */
#ifndef ONESLOT_HOST_EMBEDDED_H
#define ONESLOT_HOST_EMBEDDED_H

#include <stdbool.h>
#include <stdint.h>

/// Whether the installer takes packages: as device/esp8266/installer.c sets take_package.
#define EMBEDDED_TAKES_PACKAGES true

extern const uint8_t embedded_loader[];
extern const uint8_t embedded_loader_end[];
extern const uint8_t embedded_installer[];
extern const uint8_t embedded_installer_end[];

#endif
