"""The host tool on the ESP32 family: flashes made of stock firmware, looked into, asked for upgrades. esptool, ESP-IDF's
own table code (esp-idf-defs) and littlefs-python are the judges."""

import hashlib
import struct
import subprocess
import sys

import pytest
from esp_idf_defs.partitions import PartitionTable

import esp32_image as esp
from conftest import make_littlefs, read_littlefs

MIB = 1 << 20
REAL = [("mp32-v1.24.0", "esp32"), ("mp32-v1.23.0", "esp32"), ("mp32c3-v1.22.1", "esp32c3"),
        ("mp32c3-v1.20.0", "esp32c3")]
REGIONS = {"nvs": (0x9000, 0xF000), "phy_init": (0xF000, 0x10000), "ota_0": (0x10000, 0x1E0000),
           "installer": (0x1E0000, 0x1F0000), "otadata": (0x1F0000, 0x1F2000), "journal": (0x1F2000, 0x1F4000),
           "settings": (0x1F4000, 0x1F5000), "vfs": (0x200000, 0x400000)}
TWO_SLOTS = {"nvs": (0x9000, 0xE000), "otadata": (0xE000, 0x10000), "ota_0": (0x10000, 0x270000),
             "installer": (0x270000, 0x280000), "journal": (0x280000, 0x282000), "settings": (0x282000, 0x283000),
             "spiffs": (0x290000, 0x3F0000), "coredump": (0x3F0000, 0x400000)}


class Maker:
    """Writes files and makes flash images of them."""

    def __init__(self, oneslot, folder):
        self.oneslot = oneslot
        self.folder = folder

    def file(self, name, data):
        (self.folder / name).write_bytes(data)
        return self.folder / name

    def run(self, firmware, *options, size="4MB", chip="esp32", installer=True):
        """`firmware`: bytes, a path, or None."""
        if isinstance(firmware, bytes):
            firmware = self.file("stock.bin", firmware)
        given = ["--installer", self.file("installer.bin", esp.installer(chip))] if installer else []
        result = self.oneslot("image", *([firmware] if firmware else []), *(["--flash-size", size] if size else []),
                              *given, *options, "-o", self.folder / "flash.bin", "--json")
        return result

    def make(self, firmware, *options, **how):
        result = self.run(firmware, *options, **how)
        assert result.status == 0, result
        return result.json, (self.folder / "flash.bin").read_bytes()

    def refused(self, firmware, *options, **how):
        result = self.run(firmware, *options, **how)
        assert result.status == 1, result
        assert not (self.folder / "flash.bin").exists()
        return result

    @property
    def flash(self):
        return self.folder / "flash.bin"


@pytest.fixture
def maker(oneslot, tmp_path):
    return Maker(oneslot, tmp_path)


def micropython(version, **how):
    """An application that its strings give away as a MicroPython."""
    return esp.application("esp32", text=b"MicroPython " + version.encode() + b"; Generic ESP32 module\0", **how)


def places(rows):
    return {row["name"]: (row["address"], row["address"] + row["size"]) for row in rows}


def idf_table(flash):
    """The table as ESP-IDF's tool reads and judges it."""
    table = PartitionTable.from_binary(flash[0x8000:0x8C00])
    table.verify(0x8000)
    return {row.name: (row.offset, row.offset + row.size) for row in table}


def sha_holds(image):
    """esptool's own judgement on an image."""
    done = subprocess.run([sys.executable, "-m", "esptool", "image-info", str(image)], capture_output=True, text=True)
    return done.returncode == 0 and "invalid" not in done.stdout and done.stdout.count("(valid)") == 2


@pytest.mark.parametrize("chip", esp.CHIPS)
class TestEachChip:
    def test_a_combined_file_becomes_a_flash_with_all_parts_in_place(self, maker, chip):
        app = esp.application(chip, size=200000)
        stock = esp.combined(chip, app)
        made, flash = maker.make(stock, chip=chip)
        start = esp.bootloader_at(chip)
        assert places(made["map"]) == idf_table(flash) == REGIONS
        assert flash[start:0x8000] == stock[: 0x8000 - start]
        assert flash[0x10000 : 0x10000 + len(app)] == app
        assert set(flash[0x10000 + len(app) : 0x1E0000]) == {0xFF}
        assert flash[0x1E0000:0x1F0000].rstrip(b"\xff") == esp.installer(chip)
        assert flash[0x1F0000:0x1F0020] == esp.otadata(1) and set(flash[0x1F0020:0x1F2000]) == {0xFF}
        assert len(flash) == 4 * MIB and set(flash[0x200000:]) == {0xFF}

    def test_chip_and_command_are_deduced(self, maker, oneslot, chip):
        made, _ = maker.make(esp.combined(chip), chip=chip)
        assert made["chip"].lower().replace("-", "") == chip
        assert f"--chip {chip} " in made["command"] and "--flash-size keep 0 " in made["command"]
        info = oneslot.ok("info", maker.flash, "--json").json
        assert info["starts"] == "ota_0" and info["chip"] == made["chip"]

    def test_an_application_with_its_boot_loader_makes_the_same_layout(self, maker, chip):
        boot = maker.file("boot.bin", esp.bootloader(chip))
        made, flash = maker.make(esp.application(chip), "--bootloader", boot, chip=chip)
        assert places(made["map"]) == idf_table(flash) == REGIONS
        start = esp.bootloader_at(chip)
        assert flash[start : start + len(boot.read_bytes())] == boot.read_bytes()

    def test_esptool_accepts_what_lies_inside(self, maker, chip):
        _, flash = maker.make(esp.combined(chip), chip=chip, size="8MB")
        start = esp.bootloader_at(chip)
        for name, at, end in (("boot", start, 0x8000), ("application", 0x10000, 0x1E0000),
                              ("installer", 0x1E0000, 0x1F0000)):
            assert sha_holds(maker.file(f"{name}.bin", flash[at:end])), name


