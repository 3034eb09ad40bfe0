"""Rules of flash maps: faults are planted one by one, and `oneslot map check` names each."""

import hashlib
import struct
import zlib

import pytest

from conftest import make_littlefs
from test_host import micropython

SECTOR = 0x1000
MEGABYTE = 1 << 20

# Type and subtype, as the table has them.
APP, OTA_0, OTA_1, OTA_2, TEST = (0, 0), (0, 0x10), (0, 0x11), (0, 0x12), (0, 0x20)
OTADATA, PHY, NVS, KEYS, FAT, SPIFFS, LITTLEFS, ROMFS = ((1, n) for n in (0, 1, 2, 4, 0x81, 0x82, 0x83, 0x8F))
LOADER, DISPLACED, JOURNAL, MAP, INSTALLER, NATIVE, USER, SYSTEM = ((0x40, n) for n in range(8))

ESP8266 = {
    "loader": (LOADER, 0, 0x1000),
    "firmware": (APP, 0x1000, 0xC0000),
    "user": (USER, 0xC0000, 0xC4000),
    "native": (NATIVE, 0xC4000, 0xF4000),
    "displaced": (DISPLACED, 0xF4000, 0xF5000),
    "journal": (JOURNAL, 0xF5000, 0xF7000),
    "map": (MAP, 0xF7000, 0xF8000),
    "installer": (INSTALLER, 0xF8000, 0x100000),
    "vfs": (LITTLEFS, 0x100000, 0x3FB000),
    "system": (SYSTEM, 0x3FB000, 0x400000),
}

ESP32 = {
    "nvs": (NVS, 0x9000, 0xE000),
    "otadata": (OTADATA, 0xE000, 0x10000),
    "factory": (APP, 0x10000, 0x40000),
    "ota_0": (OTA_0, 0x40000, 0x1C0000),
    "ota_1": (OTA_1, 0x1C0000, 0x340000),
    "vfs": (FAT, 0x340000, 0x400000),
}

ESP32_ONESLOT = {
    "nvs": (NVS, 0x9000, 0xF000),
    "ota_0": (OTA_0, 0x10000, 0x1E0000),
    "installer": (APP, 0x1E0000, 0x1F0000),
    "otadata": (OTADATA, 0x1F0000, 0x1F2000),
    "journal": (JOURNAL, 0x1F2000, 0x1F4000),
    "settings": (MAP, 0x1F4000, 0x1F5000),
    "vfs": (FAT, 0x200000, 0x400000),
}


def csv(rows, chip="esp8266", flash="4MB", more="sdk=2"):
    """A map as CSV; `rows` may be a dict, or a list where names repeat."""
    rows = list(rows.items()) if isinstance(rows, dict) else rows
    lines = [f"# oneslot: chip={chip} flash={flash} {more if chip == 'esp8266' else ''}"]
    lines += [f"{name},{kind[0]},{kind[1]},0x{start:x},0x{end - start:x},"
              for name, (kind, start, end) in rows]
    return ("\n".join(lines) + "\n").encode()


def table(rows, md5=True):
    """A binary partition table with its MD5 row, written by nobody's code but this test's."""
    out = b"".join(struct.pack("<HBBII16sI", 0x50AA, *kind, start, end - start, name.encode(), 0)
                   for name, (kind, start, end) in rows.items())
    if md5:
        out += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(out).digest()
    return out.ljust(0xC00, b"\xff")


def changed(rows, **changes):
    """The map with some rows replaced (None: left out) and new ones put where their address belongs."""
    rows = {**rows, **changes}
    return dict(sorted(((name, row) for name, row in rows.items() if row is not None), key=lambda row: row[1][1]))


def check(oneslot, path, *options):
    """Exit status and findings of one map, as (rule, weight)."""
    result = oneslot("map", "check", path, *options, "--json")
    assert result.status in (0, 1), result
    report = result.json["maps"][0]
    assert "findings" in report, result
    found = [(finding["rule"], finding["weight"]) for finding in report["findings"]]
    assert result.status == (1 if any(weight == "error" for _, weight in found) else 0), result
    return result, found


def check_bytes(oneslot, tmp_path, content, *options, name="map.csv"):
    path = tmp_path / name
    path.write_bytes(content)
    return check(oneslot, path, *options)


def grave(found):
    return {rule for rule, weight in found if weight != "advice"}


def names(oneslot):
    return [rule["name"] for rule in oneslot.ok("map", "rules", "--json").json["rules"]]


