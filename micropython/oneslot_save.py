# Oneslot: what writes the running firmware to a file; a part of oneslot.py.

import os
import struct
from hashlib import sha256
from micropython import const
from oneslot import _clear
from oneslot_journal import Error, flash, load, read, table, esp

# include/oneslot/journal.h
_STATE = const(9)
_INSTALLED = const(336)
_FLOOR = const(368)
_MODE = const(510)  # bytes 2 and 3 of the image


def save(path, progress):
    if path[:1] in ("", "@") or ":" in path:
        raise Error(28)
    folder = path[: path.rfind("/") + 1]
    part = folder + "oneslot.part"
    _clear(folder)
    record = load()[1]
    size = struct.unpack_from("<I", record, 24)[0]
    if record[_STATE] == 2:
        raise Error(76)
    if table:
        target, room = table.application, table.room
    else:
        target = 4096 if record[14] == 4 else 0  # Espressif's user1 lies behind its boot loader
        layout = read(28, bytearray(20))
        displaced, room = struct.unpack_from("<I", layout)[0], struct.unpack_from("<I", layout, 16)[0] - target
    if not 0 < size <= room or not any(record[_INSTALLED:_FLOOR]):
        raise Error(56)
    try:
        there = os.statvfs(folder or ".")
    except OSError:
        raise Error(23)
    missing = size - there[0] * max(0, there[3] - 2)  # littlefs takes blocks for itself
    if missing > 0:
        raise Error(30, ": %d bytes are missing" % missing)
    digest = sha256()
    whole = False
    buffer = bytearray(1024)
    try:
        with open(part, "wb") as file:
            for done in range(0, size, 1024):
                address = target + done
                if address < 4096:
                    address += displaced
                flash(1, esp.flash_read, address, buffer)
                if done == 0 and not target:
                    buffer[2:4] = record[_MODE : _MODE + 2]  # in flash they are the device's own
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
            _clear(folder)
