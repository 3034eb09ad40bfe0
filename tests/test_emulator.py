"""Real firmware under the chip's own boot ROM, on an emulator that is not of this project: at MicroPython's prompt, and
what a firmware writes by itself. tests/emulator.py says what it takes."""

import json
import os
import random
import re

import pytest

import emulator
from conftest import ROOT, read_littlefs
from emulator import Chip, escaped, typed

pytestmark = pytest.mark.skipif(not emulator.given(), reason=emulator.MISSING)

# All that have a littlefs, room for Oneslot and a prompt.
RELEASES = ["mp8266-v1.20.0.bin", "mp8266-v1.22.1.bin", "mp8266-v1.23.0.bin", "mp8266-v1.24.0.bin"]
PARTS = {path.name: path.read_bytes() for path in (ROOT / "micropython").glob("oneslot*")}
REFUSED = "refused /bad.bin: the file is no firmware image that is known here"
UNKNOWN_FILE = "Error: there is no such file"
CUTS = int(os.environ.get("ONESLOT_EMULATOR_CUTS", "8"))
SEED = int(os.environ.get("ONESLOT_EMULATOR_SEED", "1"))

# Takes heap in small pieces until less is free.
FILL_HEAP = "exec('while 1:\\n gc.collect()\\n if gc.mem_free()<%d: break\\n x.append(bytearray(60))')"


class Device(Chip):
    """A chip with what `oneslot image` makes of a firmware."""

    def __init__(self, oneslot, folder, firmware, files, *options):
        inside = folder / "files"
        inside.mkdir()
        for name, content in files.items():
            (inside / name).write_bytes(content)
        image = folder / "image.bin"
        options = options or ("--flash-size", "4MB")
        made = oneslot.ok("image", "--json", firmware, "--chip", "esp8266", "--fs", inside, *options, "-o", image)
        self.map = {part["name"]: range(part["address"], part["address"] + part["size"]) for part in made.json["map"]}
        super().__init__(folder, image.read_bytes())

    def part(self, name):
        return self.flash[self.map[name].start:self.map[name].stop]

    def files(self):
        return read_littlefs(self.part("vfs"))


@pytest.fixture
def device(oneslot, firmware, tmp_path):
    def make(name, files, *options):
        return Device(oneslot, tmp_path, firmware / name, {**PARTS, **files}, *options)
    return make


### At the prompt ###


@pytest.mark.parametrize("release", RELEASES)
def test_a_refused_upgrade_tells_its_reason_at_a_fresh_prompt(device, release):
    board = device(release, {"bad.bin": b"x" * 5000})
    assert REFUSED.partition(": ")[2] in board.resets("import oneslot", "oneslot.install('/bad.bin')")
    for lines in (["print(oneslot.status())"], ["s = oneslot.status()", "print(s.words)"]):
        assert board.type("import oneslot", *lines)[-1] == REFUSED
    answers = board.type("import oneslot", "oneslot.status().outcome", "oneslot.install('/none')")
    assert answers[1] == "40" and answers[2].endswith(UNKNOWN_FILE)


@pytest.mark.parametrize("release", RELEASES)
def test_what_it_takes_of_the_heap(device, release):
    """At most 7 KB stay taken; it loads beside an application of 15 KB; how things stand, or that a file is
    missing, is told in 2 KB."""
    board = device(release, {"bad.bin": b"x" * 5000})
    free, _, after = board.type(
        "import gc; gc.collect(); print(gc.mem_free())", "import oneslot", "gc.collect(); print(gc.mem_free())")
    assert int(free) - int(after) <= 7168
    board.resets("import oneslot", "oneslot.install('/bad.bin')")
    assert board.type("b = bytearray(15360)", "import oneslot", "print(oneslot.status())")[1:] == ["", REFUSED]
    assert board.type("import oneslot, gc", "x = []", FILL_HEAP % 2048, "print(oneslot.status())")[-1] == REFUSED
    answers = board.type("import oneslot, gc", "x = []", FILL_HEAP % 2048, "oneslot.install('/none')")
    assert answers[-1].endswith(UNKNOWN_FILE)


@pytest.mark.parametrize("old, new", [*zip(RELEASES, RELEASES[1:]), (RELEASES[-1], RELEASES[0])])
def test_an_upgrade_with_a_way_back_at_the_prompt(device, firmware, old, new):
    """The new firmware goes on trial; not confirmed it goes, and the old one comes back out of what was saved."""
    image = (firmware / new).read_bytes()
    board = device(old, {"fw.bin": image})
    before = board.files()
    version = lambda name: re.search(r"v(\d+\.\d+\.\d+)", name)[1]
    board.resets("import oneslot, sys", "oneslot.save('/old.bin')", "oneslot.install('/fw.bin', trial=2, fallback='/old.bin')")
    assert read_littlefs(board.part("vfs"))["/old.bin"] == (firmware / old).read_bytes()
    ask = ("import oneslot, sys", "print(sys.version)", "print(oneslot.status())")
    _, runs, words = board.type(*ask)
    assert version(new) in runs and words == "on trial, 0 boots left"
    _, runs, words = board.type(*ask, seconds=200)
    assert version(old) in runs
    assert words == "the new firmware did not confirm itself; the fallback was put back"

    board.resets("import oneslot", "oneslot.install('/fw.bin', trial=2, fallback='/old.bin')")
    board.type("import oneslot", "oneslot.confirm()")
    for _ in range(3):
        _, runs, words = board.type(*ask)
        assert version(new) in runs and words == "upgraded to /fw.bin"
    after = board.files()
    assert {name: after[name] for name in before} == before


