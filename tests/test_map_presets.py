"""The presets of `oneslot map`, how maps are read, and the forms that they are exported in. ESP-IDF's own table code
(the PyPI package esp-idf-defs) and the figures of others' linker scripts are the judges."""

import re
import struct

import pytest
from esp_idf_defs.partitions import PartitionTable

KIB, MIB = 1024, 1024 * 1024
PRESETS = """
    micropython-512k micropython-1m micropython-2m micropython-2m-romfs micropython-4m micropython-8m micropython-16m
    oneslot-micropython-4m sdk1-89000 sdk2-90000
    arduino-512k arduino-512k32 arduino-512k64 arduino-512k128
    arduino-1m arduino-1m64 arduino-1m128 arduino-1m144 arduino-1m160 arduino-1m192 arduino-1m256 arduino-1m512
    arduino-2m arduino-2m64 arduino-2m128 arduino-2m256 arduino-2m512 arduino-2m1m
    arduino-4m arduino-4m1m arduino-4m2m arduino-4m3m arduino-8m6m arduino-8m7m arduino-16m14m arduino-16m15m
    nodemcu esp32-micropython-4m esp32-oneslot-4m esp32-oneslot-8m esp32-oneslot-16m
    esp32-arduino-4m esp32-oneslot-arduino
""".split()


@pytest.fixture
def export(oneslot):
    def run(what, form, *options):
        result = oneslot.ok("map", "export", "--format", form, what, *options)
        return result.bytes if form == "bin" else result.json if form == "json" else result.out

    return run


def regions(json):
    """Label to (start, end)."""
    return {row["name"]: (row["address"], row["address"] + row["size"]) for row in json["regions"]}


def rows(csv):
    return [line for line in csv.splitlines() if line and not line.startswith("#")]


def facts(csv):
    return re.search(r"^# oneslot: (.*)$", csv, re.M).group(1)


def test_the_list_names_all_presets_that_are_known(oneslot):
    assert sorted(row["name"] for row in oneslot.ok("map", "list", "--json").json["presets"]) == sorted(PRESETS)


@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_comes_back_from_csv_and_binary_as_it_was(name, export, tmp_path):
    csv = export(name, "csv")
    (tmp_path / "one.csv").write_text(csv)
    again = export(tmp_path / "one.csv", "csv")
    assert rows(again) == rows(csv) and facts(again) == facts(csv)
    binary = export(tmp_path / "one.csv", "bin")
    assert binary == export(name, "bin")
    (tmp_path / "one.bin").write_bytes(binary)
    assert rows(export(tmp_path / "one.bin", "csv")) == rows(csv)
    assert export(tmp_path / "one.bin", "bin") == binary


@pytest.mark.parametrize("name", PRESETS)
def test_a_binary_table_is_what_esp_idf_makes_of_the_same_rows(name, export):
    binary = export(name, "bin")
    table = PartitionTable.from_binary(binary)
    assert table.to_binary() == binary
    assert {row.name: (row.offset, row.offset + row.size) for row in table} == regions(export(name, "json"))


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("esp32")])
def test_esp_idf_accepts_the_maps_of_the_esp32_and_reads_their_csv(name, export):
    csv = "\n".join(rows(export(name, "csv")))
    table = PartitionTable.from_csv(csv)
    table.verify(0x8000)
    assert table.to_binary() == export(name, "bin")


@pytest.mark.parametrize("name", PRESETS)
def test_no_preset_breaks_a_rule(name, oneslot):
    result = oneslot("map", "check", name)
    assert result.status == 0, result


@pytest.mark.parametrize("name", PRESETS)
def test_regions_of_a_preset_are_sectors_in_order_inside_the_flash(name, export):
    json = export(name, "json")
    places = list(regions(json).values())
    assert all(start % 4096 == 0 and end % 4096 == 0 and start < end <= json["flash_size"] for start, end in places)
    by_address = sorted(places)
    assert all(first[1] <= second[0] for first, second in zip(by_address, by_address[1:]))


