"""oneslot map move: a dump becomes an image for another map. File systems are made and read by littlefs-python."""

import hashlib
import random
import re
import struct

import pytest
from conftest import make_littlefs
from littlefs import LittleFS
from test_host import boot_image

SECTOR = 4096
MEGABYTE = 1 << 20
# As MicroPython opens it.
MICROPYTHON = {"read_size": 32, "prog_size": 32, "cache_size": 128}
OLD = """
# oneslot: chip=esp8266 flash=1MB sdk=1
firmware, app, factory, 0, 0x89000
vfs, data, littlefs, 0x89000, -0xfc000
system, oneslot, system, 0xfc000, 4 sectors
"""
NEW = """
# oneslot: chip=esp8266 flash=1MB sdk=2
firmware, app, factory, 0, 0x84000
user, oneslot, user, 0x84000, 4 sectors
native, oneslot, native, 0x88000, 32K
vfs, data, littlefs, 0x90000, -0xfb000
system, oneslot, system, 0xfb000, 5 sectors
"""


def micropython(size=0x40000, seed=1):
    """A firmware with the marks of a MicroPython: length at 0x8ffc, code at 0x9000, MD5 at the end."""
    rng = random.Random(seed)
    image = bytearray(boot_image([(0x40100000, rng.randbytes(0x7000))], header=b"\x00\x20").ljust(0x9000, b"\xff"))
    image += rng.randbytes(size - 16 - len(image))
    struct.pack_into("<I", image, 0x8FFC, len(image))
    return bytes(image) + hashlib.md5(image[4:]).digest()


def some_files(bytes_in_all=200000, seed=5):
    rng = random.Random(seed)
    files = {"/boot.py": b"import gc\n", "/zero": b"", "/empty": None, "/lib/deep/er/empty": None,
             "/lib/deep/driver.mpy": rng.randbytes(30000)}
    while sum(len(content or b"") for content in files.values()) < bytes_in_all:
        files[f"/data/{len(files)}.bin"] = rng.randbytes(rng.choice((1, 64, 128, 129, 4096, 12000, 12000)))
    return files