def test_flash_behind_the_size_in_the_header_is_reached_at_the_prompt(device, firmware):
    """A request and its answer where the firmware is told of half of the chip, and Oneslot lies in the other half."""
    board = device(RELEASES[-1], {})
    answers = board.type(
        "import oneslot, esp, machine", "c = machine.mem32[0x3fffc714] + 4", "machine.mem32[c] = 0x80000",
        "oneslot.status().words", "esp.flash_read(0xf5000, bytearray(4))", "print(hex(machine.mem32[c]))")
    assert answers[3] == "'no upgrade asked for'"
    assert "OSError" in answers[4] and answers[5] == "0x80000"


### Cuts ###

STORY = [typed("import oneslot", "oneslot.install('/fw.bin')", "import os, oneslot; print(oneslot.status()); os.remove('/fw.bin')",
               "print(os.listdir('/'))")]


@pytest.fixture(scope="module")
def upgrade(oneslot, firmware, tmp_path_factory):
    """A device that is about to be asked, and how many operations its upgrade takes up to the deleting of the file."""
    new = (firmware / "mp8266-v1.24.0.bin").read_bytes()
    board = Device(oneslot, tmp_path_factory.mktemp("story"), firmware / "mp8266-v1.23.0.bin", {**PARTS, "fw.bin": new})
    board.type("import oneslot")
    start = board.flash
    status, said = board.run(STORY[0])
    assert status == 0 and "upgraded to /fw.bin" in said
    return board, start, len(board.operations)


def one_life(board, start, total, chance):
    """Up to three cuts in an upgrade whose file the application deletes when it has come; returns what is wrong."""
    board.flash = start
    cuts = []
    for _ in range(chance.choice([1, 1, 2, 3])):
        tear = chance.choice(["none", "half", "random", "done"])
        # The second half of the cuts falls upon the end: the last records, the deleting.
        at = chance.randrange(1, total + 1) if chance.random() < 0.6 else chance.randrange(max(1, total - 40), total + 1)
        options = ["--tear", tear, "--seed", chance.randrange(1, 1 << 30)]
        options += ["--cut-op", at] if chance.random() < 0.7 else ["--cut-us", chance.randrange(1, 30_000_000)]
        status, said = board.run(STORY[0] if not cuts else ONWARD, options=options, seconds=60)
        cuts.append((options, status))
        if status == 3 and chance.random() < 0.3:
            board.flash = weaken(board, chance)
    status, said = board.run(ONWARD, seconds=120)
    if status != 0 or not re.search(r"^(1\.23|1\.24)\.\d", said, re.M) and "MicroPython v1.2" not in said:
        return cuts, said[-1500:]
    lines = typed("import sys, oneslot, os; print(sys.version); print(oneslot.status())")
    status, said = board.run(lines, seconds=60)
    words = said.split(emulator.PROMPT)[-2] if status == 0 else ""
    good = "v1.24.0" in words and "upgraded to /fw.bin" in words or "v1.23.0" in words and (
        "no upgrade asked for" in words or "to be upgraded" in words)
    return None if good else (cuts, said[-1500:])


# What the application does at each start: it deletes the file when it runs as the new one.
ONWARD = typed("import oneslot, os, sys; print(sys.version)",
               "'v1.24' in sys.version and 'fw.bin' in os.listdir('/') and os.remove('/fw.bin')")


def weaken(board, chance):
    """A bit of a seal or a record's page that the cut program left half-way reads one now."""
    flash = bytearray(board.flash)
    last = board.operations[-1] if board.operations else None
    journal = board.map["journal"]
    if last and last.kind == "program" and last.address in journal and last.length <= 8:
        flash[last.address + chance.randrange(last.length)] |= 1 << chance.randrange(8)
    return bytes(flash)


def test_cuts_at_random_while_the_application_deletes_the_file(upgrade):
    """ONESLOT_EMULATOR_CUTS lives (8) from ONESLOT_EMULATOR_SEED (1) on."""
    board, start, total = upgrade
    bad = []
    for number in range(SEED, SEED + CUTS):
        wrong = one_life(board, start, total, random.Random(number))
        if wrong:
            bad.append((number, wrong))
    assert not bad, (len(bad), json.dumps(bad[:3], default=str, indent=1))