# Linker scripts. micropython/micropython at 1c3c201149f3, ports/esp8266/boards/esp8266_{512kiB,1MiB,2MiB,2MiB_ROMFS}
# .ld; all of them have the first three; 4, 8 and 16 MiB chips take the script for 2 MiB.
RAM = {"dport0_0_seg": (0x3FF00000, 16), "dram0_0_seg": (0x3FFE8000, 80 * KIB), "iram1_0_seg": (0x40100000, 32 * KIB)}
LARGE = {"irom0_0_seg": (0x40209000, MIB - 36 * KIB)}
MEMORY = {
    "micropython-512k": {"irom0_0_seg": (0x40209000, 512 * KIB - 36 * KIB - 20 * KIB)},
    "micropython-1m": {"irom0_0_seg": (0x40209000, 572 * KIB)},
    "micropython-2m": LARGE,
    "micropython-2m-romfs": {"irom0_0_seg": (0x40209000, MIB - 36 * KIB - 320 * KIB),
                             "FLASH_ROMFS": (0x402B0000, 320 * KIB)},
    "micropython-4m": LARGE,
    "micropython-8m": LARGE,
    "micropython-16m": LARGE,
    # esp8266/Arduino at f946290ea993, tools/sdk/ld/eagle.flash.*.ld
    "arduino-512k32": {"irom0_0_seg": (0x40201010, 0x71FF0)},
    "arduino-1m": {"irom0_0_seg": (0x40201010, 0xF9FF0)},
    "arduino-1m64": {"irom0_0_seg": (0x40201010, 0xE9FF0)},
    "arduino-1m512": {"irom0_0_seg": (0x40201010, 0x79FF0)},
    "arduino-4m2m": {"irom0_0_seg": (0x40201010, 0xFEFF0)},
    # nodemcu/nodemcu-firmware at 36cbf9f017d3, ld/nodemcu.ld
    "nodemcu": {"irom0_0_seg": (0x40210000, 0xE0000)},
}


@pytest.mark.parametrize("name", MEMORY)
def test_linker_memory_equals_that_of_the_firmwares_own_script(name, export):
    block = re.search(r"MEMORY\s*\{(.*?)\}", export(name, "ld"), re.S).group(1)
    found = {segment: (int(origin, 0), int(length, 0))
             for segment, origin, length in re.findall(r"(\w+)\s*:\s*org = (\w+), len = (\w+)", block)}
    assert found == {**RAM, **MEMORY[name]}


def test_a_linker_script_for_an_esp32_is_refused(oneslot):
    assert oneslot("map", "export", "--format", "ld", "esp32-oneslot-4m").status == 1


# The same sources: _FS_start and _FS_end without 0x40200000, and the size of the chip.
ARDUINO_FILES = {
    "512k32": (0x73000, 0x7B000), "512k64": (0x6B000, 0x7B000), "512k128": (0x5B000, 0x7B000),
    "1m64": (0xEB000, 0xFB000), "1m128": (0xDB000, 0xFB000), "1m144": (0xD7000, 0xFB000), "1m160": (0xD3000, 0xFB000),
    "1m192": (0xCB000, 0xFB000), "1m256": (0xBB000, 0xFB000), "1m512": (0x7B000, 0xFB000),
    "2m64": (0x1F0000, 0x1FB000), "2m128": (0x1E0000, 0x1FB000), "2m256": (0x1C0000, 0x1FB000),
    "2m512": (0x180000, 0x1FA000), "2m1m": (0x100000, 0x1FA000),
    "4m1m": (0x300000, 0x3FA000), "4m2m": (0x200000, 0x3FA000), "4m3m": (0x100000, 0x3FA000),
    "8m6m": (0x200000, 0x7FA000), "8m7m": (0x100000, 0x7FA000),
    "16m14m": (0x200000, 0xFFA000), "16m15m": (0x100000, 0xFFA000),
}


@pytest.mark.parametrize("split", ARDUINO_FILES)
def test_arduinos_file_system_eeprom_and_calibration_lie_where_its_scripts_have_them(split, export):
    json = export(f"arduino-{split}", "json")
    found, size = regions(json), json["flash_size"]
    assert found["littlefs"] == ARDUINO_FILES[split]
    assert found["eeprom"] == (size - 0x5000, size - 0x4000) and found["system"] == (size - 0x4000, size)
    number, unit = re.match(r"(\d+)([km])", split).groups()
    assert size == int(number) * (KIB if unit == "k" else MIB)


