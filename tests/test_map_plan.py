"""oneslot map plan as a user meets it: maps that come back through the check, refusals that name the bytes, and real
firmware whose file system has a place of its own."""

import re

import pytest

SECTOR = 0x1000
MEGABYTE = 1 << 20


def regions(result):
    """A planned map: label to (address, end)."""
    return {row["name"]: (row["address"], row["address"] + row["size"]) for row in result.json["regions"]}


@pytest.fixture()
def plan(oneslot):
    """Runs the planner with the words of one line."""

    def run(line, *more):
        return oneslot("map", "plan", *line.split(), *more)

    return run


REQUEST = "--flash-size 1MB --sdk 2 --firmware 514K --native 32K --no-oneslot"


@pytest.mark.parametrize("wishes", ["--user 4 --grow 8K", "--user 16K --grow 2sectors", "--user 0x4000 --grow 0x2000",
                                    "--user 4 --grow 8K --fs-at 0x90000"])
def test_the_map_that_was_asked_for_is_what_its_wishes_give(oneslot, plan, wishes):
    planned = plan(f"{REQUEST} {wishes} --json")
    assert planned.status == 0, planned
    asked = oneslot.ok("map", "export", "--format", "json", "sdk2-90000")
    assert planned.json["regions"] == asked.json["regions"]


@pytest.mark.parametrize("line", [
    "--flash-size 1MB --firmware 514K",
    "--flash-size 512KB --firmware 300K --no-oneslot",
    "--flash-size 2MB --firmware 600K --native 32K --user 4",
    "--flash-size 4MB --firmware 636000 --reserve low --sdk 1",
    "--flash-size 4MB --firmware 514K --fs-at 0x90000 --native 0x8000 --grow 8K",
    "--flash-size 16MB --firmware 900K --fs-min 14MB",
    "--chip esp32 --flash-size 4MB --firmware 1700K --fs-min 1MB",
    "--chip ESP32-C3 --flash-size 4MB --firmware 1700K --reserve low --user 3",
    "--chip esp32s3 --flash-size 8MB --firmware 1MB --no-oneslot --fs-at 0x200000",
])
def test_what_is_planned_is_found_right_by_the_check(oneslot, plan, tmp_path, line):
    path = tmp_path / "map.csv"
    drawn = plan(line, "-o", path)
    assert drawn.status == 0, drawn
    assert "vfs" in drawn.out
    chip = ["--chip", line.split()[1]] if "--chip" in line else []
    checked = oneslot("map", "check", path, *chip)
    assert checked.status == 0, checked
    assert plan(line).out == path.read_text()


def test_the_map_goes_to_standard_output_when_no_file_is_named(plan):
    out = plan("--flash-size 1MB --firmware 514K").out
    assert re.search(r"^# oneslot: .*chip=esp8266.*flash=1MB", out, re.M), out
    assert re.search(r"^loader, *oneslot, *loader, *0x0, *0x1000", out, re.M), out


def test_what_need_not_be_executable_lies_beyond_the_first_megabyte(plan):
    rows = regions(plan("--flash-size 2MB --firmware 600K --native 32K --user 4 --json"))
    assert rows["firmware"] == (0x1000, 0xF8000)
    assert rows["native"] == (0xF8000, 0x100000)
    assert rows["vfs"][0] == MEGABYTE
    assert all(rows[label][0] >= MEGABYTE for label in ("user", "displaced", "journal", "map", "installer"))


def test_a_low_reserve_lies_right_behind_the_firmware(plan):
    rows = regions(plan("--flash-size 4MB --firmware 600K --reserve low --json"))
    assert rows["displaced"][0] == rows["firmware"][1] == 0xF4000
    assert rows["vfs"][0] == MEGABYTE


REFUSED = [
    ("--flash-size 1MB --firmware 514K --grow 448K --native 128K", "xip-window", "--grow 0x4e800"),
    ("--flash-size 1MB --firmware 514K --grow 64K --native 480K", "xip-window", "--native 0x5e000"),
    ("--flash-size 1MB --firmware 514K --fs-min 200K --grow 0 --fs-at 0xd0000", "overlap", "--fs-min 0x2b000"),
    ("--flash-size 1MB --firmware 514K --user 1MB", "past-end", "--user"),
    ("--flash-size 4MB --firmware 514K --fs-min 4MB", "past-end", "--fs-min"),
    ("--flash-size 1MB --firmware 900K --fs-min 64K --native 32K --grow 0", "past-end", "--fs-min"),
]


@pytest.mark.parametrize("line, rule, option", REFUSED)
def test_a_refusal_names_the_bytes_and_giving_them_back_makes_it_succeed(plan, line, rule, option):
    refused = plan(f"{line} --json")
    assert refused.status == 1, refused
    assert refused.json["ok"] is False
    assert refused.json["rule"] == rule, refused
    assert f"0x{refused.json['bytes']:x} bytes too many" in refused.json["error"]["text"]
    assert refused.json["error"]["text"] in refused.err
    assert option in refused.json["error"]["text"], refused
    name, value = re.search(r"ask for (--\S+) (0x[0-9a-f]+)", refused.json["error"]["text"]).groups()
    assert plan(f"{line} {name} {value}").status == 0
    assert plan(f"{line} {name} {int(value, 16) + 1:#x}").status == 1


