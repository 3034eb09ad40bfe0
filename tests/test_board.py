"""`oneslot run` on the emulated ESP8266: what a program on it finds, power cuts, faults, scripts and terminals."""

import shutil
import struct
import subprocess

import pytest

SIZE = 0x400000
ENTRY = 0x40100000
SCRATCH = 0x80000
GCC = "xtensa-lx106-elf-gcc"

pytestmark = pytest.mark.skipif(shutil.which(GCC) is None, reason=f"no {GCC}: gcc-xtensa-lx106")

# Calls of the ROM from assembly: arguments are words, a label stands for its address.
PRELUDE = """
    .text
    .literal_position
    .global _start
    .align 4
_start:
"""

ROM = {
    "SPIRead": 0x40004B1C,
    "SPIWrite": 0x40004A4C,
    "SPIEraseSector": 0x40004A00,
    "SPIEraseBlock": 0x400049B4,
    "SPIEraseArea": 0x40004B44,
    "SPIParamCfg": 0x40004C2C,
    "ets_printf": 0x400024CC,
    "software_reset": 0x4000264C,
    "rtc_get_reset_reason": 0x400025E0,
    "Cache_Read_Enable": 0x40004678,
    "__udivsi3": 0x4000E21C,
    "MD5Init": 0x40009818,
    "MD5Update": 0x40009834,
    "MD5Final": 0x40009900,
    "rand": 0x40000600,
}


def call(function, *arguments):
    lines = [f"    movi a{2 + index}, {argument}" for index, argument in enumerate(arguments)]
    return "\n".join([*lines, f"    movi a0, {ROM[function]:#x}", "    callx0 a0", ""])


def show(label="result"):
    """Prints the last call's value."""
    return f"    mov a3, a2\n    movi a2, format_{label}\n    movi a0, {ROM['ets_printf']:#x}\n    callx0 a0\n"


STOP = "end: j end\n"
DATA = """
    .section .data
    .align 4
format_result: .asciz "result %d\\r\\n"
    .align 4
format_done: .asciz "done\\n"
    .align 4
pattern: .word 0xffff00ff, 0x12345678
    .align 4
buffer: .space 512
"""


def assemble(folder, code, data=DATA):
    """A program for the LX106: code in IRAM, data in DRAM. Returns both as bytes."""
    source = folder / "program.S"
    source.write_text(PRELUDE + code + data)
    elf = folder / "program.elf"
    subprocess.run([GCC, "-nostdlib", "-mlongcalls", "-mtext-section-literals", "-Wl,-Ttext=0x40100000,-Tdata=0x3ffe8000",
                    "-o", elf, source], check=True)
    parts = []
    for section in (".text", ".data"):
        out = folder / ("part" + section)
        subprocess.run(["xtensa-lx106-elf-objcopy", "-O", "binary", "-j", section, elf, out], check=True)
        part = out.read_bytes()
        parts.append(part + bytes(-len(part) % 4))
    symbols = subprocess.run(["xtensa-lx106-elf-nm", elf], check=True, capture_output=True, text=True).stdout
    entry = next(int(line.split()[0], 16) for line in symbols.splitlines() if line.endswith(" _start"))
    return entry, parts[0], parts[1]


def image(entry, segments, checksum=None, count=None):
    """An image by the boot ROM's rules."""
    body = struct.pack("<BBBBI", 0xE9, len(segments) if count is None else count, 0, 0x40, entry)
    xor = 0xEF
    for address, content in segments:
        body += struct.pack("<II", address, len(content)) + content
        for byte in content:
            xor ^= byte
    body += bytes(15 - len(body) % 16)
    return body + bytes([xor if checksum is None else checksum])


@pytest.fixture
def chip(tmp_path, oneslot):
    """Boots a program and gives `oneslot run`'s report; the flash is `chip.flash` afterwards."""

    class Chip:
        flash = tmp_path / "flash.bin"

        def burn(self, first, size=SIZE, rest=None):
            content = bytearray(b"\xff" * size)
            content[: len(first)] = first
            for address, part in (rest or {}).items():
                content[address:address + len(part)] = part
            self.flash.write_bytes(content)

        def program(self, code, **how):
            entry, text, data = assemble(tmp_path, code + call("ets_printf", "format_done") + STOP)
            self.burn(image(entry, [(ENTRY, text), (0x3FFE8000, data)]), **how)

        def run(self, *arguments):
            return oneslot("run", "--json", "--timeout", "1000", *arguments, self.flash).json

        def go(self, code, *arguments, **how):
            self.program(code, **how)
            return self.run("--go", "--until", "done", *arguments)

        def at(self, address, length):
            return self.flash.read_bytes()[address:address + length]

    return Chip()