# modules/flashbdev.py: (size - 20480) // 4096 - start_sec blocks, from esp.flash_user_start() (the end of the code, and
# of ROMFS) on, one sector later below 1 MiB.
@pytest.mark.parametrize("name, user_start", [("micropython-1m", 0x98000), ("micropython-2m", MIB),
                                              ("micropython-2m-romfs", 0xB0000 + 320 * KIB), ("micropython-4m", MIB),
                                              ("micropython-8m", MIB), ("micropython-16m", MIB)])
def test_micropythons_constants_are_what_its_flashbdev_computes(name, user_start, export):
    start = user_start // 4096 + (1 if user_start < MIB else 0)
    size = export(name, "json")["flash_size"]
    constants = {}
    exec(export(name, "micropython"), constants)
    assert constants["START_SEC"] == start and constants["SEC_SIZE"] == 4096
    assert constants["BLOCKS"] == (size - 20480) // 4096 - start


def test_a_map_without_a_file_system_has_no_constants_for_flashbdev(oneslot):
    result = oneslot("map", "export", "--format", "micropython", "micropython-512k")
    assert result.status == 1 and "file system" in result.err


def test_the_map_that_was_asked_for_has_what_was_asked_for(export):
    new, old = export("sdk2-90000", "json"), export("sdk1-89000", "json")
    found = regions(new)
    assert found["vfs"][0] == 0x90000 and regions(old)["vfs"][0] == 0x89000
    assert found["native"][1] - found["native"][0] == 32 * KIB and found["native"][1] <= MIB
    # 514 KiB of firmware, rounded up to 8 KiB: 0xe000 bytes to the file system, of which all is given to something.
    firmware_end = (514 * KIB + 0x1FFF) & ~0x1FFF
    assert found["vfs"][0] - firmware_end == 0xE000
    assert firmware_end < found["firmware"][1] == found["user"][0]
    assert found["user"][1] == found["native"][0] and found["native"][1] == found["vfs"][0]
    assert new["flash_size"] == MIB and new["system_size"] == 5 * 4096 and old["system_size"] == 4 * 4096
    assert found["system"] == (MIB - 5 * 4096, MIB) and regions(old)["system"] == (MIB - 4 * 4096, MIB)


# Other forms.


def test_header_and_cmake_name_the_same_offsets_and_sizes(export):
    expected = {"FLASH_SIZE": MIB}
    for label, (start, end) in regions(export("sdk2-90000", "json")).items():
        expected[f"{label.upper()}_OFFSET"] = start
        expected[f"{label.upper()}_SIZE"] = end - start
    header = re.findall(r"#define FLASH_MAP_(\w+) (0x\w+)u", export("sdk2-90000", "header"))
    cmake = re.findall(r"set\(FLASH_MAP_(\w+) (0x\w+)\)", export("sdk2-90000", "cmake"))
    assert {name: int(value, 0) for name, value in header} == expected
    assert {name: int(value, 0) for name, value in cmake} == expected


def test_labels_that_are_no_names_in_c_become_some_and_stay_apart(export, tmp_path):
    (tmp_path / "m.csv").write_text("my files,data,fat,0x10000,0x1000\nmy-files,data,fat,0x11000,0x1000\n")
    names = re.findall(r"set\(FLASH_MAP_(\w+)_OFFSET", export(tmp_path / "m.csv", "cmake"))
    assert len(set(names)) == 2 and all(re.fullmatch(r"[A-Z0-9_]+", name) for name in names)


@pytest.mark.parametrize("arguments, status, words", [
    (["sdk2-90000"], 2, "format"),
    (["--format", "csv"], 2, "map"),
    (["--format", "xml", "sdk2-90000"], 1, "micropython"),
    (["--format", "csv", "micropython-3m"], 1, "no preset"),
    (["--format", "csv", "--chip", "esp99", "nodemcu"], 2, "esp99"),
    (["--format", "csv", "--flash-size", "5000", "nodemcu"], 2, "5000"),
    (["--format", "csv", "--sdk", "4", "nodemcu"], 2, "SDK"),
])
def test_what_cannot_be_exported_is_said_with_the_reason(arguments, status, words, oneslot):
    result = oneslot("map", "export", *arguments)
    assert result.status == status and words in result.err, result


