#!/usr/bin/env python3
"""Makes the seeds of the fuzz targets: synthetic inputs, each reaching a part that chance would not find.

    tests/fuzz/seeds.py FOLDER

writes FOLDER/NAME/seed-* for every target. The same every time. The kept corpus (tests/fuzz/corpus) is these and what
a minimised run found beside them.
"""

import hashlib
import lzma
import random
import re
import struct
import sys
import zlib
from pathlib import Path

from littlefs import LittleFS


def words(*values):
    return struct.pack(f"<{len(values)}I", *values)


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def pieces(flash, gap=24):
    """What of a flash is not erased, as the targets take it (input_flash)."""
    found = b""
    for match in re.finditer(rb"(?s)[^\xff](?:.{0,%d}[^\xff])*" % gap, bytes(flash)):
        for at in range(match.start(), match.end(), 0xFFFF):
            part = flash[at:min(at + 0xFFFF, match.end())]
            found += struct.pack("<I", at)[:3] + struct.pack("<H", len(part)) + bytes(part)
    return found


# LZMA


def stream(data, lc=0, lp=0, pb=0, dictionary=4096, filter=0, size=None, chunk=15):
    """An input of the target `unpack`: parameters as in a package, the unpacked size, bytes asked for at once."""
    packed = lzma.compress(data, lzma.FORMAT_RAW, filters=[
        {"id": lzma.FILTER_LZMA1, "lc": lc, "lp": lp, "pb": pb, "dict_size": dictionary}])
    header = struct.pack("<BBI", filter, lc + 9 * (lp + 5 * pb), dictionary)
    return header + words(len(data) if size is None else size) + bytes([chunk]) + packed


