"""Malformed packages: host tool, simulated device and the real installer refuse each with the same, its own reason."""
import re
import shutil

import pytest
from conftest import BUILD, Program
from cryptography.hazmat.primitives.serialization import load_pem_private_key

import malformed

# `oneslot info` knows no key.
NEEDS_A_KEY = ("PACKAGE_UNSIGNED", "PACKAGE_SIGNATURE_KIND", "PACKAGE_KEY", "PACKAGE_SIGNATURE")
NAMES = list(malformed.CASES)


class Bench:
    """A device that trusts one key and has all the packages on its file system."""

    def __init__(self, oneslot, folder):
        self.oneslot = oneslot
        self.key = folder / "ours.pub"
        keys = []
        for name in ("ours", "other"):
            oneslot.ok("keygen", "-o", folder / f"{name}.pem", "--public", folder / f"{name}.pub")
            keys.append(load_pem_private_key((folder / f"{name}.pem").read_bytes(), None))
        self.old, self.new = folder / "old.bin", folder / "new.bin"
        self.old.write_bytes(malformed.small_firmware(1))
        self.new.write_bytes(malformed.small_firmware(2))
        good = folder / "good.osp"
        oneslot.ok("pack", self.new, "--version", "2", "--compress", "--key", folder / "ours.pem", "-o", good)
        self.files = folder / "files"
        self.files.mkdir()
        self.path, self.error = {}, {}
        for number, (name, (content, error)) in enumerate(malformed.make(good.read_bytes(), self.new.read_bytes(), *keys).items()):
            self.path[name], self.error[name] = f"/{number}", error
            (self.files / str(number)).write_bytes(content)
        self.flash = folder / "flash.bin"
        oneslot.ok("image", self.old, "--chip", "esp8266", "--flash-size", "4MB", "--key", self.key, "--fs", self.files,
                   "-o", self.flash)
        layout = {part["name"]: part for part in oneslot.ok("info", self.flash, "--json").json["map"]}
        journal = next(part for name, part in layout.items() if "journal" in name)
        self.journal = slice(journal["address"], journal["address"] + journal["size"])

    def file(self, name):
        return self.files / self.path[name][1:]

    def request(self, name, folder):
        """A flash image in which the package is asked for."""
        flash = folder / "flash.bin"
        shutil.copy(self.flash, flash)
        self.oneslot.ok("request", flash, self.path[name])
        return flash

    def expect_refusal(self, flash, name):
        """The journal has the reason, everything else is as it was."""
        status = self.oneslot.ok("status", flash, "--json").json
        assert (status["state"], status["outcome"]) == ("failed", self.error[name])
        before, after = bytearray(self.flash.read_bytes()), bytearray(flash.read_bytes())
        before[self.journal] = after[self.journal] = b""
        assert before == after


@pytest.fixture(scope="module")
def bench(oneslot, tmp_path_factory):
    return Bench(oneslot, tmp_path_factory.mktemp("malformed"))


@pytest.fixture(scope="session")
def power_on():
    return Program(BUILD / "asan" / "tests" / "power_on")


@pytest.fixture(scope="session")
def sentences(repo):
    """{error: sentence} of the core's list."""
    text = re.sub(r"\\\n\s*", "", (repo / "include/oneslot/error.h").read_text())
    return dict(re.findall(r'X\((\w+), \d+, *"([^"]*)"\)', text))


def test_there_are_many_and_every_kind_of_reason(bench):
    assert len(NAMES) >= 30 and len({bench.file(name).read_bytes() for name in NAMES}) == len(NAMES)
    assert len(set(bench.error.values())) >= 18


def test_what_they_are_made_of_is_good(bench, oneslot, power_on, tmp_path):
    oneslot.ok("verify", bench.file("good"), "--key", bench.key)
    flash = bench.request("good", tmp_path)
    power_on.ok(flash, bench.old, bench.new)
    assert oneslot.ok("status", flash, "--json").json["state"] == "done"
    flash = bench.request("good", tmp_path)
    assert oneslot.ok("run", "--expect", bench.new, flash, "--json").json["ok"]


@pytest.mark.parametrize("name", NAMES)
def test_the_host_tool_names_what_is_wrong(bench, oneslot_sanitized, name):
    result = oneslot_sanitized("verify", bench.file(name), "--key", bench.key, "--json")
    assert result.status == 1 and result.error == bench.error[name], result
    if bench.error[name] not in NEEDS_A_KEY:
        result = oneslot_sanitized("info", bench.file(name), "--json")
        assert result.status == 1 and result.error == bench.error[name], result


@pytest.mark.parametrize("name", NAMES)
def test_a_simulated_device_refuses_it_for_the_same_reason(bench, power_on, tmp_path, name):
    flash = bench.request(name, tmp_path)
    power_on.ok(flash, bench.old, bench.new)
    bench.expect_refusal(flash, name)


@pytest.mark.parametrize("name", NAMES)
def test_the_real_installer_refuses_it_for_the_same_reason_and_says_so(bench, oneslot, sentences, tmp_path, name):
    flash = bench.request(name, tmp_path)
    run = oneslot.ok("run", "--expect", bench.old, flash, "--json").json
    assert run["ok"] and run["result"] == "application", run
    bench.expect_refusal(flash, name)
    said = [line["text"] for line in run["uart"]]
    assert f"upgrade: {bench.path[name]}: {sentences[bench.error[name]]}" in said, said