def printed(report):
    return [line["text"] for line in report["uart"] if not line["rom"]]


NOTHING = image(ENTRY, [(ENTRY, b"\x06\xff\xff\x00" * 8)])


def test_the_rom_enters_an_image_with_a_right_checksum(chip):
    chip.burn(NOTHING)
    report = chip.run()
    assert report["result"] == "application" and report["ok"], report
    assert all(check["ok"] for check in report["checks"]) and len(report["checks"]) >= 6


@pytest.mark.parametrize("name, first", [
    ("wrong checksum", image(ENTRY, [(ENTRY, bytes(32))], checksum=0)),
    ("magic of another format", b"\xea" + NOTHING[1:]),
    ("erased sector", b"\xff" * 64),
    ("one segment too many in the header", image(ENTRY, [(ENTRY, bytes(32))], count=2)[:-16] + bytes(64)),
])
def test_the_rom_is_dead_after(chip, name, first):
    chip.burn(first)
    report = chip.run()
    assert report["result"] in ("dead", "fault") and not report["ok"], report
    assert report["operations"]["all"] == 0


def test_the_rom_loads_as_many_segments_as_the_header_says(chip):
    segments = [(ENTRY, b"\x06\xff\xff\x00" * 8), (0x3FFE8000, b"data" * 5), (0x40107000, b"more" * 9)]
    chip.burn(image(ENTRY, segments))
    report = chip.run()
    assert report["ok"], report
    assert sum(line["text"].startswith("load 0x") for line in report["uart"]) == 3
    assert {check["name"]: check["text"] for check in report["checks"]}["dram"].endswith("20 bytes")


def test_a_segment_in_iram_of_odd_length_is_a_fault(chip):
    chip.burn(image(ENTRY, [(ENTRY, b"\x06\xff\xff\x00" * 8 + b"x")]))
    assert chip.run()["result"] == "fault"


