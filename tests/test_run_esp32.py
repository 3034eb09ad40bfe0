"""Upgrades of stock MicroPython on the emulated boards of the ESP32 family: installer and vendor's boot loader together,
with power cuts."""

import random
import shutil

import pytest

from conftest import make_littlefs, read_littlefs

pytestmark = [
    pytest.mark.skipif(shutil.which(tool) is None, reason=f"no {tool}: it is in qemu-system-misc")
    for tool in ("qemu-system-xtensa", "qemu-system-riscv32")
]

PAIRS = [
    ("esp32", "mp32-v1.23.0.bin", "mp32-v1.24.0.bin", 0xF000),
    ("esp32c3", "mp32c3-v1.20.0.bin", "mp32c3-v1.22.1.bin", 0x10000),
]
TEARS = ["before", "subset", "half", "page", "random", "after"]
OTADATA = 0x1F0000


class Device:
    """A flash with an upgrade asked for, its file system written by littlefs-python."""

    def __init__(self, oneslot, firmware, folder, chip, old, new, application):
        self.oneslot = oneslot
        self.old, self.new = firmware / old, firmware / new
        self.flash = folder / "flash.bin"
        parts = oneslot.ok("image", "--json", "--chip", chip, self.old, "--flash-size", "4MB", "-o", self.flash).json["map"]
        region = next(part for part in parts if part["name"] == "vfs")
        self.start, self.size = region["address"], region["size"]
        self.files = {"/fw.bin": self.new.read_bytes()[application:], "/main.py": b"print(1)\n",
                      "/lib/sub/data": bytes(range(256)) * 40, "/empty": b""}
        content = bytearray(self.flash.read_bytes())
        content[self.start:self.start + self.size] = make_littlefs(self.files, self.size)
        self.flash.write_bytes(content)
        oneslot.ok("run", "--expect", self.old, self.flash)
        oneslot.ok("request", self.flash, "/fw.bin")
        self.asked = self.flash.read_bytes()
        self.file_system = self.asked[self.start:self.start + self.size]

    def run(self, *arguments):
        return self.oneslot("run", "--json", "--timeout", "100", *arguments, self.flash).json

    def expect_new(self):
        report = self.run("--expect", self.new)
        assert report["ok"] and report["started"]["partition"] == "ota_0", report
        assert report["watchdog_resets"] == 0 and report["operations"]["overprograms"] == 0
        again = self.run("--expect", self.new)
        assert again["ok"] and again["operations"]["all"] == 0, again
        found = self.flash.read_bytes()[self.start:self.start + self.size]
        assert found == self.file_system and read_littlefs(found) == self.files


@pytest.fixture(params=PAIRS, ids=lambda pair: pair[0])
def device(request, oneslot, firmware, tmp_path):
    return Device(oneslot, firmware, tmp_path, *request.param)


def test_the_requested_firmware_is_started_and_the_files_stay(device):
    device.expect_new()
    assert "upgraded to /fw.bin" in device.oneslot.ok("status", device.flash).out


def test_a_cut_anywhere_and_another_in_the_recovery_end_in_the_new_firmware(device):
    operations = device.run("--expect", device.new)["operations"]["all"]
    choice = random.Random(device.new.name)
    for sample, tear in enumerate(TEARS):
        device.flash.write_bytes(device.asked)
        for cut in range(1 + sample % 2):
            at = choice.randint(1, operations if cut == 0 else operations // 8)
            report = device.run("--cut-at", at, "--tear", tear, "--seed", sample)
            assert report["ok"], (sample, at, report)
        device.expect_new()


def test_an_application_that_was_damaged_later_is_mended_from_the_file(device):
    device.expect_new()
    for at in (0x10000, 0x43210):
        content = bytearray(device.flash.read_bytes())
        content[at:at + 16] = bytes(16)
        device.flash.write_bytes(content)
        device.expect_new()
