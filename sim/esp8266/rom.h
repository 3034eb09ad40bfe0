/*
 * The stand-in for the chip's boot ROM, sim/esp8266/rom: CHIP_ROM_SIZE bytes, built for the chip and embedded.
 */
#ifndef SIM_ESP8266_ROM_H
#define SIM_ESP8266_ROM_H

#include <stdint.h>

extern const uint8_t chip_rom_stand_in[];

#endif
