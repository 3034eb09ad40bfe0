"""What a firmware writes by itself, and what becomes of every pair, under the chip's own boot ROM: each firmware of the
folder alone through what its user does, and each family upgraded to each other. tests/emulator.py says what it takes.

With ONESLOT_EMULATOR_TABLES=1 the run writes what it saw into docs/CLAIMS.md."""

import fcntl
import hashlib
import itertools
import json
import os
import re

import pytest

import emulator
from conftest import BUILD, FIRMWARE, ROOT, read_littlefs
from emulator import PROMPT, Chip, typed

pytestmark = [pytest.mark.full, pytest.mark.skipif(not emulator.given(), reason=emulator.MISSING)]

PAGE = ROOT / "docs" / "CLAIMS.md"
MARK = "<!-- made by tests/test_emulator_claims.py -->\n"
TABLES = bool(os.environ.get("ONESLOT_EMULATOR_TABLES"))
ROWS = BUILD / "claims-tables"

ALONE = sorted(path.stem for path in FIRMWARE.glob("*.bin") if not path.stem.startswith(("mp32", "boot_")))
FAMILIES = {
    "mp8266-v1.24.0": "MicroPython 1.24.0",
    "mp8266-1m-v1.22.1": "MicroPython 1.22.1, 1 MiB build",
    "mp8266-v1.9.4": "MicroPython 1.9.4",
    "mp8266-iot-20200701": "MicroPython for IoT, 2020",
    "nodemcu-20150107": "NodeMCU 0.9.5",
    "wled8266-0.14.2": "WLED 0.14.2",
    "at8266-user1-3.0.4": "AT 3.0.4",
}
PAIRS = list(itertools.permutations(FAMILIES, 2))

PARTS = ("loader", "displaced", "journal", "map", "installer")
OWN_FILES = {"mp": ("vfs", "fat"), "nodemcu": ("spiffs",), "wled": ("littlefs",), "at": ()}
# Sectors that a firmware writes outside of its regions of the map. MicroPython: PHY init data where the ROM believes
# the end of the chip.
ELSEWHERE = {"mp": {0x3FC}}
# At the end of its SPIFFS it makes room, and dies of an unaligned address, without Oneslot too.
NEVER_USED = {"nodemcu-20150106": {0x79, 0x7A, 0x7B}}
NO_ROOM = {"mp8266-v1.8.2-39": "no room for Oneslot"}

SSID, PASSWORD = "oneslot", "password"
BLOCKED = "this emulator does not bring the stock image to its prompt either"


def kind(name):
    return re.match("[a-z]+", name)[0]


def signs(name):
    """What comes out of the serial port when that firmware, and no other, is up."""
    if name.startswith("mp8266-iot"):
        return ["awaiting config"]
    if name.startswith("mp"):
        return ["MicroPython " + re.search(r"v[\d.]+\d", name)[0], PROMPT]
    return {"nodemcu": ["powered by Lua", "> "], "wled": ["Ada"], "at": ["ready"]}[kind(name)]


def expects(name):
    return "".join(f"expect {sign}\n" for sign in signs(name))


def told(sectors, number):
    return f"{len(sectors)} of {number}" if len(sectors) < number else f"all {number}"


