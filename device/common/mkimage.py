#!/usr/bin/env python3
"""Turns an ELF file into an image: a 0xE9 header, segments, a checksum.

ESP8266: the segments in RAM, for the boot ROM.

With --in-place the part linked at 0x40209000 is put behind them in the layout that MicroPython's images have: the
image's length at 0x8ffc, the part at 0x9000, an MD5 over bytes 4 to the length at the end. Such an image carries the
proof of its whole content.

ESP32 family, with --application: what ESP-IDF's second-stage boot loader starts, with its extended header and a SHA-256
behind (ESP-IDF, components/bootloader_support/include/esp_app_format.h). Segments keep the order of the ELF file; the
first two are mapped. The chip's number is the first of the table that the
symbol `chip` names.
"""
import argparse
import hashlib
import struct
import sys

FLASH_WINDOW = 0x40200000
IN_PLACE_OFFSET = 0x9000
PT_LOAD = 1
SYMBOL_TABLE = 2
FLASH_PAGE = 65536
MAPPED_SEGMENTS = 2
CHECKSUM_START = 0xEF
NO_PIN = 0xEE
ANY_REVISION = 0xFFFF


def open_elf(path):
    with open(path, "rb") as file:
        elf = file.read()
    if elf[:6] != b"\x7fELF\x01\x01":
        sys.exit(f"mkimage: {path} is no 32-bit little-endian ELF file")
    return elf


def read_parts(elf):
    """Returns the entry address and the loadable parts as (address, bytes), in the order of the file."""
    entry, table = struct.unpack_from("<II", elf, 0x18)
    size, count = struct.unpack_from("<HH", elf, 0x2A)
    parts = []
    for index in range(count):
        kind, offset, address, _, length = struct.unpack_from("<5I", elf, table + index * size)
        if kind == PT_LOAD and length:
            data = elf[offset : offset + length]
            parts.append((address, data + bytes(-len(data) % 4)))
    return entry, parts


def symbol_value(elf, wanted):
    table = struct.unpack_from("<I", elf, 0x20)[0]
    size, count = struct.unpack_from("<HH", elf, 0x2E)
    headers = [struct.unpack_from("<7I", elf, table + index * size) for index in range(count)]
    for _, kind, _, _, offset, length, link in headers:
        for at in range(offset, offset + length, 16) if kind == SYMBOL_TABLE else ():
            name, value = struct.unpack_from("<II", elf, at)
            name += headers[link][4]
            if elf[name : elf.index(0, name)].decode() == wanted:
                return value
    sys.exit(f"mkimage: there is no symbol {wanted}")


def chip_number(elf, parts):
    """The first field of the chip's table."""
    place = symbol_value(elf, "chip")
    for address, data in parts:
        if address <= place < address + len(data):
            return struct.unpack_from("<H", data, place - address)[0]
    sys.exit("mkimage: the chip's table is not in the image")


def read_segment(path):
    """A file that holds a segment as it is in an image: address, length, data."""
    with open(path, "rb") as file:
        segment = file.read()
    address, length = struct.unpack_from("<II", segment)
    if length % 4 or len(segment) != 8 + length:
        sys.exit(f"mkimage: {path} is no segment")
    return address, segment[8:]


def with_segments(image, segments):
    """Adds the segments and the checksum, in the last byte of a line of 16."""
    checksum = CHECKSUM_START
    for address, data in segments:
        image += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    return image + bytes(15 - len(image) % 16) + bytes([checksum])


def boot_image(entry, segments, mode, size_and_clock):
    """The part that the boot ROM reads. Every segment's length is a multiple of 4."""
    return with_segments(struct.pack("<BBBBI", 0xE9, len(segments), mode, size_and_clock, entry), segments)


def application_image(entry, segments, chip, mode, size_and_clock):
    """An application for ESP-IDF's boot loader, for all revisions of the chip."""
    image = struct.pack("<BBBBI", 0xE9, len(segments), mode, size_and_clock, entry)
    image += struct.pack("<B3xHBHH4xB", NO_PIN, chip, 0, 0, ANY_REVISION, 1)
    offset = len(image)
    for index, (address, data) in enumerate(segments):
        offset += 8
        if index < MAPPED_SEGMENTS and (address - offset) % FLASH_PAGE:
            sys.exit(f"mkimage: segment {index} is at 0x{offset:x}, which cannot be mapped to 0x{address:08x}")
        offset += len(data)
    image = with_segments(image, segments)
    return image + hashlib.sha256(image).digest()


def with_proof(image, in_place):
    """Adds what is run or read in place, the length and the MD5."""
    if len(image) > IN_PLACE_OFFSET - 4:
        sys.exit("mkimage: the RAM segments do not fit before 0x8ffc")
    image += b"\xff" * (IN_PLACE_OFFSET - 4 - len(image))
    image += struct.pack("<I", IN_PLACE_OFFSET + len(in_place)) + in_place
    return image + hashlib.md5(image[4:]).digest()


def esp8266_image(entry, parts, arguments):
    in_place = [data for address, data in parts if address >= FLASH_WINDOW]
    segments = [part for part in parts if part[0] < FLASH_WINDOW] + [read_segment(path) for path in arguments.segment]
    image = boot_image(entry, segments, arguments.flash_mode, arguments.flash_size)
    if arguments.in_place:
        return with_proof(image, b"".join(in_place))
    if in_place:
        sys.exit("mkimage: a part is linked into the flash window: give --in-place")
    return image


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("elf")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--flash-mode", type=lambda text: int(text, 0), default=2, help="header byte 2 (2: DIO)")
    parser.add_argument("--flash-size", type=lambda text: int(text, 0), default=0x40, help="header byte 3 (0x40: 4 MB)")
    parser.add_argument("--in-place", action="store_true", help="MicroPython's layout, with length and MD5")
    parser.add_argument("--application", action="store_true", help="an application of the ESP32 family")
    parser.add_argument("--segment", action="append", default=[], help="file with one more segment")
    parser.add_argument("--limit", type=lambda text: int(text, 0), help="refuse a larger image")
    arguments = parser.parse_args()
    elf = open_elf(arguments.elf)
    entry, parts = read_parts(elf)
    if arguments.application:
        chip = chip_number(elf, parts)
        image = application_image(entry, parts, chip, arguments.flash_mode, arguments.flash_size)
    else:
        image = esp8266_image(entry, sorted(parts), arguments)
    if arguments.limit is not None and len(image) > arguments.limit:
        sys.exit(f"mkimage: {arguments.output} would have {len(image)} bytes, {arguments.limit} at the most")
    with open(arguments.output, "wb") as file:
        file.write(image)


if __name__ == "__main__":
    main()
