"""The library for Arduino and PlatformIO and the component for ESP-IDF: what is shipped, and that it works."""

import json
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from conftest import BUILD, ROOT, Program
from peers import BEARSSL_FLAGS, CC, CORE, CXX, FAMILIES, MD5, SANITIZE, SAVE, STRICT, TABLE

ROOM = ROOT / "tests" / "ports"
STAND_INS = f"-I{ROOM / 'include'}"
PATHS = {family.platform: family for family in FAMILIES}
RESTARTED = 3


def component():
    """What CMakeLists.txt hands to idf_component_register: a list for each keyword."""
    text = re.sub(r"#.*", "", (ROOT / "CMakeLists.txt").read_text())
    (call,) = re.findall(r"idf_component_register\((.*?)\)", text, re.S)
    found = {}
    for word in call.split():
        if word.isupper() and "." not in word:
            found[word] = values = []
        else:
            values.append(word)
    return found


def library_sources():
    """What Arduino compiles of a library: all under src/, with src/ alone to look for headers in."""
    return sorted(path for path in (ROOT / "src").rglob("*") if path.suffix in (".c", ".cpp"))


def compile_one(source, result, flags, cc=CC, cxx=CXX):
    plus = source.suffix in (".cpp", ".ino")
    command = [*cxx, "-std=gnu++11", *flags, "-x", "c++"] if plus else [*cc, "-std=gnu11", *flags]
    subprocess.run([*command, "-c", source, "-o", result], check=True)
    return result


def compile_all(sources, folder, flags, cc=CC, cxx=CXX):
    results = [folder / f"{index}-{source.name}.o" for index, source in enumerate(sources)]
    with ThreadPoolExecutor() as pool:
        return list(pool.map(lambda source, result: compile_one(source, result, flags, cc, cxx), sources, results))


def link(folder, objects):
    subprocess.run([*CXX, *SANITIZE, *objects, "-o", folder / "program"], check=True)
    return Program(folder / "program")


def device(folder, *stand_ins):
    """The chip and the functions of the vendor, which know core/ by its own include path."""
    flags = [*STRICT, *SANITIZE, *BEARSSL_FLAGS, STAND_INS, f"-I{ROOT / 'include'}"]
    return compile_all([ROOM / "device.c", *(ROOM / name for name in stand_ins)], folder, flags)


def sketch(folder, platform, *more):
    """The example sketch with the library, as Arduino would build it."""
    (folder / "library").mkdir()
    flags = [*STRICT, *SANITIZE, STAND_INS, f"-DARDUINO_ARCH_{platform.upper()}", f"-I{ROOT / 'src'}"]
    example = ROOT / "examples" / "ArduinoUpgrade" / "ArduinoUpgrade.ino"
    # Arduino puts this line before every sketch.
    flags_of_sketch = [*flags, "-include", "Arduino.h"]
    # BearSSL is for the stand-in of the ROM's MD5 alone.
    objects = compile_all(library_sources(), folder / "library", [*flags, *BEARSSL_FLAGS])
    objects += compile_all([example], folder, flags_of_sketch) + device(folder, "arduino.cpp", *more)
    objects += compile_all(MD5, folder, [*SANITIZE, *BEARSSL_FLAGS, "-w"])
    return link(folder, objects)


def component_program(folder):
    """The example application with the component, as ESP-IDF would build it."""
    (folder / "component").mkdir()
    parts = component()
    includes = [f"-I{ROOT / path}" for path in parts["INCLUDE_DIRS"]]
    flags = [*STRICT, *SANITIZE, STAND_INS, *includes, *BEARSSL_FLAGS]
    objects = compile_all([ROOT / path for path in parts["SRCS"]], folder / "component", flags)
    objects += compile_all([ROOT / "examples" / "esp-idf" / "main" / "main.c", ROOM / "app.c"], folder, flags)
    objects += device(folder, "esp_idf.c") + compile_all(MD5, folder, [*SANITIZE, *BEARSSL_FLAGS, "-w"])
    return link(folder, objects)


BUILDS = {
    "arduino-esp8266": ("esp8266", lambda folder: sketch(folder, "esp8266")),
    "arduino-esp32": ("esp32", lambda folder: sketch(folder, "esp32", "esp_idf.c")),
    "esp-idf": ("esp32", component_program),
}


class Device:
    def __init__(self, program, peer, flash):
        self.program, self.peer, self.flash = program, peer, flash

    def run(self, line="", **env):
        return self.program(self.flash, input=line.encode(), env=env)

    def c(self, *arguments):
        return self.peer.ok(self.flash, *arguments)


