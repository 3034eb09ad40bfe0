"""Upgrades of stock MicroPython on the emulated boards of the ESP32 family: installer and vendor's boot loader together,
with power cuts."""

import random
import shutil
import subprocess
import sys

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
        return self.oneslot("run", "--json", "--timeout", "1000", *arguments, self.flash).json

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
    for sample, tear in enumerate(TEARS[1:5]):
        device.flash.write_bytes(device.asked)
        for cut in range(1 + sample % 2):
            at = choice.randint(1, operations if cut == 0 else operations // 8)
            report = device.run("--cut-at", at, "--tear", tear, "--seed", sample)
            assert report["ok"], (sample, at, report)
        device.expect_new()


def test_an_application_that_was_damaged_later_is_mended_from_the_file(device):
    device.expect_new()
    content = bytearray(device.flash.read_bytes())
    content[0x43210:0x43220] = bytes(16)
    device.flash.write_bytes(content)
    device.expect_new()


# The example firmware, which the boards run: no stock image is needed


class Example:
    """A flash with version 1 of the example, and version 2 in a file."""

    def __init__(self, oneslot, build, folder, chip):
        self.oneslot, self.flash, self.chip = oneslot, folder / "flash.bin", chip
        files = folder / "files"
        files.mkdir()
        shutil.copy(build / chip / "firmware-v2.bin", files / "fw.bin")
        oneslot.ok("image", build / chip / "firmware-v1.bin", "--chip", chip, "--flash-size", "4MB", "--fs", files,
                   "--bootloader", build / chip / "boot-stand-in.bin", "-o", self.flash)
        self.fresh = self.flash.read_bytes()

    def run(self, *arguments, until="status: upgraded"):
        return self.oneslot("run", "--json", "--timeout", "1000", "--go", "--until", until, *arguments, self.flash).json

    def expect_upgraded(self):
        report = self.run()
        assert report["ok"] and report["started"]["version"] == "2", report
        text = [line["text"] for line in report["uart"]]
        assert "example firmware, version 2" in text and "the table in flash is damaged" not in text
        assert "upgraded to /fw.bin" in self.oneslot.ok("status", self.flash).out
        # It was confirmed: the next start changes nothing and is no trial.
        report = self.run()
        assert report["operations"]["all"] == 0 and report["started"]["otadata"] in ("VALID", "UNDEFINED"), report


@pytest.fixture(params=["esp32", "esp32s3", "esp32c3"])
def example(request, oneslot, build, tmp_path):
    return Example(oneslot, build, tmp_path, request.param)


def test_the_example_asks_upgrades_and_confirms(example):
    example.expect_upgraded()


def test_cuts_of_the_example_s_upgrade_end_in_version_2(example):
    # The request, the first sectors, the middle, otadata, the boot loader's own writing, the confirmation.
    operations = example.run()["operations"]["all"]
    for sample, at in enumerate((1, 2, 4, operations // 2, *range(operations - 6, operations + 1))):
        example.flash.write_bytes(example.fresh)
        report = example.run("--cut-at", at, "--tear", TEARS[sample % len(TEARS)], "--seed", sample)
        assert report["result"] == "cut", (at, report)
        example.expect_upgraded()


def test_an_application_that_does_not_confirm_makes_way_for_the_fallback(oneslot, build, tmp_path):
    # Version 1 in the role of the new firmware: it never confirms. A run without --go stops where it is started.
    chip = "esp32c3"
    files = tmp_path / "files"
    files.mkdir()
    for version, name in ((1, "new.bin"), (2, "old.bin")):
        shutil.copy(build / chip / f"firmware-v{version}.bin", files / name)
    flash = tmp_path / "flash.bin"
    oneslot.ok("image", build / chip / "firmware-v2.bin", "--flash-size", "4MB", "--fs", files, "--bootloader",
               build / chip / "boot-stand-in.bin", "-o", flash)
    oneslot.ok("request", flash, "/new.bin", "--trial", "2", "--fallback", "/old.bin")
    starts = [oneslot.ok("run", "--json", flash).json["started"] for _ in range(4)]
    assert [start["version"] for start in starts] == ["1", "1", "2", "2"], starts
    assert [start["otadata"] for start in starts[:2]] == ["PENDING_VERIFY"] * 2, starts
    assert "did not confirm itself; the fallback was put back" in oneslot.ok("status", flash).out


@pytest.mark.parametrize("version", [1, 2])
def test_esptool_accepts_the_example(example, build, version):
    chip = example.chip
    image = build / chip / f"firmware-v{version}.bin"
    done = subprocess.run([sys.executable, "-m", "esptool", "--chip", chip, "image-info", image],
                          capture_output=True, text=True, check=True)
    assert done.stdout.count("(valid)") == 2 and "Project name: oneslot_example" in done.stdout, done.stdout
