"""Lives at MicroPython's prompt, under the chip's own boot ROM: deeds of a person mixed at random with power cuts at any
flash operation. Every life ends each time at the prompt of a firmware that its deeds allow, and no file is lost.

ONESLOT_EMULATOR_LIVES lives (25) from ONESLOT_EMULATOR_SEED (1) on; a life is a seed. tests/emulator.py says what it
takes."""

import hashlib
import json
import os
import random
import re

import pytest

import emulator
from conftest import BUILD, ROOT, read_littlefs
from emulator import PROMPT, Chip, escaped

pytestmark = [pytest.mark.full, pytest.mark.skipif(not emulator.given(), reason=emulator.MISSING)]

LIVES = int(os.environ.get("ONESLOT_EMULATOR_LIVES", "25"))
SEED = int(os.environ.get("ONESLOT_EMULATOR_SEED", "1"))
RELEASES = {"1.22.1": "mp8266-v1.22.1.bin", "1.23.0": "mp8266-v1.23.0.bin", "1.24.0": "mp8266-v1.24.0.bin"}
FIRST = "1.23.0"
WATCH = "watch.bin"
PACKAGE = "a 1.24.0, packed"
INSTALLER = "an installer"
BAD = "no firmware"
RUNS = {"1.22.1": "1.22.1", "1.23.0": "1.23.0", PACKAGE: "1.24.0"}  # what runs when that content was installed

# On the device: does a thing and tells how it ended; tells how things stand.
LIFE = """
import os, sys, json, oneslot
def do(call, *arguments, **options):
    try:
        call(*arguments, **options)
        print("ENDED", 0)
    except oneslot.Error as error:
        print("ENDED", error.code)
    except OSError as error:
        print("ENDED", -1)
def see():
    now = oneslot.status()
    installed = "".join("%02x" % byte for byte in now.installed)
    print("SEEN", json.dumps([sys.version, now.state, now.outcome, now.own_outcome, now.path, now.words, installed, os.listdir("/")]))
"""
SEE = f"expect {PROMPT}\nsend from life import *\\r\nexpect {PROMPT}\nsend see()\\r\nexpect {PROMPT}\nquit\n"


class Start:
    """A device on the day it was made, and what its files hold."""

    def __init__(self, oneslot, firmware, folder):
        self.content = {name: (firmware / file).read_bytes() for name, file in RELEASES.items() if name in RUNS}
        package, installer = folder / "fw.osp", folder / "installer.osp"
        oneslot.ok("pack", firmware / RELEASES["1.24.0"], "--version", "1.24.0", "--compress", "-o", package)
        oneslot.ok("pack", "--installer", BUILD / "esp8266" / "installer.bin", "--version", "0.2.0", "-o", installer)
        self.content.update({PACKAGE: package.read_bytes(), INSTALLER: installer.read_bytes(), BAD: bytes(5000)})
        self.files = {"a.bin": "1.22.1", "b.bin": "1.23.0", "c.osp": PACKAGE, "installer.osp": INSTALLER, "bad.bin": BAD}
        self.digests = {name: hashlib.sha256((firmware / file).read_bytes()).hexdigest() for name, file in RELEASES.items()}
        self.others = {path.name: path.read_bytes() for path in (ROOT / "micropython").glob("oneslot*")}
        self.others["life.py"] = LIFE.encode()
        inside, image = folder / "files", folder / "image.bin"
        inside.mkdir()
        for name, content in {**self.others, **{name: self.content[what] for name, what in self.files.items()}}.items():
            (inside / name).write_bytes(content)
        made = oneslot.ok("image", "--json", firmware / RELEASES[FIRST], "--chip", "esp8266", "--flash-size", "4MB", "--fs",
                          inside, "--watch", f"/{WATCH}", "-o", image)
        self.vfs = next(range(part["address"], part["address"] + part["size"]) for part in made.json["map"]
                        if part["name"] == "vfs")
        chip = Chip(folder, image.read_bytes())
        assert chip.run(SEE)[0] == 0  # what every firmware does at its very first start is done
        self.flash = chip.flash


class Wrong(Exception):
    pass


