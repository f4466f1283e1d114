# SPDX-License-Identifier: GPL-2.0
"""Known faults, put in one at a time: does a test notice?

Each patch in tests/mutants is a fault. Its first lines are comments: what it breaks,
and one line that says who notices, or why nobody can:

    # Caught-by: host
    # Caught-by: host pools
    # Caught-by: kselftest VARIANT SCRIPT
    # Caught-by: panics VARIANT
    # Not-caught: REASON

": TEST" after all but the last names a test that has to fail. "# Fast: yes" marks
those that cost little time.

The rules: only a test that fails is a catch, or a guest or program that dies in it. A patch that
does not apply, or a tree that does not build, is an error, which counts as failed as
a fault that nobody noticed does. What a test says counts only if it passes without
any fault: in a guest the module as it is runs last, after those with faults. What is
patched is a copy of the tree in build/mutants. KTAP on stdout.
"""

import signal
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from . import mutants_cargo
from .ktap import Results
from .mutants_guest import CONTROL, Guests
from .mutants_patch import PATCHES, TREE, WORK, Mutant, Patched, Report, copy_tree, read
from .stages import POOLS
from .ways import TOP, Broken, call, cargo_results, stop

# The crates whose tests are on this machine
HOST = {"host": "tests/host", "host pools": POOLS}
# So many modules, one after the other, in one guest
IN_A_GUEST = 12
# They count each page, and what one fault leaks would spoil it for the next.
ONE_IN_A_GUEST = ("faults.sh", "conversions.sh")


def select(arguments: list[str]) -> list[Mutant]:
    """Those that were asked for, by name, number or where; an unknown name is an error."""
    mutants = [read(patch) for patch in sorted(PATCHES.glob("*.patch"))]
    names = [name for name in arguments if not name.startswith("-")]
    for name in arguments:
        if name not in ("--fast", mutants_cargo.NAME) and not any(
            is_called(mutant, name) for mutant in mutants
        ):
            sys.exit(f"there is no {name} in tests/mutants")
    if names:
        return [m for m in mutants if any(is_called(m, name) for name in names)]
    return [m for m in mutants if m.fast or "--fast" not in arguments]


def is_called(mutant: Mutant, name: str) -> bool:
    """By its name, by its number, or with all that the same kernel is for."""
    return name in (mutant.name, mutant.name.partition("-")[0], mutant.where)


def host(name: str, test: str = "", crate: str = "tests/host") -> Results:
    """The host tests of the copy; if one is named, that alone, and a crash is one of it."""
    argv = [str(TREE / "scripts/host"), crate, "cargo", "test", "--locked"]
    log = WORK / f"{name}-{Path(crate).name}.log"
    if call([*argv, "--no-run"], log, stderr=True):
        raise Broken(f"the host tests do not build, see {log.relative_to(TOP)}")
    status = call([*argv, *test.split()], log, stderr=True)
    results = cargo_results(log.read_text(errors="replace"))
    if status and not results.failed:
        results.failed.append(test or f"cargo ended with status {status}")
    return results


def panics(name: str, _test: str = "", *, variant: str) -> Results:
    """The search for panics in the module of the copy."""
    log = WORK / f"{name}-{variant}-panics.log"
    status = call([str(TREE / "scripts/lint"), "panics", variant], log, stderr=True)
    if "the pools can panic" in log.read_text(errors="replace"):
        return Results(failed=["the pools can panic"])
    if status:
        raise Broken(f"nothing could be searched for panics, see {log.relative_to(TOP)}")
    return Results(passed=["the pools cannot panic"])


def try_on_host(mutants: list[Mutant], report: Report, tests: Callable[..., Results]) -> None:
    """One after the other, with the tests that are on this machine."""
    try:
        control = tests(CONTROL)
    except Broken as broken:
        control = Results(failed=[str(broken)])
    for mutant in mutants:
        try:
            with Patched(mutant):
                report.verdict(mutant, control, tests(mutant.name, mutant.test))
        except Broken as broken:
            report.error(mutant, str(broken))


def run(mutants: list[Mutant], report: Report) -> None:
    """Those on this machine first, then one kind of guest after the other."""
    guests: dict[tuple[str, str], list[Mutant]] = {}
    searched: dict[str, list[Mutant]] = {}
    on_host: dict[str, list[Mutant]] = {}
    for mutant in mutants:
        if mutant.not_caught:
            report.skip(mutant)
        elif guest := mutant.guest():
            guests.setdefault(guest, []).append(mutant)
        elif mutant.caught_by in HOST:
            on_host.setdefault(HOST[mutant.caught_by], []).append(mutant)
        elif mutant.caught_by.startswith("panics "):
            searched.setdefault(mutant.caught_by.split()[1], []).append(mutant)
        else:
            report.error(mutant, "its first lines do not say who catches it")
    for crate, group in on_host.items():
        try_on_host(group, report, partial(host, crate=crate))
    for variant, group in searched.items():
        try_on_host(group, report, partial(panics, variant=variant))
    for (variant, script), group in guests.items():
        of_kind = Guests(variant, script, report)
        ready = of_kind.prepare(group)
        size = 1 if script in ONE_IN_A_GUEST else IN_A_GUEST
        for first in range(0, len(ready), size):
            of_kind.run(ready[first : first + size])


def main() -> int:
    """Runs what was asked for."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    mutants = select(sys.argv[1:])
    # A patch may have been left half applied by a run that was killed.
    copy_tree()
    report = Report()
    # Alone by its name, and otherwise when all is run.
    cargo = not sys.argv[1:] or mutants_cargo.NAME in sys.argv[1:]
    print(f"KTAP version 1\n1..{len(mutants) + cargo}", flush=True)
    try:
        run(mutants, report)
        if cargo:
            mutants_cargo.try_all(report)
    except KeyboardInterrupt:
        stop()
        print("Bail out! interrupted")
        return 1
    results = report.results
    print(
        f"{len(results.passed)} passed, {len(results.failed)} failed, {len(results.skipped)} skipped"
    )
    return 1 if results.failed or not results.total() else 0


if __name__ == "__main__":
    sys.exit(main())