class TestRules:
    def test_each_has_a_name_of_its_own_a_sentence_and_a_source(self, oneslot):
        rules = oneslot.ok("map", "rules", "--json").json["rules"]
        assert len(rules) >= 40
        assert len({rule["name"] for rule in rules}) == len(rules)
        for rule in rules:
            assert rule["name"].replace("-", "").replace("5", "").isalpha() and rule["name"].islower(), rule
            assert rule["says"].endswith(".") and len(rule["source"]) > 5, rule

    def test_sound_maps_break_none(self, oneslot, tmp_path):
        for rows, chip in ((ESP8266, "esp8266"), (ESP32, "esp32"), (ESP32_ONESLOT, "esp32")):
            result, found = check_bytes(oneslot, tmp_path, csv(rows, chip))
            assert grave(found) == set(), result

    def test_no_preset_breaks_one_at_its_own_size(self, oneslot):
        presets = [preset["name"] for preset in oneslot.ok("map", "list", "--json").json["presets"]]
        result = oneslot.ok("map", "check", *presets, "--json")
        assert len(result.json["maps"]) == len(presets) > 20
        for report in result.json["maps"]:
            assert [finding for finding in report["findings"] if finding["weight"] != "advice"] == [], report["name"]

    def test_findings_come_by_address_in_words_with_addresses(self, oneslot, tmp_path):
        rows = changed(ESP8266, user=(USER, 0xC0000, 0xC5000), vfs=(LITTLEFS, 0x100000, 0x3FC000))
        result, _ = check_bytes(oneslot, tmp_path, csv(rows))
        addresses = [finding["address"] for finding in result.json["maps"][0]["findings"]]
        assert addresses == sorted(addresses)
        text = oneslot("map", "check", tmp_path / "map.csv").out
        assert "overlap: the regions 'user' (0xc0000 to 0xc5000) and 'native' (0xc4000 to 0xf4000)" in text
        assert "system-sectors: 'vfs' (0x100000 to 0x3fc000)" in text and "it must end at 0x3fb000" in text
        assert "broken: 3 errors" in text

    def test_several_maps_are_checked_and_one_broken_is_enough(self, oneslot, tmp_path):
        (tmp_path / "bad.csv").write_bytes(csv(changed(ESP8266, loader=None)))
        result = oneslot("map", "check", "micropython-4m", tmp_path / "bad.csv", "--json")
        assert result.status == 1 and [report["ok"] for report in result.json["maps"]] == [True, False]

    def test_what_is_no_map_ends_in_1_with_a_reason(self, oneslot, tmp_path):
        (tmp_path / "noise.bin").write_bytes(bytes(range(1, 200)) * 40)
        for what in (tmp_path / "noise.bin", tmp_path / "missing.csv", "no-such-preset"):
            result = oneslot("map", "check", what)
            assert result.status == 1 and str(what) in result.err and not result.out

    def test_a_wrong_command_line_ends_in_2(self, oneslot):
        for arguments in ([], ["--chip", "z80", "sdk2-90000"], ["--sdk", "9", "sdk2-90000"],
                          ["--flash-size", "3 apples", "sdk2-90000"], ["--firmware", "0", "sdk2-90000"]):
            assert oneslot("map", "check", *arguments).status == 2, arguments