def file_system(files, size, attributes=None, **options):
    """The bytes of a littlefs; `attributes`: (path, type) to bytes."""
    options = {**MICROPYTHON, "block_size": SECTOR, **options}
    fs = LittleFS(block_count=size // options["block_size"], **options)
    for path, content in files.items():
        parent = path.rpartition("/")[0]
        if content is None or parent:
            fs.makedirs(path if content is None else parent, exist_ok=True)
        if content is not None:
            with fs.open(path, "wb") as file:
                file.write(content)
    for (path, kind), value in (attributes or {}).items():
        fs.setattr(path, kind, value)
    return bytes(fs.context.buffer)


def mounted(image, block_size=SECTOR, **options):
    fs = LittleFS(block_size=block_size, block_count=len(image) // block_size, mount=False, **MICROPYTHON, **options)
    fs.context.buffer = bytearray(image)
    fs.mount()
    return fs


def contents(image, **options):
    fs = mounted(image, **options)
    found = {}
    for folder, folders, files in fs.walk("/"):
        base = folder.rstrip("/")
        for name in folders:
            found[f"{base}/{name}"] = None
        for name in files:
            with fs.open(f"{base}/{name}", "rb") as file:
                found[f"{base}/{name}"] = file.read()
    return found


def with_folders(files):
    every = dict(files)
    for path in files:
        parts = path.split("/")[1:-1]
        every.update({"/" + "/".join(parts[: n + 1]): None for n in range(len(parts))})
    return every


def dump(firmware=None, size=MEGABYTE, **parts):
    """A flash: the firmware at 0, other parts as at_0x89000=bytes."""
    image = bytearray(b"\xff" * size)
    if firmware is not None:
        image[: len(firmware)] = firmware
    for name, content in parts.items():
        at = int(name.removeprefix("at_"), 0)
        image[at : at + len(content)] = content
    assert len(image) == size
    return bytes(image)


class Mover:
    def __init__(self, program, folder):
        self.program = program
        self.folder = folder
        self.out = folder / "new.bin"

    def map(self, text, name):
        if "," not in text:
            return text
        path = self.folder / f"{name}.csv"
        path.write_text(text)
        return path

    def __call__(self, image, old=OLD, new=NEW, *more):
        path = self.folder / "dump.bin"
        path.write_bytes(image)
        self.out.unlink(missing_ok=True)
        source = ["--from", self.map(old, "old")] if old else []
        result = self.program("map", "move", path, *source, "--to", self.map(new, "new"), "-o", self.out, *more)
        assert path.read_bytes() == image, "the dump is only read"
        assert "Sanitizer" not in result.err and result.status in (0, 1, 2), result
        return result

    def ok(self, *arguments):
        result = self(*arguments)
        assert result.status == 0, result
        return self.out.read_bytes()

    def refused(self, *arguments):
        """The reason; there is no image."""
        result = self(*arguments)
        assert result.status == 1 and result.err.startswith("oneslot: "), result
        assert not self.out.exists()
        return result.err


@pytest.fixture()
def move(oneslot, tmp_path):
    return Mover(oneslot, tmp_path)


@pytest.fixture()
def hostile(oneslot_sanitized, tmp_path):
    """The same with sanitizers, for dumps that are not what they should be."""
    return Mover(oneslot_sanitized, tmp_path)


class TestFileSystem:
    def test_the_old_map_becomes_the_new_one_with_its_files(self, move):
        files = some_files()
        image = dump(micropython(), at_0x89000=file_system(files, 0x73000))
        moved = move.ok(image, "sdk1-89000", "sdk2-90000")
        assert contents(moved[0x90000:0xFB000]) == with_folders(files)
        assert moved[:0x84000] == image[:0x84000]

    @pytest.mark.parametrize("size", [0x40000, 0x72000, 0x74000, 0x100000])
    def test_it_keeps_files_folders_and_attributes_in_any_size(self, move, size):
        files = some_files(100000)
        attributes = {("/boot.py", "t"): b"12345678", ("/boot.py", "\x00"): b"x" * 300, ("/zero", "t"): b"\0" * 8,
                      ("/lib", "d"): b"folder", ("/empty", "\xfe"): b"e", ("/", "r"): b"root"}
        image = dump(micropython(), at_0x89000=file_system(files, 0x73000, attributes))
        new = f"# oneslot: chip=esp8266 flash=2MB\nfirmware,app,factory,0,0x80000\nvfs,data,littlefs,0xa0000,{size}\n" \
              f"system,oneslot,system,0x1fb000,5 sectors\n"
        moved = move.ok(image, OLD, new)[0xA0000 : 0xA0000 + size]
        assert contents(moved) == with_folders(files)
        fs = mounted(moved)
        for (path, kind), value in attributes.items():
            assert bytes(fs.getattr(path, kind)) == value
        with pytest.raises(Exception):
            fs.getattr("/lib", "t")
        with fs.open("/new.txt", "wb") as file:
            file.write(b"still a file system that can be written")

    def test_one_that_keeps_its_size_is_copied_block_by_block(self, move):
        old_files = file_system(some_files(150000), 0x40000)
        new = "firmware,app,factory,0,0x80000\nvfs,data,littlefs,0xb0000,0x40000\n"
        old = "firmware,app,factory,0,0x80000\nvfs,data,littlefs,0x90000,0x40000\n"
        moved = move.ok(dump(micropython(), at_0x90000=old_files), old, new)
        assert moved[0xB0000:0xF0000] == old_files
        assert moved[0x90000:0xB0000] == b"\xff" * 0x20000

    @pytest.mark.parametrize("version", [0x00020000, 0x00020001])
    @pytest.mark.parametrize("block_size", [4096, 8192])
    def test_block_size_and_disk_version_stay(self, move, version, block_size):
        files = {"/a": b"1" * 10000, "/b/c": b"2"}
        old_files = file_system(files, 0x70000, block_size=block_size, disk_version=version)
        moved = move.ok(dump(micropython(), at_0x89000=old_files))[0x90000:0xFB000]
        end = len(moved) // block_size * block_size
        fs = mounted(moved[:end], block_size)
        assert contents(moved[:end], block_size=block_size) == with_folders(files)
        assert fs.fs_stat().disk_version == version

    def test_limits_of_names_stay(self, move):
        old_files = file_system({"/a": b"1"}, 0x73000, name_max=32)
        moved = move.ok(dump(micropython(), at_0x89000=old_files))[0x90000:0xFB000]
        assert mounted(moved).fs_stat().name_max == 32

    def test_small_files_stay_inside_their_folders(self, move):
        files = {f"/{n}": bytes([n]) * 120 for n in range(200)}
        moved = move.ok(dump(micropython(), at_0x89000=file_system(files, 0x73000)))[0x90000:0xFB000]
        assert contents(moved) == files
        assert mounted(moved).used_block_count < 50

    def test_what_does_not_fit_is_refused_with_the_numbers(self, move):
        image = dump(micropython(), at_0x89000=file_system(some_files(350000), 0x73000))
        new = "firmware,app,factory,0,0x80000\nvfs,data,littlefs,0x90000,{}\n"
        reason = move.refused(image, OLD, new.format(0x40000), "--drop", "system")
        need, blocks, have, missing = (
            int(number) for number in re.search(r"need (\d+) bytes \((\d+) blocks of 4096; .* has (\d+) \(.*"
                                                r"\): (\d+) bytes are missing", reason).groups())
        assert need == blocks * SECTOR and have == 0x40000 and missing == need - have
        # The numbers are true.
        move.ok(image, OLD, new.format(need), "--drop", "system")
        again = move.refused(image, OLD, new.format(need - SECTOR), "--drop", "system")
        assert "4096 bytes are missing" in again

    def test_an_erased_one_stays_erased(self, move):
        moved = move.ok(dump(micropython()))
        assert moved[0x90000:] == b"\xff" * 0x70000

    def test_one_under_another_label_is_found_by_its_type(self, move):
        files = {"/a": b"1"}
        moved = move.ok(dump(micropython(), at_0x89000=file_system(files, 0x73000)), OLD, NEW.replace("vfs", "files"))
        assert contents(moved[0x90000:0xFB000]) == files


FAT_OLD = "firmware,app,factory,0,0x80000\nfat,data,fat,0x80000,0x40000\n"
SPIFFS_OLD = FAT_OLD.replace("fat", "spiffs")


def fat(sectors):
    head = bytearray(b"\x11" * 512)
    struct.pack_into("<H", head, 11, 4096)
    struct.pack_into("<H", head, 19, sectors)
    head[510:512] = b"\x55\xaa"
    return bytes(head) + b"\x22" * (sectors * 4096 - 512)


class TestOtherFileSystems:
    @pytest.mark.parametrize("size", [0x40000, 0x50000])
    def test_a_fat_moves_where_it_fits(self, move, size):
        content = fat(0x40)
        new = f"firmware,app,factory,0,0x80000\nfat,data,fat,0x90000,{size}\n"
        assert move.ok(dump(micropython(), at_0x80000=content), FAT_OLD, new)[0x90000:0xD0000] == content

    def test_a_fat_that_does_not_fit_is_refused_with_the_numbers(self, move):
        new = "firmware,app,factory,0,0x80000\nfat,data,fat,0x90000,0x3f000\n"
        reason = move.refused(dump(micropython(), at_0x80000=fat(0x40)), FAT_OLD, new)
        assert "FAT has 262144 bytes, the new region has 258048: 4096 bytes are missing" in reason

    def test_a_spiffs_moves_in_its_size_alone(self, move):
        content = bytes(range(256)) * 0x400
        image = dump(micropython(), at_0x80000=content)
        new = "firmware,app,factory,0,0x80000\nspiffs,data,spiffs,0x90000,{}\n"
        assert move.ok(image, SPIFFS_OLD, new.format(0x40000))[0x90000:0xD0000] == content
        for size in (0x3F000, 0x50000):
            assert "this SPIFFS of 262144 bytes can move, but not change its size" in move.refused(
                image, SPIFFS_OLD, new.format(size))


class TestFirmware:
    @pytest.mark.parametrize("name, code", [
        ("mp8266-v1.24.0.bin", "0x40209000 is linked to flash 0x9000"),
        ("nodemcu-20150106.bin", "0x40210000 is linked to flash 0x10000"),
        ("wled8266-0.14.2.bin", "0x40201010 is linked to flash 0x1010"),
    ])
    def test_what_is_linked_to_an_address_cannot_move(self, move, firmware, name, code):
        old = "firmware,app,factory,0,0xe0000\n"
        new = "user,oneslot,user,0,0x1000\nfirmware,app,factory,0x1000,0xe0000\n"
        reason = move.refused(dump((firmware / name).read_bytes()), old, new)
        assert "'firmware' cannot move from 0x0 to 0x1000: its code at " + code in reason

    def test_it_must_fit_its_new_region(self, move):
        image = dump(micropython(0x50010))
        new = NEW.replace("0, 0x84000", "0, 0x50000")
        assert "the firmware needs 327696 bytes (it ends at 0x50010), its new region 'firmware' has 327680 (up to " \
               "0x50000): 16 bytes are missing" in move.refused(image, OLD, new)
        move.ok(dump(micropython(0x50000)), OLD, new)

    def test_remains_of_an_older_one_behind_it_do_not_count(self, move):
        image = dump(micropython(0x40000), at_0x40000=b"older" * 1000, at_0x86000=b"older")
        result = move(image)
        assert result.status == 0 and "stays behind" in result.out
        assert move.out.read_bytes()[:0x84000] == image[:0x84000]

    def test_a_damaged_one_is_refused_by_name(self, move):
        image = bytearray(dump(micropython()))
        image[0x20000] ^= 1
        assert "the firmware in the dump is damaged" in move.refused(bytes(image))

    def test_one_longer_than_its_region_shows_a_wrong_map(self, move):
        image = dump(micropython(0x60000))
        old = OLD.replace("0, 0x89000", "0, 0x50000")
        assert "does not end within its region, at 0x50000" in move.refused(image, old)

    def test_stock_micropython_is_told_where_it_looks(self, move, firmware):
        image = dump((firmware / "mp8266-1m-v1.22.1.bin").read_bytes(),
                     at_0x99000=file_system({"/a": b"1"}, 0x62000))
        new = "firmware,app,factory,0,0x98000\nvfs,data,littlefs,0xa0000,-0xfb000\nsystem,oneslot,system,0xfb000,20K\n"
        result = move(image, "micropython-1m", new)
        assert result.status == 0
        assert "looks for its file system at 0x99000, where the new map has none" in result.err


def sectors(*marks):
    return b"".join(bytes([mark]) * SECTOR for mark in marks)


class TestSystemSectors:
    def test_four_become_the_last_of_five(self, move):
        moved = move.ok(dump(micropython(), at_0xfc000=sectors(2, 3, 4, 5)))
        assert moved[0xFB000:] == sectors(0xFF, 2, 3, 4, 5)

    def test_five_become_four_without_the_calibration(self, move):
        result = move(dump(micropython(), at_0xfb000=sectors(1, 2, 3, 4, 5)), NEW, OLD)
        assert result.status == 0 and "RF calibration: the SDK finds it out again" in result.out
        assert move.out.read_bytes()[0xFC000:] == sectors(2, 3, 4, 5)

    def test_they_go_to_the_end_of_a_larger_flash_and_its_header_says_so(self, move):
        image = dump(micropython(), at_0x89000=file_system({"/a": b"1"}, 0x73000), at_0xfc000=sectors(2, 3, 4, 5))
        moved = move.ok(image, "sdk1-89000", "sdk2-90000", "--flash-size", "4MB")
        assert len(moved) == 4 * MEGABYTE and moved[0x3FB000:] == sectors(0xFF, 2, 3, 4, 5)
        assert contents(moved[0x90000:0x3FB000]) == {"/a": b"1"}
        assert moved[3] == 0x40 and image[3] == 0x20
        assert moved[4:0x84000] == image[4:0x84000]

    def test_others_are_not_lost_without_a_word(self, move):
        new = NEW.replace("0xfb000, 5 sectors", "0xfd000, 3 sectors")
        assert "'system': the first 1 of its sectors have no place" in move.refused(
            dump(micropython(), at_0xfc000=sectors(2, 3, 4, 5)), OLD, new)


class TestRegions:
    OLD = NEW
    NEW = NEW.replace("user, oneslot, user, 0x84000, 4 sectors", "mine, oneslot, user, 0x82000, 2 sectors")

    def test_the_users_own_moves_and_keeps_what_it_holds(self, move):
        moved = move.ok(dump(micropython(), at_0x84000=b"settings"), self.OLD, self.NEW.replace("84000", "82000"))
        assert moved[0x82000:0x84000] == b"settings".ljust(0x2000, b"\xff") and moved[0x84000:] == b"\xff" * 0x7C000

    def test_what_is_too_long_is_refused_with_the_numbers(self, move):
        reason = move.refused(dump(micropython(), at_0x84000=b"u" * 0x2005), self.OLD,
                              self.NEW.replace("84000", "82000"))
        assert "'user': 8197 bytes of it are in use, the new region has 8192: 5 bytes are missing" in reason

    def test_native_code_does_not_move(self, move):
        new = NEW.replace("0x88000", "0x87000").replace("32K", "32K").replace("4 sectors", "3 sectors")
        image = dump(micropython(), at_0x88000=b"code")
        assert "'native' cannot move from 0x88000 to 0x87000: its code at 0x40288000 is linked to flash 0x88000" in \
            move.refused(image, NEW, new)
        assert b"code" not in move.ok(image, NEW, new, "--drop", "native")

    @pytest.mark.parametrize("label", ["user", "native", "vfs", "system"])
    def test_what_the_new_map_drops_is_refused_unless_named(self, move, label):
        content = {"user": {"at_0x84000": b"u"}, "native": {"at_0x88000": b"n"}, "system": {"at_0xfb000": b"s"},
                   "vfs": {"at_0x90000": file_system({"/a": b"1"}, 0x6B000)}}[label]
        image = dump(micropython(), **content)
        new = "\n".join(line for line in NEW.splitlines() if not line.startswith(label))
        assert f"the new map has no place for '{label}'" in move.refused(image, NEW, new)
        moved = move.ok(image, NEW, new, "--drop", label)
        assert moved[0x84000:] == b"\xff" * 0x7C000

    def test_erased_regions_are_dropped_with_a_note(self, move):
        new = "# oneslot: flash=1MB\nfirmware, app, factory, 0, 0x84000\n"
        result = move(dump(micropython()), NEW, new)
        assert result.status == 0 and result.out.count("it was erased") == 4

    def test_a_label_that_is_not_there_is_said(self, move):
        assert "--drop nonsense: the old map has no such region" in move.refused(
            dump(micropython()), OLD, NEW, "--drop", "nonsense")

    def test_a_rule_that_the_new_map_breaks_is_told(self, move):
        new = "# oneslot: chip=esp8266 flash=2MB sdk=2\nfirmware,app,factory,0,0x84000\nnative,oneslot,native,0x180000,32K\n"
        result = move(dump(micropython()), OLD, new)
        assert result.status == 0 and "the new map breaks the rule '" in result.err and "native" in result.err

    def test_bytes_of_no_region_are_told(self, move):
        old = OLD.replace("0, 0x89000", "0, 0x80000")
        result = move(dump(micropython(), at_0x81000=b"what?"), old)
        assert result.status == 0 and "4101 bytes that belong to no region stay behind" in result.out

    def test_as_json_the_steps_are_told(self, move):
        image = dump(micropython(), at_0x89000=file_system({"/a": b"1"}, 0x73000), at_0xfc000=sectors(2, 3, 4, 5))
        steps = {step["name"]: step for step in move(image, OLD, NEW, "--json").json["steps"]
                 if step["step"] in ("keep", "copy", "rebuild")}
        assert steps["firmware"]["step"] == "keep" and steps["system"]["step"] == "keep"
        assert (steps["vfs"]["from"], steps["vfs"]["to"], steps["vfs"]["step"]) == (0x89000, 0x90000, "rebuild")


ONESLOT = """
# oneslot: chip=esp8266 flash=2MB sdk=2
loader, oneslot, loader, 0, 0x1000
firmware, app, factory, 0x1000, 0x9f000
vfs, data, littlefs, 0xa0000, -0x1d0000
installer, oneslot, installer, 0x1d0000, 32K
map, oneslot, map, 0x1d8000, 4K
journal, oneslot, journal, 0x1d9000, 8K
displaced, oneslot, displaced, 0x1e0000, 4K
system, oneslot, system, 0x1fb000, 20K
"""
PARTS = ("loader", "displaced", "journal", "map", "installer")


class TestOneslot:
    @pytest.fixture()
    def flash(self, oneslot, tmp_path):
        """A device with a request in its journal and a watched path."""
        files = tmp_path / "files"
        files.mkdir()
        (files / "fw.bin").write_bytes(micropython(0x30000, seed=2))
        (tmp_path / "fw.bin").write_bytes(micropython())
        path = tmp_path / "flash.bin"
        oneslot.ok("image", tmp_path / "fw.bin", "--flash-size", "2MB", "--fs", files, "--watch", "/w", "-o", path)
        oneslot.ok("request", path, "/fw.bin")
        return path.read_bytes()

    def test_its_parts_move_and_find_each_other(self, move, oneslot, flash):
        moved = move.ok(flash, None, ONESLOT)
        info = oneslot.ok("info", move.out, "--json").json
        assert info["ok"] and info["watch"] == "/w" and info["firmware"]["size"] == 0x40000
        assert info["layout"]["installer"] == 0x1D0000 and info["layout"]["firmware"] == 0xA0000
        assert info["status"]["state"] == "requested"
        assert contents(moved[0xA0000:0x1D0000]) == {"/fw.bin": micropython(0x30000, seed=2)}
        assert moved[0x1E0000:0x1E1000][4:] == micropython()[4:SECTOR]

    def test_the_moved_loader_has_the_checksum_that_the_boot_rom_wants(self, move, flash):
        moved = move.ok(flash, None, ONESLOT)
        length = struct.unpack_from("<I", moved, 12)[0]
        checksum = 0xEF
        for byte in moved[16 : 16 + length]:
            checksum ^= byte
        assert moved[(16 + length) | 15] == checksum
        assert moved[:4] == flash[:4]

    def test_a_move_there_and_back_changes_nothing(self, move, oneslot, flash, tmp_path):
        there = move.ok(flash, None, ONESLOT)
        (tmp_path / "flash.bin").write_bytes(flash)
        back = move.ok(there, None, oneslot.ok("info", tmp_path / "flash.bin", "--csv").out + "\n# oneslot: flash=2MB")
        assert back[:0x100000] == flash[:0x100000]
        assert contents(back[0x100000:0x1FB000]) == contents(flash[0x100000:0x1FB000])

    def test_the_moved_device_upgrades(self, move, oneslot, build, tmp_path):
        files = tmp_path / "files"
        files.mkdir()
        (files / "fw.bin").write_bytes((build / "examples" / "firmware-v2.bin").read_bytes())
        path = tmp_path / "flash.bin"
        oneslot.ok("image", build / "examples" / "firmware-v1.bin", "--flash-size", "2MB", "--fs", files, "-o", path)
        oneslot.ok("request", path, "/fw.bin")
        move.ok(path.read_bytes(), None, ONESLOT)
        oneslot.ok("run", move.out, "--expect", files / "fw.bin")
        assert "upgraded to /fw.bin" in oneslot.ok("status", move.out).out

    def test_given_up_it_leaves_the_firmware_as_its_maker_shipped_it(self, move, flash):
        new = "# oneslot: flash=2MB\nfirmware,app,factory,0,0x100000\nvfs,data,littlefs,0x100000,-0x1fb000\n" \
              "system,oneslot,system,0x1fb000,20K\n"
        assert "no place for 'loader'" in move.refused(flash, None, new)
        drops = [word for part in PARTS for word in ("--drop", part)]
        moved = move.ok(flash, None, new, *drops)
        assert moved[4:0x40000] == micropython()[4:]
        assert moved[0xF4000:0x100000] == b"\xff" * 0xC000
        assert moved[0x100000:] == flash[0x100000:]

    def test_it_is_not_put_on_by_a_move(self, move):
        assert "the dump has no Oneslot: 'oneslot image --map' puts it on" in move.refused(
            dump(micropython(), size=2 * MEGABYTE), "firmware,app,factory,0,0xa0000\n", ONESLOT)

    def test_its_parts_cannot_be_given_up_one_by_one(self, move, flash):
        new = "\n".join(line for line in ONESLOT.splitlines() if not line.startswith("journal"))
        assert "it is a part of Oneslot, which the new map keeps" in move.refused(
            flash, None, new, "--drop", "journal")
        assert "no place for 'journal'" in move.refused(flash, None, new)

    @pytest.mark.parametrize("region, wrong", [
        ("journal", ("8K", "4K")), ("installer", ("32K", "16K")),
    ])
    def test_a_part_too_small_is_refused(self, move, flash, region, wrong):
        new = "\n".join(line.replace(*wrong) if line.startswith(region) else line for line in ONESLOT.splitlines())
        assert f"the new map's '{region}' has" in move.refused(flash, None, new)

    def test_a_damaged_loader_is_refused(self, hostile, flash, oneslot, tmp_path):
        (tmp_path / "flash.bin").write_bytes(flash)
        old = oneslot.ok("info", tmp_path / "flash.bin", "--csv").out
        for offset in (100, 12, 20):
            damaged = bytearray(flash)
            damaged[offset] ^= 0x10
            assert "loader" in hostile.refused(bytes(damaged), old, ONESLOT)

    def test_another_devices_map_is_refused(self, move, flash):
        assert "elsewhere than the dump's loader" in move.refused(flash, ONESLOT, ONESLOT)


ESP32 = """
# oneslot: chip=esp32 flash=4MB
nvs, data, nvs, 0x9000, 0x6000
phy_init, data, phy, 0xf000, 0x1000
factory, app, factory, 0x10000, 0x1f0000
vfs, data, fat, 0x200000, 0x200000
"""
ESP32_NEW = ESP32.replace("0x10000, 0x1f0000", "0x20000, 0x1d0000").replace("0x200000, 0x200000", "0x1f0000,0x210000")


class TestEsp32:
    @pytest.fixture()
    def image(self):
        return dump(size=4 * MEGABYTE, at_0x1000=b"\xe9bootloader", at_0x8000=b"\xaa\x50" + bytes(30), at_0x9000=b"nvs",
                    at_0xf000=b"phy", at_0x10000=b"\xe9" + b"app" * 1000,
                    at_0x200000=file_system({"/a": b"1"}, 0x200000))

    def test_the_application_moves_by_64_kib_and_the_table_says_where(self, move, oneslot, image):
        moved = move.ok(image, ESP32, ESP32_NEW)
        assert moved[:0x8000] == image[:0x8000] and moved[0x9000:0x10000] == image[0x9000:0x10000]
        assert moved[0x20000:0x30000] == image[0x10000:0x20000]
        assert contents(moved[0x1F0000:]) == {"/a": b"1"}
        table = [struct.unpack_from("<HBBII", moved, 0x8000 + 32 * n) for n in range(4)]
        assert table[2][3:] == (0x20000, 0x1D0000) and {row[0] for row in table} == {0x50AA}
        assert hashlib.md5(moved[0x8000:0x8080]).digest() == moved[0x8090:0x80A0]

    @pytest.mark.parametrize("old, new, reason", [
        (ESP32, ESP32_NEW.replace("0x20000, 0x1d0000", "0x11000, 0x1d0000"), "begins on 64 KiB"),
        (ESP32.replace("0x1f0000\n", "0x1f0000, encrypted\n"), ESP32_NEW, "encrypted, for its address"),
        (ESP32, ESP32_NEW.replace("0x9000,", "0x8000,"), "over the bootloader or the partition table"),
        (ESP32, ESP32_NEW.replace("4MB", "8MB"), "the bootloader's header knows the old size"),
        (ESP32, NEW, "the old map is for the esp32, the new one for the esp8266"),
    ])
    def test_what_the_chip_does_not_bear_is_refused(self, move, image, old, new, reason):
        assert reason in move.refused(image, old, new)


class TestMisuse:
    @pytest.mark.parametrize("size", [0, 1000, 65536, 0x80000, 0xF0000])
    def test_a_dump_cut_short(self, hostile, size):
        image = dump(micropython(), at_0x89000=file_system({"/a": b"1"}, 0x73000))
        reason = hostile.refused(image[:size])
        assert "no whole flash" in reason or f"the dump has {size} bytes, and the old map is of a flash of" in reason

    @pytest.mark.parametrize("old, reason", [
        (NEW, "no littlefs at 0x90000, but one of 471040 bytes at 0x89000: the old map is not this device's"),
        (OLD.replace("-0xfc000", "-0xf0000"), "the old map is not this device's"),
        (OLD.replace("0x89000, -", "0x8a000, -"), "the old map is not this device's"),
        (OLD.replace("4 sectors", "40 sectors"), "the old map's 'system' ends at 0x124000, and the dump ends at 0x100000"),
    ])
    def test_a_map_that_is_not_this_devices(self, hostile, old, reason):
        files = some_files(300000)
        assert reason in hostile.refused(dump(micropython(), at_0x89000=file_system(files, 0x73000)), old)

    @pytest.mark.parametrize("new, reason", [
        (NEW.replace("0x88000, 32K", "0x88000, 36K"), "the new map's 'native' (0x88000 to 0x91000) and 'vfs'"),
        (NEW.replace("5 sectors", "6 sectors"), "the new map's 'system' ends at 0x101000"),
        (NEW.replace("native, one", "user, one"), "the new map has two regions 'user'"),
        (NEW.replace("0x90000", "0x90001"), "0x90001"),
        ("no/such/map.csv,", ""),
        ("nosuchpreset", "nosuchpreset"),
    ])
    def test_a_new_map_that_is_none(self, hostile, new, reason):
        assert reason in hostile.refused(dump(micropython()), OLD, new)

    @pytest.mark.parametrize("seed", range(12))
    def test_a_damaged_littlefs_is_refused_or_whole(self, hostile, seed):
        rng = random.Random(seed)
        files = some_files(150000)
        content = bytearray(file_system(files, 0x73000, {("/boot.py", "t"): b"12345678"}))
        used = [at for at in range(0, len(content), 64) if content[at : at + 64] != b"\xff" * 64]
        for _ in range(rng.choice((1, 3, 30))):
            at = rng.choice(used) + rng.randrange(64)
            content[at] ^= 1 << rng.randrange(8)
        result = hostile(dump(micropython(), at_0x89000=bytes(content)))
        assert result.status in (0, 1)
        assert result.status == 0 or "'vfs'" in result.err

    def test_a_littlefs_without_a_superblock_is_refused_by_name(self, hostile):
        content = bytearray(file_system({"/a": b"1"}, 0x73000))
        content[: 2 * SECTOR] = bytes(2 * SECTOR)
        assert "'vfs' at 0x89000 holds no littlefs that can be read" in hostile.refused(
            dump(micropython(), at_0x89000=bytes(content)))

    def test_a_littlefs_with_a_damaged_superblock_is_refused_by_name(self, hostile):
        content = bytearray(make_littlefs({"/a": b"1"}, 0x73000))
        for block in (0, SECTOR):
            content[block + 30] ^= 0xFF
        assert "'vfs' at 0x89000: the littlefs is damaged" in hostile.refused(
            dump(micropython(), at_0x89000=bytes(content)))

    @pytest.mark.parametrize("words", [
        [], ["x.bin"], ["x.bin", "--to", "sdk2-90000"], ["x.bin", "-o", "y"], ["--sideways"],
        ["x.bin", "y.bin", "--to", "sdk2-90000", "-o", "z"], ["x.bin", "--to"],
        ["x.bin", "--to", "sdk2-90000", "-o", "z", "--flash-size", "much"],
    ])
    def test_a_wrong_command_line_is_said(self, oneslot, words):
        result = oneslot("map", "move", *words)
        assert result.status == 2 and "oneslot: " in result.err

    def test_help_teaches_with_an_example(self, oneslot):
        out = oneslot.ok("map", "move", "--help").out
        assert "usage: oneslot map move" in out and "example" in out and "--drop" in out
