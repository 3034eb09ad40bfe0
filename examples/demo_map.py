"""The file systems of the map demo, made and read by the PyPI package littlefs-python: no code of this project.

    demo_map.py make FLASH.bin FIRMWARE.bin SIZE START END PERCENT    a device's dump, its file system so full
    demo_map.py compare OLD.bin START END NEW.bin START END           every file, directory and attribute is the same
"""

import random
import struct
import sys

from littlefs import LittleFS

BLOCK = 4096
# As MicroPython opens it (extmod/vfs_lfsx.c), which keeps small files inside their directory.
OPTIONS = {"block_size": BLOCK, "read_size": 32, "prog_size": 32, "cache_size": 128}
TIME = "t"  # the attribute that MicroPython keeps a file's time in


def put(fs, path, content, when):
    with fs.open(path, "wb") as file:
        file.write(content)
    fs.setattr(path, TIME, struct.pack("<Q", when))


def make(flash, firmware, size, start, end, percent):
    rng = random.Random(3)
    blocks = (end - start) // BLOCK
    fs = LittleFS(block_count=blocks, **OPTIONS)
    fs.makedirs("/lib/empty")
    fs.makedirs("/data")
    put(fs, "/boot.py", b"import gc\ngc.collect()\n", 1)
    put(fs, "/lib/driver.mpy", rng.randbytes(20000), 2)
    put(fs, "/zero", b"", 3)
    for count in range(10000):
        if fs.used_block_count * 100 >= blocks * percent:
            break
        put(fs, f"/data/{count:04}.bin", rng.randbytes(rng.choice((10, 100, 1500, 4000))), 100 + count)
    image = bytearray(b"\xff" * size)
    image[: len(firmware)] = firmware
    image[start:end] = fs.context.buffer
    for sector in range(end, size, BLOCK):
        image[sector : sector + 128] = rng.randbytes(128)
    with open(flash, "wb") as file:
        file.write(image)
    used = fs.used_block_count
    print(f"{used} of {blocks} blocks are in use: {100 * used / blocks:.1f} %")


def read(path, start, end):
    with open(path, "rb") as file:
        image = file.read()[start:end]
    fs = LittleFS(block_count=len(image) // BLOCK, mount=False, **OPTIONS)
    fs.context.buffer = bytearray(image)
    fs.mount()
    found = {}
    for folder, folders, files in fs.walk("/"):
        for name in folders + files:
            entry = f"{folder.rstrip('/')}/{name}"
            if name in folders:
                found[entry] = None
            else:
                with fs.open(entry, "rb") as file:
                    found[entry] = (file.read(), fs.getattr(entry, TIME))
    return found


def compare(old, new):
    if not old or old != new:
        sys.exit("demo-map: the files are not the same")
    files = [entry for entry in old.values() if entry is not None]
    print(f"{len(files)} files ({sum(len(content) for content, _ in files)} bytes, each with its time) and "
          f"{len(old) - len(files)} directories: all the same")


def main(task, *words):
    if task == "make":
        with open(words[1], "rb") as file:
            make(words[0], file.read(), *(int(word, 0) for word in words[2:]))
    else:
        compare(*(read(words[at], int(words[at + 1], 0), int(words[at + 2], 0)) for at in (0, 3)))


main(*sys.argv[1:])
