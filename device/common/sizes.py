#!/usr/bin/env python3
"""Prints what a device image takes of flash and RAM: the size of its image file, its code, its data and the deepest
stack that its calls can need.

The stack comes from the compiler's call graph (-fcallgraph-info=su). A call through a pointer is taken to reach the
deepest of the functions that POINTERS has for its source file. A program may call functions of another one that is in
memory with it, as the installer calls the stage's decoder. A function that no graph knows is the boot ROM's.

Sections whose name begins with .in_place stay in flash and are not counted as memory.
"""
import argparse
import os
import re
import struct
import sys

# Pushed by start_stage.S.
STAGE_ENTRY = 16
# What a call through a pointer can reach, by the file that it is made in; with its own file where the name is not enough.
FLASH_PORT = ("port_read", "port_program", "port_erase_sector", "port_erase_block")
POINTERS = {
    "core/api.c": (),  # what only the ESP32 family has
    "core/flash.c": FLASH_PORT,
    "core/image.c": ("rom_loads", "eboot_loads"),
    "core/image_allowed.c": ("oneslot_image_esp32_judge",),
    "core/image_esp32.c": ("read_source", "read_flash", "proof_progress", "handover.c:check_progress"),
    "core/image_prove.c": ("proof_progress", "installer_progress"),
    "core/install.c": (
        "oneslot_image_prove", "oneslot_image_esp32_prove", "oneslot_install_package", "read_layout",
        "oneslot_layout_from_table", "take_choice_back", "screen_proven", "screen_outcome", "self_update_settle",
        "self_update_prove", "self_update_replace",
    ),
    "core/install_steps.c": ("installer.c:show_progress",),
    "core/package_check.c": ("check_progress", "oneslot_p256_verify"),
    "core/self_update.c": ("oneslot_image_prove", "screen_outcome"),
    "core/source.c": ("read_unpacked", "read_payload"),
    "core/unpack.c": ("read_packed", "read_stream"),
    "deps/littlefs/lfs.c": ("block_read", "block_program", "block_erase", "block_sync"),
    "device/esp8266/loader.c": ("stage_main",),
}
# Files whose pointer is NULL on a family: there it reaches nothing.
MAY_BE_NULL = ("core/image_allowed.c",)
# In tables that nobody calls through: BearSSL's general descriptions of SHA-256 and MD5.
NEVER_CALLED = (
    "br_sha224_state", "br_sha224_set_state", "br_sha224_update", "br_md5_state", "br_md5_set_state", "br_md5_update",
)
SYMBOL_TABLE = 2
NO_CONTENTS = 8
ALLOCATED = 2
EXECUTABLE = 4
IN_PLACE = ".in_place"
INDIRECT = "__indirect_call"
NODE = re.compile(r'node: \{ title: "([^"]*)" label: "([^"]*)"')
PLACE = re.compile(r"\\n(?:[^:\\]*/)?([^:/\\]*):\d+:\d+\\n")
EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"(?: label: "([^":]*))?')
FRAME = re.compile(r"(\d+) bytes \((static|dynamic[^)]*)\)")


def read_sections(elf):
    """The section headers: offset of the name, kind, flags, address, offset, length, link."""
    table = struct.unpack_from("<I", elf, 0x20)[0]
    size, count = struct.unpack_from("<HH", elf, 0x2E)
    return [struct.unpack_from("<7I", elf, table + index * size) for index in range(count)]


def text_at(elf, start):
    return elf[start : elf.index(0, start)].decode()


def linked_symbols(elf):
    """Names of what the linker kept."""
    headers = read_sections(elf)
    names = set()
    for _, kind, _, _, offset, length, link in headers:
        if kind == SYMBOL_TABLE:
            text = headers[link][4]
            for at in range(offset, offset + length, 16):
                names.add(text_at(elf, text + struct.unpack_from("<I", elf, at)[0]))
    return names


def plain(name):
    """A function's own name: without its file, and without what optimisation adds."""
    return name.split(":")[-1].split("$")[0].split(".")[0]


def pointed_to(file):
    for known, functions in POINTERS.items():
        if file.endswith(known):
            return functions
    sys.exit(f"sizes: a call through a pointer in {file}: say in POINTERS what it reaches")


def read_graph(paths, linked):
    """Frames of what was linked; calls, of which one through a pointer has (INDIRECT, file) for its target; and the
    names by which POINTERS may have a function."""
    frames, calls, names = {}, {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if match := NODE.match(line):
                    frame = FRAME.search(match[2])
                    if frame and match[1].split(":")[-1] in linked:
                        frames[match[1]] = max(int(frame[1]), frames.get(match[1], 0))
                        place = PLACE.search(match[2])
                        names[match[1]] = {plain(match[1]), f"{place[1]}:{plain(match[1])}"}
                elif match := EDGE.match(line):
                    target = (INDIRECT, match[3]) if match[2] == INDIRECT else match[2]
                    calls.setdefault(match[1], set()).add(target)
    return frames, calls, names


class Stack:
    """The deepest stack below each function."""

    def __init__(self, frames, calls, names, rom):
        self.frames, self.calls, self.names, self.rom = frames, calls, names, rom
        self.known, self.path = {}, []

    def below_pointer(self, file):
        functions = pointed_to(file)
        reached = [name for name in sorted(self.frames) if self.names[name].intersection(functions)]
        if functions and not reached and not file.endswith(MAY_BE_NULL):
            sys.exit(f"sizes: nothing that {file} calls through a pointer is in the call graph: {', '.join(functions)}")
        return max((self.below(name) for name in reached), default=0)

    def below(self, name):
        if isinstance(name, tuple):
            return self.below_pointer(name[1])
        if name not in self.frames:
            return self.rom
        if name in self.path:
            sys.exit(f"sizes: {name} calls itself; the stack has no bound: {' '.join(self.path)}")
        if name not in self.known:
            self.path.append(name)
            deepest = max((self.below(callee) for callee in sorted(self.calls.get(name, ()), key=str)), default=0)
            self.path.pop()
            self.known[name] = self.frames[name] + deepest + (STAGE_ENTRY if name == "stage_main" else 0)
        return self.known[name]


def deepest_stack(paths, root, linked, rom):
    frames, calls, names = read_graph(paths, linked)
    roots = [name for name in frames if name.split(":")[-1] == root]
    if len(roots) != 1:
        sys.exit(f"sizes: {root} is not in the call graph")
    called = {callee for callees in calls.values() for callee in callees}
    accounted = {root, *NEVER_CALLED}.union(*POINTERS.values())
    # One without a file in its name is for the other program.
    forgotten = [name for name in frames if ":" in name and name not in called and not names[name] & accounted]
    if forgotten:
        sys.exit(f"sizes: nobody calls {', '.join(forgotten)} by name: say in POINTERS who does")
    return Stack(frames, calls, names, rom).below(roots[0])


def memory_use(elf):
    """Bytes of code, of data with contents, and of zeroed memory."""
    code = data = zeroed = 0
    headers = read_sections(elf)
    names = headers[struct.unpack_from("<H", elf, 0x32)[0]][4]
    for name, kind, flags, _, _, length, _ in headers:
        if not flags & ALLOCATED or text_at(elf, names + name).startswith(IN_PLACE):
            continue
        if kind == NO_CONTENTS:
            zeroed += length
        elif flags & EXECUTABLE:
            code += length
        else:
            data += length
    return code, data, zeroed


def line_of(name, paths, image, root, graph, limit, rom):
    elves = []
    for path in paths:
        with open(path, "rb") as file:
            elves.append(file.read())
    code, data, zeroed = memory_use(elves[0])
    stack = deepest_stack(graph, root, set().union(*map(linked_symbols, elves)), rom)
    if limit and stack > int(limit, 0):
        sys.exit(f"sizes: {name} can need {stack} bytes of stack and has {limit}")
    size = os.path.getsize(image) if image else "-"
    return f"{name:<14}{size:>8}{code:>8}{data:>8}{zeroed:>8}{stack:>8}"


def graph_files(argument):
    if os.path.isfile(argument):
        return [argument]
    return sorted(
        os.path.join(folder, name) for folder, _, names in os.walk(argument) for name in names if name.endswith(".ci")
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", 1)[0])
    parser.add_argument(
        "image", nargs="+",
        help="NAME:ELF:IMAGE:ROOT:GRAPH:LIMIT; GRAPH is a .ci file or a folder of them, LIMIT what there is of stack. "
        "ELF+ELF and GRAPH+GRAPH: the programs that are called too. IMAGE and LIMIT may be empty")
    parser.add_argument("--rom-stack", type=int, default=160, help="bytes of stack that a function of the boot ROM takes")
    arguments = parser.parse_args()
    print(f"{'':<14}{'image':>8}{'code':>8}{'data':>8}{'zeroed':>8}{'stack':>8}")
    for image in arguments.image:
        name, elf, path, root, graph, limit = image.split(":")
        graphs = [file for part in graph.split("+") for file in graph_files(part)]
        print(line_of(name, elf.split("+"), path, root, graphs, limit, arguments.rom_stack))


if __name__ == "__main__":
    main()
