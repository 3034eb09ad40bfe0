#include "oneslot/image.h"

const char *oneslot_image_kind_text(enum oneslot_image_kind kind) {
    switch (kind) {
    case ONESLOT_IMAGE_PLAIN:
        return "ESP8266 image";
    case ONESLOT_IMAGE_MICROPYTHON:
        return "MicroPython image";
    case ONESLOT_IMAGE_ARDUINO:
        return "Arduino sketch";
    case ONESLOT_IMAGE_USER1:
        return "boot_v1.x application";
    case ONESLOT_IMAGE_BOOT:
        return "boot loader";
    case ONESLOT_IMAGE_ESP32:
        return "ESP32 image";
    default:
        return "unknown file";
    }
}

const char *oneslot_proof_text(uint8_t proofs) {
    if (proofs & ONESLOT_PROOF_SHA256) {
        return "SHA-256";
    }
    if (proofs & ONESLOT_PROOF_MD5) {
        return "MD5";
    }
    if (proofs & ONESLOT_PROOF_CRC32) {
        return "CRC-32";
    }
    if (proofs & ONESLOT_PROOF_CHECKSUM) {
        return "checksum";
    }
    return proofs & ONESLOT_PROOF_LENGTH ? "length" : "no proof";
}