@pytest.fixture(scope="session", params=BUILDS)
def built(request, tmp_path_factory):
    platform, build = BUILDS[request.param]
    return request.param, build(tmp_path_factory.mktemp("port")), PATHS[platform].build(tmp_path_factory.mktemp("peer"))


@pytest.fixture
def board(built, tmp_path):
    name, program, peer = built
    board = Device(program, peer, tmp_path / "flash.bin")
    board.name = name
    board.family = PATHS[BUILDS[name][0]]
    board.c("provision")
    return board


def test_the_example_asks_for_what_the_core_alone_would_and_restarts(board):
    before = board.flash.read_bytes()
    board.c("request", "/fw.bin", 3, "/old.bin")
    want = board.flash.read_bytes()
    assert want != before
    board.flash.write_bytes(before)
    result = board.run("upgrade now\n")
    assert result.status == RESTARTED
    assert result.out.splitlines()[:1] == ["no upgrade asked for"]
    assert board.flash.read_bytes() == want
    assert board.c("status").json["words"] == "to be upgraded to /fw.bin at the next reset"


def test_the_example_confirms_itself(board):
    board.c("put", 3, 0)
    if board.family.kind == "table":
        board.c("otadata", 1)
    before = board.flash.read_bytes()
    board.c("confirm")
    want = board.flash.read_bytes()
    assert want != before
    board.flash.write_bytes(before)
    result = board.run()
    assert result.status == 0
    assert board.flash.read_bytes() == want
    assert board.c("status").json["state"] == 4
    assert "upgraded to /fw.bin" in board.run().out


def test_without_a_trial_the_example_writes_nothing(board):
    board.c("put", 5, 46)
    before = board.flash.read_bytes()
    assert "refused /fw.bin: the image's MD5 is wrong" in board.run().out
    assert board.flash.read_bytes() == before


def test_a_device_that_was_not_set_up_is_named(board):
    board.flash.write_bytes(b"\xff" * len(board.flash.read_bytes()))
    words = {"layout": "this flash was not made by oneslot image: no loader was found at its start",
             "table": "the flash map is damaged or not a partition table"}[board.family.kind]
    result = board.run("nothing\n")
    assert (result.status, result.out.splitlines()[0]) == (0, words)


def test_an_encrypted_flash_is_refused_by_name_where_there_may_be_one(board):
    before = board.flash.read_bytes()
    said = board.run("nothing\n", FLASH_ENCRYPTED="1").out
    assert ("the flash is encrypted, which is not served" in said) == (board.family.kind == "table")
    assert board.flash.read_bytes() == before


### What is shipped ###


def named(path):
    """The core's files that one shipped file takes in."""
    return re.findall(r'#include "\.\./\.\./(.*?)"', path.read_text())


def test_the_library_takes_just_what_an_application_links():
    taken = {name for source in library_sources() for name in named(source)}
    core = {f"core/{name}.c" for name in CORE + TABLE + SAVE if name != "md5"}
    assert taken == core | {"ports/esp_idf.c", "ports/esp8266_arduino.cpp"}
    assert set(component()["SRCS"]) == core | {"ports/esp_idf.c"}


def test_each_line_of_the_library_s_sources_only_takes_one_file_of_its_own_name():
    for path in [*library_sources(), *(ROOT / "src" / "oneslot").glob("*.h")]:
        lines = [line for line in path.read_text().splitlines() if not re.fullmatch(r"#ifdef ARDUINO_ARCH_\w+|#endif", line)]
        assert len(lines) == 1 and (len(path.read_text().splitlines()) == 1 or path.parent.name == "ports"), path
        (taken,) = named(path)
        assert Path(taken).name == path.name and (ROOT / taken).is_file()


def properties():
    return dict(line.split("=", 1) for line in (ROOT / "library.properties").read_text().splitlines())


def version():
    return re.search(r'ONESLOT_VERSION "(.*?)"', (ROOT / "host" / "tool.h").read_text())[1]


def component_manifest():
    """The manifest's plain values and lists, a list of a list's part under the part's name ("files.include"); it uses
    no more of YAML than that."""
    found, key, part = {}, None, None
    for line in (ROOT / "idf_component.yml").read_text().splitlines():
        if match := re.fullmatch(r"(\w+): *(.*)", line):
            key = part = match[1]
            found[key] = match[2].strip('"') or []
        elif match := re.fullmatch(r"  (\w+):", line):
            part = f"{key}.{match[1]}"
            found[part] = []
        elif match := re.fullmatch(r" +- (.*)", line):
            found[part].append(match[1].strip('"'))
    return found


def test_the_component_leaves_out_all_that_it_does_not_name():
    assert component_manifest()["files.exclude"] == ["**/*"]
    assert "**/*" not in component_manifest()["files.include"]


