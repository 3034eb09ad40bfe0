"""`oneslot map show`: pictures of flash maps, as text, SVG and JSON."""

import itertools
import json
import os
import pty
import re
import struct
import subprocess
import xml.etree.ElementTree as ET

import pytest
from conftest import BUILD, Program

SVG = "{http://www.w3.org/2000/svg}"
# Wider than the glyphs of the fonts that the pictures ask for, in font sizes, per character.
ADVANCE = {"plain": 0.60, "bold": 0.68, "mono": 0.605}
PAIRS = [("sdk1-89000", "sdk2-90000"), ("micropython-4m", "oneslot-micropython-4m"),
         ("esp32-micropython-4m", "esp32-oneslot-4m"), ("micropython-1m", "micropython-16m")]


def preset_names():
    tool = Program(os.environ.get("ONESLOT", BUILD / "oneslot"))
    try:
        return [preset["name"] for preset in tool.ok("map", "list", "--json").json["presets"]]
    except FileNotFoundError:
        return []


PRESETS = preset_names()


def test_there_are_presets_to_draw():
    assert len(PRESETS) >= 15


def drawn(oneslot, *arguments, **how):
    return oneslot.ok("map", "show", *arguments, **how).out


def rows(text):
    """The table's rows: (letter, start, end, rest)."""
    pattern = re.compile(r"^(\S) 0x([0-9a-f]+)-0x([0-9a-f]+) (.*)$", re.M)
    return [(letter, int(start, 16), int(end, 16), rest) for letter, start, end, rest in pattern.findall(text)]


def table_file(path, text, chip="esp8266", size="1MB"):
    path.write_text(f"# oneslot: chip={chip} flash={size} sdk=2\n{text}")
    return path


