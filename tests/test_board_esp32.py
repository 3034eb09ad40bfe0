"""The boards of the ESP32 family under QEMU: ROM, watchdog and the vendor's boot loader, as far as `oneslot run` stands
in for them. A small program in the factory partition does what a test's steps say."""

import hashlib
import shutil
import struct
import subprocess
import zlib
from dataclasses import dataclass

import pytest

SIZE = 0x400000
OTA, FACTORY, OTADATA, SCRATCH = 0x10000, 0x1E0000, 0x1F0000, 0x200000
FACTORY_SIZE = 0x10000
XTENSA, RISCV = "xtensa-lx106-elf-gcc", "riscv64-unknown-elf-gcc"

pytestmark = [
    pytest.mark.skipif(shutil.which(tool) is None, reason=f"no {tool}: tools/deps installs it")
    for tool in ("qemu-system-xtensa", "qemu-system-riscv32", XTENSA, RISCV)
]


@dataclass
class Kind:
    """A chip: its image's number, where the boot loader and a program's segments lie, and its ROM."""

    name: str
    number: int
    boot_loader: int
    drom: int
    irom: int
    code: int
    data: int
    watchdog: tuple  # configuration, feed, protection
    rom: dict

    @property
    def xtensa(self):
        return self.number in (0, 2, 9)


FUNCTIONS = ("read", "write", "erase_sector", "erase_block", "config_param", "uart_tx_one_char", "delay_us",
             "software_reset", "printf", "reset_reason", "crc32_le")


def kind(name, number, boot_loader, drom, irom, code, data, watchdog, *rom):
    return Kind(name, number, boot_loader, drom, irom, code, data, watchdog, dict(zip(FUNCTIONS, rom)))


KINDS = {one.name: one for one in (
    kind("esp32", 0, 0x1000, 0x3F400000, 0x400D0000, 0x40090000, 0x3FFB0000, (0x3FF4808C, 0x3FF480A0, 0x3FF480A4),
         0x40062ED8, 0x40062D50, 0x40062CCC, 0x40062C4C, 0x40063238, 0x40009200, 0x40008534, 0x4000824C, 0x40007D54,
         0x400081D4, 0x4005CFEC),
    kind("esp32s2", 2, 0x1000, 0x3F000000, 0x40080000, 0x40028000, 0x3FFC8000, (0x3F408094, 0x3F4080A8, 0x3F4080AC),
         0x4001728C, 0x400171CC, 0x4001716C, 0x4001710C, 0x40017500, 0x40012B10, 0x4000D888, 0x40010068, 0x4000FEE0,
         0x4000FF58, 0x400119DC),
    kind("esp32s3", 9, 0, 0x3C000000, 0x42010000, 0x40380000, 0x3FCA0000, (0x60008098, 0x600080AC, 0x600080B0),
         0x40000A20, 0x40000A14, 0x400009FC, 0x40000A08, 0x40000A50, 0x40000648, 0x40000600, 0x400006D8, 0x400005D0,
         0x4000057C, 0x40001C98),
    kind("esp32c3", 5, 0, 0x3C000000, 0x42010000, 0x40380000, 0x3FC90000, (0x60008090, 0x600080A4, 0x600080A8),
         0x40000130, 0x4000012C, 0x40000128, 0x40000124, 0x40000134, 0x40000068, 0x40000050, 0x40000090, 0x40000040,
         0x40000018, 0x40000628),
    kind("esp32c2", 12, 0, 0x3C000000, 0x42010000, 0x40380000, 0x3FCB0000, (0x60008084, 0x60008098, 0x6000809C),
         0x4000013C, 0x40000138, 0x40000130, 0x40000134, 0x4000014C, 0x40000058, 0x40000044, 0x40000088, 0x40000034,
         0x40000018, 0x400007FC),
    kind("esp32c6", 13, 0, 0x42000000, 0x42010000, 0x40800000, 0x40810000, (0x600B1C00, 0x600B1C14, 0x600B1C18),
         0x40000150, 0x4000014C, 0x40000144, 0x40000148, 0x40000160, 0x40000058, 0x40000040, 0x40000090, 0x40000028,
         0x40000018, 0x40000758),
    kind("esp32h2", 16, 0, 0x42000000, 0x42010000, 0x40800000, 0x40810000, (0x600B1C00, 0x600B1C18, 0x600B1C1C),
         0x40000148, 0x40000144, 0x4000013C, 0x40000140, 0x40000158, 0x40000058, 0x40000040, 0x40000090, 0x40000028,
         0x40000018, 0x40000724),
)}
BOTH = ("esp32", "esp32c3")
SCRIPT = 0x4000  # of the data's address
BUFFER = 0x6000
KEY = 0x50D83AA1

