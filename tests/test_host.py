"""The host tool as a user meets it: each command, what it refuses and why, and files that others wrote or read."""

import hashlib
import json
import random
import shutil
import struct
import subprocess
import zlib

import pytest

SECTOR = 4096
MEGABYTE = 1 << 20


def boot_image(segments, header=b"\x00\x40", entry=0x40100004):
    """An image that the boot ROM loads: `segments` are (address, data)."""
    out = bytearray(struct.pack("<BB2sI", 0xE9, len(segments), header, entry))
    checksum = 0xEF
    for address, data in segments:
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    out += bytes(15 - len(out) % 16) + bytes([checksum])
    return bytes(out)


def micropython(version="v1.24.0 on 2024-10-25", size=0x20000, file_system=0x100000, seed=1):
    """A firmware with the marks of a MicroPython: length at 0x8ffc, code at 0x9000, MD5 at the end."""
    rng = random.Random(seed)
    head = boot_image([(0x40100000, rng.randbytes(0x7000)), (0x3FFE8000, rng.randbytes(0x400))])
    image = bytearray(head.ljust(0x9000, b"\xff"))
    image += f"MicroPython {version}; sys\0".encode().ljust(64, b"\0")
    image += struct.pack("<I", 0x98000 if file_system == 0x99000 else 0x100000)
    image += bytes(rng.randbytes(size - len(image)))
    struct.pack_into("<I", image, 0x8FFC, len(image))
    return bytes(image) + hashlib.md5(image[4:]).digest()


def plain(size=0x8000, address=0x40100000):
    """An image of the old kind: nothing proves it but the ROM's checksum."""
    return boot_image([(address, b"\x01\x02\x03\x04" * 64)]).ljust(size, b"\x5a")


@pytest.fixture()
def old(tmp_path):
    path = tmp_path / "old.bin"
    path.write_bytes(micropython("v1.23.0 on 2024-06-02"))
    return path


@pytest.fixture()
def flash(oneslot, old, tmp_path):
    """A flash image of 2 MB with a few files."""
    files = tmp_path / "files"
    (files / "lib" / "deep").mkdir(parents=True)
    (files / "main.py").write_text("print('hello')\n")
    (files / "lib" / "deep" / "big.bin").write_bytes(random.Random(2).randbytes(30000))
    (files / "empty").write_bytes(b"")
    path = tmp_path / "flash.bin"
    oneslot.ok("image", old, "--flash-size", "2MB", "--fs", files, "-o", path)
    return path


def layout(image):
    """The layout block, read by nobody's code but this test's."""
    names = ("magic", "version", "flags", "reserved", "flash_size", "displaced", "journal", "map", "installer",
             "firmware")
    values = dict(zip(names, struct.unpack_from("<IBBHIIIIII", image, 16)))
    assert struct.unpack_from("<I", image, 76)[0] == zlib.crc32(image[16:76])
    return values


class TestCommandLine:
    def test_help_names_every_command_and_exits_well(self, oneslot):
        out = oneslot.ok("--help").out
        for command in ("image", "info", "fs", "request", "cancel", "status"):
            assert f"\n  {command} " in out

    @pytest.mark.parametrize("command", ["image", "info", "fs", "request", "cancel", "status"])
    def test_each_command_teaches_with_an_example(self, oneslot, command):
        out = oneslot.ok(command, "--help").out
        assert "usage: oneslot " + command in out and "example" in out
        assert oneslot.ok("help", command).out == out

    def test_version(self, oneslot):
        assert oneslot.ok("--version").out.startswith("oneslot ")

    @pytest.mark.skipif(not shutil.which("groff"), reason="groff is not here to check the man page")
    def test_the_man_page_is_well_formed_and_names_every_command(self, oneslot, repo):
        page = repo / "docs" / "oneslot.1"
        done = subprocess.run(["groff", "-man", "-ww", "-z", "-Tutf8", page], capture_output=True, check=True)
        assert done.stderr == b""
        for command in ("image", "info", "fs", "request", "cancel", "status", "run", "prove"):
            assert f".SS oneslot {command}\n" in page.read_text()
        version = oneslot.ok("--version").out.split()[1]
        assert f'"oneslot {version}"' in page.read_text()

    def test_a_misspelt_command_is_answered_with_the_nearest_one(self, oneslot):
        result = oneslot("imgae")
        assert result.status == 2 and "did you mean 'image'" in result.err and result.out == ""

    @pytest.mark.parametrize("arguments", [
        [], ["nonsense"], ["image"], ["image", "x.bin"], ["image", "x.bin", "--flash-size", "4MB"],
        ["image", "x.bin", "--flash-size", "3MB", "-o", "y"], ["image", "x.bin", "-o"], ["image", "--sideways"],
        ["image", "x.bin", "y.bin", "--flash-size", "4MB", "-o", "z"],
        ["image", "x.bin", "--chip", "esp32p4", "--flash-size", "4MB", "-o", "z"],
        ["image", "x.bin", "--flash-size", "4MB", "-o", "z", "--fs", "a", "--fs-image", "b"],
        ["image", "x.bin", "--flash-size", "4MB", "-o", "z", "--watch", "/" + "x" * 120],
        ["image", "x.bin", "--flash-size", "4MB", "-o", "z", "--board", "two words"],
        ["image", "x.bin", "--flash-size", "4MB", "-o", "z"] + ["--key", "k"] * 5,
        ["image", "x.bin", "--flash-size", "4MB", "-o", "z", "--flash-mode", "octal"],
        ["info"], ["info", "a", "b"], ["fs"], ["fs", "ls"], ["fs", "dance", "f"], ["fs", "cat", "f"],
        ["fs", "put", "f", "a", "b", "c"], ["request", "f"], ["request", "f", "p", "--sha256", "12"],
        ["request", "f", "p", "--trial", "33"], ["request", "f", "p", "--trial", "0"],
        ["request", "f", "p", "--fallback", "/x"], ["request", "f", ""], ["status"], ["cancel"],
    ], ids=" ".join)
    def test_a_wrong_command_line_ends_in_2_and_says_where_help_is(self, oneslot, arguments):
        result = oneslot(*arguments)
        assert result.status == 2 and result.out == ""
        assert result.err.startswith("oneslot: ") and "--help" in result.err

    @pytest.mark.parametrize("arguments", [
        ["info", "missing"], ["status", "missing"], ["fs", "ls", "missing"], ["request", "missing", "/x"],
        ["image", "missing", "--flash-size", "4MB", "-o", "out"],
    ], ids=" ".join)
    def test_a_missing_file_ends_in_1_with_its_name_in_words_and_json(self, oneslot, tmp_path, arguments):
        result = oneslot(*arguments, "--json", cwd=tmp_path)
        assert result.status == 1 and "missing" in result.err
        assert result.json["ok"] is False and "missing" in result.json["error"]["text"]


