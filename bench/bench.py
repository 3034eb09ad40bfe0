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

# The chip's clock, and cycles that an instruction of the LX106 is taken to need. That is assumed, not measured: most
# take one, taken branches and uses of what was just loaded more.
KHZ = 80_000
CYCLES = 2
# W25Q32 data sheet, typical.
PAGE = 256
PROGRAM_MS = 0.7
ERASE_SECTOR_MS = 45
ERASE_BLOCK_MS = 150

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


def upgrade(build, old, file, *options):
    """What `oneslot run` says of an upgrade to what the file holds; options of `oneslot image`."""
    tool = build / "oneslot"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        (folder / "fs").mkdir()
        shutil.copy(file, folder / "fs/fw")
        flash = folder / "flash.bin"
        run(tool, "image", old, "--chip", "esp8266", "--flash-size", "4MB", "--fs", folder / "fs", *options, "-o", flash)
        run(tool, "request", flash, "/fw")
        return json.loads(run(tool, "run", flash, "--json"))


def instructions_at(result, start):
    return next(line["instructions"] for line in result["uart"] if line["text"].startswith(start))


def phases(build, old, file):
    """Instructions of each phase of the installer: {name: count}."""
    result = upgrade(build, old, file)
    proven, checking = instructions_at(result, "upgrade:"), instructions_at(result, "checking")
    return {
        "loader, start to installer, prove and plan": proven,
        "write": checking - proven,
        "read back": instructions_at(result, "done") - checking,
    }


def signature_check(build):
    """Instructions of finding the key and checking one signature: what an upgrade to one and the same package takes
    more, up to its proof, where the installer has a key."""
    example = build / "examples"
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        run(build / "oneslot", "keygen", "-o", folder / "key.pem", "--public", folder / "key.pub")
        package = folder / "fw.osp"
        run(build / "oneslot", "pack", example / "firmware-v2.bin", "--version", "2", "--key", folder / "key.pem", "-o",
            package)
        plain, checked = (instructions_at(upgrade(build, example / "firmware-v1.bin", package, *options), "upgrade:")
                          for options in ([], ["--key", folder / "key.pub"]))
    return checked - plain


def unpacking(build, old, new):
    """For a byte of the image: instructions of unpacking it once, which is what the write phase takes more with a
    compressed package than with one that is not; cycles that the flash chip takes for programming a byte, and for
    all the erasing and programming of that upgrade."""
    size = new.stat().st_size
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        counts = []
        for options in ([], ["--compress"]):
            package = folder / "fw.osp"
            run(build / "oneslot", "pack", new, "--version", "2", *options, "-o", package)
            counts.append(upgrade(build, old, package))
    stored, packed = (instructions_at(result, "checking") - instructions_at(result, "upgrade:") for result in counts)
    operations = counts[1]["operations"]
    busy = (operations["programs"] * PROGRAM_MS + operations["erases_sector"] * ERASE_SECTOR_MS +
            operations["erases_block"] * ERASE_BLOCK_MS)
    return {"instructions": (packed - stored) / size, "program": PROGRAM_MS * KHZ / PAGE, "busy": busy * KHZ / size}


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
        counts, size = phases(build, old, new), new.stat().st_size
        print(f"{name}: " + ", ".join(f"{phase} {count / size:.0f}" for phase, count in counts.items()) +
              f"; {sum(counts.values()) * CYCLES / KHZ / 1000:.1f} s at 80 MHz with {CYCLES} cycles each")
    count = signature_check(build)
    print("\nA signature (ECDSA P-256; instructions up to the proof, with a key less without one)")
    print(f"{count / 1e6:.1f} million; {count * CYCLES / KHZ / 1000:.2f} s at 80 MHz with {CYCLES} cycles each, "
          f"{count / KHZ / 1000:.2f} s with one")
    print("\nUnpacking a byte of the image once (write phase, compressed package less stored one), and the flash chip")
    for name, old, new, boot in found[:3]:
        took = unpacking(build, old, new)
        print(f"{name}: {took['instructions']:.0f} instructions; programming a byte {took['program']:.0f} cycles "
              f"(ratio {took['instructions'] / took['program']:.2f}), erasing and programming {took['busy']:.0f} "
              f"(ratio {took['instructions'] / took['busy']:.2f}); ratios with a cycle each")


if __name__ == "__main__":
    main()
