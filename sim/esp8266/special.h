/*
 * The core's special registers, by their numbers: RSR, WSR and XSR.
 */
#ifndef SIM_ESP8266_SPECIAL_H
#define SIM_ESP8266_SPECIAL_H

#include "sim/esp8266/cpu.h"

/// A number that no register has reads 0, and a write there does nothing.
uint32_t special_read(struct cpu *cpu, unsigned number);
void special_write(struct cpu *cpu, unsigned number, uint32_t value);

#endif
