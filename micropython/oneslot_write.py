# Oneslot: what writes the journal; a part of oneslot.py. What it does to the flash is what core/journal.c does, in the
# same order.

import struct
from micropython import const
from oneslot import Error, _all, _flash, _load, _read, _sum, _table, esp

# include/oneslot/journal.h
_STATE = const(9)
_OUTCOME = const(10)
_DETAIL = const(28)
_FLOOR = const(368)
_VERSION = const(408)
_CRC = const(508)
_SEAL = const(512)
_CLAIM = const(768)
_TRIAL = const(3)
_DONE = const(4)


def _program(address, data):
    for page in range(0, len(data), 256):
        _flash(2, esp.flash_write, address + page, memoryview(data)[page : page + 256])


def _zeros(address):
    _program(address, bytearray(8))
    if not _all(address, 8, 0):
        raise Error(5)


def _write(address, record):
    _zeros(address + _CLAIM)
    _program(address, record)
    if _read(address, bytearray(512)) != record:
        raise Error(5)
    _zeros(address + _SEAL)


# Makes the newest seal firm, then claims, writes, reads back and seals the next slot that is fit.
def append(here, record, newest, highest):
    struct.pack_into("<4sIB", record, 0, b"1SLJ", highest + 1, 1)
    record[_CRC:] = _sum(record, _CRC)
    try:
        if newest >= 0:
            _zeros(here + newest * 1024 + _SEAL)
    except Error:
        raise Error(11)
    for step in range(1, 9):
        slot = (newest + step) % 8
        address = here + slot * 1024
        try:
            if slot % 4 == 0:
                if newest >= 0 and newest // 4 == slot // 4:
                    break  # Once round: this sector holds the newest record.
                _flash(3, esp.flash_erase, address // 4096)
            if _all(address, 1024, 0xFF):
                return _write(address, record)
        except Error:
            pass  # A bad page costs a slot, not the record.
    raise Error(11)


def put(record, offset, data):
    record[offset : offset + len(data)] = data


def _version(record, offset):
    return struct.unpack_from("<BBHI", record, offset)


def confirm():
    place = _load()
    record = place[1]
    if record[_STATE] == _TRIAL:
        record[_STATE] = _DONE
        record[_OUTCOME] = 0
        put(record, _DETAIL, bytearray(4))
        # No version below one that was confirmed is installed again.
        if _version(record, _VERSION) > _version(record, _FLOOR):
            record[_FLOOR : _FLOOR + 8] = record[_VERSION : _VERSION + 8]
        append(*place)
    if _table and not _table.accept(_read):
        raise Error(18)
