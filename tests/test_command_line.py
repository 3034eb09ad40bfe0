"""The command line of the host tool, the same for every command: options as people write them, sizes, exit status, JSON
of one shape, what a terminal gets, and the commands and maps that are meant for other programs."""

import json
import os
import pty
import re
import shlex
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from fcntl import ioctl
from pathlib import Path

import pytest
from esp_idf_defs.partitions import PartitionTable
from test_host import micropython

import esp32_image as esp

COMMANDS = ["image", "info", "map plan", "map check", "map show", "map export", "map move", "map rules", "map list",
            "keygen", "pack", "verify", "fs", "request", "cancel", "status", "run", "prove"]
# A command line of each that is well, and one that fails; for either, what else its JSON must have.
WELL = {
    "image": ("image old.bin --flash-size 2MB -o out", "map"), "info": ("info old.bin", "segments"),
    "info, flash": ("info flash.bin", "journal"), "info, package": ("info fw.osp", "digest"),
    "info, table": ("info esp32.bin", "boot_loader"), "info, files": ("info fs.bin", "file_system"),
    "map plan": ("map plan --flash-size 4MB --firmware old.bin", "regions"),
    "map check": ("map check map.csv sdk2-90000", "maps"), "map show": ("map show map.csv", "regions"),
    "map show --diff": ("map show --diff sdk1-89000 sdk2-90000", "changes"),
    "map export": ("map export map.csv", "regions"), "map export, a file": ("map export map.csv -f csv -o out", "format"),
    "map move": ("map move flash.bin --to map.csv -o out", "steps"), "map rules": ("map rules", "rules"),
    "map list": ("map list", "presets"), "keygen": ("keygen -o out", "key_hash"),
    "pack": ("pack old.bin --version 1 -o out", "digest"), "verify": ("verify fw.osp --key pub.pem", "signer"),
    "fs ls": ("fs ls flash.bin", "entries"), "fs cat": ("fs cat flash.bin /main.py", "text"),
    "fs put": ("fs put flash.bin old.bin /fw.bin", "path"), "fs rm": ("fs rm flash.bin /main.py", "path"),
    "fs mkdir": ("fs mkdir flash.bin /d", "path"), "fs format": ("fs format flash.bin", "path"),
    "request": ("request flash.bin /main.py", "state"), "cancel": ("cancel flash.bin", "state"),
    "status": ("status flash.bin", "installed_sha256"),
}
FAILING = {
    "image": ("image noise --flash-size 4MB -o out", "IMAGE_UNKNOWN"), "info": ("info noise", "IMAGE_UNKNOWN"),
    "info, cut": ("info cut.bin", "IMAGE_TRUNCATED"), "info, spoilt": ("info spoilt.bin", "IMAGE_MD5"),
    "map plan": ("map plan --flash-size 512KB --firmware 1MB", "REFUSED"),
    "map check": ("map check bad.csv map.csv", "RULE_BROKEN"), "map check, none": ("map check noise map.csv", "HOST"),
    "map show": ("map show noise", "HOST"), "map export": ("map export noise -f json", "HOST"),
    "map move": ("map move noise --to map.csv -o out", "NO_LAYOUT"), "keygen": ("keygen -o pub.pem", "HOST"),
    "pack": ("pack noise --version 1 -o out", "IMAGE_UNKNOWN"), "verify": ("verify old.bin --key pub.pem", None),
    "fs ls": ("fs ls flash.bin /none", "FILE_MISSING"), "fs cat": ("fs cat flash.bin /none", "FILE_MISSING"),
    "fs put": ("fs put flash.bin none /x", "HOST"), "fs rm": ("fs rm flash.bin /none", "FILE_MISSING"),
    "fs mkdir": ("fs mkdir flash.bin /main.py", "HOST"), "fs format": ("fs format noise", "NO_LAYOUT"),
    "request": ("request flash.bin /", "PATH_INVALID"), "cancel": ("cancel noise", "NO_LAYOUT"),
    "status": ("status noise", "NO_LAYOUT"), "run": ("run noise", "HOST"), "prove": ("prove noise noise", "IMAGE_UNKNOWN"),
    "prove, replay": ("prove old.bin new.bin --replay nonsense", "HOST"),
}
# The inputs of each command: none of them may be a folder, be missing, or be empty.
INPUTS = {
    "image": "image IN --flash-size 4MB -o out", "image --fs-image": "image old.bin --flash-size 2MB --fs-image IN -o out",
    "image --map": "image old.bin --flash-size 2MB --map IN -o out",
    "image --key": "image old.bin --flash-size 2MB --key IN -o out",
    "image --loader": "image old.bin --flash-size 2MB --loader IN -o out",
    "image --installer": "image old.bin --flash-size 2MB --installer IN -o out",
    "image --dump": "image --dump IN -o out", "info": "info IN",
    "map plan": "map plan --flash-size 2MB --firmware IN", "map check": "map check IN",
    "map check --firmware": "map check map.csv --firmware IN", "map show": "map show IN", "map export": "map export -f csv IN",
    "map move": "map move IN --to map.csv -o out", "map move --to": "map move flash.bin --to IN -o out",
    "pack": "pack IN --version 1 -o out", "pack --key": "pack old.bin --version 1 --key IN -o out",
    "keygen --from": "keygen --from IN --public out", "keygen --passphrase-file": "keygen -o out --passphrase-file IN",
    "verify": "verify IN", "verify --key": "verify fw.osp --key IN", "fs ls": "fs ls IN",
    "request": "request IN /x", "cancel": "cancel IN", "status": "status IN", "run": "run IN",
    "run --expect": "run flash.bin --expect IN", "prove": "prove IN old.bin", "prove NEW": "prove old.bin IN",
    "prove --key": "prove old.bin new.bin --stories --key IN",
}