class Board(Chip):
    """A chip of 4 MiB with what `oneslot image` makes of a firmware; `made` is what it says."""

    def __init__(self, oneslot, folder, name, files=None):
        image, options = folder / "image.bin", []
        if files is not None:
            (folder / "files").mkdir()
            for file, content in files.items():
                (folder / "files" / file).write_bytes(content)
            options = ["--fs", folder / "files"]
        if kind(name) == "at":
            options += ["--boot", FIRMWARE / "boot_v1.7.bin"]
        self.made = oneslot("image", "--json", FIRMWARE / f"{name}.bin", "--flash-size", "4MB", *options, "-o", image)
        self.name, self.touched = name, set()
        if self.made.status == 0:
            self.rows = self.made.json["map"]
            super().__init__(folder, image.read_bytes())

    def run(self, *script, **how):
        result = super().run(*script, **how)
        self.touched |= self.changed()
        return result

    def through(self, script, **how):
        """A script that has to come to its end; returns what was said."""
        status, said = self.run(script, **how)
        assert status == 0, f"{status}: {said[-2000:]}"
        return said

    def start(self):
        """Up to its sign."""
        status, said = self.run(expects(self.name) + "quit\n", seconds=60)
        if status != 0 and kind(self.name) == "nodemcu":
            stock = Chip(self.folder, (FIRMWARE / f"{self.name}.bin").read_bytes().ljust(len(self.flash), b"\xff"))
            assert stock.run(expects(self.name) + "quit\n", seconds=60)[0] != 0, "without Oneslot it does start"
            pytest.skip(BLOCKED)
        assert status == 0, said[-2000:]

    def sectors(self, *names):
        return {sector for row in self.rows if row["name"] in names
                for sector in range(row["address"] >> 12, row["address"] + row["size"] >> 12)}

    def part(self, *names):
        return b"".join(self.flash[row["address"]:row["address"] + row["size"]] for row in self.rows if row["name"] in names)

    def parts(self):
        return {name: self.part(name) for name in PARTS}

    def has_left(self, parts):
        """Oneslot's parts are those bytes, and nothing was written there since `touched` was emptied."""
        written = self.touched & self.sectors(*PARTS)
        assert not written, f"sectors of Oneslot's were written: {[hex(sector) for sector in sorted(written)]}"
        assert self.parts() == parts

    @property
    def own(self):
        return self.sectors(*OWN_FILES[kind(self.name)])


### The page ###


