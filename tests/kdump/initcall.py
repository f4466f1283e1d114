# SPDX-License-Identifier: GPL-2.0
"""How many instructions an initcall of the crash kernel takes.

initcall_debug cannot say: so early, the kernel's clock moves in steps of a
timer tick. In a guest started with OPTIONS the time stamp counter advances by
one with each instruction. When the initcall is about to be entered, QEMU's gdb
stub lets the CPU call it from a few instructions of ours instead, which read
the counter before and after. Stopping at both ends would not do: QEMU moves
the clock of a guest that goes on after a stop.

Crashes nothing by itself (crash.py), and needs to know no structure of the
kernel.
"""

from lib.gdb import R12, R13, RAX, RDI, RIP, RSP

OPTIONS = ("-icount", "shift=0,sleep=off", "-S")

# The initcall that makes the pools at boot, in C and in Rust.
BUILT_IN = ("dma_atomic_pool_init", "rust_dma_pool_init")


def symbols(system_map):
    """Name to address, of functions."""
    lines = (line.split() for line in system_map.read_text().splitlines())
    return {name: int(address, 16) for address, kind, name in lines if kind in "tT"}


# The CPU comes out of the stop with a timer interrupt pending; it is over
# before the counter is read. r12 and r13 outlive the call.
CODE = (
    bytes([0x90] * 16)  # nop
    + b"\x0f\x31"  # rdtsc
    + b"\x41\x89\xc4"  # mov %eax,%r12d
    + b"\x41\xff\xd5"  # call *%r13
    + b"\x49\x89\xc5"  # mov %rax,%r13
    + b"\x0f\x31"  # rdtsc
)
OVERHEAD = 4  # rdtsc, mov, call, mov


def call_counted(stub, scratch):
    """The CPU is at the entry of a function: returns the instructions that it
    takes, and leaves the CPU after it. `scratch` is code that is not in use."""
    packet, registers = stub.registers()
    stack = registers[RSP]
    original = stub.read(scratch, len(CODE))
    stub.write(scratch, CODE)
    stub.set_registers(packet, RIP=scratch, R13=registers[RIP])
    if not stub.stop_at(scratch + len(CODE)):
        return None
    packet, after = stub.registers()
    stub.write(scratch, original)
    stub.set_registers(
        packet,
        RIP=int.from_bytes(stub.read(stack, 8), "little"),
        RSP=stack + 8,
        RAX=after[R13],
        R12=registers[R12],
        R13=registers[R13],
    )
    return (after[RAX] - after[R12]) % 2**32 - OVERHEAD


def count(stub, names, module):
    """The instructions of a module's init or, if none is loaded, of the initcall
    in the second of the two kernels that run; None if it was not reached."""
    if module:
        way = [names["do_init_module"], names["do_one_initcall"]]
    else:
        entry = next(names[name] for name in BUILT_IN if name in names)
        way = [names["start_kernel"], entry, names["start_kernel"], entry]
    for address in way:
        if not stub.stop_at(address):
            return None
    if module and not stub.stop_at(stub.registers()[1][RDI]):
        return None
    return call_counted(stub, names["_text"])
