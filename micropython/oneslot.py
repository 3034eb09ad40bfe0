# Oneslot: asks for an in-place firmware upgrade of an ESP8266, from stock MicroPython v1.13 and later, or of a chip of
# the ESP32 family, from v1.20 and later.
#
#     import oneslot
#     oneslot.install("/fw.bin")  # writes the request and resets; the installer does the rest
#     print(oneslot.status().words)
#     oneslot.confirm()  # the new firmware's, when install() was given trial=
#     oneslot.save("/old.bin")  # the firmware that runs, for install(..., fallback="/old.bin", trial=3)
#
# The journal in flash and its rules are those of include/oneslot/journal.h. docs/FORMATS.md says what each byte means.
#
# Heap is dear on an ESP8266. This module has what tells how things stand; what a call needs beyond that is a part of
# its own (oneslot_NAME.py), which is loaded for the call and given back to the heap after it.

import os
import struct
import sys
from micropython import const

# Offsets in a record and in a slot, states: include/oneslot/journal.h.
_STATE = const(9)
_OUTCOME = const(10)
_TRIAL_BOOTS = const(12)
_PATH = const(32)
_FALLBACK = const(152)
_INSTALLED = const(336)
_OWN = const(672)
_CRC = const(764)
_SIZE = const(768)
_SEAL = const(768)
_MARKS = const(1032)
_SETTLED = const(1160)
_REQUESTED = const(1)
_TRIAL = const(3)
_DONE = const(4)

# The ESP32 family's way to the flash and to its boot loader's choice is a part of its own.
_table = None
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

    _table = esp


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


# Every flash function is tried three times, as in core/flash.c. The buffers are bytearrays or views of them: frozen
# bytes would lie in the very flash that is being programmed.
def _flash(code, function, *arguments):
    if not _table:
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
        if not _table:
            mem32[chip] = size
    raise Error(code)


def _read(address, buffer):
    _flash(1, esp.flash_read, address, buffer)
    return buffer


# The journal: `here` is its address, a slot takes 1280 bytes, a sector holds three.


def _slot(here, slot):
    return here + slot // 3 * 4096 + slot % 3 * 1280


def _sum(data, length):
    return struct.pack("<I", crc32(memoryview(data)[:length]) & 0xFFFFFFFF)


def _all(address, length, value):
    buffer = bytearray(8)
    value = bytes([value]) * 8
    for at in range(address, address + length, 8):
        if _read(at, buffer) != value:
            return False
    return True


# Whether most of the bits there are 0: one that has rotted does not undo them.
def _zero(address, length=8):
    ones = 0
    for byte in _read(address, bytearray(length)):
        while byte:
            ones += 1
            byte &= byte - 1
    return ones < 4 * length


# The number of the record at that address, -1 if none is there, and whether one of its bits had rotted: that one the
# CRC-32 tells, as in core/journal.c. Halves of 16 bits again.
def _record(address, record):
    _read(address, record)
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
def _used(here, slot):
    used = 0
    while used < 32 and _zero(_slot(here, slot) + _MARKS + 4 * used, 4):
        used += 1
    return used


# The journal's address, the newest sealed record (all zero if there is none), its slot (-1 if none) and the highest
# number of any whole record.
def _load():
    if _table:
        code = _table.locate()
        if code:
            raise Error(code)
        here = _table.journal
    else:
        layout = _read(16, bytearray(64))
        if layout[:5] != b"1SLL\1" or layout[60:] != _sum(layout, 60):
            raise Error(12)
        here = struct.unpack_from("<I", layout, 16)[0]
    record = bytearray(_SIZE)
    newest = best = -1
    highest = 0
    for look in range(12):
        slot = look >> 1  # twice each: one reading does not decide that a record is gone
        if slot != newest:
            number, _ = _record(_slot(here, slot), record)
            if number > best and _zero(_slot(here, slot) + _SEAL):
                newest = slot
                best = number
            highest = max(highest, number)
    if newest < 0:
        return here, bytearray(_SIZE), newest, highest
    # Read once more: the first look may have caught a page on the edge.
    number, rotten = _record(_slot(here, newest), record)
    if number != best:
        raise Error(1)
    # The application acts on it, so it is made firm. Where that can not be done the installer will have to.
    anew = rotten or highest != best
    if anew or not _zero(_slot(here, newest) + _SETTLED):
        try:
            newest, highest = _part("write").settle(here, record, newest, highest, anew)
        except (Error, MemoryError, ImportError):
            _record(_slot(here, newest), record)
    return here, record, newest, highest


