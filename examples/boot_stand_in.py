#!/usr/bin/env python3
"""Makes a boot loader's image for `make demo` on the ESP32 family: header, one empty segment, checksum, SHA-256.

The board has its own model of ESP-IDF's boot loader and reads the header alone. A device needs the real one.
"""
import hashlib
import struct
import sys

NUMBERS = {"esp32": 0, "esp32c3": 5, "esp32s3": 9}
MEMORY = {"esp32": 0x3FFF0018, "esp32c3": 0x3FCD5710, "esp32s3": 0x3FCE3810}
DIO, FLASH_4MB, NO_PIN, ANY_REVISION = 2, 0x20, 0xEE, 0xFFFF


def main():
    chip, output = sys.argv[1:]
    data = bytes(16)
    image = struct.pack("<BBBBI", 0xE9, 1, DIO, FLASH_4MB, MEMORY[chip])
    image += struct.pack("<B3xHBHH4xB", NO_PIN, NUMBERS[chip], 0, 0, ANY_REVISION, 1)
    image += struct.pack("<II", MEMORY[chip], len(data)) + data
    image += bytes(15 - len(image) % 16) + b"\xef"
    with open(output, "wb") as file:
        file.write(image + hashlib.sha256(image).digest())


if __name__ == "__main__":
    main()