# Faults in a map: rule, what is changed, options of csv().
MAP_FAULTS = {
    "two regions share bytes": ("overlap", ESP8266, dict(user=(USER, 0xC0000, 0xC8000)), {}),
    "a file system over the program": ("overlap", ESP8266, dict(vfs=(LITTLEFS, 0xB0000, 0x3FB000)), {}),
    "an empty region": ("zero-size", ESP8266, dict(user=(USER, 0xC0000, 0xC0000)), {}),
    "a region past the end": ("past-end", ESP8266, dict(vfs=(LITTLEFS, 0x100000, 0x500000)), {}),
    "a region that begins past the end": ("past-end", ESP8266, dict(more=(USER, 0x500000, 0x501000)), {}),
    "an address off a sector": ("sector-boundary", ESP8266, dict(user=(USER, 0xC0800, 0xC4000)), {}),
    "a size off a sector": ("sector-boundary", ESP8266, dict(user=(USER, 0xC0000, 0xC3F00)), {}),
    "a flash of no size that is made": ("flash-size", ESP8266, {}, dict(flash="3MB")),
    "a file system of one sector": ("file-system-size", ESP8266, dict(vfs=(LITTLEFS, 0x100000, 0x101000)), {}),
    "nothing at flash 0": ("boot", changed(ESP8266, loader=None, displaced=None, journal=None, map=None,
                                           installer=None), {}, {}),
    "a file system at flash 0": ("boot", ESP8266, dict(loader=None, firmware=(APP, 0x2000, 0xC0000),
                                                       fs=(LITTLEFS, 0, 0x2000)), {}),
    "an application away from the loader": ("boot", ESP8266, dict(firmware=(APP, 0x2000, 0xC0000)), {}),
    "a program past the first megabyte": ("xip-window", ESP8266, dict(code=(APP, 0x200000, 0x210000),
                                                                      vfs=(LITTLEFS, 0x210000, 0x3FB000)), {}),
    "native code past the first megabyte": ("xip-window", ESP8266, dict(native=(NATIVE, 0x100000, 0x110000),
                                                                        vfs=(LITTLEFS, 0x110000, 0x3FB000)), {}),
    "a program across the end of the window": ("xip-window", ESP8266, dict(
        native=(NATIVE, 0xFF000, 0x101000), displaced=None, journal=None, map=None, installer=None, loader=None,
        firmware=(APP, 0, 0xC0000), vfs=(LITTLEFS, 0x101000, 0x3FB000)), {}),
    "a ROMFS that is not mapped": ("romfs", ESP8266, dict(romfs=(ROMFS, 0x100000, 0x140000),
                                                          vfs=(LITTLEFS, 0x140000, 0x3FB000)), {}),
    "a file system in the SDK's sectors": ("system-sectors", ESP8266, dict(vfs=(LITTLEFS, 0x100000, 0x3FC000),
                                                                          system=(SYSTEM, 0x3FC000, 0x400000)), {}),
    "four sectors where SDK 3 takes five": ("system-size", ESP8266, dict(system=(SYSTEM, 0x3FC000, 0x400000)),
                                            dict(more="sdk=3")),
    "the SDK's region in the middle": ("system-place", ESP8266, dict(vfs=(LITTLEFS, 0x100000, 0x3F0000),
                                                                     system=(SYSTEM, 0x3F0000, 0x3F5000)), {}),
    "the SDK's region at the end of a smaller chip": (
        "system-place", ESP8266, dict(vfs=(LITTLEFS, 0x100000, 0x1FB000), system=(SYSTEM, 0x1FB000, 0x200000)), {}),
    "PHY data where SDK 2 does not look": ("phy-init", ESP8266, dict(phy_init=(PHY, 0x3FA000, 0x3FB000),
                                                                     vfs=(LITTLEFS, 0x100000, 0x3FA000)), {}),
    "RF calibration moved under SDK 1": ("rf-cal", ESP8266, dict(rf_cal=((0x40, 7), 0x3FA000, 0x3FB000),
                                                                 vfs=(LITTLEFS, 0x100000, 0x3FA000)),
                                         dict(more="sdk=1")),
    "RF calibration moved nobody says where": ("rf-cal", ESP8266, dict(system=(SYSTEM, 0x3FD000, 0x400000)),
                                               dict(more="sdk=3 system=3")),
    "PHY data moved nobody says where": ("phy-init", ESP8266, dict(system=(SYSTEM, 0x3FD000, 0x400000)),
                                         dict(more="sdk=3 system=3")),
    "no journal": ("oneslot-parts", ESP8266, dict(journal=None), {}),
    "no loader": ("oneslot-parts", ESP8266, dict(loader=None, firmware=(APP, 0, 0xC0000)), {}),
    "a loader elsewhere": ("oneslot-parts", ESP8266, dict(loader=(LOADER, 0xC3000, 0xC4000),
                                                          user=(USER, 0xC0000, 0xC3000),
                                                          firmware=(APP, 0, 0xC0000)), {}),
    "two journals": ("oneslot-parts", ESP8266, dict(second=(JOURNAL, 0xC0000, 0xC2000),
                                                    user=(USER, 0xC2000, 0xC4000)), {}),
    "a journal of one sector": ("oneslot-sizes", ESP8266, dict(journal=(JOURNAL, 0xF6000, 0xF7000)), {}),
    "an installer that is too small": ("oneslot-sizes", ESP8266, dict(installer=(INSTALLER, 0xF8000, 0xFF000)), {}),
    "an application off 64 KiB": ("app-alignment", ESP32, dict(ota_1=(OTA_1, 0x1C1000, 0x340000)), {}),
    "no application": ("app-missing", ESP32, dict(factory=None, ota_0=None, ota_1=None, otadata=None), {}),
    "a partition over the table": ("first-partition", ESP32, dict(nvs=(NVS, 0x8000, 0xE000)), {}),
    "a partition over the boot loader": ("bootloader", ESP32, dict(low=(USER, 0x4000, 0x5000)), {}),
    "otadata of one sector": ("otadata", ESP32, dict(otadata=(OTADATA, 0xE000, 0xF000)), {}),
    "otadata missing": ("otadata", ESP32, dict(otadata=None), {}),
    "otadata twice": ("otadata", ESP32, dict(nvs=(NVS, 0x9000, 0xC000), again=(OTADATA, 0xC000, 0xE000)), {}),
    "a gap in the OTA slots": ("ota-slots", ESP32, dict(ota_1=(OTA_2, 0x1C0000, 0x340000)), {}),
    "an OTA slot twice": ("ota-slots", ESP32, dict(ota_1=(OTA_0, 0x1C0000, 0x340000)), {}),
    "a small nvs": ("nvs-size", ESP32, dict(nvs=(NVS, 0x9000, 0xB000)), {}),
    "a journal of one sector beside a vendor boot loader": (
        "data-size", ESP32, dict(nvs=(NVS, 0x9000, 0xD000), journal=(JOURNAL, 0xD000, 0xE000)), {}),
    "no journal on an ESP32": ("oneslot-parts", ESP32_ONESLOT, dict(journal=None), {}),
    "no settings on an ESP32": ("oneslot-parts", ESP32_ONESLOT, dict(settings=None), {}),
    "no installer on an ESP32": ("oneslot-parts", ESP32_ONESLOT, dict(installer=None), {}),
    "an application that is no OTA slot": ("oneslot-parts", ESP32_ONESLOT, dict(ota_0=(TEST, 0x10000, 0x1E0000)), {}),
    "two installers on an ESP32": (
        "oneslot-parts", ESP32_ONESLOT, dict(vfs=(FAT, 0x210000, 0x400000), more=(APP, 0x200000, 0x210000)), {}),
    "an installer of 60 KiB": ("oneslot-sizes", ESP32_ONESLOT, dict(installer=(APP, 0x1E0000, 0x1EF000)), {}),
    "an installer off 64 KiB": ("app-alignment", ESP32_ONESLOT, dict(
        ota_0=(OTA_0, 0x10000, 0x1D0000), installer=(APP, 0x1DF000, 0x1EF000)), {}),
    "a second slot beside the installer": ("oneslot-one-slot", ESP32_ONESLOT, dict(
        vfs=(FAT, 0x300000, 0x400000), ota_1=(OTA_1, 0x200000, 0x300000)), {}),
    "no otadata beside the installer": ("otadata", ESP32_ONESLOT, dict(otadata=None), {}),
}