# Steps: a function's address with six arguments and whether to print its result, or one of these in its place.
STORE, SHOW, JUMP, SPIN, SKIP_IF = 1, 2, 3, 4, 5

PROGRAM = """
typedef unsigned u32;
u32 rom_call(u32 function, u32 a, u32 b, u32 c, u32 d, u32 e, u32 f);
#define WORD(address) (*(volatile u32 *)(address))
void run(const u32 *script);
void run(const u32 *script) {
    u32 print = script[0];
    u32 text = (u32)(script + 1);
    const u32 *step = script + 4;
    for (; step[0] != 0; step += 8) {
        u32 result = 0, show = step[7];
        if (step[0] == 1) WORD(step[1]) = step[2];
        else if (step[0] == 2) result = WORD(step[1]);
        else if (step[0] == 3) ((void (*)(void))step[1])();
        else if (step[0] == 4) for (volatile u32 i = step[1]; i != 0; i--) ;
        else if (step[0] == 5) step += WORD(step[1]) == step[2] ? 8 * step[3] : 0;
        else result = rom_call(step[0], step[1], step[2], step[3], step[4], step[5], step[6]);
        if (show) rom_call(print, text, result, 0, 0, 0, 0);
    }
    for (;;) ;
}
"""

# Call0 code under a windowed caller, and a windowed call from it; the LX106's assembler needs these as bytes.
XTENSA_START = """
    .text
    .literal_position
    .global _start
    .align 4
_start:
    movi a2, 0x4002f
    .byte 0x20, 0xe6, 0x13 /* wsr.ps a2 */
    rsync
    .byte 0x30, 0x48, 0x03 /* rsr.windowbase a3 */
    movi a2, 1
    ssl a3
    sll a2, a2
    .byte 0x20, 0x49, 0x13 /* wsr.windowstart a2 */
    rsync
    movi a1, STACK
    movi a2, SCRIPT
    call0 run
    .literal_position
    .global rom_call
    .align 4
rom_call:
    addi a1, a1, -64
    s32i a0, a1, 0
    s32i a12, a1, 4
    s32i a13, a1, 8
    s32i a14, a1, 12
    s32i a15, a1, 16
    addi a9, a1, 64
    addi a8, a1, -16
    s32i a9, a8, 4
    mov a8, a2
    mov a10, a3
    mov a11, a4
    mov a12, a5
    mov a13, a6
    mov a14, a7
    l32i a15, a1, 64
    .byte 0xe0, 0x08, 0x00 /* callx8 a8 */
    mov a2, a10
    l32i a0, a1, 0
    l32i a12, a1, 4
    l32i a13, a1, 8
    l32i a14, a1, 12
    l32i a15, a1, 16
    addi a1, a1, 64
    ret
"""
RISCV_START = """
    .text
    .global _start
_start:
    li sp, STACK
    li a0, SCRIPT
    call run
    .global rom_call
rom_call:
    mv t0, a0
    mv a0, a1
    mv a1, a2
    mv a2, a3
    mv a3, a4
    mv a4, a5
    mv a5, a6
    jr t0
"""


