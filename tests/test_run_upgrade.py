"""Upgrades of real firmware on the emulated board, with the loader and the installer as they go on the chip."""

import hashlib
import random

import pytest

from conftest import make_littlefs, read_littlefs

PAIRS = [
    ("mp8266-v1.23.0.bin", "mp8266-v1.24.0.bin", None),
    ("mp8266-v1.9.4.bin", "mp8266-v1.10.bin", None),
    ("nodemcu-20150107.bin", "nodemcu-20150106.bin", None),  # down: its files begin where the program ends
    ("wled8266-0.14.2.bin", "wled8266-0.14.3.bin", None),
    ("at8266-user1-3.0.4.bin", "at8266-user1-3.0.5.bin", "boot_v1.7.bin"),
]
TEARS = ["before", "subset", "half", "page", "random", "after"]
SAMPLES = 6


class Device:
    """A flash image with an upgrade asked for, its file system written by littlefs-python."""

    def __init__(self, oneslot, firmware, folder, old, new, boot):
        self.oneslot = oneslot
        self.old, self.new = firmware / old, firmware / new
        self.flash = folder / "flash.bin"
        command = ["image", "--json", self.old, "--flash-size", "4MB", "-o", self.flash]
        command += ["--boot", firmware / boot] if boot else []
        parts = {part["name"]: part for part in oneslot.ok(*command).json["map"]}
        region = next(part for part in parts.values() if part["subtype"] == "littlefs")
        self.start, self.size = region["address"], region["size"]
        self.files = {"/fw.bin": self.new.read_bytes(), "/main.py": b"print(1)\n", "/lib/sub/data": bytes(range(256)) * 40,
                      "/empty": b""}
        content = bytearray(self.flash.read_bytes())
        content[self.start:self.start + self.size] = make_littlefs(self.files, self.size)
        self.flash.write_bytes(content)
        oneslot.ok("run", "--expect", self.old, self.flash)
        digest = hashlib.sha256(self.new.read_bytes()).hexdigest()
        # NodeMCU's own files would lie a sector further in front, over the end of the old one.
        force = ["--force"] if old.startswith("nodemcu") else []
        oneslot.ok("request", self.flash, "/fw.bin", "--sha256", digest, *force)
        self.asked = self.flash.read_bytes()
        self.file_system = self.asked[self.start:self.start + self.size]

    def run(self, *arguments):
        return self.oneslot("run", "--json", *arguments, self.flash).json

    def reset_to_request(self):
        self.flash.write_bytes(self.asked)

    def expect_new(self):
        report = self.run("--expect", self.new)
        assert report["ok"] and report["result"] == "application", report
        again = self.run("--expect", self.new)
        assert again["ok"] and again["operations"]["all"] == 0, again
        found = self.flash.read_bytes()[self.start:self.start + self.size]
        assert found == self.file_system
        assert read_littlefs(found) == self.files


@pytest.fixture(params=PAIRS, ids=lambda pair: pair[1])
def device(request, oneslot, firmware, tmp_path):
    return Device(oneslot, firmware, tmp_path, *request.param)


def test_the_requested_firmware_runs_as_if_flashed_and_the_files_stay(device):
    device.expect_new()


def test_a_cut_anywhere_and_another_in_the_recovery_end_in_the_new_firmware(device):
    operations = device.run("--expect", device.new)["operations"]["all"]
    choice = random.Random(device.new.name)
    for sample in range(SAMPLES):
        device.reset_to_request()
        for cut in range(1 + sample % 2):
            at = choice.randint(1, operations if cut == 0 else operations // 8)
            report = device.run("--cut-at", at, "--tear", TEARS[sample], "--seed", sample)
            assert report["ok"], (sample, at, report)
        device.expect_new()


@pytest.mark.parametrize("header", [(0x02, 0x0F), (0x00, 0x00), (0x03, 0x40)])
def test_an_arduino_crc_holds_whatever_flash_mode_the_device_has(oneslot, firmware, tmp_path, header):
    """The CRC covers header bytes 2 and 3, which are the device's own in flash; a byte behind them is another matter."""
    oneslot.ok("image", firmware / "wled8266-0.14.2.bin", "--flash-size", "4MB", "-o", tmp_path / "made.bin")
    flash = bytearray((tmp_path / "made.bin").read_bytes())
    flash[2], flash[3] = header[0], flash[3] & 0xF0 | header[1] & 0x0F
    path = tmp_path / "flash.bin"
    path.write_bytes(flash)
    checked = oneslot.ok("map", "check", path)
    assert "wrong" not in checked.out and "CRC" not in checked.out, checked
    assert "the image in flash is whole: Arduino sketch" in oneslot.ok("run", path, timeout=600).out
    flash[0x40000] ^= 1
    path.write_bytes(flash)
    damaged = oneslot("map", "check", path)
    assert damaged.status == 1 and "CRC" in damaged.out, damaged
