"""The installer is replaced by a package on the emulated board, by the real loader and the real installer."""
import functools
import operator
import struct

import pytest

HOME, SECOND_MARK = 0xF8000, bytes([0x5A]) * 16


def image(code, entry=0x4010BF00):
    """An image of one RAM segment, with the boot ROM's checksum."""
    code += bytes(-len(code) % 4)
    head = struct.pack("<BBBBIII", 0xE9, 1, 0, 0, entry, 0x4010BF00, len(code))
    body = head + code
    body += bytes(15 - len(body) % 16)
    return body + bytes([functools.reduce(operator.xor, code, 0xEF)])


@pytest.fixture()
def device(oneslot, build, tmp_path):
    """A flash whose installer has a key, with packages of installers on its file system."""
    # The same program, told apart by what lies behind it.
    (tmp_path / "new.bin").write_bytes((build / "esp8266" / "installer.bin").read_bytes() + SECOND_MARK)
    (tmp_path / "dead.bin").write_bytes(image(bytes.fromhex("800000") + bytes(4096)))  # ret
    (tmp_path / "elsewhere.bin").write_bytes(image(bytes.fromhex("800000"), entry=0x40100000))
    oneslot.ok("keygen", "-o", tmp_path / "key.pem", "--public", tmp_path / "key.pub")
    files = tmp_path / "files"
    files.mkdir()
    for name in ("new", "dead", "elsewhere"):
        oneslot.ok("pack", "--installer", tmp_path / f"{name}.bin", "--version", "2.0.0", "--key", tmp_path / "key.pem",
                   "-o", files / f"{name}.osp")
    oneslot.ok("pack", "--installer", tmp_path / "new.bin", "--version", "2.0.0", "-o", files / "unsigned.osp")
    flash = tmp_path / "flash.bin"
    oneslot.ok("image", build / "examples" / "firmware-v1.bin", "--chip", "esp8266", "--flash-size", "4MB", "--key",
               tmp_path / "key.pub", "--fs", files, "-o", flash)
    return flash


def installer(flash, tmp_path):
    size = (tmp_path / "new.bin").stat().st_size
    return flash.read_bytes()[HOME:HOME + size]


def test_the_new_installer_is_at_home_and_works(oneslot, build, device, tmp_path):
    oneslot.ok("request", device, "/new.osp")
    run = oneslot.ok("run", device, "--expect", build / "examples" / "firmware-v1.bin", "--json").json
    assert run["ok"] and run["result"] == "application" and run["resets"] == 1
    assert installer(device, tmp_path) == (tmp_path / "new.bin").read_bytes()
    # It does an installer's work: here, refuse.
    oneslot.ok("request", device, "/unsigned.osp")
    assert oneslot.ok("run", device, "--json").json["ok"]
    assert oneslot.ok("status", device, "--json").json["outcome"] == "PACKAGE_UNSIGNED"


@pytest.mark.parametrize("cut_at, tear", [(2, "page"), (40, "half"), (121, "subset"), (126, "after"), (128, "page"),
                                          (131, "subset"), (134, "half"), (180, "half"), (252, "page"), (254, "subset")])
def test_a_cut_amid_it_is_survived(oneslot, build, device, tmp_path, cut_at, tear):
    oneslot.ok("request", device, "/new.osp")
    assert "power cut" in oneslot.ok("run", device, "--cut-at", cut_at, "--tear", tear).out
    run = oneslot.ok("run", device, "--expect", build / "examples" / "firmware-v1.bin", "--json").json
    assert run["ok"] and run["result"] == "application"
    status = oneslot.ok("status", device, "--json").json
    old = (build / "esp8266" / "installer.bin").read_bytes()
    if status["outcome"] == "INSTALLER_REJECTED":  # the cut struck while its first run was being counted
        assert installer(device, tmp_path).startswith(old)
    else:
        assert status["state"] == "done" and installer(device, tmp_path) == (tmp_path / "new.bin").read_bytes()


def test_an_installer_that_does_nothing_is_left_for_the_old_one(oneslot, build, device, tmp_path):
    oneslot.ok("request", device, "/dead.osp")
    # It returns without a word, and the application is started. At the next reset the old one is entered, and says so.
    for _ in range(2):
        run = oneslot.ok("run", device, "--expect", build / "examples" / "firmware-v1.bin", "--json").json
        assert run["ok"] and run["result"] == "application"
    status = oneslot.ok("status", device, "--json").json
    assert status["state"] == "failed" and status["outcome"] == "INSTALLER_REJECTED"
    assert installer(device, tmp_path).startswith((build / "esp8266" / "installer.bin").read_bytes())


@pytest.mark.parametrize("file, reason", [("unsigned", "PACKAGE_UNSIGNED"), ("elsewhere", "INSTALLER_INVALID")])
def test_what_is_not_right_is_refused_by_name(oneslot, device, tmp_path, file, reason):
    before = installer(device, tmp_path)
    oneslot.ok("request", device, f"/{file}.osp")
    run = oneslot.ok("run", device, "--json").json
    assert run["ok"] and run["operations"]["all"] <= 32  # one record of the journal
    assert oneslot.ok("status", device, "--json").json["outcome"] == reason
    assert installer(device, tmp_path) == before