@pytest.fixture(scope="session")
def programs(tmp_path_factory):
    """The program's code for a chip, and its entry."""
    built = {}

    def program(chip):
        if chip.name not in built:
            folder = tmp_path_factory.mktemp(chip.name)
            start, source, elf, code = (folder / name for name in ("start.S", "program.c", "program.elf", "code.bin"))
            start.write_text(XTENSA_START if chip.xtensa else RISCV_START)
            source.write_text(PROGRAM)
            how = [XTENSA, "-mlongcalls", "-mtext-section-literals"] if chip.xtensa else \
                [RISCV, "-march=rv32imc", "-mabi=ilp32", "-mcmodel=medany"]
            subprocess.run([*how, "-Os", "-ffreestanding", "-fno-jump-tables", "-nostdlib", f"-Wl,-Ttext={chip.code:#x}",
                            f"-DSTACK={chip.data + 0x4000:#x}", f"-DSCRIPT={chip.data + SCRIPT:#x}", "-o", elf, start,
                            source, "-lgcc"], check=True)
            prefix = how[0].removesuffix("gcc")
            subprocess.run([prefix + "objcopy", "-O", "binary", "-j", ".text", elf, code], check=True)
            content = code.read_bytes()
            symbols = subprocess.run([prefix + "nm", elf], check=True, capture_output=True, text=True).stdout
            entry = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" _start"))
            built[chip.name] = entry, content + bytes(-len(content) % 4)
        return built[chip.name]

    return program


def descriptor(project="", version=""):
    return struct.pack("<IIII32s32s", 0xABCD5432, 0, 0, 0, version.encode(), project.encode()).ljust(256, b"\0")


def image(chip, entry, segments, number=None, digest=True):
    """An application image as ESP-IDF's tools make them."""
    content = struct.pack("<BBBBI", 0xE9, len(segments), 2, 0x20, entry)
    content += struct.pack("<BBBBHBHHIB", 0xEE, 0, 0, 0, chip.number if number is None else number, 0, 0, 0, 0, digest)
    checksum = 0xEF
    for address, part in segments:
        content += struct.pack("<II", address, len(part)) + part
        for byte in part:
            checksum ^= byte
    content += bytes(15 - len(content) % 16) + bytes([checksum])
    return content + (hashlib.sha256(content).digest() if digest else b"")


def mapped(chip, project="", version=""):
    """The two segments that are read in place, at their places in their pages."""
    return [(chip.drom + 0x20, descriptor(project, version)), (chip.irom + 0x128, bytes(16))]


def table(rows, right=True):
    content = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row[:4], row[4].encode(), 0) for row in rows)
    digest = hashlib.md5(content).digest()
    content += b"\xeb\xeb" + b"\xff" * 14 + (digest if right else digest[::-1])
    return content.ljust(0x1000, b"\xff")


ROWS = [(1, 2, 0x9000, 0x6000, "nvs"), (0, 0x10, OTA, 0x1D0000, "ota_0"), (0, 0, FACTORY, FACTORY_SIZE, "installer"),
        (1, 0, OTADATA, 0x2000, "otadata"), (1, 0x81, SCRATCH, 0x200000, "vfs")]


def otadata(sequence, state, crc=None):
    if crc is None:
        crc = zlib.crc32(struct.pack("<I", sequence), 0xFFFFFFFF)
    return struct.pack("<I20sII", sequence, b"\xff" * 20, state, crc)


NEW, PENDING, VALID, INVALID, ABORTED, UNDEFINED = 0, 1, 2, 3, 4, 0xFFFFFFFF


