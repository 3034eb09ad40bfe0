"""The fuzz targets: their kept inputs are reproducible and small, and a fault put in is found from them."""

import os
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from where import limit_cpu

FUZZ = Path(__file__).resolve().parent / "fuzz"
TARGETS = sorted(source.stem.removeprefix("fuzz_") for source in FUZZ.glob("fuzz_*.c"))
CORPUS_BYTES = 200_000
SECONDS = 120


@dataclass(frozen=True)
class Fault:
    """A fault in a file: a text and what is in its place."""

    target: str
    what: str
    file: str
    find: str
    replace: str


FAULTS = (
    Fault("image", "the checksum may lie behind the file", "core/image.c",
          "if (checksum >= source->size) {", "if (false) {"),
    Fault("image", "the MD5 is not looked at", "core/image_prove.c",
          "if (memcmp(md5, proof->trailer, sizeof md5) != 0) {", "if (memcmp(md5, proof->trailer, 0) != 0) {"),
    Fault("image", "only the first segment is kept out of the loader's memory", "core/image_allowed.c",
          "for (uint8_t i = 0; i < image->boot_segments; i++) {", "for (uint8_t i = 0; i < 1; i++) {"),
    Fault("image_esp32", "the digest behind the image is not looked at", "core/image_esp32.c",
          "memcmp(reading->digest, reading->appended, DIGEST_SIZE) == 0;", "true;"),
    Fault("image_esp32", "the digest may lie behind the file", "core/image_esp32.c",
          "    if (size > input->size) {", "    if (false) {"),
    Fault("image_esp32", "one segment too many is taken", "core/image_esp32.c",
          "reading->segments <= ONESLOT_IMAGE_SEGMENTS &&", "reading->segments <= ONESLOT_IMAGE_SEGMENTS + 1 &&"),
    Fault("package", "an entry may be longer than its list", "core/package.c",
          "if (entry.length > end - entry.offset) {", "if (entry.length > end) {"),
    Fault("package", "the board's name may fill the whole field", "core/package.c",
          "{ONESLOT_TLV_BOARD, 1, ONESLOT_BOARD_MAX, true},", "{ONESLOT_TLV_BOARD, 1, ONESLOT_BOARD_MAX + 1, true},"),
    Fault("package", "permission for a downgrade need not be signed", "core/package_check.c",
          "bool may_sink = package->signer >= 0 && ", "bool may_sink = "),
    Fault("unpack", "a distance may reach before the image's start", "core/unpack.c",
          "if (unpack->distance[0] >= unpack->produced || unpack", "if (unpack"),
    Fault("unpack", "a distance may be longer than the dictionary", "core/unpack.c",
          " || unpack->distance[0] >= unpack->stream.dictionary) {", ") {"),
    Fault("unpack", "a distance that is used again stays where it is", "core/unpack.c",
          "unpack->distance[which] = unpack->distance[which - 1];", ""),
    Fault("unpack", "the last bytes need not be there", "core/unpack.c",
          "        unpack->error = ONESLOT_ERROR_PACKAGE_SHORT;\n", ""),
    Fault("journal", "a record counts without its seal", "core/journal.c",
          "    if (*sealed && (scan->newest", "    if ((scan->newest"),
    Fault("journal", "after the last number the old record goes on to count", "core/journal.c",
          "bool anew = record->sequence == 0;", "bool anew = false;"),
    Fault("journal", "half a seal is enough", "core/journal.c",
          "count_ones(words[0]) + count_ones(words[1]) < 32u;", "count_ones(words[0]) < 16u;"),
    Fault("journal", "two wrong bits pass for one", "core/journal.c",
          "    *whole = *wrong != MANY_BITS && head", "    *whole = head"),
    Fault("map", "a region's end is not looked at", "core/map.c",
          "partition->size <= flash_size - partition->address;", "partition->size <= flash_size;"),
    Fault("map", "one row too many is taken", "core/map.c",
          "map->count < ONESLOT_MAP_ENTRIES)", "map->count <= ONESLOT_MAP_ENTRIES)"),
    Fault("map", "the journal may lie over the table", "core/layout_table.c",
          "return behind && partition->size", "return partition->size"),
    Fault("map", "a name of 17 letters is taken from the text", "host/map_csv.c", "length > 16)", "length > 17)"),
    Fault("file_system", "a read has no budget", "core/source.c", "source->budget -= size + READ_COST;", ""),
    Fault("file_system", "a file system may be larger than its region", "core/superblock.c",
          " || superblock->block_count > region->size / superblock->block_size) {", ") {"),
    Fault("esp8266", "a program does not end at its page's end", "sim/esp8266/serial_flash.c",
          "whole[(in_page + i) % ONESLOT_PAGE_SIZE] = bytes[i];", "whole[in_page + i] = bytes[i];"),
    Fault("esp8266", "a place in a table is taken for a register", "sim/esp8266/decode.c",
          "        d->r |= 16;\n", "        d->s |= 16;\n"),
    Fault("esp8266", "a protected chip is written all the same", "sim/esp8266/serial_flash.c",
          " || flash->asleep || (flash->status[0] & FLASH_PROTECTED) != 0) {", " || flash->asleep) {"),
    Fault("install", "the first sector is not displaced", "core/install_steps.c",
          "return address < ONESLOT_SECTOR_SIZE ? install->layout.displaced + address : address;", "return address;"),
    Fault("self_update", "the new installer is written over the one that runs", "core/self_update.c",
          "    if (install->running != layout->installer) {\n", "    if (install->running == layout->installer) {\n"),
    Fault("handover", "otadata is written a block too far", "core/otadata.c",
          "program_entry(flash, address + sector * ONESLOT_SECTOR_SIZE, &entry)",
          "program_entry(flash, address + ONESLOT_BLOCK_SIZE, &entry)"),
    Fault("api", "a trial of any length may be asked for", "core/api.c",
          "options->trial_boots > ONESLOT_TRIAL_MAX", "false"),
    Fault("save", "what was read is not compared with what was installed", "core/save.c",
          "    bool same = memcmp(digest, save->oneslot->record.installed, sizeof digest) == 0;", "    bool same = true;"),
    Fault("file_system", "a file may be larger than its region", "core/source.c",
          "if (size < 0 || (uint32_t)size > source->region.size) {", "if (size < 0) {"),
)


