# SPDX-License-Identifier: GPL-2.0
"""The rows of crashes.table, and whether what came of one is as it should be.

Reads and judges; nothing is run here.
"""

from dataclasses import dataclass

from lib import table as tables

# A warning or a shortage of memory is fatal, as it may be on a machine whose
# crash kernel inherits this. The bare panic_on_oom=1 is what people write, but
# the kernel takes it for a variable of init: only the sysctl has an effect.
PANIC = "panic_on_warn=1 panic_on_oom=1 sysctl.vm.panic_on_oom=1"

MARKED_PAGES = "256"  # by first-init
WARNING = 4


@dataclass(frozen=True)
class Row:
    """One line of the table; the fields are explained in it."""

    test: str
    kernel: str
    memory: str
    crashkernel: str
    cmdline: str
    arguments: str | None
    pools: tuple
    refused: bool
    warnings: int
    log: tuple

    def name(self):
        words = [self.kernel, self.memory, self.crashkernel, self.cmdline]
        if self.arguments is not None:
            words.append(f"insmod {self.arguments}".strip())
        return " ".join(word for word in words if word).replace("#", "")


def parse(text):
    """The rows; raises ValueError with the line's number for one that is none."""
    rows = []
    for number, fields in tables.rows(text, 9):
        line = " | ".join(fields)
        try:
            test, kernel, memory, crashkernel, cmdline, arguments, pools, warnings, log = fields
            sizes, _, refused = pools.partition(" ")
            row = Row(
                test,
                kernel,
                memory,
                f"crashkernel={crashkernel}",
                cmdline,
                None if arguments == "-" else arguments,
                tuple(int(size) for size in sizes.split(",")),
                refused == "refused",
                int(warnings),
                tuple(part.strip() for part in log.split(";") if part.strip()),
            )
        except ValueError:
            raise ValueError(f"line {number} has not the form that is described above it: {line}")
        if (
            test not in ("dump", "read", "count")
            or len(row.pools) != 3
            or refused not in ("", "refused")
        ):
            raise ValueError(f"line {number} has a word that is not described: {line}")
        rows.append(row)
    return rows


def size(text):
    """512M or 6G in bytes."""
    return int(text[:-1]) << {"M": 20, "G": 30}[text[-1]]


def dump_complaints(result, memory):
    """What is wrong with the dump, whatever else was to be expected."""
    if result.ended:
        yield result.ended
    if result.crash["vmcore"] != "ok":
        yield f"the dump is not good: {result.crash['vmcore'] or 'nobody looked at it'}"
        return
    if result.vmcore["marks"] != MARKED_PAGES:
        yield f"{result.vmcore['marks']} marked pages were found, not {MARKED_PAGES}"
    # All but what firmware and the crash kernel have.
    least = (size(memory) - int(result.first["reserved"])) * 9 // 10
    if int(result.vmcore["memory"]) < least:
        yield f"the dump has {result.vmcore['memory']} bytes of memory, expected at least {least}"


def complaints(row, result):
    """Sentences on what is not as the row has it; none if all is well."""
    found = list(dump_complaints(result, row.memory))
    found += [f"the first kernel complained: {text}" for text in result.first_splats()]
    if not result.crash["release"]:
        return found  # nothing can be said about a kernel that was not there
    if result.pools() != row.pools:
        found.append(f"the pools have {result.pools()} KiB, expected {row.pools}")
    for name in ("panic_on_warn", "panic_on_oom"):
        if result.crash[name] != "1":
            found.append(f"{name} is not in force")
    expected = {True: "Invalid", False: "loaded"}[row.refused] if row.arguments is not None else ""
    if expected not in result.crash["insmod"]:
        found.append(f"insmod: {result.crash['insmod'] or 'did not run'}, expected {expected}")
    found += [f"the crash kernel complained: {text}" for text in result.splats()]
    # A set: busybox's insmod tries a second time in another way when it fails.
    warnings = {text for level, text in result.dma_log() if level <= WARNING}
    if len(warnings) != row.warnings:
        found.append(f"{len(warnings)} warnings, expected {row.warnings}: {sorted(warnings)}")
    messages = [text for _, text in result.dma_log()]
    for text in row.log:
        if not any(text in message for message in messages):
            found.append(f"no message about the pools has '{text}', they are: {messages}")
    if row.test == "read" and result.vmcore["read"] != result.vmcore["size"]:
        found.append("the dump was not read to its end")
    if row.test == "count" and result.instructions is None:
        found.append("the initcall was not seen, so its instructions were not counted")
    return found