def code(size, kind):
    """Bytes that the filters change: calls, loads and jumps between others."""
    generator = random.Random(size)
    patterns = {1: [0x05, 0xC5, 0x01, 0x21], 2: [0x25, 0xE5, 0x01, 0x21], 3: [0xEF, 0x6F, 0x97, 0xE7]}[kind]
    return b"".join(bytes([generator.choice(patterns), *generator.choices([0, 0x80, 0xC0, 0xFF], k=3)])
                    for _ in range(size // 4))


def unpack_seeds():
    text = b"the same words come again and again, the same words " * 12
    yield "text", stream(text)
    yield "positions", stream(text, lc=1, lp=1, pb=2)
    yield "literals", stream(text, lc=2)
    yield "noise", stream(noise(300))
    yield "zeros", stream(bytes(70000), chunk=255)
    yield "far", stream(noise(3000) + noise(40, 2) + noise(3000), dictionary=8192)
    yield "one", stream(b"x", chunk=0)
    yield "ends-early", stream(text, size=len(text) + 1)
    yield "goes-on", stream(text, size=len(text) - 1)
    yield "bomb", stream(bytes(20000), size=0x3FFFF)
    yield "cut", stream(text)[:-4]
    rows = b"".join(b"%05d;%s;%03d\n" % (i * 7919 % 100000, (b"red", b"green", b"blue")[i * i % 3], i * 37 % 1000)
                    for i in range(60))
    yield "rows", stream(rows)
    yield "rows-bytewise", stream(rows, chunk=0, pb=2)
    for kind in (1, 2, 3):
        yield f"filter-{kind}", stream(code(900, kind), filter=kind)
        yield f"filter-{kind}-odd", stream(code(900, kind)[1:-2], filter=kind, pb=1)


# Packages


def entry(kind, value):
    return struct.pack("<HH", kind, len(value)) + value


def listed(magic, entries):
    return struct.pack("<HH", magic, len(entries) + 4) + entries


def package(payload, protected=b"", plain=b"", header=32, flags=0, version=(1, 2, 3, 4), digest=True):
    """An input of the target `package`: two bytes that say how it is read and which byte is changed, then the file."""
    guarded = listed(0x6908, protected) if protected else b""
    start = struct.pack("<IIHHIIBBHI", 0x96F3B83D, 0, header, len(guarded), len(payload), flags, *version)
    content = start.ljust(header, b"\0") + payload + guarded
    return b"\x54\0" + content + listed(0x6907, (entry(0x10, hashlib.sha256(content).digest()) if digest else b"") + plain)


KEY = hashlib.sha256(bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200") + b"\4" + b"\1" +
                     bytes(31) + b"\2" + bytes(31)).digest()
SIGNATURE = bytes.fromhex("3006020101020101")


def package_seeds():
    payload = noise(60)
    signed = entry(0x01, KEY) + entry(0x22, SIGNATURE)
    all_protected = (entry(0x4FA0, b"\x66\x82") + entry(0xCFA1, b"\2") + entry(0x4FA6, b"lamp-2") +
                     entry(0x4FA4, bytes(8)) + entry(0x4FA5, bytes(32)) + entry(0x50, words(7)))
    packed = entry(0xCFA2, bytes.fromhex("01010000100000")) + entry(0x4FA3, words(900) + bytes(32))
    yield "plain", package(payload)
    yield "signed", package(payload, plain=signed)
    yield "signed-padded", package(payload, plain=entry(0x01, KEY) + entry(0x22, SIGNATURE + bytes(8)))
    yield "all", package(payload, all_protected, signed, header=64, flags=0x110)
    yield "board", package(payload, entry(0x4FA6, b"b") + entry(0x4FA7, b""), signed)
    yield "board-longest", package(payload, entry(0x4FA6, b"b" * 32))
    yield "board-too-long", package(payload, entry(0x4FA6, b"b" * 33))
    yield "past-its-list", package(payload, entry(0x4FA1, b"\2") + struct.pack("<HH", 0x4FA0, 2))
    yield "packed", package(payload, packed, signed)
    yield "packed-all", package(payload, all_protected + packed + entry(0x60, b"{}") + entry(0xCFA8, b""), signed)
    yield "bomb", package(payload, packed.replace(words(900), words(0xFFFFFFFF)))
    yield "no-digest", package(payload, digest=False)
    yield "foreign", package(payload, plain=entry(0x20, bytes(256)))
    yield "critical", package(payload, entry(0xCFEE, b"?"))
    yield "unknown", package(payload, entry(0x4FEE, b"?"))
    yield "twice", package(payload, entry(0x4FA1, b"\2") * 2)
    yield "longer", package(payload) + b"more"
    yield "raw", b"\1\0" + package(payload)[2:] + b"more"
    yield "old", package(payload, version=(0, 0, 0, 1))


# Images

RAW, ASKED, SEAL, SMALL, REGION, SOURCE = (1 << bit for bit in range(6))


def image_input(flash, options=SEAL, size=None, changed=0x100):
    return (bytes([options]) + struct.pack("<I", len(flash) if size is None else size)[:3] +
            struct.pack("<I", changed)[:3] + pieces(flash))


def segments(entry, *parts, magic=0xE9):
    """An image as the boot ROM reads it: {address, content} each; the checksum's byte at its end."""
    body = struct.pack("<BBBBI", magic, len(parts), 0, 0x20, entry)
    checksum = 0xEF
    for address, content in parts:
        body += words(address, len(content)) + content
        for byte in content:
            checksum ^= byte
    return body + bytes(15 - len(body) % 16) + bytes([checksum])


def micropython(extra=0):
    """Filled with ones between the segments and the length word, as makeimg.py does."""
    start = segments(0x40100010, (0x40100000, noise(36)), (0x3FFE8000, noise(20, 2)))
    size = 0x9000 + 32 + extra
    flash = bytearray(start.ljust(size, b"\xff"))
    flash[0x8FFC:0x9000] = words(size - 16)
    flash[0x9000:size - 16] = noise(size - 16 - 0x9000, 3)
    return flash


def arduino(code_size=48):
    boot = segments(0x4010F004, (0x4010F000, noise(40)))
    code = bytearray(noise(code_size, 4))
    total = len(segments(0x40100000, (0x40201010, bytes(code_size)), (0x40100000, bytes(16)))) + 0x1000
    code[:8] = words(total, 0)
    return boot.ljust(0x1000, b"\xff") + segments(0x40100000, (0x40201010, bytes(code)), (0x40100000, noise(16, 5)))


def user1():
    head = struct.pack("<BBBBIII", 0xEA, 4, 0, 0x20, 0x40100010, 0, 64) + noise(64, 6)
    second = segments(0x40100010, (0x40100000, noise(32, 7)), (0x3FFE8000, noise(5, 8)))
    body = head + second
    return body + bytes(-len(body) % 16) + words(0)


def image_seeds():
    plain = segments(0x40100004, (0x40100000, noise(40)), (0x3FFE8004, noise(12))) + noise(200, 9)
    yield "micropython", image_input(micropython())
    yield "micropython-asked", image_input(micropython(64), SEAL | ASKED, changed=0x9001)
    yield "micropython-small", image_input(micropython(), SEAL | SMALL)
    yield "micropython-raw", image_input(micropython() + bytes(512), SEAL | RAW, changed=2)
    yield "micropython-cut", image_input(micropython(), SEAL, size=0x9010)
    yield "micropython-region", image_input(micropython(0x1800), SEAL | REGION)
    yield "micropython-source", image_input(micropython(), SEAL | SOURCE)
    yield "micropython-unsealed", image_input(micropython(), 0)
    yield "arduino", image_input(arduino(), changed=0x1010)
    yield "arduino-asked", image_input(arduino(), SEAL | ASKED, changed=0x1014)
    yield "user1", image_input(user1(), changed=16)
    yield "user1-raw", image_input(user1() + bytes(100), SEAL | RAW)
    yield "plain", image_input(plain)
    yield "plain-asked", image_input(plain, SEAL | ASKED)
    yield "boot", image_input(segments(0x4010E004, (0x4010E000, noise(64))))
    yield "loader-memory", image_input(segments(0x40100004, (0x4010DFF0, noise(32))) + noise(64), SEAL | ASKED)
    yield "loader-memory-second", image_input(
        segments(0x40100004, (0x40100000, noise(8)), (0x4010EFF0, noise(32))) + noise(64), SEAL | ASKED)
    yield "no-checksum", image_input(segments(0x40100004, (0x40100000, noise(40)))[:56])
    yield "stack-memory", image_input(segments(0x40100004, (0x3FFFEB30, noise(32))) + noise(64), SEAL | ASKED)
    yield "esp32", image_input(struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40080000) + bytes(15) + b"\1" +
                               words(0x3F400020, 16) + noise(32))
    yield "esp32-whole", image_input(bytearray(b"\xff" * 0x1000) + struct.pack("<BBBBI", 0xE9, 1, 2, 0x20, 0x40080000) +
                                     bytes(16) + words(0x3FFF0000, 16) + noise(32))
    yield "many", image_input(segments(0x40100004, *[(0x40100000 + 16 * i, noise(4, i)) for i in range(16)]))
    yield "too-many", image_input(segments(0x40100004, *[(0x40100000 + 16 * i, noise(4, i)) for i in range(17)]))


def esp32(*parts, chip=0, hashed=1, revisions=(0, 0, 0), entry=0x40080000):
    body = struct.pack("<BBBBIB3sHBHH4sB", 0xE9, len(parts), 2, 0x20, entry, 0xEE, bytes(3), chip, *revisions, bytes(4),
                       hashed)
    for address, content in parts:
        body += words(address, len(content)) + content
    return body + bytes(16 - len(body) % 16) + bytes(32 * hashed)


DESCRIPTOR = words(0xABCD5432, 0) + noise(248, 11)


def image_esp32_seeds():
    data = (0x3F400020, DESCRIPTOR)
    whole = esp32(data, (0x3FFB0000, noise(40)), (0x40080000, noise(24)))
    last = 0x100
    yield "whole", image_input(whole, SEAL, changed=0x20)
    yield "asked", image_input(whole, SEAL | ASKED)
    yield "unhashed", image_input(esp32(data, (0x3FFB0000, noise(40)), hashed=0), SEAL | ASKED)
    yield "raw", image_input(whole + noise(100), SEAL | RAW, changed=23)
    yield "longer", image_input(whole + noise(100), SEAL)
    yield "cut", image_input(whole[:-1], SEAL)
    yield "signed", image_input(whole.ljust(4096, b"\xff") + b"\xe7" + bytes(4095), SEAL)
    yield "signed-asked", image_input(whole.ljust(4096, b"\xff") + b"\xe7" + bytes(4095), SEAL | ASKED | RAW)
    yield "c3", image_input(esp32((0x3C000020, DESCRIPTOR), (0x42000000 + 32 + 256 + 8 + 24 - 24, noise(32)), chip=5),
                            SEAL, changed=0x050000)
    yield "revisions", image_input(esp32(data, chip=0, revisions=(1, 100, 399)), SEAL | 0x40, changed=last)
    yield "old-revision", image_input(esp32(data, revisions=(3, 0, 0)), SEAL | 0x40)
    yield "not-congruent", image_input(esp32((0x3F400024, DESCRIPTOR)), SEAL)
    yield "no-descriptor", image_input(esp32((0x3F400020, noise(256))), SEAL)
    yield "short-descriptor", image_input(esp32((0x3F400020, DESCRIPTOR[:252])), SEAL)
    yield "odd-length", image_input(esp32(data, (0x3FFB0000, noise(41))), SEAL)
    yield "many", image_input(esp32(data, *[(0x3FFB0000, noise(4, i)) for i in range(15)]), SEAL)
    yield "too-many", image_input(esp32(data, *[(0x3FFB0000, noise(4, i)) for i in range(16)]), SEAL)
    yield "empty-segments", image_input(esp32(data, (0, b""), (0, b"")), SEAL)
    yield "two-sectors", image_input(esp32((0x3F400020, DESCRIPTOR + bytes(4096)), (0x3FFB0000, noise(40))), SEAL)
    yield "esp8266", image_input(micropython(), SEAL)


# Journal

RECORD, INSTALLING, TRIAL = 0x4A4C5331, 2, 3


def slot(sequence, state=0, sealed=True, claimed=True, marks=b"", path=b"/fw.bin", magic=RECORD):
    record = struct.pack("<IIBBBBBBBB", magic, sequence, 2, state, 0, 0, 3, 2, 2, 0).ljust(32, b"\0")
    record = (record + path).ljust(764, b"\0")
    record += words(zlib.crc32(record))
    record += (bytes(8) if sealed else b"").ljust(256, b"\xff")
    return record + ((bytes(8) if claimed else b"") + marks).ljust(256, b"\xff")


def journal_input(*slots, operations=255, tear=0x1234, right=0):
    sectors = [b"".join(content or b"\xff" * 1280 for content in slots[first : first + 3]) for first in (0, 3)]
    flash = b"".join(sector.ljust(4096, b"\xff") for sector in sectors)
    return struct.pack("<BHB", operations, tear, right) + pieces(flash)


def mark(index):
    return words(index | (~index & 0xFFFF) << 16)


def journal_seeds():
    full = [slot(i, INSTALLING) for i in range(1, 7)]
    yield "empty", journal_input()
    yield "one", journal_input(slot(1))
    yield "first-half", journal_input(*full[:3])
    yield "full", journal_input(*full)
    yield "wrapped", journal_input(slot(9), slot(10), None, *full[3:])
    yield "unsealed", journal_input(slot(1), slot(2, sealed=False))
    half = slot(2)
    yield "half-sealed", journal_input(slot(1), half[:772] + b"\xff" * 4 + half[776:])
    rotten = slot(2, INSTALLING)
    yield "rotten", journal_input(slot(1), rotten[:4] + bytes([rotten[4] ^ 8]) + rotten[5:])
    yield "claimed", journal_input(slot(1), b"\xff" * 1024 + bytes(8) + b"\xff" * 248)
    yield "installing", journal_input(slot(1, INSTALLING, marks=b"".join(mark(i) for i in range(9))))
    yield "trial", journal_input(slot(1), slot(2, TRIAL, marks=bytes(12)))
    yield "trial-torn", journal_input(slot(1), slot(2, TRIAL, marks=bytes(4) + words(0x1000)))
    yield "twins", journal_input(slot(7), None, None, None, slot(7))
    yield "late", journal_input(slot(0xFFFFFFFD), slot(0xFFFFFFFE, sealed=False))
    yield "other", journal_input(slot(3, magic=RECORD + 1), slot(2))
    for operations in range(1, 13):
        yield f"cut-{operations}", journal_input(*full[:3 + operations % 2], operations=operations)
    yield "right", journal_input(slot(1)[:764] + b"\0" * 4 + slot(1)[768:], right=1)
    yield "zeros", journal_input(*[bytes(1280)] * 6)


# Flash map


def row(kind, subtype, address, size, label, flags=0):
    return struct.pack("<HBBII16sI", 0x50AA, kind, subtype, address, size, label, flags)


MD5_ROW = b"\xeb\xeb" + b"\xff" * 14 + bytes(16)


def map_seeds():
    loader = row(0x40, 0, 0, 0x1000, b"loader")
    system = row(1, 0x83, 0x100000, 0xFB000, b"vfs")
    options = 2 | 5 << 4  # the MD5 is made right; 2 MiB
    many = b"".join(row(0, 0x10 + i % 16, 0x1000 * i, 0x1000, b"r%d" % i) for i in range(25))
    for name, rows in (("two", loader + system), ("without", b""), ("overlap", system + row(1, 2, 0x101000, 0x1000, b"x")),
                       ("twice", loader + row(1, 2, 0x1000, 0x1000, b"loader")), ("behind", system * 1 + MD5_ROW + loader),
                       ("range", row(1, 1, 0x1FF000, 0x2000, b"end")), ("off", row(1, 1, 0x1001, 0x1000, b"off")),
                       ("wraps", row(1, 1, 0xFFFFF000, 0x2000, b"w")), ("full", many[:24 * 32]), ("too-many", many),
                       ("fat", row(1, 0x81, 0x1000, 0x1000, b"f", 3)), ("small", loader),
                       ("long", row(1, 0x82, 0x1000, 0x1000, b"sixteen-letters-"))):
        yield name, bytes([2 if name == "small" else options]) + pieces(rows + MD5_ROW)
    parts = (row(1, 0, 0xF000, 0x2000, b"otadata"), row(0, 0x10, 0x20000, 0x10000, b"ota_0"),
             row(0, 0, 0x30000, 0x8000, b"installer"), row(0x40, 2, 0x38000, 0x2000, b"journal"),
             row(0x40, 3, 0x3A000, 0x1000, b"settings"))
    yield "esp32", bytes([options]) + pieces(b"".join(parts) + MD5_ROW)
    yield "esp32-two-slots", bytes([options]) + pieces(b"".join(parts) + row(0, 0x11, 0x3B000, 0x1000, b"ota_1"))
    yield "esp32-over-the-table", bytes([options]) + pieces(
        b"".join(parts[:3] + parts[4:]) + row(0x40, 2, 0x7000, 0x2000, b"journal") + MD5_ROW)
    yield "unsealed", bytes([options & ~2]) + pieces(loader + MD5_ROW)
    yield "no-md5", bytes([options]) + pieces(loader + system)
    yield "row-95", bytes([options]) + pieces(b"".join([loader, b"\xff" * 0xBC0, MD5_ROW]))
    text = b"""# Name, Type, SubType, Offset, Size, Flags
loader, oneslot, loader, 0x0, 4K,
app, app, factory, , 0x8f000,
slot, app, ota_3, , 1M, encrypted
journal, oneslot, journal, , 8K, readonly
vfs, data, littlefs, 0x200000, -0x300000, encrypted:readonly
odd, 0x41, 7, , 4096
"""
    yield "text", b"\1\0\0\0\0" + text
    yield "text-aligned", b"\1\x10\0\0\x10" + text.replace(b", 0x0,", b", ,")
    yield "text-as-written", b"\5\0\0\0\0" + b"a, data, nvs, 1, 0\nb, data, phy, , 3\n"
    yield "text-end", b"\1\0\0\0\0" + b"a, data, nvs, 0xfffff000, 0x1000\nb, data, nvs, , 4K\n"
    yield "text-late", b"\1\xf0\xff\xff\xff" + b"a, app, factory, , 4K\n"
    yield "text-long", b"\1\0\0\0\0" + b"seventeen-letters, data, nvs, 0, 4K\nb, data, phy, , 4K\n"
    yield "text-bad", b"\1\0\0\0\0" + b"a, data, nvs, 0, 4K, wrong\n"


# File systems

FW, DEEP, INLINE, DIRECTORY, VFS, FIVE, RAW_PART, RAW_ALL, ROOT, AROUND = range(10)
SIZE = 0x20000


def file_system_input(flash, path=FW, right=0, step=0, own_path=None):
    start = bytes([right]) + (bytes([path]) if own_path is None else bytes([0x80 + len(own_path)]) + own_path)
    return start + bytes([step]) + pieces(flash)


def littlefs(block_size=4096, files=None, **options):
    fs = LittleFS(block_size=block_size, block_count=SIZE // block_size, **options)
    fs.makedirs("/lib/a")
    for path, content in (files or {"/fw.bin": noise(2 * block_size if block_size < 4096 else block_size + 100),
                                    "/lib/a/deep.bin": noise(700, 2), "/inline": b"short"}).items():
        with fs.open(path, "wb") as file:
            file.write(content)
    return bytes(fs.context.buffer)


class Metadata:
    """A metadata block of littlefs, entry by entry; its checksum is left to the target."""

    def __init__(self, revision):
        self.bytes = words(revision)
        self.last = 0xFFFFFFFF

    def entry(self, kind, number, data):
        tag = kind << 20 | number << 10 | len(data)
        self.bytes += struct.pack(">I", tag ^ self.last) + data
        self.last = tag
        return self

    def superblock(self, block_size=4096, blocks=SIZE // 4096, version=0x20001):
        self.entry(0x0FF, 0, b"littlefs")
        return self.entry(0x201, 0, words(version, block_size, blocks, 255, 0x7FFFFFFF, 1022))

    def block(self, size=4096):
        return self.entry(0x500, 0x3FF, bytes(4)).bytes.ljust(size, b"\xff")


def by_hand(root, *others, **options):
    """A file system of these blocks; `root` adds its entries to both superblocks."""
    return b"".join([root(Metadata(revision).superblock(**options)).block() for revision in (1, 2)] + list(others))


def pair(first, second):
    return words(first, second)


def file_system_seeds():
    right = 4  # for blocks of 4096 bytes
    whole = littlefs()
    for name, path in (("file", FW), ("deep", DEEP), ("inline", INLINE), ("directory", DIRECTORY), ("label", VFS),
                       ("missing", FIVE), ("raw-part", RAW_PART), ("raw", RAW_ALL), ("root", ROOT), ("around", AROUND)):
        yield name, file_system_input(whole if path != RAW_ALL else noise(600), path, right, 20)
    for size in (512, 1024, 8192):
        small = {"/fw.bin": noise(1500), "/inline": b"short"}
        yield f"blocks-{size}", file_system_input(littlefs(size, small), FW, {512: 1, 1024: 2, 8192: 5}[size], 7)
    yield "version-2-0", file_system_input(littlefs(disk_version=0x20000), INLINE)
    for number, path in enumerate((b"vfs:fw.bin", b"@nvs:0x10", b"@vfs:99999999999", b"@:", b"nvs:/x", b"//./fw.bin",
                                   b"/lib/a/../../../fw.bin", b"x" * 121)):
        yield f"path-{number}", file_system_input(whole, own_path=path)

    link = lambda *blocks: lambda m: m.entry(0x601, 0x3FF, pair(*blocks))  # noqa: E731
    entries = lambda name, kind, data: lambda m: m.entry(kind, 1, name).entry(0x200, 1, data)  # noqa: E731
    folder = lambda *blocks: entries(b"lib", 0x002, pair(*blocks))  # noqa: E731
    yield "ring-root", file_system_input(by_hand(link(0, 1)), FW, right)
    yield "ring-pair", file_system_input(by_hand(folder(2, 3), *[link(2, 3)(Metadata(1)).block()] * 2), DEEP, right)
    yield "ring-one", file_system_input(by_hand(folder(2, 2), link(2, 2)(Metadata(1)).block()), DEEP, right)
    yield "ring-two", file_system_input(by_hand(folder(2, 3), *[link(4, 5)(Metadata(1)).block()] * 2,
                                                *[link(2, 3)(Metadata(1)).block()] * 2), DEEP, right)
    yield "own-parent", file_system_input(by_hand(folder(0, 1)), DEEP, right)
    yield "outside", file_system_input(by_hand(folder(0x7FFFFFFF, 3)), DEEP, right)
    yield "nowhere", file_system_input(by_hand(folder(0xFFFFFFFF, 0xFFFFFFFF)), DEEP, right)
    skip = lambda *data: lambda m: m.entry(0x001, 1, b"fw.bin").entry(0x202, 1, words(*data))  # noqa: E731
    yield "list", file_system_input(by_hand(skip(3, 5000), words(2), words(2) + noise(900)), FW, right)
    last = SIZE // 4096
    yield "list-behind", file_system_input(by_hand(skip(last, 5000), blocks=last + 1), FW, right)
    yield "list-ring", file_system_input(by_hand(skip(3, 9000), words(3, 3), words(3, 3)), FW, right)
    yield "list-outside", file_system_input(by_hand(skip(0x12345678, 5000)), FW, right)
    yield "list-huge", file_system_input(by_hand(skip(2, 0x7FFFFFFF), words(2, 2)), FW, right)
    yield "list-negative", file_system_input(by_hand(skip(2, 0xFFFFFFF0), words(2, 2)), FW, right)
    for name, options in (("no-blocks", {"blocks": 0}), ("one-block", {"blocks": 1}), ("more-blocks", {"blocks": 33}),
                          ("size-0", {"block_size": 0}), ("size-odd", {"block_size": 4095}),
                          ("size-huge", {"block_size": 0x80000000}), ("version-3", {"version": 0x30000})):
        yield name, file_system_input(by_hand(skip(2, 10), **options), FW, right)
    torn = bytearray(whole)
    torn[40:44] = bytes(4)
    yield "torn", file_system_input(torn, FW)
    torn[4096 + 40:4096 + 44] = bytes(4)
    yield "torn-both", file_system_input(torn, FW)
    yield "moved", file_system_input(by_hand(lambda m: m.entry(0x7FF, 0x3FF, words(1 << 30, 2, 3))), FW, right)
    yield "fat", file_system_input(b"\xeb\xfe\x90MSDOS5.0".ljust(510, b"\0") + b"\x55\xaa" + b"\xf8\xff\xff" * 8, FW)
    yield "erased", file_system_input(b"", FW)


def esp8266_input(stores=(), program=b"", status=(0, 2), cut=255):
    """See fuzz_esp8266.c: the program begins at the ROM's address 0x10, and the chip starts at 0x80."""
    content = bytes([*status, cut, len(stores)])
    for register, value in stores:
        content += bytes([register // 4]) + struct.pack("<I", value)
    return content + bytes(0x70) + program


def esp8266_seeds():
    """The flash controller's commands in the order in which the ROM gives them, and small programs."""
    enable, get, read = (0, 1 << 30), (0, 1 << 27), (0, 1 << 31)
    write = [(4, 0x20001040), *((0x40 + i * 4, 0x01020304 * i) for i in range(8)), enable, (0, 1 << 25), (0x40, 0), get]
    erase = lambda bit: [(4, 0x1000), enable, (0, bit), (0x40, 0), get]  # noqa: E731
    yield "read", esp8266_input([(4, 0x40000000), read, (4, 0x0503FFFE), read, (8, 0x1000000), read])
    yield "write", esp8266_input(write)
    yield "write-cut", esp8266_input([*erase(1 << 24), *write], cut=9)
    yield "write-protected", esp8266_input(write, status=(0x1C, 0))
    yield "write-locked", esp8266_input([enable, (16, 0), (0, 1 << 26), (0x40, 0), *write], status=(0x9C, 0))
    yield "write-over-a-page", esp8266_input([(4, 0x200010F8), *write[1:]])
    yield "erase", esp8266_input([*erase(1 << 24), *erase(1 << 23), *erase(1 << 22)])
    yield "status", esp8266_input([enable, (16, 0x21C), (8, 0x400000), (0, 1 << 26), (0x40, 0), get, (0, 1 << 28)])
    yield "user", esp8266_input([*((item for code in (1, 3, 4, 5, 6, 0x31, 0x35, 0x9F, 0xAB)
                                   for item in ((36, code), (0, 1 << 18))))])
    yield "sleep", esp8266_input([(0, 1 << 21), read, (0, 1 << 20), read])
    stay = bytes.fromhex("06ffff")
    # movi a2, 0x345; add, shifts; loads and stores around 0x3ffe8000, 0x40100000, 0x60000200.
    yield "arithmetic", esp8266_input(program=bytes.fromhex("22a345203280305040003200404000a02401d03482c0488250568240f082") + stay)
    load = bytes.fromhex("21c8ff")
    yield "memory", esp8266_input(program=load + bytes.fromhex("320200320201320202420200426200226204") + stay)
    yield "loop", esp8266_input(program=bytes.fromhex("22a0ff22c2ff5622ff") + stay)
    yield "branches", esp8266_input(program=bytes.fromhex("b62202f622022672022692022662022752022762820752022737e2") + stay)
    yield "exception", esp8266_input(program=bytes(3))
    yield "special", esp8266_input(program=bytes.fromhex("30ea0330e613306100c06300005000") + stay)
    yield "calls", esp8266_input(program=bytes.fromhex("050000c00000a0020080000000f00d") + stay)
    rng = random.Random(8266)
    for number in range(6):
        yield f"noise-{number}", esp8266_input(program=rng.randbytes(300), cut=number)


# A whole device (tests/fuzz/device.c): how many changes, each change, what is asked for, and for each start a cut and
# what the application does about a trial.

OF_RECORD, OF_FILE = 6, 7
PATHS = {"image": 0, "package": 1, "saved": 2, "installer": 3, "missing": 4, "labelled": 5, "raw": 6, "folder": 7}


def cuts(*places):
    return b"".join(struct.pack("<HB", place, index % 4) for index, place in enumerate(places))


def byte_at(part, offset, bits):
    return struct.pack("<BHB", part, offset, bits)


def record_with(*edits):
    return bytes([OF_RECORD, len(edits) - 1]) + b"".join(struct.pack("<HB", *edit) for edit in edits)


def file_with(which, *edits, cut=None):
    count = len(edits) | (0x80 if cut is not None else 0)
    return (bytes([OF_FILE + 8 * which, count]) + (struct.pack("<H", cut) if cut is not None else b"") +
            b"".join(struct.pack("<I", at)[:3] + bytes([bits]) for at, bits in edits))


def install_seeds():
    for name, path in PATHS.items():
        yield name, b"\0" + bytes([0x80 | path, 0])
    yield "cut", b"\0\x81\0" + cuts(0x1009, 0x3020)
    yield "trial", b"\0\x81\x01\x03" + cuts(0, 0x2003)
    yield "fallback", b"\0\x81\x03\x03\x02" + cuts(0, 0)
    yield "digest", b"\0\x80\x04" + noise(32)
    yield "broken-application", b"\1" + byte_at(5, 0x300, 4) + b"\0"
    yield "broken-first-sector", b"\1" + byte_at(3, 20, 4) + b"\0"
    yield "rotten-record", b"\1" + byte_at(0, 0x11, 1) + b"\x80\0"
    for state in range(1, 8):
        yield f"state-{state}", b"\1" + record_with((9, state)) + b"\0" + cuts(0, 0)
    yield "header", b"\1" + file_with(0, (1, 3)) + b"\x80\0"
    yield "entries", b"\1" + file_with(1, (0x800000, 1), (0x800060, 2)) + b"\x81\0"
    yield "short", b"\1" + file_with(0, cut=100) + b"\x80\0"


def self_update_seeds():
    yield "as-it-is", b"\0\0" + cuts(0)
    yield "dead", b"\0\x09" + cuts(0, 0, 0, 0)
    for cut in (3, 20, 60, 100, 130):
        yield f"cut-{cut}", b"\0\x08" + cuts(0x1000 | cut, 0, 0x2000 | cut, 0)
    yield "place", b"\1" + record_with((0x210, 0x40), (0x211, 1)) + b"\0" + cuts(0, 0)
    yield "package", b"\1" + file_with(3, (0x24, 1)) + b"\0"


def handover_seeds():
    for rollback in (0, 1):
        yield f"image-{rollback}", b"\0" + bytes([4 | rollback]) + b"\0" + cuts(0, 0, 0)
        yield f"trial-{rollback}", b"\0" + bytes([0x14 | rollback]) + b"\x03\x03\x02" + cuts(0, 0, 0)
        yield f"refused-{rollback}", b"\0" + bytes([0x16 | rollback]) + b"\0" + cuts(0, 0, 0)
    for offset in (0, 24, 28, 0x1000):
        yield f"otadata-{offset}", b"\1" + byte_at(3, offset, 2) + b"\1" + cuts(0, 0x1004)
    yield "broken-application", b"\1" + byte_at(5, 0x300, 4) + b"\1"


def api_seeds():
    for chip in (0, 1):
        yield f"calls-{chip}", bytes([chip, 0, 6, 0, 3, 1, 2, 3, 0])
        yield f"trial-{chip}", bytes([chip, 0, 3, 0x80, 3, 3, 2, 3, 2])
        yield f"too-long-{chip}", bytes([chip, 0, 2, 0x80, 1, 33, 3])
        yield f"path-{chip}", bytes([chip, 1]) + record_with(*((32 + at, 0x41) for at in range(24))) + b"\2\3\2"


def save_seeds():
    for chip in (0, 1):
        yield f"plain-{chip}", bytes([chip, 0, 1, 0, 1])
        yield f"packed-{chip}", bytes([chip, 0, 0, 0, 0xBF])
        yield f"full-{chip}", bytes([chip, 0, 3, 0, 0x40])
        yield f"changed-{chip}", bytes([chip, 1]) + byte_at(5, 0x300, 4) + bytes([1, 0, 1])
        yield f"size-{chip}", bytes([chip, 1]) + record_with((20, 0x10)) + bytes([1, 0, 1])


TARGETS = {"install": install_seeds, "self_update": self_update_seeds, "handover": handover_seeds, "api": api_seeds,
           "save": save_seeds,
           "esp8266": esp8266_seeds, "unpack": unpack_seeds, "package": package_seeds, "image": image_seeds,
           "image_esp32": image_esp32_seeds, "journal": journal_seeds,
           "map": map_seeds, "file_system": file_system_seeds}


def main():
    folder = Path(sys.argv[1])
    for target, seeds in TARGETS.items():
        (folder / target).mkdir(parents=True, exist_ok=True)
        for name, content in seeds():
            (folder / target / f"seed-{name}").write_bytes(content)


if __name__ == "__main__":
    main()
