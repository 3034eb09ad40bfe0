"""The installers of the ESP32 family: images that ESP-IDF's boot loaders take, and the chips' tables.

esptool has facts of its own on each chip; where it and a table speak of the same thing, they must agree.
"""

import random
import struct
import subprocess
import sys

import pytest
from esptool.targets import CHIP_DEFS

CHIPS = ["esp32", "esp32s2", "esp32s3", "esp32c3", "esp32c2", "esp32c6", "esp32h2"]
XTENSA = ["esp32", "esp32s2", "esp32s3"]
LARGEST = 60 * 1024
PAGE = 65536
HEADER = 24
# What of RAM the second-stage boot loader is in while it loads an application, in the versions 4.2 to 5.5 of ESP-IDF
# (components/bootloader/subproject/main/ld; the stack: SOC_ROM_STACK_START less STACK_LOAD_HEADROOM and 4 KiB in use).
# Where the same RAM has an address for code and one for data, both are named.
BOOT_LOADER = {
    "esp32": [(0x40070000, 0x40080000), (0x3FFAE000, 0x3FFB0000), (0x3FFDB000, 0x40000000)],
    "esp32s2": [(0x4004E000, 0x40070000), (0x3FFDE000, 0x40000000), (0x40020000, 0x40028000), (0x3FFB0000, 0x3FFB8000)],
    "esp32s3": [(0x403C8700, 0x403E0000), (0x3FCD8700, 0x3FD00000), (0x40370000, 0x40378000)],
    "esp32c3": [(0x403CBF10, 0x403E0000), (0x3FCCBF10, 0x3FCE0000), (0x4037C000, 0x40380000)],
    "esp32c2": [(0x403AC370, 0x403C0000), (0x3FCCC370, 0x3FCE0000), (0x4037C000, 0x40380000)],
    "esp32c6": [(0x4086B910, 0x40880000)],
    "esp32h2": [(0x4083C2D0, 0x40850000)],
}
# Distance of the address for code from that for data.
TWO_ADDRESSES = {"esp32s2": 0x70000, "esp32s3": 0x6F0000, "esp32c3": 0x700000, "esp32c2": 0x6E0000}


class Elf:
    def __init__(self, path):
        self.bytes = bytearray(path.read_bytes())
        table = struct.unpack_from("<I", self.bytes, 0x20)[0]
        size, count = struct.unpack_from("<HH", self.bytes, 0x2E)
        self.headers = [struct.unpack_from("<7I", self.bytes, table + index * size) for index in range(count)]

    def symbol(self, wanted):
        for _, kind, _, _, offset, length, link in self.headers:
            for at in range(offset, offset + length, 16) if kind == 2 else ():
                name, value = struct.unpack_from("<II", self.bytes, at)
                name += self.headers[link][4]
                if self.bytes[name : self.bytes.index(0, name)].decode() == wanted:
                    return value
        raise KeyError(wanted)

    def place(self, address):
        """Where the byte at an address is in the file."""
        for _, kind, flags, start, offset, length, _ in self.headers:
            if flags & 2 and kind != 8 and start <= address < start + length:
                return offset + address - start
        raise KeyError(hex(address))


class Table:
    """struct chip of device/esp32/chips.h."""

    FLASH_SETUP = 216
    USB_SERIAL = 252
    CRYPT_COUNT = 256
    MAJOR, MINOR_LOW, MINOR_HIGH, BLOCK_VERSION = 264, 288, 296, 304
    ANY_REVISION, ANY_BLOCK, SECURE_BOOT, BLOCK_TELLS_V0 = 320, 328, 336, 344

    def __init__(self, elf):
        self.bytes, self.start = elf.bytes, elf.place(elf.symbol("chip"))

    def word(self, offset):
        return struct.unpack_from("<I", self.bytes, self.start + offset)[0]

    def field(self, offset):
        return struct.unpack_from("<IBB", self.bytes, self.start + offset)

    def steps(self, offset, count):
        steps = [struct.unpack_from("<III", self.bytes, self.start + offset + 12 * index) for index in range(count)]
        return steps[: [address for address, _, _ in steps].index(0)]

    @property
    def number(self):
        return struct.unpack_from("<H", self.bytes, self.start)[0]

    @property
    def boot_loader(self):
        return self.word(56)

    @property
    def watchdogs(self):
        return self.steps(60, 9)

    @property
    def feed(self):
        return self.steps(168, 4)

    def revision(self, read):
        """As efuse_revision() of device/esp32/efuse.c."""

        def value(offset):
            address, shift, bits = self.field(offset)
            return read(address) >> shift & (1 << bits) - 1 if bits else 0

        v0 = self.bytes[self.start + self.BLOCK_TELLS_V0] and value(self.MINOR_LOW) == 0
        if v0 and value(self.BLOCK_VERSION) == value(self.BLOCK_VERSION + 8) == 1:
            return 0, 0
        major = 0
        for index in range(3):
            part = value(self.MAJOR + 8 * index)
            if part == 0:
                break
            major += part
        return major, value(self.MINOR_HIGH) << self.field(self.MINOR_LOW)[2] | value(self.MINOR_LOW)


