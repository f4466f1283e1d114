# SPDX-License-Identifier: GPL-2.0
"""bench.py --out DIRECTORY --consoles DIRECTORY KDIR MODULE TESTS BUILTIN_KDIR BUILTIN_TESTS

The pools in Rust beside those in C: boots the guests, has guest.sh measure in
them, and writes results.json, chart.svg and a table. How a figure comes about is
in measure.c of the test module; no figure is judged here, only that there is
one for everything, and that counting again gives the same.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pygal

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
POOLS = ("c", "module", "builtin")
TITLES = {"c": "C", "module": "module", "builtin": "built in"}
# Pools of 4 MiB are all that fit into a block of the page allocator. CMA would
# put all of them into one zone.
PARAMETERS = "coherent_pool=4M cma=0"
COUNTING = ["--icount", "--timeout", "900"]
# Between counting twice; the clock of QEMU's arm64 machine has steps of 16.
MAX_SPREAD = 2


class Missing(Exception):
    """Something that there should be a figure for has none."""


def boot(log, kdir, module, tests, what, options):
    """{(pools, what): [{figure: number}, ...]} as guest.sh prints them."""
    selftests = Path(kdir) / "source/tools/testing/selftests"
    variables = [f"DMA_POOL_MODULE={module}", f"DMA_POOL_TESTS={tests}", f"KSFT={selftests}"]
    command = " ".join(["env", *variables, str(HERE / "guest.sh"), what])
    vm = [TOP / "scripts/vm", "--log", log, "--append", PARAMETERS, *options, kdir, command]
    done = subprocess.run(vm, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
    output = done.stdout.decode(errors="replace")
    if done.returncode:
        raise Missing(f"the guest ended with status {done.returncode}: {output.strip()[-300:]}")
    found = defaultdict(list)
    for pools, measured, figures in re.findall(r"^bench: (\S+) (\S+) (.*)$", output, re.MULTILINE):
        words = (word.split("=") for word in figures.split())
        found[pools, measured].append({key: int(value) for key, value in words})
    return found


def operations(page):
    """(name, what was measured, how a figure of it comes from those measured)."""

    def alloc(figures):
        return figures["alloc"] - figures["memset"]

    def free(figures):
        return figures["free"]

    size = f"{page >> 10} KiB"
    taken = (4 << 20) // page - 24
    yield f"alloc {size}", f"calls_kernel_{page}_1", alloc
    yield f"alloc {size}, {taken} taken", f"calls_kernel_{page}_{taken}", alloc
    yield "alloc 64 KiB", "calls_kernel_65536_1", alloc
    yield f"free {size}, kernel", f"calls_kernel_{page}_1", free
    yield f"free {size}, dma32", f"calls_dma32_{page}_1", free
    yield f"free {size}, dma", f"calls_dma_{page}_1", free
    yield "free, not from a pool", "foreign", free


def count(found, pools, what, figure):
    """Instructions of one call."""
    rounds = [figure(figures) / figures["calls"] for figures in found[pools, what]]
    if len(rounds) < 2:
        raise Missing(f"{TITLES[pools]}: {what} was measured {len(rounds)} times, not twice")
    if max(rounds) - min(rounds) > MAX_SPREAD:
        raise Missing(f"{TITLES[pools]}: counting {what} again gives another figure: {rounds}")
    return round(min(rounds))


def rows(page, found):
    """One for each operation."""
    for name, what, figure in operations(page):
        counts = {pools: count(found, pools, what, figure) for pools in POOLS}
        yield {"operation": name, "unit": "instructions", **counts}


def throughput(found):
    """What two CPUs get done, beside C: the ratio of each round, and their median."""
    c, module = (found[pools, "pairs_1000"] for pools in ("c", "module"))
    ratios = [rust["pairs"] / mine["pairs"] for mine, rust in zip(c, module, strict=True)]
    if not ratios:
        raise Missing("two CPUs: nothing was measured")
    return {
        "operation": "alloc and free, two CPUs",
        "unit": "times C",
        "c": 1,
        "module": round(statistics.median(ratios), 2),
        "rounds": [round(ratio, 2) for ratio in ratios],
    }


def table(results):
    """For people."""
    yield f"{'':26} {'C':>7} {'module':>9} {'built in':>9} {'module : C':>11}"
    for row in results:
        cells = [f"{row.get(pools, ''):>{width}}" for pools, width in zip(POOLS, (7, 9, 9))]
        yield f"{row['operation']:26} {' '.join(cells)} {row['module'] / row['c']:>11.2f}"


def chart(results, machine):
    """Grouped bars of the counts."""
    counted = [row for row in results if row["unit"] == "instructions"]
    bars = pygal.HorizontalBar(
        title=f"Instructions of one call, {machine['arch']}, Linux {machine['kernel']}",
        print_values=True,
        legend_at_bottom=True,
        js=[],
    )
    # The first is drawn at the bottom.
    counted.reverse()
    bars.x_labels = [row["operation"] for row in counted]
    for pools in POOLS:
        bars.add(TITLES[pools], [row[pools] for row in counted])
    return bars.render()


def measure(arguments):
    """All guests, one after the other."""
    logs = [arguments.consoles / f"console-{name}.log" for name in ("module", "builtin", "pairs")]
    module = (arguments.kdir, arguments.module, arguments.tests)
    builtin = (arguments.builtin_kdir, "builtin", arguments.builtin_tests)
    found = boot(logs[0], *module, "calls", COUNTING)
    found.update(boot(logs[1], *builtin, "calls", COUNTING))
    found.update(boot(logs[2], *module, "pairs", []))
    sizes = {int(what.split("_")[2]) for _, what in found if what.startswith("calls_dma_")}
    if len(sizes) != 1:
        raise Missing("no block of a page was measured")
    return [*rows(sizes.pop(), found), throughput(found)]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--consoles", type=Path, required=True)
    for name in ("kdir", "module", "tests", "builtin_kdir", "builtin_tests"):
        parser.add_argument(name)
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    config = (Path(arguments.kdir) / "include/config/auto.conf").read_text()
    machine = {
        "kernel": (Path(arguments.kdir) / "include/config/kernel.release").read_text().strip(),
        "arch": "arm64" if "CONFIG_ARM64=y" in config else "x86_64",
    }
    try:
        results = measure(arguments)
    except Missing as problem:
        sys.exit(f"bench: {problem}")
    (arguments.out / "chart.svg").write_bytes(chart(results, machine))
    (arguments.out / "results.json").write_text(
        json.dumps({**machine, "results": results}, indent="\t") + "\n"
    )
    print(f"{machine['arch']}, Linux {machine['kernel']}: instructions of one call;")
    print("those of alloc are beyond its memset\n")
    print("\n".join(table(results)))


if __name__ == "__main__":
    main()