def test_an_export_into_a_file_is_what_standard_output_would_be(oneslot, export, tmp_path):
    oneslot.ok("map", "export", "--format", "csv", "nodemcu", "-o", tmp_path / "m.csv")
    assert (tmp_path / "m.csv").read_text() == export("nodemcu", "csv")


# Reading.


def test_a_csv_says_chip_flash_and_sdk_in_a_comment(export, tmp_path):
    (tmp_path / "m.csv").write_text("# oneslot: chip=esp8266 flash=2MB sdk=1 system=3 irom=0x10000\n"
                                    "a,app,factory,0,64K\n")
    json = export(tmp_path / "m.csv", "json")
    assert (json["chip"], json["flash_size"], json["sdk"]) == ("esp8266", 2 * MIB, 1)
    assert (json["system_size"], json["irom"]) == (3 * 4096, 0x10000)


@pytest.mark.parametrize("comment", ["chip=esp99", "flash=lots", "sdk=9", "colour=red", "chip"])
def test_a_comment_that_says_something_wrong_is_refused(comment, oneslot, tmp_path):
    (tmp_path / "m.csv").write_text(f"# oneslot: {comment}\na,app,factory,0,64K\n")
    assert oneslot("map", "export", "--format", "csv", tmp_path / "m.csv").status == 1


def test_options_stand_over_what_a_csv_leaves_open(export, tmp_path):
    (tmp_path / "m.csv").write_text("a,app,factory,0,64K\n")
    json = export(tmp_path / "m.csv", "json", "--flash-size", "8MB", "--sdk", "3")
    assert (json["flash_size"], json["sdk"]) == (8 * MIB, 3)
    assert "assumed" in export(tmp_path / "m.csv", "json")["note"]


def test_offsets_that_an_idf_csv_leaves_out_are_those_of_the_idf(export, tmp_path):
    text = "nvs,data,nvs,,0x6000\nphy_init,data,phy,,0x1000\nfactory,app,factory,,1M\nstorage,data,fat,,0xf0000\n"
    (tmp_path / "m.csv").write_text(text)
    expected = {row.name: (row.offset, row.offset + row.size) for row in PartitionTable.from_csv(text)}
    json = export(tmp_path / "m.csv", "json")
    assert json["chip"] == "esp32" and regions(json) == expected


CSV_FORMS = """# Name, Type, SubType, Offset, Size, Flags
nvs, data, nvs, 0b1001000000000000, 0x6_000,
phy, data, phy, 0o170000, 1K,
nothing, data, , 0x10_000, 64k
factory, app, factory, 0x20000, 1_000K,
own, 0x40, 0xfe, , 65_536, encrypted
last, data, 0x99, , 1M, readonly:encrypted
"""


@pytest.mark.parametrize("form", ["plain", "byte order mark", "CRLF", "no line end at the end"])
def test_a_csv_is_read_as_esp_idf_reads_it_in_every_form_of_number_and_line(form, export, tmp_path):
    content = {"plain": CSV_FORMS, "byte order mark": "\ufeff" + CSV_FORMS, "CRLF": CSV_FORMS.replace("\n", "\r\n"),
               "no line end at the end": CSV_FORMS.rstrip()}[form]
    (tmp_path / "m.csv").write_bytes(content.encode())
    table = PartitionTable.from_csv(CSV_FORMS)
    json = export(tmp_path / "m.csv", "json")
    assert json["chip"] == "esp32"
    assert regions(json) == {row.name: (row.offset, row.offset + row.size) for row in table}
    assert export(tmp_path / "m.csv", "bin") == table.to_binary()


def test_an_encrypted_partition_tells_that_the_chip_is_no_esp8266(export, tmp_path):
    rows = "factory, app, factory, , 1M,\nstorage, data, 0xff, 0x170000, 0x1000,"
    (tmp_path / "m.csv").write_text(rows)
    assert export(tmp_path / "m.csv", "json")["chip"] == "esp8266"
    (tmp_path / "m.csv").write_text(rows + " encrypted")
    assert export(tmp_path / "m.csv", "bin") == PartitionTable.from_csv(rows + " encrypted").to_binary()


