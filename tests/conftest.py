"""What the whole-program tests share: where things lie, how programs are run, how file systems are made."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from littlefs import LittleFS
from where import ROOT, find_firmware, limit_cpu

BUILD = Path(os.environ.get("ONESLOT_BUILD", ROOT / "build"))
FIRMWARE = find_firmware()
# make test-full: all that takes long too.
FULL = bool(os.environ.get("ONESLOT_FULL"))


class Result:
    """How a run of a program ended."""

    def __init__(self, command, done):
        self.command = command
        self.status = done.returncode
        self.out = done.stdout.decode(errors="replace")
        self.err = done.stderr.decode(errors="replace")
        self.bytes = done.stdout

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def error(self):
        """The name of the error that the JSON tells; None where all is well."""
        error = self.json["error"]
        return error and error["name"]

    def __repr__(self):
        return f"$ {' '.join(self.command)}\nstatus {self.status}\n{self.out}{self.err}"


class Program:
    """A program under test: call it with its arguments; `ok` also expects success. `timeout`: seconds of the CPU that
    it may use; how long a busy machine makes it wait is no matter."""

    def __init__(self, path):
        self.path = path

    def __call__(self, *arguments, cwd=None, timeout=120, env=None, input=None):
        command = [str(self.path), *(str(argument) for argument in arguments)]
        with subprocess.Popen(command, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as run:
            limit_cpu(run.pid, timeout)
            out, err = run.communicate(input or b"")
        return Result(command, subprocess.CompletedProcess(command, run.returncode, out, err))

    def ok(self, *arguments, **how):
        result = self(*arguments, **how)
        assert result.status == 0, result
        return result


def pytest_configure(config):
    config.addinivalue_line("markers", "full: too long for the fast set; runs in `make test-full` alone")


def pytest_collection_modifyitems(config, items):
    """The fast set leaves out what is marked as full; ONESLOT_FULL=1 has it all."""
    if FULL:
        return
    left = [item for item in items if item.get_closest_marker("full")]
    if left:
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item not in left]


@pytest.fixture(scope="session")
def repo():
    """The root of the work tree."""
    return ROOT


@pytest.fixture(scope="session")
def build():
    """The folder of what was built."""
    return BUILD


@pytest.fixture(scope="session")
def oneslot():
    """The host tool; the environment's ONESLOT names another one."""
    return Program(Path(os.environ.get("ONESLOT", BUILD / "oneslot")))


@pytest.fixture(scope="session")
def oneslot_sanitized():
    """The host tool with address and undefined-behaviour sanitizers, for hostile input."""
    return Program(BUILD / "asan" / "oneslot")


@pytest.fixture(scope="session")
def firmware():
    """The folder of real firmware that projects shipped; tests that need it are skipped where it is not."""
    if not FIRMWARE.is_dir():
        pytest.skip(f"no real firmware at {FIRMWARE}: set ONESLOT_FIRMWARE to its folder")
    return FIRMWARE


def make_littlefs(files, size, block_size=4096, disk_version=None, **options):
    """The bytes of a littlefs of `size` bytes that holds `files`: a path ("/lib/a.py") to its content, None for a
    folder. Written by the PyPI package littlefs-python, not by code of this project."""
    if disk_version is not None:
        options["disk_version"] = disk_version
    fs = LittleFS(block_size=block_size, block_count=size // block_size, **options)
    for path, content in files.items():
        if content is None:
            fs.makedirs(path, exist_ok=True)
            continue
        parent = path.rstrip("/").rpartition("/")[0]
        if parent:
            fs.makedirs(parent, exist_ok=True)
        with fs.open(path, "wb") as file:
            file.write(content)
    return bytes(fs.context.buffer)


def read_littlefs(image, block_size=4096, **options):
    """What a littlefs holds, as make_littlefs takes it; empty folders are None."""
    fs = LittleFS(block_size=block_size, block_count=len(image) // block_size, mount=False, **options)
    fs.context.buffer = bytearray(image)
    fs.mount()
    found = {}
    for folder, folders, files in fs.walk("/"):
        base = folder.rstrip("/")
        if not folders and not files and base:
            found[base] = None
        for name in files:
            with fs.open(f"{base}/{name}", "rb") as file:
                found[f"{base}/{name}"] = file.read()
    return found


@pytest.fixture(scope="session")
def littlefs_image():
    """make_littlefs, for tests that would rather have it as a fixture."""
    return make_littlefs


@pytest.fixture(scope="session")
def littlefs_files():
    """read_littlefs, likewise."""
    return read_littlefs
