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


def xtensa_code(at, text, calls):
    """A function that takes the address `text`, behind its literal, and so many calls of it: as GCC makes them."""
    function = at + 4
    out = struct.pack("<I", text) + b"\x36\x41\x00"  # entry a1, 32
    back = (at - ((function + 3 + 3) & ~3)) >> 2 & 0xFFFF
    out += struct.pack("<BH", 0x21, back) + b"\x1d\xf0"  # l32r a2; retw.n
    out = out.ljust(16, b"\0")
    for _ in range(calls):
        place = at + len(out)
        away = (function - ((place & ~3) + 4)) >> 2 & 0x3FFFF
        out += (away << 6 | 0x25).to_bytes(3, "little") + b"\0"
    return out


def riscv_code(at, text, calls):
    """The same: the calls come first, and every other one is compressed."""
    function = at + 4 * calls
    out = b""
    for number in range(calls):
        away = function - at - len(out)
        if number % 2:
            bits = ((away >> 11 & 1) << 12 | (away >> 4 & 1) << 11 | (away >> 8 & 3) << 9 | (away >> 10 & 1) << 8
                    | (away >> 6 & 1) << 7 | (away >> 7 & 1) << 6 | (away >> 1 & 7) << 3 | (away >> 5 & 1) << 2)
            out += struct.pack("<HH", 0x2001 | bits, 1)  # c.jal; c.nop
        else:
            out += struct.pack("<I", (away >> 20 & 1) << 31 | (away >> 1 & 0x3FF) << 21 | (away >> 11 & 1) << 20
                               | (away >> 12 & 0xFF) << 12 | 0xEF)  # jal ra
    low = text & 0xFFF
    high = (text + 0x800) & 0xFFFFF000
    return out + struct.pack("<IIHH", high | 0x537, low << 20 | 10 << 15 | 0x513, 0x8082, 1)  # lui; addi; ret


def bootloader(chip="esp32", flash_size=4 << 20, digest=True, rollback=None, md5=None):
    """`rollback`: whether its code writes otadata in several places; None: it does not tell. `md5`: of the table."""
    ram = {"esp32": 0x3FFF0000, "esp32s2": 0x3FFE0000}.get(chip, MEMORY[chip][2] + 0x10000)
    data, code = b"boot" * 300, b"load" * 700
    if rollback is not None:
        text = b"\0E (%d) %s: Error in write_otadata operation. err = 0x%x\n\0"
        make = xtensa_code if chip in ("esp32", "esp32s2", "esp32s3") else riscv_code
        code = make(ram + 0x2000, ram + len(data) + 1, 3 if rollback else 1) + code
        data += text.ljust(-(-len(text) // 4) * 4, b"\0")
    if md5 is not None:
        data += b"\0E (%d) %s: partition %d invalid magic number 0x%x\n\0\0\0\0"
        data += b"\0E (%d) %s: Only one MD5 checksum is allowed\n\0" * md5
        data = data.ljust(-(-len(data) // 4) * 4, b"\0")
    return image(chip, [(ram, data), (ram + 0x2000, code)], digest, flash_size)


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
