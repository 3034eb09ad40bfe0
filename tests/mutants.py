#!/usr/bin/env python3
"""Mutants: changes one token of the core at a time and asks the tests.

    tests/mutants.py --build DIR [--count N] [--seed N] [--jobs N] [--list] [PART]...

Of all one-token mutants of core/ (or of the files whose name holds a PART) COUNT are drawn by the seed. Each is built
into a shared library under the unit tests and the small campaign, and of these only the programs run that pass through
the changed line; the map is made once by gcov. A mutant is killed when a program fails, or uses ten times the time
that it takes otherwise. Those that are the same program are listed with the reason in tests/mutants-equivalent.txt and are
not counted. Prints the survivors with place and change, and the score; exit status 1 with a survivor.
"""

import argparse
import difflib
import gzip
import hashlib
import json
import os
import random
import re
import shlex
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from where import ROOT, find_firmware, limit_cpu  # noqa: E402

EQUIVALENT = ROOT / "tests" / "mutants-equivalent.txt"
# They take a minute and more, and see what the small campaign and the tests of the parts see.
LEFT_OUT = ("test_story", "test_campaign", "test_campaign_esp32",
            "test_esp8266_chip", "test_esp8266_cpu", "test_esp8266_rom")  # of the emulated board, not of the core
CORPSE_SECONDS = 3  # CPU that any program may use beyond ten times its own

SWAPS = {"<": "<=", "<=": "<", ">": ">=", ">=": ">", "==": "!=", "!=": "==", "&&": "||", "||": "&&", "+": "-",
         "-": "+", "+=": "-=", "-=": "+=", "<<": ">>", ">>": "<<", "&": "|", "|": "&", "true": "false",
         "false": "true", "++": "--", "--": "++", "%": "/", "*": "/", "/": "*", "|=": "&=", "&=": "|="}
TOKEN = re.compile(r"//[^\n]*|/\*.*?\*/|\"(?:\\.|[^\"\\])*\"|'(?:\\.|[^'\\])*'|^[ \t]*#(?:\\\n|[^\n])*|0[xX][0-9a-fA-F]+[uU]?|"
                   r"\d+[uU]?|\w+|<<=|>>=|->|\+\+|--|<<|>>|<=|>=|==|!=|&&|\|\||[-+*/%&|^]=|[^\s\w]", re.S | re.M)


@dataclass(frozen=True)
class Mutant:
    file: str
    line: int
    start: int
    end: int
    put: str

    def text(self, source):
        return source[: self.start] + self.put + source[self.end :]


### What can be changed ###


def number_after(word):
    suffix = "u" if word[-1] in "uU" else ""
    digits = word.rstrip("uU")
    return f"{int(digits, 16) + 1:#x}{suffix}" if digits.lower().startswith("0x") else f"{int(digits) + 1}{suffix}"


def is_operand(word):
    return re.fullmatch(r"\w+|\)|\]", word) and word not in ("return", "case", "sizeof")


def replacements(before, word, after):
    """What may stand in a token's place, told from its neighbours."""
    if re.fullmatch(r"0[xX][0-9a-fA-F]+[uU]?|\d+[uU]?", word):
        return [number_after(word)]
    if word == "error" and before == "return" and after == ";":
        return ["ONESLOT_ERROR_NONE"]
    if word == "!" and after != "=":
        return [""]
    if word in ("break", "continue") and after == ";":
        return ["(void)0"]
    if word in ("true", "false") or (word in ("++", "--")):
        return [SWAPS[word]]
    binary = is_operand(before) and not re.fullmatch(r"[)\]]|;|,", after)
    # A pointer's star, and what takes an address, is no operator between two values.
    if word in "*&" and (after in ")*," or before in ("uint8_t", "uint32_t", "char", "void") or not binary):
        return []
    return [SWAPS[word]] if word in SWAPS and binary else []


