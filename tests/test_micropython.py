"""oneslot.py in a real MicroPython, on a flash image that the C code reads and writes in turn."""

import hashlib
import json
import os
import shutil
import struct
import subprocess
import tempfile
from zlib import crc32

import pytest

from conftest import BUILD, ROOT, make_littlefs
from peers import FAMILIES
from where import limit_cpu

NODE_MODULES = os.environ.get("ONESLOT_NODE_MODULES", BUILD / "deps" / "node" / "node_modules")
STATES = ["idle", "requested", "installing", "trial", "done", "failed", "unknown"]
DIGEST = bytes(range(32)).hex()

PRELUDE = """
import json, oneslot, oneslot_journal, oneslot_write, esp, machine
def show(now):
    print(json.dumps({"state": now.state, "outcome": now.outcome, "detail": now.detail, "path": now.path,
        "trial_left": now.trial_left, "installed_size": now.installed_size, "words": now.words,
        "installed": "".join("%02x" % byte for byte in now.installed)}))
def code(function, *arguments, **options):
    try:
        function(*arguments, **options)
    except oneslot.Error as error:
        return error.code
    return 0
"""


OTADATA = 0xF0000
UNDEFINED = 0xFFFFFFFF
ERASED = b"\xff" * 32


@pytest.fixture(scope="session", params=FAMILIES, ids=lambda family: family.platform)
def family(request):
    return request.param


@pytest.fixture(scope="session")
def peer(family, tmp_path_factory):
    return family.build(tmp_path_factory.mktemp("peer"))


