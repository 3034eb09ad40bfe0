/* A device on which a program for ESP-IDF or Arduino runs: a flash chip that was read from a file. */
#ifndef ONESLOT_TESTS_DEVICE_H
#define ONESLOT_TESTS_DEVICE_H

#ifdef __cplusplus
extern "C" {
#endif

#include "oneslot/flash.h"

#define CHIP_SIZE 0x100000u

extern uint8_t chip[CHIP_SIZE];
extern const struct oneslot_flash flash;

/// The program: a sketch's setup() and one loop(), or app_main().
void run_program(void);

/// The device restarts: the flash goes back to its file, and nothing after the call runs.
void restart(void) __attribute__((noreturn));

#ifdef __cplusplus
}
#endif

#endif