class Chip:
    """A flash file of one chip, which can be run."""

    def __init__(self, kind_, program, oneslot, flash):
        self.kind, self.program, self.oneslot, self.flash = kind_, program, oneslot, flash
        self.buffer = kind_.data + BUFFER

    def burn(self, parts, size=SIZE, header_size=2):
        content = bytearray(b"\xff" * size)
        header = bytearray(image(self.kind, 0, []))
        header[3] = header_size << 4
        for address, part in {self.kind.boot_loader: header, 0x8000: table(ROWS), **parts}.items():
            content[address:address + len(part)] = part
        self.flash.write_bytes(content)

    def steps(self, *steps, data=b""):
        """The image of the program with these steps; `data` lies at `buffer`."""
        entry, code = self.program(self.kind)
        words = [self.kind.rom["printf"], *struct.unpack("<3I", b"result %d\n".ljust(12, b"\0"))]
        for step in steps:
            words += [*step, *[0] * (8 - len(step))]
        script = struct.pack(f"<{len(words) + 8}I", *words, *[0] * 8)
        segments = [*mapped(self.kind), (self.kind.data + SCRIPT, script)]
        if data:
            segments.append((self.buffer, data))
        return image(self.kind, entry, [*segments, (self.kind.code, code)])

    def call(self, function, *arguments, show=True):
        return (self.kind.rom[function], *arguments, *[0] * (6 - len(arguments)), int(show))

    def run(self, *arguments):
        return self.oneslot("run", "--json", "--timeout", "1000", *arguments, self.flash).json

    def go(self, *steps, data=b"", parts=None, arguments=(), **how):
        """Runs the steps; gives the numbers that they show, and the report."""
        end = [(STORE, self.buffer + 0x100, 424242), (SHOW, self.buffer + 0x100, 0, 0, 0, 0, 0, 1)]
        self.burn({FACTORY: self.steps(*steps, *end, data=data), **(parts or {})}, **how)
        report = self.run("--go", "--until", "result 424242", *arguments)
        shown = [int(line["text"].split()[1]) for line in report["uart"] if not line["rom"]]
        return shown, report

    def at(self, address, length):
        return self.flash.read_bytes()[address:address + length]

    def application(self, project="some application", **how):
        """An application that this board only looks at."""
        return image(self.kind, self.kind.code, [*mapped(self.kind, project, "7"), (self.kind.code, bytes(64))], **how)


@pytest.fixture
def make(programs, oneslot, tmp_path):
    return lambda name: Chip(KINDS[name], programs, oneslot, tmp_path / "flash.bin")


@pytest.fixture(params=BOTH)
def chip(request, make):
    return make(request.param)


# The ROM, on every chip of the table


