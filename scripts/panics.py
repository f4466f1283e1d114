# SPDX-License-Identifier: GPL-2.0
"""panics.py OBJECT FUNCTION...: no panic can be reached from these functions.

In atomic context a Rust panic is a BUG() that nobody survives. So what the DMA layer
calls must not lead to one, whatever the arguments: the compiler has to have seen that each
check it would make cannot fail. Reads what llvm-objdump prints of an object of x86_64 or arm64,
and follows direct calls and jumps within it. Functions that are only referred to by address,
such as work items, run in a context of their own and are not followed.

A FUNCTION is the end of a demangled name. Prints each way to a panic, and fails if there is one;
fails, too, if there is no such function.
"""

import bisect
import re
import subprocess
import sys

PANIC = re.compile(r"\bcore::panicking::|\brust_begin_unwind\b|\bpanic_const_")
HEAD = re.compile(r"^([0-9a-f]+) <(.+)>:$")
SECTION = re.compile(r"^Disassembly of section (.+):$")
# A call or jump to a place that the disassembler has resolved itself.
DIRECT = re.compile(r"\b(?:callq?|j[a-z]+|b|bl|b\.[a-z]+|cbn?z|tbn?z)\b.*\s(?:0x)?([0-9a-f]+) <")
RELOCATION = re.compile(r"\s+[0-9a-f]+:\s+(R_\S+)\s+(\S.*?)(?:([+-])0x([0-9a-f]+))?$")
BRANCHES = ("R_X86_64_PLT32", "R_X86_64_PC32", "R_AARCH64_CALL26", "R_AARCH64_JUMP26")


def disassemble(path):
    """The lines of llvm-objdump."""
    argv = ["llvm-objdump", "-d", "-r", "-C", "--no-show-raw-insn", path]
    return subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines()


class Object:
    """The functions of an object, and which of them call which."""

    def __init__(self, lines):
        self.places = {}
        self.calls = {}
        pending = []
        section = function = None
        instruction = ""
        for line in lines:
            if match := SECTION.match(line):
                section = match[1]
            elif match := HEAD.match(line):
                function = match[2]
                self.places.setdefault(section, []).append((int(match[1], 16), function))
                self.calls.setdefault(function, set())
            elif match := RELOCATION.match(line):
                kind, target, sign, offset = match.groups()
                # Data is referred to by such relocations, too, but not by a branch.
                if kind in BRANCHES and DIRECT.search(instruction):
                    addend = int(offset or "0", 16) * (-1 if sign == "-" else 1)
                    pending.append((function, target, addend, kind))
            else:
                instruction = line
                if function and (match := DIRECT.search(line)):
                    pending.append((function, section, int(match[1], 16), ""))
        self.resolve(pending)

    def resolve(self, pending):
        """Finds the functions at places in sections."""
        for places in self.places.values():
            places.sort()
        for caller, target, offset, kind in pending:
            # The processor counts from the end of the instruction's last four bytes.
            place = offset + (4 if kind.startswith("R_X86") else 0)
            if target in self.places:
                self.calls[caller].add(self.function_at(target, place))
            elif kind:
                self.calls[caller].add(target)

    def function_at(self, section, place):
        """The function that a place in a section is in."""
        places = self.places[section]
        return places[max(bisect.bisect_right(places, (place, chr(0x10FFFF))) - 1, 0)][1]

    def ways_to_panic(self, start):
        """Each chain of calls from a function to a panic, once for each last caller."""
        ways = [[start]]
        seen = {start}
        while ways:
            way = ways.pop()
            for callee in sorted(self.calls.get(way[-1], ())):
                if PANIC.search(callee):
                    yield [*way, callee]
                elif callee not in seen:
                    seen.add(callee)
                    ways.append([*way, callee])


def main(path, names):
    code = Object(disassemble(path))
    failed = False
    for name in names:
        functions = [function for function in code.calls if function.endswith(name)]
        if not functions:
            print(f"{path} has no function {name}")
            failed = True
        for function in functions:
            for way in code.ways_to_panic(function):
                print("a panic can be reached: " + "\n  calls ".join(way))
                failed = True
    return failed


if __name__ == "__main__":
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1], sys.argv[2:]))