class Life:
    """One device: what it was told, and what may therefore run."""

    def __init__(self, start, folder, seed):
        self.start, self.chance, self.chip = start, random.Random(seed), Chip(folder, start.flash)
        self.files, self.runs = dict(start.files), FIRST
        self.back = None  # on trial: the content of its fallback
        self.failed, self.watched = set(), set()
        self.story, self.cuts = [], 0

    def live(self):
        for _ in range(self.chance.randrange(3, 7)):
            self.step()
        for _ in range(2):  # and left alone in the end
            self.done_by("left alone", "pass", {self.back} if self.back else set(), cut=False)
        self.check_files()

    # The deeds. Each tells what may run for it beside what runs now, and what must run when the power did not fail.

    def step(self):
        deeds = [self.call, self.call, self.trial, self.trial, self.confirm, self.cancel, self.watch, self.watch,
                 self.installer, self.bad, self.remove, self.rename, self.restart]
        self.chance.choice([self.confirm, self.restart, self.restart, *deeds] if self.back else deeds)()

    def firmware(self):
        """A file with a firmware; None if none is left."""
        return self.chance.choice([name for name in self.files if self.files[name] in RUNS] or [None])

    def call(self):
        name = self.firmware()
        if name:
            busy = self.back is not None
            may = RUNS[self.files[name]]
            self.done_by(f"call {name}", f"do(oneslot.install, '/{name}', reset=False)", {may}, None if busy else may)

    def trial(self):
        name, other = self.firmware(), self.firmware()
        if not name:
            return
        boots, may, busy = self.chance.randrange(1, 4), RUNS[self.files[name]], self.back is not None
        if self.chance.random() < 0.5 and "old.bin" not in self.files and not busy:
            before = {**self.files}
            self.done_by("save", "do(oneslot.save, '/old.bin')", set(), self.runs)
            if self.seen and "old.bin" in self.seen:
                self.files = {**before, "old.bin": "saved " + self.runs}
                other = "old.bin"
        back = RUNS.get(self.files[other], self.files[other].removeprefix("saved "))
        line = f"do(oneslot.install, '/{name}', trial={boots}, fallback='/{other}', reset=False)"
        self.next_back = (may, back)
        self.done_by(f"trial of {name}, back to {other}, {boots} boots", line, {may, back}, None if busy else may)

    def confirm(self):
        self.done_by("confirm", "do(oneslot.confirm)", set(), None if self.back else self.runs)

    def cancel(self):
        name = self.firmware()
        if name:
            line = f"do(oneslot.install, '/{name}', reset=False); do(oneslot.cancel)"
            self.done_by(f"call {name} and cancel", line, {RUNS[self.files[name]]}, None if self.back else self.runs)

    def watch(self):
        name = self.firmware()
        if not name or name == WATCH:
            return
        content = self.files.pop(name)
        if WATCH in self.files and self.chance.random() < 0.5:
            self.files[name] = content
            return
        may, other = RUNS[content], self.files.get(WATCH)
        fresh = content not in self.watched and may not in self.failed and not self.back
        self.files[WATCH] = content
        self.done_by(f"{name} moved to the watch path", f"do(os.rename, '/{name}', '/{WATCH}')", {may},
                     may if fresh else None, moved=(name, content, other))

    def installer(self):
        if "installer.osp" in self.files:
            self.done_by("installer", "do(oneslot.install, '/installer.osp', reset=False)", set())

    def bad(self):
        self.done_by("bad file", "do(oneslot.install, '/bad.bin', reset=False)", set())

    def remove(self):
        name = self.chance.choice(sorted(self.files))
        if name != "bad.bin":
            content = self.files.pop(name)
            self.done_by(f"remove {name}", f"do(os.remove, '/{name}')", set(), moved=(name, content, None))

    def rename(self):
        name = self.chance.choice(sorted(self.files))
        if name not in ("bad.bin", "installer.osp", WATCH):
            content, to = self.files.pop(name), f"x{len(self.story)}.bin"
            self.files[to] = content
            self.done_by(f"rename {name} to {to}", f"do(os.rename, '/{name}', '/{to}')", set(), moved=(name, content, to))

    def restart(self):
        self.done_by("restart", "pass", set())

    # What becomes of a deed.

    def done_by(self, what, line, may, must=None, cut=None, moved=None):
        """Does it at the prompt and resets; looks what runs then."""
        next_back, self.next_back = getattr(self, "next_back", None), None
        script = SEE.replace("quit\n", "") + f"send {escaped(line)}\\r\nexpect {PROMPT}\nsend import machine; machine.reset()\\r\n"
        script += "expect rst cause\n" + SEE
        options = []
        if cut is not False and self.chance.random() < 0.6:
            last = self.chance.choice([12, 60, 400, 3000])
            options = ["--cut-op", self.chance.randrange(1, last), "--seed", self.chance.randrange(1, 1 << 30), "--tear",
                       self.chance.choice(["none", "half", "random", "done"])]
        status, said = self.chip.run(script, seconds=200, options=options)
        self.story.append(f"{what} {' '.join(map(str, options))} -> {status}")
        if self.before(said):
            next_back = None
        was_cut = status == 3
        while status == 3:  # the power comes back; it may fail again while the installer goes on
            self.cuts += 1
            again = self.chance.random() < 0.25
            options = ["--cut-op", self.chance.randrange(1, 400), "--seed", self.chance.randrange(1, 1 << 30), "--tear",
                       self.chance.choice(["none", "half", "random", "done"])] if again else []
            status, said = self.chip.run(SEE, seconds=200, options=options)
            self.story.append(f"power comes back {' '.join(map(str, options))} -> {status}")
        if status != 0:
            self.fail("no prompt", said)
        self.look(said, may | ({self.back[1]} if isinstance(self.back, tuple) else {self.back} - {None}),
                  None if was_cut else must, next_back, moved if was_cut else None)

    def before(self, said):
        """What ran at the start at which the deed was done: a trial may have ended there. Returns whether it goes on, or
        nothing was done."""
        seen = re.findall(r"^SEEN (.*)$", said, re.M)
        if not seen:
            return True
        version, state, outcome = json.loads(seen[0])[:3]
        version = re.search(r"v(\d+\.\d+\.\d+)", version)[1]
        if version not in {self.runs, self.back, RUNS.get(self.files.get(WATCH))}:
            self.fail(f"{version} runs, allowed were {self.runs} and {self.back}", said)
        if state != "trial":
            if outcome == 70:
                self.failed.add(self.runs)
            self.back = None
        self.runs = version
        return state == "trial"

    def look(self, said, may, must, next_back, moved):
        seen = re.findall(r"^SEEN (.*)$", said, re.M)
        if not seen:
            self.fail("nothing was seen", said)
        version, state, outcome, own, path, words, installed, names = json.loads(seen[-1])
        version = re.search(r"v(\d+\.\d+\.\d+)", version)[1]
        self.seen = names
        self.story.append(f"    {version}: {words}")
        if WATCH in self.files:
            may = may | {RUNS[self.files[WATCH]]}
        if version not in may | {self.runs}:
            self.fail(f"{version} runs, allowed were {may | {self.runs}}", said)
        if must and version != must:
            self.fail(f"{version} runs, it had to be {must}", said)
        if installed != self.start.digests[version]:
            self.fail(f"{version} runs, the journal knows another digest", said)
        if state in ("requested", "installing", "unknown", "failed") and outcome == 0:
            self.fail(f"the state is {state} at the prompt", said)
        if moved:  # a cut while a file was moved or removed: it is here or there
            name, content, other = moved
            if name in names:
                self.files[name] = content
                if other is not None and other in self.files and other.startswith("x"):
                    del self.files[other]
                elif self.files.get(WATCH) == content:
                    del self.files[WATCH]
                    if WATCH in names and other:
                        self.files[WATCH] = other
        gone = set(self.files) - set(names)
        more = set(names) - set(self.files) - set(self.start.others) - {"boot.py", "old.bin", "oneslot.part"}
        if gone or more:
            self.fail(f"files are gone: {gone}, or there is more: {more}", said)
        if "old.bin" in names and "old.bin" not in self.files:
            self.files["old.bin"] = "saved " + self.runs
        if state == "trial":
            self.back = next_back[1] if next_back else self.back
        else:
            if outcome == 70:
                self.failed |= {self.runs, *(next_back or ())}
            self.back = None
        if WATCH in self.files:
            self.watched.add(self.files[WATCH])
        self.runs = version

    def check_files(self):
        flash = self.chip.flash
        there = read_littlefs(flash[self.start.vfs.start:self.start.vfs.stop])
        for name, what in self.files.items():
            content = self.start.content.get(what) or self.start.content.get(what.removeprefix("saved "))
            if what == "saved 1.24.0":
                same = hashlib.sha256(there["/" + name]).hexdigest() == self.start.digests["1.24.0"]
            else:
                same = there["/" + name] == content
            if not same:
                self.fail(f"{name} is not what it was")
        for name, content in self.start.others.items():
            if there["/" + name] != content:
                self.fail(f"{name} is not what it was")

    def fail(self, why, said=""):
        raise Wrong("\n".join([why, *self.story, said[-1200:]]))


def test_lives_at_the_prompt(oneslot, firmware, tmp_path):
    start = Start(oneslot, firmware, tmp_path)
    wrong, cuts, steps = [], 0, 0
    for seed in range(SEED, SEED + LIVES):
        life = Life(start, tmp_path, seed)
        try:
            life.live()
        except Wrong as fault:
            wrong.append(f"life {seed}: {fault}")
        cuts += life.cuts
        steps += sum(not line.startswith(("    ", "power")) for line in life.story)
    print(f"{LIVES} lives from seed {SEED} on: {steps} deeds, {cuts} cuts, {len(wrong)} wrong")
    assert not wrong, f"{len(wrong)} of {LIVES} lives\n" + "\n\n".join(wrong[:20])
