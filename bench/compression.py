#!/usr/bin/env python3
"""Sizes of compressed firmware: a package's stream beside what others make of the same image.

    compression.py BUILD [FIRMWARE_FOLDER]

xz has a dictionary of 64 MiB, the package's stream about 32 KiB, deflate 32 KiB, heatshrink 2 KiB.
"""
import json
import lzma
import pathlib
import subprocess
import sys
import zlib

try:
    import heatshrink2
except ImportError:
    heatshrink2 = None


def ours(build, image):
    return json.loads(subprocess.run([build / "bench/compress", image], check=True, capture_output=True).stdout)


def sizes(build, image):
    """{name: bytes} for one image, and how ours was made."""
    data = image.read_bytes()
    made = ours(build, image)
    found = {
        "ours": made["packed"],
        "xz -9e": len(lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)),
        "deflate": len(zlib.compress(data, 9)),
    }
    if heatshrink2:
        found["heatshrink"] = len(heatshrink2.compress(data, window_sz2=11, lookahead_sz2=4))
    return len(data), found, made


def main():
    build = pathlib.Path(sys.argv[1])
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) > 2 else pathlib.Path("none")
    images = sorted(folder.glob("*.bin")) or [build / "examples/firmware-v1.bin"]
    names = ["ours", "xz -9e", "deflate"] + (["heatshrink"] if heatshrink2 else [])
    print("Compressed size, and in percent of the image; how the package's stream was made")
    print(f"{'':24}{'image':>9}" + "".join(f"{name:>17}" for name in names) + f"{'ours/xz':>9}  filter lc lp pb dictionary")
    for image in images:
        size, found, made = sizes(build, image)
        print(f"{image.stem:24}{size:9}" + "".join(f"{found[name]:10} {found[name] / size:5.1%}" for name in names) +
              f"{found['ours'] / found['xz -9e']:9.3f}  {made['filter']} {made['lc']} {made['lp']} {made['pb']} "
              f"{made['dictionary']}", flush=True)
    if not heatshrink2:
        print("(heatshrink is left out: the Python package heatshrink2 is not installed)")


if __name__ == "__main__":
    main()