class TestPlantedInMaps:
    @pytest.mark.parametrize("fault", MAP_FAULTS)
    def test_it_is_named(self, oneslot, tmp_path, fault):
        rule, good, changes, how = MAP_FAULTS[fault]
        chip = "esp32" if good in (ESP32, ESP32_ONESLOT) else "esp8266"
        result, found = check_bytes(oneslot, tmp_path, csv(changed(good, **changes), chip, **how))
        assert rule in grave(found), result
        assert rule in names(oneslot)

    def test_a_region_behind_a_higher_one_and_two_of_a_name(self, oneslot, tmp_path):
        rows = list(ESP8266.items())
        rows[2], rows[3] = rows[3], rows[2]
        assert ("order", "warning") in check_bytes(oneslot, tmp_path, csv(rows))[1]
        rows = [("twin", row) if name in ("user", "native") else (name, row) for name, row in ESP8266.items()]
        assert ("label", "error") in check_bytes(oneslot, tmp_path, csv(rows))[1]

    def test_sdk_1_takes_four_sectors_and_the_sketch_too(self, oneslot, tmp_path):
        rows = changed(ESP8266, system=(SYSTEM, 0x3FC000, 0x400000), vfs=(LITTLEFS, 0x100000, 0x3FC000))
        assert grave(check_bytes(oneslot, tmp_path, csv(rows, more="sdk=1"))[1]) == set()
        assert grave(check_bytes(oneslot, tmp_path, csv(rows, more="sdk=2"))[1]) == {"system-sectors"}
        rows = changed(rows, vfs=(LITTLEFS, 0x100000, 0x3FB000), eeprom=(USER, 0x3FB000, 0x3FC000))
        assert grave(check_bytes(oneslot, tmp_path, csv(rows, more="sdk=2"))[1]) == set()

    def test_user2_runs_in_the_second_megabyte_when_boot_v1_maps_it(self, oneslot, tmp_path):
        rows = {"boot": ((2, 0), 0, 0x1000), "user1": (OTA_0, 0x1000, 0xF9000), "user2": (OTA_1, 0x101000, 0x1F9000),
                "system": (SYSTEM, 0x1FB000, 0x200000)}
        assert grave(check_bytes(oneslot, tmp_path, csv(rows, flash="2MB", more="sdk=3"))[1]) == set()

    def test_what_could_be_better_is_advice(self, oneslot, tmp_path):
        low = changed(ESP8266, firmware=(APP, 0x1000, 0x90000), files=(LITTLEFS, 0x90000, 0xC0000),
                      vfs=None, system=None)
        _, found = check_bytes(oneslot, tmp_path, csv(low))
        assert {("executable-waste", "advice"), ("system-listed", "advice")} <= set(found)
        _, found = check_bytes(oneslot, tmp_path, csv(changed(ESP8266, firmware=(APP, 0x1000, 0xBE000))))
        assert ("erase-block", "advice") in found
        _, found = check_bytes(oneslot, tmp_path, csv(changed(ESP8266, vfs=None)))
        assert ("oneslot-source", "advice") in found

    def test_more_findings_than_are_kept_lose_no_error(self, oneslot, tmp_path):
        rows = [(f"r{index}", (APP, 0x1000 + index, 0x200000)) for index in range(24)]
        result, found = check_bytes(oneslot, tmp_path, csv(rows))
        assert len(found) == 64 and {weight for _, weight in found} == {"error"}, result


def spoilt(change):
    def make():
        out = bytearray(table(ESP8266))
        return bytes(change(out) or out)
    return make


def other_magic(out):
    out[96] = 0x12


def other_md5(out):
    out[len(ESP8266) * 32 + 20] ^= 1


def row_behind(out):
    at = (len(ESP8266) + 1) * 32
    out[at:at + 32] = out[:32]


# Faults of a binary table.
TABLE_FAULTS = {
    "a row without its magic": ("table-magic", spoilt(other_magic)),
    "a wrong MD5": ("table-md5", spoilt(other_md5)),
    "a changed row": ("table-md5", spoilt(lambda out: out.__setitem__(40, out[40] ^ 0x10))),
    "a row behind the MD5": ("table-behind-md5", spoilt(row_behind)),
    "no MD5": ("table-no-md5", lambda: table(ESP8266, md5=False)),
    "no row": ("table-empty", lambda: table({})),
    "more rows than are held": ("table-rows", lambda: table(
        {f"r{n}": (APP if n == 0 else USER, n * 0x10000, (n + 1) * 0x10000) for n in range(26)})),
    "a region that ends past 4 GiB": ("past-end", lambda: table({**ESP8266, "more": (USER, 0xFFFFF000, 0x100001000)})),
    "a label that cannot be printed": ("label", lambda: table(changed(ESP8266, user=None,
                                                                      **{"\x07": (USER, 0xC0000, 0xC4000)}))),
}