@pytest.fixture(scope="module")
def stock(oneslot, tmp_path_factory):
    here = tmp_path_factory.mktemp("stock")
    (here / "files").mkdir()
    (here / "folder").mkdir()
    (here / "files" / "main.py").write_text("print('hello')\n")
    old = micropython("v1.23.0 on 2024-06-02")
    (here / "old.bin").write_bytes(old)
    (here / "new.bin").write_bytes(micropython("v1.24.0 on 2024-10-25", seed=2))
    (here / "noise").write_bytes(bytes(range(1, 200)) * 40)
    (here / "empty").write_bytes(b"")
    (here / "cut.bin").write_bytes(old[:-100])
    (here / "spoilt.bin").write_bytes(old[:0x9100] + bytes([old[0x9100] ^ 1]) + old[0x9101:])
    (here / "esp32.bin").write_bytes(esp.combined("esp32", esp.application()))
    oneslot.ok("image", "old.bin", "--flash-size", "2MB", "--fs", "files", "-o", "flash.bin", cwd=here)
    oneslot.ok("keygen", "-o", "key.pem", "--public", "pub.pem", cwd=here)
    oneslot.ok("pack", "old.bin", "--version", "1.0.0", "--key", "key.pem", "-o", "fw.osp", cwd=here)
    table = oneslot.ok("map", "export", "flash.bin", "-f", "csv-names", cwd=here).out
    (here / "map.csv").write_text(table)
    (here / "bad.csv").write_text(table.replace("loader, oneslot, loader, 0x0,", "loader, oneslot, loader, 0x1000,"))
    (here / "fs.bin").write_bytes((here / "flash.bin").read_bytes()[0x100000:0x1FB000])
    return here


@pytest.fixture
def place(stock, tmp_path):
    folder = tmp_path / "place"
    shutil.copytree(stock, folder)
    return folder


def long_options(oneslot, command):
    """What --help tells of them."""
    text = oneslot.ok(*command.split(), "--help", env={"COLUMNS": "200"}).out
    return sorted(set(re.findall(r"^ +(?:-\w, )?--([a-z0-9-]+)", text, re.M)))