class MicroPython:
    """A process that runs one script after the other, each in a MicroPython of its own."""

    CPU_SECONDS = 300  # for all scripts; they take a sixth of it

    def __init__(self):
        self.start()

    def start(self):
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(["node", ROOT / "tests" / "micropython" / "run.mjs", NODE_MODULES],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors)
        limit_cpu(self.process.pid, self.CPU_SECONDS)

    def run(self, flash, script, platform):
        """Returns the lines that the script printed."""
        job = json.dumps({"flash": str(flash), "script": script, "platform": platform})
        self.process.stdin.write(job.encode() + b"\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            status = self.process.wait()
            self.errors.seek(0)
            said = self.errors.read().decode(errors="replace")
            self.start()
            pytest.fail(f"MicroPython ended with status {status}: {said}")
        answer = json.loads(line)
        assert answer["ok"], "\n".join(answer["err"])
        return answer["out"]

    def close(self):
        self.process.stdin.close()
        self.process.wait()


@pytest.fixture(scope="session")
def micropython():
    server = MicroPython()
    yield server
    server.close()


class Board:
    """A flash image and the two that work on it."""

    def __init__(self, family, peer, micropython, folder):
        self.family = family
        self.flash = folder / "flash.bin"
        self.micropython = micropython
        self.peer = peer
        self.c("provision")

    def twin(self):
        folder = self.flash.parent / "twin"
        folder.mkdir()
        return Board(self.family, self.peer, self.micropython, folder)

    def c(self, *arguments):
        return self.peer.ok(self.flash, *arguments)

    def c_status(self):
        return self.c("status").json

    def python(self, script):
        """Runs a script; returns what it printed, each line a JSON value."""
        return [json.loads(line) for line in self.micropython.run(self.flash, PRELUDE + script, self.family.platform)]

    def assert_both_agree(self):
        ours = self.c_status()
        (theirs,) = self.python("show(oneslot.status())")
        for key in theirs:
            expected = STATES[ours["state"]] if key == "state" else ours[key]
            assert theirs[key] == expected, key
        return ours

    def assert_both_do(self, c, python):
        """Both answer alike and leave the same flash."""
        before = self.flash.read_bytes()
        ours = self.peer(self.flash, *c).status
        after = self.flash.read_bytes()
        self.flash.write_bytes(before)
        assert self.python(f"print(json.dumps(code({python})))") == [ours]
        assert self.flash.read_bytes() == after
        return ours


@pytest.fixture
def board(family, peer, micropython, tmp_path):
    return Board(family, peer, micropython, tmp_path)


def only(*platforms):
    """A test for some of the families."""
    chosen = [family for family in FAMILIES if family.platform in platforms]
    return pytest.mark.parametrize("family", chosen, indirect=True, ids=lambda family: family.platform)


def test_the_sentences_are_those_of_the_core(peer, board):
    lines = peer.ok("-", "errors").out.splitlines()
    assert (ROOT / "micropython" / "oneslot_errors.txt").read_text().splitlines() == lines
    known = {int(number): sentence for number, sentence in (line.split(" ", 1) for line in lines)}
    (texts,) = board.python("print(json.dumps([oneslot.text(number) for number in range(256)]))")
    assert texts == [known.get(number, "unknown error") for number in range(256)]
    assert board.python("print(json.dumps(str(oneslot.Error(23))))") == [known[23]]


def test_a_fresh_device_has_nothing_to_tell(board):
    assert board.assert_both_agree()["words"] == "no upgrade asked for"


def test_install_writes_the_record_that_c_writes_and_resets(board):
    (seen,) = board.python(f"""
try:
    oneslot.install("/fw.bin", sha256="{DIGEST}", fallback="/old.bin", trial=3)
except machine.Reset:
    print(json.dumps("reset"))
""")
    assert seen == "reset"
    twin = board.twin()
    twin.c("request", "/fw.bin", 3, "/old.bin", DIGEST)
    assert board.flash.read_bytes() == twin.flash.read_bytes()
    status = board.assert_both_agree()
    assert status["path"] == "/fw.bin" and status["fallback"] == "/old.bin"
    assert status["expected"] == DIGEST and status["flags"] == 1 and status["trial_boots"] == 3


def test_a_digest_may_be_bytes_and_the_reset_be_left_to_the_caller(board):
    board.python(f"oneslot.install('/fw.bin', sha256=bytes.fromhex('{DIGEST}'), reset=False)")
    assert board.c_status()["expected"] == DIGEST


@pytest.mark.parametrize(
    "path, options, stored",
    [
        ("/flash/fw.bin", "mount='/flash'", "/fw.bin"),
        ("/flash/fw.bin", "mount='/flash/'", "/fw.bin"),
        ("/flash/fw.bin", "mount='/'", "/flash/fw.bin"),
        ("spare:/fw.bin", "mount='/flash'", "spare:/fw.bin"),
        ("@spare:0x1000", "trial=1", "@spare:0x1000"),
    ],
)
def test_a_path_is_stored_as_the_installer_sees_it(board, path, options, stored):
    board.python(f"oneslot.install('{path}', reset=False, {options})")
    assert board.c_status()["path"] == stored


LEFT = [(state, 0, 0) for state in range(7)] + [(4, 70, 0), (4, 71, 0), (5, 46, 0), (5, 110, 0), (5, 200, 0)]
LEFT += [(4, 0, 46), (4, 0, 73), (4, 0, 111), (4, 70, 73), (5, 46, 40)]


@pytest.mark.parametrize("state, outcome, own", LEFT)
def test_both_read_what_the_installer_left(board, state, outcome, own):
    board.c("put", state, outcome, own)
    board.assert_both_agree()


def test_both_count_the_boots_of_a_trial(board):
    board.c("put", 3, 0)
    for left in (3, 2, 1, 0, 0):
        assert board.assert_both_agree()["trial_left"] == left
        board.c("count")


@pytest.mark.parametrize("state, call", [(state, call) for state in range(6) for call in ("confirm", "cancel")])
def test_confirm_and_cancel_do_what_c_does(board, state, call):
    board.c("put", state, 0)
    board.assert_both_do([call], f"oneslot.{call}")


@pytest.mark.parametrize("version, raised", [("03000000", True), ("02050001", True), ("02050000", False), ("01ff", False)])
def test_confirm_raises_the_floor_and_never_lowers_it(board, version, raised):
    floor = bytes.fromhex("0205000000000000")
    version = bytes.fromhex(version).ljust(8, b"\0")
    board.python(f"""
here, record, slot, highest = oneslot_journal.load()
record[9], record[368:376], record[512:520] = 3, {floor}, {version}
oneslot_write.append(here, record, slot, highest)
""")
    before = board.flash.read_bytes()
    board.c("confirm")
    after = board.flash.read_bytes()
    assert bytes.fromhex(board.c_status()["record"])[368:376] == (version if raised else floor)
    board.flash.write_bytes(before)
    board.python("oneslot.confirm()")
    assert board.flash.read_bytes() == after


@pytest.mark.parametrize("state", range(6))
def test_a_request_on_any_state_does_what_c_does(board, state):
    board.c("put", state, 46)
    ours = board.assert_both_do(["request", "/fw.bin", 2], "oneslot.install, '/fw.bin', trial=2, reset=False")
    assert ours == (76 if state in (2, 3) else 0)


def test_a_refused_call_names_its_reason_and_writes_nothing(board):
    before = board.flash.read_bytes()
    cases = [
        (23, "'/none.bin'"),
        (23, "'/none/fw.bin'"),
        (24, "'/dir'"),
        (25, "'/empty.bin'"),
        (28, "''"),
        (28, "'fw.bin'"),
        (28, "'vfs:fw.bin'"),
        (28, "':/fw.bin'"),
        (28, "'@'"),
        (28, "'@:5'"),
        (28, "'seventeen-letters:/fw.bin'"),
        (28, "'/' + 120 * 'x'"),
        (28, "'/' + 60 * '\\u00e9'"),
        (28, "'/fw.bin\\0'"),
        (28, "'/fw.bin', mount='/flash'"),
        (28, "'/flashy', mount='/flash'"),
        (75, "'/fw.bin', trial=33"),
        (75, "'/fw.bin', trial=-1"),
        (75, "'/fw.bin', fallback='/old.bin'"),
        (23, "'/fw.bin', fallback='/none.bin', trial=1"),
        (28, "'/fw.bin', fallback='', trial=1"),
        (75, "'/fw.bin', sha256='00'"),
        (75, "'/fw.bin', sha256=64 * 'x'"),
        (75, "'/fw.bin', sha256=''"),
        (75, "'/fw.bin', sha256=bytes(31)"),
    ]
    seen = board.python("".join(f"print(json.dumps(code(oneslot.install, {call})))\n" for _, call in cases))
    assert list(zip(seen, cases)) == [(number, (number, call)) for number, call in cases]
    assert board.flash.read_bytes() == before


# What a flash may be like, and what of the chip may be dead, for the calls that are asked alike of C and of Python.
PATHS = ["", "fw.bin", "vfs:fw.bin", ":/fw.bin", "@", "@:5", "seventeen-letters:/fw.bin", "/" + 120 * "x", "@" + 119 * "x"]
CALLS = {
    "request": (["request", "/fw.bin"], "oneslot.install, '/fw.bin', reset=False"),
    "too many boots": (["request", "/fw.bin", 33], "oneslot.install, '/fw.bin', trial=33, reset=False"),
    "fallback without trial": (
        ["request", "/fw.bin", 0, "/old.bin"], "oneslot.install, '/fw.bin', fallback='/old.bin', reset=False"),
    "bad fallback": (["request", "/fw.bin", 1, "@"], "oneslot.install, '/fw.bin', trial=1, fallback='@', reset=False"),
    "cancel": (["cancel"], "oneslot.cancel"),
    "confirm": (["confirm"], "oneslot.confirm"),
    "save": (["save"], "oneslot.save, '/saved.bin'"),
}
CALLS.update((f"path {path[:26]}", (["request", path], f"oneslot.install, {path!r}, reset=False")) for path in PATHS)
ARGUMENTS = [name for name in CALLS if name.startswith(("too many", "fallback", "bad", "path"))]
DEAD = [("", 0, 0), ("p", 0, 1 << 20), ("e", 0, 1 << 20), ("pe", 0, 1 << 20), ("r", 0x11000, 0x12000), ("r", 0x1000, 0x2000)]


@pytest.mark.parametrize("state", ["blank", "empty", "too large", *range(7)])
def test_every_error_is_the_one_that_c_gives(board, state):
    """All calls on all states with all that may be dead."""
    if state == "blank":
        if board.family.kind == "table":
            pytest.skip("ESP-IDF would not have started")
        board.flash.write_bytes(b"\xff" * 0x100000)
    elif state == "too large":
        board.c("put", 4, 0, 0, 0xF4001)
    elif state != "empty":
        board.c("put", state, 46 if state == 5 else 0)
    before = board.flash.read_bytes()
    ours, script = [], [SAVING, "free = 1 << 30"]
    script.append("with open('/flash.bin', 'rb') as chip: before = chip.read()")
    dead = [*DEAD, ("r", board.family.written.start, board.family.written.stop)]
    # Arguments are looked at before the device, or after it was opened: with one fault at a time the order is no matter.
    cases = [(name, part) for name in CALLS for part in dead if name not in ARGUMENTS or state != "blank" and not part[0]]
    for name, dead in cases:
        c, python = CALLS[name]
        board.flash.write_bytes(before)
        environment = {**os.environ, "PEER_DEAD": "%s %x %x" % dead} if dead[0] else None
        ours.append([board.peer(board.flash, *c, env=environment).status])
        script.append(f"""
with open("/flash.bin", "wb") as chip: chip.write(before)
esp.dead = {dead!r}
print(json.dumps([code({python})]))
esp.dead = "", 0, 0
""")
    board.flash.write_bytes(before)
    theirs = board.python("\n".join(script))
    wrong = [(case, c, python) for case, c, python in zip(cases, ours, theirs, strict=True) if c != python]
    assert not wrong, wrong


def test_a_flash_without_a_layout_is_named(board):
    board.flash.write_bytes(b"\xff" * 0x100000)
    calls = ["oneslot.status", "oneslot.confirm", "oneslot.cancel", "oneslot.install, '/fw.bin'"]
    assert board.python("".join(f"print(json.dumps(code({call})))\n" for call in calls)) == [12] * 4


def test_a_failing_chip_is_tried_three_times_and_then_named(board):
    seen = board.python("""
for failing in (2, 3):
    esp.failing = failing
    print(json.dumps(code(oneslot.status)))
esp.failing = 0
esp.flash_write = lambda address, data: (_ for _ in ()).throw(OSError(5))
print(json.dumps(code(oneslot.install, "/fw.bin", reset=False)))
""")
    assert seen == [0, 1, 11]


def test_a_bad_page_costs_a_slot_and_not_the_record(board):
    board.c("request", "/first.bin")
    flash = bytearray(board.flash.read_bytes())
    flash[board.family.journal + 1280 + 300] = 0x7F  # A page of the second slot that does not read erased.
    board.flash.write_bytes(flash)
    board.python("oneslot.install('/fw.bin', reset=False)")
    status = board.assert_both_agree()
    assert (status["path"], status["slot"]) == ("/fw.bin", 2)


def test_requests_of_both_go_round_both_sectors_alike(board):
    twin = board.twin()
    for turn in range(20):
        twin.c("request", f"@region:{turn}")
        if turn % 3 == 2:
            board.c("request", f"@region:{turn}")
        else:
            board.python(f"oneslot.install('@region:{turn}', reset=False)")
        assert board.flash.read_bytes() == twin.flash.read_bytes(), turn
    assert board.assert_both_agree()["sequence"] == 20


CUTS = """
def region():
    with open("/flash.bin", "rb") as chip:
        chip.seek({start})
        return chip.read({size})
def put(content):
    with open("/flash.bin", "r+b") as chip:
        chip.seek({start})
        chip.write(content)
def text(content):
    return "".join("%02x" % byte for byte in content)
before = region()
esp.tear = "{tear}"
cut_at = 0
finished = False
while not finished:
    put(before)
    esp.operations = 0
    esp.cut_at = cut_at
    try:
        oneslot.install("/fw.bin", reset=False)
        finished = True
    except esp.PowerCut:
        pass
    esp.power_on()
    torn = region()
    path = oneslot.status().path
    oneslot.install("/old.bin", reset=False)
    print(json.dumps([cut_at, finished, path, text(torn), text(region())]))
    cut_at += 1
"""


@pytest.mark.parametrize("tear", ["before", "half", "after"])
@pytest.mark.parametrize("used", [1, 3, 5, 6])
def test_a_cut_at_any_operation_leaves_the_old_or_the_new_request(board, tear, used):
    for turn in range(used):
        board.c("request", f"@old:{turn}")
    old = f"@old:{used - 1}"
    region = board.family.written
    if board.family.kind == "table":
        board.c("otadata", UNDEFINED)
    script = CUTS.replace("{start}", str(region.start)).replace("{size}", str(region.stop - region.start))
    rows = board.python(script.replace("{tear}", tear))
    flash = bytearray(board.flash.read_bytes())
    for cut_at, finished, path, torn, mended in rows:
        flash[region] = bytes.fromhex(torn)
        board.flash.write_bytes(flash)
        assert board.c_status()["path"] == path, cut_at
        assert path == "/fw.bin" if finished else path in (old, "/fw.bin"), cut_at
        if board.family.kind == "table" and path == "/fw.bin":
            assert otadata(board) == [ERASED, ERASED], cut_at  # The boot loader starts the installer.
        # What the cut left half-way is no obstacle to the next request, and C goes on from it as Python does.
        board.c("request", "/old.bin")
        assert board.flash.read_bytes()[region] == bytes.fromhex(mended), cut_at
        assert board.c_status()["path"] == "/old.bin", cut_at
    # [otadata's two sectors,] [erase,] claim, three pages, seal, settled
    assert len(rows) - 1 == (7 if used % 3 == 0 else 6) + (2 if board.family.kind == "table" else 0)
    assert {row[2] for row in rows} == {old, "/fw.bin"}


### What ESP-IDF's boot loader has to do with it ###


def otadata(board):
    flash = board.flash.read_bytes()
    return [flash[OTADATA + sector : OTADATA + sector + 32] for sector in (0, 4096)]


def state_of(entry):
    return int.from_bytes(entry[24:28], "little")


@only("esp32")
def test_a_request_makes_the_boot_loader_start_the_installer_whatever_was_chosen(board):
    for state in (*range(5), UNDEFINED):
        board.c("otadata", state)
        assert otadata(board) != [ERASED, ERASED]
        board.python("oneslot.install('/fw.bin', reset=False)")
        assert otadata(board) == [ERASED, ERASED]


@only("esp32")
@pytest.mark.parametrize("state, waits", [(0, True), (1, True), (2, False), (3, False), (4, False), (UNDEFINED, False)])
def test_confirm_tells_the_boot_loader_where_it_waits_for_it(board, state, waits):
    board.c("put", 3, 0)
    board.c("otadata", state)
    board.assert_both_do(["confirm"], "oneslot.confirm")
    assert board.c_status()["state"] == 4
    assert state_of(otadata(board)[0]) == (2 if waits else state)


@only("esp32")
def test_a_cut_in_confirm_leaves_the_trial_or_its_good_end(board):
    """And a second confirm() makes up for what the first one did not come to."""
    board.c("put", 3, 0)
    board.c("otadata", 1)
    before = board.flash.read_bytes()
    (total,) = board.python("""
esp.operations = 0
oneslot.confirm()
print(json.dumps(esp.operations))
""")
    assert total == 9  # claim, three pages, seal, the trial made void, settled; the boot loader's entry erased and written
    for tear in ("before", "half", "after"):
        for cut_at in range(total):
            board.flash.write_bytes(before)
            board.python(f"""
esp.tear = "{tear}"
esp.operations = 0
esp.cut_at = {cut_at}
try:
    oneslot.confirm()
except esp.PowerCut:
    pass
""")
            state = board.c_status()["state"]
            assert state == (4 if cut_at > 4 else 3) or cut_at == 4
            # The boot loader hears of it only when the journal has it.
            assert state == 4 or state_of(otadata(board)[0]) == 1
            board.python("oneslot.confirm()")
            assert board.c_status()["state"] == 4
            assert state_of(otadata(board)[0]) in (2, UNDEFINED)


@only("esp32")
def test_a_confirmation_in_the_vendor_s_way_alone_counts(board):
    board.c("put", 3, 0)
    board.c("otadata", 0)
    assert board.assert_both_agree()["state"] == 3
    board.python("import esp32\nesp32.Partition.mark_app_valid_cancel_rollback()")
    assert board.assert_both_agree()["words"] == "upgraded to /fw.bin"
    board.assert_both_do(["cancel"], "oneslot.cancel")
    assert board.c_status()["state"] == 4
    board.c("put", 3, 0)
    board.c("otadata", 2)
    assert board.assert_both_do(["request", "/fw.bin", 1], "oneslot.install, '/fw.bin', trial=1, reset=False") == 0
    assert board.c_status()["state"] == 1


@only("esp32")
def test_the_newest_whole_entry_of_otadata_is_the_one_that_counts(board):
    board.c("put", 3, 0)

    def entry(number, state, crc=None):
        crc = crc32(number.to_bytes(4, "little"), 0xFFFFFFFF) if crc is None else crc
        return struct.pack("<I20sII", number, b"\xff" * 20, state, crc)

    cases = [
        (entry(1, 2), entry(2, 1), "trial"),
        (entry(2, 2), entry(1, 1), "done"),
        (entry(1, 1), entry(2, 2), "done"),
        (entry(1, 1), entry(7, 2, 0), "trial"),
        (ERASED, entry(5, 2), "done"),
        (entry(0xFFFFFFFF, 2), ERASED, "trial"),
        (ERASED, ERASED, "trial"),
    ]
    for first, second, state in cases:
        flash = bytearray(board.flash.read_bytes())
        flash[OTADATA : OTADATA + 32], flash[OTADATA + 4096 : OTADATA + 4128] = first, second
        board.flash.write_bytes(flash)
        assert STATES[board.assert_both_agree()["state"]] == state, (first, second)


@only("esp32")
def test_otadata_that_can_not_be_written_is_named_and_nothing_is_asked_for(board):
    before = board.flash.read_bytes()[board.family.written]
    seen = board.python("""
def deaf(sector):
    raise OSError(5)
erase = esp.flash_erase
esp.flash_erase = deaf
print(json.dumps(code(oneslot.install, "/fw.bin", reset=False)))
esp.flash_erase = lambda sector: None
print(json.dumps(code(oneslot.install, "/fw.bin", reset=False)))
""")
    assert seen == [18, 18]
    assert board.flash.read_bytes()[board.family.written] == before
    board.c("put", 3, 0)
    board.c("otadata", 1)
    seen = board.python("""
import esp32
def refuse():
    raise OSError(-1)
esp32.Partition.mark_app_valid_cancel_rollback = refuse
print(json.dumps(code(oneslot.confirm)))
""")
    assert seen == [18]


ROWS = {name: 0x8000 + 32 * index for index, name in enumerate(("nvs", "ota_0", "factory", "otadata", "journal", "settings"))}


@only("esp32")
@pytest.mark.parametrize("row, offset, byte", [
    ("ota_0", 3, 0x20),
    ("factory", 3, 0x11),
    ("factory", 3, 0x20),
    ("otadata", 3, 4),
    ("otadata", 9, 0x10),
    ("journal", 2, 0x41),
    ("journal", 9, 0x10),
    ("settings", 3, 7),
])
def test_a_table_that_is_not_ours_is_no_layout(board, row, offset, byte):
    flash = bytearray(board.flash.read_bytes())
    flash[ROWS[row] + offset] = byte
    board.flash.write_bytes(flash)
    before = bytes(flash)
    assert board.python("print(json.dumps(code(oneslot.install, '/fw.bin', reset=False)))") == [12]
    assert board.flash.read_bytes() == before


@only("esp32")
def test_an_encrypted_flash_is_refused_by_name(board):
    assert board.python("import esp32\nesp32.encrypted = True\nprint(json.dumps(code(oneslot.status)))") == [6]


@only("esp32")
@pytest.mark.parametrize("size", [1, 1024, 4097, 0x30001])
def test_save_on_the_esp32_writes_the_application_s_bytes(board, size):
    image = board.flash.read_bytes()[0x10000 : 0x10000 + size]
    digest = hashlib.sha256(image).digest()
    board.python(f"""
here, record, slot, highest = oneslot_journal.load()
record[9] = 4
record[24:28] = ({size}).to_bytes(4, "little")
record[336:368] = {digest}
oneslot_write.append(here, record, slot, highest)
""")
    assert board.python(SAVING + """
oneslot.save("/saved.bin")
print(json.dumps([os.stat("/saved.bin")[6], sha256("/saved.bin")]))
""") == [[size, digest.hex()]]


def test_the_crc_of_a_micropython_without_crc32_is_the_same(board):
    source = (ROOT / "micropython" / "oneslot_journal.py").read_text()
    start = source.index("    # Halves of 16 bits")
    end = source.index("else:\n    from binascii import crc32")
    lines = [line[4:] for line in source[start:end].splitlines()]
    script = "import struct, binascii\n" + "\n".join(lines) + """
for data in (b"", b"123456789", bytes(range(256)), bytes(512)):
    print(json.dumps(crc32(data) == binascii.crc32(data)))
"""
    assert board.python(script) == [True] * 4


def test_the_package_names_the_modules_beside_it():
    package = json.loads((ROOT / "micropython" / "package.json").read_text())
    parts = sorted(path.name for path in (ROOT / "micropython").glob("oneslot*"))
    assert sorted(package["urls"]) == [[name, name] for name in parts]


@only("esp8266")
def test_what_python_asks_for_the_loader_and_installer_do(board, oneslot, tmp_path):
    old, new = (BUILD / "examples" / f"firmware-v{number}.bin" for number in (1, 2))
    files = tmp_path / "files"
    files.mkdir()
    (files / "fw.bin").write_bytes(new.read_bytes())
    digest = hashlib.sha256(new.read_bytes()).hexdigest()
    oneslot.ok("image", old, "--flash-size", "4MB", "--fs", files, "-o", board.flash)

    board.python(f"oneslot.install('/fw.bin', sha256='{digest}', trial=2, reset=False)")
    assert "/fw.bin" in oneslot.ok("status", board.flash).out
    oneslot.ok("run", board.flash, "--expect", new, timeout=100)
    (trial,) = board.python("show(oneslot.status())")
    assert (trial["state"], trial["trial_left"], trial["words"]) == ("trial", 1, "on trial, 1 boot left")
    assert (trial["installed"], trial["installed_size"]) == (digest, new.stat().st_size)

    (done,) = board.python("oneslot.confirm()\nshow(oneslot.status())")
    assert (done["state"], done["words"]) == ("done", "upgraded to /fw.bin")
    oneslot.ok("run", board.flash, "--expect", new, timeout=100)

    oneslot.ok("request", board.flash, "/fw.bin")
    (asked,) = board.python("show(oneslot.status())\noneslot.cancel()")
    assert asked["words"] == "to be upgraded to /fw.bin at the next reset"
    assert "at the next reset" not in oneslot.ok("status", board.flash).out


SAVING = """
import os, hashlib
free = 1 << 20
def statvfs(path):
    if path == "/none/":
        raise OSError(2)
    return (4096, 4096, 1000, free // 4096, free // 4096, 0, 0, 0, 0, 255)
os.statvfs = statvfs
def content(path):
    with open(path, "rb") as file:
        return file.read()
def sha256(path):
    return "".join("%02x" % byte for byte in hashlib.sha256(content(path)).digest())
"""


@only("esp32")
@pytest.mark.skipif(shutil.which("qemu-system-riscv32") is None, reason="no qemu-system-riscv32: it is in qemu-system-misc")
def test_what_python_asks_for_the_installer_and_the_vendor_s_boot_loader_do(board, oneslot, firmware):
    """On the flash that the host tool makes of a stock MicroPython."""
    old, new = firmware / "mp32c3-v1.20.0.bin", firmware / "mp32c3-v1.22.1.bin"
    image = new.read_bytes()[0x10000:]
    digest = hashlib.sha256(image).hexdigest()
    parts = oneslot.ok("image", "--json", "--chip", "esp32c3", old, "--flash-size", "4MB", "-o", board.flash).json["map"]
    vfs = next(part for part in parts if part["name"] == "vfs")
    flash = bytearray(board.flash.read_bytes())
    flash[vfs["address"] : vfs["address"] + vfs["size"]] = make_littlefs({"/fw.bin": image}, vfs["size"])
    board.flash.write_bytes(flash)

    def saves(of):
        size, saved = board.python(SAVING + """
free = 1 << 22
oneslot.save("/saved.bin")
print(json.dumps(os.stat("/saved.bin")[6]))
print(json.dumps(sha256("/saved.bin")))
""")
        assert (size, saved) == (len(of), hashlib.sha256(of).hexdigest())

    saves(old.read_bytes()[0x10000:])
    board.python(f"oneslot.install('/fw.bin', sha256='{digest}', trial=2, reset=False)")
    assert "/fw.bin" in oneslot.ok("status", board.flash).out
    oneslot.ok("run", "--timeout", "1000", "--expect", new, board.flash)
    (trial,) = board.python("show(oneslot.status())")
    assert (trial["state"], trial["trial_left"], trial["installed"]) == ("trial", 1, digest)

    (done,) = board.python("oneslot.confirm()\nshow(oneslot.status())")
    assert (done["state"], done["words"]) == ("done", "upgraded to /fw.bin")
    again = oneslot.ok("run", "--json", "--timeout", "1000", "--expect", new, board.flash).json
    assert again["operations"]["all"] == 0, again
    assert "upgraded to /fw.bin" in oneslot.ok("status", board.flash).out
    saves(image)


@pytest.fixture
def provisioned(board, oneslot, tmp_path):
    """A board that runs a firmware which the host tool has put there; its flash mode and size are the board's own."""
    board.firmware = BUILD / "examples" / "firmware-v1.bin"
    oneslot.ok("image", board.firmware, "--flash-size", "4MB", "--flash-mode", "dout", "-o", board.flash)
    return board


@only("esp8266")
def test_save_writes_the_file_that_was_installed(provisioned):
    want = provisioned.firmware.read_bytes()
    before = provisioned.flash.read_bytes()
    assert before[0xF4002:0xF4004] != want[2:4]
    digest, size, calls, last, names = provisioned.python(SAVING + """
calls = []
oneslot.save("/saved.bin", lambda done, total: calls.append((done, total)))
print(json.dumps(sha256("/saved.bin")))
print(json.dumps(os.stat("/saved.bin")[6]))
print(json.dumps(len(calls)))
print(json.dumps(calls[-1]))
print(json.dumps(sorted(name for name in os.listdir("/") if "saved" in name or "part" in name)))
""")
    assert (digest, size) == (hashlib.sha256(want).hexdigest(), len(want))
    assert (calls, last) == ((len(want) + 1023) // 1024, [len(want), len(want)])
    assert names == ["saved.bin"]
    assert provisioned.flash.read_bytes() == before


@only("esp8266")
def test_a_save_that_is_not_right_leaves_what_was_there(provisioned):
    size = provisioned.firmware.stat().st_size
    flash = bytearray(provisioned.flash.read_bytes())
    flash[0x1001] ^= 1
    provisioned.flash.write_bytes(flash)
    rows = provisioned.python(SAVING + f"""
def attempt(path):
    try:
        oneslot.save(path)
        said = 0
    except oneslot.Error as error:
        said = [error.code, str(error)]
    return [said, content("/old.bin").decode(), [name for name in os.listdir("/") if "part" in name]]
print(json.dumps(attempt("/old.bin")))
free = {size} // 4096 * 4096 - 4096
print(json.dumps(attempt("/old.bin")))
free = 1 << 20
print(json.dumps(attempt("/none/old.bin")))
print(json.dumps(attempt("vfs:/old.bin")))
print(json.dumps(attempt("")))
esp.failing = 99
print(json.dumps(attempt("/old.bin")))
esp.failing = 0
class Full:
    def __enter__(self):
        return self
    def __exit__(self, *_):
        pass
    def write(self, data):
        raise OSError(28)
import builtins
real = open
builtins.open = lambda name, *mode: Full() if name.endswith("oneslot.part") else real(name, *mode)
print(json.dumps(attempt("/old.bin")))
""")
    missing = size - (size // 4096 * 4096 - 4096) + 2 * 4096
    assert [row[1:] for row in rows] == [["old", []]] * len(rows)
    assert [row[0][0] for row in rows] == [5, 30, 23, 28, 28, 1, 29]
    assert rows[1][0][1].endswith(f": {missing} bytes are missing")


def test_what_a_cut_left_of_a_save_is_cleared_by_the_next_save_and_by_status(board):
    rows = board.python(SAVING + """
def left():
    return [name for name in os.listdir("/") if "part" in name]
def leave(size):
    with open("/oneslot.part", "wb") as file:
        file.write(bytes(size))
leave(0)
with open("/dir/oneslot.part", "wb"):
    pass
oneslot.status()
print(json.dumps(left() + os.listdir("/dir")))
leave(5000)
print(json.dumps(code(oneslot.save, "/saved.bin")))
print(json.dumps(left()))
""")
    assert rows == [[], 56, []]  # this save is refused: no image is known


@only("esp8266")
def test_status_leaves_alone_what_a_save_is_writing(provisioned):
    (seen,) = provisioned.python(SAVING + """
seen = []
def progress(done, total):
    oneslot.status()
    seen.append([name for name in os.listdir("/") if "part" in name])
oneslot.save("/saved.bin", progress)
print(json.dumps([seen[0], seen[-1], os.stat("/saved.bin")[6]]))
""")
    assert seen == [["oneslot.part"], ["oneslot.part"], provisioned.firmware.stat().st_size]


@only("esp8266")
def test_flash_behind_the_size_in_the_firmware_s_header_is_reached(board):
    """The SDK tells the ROM how large the chip is by the header; Oneslot's parts may lie behind that."""
    seen = board.python("""
machine.mem32[0x3FFFC71C] = 0x4000
esp.limit = lambda: machine.mem32[0x3FFFC71C]
oneslot.install("/fw.bin", reset=False)
print(json.dumps(oneslot.status().path))
print(json.dumps(machine.mem32[0x3FFFC71C]))
esp.failing = 3
print(json.dumps(code(oneslot.status)))
print(json.dumps(machine.mem32[0x3FFFC71C]))
""")
    assert seen == ["/fw.bin", 0x4000, 1, 0x4000]


@pytest.mark.parametrize("state, installed, code", [(2, "1", 76), (4, "0", 56), (0, "1", 56)])
def test_what_is_not_known_is_not_saved(board, state, installed, code):
    board.python(f"""
here, record, slot, highest = oneslot_journal.load()
record[9] = {state}
record[24] = {1 if state else 0}
record[336] = {installed}
oneslot_write.append(here, record, slot, highest)
""")
    assert board.python(SAVING + "print(json.dumps(code(oneslot.save, '/saved.bin')))") == [code]