def test_a_binary_table_without_its_md5_is_read_and_that_is_said(export, oneslot, tmp_path):
    table = PartitionTable.from_csv(CSV_FORMS).to_binary()
    at = table.index(b"\xeb\xeb")
    (tmp_path / "t.bin").write_bytes(table[:at] + b"\xff" * (len(table) - at))
    assert regions(export(tmp_path / "t.bin", "json")) == {row.name: (row.offset, row.offset + row.size)
                                                           for row in PartitionTable.from_binary(table)}
    found = oneslot("map", "check", tmp_path / "t.bin", "--json").json["maps"][0]["findings"]
    assert "table-no-md5" in {row["rule"] for row in found}


@pytest.mark.parametrize("row", ["b,data,fat,0x8000,64K", "b,data,fat,0x10,64K", "b,data,fat,0x20000,0",
                                 "a,data,fat,0x20000,64K", "b,data,fat,0xf00000,64K"])
def test_a_csv_that_breaks_rules_is_read_so_that_the_check_can_name_them(row, export, oneslot, tmp_path):
    (tmp_path / "m.csv").write_text(f"# oneslot: chip=esp8266 flash=1MB\na,app,factory,0,64K\n{row}\n")
    assert len(export(tmp_path / "m.csv", "json")["regions"]) == 2
    assert oneslot("map", "check", tmp_path / "m.csv").status == 1


def broken_table(export, change):
    table = bytearray(export("sdk2-90000", "bin"))
    change(table)
    return bytes(table)


def put(table, offset, values):
    table[offset:offset + len(values)] = values


@pytest.mark.parametrize("change, count", [
    (lambda table: put(table, 0, b"\x00\x00"), 5),              # magic of the first row
    (lambda table: put(table, 4, b"\x00\x10"), 5),              # the first row's address, which the MD5 covers
    (lambda table: put(table, 5 * 32, b"\xff" * 32), 5),        # no MD5 row
    (lambda table: put(table, 6 * 32, bytes(table[:32])), 6),   # a row behind the MD5
], ids=["magic", "md5", "no md5", "behind"])
def test_a_damaged_table_is_read_as_it_is_and_the_damage_is_told(change, count, export, oneslot, tmp_path):
    (tmp_path / "t.bin").write_bytes(broken_table(export, change))
    result = oneslot.ok("map", "export", "--format", "json", tmp_path / "t.bin")
    assert len(result.json["regions"]) == count and "damaged" in result.err


def test_a_table_of_more_rows_than_are_held_is_read_up_to_there(oneslot, tmp_path):
    row = struct.Struct("<2sBBLL16sL")
    table = b"".join(row.pack(b"\xaa\x50", 1, 6, 0x10000 + 0x1000 * index, 0x1000, b"r%d" % index, 0)
                     for index in range(30))
    (tmp_path / "t.bin").write_bytes(table + b"\xff" * 32)
    result = oneslot.ok("map", "export", "--format", "json", tmp_path / "t.bin")
    assert len(result.json["regions"]) == 24 and "damaged" in result.err


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"\xff" * 3072, b"\xe9\x01", b"no,csv\n", b"\xff" * MIB],
                         ids=["empty", "zeros", "erased", "short", "text", "erased flash"])
def test_what_is_no_map_is_refused(content, oneslot_sanitized, tmp_path):
    (tmp_path / "x").write_bytes(content)
    result = oneslot_sanitized("map", "export", "--format", "csv", tmp_path / "x")
    assert result.status == 1 and "x: " in result.err, result


# Real firmware, alone and in dumps.

