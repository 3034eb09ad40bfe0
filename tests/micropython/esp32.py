# Stands in for the ESP32 family's `esp32` module: the partitions of the table in the flash chip of the `esp` module.

import struct
from binascii import crc32

import esp

encrypted = False  # whether ESP-IDF says so of every partition
_RUNNING = 16  # ota_0
_OTADATA = (1, 0)


class Abort(BaseException):
    """ESP-IDF's guard stops the program: it was about to write over what runs."""


class Partition:
    TYPE_APP = 0
    TYPE_DATA = 1

    def __init__(self, row):
        self.kind, self.subtype, self.address, self.size = struct.unpack("<BBII", row[2:12])
        self.label = row[12:28].rstrip(b"\0").decode()

    @staticmethod
    def find(type=0, subtype=0xFF, label=None):
        found = []
        for offset in range(0, 0xC00, 32):
            row = esp._peek(0x8000 + offset, 32)
            if row[:2] != b"\xaa\x50":
                break
            part = Partition(row)
            if part.kind == type and subtype in (0xFF, part.subtype) and label in (None, part.label):
                found.append(part)
        return found

    @staticmethod
    def mark_app_valid_cancel_rollback():
        (part,) = Partition.find(*_OTADATA)
        newest = None
        for sector in (0, 1):
            entry = bytearray(32)
            part.readblocks(sector, entry)
            number, state, crc = struct.unpack("<I20xII", entry)
            whole = number != 0xFFFFFFFF and state not in (3, 4) and crc == crc32(entry[:4], 0xFFFFFFFF) & 0xFFFFFFFF
            if whole and (newest is None or number > newest[0]):
                newest = number, sector, entry
        if newest is None:
            raise OSError(-1)
        _, sector, entry = newest
        entry[24:28] = struct.pack("<I", 2)
        part.ioctl(6, sector)
        part.writeblocks(sector, entry, 0)

    def info(self):
        return self.kind, self.subtype, self.address, self.size, self.label, encrypted

    def _place(self, block, length, offset=0):
        start = block * 4096 + offset
        if not 0 <= start <= start + length <= self.size:
            raise OSError(-260)
        return self.address + start

    def _writable(self):
        if (self.kind, self.subtype) == (Partition.TYPE_APP, _RUNNING):
            raise Abort()

    def readblocks(self, block, buffer, offset=0):
        esp.flash_read(self._place(block, len(buffer), offset), buffer)

    # Without an offset the blocks are erased first; with one, not even 0, they are not.
    def writeblocks(self, block, data, offset=None):
        self._writable()
        if offset is None:
            for index in range((len(data) + 4095) // 4096):
                self.ioctl(6, block + index)
        esp.flash_write(self._place(block, len(data), offset or 0), data)

    def ioctl(self, command, argument):
        self._writable()
        if command == 6:
            esp.flash_erase(self._place(argument, 4096) // 4096)
            return 0
