"""What the host tool writes: no option of any command replaces an input, a key or a read-only file, and whatever ends
the tool, a file is the old one or the new one and nothing lies beside it.

OPTIONS is the table of all options that name a file to write. Each is tried with every input of its command, by every
name that one file can have, and with everything that can stand in the way of a file."""

import os
import resource
import shutil
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest
from conftest import FIRMWARE
from test_host import micropython

import esp32_image as esp

MIB = 1 << 20
PRIVATE, PUBLIC = "PRIVATE KEY", "PUBLIC KEY"

# Command line with OUT for the output, and the inputs that it may be mistaken for.
OPTIONS = {
    "image": ("image old.bin --flash-size 2MB --map map.csv --fs files --key pub.pem --installer installer.bin "
              "--loader loader.bin -o OUT",
              ["old.bin", "map.csv", "files/main.py", "files/lib/a.bin", "pub.pem", "installer.bin", "loader.bin"]),
    "image --fs-image": ("image old.bin --flash-size 2MB --fs-image fs.bin -o OUT", ["old.bin", "fs.bin"]),
    "image --boot": ("image user1.bin --flash-size 2MB-c1 --boot boot.bin -o OUT", ["user1.bin", "boot.bin"]),
    "image, ESP32": ("image app.bin --flash-size 4MB --bootloader bootloader.bin --installer installer32.bin -o OUT",
                     ["app.bin", "bootloader.bin", "installer32.bin"]),
    "image --dump": ("image --dump dump32.bin -o OUT", ["dump32.bin"]),
    "pack": ("pack old.bin --version 1.0.0 --key secret.pem --passphrase-file word.txt -o OUT",
             ["old.bin", "secret.pem", "word.txt"]),
    "keygen": ("keygen --passphrase-file word.txt -o OUT", ["word.txt"]),
    "keygen --public": ("keygen --from secret.pem --passphrase-file word.txt --public OUT", ["secret.pem", "word.txt"]),
    "map plan": ("map plan --flash-size 4MB --firmware old.bin -o OUT", ["old.bin"]),
    "map show": ("map show map.csv --svg OUT", ["map.csv"]),
    "map show --diff": ("map show --diff map.csv table.bin --flash-size 4MB --svg OUT", ["map.csv", "table.bin"]),
    "map export": ("map export map.csv --format bin -o OUT", ["map.csv"]),
    "map move": ("map move flash.bin --from from.csv --to map.csv -o OUT", ["flash.bin", "from.csv", "map.csv"]),
    "prove --report": ("prove old.bin new.bin --chains 1 --faults 0 --ops-step 1000 --report OUT",
                       ["old.bin", "new.bin"]),
    "prove --json": ("prove old.bin new.bin --chains 1 --faults 0 --ops-step 1000 --json=OUT", ["old.bin", "new.bin"]),
    "prove --boot": ("prove user1.bin user1.bin --boot boot.bin --report OUT", ["user1.bin", "boot.bin"]),
    "prove --stories": ("prove old.bin new.bin --stories --json=OUT", ["old.bin", "new.bin"]),
}
# Those whose run takes too long to be made here.
LONG = {"prove --report", "prove --json", "prove --boot", "prove --stories"}
# Commands that change a flash image in place; FLASH is that file.
IN_PLACE = {
    "fs put": "fs put FLASH old.bin /fw.bin",
    "fs rm": "fs rm FLASH /main.py",
    "fs mkdir": "fs mkdir FLASH /made",
    "fs format": "fs format FLASH",
    "request": "request FLASH /main.py",
    "cancel": "cancel FLASH",
    "run": "run FLASH",
}
NAMES = ["as it is", "./", "absolute", "symbolic link", "hard link", "through a directory's link"]