class TestImage:
    def test_the_parts_lie_where_the_layout_says(self, flash, old):
        image = flash.read_bytes()
        firmware = old.read_bytes()
        place = layout(image)
        assert len(image) == 2 * MEGABYTE == place["flash_size"]
        assert (place["displaced"], place["journal"], place["map"], place["installer"], place["firmware"]) == (
            0xF4000, 0xF5000, 0xF7000, 0xF8000, 0xF4000)
        assert image[SECTOR : len(firmware)] == firmware[SECTOR:]
        assert image[0xF4004 : 0xF4000 + SECTOR] == firmware[4:SECTOR]
        assert image[0xF8000] == 0xE9

    def test_the_loader_has_the_boot_roms_checksum_and_the_chips_header(self, flash):
        image = flash.read_bytes()
        length = struct.unpack_from("<I", image, 12)[0]
        checksum = 0xEF
        for byte in image[16 : 16 + length]:
            checksum ^= byte
        assert image[0:2] == b"\xe9\x01" and image[(16 + length) | 15] == checksum
        assert image[2:4] == image[0xF4002:0xF4004] == b"\x00\x30", "qio, 2MB, 40 MHz in both first sectors"

    def test_the_image_s_own_header_can_be_kept(self, oneslot, old, tmp_path):
        oneslot.ok("image", old, "--flash-size", "4MB", "-o", tmp_path / "f", "--flash-mode", "dio")
        assert (tmp_path / "f").read_bytes()[2:4] == b"\x02\x40"
        firmware = bytearray(old.read_bytes())
        firmware[3] = 0x3F
        old.write_bytes(firmware)
        oneslot.ok("image", old, "--flash-size", "4MB", "-o", tmp_path / "f", "--flash-header", "keep")
        assert (tmp_path / "f").read_bytes()[2:4] == b"\x00\x3f"
        oneslot.ok("image", old, "--flash-size", "4MB", "-o", tmp_path / "f")
        assert (tmp_path / "f").read_bytes()[2:4] == b"\x00\x4f", "the clock stays as it was"

    @pytest.mark.parametrize("name, size, nibble", [
        ("2MB", 2, 3), ("4MB", 4, 4), ("2MB-c1", 2, 5), ("4MB-c1", 4, 6), ("8MB", 8, 8), ("16MB", 16, 9),
        ("0x400000", 4, 4), ("4096K", 4, 4)])
    def test_every_size_of_chip_is_served(self, oneslot, old, tmp_path, name, size, nibble):
        oneslot.ok("image", old, "--flash-size", name, "-o", tmp_path / "f")
        image = (tmp_path / "f").read_bytes()
        assert len(image) == size * MEGABYTE and image[3] >> 4 == nibble

    def test_the_journal_carries_what_is_installed(self, oneslot, flash, old):
        status = oneslot.ok("status", flash, "--json").json
        firmware = old.read_bytes()
        assert status["state"] == "idle" and status["installed_size"] == len(firmware)
        assert status["installed_sha256"] == hashlib.sha256(firmware).hexdigest()

    def test_the_watch_path_is_in_configuration_and_layout(self, oneslot, old, tmp_path):
        oneslot.ok("image", old, "--flash-size", "2MB", "--watch", "/up/fw.bin", "-o", tmp_path / "f")
        image = (tmp_path / "f").read_bytes()
        config = image[0xF7C00:0xF7D00]
        assert layout(image)["flags"] == 1 and config[8:128].rstrip(b"\0") == b"/up/fw.bin"
        assert struct.unpack_from("<I", config, 252)[0] == zlib.crc32(config[:252])
        assert oneslot.ok("info", tmp_path / "f", "--json").json["watch"] == "/up/fw.bin"

    def test_keys_and_board_lie_behind_the_configuration(self, oneslot, old, tmp_path):
        keys = [tmp_path / f"{name}.pem" for name in "ab"]
        for key in keys:
            oneslot.ok("keygen", "-o", key, "--public", key.with_suffix(".pub"))
        options = [word for key in keys for word in ("--key", key.with_suffix(".pub"))]
        result = oneslot.ok("image", old, "--flash-size", "2MB", *options, "--board", "lamp-2", "-o", tmp_path / "f")
        assert "takes no packages yet" in result.err or "keys: 2" in result.out
        block = (tmp_path / "f").read_bytes()[0xF7D00:0xF7E30]
        assert block[:8] == b"1SLT\1\2\0\0" and block[264:296].rstrip(b"\0") == b"lamp-2"
        assert block[136:264] == bytes(128) and any(block[8:72]) and any(block[72:136])
        assert struct.unpack_from("<I", block, 300)[0] == zlib.crc32(block[:300])
        info = oneslot.ok("info", tmp_path / "f", "--json").json
        prefix = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004")
        points = [block[8:72], block[72:136]]
        assert info["keys"] == [hashlib.sha256(prefix + point).hexdigest() for point in points]
        assert info["board"] == "lamp-2" and info["trust_error"] is None and info["floor"] is None
        text = oneslot.ok("info", tmp_path / "f").out
        assert text.count("  key       ") == 2 and "  board     lamp-2" in text

    def test_without_keys_and_board_nothing_lies_there_and_damage_is_told(self, oneslot, old, tmp_path):
        oneslot.ok("image", old, "--flash-size", "2MB", "-o", tmp_path / "f")
        image = bytearray((tmp_path / "f").read_bytes())
        assert image[0xF7D00:0xF8000] == b"\xff" * 0x300
        image[0xF7D00] = 0x31
        (tmp_path / "f").write_bytes(image)
        assert oneslot.ok("info", tmp_path / "f", "--json").json["trust_error"] == "TRUST_INVALID"

    def test_it_prints_the_map_and_the_esptool_command(self, oneslot, old, tmp_path):
        out = oneslot.ok("image", old, "--flash-size", "2MB", "-o", tmp_path / "f").out
        assert "0x0f4000 - 0x0f5000  displaced" in out
        assert "write-flash --flash-mode qio --flash-size keep 0 " in out
        assert "\033" not in out

    def test_json_carries_all_of_it(self, oneslot, old, tmp_path):
        result = oneslot.ok("image", old, "--flash-size", "2MB", "-o", tmp_path / "f", "--json").json
        assert result["ok"] and result["firmware"]["version"] == "v1.23.0 on 2024-06-02"
        assert [region["name"] for region in result["map"]] == [
            "loader", "firmware", "displaced", "journal", "map", "installer", "vfs", "system"]
        assert "--flash-size keep" in result["command"]

    def test_a_megabyte_build_is_refused_with_the_numbers_and_what_would_help(self, oneslot, tmp_path):
        (tmp_path / "fw").write_bytes(micropython(size=0x93000, file_system=0x99000))
        for size, how in (("1MB", []), ("4MB", ["--flash-header", "chip"])):
            result = oneslot("image", "fw", "--flash-size", size, *how, "-o", "out", "--json", cwd=tmp_path)
            assert result.status == 1 and not (tmp_path / "out").exists() and result.error == "IMAGE_CLAIMS"
            for part in ("0x94000", "0x99000", "16384", "49152", "--map", "0xa1000", how[0] if how else "2 MB"):
                assert part in result.err

    def test_a_generic_build_on_a_megabyte_chip_is_refused(self, oneslot, old, tmp_path):
        result = oneslot("image", old, "--flash-size", "1MB", "-o", tmp_path / "out")
        assert result.status == 1 and "0x100000" in result.err

    def test_an_old_micropython_keeps_its_fat(self, oneslot, tmp_path):
        (tmp_path / "fw").write_bytes(micropython("v1.10 on 2019-01-25", file_system=0x99000))
        result = oneslot.ok("image", "fw", "--flash-size", "4MB", "-o", "out", "--json", cwd=tmp_path)
        regions = {region["name"]: region for region in result.json["map"]}
        assert regions["fat"]["address"] == 0x99000 and regions["firmware"]["size"] == 0x97000
        assert "FAT" in result.err and result.json["warnings"]

    @pytest.mark.parametrize("size, nibble, told", [("4MB", 3, 0x200000), ("2MB", 2, 0x100000), ("8MB", 4, 0x400000)])
    def test_a_firmware_that_takes_all_is_told_of_less(self, oneslot, tmp_path, size, nibble, told):
        (tmp_path / "fw").write_bytes(micropython("v1.10 on 2019-01-25", size=0x93000, file_system=0x99000))
        result = oneslot.ok("image", "fw", "--flash-size", size, "-o", "out", "--json", cwd=tmp_path).json
        regions = {region["name"]: region for region in result["map"]}
        image = (tmp_path / "out").read_bytes()
        assert regions["fat"]["address"] + regions["fat"]["size"] == told - 0x5000
        assert min(regions[name]["address"] for name in ("displaced", "journal", "map", "installer")) == told
        assert regions["littlefs"]["address"] == told + 0xC000, "behind what the firmware is told of"
        assert image[3] >> 4 == image[told + 3] >> 4 == nibble, "in the loader's sector and in the displaced one"

    def test_where_no_header_helps_it_is_refused_by_name(self, oneslot, tmp_path):
        for version, size, word in (("v1.10 on 2019-01-25", "1MB", "2 MB"), ("v1.8.6 on 2016-11-10", "4MB", "1.9")):
            (tmp_path / "fw").write_bytes(micropython(version, size=0x80000, file_system=0x99000))
            result = oneslot("image", "fw", "--flash-size", size, "-o", "out", "--json", cwd=tmp_path)
            assert result.status == 1 and result.error == "IMAGE_CLAIMS" and word in result.err
            assert not (tmp_path / "out").exists()

    def test_a_person_may_say_where_the_files_begin(self, oneslot, tmp_path):
        (tmp_path / "fw").write_bytes(micropython(size=0x93000))
        result = oneslot.ok("image", "fw", "--flash-size", "4MB", "--fs-at", "0xa2000", "-o", "out", "--json",
                            cwd=tmp_path).json
        regions = {region["name"]: region["address"] for region in result["map"]}
        assert (regions["vfs"], regions["native"], regions["installer"]) == (0xA2000, 0xA1000, 0x99000)
        assert result["map"] and oneslot("image", "fw", "--flash-size", "4MB", "--fs-at", "0xa2001", "-o", "out",
                                         cwd=tmp_path).status == 2

    def test_an_image_without_proof_is_made_with_a_warning(self, oneslot, tmp_path):
        (tmp_path / "fw").write_bytes(plain())
        result = oneslot.ok("image", "fw", "--flash-size", "1MB", "-o", "out", cwd=tmp_path)
        assert "SHA-256" in result.err

    @pytest.mark.parametrize("spoil, word, error", [
        (lambda b: b"", "empty", "FILE_EMPTY"),
        (lambda b: b[:-100], "cut short", "IMAGE_TRUNCATED"),
        (lambda b: b + b"\0", "more or fewer", "IMAGE_LENGTH"),
        (lambda b: b[:0x9100] + bytes([b[0x9100] ^ 1]) + b[0x9101:], "MD5", "IMAGE_MD5"),
        (lambda b: b"\x7fELF" + b[4:], "an ELF file", "IMAGE_UNKNOWN"),
        (lambda b: plain(address=0x4010E800), "loader needs", "IMAGE_MEMORY"),
        (lambda b: plain(address=0x3FFFF000), "loader needs", "IMAGE_MEMORY"),
        (lambda b: micropython(size=0xF8000), "no room", "IMAGE_TOO_LARGE"),
        (lambda b: boot_image([(0x40100000, bytes(64))]), "boot loader", "IMAGE_UNKNOWN"),
    ], ids=["empty", "truncated", "longer", "one bit", "an ELF", "in the loader's memory", "in the stack", "too large",
            "a boot loader alone"])
    def test_a_bad_firmware_is_refused_and_nothing_is_written(self, oneslot, tmp_path, old, spoil, word, error):
        (tmp_path / "fw").write_bytes(spoil(old.read_bytes()))
        result = oneslot("image", "fw", "--flash-size", "4MB", "-o", "out", "--json", cwd=tmp_path)
        assert result.status == 1 and word in result.err and result.error == error
        assert not (tmp_path / "out").exists()

    def test_files_that_do_not_fit_are_named_with_numbers(self, oneslot, old, tmp_path):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "huge").write_bytes(bytes(1020 * 1024))
        result = oneslot("image", old, "--flash-size", "2MB", "--fs", "d", "-o", "out", cwd=tmp_path)
        assert result.status == 1 and "huge" in result.err and "1028096" in result.err
        assert not (tmp_path / "out").exists()

    def test_a_wrong_loader_is_refused(self, oneslot, old, tmp_path):
        (tmp_path / "l").write_bytes(bytes(5000))
        for option in ("--loader", "--installer"):
            result = oneslot("image", old, "--flash-size", "2MB", option, tmp_path / "l", "-o", tmp_path / "out")
            assert result.status == 1 and "no Oneslot" in result.err


