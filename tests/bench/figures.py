# SPDX-License-Identifier: GPL-2.0
"""From what guests measured to figures: instructions of a call, and what CPUs get done.

What was measured is {(pools, what): [{figure: number}, ...]}, as bench.py reads it from
the lines of guest.sh. No figure is judged here (goals.py), only that there is one, and
that counting again gives the same.
"""

import statistics

from goals import Figures

# Between counting twice. The clock of QEMU's arm64 machine has steps of 16, and what was the most
# that was ever out, the worker of the pools in Rust forgets at its own times: a block beyond that
# costs up to ten instructions more.
MAX_SPREAD = 12
# Of this many pages in a pool of 4 MiB
PAGES = 1024
CHUNKS = (1, 2, 4, 8, 16, 32)


class Missing(Exception):
    """Something that there should be a figure for has none."""


def alloc(figures):
    return figures["alloc"] - figures["memset"]


def free(figures):
    return figures["free"]


def check(figures):
    return figures["check"]


# name, what was measured, and how a figure of it comes from those measured
CALLS = (
    ("alloc 4 KiB, empty pool", "calls_kernel_4096_1", alloc),
    ("alloc 4 KiB, 1000 of 1024 taken", "calls_kernel_4096_1000", alloc),
    ("alloc 4 KiB, empty pool, checked", "calls_kernel_4096_1_checked", alloc),
    ("alloc 4 KiB, 1000 of 1024 taken, checked", "calls_kernel_4096_1000_checked", alloc),
    ("alloc 64 KiB", "calls_kernel_65536_1", alloc),
    ("alloc 4 KiB, 1500 out", "calls_kernel_4096_1500", alloc),
    ("free 4 KiB, kernel", "calls_kernel_4096_1", free),
    ("free 4 KiB, dma32", "calls_dma32_4096_1", free),
    ("free 4 KiB, dma", "calls_dma_4096_1", free),
    ("free, not from a pool", "foreign", free),
    ("free, there is no pool", "nothing_foreign", free),
)
# Pools that are built in grow but once.
ONCE = "calls_kernel_4096_1500"
TWO_CPUS = "pairs on two CPUs"
HOOK = "hook in front of C, alloc 4 KiB"
RAMP = "ramp_kernel_160"


def count(found, pools, what, figure, least=1):
    """Instructions of one call."""
    rounds = [figure(figures) / figures["calls"] for figures in found.get((pools, what), ())]
    if len(rounds) < least:
        raise Missing(f"{pools}: {what} was measured {len(rounds)} times, not {least}")
    if max(rounds) - min(rounds) > MAX_SPREAD:
        raise Missing(f"{pools}: counting {what} again gives another figure: {rounds}")
    return round(max(rounds))


def calls(found, forms):
    """{operation: Figures} of all calls."""
    measured = {}
    for name, what, figure in CALLS:
        measured[name] = figures = Figures("instructions")
        for pools in ("c", *forms):
            figures.of[pools] = count(found, pools, what, figure, 1 if what == ONCE else 2)
            if what.endswith("_checked"):
                figures.check[pools] = count(found, pools, what, check)
    if ("stock", "hook") in found:
        cost = count(found, "c", "hook", alloc, 2) - count(found, "stock", "hook", alloc, 2)
        measured[HOOK] = Figures("instructions", {"module": cost})
    return measured


def middle(found, pools, cpus, figure):
    """The median of what so many CPUs got done."""
    slices = [figure(one) for one in found.get((pools, f"pairs_{cpus}_20"), ())]
    if len(slices) < 20:
        raise Missing(f"{pools}: what {cpus} CPUs get done was measured {len(slices)} times")
    return statistics.median(slices)


def throughput(found, forms):
    """Beside C, and two CPUs beside one.

    Each count is taken as a multiple of the yardstick's beside it, which is the same
    code in all guests: they run at different times, and so may other work.
    """

    def beside_yardstick(one):
        return one["pairs"] / max(1, one["yardstick"])

    def pairs(one):
        return one["pairs"]

    two = {pools: middle(found, pools, 2, beside_yardstick) for pools in ("c", *forms)}
    gain = {
        pools: middle(found, pools, 2, pairs) / middle(found, pools, 1, pairs)
        for pools in ("c", *forms)
    }
    return {
        TWO_CPUS: Figures(
            "times C", {pools: round(done / two["c"], 2) for pools, done in two.items()}
        ),
        "pairs, gain by a second CPU": Figures(
            "times one CPU", {pools: round(more, 2) for pools, more in gain.items()}
        ),
    }


def longest(found, forms):
    """The longest calls of a pool that grows, beside C's.

    They do not repeat to the digit: what waking somebody takes depends on who runs.
    """
    of = {}
    for pools in ("c", *forms):
        if (pools, RAMP) not in found:
            raise Missing(f"{pools}: the longest calls were not measured")
        (of[pools],) = found[pools, RAMP]
    return {
        f"{call} 4 KiB, longest": Figures(
            "times C",
            {pools: round(one[call] / of["c"][call], 2) for pools, one in of.items()},
        )
        for call in ("alloc", "free")
    }


def load(found, forms):
    """What an allocation costs against blocks out, and against chunks: the second chart."""
    taken = [1, *(PAGES * i // 8 for i in range(1, 8)), PAGES - 16]

    def curve(pools, pattern, numbers):
        points = []
        for out in numbers:
            what = pattern.format(out)
            if (pools, what) in found:
                points.append([out, count(found, pools, what, alloc)])
        if not points:
            raise Missing(f"{pools}: there is no figure of {pattern}")
        return points

    return {
        name: {pools: curve(pools, pattern, numbers) for pools in ("c", *forms)}
        for name, pattern, numbers in (
            ("blocks", "calls_kernel_4096_{}", taken),
            ("chunks", "chunks_kernel_{}", CHUNKS),
        )
    }
