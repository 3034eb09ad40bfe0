"""Broken engines are caught: a small campaign finds the fault of each, and finds none in the engine as it is."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from where import limit_cpu

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "broken"))
from variants import (ALL_VARIANTS, ESP32_VARIANTS, HANDOVER_VARIANTS, IMAGE_ESP32_VARIANTS,  # noqa: E402
                      IMAGE_VARIANTS, JOURNAL_VARIANTS, LIFE_ESP32_VARIANTS, LIFE_VARIANTS, LIVES_CATCH,
                      MEMORY_VARIANTS, OTADATA_VARIANTS, PACKAGE_VARIANTS, SAVE_VARIANTS, SELF_UPDATE_VARIANTS,
                      SINGLE_FAULT_VARIANTS, SOURCE_VARIANTS, START_VARIANTS,
                      STORY_VARIANTS, VARIANTS, WAY_BACK_VARIANTS)

CFLAGS = ["-std=c11", "-O2", "-w", "-D_DEFAULT_SOURCE", "-DLFS_NO_DEBUG", "-DLFS_NO_WARN", "-DLFS_NO_ERROR",
          "-DLFS_NO_ASSERT"]


def broken_sources(repo, variant):
    """The variant's files of core/, with its faults built in: name to text."""
    sources = {}
    for file, edits in ((variant.file, variant.edits), *variant.more):
        text = (repo / "core" / file).read_text()
        for find, replace in edits:
            assert text.count(find) == 1, f"{variant.name}: core/{file} holds this text {text.count(find)} times, not" \
                                          f" once; the variant must follow the engine:\n{find}"
            text = text.replace(find, replace)
        sources[file] = text
    return sources


CAMPAIGN = ("broken/small_campaign.c", "small_upgrade.c", "synthetic.c", "synthetic_esp32.c")


class Objects:
    """Compiles each source of the tests once for all variants, which then take a file or two and a link each."""

    def __init__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.compiled = {}

    def compile(self, repo, build, sources, folder=None):
        folder = folder or Path(self.folder.name) / str(len(self.compiled))
        folder.mkdir(exist_ok=True)
        includes = ["-I", repo / "include", "-I", repo, "-I", repo / "core", "-isystem", build / "deps" / "littlefs",
                    "-isystem", build / "deps" / "bearssl" / "inc"]
        subprocess.run([*COMPILER, *CFLAGS, *includes, "-c", *sources], cwd=folder, check=True)
        return [folder / (source.stem + ".o") for source in sources]

    def of(self, repo, build, names):
        for name in names:
            if name not in self.compiled:
                self.compiled[name], = self.compile(repo, build, [(repo / "tests" / name).resolve()])
        return [self.compiled[name] for name in names]


COMPILER = shlex.split(os.environ.get("CC", "gcc"))
OBJECTS = Objects()


def build_campaign(repo, build, folder, variant=None, tests=CAMPAIGN, libraries=()):
    """The small campaign as a program, with the engine as it is or a variant of it in front of the library's."""
    program = folder / "campaign"
    objects = OBJECTS.of(repo, build, tests)
    if variant:
        sources = []
        for name, text in broken_sources(repo, variant).items():
            sources.append(folder / name)
            sources[-1].write_text(text)
        objects = objects + OBJECTS.compile(repo, build, sources, folder)
    subprocess.run([*COMPILER, *objects, build / "host" / "libsim.a", build / "host" / "libcore.a", *libraries,
                    "-o", program], check=True)
    return program


def run_campaign(program, *words):
    # A test stops at the first thing that it finds. What never ends is ended by its use of the CPU.
    with subprocess.Popen([program, *words], stdout=subprocess.PIPE, env={**os.environ, "CMOCKA_TEST_ABORT": "1"}) as run:
        limit_cpu(run.pid, 300)
        said = run.communicate()[0].decode().strip()
    return run.returncode, said