def disagreements(chip, table):
    """What the table says otherwise than esptool."""
    known = CHIP_DEFS[chip]
    address, shift, bits = table.field(Table.CRYPT_COUNT)
    pairs = {
        "number": (table.number, known.IMAGE_CHIP_ID),
        "boot loader": (table.boot_loader, known.BOOTLOADER_FLASH_OFFSET),
        "crypt count": (address, known.EFUSE_SPI_BOOT_CRYPT_CNT_REG),
        "crypt bits": ((1 << bits) - 1 << shift, known.EFUSE_SPI_BOOT_CRYPT_CNT_MASK),
    }
    address, shift, bits = table.field(Table.SECURE_BOOT)
    names = ("EFUSE_RD_ABS_DONE_REG", "EFUSE_RD_ABS_DONE_1_MASK") if chip == "esp32" else \
        ("EFUSE_SECURE_BOOT_EN_REG", "EFUSE_SECURE_BOOT_EN_MASK")
    pairs["secure boot"] = ((address, (1 << bits) - 1 << shift), tuple(getattr(known, name) for name in names))
    if hasattr(known, "RTC_CNTL_WDTWPROTECT_REG"):
        pairs["watchdog"] = (table.feed[0], (known.RTC_CNTL_WDTWPROTECT_REG, 0, known.RTC_CNTL_WDT_WKEY))
        pairs["watchdog closed"] = (table.feed[2], (known.RTC_CNTL_WDTWPROTECT_REG, 0, 0))
    # esptool gives the C2 the C3's registers here; in ESP-IDF they are others.
    if hasattr(known, "RTC_CNTL_SWD_CONF_REG") and chip != "esp32c2":
        pairs["super watchdog"] = (
            table.watchdogs[3:],
            [
                (known.RTC_CNTL_SWD_WPROTECT_REG, 0, known.RTC_CNTL_SWD_WKEY),
                (known.RTC_CNTL_SWD_CONF_REG, 0xFFFFFFFF, known.RTC_CNTL_SWD_AUTO_FEED_EN),
                (known.RTC_CNTL_SWD_WPROTECT_REG, 0, 0),
            ],
        )
    return [name for name, (ours, theirs) in pairs.items() if ours != theirs]


def revision_of_esptool(chip, read):
    target = object.__new__(CHIP_DEFS[chip])
    target.read_reg = read
    return target.get_major_chip_version(), target.get_minor_chip_version()


def segments_of(image):
    offset, segments = HEADER, []
    for _ in range(image[1]):
        address, length = struct.unpack_from("<II", image, offset)
        segments.append((address, offset + 8, length))
        offset += 8 + length
    return segments


def overlaps(start, length, ranges):
    return [place for place in ranges if start < place[1] and place[0] < start + length]


@pytest.fixture
def esptool(build):
    def run(path, *options):
        done = subprocess.run([sys.executable, "-m", "esptool", *options, "image-info", path], capture_output=True, text=True)
        return done.stdout

    return run


@pytest.fixture(params=CHIPS)
def chip(request):
    return request.param


@pytest.fixture
def image(build, chip):
    return (build / chip / "installer.bin").read_bytes()


@pytest.fixture
def elf(build, chip):
    return Elf(build / chip / "installer.elf")


def test_esptool_finds_checksum_and_hash_valid(esptool, build, chip, image):
    report = esptool(build / chip / "installer.bin", "--chip", chip)
    assert report.count("(valid)") == 2, report
    assert "Project name: oneslot" in report
    assert f"Chip ID: {CHIP_DEFS[chip].IMAGE_CHIP_ID} " in report


def test_esptool_sees_a_changed_byte(esptool, build, tmp_path):
    image = bytearray((build / "esp32" / "installer.bin").read_bytes())
    image[5000] ^= 1
    (tmp_path / "bad.bin").write_bytes(image)
    assert esptool(tmp_path / "bad.bin", "--chip", "esp32").count("(valid)") == 0


def test_installer_leaves_room_in_its_partition(image):
    assert len(image) <= LARGEST


def test_descriptor_is_the_first_thing_in_the_first_segment(image):
    address, offset, length = segments_of(image)[0]
    assert (offset, length) == (HEADER + 8, 256)
    assert struct.unpack_from("<I", image, offset)[0] == 0xABCD5432
    assert image[offset + 176 : offset + 180] == bytes(4), "any revision of eFuse"


