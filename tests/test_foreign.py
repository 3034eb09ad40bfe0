"""Files that people give as firmware and that are something else: each named for what it is, with what to do about it.

Where a tool of the field makes such a file it does so here (gzip, zip, tar, xz, bzip2, esptool, littlefs-python); of the
rest the mark by which it is known is written down."""

import bz2
import gzip
import hashlib
import io
import lzma
import struct
import subprocess
import sys
import tarfile
import zipfile

import esp32_image as esp
import pytest
from conftest import make_littlefs
from test_host import micropython


def gzip_of(data, name):
    out = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=out, mtime=0) as file:
        file.write(data)
    return out.getvalue()


def zip_of(data):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as file:
        file.writestr("fw.bin", data)
    return out.getvalue()


def tar_of(data):
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        entry = tarfile.TarInfo("fw.bin")
        entry.size = len(data)
        file.addfile(entry, io.BytesIO(data))
    return out.getvalue()


def merged(folder, form, chip="esp32c3"):
    """An application as esptool wraps it."""
    application, out = folder / "app.bin", folder / f"app.{form}"
    application.write_bytes(esp.application(chip))
    subprocess.run([sys.executable, "-m", "esptool", "--chip", chip, "merge-bin", "--format", form, "-o", out,
                    "0x10000", application], check=True, stdout=subprocess.DEVNULL)
    return out.read_bytes()


def elf(machine):
    return b"\x7fELF\1\1\1" + bytes(9) + struct.pack("<HHI", 2, machine, 1) + bytes(64)


def rtos_sdk(*segments):
    """As esptool's ESP8266V3FirmwareImage writes it."""
    out = struct.pack("<BBBBI", 0xE9, len(segments), 0, 0x40, 0x40100004) + b"\xee" + bytes(14) + b"\1"
    for address, size in segments:
        out += struct.pack("<II", address, size) + bytes(size)
    out = out.ljust(len(out) | 15, b"\0") + b"\xef"
    return out + hashlib.sha256(out).digest()


RTOS_SDK = rtos_sdk((0x40210010, 0x8000), (0x3FFE8000, 0x800), (0x40100000, 0x4000))
RTOS_SDK_FLASH = rtos_sdk((0x40100000, 0x2000)).ljust(0x8000, b"\xff") + esp.table(
    [("nvs", (1, 2), 0x9000, 0x6000), ("factory", (0, 0), 0x10000, 0xF0000)]).ljust(0x8000, b"\xff") + RTOS_SDK


