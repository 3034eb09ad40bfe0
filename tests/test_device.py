"""Loader and installer of the ESP8266 on the emulated board: what they start, what they refuse to start, what they say.

Most tests use the example firmware as an application, so they need no real one.
"""

import re
import shutil
import struct
import subprocess
import sys
import zlib

import pytest

LOADER_LIMIT = 4096
INSTALLER_LIMIT = 32768 - 4096
DISPLACED = 0xF4000
INSTALLER = 0xF8000
CANNOT_UNPACK = "oneslot: the installer is damaged, it cannot be unpacked"


@pytest.fixture
def firmware_1(build):
    return build / "examples" / "firmware-v1.bin"


@pytest.fixture
def firmware_2(build):
    return build / "examples" / "firmware-v2.bin"


@pytest.fixture
def device(oneslot, firmware_1, firmware_2, tmp_path):
    """Makes the flash image of a device that runs version 1 and has version 2 in /fw.bin."""

    def make(*options):
        files = tmp_path / "files"
        files.mkdir(exist_ok=True)
        shutil.copy(firmware_2, files / "fw.bin")
        shutil.copy(firmware_1, files / "old.bin")
        flash = tmp_path / "flash.bin"
        oneslot.ok("image", firmware_1, "--flash-size", "4MB", "--fs", files, *options, "-o", flash)
        return flash

    return make


def damage(flash, address, value=0):
    with open(flash, "r+b") as file:
        file.seek(address)
        file.write(bytes([value]))


class Installer:
    """The installer's image in a flash file. What is changed there is as the loader wants it: it has a right checksum."""

    def __init__(self, flash):
        self.flash = flash
        with open(flash, "rb") as file:
            file.seek(INSTALLER)
            self.image = bytearray(file.read(INSTALLER_LIMIT))
        stage = struct.unpack_from("<I", self.image, 12)[0]
        self.packed = 16 + stage + 8
        self.end = self.packed + struct.unpack_from("<I", self.image, self.packed - 4)[0]
        self.stream_size = struct.unpack_from("<I", self.image, self.packed + 8)[0]

    def flip(self, at, mask=0x10):
        self.image[self.packed + at] ^= mask

    def put(self, at, value):
        struct.pack_into("<I", self.image, self.packed + at, value)

    def get(self, at):
        return struct.unpack_from("<I", self.image, self.packed + at)[0]

    def write(self, crc):
        """`crc`: with a right CRC-32 too, as a wrong build would have."""
        if crc:
            self.put(0, zlib.crc32(self.image[self.packed + 4 : self.packed + 24 + self.stream_size]))
        sum_at = self.end | 15
        self.image[sum_at] = 0xEF
        segments = self.image[16 : self.packed - 8] + self.image[self.packed : self.end]
        for byte in segments:
            self.image[sum_at] ^= byte
        with open(self.flash, "r+b") as file:
            file.seek(INSTALLER)
            file.write(self.image)


def boots_into(oneslot, flash, firmware, *options):
    """Runs until the application is entered, which must be `firmware` to the byte."""
    return oneslot.ok("run", flash, "--expect", firmware, *options)


def test_loader_is_one_segment_that_fits_a_sector(build):
    image = (build / "esp8266" / "loader.bin").read_bytes()
    magic, segments, _, _, entry, address, length = struct.unpack_from("<BBBBIII", image)
    assert len(image) <= LOADER_LIMIT
    assert (magic, segments, address) == (0xE9, 1, 0x4010E000)
    assert address <= entry < address + length <= 0x4010F000
    assert image[16:80] == b"\xff" * 64, "the layout is the host tool's to fill in"


def test_installer_fits_its_region_and_is_entered_where_no_stock_image_is(build):
    image = (build / "esp8266" / "installer.bin").read_bytes()
    assert len(image) <= INSTALLER_LIMIT
    assert struct.unpack_from("<I", image, 4)[0] == 0x4010BF00


def test_installer_is_packed_alike_each_time(build, tmp_path):
    parts = [build / "esp8266" / "installer.text", build / "esp8266" / "installer.data"]
    subprocess.run([build / "host" / "pack_installer", *parts, tmp_path / "packed"], check=True)
    assert (tmp_path / "packed").read_bytes() == (build / "esp8266" / "installer.packed").read_bytes()


