"""Devices that exist: dumps of an ESP8266 without Oneslot are read, and come in with their files kept."""

import re

import pytest
from conftest import make_littlefs, read_littlefs
from test_host import micropython

SIZE = 4 << 20
FILES_AT, FILES_SIZE = 0x100000, 0x2FB000
FILES = {"/boot.py": b"import gc\n", "/lib/x.py": b"y" * 5000, "/data/log": bytes(range(256)) * 40}


def dump_of(firmware, files=FILES, noise=b""):
    """A chip as a stock device leaves it: esptool has written its size into the header, MicroPython its files."""
    chip = bytearray(b"\xff" * SIZE)
    chip[: len(firmware)] = firmware
    chip[3] = chip[3] & 0x0F | 0x40
    if files is not None:
        chip[FILES_AT : FILES_AT + FILES_SIZE] = make_littlefs(files, FILES_SIZE, disk_version=0x20000)
    chip[0x3FB000 : 0x3FB000 + len(noise)] = noise
    return bytes(chip)


@pytest.fixture()
def stock(tmp_path):
    path = tmp_path / "stock.bin"
    path.write_bytes(dump_of(micropython("v1.23.0 on 2024-06-02"), noise=b"\x05\x00calibration"))
    return path


def parts_written(oneslot, stock, *firmware):
    """The chip after the two parts that are to be written, in the order of the command; and the command."""
    result = oneslot.ok("image", "--dump", stock, *firmware, "--parts", "parts/", "--json", cwd=stock.parent).json
    command = result["parts_command"].split()
    chip = bytearray(stock.read_bytes())
    places = re.findall(r"(0x[0-9a-f]+) (parts/\S+)", result["parts_command"])
    assert len(places) == len(result["parts"])
    for at, name in places:
        part = (stock.parent / name).read_bytes()
        chip[int(at, 16) : int(at, 16) + len(part)] = part
    return bytes(chip), command, [int(at, 16) for at, _ in places]


class TestDump:
    def test_it_is_told_with_its_files(self, oneslot, stock):
        info = oneslot.ok("info", stock).out
        assert "flash without Oneslot, ESP8266, 4 MiB" in info and "MicroPython v1.23.0 on 2024-06-02" in info
        assert "3 on littlefs" in info and "MD5: holds" in info
        as_json = oneslot.ok("info", stock, "--json").json
        assert as_json["ok"] and as_json["file_system"]["files"] == 3

    def test_its_files_are_listed_and_read(self, oneslot, stock):
        listed = oneslot.ok("fs", "ls", stock).out
        assert "/lib/x.py" in listed and "3 files" in listed
        assert oneslot.ok("fs", "cat", stock, "/lib/x.py").bytes == FILES["/lib/x.py"]

    def test_it_comes_in_with_files_and_settings_kept(self, oneslot, stock, tmp_path):
        before = stock.read_bytes()
        oneslot.ok("image", "--dump", stock, "-o", tmp_path / "flash.bin")
        flash = (tmp_path / "flash.bin").read_bytes()
        assert stock.read_bytes() == before
        assert read_littlefs(flash[FILES_AT : FILES_AT + FILES_SIZE]) == FILES
        assert flash[FILES_AT:] == before[FILES_AT:]  # not a byte is written there
        assert flash[0x1000:0xF4000] == before[0x1000:0xF4000]  # the firmware stays where it is
        assert oneslot.ok("status", tmp_path / "flash.bin", "--json").json["state"] == "idle"

    def test_what_differs_is_two_parts_and_makes_the_same_chip(self, oneslot, stock, tmp_path):
        oneslot.ok("image", "--dump", stock, "-o", tmp_path / "flash.bin")
        chip, command, places = parts_written(oneslot, stock)
        assert chip == (tmp_path / "flash.bin").read_bytes()
        assert places == [0xF4000, 0]  # the loader last: what it needs is there by then
        assert command[:3] == ["esptool", "--chip", "esp8266"] and "--port" in command
        assert command[command.index("--flash-size") + 1] == "keep" and command[command.index("--flash-mode") + 1] == "keep"
        assert sum(path.stat().st_size for path in (tmp_path / "parts").iterdir()) <= 0x1000 + 0xC000

    def test_a_newer_firmware_goes_in_at_once(self, oneslot, stock, tmp_path):
        new = tmp_path / "new.bin"
        new.write_bytes(micropython("v1.24.0 on 2024-10-25", seed=2))
        oneslot.ok("image", new, "--dump", stock, "-o", tmp_path / "flash.bin")
        chip, _, places = parts_written(oneslot, stock, new)
        assert chip == (tmp_path / "flash.bin").read_bytes() and places[-1] == 0
        assert read_littlefs(chip[FILES_AT : FILES_AT + FILES_SIZE]) == FILES
        assert oneslot.ok("info", tmp_path / "flash.bin", "--json").json["firmware"]["version"].startswith("v1.24.0")

    def test_parts_go_with_a_dump(self, oneslot, tmp_path):
        (tmp_path / "fw").write_bytes(micropython())
        result = oneslot("image", "fw", "--flash-size", "4MB", "--parts", "p/", cwd=tmp_path)
        assert result.status == 2 and "--parts goes with --dump" in result.err

    def test_one_without_files_is_said_to_have_none(self, oneslot, tmp_path):
        path = tmp_path / "stock.bin"
        path.write_bytes(dump_of(micropython(), None))
        result = oneslot("fs", "ls", path)
        assert result.status == 1 and "no littlefs file system was found" in result.err

    def test_a_damaged_firmware_in_it_is_named(self, oneslot, stock, tmp_path):
        chip = bytearray(stock.read_bytes())
        chip[0x9100] ^= 1
        stock.write_bytes(chip)
        result = oneslot("image", "--dump", stock, "-o", tmp_path / "out", "--json")
        assert result.status == 1 and result.error == "IMAGE_MD5" and not (tmp_path / "out").exists()

    def test_half_a_dump_is_named(self, oneslot, stock, tmp_path):
        stock.write_bytes(stock.read_bytes()[: 3 << 20])
        result = oneslot("image", "--dump", stock, "-o", tmp_path / "out")
        assert result.status == 1 and str(stock) in result.err and not (tmp_path / "out").exists()


REAL = ["mp8266-v1.20.0.bin", "mp8266-v1.23.0.bin", "mp8266-v1.24.0.bin"]


@pytest.mark.parametrize("name", REAL)
def test_a_real_device_comes_in(oneslot, firmware, tmp_path, name):
    stock = tmp_path / "stock.bin"
    stock.write_bytes(dump_of((firmware / name).read_bytes()))
    oneslot.ok("image", "--dump", stock, "-o", tmp_path / "flash.bin")
    chip, _, places = parts_written(oneslot, stock)
    assert chip == (tmp_path / "flash.bin").read_bytes() and places == [0xF4000, 0]
    assert read_littlefs(chip[FILES_AT : FILES_AT + FILES_SIZE]) == FILES