@pytest.fixture(scope="module")
def stock(oneslot, build, tmp_path_factory):
    """All files that the commands of the table read."""
    here = tmp_path_factory.mktemp("stock")
    (here / "files" / "lib").mkdir(parents=True)
    (here / "files" / "main.py").write_text("print('hello')\n")
    (here / "files" / "lib" / "a.bin").write_bytes(bytes(range(256)) * 20)
    (here / "old.bin").write_bytes(micropython("v1.23.0 on 2024-06-02"))
    (here / "new.bin").write_bytes(micropython("v1.24.0 on 2024-10-25", seed=2))
    (here / "word.txt").write_text("swordfish\n")
    for name, at in (("loader.bin", "loader.bin"), ("installer.bin", "installer.bin")):
        shutil.copy(build / "esp8266" / at, here / name)
    (here / "app.bin").write_bytes(esp.application(size=100000))
    (here / "bootloader.bin").write_bytes(esp.bootloader())
    (here / "installer32.bin").write_bytes(esp.installer("esp32"))
    (here / "dump32.bin").write_bytes(esp.flash("esp32", esp.TWO_SLOTS, [
        (0xE000, esp.otadata(1)), (0x10000, esp.application(size=100000))]))
    if FIRMWARE.is_dir():
        shutil.copyfile(FIRMWARE / "at8266-user1-3.0.4.bin", here / "user1.bin")
        shutil.copyfile(FIRMWARE / "boot_v1.7.bin", here / "boot.bin")
    oneslot.ok("keygen", "-o", "secret.pem", "--public", "pub.pem", "--passphrase-file", "word.txt", cwd=here)
    oneslot.ok("image", "old.bin", "--flash-size", "2MB", "--fs", "files", "-o", "flash.bin", cwd=here)
    (here / "map.csv").write_text(oneslot.ok("info", "flash.bin", "--csv", cwd=here).out)
    (here / "from.csv").write_text(oneslot.ok("info", "flash.bin", "--csv", cwd=here).out)
    oneslot.ok("map", "export", "map.csv", "--flash-size", "2MB", "--format", "bin", "-o", "table.bin", cwd=here)
    (here / "fs.bin").write_bytes((here / "flash.bin").read_bytes()[MIB : MIB + 0xFB000])
    return here


@pytest.fixture
def place(stock, tmp_path):
    """A folder of one's own with these files."""
    return Path(shutil.copytree(stock, tmp_path / "place"))


def content(folder):
    """Every file below a folder, with what it holds."""
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
            for path in sorted(folder.rglob("*"))}


def line(option, out):
    """The command line of a row of the table."""
    if "--boot " in OPTIONS[option][0] and not FIRMWARE.is_dir():
        pytest.skip(f"Espressif's boot loader is among the real firmware, which is not at {FIRMWARE}: set "
                    "ONESLOT_FIRMWARE to its folder")
    return [word.replace("OUT", str(out)) for word in OPTIONS[option][0].split()]


def other_name(folder, path, how):
    """The same file under another name."""
    file = folder / path
    if how == "as it is":
        return path
    if how == "./":
        return f"./files/../{path}"
    if how == "absolute":
        return str(file.resolve())
    if how == "symbolic link":
        (folder / "link").symlink_to(path)
        return "link"
    if how == "hard link":
        os.link(file, folder / "hard")
        return "hard"
    (folder / "folder").symlink_to(".")
    return f"folder/{path}"


