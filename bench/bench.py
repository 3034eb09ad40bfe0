#!/usr/bin/env python3
"""Speed of an upgrade, as ratios and counted instructions: never as seconds of this machine.

    bench.py BUILD [FIRMWARE_FOLDER]

Flash time comes from the simulator (W25Q32 data sheet, typical): what the upgrade took, beside what the difference of
the two images needs at the least and what erasing and programming every sector singly would take. Instructions come
from QEMU, which runs the real loader and installer.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile

PAIRS = [
    ("MicroPython 1.23.0 -> 1.24.0", "mp8266-v1.23.0.bin", "mp8266-v1.24.0.bin", None),
    ("MicroPython 1.9.4 -> 1.10", "mp8266-v1.9.4.bin", "mp8266-v1.10.bin", None),
    ("MicroPython, a day apart", "mp8266-iot-20200701.bin", "mp8266-iot-20200702.bin", None),
    ("NodeMCU, a day apart", "nodemcu-20150106.bin", "nodemcu-20150107.bin", None),
    ("WLED 0.14.2 -> 0.14.3", "wled8266-0.14.2.bin", "wled8266-0.14.3.bin", None),
    ("AT user1 3.0.4 -> 3.0.5", "at8266-user1-3.0.4.bin", "at8266-user1-3.0.5.bin", "boot_v1.7.bin"),
]


def run(*command):
    return subprocess.run([str(part) for part in command], check=True, capture_output=True, text=True).stdout


def pairs(build, folder):
    """(name, old, new, boot) for each pair whose files are there; our own example is always there."""
    example = build / "examples"
    yield ("our example, 1 -> 2", example / "firmware-v1.bin", example / "firmware-v2.bin", None)
    for name, old, new, boot in PAIRS:
        files = [folder / part if part else None for part in (old, new, boot)]
        if all(part is None or part.exists() for part in files):
            yield (name, *files)


def flash_time(build, old, new, boot):
    return json.loads(run(build / "bench/flash_time", old, new, *([boot] if boot else [])))


def phases(build, old, new):
    """Instructions of each phase of the installer: {name: count}, and the bytes of the image."""
    tool = build / "oneslot"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "fs").mkdir()
        shutil.copy(new, folder / "fs/fw.bin")
        flash = folder / "flash.bin"
        run(tool, "image", old, "--chip", "esp8266", "--flash-size", "4MB", "--fs", folder / "fs", "-o", flash)
        run(tool, "request", flash, "/fw.bin")
        result = json.loads(run(tool, "run", flash, "--json"))
    lines = [(line["text"], line["instructions"]) for line in result["uart"]]

    def at(start, last=False):
        found = [count for text, count in lines if text.startswith(start)]
        return found[-1 if last else 0]

    return {
        "loader, start to installer, prove and plan": at("upgrade:"),
        "write": at("checking") - at("upgrade:"),
        "read back": at("done") - at("checking"),
    }, new.stat().st_size


def main():
    build = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path("none")
    found = list(pairs(build, folder))
    print("Flash time of an upgrade (W25Q32, typical), ms")
    print(f"{'':32}{'took':>8}{'needed':>9}{'ratio':>8}{'by sectors':>12}{'faster':>9}")
    for name, old, new, boot in found:
        time = flash_time(build, old, new, boot)
        print(f"{name:32}{time['took_ms']:8.0f}{time['needed_ms']:9.0f}{time['ratio']:8.3f}"
              f"{time['by_sectors_ms']:12.0f}{time['by_sectors_ms'] / time['took_ms']:8.1f}x")
    if len(found) == 1:
        print(f"(no images in {folder}: our own example alone)")
    print("\nInstructions of the installer for a byte of the image (QEMU, LX106)")
    for name, old, new, boot in found[:3]:
        counts, size = phases(build, old, new)
        print(f"{name}: " + ", ".join(f"{phase} {count / size:.0f}" for phase, count in counts.items()) +
              f"; {sum(counts.values()) / 80e6:.1f} s at 80 MHz")


if __name__ == "__main__":
    main()