IMPLIED = [  # file, size of flash, regions that must be there
    ("mp8266-v1.24.0.bin", 4, {"firmware": (0, MIB), "vfs": (MIB, 0x3FB000), "system": (0x3FB000, 4 * MIB)}),
    ("mp8266-v1.24.0.bin", 2, {"vfs": (MIB, 0x1FB000)}),
    ("mp8266-iot-20200701.bin", 4, {"vfs": (MIB, 0x3FB000)}),
    ("mp8266-1m-v1.22.1.bin", 1, {"firmware": (0, 0x98000), "native": (0x98000, 0x99000), "vfs": (0x99000, 0xFB000)}),
    ("mp8266-v1.10.bin", 4, {"native": (0x98000, 0x99000), "vfs": (0x99000, 0x3FB000)}),
    ("mp8266-v1.8.2-39.bin", 1, {"vfs": (0x89000, 0xFC000), "system": (0xFC000, MIB)}),
    ("wled8266-0.14.2.bin", 4, {"littlefs": (0x300000, 0x3FA000), "eeprom": (0x3FB000, 0x3FC000)}),
    ("nodemcu-20150107.bin", 1, {"spiffs": (0x5C000, 0xFC000)}),
]


@pytest.mark.parametrize("file, megabytes, expected", IMPLIED, ids=[f"{row[0]}-{row[1]}M" for row in IMPLIED])
def test_a_stock_firmware_implies_its_map_alone_and_in_a_dump(file, megabytes, expected, export, firmware, tmp_path):
    image = (firmware / file).read_bytes()
    alone = export(firmware / file, "json", "--flash-size", f"{megabytes}MB")
    (tmp_path / "dump.bin").write_bytes(image.ljust(megabytes * MIB, b"\xff"))
    dump = export(tmp_path / "dump.bin", "json")
    assert regions(alone) == regions(dump) and dump["flash_size"] == megabytes * MIB
    assert expected.items() <= regions(alone).items()


@pytest.mark.parametrize("file, subtype", [("mp8266-v1.10.bin", "fat"), ("mp8266-iot-20200701.bin", "littlefs"),
                                           ("mp8266-v1.20.0.bin", "littlefs")])
def test_the_kind_of_micropythons_file_system_is_what_the_firmware_has_code_for(file, subtype, export, firmware):
    assert [row["subtype"] for row in export(firmware / file, "json")["regions"] if row["name"] == "vfs"] == [subtype]


def test_a_firmware_whose_header_names_too_small_a_flash_is_laid_out_on_the_least_it_needs(export, firmware):
    json = export(firmware / "mp8266-v1.24.0.bin", "json")
    assert json["flash_size"] == 2 * MIB and "assumed" in json["note"]


def test_on_too_small_a_chip_the_file_system_is_shown_where_the_firmware_looks_for_it(export, firmware):
    json = export(firmware / "mp8266-v1.24.0.bin", "json", "--flash-size", "1MB")
    assert regions(json)["vfs"][0] == MIB


def test_user1_is_laid_out_from_where_boot_v1_enters_it(export, firmware):
    found = regions(export(firmware / "at8266-user1-3.0.4.bin", "json"))
    assert found["user1"][0] == 0x1000 and found["user2"][0] == 0x101000


@pytest.mark.parametrize("file, chip", [("mp32-v1.24.0.bin", "esp32"), ("mp32c3-v1.22.1.bin", "esp32c3")])
def test_a_merged_firmware_of_the_esp32_family_has_its_table_in_it(file, chip, export, firmware, tmp_path):
    json = export(firmware / file, "json")
    assert json["chip"] == chip and json["flash_size"] == 4 * MIB
    assert regions(json) == regions(export("esp32-micropython-4m", "json"))
    start = 0x1000 if chip == "esp32" else 0
    (tmp_path / "dump.bin").write_bytes((b"\xff" * start + (firmware / file).read_bytes()).ljust(4 * MIB, b"\xff"))
    dump = export(tmp_path / "dump.bin", "json")
    assert dump["chip"] == chip and regions(dump) == regions(json)


def test_a_preset_is_a_map_for_an_image_and_comes_back_from_the_flash(oneslot, export, firmware, tmp_path):
    oneslot.ok("image", firmware / "mp8266-v1.24.0.bin", "--flash-size", "4MB", "--map", "oneslot-micropython-4m", "-o",
               tmp_path / "flash.bin")
    assert regions(export(tmp_path / "flash.bin", "json")) == regions(export("oneslot-micropython-4m", "json"))
    refused = oneslot("image", firmware / "mp8266-v1.24.0.bin", "--flash-size", "4MB", "--map", "esp32-oneslot-4m",
                      "-o", tmp_path / "other.bin")
    assert refused.status == 1 and "esp32" in refused.err
