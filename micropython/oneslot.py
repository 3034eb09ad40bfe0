# Oneslot: asks for an in-place firmware upgrade of an ESP8266, from stock MicroPython v1.13 and later, or of a chip of
# the ESP32 family, from v1.20 and later.
#
#     import oneslot
#     oneslot.install("/fw.bin")  # writes the request and resets; the installer does the rest
#     print(oneslot.status().words)
#     oneslot.confirm()  # the new firmware's, when install() was given trial=
#     oneslot.save("/old.bin")  # the firmware that runs, for install(..., fallback="/old.bin", trial=3)
#
# Heap is dear on an ESP8266, and most of it is needed while a file is compiled. What reads the journal is a file of its
# own, oneslot_journal.py; what a call needs beyond that is a part (oneslot_NAME.py) that is loaded for the call and
# given back to the heap after it.

import os
import struct
from micropython import const
from oneslot_journal import Error, load, part, read, table, text, used_up

# Offsets in a record, states: include/oneslot/journal.h.
_STATE = const(9)
_OUTCOME = const(10)
_TRIAL_BOOTS = const(12)
_PATH = const(32)
_FALLBACK = const(152)
_INSTALLED = const(336)
_OWN = const(672)
_REQUESTED = const(1)
_TRIAL = const(3)
_DONE = const(4)


# How things stand. `words` says it in a sentence, `outcome` is an error's number or 0.
class Status:
    def __init__(self):
        here, record, slot, _ = load()
        state = record[_STATE]
        if table and state == _TRIAL and table.confirmed(read):
            state = _DONE
        self.state = ("idle", "requested", "installing", "trial", "done", "failed", "unknown")[min(state, 6)]
        self.outcome = outcome = record[_OUTCOME]
        self.installed_size, self.detail = struct.unpack_from("<II", record, 24)
        self.installed = bytes(record[_INSTALLED : _INSTALLED + 32])
        self.path = path = bytes(record[_PATH:_FALLBACK]).rstrip(b"\0").decode()
        self.own_outcome = own = record[_OWN]
        self.trial_left = left = max(0, record[_TRIAL_BOOTS] - used_up(here, slot)) if state == _TRIAL else 0
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
        try:
            entry = os.stat(path)
        except OSError:
            raise Error(23)
        if entry[0] & 0x4000:
            raise Error(24)
        if not entry[6]:
            raise Error(25)
    return inside


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
    part("request").install(path, fallback, sha256, trial, reset)


# Takes back a request that was not yet started; harmless when there is none.
def cancel():
    part("request").cancel()


# Ends a trial well: the new firmware stays. Harmless at any other time. On the ESP32 family ESP-IDF's boot loader is
# told as well; Partition.mark_app_valid_cancel_rollback() alone counts as a confirmation too.
def confirm():
    if table or load()[1][_STATE] == _TRIAL:
        part("write").confirm()


# What a cut during save() has left in a folder; that file is called the same whatever is saved.
def _clear(folder):
    try:
        os.remove(folder + "oneslot.part")
    except OSError:
        pass


def status():
    now = Status()
    if not _saving:
        _clear("/")
        try:
            for name in os.listdir("/"):
                _clear("/" + name + "/")
        except OSError:
            pass  # the answer is worth more
    return now


# Writes the firmware that runs to the file `path`, as its own file was: something to go back to. The file is plain:
# this MicroPython has no compressor (its deflate module unpacks alone). A smaller fallback is a package of the same
# firmware, made on the PC by `oneslot pack --compress` and copied to the board.
#   progress  is called with the bytes done and the bytes in all
# The file gets its name only when it is whole and its SHA-256 is the journal's `installed`.
def save(path, progress=None):
    global _saving
    _saving = True
    try:
        part("save").save(path, progress)
    finally:
        _saving = False
