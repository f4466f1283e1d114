# SPDX-License-Identifier: GPL-2.0
"""What a person is shown of a crash, and the kernels side by side.

Only words and columns; what is right or wrong is decided in table.py.
"""

import itertools

POOLS = ("kernel", "dma", "dma32")


def kib(text):
    return f"{int(text):>9,} KiB" if text.isdigit() else f"{'?':>9}"


def sections(result, complaints):
    """(title, lines) of the report on one crash."""
    # Without the registers of whoever wrote to sysrq-trigger.
    crash = itertools.takewhile(lambda line: "RIP:" not in line, result.crash_log())
    yield "The first kernel's last words", list(crash) or ["none"]
    if result.crash["cmdline"]:
        yield "The crash kernel's command line", [result.crash["cmdline"]]
    messages = [text for _, text in result.dma_log()] or ["no messages"]
    if result.crash["insmod"]:
        messages.append(f"insmod: {result.crash['insmod']}")
    yield "Its log about the DMA pools", messages
    if result.splats():
        yield "Its complaints", result.splats()

    table = [f"{'':8} {'first kernel':>13} {'crash kernel':>13}"]
    for name, first, second in zip(
        POOLS, result.pools("first"), result.pools("crash"), strict=True
    ):
        known = [f"{'?' if value is None else value:>9} KiB" for value in (first, second)]
        table.append(f"{name:8} {known[0]} {known[1]}")
    yield "The pools", table
    yield (
        "Memory",
        [
            f"{key:13} {kib(result.first[key])} {kib(result.crash[key])}"
            for key in ("MemTotal", "MemFree", "MemAvailable")
        ],
    )
    yield "The dump, /proc/vmcore", [*dump(result), *[f"BAD: {text}" for text in complaints]]


def dump(result):
    found = result.vmcore
    if found["size"]:
        yield f"{int(found['size']):,} bytes, readable as an ELF core of {found['cpus']} CPU"
    if found["release"]:
        yield f"VMCOREINFO and the kernel in it are those of Linux {found['release']}"
    if found["marks"]:
        yield f"the known bytes are in it: {found['marks']} pages, each at its physical address"
    if found["read"]:
        yield f"read from the first to the last byte: {int(found['read']):,}"


def person(result, complaints, bold):
    """The whole report as text."""
    out = []
    for title, lines in sections(result, complaints):
        out.append(f"\n\033[1m{title}\033[0m" if bold else f"\n{title}")
        out += [f"  {line}" for line in lines]
    return "\n".join(out)


def comparison(entries):
    """A table of (row, result); numbers that are not known are a question mark."""
    heads = ("pools", "command line", *POOLS, "MemFree", "splats", "init")
    units = ("", "", "KiB", "KiB", "KiB", "KiB", "", "instructions")
    kinds = {"stock": "stock C", "builtin": "Rust built in", "plain": "Rust module"}
    lines = [heads, units]
    for row, result in entries:
        kind = kinds.get(row.kernel, row.kernel)
        if row.kernel == "plain" and row.arguments is None:
            kind = "patched C"
        numbers = [*result.pools(), result.crash["MemFree"] or None]
        numbers += [len(result.splats()) if result.crash["ended"] else None, result.instructions]
        cmdline = row.cmdline or "(default)"
        lines.append((kind, cmdline, *("?" if value is None else f"{value}" for value in numbers)))
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return [
        "  ".join(
            cell.ljust(width) if i < 2 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    ]