def test_the_first_two_segments_and_no_others_are_mapped_and_lie_alike_in_their_pages(image, chip):
    windows = {name: [(start, end) for start, end, kind in CHIP_DEFS[chip].MEMORY_MAP if kind == name]
               for name in ("DROM", "IROM")}
    mapped = [segment for segment in segments_of(image)
              if overlaps(segment[0], segment[2], windows["DROM"] + windows["IROM"])]
    assert mapped == segments_of(image)[:2]
    for (address, offset, length), window in zip(mapped, ("DROM", "IROM")):
        assert overlaps(address, length, windows[window])
        assert (address - offset) % PAGE == 0


def test_what_is_loaded_keeps_clear_of_the_boot_loader(image, chip):
    for address, _, length in segments_of(image)[2:]:
        assert overlaps(address, length, BOOT_LOADER[chip]) == []


def test_memory_is_that_of_the_chip_and_used_once(elf, image, chip):
    (data, _, _), (code, _, code_length) = segments_of(image)[2:]
    end = elf.symbol("stack_top")
    memory = [(start, stop) for start, stop, name in CHIP_DEFS[chip].MEMORY_MAP if name in ("DRAM", "IRAM")]
    assert any(start <= data and end <= stop for start, stop in memory)
    assert any(start <= code and code + code_length <= stop for start, stop in memory)
    assert overlaps(code - TWO_ADDRESSES.get(chip, 0), code_length, [(data, end)]) == []
    assert data < elf.symbol("bss_end") < end


def test_entry_is_in_the_code(image):
    entry = struct.unpack_from("<I", image, 4)[0]
    address, _, length = segments_of(image)[3]
    assert address <= entry < address + length


def test_table_agrees_with_esptool(chip, elf):
    assert disagreements(chip, Table(elf)) == []


@pytest.mark.parametrize(
    "offset, name",
    [(0, "number"), (56, "boot loader"), (Table.CRYPT_COUNT, "crypt count"), (Table.CRYPT_COUNT + 4, "crypt bits"),
     (168, "watchdog"), (176, "watchdog"), (192, "watchdog closed"), (96, "super watchdog"), (116, "super watchdog"),
     (Table.SECURE_BOOT, "secure boot"), (Table.SECURE_BOOT + 4, "secure boot")],
)
def test_a_wrong_table_is_seen(build, offset, name):
    elf = Elf(build / "esp32c3" / "installer.elf")
    table = Table(elf)
    elf.bytes[table.start + offset] ^= 4
    assert name in disagreements("esp32c3", table)


def test_watchdog_of_the_timers_is_opened_stopped_and_closed(elf, chip):
    steps = Table(elf).watchdogs[:3]
    base = steps[0][0] - 0x64
    assert steps == [(base + 0x64, 0, 0x50D83AA1), (base + 0x48, 0x7FFFBFFF, 0), (base + 0x64, 0, 0)]


def test_revision_is_read_as_esptool_reads_it(elf, chip):
    table = Table(elf)
    read_any = random.Random(5)
    for _ in range(500):
        registers = {}

        def read(address):
            return registers.setdefault(address, read_any.getrandbits(32))

        ours = table.revision(read)
        major, minor = revision_of_esptool(chip, read)
        # Of the ESP32's three bits some values are on no chip; esptool takes them for 0.
        assert ours[1] == minor and (ours[0] == major or chip == "esp32" and major == 0)


@pytest.mark.parametrize("chip", XTENSA)
def test_rom_calls_return_to_where_they_came_from(build, chip):
    """A windowed call keeps 30 bits of its return address; the others are those of the function called."""
    elf = Elf(build / chip / "installer.elf")
    assert elf.symbol("rom_call") >> 30 == Table(elf).word(4) >> 30


def test_same_image_each_time(build, repo, tmp_path, chip):
    command = [sys.executable, repo / "device" / "common" / "mkimage.py", build / chip / "installer.elf",
               "--application", "--flash-size", "0x20", "-o", tmp_path / "again.bin"]
    subprocess.run(command, check=True)
    assert (tmp_path / "again.bin").read_bytes() == (build / chip / "installer.bin").read_bytes()
    assert subprocess.run([*command, "--limit", "4096"], capture_output=True).returncode != 0


def test_what_cannot_be_mapped_is_refused(build, repo, tmp_path):
    elf = Elf(build / "esp32" / "installer.elf")
    program = struct.unpack_from("<I", elf.bytes, 0x1C)[0]
    elf.bytes[program + 8] ^= 0x10  # the first segment's address
    (tmp_path / "bad.elf").write_bytes(elf.bytes)
    done = subprocess.run([sys.executable, repo / "device" / "common" / "mkimage.py", tmp_path / "bad.elf",
                           "--application", "-o", tmp_path / "bad.bin"], capture_output=True, text=True)
    assert done.returncode != 0 and "cannot be mapped" in done.stderr


def test_kept_sizes_are_those_of_the_build(build, repo):
    assert (repo / "device/esp32/SIZES").read_text() == (build / "esp32/sizes.txt").read_text()