class TestOptions:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_underscores_are_dashes_and_a_slip_is_answered_with_the_nearest(self, oneslot, command, tmp_path):
        options = long_options(oneslot, command)
        assert options or command in ("info", "map rules", "map list", "cancel", "status")
        for option in options:
            if "-" in option:
                result = oneslot(*command.split(), f"--{option.replace('-', '_')}", cwd=tmp_path)
                assert "there is no option" not in result.err, result
            if len(option) > 4:
                wrong = option[:-2] + "xq" + option[-1]
                result = oneslot(*command.split(), f"--{wrong}", cwd=tmp_path)
                assert result.status == 2 and f"did you mean '--{option}'?" in result.err and result.out == "", result
        result = oneslot(*command.split(), "--utter-nonsense", "x", "--json", cwd=tmp_path)
        assert result.status == 2 and "there is no option '--utter-nonsense'" in result.err, result
        assert result.error == "USAGE"
        assert f"Try 'oneslot {command} --help'." in result.err

    def test_only_the_name_has_its_underscores_changed(self, oneslot, place):
        oneslot.ok("image", "old.bin", "--flash_size=2MB", "--board=a_b", "-o", "--out_put", cwd=place)
        assert (place / "--out_put").exists()
        assert oneslot.ok("info", "--json", "--", "--out_put", cwd=place).json["board"] == "a_b"
        assert oneslot("status", "--", "--no_such", cwd=place).err.startswith("oneslot: --no_such:")

    @pytest.mark.parametrize("words, said", [
        ("image --json=x", "the option '--json' takes no value"), ("image x -o", "the option '-o' needs a value"),
        ("prove a b --report", "the option '--report' needs a value"), ("map export --format", "needs a value"),
        ("image --fl 4MB", "may stand for several options"), ("image -x", "there is no option '-x'"),
        ("map list -x", "there is no option '-x'"), ("map shwo x", "did you mean 'show'"),
        ("fs lss flash.bin", "did you mean 'ls'"), ("imgae", "did you mean 'image'"),
        ("info flash.bin --json --csv", "both write to standard output"),
        ("map export map.csv -f csv --json", "both write to standard output")])
    def test_what_is_wrong_is_said(self, oneslot, place, words, said):
        result = oneslot(*words.split(), cwd=place)
        assert result.status == 2 and said in result.err, result

    @pytest.mark.parametrize("command", ["", *COMMANDS, "map"])
    def test_help_goes_to_standard_output_and_ends_in_0(self, oneslot, command):
        result = oneslot.ok(*command.split(), "--help")
        assert result.err == "" and "usage: oneslot" in result.out and "\033" not in result.out
        if command:
            assert oneslot.ok("help", *command.split()).out == result.out
            assert result.out.startswith(f"oneslot {command}: ")


SIZES = {"1.5MB": 0x180000, "1.5M": 0x180000, "1536K": 0x180000, "0x180000": 0x180000, "1572864": 0x180000,
         "1536k": 0x180000, "1536KiB": 0x180000, "1.5 MiB": 0x180000, "1.50mb": 0x180000, "384 sectors": 0x180000,
         "0.5mib": 0x80000, "0.0625 M": 0x10000, "4.5 sectors": 0x4800}


