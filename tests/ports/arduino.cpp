/* Arduino's functions that ports/ and the example sketch call, on the device's flash chip. */
#include <Arduino.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>

#include "device.h"

SerialPort Serial;
EspClass ESP;

void setup();
void loop();

void run_program() {
    setup();
    loop();
}

void SerialPort::println(const char *text) {
    std::puts(text);
    std::fflush(stdout);
}

int SerialPort::available() {
    return std::cin.peek() == EOF ? 0 : 1;
}

String SerialPort::readStringUntil(char end) {
    std::string line;
    std::getline(std::cin, line, end);
    return String(line);
}

uint32_t EspClass::getFlashChipRealSize() {
    return CHIP_SIZE;
}

/* The ROM's functions take words. */
static bool aligned(uint32_t address, const uint32_t *data, size_t size) {
    return ((address | size | reinterpret_cast<uintptr_t>(data)) & 3u) == 0;
}

bool EspClass::flashRead(uint32_t address, uint32_t *data, size_t size) {
    return aligned(address, data, size) && flash.read(nullptr, address, data, static_cast<uint32_t>(size)) == 0;
}

bool EspClass::flashWrite(uint32_t address, uint32_t *data, size_t size) {
    return aligned(address, data, size) && flash.program(nullptr, address, data, static_cast<uint32_t>(size)) == 0;
}

bool EspClass::flashEraseSector(uint32_t sector) {
    return flash.erase_sector(nullptr, sector * ONESLOT_SECTOR_SIZE) == 0;
}

void EspClass::restart() {
    ::restart();
}
