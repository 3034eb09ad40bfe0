"""An ESP8266 in a program, with the chip's own boot ROM: neither is part of the project.

ONESLOT_ESP8266_ROM is the ROM's file (65,536 bytes from 0x40000000), ONESLOT_ESP8266_EMULATOR the emulator's program.
It is called with options and a script of `expect`, `send`, `wait` and `quit` steps on the serial port; it ends with 0
when the script came to its end, with 3 when the power was cut.
"""

import hashlib
import os
import subprocess
from pathlib import Path

ROM_SHA256 = "32f199bf10da9a08c6c4e1b556b29c7606656b8a6d04e4f17d5afa74e5d98c68"
MISSING = "ONESLOT_ESP8266_ROM (the boot ROM's file) and ONESLOT_ESP8266_EMULATOR (the emulator) are not set"
PROMPT = ">>> "
SIZES = {512 << 10: 0, 1 << 20: 2, 2 << 20: 3, 4 << 20: 4}  # of a chip, as the high half of an image's byte 3 has it
INIT_DATA = 0x4000  # before the end of the chip that the header tells: the radio's settings, 128 bytes


def given():
    """Whether ROM and emulator are there; a ROM that is another one is an error."""
    rom, program = (os.environ.get(f"ONESLOT_ESP8266_{name}") for name in ("ROM", "EMULATOR"))
    if not rom or not program:
        return False
    digest = hashlib.sha256(Path(rom).read_bytes()).hexdigest()
    assert digest == ROM_SHA256, f"{rom} is not the ESP8266's boot ROM: its SHA-256 is {digest}"
    return True


class Operation:
    """A program or an erase: which bytes it changed."""

    def __init__(self, line):
        number, self.kind, address, length = line.split()
        self.number, self.address, self.length = int(number), int(address, 16), int(length, 16)
        if self.kind == "erase":
            self.address &= ~(self.length - 1)


class Chip:
    """A flash chip with what runs from it."""

    def __init__(self, folder, flash):
        self.folder = folder
        self.flash = bytes(flash)
        self.operations = []

    def run(self, script, seconds=120, options=()):
        """From power-on; returns the exit status and what came out of the serial port. The flash stays as it was left."""
        flash, after, steps, log = (self.folder / name for name in ("chip.bin", "after.bin", "steps.txt", "operations"))
        flash.write_bytes(self.flash)
        steps.write_text(script)
        command = [os.environ["ONESLOT_ESP8266_EMULATOR"], "--rom", os.environ["ONESLOT_ESP8266_ROM"], "--quiet", "--script",
                   steps, "--seconds", seconds, "--out", after, "--ops", log, *options, flash]
        done = subprocess.run([str(word) for word in command], capture_output=True, timeout=3000)
        self.flash = after.read_bytes()
        lines = [line for line in log.read_text().splitlines() if line[0] != "-"]
        self.operations = [Operation(line) for line in lines]
        return done.returncode, done.stdout.decode(errors="replace")

    def type(self, *lines, **how):
        """Starts MicroPython and types lines at its prompt; returns what was answered to each."""
        status, said = self.run(typed(*lines), **how)
        assert status == 0, said[-2000:]
        answers = said.split(PROMPT)[1:-1]
        return [answer.partition("\n")[2].replace("\r", "").strip() for answer in answers]

    def resets(self, *lines, **how):
        """Types lines, the last of which resets the board (some releases show a prompt before they do), up to the next
        prompt; returns what came behind that line."""
        script = typed(*lines).removesuffix(f"expect {PROMPT}\nquit\n")
        status, said = self.run(f"{script}expect rst cause\nexpect {PROMPT}\nquit\n", **how)
        assert status == 0, said[-2000:]
        return said.rpartition(lines[-1])[2]

    def changed(self):
        """The sectors that were erased or programmed in the last run."""
        return {sector for step in self.operations for sector in range(step.address >> 12, (step.address + step.length - 1 >> 12) + 1)}


def typed(*lines):
    """The script that types lines at the prompt and ends at the next one."""
    steps = [f"expect {PROMPT}"]
    for line in lines:
        steps += [f"send {escaped(line)}\\r", f"expect {PROMPT}"]
    return "\n".join([*steps, "quit", ""])


def escaped(text):
    return text.replace("\\", "\\\\").replace("\n", "\\r")
