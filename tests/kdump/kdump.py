#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0
"""Crashes kernels into their crash kernel and looks at what is left.

    kdump.py [--out DIR] one NAME=KDIR[,MODULE] [--memory ...]  one, for a person
    kdump.py [--out DIR] table NAME=KDIR[,MODULE]...            crashes.table, KTAP

KDIR is a built kernel, MODULE the rust-dma-pool.ko built for it. Everything a
run leaves is below DIR. Kernels, module and PYTHONPATH come from scripts/kdump.
"""

import argparse
import importlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import crash
import initcall
import report
import table
from lib import gdb

HERE = Path(__file__).resolve().parent
# A run takes 15 seconds of one CPU. A machine with other work may need many times
# that; a kernel that hangs takes all of it.
LIMIT = 300
# The console would be counted too, and so would waiting for a grace period.
COUNT = "quiet rcupdate.rcu_expedited=1"


def prepare(out, argument):
    """The name of a kernel and a function that makes the Setup of a crash."""
    name, _, paths = argument.partition("=")
    kdir, _, module = paths.partition(",")
    directory = out / name
    directory.mkdir(parents=True, exist_ok=True)
    # A kernel can be built anew while its guests run.
    image = directory / "bzImage"
    shutil.copyfile(Path(kdir, "arch/x86/boot/bzImage"), image)
    shutil.copyfile(Path(kdir, "System.map"), directory / "System.map")
    subprocess.run([HERE / "images", directory, image, *([module] if module else [])], check=True)
    return name, partial(crash.Setup, image, directory)


def crash_counted(setup, directory, limit):
    """A crash in which the instructions of the pools' initcall are counted."""
    names = initcall.symbols(setup.images / "System.map")
    instructions = None

    # The path of a socket must be short.
    with tempfile.TemporaryDirectory(prefix="kdump-") as short:

        def attend(guest):
            nonlocal instructions
            stub = gdb.Stub(Path(short, "gdb"), guest, limit)
            instructions = initcall.count(stub, names, setup.arguments is not None)
            stub.detach()

        extra = (*initcall.OPTIONS, *gdb.gdb_option(Path(short, "gdb")))
        result = crash.run(setup, directory, limit, extra, attend)
    result.instructions = instructions
    return result


def crash_row(number, row, setups, out, limit, both):
    """One row of the table; both are parameters of the first kernel and of the crash kernel."""
    directory = out / "crashes" / f"{number:02}"
    setup = setups[row.kernel](
        row.memory,
        row.crashkernel,
        f"{row.cmdline} {table.PANIC}".strip(),
        row.arguments,
        row.test == "read",
    )
    setup.first = both
    setup.cmdline = f"{setup.cmdline} {both}".strip()
    if row.test == "count":
        setup.cmdline = f"{setup.cmdline} {COUNT}"
        return crash_counted(setup, directory, 2 * limit)
    return crash.run(setup, directory, limit)


def emitter(options):
    """The kernel's own module that prints KTAP."""
    for argument in options.kernels:
        kdir = Path(argument.partition("=")[2].partition(",")[0])
        for source in (kdir / "source", kdir):
            sys.path.append(str(source / "tools/testing/selftests/kselftest"))
    return importlib.import_module("ksft")


def run_table(options, setups):
    """Prints KTAP, and the comparison as diagnostics. Returns the exit status."""
    ksft = emitter(options)
    rows = table.parse(options.table.read_text())
    rows = [row for row in rows if re.search(options.filter, row.name())]
    compared = []
    sys.stdout.reconfigure(line_buffering=True)
    ksft.print_header()
    ksft.set_plan(len(rows))
    with ThreadPoolExecutor(options.jobs) as executor:
        runs = [
            executor.submit(
                crash_row, number, row, setups, options.out, options.limit, options.both
            )
            if row.kernel in setups
            else None
            for number, row in enumerate(rows, 1)
        ]
        for row, run in zip(rows, runs, strict=True):
            if run is None:
                ksft.print_msg(f"there is no {row.kernel} kernel")
                ksft.test_result_skip(row.name())
                continue
            result = run.result()
            complaints = table.complaints(row, result)
            for text in complaints:
                ksft.print_msg(text)
            if complaints:
                ksft.print_msg(f"the log is {result.console}")
            ksft.test_result(not complaints, row.name())
            if row.test == "count":
                compared.append((row, result))
    if compared:
        lines = ["In the crash kernel:", *report.comparison(compared)]
        for line in lines:
            ksft.print_msg(line)
        (options.out / "comparison.txt").write_text("\n".join(lines[1:]) + "\n")
    return ksft.KSFT_FAIL if ksft.ksft_cnt["fail"] or not rows else ksft.KSFT_PASS


def run_one(options, setups):
    """One crash and its report. Returns the exit status."""
    ((_, setup),) = setups.items()
    result = crash.run(
        setup(options.memory, options.crashkernel, options.cmdline, options.arguments, True),
        options.out,
        options.limit,
    )
    complaints = list(table.dump_complaints(result, options.memory))
    print(report.person(result, complaints, sys.stdout.isatty()))
    print(f"\nBoth kernels' logs are in {os.path.relpath(result.console)} ({result.seconds:.0f} s)")
    return 1 if complaints else 0


def main():
    """Parses the arguments."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("mode", choices=("one", "table"))
    parser.add_argument("kernels", nargs="+", metavar="NAME=KDIR[,MODULE]")
    parser.add_argument("--out", type=Path, default=HERE.parents[1] / "build/kdump")
    parser.add_argument("--limit", type=int, default=LIMIT, help="seconds for one crash")
    parser.add_argument("--table", type=Path, default=HERE / "crashes.table")
    parser.add_argument(
        "--filter", default="", help="only rows whose name has this regular expression"
    )
    parser.add_argument("--jobs", type=int, default=min(4, os.cpu_count() or 1))
    parser.add_argument("--memory", default="1G")
    parser.add_argument("--crashkernel", default="crashkernel=192M")
    parser.add_argument("--cmdline", default="", help="for the crash kernel")
    parser.add_argument("--both", default="", help="for the kernel that crashes as well")
    parser.add_argument("--arguments", help="of the module; without, it is not loaded")
    options = parser.parse_args()
    if options.mode == "one" and len(options.kernels) != 1:
        parser.error("one crash has one kernel")
    options.out.mkdir(parents=True, exist_ok=True)
    try:
        setups = dict(prepare(options.out, argument) for argument in options.kernels)
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"kdump.py: kernel or images are not to be had: {error}")
    return {"one": run_one, "table": run_table}[options.mode](options, setups)


if __name__ == "__main__":
    sys.exit(main())
