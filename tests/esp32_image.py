"""Images, tables and flashes of the ESP32 family, written by nobody's code but this."""

import hashlib
import struct
import zlib

CHIPS = {"esp32": 0, "esp32s2": 2, "esp32c3": 5, "esp32s3": 9, "esp32c2": 12, "esp32c6": 13, "esp32h2": 16}
# Through these windows a program sees flash (data, code), and a place in its RAM.
MEMORY = {
    "esp32": (0x3F400000, 0x400D0000, 0x3FFB0000), "esp32s2": (0x3F000000, 0x40080000, 0x3FFC0000),
    "esp32s3": (0x3C000000, 0x42000000, 0x3FC98000), "esp32c2": (0x3C000000, 0x42000000, 0x3FCB0000),
    "esp32c3": (0x3C000000, 0x42000000, 0x3FC90000), "esp32c6": (0x42000000, 0x42010000, 0x40810000),
    "esp32h2": (0x42000000, 0x42010000, 0x40810000),
}
BOOTLOADER = {"esp32": 0x1000, "esp32s2": 0x1000}
SIZES = {1 << 20: 0, 2 << 20: 1, 4 << 20: 2, 8 << 20: 3, 16 << 20: 4}
NVS, PHY, OTADATA, FAT, SPIFFS, LITTLEFS = (1, 2), (1, 1), (1, 0), (1, 0x81), (1, 0x82), (1, 0x83)
FACTORY, OTA_0, OTA_1, TEST = (0, 0), (0, 0x10), (0, 0x11), (0, 0x20)
JOURNAL, SETTINGS = (0x40, 2), (0x40, 3)


def bootloader_at(chip):
    return BOOTLOADER.get(chip, 0)


def image(chip, segments, digest=True, flash_size=4 << 20, entry=None):
    """`segments`: (address, bytes) in the order of the file."""
    out = struct.pack("<BBBBIB3sHBHHIB", 0xE9, len(segments), 2, SIZES[flash_size] << 4,
                      entry or segments[-1][0], 0xEE, b"\0\0\0", CHIPS[chip], 0, 0, 0xFFFF, 0, int(digest))
    checksum = 0xEF
    for address, data in segments:
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    out += b"\0" * (15 - len(out) % 16) + bytes([checksum])
    return out + hashlib.sha256(out).digest() if digest else out


def description(version="1.2.3", project="test", idf="v5.2.2", date="Nov  1 2024", secure=0):
    return struct.pack("<II8x32s32s16s16s32s32s80x", 0xABCD5432, secure, version.encode(), project.encode(),
                       b"12:00:00", date.encode(), idf.encode(), b"\x5a" * 32)


def application(chip="esp32", version="1.2.3", size=70000, seed=b"a", digest=True, text=b"", **how):
    """An application of at least `size` bytes, whose segments lie as the pages of flash ask for. `text` is among its
    constants."""
    data, code, ram = MEMORY[chip]
    noise = b"".join(hashlib.sha256(seed + struct.pack("<I", at)).digest() for at in range(size // 32))
    drom = description(version, **how) + text.ljust(-(-len(text) // 4) * 4, b"\0") + noise[: len(noise) // 2 & ~3]
    words = noise[len(noise) // 2 & ~3 :]
    segments = [(data + 0x20, drom), (ram, b"\x11" * 64)]
    at = 24 + sum(8 + len(part) for _, part in segments) + 8
    segments.append((code + at % 0x10000, words[: len(words) & ~3]))
    return image(chip, segments, digest, entry=code + at % 0x10000)


def bootloader(chip="esp32", flash_size=4 << 20, digest=True):
    ram = {"esp32": 0x3FFF0000, "esp32s2": 0x3FFE0000}.get(chip, MEMORY[chip][2] + 0x10000)
    return image(chip, [(ram, b"boot" * 300), (ram + 0x2000, b"load" * 700)], digest, flash_size)


def installer(chip="esp32"):
    return application(chip, "0.1.0", 3000, b"installer", project="oneslot")


def table(rows, md5=True):
    """`rows`: (name, (type, subtype), address, size[, flags])."""
    out = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row[1], row[2], row[3], row[0].encode(), *(row[4:] or (0,)))
                   for row in rows)
    if md5:
        out += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(out).digest()
    return out.ljust(0xC00, b"\xff")


def otadata(sequence, state=0xFFFFFFFF):
    """One entry; its CRC as ESP-IDF computes it, over the sequence number alone."""
    crc = zlib.crc32(struct.pack("<I", sequence), 0xFFFFFFFF)
    return struct.pack("<I20sII", sequence, b"\xff" * 20, state, crc)


def flash(chip, rows, parts, size=4 << 20, boot=None):
    """A whole flash: `parts` are (address, bytes)."""
    out = bytearray(b"\xff" * size)
    boot = boot if boot is not None else bootloader(chip, size)
    for at, data in [(bootloader_at(chip), boot), (0x8000, table(rows)), *parts]:
        out[at : at + len(data)] = data
    return bytes(out)


STOCK = [("nvs", NVS, 0x9000, 0x6000), ("phy_init", PHY, 0xF000, 0x1000), ("factory", FACTORY, 0x10000, 0x1F0000),
         ("vfs", FAT, 0x200000, 0x200000)]
TWO_SLOTS = [("nvs", NVS, 0x9000, 0x5000), ("otadata", OTADATA, 0xE000, 0x2000), ("app0", OTA_0, 0x10000, 0x140000),
             ("app1", OTA_1, 0x150000, 0x140000), ("spiffs", SPIFFS, 0x290000, 0x160000),
             ("coredump", (1, 3), 0x3F0000, 0x10000)]


def combined(chip="esp32", app=None, rows=STOCK, flash_size=4 << 20, **boot):
    """What projects ship: boot loader, table and application in one file, from the boot loader's place on."""
    app = app or application(chip)
    at = next(row[2] for row in rows if row[1][0] == 0)
    whole = flash(chip, rows, [(at, app)], boot=bootloader(chip, flash_size, **boot), size=4 << 20)
    return whole[bootloader_at(chip) : at + len(app)]
