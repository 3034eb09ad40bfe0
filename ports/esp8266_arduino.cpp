/* Oneslot in an application for Arduino on the ESP8266. */
#include <Arduino.h>
#include <MD5Builder.h>

#include "oneslot/port.h"

extern "C" {
#include "../core/md5.h"
}

/* Core 2.x takes words that are not const, 3.x has a second form for bytes: this fits both. */

static uint32_t *words(const void *data) {
    return static_cast<uint32_t *>(const_cast<void *>(data));
}

static int port_read(void *, uint32_t address, void *buffer, uint32_t length) {
    return ESP.flashRead(address, words(buffer), length) ? 0 : -1;
}

static int port_program(void *, uint32_t address, const void *data, uint32_t length) {
    return ESP.flashWrite(address, words(data), length) ? 0 : -1;
}

static int port_erase(void *, uint32_t address) {
    return ESP.flashEraseSector(address / ONESLOT_SECTOR_SIZE) ? 0 : -1;
}

/* For the partition tables of layout.h and map.h alone: a device of this kind has none to be opened by. */
void oneslot_md5(const void *data, uint32_t length, uint8_t digest[ONESLOT_MD5_SIZE]) {
    MD5Builder md5;
    md5.begin();
    md5.add(static_cast<uint8_t *>(const_cast<void *>(data)), static_cast<uint16_t>(length));
    md5.calculate();
    md5.getBytes(digest);
}

enum oneslot_error oneslot_port_open(struct oneslot *oneslot) {
    const struct oneslot_flash flash = {nullptr, ESP.getFlashChipRealSize(), port_read, port_program, port_erase,
                                        nullptr};
    return oneslot_open(oneslot, &flash);
}

enum oneslot_error oneslot_port_confirm(struct oneslot *oneslot) {
    return oneslot_confirm(oneslot);
}

void oneslot_port_restart(void) {
    ESP.restart();
}
