# Oneslot on the ESP32 family: what oneslot.py asks of the device under ESP-IDF's boot loader. It loads this module
# itself; the ESP8266 needs none of it.
#
# ESP-IDF's guard lets an application write journal and otadata through esp32.Partition. What is done to otadata is
# what core/otadata.c does, in the same order; addresses are those of the flash chip, as in core/.

import struct
from binascii import crc32
from esp32 import Partition

journal = application = room = 0
_otadata = 0
_parts = ()


# Where the parts lie, by the rules of core/layout_table.c. Returns an error's number or 0.
def locate():
    global journal, application, room, _otadata, _parts
    apps = Partition.find(Partition.TYPE_APP)
    slots = [part for part in apps if 16 <= part.info()[1] < 32]
    if len(slots) != 1:
        return 12
    parts = []
    for kind, subtype, blocks in ((0, 16, 2), (0, 0, 1), (1, 0, 2), (0x40, 2, 2), (0x40, 3, 1)):
        found = Partition.find(kind, subtype)
        if not found or found[0].info()[3] < blocks * 4096:
            return 12
        info = found[0].info()
        if info[5]:
            return 6
        parts.append((info[2], info[3], found[0]))
    _parts = parts
    application, room = parts[0][:2]
    _otadata = parts[2][0]
    journal = parts[3][0]
    return 0


def _at(address):
    for start, size, part in _parts:
        if start <= address < start + size:
            return part, address - start
    raise OSError(22)


# The three functions of the ESP8266's `esp` module. With an offset, Partition programs without erasing.


def flash_read(address, buffer):
    part, offset = _at(address)
    part.readblocks(0, buffer, offset)


def flash_write(address, data):
    part, offset = _at(address)
    part.writeblocks(0, data, offset)


def flash_erase(sector):
    part, offset = _at(sector * 4096)
    part.ioctl(6, offset // 4096)


# The state in the newest whole entry of otadata; -1 if there is none. `read` is oneslot.py's.
def _state(read):
    newest = state = -1
    for sector in (0, 4096):
        entry = read(_otadata + sector, bytearray(32))
        number, crc = struct.unpack_from("<I", entry)[0], struct.unpack_from("<I", entry, 28)[0]
        if newest < number < 0xFFFFFFFF and crc == crc32(entry[:4], 0xFFFFFFFF) & 0xFFFFFFFF:
            newest = number
            state = struct.unpack_from("<I", entry, 24)[0]
    return state


# Whether the boot loader was told that the firmware has confirmed itself.
def confirmed(read):
    return _state(read) == 2


# Tells the boot loader so, where it waits for it. Returns whether that was done.
def accept(read):
    if _state(read) in (0, 1):
        try:
            Partition.mark_app_valid_cancel_rollback()
        except OSError:
            return False
    return True


# From the next reset on the installer is started: erases both sectors of otadata and reads them back. `flash` is
# oneslot.py's, which tries a function three times.
def take_back(read, flash):
    for _ in range(3):
        erased = True
        for sector in (0, 4096):
            try:
                flash(3, flash_erase, (_otadata + sector) // 4096)
                entry = read(_otadata + sector, bytearray(32))
            except Exception:
                erased = False
            else:
                if entry[:4] + entry[24:] != b"\xff" * 12:
                    erased = False
        if erased:
            return True
    return False