@pytest.mark.parametrize("size, bytes", [("2MB", 2 * MIB), ("4MB", 4 * MIB), ("8MB", 8 * MIB), ("16MB", 16 * MIB)])
def test_the_boot_loader_tells_of_the_chosen_size_and_its_digest_is_of_that(maker, size, bytes):
    rows = [row for row in esp.STOCK if row[0] != "vfs"] if size == "2MB" else esp.STOCK
    rows = [(*row[:3], 0x1F0000 if row[0] == "factory" else row[3]) for row in rows]
    stock = esp.combined("esp32", rows=rows)
    made, flash = maker.make(stock, size=size)
    boot = esp.bootloader("esp32", bytes)
    assert flash[0x1000 : 0x1000 + len(boot)] == boot
    assert any("another size" in warning for warning in made["warnings"]) == (size != "4MB")
    assert len(flash) == bytes
    if size != "2MB":
        assert idf_table(flash)["vfs"] == (0x200000, bytes)


def test_a_boot_loader_without_a_digest_is_changed_in_one_byte(maker):
    stock = esp.combined("esp32", digest=False)
    _, flash = maker.make(stock, size="16MB")
    changed = [at for at in range(0x7000) if flash[0x1000 + at] != stock[at]]
    assert changed == [3] and flash[0x1003] == 0x40


@pytest.mark.parametrize("code, said", [(5, "32 MiB of flash"), (6, "64 MiB of flash"), (7, "128 MiB of flash"),
                                        (8, "an unknown size of flash")])
def test_a_boot_loader_for_a_larger_chip_or_an_unknown_one_is_told_as_it_is(oneslot, tmp_path, code, said):
    stock = bytearray(esp.combined("esp32", digest=False))
    stock[3] = code << 4 | stock[3] & 15
    (tmp_path / "stock.bin").write_bytes(stock)
    assert f"for {said}" in oneslot.ok("info", tmp_path / "stock.bin").out
    found = {row["rule"]: row["text"] for row in
             oneslot("map", "check", tmp_path / "stock.bin", "--json").json["maps"][0]["findings"]}
    if code == 8:
        assert "no size of flash that is known: code 8" in found["header-size"]
    else:
        assert "16 MiB of flash at the most" in found["flash-size"]


def test_the_same_input_makes_the_same_flash(maker):
    options = ["--watch", "/fw.bin", "--board", "lamp"]
    assert maker.make(esp.combined(), *options)[1] == maker.make(esp.combined(), *options)[1]


class TestSettings:
    def test_watch_and_board_lie_in_the_settings_sector(self, maker, oneslot):
        _, flash = maker.make(esp.combined(), "--watch", "/fw.bin", "--board", "lamp")
        sector = flash[0x1F4000:0x1F5000]
        assert set(sector[:0xC00]) == {0xFF} and sector[0xC00:0xC04] == b"1SLC" and b"/fw.bin\0" in sector
        info = oneslot.ok("info", maker.flash, "--json").json
        assert info["watch"] == "/fw.bin" and info["board"] == "lamp"

    def test_a_key_is_kept_and_shown(self, maker, oneslot, tmp_path):
        oneslot.ok("keygen", "-o", tmp_path / "key.pem")
        made, _ = maker.make(esp.combined(), "--key", tmp_path / "key.pem")
        assert made["keys"] == 1
        assert len(oneslot.ok("info", maker.flash, "--json").json["keys"]) == 1

    def test_the_journal_knows_the_application(self, maker, oneslot):
        app = esp.application("esp32")
        maker.make(esp.combined("esp32", app))
        status = oneslot.ok("status", maker.flash, "--json").json
        assert (status["state"], status["installed_size"]) == ("idle", len(app))
        assert status["installed_sha256"] == hashlib.sha256(app).hexdigest()
        assert oneslot.ok("info", maker.flash, "--json").json["firmware"]["as_installed"]


