# Oneslot: asks for an in-place firmware upgrade of an ESP8266, from stock MicroPython v1.13 and later, or of a chip of
# the ESP32 family, from v1.20 and later.
#
#     import oneslot
#     oneslot.install("/fw.bin")  # writes the request and resets; the installer does the rest
#     print(oneslot.status().words)
#     oneslot.confirm()  # the new firmware's, when install() was given trial=
#     oneslot.save("/old.bin")  # the firmware that runs, for install(..., fallback="/old.bin", trial=3)
#
# The journal in flash and its rules are those of include/oneslot/journal.h. What it does to the flash is what
# core/journal.c does, in the same order. docs/FORMATS.md says what each byte means.

import struct
import sys
from micropython import const

# The ESP32 family's way to the flash and to its boot loader's choice is a module of its own: heap is dear here.
_table = None
if sys.platform == "esp8266":
    import esp
else:
    import oneslot_esp32 as esp

    _table = esp

try:
    from binascii import crc32
except ImportError:
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


# Offsets in a record and in a slot, states: include/oneslot/journal.h.
_STATE = const(9)
_OUTCOME = const(10)
_TRIAL_BOOTS = const(12)
_DETAIL = const(28)
_PATH = const(32)
_FALLBACK = const(152)
_EXPECTED = const(272)
_INSTALLED = const(336)
_FLOOR = const(368)
_PLAN = const(416)
_HEADER = const(508)
_VERSION = const(512)
_OWN = const(672)
_CRC = const(764)
_SIZE = const(768)
_SEAL = const(768)
_CLAIM = const(1024)
_MARKS = const(1032)
_SETTLED = const(1160)
_REQUESTED = const(1)
_TRIAL = const(3)
_DONE = const(4)

# The sentence for an error's number. The sentences cost heap, so they are a module of their own, loaded when needed.
def text(code):
    try:
        from oneslot_errors import text as sentence
    except ImportError:
        return "error %d" % code
    return sentence(code)


# What went wrong: `code` is its number in include/oneslot/error.h, str() its sentence.
class Error(Exception):
    def __init__(self, code, more=""):
        super().__init__(text(code) + more)
        self.code = code


# Every flash function is tried three times, as in core/flash.c. The buffers are bytearrays or views of them: frozen
# bytes would lie in the very flash that is being programmed.
def _flash(code, function, *arguments):
    for _ in range(3):
        try:
            return function(*arguments)
        except OSError:
            pass
    raise Error(code)


def _read(address, length):
    buffer = bytearray(length)
    _flash(1, esp.flash_read, address, buffer)
    return buffer


def _program(address, data):
    for page in range(0, len(data), 256):
        _flash(2, esp.flash_write, address + page, memoryview(data)[page : page + 256])


# The journal: `here` is its address, a slot takes 1280 bytes, a sector holds three.


def _slot(here, slot):
    return here + slot // 3 * 4096 + slot % 3 * 1280


def _sum(data, length):
    return struct.pack("<I", crc32(memoryview(data)[:length]) & 0xFFFFFFFF)


def _all(address, length, value):
    return all(_read(at, 8) == bytes([value]) * 8 for at in range(address, address + length, 8))


# Whether most of the bits there are 0: one that has rotted does not undo them.
def _zero(address, length=8):
    ones = 0
    for byte in _read(address, length):
        while byte:
            ones += 1
            byte &= byte - 1
    return ones < 4 * length


