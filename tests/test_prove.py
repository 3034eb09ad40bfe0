"""oneslot prove: its figures, its exit status, its replays; and that real firmware keeps all promises."""

import hashlib
import random
import struct

import pytest

from conftest import FULL

QUICK = ("--chains", "40", "--faults", "40", "--ops-step", "64")
REAL = {
    "MicroPython with a trailer": ("mp8266-v1.23.0.bin", "mp8266-v1.24.0.bin"),
    "NodeMCU, without a proof of its own": ("nodemcu-20150106.bin", "nodemcu-20150107.bin"),
    "MicroPython on an ESP32-C3": ("--chip", "esp32c3", "mp32c3-v1.20.0.bin", "mp32c3-v1.22.1.bin"),
    "user1 behind boot_v1.7": ("at8266-user1-3.0.4.bin", "at8266-user1-3.0.5.bin", "--boot", "boot_v1.7.bin"),
}


def micropython_image(seed, size=0xB000):
    """A small image in MicroPython's layout: a RAM segment, the length at 0x8ffc, code, an MD5."""
    chance = random.Random(seed)
    segment = chance.randbytes(0x1000)
    checksum = 0xEF
    for byte in segment:
        checksum ^= byte
    head = struct.pack("<BBBBIII", 0xE9, 1, 0, 0x40, 0x40100004, 0x40100000, len(segment)) + segment
    head = head.ljust(len(head) | 15, b"\0") + bytes([checksum])
    body = head.ljust(0x8FFC, b"\xff") + struct.pack("<I", size - 16) + chance.randbytes(size - 16 - 0x9000)
    return body + hashlib.md5(body[4:]).digest()


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Paths of an old and a new small image."""
    folder = tmp_path_factory.mktemp("images")
    for name, seed in (("old.bin", 1), ("new.bin", 2)):
        (folder / name).write_bytes(micropython_image(seed))
    return folder / "old.bin", folder / "new.bin"


def esp32_image(seed, chip, size=0x4000):
    """A small application of the ESP32 family: descriptor and data, code, checksum, SHA-256."""
    chance = random.Random(seed)
    data, code = struct.pack("<I", 0xABCD5432) + chance.randbytes(252), chance.randbytes(size - 32 - 16 - 24 - 16 - 256)
    windows = {0: (0x3F400000, 0x400D0000), 5: (0x3C000000, 0x42000000)}[chip]
    body = struct.pack("<BBBBI8xIH10xB", 0xE9, 2, 2, 0x20, 0x40380000, 0, 0, 1)
    body = body[:12] + struct.pack("<H", chip) + body[14:23] + b"\1"
    body += struct.pack("<II", windows[0] + 32, len(data)) + data
    body += struct.pack("<II", windows[1] + len(body) + 8, len(code)) + code
    checksum = 0xEF
    for byte in data + code:
        checksum ^= byte
    body = body.ljust(len(body) | 15, b"\0") + bytes([checksum])
    return body + hashlib.sha256(body).digest()


def stock_image(application, at=0x7000):
    """The application behind a partition table, as it is flashed to a new device: from 0x1000 on, or from 0."""
    row = struct.pack("<HBBII16sI", 0x50AA, 0, 0, 0x10000, 0x1F0000, b"factory", 0)
    table = row + struct.pack("<H14x", 0xEBEB) .replace(b"\0" * 14, b"\xff" * 14) + hashlib.md5(row).digest()
    return (b"\xe9" * at + table).ljust(at + 0x8000, b"\xff") + application


def test_the_esp32_family_keeps_all_promises(oneslot, tmp_path):
    for chip, number, at in (("esp32", 0, 0x7000), ("esp32c3", 5, 0x8000)):
        (tmp_path / "old.bin").write_bytes(esp32_image(1, number))
        (tmp_path / "new.bin").write_bytes(stock_image(esp32_image(2, number), at))
        words = ("--chip", chip, tmp_path / "old.bin", tmp_path / "new.bin", *QUICK, "--json")
        figures = oneslot.ok("prove", *words).json
        assert figures["failures"] == 0 and figures["cuts"] > 500
        assert figures["size"] == 0x4000
        assert oneslot.ok("prove", *words, "--no-rollback").json["failures"] == 0


def test_an_image_for_another_chip_of_the_family_is_refused(oneslot, tmp_path):
    (tmp_path / "old.bin").write_bytes(esp32_image(1, 5))
    (tmp_path / "new.bin").write_bytes(esp32_image(2, 0))
    said = oneslot("prove", "--chip", "esp32c3", tmp_path / "old.bin", tmp_path / "new.bin", *QUICK)
    assert said.status == 1 and "another chip" in said.err
    assert oneslot("prove", "--chip", "esp33", tmp_path / "old.bin", tmp_path / "new.bin").status == 2


def test_the_figures_as_json_add_up(oneslot, images):
    figures = oneslot.ok("prove", *images, *QUICK, "--json").json
    assert figures["ok"] and figures["failures"] == 0
    assert figures["bricks"] == figures["wrong_firmware"] == figures["lost_files"] == figures["violations"] == 0
    assert figures["cases"] == sum(figures["kinds"].values()) == figures["verdicts"]["kept"]
    assert figures["cuts"] == sum(figures["tears"].values())
    assert figures["kinds"]["chain"] == sum(figures["chains_by_cuts"][2:6]) == 40
    upgrade = figures["upgrade"]
    assert figures["operations"] == upgrade["block_erases"] + upgrade["sector_erases"] + upgrade["programs"]
    assert upgrade["erase_ms"] == 150 * upgrade["block_erases"] + 45 * upgrade["sector_erases"]


def test_text_and_json_are_written_to_files_on_request(oneslot, images, tmp_path):
    said = oneslot.ok("prove", *images, *QUICK, f"--json={tmp_path}/figures.json", "--report", tmp_path / "report.txt")
    assert said.out.endswith("all promises kept\n")
    assert (tmp_path / "report.txt").read_text() == said.out
    assert (tmp_path / "figures.json").read_text().startswith("{")


def test_one_case_is_replayed_step_by_step(oneslot, images):
    said = oneslot.ok("prove", *images, "--replay", "1:cut:20:mix-weak").out
    assert "cut at operation 20" in said and "power on: application started" in said
    assert oneslot("prove", *images, "--replay", "1:cut:20:gently").status == 1


def test_the_same_seed_gives_the_same_figures(oneslot, images):
    def figures(*options):
        found = oneslot.ok("prove", *images, *QUICK, "--json", *options).json
        del found["seconds"]
        return found

    assert figures("--jobs", "1") == figures("--jobs", "3")
    assert figures("--seed", "2") != figures("--seed", "3")


def test_an_upgrade_that_is_refused_is_told_with_its_reason(oneslot, images, tmp_path):
    damaged = bytearray(images[1].read_bytes())
    damaged[0xA000] ^= 1
    (tmp_path / "damaged.bin").write_bytes(damaged)
    said = oneslot("prove", images[0], tmp_path / "damaged.bin", *QUICK)
    assert said.status == 1 and "MD5" in said.err


@pytest.mark.parametrize("line", [(), ("one.bin",), ("a", "b", "c"), ("a", "b", "--chains", "many"),
                                  ("a", "b", "--jobs", "0"), ("a", "b", "--flash-size", "soon"), ("--wrong",)])
def test_a_wrong_command_line_is_status_2(oneslot, line):
    assert oneslot("prove", *line).status == 2


def test_a_missing_or_tiny_file_is_status_1(oneslot, images, tmp_path):
    (tmp_path / "tiny.bin").write_bytes(b"\xe9")
    assert oneslot("prove", tmp_path / "none.bin", images[1]).status == 1
    assert oneslot("prove", images[0], tmp_path / "tiny.bin").status == 1


# An ESP32's image is a megabyte and a half: more than a minute. Small ones of that family are in the fast set.
@pytest.mark.parametrize("kind", [pytest.param(kind, marks=pytest.mark.full) if "--chip" in words else kind
                                  for kind, words in REAL.items()])
def test_real_firmware_keeps_all_promises(oneslot, firmware, kind):
    words = [firmware / word if word.endswith(".bin") else word for word in REAL[kind]]
    how = ("--chains", "60", "--faults", "40", "--ops-step", "1000") if FULL else \
          ("--chains", "4", "--faults", "4", "--ops-step", "20000")
    figures = oneslot.ok("prove", *words, *how, "--json", timeout=600).json
    assert figures["failures"] == 0 and figures["cuts"] > (1000 if FULL else 20)
    assert figures["sha256_in_request"] == kind.startswith("NodeMCU")


def test_lives_are_told_as_json_and_as_text(oneslot, images, tmp_path):
    figures = oneslot.ok("prove", *images, "--lives", "30", "--json").json
    assert figures["ok"] and figures["lives"] == 30 and figures["failures"] == 0 and figures["broken"] == []
    assert min(figures[what] for what in ("cuts", "disturbed", "upgrades", "boots")) > 0
    assert sum(figures["deeds"].values()) > 30 * 4 and all(figures["deeds"].values())
    said = oneslot.ok("prove", *images, "--lives", "30", "--seed", "2", f"--json={tmp_path}/lives.json")
    assert "30 lives" in said.out and said.out.endswith("all promises kept\n")
    assert (tmp_path / "lives.json").read_text().startswith("{")


def test_one_life_is_lived_again(oneslot, images):
    said = oneslot.ok("prove", *images, "--lives", "1", "--replay", "1:3").out
    assert "power on: application started" in said and "kept" in said.splitlines()[-1]
    for name in ("1", "1:", "x:1", "1:1:1"):
        assert oneslot("prove", *images, "--lives", "1", "--replay", name).status == 1


def test_lives_that_cannot_begin_say_why(oneslot, images, tmp_path):
    damaged = bytearray(images[1].read_bytes())
    damaged[0xA000] ^= 1
    (tmp_path / "damaged.bin").write_bytes(damaged)
    said = oneslot("prove", images[0], tmp_path / "damaged.bin", "--lives", "5")
    assert said.status == 1 and "MD5" in said.err
    (tmp_path / "large.bin").write_bytes(esp32_image(1, 5, 0x120000))
    said = oneslot("prove", "--chip", "esp32c3", tmp_path / "large.bin", tmp_path / "large.bin", "--lives", "5")
    assert said.status == 1 and "--flash-size" in said.err


STORIES = ("upgrade", "confirm", "fallback", "life", "downgrade", "forged", "installer", "dead-installer")
SHORT = ("--stories", "--ops-step", "400", "--chains", "4")


def test_the_stories_of_a_device_are_told_as_json(oneslot, images, tmp_path):
    oneslot.ok("keygen", "-o", tmp_path / "key.pem")
    figures = oneslot.ok("prove", *images, *SHORT, "--key", tmp_path / "key.pem", "--json", timeout=600).json
    assert figures["ok"] and tuple(story["story"] for story in figures["stories"]) == STORIES
    for story in figures["stories"]:
        assert story["failures"] == 0 and story["cases"] == story["verdicts"]["kept"] == sum(story["ends"].values())
        assert story["cuts"] >= story["cases"] > 4 and story["ends"]["none"] == 0
        assert story["wear_max"] >= story["wear"]


def test_one_case_of_a_story_is_lived_again(oneslot, images):
    said = oneslot.ok("prove", *images, "--stories", "--replay", "downgrade:1:cut:3:mix-weak").out
    assert "cut at operation 3" in said and "end: told" in said
    for name in ("nothing:1:cut:3:mix", "downgrade", "downgrade:1:cut:9999:mix"):
        assert oneslot("prove", *images, "--stories", "--replay", name).status == 1


@pytest.mark.parametrize("line", [("--key", "key.pem"), ("--stories", "--sha256"), ("--stories", "--report", "r.txt"),
                                  ("--lives", "2", "--stories"), ("--lives", "0"), ("--lives", "2", "--key", "key.pem"),
                                  ("--lives", "2", "--report", "r.txt")])
def test_options_that_do_not_go_together_are_status_2(oneslot, images, line):
    assert oneslot("prove", *images, *line).status == 2


def test_a_key_that_cannot_sign_is_said_so(oneslot, images, tmp_path):
    oneslot.ok("keygen", "-o", tmp_path / "key.pem", "--public", tmp_path / "pub.pem")
    said = oneslot("prove", *images, "--stories", "--key", tmp_path / "pub.pem")
    assert said.status == 1 and "public key" in said.err