# What it is called, and what is to be done: words of the sentence.
FILES = {
    "gzip": (lambda old, _: gzip_of(old, "fw.bin"), "a gzip file", "'gunzip') and give 'fw.bin', which is in it"),
    "gzip without a name": (lambda old, _: gzip_of(old, ""), "a gzip file", "give what was in it"),
    "zip": (lambda old, _: zip_of(old), "a zip archive", "'unzip'"),
    "tar": (lambda old, _: tar_of(old), "a tar archive", "'tar xf'"),
    "xz": (lambda old, _: lzma.compress(old), "an xz file", "'unxz'"),
    "bzip2": (lambda old, _: bz2.compress(old), "a bzip2 file", "'bunzip2'"),
    "Zstandard": (lambda old, _: b"\x28\xb5\x2f\xfd" + old, "a Zstandard file", "'unzstd'"),
    "7z": (lambda old, _: b"7z\xbc\xaf\x27\x1c\0\4" + old, "a 7-Zip archive", "'7z x'"),
    "rar": (lambda old, _: b"Rar!\x1a\7\1\0" + old, "a RAR archive", "unpack it"),
    "UF2": (lambda _, folder: merged(folder, "uf2"), "a UF2 file", "goes to 0x10000 of the flash (ESP32-C3)"),
    "UF2 for an S3": (lambda _, folder: merged(folder, "uf2", "esp32s3"), "a UF2 file", "(ESP32-S3)"),
    "UF2 of others": (lambda _, folder: merged(folder, "uf2").replace(struct.pack("<I", 0xD42BA06C),
                                                                       struct.pack("<I", 0xE48BFF56)),
                      "a UF2 file", "of a chip that is not known here"),
    "Intel HEX": (lambda _, folder: merged(folder, "hex"), "an Intel HEX file", "objcopy -I ihex"),
    "S-record": (lambda _, __: b"S00600004844521B\r\nS1130000285F245F2212226A000424290008237C2A\r\n",
                 "a Motorola S-record file", "objcopy -I srec"),
    "ELF of the chip": (lambda _, __: elf(94), "an ELF file", "of an Xtensa core; 'esptool elf2image'"),
    "ELF of a RISC-V": (lambda _, __: elf(243), "an ELF file", "of a RISC-V core; 'esptool elf2image'"),
    "ELF of a computer": (lambda _, __: elf(62), "an ELF file", "a program of a computer"),
    "RTOS SDK": (lambda _, __: RTOS_SDK, "an image of ESP8266_RTOS_SDK", "which Oneslot does not serve"),
    "RTOS SDK, merged": (lambda _, __: RTOS_SDK_FLASH, "an image of ESP8266_RTOS_SDK", "own boot loader"),
    "web page": (lambda _, __: b"\n\n<!DOCTYPE html>\n<html><head><title>GitHub</title></head></html>", "a web page",
                 "take the link to the raw file"),
    "web page in small letters": (lambda _, __: b"<html><body>404</body></html>", "a web page", "the raw file"),
    "Git LFS": (lambda _, __: b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n",
                "a pointer of Git LFS", "'git lfs pull'"),
    "littlefs": (lambda _, __: make_littlefs({"/a": b"x"}, 0x10000), "a littlefs file system", "no firmware is in front"),
    "partition table": (lambda _, __: esp.table([("nvs", (1, 2), 0x9000, 0x6000), ("ota", (0, 0x10), 0x10000, 0x100000)]),
                        "a partition table", "'oneslot map check'"),
    "erased": (lambda _, __: b"\xff" * 4096, "a file of erased flash", "4096 bytes of 0xff"),
    "zeros": (lambda _, __: bytes(4096), "a file of zeros", "4096 bytes of 0x00"),
}
# What a device may well keep beside its firmware: putting it there is nobody's mistake.
KEPT = ("ELF of a computer", "web page", "web page in small letters", "Git LFS", "littlefs", "partition table", "erased",
        "zeros", "zip", "tar", "xz", "bzip2", "Zstandard", "7z", "rar", "gzip without a name")


@pytest.fixture(params=FILES)
def foreign(request, tmp_path):
    make, name, advice = FILES[request.param]
    path = tmp_path / "given"
    path.write_bytes(make(micropython(), tmp_path))
    return path, name, advice, request.param


def test_each_is_named_where_a_firmware_is_wanted(oneslot, foreign, tmp_path):
    path, name, advice, _ = foreign
    commands = {
        "image": ["image", path, "--flash-size", "4MB", "-o", tmp_path / "out"],
        "image --chip": ["image", path, "--chip", "esp32c3", "--flash-size", "4MB", "-o", tmp_path / "out"],
        "pack": ["pack", path, "--version", "1.0", "-o", tmp_path / "out"],
        "info": ["info", path],
        "prove": ["prove", path, path],
    }
    for title, command in commands.items():
        result = oneslot(*command)
        if title == "info" and result.status == 0:
            assert "partition" in result.out or "littlefs" in result.out  # it tells what is in it
            continue
        assert result.status in (1, 2) and f"{path} is {name}: " in result.err and advice in result.err, (title, result)
    assert not (tmp_path / "out").exists()


@pytest.fixture()
def device(oneslot, tmp_path):
    old, flash = tmp_path / "old.bin", tmp_path / "flash.bin"
    old.write_bytes(micropython("v1.23.0 on 2024-06-02"))
    (tmp_path / "files").mkdir()
    oneslot.ok("image", old, "--flash-size", "4MB", "--fs", tmp_path / "files", "-o", flash)
    return flash


def test_what_lies_on_a_device_as_its_firmware_is_warned_of(oneslot, foreign, device):
    path, name, advice, kind = foreign
    put = oneslot.ok("fs", "put", device, path, "/fw.bin")
    assert f"is {name}, which cannot be installed: " in put.err and advice in put.err
    asked = oneslot("request", device, "/fw.bin")
    assert f"is {name}" in asked.err, asked
    other = oneslot.ok("fs", "put", device, path, "/kept.dat")
    assert (name in other.err) == (kind not in KEPT), other