class TestSizes:
    @pytest.mark.parametrize("text", SIZES)
    def test_every_way_to_write_one_is_taken(self, oneslot, text):
        wish = ["map", "plan", "--chip", "esp32", "--flash-size", "4m", "--grow", "0", "--json", "--firmware"]
        plan = oneslot.ok(*wish, text).json
        (application,) = (row for row in plan["regions"] if row["name"] == "ota_0")
        assert application["size"] == -(-SIZES[text] // 0x10000) * 0x10000
        assert plan == oneslot.ok(*wish, str(SIZES[text])).json

    @pytest.mark.parametrize("text", ["1.5", "1.", ".5M", "1.3K1", "1.00001K", "1..5M", "1,5M", "0x1.8M", "-1", "1.5Q",
                                      "0.0000000001M", "4294967296", "4096.0001M"])
    def test_what_is_none_is_not(self, oneslot, text):
        result = oneslot("map", "plan", "--flash-size", "4MB", "--firmware", "100K", "--grow", text)
        assert result.status == 2 and text in result.err, result

    @pytest.mark.parametrize("text, size", [("4m", 4), ("4MiB", 4), ("0x400000", 4), ("2.0MB", 2), ("4096k", 4),
                                            ("4MB", 4), ("2mb-C1", 2)])
    def test_a_chip_s_size_is_one_of_those_that_are_sold(self, oneslot, place, text, size):
        oneslot.ok("image", "old.bin", "--flash-size", text, "-o", "out", cwd=place)
        assert (place / "out").stat().st_size == size << 20
        assert oneslot("image", "old.bin", "--flash-size", "1.5MB", "-o", "out", cwd=place).status == 2

    @pytest.mark.parametrize("text", ["32MB", "64MB", "128MB", "0x2000000"])
    def test_a_chip_larger_than_what_is_served_is_answered_with_what_is(self, oneslot, place, text):
        result = oneslot("image", "old.bin", "--flash-size", text, "-o", "out", cwd=place)
        assert result.status == 2 and f"'{text}' is more than the 16MB of flash that Oneslot serves" in result.err
        assert not (place / "out").exists()

    @pytest.mark.parametrize("words", ["run x --seed 010x", "prove a b --jobs 0x", "run x --cut-at -1",
                                       "prove a b --chains 1.5"])
    def test_a_number_is_decimal_or_hexadecimal(self, oneslot, words):
        assert oneslot(*words.split()).status == 2


def one_object(result):
    """The one JSON object on standard output."""
    found = json.loads(result.out)
    assert isinstance(found, dict) and list(found)[:2] == ["ok", "error"], result
    assert isinstance(found["ok"], bool) and found["ok"] is (result.status == 0), result
    if found["ok"]:
        assert found["error"] is None
    else:
        assert set(found["error"]) >= {"name", "text"} and found["error"]["text"], result
        assert re.fullmatch(r"[A-Z0-9_]+", found["error"]["name"]), result
    assert isinstance(found["warnings"], list)
    for warning in found["warnings"]:
        assert f"oneslot: warning: {warning}\n" in result.err
    return found


class TestJson:
    @pytest.mark.parametrize("name", WELL)
    def test_a_command_that_does_its_work_tells_ok(self, oneslot, place, name):
        words, member = WELL[name]
        result = oneslot(*words.split(), "--json", cwd=place)
        assert result.status == 0 and member in one_object(result), result

    @pytest.mark.parametrize("name", FAILING)
    def test_one_that_fails_tells_the_error_s_name_and_text(self, oneslot, place, name):
        words, error = FAILING[name]
        result = oneslot(*words.split(), "--json", cwd=place)
        found = one_object(result)
        assert result.status == 1 and (error is None or found["error"]["name"] == error), result
        plain = oneslot(*words.split(), cwd=place)
        assert plain.status == 1 and not plain.out.startswith("{")
        assert "\noneslot: " in "\n" + plain.err or name == "map check", "what a check finds is its result"

    @pytest.mark.parametrize("command", COMMANDS)
    def test_a_wrong_command_line_tells_it_too(self, oneslot, tmp_path, command):
        for words in (["--json", "--nonsense"], ["--nonsense", "--json"]):
            result = oneslot(*command.split(), *words, cwd=tmp_path)
            assert result.status == 2 and one_object(result)["error"]["name"] == "USAGE", result
        assert one_object(oneslot("nonsense", "--json"))["error"]["name"] == "USAGE"

    def test_the_simulator_s_figures_have_that_shape_in_a_file_as_well(self, oneslot, build, tmp_path):
        small = build / "examples" / "firmware-v1.bin", build / "examples" / "firmware-v2.bin"
        quick = ["--chains", "1", "--faults", "1", "--ops-step", "50", "--sha256"]
        result = oneslot.ok("prove", *small, *quick, "--json=figures", cwd=tmp_path)
        found = json.loads((tmp_path / "figures").read_text())
        assert list(found)[:2] == ["ok", "error"] and found["ok"] and found["error"] is None
        assert "all promises kept" in result.out
        assert one_object(oneslot.ok("prove", *small, *quick, "--json"))["cases"] == found["cases"]

    def test_a_run_that_is_not_fine_has_a_reason(self, oneslot, place):
        result = oneslot("run", "flash.bin", "--expect", "new.bin", "--timeout", "20", "--json", cwd=place)
        found = one_object(result)
        assert result.status == 1 and found["message"] == found["error"]["text"], result


class TestInputs:
    @pytest.mark.parametrize("name", INPUTS)
    @pytest.mark.parametrize("what, said", [("folder", "directory"), ("missing", "No such file"), ("empty", None),
                                            ("noise", None)])
    def test_what_is_none_ends_in_1_with_its_name_and_writes_nothing(self, oneslot, place, name, what, said):
        result = oneslot(*INPUTS[name].replace("IN", what).split(), cwd=place)
        if name == "image --fs-image" and what in ("empty", "noise"):
            assert result.status == 0 and "cannot be read as littlefs" in result.err
            return
        if name in ("run --expect", "keygen --passphrase-file", "map check --firmware") and what in ("empty", "noise"):
            assert result.status in (0, 1), "any bytes will do"
            return
        assert result.status == 1 and what in result.err and result.out == "", result
        if said is not None and not name.startswith("map"):
            assert said in result.err, result
        assert not (place / "out").exists()


@pytest.fixture
def open_place(stock):
    """The same files where everybody can come, each for its owner alone; for what the superuser is never refused."""
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(stock, folder, dirs_exist_ok=True)
        os.chmod(folder, 0o755)
        for path in Path(folder).iterdir():
            path.chmod(0o700)
        yield Path(folder)


@pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser can be somebody else")
class TestSomebodyElse:
    def run(self, oneslot, words, folder):
        # The tool itself may lie where only its owner can come.
        with open(oneslot.path, "rb") as program:
            return subprocess.run(words, executable=f"/proc/self/fd/{program.fileno()}", pass_fds=[program.fileno()],
                                  cwd=folder, user=65534, group=65534, extra_groups=[], capture_output=True, text=True)

    @pytest.mark.parametrize("name", [name for name in INPUTS if name != "prove --key"])
    def test_what_cannot_be_read_is_named(self, oneslot, open_place, name):
        open_place.chmod(0o777)
        for path in open_place.iterdir():
            path.chmod(0o000 if path.name == "noise" else 0o755)
        done = self.run(oneslot, ["oneslot", *INPUTS[name].replace("IN", "noise").split()], open_place)
        assert done.returncode == 1 and "noise: Permission denied" in done.stderr, done

    def test_what_cannot_be_written_is_named_and_stays(self, oneslot, open_place):
        for path in open_place.iterdir():
            path.chmod(0o755)
        for words in ("image old.bin --flash-size 2MB -o old", "pack old.bin --version 1 -o new", "keygen -o key",
                      "map export map.csv -f bin -o folder/x", "fs mkdir flash.bin /d", "request flash.bin /main.py"):
            done = self.run(oneslot, ["oneslot", *words.split()], open_place)
            assert done.returncode == 1 and re.search("Permission denied|read-only", done.stderr), done


class TestWatch:
    @pytest.mark.parametrize("path, said", [
        ("nolabel:/x", "no region 'nolabel'"), ("@nolabel", "no region 'nolabel'"), ("/", "names no file"),
        ("//", "names no file"), ("/watch/", "directory"), ("vfs:/watch/", "directory"), ("vfs:", "names no file"),
        ("@vfs:0", "no length"), ("@vfs:x", "no length"), ("/" + "n" * 100 + "/", "directory")])
    def test_a_path_where_no_file_can_lie_is_refused(self, oneslot, place, path, said):
        for words in (["image", "old.bin", "--flash-size", "2MB", "-o", "out", "--watch", path],
                      ["request", "flash.bin", path],
                      ["request", "flash.bin", "/main.py", "--trial", "3", "--fallback", path]):
            before = (place / "flash.bin").read_bytes()
            result = oneslot(*words, "--json", cwd=place)
            assert result.status == 1 and said in result.err and result.error == "PATH_INVALID", result
            assert not (place / "out").exists() and (place / "flash.bin").read_bytes() == before

    @pytest.mark.parametrize("path", ["/fw.bin", "vfs:/fw.bin", "/a/b/fw.bin", "@vfs", "@vfs:4096"])
    def test_any_other_is_taken_as_it_is(self, oneslot, place, path):
        oneslot.ok("image", "old.bin", "--flash-size", "2MB", "-o", "out", "--watch", path, cwd=place)
        assert oneslot.ok("info", "out", "--json", cwd=place).json["watch"] == path

    def test_one_without_a_slash_gets_it_and_it_is_said(self, oneslot, place):
        result = oneslot.ok("image", "old.bin", "--flash-size", "2MB", "-o", "out", "--watch", "fw.bin", cwd=place)
        assert "'fw.bin' is taken for '/fw.bin'" in result.err
        assert oneslot.ok("info", "out", "--json", cwd=place).json["watch"] == "/fw.bin"


class TestRequest:
    def test_a_path_without_its_slash_is_taken_where_it_is_there(self, oneslot, place):
        result = oneslot.ok("request", "flash.bin", "main.py", "--json", cwd=place)
        assert result.json["path"] == "/main.py" and "'main.py' is taken for '/main.py'" in result.err

    def test_where_it_is_not_the_right_path_is_told(self, oneslot, place):
        before = (place / "flash.bin").read_bytes()
        result = oneslot("request", "flash.bin", "new.bin", "--json", cwd=place)
        assert result.status == 1 and result.error == "PATH_INVALID" and (place / "flash.bin").read_bytes() == before
        told = re.search(r"'oneslot (fs put [^']*)'", result.err).group(1)
        oneslot.ok(*told.split(), cwd=place)
        assert oneslot.ok("request", "flash.bin", "new.bin", "--json", cwd=place).json["path"] == "/new.bin"

    def test_a_fallback_too(self, oneslot, place):
        oneslot.ok("request", "flash.bin", "/main.py", "--trial", "2", "--fallback", "main.py", cwd=place)
        assert oneslot("request", "flash.bin", "/main.py", "--trial", "2", "--fallback", "no", cwd=place).status == 1

    def test_a_directory_is_none(self, oneslot, place):
        oneslot.ok("fs", "mkdir", "flash.bin", "/d", cwd=place)
        assert "is a directory" in oneslot("request", "flash.bin", "/d", cwd=place).err


class TestFiles:
    def test_what_is_neither_a_file_nor_a_folder_is_named(self, oneslot, place):
        os.mkfifo(place / "files" / "pipe")
        os.mknod(place / "files" / "socket", 0o140644)
        for words in ("image old.bin --flash-size 2MB --fs files -o out", "fs put flash.bin files /again"):
            result = oneslot.ok(*words.split(), "--json", cwd=place)
            for name in ("pipe", "socket"):
                assert f"files/{name} is neither a file nor a directory" in result.err
                assert any(name in warning for warning in result.json["warnings"]), result


class Terminal:
    """A terminal of some width, and what a program wrote to it."""

    def __init__(self, columns):
        self.main, self.side = pty.openpty()
        ioctl(self.side, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))

    def run(self, path, words, cwd, **env):
        unset = {key: value for key, value in os.environ.items() if key not in ("COLUMNS", "NO_COLOR", "TERM")}
        with subprocess.Popen([path, *words], cwd=cwd, stdin=subprocess.DEVNULL, stdout=self.side, stderr=self.side,
                              env={**unset, **env}) as process:
            os.close(self.side)
            text = b""
            while True:
                try:
                    piece = os.read(self.main, 65536)
                except OSError:
                    break
                if not piece:
                    break
                text += piece
            process.wait()
        os.close(self.main)
        return text.decode()


