# Oneslot: what asks for an upgrade and takes that back; a part of oneslot.py.

from micropython import const
from oneslot_journal import Error, flash, load, part, read, table

# include/oneslot/journal.h
_STATE = const(9)
_TRIAL_BOOTS = const(12)
_DETAIL = const(28)
_PATH = const(32)
_FALLBACK = const(152)
_EXPECTED = const(272)
_PLAN = const(416)
_OWN = const(672)
_REQUESTED = const(1)
_TRIAL = const(3)
_DONE = const(4)


# As load(). A trial that was confirmed in ESP-IDF's way alone is written down first: a request erases otadata.
def _settled(write):
    place = load()
    if table and place[1][_STATE] == _TRIAL and table.confirmed(read):
        write.confirm()
        place = load()
    return place


# Forgets the last request. What is known about the device stays: the image that runs, the files looked at.
def _clear(put, record, state):
    if record[_STATE] in (2, _TRIAL):
        raise Error(76)
    kind = record[14]
    put(record, _STATE, bytearray(15))  # up to the size and target of the image
    put(record, _DETAIL, bytearray(276))  # and the paths, the digest asked for
    put(record, _PLAN, bytearray(80))
    put(record, _OWN, bytearray(3))
    record[14] = kind
    record[_STATE] = state


def install(path, fallback, sha256, trial, reset):
    if sha256 is not None:
        try:
            if isinstance(sha256, str):
                from binascii import unhexlify

                sha256 = unhexlify(sha256)
        except ValueError:
            sha256 = b""
        if len(sha256) != 32:
            raise Error(75)
    write = part("write")
    put = write.put
    place = _settled(write)
    record = place[1]
    _clear(put, record, _REQUESTED)
    # First of all: a cut behind it makes the installer start, find nothing to do and hand back.
    if table and not table.take_back(read, flash):
        raise Error(18)
    record[_TRIAL_BOOTS] = trial
    put(record, _PATH, path)
    put(record, _FALLBACK, fallback or b"")
    if sha256:
        record[11] = 1
        put(record, _EXPECTED, sha256)
    write.append(*place)
    if reset:
        import machine

        machine.reset()


def cancel():
    write = part("write")
    place = _settled(write)
    record = place[1]
    state = record[_STATE]
    _clear(write.put, record, _DONE if any(record[24:28]) else 0)
    if state == _REQUESTED:
        write.append(*place)