def test_all_manifests_tell_the_same_version_and_license():
    package = json.loads((ROOT / "library.json").read_text())
    assert package["version"] == properties()["version"] == component_manifest()["version"] == version()
    assert package["license"] == component_manifest()["license"] == "MIT"
    assert package["name"] == properties()["name"] == "Oneslot"


def test_library_properties_holds_to_arduino_s_rules():
    fields = properties()
    # The address of the project is not known yet; all else that the specification asks for is there.
    assert set(fields) == {"name", "version", "author", "maintainer", "sentence", "paragraph", "category", "url",
                           "architectures", "includes"}
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9 _.-]{0,62}", fields["name"])
    assert not fields["name"].lower().startswith("arduino")
    assert re.fullmatch(r"\d+\.\d+\.\d+", fields["version"])
    assert fields["category"] in ("Display", "Communication", "Signal Input/Output", "Sensors", "Device Control",
                                  "Timing", "Data Storage", "Data Processing", "Other")
    assert fields["architectures"].split(",") == ["esp8266", "esp32"]
    assert all((ROOT / "src" / header).is_file() for header in fields["includes"].split(","))
    assert not any(path.is_symlink() for path in (ROOT / "src").rglob("*"))
    for example in (ROOT / "examples").glob("*/*.ino"):
        assert example.stem == example.parent.name


def test_library_json_holds_to_platformio_s_rules():
    package = json.loads((ROOT / "library.json").read_text())
    assert set(package) <= {"name", "version", "description", "keywords", "authors", "license", "frameworks",
                            "platforms", "headers", "export", "repository", "homepage"}
    assert not re.search(r"[:;/,@<>]", package["name"])
    assert len(package["description"]) <= 255
    assert all(re.fullmatch(r"[a-z0-9_+. -]{1,50}", word) for word in package["keywords"])
    assert package["platforms"] == ["espressif8266", "espressif32"]
    assert all((ROOT / "src" / header).is_file() for header in package["headers"])


def shipped(names, folder):
    """Copies what a manifest lists, and nothing else."""
    for name in names:
        for path in ROOT.glob(name):
            target = folder / path.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            if path.is_dir() and "*" not in name:
                shutil.copytree(path, target, dirs_exist_ok=True)
            elif path.is_file():
                shutil.copy(path, target)


XTENSA = ["xtensa-lx106-elf-gcc", "xtensa-lx106-elf-g++", "-mlongcalls"]
# Of a C library string.h alone is wanted; the device code has one that stands by itself.
NO_LIBRARY = ["-ffreestanding", "-isystem", next(ROOT.glob("device/*/include/string.h")).parent]
RISCV = ["riscv64-unknown-elf-gcc", "riscv64-unknown-elf-g++", "-march=rv32imc", "-mabi=ilp32"]


@pytest.mark.parametrize("target", [XTENSA, RISCV], ids=lambda target: target[0].split("-")[0])
def test_what_the_component_ships_compiles_by_itself_for_the_chips(target, tmp_path):
    package = tmp_path / "package"
    shipped(component_manifest()["files.include"], package)
    includes = [f"-I{package / path}" for path in component()["INCLUDE_DIRS"]]
    flags = [*target[2:], "-Os", *STRICT, *NO_LIBRARY, STAND_INS, *includes, *BEARSSL_FLAGS]
    assert compile_all([package / path for path in component()["SRCS"]], tmp_path, flags, cc=target[:1])


@pytest.mark.parametrize("target, platform", [(XTENSA, "esp8266"), (RISCV, "esp32")], ids=["xtensa", "riscv64"])
def test_what_the_library_ships_compiles_by_itself_for_the_chips(target, platform, tmp_path):
    package = tmp_path / "package"
    shipped(json.loads((ROOT / "library.json").read_text())["export"]["include"], package)
    flags = [*target[2:], "-Os", *STRICT, *NO_LIBRARY, STAND_INS, f"-DARDUINO_ARCH_{platform.upper()}",
             f"-I{package / 'src'}", *BEARSSL_FLAGS]
    # There is no C++ library for the chips here: what is C++ is compiled for the host, in the tests above.
    sources = [package / path.relative_to(ROOT) for path in library_sources() if path.suffix == ".c"]
    assert compile_all(sources, tmp_path, flags, cc=target[:1])


### Each package by itself: its headers, its functions ###


def copy_component(folder):
    shipped(component_manifest()["files.include"], folder)
    return [folder / path for path in component()["SRCS"]], [f"-I{folder / path}" for path in component()["INCLUDE_DIRS"]]