SHOWN = ["image --help", "fs --help", "map --help", "prove --help", "--help", "map show sdk2-90000",
         "map show micropython-4m", "map show --diff sdk1-89000 sdk2-90000", "image old.bin --flash-size 2MB -o out",
         "map plan --flash-size 4MB --firmware old.bin -o out", "status noise", "imgae", "status flash.bin",
         "info flash.bin"]


class TestTerminals:
    @pytest.mark.parametrize("command", ["", *COMMANDS, "map"])
    @pytest.mark.parametrize("columns", [40, 57, 80, 100])
    def test_help_fits(self, oneslot, command, columns):
        text = oneslot.ok(*command.split(), "--help", env={"COLUMNS": str(columns)}).out
        assert max(map(len, text.splitlines())) <= columns
        for option in long_options(oneslot, command):
            assert f"--{option}" in text

    def test_help_loses_no_word_when_it_is_set_anew(self, oneslot):
        for command in COMMANDS:
            wide = oneslot.ok(*command.split(), "--help", env={"COLUMNS": "200"}).out.split()
            narrow = oneslot.ok(*command.split(), "--help", env={"COLUMNS": "40"}).out.split()
            assert [word for word in narrow if word != "\\"] == wide, command

    @pytest.mark.parametrize("words", ["map show sdk2-90000", "map show micropython-16m", "map show esp32-oneslot-4m",
                                       "map show --diff sdk1-89000 sdk2-90000", "--help", "imgae",
                                       "map plan --flash-size 4MB --firmware old.bin -o out"])
    def test_a_terminal_of_40_columns_gets_lines_of_40(self, oneslot, place, words):
        text = re.sub(r"\033\[[0-9;]*m", "", Terminal(40).run(oneslot.path, words.split(), place, TERM="xterm"))
        assert text and max(map(len, text.replace("\r", "").split("\n"))) <= 40, text

    def test_the_map_of_an_image_fits_too(self, oneslot, place):
        for words in ("image old.bin --flash-size 2MB -o out", "info flash.bin"):
            text = oneslot.ok(*words.split(), cwd=place, env={"COLUMNS": "40"}).out
            rows = [line for line in text.splitlines() if re.search("installer|displaced|firmware +[0-9]+ KiB", line)]
            assert len(rows) >= 2 and max(map(len, rows)) <= 40, text

    @pytest.mark.parametrize("words", SHOWN)
    def test_escapes_are_for_a_terminal_that_has_them(self, oneslot, place, words):
        words = words.split()
        for env in ({"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": ""}):
            assert "\033" not in Terminal(80).run(oneslot.path, words, place, **env), env
        done = subprocess.run([oneslot.path, *words], cwd=place, capture_output=True,
                              env={**os.environ, "TERM": "xterm"})
        assert b"\033" not in done.stdout + done.stderr

    def test_others_get_them(self, oneslot, place):
        for words in ("map show sdk2-90000", "imgae", "image old.bin --flash-size 2MB -o out"):
            assert "\033[" in Terminal(80).run(oneslot.path, words.split(), place, TERM="xterm")