# The record in a slot, None if there is none, its number, and whether one of its bits had rotted: that one the CRC-32
# tells, as in core/journal.c. Halves of 16 bits again.
def _record(address):
    record = _read(address, _SIZE)
    if record[:4] in (b"\xff\xff\xff\xff", b"\0\0\0\0"):
        return None, 0, False
    want = crc32(memoryview(record)[:_CRC])
    low = want & 0xFFFF ^ (record[_CRC] | record[_CRC + 1] << 8)
    high = want >> 16 & 0xFFFF ^ (record[_CRC + 2] | record[_CRC + 3] << 8)
    rotten = bool(low or high)
    if rotten:
        made, top = 0, 0x8000
        bit = 8 * _SIZE - 1
        while bit >= 0 and (made != low or top != high):
            odd = made & 1
            made = made >> 1 | (top & 1) << 15
            top >>= 1
            if odd:
                made ^= 0x8320
                top ^= 0xEDB8
            bit -= 1
        if bit < 0:
            return None, 0, False
        record[bit >> 3] ^= 1 << (bit & 7)
    if record[:4] != b"1SLJ" or record[8] != 2:
        return None, 0, False
    return record, struct.unpack_from("<I", record, 4)[0], rotten


# The journal's address, the newest sealed record (all zero if there is none), its slot (-1 if none) and the highest
# number of any whole record.
def _load():
    if _table:
        code = _table.locate()
        if code:
            raise Error(code)
        here = _table.journal
    else:
        layout = _read(16, 64)
        if layout[:5] != b"1SLL\1" or layout[60:] != _sum(layout, 60):
            raise Error(12)
        here = struct.unpack_from("<I", layout, 16)[0]
    newest = -1
    best = highest = 0
    for look in range(12):
        slot = look >> 1  # twice each: one reading does not decide that a record is gone
        address = _slot(here, slot)
        if slot == newest:
            continue
        record, number, _ = _record(address)
        if record:
            highest = max(highest, number)
            if (newest < 0 or number > best) and _zero(address + _SEAL):
                newest = slot
                best = number
    record = bytearray(_SIZE)
    if newest >= 0:
        # Read once more: the first look may have caught a page on the edge.
        address = _slot(here, newest)
        record, number, rotten = _record(address)
        if number != best:
            raise Error(1)
        # The application acts on it, so it is made firm. Where that cannot be written the installer will have to.
        if rotten or highest != best or not _zero(address + _SETTLED):
            try:
                newest, highest = _settle(here, record, newest, highest, rotten or highest != best)
            except Error:
                pass
    return here, record, newest, highest


def _zeros(address):
    _program(address, bytearray(8))
    if not _all(address, 8, 0):
        raise Error(5)


def _write(address, record):
    _zeros(address + _CLAIM)
    _program(address, record)
    if _read(address, _SIZE) != record:
        raise Error(5)
    _zeros(address + _SEAL)


# The record in `slot` has a firm seal. One that ends something voids all others, which so never act again.
def _settled_as(here, slot, record):
    for other in range(6):
        address = _slot(here, other)
        head = _read(address, 8)
        if record[_STATE] in (0, _DONE, 5) and other != slot and any(head) and head[:4] != b"\xff\xff\xff\xff":
            try:
                _zeros(address)
            except Error:
                pass
    try:
        _zeros(_slot(here, slot) + _SETTLED)
    except Error:
        pass


def _used(here, slot):
    used = 0
    while used < 32 and _zero(_slot(here, slot) + _MARKS + 4 * used, 4):
        used += 1
    return used


def _settle(here, record, newest, highest, anew):
    if anew:
        if record[_STATE] == _TRIAL:  # what was counted lies in the old page
            record[_TRIAL_BOOTS] = max(0, record[_TRIAL_BOOTS] - _used(here, newest))
        return _append(here, record, newest, highest), highest + 1
    _zeros(_slot(here, newest) + _SEAL)
    _settled_as(here, newest, record)
    return newest, highest


