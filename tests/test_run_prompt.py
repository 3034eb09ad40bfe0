"""Stock MicroPython under the ESP8266's own boot ROM: a whole upgrade at its prompt, with power cuts and the slowest flash."""

import os

import pytest

ROM = os.environ.get("ONESLOT_ESP8266_ROM")
OLD, NEW = "mp8266-v1.23.0.bin", "mp8266-v1.24.0.bin"

pytestmark = pytest.mark.skipif(not ROM, reason="no ROM: set ONESLOT_ESP8266_ROM=FILE to a dump of an ESP8266's boot ROM")

# The file is put in the watched place at the prompt, then the vendor's restart leads to the loader.
ASK = ('expect >>>\nsend import os, machine; os.rename("/new", "/fw"); machine.reset()\\r\n')
SEE = 'expect >>>\nsend import sys; print("NOW", sys.version)\\r\nexpect NOW 3.4.0; MicroPython v1.24.0\nquit\n'


@pytest.fixture
def device(oneslot, firmware, tmp_path):
    """A device that runs version 1.23 and watches /fw; version 1.24 lies beside it, signed and compressed."""
    files = tmp_path / "files"
    files.mkdir()
    oneslot.ok("keygen", "-o", tmp_path / "key.pem", "--public", tmp_path / "key.pub")
    oneslot.ok("pack", firmware / NEW, "--version", "1.24.0", "--compress", "--key", tmp_path / "key.pem", "-o", files / "new")
    flash = tmp_path / "flash.bin"
    oneslot.ok("image", firmware / OLD, "--chip", "esp8266", "--flash-size", "4MB", "--fs", files, "--key", tmp_path / "key.pub",
               "--watch", "/fw", "-o", flash)
    return flash


@pytest.fixture
def play(oneslot, device, tmp_path):
    def run(script, *arguments):
        (tmp_path / "script").write_text(script)
        return oneslot("run", "--json", "--rom", ROM, "--timeout", "300", "--script", tmp_path / "script", *arguments, device).json

    return run


def test_the_new_version_s_prompt_follows_the_old_one_s(play, oneslot, device, firmware):
    report = play(ASK + "expect upgrade: /fw\nexpect done\n" + SEE, "--expect", firmware / NEW)
    assert report["ok"] and report["result"] == "script", report["message"]
    assert report["watchdog_resets"] == 0
    assert oneslot.ok("status", device, "--json").json["state"] == "done"


def test_the_watchdog_that_the_vendor_s_code_left_running_is_served_with_the_slowest_flash(play):
    report = play(ASK + "expect done\n" + SEE, "--slow-flash")
    assert report["ok"], report["message"]
    assert report["watchdog_resets"] == 0 and report["watchdog_left_ms"] > 4000


@pytest.mark.parametrize("tear", ["before", "mix-weak", "done-weak", "undone-weak", "damage", "prefix"])
def test_three_cuts_in_a_row_end_in_the_new_version(play, device, firmware, tear):
    cuts = "".join(f"cut-at {count}\npower-on\n" for count in (900, 4000, 12))
    report = play(ASK + "expect upgrade: /fw\n" + cuts + "expect done\n" + SEE, "--tear", tear, "--expect", firmware / NEW)
    assert report["ok"], report["message"]


def test_a_plain_image_is_refused_and_the_old_version_goes_on(oneslot, play, device, firmware):
    oneslot.ok("fs", "put", device, firmware / NEW, "/plain")
    report = play('expect >>>\nsend import os, machine; os.rename("/plain", "/fw"); machine.reset()\\r\n'
                  "expect this device has a key\nexpect MicroPython v1.23.0\nexpect >>>\nquit\n", "--expect", firmware / OLD)
    assert report["ok"], report["message"]
