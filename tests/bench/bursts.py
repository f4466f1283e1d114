# SPDX-License-Identifier: GPL-2.0
"""bursts.py [OPTION...]: how pools in C and in Rust follow loads that come and go.

Boots a guest in which bursts.sh runs, judges what it prints, and writes a table,
bursts.csv, and a picture, bursts.svg. Never may more requests fail than of the pools in C,
never may a pool have more than its ceiling, and in the end it has to have what it had.
scripts/bursts builds what the options name, and calls this.
"""

import argparse
import csv
import importlib
import re
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import charts

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
PARAMETERS = "cma=0 coherent_pool=256K"
LOADS = {
    "burst": "3 MiB in steps",
    "swing": "between 128 KiB and 1 MiB",
    "leak": "a slow leak of 2 MiB",
    "fragments": "172,928 bytes, of a fragmented pool",
    "short": "3 MiB while memory is short",
    "zone": "3 MiB in steps, of a zone of 15 MiB",
}
NAMES = {"c": "C", "module": "Rust"}


@dataclass
class Sum:
    """What became of a load."""

    pool: str
    requests: int
    failed: int
    largest: int
    last: int
    growths: int
    smallest: int
    ceiling: int


def read(text):
    """{(pools, load): Sum} and {(pools, load): [(ms, size, used)]}"""
    sums, moments = {}, defaultdict(list)
    for pools, load, kind, rest in re.findall(
        r"^bursts: (\w+) (\w+) (at|sum) (.+)$", text, re.MULTILINE
    ):
        words = rest.split()
        if kind == "at":
            moments[pools, load].append(tuple(int(word) for word in words))
        else:
            sums[pools, load] = Sum(words[0], *(int(word) for word in words[1:]))
    return sums, moments


def judge(sums):
    """(name, reason or nothing) of each thing that has to be."""
    for load, title in LOADS.items():
        if ("c", load) not in sums or ("module", load) not in sums:
            yield f"{title}: was run", "there is no sum of it"
            continue
        c, ours = sums["c", load], sums["module", load]
        yield (
            f"{title}: as much was asked for",
            "" if c.requests == ours.requests else f"{c.requests} and {ours.requests} requests",
        )
        yield (
            f"{title}: no more failures than of C",
            "" if ours.failed <= c.failed else f"{ours.failed}, C {c.failed}",
        )
        yield (
            f"{title}: no more memory than the ceiling",
            "" if ours.largest <= ours.ceiling else f"{ours.largest} of {ours.ceiling} bytes",
        )
        yield (
            f"{title}: back to the size at creation",
            "" if ours.last == ours.smallest else f"{ours.last}, not {ours.smallest} bytes",
        )


def kib(size):
    return f"{size >> 10:,}"


def table(sums):
    """Rows of text; C and Rust in one cell."""
    yield ["Load", "Pool", "Requests", "Failed", "Most memory", "Afterwards", "Growths", "Ceiling"]
    for load, title in LOADS.items():
        c, ours = sums["c", load], sums["module", load]
        pairs = [
            f"{show(getattr(c, key))}; {show(getattr(ours, key))}"
            for key, show in (
                ("failed", str),
                ("largest", kib),
                ("last", kib),
                ("growths", str),
            )
        ]
        yield [title, c.pool, str(c.requests), *pairs, kib(ours.ceiling)]


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ktap", action="store_true", help="print results, not for people")
    for name in ("out", "consoles", "kdir"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("module", "tests"):
        parser.add_argument(f"--{name}", required=True)
    return parser.parse_args()


def boot(options):
    """What bursts.sh prints."""
    selftests = options.kdir / "source/tools/testing/selftests"
    command = (
        f"env DMA_POOL_MODULE={options.module} DMA_POOL_TESTS={options.tests} KSFT={selftests}"
        f" {HERE / 'bursts.sh'}"
    )
    vm = [TOP / "scripts/vm", "--log", options.consoles / "console-bursts.log"]
    vm += ["--timeout", "900", "--append", PARAMETERS, options.kdir, command]
    done = subprocess.run(vm, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    text = done.stdout.decode(errors="replace")
    (options.out / "bursts.log").write_text(text)
    if done.returncode:
        print(f"Bail out! the guest ended with status {done.returncode}: {text.strip()[-300:]}")
        sys.exit(1)
    return text


def main():
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    sums, moments = read(boot(options))
    verdicts = list(judge(sums))
    if all(len([load for of, load in sums if of == pools]) == len(LOADS) for pools in NAMES):
        rows = list(table(sums))
        with (options.out / "bursts.csv").open("w", newline="") as file:
            csv.writer(file, lineterminator="\n").writerows(rows)
        (options.out / "bursts.svg").write_text(charts.bursts(moments, LOADS, NAMES))
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            line = "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True))
            print(f"# {line}" if options.ktap else line)
    if options.ktap:
        sys.path.append(str(options.kdir / "source/tools/testing/selftests/kselftest"))
        ksft = importlib.import_module("ksft")
        ksft.print_header()
        ksft.set_plan(len(verdicts))
        for name, reason in verdicts:
            if reason:
                print(f"# {reason}")
            ksft.test_result(not reason, name)
        ksft.finished()
    for name, reason in verdicts:
        if reason:
            print(f"{name}: {reason}")
    sys.exit(any(reason for _, reason in verdicts))


if __name__ == "__main__":
    main()