class TestMap:
    def make(self, oneslot, old, tmp_path, rows, size="4MB", *options):
        (tmp_path / "map.csv").write_text(rows)
        return oneslot("image", old, "--flash-size", size, "--map", "map.csv", *options, "-o", "out", "--json",
                       cwd=tmp_path)

    def test_a_map_over_what_the_firmware_writes_needs_force(self, oneslot, old, tmp_path):
        rows = "disp, oneslot, displaced, 0x200000, 4K\nfs, data, littlefs, 0x300000, 512K"
        result = self.make(oneslot, old, tmp_path, rows)
        assert result.status == 1 and result.error == "IMAGE_CLAIMS" and not (tmp_path / "out").exists()
        for part in ("0x100000 to 0x3fb000", "'disp'", "0x200000", "--force"):
            assert part in result.err
        forced = self.make(oneslot, old, tmp_path, rows, "4MB", "--force")
        assert forced.status == 0 and "Oneslot would be destroyed" in " ".join(forced.json["warnings"])
        found = oneslot("map", "check", tmp_path / "out", "--json").json["maps"][0]
        assert ("claims", "error") in {(row["rule"], row["weight"]) for row in found["findings"]} and not found["ok"]

    def test_a_map_is_taken_and_given_back(self, oneslot, old, tmp_path):
        result = self.make(oneslot, old, tmp_path, """
            # a comment, an empty line, CRLF, blank offsets, every form of size

            Firmware, app, factory, 0, 512K,\r
            data , data, 0x83, , 1M, readonly   # behind the row above
            disp,oneslot,displaced,0x200000,4096
            jour,oneslot,journal,,2 sectors,
            themap,oneslot,map,,0x1000
            inst,oneslot,0x04,,32KiB,
            own,oneslot,user,,-0x210000,encrypted:readonly
            system, oneslot, system, 0x3fb000, 20K
            """, "4MB", "--force")
        assert result.status == 0, result
        regions = {region["name"]: (region["address"], region["size"]) for region in result.json["map"]}
        assert regions == {
            "loader": (0, 0x1000), "Firmware": (0x1000, 0x7F000), "data": (0x80000, 0x100000),
            "disp": (0x200000, 0x1000), "jour": (0x201000, 0x2000), "themap": (0x203000, 0x1000),
            "inst": (0x204000, 0x8000), "own": (0x20C000, 0x4000), "system": (0x3FB000, 0x5000)}
        csv = oneslot.ok("info", tmp_path / "out", "--csv").out
        assert "own, oneslot, user, 0x20c000, 0x4000, encrypted:readonly" in csv
        first = (tmp_path / "out").read_bytes()
        assert self.make(oneslot, old, tmp_path, csv, "4MB", "--force").status == 0
        assert (tmp_path / "out").read_bytes() == first, "a map that was written reads back to the same flash"

    def test_what_a_map_does_not_give_is_placed_in_a_gap(self, oneslot, old, tmp_path):
        result = self.make(oneslot, old, tmp_path, "fs, data, littlefs, 0x80000, 0x200000", "4MB", "--force")
        regions = {region["name"]: region["address"] for region in result.json["map"]}
        assert regions["displaced"] == 0x280000 and regions["installer"] == 0x284000, "beyond the first megabyte"
        result = self.make(oneslot, old, tmp_path, "fs, data, littlefs, 0x80000, -4M", "4MB", "--force")
        regions = {region["name"]: region["address"] for region in result.json["map"]}
        assert regions["displaced"] == 0x74000 and regions["firmware"] == 0x1000, "else as high as there is room"

    @pytest.mark.parametrize("rows, part", [
        ("a,data,littlefs,0x100000,1M\nb,data,nvs,0x180000,4K", "'a' (0x100000 to 0x200000) and 'b' (0x180000"),
        ("a,data,littlefs,0x300000,2M", "0x500000"),
        ("a,data,littlefs,0x100100,1M", "line 1: 'a' at 0x100100"),
        ("a,data,littlefs,0x100000,0", "multiples"),
        ("a,data,littlefs,0x100000,-0x100000", "before it begins"),
        ("a,data,littlefs,0x100000", "line 1"),
        ("\n\na,data,bigfs,0x100000,1M", "line 3: type data has no subtype 'bigfs'"),
        ("a,date,littlefs,0x100000,1M", "no type 'date'"),
        ("a,data,littlefs,here,1M", "'here' is no offset"),
        ("a,data,littlefs,0x100000,much", "'much' is no size"),
        ("seventeen-letters,data,littlefs,0x100000,1M", "16"),
        ("a,data,littlefs,0x100000,1M,shiny", "flag"),
        ("# nothing", "no rows"),
        ("f,app,factory,0x10000,512K", "begins at 0x10000"),
        ("l,oneslot,loader,0x1000,4K", "first 4096 bytes"),
        ("i,oneslot,installer,0x200000,4K", "32768 are needed"),
        ("a,data,littlefs,0x25000,-4M", "49152 bytes are needed"),
        ("a,data,littlefs,0x10000,-4M", "firmware"),
        ("a,app,factory,0,64K", "too large"),
        ("\n".join(f"r{n},data,nvs,,4K" for n in range(25)), "24 rows"),
        ("a\0b,data,nvs,0x100000,4K", "no CSV"),
    ])
    def test_a_wrong_map_is_refused_with_the_numbers(self, oneslot, old, tmp_path, rows, part):
        result = self.make(oneslot, old, tmp_path, rows)
        assert result.status == 1 and part in result.err, result
        assert not (tmp_path / "out").exists()