@pytest.mark.parametrize("line, words", [
    ("--flash-size 1MB", "how large is the firmware"),
    ("--firmware 514K", "how large is the flash"),
    ("--flash-size 1MB --firmware 514K --reserve high", "'end' or 'low'"),
    ("--flash-size 1MB --firmware 514K --grow much", "takes a size"),
    ("--flash-size 1MB --firmware 514K --sdk 9", "no version"),
    ("--flash-size 1MB --firmware 514K --chip z80", "no chip"),
    ("--flash-size 1MB --firmware 514K --no-oneslot --reserve low", "leaves it out"),
    ("--flash-size 1MB --firmware 514K extra", "too many"),
    ("--flash-size 1MB --firmware 514K --colour red", "--colour"),
])
def test_a_wrong_command_line_is_told_so(plan, line, words):
    result = plan(line)
    assert result.status == 2, result
    assert words in result.err


@pytest.mark.parametrize("line, rule", [
    ("--flash-size 3MB --firmware 514K", "flash-size"),
    ("--flash-size 1MB --firmware 0", "firmware-size"),
    ("--flash-size 1MB --firmware 514K --fs-at 0x90001", "sector-boundary"),
    ("--flash-size 1MB --firmware 514K --fs-at 0xfb000", "file-system-size"),
    ("--flash-size 4MB --firmware 514K --native 32K --chip esp32", "xip-window"),
])
def test_wishes_that_no_flash_grants_are_refused_by_a_rule_that_the_check_has(oneslot, plan, line, rule):
    result = plan(f"{line} --json")
    assert result.status == 1, result
    assert result.json["rule"] == rule
    assert rule in [known["name"] for known in oneslot.ok("map", "rules", "--json").json["rules"]]


def test_help_is_there(plan):
    assert "usage: oneslot map plan" in plan("--help").out


@pytest.mark.parametrize("name", ["mp8266-v1.24.0.bin", "mp8266-v1.20.0.bin"])
@pytest.mark.parametrize("flash", [2, 4, 16])
def test_a_generic_micropython_keeps_its_file_system_where_it_is_linked(oneslot, plan, firmware, tmp_path, name, flash):
    planned = plan(f"--flash-size {flash}MB --json --firmware", firmware / name)
    assert planned.status == 0, planned
    assert "built for a file system from 0x100000" in planned.err
    rows = regions(planned)
    assert rows["vfs"] == (MEGABYTE, flash * MEGABYTE - 5 * SECTOR)
    assert rows["installer"] == (0xF8000, MEGABYTE)
    # The very places that 'oneslot image' chooses.
    image = tmp_path / "flash.bin"
    oneslot.ok("image", firmware / name, "--flash-size", f"{flash}MB", "-o", image)
    made = oneslot.ok("map", "export", "--format", "json", image).json["regions"]
    assert {row["name"]: row["address"] for row in made} == {label: row[0] for label, row in rows.items()}


def test_a_micropython_with_no_room_for_oneslot_is_refused_with_the_reason(plan, firmware):
    refused = plan("--flash-size 1MB --json --firmware", firmware / "mp8266-1m-v1.22.1.bin")
    assert refused.status == 1, refused
    assert "file system at 0x99000" in refused.json["error"]["text"]
    without = plan("--flash-size 1MB --no-oneslot --json --firmware", firmware / "mp8266-1m-v1.22.1.bin")
    assert without.status == 0, without
    assert regions(without)["vfs"] == (0x99000, 0xFB000)


def test_another_place_for_a_linked_file_system_is_taken_with_a_warning(plan, firmware):
    planned = plan("--flash-size 1MB --fs-at 0xb0000 --json --firmware", firmware / "mp8266-1m-v1.22.1.bin")
    assert planned.status == 0, planned
    assert "build it anew for 0xb0000" in planned.err
    assert regions(planned)["vfs"][0] == 0xB0000


def test_an_arduino_sketch_keeps_its_file_system(plan, firmware):
    planned = plan("--flash-size 4MB --json --firmware", firmware / "wled8266-0.14.2.bin")
    assert planned.status == 0, planned
    start, end = regions(planned)["vfs"]
    assert (start, end) in [(MEGABYTE, 0x3FA000), (2 * MEGABYTE, 0x3FA000), (3 * MEGABYTE, 0x3FA000)]


@pytest.mark.parametrize("name, chip", [("mp32-v1.24.0.bin", "esp32"), ("mp32c3-v1.22.1.bin", "esp32c3")])
def test_a_program_of_the_esp32_family_is_measured_by_its_image(plan, firmware, name, chip):
    planned = plan(f"--chip {chip} --flash-size 4MB --json --firmware", firmware / name)
    assert planned.status == 0, planned
    rows = regions(planned)
    assert rows["ota_0"][0] == 0x10000
    assert rows["installer"][0] % 0x10000 == 0
    other = plan(f"--chip {'esp32c3' if chip == 'esp32' else 'esp32'} --flash-size 4MB --json --firmware",
                 firmware / name)
    assert other.status == 1, other


def test_what_is_no_firmware_is_refused(plan, tmp_path):
    path = tmp_path / "text.bin"
    path.write_text("nothing that a boot ROM starts\n" * 100)
    for chip in ("esp8266", "esp32"):
        assert plan(f"--chip {chip} --flash-size 4MB --firmware", path).status == 1
    assert plan("--flash-size 4MB --firmware", tmp_path / "none.bin").status == 1