def run_target(program, folder, corpus):
    """Runs a target over a copy of its kept inputs until a finding, or for so long on the CPU."""
    inputs = folder / "inputs"
    shutil.copytree(corpus, inputs)
    with subprocess.Popen([program, "-timeout=10", "-rss_limit_mb=1024", f"-artifact_prefix={folder}/", inputs],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as run:
        limit_cpu(run.pid, SECONDS)
        said = run.communicate()[0]
    return subprocess.CompletedProcess(program, run.returncode, said)


def fuzz_flags(repo, build):
    """What make compiles a target with."""
    said = subprocess.run(["make", "-s", "--no-print-directory", f"BUILD={build}", "fuzz-flags"], cwd=repo, stdout=subprocess.PIPE, check=True)
    return shlex.split(said.stdout.decode().splitlines()[-1])


def build_target(repo, build, folder, fault):
    """The target with the fault in front of the library that has none."""
    text = (repo / fault.file).read_text()
    assert text.count(fault.find) == 1, f"{fault.what}: {fault.file} holds this text {text.count(fault.find)} times, " \
                                        f"not once; the fault must follow the code:\n{fault.find}"
    source = folder / Path(fault.file).name
    source.write_text(text.replace(fault.find, fault.replace))
    program = folder / "target"
    subprocess.run([*fuzz_flags(repo, build), "-w", "-I", repo / Path(fault.file).parent, "-fsanitize=fuzzer",
                    repo / "tests" / "fuzz" / f"fuzz_{fault.target}.c", source, build / "fuzz" / "libfuzz.a",
                    build / "host" / "libcore.a", "-llzma", "-o", program], cwd=repo, check=True)
    return program


def test_every_target_has_a_fault_that_it_finds():
    assert {fault.target for fault in FAULTS} == set(TARGETS)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.target}: {fault.what}")
def test_a_fault_is_found(repo, build, tmp_path, fault):
    done = run_target(build_target(repo, build, tmp_path, fault), tmp_path, FUZZ / "corpus" / fault.target)
    output = done.stdout.decode(errors="replace")
    assert done.returncode != 0, f"not found: {fault.what}\n{output[-2000:]}"
    kept = [path for path in tmp_path.iterdir() if path.name.startswith(("crash-", "timeout-", "oom-"))]
    assert kept, output[-3000:]


@pytest.mark.parametrize("target", TARGETS)
def test_kept_inputs_are_small_and_no_finding(build, target):
    corpus = FUZZ / "corpus" / target
    assert 0 < sum(path.stat().st_size for path in corpus.iterdir()) <= CORPUS_BYTES
    subprocess.run([build / "fuzz" / target, "-runs=0", "-timeout=60", corpus], check=True, stderr=subprocess.DEVNULL)


def test_seeds_are_made_the_same_every_time(repo, tmp_path):
    subprocess.run([sys.executable, FUZZ / "seeds.py", tmp_path], check=True,
                   env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
    made = {path.relative_to(tmp_path): path.read_bytes() for path in tmp_path.glob("*/*")}
    kept = {path.relative_to(FUZZ / "corpus"): path.read_bytes() for path in (FUZZ / "corpus").glob("*/seed-*")}
    assert made.keys() == kept.keys()
    assert [name for name in made if made[name] != kept[name]] == []


def test_a_finding_is_told_and_kept(repo, build, tmp_path):
    """The runner itself, with a target that has a fault."""
    (tmp_path / "build" / "fuzz").mkdir(parents=True)
    program = build_target(repo, build, tmp_path, next(fault for fault in FAULTS if fault.target == "map"))
    shutil.copy(program, tmp_path / "build" / "fuzz" / "map")
    done = subprocess.run([sys.executable, FUZZ / "run", "--build", tmp_path / "build", "--seconds", "30", "map"],
                          stdout=subprocess.PIPE, check=False)
    said = done.stdout.decode()
    kept = list((tmp_path / "build" / "fuzz" / "findings").iterdir())
    assert done.returncode == 1 and len(kept) == 1, said
    assert kept[0].name.startswith("map-crash-") and str(kept[0]) in said and "demanded" in said
    assert subprocess.run([program, kept[0]], stderr=subprocess.DEVNULL, check=False).returncode != 0