class TestFileSystem:
    def test_littlefs_python_reads_what_we_write(self, flash, littlefs_files):
        region = flash.read_bytes()[0x100000 : 2 * MEGABYTE - 0x5000]
        files = littlefs_files(region, disk_version=0x00020000)
        assert files == {"/main.py": b"print('hello')\n", "/empty": b"",
                         "/lib/deep/big.bin": random.Random(2).randbytes(30000)}

    @pytest.mark.parametrize("version", [0x00020000, 0x00020001])
    @pytest.mark.parametrize("block_size", [4096, 8192])
    def test_we_read_and_change_what_littlefs_python_writes(self, oneslot, old, tmp_path, littlefs_image,
                                                            littlefs_files, block_size, version):
        content = {"/a.txt": b"alpha\n", "/dir/sub/b.bin": bytes(range(256)) * 100, "/gone": b"x" * 9000, "/e": None}
        size = 2 * MEGABYTE - 0x5000 - 0x100000
        size -= size % block_size
        (tmp_path / "fs").write_bytes(littlefs_image(content, size, block_size, version))
        flash = tmp_path / "flash"
        oneslot.ok("image", old, "--flash-size", "2MB", "--fs-image", tmp_path / "fs", "-o", flash)
        assert oneslot.ok("fs", "cat", flash, "/dir/sub/b.bin").bytes == content["/dir/sub/b.bin"]
        listed = {entry["path"]: entry for entry in oneslot.ok("fs", "ls", flash, "--json").json["entries"]}
        assert set(listed) == {"/a.txt", "/dir", "/dir/sub", "/dir/sub/b.bin", "/gone", "/e"}
        assert listed["/dir/sub/b.bin"]["size"] == 25600 and listed["/dir"]["type"] == "directory"
        (tmp_path / "new").write_bytes(b"n" * 50000)
        oneslot.ok("fs", "put", flash, tmp_path / "new", "/new/place/")
        oneslot.ok("fs", "put", flash, tmp_path / "new", "a.txt")
        oneslot.ok("fs", "rm", flash, "/gone")
        region = flash.read_bytes()[0x100000 : 0x100000 + size]
        assert littlefs_files(region, block_size, disk_version=version) == {
            "/a.txt": b"n" * 50000, "/dir/sub/b.bin": content["/dir/sub/b.bin"], "/new/place/new": b"n" * 50000,
            "/e": None}

    def test_nothing_outside_the_file_system_changes(self, oneslot, flash, old):
        before = flash.read_bytes()
        oneslot.ok("fs", "put", flash, old, "/fw.bin")
        after = flash.read_bytes()
        assert before[:0x100000] == after[:0x100000] and before[-0x5000:] == after[-0x5000:] and before != after

    def test_a_directory_goes_in_and_out(self, oneslot, flash, tmp_path):
        (tmp_path / "tree" / "x" / "y").mkdir(parents=True)
        (tmp_path / "tree" / "x" / "y" / "z").write_text("deep")
        oneslot.ok("fs", "put", flash, tmp_path / "tree", "/tree")
        assert oneslot.ok("fs", "cat", flash, "/tree/x/y/z", "--json").json["text"] == "deep"
        assert oneslot("fs", "rm", flash, "/tree").status == 1, "not empty"
        oneslot.ok("fs", "rm", "-r", flash, "/tree")
        assert oneslot("fs", "ls", flash, "/tree").status == 1
        oneslot.ok("fs", "mkdir", flash, "/p/q")
        oneslot.ok("fs", "mkdir", flash, "/p/q")
        assert "/p/q/" in oneslot.ok("fs", "ls", flash).out

    @pytest.mark.parametrize("arguments, part", [
        (["cat", "FLASH", "/none"], "no such file"), (["cat", "FLASH", "/lib"], "directory"),
        (["rm", "FLASH", "/none"], "no such file"), (["rm", "FLASH", "/lib"], "not empty"),
        (["mkdir", "FLASH", "/main.py/x"], "not a directory"), (["put", "FLASH", "nowhere", "/x"], "No such file"),
        (["put", "FLASH", "FLASH", "/x"], "full"), (["ls", "FLASH", "/none"], "no such file"),
    ])
    def test_a_refusal_leaves_the_flash_as_it_was(self, oneslot, flash, arguments, part):
        before = flash.read_bytes()
        arguments = [str(flash) if argument == "FLASH" else argument for argument in arguments]
        result = oneslot("fs", *arguments, cwd=flash.parent)
        assert result.status == 1 and part in result.err and flash.read_bytes() == before

    def test_without_a_file_system_it_says_how_to_make_one(self, oneslot, old, tmp_path):
        oneslot.ok("image", old, "--flash-size", "2MB", "-o", tmp_path / "f")
        assert b"littlefs" not in (tmp_path / "f").read_bytes()[0x100000:], "left for MicroPython to make"
        result = oneslot("fs", "ls", tmp_path / "f")
        assert result.status == 1 and "fs format" in result.err
        oneslot.ok("fs", "format", tmp_path / "f")
        assert "0 files" in oneslot.ok("fs", "ls", tmp_path / "f").out

    def test_the_file_is_replaced_in_one_step_with_its_permissions(self, oneslot, flash, old):
        flash.chmod(0o640)
        inode = flash.stat().st_ino
        oneslot.ok("fs", "put", flash, old, "/fw.bin")
        assert flash.stat().st_mode & 0o777 == 0o640 and flash.stat().st_ino != inode
        assert not [path for path in flash.parent.iterdir() if path.name.startswith("flash.bin.")]