def test_program_clears_bits_and_erase_sets_them(chip):
    at = SCRATCH
    report = chip.go(call("SPIWrite", at, "pattern", 8) + show(), rest={at: b"\xf0\xff\x0f\xff\x55\x55\x55\x55"})
    assert printed(report)[0] == "result 0"
    assert chip.at(at, 8) == bytes(a & b for a, b in zip(b"\xf0\xff\x0f\xff\x55\x55\x55\x55",
                                                         struct.pack("<II", 0xFFFF00FF, 0x12345678)))
    assert report["operations"]["overprograms"] == 1
    report = chip.go(call("SPIEraseSector", at // 4096) + show(), rest={at - 4: bytes(4104)})
    assert chip.at(at - 4, 4104) == bytes(4) + b"\xff" * 4096 + bytes(4)
    assert report["operations"]["erases_sector"] == 1 and report["flash_ms"] == 45


def test_a_write_over_a_page_boundary_is_two_operations(chip):
    report = chip.go(call("SPIWrite", SCRATCH + 252, "pattern", 8))
    assert report["operations"]["programs"] == 2
    assert chip.at(SCRATCH + 252, 8) == struct.pack("<II", 0xFFFF00FF, 0x12345678)


def test_erase_of_an_area_goes_past_its_end_as_the_rom_s_does(chip):
    # By as many sectors as lie before the first block.
    report = chip.go(call("SPIEraseArea", 0x8F000, 0x22000) + show(), rest={0x8E000: bytes(0x30000)})
    assert chip.at(0x8E000, 0x25000) == bytes(0x1000) + b"\xff" * 0x23000 + bytes(0x1000)
    assert (report["operations"]["erases_sector"], report["operations"]["erases_block"]) == (3, 2)


@pytest.mark.parametrize("function, arguments", [
    ("SPIRead", (SIZE, "buffer", 4)),
    ("SPIRead", (SIZE - 4, "buffer", 8)),
    ("SPIWrite", (SIZE, "pattern", 4)),
    ("SPIEraseSector", (SIZE // 4096,)),
    ("SPIEraseBlock", (SIZE // 65536,)),
    ("SPIEraseArea", (SIZE - 4096, 8192)),
])
def test_the_rom_refuses_what_lies_past_the_chip_it_knows(chip, function, arguments):
    report = chip.go(call(function, *arguments) + show(), size=2 * SIZE)
    assert printed(report)[0] == "result 1"
    assert report["operations"]["all"] == 0


def test_a_larger_chip_is_reached_after_it_was_described(chip):
    describe = call("SPIParamCfg", 0x1640EF, 2 * SIZE, 0x10000, 0x1000, 0x100, 0xFFFF)
    report = chip.go(describe + call("SPIWrite", SIZE + SCRATCH, "pattern", 4) + show(), size=2 * SIZE)
    assert printed(report)[0] == "result 0"
    assert chip.at(SIZE + SCRATCH, 4) == struct.pack("<I", 0xFFFF00FF)


@pytest.mark.parametrize("name, code", [
    ("read into an odd buffer", call("SPIRead", 0, "buffer + 1", 4)),
    ("write from an odd buffer", call("SPIWrite", SCRATCH, "pattern + 2", 4)),
    ("flash call with the cache on", call("Cache_Read_Enable", 0, 0, 0) + call("SPIRead", 0, "buffer", 4)),
    ("ROM function that the board lacks", call("rand")),
    ("illegal instruction", "    ill\n"),
    ("code in flash without the cache", "    movi a2, 0x40200100\n    jx a2\n"),
    ("a load from flash without the cache", "    movi a2, 0x40200100\n    l32i a2, a2, 0\n"),
    ("a load from IRAM that the cache has", call("Cache_Read_Enable", 0, 0, 0) + "    movi a3, 0x4010c000\n    l32i a2, a3, 0\n"),
])
def test_is_a_fault(chip, name, code):
    report = chip.go(code)
    assert report["result"] == "fault" and not report["ok"] and "0x" in report["message"], report


def test_a_read_of_five_bytes_writes_two_words(chip):
    code = call("SPIRead", SCRATCH, "buffer", 5) + "    movi a3, buffer\n    l8ui a2, a3, 4\n" + show()
    assert printed(chip.go(code, rest={SCRATCH: bytes([9, 9, 9, 9, 77])}))[0] == "result 77"


def test_the_cache_shows_the_flash_and_takes_iram(chip):
    # A quarter of IRAM; the other one above the program's half stays.
    peek = "    movi a3, {}\n    l32i a2, a3, 0\n"
    store = "    movi a3, 0x40108000\n    movi a2, 99\n    s32i a2, a3, 0\n"
    code = store + call("Cache_Read_Enable", 0, 0, 0) + peek.format(0x40200000 + SCRATCH) + show() + peek.format(0x40108000) + show()
    assert printed(chip.go(code, rest={SCRATCH: struct.pack("<I", 1234)}))[:2] == ["result 1234", "result 99"]


def test_the_rom_s_arithmetic_and_md5(chip):
    code = call("__udivsi3", 1000000007, 10) + show()
    code += call("MD5Init", "buffer") + call("MD5Update", "buffer", "pattern", 8)
    code += call("MD5Final", "buffer + 256", "buffer")
    code += "    movi a3, buffer\n    l32i a2, a3, 256\n" + show()
    import hashlib
    digest = hashlib.md5(struct.pack("<II", 0xFFFF00FF, 0x12345678)).digest()
    assert printed(chip.go(code))[:2] == ["result 100000000", f"result {struct.unpack('<i', digest[:4])[0]}"]


def test_a_reset_boots_again_with_cause_2_and_keeps_rtc_memory(chip):
    code = """
    movi a12, 0x60001200
    l32i a13, a12, 0
    movi a14, 0x5a17
    beq a13, a14, again
    s32i a14, a12, 0
""" + call("rtc_get_reset_reason") + show() + call("software_reset") + "again:\n" + call("rtc_get_reset_reason") + show()
    report = chip.go(code, "--reset-cause", "5")
    assert printed(report)[:2] == ["result 5", "result 2"]
    assert report["resets"] == 1 and report["entries"] == 2


def test_a_reset_by_register_is_a_reset(chip):
    code = """
    movi a12, 0x60001200
    l32i a13, a12, 0
    movi a14, 0x5a17
    beq a13, a14, again
    s32i a14, a12, 0
    movi a3, 0x60000700
    movi a2, 0x80000000
    s32i a2, a3, 0
wait: j wait
again:
"""
    report = chip.go(code)
    assert report["result"] == "text" and report["resets"] == 1


WRITE = call("SPIEraseSector", SCRATCH // 4096) + call("SPIWrite", SCRATCH, "pattern", 8)
OLD = b"\x5a" * 4096


def test_a_cut_before_and_after_an_operation(chip):
    chip.program(WRITE, rest={SCRATCH: OLD})
    report = chip.run("--go", "--until", "done", "--cut-at", "1", "--tear", "before")
    assert report["result"] == "cut" and report["ok"] and "operation 1" in report["message"]
    assert chip.at(SCRATCH, 4096) == OLD
    assert chip.run("--go", "--until", "done", "--cut-at", "2", "--tear", "before")["result"] == "cut"
    assert chip.at(SCRATCH, 4096) == b"\xff" * 4096
    chip.program(WRITE, rest={SCRATCH: OLD})
    chip.run("--go", "--until", "done", "--cut-at", "2", "--tear", "after")
    assert chip.at(SCRATCH, 8) == struct.pack("<II", 0xFFFF00FF, 0x12345678)


# Names of before, and the simulator's own.
TEARS = ["subset", "half", "page", "random", "mix", "prefix", "damage", "mix-weak"]


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_erase_is_neither_old_nor_erased_and_stays_in_its_sector(chip, tear):
    found = set()
    for seed in range(1, 6):
        chip.program(WRITE, rest={SCRATCH - 4096: OLD * 3})
        chip.run("--go", "--until", "done", "--cut-at", "1", "--tear", tear, "--seed", seed)
        found.add(chip.at(SCRATCH, 4096))
        assert chip.at(SCRATCH - 4096, 4096) == OLD and chip.at(SCRATCH + 4096, 4096) == OLD
    assert found - {OLD, b"\xff" * 4096}


@pytest.mark.parametrize("tear", TEARS)
def test_a_torn_program_sets_no_bit_and_stays_in_its_page(chip, tear):
    old = b"\xf7" * 768
    found = set()
    for seed in range(1, 6):
        chip.program(call("SPIWrite", SCRATCH + 256, "pattern", 8), rest={SCRATCH: old})
        chip.run("--go", "--until", "done", "--cut-at", "1", "--tear", tear, "--seed", seed)
        torn = chip.at(SCRATCH, 768)
        assert torn[:256] == old[:256] and torn[512:] == old[512:]
        assert all(byte & ~0xF7 == 0 for byte in torn)
        found.add(torn)
    assert found - {old}


@pytest.mark.parametrize("tear", ["done-weak", "undone-weak"])
def test_weak_cells_are_those_of_the_run_and_look_done_or_not(chip, tear):
    chip.program(call("SPIWrite", SCRATCH, "pattern", 8))
    chip.run("--go", "--until", "done", "--cut-at", "1", "--tear", tear)
    assert chip.at(SCRATCH, 8) == (struct.pack("<II", 0xFFFF00FF, 0x12345678) if tear == "done-weak" else b"\xff" * 8)


def test_a_seed_gives_the_same_tear_again(chip):
    def torn(seed):
        chip.program(WRITE, rest={SCRATCH: OLD})
        chip.run("--go", "--until", "done", "--cut-at", "1", "--seed", seed)
        return chip.at(SCRATCH, 4096)

    assert torn(7) == torn(7)
    assert torn(7) != torn(8)


def test_instructions_are_counted_and_the_count_is_the_same_again(chip):
    def count(turns):
        report = chip.go(f"    movi a12, {turns}\nagain: addi a12, a12, -1\n    bnez a12, again\n")
        assert report == chip.go(f"    movi a12, {turns}\nagain: addi a12, a12, -1\n    bnez a12, again\n")
        return report["instructions"]

    # Waits for the serial port take some more or less.
    assert abs(count(200000) - count(100000) - 200000) < 300


def test_a_program_that_prints_nothing_is_a_timeout(chip, oneslot):
    chip.program("    j end\n")
    result = oneslot("run", "--timeout", "1", "--go", "--until", "done", chip.flash)
    assert result.status == 1 and 'did not print "done" within 1 s' in result.out


def test_another_image_than_the_expected_one_is_told(chip, oneslot, tmp_path):
    chip.burn(NOTHING)
    stock = tmp_path / "stock.bin"
    stock.write_bytes(NOTHING)
    oneslot.ok("run", "--expect", stock, chip.flash)
    other = bytearray(NOTHING)
    other[20] ^= 1
    stock.write_bytes(other)
    result = oneslot("run", "--expect", stock, chip.flash)
    assert result.status == 1 and "WRONG" in result.out


@pytest.mark.parametrize("arguments", [
    [], ["a", "b"], ["--cut-at", "0", "a"], ["--cut-at", "x", "a"], ["--tear", "odd", "a"], ["--until", "x", "a"],
    ["--nonsense", "a"], ["--timeout", "-1", "a"],
])
def test_a_wrong_command_line_is_status_2(oneslot, arguments):
    assert oneslot("run", *arguments).status == 2


def test_no_flash_is_status_1_with_a_reason(oneslot, tmp_path):
    assert "No such file" in oneslot("run", tmp_path / "none").err
    (tmp_path / "short").write_bytes(b"x")
    result = oneslot("run", tmp_path / "short")
    assert result.status == 1 and "64 KiB" in result.err


def test_it_needs_no_other_program(oneslot, chip):
    chip.burn(NOTHING)
    assert oneslot("run", chip.flash, env={"PATH": "/nowhere"}).status == 0


def test_the_sanitized_tool_runs_it_too(oneslot_sanitized, chip):
    chip.burn(NOTHING)
    oneslot_sanitized.ok("run", chip.flash)


# Prints what it is sent, until a dot.
ECHO = """
    nop
again:
    movi a3, 0x60000000
wait:
    l32i a2, a3, 0x1c
    extui a2, a2, 0, 8
    beqz a2, wait
    l32i a2, a3, 0
    addi a4, a2, -46
    beqz a4, end_of_echo
    s32i a2, a3, 0
    j again
end_of_echo:
"""


def test_a_script_types_waits_and_cuts(chip, tmp_path):
    chip.program(ECHO + WRITE, rest={SCRATCH: OLD})
    script = tmp_path / "script"
    script.write_text("# twice\nwait 0.1\nsend one\\x21\nexpect one!\ncut-at 2\nsend .\npower-on\n\nsend two.\n"
                      "expect two\nexpect done\ncut\npower-on\nsend three\nexpect three\nquit\nexpect never\n")
    report = chip.run("--script", script, "--tear", "before", "--operations")
    assert report["ok"] and report["result"] == "script" and report["entries"] == 3, report
    assert [line["text"] for line in report["uart"] if not line["rom"]] == ["one!", "twodone", "three"]
    assert report["operations"]["all"] == 4 and chip.at(SCRATCH, 8) == struct.pack("<II", 0xFFFF00FF, 0x12345678)


@pytest.mark.parametrize("script, said", [
    ("wait 0.01\nexpect never\n", "the time is over: the script stands at line 2, expect never"),
    ("cut\nexpect never\n", "the power is off: the script stands at line 2, expect never"),
    ("power-on\n", "the time is over: the script stands at line 1, power-on"),
])
def test_a_script_that_does_not_end_says_where_it_stands(chip, tmp_path, script, said):
    chip.program(ECHO)
    (tmp_path / "script").write_text(script)
    report = chip.run("--script", tmp_path / "script", "--timeout", "1")
    assert not report["ok"] and said in report["message"], report


@pytest.mark.parametrize("line", ["expect", "send a\\q", "send \\x4", "wait x", "wait -1", "wait nan", "cut-at 0", "cut now", "jump 3",
                                  "expect " + "x" * 5000])
def test_a_line_that_is_no_step_is_named(chip, oneslot, tmp_path, line):
    chip.burn(NOTHING)
    (tmp_path / "script").write_text("quit\n" + line + "\n")
    result = oneslot("run", "--script", tmp_path / "script", chip.flash)
    assert result.status == 1 and "line 2 is no step" in result.err, result


def test_a_cut_at_a_time_leaves_what_is_under_way_torn(chip):
    chip.program("    movi a12, 1000000\nagain: addi a12, a12, -1\n    bnez a12, again\n" + WRITE, rest={SCRATCH: OLD})
    whole = chip.run("--go", "--until", "done", "--json")
    assert whole["result"] == "text" and chip.at(SCRATCH, 4096) != OLD
    chip.program("    movi a12, 1000000\nagain: addi a12, a12, -1\n    bnez a12, again\n" + WRITE, rest={SCRATCH: OLD})
    report = chip.run("--go", "--until", "done", "--cut-time", "0.05", "--tear", "before")
    assert report["result"] == "cut" and report["operations"]["all"] == 0 and chip.at(SCRATCH, 4096) == OLD
    # Some 50 ms of counting, then 45 of the erase.
    report = chip.run("--go", "--until", "done", "--cut-time", "0.13", "--tear", "half")
    torn = chip.at(SCRATCH, 4096)
    assert report["result"] == "cut" and report["operations"]["all"] == 1
    assert torn != b"\xff" * 4096 and torn.lstrip(b"\xff") == OLD[:len(torn.lstrip(b"\xff"))]


def test_a_terminal_types_to_the_chip_until_it_is_left(chip, oneslot):
    chip.program(ECHO)
    with subprocess.Popen([oneslot.path, "run", "-i", chip.flash], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as tool:
        def seen(text):
            while text not in out[0]:
                out[0] += tool.stdout.read1()
                assert tool.poll() is None or text in out[0], out

        out = [b""]
        seen(b"csum 0x")
        seen(b"\n")
        for byte in b"hello":
            tool.stdin.write(bytes([byte]))
            tool.stdin.flush()
        seen(b"hello")
        tool.stdin.write(b"\x1dnot this")
        tool.stdin.close()
        out[0] += tool.stdout.read()
        assert tool.wait(60) == 0 and b"not this" not in out[0] and b"\nleft\n" in out[0]


@pytest.mark.parametrize("arguments", [
    ["-i", "--json"], ["-i", "--script", "x"], ["--cut-time", "0"], ["--cut-time", "x"], ["--flash-id", "0"], ["--flash-id", "1000000"],
    ["--flash-status", "10000"], ["--flash-status", "x"], ["--tear", "weak"], ["--qemu", "x"],
])
def test_a_wrong_value_of_the_chip_s_is_status_2(oneslot, chip, arguments):
    chip.burn(NOTHING)
    assert oneslot("run", *arguments, chip.flash).status == 2


def test_the_flash_chip_is_the_one_that_is_asked_for(chip):
    read = ("    movi a3, 0x60000200\n    movi a2, 0x10000000\n    s32i a2, a3, 0\n    l32i a2, a3, 64\n"
            "    extui a2, a2, 0, 16\n" + show())
    chip.program(read)
    assert printed(chip.run("--go", "--until", "done"))[0] == f"result {0x40EF}"
    assert printed(chip.run("--go", "--until", "done", "--flash-id", "1640c8"))[0] == f"result {0x40C8}"


@pytest.mark.parametrize("size", [SIZE + 0x10000, 0x30000])
def test_a_size_that_no_chip_has_is_refused(oneslot, chip, size):
    chip.burn(NOTHING, size=size)
    result = oneslot("run", chip.flash)
    assert result.status == 1 and "power of two" in result.err


def test_what_is_no_boot_rom_is_refused(oneslot, chip, tmp_path):
    chip.burn(NOTHING)
    (tmp_path / "rom").write_bytes(bytes(0xFFFF))
    result = oneslot("run", "--rom", tmp_path / "rom", chip.flash)
    assert result.status == 1 and "no boot ROM" in result.err
    assert "No such file" in oneslot("run", "--rom", tmp_path / "none", chip.flash).err
