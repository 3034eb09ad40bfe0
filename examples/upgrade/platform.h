/*
 * What the example firmware needs of its chip: esp8266.c, esp32/platform.c.
 */
#ifndef EXAMPLE_PLATFORM_H
#define EXAMPLE_PLATFORM_H

#include "oneslot/oneslot.h"

/// The example itself. Returns when there is nothing more to do.
void firmware_main(void);

void platform_open(struct oneslot_flash *flash);
/// Finds Oneslot in the flash.
enum oneslot_error platform_find(struct oneslot *oneslot, const struct oneslot_flash *flash);
/// Keeps the running firmware: ends a trial.
enum oneslot_error platform_confirm(struct oneslot *oneslot);
/// Flash address of the table.
uint32_t platform_table(void);
void platform_reset(void) __attribute__((noreturn));

#endif
