# Oneslot: what asks for an upgrade and takes that back; a part of oneslot.py.

from micropython import const
from oneslot import Error, _flash, _load, _part, _read, _table

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


# As _load(). A trial that was confirmed in ESP-IDF's way alone is written down first: a request erases otadata.
def _settled(write):
    place = _load()
    if _table and place[1][_STATE] == _TRIAL and _table.confirmed(_read):
        write.confirm()
        place = _load()
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
    write = _part("write")
    put = write.put
    place = _settled(write)
    record = place[1]
    _clear(put, record, _REQUESTED)
    # First of all: a cut behind it makes the installer start, find nothing to do and hand back.
    if _table and not _table.take_back(_read, _flash):
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
    write = _part("write")
    place = _settled(write)
    record = place[1]
    state = record[_STATE]
    _clear(write.put, record, _DONE if any(record[24:28]) else 0)
    if state == _REQUESTED:
        write.append(*place)
