# SPDX-License-Identifier: GPL-2.0
"""python -m suite [--quick | --soak] [STAGE...]: runs stages, one line for each.

The last line is "N passed, N failed, N skipped" and the exit status agrees. Before it,
the stages that failed are named once more: of a long run, often the end alone is read.
A stage without any result has failed: silence must not look like success.

Two stages run at a time (JOBS= says how many): a guest without KVM keeps little
more than one CPU busy. Kernels are built meanwhile, one after the other in the
order of the table, and a stage starts as soon as its own are there.

--soak runs what is long, all of it once. With HOURS= it begins nothing more when they have
passed, and begins again at the first while they have not; the next one goes on from there.
--update-manifest rewrites the lists of what the STAGEs run from this run; what it
writes is for a person to look at.
"""

import fcntl
import math
import os
import re
import shutil
import signal
import sys
import time
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import TextIO

from . import manifest
from .ktap import Results
from .stages import STAGES, Stage
from .ways import RESULT_LINE, TOP, VERBOSE, Broken, kernel, number, search_consoles, stop

SHOWN_FAILURES = 20
SUMMARY_WIDTH = 240
KSELFTEST = "selftests: rust_dma_pool: "
UPDATE = "--update-manifest"
HOURS = number("HOURS", 0.0)
# The stage that a run of --soak did not come to
NEXT = TOP / "build/soak.next"
JOBS = max(1, number("JOBS", 2))
# A result of KTAP, which comes after the test's reasons.
FAILED = re.compile(r"[# ]*not ok \d")


def run(stage: Stage) -> tuple[Results, float]:
    """Runs one stage and says how many seconds it took; never raises."""
    begin = time.monotonic()
    directory = stage.directory()
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    results = Results()
    try:
        results.add(stage.run(directory))
        if not results.total():
            raise Broken("no test reported a result")
    except Broken as problem:
        results.failed.append(str(problem))
    except Exception as problem:  # noqa: BLE001 - a broken stage is a failed one
        results.failed.append(f"{type(problem).__name__}: {problem}")
    results.add(search_consoles(directory))
    if UPDATE in sys.argv:
        print(f"tests/manifest/{directory.name}: {manifest.update(directory.name, results)}")
    else:
        results.failed += manifest.judge(directory.name, results)
    return results, time.monotonic() - begin


def show(stage: Stage, results: Results, seconds: float) -> None:
    """One line, and below it what failed and where to read more."""
    mark = "FAIL" if results.failed else "ok"
    counts = f"{len(results.passed)} passed"
    kinds = {"failed": "failed", "skipped": "skipped", "xfailed": "known to fail"}
    for kind, words in kinds.items():
        if names := getattr(results, kind):
            counts += f", {len(names)} {words}"
    print(f"{mark:5} {stage.name:18} {counts} ({seconds:.0f} s)")
    for name in results.failed[:SHOWN_FAILURES]:
        print(f"        {name}")
    if len(results.failed) > SHOWN_FAILURES:
        print(f"        and {len(results.failed) - SHOWN_FAILURES} more")
    table = stage.directory() / "table.txt"
    if table.is_file():
        print("".join(f"        {line}" for line in table.open()), end="")
    if results.failed:
        print(f"        see {stage.directory().relative_to(TOP)}/")
        excerpt(stage)
    sys.stdout.flush()


def excerpt(stage: Stage) -> None:
    """Why tests failed, as they said it, and the end of what had no result; else the end of all."""
    lines = []
    shown = []
    for log in sorted(stage.directory().glob("output*.log")):
        lines = log.read_text(errors="replace").splitlines()
        failed = [number for number, line in enumerate(lines) if FAILED.match(line)]
        shown += [line for number in failed[:5] for line in lines[max(0, number - 4) : number + 1]]
        if not RESULT_LINE.search(log.read_bytes()):
            shown += lines[-10:]
    for line in shown or lines[-15:]:
        print(f"        | {line[:160]}")


def say_again(stage: Stage, results: Results) -> str:
    """What failed, in a line."""
    names = "; ".join(name.removeprefix(KSELFTEST) for name in results.failed)
    return f"FAIL  {stage.name}: {len(results.failed)} failed: {names}"[:SUMMARY_WIDTH]


