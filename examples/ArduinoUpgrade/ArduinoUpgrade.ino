// Upgrades itself from /fw.bin on its own file system when a line "upgrade" comes in on the serial port, and has the
// file /old.bin put back if it does not come to confirm() within three restarts.
//
// The device was set up by `oneslot image`; the file came there by `oneslot fs`, over the network, or however.

#include <Oneslot.h>

Oneslot oneslot;

// On the ESP32 family Arduino's core would otherwise confirm every firmware by itself, before setup().
extern "C" bool verifyRollbackLater() {
    return true;
}

static void tell() {
    char text[200];
    if (oneslot.statusText(text, sizeof text)) {
        Serial.println(text);
    } else {
        Serial.println(oneslot.errorText());
    }
}

void setup() {
    Serial.begin(115200);
    if (!oneslot.begin()) {
        Serial.println(oneslot.errorText());
        return;
    }
    tell();
    // Here: whatever shows that this firmware does its work, such as a connection to the network.
    if (!oneslot.confirm()) {
        Serial.println(oneslot.errorText());
    }
}

void loop() {
    if (Serial.available() && Serial.readStringUntil('\n').startsWith("upgrade")) {
        if (oneslot.request("/fw.bin", 3, "/old.bin")) {
            oneslot.restart();
        }
        Serial.println(oneslot.errorText());
    }
}