def size_words(size):
    for unit, factor in (("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor and size % factor == 0:
            return f"{size // factor} {unit}"
    return f"{size} bytes"


# Text.

@pytest.mark.parametrize("name", PRESETS)
@pytest.mark.parametrize("width", [60, 80, 100, 240])
def test_every_region_and_gap_has_its_row_and_no_line_is_too_long(oneslot, name, width):
    text = drawn(oneslot, name, "--width", width)
    assert max(len(line) for line in text.splitlines()) <= width
    facts = json.loads(drawn(oneslot, name, "--json"))
    found = {(start, end): (letter, rest) for letter, start, end, rest in rows(text)}
    for region in facts["regions"]:
        letter, rest = found.pop((region["address"], region["address"] + region["size"]))
        assert region["label"] in rest and size_words(region["size"]) in rest
        assert letter not in ".!"
    for gap in facts["free"]:
        letter, rest = found.pop((gap["address"], gap["address"] + gap["size"]))
        assert letter == "." and "free" in rest and size_words(gap["size"]) in rest
    assert not found


@pytest.mark.parametrize("name", PRESETS)
def test_regions_and_gaps_cover_the_flash_once(oneslot, name):
    facts = json.loads(drawn(oneslot, name, "--json"))
    at = 0
    for span in sorted(facts["regions"] + facts["free"], key=lambda span: span["address"]):
        assert span["address"] == at
        at += span["size"]
    assert at == facts["flash_size"]
    assert facts["free_bytes"] == sum(gap["size"] for gap in facts["free"])


@pytest.mark.parametrize("name", PRESETS)
def test_the_bar_fills_the_width_and_shows_every_region_to_scale(oneslot, name):
    width = 120
    text = drawn(oneslot, name, "--width", width)
    runs = [(key, len(list(run))) for key, run in itertools.groupby(text.split("\n\n")[1].splitlines()[0])]
    assert sum(length for _, length in runs) == width
    table = rows(text)
    flash = table[-1][2]
    # Gaps next to each other do not happen, so runs and rows are the same.
    assert [key for key, _ in runs] == [row[0] for row in table]
    for (_, length), (_, start, end, _) in zip(runs, table):
        exact = width * (end - start) / flash
        # What is widened to one column is taken from the others, in proportion.
        assert length == 1 or exact * (1 - len(table) / width) - 1 <= length <= exact + 1


def test_an_overlap_and_a_region_past_the_end_are_told(oneslot, tmp_path):
    csv = table_file(tmp_path / "bad.csv", "a, app, factory, 0, 0x90000\nb, data, littlefs, 0x80000, 0x90000\n")
    text = drawn(oneslot, csv)
    assert "! 'b' lies over 'a': 64 KiB from 0x80000 on" in text
    assert "! 'b' ends 64 KiB past the end of the flash" in text
    assert "!" in text.split("\n\n")[1].splitlines()[0]


def test_the_end_of_the_xip_window_is_drawn_where_flash_goes_on(oneslot):
    text = drawn(oneslot, "micropython-4m")
    line = text.index("- 0x100000: end of the first MiB")
    assert text.index("firmware  ") < line < text.index("vfs  ")
    assert "end of the first MiB" not in drawn(oneslot, "esp32-micropython-4m")


def test_colour_is_used_on_a_terminal_alone_and_not_with_no_color(oneslot):
    def on_terminal(**env):
        parent, child = pty.openpty()
        clean = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
        show = subprocess.Popen([str(oneslot.path), "map", "show", "sdk2-90000", "--width", "80"], stdout=child,
                                env={**clean, **env})
        os.close(child)
        text = b""
        try:
            while part := os.read(parent, 65536):  # a terminal gives out a few KiB at a time
                text += part
        except OSError:  # its other side is closed
            pass
        os.close(parent)
        assert show.wait() == 0
        return text.decode()

    coloured = on_terminal()
    assert "\033[" in coloured
    plain = on_terminal(NO_COLOR="1")
    assert "\033" not in plain
    assert re.sub("\033\\[[0-9;]*m", "", coloured) == plain
    assert "\033" not in drawn(oneslot, "sdk2-90000")


def test_labels_reach_no_terminal_and_no_xml_unescaped(oneslot, tmp_path):
    table = tmp_path / "odd.bin"
    table.write_bytes(struct.pack("<HBBII16sI", 0x50aa, 0, 0, 0, 0x90000, b"a<b>&\"c\x1b[31m'", 0).ljust(0xc00, b"\xff"))
    how = ("--chip", "esp8266", "--flash-size", "1MB")
    assert "a<b>&\"c?[31m'" in drawn(oneslot, table, *how)
    assert "\033" not in drawn(oneslot, table, *how)
    root = ET.fromstring(drawn(oneslot, table, *how, "--svg", "-"))
    assert "a<b>&\"c?[31m'" in [text.text for text in root.iter(SVG + "text")]


# SVG.

def boxes(root):
    """(text, left, top, right, bottom) of all texts."""
    for text in root.iter(SVG + "text"):
        size = float(text.get("font-size"))
        style = "bold" if text.get("font-weight") == "bold" else "mono" if text.get("font-family") else "plain"
        width = len(text.text or "") * size * ADVANCE[style]
        left = float(text.get("x")) - {"start": 0, "middle": width / 2, "end": width}[text.get("text-anchor")]
        base = float(text.get("y"))
        yield text.text, left, base - 0.76 * size, left + width, base + 0.22 * size


def assert_legible(svg):
    root = ET.fromstring(svg)
    _, _, page_width, page_height = (float(number) for number in root.get("viewBox").split())
    found = [box for box in boxes(root) if box[0]]
    assert len(found) > 5
    for text, left, top, right, bottom in found:
        assert 0 <= left and right <= page_width and 0 <= top and bottom <= page_height, text
    for one, two in itertools.combinations(found, 2):
        apart = one[3] <= two[1] or two[3] <= one[1] or one[4] <= two[2] or two[4] <= one[2]
        assert apart, (one, two)
    return root, [box[0] for box in found]


@pytest.mark.parametrize("name", PRESETS)
def test_no_text_of_a_picture_lies_over_another(oneslot, name):
    root, texts = assert_legible(drawn(oneslot, name, "--svg", "-"))
    facts = json.loads(drawn(oneslot, name, "--json"))
    for region in facts["regions"]:
        assert region["label"] in texts
        assert f"0x{region['address']:06x}" in texts
        assert size_words(region["size"]) in texts
    assert texts.count("free") == len(facts["free"]) + bool(facts["free"])  # the legend's
    assert root.find(SVG + "title").text == name


@pytest.mark.parametrize("old, new", PAIRS)
def test_no_text_of_a_difference_lies_over_another(oneslot, old, new):
    _, texts = assert_legible(drawn(oneslot, old, "--diff", new, "--svg", "-"))
    facts = json.loads(drawn(oneslot, old, "--diff", new, "--json"))
    said = " ".join(texts)
    for change in facts["changes"]:
        assert change["same"] or change["change"] in said


def test_a_full_table_of_single_sectors_stays_legible(oneslot, tmp_path):
    many = "".join(f"region_number_{n:02}, data, nvs, {0x10000 + 0x2000 * n:#x}, 0x1000\n" for n in range(24))
    few = "firmware, app, factory, 0, 0x90000\n"
    many, few = table_file(tmp_path / "many.csv", many), table_file(tmp_path / "few.csv", few)
    assert_legible(drawn(oneslot, many, "--svg", "-"))
    assert_legible(drawn(oneslot, many, "--diff", few, "--svg", "-"))
    assert_legible(drawn(oneslot, few, "--diff", many, "--svg", "-"))
    assert max(map(len, drawn(oneslot, many, "--width", 60).splitlines())) <= 60


def test_regions_over_each_other_stay_legible(oneslot, tmp_path):
    rows = "".join(f"r{n}, data, nvs, 0x10000, {0x1000 * (n + 1):#x}\n" for n in range(12))
    assert_legible(drawn(oneslot, table_file(tmp_path / "bad.csv", rows), "--svg", "-"))


def test_fills_differ_without_colour(oneslot):
    """Each kind has its own pattern, or a lightness far from those of the other plain ones."""
    root = ET.fromstring(drawn(oneslot, "sdk2-90000", "--svg", "-"))
    plain, tiles = [], []
    for pattern in root.iter(SVG + "pattern"):
        ground, *tile = list(pattern)
        if tile:
            tiles.append(ET.tostring(tile[0]))
        else:
            colour = ground.get("fill")
            red, green, blue = (int(colour[at:at + 2], 16) for at in (1, 3, 5))
            plain.append(0.299 * red + 0.587 * green + 0.114 * blue)
    assert len(set(tiles)) == len(tiles) == 5
    assert all(abs(one - two) > 80 for one, two in itertools.combinations(plain, 2))


def test_the_svg_is_written_to_a_file_whole(oneslot, tmp_path):
    path = tmp_path / "map.svg"
    assert drawn(oneslot, "sdk2-90000", "--svg", path) == ""
    assert path.read_text() == drawn(oneslot, "sdk2-90000", "--svg", "-")
    failed = oneslot("map", "show", "sdk2-90000", "--svg", tmp_path / "none" / "map.svg")
    assert failed.status == 1 and "none/map.svg" in failed.err


# Differences.

OLD = """firmware, app, factory, 0, 0x80000
stays, data, nvs, 0x80000, 0x1000
moves, data, 0x40, 0x81000, 0x1000
grows, data, 0x41, 0x90000, 0x1000
shrinks, data, 0x42, 0xa0000, 0x8000
gone, data, 0x43, 0xb0000, 0x1000
before, data, littlefs, 0xc0000, 0x10000
"""
NEW = """firmware, app, factory, 0, 0x80000
stays, data, nvs, 0x80000, 0x1000
moves, data, 0x40, 0x88000, 0x1000
grows, data, 0x41, 0x90000, 0x3000
shrinks, data, 0x42, 0xa1000, 0x2000
new, data, 0x44, 0xb0000, 0x1000
after, data, littlefs, 0xc0000, 0x10000
"""
CHANGES = {"firmware": "stays", "stays": "stays", "moves": "moves up by 28 KiB", "grows": "grows by 8 KiB",
           "shrinks": "moves up by 4 KiB, shrinks by 24 KiB", "gone": "gone", "new": "new",
           "after": "stays, was 'before'"}


@pytest.fixture
def two_maps(tmp_path):
    return table_file(tmp_path / "old.csv", OLD), table_file(tmp_path / "new.csv", NEW)


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_difference_says_what_each_region_does(oneslot, two_maps, width):
    old, new = two_maps
    text = drawn(oneslot, old, "--diff", new, "--width", width)
    assert max(len(line) for line in text.splitlines()) <= width
    for label, change in CHANGES.items():
        assert re.search(rf"^\S {label} [^']*?{change}$", text, re.M | re.S), label
    assert "regions: 2 move, 1 grows, 1 shrinks, 1 is new, 1 is gone" in text


def test_a_difference_as_json(oneslot, two_maps):
    old, new = two_maps
    facts = json.loads(drawn(oneslot, old, "--diff", new, "--json"))
    said = {(change["to"] or change["from"])["label"]: change["change"] for change in facts["changes"]}
    assert said == CHANGES
    assert {change["same"] for change in facts["changes"] if change["change"].startswith("stays")} == {True}


def test_the_map_that_was_asked_for_against_the_old_one(oneslot):
    facts = json.loads(drawn(oneslot, "sdk1-89000", "--diff", "sdk2-90000", "--json"))
    vfs = next(change for change in facts["changes"] if change["to"]["label"] == "vfs")
    assert vfs["from"]["address"] == 0x89000 and vfs["to"]["address"] == 0x90000
    assert vfs["change"] == "moves up by 28 KiB, shrinks by 32 KiB"


def test_nothing_changes_between_a_map_and_itself(oneslot):
    assert "regions: nothing changes" in drawn(oneslot, "micropython-4m", "--diff", "micropython-4m")


# The command line.

@pytest.mark.parametrize("arguments, reason", [
    ((), "the map is missing"),
    (("a", "b"), "--diff"),
    (("sdk2-90000", "--width", "39"), "no width"),
    (("sdk2-90000", "--width", "x"), "no width"),
    (("sdk2-90000", "--chip", "esp9000"), "no chip"),
    (("sdk2-90000", "--json", "--svg", "-"), "standard output"),
])
def test_a_wrong_command_line_is_told(oneslot, arguments, reason):
    result = oneslot("map", "show", *arguments)
    assert result.status == 2 and reason in result.err, result
    assert result.out == "" or result.json["error"]["text"] in result.err


def test_a_map_that_cannot_be_read_is_an_error(oneslot, tmp_path):
    for arguments in ([tmp_path / "none.csv"], ["sdk2-90000", "--diff", tmp_path / "none.csv"]):
        result = oneslot("map", "show", *arguments, "--json")
        assert result.status == 1 and "none.csv" in result.err and result.json["ok"] is False


def test_hostile_tables_are_drawn_without_a_fault(oneslot_sanitized, tmp_path):
    row = b"\xaa\x50\x01\x83" + b"\xff" * 8 + b"\x1b[2J<&>\xff\x80" + b"x" * 10 + b"\0" * 4
    path = tmp_path / "table.bin"
    for entries in ([row[:32]] * 24, [bytes(32 * [0xff])], [b"\xaa\x50\0\0" + bytes(28)] * 3):
        path.write_bytes(b"".join(entries).ljust(0xc00, b"\xff"))
        for how in ([], ["--svg", "-"], ["--json"], ["--diff", path]):
            result = oneslot_sanitized("map", "show", path, "--chip", "esp8266", "--flash-size", "1MB", *how)
            assert result.status in (0, 1) and "\033" not in result.out, result
            assert "Sanitizer" not in result.err and "runtime error" not in result.err, result
