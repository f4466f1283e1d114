# SPDX-License-Identifier: GPL-2.0
"""How much of an object file stays in a kernel's memory after boot.

Text, read-only data and data. Tables to unwind by (ORC on x86_64) are left out: the
goal is set without, beside C's size without. An object that
has tests in it is measured, too; who calls has to know that (scripts/bench).
"""

import struct

SHF_ALLOC = 2
# Freed after boot, or dropped or rewritten by what links the kernel.
GONE = (".init", ".exit", ".discard", ".export_symbol", ".modinfo", ".llvm", ".kunit", ".orc_")


def sections(data):
    """(name, flags, size) of each in a 64-bit little-endian ELF file."""
    if data[:6] != b"\x7fELF\x02\x01":
        raise ValueError("no 64-bit little-endian ELF file")
    (offset,) = struct.unpack_from("<Q", data, 0x28)
    size, count, names = struct.unpack_from("<HHH", data, 0x3A)
    heads = [struct.unpack_from("<IIQQQQ", data, offset + size * i) for i in range(count)]
    start = heads[names][4]
    for name, _, flags, _, _, length in heads:
        end = data.index(b"\0", start + name)
        yield data[start + name : end].decode(), flags, length


def resident(path):
    """Bytes."""
    return sum(
        size
        for name, flags, size in sections(path.read_bytes())
        if flags & SHF_ALLOC and not name.startswith(GONE)
    )
