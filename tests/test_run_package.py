"""Signed and compressed packages on the emulated board: the real loader and installer take what is right, and only it."""
import pytest

# Programs of 32 bytes that one journal record, with its claim and its seal, takes at the most; and an erase.
RECORD = 32


@pytest.fixture(scope="module")
def example(build):
    return build / "examples" / "firmware-v1.bin", build / "examples" / "firmware-v2.bin"


@pytest.fixture()
def device(oneslot, example, tmp_path):
    """A flash whose installer has a key, with packages of version 2 on its file system."""
    old, new = example
    for name in ("ours", "other"):
        oneslot.ok("keygen", "-o", tmp_path / f"{name}.pem", "--public", tmp_path / f"{name}.pub")
    files = tmp_path / "files"
    files.mkdir()
    pack = ("pack", new, "--version", "2.0.0")
    oneslot.ok(*pack, "--compress", "--key", tmp_path / "ours.pem", "-o", files / "good.osp")
    oneslot.ok(*pack, "--compress", "--key", tmp_path / "other.pem", "-o", files / "other.osp")
    oneslot.ok(*pack, "-o", files / "unsigned.osp")
    (files / "plain.bin").write_bytes(new.read_bytes())
    damaged = bytearray((files / "good.osp").read_bytes())
    damaged[len(damaged) // 2] ^= 4
    (files / "damaged.osp").write_bytes(damaged)
    flash = tmp_path / "flash.bin"
    oneslot.ok("image", old, "--chip", "esp8266", "--flash-size", "4MB", "--key", tmp_path / "ours.pub",
               "--fs", files, "-o", flash)
    return flash


def test_a_signed_compressed_package_is_installed(oneslot, device, example):
    oneslot.ok("request", device, "/good.osp")
    run = oneslot.ok("run", device, "--expect", example[1], "--json").json
    assert run["ok"] and run["result"] == "application" and run["resets"] == 1
    assert oneslot.ok("status", device, "--json").json["state"] == "done"


@pytest.mark.parametrize("cut_at, tear", [(3, "page"), (9, "after"), (200, "subset"), (700, "half")])
def test_a_cut_amid_it_is_survived(oneslot, device, example, cut_at, tear):
    oneslot.ok("request", device, "/good.osp")
    assert "power cut" in oneslot.ok("run", device, "--cut-at", cut_at, "--tear", tear).out
    assert oneslot.ok("run", device, "--expect", example[1], "--json").json["ok"]
    assert oneslot.ok("status", device, "--json").json["state"] == "done"


@pytest.mark.parametrize("file, reason", [
    ("plain.bin", "PACKAGE_NEEDED"),
    ("unsigned.osp", "PACKAGE_UNSIGNED"),
    ("other.osp", "PACKAGE_KEY"),
    ("damaged.osp", "PACKAGE_HASH"),
])
def test_anything_else_is_refused_by_name_and_nothing_is_touched(oneslot, device, example, file, reason):
    oneslot.ok("request", device, f"/{file}")
    run = oneslot.ok("run", device, "--expect", example[0], "--json").json
    assert run["ok"] and run["operations"]["all"] <= RECORD
    status = oneslot.ok("status", device, "--json").json
    assert status["state"] == "failed" and status["outcome"] == reason


@pytest.mark.parametrize("old, new, reason", [
    ("mp8266-v1.24.0", "mp8266-1m-v1.22.1", "IMAGE_CLAIMS"),
    pytest.param("mp8266-v1.24.0", "mp8266-v1.9.4", "IMAGE_CLAIMS", marks=pytest.mark.full),
    pytest.param("wled8266-0.14.2", "mp8266-v1.24.0", "IMAGE_CLAIMS", marks=pytest.mark.full),
    ("mp8266-v1.23.0", "mp8266-v1.24.0", None),
])
def test_the_installer_knows_what_a_packaged_firmware_writes_by_itself(oneslot, firmware, tmp_path, old, new, reason):
    """Where the host's word is overruled, too; without claims in the package it is installed."""
    (tmp_path / "files").mkdir()
    pack = ("pack", firmware / f"{new}.bin", "--version", "2", "--compress")
    oneslot.ok(*pack, "-o", tmp_path / "files" / "told.osp")
    oneslot.ok(*pack, "--no-claims", "-o", tmp_path / "files" / "silent.osp")
    flash = tmp_path / "flash.bin"
    oneslot.ok("image", firmware / f"{old}.bin", "--flash-size", "4MB", "--fs", tmp_path / "files", "-o", flash)
    oneslot.ok("request", flash, "/told.osp", "--force")
    run = oneslot.ok("run", flash, "--expect", firmware / f"{old if reason else new}.bin", "--json").json
    status = oneslot.ok("status", flash, "--json").json
    if reason:
        assert run["operations"]["all"] <= RECORD and status["state"] == "failed" and status["outcome"] == reason
        oneslot.ok("request", flash, "/silent.osp", "--force")
        oneslot.ok("run", flash, "--expect", firmware / f"{new}.bin")
    else:
        assert status["state"] == "done"