def keep(table, row, cells):
    """Keeps a row for the page, and makes the page of all rows that are there: runs may be spread over processes."""
    if not TABLES:
        return
    ROWS.mkdir(parents=True, exist_ok=True)
    with open(ROWS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        (ROWS / f"{table}+{row}.json").write_text(json.dumps(cells))
        text, mark, _ = PAGE.read_text().partition(MARK)
        assert mark, f"{PAGE} has no line {MARK}"
        PAGE.write_text(text + mark + alone_table() + pairs_table())


def kept(table, row):
    path = ROWS / f"{table}+{row}.json"
    return json.loads(path.read_text()) if path.exists() else None


def alone_table():
    lines = ["", "## Each firmware alone", "", "| firmware | its own files | what was done | sectors written | Oneslot's parts |",
             "|---|---|---|---|---|"]
    lines += ["| " + " | ".join([name, *cells]) + " |" for name in ALONE if (cells := kept("alone", name))]
    return "\n".join([*lines, ""])


def pairs_table():
    lines = ["", "## From each family to each other", "", "The old one is in the row, the new one in the column.", "",
             "| | " + " | ".join(FAMILIES.values()) + " |", "|---" * (len(FAMILIES) + 1) + "|"]
    notes = []

    def cell(old, new):
        word, note = kept("pair", f"{old}+{new}") or ("", "") if old != new else ("-", "")
        if note and note not in notes:
            notes.append(note)
        return f"{word} ({notes.index(note) + 1})" if note else word

    lines += [f"| **{title}** | " + " | ".join(cell(old, new) for new in FAMILIES) + " |" for old, title in FAMILIES.items()]
    return "\n".join([*lines, "", *(f"{number}. {note}" for number, note in enumerate(notes, 1)), ""])


### What a user does ###

FORMAT = r"""exec('import os, flashbdev\nd = flashbdev.bdev\nV = os.VfsLfs2 if hasattr(os, "VfsLfs2") else os.VfsFat')
os.umount('/'); V.mkfs(d); os.mount(V(d), '/')"""
FILL = r"""b = bytes(range(256)) * 8
exec('def full(f):\n n = 0\n try:\n  while 1: n += f.write(b)\n except OSError: return n')
exec('def shut(f):\n try: f.close()\n except OSError: pass')
exec('def fill():\n f = open("/x", "wb")\n n = full(f)\n shut(f)\n os.remove("/x")\n print("FILLED", n)')
fill()
fill()"""
GONE = "import os; print('IS THERE:', 'x' in os.listdir('/'))"
SETTINGS = f"""import network; s = network.WLAN(0); s.active(True); s.connect('{SSID}', '{PASSWORD}')
a = network.WLAN(1); a.active(True); a.config(essid='{SSID}', password='{PASSWORD}')"""
NATIVE = r"""import esp; esp.set_native_code_location(0x%x, 4096)
exec('import micropython\n@micropython.native\ndef f(): return 12345')
f()"""


def micropython(board):
    """Formats; fills its file system and empties it, twice; joins a network, opens one; runs native code."""
    board.start()
    native = board.sectors("native")
    lines = "\n".join([FORMAT, FILL, SETTINGS, *([NATIVE % (min(native) << 12)] if native else [])]).split("\n")
    before = "expect awaiting config\nsend \\x03\n" if "iot" in board.name else ""
    said = board.through(before + typed(*lines), seconds=400)
    assert "Traceback" not in said.partition(lines[0])[2], said[-3000:]
    filled = [int(number) for number in re.findall(r"^FILLED (\d+)", said, re.M)]
    assert len(filled) == 2
    assert SSID.encode() in board.part("system")
    assert not native or "\n12345" in said and native <= board.touched
    assert "\nIS THERE: False" in board.through(before + typed(GONE), seconds=60)
    more = "; native code" if native else ""
    return f"formatted; filled with {filled[0] >> 10} KiB and emptied, twice; Wi-Fi settings{more}"


def nodemcu(board):
    """Formats, where there is a call for it; writes and deletes files; Wi-Fi."""
    board.start()
    formats = board.name != "nodemcu-20150106"
    write = 'for r=1,2 do file.open("x","w") for i=1,150 do file.write(s) end file.close() file.remove("x") tmr.wdclr() end'
    lines = [*(["file.format()"] if formats else []), 's=string.rep("0123456789abcdef",15)', *[write] * 5]
    wifi = ["wifi.setmode(wifi.STATIONAP)", f'wifi.sta.config("{SSID}","{PASSWORD}")',
            f'cfg={{}} cfg.ssid="{SSID}" cfg.pwd="{PASSWORD}" wifi.ap.config(cfg)']
    talk = "".join(f"send {line}\\r\nexpect > \n" for line in [*lines, *wifi])
    said = board.through(f"expect > \n{talk}quit\n", seconds=200)
    assert not formats or "format done." in said
    assert SSID.encode() in board.part("system")
    board.start()
    return ("formatted; " if formats else "") + "twice 35 KiB written and deleted, five times; Wi-Fi settings"


WLED_FILES = set(range(0x300, 0x3FA))  # as it was linked


def presets(board, numbers):
    script = expects(board.name) + "wait 0.5\n"
    for number in numbers:
        preset = json.dumps({"psave": number % 60 + 1, "n": f"{number} " + "x" * (number % 20), "bri": number % 200 + 1})
        script += f"send {preset}\nwait 0.15\n"
    return script + "quit\n"


def wled(board):
    """Presets are saved until they have lain everywhere; then the name of a network, as its web installer sends it
    ("Improv"). The emulator's watchdog ends each start after some seconds."""
    for start in range(1, 31):
        board.through(presets(board, range(40 * start, 40 * start + 40)), seconds=60)
        if WLED_FILES <= board.touched:
            break
    words = b"".join(bytes([len(word)]) + word.encode() for word in (SSID, PASSWORD))
    packet = b"IMPROV\x01\x03" + bytes([len(words) + 2, 1, len(words)]) + words
    packet += bytes([sum(packet) & 255])
    sent = "".join(f"\\x{byte:02x}" for byte in packet)
    board.through(f"{expects(board.name)}wait 1\nsend {sent}\nwait 3\nquit\n", seconds=60)
    files = read_littlefs(board.flash[min(WLED_FILES) << 12:max(WLED_FILES) + 1 << 12], block_size=8192)
    assert SSID.encode() in files["/cfg.json"] and b'"psave"' not in files["/presets.json"]
    board.start()
    return f"presets saved over and over at {start} starts; Wi-Fi settings"


def at(board):
    """Networks, a remembered link, the serial port's speed; then all of it forgotten."""
    board.start()
    commands = ["AT+CWMODE_DEF=3", f'AT+CWSAP_DEF="{SSID}","{PASSWORD}",5,3', 'AT+SAVETRANSLINK=1,"192.168.4.2",1000,"TCP"',
                "AT+SAVETRANSLINK=0", "AT+UART_DEF=115200,8,1,0,0"]
    talk = expects(board.name) + "".join(f"send {command}\\r\\n\nexpect OK\n" for command in commands)
    board.through(talk + "quit\n", seconds=60)
    assert SSID.encode() in board.part("system")
    board.through(expects(board.name) + f"send AT+RESTORE\\r\\n\nexpect OK\n{expects(board.name)}quit\n", seconds=60)
    board.start()
    return "Wi-Fi settings, a remembered link and the serial port's speed set; all forgotten with AT+RESTORE"


DEEDS = {"mp": micropython, "nodemcu": nodemcu, "wled": wled, "at": at}


@pytest.mark.parametrize("name", ALONE)
def test_what_a_firmware_writes_by_itself_leaves_oneslot_as_it_was(oneslot, tmp_path, name):
    """From its own first start on, until every block of its own file system was used."""
    board = Board(oneslot, tmp_path, name)
    if name in NO_ROOM:
        assert board.made.error == "IMAGE_CLAIMS", board.made
        reason = board.made.json["error"]["text"].partition(": ")[2].partition(" What would help")[0]
        keep("alone", name, ["", "nothing: " + reason, "", "refused by `oneslot image`"])
        return
    assert board.made.status == 0, board.made
    before = board.parts()
    done = DEEDS[kind(name)](board)
    board.has_left(before)
    assert board.own - board.touched <= NEVER_USED.get(name, set())
    rest = board.touched - board.own
    system = rest & board.sectors("system", "native", "parameters", "eeprom")
    assert rest - system <= ELSEWHERE.get(kind(name), set()), [hex(at) for at in rest - system]
    keep("alone", name, describe(board, done, len(system), rest - system))


def describe(board, done, system, elsewhere):
    rows = [row for row in board.rows if row["name"] in OWN_FILES[kind(board.name)]]
    files = "none"
    if rows:
        name = {"fat": "FAT", "spiffs": "SPIFFS"}.get(rows[0]["subtype"], rows[0]["subtype"])
        files = f"{name}, {rows[0]['address']:#x} to {rows[0]['address'] + rows[0]['size']:#x}"
    sectors = [f"{told(board.touched & board.own, len(board.own))} of its files"] if rows else []
    sectors += [f"{system} of settings and the SDK", *(f"{sector << 12:#x}" for sector in sorted(elsewhere))]
    return [files, done, "; ".join(sectors), "the same"]


### Pairs ###


def digest(name):
    return ["--sha256", hashlib.sha256((FIRMWARE / f"{name}.bin").read_bytes()).hexdigest()]


def asked(oneslot, board, *options):
    """Asks for the new one in the flash as it is; returns what `oneslot request` said."""
    path = board.folder / "flash.bin"
    path.write_bytes(board.flash)
    result = oneslot("request", path, "/fw.bin", *options, "--json")
    if result.status != 0:
        assert path.read_bytes() == board.flash, "a request that was refused leaves everything as it was"
    board.flash = path.read_bytes()
    return result


def stands(oneslot, board):
    path = board.folder / "flash.bin"
    path.write_bytes(board.flash)
    return oneslot.ok("status", path, "--json").json


def started(oneslot, folder, old, new):
    """A device that has run as the old one, with the new one's file where Oneslot reads."""
    board = Board(oneslot, folder, old, {"fw.bin": (FIRMWARE / f"{new}.bin").read_bytes()})
    assert board.made.status == 0, board.made
    board.start()
    board.touched = set()
    return board


def refused_on_the_device(oneslot, board, error):
    """It was, before anything but the journal was written, and the old one runs."""
    before = board.part(*PARTS[:2], "firmware", *PARTS[3:])
    board.through(expects(board.name) + "quit\n", seconds=60)
    assert stands(oneslot, board)["outcome"] == error
    written = board.touched & board.sectors("firmware", *PARTS)
    assert written <= board.sectors("journal") and board.part(*PARTS[:2], "firmware", *PARTS[3:]) == before


@pytest.mark.parametrize("old, new", PAIRS, ids=["+".join(pair) for pair in PAIRS])
def test_a_pair_comes_to_its_prompt_or_is_refused_before_the_first_erase(oneslot, tmp_path, old, new):
    """What is up then does what its user does, and leaves Oneslot as it is."""
    board = started(oneslot, tmp_path, old, new)
    result = asked(oneslot, board, *digest(new))
    if result.status != 0:
        reason = result.json["error"]["text"].removeprefix("/fw.bin: ").partition(" What would help")[0]
        keep("pair", f"{old}+{new}", ["refused", reason])
        return
    fixed = board.part("map", "installer")
    board.name = new
    board.through(expects(new) + "quit\n", seconds=120)
    assert stands(oneslot, board)["text"] == "upgraded to /fw.bin"
    assert board.part("map", "installer") == fixed
    before, board.touched = board.parts(), set()
    DEEDS[kind(new)](board)
    board.has_left(before)
    keep("pair", f"{old}+{new}", ["up", ""])


# Old, new, what the device says where the host's refusal is overruled.
ON_THE_DEVICE = [
    ("nodemcu-20150107", "nodemcu-20150106", "IMAGE_UNPROVEN"),
    ("mp8266-v1.24.0", "at8266-user1-3.0.4", "IMAGE_NEEDS_BOOT"),
    ("mp8266-v1.9.4", "wled8266-0.14.2", "IMAGE_TOO_LARGE"),
    ("mp8266-1m-v1.22.1", "wled8266-0.14.2", "IMAGE_TOO_LARGE"),
    ("mp8266-v1.24.0", "mp32-v1.24.0", "IMAGE_CHIP"),
]


@pytest.mark.parametrize("old, new, error", ON_THE_DEVICE, ids=["+".join(row[:2]) for row in ON_THE_DEVICE])
def test_what_the_device_knows_is_refused_there_before_the_first_erase(oneslot, tmp_path, old, new, error):
    board = started(oneslot, tmp_path, old, new)
    result = asked(oneslot, board, "--force")
    assert result.status == 0, result
    refused_on_the_device(oneslot, board, error)


def test_what_is_refused_would_write_over_oneslot(oneslot, tmp_path):
    """The same watch, where the host's refusal is overruled: it sees the parts go that the refusal names."""
    old, new = "mp8266-v1.24.0", "mp8266-1m-v1.22.1"
    board = started(oneslot, tmp_path, old, new)
    assert asked(oneslot, board, "--force").status == 0
    board.through("expect corrupt\nquit\n")
    board.touched = set()
    lines = f"{FORMAT}\n{FILL}".replace("os.umount('/'); ", "").split("\n")  # nothing is mounted
    board.through("expect corrupt\nsend \\x03\n" + typed(*lines), seconds=400)
    assert board.sectors("displaced", "journal", "map", "installer") <= board.touched
