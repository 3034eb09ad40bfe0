#!/usr/bin/env python3
"""Prints what a device image takes of flash and RAM: the size of its image file, its code, its data and the deepest
stack that its calls can need.

The stack comes from the compiler's call graph (-fcallgraph-info=su). A call through a pointer is taken to reach the
deepest function that nobody calls by name; such a function may call through a pointer once more, as littlefs does
through our read function into the flash port. A function that the graph does not know is the boot ROM's.

Sections whose name begins with .in_place stay in flash and are not counted as memory.
"""
import argparse
import os
import re
import struct
import sys

SYMBOL_TABLE = 2
NO_CONTENTS = 8
ALLOCATED = 2
EXECUTABLE = 4
IN_PLACE = ".in_place"
INDIRECT = "__indirect_call"
NODE = re.compile(r'node: \{ title: "([^"]*)" label: "([^"]*)"')
EDGE = re.compile(r'edge: \{ sourcename: "([^"]*)" targetname: "([^"]*)"')
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


def read_graph(paths, linked):
    frames, calls = {}, {}
    for path in paths:
        with open(path, encoding="utf-8") as file:
            for line in file:
                if match := NODE.match(line):
                    frame = FRAME.search(match[2])
                    if frame and match[1].split(":")[-1] in linked:
                        frames[match[1]] = int(frame[1])
                elif match := EDGE.match(line):
                    calls.setdefault(match[1], set()).add(match[2])
    return frames, calls


class Stack:
    """The deepest stack below each function."""

    def __init__(self, frames, calls, indirect, rom):
        self.frames, self.calls, self.indirect, self.rom = frames, calls, indirect, rom
        self.known, self.path = {}, []

    def below(self, name):
        if name == INDIRECT:
            return self.indirect
        if name not in self.frames:
            return self.rom
        if name in self.path:
            sys.exit(f"sizes: {name} calls itself; the stack has no bound")
        if name not in self.known:
            self.path.append(name)
            deepest = max((self.below(callee) for callee in sorted(self.calls.get(name, ()))), default=0)
            self.path.pop()
            self.known[name] = self.frames[name] + deepest
        return self.known[name]


def reaches_pointer(name, calls, seen):
    if name in seen:
        return False
    seen.add(name)
    return any(callee == INDIRECT or reaches_pointer(callee, calls, seen) for callee in calls.get(name, ()))


def deepest_stack(paths, root, linked, rom):
    frames, calls = read_graph(paths, linked)
    roots = [name for name in frames if name.split(":")[-1] == root]
    if len(roots) != 1:
        sys.exit(f"sizes: {root} is not in the call graph")
    called = {callee for callees in calls.values() for callee in callees}
    pointed = [name for name in frames if name not in called and name != roots[0]]
    leaves = [name for name in pointed if not reaches_pointer(name, calls, set())]
    indirect = 0
    for group in (leaves, pointed):
        stack = Stack(frames, calls, indirect, rom)
        indirect = max([indirect] + [stack.below(name) for name in group])
    return Stack(frames, calls, indirect, rom).below(roots[0])


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


def line_of(name, path, image, root, graph, rom):
    with open(path, "rb") as file:
        elf = file.read()
    code, data, zeroed = memory_use(elf)
    stack = deepest_stack(graph, root, linked_symbols(elf), rom)
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
    parser.add_argument("image", nargs="+", help="NAME:ELF:IMAGE:ROOT:GRAPH, IMAGE may be empty, GRAPH is a .ci file or a folder of them")
    parser.add_argument("--rom-stack", type=int, default=160, help="bytes of stack that a function of the boot ROM takes")
    arguments = parser.parse_args()
    print(f"{'':<14}{'image':>8}{'code':>8}{'data':>8}{'zeroed':>8}{'stack':>8}")
    for image in arguments.image:
        name, elf, path, root, graph = image.split(":")
        print(line_of(name, elf, path, root, graph_files(graph), arguments.rom_stack))


if __name__ == "__main__":
    main()