class TestNoInputIsReplaced:
    @pytest.mark.parametrize("how", NAMES)
    @pytest.mark.parametrize("option, input", [(option, input) for option in OPTIONS for input in OPTIONS[option][1]],
                             ids=lambda value: value.replace("/", "-"))
    def test_an_output_is_never_an_input(self, oneslot, place, option, input, how):
        line(option, "")
        out = other_name(place, input, how)
        before = content(place)
        result = oneslot(*line(option, out), cwd=place)
        assert content(place) == before, result
        assert result.status == 1 and out in result.err, result
        assert any(word in result.err for word in ("an output never replaces", "never overwritten")), result

    @pytest.mark.parametrize("how", NAMES)
    def test_what_is_changed_in_place_is_no_other_input(self, oneslot, place, how):
        oneslot.ok("fs", "put", "flash.bin", "new.bin", "/fw.bin", cwd=place)
        oneslot.ok("request", "flash.bin", "/fw.bin", cwd=place)
        out = other_name(place, "flash.bin", how)
        before = content(place)
        put = oneslot("fs", "put", out, "flash.bin", "/x", cwd=place)
        assert put.status == 1 and content(place) == before, put
        run = oneslot("run", out, "--expect", "flash.bin", cwd=place)
        assert run.status == 1 and "an output never replaces" in run.err and content(place) == before, run

    def test_two_outputs_of_one_command_have_two_places(self, oneslot, place):
        before = content(place)
        for words in ("keygen -o new.pem --public new.pem", "keygen -o new.pem --public ./files/../new.pem",
                      "prove old.bin new.bin --json=r --report r", "prove old.bin new.bin --json=r --report ./r",
                      "keygen -o - --public -"):
            result = oneslot(*words.split(), cwd=place)
            assert result.status == 2 and content(place) == before and "another output goes" in result.err, result

    @pytest.mark.parametrize("option", [name for name in OPTIONS if name not in LONG])
    def test_each_line_of_the_table_works_where_nothing_is_in_the_way(self, oneslot, place, option):
        before = content(place)
        result = oneslot(*line(option, "fresh"), cwd=place)
        assert result.status == 0, result
        after = content(place)
        assert after.pop("fresh") and after == before
        mode = stat.S_IMODE((place / "fresh").stat().st_mode)
        assert mode == (0o600 if option == "keygen" else 0o666 & ~umask())


def umask():
    mask = os.umask(0)
    os.umask(mask)
    return mask


def in_the_way(folder, what):
    """Something that no file may be written over. Returns its name, and what is said of it."""
    path = folder / "taken"
    if what == "a directory":
        path.mkdir()
        return "taken", "directory"
    if what == "a directory's name":
        return "nothing/", "directory"
    if what == "a read-only file":
        path.write_bytes(b"mine")
        path.chmod(0o444)
        return "taken", "read-only"
    if what == "a link to a read-only file":
        (folder / "real").write_bytes(b"mine")
        (folder / "real").chmod(0o400)
        path.symlink_to("real")
        return "taken", "read-only"
    if what == "a folder that is not there":
        return "no/such/folder", "No such file"
    if what == "a file for a folder":
        return "old.bin/x", "Not a directory"
    if what == "a link to nowhere":
        path.symlink_to("nowhere")
        return "taken", "link"
    if what == "a private key":
        shutil.copy(folder / "secret.pem", path)
        return "taken", "never overwritten"
    if what == "a public key":
        shutil.copy(folder / "pub.pem", path)
        return "taken", "never overwritten"
    if what == "no name":
        return "", "empty"
    raise AssertionError(what)


OBSTACLES = ["a directory", "a directory's name", "a read-only file", "a link to a read-only file",
             "a folder that is not there", "a file for a folder", "a link to nowhere", "a private key", "a public key"]