class TestTables:
    def two_slots(self, running, other=b"other"):
        apps = [esp.application("esp32", "1.0.0", 90000, b"zero"), esp.application("esp32", "2.0.0", 80000, b"one")]
        parts = [(0xE000, esp.otadata(1 + running)), (0x10000, apps[0]), (0x150000, apps[1]),
                 (0x290000, b"spiffs content"), (0x9000, b"nvs content")]
        return esp.flash("esp32", esp.TWO_SLOTS, parts), apps

    @pytest.mark.parametrize("running", [0, 1])
    def test_of_two_slots_the_one_that_runs_stays_and_gets_the_room_of_both(self, maker, running):
        dump, apps = self.two_slots(running)
        made, flash = maker.make(None, "--dump", maker.file("dump.bin", dump), size=None)
        assert idf_table(flash) == TWO_SLOTS
        assert flash[0x10000:0x270000].rstrip(b"\xff") == apps[running].rstrip(b"\xff")
        assert flash[0xE000:0xE020] == esp.otadata(1)
        gone = f"'app{1 - running}'"
        assert any(gone in warning and "given up" in warning and "the application in it" in warning
                   for warning in made["warnings"])
        assert any("moves from 0x150000" in warning for warning in made["warnings"]) == (running == 1)

    def test_what_lies_outside_of_the_applications_is_kept(self, maker):
        dump, _ = self.two_slots(0)
        _, flash = maker.make(None, "--dump", maker.file("dump.bin", dump), size=None)
        for start, end in ((0x1000, 0x8000), (0x9000, 0xE000), (0x290000, 0x400000)):
            assert flash[start:end] == dump[start:end]

    def test_a_slot_that_was_aborted_is_not_the_one_that_runs(self, maker):
        dump, apps = self.two_slots(1)
        dump = bytearray(dump)
        dump[0xE000:0xE020] = esp.otadata(1)
        dump[0xF000:0xF020] = esp.otadata(2, 4)
        _, flash = maker.make(None, "--dump", maker.file("dump.bin", bytes(dump)), size=None)
        assert flash[0x10000 : 0x10000 + len(apps[0])] == apps[0]

    def test_a_stock_file_with_two_slots_is_turned_to_one(self, maker):
        made, flash = maker.make(esp.combined(rows=esp.TWO_SLOTS))
        assert idf_table(flash) == TWO_SLOTS
        assert any("'app1'" in warning and "given up" in warning for warning in made["warnings"])

    def test_a_flash_with_oneslot_keeps_its_table(self, maker):
        _, first = maker.make(esp.combined())
        newer = esp.application("esp32", "9.9.9", 120000, b"new")
        _, second = maker.make(newer, "--dump", maker.file("dump.bin", first), size=None)
        assert second[0x8000:0x9000] == first[0x8000:0x9000]
        assert second[0x10000 : 0x10000 + len(newer)] == newer

    def test_the_newer_application_goes_into_the_dump_and_its_files_stay(self, maker, oneslot):
        files = make_littlefs({"/main.py": b"print(1)"}, 2 * MIB)
        dump = esp.flash("esp32", esp.STOCK, [(0x10000, esp.application()), (0x200000, files), (0x9000, b"nvs")])
        newer = esp.application("esp32", "9.9.9", 120000, b"new")
        for firmware in (newer, esp.combined("esp32", newer)):
            _, flash = maker.make(firmware, "--dump", maker.file("dump.bin", dump), size=None)
            assert flash[0x10000:0x1E0000].rstrip(b"\xff") == newer.rstrip(b"\xff")
            assert flash[0x200000:] == dump[0x200000:] and flash[0x9000:0x10000] == dump[0x9000:0x10000]
            assert oneslot.ok("fs", "cat", maker.flash, "/main.py").out == "print(1)"

    @pytest.mark.parametrize("with_firmware", [False, True], ids=["as it runs", "upgraded"])
    def test_files_of_a_micropython_without_a_row_for_them_stay(self, maker, oneslot, with_firmware):
        """From 1.26 on it makes itself a `vfs` of what lies behind the last row (ports/esp32/main.c)."""
        rows = esp.STOCK[:3]
        files = {"/main.py": b"print(1)", "/lib/big": bytes(range(256)) * 900}
        app = micropython("v1.26.0 on 2025-08-09")
        dump = esp.flash("esp32", rows, [(0x10000, app), (0x200000, make_littlefs(files, 2 * MIB)), (0x9000, b"nvs")])
        newer = esp.application("esp32", "9.9.9", 120000, b"new") if with_firmware else None
        made, flash = maker.make(newer, "--dump", maker.file("dump.bin", dump), size=None)
        assert idf_table(flash) == REGIONS == places(made["map"])
        assert flash[0x200000:] == dump[0x200000:]
        assert read_littlefs(flash[0x200000:]) == files
        assert oneslot.ok("fs", "cat", maker.flash, "/main.py").out == "print(1)"
        assert oneslot.ok("map", "check", maker.flash)

    def test_a_micropython_s_own_row_goes_before_a_file_system_of_another(self, maker, oneslot):
        """Its table has a SPIFFS that it does not look at; its files lie behind it."""
        rows = [*esp.STOCK[:3], ("spiffs", esp.SPIFFS, 0x200000, 0x100000)]
        files = make_littlefs({"/main.py": b"print(1)"}, MIB)
        dump = esp.flash("esp32", rows, [(0x10000, micropython("v1.26.0 on 2025-08-09")), (0x300000, files)])
        _, flash = maker.make(None, "--dump", maker.file("dump.bin", dump), size=None)
        assert idf_table(flash)["vfs"] == (0x300000, 0x400000) and flash[0x200000:] == dump[0x200000:]
        assert oneslot.ok("fs", "cat", maker.flash, "/main.py").out == "print(1)"

    def test_the_gap_that_older_micropythons_leave_is_the_application_s(self, maker, oneslot):
        """Up to 1.18: factory to 0x190000, vfs from 0x200000; the application needs more than 0x160000."""
        rows = [*esp.STOCK[:2], ("factory", esp.FACTORY, 0x10000, 0x180000), esp.STOCK[3]]
        app = micropython("v1.18 on 2022-01-17", size=0x164000)
        files = make_littlefs({"/main.py": b"print(1)"}, 2 * MIB)
        for firmware, options in (
            (esp.combined("esp32", app, rows), ()),
            (None, ("--dump", maker.file("dump.bin", esp.flash("esp32", rows, [(0x10000, app), (0x200000, files)]))))):
            made, flash = maker.make(firmware, *options, size="4MB" if firmware else None)
            assert idf_table(flash) == REGIONS == places(made["map"])
            assert flash[0x10000:0x10000 + len(app)] == app
        assert oneslot.ok("fs", "cat", maker.flash, "/main.py").out == "print(1)"

    def test_a_gap_that_holds_something_is_not_taken(self, maker):
        rows = [*esp.STOCK[:2], ("factory", esp.FACTORY, 0x10000, 0x180000), esp.STOCK[3]]
        app = micropython("v1.18 on 2022-01-17", size=0x164000)
        dump = esp.flash("esp32", rows, [(0x10000, app), (0x1C0000, b"raw data of somebody's")])
        result = maker.refused(None, "--dump", maker.file("dump.bin", dump), size=None)
        assert result.error == "IMAGE_TOO_LARGE"
        assert "0x10000 to 0x190000" in result.json["error"]["text"] and "0x1c0000" in result.json["error"]["text"]

    def test_a_table_that_ends_with_its_application_gives_what_is_needed(self, maker):
        """ESP-IDF's own single-app table: 1 MiB for the application, and nothing behind it."""
        rows = [*esp.STOCK[:2], ("factory", esp.FACTORY, 0x10000, 0x100000)]
        app = esp.application(size=0xF8000)
        made, flash = maker.make(esp.combined("esp32", app, rows))
        found = idf_table(flash)
        assert found["ota_0"] == (0x10000, 0x110000) and found["installer"] == (0x110000, 0x120000)
        assert found["settings"][1] <= 0x130000 and flash[0x10000:0x10000 + len(app)] == app
        small = esp.application(size=0x40000)
        assert idf_table(maker.make(esp.combined("esp32", small, rows))[1])["ota_0"] == (0x10000, 0xF0000)

    def test_a_table_of_one_s_own_is_laid(self, maker, oneslot):
        csv = oneslot.ok("map", "export", "--format", "csv", "esp32-oneslot-arduino").out
        made, flash = maker.make(esp.combined(), "--map", maker.file("own.csv", csv.encode()))
        assert idf_table(flash) == TWO_SLOTS == places(made["map"])
        assert oneslot.ok("info", maker.flash, "--csv").out

    @pytest.mark.parametrize("spoil", [
        lambda csv: "\n".join(row for row in csv.splitlines() if "journal" not in row),
        lambda csv: csv.replace("settings, 0x40, 0x03, 0x1f4000", "settings, 0x40, 0x03, 0x1f3000"),
        lambda csv: csv.replace("installer, app, factory, 0x1e0000", "installer, app, factory, 0x1e1000"),
        lambda csv: csv.replace("0x200000, 0x200000", "0x200000, 0x100000") + "more, app, ota_1, 0x300000, 0x100000,\n",
    ], ids=["no journal", "overlap", "off 64 KiB", "two slots"])
    def test_a_table_of_one_s_own_that_would_not_do_is_refused(self, maker, oneslot, spoil):
        csv = oneslot.ok("map", "export", "--format", "csv", "esp32-oneslot-4m").out
        assert spoil(csv) != csv
        maker.refused(esp.combined(), "--map", maker.file("own.csv", spoil(csv).encode()))


