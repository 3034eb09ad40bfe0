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

#endif
