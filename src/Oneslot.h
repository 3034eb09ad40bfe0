/*
 * Oneslot for Arduino sketches, ESP8266 and ESP32 family: ask for an upgrade from a file on the device, confirm it,
 * read how the last one ended.
 *
 *     Oneslot oneslot;
 *     oneslot.begin();
 *     if (oneslot.request("/fw.bin")) oneslot.restart();
 *
 * The rules of each call are those of include/oneslot/oneslot.h. Each call returns whether it went well; error() and
 * errorText() say what did not.
 */
#ifndef ONESLOT_ARDUINO_H
#define ONESLOT_ARDUINO_H

#include "oneslot/port.h"
#include "oneslot/save.h"

class Oneslot {
  public:
    /// Finds Oneslot in the flash; before any other call.
    bool begin() {
        return ended(oneslot_port_open(&device));
    }

    /// Asks for a file to be installed at the next restart.
    /// `trial`: boots in which the new firmware must call confirm(); else `fallback`, a file, is put back.
    /// `sha256`: 32 bytes that the file's must equal.
    bool request(const char *path, uint32_t trial = 0, const char *fallback = nullptr,
                 const uint8_t *sha256 = nullptr) {
        const struct oneslot_options options = {sha256, fallback, trial};
        return ended(oneslot_request(&device, path, &options));
    }

    /// Takes back a request that was not yet started.
    bool cancel() {
        return ended(oneslot_cancel(&device));
    }

    /// Ends a trial well: the new firmware stays.
    bool confirm() {
        return ended(oneslot_port_confirm(&device));
    }

    /// Writes the firmware that runs to a file, piece by piece, so that there is something to go back to.
    bool save(const struct oneslot_save_options &options, oneslot_save_write *write) {
        return ended(oneslot_save(&device, &options, write));
    }

    /// Reads how things stand.
    bool status(struct oneslot_status &status) {
        return ended(oneslot_status(&device, &status));
    }

    /// How things stand, in a sentence that is cut to `size` bytes.
    bool statusText(char *text, uint32_t size) {
        struct oneslot_status now;
        if (!status(now)) {
            return false;
        }
        oneslot_status_text(&now, text, size);
        return true;
    }

    /// Restarts the device, for a request to be carried out. Does not return.
    void restart() {
        oneslot_port_restart();
    }

    enum oneslot_error error() const {
        return last;
    }

    const char *errorText() const {
        return oneslot_error_text(last);
    }

  private:
    bool ended(enum oneslot_error error) {
        last = error;
        return error == ONESLOT_ERROR_NONE;
    }

    struct oneslot device = {};
    enum oneslot_error last = ONESLOT_ERROR_NONE;
};

#endif