class TestWhatIsInTheWay:
    @pytest.mark.parametrize("what", OBSTACLES)
    @pytest.mark.parametrize("option", OPTIONS)
    def test_it_stays_and_is_named(self, oneslot, place, option, what):
        out, said = in_the_way(place, what)
        if option == "keygen --public" and what == "a public key":
            pytest.skip("the same key may be written again")
        before = content(place)
        result = oneslot(*line(option, out), cwd=place)
        assert result.status == 1 and content(place) == before, result
        assert said in result.err or "never overwritten" in result.err, result

    @pytest.mark.parametrize("option", [name for name in OPTIONS if name not in LONG])
    def test_a_folder_that_takes_no_files_is_named(self, oneslot, place, option):
        result = oneslot(*line(option, "/proc/self/x"), cwd=place)
        assert result.status == 1 and "/proc/self/x" in result.err, result

    @pytest.mark.parametrize("what", ["a read-only file", "a link to a read-only file"])
    @pytest.mark.parametrize("command", [name for name in IN_PLACE if name not in ("run", "cancel")])
    def test_a_read_only_flash_image_is_not_changed(self, oneslot, place, command, what):
        out, _ = in_the_way(place, what)
        (place / out).chmod(0o644)
        shutil.copy(place / "flash.bin", place / out)
        (place / out).chmod(0o444)
        before = content(place)
        result = oneslot(*IN_PLACE[command].replace("FLASH", out).split(), cwd=place)
        assert result.status == 1 and "read-only" in result.err and content(place) == before, result

    def test_keys_stay(self, oneslot, place):
        oneslot.ok("keygen", "-o", "a.pem", "--public", "a.pub", cwd=place)
        oneslot.ok("keygen", "-o", "b.pem", "--public", "b.pub", cwd=place)
        before = content(place)
        for words in ("keygen -o a.pem", "keygen -o a.pub", "keygen -o c.pem --public a.pem",
                      "keygen -o c.pem --public a.pub", "keygen --from a.pem --public a.pem",
                      "keygen --from a.pem --public b.pem", "keygen --from a.pem --public b.pub",
                      "keygen --from a.pub --public a.pub", "pack old.bin --version 1 --key a.pem -o b.pub"):
            result = oneslot(*words.split(), cwd=place)
            assert result.status == 1 and content(place) == before, result
        oneslot.ok("keygen", "--from", "a.pem", "--public", "a.pub", cwd=place)
        assert content(place) == before

    def test_firmware_with_a_key_s_words_among_its_constants_is_no_key(self, oneslot, place):
        (place / "out").write_bytes(b"\0" * 100 + b"-----BEGIN PRIVATE KEY-----\0" + bytes(300))
        oneslot.ok("map", "export", "map.csv", "--format", "bin", "-o", "out", cwd=place)


class TestReplacing:
    def test_links_and_permissions_stay(self, oneslot, place):
        (place / "real").write_bytes(b"old")
        (place / "real").chmod(0o640)
        (place / "link").symlink_to("real")
        os.link(place / "real", place / "other")
        oneslot.ok("map", "export", "map.csv", "--format", "bin", "-o", "link", cwd=place)
        assert (place / "link").is_symlink() and (place / "real").read_bytes()[:2] == b"\xaa\x50"
        assert stat.S_IMODE((place / "real").stat().st_mode) == 0o640
        assert (place / "other").read_bytes() == b"old", "another name keeps what it had"

    def test_a_changed_flash_image_keeps_its_permissions(self, oneslot, place):
        (place / "flash.bin").chmod(0o660)
        for command in ("fs mkdir FLASH /made", "request FLASH /main.py", "cancel FLASH"):
            oneslot.ok(*command.replace("FLASH", "flash.bin").split(), cwd=place)
            assert stat.S_IMODE((place / "flash.bin").stat().st_mode) == 0o660

    @pytest.mark.skipif(os.geteuid() != 0, reason="only the superuser gives files away")
    def test_the_owner_stays(self, oneslot, place):
        os.chown(place / "flash.bin", 1234, 2345)
        oneslot.ok("fs", "mkdir", "flash.bin", "/made", cwd=place)
        status = (place / "flash.bin").stat()
        assert (status.st_uid, status.st_gid) == (1234, 2345)

    def test_a_name_as_long_as_names_can_be_is_written(self, oneslot, place):
        oneslot.ok("map", "export", "map.csv", "--format", "bin", "-o", "n" * 255, cwd=place)
        assert (place / ("n" * 255)).exists()


def everything(option):
    """A whole command for each option that can be waited for."""
    return [name for name in OPTIONS if name not in LONG and option(name)]


