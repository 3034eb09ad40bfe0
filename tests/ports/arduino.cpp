/* Arduino's functions that ports/ and the example sketch call, on the device's flash chip. */
#include <Arduino.h>
#include <MD5Builder.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>

#include "bearssl_hash.h"
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

static br_md5_context *md5(uint64_t *context) {
    return reinterpret_cast<br_md5_context *>(context);
}

void MD5Builder::begin() {
    static_assert(sizeof(br_md5_context) <= sizeof context, "the one lies in the other");
    br_md5_init(md5(context));
}

void MD5Builder::add(uint8_t *data, uint16_t length) {
    br_md5_update(md5(context), data, length);
}

void MD5Builder::calculate() {
    br_md5_out(md5(context), digest);
}

void MD5Builder::getBytes(uint8_t *output) {
    std::memcpy(output, digest, sizeof digest);
}
