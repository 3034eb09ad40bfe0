#!/usr/bin/env python3
"""Turns an ELF file into an ESP8266 image: a 0xE9 header, its segments in RAM, the boot ROM's checksum.

With --in-place the part linked at 0x40209000 is put behind them in the layout that MicroPython's images have: the
image's length at 0x8ffc, the part at 0x9000, an MD5 over bytes 4 to the length at the end. Such an image carries the
proof of its whole content.
"""
import argparse
import hashlib
import struct
import sys

FLASH_WINDOW = 0x40200000
IN_PLACE_OFFSET = 0x9000
PT_LOAD = 1


def read_elf(path):
    """Returns the entry address and the loadable parts as (address, bytes)."""
    with open(path, "rb") as file:
        elf = file.read()
    if elf[:6] != b"\x7fELF\x01\x01":
        sys.exit(f"mkimage: {path} is no 32-bit little-endian ELF file")
    entry, table = struct.unpack_from("<II", elf, 0x18)
    size, count = struct.unpack_from("<HH", elf, 0x2A)
    parts = []
    for index in range(count):
        kind, offset, address, _, length = struct.unpack_from("<5I", elf, table + index * size)
        if kind == PT_LOAD and length:
            data = elf[offset : offset + length]
            parts.append((address, data + bytes(-len(data) % 4)))
    return entry, sorted(parts)


def read_segment(path):
    """A file that holds a segment as it is in an image: address, length, data."""
    with open(path, "rb") as file:
        segment = file.read()
    address, length = struct.unpack_from("<II", segment)
    if length % 4 or len(segment) != 8 + length:
        sys.exit(f"mkimage: {path} is no segment")
    return address, segment[8:]


def boot_image(entry, segments, mode, size_and_clock):
    """The part that the boot ROM reads. Every segment's length is a multiple of 4."""
    image = struct.pack("<BBBBI", 0xE9, len(segments), mode, size_and_clock, entry)
    checksum = 0xEF
    for address, data in segments:
        image += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    return image + bytes(15 - len(image) % 16) + bytes([checksum])


def with_proof(image, in_place):
    """Adds what is run or read in place, the length and the MD5."""
    if len(image) > IN_PLACE_OFFSET - 4:
        sys.exit("mkimage: the RAM segments do not fit before 0x8ffc")
    image += b"\xff" * (IN_PLACE_OFFSET - 4 - len(image))
    image += struct.pack("<I", IN_PLACE_OFFSET + len(in_place)) + in_place
    return image + hashlib.md5(image[4:]).digest()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("elf")
    parser.add_argument("-o", "--output", required=True)
    parser.add_argument("--flash-mode", type=lambda text: int(text, 0), default=2, help="header byte 2 (2: DIO)")
    parser.add_argument("--flash-size", type=lambda text: int(text, 0), default=0x40, help="header byte 3 (0x40: 4 MB)")
    parser.add_argument("--in-place", action="store_true", help="MicroPython's layout, with length and MD5")
    parser.add_argument("--segment", action="append", default=[], help="file with one more segment")
    parser.add_argument("--limit", type=lambda text: int(text, 0), help="refuse a larger image")
    arguments = parser.parse_args()
    entry, parts = read_elf(arguments.elf)
    in_place = [data for address, data in parts if address >= FLASH_WINDOW]
    segments = [part for part in parts if part[0] < FLASH_WINDOW] + [read_segment(path) for path in arguments.segment]
    image = boot_image(entry, segments, arguments.flash_mode, arguments.flash_size)
    if arguments.in_place:
        image = with_proof(image, b"".join(in_place))
    elif in_place:
        sys.exit("mkimage: a part is linked into the flash window: give --in-place")
    if arguments.limit is not None and len(image) > arguments.limit:
        sys.exit(f"mkimage: {arguments.output} would have {len(image)} bytes, {arguments.limit} at the most")
    with open(arguments.output, "wb") as file:
        file.write(image)


if __name__ == "__main__":
    main()