class TestErrors:
    @pytest.mark.parametrize("option", everything(lambda name: True))
    def test_a_limit_of_file_size_is_an_error_like_any_other(self, oneslot, place, option):
        (place / "out").write_bytes(b"mine")
        before = content(place)
        out = "out" if option != "keygen" else "new"

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))

        done = subprocess.run([oneslot.path, *line(option, out)], cwd=place, capture_output=True, preexec_fn=limit)
        assert done.returncode == 1 and b"File too large" in done.stderr, done
        assert content(place) == before

    @pytest.mark.parametrize("command", [name for name in IN_PLACE if name not in ("run", "cancel")])
    def test_it_is_for_a_flash_image_too(self, oneslot, place, command):
        before = content(place)

        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (100000, 100000))

        done = subprocess.run([oneslot.path, *IN_PLACE[command].replace("FLASH", "flash.bin").split()], cwd=place,
                              capture_output=True, preexec_fn=limit)
        assert done.returncode == 1 and b"File too large" in done.stderr, done
        assert content(place) == before

    @pytest.mark.parametrize("option", everything(lambda name: "keygen" not in name))
    def test_a_full_disk_leaves_the_old_file_and_nothing_else(self, oneslot, place, option, full_disk):
        shutil.copy(place / "word.txt", full_disk / "out")
        (full_disk / "filler").write_bytes(b"")
        fill(full_disk / "filler")
        before = content(full_disk)
        result = oneslot(*line(option, full_disk / "out"), cwd=place)
        assert result.status == 1 and "No space left" in result.err, result
        assert content(full_disk) == before

    @pytest.mark.parametrize("words", [
        "image --help", "info old.bin", "info flash.bin --json", "map list", "map rules --json", "map show map.csv",
        "map plan --flash-size 4MB --firmware old.bin", "map export map.csv --format csv", "map check map.csv",
        "fs ls flash.bin", "fs cat flash.bin /lib/a.bin", "status flash.bin", "--version", "--help",
        "image old.bin --flash-size 2MB -o -", "pack old.bin --version 1 -o -", "map show map.csv --svg -",
        "map move flash.bin --to map.csv -o -", "map export map.csv --format bin -o -", "keygen -o -"])
    def test_standard_output_that_is_full_is_an_error(self, oneslot, place, words):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([oneslot.path, *words.split()], cwd=place, stdout=full, stderr=subprocess.PIPE)
        assert done.returncode == 1 and b"standard output" in done.stderr, done