class TestRefusals:
    def test_an_application_that_is_larger_than_its_slot_will_be(self, maker):
        rows = [*esp.STOCK[:2], ("factory", esp.FACTORY, 0x10000, 0x40000), ("vfs", esp.FAT, 0x50000, 0x3B0000)]
        result = maker.refused(esp.combined(rows=rows, app=esp.application(size=180000)))
        assert result.error == "IMAGE_TOO_LARGE" and str(len(esp.application(size=180000))) in result.err

    def test_firmware_boot_loader_and_installer_for_different_chips(self, maker):
        for chip, options in (("esp32c3", []), ("esp32", ["--chip", "esp32s3"]),
                              ("esp32", ["--bootloader", maker.file("b", esp.bootloader("esp32s2"))])):
            result = maker.refused(esp.combined(chip), *options)
            assert result.error == "IMAGE_CHIP", (chip, options)

    def test_an_esp8266_s_image_for_an_esp32(self, maker, build):
        image = bytes.fromhex("e90102200000104000001040") + struct.pack("<I", 16) + bytes(16) + b"\0" * 15 + b"\xef"
        assert maker.refused(image, "--chip", "esp32").error in ("IMAGE_CHIP", "IMAGE_UNKNOWN")

    def test_an_application_alone(self, maker):
        result = maker.refused(esp.application())
        assert result.error == "IMAGE_NEEDS_BOOT" and "--bootloader" in result.err and "--dump" in result.err

    def test_a_boot_loader_alone_and_an_application_as_boot_loader(self, maker):
        assert "boot loader alone" in maker.refused(esp.bootloader()).err
        boot = maker.file("boot.bin", esp.application())
        assert "not a boot loader" in maker.refused(esp.application(), "--bootloader", boot).err

    @pytest.mark.parametrize("at, what", [(0x1010, "boot loader"), (0x10040, "IMAGE_DIGEST"), (0x8004, "partition table")])
    def test_a_flipped_bit_anywhere(self, maker, at, what):
        stock = bytearray(esp.combined())
        stock[at + 0x100 * (at == 0x10040) - 0x1000] ^= 1
        result = maker.run(bytes(stock))
        assert result.status == 1 and (what in result.err or what == result.error or "whole" in result.err)

    def test_a_flash_smaller_than_its_table(self, maker):
        result = maker.refused(esp.combined(), size="2MB")
        assert result.error == "MAP_RANGE" and "'vfs'" in result.err

    def test_what_goes_past_the_end(self, maker):
        result = maker.refused(esp.flash("esp32", esp.STOCK, [(0x10000, esp.application())]), size="2MB")
        assert result.error == "IMAGE_TOO_LARGE"

    def test_an_encrypted_flash(self, maker, oneslot):
        noise = b"".join(hashlib.sha256(struct.pack("<I", at)).digest() for at in range(4 * MIB // 32))
        dump = maker.file("dump.bin", noise)
        assert maker.refused(None, "--dump", dump, size=None).error == "FLASH_ENCRYPTED"
        info = oneslot("info", dump, "--json")
        assert info.status == 1 and info.error == "FLASH_ENCRYPTED"

    def signed(self, image):
        image += b"\xff" * (-len(image) % 0x1000)
        return image + b"\xe7\x02\0\0" + b"s" * 0xFFC

    def test_a_boot_loader_signed_for_secure_boot(self, maker):
        boot = self.signed(esp.bootloader())
        dump = esp.flash("esp32", esp.STOCK, [(0x10000, self.signed(esp.application()))], boot=boot)
        result = maker.refused(None, "--dump", maker.file("dump.bin", dump), size=None)
        assert "Secure Boot v2" in result.err and "--installer" in result.err
        installer = maker.file("signed.bin", self.signed(esp.installer()))
        made, flash = maker.make(None, "--dump", maker.folder / "dump.bin", "--installer", installer, size=None,
                                 installer=False)
        assert flash[0x1E0000:0x1F0000].startswith(self.signed(esp.installer()))
        assert flash[0x10000:0x1E0000].startswith(self.signed(esp.application()))
        assert flash[0x1000:0x8000] == dump[0x1000:0x8000]

    def test_a_signed_boot_loader_is_not_changed_for_another_size(self, maker):
        boot = maker.file("boot.bin", self.signed(esp.bootloader()))
        installer = maker.file("signed.bin", self.signed(esp.installer()))
        result = maker.run(esp.application(), "--bootloader", boot, "--installer", installer, size="8MB",
                           installer=False)
        assert result.status == 1 and "signed" in result.err

    def test_the_digest_of_secure_boot_v1(self, maker):
        dump = esp.flash("esp32", esp.STOCK, [(0x10000, esp.application()), (0, b"\x55" * 0xC0)])
        dump = b"\xff" + dump[1:]
        result = maker.refused(None, "--dump", maker.file("dump.bin", dump), size=None)
        assert "Secure Boot v1" in result.err

    def test_a_part_of_a_dump(self, maker):
        dump = esp.flash("esp32", esp.STOCK, [(0x10000, esp.application())])
        for part in (dump[: 3 * MIB], dump[0x1000:], dump[: 2 * MIB] + b"x"):
            assert maker.run(None, "--dump", maker.file("dump.bin", part), size=None).status == 1

    def test_options_of_the_other_family(self, maker):
        assert maker.run(esp.combined(), "--boot", "x").status == 2
        assert maker.run(esp.combined(), "--loader", "x").status == 2

    def test_an_installer_that_is_none(self, maker):
        for bad in (b"", esp.bootloader(), esp.application(size=70000), esp.installer()[:-1], esp.installer("esp32s3")):
            maker.refused(esp.combined(), "--installer", maker.file("bad.bin", bad), installer=False)


class TestInfo:
    def test_an_application_says_what_it_is(self, maker, oneslot):
        app = maker.file("app.bin", esp.application("esp32s3", "4.5.6", project="lamp", idf="v5.1", secure=3))
        info = oneslot.ok("info", app, "--json").json
        assert (info["type"], info["chip"], info["proven"], info["size"]) == (
            "firmware", "ESP32-S3", True, len(app.read_bytes()))
        assert info["description"] == {"version": "4.5.6", "project": "lamp", "idf": "v5.1", "date": "Nov  1 2024",
                                       "time": "12:00:00", "secure_version": 3}
        assert [segment["address"] for segment in info["segments"]][0] == 0x3C000020
        text = oneslot.ok("info", app).out
        assert "lamp 4.5.6" in text and "SHA-256: holds" in text and "anti-rollback version 3" in text

    def test_a_damaged_application_is_named(self, maker, oneslot):
        app = bytearray(esp.application())
        app[5000] ^= 4
        info = oneslot("info", maker.file("app.bin", bytes(app)), "--json")
        assert info.status == 1 and info.error == "IMAGE_DIGEST"

    def test_a_combined_file(self, maker, oneslot):
        info = oneslot.ok("info", maker.file("c.bin", esp.combined(rows=esp.TWO_SLOTS)), "--json").json
        assert (info["type"], info["base"], info["starts"]) == ("combined", 0x1000, "app0")
        assert info["boot_loader"]["address"] == 0x1000 and info["boot_loader"]["flash_size"] == 4 * MIB
        assert [app["partition"] for app in info["applications"]] == ["app0"]
        assert info["applications"][0]["description"]["version"] == "1.2.3"

    @pytest.mark.parametrize("running", [0, 1])
    def test_a_dump_with_two_slots_says_which_one_is_started(self, maker, oneslot, running):
        dump = esp.flash("esp32", esp.TWO_SLOTS, [
            (0xE000, esp.otadata(1 + running, 2)), (0x10000, esp.application(version="1.0")),
            (0x150000, esp.application(version="2.0"))])
        info = oneslot.ok("info", maker.file("dump.bin", dump), "--json").json
        assert info["type"] == "flash" and info["starts"] == f"app{running}"
        assert info["otadata"] == {"sequence": 1 + running, "state": "valid"}
        assert [app["description"]["version"] for app in info["applications"]] == ["1.0", "2.0"]
        assert f"the boot loader starts 'app{running}'" in oneslot.ok("info", maker.folder / "dump.bin").out

    def test_a_flash_without_oneslot_is_no_flash_for_the_other_commands(self, maker, oneslot):
        dump = maker.file("dump.bin", esp.flash("esp32", esp.STOCK, [(0x10000, esp.application())]))
        for command in (["status", dump], ["request", dump, "/x"]):
            result = oneslot(*command)
            assert result.status == 1 and "oneslot image --dump" in result.err
        result = oneslot("fs", "ls", dump)
        assert result.status == 1 and "no littlefs file system was found where the flash map says" in result.err

    def test_every_command_that_a_person_sees_names_no_other_chip(self, maker, oneslot):
        maker.make(esp.combined("esp32c6"), chip="esp32c6")
        text = oneslot.ok("info", maker.flash).out
        assert "boot loader at 0x0" in text and "sequence 1, undefined" in text and "as the journal says" in text


class TestRequests:
    def test_a_request_erases_otadata_and_is_written_down(self, maker, oneslot):
        maker.make(esp.combined())
        oneslot.ok("request", maker.flash, "/fw.bin", "--trial", "3")
        flash = maker.flash.read_bytes()
        assert set(flash[0x1F0000:0x1F2000]) == {0xFF}
        status = oneslot.ok("status", maker.flash, "--json").json
        assert (status["state"], status["path"]) == ("requested", "/fw.bin")
        assert oneslot.ok("info", maker.flash, "--json").json["starts"] == "installer"
        oneslot.ok("cancel", maker.flash)
        assert oneslot.ok("status", maker.flash, "--json").json["state"] == "done"

    def test_files_are_put_where_littlefs_finds_them_and_back(self, maker, oneslot):
        folder = maker.folder / "files"
        folder.mkdir()
        (folder / "boot.py").write_text("pass\n")
        maker.make(esp.combined(), "--fs", folder)
        oneslot.ok("fs", "put", maker.flash, maker.file("fw.bin", esp.application(size=300000)), "/fw.bin")
        found = read_littlefs(maker.flash.read_bytes()[0x200000:])
        assert found["/boot.py"] == b"pass\n" and found["/fw.bin"] == esp.application(size=300000)

    def test_a_file_system_of_littlefs_python_is_taken(self, maker, oneslot):
        image = maker.file("fs.bin", make_littlefs({"/a": b"hello"}, 2 * MIB))
        maker.make(esp.combined(), "--fs-image", image)
        assert oneslot.ok("fs", "cat", maker.flash, "/a").out == "hello"

    def test_a_fat_in_its_place_is_warned_of(self, maker):
        dump = esp.flash("esp32", esp.STOCK, [(0x10000, esp.application()), (0x200000, b"\xeb\xfe\x90MSDOS5.0")])
        made, flash = maker.make(None, "--dump", maker.file("dump.bin", dump), size=None)
        assert any("no littlefs" in warning for warning in made["warnings"])
        assert flash[0x200000:] == dump[0x200000:]


class TestPackages:
    @pytest.mark.parametrize("chip", ["esp32", "esp32c3"])
    def test_a_package_knows_chip_and_kind_and_comes_back(self, maker, oneslot, chip):
        app = esp.application(chip, size=100000)
        for name, data in (("app", app), ("combined", esp.combined(chip, app))):
            made = oneslot.ok("pack", maker.file(f"{name}.bin", data), "--version", "1.2.3", "--compress", "-o",
                              maker.folder / f"{name}.osp", "--json")
            assert made.json["chip"].lower().replace("-", "") == chip
            assert ("more than an application" in made.err) == (name == "combined")
        assert (maker.folder / "app.osp").read_bytes() == (maker.folder / "combined.osp").read_bytes()
        info = oneslot.ok("info", maker.folder / "app.osp", "--json").json
        assert info["unpacked_sha256"] == hashlib.sha256(app).hexdigest()


@pytest.mark.parametrize("name, chip", REAL)
class TestRealFirmware:
    def test_micropython_becomes_a_flash_with_oneslot(self, maker, oneslot, firmware, name, chip):
        stock = (firmware / f"{name}.bin").read_bytes()
        made, flash = maker.make(firmware / f"{name}.bin", chip=chip)
        start = esp.bootloader_at(chip)
        app = stock[0x10000 - start :]
        # MicroPython's C3 had no rollback in 1.20.0: its boot loader's code calls write_otadata() once.
        assert ["without rollback" in warning for warning in made["warnings"]] == [True] * (name == "mp32c3-v1.20.0")
        assert places(made["map"]) == idf_table(flash) == REGIONS
        assert flash[start:0x8000] == stock[: 0x8000 - start]
        assert flash[0x10000 : 0x10000 + len(app)] == app
        for at in (start, 0x10000):
            assert sha_holds(maker.file("part.bin", flash[at : at + 0x1D0000]))
        info = oneslot.ok("info", maker.flash, "--json").json
        assert info["firmware"]["as_installed"] and info["firmware"]["maker"] == "MicroPython"
        assert info["boot_loader"]["error"] is None and info["installer"]["error"] is None

    def test_map_check_finds_no_fault_in_it(self, maker, oneslot, firmware, name, chip):
        maker.make(firmware / f"{name}.bin", chip=chip)
        checked = oneslot("map", "check", maker.flash)
        assert checked.status == 0, checked


def test_no_damaged_file_of_the_family_brings_the_tool_down(oneslot_sanitized, maker):
    app = esp.application("esp32", size=6000)
    whole = esp.combined("esp32", app)
    installer = maker.file("installer.bin", esp.installer())
    for seed in range(60):
        data = bytearray(whole if seed % 2 else app)
        digest = hashlib.sha256(struct.pack("<I", seed)).digest()
        # Headers, tables and descriptors, where a length or a count can be anything.
        hot = [0, 1, 4, 12, 23, 28, 32, 0x7002, 0x7004, 0x7008, 0x7024, 0xF001, 0xF01C]
        for place, value in zip(digest[::2], digest[1::2]):
            data[hot[place % len(hot)] % len(data)] = value
        if seed % 5 == 0:
            data = data[: struct.unpack_from("<H", digest)[0] % len(data)]
        path = maker.file("damaged.bin", bytes(data))
        for command in (["info", path, "--json"], ["info", path],
                        ["image", path, "--chip", "esp32", "--flash-size", "4MB", "--installer", installer, "-o",
                         maker.folder / "out.bin"]):
            result = oneslot_sanitized(*command)
            assert result.status in (0, 1), result
            assert "Sanitizer" not in result.err and "runtime error" not in result.err, result


class TestBootLoadersAbility:
    """What a boot loader can do it says nowhere: its code is looked at."""

    @pytest.mark.parametrize("chip", esp.CHIPS)
    @pytest.mark.parametrize("rollback, word", [(True, "with rollback"), (False, "without rollback"), (None, "does not tell")])
    def test_info_tells_whether_trials_end(self, maker, oneslot, chip, rollback, word):
        path = maker.file("stock.bin", esp.combined(chip, rollback=rollback))
        assert word in oneslot.ok("info", path).out
        assert oneslot.ok("info", path, "--json").json["boot_loader"]["rollback"] is rollback

    @pytest.mark.parametrize("chip", ["esp32", "esp32c3"])
    def test_a_trial_that_would_never_end_is_refused(self, maker, oneslot, chip):
        made, _ = maker.make(esp.combined(chip, rollback=False), chip=chip)
        assert any("no trials" in warning for warning in made["warnings"]), made
        before = maker.flash.read_bytes()
        refused = oneslot("request", maker.flash, "/fw.bin", "--trial", "2", "--json")
        assert refused.status == 1 and refused.error == "NO_ROLLBACK" and "--trial" in refused.err
        assert maker.flash.read_bytes() == before
        forced = oneslot.ok("request", maker.flash, "/fw.bin", "--trial", "2", "--force", "--json")
        assert any("never end" in warning for warning in forced.json["warnings"])
        oneslot.ok("cancel", maker.flash)
        assert "rollback" not in oneslot.ok("request", maker.flash, "/fw.bin").err  # it needs none

    @pytest.mark.parametrize("rollback", [True, None])
    def test_a_trial_that_ends_is_taken(self, maker, oneslot, rollback):
        made, _ = maker.make(esp.combined(rollback=rollback))
        assert not any("rollback" in warning for warning in made["warnings"])
        oneslot.ok("request", maker.flash, "/fw.bin", "--trial", "2")

    def test_a_boot_loader_from_before_the_md5_row_is_refused(self, maker):
        refused = maker.refused(esp.combined(md5=False))
        assert refused.error == "IMAGE_NEEDS_BOOT" and "MD5 row" in refused.err and "--bootloader" in refused.err
        maker.make(esp.combined(md5=True))
        maker.make(esp.combined(md5=False), "--bootloader", maker.file("new.bin", esp.bootloader(md5=True)))

    def test_what_is_on_trial_is_given_up_at_the_next_reset(self, maker, oneslot):
        """A boot loader with rollback marks it as aborted and goes on to factory; one without starts it again."""
        for rollback, starts in ((True, "installer"), (None, "installer"), (False, "ota_0")):
            _, flash = maker.make(esp.combined(rollback=rollback))
            changed = bytearray(flash)
            changed[0x1F0000:0x1F0020] = esp.otadata(1, 1)
            maker.flash.write_bytes(changed)
            info = oneslot.ok("info", maker.flash).out
            told = oneslot.ok("info", maker.flash, "--json").json
            assert told["starts"] == starts
            assert ("given up at the next reset" in info) == (rollback is not False)
            assert "pending verify" in info

    @pytest.mark.parametrize("name, rollback", [("mp32-v1.23.0.bin", True), ("mp32-v1.24.0.bin", True),
                                                ("mp32c3-v1.20.0.bin", False), ("mp32c3-v1.22.1.bin", True)])
    def test_boot_loaders_that_projects_shipped(self, oneslot, firmware, name, rollback):
        """Told by a disassembly of each: how many calls of write_otadata() there are."""
        boot = oneslot.ok("info", firmware / name, "--json").json["boot_loader"]
        assert boot["rollback"] is rollback


class TestFit:
    """What the host knows of a file on the device before the device does."""

    FILES = {
        "whole download": (lambda: esp.combined("esp32c3"), "IMAGE_COMBINED", "from 0x10000 of the file on (70400 bytes)"),
        "whole download of an ESP32": (lambda: esp.combined("esp32"), "IMAGE_COMBINED", "from 0xf000 of the file on"),
        "other chip": (lambda: esp.application("esp32s3"), "IMAGE_CHIP", "for the ESP32-S3, and the device is an ESP32-C3"),
        "too large": (lambda: esp.application("esp32c3", size=1950000), "IMAGE_TOO_LARGE", "partition 1856 KiB"),
        "boot loader": (lambda: esp.bootloader("esp32c3"), "IMAGE_UNKNOWN", "no descriptor"),
        "ESP8266": (lambda: b"\xe9\1\0\x40" + struct.pack("<III", 0x40100004, 0x40100000, 8) + bytes(32), "IMAGE_CHIP",
                    "for the ESP8266"),
    }

    @pytest.mark.parametrize("kind", FILES)
    def test_a_file_that_does_not_fit_is_told_and_refused(self, maker, oneslot, kind):
        make, error, words = self.FILES[kind]
        (maker.folder / "files").mkdir()
        maker.make(esp.combined("esp32c3"), "--fs", maker.folder / "files", chip="esp32c3")
        put = oneslot.ok("fs", "put", maker.flash, maker.file("given.bin", make()), "/fw.bin")
        assert words in put.err
        before = maker.flash.read_bytes()
        refused = oneslot("request", maker.flash, "/fw.bin", "--json")
        assert refused.status == 1 and refused.error == error and words in refused.err
        assert maker.flash.read_bytes() == before
        forced = oneslot.ok("request", maker.flash, "/fw.bin", "--force", "--json")
        assert any(words in warning for warning in forced.json["warnings"])

    def test_what_fits_is_taken_without_a_word(self, maker, oneslot):
        (maker.folder / "files").mkdir()
        maker.make(esp.combined("esp32c3"), "--fs", maker.folder / "files", chip="esp32c3")
        app = maker.file("app.bin", esp.application("esp32c3", "1.3.0"))
        assert oneslot.ok("fs", "put", maker.flash, app, "/fw.bin").err == ""
        assert oneslot.ok("request", maker.flash, "/fw.bin").err == ""

    def test_the_application_in_a_download_is_packed(self, maker, oneslot):
        """What the words of the refusal say."""
        app = esp.application("esp32c3", "1.3.0")
        given = maker.file("download.bin", esp.combined("esp32c3", app))
        oneslot.ok("pack", given, "--version", "1.3", "-o", maker.folder / "fw.osp")
        assert (maker.folder / "fw.osp").read_bytes()[32 : 32 + len(app)] == app


class TestTrueWords:
    def test_a_boot_loader_where_its_chip_does_not_look(self, maker, oneslot):
        whole = bytearray(esp.flash("esp32c3", esp.STOCK, [(0x10000, esp.application("esp32c3"))]))
        boot = esp.bootloader("esp32c3")
        whole[: len(boot)] = b"\xff" * len(boot)
        whole[0x1000 : 0x1000 + len(boot)] = boot
        path = maker.file("given.bin", bytes(whole))
        words = "a boot loader for the ESP32-C3 lies at flash 0x1000, and that chip looks for it at 0x0"
        for command in (["info", path], ["image", path, "--flash-size", "4MB", "-o", maker.flash],
                        ["image", "--dump", path, "-o", maker.flash]):
            result = oneslot(*command, "--json")
            assert result.status == 1 and result.error == "IMAGE_NEEDS_BOOT" and words in result.err
        assert not maker.flash.exists()

    def test_a_padding_segment_is_not_run_in_place(self, maker, oneslot):
        data, _, ram = esp.MEMORY["esp32"]
        padded = esp.image("esp32", [(data + 0x20, esp.description() + bytes(1000)), (0, bytes(256)), (ram, bytes(64))])
        told = oneslot.ok("info", maker.file("app.bin", padded)).out
        assert "256 bytes at file offset 0x510, padding" in told and "in place" not in told

    def test_an_application_of_before_idf_3_2_in_a_download(self, maker, oneslot):
        data, _, ram = esp.MEMORY["esp32"]
        path = maker.file("given.bin", esp.combined("esp32", esp.image("esp32", [(data + 0x20, bytes(1000)), (ram, bytes(64))])))
        told = oneslot("info", path)
        assert "before ESP-IDF 3.2" in told.out and "another chip" not in told.out + told.err
        for command in (["pack", path, "--version", "1", "-o", maker.flash],
                        ["image", path, "--flash-size", "4MB", "-o", maker.flash]):
            result = oneslot(*command)
            assert result.status == 1 and "before ESP-IDF 3.2" in result.err and "another chip" not in result.err