def select(arguments: list[str]) -> list[Stage]:
    """The stages to run; an unknown name is an error that lists the known."""
    targets = {"--quick": "check", "--soak": "soak"}
    target = next((targets[argument] for argument in arguments if argument in targets), "test")
    names = [argument for argument in arguments if argument not in (*targets, UPDATE)]
    for name in names:
        if not any(name in (stage.name, stage.directory().name) for stage in STAGES):
            known = ", ".join(stage.directory().name for stage in STAGES)
            sys.exit(f"test: there is no stage '{name}'; there are: {known}")
    if UPDATE in arguments and not names:
        sys.exit(f"{UPDATE} needs the names of stages")
    if names:
        return [s for s in STAGES if s.name in names or s.directory().name in names]
    arch = os.environ.get("DMA_POOL_ARCH")
    chosen = [s for s in STAGES if target in s.targets.split() and arch in (None, "", s.arch)]
    if not chosen:
        sys.exit(f"test: ARCH={arch}: no stage of make {target} is for that machine")
    return chosen


def turn(
    stages: list[Stage], total: Results, failures: list[str], end: float = math.inf
) -> list[Stage]:
    """Builds what the stages need and runs each once; returns those that had not begun at the end.

    Adds to total, and to failures a line for each that failed.
    """
    jobs = 1 if VERBOSE else JOBS
    waiting = list(stages)
    runs = {}
    with ThreadPoolExecutor(1) as builder, ThreadPoolExecutor(jobs) as executor:
        variants = dict.fromkeys(name for stage in stages for name in stage.kernels.split())
        built = {name: builder.submit(kernel, name) for name in variants}
        try:
            while runs or (waiting and time.monotonic() < end):
                for stage in list(waiting):
                    ready = all(built[name].done() for name in stage.kernels.split())
                    if ready and len(runs) < jobs and time.monotonic() < end:
                        waiting.remove(stage)
                        runs[executor.submit(run, stage)] = stage
                building = [future for future in built.values() if not future.done()]
                left = end - time.monotonic()
                # When time is over, there is nothing to wait for but what runs.
                timeout = left if waiting and 0 < left < math.inf else None
                done, _ = wait([*runs, *building], timeout, FIRST_COMPLETED)
                for future in done & runs.keys():
                    results, seconds = future.result()
                    stage = runs.pop(future)
                    show(stage, results, seconds)
                    total.add(results)
                    if results.failed:
                        failures.append(say_again(stage, results))
        except KeyboardInterrupt:
            total.failed.append("interrupted")
        builder.shutdown(wait=False, cancel_futures=True)
        executor.shutdown(wait=False, cancel_futures=True)
        # What still runs was interrupted, or is a kernel that nothing waits for.
        stop()
    return waiting


def soak(stages: list[Stage], total: Results, failures: list[str]) -> None:
    """Turns of the stages for HOURS, from the one that the last run came to; else all once."""
    begin = NEXT.read_text().strip() if NEXT.exists() else ""
    place = next((n for n, stage in enumerate(stages) if stage.name == begin), 0)
    ordered = stages[place:] + stages[:place]
    if not HOURS:
        turn(ordered, total, failures)
        return
    end = time.monotonic() + 3600 * HOURS
    while time.monotonic() < end and "interrupted" not in total.failed:
        left = turn(ordered, total, failures, end)
        NEXT.write_text((left or ordered)[0].name)
        print(f"the next one begins with {NEXT.read_text()}")


def lock() -> TextIO:
    """Two runs in one tree would overwrite each other's results: there is one while this is open."""
    (TOP / "build").mkdir(exist_ok=True)
    held = (TOP / "build/test.lock").open("w")
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print(f"waiting for another run of the tests in {TOP}", file=sys.stderr)
        fcntl.flock(held, fcntl.LOCK_EX)
    return held


def main() -> int:
    """Runs what was asked for."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    total = Results()
    # Before the lock: a wrong name need not wait to be told so, and a stage tries one.
    stages = select(sys.argv[1:])
    with lock():
        return run_all(stages, total)


def run_all(stages: list[Stage], total: Results) -> int:
    """Runs the stages as often as was asked for, and sums up."""
    failures: list[str] = []
    if "--soak" in sys.argv:
        soak(stages, total, failures)
    else:
        turn(stages, total, failures)
    print("".join(f"{line}\n" for line in failures), end="")
    print(total.summary())
    return 1 if total.failed or not total.passed else 0


if __name__ == "__main__":
    sys.exit(main())