class TestPlantedInTables:
    def test_a_sound_one_breaks_no_rule(self, oneslot, tmp_path):
        result, found = check_bytes(oneslot, tmp_path, table(ESP8266), "--sdk", "2", name="table.bin")
        assert grave(found) == set(), result

    @pytest.mark.parametrize("fault", TABLE_FAULTS)
    def test_it_is_named(self, oneslot, tmp_path, fault):
        rule, make = TABLE_FAULTS[fault]
        result, found = check_bytes(oneslot, tmp_path, make(), "--flash-size", "4MB", name="table.bin")
        assert rule in grave(found), result


@pytest.fixture()
def device(oneslot, tmp_path):
    """The flash of a device with Oneslot, 2 MB."""
    (tmp_path / "fw.bin").write_bytes(micropython())
    oneslot.ok("image", tmp_path / "fw.bin", "--flash-size", "2MB", "-o", tmp_path / "flash.bin")
    return bytearray((tmp_path / "flash.bin").read_bytes())


@pytest.fixture()
def stock():
    """The flash of a device without it: firmware, PHY data, a littlefs; header for 2 MB."""
    flash = bytearray(b"\xff" * (2 * MEGABYTE))
    image = bytearray(micropython())
    image[3] = 0x30
    flash[:len(image)] = image
    flash[0x1FC000:0x1FC080] = bytes([5] + [0] * 127)
    flash[MEGABYTE:0x1FB000] = make_littlefs({"/a": b"a" * 5000}, 0xFB000)
    return flash


def put(flash, at, data):
    flash[at:at + len(data)] = data


def new_table(flash, change):
    """Changes a row of the map in the flash and mends the MD5."""
    end = flash.index(b"\xeb\xeb", 0xF7000)
    rows = bytearray(flash[0xF7000:end])
    for at in range(0, len(rows), 32):
        name = bytes(rows[at + 12:at + 28]).rstrip(b"\0").decode()
        if name in change:
            struct.pack_into("<II", rows, at + 4, *change[name])
    put(flash, 0xF7000, rows + b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(rows).digest())


def new_layout(flash, at, value):
    struct.pack_into("<I", flash, 16 + at, value)
    struct.pack_into("<I", flash, 76, zlib.crc32(bytes(flash[16:76])))


FILES = make_littlefs({"/a": b"a" * 5000}, 0x20000)


