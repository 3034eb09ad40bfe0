/* What a peer is put together from: a flash chip in memory, one kind of device, one way to open it. */
#ifndef ONESLOT_TESTS_PEER_H
#define ONESLOT_TESTS_PEER_H

#include "oneslot/oneslot.h"

#define FLASH_SIZE 0x100000u

extern uint8_t chip[FLASH_SIZE];
extern const struct oneslot_flash flash;

/* The kind: peer_layout.c (loader of Oneslot), peer_table.c (ESP-IDF's boot loader). */

/// Writes into the erased chip what `oneslot image` would.
void provision(void);

/// A command that only that kind has. Returns ARGUMENT for one it does not know.
enum oneslot_error own_command(struct oneslot *device, const char *command, int count, char **arguments);

/* The way: open_layout.c, open_table.c. */

enum oneslot_error open_device(struct oneslot *device);
enum oneslot_error confirm_device(struct oneslot *device);

#endif
