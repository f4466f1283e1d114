# SPDX-License-Identifier: GPL-2.0
"""Where the instructions of one call go, function by function, and how many are locked.

A guest of one CPU is stepped through a call by QEMU's gdb stub (x86_64), callees
included. guest.sh prints the guest's symbols and then makes calls for as long as it is
let. What all calls together cost is counted without any of this (figures.py).
"""

import bisect
import collections
import re
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from figures import Missing
from lib import gdb

# A kernel that finds one CPU at boot takes the lock prefixes out of itself.
PARAMETERS = "noreplace-smp"
LIMIT = 600
# Those before may find cold data and a worker to be woken.
SKIPPED = 20
ALLOC = ("dma_alloc_from_pool",)
# The second where the first is inline in front of it
FREE = ("__dma_free_from_pool", "dma_free_from_pool")
SYMBOL = re.compile(r"^symbol: ([0-9a-f]+) ([tTwW]) (\S+)", re.MULTILINE)
PREFIXES = bytes([0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65, 0x66, 0x67, 0xF2, 0xF3, *range(0x40, 0x50)])
LOCK = 0xF0
XCHG = (0x86, 0x87)


@dataclass
class Call:
    """One call of a function: instructions by function, without those of its memset."""

    inside: collections.Counter = field(default_factory=collections.Counter)
    locked: int = 0

    def lines(self):
        """The most expensive first."""
        names = readable(self.inside)
        for function, count in self.inside.most_common():
            yield f"{count:6} {names[function]}"


def readable(names):
    """{symbol: name}, as Rust's symbols are not meant for people."""
    names = list(names)
    try:
        done = subprocess.run(
            ["llvm-cxxfilt"], input="\n".join(names), stdout=subprocess.PIPE, text=True, check=True
        )
    except (OSError, subprocess.CalledProcessError):
        return dict(zip(names, names, strict=True))
    return dict(zip(names, done.stdout.splitlines(), strict=True))


def is_locked(code):
    """Whether an instruction of x86_64 locks the bus: by its prefix, or as xchg does."""
    for number, byte in enumerate(code):
        if byte == LOCK:
            return True
        if byte not in PREFIXES:
            # Two registers are exchanged without.
            return byte in XCHG and code[number + 1] < 0xC0
    return False


class Symbols:
    """The functions of a guest."""

    def __init__(self, text):
        found = SYMBOL.findall(text)
        self.all = sorted((int(address, 16), name) for address, _, name in found)
        self.addresses = [address for address, _ in self.all]
        self.public = {name: int(address, 16) for address, kind, name in found if kind in "TW"}

    def address(self, names):
        """Of the first of them that there is."""
        for name in names:
            if name in self.public:
                return self.public[name]
        raise Missing(f"the guest has none of {', '.join(names)}")

    def at(self, address):
        return self.all[bisect.bisect_right(self.addresses, address) - 1][1]


def trace(stub, symbols):
    """The CPU is at the entry of a function: steps to its return."""
    call, code = Call(), {}
    registers = stub.registers()[1]
    stack, pc = registers[gdb.RSP], registers[gdb.RIP]
    target = int.from_bytes(stub.read(stack, 8), "little")
    while not (pc == target and registers[gdb.RSP] > stack):
        name = symbols.at(pc)
        if "memset" not in name:
            call.inside[name] += 1
            if pc not in code:
                code[pc] = is_locked(stub.read(pc, 15))
            call.locked += code[pc]
        stub.step()
        registers = stub.registers()[1]
        pc = registers[gdb.RIP]
    return call


def step_through(stub, symbols):
    """One allocation and one free."""
    entries = {"alloc": symbols.address(ALLOC), "free": symbols.address(FREE)}
    calls, seen = {}, collections.Counter()
    stub.attach()
    for address in entries.values():
        stub.expect(f"Z1,{address:x},1")
    while len(calls) < len(entries):
        if not stub.ask("c").startswith("T"):
            raise Missing("the guest ended before there were enough calls")
        pc = stub.registers()[1][gdb.RIP]
        name = next((name for name, address in entries.items() if address == pc), None)
        seen[name] += 1
        if name and name not in calls and seen[name] > SKIPPED:
            calls[name] = trace(stub, symbols)
        else:
            stub.step()
    return calls


def profile(vm, log):
    """vm boots guest.sh in its mode "profile", with the options it is given put in."""
    with tempfile.TemporaryDirectory(prefix="bench-") as short:
        path = Path(short, "gdb")
        command = vm(["--append", PARAMETERS, "--qemu", " ".join(gdb.gdb_option(path))])
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            # Its end, by us, is nothing to tell a person.
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
        ) as guest:
            try:
                lines = []
                for line in guest.stdout:
                    lines.append(line)
                    if line.startswith("symbols end"):
                        break
                else:
                    raise Missing(f"no profile: {''.join(lines)[-300:]}; see {log}")
                return step_through(gdb.Stub(path, guest, LIMIT), Symbols("".join(lines)))
            except (ConnectionError, TimeoutError) as problem:
                raise Missing(f"no profile: {problem}; see {log}") from problem
            finally:
                # scripts/vm ends its guest; what it says then is of no interest.
                guest.terminate()
                guest.stdout.close()