def test_kept_sizes_are_those_of_the_build(build, repo):
    assert (repo / "device/esp8266/SIZES").read_text() == (build / "esp8266/sizes.txt").read_text()


def installer_stack(build, repo, graph, limit=""):
    """What sizes.py says of the installer with that call graph beside the stage's."""
    parts = [build / "esp8266" / name for name in ("installer.elf", "stage.elf", "installer.bin", "stage")]
    argument = f"installer:{parts[0]}+{parts[1]}:{parts[2]}:installer_main:{graph}+{parts[3]}:{limit}"
    return subprocess.run([sys.executable, repo / "device/common/sizes.py", argument], capture_output=True, text=True)


def test_the_stack_is_counted_through_pointers_and_into_the_stage(build, repo, tmp_path):
    graph = build / "esp8266" / "installer.elf.ltrans0.ltrans.ci"
    counted = int(installer_stack(build, repo, graph).stdout.split()[-1])
    deeper = tmp_path / "deeper.ci"
    # Down there: the installer, the stage's decoder, the installer's reader, littlefs, the flash port.
    deeper.write_text(re.sub(r"(port_read\\n[^\\]*\\n)16 ", r"\g<1>9000 ", graph.read_text()))
    assert int(installer_stack(build, repo, deeper).stdout.split()[-1]) > max(9700, counted)
    over = installer_stack(build, repo, graph, counted - 1)
    assert over.returncode != 0 and f"{counted} bytes of stack" in over.stderr


def test_a_call_through_a_pointer_that_is_not_accounted_for_is_named(build, repo, tmp_path):
    graph = (build / "esp8266" / "installer.elf.ltrans0.ltrans.ci").read_text()
    strange = tmp_path / "strange.ci"
    strange.write_text(graph.replace("core/flash.c:", "core/other.c:"))
    assert "pointer in core/other.c" in installer_stack(build, repo, strange).stderr
    called = re.compile(r"edge: .*targetname: \"[^\"]*:carry_out")
    strange.write_text("".join(line for line in graph.splitlines(True) if not called.match(line)))
    assert "carry_out" in installer_stack(build, repo, strange).stderr


def test_a_constant_that_is_read_by_bytes_is_not_let_into_the_loader(build, repo, tmp_path):
    check = repo / "device" / "esp8266" / "check_loader"
    good = build / "esp8266" / "loader.map"
    assert subprocess.run([check, good]).returncode == 0
    bad = tmp_path / "bad.map"
    bad.write_text(good.read_text() + "\n .rodata.names$0\n                0x4010e800       0x20 core/boot.o\n")
    done = subprocess.run([check, bad], capture_output=True, text=True)
    assert done.returncode != 0 and "names" in done.stderr


def test_nothing_to_do_starts_the_application_and_writes_nothing(oneslot, device, firmware_1):
    result = boots_into(oneslot, device(), firmware_1, "--json").json
    assert result["resets"] == 0
    assert result["operations"]["all"] == 0


def test_request_is_carried_out_and_said_on_the_console(oneslot, device, firmware_2):
    flash = device()
    oneslot.ok("request", flash, "/fw.bin")
    out = boots_into(oneslot, flash, firmware_2).out
    assert "upgrade: /fw.bin, MicroPython image, 241680 bytes, MD5 ok" in out
    assert "writing 100 %" in out and "checking 100 %" in out and "done" in out


def test_refusal_names_its_reason_and_starts_the_old_firmware_without_a_reset(oneslot, device, firmware_1):
    flash = device()
    oneslot.ok("request", flash, "/missing.bin")
    result = boots_into(oneslot, flash, firmware_1)
    assert "upgrade: /missing.bin: there is no such file" in result.out
    assert "0 resets" in result.out


def test_damaged_installer_leaves_the_old_firmware_running(oneslot, device, firmware_1):
    flash = device()
    oneslot.ok("request", flash, "/fw.bin")
    damage(flash, INSTALLER + 0x1000)
    assert "oneslot: the installer is damaged" in boots_into(oneslot, flash, firmware_1).out