def is_caught(program):
    """Whether a test of cmocka's, which ends the program at once, found a fault: a crash is none that it found."""
    return run_campaign(program)[0] == -signal.SIGABRT


def test_the_engine_as_it_is_keeps_all_promises(repo, build, tmp_path):
    status, said = run_campaign(build_campaign(repo, build, tmp_path))
    assert (status, said.split(":")[0]) == (0, "kept"), said


@pytest.mark.parametrize("variant", VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_engine_is_caught(repo, build, tmp_path, variant):
    status, said = run_campaign(build_campaign(repo, build, tmp_path, variant))
    assert status == 1, f"not caught: {variant.what}; the campaign says: {said}"
    assert said.split(":")[0] in variant.verdicts, said


LIVES = [("esp8266", variant) for variant in LIFE_VARIANTS] + [("esp32", variant) for variant in LIFE_ESP32_VARIANTS]


@pytest.mark.parametrize("family, variant", LIVES, ids=[variant.name for _, variant in LIVES])
def test_a_broken_engine_is_caught_when_files_move_and_the_chip_wears(repo, build, tmp_path, family, variant):
    status, said = run_campaign(build_campaign(repo, build, tmp_path, variant), family, "life")
    assert status == 1, f"not caught: {variant.what}; the campaign says: {said}"
    assert said.split(":")[0] in variant.verdicts, said


def test_there_are_at_least_eight_broken_engines():
    assert len({variant.name for variant in VARIANTS}) >= 8


@pytest.mark.parametrize("variant", JOURNAL_VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_journal_is_caught_by_its_own_test(repo, build, tmp_path, variant):
    program = build_campaign(repo, build, tmp_path, variant, ("test_journal.c",), ("-lcmocka",))
    assert is_caught(program), f"not caught: {variant.what}"


PACKAGE_TEST = ("test_install_package.c", "small_upgrade.c", "synthetic.c", "synthetic_esp32.c", "../host/pack/build.c",
                "../host/pack/version_text.c", "../host/pack/compress.c", "../host/pack/filter.c")


@pytest.mark.parametrize("variant", PACKAGE_VARIANTS + WAY_BACK_VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_handling_of_packages_is_caught(repo, build, tmp_path, variant):
    program = build_campaign(repo, build, tmp_path, variant, PACKAGE_TEST, ("-lcmocka", "-llzma"))
    assert is_caught(program), f"not caught: {variant.what}"


@pytest.mark.parametrize("variant", MEMORY_VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_memory_is_caught_by_its_own_test(repo, build, tmp_path, variant):
    tests = ("test_memory.c", "synthetic.c", "synthetic_esp32.c")
    program = build_campaign(repo, build, tmp_path, variant, tests, ("-lcmocka",))
    assert run_campaign(program)[0] != 0, f"not caught: {variant.what}"


@pytest.mark.parametrize("variant", SELF_UPDATE_VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_self_update_is_caught(repo, build, tmp_path, variant):
    tests = ("test_self_update.c", "synthetic.c", "../host/pack/build.c")
    program = build_campaign(repo, build, tmp_path, variant, tests, ("-lcmocka",))
    assert is_caught(program), f"not caught: {variant.what}"


@pytest.mark.parametrize("variant", SAVE_VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_saving_is_caught_by_its_own_test(repo, build, tmp_path, variant):
    program = build_campaign(repo, build, tmp_path, variant, ("test_save.c", "synthetic.c", "synthetic_esp32.c"), ("-lcmocka", "-llzma"))
    assert is_caught(program), f"not caught: {variant.what}"


def test_the_engine_as_it_is_keeps_all_promises_on_the_esp32_family(repo, build, tmp_path):
    status, said = run_campaign(build_campaign(repo, build, tmp_path), "esp32")
    assert (status, said.split(":")[0]) == (0, "kept"), said


@pytest.mark.parametrize("variant", ESP32_VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_engine_of_the_esp32_family_is_caught(repo, build, tmp_path, variant):
    status, said = run_campaign(build_campaign(repo, build, tmp_path, variant), "esp32")
    assert status == 1, f"not caught: {variant.what}; the campaign says: {said}"
    assert said.split(":")[0] in variant.verdicts, said


ESP32_TESTS = [("test_otadata.c", variant) for variant in OTADATA_VARIANTS] + \
              [("test_handover.c", variant) for variant in HANDOVER_VARIANTS] + \
              [("test_image_esp32.c", variant) for variant in IMAGE_ESP32_VARIANTS]
OTHER_TESTS = [("test_single_faults.c", variant) for variant in SINGLE_FAULT_VARIANTS] + \
              [("test_image.c", variant) for variant in IMAGE_VARIANTS] + \
              [("test_source.c", variant) for variant in SOURCE_VARIANTS] + \
              [("test_started.c", variant) for variant in START_VARIANTS]


@pytest.mark.parametrize("test, variant", ESP32_TESTS, ids=[variant.name for _, variant in ESP32_TESTS])
def test_a_broken_part_of_the_esp32_family_is_caught_by_its_own_test(repo, build, tmp_path, test, variant):
    program = build_campaign(repo, build, tmp_path, variant, (test, "synthetic_esp32.c"), ("-lcmocka",))
    assert is_caught(program), f"not caught: {variant.what}"


@pytest.mark.parametrize("test, variant", OTHER_TESTS, ids=[variant.name for _, variant in OTHER_TESTS])
def test_a_broken_start_is_caught_by_its_own_test(repo, build, tmp_path, test, variant):
    program = build_campaign(repo, build, tmp_path, variant,
                             (test, "synthetic.c", "synthetic_esp32.c", "littlefs_reseal.c"), ("-lcmocka",))
    assert is_caught(program), f"not caught: {variant.what}"


STORIES = ("broken/small_stories.c", "story/small_story.c", "synthetic.c", "synthetic_esp32.c", "../host/pack/kit.c",
           "../host/pack/build.c", "../host/pack/compress.c", "../host/pack/filter.c")


LIFE_PROGRAM = ("broken/small_lives.c", *STORIES[1:])
LIVES_OF = {"esp32": "1500", "esp8266": "300"}


@pytest.mark.parametrize("family", LIVES_OF)
def test_lives_of_the_engine_as_it_is_keep_all_promises(repo, build, tmp_path, family):
    program = build_campaign(repo, build, tmp_path, None, LIFE_PROGRAM, ("-llzma",))
    status, said = run_campaign(program, family, LIVES_OF[family])
    assert (status, said.split(":")[0]) == (0, "kept"), said


@pytest.mark.parametrize("name", LIVES_CATCH)
def test_a_broken_engine_is_caught_by_lives(repo, build, tmp_path, name):
    family, verdicts = LIVES_CATCH[name]
    variant, = (variant for variant in ALL_VARIANTS if variant.name == name)
    program = build_campaign(repo, build, tmp_path, variant, LIFE_PROGRAM, ("-llzma",))
    status, said = run_campaign(program, family, LIVES_OF[family])
    assert status == 1, f"not caught: {variant.what}; the lives say: {said}"
    assert said.split(":")[0] in verdicts, said


def test_the_stories_of_the_engine_as_it_is_end_well(repo, build, tmp_path):
    status, said = run_campaign(build_campaign(repo, build, tmp_path, None, STORIES, ("-llzma",)))
    assert (status, said.split(":")[0]) == (0, "kept"), said


@pytest.mark.parametrize("variant", STORY_VARIANTS, ids=lambda variant: variant.name)
def test_a_broken_engine_is_caught_in_a_story(repo, build, tmp_path, variant):
    program = build_campaign(repo, build, tmp_path, variant, STORIES, ("-llzma",))
    status, said = run_campaign(program, *(variant.story,) if variant.story else ())
    assert status == 1, f"not caught: {variant.what}; the stories say: {said}"
    assert said.split(":")[0] in variant.verdicts, said
