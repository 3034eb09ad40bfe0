"""docs/FLASHMAP.md: its commands are run, and print what it says; its pictures and its rules are today's.

`build/deps/venv/bin/python tests/test_map_docs.py` brings outputs, rules and pictures up to date: read the difference.
"""

import json
import os
import re
import shlex
import subprocess
import tempfile
from pathlib import Path

import pytest
from conftest import BUILD, FIRMWARE, ROOT, make_littlefs

DOCUMENT = ROOT / "docs" / "FLASHMAP.md"
RULES = "| rule | what it says | source |\n|---|---|---|\n"
BLOCK = re.compile(r"^```console\n(.*?)^```\n", re.M | re.S)
PICTURES = {"map-sdk2-90000.svg": ("map", "show", "sdk2-90000"),
            "map-diff.svg": ("map", "show", "sdk1-89000", "--diff", "sdk2-90000")}


def commands(block):
    """(command, what the document says it prints) of a block."""
    parts = re.split(r"^\$ (.*)\n", block, flags=re.M)
    return list(zip(parts[1::2], parts[2::2]))


def run(tool, command, folder):
    name, *arguments = shlex.split(command)
    assert name == "oneslot"
    done = subprocess.run([str(tool), *arguments], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, env={**os.environ, "COLUMNS": "80"})
    return done.stdout


def prepare(folder, firmware):
    """The files that the document speaks of: a stock firmware, and a dump of a device with the old map."""
    folder = Path(folder)
    (folder / "firmware.bin").write_bytes((Path(firmware) / "mp8266-v1.24.0.bin").read_bytes())
    dump = bytearray(b"\xff" * 0x100000)
    program = (BUILD / "examples" / "firmware-v1.bin").read_bytes()
    dump[:len(program)] = program
    files = {"/boot.py": b"import gc\n", "/main.py": b"print('hello')\n" * 40, "/lib/sensor.py": b"x = 1\n" * 900}
    dump[0x89000:0xfc000] = make_littlefs(files, 0xfc000 - 0x89000)
    (folder / "dump.bin").write_bytes(dump)


def rule_row(rule):
    return f"| `{rule['name']}` | {rule['says']} | {rule['source']} |"


def test_every_command_prints_what_the_document_says(oneslot, firmware, tmp_path):
    prepare(tmp_path, firmware)
    found = [pair for block in BLOCK.findall(DOCUMENT.read_text()) for pair in commands(block)]
    assert len(found) > 15
    for command, said in found:
        assert run(oneslot.path, command, tmp_path) == said, command


def test_the_document_names_every_rule_with_its_source(oneslot):
    rows = [line for line in DOCUMENT.read_text().splitlines() if re.match(r"\| `[a-z0-9-]+` \| .* \| .* \|$", line)]
    told = [row for row in rows if row.count(" | ") == 2]
    assert told == [rule_row(rule) for rule in oneslot.ok("map", "rules", "--json").json["rules"]]


@pytest.mark.parametrize("name", PICTURES)
def test_the_pictures_are_what_the_tool_draws(oneslot, name):
    assert f"]({name})" in DOCUMENT.read_text()
    assert (ROOT / "docs" / name).read_text() == oneslot.ok(*PICTURES[name], "--svg", "-").out


def rewrite(tool, firmware):
    """Makes the document say what the tool prints."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder, firmware)

        def told(block):
            said = (f"$ {command}\n{run(tool, command, folder)}" for command, _ in commands(block.group(1)))
            return f"```console\n{''.join(said)}```\n"

        text = BLOCK.sub(told, DOCUMENT.read_text())
    rules = json.loads(run(tool, "oneslot map rules --json", "."))["rules"]
    text = text[:text.index(RULES) + len(RULES)] + "".join(rule_row(rule) + "\n" for rule in rules)
    DOCUMENT.write_text(text)
    for name, arguments in PICTURES.items():
        (ROOT / "docs" / name).write_text(run(tool, shlex.join(["oneslot", *arguments, "--svg", "-"]), "."))


if __name__ == "__main__":
    rewrite(os.environ.get("ONESLOT", BUILD / "oneslot"), FIRMWARE)