def esptool(command, folder):
    """What esptool makes of a command line, on a port that is not there."""
    words = shlex.split(command.replace(" --port PORT ", " --port /dev/no-such-port "))
    assert words[0] == "esptool"
    done = subprocess.run([sys.executable, "-m", "esptool", *words[1:]], capture_output=True, text=True,
                          cwd=folder, env={**os.environ, "COLUMNS": "200"})
    return done.returncode, done.stdout + done.stderr


class TestEsptool:
    @pytest.mark.parametrize("words", [
        "image old.bin --flash-size 2MB -o 'the flash.bin'", "image old.bin --flash-size 4MB -o \"it's.bin\"",
        "image esp32.bin --flash-size 4MB -o out"])
    def test_the_command_is_one_that_esptool_takes_without_a_word_against_it(self, oneslot, place, words):
        command = oneslot.ok(*shlex.split(words), "--json", cwd=place).json["command"]
        status, said = esptool(command, place)
        assert "no-such-port" in said and status == 2, said
        assert "eprecated" not in said and "Usage" not in said and "No such option" not in said, said

    def test_an_old_spelling_would_be_seen(self, place):
        command = "esptool --chip esp8266 --port PORT write_flash --flash_size keep 0 old.bin"
        assert "eprecated" in esptool(command, place)[1]

    def test_no_text_of_the_project_has_the_old_spelling(self, oneslot, repo):
        texts = [path.read_text() for path in [repo / "README.md", *sorted((repo / "docs").glob("*.md"))]]
        texts.append((repo / "docs" / "oneslot.1").read_text().replace("\\-", "-"))
        texts += [oneslot.ok(*command.split(), "--help").out for command in COMMANDS]
        for text in texts:
            assert not re.search(r"esptool\.py [a-z-]|esptool [a-z -]*(write|read|erase)_flash|flash_id", text)


