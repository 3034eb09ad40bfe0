"""docs/ESP32.md: its commands are run, and print what it says.

`build/deps/venv/bin/python tests/test_esp32_docs.py` brings the outputs up to date: read the difference.
"""

import os
import tempfile
from pathlib import Path

import esp32_image as esp
from conftest import BUILD, FIRMWARE, ROOT
from test_map_docs import BLOCK, commands, run

DOCUMENT = ROOT / "docs" / "ESP32.md"


def prepare(folder, firmware):
    """A stock firmware, an application for the next upgrade, and a dump of a device with two slots."""
    folder, firmware = Path(folder), Path(firmware)
    (folder / "firmware.bin").write_bytes((firmware / "mp32-v1.24.0.bin").read_bytes())
    (folder / "new.app-bin").write_bytes((firmware / "mp32-v1.24.1.bin").read_bytes()[0xF000:])
    apps = [esp.application(version="1.0.0", size=900000), esp.application(version="1.1.0", size=910000)]
    (folder / "old.bin").write_bytes(esp.flash("esp32", esp.TWO_SLOTS, [
        (0xE000, esp.otadata(2)), (0x10000, apps[0]), (0x150000, apps[1])]))


def test_every_command_prints_what_the_document_says(oneslot, firmware, tmp_path):
    prepare(tmp_path, firmware)
    found = [pair for block in BLOCK.findall(DOCUMENT.read_text()) for pair in commands(block)]
    assert len(found) > 6
    for command, said in found:
        assert run(oneslot.path, command, tmp_path) == said, command


def rewrite(tool, firmware):
    """Makes the document say what the tool prints."""
    with tempfile.TemporaryDirectory() as folder:
        prepare(folder, firmware)

        def told(block):
            said = (f"$ {command}\n{run(tool, command, folder)}" for command, _ in commands(block.group(1)))
            return f"```console\n{''.join(said)}```\n"

        DOCUMENT.write_text(BLOCK.sub(told, DOCUMENT.read_text()))


if __name__ == "__main__":
    rewrite(os.environ.get("ONESLOT", BUILD / "oneslot"), FIRMWARE)
