# Oneslot: what writes the journal; a part of oneslot.py. What it does to the flash is what core/journal.c does, in the
# same order.

import struct
from micropython import const
from oneslot_journal import Error, all_are, flash, load, read, slot_at, sum_of, table, used_up, zero, esp

# include/oneslot/journal.h
_STATE = const(9)
_OUTCOME = const(10)
_TRIAL_BOOTS = const(12)
_DETAIL = const(28)
_FLOOR = const(368)
_VERSION = const(512)
_CRC = const(764)
_SIZE = const(768)
_SEAL = const(768)
_CLAIM = const(1024)
_SETTLED = const(1160)
_TRIAL = const(3)
_DONE = const(4)


def _program(address, data):
    for page in range(0, len(data), 256):
        flash(2, esp.flash_write, address + page, memoryview(data)[page : page + 256])


def _zeros(address):
    _program(address, bytearray(8))
    if not all_are(address, 8, 0):
        raise Error(5)


def _write(address, record):
    _zeros(address + _CLAIM)
    _program(address, record)
    page = bytearray(256)
    for at in range(0, _SIZE, 256):
        if read(address + at, page) != record[at : at + 256]:
            raise Error(5)
    _zeros(address + _SEAL)


# The record in `slot` has a firm seal. One that ends something voids all others, which so never act again.
def _settled_as(here, slot, record):
    head = bytearray(8)
    for other in range(6):
        if record[_STATE] in (0, _DONE, 5) and other != slot:
            address = slot_at(here, other)
            try:
                read(address, head)
                if any(head) and head[:4] != b"\xff\xff\xff\xff":
                    _zeros(address)
            except Error:
                pass
    try:
        _zeros(slot_at(here, slot) + _SETTLED)
    except Error:
        pass


# Makes the newest record hold; `anew`: one of its bits has rotted, or there is a newer one whose seal a cut left
# half-way. Its slot, and the highest number.
def settle(here, record, newest, highest, anew):
    if anew:
        if record[_STATE] == _TRIAL:  # what was counted lies in the old page
            record[_TRIAL_BOOTS] = max(0, record[_TRIAL_BOOTS] - used_up(here, newest))
        return append(here, record, newest, highest), highest + 1
    _zeros(slot_at(here, newest) + _SEAL)
    _settled_as(here, newest, record)
    return newest, highest


# Makes the newest seal firm, then claims, writes, reads back, seals and settles the next slot that is fit; its number.
def append(here, record, newest, highest):
    struct.pack_into("<4sIB", record, 0, b"1SLJ", highest + 1, 2)
    record[_CRC:] = sum_of(record, _CRC)
    try:
        if newest >= 0 and not zero(slot_at(here, newest) + _SETTLED):
            _zeros(slot_at(here, newest) + _SEAL)
    except Error:
        raise Error(11)
    for step in range(1, 7):
        slot = (newest + step) % 6
        address = slot_at(here, slot)
        try:
            if slot % 3 == 0:
                if newest >= 0 and newest // 3 == slot // 3:
                    break  # Once round: this sector holds the newest record.
                flash(3, esp.flash_erase, address // 4096)
            if not all_are(address, 1280, 0xFF):
                continue
            _write(address, record)
        except Error:
            continue  # A bad page costs a slot, not the record.
        _settled_as(here, slot, record)
        return slot
    raise Error(11)


def put(record, offset, data):
    record[offset : offset + len(data)] = data


def _version(record, offset):
    return struct.unpack_from("<BBHI", record, offset)


def confirm():
    place = load()
    record = place[1]
    if record[_STATE] == _TRIAL:
        record[_STATE] = _DONE
        record[_OUTCOME] = 0
        put(record, _DETAIL, bytearray(4))
        # No version below one that was confirmed is installed again.
        if _version(record, _VERSION) > _version(record, _FLOOR):
            record[_FLOOR : _FLOOR + 8] = record[_VERSION : _VERSION + 8]
        append(*place)
    if table and not table.accept(read):
        raise Error(18)