# Makes the newest seal firm, then claims, writes, reads back, seals and settles the next slot that is fit; its number.
def _append(here, record, newest, highest):
    struct.pack_into("<4sIB", record, 0, b"1SLJ", highest + 1, 2)
    record[_CRC:] = _sum(record, _CRC)
    try:
        if newest >= 0 and not _zero(_slot(here, newest) + _SETTLED):
            _zeros(_slot(here, newest) + _SEAL)
    except Error:
        raise Error(11)
    for step in range(1, 7):
        slot = (newest + step) % 6
        address = _slot(here, slot)
        try:
            if slot % 3 == 0:
                if newest >= 0 and newest // 3 == slot // 3:
                    break  # Once round: this sector holds the newest record.
                _flash(3, esp.flash_erase, address // 4096)
            if not _all(address, 1280, 0xFF):
                continue
            _write(address, record)
        except Error:
            continue  # A bad page costs a slot, not the record.
        _settled_as(here, slot, record)
        return slot
    raise Error(11)


# The application's calls.


# A path as the installer sees it, in bytes, after a look whether the file is there. A region of the flash map
# ("label:/file", "@label") can not be looked at from here.
def _file(path, mount):
    inside = path
    if path[:1] == "/":
        mount = mount.rstrip("/")
        if not path.startswith(mount + "/"):
            raise Error(28)
        inside = path[len(mount) :]
    colon = path.find(":")
    good = path[:1] == "/" or path[:1] == "@" and len(path) > 1 and colon != 1
    good = good or 0 < colon <= 16 and path.find("/") == colon + 1
    inside = inside.encode()
    if not good or len(inside) > 120 or b"\0" in inside:
        raise Error(28)
    if path[0] == "/":
        import os

        try:
            entry = os.stat(path)
        except OSError:
            raise Error(23)
        if entry[0] & 0x4000:
            raise Error(24)
        if not entry[6]:
            raise Error(25)
    return inside


def _put(record, offset, data):
    record[offset : offset + len(data)] = data


# As _load(). A trial that was confirmed in ESP-IDF's way alone is written down first: a request erases otadata.
def _settled():
    place = _load()
    if _table and place[1][_STATE] == _TRIAL and _table.confirmed(_read):
        confirm()
        place = _load()
    return place


# Forgets the last request. What is known about the device stays: the image that runs, the files looked at.
def _clear(record, state):
    if record[_STATE] in (2, _TRIAL):
        raise Error(76)
    kind = record[14]
    _put(record, _STATE, bytearray(15))  # up to the size and target of the image
    _put(record, _DETAIL, bytearray(276))  # and the paths, the digest asked for
    _put(record, _PLAN, bytearray(80))
    _put(record, _OWN, bytearray(3))
    record[14] = kind
    record[_STATE] = state


# Asks for the image file `path` to be installed, and resets the board unless reset=False. Close the file first.
#   sha256    what the file's must be: 64 hex digits or 32 bytes
#   trial     boots, at most 32, in which the new firmware must call confirm(); else `fallback`, a file, is put back
#   mount     where the littlefs is mounted, if not at "/"; paths are given as Python sees them
# "label:/file" and "@label" name another region of the flash map.
def install(path, sha256=None, fallback=None, trial=0, reset=True, mount="/"):
    path = _file(path, mount)
    if not 0 <= trial <= 32 or fallback is not None and not trial:
        raise Error(75)
    if fallback is not None:
        fallback = _file(fallback, mount)
    if sha256 is not None:
        try:
            if isinstance(sha256, str):
                from binascii import unhexlify

                sha256 = unhexlify(sha256)
        except ValueError:
            sha256 = b""
        if len(sha256) != 32:
            raise Error(75)
    place = _settled()
    record = place[1]
    _clear(record, _REQUESTED)
    # First of all: a cut behind it makes the installer start, find nothing to do and hand back.
    if _table and not _table.take_back(_read, _flash):
        raise Error(18)
    record[_TRIAL_BOOTS] = trial
    _put(record, _PATH, path)
    _put(record, _FALLBACK, fallback or b"")
    if sha256:
        record[11] = 1
        _put(record, _EXPECTED, sha256)
    _append(*place)
    if reset:
        import machine

        machine.reset()


# Takes back a request that was not yet started; harmless when there is none.
def cancel():
    place = _settled()
    record = place[1]
    state = record[_STATE]
    _clear(record, _DONE if any(record[24:28]) else 0)
    if state == _REQUESTED:
        _append(*place)


def _version(record, offset):
    return struct.unpack_from("<BBHI", record, offset)


# Ends a trial well: the new firmware stays. Harmless at any other time. On the ESP32 family ESP-IDF's boot loader is
# told as well; Partition.mark_app_valid_cancel_rollback() alone counts as a confirmation too.
def confirm():
    place = _load()
    record = place[1]
    if record[_STATE] == _TRIAL:
        record[_STATE] = _DONE
        record[_OUTCOME] = 0
        _put(record, _DETAIL, bytearray(4))
        # No version below one that was confirmed is installed again.
        if _version(record, _VERSION) > _version(record, _FLOOR):
            record[_FLOOR : _FLOOR + 8] = record[_VERSION : _VERSION + 8]
        _append(*place)
    if _table and not _table.accept(_read):
        raise Error(18)


# How things stand. `words` says it in a sentence, `outcome` is an error's number or 0.
class Status:
    def __init__(self):
        here, record, slot, _ = _load()
        state = record[_STATE]
        if _table and state == _TRIAL and _table.confirmed(_read):
            state = _DONE
        names = ("idle", "requested", "installing", "trial", "done", "failed")
        self.state = names[state] if state < 6 else "unknown"
        self.outcome = outcome = record[_OUTCOME]
        self.installed_size, self.detail = struct.unpack_from("<II", record, 24)
        self.installed = bytes(record[_INSTALLED : _INSTALLED + 32])
        self.path = path = bytes(record[_PATH:_FALLBACK]).rstrip(b"\0").decode()
        self.trial_left = left = 0
        if state == _TRIAL:
            self.trial_left = left = max(0, record[_TRIAL_BOOTS] - _used(here, slot))
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
        self.own_outcome = own = record[_OWN]
        if own:
            words += "; " if own in (73, 111) else "; refused the file at the watch path: "
            words += text(own)
        self.words = words

    def __str__(self):
        return self.words


def status():
    return Status()


# Writes the firmware that runs to the file `path`, as its own file was: something to go back to. The file is plain:
# this MicroPython has no compressor (its deflate module unpacks alone). A smaller fallback is a package of the same
# firmware, made on the PC by `oneslot pack --compress` and copied to the board.
#   progress  is called with the bytes done and the bytes in all
# The file gets its name only when it is whole and its SHA-256 is the journal's `installed`.
def save(path, progress=None):
    import os
    from hashlib import sha256

    if path[:1] in ("", "@") or ":" in path:
        raise Error(28)
    record = _load()[1]
    size = struct.unpack_from("<I", record, 24)[0]
    if record[_STATE] == 2:
        raise Error(76)
    if not size or not any(record[_INSTALLED:_FLOOR]):
        raise Error(55)
    if _table:
        target = _table.application
    else:
        target = 4096 if record[14] == 4 else 0  # Espressif's user1 lies behind its boot loader
        displaced = struct.unpack_from("<I", _read(28, 4))[0]  # in the layout
    folder = path[: path.rfind("/") + 1] or "."
    try:
        there = os.statvfs(folder)
    except OSError:
        raise Error(23)
    missing = size - there[0] * max(0, there[3] - 2)  # littlefs takes blocks for itself
    if missing > 0:
        raise Error(30, ": %d bytes are missing" % missing)
    part = path + ".part"
    digest = sha256()
    whole = False
    buffer = bytearray(1024)
    try:
        with open(part, "wb") as file:
            for done in range(0, size, 1024):
                address = target + done
                if address < 4096:
                    address += displaced
                _flash(1, esp.flash_read, address, buffer)
                if done == 0 and not target:
                    buffer[2:4] = record[_HEADER + 2 : _VERSION]  # in flash they are the device's own
                piece = memoryview(buffer)[: min(1024, size - done)]
                digest.update(piece)
                file.write(piece)
                if progress:
                    progress(done + len(piece), size)
        whole = digest.digest() == record[_INSTALLED:_FLOOR]
        if not whole:
            raise Error(5)
        os.rename(part, path)
    except OSError:
        whole = False
        raise Error(29)
    finally:
        if not whole:
            try:
                os.remove(part)
            except OSError:
                pass