@pytest.mark.parametrize("name", KINDS)
def test_the_rom_s_functions_are_where_the_chip_has_them(make, name):
    chip = make(name)
    data = bytes(range(256))
    shown, report = chip.go(
        chip.call("erase_sector", SCRATCH // 4096), chip.call("write", SCRATCH + 0x80, chip.buffer, 256),
        chip.call("read", SCRATCH + 0x80, chip.buffer + 0x200, 256), (SHOW, chip.buffer + 0x204, 0, 0, 0, 0, 0, 1),
        chip.call("crc32_le", 0, chip.buffer, 256), chip.call("reset_reason", 0),
        chip.call("erase_block", SCRATCH // 65536 + 1), chip.call("delay_us", 5), data=data,
        parts={SCRATCH: b"\x55" * 4097, SCRATCH + 0x10000: bytes(0x10000)})
    crc = zlib.crc32(data)
    assert report["result"] == "text", report
    assert shown == [0, 0, 0, 0x07060504, crc - (crc >> 31 << 32), 1, 0, 0, 424242]
    assert chip.at(SCRATCH, 0x200) == b"\xff" * 0x80 + data + b"\xff" * 0x80
    assert chip.at(SCRATCH + 4096, 1) == b"\x55"
    assert chip.at(SCRATCH + 0x10000, 0x10000) == b"\xff" * 0x10000
    operations = report["operations"]
    assert (operations["erases_sector"], operations["erases_block"], operations["programs"]) == (1, 1, 2)


@pytest.mark.parametrize("name", KINDS)
def test_a_reset_starts_the_boot_loader_again(make, name):
    chip = make(name)
    seen = SCRATCH
    shown, report = chip.go(
        chip.call("read", seen, chip.buffer, 4, show=False), (SKIP_IF, chip.buffer, 0, 2),
        chip.call("write", seen, chip.buffer + 8, 4, show=False), chip.call("software_reset"),
        chip.call("reset_reason", 0), data=bytes(16), parts={seen: b"\xff" * 4})
    assert report["resets"] == 1 and shown == [3, 424242], report


def test_the_rom_refuses_what_lies_past_the_size_in_the_boot_loader_s_header(chip):
    past = 0x200000
    shown, report = chip.go(
        chip.call("read", past - 4, chip.buffer + 64, 4), chip.call("read", past - 4, chip.buffer + 64, 8),
        chip.call("write", past, chip.buffer, 4), chip.call("erase_sector", past // 4096),
        chip.call("erase_block", past // 65536), chip.call("config_param", 0xEF4016, SIZE, 65536, 4096, 256, 0xFFFF),
        chip.call("write", past, chip.buffer, 4), data=bytes(16), header_size=1)
    assert shown == [0, 1, 1, 1, 1, 0, 0, 424242]
    assert chip.at(past, 4) == bytes(4) and report["operations"]["all"] == 1


def test_a_program_clears_bits_only(chip):
    _, report = chip.go(chip.call("write", SCRATCH, chip.buffer, 4), data=b"\xf0\x0f\xff\x55",
                        parts={SCRATCH: b"\x3c\x3c\x3c\x3c"})
    assert chip.at(SCRATCH, 4) == b"\x30\x0c\x3c\x14" and report["operations"]["overprograms"] == 1


@pytest.mark.parametrize("what, step", [
    ("a ROM function that the board lacks", lambda chip: (JUMP, 0x40001FF0)),
    ("a write from an odd buffer", lambda chip: chip.call("write", SCRATCH, chip.buffer + 2, 4)),
    ("a write to an odd address", lambda chip: chip.call("write", SCRATCH + 2, chip.buffer, 4)),
    ("code where there is none", lambda chip: (JUMP, chip.buffer)),
])
def test_is_a_fault(chip, what, step):
    _, report = chip.go(step(chip), data=bytes(64))
    assert report["result"] == "fault" and not report["ok"] and "0x" in report["message"], (what, report)


def test_a_program_that_returns_to_the_boot_loader_is_a_fault(chip):
    code = b"\x36\x41\x00\x90\x00\x00\x00\x00" if chip.kind.xtensa else struct.pack("<I", 0x00008067)
    chip.burn({FACTORY: image(chip.kind, chip.kind.code, [*mapped(chip.kind), (chip.kind.code, code)])})
    report = chip.run()
    assert report["result"] == "fault" and "returned" in report["message"], report


def test_instructions_are_counted_and_the_count_is_the_same_again(chip):
    first = chip.go((SPIN, 100000))
    assert first == chip.go((SPIN, 100000))
    assert 300000 <= first[1]["instructions"] <= 900000


# The RTC watchdog, which the boot loader leaves running: 9 s


def watchdog(chip, what, protect=True):
    config, feed, protection = chip.kind.watchdog
    steps = [(STORE, protection, KEY)] if protect else []
    steps += [(STORE, config, 0)] if what == "off" else [(STORE, feed, 1 << 31)]
    return steps + ([(STORE, protection, 0)] if protect else [])


WAIT = 6_000_000


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("what", ["off", "feed"])
def test_the_watchdog_is_served(make, name, what):
    chip = make(name)
    shown, report = chip.go(chip.call("delay_us", WAIT), *watchdog(chip, what), chip.call("delay_us", WAIT),
                            *watchdog(chip, what))
    assert shown == [0, 0, 424242] and report["resets"] == 0, report


@pytest.mark.parametrize("locked", [False, True])
def test_a_watchdog_that_is_not_served_or_not_unlocked_resets_the_chip(chip, locked):
    # The second boot ends at once: it finds the word that the first one programmed.
    serve = watchdog(chip, "feed", protect=False) + watchdog(chip, "off", protect=False) if locked else []
    shown, report = chip.go(
        chip.call("read", SCRATCH, chip.buffer, 4, show=False), (SKIP_IF, chip.buffer, 0, 3 + len(serve)),
        chip.call("write", SCRATCH, chip.buffer + 8, 4, show=False), chip.call("delay_us", WAIT), *serve,
        chip.call("delay_us", WAIT), chip.call("reset_reason", 0), data=bytes(16), parts={SCRATCH: b"\xff" * 4})
    assert shown == [0, 16, 424242], report
    assert report["watchdog_resets"] == 1 == report["resets"]


# Power cuts


def test_a_cut_before_and_after_an_operation(chip):
    steps = [chip.call("erase_sector", SCRATCH // 4096), chip.call("write", SCRATCH, chip.buffer, 8)]
    old = {SCRATCH: bytes(4096)}
    for cut, tear, expected in ((1, "before", bytes(8)), (1, "after", b"\xff" * 8), (2, "before", b"\xff" * 8),
                                (2, "after", b"newbytes")):
        _, report = chip.go(*steps, data=b"newbytes", parts=old, arguments=("--cut-at", cut, "--tear", tear))
        assert report["result"] == "cut" and report["ok"]
        assert chip.at(SCRATCH, 8) == expected


@pytest.mark.parametrize("tear", ["subset", "half", "page", "random"])
def test_a_torn_operation_stays_in_its_place(chip, tear):
    steps = [chip.call("write", SCRATCH + 0x100, chip.buffer, 256), chip.call("erase_sector", SCRATCH // 4096)]
    old = b"\xf7" * 0x2000
    for cut, to in ((1, 0x200), (2, 0x1000)):
        chip.go(*steps, data=bytes(range(256)), parts={SCRATCH: old}, arguments=("--cut-at", cut, "--tear", tear))
        found = chip.at(SCRATCH, 0x2000)
        assert found[to:] == old[to:] and found != old
        if cut == 1:
            assert found[:0x100] == old[:0x100] and all(byte & ~0xF7 == 0 for byte in found[:to])
            assert found[0x100:0x200] != bytes(byte & 0xF7 for byte in range(256))


# The boot loader's choice


def started(chip, parts, *arguments):
    chip.burn({FACTORY: chip.steps(*[(SHOW, chip.buffer, 0, 0, 0, 0, 0, 1)], data=struct.pack("<I", 5)), **parts})
    report = chip.run("--go", "--until", "result 5", *arguments)
    return (report["started"]["partition"] if report["result"] in ("text", "application") else report["result"]), report


@pytest.mark.parametrize("what, entries, expected", [
    ("nothing was ever written", {}, "installer"),
    ("an undefined state", {0: otadata(1, UNDEFINED)}, "ota_0"),
    ("a confirmed application", {0: otadata(1, VALID)}, "ota_0"),
    ("the second sector alone", {4096: otadata(2, VALID)}, "ota_0"),
    ("a trial", {0: otadata(1, NEW)}, "ota_0"),
    ("a trial without an end", {0: otadata(1, PENDING)}, "installer"),
    ("a trial that was given up", {0: otadata(1, ABORTED)}, "installer"),
    ("an application that gave itself up", {0: otadata(1, INVALID)}, "installer"),
    ("a wrong CRC", {0: otadata(1, VALID, crc=1)}, "installer"),
    ("a confirmed one beside one given up", {0: otadata(1, ABORTED), 4096: otadata(2, VALID)}, "ota_0"),
])
def test_otadata_says(chip, what, entries, expected):
    partition, report = started(chip, {OTA: chip.application(),
                                       **{OTADATA + at: entry for at, entry in entries.items()}})
    assert partition == expected, (what, report)


def test_a_trial_is_started_once_and_the_application_is_named(chip):
    parts = {OTA: chip.application(), OTADATA: otadata(1, NEW)}
    partition, report = started(chip, parts)
    assert partition == "ota_0" and report["ok"] and report["entries"] == 1
    assert report["started"]["otadata"] == "PENDING_VERIFY" and report["started"]["version"] == "7"
    assert report["started"]["project"] == "some application" and "some application" in report["message"]
    assert chip.at(OTADATA, 32) == otadata(1, PENDING) and report["operations"]["all"] == 2
    report = chip.run("--go", "--until", "result 5")
    assert report["started"]["partition"] == "installer" and report["result"] == "text"
    assert chip.at(OTADATA, 32) == otadata(1, ABORTED)


def test_a_cut_in_the_boot_loader_s_own_writing_leads_to_the_installer(chip):
    parts = {OTA: chip.application(), OTADATA: otadata(1, NEW)}
    for cut in (1, 2):
        assert started(chip, parts, "--cut-at", cut, "--tear", "half")[0] == "cut"
        assert chip.run("--go", "--until", "result 5")["started"]["partition"] == "installer"


def broken(content, at):
    return content[:at] + bytes([content[at] ^ 0x10]) + content[at + 1:]


@pytest.mark.parametrize("what, change", [
    ("a flipped bit in a segment", lambda chip: broken(chip.application(), 0x170)),
    ("a wrong SHA-256", lambda chip: broken(chip.application(), len(chip.application()) - 1)),
    ("a wrong checksum", lambda chip: broken(chip.application(digest=False), len(chip.application(digest=False)) - 1)),
    ("another chip's image", lambda chip: chip.application(number=chip.kind.number + 1)),
    ("an erased partition", lambda chip: b"\xff"),
    ("a cut-off image", lambda chip: chip.application()[:0x150]),
])
def test_an_application_that_is_not_whole_is_passed_over(chip, what, change):
    partition, report = started(chip, {OTA: change(chip), OTADATA: otadata(1, VALID)})
    assert partition == "installer", (what, report)


@pytest.mark.parametrize("what, parts", [
    ("no application at all", {FACTORY: b"\xff" * 64}),
    ("a table with a wrong MD5", {0x8000: table(ROWS, right=False)}),
])
def test_without_anything_to_start_the_board_is_dead(chip, what, parts):
    assert started(chip, parts)[0] == "dead", what


def test_a_flash_without_a_boot_loader_for_the_chip_is_dead(make):
    chip = make("esp32")
    chip.burn({0x1000: image(KINDS["esp32c3"], 0, [])})
    report = chip.run()
    assert report["result"] == "dead" and "boot loader" in report["message"]


@pytest.mark.parametrize("what, segments", [
    ("over the boot loader", lambda kind: [*mapped(kind), (kind.code + 0x50000 - 0x100, bytes(0x200))]),
    ("no code in place", lambda kind: mapped(kind)[:1]),
    ("no data in place", lambda kind: [(kind.irom + 0x20, descriptor())]),
])
def test_a_program_that_some_boot_loader_would_refuse_is_a_fault(make, what, segments):
    chip = make("esp32c3")
    chip.burn({FACTORY: image(chip.kind, chip.kind.code, segments(chip.kind))})
    report = chip.run()
    assert report["result"] == "fault", (what, report)


def test_data_and_code_in_place_need_different_entries_of_a_shared_mmu(make):
    for name, expected in (("esp32c3", "fault"), ("esp32", "text")):
        chip = make(name)
        entry, code = chip.program(chip.kind)
        script = struct.pack("<4I", chip.kind.rom["printf"], *struct.unpack("<3I", b"result %d\n".ljust(12, b"\0")))
        script += struct.pack("<16I", SHOW, chip.kind.data + SCRIPT, 0, 0, 0, 0, 0, 1, *[0] * 8)
        segments = [(chip.kind.drom + 0x20, descriptor()), ((chip.kind.irom & ~0x1FFFF) + 0x128, bytes(16)),
                    (chip.kind.data + SCRIPT, script), (chip.kind.code, code)]
        if name == "esp32":
            segments[1] = ((chip.kind.irom & ~0x3FFFFF | 0x1F0000) + 0x128, bytes(16))
        chip.burn({FACTORY: image(chip.kind, entry, segments)})
        report = chip.run("--go", "--until", "result")
        assert report["result"] == expected, (name, report)


# The command


def test_the_expected_application_is_compared(chip, tmp_path):
    parts = {OTA: chip.application(), OTADATA: otadata(1, VALID)}
    expected = tmp_path / "application.bin"
    expected.write_bytes(chip.application())
    assert started(chip, parts, "--expect", expected)[1]["ok"]
    expected.write_bytes(chip.application("another application"))
    report = started(chip, parts, "--expect", expected)[1]
    assert not report["ok"] and not {check["name"]: check["ok"] for check in report["checks"]}["flash"]


def test_a_missing_qemu_is_named_with_its_package(make, oneslot):
    for name, program in (("esp32", "qemu-system-xtensa"), ("esp32c3", "qemu-system-riscv32")):
        chip = make(name)
        chip.burn({})
        result = oneslot("run", chip.flash, env={"PATH": "/nowhere"})
        assert result.status == 1 and "qemu-system-misc" in result.err and program in result.err


def test_the_sanitized_tool_runs_it_too(oneslot_sanitized, chip):
    chip.burn({OTA: chip.application(), OTADATA: otadata(1, VALID)})
    oneslot_sanitized.ok("run", chip.flash)
