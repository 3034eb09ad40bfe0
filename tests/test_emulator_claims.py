"""What a firmware does to the flash by itself, under the chip's own boot ROM: each alone, used until its file system was
full and empty again, leaves Oneslot's parts as they were; each family asked for on each other one comes up, or is refused
before anything is written. tests/emulator.py says what it takes.

ONESLOT_EMULATOR_TABLES=1 writes both tables into docs/CLAIMS.md."""

import hashlib
import os
import re

import pytest

import emulator
from conftest import ROOT
from emulator import PROMPT, Chip, escaped

pytestmark = [pytest.mark.full, pytest.mark.skipif(not emulator.given(), reason=emulator.MISSING)]

PAGE = ROOT / "docs" / "CLAIMS.md"
MARK = "<!-- made by tests/test_emulator_claims.py -->\n"
FLASH = "4MB"
MICROPYTHON = {
    "MicroPython 1.8.2": "mp8266-v1.8.2-39.bin",
    "MicroPython 1.9.4": "mp8266-v1.9.4.bin",
    "MicroPython 1.10": "mp8266-v1.10.bin",
    "MicroPython 1.20.0": "mp8266-v1.20.0.bin",
    "MicroPython 1.24.0": "mp8266-v1.24.0.bin",
    "MicroPython 1.22.1, 1 MB build": "mp8266-1m-v1.22.1.bin",
}
# The first word that shows that a firmware runs.
FAMILIES = {
    "MicroPython 1.24.0": ("mp8266-v1.24.0.bin", PROMPT),
    "MicroPython 1.22.1, 1 MB build": ("mp8266-1m-v1.22.1.bin", PROMPT),
    "MicroPython 1.9.4, FAT": ("mp8266-v1.9.4.bin", PROMPT),
    "MicroPython for an IoT board (2020)": ("mp8266-iot-20200701.bin", "awaiting config"),
    "NodeMCU (2015)": ("nodemcu-20150107.bin", "pp ver: 7"),  # farther the emulator does not come with it
    "WLED 0.14.3": ("wled8266-0.14.3.bin", "Ada"),
    "AT 3.0.5": ("at8266-user1-3.0.5.bin", "ready"),
}
OURS = ("loader", "displaced", "journal", "map", "installer")

# Fills the file system, empties it, twice; a setting of the SDK's; says how much went in.
USE = """
import os, gc
def use():
    gc.collect()
    block = bytearray(2048)
    for round in range(2):
        names = []
        total = 0
        try:
            while True:
                name = "f%d" % len(names)
                file = open(name, "wb")
                names.append(name)
                for part in range(40):
                    total += file.write(block)
                file.close()
        except OSError:
            pass
        try:
            file.close()
        except OSError:
            pass
        for name in names:
            os.remove(name)
        print("USED", total)
"""


def made(oneslot, firmware, folder, file, *options):
    """The flash image of a firmware, and where its parts lie."""
    image = folder / "flash.bin"
    boot = ("--boot", firmware / "boot_v1.7.bin") if "user1" in file else ()
    result = oneslot("image", "--json", firmware / file, "--chip", "esp8266", "--flash-size", FLASH, *boot, *options, "-o", image)
    if result.status != 0:
        return None, None, result
    places = {part["name"]: range(part["address"], part["address"] + part["size"]) for part in result.json["map"]}
    return image, places, result


def short(reason):
    """The first sentence of a refusal, without the file's name."""
    words = reason.removeprefix("oneslot: ").partition(": ")[2] or reason
    return re.split(r"[:;.]\s", words.strip().splitlines()[0])[0]


@pytest.fixture(scope="module")
def tables():
    """Rows of both tables; what is known is written at the end."""
    rows = {"alone": {}, "pairs": {}}
    yield rows
    if not os.environ.get("ONESLOT_EMULATOR_TABLES"):
        return
    text = PAGE.read_text().partition(MARK)[0] + MARK
    text += "\n| firmware | its own files | put in, twice | sectors of them written | Oneslot's parts |\n|---|---|---|---|---|\n"
    text += "".join(f"| {name} | {' | '.join(cells)} |\n" for name, cells in rows["alone"].items())
    names = list(FAMILIES)
    text += "\n| from \\\\ to | " + " | ".join(names) + " |\n|---" * 1 + "|---" * len(names) + "|\n"
    notes = []
    for old in names:
        cells = []
        for new in names:
            cell = rows["pairs"].get((old, new), "" if old != new else "-")
            if cell not in ("", "-", "runs"):
                if cell not in notes:
                    notes.append(cell)
                cell = f"refused ({notes.index(cell) + 1})"
            cells.append(cell)
        text += f"| {old} | {' | '.join(cells)} |\n"
    text += "\n" + "".join(f"{number}. {note}\n" for number, note in enumerate(notes, 1))
    PAGE.write_text(text)


### Alone ###


@pytest.mark.parametrize("name", MICROPYTHON)
def test_a_micropython_that_is_used_leaves_oneslot_alone(oneslot, firmware, tmp_path, tables, name):
    image, places, refusal = made(oneslot, firmware, tmp_path, MICROPYTHON[name])
    if image is None:
        tables["alone"][name] = ["", "", "", f"refused by `oneslot image`: {short(refusal.err)}"]
        return
    chip = Chip(tmp_path, image.read_bytes())
    before = chip.flash
    files = next(places[part] for part in ("vfs", "fat") if part in places)
    script = f"expect {PROMPT}\n"
    for line in ("import network; network.WLAN(1).config(essid='garden')", f"exec({USE!r})", "use()"):
        script += f"send {escaped(line)}\\r\nexpect {PROMPT}\n"
    status, said = chip.run(script + "quit\n", seconds=1500)
    used = [int(size) for size in re.findall(r"^USED (\d+)", said, re.M)]
    assert status == 0 and len(used) == 2, said[-2000:]
    size = len(files)
    assert min(used) > size * 0.8, (used, size)
    written = {sector for sector in chip.changed() if sector << 12 in files}
    for part in OURS:
        place = slice(places[part].start, places[part].stop)
        assert chip.flash[place] == before[place], f"{part} was changed"
    share = len(written) * 4096 / size
    assert share > 0.9, share
    tables["alone"][name] = [f"0x{files.start:x} - 0x{files.stop:x}", " + ".join(str(count) for count in used),
                             f"{len(written)} of {size >> 12}", "the same"]


### From each to each ###


@pytest.mark.parametrize("new", FAMILIES)
@pytest.mark.parametrize("old", FAMILIES)
def test_a_family_on_another_comes_up_or_is_refused(oneslot, firmware, tmp_path, tables, old, new):
    if old == new:
        return
    file, _ = FAMILIES[old]
    wanted, sign = FAMILIES[new]
    content = (firmware / wanted).read_bytes()
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "fw.bin").write_bytes(content)
    image, places, refusal = made(oneslot, firmware, tmp_path, file, "--fs", tmp_path / "files")
    assert image is not None, refusal
    before = image.read_bytes()
    asked = oneslot("request", image, "/fw.bin", "--sha256", hashlib.sha256(content).hexdigest())
    if asked.status != 0:
        assert image.read_bytes() == before
        tables["pairs"][old, new] = short(asked.err)
        return
    chip = Chip(tmp_path, image.read_bytes())
    status, said = chip.run(f"expect {sign}\nquit\n", seconds=240)
    if status == 0:
        tables["pairs"][old, new] = "runs"
        return
    told = oneslot("status", tmp_path / "after.bin").out
    pytest.fail(f"{old} -> {new}: no {sign!r}; {told}\n{said[-1500:]}")