# The names that gen_esp32part.py of ESP-IDF 4.4 knows, and the fields that PlatformIO's builder looks at.
OLD_TYPES = {"app": 0, "data": 1}
OLD_SUBTYPES = {0: {"factory": 0, "test": 0x20, **{f"ota_{slot}": 0x10 + slot for slot in range(16)}},
                1: {"ota": 0, "phy": 1, "nvs": 2, "coredump": 3, "nvs_keys": 4, "efuse": 5, "undefined": 6,
                    "esphttpd": 0x80, "fat": 0x81, "spiffs": 0x82}}


def old_table(csv):
    """A CSV as those programs read it."""
    found = {}
    for row in csv.splitlines():
        if not row.strip() or row.startswith("#"):
            continue
        name, kind, subtype, offset, size, flags = [field.strip() for field in (row + ",,,,").split(",")][:6]
        number = OLD_TYPES[kind] if kind in OLD_TYPES else int(kind, 0)
        names = OLD_SUBTYPES.get(number, {})
        assert flags in ("", "encrypted") and re.fullmatch("0x[0-9a-f]+", offset) and re.fullmatch("0x[0-9a-f]+", size)
        assert kind == "app" if number == 0 else True, "PlatformIO finds an application's size by this name"
        found[name] = (number, names[subtype] if subtype in names else int(subtype, 0), int(offset, 16), int(size, 16))
    return found


