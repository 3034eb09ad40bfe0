# Oneslot: what reads the journal, and what goes wrong with it; a part of oneslot.py that stays loaded.
#
# The journal in flash and its rules are those of include/oneslot/journal.h. docs/FORMATS.md says what each byte means.

import struct
import sys
from micropython import const

# Offsets in a record and in a slot: include/oneslot/journal.h.
_CRC = const(764)
_SIZE = const(768)
_SEAL = const(768)
_MARKS = const(1032)
_SETTLED = const(1160)

# The ESP32 family's way to the flash and to its boot loader's choice is a part of its own.
table = None
if sys.platform == "esp8266":
    import esp
    from machine import mem32

    # Halves of 16 bits: a number of 32 bits would be an object on the heap at every step.
    _LOW = struct.unpack("<16H", b"\x00\x00\x64\x10\xc8\x20\xac\x30\x90\x41\xf4\x51\x58\x61\x3c\x71\x20\x83\x44\x93\xe8\xa3\x8c\xb3\xb0\xc2\xd4\xd2\x78\xe2\x1c\xf2")
    _HIGH = struct.unpack("<16H", b"\x00\x00\xb7\x1d\x6e\x3b\xd9\x26\xdc\x76\x6b\x6b\xb2\x4d\x05\x50\xb8\xed\x0f\xf0\xd6\xd6\x61\xcb\x64\x9b\xd3\x86\x0a\xa0\xbd\xbd")

    def crc32(data):
        low = high = 0xFFFF
        for byte in data:
            low ^= byte
            for _ in (0, 1):
                index = low & 15
                low = (low >> 4 | (high & 15) << 12) ^ _LOW[index]
                high = high >> 4 ^ _HIGH[index]
        return (high ^ 0xFFFF) << 16 | low ^ 0xFFFF

else:
    from binascii import crc32
    import oneslot_esp32 as esp

    table = esp


# The sentence for an error's number, looked for in a file line by line: the heap has no room for all of them.
def text(code):
    start = "%d " % code
    for folder in sys.path:
        try:
            with open(folder + "/oneslot_errors.txt") as lines:
                for line in lines:
                    if line.startswith(start):
                        return line[len(start) :].rstrip()
            return "unknown error"
        except (OSError, MemoryError):
            pass
    return "error " + start.rstrip()


# What went wrong: `code` is its number in include/oneslot/error.h, str() its sentence.
class Error(Exception):
    def __init__(self, code, more=""):
        super().__init__(text(code) + more)
        self.code = code


# A part of this module, loaded for one call.
def part(name):
    name = "oneslot_" + name
    try:
        return __import__(name)
    finally:
        sys.modules.pop(name, None)


# Every flash function is tried three times, as in core/flash.c. The buffers are bytearrays or views of them: frozen
# bytes would lie in the very flash that is being programmed.
def flash(code, function, *arguments):
    if not table:
        # The ROM's functions go as far as the firmware's header says the chip does; Oneslot may lie behind that. The
        # ROM keeps the chip's size in the second word of what this pointer points to.
        chip = mem32[0x3FFFC714] + 4
        size = mem32[chip]
        mem32[chip] = 1 << 24
    try:
        for _ in (1, 2, 3):
            try:
                return function(*arguments)
            except OSError:
                pass
    finally:
        if not table:
            mem32[chip] = size
    raise Error(code)


def read(address, buffer):
    flash(1, esp.flash_read, address, buffer)
    return buffer


# The journal: `here` is its address, a slot takes 1280 bytes, a sector holds three.


def slot_at(here, slot):
    return here + slot // 3 * 4096 + slot % 3 * 1280


def sum_of(data, length):
    return struct.pack("<I", crc32(memoryview(data)[:length]) & 0xFFFFFFFF)


def all_are(address, length, value):
    buffer = bytearray(8)
    value = bytes([value]) * 8
    for at in range(address, address + length, 8):
        if read(at, buffer) != value:
            return False
    return True


# Whether most of the bits there are 0: one that has rotted does not undo them.
def zero(address, length=8):
    ones = 0
    for byte in read(address, bytearray(length)):
        while byte:
            ones += 1
            byte &= byte - 1
    return ones < 4 * length


# The number of the record at that address, -1 if none is there, and whether one of its bits had rotted: that one the
# CRC-32 tells, as in core/journal.c. Halves of 16 bits again.
def record_at(address, record):
    read(address, record)
    if record[:4] == b"\xff\xff\xff\xff" or not any(record[:4]):
        return -1, False
    want = crc32(memoryview(record)[:_CRC])
    low = want & 0xFFFF ^ (record[_CRC] | record[_CRC + 1] << 8)
    high = want >> 16 & 0xFFFF ^ (record[_CRC + 2] | record[_CRC + 3] << 8)
    rotten = bool(low or high)
    if rotten:
        made, top = 0, 0x8000
        bit = 8 * _SIZE - 1
        while made != low or top != high:
            odd = made & 1
            made = made >> 1 | (top & 1) << 15
            top >>= 1
            if odd:
                made ^= 0x8320
                top ^= 0xEDB8
            bit -= 1
            if bit < 0:
                return -1, False
        record[bit >> 3] ^= 1 << (bit & 7)
    if record[:4] != b"1SLJ" or record[8] != 2:
        return -1, False
    return struct.unpack_from("<I", record, 4)[0], rotten


# How many boots of a trial were used up.
def used_up(here, slot):
    used = 0
    while used < 32 and zero(slot_at(here, slot) + _MARKS + 4 * used, 4):
        used += 1
    return used


# The journal's address, the newest sealed record (all zero if there is none), its slot (-1 if none) and the highest
# number of any whole record.
def load():
    if table:
        code = table.locate()
        if code:
            raise Error(code)
        here = table.journal
    else:
        layout = read(16, bytearray(64))
        if layout[:5] != b"1SLL\1" or layout[60:] != sum_of(layout, 60):
            raise Error(12)
        here = struct.unpack_from("<I", layout, 16)[0]
    record = bytearray(_SIZE)
    newest = best = -1
    highest = 0
    for look in range(12):
        slot = look >> 1  # twice each: one reading does not decide that a record is gone
        if slot != newest:
            number, _ = record_at(slot_at(here, slot), record)
            if number > best and zero(slot_at(here, slot) + _SEAL):
                newest = slot
                best = number
            highest = max(highest, number)
    if newest < 0:
        return here, bytearray(_SIZE), newest, highest
    # Read once more: the first look may have caught a page on the edge.
    number, rotten = record_at(slot_at(here, newest), record)
    if number != best:
        raise Error(1)
    # The application acts on it, so it is made firm. Where that can not be done the installer will have to.
    anew = rotten or highest != best
    if anew or not zero(slot_at(here, newest) + _SETTLED):
        try:
            newest, highest = part("write").settle(here, record, newest, highest, anew)
        except (Error, MemoryError, ImportError):
            record_at(slot_at(here, newest), record)
    return here, record, newest, highest


