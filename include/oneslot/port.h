/*
 * The device that the program itself runs on: Oneslot in an application for ESP-IDF or Arduino.
 *
 * Open with oneslot_port_open() instead of oneslot_open() and confirm with oneslot_port_confirm(); all other calls are
 * those of oneslot.h. One task at a time; not from an interrupt. Implemented by one of ports/.
 */
#ifndef ONESLOT_PORT_H
#define ONESLOT_PORT_H

#include "oneslot/oneslot.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Finds Oneslot in this device's flash. Returns what oneslot_open() or oneslot_open_table() does, or FLASH_ENCRYPTED.
enum oneslot_error oneslot_port_open(struct oneslot *oneslot);

/// Ends a trial well, as oneslot_confirm(), and tells ESP-IDF's boot loader where it waits for it. Harmless at any
/// other time. Returns what oneslot_confirm() does, or OTADATA_WRITE.
enum oneslot_error oneslot_port_confirm(struct oneslot *oneslot);

/// Restarts the device, for a request to be carried out. Does not return.
void oneslot_port_restart(void);

#ifdef __cplusplus
}
#endif

#endif