class TestExport:
    def test_a_csv_is_read_by_the_programs_it_is_for_as_it_is(self, oneslot):
        presets = [row for row in oneslot.ok("map", "list", "--json").json["presets"]]
        assert any(row["name"] == "esp32-oneslot-4m" for row in presets)
        for row in presets:
            binary = oneslot.ok("map", "export", row["name"], "-f", "bin").bytes
            table = {part.name: (part.type, part.subtype, part.offset, part.size)
                     for part in PartitionTable.from_binary(binary)}
            csv = oneslot.ok("map", "export", row["name"], "-f", "csv").out
            assert old_table(csv) == table, row["name"]
            if row["chip"] != "esp8266":
                assert {part.name for part in PartitionTable.from_csv(csv)} == set(table)

    def test_names_are_there_for_the_asking(self, oneslot):
        csv = oneslot.ok("map", "export", "esp32-oneslot-4m", "-f", "csv-names").out
        assert ", oneslot, journal," in csv
        with pytest.raises(ValueError):
            old_table(csv)
        numbers = oneslot.ok("map", "export", "esp32-oneslot-4m", "-f", "csv").out
        assert ", 0x40, 0x02," in numbers and "oneslot, journal" not in numbers

    def test_both_come_back_as_the_same_map(self, oneslot, tmp_path):
        for form in ("csv", "csv-names"):
            oneslot.ok("map", "export", "oneslot-micropython-4m", "-f", form, "-o", form, cwd=tmp_path)
        assert (oneslot.ok("map", "export", "csv", "-f", "bin", cwd=tmp_path).bytes
                == oneslot.ok("map", "export", "csv-names", "-f", "bin", cwd=tmp_path).bytes)

    def test_a_plan_for_the_esp32_is_one_too(self, oneslot):
        csv = oneslot.ok("map", "plan", "--chip", "esp32", "--flash-size", "4MB", "--firmware", "1700K").out
        assert old_table(csv)["journal"][:2] == (0x40, 2)