def fat(size):
    """The boot sector that MicroPython's FAT driver writes."""
    sector = bytearray(SECTOR)
    sector[:11] = b"\xeb\xfe\x90MSDOS5.0"
    struct.pack_into("<HBHBHH", sector, 11, SECTOR, 1, 1, 1, 512, size // SECTOR)
    sector[54:62] = b"FAT     "
    sector[510:512] = b"\x55\xaa"
    return bytes(sector)


# Faults in the flash of a device with Oneslot.
DEVICE_FAULTS = {
    "nothing that the ROM starts at 0": ("boot", lambda f: f.__setitem__(0, 0xEA)),
    "the layout block has the displaced sector elsewhere": ("layout", lambda f: new_layout(f, 12, 0xF3000)),
    "the layout block has the journal elsewhere": ("layout", lambda f: new_layout(f, 16, 0xF2000)),
    "the layout block has the installer elsewhere": ("layout", lambda f: new_layout(f, 24, 0xE8000)),
    "the layout block lets images run on": ("layout", lambda f: new_layout(f, 28, 0xF8000)),
    "the layout block is for another chip": ("layout", lambda f: new_layout(f, 8, 4 * MEGABYTE)),
    "the map has the installer elsewhere": ("layout", lambda f: new_table(f, {"installer": (0xE8000, 0x8000),
                                                                              "firmware": (0x1000, 0xE7000)})),
    "the displaced sector is gone": ("content-parts", lambda f: put(f, 0xF4000, b"\xff" * SECTOR)),
    "the installer is gone": ("content-parts", lambda f: put(f, 0xF8000, b"\xff" * 0x8000)),
    "the firmware is damaged": ("firmware-image", lambda f: put(f, 0x12345, b"damage")),
    "a FAT where the map has a littlefs": ("content-fs-missing", lambda f: put(f, MEGABYTE, fat(0xFB000) * 3)),
    "noise where the map has a file system": ("content-fs-missing", lambda f: put(f, MEGABYTE, b"noise" * 9000)),
    "a file system that is larger than its region": (
        "content-fs-size", lambda f: put(f, MEGABYTE, make_littlefs({"/a": b"a"}, 0x100000)[:0xFB000])),
    "a file system where the map has the firmware": ("content-fs-unlisted", lambda f: put(f, 0x80000, FILES)),
    "a FAT where the map has the firmware": ("content-fs-unlisted", lambda f: put(f, 0x80000, fat(0x20000))),
    "journal records in the firmware's region": (
        "content-journal-unlisted", lambda f: put(f, 0x90000, bytes(f[0xF5000:0xF7000]))),
    "the header tells of a larger chip": ("header-size", lambda f: f.__setitem__(3, 0x40)),
    "the header tells of a smaller chip": ("header-size", lambda f: f.__setitem__(3, 0x20)),
    "the header tells of a size that is none": ("header-size", lambda f: f.__setitem__(3, 0xF0)),
    "the table's MD5 is wrong": ("table-md5", lambda f: f.__setitem__(0xF7004, 0x10)),
    "two regions over each other": ("overlap", lambda f: new_table(f, {"vfs": (0xFF000, 0xFC000)})),
    "the firmware past its region": ("firmware-size", lambda f: new_table(f, {"firmware": (0x1000, 0x10000)})),
    "a region of the user's over the code": ("code-overlap", lambda f: new_table(
        f, {"firmware": (0x1000, 0x10000), "vfs": (0x11000, 0x1EA000)})),
    "something else for PHY data": ("content-phy-init", lambda f: put(f, 0x1FC000, b"my own data" * 20)),
}

# Faults in the flash of a stock device.
STOCK_FAULTS = {
    "no file system, but something": ("content-fs-missing", lambda f: put(f, MEGABYTE, b"noise" * 9000)),
    "a file system in front of its region": ("content-fs-unlisted", lambda f: put(f, 0xD0000, FILES)),
    "something else for PHY data": ("content-phy-init", lambda f: put(f, 0x1FC000, b"my own data" * 20)),
    "the header tells of a smaller chip": ("header-size", lambda f: f.__setitem__(3, 0x20)),
    "the firmware is damaged": ("firmware-image", lambda f: put(f, 0x12345, b"damage")),
}


class TestPlantedInDumps:
    def test_sound_ones_break_no_rule(self, oneslot, tmp_path, device, stock):
        for flash in (device, stock):
            result, found = check_bytes(oneslot, tmp_path, flash, name="dump.bin")
            assert grave(found) == set(), result

    @pytest.mark.parametrize("fault", DEVICE_FAULTS)
    def test_it_is_named_with_oneslot(self, oneslot, tmp_path, device, fault):
        rule, spoil = DEVICE_FAULTS[fault]
        spoil(device)
        result, found = check_bytes(oneslot, tmp_path, device, name="dump.bin")
        assert rule in grave(found), result

    @pytest.mark.parametrize("fault", STOCK_FAULTS)
    def test_it_is_named_without(self, oneslot, tmp_path, stock, fault):
        rule, spoil = STOCK_FAULTS[fault]
        spoil(stock)
        result, found = check_bytes(oneslot, tmp_path, stock, name="dump.bin")
        assert rule in grave(found), result

    def test_a_dump_without_a_program_says_so(self, oneslot, tmp_path, stock):
        stock[0] = 0xEA
        (tmp_path / "dump.bin").write_bytes(stock)
        result = oneslot("map", "check", tmp_path / "dump.bin")
        assert result.status == 1 and "no firmware at 0" in result.err

    def test_a_journal_without_oneslot_is_seen(self, oneslot, tmp_path, stock, device):
        put(stock, 0xF5000, bytes(device[0xF5000:0xF7000]))
        result, found = check_bytes(oneslot, tmp_path, stock, name="dump.bin")
        assert "content-journal-unlisted" in grave(found), result

    def test_an_erased_file_system_is_advice(self, oneslot, tmp_path, stock):
        put(stock, MEGABYTE, b"\xff" * 0xFB000)
        result, found = check_bytes(oneslot, tmp_path, stock, name="dump.bin")
        assert ("content-fs-missing", "advice") in found and grave(found) == set(), result

    def test_a_smaller_file_system_is_advice(self, oneslot, tmp_path, stock):
        put(stock, MEGABYTE, make_littlefs({"/a": b"a"}, 0x80000))
        result, found = check_bytes(oneslot, tmp_path, stock, name="dump.bin")
        assert ("content-fs-size", "advice") in found and grave(found) == set(), result

    def test_files_that_hold_an_image_of_a_flash_are_no_fault(self, oneslot, tmp_path, stock, device):
        inner = bytes(device[0xF5000:0xF7000]) + FILES
        put(stock, MEGABYTE, make_littlefs({"/copy": inner}, 0xFB000))
        assert grave(check_bytes(oneslot, tmp_path, stock, name="dump.bin")[1]) == set()

    def test_no_spoilt_dump_brings_the_tool_down(self, oneslot_sanitized, tmp_path, device, stock):
        for number, flash in enumerate((device, stock)):
            for at in (0, 3, 16, 28, 0x8FFC, 0xF5000, 0xF7004, 0xF7008, MEGABYTE + 8, MEGABYTE + 24, 0x1FC000):
                for value in (b"\0\0\0\0", b"\xff\xff\xff\xff", b"\xf0\xff\xff\xff"):
                    bad = bytearray(flash)
                    put(bad, at, value)
                    path = tmp_path / f"{number}.bin"
                    path.write_bytes(bad)
                    result = oneslot_sanitized("map", "check", path)
                    assert result.status in (0, 1), result
                    assert "Sanitizer" not in result.err and "runtime error" not in result.err, result


class TestFirmwareBesideAMap:
    def test_the_room_is_named(self, oneslot):
        result = oneslot.ok("map", "check", "sdk2-90000", "--firmware", "514K", "--json")
        assert result.json["maps"][0]["firmware"] == {"address": 0, "size": 514 * 1024, "region_end": 0x84000}
        text = oneslot.ok("map", "check", "sdk2-90000", "--firmware", "514K").out
        assert "14336 bytes of headroom" in text or "14 KiB of headroom" in text
        assert "advice   headroom" in text

    def test_one_that_is_too_large_is_refused_with_the_numbers(self, oneslot):
        result = oneslot("map", "check", "sdk2-90000", "--firmware", "550K")
        assert result.status == 1
        assert "firmware-size: the firmware (563200 bytes from 0x0) ends at 0x89800, 22528 bytes past" in result.out
        assert "code-overlap: the firmware (0x0 to 0x89800) runs over 'user'" in result.out

    def test_its_file_system_must_be_the_map_s(self, oneslot, tmp_path):
        path = tmp_path / "fw.bin"
        image = bytearray(micropython(file_system=0x99000))
        image[3] = 0x20  # for 1 MB
        path.write_bytes(image)
        assert grave(check(oneslot, "micropython-1m", "--firmware", path)[1]) == set()
        _, found = check(oneslot, "sdk2-90000", "--firmware", path)
        assert ("firmware-file-system", "error") in found
        _, found = check(oneslot, "arduino-1m64", "--firmware", path)
        assert ("firmware-file-system", "error") in found and ("native-sector", "warning") in found

    def test_the_next_firmware_must_find_room_in_the_files(self, oneslot, tmp_path):
        (tmp_path / "fw.bin").write_bytes(micropython(size=0x40000))
        rows = changed(ESP8266, vfs=(LITTLEFS, 0x100000, 0x120000))
        _, found = check_bytes(oneslot, tmp_path, csv(rows), "--firmware", tmp_path / "fw.bin")
        assert ("oneslot-source", "advice") in found

    def test_a_damaged_one_and_one_for_another_chip_are_named(self, oneslot, tmp_path):
        bad = bytearray(micropython())
        bad[0x12345] ^= 1
        (tmp_path / "bad.bin").write_bytes(bad)
        assert "firmware-image" in grave(check(oneslot, "micropython-4m", "--firmware", tmp_path / "bad.bin")[1])
        (tmp_path / "none.bin").write_bytes(b"no image" * 5000)
        assert "firmware-image" in grave(check(oneslot, "micropython-4m", "--firmware", tmp_path / "none.bin")[1])
        assert "firmware-image" in grave(check(oneslot, "esp32-oneslot-4m", "--firmware", tmp_path / "bad.bin")[1])

    def test_the_smallest_slot_counts_on_the_esp32(self, oneslot, tmp_path):
        _, found = check_bytes(oneslot, tmp_path, csv(ESP32, "esp32"), "--firmware", "1500K")
        assert ("headroom", "advice") in found and grave(found) == set()
        _, found = check_bytes(oneslot, tmp_path, csv(ESP32, "esp32"), "--firmware", "1600K")
        assert grave(found) == {"firmware-size"}


# What is right for each image of shared/firmware, by the size of the chip: findings but advice, then advice that must
# be there. The reasons stand beside the rows.
USER1 = {"boot"}  # needs boot_v1.x, a file of its own: a warning
TOO_LARGE = {"past-end", "header-size"}
RIGHT = [
    # A FLASH_1M build: fits everywhere, with little room; on larger chips its files lie in executable sectors.
    *[(f"mp8266-1m-v1.22.{n}", {1: (set(), {"headroom"}), 2: (set(), {"headroom", "executable-waste", "header-size"}),
                                4: (set(), {"headroom", "executable-waste", "header-size"})}) for n in (1, 2)],
    # Before 1.12 also the generic build kept its files in the first megabyte; its header says 512 KB.
    *[(name, {size: (set(), {"headroom", "header-size"}) for size in (1, 2, 4)})
      for name in ("mp8266-v1.10", "mp8266-v1.9.4")],
    ("mp8266-v1.8.2-39", {size: (set(), {"header-size"}) for size in (1, 2, 4)}),
    # The generic build from 1.12 on looks for its files from 0x100000 on: there is no room for any on 1 MB.
    *[(name, {1: ({"firmware-file-system", "past-end"}, set()), 2: (set(), {"header-size"}),
              4: (set(), {"header-size"})})
      for name in ("mp8266-iot-20200701", "mp8266-iot-20200702", "mp8266-v1.20.0", "mp8266-v1.22.1",
                   "mp8266-v1.23.0", "mp8266-v1.24.0")],
    *[(f"nodemcu-2015010{n}", {size: (set(), {"header-size"}) for size in (1, 2, 4)}) for n in (6, 7)],
    # A sketch built for 4 MB: its files lie from 0x300000 on.
    *[(f"wled8266-0.14.{n}", {1: (TOO_LARGE | {"firmware-file-system"}, set()),
                              2: (TOO_LARGE | {"firmware-file-system"}, set()), 4: (set(), set())}) for n in (2, 3)],
    # user1 for a 2 MB-c1 map: user2 and parameters have no place on 1 MB.
    *[(f"at8266-user1-3.0.{n}", {1: (TOO_LARGE | USER1 | {"overlap", "system-sectors"}, set()), 2: (USER1, set()),
                                 4: (USER1, {"header-size"})}) for n in (4, 5)],
    # The ESP32's table is for 4 MB: on 1 MB the application itself is past the end, on 2 MB the file system.
    *[(name, {1: (TOO_LARGE, set()), 2: (TOO_LARGE, set()), 4: (set(), set())})
      for name in ("mp32-v1.23.0", "mp32-v1.24.0", "mp32-v1.24.1", "mp32c3-v1.20.0", "mp32c3-v1.22.1")],
]


class TestRealFirmware:
    @pytest.mark.parametrize("name,megabytes", [(name, size) for name, sizes in RIGHT for size in sizes])
    def test_the_right_thing_is_said(self, oneslot, firmware, name, megabytes):
        wrong, advice = dict(RIGHT)[name][megabytes]
        result, found = check(oneslot, firmware / f"{name}.bin", "--flash-size", f"{megabytes}MB")
        assert grave(found) == wrong, result
        assert advice <= {rule for rule, weight in found if weight == "advice"}, result

    def test_every_image_is_in_the_table(self, firmware):
        assert {path.stem for path in firmware.glob("*.bin")} - {name for name, _ in RIGHT} == {"boot_v1.7"}

    def test_a_boot_loader_alone_implies_no_map(self, oneslot, firmware):
        result = oneslot("map", "check", firmware / "boot_v1.7.bin", "--flash-size", "1MB")
        assert result.status == 1 and "boot loader" in result.err

    @pytest.mark.parametrize("name,size", [("mp8266-v1.24.0", "4MB"), ("wled8266-0.14.3", "4MB"),
                                           ("at8266-user1-3.0.5", "2MB-c1"), ("nodemcu-20150107", "1MB")])
    def test_what_oneslot_image_makes_breaks_no_rule(self, oneslot, firmware, tmp_path, name, size):
        boot = ["--boot", firmware / "boot_v1.7.bin"] if name.startswith("at") else []
        oneslot.ok("image", firmware / f"{name}.bin", "--flash-size", size, *boot, "-o", tmp_path / "flash.bin")
        result, found = check(oneslot, tmp_path / "flash.bin")
        assert grave(found) == set(), result

    def test_user1_without_its_boot_loader_starts_nothing(self, oneslot, firmware, tmp_path):
        user1 = (firmware / "at8266-user1-3.0.5.bin").read_bytes()
        boot = bytearray((firmware / "boot_v1.7.bin").read_bytes().ljust(SECTOR, b"\xff"))
        boot[3] = 0x50
        for head, wrong in ((b"\xff" * SECTOR, {"boot"}), (boot, set())):
            flash = (head + user1).ljust(2 * MEGABYTE, b"\xff")
            result, found = check_bytes(oneslot, tmp_path, flash, name="dump.bin")
            assert grave(found) & {"boot"} == wrong, result

    def test_an_esp32_dump_is_looked_into(self, oneslot, firmware, tmp_path):
        image = (firmware / "mp32-v1.24.0.bin").read_bytes()
        flash = bytearray((b"\xff" * 0x1000 + image).ljust(4 * MEGABYTE, b"\xff"))
        result, found = check_bytes(oneslot, tmp_path, flash, name="dump.bin")
        assert grave(found) == set(), result
        for spoil, rule in (
                (lambda f: put(f, 0x1000, bytes(16)), "bootloader"),
                (lambda f: put(f, 0x10000, b"\xff" * 0x10000), "firmware-image"),
                (lambda f: put(f, 0x10000, bytes(64)), "firmware-image"),
                (lambda f: f.__setitem__(0x1000C, 5), "firmware-chip"),
                (lambda f: f.__setitem__(0x1003, 0x4F), "header-size"),
                (lambda f: f.__setitem__(0x8020, 0), "table-magic"),
                (lambda f: put(f, 0x1D0000, FILES), "content-fs-unlisted"),
        ):
            bad = bytearray(flash)
            spoil(bad)
            result, found = check_bytes(oneslot, tmp_path, bad, name="dump.bin")
            assert rule in grave(found), (rule, result)

    def test_a_program_for_another_chip_is_named(self, oneslot, firmware):
        _, found = check(oneslot, "esp32-oneslot-4m", "--firmware", firmware / "mp32c3-v1.20.0.bin")
        assert grave(found) & {"firmware-chip", "firmware-image"}
        _, found = check(oneslot, "micropython-4m", "--firmware", firmware / "mp32-v1.24.0.bin")
        assert "firmware-chip" in grave(found)
        _, found = check(oneslot, "esp32-oneslot-4m", "--firmware", firmware / "mp32-v1.24.0.bin")
        assert grave(found) == set()