def body_starts(source):
    """Where the first function's body begins: declarations above it are no code that runs."""
    found = re.search(r"^\S[^;=\n]*\)\s*\{|^\S[^;={]*\([^;{]*\)\s*\{", source, re.M)
    return found.start() if found else len(source)


def mutants_of(file):
    source = (ROOT / file).read_text()
    words = [found for found in TOKEN.finditer(source) if not re.match(r"//|/\*|\"|'|\s*#", found[0])]
    first = body_starts(source)
    for before, word, after in zip(words, words[1:], words[2:]):
        # A prototype or a declaration of a pointer changes nothing that runs.
        if word.start() < first:
            continue
        for put in replacements(before[0], word[0], after[0]):
            yield Mutant(file, source.count("\n", 0, word.start()) + 1, word.start(), word.end(), put)


### What they are built into ###


def make_says(build, *names):
    """Values of make's variables."""
    rule = "said:;" + "".join(f"@echo '$({name})'\n\t" for name in names)
    done = subprocess.run(["make", "-s", "--no-print-directory", f"BUILD={build}", "--eval", rule.rstrip(), "said"],
                          cwd=ROOT, stdout=subprocess.PIPE, check=True)
    return [line.split() for line in done.stdout.decode().splitlines()]


class Bench:
    """The programs, each linked once with the core as a shared library, and which lines each passes through."""

    def __init__(self, build):
        self.build, self.folder = build.resolve(), build.resolve() / "mutants"
        self.cc = shlex.split(os.environ.get("CC", "gcc"))
        flags, core, littlefs, bearssl, signing, sim, mapping, codec = make_says(
            build, "CPPFLAGS", "CORE_SOURCES", "LITTLEFS_SOURCES", "BEARSSL_SOURCES", "BEARSSL_SIGNING_SOURCES",
            "SIM_SOURCES", "LIBMAP_SOURCES", "PACK_CODEC_SOURCES")
        self.core, self.fetched = core, [*littlefs, *bearssl, *signing]
        self.beside = sorted({*sim, *mapping, *codec, "host/pack/build.c", "host/pack/kit.c", "tests/story/small_story.c",
                              *(f"tests/{path.name}" for path in (ROOT / "tests").glob("*.c")
                                if not path.name.startswith("test_"))})
        self.flags = ["-std=c11", "-O1", "-g", "-w", "-fPIC", *flags, "-Icore", f"-I{self.build}/deps/littlefs",
                      f"-I{self.build}/deps/bearssl/src", "-DBR_LE_UNALIGNED=0"]
        self.programs = [path.stem for path in sorted((ROOT / "tests").glob("test_*.c")) if path.stem not in LEFT_OUT]
        self.programs.append("small_campaign")

    def path_of(self, source):
        return self.build / source if source.startswith("deps/") else ROOT / source

    def compile(self, source, result, *more, text=None):
        result.parent.mkdir(parents=True, exist_ok=True)
        source = self.path_of(source)
        if text is not None:
            changed = result.with_suffix(".c")
            changed.write_text(text)
            source = changed
        done = subprocess.run([*self.cc, *self.flags, *more, "-c", source, "-o", result], cwd=ROOT,
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        return done.returncode == 0

    def compile_all(self, pool, sources, folder, *more):
        results = [folder / (source + ".o") for source in sources]
        assert all(pool.map(lambda pair: self.compile(*pair, *more), zip(sources, results)))
        return results

    def share(self, objects, library):
        subprocess.run([*self.cc, "-shared", "-Wl,-soname,libmutant.so", *objects, "-lgcov", "-o", library], check=True)

    def link(self, program, objects, library):
        name = "tests/broken/small_campaign.c" if program == "small_campaign" else f"tests/{program}.c"
        own = self.folder / "programs" / (program + ".o")
        assert self.compile(name, own)
        subprocess.run([*self.cc, own, *objects, library, "-lcmocka", "-llzma", "-lm", "-o",
                        self.folder / "programs" / program], check=True)

    def make(self, pool):
        fetched = self.compile_all(pool, self.fetched, self.folder / "obj")
        self.objects = dict(zip(self.core, self.compile_all(pool, self.core, self.folder / "obj")))
        self.rest = self.folder / "librest.a"
        self.rest.unlink(missing_ok=True)
        subprocess.run(["ar", "rcs", self.rest, *self.compile_all(pool, self.beside, self.folder / "obj")], check=True)
        self.fetched_objects = fetched
        plain = self.folder / "plain" / "libmutant.so"
        plain.parent.mkdir(exist_ok=True)
        self.share([*self.objects.values(), *fetched], plain)
        (self.folder / "programs").mkdir(exist_ok=True)
        list(pool.map(lambda program: self.link(program, [self.rest], plain), self.programs))

    def environment(self, library):
        return {**os.environ, "LD_LIBRARY_PATH": str(library.parent), "CMOCKA_TEST_ABORT": "1",
                "ONESLOT_FIRMWARE": str(find_firmware())}

    def run(self, program, library, seconds, **more):
        """Status of a program with that core; 0 when it found nothing."""
        with subprocess.Popen([self.folder / "programs" / program], cwd=ROOT, env={**self.environment(library), **more},
                              stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            limit_cpu(process.pid, seconds)
            return process.wait()

    ### Which lines a program passes through ###

    def digest(self):
        sources = [*self.core, *self.beside, *(str(path.relative_to(ROOT)) for path in (ROOT / "tests").glob("*.c"))]
        return hashlib.sha256(b"".join(self.path_of(source).read_bytes() for source in sorted(sources))).hexdigest()

    def cover(self, pool):
        kept = self.folder / "coverage.json"
        digest = self.digest()
        if kept.exists() and json.loads(kept.read_text())["digest"] == digest:
            return json.loads(kept.read_text())["programs"]
        # Without optimisation: else lines are merged, and what is passed through looks as if it was not.
        objects = self.compile_all(pool, self.core, self.folder / "counted", "-O0", "--coverage", "-fprofile-update=atomic")
        library = self.folder / "covered" / "libmutant.so"
        library.parent.mkdir(exist_ok=True)
        self.share([*objects, *self.fetched_objects], library)
        programs = dict(pool.map(lambda program: (program, self.lines_of(program, library)), self.programs))
        kept.write_text(json.dumps({"digest": digest, "programs": programs}))
        return programs

    def lines_of(self, program, library):
        folder = self.folder / "gcov" / program
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        start = time.monotonic()
        status = self.run(program, library, 600, GCOV_PREFIX=str(folder))
        assert status == 0, f"{program} fails with the core as it is: status {status}"
        seconds = time.monotonic() - start
        lines = {}
        for counts in folder.rglob("*.gcda"):
            notes = Path("/") / counts.relative_to(folder).with_suffix(".gcno")
            shutil.copy(notes, counts.parent)
            subprocess.run(["gcov", "--json-format", counts.name], cwd=counts.parent, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, check=True)
        for told in folder.rglob("*.gcov.json.gz"):
            for file in json.loads(gzip.decompress(told.read_bytes()))["files"]:
                name = os.path.relpath(os.path.join(ROOT, file["file"]), ROOT)
                passed = [line["line_number"] for line in file["lines"] if line["count"] > 0]
                lines[name] = sorted({*lines.get(name, ()), *passed})
        return {"seconds": seconds, "lines": lines}


### What becomes of one ###


def flat(line):
    return " ".join(line.split())


def change_of(mutant, source):
    """The line as it is and as it becomes."""
    old, new = source.splitlines(), mutant.text(source).splitlines()
    return flat(old[mutant.line - 1]), flat(new[mutant.line - 1])


def equivalents():
    """Changes that make no difference, with the reason: FILE: LINE => LINE: REASON, a line each."""
    found = {}
    for line in EQUIVALENT.read_text().splitlines() if EQUIVALENT.exists() else ():
        if line.strip() and not line.startswith("#"):
            place, _, why = line.rpartition(" :: ")
            file, _, change = place.partition(": ")
            old, _, new = change.partition(" => ")
            found[file, old, new] = why
    return found


def code_of(path):
    """What an object holds: code with what it refers to, and constants."""
    told = subprocess.run(["objdump", "-dr", "-j", ".text", path], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout
    data = subprocess.run(["objdump", "-sr", "-j", ".rodata", "-j", ".data.rel.ro.local", path], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout
    return told.split(b"\n")[2:], data.split(b"\n")[2:]


def judge(bench, coverage, mutant, number):
    """"killed", "lived", "unseen" (no program passes through the file), "refused" (no C) or "same" (same code)."""
    source = (ROOT / mutant.file).read_text()
    folder = bench.folder / f"mutant-{number}"
    result = folder / (Path(mutant.file).stem + ".o")
    try:
        if not bench.compile(mutant.file, result, text=mutant.text(source)):
            return "refused", ""
        if code_of(result) == code_of(bench.objects[mutant.file]):
            return "same", ""
        library = folder / "libmutant.so"
        bench.share([*(path for name, path in bench.objects.items() if name != mutant.file), result,
                     *bench.fetched_objects], library)
        passing = [name for name, told in coverage.items() if mutant.line in told["lines"].get(mutant.file, ())]
        # A table, or a line of an expression that the compiler counts with another: whoever passes through the file.
        passing = passing or [name for name, told in coverage.items() if told["lines"].get(mutant.file)]
        for program in sorted(passing, key=lambda name: coverage[name]["seconds"]):
            seconds = int(10 * coverage[program]["seconds"]) + CORPSE_SECONDS
            if bench.run(program, library, seconds) != 0:
                return "killed", program
        return ("lived", ", ".join(passing)) if passing else ("unseen", "")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tell(mutant, verdict, by):
    source = (ROOT / mutant.file).read_text()
    old, new = change_of(mutant, source)
    print(f"{mutant.file}:{mutant.line}: {verdict}" + (f" ({by})" if by else ""))
    for line in difflib.ndiff([old], [new]):
        if line[0] in "-+":
            print("    " + line)
    print(flush=True, end="")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=Path, default=ROOT / "build")
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=max(2, os.cpu_count() or 2))
    parser.add_argument("--list", action="store_true", help="print what would be tried, and try nothing")
    parser.add_argument("part", nargs="*")
    arguments = parser.parse_args()
    bench = Bench(arguments.build)
    files = [file for file in bench.core if not arguments.part or any(part in file for part in arguments.part)]
    all_of_them = [mutant for file in files for mutant in mutants_of(file)]
    chosen = random.Random(arguments.seed).sample(all_of_them, min(arguments.count, len(all_of_them)))
    if arguments.list:
        for mutant in chosen:
            tell(mutant, "would be tried", "")
        return 0
    known, counts, used = equivalents(), {}, set()
    with ThreadPoolExecutor(arguments.jobs) as pool:
        bench.make(pool)
        coverage = bench.cover(pool)
        verdicts = pool.map(lambda pair: judge(bench, coverage, pair[1], pair[0]), enumerate(chosen))
        for mutant, (verdict, by) in zip(chosen, verdicts):
            change = (mutant.file, *change_of(mutant, (ROOT / mutant.file).read_text()))
            if verdict in ("lived", "unseen") and change in known:
                verdict = "equivalent"
            elif verdict in ("lived", "unseen"):
                tell(mutant, verdict, by)
            counts[verdict] = counts.get(verdict, 0) + 1
    killed = counts.get("killed", 0)
    tried = killed + counts.get("lived", 0) + counts.get("unseen", 0)
    print(f"{len(all_of_them)} mutants in {len(files)} files; of {len(chosen)} (seed {arguments.seed}): " +
          ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items())))
    print(f"score: {100 * killed / max(tried, 1):.1f} % of those that are not equivalent")
    return 0 if tried == killed else 1


if __name__ == "__main__":
    sys.exit(main())