def copy_library(platform):
    def copy(folder):
        shipped(json.loads((ROOT / "library.json").read_text())["export"]["include"], folder)
        sources = [folder / path.relative_to(ROOT) for path in library_sources()]
        return sources, [f"-I{folder / 'src'}", f"-DARDUINO_ARCH_{platform.upper()}"]

    return copy


def repository(folder):
    """Not a package: all of include/, for whoever takes the engine itself and littlefs."""
    (folder / "include").symlink_to(ROOT / "include")
    return [], [f"-I{folder / 'include'}", "-isystem", BUILD / "deps" / "littlefs"]


PACKAGES = {"esp-idf": copy_component, "arduino-esp8266": copy_library("esp8266"), "arduino-esp32": copy_library("esp32")}
LANGUAGES = {"C": ".c", "C++": ".cpp"}


def headers(flags):
    """What `#include "oneslot/..."` reaches with these flags."""
    (folder,) = [Path(str(flag)[2:]) for flag in flags if str(flag).startswith("-I")]
    found = sorted(path.relative_to(folder).as_posix() for path in folder.glob("oneslot/*.h"))
    assert "oneslot/oneslot.h" in found
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [*PACKAGES, "repository"])
def test_each_header_compiles_alone(name, language, tmp_path):
    _, flags = {**PACKAGES, "repository": repository}[name](tmp_path)
    alone = []
    for header in headers(flags):
        alone.append(tmp_path / (Path(header).stem + LANGUAGES[language]))
        # Twice: the guard holds.
        alone[-1].write_text(f'#include "{header}"\n#include "{header}"\n')
    assert compile_all(alone, tmp_path, [*STRICT, "-Wpedantic", *flags])


def functions(folder, flags):
    """Every function that the headers declare, told by the compiler."""
    source, told = folder / "all.c", folder / "all.told"
    source.write_text("".join(f'#include "{header}"\n' for header in headers(flags)))
    subprocess.run([*CC, *flags, "-fsyntax-only", "-aux-info", told, source], check=True)
    found = re.findall(r"\b(oneslot_\w+) \((?!\*)", told.read_text())
    for header in headers(flags):  # a declaration by the function's type alone is not told
        found += re.findall(r"^oneslot_\w+ (oneslot_\w+);$", (ROOT / "include" / header).read_text(), re.M)
    return sorted(set(found))


def caller(folder, flags, suffix):
    """A program that needs every function of the headers. It does nothing when it is run."""
    names = functions(folder, flags)
    assert {"oneslot_save", "oneslot_request", "oneslot_port_open", "oneslot_pack", "oneslot_layout_from_table"} <= set(names)
    source = folder / f"caller{suffix}"
    lines = [f'#include "{header}"' for header in headers(flags)]
    lines += ["typedef void call(void);", "call *volatile needed[] = {", *(f"    (call *){name}," for name in names), "};"]
    lines += ["void app_main(void);" if suffix == ".c" else 'extern "C" void app_main(void);', "void app_main(void) {",
              "    (void)needed[0];", "}"]
    source.write_text("\n".join(lines) + "\n")
    return source


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", PACKAGES)
def test_a_caller_of_every_function_links(name, language, tmp_path):
    for folder in ("package", "objects", "caller"):
        (tmp_path / folder).mkdir()
    sources, flags = PACKAGES[name](tmp_path / "package")
    includes = [*STRICT, *SANITIZE, STAND_INS, *flags]
    # BearSSL is for the stand-in of the ROM's MD5 alone.
    objects = compile_all(sources, tmp_path / "objects", [*includes, *BEARSSL_FLAGS])
    objects += compile_all([caller(tmp_path / "caller", flags, LANGUAGES[language])], tmp_path / "caller",
                           [*includes, "-Wno-cast-function-type"])
    more = {"esp-idf": ["esp_idf.c"], "arduino-esp8266": ["arduino.cpp"], "arduino-esp32": ["arduino.cpp", "esp_idf.c"]}
    (tmp_path / "device").mkdir()
    objects += device(tmp_path / "device", *more[name], "app.c" if name == "esp-idf" else "app_sketch.cpp")
    objects += compile_all(MD5, tmp_path, [*SANITIZE, *BEARSSL_FLAGS, "-w"])
    assert link(tmp_path, objects)


def test_the_packages_hold_the_headers_of_the_application_and_no_others(tmp_path):
    for copy in PACKAGES.values():
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        _, flags = copy(folder)
        shims = {Path(header).name for header in headers(flags)}
        assert shims == {path.name for path in (folder / "include" / "oneslot").iterdir()}
        assert shims == {path.name for path in (ROOT / "src" / "oneslot").iterdir()}