class TestRequest:
    def test_a_request_is_made_shown_and_taken_back(self, oneslot, flash, old):
        oneslot.ok("fs", "put", flash, old, "/fw.bin")
        result = oneslot.ok("request", flash, "/fw.bin", "--json").json
        assert result["state"] == "requested" and result["path"] == "/fw.bin"
        assert "/fw.bin" in oneslot.ok("status", flash).out
        assert oneslot.ok("cancel", flash, "--json").json["state"] != "requested"

    def test_options_reach_the_journal(self, oneslot, flash, old):
        digest = hashlib.sha256(old.read_bytes()).hexdigest()
        oneslot.ok("request", flash, "/n", "--sha256", digest.upper(), "--trial", "5", "--fallback", "/o")
        records = [flash.read_bytes()[0xF5000 + slot // 3 * 4096 + slot % 3 * 1280 :][:768] for slot in range(6)]
        record = max((r for r in records if r[:4] == b"1SLJ"), key=lambda r: struct.unpack_from("<I", r, 4)[0])
        assert record[9] == 1 and record[11] & 1 and record[12] == 5
        assert record[32:34] == b"/n" and record[152:154] == b"/o" and record[272:304].hex() == digest

    def test_a_file_that_is_not_there_yet_is_warned_of(self, oneslot, flash):
        assert "no /later" in oneslot.ok("request", flash, "/later").err

    @pytest.mark.parametrize("command, spoil", [
        pytest.param(command, spoil, id=f"{' '.join(command)}-{name}")
        for command in (["status"], ["request"], ["cancel"], ["fs", "ls"])
        for name, spoil in {"half": lambda b: b[:MEGABYTE], "odd": lambda b: b[:-1], "zeros": lambda b: bytes(len(b)),
                            "layout": lambda b: b[:20] + b"\x55" + b[21:], "empty": lambda b: b""}.items()
        if (command, name) != (["fs", "ls"], "layout")  # is read like a stock flash: the next test
    ])
    def test_what_is_no_flash_image_is_refused_untouched(self, oneslot, flash, spoil, command):
        flash.write_bytes(spoil(flash.read_bytes()))
        before = flash.read_bytes()
        result = oneslot(*command, flash, *(["/x"] if command == ["request"] else []), "--json")
        assert result.status == 1 and result.error == "NO_LAYOUT" and flash.read_bytes() == before

    def test_files_are_listed_where_the_layout_is_lost(self, oneslot, flash):
        listed = oneslot.ok("fs", "ls", flash).out
        damaged = flash.read_bytes()
        flash.write_bytes(damaged[:20] + b"\x55" + damaged[21:])
        assert oneslot.ok("fs", "ls", flash).out == listed


def test_a_pending_request_does_not_change_what_the_firmware_is(oneslot, flash):
    oneslot.ok("request", flash, "/fw.bin")
    assert "NOT as the journal says" not in oneslot.ok("info", flash).out


class TestInfo:
    def test_a_firmware_is_described(self, oneslot, old):
        info = oneslot.ok("info", old, "--json").json
        assert info["maker"] == "MicroPython" and info["version"] == "v1.23.0 on 2024-06-02"
        assert info["proof"] == "MD5" and info["proven"] and info["entry"] == 0x40100004
        assert [segment["address"] for segment in info["segments"]] == [0x40100000, 0x3FFE8000]
        assert info["sha256"] == hashlib.sha256(old.read_bytes()).hexdigest()
        assert "MD5: holds" in oneslot.ok("info", old).out

    def test_a_flash_is_described(self, oneslot, flash, old):
        info = oneslot.ok("info", flash, "--json").json
        assert info["type"] == "flash" and info["layout"]["displaced"] == 0xF4000
        assert info["file_system"]["files"] == 3 and info["file_system"]["version"] == "2.0"
        assert info["journal"][0] == {"slot": 0, "holds": "record", "sequence": 1, "state": "idle", "outcome": "NONE",
                                      "path": "", "sealed": True}
        assert info["firmware"]["as_installed"] and info["firmware"]["sha256"] == hashlib.sha256(
            old.read_bytes()).hexdigest()
        assert "as the journal says" in oneslot.ok("info", flash).out

    def test_a_damaged_firmware_in_a_flash_is_seen(self, oneslot, flash):
        image = bytearray(flash.read_bytes())
        image[0xA000] ^= 1
        flash.write_bytes(image)
        assert oneslot.ok("info", flash, "--json").json["firmware"]["as_installed"] is False
        assert "NOT as the journal says" in oneslot.ok("info", flash).out

    def test_a_damaged_firmware_file_ends_in_1_with_the_reason(self, oneslot, old):
        image = bytearray(old.read_bytes())
        image[-1] ^= 1
        old.write_bytes(image)
        result = oneslot("info", old, "--json")
        assert result.status == 1 and result.error == "IMAGE_MD5" and "MD5" in result.err

    def test_names_from_a_file_cannot_break_json(self, oneslot, flash, tmp_path):
        name = 'quo"te\\ \t\x01\u00e9'
        (tmp_path / "f").write_text("x")
        oneslot.ok("fs", "put", flash, tmp_path / "f", "/" + name)
        paths = [entry["path"] for entry in oneslot.ok("fs", "ls", flash, "--json").json["entries"]]
        assert "/" + name in paths


def runs(program, *arguments):
    """The program ends by itself with one of its three answers, whatever it reads; its JSON is JSON."""
    result = program(*arguments, timeout=60, env={"ASAN_OPTIONS": "exitcode=99"})
    assert result.status in (0, 1, 2) and "runtime error" not in result.err, result
    if "--json" in arguments and result.out:
        json.loads(result.out)
    return result


class TestHostileFiles:
    """With sanitizers, so that a read past the end is a failure."""

    def spoilt(self, rng, good):
        data = bytearray(good)
        way = rng.randrange(5)
        near = [0, 0x1000, 0xF4000, 0xF5000, 0xF7000, 0x100000, 0x101000]
        if way == 0:
            return bytes(data[: rng.randrange(len(data))])
        if way == 1:
            return rng.randbytes(rng.randrange(1, 9000))
        for _ in range(rng.choice([1, 2, 8])):
            start = rng.choice(near) + rng.randrange(600) if rng.random() < 0.8 else rng.randrange(len(data))
            at = start % (len(data) - 4)
            if way == 2:
                data[at] ^= 1 << rng.randrange(8)
            else:
                data[at : at + 4] = rng.choice([b"\xff" * 4, bytes(4), b"\xff\xff\xff\x7f", rng.randbytes(4)])
        return bytes(data)

    def test_no_damaged_flash_brings_the_tool_down(self, oneslot_sanitized, flash, tmp_path):
        rng = random.Random(11)
        good = flash.read_bytes()
        path = tmp_path / "spoilt"
        for _ in range(40):
            path.write_bytes(self.spoilt(rng, good))
            runs(oneslot_sanitized, "info", path, "--json")
            runs(oneslot_sanitized, "fs", "ls", path, "--json")
            runs(oneslot_sanitized, "fs", "cat", path, "/lib/deep/big.bin")
            runs(oneslot_sanitized, "fs", "put", path, flash.parent / "old.bin", "/n/x")
            runs(oneslot_sanitized, "fs", "rm", path, "-r", "/lib")
            runs(oneslot_sanitized, "request", path, "/x", "--json")

    def test_no_damaged_firmware_brings_the_tool_down(self, oneslot_sanitized, old, tmp_path):
        rng = random.Random(12)
        path = tmp_path / "spoilt"
        for good in (old.read_bytes(), plain(), boot_image([(0x40100000, bytes(64))])):
            for _ in range(25):
                path.write_bytes(self.spoilt(rng, good))
                runs(oneslot_sanitized, "info", path, "--json")
                runs(oneslot_sanitized, "image", path, "--flash-size", "2MB", "-o", tmp_path / "out", "--json")

    def test_no_damaged_real_firmware_brings_the_tool_down(self, oneslot_sanitized, firmware, tmp_path):
        rng = random.Random(13)
        path = tmp_path / "spoilt"
        for name in ("boot_v1.7", "at8266-user1-3.0.4", "mp8266-v1.24.0", "wled8266-0.14.2", "mp32c3-v1.22.1"):
            good = (firmware / f"{name}.bin").read_bytes()
            for _ in range(8):
                path.write_bytes(self.spoilt(rng, good))
                runs(oneslot_sanitized, "info", path, "--json")


class TestRealFirmware:
    def test_arduino_gets_the_file_system_that_its_library_mounts(self, oneslot, firmware, tmp_path, littlefs_files):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "cfg.json").write_text("{}")
        wled = firmware / "wled8266-0.14.2.bin"
        oneslot.ok("image", wled, "--flash-size", "4MB", "--fs", tmp_path / "d", "-o", tmp_path / "f")
        region = (tmp_path / "f").read_bytes()[0x300000:0x3FA000]
        assert littlefs_files(region, 8192, name_max=32, disk_version=0x00020000) == {"/cfg.json": b"{}"}
        oneslot.ok("fs", "format", tmp_path / "f")
        system = oneslot.ok("info", tmp_path / "f", "--json").json["file_system"]
        assert (system["block_size"], system["block_count"], system["version"]) == (8192, 125, "2.0")

    def test_a_stock_sketch_s_file_system_lies_where_its_linker_put_it(self, oneslot, firmware, tmp_path):
        result = oneslot.ok("image", firmware / "wled8266-0.14.3.bin", "--flash-size", "4MB", "-o", tmp_path / "f",
                            "--json").json
        where = {region["name"]: region["address"] for region in result["map"]}
        assert where["littlefs"] == 0x300000 and where["displaced"] == 0x100000
        assert not [warning for warning in result["warnings"] if "assumed" in warning]

    @pytest.mark.parametrize("name, maker, version, proof", [
        ("mp8266-v1.24.0", "MicroPython", "v1.24.0 on 2024-10-25", "MD5"),
        ("mp8266-v1.9.4", "MicroPython", "v1.9.4-8-ga9a3caad0 on 2018-05-11", "MD5"),
        ("mp8266-v1.8.2-39", "MicroPython", "v1.8.2-39-g2dd21d9 on 2016-07-23", "checksum"),
        ("wled8266-0.14.3", "WLED", "v0.14.3", "CRC-32"),
        ("at8266-user1-3.0.5", "Espressif AT firmware", "", "CRC-32"),
        ("boot_v1.7", "Espressif boot loader", "1.7(5d6f877)", "checksum"),
    ])
    def test_it_is_recognised(self, oneslot, firmware, name, maker, version, proof):
        info = oneslot.ok("info", firmware / f"{name}.bin", "--json").json
        assert (info["maker"], info["version"], info["proof"]) == (maker, version, proof)

    @pytest.mark.parametrize("name, chip", [("mp32-v1.24.0", "ESP32"), ("mp32c3-v1.22.1", "ESP32-C3")])
    def test_another_chip_s_image_is_named_and_refused(self, oneslot, firmware, tmp_path, name, chip):
        path = firmware / f"{name}.bin"
        assert oneslot.ok("info", path, "--json").json["chip"] == chip
        result = oneslot("image", path, "--chip", "esp8266", "--flash-size", "4MB", "-o", tmp_path / "out", "--json")
        assert result.status == 1 and result.error == "IMAGE_CHIP" and chip in result.err

    @pytest.mark.parametrize("name, size, file_system", [
        ("mp8266-v1.23.0", "4MB", (0x100000, 0x3FB000)), ("mp8266-v1.9.4", "4MB", (0x20C000, 0x3FC000)),
        ("nodemcu-20150107", "4MB", (0x10C000, 0x400000)), ("nodemcu-20150106", "1MB", (0x80000, 0xF4000)),
        ("wled8266-0.14.2", "4MB", (0x300000, 0x3FA000)), ("at8266-user1-3.0.4", "4MB", (0x100000, 0x1FB000)),
    ])
    def test_it_becomes_a_flash_image(self, oneslot, firmware, tmp_path, name, size, file_system):
        (tmp_path / "d").mkdir()
        (tmp_path / "d" / "x").write_text("y")
        user1 = ["--boot", firmware / "boot_v1.7.bin"] if "user1" in name else []
        result = oneslot.ok("image", firmware / f"{name}.bin", "--flash-size", size, "--fs", tmp_path / "d", *user1,
                            "-o", tmp_path / "f", "--json").json
        where = {region["name"]: (region["address"], region["address"] + region["size"]) for region in result["map"]}
        assert file_system in where.values()
        image = (tmp_path / "f").read_bytes()
        stock = (firmware / f"{name}.bin").read_bytes()
        displaced = layout(image)["displaced"]
        if user1:
            boot = (firmware / "boot_v1.7.bin").read_bytes()
            assert image[displaced + 4 : displaced + len(boot)] == boot[4:]
            assert image[0x1000 : 0x1000 + len(stock)] == stock
        else:
            assert image[0x1000 : len(stock)] == stock[0x1000:]
            assert image[displaced + 4 : displaced + 0x1000] == stock[4:0x1000]
        assert oneslot.ok("info", tmp_path / "f", "--json").json["firmware"]["as_installed"]

    def test_user1_needs_its_boot_loader(self, oneslot, firmware, tmp_path):
        result = oneslot("image", firmware / "at8266-user1-3.0.5.bin", "--flash-size", "4MB", "-o", tmp_path / "out",
                         "--json")
        assert result.status == 1 and result.error == "IMAGE_NEEDS_BOOT"

    def test_the_stock_megabyte_micropython_is_refused_with_the_numbers(self, oneslot, firmware, tmp_path):
        result = oneslot("image", firmware / "mp8266-1m-v1.22.2.bin", "--flash-size", "1MB", "-o", tmp_path / "out")
        assert result.status == 1
        for part in ("0x94000", "0x99000", "16384", "49152"):
            assert part in result.err

    def test_a_sketch_for_a_larger_chip_is_refused(self, oneslot, firmware, tmp_path):
        result = oneslot("image", firmware / "wled8266-0.14.2.bin", "--flash-size", "2MB", "-o", tmp_path / "out")
        assert result.status == 1 and "0x300000" in result.err


def claims_of(result):
    return {(claim["kind"], claim["address"], claim["address"] + claim["size"]): claim
            for claim in result["claims"]}


@pytest.mark.parametrize("name, expected", [
    ("mp8266-1m-v1.22.1", {("native", 0x98000, 0x99000), ("files", 0x99000, 0xFB000)}),
    ("mp8266-v1.24.0", {("files", MEGABYTE, 0x1FB000)}), ("mp8266-iot-20200701", {("files", MEGABYTE, 0x1FB000)}),
    ("mp8266-v1.9.4", {("native", 0x98000, 0x99000), ("files", 0x99000, 0xFB000)}),
    ("mp8266-v1.10", {("native", 0x98000, 0x99000), ("files", 0x99000, 0xFB000)}),
    # Seen on an emulated chip: 0x89000, not 0x90000.
    ("mp8266-v1.8.2-39", {("files", 0x89000, 0xFC000)}),
    ("wled8266-0.14.3", {("files", 0x300000, 0x3FA000), ("settings", 0x3FB000, 0x3FC000),
                         ("rf-cal", 0x3FC000, 0x3FD000)}),
    ("at8266-user1-3.0.5", {("rf-cal", 0x1FB000, 0x1FC000), ("phy-init", 0x1FC000, 0x1FD000),
                            ("settings", 0xFD000, MEGABYTE), ("second-slot", 0x101000, 0x1E1000)}),
])
def test_info_tells_what_a_real_firmware_claims(oneslot, firmware, name, expected):
    result = oneslot.ok("info", firmware / f"{name}.bin", "--json").json
    claims = claims_of(result)
    assert expected <= set(claims)
    assert all(claims[key]["certain"] and claims[key]["source"] for key in expected)
    if name.startswith("mp8266"):
        assert {key for key in claims if key[0] in ("files", "native")} == expected