# How things stand. `words` says it in a sentence, `outcome` is an error's number or 0.
class Status:
    def __init__(self):
        here, record, slot, _ = _load()
        state = record[_STATE]
        if _table and state == _TRIAL and _table.confirmed(_read):
            state = _DONE
        self.state = ("idle", "requested", "installing", "trial", "done", "failed", "unknown")[min(state, 6)]
        self.outcome = outcome = record[_OUTCOME]
        self.installed_size, self.detail = struct.unpack_from("<II", record, 24)
        self.installed = bytes(record[_INSTALLED : _INSTALLED + 32])
        self.path = path = bytes(record[_PATH:_FALLBACK]).rstrip(b"\0").decode()
        self.own_outcome = own = record[_OWN]
        self.trial_left = left = max(0, record[_TRIAL_BOOTS] - _used(here, slot)) if state == _TRIAL else 0
        record = None  # gives room for the sentence
        if outcome:
            words = text(outcome)
            if outcome in (71, 110) and self.detail:
                words += ": " + text(self.detail)
            if outcome not in (70, 71):
                words = ("refused " + path).rstrip() + ": " + words
        elif state == _REQUESTED:
            words = "to be upgraded to " + path + " at the next reset"
        elif state == 2:
            words = "installing " + path
        elif state == _TRIAL:
            words = "on trial, %d boot%s left" % (left, "s"[left == 1 :])
        else:
            words = "upgraded to " + path if path else "no upgrade asked for"
        # What the device came to by itself since.
        if own:
            words += "; " if own in (73, 111) else "; refused the file at the watch path: "
            words += text(own)
        self.words = words

    def __str__(self):
        return self.words


# The application's calls.

_saving = False


# A part of this module, loaded for one call.
def _part(name):
    name = "oneslot_" + name
    try:
        return __import__(name)
    finally:
        sys.modules.pop(name, None)


# install(path, sha256=None, fallback=None, trial=0, reset=True, mount="/")
# Asks for the image file `path` to be installed, and resets the board unless reset=False. Close the file first.
#   sha256    what the file's must be: 64 hex digits or 32 bytes
#   trial     boots, at most 32, in which the new firmware must call confirm(); else `fallback`, a file, is put back
#   mount     where the littlefs is mounted, if not at "/"; paths are given as Python sees them
# "label:/file" and "@label" name another region of the flash map.
def install(*arguments, **options):
    _part("request").install(*arguments, **options)


# Takes back a request that was not yet started; harmless when there is none.
def cancel():
    _part("request").cancel()


# Ends a trial well: the new firmware stays. Harmless at any other time. On the ESP32 family ESP-IDF's boot loader is
# told as well; Partition.mark_app_valid_cancel_rollback() alone counts as a confirmation too.
def confirm():
    if _table or _load()[1][_STATE] == _TRIAL:
        _part("write").confirm()


# What a cut during save() has left in a folder; that file is called the same whatever is saved.
def _clear(folder):
    try:
        os.remove(folder + "oneslot.part")
    except OSError:
        pass


def status():
    if not _saving:
        _clear("/")
    return Status()


# Writes the firmware that runs to the file `path`, as its own file was: something to go back to. The file is plain:
# this MicroPython has no compressor (its deflate module unpacks alone). A smaller fallback is a package of the same
# firmware, made on the PC by `oneslot pack --compress` and copied to the board.
#   progress  is called with the bytes done and the bytes in all
# The file gets its name only when it is whole and its SHA-256 is the journal's `installed`.
def save(path, progress=None):
    global _saving
    _saving = True
    try:
        _part("save").save(path, progress)
    finally:
        _saving = False