def fill(path):
    """Writes until the disk is full."""
    with open(path, "ab", buffering=0) as file:
        for size in (4096, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass


@pytest.fixture
def full_disk(tmp_path):
    """A small file system of its own."""
    disk = tmp_path / "disk"
    disk.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", disk], capture_output=True)
    if done.returncode != 0:
        pytest.skip("no small file system can be mounted here (it takes the superuser)")
    yield disk
    subprocess.run(["umount", disk], check=True)


# In front of what flushes a file the signal comes: the new file is whole then, and has no name yet.
SHIM = """
#include <signal.h>
#include <stdlib.h>
int fsync(int descriptor) {
    (void)descriptor;
    raise(atoi(getenv("SHIM_SIGNAL")));
    return 0;
}
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shim")
    (folder / "shim.c").write_text(SHIM)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", folder / "shim.so", folder / "shim.c"], check=True)
    return folder / "shim.so"


class TestSignals:
    @pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGXCPU],
                             ids=lambda number: number.name)
    @pytest.mark.parametrize("words", ["image old.bin --flash-size 2MB -o out", "fs mkdir flash.bin /made",
                                       "keygen -o new.pem", "pack old.bin --version 1 -o out"])
    def test_one_leaves_the_old_file_and_nothing_beside_it(self, oneslot, place, shim, words, number):
        (place / "out").write_bytes(b"mine")
        before = content(place)
        done = subprocess.run([oneslot.path, *words.split()], cwd=place, capture_output=True,
                              env={**os.environ, "LD_PRELOAD": str(shim), "SHIM_SIGNAL": str(number.value)},
                              preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))  # nohup ignores some
        assert done.returncode == -number, done
        assert content(place) == before

    def test_one_that_is_ignored_changes_nothing(self, oneslot, place, shim):
        done = subprocess.run(["sh", "-c", f'trap "" HUP; exec "{oneslot.path}" map export map.csv -f bin -o out'],
                              cwd=place, capture_output=True,
                              env={**os.environ, "LD_PRELOAD": str(shim), "SHIM_SIGNAL": str(signal.SIGHUP.value)})
        assert done.returncode == 0 and (place / "out").exists(), done


class TestStandardOutput:
    @pytest.mark.parametrize("option", everything(lambda name: name != "keygen"))
    def test_a_hyphen_is_standard_output_for_every_option(self, oneslot, place, option):
        oneslot.ok(*line(option, "file"), cwd=place)
        before = content(place)
        result = oneslot.ok(*line(option, "-"), cwd=place)
        assert result.bytes == (place / "file").read_bytes() and content(place) == before
        assert "FLASH.bin" in result.err if option.startswith("image") else True

    def test_a_private_key_goes_there_too(self, oneslot, place):
        result = oneslot.ok("keygen", "-o", "-", "--public", "p", cwd=place)
        assert result.out.startswith("-----BEGIN PRIVATE KEY-----") and "key " in result.err
        (place / "k").write_text(result.out)
        oneslot.ok("keygen", "--from", "k", "--public", "q", cwd=place)
        assert (place / "p").read_bytes() == (place / "q").read_bytes()

    @pytest.mark.parametrize("option", OPTIONS)
    def test_together_with_json_it_is_refused(self, oneslot, place, option):
        words = line(option, "-")
        if option in ("prove --json", "prove --stories"):
            pytest.skip("'--json=-' is '--json'")
        result = oneslot(*words, "--json", cwd=place)
        assert result.status == 2 and "standard output" in result.err and result.json["ok"] is False, result

    @pytest.mark.parametrize("words", ["image old.bin --flash-size 2MB -o -", "pack old.bin --version 1 -o -",
                                       "map move flash.bin --to map.csv -o -", "map export map.csv -f bin",
                                       "map export map.csv -f bin -o -", "fs cat flash.bin /lib/a.bin"])
    def test_bytes_are_not_for_a_terminal(self, oneslot, place, words):
        main, side = os.openpty()
        done = subprocess.run([oneslot.path, *words.split()], cwd=place, stdout=side, stderr=subprocess.PIPE)
        os.close(side)
        os.close(main)
        assert done.returncode == 2 and b"terminal" in done.stderr, done

    def test_a_pipe_and_a_device_are_written_to_and_stay(self, oneslot, place):
        os.mkfifo(place / "pipe")
        with subprocess.Popen(["cat", "pipe"], cwd=place, stdout=subprocess.PIPE) as reader:
            oneslot.ok("map", "export", "map.csv", "-f", "bin", "-o", "pipe", cwd=place)
            got = reader.communicate(timeout=10)[0]
        assert got[:2] == b"\xaa\x50" and stat.S_ISFIFO((place / "pipe").stat().st_mode)
        oneslot.ok("map", "export", "map.csv", "-f", "bin", "-o", "/dev/null", cwd=place)
        assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


def children(pid):
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def wait_for(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it took too long"
        time.sleep(0.02)


class TestProcesses:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT], ids=lambda number: number.name)
    @pytest.mark.parametrize("words, count", [
        ("prove old.bin new.bin --chains 10000000 --jobs 3", 3),
        ("prove old.bin new.bin --stories --chains 10000000 --jobs 2", 2),
        ("run flash.bin --go --until never --timeout 600", 1)], ids=["prove", "stories", "run"])
    def test_none_outlives_the_tool(self, oneslot, place, build, words, count, number):
        if words.startswith("run") and shutil.which("qemu-system-xtensa") is None:
            pytest.skip("qemu-system-xtensa is not here")
        if words.startswith("run"):
            # QEMU, which runs the ESP32 family, is a process of its own.
            oneslot.ok("image", build / "esp32" / "firmware-v1.bin", "--chip", "esp32", "--flash-size", "4MB",
                       "--bootloader", build / "esp32" / "boot-stand-in.bin", "-o", "flash.bin", cwd=place)
        with subprocess.Popen([oneslot.path, *words.split()], cwd=place, stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as tool:
            pids = []
            try:
                wait_for(lambda: len(children(tool.pid)) >= count)
                pids = children(tool.pid)
                tool.send_signal(number)
                tool.wait(timeout=20)
                assert tool.returncode == -number
                wait_for(lambda: not any(alive(pid) for pid in pids), seconds=10)
            finally:
                tool.kill()
                for pid in filter(alive, pids):
                    os.kill(pid, signal.SIGKILL)
