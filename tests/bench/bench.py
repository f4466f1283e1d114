# SPDX-License-Identifier: GPL-2.0
"""bench.py [OPTION...]: the pools in Rust beside those in C.

Boots the guests, has guest.sh measure in them, writes results.json and two charts,
and judges each figure by goals.table and baseline.json; the exit status says whether
all are as they have to be. How a figure comes about is in measure.c and pairs.c of
the test module. scripts/bench builds what the options name, and calls this.
"""

import argparse
import importlib
import json
import re
import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import charts
import figures
import goals
import report
import sizes
import stepping

HERE = Path(__file__).resolve().parent
TOP = HERE.parents[1]
# Pools of 4 MiB are all that fit into a block of the page allocator. CMA would
# put all of them into one zone.
PARAMETERS = "cma=0 coherent_pool="
COUNTING = ["--icount", "--timeout", "900"]
# Pools of a kernel are made at boot, so each of these takes one.
BUILTIN_CHUNKS = (4, 16, 32)


class Guests:
    """What the guests of a run measured, all of it in one place."""

    def __init__(self, options):
        self.options = options
        self.found = defaultdict(list)
        self.kernels = {
            "module": (options.kdir, options.module),
            "builtin": (options.builtin_kdir, "builtin"),
        }

    def vm(self, name, what, kdir, module, pool="4M", extra=COUNTING):
        """The command that boots a guest in which guest.sh runs."""
        options = self.options
        selftests = Path(kdir) / "source/tools/testing/selftests"
        tests = options.builtin_tests if module == "builtin" else options.tests
        hook = options.stock_hook if kdir == options.stock_kdir else options.hook
        variables = [f"DMA_POOL_MODULE={module}", f"DMA_POOL_TESTS={tests}", f"KSFT={selftests}"]
        if hook:
            variables.append(f"DMA_POOL_HOOK={hook}")
        command = " ".join(["env", *variables, str(HERE / "guest.sh"), what])
        vm = [TOP / "scripts/vm", "--log", self.log(name), "--append", PARAMETERS + pool]
        return [*vm, *extra, kdir, command]

    def log(self, name):
        return self.options.consoles / f"console-{name}.log"

    def boot(self, *guest, prefix="", **options):
        """One guest, and the lines of guest.sh; a prefix tells like from like."""
        done = subprocess.run(
            self.vm(*guest, **options),
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        output = done.stdout.decode(errors="replace")
        if done.returncode:
            raise figures.Missing(
                f"the guest '{guest[0]}' ended with status {done.returncode}:"
                f" {output.strip()[-300:]}"
            )
        for pools, measured, numbers in re.findall(
            r"^bench: (\S+) (\S+) (.*)$", output, re.MULTILINE
        ):
            words = (word.split("=") for word in numbers.split())
            pools = self.options.form if pools == "builtin" else pools
            self.found[pools, prefix + measured].append({key: int(n) for key, n in words})

    def profiles(self):
        """{form: {alloc or free: Call}}; stepping is for x86_64 alone."""
        options = self.options

        def one(name, kdir, module):
            def vm(more):
                return self.vm(name, "profile", kdir, module, extra=[*COUNTING, *more])

            return stepping.profile(vm, self.log(name))

        return {
            "module": one("module-profile", options.kdir, options.module),
            options.form: one("builtin-profile", options.builtin_kdir, "builtin"),
        }

    def measure(self):
        """All of them, one after the other."""
        options = self.options
        module, builtin = self.kernels.values()
        self.boot("module", "calls", *module)
        self.boot("builtin", "calls", *builtin)
        for name, of in self.kernels.items():
            self.boot(f"{name}-nothing", "nothing", *of, pool="0", prefix="nothing_")
            self.boot(f"{name}-longest", "longest", *of, pool="256K")
        self.pairs("pairs")
        for count in BUILTIN_CHUNKS:
            pool = f"kernel:{4 * count}M"
            self.boot(f"builtin-chunks-{count}", f"chunks {count}", *builtin, pool=pool)
        if options.stock_kdir:
            self.boot("stock", "hook", options.stock_kdir, "none")
        return self.found

    def pairs(self, log):
        """What CPUs get done, by the clock; beside what is there already."""
        for name, of in self.kernels.items():
            self.boot(f"{name}-{log}", "pairs", *of, extra=[])


def measure(guests, forms, arch):
    """{operation: Figures}, the curves of the second chart, and profiles."""
    options = guests.options
    found = guests.measure()
    measured = figures.calls(found, forms)
    measured.update(figures.longest(found, forms))
    measured.update(figures.throughput(found, forms))
    c = sizes.resident(options.kdir / "kernel/dma/pool.o")
    rust = sizes.resident(options.object)
    of = {"c": c, options.form: rust}
    measured["resident text, rodata, data"] = goals.Figures("bytes", of)
    profiles = guests.profiles() if arch == "x86_64" else {}
    for call in ("alloc", "free") if profiles else ():
        of = {form: profiles[form][call].locked for form in forms}
        measured[f"locked instructions, {call} 4 KiB"] = goals.Figures("locked", of)
    return measured, figures.load(found, forms), profiles


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--form", choices=("builtin", "called"), default="builtin")
    parser.add_argument("--ktap", action="store_true", help="print results, not for people")
    parser.add_argument("--update-baseline", action="store_true")
    for name in ("out", "consoles", "kdir", "builtin-kdir", "object"):
        parser.add_argument(f"--{name}", type=Path, required=True)
    for name in ("module", "tests", "builtin-tests"):
        parser.add_argument(f"--{name}", required=True)
    for name in ("hook", "stock-kdir", "stock-hook"):
        parser.add_argument(f"--{name}")
    return parser.parse_args()


def main():
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    config = (options.kdir / "include/config/auto.conf").read_text()
    kernel = (options.kdir / "include/config/kernel.release").read_text().strip()
    arch = "arm64" if "CONFIG_ARM64=y" in config else "x86_64"
    forms = ("module", options.form)
    wanted = goals.rows(goals.TABLE.read_text())
    baseline = goals.read_baseline()
    guests = Guests(options)
    try:
        measured, curves, profiles = measure(guests, forms, arch)
        # By the clock: what else ran may have been in the way. What was measured counts, too.
        if not goals.is_met(wanted, measured, figures.TWO_CPUS, arch, forms):
            guests.pairs("pairs-again")
            measured.update(figures.throughput(guests.found, forms))
    except figures.Missing as problem:
        print(f"Bail out! {problem}")
        sys.exit(1)
    if options.update_baseline:
        baseline = goals.updated(baseline, measured, arch, forms)
        goals.write_baseline(baseline)
    verdicts = goals.judge(wanted, measured, baseline, arch, forms)
    goals.excuse(verdicts, goals.known_misses(goals.MISSED.read_text()), arch)

    results = report.results(measured, verdicts)
    (options.out / "bench-calls.svg").write_text(charts.calls(results, forms, arch, kernel))
    (options.out / "bench-load.svg").write_text(charts.load(curves, arch, kernel))
    (options.out / "results.json").write_text(
        json.dumps({"kernel": kernel, "arch": arch, "results": results, "load": curves}, indent=1)
        + "\n"
    )
    lines = list(report.table(measured, verdicts, forms))
    lines += report.profiles(verdicts, profiles)
    if options.ktap:
        sys.path.append(str(options.kdir / "source/tools/testing/selftests/kselftest"))
        report.ktap(importlib.import_module("ksft"), lines, verdicts)
        (options.consoles / "table.txt").write_text("\n".join(lines) + "\n")
    else:
        print(f"{arch}, Linux {kernel}: instructions of one call;")
        print("those of alloc are beyond its memset\n")
        good = list(report.better(verdicts, baseline.get(arch, {})))
        report.person(lines, verdicts, good)
    sys.exit(any(verdict.reasons for verdict in verdicts))


if __name__ == "__main__":
    main()