# Harm that the loader's checksum does not see: what is changed (name: change, whether the CRC-32 is right all the same).
UNSEEN = {
    "its CRC-32": (lambda packed: packed.flip(0), False),
    "the size of its code": (lambda packed: packed.put(4, 0x8000), False),
    "a length past the segment": (lambda packed: packed.put(8, 0x7FFFFFFF), False),
    "the first byte of the stream": (lambda packed: packed.flip(24), False),
    "a byte in the middle": (lambda packed: packed.flip(24 + packed.stream_size // 2), False),
    "the last byte": (lambda packed: packed.flip(24 + packed.stream_size - 1), False),
    "code that would run into the stage": (lambda packed: packed.put(12, packed.put(4, 0xE000) or 0x10000), True),
    "data that would run into the decoder": (lambda packed: packed.put(12, packed.get(4) + 0x4004), True),
    "more code than there is": (lambda packed: packed.put(4, packed.get(12) + 4), True),
    "half a word": (lambda packed: packed.put(12, packed.get(12) + 2), True),
    "a size that is too small": (lambda packed: packed.put(12, packed.get(12) - 4), True),
    "a size that is too large": (lambda packed: packed.put(12, packed.get(12) + 4), True),
    "a dictionary without room": (lambda packed: packed.put(16, 0x20000), True),
    "a stream that breaks off": (lambda packed: packed.put(24 + 4 * (packed.stream_size // 8), 0), True),
}


@pytest.mark.parametrize("name", UNSEEN)
def test_installer_that_cannot_be_unpacked_leaves_the_old_firmware_running(oneslot, device, firmware_1, name):
    change, crc = UNSEEN[name]
    flash = device()
    oneslot.ok("request", flash, "/fw.bin")
    installer = Installer(flash)
    change(installer)
    installer.write(crc)
    result = boots_into(oneslot, flash, firmware_1, "--json").json
    # It is tried a second time: one reading does not decide that it is damaged.
    assert [line["text"] for line in result["uart"] if "oneslot" in line["text"]] == [
        CANNOT_UNPACK, CANNOT_UNPACK, "oneslot: the installer is damaged"]
    assert result["resets"] == 0 and result["operations"]["all"] == 0


def test_installer_that_is_written_anew_by_these_tests_runs(oneslot, device, firmware_2):
    flash = device()
    oneslot.ok("request", flash, "/fw.bin")
    before = flash.read_bytes()
    Installer(flash).write(True)
    assert flash.read_bytes() == before
    boots_into(oneslot, flash, firmware_2)


def test_damaged_application_is_mended_from_the_file_that_was_installed(oneslot, device, firmware_2):
    flash = device()
    oneslot.ok("request", flash, "/fw.bin")
    boots_into(oneslot, flash, firmware_2)
    damage(flash, DISPLACED + 0x100, 0x5A)
    out = boots_into(oneslot, flash, firmware_2).out
    assert "oneslot: application damaged, starting the installer" in out


def run_until(oneslot, flash, text, times):
    """A run that only its time-out ends, with as much time as a busy machine needs for the text to come so often."""
    for seconds in (2, 20, 200):
        result = oneslot("run", flash, "--timeout", seconds)
        if result.out.count(text) >= times:
            break
    return result


@pytest.mark.parametrize("damaged", [(DISPLACED,), (DISPLACED, INSTALLER)])
def test_nothing_that_can_be_started_is_said_again_and_again(oneslot, device, damaged):
    flash = device()
    for address in damaged:
        damage(flash, address)
    result = run_until(oneslot, flash, "no firmware can be started", 2)
    assert result.status == 1
    assert result.out.count("no firmware can be started") >= 2


def spoil_magic(flash):
    damage(flash, INSTALLER)


def spoil_stream(flash):
    installer = Installer(flash)
    installer.flip(24 + installer.stream_size // 2)
    installer.write(False)


@pytest.mark.parametrize("spoil", [spoil_magic, spoil_stream])
def test_half_written_firmware_is_never_started(oneslot, device, spoil):
    flash = device()
    oneslot.ok("request", flash, "/fw.bin")
    oneslot("run", flash, "--cut-at", "300", "--tear", "before")
    # A first sector that passes the ROM's checksum, as an old one would that a cut left in its place.
    image = struct.pack("<BBBBIII", 0xE9, 1, 2, 0x40, 0x40100000, 0x40100000, 16) + bytes(16)
    image += bytes(15 - len(image) % 16) + b"\xef"
    with open(flash, "r+b") as file:
        file.seek(DISPLACED)
        file.write(image)
    spoil(flash)
    result = run_until(oneslot, flash, "no firmware can be started", 1)
    assert result.status == 1
    assert "no firmware can be started" in result.out


def test_watch_takes_a_new_file_but_not_on_waking_from_deep_sleep(oneslot, device, firmware_1, firmware_2):
    flash = device("--watch", "/fw.bin")
    boots_into(oneslot, flash, firmware_1, "--reset-cause", "5")
    boots_into(oneslot, flash, firmware_2, "--reset-cause", "0")
    result = boots_into(oneslot, flash, firmware_2, "--json").json
    assert result["operations"]["all"] == 0, "the same file is not taken twice"


def test_trial_that_is_not_confirmed_puts_the_fallback_back(oneslot, device, firmware_1, firmware_2):
    flash = device()
    oneslot.ok("request", flash, "/fw.bin", "--trial", "2", "--fallback", "/old.bin")
    boots_into(oneslot, flash, firmware_2)
    boots_into(oneslot, flash, firmware_2)
    boots_into(oneslot, flash, firmware_1)
    assert "TRIAL_EXPIRED" in oneslot.ok("status", flash, "--json").out


def test_file_system_beyond_the_size_that_the_rom_believes_in(oneslot, firmware_1, firmware_2, tmp_path):
    flash = tmp_path / "large.bin"
    oneslot.ok("image", firmware_1, "--flash-size", "16MB", "-o", flash)
    oneslot.ok("fs", "format", flash)
    filler = tmp_path / "filler"
    filler.write_bytes(bytes(range(256)) * 20480)
    oneslot.ok("fs", "put", flash, filler, "/filler")
    oneslot.ok("fs", "put", flash, firmware_2, "/fw.bin")
    whole = flash.read_bytes()
    assert whole.rfind(firmware_2.read_bytes()[0x20000:0x20400]) > 0x400000, "the file must lie there for this test"
    oneslot.ok("request", flash, "/fw.bin")
    boots_into(oneslot, flash, firmware_2)


def test_a_protected_flash_chip_is_unlocked_and_one_that_cannot_be_is_refused_by_name(oneslot, device, firmware_1, firmware_2):
    flash = device()
    oneslot.ok("request", flash, "/fw.bin")
    before = flash.read_bytes()
    out = boots_into(oneslot, flash, firmware_1, "--flash-status", "9c").out
    assert "upgrade: the flash chip is write-protected and cannot be unlocked" in out
    assert flash.read_bytes() == before
    boots_into(oneslot, flash, firmware_2, "--flash-status", "1c")


def test_the_watchdog_is_served_through_the_slowest_flash_and_a_signature(oneslot, build, firmware_1, firmware_2, tmp_path):
    oneslot.ok("keygen", "-o", tmp_path / "key.pem", "--public", tmp_path / "key.pub")
    files = tmp_path / "files"
    files.mkdir()
    oneslot.ok("pack", firmware_2, "--version", "2.0.0", "--compress", "--key", tmp_path / "key.pem", "-o", files / "fw.osp")
    flash = tmp_path / "flash.bin"
    oneslot.ok("image", firmware_1, "--flash-size", "4MB", "--key", tmp_path / "key.pub", "--fs", files, "-o", flash)
    oneslot.ok("request", flash, "/fw.osp")
    result = boots_into(oneslot, flash, firmware_2, "--slow-flash", "--watchdog", "--timeout", "300", "--json").json
    # Of 8.4 s; a block's erase may take two.
    assert result["watchdog_resets"] == 0 and result["watchdog_left_ms"] > 4000, result["watchdog_left_ms"]


def test_example_upgrades_itself_over_a_cut_and_says_so(oneslot, device):
    flash = device()
    cut = oneslot("run", flash, "--go", "--cut-at", "500", "--tear", "half")
    assert "example firmware, version 1" in cut.out
    done = oneslot.ok("run", flash, "--go", "--until", "status: upgraded")
    assert "example firmware, version 2" in done.out
    assert "damaged" not in done.out
